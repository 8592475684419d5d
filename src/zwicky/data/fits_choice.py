"""Which image of a FITS file is meant, and in which unit it is."""

from __future__ import annotations

import math
from typing import Final, Protocol

from astropy import units as u

from zwicky.core.errors import FitsError, UnitError
from zwicky.core.quantities import MapQuantity, check_unit
from zwicky.core.units import parse_unit, unit_text
from zwicky.data.fits_blocks import HduOutline
from zwicky.data.fits_cards import card

TOLERANCE: Final = 0.01  # [1] relative; further apart, a header and an option contradict each other
_FEWEST_PIXELS: Final = 8  # [pixel] per side: the smallest image that can show a cluster and its surroundings


class UnitRule(Protocol):
    """Decide the unit of an image."""

    def __call__(
        self, hdu: HduOutline, quantity: MapQuantity, stated: str | u.UnitBase | None, notes: list[str]
    ) -> float:
        """Return the factor to the unit that the quantity is kept in, from BUNIT or what is stated."""


def choose_image(hdus: list[HduOutline], quantity: MapQuantity, wanted: int | str | None) -> HduOutline:
    """Return the only image, the only one that says it shows a quantity, or the one that was asked for.

    Parameters
    ----------
    hdus : list of HduOutline
        Of a file.
    quantity : MapQuantity
        Where several images say in QUANTITY what they show, the one that shows this is taken.
    wanted : int or str or None
        Number or EXTNAME.

    Raises
    ------
    FitsError
        If there is not exactly one such image of two axes and 8 pixels or more.
    """
    if wanted is None:
        images = [one for one in hdus if one.is_image and _is_flat(one)]
        named = [one for one in images if card(one.header, "QUANTITY", one.where) == quantity.value]
        found = named or images
    else:
        found = [
            one for one in hdus if wanted in (one.index, str(one.index)) or str(wanted).upper() == one.name
        ]
    if len(found) != 1:
        packed = any(card(one.header, "ZIMAGE", one.where) is True for one in hdus)
        raise FitsError(
            "The file holds several images." if found else "The file holds no such image.",
            where=str(hdus[0].path),
            expected="one image of two axes" if wanted is None else f"one image HDU {wanted!r}",
            got="; ".join(str(one) for one in hdus),
            fix="unpack it first: funpack FILE"
            if packed
            else "name the image: --hdu N (a number or an EXTNAME)",
        )
    chosen = found[0]
    if not (chosen.is_image and _is_flat(chosen) and min(chosen.axes[:2]) >= _FEWEST_PIXELS):
        raise FitsError(
            "This HDU is not an image that can be used.",
            where=chosen.where,
            expected=f"two axes of {_FEWEST_PIXELS} pixels or more (further axes of length 1 do no harm)",
            got=str(chosen),
            fix="cut one plane out of a cube; or name another image: --hdu N",
        )
    return chosen


def _is_flat(hdu: HduOutline) -> bool:
    return len(hdu.axes) >= 2 and all(length == 1 for length in hdu.axes[2:])


def unit_factor(
    hdu: HduOutline, quantity: MapQuantity, stated: str | u.UnitBase | None, notes: list[str]
) -> float:
    """Return the factor to the unit that a quantity is kept in.

    Parameters
    ----------
    hdu : HduOutline
        Its BUNIT is read.
    quantity : MapQuantity
        What the image shows.
    stated : str or astropy unit or None
        What the option --unit says.
    notes : list of str
        What was assumed is added here.

    Raises
    ------
    UnitError
        If there is no unit, it is not known, does not measure the quantity, or BUNIT and the option contradict.
    """
    where = f"{hdu.where}: BUNIT"
    written = card(hdu.header, "BUNIT", where)
    if stated is None:
        return check_unit(
            quantity, parse_unit(None if written is None else str(written), where=where), where=where
        )
    option = parse_unit(stated, where="--unit") if isinstance(stated, str) else stated
    factor = check_unit(quantity, option, where="--unit")
    notes.append(f"unit {unit_text(option)} as stated by --unit")
    try:
        header_unit = parse_unit(None if written is None else str(written), where=where)
    except UnitError:
        if written:
            notes.append(f"BUNIT {written!r} is not a known unit and was overruled by --unit")
        return factor
    if not (
        header_unit.is_equivalent(option) and math.isclose(header_unit.to(option), 1.0, rel_tol=TOLERANCE)
    ):
        raise UnitError(
            "The header and --unit contradict each other.",
            where=where,
            expected=f"{unit_text(option)} (--unit)",
            got=f"{written!r} (BUNIT)",
            fix="leave --unit out, or correct the header",
        )
    return factor
