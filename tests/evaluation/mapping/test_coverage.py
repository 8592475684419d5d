"""Coverage of pixels and masses: Gaussian errors of known width, and error bars that are wrong."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from zwicky.core.errors import MapError
from zwicky.evaluation.mapping.apertures import cylinder_masses_msun
from zwicky.evaluation.mapping.coverage import mass_coverage, pixel_coverage, standardised_errors
from zwicky.inference.mapping.answer import LEVELS, PredictedMaps

SD_DEX = 0.05
HALF_68, HALF_95 = norm.ppf(0.84), norm.ppf(0.975)


def predictions(true, stated=1.0, shift_dex=0.0, seed=1):
    """Pixels err by a Gaussian of 0.05 dex; the error bars are ``stated`` times as wide."""
    rng = np.random.default_rng(seed)
    error = SD_DEX * rng.standard_normal(true.maps.shape)
    median = (np.log10(true.maps) + shift_dex + error).astype(np.float32)
    half = np.full_like(median, stated * SD_DEX)
    return PredictedMaps(
        "synthetic",
        mean=10**median,
        log10_median=median,
        half_68_dex=np.float32(HALF_68) * half,
        half_95_dex=np.float32(HALF_95) * half,
    )


def mass_predictions(true, stated=1.0, sd=0.1, seed=1):
    """Masses err by a log-normal factor of 10 %, independently in each map."""
    radii = np.outer(true.r200c_mpc, [0.5, 1.0])
    masses = cylinder_masses_msun(true.maps, true.pixel_mpc, radii)
    factor = np.exp(sd * np.random.default_rng(seed).standard_normal((len(true), 1)))
    widths = np.exp(stated * sd * norm.ppf(LEVELS))
    return PredictedMaps(
        "synthetic",
        mean=true.maps,
        mass_quantiles_msun=(masses * factor)[..., None] * widths,
        radii_mpc=radii,
    )


@pytest.mark.parametrize("stated", [0.5, 1.0, 2.0])
def test_pixels_of_gaussian_errors(clusters, stated):
    """P(|x| < w) = 2 Phi(w) - 1: half as wide, error bars of 68 % hold 38 %."""
    found = pixel_coverage(clusters.maps, predictions(clusters, stated))
    for name, half in (("68", HALF_68), ("95", HALF_95)):
        exact = 2 * norm.cdf(stated * half) - 1
        error = np.sqrt(exact * (1 - exact) / clusters.maps.size)
        assert found[name].shape == (len(clusters),)
        assert abs(found[name].mean() - exact) < 4 * error
        assert stated == 1.0 or abs(found[name].mean() - {"68": 0.68, "95": 0.95}[name]) > 10 * error


def test_a_shifted_median_is_seen(clusters):
    found = pixel_coverage(clusters.maps, predictions(clusters, shift_dex=2 * SD_DEX))
    exact = norm.cdf(2 + HALF_68) - norm.cdf(2 - HALF_68)
    assert found["68"].mean() == pytest.approx(exact, abs=0.01)
    assert exact < 0.2


def test_each_map_has_its_own_coverage(clusters):
    good = predictions(clusters)
    median = good.log10_median.copy()
    median[7] += 1.0
    found = pixel_coverage(clusters.maps, replace(good, log10_median=median))
    assert found["95"][7] == 0.0
    np.testing.assert_array_equal(
        np.delete(found["95"], 7), np.delete(pixel_coverage(clusters.maps, good)["95"], 7)
    )


@pytest.mark.parametrize("stated", [0.5, 1.0])
def test_masses_of_lognormal_errors(stated, make_clusters):
    true = make_clusters(1500, 12)
    found = mass_coverage(true, mass_predictions(true, stated))
    for name, half, level in (("68", HALF_68, 0.68), ("95", HALF_95, 0.95)):
        exact = 2 * norm.cdf(stated * half) - 1
        error = np.sqrt(exact * (1 - exact) / len(true))
        assert found[name].shape == (len(true), 2)
        assert found[name].dtype == bool
        assert (np.abs(found[name].mean(axis=0) - exact) < 4 * error).all()
        assert stated == 1.0 or (np.abs(found[name].mean(axis=0) - level) > 10 * error).all()


def test_the_sphere_is_no_cylinder(clusters):
    """Negative control: intervals around another mass hold no truth."""
    heavy = mass_predictions(clusters)
    heavy = replace(heavy, mass_quantiles_msun=2.0 * heavy.mass_quantiles_msun)
    assert mass_coverage(clusters, heavy)["95"].mean() < 0.05


@pytest.mark.parametrize("stated", [0.5, 1.0])
def test_standardised_errors_of_gaussians(clusters, stated):
    mean, mean_square = standardised_errors(clusters.maps, predictions(clusters, stated, shift_dex=-0.02))
    unit = stated * SD_DEX * HALF_68
    n = clusters.maps.size
    assert mean.shape == mean_square.shape == (len(clusters),)
    assert mean.mean() == pytest.approx(0.02 / unit, abs=4 * SD_DEX / unit / np.sqrt(n))
    variance = mean_square.mean() - mean.mean() ** 2
    assert variance == pytest.approx((SD_DEX / unit) ** 2, rel=4 * np.sqrt(2 / n))


def test_methods_without_intervals_are_refused(clusters):
    bare = PredictedMaps("bare", mean=clusters.maps)
    for statistic in (pixel_coverage, standardised_errors):
        with pytest.raises(MapError, match="no intervals of pixels"):
            statistic(clusters.maps, bare)
    with pytest.raises(MapError, match="no intervals of masses"):
        mass_coverage(clusters, bare)


def test_other_maps_are_refused(clusters):
    with pytest.raises(MapError, match="cannot be compared"):
        pixel_coverage(clusters.maps[1:], predictions(clusters))
    with pytest.raises(MapError, match="do not belong to these maps"):
        mass_coverage(clusters.selected(np.arange(3)), mass_predictions(clusters))


def test_an_interval_without_width_is_refused(clusters):
    good = predictions(clusters)
    half = good.half_68_dex.copy()
    half[0, 0, 0] = 0.0
    with pytest.raises(MapError, match="without width"):
        standardised_errors(clusters.maps, replace(good, half_68_dex=half))
