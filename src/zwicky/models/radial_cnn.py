"""The default mass network: DeepPlanck's convolutions, a radial profile, the redshift, and a Gaussian answer.

What it changes, and why:

* The published network averages its last feature maps over the whole stamp and so forgets where the cluster is. Beside
  that average this one reads the mean of the map in rings around the centre, which for a round cluster in
  homogeneous noise holds all the information there is.
* Redshift enters the dense layers, so that one network serves all redshifts.
* It answers with a mean and a standard deviation of log10 M, taught by the Gaussian log-likelihood.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from zwicky.core.config import Config
from zwicky.models.base import Batch, GaussianMass, MassModel


class RadialCNNSettings(Config):
    """Settings of the default network.

    Attributes
    ----------
    kind : "radial_cnn"
        Names this model in an experiment file.
    n_pixels : int
        Pixels per side of the stamp.
    n_rings : int
        Rings between the centre and the stamp's edge, wider outwards.
    filters : tuple of int
        Filters of the convolution blocks; each block halves the map.
    hidden : tuple of int
        Widths of the dense layers.
    dropout : float
        After each dense layer.
    """

    kind: Literal["radial_cnn"] = "radial_cnn"
    n_pixels: int = 96
    n_rings: int = 24
    filters: tuple[int, ...] = (16, 32, 64)
    hidden: tuple[int, ...] = (128, 128)
    dropout: float = 0.0


def ring_weights(n_pixels: int, n_rings: int) -> Tensor:
    """Return the averages over rings as a matrix, (n_pixels^2, ring); rows outside the inscribed circle are zero.

    The first ring is the pixels within one pixel of the centre; further ones widen outwards, to three pixels.
    """
    axis = torch.arange(n_pixels) - (n_pixels - 1) / 2
    radius = torch.hypot(axis[:, None], axis[None, :]).flatten()
    edges = 1 + (n_pixels / 2 - 1) * (torch.arange(n_rings) / (n_rings - 1)) ** 1.3
    ring = torch.bucketize(radius, edges)
    weights = nn.functional.one_hot(ring, n_rings + 1)[:, :n_rings].float()
    return weights / weights.sum(0).clamp(min=1)


class RadialCNN(MassModel):
    """Convolutions and rings, redshift, and a Gaussian in log10 M."""

    def __init__(self, config: RadialCNNSettings) -> None:
        super().__init__()
        self.config: RadialCNNSettings = config
        blocks: list[nn.Module] = [nn.AvgPool2d(2)]  # a beam of six pixels holds nothing finer
        widths = (1, *config.filters)
        for n_in, n_out in pairwise(widths):
            blocks += [nn.Conv2d(n_in, n_out, kernel_size=3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]
        self.convolutions = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        n_in = config.filters[-1] + 2 * config.n_rings + 3
        dense: list[nn.Module] = []
        for width in config.hidden:
            dense += [nn.Linear(n_in, width), nn.SiLU(), nn.Dropout(config.dropout)]
            n_in = width
        self.dense = nn.Sequential(*dense)
        self.head = nn.Linear(n_in, 2)
        self.rings: Tensor
        self.pixel_sd: Tensor
        self.ring_sd: Tensor
        self.target: Tensor
        self.register_buffer("rings", ring_weights(config.n_pixels, config.n_rings), persistent=False)
        self.register_buffer("pixel_sd", torch.ones(()))
        self.register_buffer("ring_sd", torch.ones(config.n_rings))
        self.register_buffer("target", torch.tensor([14.5, 0.5]))

    def fit_scaling(self, batch: Batch) -> None:
        """Take the noise of pixels and of rings as half their 16-84 % range, which clusters hardly widen."""
        assert batch.log10_mass is not None
        levels = torch.tensor([0.16, 0.84])
        pixels = batch.maps[:2000, 0, ::7, ::7].flatten()
        low, high = torch.quantile(pixels[:: max(1, len(pixels) // 1_000_000)], levels)
        self.pixel_sd.copy_(0.5 * (high - low))
        rings = torch.cat([chunk.flatten(1) @ self.rings for chunk in batch.maps.split(512)])
        low, high = torch.quantile(rings[:100_000], levels, dim=0)
        self.ring_sd.copy_(torch.minimum(0.5 * (high - low), self.pixel_sd))
        self.target[0], self.target[1] = batch.log10_mass.mean(), batch.log10_mass.std()

    def features(self, batch: Batch) -> Tensor:
        """Return the last hidden layer, (batch, feature)."""
        maps = batch.maps
        profile = maps.flatten(1) @ self.rings / self.ring_sd
        z = batch.redshift[:, None]
        inputs = [
            self.convolutions(torch.asinh(maps / self.pixel_sd)),
            torch.asinh(profile),
            0.1 * profile.clamp(-30, 30),  # linear: sums of faint rings are matched filters
            torch.log(z),
            z,
            torch.log1p(z),
        ]
        return self.dense(torch.cat(inputs, dim=1))

    def _standardised(self, batch: Batch) -> tuple[Tensor, Tensor]:
        mean, log_sd = self.head(self.features(batch)).unbind(1)
        return mean, log_sd.clamp(-5.0, 2.0)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean Gaussian -log likelihood of the standardised log10 M, without its constant."""
        assert batch.log10_mass is not None
        mean, log_sd = self._standardised(batch)
        truth = (batch.log10_mass - self.target[0]) / self.target[1]
        return (log_sd + 0.5 * ((truth - mean) * torch.exp(-log_sd)).square()).mean()

    def predict(self, batch: Batch) -> GaussianMass:
        """Return mean and standard deviation of log10 M."""
        mean, log_sd = self._standardised(batch)
        return GaussianMass(self.target[0] + self.target[1] * mean, self.target[1] * torch.exp(log_sd))
