"""The numbers that Ntampaka et al. 2019 and Krippendorf et al. 2024 quote, with errors, under one name each.

Both speak of a scatter in percent and mean different things. Ntampaka et al.: the width of a Gaussian fitted to the
distribution of D = log10 M_predicted - log10 M_true, times ln 10 ("intrinsic scatter"; wings do not count). Krippendorf
et al.: the standard deviation of D; their table of redshift noise fits their other numbers if it is in dex. Here each
has its own column, and its unit in its name. A paired ratio of two methods has none, and can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from zwicky.core.errors import ConfigError, MassError
from zwicky.core.randomness import Key
from zwicky.evaluation.bootstrap import Statistic
from zwicky.evaluation.mapping.estimates import Drawn, as_json, estimates, paired
from zwicky.evaluation.metrics import LN10, METRICS, evaluate
from zwicky.evaluation.microwave.statistics import Bootstrap, gaussian_fit
from zwicky.evaluation.scorecard import bin_edges, sizes
from zwicky.evaluation.xray.records import PhotonTest

FIT_BIAS: Final = "fit_bias_dex"
FIT_SCATTER: Final = "fit_scatter_percent"
SD_OVER_SCATTER: Final = "sd_over_scatter"

_KNOWN: Final = (
    "bias_dex",
    "scatter_dex",
    "scatter_1684_dex",
    "scatter_mad_dex",
    "slope",
    "mean_predicted_sd_dex",
    "coverage_68",
    "coverage_95",
)

COLUMNS: Final = (FIT_BIAS, FIT_SCATTER, *_KNOWN, SD_OVER_SCATTER)
"""What ``error_statistics`` returns."""

PUBLISHED_NOISE: Final = {0.0: (0.180, 0.188), 0.01: (0.178, 0.186), 0.1: (0.191, 0.204), 0.2: (0.208, 0.224)}
"""Krippendorf et al. 2024, table C.1: sd of the noise on the redshift -> scatter in training and in the test."""


def error_statistics(log10_true: np.ndarray, log10_quantiles: np.ndarray) -> np.ndarray:
    """Return what both papers quote of masses.

    ``fit_bias_dex`` and ``fit_scatter_percent`` are mean [dex] and ln(10) times standard deviation [percent] of a
    Gaussian fitted to the residuals. ``sd_over_scatter`` is the mean half-width of the 68 % intervals over the standard
    deviation of the residuals: 0.9945 if error bars are Gaussian and right on average. The others are those of
    ``metrics.METRICS``.

    Parameters
    ----------
    log10_true : (..., n) array [dex of Msun]
    log10_quantiles : (..., n, 5) array [dex of Msun]
        At ``records.LEVELS``.

    Returns
    -------
    (..., 11) array
        As ``COLUMNS``; NaN where not defined.
    """
    fit = gaussian_fit(log10_quantiles[..., 2] - log10_true)
    known = evaluate(log10_true, log10_quantiles, _KNOWN)
    predicted, scatter = (
        known[..., _KNOWN.index("mean_predicted_sd_dex")],
        known[..., _KNOWN.index("scatter_dex")],
    )
    ratio = np.divide(predicted, scatter, out=np.full(np.shape(scatter), np.nan), where=scatter > 0.0)
    percent = 100.0 * LN10 * fit[..., 1:]
    return np.concatenate([fit[..., :1], percent, known, ratio[..., None]], axis=-1)


def bias_percent(bias_dex: float) -> float:
    """Return a bias in dex as a change of the mass [percent]: -0.02 dex are -4.5 %."""
    return 100.0 * (10.0**bias_dex - 1.0)


def all_rows(test: PhotonTest, method: str, bootstrap: Bootstrap) -> dict[str, Any]:
    """Return the estimate of each column over all rows, with sizes: all folds together."""
    true, quantiles = test.log10_true, test.quantiles(method)
    drawn = bootstrap.of(test.parent, lambda rows: error_statistics(true[rows], quantiles[rows]))
    return sizes(test.parent) | dict(estimates(drawn.columns(COLUMNS)))


def fold_statistics(
    test: PhotonTest, method: str, bootstrap: Bootstrap, *, n_shuffles: int = 200
) -> dict[str, Any]:
    """Return what a cross-validation says: fold by fold, their mean, the best one, and all rows together.

    The best of many folds is better than the mean fold even if all are equally good. ``best_by_chance`` is the smallest
    scatter when the same parents are dealt to folds at random: a best fold within its range is no better than luck.

    Parameters
    ----------
    test : PhotonTest
    method : str
    bootstrap : Bootstrap
        Of the parents, for all rows together; its key also deals.
    n_shuffles : int
        Deals at random; 0 for none.

    Returns
    -------
    dict
        ``folds``: one dict of sizes and columns for each; ``mean_fold``: of each column, ``value``, and ``sd`` over
        folds; ``best_fold``: that with the least ``fit_scatter_percent``; ``best_by_chance``: ``low``, ``median`` and
        ``high`` (16, 50, 84 %) of the least, None without deals; ``all``: as ``all_rows``.

    Raises
    ------
    MassError
        If no fold has rows enough for a fit.
    """
    assert test.fold is not None
    numbers = np.unique(test.fold)
    columns = np.stack([_of_rows(test, method, test.fold == number) for number in numbers])
    scatter = columns[:, COLUMNS.index(FIT_SCATTER)]
    if not np.isfinite(scatter).any():
        raise MassError(
            "No fold has a scatter.", where="fold_statistics", expected="five rows in a fold", got=len(test)
        )
    folds = [
        {"fold": int(number)} | sizes(test.parent[test.fold == number]) | _named(row)
        for number, row in zip(numbers, columns, strict=True)
    ]
    spread = columns.std(axis=0, ddof=1) if len(columns) > 1 else np.full(len(COLUMNS), np.nan)
    mean = {
        name: {"value": as_json(value), "sd": as_json(sd)}
        for name, value, sd in zip(COLUMNS, columns.mean(axis=0), spread, strict=True)
    }
    return {
        "folds": folds,
        "mean_fold": mean,
        "best_fold": folds[int(np.nanargmin(scatter))],
        "best_by_chance": _best_by_chance(test, method, bootstrap.key, n_shuffles) if n_shuffles else None,
        "all": all_rows(test, method, bootstrap),
    }


def _of_rows(test: PhotonTest, method: str, rows: np.ndarray) -> np.ndarray:
    return error_statistics(test.log10_true[rows], test.quantiles(method)[rows])


def _named(columns: np.ndarray) -> dict[str, Any]:
    return dict(zip(COLUMNS, as_json(columns), strict=True))


def _best_by_chance(test: PhotonTest, method: str, key: Key, n_shuffles: int) -> dict[str, Any]:
    """Return quantiles of the least fitted scatter [percent] of folds of as many parents, dealt at random."""
    assert test.fold is not None
    _, first, number = np.unique(test.parent, return_index=True, return_inverse=True)
    fold_of_parent, residual = test.fold[first], test.residual_dex(method)
    least = []
    for deal in range(n_shuffles):
        shuffled = fold_of_parent[replace(key, sight_line=1 + deal).permutation(len(first))][number]
        widths = [gaussian_fit(residual[shuffled == one])[1] for one in np.unique(shuffled)]
        least.append(100.0 * LN10 * np.nanmin(widths))
    return dict(zip(("low", "median", "high"), as_json(np.quantile(least, (0.16, 0.5, 0.84))), strict=True))


def column_statistic(test: PhotonTest, method: str, column: str) -> Statistic:
    """Return one column as a function of rows, for a bootstrap.

    Raises
    ------
    ConfigError
        If there is no such column.
    """
    if column not in COLUMNS:
        raise ConfigError("There is no such column.", expected=", ".join(COLUMNS), got=repr(column))
    true, quantiles = test.log10_true, test.quantiles(method)
    if column in METRICS:
        return lambda rows: METRICS[column](true[rows], quantiles[rows])
    place = COLUMNS.index(column)
    return lambda rows: error_statistics(true[rows], quantiles[rows])[..., place]


def paired_ratio(
    parent: np.ndarray, candidate: Statistic, baseline: Statistic, bootstrap: Bootstrap
) -> Drawn:
    """Return one statistic over another, both of the same parents in each resample.

    What both share, easy and hard clusters, cancels in the error of the ratio.
    """
    return paired(_over, bootstrap.of(parent, candidate), bootstrap.of(parent, baseline))


def _over(candidate: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    return np.divide(candidate, baseline, out=np.full(np.shape(baseline), np.nan), where=baseline != 0.0)


def scatter_ratio(
    test: PhotonTest, candidate: str, baseline: str, bootstrap: Bootstrap, *, column: str = "scatter_dex"
) -> Drawn:
    """Return the scatter of one method over that of another on the same clusters; below 1 the candidate is better.

    Parameters
    ----------
    test : PhotonTest
    candidate, baseline : str
        Methods.
    bootstrap : Bootstrap
    column : str
        One of ``COLUMNS``.
    """
    one, other = (column_statistic(test, method, column) for method in (candidate, baseline))
    return paired_ratio(test.parent, one, other, bootstrap)


def ratio_rows(
    tests: Mapping[float, PhotonTest], method: str, bootstrap: Bootstrap, *, column: str = "scatter_dex"
) -> list[dict[str, Any]]:
    """Return a table like C.1 of Krippendorf et al. 2024: the scatter at each noise, and over that at the first.

    Parameters
    ----------
    tests : dict of float to PhotonTest
        By the standard deviation of the noise that was added to the redshift; the first is what the others are divided
        by. All of the same clusters, row by row.
    method : str
    bootstrap : Bootstrap
    column : str
        One of ``COLUMNS``.

    Returns
    -------
    list of dict
        ``noise``, ``scatter`` and ``ratio`` (estimates with errors).

    Raises
    ------
    MassError
        If there is none, or they are not of the same clusters.
    """
    first = next(iter(tests.values()), None)
    if first is None or any(not np.array_equal(first.parent, test.parent) for test in tests.values()):
        raise MassError(
            "A ratio is taken on the same clusters.",
            where="ratio_rows",
            expected="one or more tests of the same parents, row by row",
            got=f"{len(tests)} tests of {', '.join(str(len(test)) for test in tests.values()) or 'no'} rows",
        )
    found = {
        noise: bootstrap.of(test.parent, column_statistic(test, method, column))
        for noise, test in tests.items()
    }
    reference = next(iter(found.values()))
    return [
        {
            "noise": float(noise),
            "scatter": drawn.estimate(),
            "ratio": paired(_over, drawn, reference).estimate(),
        }
        for noise, drawn in found.items()
    ]


def published_ratios(*, training: bool = False) -> dict[float, float]:
    """Return the paper's scatter at each redshift noise over that without [1], on its test set or its training set."""
    place = 0 if training else 1
    return {noise: pair[place] / PUBLISHED_NOISE[0.0][place] for noise, pair in PUBLISHED_NOISE.items()}


