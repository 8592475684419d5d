"""Noise levels: grids and laws."""

from __future__ import annotations

import math

import pytest
import torch

from zwicky.core.errors import ConfigError
from zwicky.models.diffusion.schedules import LogNormalNoise, LogUniformNoise, sigma_grid


@pytest.mark.parametrize("kind", ["log", "karras"])
@pytest.mark.parametrize("steps", [2, 3, 18, 1000])
def test_a_grid_falls_between_its_ends(kind, steps):
    grid = sigma_grid(kind, steps, 0.002, 80.0)
    assert (grid.shape, grid.dtype) == ((steps,), torch.float64)
    assert (grid[0].item(), grid[-1].item()) == (80.0, 0.002)
    assert bool((grid.diff() < 0.0).all())


@pytest.mark.parametrize("kind", ["log", "karras"])
def test_one_level_is_the_largest(kind):
    assert sigma_grid(kind, 1, 0.1, 5.0).tolist() == [5.0]


def test_a_log_grid_is_geometric():
    ratio = sigma_grid("log", 31, 0.01, 50.0).log().diff()
    assert ratio.tolist() == pytest.approx([math.log(0.01 / 50.0) / 30.0] * 30)


def test_a_karras_grid_is_equation_5():
    n, rho = 10, 5.0
    expected = [
        (80.0 ** (1 / rho) + i / (n - 1) * (0.002 ** (1 / rho) - 80.0 ** (1 / rho))) ** rho for i in range(n)
    ]
    assert sigma_grid("karras", n, 0.002, 80.0, rho).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (0.1, math.inf), (math.nan, 1.0)]
)
def test_levels_out_of_order_are_refused(low, high):
    with pytest.raises(ConfigError, match="0 < sigma_min < sigma_max"):
        sigma_grid("log", 5, low, high)
    with pytest.raises(ConfigError, match="0 < sigma_min < sigma_max"):
        LogUniformNoise(low, high)


def test_a_grid_without_levels_is_refused():
    with pytest.raises(ConfigError, match="at least one level"):
        sigma_grid("log", 0, 0.1, 1.0)


@pytest.mark.parametrize(("mean", "sd"), [(math.nan, 1.0), (0.0, 0.0), (0.0, math.inf)])
def test_a_law_without_width_is_refused(mean, sd):
    with pytest.raises(ConfigError, match="positive standard deviation"):
        LogNormalNoise(mean, sd)


def test_log_uniform_levels():
    law = LogUniformNoise(0.01, 100.0)
    torch.manual_seed(0)
    drawn = law.draw(20_000)
    assert (drawn.shape, drawn.dtype) == ((20_000,), torch.float32)
    assert 0.01 <= drawn.min().item() < 0.011 and 90.0 < drawn.max().item() <= 100.0
    deciles = torch.histc(drawn.log10(), bins=10, min=-2.0, max=2.0) / 20_000
    assert deciles.tolist() == pytest.approx([0.1] * 10, abs=0.01)


def test_log_normal_levels():
    torch.manual_seed(0)
    logs = LogNormalNoise(-1.2, 1.2).draw(20_000).log()
    assert logs.mean().item() == pytest.approx(-1.2, abs=0.03)
    assert logs.std().item() == pytest.approx(1.2, abs=0.03)


@pytest.mark.parametrize("law", [LogUniformNoise(0.01, 100.0), LogNormalNoise(-1.2, 1.2)])
def test_quantiles_are_fixed_and_follow_the_law(law):
    quantiles = law.quantiles(50)
    torch.manual_seed(1)
    drawn = law.draw(40_000)
    below = (drawn[:, None] < quantiles).double().mean(dim=0)
    assert below.tolist() == pytest.approx([(i + 0.5) / 50 for i in range(50)], abs=0.012)
    assert torch.equal(quantiles, law.quantiles(50))


def test_draws_follow_the_seed_of_torch():
    law = LogNormalNoise()
    torch.manual_seed(3)
    first, second = law.draw(5), law.draw(5)
    torch.manual_seed(3)
    assert torch.equal(law.draw(5), first) and not torch.equal(first, second)
