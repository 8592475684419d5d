"""Spherical clusters of a few chosen masses at one redshift: the training and test sets of Gupta & Reichardt 2020."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pydantic import Field

from zwicky.core.cluster import Cluster
from zwicky.core.config import Config
from zwicky.core.cosmology import Cosmology, check_redshift, cosmology_by_name
from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.masses import M200C, M500C, Mass, MassDefinition
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.core.randomness import Key, Stream
from zwicky.physics.gnfw import profile_by_name
from zwicky.physics.masses import convert
from zwicky.simulations.base import Simulation
from zwicky.simulations.spherical import paint_cluster

MSUN_PER_UNIT = 1e14


class FixedSpheresSettings(Config):
    """What is painted.

    Attributes
    ----------
    kind : "fixed_spheres"
        Names this simulation in an experiment file.
    m200c_1e14_msun : tuple of float [1e14 Msun]
        The masses; cluster i has the one of number i modulo their count.
    redshift : float [1]
        Of all clusters.
    cosmology : str
        A name of core.cosmology.COSMOLOGIES.
    pressure_profile : str
        A name of physics.gnfw.PROFILES.
    sigma_ln_y500 : float [1]
        Log-normal scatter of Y500 at fixed mass (median kept): the paper's 20 % "on the SZ amplitude". With Y ~ M^1.79
        it is 11 % in mass.
    sigma_ln_m500 : float [1]
        Log-normal scatter of the mass that labels the profile, at fixed true mass: 20 % here is 20 % in mass.
    """

    kind: Literal["fixed_spheres"] = "fixed_spheres"
    m200c_1e14_msun: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
    redshift: float = 0.7
    cosmology: str = "planck18"
    pressure_profile: str = "a10"
    sigma_ln_y500: float = Field(default=0.2, ge=0.0, le=1.0)
    sigma_ln_m500: float = Field(default=0.0, ge=0.0, le=1.0)


@dataclass(frozen=True)
class FixedSpheres(Simulation):
    """Spherical GNFW clusters of chosen masses.

    Parameters
    ----------
    config : FixedSpheresSettings
    seed : int
        Of the scatter.
    """

    config: FixedSpheresSettings
    seed: int

    def __post_init__(self) -> None:
        masses = self.config.m200c_1e14_msun
        if not masses or not all(0.05 <= mass <= 50.0 for mass in masses):
            raise ConfigError(
                "These masses cannot be painted.",
                where="simulation.m200c_1e14_msun",
                expected="one or more, each from 0.05 to 50 (in 1e14 Msun)",
                got=masses,
                fix="masses are in units of 1e14 Msun, not per h",
            )
        check_redshift(self.config.redshift, high=3.0, where="simulation.redshift")
        profile_by_name(self.config.pressure_profile)

    @property
    def quantities(self) -> tuple[MapQuantity, ...]:
        """Only the Compton parameter."""
        return (MapQuantity.COMPTON_Y,)

    @property
    def cosmology(self) -> Cosmology:
        """In which the clusters live."""
        return cosmology_by_name(self.config.cosmology)

    def settings(self) -> dict[str, object]:
        """Return the configuration and the seed."""
        return {**self.config.model_dump(mode="json"), "seed": self.seed}

    @cached_property
    def masses(self) -> tuple[dict[MassDefinition, Mass], ...]:
        """M200c and M500c of each chosen mass; the concentration is that of Diemer & Kravtsov 2015, as in the paper."""
        found: list[dict[MassDefinition, Mass]] = []
        for value in self.config.m200c_1e14_msun:
            m200c = Mass(value * MSUN_PER_UNIT, M200C)
            m500c = convert(m200c, M500C, self.config.redshift, self.cosmology, "diemer15")
            found.append({M200C: m200c, M500C: m500c})
        return tuple(found)

    def cluster(self, cluster_index: int, sight_line: int = 0) -> Cluster:
        """Return the cluster: its mass by its number, its scatter drawn."""
        z_y, z_m = Key(self.seed, Stream.LATENTS, cluster_index).normal(2)
        name = f"fixed-{self.seed}-{cluster_index:07d}"
        return Cluster(
            id=f"{name}-{sight_line:03d}",
            redshift=self.config.redshift,
            masses=self.masses[cluster_index % len(self.masses)],
            parent=name,
            sight_line=sight_line,
            cosmology=self.cosmology,
            properties={
                "ln_y500_scatter": float(self.config.sigma_ln_y500 * z_y),
                "ln_m500_scatter": float(self.config.sigma_ln_m500 * z_m),
            },
        )

    def theory(
        self, cluster_index: int, sight_line: int, grid: Grid, centre: tuple[float, float] = (0.0, 0.0)
    ) -> MapSet:
        """Paint the Compton parameter on a "sky" grid."""
        cluster = self.cluster(cluster_index, sight_line)
        values = paint_cluster(
            grid,
            cluster.mass(M500C).msun * math.exp(cluster.properties["ln_m500_scatter"]),
            cluster.redshift,
            self.cosmology,
            profile_by_name(self.config.pressure_profile),
            ln_y500=cluster.properties["ln_y500_scatter"],
            centre=centre,
        )
        one = Map(values, MapQuantity.COMPTON_Y, UNIT_OF[MapQuantity.COMPTON_Y], grid, "theory")
        return MapSet(cluster, {MapQuantity.COMPTON_Y: one}, {"simulation": "fixed_spheres"})
