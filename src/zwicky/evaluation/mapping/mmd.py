"""Do predicted maps look like true ones, as a population? The maximum mean discrepancy of Gretton et al. 2012.

MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),  k(x, y) = exp(-|x - y|^2 / 2 h^2)

with x, x' independent true maps and y, y' independent predicted ones: 0 if both follow one distribution. Each mean is
taken over pairs of maps (Gretton et al. 2012, eq. 3, unbiased: it may come out below 0). Two maps of one parent, a map
and its prediction among them, are not independent, and such pairs are left out.

Its scale says little, so it is laid beside a ladder: what multiplicative noise of 1, 2, 5, ... % does to the true maps
(de Andres et al. 2024, eq. 10 and its figure), and beside one half of the truth against the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from zwicky.core.randomness import Key
from zwicky.evaluation.mapping.apertures import check_pair
from zwicky.evaluation.mapping.records import TrueMaps

SIGMAS: Final = (0.01, 0.02, 0.05, 0.1, 0.2)
"""The rungs of the ladder: standard deviations of the noise, relative to the pixel."""
NOISE_FLOOR: Final = 0.01
"""A noisy pixel keeps at least this part of its truth, so that it has a logarithm: beyond 4.95 sd of the top rung."""
BANDWIDTH_MAPS: Final = 500
"""The median distance is taken between so many maps: 125,000 pairs give it to well below 1 %."""

BLOCK: Final = 256
"""Rows of a symmetric matrix of products at a time."""


def features_of(maps: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return log10 of maps, each pixel in units of its standard deviation over the truth.

    Parameters
    ----------
    maps : (n, y, x) array [Msun Mpc^-2]
        To be described; positive.
    truth : (m, y, x) array [Msun Mpc^-2]
        Sets mean and standard deviation of each pixel's log10, whatever ``maps`` are.

    Returns
    -------
    (n, pixel) float32 array [1]
    """
    n_pixels = math.prod(truth.shape[1:])
    if not len(truth):  # an interval of mass without clusters
        return np.zeros((len(maps), n_pixels), np.float32)
    reference = np.log10(truth).reshape(-1, n_pixels)
    mean = reference.mean(axis=0, dtype=np.float64).astype(np.float32)
    sd = reference.std(axis=0, dtype=np.float64).astype(np.float32)
    features = reference - mean if maps is truth else np.log10(maps).reshape(-1, n_pixels) - mean
    return np.asarray(features / np.where(sd > 0.0, sd, 1.0), np.float32)


def median_distance(features: np.ndarray) -> float:
    """Return the median distance of two rows, (n, feature) -> scalar: the bandwidth of Gretton et al. 2012, section 8.

    Of more than ``BANDWIDTH_MAPS`` rows, so many are taken in even steps.
    """
    steps = np.linspace(0, len(features) - 1, min(len(features), BANDWIDTH_MAPS)).astype(int)
    some = features[steps]
    upper = np.triu_indices(len(some), k=1)
    return float(np.sqrt(np.median(_square_distances(some, some)[upper]))) if len(upper[0]) else np.nan


def mmd2(
    x: np.ndarray,
    y: np.ndarray,
    bandwidth: float | None = None,
    x_parent: np.ndarray | None = None,
    y_parent: np.ndarray | None = None,
) -> float:
    """Return the unbiased estimate of MMD^2 between two samples.

    Parameters
    ----------
    x, y : (n, feature) and (m, feature) float32 arrays
        Truth and prediction.
    bandwidth : float, optional
        h of the kernel. Default: the median distance in x.
    x_parent, y_parent : (n,) and (m,) arrays, optional
        Pairs of one parent are left out. Default: every row of both samples is independent of all others.

    Returns
    -------
    float [1]
        NaN without a pair of independent rows in each sample.
    """
    h = median_distance(x) if bandwidth is None else bandwidth
    if x_parent is None or y_parent is None:
        number = np.arange(len(x) + len(y))
    else:
        number = np.unique(np.concatenate([x_parent, y_parent]), return_inverse=True)[1]
    x_parent, y_parent = number[: len(x)], number[len(x) :]
    own = _mean(_kernel(x, x, h), x_parent, x_parent)
    other = _mean(_kernel(y, y, h), y_parent, y_parent)
    return own + other - 2.0 * _mean(_kernel(x, y, h), x_parent, y_parent)


