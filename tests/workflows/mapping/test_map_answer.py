"""The answer about a mass map: in words, as JSON, as files; the same for the same input, and never written over."""

import json
from dataclasses import replace

import numpy as np
import pytest

from painted_views import AT, REDSHIFT, FakeMapper, write_view
from zwicky.core.errors import ConfigError
from zwicky.core.files import sha256_of
from zwicky.data.fits_mass_map import read_mass_map
from zwicky.evaluation.mapping import cluster_report
from zwicky.workflows.mapping.answer import answer_text, as_dict, write_answer
from zwicky.workflows.mapping.infer import infer_map
from zwicky.workflows.mapping.views import view_files

WARNING = "do not use these without a reason"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("views")
    return {name: write_view(folder / f"a-{name}.fits", name) for name in ("y", "stars")}


def answered(files, mapper=None):
    return infer_map(view_files(files), REDSHIFT, mapper or FakeMapper(), center=AT, name="A 2142")


@pytest.fixture(scope="module")
def answer(files):
    return answered(files)


def test_words(answer):
    lines = answer_text(answer).splitlines()
    assert (
        lines[0] == "A 2142, z = 0.1, 40 x 40 pixels of 0.1 Mpc (0.9037 arcmin), beam 0.3 Mpc (2.711 arcmin)"
    )
    assert lines[1] == "  view y: a-y.fits, pixels of 0.4 arcmin, beam 1.2 arcmin"
    assert lines[2] == "  view stars: a-stars.fits, pixels of 0.4 arcmin, beam 1.2 arcmin"
    assert lines[3:5] == ["  missing: xray", "  light: green (in-domain)"]
    assert lines[-1].startswith("  masses are those of cylinders")
    assert any(line.startswith("  note: stars: ") for line in lines)
    assert WARNING not in "\n".join(lines)


def test_masses_stand_under_their_heads(answer):
    lines = answer_text(answer).splitlines()
    head = next(i for i, line in enumerate(lines) if "M(<R)" in line)
    columns = [
        lines[head].index(name) for name in ("R [Mpc]", "M(<R)", "16-84 %", "2.5-97.5 %", "linear map")
    ]
    rows = [i for i in range(10) if f"{answer.radii_mpc[i]:.3g}" in ("0.4", "1", "1.6", "2")]
    assert len(rows) == 4
    for line, i in zip(lines[head + 1 : head + 5], rows, strict=True):
        bottom, low, median, high, top = (f"{m / 1e14:.3g}" for m in answer.mass_quantiles_msun[i])
        _, from_, middle, to, _ = (f"{m / 1e14:.3g}" for m in answer.linear_quantiles_msun[i])
        linear = f"{middle}, {from_} - {to}"
        shown = (f"{answer.radii_mpc[i]:.3g}", median, f"{low} - {high}", f"{bottom} - {top}", linear)
        for column, text in zip(columns, shown, strict=True):
            assert line[column:].startswith(text)
            assert line[column - 1] == " "


@pytest.mark.parametrize(("flag", "light"), [(1, "yellow (edge)"), (2, "RED (out-of-domain)")])
def test_a_light_that_is_not_green_is_explained(files, flag, light):
    lines = answer_text(answered(files, FakeMapper(flag=flag))).splitlines()
    at = lines.index(f"  light: {light}")
    assert lines[at + 1] == "    - the brightest pixel is odd"
    assert (WARNING in lines[-1]) == (flag == 2)


def test_json_says_all(answer, files):
    content = json.loads(json.dumps(as_dict(answer)))
    assert (content["name"], content["redshift"], content["flag"]) == ("A 2142", REDSHIFT, "in-domain")
    assert content["center_deg"] == pytest.approx([195.0, 28.0])
    assert [one["radius_mpc"] for one in content["masses"]] == pytest.approx(np.arange(1, 11) * 0.2)
    for one, quantiles in zip(content["masses"], answer.mass_quantiles_msun, strict=True):
        assert [one[name] for name in ("p2.5", "p16", "median", "p84", "p97.5")] == list(quantiles)
    for one, quantiles in zip(content["linear_masses"], answer.linear_quantiles_msun, strict=True):
        assert one["median"] == quantiles[2]
        assert one["median"] != content["masses"][0]["median"]
    assert [one["view"] for one in content["inputs"]] == ["y", "stars"]
    assert content["inputs"][1]["sha256"] == sha256_of(files["stars"])
    assert content["inputs"][1]["unit"] == "solMass / Mpc2"
    assert content["missing"] == ["xray"]
    assert content["mapper"]["commit"] == "abc"


def test_files_are_the_same_for_the_same_input(answer, files, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    write_answer(answer, first)
    write_answer(answered(files), second)
    names = sorted(path.name for path in first.iterdir())
    assert names == ["answer.json", "mass_map.fits", "report.html"]
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    assert json.loads((first / "answer.json").read_text()) == as_dict(answer)
    back = read_mass_map(first / "mass_map.fits")
    np.testing.assert_array_equal(back.mean, answer.mass_map.mean)
    assert list(back.inputs) == ["y", "stars"]


def test_an_answer_is_not_written_over_but_half_of_one_is(answer, tmp_path, monkeypatch):
    monkeypatch.setattr(
        cluster_report, "write_cluster_report", lambda path, *_, **__: path.write_text("page")
    )
    (tmp_path / "mass_map.fits").write_text("half")
    write_answer(answer, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 3
    with pytest.raises(ConfigError, match="already holds an answer"):
        write_answer(replace(answer, notes=()), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_answer_that_cannot_be_written_is_no_answer(answer, tmp_path, monkeypatch):
    def full_disk(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(cluster_report, "write_cluster_report", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_answer(answer, tmp_path)
    assert not (tmp_path / "answer.json").exists()
