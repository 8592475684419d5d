"""The contracts of every network: those that weigh clusters, and those that map them.

A model owns its loss and its way to answer: the training loop and the inference know nothing else about it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zwicky.core.config import Config
from zwicky.core.randomness import Key
from zwicky.models.diffusion.sampler import Sampler


@dataclass(frozen=True)
class Batch:
    """Observations that a model sees together.

    Parameters
    ----------
    maps : (batch, channel, y, x) Tensor
        In the kept units of the channels, as stored: scaling is the model's affair.
    redshift : (batch,) Tensor [1]
    log10_mass : (batch,) Tensor [dex of Msun], optional
        The true mass; None when the model is asked, not taught.
    target : (batch, y, x) or (batch, target, y, x) Tensor, optional
        The true map, or maps, in the unit that their quantity is kept in; for models that answer with maps.
    present : (batch, channel) bool Tensor, optional
        Which views each cluster has; None if it has all. What stands in the maps of a missing view is never read.
    """

    maps: Tensor
    redshift: Tensor
    log10_mass: Tensor | None = None
    target: Tensor | None = None
    present: Tensor | None = None


@dataclass(frozen=True)
class GaussianMass:
    """A Gaussian in log10 M for each cluster.

    Parameters
    ----------
    mean, sd : (batch,) Tensor [dex of Msun]
    """

    mean: Tensor
    sd: Tensor


@dataclass(frozen=True)
class LogNormalMap:
    """A Gaussian in log10 of each pixel of a positive map.

    Parameters
    ----------
    log10_median, sd_dex : (batch, y, x) Tensor [dex of the kept unit]
        A network that knows no error answers with an ``sd_dex`` of 0.
    """

    log10_median: Tensor
    sd_dex: Tensor

    @property
    def mean(self) -> Tensor:
        """The expected map in the kept unit: 10^(m + ln(10) s^2 / 2), the mean of a log-normal."""
        return torch.pow(10.0, self.log10_median + 0.5 * math.log(10.0) * self.sd_dex.square())


class Model(nn.Module, ABC):
    """A network that can be trained.

    Attributes
    ----------
    config : Config
        Its settings.
    validation_batch : int
        Observations that it is shown at once when it is not taught.
    """

    config: Config
    validation_batch: ClassVar[int] = 512

    @abstractmethod
    def fit_scaling(self, batch: Batch) -> None:
        """Fix the scaling of inputs and targets; called once, with the whole training set."""

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss of a batch, a scalar."""

    @property
    def n_parameters(self) -> int:
        """Number of trained numbers."""
        return sum(p.numel() for p in self.parameters())


class MassModel(Model):
    """A network from maps and redshift to the mass."""

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


class MapModel(Model):
    """A network from maps to another map of the same pixels."""

    validation_batch: ClassVar[int] = 64  # its features are as large as its maps

    @abstractmethod
    def predict(self, batch: Batch) -> LogNormalMap:
        """Answer with a median and a standard deviation for each pixel."""


class SampleModel(Model):
    """A network that answers with samples of maps."""

    validation_batch: ClassVar[int] = 64

    @property
    @abstractmethod
    def default_sampler(self) -> Sampler:
        """How it is sampled unless something else is asked for."""

    @abstractmethod
    def sample(self, batch: Batch, keys: Sequence[Sequence[Key]], sampler: Sampler | None = None) -> Tensor:
        """Draw maps from the posterior of each cluster.

        Parameters
        ----------
        batch : Batch
        keys : (cluster, sample) nested sequence of Key
            Of the noise of each sample: the same sample whatever else is drawn beside it.
        sampler : Sampler, optional
            Default: ``default_sampler``.

        Returns
        -------
        (cluster, sample, target, y, x) Tensor [dex of the kept unit]

        Raises
        ------
        SamplingError
            If the solver diverges; ``rows`` are clusters.
        """


def as_batch(maps: Tensor, redshift: Tensor, log10_mass: Tensor | None = None) -> Batch:
    """Return a batch in single precision."""
    mass = None if log10_mass is None else log10_mass.float()
    return Batch(maps.float(), redshift.float(), mass)
