"""The shipped table of X-ray emissivities, and how bins of photon energy are cut into it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

import numpy as np
from astropy import units as u
from scipy.interpolate import PchipInterpolator

from zwicky.core.errors import ConfigError, RedshiftError
from zwicky.physics.plasma import HYDROGEN_MASS_FRACTION
from zwicky.physics.xray_absorption import transmission

HELIUM_PER_HYDROGEN: Final = (1.0 - HYDROGEN_MASS_FRACTION) / (4.0 * HYDROGEN_MASS_FRACTION)
"""Helium nuclei per hydrogen nucleus of the gas of this package: 0.0789."""

ERG_PER_KEV: Final = float(u.keV.to(u.erg))

_TABLE_UNIT_ERG_CM3_S: Final = 1e-24
_NO_LIGHT: Final = 1e-60  # [erg cm^3/s] instead of 0, so that a logarithm exists
_SLACK: Final = 1e-9  # rounding of 0.01 and 100 keV


@dataclass(frozen=True, eq=False)
class Emissivities:
    """The table: energy per bin of photon energy, per n_e n_H [erg cm^3/s].

    Parameters
    ----------
    kt_kev : (t,) [keV]
        Temperatures, evenly spaced in their logarithm.
    edges_kev : (e+1,) [keV]
        Edges of the bins of photon energy.
    hydrogen, helium, metals : (t, e) [erg cm^3 s^-1]
        Helium per helium-to-hydrogen ratio of 1, metals per solar abundance.
    """

    kt_kev: np.ndarray
    edges_kev: np.ndarray
    hydrogen: np.ndarray
    helium: np.ndarray
    metals: np.ndarray


@lru_cache(maxsize=1)
def emissivities() -> Emissivities:
    """Read the table, once.

    Returns
    -------
    Emissivities
        That of tools/make_xray_emissivity.py.

    Source: CHIANTI 9.01 (Dere et al. 2019) for metals, own computation for hydrogen and helium.
    Checked by: tests/physics/test_xray_table.py (closed forms, APEC).
    """
    path = resources.files("zwicky.physics") / "tables" / "xray_emissivity.npz"
    with path.open("rb") as file, np.load(file) as table:
        parts = {
            part: table[part] * np.float64(_TABLE_UNIT_ERG_CM3_S) for part in ("hydrogen", "helium", "metals")
        }
        return Emissivities(kt_kev=table["kt_kev"], edges_kev=table["edges_kev"], **parts)


@dataclass(frozen=True, eq=False)
class Pieces:
    """Bins of photon energy, cut wherever a bin of the table ends.

    Parameters
    ----------
    redshift : float [1]
        Of the gas.
    table_bin : (p,)
        Bin of the table that holds a piece.
    first : (e,)
        First piece of each bin.
    lower_kev, upper_kev : (p,) [keV]
        Ends of the pieces, at the source.
    middle_kev : (p,) [keV]
        Where absorption and the energy of a photon are evaluated, at the source: the middle, in the logarithm, of what
        all bins together have of a bin of the table. So their sum does not depend on where a band is cut.
    share : (p,) [1]
        Part of the table's bin.
    """

    redshift: float
    table_bin: np.ndarray
    first: np.ndarray
    lower_kev: np.ndarray
    upper_kev: np.ndarray
    middle_kev: np.ndarray
    share: np.ndarray

    def transmission(self, column_density_cm2: float) -> np.ndarray:
        """Return which part of the light of each piece comes through our Galaxy.

        Parameters
        ----------
        column_density_cm2 : float [cm^-2]
            Hydrogen of our Galaxy.

        Returns
        -------
        (p,) [1]
            Between 0 and 1.

        Raises
        ------
        ConfigError
            As ``xray_absorption.transmission``.

        Source: Morrison & McCammon 1983.
        Checked by: tests/physics/test_xray.py (energies that arrive here).
        """
        return transmission(self.middle_kev / (1.0 + self.redshift), column_density_cm2)

    def weights(self, column_density_cm2: float, *, photons: bool) -> np.ndarray:
        """Return what to multiply the table by: the part of a table's bin that is seen.

        Parameters
        ----------
        column_density_cm2 : float [cm^-2]
            Hydrogen of our Galaxy.
        photons : bool
            Divide by the energy of a photon, in erg.

        Returns
        -------
        (p,)
            For each piece.

        Raises
        ------
        ConfigError
            As ``xray_absorption.transmission``.

        Source: definition; within a bin of the table, power per energy is constant.
        Checked by: tests/physics/test_xray.py (bands add up, photons times their energy).
        """
        seen = self.share * self.transmission(column_density_cm2)
        return seen / (self.middle_kev * ERG_PER_KEV) if photons else seen

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over the pieces of each bin.

        Parameters
        ----------
        values : (..., p)
            A number for each piece.

        Returns
        -------
        (..., e)
            In the same unit.

        Source: definition.
        Checked by: tests/physics/test_xray_spectrum.py (bins add up).
        """
        return np.asarray(np.add.reduceat(values, self.first, axis=-1))


