"""NCSN++ (Song et al. 2021), the network of Hsu et al. 2024: a U-Net of residual blocks that knows the noise level.

Its input is also shown, halved, to each coarser level ("input skip"), and each level adds its own answer to the doubled
answer of the coarser one ("output skip"). The condition is concatenated to the noisy maps. The same function as
``score_models`` 0.5.11 (MIT licence) computes with its default settings; the tests compare them.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from zwicky.core.config import Config
from zwicky.models.diffusion.fir import Double, Halve
from zwicky.models.diffusion.ncsnpp_parts import (
    Attention,
    NoiseEmbedding,
    Reading,
    ResidualBlock,
    conv1x1,
    conv3x3,
)
from zwicky.models.diffusion.network import Context, DiffusionNetwork, per_sample
from zwicky.models.unet_parts import check_halvings


class NCSNppSettings(Config):
    """Settings of the network; those that are not given are the published ones.

    Attributes
    ----------
    kind : "ncsnpp"
        Names this network in an experiment file.
    n_channels : int
        Maps that are denoised.
    n_condition : int
        Maps that are known.
    n_pixels : int
        Pixels per side: a multiple of 2^(number of levels - 1).
    width : int
        Filters of the first convolution; an even number.
    multipliers : tuple of int
        Filters of each level, the finest first, in units of ``width``.
    blocks : int
        Residual blocks of each level on the way down; one more on the way up.
    fourier_scale : float
        Standard deviation of the frequencies of the noise embedding.
    fir_kernel : tuple of float
        Taps of the filter that halves and doubles, an even number.
    attention : bool
        Self-attention on the coarsest level.
    dropout : float
        Fraction of features that a training step forgets.
    init_scale : float
        Variance of the last weights of each block when training begins, of the usual one.
    """

    kind: Literal["ncsnpp"] = "ncsnpp"
    n_channels: int = Field(default=2, ge=1)
    n_condition: int = Field(default=2, ge=0)
    n_pixels: int = Field(default=64, ge=1)
    width: int = Field(default=128, ge=4, multiple_of=2)
    multipliers: tuple[PositiveInt, ...] = Field(default=(2, 2, 2, 2), min_length=1)
    blocks: int = Field(default=2, ge=1)
    fourier_scale: float = Field(default=16.0, gt=0)
    fir_kernel: tuple[PositiveFloat, ...] = Field(default=(1.0, 3.0, 3.0, 1.0), min_length=2)
    attention: bool = True
    dropout: float = Field(default=0.0, ge=0, lt=1)
    init_scale: float = Field(default=1e-2, gt=0, le=1)


class NCSNpp(DiffusionNetwork):
    """Noisy maps, their noise level and the condition in; one number per pixel of the noisy maps out.

    Parameters
    ----------
    config : NCSNppSettings

    Raises
    ------
    ConfigError
        If the pixels cannot be halved so often, or the filter has an odd number of taps.
    """

    def __init__(self, config: NCSNppSettings) -> None:
        super().__init__()
        self.config = config
        check_halvings(config.n_pixels, len(config.multipliers), "network.multipliers")
        widths = [config.width * multiplier for multiplier in config.multipliers]
        n_image = config.n_channels + config.n_condition
        block = partial(
            ResidualBlock,
            n_embedding=4 * config.width,
            fir_kernel=config.fir_kernel,
            dropout=config.dropout,
            init_scale=config.init_scale,
        )
        self.coarser, self.finer = Halve(config.fir_kernel), Double(config.fir_kernel)
        self.embedding = NoiseEmbedding(config.width, config.fourier_scale)

        self.first = conv3x3(n_image, config.width)
        self.halvings = nn.ModuleList([block(n, n, resolution="half") for n in widths[:-1]])
        self.joins = nn.ModuleList([conv1x1(n_image, n) for n in widths[:-1]])
        n_features = [config.width]  # channels of everything that the way up is shown
        self.down = nn.ModuleList()
        for level, n in enumerate(widths):
            if level:
                n_features.append(n_features[-1])
            self.down.append(
                nn.ModuleList([block(n_features[-1] if i == 0 else n, n) for i in range(config.blocks)])
            )
            n_features += config.blocks * [n]

        n = widths[-1]
        self.bottom = nn.ModuleList([block(n, n), block(n, n)])
        self.attention = Attention(n, config.init_scale) if config.attention else nn.Identity()

        self.up, self.readings = nn.ModuleList(), nn.ModuleList()
        for n_level in reversed(widths):
            blocks = nn.ModuleList()
            for _ in range(config.blocks + 1):
                blocks.append(block(n + n_features.pop(), n_level))
                n = n_level
            self.up.append(blocks)
            self.readings.append(Reading(n_level, config.n_channels, config.init_scale))
        self.doublings = nn.ModuleList([block(n, n, resolution="double") for n in reversed(widths[1:])])

    def encode(self, condition: Tensor) -> Context:
        """Return the condition, (cluster, channel, y, x), as it is: it is concatenated to the noisy maps."""
        return [condition]

    def forward(self, x: Tensor, noise: Tensor, context: Context) -> Tensor:
        """Return the network's answer, (cluster * sample, channel, y, x)."""
        embedding = self.embedding(noise)
        image = torch.cat([x, per_sample(context[0], len(x))], dim=1)
        features = self._down(image.contiguous(memory_format=torch.channels_last), embedding)
        h = self.bottom[0](features[-1], embedding)
        h = self.bottom[1](self.attention(h), embedding)
        return self._up(h, features, embedding)

    def _down(self, image: Tensor, embedding: Tensor) -> list[Tensor]:
        """Return the features after every step, the finest first."""
        features = [self.first(image)]
        for level, blocks in enumerate(self.down):
            assert isinstance(blocks, nn.ModuleList)
            if level:
                image = self.coarser(image)
                h = self.halvings[level - 1](features[-1], embedding)
                features.append(h + self.joins[level - 1](image))
            for block in blocks:
                features.append(block(features[-1], embedding))
        return features

    def _up(self, h: Tensor, features: list[Tensor], embedding: Tensor) -> Tensor:
        """Return the sum of what is read at each level, taking the features of the way down one by one."""
        answer: Tensor | None = None
        for level, blocks in enumerate(self.up):
            assert isinstance(blocks, nn.ModuleList)
            if level:
                h = self.doublings[level - 1](h, embedding)
            for block in blocks:
                h = block(torch.cat([h, features.pop()], dim=1), embedding)
            part = self.readings[level](h)
            answer = part if answer is None else self.finer(answer) + part
        assert answer is not None
        return answer
