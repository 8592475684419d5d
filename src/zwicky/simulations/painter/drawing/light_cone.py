"""Which haloes there are between us and a redshift: the mass function times the volume, and how bright their gas is.

A cluster of a light cone is drawn from

    dN / (dlog10 M dz) ~ dn/dlog10 M (M200c, z)  dV/dz,

the mass function of Tinker et al. 2008 per comoving volume times the comoving volume per solid angle. A survey sees
none of the faint ones; ``faintest_flux`` leaves out haloes whose mean flux is below it. That saves painting them and
is no selection: the mean is that of observed clusters, and what a preset paints scatters around another one (of 2e14
Msun: twice as bright in gizmo, four times in gadgetx). A limit well below the faintest cluster of a survey, and then
the survey's own selection of what was painted, gives its sample.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
from scipy.integrate import cumulative_trapezoid
from scipy.interpolate import RectBivariateSpline

from zwicky.core.cosmology import Cosmology
from zwicky.core.errors import ConfigError
from zwicky.core.masses import M200C
from zwicky.physics.nfw import mu
from zwicky.physics.plasma import KEV_PER_MSUN2_MPC
from zwicky.physics.xray import EnergyBand
from zwicky.physics.xray_flux import k_correction, sphere_cm2
from zwicky.simulations.painter.drawing.structure import (
    LOG10_HOST_MASS,
    LOG10_PEAK_MASS,
    REDSHIFTS,
    structure_at,
)

SOFT: Final = EnergyBand(0.5, 2.0)
"""Of the fluxes, as they are seen, and of the luminosities, in the frame of the cluster."""

_DELTA_COLLAPSE: Final = 1.68647  # of the peak heights in the tables: the linear overdensity at collapse
_HOTTEST_KEV: Final = 40.0  # spectra end at 43 keV, clusters well below
_N_REDSHIFTS: Final = 200
_N_MASSES: Final = 301
_N_FLUX_MASSES: Final = 64  # flux is close to a power law of mass

# Tinker et al. 2008, table 2: overdensity above the mean, A, a, b, c today.
_TINKER: Final = np.array(
    [
        (200.0, 0.186, 1.47, 2.57, 1.19),
        (300.0, 0.200, 1.52, 2.25, 1.27),
        (400.0, 0.212, 1.56, 2.05, 1.34),
        (600.0, 0.218, 1.61, 1.87, 1.45),
        (800.0, 0.248, 1.87, 1.59, 1.58),
        (1200.0, 0.255, 2.13, 1.51, 1.80),
        (1600.0, 0.260, 2.30, 1.46, 1.97),
        (2400.0, 0.260, 2.53, 1.44, 2.24),
        (3200.0, 0.260, 2.66, 1.41, 2.44),
    ]
).T


def mass_function(log10_m200c: np.ndarray, redshift: float, cosmology: Cosmology) -> np.ndarray:
    """Return the number of haloes per comoving volume and decade of mass.

    Parameters
    ----------
    log10_m200c : (mass,) array [dex of Msun]
        Masses within the tables of peak heights: 12 to 15.9.
    redshift : float [1]
        Of the haloes, above 0 and up to 2.
    cosmology : Cosmology
        One of the tables.

    Returns
    -------
    (mass,) array [Mpc^-3 dex^-1, comoving]
        dn/dlog10 M.

    Raises
    ------
    ConfigError, RedshiftError
        As ``structure_at``.

    Source: Tinker et al. 2008, eqs. 2, 3 and 5 to 8 with table 2, linear in the logarithm of the overdensity.
    Checked by: tests/simulations/painter/test_light_cone.py (colossus).
    """
    overdensity = structure_at(cosmology, redshift).overdensity
    big_a, a, b, c = (np.interp(np.log(overdensity), np.log(_TINKER[0]), row) for row in _TINKER[1:])
    alpha = 10.0 ** -((0.75 / math.log10(overdensity / 75.0)) ** 1.2)
    growth = 1.0 + redshift
    big_a, a, b = big_a * growth**-0.14, a * growth**-0.06, b * growth**-alpha

    ln_mass = math.log(10.0) * np.asarray(log10_m200c, float)
    ln_sigma = _ln_sigma(cosmology)
    at = np.full_like(ln_mass, redshift), ln_mass
    sigma = np.exp(ln_sigma.ev(*at))
    per_ln_mass = -ln_sigma.ev(*at, dy=1)  # dln(1/sigma) / dlnM
    shape = big_a * ((sigma / b) ** -a + 1.0) * np.exp(-c / sigma**2)
    density = cosmology.mean_density_msun_mpc3(0.0)  # of matter, comoving
    return np.asarray(math.log(10.0) * shape * per_ln_mass * density / np.exp(ln_mass))


@lru_cache(maxsize=8)
def _ln_sigma(cosmology: Cosmology) -> RectBivariateSpline:
    """Return ln sigma(M, z) of redshift and ln M, cubic between the nodes of the tables of peak heights."""
    redshifts = np.maximum(REDSHIFTS, 1e-9)  # the tables start at 0, where there is no cluster to ask for
    peak_height = np.array([structure_at(cosmology, z).peak_height for z in redshifts])
    return RectBivariateSpline(
        REDSHIFTS, math.log(10.0) * LOG10_PEAK_MASS, np.log(_DELTA_COLLAPSE / peak_height)
    )


def volume_per_redshift(redshift: float, cosmology: Cosmology) -> float:
    """Return the comoving volume per redshift and solid angle.

    Parameters
    ----------
    redshift : float [1]
        Above 0.
    cosmology : Cosmology
        Flat.

    Returns
    -------
    float [Mpc^3 sr^-1]
        dV/dz.

    Raises
    ------
    RedshiftError
        If the redshift cannot be used.

    Source: Hogg 1999 (astro-ph/9905116), eq. 28.
    Checked by: tests/simulations/painter/test_light_cone.py (astropy).
    """
    comoving_mpc = (1.0 + redshift) * cosmology.angular_diameter_distance_mpc(redshift)
    return 2997.92458 / cosmology.h / cosmology.efunc(redshift) * comoving_mpc**2  # c / (100 km/s/Mpc)


def soft_luminosity(m500c_msun: np.ndarray, redshift: float, cosmology: Cosmology) -> np.ndarray:
    """Return the mean luminosity of clusters of a mass, 0.5-2 keV in their own frame.

    With M = M500c / 2e14 Msun and Z = (1 + z) / 1.35, it is

        3.36e43 erg/s  M^(1.44 - 0.07 ln Z)  (E(z) / E(0.35))^2  Z^-0.51.

    Parameters
    ----------
    m500c_msun : array [Msun]
        Masses.
    redshift : float [1]
        Of the clusters.
    cosmology : Cosmology
        Of E(z).

    Returns
    -------
    array [erg s^-1]
        Of the shape of the masses.

    Source: Chiu et al. 2022, eFEDS with masses by weak lensing; as Krippendorf et al. 2024 use it.
    Checked by: tests/simulations/painter/test_light_cone.py (the pivot, the powers).
    """
    ln_growth = math.log((1.0 + redshift) / 1.35)
    mass = np.asarray(m500c_msun, float) / 2e14
    evolution = (cosmology.efunc(redshift) / cosmology.efunc(0.35)) ** 2 * math.exp(-0.51 * ln_growth)
    return np.asarray(3.36e43 * mass ** (1.44 - 0.07 * ln_growth) * evolution)


def mean_flux(log10_m200c: np.ndarray, redshift: float, cosmology: Cosmology) -> np.ndarray:
    """Return the mean flux of clusters of a mass, 0.5-2 keV as seen, without the hydrogen of our Galaxy.

    M500c is that of an NFW halo of median concentration. The gas has 0.3 solar metals and the virial temperature
    mu m_p G M200c / 2 R200c: it only decides how the band shifts with redshift.

    Parameters
    ----------
    log10_m200c : (mass,) array [dex of Msun]
        Masses within the tables of concentrations: 13 to 15.9.
    redshift : float [1]
        Of the clusters, above 0 and up to 2.
    cosmology : Cosmology
        One of the tables.

    Returns
    -------
    (mass,) array [erg cm^-2 s^-1]
        ``soft_luminosity`` / (4 pi D_L^2 K).

    Raises
    ------
    ConfigError, RedshiftError
        As ``structure_at``.

    Source: as ``soft_luminosity`` and ``k_correction``.
    Checked by: tests/simulations/painter/test_light_cone.py.
    """
    m200c_msun = 10.0 ** np.asarray(log10_m200c, float)
    structure = structure_at(cosmology, redshift)
    c200 = np.exp(np.interp(log10_m200c, LOG10_HOST_MASS, structure.ln_concentration))
    luminosity = soft_luminosity(m200c_msun * m500_per_m200(c200), redshift, cosmology)
    r200c_mpc = M200C.radius_mpc(1.0, redshift, cosmology) * np.cbrt(m200c_msun)
    kt_kev = np.minimum(0.5 * KEV_PER_MSUN2_MPC * m200c_msun / r200c_mpc, _HOTTEST_KEV)
    correction = k_correction(kt_kev, seen=SOFT, emitted=SOFT, redshift=redshift)
    return np.asarray(luminosity / (sphere_cm2(redshift, cosmology) * correction))


def m500_per_m200(c200: np.ndarray) -> np.ndarray:
    """Return M500c / M200c [1] of NFW haloes of these concentrations, 1 to 20: Hu & Kravtsov 2003, appendix C."""
    c = np.geomspace(0.3, 30.0, 2000)
    density = mu(c) / c**3  # inside c scale radii; it falls
    wanted = 2.5 * mu(c200) / c200**3
    c500 = np.exp(np.interp(-np.log(wanted), -np.log(density), np.log(c)))
    return np.asarray(mu(c500) / mu(c200))


@dataclass(frozen=True, eq=False)
class LightCone:
    """Haloes between two redshifts, ready to be drawn.

    Parameters
    ----------
    redshifts : (redshift,) array [1]
        Nodes, even in the logarithm; one alone is a fixed redshift.
    redshift_below : (redshift,) array [1]
        Share of the haloes below each node.
    log10_lowest : (redshift,) array [dex of Msun]
        M200c of the lightest at each node.
    log10_highest : float [dex of Msun]
        M200c of the heaviest.
    mass_below : (redshift, mass) array [1]
        Share of the haloes at a node below a mass; masses are even from the lightest to the heaviest.
    per_deg2 : float [deg^-2]
        How many there are; 0 at a fixed redshift, and per decade at a fixed mass.
    """

    redshifts: np.ndarray
    redshift_below: np.ndarray
    log10_lowest: np.ndarray
    log10_highest: float
    mass_below: np.ndarray
    per_deg2: float

    def draw(self, u_mass: np.ndarray, u_redshift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return haloes by inversion: the redshift rises with ``u_redshift``, the mass there with ``u_mass``.

        Parameters
        ----------
        u_mass, u_redshift : array [1]
            Uniform numbers between 0 and 1.

        Returns
        -------
        log10_m200c : array [dex of Msun]
            Masses.
        redshift : array [1]
            Redshifts.
        """
        n = len(self.redshifts)
        node = np.interp(u_redshift, self.redshift_below, np.arange(n))
        below = np.minimum(np.floor(node).astype(int), max(n - 2, 0))
        t = node - below
        mass = (1.0 - t) * self._mass(below, u_mass) + t * self._mass(np.minimum(below + 1, n - 1), u_mass)
        return mass, np.interp(node, np.arange(n), self.redshifts)

    def _mass(self, row: np.ndarray, u_mass: np.ndarray) -> np.ndarray:
        """Return log10 M200c below which there is a share ``u_mass`` of the haloes at nodes ``row``."""
        place = np.interp(2.0 * row + u_mass, *self._all_rows) - 2.0 * row
        low = self.log10_lowest[row]
        return low + place * (self.log10_highest - low)

    @cached_property
    def _all_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """All rows of ``mass_below`` in one, and their places: those of row i lie between 2 i and 2 i + 1."""
        n, n_masses = self.mass_below.shape
        row = 2.0 * np.arange(n)[:, None]
        return (row + self.mass_below).ravel(), (row + np.linspace(0.0, 1.0, n_masses)).ravel()


