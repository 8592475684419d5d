"""Do masses from maps and masses from a network agree? M200c of the same clusters by both, beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.stats import norm

from zwicky.core.errors import MassError
from zwicky.evaluation.mapping.apertures import quotient
from zwicky.evaluation.mapping.estimates import Drawn
from zwicky.evaluation.posterior.accuracy import scatter
from zwicky.evaluation.posterior.bins import MassBins
from zwicky.evaluation.posterior.blocks import estimate, plain
from zwicky.evaluation.posterior.order import Purpose, inside_central, key_of, ranks_among
from zwicky.evaluation.posterior.pixels import LEVELS

MAPS: Final = "maps"
SCALAR: Final = "scalar network"
_POINTS: Final = 1000
"""Clusters kept for the figure at most."""


@dataclass(frozen=True, eq=False)
class MassPair:
    """M200c of the same n clusters from samples of maps and from a network that gives one number.

    Parameters
    ----------
    log10_true : (n,) array [dex of Msun]
    log10_map_samples : (n, sample) array [dex of Msun]
        What a deprojection makes of each sample.
    log10_scalar_mean, scalar_sd_dex : (n,) arrays [dex of Msun], [dex]
        Of the network, a Gaussian in log10 M.
    parent : (n,) array of str
        The unit of independence.

    Raises
    ------
    MassError
        If shapes do not belong together, there is one sample only, or a number is not finite.
    """

    log10_true: np.ndarray
    log10_map_samples: np.ndarray
    log10_scalar_mean: np.ndarray
    scalar_sd_dex: np.ndarray
    parent: np.ndarray

    def __post_init__(self) -> None:
        n, samples = len(self.log10_true), self.log10_map_samples
        n_samples = samples.shape[1] if samples.ndim == 2 else 0
        shapes = {name: np.shape(array) for name, array in vars(self).items()}
        expected = dict.fromkeys(shapes, (n,)) | {"log10_map_samples": (n, n_samples)}
        if shapes != expected or n_samples < 2:
            raise MassError(
                "These masses are not of the same clusters.",
                where="masses",
                expected="(n,) each, and two or more samples of each cluster",
                got=", ".join(f"{name} {shape}" for name, shape in shapes.items()),
            )
        for name in ("log10_true", "log10_map_samples", "log10_scalar_mean", "scalar_sd_dex"):
            if not np.isfinite(getattr(self, name)).all():
                raise MassError("A mass is not a number.", where=name, expected="finite numbers [dex]")


def masses_block(pair: MassPair, edges: Sequence[float], n_resamples: int, seed: int) -> dict[str, Any]:
    """Judge both masses, overall and in bins of the true mass, with errors by resampling parents.

    Returns
    -------
    dict
        ``bins``, ``n_clusters``; ``methods``: of both, by bin, ``bias_dex``, ``scatter_dex``, ``sd_dex`` (mean of the
        predicted ones), ``coverage`` (bin, level); ``error_correlation``, ``difference_dex`` and
        ``difference_scatter_dex`` of maps minus network; ``points`` for a figure.
    """
    bins = MassBins(pair.log10_true, pair.parent, tuple(edges), n_resamples, seed)
    mean, sd = pair.log10_map_samples.mean(axis=1), pair.log10_map_samples.std(axis=1, ddof=1)
    errors = {MAPS: mean - pair.log10_true, SCALAR: pair.log10_scalar_mean - pair.log10_true}
    spreads = {MAPS: sd, SCALAR: pair.scalar_sd_dex}
    inside = _inside(pair, seed)
    methods = {
        name: {
            "bias_dex": estimate(bins.of_means(errors[name])),
            "scatter_dex": estimate(_scatter(bins, errors[name])),
            "sd_dex": estimate(bins.of_means(spreads[name])),
            "coverage": estimate(bins.of_means(inside[name])),
        }
        for name in errors
    }
    difference = errors[MAPS] - errors[SCALAR]
    shown = slice(None, _POINTS)
    points = (pair.log10_true, mean, sd, pair.log10_scalar_mean, pair.scalar_sd_dex)
    names = ("true", "maps", "maps_sd", "scalar", "scalar_sd")
    return {
        "bins": list(bins.names),
        "n_clusters": bins.n_clusters.tolist(),
        "methods": methods,
        "error_correlation": estimate(_correlation(bins, *errors.values())),
        "difference_dex": estimate(bins.of_means(difference)),
        "difference_scatter_dex": estimate(_scatter(bins, difference)),
        "points": {key: plain(values[shown]) for key, values in zip(names, points, strict=True)},
    }


def _inside(pair: MassPair, seed: int) -> dict[str, np.ndarray]:
    """Return how far each truth counts as inside the intervals of both methods, (n, level)."""
    n_samples = pair.log10_map_samples.shape[1]
    ranks = ranks_among(pair.log10_true, pair.log10_map_samples, key_of(seed, Purpose.TIES))
    pull = np.abs(pair.log10_scalar_mean - pair.log10_true) / pair.scalar_sd_dex
    reach = [norm.ppf(0.5 * (1.0 + level)) for level in LEVELS]
    return {
        MAPS: np.stack([inside_central(ranks, n_samples, level) for level in LEVELS], axis=1),
        SCALAR: np.stack([pull < one for one in reach], axis=1).astype(float),
    }


def _scatter(bins: MassBins, values: np.ndarray) -> Drawn:
    return bins.of_means(np.stack([values, values**2], axis=-1), scatter)


def _correlation(bins: MassBins, one: np.ndarray, other: np.ndarray) -> Drawn:
    """Return Pearson's correlation of two errors in each bin."""

    def of(means: np.ndarray) -> np.ndarray:
        covariance = means[..., 4] - means[..., 0] * means[..., 1]
        return quotient(covariance, scatter(means[..., [0, 2]]) * scatter(means[..., [1, 3]]))

    return bins.of_means(np.stack([one, other, one**2, other**2, one * other], axis=-1), of)
