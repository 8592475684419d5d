"""How fast does the training loop go, beside a plain loop with the same network and the same batches?

The two alternate within one training: after each epoch of ``zwicky.training.loop.train`` the plain loop runs one
epoch, so that whatever else the machine does falls on both. The first epoch of each is not counted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from rows import Row, seconds
from zwicky.core.randomness import Key, Stream
from zwicky.data.dataset import MapData, selected
from zwicky.models.base import Batch
from zwicky.models.table import build_either
from zwicky.training.loop import TrainingSettings, train, turned

KINDS = ("deepplanck", "radial_cnn")
BATCH = 128
SEED = 1
BUDGET_SECONDS = 60.0
"""Per model: a busy or slow machine measures fewer epochs."""


def rows(*, quick: bool) -> list[Row]:
    """Measure the models that weigh Compton-y stamps."""
    n_steps, n_pairs = (2, 1) if quick else (25, 8)
    data = as_data(1.5e-6 * noise(BATCH * n_steps, 1, 96))
    settings = TrainingSettings(epochs=n_pairs + 1, batch_size=BATCH)
    found = []
    for kind in KINDS:
        raced = alternating({"kind": kind}, data, settings, BUDGET_SECONDS)
        found += raced.rows(f"training, {kind}", f"{n_steps} steps of {BATCH} images", "nothing else")
    return found


@dataclass(frozen=True)
class Raced:
    """Seconds of each epoch of both loops, in turn, but of the first.

    Parameters
    ----------
    n_images : int
        In an epoch.
    ours, plain : list of float [s]
    """

    n_images: int
    ours: list[float]
    plain: list[float]

    @property
    def images_per_second(self) -> float:
        """Of our loop, the median epoch."""
        return self.n_images / statistics.median(self.ours)

    @property
    def seconds_per_image_plain(self) -> float:
        """Of the plain loop, the median epoch."""
        return statistics.median(self.plain) / self.n_images

    @property
    def ratio(self) -> float:
        """How much faster our loop is: the median of the pairs."""
        return statistics.median(p / o for o, p in zip(self.ours, self.plain, strict=True))

    def rows(self, name: str, epoch: str, plain: str) -> list[Row]:
        """Return the speed of our loop and the ratio; ``epoch`` and ``plain`` say what was run."""
        plainly = self.n_images / statistics.median(self.plain)
        how = f"{len(self.ours)} epochs of {epoch}, with validation, average and checkpoint"
        return [
            Row(name, self.images_per_second, "images/s", how),
            Row(
                f"{name} over a plain loop", self.ratio, "1",
                f"plain: {plainly:.0f} images/s; NCHW, default AdamW, {plain}",
            ),
        ]  # fmt: skip


def noise(n: int, n_channels: int, n_pixels: int) -> Tensor:
    """Return standard normal maps (n, channel, y, x): a loop's speed does not depend on what they show."""
    generator = torch.Generator().manual_seed(Key(SEED, Stream.TEST).word())
    return torch.randn((n, n_channels, n_pixels, n_pixels), generator=generator)


def as_data(maps: Tensor, target: Tensor | None = None) -> MapData:
    """Return maps (n, channel, y, x), and perhaps target maps (n, y, x), as a set with redshifts and masses."""
    n = len(maps)
    redshift, log10_mass = torch.from_numpy(Key(SEED, Stream.TEST).uniform(2, n)).float()
    parents = np.array([f"synthetic-{i}" for i in range(n)])
    return MapData(maps, 0.01 + 0.99 * redshift, 13.7 + 1.8 * log10_mass, parents, target)


def alternating(
    model: Mapping[str, Any], data: MapData, settings: TrainingSettings, budget_seconds: float
) -> Raced:
    """Train with both loops in turn, for all epochs or until the time is spent."""
    plain_loop = PlainLoop(model, data, settings.batch_size)
    ours: list[float] = []
    plain: list[float] = []
    start = ready = time.perf_counter()

    def after_epoch(_: dict[str, float]) -> None:
        nonlocal ready
        ours.append(time.perf_counter() - ready)
        plain.append(seconds(plain_loop.epoch))
        ready = time.perf_counter()
        if len(ours) > 1 and ready - start > budget_seconds:
            raise _EnoughError

    with TemporaryDirectory() as folder, suppress(_EnoughError):
        few = selected(data, slice(0, settings.batch_size))
        train(model, data, few, settings, Path(folder), SEED, after_epoch)
    return Raced(len(data), ours[1:], plain[1:])


class _EnoughError(Exception):
    """The time of this model is spent."""


class PlainLoop:
    """The loop that one writes first: no layout, no fused optimiser, no average, no clipping, no checkpoint.

    Parameters
    ----------
    model : dict
        Settings of the network.
    data : MapData
    batch_size : int
    """

    def __init__(self, model: Mapping[str, Any], data: MapData, batch_size: int) -> None:
        self.data, self.batch_size = data, batch_size
        self.device = Fabric(accelerator="auto", devices=1).device  # that of the other loop
        self.model = build_either(model)
        self.model.fit_scaling(data.rows(slice(None)))
        self.model.to(self.device)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        self.n_epochs = 0

    def epoch(self) -> None:
        """Go once through the data: the rows, order and symmetries of the other loop's epoch."""
        order = torch.from_numpy(Key(SEED, Stream.BATCH_ORDER, self.n_epochs).permutation(len(self.data)))
        batches = order.split(self.batch_size)
        for i, rows_ in enumerate(batches):
            element = Key(SEED, Stream.AUGMENTATION, self.n_epochs * len(batches) + i).integers(8, 1)[0]
            loss = self.model.loss(on(self.device, turned(self.data.rows(rows_), int(element))))
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        self.n_epochs += 1


def on(device: torch.device, batch: Batch) -> Batch:
    """Return a batch on a device."""
    fields = {name: getattr(batch, name) for name in Batch.__dataclass_fields__}
    return replace(batch, **{name: one.to(device) for name, one in fields.items() if one is not None})
