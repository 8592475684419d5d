"""What is read off every map, once: masses in circles, profile, power, peak, shape; of truth and samples alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from zwicky.core.errors import ConfigError
from zwicky.evaluation.mapping.apertures import cylinder_masses_msun, distance_pixels
from zwicky.evaluation.mapping.spectra import power_spectra
from zwicky.evaluation.posterior.order import Purpose, key_of
from zwicky.evaluation.posterior.pixels import PixelMeasures, measure_pixels
from zwicky.evaluation.posterior.records import PosteriorTest
from zwicky.inference.posterior.profile_transport import annulus_edges

RADII_MPC: Final = (0.4, 0.8, 1.6, 3.2, 6.4)
SHAPE_MPC: Final = 1.6
"""Radius of the circle of the second moments, or the largest that fits [Mpc]: about R200 of a massive cluster."""
COARSE: Final = 8
"""Pixels of a side of the coarse maps."""
CHUNK: Final = 32  # clusters at a time: 50 samples of 64 x 64 pixels in double precision are 52 MB a target


class OfMaps(NamedTuple):
    """Functionals of a stack of maps; leading axes (n, target) of the truth, (n, sample, target) of the samples.

    Parameters
    ----------
    cylinder_masses_msun : (..., radius) array [Msun]
    profile_msun_mpc2 : (..., annulus) array [Msun Mpc^-2]
        Mean surface density between two circles.
    map_mass_msun : (...) array [Msun]
        Of all pixels.
    power : (..., k) array [Msun^2 Mpc^-4 times pixel area]
    cross : (..., k) array
        Cross-spectrum with the truth; the power itself, of the truth.
    peak_msun_mpc2 : (...) array [Msun Mpc^-2]
        Brightest pixel.
    ellipticity : (...) array [1]
        sqrt((Qxx - Qyy)^2 + 4 Qxy^2) / (Qxx + Qyy) of the second moments about the centroid within ``SHAPE_MPC``:
        0 for a circle, 1 for a line.
    coarse_dex : (..., COARSE, COARSE) array [dex of Msun Mpc^-2]
        log10 of the mean surface density of large pixels; as many as fit if a side is no multiple of ``COARSE``.
    """

    cylinder_masses_msun: np.ndarray
    profile_msun_mpc2: np.ndarray
    map_mass_msun: np.ndarray
    power: np.ndarray
    cross: np.ndarray
    peak_msun_mpc2: np.ndarray
    ellipticity: np.ndarray
    coarse_dex: np.ndarray


@dataclass(frozen=True, eq=False)
class Functionals:
    """All that the statistics need to know of a test set: small, and computed once.

    Parameters
    ----------
    radii_mpc : (radius,) array [Mpc]
        Those of ``RADII_MPC`` whose circle lies on the map.
    annulus_edges_mpc : (annulus + 1,) array [Mpc]
        From 0 to the edge of the map.
    annulus_radius_mpc : (annulus,) array [Mpc]
        Mean distance of the pixels of each annulus from the centre.
    wavenumber_per_mpc : (k,) array [Mpc^-1]
        k = 2 pi / wavelength.
    truth : OfMaps
        Leading axes (n, target).
    samples : OfMaps
        (n, sample, target).
    mean_power, mean_cross : (n, target, k) arrays
        Of the posterior mean, the mean map of the samples.
    input_names : tuple of str
        Views, and log10 of those that are positive everywhere.
    input_power : (n, input, k) array [unit of the input squared times pixel area]
    input_cross : (n, target, input, k) array
        With the true maps.
    pixels : PixelMeasures
        With the cluster as first axis.
    """

    radii_mpc: np.ndarray
    annulus_edges_mpc: np.ndarray
    annulus_radius_mpc: np.ndarray
    wavenumber_per_mpc: np.ndarray
    truth: OfMaps
    samples: OfMaps
    mean_power: np.ndarray
    mean_cross: np.ndarray
    input_names: tuple[str, ...]
    input_power: np.ndarray
    input_cross: np.ndarray
    pixels: PixelMeasures


def annulus_edges_mpc(n_pixels: int, pixel_mpc: float) -> np.ndarray:
    """Return the radii that bound annuli, (annulus + 1,) [Mpc]; those that profiles are recalibrated in."""
    return pixel_mpc * annulus_edges(n_pixels)


def functionals(test: PosteriorTest, seed: int) -> Functionals:
    """Measure every map of a test set, a few clusters at a time.

    Parameters
    ----------
    test : PosteriorTest
    seed : int
        Of ties, and of the Gaussian reference of the energy score.

    Raises
    ------
    ConfigError
        If the maps are too small to have annuli and rings in Fourier space.
    MapError
        If all samples agree in a pixel.
    """
    if test.n_pixels < COARSE:
        raise ConfigError(
            "Maps this small have no profile and no spectrum.",
            where="side of the maps",
            expected=f"at least {COARSE} pixels",
            got=f"{test.n_pixels} pixels",
        )
    reader = _Reader(test.n_pixels, test.pixel_mpc)
    noise = _noise(test, seed)
    parts = [reader.read(test, rows) for rows in _chunks(len(test))]
    pixels = [
        measure_pixels(test.truth[row], test.samples[row], noise, key_of(seed, Purpose.TIES, row + 1))
        for row in range(len(test))
    ]
    names, inputs = _inputs(test)
    input_power, input_cross = _input_spectra(test.truth, inputs)
    return Functionals(
        reader.radii_mpc,
        reader.edges_mpc,
        reader.annulus_radius_mpc,
        reader.wavenumber_per_mpc,
        OfMaps(*map(np.concatenate, zip(*(part[0] for part in parts), strict=True))),
        OfMaps(*map(np.concatenate, zip(*(part[1] for part in parts), strict=True))),
        np.concatenate([part[2] for part in parts]),
        np.concatenate([part[3] for part in parts]),
        names,
        input_power,
        input_cross,
        PixelMeasures(*map(np.stack, zip(*pixels, strict=True))),
    )


class _Reader:
    """Reads functionals off maps of one size."""

    def __init__(self, n_pixels: int, pixel_mpc: float) -> None:
        self.pixel_mpc = pixel_mpc
        half_mpc = 0.5 * n_pixels * pixel_mpc
        radii = np.array(RADII_MPC)
        self.radii_mpc = radii[(radii <= half_mpc * (1.0 + 1e-9)) & (radii >= pixel_mpc * (1.0 - 1e-9))]
        self.edges_mpc = annulus_edges_mpc(n_pixels, pixel_mpc)
        area = self._masses(np.ones((1, n_pixels, n_pixels)), self.edges_mpc[1:])
        self._annulus_area_mpc2 = np.diff(area, prepend=0.0)[0]
        distance_mpc = pixel_mpc * distance_pixels(n_pixels)
        moment = self._masses(distance_mpc[None], self.edges_mpc[1:])
        self.annulus_radius_mpc = np.diff(moment, prepend=0.0)[0] / self._annulus_area_mpc2
        self._moments = _moment_weights(n_pixels, min(SHAPE_MPC, half_mpc) / pixel_mpc)
        ones = np.ones((1, n_pixels, n_pixels))
        self.wavenumber_per_mpc = power_spectra(ones, ones).k_per_pixel / pixel_mpc

    def read(self, test: PosteriorTest, rows: slice) -> tuple[OfMaps, OfMaps, np.ndarray, np.ndarray]:
        """Return the functionals of truth and samples of some clusters, and power and cross of their mean."""
        truth, samples = test.truth[rows], test.samples[rows]
        of_truth = self._of(truth, truth)
        of_samples = self._of(samples, np.broadcast_to(truth[:, None], samples.shape))
        mean = samples.mean(axis=1, dtype=np.float64)
        power, cross = _power_and_cross(mean, truth)
        return of_truth, of_samples, power, cross

    def _of(self, maps: np.ndarray, truth: np.ndarray) -> OfMaps:
        """Return the functionals of maps (..., y, x)."""
        lead, side = maps.shape[:-2], maps.shape[-1]
        flat = maps.reshape(-1, side, side)
        radii = np.concatenate([self.edges_mpc[1:], self.radii_mpc])
        masses = self._masses(flat, radii)
        n_annuli = len(self.edges_mpc) - 1
        profile = np.diff(masses[:, :n_annuli], prepend=0.0) / self._annulus_area_mpc2
        power, cross = _power_and_cross(maps, truth)
        return OfMaps(
            masses[:, n_annuli:].reshape(*lead, -1),
            profile.reshape(*lead, -1),
            flat.sum(axis=(1, 2), dtype=np.float64).reshape(lead) * self.pixel_mpc**2,
            power,
            cross,
            flat.max(axis=(1, 2)).reshape(lead),
            _ellipticity(flat.reshape(len(flat), -1) @ self._moments).reshape(lead),
            _coarse_dex(flat).reshape(*lead, COARSE, COARSE),
        )

    def _masses(self, maps: np.ndarray, radii_mpc: np.ndarray) -> np.ndarray:
        n = len(maps)
        return cylinder_masses_msun(
            maps, np.full(n, self.pixel_mpc), np.broadcast_to(radii_mpc, (n, len(radii_mpc)))
        )


def _chunks(n: int) -> Iterator[slice]:
    return (slice(first, first + CHUNK) for first in range(0, n, CHUNK))


def _noise(test: PosteriorTest, seed: int) -> np.ndarray:
    """Return the numbers of the Gaussian reference, (sample, target, pixel): the same for each cluster."""
    shape = (test.n_samples, len(test.targets), test.n_pixels**2)
    return key_of(seed, Purpose.GAUSSIAN_PIXELS).normal(*shape).astype(np.float32)


def _power_and_cross(maps: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the spectra of maps (..., y, x) and their cross-spectra with true ones, (..., k) each."""
    lead, plane = maps.shape[:-2], maps.shape[-2:]
    spectra = power_spectra(truth.reshape(-1, *plane), maps.reshape(-1, *plane))
    return spectra.predicted.reshape(*lead, -1), spectra.cross.reshape(*lead, -1)


