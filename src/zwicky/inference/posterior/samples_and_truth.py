"""What recalibrations refuse: arrays that do not belong together, and too few clusters."""

from __future__ import annotations

from typing import Final

import numpy as np

from zwicky.core.errors import MapError, TrainingError

MIN_CLUSTERS: Final = 20
"""The largest scales have four modes: with 20 clusters their gain is known to 8 %."""
MIN_SAMPLES: Final = 2


def check_samples_and_truth(
    samples: np.ndarray,
    truth: np.ndarray | None,
    n_samples: int = MIN_SAMPLES,
    n_targets: int | None = None,
) -> None:
    """Refuse what are no samples (n, sample, target, y, x) of square maps, or no truth of theirs."""
    good = samples.ndim == 5 and samples.shape[1] >= n_samples and samples.shape[3] == samples.shape[4] > 1
    belongs = truth is None or (good and truth.shape == (len(samples), *samples.shape[2:]))
    of_targets = n_targets is None or (good and samples.shape[2] == n_targets)
    if not (good and belongs and of_targets):
        raise MapError(
            "These are not posterior samples that can be recalibrated.",
            where="recalibration of posterior maps",
            expected=f"samples (n, sample >= {n_samples}, {n_targets or 'target'}, y, x) of square maps, "
            "and a truth (n, target, y, x) to fit them",
            got=f"samples {samples.shape}" + ("" if truth is None else f", truth {truth.shape}"),
        )


def check_enough(n_clusters: int, what: str) -> None:
    """Refuse fewer held-out clusters than a recalibration needs."""
    if n_clusters < MIN_CLUSTERS:
        raise TrainingError(
            f"Too few validation clusters to recalibrate the {what}.",
            where="recalibration of posterior maps",
            expected=f"at least {MIN_CLUSTERS} clusters",
            got=n_clusters,
            fix="make the store larger, or its validation fraction",
        )
