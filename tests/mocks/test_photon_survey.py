"""A survey of photons: whole numbers, the same whatever was asked before."""

import json
import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from photon_balls import Balls, chandra, erosita, rosat
from pydantic import TypeAdapter

from zwicky.core.config import parse
from zwicky.core.errors import ConfigError, MapError
from zwicky.core.quantities import MapQuantity
from zwicky.data.check import check_store
from zwicky.data.generate import generate
from zwicky.data.plan import StorePlan
from zwicky.data.store import Store
from zwicky.mocks.kinds import AnySurveySettings
from zwicky.mocks.photon_settings import PhotonSurveySettings
from zwicky.mocks.photon_sources import PhotonSky
from zwicky.mocks.photon_survey import PhotonSurvey, count_budget
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.spherical import SphericalClusters, SphericalSettings

C0, C1, EXPOSURE = MapQuantity.COUNTS_0, MapQuantity.COUNTS_1, MapQuantity.EXPOSURE
TWO_BANDS = erosita(20, bands_kev=[[0.5, 1.0], [1.0, 2.0]])
POINTED = chandra(24, mode="pointed")
NEAR_EDGE = {"off_axis_arcmin": 4.0, "centre_error_arcmin": 0.5}


def survey(instrument=TWO_BANDS, **options):
    return PhotonSurvey(Balls(), instrument, 5, **options)


def values(maps):
    return np.array([one.values for one in maps])


class TestMaps:
    def test_whole_numbers_in_each_band(self):
        maps = survey().observe(0, 0)
        assert survey().channels == tuple(maps.maps) == (C0, C1)
        assert survey().grid == maps.grid == TWO_BANDS.grid
        assert (survey().beam_arcmin, survey().target) == (None, None)
        for one in maps:
            assert (one.unit, one.stage, one.beam_arcmin) == (u.count, "observed", None)
            assert one.values.dtype == np.float32
            np.testing.assert_array_equal(one.values, np.round(one.values))
            assert one.values.min() == 0.0 < one.values.sum()
        assert maps.provenance == {"instrument": "erosita_efeds", "level": "full"}

    def test_the_exposure_comes_last(self):
        asked = survey(POINTED, with_exposure=True)
        maps = asked.observe(0, 0)
        assert asked.channels == tuple(maps.maps) == (C0, EXPOSURE)
        assert maps[EXPOSURE].unit == u.s
        np.testing.assert_allclose(maps[EXPOSURE].values, POINTED.exposure_map(0), rtol=1e-6)
        np.testing.assert_array_equal(maps[C0].values, survey(POINTED).observe(0, 0)[C0].values)

    def test_the_ideal_survey_gives_what_is_expected(self):
        ideal = survey(level="ideal")
        expected = ideal.expected(2, 1).total
        np.testing.assert_array_equal(values(ideal.observe(2, 1)), expected.astype(np.float32))
        assert np.any(expected != np.round(expected))

    def test_counts_follow_what_is_expected(self):
        """Pearson's chi^2 over pixels with enough counts, against the next cluster's photons as control."""
        bright = PhotonSurvey(Balls(height=1e-5, width=6.0), rosat(32), 5)
        counts = bright.observe(1, 0)[C0].values
        for factor, right in ((1.0, True), (1.15, False)):
            mean = bright.expected(1, 0).total[0] * factor
            enough = mean > 5.0
            chi2 = np.sum((counts - mean)[enough] ** 2 / mean[enough])
            assert (abs(chi2 - enough.sum()) < 4.0 * math.sqrt(2.0 * enough.sum())) == right
            assert enough.sum() > 300

    def test_more_time_and_more_light_only_add_photons(self):
        short, long = (
            survey(TWO_BANDS.with_exposure(t), level="background").observe(3, 0) for t in (1e3, 3e3)
        )
        assert np.all(values(long) >= values(short))
        dark, bright = (survey(level=level).observe(3, 0) for level in ("vignetted", "background"))
        assert np.all(values(bright) >= values(dark))
        assert values(bright).sum() > values(dark).sum() > 0.0

    def test_masks_are_refilled_or_empty(self):
        telescope = rosat(64)
        full, empty = (
            survey(telescope, masked=masked, with_exposure=True) for masked in ("refilled", "empty")
        )
        expected = full.expected(0, 0)
        mask, around = expected.mask, expected.cluster + expected.sky + expected.particles
        filled, hollow = full.observe(0, 0), empty.observe(0, 0)
        assert mask.any()
        mean = around[0][mask].sum()
        assert abs(filled[C0].values[mask].sum() - mean) < 4.0 * math.sqrt(mean)
        sources = survey(telescope, sky=PhotonSky(mask_above=1e9)).observe(0, 0)[C0].values[mask].sum()
        assert sources > mean + 10.0 * math.sqrt(mean)  # negative control: nothing masked
        assert not hollow[C0].values[mask].any()
        assert not hollow[EXPOSURE].values[mask].any()
        for one in filled:
            np.testing.assert_array_equal(one.values[~mask], hollow[one.quantity].values[~mask])


