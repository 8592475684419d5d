"""Cutting the stamp that a network expects out of an image of the sky.

A stamp is a tangent-plane image, north up and east to the left, with the cluster at its centre and the pixel
and beam of the training set. What is done on the way (resampling, smoothing, filling) is noted in words.
"""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.utils.exceptions import AstropyWarning
from astropy.wcs import WCS
from scipy import ndimage

from zwicky.core.errors import ConfigError, MapError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map
from zwicky.core.peak import highest_point
from zwicky.data.fits_cards import no_astropy_surprise
from zwicky.data.fits_choice import TOLERANCE
from zwicky.data.fits_in import SkyImage
from zwicky.data.resample import resampled
from zwicky.instruments.instrument import SIGMA_PER_FWHM

_ROUNDING: Final = 0.01  # [pixel] by which a WCS may miss the edge of the map


@dataclass(frozen=True, eq=False)
class Stamp:
    """A map ready for a network, and how it was made.

    Parameters
    ----------
    map : Map
        Stage "observed", in the unit that its quantity is kept in. Pixels without a measurement are filled
        and stay marked in its mask.
    center : SkyCoord, optional
        The sky position of its centre; None if the image had no WCS.
    offset_arcmin : float [arcmin]
        How far recentring moved the centre.
    notes : tuple of str
        What was done, in words.
    """

    map: Map
    center: SkyCoord | None
    offset_arcmin: float
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Aim:
    """Where a stamp is centred: on the sky; or, if ``pixel`` is given, at that (y, x) of the image."""

    sky: SkyCoord | None
    pixel: tuple[float, float] | None = None


def parse_center(text: str) -> SkyCoord:
    """Read a position on the sky (ICRS).

    Parameters
    ----------
    text : str
        ``"194.953,27.981"`` [deg], or ``"12:59:48.7 +27:58:50"`` or ``"12h59m48.7s,+27d58m50s"``
        [hours and degrees].

    Raises
    ------
    ConfigError
        If it is not a right ascension in 0..360 deg and a declination in -90..90 deg.
    """
    parts = [part for part in re.split(r"[,\s]+", text.strip()) if part]
    if len(parts) == 6:
        parts = [":".join(parts[:3]), ":".join(parts[3:])]
    try:
        ra, dec = parts
        in_degrees = re.fullmatch(r"[-+.\deE]+", ra) is not None
        if in_degrees and not 0.0 <= float(ra) <= 360.0:
            raise ValueError(f"right ascension {ra} deg is outside 0..360")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # astropy turns 60 minutes into an hour, with a warning
            return SkyCoord(ra, dec, unit=(u.deg if in_degrees else u.hourangle, u.deg))
    except (ValueError, u.UnitsError, AstropyWarning) as error:
        raise ConfigError(
            "This position on the sky cannot be read.",
            where="--center",
            expected="RA,DEC in degrees, or sexagesimal hours and degrees (ICRS)",
            got=f"{text!r} ({' '.join(str(error).split())})",
            fix="for example --center 194.953,27.981 or --center '12:59:48.7 +27:58:50'",
        ) from error


def tangent_wcs(center: SkyCoord, grid: Grid) -> WCS:
    """Return the WCS of a "sky" grid around a position: gnomonic (TAN), north up, east to the left, ICRS."""
    if grid.kind != "sky":
        raise MapError(
            "Only a grid in arcmin has a place on the sky.", expected="a 'sky' grid", got=str(grid)
        )
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.crval = [center.icrs.ra.deg, center.icrs.dec.deg]
    wcs.wcs.crpix = [(grid.n_pixels + 1) / 2.0] * 2  # FITS counts from 1
    wcs.wcs.cdelt = [-grid.pixel_value / 60.0, grid.pixel_value / 60.0]
    wcs.wcs.set()
    return wcs


