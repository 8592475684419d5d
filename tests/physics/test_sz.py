"""The thermal SZ effect: published values, integrals over discs and spheres, units."""

import dataclasses
import math

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from scipy.integrate import quad

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import RedshiftError
from zwicky.core.masses import M500C
from zwicky.physics.constants import T_CMB_K, Y_PER_KEV_CM3_MPC
from zwicky.physics.gnfw import PROFILES, electron_pressure_kev_cm3
from zwicky.physics.sz import (
    compton_y,
    delta_t_uk,
    mpc2_to_arcmin2,
    spectral_function,
    y500_sphere_mpc2,
    y_cylinder_mpc2,
)

COSMOLOGY = COSMOLOGIES["planck_sz"]  # Om = 0.3, h = 0.7
A10 = PROFILES["a10"]
ALL = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


@pytest.mark.parametrize(
    ("m500_msun", "x", "y", "uk_150"),
    [
        (3e14, 0.05, 8.61e-5, -224.0),
        (3e14, 0.5, 1.70e-5, -44.2),
        (1e14, 0.05, 2.51e-5, -65.0),
        (6e14, 0.05, 1.87e-4, -486.0),
    ],
)
def test_compton_y_of_arnaud_2010_at_redshift_0p7(m500_msun, x, y, uk_150):
    """From eqs. 5 and 11 to 13 of Arnaud et al. 2010, truncated at 5 R500, with an independent program."""
    r500_mpc = M500C.radius_mpc(m500_msun, 0.7, COSMOLOGY)
    found = compton_y(x * r500_mpc, m500_msun, 0.7, COSMOLOGY, A10)
    assert found == pytest.approx(y, rel=3e-3)
    assert delta_t_uk(found, 150.0) == pytest.approx(uk_150, abs=0.6)


def test_r500_of_the_values_above():
    assert M500C.radius_mpc(3e14, 0.7, COSMOLOGY) == pytest.approx(0.785, abs=5e-4)


def test_compton_y_with_units():
    """The formula written once with astropy Quantities, integrated adaptively."""
    m500_msun, redshift, radius_mpc = 5e14, 0.3, 0.4
    cosmology = COSMOLOGIES["planck18"]
    r500_mpc = M500C.radius_mpc(m500_msun, redshift, cosmology)
    column, _ = quad(
        lambda path_mpc: electron_pressure_kev_cm3(
            math.hypot(radius_mpc, path_mpc) / r500_mpc, m500_msun, redshift, cosmology, A10
        ),
        0.0,
        math.sqrt(25.0 * r500_mpc**2 - radius_mpc**2),
    )
    rest_energy = constants.m_e * constants.c**2
    expected = constants.sigma_T / rest_energy * 2.0 * column * u.keV / u.cm**3 * u.Mpc
    assert expected.decompose().unit == u.dimensionless_unscaled
    found = compton_y(radius_mpc, m500_msun, redshift, cosmology, A10)
    assert found == pytest.approx(expected.to_value(u.dimensionless_unscaled), rel=1e-7)


def test_constant_is_sigma_t_over_electron_rest_energy():
    """6.6524587e-25 cm^2 / 510.99895 keV x 3.0856776e24 cm (CODATA 2018, IAU 2015)."""
    assert pytest.approx(6.6524587e-25 / 510.99895 * 3.0856776e24, rel=1e-6) == Y_PER_KEV_CM3_MPC


def test_compton_y_is_linear_in_the_amplitude_and_ends_with_the_gas():
    r500_mpc = M500C.radius_mpc(3e14, 0.2, COSMOLOGY)
    radius_mpc = np.array([0.0, 0.5, 2.0, 3.0, 5.0]) * r500_mpc
    y = compton_y(radius_mpc, 3e14, 0.2, COSMOLOGY, A10)
    assert (np.diff(y) < 0.0).all()
    assert y[-1] == 0.0
    np.testing.assert_allclose(compton_y(radius_mpc, 3e14, 0.2, COSMOLOGY, A10, amplitude=1.5), 1.5 * y)
    shorter = compton_y(radius_mpc, 3e14, 0.2, COSMOLOGY, A10, x_max=3.0)
    assert (shorter[3:] == 0.0).all()
    assert (shorter[:3] < y[:3]).all()
    peaked = compton_y(radius_mpc, 3e14, 0.2, COSMOLOGY, A10, c500=2.0 * A10.c500)
    assert not np.allclose(peaked, y, rtol=0.1)


@ALL
@pytest.mark.parametrize(("x", "x_max"), [(0.3, 5.0), (1.0, 3.0), (5.0, 5.0)])
def test_cylinder_is_the_integral_of_y_over_the_disc(profile, x, x_max):
    m500_msun, redshift, c500 = 2e14, 0.5, 1.4
    r500_mpc = M500C.radius_mpc(m500_msun, redshift, COSMOLOGY)

    def ring(r_mpc):
        y = compton_y(r_mpc, m500_msun, redshift, COSMOLOGY, profile, c500=c500, x_max=x_max)
        return 2.0 * math.pi * r_mpc * y

    expected, _ = quad(ring, 0.0, x * r500_mpc, points=[0.03 * r500_mpc], epsabs=0.0, epsrel=1e-9)
    found = y_cylinder_mpc2(x, m500_msun, redshift, COSMOLOGY, profile, c500=c500, x_max=x_max)
    assert found == pytest.approx(expected, rel=1e-6)