class TestPlaces:
    def test_the_centre_is_off_only_in_full(self):
        found = [
            survey(level=level, centre_error_arcmin=0.8).observe(4, 0) for level in ("background", "full")
        ]
        offsets = [
            (m.cluster.properties["offset_y_arcmin"], m.cluster.properties["offset_x_arcmin"]) for m in found
        ]
        assert offsets[0] == (0.0, 0.0) != offsets[1]
        spread = [survey(centre_error_arcmin=0.8)._positions(i, 0)[0] for i in range(200)]
        assert np.std(spread) == pytest.approx(0.8, rel=0.15)

    def test_the_cluster_is_where_its_offset_says(self):
        asked = PhotonSurvey(
            Balls(width=0.5), erosita(40), 5, "ideal", {"miscentred": True}, centre_error_arcmin=1.5
        )
        image, properties = values(asked.observe(4, 0)).sum(axis=0), asked.observe(4, 0).cluster.properties
        axis = (np.arange(40) - 19.5) * 0.4
        assert image.sum(axis=1) @ axis / image.sum() == pytest.approx(
            properties["offset_y_arcmin"], abs=0.01
        )
        assert image.sum(axis=0) @ axis / image.sum() == pytest.approx(
            properties["offset_x_arcmin"], abs=0.01
        )

    def test_the_axis_lies_evenly_in_its_disc(self):
        asked = survey(POINTED, off_axis_arcmin=4.0)
        places = np.array([asked._positions(i, 0)[1] for i in range(400)])
        radius = np.hypot(*places.T)
        assert radius.max() < 4.0
        assert np.mean(radius < 2.0) == pytest.approx(0.25, abs=0.09)
        assert np.abs(places.mean(axis=0)).max() < 0.4

    def test_the_angle_off_the_axis_is_that_of_the_cluster(self):
        properties = survey(POINTED, **NEAR_EDGE).observe(2, 0).cluster.properties
        distance = math.hypot(
            properties["offset_y_arcmin"] - properties["pointing_y_arcmin"],
            properties["offset_x_arcmin"] - properties["pointing_x_arcmin"],
        )
        assert properties["off_axis_arcmin"] == pytest.approx(distance)
        assert survey(centre_error_arcmin=1.0).observe(0, 0).cluster.properties["off_axis_arcmin"] == 0.0


class TestProperties:
    def test_sums_of_what_was_expected(self):
        asked = survey(rosat(64))
        expected, properties = asked.expected(0, 0), asked.observe(0, 0).cluster.properties
        assert properties["one"] == 1.0
        assert properties["expected_cluster_counts"] == pytest.approx(expected.cluster.sum())
        background = expected.sky.sum() + expected.particles.sum()
        assert properties["expected_background_counts"] == pytest.approx(background)
        assert properties["expected_source_counts"] == pytest.approx(expected.sources.sum())
        assert properties["masked_fraction"] == pytest.approx(expected.mask.mean())
        assert properties["n_point_sources"] > properties["n_detected_sources"] > 0.0
        assert properties["central_exposure_s"] == pytest.approx(expected.exposure_s[0, 32, 32])
        assert all(type(value) is float for value in properties.values())

    def test_the_budget_adds_up(self):
        asked = survey()
        parts, whole = count_budget(asked, 0, 0), asked.expected(0, 0).total
        assert list(parts) == ["cluster", "sky", "particles", "sources"]
        np.testing.assert_allclose(sum(parts.values()), whole.sum(axis=(1, 2)))
        inside = count_budget(asked, 0, 0, 2.0)
        np.testing.assert_allclose(sum(inside.values()), whole[:, asked.grid.radius() <= 2.0].sum(axis=1))
        assert inside["cluster"].sum() > 0.5 * parts["cluster"].sum()
        assert inside["particles"].sum() < 0.3 * parts["particles"].sum()


class TestPurity:
    @pytest.mark.parametrize("asked", [survey(), survey(POINTED, **NEAR_EDGE)])
    def test_the_same_whatever_was_asked_before(self, asked):
        first = values(asked.observe(7, 2))
        asked.observe(1, 0)
        np.testing.assert_array_equal(values(asked.observe(7, 2)), first)
        np.testing.assert_array_equal(values(replace(asked).observe(7, 2)), first)
        np.testing.assert_array_equal(values(pickle.loads(pickle.dumps(asked)).observe(7, 2)), first)
        for other in (asked.observe(7, 3), asked.observe(8, 2), replace(asked, seed=6).observe(7, 2)):
            assert np.mean(values(other) != first) > 0.1

    def test_settings_say_what_decides_a_count(self):
        first = json.dumps(survey().settings())
        assert first == json.dumps(survey().settings())
        changes = (
            {"seed": 6},
            {"level": "psf"},
            {"overrides": {"sources": False}},
            {"sky": PhotonSky(1e20)},
            {"centre_error_arcmin": 0.1},
            {"masked": "empty"},
            {"with_exposure": True},
            {"instrument": POINTED},
            {"simulation": Balls(height=2e-6)},
        )
        assert len({first, *(json.dumps(replace(survey(), **one).settings()) for one in changes)}) == 10

    def test_a_store_keeps_whole_numbers(self, tmp_path):
        asked = survey(with_exposure=True)
        plan = StorePlan(asked.settings(), n_clusters=4, clusters_per_shard=2)
        generate(asked, plan, tmp_path / "store", 1, lambda *_: None)
        check_store(tmp_path / "store")
        store = Store.open(tmp_path / "store")
        assert tuple(store.channels) == (C0, C1, EXPOSURE)
        maps = np.array(store.read().maps)
        np.testing.assert_array_equal(maps[0], values(asked.observe(0, 0)))
        np.testing.assert_array_equal(maps[:, :2], np.round(maps[:, :2]))


