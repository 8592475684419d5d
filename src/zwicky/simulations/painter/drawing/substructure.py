"""What fell into a cluster: subhaloes with their gas and galaxies, and perhaps a second cluster.

Everything has its nominal size here: that of a cluster whose smooth halo alone would have the labelled mass.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy.special import ndtri, pdtrik

from zwicky.core.randomness import Key, Stream
from zwicky.physics.nfw import mu
from zwicky.simulations.painter.anatomy import MERGER_EDGE, DarkClumps, Galaxies, MergingHalo, merging_shape
from zwicky.simulations.painter.drawing.gas import ClumpGas, virial_kev
from zwicky.simulations.painter.drawing.population import Traits
from zwicky.simulations.painter.drawing.radial import enclosed_of_shells
from zwicky.simulations.painter.drawing.stars import SATELLITE_MPC, stellar_mass_msun
from zwicky.simulations.painter.settings import PainterPhysics

N_WITH_GAS: Final = 12
"""The heaviest subhaloes may have kept gas."""

_SUBHALO_COLUMNS: Final = 8
_MERGER_SATELLITES: Final = 20


@dataclass(frozen=True, eq=False)
class Subhaloes:
    """Bound remnants inside the cluster.

    Parameters
    ----------
    dark : DarkClumps
        Their dark matter.
    gas : ClumpGas
        Of the heaviest.
    galaxies : Galaxies
        One each, before the balance of stars.
    inner_mass_msun : float [Msun]
        Of those that were drawn inside R200.
    """

    dark: DarkClumps
    gas: ClumpGas
    galaxies: Galaxies
    inner_mass_msun: float


@dataclass(frozen=True, eq=False)
class Merger:
    """A second cluster.

    Parameters
    ----------
    mass_ratio : float [1]
        Second over first.
    distance_mpc : float [Mpc, proper]
        Of its dark matter from the centre.
    halo : MergingHalo
        Its dark matter.
    gas : ClumpGas
        Its gas, which lags behind.
    satellites : Galaxies
        Before the balance of stars, without its brightest galaxy.
    mass_msun : float [Msun]
        All it has.
    heat : float [1]
        Uniform number: how strong the shock between the cores is.
    """

    mass_ratio: float
    distance_mpc: float
    halo: MergingHalo
    gas: ClumpGas
    satellites: Galaxies
    mass_msun: float
    heat: float


def no_gas() -> ClumpGas:
    """Return the gas of no halo."""
    return ClumpGas(np.zeros((0, 3)), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0))


def no_galaxies() -> Galaxies:
    """Return no galaxies."""
    return Galaxies(np.zeros((0, 3)), np.zeros(0), np.zeros(0))


def no_dark_clumps() -> DarkClumps:
    """Return no clumps."""
    return DarkClumps(np.zeros((0, 3)), np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0))


def isotropic(u_height: np.ndarray, u_azimuth: np.ndarray) -> np.ndarray:
    """Return unit vectors (..., 3) from two uniform numbers each."""
    z, azimuth = 2.0 * u_height - 1.0, 2.0 * np.pi * u_azimuth
    across = np.sqrt(1.0 - z * z)
    return np.stack([across * np.cos(azimuth), across * np.sin(azimuth), z], axis=-1)


def draw_subhaloes(
    physics: PainterPhysics, traits: Traits, merger_mass_share: float, seed: int, cluster_index: int
) -> Subhaloes:
    """Draw subhaloes.

    Masses: dN/dln psi = A psi^-0.82 exp(-50 psi^4), psi = m / M (form of Jiang & van den Bosch 2016,
    evolved). Radii: those of an NFW halo of concentration 2.2, fewer inside 0.12 R200, stretched by the axes
    of the host (choices). Each is cut at its tidal radius r (m / 2.5 M(<r))^(1/3), with a scatter of 0.2.

    Parameters
    ----------
    physics, traits
        Of the cluster.
    merger_mass_share : float [1]
        Of the mass, in a second cluster: the subhaloes share the rest.
    seed, cluster_index : int
        Whose random numbers.
    """
    if not physics.with_substructure:
        return Subhaloes(no_dark_clumps(), no_gas(), no_galaxies(), 0.0)
    key = Key(seed, Stream.SUBHALOES, cluster_index)
    ratios, cumulative = _mass_function(physics.subhalo_min_mass_ratio)
    boost = np.exp(physics.subhalo_abundance_per_disturbance * traits.deviates["disturbance"])
    mean = physics.subhalo_abundance * float(boost * cumulative[-1])
    # The first number of the stream says how many; then a row for each, so that more of them change no other.
    n = poisson(float(key.uniform(1)[0]), mean)
    u = key.uniform(n + 1, _SUBHALO_COLUMNS)[1:]
    normal = physics.scatter * ndtri(u[:, 4:7])
    ratio = np.interp(u[:, 0] * cumulative[-1], cumulative, ratios)
    radii, inside = _radius_function()
    radius = np.interp(u[:, 1], inside, radii)
    unit = traits.r200c_mpc
    position_mpc = unit * radius[:, None] * isotropic(u[:, 2], u[:, 3]) * traits.dark_axes
    mass_msun = ratio * (1.0 - merger_mass_share) * traits.m200c_msun

    x = np.linalg.norm(position_mpc, axis=1) / unit
    host = mu(traits.concentration * x) / mu(traits.concentration)
    tidal = x * np.cbrt(mass_msun / traits.m200c_msun / (2.5 * host)) * np.exp(0.2 * normal[:, 0])
    truncation_mpc = unit * np.clip(tidal, 0.005, 0.5)
    # What is left of the mass before infall: more is stripped further in (a choice).
    left = np.minimum(np.clip(0.25 + 0.5 * radius, 0.15, 0.9) * np.exp(0.3 * normal[:, 1]), 1.0)
    stars_msun = stellar_mass_msun(mass_msun / left) * np.exp(0.4 * normal[:, 2])
    gas = _subhalo_gas(traits, position_mpc, mass_msun, mass_msun / left, truncation_mpc, radius, u[:, 7])
    gas_msun = np.zeros(n)
    gas_msun[np.argsort(-mass_msun, kind="stable")[:N_WITH_GAS]] = gas.mass_msun
    dark_msun = np.maximum(mass_msun - stars_msun - gas_msun, 0.3 * mass_msun)
    kept = gas.mass_msun > 0.0
    return Subhaloes(
        DarkClumps(position_mpc, dark_msun, 0.08 * truncation_mpc, truncation_mpc, 4.0 * truncation_mpc),
        ClumpGas(*(getattr(gas, name)[kept] for name in gas.__dataclass_fields__)),
        Galaxies(position_mpc, stars_msun, np.full(n, SATELLITE_MPC)),
        float(mass_msun[radius < 1.0].sum()),
    )


def _subhalo_gas(
    traits: Traits,
    position_mpc: np.ndarray,
    mass_msun: np.ndarray,
    infall_mass_msun: np.ndarray,
    truncation_mpc: np.ndarray,
    radius: np.ndarray,
    u: np.ndarray,
) -> ClumpGas:
    """Return the gas of the heaviest subhaloes: less further in, none where it would not show (choices)."""
    i = np.argsort(-mass_msun, kind="stable")[:N_WITH_GAS]
    share = np.interp(np.log10(mass_msun[i]), [12.0, 13.0, 14.0], [0.01, 0.05, 0.09])
    share = share * np.clip((radius[i] - 0.25) / 0.9, 0.0, 1.0) * u[i]
    return ClumpGas(
        position_mpc[i],
        np.where(share > 0.002, share, 0.0) * mass_msun[i],
        0.3 * truncation_mpc[i],
        1.2 * truncation_mpc[i],
        virial_kev(infall_mass_msun[i], traits.critical_density_msun_mpc3),
    )


def poisson(u: float, mean: float) -> int:
    """Return the Poisson number of a uniform number, by inversion."""
    return int(np.ceil(pdtrik(u, mean))) if mean > 0.0 else 0


@lru_cache(maxsize=16)
def _mass_function(smallest: float) -> tuple[np.ndarray, np.ndarray]:
    """Return mass ratios and the number of subhaloes below them for an amplitude of 1."""
    ratio = np.geomspace(smallest, 0.25, 60)
    density = ratio**-0.82 * np.exp(-50.0 * ratio**4)
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(np.log(ratio))
    return ratio, np.concatenate([[0.0], np.cumsum(steps)])


@lru_cache(maxsize=1)
def _radius_function() -> tuple[np.ndarray, np.ndarray]:
    """Return radii [R200] and the share of subhaloes inside them."""
    radius = np.geomspace(0.03, 1.6, 80)
    inside = np.maximum.accumulate(mu(2.2 * radius) / (1.0 + (0.12 / radius) ** 2))
    return radius, inside / inside[-1]


def draw_merger(
    physics: PainterPhysics,
    traits: Traits,
    gas_fraction: float,
    brightest_msun: float,
    seed: int,
    cluster_index: int,
) -> Merger | None:
    """Draw whether a second cluster is falling in, and which; all numbers are choices.

    Its mass ratio is flat in the logarithm, its distance 0.12-1.22 R200. Half of them are on the way in and
    kept 75-95 per cent of their gas, half went through and kept 35-75 per cent; the gas lags behind, less on
    the way in.

    Parameters
    ----------
    physics, traits
        Of the cluster.
    gas_fraction : float [1]
        Of the first cluster inside R500; the second had 1.05 times that.
    brightest_msun : float [Msun]
        Stars of the first cluster's brightest galaxy.
    seed, cluster_index : int
        Whose random numbers.
    """
    u = Key(seed, Stream.MERGER, cluster_index).uniform(16)
    logit = physics.merger_logit + physics.merger_logit_per_disturbance * traits.deviates["disturbance"]
    if not physics.with_mergers or u[0] > 1.0 / (1.0 + np.exp(-logit)):
        return None
    low, high = physics.merger_mass_ratios
    ratio = float(low * (high / low) ** u[1])
    distance, outgoing = 0.12 + 1.1 * float(u[2]) ** 0.8, u[3] > 0.5
    kept = 0.35 + 0.4 * u[5] if outgoing else 0.75 + 0.2 * u[5]
    lag = (0.02 + 0.10 * u[4]) * np.exp(0.3 * physics.scatter * ndtri(u[12])) * (1.0 if outgoing else 0.3)
    line = isotropic(u[7], u[8])
    across = np.cross(line, ndtri(u[9:12]))
    velocity = 0.9 * line * (1.0 if outgoing else -1.0) + 0.4 * across / np.linalg.norm(across)
    unit, mass_msun = traits.r200c_mpc, ratio / (1.0 + ratio) * traits.m200c_msun
    radius_mpc = 0.97 * np.cbrt(ratio) * unit
    median = physics.concentration_factor * traits.structure.concentration_at(
        np.log10(ratio * traits.m200c_msun)
    )
    concentration = median * np.exp(physics.sigma_ln_concentration * physics.scatter * ndtri(u[13]))
    gas_msun = 1.05 * gas_fraction * kept * mass_msun
    position_mpc = line * distance * unit
    satellites = _merger_satellites(position_mpc, radius_mpc, ratio, mass_msun, seed, cluster_index)
    stars_msun = brightest_msun * np.sqrt(ratio) + float(satellites.mass_msun.sum())
    dark_msun = max(mass_msun - gas_msun - stars_msun, 0.7 * mass_msun)
    truncation = np.array([0.9 * radius_mpc])
    gas = ClumpGas(
        (position_mpc - velocity * lag * unit)[None],
        np.array([gas_msun]),
        (0.12 if kept > 0.6 else 0.2) * truncation,
        truncation,
        1.1 * virial_kev(np.array([ratio * traits.m200c_msun]), traits.critical_density_msun_mpc3),
    )
    halo = MergingHalo(
        position_mpc, float(dark_msun), float(radius_mpc), float(np.clip(concentration, 1.5, 14.0))
    )
    return Merger(ratio, distance * unit, halo, gas, satellites, mass_msun, float(u[6]))


def _merger_satellites(
    position_mpc: np.ndarray, radius_mpc: float, ratio: float, mass_msun: float, seed: int, cluster_index: int
) -> Galaxies:
    """Return the galaxies of a second cluster: 25 times the mass ratio of them (a choice)."""
    u = Key(seed, Stream.MERGER_GALAXIES, cluster_index).uniform(_MERGER_SATELLITES, 4)[: int(25.0 * ratio)]
    halo_msun = 0.2 * mass_msun * u[:, 3] ** 3 / max(len(u), 1)
    return Galaxies(
        position_mpc + 0.4 * radius_mpc * ndtri(u[:, :3]),
        stellar_mass_msun(2.0 * np.maximum(halo_msun, 1e10)),
        np.full(len(u), SATELLITE_MPC),
    )


def merging_halo_inside(halo: MergingHalo, unit_mpc: float) -> np.ndarray:
    """Return the mass that a merging halo has inside spheres, (radius,) [Msun]."""
    edge = np.geomspace(1e-3, MERGER_EDGE, 97)
    x = np.sqrt(edge[1:] * edge[:-1])
    shell = x**3 * merging_shape(x, halo.concentration)
    shell *= halo.mass_msun / shell.sum()
    distance = np.array([np.linalg.norm(halo.position_mpc)]) / unit_mpc
    return enclosed_of_shells(distance, (x * halo.radius_mpc / unit_mpc)[None], shell[None])


def dark_clumps_inside(clumps: DarkClumps, unit_mpc: float) -> np.ndarray:
    """Return the mass that dark clumps have inside spheres, (radius,) [Msun]: dPIE shells in closed form."""
    share = np.array(
        [0.0, 0.005, 0.0125, 0.025, 0.05, 0.0875, 0.1375, 0.2, 0.275, 0.375, 0.5, 0.65, 0.825, 1.0]
    )
    edge = share * clumps.edge_mpc[:, None]
    core, truncation = clumps.core_mpc[:, None], clumps.truncation_mpc[:, None]
    inside = truncation * np.arctan(edge / truncation) - core * np.arctan(edge / core)
    shells = np.diff(inside, axis=1) / inside[:, -1:] * clumps.mass_msun[:, None]
    radius = 0.5 * (edge[:, 1:] + edge[:, :-1]) / unit_mpc
    distance = np.linalg.norm(clumps.position_mpc, axis=1) / unit_mpc
    return enclosed_of_shells(np.maximum(distance, 1e-6), radius, shells)
