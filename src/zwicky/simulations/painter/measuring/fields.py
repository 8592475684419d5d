"""Gas, dark matter and stars of an anatomy at any point of space: slow, plain, in double precision.

Written from the docstrings of ``anatomy`` alone, without random fluctuations: the painter's fast kernel is tested
against it, and the properties of a cluster are integrals over it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import ndtr

from zwicky.core.errors import ConfigError
from zwicky.physics.plasma import ELECTRONS_CM3_PER_MSUN_MPC3
from zwicky.simulations.painter.anatomy import (
    CAVITY_FILL,
    MERGER_EDGE,
    SHOCK_COMPRESSION,
    Anatomy,
    CoreDetail,
    DarkClumps,
    Filaments,
    MergingHalo,
    clump_shape,
    merging_shape,
)

Component = Literal["dark", "gas", "stars", "total"]

_TINY: Final = 1e-300  # keeps the logarithm of an empty table finite


@dataclass(frozen=True, eq=False)
class GasState:
    """The gas at n points, without fluctuations.

    Parameters
    ----------
    electron_density_cm3 : (n,) array [cm^-3]
        Without the mean of the universe.
    temperature_kev : (n,) array [keV]
        Mass-weighted over the parts that overlap there.
    ln_density_rms : (n,) array [1]
        Standard deviation of ln n from turbulence.
    ln_environment_rms : (n,) array [1]
        Standard deviation of ln n from large-scale structure.
    """

    electron_density_cm3: np.ndarray
    temperature_kev: np.ndarray
    ln_density_rms: np.ndarray
    ln_environment_rms: np.ndarray

    @property
    def electron_pressure_kev_cm3(self) -> np.ndarray:
        """P_e = n_e k T."""
        return self.electron_density_cm3 * self.temperature_kev

    @property
    def density_msun_mpc3(self) -> np.ndarray:
        """Of the mass of the gas."""
        return self.electron_density_cm3 / ELECTRONS_CM3_PER_MSUN_MPC3


def gas_at(anatomy: Anatomy, position_mpc: np.ndarray) -> GasState:
    """Return the gas at points of the cluster's own frame.

    Host; sloshing, which changes its density at constant pressure; clumps and filaments, which add n and n T; the
    shock, which raises both; cavities, which empty both.

    Parameters
    ----------
    anatomy : Anatomy
        The cluster.
    position_mpc : (n, 3) array [Mpc, proper]
        Points.
    """
    host, core = anatomy.host, anatomy.core
    ln_q = np.log(_elliptical_radius(position_mpc, host.gas_axes))
    density = _log_table(ln_q, host.radius_mpc, host.gas_density)
    pressure = density * _log_table(ln_q, host.radius_mpc, host.temperature_kev)
    density *= _sloshing(position_mpc, np.exp(ln_q), core)
    clumps = anatomy.gas_clumps
    for centre, n, a, t, kev in zip(
        clumps.position_mpc,
        clumps.density,
        clumps.core_mpc,
        clumps.truncation_mpc,
        clumps.temperature_kev,
        strict=True,
    ):
        near, r2 = _near(position_mpc, centre, 4.0 * t)
        added = n * clump_shape(r2 / t**2, (t / a) ** 2)
        density[near] += added
        pressure[near] += added * kev / (1.0 + 0.5 * r2 / t**2)
    filaments = anatomy.filaments
    for shape, n, kev in zip(
        _filament_shapes(filaments, position_mpc),
        filaments.gas_density,
        filaments.temperature_kev,
        strict=True,
    ):
        density += n * shape
        pressure += n * kev * shape
    heat = _shock(position_mpc, core)
    compression = 1.0 + SHOCK_COMPRESSION * heat
    left = compression * _cavities(position_mpc, core)
    return GasState(
        density * left * ELECTRONS_CM3_PER_MSUN_MPC3,
        pressure / np.maximum(density, _TINY) * (1.0 + heat),
        _table(ln_q, host.radius_mpc, host.ln_density_rms),
        _table(ln_q, host.radius_mpc, host.ln_environment_rms),
    )


def dark_density_at(anatomy: Anatomy, position_mpc: np.ndarray) -> np.ndarray:
    """Return the density of dark matter above the mean [Msun Mpc^-3].

    Parameters
    ----------
    anatomy : Anatomy
        The cluster.
    position_mpc : (n, 3) array [Mpc, proper]
        Points in the cluster's own frame.
    """
    clumps, halo = anatomy.dark_clumps, anatomy.merging_halo
    density = _smooth_dark_density(anatomy, position_mpc)
    for i in range(len(clumps.mass_msun)):
        near, r2 = _near(position_mpc, clumps.position_mpc[i], clumps.edge_mpc[i])
        density[near] += _dpie_density(clumps, i, r2)
    if halo is not None:
        near, r2 = _near(position_mpc, halo.position_mpc, MERGER_EDGE * halo.radius_mpc)
        x = np.maximum(np.sqrt(r2) / halo.radius_mpc, 1e-6)
        density[near] += (
            halo.mass_msun / halo.radius_mpc**3 * merging_shape(x, halo.concentration) / _halo_norm(halo)
        )
    return density


def star_density_at(anatomy: Anatomy, position_mpc: np.ndarray) -> np.ndarray:
    """Return the density of all stars [Msun Mpc^-3]; parameters as of ``gas_at``."""
    density = host_star_density_at(anatomy, position_mpc)
    galaxies = anatomy.galaxies
    for centre, mass, width in zip(
        galaxies.position_mpc, galaxies.mass_msun, galaxies.width_mpc, strict=True
    ):
        near, r2 = _near(position_mpc, centre, 12.0 * width)
        density[near] += mass * np.exp(-0.5 * r2 / width**2) / (2.0 * np.pi * width**2) ** 1.5
    return density


def host_star_density_at(anatomy: Anatomy, position_mpc: np.ndarray) -> np.ndarray:
    """Return the density of central galaxy and intracluster light [Msun Mpc^-3]; parameters as of ``gas_at``."""
    host = anatomy.host
    ln_q = np.log(_elliptical_radius(position_mpc, host.star_axes))
    return _log_table(ln_q, host.radius_mpc, host.star_density)


def mean_density_msun_mpc3(anatomy: Anatomy) -> dict[str, float]:
    """Return the mean of the universe at the cluster's redshift, by component; no stars."""
    matter = anatomy.cosmology.mean_density_msun_mpc3(anatomy.redshift)
    return {
        "dark": (1.0 - anatomy.baryon_fraction) * matter,
        "gas": anatomy.baryon_fraction * matter,
        "stars": 0.0,
    }


