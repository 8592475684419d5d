"""From a cluster in three dimensions to what one line of sight sees of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.core.randomness import Key, Stream
from zwicky.physics.constants import CM_PER_MPC
from zwicky.physics.plasma import ELECTRONS_CM3_PER_MSUN_MPC3, N_H_OVER_N_E
from zwicky.physics.xray import BOLOMETRIC, EnergyBand, cooling_function
from zwicky.simulations.painter.anatomy import T_DENSITY_CORRELATION, Anatomy, GasClumps, Host
from zwicky.simulations.painter.painting.lookup import (
    BITS,
    FINE_BITS,
    KEV_OCTAVES,
    Q2_OCTAVES,
    in_logarithms,
    nodes,
    with_steps,
)
from zwicky.simulations.painter.painting.rays import Scene
from zwicky.simulations.painter.painting.turbulence import TURBULENCE_TILE_R500, Field

SURFACE_BRIGHTNESS_UNIT: Final = 1e40
"""Of the bolometric map, in erg s^-1 Mpc^-2."""

PHOTON_BRIGHTNESS_UNIT: Final = 1e50
"""Of the photon map, in photons s^-1 Mpc^-2."""

NODE_STEP: Final = 0.24
"""Of the nodes along the line of sight: half of it changes no map inside R500 by more than 0.1 %."""

HOTTEST_KEV: Final = 40.0
"""Hotter gas than the emissivities know is rare, and emits nearly as the hottest that they know."""

_HOST_SCALE_R200: Final = 0.01
_SLOSH_REACH: Final = 2.2
_EMISSIVITY_NODES: Final = 240


@dataclass(frozen=True, eq=False)
class Prepared:
    """What all lines of sight of one cluster share.

    Parameters
    ----------
    anatomy : Anatomy
        The cluster.
    turbulence, environment : Field
        Its random fields.
    gas_table, rms_table, dark_table, slosh_table : arrays
        Tables of the host for ``rays.Scene``.
    emissivity : (temperature, 2) float32 array
        Bolometric and photon emissivity per squared electron density, for columns in Mpc.
    """

    anatomy: Anatomy
    turbulence: Field
    environment: Field
    gas_table: np.ndarray
    rms_table: np.ndarray
    dark_table: np.ndarray
    slosh_table: np.ndarray
    emissivity: np.ndarray


def prepare(anatomy: Anatomy, turbulence: Field, environment: Field, emissivity: np.ndarray) -> Prepared:
    """Make the tables of a cluster; see ``Prepared``."""
    host = anatomy.host
    q_mpc = np.sqrt(nodes(Q2_OCTAVES, BITS)) * anatomy.r200c_mpc
    density = _at(host, host.gas_density, q_mpc) * ELECTRONS_CM3_PER_MSUN_MPC3
    temperature = _at(host, host.temperature_kev, q_mpc)
    turbulent = np.interp(q_mpc, host.radius_mpc, host.ln_density_rms)
    large_scale = np.interp(q_mpc, host.radius_mpc, host.ln_environment_rms)
    # The share of the variance that the cubes' cells cannot show still clumps the gas.
    lost = turbulent**2 * (1.0 - turbulence.variance) + large_scale**2 * (1.0 - environment.variance)
    rms = np.stack([turbulent, large_scale, np.exp(lost)], axis=1)[:-1].astype(np.float32)
    dark = _at(host, host.dark_density, q_mpc)
    return Prepared(
        anatomy,
        turbulence,
        environment,
        with_steps(density, density * temperature),
        np.ascontiguousarray(rms),
        with_steps(dark),
        _slosh_table(anatomy, q_mpc),
        emissivity,
    )


def emissivity_table(
    band: EnergyBand, redshift: float, metallicity: float, column_density_cm2: float
) -> np.ndarray:
    """Return the two emissivities on the kernel's temperatures, (temperature, 2) float32.

    The first is bolometric in the rest frame, in 1e40 erg s^-1 Mpc^-3 per cm^-6 of squared electron density, the second
    photons in the observer's band in 1e50 s^-1 Mpc^-3 per cm^-6.
    """
    kev = nodes(KEV_OCTAVES, FINE_BITS)[:-1]
    coarse = np.geomspace(kev[0], kev[-1], _EMISSIVITY_NODES)
    known = np.minimum(coarse, HOTTEST_KEV)
    energy = cooling_function(known, BOLOMETRIC, metallicity=metallicity)
    photons = cooling_function(
        known,
        band,
        redshift=redshift,
        metallicity=metallicity,
        column_density_cm2=column_density_cm2,
        photons=True,
    )
    volume = N_H_OVER_N_E * CM_PER_MPC**3
    table = np.empty((len(kev), 2), np.float32)
    for i, (values, unit) in enumerate(
        ((energy, SURFACE_BRIGHTNESS_UNIT), (photons, PHOTON_BRIGHTNESS_UNIT))
    ):
        table[:, i] = in_logarithms(kev, coarse, np.maximum(values, 1e-60)) * (volume / unit)
    return table


def orientation(seed: int, cluster_index: int, sight_line: int) -> np.ndarray:
    """Return the rotation from the cluster's frame to the sky of one line of sight, uniform over the sphere, (3, 3)."""
    w, x, y, z = _unit(Key(seed, Stream.SIGHT_LINE, cluster_index, sight_line).normal(4))
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def sky_form(axes: np.ndarray, to_sky: np.ndarray) -> np.ndarray:
    """Return the quadratic form of an ellipsoid on the sky, V diag(1/a^2) V^T, (3, 3)."""
    return np.asarray((to_sky / axes**2) @ to_sky.T)


