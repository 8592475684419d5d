"""Point spread: closed forms, what pages say about each telescope, kernels that keep light and symmetry."""

import numpy as np
import pytest

from zwicky.core.config import parse
from zwicky.core.errors import ConfigError
from zwicky.instruments.photon import PhotonInstrument
from zwicky.instruments.photon_psf import PointSpread, round_kernel


def spread(*parts, truncation_arcsec=300.0):
    table = {"truncation_arcsec": truncation_arcsec, "parts": parts, "source": "a test"}
    return parse(PointSpread, table, where="a test")


def king(core=5.0, slope=1.5, **more):
    return {"form": "king", "core_arcsec": [core, 0, 0, 0], "slope": [slope, 0, 0, 0], **more}


def gaussian(fwhm=20.0, **more):
    parts = {"detector_fwhm2_arcsec2": [[fwhm**2, 0.0]], "telescope_fwhm_arcsec": [0.0, 1.0]}
    return {"form": "gaussian", **parts, **more}


WING = {"form": "wing", "slope": 2.0, "scale_arcsec": 1e9, "inner_arcsec": 10.0}


def pointed(name):
    return PhotonInstrument.named(name).with_mode("pointed")


class TestParts:
    def test_king(self):
        """Slope 1.5: the light outside r is 1 / sqrt(1 + (r / core)^2)."""
        part = spread(king(core=5.0, slope=1.5), truncation_arcsec=1e9)
        radius = np.array([0.0, 5.0, 5.0 * np.sqrt(3.0), 5.0 * np.sqrt(99.0)])
        np.testing.assert_allclose(
            part.encircled_energy(radius, 1.0, 0.0), [0.0, 1.0 - 0.5**0.5, 0.5, 0.9], atol=1e-7
        )

    def test_king_off_axis(self):
        """Core 2 + 3 E + 0.5 theta + 0.1 E theta + 0.01 theta^2, slope 1.5 + E / 10 + theta / 100."""
        off = {
            "core_arcsec": [2, 3, 0.5, 0.1],
            "core_arcsec_per_arcmin2": 0.01,
            "slope": [1.5, 0.1, 0.01, 0],
        }
        radius = np.array([4.0, 40.0])
        found = spread({"form": "king", **off}).encircled_energy(radius, 2.0, 10.0)
        same = spread(king(core=2 + 6 + 5 + 2 + 1, slope=1.8)).encircled_energy(radius, 1.0, 0.0)
        np.testing.assert_allclose(found, same)

    def test_gaussian(self):
        """Half of the light inside FWHM / 2; widths add in squares."""
        np.testing.assert_allclose(spread(gaussian(20.0)).encircled_energy(10.0, 1.0, 0.0), 0.5)
        wide = {**gaussian(), "detector_fwhm2_arcsec2": [[100.0, -1.0]], "telescope_fwhm_arcsec": [0.5, 2.0]}
        fwhm = np.hypot(np.sqrt(100.0 / 4.0), 0.5 * 6.0**2)
        np.testing.assert_allclose(spread(wide).encircled_energy(0.5 * fwhm, 4.0, 6.0), 0.5)

    def test_wing(self):
        """r^-2 from 10 to 1000 arcsec: light goes with ln r."""
        part = spread(WING, truncation_arcsec=1000.0)
        radius = np.array([5.0, 10.0, 100.0, 1000.0])
        np.testing.assert_allclose(part.encircled_energy(radius, 1.0, 0.0), [0, 0, 0.5, 1.0], atol=1e-4)

    def test_parts_share_the_light(self):
        both = spread(king(core=1e-3, weight=3.0), gaussian(20.0, weight=1.0))
        np.testing.assert_allclose(both.encircled_energy(10.0, 1.0, 0.0), 0.75 + 0.25 * 0.5, atol=1e-4)

    def test_all_light_inside_the_truncation(self):
        part = spread(king(), truncation_arcsec=60.0)
        np.testing.assert_array_equal(part.encircled_energy(np.array([60.0, 1e4]), 1.0, 0.0), 1.0)
        assert part.encircled_energy(np.zeros((2, 3)), 1.0, 0.0).shape == (2, 3)


