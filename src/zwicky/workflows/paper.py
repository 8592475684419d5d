"""The published numbers beside ours, experiment by experiment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from zwicky.evaluation.page import PaperRow
from zwicky.inference.estimator import Estimator
from zwicky.models.deepplanck import DeepPlanck, deepplanck_layers
from zwicky.workflows.experiment import Experiment


def paper_table(
    experiment: Experiment, estimators: dict[str, Estimator], scorecard: dict[str, Any]
) -> list[PaperRow]:
    """Return the rows of an experiment's "paper | ours" table; none for one that follows no paper."""
    rows_of = PAPERS.get(experiment.name)
    return [] if rows_of is None else rows_of(estimators, scorecard)


def deandres2022(estimators: dict[str, Estimator], scorecard: dict[str, Any]) -> list[PaperRow]:
    """Return the rows of de Andres et al. 2022; the published numbers are from its code, weights and catalogue."""
    per_network = sum(p.numel() for p in deepplanck_layers().parameters())
    published = estimators.get("deepplanck")
    n_networks = "not in this preset"
    if published is not None and isinstance(published.network.members[0], DeepPlanck):
        n_networks = str(len(published.network.members[0].networks))
    rows = [
        PaperRow(
            "trained numbers per network", "58,437", f"{per_network:,}", "counted in the published weights"
        ),
        PaperRow("networks (redshift intervals)", "4", n_networks, "0-0.1, 0.1-0.2, 0.2-0.4, 0.4-1"),
    ]
    for method, label in (("network", "improved network"), ("deepplanck", "published network")):
        if method not in scorecard["methods"]:
            continue
        metrics = scorecard["overall"]["methods"][method]
        sd, bias = metrics["mean_predicted_sd_dex"]["value"], metrics["bias_median_dex"]["value"]
        rows += [
            PaperRow(
                f"stated error of log10 M, {label}", "+0.066 -0.056 dex", f"{sd:.3f} dex",
                "paper: median over 1094 real PSZ2 clusters; ours: mean over mocks with S/N > 4.5",
            ),
            PaperRow(
                f"bias of the mass, {label}", "within 15 %", f"{100 * (10**bias - 1):+.1f} %",
                "paper: against Planck masses; ours: against the truth of mocks",
            ),
        ]  # fmt: skip
    ratios = [_ratio(row) for row in scorecard["real_clusters"]]
    ours = ", ".join(f"{r:.2f}" for r in ratios) or "no real maps here"
    note = "paper: median of 1094 clusters (16-84 %: 0.737-1.028); ours: each cluster of the table below, 1-b = 1"
    rows.append(PaperRow("M(Planck) / M(network)", "0.880", ours, note))
    return rows


def _ratio(row: dict[str, str]) -> float:
    return float(row["catalogue"].split()[0]) / float(row["network M500c [1e14 Msun]"].split()[0])


PAPERS: Final[dict[str, Callable[[dict[str, Estimator], dict[str, Any]], list[PaperRow]]]] = {
    "deandres2022": deandres2022,
}
