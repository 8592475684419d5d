"""Solvers of the reverse stochastic differential equation: fresh noise enters in each step."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from zwicky.models.diffusion.sampler import Denoise, Noise, Sampler, checked


def euler_maruyama(denoise: Denoise, noise: Noise, sampler: Sampler, x: Tensor) -> Tensor:
    """Take Euler-Maruyama steps of dx = -g^2 score dt + g dw, with g^2 dt = 2 sigma^2 d ln sigma.

    As the public library ``score_models`` (0.5.11) does it: drift and diffusion are those of the step's end, and the
    last step adds no noise.
    """
    sigmas = sampler.sigmas
    for step, (here, there) in enumerate(pairwise(sigmas), start=1):
        share = 2.0 * math.log(here / there)  # g^2 dt / sigma^2
        x = x + share * (denoise(x, there) - x)
        if step < sampler.steps:
            x = x + math.sqrt(share) * there * noise()
        x = checked(x, sampler, step, there)
    return _cleaned(denoise, sampler, x, sigmas[-1])


def predictor_corrector(denoise: Denoise, noise: Noise, sampler: Sampler, x: Tensor) -> Tensor:
    """Take reverse-diffusion steps, each corrected by annealed Langevin steps (Song et al. 2021, algorithm 2).

    The Langevin step is 2 (snr |z| / |score|)^2 with the norms of each row, not their mean over the batch: a sample
    must not depend on its neighbours. The norms of a row of n numbers scatter, which widens the samples by about
    2 / n: nothing for maps, 3 % for n = 64. The Langevin step itself widens them by snr^2 / 2.
    """
    sigmas = sampler.sigmas
    for step, (here, there) in enumerate(pairwise(sigmas), start=1):
        variance = here**2 - there**2
        x = x + (variance / here**2) * (denoise(x, here) - x) + math.sqrt(variance) * noise()
        for _ in range(sampler.corrector_steps):
            x = _corrected(denoise, noise(), sampler, x, there)
        x = checked(x, sampler, step, there)
    return _cleaned(denoise, sampler, x, sigmas[-1])


def _corrected(denoise: Denoise, z: Tensor, sampler: Sampler, x: Tensor, sigma: float) -> Tensor:
    score = (denoise(x, sigma) - x) / sigma**2
    size = 2.0 * (sampler.corrector_snr * _norm(z) / _norm(score)) ** 2
    return x + size * score + torch.sqrt(2.0 * size) * z


def _norm(x: Tensor) -> Tensor:
    """Return the Euclidean norm of each row, (batch, 1, ...)."""
    return x.flatten(1).norm(dim=1).reshape(-1, *[1] * (x.ndim - 1))


def _cleaned(denoise: Denoise, sampler: Sampler, x: Tensor, sigma: float) -> Tensor:
    return checked(denoise(x, sigma), sampler, sampler.moves, 0.0) if sampler.denoise else x
