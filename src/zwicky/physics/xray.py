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
from typing import Final

import numpy as np
from scipy.interpolate import PchipInterpolator

from zwicky.core.errors import ConfigError
from zwicky.physics.xray_table import (
    HELIUM_PER_HYDROGEN,
    along_temperature,
    at_temperature,
    check_abundance,
    emissivities,
    pieces,
)

MAX_METALLICITY: Final = 5.0
"""In solar units: above it the electrons of metals, which are left out of n_e, would matter."""


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
    curve = _curve(band, redshift, metallicity, column_density_cm2, photons, helium_per_hydrogen)
    return at_temperature(curve, temperature_kev)


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
    check_abundance("metallicity", metallicity, MAX_METALLICITY)
    check_abundance("helium_per_hydrogen", helium_per_hydrogen, 1.0)
    table = emissivities()
    cut = pieces(np.array([band.low_kev, band.high_kev]), redshift)
    weights = cut.weights(column_density_cm2, photons=photons)
    bins = slice(cut.table_bin[0], cut.table_bin[-1] + 1)
    light = table.hydrogen[:, bins] @ weights + helium_per_hydrogen * (table.helium[:, bins] @ weights)
    return along_temperature(light + metallicity * (table.metals[:, bins] @ weights))
