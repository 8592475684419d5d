"""How far is the posterior mean from the truth, and does it know? Masses in circles, of the map, and of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zwicky.evaluation.mapping.apertures import quotient
from zwicky.evaluation.mapping.estimates import Drawn
from zwicky.evaluation.posterior.bins import MassBins
from zwicky.evaluation.posterior.functionals import Functionals


@dataclass(frozen=True, eq=False)
class Accuracy:
    """Errors of the posterior mean; every array starts with (bin, target).

    Parameters
    ----------
    radii_mpc : (radius,) array [Mpc]
    mass_error, mass_scatter : Drawn (bin, target, radius) [1]
        Mean and standard deviation over clusters of (posterior mean of M(<R) - truth) / truth.
    map_mass_error, map_mass_scatter : Drawn (bin, target) [1]
        The same of the mass of the whole map.
    rms_dex : Drawn (bin, target) [dex]
        Root mean square over clusters and pixels of posterior mean of log10 minus log10 of the truth.
    spread_dex : Drawn (bin, target) [dex]
        What it should be: sqrt((1 + 1 / N) times the mean variance of N samples).
    spread_over_rms : Drawn (bin, target) [1]
        1 if the posterior is as wide as its errors are large, above 1 if it is under-confident.
    """

    radii_mpc: np.ndarray
    mass_error: Drawn
    mass_scatter: Drawn
    map_mass_error: Drawn
    map_mass_scatter: Drawn
    rms_dex: Drawn
    spread_dex: Drawn
    spread_over_rms: Drawn


def accuracy(found: Functionals, bins: MassBins) -> Accuracy:
    """Return the errors of the posterior mean, with errors by resampling parents.

    The posterior mean is the mean map of the samples in Msun Mpc^-2, which has the least mean square error there;
    that of pixels is the mean of log10.
    """
    circles = fractional_error(found.samples.cylinder_masses_msun, found.truth.cylinder_masses_msun)
    whole = fractional_error(found.samples.map_mass_msun, found.truth.map_mass_msun)
    squares = np.stack(pixel_squares(found.pixels.between_dex2, found.pixels.to_truth_dex2), axis=-1)
    return Accuracy(
        found.radii_mpc,
        bins.of_means(circles),
        bins.of_means(_powers(circles), scatter),
        bins.of_means(whole),
        bins.of_means(_powers(whole), scatter),
        bins.of_means(squares[..., 0], np.sqrt),
        bins.of_means(squares[..., 1], np.sqrt),
        bins.of_means(squares, lambda means: np.sqrt(quotient(means[..., 1], means[..., 0]))),
    )


def fractional_error(samples: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return (mean of the samples (n, sample, ...) - truth (n, ...)) / truth, (n, ...)."""
    return quotient(samples.mean(axis=1) - truth, truth)


def pixel_squares(between: np.ndarray, to_truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the square error of the mean of N samples, and what it should be, from distances between maps.

    |mean - truth|^2 = <|x_i - truth|^2> - <|x_i - x_j|^2> / 2, the last mean over all pairs, also of a sample with
    itself; over pairs of different samples, <|x_i - x_j|^2> / 2 is their variance.

    Parameters
    ----------
    between : (..., sample, sample) array [dex^2]
    to_truth : (..., sample) array [dex^2]

    Returns
    -------
    square_error, expected : (...) arrays [dex^2]
        The expected one is (1 + 1 / N) times the variance: the mean of N samples errs, too.
    """
    n = to_truth.shape[-1]
    half = 0.5 * between.mean(axis=(-2, -1))
    return np.maximum(to_truth.mean(axis=-1) - half, 0.0), (1.0 + 1.0 / n) * half * n / (n - 1)


def scatter(means: np.ndarray) -> np.ndarray:
    """Return the standard deviation that belongs to means of a value and of its square, (..., 2) -> (...)."""
    return np.sqrt(np.maximum(means[..., 1] - means[..., 0] ** 2, 0.0))


def _powers(values: np.ndarray) -> np.ndarray:
    return np.stack([values, values**2], axis=-1)