class TestKernel:
    @pytest.mark.parametrize("pixel_arcsec", [2.0, 15.0, 100.0, 1000.0])
    def test_keeps_light_and_symmetry(self, pixel_arcsec):
        kernel = round_kernel(
            lambda r: spread(king()).encircled_energy(r, 1.0, 0.0), 300.0, pixel_arcsec / 60.0
        )
        assert kernel.shape[0] == kernel.shape[1]
        assert kernel.shape[0] % 2 == 1
        assert kernel.shape[0] * pixel_arcsec >= 600.0
        assert kernel.sum() == pytest.approx(1.0, abs=1e-12)
        assert kernel.min() >= 0.0
        for turned in (kernel[::-1], kernel[:, ::-1], kernel.T):
            np.testing.assert_allclose(kernel, turned, atol=1e-12)

    def test_gaussian_pixel_by_pixel(self):
        """Against the integral over each pixel in closed form."""
        from scipy.special import ndtr

        part = spread(gaussian(20.0))
        kernel = round_kernel(lambda r: part.encircled_energy(r, 1.0, 0.0), 300.0, 0.1)
        edges = (np.arange(kernel.shape[0] + 1) - kernel.shape[0] / 2) * 6.0
        one = np.diff(ndtr(edges / (20.0 / 2.354820045)))
        np.testing.assert_allclose(kernel, np.outer(one, one), atol=2e-4)
        assert np.abs(kernel - np.roll(np.outer(one, one), 1, axis=0)).max() > 1e-2

    def test_light_inside_radii(self):
        part = spread(king(core=8.64, slope=1.502), truncation_arcsec=240.0)
        kernel = round_kernel(lambda r: part.encircled_energy(r, 1.0, 0.0), 240.0, 4.0 / 60.0)
        half = kernel.shape[0] // 2
        radius = 4.0 * np.hypot(*np.mgrid[-half : half + 1, -half : half + 1])
        for inside in (30.0, 60.0, 120.0):
            found = kernel[radius <= inside].sum()
            assert found == pytest.approx(part.encircled_energy(inside, 1.0, 0.0), abs=0.01)

    def test_a_point_stays_in_a_wide_pixel(self):
        assert round_kernel(lambda r: np.minimum(r / 300.0, 1.0), 300.0, 20.0).shape == (1, 1)


class TestTelescopes:
    """Published radii; none but ROSAT's and Chandra's was used to make the file."""

    def test_chandra(self):
        """r50 0.42 arcsec on axis; r90 1 + 10 (theta / 10 arcmin)^2 arcsec; 1.4 % in the mirror's wings."""
        chandra = pointed("chandra_acisi")
        assert chandra.encircled_energy(0, 0.42) == pytest.approx(0.5, abs=0.01)
        for angle, r90 in [(0.0, 1.0), (5.0, 3.5), (10.0, 11.0)]:
            assert chandra.encircled_energy(0, r90, angle) == pytest.approx(0.9, abs=0.02)
        assert chandra.encircled_energy(0, 5.0, 10.0) == pytest.approx(0.5, abs=0.07)
        assert 1.0 - chandra.encircled_energy(0, 15.0) == pytest.approx(0.014, abs=0.001)

    def test_erosita(self):
        """Half-energy width of the survey: 28.5 arcsec inside 240."""
        assert pointed("erosita_efeds").encircled_energy(0, 14.25) == pytest.approx(0.5, abs=0.005)

    def test_rosat(self):
        """50, 90 and 95 % inside 0.22, 0.45 and 1.55 arcmin on axis; wider off it."""
        rosat = pointed("rosat_pspc").with_bands([(0.9, 1.1)])
        inside = rosat.encircled_energy(0, 60.0 * np.array([0.22, 0.45, 1.55]))
        np.testing.assert_allclose(inside, [0.5, 0.9, 0.95], atol=0.03)
        telescope = 0.29 * 30.0**1.74
        assert rosat.encircled_energy(0, 0.5 * telescope, 30.0) == pytest.approx(0.5, abs=0.04)

    def test_xmm(self):
        """SAS's task eupper: 68, 83, 89 and 92 % inside 15, 30, 45 and 60 arcsec of MOS1."""
        inside = pointed("xmm_mos").encircled_energy(0, np.array([15.0, 30.0, 45.0, 60.0]))
        np.testing.assert_allclose(inside, [0.68, 0.83, 0.89, 0.92], atol=0.012)


class TestRefusals:
    @pytest.mark.parametrize("radius", [0.0, -1.0, float("inf")])
    def test_truncation(self, radius):
        with pytest.raises(ConfigError, match="truncation_arcsec: > 0"):
            spread(king(), truncation_arcsec=radius)

    @pytest.mark.parametrize("parts", [[], [king(weight=0.0)]])
    def test_no_light(self, parts):
        with pytest.raises(ConfigError, match="at least one, each of weight > 0"):
            spread(*parts)

    def test_unknown_profile(self):
        with pytest.raises(ConfigError, match="moffat"):
            spread({**king(), "form": "moffat"})