def _inputs(test: PosteriorTest) -> tuple[tuple[str, ...], np.ndarray]:
    """Return names and maps (n, input, y, x) of the views, and of log10 of the positive ones."""
    names = [view.value for view in test.views]
    maps = [test.inputs]
    positive = [i for i in range(len(names)) if (test.inputs[:, i] > 0.0).all()]
    if positive:
        maps.append(np.log10(test.inputs[:, positive]))
    return (*names, *(f"log10 {names[i]}" for i in positive)), np.concatenate(maps, axis=1)


def _input_spectra(truth: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the power of inputs (n, input, k), and their cross-spectra with the truth (n, target, input, k)."""
    n_targets, n_inputs = truth.shape[1], inputs.shape[1]
    pairs = [[_power_and_cross(inputs[:, i], truth[:, t]) for i in range(n_inputs)] for t in range(n_targets)]
    power = np.stack([pairs[0][i][0] for i in range(n_inputs)], axis=1)
    cross = np.stack([np.stack([cross for _, cross in row], axis=1) for row in pairs], axis=1)
    return power, cross


def _moment_weights(n_pixels: int, radius_pixels: float) -> np.ndarray:
    """Return 1, x, y, x^2, y^2, x y inside a circle around the centre, (pixel, 6) float32 [pixels^0..2]."""
    axis = np.arange(n_pixels) - (n_pixels - 1) / 2.0
    y, x = (values.ravel() for values in np.meshgrid(axis, axis, indexing="ij"))
    inside = np.hypot(x, y) < radius_pixels
    return (np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1) * inside[:, None]).astype(
        np.float32
    )


def _ellipticity(moments: np.ndarray) -> np.ndarray:
    """Return the ellipticity that belongs to moments (n, 6), (n,) [1]."""
    mass, x, y, xx, yy, xy = moments.astype(np.float64).T
    qxx, qyy, qxy = xx / mass - (x / mass) ** 2, yy / mass - (y / mass) ** 2, xy / mass - x * y / mass**2
    return np.asarray(np.hypot(qxx - qyy, 2.0 * qxy) / (qxx + qyy))


def _coarse_dex(maps: np.ndarray) -> np.ndarray:
    """Return log10 of block means, (n, COARSE, COARSE); pixels that fill no block are left out, evenly."""
    block = maps.shape[-1] // COARSE
    first = (maps.shape[-1] - block * COARSE) // 2
    inner = maps[:, first : first + block * COARSE, first : first + block * COARSE]
    return np.log10(inner.reshape(-1, COARSE, block, COARSE, block).mean(axis=(2, 4), dtype=np.float64))
