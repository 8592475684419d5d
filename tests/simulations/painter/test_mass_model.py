"""Radial tables, and the balance that makes a cluster weigh what its label says."""

import numpy as np
import pytest

from zwicky.physics.nfw import mu
from zwicky.simulations.painter.anatomy import Galaxies
from zwicky.simulations.painter.drawing.mass_model import (
    Budget,
    balance,
    gas_fraction,
    host_dark_shape,
    infall_densities,
    inside,
    mean_inside,
    star_fraction,
)
from zwicky.simulations.painter.drawing.population import draw_traits
from zwicky.simulations.painter.drawing.radial import (
    LN_X,
    X,
    enclosed,
    enclosed_of_shells,
    radius_of_density,
    running_integral,
    sphere_average,
    value_at,
)
from zwicky.simulations.painter.drawing.stars import host_star_shapes
from zwicky.simulations.painter.settings import PainterSettings

SETTINGS = PainterSettings(preset="hyper")
PHYSICS = SETTINGS.cluster_physics


@pytest.mark.parametrize("power", [0.0, -1.0, -2.0, -2.5])
def test_enclosed_mass_of_power_laws(power):
    exact = 4.0 * np.pi * X ** (3.0 + power) / (3.0 + power)
    np.testing.assert_allclose(enclosed(X**power), exact, rtol=1e-4)


def test_enclosed_mass_of_an_nfw_halo():
    density = 1.0 / (5.0 * X * (1.0 + 5.0 * X) ** 2)
    np.testing.assert_allclose(enclosed(density), 4.0 * np.pi * mu(5.0 * X) / 125.0, rtol=4e-4)
    # Nothing encloses nothing.
    assert np.array_equal(enclosed(np.zeros((2, len(X)))), np.zeros((2, len(X))))


def test_running_integral_is_that_of_the_logarithm():
    np.testing.assert_allclose(running_integral(np.ones_like(X)), LN_X - LN_X[0], atol=1e-12)
    np.testing.assert_allclose(running_integral(X**2)[1:], (0.5 * (X**2 - X[0] ** 2))[1:], rtol=1e-3)


def test_values_and_radii_between_the_nodes():
    mass = 4.0 * np.pi * mu(5.0 * X) / 125.0
    for x in (0.0123, 0.31, 1.0, 1.77):
        exact = 4.0 * np.pi * mu(5.0 * x) / 125.0
        assert value_at(mass, x) == pytest.approx(exact, rel=2e-4)
        found = radius_of_density(mass, exact / (4.0 * np.pi / 3.0 * x**3))
        assert found == pytest.approx(x, rel=1e-4)


@pytest.mark.parametrize("axes", [(1.0, 1.0, 1.0), (1.6, 1.0, 0.625), (2.0, 0.9, 0.5555555555555556)])
def test_mean_over_directions_of_an_ellipsoid(axes):
    axes = np.array(axes)
    n = 20_000
    z = 1.0 - (2.0 * np.arange(n) + 1.0) / n
    azimuth = np.pi * (1.0 + np.sqrt(5.0)) * np.arange(n)
    across = np.sqrt(1.0 - z * z)
    unit = np.stack([across * np.cos(azimuth), across * np.sin(azimuth), z], axis=1)
    stretch = np.sqrt(((unit / axes) ** 2).sum(axis=1))

    def profile(q):
        return 1.0 / (q * (1.0 + 4.0 * q) ** 2 * (1.0 + q**4))

    found = sphere_average(np.stack([profile(X), X**-1.0]), axes)
    for i in range(60, 300, 40):
        assert found[0, i] == pytest.approx(profile(X[i] * stretch).mean(), rel=2e-4)
        assert found[1, i] == pytest.approx((1.0 / (X[i] * stretch)).mean(), rel=2e-4)


def test_shells_fill_spheres_by_the_area_of_caps():
    rng = np.random.default_rng(1)
    distance, radius = np.array([0.5, 1.5, 0.1]), np.array([[0.2, 0.9], [0.4, 0.6], [0.05, 0.15]])
    mass = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    unit = rng.normal(size=(200_000, 3))
    unit /= np.linalg.norm(unit, axis=1)[:, None]
    found = enclosed_of_shells(distance, radius, mass)
    for i in (190, 215, 230, 250):
        expected = 0.0
        for d, shells, masses in zip(distance, radius, mass, strict=True):
            for r, m in zip(shells, masses, strict=True):
                expected += m * (np.linalg.norm(r * unit + [d, 0.0, 0.0], axis=1) < X[i]).mean()
        assert found[i] == pytest.approx(expected, abs=0.03)
    assert found[-1] == pytest.approx(mass.sum(), rel=1e-9)
    assert found[0] == pytest.approx(0.0, abs=1e-12)


