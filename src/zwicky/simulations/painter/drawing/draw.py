"""One cluster, drawn: from a seed and an index to everything that a line of sight needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final, TypeVar

import numpy as np
from astropy import units as u

from zwicky.simulations.painter.anatomy import (
    Anatomy,
    CoreDetail,
    DarkClumps,
    Filaments,
    Galaxies,
    GasClumps,
    Host,
    MergingHalo,
)
from zwicky.simulations.painter.drawing.environment import Environment, draw_environment, filament_density
from zwicky.simulations.painter.drawing.gas import (
    clumps_of,
    compression_mean,
    core_of,
    draw_core,
    fluctuation_rms,
    gas_shape,
    nonthermal_amplitude,
    stirring_mean,
    temperature_kev,
)
from zwicky.simulations.painter.drawing.mass_model import (
    Balance,
    Budget,
    balance,
    gas_fraction,
    host_dark_shape,
    infall_densities,
    inside,
    mean_inside,
)
from zwicky.simulations.painter.drawing.population import Traits, draw_traits, label
from zwicky.simulations.painter.drawing.radial import X, sphere_average
from zwicky.simulations.painter.drawing.stars import (
    SECOND_BRIGHTEST_MPC,
    bcg_msun,
    host_star_shapes,
    stars_inside,
)
from zwicky.simulations.painter.drawing.substructure import (
    Merger,
    Subhaloes,
    dark_clumps_inside,
    draw_merger,
    draw_subhaloes,
    merging_halo_inside,
    no_galaxies,
)
from zwicky.simulations.painter.settings import PainterPhysics, PainterSettings

__all__ = ["draw", "label"]

RecordT = TypeVar("RecordT", DarkClumps, MergingHalo, GasClumps, Galaxies, Filaments, CoreDetail)

GAS_ROUNDNESS: Final = 0.45
STAR_ROUNDNESS: Final = 1.1
"""Powers of the dark matter's axes: gas follows the rounder potential, stars the dark matter (choices)."""


_SUPPORT_BY_MERGER: Final = (
    0.5  # share of a second cluster's mass whose gravity the host's gas feels (a choice)
)
_POWERS: Final = {"_mpc": 1, "_msun": 3, "_kev": 2}


@dataclass(frozen=True, eq=False)
class Parts:
    """All that was drawn, at nominal size.

    Parameters
    ----------
    subhaloes : Subhaloes
        Inside the cluster.
    merger : Merger or None
        The second cluster.
    environment : Environment
        The surroundings.
    core : CoreDetail
        What stirs the gas.
    gas_clumps : GasClumps
        The gas of all these haloes.
    gas_clumps_inside : (radius,) array [Msun]
        Their mass inside spheres.
    """

    subhaloes: Subhaloes
    merger: Merger | None
    environment: Environment
    core: CoreDetail
    gas_clumps: GasClumps
    gas_clumps_inside: np.ndarray


@dataclass(frozen=True, eq=False)
class Shapes:
    """Tables of the host against the elliptical radius, (radius,), before the balance.

    Parameters
    ----------
    dark, gas : (radius,) array [any]
        Of the host's own matter.
    stars : (2, radius) array [any]
        Of the brightest galaxy and the diffuse light, for a mass of 1.
    dark_infall, gas_infall : (radius,) array [Msun Mpc^-3]
        Of the matter that falls in.
    gas_axes, star_axes : (3,) array [1]
        Semi-axes.
    """

    dark: np.ndarray
    gas: np.ndarray
    stars: np.ndarray
    dark_infall: np.ndarray
    gas_infall: np.ndarray
    gas_axes: np.ndarray
    star_axes: np.ndarray


def draw(settings: PainterSettings, seed: int, cluster_index: int) -> Anatomy:
    """Draw one cluster.

    The same for the same arguments, bit for bit, whatever was drawn before.

    Parameters
    ----------
    settings : PainterSettings
        What is drawn.
    seed : int
        Another seed is another universe.
    cluster_index : int
        Which cluster.
    """
    physics = settings.cluster_physics
    traits = draw_traits(settings, seed, cluster_index)
    parts = _draw_parts(settings, physics, traits, seed, cluster_index)
    shapes = _shapes(physics, traits)
    budget, environment_msun = _budget(traits, parts, shapes)
    found = balance(physics, traits, budget)
    support_msun = found.total_msun - environment_msun
    host = _host(physics, traits, shapes, found, support_msun)
    return _finished(physics, traits, parts, found, host)


