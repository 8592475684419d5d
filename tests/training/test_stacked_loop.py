"""Members trained at once: each as the plain loop trains it alone, and exact to resume."""

import numpy as np
import pytest
import torch

from zwicky.core.errors import TrainingError
from zwicky.data.dataset import MapData
from zwicky.training.checkpoint import last_good_state
from zwicky.training.loop import TrainingSettings, train
from zwicky.training.stacked_loop import train_stacked

EROSITA = {"kind": "erosita_cnn", "n_bands": 2, "n_pixels": 12, "filters": 4, "hidden": 8}
CHANDRA = {"kind": "chandra_cnn", "n_bands": 2, "dropout": 0.3}
RADIAL = {
    "kind": "radial_cnn", "n_pixels": 12, "n_rings": 3, "filters": (3,), "hidden": (8,), "dropout": 0.2,
}  # fmt: skip
SETTINGS = TrainingSettings(epochs=3, batch_size=16, patience=9, learning_rate=1e-3)
SEEDS = (3, 1, 7)


def toy_data(n, seed, n_bands=2):
    rng = np.random.default_rng(seed)
    log_mass = rng.uniform(14, 15, n)
    axis = np.arange(12) - 5.5
    blob = np.exp(-0.5 * (np.hypot(axis[:, None], axis) / 2) ** 2)
    maps = rng.poisson(0.5 + 3 * 10 ** (log_mass[:, None, None, None] - 14) * blob, (n, n_bands, 12, 12))
    columns = (maps, rng.uniform(0.05, 0.9, n), log_mass)
    return MapData(
        *(torch.from_numpy(c.astype(np.float32)) for c in columns), np.array([f"c{i}" for i in range(n)])
    )


def run(
    folder,
    model=EROSITA,
    settings=SETTINGS,
    seeds=SEEDS,
    data=None,
    validation=None,
    on_epoch=lambda *_: None,
    way=None,
):
    n_bands = model.get("n_bands", 1)
    data, validation = data or toy_data(56, 1, n_bands), validation or toy_data(24, 2, n_bands)
    return train_stacked(model, data, validation, settings, folder, seeds, on_epoch, way)


def assert_alike(one, other, atol):
    for name, tensor in one.model.state_dict().items():
        torch.testing.assert_close(tensor, other.model.state_dict()[name], rtol=0, atol=atol, msg=name)


def same(one, other):
    tensors = other.model.state_dict()
    return all(torch.equal(tensor, tensors[name]) for name, tensor in one.model.state_dict().items())


@pytest.mark.parametrize(
    ("model", "way"),
    [
        (EROSITA, None),
        (EROSITA, "layers"),
        (EROSITA, "vmap"),
        (CHANDRA, "loop"),
        (CHANDRA, "layers"),
        (RADIAL, None),
    ],
)
def test_each_member_is_what_the_plain_loop_makes_of_its_seed(tmp_path, model, way):
    """Weights, histories and best epochs: with its batches, symmetries, dropout, averages and clipping."""
    settings = SETTINGS.model_copy(update={"max_gradient_norm": 0.3})  # clips some members and not others
    together = run(tmp_path / "all", model, settings, way=way)
    n_bands = model.get("n_bands", 1)
    data, validation = toy_data(56, 1, n_bands), toy_data(24, 2, n_bands)
    for member, seed in zip(together, SEEDS, strict=True):
        alone = train(model, data, validation, settings, tmp_path / f"{seed}", seed)
        assert_alike(member, alone, atol=1e-4)  # Adam enlarges rounding where a gradient is nearly nothing
        assert member.best_epoch == alone.best_epoch
        for mine, its in zip(member.history, alone.history, strict=True):
            assert mine == pytest.approx(its, rel=1e-4, abs=1e-5)
    apart = together[0].model.state_dict(), together[1].model.state_dict()
    assert not any(torch.equal(apart[0][n], apart[1][n]) for n in apart[0] if n.endswith("weight"))  # control


IMPATIENT = TrainingSettings(
    epochs=9, batch_size=16, patience=1, ema_decay=0.0, learning_rate=1e-2, warm_up=0.0
)
"""So fast that losses rise now and then."""