def scene_of(prepared: Prepared, to_sky: np.ndarray, depth_mpc: float, step: float = NODE_STEP) -> Scene:
    """Return what a line of sight sees: every vector rotated to the sky, every record as the kernel's rows."""
    cluster, host = prepared.anatomy, prepared.anatomy.host
    r200, r500 = cluster.r200c_mpc, cluster.r500c_mpc
    to_cluster = to_sky.T
    turbulence_tile, environment_tile = TURBULENCE_TILE_R500 * r500, environment_tile_mpc(cluster, depth_mpc)
    first = np.flatnonzero(host.ln_environment_rms > 0.0)
    environment_from = host.radius_mpc[max(first[0] - 1, 0)] if len(first) else np.inf
    return Scene(
        depth=depth_mpc,
        host_scale=_HOST_SCALE_R200 * r200,
        step=step,
        gas_form=_coefficients(sky_form(host.gas_axes, to_sky) / r200**2),
        gas_table=prepared.gas_table,
        rms_table=prepared.rms_table,
        dark_form=_coefficients(sky_form(host.dark_axes, to_sky) / r200**2),
        dark_table=prepared.dark_table,
        emissivity=prepared.emissivity,
        clumps=_clump_rows(cluster.gas_clumps, to_sky, depth_mpc),
        filaments=_filament_rows(cluster, to_sky),
        to_cluster=to_cluster.astype(np.float32),
        slosh_table=prepared.slosh_table,
        slosh_radius=float(_SLOSH_REACH * cluster.core.slosh_mpc if cluster.core.slosh_amplitude else 0.0),
        shocks=_shock_rows(cluster, to_sky),
        cavities=_cavity_rows(cluster, to_sky),
        cavities_radius=_cavities_radius(cluster),
        turbulence_to_cells=_cells(to_cluster, prepared.turbulence, turbulence_tile),
        turbulence_cube=prepared.turbulence.cube,
        turbulence_half_variance=np.float32(0.5 * prepared.turbulence.variance),
        turbulence_correlation=T_DENSITY_CORRELATION,
        turbulence_radius=_last_radius_mpc(host),
        environment_to_cells=_cells(to_cluster, prepared.environment, environment_tile),
        environment_cube=prepared.environment.cube,
        environment_half_variance=np.float32(0.5 * prepared.environment.variance),
        environment_radius=float(min(environment_from * host.gas_axes.min(), 1e6)),
    )


