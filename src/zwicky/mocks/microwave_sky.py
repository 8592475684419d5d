"""The microwave sky without its clusters: CMB, foregrounds and noise, as Gaussian fields on a flat sky."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Protocol

import numpy as np
from scipy import fft

from zwicky.core.cosmology import ARCMIN_PER_RAD
from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.core.randomness import Key, Stream
from zwicky.instruments.microwave import MicrowaveInstrument
from zwicky.instruments.spectrum import multipoles
from zwicky.physics.cmb import lensed_tt_d_ell_uk2

PADDED_ARCMIN: Final = 96.0
"""Width of the periodic square [arcmin], if no other is given; see ``MicrowaveSky``."""

MAX_PADDED_ARCMIN: Final = 1200.0
"""No square is wider [arcmin]: beyond 20 degrees the sky is not flat."""

SKIES_AT_ONCE: Final = 2
"""So many are transformed together: more no longer fit the processor's cache, and are slower."""

RANK_TOLERANCE: Final = 1e-12
"""What is left of a variance below this fraction is rounding: the band is a combination of those before it."""


class Spectra(Protocol):
    """Power spectra of foregrounds, such as ``zwicky.physics.foregrounds.Foregrounds``: a frozen, picklable dataclass.

    Its ``repr`` says everything about it, and is what a survey remembers.
    """

    def d_ell_uk2(self, ell: np.ndarray, frequencies_ghz: Sequence[float]) -> np.ndarray:
        """Return D_ell of all pairs of frequencies, (..., f, f) [uK_CMB^2], positive semi-definite."""


