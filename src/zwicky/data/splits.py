"""Train, validation and test: drawn per parent cluster, never per image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.core.errors import ConfigError
from zwicky.core.randomness import Key, Stream

SPLITS: Final = ("train", "validation", "test")


@dataclass(frozen=True)
class SplitFractions:
    """The probability [1] with which a parent cluster falls into each split.

    Parameters
    ----------
    train, validation, test : float [1]
        Each in 0..1; together 1.

    Raises
    ------
    ConfigError
        If they are not probabilities that add up to 1.
    """

    train: float = 0.8
    validation: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        parts = self.as_tuple()
        if not (all(0.0 <= part <= 1.0 for part in parts) and math.isclose(sum(parts), 1.0, abs_tol=1e-9)):
            raise ConfigError(
                "These split fractions cannot be used.",
                where="split fractions",
                expected="train, validation and test between 0 and 1 that add up to 1",
                got=", ".join(f"{name} {part!r}" for name, part in zip(SPLITS, parts, strict=True)),
                fix="for example 0.8, 0.1 and 0.1",
            )

    def as_tuple(self) -> tuple[float, float, float]:
        """Return (train, validation, test) [1]."""
        return (self.train, self.validation, self.test)


def split_of_parents(cluster_index: np.ndarray, seed: int, fractions: SplitFractions) -> np.ndarray:
    """Return the split of each sample, decided by its parent cluster alone.

    The draw is keyed by the cluster's index: all sight-lines of a parent fall together, and a larger set of
    clusters never moves one of a smaller set.

    Parameters
    ----------
    cluster_index : (sample,) int array
        The parent of each sample; may repeat, in any order.
    seed : int
        Of the split; independent of the seed of the mocks.
    fractions : SplitFractions
        How large each split is on average.

    Returns
    -------
    (sample,) str array
        "train", "validation" or "test".
    """
    # Only splits that are not empty: rounding in the sum must never let a cluster fall into an empty one.
    present = [(name, part) for name, part in zip(SPLITS, fractions.as_tuple(), strict=True) if part > 0.0]
    names = np.array([name for name, _ in present])
    upper_edges = np.cumsum([part for _, part in present])[:-1]
    parents, parent_of_sample = np.unique(np.asarray(cluster_index, np.int64), return_inverse=True)
    draws = np.array(
        [Key(seed, Stream.SPLIT, cluster=int(parent)).uniform(1)[0] for parent in parents], float
    )
    return np.asarray(names[np.searchsorted(upper_edges, draws, side="right")][parent_of_sample])
