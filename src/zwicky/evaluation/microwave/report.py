"""One self-contained HTML file about masses from microwave skies, beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from zwicky.evaluation.microwave import plots
from zwicky.evaluation.microwave.captions import CAPTIONS
from zwicky.evaluation.microwave.scorecard import MICROWAVE_CARD
from zwicky.evaluation.microwave.summary import Card, all_tables, headline
from zwicky.evaluation.page import PaperRow, ReportFigure, write_page


def write_microwave_report(
    path: Path,
    *,
    title: str,
    scorecard: Card,
    paper: Sequence[PaperRow] = (),
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
        From ``build_microwave_scorecard``.
    paper : list of PaperRow
        Numbers of the paper beside ours.
    extra_figures : list of ReportFigure
        Put after the others.
    provenance : dict, optional
        From ``core.provenance``.
    notes : list of str
        What the reader must know: limits, warnings, what was not done.

    Raises
    ------
    StoreError
        If this is no scorecard of microwave skies.
    """
    MICROWAVE_CARD.check(scorecard, "scorecard")
    write_page(
        path,
        "microwave.html.j2",
        title=title,
        headline=headline(scorecard),
        paper=paper,
        figures=[*standard_figures(scorecard), *extra_figures],
        provenance=provenance,
        notes=notes,
        card=scorecard,
        tables=all_tables(scorecard),
    )


def standard_figures(scorecard: Card) -> list[ReportFigure]:
    """Return the figures of a scorecard, without those whose sets it lacks."""
    drawn: dict[str, Figure | None] = {
        "Trained masses": plots.trained_masses(scorecard),
        "Other masses": plots.other_masses(scorecard),
        "SZ profile": plots.profile(scorecard),
        "Scatter of the mass": plots.scatter_histograms(scorecard),
        "Scatter by S/N": plots.scatter_by_snr(scorecard),
        "Empty skies": plots.empty_skies(scorecard),
    }
    return [
        ReportFigure(title, CAPTIONS[title], figure) for title, figure in drawn.items() if figure is not None
    ]
