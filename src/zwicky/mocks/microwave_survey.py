"""A survey of clusters on the microwave sky: their SZ effect in some bands, on CMB, foregrounds and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from zwicky.core.cluster import Cluster
from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.masses import M500C
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.core.randomness import Key, Stream
from zwicky.instruments.microwave import Band
from zwicky.mocks.microwave_observer import MicrowaveObserver, uk_per_y
from zwicky.mocks.microwave_sky import MicrowaveSky
from zwicky.physics.constants import T_CMB_K
from zwicky.physics.sz_relativistic import relativistic_spectral_function, temperature_kev
from zwicky.simulations.base import Simulation

Y: Final = MapQuantity.COMPTON_Y


@dataclass(frozen=True)
class MicrowaveSurvey:
    """Maps of clusters in microwave bands, as a pure function of (cluster, sight-line).

    Parameters
    ----------
    simulation : Simulation
        Where the clusters come from; it paints the Compton parameter on a "sky" grid.
    sky : MicrowaveSky
        What lies before and behind them, and the instrument that looks.
    seed : int
        Of sky, noise and pointing.
    centre_error_arcmin : float [arcmin]
        Standard deviation, on each axis, of the position that the observer takes for the cluster's centre.
    target_beam_arcmin : float, optional [arcmin]
        Add the cluster's Compton parameter without noise, smoothed to this FWHM, as the last channel.
    relativistic : bool
        Take the SZ spectrum of electrons of the temperature that is usual at the cluster's mass.

    Raises
    ------
    ConfigError
        If the simulation paints no Compton parameter, the error of the centre is negative, or the target's beam is not
        between half a pixel and the width of the stamp.
    """

    simulation: Simulation
    sky: MicrowaveSky
    seed: int
    centre_error_arcmin: float = 0.0
    target_beam_arcmin: float | None = None
    relativistic: bool = False

    def __post_init__(self) -> None:
        if Y not in self.simulation.quantities:
            raise ConfigError(
                "The simulation cannot paint the SZ effect.",
                where="survey.simulation",
                expected=f"one that paints {Y}",
                got=", ".join(self.simulation.quantities),
            )
        if not 0.0 <= self.centre_error_arcmin < math.inf:
            raise ConfigError(
                "The centre cannot be off by this.",
                where="survey.centre_error_arcmin",
                expected="a finite number >= 0",
                got=f"{self.centre_error_arcmin:g}",
            )
        low, high = 0.5 * self.grid.pixel_value, float(self.grid.width.value)
        if self.target_beam_arcmin is not None and not low <= self.target_beam_arcmin <= high:
            raise ConfigError(
                "The target cannot be smoothed with this beam.",
                where="survey.target_beam",
                expected=f"{low:g} .. {high:g} arcmin: half a pixel, and the width of the stamp",
                got=f"{self.target_beam_arcmin:g} arcmin",
            )

    def settings(self) -> dict[str, object]:
        """Return everything that decides a pixel, as JSON-able values."""
        return {
            "simulation": self.simulation.settings(),
            "sky": self.sky.settings(),
            "seed": self.seed,
            "centre_error_arcmin": self.centre_error_arcmin,
            "target_beam_arcmin": self.target_beam_arcmin,
            "relativistic": self.relativistic,
        }

    @property
    def channels(self) -> tuple[MapQuantity, ...]:
        """The maps, in order: the instrument's bands, then the Compton parameter if it is asked for."""
        return (*self.sky.instrument.channels, *(() if self.target_beam_arcmin is None else (Y,)))

    @property
    def target(self) -> MapQuantity | None:
        """The channel that a network is taught beside the mass, if there is one."""
        return None if self.target_beam_arcmin is None else Y

    @property
    def grid(self) -> Grid:
        """The grid of the maps."""
        return self.sky.grid

    @property
    def beam_arcmin(self) -> float | None:
        """FWHM of the beam in the maps [arcmin]; None if it differs from map to map."""
        beams = set(self.instrument.beams_arcmin)
        return beams.pop() if len(beams) == 1 else None

    @cached_property
    def instrument(self) -> MicrowaveObserver:
        """What the bands see of a cluster, and the covariance of the rest."""
        return MicrowaveObserver(self.sky, self.target_beam_arcmin)

    def observe(self, cluster_index: int, sight_line: int) -> MapSet:
        """Return one observation; the same for the same indices, whatever was asked before."""
        offset = Key(self.seed, Stream.CENTRE_OFFSET, cluster_index, sight_line).normal(2)
        centre = tuple(float(axis) for axis in offset * self.centre_error_arcmin)
        painted = self.simulation.theory(
            cluster_index, sight_line, self.instrument.theory_grid, (centre[0], centre[1])
        )
        smooth = self.instrument.smooth(painted[Y].to_kept_unit().values)

        fields = self.sky.draw(Key(self.seed, Stream.MICROWAVE_SKY, cluster_index, sight_line))
        maps = {}
        for band, field in zip(self.sky.instrument.bands, fields, strict=True):
            signal_uk = self._uk_per_y(band, painted.cluster) * smooth[band.beam_arcmin]
            maps[band.name] = self._map(signal_uk + field, band.name, band.beam_arcmin)
        if self.target_beam_arcmin is not None:
            maps[Y] = self._map(smooth[self.target_beam_arcmin], Y, self.target_beam_arcmin)
        properties = {
            **painted.cluster.properties,
            "offset_y_arcmin": centre[0],
            "offset_x_arcmin": centre[1],
        }
        provenance = {**painted.provenance, "instrument": self.sky.instrument.config.name}
        return MapSet(replace(painted.cluster, properties=properties), maps, provenance)

    def _map(self, values: np.ndarray, quantity: MapQuantity, beam_arcmin: float) -> Map:
        return Map(values, quantity, UNIT_OF[quantity], self.grid, "observed", beam_arcmin=beam_arcmin)

    def _uk_per_y(self, band: Band, cluster: Cluster) -> float:
        """Return the change of the CMB temperature per unit of y, in one band [uK_CMB]."""
        if not self.relativistic:
            return uk_per_y(band.frequency_ghz)
        kt_kev = temperature_kev(cluster.mass(M500C).msun, cluster.redshift, cluster.cosmology)
        return 1e6 * T_CMB_K * float(relativistic_spectral_function(band.frequency_ghz, kt_kev))
