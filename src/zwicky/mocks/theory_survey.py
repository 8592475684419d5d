"""A survey without a telescope: the maps themselves, of several quantities, at most smoothed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from astropy import units as u
from scipy.ndimage import convolve1d
from scipy.optimize import brentq

from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.quantities import MapQuantity
from zwicky.instruments.instrument import BEAM_MARGIN_FWHM, SIGMA_PER_FWHM
from zwicky.simulations.base import Simulation

TWO_R200: Final = Grid(80, 0.025 * u.dimensionless_unscaled, "scaled")
"""80 pixels across 2 R200c: de Andres et al. 2024. It needs the true radius: for maps as targets, not for masses."""

WIDE_FIELD: Final = Grid(128, 0.1 * u.Mpc, "proper")
"""128 pixels of 0.1 Mpc: Hsu et al. 2024."""


@dataclass(frozen=True)
class TheorySurvey:
    """Maps without noise as a pure function of (cluster, sight-line).

    Parameters
    ----------
    simulation : Simulation
        Where the clusters come from.
    quantities : tuple of MapQuantity
        The maps, in order.
    grid : Grid
        Such as ``TWO_R200`` or ``WIDE_FIELD``.
    beam_fwhm : float, optional [unit of the grid's pixel]
        FWHM of the Gaussian that smooths every map: arcmin, Mpc or fractions of R200c (0.01 in de Andres et al. 2024).

    Raises
    ------
    ConfigError
        If the simulation cannot paint a quantity, one is named twice or none is, or the beam is no positive length
        within the grid.
    """

    simulation: Simulation
    quantities: tuple[MapQuantity, ...]
    grid: Grid
    beam_fwhm: float | None = None

    def __post_init__(self) -> None:
        known, wanted = self.simulation.quantities, set(self.quantities)
        if not wanted or not wanted <= set(known) or len(wanted) < len(self.quantities):
            raise ConfigError(
                "The simulation cannot paint these maps.",
                where="survey.quantities",
                expected=f"at least one, each once, of {', '.join(known)}",
                got=", ".join(self.quantities) or "none",
            )
        width = self.grid.n_pixels * self.grid.pixel_value
        if self.beam_fwhm is not None and not 0.0 < self.beam_fwhm <= width:
            raise ConfigError(
                "This beam does not fit the grid.",
                where="survey.beam_fwhm",
                expected=f"0 < FWHM <= {width:g}, the width of {self.grid}",
                got=f"{self.beam_fwhm:g}",
                fix="give the FWHM in the unit of the pixel, or take a wider grid",
            )

    def settings(self) -> dict[str, object]:
        """Return everything that decides a pixel, as JSON-able values."""
        return {
            "simulation": self.simulation.settings(),
            "quantities": [str(quantity) for quantity in self.quantities],
            "grid": self.grid.as_dict(),
            "beam_fwhm": self.beam_fwhm,
        }

    @property
    def channels(self) -> tuple[MapQuantity, ...]:
        """The quantities of the maps, in order."""
        return self.quantities

    @property
    def beam_arcmin(self) -> float | None:
        """FWHM of the beam in the maps [arcmin]; None if there is none, or if it is no angle."""
        return self.beam_fwhm if self.grid.kind == "sky" else None

    @cached_property
    def _kernel(self) -> np.ndarray:
        """The beam along one axis, (n,); a single 1 without a beam."""
        if self.beam_fwhm is None:
            return np.ones(1)
        fwhm_pixels = self.beam_fwhm / self.grid.pixel_value
        # Two more: the wings of a beam narrower than a pixel end no sooner.
        return beam_kernel(fwhm_pixels * SIGMA_PER_FWHM, math.ceil(BEAM_MARGIN_FWHM * fwhm_pixels) + 2)

    def observe(self, cluster_index: int, sight_line: int) -> MapSet:
        """Return the maps; the same for the same indices, whatever was asked before."""
        margin = len(self._kernel) // 2  # so that the beam sees no edge
        painted = self.simulation.theory(cluster_index, sight_line, self.grid.padded(margin))
        maps = {quantity: self._smoothed(painted[quantity], margin) for quantity in self.quantities}
        return MapSet(painted.cluster, maps, painted.provenance)

    def _smoothed(self, theory: Map, margin: int) -> Map:
        if self.beam_fwhm is None:
            return theory
        inner = slice(margin, margin + self.grid.n_pixels)
        values = smoothed(theory.values, self._kernel)[inner, inner]
        return replace(theory, values=values, grid=self.grid, stage="observed", beam_arcmin=self.beam_arcmin)


def smoothed(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return an image (y, x) convolved with a kernel (n,) along both axes; nothing lies beyond its edges."""
    along_y = convolve1d(np.asarray(image, float), kernel, axis=0, mode="constant")
    return convolve1d(along_y, kernel, axis=1, mode="constant")


def beam_kernel(sigma_pixels: float, reach: int) -> np.ndarray:
    """Return a Gaussian at whole pixels whose variance is exactly ``sigma_pixels``^2, however narrow it is.

    It has no negative value, so that a positive map stays positive: a product of Fourier transforms, as the
    instruments take it, rings around galaxies of one pixel if the beam is as narrow. A Gaussian that is merely sampled
    would do nothing below half a pixel; from one pixel on the two are the same.

    Parameters
    ----------
    sigma_pixels : float
        Standard deviation, in pixels.
    reach : int
        Pixels on each side after which the kernel ends.

    Returns
    -------
    (2 reach + 1,) array [1]
        Its sum is 1.
    """
    square = np.arange(-reach, reach + 1.0) ** 2

    def sampled(sigma: float) -> np.ndarray:
        values = np.exp(-0.5 * square / sigma**2)
        return values / values.sum()

    def excess(sigma: float) -> float:
        return float(sampled(sigma) @ square) - sigma_pixels**2

    # What is sampled is narrower than what was meant, and by less than half a pixel.
    return sampled(float(brentq(excess, 0.9 * sigma_pixels, sigma_pixels + 0.5, xtol=1e-12)))
