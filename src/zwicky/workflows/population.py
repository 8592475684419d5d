"""Draw a population of painted clusters, hold it against published relations, and show some of them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from zwicky.core.errors import ConfigError
from zwicky.core.files import sole_writer, written_whole
from zwicky.core.grid import Grid
from zwicky.core.provenance import provenance
from zwicky.evaluation.explanations import relations_for
from zwicky.evaluation.gallery import draw_gallery
from zwicky.evaluation.plots import png
from zwicky.evaluation.population import RelationResult, evaluate, table_of
from zwicky.evaluation.population_page import tally, write_markdown, write_numbers, write_page
from zwicky.evaluation.population_plots import population_figure
from zwicky.physics.xray import EnergyBand
from zwicky.simulations.painter.drawing.draw import draw, label
from zwicky.simulations.painter.measuring.properties import ClusterProperties, measure
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.painting.scene import orientation
from zwicky.simulations.painter.settings import PainterSettings

Say = Callable[[str], None]

EVOLUTION_REDSHIFTS: Final = (0.05, 1.0)
"""Of the clusters that tell how a population evolves; there is one for every four of the others."""

GALLERY_MASSES_MSUN: Final = (7e13, 2e14, 5e14, 1.2e15)
"""M200c of the clusters of ``zwicky mock gallery`` [Msun]."""

_CHUNK: Final = 25  # clusters that a worker measures at a time
_GALLERY_LABELS: Final = 400  # clusters among which those of the wanted masses are looked for


def population_page(
    settings: PainterSettings,
    seed: int,
    n_clusters: int,
    out_folder: Path,
    workers: int = 1,
    say: Say | None = None,
) -> list[RelationResult]:
    """Draw and measure clusters; write population.json, population.html, population.md and population.png.

    Parameters
    ----------
    settings : PainterSettings
        What is drawn.
    seed : int
        Of the painter.
    n_clusters : int
        How many; a quarter as many are drawn again out to redshift 1, for evolution.
    out_folder : Path
        Where to.
    workers : int
        Processes.
    say : function, optional
        Told what happens, line by line.

    Returns
    -------
    list of RelationResult
        In the order of the page.

    Raises
    ------
    ConfigError
        If there are no clusters or no workers.
    """
    if n_clusters < 1 or workers < 1:
        raise ConfigError(
            "A population needs clusters, and someone to draw them.",
            expected="n_clusters >= 1 and workers >= 1",
            got=f"{n_clusters} clusters, {workers} workers",
        )
    tell = say or (lambda _: None)
    with sole_writer(out_folder):
        tell(f"drawing and measuring {n_clusters} clusters of preset {settings.preset!r}")
        table = table_of(measure_clusters(settings, seed, n_clusters, workers), settings.universe)
        tell(f"and {n_clusters // 4} out to redshift {EVOLUTION_REDSHIFTS[1]:g}")
        far = PainterSettings(**{**settings.model_dump(), "redshift_edges": EVOLUTION_REDSHIFTS})
        early = measure_clusters(far, seed, max(n_clusters // 4, 1), workers)
        results = _results(settings, table, table_of(early, settings.universe), seed)
        origin = provenance({"settings": settings.model_dump(mode="json"), "seed": seed, "n": n_clusters})
        write_numbers(out_folder / "population.json", results, table, origin)
        image = png(population_figure(table))
        with written_whole(out_folder / "population.png") as temporary:
            temporary.write_bytes(image)
        title = f"Painted clusters beside real ones: {settings.preset}"
        subtitle = f"{n_clusters} clusters, {_ranges(settings)}, seed {seed}."
        write_page(
            out_folder / "population.html", results, image, title=title, subtitle=subtitle, provenance=origin
        )
        write_markdown(
            out_folder / "population.md",
            results,
            title=title,
            subtitle=subtitle,
            command=f"zwicky mock population --physics {settings.preset} --clusters {n_clusters} --seed {seed}",
        )
        tell(tally(results))
    return results


def _results(
    settings: PainterSettings, table: dict[str, np.ndarray], early: dict[str, np.ndarray], seed: int
) -> list[RelationResult]:
    """Measure evolution in the clusters of many redshifts and all else in the others; keep the order."""
    relations = relations_for(settings.preset, settings.cluster_physics.pressure)
    return list(
        chain.from_iterable(
            evaluate(early if one.statistic == "evolution" else table, [one], seed=seed) for one in relations
        )
    )


def _ranges(settings: PainterSettings) -> str:
    low, high = settings.log10_m200c_range
    z = sorted({settings.redshift_edges[0], settings.redshift_edges[-1]})
    return f"log M200c {low:g} to {high:g}, redshift {' to '.join(f'{value:g}' for value in z)}"


def measure_clusters(
    settings: PainterSettings, seed: int, n_clusters: int, workers: int = 1
) -> list[ClusterProperties]:
    """Return the properties of clusters 0 ... n - 1, the same whatever the number of workers.

    Parameters
    ----------
    settings : PainterSettings
        What is drawn.
    seed : int
        Of the painter.
    n_clusters : int
        How many.
    workers : int
        Processes.
    """
    one = partial(_measured, settings, seed)
    if workers == 1:
        return [one(index) for index in range(n_clusters)]
    # spawned, not forked: the parent may hold threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        return list(pool.map(one, range(n_clusters), chunksize=_CHUNK))


def _measured(settings: PainterSettings, seed: int, index: int) -> ClusterProperties:
    """Return the properties of one cluster; its cylinder lies along the painter's first line of sight."""
    return measure(
        draw(settings, seed, index),
        photon_band=EnergyBand.parse(settings.xray_band),
        metallicity=settings.metallicity,
        view=tuple(orientation(seed, index, 0)[2]),
    )


def gallery(
    settings: PainterSettings, seed: int, path: Path, masses_msun: Sequence[float], grid: Grid
) -> list[int]:
    """Paint clusters of about these masses, draw them as a PNG file, and return their indices.

    Parameters
    ----------
    settings : PainterSettings
        What is drawn.
    seed : int
        Of the painter.
    path : Path
        Where to.
    masses_msun : list of float [Msun]
        M200c; for each the nearest of the first 400 clusters is taken, no one twice.
    grid : Grid
        The pixels.
    """
    indices = list(_nearest(settings, seed, masses_msun))
    painter = Painter(settings, seed)
    draw_gallery([painter.theory(index, 0, grid) for index in indices], path)
    return indices


def _nearest(settings: PainterSettings, seed: int, masses_msun: Sequence[float]) -> Iterator[int]:
    labels = np.log10([label(settings, seed, index)[0] for index in range(_GALLERY_LABELS)])
    for mass in masses_msun:
        index = int(np.argmin(np.abs(labels - np.log10(mass))))
        labels[index] = np.inf
        yield index