def environment_tile_mpc(cluster: Anatomy, depth_mpc: float) -> float:
    """Return the period of the large-scale field [Mpc]: the depth of the column, or 6 R200."""
    return max(depth_mpc, 6.0 * cluster.r200c_mpc)


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / math.sqrt(float(vector @ vector)))


def _at(host: Host, table: np.ndarray, q_mpc: np.ndarray) -> np.ndarray:
    return in_logarithms(q_mpc, host.radius_mpc, np.maximum(table, 1e-30))


def _last_radius_mpc(host: Host) -> float:
    """Return the radius outside which no gas is turbulent, 0 if none is [Mpc, proper]."""
    stirred = np.flatnonzero(host.ln_density_rms > 0.0)
    last = min(int(stirred[-1]) + 1, len(host.radius_mpc) - 1) if len(stirred) else 0
    return float(host.radius_mpc[last] * host.gas_axes.max()) if len(stirred) else 0.0


def _cells(to_cluster: np.ndarray, field: Field, tile_mpc: float) -> np.ndarray:
    return (to_cluster * (field.n_cells / tile_mpc)).astype(np.float32)


def _coefficients(form: np.ndarray) -> np.ndarray:
    xx, yy, zz = np.diag(form)
    return np.array([xx, yy, zz, 2 * form[0, 1], 2 * form[0, 2], 2 * form[1, 2]], np.float32)


def _slosh_table(cluster: Anatomy, q_mpc: np.ndarray) -> np.ndarray:
    core = cluster.core
    u = q_mpc / max(core.slosh_mpc, 1e-6)
    amplitude = core.slosh_amplitude * np.exp(-(u**2))
    phase = core.slosh_phase_rad - 3.0 * np.log(u + 0.02)
    table = np.stack([amplitude * np.cos(phase), amplitude * np.sin(phase)], axis=1)[:-1]
    return np.ascontiguousarray(table.astype(np.float32))


def _clump_rows(clumps: GasClumps, to_sky: np.ndarray, depth_mpc: float) -> np.ndarray:
    rows = np.empty((len(clumps.density), 7), np.float32)
    rows[:, :3] = clumps.position_mpc @ to_sky.T
    rows[:, 3] = clumps.density * ELECTRONS_CM3_PER_MSUN_MPC3
    rows[:, 4] = clumps.core_mpc**-2.0
    rows[:, 5] = clumps.truncation_mpc**-2.0
    rows[:, 6] = clumps.temperature_kev
    # A body belongs to the column or not, gas and dark matter alike, by where its centre is.
    return rows[np.abs(rows[:, 2]) < 0.5 * depth_mpc]


def _filament_rows(cluster: Anatomy, to_sky: np.ndarray) -> np.ndarray:
    filaments = cluster.filaments
    rows = np.empty((len(filaments.gas_density), 9), np.float32)
    rows[:, :3] = filaments.direction @ to_sky.T
    rows[:, 3] = filaments.gas_density * ELECTRONS_CM3_PER_MSUN_MPC3
    rows[:, 4] = filaments.radius_mpc**-2.0
    rows[:, 5] = filaments.length_mpc**-2.0
    rows[:, 6] = filaments.hole_mpc**2.0
    rows[:, 7] = filaments.temperature_kev
    rows[:, 8] = filaments.dark_density
    return rows


def _shock_rows(cluster: Anatomy, to_sky: np.ndarray) -> np.ndarray:
    core = cluster.core
    if core.shock_strength <= 0.0:
        return np.empty((0, 5), np.float32)
    return np.array(
        [[*(to_sky @ core.shock_position_mpc), 0.5 / core.shock_radius_mpc**2, core.shock_strength]],
        np.float32,
    )


def _cavity_rows(cluster: Anatomy, to_sky: np.ndarray) -> np.ndarray:
    core = cluster.core
    position = core.cavity_position_mpc @ to_sky.T
    return np.column_stack([position, core.cavity_radius_mpc**2.0]).astype(np.float32)


def _cavities_radius(cluster: Anatomy) -> float:
    core = cluster.core
    distance = np.sqrt((core.cavity_position_mpc**2).sum(axis=1))
    return float(np.max(distance + core.cavity_radius_mpc, initial=0.0))
