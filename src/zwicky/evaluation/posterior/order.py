"""Where does the truth stand among the samples? Ranks, and intervals that are exact for any number of samples."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from zwicky.core.errors import ConfigError
from zwicky.core.randomness import Key, Stream


class Purpose(IntEnum):
    """What a random number of this room is for: the ``sight_line`` of its key."""

    REFERENCES = 0
    TIES = 1
    BAND = 2
    ORDERINGS = 3
    GAUSSIAN_PIXELS = 4


def key_of(seed: int, purpose: Purpose, cluster: int = 0) -> Key:
    """Return the address of the random numbers of one purpose."""
    return Key(seed, Stream.RANDOM_POINTS, cluster, int(purpose))


def ranks_among(truth: np.ndarray, samples: np.ndarray, key: Key) -> np.ndarray:
    """Return how many of N samples lie below the truth; among equals the truth takes a random place.

    If truth and samples come from one distribution, the rank is uniform on 0..N (Talts et al. 2018, theorem 1),
    whatever the distribution: random places keep this true for discrete ones.

    Parameters
    ----------
    truth : (n, ...) array
    samples : (n, sample, ...) array
    key : Key
        Of the random places.

    Returns
    -------
    (n, ...) int array
    """
    below = (samples < truth[:, None]).sum(axis=1)
    equal = (samples == truth[:, None]).sum(axis=1)
    if not equal.any():
        return np.asarray(below)
    return np.asarray(below + np.floor(key.uniform(*truth.shape) * (equal + 1)).astype(below.dtype))


def inside_central(ranks: np.ndarray, n_samples: int, level: float) -> np.ndarray:
    """Return whether a truth of this rank lies inside the central interval of a level: 1, 0, or a part.

    The interval from the k-th smallest to the k-th largest of N samples holds the ranks k..N - k: under calibration
    it covers with probability (N + 1 - 2 k) / (N + 1) exactly, not 1 - 2 k / N. The k that would give ``level``,
    (1 - level)(N + 1) / 2, is no whole number: the truth counts as inside the narrower of the two neighbouring
    intervals fully, and between the two with the part that makes the probability equal to ``level``.

    Parameters
    ----------
    ranks : (...) int array
        0..n_samples.
    n_samples : int
    level : float
        Between 0 and 1.

    Returns
    -------
    (...) array [1]
        Its mean over uniform ranks is ``level``.

    Raises
    ------
    ConfigError
        If the level is no probability that this many samples can bound.
    """
    k = 0.5 * (1.0 - level) * (n_samples + 1)
    if not 0.0 < level < 1.0 or k > n_samples // 2:
        raise ConfigError(
            "No interval between samples has this level.",
            where=f"level, {n_samples} samples",
            expected=f"{max(0.0, 1 - 2 * (n_samples // 2) / (n_samples + 1)):.3g} <= level < 1",
            got=level,
        )
    depth = np.minimum(ranks, n_samples - ranks)
    whole = int(np.floor(k))
    return np.where(depth > whole, 1.0, np.where(depth == whole, 1.0 - (k - whole), 0.0))


def independent_rows(parent: np.ndarray) -> np.ndarray:
    """Return the first row of each parent, in the order of the rows: what may be counted as independent."""
    return np.sort(np.unique(parent, return_index=True)[1])
