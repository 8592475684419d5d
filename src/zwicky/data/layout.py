"""The layout of a shard, as docs/store.md states it, and what can be wrong with one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from zwicky.core.grid import PIXEL_UNIT
from zwicky.data.manifest import FORMAT, Manifest
from zwicky.data.plan import shard_name

MAPS: Final = "maps"
LOG_MAPS: Final = "log_maps"
BELOW_FLOOR: Final = "below_floor"
CHANNELS_OF: Final[dict[str, str]] = {MAPS: "channel", LOG_MAPS: "log_channel"}
"""The data sets with pixels, and the dimension that numbers the channels of each."""
DIMENSIONS: Final = ("sample", *CHANNELS_OF.values(), "y", "x")
TRUTH: Final = "truth/"
USER_BLOCK: Final = 512  # bytes; the smallest that HDF5 allows

DTYPES: Final[dict[str, np.dtype]] = {
    MAPS: np.dtype("<f4"),
    LOG_MAPS: np.dtype("<u2"),
    BELOW_FLOOR: np.dtype("<i8"),
    "cluster_index": np.dtype("<i8"),
    "sight_line": np.dtype("<i8"),
    "sample": np.dtype("<i8"),
    "y": np.dtype("<f8"),
    "x": np.dtype("<f8"),
}
_TEXTS: Final = ("parent", "id", *CHANNELS_OF.values())
TRUTH_DTYPE: Final = np.dtype("<f8")
_UNIT_OF_ENDING: Final = {
    "msun": "Msun",
    "kpc": "kpc",
    "mpc": "Mpc",
    "mpc2": "Mpc2",
    "arcmin": "arcmin",
    "arcmin2": "arcmin2",
    "kev": "keV",
    "uk": "uK_CMB",
    "dex": "dex",
    "rad": "rad",
}


def unit_of_truth(name: str) -> str:
    """Return the unit of a true number, read from the ending of its name; "1" if it has no unit.

    ``offset_x_arcmin`` is in arcmin, ``log10_m500c`` in dex(Msun), ``redshift`` in 1.
    """
    unit = _UNIT_OF_ENDING.get(name.rsplit("_", 1)[-1], "1")
    if not name.startswith("log10_"):
        return unit
    return f"dex({'Msun' if name.startswith('log10_m') else unit})"


def dimensions_of(name: str) -> tuple[str, ...]:
    """Return the dimensions of a data set; a dimension is its own."""
    if name in DIMENSIONS:
        return (name,)
    if name in CHANNELS_OF:
        return ("sample", CHANNELS_OF[name], "y", "x")
    return ("sample", CHANNELS_OF[LOG_MAPS]) if name == BELOW_FLOOR else ("sample",)


def channels_in(manifest: Manifest) -> dict[str, list[int]]:
    """Return which channels, by number, each data set with pixels holds: ``maps``, ``log_maps`` or both."""
    kept_in = [MAPS if codec is None else LOG_MAPS for codec in manifest.codecs]
    found = {name: [i for i, kept in enumerate(kept_in) if kept == name] for name in CHANNELS_OF}
    return {name: numbers for name, numbers in found.items() if numbers}


def expected_attributes(manifest: Manifest, names: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the attributes of the root ("/") and of each data set with a unit."""
    pixels = {name: _pixel_attributes(manifest, numbers) for name, numbers in channels_in(manifest).items()}
    if LOG_MAPS in pixels:
        codecs = [codec for codec in manifest.codecs if codec is not None]
        pixels[LOG_MAPS]["log10_floor"] = [codec.log10_floor for codec in codecs]
        pixels[LOG_MAPS]["step_dex"] = [codec.step_dex for codec in codecs]
    root = {
        "format": FORMAT,
        "format_version": manifest.format_version,
        "config_hash": manifest.config_hash,
        "results_version": manifest.results_version,
    }
    side = {"unit": str(PIXEL_UNIT[manifest.grid.kind]) or "R200c"}
    truth = {
        name: {"unit": unit_of_truth(name.removeprefix(TRUTH))} for name in names if name.startswith(TRUTH)
    }
    return {"/": root, **pixels, "y": side, "x": side, **truth}


def _pixel_attributes(manifest: Manifest, numbers: list[int]) -> dict[str, Any]:
    grid = manifest.grid.as_dict()
    beam = {} if manifest.beam_arcmin is None else {"beam_arcmin": manifest.beam_arcmin}
    return {
        "channels": [str(manifest.channels[i]) for i in numbers],
        "units": [manifest.units[i] for i in numbers],
        "pixel": grid["pixel"],
        "grid_kind": grid["kind"],
        **beam,
    }


def seal(image: memoryview) -> None:
    """Write the checksum of a shard into its user block: the first 512 bytes, which HDF5 leaves to us.

    Parameters
    ----------
    image : writable memoryview of bytes
        The whole file; its first 512 bytes are overwritten.
    """
    image[:USER_BLOCK] = _user_block(hashlib.sha256(image[USER_BLOCK:]).hexdigest())


def _user_block(digest: str) -> bytes:
    return f"{FORMAT} sha256 {digest}\n".encode().ljust(USER_BLOCK, b"\0")


def _seal_problems(path: Path) -> list[str]:
    # Before HDF5 sees the file: one flipped bit in a header can crash it, or make it run for ever.
    with path.open("rb") as stream:
        block = stream.read(USER_BLOCK)
        good = block == _user_block(hashlib.file_digest(stream, "sha256").hexdigest())
    return [] if good else ["its bytes do not agree with the checksum in its first line"]


