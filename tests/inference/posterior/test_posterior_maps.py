"""The record of samples: whole or refused, and the posteriors of single clusters from it."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.errors import MapError, SamplingError
from zwicky.core.grid import Grid
from zwicky.core.masses import M200C
from zwicky.core.quantities import MapQuantity
from zwicky.inference.posterior.posterior_maps import PosteriorMaps

GRID = Grid(8, 0.5 * u.Mpc, "proper")
GAS, DARK = MapQuantity.GAS_SURFACE_DENSITY, MapQuantity.DARK_SURFACE_DENSITY


def record(n=3, n_samples=5):
    rng = np.random.default_rng(0)
    samples = (10.0 ** rng.normal(13, 0.2, (n, n_samples, 2, 8, 8))).astype(np.float32)
    names = tuple("abcdef"[:n])
    return PosteriorMaps(samples, (GAS, DARK), GRID, rng.normal(14.5, 0.1, (n, n_samples)), 18, names)


class TestRecord:
    def test_statistics_over_samples(self):
        maps = record()
        assert len(maps) == 3
        assert maps.n_samples == 5
        np.testing.assert_allclose(maps.mean()[1, 0], maps.samples[1, :, 0].astype(float).mean(axis=0))
        np.testing.assert_allclose(maps.sd()[2, 1], maps.samples[2, :, 1].astype(float).std(axis=0, ddof=1))
        np.testing.assert_allclose(maps.quantile(0.5)[0, 0], np.median(maps.samples[0, :, 0], axis=0))
        assert not record(n_samples=1).sd().any()

    def test_posterior_of_one_map(self):
        maps = record()
        one = maps.posterior(1, DARK)
        np.testing.assert_array_equal(one.samples, maps.samples[1, :, 1])
        assert one.quantity is DARK
        assert one.provenance == {"cluster": "b", "method": "diffusion", "evaluations": "18"}
        by_hand = [mass.msun for mass in one.mass_within(1.6)]
        np.testing.assert_allclose(maps.masses_within(1.6)[1, :, 1], by_hand, rtol=1e-6)
        with pytest.raises(MapError, match="was not sampled"):
            maps.posterior(0, MapQuantity.STAR_SURFACE_DENSITY)

    def test_posterior_of_the_mass(self):
        maps = record()
        mass = maps.mass_posterior(2)
        np.testing.assert_allclose(np.log10(mass.samples_msun), maps.log10_m200c[2])
        assert mass.definition == M200C

    def test_some_clusters(self):
        some = record().selected(np.array([True, False, True]))
        assert some.names == ("a", "c")
        np.testing.assert_array_equal(some.samples, record().samples[[0, 2]])


class TestRefused:
    @pytest.mark.parametrize(
        "change",
        [
            {"names": ("a", "b")},
            {"targets": (GAS,)},
            {"grid": Grid(16, 0.5 * u.Mpc, "proper")},
            {"log10_m200c": np.zeros((3, 4))},
            {"samples": np.ones((3, 2, 8, 8), np.float32)},
        ],
    )
    def test_what_does_not_belong_together(self, change):
        with pytest.raises(MapError, match="do not belong together"):
            replace(record(), **change)

    @pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
    def test_samples_that_are_no_densities(self, value):
        samples = record().samples.copy()
        samples[1, 2, 0, 3, 3] = value
        with pytest.raises(SamplingError, match="clusters b") as caught:
            replace(record(), samples=samples)
        assert caught.value.rows == (1,)

    def test_masses_that_are_none(self):
        masses = record().log10_m200c.copy()
        masses[2, 0] = np.nan
        with pytest.raises(SamplingError, match="clusters c"):
            replace(record(), log10_m200c=masses)
