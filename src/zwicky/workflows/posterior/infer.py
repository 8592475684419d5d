"""From FITS views of a cluster to samples of its maps: read, bring to the network's pixels, draw, say how sure.

The network's pixels are of one proper size, so the redshift decides their angle: pixel [Mpc] times arcmin per Mpc. Each
view has its own pixels, orientation and unit, and is brought to these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord

from zwicky.core.cluster import Cluster
from zwicky.core.errors import CheckpointError, ConfigError, MapError
from zwicky.core.files import sha256_of
from zwicky.core.grid import Grid
from zwicky.data.fits_choice import TOLERANCE
from zwicky.data.fits_in import SkyImage
from zwicky.data.fits_posterior import SampledMap
from zwicky.data.stamps import Stamp, parse_center
from zwicky.data.view_stamps import MOST_POINTS, cut_view, made_positive
from zwicky.inference.domain import FLAGS
from zwicky.inference.posterior.cylinders import MassIntervals, cylinder_masses
from zwicky.inference.posterior.drawing import Progress, check_samples, rows_that_fit
from zwicky.inference.posterior.mapper import PosteriorMapper
from zwicky.workflows.inputs import settle_center
from zwicky.workflows.mapping.infer import UsedView, default_name, redshift_near
from zwicky.workflows.mapping.views import VIEWS, ViewFile, of_view, read_view

SAMPLES: Final = 50
"""As Hsu et al. 2024."""
TOGETHER: Final = 10
"""Samples that are drawn at once at most, so that one sees them come."""
SHARP: Final = 0.5
"""[pixels of the network] A wider beam is seen: of waves of two pixels, the smallest, this one leaves 80 %."""


@dataclass(frozen=True, eq=False)
class BoringEstimate:
    """Masses of the mean map alone: what the first network says, without any sampling.

    Parameters
    ----------
    cylinders_msun : (target, radius) array [Msun]
        M(<R) of the expected surface density.
    m200c_msun : float [Msun]
        What the way from cylinders to the sphere gives for this map.
    """

    cylinders_msun: np.ndarray
    m200c_msun: float


@dataclass(frozen=True, eq=False)
class PosteriorAnswer:
    """What is believed about the maps of one cluster.

    Parameters
    ----------
    maps : tuple of SampledMap
        One for each target.
    log10_m200c : (sample,) array [dex of Msun]
        Of the same samples.
    intervals : MassIntervals
        Of one cluster.
    boring : BoringEstimate or None
        None if the mapper has no network for mean and standard deviation.
    used : tuple of UsedView
        The views, in the mapper's order.
    reasons, notes : tuple of str
        Why the light is not green; what was done to the views.
    described : dict
        What the mapper tells about itself: sampler, evaluations and why so many, sizes, provenance.
    """

    maps: tuple[SampledMap, ...]
    log10_m200c: np.ndarray
    intervals: MassIntervals
    boring: BoringEstimate | None
    used: tuple[UsedView, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    described: dict[str, Any]


def infer_posterior(
    files: Sequence[ViewFile],
    redshift: float | None,
    mapper: PosteriorMapper,
    *,
    n_samples: int = SAMPLES,
    seed: int = 0,
    center: str | None = None,
    name: str | None = None,
    max_pixels: int | None = None,
    progress: Progress | None = None,
) -> PosteriorAnswer:
    """Draw maps of the cluster that some FITS images show.

    Parameters
    ----------
    files : list of ViewFile
        Every view of the mapper, each once.
    redshift : float
        Of the cluster.
    mapper : PosteriorMapper
        On a "proper" grid.
    n_samples : int
        At least 2.
    seed : int
        The same seed, name and views give the same samples.
    center : str, optional
        "RA,DEC" of the cluster; needed unless an image is no wider than the stamp, or none has a WCS.
    name : str, optional
        Of the cluster; default: the name of the first file.
    max_pixels : int, optional
        Largest image that is read.
    progress : function of (samples drawn, samples asked for), optional

    Raises
    ------
    ZwickyError
        If the number of samples, mapper, redshift or a view cannot be used, or the sampler diverges.
    """
    check_samples(n_samples, recalibrated=True)
    notes: list[str] = []
    z, reasons = _redshift(redshift, mapper)
    ordered = _every_view(files, mapper)
    grid, beam = _sky(mapper, z)
    used = _cut_views(ordered, grid, beam, center, max_pixels, reasons)
    maps = np.array([[one.stamp.map.to_kept_unit().values for one in used]], np.float32)
    cluster = Cluster(name or default_name(files), z, cosmology=mapper.cosmology)
    rows = min(TOGETHER, rows_that_fit(mapper.network, grid.n_pixels))
    redshifts = np.array([z])
    drawn = mapper.sample(maps, redshifts, n_samples, seed, (cluster.id,), progress=progress, rows=rows)
    intervals = mapper.intervals(drawn)
    flags, words = mapper.judge(maps)
    notes += [f"{one.file.name}: {note}" for one in used for note in one.stamp.notes]
    if not intervals.calibrated:
        notes.append(
            "intervals of masses are those of the samples: too few held-out clusters to recalibrate them"
        )
    described = mapper.described()
    made = tuple(
        SampledMap(
            cluster=cluster,
            quantity=target,
            grid=grid,
            pixel_mpc=mapper.grid.pixel_value,
            beam_arcmin=beam,
            center=used[0].stamp.center,
            samples=drawn.samples[0, :, i],
            light=FLAGS[max(int(flags[0]), int(bool(reasons)))],
            evaluations=drawn.evaluations,
            seed=seed,
            mapper={key: value for key, value in described.items() if key != "c5"},
        )
        for i, target in enumerate(mapper.targets)
    )
    boring = _boring(mapper, maps, redshifts, intervals.radii_mpc)
    return PosteriorAnswer(
        made, drawn.log10_m200c[0], intervals, boring, used, (*reasons, *words[0]), tuple(notes), described
    )


def _redshift(redshift: float | None, mapper: PosteriorMapper) -> tuple[float, list[str]]:
    """Return the redshift, and a reason for the warning light if it lies a little outside the training range."""
    reasons: list[str] = []
    return redshift_near(redshift, mapper.redshift_range, reasons), reasons


def _every_view(files: Sequence[ViewFile], mapper: PosteriorMapper) -> list[ViewFile]:
    """Return the files in the mapper's order, or say which view is missing or not known."""
    given = {file.view.quantity: file for file in files}
    names = {view.quantity: name for name, view in VIEWS.items()}
    wanted = [f"--{names.get(quantity, quantity)}" for quantity in mapper.views]
    if set(given) != set(mapper.views) or len(given) != len(files):
        raise ConfigError(
            "This network draws maps from all of its views together, and from no others.",
            where="views",
            expected=f"{' and '.join(wanted)}, each once",
            got=", ".join(f"--{file.name}" for file in files) or "none",
            fix="give exactly these; for a map of all matter from fewer views, leave --samples out",
        )
    return [given[quantity] for quantity in mapper.views]


