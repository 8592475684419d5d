"""The classical mass: its relation, its posterior, and what it says of clusters whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from zwicky.core.masses import M500C
from zwicky.inference.classical import quantiles_on_grid
from zwicky.inference.conformal import LEVELS
from zwicky.inference.estimator import classical_estimator
from zwicky.physics.gnfw import PROFILES
from zwicky.physics.sz import mpc2_to_arcmin2, y500_sphere_mpc2
from zwicky.simulations.spherical import SphericalClusters

from .conftest import observe


@pytest.fixture(scope="module")
def plain_survey(small_survey):
    """Only the scatter of Y500: no scatter of shape, no pointing error."""
    config = small_survey.simulation.config.model_copy(update={"sigma_ln_c500": 0.0})
    return replace(small_survey, simulation=SphericalClusters(config, 1), centre_error_arcmin=0.0)


@pytest.fixture(scope="module")
def observed(plain_survey):
    return observe(plain_survey, range(1500))


def test_relation_is_that_of_the_pressure_profile(plain_survey):
    estimator = classical_estimator(plain_survey)
    cosmology, profile = estimator.cosmology, PROFILES["a10"]
    log_theta, log_y = estimator.relation(np.array([0.1, 0.4]))
    for row, z in enumerate((0.1, 0.4)):
        for column in (0, 120, 240):
            mass = 10 ** estimator.log10_mass[column]
            theta = M500C.radius_mpc(mass, z, cosmology) * cosmology.arcmin_per_mpc(z)
            y = mpc2_to_arcmin2(y500_sphere_mpc2(mass, z, cosmology, profile), z, cosmology)
            assert np.exp(log_theta[row, column]) == pytest.approx(theta, rel=1e-9)
            assert np.exp(log_y[row, column]) == pytest.approx(y, rel=1e-9)


def test_hydrostatic_bias_moves_the_relation(plain_survey):
    estimator = classical_estimator(plain_survey)
    biased = replace(estimator, one_minus_bias=0.8)
    shift = biased.relation(np.array([0.2]))[1] - estimator.relation(np.array([0.2]))[1]
    np.testing.assert_allclose(shift, 1.7867 * np.log(0.8), rtol=1e-3)


def test_posterior_covers_the_truth_as_promised(plain_survey, observed):
    """1500 clusters, scatter known: 68 and 95 % coverage within 4 binomial sd; with half the scatter it fails."""
    stamps, redshift, truth = observed

    def coverage(estimator, low, high):
        q = estimator.weigh(stamps, redshift).log10_quantiles
        return ((q[:, LEVELS.index(low)] < truth) & (truth < q[:, LEVELS.index(high)])).mean()

    estimator = classical_estimator(plain_survey)
    assert coverage(estimator, 0.16, 0.84) == pytest.approx(0.68, abs=4 * np.sqrt(0.68 * 0.32 / 1500))
    assert coverage(estimator, 0.025, 0.975) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 1500))
    wrong = replace(estimator, sigma_ln_y=0.5 * estimator.sigma_ln_y)
    assert coverage(wrong, 0.16, 0.84) < 0.68 - 4 * np.sqrt(0.68 * 0.32 / 1500)


def test_bright_clusters_scatter_as_their_y500(plain_survey, observed):
    """20 % in Y is 11 % in M (papers.md 2.4): sigma_lnM = sigma_lnY / 1.787 where noise is small."""
    stamps, redshift, truth = observed
    masses = classical_estimator(plain_survey).weigh(stamps, redshift)
    bright = masses.snr > 25
    residual = (masses.log10_quantiles[:, LEVELS.index(0.5)] - truth)[bright] * np.log(10)
    assert bright.sum() > 150
    assert residual.std() == pytest.approx(0.173 / 1.787, rel=0.15)
    assert abs(residual.mean()) < 0.03


def test_fit_finds_a_shifted_relation(plain_survey, observed):
    """Relation shifted by 10 % and its scatter doubled before the fit: both come back."""
    stamps, redshift, truth = observed
    start = replace(classical_estimator(plain_survey), sigma_ln_y=0.25)
    fitted = start.fitted(stamps, redshift, truth)
    assert fitted.ln_y_offset == pytest.approx(0.0, abs=0.04)
    assert fitted.sigma_ln_y == pytest.approx(0.173, rel=0.15)
    offset = 0.1 / 1.787 / np.log(10)
    moved = start.fitted(stamps, redshift, truth - offset)
    assert moved.ln_y_offset - fitted.ln_y_offset == pytest.approx(0.1, abs=0.03)


def test_answers_do_not_depend_on_the_chunk(plain_survey, observed):
    stamps, redshift, _ = observed
    estimator = classical_estimator(plain_survey)
    together = estimator.weigh(stamps[:1100], redshift[:1100])
    alone = estimator.weigh(stamps[1040:1041], redshift[1040:1041])
    np.testing.assert_allclose(alone.log10_quantiles[0], together.log10_quantiles[1040], rtol=1e-9)
    assert alone.snr[0] == pytest.approx(together.snr[1040])


def test_without_a_cluster_the_prior_stays_below_what_noise_allows(plain_survey):
    """An empty stamp says: not a massive cluster."""
    empty = np.zeros((1, 24, 24))
    masses = classical_estimator(plain_survey).weigh(empty, np.array([0.3]))
    assert masses.log10_quantiles[0, LEVELS.index(0.975)] < 15.0
    assert masses.snr[0] == pytest.approx(0.0, abs=1e-6)


def test_quantiles_of_a_gaussian():
    grid = np.linspace(-6, 6, 400)
    levels = np.array([0.025, 0.16, 0.5, 0.84, 0.975])
    log_density = np.stack([-0.5 * grid**2, -0.5 * ((grid - 1) / 0.5) ** 2])
    found = quantiles_on_grid(grid, log_density, levels)
    expected = np.array([-1.95996, -0.99446, 0.0, 0.99446, 1.95996])
    np.testing.assert_allclose(found[0], expected, atol=2e-3)
    np.testing.assert_allclose(found[1], 1 + 0.5 * expected, atol=2e-3)
