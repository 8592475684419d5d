"""Are errors of pixels as large as the posterior says? z = (posterior mean - truth) / sd (Hsu et al. 2024, eq. 12).

The mean and the sd of N samples are not those of the posterior: z is divided by sqrt(1 + 1 / N), so that for Gaussian
calibrated samples it has Student's distribution of N - 1 degrees of freedom, whose numbers stand beside those found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from zwicky.evaluation.mapping.estimates import Drawn
from zwicky.evaluation.posterior.accuracy import scatter
from zwicky.evaluation.posterior.bins import MassBins
from zwicky.evaluation.posterior.functionals import Functionals
from zwicky.evaluation.posterior.pixels import SPACES, WITHIN, Z_EDGES


@dataclass(frozen=True, eq=False)
class Standardised:
    """Standardised errors of pixels.

    Parameters
    ----------
    spaces : tuple of str
        Of log10 of the surface density, and of itself.
    correction : float [1]
        sqrt(1 + 1 / N), by which all z are divided already: multiply to get those of the paper.
    mean, sd : Drawn (bin, space, target) [1]
        Over clusters and pixels. Below 1: under-confident.
    expected_sd : float [1]
        sqrt((N - 1) / (N - 3)).
    reach : (3,) array [1]
        Within how many sd errors are counted: 1, 2, 3.
    within : Drawn (bin, space, target, reach) [1]
    expected_within : (reach,) array [1]
    histogram_edges : (z + 1,) array [1]
    histogram : (bin, space, target, z) array [1 / unit of z]
        Probability density of z; errors beyond the edges count in the normalisation.
    expected_density : (z,) array [1 / unit of z]
        Student's, averaged over each bin.
    """

    spaces: tuple[str, ...]
    correction: float
    mean: Drawn
    sd: Drawn
    expected_sd: float
    reach: np.ndarray
    within: Drawn
    expected_within: np.ndarray
    histogram_edges: np.ndarray
    histogram: np.ndarray
    expected_density: np.ndarray


def standardised(found: Functionals, bins: MassBins) -> Standardised:
    """Return the distribution of standardised errors, with errors by resampling parents."""
    pixels = found.pixels
    n_samples = pixels.to_truth_dex2.shape[-1]
    distribution = student(n_samples - 1)
    width = np.diff(Z_EDGES)
    return Standardised(
        SPACES,
        float(np.sqrt(1.0 + 1.0 / n_samples)),
        bins.of_means(pixels.z_mean),
        bins.of_means(np.stack([pixels.z_mean, pixels.z_mean_square], axis=-1), scatter),
        float(distribution.std()),
        np.array(WITHIN),
        bins.of_means(pixels.z_within),
        2.0 * distribution.cdf(WITHIN) - 1.0,
        Z_EDGES,
        bins.of_means(pixels.z_histogram).value / width,
        np.diff(distribution.cdf(Z_EDGES)) / width,
    )
