"""A mapper in its folder: the same answer after a round trip, and a reason for whatever cannot be used."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from toy_linear import is_same, toy_linear
from zwicky.core.errors import CheckpointError, MapError
from zwicky.core.files import sha256_of
from zwicky.core.quantities import MapQuantity
from zwicky.inference.domain import FLAGS
from zwicky.inference.folder import ready
from zwicky.inference.mapping.answer import LEVELS, PredictedMaps
from zwicky.inference.mapping.calibration import (
    N_RADII,
    ApertureCalibration,
    Calibration,
    DensityCalibration,
    PixelCalibration,
    aperture_scale,
    aperture_sums,
)
from zwicky.inference.mapping.domain import ViewDomain
from zwicky.inference.mapping.mapper import (
    BATCH,
    DESCRIPTION,
    LINEAR,
    WEIGHTS,
    Mapper,
    MapperFacts,
    answer,
    subset_name,
    subsets_of,
)
from zwicky.mocks.theory_settings import TheorySurveySettings
from zwicky.models.base import Batch
from zwicky.models.table import build_map_model

VIEWS = ("compton_y", "xray_surface_brightness", "star_surface_density")
QUANTITIES = tuple(MapQuantity(view) for view in VIEWS)
ALL, TWO = (True, True, True), (True, False, True)
CENTRED = {"quantity": "compton_y", "search_radius": "0.3 Mpc"}
NEARBY = {"kind": "painter", "preset": "gadgetx", "redshift_edges": [0.02, 0.1, 0.5]}
PEAK = TheorySurveySettings(simulation=NEARBY, grid="proper-4mpc", beam_fwhm=0.15, centring=CENTRED)


def sky(n, seed=0):
    """Return clusters as three views (n, 3, 80, 80), their redshifts and their maps of matter."""
    rng = np.random.default_rng(seed)
    axis = np.arange(80) - 39.5
    blob = -0.0005 * np.hypot(axis[:, None], axis) ** 2
    logs = blob + rng.normal(0, 0.3, (n, 3, 1, 1)) + rng.normal(0, 0.05, (n, 3, 80, 80))
    maps = 10.0 ** (logs + np.array([-5.0, 3.0, 12.0])[:, None, None])
    target = 10.0 ** (13.5 + logs.mean(1))
    return maps.astype(np.float32), rng.uniform(0.05, 0.3, n), target.astype(np.float32)


def calibration(width=1.0):
    """Return a calibration that states ``width`` times the network's standard deviations."""
    row = tuple(width * z for z in (-2.0, -1.0, 0.0, 1.0, 2.0))
    return Calibration(
        pixels=PixelCalibration(edges=(), half_68=(width,), half_95=(2 * width,)),
        apertures=ApertureCalibration(edges=(), quantiles=((row,),) * N_RADII),
    )


def make_mapper(model=None, survey=PEAK, views=VIEWS):
    """Return an untrained mapper; each set of views has a calibration of its own."""
    torch.manual_seed(
        4
    )  # with one or seven all its rectifiers are shut: it would answer the same to everything
    settings = {"kind": "any_view", "width": 2, "depth": 3, "with_redshift": True} | (model or {})
    settings = {name: value for name, value in settings.items() if value is not None}
    network = build_map_model(settings)
    maps, redshift, target = sky(40, 1)
    maps = maps[:, : len(views)]
    tensors = (torch.from_numpy(a.astype(np.float32)) for a in (maps, redshift, target))
    shown, z, truth = tensors
    network.fit_scaling(Batch(shown, z, None, truth))
    quantities = tuple(MapQuantity(view) for view in views)
    linear = toy_linear(maps, target, quantities, subsets_of(network, len(views)))
    facts = MapperFacts(
        model=settings,
        sha256="",
        linear_sha256="",
        linear=dict(linear.facts),
        views=views,
        survey=survey,
        physics=("gadgetx", "gizmo"),
        seed=3,
        calibrations={
            subset_name(quantities, one): calibration(1.0 + 0.1 * sum(one))
            for one in subsets_of(network, len(views))
        },
        domain=ViewDomain.fit(maps, views),
        sizes={"train": 40, "validation": 40, "train_parents": 40},
        provenance={"commit": "abc", "network": "any"},
    )
    return Mapper(facts, ready(network), linear)


