"""Sight-lines: the same number for all, or so many that every mass is seen equally often."""

import numpy as np
import pytest

from zwicky.core.config import parse
from zwicky.core.errors import ConfigError
from zwicky.core.masses import M500C
from zwicky.data.sight_lines import FlatInMass, sight_lines_of
from zwicky.simulations.spherical import SphericalClusters, SphericalSettings


def steep(n=6233, seed=2, slope=2.0):
    """Masses above 1e13.9 Msun as in the sky: few heavy ones; log10 falls exponentially."""
    return 13.9 + np.random.default_rng(seed).exponential(1.0 / (slope * np.log(10.0)), n)


def per_bin(masses, weights, width=0.1):
    bins = np.floor(masses / width + 1e-9).astype(int)
    return np.bincount(bins - bins.min(), weights)


class TestFlat:
    def test_each_interval_has_its_samples_or_all_that_its_clusters_may_give(self):
        masses, rule = steep(), FlatInMass(samples_per_bin=300, max_per_cluster=20)
        counts = np.array(rule.counts(masses))
        samples, clusters = per_bin(masses, counts), per_bin(masses, np.ones(masses.size))
        np.testing.assert_array_equal(samples, np.minimum(300, 20 * clusters))
        assert (samples == 300).sum() >= 5  # flat where there are clusters enough
        assert 0 < samples[-1] < 300  # and capped where there are not
        assert counts.max() == 20

    def test_without_the_rule_they_are_not_flat(self):
        """Negative control."""
        samples = per_bin(steep(), np.full(6233, 6))
        assert samples[0] > 5 * samples[5]

    def test_frequent_masses_are_thinned_and_rare_ones_seen_from_many_sides(self):
        masses = steep()
        counts = np.array(FlatInMass(samples_per_bin=300, max_per_cluster=100).counts(masses))
        assert set(counts[masses < 14.0]) == {0, 1}
        assert counts[masses > 14.9].min() > 3
        means = per_bin(masses, counts) / np.maximum(per_bin(masses, np.ones(masses.size)), 1)
        assert (np.diff(means[:10]) > 0.0).all()

    def test_within_an_interval_they_differ_by_one_at_most(self):
        counts = FlatInMass(samples_per_bin=10, max_per_cluster=9).counts([14.31, 14.32, 14.05, 14.33])
        assert counts == (4, 3, 9, 3)

    def test_intervals_begin_at_multiples_of_their_width(self):
        """14.2 / 0.1 is a little less than 142."""
        assert 14.2 / 0.1 < 142.0
        counts = FlatInMass(samples_per_bin=6, max_per_cluster=9).counts([14.2, 14.29, 14.3, 14.19])
        assert counts == (3, 3, 6, 6)

    def test_the_size_of_hsu(self):
        """Hsu et al. 2024: about 3,000 samples per 0.1 dex; 34,714 of 6,233 clusters are 11 to 12 such intervals."""
        masses = np.random.default_rng(4).uniform(14.0, 15.2, 6233)
        counts = FlatInMass(samples_per_bin=2893, max_per_cluster=50).counts(masses)
        assert sum(counts) == 12 * 2893 == pytest.approx(34714, rel=1e-3)
        assert min(counts) >= 1

    def test_masses_that_are_none(self):
        with pytest.raises(ConfigError, match=r"(?s)without masses.*finite log10 M200c.*1 of 2 are not"):
            FlatInMass(samples_per_bin=6, max_per_cluster=9).counts([14.3, float("nan")])

    @pytest.mark.parametrize(
        ("settings", "place"),
        [
            ({"samples_per_bin": 0, "max_per_cluster": 9}, "samples_per_bin"),
            ({"samples_per_bin": 6, "max_per_cluster": 0}, "max_per_cluster"),
            ({"samples_per_bin": 6, "max_per_cluster": 9, "bin_dex": 0.0}, "bin_dex"),
        ],
    )
    def test_rules_that_are_none(self, settings, place):
        with pytest.raises(ConfigError, match=f"sight_lines: {place}"):
            parse(FlatInMass, settings, where="sight_lines")


class TestOfASimulation:
    simulation = SphericalClusters(SphericalSettings(), 1)

    def test_one_number_for_all(self):
        """De Andres et al. 2024: 29."""
        assert sight_lines_of(29, self.simulation, 5040) == 29

    def test_a_rule_sees_the_masses_that_are_drawn(self):
        rule = FlatInMass(samples_per_bin=12, max_per_cluster=4, mass="M500c", bin_dex=0.3)
        counts = sight_lines_of(rule, self.simulation, 40)
        masses = [self.simulation.cluster(i).mass(M500C).log10_msun for i in range(40)]
        assert counts == rule.counts(masses)
        assert len(set(counts)) > 1
