"""The models that an experiment can name: one line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from zwicky.core.config import Config, did_you_mean, parse
from zwicky.core.errors import ConfigError
from zwicky.models.base import MassModel
from zwicky.models.deepplanck import DeepPlanck, DeepPlanckSettings
from zwicky.models.radial_cnn import RadialCNN, RadialCNNSettings

MODELS: Final[dict[str, tuple[type[Config], Callable[..., MassModel]]]] = {
    "deepplanck": (DeepPlanckSettings, DeepPlanck),
    "radial_cnn": (RadialCNNSettings, RadialCNN),
}


def build_model(settings: Mapping[str, Any], *, where: str = "model") -> MassModel:
    """Build a model from its settings, ``{"kind": "radial_cnn", ...}``; an unknown kind or key is a ConfigError."""
    kind = settings.get("kind")
    if kind not in MODELS:
        raise ConfigError(
            "This model is not known.",
            where=f"{where}.kind",
            expected=", ".join(MODELS),
            got=repr(kind),
            fix=did_you_mean(str(kind), MODELS),
        )
    config_type, model_type = MODELS[str(kind)]
    return model_type(parse(config_type, settings, where=where))
