"""The cooling function: laws that hold whatever the table says, and the errors."""

import numpy as np
import pytest
from scipy.integrate import quad

from zwicky.core.errors import ConfigError, RedshiftError
from zwicky.physics import xray, xray_table
from zwicky.physics.plasma import N_H_OVER_N_E
from zwicky.physics.xray import BOLOMETRIC, BROAD, SOFT, EnergyBand, cooling_function

KT_KEV = np.geomspace(0.05, 40.0, 60)
ERG_PER_KEV = 1.602176634e-9


def test_bands_are_read_and_written():
    assert EnergyBand.parse("0.5-2 keV") == SOFT
    assert EnergyBand.parse(" .5 - 7.0keV ") == BROAD
    for band in (SOFT, BROAD, BOLOMETRIC):
        assert EnergyBand.parse(str(band)) == band


@pytest.mark.parametrize("text", ["0.5-2", "0.5 to 2 keV", "500-2000 eV", "-0.5-2 keV", "soft", ""])
def test_text_that_is_no_band(text):
    with pytest.raises(ConfigError, match=r"not a band of photon energies(.|\n)*0\.5-2 keV"):
        EnergyBand.parse(text)


@pytest.mark.parametrize(
    ("low", "high"), [(2.0, 0.5), (1.0, 1.0), (0.0, 2.0), (-1.0, 2.0), (1.0, np.inf), (np.nan, 1.0)]
)
def test_edges_that_are_no_band(low, high):
    with pytest.raises(ConfigError, match=r"0 < low < high"):
        EnergyBand(low, high)


def test_a_band_seen_at_a_redshift_is_a_higher_band_at_the_source():
    for redshift in (0.1, 0.7, 2.0):
        seen = cooling_function(KT_KEV, SOFT, redshift=redshift)
        emitted = cooling_function(KT_KEV, EnergyBand(0.5 * (1 + redshift), 2.0 * (1 + redshift)))
        np.testing.assert_allclose(seen, emitted, rtol=1e-9)
        assert np.max(np.abs(seen / cooling_function(KT_KEV, SOFT) - 1.0)) > 0.05  # it does make a difference


def test_bands_add_up_wherever_they_are_cut():
    at_nodes = xray_table.emissivities().kt_kev[20:]
    for cut_kev in (0.5003, 1.2345, 2.0, 6.99):
        cut = (EnergyBand(0.5, cut_kev), EnergyBand(cut_kev, 7.0))
        together = np.add(*(cooling_function(at_nodes, band) for band in cut))
        np.testing.assert_allclose(together, cooling_function(at_nodes, BROAD), rtol=1e-9)
        between = np.add(
            *(cooling_function(KT_KEV, band) for band in cut)
        )  # each is interpolated in temperature
        np.testing.assert_allclose(between, cooling_function(KT_KEV, BROAD), rtol=2e-3)


def test_emission_is_linear_in_metals_and_in_helium():
    at_nodes = xray_table.emissivities().kt_kev[20:]
    none, some, solar = (cooling_function(at_nodes, SOFT, metallicity=z) for z in (0.0, 0.3, 1.0))
    np.testing.assert_allclose(some, none + 0.3 * (solar - none), rtol=1e-9)
    assert np.all(solar > 1.05 * none)
    bare, half, full = (
        cooling_function(at_nodes, SOFT, metallicity=0.0, helium_per_hydrogen=y) for y in (0.0, 0.05, 0.1)
    )
    np.testing.assert_allclose(full - half, half - bare, rtol=1e-9)
    # Rutherford: a helium nucleus counts four times, here and there up to twice that at photon energies above k T.
    assert np.all((full / bare - 1.0 > 0.35) & (full / bare - 1.0 < 1.6))
    assert np.interp(5.0, at_nodes, full / bare) == pytest.approx(1.4, abs=0.02)


def test_photons_times_their_energy_are_the_power():
    for low_kev in (0.1, 0.6543, 6.7, 20.0):
        band = EnergyBand(low_kev, 1.002 * low_kev)
        power, photons = (cooling_function(5.0, band, photons=count) for count in (False, True))
        assert power / photons / ERG_PER_KEV == pytest.approx(1.001 * low_kev, rel=2e-3)
    power, photons = (cooling_function(KT_KEV, SOFT, photons=count) for count in (False, True))
    mean_kev = power / photons / ERG_PER_KEV
    assert np.all((mean_kev > 0.5) & (mean_kev < 2.0))
    assert np.all(np.diff(mean_kev[KT_KEV > 2.0]) > 0.0)  # the hotter, the harder


def test_absorption_vanishes_with_the_column_and_never_adds_light():
    clear = cooling_function(KT_KEV, SOFT, redshift=0.2)
    columns = (1e16, 1e20, 1e21, 1e22)
    seen = [cooling_function(KT_KEV, SOFT, redshift=0.2, column_density_cm2=c) / clear for c in columns]
    np.testing.assert_allclose(seen[0], 1.0, atol=1e-4)
    assert np.all(np.diff([np.ones_like(clear), *seen], axis=0) < 0.0)
    assert np.all((seen[1] > 0.90) & (seen[1] < 0.98))


def test_absorption_acts_on_the_energies_that_arrive_here():
    """A narrow band at 1 keV is dimmed by the cross-section at 1 keV, whatever the redshift."""
    band = EnergyBand(0.99, 1.01)
    for redshift in (0.0, 1.0):
        clear, dimmed = (
            cooling_function(4.0, band, redshift=redshift, column_density_cm2=c) for c in (0.0, 3e21)
        )
        assert dimmed / clear == pytest.approx(np.exp(-3e21 * 2.422e-22), rel=0.01)