def _sky(mapper: PosteriorMapper, z: float) -> tuple[Grid, float | None]:
    """Return the mapper's pixels on the sky and the beam of its training maps [arcmin], None if they have none."""
    grid, beam = mapper.grid, mapper.facts.survey.beam_fwhm
    if grid.kind != "proper":
        raise CheckpointError(
            "This mapper cannot be used on an observed cluster.",
            where="--checkpoint",
            expected="pixels of a proper size [Mpc]",
            got=str(grid),
            fix="give a mapper that was trained on a 'proper' grid",
        )
    per_mpc = mapper.cosmology.arcmin_per_mpc(z)
    sky = Grid(grid.n_pixels, grid.pixel_value * per_mpc * u.arcmin, "sky")
    return sky, None if beam is None else beam * per_mpc


def _cut_views(
    files: Sequence[ViewFile],
    grid: Grid,
    beam_arcmin: float | None,
    center: str | None,
    max_pixels: int | None,
    reasons: list[str],
) -> tuple[UsedView, ...]:
    """Read all views, and bring them to the same pixels around the same place."""
    stated = None if center is None else parse_center(center)
    images = {file.name: read_view(file, max_pixels) for file in files}
    place = settle_center(images, stated, grid)
    used = []
    for file in files:
        image = images[file.name]
        with of_view(file):
            if beam_arcmin is None:
                stamp = _cut_sharp(image, grid, place)
            else:
                stamp = cut_view(image, grid, center=place, beam_arcmin=beam_arcmin)
            stamp = made_positive(stamp, str(file.path))
        if beam_arcmin is None and image.beam_arcmin > SHARP * grid.pixel_value * (1.0 + TOLERANCE):
            reasons.append(
                f"view {file.name}: its beam of {image.beam_arcmin:.4g} arcmin is seen in pixels of "
                f"{grid.pixel_value:.4g} arcmin, and the training maps have none"
            )
        used.append(UsedView(file, sha256_of(file.path), image, stamp))
    return tuple(used)


