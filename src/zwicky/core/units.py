"""Units of maps: what may be written in BUNIT, and the SZ units that astropy does not know.

Nothing is guessed: an unknown or missing unit is an error that lists the accepted spellings.
"""

from __future__ import annotations

import math
import re
import warnings
from typing import Final

import numpy as np
from astropy import units as u

from zwicky.core.errors import UnitError

COMPTON_Y: Final = u.def_unit("compton_y", u.dimensionless_unscaled, doc="Compton parameter")
K_CMB: Final = u.def_unit("K_CMB", doc="kelvin of CMB thermodynamic temperature difference")
MK_CMB: Final = u.def_unit("mK_CMB", 1e-3 * K_CMB)
UK_CMB: Final = u.def_unit("uK_CMB", 1e-6 * K_CMB)

_SPELLINGS: Final[dict[str, u.UnitBase]] = {
    "compton-y": COMPTON_Y,
    "compton_y": COMPTON_Y,
    "comptony": COMPTON_Y,
    "compton y": COMPTON_Y,
    "y": COMPTON_Y,
    "y_sz": COMPTON_Y,
    "k_cmb": K_CMB,
    "kcmb": K_CMB,
    "mk_cmb": MK_CMB,
    "uk_cmb": UK_CMB,
    "ukcmb": UK_CMB,
    "\N{MICRO SIGN}k_cmb": UK_CMB,
    "msun/mpc2": u.Msun / u.Mpc**2,
    "msun mpc-2": u.Msun / u.Mpc**2,
    "msun / mpc2": u.Msun / u.Mpc**2,
}

ACCEPTED: Final = (
    "Compton-y (also compton_y, y), '1e-6 Compton-y', K_CMB, mK_CMB, uK_CMB, Msun/Mpc2, or a FITS unit"
)


def parse_unit(text: str | None, *, where: str = "BUNIT") -> u.UnitBase:
    """Read a unit as written in a header or an option.

    Parameters
    ----------
    text : str or None
        For example ``"Compton-y"``, ``"1e-6 Compton-y"`` or ``"uK_CMB"``; upper or lower case.
    where : str
        Named in the error message.

    Returns
    -------
    astropy unit

    Raises
    ------
    UnitError
        If nothing is written, or the spelling is unknown.
    """
    cleaned = "" if text is None else " ".join(str(text).split())
    if not cleaned:
        raise UnitError(
            "The map has no unit.",
            where=where,
            expected=ACCEPTED,
            got="nothing",
            fix="state it: --unit Compton-y",
        )
    match = re.fullmatch(r"(?:(10\*\*-?\d+|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)\s*\*?\s+)?(.*)", cleaned)
    factor_text, name = match.groups() if match else (None, cleaned)
    factor = 1.0 if factor_text is None else float(factor_text.replace("10**", "1e"))
    unit = _SPELLINGS.get(name.lower())
    if unit is None:
        unit = _astropy_unit(name, cleaned, where)
    if not 0.0 < factor < math.inf:
        raise _unknown(cleaned, where)
    return unit if factor == 1.0 else u.Unit(factor * unit)


def _astropy_unit(name: str, written: str, where: str) -> u.UnitBase:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", u.UnitsWarning)  # erg/s/kpc2: from left to right, says FITS
            unit = u.Unit(name)
        bare = unit.is_equivalent(u.dimensionless_unscaled)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise _unknown(written, where) from error
    if bare:
        raise UnitError(
            "A number without a unit could be anything.",
            where=where,
            expected=ACCEPTED,
            got=repr(written),
            fix="if it is the Compton parameter, state it: --unit Compton-y",
        )
    return unit


def _unknown(written: str, where: str) -> UnitError:
    return UnitError(
        "This unit is not known.",
        where=where,
        expected=ACCEPTED,
        got=repr(written),
        fix="correct the header, or state the unit: --unit Compton-y",
    )


def unit_text(unit: u.UnitBase) -> str:
    """Return the spelling that this package writes into BUNIT and HDF5 attributes."""
    if unit.scale != 1.0:  # astropy would round the factor to six digits
        alone = unit.bases[0] if unit.powers == [1] else u.CompositeUnit(1.0, unit.bases, unit.powers)
        return f"{float(unit.scale)!r} {unit_text(alone)}"
    names = {COMPTON_Y: "Compton-y", K_CMB: "K_CMB", MK_CMB: "mK_CMB", UK_CMB: "uK_CMB"}
    for known, text in names.items():
        if unit == known and getattr(unit, "name", None) == getattr(known, "name", None):
            return text
    return str(unit.to_string())


def quantity_text(quantity: u.Quantity) -> str:
    """Return a scalar quantity as text that is read back to the very same number: ``"2.5 arcmin"``."""
    return f"{np.format_float_positional(quantity.value, trim='-')} {quantity.unit}".strip()
