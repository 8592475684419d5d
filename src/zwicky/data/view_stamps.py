"""Bringing an image of any pixel, beam and orientation onto the pixels that a mapper was taught with.

A pixel holds the mean over its area. So a stamp is first cut on finer pixels, about as fine as those of the image, and
these are averaged: surface brightness is kept, and where the image's pixels divide those of the stamp, the average is
exact.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from zwicky.core.errors import MapError
from zwicky.core.grid import Grid
from zwicky.data.fits_in import SkyImage
from zwicky.data.stamps import Stamp, cut_stamp

MOST_POINTS: Final = 4
"""Finer pixels along the side of a stamp's pixel: an image with a beam of two pixels or more has no finer structure."""

MAX_NOT_POSITIVE: Final = 0.02
"""[1] More pixels at or below zero than this are noise or a wrong zero level, not a few wiggles of the spline."""

_FLOOR_QUANTILE: Final = 0.01
"""Of the positive pixels: what a pixel at or below zero is set to. Networks see logarithms, where zero has no place."""


def cut_view(image: SkyImage, grid: Grid, *, center: SkyCoord | None, beam_arcmin: float) -> Stamp:
    """Cut, reproject, smooth and average an image to the stamp that a mapper expects.

    Parameters
    ----------
    image : SkyImage
        At least as large as the stamp.
    grid : Grid
        The pixels wanted; kind "sky".
    center : SkyCoord or None
        Where the cluster is; None if the image has no WCS: then it is in the middle.
    beam_arcmin : float [arcmin]
        FWHM wanted.

    Returns
    -------
    Stamp
        Its mask marks pixels of which a part has no measurement.

    Raises
    ------
    MapError
        If the stamp does not lie on the image, the pixel or beam is too coarse, or too much has no measurement.
    """
    points = int(np.clip(round(grid.pixel_value / image.pixel_arcmin), 1, MOST_POINTS))
    image = _binned(image, int(grid.pixel_value / (MOST_POINTS * image.pixel_arcmin)))
    fine = Grid(points * grid.n_pixels, grid.pixel_value / points * u.arcmin, "sky")
    stamp = cut_stamp(image, fine, center=center, beam_arcmin=beam_arcmin)
    if points == 1:
        return stamp
    note = f"averaged over {points} x {points} of these per pixel of {grid.pixel_value:.6g} arcmin"
    mask = None if stamp.map.mask is None else _means(stamp.map.mask.astype(float), points) > 0.0
    averaged = replace(stamp.map, values=_means(stamp.map.values, points), mask=mask, grid=grid)
    return replace(stamp, map=averaged, notes=(*stamp.notes, note))


def made_positive(stamp: Stamp, where: str) -> Stamp:
    """Lift the few pixels at or below zero to the 1 % quantile of the others, with a note.

    Parameters
    ----------
    stamp : Stamp
        Of a quantity that is positive by nature.
    where : str
        The file, for the message.

    Raises
    ------
    MapError
        If more than 2 % are not positive.
    """
    values = stamp.map.values
    low = values <= 0.0
    n_low = int(low.sum())
    if not n_low:
        return stamp
    if n_low > MAX_NOT_POSITIVE * values.size:
        raise MapError(
            "Too many pixels are zero or negative.",
            where=where,
            expected=f"a map without noise and with its background taken off: at most {MAX_NOT_POSITIVE:.0%} of the "
            "stamp not positive",
            got=f"{n_low} of {values.size} pixels",
            fix="smooth the map until its signal is above the noise everywhere, correct its zero level, or leave "
            "this view out",
        )
    floor = float(np.quantile(values[~low], _FLOOR_QUANTILE))
    note = f"{n_low} of {values.size} pixels are not positive, and were set to {floor:.3g}"
    lifted = replace(stamp.map, values=np.where(low, floor, values))
    return replace(stamp, map=lifted, notes=(*stamp.notes, note))


def _means(values: np.ndarray, n: int) -> np.ndarray:
    """Return the means of blocks of n x n pixels."""
    size_y, size_x = (length // n for length in values.shape)
    return np.asarray(values.reshape(size_y, n, size_x, n).mean(axis=(1, 3)))


def _binned(image: SkyImage, n: int) -> SkyImage:
    """Return an image of n times larger pixels: smoothing a very fine one would take minutes.

    A pixel of which less than half was measured is masked. An image with a distorted WCS is left as it is.
    """
    if n < 2 or (image.wcs is not None and image.wcs.has_distortion):
        return image
    size = np.array(image.values.shape) // n
    start = (np.array(image.values.shape) - n * size) // 2
    box = tuple(slice(a, a + n * b) for a, b in zip(start, size, strict=True))
    measured = _means((~image.mask[box]).astype(float), n)
    mask = measured < 0.5
    sums = _means(np.where(image.mask[box], 0.0, image.values[box]), n)
    values = np.where(mask, np.nan, sums / np.where(mask, 1.0, measured))
    wcs = None if image.wcs is None else _binned_wcs(image.wcs, n, start)
    notes = (*image.notes, f"blocks of {n} x {n} pixels were averaged first")
    pixel_arcmin = n * image.pixel_arcmin
    return replace(image, values=values, mask=mask, pixel_arcmin=pixel_arcmin, wcs=wcs, notes=notes)


def _binned_wcs(wcs: WCS, n: int, start: np.ndarray) -> WCS:
    """Return the WCS of blocks of n x n pixels from (y, x) = ``start`` on; astropy's slicing overlooks CD matrices."""
    binned = wcs.deepcopy()
    if wcs.wcs.has_cd():
        binned.wcs.cd = n * wcs.wcs.cd
    else:
        binned.wcs.cdelt = n * np.array(wcs.wcs.cdelt)
    binned.wcs.crpix = (np.array(wcs.wcs.crpix) - start[::-1] - 0.5) / n + 0.5
    binned.wcs.set()
    return binned
