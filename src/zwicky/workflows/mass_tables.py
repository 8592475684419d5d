"""Scorecards of masses as text: what ``zwicky reproduce`` prints, and their sections of docs/results.md."""

from __future__ import annotations

from typing import Any

from zwicky.data.splits import SPLITS
from zwicky.evaluation.metrics import METRICS
from zwicky.inference.domain import FLAGS
from zwicky.workflows.mapping.tables import PAPER_HEAD
from zwicky.workflows.markdown import Row, markdown_table
from zwicky.workflows.real_clusters import COLUMNS


def value_text(estimate: dict[str, Any], decimals: int = 3) -> str:
    """Return the value of an estimate; a dash if it was not measured."""
    return "-" if estimate["value"] is None else f"{estimate['value']:.{decimals}f}"


def estimate_text(estimate: dict[str, Any], decimals: int = 3) -> str:
    """Return an estimate with its 68 % bootstrap interval."""
    text = value_text(estimate, decimals)
    if estimate.get("low_68") is None:
        return text
    return f"{text} ({estimate['low_68']:.{decimals}f} to {estimate['high_68']:.{decimals}f})"


def overall_table(scorecard: dict[str, Any]) -> str:
    """Return the metrics of every method above the S/N cut."""
    methods = scorecard["methods"]
    rows: list[Row] = [
        [
            f"{name} [{scorecard['metrics'][name]['unit'] or '1'}]",
            *(estimate_text(scorecard["overall"]["methods"][m][name]) for m in methods),
        ]
        for name in METRICS  # JSON keeps no order
        if name in scorecard["metrics"]
    ]
    low, high = scorecard["inner_log10_range"]
    slopes = [estimate_text(scorecard["inner"]["methods"][m]["slope"]) for m in methods]
    rows.append([f"slope, {low:g} < log M < {high:g} [1]", *slopes])
    return markdown_table(["metric", *methods], rows)


def bins_table(scorecard: dict[str, Any], column: str) -> str:
    """Return scatter and coverage per bin, and who has less scatter."""
    pair = (scorecard["candidate"], scorecard["baseline"])
    head = [
        column,
        "clusters",
        *(f"scatter {m} [dex]" for m in pair),
        *(f"68 % {m}" for m in pair),
        *(f"95 % {m}" for m in pair),
        "less scatter",
    ]
    rows: list[Row] = []
    for block in scorecard["bins"][column]:
        of = block["methods"]
        rows.append(
            [
                f"{block['low']:g} - {block['high']:g}",
                str(block["n_parents"]),
                *(estimate_text(of[m]["scatter_dex"], 4) for m in pair),
                *(estimate_text(of[m]["coverage_68"]) for m in pair),
                *(estimate_text(of[m]["coverage_95"]) for m in pair),
                block["winner"],
            ]
        )
    return markdown_table(head, rows)


def paper_text(scorecard: dict[str, Any]) -> str:
    """Return the paper's numbers beside ours."""
    return markdown_table(scorecard.get("paper_head", PAPER_HEAD), scorecard["paper"])


def real_text(scorecard: dict[str, Any]) -> str:
    """Return the real clusters, or say that there were none."""
    rows = scorecard["real_clusters"]
    if not rows:
        return "No real maps were found: set ZWICKY_DATA to a folder that holds them."
    return markdown_table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])


def shifts_text(scorecard: dict[str, Any]) -> str:
    """Return how often the warning light came on for each fault."""
    head = ["fault", "AUROC", "in-domain", "edge", "out-of-domain"]
    rows: list[Row] = [
        [row["fault"], f"{row['auroc']:.3f}", *(f"{100 * row[k]:.1f} %" for k in head[2:])]
        for row in scorecard["shifts"]
    ]
    return markdown_table(head, rows)


def sizes_text(scorecard: dict[str, Any]) -> str:
    """Return how many observations each split has."""
    return ", ".join(f"{scorecard['sizes'][split]} {split}" for split in SPLITS)


def flags_text(scorecard: dict[str, Any]) -> str:
    """Return how often each light came on in the test set."""
    return ", ".join(f"{flag} {100 * scorecard['flags_on_test'][flag]:.1f} %" for flag in FLAGS)


def mass_summary_text(scorecard: dict[str, Any]) -> str:
    """Return the few numbers of a mass test that decide, for a terminal."""
    overall = scorecard["overall"]
    lines = [f"{overall['n_parents']} test clusters with S/N > {scorecard['snr_cut']:g}"]
    for method in scorecard["methods"]:
        m = overall["methods"][method]
        lines.append(
            f"  {method:12s} scatter {estimate_text(m['scatter_dex'], 4)} dex,"
            f" bias {estimate_text(m['bias_dex'], 4)} dex,"
            f" coverage 68 %: {value_text(m['coverage_68'])}, 95 %: {value_text(m['coverage_95'])},"
            f" inner slope {value_text(scorecard['inner']['methods'][method]['slope'])}"
        )
    return "\n".join(lines)


def mass_results_section(scorecard: dict[str, Any]) -> str:
    """Return one mass experiment's section of docs/results.md."""
    experiment = scorecard["experiment"]
    parts = [
        f"## {experiment['title']}: preset `{experiment['preset']}`",
        f"`zwicky reproduce {experiment['name']} --preset {experiment['preset']}`; seed {scorecard['seed']},"
        f" observations: {sizes_text(scorecard)}; {scorecard['n_resamples']} bootstrap resamples of parents;"
        " brackets are 68 % intervals.",
        f"### Test clusters with S/N > {scorecard['snr_cut']:g}: {scorecard['overall']['n_parents']}",
        overall_table(scorecard),
        "### Where each wins",
        bins_table(scorecard, "snr"),
        bins_table(scorecard, "redshift"),
        "### Paper beside ours",
        paper_text(scorecard),
        "### Real clusters",
        real_text(scorecard),
        "### The warning light",
        shifts_text(scorecard),
    ]
    return "\n\n".join(parts)