@dataclass(frozen=True, eq=False)
class Reference:
    """The true maps of one interval of mass, ready to be compared with the predictions of many methods.

    Parameters
    ----------
    rows : (m,) int array
        Which maps of the test set.
    truth : (m, y, x) array [Msun Mpc^-2]
    parent : (m,) int array
        Number of the parent.
    features : (m, pixel) float32 array
    bandwidth : float
    kernel : (m, m) float32 array
        Among the true maps.
    """

    rows: np.ndarray
    truth: np.ndarray
    parent: np.ndarray
    features: np.ndarray
    bandwidth: float
    kernel: np.ndarray

    @classmethod
    def of(cls, truth: np.ndarray, parent: np.ndarray, rows: np.ndarray | None = None) -> Reference:
        """Describe true maps (m, y, x) [Msun Mpc^-2] of these parents (m,)."""
        features = features_of(truth, truth)
        bandwidth = median_distance(features)
        kept = np.arange(len(truth)) if rows is None else rows
        number = np.unique(parent, return_inverse=True)[1]
        return cls(kept, truth, number, features, bandwidth, _kernel(features, features, bandwidth))

    def mmd2(self, predicted: np.ndarray) -> float:
        """Return MMD^2 [1] of the predictions (m, y, x) [Msun Mpc^-2] of these maps, in their order; NaN if undefined.

        Raises
        ------
        MapError
            If the shapes differ.
        """
        check_pair(self.truth, predicted, "mmd2")
        features = features_of(predicted, self.truth)
        own, other, across = (
            _mean(kernel, self.parent, self.parent)
            for kernel in (
                self.kernel,
                _kernel(features, features, self.bandwidth),
                _kernel(self.features, features, self.bandwidth),
            )
        )
        return own + other - 2.0 * across

    def ladder(self, sigmas: Sequence[float], key: Key) -> dict[float, float]:
        """Return MMD^2 [1] of the truth against truth * (1 + sigma * noise), by sigma.

        Parameters
        ----------
        sigmas : sequence of float [1]
        key : Key
            Of the stream NOISE_LADDER. Map i uses its cluster number + i; all rungs scale the same noise.
        """
        noise = np.empty(self.truth.shape, np.float32)
        for i, one in enumerate(noise):
            one[:] = replace(key, cluster=key.cluster + i).normal(*one.shape)
        return {
            sigma: self.mmd2(
                self.truth * np.maximum(1.0 + np.float32(sigma) * noise, np.float32(NOISE_FLOOR))
            )
            for sigma in sigmas
        }

    def split_halves(self, n_splits: int, key: Key) -> np.ndarray:
        """Return MMD^2 [1] of one half of the parents against the other, (split,): 0 up to the noise of sampling.

        Parameters
        ----------
        n_splits : int
            How many random halves.
        key : Key
            Of the stream NOISE_LADDER. Split i uses its sight-line number + i.
        """
        n_parents = len(np.unique(self.parent))
        found = np.empty(n_splits)
        for i in range(n_splits):
            order = replace(key, sight_line=key.sight_line + i).permutation(n_parents)
            first = np.isin(self.parent, order[: n_parents // 2])
            found[i] = self._between(first, ~first)
        return found

    def _between(self, x: np.ndarray, y: np.ndarray) -> float:
        """Return MMD^2 between two parts of the truth, given as masks."""
        own, other, across = (
            _mean(self.kernel[np.ix_(a, b)], self.parent[a], self.parent[b])
            for a, b in ((x, x), (y, y), (x, y))
        )
        return own + other - 2.0 * across


def references(true: TrueMaps, mass_edges_log10: Sequence[float]) -> list[Reference]:
    """Return the truth of each interval of mass.

    Parameters
    ----------
    true : TrueMaps
    mass_edges_log10 : sequence of float [dex of Msun]
        Of log10 M200c, ascending; the lower end of an interval belongs to it.
    """
    interval = np.digitize(true.log10_m200c, mass_edges_log10) - 1
    each = [np.flatnonzero(interval == i) for i in range(len(mass_edges_log10) - 1)]
    return [Reference.of(true.maps[rows], true.parent[rows], rows) for rows in each]


def noise_ladder(
    truth: np.ndarray, sigmas: Sequence[float], key: Key, parent: np.ndarray | None = None
) -> dict[float, float]:
    """Return MMD^2 [1] of true maps against the same maps with multiplicative Gaussian noise, by its sigma.

    Parameters
    ----------
    truth : (n, y, x) array [Msun Mpc^-2]
    sigmas : sequence of float [1]
    key : Key
        Of the stream NOISE_LADDER.
    parent : (n,) array, optional
        Default: every map has its own.
    """
    own = np.arange(len(truth)) if parent is None else parent
    return Reference.of(truth, own).ladder(sigmas, key)


def equivalent_noise(value: float, ladder: Mapping[float, float]) -> float:
    """Return the sigma [1] whose rung of the ladder has this MMD^2 [1].

    Interpolated in logarithms; 0 below the first rung that rises above 0, infinite above the last.
    """
    rungs = [(sigma, rung) for sigma, rung in sorted(ladder.items()) if rung > 0.0]
    if np.isnan(value) or not rungs:
        return np.nan
    sigmas, heights = np.array(rungs).T
    heights = np.maximum.accumulate(heights)  # the lowest rungs of few maps may stand in the wrong order
    if value < heights[0]:
        return 0.0
    if value > heights[-1]:
        return np.inf
    return float(np.exp(np.interp(np.log(value), np.log(heights), np.log(sigmas))))


def _square_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return |x - y|^2 of all pairs, (n, m)."""
    a, b = (torch.from_numpy(np.require(one, np.float32, ("C", "W"))) for one in (x, y))
    products = _own_products(a) if x is y else a @ b.T
    of_a, of_b = (torch.linalg.vector_norm(one, dim=1).square() for one in (a, b))
    squares = of_a[:, None] + of_b[None, :]
    return np.asarray(squares.sub_(products, alpha=2.0).clamp_(min=0.0).numpy())


def _own_products(a: Tensor) -> Tensor:
    """Return a a^T: the blocks above the diagonal, and their mirror images."""
    products = torch.empty(len(a), len(a))
    for i in range(0, len(a), BLOCK):
        block = a[i : i + BLOCK] @ a[i:].T
        products[i : i + BLOCK, i:], products[i:, i : i + BLOCK] = block, block.T
    return products


def _kernel(x: np.ndarray, y: np.ndarray, bandwidth: float) -> np.ndarray:
    """Return exp(-|x - y|^2 / 2 h^2) of all pairs, (n, m)."""
    return np.asarray(np.exp(_square_distances(x, y) / np.float32(-2.0 * bandwidth**2)))


def _mean(kernel: np.ndarray, row_parent: np.ndarray, column_parent: np.ndarray) -> float:
    """Return the mean of a kernel over pairs of different parents; NaN if there is none."""
    independent = row_parent[:, None] != column_parent[None, :]
    n_pairs = int(np.count_nonzero(independent))
    total = float(np.sum(kernel, where=independent, dtype=np.float64))
    return total / n_pairs if n_pairs else np.nan
