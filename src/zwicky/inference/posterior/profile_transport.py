"""Posterior samples whose profiles err as those of held-out clusters do.

One gain for each scale (``scale_temperature``) knows nothing of places: the core of a halo may be drawn too widely and
its outskirts too narrowly. It leaves the mean alone, too. Both show in radial profiles and masses inside radii, which
is what most people ask a map for. Here profiles are mended: the logarithm p of the mean surface density in annuli.

For each cluster, with mu and s mean and standard deviation of p over its samples, r = (p - mu) / s. On held-out
clusters the errors of the truth in these units have the mean o and the covariance E, samples have S. A sample then gets

    r' = A r + o,    A = S^(-1/2) (S^(1/2) E S^(1/2))^(1/2) S^(-1/2),

the optimal transport between Gaussians of covariances S and E (Olkin & Pukelsheim 1982, Linear Algebra Appl. 48, 257):
of all linear maps that turn one into the other it moves samples least. The map of a sample is multiplied by
exp(s (r' - r)), between the annuli linearly in log R. What has no radial profile is left as it was.

E = d C d, with the correlations C of errors clipped at 2.5 standard deviations, and their widths d from quantiles
(68 and 95 %), in units of those of a sample among the others: subhaloes make errors with heavy tails, whose variance
says little about either interval.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from pydantic import model_validator

from zwicky.core.config import Config
from zwicky.inference.posterior.samples_and_truth import check_enough, check_samples_and_truth
from zwicky.inference.posterior.scale_temperature import GAIN_RANGE

Row = tuple[float, ...]

STEP: Final = 1.25
"""Ratio of the radii that bound an annulus, where this is wider than a pixel [1]."""
FEWEST_PIXELS: Final = 8
"""Sides of smaller maps have no annuli."""
FEWEST_SAMPLES: Final = 4
"""A sample among the others needs the spread of these."""
PRIOR_CLUSTERS: Final = 16
"""The fit counts as if so many more clusters had said that nothing need be changed. Not tuned: shifts of a quarter of a
standard deviation, as were seen on held-out clusters, are as large as the noise of 16."""
CLIP: Final = 2.5
"""Errors count at most so far in correlations [standard deviations]: one Gaussian error in eighty lies beyond."""
_LEVELS: Final = (2.5, 16.0, 84.0, 97.5)
_NORMAL_95: Final = 1.96
_LEAST_EIGENVALUE: Final = 1e-6


class ProfileTransport(Config):
    """An affine map of the standardised profiles of posterior samples.

    Attributes
    ----------
    edges_pixels : tuple of float [pixels]
        Radii that bound the annuli, from 0 to half the side; corners belong to the last.
    shifts : tuple of tuple of float [1]
        (target, annulus): o, in standard deviations of a cluster's samples.
    matrices : tuple of tuple of tuple of float [1]
        (target, annulus, annulus): A.
    n_clusters, n_samples : int
        What it was fitted on.
    """

    edges_pixels: Row
    shifts: tuple[Row, ...]
    matrices: tuple[tuple[Row, ...], ...]
    n_clusters: int = 0
    n_samples: int = 0

    @model_validator(mode="after")
    def _check(self) -> ProfileTransport:
        n = len(self.edges_pixels) - 1
        shapes = {(len(rows), *(len(row) for row in rows)) for rows in self.matrices}
        square = shapes == {(n, *[n] * n)} and {len(row) for row in self.shifts} == {n}
        if not square or len(self.shifts) != len(self.matrices):
            raise ValueError("one shift for each target and annulus, and a square matrix for each target")
        return self

    @classmethod
    def fit(cls, samples_log10: np.ndarray, truth_log10: np.ndarray) -> ProfileTransport:
        """Compare the profiles of samples and truth on held-out clusters.

        Parameters
        ----------
        samples_log10 : (n, sample, target, y, x) array [dex]
            At least four samples of at least 20 independent clusters; maps of at least 8 x 8 pixels.
        truth_log10 : (n, target, y, x) array [dex]

        Raises
        ------
        MapError
            If the arrays do not belong together.
        TrainingError
            If there are fewer clusters.
        """
        check_samples_and_truth(samples_log10, truth_log10, FEWEST_SAMPLES)
        check_enough(len(truth_log10), "profiles of posterior samples")
        n_pixels = samples_log10.shape[-1]
        annuli = _Annuli(annulus_edges(n_pixels), n_pixels)
        drawn = np.stack([annuli.profiles(one) for one in samples_log10])
        true = np.stack([annuli.profiles(one) for one in truth_log10])
        mu, s = drawn.mean(axis=1), drawn.std(axis=1, ddof=1)
        errors, spread = (true - mu) / s, (drawn - mu[:, None]) / s[:, None]
        weight = len(true) / (len(true) + PRIOR_CLUSTERS)
        shifts = weight * 0.5 * (errors.mean(axis=0) + np.median(errors, axis=0))
        widths = _widths(errors - shifts) / _widths(_among_the_others(drawn))
        widths = np.exp(weight * np.log(widths))
        matrices = []
        for i in range(true.shape[1]):
            of_samples = np.einsum("nsa,nsb->ab", spread[:, :, i], spread[:, :, i])
            of_samples /= len(true) * (drawn.shape[1] - 1)
            correlations = weight * _correlations(errors[:, i] - shifts[i]) + (1.0 - weight) * of_samples
            matrices.append(transport(of_samples, widths[i][:, None] * widths[i] * correlations))
        return cls(
            edges_pixels=tuple(annuli.edges.tolist()),
            shifts=tuple(tuple(row) for row in shifts.tolist()),
            matrices=tuple(tuple(tuple(row) for row in one.tolist()) for one in matrices),
            n_clusters=len(true),
            n_samples=drawn.shape[1],
        )

    def apply(self, samples_log10: np.ndarray) -> np.ndarray:
        """Return samples with mended profiles.

        Parameters
        ----------
        samples_log10 : (n, sample, target, y, x) array [dex]
            At least two of each cluster.

        Returns
        -------
        (n, sample, target, y, x) float32 array [dex]

        Raises
        ------
        MapError
            If the array has another shape, or other targets than the fit.
        """
        check_samples_and_truth(samples_log10, None, n_targets=len(self.shifts))
        annuli = _Annuli(np.array(self.edges_pixels), samples_log10.shape[-1])
        matrices, shifts = np.array(self.matrices), np.array(self.shifts)
        mended = np.empty(samples_log10.shape, np.float32)
        for out, samples in zip(mended, samples_log10, strict=True):  # one by one: it fits into memory
            p = annuli.profiles(samples)
            mu, s = p.mean(axis=0), p.std(axis=0, ddof=1)
            r = np.divide(p - mu, s, out=np.zeros_like(p), where=s > 0.0)
            moved = np.einsum("tab,stb->sta", matrices, r) + shifts
            out[:] = samples + annuli.maps(s * (moved - r)) / np.log(10.0)
        return mended


def annulus_edges(n_pixels: int) -> np.ndarray:
    """Return the radii that bound annuli: a pixel wide near the centre, ``STEP`` times the last one farther out.

    The last one reaches the edge of the map; it takes in what would be left of the next.

    Returns
    -------
    (annulus + 1,) array [pixels]
    """
    half = 0.5 * n_pixels
    edges = [0.0, 1.0]
    while (wider := max(edges[-1] + 1.0, STEP * edges[-1])) + 0.5 * (wider - edges[-1]) <= half:
        edges.append(wider)
    return np.array([*edges, half])


def transport(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the symmetric A with A S A = E for covariances S and E, both (a, a); its gains inside ``GAIN_RANGE``."""
    root = _root(one)
    back = np.linalg.inv(root)
    values, vectors = np.linalg.eigh(back @ _root(root @ other @ root) @ back)
    return np.asarray((vectors * np.clip(values, *GAIN_RANGE)) @ vectors.T)


