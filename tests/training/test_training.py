"""The loop: exact resume, averages, early stop, and what it does with bad numbers."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from zwicky.core.errors import CheckpointError, TrainingError
from zwicky.data.dataset import MapData
from zwicky.models.base import Batch
from zwicky.training.checkpoint import (
    TrainingState,
    last_good_state,
    load_tensors,
    read_json,
    save_state,
    save_tensors,
)
from zwicky.training.loop import TrainingSettings, halvings, train, turned

MODEL = {
    "kind": "radial_cnn",
    "n_pixels": 32,
    "n_rings": 8,
    "filters": (4, 8),
    "hidden": (16,),
    "dropout": 0.1,
}
SETTINGS = TrainingSettings(epochs=5, batch_size=32, patience=9)


def toy_data(n, seed):
    rng = np.random.default_rng(seed)
    log_mass = rng.uniform(14, 15, n)
    axis = np.arange(32) - 15.5
    blob = np.exp(-0.5 * (np.hypot(axis[:, None], axis) / 3) ** 2)
    maps = 1e-5 * 10 ** (log_mass[:, None, None] - 14) * blob + rng.normal(0, 2e-6, (n, 32, 32))
    columns = (maps[:, None], rng.uniform(0.05, 0.9, n), log_mass)
    return MapData(
        *(torch.from_numpy(c.astype(np.float32)) for c in columns), np.array([f"c{i}" for i in range(n)])
    )


def run(folder, settings=SETTINGS, seed=1, data=None, on_epoch=lambda _: None, model=MODEL, *, initial=None):
    data = data or toy_data(200, 1)
    return train(model, data, toy_data(80, 2), settings, folder, seed, on_epoch, initial=initial)


def same(a, b):
    return all(torch.equal(x, b[k]) for k, x in a.items())


def test_it_learns(tmp_path):
    trained = run(tmp_path, TrainingSettings(epochs=30, batch_size=32, learning_rate=5e-3, patience=30))
    assert trained.history[-1]["validation"] < trained.history[0]["validation"] - 0.5
    validation = toy_data(80, 2)
    with torch.no_grad():
        error = trained.model.predict(validation.rows(slice(None))).mean - validation.log10_mass
    assert error.std() < 0.12  # of a range of 1 dex, sd 0.29


def test_the_best_epoch_is_kept(tmp_path):
    trained = run(tmp_path)
    losses = [entry["validation"] for entry in trained.history]
    assert trained.best_epoch == 1 + int(np.argmin(losses))


class StoppedError(Exception):
    pass


def test_a_stopped_training_goes_on_as_if_it_never_stopped(tmp_path):
    whole = run(tmp_path / "whole")

    def stop(entry):
        if entry["epoch"] == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        run(tmp_path / "cut", on_epoch=stop)
    told = []
    resumed = run(tmp_path / "cut", on_epoch=told.append)
    assert [entry["epoch"] for entry in told] == [3, 4, 5]
    assert resumed.history == whole.history
    assert same(resumed.model.state_dict(), whole.model.state_dict())
    other = run(tmp_path / "other", seed=2)  # negative control
    assert not same(other.model.state_dict(), whole.model.state_dict())


def test_a_training_begins_with_the_weights_that_it_is_given(tmp_path):
    first = run(
        tmp_path / "first", TrainingSettings(epochs=20, batch_size=32, learning_rate=5e-3, patience=20)
    )
    given = {name: values.clone() for name, values in first.model.state_dict().items()}
    still = TrainingSettings(epochs=1, batch_size=32, learning_rate=1e-12, weight_decay=0.0)
    other = toy_data(64, 9)  # the scaling is that of the weights, not of these maps
    began = run(tmp_path / "began", still, data=other, initial=given)
    for name, values in began.model.state_dict().items():
        assert torch.allclose(values, given[name], atol=1e-6), name
    assert same(first.model.state_dict(), given)  # those of the caller stay as they are
    fresh = run(tmp_path / "fresh", still, data=other)  # negative control
    assert began.history[0]["validation"] < fresh.history[0]["validation"] - 0.3


def test_a_training_that_began_with_weights_goes_on_where_it_stopped(tmp_path):
    given = run(tmp_path / "given").model.state_dict()
    whole = run(tmp_path / "whole", initial=given)

    def stop(entry):
        if entry["epoch"] == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        run(tmp_path / "cut", on_epoch=stop, initial=given)
    told = []
    resumed = run(tmp_path / "cut", on_epoch=told.append, initial=given)
    assert [entry["epoch"] for entry in told] == [3, 4, 5]  # and does not begin with them again
    assert resumed.history == whole.history
    assert same(resumed.model.state_dict(), whole.model.state_dict())
    assert whole.history != run(tmp_path / "random").history  # negative control
    other = {name: values + 0.1 for name, values in given.items()}
    for initial in (other, None):
        with pytest.raises(TrainingError, match="other settings"):
            run(tmp_path / "cut", initial=initial)


def test_a_finished_training_is_not_repeated(tmp_path):
    first = run(tmp_path)
    told = []
    again = run(tmp_path, on_epoch=told.append)
    assert told == []
    assert same(first.model.state_dict(), again.model.state_dict())


def test_the_surroundings_do_not_matter(tmp_path):
    torch.manual_seed(5)
    first = run(tmp_path / "a")
    torch.manual_seed(77)
    before = torch.get_rng_state()
    second = run(tmp_path / "b")
    assert same(first.model.state_dict(), second.model.state_dict())
    assert torch.equal(before, torch.get_rng_state())


def test_no_better_epoch_for_a_while_stops_it(tmp_path):
    settings = TrainingSettings(epochs=50, batch_size=64, learning_rate=1e-9, ema_decay=0.0, patience=2)
    trained = run(tmp_path, settings)
    assert len(trained.history) < 50
    assert len(trained.history) - trained.best_epoch == 2


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([], 0),
        ([3.0, 2.0, 1.0, 0.5], 0),
        ([1.0, 1.0, 1.0], 1),  # an equal loss is no better
        ([1.0, 2.0, 3.0, 2.0], 1),  # 2.0 is worse than the best, though better than the one before
        ([1.0, 2.0, 3.0, 2.0, 4.0], 2),
        ([1.0, 2.0, 0.5, 2.0], 0),
    ],
)
def test_the_rate_is_halved_after_epochs_without_a_better_loss(losses, expected):
    assert halvings(losses, patience=2) == expected


def test_the_rate_of_a_halving_schedule_stays_until_then(tmp_path):
    settings = SETTINGS.model_copy(
        update={"schedule": "halving", "learning_rate": 1e-9, "halving_patience": 1}
    )
    rates = [entry["learning_rate"] for entry in run(tmp_path, settings).history]
    assert rates[0] == 1e-9
    assert set(rates) <= {1e-9 * 0.5**n for n in range(6)}


def test_averaged_weights_are_smoother_than_raw_ones(tmp_path):
    settings = SETTINGS.model_copy(update={"ema_decay": 0.9, "learning_rate": 0.02})
    run(tmp_path, settings)
    tensors = last_good_state(tmp_path).tensors
    raw, average = tensors["model.head.weight"], tensors["average.head.weight"]
    assert not torch.equal(raw, average)
    assert (raw - average).norm() < raw.norm()


def test_one_bad_number_stops_with_the_names_of_the_clusters(tmp_path):
    data = toy_data(200, 1)
    data.maps[17, 0, 3, 3] = float("nan")
    with pytest.raises(TrainingError, match="no longer a number") as caught:
        run(tmp_path, data=data)
    assert "c" in str(caught.value.where)
    assert last_good_state(tmp_path) is None


def test_a_bad_number_among_the_validation_clusters_stops_it(tmp_path):
    validation = toy_data(80, 2)
    validation.maps[3, 0, 5, 5] = float("nan")
    with pytest.raises(TrainingError, match="validation clusters is not a number"):
        train(MODEL, toy_data(200, 1), validation, SETTINGS, tmp_path, 1)
    assert not list(tmp_path.glob("*.json"))


def test_a_folder_of_another_training_is_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(TrainingError, match="other settings"):
        run(tmp_path, seed=9)


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path):
    whole = run(tmp_path / "whole")

    def stop(entry):
        if entry["epoch"] == 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        run(tmp_path / "cut", on_epoch=stop)
    newest = tmp_path / "cut" / "epoch-00003.safetensors"
    newest.write_bytes(newest.read_bytes()[:-40] + b"\0" * 40)
    with pytest.warns(UserWarning, match=r"damaged checkpoint(.|\n)*epoch-00003"):
        resumed = run(tmp_path / "cut")
    assert same(resumed.model.state_dict(), whole.model.state_dict())


def test_half_written_checkpoints_are_invisible(tmp_path):
    save_state(tmp_path, TrainingState(1, {"a": torch.ones(2)}, {}))
    (tmp_path / ".epoch-00002.safetensors.99.part").write_bytes(b"half")
    save_tensors(tmp_path / "epoch-00002.safetensors", {"a": torch.zeros(2)})  # no JSON: not committed
    assert last_good_state(tmp_path).epoch == 1


def test_two_checkpoints_are_kept(tmp_path):
    for epoch in range(1, 6):
        save_state(tmp_path, TrainingState(epoch, {"a": torch.full((2,), float(epoch))}, {"x": epoch}))
    assert sorted(p.name for p in tmp_path.glob("*.json")) == ["epoch-00004.json", "epoch-00005.json"]
    state = last_good_state(tmp_path)
    assert (state.epoch, state.facts) == (5, {"x": 5})


def test_pickles_are_never_opened(tmp_path):
    """A malicious pickle would create this file; loading must refuse it before it can."""
    trap = tmp_path / "trap"

    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(trap),))

    for name, write in (
        ("weights.safetensors", lambda p: torch.save({"a": Evil()}, p)),
        ("weights.pt", lambda p: torch.save({"a": Evil()}, p)),
        ("old.safetensors", lambda p: torch.save({"a": Evil()}, p, _use_new_zipfile_serialization=False)),
    ):
        write(tmp_path / name)
        with pytest.raises(CheckpointError, match="pickle"):
            load_tensors(tmp_path / name)
    assert not trap.exists()


def test_unreadable_checkpoints_are_named(tmp_path):
    with pytest.raises(CheckpointError, match="missing"):
        load_tensors(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"12345678 not tensors")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_tensors(tmp_path / "bad.safetensors")
    path = tmp_path / "x.json"
    for text, words in (
        ("{", "not a checkpoint of zwicky"),
        ("[]", "another format"),
        ('{"format": "other"}', "another format"),
        ('{"format": "f", "format_version": 7}', "another version"),
        ('{"format": "f"}', "another version"),
    ):
        path.write_text(text)
        with pytest.raises(CheckpointError, match=words):
            read_json(path, "f", 1)


@pytest.mark.parametrize("element", range(8))
def test_turning_is_a_symmetry_of_the_square(element):
    batch = Batch(torch.randn(2, 1, 6, 6), torch.rand(2), torch.rand(2))
    maps = turned(batch, element).maps
    assert torch.equal(maps.flatten().sort().values, batch.maps.flatten().sort().values)
    corner = {0, 5}
    where = (maps[0, 0] == batch.maps[0, 0, 0, 0]).nonzero()[0].tolist()
    assert set(where) <= corner
    images = {tuple(turned(batch, e).maps[0].flatten().tolist()) for e in range(8)}
    assert len(images) == 8


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[2])
from test_training import SETTINGS, run
from pathlib import Path
from zwicky.training.checkpoint import save_tensors
trained = run(Path(sys.argv[1]), SETTINGS.model_copy(update={"epochs": 12}))
save_tensors(Path(sys.argv[1]) / "final.safetensors", trained.model.state_dict())
"""


@pytest.mark.slow
def test_kill_9_at_any_moment_and_again_gives_the_same_weights(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    here = str(Path(__file__).parent)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(folder):
        return subprocess.Popen([*command, str(folder), here], env=environment)

    assert start(tmp_path / "whole").wait() == 0
    cut = tmp_path / "cut"
    for wanted in ("epoch-00001.json", "epoch-00005.json"):
        process = start(cut)
        deadline = time.monotonic() + 120
        while not (cut / wanted).exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert not (cut / "final.safetensors").exists()
    assert start(cut).wait() == 0
    whole, resumed = (load_file(f / "final.safetensors") for f in (tmp_path / "whole", cut))
    assert same(whole, resumed)
    history = [
        json.loads(p.read_text())["facts"]["history"]
        for p in (sorted(f.glob("epoch-*.json"))[-1] for f in (tmp_path / "whole", cut))
    ]
    assert history[0] == history[1]
