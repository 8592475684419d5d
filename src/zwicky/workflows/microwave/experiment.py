"""Experiment files of the microwave sky: the published network on chosen masses, and improved ones on all masses."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from zwicky.core.config import Config, parse
from zwicky.core.masses import M200C
from zwicky.mocks.microwave_settings import MicrowaveSurveySettings
from zwicky.simulations.fixed_spheres import FixedSpheresSettings
from zwicky.workflows.experiment import (
    EvaluationSettings,
    Experiment,
    NetworkSettings,
    StoreSettings,
    experiment_settings,
)

KIND = "microwave"


class Counts(Config):
    """How many maps the published network is taught and tested with.

    Attributes
    ----------
    train, validation, test : int
        For each trained mass; the paper has 400, 200 and 200.
    between : int
        For each mass between the trained ones, or beyond them.
    scatter : int
        For the tests of the scatter, over all masses; the paper has 1000.
    realistic : int
        Painted clusters; the paper has 95.
    skies : int
        Sight-lines of each painted cluster, each on a sky of its own; the paper has 100.
    empty : int
        Skies without a cluster.
    """

    train: int = 400
    validation: int = 200
    test: int = 200
    between: int = 200
    scatter: int = 1000
    realistic: int = 95
    skies: int = 100
    empty: int = 2000


class PublishedSettings(Config):
    """The published network, on spheres of chosen masses at one redshift.

    Attributes
    ----------
    survey : MicrowaveSurveySettings
        With ``fixed_spheres`` of the trained masses.
    interpolated, extrapolated : tuple of float [1e14 Msun]
        Masses M200c between the trained ones, and beyond them.
    scatter : tuple of float [1e14 Msun]
        Masses of the tests of the scatter.
    painter : dict
        Settings of the painter, which plays the part of Magneticum.
    network : NetworkSettings
    counts : Counts
    threshold_1e14_msun : float [1e14 Msun]
        From this mass on an empty sky counts as a cluster.
    """

    survey: MicrowaveSurveySettings
    interpolated: tuple[float, ...]
    extrapolated: tuple[float, ...]
    scatter: tuple[float, ...]
    painter: dict[str, Any]
    network: NetworkSettings
    counts: Counts = Field(default_factory=Counts)
    threshold_1e14_msun: float = 1.0

    @property
    def spheres(self) -> FixedSpheresSettings:
        """The training clusters."""
        return parse(FixedSpheresSettings, self.survey.simulation, where="published.survey.simulation")

    def survey_of(self, simulation: dict[str, Any]) -> MicrowaveSurveySettings:
        """Return the survey with other clusters."""
        return self.survey.model_copy(update={"simulation": simulation})


class ImprovedSettings(Config):
    """A network that states its error, on clusters of all masses and redshifts.

    Attributes
    ----------
    survey : MicrowaveSurveySettings
    store : StoreSettings
    network : NetworkSettings
    evaluation : EvaluationSettings
    """

    survey: MicrowaveSurveySettings
    store: StoreSettings
    network: NetworkSettings
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings)


class MicrowaveExperiment(Config):
    """A published result on the microwave sky, and what goes beyond it.

    Attributes
    ----------
    name, preset, title, reference : str
    seed : int
        Of everything.
    published : PublishedSettings
    improved : dict of str to ImprovedSettings
        By name, such as "one_band".
    n_resamples : int
        Of the bootstrap.
    """

    name: str
    preset: str
    title: str
    reference: str
    seed: int
    published: PublishedSettings
    improved: dict[str, ImprovedSettings] = Field(default_factory=dict)
    n_resamples: int = 500

    def experiment_of(self, name: str) -> Experiment:
        """Return one of the improved networks as an experiment that weighs."""
        one = self.improved[name]
        return Experiment(
            name=f"{self.name}/{name}",
            preset=self.preset,
            title=self.title,
            reference=self.reference,
            seed=self.seed,
            survey=one.survey,
            store=one.store,
            networks={name: one.network},
            evaluation=one.evaluation,
        )


def read_microwave_experiment(name: str, preset: str) -> MicrowaveExperiment:
    """Read an experiment of the microwave sky.

    Raises
    ------
    ConfigError
        If the experiment or the preset is not known, or a setting cannot be used.
    """
    experiment = parse(MicrowaveExperiment, experiment_settings(name, preset), where=f"{name}.toml")
    _ = experiment.published.spheres
    return experiment


DEFINITION = M200C
"""Of the published network's masses."""
