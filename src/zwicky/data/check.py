"""Is a store what docs/store.md says? Every byte of it is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from zwicky.core.errors import StoreError
from zwicky.data.layout import shard_problems
from zwicky.data.manifest import Manifest
from zwicky.data.plan import SHARDS, shard_name
from zwicky.data.store import Store


def check_store(folder: Path) -> list[str]:
    """Return all that is wrong with a store; nothing if it is good.

    The manifest must be whole and agree with itself. Every shard must be there, have the documented data
    sets, types, shapes, units, dimensions and attributes, belong to the manifest's settings, hold each sample
    once, have finite values, and agree with its checksum. Each cluster must have a parent of its own.

    Parameters
    ----------
    folder : Path
        Of the store.

    Returns
    -------
    list of str
        One sentence per problem, with the name of the file.
    """
    folder = Path(folder)
    try:
        manifest = Manifest.read(folder)
    except StoreError as error:
        return [str(error)]
    return list(_problems_of_shards(folder, manifest)) or list(_problems_of_whole(folder))


def _problems_of_shards(folder: Path, manifest: Manifest) -> Iterator[str]:
    names = [shard_name(i) for i in range(manifest.plan.n_shards)]
    for shard_index, name in enumerate(names):
        if not (folder / name).is_file():
            yield f"{name}: it is missing"
            continue
        for problem in shard_problems(folder, manifest, shard_index):
            yield f"{name}: {problem}"
    for path in sorted((folder / SHARDS).glob("*")):
        if f"{SHARDS}/{path.name}" not in names:
            yield f"{SHARDS}/{path.name}: it does not belong to this store"


def _problems_of_whole(folder: Path) -> Iterator[str]:
    try:
        store = Store.open(folder)
        _ = store.split
    except StoreError as error:
        yield str(error)
