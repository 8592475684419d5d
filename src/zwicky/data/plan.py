"""What a store of mock observations will hold, and how it is cut into files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Protocol

import numpy as np

from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.core.maps import MapSet
from zwicky.core.quantities import MapQuantity
from zwicky.data.codec import Log16
from zwicky.data.splits import SplitFractions

SHARDS: Final = "shards"
RUN_AGAIN: Final = "run the command that makes the store again: what is finished is kept"


class Survey(Protocol):
    """A source of mock observations, such as ``zwicky.mocks.survey.MockSurvey``; frozen and picklable."""

    @property
    def channels(self) -> tuple[MapQuantity, ...]:
        """The quantities of its maps, in order."""

    @property
    def grid(self) -> Grid:
        """The grid of its maps."""

    @property
    def beam_arcmin(self) -> float | None:
        """FWHM of the beam in its maps [arcmin]; None if there is none."""

    def settings(self) -> dict[str, object]:
        """Return everything that decides a pixel, as JSON-able values."""

    def observe(self, cluster_index: int, sight_line: int) -> MapSet:
        """Return one observation: a pure function of the settings and the indices."""


@dataclass(frozen=True)
class StorePlan:
    """What a store holds and how it is cut into shards.

    Parameters
    ----------
    settings : dict
        Everything that decides a pixel, as JSON-able values: ``survey.settings()``.
    n_clusters : int
        Parent clusters, numbered from 0.
    sight_lines : int or (cluster,) ints
        Observations of each cluster: one number for all, or one for each (``zwicky.data.sight_lines``). A cluster
        with 0 is left out.
    clusters_per_shard : int
        Changes the files, never the samples. A worker holds one shard in memory.
    fractions : SplitFractions
        How the parents are split.
    split_seed : int
        Of the split.
    log16 : dict of MapQuantity to Log16
        Channels that are kept as 16-bit logarithms (``zwicky.data.codec``); the others are float32.

    Raises
    ------
    ConfigError
        If a number is too small, the sight-lines are not one for each cluster, a file would hold no sample, or a
        setting cannot be written as JSON.
    """

    settings: Mapping[str, object]
    n_clusters: int
    sight_lines: int | tuple[int, ...] = 1
    clusters_per_shard: int = 256
    fractions: SplitFractions = field(default_factory=SplitFractions)
    split_seed: int = 0
    log16: Mapping[MapQuantity, Log16] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sight_lines", self._checked_sight_lines())
        numbers = {"n_clusters": self.n_clusters, "clusters_per_shard": self.clusters_per_shard}
        if isinstance(self.sight_lines, int):
            numbers["sight_lines"] = self.sight_lines
        for name, lowest, number in (
            *((name, 1, number) for name, number in numbers.items()),
            ("split_seed", 0, self.split_seed),
        ):
            if number < lowest:
                raise ConfigError(
                    f"The store cannot be planned with this {name}.",
                    where=name,
                    expected=f"an integer >= {lowest}",
                    got=number,
                )
        if (empty := np.flatnonzero(np.diff(self._first_of_shards) == 0)).size:
            raise ConfigError(
                "A file of the store would hold no sample.",
                where="clusters_per_shard",
                expected="a cluster with sight-lines in each shard",
                got=f"none in shard {empty[0]}, of {self.clusters_per_shard} clusters",
                fix="take more clusters per shard",
            )
        object.__setattr__(self, "settings", as_json(self.settings))

    def _checked_sight_lines(self) -> int | tuple[int, ...]:
        """Return one number if all are equal, else one for each cluster; refuse what does not fit the clusters."""
        if isinstance(self.sight_lines, int):
            return self.sight_lines
        counts = tuple(int(count) for count in self.sight_lines)
        if len(counts) != self.n_clusters or min(counts, default=-1) < 0:
            raise ConfigError(
                "The sight-lines do not fit the clusters.",
                where="sight_lines",
                expected=f"one integer >= 0 for each of {self.n_clusters} clusters",
                got=f"{len(counts)} numbers, the smallest {min(counts, default='missing')}",
            )
        return counts[0] if len(set(counts)) == 1 else counts

    @property
    def n_shards(self) -> int:
        """Number of shards."""
        return -(-self.n_clusters // self.clusters_per_shard)

    @property
    def n_samples(self) -> int:
        """Number of samples: the sum of all sight-lines."""
        return int(self._first_of_clusters[-1])

    @cached_property
    def _first_of_clusters(self) -> np.ndarray:
        """The first sample of each cluster, and the number of samples, (cluster + 1,) int64."""
        counts = np.broadcast_to(np.asarray(self.sight_lines, np.int64), (self.n_clusters,))
        return np.concatenate([[0], np.cumsum(counts)])

    @cached_property
    def _first_of_shards(self) -> np.ndarray:
        """The first sample of each shard, and the number of samples, (shard + 1,) int64."""
        first_cluster = np.arange(self.n_shards + 1) * self.clusters_per_shard
        return self._first_of_clusters[np.minimum(first_cluster, self.n_clusters)]

    def samples_of(self, shard_index: int) -> np.ndarray:
        """Return the numbers of a shard's samples, (sample,) int64: all of cluster after cluster."""
        first, last = self._first_of_shards[shard_index : shard_index + 2]
        return np.arange(first, last, dtype=np.int64)

    def seen_in(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the cluster and the sight-line of some samples, each (sample,) int64.

        With one number of sight-lines for all, sample ``i`` is cluster ``i // sight_lines`` seen along
        ``i % sight_lines``.
        """
        clusters = np.searchsorted(self._first_of_clusters, samples, side="right") - 1
        return clusters, samples - self._first_of_clusters[clusters]

    def shards_of(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the shard of some samples and their rows in it, each (sample,) int64."""
        shards = np.searchsorted(self._first_of_shards, samples, side="right") - 1
        return shards, samples - self._first_of_shards[shards]


def shard_name(shard_index: int) -> str:
    """Return the path of a shard inside its store."""
    return f"{SHARDS}/shard-{shard_index:05d}.h5"


def as_json(settings: Mapping[str, object]) -> dict[str, object]:
    """Return the settings as JSON gives them back: tuples are lists, keys are text."""
    try:
        return dict(json.loads(json.dumps(settings, allow_nan=False)))
    except (TypeError, ValueError) as error:
        raise ConfigError(
            "The settings of a survey must be writable as JSON.",
            where="settings",
            expected="text, finite numbers, true, false, lists and tables",
            got=str(error),
        ) from error
