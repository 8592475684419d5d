"""Are the error bars of maps and of their masses as wide as the errors?"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from zwicky.core.errors import MapError
from zwicky.evaluation.mapping.apertures import check_pair, cylinder_masses_msun
from zwicky.evaluation.mapping.records import TrueMaps
from zwicky.inference.mapping.answer import LEVELS, PredictedMaps

ENDS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {"68": (LEVELS.index(0.16), LEVELS.index(0.84)), "95": (LEVELS.index(0.025), LEVELS.index(0.975))}
)
"""Which quantiles of a mass are the ends of an interval."""


def pixel_coverage(truth: np.ndarray, predicted: PredictedMaps) -> dict[str, np.ndarray]:
    """Return the part of each map's pixels that lies inside its intervals.

    Parameters
    ----------
    truth : (n, y, x) array [Msun Mpc^-2]
    predicted : PredictedMaps
        With intervals.

    Returns
    -------
    dict of "68" and "95" to (n,) arrays [1]

    Raises
    ------
    MapError
        If shapes differ, or the method gives no intervals of pixels.
    """
    error, half_68, half_95 = _pixel_errors(truth, predicted)
    np.abs(error, out=error)
    return {
        name: (error <= half).mean(axis=(1, 2), dtype=np.float64)
        for name, half in (("68", half_68), ("95", half_95))
    }


def mass_coverage(true: TrueMaps, predicted: PredictedMaps) -> dict[str, np.ndarray]:
    """Say whether the true projected mass lies inside each interval.

    Parameters
    ----------
    true : TrueMaps
    predicted : PredictedMaps
        With quantiles of M(<R).

    Returns
    -------
    dict of "68" and "95" to (n, radius) bool arrays

    Raises
    ------
    MapError
        If the numbers of maps differ, or the method gives no intervals of masses.
    """
    if predicted.mass_quantiles_msun is None or predicted.radii_mpc is None:
        raise _no_intervals(predicted, "masses", "mass_quantiles_msun and radii_mpc")
    masses = cylinder_masses_msun(true.maps, true.pixel_mpc, predicted.radii_mpc)
    quantiles = predicted.mass_quantiles_msun
    return {
        name: (masses >= quantiles[..., low]) & (masses <= quantiles[..., high])
        for name, (low, high) in ENDS.items()
    }


def standardised_errors(truth: np.ndarray, predicted: PredictedMaps) -> tuple[np.ndarray, np.ndarray]:
    """Return moments of z = (log10 truth - log10 median) / half of the 68 % interval, over the pixels of each map.

    Honest Gaussian errors have, over many maps, mean z = 0 and mean z^2 = 1.011: half of a 68 % interval is 0.9945
    standard deviations. Within one map pixels err together, so that its own mean is not 0.

    Parameters
    ----------
    truth : (n, y, x) array [Msun Mpc^-2]
    predicted : PredictedMaps
        With intervals.

    Returns
    -------
    mean : (n,) array [1]
        Of z.
    mean_square : (n,) array [1]
        Of z^2: the standard deviation over a set of maps is sqrt(<z^2> - <z>^2).

    Raises
    ------
    MapError
        If shapes differ, the method gives no intervals of pixels, or one has no width.
    """
    error, half_68, _ = _pixel_errors(truth, predicted)
    if not (half_68 > 0.0).all():
        raise MapError(
            "An interval without width cannot be a unit of error.",
            where=f"predictions {predicted.name!r}, half_68_dex",
            expected="numbers > 0",
            got=f"smallest value {half_68.min():g}",
        )
    error /= half_68
    return error.mean(axis=(1, 2), dtype=np.float64), np.square(error).mean(axis=(1, 2), dtype=np.float64)


def _pixel_errors(truth: np.ndarray, predicted: PredictedMaps) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log10 truth minus the median, and half of the 68 and 95 % intervals, each (n, y, x) [dex]."""
    if predicted.log10_median is None or predicted.half_68_dex is None or predicted.half_95_dex is None:
        raise _no_intervals(predicted, "pixels", "log10_median, half_68_dex and half_95_dex")
    check_pair(truth, predicted.log10_median, "coverage of pixels")
    return np.log10(truth) - predicted.log10_median, predicted.half_68_dex, predicted.half_95_dex


def _no_intervals(predicted: PredictedMaps, what: str, expected: str) -> MapError:
    return MapError(
        f"This method gives no intervals of {what}.",
        where=f"predictions {predicted.name!r}",
        expected=expected,
        got="nothing",
        fix="leave its coverage out",
    )
