"""The statistics of Gupta & Reichardt 2020 as functions of arrays; leading axes are resamples.

What is said of that paper's choices is what could be recovered of it. Scatter of masses is never taken of numbers that
are zero or less: whoever calls leaves those rows out, and says how many there were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.stats import binomtest

from zwicky.core.randomness import Key
from zwicky.evaluation.bootstrap import MINIMUM_PARENTS, Statistic, resample
from zwicky.evaluation.mapping.apertures import quotient
from zwicky.evaluation.mapping.estimates import Drawn
from zwicky.evaluation.metrics import METRICS, gaussian_core_sd
from zwicky.evaluation.microwave.records import ProfileResidual

MASS_COLUMNS: Final = ("low_msun", "median_msun", "high_msun", "sigma_msun", "sigma_over_mass", "pull")
"""What ``mass_statistics`` returns."""

MINIMUM_ROWS: Final = 5
"""With fewer, a distribution has no width."""

_CORE: Final = 3.0
"""Standard deviations. A core of 2 would make the error of the fitted width half as large again."""

_CENTRING_STEPS: Final = 5
_LEVELS: Final = (0.16, 0.5, 0.84)


@dataclass(frozen=True)
class Bootstrap:
    """Draws parents anew; the same parents, in the same order, for every statistic of the same parents.

    Parameters
    ----------
    n_resamples : int
        How many draws.
    key : Key
        The address of the random numbers.
    """

    n_resamples: int
    key: Key

    def of(self, parent: np.ndarray, statistic: Statistic) -> Drawn:
        """Return a statistic of the rows (resample, n) -> (resample, ...), and of resamples if parents are enough."""
        value = np.asarray(statistic(np.arange(len(parent))), float)
        if len(np.unique(parent)) < MINIMUM_PARENTS:
            return Drawn(value, None)
        return Drawn(value, resample(parent, statistic, self.n_resamples, self.key))


def mass_statistics(estimated_msun: np.ndarray, true_msun: float) -> np.ndarray:
    """Return what a method says of clusters of one true mass.

    The point estimate is the median; sigma is half of the 16-84 % range; the pull is (median - true) / sigma. The
    relative error divides sigma by the true mass.

    Parameters
    ----------
    estimated_msun : (..., n) array [Msun]
        Estimates; they may be zero or less.
    true_msun : float [Msun]
        The true mass.

    Returns
    -------
    (..., 6) array
        As ``MASS_COLUMNS``; the pull is NaN where sigma is 0.

    Source: Gupta & Reichardt 2020, the definitions of point estimate and error and the tests on trained masses.
    """
    low, median, high = _quantiles(estimated_msun, _LEVELS)
    sigma = 0.5 * (high - low)
    pull = quotient(median - true_msun, sigma)
    return np.stack([low, median, high, sigma, sigma / true_msun, pull], axis=-1)


def _quantiles(values: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Return quantiles along the last axis, (level, ...); NaN of fewer than ``MINIMUM_ROWS``."""
    if values.shape[-1] < MINIMUM_ROWS:
        return np.full((len(levels), *values.shape[:-1]), np.nan)
    return np.asarray(np.quantile(values, levels, axis=-1))


def gaussian_fit(values: np.ndarray) -> np.ndarray:
    """Fit a Gaussian to a distribution within 3 sigma of its mean: what a fit to its histogram sees.

    Parameters
    ----------
    values : (..., n) array [1]
        Here ln(M_est r / M_true).

    Returns
    -------
    (..., 2) array [1]
        Mean and standard deviation; NaN of fewer than ``MINIMUM_ROWS`` values.

    Source: Gupta & Reichardt 2020, the tests of the SZ scatter and on Magneticum, fit a Gaussian to the histogram of
    ln(M_est / M_true). The truncated likelihood of ``metrics.gaussian_core_sd`` needs no bins.
    """
    if values.shape[-1] < MINIMUM_ROWS:
        return np.full((*values.shape[:-1], 2), np.nan)
    sd = gaussian_core_sd(values, reach=_CORE)
    mean = np.median(values, axis=-1)
    # On a Gaussian the distance to the fixed point shrinks 37 times at each step.
    for _ in range(_CENTRING_STEPS):
        # "<=" keeps the centre itself when sd is 0; one row more than none keeps an empty core from dividing by 0.
        inside = np.abs(values - mean[..., None]) <= _CORE * sd[..., None]
        mean = np.where(inside, values, 0.0).sum(axis=-1) / np.maximum(inside.sum(axis=-1), 1)
    return np.stack([mean, sd], axis=-1)


