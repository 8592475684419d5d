"""Scorecards of X-ray photons as text: what ``zwicky reproduce`` prints, and their sections of docs/results.md."""

from __future__ import annotations

from typing import Any

from zwicky.evaluation.xray.summary import all_tables, sentences
from zwicky.workflows.mapping.tables import PAPER_HEAD, section
from zwicky.workflows.markdown import markdown_table

Card = dict[str, Any]


def photon_summary_text(scorecard: Card) -> str:
    """Return the few numbers that decide, for a terminal: a line for each part."""
    return "\n".join(sentences(scorecard))


def photon_results_section(scorecard: Card) -> str:
    """Return one experiment's section of docs/results.md."""
    experiment = scorecard["experiment"]
    parts = [
        f"## {experiment['title']}: preset `{experiment['preset']}`",
        f"`zwicky reproduce {experiment['name']} --preset {experiment['preset']}`; seed {scorecard['seed']};"
        f" {scorecard['n_resamples']} bootstrap resamples of parents; errors are 68 %.",
        *sentences(scorecard),
    ]
    if scorecard.get("paper"):
        parts += ["### Paper beside ours", markdown_table(PAPER_HEAD, scorecard["paper"])]
    for table in all_tables(scorecard):
        parts += section(table)
    return "\n\n".join(parts)
