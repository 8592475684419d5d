"""The background cosmology against astropy and against closed forms."""

import math

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM
from hypothesis import given
from hypothesis import strategies as st

from zwicky.core.cosmology import COSMOLOGIES, Cosmology, check_redshift, cosmology_by_name
from zwicky.core.errors import ConfigError, RedshiftError

REDSHIFTS = (0.005, 0.0231, 0.15, 0.5, 1.0, 3.0, 20.0)
EINSTEIN_DE_SITTER = Cosmology("eds", h=0.5, omega_m=1.0, omega_b=0.05, sigma8=0.6, n_s=1.0)


@pytest.fixture(params=sorted(COSMOLOGIES))
def cosmology(request):
    return COSMOLOGIES[request.param]


@pytest.mark.parametrize("redshift", REDSHIFTS)
def test_agrees_with_astropy(cosmology, redshift):
    oracle = FlatLambdaCDM(H0=100 * cosmology.h, Om0=cosmology.omega_m, Tcmb0=0)
    density = oracle.critical_density(redshift).to_value(u.Msun / u.Mpc**3)
    per_mpc = oracle.arcsec_per_kpc_proper(redshift).to_value(u.arcmin / u.Mpc)
    distance = oracle.angular_diameter_distance(redshift).to_value(u.Mpc)
    assert cosmology.angular_diameter_distance_mpc(redshift) == pytest.approx(distance, rel=1e-6)
    assert cosmology.arcmin_per_mpc(redshift) == pytest.approx(per_mpc, rel=1e-6)
    assert cosmology.efunc(redshift) == pytest.approx(oracle.efunc(redshift), rel=1e-6)
    assert cosmology.critical_density_msun_mpc3(redshift) == pytest.approx(density, rel=1e-6)
    assert cosmology.mean_density_msun_mpc3(redshift) == pytest.approx(
        density * oracle.Om(redshift), rel=1e-6
    )


def test_its_astropy_twin_is_the_same_universe(cosmology):
    twin = cosmology.astropy()
    assert twin.H0.to_value(u.km / u.s / u.Mpc) == pytest.approx(100 * cosmology.h, rel=1e-12)
    assert (twin.Om0, twin.Ob0, twin.Ogamma0) == (cosmology.omega_m, cosmology.omega_b, 0.0)
    assert twin.efunc(1.0) == pytest.approx(cosmology.efunc(1.0), rel=1e-12)


@given(st.floats(1e-3, 20.0))
def test_einstein_de_sitter_in_closed_form(redshift):
    """D_A = (2 c / H0) (1 - (1 + z)^(-1/2)) / (1 + z): Peebles 1993, chapter 13."""
    hubble_distance_mpc = 299792.458 / 50.0
    expected = 2.0 * hubble_distance_mpc * (1.0 - (1.0 + redshift) ** -0.5) / (1.0 + redshift)
    assert EINSTEIN_DE_SITTER.angular_diameter_distance_mpc(redshift) == pytest.approx(expected, rel=1e-8)


def test_today():
    planck_sz = COSMOLOGIES["planck_sz"]
    assert planck_sz.efunc(0.0) == 1.0
    assert planck_sz.h70 == pytest.approx(1.0, rel=1e-12)
    assert EINSTEIN_DE_SITTER.h70 == pytest.approx(50 / 70, rel=1e-12)


def test_the_table_files_each_cosmology_under_its_name(cosmology):
    assert cosmology_by_name(cosmology.name) is cosmology
    assert Cosmology(**cosmology.as_dict()) == cosmology


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"cosmology is not known[\s\S]*multidark, planck18, planck_sz"):
        cosmology_by_name("wmap7")


@pytest.mark.parametrize(
    "wrong", [{"h": 70.0}, {"h": math.nan}, {"omega_m": 1.2}, {"omega_m": 0.04}, {"omega_b": 0.0}]
)
def test_parameters_that_make_no_universe(wrong):
    right = {"h": 0.7, "omega_m": 0.3, "omega_b": 0.05, "sigma8": 0.8, "n_s": 0.96}
    with pytest.raises(ConfigError, match=r"not a flat Lambda-CDM universe[\s\S]*cosmology 'mine'"):
        Cosmology("mine", **(right | wrong))


@pytest.mark.parametrize("given", [0.15, "0.15", np.float32(0.15)])
def test_redshifts_are_read(given):
    assert check_redshift(given) == pytest.approx(0.15, rel=1e-6)


def test_the_limits_of_a_redshift():
    assert check_redshift(1.0, low=0.5, high=1.0) == 1.0
    with pytest.raises(RedshiftError, match=r"0\.5 < z <= 1"):
        check_redshift(0.5, low=0.5, high=1.0)
    with pytest.raises(RedshiftError, match="finite number"):
        check_redshift(math.inf, high=math.inf)


def test_a_missing_redshift():
    with pytest.raises(RedshiftError, match=r"redshift is missing[\s\S]*where: +column z"):
        check_redshift(None, where="column z")


@pytest.mark.parametrize("given", ["near", [0.1, 0.2], {}])
def test_a_redshift_that_is_no_number(given):
    with pytest.raises(RedshiftError, match="redshift is not a number"):
        check_redshift(given)


@pytest.mark.parametrize("given", [0.0, -0.1, math.nan, math.inf, 20.5, 45000])
def test_a_redshift_out_of_range(given):
    with pytest.raises(RedshiftError, match="redshift cannot be used"):
        check_redshift(given)
    with pytest.raises(RedshiftError, match="redshift cannot be used"):
        COSMOLOGIES["planck_sz"].angular_diameter_distance_mpc(given)
