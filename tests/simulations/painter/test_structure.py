"""Halo statistics: the shipped tables are what colossus gives, also between their nodes."""

from dataclasses import replace

import numpy as np
import pytest
from colossus.cosmology import cosmology as universe
from colossus.halo import concentration
from colossus.lss import bias, mass_function, peaks

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import ConfigError, MassError, RedshiftError
from zwicky.simulations.painter.drawing import structure
from zwicky.simulations.painter.drawing.structure import LOG10_NEIGHBOUR_MASS, structure_at


@pytest.mark.parametrize("redshift", [0.05, 0.37, 0.9, 1.7])
def test_the_tables_are_those_of_colossus(lent_cosmology, redshift):
    found = structure_at(lent_cosmology, redshift)
    for log10_mass in (13.03, 14.21, 15.37):
        mass = 10.0**log10_mass * lent_cosmology.h
        c = concentration.concentration(mass, "200c", redshift, model="diemer19")
        assert found.concentration_at(log10_mass) == pytest.approx(c, rel=0.01)
        assert found.peak_height_at(log10_mass) == pytest.approx(peaks.peakHeight(mass, redshift), rel=5e-3)
        b = bias.haloBias(mass, redshift, "200c", model="tinker10")
        assert found.bias_at(log10_mass) == pytest.approx(b, rel=0.02)
    # Up to 1e14 Msun: heavier neighbours are so rare that 10 per cent at z = 1.7 do not matter.
    mass = 10.0 ** LOG10_NEIGHBOUR_MASS[:21] * lent_cosmology.h
    dn = mass_function.massFunction(mass, redshift, mdef="200c", model="tinker08", q_out="dndlnM")
    dn = dn * lent_cosmology.h**3 * (1.0 + redshift) ** 3
    np.testing.assert_allclose(np.exp(found.ln_abundance[:21]), dn, rtol=0.07)
    separation = np.array([0.5, 2.2, 9.1, 21.0])
    xi = universe.getCurrent().correlationFunction(separation * (1.0 + redshift) * lent_cosmology.h, redshift)
    np.testing.assert_allclose(found.correlation_at(separation), xi, rtol=0.03)


def test_the_tables_are_small_and_of_the_cosmologies_as_they_are():
    assert structure.TABLES.stat().st_size < 15_000
    with np.load(structure.TABLES) as stored:
        for name, cosmology in COSMOLOGIES.items():
            assert np.array_equal(stored[f"{name}.parameters"], structure.parameters_of(cosmology))


def test_below_the_table_concentrations_are_flat():
    found = structure_at(COSMOLOGIES["planck18"], 0.1)
    assert found.concentration_at(12.5) == found.concentration_at(13.0)


def test_another_cosmology_is_refused():
    with pytest.raises(ConfigError, match="no tables for this cosmology"):
        structure_at(replace(COSMOLOGIES["planck18"], name="mine"), 0.1)
    with pytest.raises(ConfigError, match="no tables for this cosmology"):
        structure_at(replace(COSMOLOGIES["planck18"], sigma8=0.9), 0.1)


@pytest.mark.parametrize("redshift", [0.0, -0.1, 2.01, float("nan")])
def test_a_redshift_outside_is_refused(redshift):
    with pytest.raises(RedshiftError, match=r"0 < z <= 2"):
        structure_at(COSMOLOGIES["planck18"], redshift)


@pytest.mark.parametrize("log10_mass", [12.99, 15.91, float("nan")])
def test_a_mass_outside_is_refused(log10_mass):
    with pytest.raises(MassError, match=r"13 <= log10 M200c <= 15.9"):
        structure.check_log10_m200c(log10_mass)
