"""A split of a store, in memory as tensors: what the training loop reads."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from zwicky.core.errors import TrainingError
from zwicky.core.masses import MassDefinition
from zwicky.core.quantities import MapQuantity
from zwicky.data.store import Store
from zwicky.models.base import Batch


@dataclass(frozen=True, eq=False)
class MapData:
    """Observations with their truth, in memory.

    Parameters
    ----------
    maps : (n, channel, y, x) Tensor
        Kept units of the channels.
    redshift : (n,) Tensor [1]
    log10_mass : (n,) Tensor [dex of Msun]
    parent : (n,) array of str
        The unit of independence.
    target : (n, y, x) Tensor, optional
        The true map, in the unit that its quantity is kept in.
    id : (n,) array of str
        The name of each cluster as it was seen; it tells the simulations of one parent apart.
    truth : dict of str to (n,) array
        All true numbers of the store, units in the names; empty unless they were loaded.
    """

    maps: Tensor
    redshift: Tensor
    log10_mass: Tensor
    parent: np.ndarray
    target: Tensor | None = None
    id: np.ndarray = field(default_factory=lambda: np.empty(0, object))
    truth: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.maps)

    @property
    def stamps(self) -> np.ndarray:
        """The maps as an array, (n, y, x) if there is one channel, else (n, channel, y, x)."""
        return (self.maps[:, 0] if self.maps.shape[1] == 1 else self.maps).numpy()

    def rows(self, index: Tensor | slice) -> Batch:
        """Return some rows as a batch."""
        target = None if self.target is None else self.target[index]
        return Batch(self.maps[index], self.redshift[index], self.log10_mass[index], target)

    def batches(self, size: int) -> Iterator[Batch]:
        """Walk through all rows in order."""
        for start in range(0, len(self), size):
            yield self.rows(slice(start, start + size))


def load_split(
    store: Store,
    split: str,
    definition: MassDefinition,
    *,
    allow_scaled_grid: bool = False,
    channels: Sequence[MapQuantity] | None = None,
    target: MapQuantity | None = None,
) -> MapData:
    """Read one split of a store.

    Observations with a value that is not a number are left out, and named in a warning: one bad mock must not spoil
    the weights.

    Parameters
    ----------
    store : Store
    split : str
        "train", "validation" or "test".
    definition : MassDefinition
        Of the mass that is the target.
    allow_scaled_grid : bool
        Accept maps cut and scaled to the true radius, which give the mass away.
    channels : sequence of MapQuantity, optional
        Some of the store's maps, in this order; by default all but the target.
    target : MapQuantity, optional
        The store's map that a network is asked for; read together with the others, once.

    Raises
    ------
    TrainingError
        If the split is empty, or the maps are scaled to the true radius.
    """
    if store.grid.kind == "scaled" and not allow_scaled_grid:
        raise TrainingError(
            "These maps are scaled to the true radius, so a network would be told the mass that it is asked for.",
            where=str(store.folder),
            expected="a 'sky' or 'proper' grid",
            got=str(store.grid),
            fix="make the mocks on a sky grid, or pass allow_scaled_grid=True and say so beside the result",
        )
    inputs = tuple(c for c in store.channels if c != target) if channels is None else tuple(channels)
    wanted = inputs if target is None or target in inputs else (*inputs, target)
    samples = store.read(split=split, channels=wanted)
    name = f"log10_{str(definition).lower()}"
    log10_mass, redshift = samples.truth[name], samples.truth["redshift"]
    good = np.isfinite(samples.maps).all(axis=(1, 2, 3)) & np.isfinite(log10_mass) & np.isfinite(redshift)
    if not good.any():
        raise TrainingError(
            "The split holds no usable observation.",
            where=f"{store.folder}, split {split!r}",
            expected="at least one observation without NaN",
            got=f"{len(good)} observations, {int((~good).sum())} with NaN",
            fix="make the store larger, or check it: zwicky check STORE",
        )
    if not good.all():
        named = ", ".join(str(parent) for parent in samples.parent[~good][:5])
        warnings.warn(
            f"{int((~good).sum())} observations of split {split!r} hold NaN and are left out: {named}",
            stacklevel=2,
        )
    keep = slice(None) if good.all() else good
    # Inputs and target are two views of the array that was read: large sets must not be held twice.
    maps = torch.from_numpy(np.ascontiguousarray(samples.maps[keep]))
    return MapData(
        maps[:, : len(inputs)],
        torch.from_numpy(redshift[keep].astype(np.float32)),
        torch.from_numpy(log10_mass[keep].astype(np.float32)),
        samples.parent[keep],
        None if target is None else maps[:, wanted.index(target)],
        samples.id[keep],
        {name: values[keep] for name, values in samples.truth.items()},
    )


def selected(data: MapData, rows: np.ndarray | slice) -> MapData:
    """Return some observations, copied unless ``rows`` is a slice.

    Parameters
    ----------
    data : MapData
    rows : (n,) bool array, (k,) int array or slice
        Which, and for numbers in which order.
    """
    index: torch.Tensor | slice
    index = rows if isinstance(rows, slice) else torch.from_numpy(np.arange(len(data))[rows])
    batch = data.rows(index)
    assert batch.log10_mass is not None
    return MapData(
        batch.maps,
        batch.redshift,
        batch.log10_mass,
        data.parent[rows],
        batch.target,
        data.id[rows] if data.id.size else data.id,
        {name: values[rows] for name, values in data.truth.items()},
    )


def joined(parts: Sequence[MapData]) -> MapData:
    """Return the observations of several stores as one set, in order.

    While it works the parts and one copy of them are in memory. Two stores may hold the same parents, as two physics
    of the same haloes; ``load_split`` puts those into the same split when the stores have the same split seed.

    Parameters
    ----------
    parts : sequence of MapData
        At least one. Of names and true numbers the result has those that all parts have.

    Raises
    ------
    TrainingError
        If the maps differ in channels or pixels, or only some have a target.
    """
    shapes = {(*part.maps.shape[1:], part.target is not None) for part in parts}
    if len(shapes) != 1:
        raise TrainingError(
            "These observations do not belong in one training set.",
            expected="the same channels and pixels in all, and a target in all or none",
            got="; ".join(_described(part) for part in parts) or "none",
            fix="load all stores with the same channels and target, on the same grid",
        )
    if len(parts) == 1:
        return parts[0]
    targets = [part.target for part in parts if part.target is not None]
    shared = [name for name in parts[0].truth if all(name in part.truth for part in parts)]
    named = all(part.id.size for part in parts)
    return MapData(
        torch.cat([part.maps for part in parts]),
        torch.cat([part.redshift for part in parts]),
        torch.cat([part.log10_mass for part in parts]),
        np.concatenate([part.parent for part in parts]),
        torch.cat(targets) if targets else None,
        np.concatenate([part.id for part in parts]) if named else np.empty(0, object),
        {name: np.concatenate([part.truth[name] for part in parts]) for name in shared},
    )


def _described(part: MapData) -> str:
    shape = " x ".join(map(str, part.maps.shape[1:]))
    return f"{shape} {'with' if part.target is not None else 'without'} target"
