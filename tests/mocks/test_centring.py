"""The centre that an observer finds: the planted peak, an error of the width asked for, one centre for all maps."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.cluster import Cluster
from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.masses import M200C, Mass
from zwicky.core.provenance import config_hash
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.data.check import check_store
from zwicky.data.generate import generate
from zwicky.data.plan import StorePlan
from zwicky.data.store import Store
from zwicky.mocks.theory_survey import FIXED_PROPER, TWO_R200, Centring, TheorySurvey
from zwicky.simulations.base import Simulation
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.settings import PainterSettings

X, Y = MapQuantity.XRAY_SURFACE_BRIGHTNESS, MapQuantity.COMPTON_Y
MASS, STARS = MapQuantity.TOTAL_SURFACE_DENSITY, MapQuantity.STAR_SURFACE_DENSITY
EXACT = Centring(X, search_radius_mpc=0.5, error_mpc=0.0, smoothing_mpc=0.15)
NOISY = replace(EXACT, error_mpc=0.3)
SKY = Grid(40, 1.5 * u.arcmin, "sky")
PROPER = Grid(40, 0.1 * u.Mpc, "proper")


@dataclass(frozen=True)
class Sloshing(Simulation):
    """Round clusters whose X-ray peak lies off their centre; mass and Compton y are centred."""

    dy_mpc: float = 0.0
    dx_mpc: float = 0.0
    needle: float = 0.0  # height of a narrow source 0.3 Mpc above the centre

    @property
    def quantities(self):
        return (X, Y, MASS)

    def settings(self):
        return {"kind": "sloshing", "dy_mpc": self.dy_mpc, "dx_mpc": self.dx_mpc, "needle": self.needle}

    def cluster(self, cluster_index, sight_line=0):
        name = f"sloshing-{cluster_index}"
        return Cluster(f"{name}-{sight_line}", 0.1, {M200C: Mass(1e14, M200C)}, parent=name)

    def theory(self, cluster_index, sight_line, grid, centre=(0.0, 0.0)):
        cluster = self.cluster(cluster_index, sight_line)
        per_mpc = 1.0 if grid.kind == "proper" else cluster.cosmology.arcmin_per_mpc(cluster.redshift)
        peak = (centre[0] + self.dy_mpc * per_mpc, centre[1] + self.dx_mpc * per_mpc)

        def bell(where, width_mpc):
            return np.exp(-0.5 * (grid.radius(*where) / (width_mpc * per_mpc)) ** 2)

        needle = self.needle * bell((centre[0] + 0.3 * per_mpc, centre[1]), 0.03)
        images = {X: bell(peak, 0.2) + needle, Y: 1e-5 * bell(centre, 0.4), MASS: 1e15 * bell(centre, 0.3)}
        return MapSet(cluster, {q: Map(image, q, UNIT_OF[q], grid, "theory") for q, image in images.items()})


def offset_of(maps):
    """(y, x) [Mpc] as the cluster's properties say it."""
    return np.array([maps.cluster.properties[name] for name in ("offset_y_mpc", "offset_x_mpc")])


def centroid(one):
    """(y, x) of the centre of light, in the unit of the pixel, from the grid's centre."""
    axis = (np.arange(one.grid.n_pixels) - (one.grid.n_pixels - 1) / 2.0) * one.grid.pixel_value
    return np.array([one.values.sum(axis=1) @ axis, one.values.sum(axis=0) @ axis]) / one.values.sum()


class TestPeak:
    @pytest.mark.parametrize("grid", [PROPER, SKY])
    @pytest.mark.parametrize("planted", [(0.0, 0.0), (0.2, -0.1), (-0.333, 0.217), (0.02, 0.01)])
    def test_a_planted_peak_is_found(self, grid, planted):
        """The observer sits on the peak, so the true centre falls at minus its offset."""
        maps = TheorySurvey(Sloshing(*planted), (X, MASS), grid, centring=EXACT).observe(0, 0)
        per_mpc = 1.0 if grid is PROPER else maps.cluster.cosmology.arcmin_per_mpc(0.1)
        np.testing.assert_allclose(offset_of(maps), -np.array(planted), atol=0.003)
        np.testing.assert_allclose(centroid(maps[X]), 0.0, atol=0.003 * per_mpc)
        np.testing.assert_allclose(centroid(maps[MASS]), offset_of(maps) * per_mpc, atol=1e-3 * per_mpc)

    def test_the_other_map_has_its_own_peak(self):
        """Negative control: Compton y is centred here, whatever the X-rays do."""
        on_y = replace(EXACT, quantity=Y)
        maps = TheorySurvey(Sloshing(0.2, -0.1), (X, MASS), PROPER, centring=on_y).observe(0, 0)
        np.testing.assert_allclose(offset_of(maps), 0.0, atol=1e-9)

    def test_a_peak_beyond_the_search_radius_is_not_reached(self):
        maps = TheorySurvey(Sloshing(1.5, 0.0), (X,), PROPER, centring=EXACT).observe(0, 0)
        assert 0.4 < -offset_of(maps)[0] < 0.55

    @pytest.mark.parametrize(("smoothing_mpc", "found_at"), [(0.05, 0.3), (0.5, 0.0)])
    def test_smoothing_passes_over_what_is_narrow(self, smoothing_mpc, found_at):
        """A bright galaxy outshines the cluster's core until the map is smoothed."""
        smooth = replace(EXACT, smoothing_mpc=smoothing_mpc)
        maps = TheorySurvey(Sloshing(needle=1.5), (X,), PROPER, centring=smooth).observe(0, 0)
        assert -offset_of(maps)[0] == pytest.approx(found_at, abs=0.03)

    def test_the_search_does_not_depend_on_the_grid_or_the_beam(self):
        found = [
            offset_of(TheorySurvey(Sloshing(0.13, 0.04), (MASS,), grid, beam, EXACT).observe(0, 0))
            for grid, beam in ((PROPER, None), (FIXED_PROPER, 0.2), (Grid(4, 1.0 * u.Mpc, "proper"), None))
        ]
        np.testing.assert_array_equal(found[0], found[1])
        np.testing.assert_array_equal(found[0], found[2])

    def test_without_centring_nothing_is_said_about_a_centre(self):
        maps = TheorySurvey(Sloshing(0.2, 0.0), (X,), PROPER).observe(0, 0)
        assert not maps.cluster.properties
        np.testing.assert_allclose(centroid(maps[X]), (0.2, 0.0), atol=0.003)


