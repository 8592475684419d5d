"""Galaxies in a map of all matter: points that a smooth network would have to learn one by one.

A galaxy and the core of its subhalo fill one pixel or two, outshine everything around them, and carry most of the power
on small scales. Where the stars are seen they say where and how much: the answer is

    Sigma = Sigma_smooth + Upsilon * Sigma_stars,

with both the smooth map and the ratio Upsilon, matter of galaxies over their stars, as images of the network. The
published network has no such term. How much it is worth is measured: ``multi1_plain`` in docs/results.md.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LN10 = math.log(10.0)
_FIRST = math.log(math.expm1(1.0))
"""softplus of this is 1: before any training a galaxy weighs what its stars weigh."""


def with_galaxies(
    log10_smooth: Tensor, stars: Tensor, raw_ratio: Tensor, there: Tensor | None = None
) -> Tensor:
    """Return log10 of smooth map plus galaxies.

    Parameters
    ----------
    log10_smooth : (batch, y, x) Tensor [dex of the stars' unit]
        What the network says without them.
    stars : (batch, y, x) Tensor
        Star surface density, in the unit of the target; positive where there.
    raw_ratio : (batch, y, x) Tensor
        Any number: Upsilon is its softplus, 1 for a raw ratio of 0.
    there : (batch,) bool Tensor, optional
        Whose stars are seen; default: all.

    Returns
    -------
    (batch, y, x) Tensor [dex]
    """
    seen = torch.ones_like(stars[:, :1, :1], dtype=torch.bool) if there is None else there[:, None, None]
    ln_ratio = torch.log(torch.nn.functional.softplus(raw_ratio + _FIRST))
    ln_galaxies = torch.log(torch.where(seen, stars, 1.0)) + ln_ratio
    both = torch.logaddexp(LN10 * log10_smooth, ln_galaxies) / LN10
    return torch.where(seen, both, log10_smooth)