@pytest.mark.parametrize("kt_kev", [2.0, 5.0, 12.0])
@pytest.mark.parametrize("energy_kev", [0.2, 1.0, 5.0])
def test_hydrogen_shines_as_thermal_bremsstrahlung(kt_kev, energy_kev):
    """Born's approximation with the factor of Elwert 1939, averaged over a Maxwellian here; 6.8e-38 of R&L, eq. 5.14a.

    The table adds recombination (1 % here), and electrons on electrons (0.3 to 0.4 % per keV of temperature).
    """
    found = cooling_function(
        kt_kev,
        EnergyBand(0.99 * energy_kev, 1.01 * energy_kev),
        metallicity=0.0,
        helium_per_hydrogen=0.0,
    )
    closed, born = (bremsstrahlung(energy_kev, kt_kev, elwert) for elwert in (True, False))
    assert 0.995 < found / closed < 1.015 + 0.0045 * kt_kev
    if kt_kev == 2.0:  # negative control: Born's approximation alone is not good enough
        assert not 0.995 < found / born < 1.024


def bremsstrahlung(energy_kev: float, kt_kev: float, elwert: bool) -> float:
    """Return the power of hydrogen between 0.99 and 1.01 of a photon energy, per n_e n_H [erg cm^3/s]."""
    ry, photon = 0.0136057 / kt_kev, energy_kev / kt_kev

    def weighted_gaunt(x: float) -> float:
        eta_i, eta_f = np.sqrt(ry / (x + photon)), np.sqrt(ry / x)
        factor = (
            eta_f / eta_i * np.expm1(-2 * np.pi * eta_i) / np.expm1(-2 * np.pi * eta_f) if elwert else 1.0
        )
        return factor * np.sqrt(3) / np.pi * np.log((eta_f + eta_i) / (eta_f - eta_i)) * np.exp(-x)

    gaunt = quad(weighted_gaunt, 0.0, 30.0, limit=200)[0]
    kelvin, hz_per_kev = kt_kev / 8.617333e-8, 2.417989e17
    return 6.842e-38 * kelvin**-0.5 * np.exp(-photon) * gaunt * hz_per_kev * 0.02 * energy_kev


def test_power_of_hot_gas_grows_as_the_root_of_temperature():
    slope = np.diff(np.log(cooling_function([6.0, 12.0], BOLOMETRIC)))[0] / np.log(2.0)
    assert slope == pytest.approx(0.5, abs=0.08)


def test_cold_gas_emits_nothing_and_shapes_are_kept():
    lowest_kev = xray_table.emissivities().kt_kev[0]
    assert np.array_equal(cooling_function([0.0, 0.99 * lowest_kev], SOFT), [0.0, 0.0])
    assert cooling_function(0.02, SOFT) < 1e-4 * cooling_function(1.0, SOFT)
    assert cooling_function(3.0, SOFT).shape == ()
    assert cooling_function(np.full((2, 3), 3.0), SOFT).shape == (2, 3)
    assert np.all(
        np.isfinite(cooling_function(np.geomspace(0.0087, 43.0, 500), SOFT, column_density_cm2=1e22))
    )


def test_the_helium_of_the_table_is_that_of_the_gas():
    electrons_per_hydrogen = 1.0 + 2.0 * xray_table.HELIUM_PER_HYDROGEN
    assert electrons_per_hydrogen == pytest.approx(1.0 / N_H_OVER_N_E, rel=1e-12)


def test_one_table_per_band_and_redshift_is_made_once():
    xray._curve.cache_clear()
    for _ in range(3):
        cooling_function(KT_KEV, SOFT, redshift=0.123)
    assert xray._curve.cache_info().misses == 1


@pytest.mark.parametrize("kt_kev", [-0.1, 50.0, 5e7, np.nan, [1.0, np.inf]])
def test_unknown_temperatures(kt_kev):
    with pytest.raises(ConfigError, match=r"temperature is not known(.|\n)*0 to 43\.2 keV"):
        cooling_function(kt_kev, SOFT)


@pytest.mark.parametrize("band", [EnergyBand(0.5, 200.0), EnergyBand(0.005, 2.0)])
def test_bands_outside_the_table(band):
    with pytest.raises(ConfigError, match=r"leaves the table(.|\n)*0\.01 to 100 keV at the source"):
        cooling_function(1.0, band)


def test_other_mistakes():
    with pytest.raises(ConfigError, match=r"leaves the table(.|\n)*redshift 0\.1"):
        cooling_function(1.0, BOLOMETRIC, redshift=0.1)
    for redshift in (-0.1, np.nan, np.inf):
        with pytest.raises(RedshiftError, match="redshift of hot gas"):
            cooling_function(1.0, SOFT, redshift=redshift)
    for metallicity in (-0.1, 6.0, np.nan):
        with pytest.raises(ConfigError, match=r"abundance cannot be used(.|\n)*metallicity(.|\n)*0 to 5"):
            cooling_function(1.0, SOFT, metallicity=metallicity)
    with pytest.raises(ConfigError, match=r"helium_per_hydrogen(.|\n)*0 to 1"):
        cooling_function(1.0, SOFT, helium_per_hydrogen=1.1)
    with pytest.raises(ConfigError, match=r"column density"):
        cooling_function(1.0, SOFT, column_density_cm2=-1.0)
    with pytest.raises(ConfigError, match=r"not known at this photon energy"):
        cooling_function(1.0, EnergyBand(0.02, 2.0), column_density_cm2=1e20)
