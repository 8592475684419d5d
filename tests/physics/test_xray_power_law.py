"""Power laws: closed forms, absorption, and the energy conversion factors of eROSITA."""

import gzip
import json

import numpy as np
import pytest
from astropy.io import fits
from scipy.integrate import quad

from zwicky.core.errors import ConfigError
from zwicky.physics.xray import SOFT, EnergyBand
from zwicky.physics.xray_absorption import transmission
from zwicky.physics.xray_flux import counts_per_flux, energy_flux
from zwicky.physics.xray_power_law import agn_photon_index, power_law_in_band, power_law_photons

ERG_PER_KEV = 1.602176634e-9
EDGES_KEV = np.geomspace(0.3, 10.0, 400)


def test_an_index_of_2_has_equal_energy_in_equal_steps_of_the_logarithm():
    photons = power_law_photons(np.array([0.5, 1.0, 2.0, 8.0]), 2.0, 1e-12, SOFT)
    norm = 1e-12 / ERG_PER_KEV / np.log(4.0)  # photons/cm^2/s/keV at 1 keV
    np.testing.assert_allclose(photons, norm * np.array([1.0, 0.5, 0.375]), rtol=1e-12)


@pytest.mark.parametrize("index", [0.0, 1.0, 1.0 + 1e-9, 1.41, 1.8, 2.0, 3.0])
def test_photons_against_quadrature(index):
    norm = 1.0 / ERG_PER_KEV / quad(lambda e: e ** (1.0 - index), 0.5, 2.0)[0]
    expected = norm * quad(lambda e: e**-index, 0.7, 3.3)[0]
    assert power_law_photons(np.array([0.7, 3.3]), index, 1.0, SOFT)[0] == pytest.approx(expected, rel=1e-9)


def test_the_energy_of_the_photons_is_the_flux():
    photons = power_law_photons(EDGES_KEV, 1.7, 3e-13, EnergyBand(2.0, 8.0))
    assert energy_flux(photons, EDGES_KEV, EnergyBand(2.0, 8.0)) == pytest.approx(3e-13, rel=1e-4)
    in_soft = 3e-13 * power_law_in_band(1.7, SOFT, EnergyBand(2.0, 8.0))
    assert energy_flux(photons, EDGES_KEV, SOFT) == pytest.approx(in_soft, rel=1e-4)


def test_absorption_against_quadrature():
    index, column = 1.8, 2e21
    norm = 1.0 / ERG_PER_KEV / quad(lambda e: e ** (1.0 - index), 0.5, 2.0)[0]
    e = np.linspace(0.4, 3.0, 200_001)
    seen = norm * np.trapezoid(e**-index * transmission(e, column), e)
    found = power_law_photons(np.array([0.4, 1.1, 3.0]), index, 1.0, SOFT, column_density_cm2=column)
    assert found.sum() == pytest.approx(seen, rel=3e-4)
    assert found.sum() < 0.8 * power_law_photons(np.array([0.4, 3.0]), index, 1.0, SOFT)[0]


def test_many_sources_at_once():
    index, flux = np.array([1.4, 1.8, 2.2]), np.array([1e-15, 0.0, 3e-14])
    together = power_law_photons(EDGES_KEV, index, flux, SOFT, column_density_cm2=3e20)
    assert together.shape == (3, EDGES_KEV.size - 1)
    for one, i, s in zip(together, index, flux, strict=True):
        alone = power_law_photons(EDGES_KEV, i, s, SOFT, column_density_cm2=3e20)
        np.testing.assert_allclose(one, alone, rtol=1e-13)


def test_faint_agn_are_harder():
    found = agn_photon_index([1e-17, 1e-14, 10**-13.5, 1e-11])
    assert found == pytest.approx([1.3, 1.8, 2.221, 2.3], abs=1e-3)
    for flux in (0.0, -1e-15, np.nan):
        with pytest.raises(ConfigError, match=r"no spectrum(.|\n)*more than 0"):
            agn_photon_index(flux)


@pytest.mark.data
@pytest.mark.parametrize(("name", "of_absorbed"), [("erosita_ecfs", True), ("erosita_abscorr_ecfs", False)])
def test_energy_conversion_factors_of_erosita(real_data, name, of_absorbed):
    """Those of ecfxa 1.0, with the response matrix; here the area alone, on axis, so that 3 % are left open."""
    with gzip.open(real_data / "physics_tables" / "ecfxa" / f"{name}.json.gz", "rt") as file:
        table = json.load(file)
    row, column = table["lognh"].index(20.5), table["gamma"].index(2.0)
    (path,) = (real_data / "efeds_erosita" / "responses").glob("*ARF*.fits")
    area = fits.getdata(path, "SPECRESP")
    for band_name, band in (("SOFT", SOFT), ("P2", EnergyBand(0.5, 1.0)), ("P3", EnergyBand(1.0, 2.0))):
        edges = np.linspace(band.low_kev, band.high_kev, 200)
        middle = 0.5 * (edges[1:] + edges[:-1])
        on_axis, off_axis = (
            np.interp(middle, 0.5 * (area["ENERG_LO"] + area["ENERG_HI"]), area["SPECRESP"] / correction)
            for correction in (area["CORRCOMB"], 1.0)
        )
        photons = power_law_photons(edges, 2.0, 1.0, band, column_density_cm2=10.0**20.5)
        flux = energy_flux(photons, edges, band) if of_absorbed else 1.0
        theirs = 1e11 * table["e1"][band_name][row][column]
        assert counts_per_flux(photons, edges, on_axis, flux) / theirs == pytest.approx(1.015, abs=0.02)
        assert counts_per_flux(photons, edges, off_axis, flux) / theirs < 0.7  # negative control


def test_mistakes():
    for index in (11.0, np.nan, [1.8, -12.0]):
        with pytest.raises(ConfigError, match="photon index cannot be used"):
            power_law_photons(EDGES_KEV, index, 1.0, SOFT)
    for flux in (-1.0, np.nan, np.inf):
        with pytest.raises(ConfigError, match="flux cannot be used"):
            power_law_photons(EDGES_KEV, 1.8, flux, SOFT)
    with pytest.raises(ConfigError, match="leaves the table"):
        power_law_photons(np.array([0.001, 1.0]), 1.8, 1.0, SOFT)
