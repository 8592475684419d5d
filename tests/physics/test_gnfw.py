"""Pressure profiles: published integrals, closed forms, and the quadrature along sight-lines."""

import dataclasses
import math

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from scipy.integrate import quad
from scipy.special import beta as beta_function
from scipy.special import betainc

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import ConfigError
from zwicky.physics import gnfw
from zwicky.physics.gnfw import (
    GNFW,
    PROFILES,
    cylinder_integral,
    electron_pressure_kev_cm3,
    p500_kev_cm3,
    pressure_scale_kev_cm3,
    profile_by_name,
    projected_shape,
    shape,
    sphere_integral,
)

COSMOLOGY = COSMOLOGIES["planck_sz"]
OTHER_H = dataclasses.replace(COSMOLOGY, h=0.5)
A10 = PROFILES["a10"]
PRECISE = {"epsabs": 0.0, "epsrel": 1e-10, "limit": 200}
ALL = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


def test_published_integrals_of_arnaud_2010():
    """Arnaud et al. 2010, section 6: I(1) = 0.6145, I(5) = 1.1037, J(1) = 0.7398 for h70 = 1."""
    assert sphere_integral(1.0, A10) == pytest.approx(0.6145, rel=1e-3)
    assert sphere_integral(5.0, A10) == pytest.approx(1.1037, rel=1e-3)
    assert cylinder_integral(1.0, A10) == pytest.approx(0.7398, rel=1e-3)


def test_debiased_profile_is_lower():
    """He et al. 2021: at the same mass, I(1) = 0.554 is 10 % below that of Arnaud et al. 2010."""
    assert sphere_integral(1.0, PROFILES["dpp"]) == pytest.approx(0.554, abs=5e-4)


def test_published_parameters():
    """Arnaud et al. 2010, eq. 12; Planck Intermediate V 2013; He et al. 2021, abstract."""
    assert dataclasses.astuple(A10)[1:] == (8.403, 1.177, 0.3081, 1.0510, 5.4905, 0.12, -1.5)
    assert dataclasses.astuple(PROFILES["p13"])[1:] == (6.41, 1.81, 0.31, 1.33, 4.13, 0.12, -1.5)
    assert dataclasses.astuple(PROFILES["dpp"])[1:] == (5.048, 1.217, 0.433, 1.192, 5.490, 0.0, 0.0)


@ALL
def test_profile_is_found_by_its_name(profile):
    assert profile_by_name(profile.name) is profile
    assert 0.0 <= profile.gamma < 1.0
    assert profile.beta > 3.0


def test_unknown_profile_is_an_error_with_a_suggestion():
    with pytest.raises(ConfigError, match="pressure profile is not known") as caught:
        profile_by_name("a1O")
    assert "did you mean 'a10'?" in str(caught.value)
    assert "a10, p13, dpp" in str(caught.value)


def test_p500_value():
    """Om = 0.3, h = 0.7: 1.65e-3 E(0.7)^(8/3) with E(0.7)^2 = 0.3 1.7^3 + 0.7, at the pivot."""
    assert p500_kev_cm3(3e14, 0.7, COSMOLOGY) == pytest.approx(4.65e-3, rel=1e-3)
    assert p500_kev_cm3(3e14, 0.7, COSMOLOGY) == pytest.approx(1.65e-3 * 2.1739 ** (4 / 3), rel=1e-4)
    assert p500_kev_cm3(8 * 3e14, 0.7, COSMOLOGY) == pytest.approx(4 * p500_kev_cm3(3e14, 0.7, COSMOLOGY))


@pytest.mark.parametrize("cosmology", COSMOLOGIES.values(), ids=COSMOLOGIES)
def test_p500_from_first_principles(cosmology):
    """Nagai et al. 2007: P500 = (mu / mu_e) f_B 3 / (8 pi) [500 G^(-1/4) H(z)^2 / 2]^(4/3) M500^(2/3).

    With the values of Arnaud et al. 2010, section 4.1: f_B = 0.175, mu = 0.59, mu_e = 1.14.
    """
    hubble = 100.0 * cosmology.h * cosmology.efunc(0.4) * u.km / u.s / u.Mpc
    bracket = 500.0 * hubble**2 / 2.0
    p500 = 3.0 / (8.0 * math.pi) * bracket ** (4 / 3) * constants.G ** (-1 / 3) * (5e14 * u.Msun) ** (2 / 3)
    expected_kev_cm3 = (0.59 / 1.14 * 0.175 * p500).to_value(u.keV / u.cm**3)
    assert p500_kev_cm3(5e14, 0.4, cosmology) == pytest.approx(expected_kev_cm3, rel=5e-3)


