"""What a detector of X-ray photons counts, by their energy: effective area, energy resolution, bands, particles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from pydantic import model_validator
from scipy.special import ndtr

from zwicky.core.config import Config
from zwicky.instruments.instrument import SIGMA_PER_FWHM

FINE_BIN_KEV: Final = 0.01
COARSE_BIN_KEV: Final = 0.05
COARSE_ABOVE_KEV: Final = 3.0
"""Bins of true energy: a choice. Half as wide, they change counts in the bands of the catalogue by less than 0.5 %."""

POINTS_PER_BIN: Final = 20
"""Points at which area and resolution are averaged over a bin: edges of the area are steep."""

BLUR_SIGMAS: Final = 5.0
"""How far outside a band photons are followed [sigma of the resolution]: beyond, fewer than 3e-7 come in."""

REFERENCE_INDEX: Final = 1.5
"""Photon index of the spectrum that weights energies inside a band: about that of a hot cluster. A choice."""

ON_THE_LATTICE: Final = 1e-6
"""A band that ends on an edge of the bins, but for rounding, ends there [bins]."""


def check_columns(**columns: Sequence[float]) -> None:
    """Refuse a table whose first column does not increase, or whose numbers are infinite, negative or unequally many.

    Parameters
    ----------
    **columns : sequence of float
        By name, the one that must increase first.

    Raises
    ------
    ValueError
        For the reader of settings, who says where.
    """
    first = next(iter(columns))
    lengths = {len(values) for values in columns.values()}
    if lengths == {0} or len(lengths) > 1:
        raise ValueError(f"{', '.join(columns)}: equally many numbers, at least one")
    if not all(0.0 <= value < math.inf for values in columns.values() for value in values):
        raise ValueError(f"{', '.join(columns)}: finite numbers >= 0")
    if np.any(np.diff(columns[first]) <= 0.0):
        raise ValueError(f"{first}: increasing")


class EnergyResolution(Config):
    """Gaussian energy resolution.

    Attributes
    ----------
    energy_kev, fwhm_kev : tuple of float [keV]
        Full width at half maximum of the measured energy, at photon energies; linear between, constant beyond the ends.
    source : str
    """

    energy_kev: tuple[float, ...]
    fwhm_kev: tuple[float, ...]
    source: str

    @model_validator(mode="after")
    def _check(self) -> EnergyResolution:
        check_columns(energy_kev=self.energy_kev, fwhm_kev=self.fwhm_kev)
        if min(self.fwhm_kev) <= 0.0:
            raise ValueError("fwhm_kev: > 0")
        return self

    def sigma_kev(self, energy_kev: np.ndarray) -> np.ndarray:
        """Return the standard deviation of the measured energy [keV]."""
        return np.interp(energy_kev, self.energy_kev, self.fwhm_kev) * SIGMA_PER_FWHM


class Response(Config):
    """Effective area on the optical axis, and resolution.

    Attributes
    ----------
    energy_kev : tuple of float [keV]
        Increasing, > 0; outside the table nothing is counted.
    area_cm2 : tuple of float [cm^2]
        Mirror, filter and detector together; linear between.
    source : str
    resolution : EnergyResolution
    """

    energy_kev: tuple[float, ...]
    area_cm2: tuple[float, ...]
    source: str
    resolution: EnergyResolution

    @model_validator(mode="after")
    def _check(self) -> Response:
        check_columns(energy_kev=self.energy_kev, area_cm2=self.area_cm2)
        if len(self.energy_kev) < 2 or self.energy_kev[0] <= 0.0:
            raise ValueError("energy_kev: at least two energies, > 0")
        return self

    @property
    def range_kev(self) -> tuple[float, float]:
        """Ends of the table [keV]."""
        return self.energy_kev[0], self.energy_kev[-1]

    def area(self, energy_kev: np.ndarray) -> np.ndarray:
        """Return the effective area on axis [cm^2], 0 outside the table."""
        return np.interp(energy_kev, self.energy_kev, self.area_cm2, left=0.0, right=0.0)

    def in_band(self, band_kev: tuple[float, float], energy_kev: np.ndarray) -> np.ndarray:
        """Return the probability that a counted photon's measured energy lies in a band [1]."""
        low, high = band_kev
        sigma = self.resolution.sigma_kev(energy_kev)
        return ndtr((high - energy_kev) / sigma) - ndtr((low - energy_kev) / sigma)

    def edges_kev(self, bands_kev: Sequence[tuple[float, float]], refine: int = 1) -> np.ndarray:
        """Return edges of bins of true energy whose photons can be measured in a band, (e+1,) [keV].

        They lie on one lattice, whatever the bands.

        Parameters
        ----------
        bands_kev : sequence of pairs [keV]
            Measured energies.
        refine : int
            Narrower bins by this factor.
        """
        first, last = np.array([band[0] for band in bands_kev]), np.array([band[1] for band in bands_kev])
        low = np.min(first - BLUR_SIGMAS * self.resolution.sigma_kev(first))
        high = np.max(last + BLUR_SIGMAS * self.resolution.sigma_kev(last))
        lattice = _lattice(self.range_kev[1], 1)
        start = np.searchsorted(lattice, max(low, self.range_kev[0]), side="right") - 1
        stop = np.searchsorted(lattice, min(high, self.range_kev[1]), side="left")
        finer = _lattice(self.range_kev[1], refine)
        return finer[(finer >= lattice[start]) & (finer <= lattice[stop])]

    def folded_cm2(self, bands_kev: Sequence[tuple[float, float]], edges_kev: np.ndarray) -> np.ndarray:
        """Return area times probability, averaged over each bin of true energy, (band, e) [cm^2].

        Parameters
        ----------
        bands_kev : sequence of pairs [keV]
            Measured energies.
        edges_kev : (e+1,) [keV]
            Of the bins of true energy.
        """
        step = (np.arange(POINTS_PER_BIN) + 0.5) / POINTS_PER_BIN
        energy = edges_kev[:-1, None] + np.diff(edges_kev)[:, None] * step
        area = self.area(energy)
        return np.stack([np.mean(area * self.in_band(band, energy), axis=1) for band in bands_kev])


