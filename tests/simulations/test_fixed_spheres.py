"""Spheres of chosen masses: their masses, their two kinds of scatter, and what is refused."""

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.errors import ConfigError, RedshiftError
from zwicky.core.grid import Grid
from zwicky.core.masses import M200C, M500C
from zwicky.core.quantities import MapQuantity
from zwicky.physics.masses import convert
from zwicky.simulations.fixed_spheres import FixedSpheres, FixedSpheresSettings

GRID = Grid(64, 0.5 * u.arcmin, "sky")


def total(simulation, index):
    return simulation.theory(index, 0, GRID)[MapQuantity.COMPTON_Y].values.sum()


def spheres(**changes):
    return FixedSpheres(FixedSpheresSettings(**changes), seed=1)


def test_each_cluster_has_the_mass_of_its_number():
    simulation = spheres(m200c_1e14_msun=(1.0, 3.0, 9.0))
    masses = [simulation.cluster(i).mass(M200C).msun for i in range(5)]
    np.testing.assert_allclose(masses, [1e14, 3e14, 9e14, 1e14, 3e14])
    cluster = simulation.cluster(1)
    back = convert(cluster.mass(M500C), M200C, 0.7, cluster.cosmology, "diemer15")
    assert back.msun == pytest.approx(3e14, rel=1e-6)
    assert cluster.redshift == 0.7
    assert len({simulation.cluster(i).parent for i in range(5)}) == 5


def test_scatter_of_y_is_a_factor_of_the_map():
    quiet, loud = spheres(sigma_ln_y500=0.0), spheres(sigma_ln_y500=0.2)
    factor = np.exp(loud.cluster(3).properties["ln_y500_scatter"])
    assert factor != 1.0
    assert total(loud, 3) == pytest.approx(factor * total(quiet, 3), rel=1e-6)


def test_scatter_of_the_mass_moves_y_by_its_power():
    """20 % in mass is 1.79 times as much in Y; the map of a 64 x 64 stamp holds nearly all of it."""
    quiet = spheres(sigma_ln_y500=0.0)
    loud = spheres(sigma_ln_y500=0.0, sigma_ln_m500=0.2)
    ln_m = loud.cluster(2).properties["ln_m500_scatter"]
    slope = np.log(total(loud, 2) / total(quiet, 2)) / ln_m
    assert slope == pytest.approx(5 / 3 + 0.12, abs=0.03)


def test_the_scatter_is_what_it_says():
    simulation = spheres(sigma_ln_y500=0.2, sigma_ln_m500=0.1)
    drawn = np.array([list(simulation.cluster(i).properties.values()) for i in range(2000)])
    np.testing.assert_allclose(drawn.std(axis=0), [0.2, 0.1], rtol=0.06)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.08


@pytest.mark.parametrize("masses", [(), (1e14,), (0.0,), (3.0, -1.0)])
def test_masses_that_are_none_are_refused(masses):
    with pytest.raises(ConfigError, match="1e14 Msun"):
        spheres(m200c_1e14_msun=masses)


def test_a_redshift_that_is_none_is_refused():
    with pytest.raises(RedshiftError):
        spheres(redshift=-0.7)