def noisy_redshift(redshift: np.ndarray, sigma: float, key: Key) -> np.ndarray:
    """Return redshifts with Gaussian noise, (n,) [1].

    With the same key the same clusters are thrown to the same side, sigma times as far. What comes out may be negative:
    a network does not mind, and a relation with E(z) must be told something else.

    Parameters
    ----------
    redshift : (n,) array [1]
    sigma : float [1]
        Standard deviation of the noise, 0 or more.
    key : Key

    Raises
    ------
    ConfigError
        If sigma is negative or not finite.

    Source: Krippendorf et al. 2024, appendix C: z + N(0, sigma).
    """
    if not (np.isfinite(sigma) and sigma >= 0.0):
        raise ConfigError("Noise has a width.", where="sigma", expected="sigma >= 0", got=sigma)
    return np.asarray(redshift + sigma * key.normal(len(redshift)))


@dataclass(frozen=True)
class PhotonBins:
    """Edges of the bins in which masses are judged.

    Parameters
    ----------
    log10_mass : floats [dex of Msun]
        Of the true mass.
    redshift : floats [1]
    counts : floats [1]

    Raises
    ------
    ConfigError
        If edges are not finite and rising, or fewer than two.
    """

    log10_mass: tuple[float, ...]
    redshift: tuple[float, ...]
    counts: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("log10_mass", "redshift", "counts"):
            object.__setattr__(self, name, bin_edges(getattr(self, name), where=f"bins: {name}"))


