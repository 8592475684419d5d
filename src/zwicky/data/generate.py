"""Make a store of mock observations: several processes, each shard once, resumed after any fault."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from zwicky.core.errors import ConfigError, StoreError
from zwicky.core.files import sole_writer
from zwicky.data.plan import MANIFEST, RUN_AGAIN, SHARDS, Manifest, StorePlan, Survey
from zwicky.data.shards import ShardOutcome, disk_errors, write_shard

if TYPE_CHECKING:
    from rich.progress import Progress

ProgressCallback = Callable[[int, int], None]

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Generated:
    """What a run of ``generate`` did.

    Parameters
    ----------
    n_written, n_kept : int
        Shards made now, and shards that were there already.
    notes : tuple of str
        Warnings: damaged shards that were made again.
    """

    n_written: int
    n_kept: int
    notes: tuple[str, ...] = ()


class ProgressBar:
    """A bar with the time left, on the terminal; silent where standard error is not a terminal.

    Parameters
    ----------
    label : str
        What is being made.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._bar: Progress | None = None

    def __enter__(self) -> ProgressBar:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            # Shards come minutes apart: the speed is that of the last hour.
            self._bar = Progress(*columns, console=Console(stderr=True), speed_estimate_period=3600.0)
            self._bar.start()
            self._bar.add_task(self._label, total=None)
        return self

    def __call__(self, n_done: int, n_total: int) -> None:
        """Show that ``n_done`` of ``n_total`` are done."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=n_done, total=n_total)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def generate(
    survey: Survey,
    plan: StorePlan,
    folder: Path,
    workers: int = 1,
    progress: ProgressCallback | None = None,
) -> Generated:
    """Make the store of a plan, or finish one that was begun.

    The samples and the bytes of each shard are a pure function of survey and plan, whatever the number of
    workers and however often the run was cut off. A script of one's own that asks for several workers calls
    this under ``if __name__ == "__main__":``, because each worker imports the script.

    Parameters
    ----------
    survey : Survey
        Where the observations come from; picklable if there are several workers.
    plan : StorePlan
        Made with ``settings=survey.settings()``.
    folder : Path
        Of the store; made if need be.
    workers : int
        Processes. Each holds one shard in memory.
    progress : callable, optional
        Called with (samples done, samples in all) after each shard. Default: a bar, if on a terminal.

    Returns
    -------
    Generated

    Raises
    ------
    ConfigError
        If the plan was made for another survey, or workers < 1.
    LockError
        If another process is writing to the folder.
    StoreError
        If the folder holds the store of another plan, an observation cannot be stored, the disk is full or
        read-only, or a worker died. What was finished stays, and the same call goes on from there.
    """
    if workers < 1:
        raise ConfigError(
            "Somebody must do the work.", where="workers", expected="an integer >= 1", got=workers
        )
    folder = Path(folder)
    manifest = Manifest.of(plan, survey)
    outcomes: list[ShardOutcome] = []
    with ExitStack() as stack:
        with disk_errors(folder):
            stack.enter_context(sole_writer(folder))
            _remove_leftovers(folder)
            if (folder / MANIFEST).exists():
                manifest.refuse_other(folder)
            else:
                manifest.write(folder)
        stack.callback(_remove_leftovers, folder)
        report = progress or stack.enter_context(ProgressBar("mock observations"))
        n_done = 0
        # Closed at once after an error too, so that no worker outlives the hold on the folder.
        made = stack.enter_context(closing(_outcomes(survey, plan, folder, min(workers, plan.n_shards))))
        for outcome in made:
            outcomes.append(outcome)
            if outcome.note:
                _LOG.warning("%s", outcome.note)
            n_done += len(plan.samples_of(outcome.shard_index))
            report(n_done, plan.n_samples)
    outcomes.sort(key=lambda outcome: outcome.shard_index)
    n_kept = sum(outcome.kept for outcome in outcomes)
    return Generated(
        len(outcomes) - n_kept, n_kept, tuple(outcome.note for outcome in outcomes if outcome.note)
    )


def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of writers that were killed, while the folder is held."""
    for place in (folder, folder / SHARDS):
        for leftover in place.glob(".*.part"):
            leftover.unlink(missing_ok=True)


def _outcomes(
    survey: Survey, plan: StorePlan, folder: Path, workers: int
) -> Generator[ShardOutcome, None, None]:
    if workers == 1:
        for shard_index in range(plan.n_shards):
            yield write_shard(folder, plan, survey, shard_index)
        return
    # Started afresh, not forked: a fork copies the locks of the libraries' threads.
    fresh = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=fresh, initializer=_end_with_parent)
    try:
        futures = [pool.submit(write_shard, folder, plan, survey, i) for i in range(plan.n_shards)]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise StoreError(
            "A worker died.",
            where=str(folder),
            expected=f"{workers} workers to the end",
            got="one was killed, perhaps for want of memory, or could not start",
            fix=f"with fewer workers or fewer clusters per shard, {RUN_AGAIN}",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _end_with_parent() -> None:
    """Make a worker end quietly on Ctrl-C, and when the process that started it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
