"""How much faster is an ensemble as one stack than one member after the other, weighing and training?

The members are those of the published ensemble of eFEDS. The two alternate, for each batch and each epoch. Both loops
are ours: the members asked in turn, and the epochs of ``zwicky.training.loop``.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from rows import Row, seconds
from training import as_data, noise
from zwicky.data.dataset import MapData, selected
from zwicky.models.base import Batch, GaussianMass, MassModel
from zwicky.models.stacked import ask_together
from zwicky.models.table import build_model
from zwicky.training.loop import TrainingSettings, _Run
from zwicky.training.stacked_loop import _StackedRun

MODEL = {"kind": "erosita_cnn"}
N_BANDS, N_PIXELS = 10, 50
MEMBERS = 30
BATCHES = {1: 15, 32: 7, 256: 3}
"""Clusters that are weighed at once, and how often."""
TRAINED = 100
"""Clusters per step, as published."""
WANTED = 1.5


def rows(*, quick: bool) -> list[Row]:
    """Weigh with an ensemble, then train it."""
    n_members, n_steps, n_pairs = (3, 1, 1) if quick else (MEMBERS, 3, 3)
    data = as_data(torch.poisson(torch.exp(noise(max(n_steps * TRAINED, 256), N_BANDS, N_PIXELS))))
    batches = {1: 1, 32: 1} if quick else BATCHES
    return [*_weighing(data, n_members, batches), *_training(data, n_members, n_steps, n_pairs)]


def _weighing(data: MapData, n_members: int, batches: dict[int, int]) -> list[Row]:
    members = [build_model(MODEL) for _ in range(n_members)]
    for member in members:
        member.fit_scaling(data.rows(slice(0, 256)))
        member.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ask = ask_together(members)
    found = []
    for size, n in batches.items():
        one, loop = _alternating(ask, members, data.rows(slice(0, size)), n)
        ratio = statistics.median(b / a for a, b in zip(one, loop, strict=True))
        fast, slow = (size / statistics.median(times) for times in (one, loop))
        found += [
            Row(f"ensemble, weighing {size} at once", fast, "1/s", f"{n_members} members of {MODEL['kind']} as one"),
            Row(
                f"ensemble, weighing {size} at once, over a loop", ratio, "1",
                f"loop over members: {slow:,.0f}/s; at least {WANTED:g}: {'yes' if ratio >= WANTED else 'no'}",
            ),
        ]  # fmt: skip
    return found


@torch.inference_mode()
def _alternating(
    ask: Callable[[Batch], GaussianMass], members: Sequence[MassModel], batch: Batch, n: int
) -> tuple[list[float], list[float]]:
    """Return the seconds of n calls of the stack, and of n loops over its members, in turn."""

    def loop() -> Tensor:
        return torch.stack([member.predict(batch).mean for member in members])

    torch.testing.assert_close(ask(batch).mean, loop(), rtol=0, atol=1e-4)  # and a warm-up
    pairs = [(seconds(lambda: ask(batch)), seconds(loop)) for _ in range(n)]
    return [one for one, _ in pairs], [other for _, other in pairs]


def _training(data: MapData, n_members: int, n_steps: int, n_pairs: int) -> list[Row]:
    """Train in turn, an epoch of the stack and one of each member alone; checkpoints are not written."""
    settings = TrainingSettings(epochs=n_pairs + 1, batch_size=TRAINED, learning_rate=1e-4)
    data, few = (selected(data, slice(0, n)) for n in (n_steps * TRAINED, TRAINED))
    seeds, nowhere = range(n_members), Path()
    stack = _StackedRun(MODEL, data, few, settings, nowhere, seeds, None)
    alone = [_Run(MODEL, data, few, settings, nowhere, seed) for seed in seeds]
    pairs = [
        (seconds(lambda: stack._epoch(epoch)), sum(seconds(lambda: run._epoch(epoch)) for run in alone))  # noqa: B023
        for epoch in range(n_pairs + 1)
    ][1:]  # the first is a warm-up
    n_images = n_steps * TRAINED * n_members
    fast, slow = (n_images / statistics.median(times) for times in zip(*pairs, strict=True))
    what = (
        f"{n_pairs} epochs of {n_steps} steps of {TRAINED} for each of {n_members} members, with validation"
    )
    return [
        Row("ensemble, training", fast, "images/s", what),
        Row(
            "ensemble, training over one after the other", statistics.median(b / a for a, b in pairs), "1",
            f"one after the other: {slow:,.0f} images/s",
        ),
    ]  # fmt: skip
