"""The contract of every network that weighs clusters.

A model owns its loss and its way to answer: the training loop and the inference know nothing else about it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zwicky.core.config import Config


@dataclass(frozen=True)
class Batch:
    """Observations that a model sees together.

    Parameters
    ----------
    maps : (batch, channel, y, x) Tensor
        In the kept units of the channels, as stored: scaling is the model's affair.
    redshift : (batch,) Tensor [1]
    log10_mass : (batch,) Tensor [dex of Msun], optional
        The truth; None when the model is asked, not taught.
    """

    maps: Tensor
    redshift: Tensor
    log10_mass: Tensor | None = None


@dataclass(frozen=True)
class GaussianMass:
    """A Gaussian in log10 M for each cluster.

    Parameters
    ----------
    mean, sd : (batch,) Tensor [dex of Msun]
    """

    mean: Tensor
    sd: Tensor


class MassModel(nn.Module, ABC):
    """A network from maps and redshift to the mass."""

    config: Config

    @abstractmethod
    def fit_scaling(self, batch: Batch) -> None:
        """Fix the scaling of inputs and targets; called once, with the whole training set."""

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss of a batch, a scalar."""

    @abstractmethod
    def predict(self, batch: Batch) -> GaussianMass:
        """Answer with a mean and a standard deviation per cluster."""

    def fit_error(self, prediction: GaussianMass, log10_mass: Tensor) -> None:
        """Learn the size of the errors from held-out clusters; for models whose loss does not teach it."""

    def sample(self, batch: Batch, n: int, generator: torch.Generator) -> Tensor:
        """Return n samples of log10 M for each cluster, (sample, batch) [dex of Msun]."""
        answer = self.predict(batch)
        noise = torch.randn((n, *answer.mean.shape), generator=generator, device=answer.mean.device)
        return answer.mean + answer.sd * noise

    def features(self, batch: Batch) -> Tensor:
        """Return what the network extracted from each cluster, (batch, feature): for the out-of-domain score."""
        raise NotImplementedError(f"{type(self).__name__} exposes no features")

    @property
    def n_parameters(self) -> int:
        """Number of trained numbers."""
        return sum(p.numel() for p in self.parameters())


def as_batch(maps: Tensor, redshift: Tensor, log10_mass: Tensor | None = None) -> Batch:
    """Return a batch in single precision."""
    mass = None if log10_mass is None else log10_mass.float()
    return Batch(maps.float(), redshift.float(), mass)
