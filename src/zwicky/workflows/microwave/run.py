"""Run an experiment of the microwave sky whole: skies, published network and its tests, improved networks, report."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from zwicky.core.files import sole_writer
from zwicky.core.masses import M500C
from zwicky.data.dataset import load_split
from zwicky.data.store import Store
from zwicky.evaluation.microwave.records import ORDER_OF_SETS
from zwicky.evaluation.microwave.report import write_microwave_report
from zwicky.evaluation.microwave.scorecard import build_microwave_scorecard, write_microwave_scorecard
from zwicky.evaluation.page import PaperRow
from zwicky.evaluation.scorecard import Bins, build_scorecard
from zwicky.inference.estimator import Estimator
from zwicky.physics.gnfw import profile_by_name
from zwicky.physics.scaling import YMRelation
from zwicky.workflows.microwave.beyond import beyond_rows
from zwicky.workflows.microwave.experiment import MicrowaveExperiment
from zwicky.workflows.microwave.paper import paper_rows
from zwicky.workflows.microwave.published import NETWORK, Weigher, trained_network
from zwicky.workflows.microwave.sets import Sets
from zwicky.workflows.reproduce import make_estimator, make_store, test_of
from zwicky.workflows.run_folder import claim
from zwicky.workflows.side_by_side import Job, train_side_by_side

Say = Callable[[str], None]

SNR_EDGES: Final = (3.0, 5.0, 8.0, 12.0, 20.0, 40.0, 200.0)
"""Bins of the matched filter's S/N: from the faintest cluster that anyone would keep."""

BINS: Final = Bins(
    snr=(4.5, 6.0, 9.0, 15.0, 30.0, 200.0),
    redshift=(0.1, 0.3, 0.6, 1.0, 1.5),
    log10_mass=(14.0, 14.3, 14.6, 14.9, 15.2),
)
"""Of the improved networks."""


def reproduce_microwave(
    experiment: MicrowaveExperiment, folder: Path, *, workers: int = 2, say: Say = lambda _: None
) -> dict[str, Any]:
    """Run an experiment in a folder, or finish it.

    Parameters
    ----------
    experiment : MicrowaveExperiment
    folder : Path
        The run folder.
    workers : int
        Processes that make skies, and networks that are trained at a time.
    say : function
        Told what happens, line by line.

    Returns
    -------
    dict
        The scorecard of the published tests, with ``improved``: one mass scorecard for each further network.
    """
    with sole_writer(folder):
        facts = claim(folder, experiment)
        sets = Sets(experiment, folder)
        sets.make(workers, say)
        for name in experiment.improved:
            make_store(experiment.experiment_of(name), store_place(folder, name), workers, say)
        train_side_by_side(jobs_of(experiment, folder, facts), folder, workers, say)
        weigher = Weigher(experiment, sets, trained_network(experiment, sets, folder, say))
        estimators = {
            name: improved_estimator(experiment, name, folder, facts, say) for name in experiment.improved
        }
        say("opening the test sets")
        scorecard = judge(weigher)
        scorecard["improved"] = {
            name: judge_improved(experiment, name, estimator, folder)
            for name, estimator in estimators.items()
        }
        scorecard["training"] = {NETWORK: history_of(folder)}
        scorecard["paper"] = [list(row) for row in paper_rows(scorecard)]
        write_microwave_scorecard(folder / "scorecard.json", scorecard)
        write_microwave_report(
            folder / "report.html",
            title=f"{experiment.title}, preset {experiment.preset}",
            scorecard=scorecard,
            paper=[PaperRow(*row) for row in scorecard["paper"]],
            provenance=facts,
            notes=notes(experiment),
        )
        say(f"report: {folder / 'report.html'}")
    return scorecard


