"""Tables by bits, nodes along the line of sight, and the mean over a pixel."""

import numpy as np
import pytest
from numba import njit

from zwicky.physics import plasma
from zwicky.simulations.painter.painting import lookup, projection
from zwicky.simulations.painter.painting.gas_steps import exp_
from zwicky.simulations.painter.painting.line_nodes import MAX_NODES, line_nodes
from zwicky.simulations.painter.painting.paint import Pixels


@njit
def exponential(x):
    return exp_(x)


@njit
def nodes_of(depth, step, centre, scale, weight, n, z, dz):
    return line_nodes(depth, step, centre, scale, weight, n, z, dz)


def test_the_exponential_is_that_of_the_library():
    x = np.linspace(-70, 70, 3001).astype(np.float32)
    assert np.allclose([exponential(value) for value in x], np.exp(x.astype(float)), rtol=2e-5)


def test_nodes_are_evenly_spaced_in_each_octave():
    nodes = lookup.nodes((-2, 3), 3)
    assert (nodes[0], nodes[-1], len(nodes)) == (0.25, 8.0, 5 * 8 + 1)
    assert np.allclose(np.diff(nodes)[:8], 0.25 / 8)
    bits = nodes[:-1].astype(np.float32).view(np.int32)
    assert np.array_equal((bits >> (23 - 3)) - ((127 - 2) << 3), np.arange(len(nodes) - 1))


def test_rows_hold_a_value_and_the_step_to_the_next():
    rows = lookup.with_steps(np.array([1.0, 4.0, 2.0]), np.array([0.0, 1.0, 3.0]))
    assert np.array_equal(rows, np.array([[1, 3, 0, 1], [4, -2, 1, 2]], np.float32))


def test_interpolation_in_logarithms_is_exact_for_powers():
    x = np.geomspace(0.1, 10, 7)
    assert np.allclose(lookup.in_logarithms(np.array([0.3, 3.0]), x, x**-2.5), np.array([0.3, 3.0]) ** -2.5)


def _filled(depth, step, bodies):
    centre, scale, weight = (np.array(column, float) for column in zip(*bodies, strict=True))
    z, dz = np.empty((2, MAX_NODES), np.float32)
    n = nodes_of(depth, step, centre, scale, weight, len(bodies), z, dz)
    return z[:n].astype(float), dz[:n].astype(float)


@pytest.mark.parametrize("bodies", [[(0, 0.04, 1)], [(0, 0.05, 1), (3.1, 0.03, 0.25), (-5.9, 0.1, 0.25)]])
def test_nodes_integrate_every_body(bodies):
    z, dz = _filled(12.8, 0.24, bodies)
    assert (np.diff(z) > 0).all()
    assert z[0] > -6.4
    assert z[-1] < 6.4
    assert np.isclose(dz.sum(), 12.8, rtol=4e-3)
    for centre, scale, _ in bodies:
        core = 1.5 * scale
        exact = core * (np.arctan((6.4 - centre) / core) + np.arctan((6.4 + centre) / core))
        assert np.isclose((dz / (1 + ((z - centre) / core) ** 2)).sum(), exact, rtol=4e-3)


def test_a_body_without_nodes_of_its_own_is_missed():
    """Negative control: why a background clump needs its own."""
    z, dz = _filled(12.8, 0.24, [(0, 0.05, 1)])
    exact = 0.03 * np.pi
    assert abs((dz / (1 + ((z - 3.1) / 0.03) ** 2)).sum() / exact - 1) > 0.3


def test_the_number_of_nodes_has_a_limit():
    z, _ = _filled(60.0, 1e-3, [(0, 0.05, 1)])
    assert len(z) == MAX_NODES


def test_gauss_and_legendre_average_polynomials_exactly():
    places, weights = lookup.gauss_legendre(5)
    for n in (1, 3, 5):
        for power in range(2 * n):
            exact = (0.5 ** (power + 1) - (-0.5) ** (power + 1)) / (power + 1)
            assert np.isclose((weights[n] * places[n] ** power)[:n].sum(), exact, atol=1e-14)


def test_means_from_centres_are_exact_to_third_order():
    """The mean of a + b x^2 over a pixel is its centre's value and b / 12."""
    x = np.arange(9.0) - 4
    centres = np.add.outer(0.5 * x**2, 1 + 0.25 * x**3 - x**2)
    refine = np.ones((9, 9), np.int8)
    refine[4, 4] = 3
    means = np.full((9, 9), -7.0)
    projection.means_from_centres(refine, centres, means)
    inside = np.ones((9, 9), bool)
    inside[[0, -1]] = inside[:, [0, -1]] = inside[4, 4] = False
    assert np.allclose(means[inside], (centres + 0.5 / 12 - 1 / 12 + x / 16)[inside])
    assert means[4, 4] == -7.0  # a pixel of several rays has its mean already


def test_columns_of_a_power_law():
    radius = np.geomspace(1e-4, 50, 400)
    found = projection.project(radius, radius**-2.0, np.array([0.01, 0.3, 2.0]), 10.0)
    exact = 2 * np.arctan(10.0 / np.array([0.01, 0.3, 2.0])) / np.array([0.01, 0.3, 2.0])
    assert np.allclose(found, exact, rtol=1e-3)


def test_an_ellipsoid_keeps_its_mass_when_it_is_projected():
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(3, 3))
    form = matrix @ matrix.T + np.eye(3)
    ellipse, stretch = projection.projected_form(form)
    # int f(x Q x) d3x = int f(r2) d3x / sqrt(det Q), and the same through the column.
    assert np.isclose(stretch / np.sqrt(np.linalg.det(ellipse)), 1 / np.sqrt(np.linalg.det(form)))


def test_pixels_are_refined_around_a_point_and_nowhere_else():
    pixels = Pixels.around(11, 0.1, (0.0, 0.0))
    rays = np.ones((11, 11), np.int8)
    pixels.refined(0.2, -0.1, ((1.5, 3), (0.5, 5)), rays)
    assert rays[4, 7] == 5
    assert (rays == 3).sum() == 8
    pixels.refined(9.0, 9.0, ((1.5, 3),), rays)  # far outside
    assert (rays > 1).sum() == 9


def test_the_plasma_is_that_of_hydrogen_and_helium():
    """mu and mu_e by counting particles of 76 % hydrogen and 24 % helium."""
    hydrogen, helium = 0.76, 0.24 / 4
    electrons = hydrogen + 2 * helium
    assert np.isclose(plasma.MU_ELECTRON, 1 / electrons)
    assert np.isclose(plasma.MU, 1 / (electrons + hydrogen + helium))
    assert np.isclose(plasma.N_H_OVER_N_E, hydrogen / electrons)
    assert np.isclose(
        plasma.ELECTRONS_CM3_PER_MSUN_MPC3,
        1.98841e33 / (plasma.MU_ELECTRON * 1.67262e-24 * 3.085678e24**3),
        rtol=1e-4,
    )
