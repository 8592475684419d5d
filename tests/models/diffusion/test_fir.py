"""Halving and doubling: sums written out by hand, laws of resampling, and a tie to scipy."""

import numpy as np
import pytest
import torch
from scipy.signal import upfirdn

from zwicky.core.errors import ConfigError
from zwicky.models.diffusion.fir import Double, Halve

PUBLISHED = (1, 3, 3, 1)
UNEQUAL = (1, 2, 4, 6)


def impulse(n_pixels: int, at: int) -> torch.Tensor:
    x = torch.zeros(1, 1, n_pixels, n_pixels)
    x[..., at, at] = 1.0
    return x


def test_a_doubled_impulse_is_the_filter_with_four_times_its_weight():
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    found = Double(PUBLISHED)(impulse(8, 3))[0, 0]
    torch.testing.assert_close(found[5:9, 5:9], 4 * torch.outer(taps, taps))
    assert found.sum() == pytest.approx(4.0)


@pytest.mark.parametrize("resample", [Halve, Double])
@pytest.mark.parametrize("taps", [(1, 1), PUBLISHED, (1, 5, 10, 10, 5, 1)])
def test_a_constant_stays_constant_away_from_the_border(resample, taps):
    found = resample(taps)(torch.ones(2, 3, 32, 32))
    torch.testing.assert_close(found[..., 4:-4, 4:-4], torch.ones_like(found)[..., 4:-4, 4:-4])


def test_outside_of_the_image_there_are_zeros():
    assert Halve(PUBLISHED)(torch.ones(1, 1, 8, 8))[0, 0, 0, 2] == pytest.approx(7 / 8)
    assert Double(PUBLISHED)(torch.ones(1, 1, 8, 8))[0, 0, 0, 8] == pytest.approx(3 / 4)


def test_two_taps_are_the_mean_of_blocks_and_the_nearest_pixel():
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(Halve((1, 1))(x), torch.nn.functional.avg_pool2d(x, 2))
    torch.testing.assert_close(Double((1, 1))(x), x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))


def test_halving_removes_the_finest_checkerboard_and_plain_subsampling_does_not():
    sign = 1.0 - 2.0 * (torch.arange(16) % 2)
    board = (sign[:, None] * sign)[None, None]
    assert Halve(PUBLISHED)(board)[..., 1:-1, 1:-1].abs().max() < 1e-6
    assert board[..., ::2, ::2].abs().min() == 1.0


@pytest.mark.parametrize("taps", [PUBLISHED, UNEQUAL])
def test_both_are_scipys_upfirdn_along_both_axes(taps):
    x = np.random.default_rng(0).normal(size=(8, 8))
    kernel = np.array(taps) / np.sum(taps)
    halved, doubled = x, x
    for axis in (0, 1):
        halved = upfirdn(kernel, halved, down=1, axis=axis).take(range(2, 2 + 8, 2), axis=axis)
        doubled = upfirdn(2 * kernel, doubled, up=2, axis=axis).take(range(1, 1 + 16), axis=axis)
    image = torch.tensor(x, dtype=torch.float32)[None, None]
    np.testing.assert_allclose(Halve(taps)(image)[0, 0].numpy(), halved, atol=1e-6)
    np.testing.assert_allclose(Double(taps)(image)[0, 0].numpy(), doubled, atol=1e-6)


def test_for_an_even_filter_each_is_four_times_or_a_quarter_of_the_others_transpose():
    x, y = torch.randn(1, 2, 8, 8), torch.randn(1, 2, 4, 4)
    assert (Halve(PUBLISHED)(x) * y).sum() == pytest.approx(
        (x * Double(PUBLISHED)(y)).sum().item() / 4, rel=1e-4
    )


@pytest.mark.parametrize("resample", [Halve, Double])
def test_precision_and_layout_stay_and_gradients_flow(resample):
    x = torch.randn(2, 3, 8, 8).bfloat16().contiguous(memory_format=torch.channels_last).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = resample(PUBLISHED)(x)
    assert found.dtype == torch.bfloat16
    assert found.is_contiguous(memory_format=torch.channels_last)
    found.float().sum().backward()
    assert torch.isfinite(x.grad).all()
    assert x.grad.abs().max() > 0


@pytest.mark.parametrize("resample", [Halve, Double])
def test_an_odd_number_of_taps_is_refused(resample):
    with pytest.raises(ConfigError, match="cannot halve"):
        resample((1, 2, 1))


def test_the_filter_is_no_trained_number():
    assert not list(Halve(PUBLISHED).parameters())
    assert not Double(PUBLISHED).state_dict()
