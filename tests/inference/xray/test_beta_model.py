"""Beta models: closed forms, recovery from photons, and the gas that they stand for."""

from dataclasses import replace

import numpy as np
import pytest
from beta_images import PIXEL_ARCMIN, beta_image, observed
from scipy.integrate import quad

from zwicky.inference.xray.beta_model import BetaModels, fit_beta_models, gas_mass_msun, within
from zwicky.inference.xray.profiles import radial_counts
from zwicky.physics.plasma import ELECTRONS_CM3_PER_MSUN_MPC3, N_H_OVER_N_E


@pytest.mark.parametrize("beta", [0.4, 0.5, 2 / 3, 1.2])
def test_light_inside_a_circle_is_the_integral(beta):
    expected = quad(lambda r: 2 * np.pi * r * (1 + (r / 0.7) ** 2) ** (0.5 - 3 * beta), 0, 3.0)[0]
    assert within(np.array(3.0), np.array(0.7), np.array(beta)) == pytest.approx(expected, rel=1e-9)


def test_the_shape_comes_back():
    """20000 photons: core and slope to some percent; the light inside a radius better than that."""
    counts, exposure, background = observed([beta_image(20000, core=0.8, beta=0.75)] * 12)
    rings = radial_counts(counts, exposure, background, PIXEL_ARCMIN)
    models = fit_beta_models(rings, core_prior_arcmin=1.5)
    assert np.mean(models.core_radius_arcmin) == pytest.approx(0.8, rel=0.05)
    assert np.mean(models.beta) == pytest.approx(0.75, rel=0.03)
    truth = 20000 / 2000 * (1 - (1 + (3 / 0.8) ** 2) ** (1.5 - 3 * 0.75))
    np.testing.assert_allclose(models.rate_per_s(np.full(12, 3.0)), truth, rtol=0.03)
    # C of a good fit is about the number of rings.
    assert 0.5 < np.mean(models.c_statistic) / rings.counts.shape[2] < 1.6


def test_a_wrong_shape_has_a_larger_c():
    """The negative control: a ring of light is no beta model."""
    image = beta_image(20000)
    image[:, :20] *= 0.1
    y = np.arange(64)
    ring = np.hypot(y[:, None] - 31.5, y - 31.5) * PIXEL_ARCMIN
    counts, exposure, background = observed([10.0 * ((ring > 4) & (ring < 5))])
    models = fit_beta_models(radial_counts(counts, exposure, background, PIXEL_ARCMIN), core_prior_arcmin=1.0)
    assert models.c_statistic[0] > 10 * 32


def test_few_photons_leave_the_prior():
    counts, exposure, background = observed([beta_image(15)] * 10, background=0.3)
    rings = radial_counts(counts, exposure, background, PIXEL_ARCMIN)
    tight = fit_beta_models(rings, core_prior_arcmin=0.9, core_sigma_ln=0.05, beta_prior=0.6, beta_sigma=0.01)
    np.testing.assert_allclose(tight.core_radius_arcmin, 0.9, rtol=0.05)
    np.testing.assert_allclose(tight.beta, 0.6, atol=0.01)


def test_nothing_has_no_brightness():
    counts, exposure, background = observed([np.zeros((64, 64))])
    rings = radial_counts(np.zeros_like(counts), exposure, background, PIXEL_ARCMIN)
    models = fit_beta_models(rings, core_prior_arcmin=1.0)
    assert models.brightness[0] == 0.0
    mass = gas_mass_msun(models, np.ones(1), np.ones(1), np.ones(1))
    assert mass[0] == 0.0


def test_rings_beyond_the_radius_are_left_out():
    """A neighbour at 6 arcmin moves the fit unless rings end before it."""
    image = beta_image(5000, core=0.5)
    image[30:34, 54:58] += 60.0
    counts, exposure, background = observed([image])
    rings = radial_counts(counts, exposure, background, PIXEL_ARCMIN)
    wide, narrow = (fit_beta_models(rings, core_prior_arcmin=0.5, outer_arcmin=r) for r in (np.inf, 4.5))
    assert narrow.beta[0] == pytest.approx(2 / 3, abs=0.06)
    assert wide.beta[0] < narrow.beta[0] - 0.03


@pytest.mark.parametrize("beta", [0.5, 2 / 3, 0.9])
def test_gas_mass_is_that_of_the_density(beta):
    """Density given: the column through the middle by a numerical integral, the mass by another."""
    n_0, core_mpc, radius_mpc, arcmin_per_mpc = 3e-3, 0.15, 1.1, 4.0

    def density(r):
        return n_0 * (1 + (r / core_mpc) ** 2) ** (-1.5 * beta)

    columns = (
        quad(lambda line: density(line) ** 2 * N_H_OVER_N_E, *ends)[0] for ends in ((0, 0.3), (0.3, np.inf))
    )
    column = 2 * sum(columns)
    mass = quad(lambda r: 4 * np.pi * r**2 * density(r) / ELECTRONS_CM3_PER_MSUN_MPC3, 0, radius_mpc)[0]
    brightness, per_brightness = 0.02, column / 0.02
    models = BetaModels(*(np.array([v]) for v in (brightness, core_mpc * arcmin_per_mpc, beta, 0.0)))
    found = gas_mass_msun(
        models,
        np.array([per_brightness]),
        np.array([arcmin_per_mpc]),
        np.array([radius_mpc * arcmin_per_mpc]),
    )
    assert found[0] == pytest.approx(mass, rel=1e-4)
    doubled = replace(models, brightness=2 * models.brightness)
    again = gas_mass_msun(
        doubled,
        np.array([per_brightness]),
        np.array([arcmin_per_mpc]),
        np.array([radius_mpc * arcmin_per_mpc]),
    )
    assert again[0] == pytest.approx(np.sqrt(2) * mass, rel=1e-4)
