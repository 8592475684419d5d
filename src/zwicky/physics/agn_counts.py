"""How many active galaxies there are of each X-ray flux, and single ones drawn from that.

Differential counts are a broken power law, with S the flux before absorption in the band of the counts:

    dN/dS = K (S / 1e-14)^-faint_slope below the break, and continuous with a slope of -bright_slope above it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.core.config import did_you_mean
from zwicky.core.errors import ConfigError
from zwicky.core.randomness import Key
from zwicky.physics.xray import SOFT, EnergyBand

UNIT_FLUX: Final = 1e-14
"""Flux at which K holds [erg cm^-2 s^-1]."""


@dataclass(frozen=True, eq=False)
class PointSources:
    """Sources on the sky.

    Parameters
    ----------
    flux : (n,) [erg cm^-2 s^-1]
        Before absorption, the brightest first.
    y, x : (n,) [1]
        Positions as fractions of the sides of the field, from 0 to 1.
    """

    flux: np.ndarray
    y: np.ndarray
    x: np.ndarray


@dataclass(frozen=True)
class LogNLogS:
    """Counts of sources against flux.

    Parameters
    ----------
    name : str
        As in COUNTS.
    band : EnergyBand
        Of the fluxes.
    k_per_deg2 : float [deg^-2 / (erg cm^-2 s^-1)]
        dN/dS at 1e-14 erg/cm^2/s of the power law below the break.
    faint_slope, bright_slope : float [1]
        1 < faint < 2 < bright: then there are endless faint sources, with a finite flux.
    break_flux : float [erg cm^-2 s^-1]
        Where the slope changes.
    source : str
        Paper.

    Raises
    ------
    ConfigError
        If the numbers give no such counts.

    Source: the attribute ``source``.
    Checked by: tests/physics/test_agn_counts.py.
    """

    name: str
    band: EnergyBand
    k_per_deg2: float
    faint_slope: float
    bright_slope: float
    break_flux: float
    source: str

    def __post_init__(self) -> None:
        if not (
            1.0 < self.faint_slope < 2.0 < self.bright_slope < np.inf
            and 0.0 < self.k_per_deg2 < np.inf
            and 0.0 < self.break_flux < np.inf
        ):
            raise ConfigError(
                "These are no counts of sources.",
                where=self.name,
                expected="K > 0, 1 < faint_slope < 2 < bright_slope, break_flux > 0",
                got=f"{self.k_per_deg2:g}, {self.faint_slope:g}, {self.bright_slope:g}, {self.break_flux:g}",
            )

    @classmethod
    def named(cls, name: str) -> LogNLogS:
        """Return counts of the table COUNTS.

        Parameters
        ----------
        name : str
            "lehmer12_soft" (0.5-2 keV), "lehmer12_hard" (2-8), "lehmer12_full" (0.5-8), "luo17_soft" (0.5-2),
            "luo17_hard" (2-7) or "georgakakis08_full" (0.5-10).

        Returns
        -------
        LogNLogS
            Frozen, picklable.

        Raises
        ------
        ConfigError
            If there are none of this name.

        Source: COUNTS.
        Checked by: tests/physics/test_agn_counts.py (unknown names).
        """
        if name not in COUNTS:
            raise ConfigError(
                "These counts of X-ray sources are not known.",
                where="counts",
                expected=", ".join(COUNTS),
                got=repr(name),
                fix=did_you_mean(name, COUNTS),
            )
        return COUNTS[name]

    @property
    def bright_k_per_deg2(self) -> float:
        """K of the power law above the break."""
        return self.k_per_deg2 * (self.break_flux / UNIT_FLUX) ** (self.bright_slope - self.faint_slope)

    def density_per_deg2(self, flux: float | np.ndarray) -> np.ndarray:
        """Return dN/dS.

        Parameters
        ----------
        flux : float or array [erg cm^-2 s^-1]
            Above 0.

        Returns
        -------
        array [deg^-2 / (erg cm^-2 s^-1)]
            Of the shape of the fluxes.

        Raises
        ------
        ConfigError
            If a flux is not above 0.

        Source: the attribute ``source``.
        Checked by: tests/physics/test_agn_counts.py (integrals by quadrature).
        """
        s = _checked(flux)
        faint = self.k_per_deg2 * (s / UNIT_FLUX) ** -self.faint_slope
        return np.where(
            s < self.break_flux, faint, self.bright_k_per_deg2 * (s / UNIT_FLUX) ** -self.bright_slope
        )

    def number_per_deg2(self, flux: float | np.ndarray) -> np.ndarray:
        """Return N(>S), the sources brighter than a flux.

        Parameters
        ----------
        flux : float or array [erg cm^-2 s^-1]
            Above 0; infinity is allowed.

        Returns
        -------
        array [deg^-2]
            Of the shape of the fluxes.

        Raises
        ------
        ConfigError
            If a flux is not above 0.

        Source: the attribute ``source``, integrated.
        Checked by: tests/physics/test_agn_counts.py (published numbers, quadrature).
        """
        s = _checked(flux)
        bright = _above(np.maximum(s, self.break_flux), self.bright_k_per_deg2, self.bright_slope)
        below = np.minimum(s, self.break_flux)
        faint = _above(below, self.k_per_deg2, self.faint_slope)
        return np.asarray(bright + faint - _above(self.break_flux, self.k_per_deg2, self.faint_slope))

    def flux_at(self, number_per_deg2: float | np.ndarray) -> np.ndarray:
        """Return the flux that this many sources exceed, the inverse of number_per_deg2.

        Parameters
        ----------
        number_per_deg2 : float or array
            Sources per deg^2, >= 0.

        Returns
        -------
        array [erg cm^-2 s^-1]
            Of the shape of the numbers; infinite for 0.

        Raises
        ------
        ConfigError
            If a number is negative.

        Source: the attribute ``source``, integrated.
        Checked by: tests/physics/test_agn_counts.py (there and back).
        """
        number = np.asarray(number_per_deg2, dtype=float)
        if not np.all(number >= 0.0):
            raise ConfigError(
                "There is no flux that so few sources exceed.",
                where="number_per_deg2",
                expected="0 or more",
                got=np.min(number),
            )
        at_break = float(self.number_per_deg2(self.break_flux))
        with np.errstate(divide="ignore"):
            bright = _below(np.minimum(number, at_break), self.bright_k_per_deg2, self.bright_slope)
        beyond = np.maximum(number - at_break, 0.0) + _above(
            self.break_flux, self.k_per_deg2, self.faint_slope
        )
        return np.where(number < at_break, bright, _below(beyond, self.k_per_deg2, self.faint_slope))

    def flux_per_deg2(self, low: float = 0.0, high: float = np.inf) -> float:
        """Return the flux of all sources between two fluxes.

        Parameters
        ----------
        low, high : float [erg cm^-2 s^-1]
            0 <= low < high; 0 and infinity are allowed.

        Returns
        -------
        float [erg cm^-2 s^-1 deg^-2]
            Before absorption, in the band of the counts.

        Raises
        ------
        ConfigError
            If the fluxes are not in order.

        Source: the attribute ``source``, integrated.
        Checked by: tests/physics/test_agn_counts.py (quadrature).
        """
        _check_range(low, high)
        faint = _flux(
            min(low, self.break_flux), min(high, self.break_flux), self.k_per_deg2, self.faint_slope
        )
        bright = _flux(
            max(low, self.break_flux), max(high, self.break_flux), self.bright_k_per_deg2, self.bright_slope
        )
        return faint + bright

    def unresolved_fraction(self, limit: float, *, low: float = 0.0, high: float = np.inf) -> float:
        """Return which part of the flux of sources comes from those fainter than a limit.

        Parameters
        ----------
        limit : float [erg cm^-2 s^-1]
            low < limit < high.
        low, high : float [erg cm^-2 s^-1]
            The faintest and the brightest sources there are.

        Returns
        -------
        float [1]
            Between 0 and 1. That of the whole cosmic background, of which AGN are a part, is
            ``xray_sky.CosmicLight.fraction_left``.

        Raises
        ------
        ConfigError
            If the fluxes are not in order.

        Source: the attribute ``source``, integrated.
        Checked by: tests/physics/test_agn_counts.py.
        """
        _check_range(limit, high)
        return self.flux_per_deg2(low, limit) / self.flux_per_deg2(low, high)

    def draw(self, key: Key, area_deg2: float, low: float, high: float = np.inf) -> np.ndarray:
        """Draw the fluxes of the sources in a field: those of ``draw_field``.

        Parameters
        ----------
        key : Key
            Of the stream POINT_SOURCES.
        area_deg2 : float [deg^2]
            Of the field, above 0.
        low, high : float [erg cm^-2 s^-1]
            0 < low < high.

        Returns
        -------
        (n,) [erg cm^-2 s^-1]
            The brightest first; n follows Poisson.

        Source: as ``draw_field``.
        Checked by: tests/physics/test_agn_counts.py (mean, variance, distribution, nesting).
        """
        return self.draw_field(key, area_deg2, low, high).flux

    def draw_field(self, key: Key, area_deg2: float, low: float, high: float = np.inf) -> PointSources:
        """Draw sources with positions, evenly spread over a rectangular field.

        Parameters
        ----------
        key : Key
            Of the stream POINT_SOURCES. The same key with a lower ``low`` gives the same sources and fainter ones.
        area_deg2 : float [deg^2]
            Of the field, above 0.
        low, high : float [erg cm^-2 s^-1]
            0 < low < high.

        Returns
        -------
        PointSources
            The brightest first. Sources do not cluster.

        Raises
        ------
        ConfigError
            If area or fluxes are outside their ranges.

        Source: N(>S) times the area of the sources of a Poisson process, from bright to faint, grows by exponential
        steps of mean 1 (e.g. Kingman 1993, Poisson Processes, section 4.1).
        Checked by: tests/physics/test_agn_counts.py (positions).
        """
        _check_range(low, high)
        if not 0.0 < area_deg2 < np.inf:
            raise ConfigError(
                "This is not the area of a field.", where="area_deg2", expected="more than 0", got=area_deg2
            )
        brighter, until = (float(self.number_per_deg2(flux)) * area_deg2 for flux in (high, low))
        mean = until - brighter
        # Ten standard deviations and 50 more than the mean: steps run out once in 1e20 fields.
        numbers = key.uniform(int(mean + 10.0 * np.sqrt(mean)) + 50, 3)
        arrivals = brighter - np.cumsum(np.log(numbers[:, 0]))
        inside = arrivals < until
        return PointSources(
            flux=self.flux_at(arrivals[inside] / area_deg2), y=numbers[inside, 1], x=numbers[inside, 2]
        )


def _above(flux: float | np.ndarray, k: float, slope: float) -> float | np.ndarray:
    """Return the integral of k (S / 1e-14)^-slope from a flux to infinity."""
    return k * UNIT_FLUX / (slope - 1.0) * (flux / UNIT_FLUX) ** (1.0 - slope)


def _below(number: np.ndarray, k: float, slope: float) -> np.ndarray:
    """Return the flux at which ``_above`` is this number."""
    return UNIT_FLUX * (number * (slope - 1.0) / (k * UNIT_FLUX)) ** (1.0 / (1.0 - slope))


def _flux(low: float, high: float, k: float, slope: float) -> float:
    """Return the integral of k (S / 1e-14)^-slope S between two fluxes; 0 if they are one."""
    steps = (np.array([low, high]) / UNIT_FLUX) ** (2.0 - slope)
    return k * UNIT_FLUX**2 / (2.0 - slope) * float(steps[1] - steps[0])


def _checked(flux: float | np.ndarray) -> np.ndarray:
    """Return fluxes as an array, or raise."""
    fluxes = np.asarray(flux, dtype=float)
    if not np.all(fluxes > 0.0):
        raise ConfigError(
            "This flux cannot be used.",
            where="flux",
            expected="more than 0, in erg/cm^2/s; AGN have 1e-17 to 1e-11",
            got=np.min(fluxes),
        )
    return fluxes


def _check_range(low: float, high: float) -> None:
    """Raise unless two fluxes are in order."""
    if not 0.0 <= low < high:
        raise ConfigError(
            "This is not a range of fluxes.",
            expected="0 <= low < high, in erg/cm^2/s",
            got=f"{low:g} to {high:g}",
            fix="give the faintest flux first",
        )


_LEHMER12: Final = "Lehmer et al. 2012 (ApJ 752, 46), AGN"
_LUO17: Final = "Luo et al. 2017 (ApJS 228, 2), AGN, as in cdwfs_codes"
_GEORGAKAKIS08: Final = "Georgakakis et al. 2008 (MNRAS 388, 1205), as in cdwfs_codes"

COUNTS: Final[dict[str, LogNLogS]] = {
    counts.name: counts
    for counts in (
        LogNLogS("lehmer12_soft", SOFT, 169.56e14, 1.49, 2.48, 6.0e-15, _LEHMER12),
        LogNLogS("lehmer12_hard", EnergyBand(2.0, 8.0), 573.13e14, 1.32, 2.55, 6.4e-15, _LEHMER12),
        LogNLogS("lehmer12_full", EnergyBand(0.5, 8.0), 562.20e14, 1.34, 2.35, 8.1e-15, _LEHMER12),
        LogNLogS("luo17_soft", SOFT, 161.96e14, 1.52, 2.45, 7.1e-15, _LUO17),
        LogNLogS("luo17_hard", EnergyBand(2.0, 7.0), 453.70e14, 1.46, 2.72, 8.9e-15, _LUO17),
        LogNLogS("georgakakis08_full", EnergyBand(0.5, 10.0), 3.74e16, 1.58, 2.48, 2.63e-14, _GEORGAKAKIS08),
    )
}
"""Counts by name. K in deg^-2 per erg/cm^2/s; per deg^2 and 1e-14 erg/cm^2/s it is 169.56 of the first."""
