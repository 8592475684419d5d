"""An estimator of eROSITA's photons that was never taught, and images of a bright cluster as FITS files."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astropy import units as u

from tiny_experiment import CENTER, cards, save
from zwicky.core.cosmology import COSMOLOGIES, Cosmology
from zwicky.core.grid import Grid
from zwicky.core.masses import M500C
from zwicky.inference.xray.conversion import Conversion
from zwicky.inference.xray.estimator import PhotonEstimator
from zwicky.inference.xray.fit import calibrated_photon_estimator
from zwicky.inference.xray.images import PhotonImages
from zwicky.inference.xray.temperature import temperature_of_mass
from zwicky.instruments.photon import PhotonInstrument
from zwicky.mocks.photon_settings import PhotonSurveySettings
from zwicky.models.base import Batch
from zwicky.models.table import build_model

BANDS = ((0.3, 0.6), (0.6, 1.1), (1.1, 1.6), (1.6, 2.2))
NAMES = ("0.3-0.6", "0.6-1.1", "1.1-1.6", "1.6-2.2")
AT = f"{CENTER.ra.deg},{CENTER.dec.deg}"
COSMOLOGY: Cosmology = COSMOLOGIES["planck18"]  # that of the simulation
MASSES = (13.8, 15.1)
TRAIN, VALIDATION = 60, 400


@dataclass(frozen=True, eq=False)
class Telescope:
    """A telescope with an even background, and the clusters that it looks at."""

    settings: PhotonSurveySettings
    seconds: float
    background_per_arcmin2_s: tuple[float, ...]
    redshifts: tuple[float, float]

    @property
    def instrument(self) -> PhotonInstrument:
        return self.settings.telescope()

    @property
    def flat(self) -> np.ndarray:
        """Background counts in a square arcminute, (band, 1, 1)."""
        return np.array(self.background_per_arcmin2_s)[:, None, None] * self.seconds


EROSITA = Telescope(
    PhotonSurveySettings(instrument="erosita_efeds", bands_kev=BANDS, n_pixels=32, pixel="24 arcsec"),
    1400.0,
    (1.9e-3, 1.7e-3, 1.1e-3, 0.9e-3),
    (0.1, 0.6),
)
ROSAT = Telescope(PhotonSurveySettings(instrument="rosat_pspc"), 2500.0, (2.8e-4,), (0.04, 0.2))


@cache
def _conversion(telescope: Telescope) -> Conversion:
    low, high = telescope.redshifts
    return Conversion(telescope.instrument, COSMOLOGY, 3e20, redshift_range=(low - 0.01, high + 0.01))


def expected(telescope: Telescope, log10_mass: float, redshift: float, grid: Grid) -> np.ndarray:
    """Return the cluster's counts in each pixel, (band, y, x): a beta model with L = 1e44 erg/s (M / 2e14 Msun)^1.4."""
    kt = temperature_of_mass(np.array([log10_mass]), np.array([redshift]), COSMOLOGY)
    table, at = _conversion(telescope), np.array([redshift])
    luminosity = 1e44 * (10.0**log10_mass / 2e14) ** 1.4
    first = luminosity / table.luminosity_per_rate(kt, at, [0])
    kappa = table.counts_per_measure(kt, at)[0]
    theta = M500C.radius_mpc(10.0**log10_mass, redshift, COSMOLOGY) * COSMOLOGY.arcmin_per_mpc(redshift)
    core = 0.15 * theta
    shape = (1.0 + (grid.radius() / core) ** 2) ** -1.5
    whole = 2.0 * np.pi * core**2 * (1.0 - (1.0 + (theta / core) ** 2) ** -0.5)  # of a King profile
    counts = first * kappa / kappa[0] * telescope.seconds
    return counts[:, None, None] * shape * grid.pixel_value**2 / whole


def drawn(telescope: Telescope, n: int, seed: int) -> tuple[PhotonImages, np.ndarray]:
    """Return images on the telescope's stamps, and log10 masses."""
    rng = np.random.default_rng(seed)
    grid = telescope.instrument.grid
    redshift, masses = rng.uniform(*telescope.redshifts, n), rng.uniform(*MASSES, n)
    flat = np.broadcast_to(telescope.flat * grid.pixel_value**2, (1, len(telescope.flat), *grid.shape))
    mean = [expected(telescope, mass, z, grid) for mass, z in zip(masses, redshift, strict=True)]
    counts = rng.poisson(np.array(mean) + flat).astype(np.float32)
    exposure = np.full(flat.shape, telescope.seconds, np.float32)
    return PhotonImages(counts, flat.astype(np.float32), exposure, redshift, grid.pixel_value), masses


@cache
def untaught_photon_estimator(telescope: Telescope = EROSITA) -> PhotonEstimator:
    """Return an estimator whose network knows nothing but the spread of masses; all else is calibrated."""
    training, masses = drawn(telescope, TRAIN, 1)
    validation, held_out = drawn(telescope, VALIDATION, 2)
    n_bands, n_pixels = training.counts.shape[1:3]
    model = {
        "kind": "photon_mass",
        "n_bands": n_bands,
        "n_pixels": n_pixels,
        "width": 1,
        "hidden": 8,
        "n_rings": 6,
    }
    torch.manual_seed(1)
    member = build_model(model)
    shown = (training.stacked(), training.redshift, masses)
    member.fit_scaling(Batch(*(torch.tensor(one, dtype=torch.float32) for one in shown), None))
    made = {"zwicky": "0", "experiment": "tiny"}
    return calibrated_photon_estimator(
        [member], model, training, masses, validation, held_out, telescope.settings, 5, MASSES,
        telescope.redshifts, made,
    )  # fmt: skip


@dataclass(frozen=True)
class PhotonMaps:
    """A heavy cluster at redshift 0.3 in files of four bands, 14.4 arcmin wide, in pixels of 12 arcsec."""

    folder: Path
    redshift: float = 0.3
    log10_mass: float = 14.7
    grid: Grid = field(default_factory=lambda: Grid(72, 12.0 * u.arcsec.to(u.arcmin) * u.arcmin, "sky"))

    def values(self, kind: str) -> np.ndarray:
        """Return counts, exposure or background of all bands, (band, y, x)."""
        area = self.grid.pixel_value**2
        flat = np.broadcast_to(EROSITA.flat * area, (4, *self.grid.shape))
        if kind == "background":
            return flat
        if kind == "exposure":
            return np.full((4, *self.grid.shape), EROSITA.seconds)
        mean = expected(EROSITA, self.log10_mass, self.redshift, self.grid) + flat
        return np.random.default_rng(8).poisson(mean).astype(float)

    def path(self, kind: str, name: str) -> Path:
        """Return where the file of a band is."""
        return self.folder / f"{kind}_{name}.fits"

    def write(self, file: str, values: np.ndarray, **changes: Any) -> Path:
        """Write an image of one's own; a change of None leaves a card out."""
        return save(self.folder / file, values, cards(self.grid, **changes))

    def written(self) -> "PhotonMaps":
        """Write all files."""
        for kind, unit in (("counts", "count"), ("exposure", "s"), ("background", "count")):
            for name, values in zip(NAMES, self.values(kind), strict=True):
                self.write(self.path(kind, name).name, values, BUNIT=unit, QUANTITY=None)
        return self

    def texts(self, kind: str, names: tuple[str, ...] = NAMES, **changed: Any) -> list[str]:
        """Return ``BAND=FILE`` for some bands; ``b0=path`` takes another file for the first."""
        files = {name: changed.get(f"b{NAMES.index(name)}", self.path(kind, name)) for name in names}
        return [f"{name}={path}" for name, path in files.items()]
