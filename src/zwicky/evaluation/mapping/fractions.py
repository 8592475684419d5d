"""How much of the mass is gas, how much is stars, and does that depend on the simulation?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zwicky.core.errors import MapError
from zwicky.evaluation.mapping.apertures import check_pair, cylinder_masses_msun, quotient


@dataclass(frozen=True, eq=False)
class RunningMedian:
    """A fraction against mass.

    Parameters
    ----------
    log10_mass : (bin,) array [dex of Msun]
        Median mass of the bin's clusters.
    median, low_16, high_84 : (bin,) arrays [1]
        Of the fraction; NaN in an empty bin.
    n : (bin,) int array
        Maps in the bin.
    """

    log10_mass: np.ndarray
    median: np.ndarray
    low_16: np.ndarray
    high_84: np.ndarray
    n: np.ndarray


def gas_fraction(
    gas_maps: np.ndarray, total_maps: np.ndarray, pixel_mpc: np.ndarray, radii_mpc: np.ndarray
) -> np.ndarray:
    """Return M_gas(<R) / M_total(<R) inside cylinders.

    Parameters
    ----------
    gas_maps, total_maps : (n, y, x) arrays [Msun Mpc^-2]
    pixel_mpc : (n,) array [Mpc]
    radii_mpc : (n, radius) array [Mpc]

    Returns
    -------
    (n, radius) array [1]
        NaN where a circle holds no pixel.

    Raises
    ------
    MapError
        If the arrays do not belong together.
    """
    return _fraction(gas_maps, total_maps, pixel_mpc, radii_mpc)


def star_fraction(
    star_maps: np.ndarray, total_maps: np.ndarray, pixel_mpc: np.ndarray, radii_mpc: np.ndarray
) -> np.ndarray:
    """Return M_stars(<R) / M_total(<R) inside cylinders; everything as of ``gas_fraction``."""
    return _fraction(star_maps, total_maps, pixel_mpc, radii_mpc)


def _fraction(
    part_maps: np.ndarray, total_maps: np.ndarray, pixel_mpc: np.ndarray, radii_mpc: np.ndarray
) -> np.ndarray:
    check_pair(total_maps, part_maps, "mass fraction")
    part = cylinder_masses_msun(part_maps, pixel_mpc, radii_mpc)
    total = cylinder_masses_msun(total_maps, pixel_mpc, radii_mpc)
    return quotient(part, total)


def running_medians(
    log10_mass: np.ndarray, fraction: np.ndarray, physics: np.ndarray, edges_log10: Sequence[float]
) -> dict[str, RunningMedian]:
    """Return the median fraction in bins of mass, for each physics by itself.

    Parameters
    ----------
    log10_mass : (n,) array [dex of Msun]
    fraction : (n,) array [1]
        Inside one radius; undefined ones (NaN) are left out.
    physics : (n,) array of str
    edges_log10 : sequence of float [dex of Msun]
        Ascending; the lower edge of a bin belongs to it.

    Raises
    ------
    MapError
        If the columns have different lengths.
    """
    if not (np.shape(log10_mass) == np.shape(fraction) == np.shape(physics) == (len(log10_mass),)):
        raise MapError(
            "A fraction has one mass and one physics.",
            where="running_medians",
            expected="columns of one length",
            got=f"shapes {np.shape(log10_mass)}, {np.shape(fraction)}, {np.shape(physics)}",
        )
    defined = np.isfinite(fraction)
    return {
        str(name): _running(
            log10_mass[defined & (physics == name)], fraction[defined & (physics == name)], edges_log10
        )
        for name in np.unique(physics)
    }


def _running(log10_mass: np.ndarray, fraction: np.ndarray, edges_log10: Sequence[float]) -> RunningMedian:
    in_bin = np.digitize(log10_mass, edges_log10) - 1
    members = [in_bin == i for i in range(len(edges_log10) - 1)]
    nothing = np.full(3, np.nan)
    quantiles = np.array(
        [np.quantile(fraction[one], (0.16, 0.5, 0.84)) if one.any() else nothing for one in members]
    )
    mass = np.array([np.median(log10_mass[one]) if one.any() else np.nan for one in members])
    low, median, high = quantiles.T
    return RunningMedian(mass, median, low, high, np.array([int(one.sum()) for one in members]))
