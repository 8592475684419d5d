"""The network that weighs clusters in mock eFEDS images of ten energy bands.

Krippendorf et al. 2024, A&A 682, A132, figure 3; the number of filters and 'same' padding from a thesis that rebuilt it
and counts 0.30 million parameters. There one flips and turns the images while training: ``training.augment``.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from zwicky.core.config import Config
from zwicky.models.base import Batch
from zwicky.models.count_stretch import CountStretch, Stretch
from zwicky.models.layered import LayeredMass
from zwicky.models.mass_heads import GaussianHead


class ErositaCNNSettings(Config):
    """Settings of the network.

    Attributes
    ----------
    kind : "erosita_cnn"
        Names this model in an experiment file.
    n_bands, n_pixels : int
        Images per cluster, and pixels per side.
    filters : int
        Of both convolutions; the published figure says 10, the published number of parameters 20.
    hidden : int
        Width of the two dense layers.
    stretch : "counts", "sqrt" or "asinh"
        As of ``CountStretch``.
    weighting : "none" or "uniform_mass"
        Each cluster counts the same in the loss; or each of ``weight_bins`` equal intervals of log10 M does, as if the
        training set were uniform in log M.
    weight_bins : int
    """

    kind: Literal["erosita_cnn"] = "erosita_cnn"
    n_bands: int = Field(default=10, ge=1)
    n_pixels: int = Field(default=50, ge=4)
    filters: int = Field(default=20, ge=1)
    hidden: int = Field(default=100, ge=1)
    stretch: Stretch = "counts"
    weighting: Literal["none", "uniform_mass"] = "none"
    weight_bins: int = Field(default=20, ge=1)


class MassWeights(nn.Module):
    """Weights with which every interval of log10 M between the least and the greatest counts the same.

    Parameters
    ----------
    n_bins : int
    """

    def __init__(self, n_bins: int) -> None:
        super().__init__()
        self.range: Tensor
        self.weight: Tensor
        self.register_buffer("range", torch.tensor([14.0, 15.0]))  # [dex of Msun]
        self.register_buffer("weight", torch.ones(n_bins))

    def _bin(self, log10_mass: Tensor) -> Tensor:
        place = (log10_mass - self.range[0]) / (self.range[1] - self.range[0]) * len(self.weight)
        return place.long().clamp(0, len(self.weight) - 1)

    def fit(self, log10_mass: Tensor) -> None:
        """Count training clusters; their mean weight is 1."""
        self.range.copy_(torch.stack([log10_mass.min(), log10_mass.max()]))
        counts = torch.bincount(self._bin(log10_mass), minlength=len(self.weight))
        occupied = counts > 0
        # An empty interval has no clusters to weigh; a validation cluster that falls there counts as one.
        self.weight.copy_(
            torch.where(occupied, len(log10_mass) / (occupied.sum() * counts.clamp(min=1)), 1.0)
        )

    def forward(self, log10_mass: Tensor) -> Tensor:
        """Return the weight of each cluster, (batch,); beyond the ends that of the nearest interval."""
        return self.weight[self._bin(log10_mass)]


class ErositaCNN(LayeredMass):
    """Two small convolutions, the redshift beside their features, two dense layers, and a Gaussian in log10 M."""

    def __init__(self, config: ErositaCNNSettings) -> None:
        half, width = config.n_pixels // 2, config.hidden
        convolutions = nn.Sequential(
            *_same(config.n_bands, config.filters, config.n_pixels),
            nn.AvgPool2d(2),
            *_same(config.filters, config.filters, half),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        head = GaussianHead()
        dense = nn.Sequential(
            nn.Linear(config.filters * (half // 2) ** 2 + 1, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, head.n_outputs),
        )  # fmt: skip
        super().__init__(CountStretch(config.n_bands, config.stretch), convolutions, dense, head)
        self.config: ErositaCNNSettings = config
        self.weights = MassWeights(config.weight_bins) if config.weighting == "uniform_mass" else None

    def scalars(self, batch: Batch) -> Tensor:
        """Return the redshift, (batch, 1)."""
        return batch.redshift[:, None]

    def fit_scaling(self, batch: Batch) -> None:
        """Take the stretch of the counts, mean and standard deviation of log10 M, and the weights."""
        super().fit_scaling(batch)
        if self.weights is not None and batch.log10_mass is not None:
            self.weights.fit(batch.log10_mass)

    def judged(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss of outputs, (batch, output), each with its weight."""
        if self.weights is None:
            return super().judged(outputs, batch)
        assert batch.log10_mass is not None
        return (self.weights(batch.log10_mass) * self.head.losses(outputs, batch.log10_mass)).mean()


def _same(n_in: int, n_out: int, n_pixels: int) -> list[nn.Module]:
    """Return a convolution of 2 x 2 pixels that keeps the map's size: as in TensorFlow, zeros stand right and below.

    If the size is odd, a pooling that halves it drops the last row and column, the only ones that see those zeros.
    They are then left out.
    """
    zeros = [nn.ZeroPad2d((0, 1, 0, 1))] if n_pixels % 2 == 0 else []
    return [*zeros, nn.Conv2d(n_in, n_out, kernel_size=2), nn.ReLU(inplace=True)]
