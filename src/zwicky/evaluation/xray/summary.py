"""What a photon scorecard says in plain words, and all of its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zwicky.evaluation.page import number
from zwicky.evaluation.text_table import TextTable, percent_pm, value_pm
from zwicky.evaluation.xray.blocks import SCATTER, by_method
from zwicky.evaluation.xray.results import CLASSICAL, COUNT_RATE, ENSEMBLE, NETWORK
from zwicky.evaluation.xray.run_tables import levels_table, real_table
from zwicky.evaluation.xray.statistics import FIT_BIAS, FIT_SCATTER, SD_OVER_SCATTER
from zwicky.evaluation.xray.tables import ensemble_tables, folds_tables, improved_tables

Card = Mapping[str, Any]


def sentences(card: Card) -> list[str]:
    """Return the result in plain words, one sentence for each part of the card."""
    found = []
    if card["folds"] is not None:
        found.append(_folds_sentence(card["folds"]))
    if card["ensemble"] is not None:
        found.append(_ensemble_sentence(card["ensemble"]))
    return found + [_improved_sentence(name, block) for name, block in card["improved"].items()]


def headline(card: Card) -> str:
    """Return the result in one paragraph."""
    return " ".join(sentences(card)) or "Nothing was measured."


def _folds_sentence(block: Card) -> str:
    one = block["results"][NETWORK]
    mean, best = one["mean_fold"][FIT_SCATTER]["value"], one["best_fold"][FIT_SCATTER]
    ratios = ", ".join(
        f"{value_pm(ratio[FIT_SCATTER])} of {name}" for name, ratio in by_method(block, "ratios").items()
    )
    core = {True: "does not read the core", False: "reads the core", None: "was too little tested on cores"}
    return (
        f"Cross-validated {NETWORK}: scatter {value_pm(one['all'][FIT_SCATTER], 1)} % (mean fold {number(mean, 1)},"
        f" best {number(best, 1)})" + (f", which is {ratios}" if ratios else "")
        + f"; bias {value_pm(one['all'][FIT_BIAS], 3)} dex; it {core[block['core']['is_excised']]} (inside over outside"
        f" {value_pm(block['core']['ratio'])}; shown cores only: {value_pm(block['control_core']['ratio'])})."
    )  # fmt: skip


def _ensemble_sentence(block: Card) -> str:
    one, ratio = block["results"][ENSEMBLE], block["ratios"][COUNT_RATE][SCATTER]
    return (
        f"Ensemble of {block['n_members']}: scatter {value_pm(one[SCATTER], 3)} dex, {value_pm(ratio, 3)} of that of"
        f" the {COUNT_RATE}; predicted error over scatter {value_pm(one[SD_OVER_SCATTER])}."
    )


def _improved_sentence(name: str, block: Card) -> str:
    one, ratio = block["results"][NETWORK], block["ratios"][CLASSICAL][SCATTER]
    inside = " / ".join(percent_pm(one[key]) for key in ("coverage_68", "coverage_95"))
    return (
        f"{name}: scatter {value_pm(one[SCATTER], 3)} dex, {value_pm(ratio, 3)} of that of the {CLASSICAL} mass;"
        f" truth inside the 68 / 95 % intervals in {inside} %."
    )


def all_tables(card: Card) -> list[TextTable]:
    """Return every table with rows, in the order in which they are shown.

    A run may add ``levels`` and ``real_clusters``.
    """
    return [table for table in _tables(card) if table.rows]


def _tables(card: Card) -> Iterator[TextTable]:
    if card["folds"] is not None:
        yield from folds_tables(card["folds"])
    if card["ensemble"] is not None:
        yield from ensemble_tables(card["ensemble"])
    if card.get("levels"):
        yield levels_table(card["levels"])
    for name, block in card["improved"].items():
        yield from improved_tables(name, block)
    if card.get("real_clusters"):
        yield real_table(card["real_clusters"])
