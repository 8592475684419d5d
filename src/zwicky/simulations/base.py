"""The contract of every source of clusters."""

from __future__ import annotations

from abc import ABC, abstractmethod

from zwicky.core.cluster import Cluster
from zwicky.core.grid import Grid
from zwicky.core.maps import MapSet
from zwicky.core.quantities import MapQuantity


class Simulation(ABC):
    """A universe of clusters, each a pure function of its index.

    Implementations are frozen and picklable: workers rebuild nothing.
    """

    @property
    @abstractmethod
    def quantities(self) -> tuple[MapQuantity, ...]:
        """What ``theory`` can paint."""

    @abstractmethod
    def settings(self) -> dict[str, object]:
        """Return everything that decides a pixel, as JSON-able values."""

    @abstractmethod
    def cluster(self, cluster_index: int, sight_line: int = 0) -> Cluster:
        """Return the truth: redshift, masses, parent and properties."""

    @abstractmethod
    def theory(
        self, cluster_index: int, sight_line: int, grid: Grid, centre: tuple[float, float] = (0.0, 0.0)
    ) -> MapSet:
        """Paint a cluster without any telescope.

        Parameters
        ----------
        cluster_index, sight_line : int
            Which cluster, seen from where.
        grid : Grid
            The pixels; each holds the mean over its area.
        centre : (y, x)
            Where the cluster's centre falls, as an offset from the grid's centre in the unit of its pixel.
        """
