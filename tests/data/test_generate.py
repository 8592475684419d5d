"""Generation: the same bytes however it is run, cut off or disturbed."""

import errno
import logging
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from fake_survey import FakeSurvey, plan_for

from zwicky.core.errors import ConfigError, LockError, StoreError
from zwicky.core.files import sha256_of, sole_writer, written_whole
from zwicky.data import shards as shards_module
from zwicky.data.check import check_store
from zwicky.data.generate import Generated, ProgressBar, generate
from zwicky.data.manifest import Manifest
from zwicky.data.plan import shard_name
from zwicky.data.store import Store

SURVEY = FakeSurvey()
PLAN = plan_for(SURVEY)


def tree(folder):
    """SHA-256 of every file by its path, without the lock, which names a process."""
    paths = [path for path in Path(folder).rglob("*") if path.is_file() and path.name != ".writer"]
    return {str(path.relative_to(folder)): sha256_of(path) for path in paths}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The tree of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    assert generate(SURVEY, PLAN, folder) == Generated(n_written=3, n_kept=0)
    return tree(folder)


def start(code, *arguments):
    """Start a program that knows this folder's fake survey; memory that was never set is not zero in it."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "MALLOC_PERTURB_": "165"}
    program = "import sys\nfrom fake_survey import *\nfrom zwicky.data.generate import generate\n" + code
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, process=None):
    """Wait until something is true; fail if it never is, or if the process ends first."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited for a minute"
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.005)


SLOWLY = """
survey = FakeSurvey(seconds=0.1)
generate(survey, plan_for(survey), sys.argv[1], workers=int(sys.argv[2]))
"""


class TestSameBytes:
    def test_two_workers(self, tmp_path, whole):
        assert generate(SURVEY, PLAN, tmp_path, workers=2).n_written == 3
        assert tree(tmp_path) == whole

    def test_another_process_later(self, tmp_path, whole):
        """No time of day, process number or left-over memory is in the bytes."""
        time.sleep(1.1)  # HDF5 notes times in whole seconds
        program = start("survey = FakeSurvey()\ngenerate(survey, plan_for(survey), sys.argv[1])", tmp_path)
        assert program.communicate() == ("", "")
        assert tree(tmp_path) == whole

    def test_whoever_still_holds_a_data_set(self, tmp_path, whole, monkeypatch):
        """HDF5 may write when Python lets go of an object; the profiler of a dask worker holds some at random."""
        held = []

        def holding(method):
            def call(*arguments, **options):
                held.append(method(*arguments, **options))
                return held[-1]

            return call

        for name in ("create_dataset", "__getitem__"):
            monkeypatch.setattr(h5py.Group, name, holding(getattr(h5py.Group, name)))
        generate(SURVEY, PLAN, tmp_path)
        assert held
        assert tree(tmp_path) == whole

    def test_the_survey_decides_them(self, tmp_path, whole):
        """Negative control: another seed gives other shards."""
        other = FakeSurvey(seed=2)
        generate(other, plan_for(other), tmp_path)
        found = tree(tmp_path)
        assert found.keys() == whole.keys()
        assert all(found[name] != whole[name] for name in whole)

    @pytest.mark.parametrize("clusters_per_shard", [1, 2, 100])
    def test_same_samples_however_they_are_cut(self, tmp_path, clusters_per_shard):
        generate(SURVEY, PLAN, tmp_path / "a")
        generate(SURVEY, plan_for(SURVEY, clusters_per_shard=clusters_per_shard), tmp_path / "b")
        one, other = (Store.open(tmp_path / name).read() for name in "ab")
        assert np.array_equal(one.maps, other.maps)
        assert one.id.tolist() == other.id.tolist()
        assert {name: values.tolist() for name, values in one.truth.items()} == {
            name: values.tolist() for name, values in other.truth.items()
        }
        assert Store.open(tmp_path / "a").split.tolist() == Store.open(tmp_path / "b").split.tolist()