class TestError:
    @staticmethod
    def offsets(seed=4, error_mpc=0.04, n=300):
        noisy = replace(EXACT, error_mpc=error_mpc)
        survey = TheorySurvey(Sloshing(), (X,), Grid(2, 1.0 * u.Mpc, "proper"), None, noisy, seed)
        return np.array([offset_of(survey.observe(i, i % 3)) for i in range(n)])

    @staticmethod
    def is_as_asked(offsets, sd):
        """Mean 0 and this width on each axis, within 4 standard errors; the axes are independent."""
        n = len(offsets)
        centred = abs(offsets.mean(axis=0)).max() < 4.0 * sd / np.sqrt(n)
        wide = abs(offsets.std(axis=0) / sd - 1.0).max() < 4.0 / np.sqrt(2.0 * n)
        return bool(centred and wide and abs(np.corrcoef(offsets.T)[0, 1]) < 4.0 / np.sqrt(n))

    def test_it_has_mean_zero_and_the_width_asked_for(self):
        assert self.is_as_asked(self.offsets(), 0.04)

    def test_what_is_not_as_asked_is_seen(self):
        """Negative controls: too wide, shifted, and with axes that go together."""
        offsets = self.offsets()
        assert not self.is_as_asked(1.25 * offsets, 0.04)
        assert not self.is_as_asked(offsets + np.array([0.015, 0.0]), 0.04)
        assert not self.is_as_asked(offsets[:, [0, 0]], 0.04)

    def test_it_adds_to_the_peak(self):
        noisy = replace(EXACT, error_mpc=0.04)
        centred, sloshing = (
            offset_of(TheorySurvey(one, (X,), PROPER, None, noisy, 4).observe(3, 1))
            for one in (Sloshing(), Sloshing(0.2, -0.1))
        )
        np.testing.assert_allclose(sloshing - centred, [-0.2, 0.1], atol=0.003)

    def test_the_seed_decides_it_and_each_sight_line_has_its_own(self):
        one, other = self.offsets(n=6), self.offsets(seed=5, n=6)
        assert not np.any(one == other)
        assert len(np.unique(one)) == one.size
        np.testing.assert_array_equal(one, self.offsets(n=6))
        survey = TheorySurvey(Sloshing(), (X,), PROPER, None, NOISY)
        assert not np.any(offset_of(survey.observe(2, 0)) == offset_of(survey.observe(2, 1)))


@pytest.fixture(scope="module")
def painter():
    return Painter(PainterSettings(), 2)


