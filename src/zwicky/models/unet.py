"""The U-Net of de Andres et al. 2024: from one view or several to the map of all matter.

The paper states ten layers, about seven million trained numbers and an L1 loss, and shows the generator of pix2pix
(Isola et al. 2017) as its network. Two convolutions on each of five resolutions, 80-40-20-10-5, with 30 filters on the
finest make ten layers on the way down, and 6.8 million numbers. Its five models are settings of this one:

* ``star``, ``sz``, ``xray``: one view;
* ``multi1``: the views stacked as channels of one encoder;
* ``multi3``: one encoder for each view, merged level by level into one decoder.

What the paper does not state is chosen here: maps are logarithms less the mean map (``map_scaling``).
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from zwicky.core.config import Config
from zwicky.models.base import Batch, LogNormalMap, MapModel
from zwicky.models.galaxies import with_galaxies
from zwicky.models.linear_shortcut import LinearShortcut
from zwicky.models.map_scaling import CHUNK, LogScaling
from zwicky.models.unet_parts import Decoder, Encoder, Merger, level_widths


class UNetSettings(Config):
    """Settings of the published network.

    Attributes
    ----------
    kind : "unet"
        Names this model in an experiment file.
    n_views : int
        Maps that it is given.
    n_pixels : int
        Pixels per side: a multiple of 2^(depth - 1).
    width : int
        Filters of the finest level; doubled at each halving.
    depth : int
        Resolutions.
    encoders : "stacked" or "separate"
        One encoder for all views, or one for each.
    encoder_width : int
        Filters of the finest level of each separate encoder. 17 and a width of 30 have as many numbers as one
        encoder of 30.
    galaxies : int, optional
        Number of the view that shows the stars, in the unit of the target: adds the galaxies' term
        (``models.galaxies``). Not in the published network.
    shortcut : bool
        Add the best linear map to the answer (``models.linear_shortcut``). Not in the published network.
    """

    kind: Literal["unet"] = "unet"
    n_views: int = Field(default=3, ge=1)
    n_pixels: int = Field(default=80, ge=2)
    width: int = Field(default=30, ge=1)
    depth: int = Field(default=5, ge=1)
    encoders: Literal["stacked", "separate"] = "stacked"
    encoder_width: int = Field(default=17, ge=1)
    galaxies: int | None = Field(default=None, ge=0)
    shortcut: bool = False


class UNet(MapModel):
    """Views in, the map of all matter out."""

    def __init__(self, config: UNetSettings) -> None:
        super().__init__()
        self.config: UNetSettings = config
        widths = level_widths(config.width, config.depth, config.n_pixels)
        if config.encoders == "separate":
            narrow = level_widths(config.encoder_width, config.depth, config.n_pixels)
            self.encoders = nn.ModuleList([Encoder(1, narrow, 0) for _ in range(config.n_views)])
            self.merger: Merger | None = Merger(config.n_views, narrow, widths)
        else:
            self.encoders = nn.ModuleList([Encoder(config.n_views, widths, 0)])
            self.merger = None
        self.decoder = Decoder(widths, 0)
        n_images = 1 + int(config.galaxies is not None) + int(config.shortcut)
        self.head = nn.Conv2d(config.width, n_images, kernel_size=1)
        self.shortcut = begun_linear(self.head, config.n_views, config.n_pixels) if config.shortcut else None
        self.views = LogScaling(config.n_views, config.n_pixels)
        self.target = LogScaling(1, config.n_pixels)

    def fit_scaling(self, batch: Batch) -> None:
        """Fix mean maps and standard deviations."""
        assert batch.target is not None
        self.views.fit(batch.maps)
        self.target.fit(batch.target[:, None])
        fit_shortcut(self.shortcut, self.views, self.target, batch)

    def log10_median(self, maps: Tensor) -> Tensor:
        """Return the answer to views, (batch, view, y, x) in their kept units, as log10, (batch, y, x)."""
        views = self.views.into(maps)
        parts = views.split(1, dim=1) if self.merger is not None else [views]
        features = [encoder(part, None) for encoder, part in zip(self.encoders, parts, strict=True)]
        merged = features[0] if self.merger is None else self.merger(features)
        images = in_single_precision(self.head, self.decoder(merged, None))
        standardised = images[:, 0]
        if self.shortcut is not None:
            there = torch.ones(views.shape[:2], dtype=torch.bool, device=views.device)
            standardised = standardised + (1.0 + images[:, -1]) * self.shortcut(views, there)
        smooth = self.target.back(standardised)
        if self.config.galaxies is None:
            return smooth
        return with_galaxies(smooth, maps[:, self.config.galaxies], images[:, 1])

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean absolute error (L1) of logarithm and density."""
        assert batch.target is not None
        return self.target.l1(self.log10_median(batch.maps), torch.log10(batch.target))

    def predict(self, batch: Batch) -> LogNormalMap:
        """Return the median of log10; this network knows no error."""
        median = self.log10_median(batch.maps)
        return LogNormalMap(median, torch.zeros_like(median))


def begun_linear(head: nn.Conv2d, n_views: int, n_pixels: int) -> LinearShortcut:
    """Return a shortcut, and let the network begin with it: with nothing of its own, and no objection to it.

    The first image of the head is what the network adds; the last is by how much more, or less, it trusts the shortcut.
    """
    assert head.bias is not None
    for image in (0, -1):
        nn.init.zeros_(head.weight[image])
        nn.init.zeros_(head.bias[image])
    return LinearShortcut(n_views, n_pixels)


def fit_shortcut(
    shortcut: LinearShortcut | None, views: LogScaling, target: LogScaling, batch: Batch
) -> None:
    """Fit a shortcut, if there is one, on standardised training maps."""
    if shortcut is not None:
        assert batch.target is not None
        pairs = zip(batch.maps.split(CHUNK), batch.target.split(CHUNK), strict=True)
        shortcut.fit(torch.cat([views.into(m), target.into(t[:, None])], dim=1) for m, t in pairs)


def in_single_precision(head: nn.Module, features: Tensor) -> Tensor:
    """Apply the last layer in float32 whatever the network's precision: bfloat16 has three digits."""
    with torch.autocast(features.device.type, enabled=False):
        return head(features.float())
