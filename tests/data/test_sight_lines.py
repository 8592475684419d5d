"""Sight-lines: the same number for all, or so many that every mass is seen equally often."""

import numpy as np
import pytest

from zwicky.core.cluster import Cluster
from zwicky.core.config import parse
from zwicky.core.cosmology import cosmology_by_name
from zwicky.core.errors import ConfigError
from zwicky.core.masses import M200C, M200M, M500C, Mass
from zwicky.data.sight_lines import FlatInMass, log10_masses, sight_lines_of
from zwicky.physics.masses import convert
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.settings import PainterSettings
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


COSMOLOGY = cosmology_by_name("planck18")


def cluster(log10_m200c, redshift=0.05, **further):
    masses = {M200C: Mass(10.0**log10_m200c, M200C), **further}
    return Cluster("one", redshift, masses, cosmology=COSMOLOGY)


def directly(log10_m200c, redshift, definition=M200M):
    return convert(Mass(10.0**log10_m200c, M200C), definition, redshift, COSMOLOGY).log10_msun


class TestOtherDefinitions:
    """Hsu et al. 2024 count in M200m, which no simulation here measures."""

    MASSES = np.linspace(13.6, 15.6, 37)

    def test_what_is_measured_is_not_converted(self):
        clusters = [
            Cluster("one", 0.1, {M200C: Mass(3e14, M200C), M500C: Mass(m, M500C)}) for m in (1e14, 2.5e14)
        ]
        np.testing.assert_allclose(log10_masses(clusters, M500C), np.log10([1e14, 2.5e14]), rtol=1e-14)
        np.testing.assert_allclose(log10_masses(clusters, M200C), np.log10(3e14), rtol=1e-14)

    def test_at_one_redshift_a_few_nodes_are_enough(self):
        found = log10_masses([cluster(mass) for mass in self.MASSES], M200M)
        exact = [directly(mass, 0.05) for mass in self.MASSES]
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-4)
        assert (found - self.MASSES > 0.1).all()  # a larger sphere

    def test_a_shift_by_a_constant_would_not_do(self):
        """Negative control: the concentration falls with mass."""
        shift = np.array([directly(mass, 0.05) for mass in self.MASSES]) - self.MASSES
        assert np.ptp(shift) > 100 * 1e-4

    def test_at_several_redshifts_each_cluster_has_its_own(self):
        redshifts = np.linspace(0.05, 0.8, 9)
        found = log10_masses([cluster(14.5, z) for z in redshifts], M200M)
        np.testing.assert_allclose(found, [directly(14.5, z) for z in redshifts], rtol=0, atol=1e-12)
        assert (np.diff(found) < 0.0).all()  # M200m nears M200c where matter was all there was

    def test_one_that_only_some_have_follows_for_all_from_m200c(self):
        """A definition is one for the whole set: no seam between measured and converted masses."""
        measured = Cluster(
            "one", 0.05, {M200C: Mass(1e14, M200C), M200M: Mass(9e14, M200M)}, cosmology=COSMOLOGY
        )
        found = log10_masses([measured, cluster(14.5)], M200M)
        np.testing.assert_allclose(found, [directly(14.0, 0.05), directly(14.5, 0.05)], rtol=0, atol=1e-4)

    def test_clusters_of_one_mass(self):
        np.testing.assert_allclose(log10_masses([cluster(14.5)] * 3, M200M), directly(14.5, 0.05), atol=1e-6)

    def test_nobody_weighs_nothing(self):
        assert log10_masses([], M200M).shape == (0,)


class TestFlatInM200m:
    N_CLUSTERS = 90
    RULE = FlatInMass(samples_per_bin=30, max_per_cluster=12, mass="M200m", bin_dex=0.2)

    @pytest.fixture(scope="class", name="painted")
    @classmethod
    def drawn(cls):
        painter = Painter(PainterSettings(preset="hyper"), 3)
        masses = [painter.cluster(i).mass(M200C) for i in range(cls.N_CLUSTERS)]
        redshift = painter.cluster(0).redshift
        return painter, np.array(
            [convert(mass, M200M, redshift, painter.cosmology).log10_msun for mass in masses]
        )

    def samples(self, painted, rule):
        """Samples in each interval of M200m that the rule fills, and those that it should have."""
        painter, log10_m200m = painted
        counts = np.array(sight_lines_of(rule, painter, self.N_CLUSTERS))
        clusters = per_bin(log10_m200m, np.ones(self.N_CLUSTERS), self.RULE.bin_dex)
        return per_bin(log10_m200m, counts, self.RULE.bin_dex), np.minimum(30, 12 * clusters)

    def test_every_m200m_is_seen_equally_often(self, painted):
        found, wanted = self.samples(painted, self.RULE)
        np.testing.assert_array_equal(found, wanted)
        assert (found == 30).sum() >= 5

    def test_a_rule_in_m200c_is_not_flat_in_m200m(self, painted):
        """Negative control."""
        found, wanted = self.samples(painted, self.RULE.model_copy(update={"mass": "M200c"}))
        assert np.abs(found - wanted).max() > 3
