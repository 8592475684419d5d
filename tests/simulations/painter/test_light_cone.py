"""The light cone: how many haloes there are, how bright they are, and draws that follow."""

import math
from itertools import pairwise

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from colossus.lss import mass_function as colossus_mass_function
from scipy.integrate import simpson
from scipy.optimize import brentq

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import ConfigError
from zwicky.physics.xray_flux import luminosity, sphere_cm2
from zwicky.simulations.painter.drawing.light_cone import (
    SOFT,
    light_cone,
    m500_per_m200,
    mass_function,
    mean_flux,
    soft_luminosity,
    volume_per_redshift,
)
from zwicky.simulations.painter.drawing.structure import structure_at

COSMOLOGY = COSMOLOGIES["planck18"]
MASSES, REDSHIFTS, FLUX = (13.1, 15.4), (0.02, 1.5), 5e-15
N_DRAWS = 100_000


def drawn(haloes, seed=1, n=N_DRAWS):
    """Return many masses and redshifts."""
    return haloes.draw(*np.random.default_rng(seed).uniform(size=(2, n)))


def expected(mass_edges, redshift_edges, faintest_flux=None):
    """Return the haloes in cells per steradian, (mass, redshift), by sums over a grid that the tables do not use.

    All masses have the same step.
    """
    fine, n_masses = 30, len(mass_edges) - 1
    step = (mass_edges[1] - mass_edges[0]) / fine
    masses = mass_edges[0] + step * (np.arange(fine * n_masses) + 0.5)
    columns = []
    for near, far in pairwise(redshift_edges):
        width = (far - near) / fine
        column = np.zeros(n_masses)
        for z in near + width * (np.arange(fine) + 0.5):
            number = mass_function(masses, z, COSMOLOGY) * volume_per_redshift(z, COSMOLOGY)
            if faintest_flux is not None:
                number *= mean_flux(masses, z, COSMOLOGY) >= faintest_flux
            column += number.reshape(n_masses, fine).sum(axis=1) * step * width
        columns.append(column)
    return np.array(columns).T


def misfit(masses, redshifts, mass_edges, redshift_edges, counts):
    """Return chi2 per cell of a histogram of draws, cells that expect fewer than 20 left out."""
    wanted = counts / counts.sum() * len(masses)
    found = np.histogram2d(masses, redshifts, (mass_edges, redshift_edges))[0]
    full = wanted > 20.0
    assert full.sum() > 20
    return ((found - wanted)[full] ** 2 / wanted[full]).mean()


def of_colossus(log10_mass, redshift, cosmology, mdef="200c"):
    """Return dn/dlog10 M [Mpc^-3, comoving]."""
    per_ln_mass = colossus_mass_function.massFunction(
        10.0**log10_mass * cosmology.h, redshift, mdef=mdef, model="tinker08", q_out="dndlnM"
    )
    return per_ln_mass * cosmology.h**3 * math.log(10.0)


@pytest.mark.parametrize("overdensity", [600.0, 400.0, 300.0])
def test_the_mass_function_is_that_of_colossus_at_the_overdensities_of_the_publication(
    lent_cosmology, overdensity
):
    masses = np.arange(13.0, 15.45, 0.15)
    redshift = brentq(lambda z: structure_at(lent_cosmology, z).overdensity - overdensity, 1e-3, 2.0)
    wanted = of_colossus(masses, redshift, lent_cosmology)
    np.testing.assert_allclose(mass_function(masses, redshift, lent_cosmology), wanted, rtol=5e-3)


@pytest.mark.parametrize("redshift", [0.05, 0.37, 0.9, 1.7])
def test_the_mass_function_is_nearly_that_of_colossus_between_them(lent_cosmology, redshift):
    # Ours is linear in the logarithm of the overdensity, theirs in the overdensity.
    masses = np.arange(13.0, 15.05, 0.15)
    found, wanted = (
        mass_function(masses, redshift, lent_cosmology),
        of_colossus(masses, redshift, lent_cosmology),
    )
    np.testing.assert_allclose(found, wanted, rtol=0.05)
    np.testing.assert_allclose(found[:8], wanted[:8], rtol=0.02)
    # A mistake in the redshift would be seen.
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(
            found[:8], of_colossus(masses[:8], redshift + 0.2, lent_cosmology), rtol=0.05
        )


@pytest.mark.parametrize("redshift", [0.01, 0.3, 1.9])
def test_the_volume_is_that_of_astropy(redshift):
    theirs = FlatLambdaCDM(H0=67.66, Om0=0.3111, Tcmb0=0.0).differential_comoving_volume(redshift)
    assert volume_per_redshift(redshift, COSMOLOGY) == pytest.approx(theirs.value, rel=1e-6)


