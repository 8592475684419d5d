"""From noise to a sample: solvers that know only a denoiser and a falling grid of noise levels.

Variance-exploding throughout: the score is (D(x; sigma) - x) / sigma^2, the probability flow
dx / d sigma = (x - D) / sigma (Karras et al. 2022, equation 3 with sigma(t) = t).
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from zwicky.models.diffusion.flow_solvers import dpm2m, dpm3m, euler, heun
from zwicky.models.diffusion.sampler import Denoise, Noise, Sampler, SolverName
from zwicky.models.diffusion.stochastic_solvers import euler_maruyama, predictor_corrector

__all__ = ["Denoise", "Noise", "Sampler", "SolverName", "draw"]

_SOLVERS: dict[SolverName, Callable[[Denoise, Noise, Sampler, Tensor], Tensor]] = {
    "euler_maruyama": euler_maruyama,
    "predictor_corrector": predictor_corrector,
    "euler": euler,
    "heun": heun,
    "dpm2m": dpm2m,
    "dpm3m": dpm3m,
}


def draw(denoise: Denoise, noise: Noise, sampler: Sampler, start: Tensor | None = None) -> Tensor:
    """Return samples of the data.

    Parameters
    ----------
    denoise : Denoise
        The denoiser D(x; sigma), with the condition inside.
    noise : Noise
        Fresh standard normal numbers of the batch's shape; called once by flow solvers, also in each step by others.
    sampler : Sampler
        Solver, grid and number of steps.
    start : Tensor, optional
        Data at noise sigma_max, to start from; else sigma_max times noise.

    Returns
    -------
    (batch, ...) Tensor

    Raises
    ------
    SamplingError
        When a row is no longer finite: it names the step, the noise level and the rows, which it also carries.
    """
    x = sampler.sigma_max * noise() if start is None else start
    return _SOLVERS[sampler.solver](denoise, noise, sampler, x)
