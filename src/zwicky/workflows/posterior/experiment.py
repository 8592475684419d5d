"""Experiment files of posterior mass maps: the data, the published score model, the fast one, and the judgement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field, model_validator

from zwicky.core.config import Config, did_you_mean, parse
from zwicky.core.errors import ConfigError
from zwicky.mocks.theory_settings import TheorySurveySettings
from zwicky.models.base import MassModel, Model
from zwicky.models.diffusion.model import DiffusionModel
from zwicky.models.diffusion.sampler import Sampler, SolverName
from zwicky.models.map_moments import MapMoments
from zwicky.models.table import build_either
from zwicky.workflows.experiment import StoreSettings, experiment_settings
from zwicky.workflows.mapping.experiment import Schedule
from zwicky.workflows.posterior.exact import ExactSettings

KIND: Final = "posterior"

_TASKS: Final[dict[str, tuple[type, str]]] = {
    "moments": (MapMoments, "says mean and standard deviation of maps"),
    "scalar": (MassModel, "weighs"),
}
_DRAWS: Final = (DiffusionModel, "draws maps by diffusion")
_NOT_TAUGHT: Final = {"physics", "steps", "sampler", "half"}
"""Settings of a model that change its loss or its sampling, but neither its weights nor what they mean."""


class PlannedNetwork(Config):
    """One network and how long it is taught.

    Attributes
    ----------
    model : dict
        ``{"kind": ..., ...}``; numbers of maps and pixels are filled in.
    training : Schedule
    parent_fraction : float [1]
        Share of the training parents that it is given, the first in the store.
    begins_with : str
        Another network of the same settings but for its loss, whose weights it begins with; random ones if empty.
    """

    model: dict[str, Any]
    training: Schedule
    parent_fraction: float = Field(default=1.0, gt=0.0, le=1.0)
    begins_with: str = ""


class JudgedSettings(Config):
    """On how many clusters a model is judged, and how it is sampled.

    Attributes
    ----------
    clusters : int
        Test parents, one sight-line each: the first of the store inside the tested masses.
    samples : int
        Of each; the paper draws 50.
    solver : str, optional
        Another than the model's own; with ``steps``.
    steps : int, optional
    """

    clusters: int = Field(gt=0)
    samples: int = Field(default=50, ge=2)
    solver: SolverName | None = None
    steps: int | None = Field(default=None, ge=1)

    def sampler_of(self, network: DiffusionModel) -> Sampler:
        """Return the sampler of a network: its own where nothing else is asked for."""
        own = network.default_sampler
        return network.sampler(self.solver or own.solver, self.steps or own.steps)


class RecalibrationSettings(Config):
    """What a recalibration is fitted on; sampled as the test set is.

    Attributes
    ----------
    clusters : int
        Validation parents, at most.
    samples : int
        Of each.
    """

    clusters: int = Field(gt=0)
    samples: int = Field(default=50, ge=2)


class ConvergenceSettings(Config):
    """Gate C5: how many evaluations of the trained network are enough.

    Attributes
    ----------
    clusters, samples : int
        Validation clusters, and samples of each, that follow a flow; the same noise for all solvers.
    reference_steps : int
        Of the third-order solver that the others are compared with.
    flow_steps : tuple of int
        Steps of the flow solvers.
    stochastic_clusters, stochastic_samples : int
        The same for Euler-Maruyama, whose samples have noise of their own.
    stochastic_steps : tuple of int
    """

    clusters: int = Field(default=24, gt=0)
    samples: int = Field(default=24, ge=4)
    reference_steps: int = Field(default=64, gt=0)
    flow_steps: tuple[int, ...] = (4, 6, 8, 10, 12, 16, 20, 32)
    stochastic_clusters: int = Field(default=12, gt=0)
    stochastic_samples: int = Field(default=12, ge=4)
    stochastic_steps: tuple[int, ...] = (30, 60, 120, 250, 1000)


class PosteriorEvaluation(Config):
    """How posteriors are judged.

    Attributes
    ----------
    log10_m200m_range : (float, float) [dex of Msun]
        Tested masses: an inner part of those trained on, because answers near the ends are drawn inwards.
    log10_m200c_edges : tuple of float [dex of Msun]
        Mass bins of the tables.
    fast, published, ablations : JudgedSettings
        The fast model, the published one, and each ablation.
    recalibration : dict of str to RecalibrationSettings
        "fast" and "published": validation clusters that the recalibration is fitted on.
    convergence : dict of str to ConvergenceSettings
        "fast" and "published".
    n_resamples : int
        Bootstrap resamples of parents.
    """

    log10_m200m_range: tuple[float, float] = (14.0, 15.2)
    log10_m200c_edges: tuple[float, ...] = (13.9, 14.5, 15.1)
    fast: JudgedSettings
    published: JudgedSettings
    ablations: JudgedSettings
    recalibration: dict[str, RecalibrationSettings]
    convergence: dict[str, ConvergenceSettings]
    n_resamples: int = 300


class PosteriorExperiment(Config):
    """A published system of posterior maps, run whole.

    Attributes
    ----------
    kind : "posterior"
    name, preset, title, reference : str
    seed : int
        Of everything.
    survey : TheorySurveySettings
        Simulation, views, targets (``target``, then ``also``) and grid.
    store : StoreSettings
    moments : PlannedNetwork
        Mean and standard deviation of each pixel: the first half of the fast model.
    fast : PlannedNetwork
        Diffusion of what they leave.
    published : PlannedNetwork
        NCSN++ and a variance-exploding diffusion of the maps.
    scalar : PlannedNetwork
        Weighs M200c from the same views, to stand beside the maps' masses.
    exact : ExactSettings
        Gate C1.
    ablations : dict of str to PlannedNetwork
        Short trainings, each of one change.
    evaluation : PosteriorEvaluation
    """

    kind: str = KIND
    name: str
    preset: str
    title: str
    reference: str
    seed: int
    survey: TheorySurveySettings
    store: StoreSettings
    moments: PlannedNetwork
    fast: PlannedNetwork
    published: PlannedNetwork
    scalar: PlannedNetwork
    exact: ExactSettings = Field(default_factory=ExactSettings)
    ablations: dict[str, PlannedNetwork] = Field(default_factory=dict)
    evaluation: PosteriorEvaluation

    @model_validator(mode="after")
    def _fits_together(self) -> PosteriorExperiment:
        low, high = self.evaluation.log10_m200m_range
        if not low < high:
            raise ConfigError(
                "This is no range of masses.",
                where="evaluation.log10_m200m_range",
                expected="a smaller and a larger log10 M200m",
                got=f"[{low:g}, {high:g}]",
            )
        for table in ("recalibration", "convergence"):
            found = set(getattr(self.evaluation, table))
            if found != {"fast", "published"}:
                raise ConfigError(
                    "Both models are measured, and no others.",
                    where=f"evaluation.{table}",
                    expected="fast, published",
                    got=", ".join(sorted(found)) or "none",
                )
        before: dict[str, dict[str, Any]] = {}
        for name, network in self.networks().items():
            place = f"ablations.{name}" if name in self.ablations else name
            # A wrong setting is named before anything is painted.
            built = build_either(self.model_of(name), where=f"{place}.model")
            _check_task(built, name, place)
            taught = built.config.model_dump(exclude=_NOT_TAUGHT)
            if network.begins_with:
                _check_beginning(network.begins_with, taught, before, f"{place}.begins_with")
            before[name] = taught
        return self

    def networks(self) -> dict[str, PlannedNetwork]:
        """Return all networks by name, in the order in which they are trained."""
        return {
            "moments": self.moments,
            "published": self.published,
            "fast": self.fast,
            "scalar": self.scalar,
            **self.ablations,
        }

    def model_of(self, name: str) -> dict[str, Any]:
        """Return the settings of a network's model, with the numbers of maps and pixels filled in."""
        settings = dict(self.networks()[name].model)
        n_views, n_targets = len(self.survey.views), 1 + len(self.survey.also)
        sizes = {"n_pixels": self.n_pixels, "n_views": n_views}
        if settings.get("kind") != "view_mass":
            sizes["n_targets"] = n_targets
        return {**sizes, **settings}

    @property
    def n_pixels(self) -> int:
        """Pixels per side."""
        return self.survey.build(self.seed).grid.n_pixels


