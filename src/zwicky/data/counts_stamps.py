"""Cutting a stamp out of a photon image without making its counts anything but Poisson.

Where the image's pixels divide those of the stamp and both lie along the same directions, whole pixels are added up:
the stamp is then centred on the nearest corner or centre of pixels, and nothing is drawn. Otherwise (another pixel,
another orientation or projection) each photon is put at a random place inside the pixel that counted it, and then
counted by the pixel of the stamp that this place falls on. Whole numbers stay whole, photons are kept or lie outside,
and independent Poisson numbers, shared out at random, stay independent and Poisson; interpolation would correlate them.
The price is a blur of one pixel of the image. Exposure is averaged, background is integrated, over each pixel of the
stamp; outside the image both are zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from zwicky.core.errors import MapError
from zwicky.core.grid import Grid
from zwicky.core.randomness import Key, Stream
from zwicky.data.counts_image import CountsImage
from zwicky.data.fits_cards import no_astropy_surprise
from zwicky.data.stamps import tangent_wcs

_SAME_SCALE: Final = 0.01  # [1] by which a whole number of the image's pixels may miss the stamp's
_ALONG: Final = 0.25  # [image pixel] by which they may drift apart towards the corners of the stamp
_POINTS: Final = 5
"""Points along the side of a stamp's pixel at which exposure and background are looked up."""
_LEAST_EXPOSED: Final = 0.5  # [1] of a stamp: with less, this is not an image of the cluster


def cut_counts(
    image: CountsImage, grid: Grid, *, center: SkyCoord | None, key: Key = Key(0, Stream.PHOTONS)
) -> CountsImage:
    """Return the photons that fall on a stamp: north up and east to the left, or as the image if it has no WCS.

    Parameters
    ----------
    image : CountsImage
        At least in part under the stamp.
    grid : Grid
        The pixels wanted; kind "sky".
    center : SkyCoord or None
        Where the cluster is; None for the middle of an image without WCS.
    key : Key
        Of the random places of photons inside their pixels; its sight-line is the number of the first band.

    Returns
    -------
    CountsImage
        Square. The true pixel is stated, which may differ by 1 % from the wanted one if whole pixels were added.

    Raises
    ------
    MapError
        If the grid is not on the sky, no position can be found, or less than half of the stamp was exposed.
    """
    _check_request(image, grid, center)
    wcs = None if center is None else tangent_wcs(center, grid)
    start = _whole_start(image, grid, wcs)
    cut = _scattered(image, grid, wcs, key) if start is None else _added(image, grid, *start)
    exposed = float((cut.exposure_s > 0.0).any(axis=0).mean())
    if exposed < _LEAST_EXPOSED:
        raise MapError(
            "Less than half of the stamp was exposed.",
            where=image.path,
            expected=f"exposure in {_LEAST_EXPOSED:.0%} of {grid.width:.4g} around the cluster",
            got=f"{exposed:.0%}",
            fix="check the position (RA,DEC in degrees), or give a larger image",
        )
    if exposed < 1.0:
        cut = replace(cut, notes=(*cut.notes, f"{1.0 - exposed:.1%} of the stamp was not exposed"))
    return cut


def _check_request(image: CountsImage, grid: Grid, center: SkyCoord | None) -> None:
    if grid.kind != "sky":
        raise MapError("A stamp is cut on the sky.", expected="a 'sky' grid", got=str(grid))
    if (center is None) != (image.wcs is None):
        raise MapError(
            "Where in this image is the cluster?",
            where=image.path,
            expected="a position on the sky, and an image with a celestial WCS (or neither)",
            got="a position, but no WCS" if image.wcs is None else "a WCS, but no position",
            fix="leave the position out if the cluster is in the middle"
            if image.wcs is None
            else "give RA,DEC",
        )


