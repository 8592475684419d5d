"""Run an experiment with mass maps whole: paint, train, calibrate, judge, report.

Each step finds what an earlier run finished and goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from zwicky.core.cosmology import Cosmology
from zwicky.core.files import sole_writer
from zwicky.core.posteriors import lognormal_sd
from zwicky.core.quantities import MapQuantity
from zwicky.data.dataset import MapData
from zwicky.evaluation.mapping.estimates import as_json
from zwicky.evaluation.mapping.fractions import gas_fraction, running_medians, star_fraction
from zwicky.evaluation.mapping.records import TrueMaps
from zwicky.evaluation.mapping.report import write_map_report
from zwicky.evaluation.mapping.run_plots import Example
from zwicky.evaluation.mapping.scorecard import build_map_scorecard, write_map_scorecard
from zwicky.evaluation.mapping.spectra import Spectra, power_spectra
from zwicky.inference.mapping.mapper import SHORT_NAMES, Mapper
from zwicky.workflows.mapping.experiment import MappingExperiment
from zwicky.workflows.mapping.judge import Judged, geometry_rows, learning_curve, methods, transfer_rows
from zwicky.workflows.mapping.paper import MAP_PAPERS
from zwicky.workflows.mapping.sets import Sets
from zwicky.workflows.mapping.side_by_side import make_mappers
from zwicky.workflows.run_folder import claim

Say = Callable[[str], None]

EXAMPLE_QUANTILES: Final = (0.1, 0.5, 0.9)
"""Of the test masses, for the clusters that the report shows."""

FRACTION_BIN_DEX: Final = 0.2
"""Of log10 M200c, for the curves of gas and star fractions."""


def reproduce_maps(
    experiment: MappingExperiment, folder: Path, *, workers: int = 2, say: Say = lambda _: None
) -> dict[str, Any]:
    """Run an experiment in a folder, or finish it.

    Parameters
    ----------
    experiment : MappingExperiment
    folder : Path
        The run folder.
    workers : int
        Processes that paint, and networks that are trained at a time.
    say : function
        Told what happens, line by line.

    Returns
    -------
    dict
        The scorecard.
    """
    with sole_writer(folder):
        facts = claim(folder, experiment)
        sets = Sets(experiment, folder)
        sets.make(workers, say)
        mappers = make_mappers(experiment, sets, folder, facts, workers, say)
        judged = Judged(experiment, sets, mappers)
        scorecard = judge(judged, say)
        scorecard["training"] = {name: history_of(folder, name) for name in experiment.networks}
        rows_of = MAP_PAPERS.get(experiment.name)
        scorecard["paper"] = [] if rows_of is None else [list(row) for row in rows_of(scorecard)]
        write_map_scorecard(folder / "scorecard.json", scorecard)
        write_map_report(
            folder / "report.html",
            title=f"{experiment.title}, preset {experiment.preset}",
            scorecard=scorecard,
            examples=examples(judged),
            provenance=facts,
            notes=notes(experiment, scorecard),
        )
        say(f"report: {folder / 'report.html'}")
    return scorecard


def judge(judged: Judged, say: Say) -> dict[str, Any]:
    """Open the test set, once, and build the scorecard."""
    experiment, sets = judged.experiment, judged.sets
    geometry = next(iter(judged.networks("main").values())).geometry
    test, true = sets.whole(geometry, "test"), sets.truth(geometry)
    scorecard = build_map_scorecard(
        true,
        methods(judged, geometry, test, true, say),
        mass_edges_log10=mass_edges(experiment, sets.cosmology(geometry)),
        seed=experiment.seed,
        n_resamples=experiment.evaluation.n_resamples,
        view_spectra=view_spectra(experiment, geometry, test, true),
    )
    scorecard["experiment"] = {
        "name": experiment.name,
        "preset": experiment.preset,
        "title": experiment.title,
        "reference": experiment.reference,
    }
    scorecard["sizes"] = {
        **{split: len(sets.whole(geometry, split)) for split in ("train", "validation", "test")},
        "test_parents": len(np.unique(true.parent)),
    }
    scorecard["networks"] = {name: sizes_of(mapper) for name, mapper in judged.mappers.items()}
    scorecard["transfer"] = transfer_rows(judged, say)
    scorecard["learning_curve"] = learning_curve(judged, test, true, say)
    scorecard["geometry"] = geometry_rows(judged, say)
    scorecard["fractions"] = fractions(judged, geometry, true)
    return scorecard


def mass_edges(experiment: MappingExperiment, cosmology: Cosmology) -> tuple[float, ...]:
    """Return the mass intervals of the paper in dex of Msun, not of Msun per h."""
    edges = experiment.evaluation.log10_mass_edges_per_h
    return tuple(float(edge - np.log10(cosmology.h)) for edge in edges)


def view_spectra(
    experiment: MappingExperiment, geometry: str, test: MapData, true: TrueMaps
) -> dict[str, Spectra]:
    """Return the powers of each view beside the truth: their r(k) is that of any filter of one view."""
    quantities = experiment.geometries[geometry].view_quantities
    return {
        SHORT_NAMES.get(quantity, str(quantity)): power_spectra(true.maps, test.maps[:, i].numpy())
        for i, quantity in enumerate(quantities)
    }


def sizes_of(mapper: Mapper) -> dict[str, Any]:
    """Return what a reader needs to know of a network."""
    return {"model": mapper.facts.model, "physics": list(mapper.facts.physics), **mapper.facts.sizes}


def fractions(judged: Judged, geometry: str, true: TrueMaps) -> dict[str, Any]:
    """Return gas and star fractions inside R500c cylinders against mass, for each physics (A1 and A2)."""
    experiment = judged.experiment
    settings = experiment.geometries[geometry]
    names = [*settings.views, *settings.also]
    radii_mpc = true.r500c_mpc[:, None]
    low, high = float(true.log10_m200c.min()), float(true.log10_m200c.max())
    edges = (
        np.arange(np.floor(low / FRACTION_BIN_DEX), np.ceil(high / FRACTION_BIN_DEX) + 1) * FRACTION_BIN_DEX
    )
    found: dict[str, Any] = {}
    for label, quantity, function in (
        ("gas", MapQuantity.GAS_SURFACE_DENSITY, gas_fraction),
        ("stars", MapQuantity.STAR_SURFACE_DENSITY, star_fraction),
    ):
        if str(quantity) not in names:
            continue
        parts = [judged.sets.part(geometry, physics, "test").maps for physics in experiment.physics]
        maps = np.concatenate([part[:, names.index(str(quantity))].numpy() for part in parts])
        inside = function(maps, true.maps, true.pixel_mpc, radii_mpc)[:, 0]
        medians = running_medians(true.log10_m200c, inside, true.physics, edges.tolist())
        found[label] = {
            physics: {name: as_json(values) for name, values in asdict(running).items()}
            for physics, running in medians.items()
        }
    return found


def examples(judged: Judged) -> list[Example]:
    """Return test clusters at 10, 50 and 90 % of the masses, as the network of any views sees them."""
    name, network = list(judged.networks("main").items())[-1]
    mapper, true = judged.mappers[name], judged.sets.truth(network.geometry)
    test = judged.sets.whole(network.geometry, "test")
    order = np.argsort(true.log10_m200c, kind="stable")
    rows = order[(np.array(EXAMPLE_QUANTILES) * (len(order) - 1)).astype(int)]
    maps = judged.sets.views_of(network, test.maps[rows]).numpy()
    predicted = mapper.predict(maps, test.redshift[rows].numpy())
    assert predicted.half_68_dex is not None
    unit = "R200" if mapper.grid.kind == "scaled" else "Mpc"
    return [
        Example(
            title=f"{10 ** (true.log10_m200c[row] - 14.0):.1f}e14 Msun, {true.physics[row]}",
            views={SHORT_NAMES.get(q, str(q)): maps[i, j] for j, q in enumerate(mapper.views)},
            truth=true.maps[row],
            mean=predicted.mean[i],
            sd=lognormal_sd(predicted.mean[i], predicted.half_68_dex[i]),
            half_width=0.5 * mapper.grid.n_pixels * mapper.grid.pixel_value,
            unit=unit,
        )
        for i, row in enumerate(rows)
    ]


def notes(experiment: MappingExperiment, scorecard: dict[str, Any]) -> list[str]:
    """Return what a reader of the report must know."""
    sizes = scorecard["sizes"]
    return [
        "Clusters are painted, not simulated; maps have no noise, as those of the paper. "
        "Coverage holds for clusters like these.",
        "Maps of the paper's geometry are cut and scaled to the true R200c, which gives the mass of a cluster away: "
        "the table of geometries says what that was worth.",
        f"Seed {experiment.seed}; {sizes['train']} maps for training, {sizes['validation']} for validation and "
        f"recalibration, {sizes['test']} of {sizes['test_parents']} parents for the test, which was opened once the "
        "networks and their recalibration were fixed. Both physics of a parent are on one side.",
    ]


def history_of(folder: Path, name: str) -> list[dict[str, float]]:
    """Return the learning curve of one network, or nothing if its training is not in this folder."""
    path = folder / "training" / name / "metrics.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
