"""``zwicky infer`` on bad input: status 2, five parts in words or JSON, and nothing written."""

import json
from pathlib import Path

import pytest
import torch

from tiny_experiment import CENTER

PARTS = ("where", "expected", "got", "fix")


def files_below(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def refused(zwicky, maps, tiny_run, tmp_path):
    """Run ``zwicky infer`` into an error, in words and as JSON, and return the parts of the message."""

    def run(path, *options, redshift=None, checkpoint=None, out=tmp_path / "answer", needs=PARTS):
        arguments = ["infer", path, "--checkpoint", checkpoint or tiny_run.folder / "estimator", "--out", out]
        z = maps.redshift if redshift is None else redshift
        arguments += [] if redshift == "missing" else ["--redshift", z]
        before = files_below(tmp_path)
        worded, parsed = zwicky(*arguments, *options), zwicky(*arguments, *options, "--json")
        assert files_below(tmp_path) == before
        assert (worded.status, parsed.status) == (2, 2)
        assert (worded.out, parsed.err) == ("", "")
        message = json.loads(parsed.out)
        assert set(message) == {"error", "what", *PARTS}
        assert worded.err.startswith(f"{message['error']}: {message['what']}\n")
        assert "Traceback" not in worded.err
        for name in PARTS:
            assert message[name] or name not in needs, f"the message does not say {name}"
            assert message[name] is None or f"  {name + ':':10s}{message[name]}" in worded.err
        return message

    return run


def says(message, error, what, **parts):
    assert message["error"] == error
    assert what in message["what"]
    for name, text in parts.items():
        assert text in message[name], name


@pytest.mark.parametrize(
    ("redshift", "what", "got"),
    [
        ("missing", "missing", "nothing"),
        ("-0.1", "cannot be used", "-0.1"),
        ("0", "cannot be used", "0.0"),
        ("nan", "cannot be used", "nan"),
        ("inf", "cannot be used", "inf"),
        ("0.31", "cannot be used", "0.31"),
        ("0.009", "cannot be used", "0.009"),
    ],
)
def test_redshift(refused, maps, redshift, what, got):
    message = refused(maps.stamp, redshift=redshift)
    says(message, "RedshiftError", what, where="--redshift", expected="0.01 < z <= 0.3", got=got)


def test_unit_missing(refused, maps):
    message = refused(maps.write("a.fits", BUNIT=None))
    says(message, "UnitError", "no unit", where="a.fits", got="nothing", fix="--unit Compton-y")


@pytest.mark.parametrize(
    ("unit", "what", "got"),
    [
        ("uK_CMB", "does not measure", "uK_CMB"),
        ("MJy/sr", "does not measure", "MJy"),
        ("florin", "not known", "florin"),
        ("1", "could be anything", "1"),
    ],
)
def test_unit_wrong(refused, maps, unit, what, got):
    says(refused(maps.write("a.fits", BUNIT=unit)), "UnitError", what, where="BUNIT", got=got)
    says(
        refused(maps.write("b.fits", BUNIT=None), "--unit", unit), "UnitError", what, where="--unit", got=got
    )


def test_unit_contradicted(refused, maps):
    message = refused(maps.stamp, "--unit", "1e-6 Compton-y")
    says(message, "UnitError", "contradict", expected="--unit", got="Compton-y")


def test_pixel_scale_missing(refused, maps):
    no_wcs = dict.fromkeys(
        f"{name}{i}" for name in ("CTYPE", "CUNIT", "CRVAL", "CRPIX", "CDELT") for i in (1, 2)
    )
    message = refused(maps.write("a.fits", **no_wcs))
    says(message, "MapError", "pixel scale is not known", where="a.fits", fix="--pixel-scale ARCMIN")


def test_beam_missing(refused, maps):
    message = refused(maps.write("a.fits", BMAJ=None, BMIN=None))
    says(message, "MapError", "beam is not known", where="a.fits", fix="--beam ARCMIN")


def test_map_smaller_than_the_stamp(refused, maps):
    message = refused(maps.write("a.fits", maps.values[10:80, 10:80]))
    says(message, "MapError", "smaller than the stamp", where="a.fits", got="70 x 70 pixels")


def test_wide_map_without_a_position(refused, maps):
    says(refused(maps.wide), "MapError", "Where in this map", fix="--center RA,DEC")


@pytest.mark.parametrize(
    ("center", "error", "what"),
    [
        (f"{CENTER.ra.deg},{CENTER.dec.deg + 5}", "MapError", "outside the map"),
        (f"{CENTER.dec.deg},{CENTER.ra.deg - 180}", "MapError", "outside the map"),
        (f"{CENTER.ra.deg},{CENTER.dec.deg + 1}", "MapError", "over the edge"),
        ("Coma", "ConfigError", "cannot be read"),
        ("400,28", "ConfigError", "cannot be read"),
    ],
)
def test_position_that_cannot_be_used(refused, maps, center, error, what):
    says(refused(maps.wide, "--center", center), error, what)


def test_half_a_file(refused, maps):
    whole = maps.stamp.read_bytes()
    for name, length in (("data.fits", len(whole) // 2), ("header.fits", 1000), ("nothing.fits", 0)):
        path = maps.folder / name
        path.write_bytes(whole[:length])
        says(refused(path, needs=("where", "got")), "FitsError", "", where=name)


def test_no_file_or_no_fits(refused, maps):
    says(refused(maps.folder / "nowhere.fits"), "FitsError", "cannot be read", got="FileNotFoundError")
    (maps.folder / "words.fits").write_text("a letter" * 1000)
    message = refused(maps.folder / "words.fits", needs=("where", "expected", "got"))
    says(message, "FitsError", "not a FITS file", got="a letter")


def test_a_pickle_is_never_opened(refused, maps, own_estimator, tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    torch.save({"weights": torch.zeros(1), "trap": Trap()}, own_estimator / "member-0.safetensors")
    message = refused(maps.stamp, checkpoint=own_estimator)
    says(message, "CheckpointError", "pickle", where="member-0.safetensors", expected="safetensors")


def test_a_damaged_estimator(refused, maps, own_estimator):
    facts = own_estimator / "estimator.json"
    facts.write_text(facts.read_text().replace('"survey_seed":', '"survey_sed": 1, "survey_seed":'))
    message = refused(maps.stamp, checkpoint=own_estimator, needs=("where", "got"))
    says(message, "CheckpointError", "damaged", where="estimator.json", got="did you mean 'survey_seed'?")


def test_an_unknown_name_is_corrected(refused, maps, own_estimator, monkeypatch):
    own_estimator.rename(own_estimator.with_name("deandres2022"))
    monkeypatch.setattr("zwicky.workflows.shipped.shipped_folder", lambda: own_estimator.parent)
    message = refused(maps.stamp, checkpoint="deandres2002")
    says(
        message,
        "CheckpointError",
        "no such estimator",
        where="--checkpoint",
        fix="did you mean 'deandres2022'?",
    )


@pytest.mark.parametrize("value", ["0.2", "1.3", "nan", "-0.8"])
def test_hydrostatic_bias_out_of_range(refused, maps, value):
    message = refused(maps.stamp, "--one-minus-bias", value)
    says(message, "ConfigError", "bias cannot be used", where="--one-minus-bias", expected="0.3", got=value)


def test_a_folder_that_holds_an_answer_is_left_alone(refused, maps, tmp_path):
    folder = tmp_path / "before"
    folder.mkdir()
    (folder / "answer.json").write_text("{}")
    message = refused(maps.stamp, out=folder)
    says(message, "ConfigError", "already holds an answer", where="answer.json", fix="another --out")


def test_a_folder_that_cannot_be_made(refused, maps, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    message = refused(maps.stamp, out=tmp_path / "file" / "answer")
    says(message, "FitsError", "cannot be written", where="stamp.fits")


def test_options_that_are_not_numbers_end_with_the_usage(zwicky, maps):
    for options in (["-z", "far"], ["-z", "0.1", "--beam", "wide"], ["-z", "0.1", "--colour", "red"]):
        done = zwicky("infer", maps.stamp, *options)
        assert (done.status, done.out) == (2, "")
        assert "Usage" in done.err
