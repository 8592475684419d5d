"""The numbers of de Andres et al. 2024 beside ours.

The published numbers are those of its abstract and of the authors' talks: the entries of its tables are not quoted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from zwicky.evaluation.mapping.comparison import comparison_of, wins
from zwicky.evaluation.mapping.summary import (
    SMALL_SCALES,
    block_of,
    joined,
    mass_groups,
    noise_text,
    own_baselines,
    percent,
    small_scale_power,
)
from zwicky.evaluation.page import NOTHING, PaperRow
from zwicky.evaluation.text_table import percent_pm, value_pm

SINGLE: Final = ("star", "sz", "xray")
GAS: Final = ("sz", "xray")
MULTI: Final = ("multi1", "multi3")

Card = Mapping[str, Any]


def paper_rows(scorecard: Card) -> list[PaperRow]:
    """Return the rows of the "paper | ours" table; a method that this preset lacks leaves a dash."""
    return [
        PaperRow(
            "trained numbers",
            "about 7 million",
            parameters_text(scorecard),
            "as counted; presets narrow the network",
        ),
        *_pixel_rows(scorecard),
        *_mass_rows(scorecard),
        _small_scales(scorecard),
        _discrepancy(scorecard),
        _against_baselines(scorecard),
    ]


def parameters_text(scorecard: Card) -> str:
    """Return how many numbers each of the paper's networks has, as the card says."""
    networks = scorecard.get("networks", {})
    return joined(
        [name for name in (*SINGLE, *MULTI) if name in networks],
        lambda name: f"{networks[name]['parameters'] / 1e6:.2f} million",
    )


def _those(scorecard: Card, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in scorecard["methods"]]


def _pixel_rows(scorecard: Card) -> list[PaperRow]:
    def scatter(name: str) -> str:
        return f"{percent_pm(block_of(scorecard, name)['pixels']['map']['scatter'])} %"

    gas = _those(scorecard, GAS)
    best = min(gas, key=lambda name: _pixel_scatter(scorecard, name), default=None)
    ratios = (
        NOTHING
        if best is None
        else joined(
            _those(scorecard, MULTI),
            lambda name: value_pm(comparison_of(scorecard, name, best)["pixel_scatter_ratio"]),
        )
    )
    note = "half of the 16-84 % range of (predicted - true) / true, all pixels of all test maps"
    return [
        PaperRow("scatter of pixels, one view", "about 14 %", joined(_those(scorecard, SINGLE), scatter), note),
        PaperRow("scatter of pixels, all views", "about half of that", joined(_those(scorecard, MULTI), scatter), note),
        PaperRow(
            "scatter of pixels, all views over best gas view", "about 0.5", ratios,
            f"best gas view here: {best or NOTHING}; paired bootstrap",
        ),
    ]  # fmt: skip


def _pixel_scatter(scorecard: Card, name: str) -> float:
    return float(block_of(scorecard, name)["pixels"]["map"]["scatter"]["value"])


def _mass_rows(scorecard: Card) -> list[PaperRow]:
    def of(key: str) -> Any:
        return lambda name: f"{percent_pm(block_of(scorecard, name)['bias_r200'][key])} %"

    multi, gas = _those(scorecard, MULTI), _those(scorecard, GAS)
    note = "M(<R200) in a cylinder: median, and half of the 16-84 % range, of its relative error"
    return [
        PaperRow("bias of the mass, all views", "about 1 %", joined(multi, of("median")), note),
        PaperRow("scatter of the mass, all views", "within 3 %", joined(multi, of("scatter")), note),
        PaperRow(
            "scatter of the mass, one gas view", "about 10 %", joined(gas, of("scatter")),
            "paper: radial mass profiles of an early single-view version; ours: M(<R200)",
        ),
    ]  # fmt: skip


def _small_scales(scorecard: Card) -> PaperRow:
    return PaperRow(
        "power on small scales", "gas views lack it; stars and all views hardly",
        joined(
            _those(scorecard, (*SINGLE, *MULTI)), lambda name: f"{percent(small_scale_power(scorecard, name), 0)} %"
        ),
        f"median (P - P true) / P true, mean of L < {SMALL_SCALES:g} {scorecard['length_unit']}",
    )  # fmt: skip


def _discrepancy(scorecard: Card) -> PaperRow:
    heaviest = mass_groups(scorecard)[-1]["name"] if mass_groups(scorecard) else None
    ours = (
        NOTHING
        if heaviest is None
        else joined(_those(scorecard, MULTI), lambda name: noise_text(block_of(scorecard, name, heaviest)))
    )
    return PaperRow(
        "MMD at high mass, as noise", "compatible with 5 %", ours,
        f"noise on the true maps with the same MMD; log10 M200c/Msun {heaviest or NOTHING}",
    )  # fmt: skip


def _against_baselines(scorecard: Card) -> PaperRow:
    """Return how often a network has the higher r(k), over all scales and all baselines."""
    pairs = own_baselines(scorecard)
    all_wins = [wins(scorecard, network, baseline) for network, baseline in pairs]
    ours = (
        f"higher at {sum(win.above for win in all_wins)} of {sum(win.n_scales for win in all_wins)} scales"
        f" (surely lower at {sum(win.surely_below for win in all_wins)})"
        if all_wins
        else NOTHING
    )
    note = f"not in the paper; each network against the baselines of its own views, {len(pairs)} pairs"
    return PaperRow("r(k) of networks over that of baselines", NOTHING, ours, note)


MAP_PAPERS: Final[dict[str, Callable[[Card], list[PaperRow]]]] = {"deandres2024": paper_rows}
"""The published numbers of each experiment with mass maps."""