def test_pressure_scale_depends_on_mass_as_published():
    ratio = pressure_scale_kev_cm3(np.array([3e14, 3e15]), 0.2, COSMOLOGY, A10)
    assert math.log10(ratio[1] / ratio[0]) == pytest.approx(2 / 3 + 0.12)
    assert ratio[0] == pytest.approx(p500_kev_cm3(3e14, 0.2, COSMOLOGY))


@ALL
def test_pressure_scale_depends_on_h70_as_published(profile):
    """At the same M h70, P500 goes as h70^2 and P0 as h70^h70_power."""
    h70 = OTHER_H.h70
    here = pressure_scale_kev_cm3(4e14, 0.2, COSMOLOGY, profile)
    there = pressure_scale_kev_cm3(4e14 / h70, 0.2, OTHER_H, profile)
    assert there / here == pytest.approx(h70 ** (2.0 + profile.h70_power), rel=1e-12)


@ALL
def test_shape_has_the_published_slopes_and_bend(profile):
    x = np.array([1e-12, 2e-12, 1e10, 2e10])
    slopes = np.diff(np.log(shape(x, profile)))[[0, 2]] / np.log(2.0)
    np.testing.assert_allclose(slopes, [-profile.gamma, -profile.beta], rtol=1e-6)
    at_bend = profile.p0 * 2.0 ** (-(profile.beta - profile.gamma) / profile.alpha)
    assert shape(1.0 / profile.c500, profile) == pytest.approx(at_bend)


@ALL
def test_another_concentration_is_another_scale_radius(profile):
    x = np.array([0.01, 0.3, 2.0])
    np.testing.assert_allclose(
        shape(x, profile, c500=2.0 * profile.c500), shape(2.0 * x, profile), rtol=1e-13
    )
    c500 = 2.0 * profile.c500
    assert sphere_integral(1.0, profile, c500=c500) == pytest.approx(sphere_integral(2.0, profile) / 8.0)
    assert projected_shape(0.1, profile, c500, 2.5) == pytest.approx(projected_shape(0.2, profile) / 2.0)
    assert cylinder_integral(1.0, profile, c500, 2.5) == pytest.approx(cylinder_integral(2.0, profile) / 8.0)
    assert profile.with_c500(None) is profile


@ALL
def test_electron_pressure_is_scale_times_shape(profile):
    x = np.array([0.1, 1.0])
    pressure = electron_pressure_kev_cm3(x, 3e14, 0.3, OTHER_H, profile, c500=1.5)
    scale = pressure_scale_kev_cm3(3e14, 0.3, OTHER_H, profile)
    np.testing.assert_allclose(pressure, scale * shape(x, profile, 1.5), rtol=1e-14)
    assert scale != pytest.approx(p500_kev_cm3(3e14, 0.3, OTHER_H), rel=1e-3) or profile.mass_slope == 0.0


@ALL
@pytest.mark.parametrize("x", [1e-4, 0.2, 1.0, 5.0])
def test_sphere_integral_is_the_integral_over_the_sphere(profile, x):
    expected, _ = quad(lambda v: 3.0 * shape(v, profile) * v**2, 0.0, x, **PRECISE)
    assert sphere_integral(x, profile) == pytest.approx(expected, rel=1e-9)


@ALL
@pytest.mark.parametrize("b", [1e-3, 0.02, 0.4, 1.0, 3.0, 4.95, 4.9999])
def test_projection_agrees_with_adaptive_quadrature(profile, b):
    end = math.sqrt(25.0 - b**2)
    breaks = [point for point in (b, 10.0 * b, 1.0) if point < end]
    half, _ = quad(lambda path: shape(math.hypot(b, path), profile), 0.0, end, points=breaks, **PRECISE)
    assert projected_shape(b, profile) == pytest.approx(2.0 * half, rel=1e-8)


