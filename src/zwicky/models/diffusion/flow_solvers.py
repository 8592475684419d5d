"""Solvers of the probability flow: a sample is a function of its first noise alone.

In half-log-SNR lambda = -ln sigma the flow of a variance-exploding process with data prediction is, exactly (Lu et
al. 2022, DPM-Solver++, proposition 4.1 with alpha = 1),

    x(l) = exp(-h) x(s) + exp(-l) int_s^l exp(u) D(u) du,   h = l - s,

and a multistep solver replaces D(u) by a polynomial through its last evaluations.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise

from torch import Tensor

from zwicky.models.diffusion.sampler import Denoise, Noise, Sampler, checked


def euler(denoise: Denoise, noise: Noise, sampler: Sampler, x: Tensor) -> Tensor:  # noqa: ARG001
    """Take Euler steps of dx / d sigma = (x - D) / sigma, which is DDIM of a variance-exploding process."""
    for step, (here, there) in enumerate(pairwise(sampler.sigmas), start=1):
        x = checked(denoise(x, here).lerp(x, there / here), sampler, step, there)
    return x


def heun(denoise: Denoise, noise: Noise, sampler: Sampler, x: Tensor) -> Tensor:  # noqa: ARG001
    """Take Heun's steps (Karras et al. 2022, algorithm 1); the step to sigma = 0 is Euler's."""
    for step, (here, there) in enumerate(pairwise(sampler.sigmas), start=1):
        slope = (x - denoise(x, here)) / here
        x_there = x + (there - here) * slope
        if there > 0.0:
            slope_there = (x_there - denoise(x_there, there)) / there
            x_there = x + (there - here) * (slope + slope_there) / 2.0
        x = checked(x_there, sampler, step, there)
    return x


def dpm2m(denoise: Denoise, noise: Noise, sampler: Sampler, x: Tensor) -> Tensor:  # noqa: ARG001
    """Take DPM-Solver++(2M) steps (Lu et al. 2022, algorithm 2); first order at the start and into sigma = 0."""
    return _multistep(denoise, sampler, x, order=2)


def dpm3m(denoise: Denoise, noise: Noise, sampler: Sampler, x: Tensor) -> Tensor:  # noqa: ARG001
    """Take third-order multistep steps of DPM-Solver++; lower orders at the start and into sigma = 0."""
    return _multistep(denoise, sampler, x, order=3)


def _multistep(denoise: Denoise, sampler: Sampler, x: Tensor, order: int) -> Tensor:
    past: deque[tuple[float, Tensor]] = deque(maxlen=order)  # (lambda, D), the newest first
    for step, (here, there) in enumerate(pairwise(sampler.sigmas), start=1):
        past.appendleft((-math.log(here), denoise(x, here)))
        x = _landed(x, past[0][1], sampler) if there == 0.0 else _advanced(x, past, -math.log(there))
        x = checked(x, sampler, step, there)
    return x


def _landed(x: Tensor, denoised: Tensor, sampler: Sampler) -> Tensor:
    """Return the end of the flow, from its last noise level: see ``Sampler.landing``.

    For a Gaussian of spread s the flow takes x to x / sqrt(1 + sigma^2 / s^2), and D = x / (1 + sigma^2 / s^2): half
    way between x and D is right to the first order in sigma^2 / s^2, D itself is too narrow by half of that.
    """
    return denoised if sampler.landing == "tweedie" else 0.5 * (x + denoised)


def _advanced(x: Tensor, past: deque[tuple[float, Tensor]], l_there: float) -> Tensor:
    """Return x one step on, with as many orders as there are evaluations.

    With D'(s), D''(s) from divided differences, the exact integral of the Taylor polynomial is
    phi_1 D + h phi_2 D' + h^2 phi_3 D'' with phi_1 = 1 - e^-h, h phi_2 = h - phi_1 and h^2 phi_3 = h^2 / 2 - h phi_2
    (Lu et al. 2022, appendix A). Order two takes the paper's own form, phi_1 h D' / 2, which agrees to that order.
    """
    l_here, d_here = past[0]
    h = l_there - l_here
    phi_1 = -math.expm1(-h)
    x = x * math.exp(-h) + phi_1 * d_here
    if len(past) == 1:
        return x
    l_1, d_1 = past[1]
    slope_1 = (d_here - d_1) / (l_here - l_1)
    if len(past) == 2:
        return x + 0.5 * h * phi_1 * slope_1
    l_2, d_2 = past[2]
    slope_2 = (d_1 - d_2) / (l_1 - l_2)
    half_curvature = (slope_1 - slope_2) / (l_here - l_2)
    slope = slope_1 + half_curvature * (l_here - l_1)
    return x + (h - phi_1) * slope + (h * h - 2.0 * (h - phi_1)) * half_curvature
