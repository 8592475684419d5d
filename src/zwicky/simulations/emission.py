"""How much gas of each temperature a line of sight crosses: all that X-ray spectra of a cluster are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from zwicky.core.cluster import Cluster
from zwicky.core.errors import MapError
from zwicky.core.grid import Grid
from zwicky.core.maps import MapSet


@dataclass(frozen=True, eq=False)
class EmissionCube:
    """The emission measure of one cluster, seen once, shared among nodes of temperature.

    Gas between two nodes counts partly at each, linearly in ln(k T): sums over nodes are integrals over all gas, of any
    emissivity that is nearly linear in ln(k T) between them.

    Parameters
    ----------
    cluster : Cluster
        The cluster, with its truth.
    kt_kev : (t,) array [keV]
        Temperatures of the nodes, increasing. Gas outside of them counts at the first or the last.
    measure : (t, y, x) float32 array [cm^-6 Mpc]
        int n_e n_H dl of the gas that counts at a node, as mean over the pixel.
    metal_measure : (t, y, x) float32 array [cm^-6 Mpc]
        The same, weighted with the metallicity where the gas is, in solar units of physics.xray.
    grid : Grid
        The pixels.

    Raises
    ------
    MapError
        If shapes differ, nodes do not increase, or a measure is negative or not a number.
    """

    cluster: Cluster
    kt_kev: np.ndarray
    measure: np.ndarray
    metal_measure: np.ndarray
    grid: Grid

    def __post_init__(self) -> None:
        where = f"cluster {self.cluster.id}"
        if not (self.kt_kev.ndim == 1 and (np.diff(self.kt_kev, prepend=0.0) > 0.0).all()):
            raise MapError(
                "The temperatures of an emission cube must increase.",
                where=where,
                expected="positive increasing numbers",
                got=str(self.kt_kev),
            )
        shape = (len(self.kt_kev), *self.grid.shape)
        for name in ("measure", "metal_measure"):
            values = getattr(self, name)
            if values.shape != shape:
                raise MapError(
                    f"The {name} does not lie on temperatures and grid.",
                    where=where,
                    expected=f"shape {shape}",
                    got=f"shape {values.shape}",
                )
            # One pass over it: infinities and numbers that are none fail, and so does what is negative.
            if not 0.0 <= values.min() <= values.max() < np.inf:
                raise MapError(
                    f"The {name} has values that cannot be.",
                    where=where,
                    expected="finite numbers, 0 or more",
                    got=f"{values.min()} to {values.max()}",
                )

    def seen(self, plasma: np.ndarray, metals: np.ndarray) -> np.ndarray:
        """Return what emissivities show: sum_t plasma_t measure_t + metals_t metal_measure_t.

        Parameters
        ----------
        plasma, metals : (..., t) arrays
            Per n_e n_H at the nodes: what hydrogen and helium emit, and what metals of solar abundance add. Any unit.

        Returns
        -------
        (..., y, x) float64 array
            In the unit of the emissivities times cm^-6 Mpc.
        """
        seen = np.zeros(np.shape(plasma)[:-1] + self.grid.shape)
        for emissivity, measure in ((plasma, self.measure), (metals, self.metal_measure)):
            # Products in single precision, which ends not far below 1e-24 erg cm^3/s: of numbers near 1.
            unit = float(np.abs(emissivity).max()) or 1.0
            weights = (np.asarray(emissivity) / unit).astype(np.float32)
            seen += np.tensordot(weights, measure, axes=1).astype(float) * unit
        return seen


@runtime_checkable
class EmitsXRays(Protocol):
    """A simulation whose clusters can be seen in any band of X-rays."""

    def settings(self) -> dict[str, object]:
        """Return everything that decides a pixel; see ``Simulation.settings``."""

    def cluster(self, cluster_index: int, sight_line: int = 0) -> Cluster:
        """Return the truth; see ``Simulation.cluster``."""

    def theory(
        self, cluster_index: int, sight_line: int, grid: Grid, centre: tuple[float, float] = (0.0, 0.0)
    ) -> MapSet:
        """Paint a cluster without any telescope; see ``Simulation.theory``."""

    def emission(
        self, cluster_index: int, sight_line: int, grid: Grid, centre: tuple[float, float] = (0.0, 0.0)
    ) -> EmissionCube:
        """Return the emission measure by temperature, of the same gas on the same pixels as ``theory``."""
