"""What a weighing of microwave skies is judged by: sets of weighed clusters, empty skies, and the mean profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

import numpy as np

from zwicky.core.errors import MapError, MassError

SzScatter = Literal["none", "Y", "M"]

TRAINED: Final = "trained"
INTERPOLATED: Final = "interpolated"
EXTRAPOLATED: Final = "extrapolated"
NO_SCATTER: Final = "no_scatter"
SCATTER_ON_Y: Final = "scatter_on_y"
SCATTER_ON_M: Final = "scatter_on_m"
REALISTIC: Final = "realistic"

ORDER_OF_SETS: Final = (
    TRAINED,
    INTERPOLATED,
    EXTRAPOLATED,
    NO_SCATTER,
    SCATTER_ON_Y,
    SCATTER_ON_M,
    REALISTIC,
)
"""In which they are made and shown."""

_MASS_BOUNDS_MSUN: Final = (1e12, 1e17)
"""What is outside is a logarithm, a number in 1e14 Msun, or no cluster."""


@dataclass(frozen=True, eq=False)
class WeighedSet:
    """n maps of clusters with known masses, and the mass that each method gives them. Masses are M200c.

    Parameters
    ----------
    name : str
        One of the names above, or another.
    true_msun : (n,) array [Msun]
        The masses that were chosen. With scatter on M the amplitude of the SZ signal is that of another mass.
    estimated_msun : dict of str to (n,) array [Msun]
        By method, at least one. Zero or less: the method sees no mass there.
    snr : (n,) array [1]
        Signal-to-noise ratio of the matched filter, as observed.
    parent : (n,) array of str
        The unit of independence.
    rescaling : (n,) or (1,) array [1]
        The factor r by which an estimate is multiplied before it is judged (Gupta & Reichardt 2020, eqs. 2 and 3): it
        carries the training clusters' Y-M relation to that of these clusters.
    sz_scatter : {"none", "Y", "M"}
        Whether the SZ signal scatters at fixed mass, and of what the scatter is stated.
    sigma_ln : float [1]
        Its standard deviation, in natural logarithms of that quantity.

    Raises
    ------
    MassError
        If columns differ in length, are not finite, or cannot be masses, factors or scatters.
    """

    name: str
    true_msun: np.ndarray
    estimated_msun: Mapping[str, np.ndarray]
    snr: np.ndarray
    parent: np.ndarray
    rescaling: np.ndarray = field(default_factory=lambda: np.ones(1))
    sz_scatter: SzScatter = "none"
    sigma_ln: float = 0.0

    def __post_init__(self) -> None:
        true = np.asarray(self.true_msun, float)
        if true.ndim != 1 or true.size == 0:
            raise MassError(
                "A set of weighed maps needs clusters.",
                where=f"set {self.name!r}",
                expected="true masses of shape (n,), n >= 1",
                got=f"shape {true.shape}",
            )
        low, high = _MASS_BOUNDS_MSUN
        if not ((true > low) & (true < high)).all():
            raise MassError(
                "These cannot be masses of clusters.",
                where=f"set {self.name!r}, true masses",
                expected=f"{low:g} to {high:g} Msun",
                got=f"{true.min():g} to {true.max():g}",
                fix="give solar masses: no logarithms, no units of 1e14",
            )
        object.__setattr__(self, "true_msun", true)
        for name in ("snr", "parent"):
            object.__setattr__(self, name, self._column(name, getattr(self, name), name != "parent"))
        where = f"set {self.name!r}"
        object.__setattr__(self, "estimated_msun", _estimates(self.estimated_msun, len(true), where))
        self._check_rescaling()
        self._check_scatter()

    def _column(self, name: str, values: np.ndarray, is_number: bool) -> np.ndarray:
        return _column(values, len(self.true_msun), f"set {self.name!r}, {name}", is_number)

    def _check_rescaling(self) -> None:
        ratio = np.asarray(self.rescaling, float)
        ratio = self._column("rescaling", np.repeat(ratio, len(self)) if ratio.shape == (1,) else ratio, True)
        if not (ratio > 0.0).all():
            raise MassError(
                "A mass is rescaled by a positive factor.",
                where=f"set {self.name!r}, rescaling",
                expected="r > 0",
                got=ratio.min(),
            )
        object.__setattr__(self, "rescaling", ratio)

    def _check_scatter(self) -> None:
        known = self.sz_scatter in get_args(SzScatter)
        if (
            not known
            or not np.isfinite(self.sigma_ln)
            or (self.sigma_ln > 0.0) != (self.sz_scatter != "none")
        ):
            raise MassError(
                "The scatter of the SZ signal is stated on Y or on M.",
                where=f"set {self.name!r}, sz_scatter and sigma_ln",
                expected="'Y' or 'M' with sigma_ln > 0, or 'none' with 0",
                got=f"{self.sz_scatter!r} with {self.sigma_ln!r}",
            )

    def __len__(self) -> int:
        return len(self.true_msun)

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, in order."""
        return tuple(self.estimated_msun)

    @property
    def is_rescaled(self) -> bool:
        """Whether any estimate is multiplied by anything."""
        return bool((self.rescaling != 1.0).any())

    def masses_msun(self, method: str) -> np.ndarray:
        """Return the estimates of a method, rescaled, (n,) [Msun]."""
        return np.asarray(self.estimated_msun[method] * self.rescaling)

    def weighed(self, method: str) -> np.ndarray:
        """Return where a method sees a mass at all, (n,) bool."""
        return np.asarray(self.estimated_msun[method] > 0.0)


