"""Does a painted population obey the relations of real clusters? Fits, bootstrap errors, verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import numpy as np

from zwicky.core.cosmology import Cosmology
from zwicky.core.errors import ConfigError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.bootstrap import Intervals, bootstrap_over_parents
from zwicky.evaluation.relations import M500, Relation
from zwicky.physics.scaling import RELATIONS
from zwicky.simulations.painter.measuring.properties import ClusterProperties

Table = Mapping[str, np.ndarray]
"""Columns of a population, each (cluster,)."""

SELF_SIMILAR: Final = {
    "y500_mpc2": 2.0 / 3.0,
    "y_cylinder_mpc2": 2.0 / 3.0,
    "yx_msun_kev": 2.0 / 3.0,
    "temperature_kev": 2.0 / 3.0,
    "excised_temperature_kev": 2.0 / 3.0,
    "mass_weighted_temperature_kev": 2.0 / 3.0,
    "luminosity_erg_s": 7.0 / 3.0,
    "excised_luminosity_erg_s": 7.0 / 3.0,
    "rosat_luminosity_erg_s": 7.0 / 3.0,  # as Pratt et al. 2009 scale it
    "soft_luminosity_erg_s": 2.0,
    "photon_rate_per_s": 2.0,
}
"""Powers of E(z) at fixed mass without feedback: Kaiser 1986. They are taken out of these columns."""

MIN_CLUSTERS: Final = 30
"""A relation is measured with at least so many."""

N_RESAMPLES: Final = 200
_NEAR_PIVOT: Final = math.log(2.0)  # a value on the line is fitted within a factor of 2 of the pivot
_MIN_LN_E_RANGE: Final = 0.15  # for evolution
_LINEAR: Final = frozenset({"median", "mean", "fraction"})  # statistics that need no logarithm

PASS, FAIL, EXPLAINED, NOT_MEASURED = "pass", "fail", "explained", "not measured"


@dataclass(frozen=True)
class RelationResult:
    """A relation measured in a population.

    Parameters
    ----------
    relation : Relation
        What was measured.
    value, low_68, high_68 : float
        In the unit of the statistic, and the ends of the 68 % bootstrap interval; NaN if not measured.
    n_clusters : int
        That entered.
    """

    relation: Relation
    value: float
    low_68: float
    high_68: float
    n_clusters: int

    @property
    def passed(self) -> bool:
        """Whether the 68 % interval meets the band."""
        return self.low_68 <= self.relation.high and self.high_68 >= self.relation.low

    @property
    def verdict(self) -> str:
        """Pass, fail, explained (a failure that is understood) or not measured."""
        if not math.isfinite(self.value):
            return NOT_MEASURED
        if self.passed:
            return PASS
        side = "below" if self.value < self.relation.low else "above"
        understood = self.relation.explanation and self.relation.explained_side in (side, "either")
        return EXPLAINED if understood else FAIL

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON: undefined numbers as None."""
        numbers = {name: _or_none(getattr(self, name)) for name in ("value", "low_68", "high_68")}
        return {**asdict(self.relation), **numbers, "n_clusters": self.n_clusters, "verdict": self.verdict}


def table_of(clusters: Sequence[ClusterProperties], cosmology: Cosmology) -> dict[str, np.ndarray]:
    """Return the columns of a population, self-similar evolution taken out, with ``y500_over_a10`` beside.

    Parameters
    ----------
    clusters : list of ClusterProperties
        The population.
    cosmology : Cosmology
        In which they live.

    Raises
    ------
    ConfigError
        If there are none.
    """
    if not clusters:
        raise ConfigError("A population needs clusters.", expected="at least one", got="none")
    table = {
        one.name: np.array([getattr(c, one.name) for c in clusters]) for one in fields(ClusterProperties)
    }
    mean = [RELATIONS["a10"].y500_mpc2(c.m500c_msun, c.redshift, cosmology) for c in clusters]
    table["y500_over_a10"] = table["y500_mpc2"] / np.array(mean)
    for name, power in SELF_SIMILAR.items():
        table[name] = table[name] / table["e_of_z"] ** power
    return table


def evaluate(
    table: Table, relations: Sequence[Relation], *, seed: int, n_resamples: int = N_RESAMPLES
) -> list[RelationResult]:
    """Measure every relation in a population.

    Parameters
    ----------
    table : dict of column
        From ``table_of``.
    relations : list of Relation
        What to measure.
    seed : int
        Of the bootstrap.
    n_resamples : int
        Of the clusters, drawn with replacement.

    Raises
    ------
    ConfigError
        If a relation names a column that the table lacks.
    """
    return [_measured(table, relation, seed, n_resamples) for relation in relations]


