"""Bands of photons: probabilities add up, bins are fine enough, tables that cannot be are refused."""

import math

import numpy as np
import pytest

from zwicky.core.config import parse
from zwicky.core.errors import ConfigError
from zwicky.instruments.photon import PhotonInstrument
from zwicky.instruments.photon_response import (
    EnergyResolution,
    Particles,
    Response,
    reference_weights,
)
from zwicky.physics.xray_spectrum import photon_spectrum

RESOLUTION = {"energy_kev": [0.5, 2.0], "fwhm_kev": [0.1, 0.3], "source": "a test"}
RESPONSE = {
    "energy_kev": [0.3, 10.0],
    "area_cm2": [100.0, 100.0],
    "source": "a test",
    "resolution": RESOLUTION,
}
PARTICLES = {
    "energy_lo_kev": [0.5, 1.0, 2.0],
    "energy_hi_kev": [1.0, 2.0, 7.0],
    "rate_per_s_kev_arcmin2": [1e-3, 2e-3, 1e-4],
    "source": "a test",
}


def response(**changes):
    return parse(Response, {**RESPONSE, **changes}, where="a test")


def spectrum(edges):
    """Photons per bin of E^-2."""
    return 1.0 / edges[:-1] - 1.0 / edges[1:]


class TestBands:
    def test_width_at_half_maximum(self):
        """A line as a narrow band sees it: half as many where the line is FWHM / 2 away."""
        flat, at = response(), np.array([1.0])
        narrow = np.array(
            [
                flat.in_band((centre - 1e-4, centre + 1e-4), at)[0]
                for centre in (1.0, 1.0 + 1 / 12, 1.0 + 1 / 6)
            ]
        )
        # FWHM at 1 keV is 0.1 + 0.2 / 3 = 1/6 keV.
        np.testing.assert_allclose(narrow[1:] / narrow[0], [0.5, 1 / 16], rtol=1e-4)

    def test_probabilities_add_up_to_one(self):
        energy = np.linspace(0.5, 5.0, 50)
        bands = [(-5.0, 0.6), (0.6, 1.1), (1.1, 4.0), (4.0, 15.0)]
        total = sum(response().in_band(band, energy) for band in bands)
        np.testing.assert_allclose(total, 1.0, atol=1e-12)

    def test_bands_apart_count_no_photon_twice(self):
        for name in ("erosita_efeds", "xmm_mos"):
            instrument = PhotonInstrument.named(name)
            bands = [(0.3, 0.5), (0.5, 1.0), (1.0, 2.3)]
            instrument = instrument.with_bands(bands)
            middles = 0.5 * (instrument.energy_edges_kev[1:] + instrument.energy_edges_kev[:-1])
            area = instrument.config.responses[instrument.config.response].area(middles)
            assert np.all(instrument.response.sum(axis=0) <= area.max())
            together = instrument.with_bands([(0.3, 2.3)])
            np.testing.assert_allclose(instrument.response.sum(axis=0), together.response[0], rtol=1e-12)

    def test_nothing_outside_the_table(self):
        np.testing.assert_array_equal(response().area(np.array([0.29, 0.3, 10.0, 10.1])), [0, 100, 100, 0])

    def test_photons_are_followed_as_far_as_they_blur(self):
        """Wider bins of true energy than the band, so that no more than 1e-6 of the counts are missed."""
        edges = response().edges_kev([(1.0, 2.0)])
        everything = np.linspace(0.3, 10.0, 971)
        seen = response().folded_cm2([(1.0, 2.0)], edges)[0] @ spectrum(edges)
        full = response().folded_cm2([(1.0, 2.0)], everything)[0] @ spectrum(everything)
        assert edges[0] < 0.85 < 2.5 < edges[-1] < 3.0
        assert seen == pytest.approx(full, rel=1e-4)
        inside = edges[(edges >= 1.0 - 1e-9) & (edges <= 2.0 + 1e-9)]
        sharp = response().folded_cm2([(1.0, 2.0)], inside)[0] @ spectrum(inside)
        assert sharp < 0.95 * full

    def test_one_lattice_for_all_bands(self):
        narrow, wide = response().edges_kev([(1.0, 2.0)]), response().edges_kev([(0.5, 7.0)])
        assert set(narrow) <= set(wide)
        assert np.all(np.diff(wide) > 0.0)
        assert {0.5, 1.0, 3.0, 4.0, 7.0} <= set(wide)
        assert set(narrow) <= set(response().edges_kev([(1.0, 2.0)], refine=2))

    def test_reference_weights(self):
        edges = np.array([1.0, 4.0, 9.0])
        weights = reference_weights(np.array([[1.0, 1.0], [0.0, 2.0]]), edges)
        # The integral of E^-1.5 is 2 / sqrt(E): 1 and 1/3 over the two bins.
        np.testing.assert_allclose(weights, [[0.75, 0.25], [0.0, 1.0]])


