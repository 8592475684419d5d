"""Reading an image of the sky from FITS: nothing is guessed, and every number says where it comes from.

The pixel scale, the beam and the unit come from the header or from an option. A missing one is an error that
names the option; two that disagree by more than a percent are an error that names both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from astropy import units as u
from astropy.wcs import WCS

from zwicky.core.errors import FitsError, MapError
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.data.fits_blocks import HduOutline, load, outline
from zwicky.data.fits_cards import card, no_astropy_surprise, number
from zwicky.data.fits_choice import TOLERANCE, UnitRule, choose_image, unit_factor

MAX_PIXELS: Final = 64_000_000  # [pixel] of an image; larger ones must be asked for
# The hottest clusters reach y of a few 1e-4, the best maps a noise near 1e-7: far outside, a unit is wrong.
_LARGEST_Y: Final = 1e-2
_SMALLEST_Y: Final = 1e-9
_UNSEEN: Final = -1.6375e30  # HEALPix marks missing pixels with this number


@dataclass(frozen=True, eq=False)
class SkyImage:
    """An image as a telescope's pipeline left it, larger than or equal to the stamp that will be cut.

    Parameters
    ----------
    values : (y, x) float64 array
        In ``unit``; NaN under the mask and nowhere else.
    mask : (y, x) bool array
        True where there is no measurement.
    quantity : MapQuantity
        What it shows.
    unit : astropy unit
        The one that the quantity is kept in.
    pixel_arcmin : float [arcmin]
        Side of a pixel, at the reference point of the projection.
    beam_arcmin : float [arcmin]
        FWHM of its Gaussian beam.
    wcs : astropy WCS, optional
        Celestial, two axes; None if the header has none.
    header_redshift : float, optional
        What REDSHIFT or Z says, unchecked: whether it is the cluster's is for the caller to decide.
    path : str
        Where it was read.
    notes : tuple of str
        What was assumed, repaired or ignored, in words.

    Raises
    ------
    MapError
        If the values are not two-dimensional or not numbers outside the mask.
    """

    values: np.ndarray
    mask: np.ndarray
    quantity: MapQuantity
    unit: u.UnitBase
    pixel_arcmin: float
    beam_arcmin: float
    wcs: WCS | None = None
    header_redshift: float | None = None
    path: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.mask.shape != self.values.shape:
            raise MapError(
                "An image has two axes, and its mask has the same.",
                where=self.path,
                expected="shapes (y, x)",
                got=f"{self.values.shape} and {self.mask.shape}",
            )
        if not np.array_equal(np.isfinite(self.values), ~self.mask):
            raise MapError("An image is NaN under its mask and finite elsewhere.", where=self.path)


def read_image(
    path: str | Path,
    quantity: MapQuantity,
    *,
    unit: str | u.UnitBase | None = None,
    pixel_arcmin: float | None = None,
    beam_arcmin: float | None = None,
    hdu: int | str | None = None,
    max_pixels: int = MAX_PIXELS,
    unit_rule: UnitRule = unit_factor,
) -> SkyImage:
    """Read one image of the sky from a FITS file, plain or gzipped.

    Parameters
    ----------
    path, quantity : str or Path, MapQuantity
        The file, and what it shows; a QUANTITY in the header must agree.
    unit : str or astropy unit, optional
        If the header has no BUNIT, or one that is not known.
    pixel_arcmin : float, optional [arcmin]
        If the header has neither a celestial WCS nor a CDELT with an angular CUNIT.
    beam_arcmin : float, optional [arcmin]
        FWHM of the beam, if the header has no BMAJ.
    hdu : int or str, optional
        Number or EXTNAME, if the file holds several images.
    max_pixels : int
        Larger images are refused before their data are read.
    unit_rule : UnitRule
        What makes a unit of BUNIT and ``unit``.

    Returns
    -------
    SkyImage
        In the unit that the quantity is kept in; what is NaN, infinite, BLANK or HEALPix's UNSEEN is masked.

    Raises
    ------
    FitsError
        If the file is damaged, too large, or does not hold exactly one image to read.
    UnitError, MapError
        If unit, pixel scale or beam is missing or contradictory, or the values cannot be such a map.
    """
    hdus, notes = outline(Path(path), max_pixels=max_pixels)
    chosen = choose_image(hdus, quantity, hdu)
    _check_quantity(chosen, quantity)
    factor = unit_rule(chosen, quantity, unit, notes)
    wcs, header_pixel = read_wcs(chosen, notes)
    pixel = settle("pixel scale", "--pixel-scale", "the WCS", header_pixel, pixel_arcmin, chosen, notes)
    beam = settle("beam", "--beam", "BMAJ", _header_beam_arcmin(chosen, notes), beam_arcmin, chosen, notes)
    _check_beam(beam, pixel, chosen)
    redshift = _header_redshift([chosen, hdus[0]], notes)
    values, mask = _measured(load(chosen, notes), quantity, factor, chosen, notes)
    return SkyImage(
        values,
        mask,
        quantity,
        UNIT_OF[quantity],
        pixel,
        beam,
        wcs,
        redshift,
        str(path),
        tuple(dict.fromkeys(notes)),
    )


def _check_quantity(chosen: HduOutline, quantity: MapQuantity) -> None:
    stated = card(chosen.header, "QUANTITY", chosen.where)
    if stated is not None and stated != quantity.value:
        raise MapError(
            "The image shows another quantity than was asked for.",
            where=f"{chosen.where}: QUANTITY",
            expected=quantity.value,
            got=repr(stated),
        )


def read_wcs(hdu: HduOutline, notes: list[str]) -> tuple[WCS | None, float | None]:
    """Return the celestial WCS, and the pixel scale [arcmin] that it or an angular CUNIT states."""
    where = f"{hdu.where}: WCS"
    if not _states_a_scale(hdu, where):
        return None, None
    with no_astropy_surprise(where, notes):
        full = WCS(hdu.header)
        full.wcs.set()
        celestial = full.celestial if {full.wcs.lng, full.wcs.lat} == {0, 1} else None
        frame = full if celestial is None else celestial
        units = list(frame.wcs.cunit)[:2]
        angular = all(unit.is_equivalent(u.arcmin) for unit in units)
        per_pixel = frame.pixel_scale_matrix[:2, :2]
        matrix = per_pixel * [[unit.to(u.arcmin)] for unit in units] if angular else per_pixel
    if celestial is not None:
        _check_reference(hdu, where)
    elif any(full.wcs.ctype):
        notes.append(
            f"the WCS ({', '.join(full.wcs.ctype)}) is not celestial: the image has no place on the sky"
        )
    if not angular:
        return celestial, None
    long_side, short_side = np.linalg.svd(matrix, compute_uv=False)
    if not long_side <= short_side * (1.0 + TOLERANCE):
        raise MapError(
            "The pixels are not square.",
            where=where,
            expected=f"sides that agree within {TOLERANCE:.0%}",
            got=f"{long_side:.6g} x {short_side:.6g} arcmin",
            fix="resample the map onto square pixels first",
        )
    # On the sky, east is to the left of north: longitude and latitude against (x, y) make a left-handed pair.
    if celestial is not None and np.linalg.det(matrix) * (1 if celestial.wcs.lng == 0 else -1) > 0.0:
        notes.append("east lies clockwise of north (a mirror image, CDELT1 > 0); the WCS is trusted")
    return celestial, math.sqrt(long_side * short_side)


def _states_a_scale(hdu: HduOutline, where: str) -> bool:
    """Say whether the pixel scale is written: the standard's default of 1 per pixel would be a guess."""
    matrix = [number(hdu.header, f"CD{i}_{j}", where) for i in (1, 2) for j in (1, 2)]
    steps = [number(hdu.header, f"CDELT{i}", where) for i in (1, 2)]
    return None not in steps or matrix != [None] * 4