def binned(
    test: PhotonTest, method: str, bins: PhotonBins, bootstrap: Bootstrap
) -> dict[str, list[dict[str, Any]]]:
    """Return the estimates of all columns in bins of true mass, of redshift and of counts.

    Returns
    -------
    dict of lists of dict
        By axis: ``low``, ``high``, sizes, and the columns; a bin holds its lower edge. Without rows all are None.
    """
    axes = {"log10_mass": test.log10_true, "redshift": test.redshift, "counts": test.counts}
    return {
        name: in_bins(test, method, values, getattr(bins, name), bootstrap) for name, values in axes.items()
    }


def in_bins(
    test: PhotonTest, method: str, values: np.ndarray, edges: Sequence[float], bootstrap: Bootstrap
) -> list[dict[str, Any]]:
    """Return the estimates of all columns in bins of any values (n,), between rising edges in their unit.

    As ``binned``, for one axis: ``low`` and ``high``, None for an infinite edge, sizes, and the columns. A value that
    is not a number stands in no bin.
    """
    return [
        {"low": as_json(low), "high": as_json(high)}
        | _of_bin(test, method, (values >= low) & (values < high), bootstrap)
        for low, high in pairwise(edges)
    ]


def _of_bin(test: PhotonTest, method: str, rows: np.ndarray, bootstrap: Bootstrap) -> dict[str, Any]:
    if rows.any():
        return all_rows(test.selected(rows), method, bootstrap)
    nothing = Drawn(np.full(len(COLUMNS), np.nan), None)
    return sizes(test.parent[rows]) | dict(estimates(nothing.columns(COLUMNS)))


