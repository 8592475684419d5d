"""The clusters of the published tests, as stores: trained masses, masses between and beyond, scatter, painted ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from zwicky.core.masses import MassDefinition
from zwicky.core.quantities import MapQuantity
from zwicky.data.dataset import MapData, load_split
from zwicky.data.generate import ProgressBar, generate
from zwicky.data.plan import StorePlan
from zwicky.data.splits import SplitFractions
from zwicky.data.store import Store
from zwicky.evaluation.microwave.records import (
    EXTRAPOLATED,
    INTERPOLATED,
    NO_SCATTER,
    ORDER_OF_SETS,
    REALISTIC,
    SCATTER_ON_M,
    SCATTER_ON_Y,
    TRAINED,
)
from zwicky.mocks.microwave_settings import MicrowaveSurveySettings
from zwicky.workflows.microwave.experiment import MicrowaveExperiment

Say = Callable[[str], None]

SHARD: Final = 400
"""Clusters per file of a store."""


ALL_TEST: Final = SplitFractions(0.0, 0.0, 1.0)


@dataclass(frozen=True)
class SetPlan:
    """One set of clusters.

    Parameters
    ----------
    survey : MicrowaveSurveySettings
    n_clusters, sight_lines : int
    fractions : SplitFractions
        All in "test", but for the trained masses.
    """

    survey: MicrowaveSurveySettings
    n_clusters: int
    sight_lines: int = 1
    fractions: SplitFractions = ALL_TEST


@dataclass(frozen=True)
class Sets:
    """All sets of an experiment, in the folder of its run.

    Parameters
    ----------
    experiment : MicrowaveExperiment
    folder : Path
    """

    experiment: MicrowaveExperiment
    folder: Path

    @cached_property
    def plans(self) -> Mapping[str, SetPlan]:
        """What each set holds, by name."""
        published = self.experiment.published
        counts, n_trained = published.counts, len(published.spheres.m200c_1e14_msun)
        each = counts.train + counts.validation + counts.test
        fractions = SplitFractions(counts.train / each, counts.validation / each, counts.test / each)
        scatter = {"m200c_1e14_msun": published.scatter}
        quiet = {**scatter, "sigma_ln_y500": 0.0}
        sigma = published.spheres.sigma_ln_y500
        return {
            TRAINED: SetPlan(published.survey, n_trained * each, fractions=fractions),
            INTERPOLATED: self._between(published.interpolated),
            EXTRAPOLATED: self._between(published.extrapolated),
            NO_SCATTER: SetPlan(self._spheres(quiet), counts.scatter),
            SCATTER_ON_Y: SetPlan(self._spheres(scatter), counts.scatter),
            SCATTER_ON_M: SetPlan(self._spheres({**quiet, "sigma_ln_m500": sigma}), counts.scatter),
            REALISTIC: SetPlan(published.survey_of(published.painter), counts.realistic, counts.skies),
        }

    def _between(self, masses: tuple[float, ...]) -> SetPlan:
        n = len(masses) * self.experiment.published.counts.between
        return SetPlan(self._spheres({"m200c_1e14_msun": masses}), n)

    def _spheres(self, changes: Mapping[str, Any]) -> MicrowaveSurveySettings:
        published = self.experiment.published
        return published.survey_of({**published.spheres.model_dump(mode="json"), **changes})

    def seed(self, name: str) -> int:
        """Return the seed of a set: no two share a cluster or a sky."""
        return self.experiment.seed + ORDER_OF_SETS.index(name)

    def make(self, workers: int, say: Say) -> None:
        """Make all stores, or finish them."""
        for name, plan in self.plans.items():
            survey = plan.survey.build(self.seed(name))
            stored = StorePlan(
                survey.settings(),
                n_clusters=plan.n_clusters,
                sight_lines=plan.sight_lines,
                clusters_per_shard=max(1, SHARD // plan.sight_lines),
                fractions=plan.fractions,
                split_seed=self.experiment.seed,
            )
            say(f"{name}: {stored.n_samples} skies with clusters")
            with ProgressBar(name) as bar:
                made = generate(survey, stored, self._place(name), workers, bar)
            for note in made.notes:
                say(f"  note: {note}")

    def _place(self, name: str) -> Path:
        return self.folder / "stores" / name

    def read(self, name: str, split: str, definition: MassDefinition) -> MapData:
        """Return one split of a set, with the clean signal as target."""
        store = Store.open(self._place(name))
        return load_split(store, split, definition, target=MapQuantity.COMPTON_Y)
