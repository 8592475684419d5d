"""Noise levels: the grid that a sampler walks down, and the law that a training draws from.

Everything is variance-exploding: x_sigma = x_0 + sigma z, with z ~ N(0, 1).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from zwicky.core.errors import ConfigError

GridKind = Literal["log", "karras"]


def sigma_grid(kind: GridKind, steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> Tensor:
    """Return noise levels from sigma_max down to sigma_min, both included.

    Parameters
    ----------
    kind : {"log", "karras"}
        Equal steps of ln sigma (the geometric ladder of Song et al. 2021), or of sigma^(1/rho)
        (Karras et al. 2022, equation 5).
    steps : int
        How many levels; one level is sigma_max alone.
    sigma_min, sigma_max : float
        The ends [of the data's unit].
    rho : float
        Only for "karras": larger puts more levels at small sigma.

    Returns
    -------
    (steps,) float64 Tensor

    Raises
    ------
    ConfigError
        When the ends are not 0 < sigma_min < sigma_max, or there is no level.
    """
    checked_range(sigma_min, sigma_max)
    if steps < 1:
        raise ConfigError(
            "A grid of noise levels needs at least one level.", where="steps", expected=">= 1", got=steps
        )
    t = torch.linspace(0.0, 1.0, steps, dtype=torch.float64)
    if kind == "log":
        grid = sigma_max * (sigma_min / sigma_max) ** t
    else:
        grid = (sigma_max ** (1.0 / rho) * (1.0 - t) + sigma_min ** (1.0 / rho) * t) ** rho
    grid[-1], grid[0] = sigma_min, sigma_max  # the ends exactly, not to rounding; one level: sigma_max
    return grid


def checked_range(sigma_min: float, sigma_max: float) -> None:
    """Raise a ConfigError unless 0 < sigma_min < sigma_max < infinity."""
    if not 0.0 < sigma_min < sigma_max < math.inf:
        raise ConfigError(
            "These noise levels cannot be used.",
            where="sigma_min, sigma_max",
            expected="0 < sigma_min < sigma_max",
            got=f"{sigma_min}, {sigma_max}",
        )


class NoiseLaw(ABC):
    """The law of the noise levels that a training sees, by its quantile function."""

    @abstractmethod
    def quantile(self, probability: Tensor) -> Tensor:
        """Return the noise level below which this fraction of levels lies, of the shape given."""

    def draw(self, n: int, device: torch.device | str = "cpu") -> Tensor:
        """Return n random levels, (n,) float32, from torch's global generator, which the training seeds."""
        # Open at both ends: the normal law has no quantile at 0 or 1. Drawn on the CPU, so that the levels
        # of a training do not depend on where it runs.
        uniform = torch.rand(n, dtype=torch.float64).clamp(1e-12, 1.0 - 1e-12)
        return self.quantile(uniform).to(device=device, dtype=torch.float32)

    def quantiles(self, n: int) -> Tensor:
        """Return the (i + 1/2)/n quantiles, (n,) float32: the fixed levels of a validation."""
        probability = (torch.arange(n, dtype=torch.float64) + 0.5) / n
        return self.quantile(probability).to(torch.float32)


@dataclass(frozen=True)
class LogUniformNoise(NoiseLaw):
    """Levels uniform in ln sigma: t ~ U(0, 1) of a variance-exploding SDE (Song et al. 2021, Hsu et al. 2024).

    Parameters
    ----------
    sigma_min, sigma_max : float
        The ends [of the data's unit].
    """

    sigma_min: float
    sigma_max: float

    def __post_init__(self) -> None:
        checked_range(self.sigma_min, self.sigma_max)

    def quantile(self, probability: Tensor) -> Tensor:
        """Return sigma_min (sigma_max / sigma_min)^p."""
        return self.sigma_min * (self.sigma_max / self.sigma_min) ** probability


@dataclass(frozen=True)
class LogNormalNoise(NoiseLaw):
    """Levels normal in ln sigma (Karras et al. 2022, table 1).

    Parameters
    ----------
    log_mean, log_sd : float
        Mean and standard deviation of ln sigma; the paper takes -1.2 and 1.2 for data of sd 0.5.
    """

    log_mean: float = -1.2
    log_sd: float = 1.2

    def __post_init__(self) -> None:
        if not (math.isfinite(self.log_mean) and 0.0 < self.log_sd < math.inf):
            raise ConfigError(
                "This law of noise levels cannot be used.",
                where="log_mean, log_sd",
                expected="a finite mean and a positive standard deviation",
                got=f"{self.log_mean}, {self.log_sd}",
            )

    def quantile(self, probability: Tensor) -> Tensor:
        """Return exp(mean + sd Phi^-1(p))."""
        return torch.exp(self.log_mean + self.log_sd * torch.special.ndtri(probability))
