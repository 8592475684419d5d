"""The thermal Sunyaev-Zel'dovich spectrum of hot electrons: relativistic corrections, and the temperature to use.

The decrement at 150 GHz is 3.4 % smaller than the non-relativistic one at 5 keV, 6.4 % at 10 and 9.1 % at 15 keV.

How good the expansion is against an exact integral over the scattering kernel (tests/physics/test_sz_relativistic.py):
up to 10 keV 0.1 % from 30 to 350 GHz, away from the null, and 0.2 % at 450 GHz; up to 15 keV 0.01 of f to 350 GHz; at
25 keV 0.1 % at 90 to 150 GHz but 6 % at 350 and 15 % at 450 GHz.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.polynomial.polynomial import polyval

from zwicky.core.cosmology import Cosmology
from zwicky.core.errors import ConfigError
from zwicky.physics.constants import ELECTRON_REST_ENERGY_KEV, H_OVER_K_K_PER_GHZ, T_CMB_K, FloatT

MAX_KT_KEV: Final = 25.0
"""The expansion in theta_e = k T / m_e c^2 diverges slowly; hotter gas needs the integral."""

MAX_X: Final = 8.0
"""Largest h nu / k T_CMB, 454 GHz: the expansion is worst at high frequencies."""

_COEFFICIENTS: Final[tuple[tuple[tuple[float, ...], ...], ...]] = (
    ((-4.0, 1.0),),
    ((-10.0, 47 / 2, -42 / 5, 7 / 10), (-21 / 5, 7 / 5)),
    (
        (-15 / 2, 1023 / 8, -868 / 5, 329 / 5, -44 / 5, 11 / 30),
        (-434 / 5, 658 / 5, -242 / 5, 143 / 30),
        (-44 / 5, 187 / 60),
    ),
    (
        (15 / 2, 2505 / 8, -7098 / 5, 14253 / 10, -18594 / 35, 12059 / 140, -128 / 21, 16 / 105),
        (-7098 / 10, 14253 / 5, -102267 / 35, 156767 / 140, -1216 / 7, 64 / 7),
        (-18594 / 35, 205003 / 280, -1920 / 7, 1024 / 35),
        (-544 / 21, 992 / 105),
    ),
    (
        (
            *(-135 / 32, 30375 / 128, -62391 / 10, 614727 / 40, -124389 / 10),
            *(355703 / 80, -16568 / 21, 7516 / 105, -22 / 7, 11 / 210),
        ),
        (
            *(-62391 / 20, 614727 / 20, -1368279 / 20, 4624139 / 80),
            *(-157396 / 7, 30064 / 7, -2717 / 7, 2761 / 210),
        ),
        (-124389 / 10, 6046951 / 160, -248520 / 7, 481024 / 35, -15972 / 7, 18689 / 140),
        (-70414 / 21, 465992 / 105, -11792 / 7, 19778 / 105),
        (-682 / 7, 7601 / 210),
    ),
)
"""Y_k = sum over j of S^(2j) times a polynomial of X; Itoh, Kohyama & Nozawa 1998, section 2."""


def relativistic_spectral_function(frequency_ghz: FloatT, kt_kev: FloatT, t_cmb_k: float = T_CMB_K) -> FloatT:
    """Return the thermal SZ effect of hot electrons in CMB temperature per unit of y.

    f(x, theta_e) = Y0 + theta_e Y1 + theta_e^2 Y2 + theta_e^3 Y3 + theta_e^4 Y4, x = h nu / k T_CMB,
    theta_e = k T_e / m_e c^2; Y0 = x coth(x/2) - 4 is physics.sz.spectral_function.

    Parameters
    ----------
    frequency_ghz : float or array [GHz]
        Frequency, > 0 and up to 454 GHz (x = 8).
    kt_kev : float or array [keV]
        k T of the electrons, 0 to 25; broadcast against the frequency. Along a sight line: the mean weighted by
        pressure.
    t_cmb_k : float [K]
        Temperature of the microwave background.

    Returns
    -------
    float or array [1]
        Delta T = T_CMB f y; its null moves from 217.5 GHz to 222.4 GHz at 10 keV.

    Raises
    ------
    ConfigError
        If the frequency or the temperature is outside the range of the expansion.

    Source: Itoh, Kohyama & Nozawa 1998 (ApJ 502, 7), section 2.
    Checked by: tests/physics/test_sz_relativistic.py (scattering kernel, photons kept, energy gained, null).
    """
    x = H_OVER_K_K_PER_GHZ * frequency_ghz / t_cmb_k
    highest_ghz = MAX_X * t_cmb_k / H_OVER_K_K_PER_GHZ
    if not np.all((np.asarray(x) > 0.0) & (np.asarray(x) <= MAX_X)):
        raise _outside(
            "frequency", f"0 < frequency <= {highest_ghz:.0f} GHz", frequency_ghz, "in GHz, not in Hz"
        )
    if not np.all((np.asarray(kt_kev) >= 0.0) & (np.asarray(kt_kev) <= MAX_KT_KEV)):
        raise _outside(
            "electron temperature", f"0 to {MAX_KT_KEV:g} keV", kt_kev, "as k T in keV, not in kelvin"
        )
    theta = kt_kev / ELECTRON_REST_ENERGY_KEV
    f = 0.0 * theta * x
    for k, y_k in enumerate(_orders(x)):
        f = f + theta**k * y_k
    return f


def temperature_kev(m500_msun: FloatT, redshift: float, cosmology: Cosmology) -> FloatT:
    """Return the mean temperature of the gas of a cluster, from its mass.

    k T = 5 keV [E(z) M500 / (3.84e14 h70^-1 Msun)]^(1 / 1.71)

    Parameters
    ----------
    m500_msun : float or array [Msun]
        M500c, > 0; hydrostatic masses, as for the pressure profile of Arnaud et al. 2010.
    redshift : float [1]
        Redshift. The evolution E(z) is the self-similar one: the measured clusters are at z < 0.15.
    cosmology : Cosmology
        In which the mass holds.

    Returns
    -------
    float or array [keV]
        k T within 0.1 to 0.5 R200, from X-ray spectra; measured from 2 to 9 keV.

    Source: Arnaud, Pointecouteau & Pratt 2005 (A&A 441, 893), whole sample, density contrast of 500.
    Checked by: tests/physics/test_sz_relativistic.py (pivot, slope, evolution).
    """
    scaled = m500_msun * cosmology.efunc(redshift) * cosmology.h70 / 3.84e14
    return 5.0 * scaled ** (1.0 / 1.71)


def _orders(x: FloatT) -> list[FloatT]:
    """Return Y0 to Y4, with X = x coth(x/2) and S = x / sinh(x/2)."""
    big_x, s_squared = x / np.tanh(0.5 * x), (x / np.sinh(0.5 * x)) ** 2
    orders = []
    for polynomials in _COEFFICIENTS:
        y_k = 0.0 * x
        for j, polynomial in enumerate(polynomials):
            y_k = y_k + s_squared**j * polyval(big_x, polynomial)
        orders.append(y_k)
    return orders


def _outside(what: str, expected: str, got: object, unit: str) -> ConfigError:
    """Return the error of a value outside the range of the expansion, or NaN."""
    return ConfigError(
        f"The relativistic SZ effect is not known at this {what}.",
        where=what,
        expected=expected,
        got=f"{np.min(got):g} to {np.max(got):g}",  # type: ignore[call-overload]
        fix=f"give it {unit}",
    )
