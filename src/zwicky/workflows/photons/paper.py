"""The numbers of Ntampaka et al. 2019 and of Krippendorf et al. 2024 beside ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zwicky.evaluation.page import PaperRow
from zwicky.evaluation.text_table import value_pm
from zwicky.evaluation.xray.statistics import FIT_BIAS, FIT_SCATTER, bias_percent

Card = Mapping[str, Any]

_FIT: Final = "Gaussian fit to log10 M_predicted - log10 M_true, times ln 10"
_DEX: Final = "paper: 'percent', most likely dex; standard deviation of log10 M_predicted - log10 M_true"


def paper_rows(scorecard: Card) -> list[PaperRow]:
    """Return the rows of the "paper | ours" table."""
    rows = []
    if scorecard["folds"] is not None:
        rows += _folds_rows(scorecard["folds"])
    if scorecard["ensemble"] is not None:
        rows += _ensemble_rows(scorecard["ensemble"])
    return rows


def _folds_rows(block: Card) -> list[PaperRow]:
    results = block["results"]

    def scatter(method: str) -> str:
        found = results[method]
        mean, best = found["mean_fold"][FIT_SCATTER], found["best_fold"][FIT_SCATTER]
        spread = "" if mean["sd"] is None else f" ± {mean['sd']:.1f}"
        every = value_pm(_all(found, FIT_SCATTER), 1)
        return f"{mean['value']:.1f}{spread} % mean fold, {best:.1f} % best; {every} % all"

    bias = _all(results["network"], FIT_BIAS)
    return [
        PaperRow("trained numbers", "58,437", f"{block['n_parameters']:,}", "counted from the layers"),
        PaperRow(
            "bias of the network", "-0.02 dex (-4.5 %)",
            f"{value_pm(bias, 3)} dex ({bias_percent(bias['value']):+.1f} %)", "all folds",
        ),
        PaperRow("scatter of the network", "11.6 % all folds, 7.7 % best fold", scatter("network"), _FIT),
        PaperRow("scatter, core-excised luminosity", "15-23 %", scatter("luminosity_excised"), "0.15 to 1 R500"),
        PaperRow("scatter, whole luminosity", "not given", scatter("luminosity"), "inside R500"),
        PaperRow("scatter, Y_X", "5-7 %", scatter("yx"), "gas mass of a beta model, temperature of four bands"),
        PaperRow(
            "scatter of the network over core-excised luminosity's", "0.5 to 0.8",
            value_pm(block["ratios"]["luminosity_excised"][FIT_SCATTER]), "the same images, paired",
        ),
        PaperRow(
            "response inside 0.2 R500 over that from there to R500", "small",
            f"{value_pm(block['core']['ratio'])} (taught with cores only: {value_pm(block['control_core']['ratio'])})",
            "photons per area that raise the mass, first iteration; 1 for an even response",
        ),
    ]  # fmt: skip


def _all(found: Card, column: str) -> Card:
    """Return the estimate of a column over all rows."""
    estimate: Card = found["all"][column]
    return estimate


def _ensemble_rows(block: Card) -> list[PaperRow]:
    results, selection = block["results"], block["selection"]
    bright = block["bright"]
    plain, uniform = (block["weights"]["results"][name] for name in ("plain weights", "uniform weights"))

    def dex(found: Card, column: str = "scatter_dex") -> str:
        return f"{value_pm(found[column], 3)} dex"

    return [
        PaperRow("trained numbers", "about 0.30 million", f"{block['n_parameters']:,}", "each network"),
        PaperRow("networks", "30", str(block["n_members"])),
        PaperRow(
            "clusters found", "7946", f"{selection['found']:.0f}",
            f"of {selection['painted']:.0f} painted; detection likelihood > 5, extent likelihood > 6",
        ),
        PaperRow("scatter of the ensemble", "0.188 dex", dex(results["ensemble"]), _DEX),
        PaperRow("scatter of one network", "about 0.20 dex", dex(results["member 0"]), "paper: from its last losses"),
        PaperRow("scatter of the count-rate relation", "0.197 dex", dex(results["count rate"]), _DEX),
        PaperRow(
            "ensemble over count rate", "0.954", value_pm(block["ratios"]["count rate"]["scatter_dex"], 3),
            "the same clusters, paired",
        ),
        PaperRow(
            "mean predicted error over scatter", "1.00", value_pm(results["ensemble"]["sd_over_scatter"], 3),
            "no recalibration",
        ),
        PaperRow(
            "scatter at both likelihoods > 60", "0.152 dex (x0.81)",
            "no such cluster" if bright is None
            else f"{dex(bright['results']['ensemble'])} (x{value_pm(bright['ratio']['ensemble'])})",
            "" if bright is None else f"{bright['sample']['n_rows']} clusters",
        ),
        PaperRow(
            "slope of predicted on true log10 M, uniform weights", "ideal",
            f"{value_pm(uniform['slope'])} (without: {value_pm(plain['slope'])})", "paper: the scatter rises; ours:"
            f" {dex(uniform)} (without: {dex(plain)})",
        ),
        *_noise_rows(block),
    ]  # fmt: skip


def _noise_rows(block: Card) -> list[PaperRow]:
    """Return table C.1: the scatter over that without noise on the redshift."""
    return [
        PaperRow(
            f"scatter with redshift noise {row['noise']:g}",
            "x?" if row["published"] is None else f"x{row['published']:.2f}",
            f"x{value_pm(row['ratio'])} ({value_pm(row['scatter'], 3)} dex)",
            "over that without, the same clusters",
        )
        for row in block["noise"]
    ]
