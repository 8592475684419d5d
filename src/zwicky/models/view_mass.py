"""Weigh clusters from theory maps of several views, whose values span decades: logarithms, an encoder, and rings.

This is the scalar network that posterior maps are held against: it sees the same views, and says one mass with its
error where they say a distribution of maps. ``radial_cnn`` cannot take its place: it reads one view, in units of noise.

* Views enter as logarithms less the mean map of the training set (``map_scaling``): what is left are the differences
  between clusters, of a few standard deviations in every pixel.
* The encoder of the networks that map finds structure; the means of its coarsest features forget where it was.
* Beside them stand the means of the views in rings around the centre, the logarithmic profile: most of what is known
  about the mass, and there at once, not to be learned.
* Redshift enters standardised. Where the training set has one redshift only, it does nothing.
"""

from __future__ import annotations

from typing import Final, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from zwicky.core.config import Config
from zwicky.models.base import Batch, GaussianMass, MassModel
from zwicky.models.map_scaling import LogScaling
from zwicky.models.mass_heads import GaussianHead
from zwicky.models.radial_cnn import ring_weights
from zwicky.models.unet import in_single_precision
from zwicky.models.unet_parts import Encoder, level_widths

ONE_REDSHIFT: Final = 1e-4
"""A training set whose redshifts scatter by less has only one."""


class ViewMassSettings(Config):
    """Settings of the network that weighs views.

    Attributes
    ----------
    kind : "view_mass"
        Names this model in an experiment file.
    n_views : int
        Maps that it is given.
    n_pixels : int
        Pixels per side: a multiple of 2^(depth - 1).
    width : int
        Filters of the finest level; doubled at each halving.
    depth : int
        Resolutions.
    n_rings : int
        Rings between the centre and the map's edge.
    hidden : int
        Width of the two dense layers.
    dropout : float
        After each dense layer.
    """

    kind: Literal["view_mass"] = "view_mass"
    n_views: int = Field(default=2, ge=1)
    n_pixels: int = Field(default=64, ge=8)
    width: int = Field(default=12, ge=1)
    depth: int = Field(default=5, ge=1)
    n_rings: int = Field(default=16, ge=2)
    hidden: int = Field(default=128, ge=1)
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)


class ViewMass(MassModel):
    """Positive maps of several views and the redshift in; a mean and a standard deviation of log10 M out."""

    def __init__(self, config: ViewMassSettings) -> None:
        super().__init__()
        self.config: ViewMassSettings = config
        widths = level_widths(config.width, config.depth, config.n_pixels)
        self.encoder = Encoder(config.n_views, widths, 0)
        n_in = widths[-1] + config.n_views * config.n_rings + 1
        dense: list[nn.Module] = []
        for n in (n_in, config.hidden):
            dense += [nn.Linear(n, config.hidden), nn.SiLU(), nn.Dropout(config.dropout)]
        self.dense = nn.Sequential(*dense)
        self.last = nn.Linear(config.hidden, GaussianHead.n_outputs)
        self.head = GaussianHead()
        self.views = LogScaling(config.n_views, config.n_pixels)
        self.rings: Tensor
        self.redshift: Tensor
        self.register_buffer("rings", ring_weights(config.n_pixels, config.n_rings), persistent=False)
        self.register_buffer("redshift", torch.tensor([0.0, 1.0]))  # mean and sd

    def fit_scaling(self, batch: Batch) -> None:
        """Take the mean and the scatter of log views, of log10 M and of the redshift."""
        assert batch.log10_mass is not None
        self.views.fit(batch.maps)
        self.head.fit(batch.log10_mass)
        scatter = batch.redshift.std(correction=0)
        self.redshift[0] = batch.redshift.mean()
        self.redshift[1] = torch.where(scatter > ONE_REDSHIFT, scatter, 1.0)

    def features(self, batch: Batch) -> Tensor:
        """Return the last hidden layer, (batch, feature)."""
        views = self.views.into(batch.maps)
        redshift = (batch.redshift - self.redshift[0]) / self.redshift[1]
        inputs = [
            self.encoder(views, None)[-1].mean(dim=(2, 3)),
            (views.flatten(2) @ self.rings).flatten(1),
            redshift[:, None],
        ]
        return self.dense(torch.cat(inputs, dim=1))

    def _outputs(self, batch: Batch) -> Tensor:
        return in_single_precision(self.last, self.features(batch))

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean Gaussian -log likelihood of log10 M [dex], without its constant."""
        assert batch.log10_mass is not None
        return self.head.losses(self._outputs(batch), batch.log10_mass).mean()

    def predict(self, batch: Batch) -> GaussianMass:
        """Return mean and standard deviation of log10 M."""
        return self.head.answer(self._outputs(batch))
