"""How samples are drawn: the settings of a solver, and the check after each of its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from zwicky.core.config import Config
from zwicky.core.errors import SamplingError
from zwicky.models.diffusion.schedules import GridKind, sigma_grid

Denoise = Callable[[Tensor, float], Tensor]
"""D(x; sigma): the mean of the clean data given noisy data x, (batch, ...), at one noise level."""

Noise = Callable[[], Tensor]
"""Fresh standard normal numbers of the batch's shape at each call."""

SolverName = Literal["euler_maruyama", "predictor_corrector", "euler", "heun", "dpm2m", "dpm3m"]


class Sampler(Config):
    """How samples are drawn.

    Parameters
    ----------
    solver : str
        "euler_maruyama" and "predictor_corrector" solve the reverse SDE (Song et al. 2021); "euler" (DDIM), "heun"
        (Karras et al. 2022), "dpm2m" and "dpm3m" (DPM-Solver++, Lu et al. 2022) solve the probability flow.
    steps : int
        Steps of the solver. See `evaluations` for what they cost.
    grid : {"log", "karras"}
        Spacing of the noise levels.
    sigma_min, sigma_max : float
        Where the solver ends and starts [of the data's unit].
    rho : float
        Exponent of the Karras grid.
    corrector_snr : float
        Signal-to-noise r of a Langevin step; 0.16 is the choice of Song et al. 2021 for CIFAR-10.
    corrector_steps : int
        Langevin steps after each predictor.
    denoise : bool
        Whether the last step goes to sigma = 0, by the denoiser itself (Tweedie's formula). Then flow solvers take
        their last step there; SDE solvers take one more.
    landing : "tweedie" or "half"
        Of the multistep solvers, into sigma = 0: the denoised map, or half way to it from the last noisy one. The
        second is more accurate, and lets sigma_min be larger, where nothing is narrower than sigma_min.
    """

    solver: SolverName = "dpm2m"
    steps: int = Field(default=18, ge=1)
    grid: GridKind = "log"
    sigma_min: float = Field(default=0.02, gt=0.0)
    sigma_max: float = Field(default=20.0, gt=0.0, allow_inf_nan=False)
    rho: float = Field(default=7.0, gt=0.0)
    corrector_snr: float = Field(default=0.16, gt=0.0)
    corrector_steps: int = Field(default=1, ge=1)
    denoise: bool = True
    landing: Literal["tweedie", "half"] = "tweedie"

    @model_validator(mode="after")
    def _falls(self) -> Sampler:
        if not self.sigma_min < self.sigma_max:
            raise ValueError(f"sigma_max greater than sigma_min = {self.sigma_min}")
        return self

    @property
    def evaluations(self) -> int:
        """How often one sample evaluates the denoiser."""
        last = int(self.denoise)
        match self.solver:
            case "euler_maruyama":
                return self.steps + last
            case "predictor_corrector":
                return self.steps * (1 + self.corrector_steps) + last
            case "heun":
                return 2 * self.steps - last  # the step to zero is Euler's: the slope ends at 0/0
            case _:
                return self.steps

    @property
    def sigmas(self) -> list[float]:
        """The noise levels between the steps, from sigma_max down; the last is 0 where a flow ends there."""
        to_zero = self.denoise and not self.is_stochastic
        levels = self.steps if to_zero else self.steps + 1
        grid = sigma_grid(self.grid, levels, self.sigma_min, self.sigma_max, self.rho).tolist()
        return [*grid, 0.0] if to_zero else grid

    @property
    def moves(self) -> int:
        """How many steps there are, with the last one to sigma = 0 of a solver that takes one more for it."""
        return self.steps + int(self.denoise and self.is_stochastic)

    @property
    def is_stochastic(self) -> bool:
        """Whether fresh noise enters in each step."""
        return self.solver in ("euler_maruyama", "predictor_corrector")


def checked(x: Tensor, sampler: Sampler, step: int, sigma: float) -> Tensor:
    """Return x, or raise a SamplingError that names the rows that are not finite after a step."""
    # A sum is finite unless a number is not (or it overflows, which the rows then tell): one cheap pass.
    if torch.isfinite(x.sum()):
        return x
    finite = torch.isfinite(x.flatten(1)).all(dim=1)
    rows = tuple(torch.nonzero(~finite).flatten().tolist())
    if not rows:
        return x
    raise SamplingError(
        "The sampler left the numbers.",
        where=f"step {step} of {sampler.moves} of {sampler.solver}, to sigma = {sigma:.4g}",
        expected="finite samples",
        got=f"not finite in rows {', '.join(map(str, rows))}",
        fix="look for faulty pixels in the inputs of these rows; else use more steps, or train the network longer",
        rows=rows,
    )
