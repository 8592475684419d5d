"""The best linear map as a shortcut through a network, so that it begins where a linear filter ends.

The linear part of the answer, a filter in |k| of each view (the Wiener filter of ``inference.mapping.linear_map``, on
standardised logarithms), reaches across the whole map and follows from the training set at once. A network alone takes
thousands of steps to find it; with the shortcut all of them go into what no filter can do. Its numbers are buffers:
fitted once, never trained. For each subset of views there is a filter of its own. Where a filter is wrong, as in the
wake of a merger, the network trusts it less: an image of its own multiplies the shortcut, one to begin with.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product

import torch
from torch import Tensor, nn

RIDGE = 1e-6
"""Added to the views' correlation matrix: far above rounding, far below any correlation that is measured."""


class LinearShortcut(nn.Module):
    """Filters from standardised views to the standardised target.

    Parameters
    ----------
    n_views, n_pixels : int
        Of the maps.
    """

    def __init__(self, n_views: int, n_pixels: int) -> None:
        super().__init__()
        k = torch.arange(n_pixels)
        self.cosines: Tensor
        self.ring: Tensor
        self.transfer: Tensor
        self.register_buffer("cosines", cosine_matrix(n_pixels), persistent=False)
        ring = torch.ceil(torch.hypot(k[:, None].double(), k.double()) - 0.5).long()
        self.register_buffer("ring", ring, persistent=False)
        n_rings = math.ceil(math.hypot(n_pixels - 1, n_pixels - 1) - 0.5) + 1
        self.register_buffer("transfer", torch.zeros(2**n_views, n_rings, n_views))

    def modes(self, maps: Tensor) -> Tensor:
        """Return the cosine modes of maps, (..., y, x); those of the modes are the maps again if turned back."""
        return self.cosines @ maps @ self.cosines.T

    @torch.no_grad()
    def fit(self, maps: Iterable[Tensor]) -> None:
        """Measure the powers of standardised training maps, and solve for the filters.

        Parameters
        ----------
        maps : iterable of (n, view + 1, y, x) Tensors
            Some clusters at a time; the last channel is the target.
        """
        n_rings, n_views = self.transfer.shape[1:]
        size = n_views + 1
        power = torch.zeros(n_rings, size * size, dtype=torch.float64)
        for some in maps:
            modes = self.modes(some).double().flatten(2)
            products = torch.einsum("niq,njq->qij", modes, modes).flatten(1)
            power.index_add_(0, self.ring.flatten(), products)
        power = power.reshape(n_rings, size, size)
        for there in product([False, True], repeat=n_views):
            rows = [i for i, one in enumerate(there) if one]
            if rows:
                self.transfer[code_of(torch.tensor(there))][:, rows] = solved(power, rows).float()

    def forward(self, views: Tensor, present: Tensor) -> Tensor:
        """Return the linear answer, (batch, y, x).

        Parameters
        ----------
        views : (batch, view, y, x) Tensor
            Standardised; zero where a view is missing.
        present : (batch, view) bool Tensor
        """
        with torch.autocast(views.device.type, enabled=False):
            kernel = self.transfer[code_of(present)][:, self.ring].permute(0, 3, 1, 2)
            filtered = (kernel * self.modes(views.float())).sum(1)
            return self.cosines.T @ filtered @ self.cosines


def solved(power: Tensor, rows: list[int]) -> Tensor:
    """Return T(k) = P_views,views^-1 P_views,target of some views, (ring, view).

    Parameters
    ----------
    power : (ring, view + 1, view + 1) Tensor
        The target is the last row.
    rows : list of int
        Which views.
    """
    own, cross = power[:, rows][:, :, rows], power[:, rows, -1]
    scale = own.diagonal(dim1=1, dim2=2).clamp(min=1e-300).sqrt()
    correlation = own / scale[:, :, None] / scale[:, None, :]
    correlation = correlation + RIDGE * torch.eye(len(rows), dtype=own.dtype)
    return torch.linalg.solve(correlation, cross / scale) / scale


def code_of(present: Tensor) -> Tensor:
    """Return the number of a subset of views: bit v is view v."""
    bits = 2 ** torch.arange(present.shape[-1], device=present.device)
    return (present * bits).sum(-1)


def cosine_matrix(n: int) -> Tensor:
    """Return the orthonormal cosine transform (DCT-II) as a matrix, (mode, pixel)."""
    mode, pixel = torch.arange(n).double()[:, None], torch.arange(n).double()
    matrix = torch.cos(math.pi / n * mode * (pixel + 0.5)) * math.sqrt(2.0 / n)
    matrix[0] /= math.sqrt(2.0)
    return matrix.float()
