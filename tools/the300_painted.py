"""Painted clusters, measured as the halo tables of The Three Hundred are."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from the300_tables import Haloes, velocity_concentration
from zwicky.simulations.painter.anatomy import Anatomy, clump_shape
from zwicky.simulations.painter.draw import draw
from zwicky.simulations.painter.radial import X, enclosed, enclosed_of_shells, sphere_average
from zwicky.simulations.painter.settings import PainterSettings
from zwicky.simulations.painter.stars import stars_inside
from zwicky.simulations.painter.substructure import dark_clumps_inside, merging_halo_inside

LOG10_M200C_RANGE: Final = (13.55, 15.5)
"""M500c / M200c is 0.45 to 0.85: this fills the bins of M500c from 13.5 to 15.3 [dex of Msun]."""

INNERMOST: Final = 0.01
"""Radius from which V_max is looked for [R200c]: near the resolution of the simulations, outside the cusp of stars."""


def paint(preset: str, number: int, physics: dict[str, Any] | None = None, seed: int = 300) -> Haloes:
    """Draw clusters flat in log10 M200c, in the cosmology of the simulations, and measure them.

    Parameters
    ----------
    preset : str
        Of the painter.
    number : int
        How many.
    physics : dict, optional
        Numbers that go before the preset's.
    seed : int
        Of the random numbers.
    """
    settings = PainterSettings(
        preset=preset,
        cosmology="multidark",
        log10_m200c_range=LOG10_M200C_RANGE,
        physics=physics or {},
    )
    rows = [_measured(draw(settings, seed, index)) for index in range(number)]
    return Haloes(*np.array(rows).T, settings.redshift_edges[0])


def _measured(anatomy: Anatomy) -> tuple[float, ...]:
    mass_msun = total_mass_msun(anatomy)
    radius_mpc = anatomy.host.radius_mpc
    inner = (radius_mpc > INNERMOST * anatomy.r200c_mpc) & (radius_mpc < anatomy.r200c_mpc)
    v2_max = float((mass_msun[inner] / radius_mpc[inner]).max())
    v2_ratio = v2_max * anatomy.r200c_mpc / anatomy.m200c_msun
    return (
        float(np.log10(anatomy.m200c_msun)),
        float(np.log10(anatomy.m500c_msun)),
        anatomy.properties["gas_fraction_500"],
        anatomy.properties["star_fraction_500"],
        float(velocity_concentration(np.array(v2_ratio))),
    )


def total_mass_msun(anatomy: Anatomy) -> np.ndarray:
    """Return the mass inside spheres at the radii of the host's tables, (radius,) [Msun], filaments left out."""
    host = anatomy.host
    unit_mpc = float(host.radius_mpc[0] / X[0])
    ellipsoids = (
        (host.dark_density, host.dark_axes),
        (host.gas_density, host.gas_axes),
        (host.star_density, host.star_axes),
    )
    smooth = sum(enclosed(sphere_average(density[None], axes))[0] for density, axes in ellipsoids)
    mean = anatomy.cosmology.mean_density_msun_mpc3(anatomy.redshift) * 4.0 * np.pi / 3.0 * X**3
    mass_msun = (smooth + mean) * unit_mpc**3
    mass_msun = mass_msun + dark_clumps_inside(anatomy.dark_clumps, unit_mpc)
    mass_msun = mass_msun + stars_inside(anatomy.galaxies, unit_mpc) + _gas_clumps_inside(anatomy, unit_mpc)
    if anatomy.merging_halo is not None:
        mass_msun = mass_msun + merging_halo_inside(anatomy.merging_halo, unit_mpc)
    return np.asarray(mass_msun)


def _gas_clumps_inside(anatomy: Anatomy, unit_mpc: float) -> np.ndarray:
    clumps = anatomy.gas_clumps
    edge = np.geomspace(0.02, 4.0, 33)  # in truncation radii: where the shape ends
    middle = np.sqrt(edge[1:] * edge[:-1])
    shape = clump_shape(middle**2, ((clumps.truncation_mpc / clumps.core_mpc) ** 2)[:, None])
    shell_msun = (
        shape * np.diff(edge**3) * (4.0 * np.pi / 3.0 * clumps.density * clumps.truncation_mpc**3)[:, None]
    )
    distance = np.linalg.norm(clumps.position_mpc, axis=1) / unit_mpc
    radius = middle * clumps.truncation_mpc[:, None] / unit_mpc
    return enclosed_of_shells(distance, radius, shell_msun)
