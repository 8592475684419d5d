"""A dask cluster makes the bytes that one process makes, and its faults are told as plainly."""

import logging
import os
import signal
import sys
from pathlib import Path

import pytest
from fake_survey import FakeSurvey, pretend_to_write
from test_generate import PLAN, SURVEY, plan_for, start, tree, wait_for

from zwicky.core.errors import ConfigError, StoreError
from zwicky.data import engines
from zwicky.data.codec import Log16
from zwicky.data.generate import Generated, generate
from zwicky.data.plan import shard_name

distributed = pytest.importorskip(
    "distributed", reason="the engine dask is an extra: pip install zwicky[dask]"
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The tree of a run in one process."""
    folder = tmp_path_factory.mktemp("whole")
    generate(SURVEY, PLAN, folder)
    return tree(folder)


@pytest.fixture(scope="module")
def cluster():
    """A scheduler that runs already, with two worker processes."""
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    ) as running:
        yield running


def offspring():
    """Processes that this one has started, without the watchman that Python keeps over semaphores."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return {pid for pid, command in commands.items() if b"resource_tracker" not in command}


class TestSameBytes:
    def test_two_local_workers_and_nothing_is_left(self, tmp_path, whole, capfd):
        before = offspring()
        done = generate(SURVEY, PLAN, tmp_path, workers=2, engine="dask")
        assert done == Generated(n_written=3, n_kept=0)
        assert tree(tmp_path) == whole
        assert offspring() == before
        assert capfd.readouterr() == ("", "")

    def test_a_scheduler_that_runs_already(self, tmp_path, whole, cluster):
        address, seen = cluster.scheduler_address, []
        done = generate(
            SURVEY, PLAN, tmp_path, 1, lambda *n: seen.append(n), engine="dask", scheduler=address
        )
        assert done == Generated(n_written=3, n_kept=0)
        assert sorted(seen) == seen
        assert seen[-1] == (14, 14)
        assert tree(tmp_path) == whole
        assert len(cluster.scheduler_info["workers"]) == 2  # which lives on

    def test_half_by_processes_and_half_by_dask(self, tmp_path, whole, cluster):
        generate(SURVEY, PLAN, tmp_path, workers=2)
        (tmp_path / shard_name(1)).unlink()
        done = generate(SURVEY, PLAN, tmp_path, engine="dask", scheduler=cluster.scheduler_address)
        assert done == Generated(n_written=1, n_kept=2)
        assert tree(tmp_path) == whole

    @pytest.mark.slow
    def test_logarithms_and_sight_lines_of_each_cluster(self, tmp_path, cluster):
        plan = plan_for(
            SURVEY, sight_lines=(2, 0, 3, 1, 2, 4, 1), log16={SURVEY.channels[0]: Log16(0.0, 6.0)}
        )
        generate(SURVEY, plan, tmp_path / "a")
        generate(SURVEY, plan, tmp_path / "b", workers=2)
        generate(SURVEY, plan, tmp_path / "c", engine="dask", scheduler=cluster.scheduler_address)
        assert tree(tmp_path / "a") == tree(tmp_path / "b") == tree(tmp_path / "c")

    def test_a_folder_named_from_here(self, tmp_path, whole, cluster, monkeypatch):
        """The workers stand somewhere else."""
        monkeypatch.chdir(tmp_path)
        generate(SURVEY, PLAN, Path("store"), engine="dask", scheduler=cluster.scheduler_address)
        assert tree(tmp_path / "store") == whole


class TestFaults:
    def test_an_error_in_a_worker_comes_back_whole(self, tmp_path, cluster):
        survey = FakeSurvey(fault="nan property", faulty_cluster=6)
        with pytest.raises(StoreError, match="cluster fake-6-ü0") as caught:
            generate(survey, plan_for(survey), tmp_path, engine="dask", scheduler=cluster.scheduler_address)
        assert caught.value.got.endswith("asymmetry=nan")
        assert caught.value.where == "cluster fake-6-ü0, sight-line 0"
        assert shard_name(2) not in tree(tmp_path)
        wait_for(lambda: not cluster.scheduler.tasks)  # what was not begun was taken back
        assert not list(tmp_path.rglob("*.part"))

    @pytest.mark.slow
    def test_a_worker_that_dies(self, tmp_path, whole):
        before = offspring()
        with pytest.raises(StoreError, match=r"(?s)A worker died.*fewer workers.*what is finished is kept"):
            generate(FakeSurvey(fault="killed"), PLAN, tmp_path, workers=1, engine="dask")
        assert offspring() == before
        assert shard_name(1) not in tree(tmp_path)
        generate(SURVEY, PLAN, tmp_path)
        assert tree(tmp_path) == whole

    def test_a_callback_that_fails_leaves_no_worker(self, tmp_path, whole):
        def fail(n_done, n_total):
            raise KeyboardInterrupt

        before = offspring()
        with pytest.raises(KeyboardInterrupt):
            generate(SURVEY, PLAN, tmp_path, 1, fail, engine="dask")
        assert offspring() == before
        generate(SURVEY, PLAN, tmp_path)
        assert tree(tmp_path) == whole

    @pytest.mark.slow
    def test_killed_with_its_workers(self, tmp_path, whole):
        code = """
if __name__ == "__main__":
    survey = FakeSurvey(seconds=0.3)
    generate(survey, plan_for(survey), sys.argv[1], 1, engine="dask")
"""
        program = start(code, tmp_path)
        wait_for(lambda: list((tmp_path / "shards").glob("*.h5")), program)
        workers = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
        program.kill()
        assert program.wait() == -signal.SIGKILL
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
        program.communicate()
        generate(SURVEY, PLAN, tmp_path)
        assert tree(tmp_path) == whole

    def test_workers_with_a_disk_of_their_own(self, tmp_path, cluster, monkeypatch):
        monkeypatch.setattr(engines, "_write_on_worker", pretend_to_write)
        with pytest.raises(StoreError, match=r"(?s)not here.*shard-0000.*under one path.*shared disk"):
            generate(SURVEY, PLAN, tmp_path, engine="dask", scheduler=cluster.scheduler_address)


class TestRefusals:
    @pytest.mark.parametrize(
        ("address", "reason"), [("tcp://127.0.0.1:9", "Timed out"), ("morse://x", "unknown address scheme")]
    )
    def test_nobody_answers(self, tmp_path, monkeypatch, address, reason):
        monkeypatch.setattr(engines, "_CONNECT_SECONDS", 0.5)
        with pytest.raises(
            ConfigError, match=rf"(?s)No dask scheduler answers.*{address}.*{reason}.*dask sch"
        ):
            generate(SURVEY, PLAN, tmp_path, engine="dask", scheduler=address)

    @pytest.mark.parametrize("options", [{"engine": "threads"}, {"scheduler": "tcp://127.0.0.1:8786"}])
    def test_an_engine_that_is_none(self, tmp_path, options):
        with pytest.raises(
            ConfigError, match=r"(?s)engine cannot be used.*processes or dask; a scheduler only"
        ):
            generate(SURVEY, PLAN, tmp_path, **options)
        assert tree(tmp_path) == {}

    def test_dask_is_not_installed(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "distributed", None)
        with pytest.raises(
            ConfigError, match=r"(?s)not installed.*distributed.*pip install 'zwicky\[dask\]'"
        ):
            generate(SURVEY, PLAN, tmp_path, engine="dask")


def test_dask_is_imported_only_when_asked_for():
    program = start(
        "import tempfile\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    generate(FakeSurvey(), plan_for(FakeSurvey()), folder)\n"
        "assert not {'dask', 'distributed'} & set(sys.modules)"
    )
    assert program.communicate() == ("", "")
