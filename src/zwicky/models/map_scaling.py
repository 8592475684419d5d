"""How maps enter a network and leave it: as logarithms, less the mean map, in units of one standard deviation.

Surface densities and brightnesses span six decades; in logarithms they are nearly Gaussian. The mean over all training
maps is a round cluster, the same for all: taking it away lets the network see, and answer with, the differences.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

CHUNK = 256


class LogScaling(nn.Module):
    """log10 of positive maps, standardised; the numbers are buffers, saved with the weights.

    Parameters
    ----------
    n_channels, n_pixels : int
        Of the maps.
    """

    def __init__(self, n_channels: int, n_pixels: int) -> None:
        super().__init__()
        self.mean: Tensor
        self.sd: Tensor
        self.register_buffer("mean", torch.zeros(n_channels, n_pixels, n_pixels))
        self.register_buffer("sd", torch.ones(n_channels, 1, 1))

    @torch.no_grad()
    def fit(self, maps: Tensor) -> None:
        """Take mean map and standard deviation [dex] from training maps, (n, channel, y, x).

        The mean is taken over the eight symmetries of the square too, because no side of a cluster is special.
        """
        total = torch.zeros_like(self.mean, dtype=torch.float64)
        for chunk in maps.split(CHUNK):
            total += torch.log10(chunk).double().sum(0)
        mean = total / len(maps)
        turned = [mean.rot90(k, (1, 2)) for k in range(4)]
        mean = torch.stack([*turned, *(one.flip(2) for one in turned)]).mean(0)
        square = torch.zeros(len(mean), dtype=torch.float64)
        for chunk in maps.split(CHUNK):
            square += (torch.log10(chunk) - mean).double().square().mean((2, 3)).sum(0)
        self.mean.copy_(mean)
        self.sd.copy_((square / len(maps)).sqrt()[:, None, None])

    def into(self, maps: Tensor) -> Tensor:
        """Return standardised logarithms of maps, (n, channel, y, x) [1]."""
        return (torch.log10(maps) - self.mean) / self.sd

    def standardised(self, log10_maps: Tensor, channel: int = 0) -> Tensor:
        """Return log10 of the maps of one channel, (n, y, x) [dex], standardised [1]."""
        return (log10_maps - self.mean[channel]) / self.sd[channel]

    def back(self, standardised: Tensor, channel: int = 0) -> Tensor:
        """Return log10 of the maps [dex] that standardised images, (n, y, x), stand for."""
        return self.mean[channel] + self.sd[channel] * standardised

    def l1(self, answer: Tensor, truth: Tensor, channel: int = 0) -> Tensor:
        """Return the mean absolute error of log10 maps, (n, y, x), in standard deviations; half of it in logarithms.

        The other half is that of the density over the mean map, in the same unit for small errors. Both have one
        minimum, the median; the first counts every pixel alike, the second gives galaxies and cores their weight: they
        are one pixel in a hundred, and most of the power on small scales.
        """
        mean, ln10 = self.mean[channel], math.log(10.0)
        density = (torch.exp(ln10 * (answer - mean)) - torch.exp(ln10 * (truth - mean))) / ln10
        return 0.5 * ((answer - truth).abs().mean() + density.abs().mean()) / self.sd[channel].mean()