@pytest.fixture(scope="module")
def mapper():
    return make_mapper()


@pytest.fixture(scope="module")
def saved(mapper, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mappers") / "any"
    mapper.save(folder)
    return folder


@pytest.fixture
def own(saved, tmp_path):
    """A copy, to be damaged."""
    return shutil.copytree(saved, tmp_path / "own")


def change(folder, **changes):
    """Lay changes over the description; None takes a setting out."""
    path = folder / DESCRIPTION
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


def same(a: PredictedMaps, b: PredictedMaps):
    arrays = ("mean", "log10_median", "half_68_dex", "half_95_dex", "mass_quantiles_msun", "radii_mpc")
    return a.name == b.name and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in arrays)


class TestAnswers:
    @pytest.mark.parametrize("present", [ALL, TWO, (False, True, False)])
    def test_maps_with_intervals_and_masses(self, mapper, present):
        maps, redshift, _ = sky(5)
        found = mapper.predict(maps, redshift, present)
        assert found.mean.shape == found.log10_median.shape == (5, 80, 80)
        assert found.mass_quantiles_msun.shape == (5, N_RADII, len(LEVELS))
        # By hand: the calibration of this set of views, times what the network says.
        mean, median, sd = answer(mapper.network, maps, redshift, present)
        width = 1.0 + 0.1 * sum(present)
        np.testing.assert_allclose(found.half_68_dex, width * sd, rtol=1e-6)
        np.testing.assert_allclose(found.half_95_dex, 2 * width * sd, rtol=1e-6)
        np.testing.assert_allclose(np.log10(found.mean), median + 0.5 * np.log(10) * sd**2, rtol=1e-5)
        assert found.radii_mpc[0] == pytest.approx(np.arange(1, 11) * 0.2)  # to half of 80 x 0.05 Mpc
        sums = aperture_sums(mean) * 0.05**2
        np.testing.assert_allclose(found.mass_quantiles_msun[..., 2], sums, rtol=1e-6)
        expected = np.log(10) * aperture_sums(mean * sd) / aperture_sums(mean)
        upper = np.log(found.mass_quantiles_msun[..., 3] / sums)
        np.testing.assert_allclose(upper, width * expected, rtol=1e-5)

    def test_each_cluster_has_the_interval_of_its_mass(self, mapper):
        """The bins of masses are those of the fit: sums over pixels, whatever a pixel measures."""
        maps, redshift, _ = sky(12, 5)
        mean, _, sd = answer(mapper.network, maps, redshift, ALL)
        sums, scale = aperture_sums(mean), aperture_scale(mean, sd)
        middle = float(np.median(np.log10(sums[:, -1])))
        rows = tuple(tuple(width * z for z in (-2.0, -1.0, 0.0, 1.0, 2.0)) for width in (1.0, 3.0))
        table = ApertureCalibration(edges=(middle,), quantiles=(rows,) * N_RADII)
        one = calibration().model_copy(update={"apertures": table})
        facts = mapper.facts.model_copy(update={"calibrations": {"sz+xray+star": one}})
        found = replace(mapper, facts=facts).predict(maps, redshift).mass_quantiles_msun
        width = np.log(found[:, 0, 3] / found[:, 0, 2]) / scale[:, 0]
        np.testing.assert_allclose(width, np.where(np.log10(sums[:, -1]) < middle, 1.0, 3.0), rtol=1e-5)

    def test_a_view_that_is_there_is_read(self, mapper):
        """Negative control of all that is said below of views that are not read."""
        maps, redshift, _ = sky(3)
        for i in range(3):
            other = maps.copy()
            other[:, i] *= 3.0
            assert not same(mapper.predict(maps, redshift), mapper.predict(other, redshift))

    def test_all_views_unless_said_otherwise(self, mapper):
        maps, redshift, _ = sky(3)
        assert same(mapper.predict(maps, redshift), mapper.predict(maps, redshift, ALL))
        assert mapper.predict(maps, redshift).name == "sz+xray+star"

    @pytest.mark.parametrize("present", [ALL, TWO, (False, True, False)])
    def test_a_boring_estimate_stands_beside(self, mapper, present):
        maps, _, _ = sky(5, 2)
        plain = mapper.linear.maps[subset_name(QUANTITIES, present)].predict(maps)
        found = mapper.linear_masses(maps, present)
        sums = aperture_sums(plain) * 0.05**2
        np.testing.assert_allclose(found[..., 2], sums, rtol=1e-6)
        np.testing.assert_allclose(np.log(found[..., 3] / sums), 0.1, rtol=1e-5)
        maps[:, [not there for there in present]] = np.nan
        np.testing.assert_array_equal(mapper.linear_masses(maps, present), found)
        with pytest.raises(MapError, match="cannot map a cluster"):
            mapper.linear_masses(maps, (False, False, False))

    def test_the_density_is_recalibrated_before_it_is_summed(self, mapper):
        maps, redshift, _ = sky(3)
        doubled = {
            name: one.model_copy(update={"density": DensityCalibration(log10_density=(0.0,), factors=(2.0,))})
            for name, one in mapper.facts.calibrations.items()
        }
        twice = replace(mapper, facts=mapper.facts.model_copy(update={"calibrations": doubled}))
        before, after = (one.predict(maps, redshift) for one in (mapper, twice))
        np.testing.assert_allclose(after.mean, 2 * before.mean, rtol=1e-6)
        np.testing.assert_allclose(after.mass_quantiles_msun, 2 * before.mass_quantiles_msun, rtol=1e-6)
        np.testing.assert_array_equal(after.log10_median, before.log10_median)

    def test_more_clusters_than_one_batch(self, mapper):
        maps, redshift, _ = sky(BATCH + 3)
        together = mapper.predict(maps, redshift)
        last = mapper.predict(maps[-2:], redshift[-2:])
        np.testing.assert_allclose(together.log10_median[-2:], last.log10_median, atol=1e-4)
        np.testing.assert_allclose(together.mass_quantiles_msun[-2:], last.mass_quantiles_msun, rtol=1e-3)

    @pytest.mark.parametrize("filling", [np.nan, np.inf, 0.0, -1.0])
    def test_what_a_missing_view_holds_is_never_read(self, mapper, filling):
        maps, redshift, _ = sky(3)
        before = mapper.predict(maps, redshift, TWO)
        flags, reasons = mapper.judge(maps, TWO)
        maps[:, 1] = filling
        assert same(mapper.predict(maps, redshift, TWO), before)
        again, words = mapper.judge(maps, TWO)
        assert (again.tolist(), words) == (flags.tolist(), reasons)

    def test_missing_stars_are_not_read_for_galaxies_either(self):
        mapper = make_mapper({"galaxies": 2})
        maps, redshift, _ = sky(3)
        gone = (True, True, False)
        before, whole = mapper.predict(maps, redshift, gone), mapper.predict(maps, redshift)
        maps[:, 2] = np.nan
        assert same(mapper.predict(maps, redshift, gone), before)
        assert not same(whole, make_mapper().predict(sky(3)[0], redshift))

    def test_the_redshift_is_read_where_it_was_taught(self, mapper):
        maps, redshift, _ = sky(3)
        far = mapper.predict(maps, redshift + 0.5)
        assert not same(far, mapper.predict(maps, redshift))
        plain = make_mapper({"kind": "unet", "with_redshift": None})
        assert same(plain.predict(maps, redshift + 0.5), plain.predict(maps, redshift))

    def test_a_network_without_errors_has_those_of_its_calibration(self):
        plain = make_mapper({"kind": "unet", "with_redshift": None}, TheorySurveySettings(beam_fwhm=0.01))
        maps, redshift, _ = sky(3)
        found = plain.predict(maps, redshift)
        assert np.unique(found.half_68_dex) == pytest.approx([1.3])  # dex
        np.testing.assert_allclose(np.log10(found.mean), found.log10_median, rtol=1e-6)
        ratio = found.mass_quantiles_msun[..., 4] / found.mass_quantiles_msun[..., 2]
        np.testing.assert_allclose(ratio, np.exp(2 * 1.3), rtol=1e-6)
        assert found.radii_mpc[0] == pytest.approx(np.arange(1, 11) * 0.1)  # of R200c
        assert plain.subsets == [ALL]

    def test_what_it_was_trained_on(self, mapper):
        assert mapper.views == QUANTITIES
        assert (mapper.grid.kind, mapper.grid.n_pixels, mapper.grid.pixel_value) == ("proper", 80, 0.05)
        assert mapper.beam == 0.15
        assert mapper.redshift_range == (0.02, 0.5)
        assert mapper.cosmology.name == "planck18"  # of the preset
        assert mapper.subsets[0] == ALL
        assert len(mapper.subsets) == 7

    def test_a_strange_cluster_is_flagged(self, mapper):
        maps, _, _ = sky(6, 1)  # of those that the ranges were taken from
        maps[0, 1] *= 1e4
        flags, reasons = mapper.judge(maps, ALL)
        assert FLAGS[flags[0]] == "out-of-domain"
        assert any("xray_surface_brightness" in reason for reason in reasons[0])
        assert (flags[1:] < flags[0]).all()