def cut_stamp(
    image: SkyImage,
    grid: Grid,
    *,
    center: SkyCoord | None,
    beam_arcmin: float,
    recentre_arcmin: float | None = None,
    max_masked_fraction: float = 0.02,
) -> Stamp:
    """Cut, resample and smooth an image to the stamp that a network was trained on.

    With a WCS the stamp is a tangent plane around ``center``; without one it is the middle of the image.
    Between pixels a cubic spline interpolates; where all pixels of the stamp fall on pixels of the image
    (within 1e-3 pixel; without a WCS, when the pixel scales agree within 1 %) nothing is interpolated. A
    smaller beam is brought to the wanted one by a Gaussian whose FWHM is the difference in quadrature.

    Parameters
    ----------
    image : SkyImage
        At least as large as the stamp.
    grid : Grid
        The pixels wanted; kind "sky".
    center : SkyCoord or None
        Where the cluster is. None if the image has no WCS, or is exactly the stamp.
    beam_arcmin : float [arcmin]
        FWHM wanted.
    recentre_arcmin : float, optional [arcmin]
        Move to the highest point of the map, smoothed once more by the beam, within this radius.
    max_masked_fraction : float [1]
        More pixels without measurement than this are refused; fewer are filled with the median around them.

    Raises
    ------
    MapError
        If the stamp does not lie on the image, or the pixel or beam is too coarse.
    """
    _check_sizes(image, grid, beam_arcmin)
    aim = _first_aim(image, grid, center)
    notes: list[str] = []
    offset_arcmin = 0.0
    if recentre_arcmin is not None:
        wide = resampled(image, grid, _positions(image, grid, aim), beam_arcmin, max_masked_fraction, [])
        dy, dx = _peak_arcmin(wide, recentre_arcmin, beam_arcmin, notes)
        aim, offset_arcmin = _moved(aim, image, grid, dy, dx), math.hypot(dy, dx)
        up, right = ("up", "right") if aim.sky is None else ("north", "west")
        notes.append(f"recentred by {offset_arcmin:.2f} arcmin ({dy:+.2f} {up}, {dx:+.2f} {right})")
    cut = resampled(image, grid, _positions(image, grid, aim), beam_arcmin, max_masked_fraction, notes)
    return Stamp(cut, aim.sky, offset_arcmin, (*image.notes, *notes))


def _check_sizes(image: SkyImage, grid: Grid, beam_arcmin: float) -> None:
    if grid.kind != "sky" or grid.n_pixels < 2:
        raise MapError(
            "A stamp is cut on the sky.", expected="a 'sky' grid of 2 pixels or more", got=str(grid)
        )
    if not image.pixel_arcmin <= beam_arcmin / 2.0:
        raise MapError(
            "The pixels are too coarse for the beam.",
            where=image.path,
            expected=f"pixels of at most half the beam, {beam_arcmin / 2.0:.4g} arcmin",
            got=f"{image.pixel_arcmin:.4g} arcmin",
            fix="make the map with smaller pixels; interpolating it would invent what is between them",
        )
    if not image.beam_arcmin <= beam_arcmin * (1.0 + TOLERANCE):
        raise MapError(
            "The map is blurrier than what the network was trained on.",
            where=image.path,
            expected=f"a beam of at most {beam_arcmin:.4g} arcmin",
            got=f"{image.beam_arcmin:.4g} arcmin",
            fix="a beam cannot be taken out: train with this beam, or choose a network that was",
        )
    shortest_arcmin = min(image.values.shape) * image.pixel_arcmin
    if shortest_arcmin < grid.width.value * (1.0 - TOLERANCE):
        raise MapError(
            "The map is smaller than the stamp.",
            where=image.path,
            expected=f"{grid.width.value:.4g} arcmin or more per side",
            got=f"{' x '.join(map(str, image.values.shape[::-1]))} pixels of {image.pixel_arcmin:.4g} arcmin",
            fix="give a larger map, or a network for smaller stamps",
        )


def _first_aim(image: SkyImage, grid: Grid, center: SkyCoord | None) -> _Aim:
    middle = ((image.values.shape[0] - 1) / 2.0, (image.values.shape[1] - 1) / 2.0)
    if image.wcs is None:
        if center is not None:
            raise MapError(
                "The map has no WCS: a position on the sky cannot be found in it.",
                where=image.path,
                expected="a celestial WCS in the header, or no --center",
                got=f"--center {center.to_string()}",
                fix="leave --center out if the cluster is in the middle of the map",
            )
        return _Aim(None, middle)
    if center is not None:
        _check_inside(image, center)
        return _Aim(center)
    if image.values.shape == grid.shape and _same_pixel(image, grid):
        return _Aim(_pixel_to_sky(image, *middle), middle)
    raise MapError(
        "Where in this map is the cluster?",
        where=image.path,
        expected="a position on the sky, as the map is larger than the stamp",
        got="none",
        fix="give --center RA,DEC in degrees",
    )


def _same_pixel(image: SkyImage, grid: Grid) -> bool:
    return math.isclose(image.pixel_arcmin, grid.pixel_value, rel_tol=TOLERANCE)


def _sky_to_pixels(image: SkyImage, sky: SkyCoord) -> np.ndarray:
    """Return (y, x) in the image, (2, ...); NaN where the projection does not reach."""
    with no_astropy_surprise(f"{image.path}: WCS", []):
        x, y = image.wcs.world_to_pixel(sky)  # type: ignore[union-attr]
    return np.array([y, x], dtype=float)


