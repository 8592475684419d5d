"""Mean and standard deviation of log10 in each pixel of several maps at once: the first half of a fast posterior.

The U-Net of de Andres et al. 2024 (``unet_parts``) with two images for each target. Its answer is what a diffusion
model standardises with (``residual_maps``): what is left to be drawn has, roughly, mean 0 and variance 1 everywhere.
It is taught by the Gaussian log-likelihood whose gradient is weighted by the standard deviation (beta = 1/2 of Seitzer
et al. 2022, equation 5), as ``any_view``.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from zwicky.core.config import Config
from zwicky.models.base import Batch, Model
from zwicky.models.map_scaling import LogScaling
from zwicky.models.unet import in_single_precision
from zwicky.models.unet_parts import Decoder, Encoder, level_widths

LOG_SD_RANGE = (-5.0, 2.0)
"""Of the standardised map: from 0.7 % of its spread to seven times that."""


class MapMomentsSettings(Config):
    """Settings of the network for mean and standard deviation.

    Attributes
    ----------
    kind : "map_moments"
        Names this model in an experiment file.
    n_views, n_targets, n_pixels, width, depth : int
        Maps in and out, pixels per side, filters of the finest level, resolutions.
    beta : float [1]
        Power of the variance that weighs the likelihood; 0 is the plain one.
    """

    kind: Literal["map_moments"] = "map_moments"
    n_views: int = Field(default=2, ge=1)
    n_targets: int = Field(default=2, ge=1)
    n_pixels: int = Field(default=128, ge=2)
    width: int = Field(default=30, ge=1)
    depth: int = Field(default=5, ge=1)
    beta: float = Field(default=0.5, ge=0.0, le=1.0)


class MapMoments(Model):
    """Views in; mean and standard deviation of log10 of each target out."""

    validation_batch: ClassVar[int] = 64

    def __init__(self, config: MapMomentsSettings) -> None:
        super().__init__()
        self.config: MapMomentsSettings = config
        widths = level_widths(config.width, config.depth, config.n_pixels)
        self.encoder = Encoder(config.n_views, widths, 0)
        self.decoder = Decoder(widths, 0)
        self.head = nn.Conv2d(config.width, 2 * config.n_targets, kernel_size=1)
        self.views = LogScaling(config.n_views, config.n_pixels)
        self.target = LogScaling(config.n_targets, config.n_pixels)

    def fit_scaling(self, batch: Batch) -> None:
        """Fix mean maps and standard deviations."""
        assert batch.target is not None
        self.views.fit(batch.maps)
        self.target.fit(batch.target)

    def _answer(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and ln sd of the standardised log10, each (batch, target, y, x)."""
        features = self.decoder(self.encoder(self.views.into(maps), None), None)
        mean, log_sd = in_single_precision(self.head, features).chunk(2, dim=1)
        return mean, log_sd.clamp(*LOG_SD_RANGE)

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean Gaussian -log likelihood of the standardised log10, without its constant.

        In training it carries the beta weights; in validation it is the plain one.
        """
        assert batch.target is not None
        mean, log_sd = self._answer(batch.maps)
        pull = (self.target.into(batch.target) - mean) * torch.exp(-log_sd)
        likelihood = log_sd + 0.5 * pull.square()
        if not self.training:
            return likelihood.mean()
        return (likelihood * torch.exp(2.0 * self.config.beta * log_sd.detach())).mean()

    def moments(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of log10, each (batch, target, y, x) [dex of the kept unit]."""
        mean, log_sd = self._answer(batch.maps)
        return self.target.mean + self.target.sd * mean, self.target.sd * torch.exp(log_sd)
