"""The cloud of a network's features on training clusters, and how far from it others are (Lee et al. 2018)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from zwicky.models.base import MassModel


def has_features(model: MassModel) -> bool:
    """Say whether a network tells what it extracted."""
    return type(model).features is not MassModel.features


def distance_from_cloud(features: Tensor, cloud: Mapping[str, Tensor]) -> np.ndarray:
    """Return the Mahalanobis distance of features from the training cloud per square root of dimension, (stamp,)."""
    whitened = (features.double() - cloud["mean"]) @ cloud["whiten"]
    return np.asarray(whitened.square().mean(1).sqrt().numpy())


def fit_cloud(features: Tensor) -> dict[str, Tensor]:
    """Return mean and whitening of a cloud of features, (stamp, feature).

    Directions fainter than 1e-4 of the strongest (in variance) are held there, so that rounding does not rule.
    """
    mean = features.double().mean(0)
    values, vectors = torch.linalg.eigh(torch.cov((features.double() - mean).T))
    return {"mean": mean, "whiten": vectors / values.clamp(min=1e-4 * float(values.max())).sqrt()}
