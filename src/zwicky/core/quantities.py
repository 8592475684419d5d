"""What a map shows: the closed list of map quantities and the unit each is kept in."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from astropy import units as u

from zwicky.core.errors import UnitError
from zwicky.core.units import COMPTON_Y, UK_CMB, unit_text


class MapQuantity(StrEnum):
    """The physical quantity of an image."""

    COMPTON_Y = "compton_y"
    TEMPERATURE = "temperature"
    TEMPERATURE_90 = "temperature_90"
    TEMPERATURE_150 = "temperature_150"
    TEMPERATURE_220 = "temperature_220"
    XRAY_SURFACE_BRIGHTNESS = "xray_surface_brightness"
    XRAY_PHOTON_BRIGHTNESS = "xray_photon_brightness"
    XRAY_COUNTS = "xray_counts"
    COUNTS_0 = "counts_0"
    COUNTS_1 = "counts_1"
    COUNTS_2 = "counts_2"
    COUNTS_3 = "counts_3"
    COUNTS_4 = "counts_4"
    COUNTS_5 = "counts_5"
    COUNTS_6 = "counts_6"
    COUNTS_7 = "counts_7"
    COUNTS_8 = "counts_8"
    COUNTS_9 = "counts_9"
    EXPOSURE = "exposure"
    GAS_SURFACE_DENSITY = "gas_surface_density"
    DARK_SURFACE_DENSITY = "dark_surface_density"
    STAR_SURFACE_DENSITY = "star_surface_density"
    TOTAL_SURFACE_DENSITY = "total_surface_density"


COUNTS: Final = tuple(quantity for quantity in MapQuantity if quantity.value.startswith("counts_"))
"""Photons counted in one band each; the instrument's file says in which."""

_SURFACE_DENSITY: Final = u.Msun / u.Mpc**2

UNIT_OF: Final[dict[MapQuantity, u.UnitBase]] = {
    MapQuantity.COMPTON_Y: COMPTON_Y,
    MapQuantity.TEMPERATURE: UK_CMB,
    # In a band that is called 90, 150 or 220 GHz; the instrument's file says where it really lies.
    MapQuantity.TEMPERATURE_90: UK_CMB,
    MapQuantity.TEMPERATURE_150: UK_CMB,
    MapQuantity.TEMPERATURE_220: UK_CMB,
    # Emitted power and photons per proper area at the cluster. A core emits 1e45 erg/s/Mpc2: a multiple, because
    # single precision ends at 3e38.
    MapQuantity.XRAY_SURFACE_BRIGHTNESS: u.CompositeUnit(1e40, [u.erg, u.s, u.Mpc], [1, -1, -2]),
    MapQuantity.XRAY_PHOTON_BRIGHTNESS: u.CompositeUnit(1e50, [u.photon, u.s, u.Mpc], [1, -1, -2]),
    MapQuantity.XRAY_COUNTS: u.count,
    **dict.fromkeys(COUNTS, u.count),
    MapQuantity.EXPOSURE: u.s,
    MapQuantity.GAS_SURFACE_DENSITY: _SURFACE_DENSITY,
    MapQuantity.DARK_SURFACE_DENSITY: _SURFACE_DENSITY,
    MapQuantity.STAR_SURFACE_DENSITY: _SURFACE_DENSITY,
    MapQuantity.TOTAL_SURFACE_DENSITY: _SURFACE_DENSITY,
}


def check_unit(quantity: MapQuantity, unit: u.UnitBase, *, where: str = "map") -> float:
    """Return the factor that brings ``unit`` to the unit that ``quantity`` is kept in.

    Raises
    ------
    UnitError
        If the unit does not measure this quantity: a CMB temperature is not a Compton parameter.
    """
    kept = UNIT_OF[quantity]
    try:
        return float(unit.to(kept))
    except u.UnitConversionError as error:
        raise UnitError(
            f"This unit does not measure {quantity.value}.",
            where=where,
            expected=f"{unit_text(kept)} or a multiple of it",
            got=unit_text(unit),
            fix="convert the map first (y is a CMB temperature divided by T_CMB f(x)), or correct --unit",
        ) from error
