"""Fractions of known maps, and their run with mass."""

import numpy as np
import pytest

from zwicky.core.errors import MapError
from zwicky.evaluation.mapping.apertures import distance_pixels
from zwicky.evaluation.mapping.fractions import gas_fraction, running_medians, star_fraction

EDGES = (13.5, 14.0, 14.5, 15.0, 15.5)


def circles(clusters):
    return clusters.r500c_mpc[:, None] * np.array([0.5, 1.0])


@pytest.mark.parametrize("fraction", [gas_fraction, star_fraction])
def test_a_constant_fraction(clusters, fraction):
    found = fraction(np.float32(0.15) * clusters.maps, clusters.maps, clusters.pixel_mpc, circles(clusters))
    assert found.shape == (len(clusters), 2)
    np.testing.assert_allclose(found, 0.15, rtol=1e-5)


def test_the_fraction_is_that_of_the_sums_and_not_the_mean_of_the_ratios(clusters):
    """Gas that avoids the core: the dense core counts for its mass, not for its area."""
    radius = distance_pixels(clusters.maps.shape[-1]) * clusters.pixel_mpc[0]
    gas = np.where(radius < 0.3, 0.05, 0.2).astype(np.float32) * clusters.maps
    wide = np.full((len(clusters), 1), 1.5)
    inside, core = radius < 1.5, radius < 0.3
    exact = 0.2 - 0.15 * clusters.maps[:, core].sum(axis=1) / clusters.maps[:, inside].sum(axis=1)
    found = gas_fraction(gas, clusters.maps, clusters.pixel_mpc, wide)[:, 0]
    np.testing.assert_allclose(found, exact, rtol=1e-5)
    assert (found < (gas / clusters.maps)[:, inside].mean(axis=1) - 0.005).all()


def test_a_cluster_without_stars(clusters):
    nothing = star_fraction(
        np.zeros_like(clusters.maps), clusters.maps, clusters.pixel_mpc, circles(clusters)
    )
    assert (nothing == 0.0).all()


def test_a_circle_without_a_pixel_has_no_fraction(clusters):
    tiny = np.full((len(clusters), 1), 0.01)
    assert np.isnan(gas_fraction(clusters.maps, clusters.maps, clusters.pixel_mpc, tiny)).all()


def test_maps_of_other_shapes_are_refused(clusters):
    with pytest.raises(MapError, match="cannot be compared"):
        gas_fraction(clusters.maps[:3], clusters.maps, clusters.pixel_mpc, circles(clusters))


def lines(n=4000):
    """Gas fractions that rise with mass, lower in one physics; 0.01 of Gaussian scatter."""
    rng = np.random.default_rng(1)
    mass = rng.uniform(13.5, 15.5, n)
    physics = rng.choice(["gadgetx", "gizmo"], n)
    mean = 0.10 + 0.04 * (mass - 14.0) - np.where(physics == "gizmo", 0.02, 0.0)
    return mass, mean + 0.01 * rng.standard_normal(n), physics


def test_running_medians_follow_the_lines():
    mass, fraction, physics = lines()
    found = running_medians(mass, fraction, physics, EDGES)
    assert list(found) == ["gadgetx", "gizmo"]
    for name, low in (("gadgetx", 0.0), ("gizmo", 0.02)):
        one = found[name]
        np.testing.assert_allclose(one.log10_mass, [13.75, 14.25, 14.75, 15.25], atol=0.05)
        np.testing.assert_allclose(one.median, 0.10 - low + 0.04 * (one.log10_mass - 14.0), atol=0.003)
        # The line crosses a bin: a uniform spread of 0.02 beside the scatter of 0.01.
        half = (one.high_84 - one.low_16) / 2
        np.testing.assert_allclose(half, np.hypot(0.01, 0.02 / np.sqrt(12)), rtol=0.12)
        assert one.n.sum() == (physics == name).sum()


def test_a_fault_in_one_physics_is_seen_there_alone():
    mass, fraction, physics = lines()
    before = running_medians(mass, fraction, physics, EDGES)
    after = running_medians(mass, np.where(physics == "gizmo", 1.5, 1.0) * fraction, physics, EDGES)
    np.testing.assert_array_equal(after["gadgetx"].median, before["gadgetx"].median)
    np.testing.assert_allclose(after["gizmo"].median, 1.5 * before["gizmo"].median, rtol=1e-12)


def test_undefined_fractions_and_empty_bins_are_left_out():
    mass, fraction, physics = lines(50)
    fraction[:5] = np.nan
    found = running_medians(mass, fraction, physics, (13.5, 15.5, 16.0))
    assert sum(one.n[0] for one in found.values()) == 45
    for one in found.values():
        assert one.n[1] == 0
        assert np.isfinite(one.median[0])
        assert np.isnan([one.log10_mass[1], one.median[1], one.low_16[1], one.high_84[1]]).all()


def test_the_lower_edge_of_a_bin_belongs_to_it():
    one = running_medians(
        np.array([14.0, 14.5]), np.array([0.1, 0.2]), np.array(["a", "a"]), (14.0, 14.5, 15.0)
    )
    assert one["a"].median.tolist() == [0.1, 0.2]


def test_columns_of_other_lengths_are_refused():
    mass, fraction, physics = lines(10)
    for columns in (
        (mass[1:], fraction, physics),
        (mass, fraction[1:], physics),
        (mass, fraction, physics[1:]),
    ):
        with pytest.raises(MapError, match="one mass and one physics"):
            running_medians(*columns, EDGES)
