"""``zwicky infer`` on views: any of them, what it prints and writes, and what it refuses to mix."""

import json

import numpy as np
import pytest
import torch

from painted_views import AT, PEAK, REDSHIFT, FakeMapper, expected_stamp, write_view
from toy_linear import toy_linear
from zwicky.core.config import did_you_mean
from zwicky.data.fits_mass_map import read_mass_map
from zwicky.inference.folder import ready
from zwicky.inference.mapping.calibration import N_RADII, ApertureCalibration, Calibration, PixelCalibration
from zwicky.inference.mapping.domain import ViewDomain
from zwicky.inference.mapping.mapper import Mapper, MapperFacts, subset_name
from zwicky.mocks.theory_settings import TheorySurveySettings
from zwicky.mocks.theory_survey import FIXED_PROPER
from zwicky.models.any_view import AnyView, AnyViewSettings
from zwicky.models.base import Batch
from zwicky.workflows.mapping import infer as workflow

PARTS = ("where", "expected", "got", "fix")


@pytest.fixture
def views(tmp_path):
    folder = tmp_path / "views"
    folder.mkdir()
    return {name: write_view(folder / f"{name}.fits", name) for name in ("y", "xray", "stars")}


@pytest.fixture
def mapper(monkeypatch):
    """A mapper in the place of a trained one; what was asked for is remembered."""
    fake = FakeMapper()
    fake.asked = []

    def load(checkpoint):
        fake.asked.append(checkpoint)
        return fake

    monkeypatch.setattr(workflow, "load_mapper", load)
    return fake


@pytest.fixture
def infer(zwicky, mapper):
    def run(*options, position=("--center", AT)):
        return zwicky("infer", "-z", REDSHIFT, *position, *options)

    return run


@pytest.fixture
def refused(infer, tmp_path):
    """Run into an error, in words and as JSON, and return its parts; nothing is written."""

    def run(*options, **position):
        before = sorted(tmp_path.rglob("*"))
        worded, parsed = infer(*options, **position), infer(*options, "--json", **position)
        assert sorted(tmp_path.rglob("*")) == before
        assert (worded.status, parsed.status, worded.out, parsed.err) == (2, 2, "", "")
        message = json.loads(parsed.out)
        assert worded.err.startswith(f"{message['error']}: {message['what']}\n")
        assert "Traceback" not in worded.err
        return message

    return run


def given(views, *names):
    return [part for name in names for part in (f"--{name}", views[name])]


@pytest.mark.parametrize("names", [("y",), ("xray", "stars"), ("y", "xray", "stars")])
def test_words_and_json(infer, views, mapper, names):
    done = infer(*given(views, *names), "--name", "A1", "--checkpoint", "my/mapper")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("A1, z = 0.1, 40 x 40 pixels")
    for name in names:
        assert f"  view {name}: {name}.fits" in done.out
    assert "M(<R) [1e14 Msun]" in done.out
    content = json.loads(infer(*given(views, *names), "--json").out)
    assert [one["view"] for one in content["inputs"]] == list(names)
    assert content["missing"] == [name for name in views if name not in names]
    assert mapper.asked == ["my/mapper", "deandres2024"]


def test_files_and_an_existing_answer(infer, refused, views, tmp_path, mapper):
    out = tmp_path / "answers" / "A1"
    done = infer(*given(views, "y", "stars"), "--out", out, "--json")
    assert (done.status, done.err) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == ["answer.json", "mass_map.fits", "report.html"]
    assert json.loads((out / "answer.json").read_text()) == json.loads(done.out)
    assert np.isfinite(read_mass_map(out / "mass_map.fits").sd).all()
    n_asked = len(mapper.seen)
    message = refused(*given(views, "y"), "--out", out)
    assert "already holds an answer" in message["what"]
    assert len(mapper.seen) == n_asked, "said before any work is done"


def test_settings_reach_their_view(infer, tmp_path, views):
    bare = {
        "y": write_view(tmp_path / "y.fits", "y", leave_out=("BUNIT", "BMAJ", "BMIN")),
        "xray": write_view(tmp_path / "x.fits", "xray", leave_out=("BUNIT",)),
    }
    options = ("--set", "y.unit=Compton-y", "--set", "y.beam=1.2", "--set", "xray.unit=erg / (s kpc2)")
    whole, stated = (
        json.loads(infer(*given(which, "y", "xray"), *more, "--json").out)["masses"]
        for which, more in ((views, ()), (bare, options))
    )
    assert stated == whole


def test_a_position_in_hours(infer, views):
    there = infer(*given(views, "y"), "--json")
    hours = infer(*given(views, "y"), "--json", position=("--center", "13:00:00 +28:00:00"))
    assert json.loads(hours.out)["masses"] == json.loads(there.out)["masses"]


def test_two_questions_at_once(refused, views):
    message = refused(views["y"], *given(views, "xray"))
    assert "two questions" in message["what"]
    assert "y.fits and --xray" in message["got"]


