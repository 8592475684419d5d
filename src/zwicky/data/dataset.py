"""A split of a store, in memory as tensors: what the training loop reads."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
    """

    maps: Tensor
    redshift: Tensor
    log10_mass: Tensor
    parent: np.ndarray

    def __len__(self) -> int:
        return len(self.maps)

    def rows(self, index: Tensor | slice) -> Batch:
        """Return some rows as a batch."""
        return Batch(self.maps[index], self.redshift[index], self.log10_mass[index])

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
        Some of the store's maps, in this order; all by default.

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
    samples = store.read(split=split, channels=channels)
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
    return MapData(
        torch.from_numpy(np.ascontiguousarray(samples.maps[keep])),
        torch.from_numpy(redshift[keep].astype(np.float32)),
        torch.from_numpy(log10_mass[keep].astype(np.float32)),
        samples.parent[keep],
    )
