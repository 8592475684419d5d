"""What is judged: predicted masses beside true ones, cluster by cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtri

from zwicky.core.errors import MassError
from zwicky.core.masses import MassDefinition

LEVELS: Final = (0.025, 0.16, 0.5, 0.84, 0.975)
"""The quantile levels of every prediction: the ends of the 95 % and 68 % intervals, and the median."""

# The same bounds as those of core.masses.Mass: outside them a unit is wrong, or the logarithm was forgotten.
_LOG10_BOUNDS: Final = (8.0, 18.0)


@dataclass(frozen=True, eq=False)
class MassPredictions:
    """What one method says about the masses of n clusters.

    Parameters
    ----------
    name : str
        The method.
    log10_quantiles : (n, 5) array [dex of Msun]
        Posterior quantiles of log10 M at ``levels``; they never fall along a row, and the 68 % interval has a
        width.
    levels : tuple of 5 floats [1]
        Always ``LEVELS``; written out so that a file which carries other levels is refused.

    Raises
    ------
    MassError
        If the quantiles are not such numbers.
    """

    name: str
    log10_quantiles: np.ndarray
    levels: tuple[float, ...] = LEVELS

    def __post_init__(self) -> None:
        quantiles = np.asarray(self.log10_quantiles, float)
        where = f"predictions {self.name!r}"
        if len(self.levels) != len(LEVELS) or not np.allclose(self.levels, LEVELS, rtol=0.0, atol=1e-9):
            raise MassError(
                "These are other quantile levels.", where=where, expected=LEVELS, got=tuple(self.levels)
            )
        if quantiles.ndim != 2 or quantiles.shape[1] != len(LEVELS):
            raise MassError(
                "Predicted masses are a table of quantiles.",
                where=where,
                expected=f"shape (n, {len(LEVELS)})",
                got=f"shape {quantiles.shape}",
            )
        _check_log10(quantiles, where)
        unordered = (np.diff(quantiles, axis=1) < 0.0).any(axis=1) | (quantiles[:, 3] <= quantiles[:, 1])
        if unordered.any():
            raise MassError(
                "The quantiles of a prediction must rise with their level.",
                where=f"{where}, row {int(np.argmax(unordered))}",
                expected="q(0.025) <= q(0.16) <= q(0.5) <= q(0.84) <= q(0.975), and q(0.16) < q(0.84)",
                got=f"{int(unordered.sum())} rows that do not",
            )
        object.__setattr__(self, "log10_quantiles", quantiles)
        object.__setattr__(self, "levels", LEVELS)

    @classmethod
    def gaussian(cls, name: str, log10_mean: np.ndarray, sd_dex: np.ndarray | float) -> MassPredictions:
        """Return the quantiles of Gaussian posteriors of log10 M.

        Parameters
        ----------
        name : str
            The method.
        log10_mean : (n,) array [dex of Msun]
            Posterior means.
        sd_dex : (n,) array or float [dex]
            Posterior standard deviations, > 0.
        """
        mean = np.asarray(log10_mean, float)
        sd = np.broadcast_to(np.asarray(sd_dex, float), mean.shape)
        return cls(name, mean[:, None] + sd[:, None] * ndtri(np.array(LEVELS)))

    @property
    def log10_median(self) -> np.ndarray:
        """Posterior medians, (n,) [dex of Msun]."""
        return np.asarray(self.log10_quantiles[:, 2])

    @property
    def half_width_dex(self) -> np.ndarray:
        """Half of the 16-84 % range of each posterior, (n,) [dex]."""
        return np.asarray(0.5 * (self.log10_quantiles[:, 3] - self.log10_quantiles[:, 1]))

    def selected(self, rows: np.ndarray) -> MassPredictions:
        """Return the predictions of some clusters; ``rows`` is a mask (n,) or indices."""
        return MassPredictions(self.name, self.log10_quantiles[rows])


@dataclass(frozen=True, eq=False)
class MassTest:
    """A test set: n observations of clusters with known masses, and what each method says.

    Parameters
    ----------
    parent : (n,) array of str or int
        The parent of each row: the unit of independence.
    log10_true : (n,) array [dex of Msun]
        True masses.
    redshift : (n,) array [1]
        Greater than 0.
    snr : (n,) array [1]
        Signal-to-noise ratio of the matched filter, as observed; may be negative.
    predictions : dict of str to MassPredictions
        By method name; at least one.
    definition : MassDefinition
        Of the true and of the predicted masses.

    Raises
    ------
    MassError
        If columns differ in length, are not finite, or cannot be masses, redshifts or methods.
    """

    parent: np.ndarray
    log10_true: np.ndarray
    redshift: np.ndarray
    snr: np.ndarray
    predictions: Mapping[str, MassPredictions]
    definition: MassDefinition

    def __post_init__(self) -> None:
        object.__setattr__(self, "parent", np.asarray(self.parent))
        for name in ("log10_true", "redshift", "snr"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), float))
        if self.log10_true.ndim != 1 or self.log10_true.size == 0:
            raise MassError(
                "A test needs clusters.",
                where="log10_true",
                expected="shape (n,), n >= 1",
                got=f"shape {self.log10_true.shape}",
            )
        _check_log10(self.log10_true, "log10_true")
        for name in ("parent", "redshift", "snr"):
            self._check_column(name)
        if not (self.redshift > 0.0).all():
            raise MassError(
                "A cluster has a redshift.", where="redshift", expected="z > 0", got=self.redshift.min()
            )
        self._check_predictions()

    def _check_column(self, name: str) -> None:
        column = getattr(self, name)
        if column.shape != self.log10_true.shape:
            raise MassError(
                "The columns of a test have one row per observation.",
                where=name,
                expected=f"shape {self.log10_true.shape}",
                got=f"shape {column.shape}",
            )
        if name != "parent" and not np.isfinite(column).all():
            bad = int((~np.isfinite(column)).sum())
            raise MassError(
                "A column has holes.", where=name, expected="finite numbers", got=f"{bad} are not"
            )

    def _check_predictions(self) -> None:
        if not self.predictions:
            raise MassError("A test needs the predictions of at least one method.", where="predictions")
        for name, predicted in self.predictions.items():
            if predicted.name != name or len(predicted.log10_quantiles) != self.n_rows:
                raise MassError(
                    "Predictions are filed under their name, one row per observation.",
                    where=f"predictions {name!r}",
                    expected=f"{name!r} with {self.n_rows} rows",
                    got=f"{predicted.name!r} with {len(predicted.log10_quantiles)} rows",
                )

    @property
    def n_rows(self) -> int:
        """Number of observations."""
        return len(self.log10_true)

    def residual_dex(self, method: str) -> np.ndarray:
        """Return predicted median minus true log10 M of a method, (n,) [dex]."""
        return self.predictions[method].log10_median - self.log10_true

    def selected(self, rows: np.ndarray) -> MassTest:
        """Return the test restricted to some rows, at least one; ``rows`` is a mask (n,) or indices."""
        predictions = {name: one.selected(rows) for name, one in self.predictions.items()}
        columns = (self.parent[rows], self.log10_true[rows], self.redshift[rows], self.snr[rows])
        return MassTest(*columns, predictions=predictions, definition=self.definition)


def _check_log10(log10_mass: np.ndarray, where: str) -> None:
    low, high = _LOG10_BOUNDS
    bad = ~((log10_mass > low) & (log10_mass < high))  # NaN is bad too
    if bad.any():
        raise MassError(
            "These cannot be logarithms of cluster masses.",
            where=where,
            expected=f"{low:g} < log10(M / Msun) < {high:g}",
            got=f"{int(bad.sum())} of {bad.size} outside, the first {log10_mass[bad][0]}",
            fix="give log10 of solar masses, not masses, and not per h",
        )
