"""X-ray emission of hot, thin gas: the cooling function in a band of photon energies.

How good it is, measured at a metallicity of 0.3 (tests/physics/test_xray_table.py):

- free-free emission of hydrogen and helium: 1 %. It holds the light of electrons on electrons, which older codes leave
  out: 2 % of the bolometric power at 5 keV, 7 % at 20 keV.
- 0.5-2, 0.5-7 and 0.01-50 keV against an emulator of APEC: 1.2 % from 2 to 12 keV; at solar metallicity 2 %.
- Below 1.5 keV codes differ: at 0.7 to 1 keV, where iron L lines rule, 0.65-2.6 keV is 15 to 19 % brighter than in a
  table of APEC.
- bolometric against another table of APEC: 2.5 % from 2 to 8 keV; 2 to 9 % fainter from 2 down to 0.5 keV. Lines of
  metals below 0.03 keV, which are left out here, rule below 0.1 keV.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

import numpy as np
from astropy import units as u
from scipy.interpolate import PchipInterpolator

from zwicky.core.errors import ConfigError, RedshiftError
from zwicky.physics.plasma import HYDROGEN_MASS_FRACTION
from zwicky.physics.xray_absorption import transmission

HELIUM_PER_HYDROGEN: Final = (1.0 - HYDROGEN_MASS_FRACTION) / (4.0 * HYDROGEN_MASS_FRACTION)
"""Helium nuclei per hydrogen nucleus of the gas of this package: 0.0789."""

MAX_METALLICITY: Final = 5.0
"""In solar units: above it the electrons of metals, which are left out of n_e, would matter."""

_ERG_PER_KEV: Final = float(u.keV.to(u.erg))
_TABLE_UNIT_ERG_CM3_S: Final = 1e-24
_NO_LIGHT: Final = 1e-60  # [erg cm^3/s] instead of 0, so that a logarithm exists


@dataclass(frozen=True)
class EnergyBand:
    """A band of photon energies in the observer's frame.

    Parameters
    ----------
    low_kev, high_kev : float [keV]
        Its edges, 0 < low < high.

    Raises
    ------
    ConfigError
        If the edges are not finite, not positive or not in order.
    """

    low_kev: float
    high_kev: float

    def __post_init__(self) -> None:
        if not 0.0 < self.low_kev < self.high_kev < np.inf:
            raise ConfigError(
                "This is not a band of photon energies.",
                expected="0 < low < high, in keV",
                got=f"{self.low_kev} to {self.high_kev}",
                fix='write the lower edge first: "0.5-2 keV"',
            )

    @classmethod
    def parse(cls, text: str) -> EnergyBand:
        """Read a band as written in settings: ``"0.5-2 keV"``.

        Parameters
        ----------
        text : str
            Two numbers with a hyphen between, and the unit keV.

        Returns
        -------
        EnergyBand
            The band.

        Raises
        ------
        ConfigError
            If the text is no band.

        Source: the notation of X-ray papers.
        Checked by: tests/physics/test_xray.py (round trip).
        """
        number = r"(\d+\.?\d*|\.\d+)"
        match = re.fullmatch(rf"\s*{number}\s*-\s*{number}\s*keV\s*", text)
        if match is None:
            raise ConfigError(
                "This is not a band of photon energies.",
                expected='two numbers and the unit, such as "0.5-2 keV"',
                got=repr(text),
                fix="write low-high keV",
            )
        return cls(float(match[1]), float(match[2]))

    def __str__(self) -> str:
        """Return the text that ``parse`` reads."""
        return f"{self.low_kev:g}-{self.high_kev:g} keV"


SOFT: Final = EnergyBand(0.5, 2.0)
BROAD: Final = EnergyBand(0.5, 7.0)
BOLOMETRIC: Final = EnergyBand(0.01, 100.0)
"""The whole table; for the rest frame, that is with redshift 0."""


@dataclass(frozen=True, eq=False)
class _Emissivities:
    """The shipped table: energy per bin, per n_e n_H [erg cm^3/s]; (temperature, photon energy)."""

    kt_kev: np.ndarray
    edges_kev: np.ndarray
    hydrogen: np.ndarray
    helium: np.ndarray  # per helium-to-hydrogen ratio of 1
    metals: np.ndarray  # per solar abundance


def cooling_function(
    temperature_kev: float | np.ndarray,
    band: EnergyBand,
    *,
    redshift: float = 0.0,
    metallicity: float = 0.3,
    column_density_cm2: float = 0.0,
    photons: bool = False,
    helium_per_hydrogen: float = HELIUM_PER_HYDROGEN,
) -> np.ndarray:
    """Return what hot gas emits into a band: power (or photons) per volume = cooling function x n_e n_H.

    Parameters
    ----------
    temperature_kev : float or array [keV]
        k T of electrons. Gas below 0.0086 keV (1e5 K) emits nothing here; above 43 keV is an error.
    band : EnergyBand
        In the observer's frame; at the source it lies (1 + z) higher, and there within 0.01 to 100 keV.
    redshift : float [1]
        Of the gas, >= 0. Distances and the factors (1 + z) of fluxes are not applied.
    metallicity : float [1]
        Abundance of elements beyond helium in solar units of Anders & Grevesse 1989 (0 to 5). One solar unit of
        Asplund et al. 2009 has 0.675 of its iron.
    column_density_cm2 : float [cm^-2]
        Hydrogen of our Galaxy in front of the cluster, 0 to 1e24. The band then starts at 0.03 keV or above.
    photons : bool
        Count photons instead of their energy.
    helium_per_hydrogen : float [1]
        Number of helium nuclei per hydrogen nucleus (0 to 1); 0.0977 in APEC with Anders & Grevesse 1989.

    Returns
    -------
    array [erg cm^3 s^-1], or [cm^3 s^-1] of photons
        Of the shape of the temperatures.

    Raises
    ------
    ConfigError
        If temperature, metallicity, helium, column density or band are outside their ranges.
    RedshiftError
        If the redshift is negative or not finite.

    Source: CHIANTI 9.01 (Dere et al. 2019) for metals, own computation for hydrogen and helium; see
    tools/make_xray_emissivity.py.
    Checked by: tests/physics/test_xray.py (laws), tests/physics/test_xray_table.py (closed forms, APEC).
    """
    temperature = np.asarray(temperature_kev, dtype=float)
    curve = _curve(band, redshift, metallicity, column_density_cm2, photons, helium_per_hydrogen)
    lowest_kev, highest_kev = np.exp(curve.x[[0, -1]])
    if not np.all((temperature >= 0.0) & (temperature <= highest_kev)):
        raise ConfigError(
            "The X-ray emission of gas of this temperature is not known.",
            expected=f"0 to {highest_kev:.1f} keV (0 is returned below {lowest_kev:.4f} keV)",
            got=f"{np.min(temperature)} to {np.max(temperature)} keV",
            fix="give k T in keV, not T in kelvin",
        )
    hot = temperature >= lowest_kev
    ln_emission = curve(np.log(np.where(hot, temperature, lowest_kev)))
    return np.where(hot, np.exp(ln_emission), 0.0)


@lru_cache(maxsize=1)
def _emissivities() -> _Emissivities:
    """Read the table, once."""
    path = resources.files("zwicky.physics") / "tables" / "xray_emissivity.npz"
    with path.open("rb") as file, np.load(file) as table:
        parts = {
            part: table[part] * np.float64(_TABLE_UNIT_ERG_CM3_S) for part in ("hydrogen", "helium", "metals")
        }
        return _Emissivities(kt_kev=table["kt_kev"], edges_kev=table["edges_kev"], **parts)


@lru_cache(maxsize=512)
def _curve(
    band: EnergyBand,
    redshift: float,
    metallicity: float,
    column_density_cm2: float,
    photons: bool,
    helium_per_hydrogen: float,
) -> PchipInterpolator:
    """Return ln(cooling function) against ln(k T)."""
    for name, value, top in (
        ("metallicity", metallicity, MAX_METALLICITY),
        ("helium_per_hydrogen", helium_per_hydrogen, 1.0),
    ):
        if not 0.0 <= value <= top:
            raise ConfigError(
                "This abundance cannot be used.", where=name, expected=f"0 to {top:g}", got=value
            )
    table = _emissivities()
    first, weights = _weights(band, redshift, column_density_cm2, photons)
    bins = slice(first, first + weights.size)
    light = table.hydrogen[:, bins] @ weights + helium_per_hydrogen * (table.helium[:, bins] @ weights)
    emission = light + metallicity * (table.metals[:, bins] @ weights)
    return PchipInterpolator(np.log(table.kt_kev), np.log(np.maximum(emission, _NO_LIGHT)))


@lru_cache(maxsize=512)
def _weights(
    band: EnergyBand, redshift: float, column_density_cm2: float, photons: bool
) -> tuple[int, np.ndarray]:
    """Return the first bin of a band, and the weight of each of its bins: the part that is seen."""
    if not 0.0 <= redshift < np.inf:
        raise RedshiftError("The redshift of hot gas is not usable.", expected="0 or more", got=redshift)
    edges_kev = _emissivities().edges_kev
    low_kev, high_kev = band.low_kev * (1.0 + redshift), band.high_kev * (1.0 + redshift)
    slack = 1e-9  # rounding of 0.01 and 100 keV
    if low_kev < edges_kev[0] * (1.0 - slack) or high_kev > edges_kev[-1] * (1.0 + slack):
        raise ConfigError(
            "The band leaves the table of X-ray emissivities.",
            expected=f"{edges_kev[0]:g} to {edges_kev[-1]:g} keV at the source",
            got=f"{low_kev:g} to {high_kev:g} keV: {band} at redshift {redshift:g}",
            fix="narrow the band",
        )
    first = max(int(np.searchsorted(edges_kev, low_kev, side="right")) - 1, 0)
    last = int(np.searchsorted(edges_kev, high_kev, side="left"))
    lower, upper = edges_kev[first:last], edges_kev[first + 1 : last + 1]
    inside_kev = np.minimum(upper, high_kev) - np.maximum(lower, low_kev)
    middle_kev = np.sqrt(np.maximum(lower, low_kev) * np.minimum(upper, high_kev))
    weights = inside_kev / (upper - lower) * transmission(middle_kev / (1.0 + redshift), column_density_cm2)
    return first, weights / (middle_kev * _ERG_PER_KEV) if photons else weights
