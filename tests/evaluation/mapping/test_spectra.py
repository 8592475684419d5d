"""Spectra: Parseval, a slow reference, closed forms of filters and noise, and planted faults."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from zwicky.core.errors import ConfigError, MapError
from zwicky.evaluation.mapping.spectra import power_spectra

N = 32
N_MAPS = 40


def plane(n_pixels=N):
    """Return |k| of the whole Fourier plane [fundamental modes]."""
    k = np.fft.fftfreq(n_pixels, 1.0 / n_pixels)
    return np.hypot(k[:, None], k[None, :])


def filtered(maps, transfer):
    """Apply T(|k|), a function of |k| in fundamental modes."""
    return np.fft.ifft2(np.fft.fft2(maps) * transfer(plane(maps.shape[-1]))).real


def noise(n=N_MAPS, n_pixels=N, seed=1):
    return np.random.default_rng(seed).standard_normal((n, n_pixels, n_pixels))


def red_noise(n=N_MAPS, n_pixels=N, seed=1, slope=-3.0):
    """Gaussian maps with P(k) = max(k, 1)^slope around a mean of 5."""
    return 5.0 + filtered(noise(n, n_pixels, seed), lambda k: np.maximum(k, 1.0) ** (slope / 2))


def slow_spectra(truth, predicted, n_bins):
    """One mode after the other, over the whole Fourier plane."""
    n = truth.shape[-1]
    edges = np.linspace(0.5, n / 2, n_bins + 1)
    sums, modes = np.zeros((3, len(truth), n_bins)), np.zeros(n_bins)
    for y in range(n):
        for x in range(n):
            k = math.hypot(min(y, n - y), min(x, n - x))
            ring = sum(k >= edges) - 1
            if 0 <= ring < n_bins:
                wave = np.exp(-2j * np.pi * np.add.outer(y * np.arange(n), x * np.arange(n)) / n)
                t, p = (wave * truth).sum((1, 2)), (wave * predicted).sum((1, 2))
                sums[:, :, ring] += np.abs(t) ** 2, np.abs(p) ** 2, (t * p.conj()).real
                modes[ring] += 1
    return sums / modes / n**2, modes


@pytest.mark.parametrize(("n_pixels", "n_bins"), [(12, 3), (13, 5)])
def test_spectra_agree_with_a_sum_over_modes(n_pixels, n_bins):
    truth, predicted = noise(2, n_pixels, 1), noise(2, n_pixels, 2) + 0.3 * noise(2, n_pixels, 1)
    found = power_spectra(truth, predicted, n_bins, taper=0.0)
    slow, modes = slow_spectra(truth, predicted, n_bins)
    np.testing.assert_allclose([found.truth, found.predicted, found.cross], slow, rtol=1e-9)
    assert found.modes.tolist() == modes.tolist()


@pytest.mark.parametrize("n_pixels", [32, 33])
def test_parseval(n_pixels):
    """The mean of P over all modes is the variance of a pixel."""
    maps = filtered(noise(5, n_pixels), lambda k: (k < n_pixels / 2) * (k > 0))
    found = power_spectra(maps, maps, 7, taper=0.0)
    np.testing.assert_allclose(found.truth @ found.modes / n_pixels**2, maps.var(axis=(1, 2)), rtol=1e-9)
    np.testing.assert_allclose(found.cross, found.truth, rtol=1e-12)


def test_parseval_misses_the_corners():
    """Negative control: white noise has 1 - pi/4 of its variance in the corners of the Fourier plane."""
    found = power_spectra(noise(), noise(), 7, taper=0.0)
    share = (found.truth @ found.modes / N**2).mean() / noise().var()
    assert share == pytest.approx(np.pi / 4, abs=0.03)


@pytest.mark.parametrize(("ky", "kx"), [(3, 0), (0, 5), (4, 4), (2, -6)])
def test_a_plane_wave_lies_in_its_ring(ky, kx):
    """Variance of a wave of amplitude A: A^2 / 2."""
    y, x = np.mgrid[:N, :N]
    wave = 3.0 * np.cos(2 * np.pi * (ky * y + kx * x) / N + 0.7)[None] + 10.0
    found = power_spectra(wave, wave, N // 2 - 1, taper=0.0)
    ring = np.searchsorted(np.linspace(0.5, N / 2, N // 2), math.hypot(ky, kx), side="right") - 1
    power = found.truth[0] * found.modes / N**2
    assert power[ring] == pytest.approx(4.5, rel=1e-9)
    assert np.delete(power, ring).max() < 1e-12
    assert found.wavelength_pixels[ring] == pytest.approx(N / math.hypot(ky, kx), rel=0.1)


def test_white_noise_is_white():
    """P = variance x pixel area; its error is P sqrt(2 / modes)."""
    found = power_spectra(2.0 * noise(), noise(), 8, taper=0.0)
    error = np.sqrt(2.0 / (found.modes * N_MAPS))
    assert (np.abs(found.truth.mean(axis=0) / 4.0 - 1.0) < 4 * error).all()
    assert (np.abs(red_spectrum(8) / red_spectrum(8)[0] - 1.0) > 4 * error)[1:].all()


def red_spectrum(n_bins):
    return power_spectra(red_noise(), red_noise(), n_bins).truth.mean(axis=0)


def test_a_factor_in_the_map_is_its_square_in_power():
    maps = red_noise()
    found = power_spectra(maps, 1.1 * maps)
    np.testing.assert_allclose(found.ratio(), 0.21, rtol=1e-9)
    np.testing.assert_allclose(found.b(), 1.1, rtol=1e-9)
    np.testing.assert_allclose(found.r(), 1.0, rtol=1e-9)
    np.testing.assert_allclose(found.r_of_each(), 1.0, rtol=1e-9)


def test_the_mean_of_a_map_does_not_matter():
    maps = red_noise()
    found, shifted = power_spectra(maps, maps), power_spectra(maps + 1e3, maps - 20.0)
    np.testing.assert_allclose(shifted.truth, found.truth, rtol=1e-8)
    np.testing.assert_allclose(shifted.r(), 1.0, rtol=1e-9)


@pytest.mark.parametrize("slope", [-3.0, -8.0])
def test_a_linear_filter_has_b_of_its_transfer_function_and_r_of_1(slope):
    """Rings as thin as modes allow: T hardly varies within one. The steeper map falls by 1e9 in power."""
    maps = red_noise(slope=slope)
    found = power_spectra(maps, filtered(maps, lambda k: np.exp(-0.5 * (k / 4.0) ** 2)), N // 2 - 1, 0.0)
    k = found.k_per_pixel * N / (2 * np.pi)
    np.testing.assert_allclose(found.b(), np.exp(-0.5 * (k / 4.0) ** 2), rtol=0.25)
    assert found.r().min() > 0.95
    constant = power_spectra(maps, filtered(maps, lambda k: np.where(k < 4, 1.0, -1e-4)), N // 2 - 1, 0.0)
    inner = constant.k_per_pixel * N / (2 * np.pi) < 3.0
    outer = constant.k_per_pixel * N / (2 * np.pi) > 5.0
    np.testing.assert_allclose(constant.b()[inner], 1.0, rtol=1e-6)
    np.testing.assert_allclose(constant.b()[outer], 1e-4, rtol=1e-6)
    np.testing.assert_allclose(constant.r()[outer], -1.0, rtol=1e-6)


def test_smoothing_takes_power_at_high_k_alone():
    maps = red_noise()
    smooth = power_spectra(maps, filtered(maps, lambda k: np.exp(-0.5 * (k / 12.0) ** 2)), 8)
    ratio = np.median(smooth.ratio(), axis=0)
    assert abs(ratio[0]) < 0.05
    assert ratio[-1] < -0.6
    assert (np.diff(ratio) < 0.0).all()


def test_added_white_noise():
    """b^2 = (P + N) / P and r^2 = P / (P + N)."""
    maps = red_noise(400)
    found = power_spectra(maps, maps + 0.1 * noise(400, seed=2), 8)
    power = found.truth.mean(axis=0)
    np.testing.assert_allclose(found.r(), np.sqrt(power / (power + 0.01)), rtol=0.02)
    np.testing.assert_allclose(found.b(), np.sqrt((power + 0.01) / power), rtol=0.02)
    assert found.r()[0] > 0.95
    assert found.r()[-1] < 0.85


def test_unrelated_maps_have_no_correlation():
    found = power_spectra(red_noise(seed=1), red_noise(seed=2), 8, taper=0.0)
    error = np.sqrt(2.0 / (found.modes * N_MAPS))
    assert (np.abs(found.r()) < 5 * error).all()
    assert (np.abs(found.b() - 1.0) < 5 * error).all()  # power alone does not tell them from the truth


def slow_weights(n, taper):
    """A cosine over taper / 2 of the side at either end."""
    line = []
    for i in range(n):
        from_edge = min(i + 0.5, n - i - 0.5) / n
        line.append(0.5 - 0.5 * math.cos(2 * math.pi * from_edge / taper) if from_edge < taper / 2 else 1.0)
    weights = np.outer(line, line)
    return weights / np.sqrt((weights**2).mean())


@pytest.mark.parametrize(("n_pixels", "taper"), [(12, 0.5), (13, 1.0), (12, 0.1)])
def test_tapered_spectra_are_those_of_weighted_maps(n_pixels, taper):
    maps, weights = noise(2, n_pixels) + 7.0, slow_weights(n_pixels, taper)
    mean = (maps * weights).sum((1, 2), keepdims=True) / weights.sum()
    slow, _ = slow_spectra((maps - mean) * weights, (maps - mean) * weights, 3)
    np.testing.assert_allclose(power_spectra(maps, maps, 3, taper).truth, slow[0], rtol=1e-9)


def test_a_taper_leaves_white_noise_its_power():
    maps = noise(400)
    for taper in (0.2, 0.5, 1.0):
        np.testing.assert_allclose(power_spectra(maps, maps, 4, taper).truth.mean(axis=0), 1.0, rtol=0.06)


def off_centre_clusters(n=30, n_pixels=64):
    """Cusps away from the centre, so that opposite edges differ, under red structure that is not periodic."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:n_pixels, :n_pixels] - (n_pixels - 1) / 2
    place = rng.uniform(-8, 8, (2, n, 1, 1))
    cusp = 1.0 / (1.0 + np.hypot(y - place[0], x - place[1]))
    return cusp * np.exp(red_noise(n, 2 * n_pixels)[:, :n_pixels, :n_pixels] - 5.0)


