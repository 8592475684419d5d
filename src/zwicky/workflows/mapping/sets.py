"""The stores of an experiment with mass maps, and the sets that networks learn from and are judged on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from zwicky.core.cosmology import Cosmology
from zwicky.core.grid import Grid
from zwicky.core.masses import M200C, M500C, Mass, MassDefinition
from zwicky.core.quantities import MapQuantity
from zwicky.data.codec import floors_of, log16_of
from zwicky.data.dataset import MapData, joined, load_split, selected
from zwicky.data.engines import Engine
from zwicky.data.generate import ProgressBar, generate
from zwicky.data.plan import StorePlan
from zwicky.data.sight_lines import sight_lines_of
from zwicky.data.splits import SplitFractions
from zwicky.data.store import Store
from zwicky.evaluation.mapping.records import TrueMaps
from zwicky.workflows.mapping.experiment import MapNetworkSettings, MappingExperiment

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Sets:
    """The stores of an experiment, read when they are asked for; the last few splits stay in memory.

    Parameters
    ----------
    experiment : MappingExperiment
    folder : Path
        Of the run.
    """

    experiment: MappingExperiment
    folder: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "_read", lru_cache(maxsize=6)(self._load))

    def make(
        self, workers: int, say: Say, *, engine: Engine = "processes", scheduler: str | None = None
    ) -> None:
        """Paint all stores, or finish them; see ``zwicky.data.generate.generate`` for the engines."""
        for geometry in self.geometries():
            for physics in self.experiment.physics:
                make_store(self.experiment, geometry, physics, self.folder, workers, say, engine, scheduler)

    def geometries(self) -> list[str]:
        """Return the geometries that a network of this preset uses, in order."""
        used = {network.geometry for network in self.experiment.networks.values()}
        return [name for name in self.experiment.geometries if name in used]

    def _load(self, geometry: str, physics: str, split: str) -> MapData:
        settings = self.experiment.survey(geometry, physics)
        channels = [*settings.view_quantities, *(MapQuantity(name) for name in settings.also)]
        data = load_split(
            Store.open(store_folder(self.folder, geometry, physics)),
            split,
            M200C,
            allow_scaled_grid=True,  # the target is a map; what its size gives away is measured beside it
            channels=channels,
            target=settings.target_quantity,
        )
        for i, floor in enumerate(floors_of(channels)):
            data.maps[:, i].clamp_(min=floor)
        return data

    def part(self, geometry: str, physics: str, split: str) -> MapData:
        """Return one split of one store: views, then further maps, as channels."""
        return self._read(geometry, physics, split)  # type: ignore[attr-defined]

    def whole(self, geometry: str, split: str, physics: tuple[str, ...] = ()) -> MapData:
        """Return one split of several physics, all by default, with the channels of all views."""
        parts = [self.part(geometry, name, split) for name in physics or self.experiment.physics]
        n_views = len(self.experiment.geometries[geometry].views)
        return joined([replace(part, maps=part.maps[:, :n_views]) for part in parts])

    def of(self, network: MapNetworkSettings, split: str) -> MapData:
        """Return what a network learns from, or is calibrated on: its views, physics, masses and parents."""
        data = self.whole(network.geometry, split, self.experiment.physics_of(network))
        rows = np.ones(len(data), bool)
        if network.log10_m200c_range is not None:
            low, high = network.log10_m200c_range
            mass = data.log10_mass.numpy()
            rows &= (mass >= low) & (mass < high)
        if split == "train" and network.parent_fraction < 1.0:
            parents = np.unique(data.parent)
            rows &= np.isin(data.parent, parents[: max(1, round(network.parent_fraction * len(parents)))])
        if not rows.all():
            data = selected(data, rows)
        return replace(data, maps=self.views_of(network, data.maps))

    def views_of(self, network: MapNetworkSettings, maps: torch.Tensor) -> torch.Tensor:
        """Return the channels that a network is given."""
        all_views = self.experiment.geometries[network.geometry].views
        numbers = [all_views.index(view) for view in self.experiment.views_of(network)]
        return maps[:, : len(numbers)] if numbers == list(range(len(numbers))) else maps[:, numbers]

    def grid(self, geometry: str) -> Grid:
        """Return the pixels of a geometry."""
        return self.experiment.geometries[geometry].build(self.experiment.seed).grid

    def cosmology(self, geometry: str) -> Cosmology:
        """Return the cosmology of a geometry's clusters."""
        survey = self.experiment.survey(geometry, self.experiment.physics[0]).build(self.experiment.seed)
        return survey.simulation.cluster(0, 0).cosmology

    def truth(self, geometry: str, split: str = "test") -> TrueMaps:
        """Return the true maps of all physics, in the order of ``whole``."""
        data = self.whole(geometry, split)
        assert data.target is not None
        r200c_mpc, r500c_mpc = (
            radii_mpc(data, definition, self.cosmology(geometry)) for definition in (M200C, M500C)
        )
        grid = self.grid(geometry)
        pixel_mpc = grid.pixel_value * (r200c_mpc if grid.kind == "scaled" else np.ones(len(data)))
        physics = [np.full(len(self.part(geometry, name, split)), name) for name in self.experiment.physics]
        return TrueMaps(
            data.target.numpy(), pixel_mpc, r200c_mpc, r500c_mpc, data.truth["log10_m200c"], data.parent,
            np.concatenate(physics),
        )  # fmt: skip


def radii_mpc(data: MapData, definition: MassDefinition, cosmology: Cosmology) -> np.ndarray:
    """Return the true radius of each cluster, (n,) [Mpc]."""
    masses = 10.0 ** data.truth[f"log10_{str(definition).lower()}"]
    return np.array(
        [
            Mass(float(mass), definition).radius_mpc(float(z), cosmology)
            for mass, z in zip(masses, data.truth["redshift"], strict=True)
        ]
    )


def store_folder(folder: Path, geometry: str, physics: str) -> Path:
    """Return the folder of a store inside a run."""
    return folder / "stores" / f"{geometry}-{physics}"


def make_store(
    experiment: MappingExperiment,
    geometry: str,
    physics: str,
    folder: Path,
    workers: int,
    say: Say,
    engine: Engine,
    scheduler: str | None,
) -> None:
    """Paint one store, or finish it."""
    survey = experiment.survey(geometry, physics).build(experiment.seed)
    settings = experiment.store
    plan = StorePlan(
        survey.settings(),
        n_clusters=settings.n_clusters,
        sight_lines=sight_lines_of(settings.sight_lines, survey.simulation, settings.n_clusters),
        clusters_per_shard=settings.clusters_per_shard,
        fractions=SplitFractions(*settings.fractions),
        split_seed=experiment.seed,  # the same for both physics: a parent is on one side in both
        log16=log16_of(survey.channels),
    )
    say(f"painting {geometry}, {physics}: {plan.n_samples} sets of {len(survey.channels)} maps")
    with ProgressBar(f"{geometry}, {physics}") as bar:
        place = store_folder(folder, geometry, physics)
        made = generate(survey, plan, place, workers, bar, engine=engine, scheduler=scheduler)
    for note in made.notes:
        say(f"  note: {note}")
