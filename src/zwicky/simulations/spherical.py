"""Spherical clusters with a GNFW pressure profile: the simplest clusters that a Compton-y map can show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from zwicky.core.cluster import Cluster
from zwicky.core.config import Config
from zwicky.core.cosmology import Cosmology, cosmology_by_name
from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.masses import M500C, Mass
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.core.randomness import Key, Stream
from zwicky.physics.gnfw import GNFW, profile_by_name, projected_shape, sphere_integral
from zwicky.physics.sz import mpc2_to_arcmin2, y500_sphere_mpc2
from zwicky.simulations.base import Simulation
from zwicky.simulations.painting import paint_radial

TRUNCATION_R500 = 5.0
"""Where the gas ends [R500]: Arnaud et al. 2010, section 6."""

_N_RADII = 240


class SphericalSettings(Config):
    """What is drawn.

    Attributes
    ----------
    kind : "spherical"
        Names this simulation in an experiment file.
    cosmology : str
        A name of core.cosmology.COSMOLOGIES.
    pressure_profile : str
        A name of physics.gnfw.PROFILES.
    log10_m500c_range : (float, float) [dex of Msun]
        Masses are flat in log10 M between these.
    redshift_edges : tuple of float
        Each interval gets the same share of clusters, and is flat in redshift.
    sigma_ln_y500 : float [1]
        Log-normal scatter of Y500 at fixed mass (median kept). 0.173 = 0.075 dex: Planck 2013 XX, section 4.
    sigma_ln_c500 : float [1]
        Log-normal scatter of the profile's concentration at fixed Y500. A choice: the published profiles of single
        clusters spread by about this much in shape inside R500 (Arnaud et al. 2010, figure 8).
    one_minus_bias : float [1]
        Hydrostatic over true mass: the profile is that of a cluster labelled (1-b) M500. With 1 the masses are
        hydrostatic, like those of the PSZ2 catalogue.
    """

    kind: Literal["spherical"] = "spherical"
    cosmology: str = "planck_sz"
    pressure_profile: str = "a10"
    log10_m500c_range: tuple[float, float] = (13.7, 15.5)
    redshift_edges: tuple[float, ...] = (0.01, 1.0)
    sigma_ln_y500: float = 0.173
    sigma_ln_c500: float = 0.2
    one_minus_bias: float = 1.0


@dataclass(frozen=True)
class SphericalClusters(Simulation):
    """Draw and paint spherical clusters.

    Parameters
    ----------
    config : SphericalSettings
        What is drawn.
    seed : int
        Another seed is another universe.
    """

    config: SphericalSettings
    seed: int

    def __post_init__(self) -> None:
        low, high = self.config.log10_m500c_range
        edges = np.array(self.config.redshift_edges)
        if not (13.0 <= low < high <= 16.0):
            raise ConfigError(
                "The mass range cannot be drawn.",
                where="simulation.log10_m500c_range",
                expected="13 <= low < high <= 16 (log10 of solar masses)",
                got=f"({low}, {high})",
                fix="masses are in Msun, not in 1e14 Msun and not per h",
            )
        if len(edges) < 2 or edges[0] <= 0.0 or edges[-1] > 3.0 or (np.diff(edges) <= 0.0).any():
            raise ConfigError(
                "The redshift intervals cannot be drawn.",
                where="simulation.redshift_edges",
                expected="at least two increasing numbers, 0 < z <= 3",
                got=str(self.config.redshift_edges),
            )
        if not (0.3 <= self.config.one_minus_bias <= 1.2):
            raise ConfigError(
                "The hydrostatic bias cannot be used.",
                where="simulation.one_minus_bias",
                expected="0.3 <= 1-b <= 1.2",
                got=str(self.config.one_minus_bias),
                fix="give 1-b (about 0.8), not b",
            )
        profile_by_name(self.config.pressure_profile)

    @property
    def quantities(self) -> tuple[MapQuantity, ...]:
        """Only the Compton parameter: these clusters have gas pressure and nothing else."""
        return (MapQuantity.COMPTON_Y,)

    @property
    def cosmology(self) -> Cosmology:
        """In which the clusters live."""
        return cosmology_by_name(self.config.cosmology)

    def settings(self) -> dict[str, object]:
        """Return the configuration and the seed."""
        return {**self.config.model_dump(mode="json"), "seed": self.seed}

    def cluster(self, cluster_index: int, sight_line: int = 0) -> Cluster:
        """Draw mass, redshift and scatters; a sphere is the same along every line of sight."""
        u_mass, u_interval, u_redshift = Key(self.seed, Stream.MASS_AND_REDSHIFT, cluster_index).uniform(3)
        low, high = self.config.log10_m500c_range
        edges = self.config.redshift_edges
        i = min(int(u_interval * (len(edges) - 1)), len(edges) - 2)
        z_y, z_c = Key(self.seed, Stream.LATENTS, cluster_index).normal(2)
        name = f"spherical-{self.seed}-{cluster_index:07d}"
        return Cluster(
            id=f"{name}-{sight_line:03d}",
            redshift=float(edges[i] + u_redshift * (edges[i + 1] - edges[i])),
            masses={M500C: Mass(float(10.0 ** (low + u_mass * (high - low))), M500C)},
            parent=name,
            sight_line=sight_line,
            cosmology=self.cosmology,
            properties={
                "ln_y500_scatter": float(self.config.sigma_ln_y500 * z_y),
                "ln_c500_scatter": float(self.config.sigma_ln_c500 * z_c),
            },
        )

    def theory(
        self, cluster_index: int, sight_line: int, grid: Grid, centre: tuple[float, float] = (0.0, 0.0)
    ) -> MapSet:
        """Paint the Compton parameter on a "sky" grid."""
        cluster = self.cluster(cluster_index, sight_line)
        values = paint_cluster(
            grid,
            cluster.mass(M500C).msun * self.config.one_minus_bias,
            cluster.redshift,
            self.cosmology,
            profile_by_name(self.config.pressure_profile),
            ln_y500=cluster.properties["ln_y500_scatter"],
            ln_c500=cluster.properties["ln_c500_scatter"],
            centre=centre,
        )
        one = Map(values, MapQuantity.COMPTON_Y, UNIT_OF[MapQuantity.COMPTON_Y], grid, "theory")
        return MapSet(cluster, {MapQuantity.COMPTON_Y: one}, {"simulation": "spherical"})


def paint_cluster(
    grid: Grid,
    label_msun: float,
    redshift: float,
    cosmology: Cosmology,
    profile: GNFW,
    *,
    ln_y500: float = 0.0,
    ln_c500: float = 0.0,
    centre: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Paint the Compton parameter of a cluster whose profile is that of a given mass.

    Parameters
    ----------
    grid : Grid
        Of kind "sky".
    label_msun : float [Msun]
        M500c that labels the profile.
    redshift : float [1]
    cosmology : Cosmology
    profile : GNFW
    ln_y500, ln_c500 : float [1]
        Departures of Y500 and of the concentration from those of the profile, as natural logarithms.
    centre : (y, x) [arcmin]
        Offset from the grid's centre.

    Returns
    -------
    (y, x) array [1]
        Compton parameter, as means over pixels.
    """
    y500_mpc2 = y500_sphere_mpc2(label_msun, redshift, cosmology, profile)
    return paint_compton_y(
        grid,
        float(mpc2_to_arcmin2(y500_mpc2, redshift, cosmology) * np.exp(ln_y500)),
        M500C.radius_mpc(label_msun, redshift, cosmology) * cosmology.arcmin_per_mpc(redshift),
        profile,
        c500=float(profile.c500 * np.exp(ln_c500)),
        centre=centre,
    )