class _Annuli:
    """Mean surface densities in annuli of log10 maps, and maps that are smooth between annuli."""

    def __init__(self, edges: np.ndarray, n_pixels: int) -> None:
        self.edges, self.n_pixels = edges, n_pixels
        axis = np.arange(n_pixels) - 0.5 * (n_pixels - 1)
        radius = np.hypot(axis[:, None], axis).ravel()
        number = np.digitize(radius, edges[1:-1])
        self.mean = np.eye(len(edges) - 1)[number]
        self.mean /= self.mean.sum(axis=0)
        centre = radius @ self.mean
        between = np.stack([np.interp(np.log(radius), np.log(centre), row) for row in np.eye(len(centre))])
        # So that the mean over an annulus, not the value at its centre, is what was asked for.
        self.between = np.linalg.solve(between @ self.mean, between)

    def profiles(self, log10_maps: np.ndarray) -> np.ndarray:
        """Return ln of the mean density in each annulus, (..., annulus), of maps (..., y, x)."""
        lead = log10_maps.shape[:-2]
        flat = np.power(10.0, log10_maps.reshape(-1, self.n_pixels**2), dtype=float)
        return np.asarray(np.log(flat @ self.mean)).reshape(*lead, -1)

    def maps(self, profiles: np.ndarray) -> np.ndarray:
        """Return round maps (..., y, x) with means (..., annulus) in the annuli, linear in log R between them."""
        return np.asarray(profiles @ self.between).reshape(*profiles.shape[:-1], self.n_pixels, self.n_pixels)


def _among_the_others(drawn: np.ndarray) -> np.ndarray:
    """Return samples in units of the spread of the others, about their mean: (n * sample, target, annulus)."""
    n_samples = drawn.shape[1]
    found = []
    for i in range(n_samples):
        others = np.delete(drawn, i, axis=1)
        found.append((drawn[:, i] - others.mean(axis=1)) / others.std(axis=1, ddof=1))
    return np.concatenate(found)


def _widths(values: np.ndarray) -> np.ndarray:
    """Return the standard deviation of a Gaussian with such quantiles, mean of 68 and 95 %, along the first axis."""
    low, inner_low, inner_high, high = np.percentile(values, _LEVELS, axis=0)
    return np.asarray(0.25 * (inner_high - inner_low + (high - low) / _NORMAL_95))


def _correlations(errors: np.ndarray) -> np.ndarray:
    """Return the correlations of errors (n, annulus), clipped, about zero."""
    width = CLIP * errors.std(axis=0)
    clipped = np.clip(errors, -width, width)
    covariance = clipped.T @ clipped / len(clipped)
    sd = np.sqrt(np.diag(covariance))
    return np.asarray(covariance / (sd[:, None] * sd))


def _root(matrix: np.ndarray) -> np.ndarray:
    """Return the symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, _LEAST_EIGENVALUE * values.max()))) @ vectors.T)