def _to_image(image: CountsImage, grid: Grid, wcs: WCS | None, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return where in the image pixels (y, x) of the stamp lie, (2, ...); NaN where the projection does not reach."""
    if wcs is None:
        step = grid.pixel_value / image.pixel_arcmin
        middle = (np.array(image.counts.shape[1:]) - 1.0) / 2.0
        own = (grid.n_pixels - 1.0) / 2.0
        return np.array([(y - own) * step + middle[0], (x - own) * step + middle[1]])
    with no_astropy_surprise(f"{image.path}: WCS", []):
        image_x, image_y = image.wcs.world_to_pixel(wcs.pixel_to_world(x, y))  # type: ignore[union-attr]
    return np.array([image_y, image_x], float)


def _whole_start(image: CountsImage, grid: Grid, wcs: WCS | None) -> tuple[int, tuple[int, int]] | None:
    """Return how many image pixels make one of the stamp, and the first one, (y, x); None if they do not fit."""
    n = round(grid.pixel_value / image.pixel_arcmin)
    if n < 1 or abs(grid.pixel_value / (n * image.pixel_arcmin) - 1.0) > _SAME_SCALE:
        return None
    last = grid.n_pixels - 1.0
    corners = _to_image(image, grid, wcs, np.array([0.0, 0.0, last, last]), np.array([0.0, last, 0.0, last]))
    if not np.isfinite(corners).all():
        return None
    middle = corners.mean(axis=1)
    offset = np.array([[-1, -1, 1, 1], [-1, 1, -1, 1]]) * n * last / 2.0
    if np.abs(corners - middle[:, None] - offset).max() > _ALONG * n:
        return None
    start = np.rint(middle - (n * grid.n_pixels - 1.0) / 2.0).astype(int)
    return n, (int(start[0]), int(start[1]))


def _added(image: CountsImage, grid: Grid, n: int, start: tuple[int, int]) -> CountsImage:
    """Crop and add up blocks of n x n pixels from ``start`` on; beyond the image there is nothing."""
    size = n * grid.n_pixels

    def blocks(array: np.ndarray) -> np.ndarray:
        box = np.zeros((len(array), size, size))
        first = [max(-one, 0) for one in start]
        stop = [min(size, length - one) for one, length in zip(start, array.shape[1:], strict=True)]
        if min(b - a for a, b in zip(first, stop, strict=True)) > 0:
            inside = tuple(slice(a, b) for a, b in zip(first, stop, strict=True))
            source = tuple(slice(a + s, b + s) for a, b, s in zip(first, stop, start, strict=True))
            box[(slice(None), *inside)] = array[(slice(None), *source)]
        shape = (len(array), grid.n_pixels, n, grid.n_pixels, n)
        return np.asarray(box.reshape(shape).sum(axis=(2, 4)))

    wcs = None if image.wcs is None else _wcs_of_blocks(image.wcs, n, start)
    note = f"blocks of {n} x {n} pixels were added up" if n > 1 else "cut out pixel by pixel"
    return _stamp(image, blocks, blocks, n**2, n * image.pixel_arcmin, wcs, note)


def _wcs_of_blocks(wcs: WCS, n: int, start: tuple[int, int]) -> WCS:
    """Return the WCS of blocks of n x n pixels from (y, x) = ``start`` on."""
    cut = wcs.deepcopy()
    if wcs.wcs.has_cd():
        cut.wcs.cd = n * wcs.wcs.cd
    else:
        cut.wcs.cdelt = n * np.array(wcs.wcs.cdelt)
    cut.wcs.crpix = (np.array(wcs.wcs.crpix) - np.array(start[::-1]) - 0.5) / n + 0.5
    cut.wcs.set()
    return cut


def _scattered(image: CountsImage, grid: Grid, wcs: WCS | None, key: Key) -> CountsImage:
    """Put each photon at a random place in its pixel, and count it again."""
    step = (np.arange(_POINTS) + 0.5) / _POINTS - 0.5
    along = (np.arange(grid.n_pixels)[:, None] + step).ravel()
    where = np.rint(_to_image(image, grid, wcs, *np.meshgrid(along, along, indexing="ij")))
    inside = np.isfinite(where).all(axis=0)
    y, x = np.where(inside, where, -1).astype(int)
    inside &= (y >= 0) & (x >= 0) & (y < image.counts.shape[1]) & (x < image.counts.shape[2])
    shape = (grid.n_pixels, _POINTS, grid.n_pixels, _POINTS)

    def looked_up(array: np.ndarray) -> np.ndarray:
        """Return the mean over each pixel of the stamp, times the points, of what the image says there."""
        values = [np.where(inside, one[np.where(inside, y, 0), np.where(inside, x, 0)], 0.0) for one in array]
        return np.array([one.reshape(shape).sum(axis=(1, 3)) for one in values])

    def counted(array: np.ndarray) -> np.ndarray:
        if array is image.background:
            return looked_up(array) * (grid.pixel_value / image.pixel_arcmin) ** 2 / _POINTS**2
        keys = [replace(key, sight_line=key.sight_line + band) for band in range(len(array))]
        return np.array([_recount(one, image, grid, wcs, own) for one, own in zip(array, keys, strict=True)])

    note = (
        f"each photon was put at a random place inside its pixel of {image.pixel_arcmin:.6g} arcmin, and counted by "
        f"the pixel of {grid.pixel_value:.6g} arcmin that this falls on"
    )
    return _stamp(image, counted, looked_up, _POINTS**2, grid.pixel_value, wcs, note)


def _recount(counts: np.ndarray, image: CountsImage, grid: Grid, wcs: WCS | None, key: Key) -> np.ndarray:
    pixel_y, pixel_x = np.nonzero(counts)
    number = counts[pixel_y, pixel_x].astype(int)
    place = key.uniform(2, int(number.sum())) - 0.5
    y, x = np.repeat(pixel_y, number) + place[0], np.repeat(pixel_x, number) + place[1]
    if wcs is None:
        step = image.pixel_arcmin / grid.pixel_value
        middle = (np.array(counts.shape) - 1.0) / 2.0
        y, x = ((one - m) * step + (grid.n_pixels - 1.0) / 2.0 for one, m in zip((y, x), middle, strict=True))
    elif y.size:
        with no_astropy_surprise(f"{image.path}: WCS", []):
            x, y = wcs.world_to_pixel(image.wcs.pixel_to_world(x, y))  # type: ignore[union-attr]
    edges = np.arange(grid.n_pixels + 1) - 0.5
    found = np.isfinite(y) & np.isfinite(x)  # behind the tangent plane there is no place
    return np.histogram2d(y[found], x[found], bins=(edges, edges))[0]


def _stamp(
    image: CountsImage,
    summed: Callable[[np.ndarray], np.ndarray],
    averaged: Callable[[np.ndarray], np.ndarray],
    parts: int,
    pixel_arcmin: float,
    wcs: WCS | None,
    note: str,
) -> CountsImage:
    """Return the stamp: counts and background summed, exposure averaged over ``parts`` of each pixel."""
    exposure = averaged(image.exposure_s) / parts
    counts = summed(image.counts)
    # A photon may be put into a pixel of which no looked-up point was exposed: at the edge of the field.
    lost = float(counts[exposure <= 0.0].sum())
    notes = (
        *image.notes,
        note,
        *([f"{lost:g} photons at the edge of the field were left out"] if lost else []),
    )
    background = None if image.background is None else summed(image.background) * (exposure > 0.0)
    dark = np.asarray((exposure <= 0.0).all(axis=0))
    return replace(
        image,
        counts=np.where(exposure > 0.0, counts, 0.0),
        exposure_s=exposure,
        background=background,
        pixel_arcmin=pixel_arcmin,
        wcs=wcs,
        mask=dark if dark.any() else None,
        notes=notes,
    )
