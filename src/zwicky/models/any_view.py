"""One network for any subset of the views, which says in every pixel how sure it is.

It differs from the published network in three things:

* In training each cluster loses some of its views at random. What is missing is *declared*: its stem is replaced by a
  learned vector, and the list of what is there shifts the features of every level. A missing view is never read, so
  that its pixels may hold anything, also NaN; a map of zeros, which is a possible sky, is another thing.
* It answers with a mean and a standard deviation of log10 in each pixel, taught by the Gaussian log-likelihood. Its
  gradient is weighted by the standard deviation (beta = 1/2 of Seitzer et al. 2022, equation 5): the plain likelihood
  neglects the mean where the error is large.
* It may be told the redshift.
"""

from __future__ import annotations

from itertools import product
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from zwicky.core.config import Config
from zwicky.models.base import Batch, LogNormalMap, MapModel
from zwicky.models.galaxies import with_galaxies
from zwicky.models.map_scaling import LogScaling
from zwicky.models.unet import begun_linear, fit_shortcut, in_single_precision
from zwicky.models.unet_parts import Decoder, Encoder, level_widths

LOG_SD_RANGE = (-5.0, 2.0)
"""Of the standardised map: from 0.7 % of its spread to seven times that."""


class AnyViewSettings(Config):
    """Settings of the network for any subset of views.

    Attributes
    ----------
    kind : "any_view"
        Names this model in an experiment file.
    n_views, n_pixels, width, depth : int
        As of the published network.
    all_views : float [1]
        How often a cluster keeps all its views in training; all other subsets share the rest evenly.
    with_redshift : bool
        Tell the network log10(1 + z).
    beta : float [1]
        Power of the variance that weighs the likelihood; 0 is the plain one.
    galaxies : int, optional
        Number of the view that shows the stars, in the unit of the target: where it is there, the galaxies' term is
        added (``models.galaxies``).
    shortcut : bool
        Add the best linear map of the views that are there to the answer (``models.linear_shortcut``).
    """

    kind: Literal["any_view"] = "any_view"
    n_views: int = Field(default=3, ge=1)
    n_pixels: int = Field(default=80, ge=2)
    width: int = Field(default=30, ge=1)
    depth: int = Field(default=5, ge=1)
    all_views: float = Field(default=0.25, gt=0.0, le=1.0)
    with_redshift: bool = False
    beta: float = Field(default=0.5, ge=0.0, le=1.0)
    galaxies: int | None = Field(default=None, ge=0)
    shortcut: bool = False


class AnyView(MapModel):
    """Any subset of views in; mean and standard deviation of the map of all matter out."""

    def __init__(self, config: AnyViewSettings) -> None:
        super().__init__()
        self.config: AnyViewSettings = config
        widths = level_widths(config.width, config.depth, config.n_pixels)
        n_condition = config.n_views + int(config.with_redshift)
        self.stem = nn.Conv2d(config.n_views, config.width, kernel_size=3, padding=1, bias=False)
        self.absent = nn.Parameter(torch.zeros(config.n_views, config.width))
        self.encoder = Encoder(config.width, widths, n_condition)
        self.decoder = Decoder(widths, n_condition)
        n_images = 2 + int(config.galaxies is not None) + int(config.shortcut)
        self.head = nn.Conv2d(config.width, n_images, kernel_size=1)
        self.shortcut = begun_linear(self.head, config.n_views, config.n_pixels) if config.shortcut else None
        self.views = LogScaling(config.n_views, config.n_pixels)
        self.target = LogScaling(1, config.n_pixels)
        self.subsets: Tensor
        self.redshift: Tensor
        self.register_buffer("subsets", torch.tensor(subsets_of(config.n_views)), persistent=False)
        self.register_buffer("redshift", torch.tensor([0.0, 1.0]))

    def fit_scaling(self, batch: Batch) -> None:
        """Fix mean maps and standard deviations."""
        assert batch.target is not None
        self.views.fit(batch.maps)
        self.target.fit(batch.target[:, None])
        fit_shortcut(self.shortcut, self.views, self.target, batch)
        log_z = torch.log10(1.0 + batch.redshift)
        self.redshift[0], self.redshift[1] = log_z.mean(), log_z.std().clamp(min=1e-3)

    def _answer(self, batch: Batch, present: Tensor) -> tuple[Tensor, Tensor]:
        """Return the median of log10 [dex] and ln of its standard deviation in units of the scaling's."""
        views = torch.where(present[:, :, None, None], self.views.into(batch.maps), 0.0)
        absent = (~present).to(self.absent.dtype) @ self.absent
        x = nn.functional.relu(self.stem(views) + absent[:, :, None, None])
        condition = present.to(views.dtype)
        if self.config.with_redshift:
            z = (torch.log10(1.0 + batch.redshift) - self.redshift[0]) / self.redshift[1]
            condition = torch.cat([condition, z[:, None]], dim=1)
        features = self.decoder(self.encoder(x, condition), condition)
        images = in_single_precision(self.head, features)
        standardised = images[:, 0]
        if self.shortcut is not None:
            standardised = standardised + (1.0 + images[:, -1]) * self.shortcut(views, present)
        median, log_sd = self.target.back(standardised), images[:, 1].clamp(*LOG_SD_RANGE)
        if self.config.galaxies is not None:
            stars, there = (one[:, self.config.galaxies] for one in (batch.maps, present))
            median = with_galaxies(median, stars, images[:, 2], there)
        return median, log_sd

    def _drawn(self, n: int, device: torch.device) -> Tensor:
        """Draw which views each cluster keeps, (n, view) bool; the first subset is all of them."""
        others = len(self.subsets) - 1
        odds = torch.full((len(self.subsets),), (1.0 - self.config.all_views) / max(others, 1))
        odds[0] = self.config.all_views
        return self.subsets[torch.multinomial(odds, n, replacement=True).to(device)]

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean Gaussian -log likelihood of the standardised log10, without its constant.

        In training the views are drawn, the beta weights are on, and the L1 loss of the published network is added,
        whose minimum is the same median; in validation row i has subset i modulo their number, and the likelihood is
        the plain one.
        """
        assert batch.target is not None
        n, device = len(batch.maps), batch.maps.device
        if batch.present is not None:
            present = batch.present
        elif self.training:
            present = self._drawn(n, device)
        else:
            present = self.subsets[torch.arange(n, device=device) % len(self.subsets)]
        median, log_sd = self._answer(batch, present)
        truth = torch.log10(batch.target)
        pull = (truth - median) / self.target.sd[0] * torch.exp(-log_sd)
        likelihood = log_sd + 0.5 * pull.square()
        if not self.training:
            return likelihood.mean()
        weight = torch.exp(2.0 * self.config.beta * log_sd.detach())
        return (likelihood * weight).mean() + self.target.l1(median, truth)

    def predict(self, batch: Batch) -> LogNormalMap:
        """Return median and standard deviation of log10."""
        present = batch.present
        if present is None:
            present = torch.ones(batch.maps.shape[:2], dtype=torch.bool, device=batch.maps.device)
        median, log_sd = self._answer(batch, present)
        return LogNormalMap(median, self.target.sd[0] * torch.exp(log_sd))


def subsets_of(n_views: int) -> list[list[bool]]:
    """Return all subsets of the views that are not empty, all of them first."""
    every = [list(one) for one in product([True, False], repeat=n_views)]
    return every[:-1]