class TestRefusals:
    def test_views_that_the_network_was_not_taught(self, mapper):
        maps, redshift, _ = sky(2)
        plain = make_mapper({"kind": "unet", "with_redshift": None})
        with pytest.raises(MapError, match="cannot map a cluster from these views") as caught:
            plain.predict(maps, redshift, TWO)
        assert (caught.value.expected, caught.value.got) == ("sz+xray+star", "sz+star")
        with pytest.raises(MapError, match="cannot map a cluster from these views") as caught:
            mapper.predict(maps, redshift, (False, False, False))
        assert caught.value.got == "nothing"
        assert "sz+xray or sz+star" in caught.value.expected
        with pytest.raises(MapError, match="cannot map a cluster") as caught:
            mapper.predict(maps, redshift, (True, False))
        assert caught.value.got == "(True, False)"

    @pytest.mark.parametrize("shape", [(2, 3, 40, 40), (2, 2, 80, 80), (3, 80, 80), (2, 3, 80, 79)])
    def test_other_pixels(self, mapper, shape):
        with pytest.raises(MapError, match="not on the pixels") as caught:
            mapper.predict(np.ones(shape, np.float32), np.full(2, 0.1))
        assert "(n, 3, 80, 80)" in caught.value.expected
        assert str(shape) in caught.value.got

    @pytest.mark.parametrize("bad", [0.0, -1e-9, np.nan, np.inf])
    def test_pixels_without_a_logarithm(self, mapper, bad):
        maps, redshift, _ = sky(2)
        maps[1, 2, 4, 5:8] = bad
        with pytest.raises(MapError, match="without a positive number") as caught:
            mapper.predict(maps, redshift, TWO)
        assert caught.value.got == "3 pixels that are not"
        assert mapper.predict(maps, redshift, (True, True, False)).mean.shape == (2, 80, 80)


