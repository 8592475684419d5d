"""``zwicky infer --samples``: which route is taken, what is printed and written, and what is refused."""

import json
import sys

import numpy as np
import pytest

from untrained_posterior import AT, REDSHIFT, TARGETS, untrained_mapper, without_layout, write_views
from zwicky import cli_infer_posterior
from zwicky.data.fits_posterior import read_sampled_map
from zwicky.workflows import shipped


@pytest.fixture(scope="module")
def mapper():
    return untrained_mapper()


@pytest.fixture(scope="module")
def folder(mapper, tmp_path_factory):
    folder = tmp_path_factory.mktemp("estimators") / "hsu2024"
    mapper.save(folder)
    return folder


@pytest.fixture(scope="module")
def views(mapper, tmp_path_factory):
    return write_views(tmp_path_factory.mktemp("views"), mapper.cosmology)


@pytest.fixture
def infer(zwicky, views):
    def run(*options):
        given = [part for name, path in views.items() for part in (f"--{name}", path)]
        return zwicky("infer", *given, "-z", REDSHIFT, "--center", AT, *options)

    return run


def test_words_json_and_files(infer, folder, tmp_path, monkeypatch):
    without_layout(monkeypatch)
    out = tmp_path / "answer"
    options = ("--samples", 4, "--seed", 7, "--name", "A1", "--checkpoint", folder)
    done = infer(*options, "--out", out)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("A1, z = 0.05, 64 x 64 pixels of 0.2 Mpc")
    assert "4 samples of gas and dark: 2 evaluations each (dpm2m), seed 7" in done.out
    names = sorted(path.name for path in out.iterdir())
    assert names == ["answer.json", "dark_surface_density.fits", "gas_surface_density.fits", "report.html"]
    content = json.loads(infer(*options, "--json").out)
    assert content == json.loads((out / "answer.json").read_text())
    for target in TARGETS:
        assert read_sampled_map(out / f"{target}.fits").samples.shape == (4, 64, 64)
    page = (out / "report.html").read_text()
    assert page.count("<img ") == 4
    assert "Posterior maps of A1" in page
    refused = infer(*options, "--out", out)
    assert refused.status == 2
    assert "already holds an answer" in refused.err


def test_the_folder_decides_where_samples_are_not_asked_for(infer, folder, monkeypatch):
    assert not cli_infer_posterior.wanted(None, None)
    assert not cli_infer_posterior.wanted(None, str(folder.parent))
    assert cli_infer_posterior.wanted(2, None)
    content = json.loads(infer("--checkpoint", folder, "--json").out)
    assert (content["n_samples"], content["seed"]) == (50, 0)
    monkeypatch.setattr(shipped, "shipped_folder", lambda: folder.parent)
    assert cli_infer_posterior.wanted(None, "hsu2024")
    assert not cli_infer_posterior.wanted(None, "hsu2025")


def test_the_default_is_the_one_that_ships(infer, folder, monkeypatch):
    monkeypatch.setattr(shipped, "shipped_folder", lambda: folder.parent)
    done = infer("--samples", 3, "--json")
    assert (done.status, done.err) == (0, "")
    assert np.isfinite(json.loads(done.out)["m200c"]["median"])
    monkeypatch.setattr(shipped, "shipped_folder", lambda: folder)
    done = infer("--samples", 3)
    assert done.status == 2
    assert done.err.startswith("CheckpointError: There is no such posterior mapper.")
    assert "zwicky reproduce hsu2024" in done.err


@pytest.mark.parametrize("n_samples", [0, 1])
def test_no_posterior(infer, folder, n_samples):
    done = infer("--samples", n_samples, "--checkpoint", folder)
    assert done.status == 2
    assert done.err.startswith("SamplingError: So few samples are no posterior.")


def test_another_folder_is_no_posterior_mapper(infer, tmp_path):
    done = infer("--samples", 3, "--checkpoint", tmp_path)
    assert done.status == 2
    assert "not the folder of a posterior mapper" in done.err


def test_a_seed_without_samples_is_not_passed_over(infer, tmp_path):
    done = infer("--seed", 3, "--checkpoint", tmp_path)
    assert done.status == 2
    assert done.err.startswith("ConfigError: This option is one of samples of maps only.")


@pytest.mark.parametrize("option", ["--samples", "--seed"])
@pytest.mark.parametrize("kind", [(), ("--band", "150="), ("--counts", "0.5-2.0=")])
def test_options_of_views_are_not_passed_over(zwicky, views, option, kind):
    given = (*kind[:-1], f"{kind[-1]}{views['y']}") if kind else (views["y"],)
    done = zwicky("infer", *given, "-z", 0.1, option, 3)
    assert done.status == 2
    assert done.err.startswith("ConfigError: This option is one of views only.")


def test_a_line_of_progress_on_a_terminal_only(capsys, monkeypatch):
    assert cli_infer_posterior.progress_line() is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    told = cli_infer_posterior.progress_line()
    told(10, 12)
    told(12, 12)
    assert capsys.readouterr().err == "\rsamples: 10 of 12\rsamples: 12 of 12\n"


def test_check_knows_a_posterior_mapper(zwicky, folder):
    done = zwicky("check", folder)
    assert (done.status, done.err) == (0, "")
    assert "a posterior mapper of gas_surface_density, dark_surface_density" in done.out
