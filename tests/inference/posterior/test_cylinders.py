"""Masses inside cylinders, and intervals of them that cover."""

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.errors import MapError, TrainingError
from zwicky.core.grid import Grid
from zwicky.inference.mapping.answer import LEVELS
from zwicky.inference.posterior.cylinders import (
    FEWEST_PIXELS,
    MassCalibration,
    cylinder_masses,
    enough_for_masses,
    radii_of,
    sample_intervals,
)
from zwicky.mocks.theory_survey import WIDE_FIELD, WIDE_FIELD_64

GRID = Grid(16, 0.8 * u.Mpc, "proper")
RADII = np.array([0.8, 3.2, 6.4])


def masses(seed, n, width=1.0, n_samples=64):
    """Return true and sampled masses; samples have the right centres and spread ``width`` times the true one."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(13, 15, (n, 2, 3))
    truth = centre + 0.1 * rng.normal(size=centre.shape)
    samples = centre[:, None] + 0.1 * width * rng.normal(size=(n, n_samples, 2, 3))
    m200c = rng.uniform(13, 15, n)
    m200c_samples = m200c[:, None] + 0.1 * width * rng.normal(size=(n, n_samples))
    return 10.0**truth, 10.0**samples, m200c + 0.1 * rng.normal(size=n), m200c_samples


def covered(quantiles, truth):
    """Return coverage of the 68 and 95 % intervals, overall."""
    return [((truth > quantiles[..., a]) & (truth < quantiles[..., b])).mean() for a, b in ((1, 3), (0, 4))]


class TestCylinders:
    def test_a_flat_map_holds_the_area_of_its_pixels(self):
        flat = np.full((3, 2, 16, 16), 2e12, np.float32)
        found = cylinder_masses(flat, GRID, RADII)
        assert found.shape == (3, 2, 3)
        inside = [(GRID.radius() < radius).sum() for radius in RADII]
        np.testing.assert_allclose(
            found, np.broadcast_to(2e12 * 0.64 * np.array(inside), (3, 2, 3)), rtol=1e-6
        )
        np.testing.assert_allclose(found[0, 0, 2], 2e12 * np.pi * 6.4**2, rtol=0.05)

    def test_mass_outside_does_not_count(self):
        maps = np.zeros((16, 16), np.float32)
        maps[8, 12] = 1e13  # 4.5 pixels from the centre: 3.6 Mpc
        np.testing.assert_allclose(cylinder_masses(maps, GRID, RADII), [0.0, 0.0, 0.64e13], rtol=1e-6)

    @pytest.mark.parametrize("grid", [WIDE_FIELD, WIDE_FIELD_64])
    def test_radii_of_the_published_grid(self, grid):
        np.testing.assert_allclose(radii_of(grid), [0.4, 0.8, 1.6, 3.2, 6.4])

    def test_radii_hold_pixels(self):
        found = radii_of(GRID, 8)
        assert len(found) < 8
        assert all((GRID.radius() < radius).sum() >= FEWEST_PIXELS for radius in found)
        assert found[-1] == pytest.approx(6.4)

    @pytest.mark.parametrize("radii", [[0.1], [1.0, 7.0]])
    def test_circles_that_do_not_fit(self, radii):
        with pytest.raises(MapError, match="do not fit the grid"):
            cylinder_masses(np.ones((16, 16)), GRID, radii)

    def test_maps_on_other_pixels(self):
        with pytest.raises(MapError, match="do not fit the grid"):
            cylinder_masses(np.ones((3, 8, 8)), GRID, RADII)

    def test_only_proper_grids_have_masses(self):
        with pytest.raises(MapError, match="proper grid"):
            radii_of(Grid(16, 1.0 * u.arcmin, "sky"))


class TestIntervals:
    @pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
    def test_coverage_of_fresh_clusters(self, width):
        truth, samples, m200c, m200c_samples = masses(1, 800, width)
        found = MassCalibration.fit(RADII, truth, samples, m200c, m200c_samples)
        truth, samples, m200c, m200c_samples = masses(2, 800, width)
        told = found.apply(samples, m200c_samples)
        assert told.calibrated
        assert told.cylinders_msun.shape == (800, 2, 3, len(LEVELS))
        # 4800 masses know a coverage to 0.7 points, the calibration's 200 clusters a bin to about as much overall.
        np.testing.assert_allclose(covered(told.cylinders_msun, truth), [0.68, 0.95], atol=0.03)
        np.testing.assert_allclose(covered(told.log10_m200c, m200c), [0.68, 0.95], atol=0.05)

    def test_intervals_follow_the_samples(self):
        """Half of the clusters are known three times better: each half is covered by itself."""
        rng = np.random.default_rng(6)
        width = np.where(np.arange(1600) % 2, 0.03, 0.09)
        centre = rng.uniform(13, 15, 1600)
        truth = centre + width * rng.normal(size=1600)
        samples = centre[:, None] + 0.5 * width[:, None] * rng.normal(size=(1600, 64))
        shaped = 10.0 ** truth[:, None, None], 10.0 ** samples[:, :, None, None]
        found = MassCalibration.fit(RADII[:1], *(one[:800] for one in (*shaped, truth, samples)))
        told = found.apply(shaped[1][800:], samples[800:])
        for half in (slice(0, None, 2), slice(1, None, 2)):
            # 400 clusters know 68 % to 2.3 points.
            assert covered(told.log10_m200c[half], truth[800:][half])[0] == pytest.approx(0.68, abs=0.08)

    def test_samples_alone_do_not_cover(self):
        """Negative control: half as wide as they should be."""
        truth, samples, m200c, m200c_samples = masses(3, 400, 0.5)
        told = sample_intervals(RADII, samples, m200c_samples)
        assert not told.calibrated
        assert covered(told.cylinders_msun, truth)[0] < 0.45
        assert covered(told.log10_m200c, m200c)[0] < 0.5

    def test_honest_samples_cover(self):
        truth, samples, _, m200c_samples = masses(4, 400, 1.0)
        told = sample_intervals(RADII, samples, m200c_samples)
        assert told.cylinders_msun.shape == (400, 2, 3, len(LEVELS))
        np.testing.assert_allclose(covered(told.cylinders_msun, truth), [0.68, 0.95], atol=0.03)

    def test_few_clusters(self):
        assert not enough_for_masses(99)
        assert enough_for_masses(100)
        with pytest.raises(TrainingError, match="at least 100"):
            MassCalibration.fit(RADII, *masses(5, 99))
