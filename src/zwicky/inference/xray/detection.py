"""Detection and extent likelihoods: is there a source, and is it wider than the telescope's blur?

An approximation to the two-dimensional fits of the eROSITA pipeline: the position is taken as known, the shape as a
beta model with beta = 2/3, and the fit is to rings. A point source, or a beta model of one of several core radii, is
blurred by the point spread function; its amplitude is fitted over the background. The detection likelihood compares the
best of them with the background alone, the extent likelihood the best beta model with the point source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.signal import fftconvolve

from zwicky.core.errors import MapError
from zwicky.inference.xray.poisson import best_amplitude, cash, likelihood
from zwicky.inference.xray.profiles import RadialCounts, radial_counts

CORE_RADII_ARCMIN: Final = (0.1, 0.15, 0.22, 0.33, 0.5, 0.75, 1.1, 1.6, 2.4, 3.5)
"""Of the beta models; steps of 1.5, over which C changes by less than 1 in faint sources."""
_FINE: Final = 3
"""Points along the side of a pixel at which a beta model is averaged."""
_CHUNK: Final = 2000


@dataclass(frozen=True, eq=False)
class Detection:
    """How sure it is that there is a source, and that it is extended.

    Parameters
    ----------
    detection_likelihood, extent_likelihood : (cluster,) array [1]
        -ln of the chance of such a fit without a source, and of a point source; approximate.
    core_radius_arcmin : (cluster,) array [arcmin]
        Of the best beta model; 0 if a point source fits better.
    counts : (cluster,) array
        Of the best source, inside the rings.
    """

    detection_likelihood: np.ndarray
    extent_likelihood: np.ndarray
    core_radius_arcmin: np.ndarray
    counts: np.ndarray


def source_templates(
    psf: np.ndarray | None,
    pixel_arcmin: float,
    n_pixels: int,
    edges_arcmin: np.ndarray,
    core_radii_arcmin: Sequence[float] = CORE_RADII_ARCMIN,
) -> np.ndarray:
    """Return the mean brightness of blurred sources in rings, (source, ring) [arcmin^-2]; the point source is first.

    Parameters
    ----------
    psf : (k, k) array or None
        Point spread function on the image's pixels, k odd; None for a blur below a pixel.
    pixel_arcmin : float [arcmin]
        Side of a pixel.
    n_pixels : int
        Side of the image.
    edges_arcmin : (ring + 1,) array [arcmin]
        Of the rings.
    core_radii_arcmin : sequence of float [arcmin]
        Of the beta models.

    Raises
    ------
    MapError
        If the point spread function is not square with a central pixel, or not positive.
    """
    kernel = np.ones((1, 1)) if psf is None else np.asarray(psf, float)
    if (
        kernel.ndim != 2
        or kernel.shape[0] != kernel.shape[1]
        or kernel.shape[0] % 2 == 0
        or not kernel.sum() > 0.0
    ):
        raise MapError(
            "This is not a point spread function on pixels.",
            expected="a square with an odd number of pixels per side, of positive sum",
            got=kernel.shape,
        )
    axis = (np.arange(_FINE * n_pixels) - (_FINE * n_pixels - 1) / 2.0) * pixel_arcmin / _FINE
    square = axis[:, None] ** 2 + axis[None, :] ** 2
    images = [_point(n_pixels)]
    for core in core_radii_arcmin:
        fine = (1.0 + square / core**2) ** -1.5  # beta = 2/3: -3 beta + 1/2
        images.append(fine.reshape(n_pixels, _FINE, n_pixels, _FINE).sum(axis=(1, 3)))
    blurred = np.array([fftconvolve(one, kernel / kernel.sum(), mode="same") for one in images])
    area = np.ones((1, 1, n_pixels, n_pixels))
    rings = radial_counts(
        np.maximum(blurred, 0.0)[:, None], area, np.zeros_like(area), pixel_arcmin, edges_arcmin=edges_arcmin
    )
    per_ring = rings.counts[:, 0]
    per_ring = per_ring / per_ring.sum(axis=1, keepdims=True)
    return np.asarray(per_ring / np.maximum(rings.exposure_arcmin2_s[:, 0], 1e-30))


def _point(n_pixels: int) -> np.ndarray:
    """Return a source at the middle: on one pixel, or shared by the four around it."""
    image = np.zeros((n_pixels, n_pixels))
    middle = slice((n_pixels - 1) // 2, n_pixels // 2 + 1)
    image[middle, middle] = 1.0 / image[middle, middle].size
    return image


def detect(
    profiles: RadialCounts, templates: np.ndarray, core_radii_arcmin: Sequence[float] = CORE_RADII_ARCMIN
) -> Detection:
    """Return the detection and extent likelihoods of clusters; bands are added up.

    Parameters
    ----------
    profiles : RadialCounts
        Of the clusters.
    templates : (source, ring) array
        From ``source_templates``, for the same rings.
    core_radii_arcmin : sequence of float [arcmin]
        As given there.

    Raises
    ------
    MapError
        If the templates are for other rings or core radii.
    """
    summed = profiles.bands(*range(profiles.counts.shape[1]))
    expected = (len(core_radii_arcmin) + 1, summed.counts.shape[2])
    if templates.shape != expected:
        raise MapError(
            "The templates do not belong to these rings and core radii.",
            expected=expected,
            got=templates.shape,
        )
    counts, background, seen = (
        one[:, 0] for one in (summed.counts, summed.background, summed.exposure_arcmin2_s)
    )
    parts = [
        _fit(counts[i : i + _CHUNK], background[i : i + _CHUNK], seen[i : i + _CHUNK], templates)
        for i in range(0, len(profiles), _CHUNK)
    ]
    empty, fitted, amplitude = (np.concatenate([part[j] for part in parts]) for j in range(3))
    best = 1 + fitted[:, 1:].argmin(axis=1)
    rows = np.arange(len(best))
    gain = fitted[:, 0] - fitted[rows, best]
    extended = gain > 0.0
    detection = np.maximum(likelihood(empty - fitted[:, 0], 1), likelihood(empty - fitted[rows, best], 2))
    chosen = np.where(extended, best, 0)
    return Detection(
        detection,
        likelihood(gain, 1),
        np.where(extended, np.array([0.0, *core_radii_arcmin])[best], 0.0),
        amplitude[rows, chosen] * (templates[chosen] * seen).sum(axis=1),
    )


def _fit(
    counts: np.ndarray, background: np.ndarray, exposure: np.ndarray, templates: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return C of the background, C of each source, and the amplitudes, (cluster,), twice (cluster, source)."""
    shape = templates[None] * exposure[:, None]
    amplitude = best_amplitude(counts[:, None], shape, background[:, None])
    model = amplitude[..., None] * shape + background[:, None]
    return cash(counts, background), cash(counts[:, None], model), amplitude
