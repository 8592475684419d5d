"""The random fields of one cluster: Gaussian, periodic, in its own frame, the same for every line of sight."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import fft

from zwicky.core.randomness import Key, Stream
from zwicky.simulations.painter.painting.compiled import Compiled
from zwicky.simulations.painter.painting.field_steps import ENVIRONMENT_CELLS, PACKED, TURBULENCE_CELLS

TURBULENCE_TILE_R500: Final = 4.0
"""Period of the turbulent field [R500]."""

TURBULENCE_INJECTION: Final = 0.2
"""Injection scale over the period: 0.8 R500, a choice near the sizes of merging clumps."""

TURBULENCE_SLOPE: Final = 11.0 / 3.0
"""Of the power spectrum k^-11/3: Kolmogorov; form of Zhuravleva et al. 2014 and Khatri & Gaspari 2016."""

SMOOTHING_CELLS: Final = 0.3
"""Standard deviation of a low-pass of both fields: linear interpolation would show the shortest waves as facets."""

ENVIRONMENT_INJECTION: Final = 0.35
ENVIRONMENT_SLOPE: Final = 2.6
"""Of the large-scale field: choices that give the gas and the dark matter a common web on scales of a few Mpc."""


@dataclass(frozen=True, eq=False)
class Field:
    """A periodic field on a cube of cells, with one more layer on each axis for the period.

    Parameters
    ----------
    cube : ((n+1)^3,) array
        int32 with two fields in its halves for turbulence, float32 for the environment.
    n_cells : int
        Cells per period, n.
    variance : float [1]
        Of what interpolation returns, averaged over positions: 1 less the power of the low-pass and interpolation.
    """

    cube: np.ndarray
    n_cells: int
    variance: float


def turbulence_field(seed: int, cluster_index: int) -> Field:
    """Return two independent fields for the density and temperature of turbulent gas.

    The same cells for every map: a low-pass at the scale of a map's pixels would give the core, which is smaller than a
    pixel, another density at each resolution, and change its X-ray light by several per cent.
    """
    shape = (TURBULENCE_CELLS, TURBULENCE_SLOPE, TURBULENCE_INJECTION)
    field = _gaussian(Key(seed, Stream.TURBULENCE, cluster_index), *shape)
    return Field(_packed(field), TURBULENCE_CELLS, interpolated_variance(*shape))


def environment_field(seed: int, cluster_index: int) -> Field:
    """Return the field of large-scale structure."""
    shape = (ENVIRONMENT_CELLS, ENVIRONMENT_SLOPE, ENVIRONMENT_INJECTION)
    field = _gaussian(Key(seed, Stream.LARGE_SCALE, cluster_index), *shape)
    padded = np.pad(field.real, (0, 1), mode="wrap").astype(np.float32)
    return Field(padded.ravel(), ENVIRONMENT_CELLS, interpolated_variance(*shape))


@lru_cache(maxsize=4)
def interpolated_variance(n_cells: int, slope: float, injection: float) -> float:
    """Return the variance of the low-passed field after linear interpolation in tetrahedra.

    A wave k is returned with the power 0.4 + 0.1 sum over the six edges e of the tetrahedron of cos(k e), averaged
    over its six orientations; E w_i^2 = 1/10 and E w_i w_j = 1/20 for uniform points of a simplex. Left out, this loss
    biases the mean of every log-normal field: by 0.5 to 1 % in y and gas at the resolution of the painter's cube.
    """
    k = np.arange(n_cells // 2 + 1)
    times = np.where((k == 0) | (k == n_cells // 2), 1.0, 2.0)
    counted = times[:, None, None] * times[:, None] * times
    power = _power(k, slope, injection) * counted
    low = _low_pass(k, n_cells) ** 2
    a, b, c = np.meshgrid(*[np.cos(2.0 * np.pi * k / n_cells)] * 3, indexing="ij", sparse=True)
    kept = 0.4 + 0.1 * ((a + b + c) + 2.0 / 3.0 * (a * b + b * c + c * a) + a * b * c)
    return float((power * kept * low[:, None, None] * low[:, None] * low).sum() / power.sum())


def _power(k: np.ndarray, slope: float, injection: float) -> np.ndarray:
    """Return the power on the cube of wave numbers k (waves per period): k^-slope exp(-(k_injection / k)^2)."""
    k2 = (k[:, None, None] ** 2 + k[:, None] ** 2 + k**2).astype(float)
    k2[0, 0, 0] = np.inf
    return k2 ** (-slope / 2.0) * np.exp(-1.0 / (injection**2 * k2))


@lru_cache(maxsize=4)
def _amplitude(n_cells: int, slope: float, injection: float) -> np.ndarray:
    power = _power(np.abs(np.fft.fftfreq(n_cells, 1.0 / n_cells)), slope, injection)
    low = _low_pass(np.fft.fftfreq(n_cells, 1.0 / n_cells), n_cells)
    amplitude = np.sqrt(power / power.sum()) * low[:, None, None] * low[:, None] * low
    amplitude = amplitude.astype(np.float32)
    amplitude.flags.writeable = False
    return amplitude


def _low_pass(k: np.ndarray, n_cells: int) -> np.ndarray:
    """Return the amplitude that a Gaussian low-pass leaves of k waves per period."""
    return np.asarray(np.exp(-0.5 * (2.0 * np.pi * SMOOTHING_CELLS * k / n_cells) ** 2))


def _gaussian(key: Key, n_cells: int, slope: float, injection: float) -> np.ndarray:
    """Return two independent fields of unit variance (before the low-pass), as one complex cube."""
    waves = np.empty((n_cells, n_cells, n_cells), np.complex64)
    _draw_waves(key.bits(n_cells**3 // 2), _amplitude(n_cells, slope, injection), waves)
    return np.asarray(fft.ifftn(waves, norm="forward", overwrite_x=True))


@Compiled
def _draw_waves(words: np.ndarray, amplitude: np.ndarray, waves: np.ndarray) -> None:
    """Give each wave independent real and imaginary parts, uniform with unit variance.

    A field is a sum of thousands of waves, and Gaussian whatever the distribution of each.
    """
    n = waves.shape[0]
    unit = np.float32(np.sqrt(12.0) / 65536.0)
    half = np.float32(32767.5)
    sixteen = np.uint64(0xFFFF)
    for i in range(n):
        for j in range(n):
            for k in range(0, n, 2):
                word = words[((i * n + j) * n + k) >> 1]
                for m in range(2):
                    part = word >> np.uint64(32 * m)
                    re = np.float32(np.int32(part & sixteen)) - half
                    im = np.float32(np.int32((part >> np.uint64(16)) & sixteen)) - half
                    size = unit * amplitude[i, j, k + m]
                    waves[i, j, k + m] = np.complex64(complex(size * re, size * im))


@Compiled
def _packed(field: np.ndarray) -> np.ndarray:
    """Return both fields in one word per cell, with the period's layers."""
    n = field.shape[0]
    unit = np.float32(PACKED)
    limit = np.float32(32767.0)
    packed = np.empty((n + 1) ** 3, np.int32)
    for i in range(n + 1):
        for j in range(n + 1):
            for k in range(n + 1):
                value = field[i % n, j % n, k % n]
                high = np.int32(np.rint(min(max(value.real * unit, -limit), limit)))
                low = np.int32(np.rint(min(max(value.imag * unit, -limit), limit)))
                packed[((i * (n + 1)) + j) * (n + 1) + k] = (high << 16) | (low & 0xFFFF)
    return packed
