"""A survey without a telescope: the maps themselves, of several quantities, at most smoothed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from astropy import units as u
from scipy.ndimage import convolve1d
from scipy.optimize import brentq

from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.peak import highest_point
from zwicky.core.quantities import MapQuantity
from zwicky.core.randomness import Key, Stream
from zwicky.instruments.instrument import BEAM_MARGIN_FWHM, SIGMA_PER_FWHM
from zwicky.simulations.base import Simulation

TWO_R200: Final = Grid(80, 0.025 * u.dimensionless_unscaled, "scaled")
"""80 pixels across 2 R200c: de Andres et al. 2024. It needs the true radius: for maps as targets, not for masses."""

WIDE_FIELD: Final = Grid(128, 0.1 * u.Mpc, "proper")
"""128 pixels of 0.1 Mpc: Hsu et al. 2024."""

WIDE_FIELD_64: Final = Grid(64, 0.2 * u.Mpc, "proper")
"""The same 12.8 Mpc with pixels twice as wide, for two CPU cores."""

FIXED_PROPER: Final = Grid(80, 0.05 * u.Mpc, "proper")
"""80 pixels of 0.05 Mpc: as many as ``TWO_R200``, but a size that an observer knows from the redshift alone."""

GRIDS: Final[dict[str, Grid]] = {
    "wide": WIDE_FIELD,
    "wide-64": WIDE_FIELD_64,
    "two-r200": TWO_R200,
    "proper-4mpc": FIXED_PROPER,
}
"""The grids that have a name."""

CENTRES: Final = (MapQuantity.XRAY_SURFACE_BRIGHTNESS, MapQuantity.COMPTON_Y)
"""The maps that a cluster can be centred on: both are high where the gas is."""

FINDER_PIXEL_MPC: Final = 0.05
"""Pixel of the map in which an observer looks for the centre: that of ``FIXED_PROPER``."""

MAX_CENTRING_MPC: Final = 3.0
"""No length of a centring is longer: R200c of the heaviest clusters, beyond which lies another one."""


@dataclass(frozen=True)
class Centring:
    """How an observer finds the centre of a cluster: the peak of a smoothed map, and an error on top.

    Parameters
    ----------
    quantity : MapQuantity
        The map with the peak: one of ``CENTRES``.
    search_radius_mpc : float [Mpc, proper]
        How far from the true centre the peak may lie.
    error_mpc : float [Mpc, proper]
        Standard deviation, on each axis, of what noise and astrometry add.
    smoothing_mpc : float [Mpc, proper]
        FWHM of the Gaussian that smooths the map first.

    Raises
    ------
    ConfigError
        If the map has no such peak, or a length is not finite, negative, or zero where it must not be.
    """

    quantity: MapQuantity
    search_radius_mpc: float
    error_mpc: float
    smoothing_mpc: float

    def __post_init__(self) -> None:
        if self.quantity not in CENTRES:
            raise ConfigError(
                "A cluster cannot be centred on this map.",
                where="centring.quantity",
                expected=", ".join(CENTRES),
                got=str(self.quantity),
            )
        lowest = {"search_radius_mpc": FINDER_PIXEL_MPC, "error_mpc": 0.0, "smoothing_mpc": FINDER_PIXEL_MPC}
        for name, low in lowest.items():
            value = getattr(self, name)
            if not low <= value <= MAX_CENTRING_MPC:
                raise ConfigError(
                    "The centre cannot be searched for with this length.",
                    where=f"centring.{name}",
                    expected=f"{low:g} .. {MAX_CENTRING_MPC:g} Mpc",
                    got=f"{value:g} Mpc",
                )


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
    centring : Centring, optional
        Put the centre that an observer would find into the middle of the maps, instead of the true one. Where the true
        one falls is kept in the cluster's properties ``offset_y_mpc`` and ``offset_x_mpc``.
    seed : int
        Of the error of the centre.

    Raises
    ------
    ConfigError
        If the simulation cannot paint a quantity, one is named twice or none is, or the beam is no positive length
        within the grid; if it is to be centred on a map that cannot be painted, or on a "scaled" grid.
    """

    simulation: Simulation
    quantities: tuple[MapQuantity, ...]
    grid: Grid
    beam_fwhm: float | None = None
    centring: Centring | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_maps()
        if self.centring is not None:
            self._check_centring(self.centring)

    def _check_maps(self) -> None:
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

    def _check_centring(self, centring: Centring) -> None:
        if self.grid.kind == "scaled":
            raise ConfigError(
                "Maps that are cut at the true radius need no observed centre: they know more than an observer.",
                where="survey.centring",
                expected="a 'proper' or 'sky' grid",
                got=str(self.grid),
                fix="take another grid, or leave the centring out",
            )
        if centring.quantity not in self.simulation.quantities:
            raise ConfigError(
                "The simulation cannot paint the map to centre on.",
                where="survey.centring.quantity",
                expected=", ".join(self.simulation.quantities),
                got=str(centring.quantity),
            )

    def settings(self) -> dict[str, object]:
        """Return everything that decides a pixel, as JSON-able values."""
        # Without centring the seed decides nothing, and a store made before there was one keeps its name.
        centred = {} if self.centring is None else {"centring": asdict(self.centring), "seed": self.seed}
        return {
            "simulation": self.simulation.settings(),
            "quantities": [str(quantity) for quantity in self.quantities],
            "grid": self.grid.as_dict(),
            "beam_fwhm": self.beam_fwhm,
            **centred,
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
        return _kernel_of(self.beam_fwhm / self.grid.pixel_value)

    @cached_property
    def _finder_kernel(self) -> np.ndarray:
        """What smooths the map with the peak, along one axis, (n,)."""
        assert self.centring is not None
        return _kernel_of(self.centring.smoothing_mpc / FINDER_PIXEL_MPC)

    def observe(self, cluster_index: int, sight_line: int) -> MapSet:
        """Return the maps; the same for the same indices, whatever was asked before."""
        per_mpc, offset_mpc = 1.0, (0.0, 0.0)
        if self.centring is not None:
            per_mpc = self._units_per_mpc(cluster_index, sight_line)
            offset_mpc = self._offset_mpc(self.centring, cluster_index, sight_line, per_mpc)
        margin = len(self._kernel) // 2  # so that the beam sees no edge
        painted = self.simulation.theory(
            cluster_index,
            sight_line,
            self.grid.padded(margin),
            (offset_mpc[0] * per_mpc, offset_mpc[1] * per_mpc),
        )
        maps = {quantity: self._smoothed(painted[quantity], margin) for quantity in self.quantities}
        cluster = painted.cluster
        if self.centring is not None:
            kept = {"offset_y_mpc": offset_mpc[0], "offset_x_mpc": offset_mpc[1]}
            cluster = replace(cluster, properties={**cluster.properties, **kept})
        return MapSet(cluster, maps, painted.provenance)

    def _units_per_mpc(self, cluster_index: int, sight_line: int) -> float:
        """Return how many units of the grid's pixel a proper Mpc is."""
        if self.grid.kind == "proper":
            return 1.0
        cluster = self.simulation.cluster(cluster_index, sight_line)
        return cluster.cosmology.arcmin_per_mpc(cluster.redshift)

    def _offset_mpc(
        self, centring: Centring, cluster_index: int, sight_line: int, per_mpc: float
    ) -> tuple[float, float]:
        """Return (y, x) of the true centre, as seen from the centre that the observer takes [Mpc]."""
        kernel = self._finder_kernel
        margin = len(kernel) // 2
        n_search = math.ceil(centring.search_radius_mpc / FINDER_PIXEL_MPC) + 1  # one more for the parabola
        side = FINDER_PIXEL_MPC * per_mpc * self.grid.pixel.unit
        finder = Grid(2 * n_search + 1, side, self.grid.kind)
        painted = self.simulation.theory(cluster_index, sight_line, finder.padded(margin))
        inner = slice(margin, margin + finder.n_pixels)
        image = smoothed(painted[centring.quantity].values, kernel)[inner, inner]
        peak = highest_point(image, finder, centring.search_radius_mpc * per_mpc)
        error = Key(self.seed, Stream.CENTRE_OFFSET, cluster_index, sight_line).normal(2) * centring.error_mpc
        return -(peak.dy / per_mpc + float(error[0])), -(peak.dx / per_mpc + float(error[1]))

    def _smoothed(self, theory: Map, margin: int) -> Map:
        if self.beam_fwhm is None:
            return theory
        inner = slice(margin, margin + self.grid.n_pixels)
        values = smoothed(theory.values, self._kernel)[inner, inner]
        return replace(theory, values=values, grid=self.grid, stage="observed", beam_arcmin=self.beam_arcmin)


def _kernel_of(fwhm_pixels: float) -> np.ndarray:
    # Two more: the wings of a beam narrower than a pixel end no sooner.
    return beam_kernel(fwhm_pixels * SIGMA_PER_FWHM, math.ceil(BEAM_MARGIN_FWHM * fwhm_pixels) + 2)


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