class TestFolder:
    @pytest.mark.parametrize(
        ("model", "survey"),
        [
            ({}, PEAK),
            ({"kind": "unet", "with_redshift": None}, TheorySurveySettings(also=("gas_surface_density",))),
            (
                {
                    "kind": "pix2pix", "generator": {"width": 2, "depth": 3}, "discriminator_width": 2,
                    "width": None, "depth": None, "with_redshift": None,
                },
                TheorySurveySettings(),
            ),
        ],
        ids=["any_view", "unet", "pix2pix"],
    )  # fmt: skip
    def test_it_answers_the_same_after_a_round_trip(self, model, survey, tmp_path):
        mapper = make_mapper(model, survey)
        mapper.save(tmp_path / "one")
        again = Mapper.load(tmp_path / "one")
        maps, redshift, _ = sky(4)
        for present in mapper.subsets:
            assert same(mapper.predict(maps, redshift, present), again.predict(maps, redshift, present))
            assert np.array_equal(mapper.linear_masses(maps, present), again.linear_masses(maps, present))
        assert is_same(mapper.linear, again.linear)
        files = {"sha256": WEIGHTS, "linear_sha256": LINEAR}
        digests = {key: sha256_of(tmp_path / "one" / file) for key, file in files.items()}
        assert again.facts == mapper.facts.model_copy(update=digests)
        assert again.facts.survey.build(3).settings() == survey.build(3).settings()
        again.save(tmp_path / "two")
        for name in (DESCRIPTION, WEIGHTS, LINEAR):
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()

    def test_half_the_bytes_give_nearly_the_same_maps(self, mapper, tmp_path):
        mapper.save(tmp_path / "whole")
        mapper.save(tmp_path / "half", half=True)
        whole, half = (load_file(tmp_path / name / WEIGHTS) for name in ("whole", "half"))
        assert half["head.weight"].dtype == torch.float16
        assert torch.equal(half["views.mean"], whole["views.mean"])
        maps, redshift, _ = sky(4)
        before, after = (one.predict(maps, redshift) for one in (mapper, Mapper.load(tmp_path / "half")))
        assert not torch.equal(
            half["head.weight"].float(), whole["head.weight"]
        )  # negative control: it is rounded
        np.testing.assert_allclose(after.log10_median, before.log10_median, atol=3e-3)

    def test_other_weights_answer_otherwise(self, mapper):
        """Negative control of the equality above."""
        other = replace(mapper, network=make_mapper().network)
        with torch.no_grad():
            other.network.head.bias.add_(1e-3)
        maps, redshift, _ = sky(4)
        assert not same(mapper.predict(maps, redshift), other.predict(maps, redshift))

    def test_no_folder_of_a_mapper(self, tmp_path):
        with pytest.raises(CheckpointError, match="not the folder of a mapper") as caught:
            Mapper.load(tmp_path)
        assert caught.value.where == str(tmp_path)

    @pytest.mark.parametrize(("file", "ending"), [(WEIGHTS, "weight"), (LINEAR, "transfer")])
    def test_weights_that_were_changed(self, own, file, ending):
        tensors = load_file(own / file)
        name = next(name for name in sorted(tensors) if name.endswith(ending))
        tensors[name] = tensors[name] * 1.5
        save_file(tensors, own / file)
        with pytest.raises(CheckpointError, match="not those that the mapper was calibrated with"):
            Mapper.load(own)

    @pytest.mark.parametrize("file", [WEIGHTS, LINEAR])
    def test_weights_that_are_missing(self, own, file):
        (own / file).unlink()
        with pytest.raises(CheckpointError, match="missing"):
            Mapper.load(own)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"model": {"kind": "any_vew"}}, "did you mean 'any_view'"),
            ({"model": {"kind": "any_view", "widht": 2}}, "did you mean 'width'"),
            ({"views": None}, "setting is missing"),
            ({"views": ["compton_y", "xray_surface_brightness", "stars"]}, "map quantity is not known"),
            ({"calibrations": {"sz": {"pixels": 1}}}, "calibrations"),
            ({"survey": {"gird": "two-r200"}}, "did you mean 'grid'"),
        ],
    )
    def test_a_damaged_description(self, own, changes, words):
        change(own, **changes)
        with pytest.raises(CheckpointError, match="description is damaged") as caught:
            Mapper.load(own)
        assert words in str(caught.value)

    def test_another_format(self, own):
        change(own, format="zwicky-estimator")
        with pytest.raises(CheckpointError, match="of another format"):
            Mapper.load(own)

    @pytest.mark.parametrize("missing", ["sz+star", "sz+xray+star"])
    @pytest.mark.parametrize("table", ["calibrations", "linear"])
    def test_a_description_without_a_calibration(self, own, missing, table):
        kept = json.loads((own / DESCRIPTION).read_text())[table]
        change(own, **{table: {name: one for name, one in kept.items() if name != missing}})
        with pytest.raises(CheckpointError, match="description is of another network"):
            Mapper.load(own)

    @pytest.mark.parametrize(
        "changes",
        [
            {"model": {"kind": "any_view", "width": 4, "depth": 3, "with_redshift": True}},
            {"model": {"kind": "any_view", "width": 2, "depth": 3}},
            {"model": {"kind": "unet", "width": 2, "depth": 3}},
            {"views": list(VIEWS[:2])},
            {"views": [VIEWS[1], VIEWS[0], VIEWS[2]]},
        ],
    )
    def test_a_description_of_another_network(self, own, changes):
        change(own, **changes)
        with pytest.raises(CheckpointError, match="description is of another network"):
            Mapper.load(own)


