"""M200c from maps: the mass inside a sphere, learnt from the masses inside cylinders of true training maps.

A ridge regression (Hoerl & Kennard 1970) on log10 M(<R) of each map at eight radii and on their squares. How steeply
these rise says how concentrated the cluster is, and what else lies in the cylinder. Its penalty is chosen, and its
scatter measured, by cross-validation over parents; each posterior sample of maps then gets one mass with this scatter
on top, so that the samples of M200c hold both errors: that of the maps, and that of the way from cylinder to sphere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from astropy import units as u

from zwicky.core.config import Config
from zwicky.core.errors import MapError, TrainingError
from zwicky.core.grid import Grid
from zwicky.core.randomness import Key
from zwicky.inference.posterior.cylinders import cylinder_masses, radii_of

N_RADII: Final = 8
PENALTIES: Final = tuple(float(10.0**i) for i in range(-5, 3))
"""Of the mean square residual, per squared coefficient of a standardised feature."""
N_FOLDS: Final = 5
MIN_PARENTS: Final = 40
PER_BIN: Final = 100
"""Parents that a range of masses needs for a scatter of its own: it is then known to 7 %."""
MAX_BINS: Final = 4


class Deprojection(Config):
    """A regression from cylinders to M200c.

    Attributes
    ----------
    n_pixels, pixel_mpc : int, float [Mpc]
        Grid of the maps.
    radii_mpc : tuple of float [Mpc]
    feature_mean, feature_sd : tuple of float [dex of Msun]
        Of log10 M(<R), (target, radius) flattened.
    feature_low, feature_high : tuple of float [1]
        Range of the standardised features in the training set: beyond it they are held, because squares run away.
    coefficients : tuple of float [dex]
        Of the standardised features, then of their squares.
    intercept : float [dex of Msun]
    penalty : float
    scatter_edges : tuple of float [dex of Msun]
        Between the ranges of the predicted mass.
    scatter_dex : tuple of float [dex]
        Standard deviation of log10 M200c in each, of parents that the regression had not seen.
    """

    n_pixels: int
    pixel_mpc: float
    radii_mpc: tuple[float, ...]
    feature_mean: tuple[float, ...]
    feature_sd: tuple[float, ...]
    feature_low: tuple[float, ...]
    feature_high: tuple[float, ...]
    coefficients: tuple[float, ...]
    intercept: float
    penalty: float
    scatter_edges: tuple[float, ...]
    scatter_dex: tuple[float, ...]

    @classmethod
    def fit(cls, maps: np.ndarray, grid: Grid, log10_m200c: np.ndarray, parent: np.ndarray) -> Deprojection:
        """Learn from true maps.

        Parameters
        ----------
        maps : (n, target, y, x) array [Msun Mpc^-2]
        grid : Grid
            Their pixels; a "proper" one.
        log10_m200c : (n,) array [dex of Msun]
        parent : (n,) array
            Of which cluster each is.

        Raises
        ------
        TrainingError
            If there are fewer than 40 parents, or a true mass is not finite.
        MapError
            If the maps are not positive surface densities on the grid.
        """
        _, group = np.unique(parent, return_inverse=True)
        n_parents = int(group.max()) + 1 if len(group) else 0
        if n_parents < MIN_PARENTS or not np.isfinite(log10_m200c).all():
            raise TrainingError(
                "The way from maps to M200c cannot be learnt from these clusters.",
                where="deprojection",
                expected=f"at least {MIN_PARENTS} parents, each with a finite mass",
                got=f"{n_parents} parents, {int((~np.isfinite(log10_m200c)).sum())} masses that are not finite",
                fix="make the store larger",
            )
        radii = radii_of(grid, N_RADII)
        raw = _log10_cylinders(maps, grid, radii)
        mean, sd = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-6)
        standard = (raw - mean) / sd
        design = _with_squares(standard)
        truth = np.asarray(log10_m200c, float)
        held_out = {p: _cross_validated(design, truth, group % N_FOLDS, p) for p in PENALTIES}
        penalty = min(held_out, key=lambda p: float(((truth - held_out[p]) ** 2).mean()))
        coefficients, intercept = _ridge(design, truth, penalty)
        edges, scatter = _scatter(held_out[penalty], truth - held_out[penalty], group)
        return cls(
            n_pixels=grid.n_pixels,
            pixel_mpc=grid.pixel_value,
            radii_mpc=_tuple(radii),
            feature_mean=_tuple(mean),
            feature_sd=_tuple(sd),
            feature_low=_tuple(standard.min(axis=0)),
            feature_high=_tuple(standard.max(axis=0)),
            coefficients=_tuple(coefficients),
            intercept=intercept,
            penalty=penalty,
            scatter_edges=_tuple(edges),
            scatter_dex=_tuple(scatter),
        )

    @property
    def grid(self) -> Grid:
        """Of the maps."""
        return Grid(self.n_pixels, self.pixel_mpc * u.Mpc, "proper")

    def predict(self, maps: np.ndarray) -> np.ndarray:
        """Return the expected log10 M200c of maps (..., target, y, x) [Msun Mpc^-2], (...,) [dex of Msun]."""
        raw = _log10_cylinders(maps, self.grid, np.array(self.radii_mpc))
        if raw.shape[-1] != len(self.feature_mean):
            raise MapError(
                "These maps are not those that the way to M200c was learnt from.",
                where="deprojection",
                expected=f"{len(self.feature_mean) // len(self.radii_mpc)} targets",
                got=f"maps {maps.shape}",
            )
        standard = (raw - np.array(self.feature_mean)) / np.array(self.feature_sd)
        inside = np.clip(standard, self.feature_low, self.feature_high)
        return np.asarray(_with_squares(inside) @ np.array(self.coefficients) + self.intercept)

    def log10_m200c(self, samples: np.ndarray, keys: Sequence[Key]) -> np.ndarray:
        """Draw a mass for each sample of maps.

        Parameters
        ----------
        samples : (n, sample, target, y, x) array [Msun Mpc^-2]
        keys : n Keys
            One for each cluster, of stream ``POSTERIOR_MASSES``; the same whatever is drawn beside it.

        Returns
        -------
        (n, sample) array [dex of Msun]
        """
        expected = self.predict(samples)
        scatter = np.array(self.scatter_dex)[np.digitize(expected, self.scatter_edges)]
        noise = np.array([key.normal(samples.shape[1]) for key in keys]).reshape(expected.shape)
        return np.asarray(expected + scatter * noise)


def _tuple(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _log10_cylinders(maps: np.ndarray, grid: Grid, radii_mpc: np.ndarray) -> np.ndarray:
    """Return log10 M(<R) of maps (..., target, y, x), (..., feature) [dex of Msun]."""
    masses = cylinder_masses(maps, grid, radii_mpc)
    if not (np.isfinite(masses) & (masses > 0.0)).all():
        raise MapError(
            "These maps hold no positive mass, and M200c is sought from logarithms.",
            where="deprojection",
            expected="finite surface densities, positive inside every circle",
            got=f"{int((~(np.isfinite(masses) & (masses > 0.0))).sum())} masses that are not",
        )
    return np.log10(masses).reshape(*maps.shape[:-3], -1)


def _with_squares(standard: np.ndarray) -> np.ndarray:
    return np.concatenate([standard, standard**2], axis=-1)


def _ridge(design: np.ndarray, truth: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """Return coefficients (feature,) and intercept of the least (mean square residual + penalty |coefficients|^2)."""
    centre, middle = design.mean(axis=0), float(truth.mean())
    x = design - centre
    normal = x.T @ x / len(x) + penalty * np.eye(x.shape[1])
    coefficients = np.linalg.solve(normal, x.T @ (truth - middle) / len(x))
    return coefficients, middle - float(centre @ coefficients)


def _cross_validated(design: np.ndarray, truth: np.ndarray, fold: np.ndarray, penalty: float) -> np.ndarray:
    """Return what is said of each cluster by a regression that has not seen its fold, (n,) [dex of Msun]."""
    said = np.empty(len(truth))
    for one in range(N_FOLDS):
        out = fold == one
        coefficients, intercept = _ridge(design[~out], truth[~out], penalty)
        said[out] = design[out] @ coefficients + intercept
    return said


def _scatter(said: np.ndarray, error: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return edges between ranges of the predicted mass, and the standard deviation in each [dex]."""
    n_parents = int(group.max()) + 1
    n_bins = int(np.clip(n_parents // PER_BIN, 1, MAX_BINS))
    edges = np.unique(np.quantile(said, np.arange(1, n_bins) / n_bins))
    which = np.digitize(said, edges)
    if len(np.unique(which)) <= len(edges):  # equal masses can leave a range empty
        edges, which = np.empty(0), np.zeros(len(said), int)
    return edges, np.array([float(np.sqrt((error[which == i] ** 2).mean())) for i in range(len(edges) + 1)])
