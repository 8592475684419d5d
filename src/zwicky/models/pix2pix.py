"""The conditional adversarial network that de Andres et al. 2024 tried: pix2pix (Isola et al. 2017) around the U-Net.

A discriminator looks at patches of the answer beside the views and says whether they are true; the U-Net learns to
deceive it, and to be near the truth in L1. Both learn in one step: the discriminator sees the answer without its
history, the generator sees the discriminator without its weights.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call

from zwicky.core.config import Config
from zwicky.models.base import Batch, LogNormalMap, MapModel
from zwicky.models.unet import UNet, UNetSettings, in_single_precision


class Pix2PixSettings(Config):
    """Settings of the adversarial network.

    Attributes
    ----------
    kind : "pix2pix"
        Names this model in an experiment file.
    generator : UNetSettings
        The network that answers.
    discriminator_width : int
        Filters of the discriminator's first layer (64 in Isola et al. 2017).
    l1_weight : float
        Of the L1 loss beside the adversarial one (100 in Isola et al. 2017, equation 4).
    """

    kind: Literal["pix2pix"] = "pix2pix"
    generator: UNetSettings = Field(default_factory=UNetSettings)
    discriminator_width: int = Field(default=64, ge=1)
    l1_weight: float = Field(default=100.0, gt=0.0)


class PatchDiscriminator(nn.Module):
    """True or false for patches of 34 x 34 pixels: PatchGAN with two halvings, for maps of 80 rather than 256 pixels.

    Parameters
    ----------
    n_in : int
        Channels: the views and the map.
    width : int
        Filters of the first layer, doubled in each further one.
    """

    def __init__(self, n_in: int, width: int) -> None:
        super().__init__()
        widths = [width, 2 * width, 4 * width]
        layers: list[nn.Module] = [nn.Conv2d(n_in, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for (a, b), stride in zip(pairwise(widths), (2, 1), strict=True):
            layers += [
                nn.Conv2d(a, b, 4, stride, padding=1, bias=False),
                nn.BatchNorm2d(b),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Conv2d(widths[-1], 1, 4, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logit of "true" for each patch, (batch, y, x)."""
        return in_single_precision(self.head, self.layers(x))[:, 0]


class Pix2Pix(MapModel):
    """A U-Net taught by a discriminator."""

    def __init__(self, config: Pix2PixSettings) -> None:
        super().__init__()
        self.config: Pix2PixSettings = config
        self.generator = UNet(config.generator)
        self.discriminator = PatchDiscriminator(config.generator.n_views + 1, config.discriminator_width)

    def fit_scaling(self, batch: Batch) -> None:
        """Fix mean maps and standard deviations."""
        self.generator.fit_scaling(batch)

    def loss(self, batch: Batch) -> Tensor:
        """Return L1 and both adversarial losses in training; L1 alone in validation."""
        assert batch.target is not None
        scaling = self.generator.target
        answered, true = self.generator.log10_median(batch.maps), torch.log10(batch.target)
        l1 = scaling.l1(answered, true)
        if not self.training:
            return l1
        views = self.generator.views.into(batch.maps)
        answer, truth = (scaling.standardised(one)[:, None] for one in (answered, true))
        learning = 0.5 * (
            says(self.discriminator(torch.cat([views, truth], 1)), True)
            + says(self.discriminator(torch.cat([views, answer.detach()], 1)), False)
        )
        frozen = {name: weight.detach() for name, weight in self.discriminator.named_parameters()}
        deceiving = says(functional_call(self.discriminator, frozen, (torch.cat([views, answer], 1),)), True)
        return self.config.l1_weight * l1 + deceiving + learning

    def predict(self, batch: Batch) -> LogNormalMap:
        """Return the generator's answer."""
        return self.generator.predict(batch)


def says(logits: Tensor, true: bool) -> Tensor:
    """Return the cross-entropy of calling all patches true, or all false."""
    return nn.functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(true)))
