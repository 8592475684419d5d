"""The memory of a training step: what can be counted by hand, and how it grows."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn

from zwicky.models.base import Batch, MapModel
from zwicky.models.table import MAP_MODELS, build_either
from zwicky.training.loop import TrainingSettings
from zwicky.training.memory import StepMemory, step_memory

SMALL = {
    "unet": {"kind": "unet", "width": 8, "depth": 3, "n_pixels": 16},
    "any_view": {"kind": "any_view", "width": 8, "depth": 3, "n_pixels": 16},
    "pix2pix": {
        "kind": "pix2pix",
        "generator": {"width": 8, "depth": 3, "n_pixels": 16},
        "discriminator_width": 8,
    },
}


def few(n=2, n_views=3, n_pixels=16):
    """Return a few observations."""
    maps = 10.0 ** torch.linspace(-1.0, 1.0, n * n_views * n_pixels**2).reshape(
        n, n_views, n_pixels, n_pixels
    )
    return Batch(maps, torch.linspace(0.1, 0.2, n), None, maps[:, 0] * 1e13)


def memory(model, batch=None, size=64, precision="32-true") -> StepMemory:
    settings = TrainingSettings(batch_size=size, precision=precision)
    return step_memory(model, few() if batch is None else batch, settings)


class OneLayer(MapModel):
    """A convolution of three channels to five, and the mean square of the result."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 5, kernel_size=3, padding=1)

    def fit_scaling(self, batch):
        pass

    def loss(self, batch):
        return self.layer(batch.maps).square().mean()

    def predict(self, batch):
        raise NotImplementedError


class TestOneLayer:
    @pytest.fixture(autouse=True)
    def one_layer(self, monkeypatch):
        monkeypatch.setattr("zwicky.training.memory.build_either", lambda settings: OneLayer())

    @pytest.mark.parametrize("size", [1, 2, 64, 1000])
    def test_it_is_what_one_counts_by_hand(self, size):
        """The convolution keeps what it was given, the square what it was given, each four bytes a number."""
        found = memory({}, size=size)
        assert found.activations_bytes == 4 * size * (3 + 5) * 16 * 16
        assert found.parameters == 5 * (3 * 9 + 1)
        # The weights, gradients, two moments of Adam, the average and the best average.
        assert found.weights_bytes == 6 * 4 * found.parameters
        assert found.total_bytes == found.weights_bytes + found.activations_bytes

    def test_half_the_digits_are_half_the_bytes(self):
        found = memory({}, size=64, precision="bf16-mixed").activations_bytes
        in_pixels = found - 2 * 5 * 3 * 9  # the short copy of the weights is kept once
        # The square is taken in two bytes or in four.
        assert in_pixels in (64 * (2 * 3 + 2 * 5) * 256, 64 * (2 * 3 + 4 * 5) * 256)


@pytest.mark.parametrize("kind", sorted(MAP_MODELS))
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
class TestNetworks:
    def test_it_grows_with_the_batch_alone(self, kind, precision):
        kept = [memory(SMALL[kind], size=n, precision=precision) for n in (50, 100, 150)]
        steps = [b.activations_bytes - a.activations_bytes for a, b in pairwise(kept)]
        assert steps[0] == pytest.approx(steps[1], abs=1)
        assert len({one.weights_bytes for one in kept}) == 1
        # A batch of 100 keeps 100 times what one cluster does: short copies of the weights come on top, once.
        once = kept[1].activations_bytes - 2 * steps[0]
        assert -1 <= once <= 3 * kept[1].parameters

    def test_it_does_not_matter_how_many_are_counted(self, kind, precision):
        """What does not grow with the batch is not multiplied by it."""
        counts = [memory(SMALL[kind], few(n), precision=precision).activations_bytes for n in (2, 5)]
        assert counts[0] == pytest.approx(counts[1], rel=1e-3)


def test_fewer_digits_take_less():
    for settings in SMALL.values():
        long, short = (memory(settings, precision=p) for p in ("32-true", "bf16-mixed"))
        assert short.activations_bytes < 0.75 * long.activations_bytes
        assert short.weights_bytes == long.weights_bytes


def test_a_wider_network_takes_more():
    narrow, wide = (memory(SMALL["unet"] | {"width": width}) for width in (8, 16))
    assert wide.activations_bytes == pytest.approx(2 * narrow.activations_bytes, rel=0.1)
    assert wide.weights_bytes == pytest.approx(4 * narrow.weights_bytes, rel=0.1)
    assert wide.parameters == build_either(SMALL["unet"] | {"width": 16}).n_parameters


def test_networks_that_weigh_are_counted_too():
    batch = replace(few(n_views=1, n_pixels=96), log10_mass=torch.tensor([14.2, 14.9]), target=None)
    model = {"kind": "radial_cnn", "filters": (4, 8), "hidden": (16,)}
    one, two = (memory(model, batch, size=n).activations_bytes for n in (10, 20))
    assert 0 < one < two


def test_nothing_random_is_used_up():
    before = torch.get_rng_state()
    memory(SMALL["any_view"])
    assert torch.equal(torch.get_rng_state(), before)
