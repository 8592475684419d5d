"""Ranks are uniform for any distribution, and intervals cover exactly what they say."""

import numpy as np
import pytest

from zwicky.core.errors import ConfigError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.posterior.order import independent_rows, inside_central, ranks_among

KEY = Key(3, Stream.TEST)


@pytest.mark.parametrize("level", [0.5, 0.68, 0.9, 0.95])
@pytest.mark.parametrize("n_samples", [4, 19, 20, 50])
def test_uniform_ranks_are_inside_with_exactly_the_level(n_samples, level):
    assert inside_central(np.arange(n_samples + 1), n_samples, level).mean() == pytest.approx(
        level, abs=1e-12
    )


def test_the_middle_is_inside_and_the_ends_are_not():
    inside = inside_central(np.array([0, 25, 50]), 50, 0.68)
    np.testing.assert_array_equal(inside, [0.0, 1.0, 0.0])


@pytest.mark.parametrize(("n_samples", "level"), [(50, 0.0), (50, 1.0), (2, 0.3 - 0.1), (4, 0.1)])
def test_a_level_that_samples_cannot_bound_is_refused(n_samples, level):
    with pytest.raises(ConfigError, match="No interval between samples"):
        inside_central(np.arange(3), n_samples, level)


def test_ranks_count_the_samples_below():
    truth = np.array([0.0, 2.5, 9.0])
    samples = np.tile(np.array([1.0, 2.0, 3.0]), (3, 1))
    np.testing.assert_array_equal(ranks_among(truth, samples, KEY), [0, 2, 3])


def test_discrete_values_have_uniform_ranks_too():
    rng = np.random.default_rng(1)
    values = rng.integers(0, 2, (20_000, 5))
    counts = np.bincount(ranks_among(values[:, 0], values[:, 1:], KEY), minlength=5)
    assert np.abs(counts / 4000.0 - 1.0).max() < 0.06  # 4 sigma of a count of 4000
    without = (values[:, 1:] < values[:, :1]).sum(axis=1)  # the negative control: ties count as above
    assert np.bincount(without, minlength=5)[0] > 8000


def test_equal_everywhere_is_anywhere():
    ranks = ranks_among(np.zeros(400), np.zeros((400, 3)), KEY)
    assert set(ranks) == {0, 1, 2, 3}


def test_one_row_of_each_parent_is_independent():
    np.testing.assert_array_equal(independent_rows(np.array(["b", "b", "a", "c", "a"])), [0, 2, 3])
