"""A run goes on where it was killed, is not repeated, and ends with the same scorecard, whatever happened."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tiny_experiment import TINY, run_tiny, with_changes
from zwicky.core.errors import ConfigError, LockError, TrainingError
from zwicky.core.files import sole_writer
from zwicky.core.masses import M500C
from zwicky.data.dataset import load_split
from zwicky.data.store import Store
from zwicky.inference.estimator import Estimator
from zwicky.workflows.reproduce import example_panels, read_history, reproduce, test_of

HERE = Path(__file__).parent
test_of.__test__ = False


def kill(folder, moment):
    path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    script = [sys.executable, HERE / "killed_run.py", folder, moment]
    done = subprocess.run(script, env={**os.environ, "PYTHONPATH": path}, capture_output=True, timeout=240)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["mocks", "training"])
def test_a_killed_run_ends_like_one_that_was_left_alone(tiny_run, tmp_path, moment):
    folder = tmp_path / "run"
    kill(folder, moment)
    shards = len(list(folder.glob("store/shards/*.h5")))
    epochs = sorted(path.stem for path in folder.glob("radial_cnn/member-0/checkpoints/*.json"))
    assert (shards, epochs) == {"mocks": (1, []), "training": (4, ["epoch-00001", "epoch-00002"])}[moment]
    assert not (folder / "scorecard.json").exists()

    resumed = run_tiny(folder)
    assert json.dumps(resumed.scorecard) == json.dumps(tiny_run.scorecard)
    for name in ("scorecard.json", "config.toml", "radial_cnn/member-0/metrics.jsonl"):
        assert (folder / name).read_bytes() == (tiny_run.folder / name).read_bytes(), name
    assert not list(folder.rglob("*.part"))


def test_another_seed_is_another_scorecard(tiny_run, tmp_path):
    """Negative control of the equality above."""
    other = run_tiny(tmp_path / "run", with_changes(TINY, seed=8))
    assert other.scorecard["overall"] != tiny_run.scorecard["overall"]


def test_a_finished_run_is_not_trained_again(tiny_run, tmp_path):
    assert any("network 1 of 1" in line for line in tiny_run.said)
    again = run_tiny(shutil.copytree(tiny_run.folder, tmp_path / "copy"))
    assert again.scorecard == tiny_run.scorecard
    assert "radial_cnn: already trained" in again.said
    assert not any("network" in line for line in again.said)


def test_other_settings_are_refused_by_name(tiny_run):
    with pytest.raises(ConfigError, match="others in: evaluation, preset") as caught:
        run_tiny(tiny_run.folder, with_changes(TINY, preset="other", evaluation={"n_resamples": 30}))
    assert caught.value.where == str(tiny_run.folder)


def test_two_runs_in_one_folder(tiny_run):
    with sole_writer(tiny_run.folder), pytest.raises(LockError, match="Another process"):
        run_tiny(tiny_run.folder)


def test_a_run_without_validation_clusters(tmp_path):
    few = with_changes(TINY, store={"n_clusters": 20, "fractions": (0.5, 0.0, 0.5)})
    with pytest.raises(TrainingError, match="no usable observation") as caught:
        run_tiny(tmp_path, few)
    assert "split 'validation'" in caught.value.where


def test_what_a_run_leaves(tiny_run):
    card = json.loads((tiny_run.folder / "scorecard.json").read_text())
    assert card == json.loads(json.dumps(tiny_run.scorecard))
    assert card["experiment"] == {"name": "deandres2022", "preset": "tiny", "title": "A tiny run"}
    assert card["sizes"]["train"] + card["sizes"]["validation"] + card["sizes"]["test"] == 360
    assert sum(card["flags_on_test"].values()) == pytest.approx(1.0)
    assert card["methods"] == ["network", "classical"]
    history = read_history(tiny_run.folder / "radial_cnn" / "member-0")
    assert [entry["epoch"] for entry in history] == list(range(1, 11))
    assert history[-1]["validation"] < history[0]["validation"]
    facts = Estimator.load(tiny_run.folder / "estimator").facts
    provenance = json.loads((tiny_run.folder / "provenance.json").read_text())
    assert facts.provenance["config_hash"] == provenance["config_hash"]
    assert (facts.provenance["experiment"], facts.provenance["preset"]) == ("deandres2022", "tiny")
    assert facts.survey.model_dump(mode="json") == TINY.survey.model_dump(mode="json")


def test_further_networks_are_judged_by_their_names(tiny_run):
    estimator = Estimator.load(tiny_run.folder / "estimator")
    store = Store.open(tiny_run.folder / "store")
    data = load_split(store, "test", M500C)
    test, weighed = test_of({"first": estimator, "second": estimator}, data)
    assert list(test.predictions) == ["network", "classical", "second"]
    both = (test.predictions[name].log10_quantiles for name in ("network", "second"))
    np.testing.assert_array_equal(*both)
    assert len(weighed.flag) == len(data) == test.n_rows


def test_example_panels_are_as_wide_as_their_stamps(tiny_run):
    store = Store.open(tiny_run.folder / "store")
    data = load_split(store, "test", M500C)
    panels = example_panels(data, store.grid)
    assert len(panels) == 8
    label, values, side_arcmin, unit = panels[0]
    assert label.startswith("z 0.")
    assert side_arcmin == pytest.approx(96 * 1.717743, rel=1e-6)
    assert unit == "1e-6 Compton-y"
    np.testing.assert_allclose(values, 1e6 * data.maps[0, 0].numpy())


def test_clusters_that_cannot_be_weighed_are_refused_before_anything_is_made(tmp_path):
    painted = with_changes(TINY, survey={"simulation": {"kind": "painter", "preset": "gadgetx"}})
    with pytest.raises(ConfigError, match="only spherical clusters"):
        reproduce(painted, tmp_path / "run", data=None)
    assert not (tmp_path / "run").exists()