@ALL
@pytest.mark.parametrize("c500_factor", [0.4, 1.0, 2.5])
def test_projection_converges_and_its_32_nodes_are_enough(profile, c500_factor, monkeypatch):
    """Measured against 500 nodes: claimed 1e-6 for impact parameters from 1e-8 R500 to the edge."""
    b = np.array([1e-8, 1e-6, 1e-4, 1e-3, 0.1, 1.0, 4.95])
    c500 = c500_factor * profile.c500

    def with_nodes(n):
        nodes, weights = np.polynomial.legendre.leggauss(n)
        monkeypatch.setattr(gnfw, "_NODES", 0.5 * (nodes + 1.0))
        monkeypatch.setattr(gnfw, "_WEIGHTS", 0.5 * weights)
        return projected_shape(b, profile, c500)

    as_shipped = projected_shape(b, profile, c500)
    reference = with_nodes(500)
    assert np.abs(as_shipped / reference - 1.0).max() < 1e-6
    errors = [np.abs(with_nodes(n) / reference - 1.0).max() for n in (4, 8, 16, 32)]
    assert errors[0] > 1e-2  # the test can fail
    assert errors[1] < 0.3 * errors[0]
    assert errors[2] < 0.1 * errors[1]
    assert errors[3] < 1e-3 * errors[2]


@ALL
def test_projection_through_the_centre_has_a_closed_form(profile):
    """t = u^alpha / (1 + u^alpha) turns the integral of p from 0 to 5 into an incomplete beta function."""
    a, b = (1.0 - profile.gamma) / profile.alpha, (profile.beta - 1.0) / profile.alpha
    u_alpha = (5.0 * profile.c500) ** profile.alpha
    half = beta_function(a, b) * betainc(a, b, u_alpha / (1.0 + u_alpha))
    half *= profile.p0 / (profile.alpha * profile.c500)
    assert projected_shape(0.0, profile) == pytest.approx(2.0 * half, rel=1e-4)
    assert projected_shape(1e-4, profile) < projected_shape(0.0, profile)


def test_beta_model_projects_to_its_closed_form():
    """(1 + u^2)^-2, the beta model of Cavaliere & Fusco-Femiano 1976 with beta = 4/3, inside a sphere."""
    beta_model = GNFW("beta", 1.0, 2.0, 0.0, 2.0, 4.0, mass_slope=0.0, h70_power=0.0)
    b = np.geomspace(1e-3, 4.99, 20)
    end = np.sqrt(25.0 - b**2)
    core = np.sqrt(0.25 + b**2)  # (1 + 4 r^2)^-2 = (core^2 + l^2)^-2 / 16
    half = (end / (core**2 + end**2) + np.arctan(end / core) / core) / (32.0 * core**2)
    np.testing.assert_allclose(projected_shape(b, beta_model), 2.0 * half, rtol=1e-8)


@ALL
def test_projection_ends_at_the_sphere(profile):
    b = np.array([4.0, 4.99999, 5.0, 5.1, 100.0])
    projected = projected_shape(b, profile)
    assert (projected[:2] > 0.0).all()
    assert (projected[2:] == 0.0).all()
    assert projected_shape(2.0, profile, x_max=3.0) < projected_shape(2.0, profile)


@ALL
@pytest.mark.parametrize("x", [1e-3, 0.1, 1.0, 4.0])
def test_cylinder_integral_is_the_integral_over_the_disc(profile, x):
    """The volume element of J is 3 u^2 du, the sphere's divided by 4 pi / 3: (3 / 4 pi) 2 pi b db."""
    expected, _ = quad(
        lambda b: 1.5 * b * projected_shape(b, profile), 0.0, x, points=[0.01 * x, 0.1 * x], **PRECISE
    )
    assert cylinder_integral(x, profile) == pytest.approx(expected, rel=1e-6)


@ALL
def test_cylinder_holds_the_sphere_and_ends_with_it(profile):
    x = np.array([0.01, 0.1, 1.0, 4.9])
    whole = sphere_integral(5.0, profile)
    cylinder = cylinder_integral(x, profile)
    assert (cylinder > sphere_integral(x, profile)).all()
    assert (np.diff(cylinder) > 0.0).all()
    assert cylinder[-1] < whole
    np.testing.assert_allclose(cylinder_integral(np.array([5.0, 7.0]), profile), whole, rtol=1e-14)
    assert cylinder_integral(0.0, profile) == pytest.approx(0.0, abs=1e-6)


def test_numbers_give_numbers_and_arrays_give_arrays():
    for function in (shape, projected_shape, sphere_integral, cylinder_integral):
        assert isinstance(function(0.3, A10), float)
        grid = np.full((2, 3), 0.3)
        assert function(grid, A10).shape == (2, 3)
        np.testing.assert_allclose(function(grid, A10), function(0.3, A10), rtol=1e-14)