@lru_cache(maxsize=16)
def light_cone(
    cosmology: Cosmology,
    log10_m200c_range: tuple[float, float],
    redshift_range: tuple[float, float],
    faintest_flux: float | None = None,
) -> LightCone:
    """Return the haloes within ranges of mass and redshift.

    Parameters
    ----------
    cosmology : Cosmology
        One of the tables.
    log10_m200c_range : (float, float) [dex of Msun]
        Of the masses; twice the same fixes them.
    redshift_range : (float, float) [1]
        Of the redshifts; twice the same fixes them.
    faintest_flux : float, optional [erg cm^-2 s^-1]
        Only haloes of this or a larger ``mean_flux``.

    Returns
    -------
    LightCone
        The same object for the same arguments.

    Raises
    ------
    ConfigError
        If no halo is that bright; as ``structure_at``.
    RedshiftError
        As ``structure_at``.

    Source: Tinker et al. 2008 and Hogg 1999; see the top of this file.
    Checked by: tests/simulations/painter/test_light_cone.py (histograms of draws).
    """
    low, high = log10_m200c_range
    near, far = redshift_range
    if faintest_flux is not None:
        far = _horizon(cosmology, high, (near, far), faintest_flux)
    redshifts = np.unique(np.geomspace(near, far, _N_REDSHIFTS)) if near < far else np.array([near])
    lowest = np.array([_lightest(cosmology, (low, high), z, faintest_flux) for z in redshifts])
    share = np.linspace(0.0, 1.0, _N_MASSES)
    number = np.array(
        [mass_function(m + share * (high - m), z, cosmology) for m, z in zip(lowest, redshifts, strict=True)]
    )
    below = cumulative_trapezoid(number, share, axis=1, initial=0)
    width_dex = high - lowest if low < high else 1.0
    per_ln_redshift = below[:, -1] * width_dex * [z * volume_per_redshift(z, cosmology) for z in redshifts]
    nearer = cumulative_trapezoid(per_ln_redshift, np.log(redshifts), initial=0)
    return LightCone(
        redshifts=redshifts,
        redshift_below=nearer / nearer[-1] if len(redshifts) > 1 else nearer,
        log10_lowest=lowest,
        log10_highest=high,
        mass_below=below / below[:, -1:],
        per_deg2=float(nearer[-1]) * math.radians(1.0) ** 2,
    )


