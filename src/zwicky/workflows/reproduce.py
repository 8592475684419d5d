"""Run an experiment whole: simulate, train, calibrate, evaluate, report.

Each step finds what an earlier run finished and goes on from there, so that the same command, given again after a
crash, ends with the same numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zwicky.core.files import sole_writer, write_json, write_text
from zwicky.core.grid import Grid
from zwicky.core.masses import M500C
from zwicky.data.dataset import MapData, load_split
from zwicky.data.engines import Engine
from zwicky.data.generate import ProgressBar, generate
from zwicky.data.plan import StorePlan
from zwicky.data.sight_lines import sight_lines_of
from zwicky.data.splits import SplitFractions
from zwicky.data.store import Store
from zwicky.evaluation.records import LEVELS, MassPredictions, MassTest
from zwicky.evaluation.report import write_report
from zwicky.evaluation.scorecard import Bins, build_scorecard, write_scorecard
from zwicky.inference.conformal import at_levels
from zwicky.inference.estimator import Estimator, Weighed, weighable
from zwicky.inference.fit import calibrated_estimator
from zwicky.models.base import MassModel
from zwicky.training.loop import train
from zwicky.workflows.experiment import Experiment, NetworkSettings
from zwicky.workflows.mass_tables import flags_text, sizes_text
from zwicky.workflows.paper import paper_table
from zwicky.workflows.real_clusters import real_cluster_rows
from zwicky.workflows.run_folder import claim
from zwicky.workflows.shifts import shift_table

Say = Callable[[str], None]

BINS = Bins(
    snr=(4.5, 6.0, 9.0, 15.0, 30.0, 100.0, 10000.0),
    redshift=(0.01, 0.03, 0.1, 0.2, 0.4, 1.0),
    log10_mass=(14.0, 14.3, 14.6, 14.9, 15.2, 15.5),
)
"""S/N from the PSZ2 cut; redshifts of the four published networks, the first cut once more; 0.3 dex of mass."""


def reproduce(
    experiment: Experiment, folder: Path, *, data: Path | None, workers: int = 2, say: Say = lambda _: None
) -> dict[str, Any]:
    """Run an experiment in a folder, or finish it.

    Parameters
    ----------
    experiment : Experiment
    folder : Path
        The run folder.
    data : Path, optional
        Folder of real maps; None leaves the real clusters out.
    workers : int
        Processes that make mocks.
    say : function
        Told what happens, line by line.

    Returns
    -------
    dict
        The scorecard, with ``paper``, ``real_clusters`` and ``shifts`` tables.
    """
    weighable(experiment.survey.build(experiment.seed))  # before an hour of mocks
    with sole_writer(folder):
        facts = claim(folder, experiment)
        store = make_store(experiment, folder / "store", workers, say)
        target = experiment.survey.build(experiment.seed).target
        training, validation = (
            load_split(store, split, M500C, target=target) for split in ("train", "validation")
        )
        estimators = {
            name: make_estimator(name, network, experiment, training, validation, folder, facts, say)
            for name, network in experiment.networks.items()
            if network.members > 0
        }
        histories = [read_history(folder / name / "member-0") for name in estimators]
        del training, validation
        say("evaluating on the test set")
        test_data = load_split(store, "test", M500C, target=target)
        test, weighed = test_of(estimators, test_data)
        scorecard = judge(experiment, test)
        weigher = next(iter(estimators.values()))
        scorecard["real_clusters"] = real_cluster_rows(weigher, data)
        scorecard["shifts"] = shift_table(weigher, test_data)
        scorecard["flags_on_test"] = {
            "in-domain": float((weighed.flag == 0).mean()),
            "edge": float((weighed.flag == 1).mean()),
            "out-of-domain": float((weighed.flag == 2).mean()),
        }
        scorecard["experiment"] = {
            "name": experiment.name,
            "preset": experiment.preset,
            "title": experiment.title,
        }
        scorecard["sizes"] = {**weigher.facts.sizes, "test": len(test_data)}
        scorecard["paper"] = [list(row) for row in paper_table(experiment, estimators, scorecard)]
        write_scorecard(folder / "scorecard.json", scorecard)
        write_report(
            folder / "report.html",
            title=f"{experiment.title}, preset {experiment.preset}",
            scorecard=scorecard,
            test=test,
            paper_table=[tuple(row) for row in scorecard["paper"]],
            real_clusters=scorecard["real_clusters"],
            example_panels=example_panels(test_data, store.grid),
            training_history=histories[0],
            provenance=facts,
            notes=notes(experiment, scorecard),
        )
        say(f"report: {folder / 'report.html'}")
    return scorecard


def make_store(
    experiment: Experiment,
    folder: Path,
    workers: int,
    say: Say,
    *,
    engine: Engine = "processes",
    scheduler: str | None = None,
) -> Store:
    """Make the mock observations, or finish them; see ``zwicky.data.generate.generate`` for the engines."""
    settings = experiment.store
    survey = experiment.survey.build(experiment.seed)
    plan = StorePlan(
        survey.settings(),
        n_clusters=settings.n_clusters,
        sight_lines=sight_lines_of(settings.sight_lines, survey.simulation, settings.n_clusters),
        clusters_per_shard=settings.clusters_per_shard,
        fractions=SplitFractions(*settings.fractions),
        split_seed=experiment.seed,
    )
    say(f"mocks: {plan.n_samples} observations of {plan.n_clusters} clusters")
    with ProgressBar("mocks") as bar:
        made = generate(survey, plan, folder, workers, bar, engine=engine, scheduler=scheduler)
    for note in made.notes:
        say(f"  note: {note}")
    return Store.open(folder)


def make_estimator(
    name: str,
    settings: NetworkSettings,
    experiment: Experiment,
    training: MapData,
    validation: MapData,
    folder: Path,
    facts: dict[str, Any],
    say: Say,
) -> Estimator:
    """Train an ensemble and calibrate it, or read the finished one."""
    place = folder / ("estimator" if name == next(iter(experiment.networks)) else f"estimator-{name}")
    if (place / "estimator.json").is_file():
        say(f"{name}: already trained")
        return Estimator.load(place)
    trained = [
        _train_member(name, i, settings, experiment, training, validation, folder, say)
        for i in range(settings.members)
    ]
    kept = {key: facts[key] for key in ("zwicky", "results_version", "commit", "config_hash", "versions")}
    estimator = calibrated_estimator(
        trained,
        settings.model,
        training,
        validation,
        experiment.survey,
        experiment.seed,
        {**kept, "experiment": experiment.name, "preset": experiment.preset},
    )
    estimator.save(place)
    return estimator


def _train_member(
    name: str,
    i: int,
    settings: NetworkSettings,
    experiment: Experiment,
    training: MapData,
    validation: MapData,
    folder: Path,
    say: Say,
) -> MassModel:
    place = folder / name / f"member-{i}"
    say(f"{name}: network {i + 1} of {settings.members}, at most {settings.training.epochs} epochs")

    def told(entry: dict[str, float]) -> None:
        if int(entry["epoch"]) % 5 == 0:
            say(
                f"  epoch {entry['epoch']:.0f}: train {entry['train']:.4f}, validation {entry['validation']:.4f}"
            )

    trained = train(
        settings.model,
        training,
        validation,
        settings.training,
        place / "checkpoints",
        experiment.seed + i,
        told,
    )
    lines = [json.dumps(entry, sort_keys=True) + "\n" for entry in trained.history]
    write_text(place / "metrics.jsonl", "".join(lines))
    write_json(place / "best.json", {"best_epoch": trained.best_epoch})
    assert isinstance(trained.model, MassModel)
    return trained.model


def read_history(place: Path) -> list[dict[str, float]]:
    """Return the learning curve of one network."""
    return [json.loads(line) for line in (place / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def test_of(estimators: dict[str, Estimator], data: MapData) -> tuple[MassTest, Weighed]:
    """Weigh the test set with every estimator; the first is called "network" and brings the classical estimate."""
    stamps, redshift = data.stamps, data.redshift.double().numpy()
    answers = {name: estimator.weigh(stamps, redshift) for name, estimator in estimators.items()}
    first = next(iter(answers.values()))

    def predictions(name: str, log10_quantiles: np.ndarray) -> MassPredictions:
        return MassPredictions(name, at_levels(log10_quantiles, LEVELS))

    methods = {
        "network": predictions("network", first.network_log10),
        "classical": predictions("classical", first.classical_log10),
    }
    for name, answer in list(answers.items())[1:]:
        methods[name] = predictions(name, answer.network_log10)
    test = MassTest(data.parent, data.log10_mass.double().numpy(), redshift, first.snr, methods, M500C)
    return test, first


def judge(experiment: Experiment, test: MassTest) -> dict[str, Any]:
    """Build the scorecard."""
    settings = experiment.evaluation
    return build_scorecard(
        test,
        bins=BINS,
        inner_log10_range=settings.inner_log10_range,
        seed=experiment.seed,
        n_resamples=settings.n_resamples,
        snr_cut=settings.snr_cut,
    )


def example_panels(data: MapData, grid: Grid) -> list[tuple[str, np.ndarray, float, str]]:
    """Return the first eight test stamps."""
    side_arcmin = float(grid.width.value)
    return [
        (
            f"z {float(data.redshift[i]):.2f}, {10 ** (float(data.log10_mass[i]) - 14):.1f}e14 Msun",
            1e6 * data.maps[i, 0].numpy(),
            side_arcmin,
            "1e-6 Compton-y",
        )
        for i in range(min(8, len(data)))
    ]


def notes(experiment: Experiment, scorecard: dict[str, Any]) -> list[str]:
    """Return what a reader of the report must know."""
    one_minus_bias = experiment.survey.simulation.get("one_minus_bias", 1.0)
    return [
        f"Masses are M500c for 1-b = {one_minus_bias} (hydrostatic over true): divide by your own 1-b for true masses.",
        "The clusters are spherical, and the noise is Gaussian and the same everywhere: real clusters scatter more. "
        "Coverage is measured on such mocks, and holds for others only as far as they are like them.",
        "Both estimates have a flat prior in log M over the training range, and both are recalibrated on the same "
        "validation clusters; the Y-M relation of the classical one is fitted on training clusters.",
        f"Seed {experiment.seed}; observations: {sizes_text(scorecard)}; lights on the test set: "
        f"{flags_text(scorecard)}.",
    ]
