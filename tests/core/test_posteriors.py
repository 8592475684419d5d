"""Posteriors: quantiles that know logarithms, and the mass inside a circle."""

import math

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from zwicky.core.errors import MapError, MassError, UnitError
from zwicky.core.grid import Grid
from zwicky.core.masses import M500C
from zwicky.core.posteriors import INTERVAL_95, MapPosterior, MassPosterior
from zwicky.core.quantities import MapQuantity
from zwicky.core.units import COMPTON_Y

TOTAL = MapQuantity.TOTAL_SURFACE_DENSITY
MSUN_MPC2 = u.Msun / u.Mpc**2
GRID = Grid(101, 0.02 * u.Mpc, "proper")


def log_normal(sd_dex, n=20001):
    """Samples at equally spaced levels of a log-normal distribution around 1e14 Msun."""
    return 10 ** (14.0 + sd_dex * ndtri((np.arange(n) + 0.5) / n))


def surface(samples, grid=GRID, unit=MSUN_MPC2, quantity=TOTAL):
    return MapPosterior(samples, quantity, unit, grid)


def uniform(msun_mpc2=1e14, grid=GRID, n=2):
    return np.full((n, *grid.shape), msun_mpc2)


def test_quantiles_of_a_log_normal():
    posterior = MassPosterior(log_normal(0.1), M500C, "made")
    assert posterior.median.msun == pytest.approx(1e14, rel=1e-9)
    assert posterior.median.definition == M500C
    assert posterior.sd_dex == pytest.approx(0.1 * -ndtri(0.16), rel=1e-3)
    low, high = posterior.interval(INTERVAL_95)
    assert high.log10_msun - low.log10_msun == pytest.approx(0.1 * 2 * 1.959964, rel=1e-3)


@given(st.floats(0.8, 1.1), st.floats(0.0, 1.0))
def test_quantiles_commute_with_powers(power, level):
    """They interpolate in log M, so that a posterior of log M and one of M say the same."""
    samples = np.array([1e13, 3e13, 2e14, 9e14])
    of_power = MassPosterior(samples**power, M500C).quantile(level).msun
    assert of_power == pytest.approx(MassPosterior(samples, M500C).quantile(level).msun ** power, rel=1e-9)


@pytest.mark.parametrize(
    "samples",
    [[1e14], [[1e14, 2e14]], [1e14, math.nan], [1e14, math.inf], [1e14, 0.0], [1e14, -1e14], []],
)
def test_samples_that_are_no_posterior_of_a_mass(samples):
    with pytest.raises(MassError, match=r"needs samples[\s\S]*where: +a network"):
        MassPosterior(np.array(samples), M500C, "a network")


def test_moments_of_a_map_are_taken_over_its_samples():
    samples = np.random.default_rng(3).normal(5.0, 2.0, (6, *GRID.shape))
    posterior = surface(samples)
    for y, x in ((0, 0), (3, 70)):
        pixel = samples[:, y, x]
        mean = sum(pixel) / 6
        assert posterior.mean()[y, x] == pytest.approx(mean, rel=1e-12)
        assert posterior.sd()[y, x] == pytest.approx(math.sqrt(sum((pixel - mean) ** 2) / 5), rel=1e-12)
        assert posterior.quantile(0.5)[y, x] == pytest.approx(np.median(pixel), rel=1e-12)


def test_samples_that_are_no_posterior_of_a_map():
    with pytest.raises(MapError, match=r"finite samples on its grid[\s\S]*\(sample, 101, 101\)"):
        surface(np.ones(GRID.shape))
    with pytest.raises(MapError, match="finite samples on its grid"):
        surface(np.ones((2, 100, 101)))
    bad = uniform()
    bad[1, 2, 3] = np.nan
    with pytest.raises(MapError, match="1 not finite"):
        surface(bad)
    with pytest.raises(UnitError, match=r"does not measure[\s\S]*map posterior"):
        surface(uniform(), unit=u.Msun)


def test_the_mass_of_a_uniform_sheet_is_density_times_area():
    for radius_mpc in (0.3, 0.75, 1.0):
        first, second = surface(uniform(1e14)).mass_within(radius_mpc)
        assert first.msun == pytest.approx(1e14 * math.pi * radius_mpc**2, rel=2e-2)
        assert first == second
        assert first.radius_mpc == radius_mpc


def test_the_mass_converges_as_pixels_shrink():
    errors = []
    for n_pixels in (20, 80, 320):
        grid = Grid(n_pixels, u.Quantity(2.0 / n_pixels, u.Mpc), "proper")
        mass = surface(uniform(1e14, grid), grid).mass_within(0.7)[0].msun
        errors.append(abs(mass / (1e14 * math.pi * 0.7**2) - 1.0))
    assert errors[2] < 1e-3
    assert errors[2] < errors[0]


def test_mass_adds_over_components_and_counts_only_the_inside():
    samples = np.random.default_rng(5).uniform(1e13, 1e14, (3, *GRID.shape))
    emptied = np.where(GRID.radius() < 0.5, samples, 0.0)
    whole = [mass.msun for mass in surface(samples).mass_within(0.5)]
    inside = [mass.msun for mass in surface(emptied).mass_within(0.5)]
    doubled = [mass.msun for mass in surface(samples + emptied).mass_within(0.5)]
    np.testing.assert_allclose(inside, whole, rtol=1e-12)
    np.testing.assert_allclose(doubled, 2.0 * np.array(whole), rtol=1e-12)
    assert len(set(whole)) == 3


def test_the_mass_does_not_depend_on_the_unit():
    per_mpc2 = surface(uniform(1e14)).mass_within(0.5)[0].msun
    per_kpc2 = surface(uniform(1e8), unit=u.Msun / u.kpc**2).mass_within(0.5)[0].msun
    assert per_kpc2 == pytest.approx(per_mpc2, rel=1e-12)


def test_only_a_surface_density_on_a_proper_grid_has_a_mass():
    sky = Grid(5, 1.0 * u.arcmin, "sky")
    with pytest.raises(MapError, match=r"has a mass[\s\S]*total_surface_density on a 'sky' grid"):
        surface(uniform(grid=sky), sky).mass_within(0.5)
    with pytest.raises(MapError, match=r"has a mass[\s\S]*compton_y on a 'proper' grid"):
        surface(uniform(), unit=COMPTON_Y, quantity=MapQuantity.COMPTON_Y).mass_within(0.5)


@pytest.mark.parametrize("radius_mpc", [0.0, -1.0, 1.02, math.nan])
def test_a_circle_that_does_not_fit(radius_mpc):
    with pytest.raises(MapError, match=r"circle does not fit on the map[\s\S]*0 < R <= 1\.01 Mpc"):
        surface(uniform()).mass_within(radius_mpc)


def test_a_circle_between_the_pixels():
    even = Grid(4, 1.0 * u.Mpc, "proper")
    with pytest.raises(MapError, match=r"circle does not fit on the map[\s\S]*0\.707107 < R <= 2 Mpc"):
        surface(uniform(grid=even), even).mass_within(0.5)