def test_the_luminosity_has_the_published_pivot_and_powers():
    assert soft_luminosity(2e14, 0.35, COSMOLOGY) == pytest.approx(3.36e43)
    assert soft_luminosity(2e15, 0.35, COSMOLOGY) == pytest.approx(3.36e43 * 10.0**1.44)
    evolution = (COSMOLOGY.efunc(1.0) / COSMOLOGY.efunc(0.35)) ** 2 * (2.0 / 1.35) ** -0.51
    assert soft_luminosity(2e14, 1.0, COSMOLOGY) == pytest.approx(3.36e43 * evolution)
    slope = np.diff(np.log(soft_luminosity(np.array([2e14, 2e14 * math.e]), 1.0, COSMOLOGY)))
    assert slope[0] == pytest.approx(1.44 - 0.07 * math.log(2.0 / 1.35))


@pytest.mark.parametrize("c200", [1.5, 4.0, 12.0])
def test_m500_holds_500_critical_densities(c200):
    def mass(x):
        return np.log1p(c200 * x) - c200 * x / (1.0 + c200 * x)

    x500 = brentq(lambda x: 200.0 * mass(x) / mass(1.0) / x**3 - 500.0, 0.2, 1.0)
    assert m500_per_m200(np.array([c200]))[0] == pytest.approx(mass(x500) / mass(1.0), rel=1e-4)


def test_the_flux_is_luminosity_over_the_sphere_and_the_shift_of_the_band():
    masses = np.array([14.0, 15.0])
    near = mean_flux(masses, 1e-3, COSMOLOGY)
    # Next to us no band shifts, and M500 is 0.6 to 0.75 M200.
    for share, more in ((0.60, True), (0.75, False)):
        bound = soft_luminosity(share * 10.0**masses, 1e-3, COSMOLOGY) / sphere_cm2(1e-3, COSMOLOGY)
        assert ((near > bound) == more).all()


def test_a_flux_from_afar_gives_the_luminosity_back():
    # mu m_p G M / 2 R, m_p in keV (km/s)^-2 and G in Mpc (km/s)^2 per Msun.
    radius_mpc = (1e15 / (200.0 * 4.0 / 3.0 * math.pi * COSMOLOGY.critical_density_msun_mpc3(1.0))) ** (1 / 3)
    kt_kev = 0.588 * 1.044e-5 * 4.301e-9 * 1e15 / (2.0 * radius_mpc)
    share = m500_per_m200(np.array([structure_at(COSMOLOGY, 1.0).concentration_at(15.0)]))
    flux = mean_flux(np.array([15.0]), 1.0, COSMOLOGY)
    back = luminosity(flux, kt_kev, seen=SOFT, emitted=SOFT, redshift=1.0, cosmology=COSMOLOGY)
    wanted = soft_luminosity(share * 1e15, 1.0, COSMOLOGY)
    np.testing.assert_allclose(back, wanted, rtol=0.01)
    assert abs(flux * sphere_cm2(1.0, COSMOLOGY) / wanted - 1.0) > 0.1  # the band has shifted


def test_flux_rises_with_mass_and_falls_with_redshift():
    masses = np.linspace(13.0, 15.9, 40)
    table = np.array([mean_flux(masses, z, COSMOLOGY) for z in np.geomspace(0.01, 2.0, 40)])
    assert (np.diff(table, axis=1) > 0.0).all()
    assert (np.diff(table, axis=0) < 0.0).all()


@pytest.mark.parametrize("faintest_flux", [None, FLUX])
def test_draws_follow_mass_function_times_volume(faintest_flux):
    mass_edges = np.linspace(*MASSES, 13)
    redshift_edges = np.array([0.02, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.25, 1.5])
    counts = expected(mass_edges, redshift_edges, faintest_flux)
    haloes = light_cone(COSMOLOGY, MASSES, REDSHIFTS, faintest_flux)
    cells = (mass_edges, redshift_edges, counts)
    assert misfit(*drawn(haloes), *cells) < 1.6  # 30 cells or more: 1 +- 0.26 at most
    assert haloes.per_deg2 == pytest.approx(counts.sum() * math.radians(1.0) ** 2, rel=0.01)
    u_mass, u_redshift = np.random.default_rng(1).uniform(size=(2, N_DRAWS))
    flat = 13.1 + 2.3 * u_mass, 0.02 + 1.48 * u_redshift
    assert misfit(*flat, *cells) > 100.0
    # Masses of the whole cone at redshifts of the whole cone, but not of the same haloes.
    mass, redshift = drawn(haloes)
    assert misfit(mass[::-1], redshift, *cells) > 3.0


def test_no_drawn_halo_is_fainter_than_the_limit():
    def flux(haloes):
        return np.array([mean_flux(np.array([m]), z, COSMOLOGY)[0] for m, z in zip(*haloes, strict=True)])

    cut = flux(drawn(light_cone(COSMOLOGY, MASSES, REDSHIFTS, FLUX), n=400))
    assert cut.min() > FLUX * (1.0 - 2e-3)
    assert (cut < 1.2 * FLUX).sum() > 20  # and the limit is where it is said to be
    free = flux(drawn(light_cone(COSMOLOGY, MASSES, REDSHIFTS), n=400))
    assert (free < FLUX).mean() > 0.9