def _draw_parts(
    settings: PainterSettings, physics: PainterPhysics, traits: Traits, seed: int, cluster_index: int
) -> Parts:
    nominal_m500c_msun = 2.5 * traits.x500**3 * traits.m200c_msun
    fraction = gas_fraction(physics, traits, float(np.log10(nominal_m500c_msun)))
    brightest_msun = bcg_msun(physics, traits, nominal_m500c_msun)
    merger = draw_merger(physics, traits, fraction, brightest_msun, seed, cluster_index)
    share = 0.0 if merger is None else merger.mass_msun / traits.m200c_msun
    subhaloes = draw_subhaloes(physics, traits, share, seed, cluster_index)
    environment = draw_environment(physics, traits, settings.depth.to_value(u.Mpc), seed, cluster_index)
    gas = [subhaloes.gas, environment.gas]
    second, heat = (None, 0.0) if merger is None else (merger.gas.position_mpc[0], merger.heat)
    core = draw_core(physics, traits, seed, cluster_index, second, heat)
    if merger is not None:
        gas.append(merger.gas)
    return Parts(subhaloes, merger, environment, core, *clumps_of(gas, core, traits.r200c_mpc))


def _shapes(physics: PainterPhysics, traits: Traits) -> Shapes:
    dark_infall, gas_infall = infall_densities(traits)
    return Shapes(
        dark=host_dark_shape(traits),
        gas=gas_shape(physics, traits),
        stars=host_star_shapes(),
        dark_infall=dark_infall,
        gas_infall=gas_infall,
        gas_axes=traits.dark_axes**GAS_ROUNDNESS,
        star_axes=traits.dark_axes**STAR_ROUNDNESS,
    )


def _budget(traits: Traits, parts: Parts, shapes: Shapes) -> tuple[Budget, np.ndarray]:
    """Return the masses inside spheres, and what of them does not hold the host's gas, (radius,) [Msun]."""
    unit, merger, core = traits.r200c_mpc, parts.merger, parts.core
    dark = inside(sphere_average(np.stack([shapes.dark, shapes.dark_infall]), traits.dark_axes), traits)
    gas_tables = np.stack([shapes.gas, shapes.gas_infall]) * stirring_mean(core, X * unit)
    gas = sphere_average(gas_tables, shapes.gas_axes)
    stars = inside(sphere_average(shapes.stars, shapes.star_axes), traits) / unit**3
    merging, second, satellites = np.zeros_like(X), no_galaxies(), parts.subhaloes.galaxies
    if core.shock_strength > 0.0:
        gas = gas * compression_mean(core, X * unit, float(np.linalg.norm(core.shock_position_mpc)))
    if merger is not None:
        merging = merging_halo_inside(merger.halo, unit)
        second = _second_brightest(merger, 1.0)
        satellites = _joined([satellites, merger.satellites])
    gas = inside(gas, traits)
    mean_dark, mean_gas = mean_inside(traits)
    neighbours = dark_clumps_inside(parts.environment.dark, unit)
    filaments = inside(filament_density(parts.environment.filaments, unit), traits)
    clumps = dark_clumps_inside(parts.subhaloes.dark, unit)
    baryons = traits.baryon_fraction
    budget = Budget(
        dark=dark[1] + mean_dark + (1.0 - baryons) * filaments + clumps + neighbours + merging,
        gas=gas[1] + mean_gas + baryons * filaments + parts.gas_clumps_inside,
        stars=stars_inside(parts.environment.galaxies, unit),
        host_dark=dark[0],
        host_gas=gas[0],
        host_stars=stars,
        second=second,
        satellites=satellites,
        host_msun=_host_msun(traits, parts),
    )
    merger_mass = 0.0 if merger is None else merger.mass_msun / merger.halo.mass_msun
    return budget, neighbours + filaments + (1.0 - _SUPPORT_BY_MERGER) * merger_mass * merging


def _host_msun(traits: Traits, parts: Parts) -> float:
    """Return what subhaloes and a second cluster leave to the host, at least a fifth."""
    share = 0.0 if parts.merger is None else parts.merger.mass_msun / traits.m200c_msun
    return max(1.0 - share - parts.subhaloes.inner_mass_msun / traits.m200c_msun, 0.2) * traits.m200c_msun


def _host(
    physics: PainterPhysics, traits: Traits, shapes: Shapes, found: Balance, support_msun: np.ndarray
) -> Host:
    """Return the tables of the finished host."""
    measured = found.measured
    gas_density = found.gas * shapes.gas + shapes.gas_infall
    stars = found.stars.brightest * shapes.stars[0] + found.stars.light * shapes.stars[1]
    turbulence, environment = fluctuation_rms(physics, traits, measured)
    return Host(
        radius_mpc=X * measured.unit_mpc,
        dark_axes=traits.dark_axes,
        gas_axes=shapes.gas_axes,
        star_axes=shapes.star_axes,
        dark_density=found.dark * shapes.dark + shapes.dark_infall,
        gas_density=gas_density,
        temperature_kev=temperature_kev(
            physics, traits, measured, gas_density, support_msun / measured.x200**3
        ),
        star_density=stars / traits.r200c_mpc**3,
        ln_density_rms=turbulence,
        ln_environment_rms=environment,
    )


