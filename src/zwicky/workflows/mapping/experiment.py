"""Experiment files of mass maps: geometries, networks, and on which clusters each is taught and judged."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal, get_args

from pydantic import Field, model_validator

from zwicky.core.config import Config, did_you_mean, parse
from zwicky.core.errors import ConfigError
from zwicky.core.quantities import MapQuantity
from zwicky.mocks.theory_settings import TheorySurveySettings
from zwicky.models.table import MAP_MODELS
from zwicky.training.loop import TrainingSettings
from zwicky.workflows.experiment import StoreSettings, experiment_settings

STARS: Final = str(MapQuantity.STAR_SURFACE_DENSITY)

Role = Literal["main", "transfer", "learning_curve", "geometry"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)


class Schedule(Config):
    """How long networks of one role are taught, whatever the size of their training sets.

    Attributes
    ----------
    images : int
        Maps that a network sees, repeats counted; the last epoch is finished.
    settings : TrainingSettings
        Everything else; its epochs and its patience follow from ``images``.
    """

    images: int = Field(gt=0)
    settings: TrainingSettings = Field(default_factory=TrainingSettings)

    def training(self, n_maps: int, images: int | None = None) -> TrainingSettings:
        """Return the settings for a training set of ``n_maps`` maps; ``images`` takes precedence over its own."""
        epochs = max(1, math.ceil((images or self.images) / n_maps))
        return self.settings.model_copy(update={"epochs": epochs, "patience": epochs})


class MapNetworkSettings(Config):
    """One network: its views, its training set, and what it is there to show.

    Attributes
    ----------
    model : dict
        ``{"kind": ..., ...}``; the number of views is filled in.
    views : tuple of str
        Quantities that it is given; those of its geometry if empty.
    geometry : str
        A name of ``Experiment.geometries``.
    physics : tuple of str
        Presets of the painter that it learns from; all of the experiment if empty.
    log10_m200c_range : (float, float), optional [dex of Msun]
        Masses that it learns from.
    parent_fraction : float [1]
        Share of the training parents that it is given, the first in the store.
    role : str
        "main" (judged by every statistic), "transfer" (on each physics), "learning_curve" or "geometry".
    images : int, optional
        Maps that it sees in training, if not as many as others of its role.
    galaxies : bool
        Add the galaxies' term to a network that sees the stars (``zwicky.models.galaxies``).
    shortcut : bool
        Let the network begin with the best linear map (``zwicky.models.linear_shortcut``).
    """

    model: dict[str, Any]
    views: tuple[str, ...] = ()
    geometry: str = "scaled"
    physics: tuple[str, ...] = ()
    log10_m200c_range: tuple[float, float] | None = None
    parent_fraction: float = Field(default=1.0, gt=0.0, le=1.0)
    role: Role = "main"
    images: int | None = Field(default=None, gt=0)
    galaxies: bool = False
    shortcut: bool = False


class MapEvaluationSettings(Config):
    """How the test set is judged.

    Attributes
    ----------
    log10_mass_edges_per_h : tuple of float [dex of Msun per h]
        Mass intervals of the paper, as it gives them.
    n_resamples : int
        Bootstrap resamples of parents.
    """

    log10_mass_edges_per_h: tuple[float, float, float, float] = (13.5, 14.02, 14.63, 15.38)
    n_resamples: int = 300


class MappingExperiment(Config):
    """A published mapping system to be run whole.

    Attributes
    ----------
    kind : "mapping"
    name, preset, title, reference : str
    seed : int
        Of everything.
    physics : tuple of str
        Presets of the painter; the same seed and index in each is the same halo.
    geometries : dict of str to TheorySurveySettings
        How the clusters are seen; "scaled" is that of the paper. The preset of the simulation is filled in.
    store : StoreSettings
        Of each physics and geometry.
    networks : dict of str to MapNetworkSettings
        In the order in which they are trained.
    without : tuple of str
        Networks of the file that a preset leaves out.
    sizes : dict of str to int
        Widths laid over those of every network that has them: ``width``, ``encoder_width``, ``discriminator_width``.
    training : dict of str to Schedule
        By role.
    ships : str
        The network that ``zwicky infer`` uses.
    compared_with_geometry : str
        The main network that those of role "geometry" stand beside; none if empty.
    evaluation : MapEvaluationSettings
    """

    kind: Literal["mapping"] = "mapping"
    name: str
    preset: str
    title: str
    reference: str
    seed: int
    physics: tuple[str, ...] = ("gadgetx", "gizmo")
    geometries: dict[str, TheorySurveySettings]
    store: StoreSettings
    networks: dict[str, MapNetworkSettings]
    without: tuple[str, ...] = ()
    sizes: dict[str, int] = Field(default_factory=dict)
    training: dict[Role, Schedule]
    ships: str
    compared_with_geometry: str = ""
    evaluation: MapEvaluationSettings = Field(default_factory=MapEvaluationSettings)

    @model_validator(mode="before")
    @classmethod
    def _left_out(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Drop the networks that a preset leaves out."""
        networks = settings.get("networks", {})
        for name in settings.get("without", ()):
            _known(name, networks, "without", "This network is not in the experiment.")
        kept = {name: one for name, one in networks.items() if name not in settings.get("without", ())}
        return {**settings, "networks": kept, "without": ()}

    @model_validator(mode="after")
    def _names_are_known(self) -> MappingExperiment:
        for name, network in self.networks.items():
            where = f"networks.{name}"
            _known(
                network.geometry,
                self.geometries,
                f"{where}.geometry",
                "This geometry is not in the experiment.",
            )
            for physics in network.physics:
                _known(physics, self.physics, f"{where}.physics", "This physics is not in the experiment.")
            for view in network.views:
                views = self.geometries[network.geometry].views
                _known(view, views, f"{where}.views", "This view is not in the geometry.")
            _known(network.role, self.training, f"training.{network.role}", "This role has no schedule.")
        compared = (
            {"compared_with_geometry": self.compared_with_geometry} if self.compared_with_geometry else {}
        )
        for where, name in {"ships": self.ships, **compared}.items():
            _known(name, self.networks, where, "This network is not in the experiment.")
        return self

    @model_validator(mode="after")
    def _one_test_set(self) -> MappingExperiment:
        """Refuse what no single test set can judge."""
        judged = [network for network in self.networks.values() if network.role in ("main", "learning_curve")]
        geometries = dict.fromkeys(network.geometry for network in judged)
        if len(geometries) != 1 or "main" not in {network.role for network in judged}:
            raise ConfigError(
                "The networks cannot be judged on one test set.",
                where="networks",
                expected='at least one of role "main", and one geometry for all of the roles "main" and'
                ' "learning_curve"',
                got=", ".join(geometries) or "none",
                fix='give networks of other geometries the role "geometry" or "transfer"',
            )
        return self

    def survey(self, geometry: str, physics: str) -> TheorySurveySettings:
        """Return a geometry with the simulation's physics filled in."""
        settings = self.geometries[geometry]
        return settings.model_copy(update={"simulation": {**settings.simulation, "preset": physics}})

    def views_of(self, network: MapNetworkSettings) -> tuple[str, ...]:
        """Return the views of a network."""
        return network.views or self.geometries[network.geometry].views

    def physics_of(self, network: MapNetworkSettings) -> tuple[str, ...]:
        """Return the physics of a network."""
        return network.physics or self.physics

    def model_of(self, network: MapNetworkSettings) -> dict[str, Any]:
        """Return the model's settings with the number of its views and the sizes of the preset."""
        views = self.views_of(network)
        told: dict[str, Any] = {"n_views": len(views)}
        if network.shortcut:
            told["shortcut"] = True
        if network.galaxies and STARS in views:
            told["galaxies"] = views.index(STARS)
        settings = self._sized(network.model)
        if "generator" in settings:
            return {**settings, "generator": {**settings["generator"], **told}}
        return {**settings, **told}

    def _sized(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """Return a model's settings with the sizes that it has laid over them."""
        kind = str(model.get("kind"))
        _known(kind, MAP_MODELS, "model.kind", "This model is not known.")
        fields = MAP_MODELS[kind][0].model_fields
        settings = {**model, **{name: size for name, size in self.sizes.items() if name in fields}}
        if "generator" in fields:
            settings["generator"] = self._sized({"kind": "unet", **settings.get("generator", {})})
        return settings

    def training_of(self, network: MapNetworkSettings, n_maps: int) -> TrainingSettings:
        """Return how a network with ``n_maps`` training maps is taught."""
        return self.training[network.role].training(n_maps, network.images)


def read_mapping_experiment(name: str, preset: str) -> MappingExperiment:
    """Read an experiment with mass maps; errors as of ``workflows.experiment.read_experiment``."""
    settings = experiment_settings(name, preset)
    return parse(MappingExperiment, settings, where=f"{name}.toml")


def _known(name: str, known: Collection[str], where: str, problem: str) -> None:
    if name not in known:
        raise ConfigError(
            problem,
            where=where,
            expected=", ".join(known),
            got=repr(name),
            fix=did_you_mean(name, list(known)),
        )
