"""A grid is centred, square, and knows what its pixel measures."""

import math

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st

from zwicky.core.errors import MapError
from zwicky.core.grid import PIXEL_UNIT, Grid

SKY = Grid(5, 2.0 * u.arcmin, "sky")


@pytest.mark.parametrize(
    ("pixel", "kind", "value"),
    [
        (120.0 * u.arcsec, "sky", 2.0),
        ("2 arcmin", "sky", 2.0),
        (50.0 * u.kpc, "proper", 0.05),
        (0.05, "scaled", 0.05),
    ],
)
def test_the_pixel_is_kept_in_the_unit_of_its_kind(pixel, kind, value):
    grid = Grid(8, pixel, kind)
    assert grid.pixel_value == pytest.approx(value, rel=1e-12)
    assert grid.pixel.unit == PIXEL_UNIT[kind]
    assert grid.width.value == pytest.approx(8 * value, rel=1e-12)
    assert grid.shape == (8, 8)


@pytest.mark.parametrize("n_pixels", [1, 4, 5])
@pytest.mark.parametrize(("dy", "dx"), [(0.0, 0.0), (1.5, -0.7)])
def test_radius_against_the_obvious_loop(n_pixels, dy, dx):
    radius = Grid(n_pixels, 2.0 * u.arcmin, "sky").radius(dy, dx)
    centre = (n_pixels - 1) / 2
    for y in range(n_pixels):
        for x in range(n_pixels):
            expected = math.hypot((y - centre) * 2.0 - dy, (x - centre) * 2.0 - dx)
            assert radius[y, x] == pytest.approx(expected, abs=1e-12)


def test_the_cluster_sits_in_the_middle():
    for n_pixels in (64, 65):
        radius = Grid(n_pixels, 1.0 * u.arcmin, "sky").radius()
        for turned in (radius.T, radius[::-1], radius[:, ::-1]):
            np.testing.assert_allclose(turned, radius, rtol=0, atol=1e-12)


def test_padding_keeps_the_inner_pixels():
    padded = SKY.padded(3)
    assert padded.n_pixels == 11
    np.testing.assert_array_equal(padded.radius()[3:-3, 3:-3], SKY.radius())


def test_agreement():
    assert SKY.agrees_with(Grid(5, 2.001 * u.arcmin, "sky"))
    assert not SKY.agrees_with(Grid(5, 2.01 * u.arcmin, "sky"))
    assert SKY.agrees_with(Grid(5, 2.01 * u.arcmin, "sky"), rtol=1e-2)
    assert not SKY.agrees_with(Grid(6, 2.0 * u.arcmin, "sky"))
    assert not SKY.agrees_with(Grid(5, 2.0 * u.Mpc, "proper"))
    assert Grid(5, 120 * u.arcsec, "sky") == SKY
    assert hash(SKY) == hash(Grid(5, 120 * u.arcsec, "sky"))


@given(st.integers(1, 4096), st.floats(1e-6, 1e6), st.sampled_from(sorted(PIXEL_UNIT)))
def test_what_is_written_is_read_back_exactly(n_pixels, pixel, kind):
    grid = Grid(n_pixels, u.Quantity(pixel, PIXEL_UNIT[kind]), kind)
    assert Grid.from_dict(grid.as_dict()) == grid


def test_an_unknown_kind():
    with pytest.raises(MapError, match=r"kind of grid is not known[\s\S]*sky, proper, scaled[\s\S]*comoving"):
        Grid(8, 1.0 * u.Mpc, "comoving")


@pytest.mark.parametrize("n_pixels", [0, -3, 2.5])
def test_a_grid_without_pixels(n_pixels):
    with pytest.raises(MapError, match="at least one pixel per side"):
        Grid(n_pixels, 1.0 * u.arcmin, "sky")


@pytest.mark.parametrize(
    ("pixel", "kind"),
    [
        (1.0 * u.Mpc, "sky"),
        (1.0, "sky"),
        (1.0 * u.arcmin, "proper"),
        (1.0 * u.Mpc, "scaled"),
        ([1.0, 2.0] * u.arcmin, "sky"),
        ("wide", "sky"),
        (None, "proper"),
    ],
)
def test_a_pixel_that_measures_something_else(pixel, kind):
    with pytest.raises(MapError, match=f"pixel of a '{kind}' grid is measured in another unit"):
        Grid(8, pixel, kind)


@pytest.mark.parametrize("side", [0.0, -1.0, math.nan, math.inf])
def test_a_pixel_without_size(side):
    with pytest.raises(MapError, match="pixel scale must be positive"):
        Grid(8, side * u.arcmin, "sky")
