"""Making one shard of a store: an HDF5 file with the observations of some clusters."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import h5py
import numpy as np

from zwicky.core.cluster import Cluster
from zwicky.core.errors import StoreError
from zwicky.core.files import written_whole
from zwicky.core.maps import MapSet
from zwicky.data.layout import (
    BELOW_FLOOR,
    CHANNELS_OF,
    DIMENSIONS,
    DTYPES,
    LOG_MAPS,
    TRUTH,
    TRUTH_DTYPE,
    USER_BLOCK,
    channels_in,
    dimensions_of,
    expected_attributes,
    seal,
    shard_problems,
)
from zwicky.data.manifest import Manifest
from zwicky.data.plan import RUN_AGAIN, StorePlan, Survey, shard_name

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class ShardOutcome:
    """What became of one shard.

    Parameters
    ----------
    shard_index : int
        Which shard.
    kept : bool
        True if a good one was there already.
    note : str
        A warning, if a damaged file was replaced; else empty.
    """

    shard_index: int
    kept: bool = False
    note: str = ""


def write_shard(folder: Path, plan: StorePlan, survey: Survey, shard_index: int) -> ShardOutcome:
    """Make one shard, unless a good one is there; whole or not at all.

    Parameters
    ----------
    folder : Path
        Of the store.
    plan : StorePlan
        Made with the settings of ``survey``.
    survey : Survey
        Where the observations come from.
    shard_index : int
        Which shard, 0 .. n_shards - 1.

    Returns
    -------
    ShardOutcome

    Raises
    ------
    ConfigError
        If the plan was made for another survey.
    StoreError
        If an observation cannot be stored, or the file cannot be written (disk full, read-only folder).
    """
    manifest = Manifest.of(plan, survey)
    path = folder / shard_name(shard_index)
    note = ""
    if path.exists():
        problems = shard_problems(folder, manifest, shard_index)
        if not problems:
            return ShardOutcome(shard_index, kept=True)
        note = f"{shard_name(shard_index)} was made again, because it was not good: {problems[0]}"
    image = _file_image(_observations(manifest, survey, shard_index), manifest)
    with disk_errors(path), written_whole(path) as temporary:
        temporary.write_bytes(image)
    return ShardOutcome(shard_index, note=note)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system raises on a full or read-only disk into a StoreError."""
    try:
        yield
    except OSError as error:
        remedy = "free some space" if error.errno in _FULL else "choose an --out that you may write to"
        raise StoreError(
            "The store cannot be written.",
            where=str(path),
            expected="a folder that can be written to, with room for the maps",
            got=str(error),
            fix=f"{remedy}, and {RUN_AGAIN}",
        ) from error


def _truth_of(cluster: Cluster) -> dict[str, float]:
    masses = {
        f"log10_{str(definition).lower()}": mass.log10_msun for definition, mass in cluster.masses.items()
    }
    truth = {"redshift": cluster.redshift, **masses, **cluster.properties}
    if not masses or len(truth) != 1 + len(masses) + len(cluster.properties):
        raise StoreError(
            "The truth of a mock cluster cannot be stored.",
            where=f"cluster {cluster.id}",
            expected="at least one true mass, and properties with names of their own",
            got=", ".join(["redshift", *masses, *cluster.properties]),
        )
    return truth


def _observations(manifest: Manifest, survey: Survey, shard_index: int) -> dict[str, np.ndarray]:
    """Return the content of a shard by the path of each data set."""
    samples = manifest.plan.samples_of(shard_index)
    clusters, sight_lines = manifest.plan.seen_in(samples)
    pixels = _empty_pixels(manifest, len(samples))
    seen: list[Cluster] = []
    truths: list[dict[str, float]] = []
    # In order: a simulation may keep what all sight-lines of a cluster share.
    for row, (cluster_index, sight_line) in enumerate(
        zip(clusters.tolist(), sight_lines.tolist(), strict=True)
    ):
        observed = survey.observe(cluster_index, sight_line)
        where = f"cluster {observed.cluster.id}, sight-line {sight_line}"
        _fill(pixels, row, _pixels(observed, manifest, where), manifest, where)
        seen.append(observed.cluster)
        truths.append(_truth_of(observed.cluster))
        _check_truth(truths[-1], truths[0], where)
    axis = (
        np.arange(manifest.grid.n_pixels) - (manifest.grid.n_pixels - 1) / 2.0
    ) * manifest.grid.pixel_value
    return {
        **pixels,
        "cluster_index": clusters,
        "sight_line": sight_lines,
        "sample": samples,
        **{
            CHANNELS_OF[name]: _as_bytes([str(manifest.channels[i]) for i in numbers])
            for name, numbers in channels_in(manifest).items()
        },
        "y": axis,
        "x": axis,
        "parent": _as_bytes([cluster.parent for cluster in seen]),
        "id": _as_bytes([cluster.id for cluster in seen]),
        **{TRUTH + name: np.array([truth[name] for truth in truths], TRUTH_DTYPE) for name in truths[0]},
    }


