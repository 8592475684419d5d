"""Gaussian fields with a given power spectrum: noise, and what component separation leaves on the sky."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtri

from zwicky.core.config import Config
from zwicky.core.cosmology import ARCMIN_PER_RAD
from zwicky.core.randomness import Key


class PowerSpectrum(Config):
    """A tabulated flat-sky power spectrum.

    Attributes
    ----------
    ell : tuple of float [1]
        Multipoles, increasing.
    power_arcmin2 : tuple of float [unit of the map squared times arcmin2]
        Power per unit area; between the points a power law, beyond the ends the end value.
    source : str
        Where the numbers come from.
    """

    ell: tuple[float, ...]
    power_arcmin2: tuple[float, ...]
    source: str

    def __call__(self, ell: np.ndarray) -> np.ndarray:
        """Return the power at the given multipoles."""
        log_ell = np.log(np.maximum(ell, 1e-3))
        return np.exp(np.interp(log_ell, np.log(self.ell), np.log(self.power_arcmin2)))


@dataclass(frozen=True)
class GaussianField:
    """A stationary Gaussian field on a periodic square, of which the middle is used.

    The square is twice as wide as the stamp, so that opposite edges of a stamp are independent.

    Parameters
    ----------
    n_pixels : int
        Pixels per side of the stamp.
    pixel_arcmin : float [arcmin]
        Side of a pixel.
    spectra : tuple of PowerSpectrum
        Independent parts; their powers add.
    white_rms_max : float [unit of the map]
        White noise of an rms that is uniform between 0 and this, drawn anew for each stamp.
    """

    n_pixels: int
    pixel_arcmin: float
    spectra: tuple[PowerSpectrum, ...]
    white_rms_max: float = 0.0

    @property
    def n_periodic(self) -> int:
        """Pixels per side of the periodic square."""
        return 2 * self.n_pixels

    @cached_property
    def coloured_power(self) -> np.ndarray:
        """Power of the spectra at each mode of the real transform, (n, n // 2 + 1) [unit squared times arcmin2]."""
        return self.power_at(multipoles(self.n_periodic, self.pixel_arcmin), white=False)

    def power_at(self, ell: np.ndarray, *, white: bool = True) -> np.ndarray:
        """Return the expected power at multipoles [unit squared times arcmin2]; the white part at its mean."""
        floor = self.white_rms_max**2 / 3.0 * self.pixel_arcmin**2 if white else 0.0
        return np.asarray(np.sum([spectrum(ell) for spectrum in self.spectra], axis=0) + floor)

    @cached_property
    def covariance(self) -> np.ndarray:
        """Expected covariance of two pixels as a function of their lag (dy, dx), (n, n) periodic [unit squared]."""
        power = self.power_at(multipoles(self.n_periodic, self.pixel_arcmin))
        return np.fft.irfft2(power, s=(self.n_periodic, self.n_periodic)) / self.pixel_arcmin**2

    @property
    def rms(self) -> float:
        """Expected standard deviation of a pixel [unit of the map]."""
        return float(np.sqrt(self.covariance[0, 0]))

    def draw(self, key: Key) -> np.ndarray:
        """Draw one stamp, (y, x): white noise shaped in Fourier space, then cut."""
        n = self.n_periodic
        numbers = key.uniform(n * n + 1)
        white_power = (numbers[-1] * self.white_rms_max * self.pixel_arcmin) ** 2
        modes = np.fft.rfft2(ndtri(numbers[:-1]).reshape(n, n))
        field = (
            np.fft.irfft2(modes * np.sqrt(self.coloured_power + white_power), s=(n, n)) / self.pixel_arcmin
        )
        low = (n - self.n_pixels) // 2
        return field[low : low + self.n_pixels, low : low + self.n_pixels]


@dataclass(frozen=True, eq=False)
class SeenBand:
    """One map of a telescope, as someone who judges it must know it.

    Parameters
    ----------
    name : str
        Its quantity.
    beam_arcmin : float [arcmin]
        FWHM.
    rms : float [unit of the map]
        Expected standard deviation of a pixel without a cluster.
    power_at : function
        Of multipoles: expected power of what is not the cluster [unit squared times arcmin2].
    beam_transform : function
        Of n: the beam on the modes of a real transform of n x n pixels.
    ell_edges : tuple of float [1]
        Of the bins in which its power is looked at.
    """

    name: str
    beam_arcmin: float
    rms: float
    power_at: Callable[[np.ndarray], np.ndarray]
    beam_transform: Callable[[int], np.ndarray]
    ell_edges: tuple[float, ...]


def multipoles(n: int, pixel_arcmin: float) -> np.ndarray:
    """Return the multipole of each mode of a real transform of n x n pixels, (n, n // 2 + 1)."""
    ky = 2.0 * math.pi * np.fft.fftfreq(n, pixel_arcmin)
    kx = 2.0 * math.pi * np.fft.rfftfreq(n, pixel_arcmin)
    return np.asarray(np.hypot(ky[:, None], kx) * ARCMIN_PER_RAD)
