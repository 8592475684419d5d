"""The parts of one painted cluster: all that a line of sight needs, and nothing that depends on one.

Everything is in the cluster's own frame: proper Mpc from the density peak of the host, along the principal axes of its
dark matter (x the longest, z the shortest). Densities are in Msun Mpc^-3, temperatures in keV. Each record holds its
parts as arrays whose first axis counts them, so that "none" is an array of length 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.core.cosmology import Cosmology

SHOCK_COMPRESSION: Final = 0.4
"""Of the density per heating between merging cores: T grows by 1 + e, n by 1 + 0.4 e (a choice)."""

CAVITY_FILL: Final = 0.15
"""What an X-ray cavity leaves of density and pressure (a choice)."""

T_PER_DENSITY_RMS: Final = 0.6
"""Standard deviation of ln T over that of ln n, from turbulence (a choice)."""

T_DENSITY_CORRELATION: Final = 0.35
"""Of turbulent ln T with ln n: between isobaric (-1) and adiabatic (+1) gas (a choice)."""

MERGER_CUT, MERGER_EDGE = 1.2, 6.0
"""Radii at which a merging halo is cut off smoothly, and beyond which it has nothing [its virial radius] (choices)."""


@dataclass(frozen=True, eq=False)
class Host:
    """The main halo: tables against the elliptical radius q, q^2 = sum_i (x_i / a_i)^2 with a_x a_y a_z = 1.

    Parameters
    ----------
    radius_mpc : (radius,) array [Mpc, proper]
        Of all tables; increasing, evenly spaced in the logarithm.
    dark_axes, gas_axes, star_axes : (3,) array [1]
        Semi-axes a_i of the ellipsoids of equal density, longest first; their product is 1.
    dark_density : (radius,) array [Msun Mpc^-3]
        Dark matter above the mean, with the infalling matter outside; without subhaloes.
    gas_density : (radius,) array [Msun Mpc^-3]
        Gas above the mean, before fluctuations.
    temperature_kev : (radius,) array [keV]
        Of the gas, before fluctuations.
    star_density : (radius,) array [Msun Mpc^-3]
        Brightest galaxy and intracluster light.
    ln_density_rms : (radius,) array [1]
        Standard deviation of the logarithm of the gas density from turbulence.
    ln_environment_rms : (radius,) array [1]
        Standard deviation of the logarithm of gas and dark matter from large-scale structure.
    """

    radius_mpc: np.ndarray
    dark_axes: np.ndarray
    gas_axes: np.ndarray
    star_axes: np.ndarray
    dark_density: np.ndarray
    gas_density: np.ndarray
    temperature_kev: np.ndarray
    star_density: np.ndarray
    ln_density_rms: np.ndarray
    ln_environment_rms: np.ndarray


@dataclass(frozen=True, eq=False)
class DarkClumps:
    """Subhaloes and neighbours: dPIE profiles rho ~ 1 / ((core^2 + r^2)(truncation^2 + r^2)), nothing outside the edge.

    Parameters
    ----------
    position_mpc : (clump, 3) array [Mpc, proper]
        Centres.
    mass_msun : (clump,) array [Msun]
        Dark mass inside the edge.
    core_mpc, truncation_mpc, edge_mpc : (clump,) array [Mpc, proper]
        core < truncation < edge.
    """

    position_mpc: np.ndarray
    mass_msun: np.ndarray
    core_mpc: np.ndarray
    truncation_mpc: np.ndarray
    edge_mpc: np.ndarray


@dataclass(frozen=True, eq=False)
class MergingHalo:
    """The dark matter of a second cluster: NFW times 1 / (1 + (r / 1.2 radius)^6), out to 6 radii.

    Parameters
    ----------
    position_mpc : (3,) array [Mpc, proper]
        Of its centre.
    mass_msun : float [Msun]
        Dark mass, all of it.
    radius_mpc : float [Mpc, proper]
        Its virial radius.
    concentration : float [1]
        radius over scale radius.
    """

    position_mpc: np.ndarray
    mass_msun: float
    radius_mpc: float
    concentration: float


@dataclass(frozen=True, eq=False)
class GasClumps:
    """Gas of subhaloes, merger and neighbours, whose shape ``clump_shape`` gives.

    Parameters
    ----------
    position_mpc : (clump, 3) array [Mpc, proper]
        Centres.
    density : (clump,) array [Msun Mpc^-3]
        Of the gas at the centre.
    core_mpc, truncation_mpc : (clump,) array [Mpc, proper]
        Core radius and truncation radius; nothing outside 4 truncation radii.
    temperature_kev : (clump,) array [keV]
        At the centre; it falls as 1 / (1 + r^2 / 2 truncation^2).
    """

    position_mpc: np.ndarray
    density: np.ndarray
    core_mpc: np.ndarray
    truncation_mpc: np.ndarray
    temperature_kev: np.ndarray


@dataclass(frozen=True, eq=False)
class Galaxies:
    """Satellites: round Gaussians of stars.

    Parameters
    ----------
    position_mpc : (galaxy, 3) array [Mpc, proper]
        Centres.
    mass_msun : (galaxy,) array [Msun]
        Of stars.
    width_mpc : (galaxy,) array [Mpc, proper]
        Standard deviation along each axis.
    """

    position_mpc: np.ndarray
    mass_msun: np.ndarray
    width_mpc: np.ndarray


@dataclass(frozen=True, eq=False)
class Filaments:
    """Half-lines of matter from the centre outwards.

    With t the distance along the filament (t > 0 only), d the distance from its axis and r from the centre, the density
    is density / (1 + v + v^2) / (1 + (t / length)^2) r^2 / (r^2 + hole^2), v = (d / radius)^2.

    Parameters
    ----------
    direction : (filament, 3) array [1]
        Unit vectors.
    gas_density, dark_density : (filament,) array [Msun Mpc^-3]
        On the axis.
    radius_mpc, length_mpc, hole_mpc : (filament,) array [Mpc, proper]
        Thickness, length, and the radius inside which the cluster's own matter takes over.
    temperature_kev : (filament,) array [keV]
        Of the gas.
    """

    direction: np.ndarray
    gas_density: np.ndarray
    dark_density: np.ndarray
    radius_mpc: np.ndarray
    length_mpc: np.ndarray
    hole_mpc: np.ndarray
    temperature_kev: np.ndarray


@dataclass(frozen=True, eq=False)
class CoreDetail:
    """What stirs the gas of the core, and the shock between merging cores.

    Parameters
    ----------
    slosh_amplitude : float [1]
        Of ln n in the spiral exp(-(q / slosh_mpc)^2) cos(phi - phase + 3 ln(q / slosh_mpc + 0.02)) at constant
        pressure; phi is the angle in the x-y plane of the cluster, q the elliptical radius of the gas.
    slosh_mpc : float [Mpc, proper]
        Its size.
    slosh_phase_rad : float [rad]
        Its phase.
    cavity_position_mpc : (cavity, 3) array [Mpc, proper]
        Centres of X-ray cavities.
    cavity_radius_mpc : (cavity,) array [Mpc, proper]
        Their radii.
    shock_position_mpc : (3,) array [Mpc, proper]
        Centre of the heated gas between merging cores.
    shock_radius_mpc : float [Mpc, proper]
        Standard deviation of the Gaussian e by which T grows by 1 + e, and n by 1 + 0.4 e.
    shock_strength : float [1]
        e at its centre; 0 without a merger.
    """

    slosh_amplitude: float
    slosh_mpc: float
    slosh_phase_rad: float
    cavity_position_mpc: np.ndarray
    cavity_radius_mpc: np.ndarray
    shock_position_mpc: np.ndarray
    shock_radius_mpc: float
    shock_strength: float


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One cluster in three dimensions, without fluctuations and without a direction of view.

    Parameters
    ----------
    redshift : float [1]
        Of the cluster.
    cosmology : Cosmology
        In which it lives.
    m200c_msun, m500c_msun : float [Msun]
        All matter inside the spheres around the host's centre: the label, and what was measured.
    r200c_mpc, r500c_mpc : float [Mpc, proper]
        Their radii.
    baryon_fraction : float [1]
        Cosmic: of the mean matter density around the cluster.
    host : Host
        The main halo.
    dark_clumps : DarkClumps
        Subhaloes and neighbours.
    merging_halo : MergingHalo or None
        The second cluster, if there is one.
    gas_clumps : GasClumps
        Gas of subhaloes, merger and neighbours.
    galaxies : Galaxies
        Satellites.
    filaments : Filaments
        Out of the cluster.
    core : CoreDetail
        Of its gas.
    properties : dict of str to float
        The drawn numbers that made it, units in the names.
    """

    redshift: float
    cosmology: Cosmology
    m200c_msun: float
    m500c_msun: float
    r200c_mpc: float
    r500c_mpc: float
    baryon_fraction: float
    host: Host
    dark_clumps: DarkClumps
    merging_halo: MergingHalo | None
    gas_clumps: GasClumps
    galaxies: Galaxies
    filaments: Filaments
    core: CoreDetail
    properties: dict[str, float]


def merging_shape(x: np.ndarray, concentration: float) -> np.ndarray:
    """Return the density of a merging halo up to a factor [1], at radius x in its virial radius; see MergingHalo."""
    cx = concentration * x
    return np.asarray(1.0 / (cx * (1.0 + cx) ** 2) / (1.0 + (x / MERGER_CUT) ** 6))


def clump_shape(r2_over_truncation2: np.ndarray, truncation2_over_core2: np.ndarray | float) -> np.ndarray:
    """Return the density of a gas clump over its central density [1].

    A beta model of beta = 2/3, steepened outside the truncation radius, and going to zero without a step at 4 of them:
    1 / (1 + r^2/core^2) / (1 + (r/trunc)^4) (1 - r^2/16 trunc^2)^2. A choice; a step would show as a disc.
    """
    v = np.minimum(r2_over_truncation2, 16.0)
    return (1.0 - v / 16.0) ** 2 / ((1.0 + v * truncation2_over_core2) * (1.0 + v * v))
