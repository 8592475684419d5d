"""Posterior maps in words, as JSON, and as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from zwicky.core.files import write_json
from zwicky.data.fits_posterior import SampledMap, write_sampled_map
from zwicky.workflows.answer import light_lines, new_answer, warning_lines
from zwicky.workflows.mapping.answer import LEVEL_NAMES, input_facts
from zwicky.workflows.posterior.infer import PosteriorAnswer, pixel_text

REPORT_FILE: Final = "report.html"
BORING: Final = "mean map of the first network alone, without sampling"


def map_file(one: SampledMap) -> str:
    """Return the name of the file of a target, such as ``gas_surface_density.fits``."""
    return f"{one.quantity.value}.fits"


def as_dict(answer: PosteriorAnswer) -> dict[str, Any]:
    """Return the answer for machines: what ``answer.json`` holds. Masses in solar masses, proper lengths in Mpc."""
    first = answer.maps[0]
    intervals, boring = answer.intervals, answer.boring
    center = first.center
    return {
        "name": first.cluster.id,
        "redshift": first.cluster.redshift,
        "cosmology": first.cluster.cosmology.as_dict(),
        "center_deg": None if center is None else [center.icrs.ra.deg, center.icrs.dec.deg],
        "n_pixels": first.grid.n_pixels,
        "pixel_mpc": first.pixel_mpc,
        "pixel_arcmin": first.grid.pixel_value,
        "beam_arcmin": first.beam_arcmin,
        "n_samples": len(first.samples),
        "seed": first.seed,
        "evaluations_per_sample": first.evaluations,
        "sampler": answer.described["sampler"],
        "mass_unit": "Msun",
        "intervals_recalibrated": intervals.calibrated,
        "m200c": _named(10.0 ** intervals.log10_m200c[0]),
        "m200c_samples": [float(mass) for mass in 10.0**answer.log10_m200c],
        "cylinder_masses": {
            one.quantity.value: _cylinders(intervals.radii_mpc, intervals.cylinders_msun[0, i])
            for i, one in enumerate(answer.maps)
        },
        "mean_map_masses": None
        if boring is None
        else {
            "method": BORING,
            "m200c": boring.m200c_msun,
            "cylinder_masses": {
                one.quantity.value: [
                    {"radius_mpc": float(radius), "mass": float(mass)}
                    for radius, mass in zip(intervals.radii_mpc, boring.cylinders_msun[i], strict=True)
                ]
                for i, one in enumerate(answer.maps)
            },
        },
        "flag": first.light,
        "reasons": list(answer.reasons),
        "notes": list(answer.notes),
        "inputs": [input_facts(one) for one in answer.used],
        "files": [map_file(one) for one in answer.maps],
        "mapper": dict(answer.described),
    }


def _named(quantiles: Sequence[float] | np.ndarray) -> dict[str, float]:
    return dict(zip(LEVEL_NAMES, map(float, quantiles), strict=True))


def _cylinders(radii_mpc: np.ndarray, quantiles_msun: np.ndarray) -> list[dict[str, float]]:
    return [
        {"radius_mpc": float(radius), **_named(quantiles)}
        for radius, quantiles in zip(radii_mpc, quantiles_msun, strict=True)
    ]


def answer_text(answer: PosteriorAnswer) -> str:
    """Return what a person wants to read: views, light, how the samples were drawn, masses, notes."""
    first, intervals, boring = answer.maps[0], answer.intervals, answer.boring
    rows = [_row("M200c", 10.0 ** intervals.log10_m200c[0], None if boring is None else boring.m200c_msun)]
    for i, one in enumerate(answer.maps):
        for j, radius in enumerate(intervals.radii_mpc):
            plain = None if boring is None else float(boring.cylinders_msun[i, j])
            rows.append(
                _row(f"{one.short_name}, M(<{radius:.3g} Mpc)", intervals.cylinders_msun[0, i, j], plain)
            )
    kind = "recalibrated on held-out clusters" if intervals.calibrated else "those of the samples"
    return "\n".join(
        [
            f"{first.cluster.id}, z = {first.cluster.redshift:g}, {pixel_text(first)}",
            *(
                f"  view {one.file.name}: {one.file.path.name}, pixels of {one.image.pixel_arcmin:.4g} arcmin, "
                f"beam {one.image.beam_arcmin:.4g} arcmin"
                for one in answer.used
            ),
            f"  {len(first.samples)} samples of {' and '.join(one.short_name for one in answer.maps)}: "
            f"{first.evaluations} evaluations each ({answer.described['sampler']['solver']}), seed {first.seed}",
            *light_lines(first.light, answer.reasons),
            f"  {'':24s}{'[1e14 Msun]':14s}{'16-84 %':18s}{'2.5-97.5 %':18s}mean map alone",
            *rows,
            *(f"  note: {note}" for note in answer.notes),
            f"  intervals of masses are {kind}; M(<R) is that of a cylinder along the line of sight, never per h; "
            f"cosmology {first.cluster.cosmology.name}",
            *warning_lines(first.light),
        ]
    )


def _row(label: str, quantiles_msun: np.ndarray, boring_msun: float | None) -> str:
    bottom, low, median, high, top = (f"{mass / 1e14:.3g}" for mass in quantiles_msun)
    last = "none" if boring_msun is None else f"{boring_msun / 1e14:.3g}"
    return f"  {label:24s}{median:14s}{f'{low} - {high}':18s}{f'{bottom} - {top}':18s}{last}"


def write_answer(answer: PosteriorAnswer, folder: Path) -> None:
    """Write a FITS file of samples for each target, ``report.html`` and, when these are whole, ``answer.json``.

    The same answer always gives the same bytes.

    Parameters
    ----------
    answer : PosteriorAnswer
        From ``infer_posterior``.
    folder : Path
        Where to.

    Raises
    ------
    ConfigError
        If the folder already holds an answer.
    """
    from zwicky.evaluation.posterior.cluster_report import ClusterMasses, write_posterior_report

    path = new_answer(folder)
    content = as_dict(answer)
    for one in answer.maps:
        write_sampled_map(one, folder / map_file(one), overwrite=True)
    boring = answer.boring
    write_posterior_report(
        folder / REPORT_FILE,
        answer.maps,
        [one.stamp.map for one in answer.used],
        ClusterMasses(
            answer.log10_m200c,
            answer.intervals,
            None if boring is None else boring.m200c_msun,
            None if boring is None else boring.cylinders_msun,
        ),
        subtitle=pixel_text(answer.maps[0]),
        inputs=content["inputs"],
        reasons=answer.reasons,
        notes=answer.notes,
        provenance=content["mapper"],
    )
    write_json(path, content)
