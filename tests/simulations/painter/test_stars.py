"""Stars: who has them, and that they add up."""

import numpy as np
import pytest

from zwicky.simulations.painter.anatomy import Galaxies
from zwicky.simulations.painter.drawing.population import draw_traits
from zwicky.simulations.painter.drawing.radial import enclosed, value_at
from zwicky.simulations.painter.drawing.stars import (
    bcg_msun,
    host_star_shapes,
    share_stars,
    stars_inside,
    stars_within,
    stellar_mass_msun,
)
from zwicky.simulations.painter.settings import PainterPhysics, PainterSettings


def total(shares, brightest_inside, light_inside, second, satellites):
    galaxies = shares.brightest * (brightest_inside + second)
    return galaxies + shares.light * light_inside + shares.scale * satellites


@pytest.mark.parametrize("satellites", [0.0, 1e9, 1e11, 5e11, 3e12])
@pytest.mark.parametrize("brightest", [1e10, 3e11, 5e12])
@pytest.mark.parametrize("second", [0.0, 0.8])
def test_the_shares_add_up_and_nobody_owes(satellites, brightest, second):
    shares = share_stars(1.5e12, brightest, 0.5e12, 0.97, 0.9, second, satellites)
    assert total(shares, 0.97, 0.9, second, satellites) == pytest.approx(1.5e12, rel=1e-12)
    assert shares.light * 0.9 >= 0.05 * 1.5e12 * (1.0 - 1e-12)
    assert shares.scale > 0.0
    assert 0.0 < shares.brightest <= brightest


def test_what_was_drawn_is_kept_where_it_can_be():
    shares = share_stars(1.5e12, 3e11, 0.5e12, 1.0, 1.0, 0.0, 5e11)
    assert shares.brightest == 3e11
    assert shares.light == pytest.approx(0.5e12)
    assert shares.scale == pytest.approx(1.4)
    # A galaxy that has more than 70 per cent is cut to that.
    assert share_stars(1e12, 9e11, 1e11, 1.0, 1.0, 0.0, 1e11).brightest == pytest.approx(7e11)
    # Few satellites: half of the excess in the logarithm.
    few = share_stars(1.5e12, 3e11, 0.5e12, 1.0, 1.0, 0.0, 0.5e11)
    assert few.scale == pytest.approx(np.sqrt(3.5 * 14.0))
    assert few.light > 0.5e12


def test_the_shapes_hold_a_mass_of_one():
    shapes = host_star_shapes()
    mass = enclosed(shapes)
    np.testing.assert_allclose(mass[:, -1], 1.0)
    half = [np.interp(0.5, m, np.geomspace(2e-4, 64.0, 352)) for m in mass]
    # The galaxy counts with its halo of stars: its half-mass radius is a tenth of R200.
    assert 0.05 < half[0] < 0.15 < half[1] < 0.4


def test_the_stellar_mass_relation_peaks_where_it_should():
    mass = np.geomspace(1e10, 1e15, 500)
    share = stellar_mass_msun(mass) / mass
    peak = np.argmax(share)
    assert 11.6 < np.log10(mass[peak]) < 12.2  # Moster et al. 2013, figure 4
    assert 0.03 < share[peak] < 0.04
    slope = np.gradient(np.log(stellar_mass_msun(mass)), np.log(mass))
    assert slope[0] == pytest.approx(2.376, abs=0.02)
    assert slope[-1] == pytest.approx(0.45, abs=0.01)


def test_the_brightest_galaxy_follows_its_power_law():
    settings = PainterSettings(preset="hyper", physics={"scatter": 0.0})
    traits = draw_traits(settings, 1, 1)
    physics = PainterPhysics()
    assert bcg_msun(physics, traits, 1e14) == pytest.approx(4.5e11)
    assert bcg_msun(physics, traits, 1e15) == pytest.approx(4.5e11 * 10**0.4)


def test_galaxies_are_counted_by_their_share_inside():
    rng = np.random.default_rng(4)
    place = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.0]])
    galaxies = Galaxies(place, np.array([2.0, 3.0]), np.array([0.03, 0.02]))
    for radius in (0.48, 0.53, 0.97, 1.0, 1.04):
        expected = 0.0
        for centre, mass, width in zip(place, galaxies.mass_msun, galaxies.width_mpc, strict=True):
            cloud = centre + width * rng.normal(size=(50_000, 3))
            expected += mass * (np.linalg.norm(cloud, axis=1) < radius).mean()
        assert stars_within(galaxies, radius) == pytest.approx(expected, abs=0.06)
    # The table smears each over a node of 3.6 per cent, and loses nothing.
    table = stars_inside(galaxies, 1.0)
    assert value_at(table, 0.7) == pytest.approx(3.0, abs=1e-3)
    assert value_at(table, 1.2) == pytest.approx(5.0, abs=2e-3)
