"""Run an experiment of posterior maps whole: data, networks, gates, samples, test, report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from zwicky.core.files import sole_writer
from zwicky.evaluation.posterior.report import write_posterior_report
from zwicky.evaluation.posterior.scorecard import build_posterior_scorecard, write_posterior_scorecard
from zwicky.evaluation.posterior.summary import PAPER_HEAD, PosteriorPaperRow
from zwicky.workflows.posterior.drawing import Drawings, draw_all, exact_job
from zwicky.workflows.posterior.experiment import PosteriorExperiment
from zwicky.workflows.posterior.fit import histories, train_all
from zwicky.workflows.posterior.judging import (
    exact_of,
    examples_of,
    judged_ablations,
    judged_models,
    masses_of,
)
from zwicky.workflows.posterior.paper import paper_rows
from zwicky.workflows.posterior.sets import PosteriorSets, Say
from zwicky.workflows.run_folder import claim


def reproduce_posterior(
    experiment: PosteriorExperiment,
    folder: Path,
    *,
    workers: int = 2,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """Run an experiment in a folder, or finish it.

    Parameters
    ----------
    experiment : PosteriorExperiment
    folder : Path
        The run folder.
    workers : int
        Processes that paint, and networks or sets of samples at a time.
    say : function
        Told what happens, line by line.

    Returns
    -------
    dict
        The scorecard, with the ``paper`` table.
    """
    began = time.monotonic()
    with sole_writer(folder):
        facts = claim(folder, experiment)
        PosteriorSets(experiment, folder).make(workers, say)
        train_all(experiment, folder, workers, say, beside={"exact": exact_job(experiment, folder, facts)})
        drawings = draw_all(experiment, folder, facts, workers, say)
        say("judging the test set")
        ablations, below = judged_ablations(drawings)
        scorecard = build_posterior_scorecard(
            judged_models(drawings),
            ablations=ablations,
            below_floor=below,
            convergence={name: drawings.convergence(name) for name in ("fast", "published")},
            exact=exact_of(drawings),
            masses=masses_of(drawings),
            mass_edges=experiment.evaluation.log10_m200c_edges,
            sizes=sizes_of(drawings),
            timings={"this run, with what it found already made": time.monotonic() - began},
        )
        scorecard["experiment"] = experiment.model_dump(include={"name", "preset", "title", "reference"})
        failures = {name: drawings.failure(name) for name in experiment.ablations}
        scorecard["failed_trainings"] = {name: why for name, why in failures.items() if why is not None}
        scorecard["paper_head"] = list(PAPER_HEAD)
        scorecard["paper"] = [list(row) for row in paper_rows(scorecard)]
        write_posterior_scorecard(folder / "scorecard.json", scorecard)
        write_posterior_report(
            folder / "report.html",
            title=f"{experiment.title}, preset {experiment.preset}",
            scorecard=scorecard,
            paper=[PosteriorPaperRow(*row) for row in scorecard["paper"]],
            examples=examples_of(drawings),
            histories=histories(folder),
            provenance=facts,
            notes=notes(experiment),
        )
        say(f"report: {folder / 'report.html'}")
    return scorecard


def sizes_of(drawings: Drawings) -> dict[str, Any]:
    """Return clusters, maps, parameters, images seen and evaluations."""
    sets, experiment = drawings.sets, drawings.experiment
    clusters = {}
    for split in ("train", "validation", "test"):
        data = sets.whole(split)
        clusters[split] = {"maps": len(data), "parents": len(np.unique(data.parent))}
    n_train = clusters["train"]["maps"]
    models = {}
    for name, planned in experiment.networks().items():
        if name in experiment.ablations:
            continue
        found = {"images_seen": planned.training.training(n_train).epochs * n_train}
        if name in ("fast", "published"):
            found["evaluations"] = drawings.network(name).evaluations(drawings.sampler(name))
            found["parameters"] = drawings.network(name).n_parameters
        models[name] = found
    return {"clusters": clusters, "models": models}


def notes(experiment: PosteriorExperiment) -> list[str]:
    """Return what a reader of the report must know."""
    low, high = experiment.evaluation.log10_m200m_range
    return [
        "Clusters are painted: the simulation of the paper (HYPER) cannot be had, and the painter's preset of that "
        "name follows its pressure profile. Maps have neither noise nor beam, as in the paper.",
        f"Seed {experiment.seed}; parents are split, never maps. Tested are clusters of log10 M200m {low:g} to "
        f"{high:g}, inside the range that was trained on, because answers near its ends are drawn inwards.",
        "How many evaluations a sample takes was chosen on validation clusters (gate C5), as was the recalibration.",
    ]
