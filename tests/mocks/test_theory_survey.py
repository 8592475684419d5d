"""Maps without a telescope: what the simulation painted, on the grid that was asked for, at most smoothed."""

from dataclasses import dataclass

import numpy as np
import pytest
from astropy import units as u
from scipy.ndimage import gaussian_filter

from zwicky.core.cluster import Cluster
from zwicky.core.errors import ConfigError
from zwicky.core.files import sha256_of
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.masses import M200C, Mass
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.data.check import check_store
from zwicky.data.codec import log16_of
from zwicky.data.generate import generate
from zwicky.data.plan import StorePlan, shard_name
from zwicky.data.store import Store
from zwicky.instruments.instrument import SIGMA_PER_FWHM, Instrument
from zwicky.mocks.theory_survey import (
    FIXED_PROPER,
    TWO_R200,
    WIDE_FIELD,
    WIDE_FIELD_64,
    TheorySurvey,
    beam_kernel,
    smoothed,
)
from zwicky.simulations.base import Simulation
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.settings import PainterSettings
from zwicky.simulations.spherical import SphericalClusters, SphericalSettings

Y, STARS = MapQuantity.COMPTON_Y, MapQuantity.STAR_SURFACE_DENSITY
SKY = Grid(24, 1.5 * u.arcmin, "sky")


