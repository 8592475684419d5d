"""Detection and extent: the statistics against closed forms, and clusters told from points and from nothing."""

import numpy as np
import pytest
from beta_images import N_PIXELS, PIXEL_ARCMIN, beta_image, observed, radius
from scipy import stats

from zwicky.core.errors import MapError
from zwicky.inference.xray.detection import detect, source_templates
from zwicky.inference.xray.poisson import best_amplitude, cash, likelihood
from zwicky.inference.xray.profiles import radial_counts

EDGES = np.arange(29) * PIXEL_ARCMIN
PSF = np.exp(-0.5 * (radius(33) / 0.2) ** 2)


@pytest.fixture(scope="module")
def templates():
    return source_templates(PSF, PIXEL_ARCMIN, N_PIXELS, EDGES)


def found(images, templates, seed=1, background=0.1):
    rings = radial_counts(*observed(images, background, seed), PIXEL_ARCMIN, edges_arcmin=EDGES)
    return detect(rings, templates)


def point(counts):
    """A point source at the middle, between four pixels."""
    image = np.zeros((N_PIXELS, N_PIXELS))
    image[31:33, 31:33] = 0.25
    from scipy.signal import fftconvolve

    return counts * np.maximum(fftconvolve(image, PSF / PSF.sum(), mode="same"), 0)


def test_cash_is_twice_the_log_likelihood_ratio():
    n, m = np.array([0.0, 1.0, 7.0]), np.array([0.4, 2.0, 5.0])
    expected = -2 * (stats.poisson(m).logpmf(n) - stats.poisson(np.maximum(n, 1e-300)).logpmf(n)).sum()
    assert cash(n, m) == pytest.approx(expected)
    assert cash(n, n) == 0.0


def test_the_best_amplitude_is_the_maximum():
    rng = np.random.default_rng(1)
    template, background = rng.uniform(0.1, 2, (50, 9)), rng.uniform(0.1, 3, (50, 9))
    counts = rng.poisson(3 * template + background).astype(float)
    best = best_amplitude(counts, template, background)
    trial = best[:, None] * np.array([0.99, 1.0, 1.01])
    fit = cash(counts[:, None], trial[..., None] * template[:, None] + background[:, None])
    assert np.all(fit[:, 1] <= fit[:, 0]) and np.all(fit[:, 1] <= fit[:, 2])


def test_less_than_the_background_has_no_amplitude():
    assert best_amplitude(np.array([1.0, 0.0]), np.ones(2), np.full(2, 3.0)) == 0.0
    # No background: the amplitude is counts over template.
    assert best_amplitude(np.array([6.0, 2.0]), np.full(2, 2.0), np.zeros(2)) == pytest.approx(2.0)


@pytest.mark.parametrize("free", [1, 2, 3])
def test_likelihood_is_the_tail_of_chi_square(free):
    delta = np.array([0.0, 1.0, 12.0, 300.0])
    np.testing.assert_allclose(likelihood(delta, free), -stats.chi2(free).logsf(delta), atol=1e-9)
    # Far out, where the tail underflows: continuous, and growing by half of C.
    near, far = likelihood(np.array([599.9, 600.1]), free)
    assert far - near == pytest.approx(0.1, abs=0.01)
    assert likelihood(np.array(-3.0), free) == 0.0


def test_templates_hold_one_source_in_all(templates):
    area = np.histogram(radius(), EDGES)[0] * PIXEL_ARCMIN**2
    np.testing.assert_allclose((templates * area).sum(axis=1), 1.0, rtol=1e-6)
    widths = (templates * area * EDGES[1:]).sum(axis=1)
    assert np.all(np.diff(widths) > 0)


def test_nothing_is_rarely_detected(templates):
    """400 empty images: a likelihood above 5 is a chance of 0.7 % for one trial; ten core radii are tried."""
    result = found(np.zeros((400, N_PIXELS, N_PIXELS)), templates)
    assert (result.detection_likelihood > 5).mean() < 0.03
    assert (result.extent_likelihood > 6).mean() < 0.02


def test_points_are_detected_but_not_extended(templates):
    result = found([point(60)] * 200, templates, seed=2)
    assert (result.detection_likelihood > 5).all()
    assert (result.extent_likelihood > 6).mean() < 0.02
    assert result.counts.mean() == pytest.approx(60, rel=0.05)


def test_clusters_are_extended(templates):
    result = found([beta_image(200)] * 200, templates, seed=3)
    assert (result.extent_likelihood > 6).mean() > 0.98
    assert np.median(result.core_radius_arcmin) == pytest.approx(1.0, rel=0.6)


def test_likelihoods_grow_with_photons(templates):
    faint, bright = (found([beta_image(n)] * 50, templates, seed=4) for n in (30, 300))
    assert np.median(bright.detection_likelihood) > 5 * np.median(faint.detection_likelihood)
    assert np.median(bright.extent_likelihood) > np.median(faint.extent_likelihood)


@pytest.mark.parametrize("psf", [np.ones((4, 4)), np.ones((3, 5)), np.zeros((3, 3)), np.ones(3)])
def test_a_point_spread_function_has_a_centre(psf):
    with pytest.raises(MapError, match="not a point spread function"):
        source_templates(psf, PIXEL_ARCMIN, N_PIXELS, EDGES)


def test_templates_of_other_rings_are_refused(templates):
    rings = radial_counts(*observed([beta_image(100)]), PIXEL_ARCMIN)
    with pytest.raises(MapError, match="do not belong to these rings"):
        detect(rings, templates)
