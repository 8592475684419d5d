"""The thermal Sunyaev-Zel'dovich effect of a cluster: Compton parameter, its integrals, and its spectrum."""

from __future__ import annotations

import numpy as np

from zwicky.core.cosmology import Cosmology
from zwicky.core.masses import M500C
from zwicky.physics.constants import H_OVER_K_K_PER_GHZ, T_CMB_K, Y_PER_KEV_CM3_MPC, FloatT
from zwicky.physics.gnfw import (
    GNFW,
    cylinder_integral,
    pressure_scale_kev_cm3,
    projected_shape,
    sphere_integral,
)


def compton_y(
    radius_mpc: FloatT,
    m500_msun: float,
    redshift: float,
    cosmology: Cosmology,
    profile: GNFW,
    c500: float | None = None,
    amplitude: float = 1.0,
    x_max: float = 5.0,
) -> FloatT:
    """Return the Compton parameter at a projected distance from the centre.

    y = (sigma_T / m_e c^2) * integral of P_e dl

    Parameters
    ----------
    radius_mpc : float or array [Mpc, proper]
        Projected distance from the centre, >= 0.
    m500_msun : float [Msun]
        The mass that labels the profile.
    redshift : float [1]
        Redshift.
    cosmology : Cosmology
        In which the mass holds.
    profile : GNFW
        Of physics.gnfw.PROFILES.
    c500 : float [1], optional
        Another concentration than the profile's.
    amplitude : float [1]
        The pressure is multiplied by this.
    x_max : float [R500]
        Radius of the sphere in which the gas ends.

    Returns
    -------
    float or array [1]
        Compton parameter; 0 outside x_max R500.

    Source: Sunyaev & Zel'dovich 1972; Arnaud et al. 2010, section 6.
    Checked by: tests/physics/test_sz.py (values, integral over the disc, astropy Quantities).
    """
    r500_mpc = M500C.radius_mpc(m500_msun, redshift, cosmology)
    scale_kev_cm3 = amplitude * pressure_scale_kev_cm3(m500_msun, redshift, cosmology, profile)
    path_mpc = r500_mpc * projected_shape(radius_mpc / r500_mpc, profile, c500, x_max)
    return Y_PER_KEV_CM3_MPC * scale_kev_cm3 * path_mpc


def y500_sphere_mpc2(
    m500_msun: FloatT, redshift: float, cosmology: Cosmology, profile: GNFW, c500: float | None = None
) -> FloatT:
    """Return the Compton parameter integrated over the sphere of radius R500: D_A^2 Y500.

    Y_sph(R500) = (sigma_T / m_e c^2) (4 pi / 3) R500^3 P I(1), with P the pressure scale.

    Parameters
    ----------
    m500_msun : float or array [Msun]
        The mass that labels the profile.
    redshift : float [1]
        Redshift.
    cosmology : Cosmology
        In which the mass holds.
    profile : GNFW
        Of physics.gnfw.PROFILES.
    c500 : float [1], optional
        Another concentration than the profile's.

    Returns
    -------
    float or array [Mpc^2, proper]
        Integrated Compton parameter.

    Source: Arnaud et al. 2010, section 6.
    Checked by: tests/physics/test_sz.py (published amplitude and slope).
    """
    return _y_scale_mpc2(m500_msun, redshift, cosmology, profile) * sphere_integral(1.0, profile, c500)


def y_cylinder_mpc2(
    radius_in_r500: float,
    m500_msun: FloatT,
    redshift: float,
    cosmology: Cosmology,
    profile: GNFW,
    c500: float | None = None,
    x_max: float = 5.0,
) -> FloatT:
    """Return the Compton parameter integrated over a disc on the sky, that is over a cylinder.

    Parameters
    ----------
    radius_in_r500 : float [R500]
        Radius of the disc.
    m500_msun : float or array [Msun]
        The mass that labels the profile.
    redshift : float [1]
        Redshift.
    cosmology : Cosmology
        In which the mass holds.
    profile : GNFW
        Of physics.gnfw.PROFILES.
    c500 : float [1], optional
        Another concentration than the profile's.
    x_max : float [R500]
        Radius of the sphere in which the gas ends.

    Returns
    -------
    float or array [Mpc^2, proper]
        Integrated Compton parameter.

    Source: Arnaud et al. 2010, section 6.
    Checked by: tests/physics/test_sz.py (integral of the projected profile).
    """
    j = cylinder_integral(radius_in_r500, profile, c500, x_max)
    return _y_scale_mpc2(m500_msun, redshift, cosmology, profile) * j


def mpc2_to_arcmin2(y_mpc2: FloatT, redshift: float, cosmology: Cosmology) -> FloatT:
    """Return an integrated Compton parameter as seen on the sky.

    Parameters
    ----------
    y_mpc2 : float or array [Mpc^2, proper]
        Integrated Compton parameter, D_A^2 Y.
    redshift : float [1]
        Redshift, > 0.
    cosmology : Cosmology
        For the angular diameter distance.

    Returns
    -------
    float or array [arcmin^2]
        Y, larger for nearer clusters.

    Raises
    ------
    RedshiftError
        If the redshift is not positive.

    Source: geometry.
    Checked by: tests/physics/test_sz.py (astropy's distance).
    """
    return y_mpc2 * cosmology.arcmin_per_mpc(redshift) ** 2


def spectral_function(frequency_ghz: FloatT, t_cmb_k: float = T_CMB_K) -> FloatT:
    """Return the thermal SZ effect in CMB temperature per unit of y.

    f(x) = x coth(x/2) - 4, x = h nu / k T_CMB

    Parameters
    ----------
    frequency_ghz : float or array [GHz]
        Frequency, > 0.
    t_cmb_k : float [K]
        Temperature of the microwave background.

    Returns
    -------
    float or array [1]
        Negative below 217.5 GHz. Without relativistic corrections: a few per cent for the hottest clusters.

    Source: Sunyaev & Zel'dovich 1972; Carlstrom et al. 2002, eq. 2.
    Checked by: tests/physics/test_sz.py (values, null, limits).
    """
    x = H_OVER_K_K_PER_GHZ * frequency_ghz / t_cmb_k
    return x / np.tanh(0.5 * x) - 4.0


def delta_t_uk(y: FloatT, frequency_ghz: float, t_cmb_k: float = T_CMB_K) -> FloatT:
    """Return the change of the CMB temperature that a Compton parameter causes.

    Delta T = T_CMB f(x) y

    Parameters
    ----------
    y : float or array [1]
        Compton parameter.
    frequency_ghz : float [GHz]
        Frequency, > 0.
    t_cmb_k : float [K]
        Temperature of the microwave background.

    Returns
    -------
    float or array [uK]
        CMB thermodynamic temperature difference.

    Source: Carlstrom et al. 2002, eq. 1.
    Checked by: tests/physics/test_sz.py (T f(150 GHz) = -2.598 K).
    """
    return y * (1e6 * t_cmb_k * spectral_function(frequency_ghz, t_cmb_k))


def _y_scale_mpc2(m500_msun: FloatT, redshift: float, cosmology: Cosmology, profile: GNFW) -> FloatT:
    """Return the integrated Compton parameter for I or J = 1."""
    volume_mpc3 = m500_msun / M500C.density_msun_mpc3(redshift, cosmology)
    return Y_PER_KEV_CM3_MPC * pressure_scale_kev_cm3(m500_msun, redshift, cosmology, profile) * volume_mpc3
