"""A store of mock observations: a folder of HDF5 shards with one manifest (layout: docs/store.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Final

import h5py
import numpy as np

from zwicky.core.errors import StoreError
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity
from zwicky.data.layout import MAPS, TRUTH, channels_in, open_shard, shard_problems, unit_of_truth
from zwicky.data.manifest import Manifest
from zwicky.data.plan import RUN_AGAIN, StorePlan, shard_name
from zwicky.data.shards import ShardOutcome, write_shard
from zwicky.data.splits import SPLITS, split_of_parents

__all__ = ["Samples", "ShardOutcome", "Store", "StorePlan", "write_shard"]

_BLOCK_PIXELS: Final = 2**18
"""Decoded at once: half a megabyte of codes, which the processor's cache holds."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Observations and their truth, as arrays with one row per sample.

    Parameters
    ----------
    maps : (sample, channel, y, x) float32 array
        In the units of the store.
    truth : dict of str to (sample,) float64 array
        ``redshift``, ``log10_m500c`` and the like, units in the names.
    parent, id : (sample,) str array
        The unit of independence, and the name of the cluster.
    cluster_index, sight_line : (sample,) int64 array
        From which the sample was made.
    """

    maps: np.ndarray
    truth: Mapping[str, np.ndarray]
    parent: np.ndarray
    id: np.ndarray
    cluster_index: np.ndarray
    sight_line: np.ndarray

    def __len__(self) -> int:
        return len(self.maps)


@dataclass(frozen=True, eq=False)
class Store:
    """A complete store, opened for reading; make one with ``Store.open``.

    Parameters
    ----------
    folder : Path
        Where it is.
    manifest : Manifest
        What it holds.
    truth_names : tuple of str
        The true numbers of each sample.
    """

    folder: Path
    manifest: Manifest
    truth_names: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path, *, config_hash: str | None = None) -> Store:
        """Open a store, after a look at the manifest and at the checksum and header of every shard.

        Each byte is read once for that: about a second per gigabyte, and the maps are in the system's memory then.

        Parameters
        ----------
        folder : Path
            With ``manifest.json`` in it.
        config_hash : str, optional
            Refuse a store that was made with other settings.

        Raises
        ------
        StoreError
            If there is no store, or it is incomplete, damaged, of another format version or not the one
            asked for.
        """
        folder = Path(folder)
        manifest = Manifest.read(folder)
        if config_hash not in (None, manifest.config_hash):
            raise StoreError(
                "This store was made with other settings than the ones asked for.",
                where=str(folder),
                expected=f"config_hash {config_hash}",
                got=manifest.config_hash,
                fix="give the store that belongs to these settings, or make it in another folder",
            )
        _check_shards(folder, manifest)
        names = {i: _truth_names(folder, i) for i in range(manifest.plan.n_shards)}
        for shard_index, found in names.items():
            if found != names[0]:
                raise StoreError(
                    "The shards of this store hold different true numbers.",
                    where=str(folder / shard_name(shard_index)),
                    expected=", ".join(names[0]),
                    got=", ".join(found),
                    fix=f"remove this shard and {RUN_AGAIN}",
                )
        return cls(folder, manifest, names[0])

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return self.manifest.plan.n_samples

    @property
    def grid(self) -> Grid:
        """The pixels of all maps."""
        return self.manifest.grid

    @property
    def channels(self) -> tuple[MapQuantity, ...]:
        """The maps of a sample, in order."""
        return self.manifest.channels

    @property
    def units(self) -> tuple[str, ...]:
        """The unit of each channel."""
        return self.manifest.units

    @property
    def truth_units(self) -> dict[str, str]:
        """The unit of each true number."""
        return {name: unit_of_truth(name) for name in self.truth_names}

    @property
    def beam_arcmin(self) -> float | None:
        """FWHM of the beam in all maps [arcmin]; None if there is none."""
        return self.manifest.beam_arcmin

    @cached_property
    def split(self) -> np.ndarray:
        """The split of each sample, (sample,) str; all samples of a parent are in one.

        Raises
        ------
        StoreError
            If two clusters share a parent: they could fall into different splits.
        """
        plan = self.manifest.plan
        cluster_index, _ = plan.seen_in(np.arange(plan.n_samples))
        parents = np.concatenate([self._texts(i, "parent") for i in range(plan.n_shards)])
        _, first, parent_number = np.unique(parents, return_index=True, return_inverse=True)
        shared = cluster_index[first][parent_number] != cluster_index
        if shared.any():
            raise StoreError(
                "Two clusters of this store share a parent.",
                where=str(self.folder),
                expected="one parent for each cluster",
                got=f"parent {parents[shared][0]!r} in cluster {cluster_index[shared][0]} and an earlier one",
                fix="make observations of one parent as sight-lines of one cluster",
            )
        return split_of_parents(cluster_index, plan.split_seed, plan.fractions)

    def indices(self, split: str) -> np.ndarray:
        """Return the sample numbers of a split in rising order, (sample,) int64.

        Raises
        ------
        StoreError
            If there is no split of this name.
        """
        if split not in SPLITS:
            raise StoreError(
                "This split is not known.",
                where=str(self.folder),
                expected=", ".join(SPLITS),
                got=repr(split),
            )
        return np.flatnonzero(self.split == split)

    def read(
        self,
        indices: Sequence[int] | np.ndarray | None = None,
        *,
        split: str | None = None,
        channels: Sequence[MapQuantity] | None = None,
    ) -> Samples:
        """Read samples into memory, each shard once and in the order of the file.

        Parameters
        ----------
        indices : (sample,) ints, optional
            Sample numbers; any order, repeats allowed. The result has the same order.
        split : {"train", "validation", "test"}, optional
            All samples of a split, instead of indices. With neither, the whole store.
        channels : sequence of MapQuantity, optional
            Some of the maps, in the order that the result has. Default: all, as the store has them.

        Returns
        -------
        Samples
            One array of the size asked for; nothing larger is held while reading.

        Raises
        ------
        StoreError
            If a sample number, split or channel is not in the store.
        """
        if indices is not None and split is not None:
            raise ValueError("give indices or split, not both")
        if split is not None:
            indices = self.indices(split)
        wanted = np.arange(self.n_samples) if indices is None else np.asarray(indices, np.int64).reshape(-1)
        outside = wanted[(wanted < 0) | (wanted >= self.n_samples)]
        if outside.size:
            raise StoreError(
                "This sample is not in the store.",
                where=str(self.folder),
                expected=f"0 .. {self.n_samples - 1}",
                got=str(outside[0]),
            )
        channels = self.channels if channels is None else tuple(channels)
        if strangers := [channel for channel in channels if channel not in self.channels]:
            raise StoreError(
                "This channel is not in the store.",
                where=str(self.folder),
                expected=", ".join(self.channels),
                got=", ".join(strangers),
            )
        return self._read(wanted, [self.channels.index(channel) for channel in channels])

    def _read(self, wanted: np.ndarray, numbers: list[int]) -> Samples:
        plan = self.manifest.plan
        maps = np.empty((wanted.size, len(numbers), *self.grid.shape), np.float32)
        truth = {name: np.empty(wanted.size) for name in self.truth_names}
        texts = {name: np.full(wanted.size, "", object) for name in ("parent", "id")}
        shard_of, row_in_shard = plan.shards_of(wanted)
        for shard_index in np.unique(shard_of).tolist():
            rows = np.flatnonzero(shard_of == shard_index)
            inside = row_in_shard[rows]
            with open_shard(self.folder, shard_index) as file:
                for start, stop in _runs(rows, inside):
                    first, n = int(inside[start]), stop - start
                    out = maps[int(rows[start]) : int(rows[start]) + n]
                    self._read_pixels(file, slice(first, first + n), numbers, out)
                for name, values in truth.items():
                    values[rows] = file[TRUTH + name][:][inside]
            for name, column in texts.items():
                column[rows] = self._texts(shard_index, name)[inside]
        clusters, sight_lines = plan.seen_in(wanted)
        return Samples(
            maps, truth, texts["parent"].astype(str), texts["id"].astype(str), clusters, sight_lines
        )

    def _read_pixels(self, file: h5py.File, source: slice, wanted: list[int], out: np.ndarray) -> None:
        """Read some channels of consecutive samples of a shard into (sample, channel, y, x) float32."""
        for name, numbers in channels_in(self.manifest).items():
            if name == MAPS and numbers == wanted:
                file[name].read_direct(out, source)
                continue
            pairs = [
                (place, numbers.index(number)) for place, number in enumerate(wanted) if number in numbers
            ]
            if not pairs:
                continue
            n_pixels = len(numbers) * self.grid.n_pixels**2
            for block in _blocks(len(out), max(1, _BLOCK_PIXELS // n_pixels)):
                kept = file[name][source.start + block.start : source.start + block.stop]
                for place, i in pairs:
                    self._decode(kept[:, i], wanted[place], out[block, place])

    def _decode(self, kept: np.ndarray, number: int, out: np.ndarray) -> None:
        """Put some images of one channel, (sample, y, x), into single precision."""
        codec = self.manifest.codecs[number]
        if codec is None:
            out[:] = kept
            return
        for codes, image in zip(kept, out, strict=True):
            codec.decode(codes, image)

    def _texts(self, shard_index: int, name: str) -> np.ndarray:
        with open_shard(self.folder, shard_index) as file:
            return np.char.decode(file[name][:], "utf-8")


def _blocks(n: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _runs(rows: np.ndarray, inside: np.ndarray) -> list[tuple[int, int]]:
    """Return (start, stop) of stretches that are consecutive in the result and in the file.

    One slice for each: HDF5 is fast for slices and very slow for lists of indices.
    """
    if not rows.size:
        return []
    breaks = 1 + np.flatnonzero((np.diff(rows) != 1) | (np.diff(inside) != 1))
    edges = [0, *breaks.tolist(), rows.size]
    return list(pairwise(edges))


def _check_shards(folder: Path, manifest: Manifest) -> None:
    n_shards = manifest.plan.n_shards
    missing = [shard_name(i) for i in range(n_shards) if not (folder / shard_name(i)).is_file()]
    if missing:
        listed = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise StoreError(
            "This store is incomplete.",
            where=str(folder),
            expected=f"{n_shards} shards",
            got=f"{len(missing)} missing: {listed}",
            fix=RUN_AGAIN,
        )
    for shard_index in range(n_shards):
        if problems := shard_problems(folder, manifest, shard_index, contents=False):
            raise StoreError(
                "A shard of this store is damaged or belongs to another store.",
                where=str(folder / shard_name(shard_index)),
                expected="the layout of docs/store.md and the settings of the manifest",
                got="; ".join(problems[:3]),
                fix=RUN_AGAIN,
            )


def _truth_names(folder: Path, shard_index: int) -> tuple[str, ...]:
    with open_shard(folder, shard_index) as file:
        return tuple(sorted(file[TRUTH]))