def paint_compton_y(
    grid: Grid,
    y500_arcmin2: float,
    theta500_arcmin: float,
    profile: GNFW,
    *,
    c500: float | None = None,
    centre: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Paint the Compton parameter of a spherical GNFW cluster as means over pixels.

    y(theta) = Y500 * 3 p_2D(theta / theta500) / (4 pi I(1) theta500^2), with p_2D the line-of-sight integral of the
    profile in units of R500 and I(1) its sphere integral (Arnaud et al. 2010, section 6): the projection of a pressure
    whose integral over the sphere of radius R500 is Y500.

    Parameters
    ----------
    grid : Grid
        Of kind "sky".
    y500_arcmin2 : float [arcmin^2]
        Integral of y over the sphere of radius R500, over the angular diameter distance squared.
    theta500_arcmin : float [arcmin]
        Angle of R500.
    profile : GNFW
        Shape of the pressure.
    c500 : float, optional [1]
        Concentration instead of the profile's own; Y500 stays what it is.
    centre : (y, x) [arcmin]
        Offset from the grid's centre.

    Returns
    -------
    (y, x) array [1]
        Compton parameter.
    """
    inner = min(0.01 * grid.pixel_value / theta500_arcmin, 0.01)
    # Radii dense where the profile bends: from a hundredth of a pixel to the edge of the gas.
    x = np.concatenate([np.geomspace(inner, 4.0, _N_RADII - 40), np.linspace(4.0, TRUNCATION_R500, 41)[1:]])
    projected = projected_shape(x, profile, c500=c500, x_max=TRUNCATION_R500)
    norm = 3.0 / (4.0 * math.pi * sphere_integral(1.0, profile, c500=c500) * theta500_arcmin**2)
    # The fourth root of y is nearly straight in log x, so that linear interpolation holds to 1e-3.
    root, log_x = (y500_arcmin2 * norm * projected) ** 0.25, np.log(x)

    def y_at(radius_arcmin: np.ndarray) -> np.ndarray:
        log_radius = np.log(np.maximum(radius_arcmin / theta500_arcmin, inner))
        return np.interp(log_radius, log_x, root, right=0.0) ** 4

    return paint_radial(y_at, grid, centre)
