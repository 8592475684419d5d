"""Spectra of hot gas: their bins add up to the cooling function, and shift and dim as light does."""

import numpy as np
import pytest

from zwicky.core.errors import ConfigError, RedshiftError
from zwicky.physics.xray import EnergyBand, cooling_function
from zwicky.physics.xray_spectrum import photon_spectrum, table_temperatures_kev

BANDS = ((0.5, 2.0), (0.5, 7.0), (0.2, 10.0), (2.0, 7.0), (0.3, 0.6))
SIGHTS = ((0.0, 0.0), (0.5, 3e20), (0.1, 5e21))  # redshift, column density


def worst(kt_kev, metallicity, redshift, column):
    """Return the largest relative difference of the sum of 100 random bins from the cooling function."""
    rng = np.random.default_rng(6)
    found = []
    for low, high in BANDS:
        edges = np.unique(np.concatenate(([low, high], rng.uniform(low, high, 100))))
        spectrum = photon_spectrum(kt_kev, edges, redshift=redshift, column_density_cm2=column)
        whole = cooling_function(
            kt_kev,
            EnergyBand(low, high),
            redshift=redshift,
            column_density_cm2=column,
            metallicity=metallicity,
            photons=True,
        )
        found.append(np.max(np.abs(spectrum.total(metallicity).sum(axis=-1) / whole - 1.0)))
    return max(found)


@pytest.mark.parametrize(("redshift", "column"), SIGHTS)
@pytest.mark.parametrize("metallicity", [0.0, 0.3, 1.0])
def test_bins_add_up_to_the_cooling_function_wherever_a_band_is_cut(metallicity, redshift, column):
    assert worst(table_temperatures_kev(0.09, 40.0), metallicity, redshift, column) < 1e-12


@pytest.mark.parametrize(("redshift", "column"), SIGHTS)
def test_bins_add_up_between_the_temperatures_of_the_table(redshift, column):
    hot, warm = np.geomspace(1.5, 40.0, 150), np.geomspace(0.1, 1.5, 150)
    for metallicity in (0.3, 1.0):
        assert worst(hot, metallicity, redshift, column) < 2e-3
        assert 1e-3 < worst(warm, metallicity, redshift, column) < 8e-3  # the docstring does not flatter
    assert worst(np.concatenate((warm, hot)), 0.0, redshift, column) < 4e-4


def test_metals_are_linear_and_always_add_light():
    kt, edges = np.geomspace(0.2, 20.0, 9), np.linspace(0.3, 7.0, 50)
    spectrum = photon_spectrum(kt, edges, redshift=0.2)
    none, some, solar = (spectrum.total(z) for z in (0.0, 0.25, 1.0))
    np.testing.assert_allclose(some, none + 0.25 * (solar - none), rtol=1e-12)
    assert np.all(spectrum.metals >= 0.0)
    iron_k = (edges[:-1] * 1.2 < 6.7) & (edges[1:] * 1.2 > 6.7)
    hot = (kt > 3.0) & (kt < 9.0)
    assert (spectrum.metals / spectrum.plasma)[hot][:, iron_k].min() > 1.5  # the line of helium-like iron
    empty = (edges[:-1] * 1.2 > 5.0) & (edges[1:] * 1.2 < 6.0)
    assert (spectrum.metals / spectrum.plasma)[hot][:, empty].max() < 0.4


def test_a_redshift_moves_bins_and_nothing_else():
    edges = np.geomspace(0.3, 6.0, 120)
    near, far = (photon_spectrum([2.0, 8.0], e, redshift=z) for e, z in ((edges * 1.4, 0.0), (edges, 0.4)))
    np.testing.assert_allclose(far.plasma, near.plasma, rtol=1e-9)
    np.testing.assert_allclose(far.metals, near.metals, rtol=1e-9)
    at_rest = photon_spectrum([2.0, 8.0], edges)
    assert np.max(np.abs(far.plasma / at_rest.plasma - 1.0)) > 0.3  # negative control


def test_absorption_dims_each_bin_by_its_own_cross_section():
    edges = np.array([0.49, 0.51, 0.99, 1.01, 1.99, 2.01])
    clear, dim = (photon_spectrum(5.0, edges, redshift=0.3, column_density_cm2=c).plasma for c in (0.0, 3e21))
    cross_sections = -np.log(dim / clear)[::2] / 3e21
    # Morrison & McCammon 1983, Table 2: (c0 + c1 E + c2 E^2) E^-3.
    assert cross_sections == pytest.approx([7.36e-22, 2.42e-22, 4.30e-23], rel=0.02)


def test_helium_and_shapes_and_cold_gas():
    edges = np.linspace(0.5, 2.0, 4)
    more, less = (photon_spectrum(3.0, edges, helium_per_hydrogen=y) for y in (0.1, 0.0))
    assert np.all(more.plasma > 1.3 * less.plasma)
    np.testing.assert_array_equal(more.metals, less.metals)
    assert more.plasma.shape == (3,)
    found = photon_spectrum(np.array([0.0, 0.005, 1.0]), edges)
    assert found.plasma.shape == found.metals.shape == (3, 3)
    assert not found.plasma[:2].any()
    assert found.plasma[2].all()


def test_the_temperatures_of_the_table_enclose_a_range():
    nodes = table_temperatures_kev(0.5, 12.0)
    assert nodes[0] <= 0.5 < nodes[1]
    assert nodes[-2] < 12.0 <= nodes[-1]
    np.testing.assert_allclose(np.diff(np.log10(nodes)), 0.05, atol=1e-6)
    assert table_temperatures_kev(nodes[2], nodes[4]).tolist() == nodes[2:5].tolist()


@pytest.mark.parametrize(("low", "high"), [(2.0, 1.0), (0.001, 1.0), (1.0, 50.0), (np.nan, 1.0)])
def test_temperatures_outside_the_table(low, high):
    with pytest.raises(ConfigError, match=r"leaves the table(.|\n)*low < high <= 43"):
        table_temperatures_kev(low, high)


@pytest.mark.parametrize("edges", [[0.5], [2.0, 0.5], [0.5, 1.0, 1.0], [[0.5, 2.0]], 1.0, [0.5, np.nan, 2.0]])
def test_edges_that_are_none(edges):
    with pytest.raises(ConfigError, match=r"not the edges of bins(.|\n)*each larger"):
        photon_spectrum(1.0, edges)


def test_other_mistakes():
    edges = np.array([0.5, 1.0, 2.0])
    with pytest.raises(ConfigError, match=r"leaves the table(.|\n)*0.5-200 keV at redshift 0"):
        photon_spectrum(1.0, [0.5, 200.0])
    with pytest.raises(ConfigError, match="temperature is not known"):
        photon_spectrum(5e7, edges)
    with pytest.raises(RedshiftError, match="redshift of hot gas"):
        photon_spectrum(1.0, edges, redshift=-0.1)
    with pytest.raises(ConfigError, match="column density"):
        photon_spectrum(1.0, edges, column_density_cm2=-1.0)
    with pytest.raises(ConfigError, match=r"abundance(.|\n)*helium_per_hydrogen"):
        photon_spectrum(1.0, edges, helium_per_hydrogen=2.0)
    with pytest.raises(ConfigError, match=r"abundance(.|\n)*metallicity"):
        photon_spectrum(1.0, edges).total(6.0)
