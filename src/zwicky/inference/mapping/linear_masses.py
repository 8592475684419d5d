"""The boring estimate beside every mass of a mapper: linear maps of the same views, with intervals of their own.

One linear map for each subset of views, fitted on the clusters that the network learnt from, its settings chosen and
its apertures recalibrated on those that the network was recalibrated on. Where the two disagree by more than their
intervals, one should ask why before one believes either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch

from zwicky.core.config import Config
from zwicky.inference.mapping.calibration import ApertureCalibration, aperture_sums
from zwicky.inference.mapping.linear_map import LinearMap, Space, best_linear_map

ARRAYS: Final = ("transfer", "view_mean", "target_mean")
"""What a linear map keeps in a file."""

Present = tuple[bool, ...]


class LinearFacts(Config):
    """What a linear map is besides its arrays.

    Attributes
    ----------
    space : "linear" or "log10"
    present : tuple of bool
        The views that it reads.
    floor : float [Msun Mpc^-2]
    apertures : ApertureCalibration
    """

    space: Space
    present: tuple[bool, ...]
    floor: float
    apertures: ApertureCalibration


@dataclass(frozen=True, eq=False)
class LinearMasses:
    """Aperture masses from linear maps, for several subsets of views.

    Parameters
    ----------
    maps : dict of str to LinearMap
        By the subset's name.
    facts : dict of str to LinearFacts
        The same.
    """

    maps: Mapping[str, LinearMap]
    facts: Mapping[str, LinearFacts]

    @classmethod
    def fit(
        cls,
        training: tuple[np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray],
        subsets: Mapping[str, Present],
    ) -> LinearMasses:
        """Fit a map for each subset.

        Parameters
        ----------
        training, validation : pairs of (n, view, y, x) and (n, y, x) arrays
            Views and targets.
        subsets : dict of str to tuple of bool
            By name.
        """
        views, target = validation
        true_sums = aperture_sums(target)
        maps, facts = {}, {}
        for name, present in subsets.items():
            found = _single(best_linear_map(*training, *validation, present))
            sums = aperture_sums(found.predict(views))
            maps[name] = found
            facts[name] = LinearFacts(
                space=found.space,
                present=present,
                floor=found.floor,
                apertures=ApertureCalibration.fit(true_sums, sums, np.ones_like(sums)),
            )
        return cls(maps, facts)

    def quantiles(self, subset: str, views: np.ndarray) -> np.ndarray:
        """Return quantiles of the sums inside each aperture at ``answer.LEVELS``, (n, radius, level) [Msun Mpc^-2]."""
        sums = aperture_sums(self.maps[subset].predict(views))
        return self.facts[subset].apertures.apply(sums, np.ones_like(sums))

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return all arrays by dotted names, for a file."""
        return {
            f"{subset}.{name}": torch.from_numpy(np.ascontiguousarray(getattr(one, name), np.float32))
            for subset, one in self.maps.items()
            for name in ARRAYS
        }

    @classmethod
    def of(cls, facts: Mapping[str, LinearFacts], tensors: Mapping[str, torch.Tensor]) -> LinearMasses:
        """Put together what a file and a description hold; raises KeyError if an array is missing."""
        maps = {}
        for subset, one in facts.items():
            arrays: dict[str, Any] = {n: tensors[f"{subset}.{n}"].double().numpy() for n in ARRAYS}
            maps[subset] = LinearMap(space=one.space, present=one.present, floor=one.floor, **arrays)
        return cls(maps, facts)


def _single(found: LinearMap) -> LinearMap:
    """Return the map with arrays that single precision holds: the same before and after they were saved."""
    arrays: dict[str, Any] = {n: getattr(found, n).astype(np.float32).astype(float) for n in ARRAYS}
    return replace(found, **arrays)
