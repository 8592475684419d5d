"""A whole posterior mapper that was never taught, and views of round clusters as FITS files in any pixels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from astropy import units as u
from astropy.coordinates import SkyCoord

from zwicky.core.cosmology import Cosmology
from zwicky.core.grid import Grid
from zwicky.core.maps import Map
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.data.dataset import MapData
from zwicky.data.fits_out import write_map
from zwicky.evaluation.plots import new_figure
from zwicky.evaluation.posterior import cluster_report
from zwicky.inference.folder import ready
from zwicky.inference.posterior.assembling import assemble
from zwicky.inference.posterior.mapper import PosteriorMapper
from zwicky.mocks.theory_settings import TheorySurveySettings
from zwicky.mocks.theory_survey import WIDE_FIELD_64
from zwicky.models.base import Batch
from zwicky.models.diffusion.sampler import Sampler
from zwicky.models.residual_maps import with_moments
from zwicky.models.table import build_either

CENTER = SkyCoord(195.0, 28.0, unit="deg")
AT = f"{CENTER.ra.deg},{CENTER.dec.deg}"
REDSHIFT = 0.05
MASS = 14.5  # [dex of Msun]
VIEWS = {"y": MapQuantity.COMPTON_Y, "xray": MapQuantity.XRAY_SURFACE_BRIGHTNESS}
TARGETS = (MapQuantity.GAS_SURFACE_DENSITY, MapQuantity.DARK_SURFACE_DENSITY)
SURVEY = TheorySurveySettings(
    simulation={"kind": "painter", "preset": "gadgetx"},
    views=tuple(str(view) for view in VIEWS.values()),
    target=str(TARGETS[0]),
    also=(str(TARGETS[1]),),
    grid="wide-64",
)
SAMPLER = Sampler(solver="dpm2m", steps=2)


def dark(grid, log10_mass):
    """Return the surface density of a cored isothermal sphere, (y, x) [Msun Mpc^-2]."""
    core = 0.4 * 10.0 ** ((log10_mass - 14.5) / 3.0)
    return 10.0**log10_mass / (grid.radius() ** 2 + core**2) / (np.pi * np.log1p((1.0 / core) ** 2))


def gas(grid, log10_mass):
    return 0.14 * dark(grid, log10_mass)


def view(name, grid=WIDE_FIELD_64, log10_mass=MASS):
    """Return what a network is given of a cluster, (y, x) in the kept unit."""
    return 1e-18 * gas(grid, log10_mass) if name == "y" else 1e-14 * gas(grid, log10_mass) ** 1.1


def clusters(n, seed):
    rng = np.random.default_rng(seed)
    masses = rng.uniform(13.9, 15.1, n)
    views = np.array([[view(name, log10_mass=mass) for name in VIEWS] for mass in masses])
    views *= 10.0 ** rng.normal(0, 0.03, (n, 2, 1, 1))
    target = np.array([[make(WIDE_FIELD_64, mass) for make in (gas, dark)] for mass in masses])
    target *= 10.0 ** rng.normal(0, 0.05, target.shape)
    parent = np.array([f"c{i:04d}" for i in range(n)])
    return MapData(
        torch.from_numpy(views.astype(np.float32)),
        torch.full((n,), REDSHIFT),
        torch.from_numpy(masses.astype(np.float32)),
        parent,
        torch.from_numpy(target.astype(np.float32)),
        parent,
        {"log10_m200c": masses + rng.normal(0, 0.02, n)},
    )


def untrained_mapper() -> PosteriorMapper:
    """Return a mapper of tiny networks that are scaled to their training set, and no more."""
    torch.manual_seed(2)
    training = clusters(60, 1)
    given = training.rows(slice(None))
    sizes = {"n_views": 2, "n_targets": 2, "n_pixels": 64}
    moments = ready(build_either({"kind": "map_moments", "width": 2, "depth": 2, **sizes}))
    moments.fit_scaling(given)
    net = {"width": 8, "depth": 2}
    drawing = build_either({"kind": "residual_maps", "network": net, "half": False, **sizes})
    with torch.no_grad():
        told = with_moments(given.maps, *moments.moments(given))
    drawing.fit_scaling(Batch(told, given.redshift, None, given.target))
    return assemble(
        drawing, moments, training, clusters(24, 2), views=tuple(VIEWS.values()), targets=TARGETS,
        survey=SURVEY, physics=("gadgetx",), seed=3, sampler=SAMPLER, n_samples=3, c5={"evaluations": [2]},
        provenance={"commit": "abc"},
    )  # fmt: skip


def without_layout(monkeypatch) -> None:
    """Let pages be drawn whose panels may overlap: to lay them out takes longer than all else, and adds no content."""
    monkeypatch.setattr(cluster_report, "new_figure", lambda wide, high, *_: new_figure(wide, high, "none"))


def write_views(
    folder: Path,
    cosmology: Cosmology,
    *,
    redshift=REDSHIFT,
    pixel_mpc=0.2,
    n_pixels=64,
    beam_mpc=0.02,
    center=CENTER,
    change=lambda name, values: values,
) -> dict[str, Path]:
    """Write both views of a cluster of proper size at a redshift; ``change`` may spoil their pixels."""
    per_mpc = cosmology.arcmin_per_mpc(redshift)
    proper = Grid(n_pixels, pixel_mpc * u.Mpc, "proper")
    sky = Grid(n_pixels, pixel_mpc * per_mpc * u.arcmin, "sky")
    paths = {}
    for name, quantity in VIEWS.items():
        values = change(name, view(name, proper))
        mask = None if np.isfinite(values).all() else ~np.isfinite(values)
        one = Map(np.nan_to_num(values), quantity, UNIT_OF[quantity], sky, "observed", mask=mask)
        paths[name] = folder / f"{name}.fits"
        write_map(replace(one, beam_arcmin=beam_mpc * per_mpc), paths[name], center=center, overwrite=True)
    return paths
