"""Maps refuse what they cannot mean."""

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.cluster import Cluster
from zwicky.core.errors import MapError, UnitError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.core.units import COMPTON_Y, UK_CMB, parse_unit

GRID = Grid(4, 1.0 * u.arcmin, "sky")
CLUSTER = Cluster("a", 0.2)
VALUES = np.arange(16.0).reshape(4, 4)


def a_map(values=VALUES, quantity=MapQuantity.COMPTON_Y, unit=COMPTON_Y, grid=GRID, **more):
    return Map(values, quantity, unit, grid, "observed", **more)


def with_nan(y, x):
    values = VALUES.copy()
    values[y, x] = np.nan
    return values


def test_conversion_scales_values_and_errors_alike():
    given = a_map(unit=parse_unit("1e-6 Compton-y"), sigma=VALUES + 1, beam_arcmin=10.0)
    kept = given.to_kept_unit()
    np.testing.assert_allclose(kept.values, VALUES * 1e-6, rtol=1e-12)
    np.testing.assert_allclose(kept.sigma, (VALUES + 1) * 1e-6, rtol=1e-12)
    assert kept.unit == UNIT_OF[MapQuantity.COMPTON_Y]
    assert (kept.beam_arcmin, kept.stage, kept.grid) == (10.0, "observed", GRID)
    assert a_map().to_kept_unit().sigma is None


def test_a_unit_of_something_else():
    with pytest.raises(UnitError, match="does not measure compton_y"):
        a_map(unit=UK_CMB)


@pytest.mark.parametrize("name", ["values", "sigma", "mask"])
@pytest.mark.parametrize("shape", [(4, 5), (16,), (1, 4, 4)])
def test_arrays_off_the_grid(name, shape):
    with pytest.raises(MapError, match=rf"The {name} do not lie on the grid[\s\S]*shape \(4, 4\)"):
        a_map(**{name: np.zeros(shape)})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_numbers(bad):
    values = VALUES.copy()
    values[1, 2] = bad
    with pytest.raises(MapError, match="1 of 16 are NaN or infinite"):
        a_map(values)


def test_masked_pixels_may_hold_anything():
    mask = np.zeros((4, 4), bool)
    mask[1, 2] = True
    a_map(with_nan(1, 2), mask=mask)
    with pytest.raises(MapError, match="1 of 15 are NaN or infinite"):
        a_map(with_nan(2, 1), mask=mask)


def test_a_set_gives_its_maps():
    y, temperature = a_map(), a_map(quantity=MapQuantity.TEMPERATURE, unit=UK_CMB)
    maps = MapSet(CLUSTER, {MapQuantity.COMPTON_Y: y, MapQuantity.TEMPERATURE: temperature})
    assert list(maps) == [y, temperature]
    assert maps[MapQuantity.TEMPERATURE] is temperature
    assert maps.grid == GRID


def test_a_set_without_maps():
    with pytest.raises(MapError, match=r"at least one map[\s\S]*cluster a"):
        MapSet(CLUSTER, {})


def test_a_map_that_is_not_in_the_set():
    maps = MapSet(CLUSTER, {MapQuantity.COMPTON_Y: a_map()})
    with pytest.raises(MapError, match=r"no such map[\s\S]*expected: +compton_y[\s\S]*got: +temperature"):
        maps[MapQuantity.TEMPERATURE]


def test_a_map_filed_under_another_quantity():
    with pytest.raises(MapError, match=r"share one grid[\s\S]*got: +compton_y"):
        MapSet(CLUSTER, {MapQuantity.TEMPERATURE: a_map()})


def test_maps_on_different_grids():
    other = a_map(quantity=MapQuantity.TEMPERATURE, unit=UK_CMB, grid=Grid(4, 2.0 * u.arcmin, "sky"))
    with pytest.raises(
        MapError, match=r"share one grid[\s\S]*4 x 4 pixels of 1 arcmin \(sky\)[\s\S]*pixels of 2 arcmin"
    ):
        MapSet(CLUSTER, {MapQuantity.COMPTON_Y: a_map(), MapQuantity.TEMPERATURE: other})