@pytest.mark.parametrize(
    "changes", [{"patience": 1}, {"schedule": "halving", "halving_patience": 1, "patience": 9}]
)
def test_members_stop_and_slow_down_by_themselves(tmp_path, changes):
    """Patience and halving go by each member's own validation loss; a member that is done leaves the stack."""
    settings = IMPATIENT.model_copy(update=changes)
    together = run(tmp_path / "all", settings=settings)
    ends = {(len(member.history), member.history[-1]["learning_rate"]) for member in together}
    assert len(ends) > 1
    data, validation = toy_data(56, 1), toy_data(24, 2)
    for member, seed in zip(together, SEEDS, strict=True):
        alone = train(EROSITA, data, validation, settings, tmp_path / f"{seed}", seed)
        assert (len(member.history), member.best_epoch) == (len(alone.history), alone.best_epoch)
        assert member.history[-1]["learning_rate"] == pytest.approx(alone.history[-1]["learning_rate"])
        assert_alike(member, alone, atol=2e-3)


def test_it_learns_and_keeps_the_best_epoch_of_each(tmp_path):
    settings = SETTINGS.model_copy(update={"epochs": 15, "learning_rate": 5e-3})
    for member in run(tmp_path, settings=settings):
        losses = [entry["validation"] for entry in member.history]
        assert min(losses) < losses[0] - 0.2
        assert member.best_epoch == 1 + int(np.argmin(losses))
        assert not member.model.training


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("schedule", ["cosine", "halving"])
def test_a_stopped_training_goes_on_as_if_it_never_stopped(tmp_path, schedule):
    settings = IMPATIENT.model_copy(update={"schedule": schedule, "halving_patience": 1})
    whole = run(tmp_path / "whole", settings=settings)

    def stop_at(epoch):
        def stop(member, entry):
            if entry["epoch"] == epoch:
                raise StoppedError

        return stop

    lengths = sorted(len(member.history) for member in whole)
    for epoch in (1, lengths[0], lengths[0] + 1):  # the last after a member has left the stack
        with pytest.raises(StoppedError):
            run(tmp_path / "cut", settings=settings, on_epoch=stop_at(epoch))
    resumed = run(tmp_path / "cut", settings=settings)
    assert lengths[0] < lengths[-1]
    assert [member.history for member in resumed] == [member.history for member in whole]
    assert all(same(one, other) for one, other in zip(resumed, whole, strict=True))
    assert not same(whole[0], whole[1])


def test_a_finished_training_is_not_repeated(tmp_path):
    first, told = run(tmp_path), []
    again = run(tmp_path, on_epoch=lambda *entry: told.append(entry))
    assert told == []
    assert all(same(one, other) for one, other in zip(first, again, strict=True))


def test_every_entry_is_told_with_its_member(tmp_path):
    told = []
    together = run(tmp_path, on_epoch=lambda member, entry: told.append((member, entry)))
    assert [[entry for who, entry in told if who == i] for i in range(3)] == [m.history for m in together]


def test_the_surroundings_do_not_matter(tmp_path):
    torch.manual_seed(5)
    first = run(tmp_path / "a", CHANDRA)
    torch.manual_seed(77)
    before = torch.get_rng_state()
    second = run(tmp_path / "b", CHANDRA)
    assert all(same(one, other) for one, other in zip(first, second, strict=True))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("way", ["loop", "layers"])
def test_a_loss_that_is_no_number_stops_with_member_and_clusters(tmp_path, way):
    data = toy_data(56, 1)
    data.maps[17, 0, 3, 3] = float("inf")
    with pytest.raises(TrainingError, match="loss of a member is not a number") as caught:
        run(tmp_path, data=data, way=way)
    assert "seed" in str(caught.value.where)
    assert "clusters c" in str(caught.value.where)
    assert last_good_state(tmp_path) is None


def test_a_bad_number_among_the_validation_clusters_stops_it(tmp_path):
    validation = toy_data(24, 2)
    validation.maps[3, 0, 5, 5] = float("nan")
    with pytest.raises(TrainingError, match="validation loss of a member is not a number"):
        run(tmp_path, validation=validation)
    assert not list(tmp_path.glob("*.json"))


def test_a_folder_of_another_training_is_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(TrainingError, match="other settings"):
        run(tmp_path, seeds=(3, 1, 8))


@pytest.mark.parametrize("seeds", [(), (4, 4)])
def test_members_need_seeds_of_their_own(tmp_path, seeds):
    with pytest.raises(TrainingError, match="seed of its own"):
        run(tmp_path, seeds=seeds)
