"""How many samples are enough? The pixel-averaged sample variance against their number (Hsu et al. 2024, figure 5).

V_N is the variance (N - 1) of the first N samples in each pixel of log10 of a map, averaged over its pixels. An
ordering of the S samples of a cluster has converged at N when V_N and all later ones lie within 5 % of V_S; the number
quoted is the smallest from which 95 % of clusters and random orderings have. V_S is not the variance of the posterior
but the last of the same series, so that N = S always has: the number means something where it is well below S.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.core.errors import ConfigError
from zwicky.evaluation.posterior.functionals import Functionals
from zwicky.evaluation.posterior.order import Purpose, key_of

ORDERINGS: Final = 20
TOLERANCE: Final = 0.05
SHARE: Final = 0.95


@dataclass(frozen=True, eq=False)
class Convergence:
    """How the sample variance settles.

    Parameters
    ----------
    tolerance, share : float [1]
        0.05 and 0.95, unless told otherwise.
    n : (S - 1,) int array
        Numbers of samples, 2..S.
    median, low_95, high_95 : (target, n) arrays [1]
        Of V_N / V_S over clusters and orderings: 50, 2.5 and 97.5 %.
    converged : (target, n) array [1]
        Share of clusters and orderings that have converged at n.
    n_converged : (target,) int array
        Smallest n at which ``share`` of them have.
    variance_dex2 : (target,) array [dex^2]
        V_S, mean over clusters.
    """

    tolerance: float
    share: float
    n: np.ndarray
    median: np.ndarray
    low_95: np.ndarray
    high_95: np.ndarray
    converged: np.ndarray
    n_converged: np.ndarray
    variance_dex2: np.ndarray


def convergence(
    found: Functionals,
    seed: int,
    n_orderings: int = ORDERINGS,
    tolerance: float = TOLERANCE,
    share: float = SHARE,
) -> Convergence:
    """Return how the sample variance settles.

    Raises
    ------
    ConfigError
        If there are no orderings, or tolerance or share lie outside 0..1.
    """
    if n_orderings < 1 or not 0.0 < tolerance < 1.0 or not 0.0 < share <= 1.0:
        raise ConfigError(
            "Convergence is the share of orderings within a tolerance.",
            where="n_orderings, tolerance, share",
            expected="n_orderings >= 1, 0 < tolerance < 1, 0 < share <= 1",
            got=f"{n_orderings}, {tolerance}, {share}",
        )
    between = found.pixels.between_dex2
    n_targets, n_samples = between.shape[1:3]
    key = key_of(seed, Purpose.ORDERINGS)
    orders = np.argsort(key.bits(n_orderings * n_samples).reshape(n_orderings, n_samples), axis=1)
    ratio = np.empty((n_orderings, len(between), n_targets, n_samples - 1))
    for number, order in enumerate(orders):
        variance = running_variance(between[:, :, order][..., order])
        ratio[number] = variance / variance[..., -1:]
    outside = np.abs(ratio - 1.0) > tolerance
    settled = ~np.logical_or.accumulate(outside[..., ::-1], axis=-1)[..., ::-1]
    converged = settled.mean(axis=(0, 1))
    low, median, high = np.quantile(ratio, (0.025, 0.5, 0.975), axis=(0, 1))
    n = np.arange(2, n_samples + 1)
    return Convergence(
        tolerance, share, n, median, low, high, converged,
        n[(converged >= share).argmax(axis=-1)], running_variance(between)[..., -1].mean(axis=0),
    )  # fmt: skip


def running_variance(between: np.ndarray) -> np.ndarray:
    """Return the variance of the first N samples, N = 2..S, from mean square differences of pairs.

    V_N = sum over pairs i < j <= N of |x_i - x_j|^2 / (N (N - 1)).

    Parameters
    ----------
    between : (..., S, S) array [unit^2]

    Returns
    -------
    (..., S - 1) array [unit^2]
    """
    with_earlier = np.tril(between, -1).sum(axis=-1)[..., 1:]  # of each sample with those before it
    n = np.arange(2, between.shape[-1] + 1)
    return np.asarray(np.cumsum(with_earlier, axis=-1) / (n * (n - 1)))
