"""What was measured of a cluster, as a likelihood of the true value: with Gaussian noise, or as counted photons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from zwicky.core.errors import MassError


class Measured(Protocol):
    """A positive number of each cluster, known from noisy data."""

    def __len__(self) -> int: ...

    @property
    def value(self) -> np.ndarray:
        """Best estimate, (cluster,); may be zero or negative where nothing is seen."""

    @property
    def sigma(self) -> np.ndarray:
        """Its standard deviation, (cluster,)."""

    def log_likelihood(self, ln_x: np.ndarray) -> np.ndarray:
        """Return ln L of true values, (cluster, ...) to (cluster, ...), up to a constant for each cluster."""

    def __getitem__(self, which: slice) -> Measured: ...


@dataclass(frozen=True, eq=False)
class GaussianMeasured:
    """A number with Gaussian noise in itself, not in its logarithm: non-detections are as good as any other.

    Parameters
    ----------
    value, sigma : (cluster,) array
        Estimate and standard deviation, in the unit of the relation.

    Raises
    ------
    MassError
        If they are not finite, or sigma is not positive.
    """

    value: np.ndarray
    sigma: np.ndarray

    def __post_init__(self) -> None:
        _check_finite(self.value, self.sigma)

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, which: slice) -> GaussianMeasured:
        return GaussianMeasured(self.value[which], self.sigma[which])

    def log_likelihood(self, ln_x: np.ndarray) -> np.ndarray:
        """Return ln L of true values, (cluster, ...)."""
        column = (slice(None), *[None] * (ln_x.ndim - 1))
        return np.asarray(-0.5 * ((np.exp(ln_x) - self.value[column]) / self.sigma[column]) ** 2)


@dataclass(frozen=True, eq=False)
class CountedMeasured:
    """Photons over a known background: exact for any number, also for none.

    Parameters
    ----------
    counts, background : (cluster,) array
        Photons in an aperture, and expected background photons.
    per_unit : (cluster,) array
        Source photons expected for a true value of 1.

    Raises
    ------
    MassError
        If they are not finite, negative, or per_unit is not positive.
    """

    counts: np.ndarray
    background: np.ndarray
    per_unit: np.ndarray

    def __post_init__(self) -> None:
        _check_finite(self.counts, self.per_unit)
        if not (np.all(self.counts >= 0.0) and np.all(np.asarray(self.background) >= 0.0)):
            raise MassError(
                "Counted photons are not negative.", expected="counts and background of 0 or more", got="less"
            )

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def value(self) -> np.ndarray:
        """Best estimate, (cluster,)."""
        return np.asarray((self.counts - self.background) / self.per_unit)

    @property
    def sigma(self) -> np.ndarray:
        """Standard deviation, (cluster,); of one photon if there is none."""
        return np.asarray(np.sqrt(np.maximum(self.counts, 1.0)) / self.per_unit)

    def __getitem__(self, which: slice) -> CountedMeasured:
        return CountedMeasured(self.counts[which], self.background[which], self.per_unit[which])

    def log_likelihood(self, ln_x: np.ndarray) -> np.ndarray:
        """Return ln L of true values, (cluster, ...)."""
        column = (slice(None), *[None] * (ln_x.ndim - 1))
        source = np.exp(ln_x) * self.per_unit[column]
        # Less the value at the best fit, so that the logarithms of far tails stay comparable.
        model = np.maximum(source + self.background[column], 1e-300)
        best = np.maximum(self.counts, 1e-300)[column]
        return np.asarray(self.counts[column] * np.log(model / best) - (model - self.counts[column]))


def _check_finite(value: np.ndarray, positive: np.ndarray) -> None:
    bad = (
        int((~np.isfinite(value)).sum()),
        int((~((np.asarray(positive) > 0.0) & np.isfinite(positive))).sum()),
    )
    if any(bad):
        raise MassError(
            "A measurement is not a number with an error.",
            where="X-ray observable",
            expected="finite values, and errors (or photons per unit) above zero",
            got=f"{bad[0]} values not finite, {bad[1]} errors not positive",
            fix="leave out clusters that were not exposed",
        )
