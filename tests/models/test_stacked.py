"""Members as one: the answers and losses of a loop over them, whichever way they are run."""

import pytest
import torch

from zwicky.core.errors import ConfigError
from zwicky.models.base import Batch, GaussianMass
from zwicky.models.stacked import Stacked, ask_together
from zwicky.models.table import build_model

SMALL = {
    "chandra_cnn": {"kind": "chandra_cnn", "n_bands": 2},
    "chandra_cnn one band": {"kind": "chandra_cnn", "head": "gaussian", "stretch": "sqrt"},
    "erosita_cnn": {"kind": "erosita_cnn", "n_bands": 2, "n_pixels": 24, "filters": 5, "hidden": 7},
    "erosita_cnn weighted": {
        "kind": "erosita_cnn", "n_bands": 1, "n_pixels": 24, "filters": 5, "weighting": "uniform_mass",
    },
    "radial_cnn": {"kind": "radial_cnn", "n_pixels": 24, "n_rings": 4, "filters": (3,), "hidden": (8,), "dropout": 0.2},
    "mresunet_mass": {"kind": "mresunet_mass", "n_bands": 2, "n_pixels": 24, "width": 2, "n_rings": 4, "hidden": 5},
}  # fmt: skip
LAYERED = [name for name in SMALL if "mresunet" not in name and "radial" not in name]
WAYS = [*((name, way) for name in SMALL for way in ("loop", "vmap")), *((name, "layers") for name in LAYERED)]
N = 4


