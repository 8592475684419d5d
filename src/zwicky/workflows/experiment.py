"""Experiment files: one TOML per published result, with presets."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field

from zwicky.core.config import Config, did_you_mean, parse, read_toml
from zwicky.core.errors import ConfigError
from zwicky.data.sight_lines import FlatInMass
from zwicky.mocks.kinds import SzSurveySettings
from zwicky.training.loop import TrainingSettings


class StoreSettings(Config):
    """How many mocks, and how they are split.

    Attributes
    ----------
    n_clusters : int
        Parents.
    sight_lines : int or FlatInMass
        Observations of each, or the rule that shares them out by mass.
    clusters_per_shard : int
        Parents per file of the store.
    fractions : (float, float, float)
        Of parents for training, validation and test.
    """

    n_clusters: int
    sight_lines: int | FlatInMass = 1
    clusters_per_shard: int = 1000
    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2)


class NetworkSettings(Config):
    """One kind of network and how it is trained.

    Attributes
    ----------
    model : dict
        ``{"kind": ..., ...}``.
    members : int
        Networks in the ensemble; 0 leaves this kind out of the preset.
    training : TrainingSettings
    """

    model: dict[str, Any]
    members: int = 1
    training: TrainingSettings = Field(default_factory=TrainingSettings)


class EvaluationSettings(Config):
    """How the test set is judged.

    Attributes
    ----------
    snr_cut : float [1]
        Smallest matched-filter signal-to-noise of a counted cluster.
    inner_log10_range : (float, float) [dex of Msun]
        True masses over which the slope is measured.
    n_resamples : int
        Bootstrap resamples of parents.
    """

    snr_cut: float = 4.5
    inner_log10_range: tuple[float, float] = (14.0, 15.2)
    n_resamples: int = 500


class Experiment(Config):
    """A published result to be run whole.

    Attributes
    ----------
    name, preset, title, reference : str
    seed : int
        Of everything.
    survey : SurveySettings or MicrowaveSurveySettings
    store : StoreSettings
    networks : dict of str to NetworkSettings
        In the order in which they are trained; the first is the one that weighs.
    evaluation : EvaluationSettings
    """

    name: str
    preset: str
    title: str
    reference: str
    seed: int
    survey: SzSurveySettings
    store: StoreSettings
    networks: dict[str, NetworkSettings]
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)


def experiments_folder() -> Path:
    """Return the folder of experiment files: inside an installed package, or beside the sources."""
    installed = Path(str(resources.files("zwicky"))) / "experiments"
    return installed if installed.is_dir() else Path(__file__).resolve().parents[3] / "experiments"


def experiment_names(kind: str | None = None) -> list[str]:
    """Return the names of the experiments that ship with the package, those of one kind if it is given."""
    names = sorted(path.stem for path in experiments_folder().glob("*.toml") if path.stem != "real_clusters")
    return [name for name in names if kind in (None, kind_of(name))]


def kind_of(name: str) -> str:
    """Return what an experiment makes: "mass", "mapping", "microwave", "photons" or "posterior".

    Raises
    ------
    ConfigError
        If there is no such experiment.
    """
    return str(_content(name).get("kind", "mass"))


def _content(name: str) -> dict[str, Any]:
    path = experiments_folder() / f"{name}.toml"
    if name == "real_clusters" or not path.is_file():
        raise ConfigError(
            "This experiment is not known.",
            expected=", ".join(experiment_names()),
            got=repr(name),
            fix=did_you_mean(name, experiment_names()),
        )
    return read_toml(path)


def experiment_settings(name: str, preset: str) -> dict[str, Any]:
    """Return the settings of an experiment, those of one preset laid over the common ones.

    Raises
    ------
    ConfigError
        If the experiment or the preset is not known.
    """
    content = _content(name)
    presets = content.get("presets", {})
    if preset not in presets:
        raise ConfigError(
            "This preset is not known.",
            where=f"{name}.toml",
            expected=", ".join(presets),
            got=repr(preset),
            fix=did_you_mean(preset, presets),
        )
    head = {"name": name, "preset": preset, "title": content["title"], "reference": content["reference"]}
    return {**head, **merge(content["common"], presets[preset])}


def read_experiment(name: str, preset: str) -> Experiment:
    """Read an experiment that weighs.

    Raises
    ------
    ConfigError
        If the experiment or the preset is not known, or a setting cannot be used.
    """
    return parse(Experiment, experiment_settings(name, preset), where=f"{name}.toml")


def merge(common: Mapping[str, Any], special: Mapping[str, Any]) -> dict[str, Any]:
    """Return common settings with the special ones laid over them, table by table."""
    result = dict(common)
    for key, value in special.items():
        both_tables = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merge(result[key], value) if both_tables else value
    return result
