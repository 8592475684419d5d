"""Who a cluster is: its label, the deviates that tell it from the mean of its mass, and its shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtri

from zwicky.core.cosmology import Cosmology
from zwicky.core.masses import M200C
from zwicky.core.randomness import Key, Stream
from zwicky.physics.nfw import mu
from zwicky.simulations.painter.drawing.radial import X, radius_of_density
from zwicky.simulations.painter.drawing.structure import Structure, structure_at
from zwicky.simulations.painter.settings import LATENTS, PainterPhysics, PainterSettings

OWN: Final = (
    "gas_slope",
    "gas_steepening",
    "gas_steepening_radius",
    "bcg",
    "intracluster",
    "shock_radius",
    "y_amplitude",
)
"""Deviates that correlate with nothing."""

_N_UNIFORM: Final = 24  # LATENTS, OWN and the middle axis, with room for more


@dataclass(frozen=True, eq=False)
class Traits:
    """One cluster before anything is put into it.

    Parameters
    ----------
    m200c_msun : float [Msun]
        The label.
    redshift : float [1]
        Of the cluster.
    cosmology : Cosmology
        In which it lives.
    r200c_mpc : float [Mpc, proper]
        Radius of the label, and the nominal unit of length.
    structure : Structure
        Statistics of haloes at its redshift.
    deviates : dict of str to float [1]
        Of LATENTS and OWN: standard normal, times the scatter of the settings.
    concentration, peak_height : float [1]
        c200c of the smooth halo; nu.
    x500, x200m : float [nominal R200c]
        Radii of the smooth halo, an NFW profile: of 500 critical and of 200 mean densities.
    dark_axes : (3,) array [1]
        Semi-axes, longest first; their product is 1.
    """

    m200c_msun: float
    redshift: float
    cosmology: Cosmology
    r200c_mpc: float
    structure: Structure
    deviates: dict[str, float]
    concentration: float
    peak_height: float
    x500: float
    x200m: float
    dark_axes: np.ndarray

    @property
    def critical_density_msun_mpc3(self) -> float:
        """The unit of overdensities [Msun Mpc^-3]."""
        return self.cosmology.critical_density_msun_mpc3(self.redshift)

    @property
    def baryon_fraction(self) -> float:
        """Cosmic: baryons over all matter [1]."""
        return self.cosmology.omega_b / self.cosmology.omega_m


def label(settings: PainterSettings, seed: int, cluster_index: int) -> tuple[float, float]:
    """Return M200c [Msun] and the redshift of a cluster, without drawing anything else."""
    u_mass, u_interval, u_redshift = Key(seed, Stream.MASS_AND_REDSHIFT, cluster_index).uniform(3)
    if settings.population == "light_cone":
        log10_m200c, redshift = settings.haloes.draw(u_mass, u_redshift)
        return float(10.0**log10_m200c), float(redshift)
    low, high = settings.log10_m200c_range
    edges = settings.redshift_edges
    i = min(int(u_interval * (len(edges) - 1)), len(edges) - 2)
    redshift = edges[i] + u_redshift * (edges[i + 1] - edges[i])
    return float(10.0 ** (low + u_mass * (high - low))), float(redshift)


def draw_traits(settings: PainterSettings, seed: int, cluster_index: int) -> Traits:
    """Draw who a cluster is."""
    physics, cosmology = settings.cluster_physics, settings.universe
    m200c_msun, redshift = label(settings, seed, cluster_index)
    uniform = Key(seed, Stream.LATENTS, cluster_index).uniform(_N_UNIFORM)
    deviates, u_axis = deviates_of(uniform, physics)
    structure = structure_at(cosmology, redshift)
    log10_m200c = float(np.log10(m200c_msun))
    median = physics.concentration_factor * structure.concentration_at(log10_m200c)
    concentration = float(median * np.exp(physics.sigma_ln_concentration * deviates["concentration"]))
    concentration = min(max(concentration, 1.5), 14.0)  # a choice: what a painted cluster can be
    smooth = 4.0 * np.pi / 3.0 * 200.0 * mu(concentration * X) / mu(concentration)
    peak_height = structure.peak_height_at(log10_m200c)
    return Traits(
        m200c_msun=m200c_msun,
        redshift=redshift,
        cosmology=cosmology,
        r200c_mpc=M200C.radius_mpc(m200c_msun, redshift, cosmology),
        structure=structure,
        deviates=deviates,
        concentration=concentration,
        peak_height=peak_height,
        x500=radius_of_density(smooth, 500.0),
        x200m=radius_of_density(smooth, 200.0 * 200.0 / structure.overdensity),
        dark_axes=dark_axes(physics, peak_height, deviates["shape"], u_axis),
    )


def deviates_of(uniform: np.ndarray, physics: PainterPhysics) -> tuple[dict[str, float], float]:
    """Return the deviates by name, and the uniform number of the middle axis."""
    normal = physics.scatter * ndtri(uniform[: len(LATENTS) + len(OWN)])
    normal[: len(LATENTS)] = physics.latent_factors @ normal[: len(LATENTS)]
    return dict(zip((*LATENTS, *OWN), normal.tolist(), strict=True)), float(uniform[len(normal)])


def dark_axes(physics: PainterPhysics, peak_height: float, shape: float, u_axis: float) -> np.ndarray:
    """Return the semi-axes of the dark matter, (3,), longest first, of product 1.

    The mean of c/a falls with peak height (form of Jing & Suto 2002 and Bonamigo et al. 2015); b/a is uniform
    in the middle 70 per cent between c/a and 1 (a choice).

    Parameters
    ----------
    physics : PainterPhysics
        Mean and scatter of c/a.
    peak_height : float [1]
        nu.
    shape : float [1]
        Deviate: positive makes the cluster longer.
    u_axis : float [1]
        Uniform number.
    """
    if not physics.triaxial:
        return np.ones(3)
    mean = physics.axis_ratio + physics.axis_ratio_slope * (peak_height - 2.5)
    shortest = min(max(mean - physics.sigma_axis_ratio * shape, 0.28), 0.95)
    middle = shortest + (1.0 - shortest) * (0.15 + 0.7 * u_axis)
    axes = np.array([1.0, middle, shortest])
    return axes / np.cbrt(axes.prod())
