"""Header cards of a FITS file: what astropy raises or warns about them becomes a FitsError."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
from astropy.io import fits
from astropy.wcs import FITSFixedWarning

from zwicky.core.errors import FitsError

CARD: Final = 80  # [byte] FITS standard 4.0, section 4.1
# What decides numbers: these cards must be right. Others may be anything.
_RELIED_ON: Final = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|[PG]COUNT|GROUPS|EXTNAME|BSCALE|BZERO|BLANK|BUNIT|BMAJ|BMIN|QUANTITY|ZIMAGE"
    r"|CHECKSUM|DATASUM|WCSAXES|C(TYPE|UNIT|RPIX|RVAL|DELT|ROTA)\d+|(CD|PC|PV|PS)\d+_\d+|LONPOLE|LATPOLE|RADE(C)?SYS"
    r"|EQUINOX|(A|B|AP|BP)_(ORDER|\d+_\d+)"
)


@contextmanager
def no_astropy_surprise(where: str, notes: list[str]) -> Iterator[None]:
    """Turn what astropy raises or warns into a FitsError; the harmless repairs it reports become notes.

    Harmless is what astropy does to a WCS to make it standard (RADECSYS, dates), and ignoring a BLANK in an
    image of floating-point numbers.
    """
    try:
        with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
            warnings.simplefilter("always")
            yield
    except Exception as error:  # astropy raises nearly every class, its own and numpy's
        raise FitsError(
            "astropy cannot read this part of the file.",
            where=where,
            expected="FITS that astropy can read",
            got=f"{type(error).__name__}: {one_line(error)}",
            fix="check the file with fitsverify, or write it again",
        ) from error
    for one in caught:
        if not (issubclass(one.category, FITSFixedWarning) or "'BLANK' keyword" in str(one.message)):
            raise FitsError(
                "astropy warns of this part of the file.",
                where=where,
                expected="FITS without a warning",
                got=one_line(one.message),
                fix="check the file with fitsverify, or write it again",
            )
        notes.append(f"astropy: {one_line(one.message)}")


def read_header(text: str, where: str, notes: list[str]) -> fits.Header:
    """Return the cards of a header; those that are not FITS are mended by astropy, or left out with a note.

    Raises
    ------
    FitsError
        If a card that decides numbers has no value indicator: astropy would pass over it.
    """
    images = [text[i : i + CARD] for i in range(0, len(text), CARD)]
    for image in images:
        keyword = image[:8].strip().upper()
        if _RELIED_ON.fullmatch(keyword) and image[8:10] != "= ":
            raise FitsError(
                "A card that decides numbers is not FITS.",
                where=f"{where}: {keyword}",
                expected="'= ' in columns 9 and 10 (FITS standard 4.0, section 4.1.2)",
                got=repr(image.rstrip()),
                fix="correct the header",
            )
    sound = [image for image in images if _can_be_mended(image)]
    notes.extend(
        f"a card that is not FITS was ignored: {one_line(one)}" for one in images if one not in sound
    )
    with no_astropy_surprise(where, notes):
        header = fits.Header.fromstring("".join(sound))
        for one in header.cards:
            one.verify("silentfix")
    return header


def _can_be_mended(image: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            card_alone = fits.Card.fromstring(image)
            card_alone.verify("silentfix")
            return isinstance(card_alone.keyword, str)
    except Exception:  # astropy raises nearly every class, its own and numpy's
        return False


def one_line(message: object) -> str:
    """Return a foreign message on one line, shortened."""
    return " ".join(str(message).split())[:300]


def card(header: fits.Header, keyword: str, where: str) -> object | None:
    """Return the value of a card, None if it is absent or empty; a damaged one is a FitsError."""
    with no_astropy_surprise(f"{where}: {keyword}", []):
        value = header.get(keyword)
    return None if isinstance(value, fits.card.Undefined) else value


def number(header: fits.Header, keyword: str, where: str) -> float | None:
    """Return the value of a card as a float, None if it is absent; anything not finite is a FitsError."""
    value = card(header, keyword, where)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise FitsError(
            "This keyword is not a number that can be used.",
            where=f"{where}: {keyword}",
            expected="a finite real number",
            got=repr(value),
        )
    return float(value)


def whole_number(
    header: fits.Header, keyword: str, where: str, low: int, high: int, default: int | None = None
) -> int:
    """Return the value of a card that must be an integer in a range, or raise a FitsError."""
    value = card(header, keyword, where)
    value = default if value is None else value
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise FitsError(
            "This keyword is not a whole number in its range.",
            where=f"{where}: {keyword}",
            expected=f"a whole number from {low} to {high}",
            got="nothing" if value is None else repr(value),
        )
    return value
