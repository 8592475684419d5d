"""Radial tables: one grid for all clusters, spherical means of ellipsoids, and masses inside spheres.

All tables stand on the same radii, in units of the cluster's nominal R200c and evenly spaced in the
logarithm, so that shifting a table by some nodes stretches it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.polynomial.legendre import leggauss

X: Final = np.geomspace(2e-4, 64.0, 352)
"""Radii of all tables [nominal R200c]."""

LN_X: Final = np.log(X)
STEP: Final = float(LN_X[1] - LN_X[0])
"""Between nodes, in the logarithm."""

_CUBE: Final = X**3
_SQUARE: Final = X**2


def enclosed(density: np.ndarray) -> np.ndarray:
    """Return the integral of density 4 pi x^2 dx from the centre to each radius, (..., radius).

    The trapezoidal rule in ln x with its first correction (Euler-Maclaurin): good to 1e-5 for power laws.
    Inside the first radius the density goes on with the slope it has there.
    """
    shells = 4.0 * np.pi * density * _CUBE
    first = np.maximum(shells[..., :2], 1e-300)
    slope = np.maximum(np.log(first[..., 1:] / first[..., :1]) / STEP, 0.2)
    return shells[..., :1] / slope + running_integral(shells)


def running_integral(values: np.ndarray) -> np.ndarray:
    """Return the integral of values d ln x from the first node to each, (..., radius)."""
    integral = np.zeros_like(values)
    np.cumsum(0.5 * STEP * (values[..., 1:] + values[..., :-1]), axis=-1, out=integral[..., 1:])
    slope = np.empty_like(values)
    slope[..., 1:-1] = 0.5 * (values[..., 2:] - values[..., :-2])
    slope[..., 0], slope[..., -1] = values[..., 1] - values[..., 0], values[..., -1] - values[..., -2]
    return integral - STEP / 12.0 * (slope - slope[..., :1])


def value_at(tables: np.ndarray, x: float) -> np.ndarray:
    """Return enclosed masses (..., radius) at one radius; between the nodes mass over x^1.5 is linear."""
    place = (np.log(x) - LN_X[0]) / STEP
    i = min(max(int(place), 0), len(X) - 2)
    t = place - i
    low, high = (x / X[i]) ** 1.5, (x / X[i + 1]) ** 1.5
    return np.asarray((1.0 - t) * low * tables[..., i] + t * high * tables[..., i + 1])


def radius_of_density(enclosed_mass: np.ndarray, mean_density: float) -> float:
    """Return the smallest radius inside which the mean density falls to a value [nominal R200c].

    Masses are in units in which a density of 1 fills a sphere of radius 1 with 4 pi / 3.
    """
    mean = enclosed_mass / (4.0 * np.pi / 3.0 * _CUBE)
    i = max(int(np.argmax(mean < mean_density)), 1) - 1
    t = np.log(mean[i] / mean_density) / np.log(mean[i] / mean[i + 1])
    return float(X[i] * np.exp(t * STEP))


def sphere_average(tables: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Return the mean over directions of tables that stand against the elliptical radius, (table, radius).

    Parameters
    ----------
    tables : (table, radius) array
        Against q, q^2 = sum_i (x_i / axes_i)^2.
    axes : (3,) array [1]
        Semi-axes.
    """
    squares, weights = _octant()
    # Along a direction, q / r is a constant: the table is shifted. The mean of shifted tables is a correlation.
    shift = 0.5 * np.log(squares @ axes**-2.0) / STEP
    node = np.floor(shift).astype(int)
    t = shift - node
    low, high = int(node.min()) - 1, int(node.max()) + 2
    kernel = np.zeros(high - low + 1)
    cubic = (
        -t * (t - 1.0) * (t - 2.0) / 6.0,
        (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0,
        -(t + 1.0) * t * (t - 2.0) / 2.0,
        (t + 1.0) * t * (t - 1.0) / 6.0,
    )
    for j, lagrange in enumerate(cubic, start=-1):
        kernel += np.bincount(node + j - low, weights * lagrange, minlength=len(kernel))
    padded = np.concatenate(
        [np.repeat(tables[:, :1], -low, axis=1), tables, np.repeat(tables[:, -1:], high, axis=1)], axis=1
    )
    return np.stack([np.correlate(table, kernel, mode="valid") for table in padded])


@lru_cache(maxsize=1)
def _octant() -> tuple[np.ndarray, np.ndarray]:
    """Return squared unit vectors (direction, 3) of one octant, and weights whose sum is 1."""
    nodes, weights = leggauss(10)
    cos_theta = 0.5 * (nodes + 1.0)
    phi = 0.25 * np.pi * (nodes + 1.0)
    c2, p = (grid.ravel() for grid in np.meshgrid(cos_theta**2, phi, indexing="ij"))
    squares = np.stack([(1.0 - c2) * np.cos(p) ** 2, (1.0 - c2) * np.sin(p) ** 2, c2], axis=1)
    return squares, 0.25 * np.outer(weights, weights).ravel()


def enclosed_of_shells(distance: np.ndarray, radius: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Return the mass that thin spherical shells have inside spheres around the origin, (radius,).

    A sphere of radius R holds the share clip((R^2 - (d - r)^2) / 4 d r, 0, 1) of a shell of radius r at
    distance d: the area of a spherical cap. In R^2 that is a ramp, and the sum of all ramps is exact at the
    nodes.

    Parameters
    ----------
    distance : (body,) array [nominal R200c]
        Of the centres, > 0.
    radius, mass : (body, shell) array [nominal R200c], [any]
        Of the shells, > 0.
    """
    d = distance[:, None]
    slope = (mass / (4.0 * d * radius)).ravel()
    below, above = ((d - radius) ** 2).ravel(), ((d + radius) ** 2).ravel()
    return _sum_of_ramps(below, slope) - _sum_of_ramps(above, slope)


def _sum_of_ramps(start: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Return the sum of slope max(x^2 - start, 0) at each radius, (radius,)."""
    place = (0.5 * np.log(np.maximum(start, 1e-30)) - LN_X[0]) / STEP
    node = np.clip(np.ceil(place), 0, len(X)).astype(int)
    slopes = np.cumsum(np.bincount(node, slope, minlength=len(X) + 1)[: len(X)])
    offsets = np.cumsum(np.bincount(node, slope * start, minlength=len(X) + 1)[: len(X)])
    return _SQUARE * slopes - offsets
