"""What a microwave foreground is made of: a shape over multipoles, a spectrum over frequencies, an amplitude.

All temperatures are CMB temperatures. A component of sources whose spectra are alike is one pattern on the sky, scaled
from frequency to frequency; sources of different spectra decorrelate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from zwicky.core.errors import ConfigError
from zwicky.physics.constants import H_OVER_K_K_PER_GHZ, T_CMB_K
from zwicky.physics.multipoles import LOWEST_ELL, read_spectrum
from zwicky.physics.sz import spectral_function

PIVOT_ELL: Final = 3000.0
"""Multipole at which amplitudes are given."""


class Shape(Protocol):
    """How D_ell depends on the multipole: 1 at ell = 3000, 0 below ell = 2."""

    def __call__(self, ell: np.ndarray) -> np.ndarray:
        """Return D_ell / D_3000."""


class Spectrum(Protocol):
    """How the CMB temperature of a source depends on frequency, with any normalisation and sign."""

    def __call__(self, frequency_ghz: np.ndarray) -> np.ndarray:
        """Return the response at frequencies [GHz]."""


@dataclass(frozen=True)
class PowerLawShape:
    """(ell / 3000)^slope.

    Parameters
    ----------
    slope : float [1]
        2 for sources without clustering.

    Source: definition.
    Checked by: tests/physics/test_foregrounds.py (values, slope).
    """

    slope: float

    def __call__(self, ell: np.ndarray) -> np.ndarray:
        """Return D_ell / D_3000."""
        wanted = np.asarray(ell, dtype=float)
        power = (np.maximum(wanted, LOWEST_ELL) / PIVOT_ELL) ** self.slope
        return np.where(wanted >= LOWEST_ELL, power, 0.0)


@dataclass(frozen=True)
class TemplateShape:
    """A template of simulations, as in the Simons Observatory's package fgspectra.

    Parameters
    ----------
    column : {"tsz", "ksz", "cib"}
        Thermal SZ of unrelated haloes; kinetic SZ of late times and of reionisation; clustered infrared background.

    Source: fgspectra 1.4.1; Dunkley et al. 2013 (SZ), Choi et al. 2020 (infrared).
    Checked by: tests/physics/test_foregrounds.py (the files of fgspectra).
    """

    column: str

    def __call__(self, ell: np.ndarray) -> np.ndarray:
        """Return D_ell / D_3000."""
        return read_spectrum("foreground_templates.csv", self.column)(ell)


@dataclass(frozen=True)
class Dust:
    """A modified black body, nu^beta B_nu(T): the dust of galaxies.

    Parameters
    ----------
    beta : float [1]
        Index of the emissivity.
    temperature_k : float [K]
        Effective temperature of the observed spectrum: all redshifts together.

    Source: George et al. 2015, section 5.4 (form of the spectrum).
    Checked by: tests/physics/test_foregrounds.py (astropy's black body, published ratios of bands).
    """

    beta: float
    temperature_k: float

    def __call__(self, frequency_ghz: np.ndarray) -> np.ndarray:
        """Return the response at frequencies [GHz]."""
        x = H_OVER_K_K_PER_GHZ * frequency_ghz / self.temperature_k
        return frequency_ghz ** (self.beta + 3.0) / np.expm1(x) / intensity_per_temperature(frequency_ghz)


@dataclass(frozen=True)
class Synchrotron:
    """A power law of flux, nu^index: radio galaxies.

    Parameters
    ----------
    index : float [1]
        Negative: fainter at high frequencies.

    Source: George et al. 2015, section 5 (form of the spectrum).
    Checked by: tests/physics/test_foregrounds.py (published ratio of bands).
    """

    index: float

    def __call__(self, frequency_ghz: np.ndarray) -> np.ndarray:
        """Return the response at frequencies [GHz]."""
        return frequency_ghz**self.index / intensity_per_temperature(frequency_ghz)


@dataclass(frozen=True)
class ThermalSZ:
    """f(x) = x coth(x/2) - 4, without relativistic corrections: unrelated haloes are cool.

    Source: physics.sz.spectral_function.
    Checked by: tests/physics/test_foregrounds.py (ratio to 143 GHz, sign).
    """

    def __call__(self, frequency_ghz: np.ndarray) -> np.ndarray:
        """Return the response at frequencies [GHz]; negative below 217.5 GHz."""
        return spectral_function(frequency_ghz)


@dataclass(frozen=True)
class Doppler:
    """The same CMB temperature at all frequencies: the kinetic SZ effect.

    Source: Sunyaev & Zel'dovich 1980.
    Checked by: tests/physics/test_foregrounds.py (flat).
    """

    def __call__(self, frequency_ghz: np.ndarray) -> np.ndarray:
        """Return 1 at all frequencies [GHz]."""
        return np.ones_like(frequency_ghz)


def intensity_per_temperature(frequency_ghz: np.ndarray) -> np.ndarray:
    """Return dB_nu/dT of the CMB up to a constant: it turns fluxes into CMB temperatures.

    x^4 e^x / (e^x - 1)^2, x = h nu / k T_CMB

    Parameters
    ----------
    frequency_ghz : array [GHz]
        Frequencies, > 0.

    Returns
    -------
    array [1]
        Of the shape of the frequencies.

    Source: derivative of Planck's law.
    Checked by: tests/physics/test_foregrounds.py (astropy's black body).
    """
    x = H_OVER_K_K_PER_GHZ * frequency_ghz / T_CMB_K
    return x**4 * np.exp(x) / np.expm1(x) ** 2


class Component(ABC):
    """A part of the foregrounds: power between two frequencies.

    Source: of each component.
    Checked by: tests/physics/test_foregrounds.py.
    """

    name: str

    @abstractmethod
    def d_ell_uk2(self, ell: np.ndarray, nu1_ghz: np.ndarray, nu2_ghz: np.ndarray) -> np.ndarray:
        """Return the power between two frequencies; the three arguments broadcast against each other.

        Parameters
        ----------
        ell : array [1]
            Multipoles.
        nu1_ghz, nu2_ghz : array [GHz]
            Frequencies.

        Returns
        -------
        array [uK_CMB^2]
            D_ell = ell (ell + 1) C_ell / 2 pi.
        """


@dataclass(frozen=True)
class Emission(Component):
    """Sources with one mean spectrum: D_ell(nu1, nu2) = D_3000 shape(ell) g(nu1) g(nu2) r(nu1, nu2).

    g is the spectrum over its value at the reference frequency. r = exp(-sigma^2 ln^2(nu1 / nu2) / 2) is the
    correlation of sources whose flux follows nu^alpha with a normal scatter sigma of alpha. The gain of power at one
    frequency, exp(2 sigma^2 ln^2(nu / nu_ref)), is left to the mean spectrum: published spectra are fits to powers.

    Parameters
    ----------
    name : str
        Of the component.
    d_3000_uk2 : float [uK_CMB^2]
        Power at ell = 3000 and the reference frequency.
    reference_ghz : float [GHz]
        Where the amplitude holds: the effective frequency of the band in which it was measured.
    shape : Shape
        Over multipoles.
    spectrum : Spectrum
        Over frequencies.
    index_scatter : float [1]
        Sigma. 0 means one pattern, scaled.

    Source: George et al. 2015, section 5; the correlation follows from <nu1^alpha nu2^alpha> of normal alpha.
    Checked by: tests/physics/test_foregrounds.py (amplitude, ratios of bands, drawn sources).
    """

    name: str
    d_3000_uk2: float
    reference_ghz: float
    shape: Shape
    spectrum: Spectrum
    index_scatter: float = 0.0

    def response(self, frequency_ghz: np.ndarray) -> np.ndarray:
        """Return g: CMB temperature over that at the reference frequency, with its sign.

        Parameters
        ----------
        frequency_ghz : array [GHz]
            Frequencies.

        Returns
        -------
        array [1]
            1 at the reference frequency.
        """
        frequency = np.asarray(frequency_ghz, dtype=float)
        return self.spectrum(frequency) / self.spectrum(np.array(self.reference_ghz))

    def d_ell_uk2(self, ell: np.ndarray, nu1_ghz: np.ndarray, nu2_ghz: np.ndarray) -> np.ndarray:
        """Return the power between two frequencies; see Component.

        Parameters
        ----------
        ell : array [1]
            Multipoles.
        nu1_ghz, nu2_ghz : array [GHz]
            Frequencies.

        Returns
        -------
        array [uK_CMB^2]
            D_ell = ell (ell + 1) C_ell / 2 pi.
        """
        power = self.d_3000_uk2 * self.response(nu1_ghz) * self.response(nu2_ghz)
        alike = np.exp(-0.5 * (self.index_scatter * np.log(np.divide(nu1_ghz, nu2_ghz))) ** 2)
        return self.shape(ell) * (power * alike)


@dataclass(frozen=True)
class HotDustyHaloes(Component):
    """The correlation of the thermal SZ effect with the infrared background: dusty galaxies live in haloes of hot gas.

    D(nu1, nu2) = -xi [T(nu1) C(nu2) + T(nu2) C(nu1)]

    T = g_tsz sqrt(D_tsz at its reference frequency): positive below 217.5 GHz, where hot gas is a decrement, so that a
    positive xi takes power away; above, the sign turns. C(nu) is the part of the infrared background that goes with its
    own pattern at the reference frequency: D_cib(nu_ref, nu) / sqrt(D_cib(nu_ref, nu_ref)).

    George et al. 2015 write sqrt(D_cib(nu, nu)) for C, the same at the reference frequency and within 2 % from 90 to
    220 GHz. For a background of two spectra that form is no covariance: a combination of maps at four frequencies can
    have negative power. The form here follows from a joint covariance for any |xi| <= 1.

    Parameters
    ----------
    name : str
        Of the component.
    tsz : Emission
        The hot gas.
    cib : tuple of Emission
        The parts of the infrared background.
    xi : float [1]
        Correlation coefficient, -1 to 1.

    Raises
    ------
    ConfigError
        If xi is not a correlation coefficient.

    Source: George et al. 2015, section 5 (tSZ-CIB correlation).
    Checked by: tests/physics/test_foregrounds.py (their form at 150 GHz, sign beyond the null, no negative power).
    """

    name: str
    tsz: Emission
    cib: tuple[Emission, ...]
    xi: float

    def __post_init__(self) -> None:
        if not -1.0 <= self.xi <= 1.0:
            raise ConfigError(
                "This is not a correlation coefficient.", where="xi", expected="-1 to 1", got=self.xi
            )

    def d_ell_uk2(self, ell: np.ndarray, nu1_ghz: np.ndarray, nu2_ghz: np.ndarray) -> np.ndarray:
        """Return the power between two frequencies; see Component.

        Parameters
        ----------
        ell : array [1]
            Multipoles.
        nu1_ghz, nu2_ghz : array [GHz]
            Frequencies.

        Returns
        -------
        array [uK_CMB^2]
            D_ell = ell (ell + 1) C_ell / 2 pi; negative below the null for xi > 0.
        """
        hot_uk = np.sqrt(self.tsz.d_3000_uk2 * self.tsz.shape(ell))
        first = self.tsz.response(nu1_ghz) * self._dust_uk(ell, nu2_ghz)
        second = self.tsz.response(nu2_ghz) * self._dust_uk(ell, nu1_ghz)
        return -self.xi * hot_uk * (first + second)

    def _dust_uk(self, ell: np.ndarray, frequency_ghz: np.ndarray) -> np.ndarray:
        """Return C, the temperature of the infrared background that goes with its pattern at the reference."""
        reference = np.array(self.cib[0].reference_ghz)
        own_uk2, cross_uk2 = np.zeros(()), np.zeros(())
        for part in self.cib:
            own_uk2 = own_uk2 + part.d_ell_uk2(ell, reference, reference)
            cross_uk2 = cross_uk2 + part.d_ell_uk2(ell, reference, frequency_ghz)
        return cross_uk2 / np.sqrt(np.maximum(own_uk2, np.finfo(float).tiny))
