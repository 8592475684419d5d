"""How wrong is the mass: pixel by pixel, inside cylinders, and in the rings between them?

Equation numbers are those of de Andres et al. 2024. A pixel belongs to an aperture when its centre lies inside;
what lies beyond the edge of a map is nowhere counted, neither in the truth nor in the prediction.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from zwicky.core.errors import MapError
from zwicky.evaluation.mapping.records import TrueMaps

Aperture = Literal["map", "r500", "half_r500"]
APERTURES: Final[tuple[Aperture, ...]] = ("map", "r500", "half_r500")
CHUNK: Final = 100
"""Maps at a time: a quarter of 80 x 80 pixels in double precision, 1.3 MB, stays near the processor."""


def relative_difference(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return D = (predicted - truth) / truth of every pixel (eq. 6).

    Parameters
    ----------
    truth, predicted : (n, y, x) arrays [Msun Mpc^-2]
        The truth is positive.

    Returns
    -------
    (n, y, x) array [1]
        In the precision of the maps.

    Raises
    ------
    MapError
        If the two have different shapes.
    """
    check_pair(truth, predicted, "relative_difference")
    difference = predicted - truth
    difference /= truth
    return difference


def aperture_pixels(true: TrueMaps, which: Aperture) -> np.ndarray:
    """Say which pixels lie inside an aperture around the centre of the map, (n, y, x) bool.

    Parameters
    ----------
    true : TrueMaps
    which : {"map", "r500", "half_r500"}
        All pixels, those within the true R500c, or within half of it.
    """
    if which == "map":
        return np.ones(true.maps.shape, bool)
    fraction = {"r500": 1.0, "half_r500": 0.5}[which]
    radius_pixels = fraction * true.r500c_mpc / true.pixel_mpc
    return distance_pixels(true.maps.shape[-1])[None] < radius_pixels[:, None, None]


def difference_quantiles(
    true: TrueMaps, predicted: np.ndarray, which: Aperture
) -> tuple[float, float, float]:
    """Return the median of eq. 6 over pixels and maps, and what lies above and below it.

    Parameters
    ----------
    true : TrueMaps
    predicted : (n, y, x) array [Msun Mpc^-2]
    which : {"map", "r500", "half_r500"}

    Returns
    -------
    median, plus, minus : floats [1]
        The 50 % quantile, the 84 % quantile minus it, and it minus the 16 % quantile.

    Raises
    ------
    MapError
        If shapes differ, or no pixel of any map lies inside the aperture.
    """
    difference = relative_difference(true.maps, predicted)
    inside = difference.ravel() if which == "map" else difference[aperture_pixels(true, which)]
    if not len(inside):
        raise MapError(
            "No pixel lies inside this aperture.",
            where=f"difference_quantiles, {which!r}",
            expected="an aperture of at least a pixel",
            got=f"R500c of at most {np.max(true.r500c_mpc / true.pixel_mpc):.2g} pixels",
            fix="use finer maps, or the aperture 'map'",
        )
    low, median, high = (float(value) for value in np.quantile(inside, (0.16, 0.5, 0.84)))
    return median, high - median, median - low


