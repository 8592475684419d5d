"""The Navarro-Frenk-White halo in closed form: density, sphere, surface density, cylinder.

    rho(r) = rho_s / [(r / r_s) (1 + r / r_s)^2]

A halo is given by its mass inside any radius and the concentration of that radius, c = radius / r_s. It has
no edge: surface densities and cylinders include all matter along the line of sight.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from zwicky.physics.constants import FloatT

# Within this of w = (R / r_s)^2 - 1 = 0 a series replaces the closed forms, which cancel there.
_NEAR_SCALE_RADIUS: Final = 0.03


def mu(c: FloatT) -> FloatT:
    """Return m(c) = ln(1 + c) - c / (1 + c), the mass inside c scale radii over 4 pi rho_s r_s^3.

    Parameters
    ----------
    c : float or array [1]
        Radius over scale radius, > 0.

    Returns
    -------
    float or array [1]
        The mass function of the profile.

    Source: Navarro, Frenk & White 1997.
    Checked by: tests/physics/test_nfw.py (derivative, small and large radii).
    """
    return np.log1p(c) - c / (1.0 + c)


def mass_within_msun(
    radius_mpc: FloatT, mass_msun: float, radius_delta_mpc: float, concentration: float
) -> FloatT:
    """Return the mass inside a sphere.

    Parameters
    ----------
    radius_mpc : float or array [Mpc, proper]
        Radius of the sphere, > 0.
    mass_msun : float [Msun]
        Mass inside radius_delta_mpc.
    radius_delta_mpc : float [Mpc, proper]
        For example R200c.
    concentration : float [1]
        radius_delta_mpc over the scale radius.

    Returns
    -------
    float or array [Msun]
        mass_msun at radius_delta_mpc.

    Source: Navarro, Frenk & White 1997.
    Checked by: tests/physics/test_nfw.py (integral of the density, astropy's circular velocity).
    """
    return mass_msun * mu(concentration * radius_mpc / radius_delta_mpc) / float(mu(concentration))


def density_msun_mpc3(
    radius_mpc: FloatT, mass_msun: float, radius_delta_mpc: float, concentration: float
) -> FloatT:
    """Return the density.

    Parameters
    ----------
    radius_mpc : float or array [Mpc, proper]
        Distance from the centre, > 0.
    mass_msun : float [Msun]
        Mass inside radius_delta_mpc.
    radius_delta_mpc : float [Mpc, proper]
        For example R200c.
    concentration : float [1]
        radius_delta_mpc over the scale radius.

    Returns
    -------
    float or array [Msun Mpc^-3, proper]
        rho_s / [x (1 + x)^2], x = r / r_s.

    Source: Navarro, Frenk & White 1997.
    Checked by: tests/physics/test_nfw.py (astropy's NFW).
    """
    r_s = radius_delta_mpc / concentration
    x = radius_mpc / r_s
    return _unit_mass_msun(mass_msun, concentration) / (4.0 * math.pi * r_s**3) / (x * (1.0 + x) ** 2)


def surface_density_msun_mpc2(
    radius_mpc: FloatT, mass_msun: float, radius_delta_mpc: float, concentration: float
) -> FloatT:
    """Return the surface density.

    Parameters
    ----------
    radius_mpc : float or array [Mpc, proper]
        Projected distance from the centre, > 0.
    mass_msun : float [Msun]
        Mass inside the sphere of radius_delta_mpc.
    radius_delta_mpc : float [Mpc, proper]
        For example R200c.
    concentration : float [1]
        radius_delta_mpc over the scale radius.

    Returns
    -------
    float or array [Msun Mpc^-2, proper]
        2 rho_s r_s F(R / r_s), along the whole line of sight.

    Source: Bartelmann 1996; Wright & Brainerd 2000, eq. 11.
    Checked by: tests/physics/test_nfw.py (numerical projection, smooth across r_s).
    """
    r_s = radius_delta_mpc / concentration
    scale = _unit_mass_msun(mass_msun, concentration) / (2.0 * math.pi * r_s**2)
    return scale * _projected_density(radius_mpc / r_s)


def projected_mass_msun(
    radius_mpc: FloatT, mass_msun: float, radius_delta_mpc: float, concentration: float
) -> FloatT:
    """Return the mass inside a cylinder.

    Parameters
    ----------
    radius_mpc : float or array [Mpc, proper]
        Radius of the cylinder, > 0.
    mass_msun : float [Msun]
        Mass inside the sphere of radius_delta_mpc.
    radius_delta_mpc : float [Mpc, proper]
        For example R200c.
    concentration : float [1]
        radius_delta_mpc over the scale radius.

    Returns
    -------
    float or array [Msun]
        4 pi rho_s r_s^3 [ln(x / 2) + 1 - (x^2 - 1) F(x)], x = R / r_s, along the whole line of sight.

    Source: Bartelmann 1996; Wright & Brainerd 2000, eq. 13 (their mean surface density times pi R^2).
    Checked by: tests/physics/test_nfw.py (integral of the surface density, sphere plus the rest).
    """
    x = radius_mpc * concentration / radius_delta_mpc
    bracket = np.log(0.5 * x) + 1.0 - (x**2 - 1.0) * _projected_density(x)
    return _unit_mass_msun(mass_msun, concentration) * bracket


def _unit_mass_msun(mass_msun: float, concentration: float) -> float:
    """Return 4 pi rho_s r_s^3 [Msun]."""
    return float(mass_msun / mu(concentration))


def _projected_density(x: FloatT) -> FloatT:
    """Return F(x) = [1 - g(x)] / w with w = x^2 - 1.

    g = arccosh(1/x) / sqrt(-w) inside the scale radius, arccos(1/x) / sqrt(w) outside.
    """
    w = np.square(x) - 1.0
    near = np.abs(w) < _NEAR_SCALE_RADIUS
    # Both branches of g are 1 - w/3 + w^2/5 - ... around w = 0; the first term left out is below 1e-11.
    series = sum((-w) ** k / (2 * k + 3) for k in range(7))
    safe_w = np.where(near, 1.0, w)
    angle = np.where(w < 0.0, np.arccosh(1.0 / np.minimum(x, 1.0)), np.arccos(1.0 / np.maximum(x, 1.0)))
    return np.where(near, series, (1.0 - angle / np.sqrt(np.abs(safe_w))) / safe_w)[()]