@dataclass(frozen=True)
class Bells(Simulation):
    """Gaussian clusters, and galaxies of one pixel, on any grid; the width is in the unit of the pixel."""

    width: float = 0.2

    @property
    def quantities(self):
        return (Y, STARS)

    def settings(self):
        return {"kind": "bells", "width": self.width}

    def cluster(self, cluster_index, sight_line=0):
        mass = {M200C: Mass(1e14 * (1 + cluster_index), M200C)}
        name = f"bell-{cluster_index}"
        return Cluster(f"{name}-{sight_line}", 0.1, mass, parent=name, sight_line=sight_line)

    def theory(self, cluster_index, sight_line, grid, centre=(0.0, 0.0)):
        bell = 1e-5 * (1 + cluster_index) * np.exp(-0.5 * (grid.radius(*centre) / self.width) ** 2)
        galaxies = np.full(grid.shape, 1e8)
        galaxies[grid.n_pixels // 2, grid.n_pixels // 2 + sight_line] = 1e15
        maps = {
            Y: Map(bell, Y, UNIT_OF[Y], grid, "theory"),
            STARS: Map(galaxies, STARS, UNIT_OF[STARS], grid, "theory"),
        }
        return MapSet(self.cluster(cluster_index, sight_line), maps)


class TestMaps:
    @pytest.mark.parametrize("grid", [TWO_R200, WIDE_FIELD, SKY])
    def test_without_a_beam_they_are_what_was_painted(self, grid):
        survey = TheorySurvey(Bells(), (STARS, Y), grid)
        found, painted = survey.observe(2, 1), Bells().theory(2, 1, grid)
        for quantity in (Y, STARS):
            np.testing.assert_array_equal(found[quantity].values, painted[quantity].values)
            assert found[quantity].stage == "theory"
            assert found[quantity].grid == grid
        assert list(found.maps) == [STARS, Y] == list(survey.channels)
        assert found.cluster == Bells().cluster(2, 1)

    def test_the_grids_of_the_papers(self):
        """De Andres et al. 2024: 80 pixels, 2 R200 wide. Hsu et al. 2024: 128 pixels, 12.8 Mpc wide."""
        assert (TWO_R200.n_pixels, float(TWO_R200.width), TWO_R200.kind) == (80, pytest.approx(2.0), "scaled")
        assert (WIDE_FIELD.n_pixels, WIDE_FIELD.width.to_value(u.Mpc)) == (128, pytest.approx(12.8))

    def test_the_grid_that_needs_no_mass_has_as_many_pixels(self):
        assert FIXED_PROPER.n_pixels == TWO_R200.n_pixels
        assert (FIXED_PROPER.kind, FIXED_PROPER.width.to_value(u.Mpc)) == ("proper", pytest.approx(4.0))

    @pytest.mark.parametrize("grid", [TWO_R200, WIDE_FIELD])
    def test_a_beam_widens_a_gaussian_to_a_gaussian(self, grid):
        """A bell of width w behind a beam of sigma s is one of width sqrt(w^2 + s^2), lower by w^2 / (w^2 + s^2)."""
        width, fwhm = 8.0 * grid.pixel_value, 10.0 * grid.pixel_value
        found = TheorySurvey(Bells(width), (Y,), grid, fwhm).observe(0, 0)[Y]
        square = width**2 + (fwhm * SIGMA_PER_FWHM) ** 2
        expected = 1e-5 * width**2 / square * np.exp(-0.5 * grid.radius() ** 2 / square)
        np.testing.assert_allclose(found.values, expected, rtol=1e-5)
        assert found.stage == "observed"
        assert found.grid == grid

    def test_the_beam_is_that_of_the_instruments(self):
        """The same cluster through the 10' of Planck: real space here, Fourier space there."""
        instrument = Instrument.named("planck_milca")
        clusters = SphericalClusters(SphericalSettings(), 3)
        survey = TheorySurvey(clusters, (Y,), instrument.grid, instrument.beam_arcmin)
        theirs = instrument.smooth(clusters.theory(5, 0, instrument.theory_grid)[Y]).values
        ours = survey.observe(5, 0)[Y]
        np.testing.assert_allclose(ours.values, theirs, atol=1e-5 * theirs.max())
        assert ours.beam_arcmin == survey.beam_arcmin == 10.0

    def test_a_beam_that_is_no_angle_is_not_given_as_one(self):
        assert TheorySurvey(Bells(), (Y,), WIDE_FIELD, 0.3).beam_arcmin is None
        assert TheorySurvey(Bells(), (Y,), SKY).beam_arcmin is None

    def test_the_beam_sees_no_edge(self):
        """Beyond the grid the map goes on: a constant stays one to its last pixel."""
        stars = TheorySurvey(Bells(), (STARS,), SKY, 6.0).observe(0, 0)[STARS].values
        assert stars[0, 0] == pytest.approx(1e8, rel=1e-6)

    def test_same_indices_same_pixels(self):
        survey = TheorySurvey(Bells(), (STARS,), SKY, 3.0)
        first = survey.observe(1, 4)[STARS].values
        assert not np.array_equal(first, survey.observe(1, 5)[STARS].values)
        np.testing.assert_array_equal(first, survey.observe(1, 4)[STARS].values)


class TestKernel:
    @pytest.mark.parametrize("sigma", [0.17, 0.5, 1.0, 3.0])
    def test_sum_and_variance_are_exact_however_narrow(self, sigma):
        kernel = beam_kernel(sigma, 28)
        assert kernel.sum() == pytest.approx(1.0, abs=1e-12)
        assert kernel @ (np.arange(57) - 28) ** 2 == pytest.approx(sigma**2, rel=1e-9)
        assert (kernel >= 0.0).all()
        np.testing.assert_allclose(kernel, kernel[::-1], rtol=1e-12)

    @pytest.mark.parametrize("sigma", [1.0, 3.0])
    def test_a_wide_one_is_the_gaussian(self, sigma):
        n = np.arange(57) - 28
        gaussian = np.exp(-0.5 * (n / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma)
        np.testing.assert_allclose(beam_kernel(sigma, 28), gaussian, atol=1e-7)

    def test_two_beams_are_one_of_the_root_of_the_sum_of_squares(self):
        image = np.random.default_rng(3).uniform(size=(60, 60))
        once = smoothed(image, beam_kernel(2.5, 20))
        twice = smoothed(smoothed(image, beam_kernel(1.5, 20)), beam_kernel(2.0, 20))
        np.testing.assert_allclose(twice[28:32, 28:32], once[28:32, 28:32], rtol=1e-6)

    def test_a_sampled_gaussian_would_miss_the_narrow_beam(self):
        """Negative control: 0.4 pixels FWHM do something here, and nothing where a Gaussian is sampled."""
        point = np.zeros((9, 9))
        point[4, 4] = 1.0
        sigma = 0.4 * SIGMA_PER_FWHM
        assert gaussian_filter(point, sigma)[4, 4] > 0.999999
        assert smoothed(point, beam_kernel(sigma, 4))[4, 4] == pytest.approx((1.0 - sigma**2) ** 2, abs=1e-6)


class TestRefusals:
    @pytest.mark.parametrize("fwhm", [0.0, -1.0, 12.9, float("nan")])
    def test_a_beam_that_does_not_fit(self, fwhm):
        with pytest.raises(
            ConfigError, match=r"(?s)beam does not fit the grid.*beam_fwhm.*12\.8.*wider grid"
        ):
            TheorySurvey(Bells(), (Y,), WIDE_FIELD, fwhm)

    @pytest.mark.parametrize("quantities", [(), (Y, Y), (Y, MapQuantity.TEMPERATURE)])
    def test_maps_that_cannot_be_painted(self, quantities):
        with pytest.raises(
            ConfigError, match=r"(?s)cannot paint these maps.*compton_y, star_surface_density"
        ):
            TheorySurvey(Bells(), quantities, SKY)


def test_it_fills_a_store_of_logarithms(tmp_path):
    survey = TheorySurvey(Bells(0.5), (Y, STARS), Grid(8, 0.25 * u.dimensionless_unscaled, "scaled"), 0.1)
    plan = StorePlan(survey.settings(), n_clusters=3, sight_lines=(1, 3, 2), log16=log16_of(survey.channels))
    generate(survey, plan, tmp_path)
    assert check_store(tmp_path) == []
    store = Store.open(tmp_path)
    assert store.manifest.plan.settings == survey.settings()
    samples = store.read()
    for row, (cluster, sight_line) in enumerate([(0, 0), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]):
        painted = survey.observe(cluster, sight_line)
        for channel, quantity in enumerate(survey.channels):
            np.testing.assert_allclose(samples.maps[row, channel], painted[quantity].values, rtol=2.5e-4)


def test_other_settings_are_another_survey():
    one = TheorySurvey(Bells(), (Y,), SKY)
    others = [
        TheorySurvey(Bells(0.3), (Y,), SKY),
        TheorySurvey(Bells(), (Y, STARS), SKY),
        TheorySurvey(Bells(), (Y,), WIDE_FIELD),
        TheorySurvey(Bells(), (Y,), SKY, 1.0),
    ]
    assert all(other.settings() != one.settings() for other in others)


@pytest.mark.slow
def test_painted_clusters_have_the_same_bytes_in_other_processes(tmp_path):
    """What one process keeps of a cluster for its next sight-line leaves no trace."""
    painter = Painter(PainterSettings(), 1)
    survey = TheorySurvey(painter, painter.quantities, Grid(16, 0.4 * u.Mpc, "proper"), 0.8)
    plan = StorePlan(
        survey.settings(),
        n_clusters=4,
        sight_lines=(3, 1, 0, 2),
        clusters_per_shard=2,
        log16=log16_of(survey.channels),
    )
    generate(survey, plan, tmp_path / "one")
    generate(survey, plan, tmp_path / "two", workers=2)
    assert check_store(tmp_path / "one") == []
    for i in range(plan.n_shards):
        assert sha256_of(tmp_path / "one" / shard_name(i)) == sha256_of(tmp_path / "two" / shard_name(i))
    maps = Store.open(tmp_path / "one").read().maps
    assert not np.array_equal(maps[0], maps[1])  # another sight-line is another view


class TestTheWideFieldOfTwoCores:
    """64 pixels of 0.2 Mpc show what 128 of 0.1 Mpc show, two by two."""

    MEANS = (MapQuantity.DARK_SURFACE_DENSITY, MapQuantity.GAS_SURFACE_DENSITY)

    @pytest.fixture(scope="class", name="maps")
    @classmethod
    def painted(cls):
        painter = Painter(PainterSettings(preset="hyper"), 3)
        return {grid.n_pixels: painter.theory(0, 0, grid, (0.0, 0.0)) for grid in (WIDE_FIELD, WIDE_FIELD_64)}

    @staticmethod
    def blocks(fine):
        """The mean of each two by two pixels."""
        return fine.reshape(64, 2, 64, 2).mean(axis=(1, 3))

    def test_they_are_as_wide(self):
        assert WIDE_FIELD_64.width.to_value(u.Mpc) == pytest.approx(WIDE_FIELD.width.to_value(u.Mpc))
        assert (WIDE_FIELD_64.n_pixels, WIDE_FIELD_64.kind) == (64, "proper")

    @pytest.mark.parametrize("quantity", MEANS)
    def test_a_wide_pixel_is_the_mean_of_four(self, maps, quantity):
        """The mass of the map to 1e-3; pixels to 3 % (rms), for both are sums over a few rays or points."""
        wide, means = maps[64][quantity].values, self.blocks(maps[128][quantity].values)
        assert wide.sum() == pytest.approx(means.sum(), rel=1e-3)
        assert np.std(np.log(wide / means)) < 0.03
        assert np.abs(np.log(wide / means)).max() < 0.25

    def test_four_pixels_further_on_are_others(self, maps):
        """Negative control: moved by half a wide pixel, they differ by far more."""
        fine = maps[128][MapQuantity.DARK_SURFACE_DENSITY].values
        wide = maps[64][MapQuantity.DARK_SURFACE_DENSITY].values
        moved = self.blocks(np.roll(fine, 1, axis=1))
        assert np.std(np.log(wide / moved)) > 0.08
