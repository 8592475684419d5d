"""The numbers of Gupta & Reichardt 2020 beside ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zwicky.evaluation.microwave.records import (
    EXTRAPOLATED,
    INTERPOLATED,
    NO_SCATTER,
    REALISTIC,
    SCATTER_ON_M,
    SCATTER_ON_Y,
    TRAINED,
)
from zwicky.evaluation.microwave.summary import (
    decomposition_of,
    ln_mean,
    ln_scatter,
    mass_text,
    residual_fraction,
    slope_of,
    worst_precision,
    worst_pull,
)
from zwicky.evaluation.page import PaperRow
from zwicky.evaluation.text_table import value_pm

Card = Mapping[str, Any]

NETWORK: Final = "mresunet"


def paper_rows(scorecard: Card) -> list[PaperRow]:
    """Return the rows of the "paper | ours" table."""
    parameters = scorecard["networks"][NETWORK]["parameters"]
    return [
        PaperRow("trained numbers", "about 16 million", f"{parameters / 1e6:.2f} million", "presets narrow it"),
        *_mass_rows(scorecard),
        *_scatter_rows(scorecard),
        _residual_row(scorecard),
        *_realistic_rows(scorecard),
    ]  # fmt: skip


def _mass_rows(scorecard: Card) -> list[PaperRow]:
    def precision(name: str) -> str:
        mass, worst = worst_precision(scorecard, name, NETWORK)
        return f"at most {value_pm(worst)} (at {mass_text(mass)}e14 Msun)"

    mass, pull = worst_pull(scorecard, TRAINED, NETWORK)
    slopes = ", ".join(
        f"{part} {value_pm(slope_of(scorecard, EXTRAPOLATED, NETWORK, part))}" for part in ("below", "above")
    )
    note = "half of the 16-84 % range of the estimates over the true mass, for the worst mass"
    return [
        PaperRow("dM/M, trained masses", "at most 0.2", precision(TRAINED), note),
        PaperRow("dM/M, masses between them", "at most 0.2, but for one slightly above", precision(INTERPOLATED), note),
        PaperRow(
            "(median - true) / dM, trained masses", "within 1", f"{value_pm(pull)} (at {mass_text(mass)}e14 Msun)",
            "of the mass with the largest",
        ),
        PaperRow(
            "masses beyond the trained ones", "the nearest trained mass", f"slope of estimate on truth: {slopes}",
            "0: the answer does not follow the mass at all; 1: it does",
        ),
    ]  # fmt: skip


def _scatter_rows(scorecard: Card) -> list[PaperRow]:
    on_y, on_m = (decomposition_of(scorecard, name, NETWORK) for name in (SCATTER_ON_Y, SCATTER_ON_M))
    note = "Gaussian fit to ln(M_est / M_true), 2 to 7e14 Msun"
    return [
        PaperRow(
            "scatter of ln M, 20 % SZ scatter", "consistent with 20 %",
            f"{value_pm(ln_scatter(scorecard, SCATTER_ON_Y, NETWORK))} (on Y),"
            f" {value_pm(ln_scatter(scorecard, SCATTER_ON_M, NETWORK))} (on M)",
            f"{note}; 20 % of Y is {100 * on_y['injected_in_m']:.0f} % of M",
        ),
        PaperRow(
            "scatter of ln M, no SZ scatter", "drops to about 10 %",
            value_pm(ln_scatter(scorecard, NO_SCATTER, NETWORK)), note,
        ),
        PaperRow(
            "SZ scatter recovered, in M", "the injected one",
            f"{value_pm(on_y['recovered_in_m'])} of {on_y['injected_in_m']:.3f} (on Y),"
            f" {value_pm(on_m['recovered_in_m'])} of {on_m['injected_in_m']:.3f} (on M)",
            "root of the difference of the two variances",
        ),
    ]  # fmt: skip


def _residual_row(scorecard: Card) -> PaperRow:
    return PaperRow(
        "mean SZ profile, predicted - true", "two orders below the signal",
        f"{residual_fraction(scorecard):.2g} of the peak",
        "rms over rings of the mean over all test maps of trained masses",
    )  # fmt: skip


def _realistic_rows(scorecard: Card) -> list[PaperRow]:
    factor = scorecard["rescaling"]["factor"]
    return [
        PaperRow(
            "Y-M rescaling factor r", "1.287", ", ".join(f"{one:.3f}" for one in factor),
            "paper: Magneticum; ours: painted clusters of 2, 4 and 7e14 Msun",
        ),
        PaperRow(
            "mean ln(M_est / M_true), realistic clusters", "consistent with 0 after rescaling",
            f"{value_pm(ln_mean(scorecard, REALISTIC, NETWORK))}"
            f" (before: {value_pm(ln_mean(scorecard, REALISTIC, NETWORK, rescaled=False))})",
            "errors over parents",
        ),
        PaperRow(
            "scatter of ln M, realistic clusters", "slightly above the intrinsic one",
            value_pm(ln_scatter(scorecard, REALISTIC, NETWORK)), "after rescaling",
        ),
    ]  # fmt: skip