def _cut_sharp(image: SkyImage, grid: Grid, center: SkyCoord | None) -> Stamp:
    """Cut a view for a network whose training maps have no beam: nothing is smoothed but by the pixels."""
    side = grid.pixel_value
    for what, length in (("pixels", image.pixel_arcmin), ("beam", image.beam_arcmin)):
        if length > side * (1.0 + TOLERANCE):
            raise MapError(
                f"This view's {what} {'are' if what == 'pixels' else 'is'} wider than the pixels of the network.",
                where=image.path,
                expected=f"at most {side:.4g} arcmin: its training maps have no beam",
                got=f"{length:.4g} arcmin",
                fix="give a sharper map; what is blurred cannot be taken back",
            )
    # A beam that is declared and asked for alike smooths nothing; two pixels, also of those that are binned first, is
    # the narrowest that a stamp is cut with.
    declared = max(image.beam_arcmin, 2.0 * image.pixel_arcmin, 2.0 * side / MOST_POINTS)
    stamp = cut_view(replace(image, beam_arcmin=declared), grid, center=center, beam_arcmin=declared)
    return replace(stamp, map=replace(stamp.map, beam_arcmin=image.beam_arcmin))


def _boring(
    mapper: PosteriorMapper, maps: np.ndarray, redshift: np.ndarray, radii_mpc: np.ndarray
) -> BoringEstimate | None:
    if mapper.moments is None:
        return None
    log10_mean, sd_dex = (one.astype(float) for one in mapper.predict_moments(maps, redshift))
    # The mean of a log-normal: ln(mean) = mu + sigma^2 / 2.
    expected = 10.0 ** (log10_mean + 0.5 * math.log(10.0) * sd_dex**2)
    return BoringEstimate(
        cylinder_masses(expected[0], mapper.grid, radii_mpc),
        float(10.0 ** mapper.facts.deprojection.predict(expected)[0]),
    )


def pixel_text(one: SampledMap) -> str:
    """Return the pixels and the beam, proper and on the sky."""
    beam = "no beam" if one.beam_arcmin is None else f"beam {one.beam_arcmin:.4g} arcmin"
    return (
        f"{one.grid.n_pixels} x {one.grid.n_pixels} pixels of {one.pixel_mpc:g} Mpc "
        f"({one.grid.pixel_value:.4g} arcmin), {beam}"
    )


def load_posterior_mapper(checkpoint: str) -> PosteriorMapper:
    """Return the posterior mapper of a folder, or one that ships with the package, by its name."""
    from zwicky.workflows.shipped import posterior_folder

    return PosteriorMapper.load(Path(posterior_folder(checkpoint)))
