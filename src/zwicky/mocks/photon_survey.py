"""A survey of clusters in X-rays: photons, counted one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np

from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.core.randomness import Key, Stream
from zwicky.instruments.photon import PhotonInstrument
from zwicky.mocks.photon_counting import poisson_counts
from zwicky.mocks.photon_levels import Ingredients
from zwicky.mocks.photon_observer import Expected, PhotonObserver, Pointing
from zwicky.mocks.photon_sources import PhotonSky
from zwicky.simulations.emission import EmitsXRays

EXPOSURE: Final = MapQuantity.EXPOSURE

Masked = Literal["refilled", "empty"]

REACH_SIGMA: Final = 4.0
"""So many standard deviations of the centre's error are foreseen when the blur off the axis is prepared."""


@dataclass(frozen=True)
class PhotonSurvey:
    """Counts of clusters in energy bands, as a pure function of (cluster, sight-line).

    Each pixel of each band has one uniform number of its own: where more is expected, more is counted. So the same
    cluster with more exposure, or with a background, is the same image with photons added.

    Parameters
    ----------
    simulation : EmitsXRays
        Where the clusters come from.
    instrument : PhotonInstrument
        What looks at them, in which bands, on which stamps.
    seed : int
        Of photons, point sources and pointing.
    level : {"ideal", "poisson", "psf", "vignetted", "background", "full"}
        How real; see ``photon_levels``.
    overrides : dict of str to bool
        Single ingredients put in or left out.
    sky : PhotonSky
        Our Galaxy's hydrogen, background and AGN.
    centre_error_arcmin : float [arcmin]
        Standard deviation, on each axis, of the position that the observer takes for the cluster's centre.
    off_axis_arcmin : float [arcmin]
        The optical axis lies anywhere within this distance of the stamp's middle, evenly spread.
    masked : {"refilled", "empty"}
        Masks of detected sources are refilled with counts as around them, without any source, or hold no counts and no
        exposure.
    with_exposure : bool
        Give the exposure map as the last channel, as the mean of the bands'.

    Raises
    ------
    ConfigError
        If the simulation emits no X-rays, a level or ingredient is not known, a distance is negative or not finite, or
        a scan is to have an optical axis.
    """

    simulation: EmitsXRays
    instrument: PhotonInstrument
    seed: int
    level: str = "full"
    overrides: Mapping[str, bool] = field(default_factory=dict)
    sky: PhotonSky = field(default_factory=PhotonSky)
    centre_error_arcmin: float = 0.0
    off_axis_arcmin: float = 0.0
    masked: Masked = "refilled"
    with_exposure: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.simulation, EmitsXRays):
            raise ConfigError(
                "The simulation emits no X-rays of known temperature.",
                where="survey.simulation",
                expected='one with an emission cube, such as "painter"',
                got=type(self.simulation).__name__,
            )
        Ingredients.of(self.level, self.overrides)
        for name in ("centre_error_arcmin", "off_axis_arcmin"):
            value = getattr(self, name)
            if not 0.0 <= value < math.inf:
                raise ConfigError(
                    "The telescope cannot be off by this.",
                    where=f"survey.{name}",
                    expected="a finite number >= 0",
                    got=f"{value:g}",
                )
        if self.off_axis_arcmin > 0.0 and self.instrument.config.mode == "scan":
            raise ConfigError(
                "A scan has no optical axis that could lie elsewhere.",
                where="survey.off_axis_arcmin",
                expected="0",
                got=f"{self.off_axis_arcmin:g}",
                fix='take the instrument with mode = "pointed"',
            )

    def settings(self) -> dict[str, object]:
        """Return everything that decides a count, as JSON-able values."""
        return {
            "simulation": self.simulation.settings(),
            "instrument": self.instrument.settings(),
            "seed": self.seed,
            "ingredients": asdict(self.observer.ingredients),
            "sky": self.sky.settings(),
            "centre_error_arcmin": self.centre_error_arcmin,
            "off_axis_arcmin": self.off_axis_arcmin,
            "masked": self.masked,
            "with_exposure": self.with_exposure,
        }

    @property
    def channels(self) -> tuple[MapQuantity, ...]:
        """The maps, in order: counts of each band, then the exposure if it is asked for."""
        return (*self.instrument.channels, *((EXPOSURE,) if self.with_exposure else ()))

    @property
    def grid(self) -> Grid:
        """The grid of the maps."""
        return self.instrument.grid

    @property
    def beam_arcmin(self) -> None:
        """No Gaussian beam: the blur of X-ray mirrors has other shapes."""

    @property
    def target(self) -> None:
        """No channel is what the others are to be turned into."""

    @cached_property
    def observer(self) -> PhotonObserver:
        """What the instrument expects of a cluster and of the rest."""
        ingredients = Ingredients.of(self.level, self.overrides)
        error = self.centre_error_arcmin if ingredients.miscentred else 0.0
        reach = self.off_axis_arcmin + REACH_SIGMA * error
        return PhotonObserver(self.instrument, self.sky, ingredients, reach)

    def mean_background(self) -> np.ndarray:
        """Return what is expected without a cluster, outside of masks: sky, particles, mean of undetected AGN.

        Returns
        -------
        (band, y, x) array [counts]
            With the optical axis in the middle of the stamp.
        """
        mean = replace(self.observer, ingredients=replace(self.observer.ingredients, sources=False))
        return np.asarray(sum(mean.background()))

    def expected(self, cluster_index: int, sight_line: int) -> Expected:
        """Return the expected counts of one observation, by origin, with its masks and sources."""
        return self._expected(cluster_index, sight_line)[0]

    def observe(self, cluster_index: int, sight_line: int) -> MapSet:
        """Return one observation; the same for the same indices, whatever was asked before."""
        expected, where = self._expected(cluster_index, sight_line)
        counts = expected.total
        if self.observer.ingredients.poisson:
            key = self._key(Stream.PHOTONS, cluster_index, sight_line)
            counts = poisson_counts(key.uniform(*counts.shape), counts)
        exposure_s = expected.exposure_s.mean(axis=0)
        if self.masked == "empty":
            counts, exposure_s = counts * ~expected.mask, exposure_s * ~expected.mask
        images = dict(zip(self.instrument.channels, counts, strict=True))
        if self.with_exposure:
            images[EXPOSURE] = exposure_s
        cluster = expected.of
        properties = {**cluster.properties, **where, **self._sums(expected)}
        return MapSet(
            replace(cluster, properties=properties),
            {quantity: self._map(image, quantity) for quantity, image in images.items()},
            {"instrument": self.instrument.config.name, "level": self.level},
        )

    def _expected(self, cluster_index: int, sight_line: int) -> tuple[Expected, dict[str, float]]:
        centre, pointing = self._positions(cluster_index, sight_line)
        off_axis = 0.0 if self.instrument.config.mode == "scan" else math.dist(centre, pointing)
        cube = self.simulation.emission(cluster_index, sight_line, self.observer.theory_grid, centre)
        key = self._key(Stream.POINT_SOURCES, cluster_index, sight_line)
        where = {
            "offset_y_arcmin": centre[0],
            "offset_x_arcmin": centre[1],
            "pointing_y_arcmin": pointing[0],
            "pointing_x_arcmin": pointing[1],
            "off_axis_arcmin": off_axis,
        }
        return self.observer.expected(cube, key, pointing, off_axis), where

    def _positions(self, cluster_index: int, sight_line: int) -> tuple[Pointing, Pointing]:
        """Return cluster and optical axis, as offsets from the middle of the stamp [arcmin]."""
        error = self.centre_error_arcmin if self.observer.ingredients.miscentred else 0.0
        dy, dx = (error * self._key(Stream.CENTRE_OFFSET, cluster_index, sight_line).normal(2)).tolist()
        if self.off_axis_arcmin == 0.0:
            return (dy, dx), (0.0, 0.0)
        area, turn = self._key(Stream.DETECTOR, cluster_index, sight_line).uniform(2).tolist()
        radius, angle = self.off_axis_arcmin * math.sqrt(area), 2.0 * math.pi * turn
        return (dy, dx), (radius * math.sin(angle), radius * math.cos(angle))

    def _key(self, stream: Stream, cluster_index: int, sight_line: int) -> Key:
        return Key(self.seed, stream, cluster_index, sight_line)

    def _sums(self, expected: Expected) -> dict[str, float]:
        """Return expected counts in the stamp, in all bands together, and what is known of sources."""
        middle = self.grid.n_pixels // 2
        return {
            "expected_cluster_counts": float(expected.cluster.sum()),
            "expected_background_counts": float(expected.sky.sum() + expected.particles.sum()),
            "expected_source_counts": float(expected.sources.sum()),
            "central_exposure_s": float(expected.exposure_s[:, middle, middle].mean()),
            "n_point_sources": float(expected.n_sources),
            "n_detected_sources": float(expected.n_detected),
            "masked_fraction": float(expected.mask.mean()),
        }

    def _map(self, values: np.ndarray, quantity: MapQuantity) -> Map:
        return Map(values.astype(np.float32), quantity, UNIT_OF[quantity], self.grid, "observed")


def count_budget(
    survey: PhotonSurvey, cluster_index: int, sight_line: int, radius_arcmin: float = math.inf
) -> dict[str, np.ndarray]:
    """Return where the counts of an observation come from.

    Parameters
    ----------
    survey : PhotonSurvey
    cluster_index, sight_line : int
        Which cluster, seen from where.
    radius_arcmin : float [arcmin]
        Inside which they are summed, around the middle of the stamp; all of it without.

    Returns
    -------
    dict
        "cluster", "sky", "particles" and "sources" (those not masked) to expected counts, (band,).
    """
    expected = survey.expected(cluster_index, sight_line)
    inside = survey.grid.radius() <= radius_arcmin
    parts = ("cluster", "sky", "particles", "sources")
    return {part: getattr(expected, part)[:, inside].sum(axis=1) for part in parts}
