"""How the last numbers of a network become a mass, and what they are taught by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from zwicky.models.base import GaussianMass
from zwicky.models.deepplanck import half_range


class MassHead(nn.Module, ABC):
    """A reading of a network's outputs, which stand for log10 M less its mean over the training set, over its sd.

    Attributes
    ----------
    n_outputs : int
        Numbers per cluster that it reads.
    target : (2,) Tensor [dex of Msun]
        Mean and standard deviation of log10 M.
    """

    n_outputs: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        self.target: Tensor
        self.register_buffer("target", torch.tensor([14.5, 0.5]))

    def fit(self, log10_mass: Tensor) -> None:
        """Take mean and standard deviation of the training set's log10 M, (n,)."""
        self.target.copy_(torch.stack([log10_mass.mean(), log10_mass.std()]))

    @abstractmethod
    def losses(self, outputs: Tensor, log10_mass: Tensor) -> Tensor:
        """Return the loss of each cluster, (batch,), from outputs (batch, output) and the truth (batch,)."""

    @abstractmethod
    def answer(self, outputs: Tensor) -> GaussianMass:
        """Return mean and standard deviation of log10 M, from outputs (batch, output)."""

    def fit_error(self, prediction: GaussianMass, log10_mass: Tensor) -> None:
        """Learn the size of the errors from held-out clusters, where the loss does not teach it."""


class PointHead(MassHead):
    """One number, taught by its squared error; its own error is one constant, from held-out clusters."""

    n_outputs: ClassVar[int] = 1

    def __init__(self) -> None:
        super().__init__()
        self.error_sd: Tensor
        self.register_buffer("error_sd", torch.tensor(0.1))  # [dex]; set by fit_error

    def losses(self, outputs: Tensor, log10_mass: Tensor) -> Tensor:
        """Return the squared errors of the standardised log10 M, (batch,)."""
        return (outputs[:, 0] - (log10_mass - self.target[0]) / self.target[1]).square()

    def answer(self, outputs: Tensor) -> GaussianMass:
        """Return the number, with the constant error."""
        mean = self.target[0] + self.target[1] * outputs[:, 0]
        return GaussianMass(mean, self.error_sd.expand_as(mean))

    def fit_error(self, prediction: GaussianMass, log10_mass: Tensor) -> None:
        """Set the error to half the 16-84 % range of held-out residuals."""
        self.error_sd.copy_(half_range(prediction.mean - log10_mass))


class GaussianHead(MassHead):
    """A mean and the logarithm of a standard deviation, taught by the Gaussian likelihood."""

    n_outputs: ClassVar[int] = 2

    def _standardised(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_sd = outputs.unbind(1)
        return mean, log_sd.clamp(-5.0, 2.0)

    def losses(self, outputs: Tensor, log10_mass: Tensor) -> Tensor:
        """Return ln sd + (error / sd)^2 / 2, (batch,), with sd and error in dex: -log likelihood but for a constant.

        In dex, not in units of the training set's scatter, so that curves stand beside published ones.
        """
        mean, log_sd = self._standardised(outputs)
        truth = (log10_mass - self.target[0]) / self.target[1]
        return torch.log(self.target[1]) + log_sd + 0.5 * ((truth - mean) * torch.exp(-log_sd)).square()

    def answer(self, outputs: Tensor) -> GaussianMass:
        """Return mean and standard deviation of log10 M."""
        mean, log_sd = self._standardised(outputs)
        return GaussianMass(self.target[0] + self.target[1] * mean, self.target[1] * torch.exp(log_sd))
