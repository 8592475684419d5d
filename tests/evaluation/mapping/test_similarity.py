"""Structural similarity against a slow reference of Wang et al. 2004, and planted faults."""

import math

import numpy as np
import pytest

from zwicky.core.errors import MapError
from zwicky.evaluation.mapping.similarity import ssim


def slow_ssim(truth, predicted):
    """Wang et al. 2004, eqs. 13-17, window by window, with sums written out."""
    x, y = np.log10(truth.astype(float)), np.log10(predicted.astype(float))
    low, span = x.min(), x.max() - x.min()
    x, y = (x - low) / span, (y - low) / span
    c1, c2 = 0.01**2, 0.03**2
    weight = np.array(
        [[math.exp(-(i * i + j * j) / (2 * 1.5**2)) for i in range(-5, 6)] for j in range(-5, 6)]
    )
    weight /= weight.sum()
    values = []
    for i in range(len(x) - 10):
        for j in range(len(x) - 10):
            a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            mu_a, mu_b = (weight * a).sum(), (weight * b).sum()
            var_a, var_b = (weight * (a - mu_a) ** 2).sum(), (weight * (b - mu_b) ** 2).sum()
            cov = (weight * (a - mu_a) * (b - mu_b)).sum()
            luminance = (2 * mu_a * mu_b + c1) / (mu_a**2 + mu_b**2 + c1)
            values.append(luminance * (2 * cov + c2) / (var_a + var_b + c2))
    return np.mean(values)


def noisy(maps, sd, seed=1):
    return (maps * np.exp(sd * np.random.default_rng(seed).standard_normal(maps.shape))).astype(np.float32)


def test_the_slow_reference(clusters):
    truth = clusters.maps[:4, :24, :24]
    for predicted in (noisy(truth, 0.1), np.float32(1.5) * truth, truth[::-1].copy()):
        slow = [slow_ssim(one, other) for one, other in zip(truth, predicted, strict=True)]
        np.testing.assert_allclose(ssim(truth, predicted), slow, rtol=1e-4)


def test_equal_maps_are_at_one(clusters):
    found = ssim(clusters.maps, clusters.maps.copy())
    assert found.shape == (len(clusters),)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, 1.0, rtol=1e-5)


def test_neither_the_unit_nor_the_mass_matters(clusters):
    predicted = noisy(clusters.maps, 0.1)
    once = ssim(clusters.maps, predicted)
    np.testing.assert_allclose(
        ssim(np.float32(1e-6) * clusters.maps, np.float32(1e-6) * predicted), once, rtol=1e-3
    )


def test_more_noise_is_less_similar(clusters):
    found = [ssim(clusters.maps, noisy(clusters.maps, sd)).mean() for sd in (0.02, 0.1, 0.3, 1.0)]
    assert 1.0 > found[0] > found[1] > found[2] > found[3] > 0.0


def test_smoothing_loses_structure_and_a_factor_does_not(clusters):
    smooth = sum(np.roll(clusters.maps, shift, axis) for shift in (-1, 1) for axis in (1, 2)) / 4
    assert ssim(clusters.maps, smooth).mean() < 0.8
    assert ssim(clusters.maps, np.float32(1.05) * clusters.maps).min() > 0.9


def test_maps_of_other_clusters_are_unlike(clusters):
    own = ssim(clusters.maps, noisy(clusters.maps, 0.1))
    other = ssim(clusters.maps, np.roll(clusters.maps, 1, axis=0))
    assert np.median(other) < np.median(own) - 0.2


def test_many_maps_are_as_few(clusters, monkeypatch):
    predicted = noisy(clusters.maps, 0.1)
    once = ssim(clusters.maps, predicted)
    monkeypatch.setattr("zwicky.evaluation.mapping.similarity.CHUNK", 7)
    np.testing.assert_allclose(ssim(clusters.maps, predicted), once, rtol=1e-6)
    np.testing.assert_allclose(ssim(clusters.maps[9:11], predicted[9:11]), once[9:11], rtol=1e-6)


def test_maps_smaller_than_the_window_are_refused():
    with pytest.raises(MapError, match="smaller than the window"):
        ssim(np.ones((2, 10, 10)), np.ones((2, 10, 10)))
    assert len(ssim(np.arange(1.0, 122.0).reshape(1, 11, 11), np.ones((1, 11, 11)))) == 1


def test_a_constant_truth_is_refused(clusters):
    truth = clusters.maps.copy()
    truth[3] = 1e14
    with pytest.raises(MapError, match="constant map"):
        ssim(truth, clusters.maps)


def test_maps_of_other_shapes_are_refused(clusters):
    with pytest.raises(MapError, match="cannot be compared"):
        ssim(clusters.maps, clusters.maps[:2])
