"""mResUNet as published (Gupta & Reichardt 2020): from a CMB temperature map to the cluster's SZ profile and its mass.

It is taught two images at once: the cluster's own signal, and a map that is zero but for its central pixel, which holds
the mass over the mean mass of the training set. About 16 million numbers at a width of 64.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from zwicky.core.config import Config
from zwicky.instruments.apodisation import apodisation
from zwicky.models.base import Batch, GaussianMass, MassModel
from zwicky.models.mresunet_parts import Trunk

SMALLEST = 1e-2
"""Of the mean mass: what a central pixel at or below zero is read as, so that it has a logarithm."""


class MResUNetSettings(Config):
    """Settings of the published network.

    Attributes
    ----------
    kind : "mresunet"
        Names this model in an experiment file.
    n_bands : int
        Maps that it is given: 1 in the paper, 150 GHz.
    n_pixels : int
        Pixels per side: a multiple of 8.
    width : int
        Filters of the finest level.
    dropout : float
        In the decoder.
    rim_pixels : float
        Width of the edge that is taken to zero as a cosine before the network sees a map: the paper apodises, and does
        not say how.
    """

    kind: Literal["mresunet"] = "mresunet"
    n_bands: int = Field(default=1, ge=1)
    n_pixels: int = Field(default=40, ge=8)
    width: int = Field(default=64, ge=1)
    dropout: float = Field(default=0.3, ge=0.0, lt=1.0)
    rim_pixels: float = Field(default=3.0, ge=0.0)


def window_of(n_pixels: int, rim_pixels: float) -> Tensor:
    """Return the window that maps are multiplied by; its rim must leave the inner half of the stamp alone.

    Raises
    ------
    MapError
        If it does not.
    """
    return torch.from_numpy(apodisation(n_pixels, rim_pixels, clear_pixels=n_pixels / 4)).float()


class MResUNet(MassModel):
    """Two images: SZ profile, and the mass in the central pixel.

    The network gives no error: a constant one is learnt from held-out clusters by ``fit_error``.
    """

    def __init__(self, config: MResUNetSettings) -> None:
        super().__init__()
        self.config: MResUNetSettings = config
        self.trunk = Trunk(config.n_bands, config.width, config.n_pixels, config.dropout)
        self.head = nn.Conv2d(config.width, 2, kernel_size=1)
        self.window: Tensor
        self.map_scale: Tensor
        self.target_scale: Tensor
        self.mean_mass_msun: Tensor
        self.error_sd: Tensor
        self.register_buffer("window", window_of(config.n_pixels, config.rim_pixels), persistent=False)
        self.register_buffer("map_scale", torch.ones(()))
        self.register_buffer("target_scale", torch.ones(()))
        self.register_buffer("mean_mass_msun", torch.tensor(3e14))
        self.register_buffer("error_sd", torch.tensor(0.1))  # [dex]; set by fit_error

    def fit_scaling(self, batch: Batch) -> None:
        """Divide maps, and targets, by one constant each, so that all pixels lie within -1 and 1, as in the paper."""
        assert batch.target is not None and batch.log10_mass is not None
        self.map_scale.copy_(batch.maps.abs().amax())
        self.target_scale.copy_(batch.target.abs().amax())
        self.mean_mass_msun.copy_(torch.pow(10.0, batch.log10_mass.double()).mean())

    def forward(self, maps: Tensor) -> Tensor:
        """Return both images, (batch, 2, y, x), in units of their scales."""
        return self.head(self.trunk(self.window * maps / self.map_scale)[0])

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean squared error over both images."""
        assert batch.target is not None and batch.log10_mass is not None
        middle = self.config.n_pixels // 2
        labels = torch.stack([batch.target / self.target_scale, torch.zeros_like(batch.target)], dim=1)
        labels[:, 1, middle, middle] = torch.pow(10.0, batch.log10_mass) / self.mean_mass_msun
        return (self(batch.maps) - labels).square().mean()

    def profile(self, batch: Batch) -> Tensor:
        """Return the cluster's own signal, (batch, y, x), in the unit of the target."""
        return self(batch.maps)[:, 0] * self.target_scale

    def predict(self, batch: Batch) -> GaussianMass:
        """Return the central pixel as log10 M, and the constant error."""
        middle = self.config.n_pixels // 2
        ratio = self(batch.maps)[:, 1, middle, middle].clamp(min=SMALLEST)
        mean = torch.log10(ratio * self.mean_mass_msun)
        return GaussianMass(mean, self.error_sd.expand(mean.shape))

    def fit_error(self, prediction: GaussianMass, log10_mass: Tensor) -> None:
        """Set the error to half the 16-84 % range of held-out residuals."""
        low, high = torch.quantile(prediction.mean - log10_mass, torch.tensor([0.16, 0.84]))
        self.error_sd.copy_(0.5 * (high - low))
