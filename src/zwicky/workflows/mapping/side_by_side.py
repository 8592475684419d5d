"""Train several networks at a time, each in a process of its own.

One thread for each is faster than all threads for one: no step waits for its slowest thread. A network is the same
whichever process trained it, as long as the number of threads is.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch

from zwicky.data.engines import end_with_parent
from zwicky.inference.mapping.mapper import DESCRIPTION, Mapper
from zwicky.workflows.mapping.experiment import MappingExperiment
from zwicky.workflows.mapping.fit import Say, make_mapper, mapper_place
from zwicky.workflows.mapping.sets import Sets


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
    missing = [n for n in experiment.networks if not (mapper_place(folder, n) / DESCRIPTION).is_file()]
    if workers > 1 and len(missing) > 1 and not torch.cuda.is_available():
        _train_in_processes(missing, experiment, folder, facts, workers, say)
    return {name: make_mapper(name, experiment, sets, folder, facts, say) for name in experiment.networks}


def _train_in_processes(
    names: list[str],
    experiment: MappingExperiment,
    folder: Path,
    facts: dict[str, Any],
    workers: int,
    say: Say,
) -> None:
    settings = experiment.model_dump(mode="json", exclude_none=True)
    threads = max(1, (os.cpu_count() or 1) // workers)
    fresh = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=fresh, initializer=end_with_parent)
    try:
        made = {pool.submit(_made, name, settings, folder, facts, threads): name for name in names}
        for i, future in enumerate(as_completed(made), start=1):
            future.result()
            say(f"{made[future]}: trained, {i} of {len(names)}")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _made(name: str, settings: dict[str, Any], folder: Path, facts: dict[str, Any], threads: int) -> None:
    torch.set_num_threads(threads)
    experiment = MappingExperiment.model_validate(settings)
    log = folder / "training" / name / "log.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8", buffering=1) as stream:
        make_mapper(
            name, experiment, Sets(experiment, folder), folder, facts, lambda text: _line(stream, text)
        )


def _line(stream: Any, text: str) -> None:
    stream.write(text + "\n")