class TestSettings:
    def test_defaults(self):
        found = PhotonSurveySettings().build(3)
        assert isinstance(found.simulation, Painter)
        assert (found.level, found.masked, found.sky.column_density_cm2) == ("full", "refilled", 4e20)
        assert found.instrument.config.name == "chandra_acisi"
        assert PhotonSurveySettings(instrument="erosita_efeds").sky() == PhotonSky(3e20)
        assert PhotonSurveySettings().sky() == PhotonSky(4e20)
        assert PhotonSurveySettings(column_density_cm2=0.0).sky().column_density_cm2 == 0.0

    def test_everything_reaches_the_survey(self):
        asked = parse(
            PhotonSurveySettings,
            {
                "instrument": "chandra_acisi", "response": "cycle0", "mode": "pointed",
                "bands_kev": [[0.5, 2.0], [2.0, 7.0]],
                "exposure_s": 3e4, "n_pixels": 30, "pixel": "12 arcsec", "level": "background",
                "overrides": {"psf": False}, "background": "halosat_deluca04", "point_sources": "luo17_soft",
                "faintest_flux": 2e-16, "brightest_flux": 5e-13, "min_counts": 12.0, "min_sigma": 5.0,
                "mask_above": 0.2,
                "masked": "empty", "centre_error_arcmin": 0.3, "off_axis_arcmin": 2.0, "with_exposure": True,
            },
            where="a test",
        )  # fmt: skip
        found = asked.build(3)
        assert found.instrument.config.response == "cycle0"
        assert found.instrument.bands_kev == ((0.5, 2.0), (2.0, 7.0))
        assert (found.instrument.exposure_s, found.grid.n_pixels) == (3e4, 30)
        assert found.grid.pixel_value == pytest.approx(0.2)
        assert found.instrument.config.mode == "pointed"
        assert found.sky == PhotonSky(4e20, "halosat_deluca04", "luo17_soft", 2e-16, 5e-13, 12.0, 5.0, 0.2)
        assert not found.observer.ingredients.psf
        assert found.observer.ingredients.background
        assert (found.masked, found.centre_error_arcmin, found.off_axis_arcmin) == ("empty", 0.3, 2.0)
        assert found.channels == (C0, C1, EXPOSURE)
        one = PhotonSurveySettings(pixel=30 * u.arcsec).telescope().grid
        assert (one.n_pixels, one.pixel_value) == (128, 0.5)

    def test_a_kind_among_others(self):
        adapter = TypeAdapter(AnySurveySettings)
        asked = adapter.validate_python({"kind": "photon", "level": "psf"})
        assert isinstance(asked, PhotonSurveySettings)
        again = adapter.validate_python(json.loads(json.dumps(asked.model_dump(mode="json"))))
        assert again == asked
        assert type(adapter.validate_python({"kind": "microwave"})) is not PhotonSurveySettings

    @pytest.mark.parametrize(
        "settings", [{"level": "perfect"}, {"overrides": {"agn": True}}, {"masked": "black"}]
    )
    def test_unknown_words_are_refused(self, settings):
        with pytest.raises(ConfigError, match="setting cannot be used"):
            parse(PhotonSurveySettings, settings, where="a test")


class TestMistakes:
    def test_a_simulation_without_x_rays(self):
        with pytest.raises(ConfigError, match=r"emits no X-rays(.|\n)*SphericalClusters"):
            PhotonSurvey(SphericalClusters(SphericalSettings(), 1), TWO_BANDS, 1)

    def test_levels_that_are_not_known(self):
        with pytest.raises(ConfigError, match="no such level"):
            survey(level="perfect")
        with pytest.raises(ConfigError, match="no such ingredient"):
            survey(overrides={"agn": True})

    @pytest.mark.parametrize("name", ["centre_error_arcmin", "off_axis_arcmin"])
    @pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
    def test_distances_that_are_none(self, name, value):
        with pytest.raises(ConfigError, match=rf"cannot be off(.|\n)*{name}"):
            survey(POINTED, **{name: value})

    def test_a_scan_has_no_axis(self):
        with pytest.raises(ConfigError, match=r"no optical axis(.|\n)*pointed"):
            survey(off_axis_arcmin=1.0)

    def test_pixels_that_are_none(self):
        with pytest.raises(MapError):
            PhotonSurveySettings(n_pixels=0).telescope()
