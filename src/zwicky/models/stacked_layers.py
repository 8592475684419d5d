"""The layers of many networks run as one: grouped convolutions, batched products, in tiles that fit a cache.

Weights carry the member in front, (member, ...). Two facts make it faster than one network after the other: members
that see the same maps share the first convolution's reading of them, and a tile's features are still in the cache when
the next layer takes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

CONVOLVING: Final = (
    nn.Conv2d, nn.ReLU, nn.SiLU, nn.AvgPool2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.ZeroPad2d, nn.Flatten,
)  # fmt: skip
DENSE: Final = (nn.Linear, nn.ReLU, nn.SiLU, nn.Dropout)
"""What is known to be run as one: layers with weights by their own rule, the others channel by channel."""

TILE_BYTES: Final = 4 << 20
"""Of the first convolution's features of a tile. Measured on 1 MiB of second-level cache: half or twice is as good."""


@dataclass(frozen=True)
class _Tile:
    """Members and maps that are taken at once."""

    members: int
    maps: int


def can_stack(convolutions: nn.Sequential, dense: nn.Sequential) -> bool:
    """Say whether networks of these layers can be run as one."""
    plain = all(_is_plain(layer) for layer in convolutions if isinstance(layer, nn.Conv2d))
    known = all(isinstance(layer, CONVOLVING) for layer in convolutions)
    return plain and known and all(isinstance(layer, DENSE) for layer in dense)


def _is_plain(layer: nn.Conv2d) -> bool:
    return layer.groups == 1 and layer.padding_mode == "zeros"


def convolved(
    layers: nn.Sequential, maps: Tensor | Sequence[Tensor], n_members: int, *, shared: bool
) -> Tensor:
    """Run convolutions, from maps to flat features.

    Parameters
    ----------
    layers : nn.Sequential
        Ends with ``nn.Flatten``; weights (member, ...).
    maps : (batch, channel, y, x) Tensor, or one for each member
    n_members : int
    shared : bool
        Whether all members see the same maps.

    Returns
    -------
    (member, batch, feature) Tensor
    """
    first = maps if isinstance(maps, Tensor) else maps[0]
    tile = _tile(layers, first, n_members, shared=shared)
    found = []
    for start in range(0, n_members, tile.members):
        part = slice(start, min(start + tile.members, n_members))
        seen = first if shared else torch.cat(list(maps[part]), dim=1)
        weights = _folded(layers, part)
        rows = [
            _walk(layers, weights, piece, part.stop - part.start, shared=shared)
            for piece in seen.split(tile.maps)
        ]
        found.append(torch.cat(rows))
    return torch.cat(found, dim=1).transpose(0, 1)


def _tile(layers: nn.Sequential, maps: Tensor, n_members: int, *, shared: bool) -> _Tile:
    if maps.device.type != "cpu":
        return _Tile(n_members, len(maps))
    widest = next(layer for layer in layers if isinstance(layer, nn.Conv2d)).out_channels
    bytes_each = 4 * widest * maps.shape[-1] * maps.shape[-2]
    # Members with maps of their own share nothing, and one plain convolution is faster than one in groups.
    # Two maps, because torch takes a slow path for a single small one.
    members = min(n_members, max(1, TILE_BYTES // (2 * bytes_each))) if shared else 1
    return _Tile(members, max(2, TILE_BYTES // (members * bytes_each)))


def _folded(layers: nn.Sequential, part: slice) -> dict[nn.Conv2d, tuple[Tensor, Tensor | None]]:
    """Return weights and biases of some members side by side, as one convolution in groups has them."""
    found: dict[nn.Conv2d, tuple[Tensor, Tensor | None]] = {}
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            weight = channels_last(layer.weight[part].flatten(0, 1))
            found[layer] = (weight, None if layer.bias is None else layer.bias[part].flatten())
    return found


def channels_last(images: Tensor) -> Tensor:
    """Lay out images or filters with their channels innermost, and say so even where one channel looks like either.

    ``contiguous`` leaves the strides of one channel as they are, and then all that follows is in the slower layout.
    """
    return images.to(memory_format=torch.channels_last)


def _walk(
    layers: nn.Sequential,
    weights: dict[nn.Conv2d, tuple[Tensor, Tensor | None]],
    maps: Tensor,
    n_members: int,
    *,
    shared: bool,
) -> Tensor:
    """Return (batch, member, feature) from maps (batch, channel, y, x), or (batch, member * channel, y, x)."""
    hidden = channels_last(maps)
    groups = 1 if shared else n_members
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            weight, bias = weights[layer]
            hidden = functional.conv2d(
                hidden, weight, bias, layer.stride, layer.padding, layer.dilation, groups
            )
            groups = n_members  # from here on each has features of its own
        elif isinstance(layer, nn.Flatten):
            hidden = hidden.reshape(len(hidden), n_members, -1)
        else:
            hidden = layer(hidden)
    return hidden


def densely(layers: nn.Sequential, hidden: Tensor, generators: Sequence[torch.Generator] | None) -> Tensor:
    """Run dense layers, (member, batch, feature) to (member, batch, output).

    Parameters
    ----------
    layers : nn.Sequential
        Weights (member, ...).
    hidden : (member, batch, feature) Tensor
    generators : sequence of Generator, optional
        For the dropout of each member; without them it comes from torch's own generator.
    """
    for layer in layers:
        if isinstance(layer, nn.Linear):
            hidden = torch.baddbmm(layer.bias[:, None], hidden, layer.weight.transpose(1, 2))
        elif isinstance(layer, nn.Dropout) and layer.training and generators is not None:
            hidden = hidden * _kept(hidden, 1.0 - layer.p, generators)
        else:
            hidden = cast(Tensor, layer(hidden))
    return hidden


def _kept(hidden: Tensor, share: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Return what dropout multiplies by: the numbers that each member draws when it is alone."""
    drawn = [torch.empty(hidden.shape[1:]).bernoulli_(share, generator=one) for one in generators]
    return torch.stack(drawn).div_(share).to(hidden)
