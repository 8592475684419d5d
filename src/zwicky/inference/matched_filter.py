"""The matched filter: the best linear estimate of Y500 from a stamp, for every cluster size at once.

A stamp is d = Y500 t(theta500) + offset + n with noise of known covariance C. The estimate

    Y = t' C^-1 d / t' C^-1 t,    sigma_Y = (t' C^-1 t)^(-1/2)

has the smallest variance of all linear unbiased ones (Haehnelt & Tegmark 1996; Melin, Bartlett & Delabrouille 2006).
Unlike the usual Fourier form, which takes the stamp for periodic, C is inverted exactly on the finite stamp: templates
share the eight symmetries of the square and so does C, so that the whole problem lives on one eighth of the pixels. An
unknown zero level of the map is marginalised over.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from zwicky.core.maps import Map
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.instruments.instrument import Instrument
from zwicky.physics.gnfw import profile_by_name
from zwicky.simulations.spherical import paint_compton_y

N_SIZES: Final = 64
OFFSET_SD: Final = 1e-4
"""Prior standard deviation of the zero level [Compton y]: far more than any map has, so that it is free."""


@dataclass(frozen=True, eq=False)
class Filtered:
    """What the filter says of each stamp, for each size of the bank.

    Parameters
    ----------
    y500_arcmin2 : (stamp, size) array [arcmin^2]
        Estimated Y500.
    sigma_arcmin2 : (size,) array [arcmin^2]
        Its standard deviation from noise.
    log_theta500 : (size,) array
        Natural logarithm of theta500 in arcmin.
    """

    y500_arcmin2: np.ndarray
    sigma_arcmin2: np.ndarray
    log_theta500: np.ndarray

    def at(self, log_theta500: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return estimate and standard deviation at other sizes, interpolated linearly in log theta500.

        Parameters
        ----------
        log_theta500 : (stamp, any) array
        """
        step = self.log_theta500[1] - self.log_theta500[0]
        where = np.clip((log_theta500 - self.log_theta500[0]) / step, 0.0, len(self.log_theta500) - 1.000001)
        i = where.astype(int)
        t = where - i
        rows = np.arange(len(self.y500_arcmin2))[:, None]
        y = (1.0 - t) * self.y500_arcmin2[rows, i] + t * self.y500_arcmin2[rows, i + 1]
        sigma = (1.0 - t) * self.sigma_arcmin2[i] + t * self.sigma_arcmin2[i + 1]
        return y, sigma


@dataclass(frozen=True)
class MatchedFilter:
    """A bank of filters for one instrument and one pressure profile.

    Parameters
    ----------
    instrument : Instrument
        Its beam, stamp and noise.
    pressure_profile : str
        A name of physics.gnfw.PROFILES.
    theta500_range_arcmin : (float, float) [arcmin]
        Smallest and largest cluster of the bank.
    """

    instrument: Instrument
    pressure_profile: str
    theta500_range_arcmin: tuple[float, float]

    @cached_property
    def log_theta500(self) -> np.ndarray:
        """Natural logarithms of the sizes of the bank, evenly spaced."""
        low, high = np.log(self.theta500_range_arcmin)
        return np.linspace(low, high, N_SIZES)

    @cached_property
    def templates(self) -> np.ndarray:
        """Stamps of unit Y500 seen by the instrument, (size, pixel) [arcmin^-2]."""
        return np.array([self.template(theta).ravel() for theta in np.exp(self.log_theta500)])

    def template(self, theta500_arcmin: float) -> np.ndarray:
        """Return the stamp of a cluster with Y500 = 1 arcmin2, (y, x)."""
        grid = self.instrument.theory_grid
        values = paint_compton_y(grid, 1.0, theta500_arcmin, profile_by_name(self.pressure_profile))
        unit = UNIT_OF[MapQuantity.COMPTON_Y]
        return self.instrument.smooth(Map(values, MapQuantity.COMPTON_Y, unit, grid, "theory")).values

    @cached_property
    def _orbits(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Number the pixels that the eight symmetries exchange: (pixel,) orbit, (orbit,) first pixel, (orbit,) size."""
        n = self.instrument.grid.n_pixels
        distance = np.abs(2 * np.arange(n) - (n - 1))
        y, x = np.broadcast_arrays(distance[:, None], distance[None, :])
        label = np.maximum(y, x) * (2 * n) + np.minimum(y, x)
        _, first, orbit, size = np.unique(
            label.ravel(), return_index=True, return_inverse=True, return_counts=True
        )
        return orbit.ravel(), first, size

    def symmetrised(self, stamps: np.ndarray) -> np.ndarray:
        """Project stamps on the symmetric subspace, (stamp, pixel) -> (stamp, orbit), orthonormal."""
        orbit, _, size = self._orbits
        sums = np.zeros((len(stamps), len(size)))
        for row, stamp in zip(sums, stamps, strict=True):
            row += np.bincount(orbit, weights=stamp, minlength=len(size))
        return sums / np.sqrt(size)

    @cached_property
    def _factor(self) -> tuple[np.ndarray, bool]:
        """Cholesky factor of the covariance, with a free zero level, on the symmetric subspace."""
        orbit, first, size = self._orbits
        n = self.instrument.grid.n_pixels
        lag = self.instrument.field.covariance
        rows = np.empty((len(first), len(size)))
        index = np.arange(n)
        for i, pixel in enumerate(first):
            seen = lag[
                np.ix_(index - pixel // n, index - pixel % n)
            ]  # negative lags wrap: the lag array is periodic
            rows[i] = np.bincount(orbit, weights=seen.ravel(), minlength=len(size))
        weight = np.sqrt(size)
        covariance = rows * weight[:, None] / weight[None, :] + OFFSET_SD**2 * np.outer(weight, weight)
        return cho_factor(0.5 * (covariance + covariance.T), lower=True)

    @cached_property
    def _weights(self) -> tuple[np.ndarray, np.ndarray]:
        """C^-1 t for each size, spread over the stamp (size, pixel), and t' C^-1 t (size,)."""
        orbit, _, size = self._orbits
        t = self.symmetrised(self.templates)
        solved = cho_solve(self._factor, t.T).T
        return (solved / np.sqrt(size))[:, orbit], np.einsum("so,so->s", t, solved)

    def __call__(self, stamps: np.ndarray) -> Filtered:
        """Filter stamps, (stamp, y, x) in Compton y."""
        weights, information = self._weights
        flat = stamps.reshape(len(stamps), -1)
        return Filtered(flat @ weights.T / information, information**-0.5, self.log_theta500)

    def chi2(self, stamps: np.ndarray) -> np.ndarray:
        """Return the noise-weighted sum of squares on the symmetric subspace per degree of freedom, (stamp,)."""
        d = self.symmetrised(stamps.reshape(len(stamps), -1))
        return np.einsum("so,os->s", d, cho_solve(self._factor, d.T)) / d.shape[1]
