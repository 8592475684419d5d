"""Errors of mass maps that hold: densities, pixels and aperture masses recalibrated on held-out clusters.

The last two are split conformal (Vovk et al. 2005; ``inference.conformal``): errors in units of what the network says
of itself are collected on validation clusters, and their quantiles widen or narrow its statements. A network that says
nothing of itself gets the same errors for all pixels, or masses, of its bin. Errors of pixels are correlated, so an
aperture's error does not follow from its pixels': it is calibrated for itself.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from pydantic import Field

from zwicky.core.config import Config
from zwicky.core.errors import TrainingError
from zwicky.inference.conformal import LEVELS as KEPT_LEVELS
from zwicky.inference.conformal import MIN_CLUSTERS, corrected_quantiles
from zwicky.inference.mapping.answer import LEVELS

N_RADII: Final = 10
"""Apertures: tenths of half the map's side."""

_PIXEL_BINS: Final = 12
_DENSITY_BINS: Final = 20
_DENSITY_ENDS: Final = (0.0005, 0.9995)
"""Of all pixels: the few beyond share the outermost bins."""

_MASS_BINS: Final = 4
_PIXELS_USED: Final = 4_000_000
_ROWS: Final = [KEPT_LEVELS.index(level) for level in LEVELS]


class PixelCalibration(Config):
    """Quantiles of |error| / sd of pixels, in bins of the predicted surface density.

    Attributes
    ----------
    edges : tuple of float [dex of Msun Mpc^-2]
        Between the bins.
    half_68, half_95 : tuple of float
        Per bin: in units of the network's sd; in dex if it gives none.
    """

    edges: tuple[float, ...]
    half_68: tuple[float, ...]
    half_95: tuple[float, ...]

    @classmethod
    def fit(cls, log10_truth: np.ndarray, log10_median: np.ndarray, sd_dex: np.ndarray) -> PixelCalibration:
        """Collect the errors of validation maps, each (n, y, x) [dex of Msun Mpc^-2].

        Parameters
        ----------
        log10_truth, log10_median, sd_dex : (n, y, x) arrays
            An ``sd_dex`` of 0 is none.
        """
        check_enough(len(log10_truth))
        step = max(1, log10_truth.size // _PIXELS_USED)
        truth, median, sd = (a.reshape(-1)[::step] for a in (log10_truth, log10_median, sd_dex))
        error = np.abs(truth - median) / unit_of(sd)
        edges = even_edges(median, _PIXEL_BINS)
        which = np.digitize(median, edges)
        tables = [np.quantile(error[which == i], (0.68, 0.95)) for i in range(len(edges) + 1)]
        low, high = np.array(tables).T.tolist()
        return cls(edges=tuple(edges.tolist()), half_68=tuple(low), half_95=tuple(high))

    def apply(self, log10_median: np.ndarray, sd_dex: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return half of the 68 and of the 95 % interval of each pixel [dex], shaped as the maps."""
        which, unit = np.digitize(log10_median, self.edges), unit_of(sd_dex)
        narrow, wide = (np.array(table, np.float32) for table in (self.half_68, self.half_95))
        return narrow[which] * unit, wide[which] * unit


class DensityCalibration(Config):
    """What an expected density is multiplied by, so that it is right on average whatever it is.

    The mean of a log-normal trusts the network's model of its errors. On validation clusters it is measured: the mean
    of the truth over that of the answer, as a function of the answer. (A network taught by L1 answers with medians,
    which lie below the mean where errors are skewed; the median of many clusters' masses is then nearer to the truth.)

    Attributes
    ----------
    log10_density : tuple of float [dex of Msun Mpc^-2]
        Where it is known, rising; in between linear, beyond constant.
    factors : tuple of float [1]
    """

    log10_density: tuple[float, ...] = (0.0,)
    factors: tuple[float, ...] = (1.0,)

    @classmethod
    def fit(cls, truth: np.ndarray, mean: np.ndarray) -> DensityCalibration:
        """Compare validation maps, each (n, y, x) [Msun Mpc^-2]."""
        check_enough(len(truth))
        log10_mean = np.log10(mean).reshape(-1)
        low, high = np.quantile(log10_mean[:: max(1, log10_mean.size // _PIXELS_USED)], _DENSITY_ENDS)
        which = np.digitize(log10_mean, np.linspace(low, high, _DENSITY_BINS - 1))
        sums = [np.bincount(which, one.reshape(-1).astype(float), _DENSITY_BINS) for one in (truth, mean)]
        counts = np.bincount(which, minlength=_DENSITY_BINS)
        full = counts > 0
        middle = np.bincount(which, log10_mean, _DENSITY_BINS)[full] / counts[full]
        return cls(
            log10_density=tuple(middle.tolist()), factors=tuple((sums[0][full] / sums[1][full]).tolist())
        )

    def apply(self, mean: np.ndarray) -> np.ndarray:
        """Return recalibrated maps, (n, y, x) float32 [Msun Mpc^-2]."""
        factor = np.interp(np.log10(mean), self.log10_density, self.factors)
        return np.asarray(mean * factor, np.float32)


class ApertureCalibration(Config):
    """Quantiles of the errors of ln M(<R), in bins of the predicted mass.

    Attributes
    ----------
    edges : tuple of float [dex of Msun Mpc^-2]
        Between the bins of log10 of the map's sum inside the largest aperture.
    quantiles : tuple of tuple of tuple of float
        (radius, bin, level) at ``answer.LEVELS``: errors in units of what ``aperture_scale`` gives.
    """

    edges: tuple[float, ...]
    quantiles: tuple[tuple[tuple[float, ...], ...], ...]

    @classmethod
    def fit(cls, truth: np.ndarray, predicted: np.ndarray, scale: np.ndarray) -> ApertureCalibration:
        """Collect the errors of validation clusters.

        Parameters
        ----------
        truth, predicted : (n, radius) arrays [Msun Mpc^-2]
            Sums of maps, ``aperture_sums``.
        scale : (n, radius) array [1]
            Expected errors of ln M.
        """
        check_enough(len(truth))
        mass = np.log10(predicted[:, -1])
        edges = even_edges(mass, int(np.clip(len(mass) // MIN_CLUSTERS, 1, _MASS_BINS)))
        error, which = np.log(truth / predicted) / scale, np.digitize(mass, edges)
        table = [
            [tuple(corrected_quantiles(error[which == i, j])[_ROWS].tolist()) for i in range(len(edges) + 1)]
            for j in range(error.shape[1])
        ]
        return cls(edges=tuple(edges.tolist()), quantiles=tuple(tuple(rows) for rows in table))

    def apply(self, predicted: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Return quantiles of the sums at ``answer.LEVELS``, (n, radius, level) [Msun Mpc^-2]."""
        which = np.digitize(np.log10(predicted[:, -1]), self.edges)
        table = np.array(self.quantiles)[:, which].transpose(1, 0, 2)
        return np.asarray(predicted[..., None] * np.exp(scale[..., None] * table))


class Calibration(Config):
    """All of them, for one subset of the views.

    Attributes
    ----------
    pixels : PixelCalibration
    apertures : ApertureCalibration
        Of the recalibrated density.
    density : DensityCalibration
        Leaves the density alone if it is not given.
    """

    pixels: PixelCalibration
    apertures: ApertureCalibration
    density: DensityCalibration = Field(default_factory=DensityCalibration)


def unit_of(sd: np.ndarray) -> np.ndarray:
    """Return the standard deviations, or 1 where there is none."""
    return np.where(sd > 0.0, sd, np.float32(1.0))


def apertures(n_pixels: int) -> np.ndarray:
    """Return which pixels each aperture holds, (radius, y, x) float32: those whose centres lie inside."""
    axis = np.arange(n_pixels) - (n_pixels - 1) / 2.0
    radius = np.hypot(axis[:, None], axis)
    edges = 0.5 * n_pixels * np.arange(1, N_RADII + 1) / N_RADII
    return np.asarray(radius < edges[:, None, None], np.float32)


def aperture_sums(maps: np.ndarray) -> np.ndarray:
    """Return sums of maps, (n, y, x), inside each aperture, (n, radius) float64."""
    inside = apertures(maps.shape[-1]).reshape(N_RADII, -1)
    return np.asarray(maps.reshape(len(maps), -1) @ inside.T, float)


def aperture_scale(mean: np.ndarray, sd_dex: np.ndarray) -> np.ndarray:
    """Return the expected error of ln M(<R) if all pixels erred together, (n, radius) [1]; 1 without sd."""
    if not (sd_dex > 0.0).all():
        return np.ones((len(mean), N_RADII))
    return math.log(10.0) * aperture_sums(mean * sd_dex) / aperture_sums(mean)


def even_edges(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Return the edges, (n_bins - 1,), between bins with as many values, (n,), in each.

    There are fewer where so many values are equal, as those of a network that answers always the same, that a bin would
    hold less than ``MIN_CLUSTERS`` of them.
    """
    edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, n_bins + 1)[1:-1]))
    while edges.size:
        counts = np.bincount(np.digitize(values, edges), minlength=edges.size + 1)
        if counts.min() >= MIN_CLUSTERS:
            break
        edges = np.delete(edges, max(0, int(counts.argmin()) - 1))
    return edges


def check_enough(n: int) -> None:
    """Refuse to calibrate on fewer than ``MIN_CLUSTERS`` maps."""
    if n < MIN_CLUSTERS:
        raise TrainingError(
            "Too few validation maps to calibrate errors.",
            where="recalibration of mass maps",
            expected=f"at least {MIN_CLUSTERS} maps",
            got=n,
            fix="make the store larger, or its validation fraction",
        )
