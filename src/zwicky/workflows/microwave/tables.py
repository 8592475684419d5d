"""Scorecards of the microwave sky as text: what ``zwicky reproduce`` prints, and their sections of docs/results.md."""

from __future__ import annotations

from typing import Any

from zwicky.evaluation.microwave.summary import all_tables, headline
from zwicky.workflows.mapping.tables import PAPER_HEAD, section
from zwicky.workflows.markdown import Row, markdown_table
from zwicky.workflows.mass_tables import bins_table, mass_summary_text, overall_table, sizes_text

Card = dict[str, Any]


def microwave_summary_text(scorecard: Card) -> str:
    """Return the few numbers that decide, for a terminal."""
    improved = [f"{name}: {mass_summary_text(card)}" for name, card in scorecard.get("improved", {}).items()]
    return "\n".join([headline(scorecard), *improved])


def microwave_results_section(scorecard: Card) -> str:
    """Return one experiment's section of docs/results.md."""
    experiment = scorecard["experiment"]
    parts = [
        f"## {experiment['title']}: preset `{experiment['preset']}`",
        f"`zwicky reproduce {experiment['name']} --preset {experiment['preset']}`; seed {scorecard['seed']};"
        f" {scorecard['n_resamples']} bootstrap resamples of parents; errors are 68 %.",
        headline(scorecard),
        "### Paper beside ours",
        markdown_table(PAPER_HEAD, scorecard["paper"]),
    ]
    for table in all_tables(scorecard):
        parts += section(table)
    for name, card in scorecard.get("improved", {}).items():
        parts += improved_parts(name, card)
    return "\n\n".join(parts)


def improved_parts(name: str, card: Card) -> list[str]:
    """Return what is known of an improved network, as paragraphs of Markdown."""
    return [
        f"### The improved network `{name}`: {card['overall']['n_parents']} test clusters with S/N >"
        f" {card['snr_cut']:g}",
        f"Observations: {sizes_text(card)}. M500c; flat in log M and in redshift.",
        overall_table(card),
        bins_table(card, "snr"),
        "Masses that it was never taught must be flagged, not silently drawn to those that it was:",
        beyond_table(card),
    ]


def beyond_table(card: Card) -> str:
    """Return estimates and lights of clusters of chosen masses, from below the training range to beyond it."""
    head = ("M500c [1e14 Msun]", "taught", "median estimate [1e14 Msun]", "scatter [dex]", "flagged")
    rows: list[Row] = [
        [
            f"{1e-14 * row['m500c_msun']:.2f}",
            "yes" if row["taught"] else "no",
            f"{1e-14 * row['median_m500c_msun']:.2f}",
            f"{row['sigma_dex']:.3f}",
            f"{100 * row['flagged']:.0f} %",
        ]
        for row in card["beyond"]
    ]
    return markdown_table(head, rows)
