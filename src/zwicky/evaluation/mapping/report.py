"""One self-contained HTML file about mass maps: how right they are, against what, and how far to trust them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from zwicky.evaluation.mapping import plots, run_plots
from zwicky.evaluation.mapping.captions import CAPTIONS
from zwicky.evaluation.mapping.scorecard import MAP_CARD
from zwicky.evaluation.mapping.summary import Card, all_tables, headline
from zwicky.evaluation.page import ReportFigure, write_page


def write_map_report(
    path: Path,
    *,
    title: str,
    scorecard: Card,
    examples: Sequence[run_plots.Example] = (),
    extra_figures: Sequence[ReportFigure] = (),
    provenance: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write the report as one HTML file with all images inside, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to; for example ``report.html``.
    title : str
        Of the experiment.
    scorecard : dict
        From ``build_map_scorecard``; what a run added to it (``paper``, ``transfer``, ``learning_curve``,
        ``geometry``, ``fractions``, ``training``) is shown too.
    examples : list of Example
        Clusters of the test set to show.
    extra_figures : list of ReportFigure
        Put after the others.
    provenance : dict, optional
        From ``core.provenance``.
    notes : list of str
        What the reader must know: limits, warnings, what was not done.

    Raises
    ------
    StoreError
        If this is no scorecard of maps.
    """
    MAP_CARD.check(scorecard, "scorecard")
    figures = [*standard_figures(scorecard), *run_figures(scorecard, examples), *extra_figures]
    write_page(
        path,
        "maps.html.j2",
        title=title,
        headline=headline(scorecard),
        paper=scorecard.get("paper") or (),
        figures=figures,
        provenance=provenance,
        notes=notes,
        card=scorecard,
        tables=all_tables(scorecard),
    )


def standard_figures(scorecard: Card) -> list[ReportFigure]:
    """Return the figures of every scorecard."""
    drawn: dict[str, Figure | None] = {
        "Relative difference of pixels": plots.difference_histograms(scorecard),
        "Mass within a radius": plots.bias_profiles(scorecard, "cylinder"),
        "Mass between two radii": plots.bias_profiles(scorecard, "annulus"),
        "Power": plots.power(scorecard),
        "Correlation with the truth": plots.correlation(scorecard),
        "Maximum mean discrepancy": plots.discrepancy(scorecard),
        "Coverage of M(<R)": plots.mass_coverage(scorecard),
    }
    return _captioned(drawn)


def run_figures(scorecard: Card, examples: Sequence[run_plots.Example] = ()) -> list[ReportFigure]:
    """Return the figures of what a run added to its scorecard, and of examples."""
    histories = {name: one for name, one in (scorecard.get("training") or {}).items() if one}
    drawn: dict[str, Figure | None] = {"Example maps": run_plots.example_rows(examples) if examples else None}
    for title, key, draw in (
        ("Gas and star fractions", "fractions", run_plots.fraction_curves),
        ("Other physics, other masses", "transfer", run_plots.transfer_matrix),
        ("Learning curve", "learning_curve", run_plots.training_size_curve),
    ):
        drawn[title] = draw(scorecard[key]) if scorecard.get(key) else None
    drawn["Training"] = run_plots.training_history(histories) if histories else None
    return _captioned(drawn)


def _captioned(drawn: Mapping[str, Figure | None]) -> list[ReportFigure]:
    return [
        ReportFigure(title, CAPTIONS[title], figure) for title, figure in drawn.items() if figure is not None
    ]
