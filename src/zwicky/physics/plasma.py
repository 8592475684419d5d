"""The composition of the intracluster gas: hydrogen and helium, fully ionised."""

from __future__ import annotations

from typing import Final

from astropy import constants
from astropy import units as u

HYDROGEN_MASS_FRACTION: Final = 0.76
"""X, primordial; the rest is helium, and metals carry no mass."""

MU_ELECTRON: Final = 2.0 / (1.0 + HYDROGEN_MASS_FRACTION)
"""Mass per electron over the proton's: rho = mu_e m_p n_e."""

MU: Final = 4.0 / (3.0 + 5.0 * HYDROGEN_MASS_FRACTION)
"""Mass per particle over the proton's: rho = mu m_p n."""

N_H_OVER_N_E: Final = MU_ELECTRON * HYDROGEN_MASS_FRACTION
"""Hydrogen nuclei per electron."""

_PROTON_MASS_MSUN: Final = float(constants.m_p.to_value(u.Msun))
_CM3_PER_MPC3: Final = float((u.Mpc**3).to(u.cm**3))

ELECTRONS_CM3_PER_MSUN_MPC3: Final = 1.0 / (MU_ELECTRON * _PROTON_MASS_MSUN * _CM3_PER_MPC3)
"""Electron density in cm^-3 of 1 Msun Mpc^-3 of gas."""

KEV_PER_MSUN2_MPC: Final = float((constants.G * u.Msun / u.Mpc * MU * constants.m_p).to_value(u.keV))
"""mu m_p G M / R of 1 Msun and 1 Mpc [keV]: temperatures from hydrostatic equilibrium."""
