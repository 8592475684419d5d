"""Point sources: as many as counted, as bright as their spectra say, found if they stand out."""

import numpy as np
import pytest
from astropy import units as u
from photon_balls import chandra, erosita

from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.core.randomness import Key, Stream
from zwicky.mocks.photon_sources import FieldSources, PhotonSky, SourceField
from zwicky.physics.xray import SOFT
from zwicky.physics.xray_flux import counts_per_flux
from zwicky.physics.xray_power_law import agn_photon_index, power_law_photons

SKY = PhotonSky()
GRID = Grid(60, 0.5 * u.arcmin, "sky")
FIELD = SourceField(chandra(), SKY)


def key(i):
    return Key(8, Stream.POINT_SOURCES, i, 0)


@pytest.mark.parametrize("flux", [2e-16, 7e-15, 3e-13])
def test_counts_of_a_source_are_those_of_its_spectrum(flux):
    instrument = erosita(bands_kev=[[0.5, 1.0], [1.0, 2.0]])
    photons = power_law_photons(
        instrument.energy_edges_kev, agn_photon_index(flux), flux, SOFT, column_density_cm2=3e20
    )
    expected = counts_per_flux(photons, instrument.energy_edges_kev, instrument.response, flux) * flux
    found = SourceField(instrument, SKY).rate(np.array([flux]))[:, 0]
    np.testing.assert_allclose(found, expected, rtol=3e-3)
    assert not np.allclose(
        found, SourceField(instrument, PhotonSky(6e20)).rate(np.array([flux]))[:, 0], rtol=0.02
    )


def test_as_many_are_drawn_as_were_counted():
    area_deg2 = 0.25
    drawn = [FIELD.draw(key(i), GRID) for i in range(40)]
    for flux in (1e-16, 1e-15, 1e-14):
        mean = float(SKY.counts.number_per_deg2(flux) - SKY.counts.number_per_deg2(1e-12)) * area_deg2
        numbers = np.array([np.sum(one.flux >= flux) for one in drawn])
        assert abs(numbers.mean() - mean) < 4.0 * np.sqrt(mean / 40)
        assert 0.5 < numbers.var(ddof=1) / mean < 1.9  # chi^2 of 39 degrees: 4 sigma
    assert abs(numbers.mean() - 1.5 * mean) > 4.0 * np.sqrt(mean / 40)  # negative control
    places = np.concatenate([(one.y, one.x) for one in drawn], axis=1)
    assert (places.min(), places.max()) == (0, 59)
    expected = places.shape[1] / 60
    for axis in places:
        assert np.sum((np.bincount(axis, minlength=60) - expected) ** 2) / expected < 59 + 4 * np.sqrt(2 * 59)


def test_fainter_sources_are_added_to_the_same_bright_ones():
    bright = SourceField(FIELD.instrument, PhotonSky(faintest_flux=1e-15)).draw(key(1), GRID)
    all_of_them = FIELD.draw(key(1), GRID)
    n = bright.flux.size
    np.testing.assert_allclose(all_of_them.flux[:n], bright.flux, rtol=1e-12)
    np.testing.assert_array_equal(all_of_them.y[:n], bright.y)
    assert all_of_them.flux.size > n


def test_the_image_holds_all_of_them():
    sources = FieldSources(
        np.ones(3), np.array([[1.0, 2.0, 4.0], [0.1, 0.2, 0.4]]), np.array([0, 59, 59]), np.array([3, 2, 2])
    )
    image = sources.image(np.array([True, True, True]), GRID)
    assert image.shape == (2, 60, 60)
    assert (image[0, 0, 3], image[0, 59, 2], image[1, 59, 2]) == pytest.approx((1.0, 6.0, 0.6))
    assert image.sum() == pytest.approx(7.7)
    assert sources.image(np.array([False, True, False]), GRID).sum() == pytest.approx(2.2)


def test_what_stands_out_is_detected():
    """Four standard deviations of the counts below it, and ten counts: here 20 counts, whose root times 4 is 17.9."""
    area, density = np.array([2.0]), np.array([[10.0]])
    counts = np.array([[9.0, 17.8, 18.0, 50.0]])
    assert FIELD.detected(counts, density, area).tolist() == [False, False, True, True]
    assert FIELD.detected(counts, 0.1 * density, area).tolist() == [False, True, True, True]
    assert FIELD.detected(counts, 0.0 * density, area).tolist() == [False, True, True, True]
    # Two bands, each of them below four standard deviations: 3^2 + 3^2 > 4^2.
    both = np.full((2, 1), 3.0 * np.sqrt(20.0))
    assert FIELD.detected(both, np.full((2, 1), 10.0), np.full(2, 2.0)).tolist() == [True]
    assert FIELD.detected(both[:1], density, area).tolist() == [False]


def test_what_is_left_of_the_cosmic_background():
    fractions = [SKY.cosmic_fraction(flux) for flux in (1e-16, 1e-15, 1e-14, 1e-13)]
    assert fractions == sorted(fractions)
    assert 0.3 < fractions[0] < fractions[3] < 1.0
    assert SKY.cosmic_fraction(1e-12) == SKY.cosmic_fraction(1e-9) == 1.0
    assert PhotonSky(background="none").cosmic_fraction(1e-15) == 1.0


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        (r"so much hydrogen(.|\n)*column_density_cm2", {"column_density_cm2": 1e24}),
        (r"so much hydrogen", {"column_density_cm2": -1.0}),
        (r"so much hydrogen", {"column_density_cm2": np.nan}),
        (r"cannot be found(.|\n)*min_counts", {"min_counts": 0.0}),
        (r"cannot be found(.|\n)*min_sigma", {"min_sigma": np.nan}),
        (r"cannot be found(.|\n)*mask_above", {"mask_above": np.inf}),
        (r"another band(.|\n)*lehmer12_hard", {"point_sources": "lehmer12_hard"}),
        (r"counts of X-ray sources are not known", {"point_sources": "lehmer13_soft"}),
        (r"X-ray sky is not known", {"background": "dark"}),
        (r"range of fluxes(.|\n)*faintest_flux", {"faintest_flux": 0.0}),
        (r"range of fluxes", {"faintest_flux": 1e-12}),
        (r"range of fluxes", {"brightest_flux": np.inf}),
        (r"range of fluxes", {"faintest_flux": np.nan}),
    ],
)
def test_mistakes(words, changes):
    with pytest.raises(ConfigError, match=words):
        PhotonSky(**changes)
