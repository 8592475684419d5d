"""The matched filter: the best linear estimate of Y500 from a stamp, for every cluster size at once.

A stamp is d = Y500 t(theta500) + offset + n with noise of known covariance C. It may have several bands: t is then how
the cluster looks in each, and C holds what the bands share, such as the CMB. The estimate

    Y = t' C^-1 d / t' C^-1 t,    sigma_Y = (t' C^-1 t)^(-1/2)

has the smallest variance of all linear unbiased ones (Haehnelt & Tegmark 1996; Melin, Bartlett & Delabrouille 2006).
Unlike the usual Fourier form, which takes the stamp for periodic, C is inverted exactly on the finite stamp: templates
share the eight symmetries of the square and so does C, so that the whole problem lives on one eighth of the pixels. An
unknown zero level of each band is marginalised over.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from zwicky.core.grid import Grid
from zwicky.instruments.spectrum import SeenBand
from zwicky.physics.gnfw import profile_by_name
from zwicky.simulations.spherical import paint_compton_y

N_SIZES: Final = 64


class Observer(Protocol):
    """What the filter must know of whoever made the maps."""

    @property
    def grid(self) -> Grid:
        """The stamp."""

    @property
    def theory_grid(self) -> Grid:
        """The stamp with a margin for the beams."""

    @property
    def zero_level_sd(self) -> np.ndarray:
        """Prior standard deviation of each band's zero level, (band,): so large that it is free."""

    @property
    def seen_bands(self) -> tuple[SeenBand, ...]:
        """Beam and noise of each band."""

    def signals(self, compton_y: np.ndarray) -> np.ndarray:
        """Return what is seen of a Compton parameter on ``theory_grid``, (band, y, x): linear, without noise."""

    def covariance(self) -> np.ndarray:
        """Return the covariance of two pixels of two bands by their lag, (band, band, n, n), periodic."""


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
    """A bank of filters for one observer and one pressure profile.

    Parameters
    ----------
    instrument : Observer
        Its beams, stamp and noise.
    pressure_profile : str
        A name of physics.gnfw.PROFILES.
    theta500_range_arcmin : (float, float) [arcmin]
        Smallest and largest cluster of the bank.
    """

    instrument: Observer
    pressure_profile: str
    theta500_range_arcmin: tuple[float, float]

    @cached_property
    def log_theta500(self) -> np.ndarray:
        """Natural logarithms of the sizes of the bank, evenly spaced."""
        low, high = np.log(self.theta500_range_arcmin)
        return np.linspace(low, high, N_SIZES)

    @cached_property
    def templates(self) -> np.ndarray:
        """Stamps of unit Y500 seen by the instrument, (size, band and pixel) [unit of the map arcmin^-2]."""
        return np.array([self.template(theta).ravel() for theta in np.exp(self.log_theta500)])

    def template(self, theta500_arcmin: float) -> np.ndarray:
        """Return the stamps of a cluster with Y500 = 1 arcmin2, (band, y, x)."""
        profile = profile_by_name(self.pressure_profile)
        return self.instrument.signals(
            paint_compton_y(self.instrument.theory_grid, 1.0, theta500_arcmin, profile)
        )

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
        """Project stamps, (stamp, band and pixel), on the symmetric subspace, (stamp, band and orbit), orthonormal."""
        orbit, _, size = self._orbits
        images = stamps.reshape(-1, len(orbit))
        sums = np.zeros((len(images), len(size)))
        for row, image in zip(sums, images, strict=True):
            row += np.bincount(orbit, weights=image, minlength=len(size))
        return (sums / np.sqrt(size)).reshape(len(stamps), -1)

    @cached_property
    def _factor(self) -> tuple[np.ndarray, bool]:
        """Cholesky factor of the covariance, with free zero levels, on the symmetric subspace of all bands."""
        lags = self.instrument.covariance()
        weight = np.sqrt(self._orbits[2])
        blocks = [[self._block(lag) for lag in row] for row in lags]
        for band, sd in enumerate(self.instrument.zero_level_sd):
            blocks[band][band] = blocks[band][band] + sd**2 * np.outer(weight, weight)
        covariance = np.block(blocks)
        return cho_factor(0.5 * (covariance + covariance.T), lower=True)

    def _block(self, lag: np.ndarray) -> np.ndarray:
        """Return the covariance of two bands on the symmetric subspace, (orbit, orbit), from that by lag."""
        orbit, first, size = self._orbits
        n = self.instrument.grid.n_pixels
        rows = np.empty((len(first), len(size)))
        index = np.arange(n)
        for i, pixel in enumerate(first):
            # Negative lags wrap: the lag array is periodic.
            seen = lag[np.ix_(index - pixel // n, index - pixel % n)]
            rows[i] = np.bincount(orbit, weights=seen.ravel(), minlength=len(size))
        weight = np.sqrt(size)
        return rows * weight[:, None] / weight[None, :]

    @cached_property
    def _weights(self) -> tuple[np.ndarray, np.ndarray]:
        """C^-1 t for each size, spread over the stamp (size, band and pixel), and t' C^-1 t (size,)."""
        orbit, _, size = self._orbits
        t = self.symmetrised(self.templates)
        solved = cho_solve(self._factor, t.T).T
        by_band = solved.reshape(len(solved), -1, len(size)) / np.sqrt(size)
        return by_band[:, :, orbit].reshape(len(solved), -1), np.einsum("so,so->s", t, solved)

    def __call__(self, stamps: np.ndarray) -> Filtered:
        """Filter stamps, (stamp, y, x) or (stamp, band, y, x), in the unit of the maps."""
        weights, information = self._weights
        flat = stamps.reshape(len(stamps), -1)
        return Filtered(flat @ weights.T / information, information**-0.5, self.log_theta500)

    def chi2(self, stamps: np.ndarray) -> np.ndarray:
        """Return the noise-weighted sum of squares on the symmetric subspace per degree of freedom, (stamp,)."""
        d = self.symmetrised(stamps.reshape(len(stamps), -1))
        return np.einsum("so,os->s", d, cho_solve(self._factor, d.T)) / d.shape[1]
