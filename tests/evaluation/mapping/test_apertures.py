"""Relative differences and aperture masses: closed forms, a slow reference, and planted faults."""

import math
from dataclasses import replace

import numpy as np
import pytest

from zwicky.core.errors import MapError
from zwicky.evaluation.mapping.apertures import (
    APERTURES,
    annular_bias,
    aperture_pixels,
    cylinder_masses_msun,
    difference_quantiles,
    distance_pixels,
    mass_bias,
    relative_difference,
)


def radii(true, n=6):
    half_map = true.maps.shape[-1] * true.pixel_mpc / 2
    return half_map[:, None] * np.linspace(0.1, 1.0, n)


def gaussian_map(n_pixels, pixel_mpc, sd_mpc, peak=1e15):
    return (peak * np.exp(-0.5 * (distance_pixels(n_pixels) * pixel_mpc / sd_mpc) ** 2))[None]


def test_a_constant_factor_is_its_own_relative_difference(clusters):
    difference = relative_difference(clusters.maps, np.float32(1.07) * clusters.maps)
    assert difference.dtype == np.float32
    np.testing.assert_allclose(difference, 0.07, rtol=1e-5)


def test_the_inputs_stay_as_they_are(clusters):
    before, predicted = clusters.maps.copy(), 2 * clusters.maps
    relative_difference(clusters.maps, predicted)
    np.testing.assert_array_equal(clusters.maps, before)
    np.testing.assert_array_equal(predicted, 2 * before)


@pytest.mark.parametrize(("which", "fraction"), [("r500", 1.0), ("half_r500", 0.5)])
def test_a_pixel_is_inside_when_its_centre_is(clusters, which, fraction):
    inside = aperture_pixels(clusters, which)
    n = clusters.maps.shape[-1]
    for i in (0, 7, 31):
        slow = [
            math.hypot(y - (n - 1) / 2, x - (n - 1) / 2) * clusters.pixel_mpc[i]
            < fraction * clusters.r500c_mpc[i]
            for y in range(n)
            for x in range(n)
        ]
        assert inside[i].ravel().tolist() == slow
    area = inside.sum(axis=(1, 2)) * clusters.pixel_mpc**2
    np.testing.assert_allclose(area, np.pi * (fraction * clusters.r500c_mpc) ** 2, rtol=0.25)


def test_apertures_are_nested(clusters):
    whole, r500, half = (aperture_pixels(clusters, which) for which in APERTURES)
    assert whole.all()
    assert (r500 >= half).all()
    assert 0 < half.sum() < r500.sum() < whole.sum()


@pytest.mark.parametrize("which", APERTURES)
def test_quantiles_of_lognormal_errors(clusters, which):
    """exp(s) - 1 above and 1 - exp(-s) below the median, up to 15.9 % being 16 %."""
    rng = np.random.default_rng(3)
    for sd in (0.05, 0.1):
        predicted = clusters.maps * np.exp(0.02 + sd * rng.standard_normal(clusters.maps.shape))
        median, plus, minus = difference_quantiles(clusters, predicted, which)
        assert median == pytest.approx(math.expm1(0.02), abs=5e-3)
        assert plus == pytest.approx(math.exp(0.02) * math.expm1(0.9945 * sd), rel=0.05)
        assert minus == pytest.approx(-math.exp(0.02) * math.expm1(-0.9945 * sd), rel=0.05)


def test_a_fault_outside_r500_is_seen_in_the_map_alone(clusters):
    predicted = np.where(aperture_pixels(clusters, "r500"), clusters.maps, 1.3 * clusters.maps)
    assert difference_quantiles(clusters, predicted, "r500") == (0.0, 0.0, 0.0)
    assert difference_quantiles(clusters, predicted, "half_r500") == (0.0, 0.0, 0.0)
    assert difference_quantiles(clusters, predicted, "map")[0] == pytest.approx(0.3, rel=1e-5)


def test_an_aperture_without_a_pixel_is_refused(clusters):
    tiny = replace(clusters, r500c_mpc=np.full(len(clusters), 0.01))
    with pytest.raises(MapError, match="No pixel lies inside"):
        difference_quantiles(tiny, clusters.maps, "r500")


def test_maps_of_other_shapes_are_refused(clusters):
    for other in (clusters.maps[:-1], clusters.maps[:, :-1], clusters.maps[0]):
        with pytest.raises(MapError, match="cannot be compared"):
            relative_difference(clusters.maps, other)
        with pytest.raises(MapError, match="cannot be compared"):
            mass_bias(clusters.maps, other, clusters.pixel_mpc, radii(clusters))


@pytest.mark.parametrize("n_pixels", [40, 41])
def test_cylinders_agree_with_counting(n_pixels):
    rng = np.random.default_rng(5)
    maps = rng.uniform(1, 2, (3, n_pixels, n_pixels)).astype(np.float32)
    pixel = np.array([0.05, 0.1, 0.2])
    circles = rng.uniform(0.02, 5.0, (3, 7))
    slow = [
        [maps[i][distance_pixels(n_pixels) * pixel[i] < r].sum(dtype=float) * pixel[i] ** 2 for r in row]
        for i, row in enumerate(circles)
    ]
    np.testing.assert_allclose(cylinder_masses_msun(maps, pixel, circles), slow, rtol=1e-12)


