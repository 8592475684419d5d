"""The mean profile of the predicted mass: what a map is worth that knows the mass and nothing else.

The logarithm of the mass inside the map is regressed on the logarithms of the views' round profiles, and the mean
map of training clusters of that mass is painted round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from scipy import sparse

from zwicky.inference.mapping.view_stack import check_pairs, check_views, chunks, shown

RIDGES: Final = tuple(10.0**power for power in range(-9, 2))
"""Tried per mode of the regression, in units of the variance of one standardised ring."""
DEGREE: Final = 2
"""Of the polynomial in log mass that each radius of the mean map follows."""
FLOOR: Final = 0.1
"""The polynomial is held above this fraction of the smallest training pixel (in units of the map's mass)."""


def radius_pixels(n_pixels: int) -> np.ndarray:
    """Return the distance of each pixel's centre from the centre of the map, (y, x) [pixel]."""
    axis = np.arange(n_pixels) - (n_pixels - 1) / 2.0
    return np.hypot(axis[:, None], axis)


@cache
def _thin_rings(n_pixels: int) -> np.ndarray:
    """Return a number for each distinct distance from the centre, (pixel,) int: round to the last digit."""
    twice = 2 * np.arange(n_pixels) - (n_pixels - 1)
    return np.unique((twice[:, None] ** 2 + twice**2).ravel(), return_inverse=True)[1].ravel()


@cache
def _wide_rings(n_pixels: int) -> np.ndarray:
    """Return the ring of each pixel, one pixel wide, (pixel,) int."""
    return np.unique(radius_pixels(n_pixels).astype(int).ravel(), return_inverse=True)[1].ravel()


def ring_means(maps: np.ndarray, ring: np.ndarray) -> np.ndarray:
    """Return the mean of maps (n, y, x) in rings (pixel,), as (n, ring)."""
    weight = 1.0 / np.bincount(ring)[ring]
    return np.asarray(maps.reshape(len(maps), -1) @ sparse.csr_array((weight, (np.arange(ring.size), ring))))


@dataclass(frozen=True, eq=False)
class MeanProfile:
    """The mean round map of clusters of the mass that a linear regression reads from profiles.

    Parameters
    ----------
    present : (c,) tuple of bool
        The views that it reads; the others are never touched.
    n_pixels : int
        Across a map.
    slopes : (there x ring,) array [dex per dex]
        Of log10 mass against log10 of each ring of each view.
    intercept : float [dex]
        Of the same.
    mass_range : (float, float) [dex of the target's unit times a pixel]
        Smallest and largest log10 mass inside a training map: shapes beyond are those at the ends.
    shape : (degree + 1, radius) array
        Polynomials of the mean map over its mass, in powers of log10 mass scaled to -1..1.
    floor : float
        No pixel over the mass of its map is below.
    """

    present: tuple[bool, ...]
    n_pixels: int
    slopes: np.ndarray
    intercept: float
    mass_range: tuple[float, float]
    shape: np.ndarray
    floor: float

    @classmethod
    def fit(cls, views: np.ndarray, target: np.ndarray, present: Sequence[bool] | None = None) -> MeanProfile:
        """Fit the mass and the mean shape at each mass.

        The shape at each radius is the least-squares polynomial of (pixel / mass of its map) in log10 mass: a mean, so
        that it sums to exactly 1 over the map.

        Parameters
        ----------
        views : (n, c, y, x) array
            Positive where present.
        target : (n, y, x) array
            Positive.
        present : (c,) sequence of bool, optional
            Which views to read; all by default.

        Raises
        ------
        MapError
            If the stacks do not belong together or are not positive.
        """
        given = check_views(views, present, "training views")
        check_pairs(views, target, "training target")
        log10_mass, shape, smallest = _target_columns(target)
        mass_range = float(log10_mass.min()), float(log10_mass.max())
        slopes, intercept = _regression(_features(views, given), log10_mass)
        powers = _powers(log10_mass, mass_range)
        return cls(
            present=given,
            n_pixels=target.shape[-1],
            slopes=slopes,
            intercept=intercept,
            mass_range=mass_range,
            shape=np.linalg.lstsq(powers, shape, rcond=None)[0],
            floor=FLOOR * smallest,
        )

    def predict_log10_mass(self, views: np.ndarray) -> np.ndarray:
        """Return log10 of the sum over the map's pixels, (n,) [dex of the target's unit times a pixel].

        Raises
        ------
        MapError
            If the views are not on the training pixels or not positive.
        """
        check_views(views, self.present, "views", self.n_pixels)
        return np.asarray(_features(views, self.present) @ self.slopes + self.intercept)

    def predict(self, views: np.ndarray) -> np.ndarray:
        """Return the round maps, (n, y, x) float32, positive.

        Parameters
        ----------
        views : (n, c, y, x) array
            As in training; what stands in a view that is not read does not matter.

        Raises
        ------
        MapError
            If they are not on the training pixels or not positive.
        """
        log10_mass = self.predict_log10_mass(views)
        profile = np.maximum(_powers(log10_mass, self.mass_range) @ self.shape, self.floor)
        profile *= 10.0 ** log10_mass[:, None]
        painted = profile.astype(np.float32)[:, _thin_rings(self.n_pixels)]
        return painted.reshape(len(views), self.n_pixels, self.n_pixels)


def _features(views: np.ndarray, present: tuple[bool, ...]) -> np.ndarray:
    """Return the log10 profiles of the views that are there, side by side, (n, there x ring)."""
    ring = _wide_rings(views.shape[-1])
    rows = []
    for part in chunks(len(views)):
        given = shown(views[part], present, "views")
        rows.append([np.log10(ring_means(given[:, i], ring)) for i in range(given.shape[1])])
    return np.concatenate([np.concatenate(profiles, axis=1) for profiles in rows])


def _target_columns(target: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return log10 mass (n,), the round profile over the mass (n, radius), and the smallest pixel over the mass."""
    ring = _thin_rings(target.shape[-1])
    masses, shapes, smallest = [], [], np.inf
    for part in chunks(len(target)):
        truth = shown(target[part, None], (True,), "training target")[:, 0]
        mass = truth.sum(axis=(1, 2))
        masses.append(np.log10(mass))
        shapes.append(ring_means(truth, ring) / mass[:, None])
        smallest = min(smallest, float((truth.min(axis=(1, 2)) / mass).min()))
    return np.concatenate(masses), np.concatenate(shapes), smallest


def _powers(log10_mass: np.ndarray, mass_range: tuple[float, float]) -> np.ndarray:
    """Return 1, t, t^2 for t = -1..1 across the range of masses, (n, degree + 1); held at the ends beyond."""
    low, high = mass_range
    t = 2.0 * (np.clip(log10_mass, low, high) - low) / max(high - low, 1e-12) - 1.0
    return np.vander(t, DEGREE + 1, increasing=True)


def _regression(features: np.ndarray, log10_mass: np.ndarray) -> tuple[np.ndarray, float]:
    """Return slopes and intercept of a ridge regression, with the ridge of least generalised cross-validation.

    GCV = (RSS / n) / (1 - tr H / n)^2, Golub, Heath & Wahba 1979 (Technometrics 21, 215).
    """
    n = len(features)
    centre, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    left, size, right = np.linalg.svd((features - centre) / scale, full_matrices=False)
    about_mean = log10_mass - log10_mass.mean()
    projected = left.T @ about_mean
    beyond = about_mean @ about_mean - projected @ projected

    def gcv(ridge: float) -> float:
        kept = size**2 / (size**2 + n * ridge)
        squares = max(beyond, 0.0) + ((1.0 - kept) ** 2 * projected**2).sum()
        return float(squares / max(1.0 - (1.0 + kept.sum()) / n, 1e-9) ** 2)

    ridge = min(RIDGES, key=gcv)
    slopes = (right.T @ (size / (size**2 + n * ridge) * projected)) / scale
    return slopes, float(log10_mass.mean() - centre @ slopes)