def _horizon(
    cosmology: Cosmology, log10_m200c: float, redshift_range: tuple[float, float], faintest_flux: float
) -> float:
    """Return the redshift up to which haloes of a mass are bright enough; flux falls with redshift."""
    redshifts = np.geomspace(*redshift_range, _N_REDSHIFTS)
    ln_flux = np.log([mean_flux(np.array([log10_m200c]), z, cosmology)[0] for z in redshifts])
    if ln_flux[0] < math.log(faintest_flux):
        raise ConfigError(
            "No cluster of these masses and redshifts is bright enough.",
            where="simulation.faintest_flux",
            expected=f"at most {math.exp(ln_flux[0]):.2g} erg cm^-2 s^-1",
            got=f"{faintest_flux:g}",
            fix="lower it, or draw heavier or nearer clusters",
        )
    if ln_flux[-1] >= math.log(faintest_flux):
        return redshift_range[1]
    return float(np.exp(np.interp(-math.log(faintest_flux), -ln_flux, np.log(redshifts))))


def _lightest(
    cosmology: Cosmology, log10_m200c_range: tuple[float, float], redshift: float, faintest_flux: float | None
) -> float:
    """Return log10 M200c of the lightest halo at a redshift that is bright enough; flux rises with mass."""
    low, high = log10_m200c_range
    if faintest_flux is None or low == high:
        return low
    masses = np.linspace(low, high, _N_FLUX_MASSES)
    ln_flux = np.log(mean_flux(masses, redshift, cosmology))
    return float(np.interp(math.log(faintest_flux), ln_flux, masses))
