"""What a scorecard says of a cross-validation, of an ensemble, and of a network beyond them: one block for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from scipy.stats import binomtest

from zwicky.evaluation.mapping.apertures import quotient
from zwicky.evaluation.mapping.estimates import as_json, estimates, paired
from zwicky.evaluation.microwave.statistics import Bootstrap
from zwicky.evaluation.scorecard import sizes
from zwicky.evaluation.xray.annuli import CORE
from zwicky.evaluation.xray.attributions import AttributionProfile, CoreMasking
from zwicky.evaluation.xray.dream import CoreResponse, DreamProfile
from zwicky.evaluation.xray.records import PhotonTest
from zwicky.evaluation.xray.results import (
    CLASSICAL,
    ENSEMBLE,
    NETWORK,
    PLAIN,
    UNIFORM,
    EnsembleResult,
    FoldsResult,
    ImprovedResult,
)
from zwicky.evaluation.xray.statistics import (
    FIT_SCATTER,
    PhotonBins,
    all_rows,
    binned,
    column_statistic,
    fold_statistics,
    in_bins,
    predicted_sd_bins,
    published_ratios,
    ratio_rows,
    scatter_ratio,
)
from zwicky.inference.domain import FLAGS

SCATTER: Final = "scatter_dex"

SNR_EDGES: Final = (0.0, 5.0, 10.0, 20.0, 40.0, 80.0, np.inf)

# Wide enough for any cluster; a card holds the bins between its least and its greatest value.
_MASS_EDGES: Final = tuple(round(8.0 + 0.2 * i, 1) for i in range(52))
_REDSHIFT_EDGES: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 5.0, 20.0, 1100.0)
_COUNT_EDGES: Final = (0.0, 10.0, 30.0, *(one * 10.0**i for i in range(2, 13) for one in (1.0, 3.0)))

_SD_BINS: Final = 5
_DEALS: Final = 200


def spanning(edges: Sequence[float], values: np.ndarray) -> tuple[float, ...]:
    """Return those of some rising edges that are needed for values, two at least: no empty bin at the ends."""
    first = int(np.searchsorted(edges, values.min(), side="right")) - 1
    last = int(np.searchsorted(edges, values.max(), side="right"))
    return tuple(edges[max(first, 0) : last + 1])


def _bins_of(test: PhotonTest) -> PhotonBins:
    return PhotonBins(
        spanning(_MASS_EDGES, test.log10_true),
        spanning(_REDSHIFT_EDGES, test.redshift),
        spanning(_COUNT_EDGES, test.counts),
    )


@dataclass(frozen=True)
class PhotonJudge:
    """Turns results into blocks of a scorecard, all with one bootstrap.

    Parameters
    ----------
    bootstrap : Bootstrap
        Of the parents.
    """

    bootstrap: Bootstrap

    def folds(self, result: FoldsResult) -> dict[str, Any]:
        """Return the block of a cross-validation."""
        test = result.test
        edges = spanning(_MASS_EDGES, test.log10_true)
        n_deals = min(_DEALS, self.bootstrap.n_resamples)
        return self._head(test) | {
            "n_parameters": int(result.n_parameters),
            "results": {
                one: fold_statistics(test, one, self.bootstrap, n_shuffles=n_deals) for one in test.methods
            },
            "ratios": self._ratios(test, NETWORK, (FIT_SCATTER, SCATTER)),
            "bins": {
                one: {"log10_mass": in_bins(test, one, test.log10_true, edges, self.bootstrap)}
                for one in test.methods
            },
            "dream": self._dream(result.dream),
            "core": _core(result.core),
            "control_core": _core(result.control_core),
            "attribution": self._attribution(result.attribution),
            "masking": {name: self._masking(one) for name, one in sorted(result.masking.items())},
            "histories": plain(result.histories),
        }

    def ensemble(self, result: EnsembleResult) -> dict[str, Any]:
        """Return the block of an ensemble."""
        test, uniform = result.test, result.uniform
        bins = _bins_of(test)
        return self._head(test) | {
            "n_members": int(result.n_members),
            "n_parameters": int(result.n_parameters),
            "selection": plain(result.selection),
            "results": self._all(test),
            "ratios": self._ratios(test, ENSEMBLE, (SCATTER,)),
            "bins": {one: binned(test, one, bins, self.bootstrap) for one in test.methods},
            "predicted_sd": {one: self._sd_bins(test, one) for one in test.methods},
            "bright": self._bright(test, result.bright),
            "weights": {"results": self._all(uniform), "ratio": self._ratio(uniform, UNIFORM, PLAIN)},
            "noise": self._noise(result.noise, published_ratios()),
            "noise_training": self._noise(result.noise_training, published_ratios(training=True)),
        }

    def improved(self, result: ImprovedResult) -> dict[str, Any]:
        """Return the block of a network beyond the published ones."""
        test, known = result.test, result.flag == 0
        return self._head(test) | {
            "results": self._all(test),
            "ratios": self._ratios(test, NETWORK, (SCATTER,)),
            "in_domain": self._all(test.selected(known)) if known.any() else None,
            "bins": {one: self._improved_bins(result, one) for one in test.methods},
            "flags": self._flags(result),
            "by_counts": self._variants(result.by_counts),
            "by_bands": self._variants(result.by_bands),
            "by_offset_arcmin": self._variants(result.by_offset_arcmin),
            "faults": {name: flagged_rate(numbers) for name, numbers in sorted(result.faults.items())},
            "training": plain(result.training),
        }

    def _head(self, test: PhotonTest) -> dict[str, Any]:
        return {
            "sample": sizes(test.parent),
            "definition": str(test.definition),
            "methods": list(test.methods),
        }

    def _all(self, test: PhotonTest) -> dict[str, Any]:
        return {one: all_rows(test, one, self.bootstrap) for one in test.methods}

    def _ratio(self, test: PhotonTest, one: str, other: str, column: str = SCATTER) -> dict[str, Any]:
        return scatter_ratio(test, one, other, self.bootstrap, column=column).estimate()

    def _ratios(self, test: PhotonTest, candidate: str, columns: Sequence[str]) -> dict[str, Any]:
        """Return the candidate's scatter over that of each other method, on the same clusters."""
        return {
            other: {column: self._ratio(test, candidate, other, column) for column in columns}
            for other in test.methods
            if other != candidate
        }

    def _dream(self, profile: DreamProfile) -> dict[str, Any]:
        rise = self.bootstrap.of(profile.parent, lambda rows: profile.rise_dex[rows].mean(axis=-2))
        return {
            "edges": list(profile.edges),
            "core": CORE,
            "per_area": profile.per_area(self.bootstrap).estimate(),
            "relative": profile.relative(self.bootstrap).estimate(),
            "rise_dex": rise.estimate(),
        }

    def _attribution(self, profile: AttributionProfile) -> dict[str, Any]:
        gap = np.sqrt((profile.gap_dex**2).mean()) / max(abs(float(profile.total_dex.mean())), 1e-12)
        return {
            "edges": list(profile.edges),
            "share": profile.mean(self.bootstrap).estimate(),
            "gap": as_json(gap),
        }

    def _masking(self, curve: CoreMasking) -> dict[str, Any]:
        return {
            "radii": list(curve.radii),
            "shift_dex": curve.shift(self.bootstrap).estimate(),
            "scatter_dex": curve.scatter(self.bootstrap).estimate(),
        }

    def _sd_bins(self, test: PhotonTest, method: str) -> list[dict[str, Any]]:
        n_bins = min(_SD_BINS, len(test) // 2)
        return predicted_sd_bins(test, method, self.bootstrap, n_bins=n_bins) if n_bins else []

    def _bright(self, test: PhotonTest, rows: np.ndarray) -> dict[str, Any] | None:
        """Return what is left of the scatter on some rows; None if there are none."""
        if not rows.any():
            return None
        part = test.selected(rows)
        # Other clusters, other draws: with the same key two resamples would go up and down together.
        apart = Bootstrap(self.bootstrap.n_resamples, replace(self.bootstrap.key, cluster=1))
        ratio = {}
        for one in test.methods:
            few = apart.of(part.parent, column_statistic(part, one, SCATTER))
            many = self.bootstrap.of(test.parent, column_statistic(test, one, SCATTER))
            ratio[one] = paired(quotient, few, many).estimate()
        return {"sample": sizes(part.parent), "results": self._all(part), "ratio": ratio}

    def _noise(
        self, tests: Mapping[float, PhotonTest], published: Mapping[float, float]
    ) -> list[dict[str, Any]]:
        """Return the table of redshift noise, with the published ratio where there is one."""
        if not tests:
            return []
        rows = ratio_rows(dict(sorted(tests.items())), NETWORK, self.bootstrap)
        return [row | {"published": plain(published.get(row["noise"]))} for row in rows]

    def _improved_bins(self, result: ImprovedResult, method: str) -> dict[str, Any]:
        test = result.test
        predicted = test.quantiles(method)[:, 2]
        # Less than no signal is no signal.
        snr, edges = np.maximum(result.snr, 0.0), spanning(_MASS_EDGES, predicted)
        return binned(test, method, _bins_of(test), self.bootstrap) | {
            "snr": in_bins(test, method, snr, SNR_EDGES, self.bootstrap),
            "log10_predicted": in_bins(test, method, predicted, edges, self.bootstrap),
        }

    def _flags(self, result: ImprovedResult) -> dict[str, Any]:
        """Return the part of the rows with each flag."""
        given = result.flag[:, None] == np.arange(len(FLAGS))
        drawn = self.bootstrap.of(result.test.parent, lambda rows: given[rows].mean(axis=-2))
        return dict(estimates(drawn.columns(FLAGS)))

    def _variants(self, tests: Mapping[Any, PhotonTest]) -> list[dict[str, Any]]:
        """Return what becomes of the masses when images are changed, one entry for each ``value`` of the change."""
        return [
            {
                "value": value,
                "results": self._all(test),
                "ratio": self._ratio(test, NETWORK, CLASSICAL),
            }
            for value, test in tests.items()
        ]


def _core(response: CoreResponse) -> dict[str, Any]:
    parts = {name: getattr(response, name).estimate() for name in ("inside", "outside", "ratio")}
    return parts | {"limit": response.limit, "is_excised": response.is_excised}


def by_method(block: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return one table of a block in the order of its methods, which a file does not keep; those it lacks left out."""
    return {name: block[key][name] for name in block["methods"] if name in block[key]}


def flagged_rate(numbers: Sequence[int]) -> dict[str, Any]:
    """Return how many rows got each flag, and the part that is not in-domain with exact binomial intervals.

    Parameters
    ----------
    numbers : (3,) ints
        Rows by flag, as ``domain.FLAGS``.

    Returns
    -------
    dict
        The flags, and ``flagged``: an estimate [1], None of no rows.

    Source: Clopper & Pearson 1934, as in scipy.
    """
    n = int(sum(numbers))
    n_flagged = n - int(numbers[0])
    found: dict[str, Any] = {"value": n_flagged / n if n else None}
    for percent in (68, 95):
        ends = binomtest(n_flagged, n).proportion_ci(percent / 100, method="exact") if n else (None, None)
        found |= {f"{end}_{percent}": value for end, value in zip(("low", "high"), ends, strict=True)}
    return {flag: int(one) for flag, one in zip(FLAGS, numbers, strict=True)} | {"flagged": plain(found)}


def plain(tree: Any) -> Any:
    """Return nested facts as a file holds them: sorted keys, numbers of six figures, None if not finite."""
    if isinstance(tree, Mapping):
        return {str(key): plain(value) for key, value in sorted(tree.items(), key=lambda pair: str(pair[0]))}
    if isinstance(tree, list | tuple):
        return [plain(value) for value in tree]
    if isinstance(tree, np.ndarray):
        return plain(tree.tolist())
    if tree is None or isinstance(tree, str | bool | int):
        return tree
    return bool(tree) if isinstance(tree, np.bool_) else as_json(tree)
