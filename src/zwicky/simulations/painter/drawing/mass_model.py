"""The balance of a cluster: amplitudes of its parts such that its label, its gas and its stars are what was drawn.

Everything is drawn at the size of a smooth halo of the labelled mass. What is added and left out makes the
sphere of 200 critical densities another one: its radius is x200 nominal radii. Then all lengths are divided
by x200 at fixed density, and the mass inside 200 critical densities is the label exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.simulations.painter.anatomy import Galaxies
from zwicky.simulations.painter.drawing.population import Traits
from zwicky.simulations.painter.drawing.radial import X, enclosed, radius_of_density, value_at
from zwicky.simulations.painter.drawing.stars import (
    StarShares,
    bcg_msun,
    share_stars,
    stars_inside,
    stars_within,
)
from zwicky.simulations.painter.settings import PainterPhysics

_ROUNDS: Final = 5  # the balance moves M500 by a per cent, and each round corrects a tenth of the rest
_GAS_INFALL: Final = 0.9  # of the cosmic share, in the matter that falls in (a choice)


@dataclass(frozen=True)
class Measured:
    """The spheres of a finished cluster.

    Parameters
    ----------
    x200, x500 : float [nominal R200c]
        Radii of 200 and 500 critical densities, as found.
    unit_mpc : float [Mpc, proper]
        The nominal radius after all lengths were rescaled.
    r500c_mpc : float [Mpc, proper]
        Radius of 500 critical densities.
    m500c_msun : float [Msun]
        Mass inside.
    gas_fraction, star_fraction : float [1]
        Of that mass.
    """

    x200: float
    x500: float
    unit_mpc: float
    r500c_mpc: float
    m500c_msun: float
    gas_fraction: float
    star_fraction: float


@dataclass(frozen=True, eq=False)
class Budget:
    """Masses inside spheres at nominal size, (radius,) [Msun] where not said otherwise.

    Parameters
    ----------
    dark, gas, stars : (radius,) array [Msun]
        Of all that is not balanced: clumps, merger, filaments, infall and the mean density; the stars are those of
        neighbours, far outside R500.
    host_dark, host_gas : (radius,) array [any]
        Of the host, before their amplitudes.
    host_stars : (2, radius) array [1]
        Of the brightest galaxy and the diffuse light, over their masses.
    second : Galaxies
        The brightest galaxy of a merging cluster, in masses of that of the host.
    satellites : Galaxies
        Before they are scaled.
    host_msun : float [Msun]
        That the host has inside the nominal R200, without infall.
    """

    dark: np.ndarray
    gas: np.ndarray
    stars: np.ndarray
    host_dark: np.ndarray
    host_gas: np.ndarray
    host_stars: np.ndarray
    second: Galaxies
    satellites: Galaxies
    host_msun: float


@dataclass(frozen=True, eq=False)
class Balance:
    """Amplitudes at nominal size, and what they make.

    Parameters
    ----------
    dark, gas : float [any]
        Of the host's shapes.
    stars : StarShares
        Of the brightest galaxy, the diffuse light and the satellites.
    total_msun : (radius,) array [Msun]
        All mass inside spheres, at nominal size.
    measured : Measured
        Its spheres.
    """

    dark: float
    gas: float
    stars: StarShares
    total_msun: np.ndarray
    measured: Measured


def host_dark_shape(traits: Traits) -> np.ndarray:
    """Return the density of the host's dark matter in arbitrary units, (radius,).

    NFW (1 + (r / r_t)^4)^-2 with r_t = (1.9 - 0.18 nu) R200m: form of Diemer & Kravtsov 2014, eqs. 4 and 6,
    with an NFW instead of an Einasto profile. The fit ends at nu = 5 here, beyond the haloes it was made for.
    """
    c_x = traits.concentration * X
    cut = (1.9 - 0.18 * min(traits.peak_height, 5.0)) * traits.x200m
    return 1.0 / (c_x * (1.0 + c_x) ** 2 * (1.0 + (X / cut) ** 4) ** 2)


def infall_densities(traits: Traits) -> tuple[np.ndarray, np.ndarray]:
    """Return the densities of infalling dark matter and gas above the mean, two (radius,) [Msun Mpc^-3].

    rho_m (r / 5 R200m)^-1.5 together: Diemer & Kravtsov 2014, eq. 4 with b_e = 1 and s_e = 1.5, softened in
    the centre. Gas has 0.9 of the cosmic share outside R200, and none inside, where the cluster's own is
    (choices).
    """
    mean = traits.cosmology.mean_density_msun_mpc3(traits.redshift)
    matter = mean * (X / (5.0 * traits.x200m) + 0.03) ** -1.5
    gas = _GAS_INFALL * traits.baryon_fraction * matter * X**4 / (1.0 + X**4)
    return matter - gas, gas


def mean_inside(traits: Traits) -> tuple[np.ndarray, np.ndarray]:
    """Return the masses inside spheres of the mean dark matter and gas of the universe, two (radius,) [Msun]."""
    mean = traits.cosmology.mean_density_msun_mpc3(traits.redshift)
    matter = 4.0 * np.pi / 3.0 * mean * (X * traits.r200c_mpc) ** 3
    return (1.0 - traits.baryon_fraction) * matter, traits.baryon_fraction * matter


def inside(density_msun_mpc3: np.ndarray, traits: Traits) -> np.ndarray:
    """Return the mass inside spheres of a spherical mean density, (radius,) [Msun], at nominal size."""
    return enclosed(density_msun_mpc3) * traits.r200c_mpc**3


def balance(physics: PainterPhysics, traits: Traits, budget: Budget) -> Balance:
    """Find the amplitudes for which gas and stars inside R500 are the drawn fractions of the finished M500.

    Gas and stars take their share, the host's dark matter the rest of the host's mass; that moves R500, and so the
    targets, a little: they are found by iteration.
    """
    galaxies = [stars_inside(g, traits.r200c_mpc) for g in (budget.second, budget.satellites)]
    host = np.stack([budget.host_dark, budget.host_gas, *budget.host_stars])
    dark1, gas1, brightest1, light1 = value_at(host, 1.0).tolist()
    density_unit = traits.critical_density_msun_mpc3 * traits.r200c_mpc**3
    x200, x500 = 1.0, traits.x500
    for _ in range(_ROUNDS):
        gas, stars = _baryons(physics, traits, budget, x200, x500)
        dark = (budget.host_msun - gas * gas1 - stars.brightest * brightest1 - stars.light * light1) / dark1
        total_gas = budget.gas + gas * budget.host_gas
        host_stars = stars.brightest * budget.host_stars[0] + stars.light * budget.host_stars[1]
        total = budget.dark + dark * budget.host_dark + total_gas + budget.stars + host_stars
        total = total + stars.brightest * galaxies[0] + stars.scale * galaxies[1]
        x200, x500 = (radius_of_density(total / density_unit, overdensity) for overdensity in (200.0, 500.0))
    r500_mpc = x500 * traits.r200c_mpc
    gas_msun, stars_msun = value_at(np.stack([total_gas, host_stars]), x500).tolist()
    stars_msun += stars.brightest * stars_within(budget.second, r500_mpc)
    stars_msun += stars.scale * stars_within(budget.satellites, r500_mpc)
    m500c_msun = _m500c_msun(traits, x200, x500)
    measured = Measured(
        x200=x200,
        x500=x500,
        unit_mpc=traits.r200c_mpc / x200,
        r500c_mpc=r500_mpc / x200,
        m500c_msun=m500c_msun,
        gas_fraction=gas_msun / x200**3 / m500c_msun,
        star_fraction=stars_msun / x200**3 / m500c_msun,
    )
    return Balance(dark, gas, stars, total, measured)


def _baryons(
    physics: PainterPhysics, traits: Traits, budget: Budget, x200: float, x500: float
) -> tuple[float, StarShares]:
    """Return the gas amplitude and the stars that give a cluster with these spheres the drawn fractions."""
    m500c_msun = _m500c_msun(traits, x200, x500)
    log10_m500c = float(np.log10(m500c_msun))
    grown = x200**3  # from masses of the finished cluster to nominal ones
    gas_target = gas_fraction(physics, traits, log10_m500c) * m500c_msun * grown
    star_target = star_fraction(physics, traits, log10_m500c) * m500c_msun * grown
    tables = np.stack([budget.gas, budget.host_gas, *budget.host_stars])
    gas0, gas1, brightest1, light1 = value_at(tables, x500).tolist()
    # The clumps never hold nearly all the gas of R500; 5 per cent is a guard against extreme settings.
    gas = max(gas_target - gas0, 0.05 * gas_target) / gas1
    light = physics.intracluster_share * np.exp(
        physics.sigma_ln_intracluster * traits.deviates["intracluster"]
    )
    radius_mpc = x500 * traits.r200c_mpc
    stars = share_stars(
        star_target,
        bcg_msun(physics, traits, m500c_msun) * grown,
        float(light * star_target),
        brightest1,
        light1,
        stars_within(budget.second, radius_mpc),
        stars_within(budget.satellites, radius_mpc),
    )
    return gas, stars


def _m500c_msun(traits: Traits, x200: float, x500: float) -> float:
    """Return M500c of a cluster whose M200c is the label [Msun]."""
    return 2.5 * (x500 / x200) ** 3 * traits.m200c_msun


def gas_fraction(physics: PainterPhysics, traits: Traits, log10_m500c: float) -> float:
    """Return the drawn gas inside R500 over all mass [1], at most the cosmic share of baryons."""
    return min(physics.gas_fraction.at(log10_m500c, traits.deviates["gas_fraction"]), traits.baryon_fraction)


def star_fraction(physics: PainterPhysics, traits: Traits, log10_m500c: float) -> float:
    """Return the drawn stars inside R500 over all mass [1]."""
    return physics.star_fraction.at(log10_m500c, traits.deviates["star_fraction"])
