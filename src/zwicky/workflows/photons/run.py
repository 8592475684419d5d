"""Run an experiment of X-ray photons whole: images, networks, classical masses, tests, report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zwicky.core.files import sole_writer
from zwicky.evaluation.page import PaperRow
from zwicky.evaluation.xray.report import record_figures, write_photon_report
from zwicky.evaluation.xray.scorecard import build_photon_scorecard, write_photon_scorecard
from zwicky.inference.xray.estimator import PhotonEstimator
from zwicky.workflows.photons.ensemble import LightConeEnsemble
from zwicky.workflows.photons.experiment import PhotonExperiment
from zwicky.workflows.photons.folds import CrossValidation
from zwicky.workflows.photons.improved import ImprovedNetwork
from zwicky.workflows.photons.levels import level_rows
from zwicky.workflows.photons.paper import paper_rows
from zwicky.workflows.photons.real import real_photon_rows
from zwicky.workflows.photons.sets import Say
from zwicky.workflows.run_folder import claim
from zwicky.workflows.side_by_side import Job, train_side_by_side


def reproduce_photons(
    experiment: PhotonExperiment,
    folder: Path,
    *,
    data: Path | None = None,
    workers: int = 2,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """Run an experiment in a folder, or finish it.

    Parameters
    ----------
    experiment : PhotonExperiment
    folder : Path
        The run folder.
    data : Path, optional
        Folder of real images; None leaves the real clusters out.
    workers : int
        Processes that make images, and networks that are trained at a time.
    say : function
        Told what happens, line by line.

    Returns
    -------
    dict
        The scorecard, with ``paper`` and ``real_clusters`` tables.
    """
    with sole_writer(folder):
        facts = claim(folder, experiment)
        folds = CrossValidation(experiment, folder) if experiment.folds else None
        ensemble = LightConeEnsemble(experiment, folder) if experiment.ensemble else None
        improved = {name: ImprovedNetwork(experiment, name, folder) for name in experiment.improved}
        for one in (*improved.values(), folds, ensemble):
            if one is not None:
                one.make(workers, say)
        jobs: dict[str, Job] = {}
        for network in improved.values():
            jobs |= network.jobs(facts)
        for part in (folds, ensemble):
            jobs |= part.jobs() if part is not None else {}
        train_side_by_side(jobs, folder, workers, say)
        estimators = {name: one.estimator(facts, say) for name, one in improved.items()}
        say("opening the test sets")
        found: dict[str, Any] = {
            "folds": None if folds is None else folds.judged(say),
            "ensemble": None if ensemble is None else ensemble.judged(say),
            "improved": {name: one.judged(estimators[name]) for name, one in improved.items()},
            "seed": experiment.seed,
            "n_resamples": experiment.n_resamples,
        }
        scorecard = build_photon_scorecard(**found)
        scorecard["levels"] = [] if ensemble is None else level_rows(ensemble, ensemble.ensemble(), say)
        scorecard["experiment"] = experiment.model_dump(include={"name", "preset", "title", "reference"})
        scorecard["real_clusters"] = real_rows(experiment, estimators, data)
        scorecard["paper"] = [list(row) for row in paper_rows(scorecard)]
        write_photon_scorecard(folder / "scorecard.json", scorecard)
        write_photon_report(
            folder / "report.html",
            title=f"{experiment.title}, preset {experiment.preset}",
            scorecard=scorecard,
            paper=[PaperRow(*row) for row in scorecard["paper"]],
            extra_figures=record_figures(**found),
            provenance=facts,
            notes=notes(experiment),
        )
        say(f"report: {folder / 'report.html'}")
    return scorecard


def real_rows(
    experiment: PhotonExperiment, estimators: Mapping[str, PhotonEstimator], data: Path | None
) -> list[dict[str, str]]:
    """Return the table of real clusters; estimators are known there by experiment and name."""
    named = {f"{experiment.name}_{name}": one for name, one in estimators.items()}
    return [] if data is None else real_photon_rows(named, data)


def notes(experiment: PhotonExperiment) -> list[str]:
    """Return what a reader of the report must know."""
    lines = [
        "Clusters are painted: relations and scatters of the paper's simulations are matched only as far as the "
        "painter's presets do.",
        f"Seed {experiment.seed}; parents are split, never images.",
    ]
    if experiment.folds is not None:
        store = experiment.folds.store
        lines.append(
            f"{store.n_clusters} clusters, {store.sight_lines} sight-lines each, in eight turns; "
            f"{experiment.folds.n_folds} folds of parents. Relations are fitted to the nine folds that are not "
            "tested, networks to eight."
        )
    if experiment.ensemble is not None:
        cuts = experiment.ensemble.selection
        lines.append(
            f"Kept are mocks with a detection likelihood above {cuts.detection:g} and an extent likelihood above "
            f"{cuts.extent:g}, from fits to rings at the known position."
        )
    return lines
