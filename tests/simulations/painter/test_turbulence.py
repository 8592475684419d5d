"""The random fields: variance, independence, period, and what interpolation takes away."""

import numpy as np
import pytest
from numba import njit

from zwicky.core.randomness import Key, Stream
from zwicky.simulations.painter.painting import turbulence
from zwicky.simulations.painter.painting.field_steps import (
    ENVIRONMENT_CELLS,
    PACKED,
    TURBULENCE_CELLS,
    _tetrahedra,
)
from zwicky.simulations.painter.painting.gas_steps import LANES
from zwicky.simulations.painter.painting.turbulence import (
    ENVIRONMENT_INJECTION,
    ENVIRONMENT_SLOPE,
    TURBULENCE_INJECTION,
    TURBULENCE_SLOPE,
    environment_field,
    interpolated_variance,
    turbulence_field,
)


@njit
def row_of(x, y, z, cells, n, node, share):
    _tetrahedra(x, y, z, cells, n, node, share)


def _both(field):
    """Return the two fields that share the words of a cube."""
    words = field.cube
    low = ((words & 0xFFFF) ^ 0x8000) - 0x8000
    shape = (field.n_cells + 1,) * 3
    return (words >> 16).reshape(shape) / PACKED, low.reshape(shape) / PACKED


def _interpolated(field, points):
    """Read the first field at points in cells, (point, 3), by the kernel's own tetrahedra."""
    cube = _both(field)[0].ravel() if field.cube.dtype == np.int32 else field.cube
    node, share = np.empty((4, LANES), np.int32), np.empty((4, LANES), np.float32)
    found = []
    for part in points.astype(np.float32).reshape(-1, LANES, 3):
        # x and y by lane; z is shared, so one call for each lane with the lane's own z
        for lane, (x, y, z) in enumerate(part):
            xs, ys = np.full(LANES, x, np.float32), np.full(LANES, y, np.float32)
            row_of(xs, ys, np.float32(z), np.eye(3, dtype=np.float32), field.n_cells, node, share)
            found.append((share[:, lane] * cube[node[:, lane]]).sum())
    return np.array(found)


def test_the_two_fields_of_turbulence_are_independent_and_gaussian():
    density, heat = np.array(
        [[part[:-1, :-1, :-1] for part in _both(turbulence_field(1, i))] for i in range(6)]
    ).transpose(1, 0, 2, 3, 4)
    assert abs(density.mean()) < 1e-3
    assert np.isclose(density.var(), heat.var(), rtol=0.03)
    assert abs(np.corrcoef(density.ravel(), heat.ravel())[0, 1]) < 0.02
    assert np.isclose((density**4).mean() / density.var() ** 2, 3.0, atol=0.1)  # a uniform field has 1.8


def test_fields_are_periodic():
    first, _ = _both(turbulence_field(1, 2))
    assert np.array_equal(first[0], first[-1])
    assert np.array_equal(first[:, :, 0], first[:, :, -1])
    cube = environment_field(1, 2).cube.reshape((ENVIRONMENT_CELLS + 1,) * 3)
    assert np.array_equal(cube[:, 0], cube[:, -1])
    points = np.random.default_rng(0).uniform(0, 64, (32, 3))
    field = turbulence_field(1, 2)
    assert np.allclose(
        _interpolated(field, points), _interpolated(field, points + np.array([64, -128, 64])), atol=5e-3
    )


def test_interpolation_goes_through_the_nodes_and_is_linear_between():
    field = environment_field(3, 1)
    cube = field.cube.reshape((ENVIRONMENT_CELLS + 1,) * 3)
    nodes = np.array([[3, 4, 5]] * LANES)
    assert np.allclose(_interpolated(field, nodes), cube[3, 4, 5], atol=1e-4)
    middle = (cube[3, 4, 5] + cube[4, 5, 6]) / 2
    assert np.allclose(_interpolated(field, nodes + 0.5), middle, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (turbulence_field, (TURBULENCE_CELLS, TURBULENCE_SLOPE, TURBULENCE_INJECTION)),
        (environment_field, (ENVIRONMENT_CELLS, ENVIRONMENT_SLOPE, ENVIRONMENT_INJECTION)),
    ],
)
def test_the_variance_of_what_is_read_is_known(make, shape):
    """Against many random points of many fields; the nodes themselves have more."""
    rng = np.random.default_rng(5)
    read = np.concatenate([_interpolated(make(2, i), rng.uniform(0, shape[0], (320, 3))) for i in range(24)])
    expected = interpolated_variance(*shape)
    assert np.isclose(read.var(), expected, rtol=0.06)
    at_nodes = np.concatenate(
        [turbulence._gaussian(Key(2, Stream.TEST, i), *shape).real.ravel() for i in range(4)]
    )
    assert at_nodes.var() > 1.15 * expected  # negative control


def test_the_spectrum_has_its_slope():
    """Power of modes beyond the injection scale falls as k^-11/3, before the low-pass near the cells."""
    cubes = [
        turbulence._gaussian(Key(4, Stream.TEST, i), 64, TURBULENCE_SLOPE, TURBULENCE_INJECTION).real
        for i in range(4)
    ]
    power = np.mean([np.abs(np.fft.fftn(cube)) ** 2 for cube in cubes], axis=0)
    k = np.sqrt(sum(axis**2 for axis in np.meshgrid(*[np.fft.fftfreq(64, 1 / 64)] * 3, indexing="ij")))
    low = turbulence._low_pass(k, 64) ** 2 * np.exp(-1 / (TURBULENCE_INJECTION * np.maximum(k, 1)) ** 2)
    bins = [(k > a) & (k < b) for a, b in ((8, 10), (16, 20))]
    mean = [(power / low)[inside].mean() for inside in bins]
    centre = [k[inside].mean() for inside in bins]
    slope = np.log(mean[1] / mean[0]) / np.log(centre[1] / centre[0])
    assert np.isclose(slope, -TURBULENCE_SLOPE, atol=0.15)


def test_a_cluster_has_its_own_field():
    assert np.array_equal(turbulence_field(1, 5).cube, turbulence_field(1, 5).cube)
    for other in (turbulence_field(1, 6), turbulence_field(2, 5)):
        assert abs(np.corrcoef(_both(turbulence_field(1, 5))[0].ravel(), _both(other)[0].ravel())[0, 1]) < 0.1
