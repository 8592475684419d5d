"""Neighbours and filaments: as many as the mass function and the correlation function say, and where."""

import numpy as np
import pytest

from zwicky.simulations.painter.drawing.environment import draw_environment, filament_density
from zwicky.simulations.painter.drawing.population import draw_traits
from zwicky.simulations.painter.drawing.radial import X
from zwicky.simulations.painter.drawing.structure import LOG10_NEIGHBOUR_MASS
from zwicky.simulations.painter.measuring.fields import directions
from zwicky.simulations.painter.settings import PainterSettings

SETTINGS = PainterSettings(preset="hyper", log10_m200c_range=(14.6, 14.6))
PHYSICS = SETTINGS.cluster_physics


@pytest.fixture(scope="module")
def many():
    """The surroundings of 300 clusters in columns of 12.8 Mpc."""
    drawn = [draw_traits(SETTINGS, 3, i) for i in range(300)]
    return [(t, draw_environment(PHYSICS, t, 12.8, 3, i)) for i, t in enumerate(drawn)]


def total_mass(environment):
    dark, gas, galaxies = environment.dark, environment.gas, environment.galaxies
    return dark.mass_msun.sum() + gas.mass_msun.sum() + galaxies.mass_msun.sum()


def test_there_are_as_many_neighbours_as_expected(many):
    traits = many[0][0]
    structure = traits.structure
    mass = np.linspace(12.5, np.log10(0.8) + 14.6, 400)
    abundance = np.exp(np.interp(mass, LOG10_NEIGHBOUR_MASS, structure.ln_abundance))
    bias = np.average(structure.bias_at(mass), weights=abundance)
    r = np.geomspace(1.3 * traits.r200c_mpc, 0.87 * 12.8, 2000)
    excess = np.minimum(structure.bias_at(14.6) * bias * structure.correlation_at(r), 60.0)
    volume = np.trapezoid(4.0 * np.pi * r**2 * (1.0 + excess), r)
    expected = np.trapezoid(abundance, mass * np.log(10.0)) * volume
    numbers = np.array([len(e.galaxies.mass_msun) for _, e in many])
    assert numbers.mean() == pytest.approx(expected, abs=4.0 * np.sqrt(expected / len(many)))
    assert numbers.var() == pytest.approx(expected, rel=0.35)
    # They gather: far more than in the mean universe of the same volume.
    uniform = np.trapezoid(abundance, mass * np.log(10.0)) * 4.0 * np.pi / 3.0 * (r[-1] ** 3 - r[0] ** 3)
    assert numbers.mean() > 1.3 * uniform


def test_neighbours_are_haloes_outside_the_cluster(many):
    for traits, found in many[:100]:
        distance = np.linalg.norm(found.dark.position_mpc, axis=1)
        assert distance.min() >= 1.3 * traits.r200c_mpc
        assert distance.max() <= 0.87 * 12.8
        assert (found.dark.mass_msun > 0.0).all()
        assert (found.dark.core_mpc < found.dark.truncation_mpc).all()
        assert (found.dark.truncation_mpc < found.dark.edge_mpc).all()
        heavy = found.dark.mass_msun > 6e12
        assert heavy.sum() <= len(found.gas.mass_msun) <= (found.dark.mass_msun > 4.5e12).sum()


def test_nothing_of_a_neighbour_is_lost(many):
    for _, found in many[:30]:
        gas = np.zeros(len(found.dark.mass_msun))
        gas[np.isin(found.dark.position_mpc[:, 0], found.gas.position_mpc[:, 0])] = found.gas.mass_msun
        mass = found.dark.mass_msun + gas + found.galaxies.mass_msun
        assert (mass > 10**12.5 * 0.999).all()
        assert (mass < 0.8 * 10**14.6 * 1.001).all()
        assert mass.sum() == pytest.approx(total_mass(found))


def test_filaments_start_along_the_longest_axis(many):
    numbers = [len(e.filaments.direction) for _, e in many]
    assert {2, 3, 4} == set(numbers)
    first = np.array([e.filaments.direction[0] for _, e in many])
    np.testing.assert_allclose((first**2).sum(axis=1), 1.0)
    assert np.median(np.abs(first[:, 0])) > 0.85
    assert abs(first[:, 0].mean()) < 0.25  # both ways
    second = np.array([e.filaments.direction[1] for _, e in many])
    assert np.median(np.abs(second[:, 0])) < 0.7


def test_neighbours_come_along_filaments(many):
    cosines = []
    for _, found in many[:150]:
        places = found.dark.position_mpc / np.linalg.norm(found.dark.position_mpc, axis=1)[:, None]
        cosines.append((places @ found.filaments.direction.T).max(axis=1))
    near = np.mean(np.concatenate(cosines) > np.cos(0.5))
    assert near > 0.6  # isotropic ones are there in 18 per cent


def test_the_mean_density_of_filaments_is_that_over_directions(many):
    traits, found = many[4]
    unit = traits.r200c_mpc
    table = filament_density(found.filaments, unit)
    f = found.filaments
    unit_vectors = directions(40_000)
    for x in (0.5, 1.0, 3.0, 8.0):
        place = x * unit * unit_vectors
        mean = 0.0
        for i in range(len(f.direction)):
            t = place @ f.direction[i]
            v = ((x * unit) ** 2 - t**2) / f.radius_mpc[i] ** 2
            shape = 1.0 / (1.0 + v + v * v) / (1.0 + (t / f.length_mpc[i]) ** 2)
            shape *= (x * unit) ** 2 / ((x * unit) ** 2 + f.hole_mpc[i] ** 2)
            mean += (f.gas_density[i] + f.dark_density[i]) * np.where(t > 0.0, shape, 0.0).mean()
        assert np.exp(np.interp(np.log(x), np.log(X), np.log(table))) == pytest.approx(mean, rel=0.02)


def test_more_room_changes_no_nearer_random_number():
    traits = draw_traits(SETTINGS, 3, 1)
    small, large = (draw_environment(PHYSICS, traits, depth, 3, 1) for depth in (12.8, 25.6))
    assert len(large.dark.mass_msun) > len(small.dark.mass_msun)
    assert np.array_equal(small.filaments.direction, large.filaments.direction)
    n = len(small.dark.mass_msun)
    assert np.array_equal(
        small.galaxies.mass_msun / small.dark.mass_msun, (large.galaxies.mass_msun / large.dark.mass_msun)[:n]
    )


def test_the_number_has_a_limit_and_the_switch_works():
    traits = draw_traits(SETTINGS, 3, 1)
    few = draw_environment(PHYSICS.model_copy(update={"neighbours_max": 3}), traits, 12.8, 3, 1)
    assert len(few.dark.mass_msun) == 3
    off = draw_environment(PHYSICS.model_copy(update={"with_environment": False}), traits, 12.8, 3, 1)
    assert total_mass(off) == 0.0
    assert len(off.filaments.direction) == 0
    assert not filament_density(off.filaments, traits.r200c_mpc).any()


def test_a_column_that_holds_only_the_cluster_has_no_neighbours():
    traits = draw_traits(PainterSettings(preset="hyper", log10_m200c_range=(15.5, 15.5)), 3, 1)
    assert len(draw_environment(PHYSICS, traits, 2.0, 3, 1).dark.mass_msun) == 0
