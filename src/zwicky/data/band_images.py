"""Reading the map of one band of the microwave sky: what it shows, at which frequency, and where it has holes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from astropy import units as u

from zwicky.core.errors import MapError
from zwicky.core.quantities import MapQuantity
from zwicky.data.band_units import BandUnits
from zwicky.data.fits_blocks import HduOutline, outline
from zwicky.data.fits_cards import card
from zwicky.data.fits_choice import choose_image
from zwicky.data.fits_in import MAX_PIXELS, SkyImage, read_image

FREQUENCY_TOLERANCE: Final = 0.05
"""[1] Relative. In 5 % the SZ signal at 150 GHz changes by a tenth; bands of one name differ by as much."""

_FREQUENCY_CARDS: Final = ("FREQ", "FREQUENCY", "RESTFRQ", "RESTFREQ")


@dataclass(frozen=True, eq=False)
class BandImage:
    """The map of one band, as a telescope's pipeline left it.

    Parameters
    ----------
    image : SkyImage
        In uK_CMB.
    frequency_ghz : float [GHz]
        Where the band lies.
    read_unit : astropy unit
        What its numbers were taken for.
    """

    image: SkyImage
    frequency_ghz: float
    read_unit: u.UnitBase


def read_band(
    path: str | Path,
    quantity: MapQuantity,
    frequency_ghz: float,
    *,
    unit: str | None = None,
    pixel_arcmin: float | None = None,
    beam_arcmin: float | None = None,
    hdu: int | str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> BandImage:
    """Read the map of one band from a FITS file.

    Parameters
    ----------
    path : str or Path
        The file, plain or gzipped.
    quantity : MapQuantity
        The band, such as ``temperature_150``.
    frequency_ghz : float [GHz]
        Where it lies; a frequency in the header must agree.
    unit, pixel_arcmin, beam_arcmin, hdu, max_pixels
        As of ``read_image``; a stated unit overrules a BUNIT of temperature.

    Returns
    -------
    BandImage
        Blocks of 3 x 3 pixels and more of one and the same number are masked: these were not measured.

    Raises
    ------
    FitsError, UnitError, MapError
        As of ``read_image``; and if the image is a Compton-y map, or its header names another frequency.
    """
    hdus, _ = outline(Path(path), max_pixels=max_pixels)
    chosen = choose_image(hdus, quantity, hdu)
    shows = card(chosen.header, "QUANTITY", chosen.where)
    if shows == MapQuantity.COMPTON_Y.value:
        raise MapError(
            "This is a Compton-y map, not the map of a band.",
            where=f"{chosen.where}: QUANTITY",
            expected=f"a map of the CMB temperature at {frequency_ghz:g} GHz",
            got=repr(shows),
            fix="a Compton-y map is weighed by itself: zwicky infer MAP.fits",
        )
    for one in (chosen, hdus[0]):
        _check_frequency(one, frequency_ghz)
    units = BandUnits(frequency_ghz)
    image = read_image(
        path,
        # A map that says no more than that it shows a temperature may be that of any band.
        MapQuantity.TEMPERATURE if shows == MapQuantity.TEMPERATURE.value else quantity,
        unit=unit,
        pixel_arcmin=pixel_arcmin,
        beam_arcmin=beam_arcmin,
        hdu=chosen.index,
        max_pixels=max_pixels,
        unit_rule=units,
    )
    return BandImage(_without_blocks(replace(image, quantity=quantity)), frequency_ghz, units.read)


def _check_frequency(hdu: HduOutline, frequency_ghz: float) -> None:
    """Refuse a header that names another frequency; what cannot be read, and 0, say nothing."""
    for keyword in _FREQUENCY_CARDS:
        value = card(hdu.header, keyword, hdu.where)
        choices_ghz = _frequencies_ghz(value)
        if choices_ghz and not any(frequencies_agree(one, frequency_ghz) for one in choices_ghz):
            raise MapError(
                "The header names another frequency.",
                where=f"{hdu.where}: {keyword}",
                expected=f"{frequency_ghz:g} GHz within {FREQUENCY_TOLERANCE:.0%}, as --band says",
                got=f"{value!r} (Hz or GHz)",
                fix="give the map of this band, or correct FREQ in --band FREQ=FILE",
            )


def _frequencies_ghz(value: object) -> tuple[float, ...]:
    """Return what a card may mean [GHz]: without a unit, Hz or GHz; nothing if it is no frequency."""
    found = re.fullmatch(r"\s*([-+.\deE]*\d[.\d]*)\s*(G?Hz)?\s*", str(value), re.IGNORECASE)
    if value is None or isinstance(value, bool) or found is None:
        return ()
    try:
        number = float(found[1])
    except ValueError:
        return ()
    scales = {"hz": (1e-9,), "ghz": (1.0,)}.get((found[2] or "").lower(), (1.0, 1e-9))
    return tuple(scale * number for scale in scales) if 0.0 < number < math.inf else ()


def frequencies_agree(one_ghz: float, other_ghz: float) -> bool:
    """Say whether two frequencies [GHz] are those of one band: within ``FREQUENCY_TOLERANCE`` of the second."""
    return abs(one_ghz - other_ghz) <= FREQUENCY_TOLERANCE * other_ghz


def _without_blocks(image: SkyImage) -> SkyImage:
    """Mask blocks of 3 x 3 pixels and more that hold one and the same number: no measurement repeats itself."""
    block = _blocks(image.values)
    n_pixels = int(block.sum())
    if not n_pixels:
        return image
    note = f"{n_pixels} of {block.size} pixels, in blocks, hold one and the same number, and are masked"
    values = np.where(block, np.nan, image.values)
    return replace(image, values=values, mask=image.mask | block, notes=(*image.notes, note))


def _blocks(values: np.ndarray) -> np.ndarray:
    """Return which pixels are part of a 3 x 3 block of one number, (y, x) bool."""
    alike = values[:, 1:] == values[:, :-1]
    rows = alike[:, 1:] & alike[:, :-1]  # three in a row, by the first
    down = values[1:, :-2] == values[:-1, :-2]
    first = rows[2:] & rows[1:-1] & rows[:-2] & down[1:] & down[:-1]
    block = np.zeros(values.shape, bool)
    for y in range(3):
        for x in range(3):
            block[y : y + first.shape[0], x : x + first.shape[1]] |= first
    return block
