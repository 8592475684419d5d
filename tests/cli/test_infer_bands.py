"""``zwicky infer --band``: what it prints and writes, and what it refuses."""

import json
from itertools import pairwise

import pytest

from tiny_bands import AT, BANDS
from zwicky import cli_infer

PARTS = ("where", "expected", "got", "fix")


@pytest.fixture
def infer(zwicky, bands, band_estimator):
    """Run the command on all bands, or on those of some files."""

    def run(*options, position=("--center", AT), checkpoint=("--checkpoint", band_estimator), **files):
        given = [part for text in bands.options(**files) for part in ("--band", text)]
        return zwicky("infer", *given, "-z", bands.redshift, *position, *checkpoint, *options)

    return run


@pytest.fixture
def refused(infer, tmp_path):
    """Run into an error, in words and as JSON, and return its parts; nothing is written."""

    def run(*options, **how):
        before = sorted(tmp_path.rglob("*"))
        worded, parsed = infer(*options, **how), infer(*options, "--json", **how)
        assert sorted(tmp_path.rglob("*")) == before
        assert (worded.status, parsed.status, worded.out, parsed.err) == (2, 2, "", "")
        message = json.loads(parsed.out)
        assert worded.err.startswith(f"{message['error']}: {message['what']}\n")
        assert all(message[part] for part in PARTS)
        return message

    return run


def test_words_and_json(infer):
    words = infer("--name", "SPT-CL J0000")
    assert (words.status, words.err) == (0, "")
    assert words.out.startswith("SPT-CL J0000, z = ")
    assert "network (mresunet_mass x 1)" in words.out
    assert "  band 220 GHz: map220.fits" in words.out
    content = json.loads(infer("--json").out)
    for method in ("network", "classical"):
        quantiles = [content[method][name] for name in ("p2.5", "p16", "median", "p84", "p97.5")]
        assert all(low < high for low, high in pairwise(quantiles))
    assert [one["band"] for one in content["inputs"]] == list(BANDS.values())
    assert content["flag"] in ("in-domain", "edge", "out-of-domain")
    assert content["mass_definition"] == "M500c"


def test_files_and_an_existing_answer(infer, refused, tmp_path):
    out = tmp_path / "answers" / "first"
    done = infer("--out", out, "--json")
    assert (done.status, done.err) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == ["answer.json", "stamp.fits"]
    kept = json.loads((out / "answer.json").read_text())
    assert kept.pop("estimator")["survey"]["instrument"] == "spt3g"
    assert kept == json.loads(done.out)
    stamp = out / "stamp.fits"
    again = infer("--json", position=(), b95=stamp, b150=stamp, b220=stamp)
    assert json.loads(again.out)["network"] == kept["network"]
    assert "already holds an answer" in refused("--out", out)["what"]


def test_settings_reach_their_band(infer, bands):
    bare = bands.write("150", "bare.fits", BUNIT=None, BMAJ=None, BMIN=None)
    stated = infer("--json", "--set", "150.unit=uK_CMB", "--set", "150.beam=1.17", b150=bare)
    assert json.loads(stated.out)["network"] == json.loads(infer("--json").out)["network"]
    assert "150 GHz: beam 1.17 arcmin as stated by --set 150.beam" in json.loads(stated.out)["notes"]


def test_masses_scale_with_the_hydrostatic_bias(infer):
    one, other = (json.loads(infer("--json", *more).out) for more in ((), ("--one-minus-bias", 0.8)))
    assert other["network"]["median"] == pytest.approx(one["network"]["median"] / 0.8)


def test_bands_that_no_shipped_estimator_takes(refused, monkeypatch):
    monkeypatch.setattr(cli_infer, "MICROWAVE_ESTIMATORS", {})
    message = refused(checkpoint=())
    assert message["error"] == "ConfigError"
    assert "No estimator of so many microwave bands ships" in message["what"]
    assert "3 bands and no --checkpoint" in message["got"]


def test_the_default_is_that_of_as_many_bands(infer, refused, band_estimator, monkeypatch):
    monkeypatch.setattr(cli_infer, "MICROWAVE_ESTIMATORS", {3: str(band_estimator)})
    assert infer(checkpoint=()).status == 0
    monkeypatch.setattr(cli_infer, "MICROWAVE_ESTIMATORS", {1: str(band_estimator), 3: "gupta"})
    assert "no such estimator" in refused(checkpoint=())["what"]


def test_a_missing_band(zwicky, bands, band_estimator):
    one = ("--band", bands.options()[1])
    done = zwicky("infer", *one, "-z", bands.redshift, "--center", AT, "--checkpoint", band_estimator)
    assert done.status == 2
    assert done.err.startswith("ConfigError: A band is missing: 95 GHz, 220 GHz.")
    assert "the estimator's bands: 95, 150, 220 GHz" in done.err


@pytest.mark.parametrize(
    "option",
    [("--unit", "uK_CMB"), ("--beam", 1), ("--pixel-scale", 1), ("--hdu", 1), ("--recenter", 1)],
)
def test_options_of_one_map_are_not_passed_over(refused, option):
    message = refused(*option)
    assert message["what"] == "This option is one of MAP.fits only."
    assert message["got"] == option[0]
    assert "--set 150.beam=1.2" in message["fix"]


def test_several_questions_at_once(refused, bands):
    two = refused("--y", bands.paths["95"])
    assert "are two questions" in two["what"]
    assert "map95.fits and --band" in two["got"]
    three = refused(bands.paths["95"], "--y", bands.paths["95"])
    assert "are three questions" in three["what"]


def test_a_wrong_unit_in_words(refused, bands):
    wrong = bands.write("150", "wrong.fits", BUNIT="K_RJ")
    message = refused(b150=wrong)
    assert message["error"] == "UnitError"
    assert "(band 150)" in message["what"]
    assert "1 K_RJ is 1.735 K_CMB" in message["fix"]


def test_a_map_too_large_to_read(refused):
    assert "larger than is allowed" in refused("--max-pixels", 100)["what"]


def test_one_map_and_an_estimator_of_bands(zwicky, bands, band_estimator):
    done = zwicky("infer", bands.paths["150"], "-z", bands.redshift, "--checkpoint", band_estimator)
    assert done.status == 2
    assert "weighs bands of the microwave sky, not one map" in done.err
    assert "zwicky infer --band 150=MAP.fits" in done.err


def test_help_tells_of_bands(zwicky, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    words = " ".join(zwicky("infer", "--help").out.replace("│", " ").split())
    assert "--band" in words
    assert "FREQ=FILE" in words
