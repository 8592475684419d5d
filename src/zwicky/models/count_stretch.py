"""How counts of photons enter a network: stretched, then standardised band by band.

A core holds a thousand photons and the outskirts none. Standardised counts show a network the core and nothing else;
a stretch shows it both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import torch
from torch import Tensor, nn

Stretch = Literal["counts", "sqrt", "asinh"]

CHUNK: Final = 256


class CountStretch(nn.Module):
    """Stretched counts, less their mean, in units of their standard deviation; one of each per band.

    Parameters
    ----------
    n_bands : int
    stretch : "counts", "sqrt" or "asinh"
        The counts n themselves, as published networks take them; 2 sqrt(n + 3/8), of which Poisson noise has the
        same standard deviation of 1 wherever a pixel expects more than a few photons (Anscombe 1948, Biometrika 35,
        246), with what is below zero taken as zero; or asinh(n / s), with s the standard deviation of the band's
        counts in the training set: linear below s and logarithmic above, for counts with their background taken away.
    """

    def __init__(self, n_bands: int, stretch: Stretch) -> None:
        super().__init__()
        self.stretch: Stretch = stretch
        self.scale: Tensor
        self.mean: Tensor
        self.sd: Tensor
        for name in ("scale", "sd"):
            self.register_buffer(name, torch.ones(n_bands, 1, 1))
        self.register_buffer("mean", torch.zeros(n_bands, 1, 1))

    def fit(self, maps: Tensor) -> None:
        """Take the numbers of each band from training counts, (n, band, y, x)."""
        self.scale.copy_(_mean_and_sd(maps, lambda counts: counts)[1])
        for kept, found in zip((self.mean, self.sd), _mean_and_sd(maps, self._stretched), strict=True):
            kept.copy_(found)

    def _stretched(self, counts: Tensor) -> Tensor:
        match self.stretch:
            case "counts":
                return counts
            case "sqrt":
                return 2.0 * torch.sqrt(counts.clamp(min=0.0) + 0.375)
            case "asinh":
                return torch.asinh(counts / self.scale)

    def forward(self, counts: Tensor) -> Tensor:
        """Stretch and standardise counts, (..., band, y, x)."""
        return (self._stretched(counts) - self.mean) / self.sd


def _mean_and_sd(maps: Tensor, stretched: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each band, (band, 1, 1); a band without any spread gets 1."""
    total = torch.zeros(maps.shape[1], dtype=torch.float64, device=maps.device)
    squares, n = torch.zeros_like(total), maps[:, 0].numel()
    for chunk in maps.split(CHUNK):
        values = stretched(chunk).double()
        total += values.sum((0, 2, 3))
        squares += values.square().sum((0, 2, 3))
    mean = total / n
    sd = (squares / n - mean.square()).clamp(min=0.0).sqrt()
    sd = torch.where(sd > 0.0, sd, torch.ones_like(sd))
    return mean[:, None, None], sd[:, None, None]
