"""From count rates to emission measures and luminosities: what an instrument counts of gas at a redshift.

With EM = integral of n_e n_H dV, gas at luminosity distance D_L gives

    rate = EM (1 + z) kappa(T, z, N_H) / (4 pi D_L^2),    L(rest-frame band) = EM Lambda(T):

kappa is the photon spectrum times the effective area, summed over energies (physics.xray_spectrum, xray_flux).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from zwicky.core.cosmology import Cosmology
from zwicky.core.errors import ConfigError
from zwicky.physics.xray import SOFT, EnergyBand, cooling_function
from zwicky.physics.xray_flux import photons_per_measure, sphere_cm2
from zwicky.physics.xray_spectrum import photon_spectrum

Numbers = float | np.ndarray
N_TEMPERATURES: Final = 48
N_REDSHIFTS: Final = 24
KT_RANGE_KEV: Final = (0.2, 20.0)
"""From groups to the hottest merger: a temperature is looked for here."""


class Counter(Protocol):
    """What must be known of a photon counter."""

    @property
    def energy_edges_kev(self) -> np.ndarray:
        """Edges of bins of true photon energy, (e+1,) [keV]."""

    @property
    def response(self) -> np.ndarray:
        """Effective area times the probability of being counted in a band, (band, e) [cm^2]."""


@dataclass(frozen=True, eq=False)
class Response:
    """A photon counter in numbers.

    Parameters
    ----------
    energy_edges_kev : (e+1,) array [keV]
        Edges of bins of true photon energy.
    response : (band, e) array
        Effective area [cm^2] times the probability of being counted in a band.

    Raises
    ------
    ConfigError
        If shapes differ, or an area is negative.
    """

    energy_edges_kev: np.ndarray
    response: np.ndarray

    def __post_init__(self) -> None:
        fits = self.response.ndim == 2 and self.response.shape[1] + 1 == self.energy_edges_kev.size
        if not fits or not np.all(self.response >= 0.0):
            raise ConfigError(
                "This is not the response of a photon counter.",
                expected="areas (band, e) of 0 cm^2 or more, and e + 1 edges in keV",
                got=f"{self.response.shape}, {self.energy_edges_kev.shape} edges",
            )


@dataclass(frozen=True)
class Conversion:
    """Count rates, emission measures and luminosities of one instrument and one direction in the sky.

    Parameters
    ----------
    counter : Counter
        The instrument: its response without vignetting, if exposures hold the vignetting.
    cosmology : Cosmology
        Of distances.
    column_density_cm2 : float [cm^-2]
        Hydrogen of our Galaxy in front.
    metallicity : float [1]
        Solar units of Anders & Grevesse 1989.
    band : EnergyBand
        Of luminosities, in the frame of the source.
    redshift_range : (float, float) [1]
        Where it is tabulated.
    """

    counter: Counter
    cosmology: Cosmology
    column_density_cm2: float = 0.0
    metallicity: float = 0.3
    band: EnergyBand = SOFT
    redshift_range: tuple[float, float] = (0.01, 1.6)

    @cached_property
    def _table(self) -> RegularGridInterpolator:
        """Ln of kappa on a grid of ln(1 + z) and ln T, smooth but for lines of iron below 1 keV."""
        ln_t = np.log(np.geomspace(*KT_RANGE_KEV, N_TEMPERATURES))
        ln_1z = self._nodes(N_REDSHIFTS)
        table = [
            photon_spectrum(
                np.exp(ln_t),
                self.counter.energy_edges_kev,
                redshift=float(np.expm1(one)),
                column_density_cm2=self.column_density_cm2,
            ).total(self.metallicity)
            @ self.counter.response.T
            for one in ln_1z
        ]
        ln_kappa = np.log(np.maximum(np.array(table), 1e-300))
        return RegularGridInterpolator(
            (ln_1z, ln_t), ln_kappa, method="linear", bounds_error=False, fill_value=None
        )

    @cached_property
    def _distances(self) -> tuple[np.ndarray, np.ndarray]:
        ln_1z = self._nodes(200)
        return ln_1z, np.log([sphere_cm2(float(np.expm1(one)), self.cosmology) for one in ln_1z])

    def _nodes(self, n: int) -> np.ndarray:
        low, high = self.redshift_range
        return np.linspace(np.log1p(low), np.log1p(high), n)

    def counts_per_measure(
        self, kt_kev: Numbers, redshift: Numbers, bands: Sequence[int] | None = None
    ) -> np.ndarray:
        """Return kappa: photons counted per n_e n_H, s and volume, if all fell on the telescope, (..., ) [cm^5 s^-1].

        Parameters
        ----------
        kt_kev : float or array [keV]
            Clipped to 0.2 to 20 keV.
        redshift : float or array [1]
            Broadcast with the temperatures.
        bands : sequence of int, optional
            Which bands are added up; if None, each is returned along a last axis.
        """
        z, kt = np.broadcast_arrays(np.asarray(redshift, float), np.asarray(kt_kev, float))
        self._check(z)
        points = np.stack([np.log1p(z), np.log(np.clip(kt, *KT_RANGE_KEV))], axis=-1)
        kappa = np.exp(self._table(points)).reshape(*z.shape, -1)
        return kappa if bands is None else np.asarray(kappa[..., list(bands)].sum(axis=-1))

    def measure_per_rate(self, kt_kev: Numbers, redshift: Numbers, bands: Sequence[int]) -> np.ndarray:
        """Return the emission measure of a rate of 1 count/s in some bands together, in cm^-3."""
        z = np.asarray(redshift, float)
        kappa = self.counts_per_measure(kt_kev, z, bands)
        return np.exp(np.interp(np.log1p(z), *self._distances)) / ((1.0 + z) * kappa)

    def luminosity_per_rate(self, kt_kev: Numbers, redshift: Numbers, bands: Sequence[int]) -> np.ndarray:
        """Return the rest-frame luminosity in ``band`` of a rate of 1 count/s in some bands together [erg s^-1]."""
        kt = np.clip(np.asarray(kt_kev, float), *KT_RANGE_KEV)
        emitted = cooling_function(kt, self.band, metallicity=self.metallicity)
        return self.measure_per_rate(kt, redshift, bands) * emitted

    def column_per_brightness(self, kt_kev: Numbers, redshift: Numbers, bands: Sequence[int]) -> np.ndarray:
        """Return the integral of n_e n_H dl [cm^-6 Mpc] of a surface brightness of 1 count/s/arcmin^2."""
        z = np.asarray(redshift, float)
        per_measure = np.vectorize(photons_per_measure, otypes=[float])(z)
        return np.asarray(1.0 / (per_measure * self.counts_per_measure(kt_kev, z, bands)))

    def _check(self, redshift: np.ndarray) -> None:
        low, high = self.redshift_range
        if not (np.all(redshift >= low - 1e-9) and np.all(redshift <= high + 1e-9)):
            raise ConfigError(
                "A redshift lies outside the table of conversions.",
                expected=f"{low:g} to {high:g}",
                got=f"{np.min(redshift):g} to {np.max(redshift):g}",
                fix="give Conversion a wider redshift_range",
            )
