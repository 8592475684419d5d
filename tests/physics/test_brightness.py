"""Between CMB temperature, brightness temperature and intensity: published numbers of Planck, astropy's Planck law."""

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.modeling.physical_models import BlackBody

from zwicky.physics.brightness import k_rj_per_k_cmb, mjy_sr_per_k_cmb
from zwicky.physics.constants import T_CMB_K

FREQUENCIES_GHZ = np.array([30.0, 95.0, 143.0, 217.0, 353.0])


@pytest.mark.parametrize(
    ("frequency_ghz", "published"), [(100.0, 244.1), (143.0, 371.74), (217.0, 483.69), (353.0, 287.45)]
)
def test_planck_bands(frequency_ghz, published):
    """MJy/sr per K_CMB of Planck's HFI (Planck 2013 IX, table 6): its bands are wide, which makes a few percent."""
    assert mjy_sr_per_k_cmb(frequency_ghz) == pytest.approx(published, rel=0.035)


def per_kelvin(frequency_ghz):
    """dB/dT by a difference of two of astropy's black bodies."""
    step = 1e-4 * u.K
    high, low = (BlackBody(T_CMB_K * u.K + sign * step)(frequency_ghz * u.GHz) for sign in (1, -1))
    return (high - low) / (2.0 * step)


def test_planck_law_with_units():
    expected = per_kelvin(FREQUENCIES_GHZ).to_value(u.MJy / u.sr / u.K)
    np.testing.assert_allclose(mjy_sr_per_k_cmb(FREQUENCIES_GHZ), expected, rtol=1e-6)
    assert isinstance(mjy_sr_per_k_cmb(150.0), float)


def test_brightness_temperature_with_units():
    rayleigh_jeans = 2.0 * constants.k_B * (FREQUENCIES_GHZ * u.GHz) ** 2 / constants.c**2 / u.sr
    expected = (per_kelvin(FREQUENCIES_GHZ) / rayleigh_jeans).to_value(u.dimensionless_unscaled)
    np.testing.assert_allclose(k_rj_per_k_cmb(FREQUENCIES_GHZ), expected, rtol=1e-6)


def test_both_temperatures_agree_at_low_frequencies():
    """1 - x^2 / 12 to second order; 1 / 1.735 at 150 GHz, as quoted for maps of that band."""
    assert k_rj_per_k_cmb(1.0) == pytest.approx(1.0 - 0.017608**2 / 12.0, abs=1e-7)
    assert (np.diff(k_rj_per_k_cmb(FREQUENCIES_GHZ)) < 0.0).all()
    assert 1.0 / k_rj_per_k_cmb(150.0) == pytest.approx(1.735, abs=2e-3)
