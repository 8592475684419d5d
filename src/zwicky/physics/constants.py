"""Constants of nature as plain floats with the unit in the name, taken once from astropy."""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
from astropy import constants
from astropy import units as u

FloatT = TypeVar("FloatT", float, np.ndarray)
"""A number or an array: what comes in comes out."""

SIGMA_T_CM2: Final = float(constants.sigma_T.to_value(u.cm**2))
"""Thomson cross-section."""

ELECTRON_REST_ENERGY_KEV: Final = float((constants.m_e * constants.c**2).to_value(u.keV))
"""m_e c^2."""

CM_PER_MPC: Final = float(u.Mpc.to(u.cm))

Y_PER_KEV_CM3_MPC: Final = SIGMA_T_CM2 / ELECTRON_REST_ENERGY_KEV * CM_PER_MPC
"""Compton parameter of a path of 1 Mpc through an electron pressure of 1 keV cm^-3: sigma_T / m_e c^2."""

H_OVER_K_K_PER_GHZ: Final = float((constants.h / constants.k_B).to_value(u.K / u.GHz))
"""Planck's over Boltzmann's constant."""

T_CMB_K: Final = 2.7255
"""Temperature of the microwave background: Fixsen 2009."""
