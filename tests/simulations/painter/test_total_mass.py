"""All matter inside spheres, and the concentration of it."""

import dataclasses

import numpy as np
import pytest
from plain_anatomy import RADIUS, anatomy, host

from zwicky.physics.nfw import mu
from zwicky.simulations.painter.drawing.draw import draw
from zwicky.simulations.painter.drawing.radial import X, value_at
from zwicky.simulations.painter.measuring.fields import mass_inside
from zwicky.simulations.painter.measuring.total_mass import (
    measured_concentration,
    total_mass_msun,
    velocity_concentration,
)
from zwicky.simulations.painter.settings import PainterSettings


@pytest.mark.parametrize("concentration", [2.8, 5.0, 9.0])
def test_an_nfw_halo_has_its_concentration(concentration):
    """The rounded factor of the published equation allows 2 %."""
    plain = anatomy()
    x = RADIUS / plain.r200c_mpc * concentration
    mu = np.log1p(concentration) - concentration / (1 + concentration)
    scale_mpc = plain.r200c_mpc / concentration
    dark = plain.m200c_msun / (4 * np.pi * scale_mpc**3 * mu) / (x * (1 + x) ** 2)
    nothing = np.full_like(RADIUS, 1e-12)
    halo = dataclasses.replace(host(), dark_density=dark, gas_density=nothing, star_density=nothing)
    assert measured_concentration(anatomy(host=halo)) == pytest.approx(concentration, rel=0.02)


def test_the_velocity_concentration_of_an_nfw_halo_is_its_concentration():
    c = np.array([2.5, 4.0, 8.0, 20.0])
    x = np.geomspace(1e-3, 1.0, 20000)  # radius over R200; V^2 = M / r
    v2_max = np.array([(mu(one * x) / mu(one) / x).max() for one in c])
    found = velocity_concentration(v2_max)
    np.testing.assert_allclose(found, c, rtol=0.02)
    np.testing.assert_allclose(found[2:], c[2:], rtol=3e-3)
    assert velocity_concentration(np.array([0.9])) == 2.2


def test_the_mass_is_that_of_the_reference_in_three_dimensions():
    for index in range(4):
        cluster = draw(PainterSettings(), 5, index)
        found = value_at(total_mass_msun(cluster), cluster.r500c_mpc / cluster.r200c_mpc)
        assert found == pytest.approx(mass_inside(cluster, cluster.r500c_mpc, "total"), rel=2e-3)
        assert X[0] < 1e-3  # from well inside the core
