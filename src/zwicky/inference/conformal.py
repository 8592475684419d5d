"""Recalibration of intervals on held-out clusters (split conformal prediction).

Each posterior is reduced to a centre and a scale. On validation parents the standardised errors (truth - centre) /
scale are collected, in bins of signal-to-noise; the recalibrated quantile at level p is centre + scale times their
empirical quantile at p, with the finite-sample correction of Vovk et al. 2005 (as in Romano, Patterson & Candes 2019,
equation 8, applied to each tail). The coverage holds for clusters that are exchangeable with the validation set, and
for no others: where the warning light is on, there is no promise.
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
    """Quantiles of standardised errors per bin of signal-to-noise.

    Attributes
    ----------
    snr_edges : tuple of float [1]
        Between the bins.
    quantiles : tuple of tuple of float
        (bin, level) at ``LEVELS``, increasing along each row.
    counts : tuple of int
        Validation observations per bin.
    """

    snr_edges: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    counts: tuple[int, ...]

    @classmethod
    def fit(
        cls,
        truth: np.ndarray,
        centre: np.ndarray,
        scale: np.ndarray,
        snr: np.ndarray,
        snr_edges: tuple[float, ...] = SNR_EDGES,
    ) -> Conformal:
        """Collect standardised errors on held-out clusters.

        Parameters
        ----------
        truth, centre, scale : (cluster,) array [dex of Msun]
        snr : (cluster,) array [1]
            Decides the bin.
        snr_edges : tuple of float [1]
            Between the bins; bins with fewer than 100 clusters are merged with the one below.

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
            edges.pop(int(np.argmin(np.bincount(np.digitize(snr, edges), minlength=len(edges) + 1))) - 1)
        standard, which = (truth - centre) / scale, np.digitize(snr, edges)
        rows = [corrected_quantiles(standard[which == i]) for i in range(len(edges) + 1)]
        counts = np.bincount(which, minlength=len(edges) + 1)
        return cls(
            snr_edges=tuple(edges),
            quantiles=tuple(tuple(float(v) for v in row) for row in rows),
            counts=tuple(int(c) for c in counts),
        )

    def apply(self, centre: np.ndarray, scale: np.ndarray, snr: np.ndarray) -> np.ndarray:
        """Return recalibrated quantiles at ``LEVELS``, (cluster, level) [dex of Msun]."""
        table = np.array(self.quantiles)[np.digitize(snr, self.snr_edges)]
        return centre[:, None] + scale[:, None] * table


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
