"""The stars of a cluster: the brightest galaxy, intracluster light and satellites."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy.special import ndtr

from zwicky.simulations.painter.anatomy import Galaxies
from zwicky.simulations.painter.drawing.population import Traits
from zwicky.simulations.painter.drawing.radial import X, enclosed, enclosed_of_shells
from zwicky.simulations.painter.settings import PainterPhysics

SATELLITE_MPC: Final = 0.012
NEIGHBOUR_MPC: Final = 0.02
SECOND_BRIGHTEST_MPC: Final = 0.03
"""Standard deviations of galaxies; the satellites' is near the half-light radius of a massive galaxy (choices)."""

# Quantiles of the radius of a three-dimensional Gaussian, in standard deviations: five shells of equal mass.
_SHELLS: Final = np.array([0.764, 1.194, 1.538, 1.914, 2.500])


def stellar_mass_msun(halo_mass_msun: np.ndarray) -> np.ndarray:
    """Return the stars of the central galaxy of a halo [Msun].

    m = 2 N M / ((M / M1)^-1.376 + (M / M1)^0.55) with N = 0.0351 and log10 M1 = 11.59: form of Moster et al.
    2013, eq. 2 at z = 0, with a bright end that falls a little less (0.55 instead of 0.608, a choice).
    """
    ratio = halo_mass_msun / 10.0**11.59
    return np.asarray(0.0702 * halo_mass_msun / (ratio**-1.376 + ratio**0.55))


@lru_cache(maxsize=1)
def host_star_shapes() -> np.ndarray:
    """Return the densities of the brightest galaxy and of intracluster light, (2, radius), for a mass of 1 each.

    In units of the nominal R200: a cusp of slope -1.2 that bends to -3.4 at 0.012, and a core of 0.13 with an
    edge at 0.9 (choices).
    """
    galaxy = (X / 0.012) ** -1.2 * (1.0 + X / 0.012) ** -2.2
    diffuse = (X / 0.13 + 0.1) ** -1.5 / (1.0 + (X / 0.13) ** 2) / (1.0 + (X / 0.9) ** 4)
    return np.stack([galaxy / enclosed(galaxy)[-1], diffuse / enclosed(diffuse)[-1]])


def bcg_msun(physics: PainterPhysics, traits: Traits, m500c_msun: float) -> float:
    """Return the stars of the brightest galaxy [Msun]: a power of the mass, form of Kravtsov et al. 2018."""
    scatter = np.exp(physics.sigma_ln_bcg * traits.deviates["bcg"])
    return float(physics.bcg_msun * (m500c_msun / 1e14) ** physics.bcg_slope * scatter)


def stars_inside(galaxies: Galaxies, unit_mpc: float) -> np.ndarray:
    """Return the mass of galaxies inside spheres, (radius,) [Msun]."""
    distance = np.maximum(np.linalg.norm(galaxies.position_mpc, axis=1) / unit_mpc, 1e-6)
    radius = galaxies.width_mpc[:, None] / unit_mpc * _SHELLS
    return enclosed_of_shells(distance, radius, np.repeat(galaxies.mass_msun[:, None] / 5.0, 5, axis=1))


def stars_within(galaxies: Galaxies, radius_mpc: float) -> float:
    """Return the mass of galaxies inside one sphere, much larger than they are [Msun]."""
    distance_mpc = np.sqrt((galaxies.position_mpc**2).sum(axis=1))
    return float(galaxies.mass_msun @ ndtr((radius_mpc - distance_mpc) / galaxies.width_mpc))


_AS_DRAWN: Final = (
    3.5  # factor by which satellites may differ from the mean relation without help from the light
)


@dataclass(frozen=True)
class StarShares:
    """Who has the stars.

    Parameters
    ----------
    brightest, light : float [Msun]
        Of the brightest galaxy and of intracluster light, in all.
    scale : float [1]
        What the masses of satellites are multiplied by.
    """

    brightest: float
    light: float
    scale: float


def share_stars(
    target_msun: float,
    brightest_msun: float,
    light_msun: float,
    brightest_inside: float,
    light_inside: float,
    second_inside: float,
    satellites_msun: float,
) -> StarShares:
    """Share out the stars that R500 is to hold.

    The brightest galaxies get what was drawn for them, at most 70 per cent together. Satellites are made lighter
    or heavier so that intracluster light is what was drawn, but at most 3.5 times lighter; from 3.5 times heavier
    on, light takes half of the excess in the logarithm: it stands for the galaxies whose haloes dissolved. It has
    at least 5 per cent. All limits are choices.

    Parameters
    ----------
    target_msun : float [Msun]
        Of all stars inside R500.
    brightest_msun, light_msun : float [Msun]
        Drawn: of the brightest galaxy in all, and of the light inside R500.
    brightest_inside, light_inside : float [1]
        Share of them that is inside R500.
    second_inside : float [1]
        Inside R500 of the brightest galaxy of a merging cluster, in masses of the host's.
    satellites_msun : float [Msun]
        Inside R500, before they are scaled.
    """
    galaxies = brightest_inside + second_inside
    brightest = min(brightest_msun, 0.7 * target_msun / galaxies)
    left, least = target_msun - brightest * galaxies, 0.05 * target_msun
    scale = 1.0
    if satellites_msun > 0.0:
        wanted = max((left - light_msun) / satellites_msun, 1.0 / _AS_DRAWN)
        scale = wanted if wanted < _AS_DRAWN else math.sqrt(_AS_DRAWN * wanted)
        scale = min(scale, (left - least) / satellites_msun)
    return StarShares(brightest, (left - scale * satellites_msun) / light_inside, scale)
