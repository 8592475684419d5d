"""What a population page says: as HTML, as Markdown, as lines of a terminal, as JSON."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from zwicky.core.files import write_json, write_text
from zwicky.evaluation.page import page_template
from zwicky.evaluation.population import EXPLAINED, FAIL, NOT_MEASURED, PASS, RelationResult, Table


def write_numbers(
    path: Path, results: Sequence[RelationResult], table: Table, provenance: Mapping[str, Any]
) -> None:
    """Write relations and columns as JSON; undefined numbers as null."""
    columns = {
        name: [float(v) if math.isfinite(v) else None for v in column] for name, column in table.items()
    }
    relations = [one.as_dict() for one in results]
    write_json(path, {"provenance": dict(provenance), "relations": relations, "clusters": columns})


def write_page(
    path: Path,
    results: Sequence[RelationResult],
    image: bytes,
    *,
    title: str,
    subtitle: str,
    provenance: Mapping[str, Any],
) -> None:
    """Write the page as one HTML file, its figure inside.

    Parameters
    ----------
    path : Path
        Where to.
    results : list of RelationResult
        The table.
    image : bytes
        The figure, as PNG.
    title, subtitle : str
        Of the page: which population, how many clusters.
    provenance : dict
        Where it comes from.
    """
    html = page_template("population.html.j2").render(
        title=title,
        subtitle=subtitle,
        tally=tally(results),
        rows=[_row(one) for one in results],
        image=base64.b64encode(image).decode("ascii"),
        provenance=[(key, str(value)) for key, value in provenance.items()],
    )
    write_text(path, html)


def write_markdown(
    path: Path, results: Sequence[RelationResult], *, title: str, subtitle: str, command: str
) -> None:
    """Write the table as Markdown, with the reasons of what is explained below it; arguments as for ``write_page``.

    Parameters
    ----------
    path, results, title, subtitle
        See ``write_page``.
    command : str
        That makes the page again.
    """
    rows = [_row(one) for one in results]
    columns = ("name", "ours", "band", "literature", "source", "verdict")
    lines = [f"# {title}", "", f"{subtitle} {tally(results)} Written by `{command}`: do not edit.", ""]
    lines += ["| relation | ours | band | literature | source | verdict |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {' | '.join(row[column].replace('|', chr(92) + '|') for column in columns)} |" for row in rows
    ]
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row["explanation"]:
            reasons.setdefault(row["explanation"], []).append(row["name"])
    lines += ["", "## Outside the band for a known reason", ""] if reasons else []
    lines += [f"- {'; '.join(names)}. {reason}" for reason, names in reasons.items()]
    write_text(path, "\n".join(lines) + "\n")


def population_text(results: Sequence[RelationResult]) -> str:
    """Return one line per relation: verdict, name, ours with its error, the literature."""
    width = max(len(one.relation.name) for one in results)
    return "\n".join(
        f"{one.verdict:<10}{one.relation.name:<{width}}  {_short(one.value):>8} "
        f"({_short(one.low_68)} to {_short(one.high_68)})  {one.relation.literature}"
        for one in results
    )


def tally(results: Sequence[RelationResult]) -> str:
    """Return how many relations passed, in a sentence."""
    verdicts = [one.verdict for one in results]
    counts = [f"{verdicts.count(name)} {text}" for name, text in _TALLY.items() if name in verdicts]
    return f"Of {len(results)} relations {', '.join(counts)}."


_TALLY: Final = {
    PASS: "lie within the published band",
    EXPLAINED: "lie outside for a known reason",
    FAIL: "lie outside",
    NOT_MEASURED: "could not be measured",
}


def _row(one: RelationResult) -> dict[str, str]:
    relation = one.relation
    error = 0.5 * (one.high_68 - one.low_68)
    explained = relation.explanation if one.verdict == EXPLAINED else ""
    return {
        "name": relation.name,
        "ours": f"{_short(one.value)} ± {_short(error)}" if math.isfinite(one.value) else "–",
        "band": f"{_short(relation.low)} to {_short(relation.high)}",
        "literature": relation.literature.replace("+-", "±").replace(" ... ", " to "),
        "source": relation.source.replace("+-", "±").replace(" ... ", " to "),
        "n": str(one.n_clusters),
        "verdict": one.verdict,
        "explanation": explained,
    }


def _short(value: float) -> str:
    """Return three figures, 0.0873 or 1.57e+44, with a true minus sign."""
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