@pytest.fixture(scope="module")
def smooth():
    """A cluster without anything but its host, and its budget."""
    traits = draw_traits(SETTINGS, 8, 3)
    dark, gas = infall_densities(traits)
    mean_dark, mean_gas = mean_inside(traits)
    none = Galaxies(np.zeros((0, 3)), np.zeros(0), np.zeros(0))
    budget = Budget(
        dark=inside(dark, traits) + mean_dark,
        gas=inside(gas, traits) + mean_gas,
        stars=np.zeros_like(X),
        host_dark=inside(host_dark_shape(traits), traits),
        host_gas=inside((1.0 + (X / 0.1) ** 2) ** -1.0, traits),
        host_stars=enclosed(host_star_shapes()),
        second=none,
        satellites=none,
        host_msun=traits.m200c_msun,
    )
    return traits, budget


def test_the_balance_is_what_it_says(smooth):
    traits, budget = smooth
    found = balance(PHYSICS, traits, budget)
    measured = found.measured
    log10_m500c = np.log10(measured.m500c_msun)
    assert measured.gas_fraction == pytest.approx(gas_fraction(PHYSICS, traits, log10_m500c), rel=1e-4)
    assert measured.star_fraction == pytest.approx(star_fraction(PHYSICS, traits, log10_m500c), rel=1e-4)
    # Two hundred critical densities at the new radius, and the label after the change of size.
    density = traits.critical_density_msun_mpc3
    sphere = 4.0 * np.pi / 3.0 * 200.0 * density * (measured.x200 * traits.r200c_mpc) ** 3
    assert value_at(found.total_msun, measured.x200) == pytest.approx(sphere, rel=2e-4)
    assert sphere / measured.x200**3 == pytest.approx(traits.m200c_msun)
    assert value_at(found.total_msun, measured.x500) / measured.x200**3 == pytest.approx(
        measured.m500c_msun, rel=2e-4
    )
    assert measured.unit_mpc == pytest.approx(traits.r200c_mpc / measured.x200)
    # The infall alone makes the sphere larger.
    assert 1.0 < measured.x200 < 1.06


def test_the_host_weighs_what_it_was_given(smooth):
    traits, budget = smooth
    found = balance(PHYSICS, traits, budget)
    gas, dark, brightest, light = value_at(
        np.stack([budget.host_gas, budget.host_dark, *budget.host_stars]), 1.0
    )
    total = (
        found.gas * gas + found.dark * dark + found.stars.brightest * brightest + found.stars.light * light
    )
    assert total == pytest.approx(traits.m200c_msun, rel=1e-9)


def test_infall_has_the_cosmic_mix_outside_and_no_gas_inside():
    traits = draw_traits(SETTINGS, 8, 3)
    dark, gas = infall_densities(traits)
    assert (gas / (gas + dark))[0] == pytest.approx(0.0, abs=1e-6)
    assert (gas / (gas + dark))[-1] == pytest.approx(0.9 * traits.baryon_fraction, rel=1e-4)
    outer = X > 20.0
    slope = np.gradient(np.log(gas + dark)[outer], LN_X[outer])
    np.testing.assert_allclose(slope, -1.5, atol=0.02)


def test_gas_never_exceeds_the_cosmic_share():
    rich = {"log10_m500c": [13.0, 15.0], "median": [0.3, 0.3], "sigma_ln": [0.1, 0.1]}
    settings = PainterSettings(preset="hyper", physics={"gas_fraction": rich})
    traits = draw_traits(settings, 8, 3)
    assert gas_fraction(settings.cluster_physics, traits, 14.0) == traits.baryon_fraction


def test_dark_matter_is_cut_near_the_splashback_radius():
    traits = draw_traits(SETTINGS, 8, 3)
    slope = np.gradient(np.log(host_dark_shape(traits)), LN_X)
    assert slope[0] == pytest.approx(-1.0, abs=0.01)
    assert slope[-1] == pytest.approx(-11.0, abs=0.02)
    assert 0.8 < X[np.argmax(slope < -4.0)] < 2.5