def test_nothing_to_ask_about(refused):
    message = refused()
    assert "no map of the cluster" in message["what"]
    assert "--y, --xray and --stars" in message["expected"]
    assert all(message[part] for part in PARTS)


@pytest.mark.parametrize(
    "option",
    [("--unit", "Compton-y"), ("--beam", 1), ("--pixel-scale", 1), ("--hdu", 1), ("--recenter", 1)],
)
def test_options_of_one_map_are_not_passed_over(refused, views, option):
    message = refused(*given(views, "y"), *option)
    assert message["what"] == "This option is one of MAP.fits only."
    assert message["got"] == option[0]
    assert "--set y.beam=1.2" in message["fix"]


def test_a_map_of_the_mass_has_no_bias(refused, views):
    message = refused(*given(views, "y"), "--one-minus-bias", 0.8)
    assert message["what"] == "This option is one of MAP.fits and bands only."
    assert message["got"] == "--one-minus-bias"


def test_settings_of_views_are_not_passed_over(refused, views):
    message = refused(views["y"], "--set", "y.beam=1.2")
    assert message["what"] == "This option is one of views and bands only."
    assert message["got"] == "--set"


def test_a_mistyped_setting(refused, views):
    message = refused(*given(views, "y"), "--set", "y.baem=1.2")
    assert message["error"] == "ConfigError"
    assert message["fix"] == did_you_mean("baem", ["unit", "pixel", "beam", "hdu"]) == "did you mean 'beam'?"


def test_no_such_mapper(zwicky, views):
    done = zwicky("infer", *given(views, "y"), "-z", REDSHIFT, "--center", AT, "--checkpoint", "nowhere")
    assert done.status == 2
    assert done.err.startswith("CheckpointError: There is no such mapper.")
    assert "the folder of a mapper" in done.err


def test_an_estimator_is_no_mapper(zwicky, views, tmp_path):
    done = zwicky("infer", *given(views, "y"), "-z", REDSHIFT, "--center", AT, "--checkpoint", tmp_path)
    assert done.status == 2
    assert "not the folder of a mapper" in done.err


def test_help_says_what_the_x_ray_view_is(zwicky, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    done = zwicky("infer", "--help")
    words = " ".join(done.out.replace("│", " ").split())
    assert "*emitted* per proper area at the cluster" in words
    assert "--set" in words


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A whole mapper in its folder, of the real kind, that was never taught."""
    torch.manual_seed(1)
    survey = TheorySurveySettings(grid="proper-4mpc", beam_fwhm=0.15)
    scale = 10.0 ** np.random.default_rng(1).uniform(-0.5, 0.5, (24, 1, 1, 1))
    stamps = scale * np.stack([expected_stamp(name, FIXED_PROPER, 0.15) for name in PEAK])
    target = 1e18 * stamps[:, 0]
    model = AnyViewSettings(n_pixels=80, width=3, depth=2)
    network = AnyView(model)
    views, target, z = (torch.tensor(a, dtype=torch.float32) for a in (stamps, target, np.full(24, 0.05)))
    network.fit_scaling(Batch(views, z, target=target))
    quantiles = (-0.2, -0.1, 0.0, 0.1, 0.2)
    calibration = Calibration(
        pixels=PixelCalibration(edges=(), half_68=(1.0,), half_95=(2.0,)),
        apertures=ApertureCalibration(edges=(), quantiles=((quantiles,),) * N_RADII),
    )
    subsets = network.subsets.tolist()
    linear = toy_linear(stamps.astype(np.float32), target.numpy(), survey.view_quantities, subsets)
    facts = MapperFacts(
        model=model.model_dump(mode="json"),
        sha256="",
        linear_sha256="",
        linear=dict(linear.facts),
        views=survey.views,
        survey=survey,
        physics=("gadgetx",),
        seed=1,
        calibrations={subset_name(survey.views, tuple(one)): calibration for one in network.subsets.tolist()},
        domain=ViewDomain.fit(stamps.astype(np.float32), survey.views),
        sizes={"train": 24},
        provenance={"commit": "abc"},
    )
    folder = tmp_path_factory.mktemp("mapper")
    Mapper(facts, ready(network), linear).save(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("names", [("xray",), ("y", "xray", "stars")])
def test_the_real_mapper_fits_in(zwicky, views, untrained, tmp_path, names):
    options = ("-z", REDSHIFT, "--center", AT, "--checkpoint", untrained, "--out", tmp_path / "answer")
    done = zwicky("infer", *given(views, *names), *options, "--json")
    assert (done.status, done.err) == (0, "")
    content = json.loads(done.out)
    assert [one["radius_mpc"] for one in content["masses"]] == pytest.approx(np.arange(1, 11) * 0.2)
    for one in content["masses"]:
        assert one["p2.5"] < one["p16"] < one["median"] < one["p84"] < one["p97.5"]
    assert content["mapper"]["model"]["kind"] == "any_view"
    assert any("the training clusters have z = 0.05" in note for note in content["notes"])
    assert read_mass_map(tmp_path / "answer" / "mass_map.fits").mean.shape == (80, 80)
