"""A store of painted maps without a telescope: the training data of mass maps and of diffusion models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from zwicky.core.quantities import MapQuantity
from zwicky.data.codec import log16_of
from zwicky.data.engines import Engine
from zwicky.data.generate import ProgressBar, generate
from zwicky.data.plan import StorePlan
from zwicky.data.sight_lines import FlatInMass, sight_lines_of
from zwicky.data.store import Store
from zwicky.mocks.settings import one_of
from zwicky.mocks.theory_settings import grid_named
from zwicky.mocks.theory_survey import TheorySurvey
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.settings import PainterSettings

ENCODINGS: Final = ("log16", "float32")


@dataclass(frozen=True)
class PaintedPlan:
    """What to paint.

    Parameters
    ----------
    settings : PainterSettings
        The clusters.
    seed : int
        Of everything.
    n_clusters : int
        Parents.
    sight_lines : int or FlatInMass
        Of each cluster, or the rule that shares them out.
    grid : str
        A name of ``zwicky.mocks.theory_survey.GRIDS``.
    quantities : tuple of str
        Map quantities; all that the painter has if empty.
    encoding : {"log16", "float32"}
        Of the maps on disk.
    clusters_per_shard : int
        Parents per file.
    """

    settings: PainterSettings
    seed: int
    n_clusters: int
    sight_lines: int | FlatInMass = 1
    grid: str = "wide"
    quantities: tuple[str, ...] = field(default=())
    encoding: str = "log16"
    clusters_per_shard: int = 64


def paint_store(
    plan: PaintedPlan,
    folder: Path,
    workers: int,
    say: Callable[[str], None],
    *,
    engine: Engine = "processes",
    scheduler: str | None = None,
) -> Store:
    """Paint a store, or finish one that was begun.

    Parameters
    ----------
    plan : PaintedPlan
        What to paint.
    folder : Path
        Of the store.
    workers : int
        Processes.
    say : function
        Told what happens.
    engine, scheduler
        See ``zwicky.data.generate.generate``.

    Raises
    ------
    ConfigError
        If a name is not known; and what ``generate`` raises.
    """
    grid = grid_named(plan.grid)
    one_of(plan.encoding, ENCODINGS, "--encoding", "This encoding is not known.")
    painter = Painter(plan.settings, plan.seed)
    known = tuple(str(quantity) for quantity in painter.quantities)
    wanted = [
        one_of(name, known, "--quantity", "The painter has no such map.") for name in plan.quantities or known
    ]
    survey = TheorySurvey(painter, tuple(MapQuantity(name) for name in wanted), grid)
    store_plan = StorePlan(
        survey.settings(),
        n_clusters=plan.n_clusters,
        sight_lines=sight_lines_of(plan.sight_lines, painter, plan.n_clusters),
        clusters_per_shard=min(plan.clusters_per_shard, plan.n_clusters),
        split_seed=plan.seed,
        log16=log16_of(survey.channels) if plan.encoding == "log16" else {},
    )
    say(f"painting {store_plan.n_samples} sets of {len(wanted)} maps of {plan.n_clusters} clusters on {grid}")
    with ProgressBar("painting") as bar:
        made = generate(survey, store_plan, folder, workers, bar, engine=engine, scheduler=scheduler)
    for note in made.notes:
        say(f"  note: {note}")
    return Store.open(folder)
