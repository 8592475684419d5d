"""Numbers of a scorecard: a value with the ends of its bootstrap intervals, ready for JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from zwicky.evaluation.bootstrap import Intervals, percentile_intervals

_FIGURES = 6  # significant, in the file: errors are never smaller than a thousandth of a value


def as_json(values: np.ndarray | float) -> Any:
    """Return numbers as (nested) lists of six significant figures, None where they are not finite."""
    array = np.asarray(values, float)
    if array.ndim:
        return [as_json(one) for one in array]
    return float(f"{array:.{_FIGURES}g}") if np.isfinite(array) else None


class Drawn(NamedTuple):
    """A statistic of the test set, and of each of its resamples.

    Parameters
    ----------
    value : (...) array
        Of the test set.
    resamples : (resample, ...) array, optional
        Of each resample; None with too few parents.
    """

    value: np.ndarray
    resamples: np.ndarray | None

    def columns(self, names: Sequence[str]) -> dict[str, Drawn]:
        """Return the entries along the last axis by name."""
        return {
            name: Drawn(self.value[..., i], None if self.resamples is None else self.resamples[..., i])
            for i, name in enumerate(names)
        }

    def estimate(self) -> dict[str, Any]:
        """Return ``value`` with ``low_68``, ``high_68``, ``low_95`` and ``high_95``, None without resamples."""
        nothing = np.full(np.shape(self.value), np.nan)
        ends = (
            Intervals(nothing, nothing, nothing, nothing)
            if self.resamples is None
            else percentile_intervals(self.resamples)
        )
        return {"value": as_json(self.value)} | {name: as_json(end) for name, end in vars(ends).items()}


def estimates(tree: Any) -> Any:
    """Return nested dictionaries with each statistic as its estimate; None stays None."""
    if isinstance(tree, Drawn):
        return tree.estimate()
    return None if tree is None else {name: estimates(branch) for name, branch in tree.items()}


def paired(of: Callable[[np.ndarray, np.ndarray], np.ndarray], candidate: Drawn, baseline: Drawn) -> Drawn:
    """Return a function of two statistics, resample by resample."""
    value = of(candidate.value, baseline.value)
    if candidate.resamples is None or baseline.resamples is None:
        return Drawn(value, None)
    return Drawn(value, of(candidate.resamples, baseline.resamples))


def quantiles_over_maps(values: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Return quantiles over the maps of each column, NaN left out: (n, column) -> (level, column)."""
    found = np.full((len(levels), values.shape[1]), np.nan)
    defined = np.isfinite(values).any(axis=0)
    found[:, defined] = np.nanquantile(values[:, defined], levels, axis=0)
    return found


def band(values: np.ndarray) -> dict[str, Any]:
    """Return the median and the 16 and 84 % of the maps for each column, as ``low``, ``median`` and ``high``."""
    low, median, high = quantiles_over_maps(values, (0.16, 0.5, 0.84))
    return {"low": as_json(low), "median": as_json(median), "high": as_json(high)}
