"""The blur of a stamp: light is kept, edges are right, angles are mixed."""

import numpy as np
import pytest
from photon_balls import chandra, erosita, rosat
from scipy.signal import convolve2d

from zwicky.mocks.photon_blur import PhotonBlur

POINTED = chandra(24, 0.2, mode="pointed")


def noise(*shape):
    return np.random.default_rng(5).random(shape)


def test_light_is_kept():
    blur = PhotonBlur(rosat(64))
    points = np.zeros((1, *blur.theory_grid.shape))
    points[0, blur.margin + 31, blur.margin + 33] = 7.0
    found = blur.blurred(points)
    assert found.shape == (1, 64, 64)
    assert found.sum() == pytest.approx(7.0, rel=1e-9)
    assert found.max() < 0.8 * 7.0  # negative control: it does blur
    assert found.min() >= 0.0
    np.testing.assert_allclose(blur.blurred(np.ones_like(points)), 1.0, rtol=1e-12)


@pytest.mark.parametrize("instrument", [rosat(21), erosita(9, bands_kev=[[0.5, 1.0], [1.0, 2.0]])])
def test_edges_see_what_lies_around_the_stamp(instrument):
    blur = PhotonBlur(instrument)
    n_bands = len(instrument.bands_kev)
    images = noise(n_bands, *blur.theory_grid.shape)
    direct = [convolve2d(image, instrument.psf_kernel(b), mode="valid") for b, image in enumerate(images)]
    np.testing.assert_allclose(blur.blurred(images), direct, rtol=1e-10)
    two = blur.blurred(np.stack([images, 2.0 * images]))
    np.testing.assert_allclose(two[1], 2.0 * blur.blurred(images), rtol=1e-12)
    images[:, : blur.margin // 2] += 10.0
    assert not np.allclose(blur.blurred(images), direct, rtol=0.01)  # negative control: the margin matters


def test_kernels_between_two_angles_are_mixed():
    blur = PhotonBlur(POINTED, 2.5)
    assert blur.nodes_arcmin.tolist() == pytest.approx([0.0, 2.5 / 3, 5 / 3, 2.5])
    images = noise(1, *blur.theory_grid.shape)
    at = {angle: blur.blurred(images, angle) for angle in (*blur.nodes_arcmin.tolist(), 1.25, 9.0)}
    low, high = (at[angle] for angle in blur.nodes_arcmin.tolist()[1:3])
    np.testing.assert_allclose(at[1.25], 0.5 * (low + high), rtol=1e-12)
    np.testing.assert_array_equal(at[9.0], at[2.5])
    assert not np.allclose(low, high, rtol=1e-3)
    direct = convolve2d(images[0], POINTED.psf_kernel(0, 2.5), mode="valid")
    np.testing.assert_allclose(at[2.5][0], direct, rtol=1e-10)


def test_a_scan_has_one_kernel():
    assert PhotonBlur(erosita(), 10.0).nodes_arcmin.tolist() == [0.0]
    assert PhotonBlur(POINTED).nodes_arcmin.tolist() == [0.0]


def test_noise_area_of_a_gaussian():
    """1 / integral p^2 = 4 pi sigma^2."""
    part = {"form": "gaussian", "detector_fwhm2_arcsec2": [[900.0, 0.0]], "telescope_fwhm_arcsec": [0.0, 1.0]}
    psf = {"truncation_arcsec": 300.0, "parts": [part], "source": "a test"}
    area = PhotonBlur(rosat(psf=psf)).noise_area_arcmin2()
    sigma_arcmin = 30.0 / np.sqrt(8.0 * np.log(2.0)) / 60.0
    assert area.tolist() == pytest.approx([4.0 * np.pi * sigma_arcmin**2], rel=2e-3)


def test_blurred_sources_compete_with_more_noise():
    blur = PhotonBlur(POINTED, 10.0)
    areas = [float(blur.noise_area_arcmin2(angle)[0]) for angle in (0.0, 5.0, 10.0)]
    assert areas == sorted(areas)
    assert areas[2] > 20.0 * areas[0]
