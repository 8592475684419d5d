"""What lies around a cluster: neighbouring haloes and the filaments along which they come. Nominal sizes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import ndtri

from zwicky.core.randomness import Key, Stream
from zwicky.simulations.painter.anatomy import DarkClumps, Filaments, Galaxies
from zwicky.simulations.painter.drawing.gas import ClumpGas, virial_kev
from zwicky.simulations.painter.drawing.population import Traits
from zwicky.simulations.painter.drawing.radial import LN_X, X
from zwicky.simulations.painter.drawing.stars import NEIGHBOUR_MPC, stellar_mass_msun
from zwicky.simulations.painter.drawing.structure import LOG10_NEIGHBOUR_MASS
from zwicky.simulations.painter.drawing.substructure import (
    isotropic,
    no_dark_clumps,
    no_galaxies,
    no_gas,
    poisson,
)
from zwicky.simulations.painter.settings import PainterPhysics

SMALLEST_LOG10_MASS: Final = 12.5
"""Of neighbours [dex of Msun]; the lighter ones are part of the mean and of the filaments."""

GAS_MIN_MSUN: Final = 6e12
"""Lighter neighbours have no hot gas."""

NEAREST: Final = 1.3
"""Of neighbours [R200]: nearer ones are subhaloes or mergers."""

REACH: Final = 0.87
"""Farthest neighbours [depth of the column]: half the space diagonal of a cube."""

_COLUMNS: Final = 12
_FILAMENT_ROWS: Final = 4
_COARSE: Final = slice(None, None, 8)


@dataclass(frozen=True, eq=False)
class Environment:
    """The surroundings.

    Parameters
    ----------
    dark : DarkClumps
        Of the neighbours.
    gas : ClumpGas
        Of the heavy ones.
    galaxies : Galaxies
        One each.
    filaments : Filaments
        Out of the cluster.
    """

    dark: DarkClumps
    gas: ClumpGas
    galaxies: Galaxies
    filaments: Filaments


def draw_environment(
    physics: PainterPhysics, traits: Traits, depth_mpc: float, seed: int, cluster_index: int
) -> Environment:
    """Draw neighbours and filaments.

    Parameters
    ----------
    physics, traits
        Of the cluster.
    depth_mpc : float [Mpc, proper]
        Of the column that is painted.
    seed, cluster_index : int
        Whose random numbers.
    """
    if not physics.with_environment:
        none = np.zeros(0)
        filaments = Filaments(np.zeros((0, 3)), none, none, none, none, none, none)
        return Environment(no_dark_clumps(), no_gas(), no_galaxies(), filaments)
    key = Key(seed, Stream.ENVIRONMENT, cluster_index)
    log10_mass, by_mass, radius_mpc, by_radius = _expected(traits, depth_mpc)
    first = key.uniform(1 + _FILAMENT_ROWS, _COLUMNS)
    n = min(poisson(float(first[0, 0]), float(by_mass[-1] * by_radius[-1])), physics.neighbours_max)
    filaments = _filaments(physics, traits, first)
    u = key.uniform(1 + _FILAMENT_ROWS + n, _COLUMNS)[1 + _FILAMENT_ROWS :]
    mass_msun = 10.0 ** np.interp(u[:, 0] * by_mass[-1], by_mass, log10_mass)
    distance_mpc = np.interp(u[:, 1] * by_radius[-1], by_radius, radius_mpc)
    # 60 per cent come along the filaments, spread by 0.22 rad (a choice).
    along = filaments.direction[(u[:, 2] * len(filaments.direction)).astype(int)]
    along = along + 0.22 * ndtri(u[:, 3:6])
    along /= np.linalg.norm(along, axis=1)[:, None]
    direction = np.where(u[:, 6:7] < 0.6, along, isotropic(u[:, 7], u[:, 8]))
    normal = physics.scatter * ndtri(u[:, 9:11])
    dark, gas, galaxies = _neighbours(traits, direction * distance_mpc[:, None], mass_msun, normal)
    return Environment(dark, gas, galaxies, filaments)


def _expected(traits: Traits, depth_mpc: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return log10 masses with the abundance below, and radii with the effective volume inside [Mpc].

    n(M, r) = dn/dM (1 + b1 b2 xi(r)) with xi of linear theory, and at most 61 (a choice) where that breaks down.
    """
    structure, log10_m200c = traits.structure, np.log10(traits.m200c_msun)
    largest = min(log10_m200c + np.log10(0.8), LOG10_NEIGHBOUR_MASS[-1])
    log10_mass = np.linspace(SMALLEST_LOG10_MASS, largest, 32)
    abundance = np.exp(np.interp(log10_mass, LOG10_NEIGHBOUR_MASS, structure.ln_abundance))
    by_mass = _cumulative(log10_mass * np.log(10.0), abundance)
    mean_bias = np.average(structure.bias_at(log10_mass), weights=abundance)
    inner_mpc = NEAREST * traits.r200c_mpc
    radius_mpc = np.geomspace(inner_mpc, max(REACH * depth_mpc, 1.001 * inner_mpc), 40)
    excess = structure.bias_at(log10_m200c) * mean_bias * structure.correlation_at(radius_mpc)
    by_radius = _cumulative(radius_mpc, 4.0 * np.pi * radius_mpc**2 * (1.0 + np.minimum(excess, 60.0)))
    return log10_mass, by_mass, radius_mpc, by_radius


