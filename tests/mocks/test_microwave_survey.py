"""Clusters on the microwave sky: the SZ effect of their band, on the sky that would be there without them."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.cluster import Cluster
from zwicky.core.config import parse
from zwicky.core.errors import ConfigError, MapError
from zwicky.core.maps import Map, MapSet
from zwicky.core.masses import M500C, Mass
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.core.randomness import Key, Stream
from zwicky.core.units import UK_CMB
from zwicky.data.check import check_store
from zwicky.data.generate import generate
from zwicky.data.plan import StorePlan
from zwicky.data.store import Store
from zwicky.instruments.microwave import MicrowaveInstrument, MicrowaveSettings
from zwicky.mocks.microwave_settings import MicrowaveSurveySettings
from zwicky.mocks.microwave_sky import MicrowaveSky
from zwicky.mocks.microwave_survey import MicrowaveSurvey
from zwicky.physics.foregrounds import Foregrounds
from zwicky.physics.sz import delta_t_uk
from zwicky.physics.sz_relativistic import relativistic_spectral_function, temperature_kev
from zwicky.simulations.base import Simulation

Y, STARS = MapQuantity.COMPTON_Y, MapQuantity.STAR_SURFACE_DENSITY
T90, T150, T220 = MapQuantity.TEMPERATURE_90, MapQuantity.TEMPERATURE_150, MapQuantity.TEMPERATURE_220
GEORGE = Foregrounds.named("george15")


@dataclass(frozen=True)
class Bells(Simulation):
    """Gaussian clusters: width in arcmin, height in y."""

    height: float = 1e-4
    width: float = 1.0
    shows: tuple[MapQuantity, ...] = (Y,)

    @property
    def quantities(self):
        return self.shows

    def settings(self):
        return {"kind": "bells", "height": self.height, "width": self.width}

    def cluster(self, cluster_index, sight_line=0):
        name = f"bell-{cluster_index}"
        masses = {M500C: Mass(4e14, M500C)}
        return Cluster(
            f"{name}-{sight_line}", 0.7, masses, parent=name, sight_line=sight_line, properties={"one": 1.0}
        )

    def theory(self, cluster_index, sight_line, grid, centre=(0.0, 0.0)):
        bell = self.height * np.exp(-0.5 * (grid.radius(*centre) / self.width) ** 2)
        return MapSet(
            self.cluster(cluster_index, sight_line),
            {Y: Map(bell, Y, UNIT_OF[Y], grid, "theory")},
            {"from": "bells"},
        )


def lat(**band):
    """The Simons Observatory on small stamps, all bands changed alike."""
    settings = MicrowaveInstrument.named("so_lat").with_grid(24, 0.5 * u.arcmin).settings()
    settings["bands"] = [{**one, **band} for one in settings["bands"]]
    return MicrowaveInstrument(parse(MicrowaveSettings, settings, where="a test"))


SKY = MicrowaveSky(lat(), GEORGE)


def values(maps):
    return np.array([one.values for one in maps])


def signal(survey, index=3, sight_line=1):
    """What the cluster adds to its sky."""
    blank = survey.sky.draw(Key(survey.seed, Stream.MICROWAVE_SKY, index, sight_line))
    return values(survey.observe(index, sight_line))[: len(blank)] - blank


class TestMaps:
    def test_one_map_of_each_band(self):
        survey = MicrowaveSurvey(Bells(), SKY, 5)
        maps = survey.observe(0, 0)
        assert survey.channels == tuple(maps.maps) == (T90, T150, T220)
        assert survey.grid == maps.grid == SKY.grid
        for one, beam in zip(maps, (2.2, 1.4, 1.0), strict=True):
            assert (one.unit, one.stage, one.beam_arcmin) == (UK_CMB, "observed", beam)
        assert survey.beam_arcmin is None
        assert maps.provenance == {"from": "bells", "instrument": "so_lat"}
        assert maps.cluster.properties == {"one": 1.0, "offset_y_arcmin": 0.0, "offset_x_arcmin": 0.0}

    def test_one_beam_is_the_survey_s(self):
        sky = MicrowaveSky(lat().with_bands(["temperature_150"]), GEORGE)
        assert MicrowaveSurvey(Bells(), sky, 5).beam_arcmin == 1.4
        assert MicrowaveSurvey(Bells(), sky, 5, target_beam_arcmin=1.4).beam_arcmin == 1.4
        assert MicrowaveSurvey(Bells(), sky, 5, target_beam_arcmin=1.0).beam_arcmin is None

    def test_the_target_is_the_smoothed_compton_parameter(self):
        """A Gaussian smoothed by a Gaussian; no noise, no matter which seed."""
        surveys = [MicrowaveSurvey(Bells(), SKY, seed, target_beam_arcmin=2.0) for seed in (1, 2)]
        maps = [survey.observe(0, 0)[Y] for survey in surveys]
        assert surveys[0].channels == (T90, T150, T220, Y)
        assert (maps[0].unit, maps[0].beam_arcmin, maps[0].stage) == (UNIT_OF[Y], 2.0, "observed")
        np.testing.assert_array_equal(maps[0].values, maps[1].values)
        wide = 1.0 + 4.0 / (8.0 * np.log(2.0))
        expected = 1e-4 / wide * np.exp(-0.5 * SKY.grid.radius() ** 2 / wide)
        np.testing.assert_allclose(maps[0].values, expected, atol=1e-9)

    def test_a_survey_travels(self):
        survey = pickle.loads(pickle.dumps(MicrowaveSurvey(Bells(), SKY, 5, 0.5, 2.0)))
        np.testing.assert_array_equal(
            values(survey.observe(4, 2)), values(MicrowaveSurvey(Bells(), SKY, 5, 0.5, 2.0).observe(4, 2))
        )


class TestSignal:
    def test_it_is_the_sz_effect_behind_each_beam(self):
        """T_CMB f(nu) y, the Gaussian cluster widened by the Gaussian beam."""
        seen = signal(MicrowaveSurvey(Bells(), SKY, 5))
        for image, frequency, beam in zip(seen, (93.0, 145.0, 225.0), (2.2, 1.4, 1.0), strict=True):
            wide = 1.0 + beam**2 / (8.0 * np.log(2.0))
            y = 1e-4 / wide * np.exp(-0.5 * SKY.grid.radius() ** 2 / wide)
            np.testing.assert_allclose(image, delta_t_uk(y, frequency), atol=1e-4 * abs(image).max() + 1e-9)

    def test_it_is_negative_at_150_and_positive_at_220(self):
        low, middle, high = signal(MicrowaveSurvey(Bells(), SKY, 5))
        assert low.min() < middle.min() < -100.0
        assert middle.max() <= 1e-9
        assert high.max() > 5.0
        assert high.min() >= -1e-9

    def test_it_vanishes_at_the_null(self):
        sky = MicrowaveSky(lat(frequency_ghz=217.5), GEORGE)
        seen = signal(MicrowaveSurvey(Bells(), sky, 5))
        assert np.abs(seen).max() < 1e-3 * np.abs(signal(MicrowaveSurvey(Bells(), SKY, 5))).max()

    def test_it_is_linear_in_y(self):
        once, thrice = (signal(MicrowaveSurvey(Bells(height), SKY, 5)) for height in (1e-4, 3e-4))
        np.testing.assert_allclose(thrice, 3.0 * once, atol=1e-9)

    def test_no_cluster_leaves_the_sky(self):
        survey = MicrowaveSurvey(Bells(height=0.0), SKY, 5)
        np.testing.assert_array_equal(
            values(survey.observe(3, 1)), SKY.draw(Key(5, Stream.MICROWAVE_SKY, 3, 1))
        )

    def test_the_beam_sees_no_edge(self):
        """A very wide cluster is as bright at the stamp's edge as it would be in a larger stamp."""
        wider = MicrowaveSky(SKY.instrument.with_grid(48), GEORGE)
        seen, further = (signal(MicrowaveSurvey(Bells(width=9.0), sky, 5)) for sky in (SKY, wider))
        np.testing.assert_allclose(further[:, 12:36, 12:36], seen, atol=1e-6 * np.abs(seen).max())

    def test_hot_gas(self):
        """The relativistic correction at the temperature of 4e14 Msun at z = 0.7, and none without."""
        plain, hot = (signal(MicrowaveSurvey(Bells(), SKY, 5, relativistic=flag)) for flag in (False, True))
        cluster = Bells().cluster(3)
        kt_kev = temperature_kev(4e14, 0.7, cluster.cosmology)
        assert 5.0 < kt_kev < 9.0
        for i, frequency in enumerate((93.0, 145.0, 225.0)):
            ratio = relativistic_spectral_function(frequency, kt_kev) / (
                delta_t_uk(1.0, frequency) / 2.7255e6
            )
            np.testing.assert_allclose(hot[i], ratio * plain[i], atol=1e-9)
        assert 0.02 < 1.0 - hot[1].min() / plain[1].min() < 0.06


