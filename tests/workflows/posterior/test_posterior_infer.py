"""From files of the views to samples of maps: what the network is shown, how sure it is, and what is refused before."""

import copy
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from astropy import units as u

from untrained_posterior import (
    AT,
    CENTER,
    REDSHIFT,
    TARGETS,
    VIEWS,
    untrained_mapper,
    view,
    without_layout,
    write_views,
)
from zwicky.core.errors import CheckpointError, ConfigError, MapError, RedshiftError, SamplingError
from zwicky.core.files import sha256_of
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity
from zwicky.data.fits_posterior import read_sampled_map
from zwicky.evaluation.posterior import cluster_report
from zwicky.inference.posterior.cylinders import cylinder_masses
from zwicky.workflows.mapping.views import view_files
from zwicky.workflows.posterior.answer import answer_text, as_dict, write_answer
from zwicky.workflows.posterior.infer import _boring, infer_posterior, load_posterior_mapper, pixel_text

WARNING = "do not use these without a reason"


@pytest.fixture(scope="module")
def mapper():
    return untrained_mapper()


@pytest.fixture(scope="module")
def views(mapper, tmp_path_factory):
    return write_views(tmp_path_factory.mktemp("views"), mapper.cosmology)


def infer(paths, mapper, settings=(), *, redshift=REDSHIFT, n_samples=3, **options):
    return infer_posterior(view_files(paths, settings), redshift, mapper, n_samples=n_samples, **options)


def with_facts(mapper, **changes):
    return replace(mapper, facts=mapper.facts.model_copy(update=changes))


@pytest.fixture(scope="module")
def answer(views, mapper):
    return infer(views, mapper, seed=4, name="A 2142")


# ---------- what the network is shown


def test_maps_of_the_network_s_own_pixels_reach_it_untouched(answer):
    assert [one.file.name for one in answer.used] == ["y", "xray"]
    for one in answer.used:
        np.testing.assert_allclose(one.stamp.map.values, view(one.file.name), rtol=1e-6)


