"""The factor that carries masses from the training clusters' Y-M relation to that of other clusters.

A network learns the relation of the clusters that it was taught. Where others have another Y at the same mass, it
answers with the mass at which the training clusters have that Y, and the estimate is multiplied by

    r(M) = M / M_train(Y(M)),

with Y(M) the mean relation of the other clusters and M_train the inverse of the training clusters' own
(Gupta & Reichardt 2020, equations 2 and 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.core.cosmology import cosmology_by_name
from zwicky.core.errors import ConfigError
from zwicky.core.masses import M200C, M500C, Mass
from zwicky.physics.gnfw import profile_by_name
from zwicky.physics.masses import convert
from zwicky.physics.sz import y500_sphere_mpc2
from zwicky.simulations.base import Simulation
from zwicky.simulations.fixed_spheres import FixedSpheresSettings
from zwicky.simulations.painter.measuring.properties import measure
from zwicky.simulations.painter.painter import Painter

LOG10_PIVOT: Final = 14.6
"""Of the fitted relation [dex of Msun]: the middle of the paper's 2 to 7e14 Msun."""


@dataclass(frozen=True)
class Rescaling:
    """Two relations of ln Y500 and log10 M200c at one redshift.

    Parameters
    ----------
    offset, slope : float [1]
        ln(Y500 / Mpc^2) of the other clusters is offset + slope (log10 M200c - 14.6).
    scatter : float [1]
        Of ln Y500 about it.
    log10_m200c, ln_y500 : tuple of float
        The training clusters' relation as a table.
    """

    offset: float
    slope: float
    scatter: float
    log10_m200c: tuple[float, ...]
    ln_y500: tuple[float, ...]

    @classmethod
    def measured(cls, simulation: Simulation, n_clusters: int, spheres: FixedSpheresSettings) -> Rescaling:
        """Measure Y500 of painted clusters in three dimensions, and fit their relation.

        Parameters
        ----------
        simulation : Painter
        n_clusters : int
            At least 3.
        spheres : FixedSpheresSettings
            The training clusters.

        Raises
        ------
        ConfigError
            If the clusters are not painted ones, or too few.
        """
        if not isinstance(simulation, Painter) or n_clusters < 3:
            raise ConfigError(
                "The Y-M relation is measured on painted clusters.",
                where="published.painter",
                expected="the painter, and at least 3 clusters",
                got=f"{type(simulation).__name__}, {n_clusters}",
            )
        masses, y = [], []
        for i in range(n_clusters):
            found = measure(simulation.anatomy(i))
            masses.append(math.log10(simulation.cluster(i).mass(M200C).msun))
            y.append(math.log(found.y500_mpc2))
        slope, offset = np.polyfit(np.array(masses) - LOG10_PIVOT, y, 1)
        left = np.array(y) - offset - slope * (np.array(masses) - LOG10_PIVOT)
        table = relation_of(spheres)
        return cls(float(offset), float(slope), float(left.std(ddof=2)), *table)

    def factor(self, m200c_msun: np.ndarray) -> np.ndarray:
        """Return r of clusters of these true masses, (n,) [1]."""
        log10_mass = np.log10(m200c_msun)
        ln_y = self.offset + self.slope * (log10_mass - LOG10_PIVOT)
        return np.asarray(10.0 ** (log10_mass - np.interp(ln_y, self.ln_y500, self.log10_m200c)))


def relation_of(spheres: FixedSpheresSettings) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return log10 M200c [dex of Msun] and ln(Y500 / Mpc^2) of the training clusters, as a table."""
    cosmology, profile = cosmology_by_name(spheres.cosmology), profile_by_name(spheres.pressure_profile)
    log10_m200c = np.linspace(13.2, 15.6, 25)
    ln_y = []
    for value in log10_m200c:
        m500c = convert(Mass(10.0**value, M200C), M500C, spheres.redshift, cosmology, "diemer15")
        ln_y.append(math.log(y500_sphere_mpc2(m500c.msun, spheres.redshift, cosmology, profile)))
    return tuple(float(v) for v in log10_m200c), tuple(ln_y)
