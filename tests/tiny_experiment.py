"""The smallest experiment that has everything: mocks, one network, calibration, a scorecard, a report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits

from zwicky.core.grid import Grid
from zwicky.core.maps import MapSet
from zwicky.core.masses import M500C
from zwicky.workflows.experiment import Experiment
from zwicky.workflows.reproduce import reproduce

TINY = Experiment(
    name="deandres2022",
    preset="tiny",
    title="A tiny run",
    reference="de Andres et al. 2022",
    seed=7,
    survey={
        "simulation": {
            "kind": "spherical",
            "log10_m500c_range": (14.2, 15.4),
            "redshift_edges": (0.01, 0.3),
        }
    },
    store={"n_clusters": 360, "clusters_per_shard": 100, "fractions": (0.25, 0.45, 0.3)},
    networks={
        "radial_cnn": {
            "model": {"kind": "radial_cnn", "filters": (4, 8), "hidden": (16,)},
            "training": {"epochs": 10, "batch_size": 16, "learning_rate": 5e-3},
        }
    },
    evaluation={"n_resamples": 20, "inner_log10_range": (14.3, 15.3)},
)
CENTER = SkyCoord(195.0, 28.0, unit="deg")


def with_changes(experiment: Experiment, **changes: Any) -> Experiment:
    """Return the experiment with some settings changed, validated again."""
    return Experiment(**{**experiment.model_dump(), **changes})


@dataclass(frozen=True)
class TinyRun:
    """A finished run: its folder, its scorecard, and what was said on the way."""

    folder: Path
    scorecard: dict[str, Any]
    said: list[str]


def run_tiny(folder: Path, experiment: Experiment = TINY) -> TinyRun:
    """Run an experiment, or finish it, in this process; without real maps and without the report, the slowest part."""
    said: list[str] = []
    with patch("zwicky.workflows.reproduce.write_report"):
        scorecard = reproduce(experiment, folder, data=None, workers=1, say=said.append)
    return TinyRun(folder, scorecard, said)


def bright_cluster() -> MapSet:
    """Return a massive cluster that the tiny run has not seen."""
    survey = TINY.survey.build(TINY.seed)
    for index in range(5000, 6000):
        cluster = survey.simulation.cluster(index)
        typical = abs(cluster.properties["ln_y500_scatter"]) < 0.05
        if typical and cluster.mass(M500C).log10_msun > 15.0 and 0.1 < cluster.redshift < 0.2:
            return survey.observe(index, 0)
    raise LookupError("no such cluster")


def cards(grid: Grid, *, left: int = 0, below: int = 0, **changes: Any) -> dict[str, Any]:
    """Return header cards that say all; a change of None leaves one out.

    The stamp lies ``left`` pixels from the left and ``below`` pixels from the lower edge of the image.
    """
    step = grid.pixel_value / 60.0
    middle = (grid.n_pixels + 1) / 2.0
    said = {
        "BUNIT": "Compton-y",
        "CTYPE1": "RA---TAN", "CUNIT1": "deg", "CRVAL1": CENTER.ra.deg, "CRPIX1": left + middle, "CDELT1": -step,
        "CTYPE2": "DEC--TAN", "CUNIT2": "deg", "CRVAL2": CENTER.dec.deg, "CRPIX2": below + middle, "CDELT2": step,
        "BMAJ": 10.0 / 60.0, "BMIN": 10.0 / 60.0,
    }  # fmt: skip
    return {name: value for name, value in {**said, **changes}.items() if value is not None}


def save(path: Path, values: np.ndarray, header: dict[str, Any]) -> Path:
    """Write an image as any other program would."""
    hdu = fits.PrimaryHDU(values)
    hdu.header.update(header)
    hdu.writeto(path)
    return path