@dataclass(frozen=True)
class MicrowaveSky:
    """What a microwave telescope sees where there is no cluster.

    Every component is Gaussian, each band is smoothed by its beam, and all bands see the same sky: CMB and foregrounds
    are drawn together, with their covariance. The noise of a band is its own. Stamps are cut from the middle of a
    periodic square at least ``padded_arcmin`` wide, and at least twice as wide as the stamp, so that its opposite edges
    are as independent as on the sky.

    The square has no larger scales than itself, and the signal has no mean. Of the CMB in a stamp of 10 arcmin (rms
    111 uK, 33 uK about the stamp's mean, 14 uK about its best plane) it keeps this part of the variance:

    ==================  =====  =====  =====  =====  =====  =====
    width [arcmin]         20     40     60     80     96    120
    of a pixel           0.08   0.24   0.31   0.49   0.58   0.65
    about the mean       0.59   0.91   0.94   1.02   1.00   1.00
    about the plane      0.92   1.00   1.02   1.01   1.00   1.00
    ==================  =====  =====  =====  =====  =====  =====

    At 96 arcmin nothing is missing but part of the offset of the whole stamp, which no cluster depends on and which
    maps from the ground hardly show.

    The signal is that at the pixel's centre, after the beam: it is not averaged over the pixel, as clusters are. To
    average over 0.25 arcmin would widen a beam of 1 arcmin to 1.014, and lower a point source in its middle by 3 %.

    Parameters
    ----------
    instrument : MicrowaveInstrument
        Bands, beams, noise and the stamp.
    foregrounds : Spectra
        Everything on the sky but the CMB.
    with_cmb : bool
        Add the lensed CMB.
    padded_arcmin : float [arcmin]
        The periodic square is at least as wide.

    Raises
    ------
    ConfigError
        If the square is not between 0 and 1200 arcmin wide, or the foregrounds do not know a frequency.

    Source: flat-sky limit, C_ell = P(ell); the lensed sky is taken as Gaussian.
    Checked by: tests/mocks/test_microwave_sky.py (spectra of drawn squares, covariance of pixels).
    """

    instrument: MicrowaveInstrument
    foregrounds: Spectra
    with_cmb: bool = True
    padded_arcmin: float = PADDED_ARCMIN

    def __post_init__(self) -> None:
        widest = max(self.padded_arcmin, 2.0 * float(self.grid.width.value))
        if not (self.padded_arcmin > 0.0 and widest <= MAX_PADDED_ARCMIN):
            raise ConfigError(
                "The square that stamps are cut from cannot be as wide.",
                where="sky.padded_arcmin",
                expected=f"0 < width <= {MAX_PADDED_ARCMIN:g} arcmin, and stamps of at most half of that",
                got=f"{self.padded_arcmin:g} arcmin, stamps of {self.grid.width.value:g} arcmin",
            )
        self.foregrounds.d_ell_uk2(np.array([1000.0]), self.instrument.frequencies_ghz)

    def settings(self) -> dict[str, object]:
        """Return everything that decides a pixel, as JSON-able values."""
        return {
            "instrument": self.instrument.settings(),
            "foregrounds": repr(self.foregrounds),
            "with_cmb": self.with_cmb,
            "padded_arcmin": self.padded_arcmin,
        }

    @property
    def grid(self) -> Grid:
        """The stamp."""
        return self.instrument.grid

    @property
    def n_periodic(self) -> int:
        """Pixels per side of the periodic square: an even number that is transformed quickly."""
        # Not a rounding error more than asked for.
        wanted = math.ceil(self.padded_arcmin / self.grid.pixel_value - 1e-9)
        return 2 * fft.next_fast_len(max(self.grid.n_pixels, -(-wanted // 2)), real=True)

    def signal_power_uk2_arcmin2(self, ell: np.ndarray) -> np.ndarray:
        """Return the power of CMB and foregrounds behind the beams, (..., band, band) [uK_CMB^2 arcmin^2]."""
        ell = np.asarray(ell, float)
        d_ell_uk2 = self.foregrounds.d_ell_uk2(ell, self.instrument.frequencies_ghz)
        if self.with_cmb:
            d_ell_uk2 = d_ell_uk2 + lensed_tt_d_ell_uk2(ell)[..., None, None]
        beam = np.moveaxis(self.instrument.beam(ell), 0, -1)
        there = ell > 0.0  # the mean is not part of a spectrum
        per_d_ell = np.where(
            there, 2.0 * math.pi * ARCMIN_PER_RAD**2 / np.where(there, ell * (ell + 1.0), 1.0), 0.0
        )
        return np.asarray(d_ell_uk2 * beam[..., :, None] * beam[..., None, :] * per_d_ell[..., None, None])

    def power_uk2_arcmin2(self, ell: np.ndarray) -> np.ndarray:
        """Return the expected power of drawn maps: beams applied, noise added.

        Parameters
        ----------
        ell : array [1]
            Multipoles, >= 0.

        Returns
        -------
        (..., band, band) array [uK_CMB^2 arcmin^2]
            Power per unit area of each pair of bands; noise is on the diagonal.

        Source: P_ij = B_i B_j (C_ell + F_ij) + N_i delta_ij, with the spectra in CMB temperature.
        Checked by: tests/mocks/test_microwave_sky.py (spectra of drawn squares within 2 %).
        """
        power = self.signal_power_uk2_arcmin2(ell)
        i = np.arange(len(self.instrument.bands))
        power[..., i, i] += np.moveaxis(
            self.instrument.noise_power_uk2_arcmin2(np.asarray(ell, float)), 0, -1
        )
        return power

    def covariance(self) -> np.ndarray:
        """Return the expected covariance of two pixels as a function of their lag, exactly that of drawn stamps.

        Returns
        -------
        (band, band, n_periodic, n_periodic) array [uK_CMB^2]
            Of a pixel in the first band and one (dy, dx) away in the second; periodic, so that -1 is the last.
        """
        n = self.n_periodic
        modes = self._at_modes(self.power_uk2_arcmin2)
        return np.asarray(fft.irfft2(modes, s=(n, n))) / self.grid.pixel_value**2

    def draw(self, key: Key) -> np.ndarray:
        """Draw one stamp, (band, y, x) [uK_CMB]: the same for the same key.

        Parameters
        ----------
        key : Key
            Of CMB and foregrounds. The noise takes the same seed, cluster and sight-line in ``Stream.MICROWAVE_NOISE``.
        """
        return self.draw_many([key])[0]

    def draw_many(self, keys: Sequence[Key]) -> np.ndarray:
        """Draw a stamp for each key, (key, band, y, x) [uK_CMB]: bit by bit what ``draw`` draws."""
        n, low = self.grid.n_pixels, (self.n_periodic - self.grid.n_pixels) // 2
        stamps = np.empty((len(keys), len(self.instrument.bands), n, n))
        for first in range(0, len(keys), SKIES_AT_ONCE):
            some = slice(first, first + SKIES_AT_ONCE)
            stamps[some] = self._fields(keys[some], slice(low, low + n))
        return stamps

    def draw_square(self, key: Key) -> np.ndarray:
        """Draw the whole periodic square that ``draw`` cuts its stamp from, (band, n_periodic, n_periodic) [uK_CMB]."""
        return self._fields([key], slice(None))[0]

    def _fields(self, keys: Sequence[Key], cut: slice) -> np.ndarray:
        """Shape white noise in Fourier space, and return the rows and columns in ``cut``, (key, band, y, x)."""
        bands, n = len(self.instrument.bands), self.n_periodic
        modes = np.zeros((len(keys), bands, n, n // 2 + 1), complex)
        signal = _white_modes([_checked(key) for key in keys], bands, n)
        for i in range(bands):
            for j in range(i + 1):
                modes[:, i] += self._signal_root[i, j] * signal[:, j]
        noise_keys = [replace(key, stream=Stream.MICROWAVE_NOISE) for key in keys]
        modes += self._noise_root * _white_modes(noise_keys, bands, n)
        # The rows that are not cut out need no second transform.
        rows = fft.ifft(modes, axis=-2)[..., cut, :]
        return np.asarray(fft.irfft(rows, n=n, axis=-1)[..., cut]) / self.grid.pixel_value

    @cached_property
    def _signal_root(self) -> np.ndarray:
        """Lower triangular L of L L^T = signal power, (band, band, ky, kx) [uK_CMB arcmin]."""
        return self._at_modes(lambda ell: semidefinite_cholesky(self.signal_power_uk2_arcmin2(ell)))

    @cached_property
    def _noise_root(self) -> np.ndarray:
        """Root of the noise power, (band, ky, kx) [uK_CMB arcmin]."""
        ell = multipoles(self.n_periodic, self.grid.pixel_value)
        return np.sqrt(self.instrument.noise_power_uk2_arcmin2(ell))

    def _at_modes(self, matrices: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Evaluate a function of multipoles (m,) to (m, band, band) on the modes: (band, band, ky, kx)."""
        # Each multipole is that of up to eight modes.
        ell, mode = np.unique(multipoles(self.n_periodic, self.grid.pixel_value), return_inverse=True)
        shape = (self.n_periodic, self.n_periodic // 2 + 1)
        return np.moveaxis(matrices(ell), 0, -1)[..., mode.reshape(shape)]


def _white_modes(keys: Sequence[Key], bands: int, n: int) -> np.ndarray:
    """Return transforms of white noise of variance 1, (key, band, ky, kx)."""
    return np.asarray(fft.rfft2(np.stack([key.normal(bands, n, n) for key in keys])))


def _checked(key: Key) -> Key:
    if key.stream == Stream.MICROWAVE_NOISE:
        raise ValueError("the key of a sky is not that of its noise: both would be the same numbers")
    return key


def semidefinite_cholesky(matrices: np.ndarray) -> np.ndarray:
    """Return lower triangular roots of matrices that may be singular, such as those of bands that see the same.

    Parameters
    ----------
    matrices : (..., n, n) array
        Symmetric, positive semi-definite.

    Returns
    -------
    (..., n, n) array
        L with L L^T = matrix, and 0 below a pivot that is 0.

    Source: Golub & Van Loan, Matrix Computations, section 4.2 (Cholesky by columns; semi-definite matrices).
    Checked by: tests/mocks/test_microwave_sky.py (definite, singular and zero matrices).
    """
    n = matrices.shape[-1]
    root = np.zeros(matrices.shape)
    for j in range(n):
        left = matrices[..., j:, j] - np.einsum("...ik,...k->...i", root[..., j:, :j], root[..., j, :j])
        there = left[..., 0] > RANK_TOLERANCE * matrices[..., j, j]
        pivot = np.sqrt(np.where(there, left[..., 0], 1.0))
        root[..., j:, j] = np.where(there[..., None], left / pivot[..., None], 0.0)
    return root