def pieces(edges_kev: np.ndarray, redshift: float = 0.0) -> Pieces:
    """Cut bins of observed photon energy along the bins of the table.

    Parameters
    ----------
    edges_kev : (e+1,) [keV]
        Edges of the bins in the observer's frame, ascending; at the source they lie (1 + z) higher, and there within
        0.01 to 100 keV.
    redshift : float [1]
        Of the gas, >= 0.

    Returns
    -------
    Pieces
        At most as many as there are bins here and in the table.

    Raises
    ------
    ConfigError
        If the edges are not ascending, or leave the table.
    RedshiftError
        If the redshift is negative or not finite.

    Source: definition.
    Checked by: tests/physics/test_xray_spectrum.py.
    """
    if not 0.0 <= redshift < np.inf:
        raise RedshiftError("The redshift of hot gas is not usable.", expected="0 or more", got=redshift)
    observed = np.asarray(edges_kev, dtype=float)
    if observed.ndim != 1 or observed.size < 2 or not np.all(np.diff(observed) > 0.0):
        raise ConfigError(
            "These are not the edges of bins of photon energy.",
            where="edges_kev",
            expected="two or more numbers in keV, each larger than the one before",
            got=f"shape {observed.shape}: {np.array2string(observed, threshold=6)}",
            fix="give one edge more than there are bins, from low to high",
        )
    table = emissivities().edges_kev
    source = observed * (1.0 + redshift)
    if not (source[0] >= table[0] * (1.0 - _SLACK) and source[-1] <= table[-1] * (1.0 + _SLACK)):
        raise ConfigError(
            "The band leaves the table of X-ray emissivities.",
            expected=f"{table[0]:g} to {table[-1]:g} keV at the source",
            got=f"{source[0]:g} to {source[-1]:g} keV: "
            f"{observed[0]:g}-{observed[-1]:g} keV at redshift {redshift:g}",
            fix="narrow the band",
        )
    source = np.clip(source, table[0], table[-1])
    whole = np.concatenate((source[:1], table[(table > source[0]) & (table < source[-1])], source[-1:]))
    cuts = np.union1d(source, whole)
    table_bin = np.searchsorted(table, cuts[:-1], side="right") - 1
    return Pieces(
        redshift=redshift,
        table_bin=table_bin,
        first=np.searchsorted(cuts, source[:-1]),
        lower_kev=cuts[:-1],
        upper_kev=cuts[1:],
        middle_kev=np.sqrt(whole[:-1] * whole[1:])[table_bin - table_bin[0]],
        share=np.diff(cuts) / (table[table_bin + 1] - table[table_bin]),
    )


def along_temperature(emission: np.ndarray) -> PchipInterpolator:
    """Return ln(emission) against ln(k T), through the temperatures of the table.

    Parameters
    ----------
    emission : (t, ...)
        At the temperatures of the table; 0 is allowed.

    Returns
    -------
    PchipInterpolator
        Monotone between neighbours: Fritsch & Butland 1984.

    Source: definition.
    Checked by: tests/physics/test_xray.py.
    """
    return PchipInterpolator(np.log(emissivities().kt_kev), np.log(np.maximum(emission, _NO_LIGHT)))


def at_temperature(curve: PchipInterpolator, temperature_kev: float | np.ndarray) -> np.ndarray:
    """Return what gas of a temperature emits.

    Parameters
    ----------
    curve : PchipInterpolator
        Of ``along_temperature``.
    temperature_kev : float or array [keV]
        k T of electrons. Below 0.0086 keV (1e5 K) the emission is 0; above 43 keV is an error.

    Returns
    -------
    array
        Of the shape of the temperatures, followed by that of the curve.

    Raises
    ------
    ConfigError
        If a temperature is outside the range.

    Source: definition.
    Checked by: tests/physics/test_xray.py (cold gas, unknown temperatures).
    """
    temperature = np.asarray(temperature_kev, dtype=float)
    lowest_kev, highest_kev = np.exp(curve.x[[0, -1]])
    if not np.all((temperature >= 0.0) & (temperature <= highest_kev)):
        raise ConfigError(
            "The X-ray emission of gas of this temperature is not known.",
            expected=f"0 to {highest_kev:.1f} keV (0 is returned below {lowest_kev:.4f} keV)",
            got=f"{np.min(temperature)} to {np.max(temperature)} keV",
            fix="give k T in keV, not T in kelvin",
        )
    hot = temperature >= lowest_kev
    ln_emission = curve(np.log(np.where(hot, temperature, lowest_kev)))
    seen = hot.reshape(hot.shape + (1,) * (ln_emission.ndim - hot.ndim))
    return np.where(seen, np.exp(ln_emission), 0.0)


def check_abundance(name: str, value: float, top: float) -> None:
    """Raise a ConfigError unless an abundance lies between 0 and the largest one.

    Parameters
    ----------
    name : str
        The argument.
    value, top : float [1]
        What was given, and the largest that can be used.

    Raises
    ------
    ConfigError
        If the abundance is negative, too large or not a number.

    Source: definition.
    Checked by: tests/physics/test_xray.py (other mistakes).
    """
    if not 0.0 <= value <= top:
        raise ConfigError("This abundance cannot be used.", where=name, expected=f"0 to {top:g}", got=value)
