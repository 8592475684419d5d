"""From FITS views of a cluster to a map of its mass with errors: read, bring to the mapper's pixels, ask, say how sure.

The mapper's pixels are of one proper size, so the redshift decides their angle: pixel [Mpc] times arcmin per Mpc. Each
view has its own pixels, orientation, unit and beam, and is brought to these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from astropy import units as u

from zwicky.core.cluster import Cluster
from zwicky.core.cosmology import Cosmology, check_redshift
from zwicky.core.errors import CheckpointError, ConfigError, RedshiftError
from zwicky.core.files import sha256_of
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity
from zwicky.data.fits_in import SkyImage
from zwicky.data.fits_mass_map import MassMap
from zwicky.data.stamps import Stamp, parse_center
from zwicky.data.view_stamps import cut_view, made_positive
from zwicky.inference.domain import FLAGS
from zwicky.inference.mapping.answer import PredictedMaps
from zwicky.workflows.inputs import settle_center
from zwicky.workflows.mapping.views import VIEWS, ViewFile, of_view, read_view

REDSHIFT_MARGIN: Final = 0.05
"""[1] How far beyond the training clusters' redshifts a cluster may lie, with a note. Views are emitted power, pressure
and mass per proper area: only the evolution of clusters is missed, and E(z)^2 changes by 6 % at most."""


class MassMapper(Protocol):
    """What is asked of ``inference.mapping.mapper.Mapper``."""

    @property
    def views(self) -> tuple[MapQuantity, ...]:
        """The quantities of the maps that it is given, in order."""

    @property
    def grid(self) -> Grid:
        """The pixels of all maps."""

    @property
    def beam(self) -> float | None:
        """FWHM of the beam in all maps, in the unit of the grid's pixel."""

    @property
    def redshift_range(self) -> tuple[float, float]:
        """Of the training clusters."""

    @property
    def cosmology(self) -> Cosmology:
        """Of the training clusters."""

    @property
    def facts(self) -> Any:
        """With ``model`` and ``provenance``, dictionaries."""

    def predict(self, maps: np.ndarray, redshift: np.ndarray, present: tuple[bool, ...]) -> PredictedMaps:
        """Map some clusters; a missing view is never read."""

    def linear_masses(self, maps: np.ndarray, present: tuple[bool, ...]) -> np.ndarray:
        """Return quantiles of M(<R) from linear maps of the same views."""

    def judge(self, maps: np.ndarray, present: tuple[bool, ...]) -> tuple[np.ndarray, list[list[str]]]:
        """Return the flag of each cluster and its reasons."""


@dataclass(frozen=True, eq=False)
class UsedView:
    """A view as it was read and as the mapper saw it.

    Parameters
    ----------
    file : ViewFile
        Which.
    sha256 : str
        Of the file.
    image : SkyImage
        What was read.
    stamp : Stamp
        What the mapper saw.
    """

    file: ViewFile
    sha256: str
    image: SkyImage
    stamp: Stamp


@dataclass(frozen=True, eq=False)
class MapAnswer:
    """What is believed about the mass map of one cluster.

    Parameters
    ----------
    mass_map : MassMap
        The map, with its errors and the views on its pixels.
    radii_mpc : (radius,) array [Mpc, proper]
        Of the masses.
    mass_quantiles_msun : (radius, 5) array [Msun]
        Of M(<R), the mass in a cylinder along the line of sight, at ``inference.mapping.answer.LEVELS``.
    linear_quantiles_msun : (radius, 5) array [Msun]
        The same from linear maps of the same views: the boring estimate.
    used : tuple of UsedView
        The views that were given.
    missing : tuple of str
        Names of the views that the mapper knows and was not given.
    reasons, notes : tuple of str
        Why the light is not green; what was done to the views.
    """

    mass_map: MassMap
    radii_mpc: np.ndarray
    mass_quantiles_msun: np.ndarray
    linear_quantiles_msun: np.ndarray
    used: tuple[UsedView, ...]
    missing: tuple[str, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]


