"""Maximum mean discrepancy: closed forms for Gaussians, a slow reference, the ladder, and planted faults."""

import math
from dataclasses import replace

import numpy as np
import pytest

from zwicky.core.errors import MapError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.mapping import mmd
from zwicky.evaluation.mapping.mmd import (
    Reference,
    equivalent_noise,
    features_of,
    median_distance,
    mmd2,
    noise_ladder,
    references,
)

KEY = Key(3, Stream.NOISE_LADDER)
SIGMAS = (0.01, 0.05, 0.2)


def slow_mean(x, y, h, x_parent, y_parent):
    pairs = [
        math.exp(-sum((a - b) ** 2) / (2 * h * h))
        for a, one in zip(x.astype(float), x_parent, strict=True)
        for b, other in zip(y.astype(float), y_parent, strict=True)
        if one != other
    ]
    return sum(pairs) / len(pairs)


def slow_mmd2(x, y, h, x_parent, y_parent):
    return (
        slow_mean(x, x, h, x_parent, x_parent)
        + slow_mean(y, y, h, y_parent, y_parent)
        - 2 * slow_mean(x, y, h, x_parent, y_parent)
    )


def gaussians(n, d=3, shift=0.0, sd=1.0, seed=1):
    return (shift + sd * np.random.default_rng(seed).standard_normal((n, d))).astype(np.float32)


def mean_kernel(d, h, s1, s2, shift):
    """E k(x, y) for x ~ N(0, s1^2), y ~ N(shift, s2^2) in each of d dimensions: a Gaussian integral."""
    total = h * h + s1 * s1 + s2 * s2
    return (h * h / total) ** (d / 2) * math.exp(-d * shift * shift / (2 * total))


def closed_form(d, h, shift, sd):
    return mean_kernel(d, h, 1, 1, 0.0) + mean_kernel(d, h, sd, sd, 0.0) - 2 * mean_kernel(d, h, 1, sd, shift)


def repeated(shift, sd, h=2.0, n=100, times=60):
    values = [
        mmd2(gaussians(n, seed=2 * i), gaussians(n + 20, shift=shift, sd=sd, seed=2 * i + 1), h)
        for i in range(times)
    ]
    return np.mean(values), np.std(values) / math.sqrt(times)


def test_independent_samples_agree_with_a_sum_over_pairs():
    x, y = gaussians(9), gaussians(7, shift=0.5, seed=2)
    assert mmd2(x, y, 1.5) == pytest.approx(slow_mmd2(x, y, 1.5, range(9), range(20, 27)), abs=1e-6)


def test_pairs_of_one_parent_are_left_out():
    x, y = gaussians(8), gaussians(6, shift=0.5, seed=2)
    x_parent, y_parent = np.array(list("aabbccdd")), np.array(list("abcxyy"))
    found = mmd2(x, y, 1.5, x_parent, y_parent)
    assert found == pytest.approx(slow_mmd2(x, y, 1.5, x_parent, y_parent), abs=1e-6)
    assert abs(found - mmd2(x, y, 1.5)) > 1e-3


@pytest.mark.parametrize(("shift", "sd"), [(0.6, 1.0), (0.0, 1.5), (0.3, 0.7)])
def test_gaussians_have_their_closed_form(shift, sd):
    mean, error = repeated(shift, sd)
    exact = closed_form(3, 2.0, shift, sd)
    assert abs(mean - exact) < 4 * error
    assert exact > 8 * error  # and it is not the one of equal samples


def test_equal_distributions_have_mean_zero():
    mean, error = repeated(0.0, 1.0)
    assert abs(mean) < 4 * error
    biased = 1 / 100 + 1 / 120  # what the diagonal of k would add, times 1 - E k
    assert biased * (1 - mean_kernel(3, 2.0, 1, 1, 0.0)) > 8 * error


def test_the_bandwidth_is_the_median_distance():
    """|x - x'|^2 / 2 is chi^2 with d degrees of freedom, whose median is near d (1 - 2 / 9 d)^3."""
    x = gaussians(700, d=10)
    assert median_distance(x) == pytest.approx(math.sqrt(2 * 10 * (1 - 2 / 90) ** 3), rel=0.01)
    assert median_distance(3 * x) == pytest.approx(3 * median_distance(x), rel=1e-5)
    y = gaussians(50, d=10, shift=1.0, seed=2)
    assert mmd2(x, y) == mmd2(x, y, median_distance(x))
    assert median_distance(np.float32([[0.0], [1.0], [5.0]])) == 4.0
    assert np.isnan(median_distance(x[:1]))