class TestPointing:
    @staticmethod
    def offset(maps):
        return np.array([maps.cluster.properties[f"offset_{axis}_arcmin"] for axis in "yx"])

    def test_the_cluster_is_where_the_properties_say(self):
        survey = MicrowaveSurvey(Bells(), SKY, 5, centre_error_arcmin=0.7, target_beam_arcmin=1.0)
        maps = survey.observe(3, 1)
        axis = (np.arange(24) - 11.5) * 0.5
        image = maps[Y].values
        centroid = np.array([image.sum(axis=1) @ axis, image.sum(axis=0) @ axis]) / image.sum()
        np.testing.assert_allclose(centroid, self.offset(maps), atol=1e-3)
        assert np.abs(self.offset(maps)).min() > 0.05

    def test_errors_have_their_width(self):
        survey = MicrowaveSurvey(Bells(), MicrowaveSky(lat().with_grid(4), GEORGE, padded_arcmin=4.0), 5, 0.7)
        offsets = np.array([self.offset(survey.observe(i, 0)) for i in range(200)])
        assert offsets.std() == pytest.approx(0.7, rel=0.12)

    def test_the_sky_does_not_move_with_it(self):
        exact, off = (MicrowaveSurvey(Bells(0.0), SKY, 5, error).observe(3, 1) for error in (0.0, 0.7))
        np.testing.assert_array_equal(values(exact), values(off))


