"""Scorecards of any kind as text: what ``zwicky reproduce`` prints, and docs/results.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from zwicky.core.errors import StoreError
from zwicky.core.files import write_text
from zwicky.evaluation.card_file import CardFormat, read_card
from zwicky.evaluation.mapping.scorecard import MAP_CARD
from zwicky.evaluation.microwave.scorecard import MICROWAVE_CARD
from zwicky.evaluation.posterior.scorecard import POSTERIOR_CARD
from zwicky.evaluation.scorecard import MASS_CARD
from zwicky.evaluation.xray.scorecard import PHOTON_CARD
from zwicky.workflows.mapping.tables import maps_results_section, maps_summary_text
from zwicky.workflows.mass_tables import mass_results_section, mass_summary_text
from zwicky.workflows.microwave.tables import microwave_results_section, microwave_summary_text
from zwicky.workflows.photons.tables import photon_results_section, photon_summary_text
from zwicky.workflows.posterior.tables import posterior_results_section, posterior_summary_text

Text = Callable[[dict[str, Any]], str]

KINDS: Final[dict[str, tuple[CardFormat, Text, Text]]] = {
    MASS_CARD.name: (MASS_CARD, mass_summary_text, mass_results_section),
    MAP_CARD.name: (MAP_CARD, maps_summary_text, maps_results_section),
    MICROWAVE_CARD.name: (MICROWAVE_CARD, microwave_summary_text, microwave_results_section),
    PHOTON_CARD.name: (PHOTON_CARD, photon_summary_text, photon_results_section),
    POSTERIOR_CARD.name: (POSTERIOR_CARD, posterior_summary_text, posterior_results_section),
}
"""By format: what a scorecard holds, its lines for a terminal, its section of docs/results.md."""


def summary_text(scorecard: dict[str, Any]) -> str:
    """Return the few numbers that decide, for a terminal; raises StoreError if this is no scorecard."""
    return _kind_of(scorecard, "scorecard")[1](scorecard)


def results_section(scorecard: dict[str, Any], where: str = "scorecard") -> str:
    """Return one experiment's section of docs/results.md; raises StoreError if this is no scorecard."""
    return _kind_of(scorecard, where)[2](scorecard)


def _kind_of(scorecard: dict[str, Any], where: str) -> tuple[CardFormat, Text, Text]:
    kind = KINDS.get(str(scorecard.get("format")))
    if kind is None:
        raise StoreError(
            "This is not a scorecard.",
            where=where,
            expected=" or ".join(f"format {name!r}" for name in KINDS),
            got=repr(scorecard.get("format")),
        )
    kind[0].check(scorecard, where)
    return kind


def write_results(runs: list[Path], path: Path) -> None:
    """Write docs/results.md from the scorecards of runs, whatever their kinds."""
    places = [run / "scorecard.json" if run.is_dir() else run for run in runs]
    sections = [results_section(read_card(place), str(place)) for place in places]
    head = "# Results\n\nWritten by `zwicky results` from the scorecards under `results/`; not by hand."
    write_text(path, "\n\n".join([head, *sections]) + "\n")
