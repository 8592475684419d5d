"""All matter inside spheres, and the concentration of it."""

import dataclasses

import numpy as np
import pytest
from plain_anatomy import RADIUS, anatomy, host

from zwicky.simulations.painter.draw import draw
from zwicky.simulations.painter.fields import mass_inside
from zwicky.simulations.painter.radial import X, value_at
from zwicky.simulations.painter.settings import PainterSettings
from zwicky.simulations.painter.total_mass import (
    measured_concentration,
    total_mass_msun,
    velocity_concentration,
)


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


def test_the_equation_is_inverted():
    c = np.array([3.0, 6.0, 20.0])
    ratio = 0.216 * c / (np.log1p(c) - c / (1 + c))
    assert velocity_concentration(ratio) == pytest.approx(c, rel=1e-5)


def test_the_mass_is_that_of_the_reference_in_three_dimensions():
    for index in range(4):
        cluster = draw(PainterSettings(), 5, index)
        found = value_at(total_mass_msun(cluster), cluster.r500c_mpc / cluster.r200c_mpc)
        assert found == pytest.approx(mass_inside(cluster, cluster.r500c_mpc, "total"), rel=2e-3)
        assert X[0] < 1e-3  # from well inside the core