def log_slope(true_msun: np.ndarray, estimated_msun: np.ndarray) -> np.ndarray:
    """Return the least-squares slope of log10 estimate on log10 truth: 1 is right, 0 is an answer that has saturated.

    Parameters
    ----------
    true_msun, estimated_msun : (..., n) array [Msun]
        Positive.

    Returns
    -------
    (...) array [1]
        NaN if all true masses are alike, or of fewer than three.

    Source: Gupta & Reichardt 2020 report that masses outside of the trained ones come out as the nearest trained mass.
    """
    log10_estimate = np.log10(estimated_msun)
    # The metric takes quantiles, of which it looks at the median.
    quantiles = np.broadcast_to(log10_estimate[..., None], (*log10_estimate.shape, 5))
    return np.asarray(METRICS["slope"](np.log10(true_msun), quantiles))


def scatter_and_error(ln_ratio: np.ndarray) -> np.ndarray:
    """Return how much a method scatters, and how far it is off.

    Scatter at fixed S/N knows nothing of a bias: a method that answers the same for every cluster scatters little.
    The error is the distance from the truth within which 68 % lie, bias and scatter together.

    Parameters
    ----------
    ln_ratio : (..., n) array [1]
        ln(M_est r / M_true).

    Returns
    -------
    (..., 3) array [1]
        Median, half of the 16-84 % range, and the 68 % quantile of the absolute value; NaN of fewer than
        ``MINIMUM_ROWS``.
    """
    low, median, high = _quantiles(ln_ratio, _LEVELS)
    (error,) = _quantiles(np.abs(ln_ratio), (0.68,))
    return np.stack([median, 0.5 * (high - low), error], axis=-1)


def intrinsic_scatter(with_scatter: np.ndarray, without: np.ndarray) -> np.ndarray:
    """Return what is left of a scatter without that of the measurement: the root of a difference of variances.

    A negative difference, which noise can make of a small scatter, has its root with a minus sign: cut at zero, the
    resamples of no scatter at all would show some.

    Parameters
    ----------
    with_scatter, without : (...) array [1]
        Standard deviations of ln(M_est / M_true), with and without scatter of the SZ signal.

    Returns
    -------
    (...) array [1]

    Source: variances of independent errors add. Gupta & Reichardt 2020 compare both widths with the injected 20 %.
    """
    difference = with_scatter**2 - without**2
    return np.asarray(np.sign(difference) * np.sqrt(np.abs(difference)))


def false_positive_rate(estimated_msun: np.ndarray, threshold_msun: float) -> dict[str, Any]:
    """Return how many empty skies are given the threshold mass or more, with the exact binomial 95 % interval.

    Parameters
    ----------
    estimated_msun : (n,) array [Msun]
        Masses of skies without a cluster.
    threshold_msun : float [Msun]
        Where detections begin.

    Returns
    -------
    dict
        ``n``, ``n_false``, ``value`` [1], ``low_95`` and ``high_95`` [1].

    Source: Clopper & Pearson 1934, as in scipy.
    """
    n, n_false = len(estimated_msun), int((estimated_msun >= threshold_msun).sum())
    interval = binomtest(n_false, n).proportion_ci(confidence_level=0.95, method="exact")
    ends = {"low_95": float(interval.low), "high_95": float(interval.high)}
    return {"n": n, "n_false": n_false, "value": n_false / n} | ends


def residual_fractions(profile: ProfileResidual) -> dict[str, float]:
    """Return the residual of the mean SZ profile as a fraction of the peak signal.

    Returns
    -------
    dict
        ``rms``: root mean square over the rings of |residual| / max |signal|; ``largest``: the same of the largest
        one; ``noise``: what the rms would be of the standard errors alone; ``chi2``: mean of (residual / error)^2,
        about 1 if the residual is noise, NaN without errors. All [1].

    Source: Gupta & Reichardt 2020 find the mean residual at least two orders of magnitude below the signal.
    """
    peak = np.abs(profile.signal_uk).max()
    rms, noise = (np.sqrt((column**2).mean()) for column in (profile.residual_uk, profile.error_uk))
    chi2 = quotient(profile.residual_uk**2, profile.error_uk**2).mean()
    largest = np.abs(profile.residual_uk).max()
    return {
        "rms": float(rms / peak),
        "largest": float(largest / peak),
        "noise": float(noise / peak),
        "chi2": float(chi2),
    }
