"""The steps of the gas along a batch of rays, each a loop over (node, lane) that a compiler can vectorise.

A batch is ``LANES`` rays that share their nodes along the line of sight. ``density`` is the electron density [cm^-3]
and ``pressure`` density times temperature [keV cm^-3], both (node, lane) float32; each step changes them in place.
Divisions follow numpy (no error for 0), because a branch that could raise would keep a loop from being vectorised.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

from zwicky.simulations.painter.anatomy import CAVITY_FILL, SHOCK_COMPRESSION
from zwicky.simulations.painter.painting.lookup import BITS, FINE_BITS, KEV_OCTAVES, Q2_OCTAVES

LANES: Final = 16

f4 = np.float32
_COMPRESSION: Final = f4(SHOCK_COMPRESSION)
_FILL: Final = f4(CAVITY_FILL)
_SHIFT: Final = np.int32(23 - BITS)
_BASE: Final = np.int32((127 + Q2_OCTAVES[0]) << BITS)
_LAST: Final = np.int32(((Q2_OCTAVES[1] - Q2_OCTAVES[0]) << BITS) - 1)
_MASK: Final = np.int32((1 << (23 - BITS)) - 1)
_TO_FRACTION: Final = f4(1.0 / (1 << (23 - BITS)))
_KEV_SHIFT: Final = np.int32(23 - FINE_BITS)
_KEV_BASE: Final = np.int32((127 + KEV_OCTAVES[0]) << FINE_BITS)
_KEV_LAST: Final = np.int32(((KEV_OCTAVES[1] - KEV_OCTAVES[0]) << FINE_BITS) - 1)
_KEV_HALF: Final = np.int32(1 << (22 - FINE_BITS))


@njit(fastmath=True, inline="always")
def place_of(q2: f4) -> tuple[np.uint32, f4]:
    """Return the row of a table for a squared radius, and the fraction of the way to the next; see ``lookup``."""
    bits = np.float32(q2).view(np.int32)
    return np.uint32(min(max((bits >> _SHIFT) - _BASE, np.int32(0)), _LAST)), f4(bits & _MASK) * _TO_FRACTION


@njit(fastmath=True, inline="always")
def kev_place_of(kev: f4) -> np.uint32:
    """Return the row of a table that is nearest to a temperature; see ``lookup.KEV_OCTAVES``."""
    bits = np.float32(kev).view(np.int32) + _KEV_HALF
    return np.uint32(min(max((bits >> _KEV_SHIFT) - _KEV_BASE, np.int32(0)), _KEV_LAST))


@njit(fastmath=True, inline="always")
def exp_(x: f4) -> f4:
    """Return e^x to 2e-5 for |x| < 80, 4e-6 near 0: the exponent's bits, times a polynomial of what is left."""
    t = x * f4(1.4426950408889634)
    k = np.int32(t + f4(256.0)) - np.int32(256)
    f = t - f4(k)
    p = f4(0.00961813) + f * (f4(0.00133336) + f * f4(0.00015404))
    p = f4(1.0) + f * (f4(0.69314718) + f * (f4(0.24022651) + f * (f4(0.05550411) + f * p)))
    return p * np.int32((k + np.int32(127)) << np.int32(23)).view(np.float32)


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def host(
    z: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    form: np.ndarray,
    table: np.ndarray,
    place: np.ndarray,
    density: np.ndarray,
    pressure: np.ndarray,
) -> None:
    """Read the host's tables; keep the place in them for the steps that follow."""
    b = np.empty(LANES, np.float32)
    c = np.empty(LANES, np.float32)
    for i in range(LANES):
        b[i] = form[4] * x[i] + form[5] * y[i]
        c[i] = form[0] * x[i] * x[i] + form[1] * y[i] * y[i] + form[3] * x[i] * y[i] + f4(1e-9)
    for k in range(z.size):
        zk = z[k]
        for i in range(LANES):
            q2 = (form[2] * zk + b[i]) * zk + c[i]
            j, f = place_of(q2)
            place[k, i] = np.int32(j)
            density[k, i] = table[j, 0] + f * table[j, 1]
            pressure[k, i] = table[j, 2] + f * table[j, 3]


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def slosh(
    z: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    to_cluster: np.ndarray,
    place: np.ndarray,
    table: np.ndarray,
    density: np.ndarray,
) -> None:
    """Multiply the density by the spiral: amplitude and phase are tables, the angle is a direction."""
    for k in range(z.size):
        for i in range(LANES):
            a = to_cluster[0, 0] * x[i] + to_cluster[0, 1] * y[i] + to_cluster[0, 2] * z[k]
            b = to_cluster[1, 0] * x[i] + to_cluster[1, 1] * y[i] + to_cluster[1, 2] * z[k]
            j = np.uint32(place[k, i])
            ln_n = (table[j, 0] * a + table[j, 1] * b) / f4(math.sqrt(a * a + b * b + f4(1e-12)))
            density[k, i] *= exp_(ln_n)


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def clump(
    z: np.ndarray, x: np.ndarray, y: np.ndarray, row: np.ndarray, density: np.ndarray, pressure: np.ndarray
) -> None:
    """Add one gas clump, (x, y, z, density, 1/core^2, 1/truncation^2, temperature); see anatomy.clump_shape."""
    for k in range(z.size):
        dz2 = (z[k] - row[2]) * (z[k] - row[2])
        for i in range(LANES):
            r2 = (x[i] - row[0]) * (x[i] - row[0]) + (y[i] - row[1]) * (y[i] - row[1]) + dz2
            v = min(r2 * row[5], f4(16.0))
            edge = f4(1.0) - f4(0.0625) * v
            tail = f4(1.0) + f4(0.5) * v
            shared = row[3] * edge * edge / ((f4(1.0) + r2 * row[4]) * (f4(1.0) + v * v) * tail)
            density[k, i] += shared * tail
            pressure[k, i] += shared * row[6]


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def filament(
    z: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    row: np.ndarray,
    weight: np.ndarray,
    dark: np.ndarray,
    density: np.ndarray,
    pressure: np.ndarray,
) -> None:
    """Add one filament: (direction x3, density, 1/radius^2, 1/length^2, hole^2, temperature, dark density)."""
    for k in range(z.size):
        zk = z[k]
        for i in range(LANES):
            t = x[i] * row[0] + y[i] * row[1] + zk * row[2]
            r2 = x[i] * x[i] + y[i] * y[i] + zk * zk
            v = max(r2 - t * t, f4(0.0)) * row[4]
            t = max(t, f4(0.0))
            shape = (f4(1.0) + v + v * v) * (f4(1.0) + t * t * row[5]) * (r2 + row[6])
            g = r2 / shape if t > f4(0.0) else f4(0.0)
            density[k, i] += row[3] * g
            pressure[k, i] += row[3] * row[7] * g
            dark[i] += row[8] * g * weight[k]


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def shock(
    z: np.ndarray, x: np.ndarray, y: np.ndarray, row: np.ndarray, density: np.ndarray, pressure: np.ndarray
) -> None:
    """Heat and squeeze the gas between merging cores: (x, y, z, 1/2 sigma^2, strength)."""
    for k in range(z.size):
        for i in range(LANES):
            d2 = (x[i] - row[0]) * (x[i] - row[0]) + (y[i] - row[1]) * (y[i] - row[1])
            d2 += (z[k] - row[2]) * (z[k] - row[2])
            e = row[4] * exp_(-min(d2 * row[3], f4(30.0)))
            squeeze = f4(1.0) + _COMPRESSION * e
            density[k, i] *= squeeze
            pressure[k, i] *= squeeze * (f4(1.0) + e)


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def cavity(
    z: np.ndarray, x: np.ndarray, y: np.ndarray, row: np.ndarray, density: np.ndarray, pressure: np.ndarray
) -> None:
    """Empty one cavity to 15 %: (x, y, z, radius^2)."""
    for k in range(z.size):
        for i in range(LANES):
            d2 = (x[i] - row[0]) * (x[i] - row[0]) + (y[i] - row[1]) * (y[i] - row[1])
            d2 += (z[k] - row[2]) * (z[k] - row[2])
            factor = _FILL if d2 < row[3] else f4(1.0)
            density[k, i] *= factor
            pressure[k, i] *= factor


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def emit(
    z: np.ndarray,
    weight: np.ndarray,
    density: np.ndarray,
    pressure: np.ndarray,
    place: np.ndarray,
    rms: np.ndarray,
    table: np.ndarray,
    out: np.ndarray,
) -> None:
    """Sum n, nT and the two emissivities over the nodes, (4, lane); the last column of ``rms`` is the clumping."""
    for k in range(z.size):
        w = weight[k]
        for i in range(LANES):
            n = density[k, i]
            p = pressure[k, i]
            j = kev_place_of(p / n)
            n2 = n * n * rms[np.uint32(place[k, i]), 2] * w
            out[0, i] += n * w
            out[1, i] += p * w
            out[2, i] += n2 * table[j, 0]
            out[3, i] += n2 * table[j, 1]


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def share_out(
    z: np.ndarray,
    weight: np.ndarray,
    density: np.ndarray,
    pressure: np.ndarray,
    place: np.ndarray,
    factor: np.ndarray,
    below: np.ndarray,
    above: np.ndarray,
    out: np.ndarray,
) -> None:
    """Add n^2 to the two neighbouring nodes of temperature, (measure, node, lane).

    Rows of ``factor`` are what multiplies n^2 at a squared radius, one number for each measure; ``below`` and ``above``
    hold, at each temperature, the node below and the share of the one above it.
    """
    for k in range(z.size):
        w = weight[k]
        for i in range(LANES):
            n = density[k, i]
            j = kev_place_of(pressure[k, i] / n)
            node = np.uint32(below[j])
            q = np.uint32(place[k, i])
            for m in range(factor.shape[1]):
                n2 = n * n * factor[q, m] * w
                upper = n2 * above[j]
                out[m, node, i] += n2 - upper
                out[m, node + np.uint32(1), i] += upper