@ALL
def test_sphere_is_the_integral_of_the_pressure_with_units(profile):
    m500_msun, redshift, c500 = 2e14, 0.5, 1.4
    r500 = M500C.radius_mpc(m500_msun, redshift, COSMOLOGY) * u.Mpc
    shells, _ = quad(
        lambda x: (
            4.0 * math.pi * x**2 * electron_pressure_kev_cm3(x, m500_msun, redshift, COSMOLOGY, profile, c500)
        ),
        0.0,
        1.0,
    )
    rest_energy = constants.m_e * constants.c**2
    expected = (constants.sigma_T / rest_energy * shells * u.keV / u.cm**3 * r500**3).to_value(u.Mpc**2)
    found = y500_sphere_mpc2(m500_msun, redshift, COSMOLOGY, profile, c500)
    assert found == pytest.approx(expected, rel=1e-8)
    assert y_cylinder_mpc2(1.0, m500_msun, redshift, COSMOLOGY, profile, c500) > found


def test_y500_of_arnaud_2010():
    """Section 6: amplitude 10^-4.745 Mpc^2 and slope 1.787 = 5/3 + 0.12, at every redshift."""
    for redshift in (0.05, 0.7):
        masses_msun = np.array([3e14, 3e15])
        y_mpc2 = y500_sphere_mpc2(masses_msun, redshift, COSMOLOGY, A10)
        assert COSMOLOGY.efunc(redshift) ** (-2 / 3) * y_mpc2[0] == pytest.approx(1.798e-5, rel=1e-3)
        assert math.log10(y_mpc2[1] / y_mpc2[0]) == pytest.approx(1.787, abs=5e-4)


def test_y500_scales_with_h70_as_published():
    """Arnaud et al. 2010, section 6: h70^(-5/2) at fixed M500 h70."""
    other = dataclasses.replace(COSMOLOGY, h=0.5)
    ratio = y500_sphere_mpc2(3e14 / other.h70, 0.1, other, A10) / y500_sphere_mpc2(3e14, 0.1, COSMOLOGY, A10)
    assert ratio == pytest.approx(other.h70**-2.5, rel=1e-12)


def test_the_sky_area_of_a_cluster_follows_astropys_distance():
    area_mpc2 = np.array([1e-5, 1e-4])
    distance = COSMOLOGY.astropy().angular_diameter_distance(0.25)
    expected = (area_mpc2 * u.Mpc**2 / distance**2 * u.rad**2).to_value(u.arcmin**2)
    np.testing.assert_allclose(mpc2_to_arcmin2(area_mpc2, 0.25, COSMOLOGY), expected, rtol=1e-7)


def test_no_sky_area_without_a_distance():
    with pytest.raises(RedshiftError, match="redshift cannot be used"):
        mpc2_to_arcmin2(1e-4, 0.0, COSMOLOGY)


@pytest.mark.parametrize(("frequency_ghz", "f"), [(95.0, -1.554), (143.0, -1.040), (220.0, 0.038)])
def test_spectral_function_values(frequency_ghz, f):
    assert spectral_function(frequency_ghz) == pytest.approx(f, abs=5e-4)


def test_temperature_change_at_150_ghz():
    """T_CMB f(150 GHz) = -2.598 K per unit of y; f = -0.9533."""
    assert spectral_function(150.0) == pytest.approx(-0.9533, abs=5e-5)
    assert delta_t_uk(1.0, 150.0) == pytest.approx(-2.598e6, rel=2e-4)
    np.testing.assert_allclose(delta_t_uk(np.array([0.0, 2e-4]), 150.0), [0.0, -519.6], rtol=2e-4)
    assert delta_t_uk(1.0, 150.0, t_cmb_k=3.0) == pytest.approx(3e6 * spectral_function(150.0, 3.0))


def test_spectral_function_has_its_null_and_its_limits():
    """Null at 217.5 GHz (x = 3.83); -2 in the Rayleigh-Jeans limit; x - 4 far in the Wien tail."""
    x_per_ghz = (constants.h * u.GHz / (constants.k_B * T_CMB_K * u.K)).to_value(u.dimensionless_unscaled)
    assert spectral_function(3.830 / x_per_ghz) == pytest.approx(0.0, abs=1e-4)
    assert spectral_function(217.0) < 0.0 < spectral_function(218.0)
    assert spectral_function(1e-3) == pytest.approx(-2.0, abs=1e-9)
    assert spectral_function(np.array([2000.0])) == pytest.approx(2000.0 * x_per_ghz - 4.0, abs=1e-9)
