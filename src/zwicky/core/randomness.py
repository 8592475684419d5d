"""Random numbers by key, not by order.

Every draw is a pure function of (seed, stream, sight-line, cluster): the same whatever the order, the batch
or the number of workers. Bits come from Philox4x64 (Salmon et al. 2011); the distributions are our own
inverse functions, because numpy may change its own between versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy.special import ndtri, pdtrik


class Stream(IntEnum):
    """What a random number is for. New uses get new numbers, so that old clusters never change."""

    MASS_AND_REDSHIFT = 0
    LATENTS = 1
    CENTRE_OFFSET = 2
    INSTRUMENT_NOISE = 3
    SPLIT = 4
    BATCH_ORDER = 5
    AUGMENTATION = 6
    DROPOUT = 7
    INITIAL_WEIGHTS = 8
    BOOTSTRAP = 9
    SUBHALOES = 10
    MERGER = 11
    ENVIRONMENT = 12
    MERGER_GALAXIES = 13
    TURBULENCE = 14
    LARGE_SCALE = 15
    SIGHT_LINE = 16
    CORE = 17
    NOISE_LADDER = 18
    MICROWAVE_SKY = 19
    MICROWAVE_NOISE = 20
    PHOTONS = 21
    POINT_SOURCES = 22
    DETECTOR = 23
    THINNING = 24
    REDSHIFT_NOISE = 25
    POSTERIOR_SAMPLES = 26
    POSTERIOR_MASSES = 27
    RANDOM_POINTS = 28
    TEST = 99


@dataclass(frozen=True)
class Key:
    """The address of a set of random numbers."""

    seed: int
    stream: Stream
    cluster: int = 0
    sight_line: int = 0

    def bits(self, n: int) -> np.ndarray:
        """Return n independent 64-bit words, (n,) uint64."""
        key = np.array([self.seed, int(self.stream)], np.uint64)
        counter = np.array([0, 0, self.sight_line, self.cluster], np.uint64)
        return np.random.Philox(key=key, counter=counter).random_raw(n)

    def uniform(self, *shape: int) -> np.ndarray:
        """Return uniform numbers in the open interval (0, 1)."""
        raw = self.bits(int(np.prod(shape, dtype=int)))
        # 52 bits, not 53: half an integer above 2^52 is no double, and the largest number would round to 1.
        return (((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52).reshape(shape)

    def normal(self, *shape: int) -> np.ndarray:
        """Return standard normal numbers, by the inverse distribution function."""
        return np.asarray(ndtri(self.uniform(*shape)))

    def permutation(self, n: int) -> np.ndarray:
        """Return 0..n-1 in random order."""
        return np.argsort(self.bits(n), kind="stable")

    def integers(self, high: int, n: int) -> np.ndarray:
        """Return n integers in 0..high-1."""
        return (self.uniform(n) * high).astype(np.int64)

    def poisson(self, mean: float) -> int:
        """Return a Poisson number of this mean, by inversion of one uniform number."""
        return int(pdtrik(self.uniform(1)[0], mean).item().__ceil__()) if mean > 0.0 else 0

    def word(self) -> int:
        """Return one 63-bit integer, to seed another generator."""
        return int(self.bits(1)[0] >> np.uint64(1))
