"""From cylinders to M200c: learnt on maps whose mass is known, with a scatter that is the true one."""

import numpy as np
import pytest
from astropy import units as u
from posterior_toy import round_maps

from zwicky.core.errors import MapError, TrainingError
from zwicky.core.grid import Grid
from zwicky.core.randomness import Key, Stream
from zwicky.inference.posterior.deprojection import MIN_PARENTS, Deprojection

GRID = Grid(32, 0.4 * u.Mpc, "proper")


def learnt(scatter_dex=0.05, n=400, seed=0, per_parent=1):
    rng = np.random.default_rng(seed)
    maps, log10_mass = round_maps(rng, n, GRID, scatter_dex)
    return Deprojection.fit(maps, GRID, log10_mass, np.arange(n) // per_parent), rng


def keys(clusters, seed=3):
    return [Key(seed, Stream.POSTERIOR_MASSES, cluster) for cluster in clusters]


class TestWhatItLearns:
    def test_masses_of_new_clusters(self):
        found, rng = learnt()
        maps, log10_mass = round_maps(rng, 200, GRID)
        error = found.predict(maps) - log10_mass
        assert abs(error.mean()) < 0.01
        assert error.std() < 0.03  # less than the scatter of a single cluster: the regression averages it

    def test_scatter_is_that_of_the_clusters(self):
        found, _ = learnt(scatter_dex=0.05, n=400)
        assert len(found.scatter_dex) == 4
        # 100 clusters know a standard deviation to 7 %.
        np.testing.assert_allclose(found.scatter_dex, 0.05, rtol=0.25)
        assert learnt(scatter_dex=0.1)[0].scatter_dex[0] > 1.5 * found.scatter_dex[0]

    def test_scatter_of_few_clusters_is_one(self):
        assert len(learnt(n=60)[0].scatter_dex) == 1

    def test_shuffled_masses_cannot_be_learnt(self):
        """Negative control: without a relation the scatter is the spread of the masses, and the penalty is large."""
        rng = np.random.default_rng(5)
        maps, log10_mass = round_maps(rng, 200, GRID)
        shuffled = rng.permutation(log10_mass)
        found = Deprojection.fit(maps, GRID, shuffled, np.arange(200))
        assert np.sqrt(np.mean(np.square(found.scatter_dex))) > 0.9 * shuffled.std()
        assert found.penalty > learnt()[0].penalty

    def test_parents_stay_together(self):
        """Copies of one cluster must not tell the held-out fold its answer."""
        rng = np.random.default_rng(6)
        maps, log10_mass = round_maps(rng, 48, GRID)
        maps *= 10.0 ** rng.normal(0, 0.3, maps.shape)  # so that every cluster is known by its features
        shuffled = rng.permutation(log10_mass)
        copies = [np.repeat(one, 4, axis=0) for one in (maps, shuffled)]
        honest = Deprojection.fit(copies[0], GRID, copies[1], np.repeat(np.arange(48), 4))
        leaking = Deprojection.fit(copies[0], GRID, copies[1], np.arange(192))
        assert honest.scatter_dex[0] > 0.95 * shuffled.std()
        assert leaking.scatter_dex[0] < 0.9 * shuffled.std()

    def test_beyond_the_training_set_it_holds(self):
        found, rng = learnt()
        maps, _ = round_maps(rng, 5, GRID)
        far = found.predict(maps * np.float32(1e4))
        assert (far < 16.5).all()
        np.testing.assert_allclose(far, found.predict(maps * np.float32(1e5)), atol=1e-9)


class TestSamples:
    def test_scatter_is_added_to_each_sample(self):
        found, rng = learnt()
        maps, _ = round_maps(rng, 3, GRID)
        samples = np.repeat(maps[:, None], 2000, axis=1)
        drawn = found.log10_m200c(samples, keys(range(3)))
        assert drawn.shape == (3, 2000)
        expected = found.predict(maps)
        scatter = np.array(found.scatter_dex)[np.digitize(expected, found.scatter_edges)]
        np.testing.assert_allclose(drawn.mean(axis=1), expected, atol=0.006)
        np.testing.assert_allclose(drawn.std(axis=1), scatter, rtol=0.06)

    def test_a_mass_depends_on_its_own_cluster_and_sample(self):
        found, rng = learnt(n=60)
        maps, _ = round_maps(rng, 12, GRID)
        samples = maps.reshape(3, 4, 2, *GRID.shape)
        drawn = found.log10_m200c(samples, keys([7, 8, 9]))
        turned = found.log10_m200c(samples[::-1, :2], keys([9, 8, 7]))
        np.testing.assert_allclose(turned, drawn[::-1, :2], rtol=1e-12)
        assert not np.allclose(drawn, found.log10_m200c(samples, keys([7, 8, 9], seed=4)))

    def test_as_settings(self):
        found, _ = learnt(n=60)
        again = Deprojection.model_validate_json(found.model_dump_json())
        assert again == found
        assert again.grid == GRID


class TestRefused:
    def test_few_parents(self):
        with pytest.raises(TrainingError, match="39 parents"):
            learnt(n=2 * (MIN_PARENTS - 1), per_parent=2)

    def test_a_mass_that_is_none(self):
        rng = np.random.default_rng(0)
        maps, log10_mass = round_maps(rng, MIN_PARENTS, GRID)
        log10_mass[3] = np.nan
        with pytest.raises(TrainingError, match="1 masses that are not finite"):
            Deprojection.fit(maps, GRID, log10_mass, np.arange(MIN_PARENTS))

    def test_maps_without_mass(self):
        rng = np.random.default_rng(0)
        maps, log10_mass = round_maps(rng, MIN_PARENTS, GRID)
        with pytest.raises(MapError, match="no positive mass"):
            Deprojection.fit(-maps, GRID, log10_mass, np.arange(MIN_PARENTS))

    def test_other_targets(self):
        found, rng = learnt(n=60)
        maps, _ = round_maps(rng, 2, GRID)
        with pytest.raises(MapError, match="2 targets"):
            found.predict(maps[:, :1])