def test_finer_pixels_are_averaged_and_never_smoothed(mapper, tmp_path):
    paths = write_views(tmp_path, mapper.cosmology, pixel_mpc=0.1, n_pixels=128)
    for one in infer(paths, mapper).used:
        fine = view(one.file.name, Grid(128, 0.1 * u.Mpc, "proper"))
        means = fine.reshape(64, 2, 64, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(one.stamp.map.values, means, rtol=1e-5)


def test_pixels_are_proper_at_any_redshift(mapper, tmp_path):
    """A cluster of the same proper maps at another redshift is shown alike: its angles are not."""
    paths = write_views(tmp_path, mapper.cosmology, redshift=0.08)
    answer = infer(paths, mapper, redshift=0.08)
    for one in answer.used:
        np.testing.assert_allclose(one.stamp.map.values, view(one.file.name), rtol=1e-6)
    wanted = 0.2 * mapper.cosmology.arcmin_per_mpc(0.08)
    assert answer.maps[0].grid.pixel_value == pytest.approx(wanted)
    assert answer.maps[0].pixel_mpc == 0.2


def test_the_order_of_the_options_does_not_matter(views, mapper, answer):
    turned = infer(dict(reversed(views.items())), mapper, seed=4, name="A 2142")
    np.testing.assert_array_equal(turned.maps[1].samples, answer.maps[1].samples)


def test_a_training_beam_is_brought_about(views, mapper):
    survey = mapper.facts.survey.model_copy(update={"beam_fwhm": 0.6})
    answer = infer(views, with_facts(mapper, survey=survey))
    assert answer.maps[0].beam_arcmin == pytest.approx(0.6 * mapper.cosmology.arcmin_per_mpc(REDSHIFT))
    assert answer.used[0].stamp.map.values.max() < 0.95 * view("y").max()
    assert any("smoothed from a beam" in note for note in answer.notes)


def test_a_position_in_wider_maps(mapper, tmp_path):
    wide = write_views(tmp_path, mapper.cosmology, n_pixels=70)
    answer = infer(wide, mapper, center=AT)
    np.testing.assert_allclose(answer.used[1].stamp.map.values, view("xray"), rtol=1e-5)
    assert answer.maps[0].center.separation(CENTER) < 1e-6 * u.arcsec
    with pytest.raises(MapError, match="Where in these maps is the cluster"):
        infer(wide, mapper)


# ---------- what it says


def test_samples_are_those_of_the_mapper(answer, mapper):
    maps = np.array([[one.stamp.map.values for one in answer.used]], np.float32)
    told = mapper.sample(maps, np.array([REDSHIFT]), 3, 4, ("A 2142",))
    for i, one in enumerate(answer.maps):
        assert (one.quantity, one.evaluations, one.seed, one.light) == (TARGETS[i], 2, 4, "in-domain")
        assert one.samples.dtype == np.float32
        np.testing.assert_allclose(one.samples, told.samples[0, :, i], rtol=1e-4)
    np.testing.assert_allclose(answer.log10_m200c, told.log10_m200c[0], atol=1e-4)
    np.testing.assert_allclose(
        answer.intervals.cylinders_msun, mapper.intervals(told).cylinders_msun, rtol=1e-4
    )


def test_seeds_and_names(views, mapper, answer):
    again, seed, name = (
        infer(views, mapper, seed=seed, name=name).maps[0].samples
        for seed, name in ((4, "A 2142"), (5, "A 2142"), (4, "A 2143"))
    )
    np.testing.assert_array_equal(again, answer.maps[0].samples)
    for other in (seed, name):
        assert np.abs(np.log10(other / again)).mean() > 0.01


def test_samples_are_told_as_they_come(views, mapper):
    told = []
    infer(views, mapper, n_samples=12, progress=lambda done, total: told.append((done, total)))
    assert told == [(10, 12), (12, 12)]


def test_the_boring_estimate_is_that_of_the_mean_map(answer, mapper):
    maps = np.array([[one.stamp.map.values for one in answer.used]], np.float32)
    mean, sd = mapper.predict_moments(maps, np.array([REDSHIFT]))
    # E[10^x] of a Gaussian x: 10^mu exp((ln(10) sd)^2 / 2).
    expected = 10.0 ** mean[0].astype(float) * np.exp(0.5 * (math.log(10.0) * sd[0].astype(float)) ** 2)
    masses = cylinder_masses(expected, mapper.grid, answer.intervals.radii_mpc)
    np.testing.assert_allclose(answer.boring.cylinders_msun, masses, rtol=1e-6)
    assert answer.boring.m200c_msun == pytest.approx(10.0 ** mapper.facts.deprojection.predict(expected))
    assert _boring(replace(mapper, moments=None), maps, np.array([REDSHIFT]), np.array([1.0])) is None


def test_words(answer):
    lines = answer_text(answer).splitlines()
    assert lines[0] == f"A 2142, z = 0.05, {pixel_text(answer.maps[0])}"
    assert "64 x 64 pixels of 0.2 Mpc" in lines[0]
    assert lines[0].endswith(", no beam")
    assert lines[1].startswith("  view y: y.fits, pixels of ")
    assert lines[3] == "  3 samples of gas and dark: 2 evaluations each (dpm2m), seed 4"
    assert lines[4] == "  light: green (in-domain)"
    bottom, low, median, high, top = (f"{m / 1e14:.3g}" for m in 10.0 ** answer.intervals.log10_m200c[0])
    columns = [lines[5].index(name) for name in ("[1e14 Msun]", "16-84 %", "2.5-97.5 %", "mean map alone")]
    shown = (median, f"{low} - {high}", f"{bottom} - {top}", f"{answer.boring.m200c_msun / 1e14:.3g}")
    assert lines[6].startswith("  M200c ")
    for column, text in zip(columns, shown, strict=True):
        assert lines[6][column:].split("  ")[0] == text
    assert sum("M(<" in line and line.startswith("  gas") for line in lines) == 5
    assert sum("M(<" in line and line.startswith("  dark") for line in lines) == 5
    assert any("too few held-out clusters" in line for line in lines)
    assert "those of the samples" in lines[-1]
    assert WARNING not in "\n".join(lines)
    calibrated = replace(answer, intervals=replace(answer.intervals, calibrated=True), boring=None)
    lines = answer_text(calibrated).splitlines()
    assert lines[6].endswith("  none")
    assert "recalibrated on held-out clusters" in lines[-1]


def test_json_says_all(answer, views):
    content = json.loads(json.dumps(as_dict(answer), allow_nan=False))
    assert (content["name"], content["redshift"], content["flag"]) == ("A 2142", REDSHIFT, "in-domain")
    assert (content["n_samples"], content["seed"], content["evaluations_per_sample"]) == (3, 4, 2)
    assert content["sampler"]["solver"] == "dpm2m"
    assert content["intervals_recalibrated"] is False
    assert content["m200c"]["median"] == 10.0 ** answer.intervals.log10_m200c[0, 2]
    assert len(content["m200c_samples"]) == 3
    for i, target in enumerate(TARGETS):
        rows = content["cylinder_masses"][target]
        plain = content["mean_map_masses"]["cylinder_masses"][target]
        assert [row["radius_mpc"] for row in rows] == list(answer.intervals.radii_mpc)
        for j, (row, one) in enumerate(zip(rows, plain, strict=True)):
            quantiles = [row[name] for name in ("p2.5", "p16", "median", "p84", "p97.5")]
            assert quantiles == list(answer.intervals.cylinders_msun[0, i, j])
            assert one["mass"] == answer.boring.cylinders_msun[i, j]
    assert [one["sha256"] for one in content["inputs"]] == [sha256_of(path) for path in views.values()]
    assert content["mapper"]["c5"] == {"evaluations": [2]}
    assert as_dict(replace(answer, boring=None))["mean_map_masses"] is None


def test_files_are_the_same_for_the_same_input(answer, views, mapper, tmp_path, monkeypatch):
    without_layout(monkeypatch)
    write_answer(answer, tmp_path / "a")
    write_answer(infer(views, mapper, seed=4, name="A 2142"), tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    maps = [f"{target}.fits" for target in TARGETS]
    assert names == sorted(["answer.json", "report.html", *maps])
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert json.loads((tmp_path / "a" / "answer.json").read_text()) == as_dict(answer)
    for name, one in zip(maps, answer.maps, strict=True):
        back = read_sampled_map(tmp_path / "a" / name)
        np.testing.assert_array_equal(back.samples, one.samples)
        assert (back.light, back.seed, back.mapper["provenance"]) == ("in-domain", 4, {"commit": "abc"})
    with pytest.raises(ConfigError, match="already holds an answer"):
        write_answer(answer, tmp_path / "a")


def test_an_answer_that_cannot_be_written_is_no_answer(answer, tmp_path, monkeypatch):
    def full_disk(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(cluster_report, "write_posterior_report", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_answer(answer, tmp_path)
    assert not (tmp_path / "answer.json").exists()


# ---------- how sure


def test_a_redshift_a_little_outside_is_yellow(mapper, tmp_path):
    answer = infer(write_views(tmp_path, mapper.cosmology, redshift=0.08), mapper, redshift=0.08)
    assert {one.light for one in answer.maps} == {"edge"}
    assert answer.reasons == (
        "z = 0.08, but the training clusters have z = 0.05: their evolution is not accounted for",
    )
    lines = answer_text(answer).splitlines()
    assert "  light: yellow (edge)" in lines


@pytest.mark.parametrize(
    ("beam_mpc", "light"), [(0.02, "in-domain"), (0.1, "in-domain"), (0.15, "edge"), (0.2, "edge")]
)
def test_a_beam_that_is_seen_is_yellow(mapper, tmp_path, beam_mpc, light):
    answer = infer(write_views(tmp_path, mapper.cosmology, beam_mpc=beam_mpc), mapper)
    assert answer.maps[0].light == light
    assert [reason.split(":")[0] for reason in answer.reasons] == (
        [] if light == "in-domain" else ["view y", "view xray"]
    )


def test_a_condition_outside_the_training_range_is_red(mapper, tmp_path):
    paths = write_views(
        tmp_path, mapper.cosmology, change=lambda name, values: values * (100.0 if name == "y" else 1.0)
    )
    answer = infer(paths, mapper)
    assert answer.maps[1].light == "out-of-domain"
    assert any(reason.startswith("compton_y") for reason in answer.reasons)
    assert WARNING in answer_text(answer).splitlines()[-1]
    assert np.isfinite(answer.maps[0].samples).all()


def hole(size):
    def change(name, values):
        values = values.copy()
        if name == "xray":
            values[10 : 10 + size, 10 : 10 + size] = np.nan
        return values

    return change


def test_a_small_hole_is_filled_and_said(mapper, tmp_path):
    answer = infer(write_views(tmp_path, mapper.cosmology, change=hole(2)), mapper)
    assert answer.used[1].stamp.map.mask.sum() == 4
    assert any(note.startswith("xray: 4 of 4096 pixels have no measurement") for note in answer.notes)
    assert all(np.isfinite(one.samples).all() for one in answer.maps)


# ---------- what is refused


def never(*_, **__):
    pytest.fail("samples were drawn")


@pytest.fixture
def silent(mapper, monkeypatch):
    """The mapper, which must not be asked."""
    monkeypatch.setattr(type(mapper), "sample", never)
    return mapper


def test_a_large_hole_is_refused_by_name(silent, tmp_path):
    with pytest.raises(MapError, match=r"Too much of the stamp has no measurement \(view xray\)"):
        infer(write_views(tmp_path, silent.cosmology, change=hole(12)), silent)


@pytest.mark.parametrize("n_samples", [-1, 0, 1])
def test_too_few_samples_are_refused_first(silent, n_samples):
    with pytest.raises(SamplingError, match="So few samples are no posterior"):
        infer_posterior([], None, silent, n_samples=n_samples)


@pytest.mark.parametrize(("redshift", "match"), [(None, "missing"), (0.2, "outside what the mapper")])
def test_redshifts_that_are_refused(silent, views, redshift, match):
    with pytest.raises(RedshiftError, match=match):
        infer(views, silent, redshift=redshift)


@pytest.mark.parametrize("names", [("y",), ("xray",), ("y", "xray", "stars")])
def test_other_views_are_refused(silent, views, names):
    paths = {name: views.get(name, views["y"]) for name in names}
    with pytest.raises(ConfigError, match="all of its views together") as refused:
        infer(paths, silent)
    assert refused.value.expected == "--y and --xray, each once"
    assert refused.value.got == ", ".join(f"--{name}" for name in names)


def test_a_view_twice_and_none_are_refused(silent, views):
    (y,) = view_files({"y": views["y"]})
    (xray,) = view_files({"xray": views["xray"]})
    for files in ([y, xray, y], []):
        with pytest.raises(ConfigError, match="all of its views together"):
            infer_posterior(files, REDSHIFT, silent)


def test_a_scaled_grid_is_refused(silent, views):
    survey = silent.facts.survey.model_copy(update={"grid": "two-r200"})
    with pytest.raises(CheckpointError, match="cannot be used on an observed cluster"):
        infer(views, with_facts(silent, survey=survey))


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"beam_mpc": 0.3}, r"beam is wider than the pixels of the network \(view y\)"),
        ({"pixel_mpc": 0.4, "n_pixels": 40}, r"pixels are wider than the pixels of the network \(view y\)"),
    ],
)
def test_blurred_and_coarse_maps_are_refused(silent, tmp_path, how, match):
    with pytest.raises(MapError, match=match):
        infer(write_views(tmp_path, silent.cosmology, **how), silent, center=AT)


def test_negative_maps_are_refused(silent, tmp_path):
    paths = write_views(tmp_path, silent.cosmology, change=lambda name, values: values - np.median(values))
    with pytest.raises(MapError, match=r"Too many pixels are zero or negative \(view y\)"):
        infer(paths, silent)


def test_a_sampler_that_diverges_names_step_and_cluster(views, mapper):
    broken = copy.deepcopy(mapper.network)
    with torch.no_grad():
        for parameter in broken.parameters():
            parameter.fill_(math.inf)
    with pytest.raises(SamplingError, match=r"step 1 of 2(.|\n)*A 2142"):
        infer(views, replace(mapper, network=broken), name="A 2142")


def test_folders(mapper, tmp_path):
    mapper.save(tmp_path / "mine")
    assert load_posterior_mapper(str(tmp_path / "mine")).targets == TARGETS
    with pytest.raises(CheckpointError, match="There is no such posterior mapper"):
        load_posterior_mapper(str(tmp_path / "nowhere"))
    assert set(VIEWS.values()) == {MapQuantity(name) for name in mapper.facts.views}
