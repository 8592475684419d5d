"""Units of maps of the microwave sky: thermodynamic temperature is read, anything else is refused with the way there.

Only a change of the CMB temperature means the same in every band. A brightness temperature or an intensity becomes one
by a factor that depends on the transmission of the band; here it is known for a narrow band only, and is therefore
told, not applied.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final, NoReturn

from astropy import units as u

from zwicky.core.errors import UnitError
from zwicky.core.quantities import UNIT_OF, MapQuantity, check_unit
from zwicky.core.units import COMPTON_Y, K_CMB, MK_CMB, UK_CMB, parse_unit, unit_text
from zwicky.data.fits_blocks import HduOutline
from zwicky.data.fits_cards import card
from zwicky.data.fits_choice import TOLERANCE
from zwicky.physics.brightness import k_rj_per_k_cmb, mjy_sr_per_k_cmb

TEMPERATURES: Final = "K_CMB, mK_CMB or uK_CMB"

_BRIGHTNESS: Final = re.compile(
    r"(?i)(?P<prefix>m|u|mu|\N{MICRO SIGN})?(?:kelvin|k)[ _(-]*(?:rj|b|tb|r-j|rayleigh.?jeans|brightness)\)?"
)
_THERMODYNAMIC: Final = {
    "muk": "uK",
    "muk_cmb": "uK_CMB",
    "mukcmb": "uK_CMB",
    "uk_thermo": "uK_CMB",
    "k_thermo": "K_CMB",
}
"""Spellings of maps' headers that neither FITS nor ``core.units`` know."""


class BandUnits:
    """Units of the map of one band, a ``UnitRule``; it remembers what was read.

    Parameters
    ----------
    frequency_ghz : float [GHz]
        Where the band lies, for the factors in messages.
    """

    def __init__(self, frequency_ghz: float) -> None:
        self.frequency_ghz = frequency_ghz
        self.read: u.UnitBase = UNIT_OF[MapQuantity.TEMPERATURE]

    def __call__(
        self, hdu: HduOutline, quantity: MapQuantity, stated: str | u.UnitBase | None, notes: list[str]
    ) -> float:
        """Return the factor to the unit that temperatures are kept in.

        A stated unit overrules a BUNIT that is a temperature, with a note: labels of K and uK are often wrong.

        Raises
        ------
        UnitError
            If there is no unit, or one that is no thermodynamic temperature.
        """
        where = f"{hdu.where}: BUNIT"
        written = card(hdu.header, "BUNIT", where)
        text = None if written is None else str(written)
        if stated is None:
            self.read, note = self.parse(text, where=where)
            notes.extend([note] if note else [])
            return check_unit(quantity, self.read, where=where)
        self.read, _ = self.parse(stated if isinstance(stated, str) else unit_text(stated), where="--unit")
        notes.append(f"unit {unit_text(self.read)} as stated by --unit")
        if text and not self._agrees(text, where):
            notes.append(f"BUNIT {text!r} was overruled by --unit")
        return check_unit(quantity, self.read, where="--unit")

    def _agrees(self, written: str, where: str) -> bool:
        """Say whether BUNIT is the unit that was stated; False for one that is not known."""
        try:
            header, _ = self.parse(written, where=where)
        except UnitError as error:
            if "not known" in error.what or "could be anything" in error.what:
                return False
            raise
        return math.isclose(header.to(self.read), 1.0, rel_tol=TOLERANCE)

    def parse(self, text: str | None, *, where: str) -> tuple[u.UnitBase, str | None]:
        """Return a unit of thermodynamic temperature, and a note if the text does not say that it is.

        Parameters
        ----------
        text : str or None
            For example ``"uK_CMB"``, ``"K"``.
        where : str
            Named in the error.

        Raises
        ------
        UnitError
            If it is none.
        """
        cleaned = "" if text is None else " ".join(text.split())
        if _BRIGHTNESS.fullmatch(cleaned):
            self._refuse("a brightness (Rayleigh-Jeans) temperature", cleaned, where, self._from_brightness)
        try:
            unit = parse_unit(_THERMODYNAMIC.get(cleaned.lower(), cleaned), where=where)
        except UnitError as error:
            fix = "state it: --unit uK_CMB"
            raise UnitError(error.what, where=where, expected=TEMPERATURES, got=error.got, fix=fix) from error
        if unit.is_equivalent(K_CMB):
            return unit, None
        if unit.is_equivalent(u.K):
            cmb = _of_the_cmb(float(unit.to(u.K)))
            return cmb, f"{cleaned} is taken for {unit_text(cmb)}, a change of the CMB temperature"
        if unit.is_equivalent(COMPTON_Y):
            self._refuse("a Compton parameter", cleaned, where, _from_compton)
        if unit.is_equivalent(u.Jy / u.sr):
            self._refuse("an intensity", cleaned, where, self._from_intensity)
        if unit.is_equivalent(u.Jy / u.beam):
            self._refuse("a flux per beam", cleaned, where, self._from_flux)
        if unit.is_equivalent(u.Jy) or unit.is_equivalent(u.Jy / u.pix):
            self._refuse("a flux", cleaned, where, self._from_flux)
        return self._refuse("something else", cleaned, where, lambda: "give a map of the CMB temperature")

    def _refuse(self, what: str, written: str, where: str, advice: Callable[[], str]) -> NoReturn:
        raise UnitError(
            f"This unit is that of {what}, not of a CMB temperature.",
            where=where,
            expected=TEMPERATURES,
            got=repr(written),
            fix=advice(),
        )

    def _from_brightness(self) -> str:
        return self._converted("1 K_RJ is", f"{1.0 / float(k_rj_per_k_cmb(self.frequency_ghz)):.4g} K_CMB")

    def _from_intensity(self) -> str:
        return self._converted(f"{float(mjy_sr_per_k_cmb(self.frequency_ghz)):.4g} MJy/sr are", "1 K_CMB")

    def _converted(self, one: str, other: str) -> str:
        return (
            f"convert the map first: {one} {other} in a narrow band at {self.frequency_ghz:g} GHz; the true factor "
            "needs the transmission of the band, and differs by a few per cent"
        )

    def _from_flux(self) -> str:
        area = "divide it by the solid angle of the beam (1.133 FWHM^2 for a Gaussian) or the pixel"
        return f"{area}, and {self._from_intensity()}"


def _of_the_cmb(kelvin: float) -> u.UnitBase:
    """Return a unit of so many kelvin of CMB temperature, by its name if it has one."""
    named = (one for one in (K_CMB, MK_CMB, UK_CMB) if math.isclose(one.to(K_CMB), kelvin))
    return next(named, u.Unit(kelvin * K_CMB))


def _from_compton() -> str:
    return "a Compton-y map is weighed by itself: zwicky infer MAP.fits"
