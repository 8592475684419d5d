"""Scores and standardised errors of pixels against closed forms of Gaussians."""

import math

import numpy as np
import pytest

from zwicky.core.errors import MapError
from zwicky.evaluation.posterior.accuracy import accuracy, pixel_squares
from zwicky.evaluation.posterior.bins import MassBins
from zwicky.evaluation.posterior.energy import energy, skill
from zwicky.evaluation.posterior.functionals import functionals
from zwicky.evaluation.posterior.pixels import (
    crps,
    energy_score,
    gaussian_crps,
    mean_and_sd,
    square_distances,
    standardised,
)
from zwicky.evaluation.posterior.standardised import standardised as standardised_errors

RNG = np.random.default_rng(5)


def test_crps_is_that_of_its_definition():
    truth, samples = RNG.standard_normal(7), RNG.standard_normal((6, 7))
    pairs = np.abs(samples[:, None] - samples[None]).sum(axis=(0, 1)) / 30.0
    np.testing.assert_allclose(crps(truth, samples), np.abs(samples - truth).mean(0) - 0.5 * pairs)


@pytest.mark.parametrize("n_samples", [4, 40])
def test_crps_of_few_samples_has_no_bias(n_samples):
    truth, samples = RNG.standard_normal(200_000), RNG.standard_normal((n_samples, 200_000))
    # Expectation for truth and forecast N(0, 1): 1 / sqrt(pi) (Gneiting et al. 2005, eq. 5, averaged).
    assert crps(truth, samples).mean() == pytest.approx(1.0 / math.sqrt(math.pi), abs=0.005)


def test_gaussian_crps_is_the_limit_of_many_samples():
    samples = 2.0 + 0.5 * RNG.standard_normal((200_000, 1))
    expected = gaussian_crps(np.array([2.4]), np.array([2.0]), np.array([0.5]))
    np.testing.assert_allclose(crps(np.array([2.4]), samples), expected, rtol=0.02)


def test_energy_score_of_a_single_pixel_is_its_crps():
    truth, samples = RNG.standard_normal((3, 1)), RNG.standard_normal((8, 3, 1))
    score = energy_score(*square_distances(truth, samples, samples.mean(axis=0)))
    np.testing.assert_allclose(score, crps(truth, samples)[:, 0])


@pytest.mark.parametrize(("width", "bias"), [(0.5, 0.0), (2.0, 0.0), (1.0, 0.7)])
def test_scores_are_best_for_the_true_posterior(make_posterior, width, bias):
    def scores(test):
        found = functionals(test, 1)
        return energy(found, MassBins(test.log10_m200c, test.parent, (), 10, 1))

    right, wrong = scores(make_posterior()), scores(make_posterior(width=width, bias=bias))
    assert (right.energy_score_dex.value < wrong.energy_score_dex.value).all()
    assert (right.crps_dex.value < wrong.crps_dex.value).all()


def test_energy_score_rewards_the_right_correlations_and_crps_does_not():
    # One shared offset per map: independent pixels with the same spread miss it.
    n, n_samples = 400, 20
    truth = RNG.standard_normal((n, 1)) * np.ones((1, 16))
    shared = RNG.standard_normal((n_samples, n, 1)) * np.ones((1, 1, 16))
    alone = RNG.standard_normal((n_samples, n, 16))
    centre = np.zeros((n, 16))
    right, wrong = (energy_score(*square_distances(truth, s, centre)).mean() for s in (shared, alone))
    assert right < 0.95 * wrong
    assert crps(truth, shared).mean() == pytest.approx(crps(truth, alone).mean(), rel=0.1)


def test_skill_of_a_score_half_as_large_is_a_half():
    bins = MassBins(np.full(12, 14.0), np.arange(12).astype(str), (), 20, 1)
    scores = RNG.uniform(1.0, 2.0, (12, 2))
    drawn = skill(0.5 * scores, scores, bins)
    np.testing.assert_allclose(drawn.value, 0.5)
    np.testing.assert_allclose(drawn.resamples, 0.5)