def _pixel_to_sky(image: SkyImage, y: float, x: float) -> SkyCoord | None:
    if image.wcs is None:
        return None
    with no_astropy_surprise(f"{image.path}: WCS", []):
        return image.wcs.pixel_to_world(x, y).icrs


def _outside_pixels(image: SkyImage, positions: np.ndarray) -> float:
    """Return by how many pixels the furthest position lies beyond the edge; NaN if one has no pixel."""
    last = np.array(image.values.shape, float).reshape(2, *[1] * (positions.ndim - 1)) - 0.5
    return float(np.max(np.maximum(-0.5 - positions, positions - last)))


def _check_inside(image: SkyImage, center: SkyCoord) -> None:
    outside = _outside_pixels(image, _sky_to_pixels(image, center))
    if not outside <= 0.0:
        by = "where the projection does not reach"
        if not math.isnan(outside):
            by = f"{outside * image.pixel_arcmin:.4g} arcmin outside"
        raise MapError(
            "The position lies outside the map.",
            where=f"{image.path}: --center",
            expected="a position on the map",
            got=f"{center.to_string()}, {by}",
            fix="check the order RA,DEC and the unit (degrees), or give another map",
        )


def _positions(image: SkyImage, grid: Grid, aim: _Aim) -> np.ndarray:
    """Return where in the image (y, x) the pixels of the stamp lie, (2, n, n)."""
    if aim.pixel is not None:
        index = (np.arange(grid.n_pixels) - (grid.n_pixels - 1) / 2.0) * _image_pixels_per_pixel(image, grid)
        positions = np.stack(np.meshgrid(index + aim.pixel[0], index + aim.pixel[1], indexing="ij"))
    else:
        y, x = np.indices(grid.shape)
        positions = _sky_to_pixels(image, tangent_wcs(aim.sky, grid).pixel_to_world(x, y))
    outside = _outside_pixels(image, positions)
    if not outside <= _ROUNDING:
        by = "pixels where the projection does not reach"
        if not math.isnan(outside):
            by = f"{outside * image.pixel_arcmin:.4g} arcmin between its outermost pixels and the map"
        raise MapError(
            "The stamp reaches over the edge of the map.",
            where=image.path,
            expected=f"{grid.width.value:.4g} arcmin of map around the centre",
            got=by,
            fix="give a map that reaches further, or a network for smaller stamps",
        )
    if max(np.abs(np.diff(positions, axis=axis)).max() for axis in (1, 2)) > min(image.values.shape) / 4.0:
        raise MapError(
            "The stamp lies across the seam of the projection.",
            where=image.path,
            expected="neighbours on the sky that are neighbours in the map",
            got="a jump of more than a quarter of the map",
            fix="cut the map around the cluster first, so that the seam is elsewhere",
        )
    return positions


def _image_pixels_per_pixel(image: SkyImage, grid: Grid) -> float:
    return 1.0 if _same_pixel(image, grid) else grid.pixel_value / image.pixel_arcmin


def _moved(aim: _Aim, image: SkyImage, grid: Grid, dy_arcmin: float, dx_arcmin: float) -> _Aim:
    dy, dx = dy_arcmin / grid.pixel_value, dx_arcmin / grid.pixel_value
    if aim.pixel is not None:
        step = _image_pixels_per_pixel(image, grid)
        y, x = aim.pixel[0] + step * dy, aim.pixel[1] + step * dx
        return _Aim(_pixel_to_sky(image, y, x), (y, x))
    middle = (grid.n_pixels - 1) / 2.0
    return _Aim(tangent_wcs(aim.sky, grid).pixel_to_world(middle + dx, middle + dy))


def _peak_arcmin(cut: Map, radius_arcmin: float, beam_arcmin: float, notes: list[str]) -> tuple[float, float]:
    """Return (dy, dx) of the highest point within a radius of the centre, refined by a parabola per axis."""
    if not (math.isfinite(radius_arcmin) and radius_arcmin > 0.0):
        raise MapError("The radius of recentring must be positive.", expected="arcmin > 0", got=radius_arcmin)
    pixel = cut.grid.pixel_value
    smooth = ndimage.gaussian_filter(cut.values, beam_arcmin * SIGMA_PER_FWHM / pixel, mode="nearest")
    peak = highest_point(smooth, cut.grid, radius_arcmin)
    if peak.at_edge:
        notes.append("the highest point lies at the edge of the search radius: it may be another source")
    return peak.dy, peak.dx
