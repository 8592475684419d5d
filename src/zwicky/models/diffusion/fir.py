"""Halving and doubling of images with a finite impulse response filter (StyleGAN2, Karras et al. 2020; Zhang 2019).

A binomial filter before each halving, and after each doubling, keeps fine structure from being aliased into coarse
structure. Outside of the image there are zeros, so that features at its border fade.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from zwicky.core.errors import ConfigError


class _Resample(nn.Module):
    """What both directions share: the filter, as a buffer that is no trained number and in no checkpoint."""

    kernel: Tensor

    def __init__(self, kernel: Sequence[float], gain: float) -> None:
        super().__init__()
        if len(kernel) % 2:
            raise ConfigError(
                "This filter cannot halve an image.",
                where="fir_kernel",
                expected="an even number of taps",
                got=f"{len(kernel)} taps",
                fix="take the published 1, 3, 3, 1",
            )
        taps = torch.tensor(kernel, dtype=torch.float64)
        taps = taps / taps.sum()
        self.margin = len(taps) // 2 - 1
        self.register_buffer("kernel", (gain * torch.outer(taps, taps)).float()[None, None], persistent=False)

    def _resampled(self, x: Tensor, convolve: Callable[..., Tensor]) -> Tensor:
        # In float32 always: in bfloat16, PyTorch's transposed convolution of single channels, which is one of the two
        # directions and the gradient of the other, takes some twenty times as long on a CPU.
        with torch.autocast(x.device.type, enabled=False):
            kernel = self.kernel.expand(x.shape[1], -1, -1, -1)
            return convolve(x.float(), kernel, stride=2, padding=self.margin, groups=x.shape[1]).to(x.dtype)


class Halve(_Resample):
    """Filter, then keep every second pixel.

    Parameters
    ----------
    kernel : sequence of float
        Taps along one axis, an even number of them; scaled to a sum of one.

    Raises
    ------
    ConfigError
        If the number of taps is odd.
    """

    def __init__(self, kernel: Sequence[float]) -> None:
        super().__init__(tuple(reversed(kernel)), gain=1.0)  # conv2d correlates

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channel, y / 2, x / 2)."""
        return self._resampled(x, functional.conv2d)


class Double(_Resample):
    """Put a zero after each pixel, then filter, with four times the weight to keep the mean.

    Parameters
    ----------
    kernel : sequence of float
        Taps along one axis, an even number of them; scaled to a sum of one.

    Raises
    ------
    ConfigError
        If the number of taps is odd.
    """

    def __init__(self, kernel: Sequence[float]) -> None:
        super().__init__(kernel, gain=4.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channel, 2 y, 2 x)."""
        return self._resampled(x, functional.conv_transpose2d)