def test_features_are_logarithms_in_units_of_the_truth(clusters):
    own = features_of(clusters.maps, clusters.maps)
    assert own.shape == (len(clusters), clusters.maps[0].size)
    assert own.dtype == np.float32
    np.testing.assert_allclose(own.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(own.std(axis=0), 1.0, rtol=1e-4)
    sd = np.log10(clusters.maps).std(axis=0).ravel()
    shifted = features_of(10.0 * clusters.maps[:5], clusters.maps)
    np.testing.assert_allclose((shifted - own[:5]) * sd, 1.0, rtol=1e-3)


def test_a_pixel_that_never_varies_says_nothing(clusters):
    maps = clusters.maps.copy()
    maps[:, 0, 0] = 1e13
    assert (features_of(maps, maps)[:, 0] == 0.0).all()


def test_a_perfect_prediction_is_at_zero(clusters):
    """Where each map's own prediction counted as a pair, the answer would be far below."""
    reference = Reference.of(clusters.maps, clusters.parent)
    assert abs(reference.mmd2(clusters.maps.copy())) < 1e-7
    unpaired = mmd2(reference.features, reference.features, reference.bandwidth)
    assert unpaired < -1e-3


def test_a_reference_is_mmd2_with_parents(make_clusters):
    true = make_clusters(24, 12, rows_per_parent=3)
    predicted = (true.maps * np.exp(0.1 * np.random.default_rng(1).standard_normal(true.maps.shape))).astype(
        np.float32
    )
    reference = Reference.of(true.maps, true.parent)
    x, y = features_of(true.maps, true.maps), features_of(predicted, true.maps)
    slow = slow_mmd2(x, y, median_distance(x), true.parent, true.parent)
    assert reference.mmd2(predicted) == pytest.approx(slow, abs=2e-7)
    assert mmd2(x, y, None, true.parent, true.parent) == reference.mmd2(predicted)


def test_planted_faults_rise_above_the_ladder(clusters):
    reference = Reference.of(clusters.maps, clusters.parent)
    rungs = reference.ladder(SIGMAS, KEY)
    smooth = sum(np.roll(clusters.maps, shift, axis) for shift in (-1, 1) for axis in (1, 2)) / 4
    for fault in (smooth, 1.5 * clusters.maps, clusters.maps[:, ::-1] * np.float32(1.3)):
        assert reference.mmd2(fault) > rungs[0.01]
    # A rotated cluster is another cluster, not another population.
    assert abs(reference.mmd2(np.rot90(clusters.maps, axes=(1, 2)).copy())) < rungs[0.2]


def test_lognormal_noise_has_its_closed_form(make_clusters):
    """White noise adds S to |x - y|^2 if one map has it and 2 S if both: MMD^2 = E k (1 - exp(-S / 2 h^2))^2."""
    true = make_clusters(200, 24)
    reference = Reference.of(true.maps, true.parent)
    own = (reference.kernel.sum(dtype=float) - 200) / (200 * 199)
    sd = np.log10(true.maps).std(axis=0)
    for sd_dex in (0.05, 0.1):
        noise = 10 ** (sd_dex * np.random.default_rng(1).standard_normal(true.maps.shape))
        added = ((sd_dex / sd) ** 2).sum()
        exact = own * (1 - math.exp(-added / (2 * reference.bandwidth**2))) ** 2
        assert reference.mmd2((true.maps * noise).astype(np.float32)) == pytest.approx(exact, rel=0.1)


def test_a_rung_is_what_its_noise_does(clusters):
    """That of 1 + sigma e, which lowers the mean logarithm as well, stands a little above lognormal noise."""
    reference = Reference.of(clusters.maps, clusters.parent)
    noise = np.array([replace(KEY, cluster=i).normal(*clusters.maps[0].shape) for i in range(len(clusters))])
    found = noise_ladder(clusters.maps, [0.2], KEY, clusters.parent)[0.2]
    assert found == pytest.approx(
        reference.mmd2((clusters.maps * (1 + 0.2 * noise)).astype(np.float32)), rel=1e-4
    )
    lognormal = reference.mmd2((clusters.maps * np.exp(0.2 * noise)).astype(np.float32))
    assert lognormal < found < 2 * lognormal


def test_the_ladder_rises_and_depends_on_its_key_alone(clusters):
    found = noise_ladder(clusters.maps, SIGMAS, KEY, clusters.parent)
    values = [found[sigma] for sigma in SIGMAS]
    assert 0.0 < values[0] < values[1] < values[2]
    assert noise_ladder(clusters.maps, SIGMAS[::-1], KEY, clusters.parent) == found
    assert noise_ladder(clusters.maps, SIGMAS, replace(KEY, seed=4), clusters.parent) != found


def test_the_noise_of_a_map_is_that_of_its_place(clusters, monkeypatch):
    seen = []
    monkeypatch.setattr(Reference, "mmd2", lambda self, maps: seen.append(maps) or 0.0)
    noise_ladder(clusters.maps[:10], [0.1], KEY)
    noise_ladder(clusters.maps[4:10], [0.1], replace(KEY, cluster=4))
    np.testing.assert_array_equal(seen[0][4:], seen[1])
    ratio = seen[0] / clusters.maps[:10] - 1
    assert ratio.std() == pytest.approx(0.1, rel=0.02)
    assert abs(ratio.mean()) < 4 * 0.1 / math.sqrt(ratio.size)


def test_noisy_maps_stay_positive(clusters, monkeypatch):
    seen = []
    monkeypatch.setattr(Reference, "mmd2", lambda self, maps: seen.append(maps) or 0.0)
    noise_ladder(clusters.maps, [2.0], KEY)
    assert (seen[0] / clusters.maps).min() == pytest.approx(mmd.NOISE_FLOOR, rel=1e-4)


def test_halves_of_the_truth_differ_by_chance_alone(clusters):
    reference = Reference.of(clusters.maps, clusters.parent)
    found = reference.split_halves(40, KEY)
    assert abs(found.mean()) < 0.5 * found.std()
    assert (found < 0.0).any()
    np.testing.assert_array_equal(found[:5], reference.split_halves(5, KEY))
    light = clusters.log10_m200c < np.median(clusters.log10_m200c)
    x, y = reference.features[light], reference.features[~light]
    assert mmd2(x, y, reference.bandwidth) > 10 * found.std()


def test_halves_keep_parents_whole(make_clusters):
    true = make_clusters(20, 12, rows_per_parent=5)
    reference = Reference.of(true.maps, true.parent)
    ways = set()
    for value in reference.split_halves(40, KEY):
        ways.add(round(float(value), 9))
    assert len(ways) == 3  # four parents are halved in three ways


def test_references_by_mass(clusters):
    edges = [13.7, 14.3, clusters.log10_m200c.max()]
    light, heavy = references(clusters, edges)
    assert (clusters.log10_m200c[light.rows] < 14.3).all()
    assert (
        len(light.rows) + len(heavy.rows) == len(clusters) - 1
    )  # the upper edge belongs to the next interval
    np.testing.assert_array_equal(heavy.truth, clusters.maps[heavy.rows])
    predicted = 1.3 * clusters.maps
    assert heavy.mmd2(predicted[heavy.rows]) == pytest.approx(
        Reference.of(clusters.maps[heavy.rows], clusters.parent[heavy.rows]).mmd2(predicted[heavy.rows])
    )


def test_too_few_parents_have_no_discrepancy(clusters):
    one = Reference.of(clusters.maps[:3], np.array(["a", "a", "a"]))
    assert np.isnan(one.mmd2(clusters.maps[:3]))
    assert all(np.isnan(value) for value in one.ladder(SIGMAS, KEY).values())
    assert np.isnan(one.split_halves(2, KEY)).all()
    (empty,) = references(clusters, [16.0, 17.0])
    assert np.isnan(empty.mmd2(clusters.maps[:0]))
    assert np.isnan(empty.split_halves(1, KEY)).all()


def test_predictions_of_other_maps_are_refused(clusters):
    with pytest.raises(MapError, match="cannot be compared"):
        Reference.of(clusters.maps, clusters.parent).mmd2(clusters.maps[1:])


def test_equivalent_noise():
    ladder = {0.2: 16e-4, 0.1: 1e-4, 0.05: 1e-5, 0.01: -1e-9}
    for sigma in (0.05, 0.1, 0.2):
        assert equivalent_noise(ladder[sigma], ladder) == pytest.approx(sigma)
    assert equivalent_noise(4e-4, ladder) == pytest.approx(0.1 * math.sqrt(2))
    assert equivalent_noise(-1e-5, ladder) == 0.0
    assert equivalent_noise(1e-2, ladder) == math.inf
    assert math.isnan(equivalent_noise(math.nan, ladder))
    assert math.isnan(equivalent_noise(1e-3, {0.1: math.nan}))
    assert 0.01 < equivalent_noise(3e-9, {0.01: 1e-9, 0.02: 5e-9, 0.05: 2e-9}) < 0.02  # by chance in disorder
