"""The highest point of a map: exact for a parabola, within the radius and no further."""

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.grid import Grid
from zwicky.core.peak import highest_point

GRID = Grid(21, 0.5 * u.Mpc, "proper")


def hill(dy, dx, width=4.0):
    return 5.0 - (GRID.radius(dy, dx) / width) ** 2


@pytest.mark.parametrize(("dy", "dx"), [(0.0, 0.0), (0.2, -0.1), (-1.3, 2.05), (0.25, 0.25)])
def test_the_vertex_of_a_paraboloid_is_found_exactly(dy, dx):
    peak = highest_point(hill(dy, dx), GRID, 3.5)
    assert (peak.dy, peak.dx) == pytest.approx((dy, dx), abs=1e-12)
    assert not peak.at_edge


def test_rows_are_y_and_columns_x():
    image = np.zeros(GRID.shape)
    image[14, 8] = 1.0
    peak = highest_point(image, GRID, 4.0)
    assert (peak.dy, peak.dx) == (pytest.approx(2.0), pytest.approx(-1.0))


def test_a_higher_one_outside_the_radius_is_not_seen_but_its_flank_is_marked():
    image = hill(0.0, 0.0) + 50.0 * np.exp(-0.5 * (GRID.radius(4.0, 0.0) / 0.6) ** 2)
    far = highest_point(image, GRID, 1.5)
    assert np.hypot(far.dy, far.dx) < 0.5
    assert not far.at_edge
    flank = highest_point(image, GRID, 3.0)
    assert flank.at_edge
    assert flank.dy > 2.5
    found = highest_point(image, GRID, 5.0)
    assert found.dy == pytest.approx(4.0, abs=0.05)
    assert not found.at_edge


def test_a_tiny_radius_still_looks_at_the_pixels_around_the_centre():
    peak = highest_point(hill(0.4, 0.0), GRID, 0.01)
    assert peak.dy == pytest.approx(0.4)


@pytest.mark.parametrize("image", [np.ones(GRID.shape), np.add.outer(np.arange(21.0), np.zeros(21))])
def test_where_no_parabola_opens_downwards_the_pixel_itself_is_taken(image):
    peak = highest_point(image, GRID, 100.0)
    index = np.array([peak.dy, peak.dx]) / 0.5 + 10.0
    np.testing.assert_array_equal(index, np.round(index))
