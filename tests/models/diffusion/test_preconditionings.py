"""Preconditioning: the laws that define each."""

from __future__ import annotations

import math

import pytest
import torch

from zwicky.core.errors import ConfigError
from zwicky.models.diffusion.preconditioning import EDMPreconditioning, VEPreconditioning

SIGMA = torch.logspace(-2, 2, 9, dtype=torch.float64)
BOTH = [VEPreconditioning(0.01, 100.0), EDMPreconditioning(0.5), EDMPreconditioning(2.0)]


def test_ve_is_a_score_network_over_sigma():
    c = BOTH[0].coefficients(SIGMA)
    assert c.noise.tolist() == pytest.approx(torch.linspace(0.0, 1.0, 9).tolist(), abs=1e-7)
    # D = x + sigma^2 score and score = F / sigma
    x, f = 0.7, -0.4
    torch.testing.assert_close(c.skip * x + c.out * f, x + SIGMA**2 * (f / SIGMA))
    assert torch.equal(c.into, torch.ones_like(SIGMA))


@pytest.mark.parametrize("data_sd", [0.5, 2.0])
def test_edm_input_and_target_have_unit_variance(data_sd):
    c = EDMPreconditioning(data_sd).coefficients(SIGMA)
    generator = torch.Generator().manual_seed(0)
    x0 = data_sd * torch.randn(200_000, 1, generator=generator, dtype=torch.float64)
    noisy = x0 + SIGMA * torch.randn(200_000, 1, generator=generator, dtype=torch.float64)
    target = (x0 - c.skip * noisy) / c.out
    assert (c.into * noisy).std(dim=0).tolist() == pytest.approx([1.0] * 9, rel=0.01)
    assert target.std(dim=0).tolist() == pytest.approx([1.0] * 9, rel=0.01)
    # ... and the skip makes the network's error count least: target and input are uncorrelated.
    assert (target * noisy).mean(dim=0).div(noisy.std(dim=0)).tolist() == pytest.approx([0.0] * 9, abs=0.01)


def test_edm_is_table_1_of_the_paper():
    c = EDMPreconditioning(0.5).coefficients(torch.tensor([2.0]))
    assert c.skip.item() == pytest.approx(0.25 / 4.25)
    assert c.out.item() == pytest.approx(2.0 * 0.5 / math.sqrt(4.25))
    assert c.into.item() == pytest.approx(1.0 / math.sqrt(4.25))
    assert c.noise.item() == pytest.approx(math.log(2.0) / 4.0)


@pytest.mark.parametrize("preconditioning", BOTH)
def test_the_weight_gives_the_network_a_unit_loss(preconditioning):
    c = preconditioning.coefficients(SIGMA)
    torch.testing.assert_close(preconditioning.weight(SIGMA) * c.out**2, torch.ones_like(SIGMA))


@pytest.mark.parametrize("preconditioning", BOTH)
def test_coefficients_keep_the_rows(preconditioning):
    c = preconditioning.coefficients(SIGMA.float())
    for each in (c.skip, c.out, c.into, c.noise, preconditioning.weight(SIGMA.float())):
        assert (each.shape, each.dtype) == (SIGMA.shape, torch.float32)


@pytest.mark.parametrize("data_sd", [0.0, -1.0, math.nan, math.inf])
def test_data_without_width_are_refused(data_sd):
    with pytest.raises(ConfigError, match="sigma_data"):
        EDMPreconditioning(data_sd)


def test_noise_levels_out_of_order_are_refused():
    with pytest.raises(ConfigError, match="0 < sigma_min < sigma_max"):
        VEPreconditioning(1.0, 0.1)