def mass_inside(anatomy: Anatomy, radius_mpc: float, component: Component) -> float:
    """Return the mass inside a sphere round the host's centre, the mean of the universe included [Msun].

    By quadrature over 1500 directions and 120 radii; dark clumps, merging halo and galaxies by the share of each of
    their shells, so that none falls between two points.

    Parameters
    ----------
    anatomy : Anatomy
        The cluster.
    radius_mpc : float [Mpc, proper]
        Of the sphere.
    component : {"dark", "gas", "stars", "total"}
        What to weigh.

    Raises
    ------
    ConfigError
        If there is no such component.
    """
    if component == "total":
        return sum(mass_inside(anatomy, radius_mpc, part) for part in ("dark", "gas", "stars"))
    if component not in ("dark", "gas", "stars"):
        raise ConfigError(
            "A cluster has no such component.", expected="dark, gas, stars, total", got=repr(component)
        )
    position, volume = shell_points(1e-4 * radius_mpc, radius_mpc, n_radii=120, n_directions=1500)
    if component == "dark":
        mass = volume @ _smooth_dark_density(anatomy, position) + _dark_bodies_inside(anatomy, radius_mpc)
    elif component == "gas":
        mass = volume @ gas_at(anatomy, position).density_msun_mpc3
    else:
        mass = volume @ host_star_density_at(anatomy, position) + galaxies_inside(anatomy, radius_mpc)
    return float(mass + mean_density_msun_mpc3(anatomy)[component] * 4.0 / 3.0 * np.pi * radius_mpc**3)