def _finished(physics: PainterPhysics, traits: Traits, parts: Parts, found: Balance, host: Host) -> Anatomy:
    """Return the cluster at its size: lengths over x200, masses over x200^3, temperatures over x200^2."""
    measured, merger, subhaloes, surroundings = (
        found.measured,
        parts.merger,
        parts.subhaloes,
        parts.environment,
    )
    shrink = 1.0 / measured.x200
    scale = found.stars.scale
    galaxies = [_heavier(subhaloes.galaxies, scale), surroundings.galaxies]
    if merger is not None:
        galaxies += [_second_brightest(merger, found.stars.brightest), _heavier(merger.satellites, scale)]
    together = _joined(galaxies)
    return Anatomy(
        redshift=traits.redshift,
        cosmology=traits.cosmology,
        m200c_msun=traits.m200c_msun,
        m500c_msun=measured.m500c_msun,
        r200c_mpc=traits.r200c_mpc,
        r500c_mpc=measured.r500c_mpc,
        baryon_fraction=traits.baryon_fraction,
        host=host,
        dark_clumps=_resized(_joined([subhaloes.dark, surroundings.dark]), shrink),
        merging_halo=None if merger is None else _resized(merger.halo, shrink),
        gas_clumps=_resized(parts.gas_clumps, shrink),
        galaxies=replace(_resized(together, shrink), width_mpc=together.width_mpc),
        filaments=_resized(surroundings.filaments, shrink),
        core=_resized(parts.core, shrink),
        properties=_properties(physics, traits, parts, found),
    )


def _properties(physics: PainterPhysics, traits: Traits, parts: Parts, found: Balance) -> dict[str, float]:
    measured, merger = found.measured, parts.merger
    axes, deviates = traits.dark_axes, traits.deviates
    core_slope, core_radius = core_of(physics, traits)
    numbers = {
        "disturbance": deviates["disturbance"],
        "concentration": traits.concentration,
        "peak_height": traits.peak_height,
        "core_state": deviates["core_state"],
        "core_slope": core_slope,
        "core_radius_r500": core_radius,
        "gas_fraction_500": measured.gas_fraction,
        "star_fraction_500": measured.star_fraction,
        "nonthermal_fraction_500": nonthermal_amplitude(physics, traits),
        "ln_y_scatter": physics.sigma_ln_y * deviates["y_amplitude"],
        "merger_mass_ratio": 0.0 if merger is None else merger.mass_ratio,
        "merger_distance_mpc": 0.0 if merger is None else merger.distance_mpc / measured.x200,
        "subhalo_fraction": parts.subhaloes.inner_mass_msun / traits.m200c_msun,
        "axis_ratio_middle": axes[1] / axes[0],
        "axis_ratio_short": axes[2] / axes[0],
        "brightest_galaxy_msun": found.stars.brightest / measured.x200**3,
        "intracluster_msun": found.stars.light / measured.x200**3,
        "satellite_scale": found.stars.scale,
    }
    return {name: float(value) for name, value in numbers.items()}


def _second_brightest(merger: Merger, brightest_msun: float) -> Galaxies:
    """Return the brightest galaxy of the second cluster: lighter by the root of the mass ratio (a choice)."""
    mass_msun = np.array([brightest_msun * np.sqrt(merger.mass_ratio)])
    return Galaxies(merger.halo.position_mpc[None], mass_msun, np.array([SECOND_BRIGHTEST_MPC]))


def _heavier(galaxies: Galaxies, scale: float) -> Galaxies:
    return replace(galaxies, mass_msun=scale * galaxies.mass_msun)


def _joined(records: Sequence[RecordT]) -> RecordT:
    """Return one record with the arrays of all, one after the other."""
    names = [field.name for field in fields(records[0])]
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(record, name) for record in records]) for name in names
    }
    return replace(records[0], **arrays)


def _resized(record: RecordT, factor: float) -> RecordT:
    """Return a record at another size and the same density: each number by the power that its unit asks for."""
    changed: dict[str, Any] = {}
    for field in fields(record):
        for suffix, power in _POWERS.items():
            if field.name.endswith(suffix):
                changed[field.name] = getattr(record, field.name) * factor**power
    return replace(record, **changed)