class TestResume:
    def test_a_finished_store_is_left_alone(self, tmp_path, whole):
        generate(SURVEY, PLAN, tmp_path)
        times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != ".writer"}
        assert generate(SURVEY, PLAN, tmp_path) == Generated(n_written=0, n_kept=3)
        assert times == {
            path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != ".writer"
        }

    @pytest.mark.parametrize(("workers", "n_shards"), [(1, 0), (1, 1), (2, 1)])
    def test_killed_and_run_again(self, tmp_path, whole, workers, n_shards):
        program = start(SLOWLY, tmp_path, workers)
        wait_for(lambda: (tmp_path / "manifest.json").exists(), program)
        wait_for(lambda: len(list((tmp_path / "shards").glob("*.h5"))) >= n_shards, program)
        offspring = [
            int(pid) for pid in Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
        ]
        program.kill()
        assert program.wait() == -signal.SIGKILL
        with pytest.raises(StoreError, match="incomplete"):
            Store.open(tmp_path)
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in offspring))
        program.communicate()  # which would wait for ever for a worker that lives on
        generate(SURVEY, PLAN, tmp_path)
        assert tree(tmp_path) == whole
        assert check_store(tmp_path) == []

    def test_killed_in_the_middle_of_a_file(self, tmp_path, whole):
        code = """
import zwicky.core.files
zwicky.core.files.os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
survey = FakeSurvey()
generate(survey, plan_for(survey), sys.argv[1])
"""
        generate(SURVEY, PLAN, tmp_path)
        (tmp_path / shard_name(1)).unlink()
        program = start(code, tmp_path)
        program.communicate()
        assert program.returncode == -signal.SIGKILL
        assert [path.name[-5:] for path in (tmp_path / "shards").glob(".shard-00001*")] == [".part"]
        assert generate(SURVEY, PLAN, tmp_path) == Generated(n_written=1, n_kept=2)
        assert tree(tmp_path) == whole

    def test_leftovers_are_removed(self, tmp_path, whole):
        for name in (
            ".manifest.json.123.part",
            "shards/.shard-00001.h5.123.part",
            "shards/.shard-00009.h5.4.part",
        ):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"half a fi")
        left = []
        generate(SURVEY, PLAN, tmp_path, progress=lambda *_: left.extend(tmp_path.rglob(".*.part")))
        assert left == []  # gone before the work begins: they may fill the disk
        assert tree(tmp_path) == whole

    def test_a_damaged_shard_is_replaced_and_reported(self, tmp_path, whole, caplog):
        generate(SURVEY, PLAN, tmp_path)
        path = tmp_path / shard_name(1)
        path.write_bytes(path.read_bytes()[:-100])
        with caplog.at_level(logging.WARNING):
            done = generate(SURVEY, PLAN, tmp_path)
        assert (done.n_written, done.n_kept) == (1, 2)
        assert done.notes == tuple(caplog.messages)
        assert "shard-00001.h5 was made again" in done.notes[0]
        assert tree(tmp_path) == whole


class TestRefusals:
    def test_no_worker(self, tmp_path):
        with pytest.raises(ConfigError, match=r"(?s)do the work.*workers.*0"):
            generate(SURVEY, PLAN, tmp_path, workers=0)

    def test_two_writers(self, tmp_path):
        with sole_writer(tmp_path), pytest.raises(LockError, match=f"process {os.getpid()} on "):
            generate(SURVEY, PLAN, tmp_path)
        assert tree(tmp_path) == {}

    @pytest.mark.parametrize(
        ("survey", "changes", "message"),
        [
            (FakeSurvey(seed=2), {}, r"settings\.seed\n  expected: 1 \(as in the folder\)\n  got:      2"),
            (SURVEY, {"n_clusters": 8}, r"n_clusters\n  expected: 7"),
            (SURVEY, {"split_seed": 6}, r"split\.seed\n"),
            (FakeSurvey(beam_arcmin=2.0), {}, r"beam_arcmin\n"),
            (SURVEY, {"n_clusters": 8, "sight_lines": 1}, r"2 settings differ"),
        ],
    )
    def test_another_plan(self, tmp_path, whole, survey, changes, message):
        generate(SURVEY, PLAN, tmp_path)
        with pytest.raises(
            StoreError, match=rf"(?s)made with other settings.*{message}.*choose another --out"
        ) as caught:
            generate(survey, plan_for(survey, **changes), tmp_path)
        assert "config_hash" not in str(caught.value)
        assert tree(tmp_path) == whole

    def test_another_results_version(self, tmp_path):
        generate(SURVEY, PLAN, tmp_path)
        older = Manifest.of(PLAN, SURVEY)
        newer = replace(older, results_version=older.results_version + 1)
        with pytest.raises(StoreError, match=r"(?s)other settings.*results_version"):
            newer.refuse_other(tmp_path)


