"""A denoiser: a network and a preconditioning, D(x; sigma) = c_skip x + c_out F(c_in x, c_noise; context)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from zwicky.core.randomness import Key
from zwicky.models.diffusion.network import Context, DiffusionNetwork
from zwicky.models.diffusion.preconditioning import Preconditioning

Squares = Callable[[Tensor], Tensor]
"""The square of differences (row, channel, y, x), one number for each row."""


def mean_square(difference: Tensor) -> Tensor:
    """Return the mean over channels and pixels, (row,)."""
    return difference.square().mean((1, 2, 3))


class Denoiser(nn.Module):
    """The expected clean map, given a noisy one.

    Parameters
    ----------
    network : DiffusionNetwork
    preconditioning : Preconditioning
        May change until the model has seen its training set.
    """

    def __init__(self, network: DiffusionNetwork, preconditioning: Preconditioning) -> None:
        super().__init__()
        self.network = network
        self.preconditioning = preconditioning

    def encode(self, condition: Tensor) -> Context:
        """Return the context of a condition, (cluster, channel, y, x): once for all samples and steps."""
        return self.network.encode(condition)

    def forward(self, x: Tensor, sigma: Tensor, context: Context) -> Tensor:
        """Return E[x0 | x] for noisy maps (row, channel, y, x) at noise levels (row,), in single precision."""
        c = self.preconditioning.coefficients(sigma)
        skip, out, into = (one[:, None, None, None] for one in (c.skip, c.out, c.into))
        return skip * x + out * self.network(into * x, c.noise, context).float()

    def errors(
        self, x0: Tensor, z: Tensor, sigma: Tensor, context: Context, squares: Squares
    ) -> tuple[Tensor, Tensor]:
        """Return the weighted squared error of each row, (row,), and the denoised maps.

        Denoising score matching (Vincent 2011): with the weight 1 / sigma^2 and plain means over pixels this is Hsu et
        al. 2024, equation 10.
        """
        denoised = self(x0 + sigma[:, None, None, None] * z, sigma, context)
        return self.preconditioning.weight(sigma) * squares(denoised - x0), denoised


class KeyedNoise:
    """Standard normal maps, each row from a generator of its own, so that no row depends on its neighbours.

    Parameters
    ----------
    keys : sequence of Key
        One per row.
    shape : tuple of int
        Of one row: (channel, y, x).
    device : torch.device
        Where the maps go. They are drawn on the processor, so that they are the same on every device.
    """

    def __init__(self, keys: Sequence[Key], shape: tuple[int, ...], device: torch.device) -> None:
        self.generators = [torch.Generator().manual_seed(key.word()) for key in keys]
        self.shape, self.device = shape, device

    def __call__(self) -> Tensor:
        """Return the next maps, (row, channel, y, x)."""
        rows = torch.empty(len(self.generators), *self.shape)
        for row, generator in zip(rows, self.generators, strict=True):
            row.normal_(generator=generator)
        return rows.to(self.device, memory_format=torch.channels_last)
