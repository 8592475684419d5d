"""Masses inside cylinders, M(<R), from maps and from samples of maps, and intervals of them that hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.core.config import Config
from zwicky.core.errors import MapError
from zwicky.core.grid import Grid
from zwicky.inference.conformal import MIN_CLUSTERS, Conformal, at_levels
from zwicky.inference.mapping.answer import LEVELS

N_RADII: Final = 5
FEWEST_PIXELS: Final = 4
"""A circle that holds fewer has no mass to speak of."""
MASS_BINS: Final = 4
"""Ranges of the predicted mass with quantiles of their own, where each has 100 clusters."""
LEAST_SD_DEX: Final = 1e-4
"""Samples that agree better than this are taken to spread as much."""


def radii_of(grid: Grid, n_radii: int = N_RADII, smallest: float = 1.0 / 16.0) -> np.ndarray:
    """Return radii of circles that fit on a map.

    Parameters
    ----------
    grid : Grid
        A "proper" one.
    n_radii : int
        At most so many: a circle with fewer than four pixels is left out.
    smallest : float
        The smallest of them in units of the largest, half the side of the map: 0.4 of 6.4 Mpc.

    Returns
    -------
    (radius,) array [Mpc]
        Evenly spaced in the logarithm, rising.

    Raises
    ------
    MapError
        If the grid is no proper one.
    """
    _check_proper(grid)
    radii = 0.5 * grid.n_pixels * grid.pixel_value * np.geomspace(smallest, 1.0, n_radii)
    pixels = grid.radius()
    return np.array([radius for radius in radii if (pixels < radius).sum() >= FEWEST_PIXELS])


def cylinder_masses(maps: np.ndarray, grid: Grid, radii_mpc: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the mass inside cylinders along the line of sight.

    Parameters
    ----------
    maps : (..., y, x) array [Msun Mpc^-2]
        Surface densities.
    grid : Grid
        Their pixels; a "proper" one.
    radii_mpc : (radius,) sequence of float [Mpc]
        A pixel counts when its centre lies inside.

    Returns
    -------
    (..., radius) float64 array [Msun]

    Raises
    ------
    MapError
        If the maps are not on the grid, or a circle leaves it or holds no pixel.
    """
    _check_proper(grid)
    pixels, radii = grid.radius(), np.asarray(radii_mpc, float)
    inside = pixels < radii[:, None, None]
    largest = 0.5 * grid.n_pixels * grid.pixel_value
    fits = inside.any(axis=(1, 2)).all() and (radii <= largest * (1.0 + 1e-9)).all()
    if maps.shape[-2:] != grid.shape or not fits:
        raise MapError(
            "These circles, or these maps, do not fit the grid.",
            where="masses of posterior maps",
            expected=f"maps (..., {grid.n_pixels}, {grid.n_pixels}), {pixels.min():g} < R <= {largest:g} Mpc",
            got=f"maps {maps.shape}, R from {radii.min():g} to {radii.max():g} Mpc",
        )
    flat = maps.reshape(-1, grid.n_pixels**2)
    sums = np.empty((len(flat), len(radii)))
    weights = inside.reshape(len(radii), -1).T.astype(float)
    for start in range(0, len(flat), 512):  # single precision would lose the sums of many pixels
        sums[start : start + 512] = flat[start : start + 512].astype(float) @ weights
    return (grid.pixel_value**2 * sums).reshape(*maps.shape[:-2], len(radii))


@dataclass(frozen=True, eq=False)
class MassIntervals:
    """Quantiles of masses of n clusters, at ``levels``.

    Parameters
    ----------
    radii_mpc : (radius,) array [Mpc]
    cylinders_msun : (n, target, radius, level) array [Msun]
        Of M(<R) inside cylinders.
    log10_m200c : (n, level) array [dex of Msun]
    calibrated : bool
        Whether they were recalibrated on held-out clusters; else they are those of the samples.
    levels : tuple of float
    """

    radii_mpc: np.ndarray
    cylinders_msun: np.ndarray
    log10_m200c: np.ndarray
    calibrated: bool
    levels: tuple[float, ...] = LEVELS


