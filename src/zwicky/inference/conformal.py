"""Recalibration of intervals on held-out clusters (split conformal prediction).

Each posterior is reduced to a centre and a scale. On validation parents the standardised errors (truth - centre) /
scale are collected, in bins of signal-to-noise, and of the centre inside these, because small and large masses err to
different sides. The recalibrated quantile at level p is centre + scale times their empirical quantile at p, with the
finite-sample correction of Vovk et al. 2005 (as in Romano, Patterson & Candes 2019, equation 8, applied to each tail).
The coverage holds for clusters that are exchangeable with the validation set, and for no others: where the warning
light is on, there is no promise.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from zwicky.core.config import Config
from zwicky.core.errors import TrainingError

LEVELS: Final = (0.005, 0.025, 0.05, 0.1, 0.16, 0.25, 0.375, 0.5, 0.625, 0.75, 0.84, 0.9, 0.95, 0.975, 0.995)
"""Where recalibrated quantiles are kept."""
SNR_EDGES: Final = (4.5, 6.0, 9.0)
MIN_CLUSTERS: Final = 100
"""Fewest validation observations in a bin: the 2.5 % tail then rests on two or more of them."""


class Conformal(Config):
    """Quantiles of standardised errors per bin of signal-to-noise, and of the predicted mass inside each.

    Attributes
    ----------
    snr_edges : tuple of float [1]
        Between the bins of signal-to-noise.
    quantiles : tuple of tuple of float
        (bin, level) at ``LEVELS``, increasing along each row.
    counts : tuple of int
        Validation observations per bin.
    centre_edges : tuple of tuple of float [dex of Msun]
        For each bin of signal-to-noise, what lies between its bins of the predicted mass; these follow each other in
        ``quantiles`` and ``counts``. Empty: one bin each.
    """

    snr_edges: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    counts: tuple[int, ...]
    centre_edges: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def fit(
        cls,
        truth: np.ndarray,
        centre: np.ndarray,
        scale: np.ndarray,
        snr: np.ndarray,
        snr_edges: tuple[float, ...] = SNR_EDGES,
        n_centre_bins: int = 1,
    ) -> Conformal:
        """Collect standardised errors on held-out clusters.

        Parameters
        ----------
        truth, centre, scale : (cluster,) array [dex of Msun]
        snr : (cluster,) array [1]
            Decides the bin.
        snr_edges : tuple of float [1]
            Between the bins; bins with fewer than 100 clusters are merged with the one below, the first with
            the second.
        n_centre_bins : int
            Bins of the centre, of equally many clusters, inside each bin of signal-to-noise; fewer where one would hold
            less than 100 clusters.

        Raises
        ------
        TrainingError
            If there are fewer than 100 clusters in all.
        """
        if len(truth) < MIN_CLUSTERS:
            raise TrainingError(
                "Too few validation clusters to calibrate an interval.",
                where="conformal recalibration",
                expected=f"at least {MIN_CLUSTERS} validation observations",
                got=len(truth),
                fix="make the mock survey larger, or its validation fraction",
            )
        edges = [e for e in snr_edges if (snr >= e).sum() >= MIN_CLUSTERS]
        while edges and np.bincount(np.digitize(snr, edges), minlength=len(edges) + 1).min() < MIN_CLUSTERS:
            smallest = int(np.argmin(np.bincount(np.digitize(snr, edges), minlength=len(edges) + 1)))
            edges.pop(max(smallest - 1, 0))
        which = np.digitize(snr, edges)
        inner = tuple(_equal_count_edges(centre[which == i], n_centre_bins) for i in range(len(edges) + 1))
        inner = inner if any(inner) else ()
        standard, row = (truth - centre) / scale, _rows(centre, snr, tuple(edges), inner)
        counts = np.bincount(row, minlength=len(edges) + 1 + sum(map(len, inner)))
        rows = [corrected_quantiles(standard[row == i]) for i in range(len(counts))]
        return cls(
            snr_edges=tuple(edges),
            quantiles=tuple(tuple(float(v) for v in values) for values in rows),
            counts=tuple(int(c) for c in counts),
            centre_edges=inner,
        )

    def apply(self, centre: np.ndarray, scale: np.ndarray, snr: np.ndarray) -> np.ndarray:
        """Return recalibrated quantiles at ``LEVELS``, (cluster, level) [dex of Msun]."""
        table = np.array(self.quantiles)[_rows(centre, snr, self.snr_edges, self.centre_edges)]
        return centre[:, None] + scale[:, None] * table


def _rows(
    centre: np.ndarray,
    snr: np.ndarray,
    snr_edges: tuple[float, ...],
    centre_edges: tuple[tuple[float, ...], ...],
) -> np.ndarray:
    """Return which row of the table holds for each cluster, (cluster,)."""
    which = np.digitize(snr, snr_edges)
    if not centre_edges:
        return which
    first = np.cumsum([0, *(len(edges) + 1 for edges in centre_edges)])[:-1]
    inside = np.choose(which, [np.digitize(centre, edges) for edges in centre_edges])
    return np.asarray(first[which] + inside)


def _equal_count_edges(centre: np.ndarray, n_bins: int) -> tuple[float, ...]:
    """Return edges between bins of equally many values, as many as hold the fewest that a bin needs."""
    for n in range(min(n_bins, len(centre) // MIN_CLUSTERS), 1, -1):
        edges = np.quantile(centre, np.arange(1, n) / n)
        if np.bincount(np.digitize(centre, edges), minlength=n).min() >= MIN_CLUSTERS:
            return tuple(float(edge) for edge in edges)
    return ()


def corrected_quantiles(errors: np.ndarray) -> np.ndarray:
    """Return empirical quantiles at ``LEVELS``, each moved outwards by the finite-sample correction."""
    n = len(errors)
    levels = np.array(LEVELS)
    outwards = np.where(
        levels > 0.5, np.minimum(levels * (n + 1) / n, 1.0), np.maximum(1 - (1 - levels) * (n + 1) / n, 0.0)
    )
    outwards = np.where(levels == 0.5, 0.5, outwards)
    return np.maximum.accumulate(np.quantile(errors, outwards))


def at_levels(log10_quantiles: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Pick or interpolate quantiles kept at ``LEVELS``, (cluster, level) -> (cluster, len(levels))."""
    return np.array([np.interp(levels, LEVELS, row) for row in log10_quantiles]).reshape(
        len(log10_quantiles), len(levels)
    )
