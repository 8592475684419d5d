"""Counts that follow Poisson's law, from one uniform number each."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri, pdtr


def poisson_counts(uniform: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the smallest counts whose cumulative probability is not below the uniform numbers.

    The same uniform number and a larger mean never give fewer counts: an image with more exposure, or with more light,
    is the old one with photons added.

    Parameters
    ----------
    uniform : array [1]
        Between 0 and 1, without both.
    mean : array
        Expected counts, >= 0, of the same shape.

    Returns
    -------
    float array
        Whole numbers.
    """
    u, mu = np.ravel(uniform), np.ravel(mean)
    # A guess, one or two off at most where many are expected (Cornish & Fisher 1938), then steps to the exact number:
    # inverting the distribution by iteration, as scipy's pdtrik does, costs fifty times as much.
    z = ndtri(u)
    counts = np.maximum(np.floor(mu + np.sqrt(mu) * z + (z * z - 1.0) / 6.0 + 0.5), 0.0)
    low = np.flatnonzero(pdtr(counts, mu) < u)
    while low.size:
        counts[low] += 1.0
        low = low[pdtr(counts[low], mu[low]) < u[low]]
    high = np.flatnonzero(counts)
    while high.size:
        high = high[pdtr(counts[high] - 1.0, mu[high]) >= u[high]]
        counts[high] -= 1.0
        high = high[counts[high] > 0.0]
    return counts.reshape(np.shape(mean))
