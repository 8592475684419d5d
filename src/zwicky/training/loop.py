"""The one training loop.

Batches, augmentation and dropout are keyed by (seed, epoch, step), and a checkpoint holds everything else, so a
training that is killed and started again gives the same weights, bit for bit, as one that was left alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from zwicky.core.config import Config
from zwicky.core.errors import TrainingError
from zwicky.core.provenance import config_hash
from zwicky.core.randomness import Key, Stream
from zwicky.data.dataset import MapData
from zwicky.models.base import Batch, Model
from zwicky.models.table import build_either
from zwicky.training.checkpoint import (
    TrainingState,
    last_good_state,
    optimiser_tensors,
    restore_optimiser,
    save_state,
)


class TrainingSettings(Config):
    """How a network is trained.

    Attributes
    ----------
    epochs : int
        At most so many passes over the training set.
    batch_size : int
        Observations per step.
    learning_rate : float
        Of Adam, at its highest.
    schedule : "cosine" or "halving"
        The rate rises over the warm-up and falls to zero as a half cosine over all epochs; or it stays, and is halved
        after ``halving_patience`` epochs without a better validation loss (Gupta & Reichardt 2020, section 3).
    halving_patience : int
    weight_decay : float
        Decoupled (AdamW).
    warm_up : float
        Fraction of all steps over which the rate of a "cosine" rises linearly.
    ema_decay : float
        The validated and kept weights are an exponential average over steps with this decay.
    patience : int
        Stop after so many epochs without a better validation loss.
    augment : bool
        Turn and mirror each batch at random.
    max_gradient_norm : float
        Gradients are clipped to this norm.
    precision : "32-true" or "bf16-mixed"
        As Fabric names it.
    """

    epochs: int = 40
    batch_size: int = 128
    learning_rate: float = 2e-3
    schedule: Literal["cosine", "halving"] = "cosine"
    halving_patience: int = 5
    weight_decay: float = 1e-4
    warm_up: float = 0.05
    ema_decay: float = 0.998
    patience: int = 15
    augment: bool = True
    max_gradient_norm: float = 5.0
    precision: Literal["32-true", "bf16-mixed"] = "32-true"


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished training.

    Parameters
    ----------
    model : Model
        With the averaged weights of the best epoch.
    history : list of dict
        One entry per epoch: epoch, train, validation (mean losses), learning_rate.
    best_epoch : int
        Counted from 1.
    """

    model: Model
    history: list[dict[str, float]]
    best_epoch: int


def train(
    model_settings: Mapping[str, Any],
    training: MapData,
    validation: MapData,
    settings: TrainingSettings,
    folder: Path,
    seed: int,
    on_epoch: Callable[[dict[str, float]], None] = lambda _: None,
    *,
    initial: Mapping[str, Tensor] | None = None,
) -> Trained:
    """Train one network, or go on where a killed training stopped.

    Parameters
    ----------
    model_settings : dict
        ``{"kind": ..., ...}``, as in an experiment file.
    training, validation : MapData
        Different parents.
    settings : TrainingSettings
    folder : Path
        For the checkpoints; the same settings, data sizes and seed must be used to go on in it.
    seed : int
        Of initial weights, batch order, augmentation and dropout.
    on_epoch : function
        Called with each new entry of the history.
    initial : dict of str to Tensor, optional
        Weights to begin with, scaling included, of a network of the same settings; by default random ones.

    Raises
    ------
    TrainingError
        If the loss stops being a number, or the folder belongs to other settings.
    """
    with torch.random.fork_rng():
        return _Run(model_settings, training, validation, settings, folder, seed, initial).go(on_epoch)