def _measured(table: Table, relation: Relation, seed: int, n_resamples: int) -> RelationResult:
    x, y, other = _selected(table, relation)
    if len(x) < MIN_CLUSTERS:
        return RelationResult(relation, math.nan, math.nan, math.nan, len(x))
    statistic = _STATISTICS[relation.statistic]

    def of_rows(rows: np.ndarray) -> np.ndarray:
        return statistic(x[rows], y[rows], other[rows], relation.pivot)

    value = float(of_rows(np.arange(len(x))[None, :])[0])
    interval: Intervals = bootstrap_over_parents(
        np.arange(len(x)), of_rows, n_resamples, Key(seed, Stream.BOOTSTRAP)
    )
    return RelationResult(relation, value, float(interval.low_68), float(interval.high_68), len(x))


def _selected(table: Table, relation: Relation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x, y and the second quantity of the clusters that count, as logarithms where the statistic needs them.

    The second quantity is E(z) for an evolution, and x again where there is none.
    """
    second = "e_of_z" if relation.statistic == "evolution" else relation.other or relation.x
    x, y, other = (_column(table, name, relation) for name in (relation.x, relation.y, second))
    low, high = relation.mass_range_msun
    keep = (table[M500] >= low) & (table[M500] < high) & (x > 0.0) & (other > 0.0) & np.isfinite(y)
    linear = relation.statistic in _LINEAR
    if not linear:
        keep &= y > 0.0
    x, y, other = x[keep], y[keep], other[keep]
    if relation.statistic == "value":
        near = np.abs(np.log(x / relation.pivot)) < _NEAR_PIVOT
        x, y, other = x[near], y[near], other[near]
    if relation.statistic == "evolution" and len(other) and np.ptp(np.log(other)) < _MIN_LN_E_RANGE:
        x, y, other = x[:0], y[:0], other[:0]
    return np.log(x), y if linear else np.log(y), np.log(other)


def _column(table: Table, name: str, relation: Relation) -> np.ndarray:
    if name not in table:
        raise ConfigError(
            "The population has no such column.",
            where=f"relation {relation.name!r}",
            expected=", ".join(table),
            got=repr(name),
        )
    return table[name]


def _line(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return slope and residuals of the least-squares line of y on x, along the last axis."""
    dx, dy = (v - v.mean(axis=-1, keepdims=True) for v in (x, y))
    slope = (dx * dy).sum(axis=-1) / (dx * dx).sum(axis=-1)
    return slope, dy - slope[..., None] * dx


def _slope(x: np.ndarray, y: np.ndarray, _other: np.ndarray, _pivot: float) -> np.ndarray:
    return _line(x, y)[0]


def _scatter(x: np.ndarray, y: np.ndarray, _other: np.ndarray, _pivot: float) -> np.ndarray:
    residual = _line(x, y)[1]
    return np.sqrt((residual**2).sum(axis=-1) / (residual.shape[-1] - 2))


def _mass_scatter(x: np.ndarray, y: np.ndarray, other: np.ndarray, pivot: float) -> np.ndarray:
    return _scatter(x, y, other, pivot) / _slope(x, y, other, pivot)


def _value(x: np.ndarray, y: np.ndarray, _other: np.ndarray, pivot: float) -> np.ndarray:
    return np.exp(y.mean(axis=-1) + _line(x, y)[0] * (math.log(pivot) - x.mean(axis=-1)))


def _median(_x: np.ndarray, y: np.ndarray, _other: np.ndarray, _pivot: float) -> np.ndarray:
    return np.median(y, axis=-1)


def _mean(_x: np.ndarray, y: np.ndarray, _other: np.ndarray, _pivot: float) -> np.ndarray:
    return y.mean(axis=-1)


def _fraction(_x: np.ndarray, y: np.ndarray, _other: np.ndarray, pivot: float) -> np.ndarray:
    return (y > pivot).mean(axis=-1)


def _correlation(x: np.ndarray, y: np.ndarray, other: np.ndarray, _pivot: float) -> np.ndarray:
    a, b = _line(x, y)[1], _line(x, other)[1]
    return (a * b).sum(axis=-1) / np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))


def _evolution(x: np.ndarray, y: np.ndarray, ln_e: np.ndarray, _pivot: float) -> np.ndarray:
    """Return the coefficient of ln E in a plane y(x, ln E): the slope between what mass does not explain of both."""
    return _line(_line(x, ln_e)[1], _line(x, y)[1])[0]


_STATISTICS: Final = {
    "slope": _slope,
    "value": _value,
    "scatter": _scatter,
    "mass scatter": _mass_scatter,
    "median": _median,
    "mean": _mean,
    "fraction": _fraction,
    "correlation": _correlation,
    "evolution": _evolution,
}


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
