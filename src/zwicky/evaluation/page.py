"""The pieces that every HTML page is made of: its template, its figures, its tables, its numbers as text."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from matplotlib.figure import Figure

from zwicky.core.files import write_text
from zwicky.evaluation import plots
from zwicky.evaluation.bootstrap import MINIMUM_PARENTS

NOTHING: Final = "–"
MINUS: Final = "\N{MINUS SIGN}"


class PaperRow(NamedTuple):
    """One line of the comparison with a published result."""

    quantity: str
    paper: str
    ours: str
    note: str = ""


@dataclass(frozen=True, eq=False)
class ReportFigure:
    """A figure with its title and a caption that says what a good result looks like."""

    title: str
    caption: str
    figure: Figure


def page_template(name: str) -> Template:
    """Return a template of this package; what it is given is shown, never run."""
    environment = Environment(
        loader=PackageLoader("zwicky.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def number(value: float | None, decimals: int) -> str:
    """Return a number with a true minus sign and no negative zero, or a dash if it is not defined."""
    return NOTHING if value is None else f"{value:z.{decimals}f}".replace("-", MINUS)


def cell(value: Any) -> str:
    """Return what stands in a cell of a table: four figures, yes or no, or a dash if it is not defined."""
    if value is None:
        return NOTHING
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.4g}".replace("-", MINUS) if np.isfinite(value) else NOTHING
    return str(value)


def table_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return ``columns`` and ``rows`` of cells; the keys of the rows are the titles of the columns."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return {"columns": columns, "rows": [[cell(row.get(column)) for column in columns] for row in rows]}


def flatten(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested facts as (name, text), the names of the outer ones in front."""
    pairs: list[tuple[str, str]] = []
    for key, value in content.items():
        name = f"{prefix}{key}"
        pairs += flatten(value, f"{name}: ") if isinstance(value, Mapping) else [(name, cell(value))]
    return pairs


def embedded(one: ReportFigure) -> dict[str, str]:
    """Return what a template shows of a figure, its image inside."""
    image = base64.b64encode(plots.png(one.figure)).decode("ascii")
    # 100 screen pixels per inch of figure: the text of all figures is then of one size, that of the page.
    width = f"{100 * one.figure.get_figwidth():.0f}px"
    return {
        "title": one.title,
        "caption": one.caption,
        "image": f"data:image/png;base64,{image}",
        "width": width,
    }


def write_page(
    path: Path,
    template: str,
    *,
    title: str,
    headline: str,
    paper: Sequence[PaperRow | tuple[str, str, str, str]],
    figures: Sequence[ReportFigure],
    provenance: Mapping[str, Any] | None,
    notes: Sequence[str],
    **content: Any,
) -> None:
    """Write the report of an experiment as one HTML file with all images inside, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to.
    template : str
        Name of a template that shows what stands in every report, and its own content.
    title, headline : str
        Of the experiment, and its result in plain words.
    paper : list of PaperRow
        Published numbers beside ours.
    figures : list of ReportFigure
    provenance : dict, optional
        From ``core.provenance``.
    notes : list of str
        What the reader must know.
    **content
        What else the template shows.
    """
    html = page_template(template).render(
        title=title,
        headline=headline,
        paper_table=[PaperRow(*map(cell, row)) for row in paper],
        figures=[embedded(one) for one in figures],
        provenance=flatten(provenance or {}),
        notes=list(notes),
        minimum_parents=MINIMUM_PARENTS,
        **content,
    )
    write_text(path, html)
