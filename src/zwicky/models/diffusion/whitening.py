"""Residual maps made white: cosine modes divided by their spread, ring by ring, all targets together.

What a mean map leaves is smooth: its largest modes have hundreds of times the variance of its pixels, its smallest a
hundredth, and gas and dark matter go together. A diffusion must then span four decades of noise, one scale after the
other. After a linear map that makes its covariance the unit matrix on average, all scales lie within one decade, and a
network that has learned nothing already draws fields with the right spectrum.

Modes are those of the orthonormal cosine transform (DCT-II): a map does not end at its edges, and a Fourier transform
would wrap one edge onto the other. White noise stays white noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

SMALLEST_SHARE = 1e-4
"""Of a ring's largest eigenvalue: smaller ones are lifted to it, so that no mode is blown up without end."""


class Whitening(nn.Module):
    """The linear map between residuals and white fields; its matrices are buffers, saved with the weights.

    Parameters
    ----------
    n_channels, n_pixels : int
        Of the fields.
    """

    def __init__(self, n_channels: int, n_pixels: int) -> None:
        super().__init__()
        self.cosines: Tensor
        self.rings: Tensor
        self.whiten: Tensor
        self.colour: Tensor
        self.register_buffer("cosines", cosine_matrix(n_pixels), persistent=False)
        self.register_buffer("rings", ring_numbers(n_pixels), persistent=False)
        unit = torch.eye(n_channels).expand(int(self.rings.max()) + 1, -1, -1).clone()
        self.register_buffer("whiten", unit)
        self.register_buffer("colour", unit.clone())

    @torch.no_grad()
    def fit(self, chunks: Iterable[Tensor]) -> None:
        """Learn the covariance of each ring from residual fields, chunks of (n, channel, y, x)."""
        n_rings, n_channels, _ = self.whiten.shape
        total = torch.zeros(n_rings, n_channels, n_channels, dtype=torch.float64)
        n_fields = 0
        for chunk in chunks:
            modes = self.modes(chunk).flatten(2).double()
            products = torch.einsum("nam,nbm->mab", modes, modes)
            total.index_add_(0, self.rings.flatten(), products)
            n_fields += len(chunk)
        covariance = total / (n_fields * torch.bincount(self.rings.flatten())[:, None, None])
        values, vectors = torch.linalg.eigh(covariance)
        spread = values.clamp(min=SMALLEST_SHARE * values[:, -1:]).sqrt()
        self.whiten.copy_(vectors / spread[:, None] @ vectors.mT)
        self.colour.copy_(vectors * spread[:, None] @ vectors.mT)

    def into(self, residuals: Tensor) -> Tensor:
        """Return white fields of residuals, both (n, channel, y, x) [1]."""
        return self._through(residuals, self.whiten)

    def back(self, white: Tensor) -> Tensor:
        """Return the residuals that white fields stand for, both (n, channel, y, x) [1]."""
        return self._through(white, self.colour)

    def modes(self, fields: Tensor) -> Tensor:
        """Return the cosine modes of fields, both (n, channel, y, x)."""
        return self.cosines @ fields.float() @ self.cosines.T

    def _through(self, fields: Tensor, matrices: Tensor) -> Tensor:
        mixed = torch.einsum("yxab,nbyx->nayx", matrices[self.rings], self.modes(fields))
        return self.cosines.T @ mixed @ self.cosines


def cosine_matrix(n: int) -> Tensor:
    """Return the orthonormal DCT-II as a matrix, (mode, pixel)."""
    mode, pixel = torch.arange(n, dtype=torch.float64)[:, None], torch.arange(n, dtype=torch.float64) + 0.5
    matrix = torch.cos(math.pi / n * mode * pixel) * math.sqrt(2.0 / n)
    matrix[0] /= math.sqrt(2.0)
    return matrix.float()


def ring_numbers(n: int) -> Tensor:
    """Return the ring of each cosine mode, (y, x): |k| in half waves per side, rounded; all beyond n - 1 in one."""
    k = torch.arange(n, dtype=torch.float64)
    return torch.hypot(k[:, None], k[None]).round().long().clamp(max=n - 1)


def scale_weights(n: int, balance: float) -> Tensor:
    """Return weights of cosine modes, (y, x), of mean 1, which give large scales a say.

    Of the 4096 modes of a map of 64 x 64 pixels one is the mass of the whole map, and three quarters are galaxies.

    Parameters
    ----------
    n : int
        Pixels per side.
    balance : float [1]
        0: all modes weigh the same. 1: all octaves of |k| do, the whole map being one.
    """
    octave = ring_numbers(n).float().add(0.5).log2().floor().long() + 1  # 0, then 1, 2-3, 4-7, ...
    modes = torch.bincount(octave.flatten())
    even = n * n / (int((modes > 0).sum()) * modes[octave])
    return (1.0 - balance) + balance * even
