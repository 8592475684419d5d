"""Mass bins, and the errors of what is averaged in each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from zwicky.core.errors import ConfigError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.bootstrap import MINIMUM_PARENTS, effective_parents, resampled_sums
from zwicky.evaluation.mapping.estimates import Drawn

OfMeans = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class MassBins:
    """All clusters, then those of each mass bin: the first axis of what it computes.

    Parameters
    ----------
    log10_m200c : (n,) array [dex of Msun]
    parent : (n,) array of str
        The unit that is resampled.
    edges : sequence of float [dex of Msun]
        Ascending; a mass on an edge belongs above it. Fewer than two: no bins but all.
    n_resamples : int
    seed : int

    Raises
    ------
    ConfigError
        If the edges do not ascend, or there are no resamples.
    """

    log10_m200c: np.ndarray
    parent: np.ndarray
    edges: Sequence[float]
    n_resamples: int
    seed: int
    rows: tuple[np.ndarray, ...] = field(init=False)

    def __post_init__(self) -> None:
        edges = np.asarray(self.edges, float)
        if (np.diff(edges) <= 0.0).any() or self.n_resamples < 1:
            raise ConfigError(
                "Bins of mass have ascending edges, and a bootstrap has resamples.",
                where="mass_edges, n_resamples",
                expected="ascending edges [dex of Msun], n_resamples >= 1",
                got=f"edges {list(edges)}, n_resamples {self.n_resamples}",
            )
        number = np.searchsorted(edges, self.log10_m200c, side="right")
        inside = [np.flatnonzero(number == i) for i in range(1, len(edges))]
        object.__setattr__(self, "rows", (np.arange(len(self.parent)), *inside))

    @property
    def names(self) -> tuple[str, ...]:
        """``"all"``, then the edges of each bin [dex of Msun]."""
        edges = list(self.edges)
        return ("all", *(f"{low:g}-{high:g}" for low, high in pairwise(edges)))

    @property
    def n_clusters(self) -> np.ndarray:
        """Rows in each bin, (bin,)."""
        return np.array([len(rows) for rows in self.rows])

    @property
    def effective_parents(self) -> np.ndarray:
        """Independent clusters in each bin, (bin,)."""
        return np.array([effective_parents(self.parent[rows]) for rows in self.rows])

    def of_means(self, values: np.ndarray, of: OfMeans | None = None) -> Drawn:
        """Return the mean over the clusters of each bin, or a function of it, and of its resamples over parents.

        Parameters
        ----------
        values : (n, ...) array
        of : callable, optional
            (m, ...) means -> (m, ...) values.

        Returns
        -------
        Drawn
            (bin, ...) and (resample, bin, ...); NaN for an empty bin, and for the resamples of one with too few
            parents to have errors. All bins draw with the same key, so that differences pair up.
        """
        function = of or (lambda means: means)
        parts = [self._of_bin(np.asarray(values, float), rows) for rows in self.rows]
        return Drawn(
            np.stack([function(means[:1])[0] for means in parts]),
            np.stack([function(means[1:]) for means in parts], axis=1),
        )

    def _of_bin(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the mean over some rows, and of their resamples: (1 + resample, ...)."""
        means = np.full((1 + self.n_resamples, *values.shape[1:]), np.nan)
        if len(rows):
            means[0] = values[rows].mean(axis=0)
        parent = self.parent[rows]
        if len(np.unique(parent)) >= MINIMUM_PARENTS:
            key = Key(self.seed, Stream.BOOTSTRAP)
            sums = resampled_sums(parent, values[rows], self.n_resamples, key)
            counts = resampled_sums(parent, np.ones(len(rows)), self.n_resamples, key)
            means[1:] = sums / counts.reshape(-1, *(1,) * (values.ndim - 1))
        return means