def _empty_pixels(manifest: Manifest, n_samples: int) -> dict[str, np.ndarray]:
    """Return the data sets with pixels, yet to be filled."""
    shape = manifest.grid.shape
    found = {
        name: np.empty((n_samples, len(numbers), *shape), DTYPES[name])
        for name, numbers in channels_in(manifest).items()
    }
    if LOG_MAPS in found:
        found[BELOW_FLOOR] = np.empty(found[LOG_MAPS].shape[:2], DTYPES[BELOW_FLOOR])
    return found


def _fill(
    pixels: Mapping[str, np.ndarray], row: int, images: np.ndarray, manifest: Manifest, where: str
) -> None:
    """Put one observation, (channel, y, x) float32, into its data sets."""
    for name, numbers in channels_in(manifest).items():
        for i, number in enumerate(numbers):
            if (codec := manifest.codecs[number]) is None:
                pixels[name][row, i] = images[number]
            else:
                codes, below = codec.encode(images[number], f"{where}, {manifest.channels[number]}")
                pixels[name][row, i], pixels[BELOW_FLOOR][row, i] = codes, below


def _pixels(observed: MapSet, manifest: Manifest, where: str) -> np.ndarray:
    """Return the maps of one observation in the units of the store, (channel, y, x) float32."""
    images = [observed[channel].to_kept_unit() for channel in manifest.channels]
    if not observed.grid.agrees_with(manifest.grid):
        raise StoreError(
            "An observation lies on another grid.", where=where, expected=manifest.grid, got=observed.grid
        )
    if any(image.mask is not None and np.any(image.mask) for image in images):
        raise StoreError("A store keeps no masks.", where=where, expected="maps without masked pixels")
    with np.errstate(over="ignore"):  # an overflow becomes infinite, and is reported below
        pixels = np.stack([image.values for image in images]).astype(DTYPES["maps"])
    if bad := int((~np.isfinite(pixels)).sum()):
        raise StoreError(
            "A map has values that cannot be stored.",
            where=where,
            expected="finite values below 3.4e38 (float32) in " + ", ".join(manifest.units),
            got=f"{bad} of {pixels.size} are not",
        )
    return pixels


def _check_truth(truth: Mapping[str, float], first: Mapping[str, float], where: str) -> None:
    if truth.keys() != first.keys() or not np.isfinite(list(truth.values())).all():
        raise StoreError(
            "The true numbers of a mock cluster cannot be stored.",
            where=where,
            expected=f"finite numbers {', '.join(first)}",
            got=", ".join(f"{name}={value:g}" for name, value in truth.items()),
        )


def _as_bytes(texts: list[str]) -> np.ndarray:
    encoded = [text.encode() for text in texts]
    return np.array(encoded, h5py.string_dtype("utf-8", max(1, *map(len, encoded))))


def _file_image(content: Mapping[str, np.ndarray], manifest: Manifest) -> memoryview:
    """Return the bytes of the HDF5 file.

    Made in memory: HDF5 that writes to a disk which is full leaves open what it cannot flush, and ends the process
    with a segmentation fault.
    """
    image = io.BytesIO()
    # The oldest layout that will do: every HDF5 reads it, and none puts the time of day into it.
    with h5py.File(image, "w", libver=("earliest", "v110"), userblock_size=USER_BLOCK) as file:
        for name in sorted(content):
            values = content[name]
            chunks = (1, *values.shape[1:]) if name in CHANNELS_OF else None
            created = file.create_dataset(name, data=values, chunks=chunks, track_times=False)
            # Else its chunks get their place when the object is let go of, which a profiler may put off.
            created.flush()
        dimensions = [name for name in DIMENSIONS if name in content]
        for name in dimensions:
            file[name].make_scale(name)
        for name in sorted(content):
            if name not in dimensions:
                for axis, dimension in enumerate(dimensions_of(name)):
                    file[name].dims[axis].label = dimension
                    file[name].dims[axis].attach_scale(file[dimension])
        for place, attributes in expected_attributes(manifest, content).items():
            for name, value in attributes.items():
                file[place].attrs[name] = value
    seal(image.getbuffer())
    return image.getbuffer()