@dataclass(frozen=True, eq=False)
class EmptySkies:
    """n maps without a cluster, the mass that each method gives them, and the mass from which on it counts as one.

    Parameters
    ----------
    estimated_msun : dict of str to (n,) array [Msun]
        By method, at least one; M200c. Zero or less: the method sees no mass.
    threshold_msun : float [Msun]
        A sky with this mass or more is a false detection.

    Raises
    ------
    MassError
        If there are no skies, their numbers differ, estimates are not finite, or the threshold is no mass.
    """

    estimated_msun: Mapping[str, np.ndarray]
    threshold_msun: float

    def __post_init__(self) -> None:
        n = len(next(iter(self.estimated_msun.values()), ()))
        object.__setattr__(self, "estimated_msun", _estimates(self.estimated_msun, n, "empty skies"))
        low, high = _MASS_BOUNDS_MSUN
        if n == 0 or not low < self.threshold_msun < high:
            raise MassError(
                "Empty skies are judged at a threshold.",
                where="empty skies",
                expected=f"one sky or more, and a threshold of {low:g} to {high:g} Msun",
                got=f"{n} skies, {self.threshold_msun!r}",
            )


@dataclass(frozen=True, eq=False)
class ProfileResidual:
    """Means over maps of the true SZ signal at 150 GHz, and of predicted minus true, both averaged in rings.

    Parameters
    ----------
    radius_arcmin : (k,) array [arcmin]
        Rising, k >= 2; the last one is the edge of the aperture that is judged.
    signal_uk, residual_uk, error_uk : (k,) array [uK_CMB]
        True signal, predicted minus true, and the standard error of the latter.

    Raises
    ------
    MapError
        If the columns differ in length, are not finite, radii do not rise, errors are negative, or there is no signal.
    """

    radius_arcmin: np.ndarray
    signal_uk: np.ndarray
    residual_uk: np.ndarray
    error_uk: np.ndarray

    def __post_init__(self) -> None:
        for name in ("radius_arcmin", "signal_uk", "residual_uk", "error_uk"):
            column = np.asarray(getattr(self, name), float)
            object.__setattr__(self, name, column)
            if (
                column.ndim != 1
                or column.shape != np.shape(self.radius_arcmin)
                or not np.isfinite(column).all()
            ):
                raise MapError(
                    "The columns of a profile have one finite number for each ring.",
                    where=name,
                    expected=f"shape (k,), as the {np.shape(self.radius_arcmin)} radii",
                    got=f"shape {column.shape}, {int((~np.isfinite(column)).sum())} not finite",
                )
        rising = bool((np.diff(self.radius_arcmin) > 0.0).all()) and self.radius_arcmin.size >= 2
        if (
            not rising
            or self.radius_arcmin[0] < 0.0
            or (self.error_uk < 0.0).any()
            or not self.signal_uk.any()
        ):
            raise MapError(
                "This is not the profile of a cluster.",
                where="profile residual",
                expected="two or more rising radii, errors of 0 or more, a signal that is not zero everywhere",
            )


def _estimates(estimated_msun: Mapping[str, np.ndarray], n: int, where: str) -> dict[str, np.ndarray]:
    """Return checked estimates of each method as arrays of n numbers."""
    if not estimated_msun:
        raise MassError("There is no method to judge.", where=where, expected="at least one", got="none")
    return {
        name: _column(column, n, f"{where}, estimates of {name!r}") for name, column in estimated_msun.items()
    }


def _column(values: np.ndarray, n: int, where: str, is_number: bool = True) -> np.ndarray:
    column = np.asarray(values, float) if is_number else np.asarray(values)
    if column.shape != (n,):
        raise MassError(
            "There is one entry per map.", where=where, expected=f"shape ({n},)", got=f"shape {column.shape}"
        )
    if is_number and not np.isfinite(column).all():
        raise MassError(
            "A column has holes.",
            where=where,
            expected="finite numbers",
            got=f"{int((~np.isfinite(column)).sum())} are not",
            fix="a method that sees no mass says 0",
        )
    return column
