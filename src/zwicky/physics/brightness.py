"""The same sky in other units: CMB temperature, brightness temperature and intensity in a narrow band."""

from __future__ import annotations

from typing import Final

import numpy as np
from astropy import constants
from astropy import units as u

from zwicky.physics.constants import H_OVER_K_K_PER_GHZ, T_CMB_K, FloatT
from zwicky.physics.foreground_parts import intensity_per_temperature

_MJY_SR_PER_SHAPE: Final = float(
    (2.0 * constants.k_B**3 * (T_CMB_K * u.K) ** 2 / (constants.h * constants.c) ** 2).to_value(u.MJy / u.K)
)
"""2 k^3 T^2 / (h c)^2, the constant that ``intensity_per_temperature`` leaves out [MJy sr^-1 K^-1]."""


def mjy_sr_per_k_cmb(frequency_ghz: FloatT) -> FloatT:
    """Return dB_nu/dT of the CMB: how much brighter the sky is where the CMB is warmer by 1 K.

    dB/dT = (2 k^3 T^2 / h^2 c^2) x^4 e^x / (e^x - 1)^2, x = h nu / k T_CMB

    Parameters
    ----------
    frequency_ghz : float or array [GHz]
        Frequency, > 0, of a narrow band. A real band differs by a few per cent, with the shape of its transmission and
        with the spectrum that its intensities are quoted for.

    Returns
    -------
    float or array [MJy sr^-1 K_CMB^-1]

    Source: derivative of Planck's law; as in Planck 2013 IX, for a band of no width.
    Checked by: tests/physics/test_brightness.py (published numbers of Planck's bands, astropy's black body).
    """
    return _MJY_SR_PER_SHAPE * intensity_per_temperature(frequency_ghz)  # type: ignore[arg-type, return-value]


def k_rj_per_k_cmb(frequency_ghz: FloatT) -> FloatT:
    """Return the brightness (Rayleigh-Jeans) temperature of a change of the CMB by 1 K.

    x^2 e^x / (e^x - 1)^2, x = h nu / k T_CMB

    Parameters
    ----------
    frequency_ghz : float or array [GHz]
        Frequency, > 0, of a narrow band.

    Returns
    -------
    float or array [K_RJ K_CMB^-1]
        1 at low frequencies, falling.

    Source: derivative of Planck's law over that of the law of Rayleigh and Jeans, 2 k nu^2 / c^2.
    Checked by: tests/physics/test_brightness.py (both laws with units, the limit of low frequencies).
    """
    x = H_OVER_K_K_PER_GHZ * frequency_ghz / T_CMB_K
    return x**2 * np.exp(x) / np.expm1(x) ** 2
