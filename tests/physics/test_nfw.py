"""The NFW halo: closed forms against integrals, limits, and astropy."""

import math

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.modeling.physical_models import NFW
from scipy.integrate import quad

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.masses import M200C
from zwicky.physics.nfw import (
    density_msun_mpc3,
    mass_within_msun,
    mu,
    projected_mass_msun,
    surface_density_msun_mpc2,
)

HALO = (8e14, 1.9, 4.2)  # mass [Msun] inside a radius [Mpc], concentration
R_S = HALO[1] / HALO[2]
RADII = pytest.mark.parametrize("x", [0.01, 0.3, 0.99, 0.9999, 1.0, 1.0001, 1.01, 3.0, 30.0])


def test_mu_is_the_integral_of_the_profile_and_has_its_limits():
    integral, _ = quad(lambda x: x / (1.0 + x) ** 2, 0.0, 4.0)
    assert mu(4.0) == pytest.approx(integral, rel=1e-12)
    assert mu(1.0) == pytest.approx(math.log(2.0) - 0.5, rel=1e-14)
    assert mu(1e-4) == pytest.approx(0.5e-8 * (1.0 - 4e-4 / 3.0), rel=1e-7)  # c^2/2 - 2c^3/3
    assert mu(1e6) == pytest.approx(math.log(1e6) - 1.0, rel=1e-6)


def test_mass_is_the_given_one_at_the_given_radius():
    assert mass_within_msun(HALO[1], *HALO) == pytest.approx(HALO[0], rel=1e-14)


@RADII
def test_mass_is_the_integral_of_the_density(x):
    integral, _ = quad(lambda r: 4.0 * math.pi * r**2 * density_msun_mpc3(r, *HALO), 0.0, x * R_S)
    assert mass_within_msun(x * R_S, *HALO) == pytest.approx(integral, rel=1e-10)


@RADII
def test_surface_density_is_the_projected_density(x):
    radius_mpc = x * R_S
    # Along the line of sight l = R sinh(t): the integrand falls as exp(-2t).
    half, _ = quad(
        lambda t: density_msun_mpc3(radius_mpc * math.cosh(t), *HALO) * radius_mpc * math.cosh(t),
        0.0,
        30.0,
        epsrel=1e-11,
    )
    assert surface_density_msun_mpc2(radius_mpc, *HALO) == pytest.approx(2.0 * half, rel=1e-8)


@RADII
def test_projected_mass_is_the_integral_of_the_surface_density(x):
    integral, _ = quad(
        lambda r: 2.0 * math.pi * r * surface_density_msun_mpc2(r, *HALO), 0.0, x * R_S, epsrel=1e-10
    )
    assert projected_mass_msun(x * R_S, *HALO) == pytest.approx(integral, rel=1e-7)


@RADII
def test_cylinder_is_the_sphere_plus_the_cylinder_outside_it(x):
    """Of the shell at r > R, the cylinder holds the fraction 1 - sqrt(1 - R^2 / r^2)."""
    radius_mpc = x * R_S

    def shell(t):
        r = radius_mpc * math.exp(t)
        inside = -math.expm1(0.5 * math.log1p(-math.exp(-2.0 * t))) if t > 0.0 else 1.0
        return 4.0 * math.pi * r**3 * density_msun_mpc3(r, *HALO) * inside

    outside, _ = quad(shell, 0.0, 20.0, epsrel=1e-10, limit=200)
    sphere = mass_within_msun(radius_mpc, *HALO)
    assert projected_mass_msun(radius_mpc, *HALO) == pytest.approx(sphere + outside, rel=1e-7)


def test_cylinder_exceeds_the_sphere_by_a_constant_far_out():
    """ln(x/2) + pi / 2x against ln x - 1: 1 - ln 2 of the mass unit, a vanishing part of the whole."""
    radius_mpc = 1e4 * R_S
    unit_msun = HALO[0] / mu(HALO[2])
    excess = projected_mass_msun(radius_mpc, *HALO) - mass_within_msun(radius_mpc, *HALO)
    assert excess / unit_msun == pytest.approx(1.0 - math.log(2.0), rel=1e-3)


@pytest.mark.parametrize("function", [surface_density_msun_mpc2, projected_mass_msun])
def test_no_step_where_the_branches_meet(function):
    """Across r_s, and where the series takes over from the closed forms, third differences stay small."""
    for x in (1.0, math.sqrt(0.97), math.sqrt(1.03)):
        fine = function(R_S * (x + 1e-5 * np.arange(-20, 21)), *HALO)
        rough = np.diff(fine, n=3) / fine[20]
        assert np.abs(rough).max() < 3e-11
        values = function(R_S * np.array([x * (1.0 - 1e-13), x, x * (1.0 + 1e-13)]), *HALO)
        np.testing.assert_allclose(values, values[1], rtol=1e-11)


def test_surface_density_at_the_scale_radius():
    """F(1) = 1/3: 2 rho_s r_s / 3 (Bartelmann 1996)."""
    rho_s = 4.0 * density_msun_mpc3(R_S, *HALO)
    assert surface_density_msun_mpc2(R_S, *HALO) == pytest.approx(2.0 * rho_s * R_S / 3.0, rel=1e-14)


def test_astropys_nfw_agrees():
    cosmology = COSMOLOGIES["planck_sz"]
    mass_msun, redshift, c = 6e14, 0.3, 5.0
    radius_delta_mpc = M200C.radius_mpc(mass_msun, redshift, cosmology)
    theirs = NFW(
        mass=mass_msun * u.Msun, concentration=c, redshift=redshift, massfactor=("critical", 200),
        cosmo=cosmology.astropy(),
    )  # fmt: skip
    radius = np.array([0.05, 0.5, 2.0]) * u.Mpc
    halo = (mass_msun, radius_delta_mpc, c)
    density = (theirs(radius)).to_value(u.Msun / u.Mpc**3)
    np.testing.assert_allclose(density_msun_mpc3(radius.value, *halo), density, rtol=2e-4)
    mass = (theirs.circular_velocity(radius) ** 2 * radius / constants.G).to_value(u.Msun)
    np.testing.assert_allclose(mass_within_msun(radius.value, *halo), mass, rtol=2e-4)


def test_numbers_give_numbers_and_arrays_give_arrays():
    for function in (mass_within_msun, density_msun_mpc3, surface_density_msun_mpc2, projected_mass_msun):
        assert isinstance(function(0.3, *HALO), float)
        radii_mpc = np.array([[0.01, 0.3, R_S], [1.0, 3.0, 9.0]])
        values = function(radii_mpc, *HALO)
        assert values.shape == (2, 3)
        assert values[0, 1] == pytest.approx(function(0.3, *HALO), rel=1e-14)
        assert values[0, 2] == pytest.approx(function(R_S, *HALO), rel=1e-14)
