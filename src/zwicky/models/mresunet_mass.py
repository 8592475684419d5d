"""mResUNet with a mass that knows its error: any mass, any redshift, one band or several.

What it changes in the published network, and why:

* The mass comes from a head of its own, as mean and standard deviation of log10 M, taught by the Gaussian likelihood.
  One pixel among 1600 is a label that the loss hardly sees, and a number without an error says nothing when it
  saturates.
* Redshift enters that head. The same decrement is another mass at another redshift.
* The head reads the cluster's signal as the decoder has cleaned it, in rings around the centre, beside the coarsest
  features and rings of the maps themselves: for a round cluster these are what a matched filter sums.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from zwicky.core.config import Config
from zwicky.models.base import Batch, GaussianMass, MassModel
from zwicky.models.mresunet import window_of
from zwicky.models.mresunet_parts import Trunk
from zwicky.models.radial_cnn import ring_weights


class MResUNetMassSettings(Config):
    """Settings of the network with a mass head.

    Attributes
    ----------
    kind : "mresunet_mass"
        Names this model in an experiment file.
    n_bands, n_pixels, width, dropout, rim_pixels
        As of ``mresunet``; no dropout, because the training sets are large.
    n_rings : int
        Rings between the centre and the stamp's edge.
    hidden : int
        Width of the head's two layers.
    profile_weight : float
        Of the squared error of the cleaned signal, beside the likelihood of the mass.
    """

    kind: Literal["mresunet_mass"] = "mresunet_mass"
    n_bands: int = Field(default=1, ge=1)
    n_pixels: int = Field(default=40, ge=8)
    width: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    rim_pixels: float = Field(default=3.0, ge=0.0)
    n_rings: int = Field(default=12, ge=2)
    hidden: int = Field(default=128, ge=1)
    profile_weight: float = Field(default=1.0, ge=0.0)


class MResUNetMass(MassModel):
    """Maps of one or several bands and the redshift in; log10 M with its error, and the cleaned signal, out."""

    def __init__(self, config: MResUNetMassSettings) -> None:
        super().__init__()
        self.config: MResUNetMassSettings = config
        self.trunk = Trunk(config.n_bands, config.width, config.n_pixels, config.dropout)
        self.image = nn.Conv2d(config.width, 1, kernel_size=1)
        n_in = 8 * config.width + config.n_rings * (config.n_bands + 1) + 2
        self.dense = nn.Sequential(
            nn.Linear(n_in, config.hidden), nn.SiLU(), nn.Linear(config.hidden, config.hidden), nn.SiLU()
        )
        self.head = nn.Linear(config.hidden, 2)
        self.window: Tensor
        self.rings: Tensor
        self.map_scale: Tensor
        self.target_scale: Tensor
        self.mass: Tensor
        self.register_buffer("window", window_of(config.n_pixels, config.rim_pixels), persistent=False)
        self.register_buffer("rings", ring_weights(config.n_pixels, config.n_rings), persistent=False)
        self.register_buffer("map_scale", torch.ones(config.n_bands, 1, 1))
        self.register_buffer("target_scale", torch.ones(()))
        self.register_buffer("mass", torch.tensor([14.5, 0.5]))  # mean and sd of log10 M

    def fit_scaling(self, batch: Batch) -> None:
        """Take the sd of each band's pixels, the mean of the signals' peaks, and mean and sd of log10 M."""
        assert batch.target is not None and batch.log10_mass is not None
        self.map_scale.copy_(batch.maps.std(dim=(0, 2, 3), keepdim=True)[0])
        self.target_scale.copy_(batch.target.abs().amax(dim=(1, 2)).mean())
        self.mass[0], self.mass[1] = batch.log10_mass.mean(), batch.log10_mass.std()

    def _both(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the cleaned signal in units of its scale, (batch, y, x), and the last hidden layer."""
        maps = batch.maps / self.map_scale
        fine, coarse = self.trunk(self.window * maps)
        signal = self.image(fine)[:, 0]
        log_z = torch.log(batch.redshift)[:, None]
        inputs = [
            coarse.mean(dim=(2, 3)),
            signal.flatten(1) @ self.rings,
            (maps.flatten(2) @ self.rings).flatten(1),
            log_z,
            torch.exp(log_z),
        ]
        return signal, self.dense(torch.cat(inputs, dim=1))

    def features(self, batch: Batch) -> Tensor:
        """Return the last hidden layer, (batch, feature)."""
        return self._both(batch)[1]

    def _standardised(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_sd = self.head(hidden).unbind(1)
        return mean, log_sd.clamp(-5.0, 2.0)

    def loss(self, batch: Batch) -> Tensor:
        """Return -log likelihood of the standardised log10 M, and the squared error of the cleaned signal."""
        assert batch.target is not None and batch.log10_mass is not None
        signal, hidden = self._both(batch)
        mean, log_sd = self._standardised(hidden)
        truth = (batch.log10_mass - self.mass[0]) / self.mass[1]
        likelihood = (log_sd + 0.5 * ((truth - mean) * torch.exp(-log_sd)).square()).mean()
        misfit = (signal - batch.target / self.target_scale).square().mean()
        return likelihood + self.config.profile_weight * misfit

    def profile(self, batch: Batch) -> Tensor:
        """Return the cluster's own signal, (batch, y, x), in the unit of the target."""
        return self._both(batch)[0] * self.target_scale

    def predict(self, batch: Batch) -> GaussianMass:
        """Return mean and standard deviation of log10 M."""
        mean, log_sd = self._standardised(self.features(batch))
        return GaussianMass(self.mass[0] + self.mass[1] * mean, self.mass[1] * torch.exp(log_sd))
