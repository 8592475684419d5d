"""How probable a map is under a diffusion model: the probability flow as a change of variables.

Along dx / d sigma = (x - D) / sigma the density obeys d ln p / d sigma = -div[(x - D) / sigma] (Song et al. 2021,
section 4.3), so that the density of data blurred by sigma_min is that of a wide Gaussian plus an integral.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from zwicky.models.diffusion.sampler import Denoise, Sampler, checked
from zwicky.models.diffusion.schedules import sigma_grid


def log_likelihood(denoise: Denoise, x: Tensor, sampler: Sampler, probes: Tensor | None = None) -> Tensor:
    """Return ln p(x) of data at noise sigma_min, (batch,) [nats].

    Heun's steps in ln sigma, from sigma_min up to sigma_max, where p is taken as N(0, sigma_max^2): sigma_max must
    be large against the data. The error falls as the square of the number of steps.

    Parameters
    ----------
    denoise : Denoise
        The denoiser D(x; sigma), differentiable in x.
    x : (batch, ...) Tensor
        Data.
    sampler : Sampler
        Its grid: ``steps`` intervals between sigma_min and sigma_max. Its solver does not matter.
    probes : (probe, batch, ...) Tensor, optional
        Vectors of +-1 for Hutchinson's estimate of the trace (see `rademacher`): unbiased, one vector-Jacobian product
        each, and the same vectors in all steps, so that the flow stays smooth. None is the exact trace, at a product
        for each number of a row: for small data.

    Raises
    ------
    SamplingError
        When a row is no longer finite, with the step, the noise level and the rows.
    """
    levels = sigma_grid(sampler.grid, sampler.steps + 1, sampler.sigma_min, sampler.sigma_max, sampler.rho)
    sigmas = levels.flip(0).tolist()
    x, gained = x.detach(), x.new_zeros(len(x))
    for step, (here, there) in enumerate(pairwise(sigmas), start=1):
        width = math.log(there / here)
        slope, divergence = _flow(denoise, x, here, probes)
        slope_there, divergence_there = _flow(denoise, x + width * slope, there, probes)
        x = checked(x + 0.5 * width * (slope + slope_there), sampler, step, there)
        gained = gained + 0.5 * width * (divergence + divergence_there)
    n_numbers = x[0].numel()
    normal = -0.5 * x.flatten(1).square().sum(dim=1) / sampler.sigma_max**2
    return normal - n_numbers * math.log(sampler.sigma_max * math.sqrt(2.0 * math.pi)) + gained


def rademacher(uniform: Tensor) -> Tensor:
    """Return -1 or +1 for uniform numbers in (0, 1), of their shape: the probes of least variance."""
    return torch.where(uniform < 0.5, -1.0, 1.0).to(uniform)


def _flow(denoise: Denoise, x: Tensor, sigma: float, probes: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return dx / d ln sigma = x - D, and its divergence, (batch,)."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        slope = x - denoise(x, sigma)
        directions = _unit_vectors(x) if probes is None else probes
        share = 1.0 if probes is None else 1.0 / len(probes)
        divergence = x.new_zeros(len(x))
        for direction in directions:
            (product,) = torch.autograd.grad(slope, x, direction.to(x).expand_as(x), retain_graph=True)
            divergence = divergence + share * (product * direction.to(x)).flatten(1).sum(dim=1)
    return slope.detach(), divergence.detach()


def _unit_vectors(x: Tensor) -> Tensor:
    """Return all unit vectors of a row, (number, 1, ...)."""
    n = x[0].numel()
    return torch.eye(n, dtype=x.dtype, device=x.device).reshape(n, 1, *x.shape[1:])
