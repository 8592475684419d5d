"""Linear fields on the sky: dark matter and stars, projected analytically."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from zwicky.simulations.painter.painting.compiled import Compiled
from zwicky.simulations.painter.painting.gas_steps import f4, place_of
from zwicky.simulations.painter.painting.lookup import gauss_legendre

N_DEPTH: Final = 96
MOST_RAYS: Final = 11
_PLACES, _WEIGHTS = gauss_legendre(MOST_RAYS)
_KERNEL_SIGMAS: Final = 5.0


def project(radius: np.ndarray, density: np.ndarray, at: np.ndarray, half_depth: float) -> np.ndarray:
    """Return the column of a spherical density through a slab, S(R) = 2 int_0^half_depth rho(sqrt(R^2 + l^2)) dl.

    Parameters
    ----------
    radius, density : (radius,) arrays
        Density > 0 against radius, evenly spaced in log radius.
    at : (impact,) array
        Impact parameters, in the unit of the radius.
    half_depth : float
        Half of the depth, in the unit of the radius.

    Returns
    -------
    (impact,) array
        In the unit of density times radius.
    """
    scale = 0.4 * np.maximum(at, radius[0])[:, None]
    reach = np.arcsinh(half_depth / scale)
    t = (np.arange(N_DEPTH) + 0.5) / N_DEPTH
    depth = scale * np.sinh(reach * t)
    weight = scale * np.cosh(reach * t) * reach / N_DEPTH
    log_r = 0.5 * np.log(at[:, None] ** 2 + depth**2)
    step = math.log(radius[1] / radius[0])
    place = np.clip((log_r - math.log(radius[0])) / step, 0.0, len(radius) - 1.001)
    below = place.astype(np.int64)
    log_density = np.log(np.maximum(density, 1e-300))
    rho = np.exp(log_density[below] + (place - below) * np.diff(log_density)[below])
    return np.asarray(2.0 * (rho * weight).sum(axis=1))


def projected_form(form: np.ndarray) -> tuple[np.ndarray, float]:
    """Project an ellipsoid: return the form of its ellipses and the stretch of its columns.

    For x^T Q x with z along the sight, the column of f(x^T Q x) is the spherical one at the radius of
    Q_2 = Q_xy - q q^T / Q_zz, times 1/sqrt(Q_zz); q = (Q_xz, Q_yz).
    """
    q = form[:2, 2]
    return form[:2, :2] - np.outer(q, q) / form[2, 2], 1.0 / math.sqrt(form[2, 2])


@Compiled
def ellipses(
    pixel: float,
    x_first: float,
    y_first: float,
    form: np.ndarray,
    table: np.ndarray,
    refine: np.ndarray,
    centres: np.ndarray,
    means: np.ndarray,
) -> None:
    """Add a table of squared elliptical radius: through each pixel's centre, and as the mean over rays of a pixel.

    ``form`` is (xx, yy, 2xy); ``table`` has rows (value, step); ``refine`` odd numbers of rays per side.
    """
    n_y, n_x = refine.shape
    for i in range(n_y):
        y = f4(y_first + i * pixel)
        for j in range(n_x):
            x = f4(x_first + j * pixel)
            q2 = form[0] * x * x + form[1] * y * y + form[2] * x * y + f4(1e-9)
            place, fraction = place_of(q2)
            value = table[place, 0] + fraction * table[place, 1]
            centres[i, j] += value
    for i in range(n_y):
        for j in range(n_x):
            fine = refine[i, j]
            if fine == 1:
                continue
            total = 0.0
            for a in range(fine):
                y = f4(y_first + (i + _PLACES[fine, a]) * pixel)
                for b in range(fine):
                    x = f4(x_first + (j + _PLACES[fine, b]) * pixel)
                    q2 = form[0] * x * x + form[1] * y * y + form[2] * x * y + f4(1e-9)
                    place, fraction = place_of(q2)
                    value = table[place, 0] + fraction * table[place, 1]
                    total += value * _WEIGHTS[fine, a] * _WEIGHTS[fine, b]
            means[i, j] += total


@Compiled
def means_from_centres(refine: np.ndarray, centres: np.ndarray, means: np.ndarray) -> None:
    """Fill pixels of one ray with their mean, f + pixel^2 (d2f/dx2 + d2f/dy2) / 24, by differences of neighbours."""
    n_y, n_x = refine.shape
    for i in range(n_y):
        for j in range(n_x):
            if refine[i, j] == 1:
                here = centres[i, j]
                around = centres[max(i - 1, 0), j] + centres[min(i + 1, n_y - 1), j]
                around += centres[i, max(j - 1, 0)] + centres[i, min(j + 1, n_x - 1)]
                means[i, j] = here + (around - 4.0 * here) / 24.0


@Compiled
def dark_clumps(
    pixel: float,
    x_first: float,
    y_first: float,
    x: np.ndarray,
    y: np.ndarray,
    mass: np.ndarray,
    core: np.ndarray,
    truncation: np.ndarray,
    edge: np.ndarray,
    out: np.ndarray,
) -> None:
    """Add dPIE haloes with nothing outside an edge, (1/s_core - 1/s_truncation) less its value at the edge.

    s^2 = radius^2 + R^2; Sigma = mass / (2 pi (truncation - core)) (...) for the whole halo (Eliasdottir et al. 2007,
    equation A6), here divided by the share that is left inside the edge.
    """
    n_y, n_x = out.shape
    for c in range(x.size):
        a2 = core[c] * core[c]
        s2 = truncation[c] * truncation[c]
        e2 = edge[c] * edge[c]
        at_edge = 1.0 / math.sqrt(a2 + e2) - 1.0 / math.sqrt(s2 + e2)
        share = math.sqrt(a2 + e2) - core[c] - math.sqrt(s2 + e2) + truncation[c] - 0.5 * e2 * at_edge
        norm = mass[c] / (2.0 * math.pi * share)
        i0 = max(math.ceil((y[c] - edge[c] - y_first) / pixel), 0)
        i1 = min(math.floor((y[c] + edge[c] - y_first) / pixel) + 1, n_y)
        j0 = max(math.ceil((x[c] - edge[c] - x_first) / pixel), 0)
        j1 = min(math.floor((x[c] + edge[c] - x_first) / pixel) + 1, n_x)
        for i in range(i0, i1):
            dy = y_first + i * pixel - y[c]
            for j in range(j0, j1):
                dx = x_first + j * pixel - x[c]
                fine = 3 if dx * dx + dy * dy < 9.0 * pixel * pixel else 1
                total = 0.0
                for p in range(fine):
                    v = dy + _PLACES[fine, p] * pixel
                    for q in range(fine):
                        u = dx + _PLACES[fine, q] * pixel
                        r2 = u * u + v * v
                        if r2 < e2:
                            value = 1.0 / math.sqrt(a2 + r2) - 1.0 / math.sqrt(s2 + r2) - at_edge
                            total += value * _WEIGHTS[fine, p] * _WEIGHTS[fine, q]
                out[i, j] += norm * total


@Compiled
def galaxies(
    pixel: float,
    x_first: float,
    y_first: float,
    x: np.ndarray,
    y: np.ndarray,
    mass: np.ndarray,
    width: np.ndarray,
    out: np.ndarray,
) -> None:
    """Add round Gaussians, as exact means over pixels."""
    n_y, n_x = out.shape
    for c in range(x.size):
        reach = _KERNEL_SIGMAS * width[c] + pixel
        scale = 1.0 / (math.sqrt(2.0) * width[c])
        i0 = max(math.ceil((y[c] - reach - y_first) / pixel), 0)
        i1 = min(math.floor((y[c] + reach - y_first) / pixel) + 1, n_y)
        j0 = max(math.ceil((x[c] - reach - x_first) / pixel), 0)
        j1 = min(math.floor((x[c] + reach - x_first) / pixel) + 1, n_x)
        for i in range(i0, i1):
            v = y_first + (i - 0.5) * pixel - y[c]
            in_y = math.erf((v + pixel) * scale) - math.erf(v * scale)
            for j in range(j0, j1):
                u = x_first + (j - 0.5) * pixel - x[c]
                in_x = math.erf((u + pixel) * scale) - math.erf(u * scale)
                out[i, j] += 0.25 * mass[c] * in_y * in_x / (pixel * pixel)
