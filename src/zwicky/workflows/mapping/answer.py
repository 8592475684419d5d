"""A mass map in words, as JSON, and as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from zwicky.core.files import write_json
from zwicky.core.units import unit_text
from zwicky.data.fits_mass_map import write_mass_map
from zwicky.workflows.answer import light_lines, new_answer, warning_lines
from zwicky.workflows.mapping.infer import MapAnswer, UsedView, pixel_text

LEVEL_NAMES: Final = ("p2.5", "p16", "median", "p84", "p97.5")
"""Of ``inference.mapping.answer.LEVELS``."""

MAP_FILE: Final = "mass_map.fits"
REPORT_FILE: Final = "report.html"
_RADII_SHOWN: Final = 4


def as_dict(answer: MapAnswer) -> dict[str, Any]:
    """Return the answer for machines: what ``answer.json`` holds. Masses in solar masses, proper lengths in Mpc."""
    mass_map = answer.mass_map
    center = mass_map.center
    return {
        "name": mass_map.cluster.id,
        "redshift": mass_map.cluster.redshift,
        "cosmology": mass_map.cluster.cosmology.as_dict(),
        "center_deg": None if center is None else [center.icrs.ra.deg, center.icrs.dec.deg],
        "n_pixels": mass_map.grid.n_pixels,
        "pixel_mpc": mass_map.pixel_mpc,
        "pixel_arcmin": mass_map.grid.pixel_value,
        "beam_arcmin": mass_map.beam_arcmin,
        "mass_kind": "inside a cylinder along the line of sight",
        "mass_unit": "Msun",
        "masses": _masses(answer.radii_mpc, answer.mass_quantiles_msun),
        "linear_masses": _masses(answer.radii_mpc, answer.linear_quantiles_msun),
        "flag": mass_map.light,
        "reasons": list(answer.reasons),
        "notes": list(answer.notes),
        "inputs": [input_facts(one) for one in answer.used],
        "missing": list(answer.missing),
        "mapper": dict(mass_map.mapper),
    }


def _masses(radii_mpc: np.ndarray, quantiles_msun: np.ndarray) -> list[dict[str, float]]:
    return [
        {"radius_mpc": float(radius), **dict(zip(LEVEL_NAMES, map(float, quantiles), strict=True))}
        for radius, quantiles in zip(radii_mpc, quantiles_msun, strict=True)
    ]


def input_facts(one: UsedView) -> dict[str, Any]:
    """Return what a view was read from, as JSON has it."""
    mask = one.stamp.map.mask
    return {
        "view": one.file.name,
        "quantity": one.image.quantity.value,
        "unit": unit_text(one.image.unit),
        "file": one.file.path.name,
        "sha256": one.sha256,
        "pixel_arcmin": one.image.pixel_arcmin,
        "beam_arcmin": one.image.beam_arcmin,
        "filled_pixels": 0 if mask is None else int(mask.sum()),
    }


def answer_text(answer: MapAnswer) -> str:
    """Return what a person wants to read: views, light, masses inside four radii, and what was done to the views."""
    mass_map = answer.mass_map
    return "\n".join(
        [
            f"{mass_map.cluster.id}, z = {mass_map.cluster.redshift:g}, {pixel_text(mass_map)}",
            *(
                f"  view {one.file.name}: {one.file.path.name}, pixels of {one.image.pixel_arcmin:.4g} arcmin, "
                f"beam {one.image.beam_arcmin:.4g} arcmin"
                for one in answer.used
            ),
            f"  missing: {', '.join(answer.missing) or 'none'}",
            *light_lines(mass_map.light, answer.reasons),
            f"  {'R [Mpc]':10s}{'M(<R) [1e14 Msun]':20s}{'16-84 %':16s}{'2.5-97.5 %':16s}linear map, 16-84 %",
            *(_row(answer, i) for i in _shown_rows(len(answer.radii_mpc))),
            *(f"  note: {note}" for note in answer.notes),
            "  masses are those of cylinders along the line of sight, never per h; "
            f"cosmology {mass_map.cluster.cosmology.name}",
            *warning_lines(mass_map.light),
        ]
    )


def _shown_rows(n_radii: int) -> list[int]:
    """Return about four of the radii, evenly spread, the last one among them."""
    return sorted({int(i) for i in np.linspace(0, n_radii, _RADII_SHOWN + 1).round()[1:] - 1})


def _row(answer: MapAnswer, i: int) -> str:
    bottom, low, median, high, top = (f"{mass / 1e14:.3g}" for mass in answer.mass_quantiles_msun[i])
    _, from_, middle, to, _ = (f"{mass / 1e14:.3g}" for mass in answer.linear_quantiles_msun[i])
    network = f"{median:20s}{f'{low} - {high}':16s}{f'{bottom} - {top}':16s}"
    return f"  {answer.radii_mpc[i]:<10.3g}{network}{middle}, {from_} - {to}"


def write_answer(answer: MapAnswer, folder: Path) -> None:
    """Write ``mass_map.fits``, ``report.html`` and, when these are whole, ``answer.json``.

    The same answer always gives the same bytes.

    Parameters
    ----------
    answer : MapAnswer
        From ``infer_map``.
    folder : Path
        Where to.

    Raises
    ------
    ConfigError
        If the folder already holds an answer.
    """
    from zwicky.evaluation.mapping.cluster_report import write_cluster_report

    path = new_answer(folder)
    content = as_dict(answer)
    write_mass_map(answer.mass_map, folder / MAP_FILE, overwrite=True)
    write_cluster_report(
        folder / REPORT_FILE,
        answer.mass_map,
        radii_mpc=answer.radii_mpc,
        mass_quantiles_msun=answer.mass_quantiles_msun,
        subtitle=pixel_text(answer.mass_map),
        inputs=content["inputs"],
        missing=answer.missing,
        reasons=answer.reasons,
        notes=answer.notes,
    )
    write_json(path, content)