class TestOrder:
    SURVEY = MicrowaveSurvey(Bells(), SKY, 5, 0.5, 2.0)

    def test_same_indices_same_pixels(self):
        first = values(self.SURVEY.observe(5, 0))
        self.SURVEY.observe(2, 1)
        np.testing.assert_array_equal(first, values(self.SURVEY.observe(5, 0)))

    def test_sight_lines_and_clusters_share_no_sky(self):
        """Differences of neighbours: skies of ten arcminutes share their large scales by chance."""
        skies = [
            values(MicrowaveSurvey(Bells(0.0), SKY, seed).observe(*of))[1]
            for seed, of in ((5, (5, 0)), (5, (5, 1)), (5, (6, 0)), (6, (5, 0)))
        ]
        small_scales = [np.diff(np.diff(sky, axis=0), axis=1).ravel() for sky in skies]
        assert np.abs(np.corrcoef(small_scales) - np.eye(4)).max() < 0.2

    def test_a_store_holds_it(self, tmp_path):
        """Any order, any shards: the same pixels as observed one by one."""
        plan = StorePlan(self.SURVEY.settings(), n_clusters=4, sight_lines=2, clusters_per_shard=3)
        generate(self.SURVEY, plan, tmp_path)
        assert not check_store(tmp_path)
        store = Store.open(tmp_path)
        samples = store.read()
        for i in (7, 0, 3):
            expected = values(self.SURVEY.observe(i // 2, i % 2))
            np.testing.assert_array_equal(samples.maps[i], expected.astype(np.float32))


class TestSettings:
    def test_defaults_are_those_of_gupta_and_reichardt(self):
        survey = MicrowaveSurveySettings().build(7)
        assert survey.channels == (T150,)
        assert (survey.grid.n_pixels, survey.grid.pixel_value, survey.beam_arcmin) == (40, 0.25, 1.0)
        assert (survey.seed, survey.simulation.seed) == (7, 7)
        assert survey.sky.foregrounds == GEORGE
        observed = survey.observe(0, 0)[T150]
        assert observed.values.shape == (40, 40)

    def test_every_setting_reaches_the_survey(self):
        base = MicrowaveSurveySettings(instrument="spt3g")
        changes = [
            {"instrument": "so_lat"},
            {"bands": ["temperature_150", "temperature_90"]},
            {"n_pixels": 42},
            {"pixel": "0.5 arcmin"},
            {"foregrounds": "reichardt20"},
            {"index_scatter": 0.2},
            {"with_cmb": False},
            {"padded": "40 arcmin"},
            {"centre_error_arcmin": 0.5},
            {"target_beam": "1 arcmin"},
            {"relativistic": True},
            {"simulation": {"kind": "spherical", "sigma_ln_y500": 0.0}},
        ]
        made = [base, *(MicrowaveSurveySettings(**{"instrument": "spt3g", **change}) for change in changes)]
        settings = [one.build(1).settings() for one in made]
        assert all(a != b for i, a in enumerate(settings) for b in settings[:i])
        for one in made:
            assert MicrowaveSurveySettings.model_validate_json(one.model_dump_json()) == one
        assert made[2].build(1).channels == (T150, T90)

    @pytest.mark.parametrize(
        ("changes", "error", "match"),
        [
            ({"instrument": "planck_milca"}, ConfigError, "not in the catalogue"),
            ({"bands": ["temperature_220"]}, ConfigError, "no such band"),
            ({"pixel": "0.6 arcmin"}, MapError, "too coarse for the beam"),
            ({"foregrounds": "george"}, ConfigError, "did you mean 'george15'"),
            ({"simulation": {"kind": "sperical"}}, ConfigError, "did you mean 'spherical'"),
            ({"padded": "-1 arcmin"}, ConfigError, "cannot be as wide"),
            ({"centre_error_arcmin": -0.5}, ConfigError, r"(?s)centre cannot be off.*-0\.5"),
            ({"centre_error_arcmin": np.inf}, ConfigError, "centre cannot be off"),
            (
                {"target_beam": "0.1 arcmin"},
                ConfigError,
                r"(?s)target cannot be smoothed.*0\.125 \.\. 10 arcmin",
            ),
            ({"target_beam": "11 arcmin"}, ConfigError, "target cannot be smoothed"),
        ],
    )
    def test_what_cannot_be_built(self, changes, error, match):
        with pytest.raises(error, match=match):
            MicrowaveSurveySettings(**changes).build(1)

    def test_clusters_without_gas_pressure(self):
        with pytest.raises(ConfigError, match=r"(?s)cannot paint the SZ effect.*star_surface_density"):
            MicrowaveSurvey(Bells(shows=(STARS,)), SKY, 1)