def test_a_high_limit_ends_the_cone_where_the_heaviest_fade():
    haloes = light_cone(COSMOLOGY, MASSES, REDSHIFTS, 1e-11)
    mass, redshift = drawn(haloes, n=5000)
    far = haloes.redshifts[-1]
    assert 0.1 < far < 1.0
    assert mean_flux(np.array([15.4]), far, COSMOLOGY)[0] == pytest.approx(1e-11, rel=2e-3)
    assert redshift.max() < far
    assert (mass <= 15.4).all()
    assert haloes.log10_lowest[-1] == pytest.approx(15.4, abs=1e-3)


def test_the_lower_the_limit_the_more_haloes_and_parts_add_up():
    def number(redshifts, faintest_flux=None):
        return light_cone(COSMOLOGY, MASSES, redshifts, faintest_flux).per_deg2

    counts = [number(REDSHIFTS, flux) for flux in (1e-12, 1e-13, 1e-14, 1e-30, None)]
    assert counts == sorted(counts)
    assert counts[0] < 0.01 * counts[2]
    assert counts[-1] == pytest.approx(counts[-2])
    assert number((0.02, 0.4), FLUX) + number((0.4, 1.5), FLUX) == pytest.approx(
        number(REDSHIFTS, FLUX), rel=2e-3
    )


def test_draws_rise_with_their_uniform_numbers():
    haloes = light_cone(COSMOLOGY, MASSES, REDSHIFTS, FLUX)
    u = np.linspace(1e-9, 1.0 - 1e-9, 3000)
    for other in (1e-6, 0.3, 0.999):
        masses, redshifts = haloes.draw(u, np.full(3000, other))
        assert (np.diff(masses) > 0.0).all()
        assert (redshifts == redshifts[0]).all()
        redshifts = haloes.draw(np.full(3000, other), u)[1]
        assert (np.diff(redshifts) > 0.0).all()
    mass, redshift = haloes.draw(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    np.testing.assert_allclose(redshift, REDSHIFTS)
    assert mass[0] == haloes.log10_lowest[0] == 13.1
    assert mass[1] == 15.4


def test_one_draw_is_the_same_as_one_of_many():
    haloes = light_cone(COSMOLOGY, MASSES, REDSHIFTS, FLUX)
    u_mass, u_redshift = np.random.default_rng(2).uniform(size=(2, 50))
    masses, redshifts = haloes.draw(u_mass, u_redshift)
    alone = [haloes.draw(a, b) for a, b in zip(u_mass, u_redshift, strict=True)]
    assert np.array_equal(np.array(alone).T, [masses, redshifts])


@pytest.mark.parametrize("faintest_flux", [None, 1e-13])
def test_at_a_fixed_redshift_draws_follow_the_mass_function(faintest_flux):
    haloes = light_cone(COSMOLOGY, MASSES, (0.3, 0.3), faintest_flux)
    masses, redshifts = drawn(haloes)
    assert (redshifts == 0.3).all()
    assert haloes.per_deg2 == 0.0
    low = haloes.log10_lowest[0]
    assert low == 13.1 if faintest_flux is None else low > 13.5
    fine = np.linspace(low, 15.4, 4001)
    number = mass_function(fine, 0.3, COSMOLOGY)
    assert masses.mean() == pytest.approx(simpson(fine * number, x=fine) / simpson(number, x=fine), abs=0.004)
    assert masses.mean() < 0.5 * (low + 15.4) - 0.3  # flat draws are heavier


def test_at_a_fixed_mass_draws_follow_abundance_times_volume():
    haloes = light_cone(COSMOLOGY, (14.5, 14.5), (0.1, 1.0), 1e-14)
    masses, redshifts = drawn(haloes)
    np.testing.assert_allclose(masses, 14.5)
    fine = np.linspace(0.1, 1.0, 401)
    weight = [
        mass_function(np.array([14.5]), z, COSMOLOGY)[0] * volume_per_redshift(z, COSMOLOGY) for z in fine
    ]
    mean = np.average(fine, weights=weight)
    assert redshifts.mean() == pytest.approx(mean, abs=0.004)
    assert abs(mean - 0.55) > 0.02  # flat draws differ


def test_a_flux_that_no_cluster_has_is_refused():
    with pytest.raises(
        ConfigError, match="No cluster of these masses and redshifts is bright enough"
    ) as error:
        light_cone(COSMOLOGY, MASSES, (0.5, 1.0), 1e-10)
    assert "at most" in str(error.value)
    with pytest.raises(ConfigError, match="bright enough"):
        light_cone(COSMOLOGY, (14.0, 14.0), (0.5, 0.5), 1e-12)


def test_the_same_arguments_give_the_same_tables():
    assert light_cone(COSMOLOGY, MASSES, REDSHIFTS) is light_cone(COSMOLOGY, MASSES, REDSHIFTS)
    assert light_cone(COSMOLOGY, MASSES, REDSHIFTS) is not light_cone(COSMOLOGY, MASSES, REDSHIFTS, FLUX)
