"""The store of an experiment with posterior maps, and the sets that its networks learn from and are judged on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import torch

from zwicky.core.cluster import Cluster
from zwicky.core.errors import ConfigError
from zwicky.core.masses import M200C, M200M, Mass
from zwicky.core.quantities import MapQuantity
from zwicky.data.codec import floors_of, log16_of
from zwicky.data.dataset import MapData, load_split, selected
from zwicky.data.engines import Engine
from zwicky.data.generate import ProgressBar, generate
from zwicky.data.plan import StorePlan
from zwicky.data.sight_lines import log10_masses, sight_lines_of
from zwicky.data.splits import SplitFractions
from zwicky.data.store import Store
from zwicky.models.base import Batch
from zwicky.models.map_moments import MapMoments
from zwicky.models.residual_maps import with_moments
from zwicky.workflows.posterior.experiment import PosteriorExperiment

Say = Callable[[str], None]

CHUNK: Final = 64
"""Maps at a time."""


@dataclass(frozen=True, eq=False)
class PosteriorSets:
    """The store of an experiment, read when it is asked for.

    Parameters
    ----------
    experiment : PosteriorExperiment
    folder : Path
        Of the run.
    """

    experiment: PosteriorExperiment
    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "_read", lru_cache(maxsize=2)(self._load))

    @property
    def store_folder(self) -> Path:
        """Folder of the store."""
        return self.folder / "store"

    @property
    def views(self) -> tuple[MapQuantity, ...]:
        """The maps that a network is given."""
        return self.experiment.survey.view_quantities

    @property
    def targets(self) -> tuple[MapQuantity, ...]:
        """The maps that it is asked for."""
        survey = self.experiment.survey
        return (survey.target_quantity, *(MapQuantity(name) for name in survey.also))

    def make(
        self, workers: int, say: Say, *, engine: Engine = "processes", scheduler: str | None = None
    ) -> None:
        """Paint the store, or finish it; see ``zwicky.data.generate.generate`` for the engines."""
        survey = self.experiment.survey.build(self.experiment.seed)
        settings = self.experiment.store
        plan = StorePlan(
            survey.settings(),
            n_clusters=settings.n_clusters,
            sight_lines=sight_lines_of(settings.sight_lines, survey.simulation, settings.n_clusters),
            clusters_per_shard=settings.clusters_per_shard,
            fractions=SplitFractions(*settings.fractions),
            split_seed=self.experiment.seed,
            log16=log16_of(survey.channels),
        )
        say(
            f"painting: {plan.n_samples} sets of {len(survey.channels)} maps of {settings.n_clusters} clusters"
        )
        with ProgressBar("clusters") as bar:
            made = generate(survey, plan, self.store_folder, workers, bar, engine=engine, scheduler=scheduler)
        for note in made.notes:
            say(f"  note: {note}")

    def whole(self, split: str) -> MapData:
        """Return one split: views as maps, (n, view, y, x), and the true maps, (n, target, y, x)."""
        return self._read(split)  # type: ignore[attr-defined]

    def _load(self, split: str) -> MapData:
        channels = [*self.views, *self.targets]
        data = load_split(Store.open(self.store_folder), split, M200C, channels=channels)
        for i, floor in enumerate(floors_of(channels)):
            data.maps[:, i].clamp_(min=floor)
        n_views = len(self.views)
        return replace(data, maps=data.maps[:, :n_views], target=data.maps[:, n_views:])

    def standardised(self, split: str, moments: MapMoments) -> MapData:
        """Return one split for the diffusion of residuals: means and standard deviations beside the views."""
        data = self.whole(split)
        n_views, n_targets = len(self.views), len(self.targets)
        maps = torch.empty(len(data), n_views + 2 * n_targets, *data.maps.shape[2:])
        with torch.inference_mode():
            for start in range(0, len(data), CHUNK):
                rows = slice(start, start + CHUNK)
                views = data.maps[rows]
                maps[rows] = with_moments(views, *moments.moments(Batch(views, data.redshift[rows])))
        return replace(data, maps=maps)

    def judged(self, split: str, n_clusters: int) -> MapData:
        """Return one sight-line each of the first parents of a split inside the tested masses.

        Raises
        ------
        ConfigError
            If there are fewer.
        """
        data = self.whole(split)
        _, first = np.unique(data.parent, return_index=True)
        mass = self.log10_m200m(data)[first]
        low, high = self.experiment.evaluation.log10_m200m_range
        rows = np.sort(first[(mass >= low) & (mass < high)])
        if len(rows) < n_clusters:
            raise ConfigError(
                "The store has too few clusters to judge so many.",
                where=f"split {split!r}",
                expected=f"at least {n_clusters} parents with log10 M200m in [{low:g}, {high:g})",
                got=len(rows),
                fix="paint more clusters (store.n_clusters), or ask for fewer in [evaluation]",
            )
        return selected(data, rows[:n_clusters])

    def log10_m200m(self, data: MapData) -> np.ndarray:
        """Return M200m of each row, (n,) [dex of Msun], by the median concentration of its M200c."""
        cosmology = self.experiment.survey.build(self.experiment.seed).simulation.cluster(0).cosmology
        rows = zip(data.parent, data.truth["redshift"], data.truth["log10_m200c"], strict=True)
        clusters = [
            Cluster(str(name), float(z), {M200C: Mass(10.0 ** float(mass), M200C)}, cosmology=cosmology)
            for name, z, mass in rows
        ]
        return log10_masses(clusters, M200M)

    @property
    def pixel_mpc(self) -> float:
        """Side of a pixel [Mpc]."""
        return self.experiment.survey.build(self.experiment.seed).grid.pixel_value
