"""Judges sets of weighed maps, all on the same resamples of parents, and writes down what it finds as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from zwicky.core.errors import MassError
from zwicky.evaluation.mapping.apertures import quotient
from zwicky.evaluation.mapping.estimates import Drawn, as_json, estimates, paired
from zwicky.evaluation.microwave.records import EmptySkies, WeighedSet
from zwicky.evaluation.microwave.statistics import (
    MASS_COLUMNS,
    MINIMUM_ROWS,
    Bootstrap,
    false_positive_rate,
    gaussian_fit,
    intrinsic_scatter,
    log_slope,
    mass_statistics,
    scatter_and_error,
)
from zwicky.evaluation.scorecard import EQUAL, NOT_MEASURED, sizes, winner

LN_EDGES: Final = np.linspace(-2.0, 2.0, 81)
"""Edges of the histograms of ln(M_est r / M_true)."""

MORE, LESS = "more than injected", "less than injected"
_N_MASS_BINS: Final = 40
_WIDTHS: Final = ("median", "scatter", "error_68")


@dataclass(frozen=True)
class Judge:
    """Judges one set after the other.

    Parameters
    ----------
    bootstrap : Bootstrap
        One for all, so that what is compared is paired.
    trained_range_msun : (low, high) [Msun]
        Least and greatest trained mass: a slope is taken below, inside and above.
    """

    bootstrap: Bootstrap
    trained_range_msun: tuple[float, float]

    def result(self, one: WeighedSet, method: str) -> dict[str, Any]:
        """Return everything that is said of one method on one set."""
        seen = one.weighed(method)
        ratio = ln_ratio(one, method)
        raw = np.log(one.estimated_msun[method][seen] / one.true_msun[seen])
        parent = one.parent[seen]
        fit = self._fit(parent, ratio[seen])
        return {
            "n_without_mass": int((~seen).sum()),
            "by_mass": self._by_mass(one, method),
            "ln_ratio": estimates(fit),
            "ln_ratio_raw": estimates(self._fit(parent, raw)) if one.is_rescaled else estimates(fit),
            "histogram": histogram(ratio[seen]),
            "histogram_raw": histogram(raw),
            "slopes": self._slopes(one, method),
        }

    def _fit(self, parent: np.ndarray, values: np.ndarray) -> dict[str, Drawn]:
        drawn = self.bootstrap.of(parent, lambda rows: gaussian_fit(values[rows]))
        return drawn.columns(("mean", "sd"))

    def _by_mass(self, one: WeighedSet, method: str) -> list[dict[str, Any]]:
        """Return one row for each true mass that was chosen: that enough parents for a width share."""
        # Rounded, for the same mass may have come along two ways; masses drawn at random do not agree so far.
        _, number = np.unique(np.round(np.log10(one.true_msun), 9), return_inverse=True)
        rows = []
        for i in range(int(number.max()) + 1):
            chosen = number == i
            if len(np.unique(one.parent[chosen])) >= MINIMUM_ROWS:
                rows.append(self._mass_row(one, method, chosen))
        return rows

    def _mass_row(self, one: WeighedSet, method: str, chosen: np.ndarray) -> dict[str, Any]:
        true, estimated = float(one.true_msun[chosen][0]), one.masses_msun(method)[chosen]
        drawn = self.bootstrap.of(one.parent[chosen], lambda rows: mass_statistics(estimated[rows], true))
        return {"true_msun": true, **sizes(one.parent[chosen]), **estimates(drawn.columns(MASS_COLUMNS))}

    def _slopes(self, one: WeighedSet, method: str) -> dict[str, Any]:
        low, high = self.trained_range_msun
        true, estimated = one.true_msun, one.masses_msun(method)
        # A part in a million: a mass at the end of the range belongs to it.
        below, above = true < low * (1.0 - 1e-6), true > high * (1.0 + 1e-6)
        parts = {"all": np.ones(len(one), bool), "below": below, "inside": ~(below | above), "above": above}
        rows = {part: np.flatnonzero(inside & one.weighed(method)) for part, inside in parts.items()}
        return {part: self._slope(one.parent[i], true[i], estimated[i]) for part, i in rows.items()}

    def _slope(self, parent: np.ndarray, true: np.ndarray, estimated: np.ndarray) -> dict[str, Any]:
        return self.bootstrap.of(parent, lambda rows: log_slope(true[rows], estimated[rows])).estimate()

    def snr_table(self, one: WeighedSet, edges: Sequence[float], baseline: str) -> list[dict[str, Any]]:
        """Return how much each method scatters in bins of S/N, and the ratios to the baseline.

        All methods are judged on the same maps: those in which each of them sees a mass.
        """
        return [
            {"low": low, "high": high} | self._snr_bin(one, (one.snr >= low) & (one.snr < high), baseline)
            for low, high in pairwise(edges)
        ]

    def _snr_bin(self, one: WeighedSet, inside: np.ndarray, baseline: str) -> dict[str, Any]:
        seen = np.logical_and.reduce([one.weighed(method) for method in one.methods])
        rows = np.flatnonzero(inside & seen)
        ratios = np.stack([ln_ratio(one, method)[rows] for method in one.methods])
        drawn = self.bootstrap.of(
            one.parent[rows], lambda i: np.moveaxis(scatter_and_error(ratios[:, i]), 0, -2)
        )
        widths = {method: _row(drawn, number).columns(_WIDTHS) for number, method in enumerate(one.methods)}
        return {
            **sizes(one.parent[rows]),
            "n_without_mass": {m: int((inside & ~one.weighed(m)).sum()) for m in one.methods},
            "methods": {method: estimates(columns) for method, columns in widths.items()},
            "ratios": {
                method: _ratios(columns, widths[baseline], method, baseline)
                for method, columns in widths.items()
                if method != baseline
            },
        }

    def decomposition(
        self, scattered: WeighedSet, quiet: WeighedSet, method: str, slope: float
    ) -> dict[str, Any]:
        """Return the scatter that the SZ scatter adds to a method's own, beside the one that was injected.

        Parameters
        ----------
        scattered, quiet : WeighedSet
            With and without scatter of the SZ signal.
        method : str
            Whose estimates.
        slope : float [1]
            Of ln Y on ln M: a scatter of Y is ``slope`` times that of M.

        Raises
        ------
        MassError
            If the first set has no scatter, or the second has some.
        """
        if scattered.sz_scatter == "none" or quiet.sz_scatter != "none":
            raise MassError(
                "A scatter is recovered from a set with it and a set without it.",
                where=f"sets {scattered.name!r} and {quiet.name!r}",
                expected="SZ scatter on 'Y' or 'M', and 'none'",
                got=f"{scattered.sz_scatter!r} and {quiet.sz_scatter!r}",
            )
        widths = [self._width(one, method) for one in (scattered, quiet)]
        recovered = paired(intrinsic_scatter, *widths)
        in_m = scattered.sigma_ln / (slope if scattered.sz_scatter == "Y" else 1.0)
        estimate = recovered.estimate()
        return {
            "set": scattered.name,
            "method": method,
            "stated_on": scattered.sz_scatter,
            "sigma_ln": scattered.sigma_ln,
            "injected_in_m": as_json(in_m),
            "injected_in_y": as_json(slope * in_m),
            "with_scatter": widths[0].estimate(),
            "without_scatter": widths[1].estimate(),
            "recovered_in_m": estimate,
            "recovered_in_y": {key: None if end is None else slope * end for key, end in estimate.items()},
            "verdict": verdict(estimate, in_m),
        }

    def _width(self, one: WeighedSet, method: str) -> Drawn:
        seen = one.weighed(method)
        return self._fit(one.parent[seen], ln_ratio(one, method)[seen])["sd"]


def ln_ratio(one: WeighedSet, method: str) -> np.ndarray:
    """Return ln(M_est r / M_true), (n,) [1]; NaN where the method sees no mass."""
    seen = one.weighed(method)
    ratio = np.full(len(one), np.nan)
    ratio[seen] = np.log(one.masses_msun(method)[seen] / one.true_msun[seen])
    return ratio


def _row(drawn: Drawn, number: int) -> Drawn:
    """Return one entry along the axis before the last."""
    resamples = drawn.resamples
    return Drawn(drawn.value[..., number, :], None if resamples is None else resamples[..., number, :])


def _ratios(
    candidate: dict[str, Drawn], baseline: dict[str, Drawn], method: str, baseline_name: str
) -> dict[str, Any]:
    """Return candidate over baseline of both widths, and who scatters less."""
    found: dict[str, Any] = {
        name: paired(quotient, candidate[name], baseline[name]).estimate() for name in _WIDTHS[1:]
    }
    for name in _WIDTHS[1:]:
        difference = paired(np.subtract, candidate[name], baseline[name]).estimate()
        found[f"{name}_winner"] = winner(difference, method, baseline_name)
    return found


def histogram(ln_ratios: np.ndarray) -> list[float]:
    """Return the density of ln(M_est r / M_true) between ``LN_EDGES``; what lies beyond counts in the whole."""
    counts = np.histogram(ln_ratios, LN_EDGES)[0]
    return list(as_json(counts / (max(1, len(ln_ratios)) * np.diff(LN_EDGES))))


def verdict(recovered: dict[str, Any], injected: float) -> str:
    """Say whether the 95 % interval of a recovered scatter holds the injected one."""
    low, high = recovered["low_95"], recovered["high_95"]
    if low is None or high is None:
        return NOT_MEASURED
    if low <= injected <= high:
        return EQUAL
    return MORE if low > injected else LESS


def empty_block(empty: EmptySkies) -> dict[str, Any]:
    """Return the false-positive rate of each method, and histograms of the masses between common edges."""
    every = np.concatenate([[0.0, 1.1 * empty.threshold_msun], *empty.estimated_msun.values()])
    edges = np.linspace(every.min(), every.max(), _N_MASS_BINS + 1)
    return {
        "threshold_msun": float(empty.threshold_msun),
        "edges_msun": as_json(edges),
        "methods": {
            name: false_positive_rate(masses, empty.threshold_msun)
            | {
                "quantiles_msun": as_json(np.quantile(masses, (0.16, 0.5, 0.84))),
                "histogram": [int(n) for n in np.histogram(masses, edges)[0]],
            }
            for name, masses in empty.estimated_msun.items()
        },
    }
