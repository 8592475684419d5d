"""Train several networks at a time, each in a process of its own.

One thread for each is faster than all threads for one: no step waits for its slowest thread. A network is the same
whichever process trained it, as long as the number of threads is.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch

from zwicky.data.engines import end_with_parent

Say = Callable[[str], None]
Job = Callable[[Say], object]
"""Trains one network and leaves it on disk; is told where to say what happens."""


def train_side_by_side(jobs: Mapping[str, Job], folder: Path, workers: int, say: Say) -> None:
    """Do jobs in processes of their own, one thread each on two cores; on a GPU, or with one worker, do nothing.

    What is left undone is for the caller to do in its own process: jobs find what another one finished.

    Parameters
    ----------
    jobs : dict of str to Job
        By the network's name; picklable.
    folder : Path
        Of the run: what a network says is in ``training/NAME/log.txt``.
    workers : int
        Networks at a time.
    say : function
        Told what happens.
    """
    if workers < 2 or len(jobs) < 2 or torch.cuda.is_available():
        return
    threads = max(1, (os.cpu_count() or 1) // workers)
    fresh = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=fresh, initializer=end_with_parent)
    try:
        made = {
            pool.submit(_done, job, folder / "training" / name / "log.txt", threads): name
            for name, job in jobs.items()
        }
        for i, future in enumerate(as_completed(made), start=1):
            future.result()
            say(f"{made[future]}: trained, {i} of {len(jobs)}")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _done(job: Job, log: Path, threads: int) -> None:
    torch.set_num_threads(threads)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8", buffering=1) as stream:
        job(lambda text: _line(stream, text))


def _line(stream: Any, text: str) -> None:
    stream.write(text + "\n")
