"""An estimator of three microwave bands that was never taught, and wider maps of a cluster as FITS files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tiny_experiment import CENTER, cards, save
from zwicky.core.grid import Grid
from zwicky.core.maps import MapSet
from zwicky.core.masses import M500C
from zwicky.data.dataset import MapData
from zwicky.inference.estimator import Estimator
from zwicky.inference.fit import calibrated_estimator
from zwicky.mocks.microwave_settings import MicrowaveSurveySettings
from zwicky.models.base import Batch
from zwicky.models.table import build_model

SIMULATION = {"kind": "spherical", "redshift_edges": [0.2, 1.0], "log10_m500c_range": [14.0, 15.3]}
BANDS = {"95": "temperature_90", "150": "temperature_150", "220": "temperature_220"}
BEAMS_ARCMIN = {"95": 1.57, "150": 1.17, "220": 1.04}
AT = f"{CENTER.ra.deg},{CENTER.dec.deg}"
TRAIN, VALIDATION = 40, 200


def settings(n_pixels: int, bands: tuple[str, ...] | None = None) -> MicrowaveSurveySettings:
    """Return a survey of SPT-3G on stamps of pixels of half an arcminute."""
    return MicrowaveSurveySettings(
        simulation=SIMULATION,
        instrument="spt3g",
        bands=bands,
        n_pixels=n_pixels,
        pixel="0.5 arcmin",
        padded="40 arcmin",
    )


def untaught_estimator(bands: tuple[str, ...] | None = None) -> Estimator:
    """Return an estimator whose network knows nothing but the spread of masses; all else is calibrated."""
    survey = settings(16, bands).build(5)
    seen = [survey.observe(i, 0) for i in range(TRAIN + VALIDATION)]
    data = MapData(
        torch.tensor(np.array([[one.values for one in maps] for maps in seen]), dtype=torch.float32),
        torch.tensor([maps.cluster.redshift for maps in seen]),
        torch.tensor([maps.cluster.mass(M500C).log10_msun for maps in seen]),
        np.array([maps.cluster.id for maps in seen]),
    )

    def part(rows: slice) -> MapData:
        return MapData(data.maps[rows], data.redshift[rows], data.log10_mass[rows], data.parent[rows])

    training, validation = part(slice(0, TRAIN)), part(slice(TRAIN, None))
    torch.manual_seed(1)
    n_bands = data.maps.shape[1]
    model = {"kind": "mresunet_mass", "n_pixels": 16, "width": 2, "n_bands": n_bands, "profile_weight": 0.0}
    member = build_model(model)
    some_image = training.maps[:, -1]  # sets the scale of an answer that is not asked for
    member.fit_scaling(Batch(training.maps, training.redshift, training.log10_mass, some_image))
    made = {"zwicky": "0", "experiment": "tiny"}
    return calibrated_estimator([member], model, training, validation, settings(16, bands), 5, made)


@dataclass(frozen=True)
class BandMaps:
    """A heavy cluster at redshift 0.3 to 0.7 in files of three bands, 20 arcmin wide."""

    folder: Path
    observed: MapSet
    paths: dict[str, Path] = field(default_factory=dict)

    @property
    def redshift(self) -> float:
        return self.observed.cluster.redshift

    def values(self, name: str) -> np.ndarray:
        return self.observed[BANDS[name]].values

    def write(self, name: str, file: str, values: np.ndarray | None = None, **changes: Any) -> Path:
        """Write the map of a band, with other values or cards; a change of None leaves a card out."""
        values = self.values(name) if values is None else values
        beam = BEAMS_ARCMIN[name] / 60.0
        n_pixels = len(values)
        grid = Grid(n_pixels, self.observed.grid.width / n_pixels, "sky")
        said = {"BUNIT": "uK_CMB", "BMAJ": beam, "BMIN": beam} | changes
        return save(self.folder / file, values, cards(grid, **said))

    def options(self, **changed: Path) -> list[str]:
        """Return ``FREQ=FILE`` for each band; ``b150=path`` takes another file."""
        paths = self.paths | {name.removeprefix("b"): path for name, path in changed.items()}
        return [f"{name}={path}" for name, path in paths.items()]


def heavy_cluster(n_pixels: int = 40) -> MapSet:
    """Return a cluster that the estimator has not seen."""
    survey = settings(n_pixels).build(5)
    for index in range(5000, 6000):
        cluster = survey.simulation.cluster(index)
        typical = abs(cluster.properties["ln_y500_scatter"]) < 0.05
        if typical and 14.85 < cluster.mass(M500C).log10_msun < 14.95 and 0.3 < cluster.redshift < 0.7:
            return survey.observe(index, 0)
    raise LookupError("no such cluster")


def written_bands(folder: Path, observed: MapSet) -> BandMaps:
    """Write the maps of all bands into a folder."""
    made = BandMaps(folder, observed)
    made.paths.update({name: made.write(name, f"map{name}.fits") for name in BANDS})
    return made
