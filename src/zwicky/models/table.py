"""The models that an experiment can name: one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from zwicky.core.config import Config, did_you_mean, parse
from zwicky.core.errors import ConfigError
from zwicky.models.any_view import AnyView, AnyViewSettings
from zwicky.models.base import MapModel, MassModel, Model, SampleModel
from zwicky.models.chandra_cnn import ChandraCNN, ChandraCNNSettings
from zwicky.models.deepplanck import DeepPlanck, DeepPlanckSettings
from zwicky.models.erosita_cnn import ErositaCNN, ErositaCNNSettings
from zwicky.models.map_moments import MapMoments, MapMomentsSettings
from zwicky.models.mresunet import MResUNet, MResUNetSettings
from zwicky.models.mresunet_mass import MResUNetMass, MResUNetMassSettings
from zwicky.models.photon_mass import PhotonMass, PhotonMassSettings
from zwicky.models.pix2pix import Pix2Pix, Pix2PixSettings
from zwicky.models.radial_cnn import RadialCNN, RadialCNNSettings
from zwicky.models.residual_maps import ResidualMaps, ResidualMapsSettings
from zwicky.models.score_maps import ScoreMaps, ScoreMapsSettings
from zwicky.models.unet import UNet, UNetSettings
from zwicky.models.view_mass import ViewMass, ViewMassSettings

M = TypeVar("M", bound=Model)

MODELS: Final[dict[str, tuple[type[Config], Callable[..., MassModel]]]] = {
    "deepplanck": (DeepPlanckSettings, DeepPlanck),
    "radial_cnn": (RadialCNNSettings, RadialCNN),
    "mresunet": (MResUNetSettings, MResUNet),
    "mresunet_mass": (MResUNetMassSettings, MResUNetMass),
    "chandra_cnn": (ChandraCNNSettings, ChandraCNN),
    "erosita_cnn": (ErositaCNNSettings, ErositaCNN),
    "photon_mass": (PhotonMassSettings, PhotonMass),
    "view_mass": (ViewMassSettings, ViewMass),
}
"""Those that weigh."""

MAP_MODELS: Final[dict[str, tuple[type[Config], Callable[..., MapModel]]]] = {
    "unet": (UNetSettings, UNet),
    "any_view": (AnyViewSettings, AnyView),
    "pix2pix": (Pix2PixSettings, Pix2Pix),
}
"""Those that map."""

MOMENT_MODELS: Final[dict[str, tuple[type[Config], Callable[..., MapMoments]]]] = {
    "map_moments": (MapMomentsSettings, MapMoments),
}
"""Those that map several quantities, each with its error."""

SAMPLE_MODELS: Final[dict[str, tuple[type[Config], Callable[..., SampleModel]]]] = {
    "score_maps": (ScoreMapsSettings, ScoreMaps),
    "residual_maps": (ResidualMapsSettings, ResidualMaps),
}
"""Those that draw samples of maps."""


def build_model(settings: Mapping[str, Any], *, where: str = "model") -> MassModel:
    """Build a model that weighs, from its settings, ``{"kind": "radial_cnn", ...}``.

    Raises
    ------
    ConfigError
        If the kind or a key is not known.
    """
    return _build(MODELS, settings, where)


def build_map_model(settings: Mapping[str, Any], *, where: str = "model") -> MapModel:
    """Build a model that maps, from its settings, ``{"kind": "unet", ...}``; errors as of ``build_model``."""
    return _build(MAP_MODELS, settings, where)


def build_either(settings: Mapping[str, Any], *, where: str = "model") -> Model:
    """Build a model of either kind, for the training loop; errors as of ``build_model``."""
    return _build({**MODELS, **MAP_MODELS, **MOMENT_MODELS, **SAMPLE_MODELS}, settings, where)


def _build(
    table: Mapping[str, tuple[type[Config], Callable[..., M]]], settings: Mapping[str, Any], where: str
) -> M:
    kind = settings.get("kind")
    if kind not in table:
        raise ConfigError(
            "This model is not known.",
            where=f"{where}.kind",
            expected=", ".join(table),
            got=repr(kind),
            fix=did_you_mean(str(kind), table),
        )
    config_type, model_type = table[str(kind)]
    return model_type(parse(config_type, settings, where=where))