class TestNames:
    def test_sets_of_views_are_named_in_order(self):
        names = [subset_name(QUANTITIES, one) for one in make_mapper().subsets]
        assert names == ["sz+xray+star", "sz+xray", "sz+star", "sz", "xray+star", "xray", "star"]

    def test_other_maps_keep_their_names(self):
        two = (MapQuantity.GAS_SURFACE_DENSITY, MapQuantity.COMPTON_Y)
        assert subset_name(two, (True, True)) == "gas_surface_density+sz"
        assert subset_name(two, (False, False)) == "nothing"


class TestRecord:
    """What a method says: its parts belong together, or are refused."""

    def test_half_an_interval(self):
        mean = np.ones((2, 4, 4), np.float32)
        with pytest.raises(MapError, match="An interval needs its centre and its widths") as caught:
            PredictedMaps("toy", mean, mean, mean)
        assert caught.value.where == "predictions 'toy'"
        with pytest.raises(MapError, match="An interval needs its centre"):
            PredictedMaps("toy", mean, radii_mpc=np.ones((2, 3)))

    def test_intervals_on_other_pixels(self):
        mean, other = np.ones((2, 4, 4), np.float32), np.ones((2, 4, 5), np.float32)
        with pytest.raises(MapError, match="on the pixels and radii of the prediction"):
            PredictedMaps("toy", mean, other, mean, mean)
        with pytest.raises(MapError, match="on the pixels and radii of the prediction"):
            PredictedMaps("toy", mean, mass_quantiles_msun=np.ones((2, 3, 4)), radii_mpc=np.ones((2, 3)))

    @pytest.mark.parametrize(
        "bad", [np.ones((2, 4, 5)), np.ones((4, 4)), np.zeros((2, 4, 4)), np.ones((0, 4, 4))]
    )
    def test_what_is_no_map(self, bad):
        with pytest.raises(MapError, match="not maps of a surface density"):
            PredictedMaps("toy", bad)
        with pytest.raises(MapError, match="not maps of a surface density"):
            PredictedMaps("toy", np.full((1, 4, 4), np.nan))

    def test_some_clusters_can_be_picked(self, mapper):
        maps, redshift, _ = sky(4)
        whole = mapper.predict(maps, redshift)
        picked = whole.selected(np.array([2, 0]))
        np.testing.assert_array_equal(picked.mass_quantiles_msun, whole.mass_quantiles_msun[[2, 0]])
        np.testing.assert_array_equal(picked.half_95_dex, whole.half_95_dex[[2, 0]])
        assert PredictedMaps("toy", whole.mean).selected(np.arange(4) > 1).mean.shape == (2, 80, 80)
