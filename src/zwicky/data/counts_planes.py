"""One image of photons, of exposure or of background in a FITS file, and whether it can be what it is given as."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from astropy import units as u
from astropy.wcs import WCS

from zwicky.core.errors import MapError, UnitError
from zwicky.core.quantities import MapQuantity
from zwicky.data.fits_blocks import HduOutline, load, outline
from zwicky.data.fits_cards import card, no_astropy_surprise
from zwicky.data.fits_choice import choose_image
from zwicky.data.fits_in import read_wcs

_COUNT_UNITS: Final = {
    "",
    "count",
    "counts",
    "ct",
    "cts",
    "photon",
    "photons",
    "ph",
    "count / pixel",
    "counts/pixel",
}
_RATE: Final = re.compile(r"/\s*\(?s|s-1|s\^-1|s\*\*-1|sec|erg|cm|flux|rate", re.IGNORECASE)
_SHORTEST_S: Final = 20.0
"""The shallowest survey, eRASS1, has 40 s at the equator: exposures that end below this are relative, or in ks."""
_LONGEST_S: Final = 3e7
"""A year: the deepest Chandra field has 7 Ms."""
_SAME_PIXEL: Final = 0.1  # [pixel] by which two images of one field may be shifted
_NEGATIVE_PART: Final = 1e-3  # [1] of a background: rounding around zero, which is set to zero


@dataclass(frozen=True, eq=False)
class Plane:
    """One image of one file: NaN where it says nothing."""

    values: np.ndarray
    hdu: HduOutline
    wcs: WCS | None
    pixel_arcmin: float | None
    unit: str


def read_plane(
    name: str | Path, quantities: tuple[MapQuantity, ...], max_pixels: int, notes: list[str]
) -> Plane:
    """Read one image of a file; what is not a number is NaN."""
    match = re.fullmatch(r"(.+)\[(\w+)\]", str(name))
    path, wanted = (match[1], match[2]) if match else (str(name), None)
    hdus, remarks = outline(Path(path), max_pixels=max_pixels)
    stated = [
        card(one.header, "QUANTITY", one.where) for one in hdus if wanted in (None, one.name, str(one.index))
    ]
    quantity = next((one for one in quantities if one.value in stated), quantities[0])
    hdu = choose_image(hdus, quantity, wanted)
    wcs, pixel = read_wcs(hdu, remarks)
    data = load(hdu, remarks)
    notes.extend(remarks)
    with np.errstate(invalid="ignore"):
        values = data.reshape(data.shape[-2:]).astype(np.float64)
    values[~np.isfinite(values)] = np.nan
    return Plane(values, hdu, wcs, pixel, str(card(hdu.header, "BUNIT", hdu.where) or "").strip())


def check_same_place(plane: Plane, counts: Plane, what: str) -> None:
    """Raise a MapError unless an image has the shape and, if both have a WCS, the place of the counts."""
    if plane.values.shape != counts.values.shape:
        raise MapError(
            f"The {what} has another shape than the counts.",
            where=plane.hdu.where,
            expected=f"{counts.values.shape} (y, x), as {counts.hdu.path}",
            got=plane.values.shape,
        )
    if plane.wcs is None or counts.wcs is None:
        return
    y, x = (np.array(counts.values.shape) - 1.0)[:, None] * np.array([[0, 0, 0.5, 1, 1], [0, 1, 0.5, 0, 1]])
    with no_astropy_surprise(f"{plane.hdu.where}: WCS", []):
        other_x, other_y = plane.wcs.world_to_pixel(counts.wcs.pixel_to_world(x, y))
    shift = float(np.max(np.hypot(other_x - x, other_y - y)))
    if not shift <= _SAME_PIXEL:
        raise MapError(
            f"The {what} lies elsewhere on the sky than the counts.",
            where=f"{plane.hdu.where}: WCS",
            expected=f"the same pixels as {counts.hdu.path}, within {_SAME_PIXEL:g} pixel",
            got=f"{shift:.3g} pixels away",
            fix="make both images with the same WCS",
        )


def check_counting_unit(plane: Plane, what: str) -> None:
    """Raise a UnitError unless BUNIT is that of counts, or absent."""
    if plane.unit.lower() in _COUNT_UNITS:
        return
    rate = _RATE.search(plane.unit) is not None
    raise UnitError(
        f"The {what} are rates or fluxes, not counts." if rate else f"The {what} are not in counts.",
        where=f"{plane.hdu.where}: BUNIT",
        expected="count: photons per pixel",
        got=repr(plane.unit),
        fix="give the image of events before it is divided by the exposure, and the exposure as a file of its own"
        if rate
        else "bin the events into an image, or correct BUNIT",
    )


def check_whole(plane: Plane) -> None:
    """Raise a MapError unless the image holds whole numbers from 0 on."""
    values = plane.values[np.isfinite(plane.values)]
    if values.size == 0:
        raise MapError("The image holds no number.", where=plane.hdu.where, expected="counts", got="NaN only")
    if values.min() < 0.0:
        raise MapError(
            "Counts are negative.",
            where=plane.hdu.where,
            expected="0 or more photons per pixel",
            got=f"{values.min():g}, and {int((values < 0).sum())} pixels below zero",
            fix="give the counts before the background is subtracted; mark bad pixels with NaN, BLANK or a mask",
        )
    fractional = values != np.rint(values)
    if fractional.any():
        raise MapError(
            "Counts are not whole numbers: this is an image of rates or fluxes, or it was smoothed or resampled.",
            where=plane.hdu.where,
            expected="whole photons per pixel",
            got=f"{int(fractional.sum())} fractions, such as {values[fractional][0]:.4g}",
            fix="give the image of events as the pipeline binned it, and the exposure as a file of its own",
        )


def seconds_per_unit(plane: Plane, stated: str | None, notes: list[str]) -> float:
    """Return the factor from the exposure's unit to seconds."""
    where = "exposure_unit" if stated is not None else f"{plane.hdu.where}: BUNIT"
    text = plane.unit if stated is None else stated
    if not text:
        notes.append("the exposure has no unit: taken as seconds")
        return 1.0
    spelled = {"sec": "s", "second": "s", "seconds": "s", "secs": "s", "ksec": "ks"}.get(text.lower(), text)
    try:
        return float(u.Unit(spelled).to(u.s))
    except (ValueError, TypeError) as error:  # astropy's UnitConversionError is a TypeError
        raise UnitError(
            "The exposure is not a time.",
            where=where,
            expected="s or ks",
            got=repr(text),
            fix="give the exposure map in seconds; divide one in cm2 s by the effective area on axis",
        ) from error


