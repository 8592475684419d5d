"""The parts of NCSN++ (Song et al. 2021, appendix H): noise embedding, residual blocks and attention."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from zwicky.models.diffusion.fir import Double, Halve

Resolution = Literal["same", "half", "double"]
_RESAMPLE = {"same": nn.Identity, "half": Halve, "double": Double}
LayerT = TypeVar("LayerT", nn.Conv2d, nn.Linear)
_SQRT_HALF = math.sqrt(0.5)


class NoiseEmbedding(nn.Module):
    """Gaussian Fourier features of the noise level (Tancik et al. 2020), through two layers.

    Parameters
    ----------
    width : int
        Number of Fourier features: half sines, half cosines; the embedding has four times as many numbers.
    scale : float
        Standard deviation of the frequencies, which are drawn once and never trained.
    """

    frequencies: Tensor

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.register_buffer("frequencies", scale * torch.randn(width // 2))
        self.first = begun(nn.Linear(width, 4 * width))
        self.second = begun(nn.Linear(4 * width, 4 * width))

    def forward(self, noise: Tensor) -> Tensor:
        """Return the embedding of noise levels (row,), activated as each block needs it: (row, 4 width)."""
        phase = 2 * math.pi * noise[:, None] * self.frequencies
        features = torch.cat([torch.sin(phase), torch.cos(phase)], dim=1)
        return functional.silu(self.second(functional.silu(self.first(features))))


class NormSwish(nn.GroupNorm):
    """Normalisation of groups of at least four channels, at most 32 groups of equal size, then the swish.

    Parameters
    ----------
    n_channels : int
    """

    def __init__(self, n_channels: int) -> None:
        most = max(1, min(n_channels // 4, 32))
        n_groups = next(n for n in range(most, 0, -1) if n_channels % n == 0)
        super().__init__(n_groups, n_channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of x."""
        if x.requires_grad:  # PyTorch's gradient in bfloat16 takes several times as long as in float32
            return functional.silu(super().forward(x.float())).to(x.dtype)
        return functional.silu(super().forward(x))


class ResidualBlock(nn.Module):
    """The residual block of BigGAN (Brock et al. 2019): two convolutions, resampled in between, and the noise level.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    n_embedding : int
        Numbers of the noise embedding.
    fir_kernel : sequence of float
        Taps of the filter that resamples.
    dropout : float
        Fraction of features that a training step forgets.
    init_scale : float
        Variance of the last convolution's weights when training begins, of the usual one.
    resolution : "same", "half" or "double"
        Pixels of the output against those of the input.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        n_embedding: int,
        *,
        fir_kernel: Sequence[float],
        dropout: float,
        init_scale: float,
        resolution: Resolution = "same",
    ) -> None:
        super().__init__()
        self.first_norm = NormSwish(n_in)
        self.first = conv3x3(n_in, n_out)
        self.of_noise = begun(nn.Linear(n_embedding, n_out))
        self.second_norm = NormSwish(n_out)
        self.dropout = nn.Dropout(dropout)
        self.second = conv3x3(n_out, n_out, init_scale)
        self.resample = _RESAMPLE[resolution](fir_kernel)
        straight = n_in == n_out and resolution == "same"
        self.shortcut = nn.Identity() if straight else conv1x1(n_in, n_out)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Return features (row, n_out, y, x); the embedding comes activated."""
        h = self.first(self.resample(self.first_norm(x)))
        h += self.of_noise(embedding)[:, :, None, None]  # in place: large new tensors cost more than the sums
        h = self.second(self.dropout(self.second_norm(h)))
        h += self.shortcut(self.resample(x))
        h *= _SQRT_HALF
        return h


class Attention(nn.Module):
    """Self-attention of one head over all pixels, added to its input.

    Neither normalised before nor rescaled after, as in the implementation that Hsu et al. 2024 used (``score_models``).

    Parameters
    ----------
    n_channels : int
    init_scale : float
        Size of the output's weights when training begins, of the usual one.
    """

    def __init__(self, n_channels: int, init_scale: float) -> None:
        super().__init__()
        self.query_key_value = nn.Conv2d(n_channels, 3 * n_channels, kernel_size=1)
        self.out = nn.Conv2d(n_channels, n_channels, kernel_size=1)
        for layer, bound in ((self.query_key_value, 1.0), (self.out, init_scale)):
            nn.init.uniform_(layer.weight, -bound / math.sqrt(n_channels), bound / math.sqrt(n_channels))
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Return x with what each pixel saw in the others, (row, channel, y, x)."""
        rows = self.query_key_value(x).flatten(2).transpose(1, 2)[:, None]  # (row, head, pixel, 3 channel)
        query, key, value = rows.chunk(3, dim=-1)
        seen = functional.scaled_dot_product_attention(query, key, value)[:, 0]
        return x + self.out(seen.transpose(1, 2).unflatten(2, x.shape[2:]))


class Reading(nn.Module):
    """What one level says of the answer.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    init_scale : float
        Variance of the weights when training begins, of the usual one.
    """

    def __init__(self, n_in: int, n_out: int, init_scale: float) -> None:
        super().__init__()
        self.norm = NormSwish(n_in)
        self.out = conv3x3(n_in, n_out, init_scale)

    def forward(self, x: Tensor) -> Tensor:
        """Return (row, n_out, y, x)."""
        return self.out(self.norm(x))


def conv1x1(n_in: int, n_out: int) -> nn.Conv2d:
    """Return a linear map of the channels of each pixel."""
    return begun(nn.Conv2d(n_in, n_out, kernel_size=1))


def conv3x3(n_in: int, n_out: int, init_scale: float = 1.0) -> nn.Conv2d:
    """Return a 3 x 3 convolution that keeps the number of pixels."""
    return begun(nn.Conv2d(n_in, n_out, kernel_size=3, padding=1), init_scale)


def begun(layer: LayerT, init_scale: float = 1.0) -> LayerT:
    """Return the layer with weights of variance init_scale / mean of fan-in and fan-out, and no bias (DDPM)."""
    nn.init.xavier_uniform_(layer.weight, gain=math.sqrt(init_scale))
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
