"""Who makes the shards: this process, several here, or the workers of a dask cluster. The bytes are the same."""

from __future__ import annotations

import asyncio
import importlib
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

from zwicky.core.errors import ConfigError, StoreError
from zwicky.data.plan import RUN_AGAIN, StorePlan, Survey, shard_name
from zwicky.data.shards import ShardOutcome, write_shard

Engine = Literal["processes", "dask"]
ENGINES: Final[tuple[Engine, ...]] = ("processes", "dask")

Outcomes = Generator[ShardOutcome, None, None]

_CONNECT_SECONDS: Final = 20.0


def made_by_processes(survey: Survey, plan: StorePlan, folder: Path, workers: int) -> Outcomes:
    """Make all shards in this process, or in several that end with it; yield what became of each."""
    if workers == 1:
        for shard_index in range(plan.n_shards):
            yield write_shard(folder, plan, survey, shard_index)
        return
    # Started afresh, not forked: a fork copies the locks of the libraries' threads.
    fresh = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=fresh, initializer=end_with_parent)
    try:
        futures = [pool.submit(write_shard, folder, plan, survey, i) for i in range(plan.n_shards)]
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise _worker_died(folder, "could not start") from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def end_with_parent() -> None:
    """Make a worker end quietly on Ctrl-C, and when the process that started it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _worker_died(folder: Path, otherwise: str) -> StoreError:
    return StoreError(
        "A worker died.",
        where=str(folder),
        expected="workers to the end",
        got=f"one was killed, perhaps for want of memory, or {otherwise}",
        fix=f"with fewer workers or fewer clusters per shard, {RUN_AGAIN}",
    )


def made_by_dask(
    survey: Survey, plan: StorePlan, folder: Path, workers: int, scheduler: str | None
) -> Outcomes:
    """Make all shards on the workers of a dask cluster; yield what became of each.

    After an error the client is closed, which takes back what was not begun. A shard that was given to two workers,
    because one was believed dead, is written twice with the same bytes.
    """
    dask = _distributed()
    with _client(dask, workers, scheduler) as client:
        futures = client.map(
            _write_on_worker, range(plan.n_shards), folder=str(folder), plan=plan, survey=survey, pure=False
        )
        try:
            for future in dask.as_completed(futures, loop=client.loop):
                outcome = future.result()
                _check_arrived(folder, outcome)
                yield outcome
        except (dask.KilledWorker, dask.CancelledError) as error:
            raise _worker_died(folder, "its scheduler ended") from error


def _write_on_worker(shard_index: int, *, folder: str, plan: StorePlan, survey: Survey) -> ShardOutcome:
    return write_shard(Path(folder), plan, survey, shard_index)


def _check_arrived(folder: Path, outcome: ShardOutcome) -> None:
    """Refuse workers that write to a disk of their own."""
    path = folder / shard_name(outcome.shard_index)
    if not path.is_file():
        raise StoreError(
            "A worker has written a shard that is not here.",
            where=str(path),
            expected="a folder that all workers and this process see under one path",
            got="no such file",
            fix="choose an --out on the shared disk of the cluster",
        )


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise ConfigError(
            "The engine dask is not installed.",
            where="engine",
            expected="the package distributed",
            got=str(error),
            fix="pip install 'zwicky[dask]', or use the engine processes",
        ) from error


@contextmanager
def _client(dask: Any, workers: int, scheduler: str | None) -> Iterator[Any]:
    """Give a client of a running scheduler, or of workers that are started here and end with the block."""
    if scheduler is not None:
        _knock(dask, scheduler)
        with dask.Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False) as client:
            yield client
        return
    with (
        TemporaryDirectory() as scratch,
        dask.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port: the usual one may be taken, which would be a warning
            scheduler_kwargs={"allowed_failures": 0},  # here, what killed one worker would kill the next
            local_directory=scratch,
            memory_limit=0,  # a shard's size is known: no pause, and no restart in the middle of one
            silence_logs=logging.CRITICAL,
        ) as cluster,
        dask.Client(cluster, timeout=_CONNECT_SECONDS, set_as_default=False) as client,
    ):
        yield client


def _knock(dask: Any, scheduler: str) -> None:
    """See whether anybody answers: a client that waits in vain cannot be closed."""

    async def connect() -> None:
        secrets = dask.Security().get_connection_args("client")  # for tls://, from dask's own settings
        connection = await dask.core.connect(scheduler, timeout=_CONNECT_SECONDS, **secrets)
        await connection.close()

    try:
        # In a thread of its own: a notebook has a loop already in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(connect())).result()
    except (OSError, ValueError) as error:  # a timeout is an OSError
        raise ConfigError(
            "No dask scheduler answers.",
            where="scheduler",
            expected="the address of a running scheduler, such as tcp://node1:8786",
            got=f"{scheduler!r}: {error}",
            fix="start one with: dask scheduler",
        ) from error
