"""The parts of a U-Net (Ronneberger, Fischer & Brox 2015): an encoder that halves, a decoder that doubles.

Each level is two 3 x 3 convolutions with batch normalisation. A *condition*, a few numbers per cluster that hold for
the whole map (which views are there, the redshift), shifts the features of every level: no pixel has to carry it.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from zwicky.core.errors import ConfigError


class Level(nn.Module):
    """Two convolutions, each with normalisation and ReLU, and the condition added in between.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    n_condition : int
        Numbers of the condition; 0 for none.
    """

    def __init__(self, n_in: int, n_out: int, n_condition: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, kernel_size=3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(n_out)
        self.shift = nn.Linear(n_condition, n_out, bias=False) if n_condition else None
        self.second = nn.Conv2d(n_out, n_out, kernel_size=3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor, condition: Tensor | None) -> Tensor:
        """Return the features of this level, (batch, n_out, y, x)."""
        x = self.first_norm(self.first(x))
        if self.shift is not None:
            x = x + self.shift(condition)[:, :, None, None]
        x = nn.functional.relu(x)
        return nn.functional.relu(self.second_norm(self.second(x)))


class Encoder(nn.Module):
    """Levels of doubling width, each on half of the pixels of the one before.

    Parameters
    ----------
    n_in : int
        Channels of the image.
    widths : list of int
        Channels of each level.
    n_condition : int
        Numbers of the condition.
    """

    def __init__(self, n_in: int, widths: list[int], n_condition: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList([Level(a, b, n_condition) for a, b in pairwise([n_in, *widths])])

    def forward(self, x: Tensor, condition: Tensor | None) -> list[Tensor]:
        """Return the features of each level, the finest first."""
        found = []
        for i, level in enumerate(self.levels):
            x = level(nn.functional.max_pool2d(x, 2) if i else x, condition)
            found.append(x)
        return found


class Decoder(nn.Module):
    """From the coarsest features back to the pixels, each level beside what the encoder had there.

    Parameters
    ----------
    widths : list of int
        Channels of each level, the finest first.
    n_condition : int
        Numbers of the condition.
    """

    def __init__(self, widths: list[int], n_condition: int) -> None:
        super().__init__()
        pairs = list(pairwise(widths))
        self.ups = nn.ModuleList([nn.ConvTranspose2d(b, a, kernel_size=2, stride=2) for a, b in pairs])
        self.levels = nn.ModuleList([Level(2 * a, a, n_condition) for a, _ in pairs])

    def forward(self, features: list[Tensor], condition: Tensor | None) -> Tensor:
        """Return the features of the finest level."""
        x = features[-1]
        for i in reversed(range(len(self.levels))):
            x = self.levels[i](torch.cat([features[i], self.ups[i](x)], dim=1), condition)
        return x


class Merger(nn.Module):
    """Merge the levels of several encoders into those of one, by a 1 x 1 convolution each.

    Parameters
    ----------
    n_encoders : int
    encoder_widths, widths : list of int
        Channels of each level, of one encoder and of the decoder.
    """

    def __init__(self, n_encoders: int, encoder_widths: list[int], widths: list[int]) -> None:
        super().__init__()
        self.merge = nn.ModuleList(
            [nn.Conv2d(n_encoders * a, b, kernel_size=1) for a, b in zip(encoder_widths, widths, strict=True)]
        )

    def forward(self, of_encoders: list[list[Tensor]]) -> list[Tensor]:
        """Return the merged features of each level."""
        by_level = zip(*of_encoders, strict=True)
        return [merge(torch.cat(parts, dim=1)) for merge, parts in zip(self.merge, by_level, strict=True)]


def level_widths(width: int, depth: int, n_pixels: int) -> list[int]:
    """Return the channels of each level: ``width`` on the finest, doubled at each halving of the map.

    Raises
    ------
    ConfigError
        If the map cannot be halved so often.
    """
    check_halvings(n_pixels, depth, "model.depth")
    return [width * 2**i for i in range(depth)]


def check_halvings(n_pixels: int, depth: int, where: str) -> None:
    """Raise a ConfigError if a map of so many pixels per side cannot have so many resolutions."""
    if n_pixels % 2 ** (depth - 1):
        raise ConfigError(
            "A map of this size cannot be halved so often.",
            where=where,
            expected=f"n_pixels that 2^(depth - 1) = {2 ** (depth - 1)} divides",
            got=f"n_pixels {n_pixels}, depth {depth}",
            fix="take fewer resolutions, or another grid",
        )