class MassCalibration(Config):
    """Split conformal quantiles of M(<R) of each target and of M200c.

    The errors of log10 M on held-out clusters, in units of the samples' standard deviation, in ranges of the predicted
    mass: as for every other mass of this package (``inference.conformal``).

    Attributes
    ----------
    radii_mpc : tuple of float [Mpc]
    cylinders : tuple of tuple of Conformal
        (target, radius).
    log10_m200c : Conformal
    """

    radii_mpc: tuple[float, ...]
    cylinders: tuple[tuple[Conformal, ...], ...]
    log10_m200c: Conformal

    @classmethod
    def fit(
        cls,
        radii_mpc: np.ndarray,
        true_cylinders: np.ndarray,
        cylinders: np.ndarray,
        true_log10_m200c: np.ndarray,
        log10_m200c: np.ndarray,
    ) -> MassCalibration:
        """Collect errors on held-out clusters.

        Parameters
        ----------
        radii_mpc : (radius,) array [Mpc]
        true_cylinders : (n, target, radius) array [Msun]
        cylinders : (n, sample, target, radius) array [Msun]
            Of recalibrated samples.
        true_log10_m200c : (n,) array [dex of Msun]
        log10_m200c : (n, sample) array [dex of Msun]

        Raises
        ------
        TrainingError
            If there are fewer than 100 clusters.
        """
        truth, samples = np.log10(true_cylinders), np.log10(cylinders)
        table = tuple(
            tuple(_fitted(truth[:, i, j], samples[:, :, i, j]) for j in range(len(radii_mpc)))
            for i in range(truth.shape[1])
        )
        return cls(
            radii_mpc=tuple(float(radius) for radius in radii_mpc),
            cylinders=table,
            log10_m200c=_fitted(true_log10_m200c, log10_m200c),
        )

    def apply(self, cylinders: np.ndarray, log10_m200c: np.ndarray) -> MassIntervals:
        """Return recalibrated intervals.

        Parameters
        ----------
        cylinders : (n, sample, target, radius) array [Msun]
        log10_m200c : (n, sample) array [dex of Msun]
        """
        samples = np.log10(cylinders)
        found = np.empty((len(samples), *samples.shape[2:], len(LEVELS)))
        for i, row in enumerate(self.cylinders):
            for j, one in enumerate(row):
                found[:, i, j] = _applied(one, samples[:, :, i, j])
        m200c = _applied(self.log10_m200c, log10_m200c)
        return MassIntervals(np.array(self.radii_mpc), 10.0**found, m200c, calibrated=True)


def sample_intervals(radii_mpc: np.ndarray, cylinders: np.ndarray, log10_m200c: np.ndarray) -> MassIntervals:
    """Return the quantiles of the samples as they are; arrays as of ``MassCalibration.apply``."""
    return MassIntervals(
        np.asarray(radii_mpc, float),
        np.moveaxis(np.quantile(cylinders, LEVELS, axis=1), 0, -1),
        np.moveaxis(np.quantile(log10_m200c, LEVELS, axis=1), 0, -1),
        calibrated=False,
    )


def enough_for_masses(n_clusters: int) -> bool:
    """Say whether intervals of masses can be recalibrated on so many clusters."""
    return n_clusters >= MIN_CLUSTERS


def _centre_and_scale(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return median and standard deviation of samples (n, sample), each (n,)."""
    return np.median(samples, axis=1), np.maximum(samples.std(axis=1, ddof=1), LEAST_SD_DEX)


def _fitted(truth: np.ndarray, samples: np.ndarray) -> Conformal:
    centre, scale = _centre_and_scale(samples)
    return Conformal.fit(truth, centre, scale, np.zeros(len(truth)), (), MASS_BINS)


def _applied(one: Conformal, samples: np.ndarray) -> np.ndarray:
    centre, scale = _centre_and_scale(samples)
    kept = one.apply(centre, scale, np.zeros(len(centre)))
    return at_levels(kept, LEVELS)


def _check_proper(grid: Grid) -> None:
    if grid.kind != "proper":
        raise MapError(
            "Only maps on a proper grid have masses inside radii in Mpc.",
            where="masses of posterior maps",
            expected="a 'proper' grid",
            got=str(grid),
        )
