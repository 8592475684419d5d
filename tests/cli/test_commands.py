"""The other commands: help, version, mock, check, results; and what they say when something is wrong."""

import json
import subprocess
import sys

import pytest

from tiny_experiment import TINY, with_changes
from zwicky import __version__
from zwicky.workflows.experiment import experiment_names

FEW = with_changes(TINY, store={"n_clusters": 11, "clusters_per_shard": 5})


@pytest.fixture
def few_mocks(monkeypatch):
    """Let every experiment be one of eleven mocks."""
    monkeypatch.setattr("zwicky.workflows.experiment.read_experiment", lambda name, preset: FEW)


def test_help_loads_nothing_heavy():
    heavy = ("torch", "astropy", "matplotlib", "scipy", "h5py", "pydantic")
    script = f"""
import sys
from zwicky.cli import main
try:
    main(["--help"])
except SystemExit as stop:
    assert stop.code == 0
print("loaded:", *[name for name in {heavy!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded:"
    for command in ("infer", "reproduce", "demo", "mock", "check", "results", "version"):
        assert f" {command} " in done.stdout


def test_the_module_can_be_run():
    done = subprocess.run(
        [sys.executable, "-m", "zwicky.cli", "version"], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, f"{__version__}\n")


def test_version(zwicky, monkeypatch):
    assert zwicky("version").out == f"{__version__}\n"
    monkeypatch.setattr(sys, "argv", ["zwicky", "version"])
    from zwicky.cli import main

    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 0


@pytest.mark.parametrize("command", ["reproduce", "mock"])
def test_unknown_experiments_and_presets_are_corrected(zwicky, empty_folder, command):
    done = zwicky(command, "deandres222", "--out", "run")
    assert done.status == 2
    assert done.err.startswith("ConfigError: This experiment is not known.")
    assert "did you mean 'deandres2022'?" in done.err
    done = zwicky(command, "deandres2022", "--preset", "lapdog", "--out", "run")
    assert done.status == 2
    assert "This preset is not known." in done.err
    assert "did you mean 'laptop'?" in done.err
    assert "real_clusters" not in experiment_names()
    assert not list(empty_folder.iterdir())


def test_a_file_in_place_of_a_run_folder(zwicky, empty_folder, few_mocks):
    (empty_folder / "run").write_text("not a folder")
    for command in ("reproduce", "mock"):
        done = zwicky(command, "deandres2022", "--out", "run", "--workers", 1)
        assert (done.status, done.out) == (2, "")
        assert "Traceback" not in done.err
        assert "where:" in done.err
        assert "run" in done.err


def test_no_workers(zwicky):
    done = zwicky("mock", "deandres2022", "--workers", 0)
    assert done.status == 2
    assert "--workers" in done.err


def test_mocks_are_made_checked_and_mended(zwicky, empty_folder, few_mocks):
    made = zwicky("mock", "deandres2022", "--out", "store", "--workers", 1)
    assert (made.status, made.out) == (0, "11 observations in store\n")
    assert made.err == "mocks: 11 observations of 11 clusters\n"
    good = zwicky("check", "store")
    assert (good.status, good.out, good.err) == (0, "store: as documented in docs/store.md\n", "")

    shard = empty_folder / "store" / "shards" / "shard-00001.h5"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:9000] + bytes([whole[9000] ^ 1]) + whole[9001:])
    bad = zwicky("check", "store")
    assert (bad.status, bad.out) == (1, "")
    assert bad.err.startswith("shards/shard-00001.h5: its bytes do not agree with the checksum")

    again = zwicky("mock", "deandres2022", "--out", "store", "--workers", 1)
    assert "shard-00001.h5" in again.err
    assert shard.read_bytes() == whole
    assert zwicky("check", "store").status == 0


def test_what_is_neither_store_nor_estimator(zwicky, empty_folder):
    done = zwicky("check", "nowhere")
    assert (done.status, done.out) == (1, "")
    assert "nowhere" in done.err


def test_check_of_an_estimator(zwicky, own_estimator):
    good = zwicky("check", own_estimator)
    assert (good.status, good.out) == (0, f"{own_estimator}: an estimator of 1 networks, as documented\n")
    (own_estimator / "member-0.safetensors").unlink()
    bad = zwicky("check", own_estimator)
    assert (bad.status, bad.out) == (2, "")
    assert "member-0.safetensors" in bad.err


def test_results_are_written_from_scorecards(zwicky, empty_folder, tiny_run):
    card = empty_folder / "kept.json"
    card.write_bytes((tiny_run.folder / "scorecard.json").read_bytes())
    done = zwicky("results", tiny_run.folder, card)
    assert (done.status, done.out) == (0, "wrote docs/results.md\n")
    text = (empty_folder / "docs" / "results.md").read_text()
    assert text.startswith("# Results\n")
    assert text.count("## A tiny run: preset `tiny`\n") == 2
    assert "`zwicky reproduce deandres2022 --preset tiny`; seed 7" in text
    assert "| quantity | paper | ours | note |" in text
    assert "| unit wrong by 1e6 | 1.000 |" in text
    assert "None" not in text
    widths = {
        line.count(" | ")
        for line in text.splitlines()
        if line.startswith(("| metric", "| bias_dex", "| slope"))
    }
    assert len(widths) == 1


def test_results_of_what_is_no_scorecard(zwicky, empty_folder):
    done = zwicky("results", "nowhere.json")
    assert (done.status, done.out) == (2, "")
    assert "StoreError: This scorecard does not exist." in done.err
    assert "nowhere.json" in done.err
    (empty_folder / "other.json").write_text(json.dumps({"format": "a letter"}))
    assert "This is not a scorecard." in zwicky("results", "other.json").err
    assert not (empty_folder / "docs").exists()


def test_the_demonstration_is_asked_for_what_was_said(zwicky, tmp_path, monkeypatch):
    asked = []

    def run_demo(folder, *, data, workers, say):
        asked.append((str(folder), data, workers))
        say("making mocks")
        return "a table"

    monkeypatch.setattr("zwicky.workflows.demo.run_demo", run_demo)
    done = zwicky("demo", "--workers", 1)
    assert (done.status, done.out, done.err) == (0, "a table\n", "making mocks\n")
    monkeypatch.setenv("ZWICKY_DATA", str(tmp_path))
    zwicky("demo", "--out", "there")
    assert asked == [("runs/demo", None, 1), ("there", tmp_path, 2)]
