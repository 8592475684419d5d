"""Experiment files: every preset is valid and can be built; how presets are merged; what is refused."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zwicky.core.errors import ConfigError
from zwicky.data.splits import SplitFractions
from zwicky.inference.conformal import MIN_CLUSTERS
from zwicky.models.table import build_model
from zwicky.workflows.experiment import (
    Experiment,
    experiment_names,
    experiments_folder,
    merge,
    read_experiment,
)
from zwicky.workflows.paper import PAPERS

PRESETS = [
    (name, preset)
    for name in experiment_names("mass")
    for preset in tomllib.loads((experiments_folder() / f"{name}.toml").read_text())["presets"]
]
KEYS = st.sampled_from("abc")
TREES = st.dictionaries(
    KEYS, st.recursive(st.integers(), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8)
)


def leaves(tree, path=()):
    """Return {path: value} of all that is not a table with something in it."""
    found = {}
    for key, value in tree.items():
        found |= leaves(value, (*path, key)) if isinstance(value, dict) and value else {(*path, key): value}
    return found


def at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


@settings(deadline=None, derandomize=True)
@given(TREES)
def test_nothing_merged_changes_nothing(tree):
    assert merge(tree, {}) == tree
    assert merge({}, tree) == tree
    assert merge(tree, tree) == tree


@settings(deadline=None, derandomize=True)
@given(TREES, TREES)
def test_what_is_special_wins_and_the_rest_stays(common, special):
    before = repr((common, special))
    merged = merge(common, special)
    assert repr((common, special)) == before
    for path, value in leaves(special).items():
        if value != {}:
            assert at(merged, path) == value
    assert merge(merged, special) == merged
    for path, value in leaves(common).items():
        if path[0] not in special:
            assert at(merged, path) == value


def test_tables_are_merged_and_values_replaced():
    common = {"a": {"x": 1, "y": {"z": 2}}, "b": [1, 2], "c": 3}
    assert merge(common, {"a": {"y": {"w": 5}}, "b": [9]}) == {
        "a": {"x": 1, "y": {"z": 2, "w": 5}},
        "b": [9],
        "c": 3,
    }
    assert merge(common, {"a": 1})["a"] == 1
    assert merge(common, {"c": {"x": 1}})["c"] == {"x": 1}


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_every_preset_can_be_run(name, preset):
    experiment = read_experiment(name, preset)
    assert (experiment.name, experiment.preset) == (name, preset)
    assert experiment.title
    assert experiment.reference
    survey = experiment.survey.build(experiment.seed)
    low, high = experiment.evaluation.inner_log10_range
    mass_low, mass_high = survey.simulation.config.log10_m500c_range
    assert mass_low <= low < high <= mass_high
    fractions = SplitFractions(*experiment.store.fractions)
    n_validation = experiment.store.n_clusters * experiment.store.sight_lines * fractions.validation
    assert n_validation > 1.3 * MIN_CLUSTERS
    first = next(iter(experiment.networks.values()))
    assert first.members > 0
    for network in experiment.networks.values():
        assert build_model(network.model).n_parameters > 0
        assert network.training.patience <= network.training.epochs


def test_the_promised_presets_are_there():
    for name in experiment_names("mass"):
        assert {"smoke", "laptop", "paper"} <= {preset for known, preset in PRESETS if known == name}
    assert ("deandres2022", "demo") in PRESETS


def test_every_experiment_has_its_published_numbers():
    assert set(experiment_names("mass")) == set(PAPERS)


def test_presets_change_only_what_they_name():
    smoke, laptop = (read_experiment("deandres2022", preset) for preset in ("smoke", "laptop"))
    assert smoke.survey == laptop.survey
    assert smoke.evaluation.snr_cut == laptop.evaluation.snr_cut == 4.5
    assert smoke.store != laptop.store


def test_unknown_names_are_corrected():
    with pytest.raises(ConfigError, match="did you mean 'deandres2022'") as caught:
        read_experiment("deandres222", "smoke")
    assert caught.value.got == "'deandres222'"
    with pytest.raises(ConfigError, match="This experiment is not known"):
        read_experiment("real_clusters", "smoke")
    with pytest.raises(ConfigError, match=r"preset is not known(.|\n)*did you mean 'smoke'"):
        read_experiment("deandres2022", "smok")


def test_a_mistyped_setting_is_named_with_its_file(tmp_path, monkeypatch):
    text = (experiments_folder() / "deandres2022.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace("batch_size = 64", "batchsize = 64", 1))
    monkeypatch.setattr("zwicky.workflows.experiment.experiments_folder", lambda: tmp_path)
    assert experiment_names() == ["mine"]
    with pytest.raises(ConfigError, match="setting is not known") as caught:
        read_experiment("mine", "smoke")
    assert caught.value.where == "mine.toml: networks.radial_cnn.training.batchsize"
    assert isinstance(read_experiment("mine", "laptop"), Experiment)
