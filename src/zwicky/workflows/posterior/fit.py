"""Train the networks of an experiment, several at a time, and find the finished ones again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from zwicky.core.files import write_json, write_text
from zwicky.data.dataset import MapData, selected
from zwicky.inference.folder import ready
from zwicky.models.base import MassModel, Model
from zwicky.models.map_moments import MapMoments
from zwicky.models.table import build_either
from zwicky.training.checkpoint import load_tensors, save_weights
from zwicky.training.loop import train
from zwicky.workflows.posterior.experiment import PosteriorExperiment
from zwicky.workflows.posterior.sets import PosteriorSets
from zwicky.workflows.side_by_side import Job, train_side_by_side

Say = Callable[[str], None]

WEIGHTS = "network.safetensors"
FINISHED = "best.json"


def train_all(
    experiment: PosteriorExperiment,
    folder: Path,
    workers: int,
    say: Say,
    beside: Mapping[str, Job] = MappingProxyType({}),
) -> None:
    """Train all networks, those that need no other beside each other; the fast one follows its moments.

    Jobs ``beside`` need no network: they fill the time in which a process would wait for the fast one.
    """
    settings = experiment.model_dump(mode="json", exclude_none=True)

    def jobs(names: list[str]) -> dict[str, Job]:
        left = [name for name in names if not is_trained(folder, name)]
        return {name: partial(_train_in_process, name, settings, folder) for name in left}

    # The fast network waits for its moments, in one process with them. Ablations begin with what is trained by then.
    for names, others in ((["fast", "published", "scalar"], beside), (list(experiment.ablations), {})):
        train_side_by_side({**jobs(names), **others}, folder, workers, say)
        for name in names:
            trained(experiment, name, folder, say)


def _train_in_process(name: str, settings: dict[str, Any], folder: Path, say: Say) -> None:
    trained(PosteriorExperiment.model_validate(settings), name, folder, say)


def is_trained(folder: Path, name: str) -> bool:
    """Whether a network of a run is finished: this file is written last."""
    return (folder / "training" / name / FINISHED).is_file()


def trained(experiment: PosteriorExperiment, name: str, folder: Path, say: Say) -> Model:
    """Return one network of a run, ready to answer: trained now, or found."""
    place = folder / "training" / name
    if is_trained(folder, name):
        network = build_either(experiment.model_of(name))
        network.load_state_dict(load_tensors(place / WEIGHTS))
        return ready(network)
    training, validation = _sets_of(experiment, name, folder, say)
    planned = experiment.networks()[name].training.training(len(training))
    say(f"{name}: {len(training)} maps, {planned.epochs} epochs")

    def told(entry: dict[str, float]) -> None:
        say(f"  epoch {entry['epoch']:.0f}: train {entry['train']:.4f}, validation {entry['validation']:.4f}")

    before = experiment.networks()[name].begins_with
    initial = trained(experiment, before, folder, say).state_dict() if before else None
    found = train(
        experiment.model_of(name), training, validation, planned, place / "checkpoints", experiment.seed, told,
        initial=initial,
    )  # fmt: skip
    if isinstance(found.model, MassModel):
        batch = validation.rows(slice(None))
        found.model.fit_error(found.model.predict(batch), validation.log10_mass)
    lines = [json.dumps(entry, sort_keys=True) + "\n" for entry in found.history]
    write_text(place / "metrics.jsonl", "".join(lines))
    save_weights(place / WEIGHTS, found.model)
    write_json(place / FINISHED, {"best_epoch": found.best_epoch})
    return ready(found.model)


def _sets_of(experiment: PosteriorExperiment, name: str, folder: Path, say: Say) -> tuple[MapData, MapData]:
    """Return training and validation set of one network; residuals need the mean maps first."""
    sets, fraction = PosteriorSets(experiment, folder), experiment.networks()[name].parent_fraction
    if experiment.model_of(name)["kind"] == "residual_maps":
        moments = moments_of(experiment, folder, say)
        training, validation = (sets.standardised(split, moments) for split in ("train", "validation"))
    else:
        training, validation = sets.whole("train"), sets.whole("validation")
    if fraction < 1.0:
        parents = np.unique(training.parent)
        few = parents[: max(1, round(fraction * len(parents)))]
        training = selected(training, np.isin(training.parent, few))
    return training, validation


def moments_of(experiment: PosteriorExperiment, folder: Path, say: Say) -> MapMoments:
    """Return the network for mean and standard deviation, trained."""
    found = trained(experiment, "moments", folder, say)
    assert isinstance(found, MapMoments)
    return found


def histories(folder: Path) -> dict[str, list[dict[str, float]]]:
    """Return the learning curve of each network that was trained in this folder."""
    paths = sorted((folder / "training").glob("*/metrics.jsonl"))
    return {
        path.parent.name: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in paths
    }
