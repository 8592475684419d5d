"""Relations between Y500 and mass: published numbers, the profiles behind them, round trips."""

import dataclasses

import numpy as np
import pytest

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import ConfigError
from zwicky.physics.gnfw import PROFILES
from zwicky.physics.scaling import RELATIONS, YMRelation, relation_by_name
from zwicky.physics.sz import y500_sphere_mpc2

COSMOLOGY = COSMOLOGIES["planck_sz"]
PLANCK = RELATIONS["planck13_xx"]
EVERY_RELATION = pytest.mark.parametrize("relation", RELATIONS.values(), ids=RELATIONS)


def test_arnaud_2010_from_its_profile():
    """10^-4.745 Mpc^2 at 3e14 Msun with slope 1.787, h70^(-5/2) (Arnaud et al. 2010, section 6)."""
    a10 = RELATIONS["a10"]
    assert a10.log10_amplitude == pytest.approx(-4.745, abs=5e-4)
    assert a10.slope == pytest.approx(1.787, abs=5e-4)
    assert (a10.pivot_msun, a10.h70_power) == (3e14, -2.5)
    assert a10.y500_mpc2(3e14, 0.0, COSMOLOGY) == pytest.approx(1.798e-5, rel=1e-3)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("cosmology", COSMOLOGIES.values(), ids=COSMOLOGIES)
def test_relation_of_a_profile_is_its_integral(profile, cosmology):
    masses_msun = np.array([5e13, 3e14, 2e15])
    relation = YMRelation.from_profile(profile)
    for redshift in (0.02, 0.9):
        expected = y500_sphere_mpc2(masses_msun, redshift, cosmology, profile)
        np.testing.assert_allclose(relation.y500_mpc2(masses_msun, redshift, cosmology), expected, rtol=1e-12)


def test_planck_2013_xx():
    """Planck 2013 XX, eq. 7 and table 1.

    E^(-2/3) D_A^2 Y500 / 1e-4 Mpc^2 = 10^-0.19 (h/0.7)^(-2 + 1.79) [(1-b) M500 / 6e14 Msun]^1.79
    """
    assert PLANCK.sigma_dex == 0.075
    assert PLANCK.y500_mpc2(6e14, 0.0, COSMOLOGY) == pytest.approx(1e-4 * 10**-0.19, rel=1e-12)
    other = dataclasses.replace(COSMOLOGY, h=0.6)
    expected = 1e-4 * 10**-0.19 * (0.6 / 0.7) ** (-2 + 1.79) * (0.8 * 9e14 / 6e14) ** 1.79
    expected *= other.efunc(0.5) ** (2 / 3)
    assert PLANCK.y500_mpc2(9e14, 0.5, other, one_minus_bias=0.8) == pytest.approx(expected, rel=1e-12)


def test_planck_and_arnaud_agree():
    """Both stand on XMM masses: 5 % in Y at all cluster masses."""
    masses_msun = np.geomspace(1e14, 1.5e15, 5)
    planck, a10 = (RELATIONS[name].y500_mpc2(masses_msun, 0.2, COSMOLOGY) for name in ("planck13_xx", "a10"))
    assert np.abs(planck / a10 - 1.0).max() < 0.05


@EVERY_RELATION
@pytest.mark.parametrize("one_minus_bias", [1.0, 0.8])
def test_round_trip(relation, one_minus_bias):
    masses_msun = np.geomspace(3e13, 3e15, 7)
    cosmology = COSMOLOGIES["planck18"]
    y_mpc2 = relation.y500_mpc2(masses_msun, 0.6, cosmology, one_minus_bias)
    back_msun = relation.m500_msun(y_mpc2, 0.6, cosmology, one_minus_bias)
    np.testing.assert_allclose(back_msun, masses_msun, rtol=1e-12)


@EVERY_RELATION
def test_bias_makes_the_same_signal_heavier(relation):
    """What Planck's (1 - b) = 0.8 means: the true mass is 1.25 times the hydrostatic one."""
    y_mpc2 = relation.y500_mpc2(4e14, 0.3, COSMOLOGY)
    assert relation.m500_msun(y_mpc2, 0.3, COSMOLOGY, one_minus_bias=0.8) == pytest.approx(5e14, rel=1e-12)


@EVERY_RELATION
def test_evolution_is_self_similar(relation):
    later, earlier = (relation.y500_mpc2(4e14, z, COSMOLOGY) for z in (0.1, 1.0))
    expansion = COSMOLOGY.efunc(1.0) / COSMOLOGY.efunc(0.1)
    assert earlier / later == pytest.approx(expansion ** (2 / 3), rel=1e-12)


@EVERY_RELATION
def test_relation_is_found_by_its_name_and_says_where_it_is_from(relation):
    assert relation_by_name(relation.name) is relation
    assert relation.source


def test_unknown_relation_is_an_error_with_a_suggestion():
    with pytest.raises(ConfigError, match="relation between Y and mass is not known") as caught:
        relation_by_name("planck13")
    assert "did you mean 'planck13_xx'?" in str(caught.value)
