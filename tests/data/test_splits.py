"""Splits: by parent, keyed by cluster, in the fractions asked for."""

import numpy as np
import pytest

from zwicky.core.errors import ConfigError
from zwicky.core.randomness import Key
from zwicky.data.splits import SPLITS, SplitFractions, split_of_parents

FRACTIONS = SplitFractions(0.7, 0.2, 0.1)


def test_no_parent_is_in_two_splits():
    cluster_index = np.random.default_rng(1).integers(0, 300, 5000)
    split = split_of_parents(cluster_index, 3, FRACTIONS)
    for parent in np.unique(cluster_index):
        assert len(set(split[cluster_index == parent])) == 1
    assert set(split) == set(SPLITS)


def deviation(fractions_drawn, fractions_claimed, n=4000):
    """The largest distance of a split's size from its expectation, in binomial standard deviations."""
    split = split_of_parents(np.arange(n), 11, fractions_drawn)
    claimed = np.array(fractions_claimed.as_tuple())
    sizes = np.array([(split == name).sum() for name in SPLITS])
    return np.abs((sizes - n * claimed) / np.sqrt(n * claimed * (1 - claimed))).max()


def test_fractions_are_those_asked_for():
    assert deviation(FRACTIONS, FRACTIONS) < 4.0


def test_other_fractions_are_noticed():
    assert deviation(SplitFractions(0.65, 0.25, 0.1), FRACTIONS) > 4.0


def test_adding_clusters_moves_none():
    few = split_of_parents(np.arange(200), 3, FRACTIONS)
    many = split_of_parents(np.arange(1000), 3, FRACTIONS)
    assert np.array_equal(few, many[:200])


def test_order_and_repeats_do_not_matter():
    cluster_index = np.array([5, 2, 5, 9, 2, 0])
    assert np.array_equal(
        split_of_parents(cluster_index, 3, FRACTIONS),
        split_of_parents(np.arange(10), 3, FRACTIONS)[cluster_index],
    )


def test_another_seed_is_another_split():
    agree = np.mean(
        split_of_parents(np.arange(2000), 3, FRACTIONS) == split_of_parents(np.arange(2000), 4, FRACTIONS)
    )
    # Independent draws agree with probability 0.7^2 + 0.2^2 + 0.1^2 = 0.54, here to 4 standard deviations.
    assert abs(agree - 0.54) < 4 * np.sqrt(0.54 * 0.46 / 2000)


@pytest.mark.parametrize(
    "fractions", [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.5, 0.0, 0.5), (0.7, 0.3 - 1e-12, 0.0)]
)
def test_an_empty_split_stays_empty(fractions):
    split = split_of_parents(np.arange(500), 3, SplitFractions(*fractions))
    assert set(split) == {name for name, part in zip(SPLITS, fractions, strict=True) if part}


def test_rounding_never_fills_an_empty_split(monkeypatch):
    monkeypatch.setattr(Key, "uniform", lambda self, *shape: np.full(shape, 1.0 - 2.0**-53))
    assert (
        split_of_parents(np.arange(3), 3, SplitFractions(0.7, 0.3 - 1e-12, 0.0)).tolist()
        == ["validation"] * 3
    )


def test_no_clusters_no_splits():
    assert split_of_parents(np.array([], int), 3, FRACTIONS).shape == (0,)


@pytest.mark.parametrize(
    "fractions", [(0.8, 0.1, 0.2), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5), (0.0, 0.0, 0.0)]
)
def test_fractions_that_are_none(fractions):
    with pytest.raises(ConfigError, match="split fractions cannot be used"):
        SplitFractions(*fractions)
