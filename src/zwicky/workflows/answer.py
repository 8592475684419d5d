"""An answer in words, and as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from zwicky.core.cluster import Cluster
from zwicky.core.errors import ConfigError
from zwicky.core.files import write_json
from zwicky.core.maps import MapSet
from zwicky.core.posteriors import INTERVAL_68, INTERVAL_95, MassPosterior
from zwicky.data.fits_out import write_map, write_map_set
from zwicky.inference.estimator import Estimator
from zwicky.workflows.weigh import ClusterAnswer

LIGHTS: Final = {"in-domain": "green", "edge": "yellow", "out-of-domain": "RED"}
LABEL_WIDTH: Final = 28
"""Room for "network (radial_cnn x 12)" and a space."""


def answer_text(answer: ClusterAnswer) -> str:
    """Return what a person wants to read: both masses, the light, and what was done to the map."""
    lines = [
        f"{answer.name}, z = {answer.redshift:g}, matched-filter S/N {answer.snr:.1f}",
        f"  {'':{LABEL_WIDTH}s}{str(answer.definition) + ' [1e14 Msun]':22s}{'16-84 %':16s}2.5-97.5 %",
        mass_row("network", answer.network),
        mass_row("classical", answer.classical),
        *light_lines(answer.flag, answer.reasons),
        *(_band_line(one) for one in answer.inputs),
        *(f"  note: {note}" for note in answer.notes),
        f"  Y500 = {answer.y500_arcmin2:.2e} +- {answer.sigma_y500_arcmin2:.1e} arcmin2 (noise only)",
        f"  masses hold for 1-b = {answer.one_minus_bias:g} (hydrostatic over true mass); flat prior in log M",
    ]
    return "\n".join([*lines, *warning_lines(answer.flag)])


def light_lines(flag: str, reasons: Sequence[str]) -> list[str]:
    """Return the warning light in words, and why it is not green."""
    return [f"  light: {LIGHTS[flag]} ({flag})", *(f"    - {reason}" for reason in reasons)]


def warning_lines(flag: str) -> list[str]:
    """Return what must be said last when the light is red."""
    warning = "  The intervals hold only for maps like the training set: do not use these without a reason."
    return [warning] if flag == "out-of-domain" else []


def _band_line(band: Mapping[str, Any]) -> str:
    return (
        f"  band {band['frequency_ghz']:g} GHz: {band['file']}, pixels of {band['pixel_arcmin']:.4g} arcmin, "
        f"beam {band['beam_arcmin']:.4g} arcmin"
    )


def mass_row(name: str, posterior: MassPosterior) -> str:
    """Return the line of one mass: median, 68 % and 95 % interval [1e14 Msun]."""
    (low, high), (bottom, top) = posterior.interval(INTERVAL_68), posterior.interval(INTERVAL_95)
    label = f"{name} ({posterior.method})" if name == "network" else name
    middle = f"{posterior.median.msun / 1e14:.2f}"
    return (
        f"  {label:{LABEL_WIDTH}s}{middle:22s}{low.msun / 1e14:.2f} - {high.msun / 1e14:<9.2f}"
        f"{bottom.msun / 1e14:.2f} - {top.msun / 1e14:.2f}"
    )


def new_answer(folder: Path) -> Path:
    """Return where the answer goes, or raise a ConfigError if the folder already holds one."""
    path = folder / "answer.json"
    if path.exists():
        raise ConfigError(
            "The folder already holds an answer.",
            where=str(path),
            expected="a folder without one",
            got=path.name,
            fix="choose another --out",
        )
    return path


def write_answer(answer: ClusterAnswer, estimator: Estimator, folder: Path) -> None:
    """Write ``answer.json`` (with the estimator's provenance) and ``stamp.fits`` (what was weighed, an HDU per band).

    Raises
    ------
    ConfigError
        If the folder already holds an answer.
    """
    path = new_answer(folder)
    facts = estimator.facts
    where = folder / "stamp.fits"
    if len(answer.stamps) == 1:
        write_map(answer.stamp.map, where, center=answer.stamp.center, overwrite=True)
    else:
        write_map_set(_map_set(answer, estimator), where, center=answer.stamp.center, overwrite=True)
    write_json(
        path,
        {
            **answer.as_dict(),
            "estimator": {
                "model": facts.model,
                "survey": facts.survey.model_dump(mode="json"),
                **facts.provenance,
            },
        },
    )


def _map_set(answer: ClusterAnswer, estimator: Estimator) -> MapSet:
    """Return the stamps of all bands; the name as far as a FITS header can hold it."""
    name = answer.name.encode("ascii", "replace").decode().strip() or "cluster"
    cluster = Cluster(name, answer.redshift, cosmology=estimator.simulation.cosmology)
    made_by = {key: text for key, text in estimator.facts.provenance.items() if isinstance(text, str)}
    return MapSet(cluster, {stamp.map.quantity: stamp.map for stamp in answer.stamps}, made_by)