def cylinder_masses_msun(maps: np.ndarray, pixel_mpc: np.ndarray, radii_mpc: np.ndarray) -> np.ndarray:
    """Return the projected mass inside circles around the centre of each map: the sum of eq. 9.

    M(<R) = A_pixel * sum of the pixels with r_ij < R

    Parameters
    ----------
    maps : (n, y, x) array [Msun Mpc^-2]
        Square.
    pixel_mpc : (n,) array [Mpc]
    radii_mpc : (n, radius) array [Mpc]
        A circle without a pixel centre holds nothing.

    Returns
    -------
    (n, radius) float64 array [Msun]

    Raises
    ------
    MapError
        If the arrays do not belong together, or a length is not positive.
    """
    pixel_mpc, radii_mpc = _lengths(maps, pixel_mpc, radii_mpc)
    n_pixels = maps.shape[-1]
    distance = distance_pixels(n_pixels)[n_pixels // 2 :, n_pixels // 2 :].ravel()
    outwards = np.argsort(distance, kind="stable")
    n_inside = np.searchsorted(distance[outwards], radii_mpc / pixel_mpc[:, None], side="left")
    masses = np.empty(radii_mpc.shape)
    for first in range(0, len(maps), CHUNK):
        rows = slice(first, first + CHUNK)
        quarters = _folded(_folded(maps[rows], 1), 2).reshape(-1, len(outwards))
        within = np.cumsum(quarters[:, outwards], axis=1)
        last = np.maximum(n_inside[rows] - 1, 0)
        masses[rows] = np.where(n_inside[rows] > 0, np.take_along_axis(within, last, axis=1), 0.0)
    return np.asarray(masses * pixel_mpc[:, None] ** 2)


def mass_bias(
    true_maps: np.ndarray, predicted: np.ndarray, pixel_mpc: np.ndarray, radii_mpc: np.ndarray
) -> np.ndarray:
    """Return b(<R) = (M_predicted - M_true) / M_true inside cylinders (eq. 9).

    Parameters
    ----------
    true_maps, predicted : (n, y, x) arrays [Msun Mpc^-2]
    pixel_mpc : (n,) array [Mpc]
    radii_mpc : (n, radius) array [Mpc]

    Returns
    -------
    (n, radius) array [1]
        NaN where a circle holds no pixel.

    Raises
    ------
    MapError
        If the arrays do not belong together, or a length is not positive.
    """
    true_msun, predicted_msun = _both_masses(true_maps, predicted, pixel_mpc, radii_mpc)
    return quotient(predicted_msun - true_msun, true_msun)


def annular_bias(
    true_maps: np.ndarray, predicted: np.ndarray, pixel_mpc: np.ndarray, radii_mpc: np.ndarray
) -> np.ndarray:
    """Return the bias of the mass between each radius and the next: eq. 9, differential.

    Parameters
    ----------
    true_maps, predicted : (n, y, x) arrays [Msun Mpc^-2]
    pixel_mpc : (n,) array [Mpc]
    radii_mpc : (n, radius) array [Mpc]
        Ascending.

    Returns
    -------
    (n, radius - 1) array [1]
        NaN where a ring holds no pixel.

    Raises
    ------
    MapError
        If the arrays do not belong together, or a length is not positive.
    """
    true_msun, predicted_msun = _both_masses(true_maps, predicted, pixel_mpc, radii_mpc)
    return quotient(np.diff(predicted_msun - true_msun), np.diff(true_msun))


def distance_pixels(n_pixels: int) -> np.ndarray:
    """Return the distance of each pixel's centre from that of the map, (y, x) [pixels]."""
    axis = np.arange(n_pixels) - (n_pixels - 1) / 2.0
    return np.hypot(axis[:, None], axis[None, :])


def quotient(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide arrays of one shape; NaN where the denominator is not positive."""
    nothing = np.full(denominator.shape, np.nan)
    return np.divide(numerator, denominator, out=nothing, where=denominator > 0.0)


def check_pair(truth: np.ndarray, other: np.ndarray, where: str) -> None:
    """Refuse two stacks of maps (n, y, x) that do not lie on the same pixels."""
    if truth.ndim != 3 or truth.shape != other.shape:
        raise MapError(
            "These maps cannot be compared.",
            where=where,
            expected="two arrays of one shape (n, y, x)",
            got=f"shapes {truth.shape} and {other.shape}",
        )


def _both_masses(
    true_maps: np.ndarray, predicted: np.ndarray, pixel_mpc: np.ndarray, radii_mpc: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    check_pair(true_maps, predicted, "mass bias")
    return (
        cylinder_masses_msun(true_maps, pixel_mpc, radii_mpc),
        cylinder_masses_msun(predicted, pixel_mpc, radii_mpc),
    )


def _folded(maps: np.ndarray, axis: int) -> np.ndarray:
    """Add the half of each map before its centre to its mirror image, equally far away, in double precision."""
    maps = np.moveaxis(maps, axis, -1)
    half = maps.shape[-1] // 2
    after = maps[..., half:].astype(np.float64)
    after[..., maps.shape[-1] % 2 :] += maps[..., :half][..., ::-1]  # a middle line is its own mirror image
    return np.moveaxis(after, -1, axis)


def _lengths(maps: np.ndarray, pixel_mpc: np.ndarray, radii_mpc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels (n,) and radii (n, radius) as arrays [Mpc], or refuse them."""
    pixels, radii = np.asarray(pixel_mpc, float), np.asarray(radii_mpc, float)
    shapes = maps.ndim == 3 and pixels.shape == (len(maps),) and radii.ndim == 2 and len(radii) == len(maps)
    if not (shapes and (pixels > 0.0).all() and (radii > 0.0).all()):
        raise MapError(
            "These apertures do not belong to these maps.",
            where="pixel_mpc, radii_mpc",
            expected="maps (n, y, x); positive lengths: one pixel for each map (n,), radii (n, radius)",
            got=f"maps {maps.shape}, pixels {pixels.shape}, radii {radii.shape}",
        )
    return pixels, radii
