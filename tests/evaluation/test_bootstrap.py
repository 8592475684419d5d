"""The bootstrap over parents: right coverage, and a resampling by rows that must fail."""

import math

import numpy as np
import pytest

from zwicky.core.errors import ConfigError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.bootstrap import (
    MINIMUM_PARENTS,
    bootstrap_over_parents,
    effective_parents,
    paired_difference,
    parent_resamples,
    resample,
)

KEY = Key(7, Stream.BOOTSTRAP)
N_SIMULATIONS = 400


def drawn_values(rng, n_parents, rows_per_parent, row_sd=0.3):
    """Return the parents and values with mean 0: a unit scatter of parents, and a small one of their rows."""
    parent = np.repeat(np.arange(n_parents), rows_per_parent)
    value = np.repeat(rng.standard_normal(n_parents), rows_per_parent)
    return parent, value + row_sd * rng.standard_normal(len(parent))


def measured_coverage(by_row):
    """Return how often the 68 and 95 % intervals of a mean hold the true mean, 0."""
    rng = np.random.default_rng(11)
    hits = np.zeros(2)
    for i in range(N_SIMULATIONS):
        parent, value = drawn_values(rng, n_parents=50, rows_per_parent=6)
        unit = np.arange(len(parent)) if by_row else parent
        key = Key(i, Stream.BOOTSTRAP)
        found = bootstrap_over_parents(unit, lambda rows, v=value: v[rows].mean(axis=-1), 200, key)
        hits += [found.low_68 <= 0.0 <= found.high_68, found.low_95 <= 0.0 <= found.high_95]
    return hits / N_SIMULATIONS


def test_intervals_hold_the_truth_as_often_as_promised():
    for measured, nominal in zip(measured_coverage(by_row=False), (0.68, 0.95), strict=True):
        # 3.5 binomial errors, and one point because 50 parents and 200 resamples are not infinitely many.
        assert abs(measured - nominal) < 3.5 * math.sqrt(nominal * (1 - nominal) / N_SIMULATIONS) + 0.01


def test_resampling_rows_instead_of_parents_is_far_too_sure():
    coverage_68, coverage_95 = measured_coverage(by_row=True)
    # The interval is sqrt(6) too short: a Gaussian predicts 0.32 and 0.58.
    assert coverage_68 < 0.45
    assert coverage_95 < 0.70


def test_the_error_of_a_mean_is_that_of_its_parents():
    parent, value = drawn_values(np.random.default_rng(3), n_parents=400, rows_per_parent=5, row_sd=0.0)
    values = resample(parent, lambda rows: value[rows].mean(axis=-1), 2000, KEY)
    # Efron: the bootstrap variance of a mean is the population variance over n.
    assert values.std() == pytest.approx(value.std() / math.sqrt(400), rel=0.06)


def test_a_resample_holds_whole_parents():
    parent = np.array(["b", "a", "c", "a", "b", "a"])
    rows_of = {name: sorted(np.flatnonzero(parent == name)) for name in "abc"}
    for rows in parent_resamples(parent, 50, KEY):
        for name, members in rows_of.items():
            drawn = sorted(rows[np.isin(rows, members)])
            assert drawn == sorted(members * (len(drawn) // len(members))), name
        assert sum(np.isin(rows, m).sum() / len(m) for m in rows_of.values()) == pytest.approx(3.0)


def test_unequal_parents_give_the_same_as_a_plain_loop():
    rng = np.random.default_rng(4)
    parent, value = rng.integers(0, 40, 300), rng.standard_normal(300)
    loop = [np.median(value[rows]) for rows in parent_resamples(parent, 64, KEY)]
    np.testing.assert_array_equal(
        resample(parent, lambda rows: np.median(value[rows], axis=-1), 64, KEY), loop
    )


def test_the_key_decides():
    parent, value = drawn_values(np.random.default_rng(5), 60, 2)

    def interval(key):
        return bootstrap_over_parents(parent, lambda rows: value[rows].mean(axis=-1), 100, key)

    assert interval(KEY).low_68 == interval(KEY).low_68
    assert interval(KEY).low_68 != interval(Key(8, Stream.BOOTSTRAP)).low_68


def test_intervals_are_ordered_and_have_the_shape_of_the_statistic():
    parent, value = drawn_values(np.random.default_rng(6), 60, 2)
    found = bootstrap_over_parents(
        parent, lambda rows: np.stack([value[rows].mean(-1)] * 3, axis=-1), 100, KEY
    )
    assert found.low_68.shape == (3,)
    assert (found.low_95 < found.low_68).all()
    assert (found.low_68 < found.high_68).all()
    assert (found.high_68 < found.high_95).all()


def test_no_interval_from_a_handful_of_parents():
    value = np.random.default_rng(0).standard_normal(MINIMUM_PARENTS * 5)

    def interval(n_parents):
        parent = np.arange(len(value)) % n_parents
        return bootstrap_over_parents(parent, lambda rows: value[rows].mean(axis=-1), 50, KEY)

    assert np.isnan(interval(MINIMUM_PARENTS - 1).low_68)
    assert np.isfinite(interval(MINIMUM_PARENTS).low_68)


def test_no_interval_when_a_resample_is_undefined():
    value = np.arange(50.0)

    def sometimes_undefined(rows):
        return np.where((rows == 0).any(axis=-1), np.nan, value[rows].mean(axis=-1))

    assert np.isnan(bootstrap_over_parents(value, sometimes_undefined, 50, KEY).high_95)


def test_paired_difference_cancels_what_is_common():
    rng = np.random.default_rng(9)
    common = 5.0 * rng.standard_normal(200)
    network, classical = (
        common + 0.1 * rng.standard_normal(200),
        common + 0.1 + 0.1 * rng.standard_normal(200),
    )
    parent = np.arange(200)

    def mean_of(value):
        return lambda rows: value[rows].mean(axis=-1)

    paired = paired_difference(parent, mean_of(network), mean_of(classical), 300, KEY)
    assert paired.low_95 < -0.1 < paired.high_95 < 0.0
    # Negative control: without pairing, the common part drowns the difference.
    alone = bootstrap_over_parents(parent, mean_of(network), 300, KEY)
    assert (alone.high_95 - alone.low_95) > 10 * (paired.high_95 - paired.low_95)


@pytest.mark.parametrize(
    ("parents", "expected"), [("abcd", 4.0), ("aabb", 2.0), ("aaab", 16 / 10), ("", 0.0)]
)
def test_effective_number(parents, expected):
    assert effective_parents(np.array(list(parents))) == pytest.approx(expected)


def test_at_least_one_resample():
    with pytest.raises(ConfigError, match="needs resamples"):
        resample(np.arange(20), lambda rows: rows.mean(axis=-1), 0, KEY)