def check_seconds(seconds: np.ndarray, where: str, *, stated: bool) -> None:
    """Raise a MapError unless these can be exposures in seconds; ``stated`` ones are not doubted."""
    if np.nanmin(seconds) < 0.0 or not np.nanmax(seconds) > 0.0:
        raise MapError(
            "The exposure is negative, or zero everywhere.",
            where=where,
            expected="seconds, 0 where nothing was exposed",
            got=f"{np.nanmin(seconds):g} to {np.nanmax(seconds):g}",
        )
    longest = float(np.nanmax(seconds))
    if not (stated or _SHORTEST_S <= longest <= _LONGEST_S):
        relative = longest <= 1.0
        raise MapError(
            "The exposure is relative, not in seconds." if relative else "The exposure cannot be in seconds.",
            where=where,
            expected=f"a longest exposure between {_SHORTEST_S:g} and {_LONGEST_S:g} s",
            got=f"{longest:g} at most",
            fix="multiply it by the time on axis"
            if relative
            else 'correct BUNIT, or state the unit: exposure_unit="ks" (or "s", if it is right)',
        )


def not_negative(plane: Plane, notes: list[str]) -> np.ndarray:
    """Return the background with what is below zero by rounding at zero; more than that is a MapError."""
    below = float(-np.nansum(np.minimum(plane.values, 0.0)))
    if below > _NEGATIVE_PART * float(np.nansum(np.abs(plane.values))):
        raise MapError(
            "The background is negative.",
            where=plane.hdu.where,
            expected="expected counts per pixel, 0 or more",
            got=f"{np.nanmin(plane.values):g}",
        )
    if below > 0.0:
        notes.append("a background below zero by rounding was set to zero")
    return np.maximum(plane.values, 0.0)
