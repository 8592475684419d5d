"""The contract of every network that denoises: what stays of a cluster's views is computed once."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

Context = list[Tensor]
"""What a network made of the condition: tensors with one row per cluster."""


class DiffusionNetwork(nn.Module, ABC):
    """F(x, noise; context): the trained part of a denoiser.

    One cluster is sampled many times and at many noise levels, so that the condition has its own, expensive, function.
    """

    @abstractmethod
    def encode(self, condition: Tensor) -> Context:
        """Return what the network needs of the condition, (cluster, channel, y, x), once for all samples."""

    @abstractmethod
    def forward(self, x: Tensor, noise: Tensor, context: Context) -> Tensor:
        """Return the network's answer, of the shape of ``x``.

        Parameters
        ----------
        x : (cluster * sample, channel, y, x) Tensor
            Noisy maps, all samples of a cluster together.
        noise : (cluster * sample,) Tensor
            The noise level, as the preconditioning spells it.
        context : Context
            One row per cluster.
        """


def per_sample(features: Tensor, n_rows: int) -> Tensor:
    """Return features of clusters, (cluster, ...), repeated for all samples of each, (row, ...)."""
    repeats = n_rows // len(features)
    return features if repeats == 1 else features.repeat_interleave(repeats, dim=0)


def added(h: Tensor, features: Tensor) -> Tensor:
    """Return h (row, ...) plus features of its cluster (cluster, ...), without copying these for every sample."""
    if len(h) == len(features):
        return h + features
    return torch.flatten(h.unflatten(0, (len(features), -1)) + features[:, None], 0, 1)
