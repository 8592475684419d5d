"""One number for accuracy and honesty together: proper scores of maps and of their pixels.

The energy score of a map sees how pixels vary together, the continuous ranked probability score (CRPS) does not. Both
are in dex of log10 of the surface density, both have the same expectation for any number of samples, and both are least
for the true posterior (Gneiting & Raftery 2007, JASA 102, 359).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zwicky.evaluation.mapping.apertures import quotient
from zwicky.evaluation.mapping.estimates import Drawn
from zwicky.evaluation.posterior.bins import MassBins
from zwicky.evaluation.posterior.functionals import Functionals
from zwicky.evaluation.posterior.pixels import energy_score


@dataclass(frozen=True, eq=False)
class Energy:
    """Scores of maps, (bin, target).

    Parameters
    ----------
    energy_score_dex : Drawn [dex]
        Norm: root mean square over the pixels of a map.
    energy_gaussian_dex : Drawn [dex]
        Of independent Gaussian pixels with the mean and sd of the samples.
    energy_skill : Drawn [1]
        1 - energy score / that of the independent pixels: what it is worth to know how pixels vary together.
    crps_dex : Drawn [dex]
        Mean over pixels.
    crps_gaussian_dex : Drawn [dex]
        Of Gaussians with the mean and sd of the samples.
    crps_skill : Drawn [1]
        1 - CRPS / that of the Gaussians: what the shape of the distribution of single pixels is worth.
    """

    energy_score_dex: Drawn
    energy_gaussian_dex: Drawn
    energy_skill: Drawn
    crps_dex: Drawn
    crps_gaussian_dex: Drawn
    crps_skill: Drawn


def energy(found: Functionals, bins: MassBins) -> Energy:
    """Return the scores, with errors by resampling parents."""
    pixels = found.pixels
    scores = energy_score(pixels.between_dex2, pixels.to_truth_dex2)
    return Energy(
        bins.of_means(scores),
        bins.of_means(pixels.energy_gaussian_dex),
        skill(scores, pixels.energy_gaussian_dex, bins),
        bins.of_means(pixels.crps_dex),
        bins.of_means(pixels.gaussian_crps_dex),
        skill(pixels.crps_dex, pixels.gaussian_crps_dex, bins),
    )


def skill(scores: np.ndarray, reference: np.ndarray, bins: MassBins) -> Drawn:
    """Return 1 - mean score / mean score of a reference on the same clusters, (n, ...) each -> (bin, ...).

    Positive if better than the reference, 1 if perfect.
    """
    both = np.stack([scores, reference], axis=-1)
    return bins.of_means(both, lambda means: 1.0 - quotient(means[..., 0], means[..., 1]))
