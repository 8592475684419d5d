"""Temperatures from colours: right with many photons, the prior with none."""

import numpy as np
import pytest
from xray_mocks import COSMOLOGY, clusters, conversion

from zwicky.core.errors import MassError
from zwicky.inference.xray.profiles import aperture_counts
from zwicky.inference.xray.temperature import temperature_of_mass, temperatures


def measured(sample, shift=1.0, sigma=0.6):
    aperture = aperture_counts(sample.profiles, sample.radius_arcmin, 0.15 * sample.radius_arcmin)
    return aperture, temperatures(
        aperture, sample.redshift, conversion(), prior_kt_kev=shift * sample.kt_kev, prior_sigma_ln=sigma
    )


def test_mass_of_five_kev():
    """Arnaud, Pointecouteau & Pratt 2005: 3.84e14 Msun at 5 keV, z = 0 and h70 = 1; half of T is 2^-1.71 of M."""
    low = 1e-9
    assert temperature_of_mass(np.log10(3.84e14), low, COSMOLOGY) == pytest.approx(5.0, rel=1e-6)
    assert temperature_of_mass(np.log10(3.84e14 / 2**1.71), low, COSMOLOGY) == pytest.approx(2.5, rel=1e-6)
    distant = temperature_of_mass(np.log10(3.84e14 / COSMOLOGY.efunc(0.5)), 0.5, COSMOLOGY)
    assert distant == pytest.approx(5.0)


def test_many_photons_find_the_temperature_wherever_the_prior_lies():
    sample = clusters(300, 1, seconds=3e5)
    for shift in (0.7, 1.4):
        _, found = measured(sample, shift)
        bright = found.sigma_ln < 0.08
        assert bright.sum() > 60
        pull = np.log(found.kt_kev / sample.kt_kev)[bright] / found.sigma_ln[bright]
        assert abs(np.median(pull)) < 0.5
        assert pull.std() == pytest.approx(1.0, abs=0.35)


def test_errors_are_those_of_photons():
    sample = clusters(500, 2, seconds=5e4)
    _, found = measured(sample)
    ln_error = np.log(found.kt_kev / sample.kt_kev)
    pull = ln_error / found.sigma_ln
    # The prior is centred on the truth: pulls are narrower than 1 where it rules, never wider.
    assert pull.std() < 1.1
    assert np.median(found.sigma_ln[:50]) > 0


def test_without_photons_there_is_the_prior():
    sample = clusters(50, 3, seconds=20.0, background_per_arcmin2_s=1e-6)
    _, found = measured(sample, shift=1.3, sigma=0.2)
    dark = sample.profiles.counts.sum(axis=(1, 2)) < 2
    assert dark.sum() > 10
    np.testing.assert_allclose(found.kt_kev[dark], 1.3 * sample.kt_kev[dark], rtol=0.06)
    np.testing.assert_allclose(found.sigma_ln[dark], 0.2, rtol=0.1)


def test_one_band_has_no_colour():
    sample = clusters(3, 4)
    aperture = aperture_counts(sample.profiles.bands(0), sample.radius_arcmin)
    with pytest.raises(MassError, match="One band has no colour"):
        temperatures(aperture, sample.redshift, conversion(), prior_kt_kev=sample.kt_kev)
