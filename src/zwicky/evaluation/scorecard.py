"""The scorecard of a mass test: metrics overall and per bin, with intervals and plain verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from zwicky.core.errors import ConfigError, MassError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.bootstrap import (
    Intervals,
    Statistic,
    bootstrap_over_parents,
    effective_parents,
    paired_difference,
)
from zwicky.evaluation.card_file import CardFormat
from zwicky.evaluation.metrics import METRICS, evaluate
from zwicky.evaluation.records import LEVELS, MassTest

FORMAT: Final = "zwicky mass scorecard"
FORMAT_VERSION: Final = 1

DIFFERENCES: Final = ("scatter_dex", "scatter_mad_dex", "quantile_score_dex")
"""Metrics whose paired difference is given; in all of them less is better."""

VERDICT_METRIC: Final = "scatter_dex"
EQUAL: Final = "equal within errors"
NOT_MEASURED: Final = "not measured"

# Calibration gate: within 2 points overall, within 5 points in each bin.
COVERAGE_TOLERANCE_OVERALL: Final = 0.02
COVERAGE_TOLERANCE_BIN: Final = 0.05
COVERAGES: Final = {"coverage_68": LEVELS[3] - LEVELS[1], "coverage_95": LEVELS[4] - LEVELS[0]}
"""The promise of each coverage metric."""

_KEYS: Final = frozenset(
    {"format", "format_version", "mass_definition", "seed", "n_resamples", "snr_cut", "inner_log10_range"}
    | {"levels", "candidate", "baseline", "methods", "metrics", "sample", "overall", "inner", "bins"}
)


@dataclass(frozen=True)
class Bins:
    """Edges of the bins: each bin holds low <= value < high.

    Parameters
    ----------
    snr : tuple of float [1]
        Of the observed signal-to-noise ratio.
    redshift : tuple of float [1]
        Of the redshift.
    log10_mass : tuple of float [dex of Msun]
        Of the true mass.

    Raises
    ------
    ConfigError
        If edges are not finite and rising, or fewer than two.
    """

    snr: tuple[float, ...]
    redshift: tuple[float, ...]
    log10_mass: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("snr", "redshift", "log10_mass"):
            object.__setattr__(self, name, bin_edges(getattr(self, name), where=f"bins: {name}"))


def bin_edges(values: Sequence[float], *, where: str) -> tuple[float, ...]:
    """Return edges of bins as floats, or raise a ConfigError unless they are two or more finite, rising numbers."""
    edges = tuple(float(edge) for edge in values)
    rising = all(low < high for low, high in pairwise(edges))
    if len(edges) < 2 or not rising or not all(math.isfinite(edge) for edge in edges):
        raise ConfigError(
            "These are not the edges of bins.",
            where=where,
            expected="two or more finite, rising numbers",
            got=edges,
        )
    return edges


def build_scorecard(
    test: MassTest,
    *,
    bins: Bins,
    inner_log10_range: tuple[float, float],
    seed: int,
    n_resamples: int = 500,
    snr_cut: float = 4.5,
    candidate: str = "network",
    baseline: str = "classical",
) -> dict[str, Any]:
    """Judge every method of a test, and the candidate against the baseline.

    The sample is cut on the *observed* signal-to-noise ratio, which an exact posterior survives without bias.
    Bins of true mass are a harder test: near the ends of the mass range even an exact posterior is drawn
    inwards, and the cut lifts the faint ones that pass it.

    Parameters
    ----------
    test : MassTest
        All observations, below the cut too.
    bins : Bins
        Redshift and mass bins hold rows above the cut; signal-to-noise bins hold all rows.
    inner_log10_range : (float, float) [dex of Msun]
        True masses away from the ends of the training range, for the slope.
    seed, n_resamples : int
        Of the bootstrap.
    snr_cut : float [1]
        Rows with ``snr > snr_cut`` are judged.
    candidate, baseline : str
        The methods whose difference is taken, candidate minus baseline.

    Returns
    -------
    dict
        Ready for JSON: ``None`` where a number is not defined.

    Raises
    ------
    MassError
        If a method is missing, or no row passes the cut.
    """
    bright = _above_cut(test, snr_cut, (candidate, baseline))
    low, high = inner_log10_range
    inner = bright & (test.log10_true >= low) & (test.log10_true < high)
    judge = _Judge(test, candidate, baseline, n_resamples, Key(seed, Stream.BOOTSTRAP))
    return {
        **_description(test),
        "seed": seed,
        "n_resamples": n_resamples,
        "snr_cut": snr_cut,
        "inner_log10_range": [low, high],
        "candidate": candidate,
        "baseline": baseline,
        **judge.blocks(bright, inner, bins),
    }


def _above_cut(test: MassTest, snr_cut: float, methods: Sequence[str]) -> np.ndarray:
    for method in methods:
        if method not in test.predictions:
            raise MassError(
                "A scorecard compares two methods.", expected=" and ".join(test.predictions), got=repr(method)
            )
    bright = np.asarray(test.snr > snr_cut)
    if not bright.any():
        raise MassError(
            "No cluster passes the cut.", where="snr_cut", expected=f"below {test.snr.max():.3g}", got=snr_cut
        )
    return bright


def _description(test: MassTest) -> dict[str, Any]:
    keep = ("unit", "perfect", "description")
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "mass_definition": str(test.definition),
        "levels": list(LEVELS),
        "methods": list(test.predictions),
        "metrics": {name: {key: getattr(metric, key) for key in keep} for name, metric in METRICS.items()},
        "sample": sizes(test.parent),
    }


@dataclass(frozen=True)
class _Judge:
    """Judges subsets of a test, all in the same way."""

    test: MassTest
    candidate: str
    baseline: str
    n_resamples: int
    key: Key

    def blocks(self, bright: np.ndarray, inner: np.ndarray, bins: Bins) -> dict[str, Any]:
        """Return the blocks of the sample above the cut, of its inner mass range, and of all bins."""
        test, everyone = self.test, np.ones(self.test.n_rows, bool)
        return {
            "overall": self.block(bright, COVERAGE_TOLERANCE_OVERALL),
            "inner": self.block(inner, COVERAGE_TOLERANCE_OVERALL),
            "bins": {
                "snr": self.table(everyone, test.snr, bins.snr),
                "redshift": self.table(bright, test.redshift, bins.redshift),
                "log10_mass": self.table(bright, test.log10_true, bins.log10_mass),
            },
        }

    def table(self, mask: np.ndarray, values: np.ndarray, edges: Sequence[float]) -> list[dict[str, Any]]:
        """Return one block per bin of ``values``, among the rows of a mask."""
        return [
            {"low": low, "high": high}
            | self.block(mask & (values >= low) & (values < high), COVERAGE_TOLERANCE_BIN)
            for low, high in pairwise(edges)
        ]

    def block(self, mask: np.ndarray, tolerance: float) -> dict[str, Any]:
        """Return sizes, metrics, differences and verdicts of the rows of a mask, which may be empty."""
        rows = np.flatnonzero(mask)
        methods = {name: self._metrics(rows, name) for name in self.test.predictions}
        differences = self._differences(rows)
        return {
            **sizes(self.test.parent[rows]),
            "methods": methods,
            "differences": differences,
            "winner": winner(differences[VERDICT_METRIC], self.candidate, self.baseline),
            "calibration": {
                name: {
                    which: coverage_verdict(metrics[which], nominal, tolerance)
                    for which, nominal in COVERAGES.items()
                }
                for name, metrics in methods.items()
            },
        }

    def _metrics(self, rows: np.ndarray, method: str) -> dict[str, Any]:
        statistic = self._statistic(rows, method, tuple(METRICS))
        values = statistic(np.arange(len(rows)))
        intervals = bootstrap_over_parents(self.test.parent[rows], statistic, self.n_resamples, self.key)
        return dict(_estimates(tuple(METRICS), values, intervals))

    def _differences(self, rows: np.ndarray) -> dict[str, Any]:
        candidate = self._statistic(rows, self.candidate, DIFFERENCES)
        baseline = self._statistic(rows, self.baseline, DIFFERENCES)
        everyone = np.arange(len(rows))
        values = candidate(everyone) - baseline(everyone)
        intervals = paired_difference(self.test.parent[rows], candidate, baseline, self.n_resamples, self.key)
        return dict(_estimates(DIFFERENCES, values, intervals))

    def _statistic(self, rows: np.ndarray, method: str, names: Sequence[str]) -> Statistic:
        true = self.test.log10_true[rows]
        quantiles = self.test.predictions[method].log10_quantiles[rows]
        return lambda drawn: evaluate(true[drawn], quantiles[drawn], names)


def sizes(parent: np.ndarray) -> dict[str, Any]:
    """Return how many rows, parents and effectively independent parents there are."""
    return {
        "n_rows": len(parent),
        "n_parents": len(np.unique(parent)),
        "effective_parents": effective_parents(parent),
    }


def _estimates(
    names: Sequence[str], values: np.ndarray, intervals: Intervals
) -> Iterator[tuple[str, dict[str, Any]]]:
    ends = {key: array.tolist() for key, array in vars(intervals).items()}
    for i, name in enumerate(names):
        estimate = {"value": float(values[i])} | {key: ends[key][i] for key in ends}
        yield name, {key: number if math.isfinite(number) else None for key, number in estimate.items()}


def winner(difference: dict[str, Any], candidate: str, baseline: str) -> str:
    """Name the method with less scatter, if the 95 % interval of the paired difference excludes zero.

    Parameters
    ----------
    difference : dict
        Estimate of candidate minus baseline.
    candidate, baseline : str
        Their names.

    Returns
    -------
    str
        The candidate, the baseline, "equal within errors", or "not measured" if there is no interval.
    """
    low, high = difference["low_95"], difference["high_95"]
    if low is None or high is None:
        return NOT_MEASURED
    if high < 0.0:
        return candidate
    return baseline if low > 0.0 else EQUAL


def coverage_verdict(estimate: dict[str, Any], nominal: float, tolerance: float) -> str:
    """Say whether intervals hold the truth as often as they promise.

    Parameters
    ----------
    estimate : dict
        Measured coverage.
    nominal : float [1]
        Promised coverage.
    tolerance : float [1]
        Largest difference that passes; 0.05 is five points.

    Returns
    -------
    str
        "under-covered" (error bars too small), "over-covered", "as promised" or "not measured"; followed by
        ", within errors" if it fails although the 95 % interval of the measurement includes the promise.
    """
    if estimate["value"] is None:
        return NOT_MEASURED
    difference = estimate["value"] - nominal
    # 1e-9: a coverage of exactly five points off passes, whatever the last bit of the subtraction.
    if abs(difference) <= tolerance + 1e-9:
        return "as promised"
    word = "under-covered" if difference < 0.0 else "over-covered"
    low, high = estimate["low_95"], estimate["high_95"]
    compatible = low is not None and high is not None and low <= nominal <= high
    return f"{word}, within errors" if compatible else word


MASS_CARD: Final = CardFormat(FORMAT, FORMAT_VERSION, _KEYS)
"""How these scorecards are kept."""

write_scorecard = MASS_CARD.write
read_scorecard = MASS_CARD.read
