"""What microwave bands see of a Compton parameter, and what else is in their maps: all that a matched filter asks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final

import numpy as np

from zwicky.core.cosmology import ARCMIN_PER_RAD
from zwicky.core.grid import Grid
from zwicky.instruments.instrument import BEAM_MARGIN_FWHM, SIGMA_PER_FWHM
from zwicky.instruments.microwave import Band
from zwicky.instruments.spectrum import SeenBand, multipoles
from zwicky.mocks.microwave_sky import MicrowaveSky
from zwicky.mocks.theory_survey import beam_kernel, smoothed
from zwicky.physics.constants import T_CMB_K
from zwicky.physics.sz import spectral_function

N_BINS: Final = 6
"""Bins of multipole in which the power of a stamp is looked at, at most."""

LOWEST: Final = 1.2
"""Where they begin, in multipoles of the widest wave in the stamp, which itself is hardly told from the zero level."""

ZERO_LEVEL_SD_UK: Final = 1e3
"""Prior standard deviation of a band's zero level [uK_CMB]: ten times what the CMB gives a stamp; it is free."""


@dataclass(frozen=True)
class MicrowaveObserver:
    """Beams and spectrum for the signal, covariance for the rest.

    Parameters
    ----------
    sky : MicrowaveSky
        With the instrument.
    target_beam_arcmin : float, optional [arcmin]
        A further beam that ``smooth`` knows.
    """

    sky: MicrowaveSky
    target_beam_arcmin: float | None = None

    @property
    def grid(self) -> Grid:
        """The stamp."""
        return self.sky.grid

    @property
    def beams_arcmin(self) -> tuple[float, ...]:
        """FWHM of each band's beam, and of the target's, if there is one [arcmin]."""
        target = () if self.target_beam_arcmin is None else (self.target_beam_arcmin,)
        return (*self.sky.instrument.beams_arcmin, *target)

    @cached_property
    def _kernels(self) -> dict[float, np.ndarray]:
        """Each beam along one axis, by its FWHM [arcmin]: all equally long."""
        pixel = self.grid.pixel_value
        # Two more: the wings of a beam narrower than a pixel end no sooner.
        reach = math.ceil(BEAM_MARGIN_FWHM * max(self.beams_arcmin) / pixel) + 2
        return {fwhm: beam_kernel(fwhm * SIGMA_PER_FWHM / pixel, reach) for fwhm in self.beams_arcmin}

    @property
    def margin(self) -> int:
        """Pixels on each side of the stamp, so that no beam sees an edge."""
        return len(next(iter(self._kernels.values()))) // 2

    @property
    def theory_grid(self) -> Grid:
        """The stamp with a margin for the beams."""
        return self.grid.padded(self.margin)

    def smooth(self, compton_y: np.ndarray) -> dict[float, np.ndarray]:
        """Return a map on ``theory_grid`` behind each beam, cut to the stamp: (y, x) arrays by FWHM [arcmin]."""
        inner = slice(self.margin, self.margin + self.grid.n_pixels)
        return {fwhm: smoothed(compton_y, kernel)[inner, inner] for fwhm, kernel in self._kernels.items()}

    def signals(self, compton_y: np.ndarray) -> np.ndarray:
        """Return the change of the CMB temperature, (band, y, x) [uK_CMB], with the spectrum of cool electrons.

        Source: Sunyaev & Zel'dovich 1972; Delta T = T_CMB f(x) y.
        Checked by: tests/mocks/test_microwave_observer.py (a survey without a sky).
        """
        smooth = self.smooth(compton_y)
        bands = self.sky.instrument.bands
        return np.stack([uk_per_y(b.frequency_ghz) * smooth[b.beam_arcmin] for b in bands])

    def covariance(self) -> np.ndarray:
        """Return the covariance of two pixels of sky and noise by lag, (band, band, n, n) [uK_CMB^2], periodic."""
        return self.sky.covariance()

    @property
    def zero_level_sd(self) -> np.ndarray:
        """Prior standard deviation of each band's zero level, (band,) [uK_CMB]."""
        return np.full(len(self.sky.instrument.bands), ZERO_LEVEL_SD_UK)

    @cached_property
    def seen_bands(self) -> tuple[SeenBand, ...]:
        """Beam, power and rms of each band, for the warning light."""
        covariance = self.covariance()
        return tuple(
            SeenBand(
                band.name,
                band.beam_arcmin,
                float(np.sqrt(covariance[i, i, 0, 0])),
                partial(self._power_of, i),
                partial(self._transform_of, band),
                self._ell_edges(band.beam_arcmin),
            )
            for i, band in enumerate(self.sky.instrument.bands)
        )

    def _power_of(self, band: int, ell: np.ndarray) -> np.ndarray:
        # The mean of a stamp is no part of the sky's spectrum; the lowest mode stands for it.
        lowest = 2.0 * math.pi * ARCMIN_PER_RAD / (self.sky.n_periodic * self.grid.pixel_value)
        return np.asarray(self.sky.power_uk2_arcmin2(np.maximum(ell, lowest))[..., band, band])

    def _transform_of(self, band: Band, n: int) -> np.ndarray:
        return band.beam(multipoles(n, self.grid.pixel_value))

    def _ell_edges(self, beam_arcmin: float) -> tuple[float, ...]:
        """From the width of the stamp to where the beam has taken away 90 % of the power."""
        widest = 2.0 * math.pi * ARCMIN_PER_RAD / float(self.grid.width.value)  # multipole of the widest wave
        high = math.sqrt(math.log(10.0)) * ARCMIN_PER_RAD / (beam_arcmin * SIGMA_PER_FWHM)
        # A bin that is wider than the widest wave's multipole is never without a wave.
        n_bins = min(N_BINS, max(1, int(high / widest - LOWEST)))
        edges = np.linspace(LOWEST, max(high / widest, LOWEST + 1.0), n_bins + 1)
        return tuple(float(edge * widest) for edge in edges)


def uk_per_y(frequency_ghz: float) -> float:
    """Return T_CMB f(x): the change of the CMB temperature per unit of y [uK_CMB]."""
    return 1e6 * T_CMB_K * float(spectral_function(frequency_ghz))