def batch_of(settings, n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.poisson(torch.full((n, settings.get("n_bands", 1), 24, 24), 3.0), generator=generator)
    z, mass = torch.rand(2, n, generator=generator) + 0.1
    return Batch(maps, z, 14.0 + mass, torch.rand(n, 24, 24, generator=generator))


def members_of(settings, n=N):
    torch.manual_seed(8)
    members = [build_model(settings) for _ in range(n)]
    for member in members:
        member.fit_scaling(batch_of(settings, 40, seed=99))
    return [member.eval() for member in members]


@pytest.fixture(params=WAYS, ids="-".join)
def case(request):
    name, way = request.param
    return SMALL[name], way, members_of(SMALL[name])


@torch.no_grad()
def test_answers_are_those_of_each_member(case):
    settings, way, members = case
    stack = Stacked(members, way)
    for n in (1, 2, 7):
        batch = batch_of(settings, n)
        answer = stack.predict(batch)
        assert answer.mean.shape == answer.sd.shape == (N, n)
        for row, member in enumerate(members):
            alone = member.predict(batch)
            torch.testing.assert_close(answer.mean[row], alone.mean, rtol=0, atol=1e-5)
            torch.testing.assert_close(answer.sd[row], alone.sd, rtol=1e-4, atol=0)
    assert float(answer.mean.std(0).min()) > 1e-4  # members differ


def test_losses_and_gradients_are_those_of_each_member(case):
    settings, way, members = case
    stack = Stacked(members, way)
    for batches in (batch_of(settings, 6), [batch_of(settings, 6, seed) for seed in range(N)]):
        stack.zero_grad()
        losses = stack.loss(batches)
        losses.sum().backward()
        for row, member in enumerate(members):
            member.zero_grad()
            alone = member.loss(batches if isinstance(batches, Batch) else batches[row])
            alone.backward()
            torch.testing.assert_close(losses[row], alone, rtol=1e-4, atol=1e-5)
            stacked = dict(stack.members.named_parameters())
            for name, weight in member.named_parameters():
                scale = float(weight.grad.abs().max()) + 1e-6
                torch.testing.assert_close(stacked[name].grad[row], weight.grad, rtol=1e-3, atol=1e-4 * scale)


@pytest.mark.parametrize(
    ("name", "way"), [("chandra_cnn", "layers"), ("chandra_cnn", "loop"), ("radial_cnn", "loop")]
)
def test_dropout_is_that_of_each_member_with_its_own_seed(name, way):
    members = members_of(SMALL[name])
    stack, batch = Stacked(members, way).train(), batch_of(SMALL[name], 6)
    words = [5, 6, 7, 8]
    losses = stack.loss(batch, words)
    for loss, member, word in zip(losses, members, words, strict=True):
        torch.manual_seed(word)
        torch.testing.assert_close(loss, member.train().loss(batch), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(stack.loss(batch, [1, 2, 3, 4]), losses)


def test_running_statistics_are_those_of_each_member():
    """Batch normalisation keeps numbers in buffers: the loop must leave them in the stack."""
    settings = SMALL["mresunet_mass"]
    members, batch = members_of(settings), batch_of(settings, 6)
    stack = Stacked(members).train()
    stack.loss(batch)
    for row, member in enumerate(members):
        before = {name: buffer.clone() for name, buffer in member.named_buffers()}
        member.train().loss(batch)
        after, stacked = dict(member.named_buffers()), dict(stack.members.named_buffers())
        assert any(not torch.equal(before[name], after[name]) for name in after)
        for name, buffer in after.items():
            torch.testing.assert_close(stacked[name][row], buffer, rtol=1e-4, atol=1e-5)


def test_without_words_dropout_still_drops():
    stack, batch = Stacked(members_of(SMALL["chandra_cnn"])).train(), batch_of(SMALL["chandra_cnn"], 6)
    assert not torch.equal(stack.loss(batch), stack.loss(batch))
    assert torch.equal(stack.eval().loss(batch), stack.loss(batch))


@torch.no_grad()
def test_members_with_scalings_of_their_own_keep_them():
    members = members_of(SMALL["erosita_cnn"])
    members[2].stretch.mean += 1.0
    stack, batch = Stacked(members), batch_of(SMALL["erosita_cnn"], 5)
    alone = torch.stack([member.predict(batch).mean for member in members])
    torch.testing.assert_close(stack.predict(batch).mean, alone, rtol=0, atol=1e-5)


@torch.no_grad()
def test_tiles_do_not_show(monkeypatch):
    members, batch = members_of(SMALL["erosita_cnn"]), batch_of(SMALL["erosita_cnn"], 9)
    stack = Stacked(members)
    answers = []
    for n_bytes in (1, 2 * 2 * 4 * 5 * 24 * 24, 1 << 30):  # two maps of one member; of two members; all
        monkeypatch.setattr("zwicky.models.stacked_layers.TILE_BYTES", n_bytes)
        answers.append(stack.predict(batch).mean)
    torch.testing.assert_close(answers[0], answers[2], rtol=0, atol=1e-5)
    torch.testing.assert_close(answers[1], answers[2], rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("name", ["chandra_cnn", "radial_cnn"])
def test_asking_together_heeds_errors_that_are_fitted_later(name):
    members = members_of(SMALL[name])
    ask, batch = ask_together(members), batch_of(SMALL[name], 5)
    torch.testing.assert_close(
        ask(batch).mean, torch.stack([m.predict(batch).mean for m in members]), rtol=0, atol=1e-5
    )
    truth = torch.full((50,), 14.0)
    off = GaussianMass(truth + torch.linspace(-1, 1, 50), torch.ones(50))
    members[1].fit_error(off, truth)
    torch.testing.assert_close(
        ask(batch).sd, torch.stack([m.predict(batch).sd for m in members]), rtol=1e-4, atol=0
    )
    assert ask_together(members[:1])(batch).mean.shape == (1, 5)


def test_a_member_taken_out_is_the_one_that_was_put_in():
    members = members_of(SMALL["radial_cnn"])
    stack = Stacked(members)
    out = stack.member(2)
    for name, tensor in members[2].state_dict().items():
        assert torch.equal(out.state_dict()[name], tensor)
    with torch.no_grad():
        out.head.weight += 1.0  # a copy
    assert torch.equal(stack.member(2).head.weight, members[2].head.weight)
    parameter = stack.members.head.weight
    stack.keep([3, 1])
    assert len(stack) == 2
    assert stack.members.head.weight is parameter
    assert torch.equal(stack.member(0).head.weight, members[3].head.weight)


@pytest.mark.parametrize("name", SMALL)
def test_rows_are_networks_in_the_memory_of_the_stack(name):
    members, batch = members_of(SMALL[name]), batch_of(SMALL[name], 5)
    stack = Stacked(members)
    rows = stack.rows()
    for row, member in zip(rows, members, strict=True):
        member.zero_grad()
        torch.testing.assert_close(row.loss(batch), member.loss(batch), rtol=1e-5, atol=1e-5)
    for i, (row, member) in enumerate(zip(rows, members, strict=True)):
        for model in (row, member):
            model.loss(batch).backward()
        for weight, its in zip(stack.members.parameters(), member.parameters(), strict=True):
            scale = float(its.grad.abs().max()) + 1e-6
            torch.testing.assert_close(weight.grad[i], its.grad, rtol=1e-3, atol=1e-4 * scale)
    with torch.no_grad():
        next(stack.members.parameters())[1] += 1.0
    assert torch.equal(next(rows[1].parameters()), next(stack.members.parameters())[1])
    assert torch.equal(next(rows[2].parameters()), next(members[2].parameters()))


def test_the_way_is_chosen_by_the_network():
    assert Stacked(members_of(SMALL["chandra_cnn"])).way == "layers"
    assert Stacked(members_of(SMALL["radial_cnn"])).way == "loop"
    unusual = members_of(SMALL["chandra_cnn"])
    for member in unusual:
        member.dense.append(torch.nn.LayerNorm(1))
    assert Stacked(unusual).way == "loop"


def test_what_cannot_be_stacked_is_named():
    with pytest.raises(ConfigError, match="cannot be run for all members at once"):
        Stacked(members_of(SMALL["radial_cnn"]), "layers")
    mixed = [*members_of(SMALL["erosita_cnn"], 1), *members_of(SMALL["chandra_cnn"], 1)]
    with pytest.raises(ConfigError, match="one kind with the same settings"):
        Stacked(mixed)
    with pytest.raises(ConfigError, match="no network"):
        Stacked([])
