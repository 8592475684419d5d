"""Counts to luminosities and emission measures: against direct sums, and there and back."""

import numpy as np
import pytest
from xray_mocks import COSMOLOGY, conversion, telescope

from zwicky.core.errors import ConfigError
from zwicky.inference.xray.conversion import Conversion, Response
from zwicky.physics.constants import CM_PER_MPC
from zwicky.physics.xray import SOFT, EnergyBand, cooling_function
from zwicky.physics.xray_flux import luminosity


def test_kappa_is_area_times_photons():
    """A flat area and a sharp band: the photon cooling function."""
    table = conversion()
    for kt, z in ((1.0, 0.1), (3.0, 0.25), (7.3, 0.6)):
        photons = cooling_function(kt, SOFT, redshift=z, column_density_cm2=3e20, photons=True)
        assert table.counts_per_measure(kt, z, [0]) == pytest.approx(500 * photons, rel=0.02)


def test_the_table_is_fine_enough():
    """Between its nodes, against a table with one node there: 0.5 % above 1.5 keV, 2 % where iron lines rule."""
    table, z = conversion(), 0.3123
    narrow = Conversion(telescope(), COSMOLOGY, 3e20, redshift_range=(z, z + 1e-4))
    kt = np.array([0.5, 0.77, 1.6, 3.3, 8.8])
    ratio = table.counts_per_measure(kt, z, [0]) / narrow.counts_per_measure(kt, z, [0])
    np.testing.assert_allclose(ratio[2:], 1.0, atol=5e-3)
    np.testing.assert_allclose(ratio, 1.0, atol=0.02)


def test_luminosity_of_a_rate_is_that_of_its_flux():
    """With unit area at every energy a rate of photons is known; physics.xray_flux turns the flux into a luminosity."""
    edges = np.geomspace(0.5, 2.0, 80)
    table = Conversion(Response(edges, np.ones((1, 79))), COSMOLOGY, redshift_range=(0.1, 0.5))
    kt, z = 4.0, 0.3
    photons = cooling_function(kt, SOFT, redshift=z, photons=True)
    energy = cooling_function(kt, SOFT, redshift=z) / (1 + z)  # of the same photons, redshifted
    flux = float(energy / photons)
    expected = luminosity(flux, kt, seen=SOFT, emitted=SOFT, redshift=z, cosmology=COSMOLOGY)
    assert table.luminosity_per_rate(kt, z, [0]) == pytest.approx(float(expected), rel=0.01)


def test_brightness_and_flux_see_the_same_gas():
    """A cube of gas of 1 Mpc: column times area equals the emission measure from its total rate."""
    table, kt, z = conversion(), 5.0, 0.4
    column = table.column_per_brightness(kt, z, [0])
    square_arcmin2 = COSMOLOGY.arcmin_per_mpc(z) ** 2
    measure = table.measure_per_rate(kt, z, [0]) * square_arcmin2  # of 1 count/s/arcmin2 over 1 Mpc2
    assert measure / CM_PER_MPC**3 == pytest.approx(column, rel=1e-3)


def test_bands_add_up_and_broadcast():
    table = conversion()
    kt, z = np.array([2.0, 6.0, 8.0]), np.array([0.1, 0.2, 0.3])
    each = table.counts_per_measure(kt, z)
    assert each.shape == (3, 2)
    np.testing.assert_allclose(table.counts_per_measure(kt, z, [0, 1]), each.sum(axis=1))
    assert table.counts_per_measure(kt[None, :], z[:, None]).shape == (3, 3, 2)
    assert table.counts_per_measure(100.0, 0.2, [0]) == table.counts_per_measure(20.0, 0.2, [0])


def test_another_band_of_luminosity():
    kt, z = np.array([4.0]), np.array([0.2])
    wide = conversion(band=EnergyBand(0.1, 2.4)).luminosity_per_rate(kt, z, [0])
    expected = cooling_function(4.0, EnergyBand(0.1, 2.4)) / cooling_function(4.0, SOFT)
    assert wide / conversion().luminosity_per_rate(kt, z, [0]) == pytest.approx(expected)


def test_redshifts_beyond_the_table_are_refused():
    with pytest.raises(ConfigError, match="wider redshift_range"):
        conversion().counts_per_measure(3.0, 0.9)


@pytest.mark.parametrize("area", [np.ones((1, 4)), -np.ones((1, 3)), np.ones(3)])
def test_a_response_has_one_area_per_bin(area):
    with pytest.raises(ConfigError, match="not the response"):
        Response(np.array([0.5, 1.0, 1.5, 2.0]), area)