class TestFaults:
    @pytest.mark.parametrize(
        ("code", "remedy"),
        [(errno.ENOSPC, "free some space"), (errno.EROFS, "choose an --out"), (errno.EIO, "--out")],
    )
    def test_a_disk_that_fails(self, tmp_path, whole, monkeypatch, code, remedy):
        @contextmanager
        def half(path):
            """A file that breaks off in the middle of shard 1."""
            with written_whole(path) as temporary:
                if "shard-00001" in path.name:
                    temporary.write_bytes(b"half")
                    raise OSError(code, os.strerror(code))
                yield temporary

        with monkeypatch.context() as patch:
            patch.setattr(shards_module, "written_whole", half)
            with pytest.raises(
                StoreError, match=rf"(?s)cannot be written.*shard-00001.*{os.strerror(code)}.*{remedy}"
            ):
                generate(SURVEY, PLAN, tmp_path)
        assert set(tree(tmp_path)) == {"manifest.json", shard_name(0)}
        generate(SURVEY, PLAN, tmp_path)
        assert tree(tmp_path) == whole

    @pytest.mark.parametrize("workers", [1, 2])
    def test_a_full_disk_under_hdf5(self, tmp_path, whole, workers):
        """The kernel refuses bytes beyond 10 kB: a message and exit status 1, not a crash inside HDF5."""
        code = """
import resource
import zwicky.data.shards
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
survey = FakeSurvey()
generate(survey, plan_for(survey), sys.argv[1], workers=int(sys.argv[2]))
"""
        program = start(code, tmp_path, workers)
        _, error = program.communicate()
        assert program.returncode == 1, error
        assert re.search(
            r"(?s)StoreError: The store cannot be written.*File too large.*free some space", error
        )
        assert set(tree(tmp_path)) == {"manifest.json"}
        generate(SURVEY, PLAN, tmp_path)
        assert tree(tmp_path) == whole

    def test_the_folder_is_a_file(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(StoreError, match=r"(?s)cannot be written.*choose an --out"):
            generate(SURVEY, PLAN, tmp_path / "file")
        assert (tmp_path / "file").read_text() == "mine"

    def test_a_read_only_folder(self, tmp_path):
        code = """
os.chdir(sys.argv[1])
if os.geteuid() == 0:
    os.seteuid(65534)  # root may write anywhere
survey = FakeSurvey()
generate(survey, plan_for(survey), ".")
"""
        tmp_path.chmod(0o555)
        program = start(code, tmp_path)
        _, error = program.communicate()
        assert program.returncode == 1
        assert re.search(
            r"(?s)StoreError: The store cannot be written.*Permission denied.*choose an --out", error
        )
        assert list(tmp_path.iterdir()) == []

    def test_a_worker_that_dies(self, tmp_path, whole):
        with pytest.raises(StoreError, match=r"(?s)A worker died.*fewer workers.*what is finished is kept"):
            generate(FakeSurvey(fault="killed"), PLAN, tmp_path, workers=2)
        assert shard_name(1) not in tree(tmp_path)
        generate(SURVEY, PLAN, tmp_path)
        assert tree(tmp_path) == whole

    def test_an_observation_that_cannot_be_stored(self, tmp_path):
        """An error in a worker comes back whole, and what was finished before stays."""
        survey = FakeSurvey(fault="nan property", faulty_cluster=6)
        with pytest.raises(StoreError, match="cluster fake-6-ü0") as caught:
            generate(survey, plan_for(survey), tmp_path, workers=2)
        assert caught.value.got.endswith("asymmetry=nan")
        assert shard_name(2) not in tree(tmp_path)
        assert not list(tmp_path.rglob("*.part"))


class TestProgress:
    @pytest.mark.parametrize("workers", [1, 2])
    def test_callback(self, tmp_path, workers):
        seen = []
        generate(SURVEY, PLAN, tmp_path, workers=workers, progress=lambda *counts: seen.append(counts))
        assert len(seen) == 3
        assert seen[-1] == (14, 14)
        assert sorted(seen) == seen
        assert all(total == 14 for _, total in seen)

    def test_quiet_where_there_is_no_terminal(self, tmp_path, capfd):
        generate(SURVEY, PLAN, tmp_path)
        assert capfd.readouterr() == ("", "")

    def test_a_bar_on_a_terminal(self, monkeypatch, capsys):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setenv("TERM", "xterm")
        with ProgressBar("mock observations") as bar:
            bar(7, 14)
            bar(14, 14)
        shown = capsys.readouterr()
        assert shown.out == ""
        assert "mock observations" in shown.err
        assert "14/14" in shown.err

    def test_a_callback_that_fails_lets_the_folder_go(self, tmp_path, whole):
        def fail(n_done, n_total):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            generate(SURVEY, PLAN, tmp_path, workers=2, progress=fail)
        generate(SURVEY, PLAN, tmp_path)
        assert tree(tmp_path) == whole


def test_no_torch():
    program = start("import zwicky.data.check\nassert not {'torch', 'matplotlib'} & set(sys.modules)")
    assert program.communicate() == ("", "")
