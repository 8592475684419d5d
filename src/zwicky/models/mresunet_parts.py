"""The trunk of mResUNet (Gupta & Reichardt 2020, section 2.1): an encoder, a bridge and a decoder of dilated blocks.

A block is four sub-stages, each a 3 x 3 convolution, SELU and batch normalisation with what came in added to it. Their
dilations are 1 to 4 on the way down, so that a block of four reaches 21 pixels across, and 4 to 1 on the way up. The
filters double where the map is halved, by the stride of a block's first convolution. What the encoder had after its
second and fourth sub-stages goes over to the decoder's block of the same size.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from zwicky.core.errors import ConfigError

N_BLOCKS = 4
"""Of the encoder: 64, 128, 256 and 512 filters in the paper."""


class SubStage(nn.Module):
    """Convolution, SELU, normalisation, and the input added.

    Where the channels or the size change, the input passes a 1 x 1 convolution with the same stride first: without one
    there is nothing that could be added.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    dilation : int
    stride : int
        2 halves the map.
    """

    def __init__(self, n_in: int, n_out: int, dilation: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            n_in, n_out, kernel_size=3, padding=dilation, dilation=dilation, stride=stride
        )
        self.norm = nn.BatchNorm2d(n_out)
        same = n_in == n_out and stride == 1
        self.passed = nn.Identity() if same else nn.Conv2d(n_in, n_out, kernel_size=1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, n_out, y, x), of half the size with a stride of 2."""
        return self.norm(nn.functional.selu(self.convolution(x))) + self.passed(x)


class DownBlock(nn.Module):
    """Dilations 1, 2, 3, 4; what it had after the second and the fourth is handed over.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    stride : int
        Of the first convolution.
    """

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            [SubStage(n_in, n_out, 1, stride), *(SubStage(n_out, n_out, d) for d in (2, 3, 4))]
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the features after dilations 2 and 4."""
        second = self.stages[1](self.stages[0](x))
        return second, self.stages[3](self.stages[2](second))


class UpBlock(nn.Module):
    """Doubled in size, then dilations 4, 3, 2, 1; beside the first and third what the encoder handed over.

    Parameters
    ----------
    n_in, n_over, n_out : int
        Channels of the coarser features, of those handed over, and of the answer.
    dropout : float
        Of channels, before each convolution.
    """

    def __init__(self, n_in: int, n_over: int, n_out: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.stages = nn.ModuleList(
            [
                SubStage(n_in + n_over, n_in, 4),
                SubStage(n_in, n_in, 3),
                SubStage(n_in + n_over, n_in, 2),
                SubStage(n_in, n_out, 1),
            ]
        )

    def forward(self, x: Tensor, second: Tensor, fourth: Tensor) -> Tensor:
        """Return (batch, n_out, 2 y, 2 x)."""
        x = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
        x = self.stages[0](self.dropout(torch.cat([x, fourth], dim=1)))
        x = self.stages[1](self.dropout(x))
        x = self.stages[2](self.dropout(torch.cat([x, second], dim=1)))
        return self.stages[3](self.dropout(x))


class Trunk(nn.Module):
    """Maps in, features of the finest and of the coarsest level out.

    Parameters
    ----------
    n_in : int
        Channels of the maps.
    width : int
        Filters of the finest level; doubled at each halving, of which there are three.
    n_pixels : int
        Pixels per side.
    dropout : float
        In the decoder. The paper says "decoding phase" in its section 2.1 and "encoding phase" in its section 3.

    Raises
    ------
    ConfigError
        If the map cannot be halved three times.
    """

    def __init__(self, n_in: int, width: int, n_pixels: int, dropout: float) -> None:
        super().__init__()
        if n_pixels % 2 ** (N_BLOCKS - 1):
            raise ConfigError(
                "A map of this size cannot be halved three times.",
                where="model.n_pixels",
                expected="a multiple of 8",
                got=n_pixels,
            )
        widths = [width * 2**i for i in range(N_BLOCKS)]
        self.down = nn.ModuleList(
            [DownBlock(a, b, 1 if i == 0 else 2) for i, (a, b) in enumerate(pairwise([n_in, *widths]))]
        )
        self.bridge = SubStage(widths[-1], widths[-2], 1)
        self.up = nn.ModuleList(
            [UpBlock(widths[i], widths[i], widths[max(i - 1, 0)], dropout) for i in (2, 1, 0)]
        )

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return (batch, width, y, x) and (batch, 8 width, y / 8, x / 8)."""
        over = []
        x = maps
        for block in self.down:
            second, x = block(x)
            over.append((second, x))
        coarsest, x = x, self.bridge(x)
        for block, (second, fourth) in zip(self.up, reversed(over[:-1]), strict=True):
            x = block(x, second, fourth)
        return x, coarsest