def infer_map(
    files: Sequence[ViewFile],
    redshift: float | None,
    mapper: MassMapper,
    *,
    center: str | None = None,
    name: str | None = None,
    max_pixels: int | None = None,
) -> MapAnswer:
    """Map the mass of the cluster that some FITS images show.

    Parameters
    ----------
    files : list of ViewFile
        At least one; each view once.
    redshift : float
        Of the cluster.
    mapper : MassMapper
        On a "proper" grid.
    center : str, optional
        "RA,DEC" of the cluster; needed unless an image is no wider than the stamp, or none has a WCS.
    name : str, optional
        Of the cluster; default: the name of the first file.
    max_pixels : int, optional
        Largest image that is read.

    Raises
    ------
    ZwickyError
        If mapper, redshift or a view cannot be used.
    """
    beam = _check_mapper(mapper)
    notes: list[str] = []
    z = redshift_near(redshift, mapper.redshift_range, notes)
    _check_views(files, mapper)
    arcmin_per_mpc = mapper.cosmology.arcmin_per_mpc(z)
    grid = Grid(mapper.grid.n_pixels, mapper.grid.pixel_value * arcmin_per_mpc * u.arcmin, "sky")
    used = _cut_views(files, grid, beam * arcmin_per_mpc, center, max_pixels)
    stamps = {MapQuantity(one.file.view.quantity): one.stamp for one in used}
    maps, present = _stacked(stamps, mapper)
    predicted = mapper.predict(maps, np.array([z]), present)
    flags, reasons = mapper.judge(maps, present)
    notes += [f"{one.file.name}: {note}" for one in used for note in one.stamp.notes]
    median, narrow, wide, masses, radii = _all_errors(predicted)
    mass_map = MassMap(
        cluster=Cluster(name or default_name(files), z, cosmology=mapper.cosmology),
        grid=grid,
        pixel_mpc=mapper.grid.pixel_value,
        beam_arcmin=beam * arcmin_per_mpc,
        center=used[0].stamp.center,
        mean=predicted.mean[0],
        log10_median=median[0],
        half_68_dex=narrow[0],
        half_95_dex=wide[0],
        inputs={one.file.name: one.stamp.map for one in used},
        light=FLAGS[int(flags[0])],
        mapper={"model": mapper.facts.model, **mapper.facts.provenance},
    )
    missing = [
        key for key, view in VIEWS.items() if view.quantity in mapper.views and key not in mass_map.inputs
    ]
    linear = mapper.linear_masses(maps, present)[0]
    return MapAnswer(
        mass_map, radii[0], masses[0], linear, used, tuple(missing), tuple(reasons[0]), tuple(notes)
    )


def _check_mapper(mapper: MassMapper) -> float:
    """Return the beam [Mpc], or say why this mapper cannot be used on the sky."""
    grid = mapper.grid
    if grid.kind != "proper":
        why = "fractions of R200c: it needs the true radius, which is what is sought"
        raise CheckpointError(
            "This mapper cannot be used on an observed cluster.",
            where="--checkpoint",
            expected="pixels of a proper size [Mpc]",
            got=f"{grid}" + (f", {why}" if grid.kind == "scaled" else ""),
            fix="give a mapper that was trained on a 'proper' grid",
        )
    if mapper.beam is None:
        raise CheckpointError(
            "This mapper was trained on maps without a beam.",
            where="--checkpoint",
            expected="a beam: every telescope has one",
            got="none",
            fix="give a mapper that was trained on smoothed maps",
        )
    return mapper.beam


def redshift_near(redshift: float | None, trained_on: tuple[float, float], notes: list[str]) -> float:
    """Return the redshift, with a note if it lies a little outside the training range; a RedshiftError if far."""
    z = check_redshift(redshift, where="--redshift")
    low, high = trained_on
    trained = f"z = {low:g}" if low == high else f"{low:g} <= z <= {high:g}"
    if not low - REDSHIFT_MARGIN <= z <= high + REDSHIFT_MARGIN:
        raise RedshiftError(
            "The redshift is outside what the mapper was trained on.",
            where="--redshift",
            expected=f"{trained}, or at most {REDSHIFT_MARGIN:g} beyond",
            got=f"{z:g}",
            fix="give a mapper that was trained at this redshift",
        )
    if not low <= z <= high:
        notes.append(
            f"z = {z:g}, but the training clusters have {trained}: their evolution is not accounted for"
        )
    return z


