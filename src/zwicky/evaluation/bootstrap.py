"""Errors of a metric: resample parents, with all their rows, because rows of one parent are not independent.

The percentile bootstrap of Efron (1979), with the parent as the unit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.core.errors import ConfigError
from zwicky.core.randomness import Key

Statistic = Callable[[np.ndarray], np.ndarray]
"""A function of rows: indices (resample, n) -> values (resample, ...)."""

MINIMUM_PARENTS: Final = 10
"""With fewer independent parents a percentile interval is far too short: none is given."""

_PERCENTILES: Final = {"low_95": 0.025, "low_68": 0.16, "high_68": 0.84, "high_95": 0.975}
_CHUNK_ROWS: Final = 250_000  # rows per call of a statistic: about 10 MB of quantiles at a time


@dataclass(frozen=True, eq=False)
class Intervals:
    """Percentile intervals of a statistic; NaN where they are not defined.

    Parameters
    ----------
    low_68, high_68 : (...) arrays
        16 and 84 % of the resamples, in the unit of the statistic.
    low_95, high_95 : (...) arrays
        2.5 and 97.5 %.
    """

    low_68: np.ndarray
    high_68: np.ndarray
    low_95: np.ndarray
    high_95: np.ndarray


def effective_parents(parent: np.ndarray) -> float:
    """Return the effective number of independent clusters, (sum n_i)^2 / sum n_i^2, n_i rows of parent i.

    Kish's effective sample size for rows that are copies of their parent: the number of parents if each has
    equally many rows, fewer if a few dominate; 0 without rows.
    """
    counts = np.unique(parent, return_counts=True)[1].astype(float)
    return float(counts.sum() ** 2 / (counts**2).sum()) if len(counts) else 0.0


def parent_resamples(parent: np.ndarray, n_resamples: int, key: Key) -> Iterator[np.ndarray]:
    """Draw parents with replacement and yield the rows of each draw.

    Parameters
    ----------
    parent : (n,) array
        Parent of each row.
    n_resamples : int
        How many draws, each of as many parents as there are.
    key : Key
        The address of the random numbers.

    Yields
    ------
    (m,) int array
        Row indices; m varies if parents have unequal numbers of rows.
    """
    _, number, counts = np.unique(parent, return_inverse=True, return_counts=True)
    by_parent = np.argsort(number, kind="stable")
    starts = np.cumsum(counts) - counts
    for drawn in _draws(len(counts), n_resamples, key):
        lengths = counts[drawn]
        # Position within the block of each drawn parent, plus where this block starts.
        offset = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        yield by_parent[np.repeat(starts[drawn], lengths) + offset]


def _draws(n_parents: int, n_resamples: int, key: Key) -> np.ndarray:
    """Return the parents of each resample, (resample, parent)."""
    if n_resamples < 1:
        raise ConfigError(
            "A bootstrap needs resamples.", where="n_resamples", expected="n_resamples >= 1", got=n_resamples
        )
    return key.integers(n_parents, n_resamples * n_parents).reshape(n_resamples, n_parents)


def resampled_sums(parent: np.ndarray, values: np.ndarray, n_resamples: int, key: Key) -> np.ndarray:
    """Return the sum over the rows of each resample: one matrix product, for statistics that are built from sums.

    Parameters
    ----------
    parent : (n,) array
        Parent of each row.
    values : (n, ...) array
        What is summed over n.
    n_resamples : int
        How many draws.
    key : Key
        The same key draws the same parents as ``resample`` does.

    Returns
    -------
    (n_resamples, ...) array

    Raises
    ------
    ConfigError
        If no resample is asked for.
    """
    _, number, counts = np.unique(parent, return_inverse=True, return_counts=True)
    n_parents = len(counts)
    drawn = _draws(n_parents, n_resamples, key) + n_parents * np.arange(n_resamples)[:, None]
    times = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(float)
    starts = np.cumsum(counts) - counts
    by_parent = np.add.reduceat(np.asarray(values, float)[np.argsort(number, kind="stable")], starts)
    sums = times @ by_parent.reshape(n_parents, -1)
    return np.asarray(sums.reshape(n_resamples, *by_parent.shape[1:]))


def resample(parent: np.ndarray, statistic: Statistic, n_resamples: int, key: Key) -> np.ndarray:
    """Return the statistic of each resample.

    Resamples of equal length are stacked into one call, in chunks that fit in a cache.

    Returns
    -------
    (n_resamples, ...) array

    Raises
    ------
    ConfigError
        If no resample is asked for.
    """
    by_length: dict[int, list[tuple[int, np.ndarray]]] = defaultdict(list)
    for number, rows in enumerate(parent_resamples(parent, n_resamples, key)):
        by_length[len(rows)].append((number, rows))
    values: list[np.ndarray | None] = [None] * n_resamples
    for length, members in by_length.items():
        step = max(1, _CHUNK_ROWS // length)
        for first in range(0, len(members), step):
            chunk = members[first : first + step]
            for (number, _), value in zip(
                chunk, statistic(np.stack([rows for _, rows in chunk])), strict=True
            ):
                values[number] = value
    return np.array(values, float)


def bootstrap_over_parents(parent: np.ndarray, statistic: Statistic, n_resamples: int, key: Key) -> Intervals:
    """Return the 68 and 95 % intervals of a statistic when parents are drawn anew.

    Parameters
    ----------
    parent : (n,) array
        Parent of each row; with fewer than ``MINIMUM_PARENTS`` distinct ones every interval is NaN.
    statistic : callable
        (resample, n) row indices -> (resample, ...) values. One that is undefined (NaN) in any resample has
        no interval.
    n_resamples : int
        Draws; 500 give the ends of the 68 % interval to about 7 % of the error.
    key : Key
        The same key draws the same parents, whatever the statistic.

    Raises
    ------
    ConfigError
        If no resample is asked for.
    """
    if len(np.unique(parent)) < MINIMUM_PARENTS:
        nothing = np.full_like(np.asarray(statistic(np.arange(len(parent))), float), np.nan)
        return Intervals(nothing, nothing, nothing, nothing)
    return percentile_intervals(resample(parent, statistic, n_resamples, key))


def percentile_intervals(values: np.ndarray) -> Intervals:
    """Return the 68 and 95 % intervals of resampled values (resample, ...)."""
    return Intervals(**{name: np.quantile(values, level, axis=0) for name, level in _PERCENTILES.items()})


def paired_difference(
    parent: np.ndarray, candidate: Statistic, baseline: Statistic, n_resamples: int, key: Key
) -> Intervals:
    """Return the intervals of candidate minus baseline, both taken on the same parents in each resample.

    What both methods share (easy and hard clusters) cancels, so that small differences can be told from none.
    Parameters as of ``bootstrap_over_parents``.
    """
    return bootstrap_over_parents(parent, lambda rows: candidate(rows) - baseline(rows), n_resamples, key)