def _lattice(highest_kev: float, refine: int) -> np.ndarray:
    """Return multiples of the fine bin up to 3 keV, then of the coarse one, to past the highest energy."""
    n_fine = round(COARSE_ABOVE_KEV / FINE_BIN_KEV) * refine
    n_coarse = math.ceil(max(highest_kev - COARSE_ABOVE_KEV, 0.0) / COARSE_BIN_KEV - ON_THE_LATTICE) * refine
    fine = np.arange(n_fine + 1) * (FINE_BIN_KEV / refine)
    coarse = COARSE_ABOVE_KEV + np.arange(1, n_coarse + 1) * (COARSE_BIN_KEV / refine)
    return np.round(np.concatenate([fine, coarse]), 9)


def reference_weights(response_cm2: np.ndarray, edges_kev: np.ndarray) -> np.ndarray:
    """Return which part of a band's counts comes from each bin of energy, (band, e) [1], for a spectrum E^-1.5.

    Parameters
    ----------
    response_cm2 : (band, e) [cm^2]
        Of ``Response.folded_cm2``.
    edges_kev : (e+1,) [keV]
        Of the bins.
    """
    photons = -np.diff(edges_kev ** (1.0 - REFERENCE_INDEX))
    counts = response_cm2 * photons
    return counts / counts.sum(axis=1, keepdims=True)


class Particles(Config):
    """Counts that charged particles cause: they see no mirror, so no vignetting.

    Attributes
    ----------
    energy_lo_kev, energy_hi_kev : tuple of float [keV]
        Bins of measured energy.
    rate_per_s_kev_arcmin2 : tuple of float [counts s^-1 keV^-1 arcmin^-2]
        Mean in the bin, lines of fluorescence included.
    source : str
    """

    energy_lo_kev: tuple[float, ...]
    energy_hi_kev: tuple[float, ...]
    rate_per_s_kev_arcmin2: tuple[float, ...]
    source: str

    @model_validator(mode="after")
    def _check(self) -> Particles:
        check_columns(
            energy_lo_kev=self.energy_lo_kev,
            energy_hi_kev=self.energy_hi_kev,
            rate_per_s_kev_arcmin2=self.rate_per_s_kev_arcmin2,
        )
        if (
            self.energy_lo_kev[1:] != self.energy_hi_kev[:-1]
            or self.energy_hi_kev[-1] <= self.energy_lo_kev[-1]
        ):
            raise ValueError("energy_hi_kev: each bin ends where the next begins")
        return self

    @property
    def range_kev(self) -> tuple[float, float]:
        """Ends of the table [keV]."""
        return self.energy_lo_kev[0], self.energy_hi_kev[-1]

    def rate(self, band_kev: tuple[float, float]) -> float:
        """Return the counts of a band per time and area [counts s^-1 arcmin^-2]."""
        low, high = np.array(self.energy_lo_kev), np.array(self.energy_hi_kev)
        shared = np.clip(np.minimum(high, band_kev[1]) - np.maximum(low, band_kev[0]), 0.0, None)
        return float(shared @ np.array(self.rate_per_s_kev_arcmin2))
