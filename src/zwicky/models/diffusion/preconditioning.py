"""How a network F becomes a denoiser: D(x; sigma) = skip x + out F(into x, noise) (Karras et al. 2022, equation 7)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from zwicky.core.errors import ConfigError
from zwicky.models.diffusion.schedules import checked_range


@dataclass(frozen=True, eq=False)
class Coefficients:
    """The four numbers of each row: D = skip x + out F(into x, noise), each (batch,)."""

    skip: Tensor
    out: Tensor
    into: Tensor
    noise: Tensor


class Preconditioning(ABC):
    """What a network is given and asked at each noise level, and what its error weighs."""

    @abstractmethod
    def coefficients(self, sigma: Tensor) -> Coefficients:
        """Return the coefficients at these noise levels, (batch,)."""

    @abstractmethod
    def weight(self, sigma: Tensor) -> Tensor:
        """Return the weight of |D - x_0|^2 in the loss, (batch,): 1 / out^2, so that F sees a unit target."""


@dataclass(frozen=True)
class VEPreconditioning(Preconditioning):
    """The variance-exploding score network of Song et al. 2021: score = F / sigma, hence D = x + sigma F.

    Parameters
    ----------
    sigma_min, sigma_max : float
        Noise levels [of the data's unit] where the time t, which the network is told, is 0 and 1.
    """

    sigma_min: float
    sigma_max: float

    def __post_init__(self) -> None:
        checked_range(self.sigma_min, self.sigma_max)

    def coefficients(self, sigma: Tensor) -> Coefficients:
        """Return skip 1, out sigma, into 1 and noise t = ln(sigma / sigma_min) / ln(sigma_max / sigma_min)."""
        one = torch.ones_like(sigma)
        time = torch.log(sigma / self.sigma_min) / math.log(self.sigma_max / self.sigma_min)
        return Coefficients(skip=one, out=sigma, into=one, noise=time)

    def weight(self, sigma: Tensor) -> Tensor:
        """Return 1 / sigma^2: denoising score matching with lambda = sigma^2 (Song et al. 2021, equation 7)."""
        return sigma**-2


@dataclass(frozen=True)
class EDMPreconditioning(Preconditioning):
    """The preconditioning of Karras et al. 2022, table 1: input and target of the network have unit variance.

    Parameters
    ----------
    sigma_data : float
        Standard deviation of the data [their unit]; 1 for a standardised residual.
    """

    sigma_data: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.sigma_data < math.inf:
            raise ConfigError(
                "This standard deviation of the data cannot be used.",
                where="sigma_data",
                expected="a positive number",
                got=self.sigma_data,
            )

    def coefficients(self, sigma: Tensor) -> Coefficients:
        """Return the four coefficients of the paper's table 1; noise is ln(sigma) / 4."""
        total = sigma**2 + self.sigma_data**2
        return Coefficients(
            skip=self.sigma_data**2 / total,
            out=sigma * self.sigma_data * total.rsqrt(),
            into=total.rsqrt(),
            noise=torch.log(sigma) / 4.0,
        )

    def weight(self, sigma: Tensor) -> Tensor:
        """Return (sigma^2 + sigma_data^2) / (sigma sigma_data)^2."""
        return (sigma**2 + self.sigma_data**2) / (sigma * self.sigma_data) ** 2
