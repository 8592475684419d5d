"""How often is each cluster seen? As often as all others, or so that every mass is seen equally often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from pydantic import Field

from zwicky.core.cluster import Cluster
from zwicky.core.config import Config
from zwicky.core.errors import ConfigError
from zwicky.core.masses import M200C, Mass, MassDefinition
from zwicky.physics.masses import convert
from zwicky.simulations.base import Simulation
from zwicky.simulations.emission import EmitsXRays

N_NODES: Final = 24
"""Masses at which a definition is converted; between them the error is below 1e-4 dex."""


class FlatInMass(Config):
    """As many samples in each interval of log mass: rare masses are seen from many sides, frequent ones are thinned.

    Hsu et al. 2024 make 34,714 samples of 6,233 clusters in this way, about 3,000 in each 0.1 dex. The intervals
    begin at whole multiples of their width.

    Attributes
    ----------
    samples_per_bin : int
        Samples in each interval that has clusters enough.
    max_per_cluster : int
        Most sight-lines of one cluster; an interval with fewer clusters stays below ``samples_per_bin``.
    bin_dex : float [dex]
        Width of an interval.
    mass : str
        Definition of the mass that counts.
    """

    samples_per_bin: int = Field(gt=0)
    max_per_cluster: int = Field(gt=0)
    bin_dex: float = Field(0.1, gt=0.0, allow_inf_nan=False)
    mass: str = "M200c"

    def counts(self, log10_mass: Sequence[float] | np.ndarray) -> tuple[int, ...]:
        """Return the number of sight-lines of each cluster, a pure function of the masses.

        Within an interval the numbers differ by one at most; what cannot be divided goes to the first clusters.

        Parameters
        ----------
        log10_mass : (cluster,) floats [dex of Msun]

        Raises
        ------
        ConfigError
            If a mass is not a finite number.
        """
        masses = np.asarray(log10_mass, float)
        if not np.isfinite(masses).all():
            raise ConfigError(
                "Sight-lines cannot be shared out without masses.",
                where="sight_lines",
                expected=f"a finite log10 {self.mass} of every cluster",
                got=f"{int((~np.isfinite(masses)).sum())} of {masses.size} are not",
            )
        counts = np.zeros(masses.size, np.int64)
        # A mass on an edge, such as 14.2 / 0.1 = 141.99999999999997, belongs to the interval above it.
        bins = np.floor(masses / self.bin_dex + 1e-9)
        for one in np.unique(bins):
            rows = np.flatnonzero(bins == one)
            total = min(self.samples_per_bin, rows.size * self.max_per_cluster)
            counts[rows] = total // rows.size
            counts[rows[: total % rows.size]] += 1
        return tuple(counts.tolist())


def sight_lines_of(
    rule: int | FlatInMass, simulation: Simulation | EmitsXRays, n_clusters: int
) -> int | tuple[int, ...]:
    """Return the sight-lines of a simulation's first clusters, for ``StorePlan``.

    Parameters
    ----------
    rule : int or FlatInMass
        The same number for all (29 in de Andres et al. 2024), or a rule.
    simulation : Simulation or EmitsXRays
        Draws the masses.
    n_clusters : int
    """
    if isinstance(rule, int):
        return rule
    definition = MassDefinition.parse(rule.mass)
    return rule.counts(log10_masses([simulation.cluster(i) for i in range(n_clusters)], definition))


def log10_masses(clusters: Sequence[Cluster], definition: MassDefinition) -> np.ndarray:
    """Return the masses of clusters in one definition, (cluster,) [dex of Msun].

    One that a simulation does not measure, such as M200m, follows from M200c by the median concentration
    (``zwicky.physics.masses.convert``): good enough to share out sight-lines, no label to learn from.

    Parameters
    ----------
    clusters : sequence of Cluster
    definition : MassDefinition
    """
    if all(definition in cluster.masses for cluster in clusters):
        return np.array([cluster.mass(definition).log10_msun for cluster in clusters])
    known = np.array([cluster.mass(M200C).log10_msun for cluster in clusters])
    redshifts = sorted({cluster.redshift for cluster in clusters})
    cosmology = clusters[0].cosmology

    def converted(log10_m200c: float, redshift: float) -> float:
        return convert(Mass(10.0**log10_m200c, M200C), definition, redshift, cosmology).log10_msun

    if len(redshifts) > 1:
        pairs = zip(known, clusters, strict=True)
        return np.array([converted(float(mass), cluster.redshift) for mass, cluster in pairs])
    # At one redshift a smooth curve: a few points of it are enough, because each takes milliseconds.
    nodes = np.linspace(known.min() - 1e-6, known.max() + 1e-6, N_NODES)
    return np.interp(known, nodes, [converted(float(node), redshifts[0]) for node in nodes])
