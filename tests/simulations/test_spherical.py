"""Spherical clusters: the painted map holds the Y500 of its label, and each cluster is a function of its index."""

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.core.masses import M500C
from zwicky.core.quantities import MapQuantity
from zwicky.physics.gnfw import PROFILES
from zwicky.physics.sz import compton_y, mpc2_to_arcmin2, y500_sphere_mpc2, y_cylinder_mpc2
from zwicky.simulations.painting import CORE_PIXELS, paint_radial
from zwicky.simulations.spherical import SphericalClusters, SphericalSettings, paint_compton_y


def clusters(**settings):
    return SphericalClusters(SphericalSettings(**settings), seed=5)


@pytest.mark.parametrize("redshift", [0.1, 0.5, 1.0])
def test_painted_map_holds_the_y_of_its_cluster(redshift):
    """Sum of y inside theta500 = Y_cyl(R500) of the label, at three redshifts (a comoving slip would show)."""
    simulation = clusters()
    cosmology, profile, mass = simulation.cosmology, PROFILES["a10"], 5e14
    theta = M500C.radius_mpc(mass, redshift, cosmology) * cosmology.arcmin_per_mpc(redshift)
    grid = Grid(241, theta / 100 * u.arcmin, "sky")
    y500 = mpc2_to_arcmin2(y500_sphere_mpc2(mass, redshift, cosmology, profile), redshift, cosmology)
    image = paint_compton_y(grid, y500, theta, profile)
    measured = image[grid.radius() < theta].sum() * grid.pixel_value**2
    expected = mpc2_to_arcmin2(y_cylinder_mpc2(1.0, mass, redshift, cosmology, profile), redshift, cosmology)
    assert measured == pytest.approx(expected, rel=3e-3)
    wrong = measured * (1 + redshift) ** 2
    assert wrong != pytest.approx(expected, rel=3e-3)


def test_painted_profile_is_that_of_the_physics_room():
    """y at a pixel = compton_y of the physics room at its radius."""
    simulation, z, mass = clusters(), 0.2, 6e14
    cosmology, profile = simulation.cosmology, PROFILES["a10"]
    r500 = M500C.radius_mpc(mass, z, cosmology)
    theta = r500 * cosmology.arcmin_per_mpc(z)
    grid = Grid(101, 0.2 * u.arcmin, "sky")
    y500 = mpc2_to_arcmin2(y500_sphere_mpc2(mass, z, cosmology, profile), z, cosmology)
    image = paint_compton_y(grid, y500, theta, profile)
    row = image[50, 60:100:8]
    radius_mpc = grid.radius()[50, 60:100:8] / cosmology.arcmin_per_mpc(z)
    np.testing.assert_allclose(
        row, compton_y(radius_mpc, mass, z, cosmology, profile), rtol=2e-3
    )  # pixels within 6 of the centre hold means


def test_concentration_changes_the_shape_and_not_y500():
    """At another c500 the centre changes by tens of per cent, Y500 (of a very fine map, cut at R500 in 3-D) stays."""
    grid, profile = Grid(201, 0.2 * u.arcmin, "sky"), PROFILES["a10"]
    plain, peaked = (paint_compton_y(grid, 1.0, 5.0, profile, c500=c) for c in (1.177, 1.177 * 1.3))
    assert peaked[100, 100] > 1.2 * plain[100, 100]
    # Cylinder minus sphere differs with c500, so the cylinders agree only roughly.
    inside = grid.radius() < 5.0
    assert peaked[inside].sum() == pytest.approx(plain[inside].sum(), rel=0.06)


def test_pixels_hold_means_not_point_samples():
    """A cusp narrower than a pixel: the painted sum converges to the closed form, point sampling does not."""

    def profile(r):
        return np.exp(-r / 0.5)  # in pixels; integral 2 pi 0.25

    for n, tolerance in ((40, 5e-3), (41, 5e-3)):
        grid = Grid(n, 1.0 * u.arcmin, "sky")
        assert paint_radial(profile, grid).sum() == pytest.approx(2 * np.pi * 0.25, rel=tolerance)
        assert profile(grid.radius()).sum() != pytest.approx(2 * np.pi * 0.25, rel=0.05)


def test_beyond_the_fine_core_a_pixel_centre_stands_for_its_mean():
    """The claim of painting.paint_radial: 1 % low at 6 pixels for theta500 = 4 pixels; inside, means are exact."""
    grid, profile = Grid(61, 1.0 * u.arcmin, "sky"), PROFILES["a10"]
    image = paint_compton_y(grid, 1.0, 4.0, profile)
    fine = Grid(61 * 9, (1.0 / 9) * u.arcmin, "sky")
    means = paint_compton_y(fine, 1.0, 4.0, profile).reshape(61, 9, 61, 9).mean(axis=(1, 3))
    beyond = (grid.radius() > CORE_PIXELS) & (grid.radius() < CORE_PIXELS + 2)
    within = grid.radius() < CORE_PIXELS
    np.testing.assert_allclose(image[beyond], means[beyond], rtol=1.2e-2)
    np.testing.assert_allclose(image[within], means[within], rtol=2e-3)


