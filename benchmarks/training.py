"""How fast does the training loop go, beside a plain loop with the same network and the same batches?

The two alternate within one training: after each epoch of ``zwicky.training.loop.train`` the plain loop runs one
epoch, so that whatever else the machine does falls on both. The first epoch of each is not counted.
"""

from __future__ import annotations

import statistics
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from rows import Row, seconds
from zwicky.core.randomness import Key, Stream
from zwicky.data.dataset import MapData
from zwicky.models.table import MODELS, build_model
from zwicky.training.loop import TrainingSettings, train, turned

BATCH = 128
SEED = 1
BUDGET_SECONDS = 60.0
"""Per model: a busy or slow machine measures fewer epochs."""


def rows(*, quick: bool) -> list[Row]:
    """Measure every model of the table."""
    n_steps, n_pairs = (2, 1) if quick else (25, 8)
    data = synthetic(BATCH * n_steps)
    found = []
    for kind in MODELS:
        ours, plain = alternating({"kind": kind}, data, n_pairs)
        ratio = statistics.median(p / o for o, p in zip(ours, plain, strict=True))
        how = f"{len(ours)} epochs of {n_steps} steps of {BATCH} images, with validation, average and checkpoint"
        found += [
            Row(f"training, {kind}", len(data) / statistics.median(ours), "images/s", how),
            Row(
                f"training, {kind} over a plain loop", ratio, "1",
                f"plain: {len(data) / statistics.median(plain):.0f} images/s; NCHW, default AdamW, nothing else",
            ),
        ]  # fmt: skip
    return found


def synthetic(n: int) -> MapData:
    """Return n noise maps of 96 x 96 pixels: a loop's speed does not depend on what they show."""
    key = Key(SEED, Stream.TEST)
    generator = torch.Generator().manual_seed(key.word())
    redshift, log10_mass = torch.from_numpy(key.uniform(2, n)).float()
    maps = 1.5e-6 * torch.randn((n, 1, 96, 96), generator=generator)
    parents = np.array([f"synthetic-{i}" for i in range(n)])
    return MapData(maps, 0.01 + 0.99 * redshift, 13.7 + 1.8 * log10_mass, parents)


def alternating(model: dict[str, Any], data: MapData, n_pairs: int) -> tuple[list[float], list[float]]:
    """Train with both loops in turn; return the seconds of each epoch but the first, ours and plain."""
    few = MapData(data.maps[:BATCH], data.redshift[:BATCH], data.log10_mass[:BATCH], data.parent[:BATCH])
    plain_loop = PlainLoop(model, data)
    ours: list[float] = []
    plain: list[float] = []
    start = ready = time.perf_counter()

    def after_epoch(_: dict[str, float]) -> None:
        nonlocal ready
        ours.append(time.perf_counter() - ready)
        plain.append(seconds(plain_loop.epoch))
        ready = time.perf_counter()
        if len(ours) > 1 and ready - start > BUDGET_SECONDS:
            raise _EnoughError

    with TemporaryDirectory() as folder, suppress(_EnoughError):
        settings = TrainingSettings(epochs=n_pairs + 1, batch_size=BATCH)
        train(model, data, few, settings, Path(folder), SEED, after_epoch)
    return ours[1:], plain[1:]


class _EnoughError(Exception):
    """The time of this model is spent."""


class PlainLoop:
    """The loop that one writes first: no layout, no fused optimiser, no average, no clipping, no checkpoint.

    Parameters
    ----------
    model : dict
        Settings of the network.
    data : MapData
    """

    def __init__(self, model: dict[str, Any], data: MapData) -> None:
        self.data, self.model = data, build_model(model)
        self.model.fit_scaling(data.rows(slice(None)))
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        self.n_epochs = 0

    def epoch(self) -> None:
        """Go once through the data: the rows, order and symmetries of the other loop's epoch."""
        order = torch.from_numpy(Key(SEED, Stream.BATCH_ORDER, self.n_epochs).permutation(len(self.data)))
        batches = order.split(BATCH)
        for i, rows_ in enumerate(batches):
            element = Key(SEED, Stream.AUGMENTATION, self.n_epochs * len(batches) + i).integers(8, 1)[0]
            loss = self.model.loss(turned(self.data.rows(rows_), int(element)))
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        self.n_epochs += 1