class TestBins:
    @pytest.mark.parametrize("name", ["chandra_acisi", "erosita_efeds", "rosat_pspc", "xmm_mos"])
    @pytest.mark.parametrize("redshift", [0.05, 0.33])
    def test_half_the_width_changes_little(self, name, redshift):
        """Counts of plasma with its lines: 0.5 %; bins nine or ten times wider err three times as much."""
        instrument = PhotonInstrument.named(name)
        chosen = instrument.config.responses[instrument.config.response]
        temperatures = np.array([0.7, 1.5, 4.0, 8.0])

        def counts(edges):
            light = photon_spectrum(temperatures, edges, redshift=redshift, column_density_cm2=3e20).total(
                0.3
            )
            return light @ chosen.folded_cm2(instrument.bands_kev, edges).T

        own = instrument.energy_edges_kev
        finer = counts(chosen.edges_kev(instrument.bands_kev, refine=2))
        np.testing.assert_allclose(counts(own), finer, rtol=5e-3)
        error = np.abs(counts(own) / finer - 1.0).max()
        assert np.abs(counts(own[:: 10 if own.size % 10 else 9]) / finer - 1.0).max() > 3.0 * error


class TestParticles:
    def test_rate_of_a_band(self):
        table = parse(Particles, PARTICLES, where="a test")
        assert table.rate((0.5, 7.0)) == pytest.approx(0.5e-3 + 2e-3 + 5e-4)
        assert table.rate((0.75, 1.5)) == pytest.approx(0.25e-3 + 1e-3)
        assert table.range_kev == (0.5, 7.0)


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"area_cm2": [1.0]}, "energy_kev, area_cm2: equally many numbers"),
            ({"energy_kev": [], "area_cm2": []}, "equally many numbers, at least one"),
            ({"area_cm2": [1.0, -1.0]}, "finite numbers >= 0"),
            ({"area_cm2": [1.0, math.inf]}, "finite numbers >= 0"),
            ({"energy_kev": [2.0, 2.0]}, "energy_kev: increasing"),
            ({"energy_kev": [0.0, 2.0]}, "at least two energies, > 0"),
            ({"energy_kev": [1.0], "area_cm2": [1.0]}, "at least two energies, > 0"),
        ],
    )
    def test_bad_areas(self, changes, said):
        with pytest.raises(ConfigError, match=rf"(?s)cannot be used.*a test.*{said}"):
            response(**changes)

    @pytest.mark.parametrize(
        ("widths", "said"), [([0.1], "equally many"), ([0.1, 0.0], "fwhm_kev: > 0"), ([0.1, -1.0], ">= 0")]
    )
    def test_bad_resolution(self, widths, said):
        with pytest.raises(ConfigError, match=said):
            parse(EnergyResolution, {**RESOLUTION, "fwhm_kev": widths}, where="a test")

    @pytest.mark.parametrize("ends", [[1.0, 2.0, 2.0], [1.1, 2.0, 7.0], [0.9, 2.0, 7.0]])
    def test_particles_with_gaps(self, ends):
        with pytest.raises(ConfigError, match="each bin ends where the next begins"):
            parse(Particles, {**PARTICLES, "energy_hi_kev": ends}, where="a test")
