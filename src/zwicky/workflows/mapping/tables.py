"""Scorecards of mass maps as text: what ``zwicky reproduce`` prints, and their sections of docs/results.md."""

from __future__ import annotations

from typing import Any

from zwicky.evaluation.mapping.summary import (
    all_tables,
    block_of,
    coverage_text,
    headline,
)
from zwicky.evaluation.text_table import TextTable, percent_pm
from zwicky.workflows.markdown import markdown_table

PAPER_HEAD = ("quantity", "paper", "ours", "note")


def maps_summary_text(scorecard: dict[str, Any]) -> str:
    """Return the few numbers that decide, for a terminal."""
    sample = scorecard["sample"]
    lines = [f"{sample['n_rows']} test maps of {sample['n_parents']} clusters", headline(scorecard)]
    width = max(len(name) for name in scorecard["methods"])
    for name in scorecard["methods"]:
        block = block_of(scorecard, name)
        bias = block["bias_r200"]
        lines.append(
            f"  {name:{width}s}  pixels {percent_pm(block['pixels']['map']['scatter'])} %,"
            f" M(<R200) bias {percent_pm(bias['median'])} %, scatter {percent_pm(bias['scatter'])} %,"
            f" inside 68 / 95 %: pixels {coverage_text(block, 'pixel_coverage')},"
            f" masses {coverage_text(block, 'mass_coverage')}"
        )
    return "\n".join(lines)


def maps_results_section(scorecard: dict[str, Any]) -> str:
    """Return one experiment's section of docs/results.md."""
    experiment, sample = scorecard["experiment"], scorecard["sample"]
    parts = [
        f"## {experiment['title']}: preset `{experiment['preset']}`",
        f"`zwicky reproduce {experiment['name']} --preset {experiment['preset']}`; seed {scorecard['seed']},"
        f" {sample['n_rows']} test maps of {sample['n_parents']} clusters; {scorecard['n_resamples']} bootstrap"
        " resamples of parents; errors are 68 %.",
        headline(scorecard),
    ]
    if scorecard.get("paper"):
        parts += ["### Paper beside ours", markdown_table(PAPER_HEAD, scorecard["paper"])]
    for table in all_tables(scorecard):
        parts += section(table)
    return "\n\n".join(parts)


def section(table: TextTable) -> list[str]:
    """Return a table with its title and its remark, as paragraphs of Markdown."""
    return [f"### {table.title}", table.remark, markdown_table(table.head, table.rows)]
