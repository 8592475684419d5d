"""Is the radial profile right? Mean surface density in annuli: of each sample, of their mean, of the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zwicky.evaluation.mapping.apertures import quotient
from zwicky.evaluation.mapping.estimates import Drawn
from zwicky.evaluation.posterior.accuracy import fractional_error
from zwicky.evaluation.posterior.bins import MassBins
from zwicky.evaluation.posterior.functionals import Functionals


@dataclass(frozen=True, eq=False)
class Profiles:
    """Profiles of clusters and of stacks of them.

    Parameters
    ----------
    radius_mpc : (annulus,) array [Mpc]
        Mean distance of the pixels from the centre.
    edges_mpc : (annulus + 1,) array [Mpc]
    truth_msun_mpc2, mean_msun_mpc2, low_68_msun_mpc2, high_68_msun_mpc2 : (n, target, annulus) arrays [Msun Mpc^-2]
        Truth, posterior mean, and the central 68 % of the samples, of each cluster.
    stacked_truth_msun_mpc2, stacked_mean_msun_mpc2 : Drawn (bin, target, annulus) [Msun Mpc^-2]
        Mean over the clusters of a bin.
    stacked_error : Drawn (bin, target, annulus) [1]
        (stacked posterior mean - stacked truth) / stacked truth.
    mean_error : Drawn (bin, target, annulus) [1]
        Mean over clusters of (posterior mean - truth) / truth.
    half_width_68 : Drawn (bin, target, annulus) [1]
        Mean over clusters of half of the 68 % interval over the posterior mean.
    """

    radius_mpc: np.ndarray
    edges_mpc: np.ndarray
    truth_msun_mpc2: np.ndarray
    mean_msun_mpc2: np.ndarray
    low_68_msun_mpc2: np.ndarray
    high_68_msun_mpc2: np.ndarray
    stacked_truth_msun_mpc2: Drawn
    stacked_mean_msun_mpc2: Drawn
    stacked_error: Drawn
    mean_error: Drawn
    half_width_68: Drawn


def profiles(found: Functionals, bins: MassBins) -> Profiles:
    """Return the profiles, with errors by resampling parents."""
    truth, samples = found.truth.profile_msun_mpc2, found.samples.profile_msun_mpc2
    mean = samples.mean(axis=1)
    # The level p lies at place p (N + 1) among N samples: the interval whose coverage is exact, as in `order`.
    low, high = np.quantile(samples, (0.16, 0.84), axis=1, method="weibull")
    return Profiles(
        found.annulus_radius_mpc,
        found.annulus_edges_mpc,
        truth,
        mean,
        low,
        high,
        bins.of_means(truth),
        bins.of_means(mean),
        bins.of_means(np.stack([mean, truth], axis=-1), lambda m: quotient(m[..., 0], m[..., 1]) - 1.0),
        bins.of_means(fractional_error(samples, truth)),
        bins.of_means(0.5 * quotient(high - low, mean)),
    )