def _check_reference(hdu: HduOutline, where: str) -> None:
    """Refuse a celestial WCS without a reference point: the standard's default is (0, 0)."""
    keywords = ("CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2")
    missing = [keyword for keyword in keywords if number(hdu.header, keyword, where) is None]
    if missing:
        raise FitsError(
            "The WCS has no reference point.",
            where=where,
            expected=", ".join(keywords),
            got=f"no {', '.join(missing)}",
            fix="correct the header",
        )


def _header_beam_arcmin(hdu: HduOutline, notes: list[str]) -> float | None:
    """Return the FWHM [arcmin] of a round beam from BMAJ and BMIN, in degrees as AIPS and CASA write them."""
    major, minor = (number(hdu.header, keyword, hdu.where) for keyword in ("BMAJ", "BMIN"))
    if major is None or minor is None:
        notes.extend([] if major is None else ["no BMIN: the beam is taken as round"])
        return None if major is None else 60.0 * major
    if not math.isclose(major, minor, rel_tol=TOLERANCE):
        raise MapError(
            "The beam is not round.",
            where=f"{hdu.where}: BMAJ, BMIN",
            expected=f"axes that agree within {TOLERANCE:.0%}",
            got=f"{60.0 * major:.6g} x {60.0 * minor:.6g} arcmin",
            fix="smooth the map to a round beam first",
        )
    return 30.0 * (major + minor)


