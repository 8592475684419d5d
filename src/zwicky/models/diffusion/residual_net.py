"""A small network for many evaluations: what it makes of the views is computed once, and added level by level.

An encoder runs over the condition and leaves features on every level. The denoiser is a U-Net of residual blocks that
adds them to its own: of its work nothing depends on the views but these sums. The noise level scales and shifts the
features of each block. Skips are added, not stacked, which halves the width of the way up.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, silu

from zwicky.core.config import Config
from zwicky.models.diffusion.network import Context, DiffusionNetwork, added
from zwicky.models.unet_parts import check_halvings

GROUP = 8
"""Channels of a group whose mean and variance are normalised together."""


class ResidualNetSettings(Config):
    """Settings of the small network.

    Attributes
    ----------
    kind : "residual_net"
        Names this network in the settings of a model.
    width : int
        Channels of the finest level, a multiple of 8; they grow by as many at each halving.
    depth : int
        Resolutions.
    encoder_blocks, blocks : int
        Residual blocks on each level of the encoder, and on each level of the denoiser, down and up.
    """

    kind: Literal["residual_net"] = "residual_net"
    width: int = Field(default=32, ge=8, multiple_of=8)
    depth: int = Field(default=4, ge=1)
    encoder_blocks: int = Field(default=1, ge=1)
    blocks: int = Field(default=1, ge=1)


class ResidualNet(DiffusionNetwork):
    """Noisy maps, noise level and context in; as many maps out.

    Parameters
    ----------
    config : ResidualNetSettings
    n_channels, n_condition, n_pixels : int
        Maps to denoise, maps of the condition, pixels per side.

    Raises
    ------
    ConfigError
        If the pixels cannot be halved so often.
    """

    def __init__(self, config: ResidualNetSettings, n_channels: int, n_condition: int, n_pixels: int) -> None:
        super().__init__()
        check_halvings(n_pixels, config.depth, "network.depth")
        widths = [config.width * (i + 1) for i in range(config.depth)]
        n_noise = 4 * config.width
        self.encoder = ConditionEncoder(n_condition, widths, config.encoder_blocks)
        self.noise = NoiseEmbedding(n_noise)
        self.stem = nn.Conv2d(n_channels, widths[0], kernel_size=3, padding=1)
        self.down = nn.ModuleList([_stage(width, n_noise, config.blocks) for width in widths])
        self.up = nn.ModuleList([_stage(width, n_noise, config.blocks) for width in widths[:-1]])
        pairs = list(pairwise(widths))
        self.widen = nn.ModuleList([nn.Conv2d(a, b, kernel_size=1) for a, b in pairs])
        self.narrow = nn.ModuleList([nn.Conv2d(b, a, kernel_size=1) for a, b in pairs])
        self.head_norm = nn.GroupNorm(config.width // GROUP, config.width)
        self.head = nn.Conv2d(config.width, n_channels, kernel_size=3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def encode(self, condition: Tensor) -> Context:
        """Return the features of the condition on each level, the finest first."""
        return self.encoder(condition)

    def forward(self, x: Tensor, noise: Tensor, context: Context) -> Tensor:
        """Return the answer, of the shape of ``x``; zero before any training."""
        embedding = self.noise(noise)
        h, kept = self.stem(x), []
        for i, stage in enumerate(self.down):
            if i:
                h = self.widen[i - 1](avg_pool2d(h, 2))
            h = _through(stage, added(h, context[i]), embedding)
            kept.append(h)
        for i in reversed(range(len(self.up))):
            h = interpolate(self.narrow[i](h), scale_factor=2.0, mode="nearest") + kept[i]
            h = _through(self.up[i], h * math.sqrt(0.5), embedding)
        return self.head(silu(self.head_norm(h)))


class ResidualBlock(nn.Module):
    """Two convolutions beside the identity; the noise level, if any, scales and shifts what is between them."""

    def __init__(self, width: int, n_noise: int) -> None:
        super().__init__()
        self.first_norm = nn.GroupNorm(width // GROUP, width)
        self.first = nn.Conv2d(width, width, kernel_size=3, padding=1)
        self.second_norm = nn.GroupNorm(width // GROUP, width)
        self.second = nn.Conv2d(width, width, kernel_size=3, padding=1)
        self.modulate = nn.Linear(n_noise, 2 * width) if n_noise else None
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        """Return the features, (row, width, y, x)."""
        h = self.second_norm(self.first(silu(self.first_norm(x))))
        if self.modulate is not None:
            scale, shift = self.modulate(embedding)[:, :, None, None].chunk(2, dim=1)
            h = torch.addcmul(shift, h, 1.0 + scale)
        return x + self.second(silu(h))


class ConditionEncoder(nn.Module):
    """Features of the condition on every level; of the denoiser's widths."""

    def __init__(self, n_condition: int, widths: list[int], n_blocks: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(n_condition, widths[0], kernel_size=3, padding=1)
        self.stages = nn.ModuleList([_stage(width, 0, n_blocks) for width in widths])
        pairs = pairwise(widths)
        self.widen = nn.ModuleList([nn.Conv2d(a, b, kernel_size=1) for a, b in pairs])

    def forward(self, condition: Tensor) -> list[Tensor]:
        """Return the features of each level, the finest first, (cluster, width, y, x)."""
        h, found = self.stem(condition), []
        for i, stage in enumerate(self.stages):
            if i:
                h = self.widen[i - 1](avg_pool2d(h, 2))
            h = _through(stage, h, None)
            found.append(h)
        return found


class NoiseEmbedding(nn.Module):
    """The noise level as a vector: sines and cosines of it, then two dense layers."""

    def __init__(self, n_out: int, n_waves: int = 16) -> None:
        super().__init__()
        self.waves: Tensor
        # The noise number spans about 3: from one half wave across it to some twenty.
        self.register_buffer("waves", torch.logspace(0.0, 1.3, n_waves), persistent=False)
        self.first = nn.Linear(2 * n_waves, n_out)
        self.second = nn.Linear(n_out, n_out)

    def forward(self, noise: Tensor) -> Tensor:
        """Return the embedding of noise numbers (row,), (row, n_out)."""
        phase = noise.float()[:, None] * self.waves
        return silu(self.second(silu(self.first(torch.cat([phase.sin(), phase.cos()], dim=1)))))


def _stage(width: int, n_noise: int, n_blocks: int) -> nn.ModuleList:
    return nn.ModuleList([ResidualBlock(width, n_noise) for _ in range(n_blocks)])


def _through(stage: nn.Module, h: Tensor, embedding: Tensor | None) -> Tensor:
    assert isinstance(stage, nn.ModuleList)
    for block in stage:
        h = block(h, embedding)
    return h
