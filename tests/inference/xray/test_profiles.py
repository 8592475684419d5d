"""Counts in rings and apertures: photons are kept, rates are right behind vignetting and gaps, errors are Poisson."""

import numpy as np
import pytest
from beta_images import N_PIXELS, PIXEL_ARCMIN, beta_image, inside, observed, radius

from zwicky.core.errors import MapError
from zwicky.inference.xray.profiles import aperture_counts, radial_counts


def rings_of(counts, exposure, background, **options):
    return radial_counts(counts, exposure, background, PIXEL_ARCMIN, **options)


def test_every_photon_is_in_one_ring():
    counts, exposure, background = observed([beta_image(500)] * 3)
    wide = np.linspace(0, 12, 30)  # beyond the corners
    found = rings_of(counts, exposure, background, edges_arcmin=wide)
    np.testing.assert_array_equal(found.counts.sum(axis=2), counts.sum(axis=(2, 3)))
    assert np.array_equal(found.counts, np.rint(found.counts))
    np.testing.assert_allclose(found.background.sum(axis=2), 0.5 * N_PIXELS**2)
    np.testing.assert_allclose(found.exposure_arcmin2_s.sum(axis=2), 2000 * (N_PIXELS * PIXEL_ARCMIN) ** 2)


def test_counts_of_apertures_are_those_of_the_closed_form():
    """Without noise: a beta model inside R, and between 0.15 R and R; a core of 3 pixels is cut to 1 %."""
    image = beta_image(1e4)[None, None]
    flat = np.ones_like(image)
    found = rings_of(image, 1000 * flat, 0 * flat)
    for r, inner, near in ((1.0, 0.0, 0.02), (5.0, 0.0, 0.002), (5.0, 0.75, 0.01), (3.17, 0.0, 0.002)):
        aperture = aperture_counts(found, np.array([r]), np.array([inner]))
        expected = inside(1e4, r) - inside(1e4, inner)
        assert aperture.source[0, 0] == pytest.approx(expected, rel=near)
        assert aperture.rate_per_s[0, 0] == pytest.approx(expected / 1000, rel=near)
        assert aperture.seconds[0, 0] == pytest.approx(1000)
        assert aperture.covered[0, 0] == pytest.approx(1.0, abs=0.05)


def test_vignetting_and_gaps_are_divided_out():
    """Exposure falling by half, and a dead strip through the cluster: counts fall, the rate does not."""
    image = beta_image(1e6)[None, None]
    vignetting = 1000 * (1 - 0.5 * radius() / radius().max())
    vignetting[:, 33:36] = 0
    counts = image * vignetting / 1000
    found = rings_of(counts, vignetting[None, None], 0 * image)
    aperture = aperture_counts(found, 5.0)
    assert aperture.source[0, 0] < 0.85 * inside(1e6, 5.0)
    assert aperture.rate_per_s[0, 0] == pytest.approx(inside(1e6, 5.0) / 1000, rel=0.02)


def test_errors_are_those_of_photons():
    """250 noisy images: pulls of counts and of rates have a standard deviation of 1."""
    counts, exposure, background = observed([beta_image(300)] * 250)
    truth = inside(300, 4.0)
    aperture = aperture_counts(rings_of(counts, exposure, background), np.full(250, 4.0))
    for value, sigma, expected in (
        (aperture.source, aperture.sigma, truth),
        (aperture.rate_per_s, aperture.rate_sigma_per_s, truth / 2000),
    ):
        pull = ((value - expected) / sigma)[:, 0]
        assert pull.std() == pytest.approx(1.0, abs=4 / np.sqrt(500))
        assert abs(pull.mean()) < 4 / np.sqrt(250)


