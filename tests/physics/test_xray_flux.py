"""Luminosity, flux and counts: astropy, closed forms, there and back."""

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import ConfigError, RedshiftError
from zwicky.physics.xray import BROAD, SOFT, EnergyBand, cooling_function
from zwicky.physics.xray_flux import (
    counts_per_flux,
    energy_flux,
    k_correction,
    luminosity,
    luminosity_distance_mpc,
    photons_per_measure,
    sphere_cm2,
)
from zwicky.physics.xray_power_law import power_law_photons
from zwicky.physics.xray_spectrum import photon_spectrum

COSMOLOGY = COSMOLOGIES["planck18"]
CM_PER_MPC = 3.0856775814913673e24
ARCMIN2_PER_SR = (180.0 * 60.0 / np.pi) ** 2


@pytest.mark.parametrize("redshift", [0.05, 0.4, 1.5])
def test_luminosity_distance_of_astropy(redshift):
    theirs = COSMOLOGY.astropy().luminosity_distance(redshift)
    assert luminosity_distance_mpc(redshift, COSMOLOGY) == pytest.approx(theirs.to_value(u.Mpc), rel=1e-6)
    sphere = (4.0 * np.pi * theirs**2).to_value(u.cm**2)
    assert sphere_cm2(redshift, COSMOLOGY) == pytest.approx(sphere, rel=1e-6)


def test_photons_of_a_cube_of_gas():
    """Per area of sky, and in all: EM Lambda (1 + z) / (4 pi D_L^2), over the solid angle of 1 Mpc^2."""
    for redshift in (0.1, 1.0):
        n_e_n_h, depth_mpc = 2e-6, 1.0
        light = cooling_function(5.0, SOFT, redshift=redshift, photons=True)
        measure_cm3 = n_e_n_h * CM_PER_MPC**3 * depth_mpc
        in_all = measure_cm3 * light * (1.0 + redshift) / sphere_cm2(redshift, COSMOLOGY)
        per_arcmin2 = n_e_n_h * depth_mpc * light * photons_per_measure(redshift)
        distance = COSMOLOGY.astropy().angular_diameter_distance(redshift).to_value(u.Mpc)
        assert per_arcmin2 * ARCMIN2_PER_SR / distance**2 == pytest.approx(in_all, rel=1e-6)


def test_the_k_correction_turns_one_band_into_another():
    kt = np.array([1.0, 4.0, 9.0])
    np.testing.assert_allclose(k_correction(kt, seen=SOFT, emitted=SOFT, redshift=0.0), 1.0, rtol=1e-12)
    shifted = EnergyBand(0.75, 3.0)
    np.testing.assert_allclose(k_correction(kt, seen=SOFT, emitted=shifted, redshift=0.5), 1.0, rtol=1e-9)
    factor = k_correction(kt, seen=SOFT, emitted=SOFT, redshift=0.5)
    assert np.all((factor > 0.7) & (factor < 1.2))
    assert np.ptp(factor) > 0.1
    absorbed = k_correction(kt, seen=SOFT, emitted=SOFT, redshift=0.5, column_density_cm2=1e21)
    assert np.all(absorbed > 1.1 * factor)


def test_flat_spectra_need_no_k_correction_beyond_the_width_of_the_band():
    """Hot gas well below k T: the power per keV is nearly flat, so a band at 1 + z holds 1 + z times as much."""
    low = EnergyBand(0.30, 0.33)
    factor = k_correction(30.0, seen=low, emitted=low, redshift=0.5, metallicity=0.0)
    assert factor * 1.5 == pytest.approx(1.0, abs=0.15)


def test_luminosity_and_flux_there_and_back():
    kt, redshift, measure_cm3 = 6.0, 0.3, 1e67
    power = measure_cm3 * cooling_function(kt, SOFT)
    flux = measure_cm3 * cooling_function(kt, BROAD, redshift=redshift, column_density_cm2=5e20)
    flux /= sphere_cm2(redshift, COSMOLOGY)
    found = luminosity(
        flux,
        kt,
        seen=BROAD,
        emitted=SOFT,
        redshift=redshift,
        cosmology=COSMOLOGY,
        column_density_cm2=5e20,
    )
    assert found == pytest.approx(power, rel=1e-12)
    assert luminosity(
        [1e-13, 2e-13], kt, seen=SOFT, emitted=SOFT, redshift=0.3, cosmology=COSMOLOGY
    ).shape == (2,)


def test_energy_of_photons_is_the_power():
    edges = np.linspace(0.5, 7.0, 800)
    spectrum = photon_spectrum(4.0, edges, redshift=0.2).total(0.3)
    # Photons arrive with their energy divided by 1 + z; the cooling function counts it as emitted.
    power = cooling_function(4.0, BROAD, redshift=0.2) / 1.2
    assert energy_flux(spectrum, edges, BROAD) == pytest.approx(power, rel=1e-3)
    parts = sum(energy_flux(spectrum, edges, EnergyBand(*b)) for b in ((0.5, 1.003), (1.003, 7.0)))
    assert parts == pytest.approx(energy_flux(spectrum, edges, BROAD), rel=1e-12)


def test_counts_of_a_flat_area_are_photons():
    edges = np.linspace(0.5, 2.0, 300)
    photons = power_law_photons(edges, [1.4, 2.0], 1.0, SOFT)
    factor = counts_per_flux(photons, edges, np.full(299, 800.0), 1.0)
    np.testing.assert_allclose(factor, 800.0 * photons.sum(axis=1))
    assert factor[1] > factor[0]  # a softer spectrum has more photons per energy
    bands = counts_per_flux(photons, edges, np.array([np.full(299, 800.0), np.full(299, 80.0)]), [1.0, 2.0])
    np.testing.assert_allclose(bands, factor[:, None] * [[1.0, 0.1], [0.5, 0.05]])


def test_mistakes():
    edges = np.array([0.5, 1.0, 2.0])
    with pytest.raises(ConfigError, match=r"emits no X-rays(.|\n)*above 0.0086 keV"):
        k_correction([1.0, 0.001], seen=SOFT, emitted=SOFT, redshift=0.1)
    for redshift in (0.0, -1.0):
        with pytest.raises(RedshiftError, match="cannot be used"):
            sphere_cm2(redshift, COSMOLOGY)
        with pytest.raises(RedshiftError, match="cannot be used"):
            photons_per_measure(redshift)
    with pytest.raises(ConfigError, match=r"do not belong(.|\n)*photons(.|\n)*2 numbers"):
        counts_per_flux(np.ones(3), edges, np.ones(2), 1.0)
    with pytest.raises(ConfigError, match=r"do not belong(.|\n)*area_cm2"):
        counts_per_flux(np.ones(2), edges, 1.0, 1.0)
    for flux in (0.0, np.nan):
        with pytest.raises(ConfigError, match="needs a source with a flux"):
            counts_per_flux(np.ones(2), edges, np.ones(2), flux)
    with pytest.raises(ConfigError, match=r"leaves the bins(.|\n)*0.5-2 keV"):
        energy_flux(np.ones(2), edges, BROAD)
