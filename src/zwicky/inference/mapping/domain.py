"""The warning light for maps: are these views like those that the network was taught on?

Named numbers are taken from the logarithm of each view (its level, its peak, how concentrated, rough and off centre it
is, its faintest pixel) and from each pair of views (how well they agree in level and in shape). Each is compared with
its range on training and validation maps, as for single stamps in ``zwicky.inference.domain``: a flag, and the reason
in words.

Three views have two dozen numbers, so that many a good cluster would be unusual in one of them. All ranges are
therefore widened by one factor, found by cross-validation over parents, with which 2 % of clean clusters are flagged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

import numpy as np

from zwicky.core.config import Config
from zwicky.core.errors import MapError
from zwicky.data.dataset import MapData, selected
from zwicky.inference.domain import ENVELOPE, Domain, Range
from zwicky.inference.mapping.linear_map import modes, rings
from zwicky.inference.mapping.view_stack import check_views, chunks

PLACE: Final = "maps of the warning light"
DOMAIN_MAPS: Final = 6000
"""Training maps that the ranges rest on, at most."""
MIN_MAPS: Final = 20
"""Of so few the ranges are guesses, but the cross-validation knows it and widens them."""
WORDS: Final[dict[str, str]] = {
    "level": "log10 of the mean",
    "peak": "log10 of the brightest pixel over the mean",
    "faintest": "log10 of the faintest pixel over the mean",
    "concentration": "log10 of the mean of the inner quarter over the mean",
    "off_centre": "the distance of the middle of the light from the centre (in half-widths of the map)",
    "rough": "log10 of the power of the smallest scales (of the logarithmic map)",
    "balance": "log10 of one mean against that expected from the other",
    "likeness": "the correlation of their logarithmic maps",
}
ONE_SIDED: Final = ("off_centre",)
"""Distances, for which small is always good: their range begins at 0."""
INNER: Final = 0.25
"""The inner circle, in half-widths of the map."""
SMALLEST: Final = 0.5
"""The smallest scales have |k| above this fraction of one wave per two pixels."""
FALSE_ALARMS: Final = 0.02
"""Of clean clusters with all views."""


class ViewDomain(Config):
    """The ranges of all numbers of views and pairs of views.

    Attributes
    ----------
    view_names : (c,) tuple of str
        Of the channels, in order.
    slopes : dict of str to float [1]
        For each pair, how the log10 mean of its first view goes with that of its second.
    ranges : dict of str to Range
        By the name of the number, such as ``"compton_y.level"``.
    """

    view_names: tuple[str, ...]
    slopes: dict[str, float]
    ranges: dict[str, Range]

    @classmethod
    def fit(
        cls, views: np.ndarray, view_names: Sequence[str], parent: np.ndarray | None = None
    ) -> ViewDomain:
        """Take ranges from training and validation maps.

        Parameters
        ----------
        views : (n, c, y, x) array
            All views of at least 20 sight-lines.
        view_names : (c,) sequence of str
            Of the channels, in order.
        parent : (n,) array, optional
            Of which cluster each is; by default each is its own.

        Raises
        ------
        MapError
            If the maps are fewer, have other channels or are not positive, or there is only one parent.
        """
        names = tuple(str(name) for name in view_names)
        everything = check_views(views, (True,) * len(names), PLACE)
        _, group = np.unique(np.arange(len(views)) if parent is None else parent, return_inverse=True)
        folds = [group % 2 == fold for fold in (0, 1)]
        if group.shape != (len(views),) or min(fold.sum() for fold in folds) < MIN_MAPS // 2:
            raise MapError(
                "Ranges cannot be taken from so few maps.",
                where=PLACE,
                expected=f"at least {MIN_MAPS} maps of several parents, and the parent of each",
                got=f"{len(views)} maps, {group.max() + 1} parents",
            )
        numbers = _describe(views, names, everything)
        broken = [name for name, values in numbers.items() if not np.isfinite(values).all()]
        if broken:
            raise MapError(
                "Ranges cannot be taken from maps without a logarithm.",
                where=f"{PLACE}: {broken[0].rsplit('.', 1)[0]}",
                expected="finite positive numbers that are not all the same",
            )
        slopes = {
            _pair(a, b): _slope(numbers[f"{a}.level"], numbers[f"{b}.level"])
            for a, b in combinations(names, 2)
        }
        numbers = _balanced(numbers, names, slopes)
        excess = np.concatenate([_largest_excess(_ranges(numbers, ~fold), numbers, fold) for fold in folds])
        stretch = max(1.0, float(np.quantile(excess, 1.0 - FALSE_ALARMS)))
        everyone = np.ones(len(views), bool)
        return cls(view_names=names, slopes=slopes, ranges=_ranges(numbers, everyone, stretch))

    def judge(
        self, views: np.ndarray, present: Sequence[bool] | None = None
    ) -> tuple[np.ndarray, list[list[str]]]:
        """Say whether maps are like those of the fit.

        Parameters
        ----------
        views : (n, c, y, x) array
            What stands in a missing view is never read.
        present : (c,) sequence of bool, optional
            Which views are there; all by default.

        Returns
        -------
        flag : (n,) int array
            Index into ``zwicky.inference.domain.FLAGS``.
        reasons : n lists of str
            Empty if nothing is unusual.

        Raises
        ------
        MapError
            If the stack has other channels, or no view is there.
        """
        given = check_views(views, (True,) * len(self.view_names) if present is None else present, "views")
        numbers = self.describe(views, given)
        table = {name: self.ranges[name] for name in numbers}
        return Domain(snr_edges=(), ranges=(table,)).judge(numbers, np.zeros(len(views)))

    def describe(self, views: np.ndarray, present: tuple[bool, ...]) -> dict[str, np.ndarray]:
        """Return the named numbers of the views that are there, each (n,)."""
        return _balanced(_describe(views, self.view_names, present), self.view_names, self.slopes)


def _pair(a: str, b: str) -> str:
    return f"{a} and {b}"


def _ranges(numbers: Mapping[str, np.ndarray], rows: np.ndarray, stretch: float = 1.0) -> dict[str, Range]:
    """Return the ranges of some rows, widened about their medians."""
    table = {}
    for name, values in numbers.items():
        where, kind = name.rsplit(".", 1)
        low, median, high = np.quantile(values[rows], (ENVELOPE[0], 0.5, ENVELOPE[1]))
        table[name] = Range(
            words=f"{where}: {WORDS[kind]}",
            low=0.0 if kind in ONE_SIDED else float(median - stretch * (median - low)),
            median=float(median),
            high=float(median + stretch * (high - median)),
        )
    return table


def _largest_excess(
    table: Mapping[str, Range], numbers: Mapping[str, np.ndarray], rows: np.ndarray
) -> np.ndarray:
    return np.asarray(np.max([table[name].excess(values[rows]) for name, values in numbers.items()], axis=0))


def _slope(level: np.ndarray, other: np.ndarray) -> float:
    about_mean = other - other.mean()
    return float(level @ about_mean / max(about_mean @ about_mean, 1e-12))


def _balanced(
    numbers: Mapping[str, np.ndarray], names: Sequence[str], slopes: Mapping[str, float]
) -> dict[str, np.ndarray]:
    """Return the numbers with the balance of each pair of views that are there."""
    there = [name for name in names if f"{name}.level" in numbers]
    balances = {
        f"{_pair(a, b)}.balance": numbers[f"{a}.level"] - slopes[_pair(a, b)] * numbers[f"{b}.level"]
        for a, b in combinations(there, 2)
    }
    return {**numbers, **balances}


def _describe(views: np.ndarray, names: tuple[str, ...], present: tuple[bool, ...]) -> dict[str, np.ndarray]:
    """Return all numbers but the balances, each (n,); NaN where a map has no logarithm."""
    rows = [i for i, there in enumerate(present) if there]
    parts: list[dict[str, np.ndarray]] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for part in chunks(len(views)):
            one: dict[str, np.ndarray] = {}
            logs = {}
            for i in rows:
                maps = views[part, i].astype(float)
                logs[names[i]] = np.log10(maps)
                one |= {f"{names[i]}.{kind}": v for kind, v in _of_view(maps, logs[names[i]]).items()}
            for a, b in combinations(logs, 2):
                one[f"{_pair(a, b)}.likeness"] = _correlation(logs[a], logs[b])
            parts.append(one)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _of_view(maps: np.ndarray, logs: np.ndarray) -> dict[str, np.ndarray]:
    """Return the numbers of one view (n, y, x), by kind."""
    n = maps.shape[-1]
    axis = (np.arange(n) - (n - 1) / 2.0) / (n / 2.0)
    inner = np.hypot(axis[:, None], axis) < INNER
    mean = maps.mean(axis=(1, 2))
    tilt = [(maps * a).mean(axis=(1, 2)) / mean for a in (axis[:, None], axis)]
    return {
        "level": np.log10(mean),
        "peak": np.log10(maps.max(axis=(1, 2)) / mean),
        "faintest": np.log10(maps.min(axis=(1, 2)) / mean),
        "concentration": np.log10(maps[:, inner].mean(axis=1) / mean),
        "off_centre": np.hypot(*tilt),
        "rough": _roughness(logs),
    }


def _roughness(logs: np.ndarray) -> np.ndarray:
    """Return log10 of the mean square per mode of the smallest scales, (n,); maps are mirrored at their edges."""
    n = logs.shape[-1]
    waves = modes(logs)[:, rings(n) >= SMALLEST * n]
    return np.asarray(np.log10((waves**2).mean(axis=1)))


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the correlation coefficient of the pixels of maps (n, y, x), as (n,)."""
    a, b = (maps - maps.mean(axis=(1, 2), keepdims=True) for maps in (a, b))
    return np.asarray((a * b).mean(axis=(1, 2)) / (a.std(axis=(1, 2)) * b.std(axis=(1, 2))))


def domain_of(training: MapData, validation: MapData, views: tuple[str, ...]) -> ViewDomain:
    """Return the ranges of the warning light, from some training and all validation clusters."""
    few = selected(training, np.arange(0, len(training), max(1, len(training) // DOMAIN_MAPS)))
    maps = np.concatenate([few.maps.numpy(), validation.maps.numpy()])
    return ViewDomain.fit(maps, views, np.concatenate([few.parent, validation.parent]))
