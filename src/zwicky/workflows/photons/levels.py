"""What each ingredient of an image does to the mass: the same clusters at every level of realism.

The networks and the relation are those of the full images. A level that they were not taught shifts and widens their
masses: so much would they be wrong if real images had, or lacked, that ingredient.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import torch

from zwicky.core.files import write_json
from zwicky.data.dataset import MapData, selected
from zwicky.inference.conformal import LEVELS as QUANTILES
from zwicky.mocks.photon_levels import Level
from zwicky.models.base import MassModel
from zwicky.workflows.photons.ensemble import LightConeEnsemble, asked
from zwicky.workflows.photons.sets import Say, added_up, numbers_of, profiles_of

LEVELS: Final[tuple[str, ...]] = get_args(Level)

MOST: Final = 200
"""Clusters that are seen at every level."""


def level_rows(ensemble: LightConeEnsemble, members: list[MassModel], say: Say) -> list[dict[str, Any]]:
    """Weigh found test clusters at every level of realism, or read what was found.

    Parameters
    ----------
    ensemble : LightConeEnsemble
        With its finished stores and networks.
    members : list of MassModel
        The plain ensemble.
    say : function
        Told what happens.

    Returns
    -------
    list of dict
        For each level, from ideal to full: ``level``; ``n``, how many clusters; and for the ensemble and the count rate
        ``shift_dex``, the median change of log10 M to the full image, its error ``shift_error_dex``, and
        ``scatter_dex``, the standard deviation of log10 M - truth.
    """
    path: Path = ensemble.folder / "levels.json"
    if not path.is_file():
        found = ensemble.counts("test")
        write_json(path, _weighed(ensemble, members, selected(found, slice(0, MOST)), say))
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def _weighed(
    ensemble: LightConeEnsemble, members: list[MassModel], data: MapData, say: Say
) -> list[dict[str, Any]]:
    say(f"  {len(data)} clusters at {len(LEVELS)} levels of realism")
    weigher, truth = ensemble.count_rate_weigher(), numbers_of(data)[1]
    masses: dict[str, dict[str, np.ndarray]] = {}
    for level in LEVELS:
        survey = ensemble.settings.survey.model_copy(update={"level": level}).build(ensemble.experiment.seed)
        seen = [survey.observe(int(name.rsplit("-", 1)[1]), 0) for name in data.parent.tolist()]
        maps = np.array([[one.values for one in maps] for maps in seen], np.float32)
        images = replace(data, maps=torch.from_numpy(maps))
        rate = weigher.weigh(profiles_of(added_up(images), survey), numbers_of(images)[0])
        masses[level] = {
            "ensemble": asked(members, ensemble.smoothed(images))[:, 2],
            "count rate": rate.log10_quantiles[:, QUANTILES.index(0.5)],
        }
    return [
        {"level": level, "n": len(data)}
        | {
            method: _compared(median, masses[LEVELS[-1]][method], truth)
            for method, median in masses[level].items()
        }
        for level in LEVELS
    ]


def _compared(log10_mass: np.ndarray, full: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return how masses of one level differ from those of full images, and from the truth."""
    change = log10_mass - full
    return {
        "shift_dex": float(np.median(change)),
        # The standard error of a median of Gaussian numbers is that of their mean times sqrt(pi / 2).
        "shift_error_dex": float(np.sqrt(np.pi / 2.0) * change.std() / np.sqrt(len(change))),
        "scatter_dex": float((log10_mass - truth).std()),
    }
