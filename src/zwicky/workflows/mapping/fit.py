"""Train the networks of an experiment, and calibrate each on held-out clusters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zwicky.core.files import write_json, write_text
from zwicky.core.quantities import MapQuantity
from zwicky.data.dataset import MapData
from zwicky.inference.folder import ready
from zwicky.inference.mapping.calibration import (
    ApertureCalibration,
    Calibration,
    DensityCalibration,
    PixelCalibration,
    aperture_scale,
    aperture_sums,
)
from zwicky.inference.mapping.domain import domain_of
from zwicky.inference.mapping.linear_masses import LinearMasses
from zwicky.inference.mapping.mapper import (
    DESCRIPTION,
    Mapper,
    MapperFacts,
    answer,
    subset_name,
    subsets_of,
)
from zwicky.models.base import MapModel
from zwicky.training.loop import train
from zwicky.workflows.mapping.experiment import MapNetworkSettings, MappingExperiment
from zwicky.workflows.mapping.sets import Sets

Say = Callable[[str], None]


def make_mapper(
    name: str, experiment: MappingExperiment, sets: Sets, folder: Path, facts: dict[str, Any], say: Say
) -> Mapper:
    """Train and calibrate one network, or read the finished one."""
    place = mapper_place(folder, name)
    if (place / DESCRIPTION).is_file():
        say(f"{name}: already trained")
        return Mapper.load(place)
    network = experiment.networks[name]
    training, validation = sets.of(network, "train"), sets.of(network, "validation")
    epochs = experiment.training_of(network, len(training)).epochs
    say(f"{name}: {len(training)} maps, {epochs} epochs")
    model = trained(name, experiment, network, training, validation, folder, say)
    views = tuple(MapQuantity(view) for view in experiment.views_of(network))
    kept = ("zwicky", "results_version", "commit", "config_hash", "versions")
    linear = linear_masses(model, views, training, validation)
    mapper = Mapper(
        MapperFacts(
            model=experiment.model_of(network),
            sha256="",
            linear_sha256="",
            linear=dict(linear.facts),
            views=tuple(str(view) for view in views),
            survey=experiment.survey(network.geometry, experiment.physics_of(network)[0]),
            physics=experiment.physics_of(network),
            seed=experiment.seed,
            calibrations=calibrations(model, views, validation),
            domain=domain_of(training, validation, tuple(str(view) for view in views)),
            sizes={
                "train": len(training),
                "validation": len(validation),
                "train_parents": len(np.unique(training.parent)),
                "parameters": model.n_parameters,
            },
            provenance={
                **{key: facts[key] for key in kept},
                "experiment": experiment.name,
                "preset": experiment.preset,
                "network": name,
            },
        ),
        model,
        linear,
    )
    mapper.save(place)
    return mapper


def mapper_place(folder: Path, name: str) -> Path:
    """Return the folder of a network's mapper inside a run."""
    return folder / "mappers" / name


def trained(
    name: str,
    experiment: MappingExperiment,
    network: MapNetworkSettings,
    training: MapData,
    validation: MapData,
    folder: Path,
    say: Say,
) -> MapModel:
    """Train one network, or go on with it."""
    place = folder / "training" / name

    def told(entry: dict[str, float]) -> None:
        say(f"  epoch {entry['epoch']:.0f}: train {entry['train']:.4f}, validation {entry['validation']:.4f}")

    found = train(
        experiment.model_of(network), training, validation, experiment.training_of(network, len(training)),
        place / "checkpoints", experiment.seed, told,
    )  # fmt: skip
    lines = [json.dumps(entry, sort_keys=True) + "\n" for entry in found.history]
    write_text(place / "metrics.jsonl", "".join(lines))
    write_json(place / "best.json", {"best_epoch": found.best_epoch})
    assert isinstance(found.model, MapModel)
    return ready(found.model)


def linear_masses(
    model: MapModel, views: tuple[MapQuantity, ...], training: MapData, validation: MapData
) -> LinearMasses:
    """Return the linear maps that stand beside a network, one for each subset of views that it takes."""
    assert training.target is not None and validation.target is not None
    return LinearMasses.fit(
        (training.maps.numpy(), training.target.numpy()),
        (validation.maps.numpy(), validation.target.numpy()),
        {subset_name(views, present): present for present in subsets_of(model, len(views))},
    )


def calibrations(
    model: MapModel, views: tuple[MapQuantity, ...], validation: MapData
) -> dict[str, Calibration]:
    """Return the recalibration of each subset of views that a network takes, from validation maps."""
    assert validation.target is not None
    maps, redshift = validation.maps.numpy(), validation.redshift.numpy()
    truth = validation.target.numpy()
    log10_truth, true_sums = np.log10(truth), aperture_sums(truth)
    found = {}
    for present in subsets_of(model, len(views)):
        mean, median, sd = answer(model, maps, redshift, present)
        # A network without errors answers with medians, and is judged as it was published.
        density = DensityCalibration.fit(truth, mean) if (sd > 0.0).all() else DensityCalibration()
        mean = density.apply(mean)
        found[subset_name(views, present)] = Calibration(
            density=density,
            pixels=PixelCalibration.fit(log10_truth, median, sd),
            apertures=ApertureCalibration.fit(true_sums, aperture_sums(mean), aperture_scale(mean, sd)),
        )
    return found
