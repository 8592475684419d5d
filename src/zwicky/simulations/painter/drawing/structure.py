"""How dark matter clusters: concentrations, peak heights, neighbours and their correlation, from shipped tables.

The tables hold what colossus gives for each cosmology of core.cosmology.COSMOLOGIES;
tools/make_structure_tables.py makes them. Nothing here imports colossus, which keeps its cosmology in a
global variable and is slow to start.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from zwicky.core.cosmology import Cosmology
from zwicky.core.errors import ConfigError, MassError, RedshiftError

TABLES: Final = Path(__file__).parent / "tables" / "structure.npz"

REDSHIFTS: Final = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0])
LOG10_PEAK_MASS: Final = np.linspace(12.0, 15.9, 40)
"""Of the peak heights [dex of Msun]."""
LOG10_HOST_MASS: Final = LOG10_PEAK_MASS[10:]
"""Of the concentrations, and so of the clusters that can be drawn [dex of Msun]."""
LOG10_NEIGHBOUR_MASS: Final = LOG10_PEAK_MASS[:31]
"""Of the mass function [dex of Msun]."""
SEPARATION_MPC: Final = np.geomspace(0.3, 30.0, 28)
"""Of the correlation function [Mpc, proper]."""

LOG10_M200C_RANGE: Final = (float(LOG10_HOST_MASS[0]), float(LOG10_HOST_MASS[-1]))
REDSHIFT_RANGE: Final = (float(REDSHIFTS[0]), float(REDSHIFTS[-1]))

_DELTA_COLLAPSE: Final = 1.686  # linear overdensity at collapse, as in Tinker et al. 2010


@dataclass(frozen=True, eq=False)
class Structure:
    """The statistics of haloes at one redshift.

    Parameters
    ----------
    ln_concentration : (host mass,) array [1]
        Of the median c200c: Diemer & Joyce 2019.
    peak_height : (peak mass,) array [1]
        nu = delta_c / sigma(M, z).
    ln_abundance : (neighbour mass,) array [1]
        Logarithm of dn/dlnM [Mpc^-3, proper] for M200c: Tinker et al. 2008.
    ln_correlation : (separation,) array [1]
        Logarithm of the linear matter correlation function.
    overdensity : float [1]
        200 times the critical density over the mean density.
    """

    ln_concentration: np.ndarray
    peak_height: np.ndarray
    ln_abundance: np.ndarray
    ln_correlation: np.ndarray
    overdensity: float

    def concentration_at(self, log10_m200c: float) -> float:
        """Return the median c200c [1]: Diemer & Joyce 2019. Flat below the table, where only mergers are."""
        return float(np.exp(np.interp(log10_m200c, LOG10_HOST_MASS, self.ln_concentration)))

    def peak_height_at(self, log10_m200c: float) -> float:
        """Return nu = 1.686 / sigma(M, z) [1]."""
        return float(np.interp(log10_m200c, LOG10_PEAK_MASS, self.peak_height))

    def bias_at(self, log10_m200c: float | np.ndarray) -> np.ndarray:
        """Return the linear bias of haloes [1]: Tinker et al. 2010, eq. 6 with table 2."""
        nu = np.interp(log10_m200c, LOG10_PEAK_MASS, self.peak_height)
        y = np.log10(self.overdensity)
        near = np.exp(-((4.0 / y) ** 4))
        big_a, a = 1.0 + 0.24 * y * near, 0.44 * y - 0.88
        big_b, b = 0.183, 1.5
        big_c, c = 0.019 + 0.107 * y + 0.19 * near, 2.4
        return 1.0 - big_a * nu**a / (nu**a + _DELTA_COLLAPSE**a) + big_b * nu**b + big_c * nu**c

    def correlation_at(self, separation_mpc: np.ndarray) -> np.ndarray:
        """Return the linear matter correlation function [1] at proper separations."""
        ln_separation = np.log(separation_mpc)
        return np.exp(np.interp(ln_separation, np.log(SEPARATION_MPC), self.ln_correlation))


def structure_at(cosmology: Cosmology, redshift: float) -> Structure:
    """Return the statistics of haloes at a redshift, linear between those of the tables.

    Raises
    ------
    ConfigError
        If there are no tables for this cosmology.
    RedshiftError
        If the redshift is outside the tables.
    """
    check_redshift(redshift)
    tables = _tables(cosmology)
    i = int(np.clip(np.searchsorted(REDSHIFTS, redshift) - 1, 0, len(REDSHIFTS) - 2))
    t = (redshift - REDSHIFTS[i]) / (REDSHIFTS[i + 1] - REDSHIFTS[i])
    between = {name: (1.0 - t) * table[i] + t * table[i + 1] for name, table in tables.items()}
    omega_m = cosmology.omega_m * (1.0 + redshift) ** 3 / cosmology.efunc(redshift) ** 2
    return Structure(**between, overdensity=200.0 / omega_m)


def check_redshift(redshift: float, *, where: str = "redshift") -> None:
    """Raise a RedshiftError if the tables do not reach a redshift."""
    low, high = REDSHIFT_RANGE
    if not low < redshift <= high:
        raise RedshiftError(
            "The painter knows no clusters at this redshift.",
            where=where,
            expected=f"{low:g} < z <= {high:g}",
            got=repr(float(redshift)),
            fix="more redshifts need larger tables: tools/make_structure_tables.py",
        )


def check_log10_m200c(log10_m200c: float, *, where: str = "mass") -> None:
    """Raise a MassError if the tables do not reach a mass."""
    low, high = LOG10_M200C_RANGE
    if not low <= log10_m200c <= high:
        raise MassError(
            "The painter knows no clusters of this mass.",
            where=where,
            expected=f"{low:g} <= log10 M200c <= {high:g} (log10 of solar masses)",
            got=f"{float(log10_m200c):g}",
            fix="masses are in Msun, not in 1e14 Msun and not per h",
        )


@lru_cache(maxsize=8)
def _tables(cosmology: Cosmology) -> dict[str, np.ndarray]:
    with np.load(TABLES) as stored:
        names = sorted({name.split(".")[0] for name in stored.files})
        if cosmology.name in names:
            prefix = f"{cosmology.name}."
            own = {
                n.removeprefix(prefix): stored[n].astype(float) for n in stored.files if n.startswith(prefix)
            }
            if np.array_equal(own.pop("parameters"), parameters_of(cosmology)):
                return own
    raise ConfigError(
        "The painter has no tables for this cosmology.",
        where=f"cosmology {cosmology.name!r}",
        expected=", ".join(names),
        got=str(cosmology),
        fix="choose one of them, or run tools/make_structure_tables.py after changing COSMOLOGIES",
    )


def parameters_of(cosmology: Cosmology) -> np.ndarray:
    """Return the numbers that decide the tables, single precision: h, omega_m, omega_b, sigma8, n_s."""
    c = cosmology
    return np.array([c.h, c.omega_m, c.omega_b, c.sigma8, c.n_s], np.float32)