def test_the_edges_of_smooth_maps_hide_neither_their_loss_nor_their_correlation():
    """A Gaussian of 1.5 pixels has b = exp(-(1.5 k)^2 / 2) and r = 1; without a taper neither is found."""
    maps = off_centre_clusters()
    smooth = np.array([gaussian_filter(one, 1.5, mode="nearest", truncate=6) for one in maps])
    tapered, bare = power_spectra(maps, smooth), power_spectra(maps, smooth, taper=0.0)
    transfer = np.exp(-0.5 * (1.5 * tapered.k_per_pixel) ** 2)
    lost = transfer < 0.03
    np.testing.assert_allclose(tapered.b(), transfer, atol=0.03)
    assert tapered.b()[lost].max() < 0.03
    assert bare.b()[lost].max() > 0.1
    almost = transfer > 0.02
    assert tapered.r()[almost].min() > 0.95
    assert bare.r()[almost].min() < 0.7


@pytest.mark.parametrize("taper", [-0.1, 1.1, math.nan])
def test_a_taper_of_more_than_a_side_is_refused(taper):
    with pytest.raises(ConfigError, match="part of each side"):
        power_spectra(noise(1), noise(1), taper=taper)


def test_rows_of_a_bootstrap():
    found = power_spectra(red_noise(), red_noise() + 0.3 * noise(seed=4), 8)
    rows = np.random.default_rng(1).integers(0, N_MAPS, (3, 25))
    for statistic in (found.b, found.r):
        stacked = statistic(rows)
        assert stacked.shape == (3, 8)
        for one, value in zip(rows, stacked, strict=True):
            np.testing.assert_allclose(statistic(one), value, rtol=1e-12)
        mask = np.arange(N_MAPS) < 10
        np.testing.assert_allclose(statistic(mask), statistic(np.arange(10)), rtol=1e-12)
        np.testing.assert_allclose(statistic(), statistic(np.arange(N_MAPS)), rtol=1e-12)
        assert not np.allclose(statistic(mask), statistic())