def _check_task(network: Model, name: str, place: str) -> None:
    """Refuse a network that cannot do what it is there for."""
    wanted, task = _TASKS.get(name, _DRAWS)
    if not isinstance(network, wanted):
        raise ConfigError(
            "This network does something else.",
            where=f"{place}.model.kind",
            expected=f"one that {task}",
            got=str(network.config.model_dump()["kind"]),
        )


def _check_beginning(
    other: str, taught: Mapping[str, Any], before: Mapping[str, Mapping[str, Any]], where: str
) -> None:
    """Refuse weights that are not there yet, or that are those of another network."""
    if other not in before:
        raise ConfigError(
            "No network of this name is trained before.",
            where=where,
            expected=", ".join(before) or "nothing",
            got=repr(other),
            fix=did_you_mean(other, before) if before else None,
        )
    differing = sorted(key for key in {*taught, *before[other]} if taught.get(key) != before[other].get(key))
    if differing:
        raise ConfigError(
            "A network can only begin with the weights of one that differs in its loss or its sampling.",
            where=where,
            expected=f"the settings of {other!r}",
            got=f"others in: {', '.join(differing)}",
        )


def read_posterior_experiment(name: str, preset: str) -> PosteriorExperiment:
    """Read an experiment of posterior maps.

    Raises
    ------
    ConfigError
        If the experiment or the preset is not known, or a setting cannot be used.
    """
    return parse(PosteriorExperiment, experiment_settings(name, preset), where=f"{name}.toml")
