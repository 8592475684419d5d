"""All mappers of an experiment, several trained at a time."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from zwicky.inference.mapping.mapper import DESCRIPTION, Mapper
from zwicky.workflows.mapping.experiment import MappingExperiment
from zwicky.workflows.mapping.fit import Say, make_mapper, mapper_place
from zwicky.workflows.mapping.sets import Sets
from zwicky.workflows.side_by_side import train_side_by_side


def make_mappers(
    experiment: MappingExperiment, sets: Sets, folder: Path, facts: dict[str, Any], workers: int, say: Say
) -> dict[str, Mapper]:
    """Train and calibrate all networks of an experiment, or read the finished ones.

    Parameters
    ----------
    experiment : MappingExperiment
    sets : Sets
        With finished stores.
    folder : Path
        Of the run.
    facts : dict
        Provenance of the run.
    workers : int
        Networks at a time; on a GPU always one.
    say : function
        Told what happens; what each network says is in ``training/NAME/log.txt``.

    Returns
    -------
    dict of str to Mapper
        In the order of the experiment.
    """
    settings = experiment.model_dump(mode="json", exclude_none=True)
    jobs = {
        name: partial(_make, name, settings, folder, facts)
        for name in experiment.networks
        if not (mapper_place(folder, name) / DESCRIPTION).is_file()
    }
    train_side_by_side(jobs, folder, workers, say)
    return {name: make_mapper(name, experiment, sets, folder, facts, say) for name in experiment.networks}


def _make(name: str, settings: dict[str, Any], folder: Path, facts: dict[str, Any], say: Say) -> None:
    experiment = MappingExperiment.model_validate(settings)
    make_mapper(name, experiment, Sets(experiment, folder), folder, facts, say)
