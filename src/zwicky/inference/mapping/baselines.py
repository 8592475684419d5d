"""The boring answers: fitted on the same training set as a network, and shown beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from zwicky.inference.mapping.linear_map import SPACES, LinearMap, best_linear_map, best_of
from zwicky.inference.mapping.mean_profile import MeanProfile

__all__ = [
    "LINEAR",
    "LINEAR_R",
    "PROFILE",
    "Baseline",
    "LinearMap",
    "MeanProfile",
    "best_linear_map",
    "fit_baselines",
]

LINEAR: Final = "linear map"
"""The linear map with the smallest median |relative difference|."""
LINEAR_R: Final = "linear map, best r(k)"
"""The linear map with the highest cross-correlation, where that is another one."""
PROFILE: Final = "mean profile"
"""The mean profile of the predicted mass."""


class Baseline(Protocol):
    """A method from views to maps of the mass, after its fit."""

    @property
    def present(self) -> tuple[bool, ...]:
        """The views that it reads."""

    def predict(self, views: np.ndarray) -> np.ndarray:
        """Return positive maps (n, y, x) float32 from views (n, c, y, x)."""


def fit_baselines(
    views: np.ndarray,
    target: np.ndarray,
    validation_views: np.ndarray,
    validation_target: np.ndarray,
    present: Sequence[bool] | None = None,
) -> dict[str, Baseline]:
    """Fit every baseline for one subset of the views.

    A baseline that loses because it was not given its best setting proves nothing. Where the linear map of the
    smallest errors and that of the highest r(k) differ, both stand beside the network.

    Parameters
    ----------
    views, target : (n, c, y, x), (n, y, x) arrays
        The training set.
    validation_views, validation_target : (n, c, y, x), (n, y, x) arrays
        Other clusters, on which settings are chosen.
    present : (c,) sequence of bool, optional
        Which views to read; all by default.

    Returns
    -------
    dict of str to Baseline
        By name.

    Raises
    ------
    MapError
        If the stacks do not belong together or are not positive.
    """
    fits = [LinearMap.fit(views, target, present, space=space) for space in SPACES]
    closest = best_of(fits, validation_views, validation_target, "difference")
    sharpest = best_of(fits, validation_views, validation_target, "correlation")
    answers: dict[str, Baseline] = {LINEAR: closest}
    if sharpest is not closest:
        answers[LINEAR_R] = sharpest
    answers[PROFILE] = MeanProfile.fit(views, target, present)
    return answers