def test_distances_survive_an_offset_in_single_precision():
    samples = (14.0 + 1e-3 * RNG.standard_normal((5, 1, 64))).astype(np.float32)
    between, to_truth = square_distances(samples[0], samples, samples.mean(axis=0))
    direct = np.square(samples[:, None].astype(float) - samples[None].astype(float)).mean(axis=-1)[:, :, 0]
    np.testing.assert_allclose(between[0], direct, rtol=1e-3, atol=1e-12)
    np.testing.assert_allclose(to_truth[0], direct[0], rtol=1e-3, atol=1e-12)


def test_mean_and_sd_are_those_of_numpy():
    samples = RNG.standard_normal((9, 2, 5)).astype(np.float32)
    mean, sd = mean_and_sd(samples)
    np.testing.assert_allclose(mean, samples.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(sd, samples.std(axis=0, ddof=1), rtol=1e-5)


@pytest.mark.parametrize("n_samples", [5, 30])
def test_standardised_errors_of_gaussians_follow_student(n_samples):
    truth, samples = RNG.standard_normal(100_000), RNG.standard_normal((n_samples, 100_000))
    z = standardised(truth, *mean_and_sd(samples), n_samples)
    assert z.var() == pytest.approx((n_samples - 1) / (n_samples - 3), rel=0.08 if n_samples > 5 else 0.3)
    assert (np.abs(z) < 1.0).mean() == pytest.approx({5: 0.6261, 30: 0.6744}[n_samples], abs=0.006)


def test_samples_that_all_agree_are_refused():
    with pytest.raises(MapError, match="all agree"):
        standardised(np.ones(3), np.ones(3), np.array([1.0, 0.0, 1.0]), 5)


def _judged_pixels(test):
    found, bins = functionals(test, 1), MassBins(test.log10_m200c, test.parent, (14.0, 14.5, 15.0), 100, 1)
    return standardised_errors(found, bins), accuracy(found, bins)


def test_calibrated_pixels_have_the_expected_spread(posterior):
    z, size = _judged_pixels(posterior)
    assert z.sd.value.shape == (3, 2, 2) and z.within.value.shape == (3, 2, 2, 3)
    np.testing.assert_allclose(z.sd.value[0, 0], z.expected_sd, rtol=0.04)
    np.testing.assert_allclose(z.within.value[0, 0], [z.expected_within] * 2, atol=0.02)
    np.testing.assert_allclose(z.mean.value[0, 0], 0.0, atol=0.05)
    np.testing.assert_allclose(size.spread_over_rms.value[0], 1.0, rtol=0.04)
    width = np.diff(z.histogram_edges)
    np.testing.assert_allclose((z.histogram * width).sum(axis=-1), 1.0, atol=0.01)
    np.testing.assert_allclose(z.histogram[0, 0], [z.expected_density] * 2, atol=0.05)
    assert z.correction == pytest.approx(math.sqrt(20.0 / 19.0))


@pytest.mark.parametrize("width", [0.5, 2.0])
def test_wrong_widths_show_in_the_spread(make_posterior, width):
    z, size = _judged_pixels(make_posterior(width=width))
    # The mean of the samples errs with their own width: sd^2 of z (1 + 1/N) = (1 + w^2 / N) / w^2.
    n = 19
    expected = math.sqrt((1.0 + width**2 / n) / width**2 / (1.0 + 1.0 / n))
    np.testing.assert_allclose(z.sd.value[0, 0], expected * z.expected_sd, rtol=0.05)
    np.testing.assert_allclose(size.spread_over_rms.value[0], 1.0 / expected, rtol=0.05)


def test_a_bias_shows_in_the_mean(make_posterior):
    z, size = _judged_pixels(make_posterior(bias=1.0))
    assert (z.mean.value[0] > 0.8).all()
    np.testing.assert_allclose(size.map_mass_error.value[0], 10**0.1 - 1.0, atol=0.03)


def test_square_errors_come_back_from_distances():
    truth, samples = RNG.standard_normal((2, 40)), RNG.standard_normal((6, 2, 40))
    between, to_truth = square_distances(truth, samples, np.zeros((2, 40)))
    error, expected = pixel_squares(between, to_truth)
    np.testing.assert_allclose(error, np.square(samples.mean(axis=0) - truth).mean(axis=-1))
    np.testing.assert_allclose(expected, samples.var(axis=0, ddof=1).mean(axis=-1) * 7.0 / 6.0)
