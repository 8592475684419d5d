"""Make a store of mock observations: several processes or machines, each shard once, resumed after any fault."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from zwicky.core.errors import ConfigError
from zwicky.core.files import sole_writer
from zwicky.data.engines import ENGINES, Engine, Outcomes, made_by_dask, made_by_processes
from zwicky.data.manifest import MANIFEST, Manifest
from zwicky.data.plan import SHARDS, StorePlan, Survey
from zwicky.data.shards import ShardOutcome, disk_errors

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
    *,
    engine: Engine = "processes",
    scheduler: str | None = None,
) -> Generated:
    """Make the store of a plan, or finish one that was begun.

    The samples and the bytes of each shard are a pure function of survey and plan, whatever the engine and the
    number of workers, and however often the run was cut off. A script of one's own that asks for several workers calls
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
    engine : {"processes", "dask"}
        What gives shards to workers.
    scheduler : str, optional
        Address of a running dask scheduler, such as ``tcp://node1:8786``, whose workers see the folder under the
        same path and have one thread each; ``workers`` is then their own affair. Without it the engine "dask"
        starts workers here.

    Returns
    -------
    Generated

    Raises
    ------
    ConfigError
        If the plan was made for another survey, workers < 1, or the engine is unknown, not installed or does not
        answer.
    LockError
        If another process is writing to the folder.
    StoreError
        If the folder holds the store of another plan, an observation cannot be stored, the disk is full or
        read-only, or a worker died. What was finished stays, and the same call goes on from there.
    """
    _check_workers(workers, engine, scheduler)
    folder = Path(folder).absolute()
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
        made = stack.enter_context(closing(_outcomes(survey, plan, folder, workers, engine, scheduler)))
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


def _check_workers(workers: int, engine: str, scheduler: str | None) -> None:
    if workers < 1:
        raise ConfigError(
            "Somebody must do the work.", where="workers", expected="an integer >= 1", got=workers
        )
    if engine not in ENGINES or (scheduler is not None and engine != "dask"):
        raise ConfigError(
            "This engine cannot be used.",
            where="engine",
            expected=" or ".join(ENGINES) + "; a scheduler only with dask",
            got=repr(engine) + (f" with the scheduler {scheduler!r}" if scheduler else ""),
        )


def _outcomes(
    survey: Survey, plan: StorePlan, folder: Path, workers: int, engine: Engine, scheduler: str | None
) -> Outcomes:
    n_workers = min(workers, plan.n_shards)
    if engine == "dask":
        return made_by_dask(survey, plan, folder, n_workers, scheduler)
    return made_by_processes(survey, plan, folder, n_workers)


def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of writers that were killed, while the folder is held."""
    for place in (folder, folder / SHARDS):
        for leftover in place.glob(".*.part"):
            leftover.unlink(missing_ok=True)