def judge(weigher: Weigher) -> dict[str, Any]:
    """Weigh every test set once, and build the scorecard."""
    experiment = weigher.experiment
    relation = YMRelation.from_profile(profile_by_name(experiment.published.spheres.pressure_profile))
    scorecard = build_microwave_scorecard(
        [weigher.weighed_set(name) for name in ORDER_OF_SETS],
        weigher.empty_skies(),
        weigher.profile_residual(),
        y_m_slope=relation.slope,
        snr_edges=SNR_EDGES,
        seed=experiment.seed,
        n_resamples=experiment.n_resamples,
    )
    rescaling = weigher.rescaling
    scorecard["experiment"] = {
        "name": experiment.name,
        "preset": experiment.preset,
        "title": experiment.title,
        "reference": experiment.reference,
    }
    scorecard["networks"] = {
        NETWORK: {
            "model": experiment.published.network.model,
            "parameters": weigher.network.n_parameters,
        }
    }
    true_msun = np.array([2e14, 4e14, 7e14])
    scorecard["rescaling"] = {
        "m200c_msun": true_msun.tolist(),
        "factor": rescaling.factor(true_msun).tolist(),
        "slope": rescaling.slope,
        "scatter_ln_y": rescaling.scatter,
    }
    return scorecard


def store_place(folder: Path, name: str) -> Path:
    """Return where the clusters of an improved network are."""
    return folder / name / "store"


def jobs_of(experiment: MicrowaveExperiment, folder: Path, facts: dict[str, Any]) -> dict[str, Job]:
    """Return what trains each network, the published one first: it takes longest."""
    settings = experiment.model_dump(mode="json", exclude_none=True)
    return {name: partial(_train, name, settings, folder, facts) for name in (NETWORK, *experiment.improved)}


def _train(name: str, settings: dict[str, Any], folder: Path, facts: dict[str, Any], say: Say) -> None:
    experiment = MicrowaveExperiment.model_validate(settings)
    if name == NETWORK:
        trained_network(experiment, Sets(experiment, folder), folder, say)
    else:
        improved_estimator(experiment, name, folder, facts, say)


def improved_estimator(
    experiment: MicrowaveExperiment, name: str, folder: Path, facts: dict[str, Any], say: Say
) -> Estimator:
    """Train and calibrate one of the improved networks, or read the finished one; its store is there."""
    whole = experiment.experiment_of(name)
    place = folder / name
    store = Store.open(store_place(folder, name))
    target = whole.survey.build(whole.seed).target
    training, validation = (
        load_split(store, split, M500C, target=target) for split in ("train", "validation")
    )
    return make_estimator(name, whole.networks[name], whole, training, validation, place, facts, say)


def judge_improved(
    experiment: MicrowaveExperiment, name: str, estimator: Estimator, folder: Path
) -> dict[str, Any]:
    """Return the scorecard of an improved network beside the matched filter, and what it says beyond its masses."""
    whole = experiment.experiment_of(name)
    target = whole.survey.build(whole.seed).target
    test = load_split(Store.open(store_place(folder, name)), "test", M500C, target=target)
    answers, weighed = test_of({name: estimator}, test)
    settings = whole.evaluation
    scorecard = build_scorecard(
        answers,
        bins=BINS,
        inner_log10_range=settings.inner_log10_range,
        seed=experiment.seed,
        n_resamples=settings.n_resamples,
        snr_cut=settings.snr_cut,
    )
    scorecard["sizes"] = {**estimator.facts.sizes, "test": len(test)}
    scorecard["flags_on_test"] = [float((weighed.flag == i).mean()) for i in range(3)]
    scorecard["beyond"] = beyond_rows(estimator, experiment.seed)
    return scorecard


def history_of(folder: Path) -> list[dict[str, float]]:
    """Return the learning curve of the published network."""
    text = (folder / "training" / NETWORK / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def notes(experiment: MicrowaveExperiment) -> list[str]:
    """Return what a reader of the report must know."""
    published = experiment.published
    width = published.network.model.get("width", 64)
    return [
        f"Masses are M200c at z = {published.spheres.redshift:g}; the published network's is that of the central "
        "pixel, the matched filter's the median under a flat prior in log M.",
        f"The network has {width} filters on its finest level (the paper: 64). Training clusters are spheres with "
        f"{100 * published.spheres.sigma_ln_y500:.0f} % log-normal scatter of Y500.",
        "Foregrounds are Gaussian and not lensed; the painter plays the part of Magneticum.",
        f"Seed {experiment.seed}; no two sets of the published tests share a cluster or a sky. Further networks have "
        "clusters of their own, but numbers of their skies as the trained set has: none is taught on one and tested on "
        "the other.",
    ]
