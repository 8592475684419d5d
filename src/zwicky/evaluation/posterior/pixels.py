"""What is measured pixel by pixel: standardised errors, scores, ranks, and distances between maps; of one cluster."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from scipy.special import ndtr

from zwicky.core.errors import MapError
from zwicky.core.randomness import Key
from zwicky.evaluation.posterior.order import inside_central, ranks_among

LEVELS: Final = (0.68, 0.95)
"""Of the central intervals whose coverage is measured."""
SPACES: Final = ("log10", "linear")
"""In which errors are standardised: of log10 of the surface density, and of itself."""
WITHIN: Final = (1.0, 2.0, 3.0)
"""Standard deviations within which errors are counted."""
Z_EDGES: Final = np.linspace(-5.0, 5.0, 51)
"""Edges of the histogram of standardised errors [1]."""


class PixelMeasures(NamedTuple):
    """Averages over the pixels of each map; the first axis of every array is the cluster once they are stacked.

    Parameters
    ----------
    z_mean, z_mean_square : (space, target) arrays [1]
        Of z = (posterior mean - truth) / sd / sqrt(1 + 1 / N).
    z_within : (space, target, len(WITHIN)) array [1]
        Fraction of the pixels with abs(z) below each of ``WITHIN``.
    z_histogram : (space, target, len(Z_EDGES) - 1) array [1]
        Fraction of the pixels in each bin of ``Z_EDGES``; what lies beyond is in none.
    inside : (target, level) array [1]
        Fraction of the pixels inside central intervals.
    crps_dex, gaussian_crps_dex : (target,) arrays [dex]
        Continuous ranked probability score of the samples, and of Gaussians with their mean and sd.
    between_dex2 : (target, sample, sample) array [dex^2]
        Mean square difference of two samples.
    to_truth_dex2 : (target, sample) array [dex^2]
        Mean square difference of a sample and the truth.
    energy_gaussian_dex : (target,) array [dex]
        Energy score of independent Gaussian pixels with the mean and sd of the samples.
    """

    z_mean: np.ndarray
    z_mean_square: np.ndarray
    z_within: np.ndarray
    z_histogram: np.ndarray
    inside: np.ndarray
    crps_dex: np.ndarray
    gaussian_crps_dex: np.ndarray
    between_dex2: np.ndarray
    to_truth_dex2: np.ndarray
    energy_gaussian_dex: np.ndarray


def measure_pixels(truth: np.ndarray, samples: np.ndarray, noise: np.ndarray, ties: Key) -> PixelMeasures:
    """Measure the pixels of one cluster.

    Parameters
    ----------
    truth : (target, y, x) array [Msun Mpc^-2]
    samples : (sample, target, y, x) array [Msun Mpc^-2]
    noise : (sample, target, y * x) array [1]
        Standard normal numbers, for the Gaussian reference of the energy score.
    ties : Key
        For pixels of a sample that equal the truth.

    Raises
    ------
    MapError
        If all samples agree in a pixel.
    """
    n_samples, n_targets = samples.shape[:2]
    true, drawn = truth.reshape(n_targets, -1), samples.reshape(n_samples, n_targets, -1)
    true_dex, drawn_dex = np.log10(true), np.log10(drawn)
    mean_dex, sd_dex = mean_and_sd(drawn_dex)
    errors = np.stack(
        [
            standardised(true_dex, mean_dex, sd_dex, n_samples),
            standardised(true, *mean_and_sd(drawn), n_samples),
        ]
    )
    ranks = ranks_among(true[None], drawn[None], ties)[0]
    reference = mean_dex + sd_dex * noise
    between, to_truth = square_distances(true_dex, drawn_dex, mean_dex)
    return PixelMeasures(
        z_mean=errors.mean(axis=-1),
        z_mean_square=np.square(errors).mean(axis=-1),
        z_within=np.stack([(np.abs(errors) < reach).mean(axis=-1) for reach in WITHIN], axis=-1),
        z_histogram=_histogram(errors),
        inside=np.stack([inside_central(ranks, n_samples, p).mean(axis=-1) for p in LEVELS], axis=-1),
        crps_dex=crps(true_dex, drawn_dex).mean(axis=-1),
        gaussian_crps_dex=gaussian_crps(true_dex, mean_dex, sd_dex).mean(axis=-1),
        between_dex2=between,
        to_truth_dex2=to_truth,
        energy_gaussian_dex=energy_score(*square_distances(true_dex, reference, mean_dex)),
    )


def mean_and_sd(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation (N - 1) of samples (sample, ...), in double precision."""
    mean = samples.mean(axis=0, dtype=np.float64)
    # Deviations in the precision of the samples: their sum of squares needs no more.
    deviations = samples - mean.astype(samples.dtype)
    square = np.einsum("s...,s...->...", deviations, deviations)
    return mean, np.sqrt(square.astype(np.float64) / (len(samples) - 1))


