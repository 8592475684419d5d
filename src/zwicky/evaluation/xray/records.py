"""What a weighing of photon images is judged by: masses beside true ones, with counts, and with folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zwicky.core.errors import MassError
from zwicky.core.masses import MassDefinition
from zwicky.evaluation.records import MassPredictions, MassTest


@dataclass(frozen=True, eq=False)
class PhotonTest:
    """n images of clusters with known masses, and what each method says.

    Parameters
    ----------
    parent : (n,) array of str or int
        The unit of independence.
    log10_true : (n,) array [dex of Msun]
        True masses.
    redshift : (n,) array [1]
        The true one, greater than 0.
    counts : (n,) array [1]
        Photons of the cluster; 0 or more.
    predictions : dict of str to MassPredictions
        By method, at least one.
    definition : MassDefinition
        Of the true and of the predicted masses.
    fold : (n,) int array, optional
        In which turn of a cross-validation each row was tested; all in one by default. A parent is in one fold.

    Raises
    ------
    MassError
        If columns differ in length, are not finite, or cannot be masses, redshifts, counts, methods or folds.
    """

    parent: np.ndarray
    log10_true: np.ndarray
    redshift: np.ndarray
    counts: np.ndarray
    predictions: Mapping[str, MassPredictions]
    definition: MassDefinition
    fold: np.ndarray | None = None

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts, float)
        if not (counts >= 0.0).all():  # NaN neither
            raise MassError(
                "Photons are counted.", where="counts", expected="0 or more", got=f"{counts.min()}"
            )
        object.__setattr__(self, "counts", counts)
        checked = self.as_mass_test()
        for name in ("parent", "log10_true", "redshift"):
            object.__setattr__(self, name, getattr(checked, name))
        fold = np.zeros(len(self), np.int64) if self.fold is None else np.asarray(self.fold)
        whole = fold.shape == self.parent.shape and np.issubdtype(fold.dtype, np.integer)
        if not whole or len(set(zip(self.parent.tolist(), fold.tolist(), strict=True))) > self.n_parents:
            raise MassError(
                "A parent is tested in one fold.",
                where="fold",
                expected=f"{len(self)} whole numbers, the same for all rows of a parent",
                got=f"shape {fold.shape} of {fold.dtype}",
                fix="use data.folds.Folds.numbers",
            )
        object.__setattr__(self, "fold", fold.astype(np.int64))

    def __len__(self) -> int:
        return len(self.log10_true)

    @property
    def n_parents(self) -> int:
        """Number of independent clusters."""
        return len(np.unique(self.parent))

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, in order."""
        return tuple(self.predictions)

    def as_mass_test(self) -> MassTest:
        """Return the same for the figures and scorecards of any masses, with the root of the counts as S/N."""
        columns = (self.parent, self.log10_true, self.redshift, np.sqrt(self.counts))
        return MassTest(*columns, predictions=self.predictions, definition=self.definition)

    def quantiles(self, method: str) -> np.ndarray:
        """Return the predicted quantiles of a method, (n, 5) [dex of Msun]; raises MassError if it is not known."""
        if method not in self.predictions:
            raise MassError(
                "This method is not in the test.", expected=", ".join(self.methods), got=repr(method)
            )
        return self.predictions[method].log10_quantiles

    def residual_dex(self, method: str) -> np.ndarray:
        """Return predicted median minus true log10 M of a method, (n,) [dex]."""
        return np.asarray(self.quantiles(method)[:, 2] - self.log10_true)

    def selected(self, rows: np.ndarray) -> PhotonTest:
        """Return some rows, at least one; ``rows`` is a mask (n,) or indices."""
        assert self.fold is not None
        predictions = {name: one.selected(rows) for name, one in self.predictions.items()}
        columns = (self.parent[rows], self.log10_true[rows], self.redshift[rows], self.counts[rows])
        return PhotonTest(*columns, predictions, self.definition, self.fold[rows])
