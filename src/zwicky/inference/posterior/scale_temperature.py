"""Posterior samples of maps made as wide as their errors, scale by scale.

The samples of a cluster keep their mean. Their deviations from it, in log10, are taken apart by an orthonormal cosine
transform (a map does not end at its edges, which a Fourier transform would wrap onto each other), multiplied by one
gain for each target and range of |k|, and put together again. With one range this is the plain temperature.

On held-out clusters, with N samples each, S the unbiased power of the deviations and E that of (truth - mean): samples
are calibrated if the truth could be one of them, which is E = (1 + 1/N) S, because the mean of N samples errs too. What
is fitted is the ratio of the true to the sampled variance, r = E / S - 1 / N; with any N' samples the gain is then
g^2 = (r + 1/N') / (1 + 1/N').
"""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import model_validator
from scipy import fft

from zwicky.core.config import Config
from zwicky.inference.posterior.samples_and_truth import check_enough, check_samples_and_truth

GAIN_RANGE: Final = (0.5, 2.0)
"""A larger correction is not one: the network, or its sampler, should be mended instead."""


class ScaleTemperature(Config):
    """Gains of the deviations of posterior samples from their mean.

    Attributes
    ----------
    edges : tuple of float [half waves per side of the map]
        Between the ranges of |k|; empty for one range.
    variance_ratios : tuple of tuple of float [1]
        (target, range): true variance over sampled variance.
    n_clusters, n_samples : int
        What it was fitted on; 0 if it was not.
    """

    edges: tuple[float, ...]
    variance_ratios: tuple[tuple[float, ...], ...]
    n_clusters: int = 0
    n_samples: int = 0

    @model_validator(mode="after")
    def _check(self) -> ScaleTemperature:
        rows = {len(row) for row in self.variance_ratios}
        values = np.concatenate([np.array(row, float) for row in self.variance_ratios or ((),)])
        if rows != {len(self.edges) + 1} or not (np.isfinite(values) & (values > 0.0)).all():
            raise ValueError("one finite positive ratio for each target and range of |k|")
        return self

    @classmethod
    def none(cls, n_targets: int) -> ScaleTemperature:
        """Return the one that changes nothing."""
        return cls(edges=(), variance_ratios=((1.0,),) * n_targets)

    @classmethod
    def fit(
        cls, samples_log10: np.ndarray, truth_log10: np.ndarray, edges: tuple[float, ...] | None = None
    ) -> ScaleTemperature:
        """Compare spread and error on held-out clusters.

        Parameters
        ----------
        samples_log10 : (n, sample, target, y, x) array [dex]
            At least two samples of at least 20 independent clusters.
        truth_log10 : (n, target, y, x) array [dex]
        edges : tuple of float, optional
            Between the ranges of |k|; by default octaves, see ``octaves``. Empty: one range.

        Raises
        ------
        MapError
            If the arrays do not belong together.
        TrainingError
            If there are fewer clusters.
        """
        check_samples_and_truth(samples_log10, truth_log10)
        n, n_samples, n_targets, n_pixels = samples_log10.shape[:4]
        check_enough(n, "spread of posterior samples")
        chosen = octaves(n_pixels) if edges is None else tuple(float(edge) for edge in edges)
        which = _ranges(n_pixels, chosen)
        n_ranges = len(chosen) + 1
        spread, error = np.zeros((2, n_targets, n_ranges))
        for samples, truth in zip(samples_log10, truth_log10, strict=True):  # one by one: it fits into memory
            mean, waves = _taken_apart(samples)
            missed = fft.dctn(truth - mean, axes=(-2, -1), norm="ortho")
            spread += _power((waves**2).sum(axis=0) / (n_samples - 1), which, n_ranges)
            error += _power(missed**2, which, n_ranges)
        low, high = (_ratio_of(gain, n_samples) for gain in GAIN_RANGE)
        ratios = np.clip(error / np.maximum(spread, 1e-30) - 1.0 / n_samples, low, high)
        return cls(
            edges=chosen,
            variance_ratios=tuple(tuple(row) for row in ratios.tolist()),
            n_clusters=n,
            n_samples=n_samples,
        )

    def gains(self, n_samples: int) -> np.ndarray:
        """Return what deviations of N samples are multiplied by, (target, range) [1], inside ``GAIN_RANGE``."""
        square = (np.array(self.variance_ratios) + 1.0 / n_samples) / (1.0 + 1.0 / n_samples)
        return np.clip(np.sqrt(square), *GAIN_RANGE)

    def apply(self, samples_log10: np.ndarray) -> np.ndarray:
        """Return recalibrated samples.

        Parameters
        ----------
        samples_log10 : (n, sample, target, y, x) array [dex]
            Before they are recalibrated; at least two of each cluster.

        Returns
        -------
        (n, sample, target, y, x) float32 array [dex]
            With the same mean over the samples.

        Raises
        ------
        MapError
            If the array has another shape, or other targets than the fit.
        """
        check_samples_and_truth(samples_log10, None, n_targets=len(self.variance_ratios))
        which = _ranges(samples_log10.shape[-1], self.edges)
        gain = self.gains(samples_log10.shape[1])[:, which]
        recalibrated = np.empty(samples_log10.shape, np.float32)
        for out, samples in zip(recalibrated, samples_log10, strict=True):
            mean, waves = _taken_apart(samples)
            out[:] = mean + fft.idctn(gain * waves, axes=(-2, -1), norm="ortho")
        return recalibrated


def octaves(n_pixels: int) -> tuple[float, ...]:
    """Return edges at 2, 4, 8, ... half waves per side: the last range holds the smallest scales down to two pixels."""
    return tuple(float(2**i) for i in range(1, max(1, int(np.log2(n_pixels)))))


def _ranges(n_pixels: int, edges: tuple[float, ...]) -> np.ndarray:
    """Return the range that each mode lies in, (ky, kx)."""
    k = np.arange(n_pixels)
    return np.digitize(np.hypot(k[:, None], k), edges)


def _taken_apart(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (target, y, x) and modes of the deviations (sample, target, ky, kx) of one cluster, in double."""
    exact = samples.astype(float)
    mean = exact.mean(axis=0)
    return mean, fft.dctn(exact - mean, axes=(-2, -1), norm="ortho")


def _power(squares: np.ndarray, which: np.ndarray, n_ranges: int) -> np.ndarray:
    """Return the sum of squares (target, ky, kx) in each range, (target, range)."""
    return np.array([np.bincount(which.ravel(), one.ravel(), n_ranges) for one in squares])


def _ratio_of(gain: float, n_samples: int) -> float:
    """Return the ratio of variances that leads to a gain; never as small as 0, where there would be no samples left."""
    return max(gain**2 * (1.0 + 1.0 / n_samples) - 1.0 / n_samples, 1e-6)