def test_an_offset_moves_the_cluster():
    grid = Grid(41, 1.0 * u.arcmin, "sky")
    image = paint_radial(lambda r: np.exp(-0.5 * (r / 3) ** 2), grid, (4.0, -2.0))
    y, x = np.indices(image.shape) - 20
    assert (image * y).sum() / image.sum() == pytest.approx(4.0, abs=0.01)
    assert (image * x).sum() / image.sum() == pytest.approx(-2.0, abs=0.01)


def test_population_is_flat_in_log_mass_and_in_each_redshift_interval():
    simulation = clusters(redshift_edges=(0.01, 0.1, 0.2, 0.4, 1.0))
    drawn = [simulation.cluster(i) for i in range(4000)]
    log_mass = np.array([c.mass(M500C).log10_msun for c in drawn])
    redshift = np.array([c.redshift for c in drawn])
    counts = np.histogram(log_mass, np.linspace(13.7, 15.5, 7))[0]
    assert np.all(np.abs(counts - 4000 / 6) < 4.5 * np.sqrt(4000 / 6))
    shares = np.histogram(redshift, (0.01, 0.1, 0.2, 0.4, 1.0))[0]
    assert np.all(np.abs(shares - 1000) < 4.5 * np.sqrt(1000 * 0.75))
    # Negative control: in plain redshift the shares are far from flat.
    assert np.histogram(redshift, np.linspace(0.01, 1.0, 5))[0].min() < 500


def test_scatters_are_those_of_the_settings():
    simulation = clusters(sigma_ln_y500=0.2, sigma_ln_c500=0.1)
    scatter = [simulation.cluster(i).properties for i in range(3000)]
    y, c = (np.array([s[k] for s in scatter]) for k in ("ln_y500_scatter", "ln_c500_scatter"))
    assert y.std() == pytest.approx(0.2, rel=0.05)
    assert c.std() == pytest.approx(0.1, rel=0.05)
    assert abs(np.corrcoef(y, c)[0, 1]) < 0.07


def test_a_cluster_does_not_depend_on_what_was_drawn_before():
    simulation, grid = clusters(), Grid(32, 2.0 * u.arcmin, "sky")
    alone = simulation.theory(7, 0, grid)[MapQuantity.COMPTON_Y].values
    for i in (3, 9, 1):
        simulation.theory(i, 0, grid)
    np.testing.assert_array_equal(alone, simulation.theory(7, 0, grid)[MapQuantity.COMPTON_Y].values)
    other = SphericalClusters(SphericalSettings(), seed=6).theory(7, 0, grid)[MapQuantity.COMPTON_Y].values
    assert not np.array_equal(alone, other)


def test_hydrostatic_bias_lowers_the_pressure_at_fixed_true_mass():
    """(1-b) = 0.8 with the label's slope: Y500 ~ ((1-b) M)^1.787."""
    grid = Grid(64, 1.0 * u.arcmin, "sky")
    kwargs = {
        "sigma_ln_y500": 0.0,
        "sigma_ln_c500": 0.0,
        "log10_m500c_range": (14.69, 14.71),
        "redshift_edges": (0.3, 0.31),
    }
    ratio = [
        clusters(one_minus_bias=b, **kwargs).theory(0, 0, grid)[MapQuantity.COMPTON_Y].values.sum()
        for b in (0.8, 1.0)
    ]
    assert ratio[0] / ratio[1] == pytest.approx(0.8**1.787, rel=0.01)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"log10_m500c_range": (15.0, 14.0)}, "mass range"),
        ({"log10_m500c_range": (1.0, 5.0)}, "mass range"),
        ({"redshift_edges": (0.0, 1.0)}, "redshift intervals"),
        ({"redshift_edges": (0.5,)}, "redshift intervals"),
        ({"redshift_edges": (0.5, 0.2)}, "redshift intervals"),
        ({"one_minus_bias": 0.2}, "hydrostatic bias"),
        ({"pressure_profile": "a11"}, "did you mean|profile"),
        ({"cosmology": "planck19"}, "cosmology"),
    ],
)
def test_unusable_settings_are_named(settings, words):
    with pytest.raises(ConfigError, match=words):
        clusters(**settings).cluster(0)
