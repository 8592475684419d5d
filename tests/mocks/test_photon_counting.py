"""Counts by inversion of Poisson's law."""

import numpy as np
import pytest
from scipy import stats

from zwicky.core.randomness import Key, Stream
from zwicky.mocks.photon_counting import poisson_counts

KEY = Key(3, Stream.PHOTONS, 7, 1)


@pytest.mark.parametrize("mean", [0.0, 1e-8, 0.03, 0.7, 4.0, 37.0, 800.0, 3e5])
def test_they_are_the_quantiles_of_poisson_s_law(mean):
    uniform = np.concatenate([KEY.uniform(2000), [2.0**-53, 1e-9, 0.5, 1.0 - 1e-9]])
    found = poisson_counts(uniform, np.full(uniform.shape, mean))
    np.testing.assert_array_equal(found, stats.poisson.ppf(uniform, mean) if mean else 0.0)


def test_means_of_all_sizes_at_once_keep_their_places():
    mean = np.geomspace(1e-3, 1e4, 600).reshape(2, 300)
    uniform = KEY.uniform(2, 300)
    np.testing.assert_array_equal(poisson_counts(uniform, mean), stats.poisson.ppf(uniform, mean))
    assert Key(3, Stream.PHOTONS, 7, 1).poisson(4.2) == poisson_counts(KEY.uniform(1), np.array([4.2]))[0]


def spread(counts, mean):
    """Mean and variance over Poisson's, in standard deviations: Var(s^2) of Poisson is mean (1 + 2 mean) / n."""
    n = counts.size
    return (
        (counts.mean() - mean) / np.sqrt(mean / n),
        (counts.var() - mean) / np.sqrt(mean * (1.0 + 2.0 * mean) / n),
    )


@pytest.mark.parametrize("mean", [0.2, 6.0])
def test_mean_and_variance(mean):
    counts = poisson_counts(KEY.uniform(40000), np.full(40000, mean))
    assert max(np.abs(spread(counts, mean))) < 4.0
    assert min(np.abs(spread(counts, 1.1 * mean))) > 4.0  # negative control: a mean 10 % off
    pairs = 2.0 * poisson_counts(KEY.uniform(40000), np.full(40000, 0.5 * mean))
    assert (
        abs(spread(pairs, mean)[0]) < 4.0 < abs(spread(pairs, mean)[1])
    )  # negative control: photons in pairs


def test_more_light_only_adds_photons():
    uniform, mean = KEY.uniform(5000), np.geomspace(0.01, 100.0, 5000)
    few, many = (poisson_counts(uniform, factor * mean) for factor in (1.0, 1.3))
    assert np.all(many >= few)
    assert many.sum() > few.sum()
    others = poisson_counts(Key(4, Stream.PHOTONS, 7, 1).uniform(5000), 1.3 * mean)
    assert np.any(others < few)  # negative control: other numbers
