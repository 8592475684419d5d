"""Scorecards of posterior maps as text: what ``zwicky reproduce`` prints, and their sections of docs/results.md."""

from __future__ import annotations

from typing import Any

from zwicky.evaluation.posterior.summary import all_tables, paper_table, sentences
from zwicky.workflows.mapping.tables import section

Card = dict[str, Any]


def posterior_summary_text(scorecard: Card) -> str:
    """Return the few numbers that decide, for a terminal: a line for each method and part."""
    return "\n".join(sentences(scorecard))


def posterior_results_section(scorecard: Card) -> str:
    """Return one experiment's section of docs/results.md; tables of every radius and functional are in its report."""
    experiment = scorecard["experiment"]
    parts = [
        f"## {experiment['title']}: preset `{experiment['preset']}`",
        f"`zwicky reproduce {experiment['name']} --preset {experiment['preset']}`; seed {scorecard['seed']};"
        f" {scorecard['n_resamples']} bootstrap resamples of parents; errors are 68 %.",
        *sentences(scorecard),
    ]
    tables = all_tables(scorecard, details=False)
    if scorecard.get("paper"):
        tables.insert(0, paper_table(scorecard["paper"]))
    for table in tables:
        parts += section(table)
    return "\n\n".join(parts)
