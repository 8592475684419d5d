"""From the pixels of an image to those of a stamp: holes filled, the beam matched, a spline in between."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy import ndimage

from zwicky.core.errors import MapError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map
from zwicky.core.quantities import MapQuantity
from zwicky.data.fits_choice import TOLERANCE
from zwicky.data.fits_in import SkyImage
from zwicky.instruments.instrument import SIGMA_PER_FWHM

# A cubic spline forgets a pixel by a factor 3.7 per pixel: to 1e-7 at this distance.
_SPLINE_REACH: Final = 12  # [pixel]
_KERNEL_REACH: Final = 5.0  # [standard deviations] of the Gaussian that matches beams
_ON_PIXEL: Final = 1e-3  # [pixel] closer than this to the centres of pixels, nothing is interpolated


def resampled(
    image: SkyImage,
    grid: Grid,
    positions: np.ndarray,
    beam_arcmin: float,
    max_masked_fraction: float,
    notes: list[str],
) -> Map:
    """Return the image at the pixels of a stamp, with the wanted beam.

    Parameters
    ----------
    image : SkyImage
        Its beam is at most 1 % larger than the one wanted.
    grid : Grid
        Of the stamp; kind "sky".
    positions : (2, n, n) array [pixel]
        Where in the image, (y, x), the pixels of the stamp lie.
    beam_arcmin : float [arcmin]
        FWHM wanted.
    max_masked_fraction : float [1]
        Of the stamp; more pixels without measurement are refused.
    notes : list of str
        What is done is added here.

    Returns
    -------
    Map
        Stage "observed". Pixels without measurement are filled and marked in the mask.

    Raises
    ------
    MapError
        If too many pixels have no measurement, or counts would have to be interpolated.
    """
    pixels_per_arcmin = _stretch(positions) / grid.pixel_value
    fwhm_arcmin = _matching_fwhm_arcmin(image.beam_arcmin, beam_arcmin)
    kernel = fwhm_arcmin * SIGMA_PER_FWHM * pixels_per_arcmin
    on_pixels = bool(np.abs(positions - np.rint(positions)).max() < _ON_PIXEL)
    _check_counts(image, grid, beam_arcmin, untouched=on_pixels and fwhm_arcmin == 0.0)
    values, mask, positions = _window(image, positions, np.ceil(_KERNEL_REACH * kernel) + _SPLINE_REACH)
    masked = ndimage.map_coordinates(mask.astype(float), positions, order=1, mode="nearest") > _ON_PIXEL
    if masked.any():
        _check_masked(masked, max_masked_fraction, image)
        notes.append(
            f"{int(masked.sum())} of {masked.size} pixels have no measurement; filled from around them"
        )
    _fill_holes(values, mask, math.ceil(beam_arcmin * pixels_per_arcmin.max()))
    if fwhm_arcmin > 0.0:
        values = ndimage.gaussian_filter(values, kernel, mode="nearest", truncate=_KERNEL_REACH)
        notes.append(
            f"smoothed from a beam of {image.beam_arcmin:.4g} to {beam_arcmin:.4g} arcmin: the noise is now "
            "correlated otherwise than that of an instrument with this beam"
        )
    cut = _picked(values, positions, on_pixels)
    how = "cut out pixel by pixel" if on_pixels else "resampled by a cubic spline"
    notes.append(f"{how}: from pixels of {image.pixel_arcmin:.6g} arcmin to {grid.pixel_value:.6g}")
    kept_mask = masked if masked.any() else None
    return Map(cut, image.quantity, image.unit, grid, "observed", mask=kept_mask, beam_arcmin=beam_arcmin)


def _picked(values: np.ndarray, positions: np.ndarray, on_pixels: bool) -> np.ndarray:
    if on_pixels:
        y, x = np.rint(positions).astype(int)
        return np.asarray(values[y, x])
    return np.asarray(ndimage.map_coordinates(values, positions, order=3, mode="nearest"))


def _stretch(positions: np.ndarray) -> np.ndarray:
    """Return the length of a stamp pixel in image pixels along (y, x), (2,): projections stretch the sky."""
    along_y, along_x = np.gradient(positions, axis=(1, 2))
    return np.asarray(np.median(np.hypot(along_y, along_x), axis=(1, 2)))


def _matching_fwhm_arcmin(has_arcmin: float, wanted_arcmin: float) -> float:
    """Return the FWHM of the Gaussian between two beams: convolution adds variances."""
    if has_arcmin >= wanted_arcmin * (1.0 - TOLERANCE):
        return 0.0
    return math.sqrt(wanted_arcmin**2 - has_arcmin**2)


def _window(
    image: SkyImage, positions: np.ndarray, margin: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values and mask around the positions, and the positions in that window."""
    low = np.maximum(np.floor(positions.min(axis=(1, 2))) - margin, 0).astype(int)
    high = (np.ceil(positions.max(axis=(1, 2))) + margin + 1).astype(int)
    box = (slice(low[0], high[0]), slice(low[1], high[1]))
    return image.values[box].copy(), image.mask[box], positions - low[:, None, None]


def _check_counts(image: SkyImage, grid: Grid, beam_arcmin: float, *, untouched: bool) -> None:
    if image.quantity is MapQuantity.XRAY_COUNTS and not untouched:
        raise MapError(
            "Counts cannot be interpolated or smoothed: they would no longer be Poisson.",
            where=image.path,
            expected=f"pixels of {grid.pixel_value:.4g} and a beam of {beam_arcmin:.4g} arcmin",
            got=f"pixels of {image.pixel_arcmin:.4g} and a beam of {image.beam_arcmin:.4g} arcmin",
            fix="bin the events onto the stamp's pixels",
        )


def _check_masked(masked: np.ndarray, max_fraction: float, image: SkyImage) -> None:
    if masked.mean() > max_fraction or masked.all():
        raise MapError(
            "Too much of the stamp has no measurement.",
            where=image.path,
            expected=f"at most {max_fraction:.3g} of its pixels masked",
            got=f"{masked.mean():.3g}",
            fix="choose another map of this cluster; what is filled in is not measured",
        )


def _fill_holes(values: np.ndarray, mask: np.ndarray, reach: int) -> None:
    """Give each hole the median of the measured pixels within ``reach`` pixels of the box around it."""
    holes, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    for number, box in enumerate(ndimage.find_objects(holes), start=1):
        wide = tuple(slice(max(side.start - reach, 0), side.stop + reach) for side in box)
        around = values[wide][~mask[wide]]
        values[box][holes[box] == number] = np.median(around if around.size else values[~mask])