def test_a_background_from_an_annulus_costs_precision():
    counts, exposure, background = observed([beta_image(300, core=0.3, beta=1.0)] * 250)
    known = aperture_counts(rings_of(counts, exposure, background), 4.0)
    found = rings_of(counts, exposure, None, background_annulus_arcmin=(5.0, 7.0))
    measured = aperture_counts(found, 4.0)
    pull = ((measured.source - inside(300, 4.0, core=0.3, beta=1.0)) / measured.sigma)[:, 0]
    assert pull.std() == pytest.approx(1.0, abs=4 / np.sqrt(500))
    assert np.all(measured.sigma > known.sigma)
    with pytest.raises(MapError, match="annulus for the background is too small"):
        rings_of(counts, exposure, None, background_annulus_arcmin=(0.0, 0.5))
    with pytest.raises(MapError, match="no ring"):
        rings_of(counts, exposure, None, background_annulus_arcmin=(70.0, 80.0))


def test_rings_follow_their_clusters():
    images = [beta_image(1e4, core=0.5, dy=1.0, dx=-2.0), beta_image(1e4, core=0.5)]
    flat = np.ones((1, 1, N_PIXELS, N_PIXELS))
    centred = rings_of(
        np.array(images)[:, None], flat, 0 * flat, centre_arcmin=np.array([[1.0, -2.0], [0, 0]])
    )
    source = aperture_counts(centred, 3.0).source[:, 0]
    np.testing.assert_allclose(source, inside(1e4, 3.0, core=0.5), rtol=0.02)
    blind = rings_of(np.array(images)[:, None], flat, 0 * flat)
    assert aperture_counts(blind, 3.0).source[0, 0] < 0.9 * source[0]


def test_ellipses_hold_an_elliptical_cluster():
    axis = (np.arange(N_PIXELS) - (N_PIXELS - 1) / 2) * PIXEL_ARCMIN
    along = (axis[None, :] + axis[:, None]) / np.sqrt(2)
    across = (axis[:, None] - axis[None, :]) / np.sqrt(2)
    uniform = (np.hypot(along, across / 0.5) < 4.0).astype(float)[None, None]
    flat = np.ones_like(uniform)
    found = rings_of(uniform, flat, 0 * flat, axis_ratio=0.5, angle_rad=np.pi / 4)
    assert aperture_counts(found, 4.0).source[0, 0] == pytest.approx(uniform.sum(), rel=0.02)
    crossed = rings_of(uniform, flat, 0 * flat, axis_ratio=0.5, angle_rad=-np.pi / 4)
    assert aperture_counts(crossed, 4.0).source[0, 0] < 0.8 * uniform.sum()


def test_beyond_the_image_an_aperture_is_not_covered():
    counts, exposure, background = observed([beta_image(500)])
    found = rings_of(counts, exposure, background)
    assert aperture_counts(found, 16.0).covered[0, 0] == pytest.approx(0.25, abs=0.01)


def test_bands_add_up():
    counts, exposure, background = observed([beta_image(500)] * 4)
    two = np.concatenate([counts[:2], counts[2:]], axis=1)
    found = rings_of(two, exposure, background)
    summed = aperture_counts(found.bands(0, 1), 4.0)
    parts = aperture_counts(found, 4.0)
    np.testing.assert_allclose(summed.source[:, 0], parts.source.sum(axis=1))
    np.testing.assert_allclose(summed.rate_per_s[:, 0], parts.rate_per_s.sum(axis=1))


@pytest.mark.parametrize("edges", [[0.0], [0.5, 1.0], [0.0, 2.0, 1.0]])
def test_rings_start_at_zero_and_grow(edges):
    with pytest.raises(MapError, match="not the edges of rings"):
        rings_of(*observed([beta_image(100)]), edges_arcmin=np.array(edges))


def test_images_that_do_not_fit_are_refused():
    counts, exposure, background = observed([beta_image(100)])
    with pytest.raises(MapError, match="do not fit together"):
        rings_of(counts, exposure[..., :-1], background)
    with pytest.raises(MapError, match="do not fit together"):
        rings_of(counts[0], exposure, background)
