"""Are intervals as wide as they say? Fractions of truths inside the central 68 and 95 % of samples.

The intervals are exact for any number of samples (`order.inside_central`), so that a calibrated posterior covers 0.68
and 0.95 whether there are 10 samples or 1000.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zwicky.evaluation.mapping.estimates import Drawn
from zwicky.evaluation.posterior.bins import MassBins
from zwicky.evaluation.posterior.functionals import Functionals
from zwicky.evaluation.posterior.order import Purpose, inside_central, key_of, ranks_among
from zwicky.evaluation.posterior.pixels import LEVELS


@dataclass(frozen=True, eq=False)
class Coverage:
    """Fractions of truths inside central intervals; all [1], first axes (bin, level).

    Parameters
    ----------
    levels : (level,) array [1]
        0.68 and 0.95.
    radii_mpc : (radius,) array [Mpc]
    radius_mpc : (annulus,) array [Mpc]
        Mean distance of the pixels of each annulus from the centre.
    cylinder_mass : Drawn (bin, level, target, radius)
        Of M(<R).
    profile : Drawn (bin, level, target, annulus)
    map_mass : Drawn (bin, level, target)
    pixels : Drawn (bin, level, target)
        Mean over clusters of the fraction of their pixels.
    log10_m200c : Drawn (bin, level), optional
        Of the spherical mass, if a deprojection gave it.
    binomial_error : (bin, level) array
        sqrt(p (1 - p) / n) of a calibrated posterior with as many independent clusters: what deviations of one
        number are compared with (pixels of a cluster err together, so that theirs are no smaller).
    """

    levels: np.ndarray
    radii_mpc: np.ndarray
    radius_mpc: np.ndarray
    cylinder_mass: Drawn
    profile: Drawn
    map_mass: Drawn
    pixels: Drawn
    log10_m200c: Drawn | None
    binomial_error: np.ndarray


def coverage(
    found: Functionals,
    bins: MassBins,
    seed: int,
    log10_m200c_samples: np.ndarray | None = None,
) -> Coverage:
    """Return the coverage of functionals and pixels, with errors by resampling parents.

    Parameters
    ----------
    found : Functionals
    bins : MassBins
        With the true masses.
    seed : int
        Of ties.
    log10_m200c_samples : (n, sample) array [dex of Msun], optional
    """
    truth, samples = found.truth, found.samples
    masses = log10_m200c_samples
    effective = np.maximum(bins.effective_parents, 1e-300)[:, None]
    levels = np.array(LEVELS)
    binomial = np.sqrt(levels * (1.0 - levels) / effective)
    return Coverage(
        levels,
        found.radii_mpc,
        found.annulus_radius_mpc,
        _covered(truth.cylinder_masses_msun, samples.cylinder_masses_msun, bins, seed),
        _covered(truth.profile_msun_mpc2, samples.profile_msun_mpc2, bins, seed),
        _covered(truth.map_mass_msun, samples.map_mass_msun, bins, seed),
        bins.of_means(np.moveaxis(found.pixels.inside, -1, 1)),
        None if masses is None else _covered(bins.log10_m200c, masses, bins, seed),
        np.where(bins.effective_parents[:, None] > 0.0, binomial, np.nan),
    )


def _covered(truth: np.ndarray, samples: np.ndarray, bins: MassBins, seed: int) -> Drawn:
    """Return the coverage of a functional (n, ...) by its samples (n, sample, ...): (bin, level, ...)."""
    ranks = ranks_among(truth, samples, key_of(seed, Purpose.TIES))
    inside = np.stack([inside_central(ranks, samples.shape[1], level) for level in LEVELS], axis=1)
    return bins.of_means(inside)
