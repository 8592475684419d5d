"""Electron pressure of clusters: the generalised NFW profile, seen in 3-D, along sight-lines and integrated.

In units of R500 and of the pressure scale, with u = c500 x (Nagai et al. 2007; Arnaud et al. 2010, eq. 11):

    p(x) = P0 / [u^gamma (1 + u^alpha)^((beta - gamma) / alpha)]

All dimensionless functions here include P0 and hold for h70 = 1; the dependence on mass and h70 is in
`pressure_scale_kev_cm3`. The gas ends at the sphere of radius x_max, by default 5 R500 (Arnaud et al. 2010,
section 6).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.special import beta as beta_function
from scipy.special import betainc

from zwicky.core.config import did_you_mean
from zwicky.core.cosmology import Cosmology
from zwicky.core.errors import ConfigError
from zwicky.physics.constants import FloatT

PIVOT_MSUN: Final = 3e14
"""The mass at which pressure relations are anchored, times h70^-1: Arnaud et al. 2010, eq. 5."""

# 32 nodes: relative error below 1e-6 for impact parameters down to 1e-8 R500, measured against 500 nodes
# with c500 from 0.4 to 2.5 times its value (tests/physics/test_gnfw.py repeats it).
_LEGENDRE_NODES, _LEGENDRE_WEIGHTS = np.polynomial.legendre.leggauss(32)
_NODES: Final = 0.5 * (_LEGENDRE_NODES + 1.0)
_WEIGHTS: Final = 0.5 * _LEGENDRE_WEIGHTS
# A sight-line through the very centre is moved out by this, which changes the integral by less than 1e-4.
_SMALLEST_IMPACT: Final = 1e-9


@dataclass(frozen=True)
class GNFW:
    """The parameters of a mean pressure profile.

    Parameters
    ----------
    name : str
        As in PROFILES.
    p0 : float [1]
        Amplitude, at h70 = 1.
    c500 : float [1]
        R500 over the scale radius.
    gamma, alpha, beta : float [1]
        Slopes in the centre, of the bend, and far out: 0 <= gamma < 1 and beta > 3, so that integrals exist.
    mass_slope : float [1]
        The pressure in units of P500 goes as M500 to this power.
    h70_power : float [1]
        P0 goes as h70 to this power.

    Source: Nagai et al. 2007; Arnaud et al. 2010, eq. 11.
    Checked by: tests/physics/test_gnfw.py (published integrals).
    """

    name: str
    p0: float
    c500: float
    gamma: float
    alpha: float
    beta: float
    mass_slope: float
    h70_power: float

    def with_c500(self, c500: float | None) -> GNFW:
        """Return the profile with another concentration [1]; None keeps its own.

        Source: Arnaud et al. 2010, eq. 11 (definition of c500).
        Checked by: tests/physics/test_gnfw.py (scaling of the radius).
        """
        return self if c500 is None else replace(self, c500=c500)


PROFILES: Final[dict[str, GNFW]] = {
    profile.name: profile
    for profile in (
        # Arnaud et al. 2010, eq. 12; mass slope alpha_P = 0.12: their eq. 13 without the small alpha'_P(x).
        GNFW("a10", 8.403, 1.177, 0.3081, 1.0510, 5.4905, mass_slope=0.12, h70_power=-1.5),
        # Planck Intermediate Results V 2013, all 62 clusters; printed for h70 = 1, scaled here as in A10.
        GNFW("p13", 6.41, 1.81, 0.31, 1.33, 4.13, mass_slope=0.12, h70_power=-1.5),
        # He et al. 2021 (arXiv:2008.04334), abstract: the "debiased pressure profile", for true masses.
        GNFW("dpp", 5.048, 1.217, 0.433, 1.192, 5.490, mass_slope=0.0, h70_power=0.0),
    )
}


def profile_by_name(name: str) -> GNFW:
    """Return a profile of the table PROFILES.

    Raises
    ------
    ConfigError
        If there is none of this name; the message suggests one.

    Source: PROFILES.
    Checked by: tests/physics/test_gnfw.py (unknown names).
    """
    if name not in PROFILES:
        raise ConfigError(
            "This pressure profile is not known.",
            expected=", ".join(PROFILES),
            got=repr(name),
            fix=did_you_mean(name, PROFILES),
        )
    return PROFILES[name]


def p500_kev_cm3(m500_msun: FloatT, redshift: float, cosmology: Cosmology) -> FloatT:
    """Return the pressure of a cluster that has only gravity.

    P500 = 1.65e-3 E(z)^(8/3) (M500 / 3e14 h70^-1 Msun)^(2/3) h70^2 keV cm^-3

    Parameters
    ----------
    m500_msun : float or array [Msun]
        Mass inside 500 times the critical density.
    redshift : float [1]
        Redshift.
    cosmology : Cosmology
        In which the mass holds.

    Returns
    -------
    float or array [keV cm^-3]
        Electron pressure.

    Source: Arnaud et al. 2010, eq. 5.
    Checked by: tests/physics/test_gnfw.py (value, self-similar powers, first principles).
    """
    h70 = cosmology.h70
    return 1.65e-3 * cosmology.efunc(redshift) ** (8 / 3) * (m500_msun * h70 / PIVOT_MSUN) ** (2 / 3) * h70**2


def pressure_scale_kev_cm3(m500_msun: FloatT, redshift: float, cosmology: Cosmology, profile: GNFW) -> FloatT:
    """Return what the dimensionless profile p(x) is to be multiplied by.

    P500 (M500 / 3e14 h70^-1 Msun)^mass_slope h70^h70_power

    Parameters
    ----------
    m500_msun : float or array [Msun]
        The mass that labels the profile: an X-ray (hydrostatic) mass for a10 and p13, a true one for dpp.
    redshift : float [1]
        Redshift.
    cosmology : Cosmology
        In which the mass holds.
    profile : GNFW
        Of PROFILES.

    Returns
    -------
    float or array [keV cm^-3]
        Electron pressure.

    Source: Arnaud et al. 2010, eqs. 5, 12 and 13 (with alpha'_P = 0).
    Checked by: tests/physics/test_gnfw.py (slope and h70 dependence).
    """
    h70 = cosmology.h70
    mass_term = (m500_msun * h70 / PIVOT_MSUN) ** profile.mass_slope
    return p500_kev_cm3(m500_msun, redshift, cosmology) * mass_term * h70**profile.h70_power


def shape(x: FloatT, profile: GNFW, c500: float | None = None) -> FloatT:
    """Return p(x), the pressure in units of the pressure scale, at h70 = 1.

    Parameters
    ----------
    x : float or array [R500]
        Radius, > 0; not truncated.
    profile : GNFW
        Of PROFILES.
    c500 : float [1], optional
        Another concentration than the profile's.

    Returns
    -------
    float or array [1]
        P0 / [u^gamma (1 + u^alpha)^((beta - gamma) / alpha)], u = c500 x.

    Source: Nagai et al. 2007; Arnaud et al. 2010, eq. 11.
    Checked by: tests/physics/test_gnfw.py (logarithmic slopes, value at 1).
    """
    g = profile.with_c500(c500)
    u = g.c500 * x
    return g.p0 * u**-g.gamma * (1.0 + u**g.alpha) ** ((g.gamma - g.beta) / g.alpha)


def electron_pressure_kev_cm3(
    x: FloatT,
    m500_msun: float,
    redshift: float,
    cosmology: Cosmology,
    profile: GNFW,
    c500: float | None = None,
) -> FloatT:
    """Return the electron pressure at a radius.

    Parameters
    ----------
    x : float or array [R500]
        Radius, > 0; not truncated.
    m500_msun : float [Msun]
        Mass inside 500 times the critical density.
    redshift : float [1]
        Redshift.
    cosmology : Cosmology
        In which the mass holds.
    profile : GNFW
        Of PROFILES.
    c500 : float [1], optional
        Another concentration than the profile's.

    Returns
    -------
    float or array [keV cm^-3]
        Electron pressure, proper.

    Source: Arnaud et al. 2010, eq. 13 (with alpha'_P = 0).
    Checked by: tests/physics/test_gnfw.py (product of its parts, astropy Quantities).
    """
    return pressure_scale_kev_cm3(m500_msun, redshift, cosmology, profile) * shape(x, profile, c500)


def projected_shape(b: FloatT, profile: GNFW, c500: float | None = None, x_max: float = 5.0) -> FloatT:
    """Return the integral of p along the whole sight-line through the truncated sphere.

    Parameters
    ----------
    b : float or array [R500]
        Impact parameter, >= 0.
    profile : GNFW
        Of PROFILES.
    c500 : float [1], optional
        Another concentration than the profile's.
    x_max : float [R500]
        Radius of the sphere in which the gas ends.

    Returns
    -------
    float or array [1]
        Path in R500 times p; 0 for b >= x_max. Relative error below 1e-6 for b >= 1e-8, below 1e-4 at b = 0.

    Source: geometry; p of Arnaud et al. 2010, eq. 11.
    Checked by: tests/physics/test_gnfw.py (adaptive quadrature, closed form through the centre, convergence).
    """
    x, step = _half_chord(b, x_max)
    return 2.0 * (shape(x, profile, c500) * step).sum(axis=-1)


def sphere_integral(x: FloatT, profile: GNFW, c500: float | None = None) -> FloatT:
    """Return I(x) = integral from 0 to x of 3 p(u) u^2 du, in closed form, at h70 = 1.

    Parameters
    ----------
    x : float or array [R500]
        Radius, >= 0.
    profile : GNFW
        Of PROFILES.
    c500 : float [1], optional
        Another concentration than the profile's.

    Returns
    -------
    float or array [1]
        The mean of p over the unit sphere is I(1).

    Source: Arnaud et al. 2010, section 6 (definition); t = u^alpha / (1 + u^alpha) turns the integral
    into an incomplete beta function.
    Checked by: tests/physics/test_gnfw.py (published I(1) and I(5), adaptive quadrature).
    """
    g = profile.with_c500(c500)
    u_alpha = (g.c500 * x) ** g.alpha
    p, q = (3.0 - g.gamma) / g.alpha, (g.beta - 3.0) / g.alpha
    total = 3.0 * g.p0 / (g.alpha * g.c500**3) * beta_function(p, q)
    return total * betainc(p, q, u_alpha / (1.0 + u_alpha))


def cylinder_integral(x: FloatT, profile: GNFW, c500: float | None = None, x_max: float = 5.0) -> FloatT:
    """Return J(x): like I(x), but over the cylinder of radius x through the truncated sphere, at h70 = 1.

    J(x) = I(x_max) - integral from x to x_max of 3 p(u) sqrt(u^2 - x^2) u du

    Parameters
    ----------
    x : float or array [R500]
        Radius of the cylinder, >= 0.
    profile : GNFW
        Of PROFILES.
    c500 : float [1], optional
        Another concentration than the profile's.
    x_max : float [R500]
        Radius of the sphere in which the gas ends.

    Returns
    -------
    float or array [1]
        I(x_max) for x >= x_max. Absolute error below 1e-6; relative error below 1e-6 for x >= 1e-3.

    Source: Arnaud et al. 2010, section 6.
    Checked by: tests/physics/test_gnfw.py (published J(1), integral of the projected profile over the disc).
    """
    u, step = _half_chord(x, x_max)
    # With l^2 = u^2 - x^2 along the chord, u du = l dl.
    beyond = 3.0 * (shape(u, profile, c500) * (u**2 - np.square(x)[..., None]) * step).sum(axis=-1)
    return sphere_integral(x_max, profile, c500) - beyond


def _half_chord(b: float | np.ndarray, x_max: float) -> tuple[np.ndarray, np.ndarray]:
    """Return radii and path lengths (..., node) of a quadrature from the middle of a chord to its end."""
    # l = b sinh(t) spreads the nodes evenly over the decades of radius: x = b cosh(t) and dl = x dt.
    impact = np.maximum(np.asarray(b, dtype=float), _SMALLEST_IMPACT)[..., None]
    t_max = np.arcsinh(np.sqrt(np.maximum(x_max**2 - impact**2, 0.0)) / impact)
    x = impact * np.cosh(t_max * _NODES)
    return x, x * t_max * _WEIGHTS