def _check_beam(beam_arcmin: float, pixel_arcmin: float, hdu: HduOutline) -> None:
    width_arcmin = min(hdu.axes[:2]) * pixel_arcmin
    if beam_arcmin > width_arcmin:
        raise MapError(
            "The beam is wider than the image.",
            where=f"{hdu.where}: beam",
            expected=f"a FWHM below {width_arcmin:.4g} arcmin",
            got=f"{beam_arcmin:.4g} arcmin",
            fix="BMAJ is in degrees, --beam and --pixel-scale in arcmin",
        )


def settle(
    what: str,
    option: str,
    keyword: str,
    written: float | None,
    stated: float | None,
    hdu: HduOutline,
    notes: list[str],
) -> float:
    """Return a length [arcmin] that the header or an option gives, or both alike."""
    for value, origin in ((written, f"{hdu.where}: {keyword}"), (stated, option)):
        if value is not None and not (math.isfinite(value) and value > 0.0):
            raise MapError(
                f"The {what} must be positive.",
                where=origin,
                expected="a finite number > 0",
                got=f"{value} arcmin",
            )
    if stated is None and written is None:
        raise MapError(
            f"The {what} is not known.",
            where=hdu.where,
            expected=f"{keyword} in the header, or the option {option}",
            got="neither",
            fix=f"state it in arcmin: {option} ARCMIN",
        )
    if stated is None or written is None:
        if stated is not None:
            notes.append(f"{what} {stated:g} arcmin as stated by {option}")
        return float(stated or written or 0.0)
    if not math.isclose(written, stated, rel_tol=TOLERANCE):
        raise MapError(
            f"The header and {option} contradict each other.",
            where=f"{hdu.where}: {keyword}",
            expected=f"{stated:g} arcmin ({option})",
            got=f"{written:.6g} arcmin ({keyword})",
            fix=f"leave {option} out, or correct the header",
        )
    return written


def _header_redshift(hdus: list[HduOutline], notes: list[str]) -> float | None:
    """Return the first of REDSHIFT and Z in the image's header or the primary one, unchecked."""
    for hdu in hdus:
        for keyword in ("REDSHIFT", "Z"):
            value = card(hdu.header, keyword, hdu.where)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                notes.append(f"the header says {keyword} = {value:g}")
                return float(value)
    return None


def _measured(
    data: np.ndarray, quantity: MapQuantity, factor: float, hdu: HduOutline, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return values in the kept unit with NaN under the mask, and the mask."""
    with np.errstate(all="ignore"):  # damaged bits may overflow; what is not finite is masked
        raw = data.reshape(data.shape[-2:]).astype(np.float64)
        values = raw * factor
    mask = ~np.isfinite(values) | np.isclose(raw, _UNSEEN, rtol=1e-6, atol=0.0)
    values[mask] = np.nan
    if mask.all():
        raise MapError(
            "The image holds no number.", where=hdu.where, expected="a map", got=f"{mask.size} pixels of NaN"
        )
    if mask.any():
        notes.append(f"{int(mask.sum())} of {mask.size} pixels are not numbers, and masked")
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low == high:
        raise MapError(
            "The image is the same everywhere.",
            where=hdu.where,
            expected="a map",
            got=f"{low:g} in every pixel",
        )
    if quantity is MapQuantity.COMPTON_Y and not _SMALLEST_Y <= max(-low, high) <= _LARGEST_Y:
        raise MapError(
            "No map of a cluster has such Compton parameters.",
            where=hdu.where,
            expected=f"a largest |y| between {_SMALLEST_Y:g} and {_LARGEST_Y:g}",
            got=f"{low:.4g} to {high:.4g}; {int((np.abs(values) > _LARGEST_Y).sum())} pixels beyond",
            fix="if a factor is missing, correct BUNIT or state --unit '1e-6 Compton-y'; "
            "a few wild pixels are damage: copy the file again, or set them to NaN",
        )
    return values, mask
