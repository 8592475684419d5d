"""The blur of an X-ray telescope on a stamp, at any angle off its axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from scipy import fft

from zwicky.core.grid import Grid
from zwicky.instruments.photon import PhotonInstrument

STEP_ARCMIN: Final = 1.0
"""Kernels are made at angles off the axis at most this far apart, and mixed between them."""

RINGS: Final = 400
"""In which the concentration of a point's light is summed."""


@dataclass(frozen=True)
class PhotonBlur:
    """Kernels of all bands, at the angles at which a cluster may stand.

    A stamp is blurred as a whole with the kernel of one place, that of the cluster.

    Parameters
    ----------
    instrument : PhotonInstrument
        With the stamp's grid.
    reach_arcmin : float [arcmin]
        Largest angle off the axis; a scan has only one kernel.
    """

    instrument: PhotonInstrument
    reach_arcmin: float = 0.0

    @cached_property
    def nodes_arcmin(self) -> np.ndarray:
        """Angles at which kernels are made, (node,) [arcmin]."""
        if self.instrument.config.mode == "scan" or self.reach_arcmin == 0.0:
            return np.zeros(1)
        return np.linspace(0.0, self.reach_arcmin, math.ceil(self.reach_arcmin / STEP_ARCMIN) + 1)

    @cached_property
    def _kernels(self) -> np.ndarray:
        """(node, band, y, x) [1]."""
        bands = range(len(self.instrument.bands_kev))
        return np.array(
            [
                [self.instrument.psf_kernel(band, angle) for band in bands]
                for angle in self.nodes_arcmin.tolist()
            ]
        )

    @property
    def margin(self) -> int:
        """Pixels on each side of the stamp from which light reaches it."""
        return int(self._kernels.shape[-1] // 2)

    @property
    def theory_grid(self) -> Grid:
        """The stamp with this margin."""
        return self.instrument.grid.padded(self.margin)

    @property
    def _size(self) -> int:
        return int(fft.next_fast_len(self.theory_grid.n_pixels, real=True))

    @cached_property
    def _transforms(self) -> np.ndarray:
        """(node, band, wave, wave)."""
        spare = self._size - self._kernels.shape[-1]
        wide = np.pad(self._kernels, ((0, 0), (0, 0), (0, spare), (0, spare)))
        return np.asarray(fft.rfft2(np.roll(wide, (-self.margin, -self.margin), (-2, -1))))

    def _mixed(self, tables: np.ndarray, off_axis_arcmin: float) -> np.ndarray:
        """Return a table at an angle, linear between its nodes and constant beyond them."""
        place = float(np.interp(off_axis_arcmin, self.nodes_arcmin, np.arange(self.nodes_arcmin.size)))
        low = min(int(place), max(self.nodes_arcmin.size - 2, 0))
        if place == low:
            return np.asarray(tables[low])
        return np.asarray((low + 1 - place) * tables[low] + (place - low) * tables[low + 1])

    def blurred(self, images: np.ndarray, off_axis_arcmin: float = 0.0) -> np.ndarray:
        """Return images behind the telescope, cut to the stamp.

        Parameters
        ----------
        images : (..., band, y, x) array
            On ``theory_grid``.
        off_axis_arcmin : float [arcmin]
            Angle whose kernel holds for all of the stamp.

        Returns
        -------
        (..., band, y, x) array
            On the stamp, never negative.
        """
        size, inner = self._size, slice(self.margin, self.margin + self.instrument.grid.n_pixels)
        # What wraps around reaches no further than the margin, which is cut off.
        waves = fft.rfft2(images, (size, size)) * self._mixed(self._transforms, off_axis_arcmin)
        return np.asarray(np.maximum(fft.irfft2(waves, (size, size))[..., inner, inner], 0.0))

    @cached_property
    def _noise_areas(self) -> np.ndarray:
        """(node, band) [arcmin^2]."""
        reach = self.instrument.config.psf.truncation_arcsec / 60.0
        radius = np.concatenate([[0.0], np.geomspace(1e-4 * reach, reach, RINGS)])
        area = math.pi * np.diff(radius**2)
        bands = range(len(self.instrument.bands_kev))
        light = np.array(
            [
                [np.diff(self.instrument.encircled_energy(band, 60.0 * radius, angle)) for band in bands]
                for angle in self.nodes_arcmin.tolist()
            ]
        )
        return np.asarray(1.0 / np.sum(light**2 / area, axis=-1))

    def noise_area_arcmin2(self, off_axis_arcmin: float = 0.0) -> np.ndarray:
        """Return the area of sky whose counts a point source competes with.

        A source of C counts on b counts per area, weighted by its known shape p, stands out by C / sqrt(b area)
        standard deviations, with 1 / area the integral of p^2 (King 1983, PASP 95, 163). Pixels do not matter: sources
        are found in full resolution.

        Parameters
        ----------
        off_axis_arcmin : float [arcmin]
            Of the source.

        Returns
        -------
        (band,) [arcmin^2]
        """
        return self._mixed(self._noise_areas, off_axis_arcmin)
