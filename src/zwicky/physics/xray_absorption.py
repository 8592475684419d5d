"""Absorption of X-rays by the gas of our Galaxy: the cross-section per hydrogen atom."""

from __future__ import annotations

from typing import Final

import numpy as np

from zwicky.core.errors import ConfigError

LOWEST_ABSORBED_KEV: Final = 0.03
"""Photon energy at which the polynomials begin."""

MAX_COLUMN_DENSITY_CM2: Final = 1e24
"""Above it scattering by electrons, which is left out, would matter."""

# Morrison & McCammon 1983, Table 2: top of the range [keV] and c0, c1, c2 of
# sigma = (c0 + c1 E + c2 E^2) E^-3 [1e-24 cm^2 per hydrogen atom].
_PIECES: Final = np.array(
    [
        (0.100, 17.3, 608.1, -2150.0),
        (0.284, 34.6, 267.9, -476.1),
        (0.400, 78.1, 18.8, 4.3),
        (0.532, 71.4, 66.8, -51.4),
        (0.707, 95.5, 145.8, -61.1),
        (0.867, 308.9, -380.6, 294.0),
        (1.303, 120.6, 169.3, -47.7),
        (1.840, 141.3, 146.8, -31.5),
        (2.471, 202.7, 104.7, -17.0),
        (3.210, 342.7, 18.7, 0.0),
        (4.038, 352.2, 18.7, 0.0),
        (7.111, 433.9, -2.4, 0.75),
        (8.331, 629.0, 30.9, 0.0),
        (10.00, 701.2, 25.2, 0.0),
    ]
)


def cross_section_cm2(energy_kev: float | np.ndarray) -> np.ndarray:
    """Return the photoelectric cross-section of interstellar gas per hydrogen atom.

    For the solar abundances of Anders & Ebihara 1982; the same numbers as XSPEC's model wabs. The fewer metals of Wilms
    et al. 2000 (tbabs) absorb as much at 0.2 keV and 28 % less at 1 keV. Above 10 keV the last piece goes on, where a
    column of 1e22 cm^-2 takes less than 1 % of the light.

    Parameters
    ----------
    energy_kev : float or array [keV]
        Photon energy where it is absorbed, so as observed; >= 0.03.

    Returns
    -------
    array [cm^2]
        Of the shape of the energies; jumps up at the edges of the elements.

    Raises
    ------
    ConfigError
        If an energy is below 0.03 keV.

    Source: Morrison & McCammon 1983, ApJ 270, 119, Table 2.
    Checked by: tests/physics/test_xray_absorption.py (published values, edges, slope).
    """
    energy = np.asarray(energy_kev, dtype=float)
    if not np.all(energy >= LOWEST_ABSORBED_KEV):
        raise ConfigError(
            "The absorption by our Galaxy is not known at this photon energy.",
            expected=f">= {LOWEST_ABSORBED_KEV} keV in the observer's frame",
            got=f"{np.min(energy)} keV",
            fix="raise the band's lower edge, or leave the column density at 0",
        )
    piece = np.searchsorted(_PIECES[:-1, 0], energy, side="right")
    c0, c1, c2 = np.moveaxis(_PIECES[piece, 1:], -1, 0)
    # Above 10 keV c0 + c1 E + c2 E^2 = c0 + c1 E keeps its sign.
    return 1e-24 * (c0 + c1 * energy + c2 * energy**2) / energy**3


def transmission(energy_kev: float | np.ndarray, column_density_cm2: float) -> np.ndarray:
    """Return which part of the light comes through a column of interstellar gas: exp(-N_H sigma).

    Parameters
    ----------
    energy_kev : float or array [keV]
        Photon energy as observed.
    column_density_cm2 : float [cm^-2]
        Hydrogen atoms per area, 0 to 1e24; a few 1e20 away from the Milky Way. 0 lets all energies pass.

    Returns
    -------
    array [1]
        Between 0 and 1.

    Raises
    ------
    ConfigError
        If the column density is outside its range, or an energy is below 0.03 keV behind a column.

    Source: Morrison & McCammon 1983.
    Checked by: tests/physics/test_xray_absorption.py (limits, two columns in a row).
    """
    if not 0.0 <= column_density_cm2 <= MAX_COLUMN_DENSITY_CM2:
        raise ConfigError(
            "This column density of hydrogen cannot be used.",
            expected=f"0 to {MAX_COLUMN_DENSITY_CM2:g} cm^-2",
            got=f"{column_density_cm2:g}",
            fix="give it in atoms per cm^2: 3e20, not 0.03 or 3e24 per m^2",
        )
    if column_density_cm2 == 0.0:
        return np.ones(np.shape(energy_kev))
    return np.exp(-column_density_cm2 * cross_section_cm2(energy_kev))
