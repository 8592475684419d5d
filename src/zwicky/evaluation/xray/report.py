"""One self-contained HTML file about masses from X-ray photons, beside the papers'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.mapping.run_plots import training_history
from zwicky.evaluation.microwave.statistics import Bootstrap
from zwicky.evaluation.page import PaperRow, ReportFigure, write_page
from zwicky.evaluation.xray import card_plots, plots
from zwicky.evaluation.xray.blocks import by_method
from zwicky.evaluation.xray.captions import CAPTIONS, CARD_CAPTIONS
from zwicky.evaluation.xray.records import PhotonTest
from zwicky.evaluation.xray.results import NETWORK, EnsembleResult, FoldsResult, ImprovedResult
from zwicky.evaluation.xray.scorecard import PHOTON_CARD
from zwicky.evaluation.xray.summary import Card, all_tables, headline

Titled = tuple[str, str, Figure]


def write_photon_report(
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
        From ``build_photon_scorecard``.
    paper : list of PaperRow
        Numbers of the papers beside ours.
    extra_figures : list of ReportFigure
        Put after those of the scorecard: ``record_figures``, and others.
    provenance : dict, optional
        From ``core.provenance``.
    notes : list of str
        What the reader must know: limits, warnings, what was not done.

    Raises
    ------
    StoreError
        If this is no scorecard of photons.
    """
    PHOTON_CARD.check(scorecard, "scorecard")
    blocks = {"folds": scorecard["folds"], "ensemble": scorecard["ensemble"], **scorecard["improved"]}
    write_page(
        path,
        "photons.html.j2",
        title=title,
        headline=headline(scorecard),
        paper=paper,
        figures=[*standard_figures(scorecard), *extra_figures],
        provenance=provenance,
        notes=notes,
        card=scorecard,
        tables=all_tables(scorecard),
        samples=[(name, block["sample"]) for name, block in blocks.items() if block is not None],
    )


def standard_figures(scorecard: Card) -> list[ReportFigure]:
    """Return the figures that need no more than a scorecard, without those whose parts it lacks."""
    captions = CAPTIONS | CARD_CAPTIONS
    return [_figure(captions, *one) for one in _of_card(scorecard)]


def record_figures(
    *,
    folds: FoldsResult | None = None,
    ensemble: EnsembleResult | None = None,
    improved: Mapping[str, ImprovedResult] | None = None,
    seed: int,
    n_resamples: int = 500,
) -> list[ReportFigure]:
    """Return the figures that need every cluster: distributions of errors, and what the network looks at.

    Parameters
    ----------
    folds, ensemble, improved
        As of ``build_photon_scorecard``.
    seed, n_resamples : int
        Of the bootstrap.
    """
    tests = {} if folds is None else {"folds": folds.test}
    tests |= {} if ensemble is None else {"ensemble": ensemble.test}
    tests |= {name: one.test for name, one in (improved or {}).items()}
    titled = [*(one for name, test in tests.items() for one in _of_test(name, test))]
    if folds is not None:
        titled += _of_folds(folds, Bootstrap(n_resamples, Key(seed, Stream.BOOTSTRAP)))
    return [_figure(CAPTIONS, *one) for one in titled]


def _figure(captions: Mapping[str, str], title: str, part: str, figure: Figure) -> ReportFigure:
    return ReportFigure(f"{title}: {part}" if part else title, captions[title], figure)


def _of_test(part: str, test: PhotonTest) -> Iterator[Titled]:
    yield "Errors", part, plots.error_distribution(test)
    yield "Predicted against true mass", part, plots.predicted_against_true(test)


def _of_folds(folds: FoldsResult, bootstrap: Bootstrap) -> Iterator[Titled]:
    yield "Which photons raise the mass", "", plots.dream_profiles(folds.dream, bootstrap)
    yield "What makes the mass", "", plots.attributions({NETWORK: folds.attribution}, bootstrap)
    if folds.masking:
        yield "Masked cores", "", plots.masked_cores(folds.masking, bootstrap)


def _of_card(card: Card) -> Iterator[Titled]:
    ratios = card_plots.ratios(card)
    if ratios is not None:
        yield "Less scatter than the others", "", ratios
    folds, ensemble = card["folds"], card["ensemble"]
    if folds is not None:
        yield "Folds", "", plots.fold_scatter(by_method(folds, "results"))
        yield "Scatter in bins", "folds", card_plots.scatter_in_bins(folds, ["log10_mass"])
        histories = {name: one for name, one in folds["histories"].items() if one}
        if histories:
            yield "Training", "", training_history(histories)
    if ensemble is not None:
        axes = ["log10_mass", "redshift", "counts"]
        yield "Scatter in bins", "ensemble", card_plots.scatter_in_bins(ensemble, axes)
        if any(ensemble["predicted_sd"].values()):
            yield "Predicted and actual errors", "", plots.predicted_sd(by_method(ensemble, "predicted_sd"))
        for part, key in (("training", "noise_training"), ("test", "noise")):
            if ensemble[key]:
                rows, is_test = ensemble[key], key == "noise"
                yield "Redshift noise", part, plots.redshift_noise(rows, published=is_test)
    for name, block in card["improved"].items():
        yield "Coverage by S/N", name, card_plots.coverage_by_snr(block)
        yield "Scatter in bins", name, card_plots.scatter_in_bins(block, ["log10_mass", "snr"])
        if block["by_counts"]:
            yield "Scatter against counts", name, card_plots.scatter_against_counts(block["by_counts"])
