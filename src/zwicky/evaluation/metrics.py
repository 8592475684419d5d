"""The numbers by which masses are judged: one table, each entry with its unit and its perfect value.

Every function takes the true masses (..., n) and the predicted quantiles (..., n, 5), both log10 [dex of
Msun], and returns (...): leading axes are resamples, so that a bootstrap is one call. The residual is the
predicted median minus the truth. The literature on cluster masses calls several of these numbers "scatter":
to compare two papers, compare one line of this table.

Half of a 16-84 % range is 0.9945 standard deviations of a Gaussian: a calibrated Gaussian posterior has a
``pull_sd`` of 1.006.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.stats import norm

from zwicky.evaluation.records import LEVELS

LN10: Final = math.log(10.0)
OUTLIER_DEX: Final = 0.3  # a factor of two in mass

MetricFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Metric:
    """One number about a set of predictions.

    Parameters
    ----------
    name : str
        As in the scorecard.
    unit : str
        "dex", "ln" (natural logarithm) or "" for a pure number.
    perfect : float or None
        What an ideal, calibrated method has; None if there is no such number.
    description : str
        One line for the report.
    function : callable
        (log10_true (..., n), log10_quantiles (..., n, 5)) -> (...).
    minimum_rows : int
        With fewer rows the number is not defined, and NaN.
    """

    name: str
    unit: str
    perfect: float | None
    description: str
    function: MetricFunction
    minimum_rows: int = 2

    def __call__(self, log10_true: np.ndarray, log10_quantiles: np.ndarray) -> Any:
        """Return the metric: a float for one sample, (...) for stacked ones; NaN where it is not defined."""
        if log10_true.shape[-1] < self.minimum_rows:
            return np.full(log10_true.shape[:-1], np.nan)[()]
        return np.asarray(self.function(log10_true, log10_quantiles))[()]


def _residual(true: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    return np.asarray(quantiles[..., 2] - true)


def _half_width(quantiles: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (quantiles[..., 3] - quantiles[..., 1]))


def _bias(true: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    return np.asarray(_residual(true, quantiles).mean(axis=-1))


def _bias_median(true: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    return np.asarray(np.median(_residual(true, quantiles), axis=-1))


def _scatter(true: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    return np.asarray(_residual(true, quantiles).std(axis=-1, ddof=1))


def _scatter_ln(true: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    return LN10 * _scatter(true, quantiles)


def _scatter_mad(true: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    return _sd_from_mad(_residual(true, quantiles))


def _sd_from_mad(residual: np.ndarray) -> np.ndarray:
    # 1.4826 = 1 / Phi^-1(3/4): what makes it the standard deviation of a Gaussian.
    centre = np.median(residual, axis=-1, keepdims=True)
    return np.asarray(1.4826 * np.median(np.abs(residual - centre), axis=-1))


def _scatter_1684(true: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    low, high = np.quantile(_residual(true, quantiles), (LEVELS[1], LEVELS[3]), axis=-1)
    return np.asarray(0.5 * (high - low))


def _scatter_gaussian(true: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    return gaussian_core_sd(_residual(true, quantiles))


def gaussian_core_sd(residual: np.ndarray, *, reach: float = 2.0, n_iterations: int = 25) -> np.ndarray:
    """Fit a Gaussian to the core of a distribution, without a histogram.

    Maximum likelihood of a Gaussian truncated at mu +- ``reach`` sigma: its mean is the mean of the core, and
    its variance is that of the core divided by that of a unit Gaussian truncated there,
    1 - 2 k phi(k) / (2 Phi(k) - 1) with k = ``reach``. The truncation follows the fit until both agree: with
    k = 2 the error shrinks to 0.45 of itself at each step on a Gaussian. Wings beyond the truncation do not
    count, as in a Gaussian fitted to the peak of a histogram.

    Parameters
    ----------
    residual : (..., n) array [dex]
        Any numbers.
    reach : float [1]
        Where the core ends, in sigma.
    n_iterations : int
        Steps, from the median and the median absolute deviation.

    Returns
    -------
    (...) array [dex]
        sigma; 0 if more than half of the residuals are equal.
    """
    core_variance = 1.0 - 2.0 * reach * norm.pdf(reach) / (2.0 * norm.cdf(reach) - 1.0)
    centre = np.median(residual, axis=-1, keepdims=True)
    sd = np.asarray(_sd_from_mad(residual))[..., None]
    for _ in range(n_iterations):
        # "<=" keeps the centre itself when sd is 0, so that the core is never empty.
        inside = np.abs(residual - centre) <= reach * sd
        n_inside = inside.sum(axis=-1, keepdims=True)
        n_inside = np.maximum(n_inside, 1)
        centre = np.where(inside, residual, 0.0).sum(axis=-1, keepdims=True) / n_inside
        deviation2 = np.where(inside, (residual - centre) ** 2, 0.0).sum(axis=-1, keepdims=True)
        sd = np.sqrt(deviation2 / n_inside / core_variance)
    return np.asarray(sd[..., 0])


def _slope(true: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    x = true - true.mean(axis=-1, keepdims=True)
    products, squares = (x * quantiles[..., 2]).sum(axis=-1), (x * x).sum(axis=-1)
    undefined = np.full(np.shape(squares), np.nan)  # all masses alike: no slope
    return np.asarray(np.divide(products, squares, out=undefined, where=np.ptp(true, axis=-1) > 0.0))


def _coverage(low: int, high: int) -> MetricFunction:
    def function(true: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
        inside = (quantiles[..., low] <= true) & (true <= quantiles[..., high])
        return np.asarray(inside.mean(axis=-1))

    return function


def _predicted_sd(true: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    del true  # what the method expects of itself
    return np.asarray(_half_width(quantiles).mean(axis=-1))


def _pull_sd(true: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    return np.asarray((_residual(true, quantiles) / _half_width(quantiles)).std(axis=-1, ddof=1))


def _outliers(true: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    return np.asarray((np.abs(_residual(true, quantiles)) > OUTLIER_DEX).mean(axis=-1))


def _quantile_score(true: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    # Twice the pinball loss, averaged over the levels (Koenker & Bassett 1978); its integral over all levels
    # is the continuous ranked probability score (Gneiting & Raftery 2007).
    below = true[..., None] - quantiles
    pinball = np.maximum(np.array(LEVELS) * below, (np.array(LEVELS) - 1.0) * below)
    return np.asarray(2.0 * pinball.mean(axis=(-2, -1)))


_TABLE: Final = (
    Metric("bias_dex", "dex", 0.0, "mean of predicted median minus truth", _bias, 1),
    Metric("bias_median_dex", "dex", 0.0, "median of predicted median minus truth", _bias_median, 1),
    Metric("scatter_dex", "dex", 0.0, "standard deviation of the residuals", _scatter),
    Metric("scatter_ln", "ln", 0.0, "the same in natural logarithms: 0.1 is about 10 % in mass", _scatter_ln),
    Metric(
        "scatter_gaussian_dex",
        "dex",
        0.0,
        "sigma of a Gaussian fitted to the core (2 sigma)",
        _scatter_gaussian,
        10,
    ),
    Metric("scatter_mad_dex", "dex", 0.0, "1.4826 times the median absolute deviation", _scatter_mad),
    Metric("scatter_1684_dex", "dex", 0.0, "half of the 16-84 % range of the residuals", _scatter_1684, 5),
    Metric(
        "slope",
        "",
        1.0,
        "least-squares slope of predicted on true log mass; below 1: mean reversion",
        _slope,
        3,
    ),
    Metric("coverage_68", "", 0.68, "fraction of truths inside the 68 % interval", _coverage(1, 3), 1),
    Metric("coverage_95", "", 0.95, "fraction of truths inside the 95 % interval", _coverage(0, 4), 1),
    Metric(
        "mean_predicted_sd_dex",
        "dex",
        None,
        "mean half-width of the 68 % interval; should equal the scatter",
        _predicted_sd,
        1,
    ),
    Metric(
        "pull_sd",
        "",
        1.0,
        "standard deviation of residual over half-width; above 1: error bars too small",
        _pull_sd,
    ),
    Metric("outlier_fraction", "", 0.0, f"fraction of residuals beyond {OUTLIER_DEX} dex", _outliers, 1),
    Metric(
        "quantile_score_dex",
        "dex",
        0.0,
        "proper score of the five quantiles (accuracy and honesty in one)",
        _quantile_score,
        1,
    ),
)

METRICS: Final[dict[str, Metric]] = {metric.name: metric for metric in _TABLE}


def evaluate(
    log10_true: np.ndarray, log10_quantiles: np.ndarray, names: Sequence[str] = tuple(METRICS)
) -> np.ndarray:
    """Return several metrics at once.

    Parameters
    ----------
    log10_true : (..., n) array [dex of Msun]
        Truth.
    log10_quantiles : (..., n, 5) array [dex of Msun]
        Predictions at ``LEVELS``.
    names : sequence of str
        Which, and in what order; all of ``METRICS`` unless told otherwise.

    Returns
    -------
    (..., metric) array
        Each in its own unit; NaN where it is not defined.
    """
    return np.stack([METRICS[name](log10_true, log10_quantiles) for name in names], axis=-1)
