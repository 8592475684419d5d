"""How often is each cluster seen? As often as all others, or so that every mass is seen equally often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from zwicky.core.config import Config
from zwicky.core.errors import ConfigError
from zwicky.core.masses import MassDefinition
from zwicky.simulations.base import Simulation
from zwicky.simulations.emission import EmitsXRays


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
    return rule.counts([simulation.cluster(i).mass(definition).log10_msun for i in range(n_clusters)])
