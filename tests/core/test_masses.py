"""Masses carry their definition, and a sphere is never silently a cylinder."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import MassError
from zwicky.core.masses import M200C, M200M, M500C, Mass, MassDefinition, ProjectedMass

PLANCK_SZ = COSMOLOGIES["planck_sz"]


@pytest.mark.parametrize(
    ("text", "definition"), [("M500c", M500C), ("200c", M200C), (" m200m ", M200M), ("M200m", M200M)]
)
def test_definitions_are_read(text, definition):
    assert MassDefinition.parse(text) == definition


@given(st.integers(2, 99999), st.sampled_from(["critical", "mean"]))
def test_a_definition_is_written_as_it_is_read(overdensity, reference):
    definition = MassDefinition(overdensity, reference)
    assert MassDefinition.parse(str(definition)) == definition


@pytest.mark.parametrize("text", ["", "M500", "500x", "Mvir", "M-500c", "M500cc"])
def test_a_definition_that_cannot_be_read(text):
    with pytest.raises(MassError, match="mass definition cannot be read"):
        MassDefinition.parse(text)


@pytest.mark.parametrize(
    "wrong", [(1.0, "critical"), (-500, "critical"), (math.nan, "mean"), (math.inf, "mean"), (500, "virial")]
)
def test_what_is_no_overdensity(wrong):
    with pytest.raises(MassError, match="not a spherical overdensity"):
        MassDefinition(*wrong)


@given(st.floats(1e12, 1e16), st.floats(0.01, 3.0), st.sampled_from([M500C, M200C, M200M]))
def test_the_mean_density_inside_the_radius_is_the_overdensity(msun, redshift, definition):
    radius_mpc = Mass(msun, definition).radius_mpc(redshift, PLANCK_SZ)
    mean_density = msun / (4.0 / 3.0 * math.pi * radius_mpc**3)
    omega_z = PLANCK_SZ.omega_m * (1 + redshift) ** 3 / PLANCK_SZ.efunc(redshift) ** 2
    reference = PLANCK_SZ.critical_density_msun_mpc3(redshift)
    if definition.reference == "mean":
        reference *= omega_z
    assert mean_density == pytest.approx(definition.overdensity * reference, rel=1e-10)


def test_a_radius_by_hand():
    """A sphere of 1 Mpc at 500 x 277.54 h^2 Msun kpc^-3 (z = 0, h = 0.7) holds 2.848e14 Msun."""
    assert M500C.radius_mpc(2.848e14, 0.0, PLANCK_SZ) == pytest.approx(1.0, rel=1e-3)


def test_text_and_logarithm():
    mass = Mass(1e15, M500C)
    assert str(mass) == "M500c = 1.000e+15 Msun"
    assert mass.log10_msun == pytest.approx(15.0, abs=1e-12)


@pytest.mark.parametrize("msun", [math.nan, math.inf, 0.0, -1e14, 5.0, 1e8, 1e18, 2e47])
def test_what_cannot_be_a_mass_in_solar_masses(msun):
    with pytest.raises(MassError, match=r"cannot be the mass of a cluster[\s\S]*where: +M500c"):
        Mass(msun, M500C)
    with pytest.raises(MassError, match=r"cannot be the mass of a cluster[\s\S]*where: +projected mass"):
        ProjectedMass(msun, 1.0)


@pytest.mark.parametrize("radius_mpc", [0.0, -1.0, math.nan, math.inf])
def test_a_cylinder_without_a_radius(radius_mpc):
    with pytest.raises(MassError, match="cylinder needs a radius"):
        ProjectedMass(1e14, radius_mpc)


def test_a_cylinder_is_no_sphere():
    assert ProjectedMass(1e14, 1.0) != Mass(1e14, M500C)
    assert not isinstance(ProjectedMass(1e14, 1.0), Mass)