def predicted_sd_bins(
    test: PhotonTest, method: str, bootstrap: Bootstrap, *, n_bins: int = 5
) -> list[dict[str, Any]]:
    """Return whether clusters with smaller error bars have smaller errors.

    Parameters
    ----------
    test : PhotonTest
    method : str
    bootstrap : Bootstrap
    n_bins : int
        Bins of equally many rows, from small predicted errors to large.

    Returns
    -------
    list of dict
        ``n_rows``; ``predicted_dex``, the mean predicted standard deviation, and ``scatter_dex``, the standard
        deviation of the residuals, as estimates.

    Raises
    ------
    MassError
        If there are fewer than two rows for a bin.
    """
    if not 1 <= n_bins <= len(test) // 2:
        raise MassError("Bins have rows.", where="n_bins", expected=f"1 to {len(test) // 2}", got=n_bins)
    order = np.argsort(test.predictions[method].half_width_dex, kind="stable")
    found = []
    for rows in np.array_split(order, n_bins):
        part = test.selected(np.sort(rows))
        columns: Sequence[str] = ("mean_predicted_sd_dex", "scatter_dex")
        predicted, scatter = (
            bootstrap.of(part.parent, column_statistic(part, method, one)).estimate() for one in columns
        )
        found.append({"n_rows": len(part), "predicted_dex": predicted, "scatter_dex": scatter})
    return found