def galaxies_inside(anatomy: Anatomy, radius_mpc: float) -> float:
    """Return the stellar mass of the satellites inside a sphere [Msun]: each counts by the share of its Gaussian.

    The sphere's surface is taken as flat over the width of a galaxy, 20 kpc.

    Parameters
    ----------
    anatomy : Anatomy
        The cluster.
    radius_mpc : float [Mpc, proper]
        Of the sphere round the host's centre.
    """
    galaxies = anatomy.galaxies
    distance = np.linalg.norm(galaxies.position_mpc, axis=1)
    return float(galaxies.mass_msun @ ndtr((radius_mpc - distance) / galaxies.width_mpc))


def directions(n: int) -> np.ndarray:
    """Return n unit vectors spread evenly over the sphere, (n, 3): the Fibonacci lattice."""
    i = np.arange(n) + 0.5
    z, azimuth = 1.0 - 2.0 * i / n, np.pi * (1.0 + math.sqrt(5.0)) * i
    across = np.sqrt(1.0 - z * z)
    return np.stack([across * np.cos(azimuth), across * np.sin(azimuth), z], axis=1)


def shell_points(
    inner_mpc: float, outer_mpc: float, *, n_radii: int, n_directions: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return points and volumes that integrate over the shell between two radii.

    Gauss-Legendre in ln r, Fibonacci over directions; the ball inside the inner radius is left out.

    Parameters
    ----------
    inner_mpc, outer_mpc : float [Mpc, proper]
        The radii.
    n_radii, n_directions : int
        Number of each.

    Returns
    -------
    position_mpc : (n, 3) array [Mpc, proper]
        Points.
    volume_mpc3 : (n,) array [Mpc^3]
        Their shares of the shell.
    """
    node, weight = gauss_nodes(n_radii)
    half = 0.5 * math.log(outer_mpc / inner_mpc)
    radius = inner_mpc * np.exp(half * (node + 1.0))
    volume = 4.0 * np.pi * radius**3 * half * weight / n_directions
    unit = directions(n_directions)
    return (radius[:, None, None] * unit).reshape(-1, 3), np.repeat(volume, n_directions)


@lru_cache(maxsize=32)
def gauss_nodes(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of Gauss-Legendre quadrature on (-1, 1), each (n,); they must not be changed."""
    return leggauss(n)


def _elliptical_radius(position_mpc: np.ndarray, axes: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(((position_mpc / axes) ** 2).sum(axis=1), _TINY))


def _log_table(ln_q: np.ndarray, radius_mpc: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate a positive table, linearly in the logarithms; constant beyond its ends."""
    return np.exp(np.interp(ln_q, np.log(radius_mpc), np.log(np.maximum(values, _TINY))))


def _table(ln_q: np.ndarray, radius_mpc: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.interp(ln_q, np.log(radius_mpc), values)


def _near(position_mpc: np.ndarray, centre: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the points within reach of a centre, and their squared distances."""
    r2 = ((position_mpc - centre) ** 2).sum(axis=1)
    near = np.nonzero(r2 < reach**2)[0]
    return near, r2[near]


def _sloshing(position_mpc: np.ndarray, q: np.ndarray, core: CoreDetail) -> np.ndarray | float:
    if core.slosh_amplitude == 0.0:
        return 1.0
    x = q / core.slosh_mpc
    turn = np.arctan2(position_mpc[:, 1], position_mpc[:, 0]) - core.slosh_phase_rad + 3.0 * np.log(x + 0.02)
    return np.exp(core.slosh_amplitude * np.exp(-(x**2)) * np.cos(turn))


def _shock(position_mpc: np.ndarray, core: CoreDetail) -> np.ndarray | float:
    if core.shock_strength == 0.0:
        return 0.0
    r2 = ((position_mpc - core.shock_position_mpc) ** 2).sum(axis=1)
    return core.shock_strength * np.exp(-0.5 * r2 / core.shock_radius_mpc**2)


def _cavities(position_mpc: np.ndarray, core: CoreDetail) -> np.ndarray:
    left = np.ones(len(position_mpc))
    for centre, radius in zip(core.cavity_position_mpc, core.cavity_radius_mpc, strict=True):
        left[_near(position_mpc, centre, radius)[0]] *= CAVITY_FILL
    return left


def _filament_shapes(filaments: Filaments, position_mpc: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the density of each filament over that on its axis."""
    r2 = (position_mpc**2).sum(axis=1)
    for unit, radius, length, hole in zip(
        filaments.direction, filaments.radius_mpc, filaments.length_mpc, filaments.hole_mpc, strict=True
    ):
        along = position_mpc @ unit
        v = np.maximum(r2 - along**2, 0.0) / radius**2
        shape = r2 / (r2 + hole**2) / ((1.0 + v + v**2) * (1.0 + (along / length) ** 2))
        yield np.where(along > 0.0, shape, 0.0)


def _smooth_dark_density(anatomy: Anatomy, position_mpc: np.ndarray) -> np.ndarray:
    """Host and filaments: what a quadrature over directions sees well."""
    host = anatomy.host
    ln_q = np.log(_elliptical_radius(position_mpc, host.dark_axes))
    density = _log_table(ln_q, host.radius_mpc, host.dark_density)
    shapes = _filament_shapes(anatomy.filaments, position_mpc)
    for shape, on_axis in zip(shapes, anatomy.filaments.dark_density, strict=True):
        density += on_axis * shape
    return density


def _dpie_density(clumps: DarkClumps, i: int, r2: np.ndarray) -> np.ndarray:
    a, s, edge = clumps.core_mpc[i], clumps.truncation_mpc[i], clumps.edge_mpc[i]
    # integral of r^2 / ((a^2 + r^2)(s^2 + r^2)) from 0 to the edge
    integral = (s * math.atan(edge / s) - a * math.atan(edge / a)) / (s**2 - a**2)
    return clumps.mass_msun[i] / (4.0 * np.pi * integral) / ((a**2 + r2) * (s**2 + r2))


def _halo_norm(halo: MergingHalo) -> float:
    """Integral of 4 pi x^2 shape dx out to the edge, in virial radii."""
    node, weight = gauss_nodes(96)
    half = 0.5 * math.log(MERGER_EDGE / 1e-6)
    x = 1e-6 * np.exp(half * (node + 1.0))
    return float((4.0 * np.pi * x**3 * merging_shape(x, halo.concentration)) @ weight * half)


def _dark_bodies_inside(anatomy: Anatomy, radius_mpc: float) -> float:
    """Return the dark mass of clumps and merging halo inside a sphere round the origin."""
    clumps, halo = anatomy.dark_clumps, anatomy.merging_halo
    mass = 0.0
    for i in range(len(clumps.mass_msun)):
        r, volume = _radial_shells(1e-3 * clumps.core_mpc[i], clumps.edge_mpc[i])
        shells = volume * _dpie_density(clumps, i, r**2)
        mass += shells @ _share_inside(r, float(np.linalg.norm(clumps.position_mpc[i])), radius_mpc)
    if halo is not None:
        x, volume = _radial_shells(1e-6, MERGER_EDGE)
        shells = halo.mass_msun * volume * merging_shape(x, halo.concentration) / _halo_norm(halo)
        distance = float(np.linalg.norm(halo.position_mpc))
        mass += shells @ _share_inside(x * halo.radius_mpc, distance, radius_mpc)
    return float(mass)


def _radial_shells(inner: float, outer: float) -> tuple[np.ndarray, np.ndarray]:
    """Return radii, and volumes of shells evenly spaced in ln r: the midpoint rule, because shares have kinks."""
    step = math.log(outer / inner) / 400
    r = inner * np.exp((np.arange(400) + 0.5) * step)
    return r, 4.0 * np.pi * r**3 * step


def _share_inside(r: np.ndarray, distance: float, radius: float) -> np.ndarray:
    """Return the share of thin shells of radius r, centred at a distance, that lies inside a sphere round the origin.

    The share of a shell is that of its solid angle, [R^2 - (d - r)^2] / 4 d r: exact (Archimedes' hat box).
    """
    d = max(distance, 1e-9)
    return np.clip((radius**2 - (d - r) ** 2) / (4.0 * d * r), 0.0, 1.0)
