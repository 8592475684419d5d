"""Settings: unknown keys are refused with a suggestion, and a quantity is never a bare number."""

import pytest
from astropy import units as u
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError, field_validator

from zwicky.core.config import Angle, Config, did_you_mean, parse, read_toml
from zwicky.core.errors import ConfigError


class Beam(Config):
    fwhm: Angle
    order: int = 1

    @field_validator("order")
    @classmethod
    def _odd(cls, order):
        if order % 2 == 0:
            raise ValueError("an odd number")
        return order


class Telescope(Config):
    name: str
    beam: Beam
    spare: Beam | None = None
    others: tuple[Beam, ...] = ()


BEAM = {"fwhm": "10 arcmin"}
GOOD = {"name": "planck", "beam": BEAM}


def test_good_settings():
    telescope = parse(Telescope, GOOD, where="planck.toml")
    assert telescope.beam.fwhm == 10 * u.arcmin
    assert telescope.spare is None
    with pytest.raises(ValidationError, match="frozen"):
        telescope.name = "act"


@pytest.mark.parametrize("place", ["beam", "spare", "others"])
def test_an_unknown_key_is_named_with_a_suggestion(place):
    wrong = {**BEAM, "fwmh": "10 arcmin"}
    settings = {**GOOD, place: [BEAM, wrong] if place == "others" else wrong}
    path = r"others\.1" if place == "others" else place
    with pytest.raises(
        ConfigError,
        match=rf"not known[\s\S]*planck\.toml: {path}\.fwmh[\s\S]*fwhm, order[\s\S]*did you mean 'fwhm'\?",
    ):
        parse(Telescope, settings, where="planck.toml")


def test_an_unknown_key_at_the_top_that_resembles_nothing():
    with pytest.raises(ConfigError, match=r"a\.toml: zzz[\s\S]*choose one of: beam, name, others, spare"):
        parse(Telescope, {**GOOD, "zzz": 1}, where="a.toml")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": 3}, r"cannot be used[\s\S]*a\.toml: name[\s\S]*valid string[\s\S]*got: +3"),
        ({"beam": 3}, r"cannot be used[\s\S]*a\.toml: beam[\s\S]*got: +3"),
        (
            {"beam": {**BEAM, "order": "x"}},
            r"beam\.order[\s\S]*valid integer[\s\S]*settings here: fwhm, order",
        ),
        ({"beam": {**BEAM, "order": 2}}, r"beam\.order[\s\S]*expected: +an odd number[\s\S]*got: +2"),
        ({"beam": {"order": 1}}, r"setting is missing[\s\S]*beam\.fwhm[\s\S]*got: +nothing"),
    ],
)
def test_settings_that_cannot_be_used(wrong, message):
    with pytest.raises(ConfigError, match=message):
        parse(Telescope, {**GOOD, **wrong}, where="a.toml")


@pytest.mark.parametrize(
    ("given", "arcmin"), [("10 arcmin", 10.0), ("0.5 deg", 30.0), (90 * u.arcsec, 1.5), ("1e1arcmin", 10.0)]
)
def test_angles(given, arcmin):
    fwhm = Beam(fwhm=given).fwhm
    assert fwhm.unit == u.arcmin
    assert fwhm.value == pytest.approx(arcmin, rel=1e-12)


@pytest.mark.parametrize("given", [10, "10", 10.0, "10 Mpc", "wide", "nan arcmin", [1, 2] * u.deg, None, {}])
def test_what_is_no_angle(given):
    with pytest.raises(
        ConfigError, match=r"fwhm[\s\S]*expected: +a finite quantity with a unit, such as '10 arcmin'"
    ):
        parse(Beam, {"fwhm": given}, where="a.toml")


@given(st.floats(1e-9, 1e9))
def test_what_is_written_is_read_back_exactly(arcmin):
    beam = Beam(fwhm=arcmin * u.arcmin)
    written = beam.model_dump(mode="json")
    assert isinstance(written["fwhm"], str)
    assert parse(Beam, written, where="again") == beam


def test_suggestions():
    assert did_you_mean("plank", ["act", "planck"]) == "did you mean 'planck'?"
    assert did_you_mean("x", iter(["act", "planck"])) == "choose one of: act, planck"


def test_a_settings_file(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text('name = "\N{GREEK SMALL LETTER SIGMA}"\n[beam]\nfwhm = "10 arcmin"\n', encoding="utf-8")
    assert read_toml(path) == {"name": "\N{GREEK SMALL LETTER SIGMA}", "beam": BEAM}


def test_a_settings_file_that_does_not_exist(tmp_path):
    with pytest.raises(ConfigError, match=r"does not exist[\s\S]*nowhere\.toml"):
        read_toml(tmp_path / "nowhere.toml")


def test_a_settings_file_that_is_a_folder(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be read[\s\S]*Is a directory"):
        read_toml(tmp_path)


@pytest.mark.parametrize("content", [b'name = "a"\nbeam = \n', b"\xff\xfe\x00"])
def test_a_settings_file_that_is_not_toml(tmp_path, content):
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"is not TOML[\s\S]*a\.toml[\s\S]*got: +\S"):
        read_toml(path)
