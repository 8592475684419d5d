"""A mock survey: a simulation seen by an instrument."""

from __future__ import annotations

from dataclasses import dataclass, replace

from zwicky.core.grid import Grid
from zwicky.core.maps import MapSet
from zwicky.core.quantities import MapQuantity
from zwicky.core.randomness import Key, Stream
from zwicky.instruments.instrument import Instrument
from zwicky.simulations.base import Simulation


@dataclass(frozen=True)
class MockSurvey:
    """Observed maps as a pure function of (cluster, sight-line).

    Parameters
    ----------
    simulation : Simulation
        Where the clusters come from.
    instrument : Instrument
        What looks at them.
    seed : int
        Of noise and pointing.
    centre_error_arcmin : float [arcmin]
        Standard deviation, on each axis, of the position that the observer takes for the cluster's centre.
    """

    simulation: Simulation
    instrument: Instrument
    seed: int
    centre_error_arcmin: float = 0.0

    def settings(self) -> dict[str, object]:
        """Return everything that decides a pixel, as JSON-able values."""
        return {
            "simulation": self.simulation.settings(),
            "instrument": self.instrument.settings(),
            "seed": self.seed,
            "centre_error_arcmin": self.centre_error_arcmin,
        }

    @property
    def channels(self) -> tuple[MapQuantity, ...]:
        """The quantities of the observed maps, in order."""
        return (self.instrument.config.quantity,)

    @property
    def target(self) -> None:
        """No channel is what the others are to be turned into."""

    @property
    def grid(self) -> Grid:
        """The grid of the observed maps."""
        return self.instrument.grid

    @property
    def beam_arcmin(self) -> float:
        """FWHM of the beam in the observed maps [arcmin]."""
        return self.instrument.beam_arcmin

    def observe(self, cluster_index: int, sight_line: int) -> MapSet:
        """Return one observation; the same for the same indices, whatever was asked before."""
        offset = (
            Key(self.seed, Stream.CENTRE_OFFSET, cluster_index, sight_line).normal(2)
            * self.centre_error_arcmin
        )
        centre = (float(offset[0]), float(offset[1]))
        theory = self.simulation.theory(cluster_index, sight_line, self.instrument.theory_grid, centre)
        observed = self.instrument.observe(
            theory, Key(self.seed, Stream.INSTRUMENT_NOISE, cluster_index, sight_line)
        )
        properties = {
            **observed.cluster.properties,
            "offset_y_arcmin": centre[0],
            "offset_x_arcmin": centre[1],
        }
        return replace(observed, cluster=replace(observed.cluster, properties=properties))
