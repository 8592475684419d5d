"""The density of the probability flow, where it is known."""

from __future__ import annotations

import math

import pytest
import torch

from zwicky.core.errors import SamplingError
from zwicky.models.diffusion.likelihood import log_likelihood, rademacher
from zwicky.models.diffusion.solvers import Sampler

LONG = Sampler(steps=200, sigma_min=1e-2, sigma_max=1000.0)


def correlated(mean, covariance):
    """The exact denoiser of N(mean, covariance)."""

    def denoise(x, sigma):
        gain = covariance @ torch.linalg.inv(covariance + sigma**2 * torch.eye(len(mean), dtype=x.dtype))
        return mean + (x - mean) @ gain.T

    return denoise


@pytest.fixture
def field():
    mean = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    covariance = torch.tensor([[1.0, 0.6, 0.1], [0.6, 0.8, -0.2], [0.1, -0.2, 0.3]], dtype=torch.float64)
    x = torch.tensor([[0.5, -1.0, 2.0], [2.0, 0.0, 1.5], [-1.0, -2.0, 3.0]], dtype=torch.float64)
    return mean, covariance, x


def blurred_density(mean, covariance, x, sigma):
    total = covariance + sigma**2 * torch.eye(len(mean), dtype=x.dtype)
    return torch.distributions.MultivariateNormal(mean, total).log_prob(x)


def test_likelihood_is_the_gaussian_density(field):
    mean, covariance, x = field
    exact = blurred_density(mean, covariance, x, LONG.sigma_min)
    torch.testing.assert_close(
        log_likelihood(correlated(mean, covariance), x, LONG), exact, rtol=0.0, atol=0.04
    )


def test_a_wrong_denoiser_gives_a_wrong_density(field):
    """Negative control: 20 % too wide."""
    mean, covariance, x = field
    exact = blurred_density(mean, covariance, x, LONG.sigma_min)
    assert bool(((log_likelihood(correlated(mean, 1.44 * covariance), x, LONG) - exact).abs() > 0.1).any())


def test_the_error_falls_as_the_square_of_the_steps(field):
    mean, covariance, x = field
    denoise = correlated(mean, covariance)

    def at(steps):
        return log_likelihood(denoise, x, LONG.model_copy(update={"steps": steps}))

    reference = at(480)
    errors = [float((at(steps) - reference).abs().mean()) for steps in (60, 120)]
    assert 1.7 < math.log2(errors[0] / errors[1]) < 2.5


def test_hutchinson_is_unbiased(field):
    mean, covariance, x = field
    denoise, sampler = correlated(mean, covariance), LONG.model_copy(update={"steps": 60})
    # All eight vectors of +-1 in three dimensions: their mean is the trace itself.
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * 3)[:, None].expand(
        8, 3, 3
    )
    exact = log_likelihood(denoise, x, sampler)
    torch.testing.assert_close(log_likelihood(denoise, x, sampler, probes=signs), exact, rtol=0.0, atol=1e-9)
    one = log_likelihood(denoise, x, sampler, probes=signs[3:4])
    assert bool(((one - exact).abs() > 1e-3).any())


def test_the_trace_is_that_of_autograd():
    """A network's flow, one small step: the divergence from the full Jacobian."""
    torch.manual_seed(2)
    net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 6)).double()

    def denoise(x, sigma):
        return net(x.flatten(1)).reshape(x.shape) / (1.0 + sigma)

    x = torch.randn(4, 1, 2, 3, dtype=torch.float64)
    sampler = Sampler(steps=1, sigma_min=1.0, sigma_max=1.001)
    width = math.log(1.001)

    def divergence(row, sigma):
        jacobian = torch.autograd.functional.jacobian(lambda r: r - denoise(r[None], sigma)[0], row)
        return jacobian.reshape(6, 6).trace()

    with torch.no_grad():  # a caller that samples has gradients off
        given = log_likelihood(denoise, x, sampler)
    slope = x - denoise(x, 1.0)
    there = x + width * slope
    end = x + 0.5 * width * (slope + there - denoise(there, 1.001))
    for i in range(4):
        normal = -0.5 * (end[i] / 1.001).square().sum() - 6 * math.log(1.001 * math.sqrt(2 * math.pi))
        gain = 0.5 * width * (divergence(x[i], 1.0) + divergence(there[i], 1.001))
        assert given[i].item() == pytest.approx((normal + gain).item(), rel=1e-10)
    assert not given.requires_grad


def test_probes_are_signs():
    signs = rademacher(torch.rand(4000, generator=torch.Generator().manual_seed(0)))
    assert set(signs.tolist()) == {-1.0, 1.0} and abs(signs.mean().item()) < 0.06


def test_a_row_that_diverges_is_named(field):
    mean, covariance, x = field
    x = x.clone()
    x[2, 1] = math.nan
    with pytest.raises(SamplingError, match=r"step 1 of (.*\n)+.*rows 2") as caught:
        log_likelihood(correlated(mean, covariance), x, LONG)
    assert caught.value.rows == (2,)