def _check_views(files: Sequence[ViewFile], mapper: MassMapper) -> None:
    known = [name for name, view in VIEWS.items() if view.quantity in mapper.views]
    for file in files:
        if file.name not in known:
            raise ConfigError(
                "The mapper does not know this view.",
                where=f"--{file.name} {file.path}",
                expected=", ".join(f"--{name}" for name in known),
                got=f"--{file.name}, {file.view.quantity.value}",
                fix="leave it out, or give a mapper that was trained with it",
            )


def _cut_views(
    files: Sequence[ViewFile], grid: Grid, beam_arcmin: float, center: str | None, max_pixels: int | None
) -> tuple[UsedView, ...]:
    """Read all views, and bring them to the same pixels and beam around the same place."""
    stated = None if center is None else parse_center(center)
    images = {file.name: read_view(file, max_pixels) for file in files}
    place = settle_center(images, stated, grid)
    used = []
    for file in files:
        with of_view(file):
            stamp = cut_view(images[file.name], grid, center=place, beam_arcmin=beam_arcmin)
            stamp = made_positive(stamp, str(file.path))
        used.append(UsedView(file, sha256_of(file.path), images[file.name], stamp))
    return tuple(used)


def _stacked(stamps: dict[MapQuantity, Stamp], mapper: MassMapper) -> tuple[np.ndarray, tuple[bool, ...]]:
    """Return the views as (1, view, y, x) in the mapper's order, NaN where one is missing, and which are there."""
    maps = np.full((1, len(mapper.views), *mapper.grid.shape), np.nan, np.float32)
    for i, quantity in enumerate(mapper.views):
        if quantity in stamps:
            maps[0, i] = stamps[quantity].map.to_kept_unit().values
    return maps, tuple(quantity in stamps for quantity in mapper.views)


def _all_errors(predicted: PredictedMaps) -> tuple[np.ndarray, ...]:
    """Return the intervals of pixels and masses, or refuse a mapper that states none."""
    parts = (
        predicted.log10_median, predicted.half_68_dex, predicted.half_95_dex, predicted.mass_quantiles_msun,
        predicted.radii_mpc,
    )  # fmt: skip
    known = tuple(one for one in parts if one is not None)
    if len(known) < len(parts):
        raise CheckpointError(
            "This mapper does not know its errors.",
            where="--checkpoint",
            expected="intervals of pixels and masses",
            got=f"a mapper {predicted.name!r} without them",
            fix="give a mapper that was recalibrated",
        )
    return known


def default_name(files: Sequence[ViewFile]) -> str:
    """Return the first file's name, as far as a FITS header can hold it."""
    return files[0].path.stem.encode("ascii", "replace").decode().strip() or "cluster"


def pixel_text(mass_map: MassMap) -> str:
    """Return the pixels and the beam, proper and on the sky."""
    proper_beam = mass_map.beam_arcmin * mass_map.pixel_mpc / mass_map.grid.pixel_value
    return (
        f"{mass_map.grid.n_pixels} x {mass_map.grid.n_pixels} pixels of {mass_map.pixel_mpc:g} Mpc "
        f"({mass_map.grid.pixel_value:.4g} arcmin), beam {proper_beam:.4g} Mpc ({mass_map.beam_arcmin:.4g} arcmin)"
    )


def load_mapper(checkpoint: str) -> MassMapper:
    """Return the mapper of a folder, or one that ships with the package, by its name."""
    from zwicky.inference.mapping.mapper import Mapper
    from zwicky.workflows.shipped import mapper_folder

    return Mapper.load(Path(mapper_folder(checkpoint)))