def standardised(truth: np.ndarray, mean: np.ndarray, sd: np.ndarray, n_samples: int) -> np.ndarray:
    """Return z = (mean - truth) / sd / sqrt(1 + 1 / N) of each pixel.

    The mean of N samples errs, too: (mean - truth) of a calibrated posterior of variance s^2 has variance
    s^2 (1 + 1 / N), and with the sd of the same samples z has Student's distribution of N - 1 degrees of freedom if
    the posterior is Gaussian.

    Raises
    ------
    MapError
        If all samples agree in a pixel.
    """
    if not (sd > 0.0).all():
        raise MapError(
            "Samples that all agree have no error to standardise with.",
            where=f"{int((sd <= 0.0).sum())} pixels of a cluster",
            expected="samples that differ in every pixel",
            got="a standard deviation of 0",
            fix="check the sampler: it draws one map again and again, or clips",
        )
    return (mean - truth) / sd / math.sqrt(1.0 + 1.0 / n_samples)


def crps(truth: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Return the continuous ranked probability score E|X - y| - E|X - X'| / 2 of each pixel, without bias.

    Gneiting & Raftery 2007, eq. 21, with the mean over pairs of different samples for the second term
    (Ferro 2014, the "fair" score): its expectation does not depend on N.

    Parameters
    ----------
    truth : (...) array
    samples : (sample, ...) array

    Returns
    -------
    (...) float64 array
        In the unit of the samples. A single score may be negative; an expectation is not.
    """
    n = len(samples)
    ordered = np.sort(
        np.moveaxis(samples, 0, -1), axis=-1
    )  # in memory by pixel: twice as fast as along the first axis
    # Sum over pairs of x_(j) - x_(i), i < j: the i-th smallest (from 1) is the larger one i - 1 times, the smaller
    # one n - i times.
    weights = (2.0 * np.arange(1, n + 1) - n - 1) / (n * (n - 1))
    spread = ordered.astype(np.float64) @ weights
    return np.asarray(np.abs(samples - truth).mean(axis=0, dtype=np.float64) - spread)


def gaussian_crps(truth: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Return the same score of Gaussians (Gneiting & Raftery 2007, eq. 5 of Gneiting et al. 2005), (...)."""
    z = (truth - mean) / sd
    density = np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    return np.asarray(sd * (z * (2.0 * ndtr(z) - 1.0) + 2.0 * density - 1.0 / math.sqrt(math.pi)))


def square_distances(
    truth: np.ndarray, samples: np.ndarray, centre: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean square difference of every two samples, and of each sample and the truth.

    Parameters
    ----------
    truth : (target, pixel) array
    samples : (sample, target, pixel) array
    centre : (target, pixel) array
        A map near all samples: rounding errors are relative to the distances from it.

    Returns
    -------
    between : (target, sample, sample) float64 array
    to_truth : (target, sample) float64 array
    """
    away = np.moveaxis(samples - centre, 0, 1).astype(np.float64)  # (target, sample, pixel)
    true = (truth - centre)[:, None].astype(np.float64)
    products = away @ np.moveaxis(away, 1, 2) / truth.shape[-1]
    squares = np.diagonal(products, axis1=1, axis2=2)
    between = squares[:, :, None] + squares[:, None, :] - 2.0 * products
    to_truth = squares + np.square(true).mean(axis=-1) - 2.0 * (away * true).mean(axis=-1)
    return np.maximum(between, 0.0), np.maximum(to_truth, 0.0)


def energy_score(between: np.ndarray, to_truth: np.ndarray) -> np.ndarray:
    """Return the energy score E|X - y| - E|X - X'| / 2 with the norm sqrt(mean square over pixels), without bias.

    Gneiting & Raftery 2007, eq. 22 with beta = 1, and the mean over pairs of different samples; for a map of one
    pixel it is the CRPS.

    Parameters
    ----------
    between : (..., sample, sample) array [unit^2]
    to_truth : (..., sample) array [unit^2]

    Returns
    -------
    (...) array [unit]
    """
    n = to_truth.shape[-1]
    pairs = np.sqrt(between).sum(axis=(-2, -1)) - np.sqrt(np.diagonal(between, axis1=-2, axis2=-1)).sum(
        axis=-1
    )
    return np.asarray(np.sqrt(to_truth).mean(axis=-1) - 0.5 * pairs / (n * (n - 1)))


def _histogram(errors: np.ndarray) -> np.ndarray:
    """Return the fraction of the errors (..., pixel) in each bin of Z_EDGES, (..., bin)."""
    n_bins = len(Z_EDGES) - 1
    number = np.searchsorted(Z_EDGES, errors, side="right").reshape(-1, errors.shape[-1])
    counts = np.stack([np.bincount(one, minlength=n_bins + 2)[1 : n_bins + 1] for one in number])
    return counts.reshape(*errors.shape[:-1], n_bins) / errors.shape[-1]