def test_a_pixel_on_the_circle_is_outside():
    """r < R: a circle through the four neighbours of the centre holds the centre alone."""
    masses = cylinder_masses_msun(np.full((1, 5, 5), 3.0), np.ones(1), np.array([[1.0, 1.01, 2.0]]))
    assert masses.tolist() == [[3.0, 15.0, 27.0]]


def test_a_uniform_disc():
    """pi R^2 Sigma, up to the pixels that the circle cuts."""
    for radius, tolerance in ((0.5, 0.05), (1.9, 0.01)):
        mass = cylinder_masses_msun(np.full((1, 80, 80), 3e14), np.array([0.05]), np.array([[radius]]))
        assert mass[0, 0] == pytest.approx(np.pi * radius**2 * 3e14, rel=tolerance)


def test_a_gaussian():
    """M(<R) = 2 pi s^2 peak (1 - exp(-R^2 / 2 s^2)), ever more closely for smaller pixels."""
    sd, circles = 0.4, np.array([[0.3, 0.8, 1.5]])
    exact = 2 * np.pi * sd**2 * 1e15 * -np.expm1(-0.5 * (circles / sd) ** 2)
    errors = []
    for n_pixels in (40, 320):
        pixel = 4.0 / n_pixels
        masses = cylinder_masses_msun(gaussian_map(n_pixels, pixel, sd), np.array([pixel]), circles)
        errors.append(np.abs(masses / exact - 1).max())
    assert errors[0] < 0.15  # three pixels from the centre, a circle is coarse
    assert errors[1] < 0.01


def test_each_map_has_its_own_pixel_and_radii(clusters):
    circles = radii(clusters)
    once = cylinder_masses_msun(clusters.maps, clusters.pixel_mpc, circles)
    for factor in (2.0, 0.3):
        scaled = cylinder_masses_msun(clusters.maps, factor * clusters.pixel_mpc, factor * circles)
        np.testing.assert_allclose(scaled, factor**2 * once, rtol=1e-12)
    order = np.random.default_rng(1).permutation(len(clusters))
    shuffled = cylinder_masses_msun(clusters.maps[order], clusters.pixel_mpc[order], circles[order])
    np.testing.assert_array_equal(shuffled, once[order])


def test_many_maps_are_as_few(clusters, monkeypatch):
    once = cylinder_masses_msun(clusters.maps, clusters.pixel_mpc, radii(clusters))
    monkeypatch.setattr("zwicky.evaluation.mapping.apertures.CHUNK", 7)
    again = cylinder_masses_msun(clusters.maps, clusters.pixel_mpc, radii(clusters))
    np.testing.assert_array_equal(again, once)


def test_maps_that_may_not_be_written(clusters):
    maps = clusters.maps.copy()
    maps.flags.writeable = False
    assert cylinder_masses_msun(maps, clusters.pixel_mpc, radii(clusters)).min() > 0.0


def test_the_bias_of_a_constant_factor_is_the_factor(clusters):
    predicted = np.float32(0.96) * clusters.maps
    for bias, n in ((mass_bias, 6), (annular_bias, 5)):
        found = bias(clusters.maps, predicted, clusters.pixel_mpc, radii(clusters))
        assert found.shape == (len(clusters), n)
        np.testing.assert_allclose(found, -0.04, rtol=1e-4)


def test_a_fault_in_the_core_dilutes_outwards_and_rings_find_it(clusters):
    circles = radii(clusters)
    core = distance_pixels(clusters.maps.shape[-1]) * clusters.pixel_mpc[0] < circles[0, 1]
    predicted = np.where(core, 1.2 * clusters.maps, clusters.maps)
    bias = mass_bias(clusters.maps, predicted, clusters.pixel_mpc, circles)
    np.testing.assert_allclose(bias[:, :2], 0.2, rtol=1e-5)
    assert (np.diff(bias[:, 1:]) < 0.0).all()
    masses = cylinder_masses_msun(clusters.maps, clusters.pixel_mpc, circles)
    np.testing.assert_allclose(bias[:, 2:], 0.2 * masses[:, 1:2] / masses[:, 2:], rtol=1e-5)
    rings = annular_bias(clusters.maps, predicted, clusters.pixel_mpc, circles)
    np.testing.assert_allclose(rings[:, 0], 0.2, rtol=1e-5)
    np.testing.assert_allclose(rings[:, 1:], 0.0, atol=1e-12)


def test_a_circle_without_a_pixel_has_no_bias(clusters):
    circles = np.full((len(clusters), 2), 0.05) * [
        1.0,
        1.1,
    ]  # of an even grid, the nearest centres are 0.0707 away
    assert (cylinder_masses_msun(clusters.maps, clusters.pixel_mpc, circles) == 0.0).all()
    for bias in (mass_bias, annular_bias):
        assert np.isnan(bias(clusters.maps, clusters.maps, clusters.pixel_mpc, circles)).all()


@pytest.mark.parametrize(
    ("pixel", "circles"),
    [
        (np.ones(2), np.ones((3, 1))),
        (np.ones(3), np.ones((2, 1))),
        (np.ones(3), np.ones(3)),
        (np.array([1.0, 0.0, 1.0]), np.ones((3, 1))),
        (np.ones(3), -np.ones((3, 1))),
        (np.ones(3), np.full((3, 1), np.nan)),
    ],
)
def test_apertures_of_other_maps_are_refused(pixel, circles):
    with pytest.raises(MapError, match="do not belong to these maps"):
        cylinder_masses_msun(np.ones((3, 8, 8)), pixel, circles)
