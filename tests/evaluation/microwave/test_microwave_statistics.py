"""The statistics of weighed skies: closed forms, samples of known width, and negative controls."""

import numpy as np
import pytest
from scipy.stats import beta

from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.microwave.records import ProfileResidual
from zwicky.evaluation.microwave.statistics import (
    MASS_COLUMNS,
    Bootstrap,
    false_positive_rate,
    gaussian_fit,
    intrinsic_scatter,
    log_slope,
    mass_statistics,
    residual_fractions,
    scatter_and_error,
)

N = 20_000


@pytest.fixture(scope="module")
def unit():
    return np.random.default_rng(2).standard_normal(N)


def test_masses_of_a_known_gaussian(unit):
    got = dict(zip(MASS_COLUMNS, mass_statistics(2e14 + 3e13 * unit, 2.1e14), strict=True))
    assert got["median_msun"] == pytest.approx(2e14, rel=0.004)
    assert got["sigma_msun"] == pytest.approx(0.9945 * 3e13, rel=0.03)
    assert got["sigma_over_mass"] == pytest.approx(got["sigma_msun"] / 2.1e14)
    assert got["pull"] == pytest.approx((got["median_msun"] - 2.1e14) / got["sigma_msun"])
    assert 0.5 * (got["high_msun"] - got["low_msun"]) == pytest.approx(got["sigma_msun"])


def test_equal_answers_have_no_pull_and_too_few_no_width():
    assert np.isnan(mass_statistics(np.full(9, 1e14), 2e14)[-1])
    assert np.isnan(mass_statistics(np.full(4, 1e14), 2e14)).all()
    assert np.isnan(gaussian_fit(np.zeros(4))).all()
    assert np.isnan(scatter_and_error(np.zeros(4))).all()


def test_the_fit_finds_mean_and_sd_and_overlooks_wings(unit):
    values = 0.3 + 0.15 * unit
    mean, sd = gaussian_fit(values)
    assert mean == pytest.approx(0.3, abs=0.005)
    assert sd == pytest.approx(0.15, rel=0.03)
    wings = values.copy()
    wings[:200] = 3.0  # one in a hundred, far out on one side
    mean, sd = gaussian_fit(wings)
    assert mean == pytest.approx(0.3, abs=0.006)
    assert sd == pytest.approx(0.15, rel=0.04)
    assert wings.mean() > 0.32  # what moments would have said
    assert wings.std() > 0.25


def test_statistics_are_the_same_one_resample_at_a_time(unit):
    stacked = 1e14 * np.exp(0.2 * unit[:300].reshape(3, 100))
    truth = np.broadcast_to(np.linspace(1e14, 3e14, 100), (3, 100))
    for function in (
        gaussian_fit,
        scatter_and_error,
        lambda one: mass_statistics(one, 1e14),
        lambda one: log_slope(truth[0] if one.ndim == 1 else truth, one),
    ):
        np.testing.assert_allclose(function(stacked), [function(one) for one in stacked], rtol=1e-12)


def test_slopes_in_closed_form():
    true = np.geomspace(1e14, 8e14, 9)
    assert log_slope(true, 3e14 * (true / 2e14) ** 0.7) == pytest.approx(0.7)
    assert log_slope(true, np.full(9, 8e14)) == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(log_slope(np.full(9, 1e14), true))
    assert np.isnan(log_slope(true[:2], true[:2]))


def test_scatter_knows_no_bias_and_the_error_does(unit):
    median, scatter, error = scatter_and_error(0.5 + 0.1 * unit)
    assert median == pytest.approx(0.5, abs=0.003)
    assert scatter == pytest.approx(0.0995, rel=0.03)
    assert error == pytest.approx(0.547, abs=0.005)  # 0.5 + 0.4677 * 0.1: 68 % of a Gaussian lies below
    assert scatter_and_error(0.1 * unit)[2] == pytest.approx(0.0995, rel=0.03)


def test_variances_subtract_and_noise_may_make_them_negative():
    assert intrinsic_scatter(np.array(0.5), np.array(0.3)) == pytest.approx(0.4)
    assert intrinsic_scatter(np.array(0.3), np.array(0.5)) == pytest.approx(-0.4)
    np.testing.assert_allclose(intrinsic_scatter(np.array([0.2, 0.1]), np.array([0.2, 0.0])), [0.0, 0.1])


@pytest.mark.parametrize("n_false", [0, 3, 50])
def test_binomial_interval_is_that_of_clopper_and_pearson(n_false):
    masses = np.where(np.arange(50) < n_false, 1e14, 0.9e14)
    got = false_positive_rate(masses, 1e14)
    assert (got["n"], got["n_false"], got["value"]) == (50, n_false, n_false / 50)
    low = beta.ppf(0.025, n_false, 51 - n_false) if n_false else 0.0
    high = beta.ppf(0.975, n_false + 1, 50 - n_false) if n_false < 50 else 1.0
    assert (got["low_95"], got["high_95"]) == pytest.approx((low, high))


def test_residual_in_closed_form():
    profile = ProfileResidual(
        np.arange(1.0, 5.0), np.array([-50, -20, -10, -5.0]), np.array([1, -1, 1, -3.0]), np.full(4, 0.5)
    )
    got = residual_fractions(profile)
    assert got["rms"] == pytest.approx(np.sqrt(3.0) / 50.0)
    assert got["largest"] == pytest.approx(3.0 / 50.0)
    assert got["noise"] == pytest.approx(0.01)
    assert got["chi2"] == pytest.approx(12.0)


def test_residual_without_errors_has_no_chi2():
    profile = ProfileResidual(np.arange(2.0), np.array([-5.0, -1.0]), np.ones(2), np.zeros(2))
    assert np.isnan(residual_fractions(profile)["chi2"])


def test_bootstrap_error_of_a_mean_and_none_of_few_parents(unit):
    boot = Bootstrap(400, Key(3, Stream.BOOTSTRAP))
    values, parent = unit[:400], np.arange(400)
    estimate = boot.of(parent, lambda rows: values[rows].mean(axis=-1)).estimate()
    assert 0.5 * (estimate["high_68"] - estimate["low_68"]) == pytest.approx(0.05, rel=0.2)
    twins = boot.of(parent // 4, lambda rows: np.repeat(values[::4], 4)[rows].mean(axis=-1)).estimate()
    assert 0.5 * (twins["high_68"] - twins["low_68"]) == pytest.approx(0.1, rel=0.25)  # four copies are one
    assert boot.of(parent % 9, lambda rows: values[rows].mean(axis=-1)).resamples is None