class TestPainter:
    """The laws on painted clusters, with an error large enough to see."""

    @staticmethod
    def mass_msun(one, centre, radius_mpc):
        inside = one.grid.radius(*centre) < radius_mpc
        return float(one.values[inside].sum()) * one.grid.pixel_value**2

    def test_the_mass_around_the_true_centre_is_the_same(self, painter):
        """Another centre of the map moves the cluster on the grid, and takes no mass from it."""
        centred = TheorySurvey(painter, (MASS,), FIXED_PROPER, None, NOISY, 1)
        plain = TheorySurvey(painter, (MASS,), FIXED_PROPER)
        lost = []
        for index in range(4):
            moved, still = centred.observe(index, 0), plain.observe(index, 0)
            expected = self.mass_msun(still[MASS], (0.0, 0.0), 1.0)
            assert self.mass_msun(moved[MASS], offset_of(moved), 1.0) == pytest.approx(expected, rel=0.01)
            lost.append(self.mass_msun(moved[MASS], (0.0, 0.0), 1.0) / expected - 1.0)
        assert max(abs(loss) for loss in lost) > 0.03  # negative control: around the observer's centre

    def test_all_maps_share_one_centre(self, painter):
        survey = TheorySurvey(painter, (X, STARS, MASS, Y), PROPER, None, NOISY, 1)
        found = survey.observe(5, 2)
        y, x = offset_of(found)
        painted = painter.theory(5, 2, PROPER, (y, x))
        for quantity in survey.channels:
            np.testing.assert_array_equal(found[quantity].values, painted[quantity].values)
        alone = TheorySurvey(painter, (MASS,), PROPER, None, NOISY, 1).observe(5, 2)
        np.testing.assert_array_equal(alone[MASS].values, found[MASS].values)

    def test_same_indices_same_pixels_whatever_was_asked_before(self):
        pixels = []
        for order in ((0, 1, 2), (2, 1, 0)):
            survey = TheorySurvey(Painter(PainterSettings(), 2), (X,), PROPER, 0.2, NOISY, 1)
            seen = {index: survey.observe(index, 1) for index in order}
            pixels.append([(seen[index][X].values, offset_of(seen[index])) for index in range(3)])
        for (image, offset), (again, offset_again) in zip(*pixels, strict=True):
            np.testing.assert_array_equal(image, again)
            np.testing.assert_array_equal(offset, offset_again)


class TestSettings:
    def test_without_centring_a_survey_keeps_the_name_it_had(self):
        """The four entries of a store made before there was centring, and their hash."""
        before = {
            "simulation": Sloshing().settings(),
            "quantities": ["xray_surface_brightness"],
            "grid": PROPER.as_dict(),
            "beam_fwhm": 0.2,
        }
        for seed in (0, 7):
            now = TheorySurvey(Sloshing(), (X,), PROPER, 0.2, seed=seed).settings()
            assert now == before
            assert config_hash(now) == config_hash(before)

    def test_centring_and_its_seed_are_part_of_the_name(self):
        surveys = [
            TheorySurvey(Sloshing(), (X,), PROPER),
            TheorySurvey(Sloshing(), (X,), PROPER, centring=EXACT),
            TheorySurvey(Sloshing(), (X,), PROPER, centring=EXACT, seed=1),
            TheorySurvey(Sloshing(), (X,), PROPER, centring=replace(EXACT, quantity=Y)),
            *(
                TheorySurvey(Sloshing(), (X,), PROPER, centring=replace(EXACT, **{name: 0.3}))
                for name in ("search_radius_mpc", "error_mpc", "smoothing_mpc")
            ),
        ]
        assert len({config_hash(survey.settings()) for survey in surveys}) == len(surveys)

    def test_a_store_keeps_where_the_true_centre_falls(self, tmp_path):
        survey = TheorySurvey(Sloshing(0.2, -0.1), (X, MASS), PROPER, None, NOISY, 3)
        generate(survey, StorePlan(survey.settings(), n_clusters=3, sight_lines=2), tmp_path)
        assert check_store(tmp_path) == []
        store = Store.open(tmp_path)
        assert store.truth_units["offset_y_mpc"] == store.truth_units["offset_x_mpc"] == "Mpc"
        samples = store.read()
        expected = [offset_of(survey.observe(i, line)) for i in range(3) for line in range(2)]
        found = np.stack([samples.truth["offset_y_mpc"], samples.truth["offset_x_mpc"]], axis=1)
        np.testing.assert_array_equal(found, expected)


class TestRefusals:
    def test_maps_cut_at_the_true_radius(self):
        with pytest.raises(ConfigError, match=r"(?s)need no observed centre.*'proper' or 'sky'"):
            TheorySurvey(Sloshing(), (X,), TWO_R200, centring=EXACT)

    def test_a_map_that_the_simulation_does_not_have(self):
        @dataclass(frozen=True)
        class Dark(Sloshing):
            @property
            def quantities(self):
                return (Y, MASS)

        with pytest.raises(ConfigError, match=r"(?s)cannot paint the map to centre on.*compton_y"):
            TheorySurvey(Dark(), (MASS,), PROPER, centring=EXACT)

    def test_a_map_that_nobody_centres_on(self):
        with pytest.raises(ConfigError, match=r"(?s)cannot be centred on this map.*compton_y"):
            replace(EXACT, quantity=MASS)

    @pytest.mark.parametrize("name", ["search_radius_mpc", "error_mpc", "smoothing_mpc"])
    @pytest.mark.parametrize("value", [-0.1, 3.1, float("nan"), float("inf")])
    def test_a_length_that_cannot_be(self, name, value):
        with pytest.raises(ConfigError, match=rf"(?s)cannot be searched for.*centring\.{name}.*3 Mpc"):
            replace(EXACT, **{name: value})

    def test_no_error_is_a_length_but_no_smoothing_is_not(self):
        assert replace(EXACT, error_mpc=0.0) == EXACT
        for name in ("search_radius_mpc", "smoothing_mpc"):
            with pytest.raises(ConfigError, match=r"0\.05 \.\. 3 Mpc"):
                replace(EXACT, **{name: 0.0})
