"""The gas of a cluster: its density, its temperature, what stirs it, and the gas of the haloes that fall in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.special import i0

from zwicky.core.randomness import Key, Stream
from zwicky.physics.gnfw import electron_pressure_kev_cm3, profile_by_name
from zwicky.physics.plasma import ELECTRONS_CM3_PER_MSUN_MPC3, KEV_PER_MSUN2_MPC
from zwicky.simulations.painter.anatomy import (
    CAVITY_FILL,
    SHOCK_COMPRESSION,
    CoreDetail,
    GasClumps,
    clump_shape,
)
from zwicky.simulations.painter.drawing.mass_model import Measured
from zwicky.simulations.painter.drawing.population import Traits
from zwicky.simulations.painter.drawing.radial import X, enclosed_of_shells, running_integral
from zwicky.simulations.painter.settings import PainterPhysics

_CLUMP_EDGES: Final = np.array([0.0, 0.1, 0.2, 0.35, 0.55, 0.8, 1.1, 1.5, 2.1, 4.0])
_TURBULENCE_ENDS: Final = (
    2.5,
    4.0,
)  # [R500] where it fades: beyond the accretion shock there is no gas to stir (a choice)
_ENVIRONMENT_BEGINS: Final = 0.8
"""Radius outside which large-scale structure adds to the density [R200]: inside, the label is to hold."""


def gas_shape(physics: PainterPhysics, traits: Traits) -> np.ndarray:
    """Return the density of the host's own gas in arbitrary units, (radius,).

    n ~ y^(-a/2) / (1 + y^2/y_c^2)^(3 beta/2 - a/4) / (1 + y^3/y_s^3)^(e/6) with y = r / R500: the form of
    Vikhlinin et al. 2006, eq. 3, without its second component. How a and y_c follow the core state is a
    choice: cool cores (positive) are steep and small, disturbed ones flat and wide.
    """
    deviates, y = traits.deviates, X / traits.x500
    slope, core = core_of(physics, traits)
    beta = physics.gas_slope * np.exp(physics.sigma_ln_gas_slope * deviates["gas_slope"])
    steepening = physics.gas_steepening * np.exp(physics.sigma_ln_gas_steepening * deviates["gas_steepening"])
    bend = physics.gas_steepening_radius * np.exp(
        physics.sigma_ln_gas_steepening_radius * deviates["gas_steepening_radius"]
    )
    # 1e-6: a cusp that stays finite in the innermost thousandth of R500.
    cusp = ((y**2 + 1e-6) / core**2) ** (-0.25 * slope)
    return (
        cusp
        * (1.0 + (y / core) ** 2) ** (0.25 * slope - 1.5 * beta)
        * (1.0 + (y / bend) ** 3) ** (-steepening / 6.0)
    )


def core_of(physics: PainterPhysics, traits: Traits) -> tuple[float, float]:
    """Return the inner slope of n^2 [1] and the core radius [R500] that follow from the core state."""
    state = traits.deviates["core_state"]
    slope = min(max(physics.core_slope + physics.core_slope_per_state * state, 0.0), 2.0)
    core = min(max(physics.core_radius * np.exp(physics.ln_core_radius_per_state * state), 0.04), 0.35)
    return slope, float(core)


def temperature_kev(
    physics: PainterPhysics,
    traits: Traits,
    measured: Measured,
    gas_density: np.ndarray,
    support_msun: np.ndarray,
) -> np.ndarray:
    """Return the temperature of the host's gas at rest, (radius,) [keV].

    Parameters
    ----------
    physics : PainterPhysics
        Which pressure, and its scatter.
    traits : Traits
        Of the cluster.
    measured : Measured
        Radii and masses of the finished cluster.
    gas_density : (radius,) array [Msun Mpc^-3]
        Of the host.
    support_msun : (radius,) array [Msun]
        Mass inside spheres that holds the gas, of the finished cluster.
    """
    if physics.pressure == "hse":
        kev = _hydrostatic_kev(physics, traits, measured, gas_density, support_msun)
    else:
        pressure_kev_cm3 = electron_pressure_kev_cm3(
            X / measured.x500,
            measured.m500c_msun,
            traits.redshift,
            traits.cosmology,
            profile_by_name(physics.pressure),
        )
        kev = pressure_kev_cm3 / (gas_density * ELECTRONS_CM3_PER_MSUN_MPC3)
        # A cusp of pressure over a flat core of gas would have no bound: 3 T200 is reached in the inner per cents.
        kev = np.clip(kev, 1e-5, 3.0 * t200_kev(traits))
    return np.asarray(kev * np.exp(physics.sigma_ln_y * traits.deviates["y_amplitude"]))


def _hydrostatic_kev(
    physics: PainterPhysics,
    traits: Traits,
    measured: Measured,
    gas_density: np.ndarray,
    support_msun: np.ndarray,
) -> np.ndarray:
    """Return the temperature of gas in hydrostatic equilibrium with a non-thermal share, (radius,) [keV].

    dP_tot/dr = -rho_gas G M(<r) / r^2 and P_thermal = (1 - f_nt) P_tot. Outside the accretion shock the temperature
    drops as r^-6; it keeps a warm floor there, and one of 18 per cent of T200 in the core (choices).
    """
    radius_mpc = X * measured.unit_mpc
    r_over_r200 = X / measured.x200
    weight = gas_density * support_msun / radius_mpc
    pressure = running_integral(weight[::-1])[::-1]
    thermal = 1.0 - nonthermal_share(physics, traits, measured)
    kev = KEV_PER_MSUN2_MPC * thermal * pressure / gas_density
    virial = t200_kev(traits)
    shock = physics.shock_radius * np.exp(physics.sigma_ln_shock_radius * traits.deviates["shock_radius"])
    kev = kev / (1.0 + (r_over_r200 / shock) ** 6)
    kev = kev + 2e-4 + 0.02 * virial / (1.0 + (r_over_r200 / 2.5) ** 2) ** 1.5
    kev = np.maximum(kev, 0.18 * virial * np.exp(-((r_over_r200 / 0.6) ** 2)))
    return np.asarray(kev * np.exp(physics.sigma_ln_temperature * traits.deviates["temperature"]))


def t200_kev(traits: Traits) -> float:
    """Return mu m_p G M200c / 2 R200c [keV]."""
    return 0.5 * KEV_PER_MSUN2_MPC * traits.m200c_msun / traits.r200c_mpc


def nonthermal_share(physics: PainterPhysics, traits: Traits, measured: Measured) -> np.ndarray:
    """Return the non-thermal over the total pressure, (radius,) [1], at most 0.55: form of Shaw et al. 2010."""
    return np.minimum(
        nonthermal_amplitude(physics, traits) * (X / measured.x500) ** physics.nonthermal_slope, 0.55
    )


def nonthermal_amplitude(physics: PainterPhysics, traits: Traits) -> float:
    """Return the non-thermal over the total pressure at R500 [1]."""
    return float(
        physics.nonthermal_fraction * np.exp(physics.sigma_ln_nonthermal * traits.deviates["nonthermal"])
    )


def fluctuation_rms(
    physics: PainterPhysics, traits: Traits, measured: Measured
) -> tuple[np.ndarray, np.ndarray]:
    """Return the standard deviations of ln n from turbulence and from large-scale structure, (radius,) [1].

    Density contrasts are in proportion to the Mach number (form of Zhuravleva et al. 2014), which follows from
    the non-thermal share: Mach^2 = 3 f / (1 - f) / (5/3). The factor 0.55, the range 0.05-0.6, where turbulence fades
    and the ramp of large-scale structure are choices.
    """
    if not physics.with_fluctuations:
        return np.zeros_like(X), np.zeros_like(X)
    share = nonthermal_share(physics, traits, measured)
    mach = np.sqrt(9.0 / 5.0 * share / (1.0 - share))
    ramp = np.clip((X / measured.x200 - _ENVIRONMENT_BEGINS) / 2.0, 0.0, 1.0)
    begin, end = _TURBULENCE_ENDS
    fading = np.clip((end - X / measured.x500) / (end - begin), 0.0, 1.0)
    return np.clip(0.55 * mach, 0.05, 0.6) * fading, physics.environment_ln_rms * ramp


def draw_core(
    physics: PainterPhysics,
    traits: Traits,
    seed: int,
    cluster_index: int,
    second_core_mpc: np.ndarray | None = None,
    heat: float = 0.0,
) -> CoreDetail:
    """Draw sloshing, cavities and the heated gas between merging cores; sizes are those of the nominal cluster.

    Choices: relaxed and average cores slosh by 0.12-0.22 in ln n, disturbed ones by less; half of the cores
    with a steep cusp have two cavities of 2-5 per cent of R500; the gas half way to a second core within R200
    is up to 1.5 times hotter.

    Parameters
    ----------
    physics, traits
        Of the cluster.
    seed, cluster_index : int
        Whose random numbers.
    second_core_mpc : (3,) array [Mpc, proper], optional
        Where the gas of a merging halo is.
    heat : float [1]
        How strong the shock is, from 0 to 1.
    """
    u = Key(seed, Stream.CORE, cluster_index).uniform(8)
    r500_mpc = traits.x500 * traits.r200c_mpc
    amplitude, cavities, radius = 0.0, np.zeros((0, 3)), np.zeros(0)
    if physics.with_fluctuations:
        amplitude = 0.12 + 0.1 * u[0] if traits.deviates["core_state"] > -0.3 else 0.06 * u[0]
        if core_of(physics, traits)[0] > 0.7 and u[1] < 0.5:
            azimuth = 2.0 * np.pi * u[2]
            axis = np.array([np.cos(azimuth), np.sin(azimuth), 0.3 * (u[3] - 0.5)])
            radius = np.full(2, (0.02 + 0.03 * u[4]) * r500_mpc)
            cavities = 1.5 * radius[0] * np.stack([axis, -axis])
    between = np.zeros(3) if second_core_mpc is None else 0.5 * second_core_mpc
    apart = 2.0 * float(np.linalg.norm(between)) / traits.r200c_mpc
    return CoreDetail(
        slosh_amplitude=float(amplitude),
        slosh_mpc=0.35 * r500_mpc,
        slosh_phase_rad=float(2.0 * np.pi * u[5]),
        cavity_position_mpc=cavities,
        cavity_radius_mpc=radius,
        shock_position_mpc=between,
        shock_radius_mpc=(0.25 * apart + 0.05) * traits.r200c_mpc,
        shock_strength=0.5 * heat * float(np.exp(-apart)) if apart < 1.0 else 0.0,
    )


def stirring_mean(core: CoreDetail, radius_mpc: np.ndarray) -> np.ndarray:
    """Return the mean over round shells of what sloshing and cavities multiply the density by, (radius,) [1].

    The mean of exp(a cos(phi)) is the Bessel function I0(a). A sphere of radius s at distance d covers the share
    (s^2 - (r - d)^2) / 4 r d of a shell of radius r.
    """
    mean = i0(core.slosh_amplitude * np.exp(-((radius_mpc / core.slosh_mpc) ** 2)))
    for position_mpc, size_mpc in zip(core.cavity_position_mpc, core.cavity_radius_mpc, strict=True):
        d = float(np.sqrt(position_mpc @ position_mpc))
        covered = np.maximum(size_mpc**2 - (radius_mpc - d) ** 2, 0.0) / (4.0 * radius_mpc * d)
        mean = mean - (1.0 - CAVITY_FILL) * covered
    return np.asarray(mean)


def compression_mean(core: CoreDetail, radius_mpc: np.ndarray, distance_mpc: float) -> np.ndarray:
    """Return the mean compression by the shock over shells whose centre is at a distance from the shock's [1].

    The mean of exp(-|x - d|^2 / 2 s^2) over |x| = r is exp(-(r - d)^2 / 2 s^2) (1 - exp(-2 r d / s^2)) s^2 / 2 r d.
    """
    s2 = core.shock_radius_mpc**2
    product = np.maximum(2.0 * radius_mpc * distance_mpc / s2, 1e-9)
    gaussian = np.exp(-0.5 * (radius_mpc - distance_mpc) ** 2 / s2) * -np.expm1(-product) / product
    return 1.0 + SHOCK_COMPRESSION * core.shock_strength * gaussian


@dataclass(frozen=True, eq=False)
class ClumpGas:
    """The gas of haloes, before it has a density.

    Parameters
    ----------
    position_mpc : (clump, 3) array [Mpc, proper]
        Centres.
    mass_msun : (clump,) array [Msun]
        Of gas.
    core_mpc, truncation_mpc : (clump,) array [Mpc, proper]
        As in GasClumps.
    temperature_kev : (clump,) array [keV]
        At the centre.
    """

    position_mpc: np.ndarray
    mass_msun: np.ndarray
    core_mpc: np.ndarray
    truncation_mpc: np.ndarray
    temperature_kev: np.ndarray


def clumps_of(gas: list[ClumpGas], core: CoreDetail, unit_mpc: float) -> tuple[GasClumps, np.ndarray]:
    """Return the clumps with their densities, and the mass that they have inside spheres, (radius,) [Msun]."""
    position, mass, core_mpc, truncation, kev = (
        np.concatenate([getattr(g, name) for g in gas])
        for name in ("position_mpc", "mass_msun", "core_mpc", "truncation_mpc", "temperature_kev")
    )
    radius, weight = _clump_nodes()
    shells = weight * clump_shape(radius**2, ((truncation / core_mpc) ** 2)[:, None])
    density = mass / (shells.sum(axis=1) * truncation**3)
    shells = shells * (density * truncation**3)[:, None]
    radius_mpc = radius * truncation[:, None]
    if core.shock_strength > 0.0:
        distance = np.linalg.norm(position - core.shock_position_mpc, axis=1)
        shells = shells * compression_mean(core, radius_mpc, distance[:, None])
    inside = enclosed_of_shells(np.linalg.norm(position, axis=1) / unit_mpc, radius_mpc / unit_mpc, shells)
    return GasClumps(position, density, core_mpc, truncation, kev), inside


@lru_cache(maxsize=1)
def _clump_nodes() -> tuple[np.ndarray, np.ndarray]:
    """Return radii [truncation radii] and weights of 4 pi r^2 dr, 3 Gauss nodes in each interval, (node,)."""
    nodes, weights = leggauss(3)
    width = 0.5 * np.diff(_CLUMP_EDGES)[:, None]
    radius = (_CLUMP_EDGES[:-1, None] + width * (1.0 + nodes)).ravel()
    return radius, 4.0 * np.pi * radius**2 * (width * weights).ravel()


def virial_kev(mass_msun: np.ndarray, density_msun_mpc3: float) -> np.ndarray:
    """Return the temperature of the gas of haloes [keV]: 0.75 of mu m_p G M / 2 R200c (a choice)."""
    radius_mpc = np.cbrt(3.0 * mass_msun / (4.0 * np.pi * 200.0 * density_msun_mpc3))
    return np.asarray(0.375 * KEV_PER_MSUN2_MPC * mass_msun / radius_mpc)
