"""One self-contained HTML file about posterior samples of maps, beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from zwicky.evaluation.mapping.run_plots import training_history
from zwicky.evaluation.page import ReportFigure, write_page
from zwicky.evaluation.posterior import plots, run_plots
from zwicky.evaluation.posterior.captions import CAPTIONS
from zwicky.evaluation.posterior.scorecard import POSTERIOR_CARD
from zwicky.evaluation.posterior.summary import (
    Card,
    PosteriorPaperRow,
    all_tables,
    headline,
    paper_table,
)


def write_posterior_report(
    path: Path,
    *,
    title: str,
    scorecard: Card,
    paper: Sequence[PosteriorPaperRow] = (),
    examples: Sequence[run_plots.Example] = (),
    histories: Mapping[str, Sequence[Mapping[str, float]]] | None = None,
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
        From ``build_posterior_scorecard``.
    paper : list of PosteriorPaperRow
        The paper's numbers beside ours: the first table.
    examples : list of dict
        Clusters of the test set to show, as of ``run_plots.example_clusters``.
    histories : dict of list of dict, optional
        Of each network: ``epoch``, ``train``, ``validation``.
    extra_figures : list of ReportFigure
        Put after the others.
    provenance : dict, optional
        From ``core.provenance``.
    notes : list of str
        What the reader must know: limits, warnings, what was not done.

    Raises
    ------
    StoreError
        If this is no scorecard of posterior maps.
    MapError
        If an example has other maps than the scorecard.
    """
    POSTERIOR_CARD.check(scorecard, "scorecard")
    beside = [paper_table(paper)] if paper else []
    write_page(
        path,
        "tables.html.j2",
        title=title,
        headline=headline(scorecard),
        paper=(),  # two columns of ours: a table of its own
        figures=[
            *standard_figures(scorecard),
            *record_figures(scorecard, examples, histories),
            *extra_figures,
        ],
        provenance=provenance,
        notes=notes,
        card=scorecard,
        tables=[*beside, *all_tables(scorecard)],
    )


def standard_figures(scorecard: Card) -> list[ReportFigure]:
    """Return the figures that need no more than a scorecard, without those whose parts it lacks."""
    masses = scorecard["masses"]
    return _captioned(
        {
            "Profiles": plots.profiles(scorecard),
            "Power and correlation": plots.spectra(scorecard),
            "Standardised errors": plots.standardised(scorecard),
            "How many samples": plots.sample_convergence(scorecard),
            "Coverage of M(<R)": plots.coverage(scorecard),
            "Ranks": plots.ranks(scorecard),
            "Joint coverage": plots.joint(scorecard),
            "Error against evaluations": run_plots.error_against_evaluations(scorecard["convergence"]),
            "Mass from maps": None if masses is None else run_plots.masses(masses),
        }
    )


def record_figures(
    scorecard: Card,
    examples: Sequence[run_plots.Example] = (),
    histories: Mapping[str, Sequence[Mapping[str, float]]] | None = None,
) -> list[ReportFigure]:
    """Return the figures that need more: example clusters, and learning curves of networks that have one."""
    known = {name: one for name, one in (histories or {}).items() if one}
    names = scorecard["views"], scorecard["targets"]
    return _captioned(
        {
            "Example clusters": run_plots.example_clusters(examples, *names) if examples else None,
            "Training": training_history(known) if known else None,
        }
    )


def _captioned(drawn: Mapping[str, Figure | None]) -> list[ReportFigure]:
    return [
        ReportFigure(title, CAPTIONS[title], figure) for title, figure in drawn.items() if figure is not None
    ]