def shard_problems(folder: Path, manifest: Manifest, shard_index: int, *, contents: bool = True) -> list[str]:
    """Return all that is wrong with a shard; nothing if it is good.

    Parameters
    ----------
    folder : Path
        Of the store.
    manifest : Manifest
        What the shard should be.
    shard_index : int
        Which shard.
    contents : bool
        Look at every value; without it at the checksum and the headers.
    """
    try:
        if problems := _seal_problems(folder / shard_name(shard_index)):
            return problems
        with open_shard(folder, shard_index) as file:
            data = _datasets(file)
            problems = _layout_problems(file, data, manifest, len(manifest.plan.samples_of(shard_index)))
            if contents and not problems:
                problems = _content_problems(data, manifest, shard_index)
            return problems
    except Exception as error:  # HDF5 raises almost anything
        return [f"it cannot be read ({type(error).__name__}: {error})"]


def open_shard(folder: Path, shard_index: int) -> h5py.File:
    """Open a shard for reading, without a lock: a shard never changes."""
    return h5py.File(folder / shard_name(shard_index), "r", locking=False)


def _datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    found: dict[str, h5py.Dataset] = {}
    file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
    return found


def _layout_problems(
    file: h5py.File, data: Mapping[str, h5py.Dataset], manifest: Manifest, n_samples: int
) -> list[str]:
    sizes = {"sample": n_samples, "y": manifest.grid.n_pixels, "x": manifest.grid.n_pixels}
    sizes.update({CHANNELS_OF[name]: len(numbers) for name, numbers in channels_in(manifest).items()})
    truths = {name for name in data if name.startswith(TRUTH)}
    known = {name for name in (*DTYPES, *_TEXTS) if sizes.keys() >= set(dimensions_of(name))}
    wanted = {*known, TRUTH + "redshift", *truths}
    problems = [f"/{name} is missing" for name in sorted(wanted - data.keys())]
    problems += [f"/{name} is not known" for name in sorted(data.keys() - wanted)]
    if not any(name.startswith(TRUTH + "log10_m") for name in truths):
        problems.append(f"/{TRUTH}log10_m... is missing: no true mass")
    for name in sorted(wanted & data.keys()):
        shape = tuple(sizes[dimension] for dimension in dimensions_of(name))
        problems += _dataset_problems(name, data[name], shape)
    for place, attributes in expected_attributes(manifest, data).items():
        found = file[place].attrs if place == "/" or place in data else attributes
        problems += _attribute_problems(place.strip("/"), found, attributes)
    return problems


def _dataset_problems(name: str, dataset: h5py.Dataset, shape: tuple[int, ...]) -> Iterator[str]:
    if dataset.shape != shape:
        yield f"/{name} has shape {dataset.shape}, not {shape}"
    wanted = DTYPES.get(name, TRUTH_DTYPE)
    if name in _TEXTS:
        text = h5py.check_string_dtype(dataset.dtype)
        if text is None or text.encoding != "utf-8" or text.length is None:
            yield f"/{name} is of type {dataset.dtype}, not UTF-8 text of fixed length"
    elif dataset.dtype != wanted:
        yield f"/{name} is of type {dataset.dtype}, not {wanted}"
    n_filters = dataset.id.get_create_plist().get_nfilters()
    if name in CHANNELS_OF and (dataset.chunks != (1, *shape[1:]) or n_filters):
        yield f"/{name} has chunks {dataset.chunks} and {n_filters} filters, not {(1, *shape[1:])} and none"


def _dimension_problems(name: str, dataset: h5py.Dataset, dimensions: tuple[str, ...]) -> Iterator[str]:
    found = tuple((axis.label, *(scale.name for scale in axis.values())) for axis in dataset.dims)
    wanted = tuple((dimension, f"/{dimension}") for dimension in dimensions)
    if found != wanted:
        yield f"/{name} has dimensions {found}, not {wanted}"


def _attribute_problems(place: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for name, value in wanted.items():
        there = np.asarray(found[name]).tolist() if name in found else "nothing"
        if there != value:
            yield f"/{place} has the attribute {name} {there!r}, not {value!r}"


def _content_problems(data: Mapping[str, h5py.Dataset], manifest: Manifest, shard_index: int) -> list[str]:
    problems = [
        problem
        for name in sorted(data.keys() - set(DIMENSIONS))
        for problem in _dimension_problems(name, data[name], dimensions_of(name))
    ]
    samples = manifest.plan.samples_of(shard_index)
    clusters, sight_lines = manifest.plan.seen_in(samples)
    for name, expected in (("sample", samples), ("cluster_index", clusters), ("sight_line", sight_lines)):
        if wrong := int((data[name][:] != expected).sum()):
            problems.append(f"/{name} is wrong in {wrong} of {len(expected)} samples")
    for name, dataset in data.items():
        if dataset.dtype.kind == "f":
            bad = sum(
                int((~np.isfinite(dataset[start : start + 64])).sum()) for start in range(0, len(dataset), 64)
            )
            problems += [f"/{name} has {bad} values that are not finite"] if bad else []
    return problems + (_below_floor_problems(data) if BELOW_FLOOR in data else [])


def _below_floor_problems(data: Mapping[str, h5py.Dataset]) -> list[str]:
    """Compare the counts of what lay below the floor with the zeros, which it is among."""
    zeros = np.array([(codes == 0).sum(axis=(1, 2)) for codes in data[LOG_MAPS]])
    counts = data[BELOW_FLOOR][:]
    wrong = int(((counts < 0) | (counts > zeros)).sum())
    return (
        [f"/{BELOW_FLOOR} does not agree with the zeros in {wrong} of {counts.size} images"] if wrong else []
    )
