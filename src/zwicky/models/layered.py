"""Mass networks that are two lists of layers: convolutions, then dense layers that may be told more than the maps.

Because nothing but layers stands between maps and outputs, many such networks can be run as one (``models.stacked``).
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from zwicky.models.base import Batch, GaussianMass, MassModel
from zwicky.models.count_stretch import CountStretch
from zwicky.models.mass_heads import MassHead


class LayeredMass(MassModel):
    """Stretched counts, convolutions, dense layers, and a head that reads the mass.

    Parameters
    ----------
    stretch : CountStretch
    convolutions : nn.Sequential
        From maps (batch, band, y, x) to features (batch, feature).
    dense : nn.Sequential
        From features and ``scalars`` to the head's outputs; its last layer is linear.
    head : MassHead
    """

    def __init__(
        self, stretch: CountStretch, convolutions: nn.Sequential, dense: nn.Sequential, head: MassHead
    ) -> None:
        super().__init__()
        self.stretch, self.convolutions, self.dense, self.head = stretch, convolutions, dense, head

    @abstractmethod
    def scalars(self, batch: Batch) -> Tensor:
        """Return what the dense layers are told beside the features, (batch, scalar); the same for all members."""

    def fit_scaling(self, batch: Batch) -> None:
        """Take the stretch of the counts, and mean and standard deviation of log10 M."""
        assert batch.log10_mass is not None
        self.stretch.fit(batch.maps)
        self.head.fit(batch.log10_mass)

    def joined(self, batch: Batch) -> Tensor:
        """Return what enters the dense layers, (batch, feature)."""
        return torch.cat([self.convolutions(self.stretch(batch.maps)), self.scalars(batch)], dim=1)

    def features(self, batch: Batch) -> Tensor:
        """Return the last hidden layer, (batch, feature)."""
        return self.dense[:-1](self.joined(batch))

    def judged(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss of outputs, (batch, output)."""
        assert batch.log10_mass is not None
        return self.head.losses(outputs, batch.log10_mass).mean()

    def answered(self, outputs: Tensor) -> GaussianMass:
        """Return the mass that outputs stand for, (batch, output)."""
        return self.head.answer(outputs)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean loss of a batch."""
        return self.judged(self.dense(self.joined(batch)), batch)

    def predict(self, batch: Batch) -> GaussianMass:
        """Return mean and standard deviation of log10 M."""
        return self.answered(self.dense(self.joined(batch)))

    def fit_error(self, prediction: GaussianMass, log10_mass: Tensor) -> None:
        """Learn the size of the errors, if the loss does not teach it."""
        self.head.fit_error(prediction, log10_mass)
