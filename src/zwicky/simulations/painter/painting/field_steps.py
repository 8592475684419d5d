"""The random fields along a batch of rays: cubes that are periodic in the cluster's own frame.

A field is read by linear interpolation in the tetrahedron of nodes around a point: four nodes instead of eight. What
variance the interpolation takes away is known (``turbulence.interpolated_variance``), and given back where it counts.
Places, reading and exponentials are loops of their own over the lanes, because a compiler vectorises the first and the
last: 7 ns a node instead of 19.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from zwicky.simulations.painter.anatomy import T_PER_DENSITY_RMS
from zwicky.simulations.painter.painting.gas_steps import LANES, exp_, f4, place_of

TURBULENCE_CELLS: Final = 64
ENVIRONMENT_CELLS: Final = 32
PACKED: Final = 4096.0
"""Two fields share one 32-bit word, each as a multiple of 1/4096: up to 8 standard deviations."""

_T_PER_DENSITY: Final = f4(T_PER_DENSITY_RMS)
_FAR: Final = f4(16.0)
"""Periods that keep coordinates positive before they are cut to integers: more would cost single precision digits."""


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def _tetrahedra(
    x: np.ndarray, y: np.ndarray, z: f4, to_cells: np.ndarray, n: int, node: np.ndarray, share: np.ndarray
) -> None:
    """Find the four nodes around each point of a row, and their shares: in a cube of (n+1)^3, (4, lane) each."""
    side = np.int32(n + 1)
    mask = np.int32(n - 1)
    du = side * side
    dv = side
    dw = np.int32(1)
    offset = _FAR * f4(n)
    for i in range(LANES):
        u = to_cells[0, 0] * x[i] + to_cells[0, 1] * y[i] + (to_cells[0, 2] * z + offset)
        v = to_cells[1, 0] * x[i] + to_cells[1, 1] * y[i] + (to_cells[1, 2] * z + offset)
        w = to_cells[2, 0] * x[i] + to_cells[2, 1] * y[i] + (to_cells[2, 2] * z + offset)
        iu = np.int32(u)
        iv = np.int32(v)
        iw = np.int32(w)
        fu = u - f4(iu)
        fv = v - f4(iv)
        fw = w - f4(iw)
        largest = max(fu, max(fv, fw))
        least = min(fu, min(fv, fw))
        middle = fu + fv + fw - largest - least
        first = ((iu & mask) * side + (iv & mask)) * side + (iw & mask)
        last = first + du + dv + dw
        to_largest = du if (fu >= fv and fu >= fw) else (dv if fv >= fw else dw)
        to_least = dw if (fw <= fv and fw <= fu) else (dv if fv <= fu else du)
        node[0, i] = first
        node[1, i] = first + to_largest
        node[2, i] = last - to_least
        node[3, i] = last
        share[0, i] = f4(1.0) - largest
        share[1, i] = largest - middle
        share[2, i] = middle - least
        share[3, i] = least


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def turbulence(
    z: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    to_cells: np.ndarray,
    cube: np.ndarray,
    place: np.ndarray,
    rms: np.ndarray,
    half_variance: f4,
    correlation: float,
    density: np.ndarray,
    pressure: np.ndarray,
) -> None:
    """Multiply density and temperature by correlated log-normal fields of mean 1.

    ``to_cells`` is the rotation from the sky to the cluster in cells per Mpc; ``rms`` rows are (turbulence,
    environment, clumping); ``correlation`` is that of ln T with ln n, whose ratio of rms is 0.6.
    """
    other = f4(np.sqrt(1.0 - correlation * correlation))
    rho = f4(correlation)
    unit = f4(1.0 / PACKED)
    node = np.empty((4, LANES), np.int32)
    share = np.empty((4, LANES), np.float32)
    g = np.empty(LANES, np.float32)
    h = np.empty(LANES, np.float32)
    s = np.empty(LANES, np.float32)
    for k in range(z.size):
        _tetrahedra(x, y, z[k], to_cells, TURBULENCE_CELLS, node, share)
        for i in range(LANES):
            a = cube[np.uint32(node[0, i])]
            b = cube[np.uint32(node[1, i])]
            c = cube[np.uint32(node[2, i])]
            d = cube[np.uint32(node[3, i])]
            high = share[0, i] * f4(a >> 16) + share[1, i] * f4(b >> 16)
            low = share[0, i] * f4(np.int32(a << 16) >> 16) + share[1, i] * f4(np.int32(b << 16) >> 16)
            g[i] = high + share[2, i] * f4(c >> 16) + share[3, i] * f4(d >> 16)
            h[i] = low + share[2, i] * f4(np.int32(c << 16) >> 16) + share[3, i] * f4(np.int32(d << 16) >> 16)
            s[i] = rms[np.uint32(place[k, i]), 0]
        for i in range(LANES):
            t = _T_PER_DENSITY * s[i]
            # The mean of n is that of the model, and so is the mean of n T: subtract half of their variances.
            ln_n = s[i] * (g[i] * unit - half_variance * s[i])
            ln_t = t * ((rho * g[i] + other * h[i]) * unit - half_variance * (t + f4(2.0) * rho * s[i]))
            density[k, i] *= exp_(ln_n)
            pressure[k, i] *= exp_(ln_n + ln_t)


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def environment(
    z: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    to_cells: np.ndarray,
    cube: np.ndarray,
    place: np.ndarray,
    rms: np.ndarray,
    half_variance: f4,
    form: np.ndarray,
    dark_table: np.ndarray,
    weight: np.ndarray,
    dark: np.ndarray,
    density: np.ndarray,
    pressure: np.ndarray,
) -> None:
    """Multiply gas and dark matter by a log-normal field of mean 1; add to ``dark`` what it changes in that column."""
    node = np.empty((4, LANES), np.int32)
    share = np.empty((4, LANES), np.float32)
    g = np.empty(LANES, np.float32)
    s = np.empty(LANES, np.float32)
    rho = np.empty(LANES, np.float32)
    for k in range(z.size):
        zk = z[k]
        _tetrahedra(x, y, zk, to_cells, ENVIRONMENT_CELLS, node, share)
        for i in range(LANES):
            near = share[0, i] * cube[np.uint32(node[0, i])] + share[1, i] * cube[np.uint32(node[1, i])]
            far = share[2, i] * cube[np.uint32(node[2, i])] + share[3, i] * cube[np.uint32(node[3, i])]
            g[i] = near + far
            s[i] = rms[np.uint32(place[k, i]), 1]
            q2 = (form[2] * zk + form[4] * x[i] + form[5] * y[i]) * zk
            q2 += form[0] * x[i] * x[i] + form[1] * y[i] * y[i] + form[3] * x[i] * y[i] + f4(1e-9)
            j, f = place_of(q2)
            rho[i] = dark_table[j, 0] + f * dark_table[j, 1]
        for i in range(LANES):
            factor = exp_(s[i] * (g[i] - half_variance * s[i]))
            density[k, i] *= factor
            pressure[k, i] *= factor
            dark[i] += rho[i] * (factor - f4(1.0)) * weight[k]