def test_one_map_alone_is_its_own_sum():
    found = power_spectra(red_noise(), red_noise() + 0.3 * noise(seed=4), 8)
    np.testing.assert_allclose(found.r_of_each()[3], found.r(np.array([3])), rtol=1e-12)


def test_many_maps_are_as_few(monkeypatch):
    once = power_spectra(red_noise(), noise())
    monkeypatch.setattr("zwicky.evaluation.mapping.spectra.CHUNK", 7)
    np.testing.assert_allclose(power_spectra(red_noise(), noise()).cross, once.cross, rtol=1e-9, atol=1e-12)


def test_single_precision_and_maps_that_may_not_be_written():
    maps = red_noise().astype(np.float32)
    maps.flags.writeable = False
    found = power_spectra(maps, maps)
    assert found.truth.dtype == np.float64
    np.testing.assert_allclose(found.truth, power_spectra(red_noise(), red_noise()).truth, rtol=1e-4)


def test_a_constant_map_correlates_with_nothing():
    found = power_spectra(np.full((2, N, N), 3.0), noise(2))
    assert np.isnan(found.r()).all()
    assert np.isnan(found.ratio()).all()
    assert (found.truth == 0.0).all()


@pytest.mark.parametrize("n_bins", [0, N // 2])
def test_rings_without_modes_are_refused(n_bins):
    with pytest.raises(ConfigError, match="at least one mode"):
        power_spectra(noise(1), noise(1), n_bins)


def test_every_ring_that_is_allowed_has_modes():
    for n_pixels in (8, 9, 80):
        for n_bins in range(1, n_pixels // 2):
            found = power_spectra(noise(1, n_pixels), noise(1, n_pixels), n_bins)
            assert found.modes.min() >= 1
            assert (np.diff(found.k_per_pixel) > 0.0).all()


def test_maps_of_other_shapes_are_refused():
    with pytest.raises(MapError, match="cannot be compared"):
        power_spectra(noise(2), noise(3))
