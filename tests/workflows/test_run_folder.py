"""A run folder belongs to one set of settings."""

import json

import pytest

from tiny_experiment import TINY, with_changes
from zwicky.core.config import read_toml
from zwicky.core.errors import ConfigError
from zwicky.workflows.experiment import Experiment, read_experiment
from zwicky.workflows.run_folder import claim


def test_settings_are_kept_and_read_back(tmp_path):
    for experiment in (TINY, read_experiment("deandres2022", "laptop")):
        folder = tmp_path / experiment.preset
        facts = claim(folder, experiment)
        again = Experiment(**read_toml(folder / "config.toml"))
        assert again.model_dump(mode="json") == experiment.model_dump(mode="json")
        assert json.loads((folder / "provenance.json").read_text()) == facts
        assert {"zwicky", "results_version", "commit", "config_hash", "versions"} <= set(facts)


def test_the_same_settings_may_come_again(tmp_path):
    first = claim(tmp_path, TINY)
    text = (tmp_path / "config.toml").read_text()
    assert claim(tmp_path, with_changes(TINY)) == first
    assert (tmp_path / "config.toml").read_text() == text


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 8}, "seed"),
        ({"title": "x", "preset": "y"}, "preset, title"),
        ({"survey": {"with_residual_sky": False}}, "survey"),
    ],
)
def test_others_are_refused_by_name(tmp_path, changes, named):
    first = claim(tmp_path, TINY)
    with pytest.raises(ConfigError, match="other settings") as caught:
        claim(tmp_path, with_changes(TINY, **changes))
    assert caught.value.got == f"others in: {named}"
    assert "--out" in caught.value.fix
    assert claim(tmp_path, TINY) == first


def test_damaged_settings_are_not_overwritten(tmp_path):
    claim(tmp_path, TINY)
    half = (tmp_path / "config.toml").read_text()[:-3] + "[["
    (tmp_path / "config.toml").write_text(half)
    with pytest.raises(ConfigError, match="not TOML"):
        claim(tmp_path, TINY)
    assert (tmp_path / "config.toml").read_text() == half