def _cumulative(x: np.ndarray, density: np.ndarray) -> np.ndarray:
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(x)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _neighbours(
    traits: Traits, position_mpc: np.ndarray, mass_msun: np.ndarray, normal: np.ndarray
) -> tuple[DarkClumps, ClumpGas, Galaxies]:
    """Return dark matter, gas and galaxies of neighbours; profiles and gas fractions are choices."""
    density = traits.critical_density_msun_mpc3
    radius_mpc = np.cbrt(3.0 * mass_msun / (4.0 * np.pi * 200.0 * density))
    stars_msun = 1.3 * stellar_mass_msun(mass_msun) * np.exp(0.35 * normal[:, 0])
    share = np.clip(0.05 * (mass_msun / 1e13) ** 0.3 * np.exp(0.3 * normal[:, 1]), 0.0, 0.13)
    hot = mass_msun > GAS_MIN_MSUN
    gas_msun = np.where(hot, share, 0.0) * mass_msun
    dark = DarkClumps(
        position_mpc, mass_msun - gas_msun - stars_msun, 0.06 * radius_mpc, 0.9 * radius_mpc, 2.5 * radius_mpc
    )
    truncation_mpc = 0.8 * radius_mpc[hot]
    gas = ClumpGas(
        position_mpc[hot],
        gas_msun[hot],
        0.18 * truncation_mpc,
        truncation_mpc,
        virial_kev(mass_msun[hot], density),
    )
    return dark, gas, Galaxies(position_mpc, stars_msun, np.full(len(mass_msun), NEIGHBOUR_MPC))


def _filaments(physics: PainterPhysics, traits: Traits, u: np.ndarray) -> Filaments:
    """Return two to four filaments, the first near the longest axis; sizes and temperatures are choices."""
    rows = u[1:]
    n = 2 + int(u[0, 1] * (physics.filaments_max - 1))
    direction = ndtri(rows[:, 0:3])
    direction[0] = np.array([1.0 if u[0, 2] < 0.5 else -1.0, 0.0, 0.0]) + 0.3 * direction[0]
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    weight = 0.5 + rows[:n, 3]
    unit, baryons = traits.r200c_mpc, traits.baryon_fraction
    mean = traits.cosmology.mean_density_msun_mpc3(traits.redshift)
    density = physics.filament_overdensity * mean * weight
    return Filaments(
        direction=direction[:n],
        gas_density=baryons * density,
        dark_density=(1.0 - baryons) * density,
        radius_mpc=0.45 * unit * np.sqrt(weight),
        length_mpc=3.0 * unit * (1.0 + weight),
        hole_mpc=np.full(n, unit),
        temperature_kev=np.full(n, 0.1 * (traits.m200c_msun / 1e14) ** 0.4),
    )


def filament_density(filaments: Filaments, unit_mpc: float) -> np.ndarray:
    """Return the mean over spheres of the density of all filaments, gas and dark, (radius,) [Msun Mpc^-3].

    The integral over the angle from the axis, with nodes theta = theta0 sinh(t) that follow the thickness.
    """
    if not len(filaments.direction):
        return np.zeros_like(X)
    nodes, weights = _legendre()
    r = (X[_COARSE] * unit_mpc)[:, None, None]
    radius, length, hole = (
        a[None, :, None] for a in (filaments.radius_mpc, filaments.length_mpc, filaments.hole_mpc)
    )
    narrow = np.minimum(radius / r, 1.0)
    end = np.arcsinh(0.5 * np.pi / narrow)
    theta = narrow * np.sinh(end * nodes)
    sine = np.sin(theta)
    v = (r * sine / radius) ** 2
    axis = 1.0 + (r * np.cos(theta) / length) ** 2
    shape = sine * np.sqrt(theta**2 + narrow**2) / ((1.0 + v + v * v) * axis)
    total = (filaments.gas_density + filaments.dark_density)[None, :]
    mean = (0.5 * (shape @ weights) * end[..., 0] * r[..., 0] ** 2 / (r**2 + hole**2)[..., 0] * total).sum(
        axis=1
    )
    return np.exp(np.interp(LN_X, LN_X[_COARSE], np.log(mean)))


@lru_cache(maxsize=1)
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = leggauss(12)
    return 0.5 * (nodes + 1.0), 0.5 * weights