class _Run:
    """One training, with its state."""

    def __init__(
        self,
        model_settings: Mapping[str, Any],
        training: MapData,
        validation: MapData,
        settings: TrainingSettings,
        folder: Path,
        seed: int,
        initial: Mapping[str, Tensor] | None = None,
    ) -> None:
        from lightning_fabric import Fabric  # imported here: it takes seconds

        self.settings, self.folder, self.seed, self.data = settings, folder, seed, training
        self.fabric = Fabric(accelerator="auto", devices=1, precision=settings.precision)
        torch.manual_seed(Key(seed, Stream.INITIAL_WEIGHTS).word())
        model = build_either(model_settings)
        model.fit_scaling(training.rows(slice(None)))
        if initial is not None:
            model.load_state_dict(initial)
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.fingerprint = config_hash(
            {
                "model": dict(model_settings),
                "training": settings.model_dump(),
                "seed": seed,
                "sizes": [len(training), len(validation)],
                # Named only where there are any: trainings of before keep their fingerprint.
                **({} if initial is None else {"initial": digest_of(initial)}),
            }
        )
        optimiser = torch.optim.AdamW(
            model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self.bare = model
        self.model, self.optimiser = self.fabric.setup(model, optimiser)
        self.model.mark_forward_method("loss")
        self.validation = [self._on_device(batch) for batch in validation.batches(model.validation_batch)]
        self.n_validation = len(validation)
        self.average = self._copy()
        self.best = self._copy()
        self.history: list[dict[str, float]] = []
        self.best_epoch, self.best_loss = 0, math.inf
        self.steps_per_epoch = math.ceil(len(training) / settings.batch_size)

    def go(self, on_epoch: Callable[[dict[str, float]], None]) -> Trained:
        self._restore()
        while len(self.history) < self.settings.epochs and not self._out_of_patience():
            entry = self._epoch(len(self.history))
            self.history.append(entry)
            if entry["validation"] < self.best_loss:
                self.best_loss, self.best_epoch = entry["validation"], len(self.history)
                self.best = {name: value.clone() for name, value in self.average.items()}
            self._save()
            on_epoch(entry)
        self.bare.load_state_dict(self.best)
        return Trained(self.bare.eval(), self.history, self.best_epoch)

    def _out_of_patience(self) -> bool:
        return len(self.history) - self.best_epoch >= self.settings.patience

    def _epoch(self, epoch: int) -> dict[str, float]:
        self.bare.train()
        order = torch.from_numpy(Key(self.seed, Stream.BATCH_ORDER, epoch).permutation(len(self.data)))
        total = 0.0
        for i, rows in enumerate(order.split(self.settings.batch_size)):
            total += self._step(epoch * self.steps_per_epoch + i, rows) * len(rows)
        return {
            "epoch": float(epoch + 1),
            "train": total / len(self.data),
            "validation": self._validation_loss(),
            "learning_rate": self._learning_rate((epoch + 1) * self.steps_per_epoch - 1),
        }

    def _step(self, step: int, rows: Tensor) -> float:
        torch.manual_seed(Key(self.seed, Stream.DROPOUT, step).word())
        for group in self.optimiser.param_groups:
            group["lr"] = self._learning_rate(step)
        batch = self.data.rows(rows)
        if self.settings.augment:
            batch = turned(batch, int(Key(self.seed, Stream.AUGMENTATION, step).integers(8, 1)[0]))
        loss = self.model.loss(self._on_device(batch))
        value = float(loss.detach())
        if not math.isfinite(value):
            named = ", ".join(str(self.data.parent[i]) for i in rows[:8].tolist())
            raise TrainingError(
                "The loss is no longer a number.",
                where=f"step {step}, clusters {named}, ...",
                got=value,
                fix="lower training.learning_rate; the last checkpoint is still good",
            )
        self.optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.fabric.clip_gradients(self.model, self.optimiser, max_norm=self.settings.max_gradient_norm)
        self.optimiser.step()
        follow(self.average, self.bare.state_dict(), self.settings.ema_decay, step)
        return value

    def _learning_rate(self, step: int) -> float:
        losses = [entry["validation"] for entry in self.history]
        return learning_rate(self.settings, step, self.steps_per_epoch, losses)

    def _copy(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.bare.state_dict().items()}

    @torch.no_grad()
    def _validation_loss(self) -> float:
        current = self._copy()
        self.bare.load_state_dict(self.average)
        self.bare.eval()
        total = sum(float(self.model.loss(batch)) * len(batch.maps) for batch in self.validation)
        self.bare.load_state_dict(current)
        if not math.isfinite(total):
            raise TrainingError(
                "The loss of the validation clusters is not a number.",
                where=f"epoch {len(self.history) + 1}",
                got=total,
                fix="look for maps that are not finite; if there are none, lower training.learning_rate",
            )
        return total / self.n_validation

    def _on_device(self, batch: Batch) -> Batch:
        return moved(batch, self.fabric.to_device)

    def _save(self) -> None:
        parts = {"model": self.bare.state_dict(), "average": self.average, "best": self.best}
        tensors = {f"{part}.{name}": t for part, state in parts.items() for name, t in state.items()}
        tensors |= optimiser_tensors(self.optimiser.optimizer)
        facts = {
            "fingerprint": self.fingerprint,
            "history": self.history,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
        }
        save_state(self.folder, TrainingState(len(self.history), tensors, facts))

    def _restore(self) -> None:
        state = last_good_state(self.folder)
        if state is None:
            return
        if state.facts["fingerprint"] != self.fingerprint:
            raise TrainingError(
                "This folder holds a training with other settings.",
                where=str(self.folder),
                expected="the same model, training settings, seed and sizes",
                got=f"fingerprint {state.facts['fingerprint']}, not {self.fingerprint}",
                fix="choose another --out, or remove the folder",
            )

        def part(prefix: str) -> dict[str, Tensor]:
            return {k.removeprefix(prefix): v for k, v in state.tensors.items() if k.startswith(prefix)}

        self.bare.load_state_dict(part("model."))
        for name, value in part("average.").items():
            self.average[name].copy_(value)
        self.best = part("best.")
        restore_optimiser(self.optimiser.optimizer, state.tensors)
        self.history = list(state.facts["history"])
        self.best_epoch, self.best_loss = int(state.facts["best_epoch"]), float(state.facts["best_loss"])


def digest_of(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of weights, whatever the order of their names."""
    found = hashlib.sha256()
    for name in sorted(weights):
        found.update(name.encode())
        found.update(weights[name].detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def learning_rate(
    settings: TrainingSettings, step: int, steps_per_epoch: int, validation: Sequence[float]
) -> float:
    """Return the learning rate of a step, counted from 0, after these validation losses."""
    if settings.schedule == "halving":
        return settings.learning_rate * 0.5 ** halvings(validation, settings.halving_patience)
    total = settings.epochs * steps_per_epoch
    warm = max(1, round(settings.warm_up * total))
    if step < warm:
        return settings.learning_rate * (step + 1) / warm
    return settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


@torch.no_grad()
def follow(average: Mapping[str, Tensor], weights: Mapping[str, Tensor], decay: float, step: int) -> None:
    """Move averaged weights towards those after a step; at the start they follow faster."""
    decay = min(decay, (1.0 + step) / (10.0 + step))
    values = {name: value for name, value in weights.items() if value.is_floating_point()}
    torch._foreach_lerp_([average[name] for name in values], list(values.values()), 1.0 - decay)


def halvings(validation: Sequence[float], patience: int) -> int:
    """Return how often a loss has not improved for ``patience`` epochs in a row, from its values after each epoch."""
    best, waited, n = math.inf, 0, 0
    for loss in validation:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited >= patience:
            n, waited = n + 1, 0
    return n


def moved(batch: Batch, to_device: Callable[[Tensor], Tensor]) -> Batch:
    """Return the batch with its tensors moved."""
    fields = {name: getattr(batch, name) for name in Batch.__dataclass_fields__}
    return replace(batch, **{name: to_device(t) for name, t in fields.items() if t is not None})


def turned(batch: Batch, element: int) -> Batch:
    """Return the batch under one of the eight symmetries of the square, 0..7; 0 leaves it alone."""

    def turn(images: Tensor) -> Tensor:
        images = torch.rot90(images, element % 4, dims=(-2, -1))
        return images.flip(-1) if element >= 4 else images

    target = None if batch.target is None else turn(batch.target)
    return replace(batch, maps=turn(batch.maps), target=target)
