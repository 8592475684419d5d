"""Train the members of an ensemble at once, each as ``training.loop`` would train it alone.

Each member has its own seed, and with it its own first weights, batch order, symmetries and dropout. Adam and clipping
act on each number or each member by itself, so that one optimiser over the stacked weights is as many as there are
members. A member that is out of patience leaves the stack. Up to rounding, the result is that of the plain loop; a
training that is killed and started again gives the same weights bit for bit.

On a CPU the members of a step go forward and back one after the other ("loop"): the features of all at once ("layers")
fit no cache, and their memory is that of one member times their number. Validation is always as one where it can be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zwicky.core.errors import TrainingError
from zwicky.core.provenance import config_hash
from zwicky.core.randomness import Key, Stream
from zwicky.data.dataset import MapData
from zwicky.models.base import Batch, MassModel
from zwicky.models.stacked import Stacked, Way
from zwicky.models.table import build_model
from zwicky.training.checkpoint import (
    TrainingState,
    last_good_state,
    optimiser_tensors,
    restore_optimiser,
    save_state,
)
from zwicky.training.loop import Trained, TrainingSettings, follow, learning_rate, moved, turned

OnEpoch = Callable[[int, dict[str, float]], None]


def train_stacked(
    model_settings: Mapping[str, Any],
    training: MapData,
    validation: MapData,
    settings: TrainingSettings,
    folder: Path,
    seeds: Sequence[int],
    on_epoch: OnEpoch = lambda *_: None,
    way: Way | None = None,
) -> list[Trained]:
    """Train several networks that weigh, or go on where a killed training stopped.

    Parameters
    ----------
    model_settings : dict
        ``{"kind": ..., ...}``, as in an experiment file.
    training, validation : MapData
        Different parents; the same for all members.
    settings : TrainingSettings
    folder : Path
        For the checkpoints of all members together; to go on in it everything must be the same.
    seeds : sequence of int
        One for each member.
    on_epoch : function
        Called with the number of a member and the new entry of its history.
    way : "layers", "loop" or "vmap", optional
        How a step's losses and gradients are found, as of ``models.stacked``. By default "layers" on a device other
        than a CPU, for networks that allow it, else "loop".

    Returns
    -------
    list of Trained
        In the order of the seeds.

    Raises
    ------
    TrainingError
        If a loss or gradient stops being a number, if the folder belongs to other settings, or if seeds repeat.
    """
    if not seeds or len(set(seeds)) < len(seeds):
        raise TrainingError(
            "Each member needs a seed of its own.", expected="different seeds, at least one", got=list(seeds)
        )
    with torch.random.fork_rng():
        return _StackedRun(model_settings, training, validation, settings, folder, seeds, way).go(on_epoch)


class _StackedRun:
    """One training of all members. Tensors are (active member, ...); only the best weights keep a row for each."""

    def __init__(
        self,
        model_settings: Mapping[str, Any],
        training: MapData,
        validation: MapData,
        settings: TrainingSettings,
        folder: Path,
        seeds: Sequence[int],
        way: Way | None,
    ) -> None:
        from lightning_fabric import Fabric  # imported here: it takes seconds

        self.settings, self.folder, self.seeds, self.data = settings, folder, list(seeds), training
        self.fabric = Fabric(accelerator="auto", devices=1, precision=settings.precision)
        self.alone = _new_members(model_settings, training, seeds)
        self.fingerprint = config_hash(
            {
                "model": dict(model_settings),
                "training": settings.model_dump(),
                "seeds": self.seeds,
                "sizes": [len(training), len(validation)],
            }
        )
        on_cpu = self.fabric.device.type == "cpu"
        self.stack = Stacked(self.alone, None if way == "loop" else way)
        self.one_by_one = way == "loop" or self.stack.way == "loop" or (way is None and on_cpu)
        optimiser = torch.optim.AdamW(
            self.stack.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.model, self.optimiser = self.fabric.setup(self.stack, optimiser)
        self.model.mark_forward_method("loss")
        size = self.alone[0].validation_batch
        self.validation = [moved(batch, self.fabric.to_device) for batch in validation.batches(size)]
        self.n_validation = len(validation)
        self.rows = self.stack.rows()
        self.average, self.best = self._copy(), self._copy()
        self.active = list(range(len(self.seeds)))
        self.histories: list[list[dict[str, float]]] = [[] for _ in self.seeds]
        self.best_epochs, self.best_losses = [0] * len(self.seeds), [math.inf] * len(self.seeds)
        self.steps_per_epoch = math.ceil(len(training) / settings.batch_size)

    def go(self, on_epoch: OnEpoch) -> list[Trained]:
        self._restore()
        while True:
            patient = [row for row, member in enumerate(self.active) if not self._out_of_patience(member)]
            self._keep(patient)
            epoch = max(len(history) for history in self.histories)
            if not self.active or epoch >= self.settings.epochs:
                return [self._trained(member) for member in range(len(self.seeds))]
            entries = self._epoch(epoch)
            for row, member in enumerate(self.active):
                self._note(row, member, entries[row])
            self._save(epoch + 1)
            for member, entry in zip(self.active, entries, strict=True):
                on_epoch(member, entry)

    def _out_of_patience(self, member: int) -> bool:
        return len(self.histories[member]) - self.best_epochs[member] >= self.settings.patience

    def _keep(self, rows: list[int]) -> None:
        """Go on with some of the active members."""
        if len(rows) == len(self.active):
            return
        self.active = [self.active[row] for row in rows]
        if not rows:
            return
        self.stack.keep(rows)
        self.rows = self.stack.rows()
        self.average = {name: tensor[rows] for name, tensor in self.average.items()}
        for moments in self.optimiser.optimizer.state.values():
            moments.update({name: tensor[rows] for name, tensor in moments.items() if tensor.ndim})

    def _note(self, row: int, member: int, entry: dict[str, float]) -> None:
        self.histories[member].append(entry)
        if entry["validation"] < self.best_losses[member]:
            self.best_losses[member] = entry["validation"]
            self.best_epochs[member] = len(self.histories[member])
            for name, tensor in self.average.items():
                self.best[name][member] = tensor[row]

    def _trained(self, member: int) -> Trained:
        model = self.alone[member]
        model.load_state_dict({name: tensor[member] for name, tensor in self.best.items()})
        return Trained(model.eval(), self.histories[member], self.best_epochs[member])

    def _epoch(self, epoch: int) -> list[dict[str, float]]:
        self.stack.train()
        keys = [Key(self.seeds[member], Stream.BATCH_ORDER, epoch) for member in self.active]
        orders = torch.stack([torch.from_numpy(key.permutation(len(self.data))) for key in keys])
        totals = [0.0] * len(self.active)
        for i, rows in enumerate(orders.split(self.settings.batch_size, dim=1)):
            losses = self._step(epoch * self.steps_per_epoch + i, rows)
            totals = [total + loss * rows.shape[1] for total, loss in zip(totals, losses, strict=True)]
        rates = self._learning_rates((epoch + 1) * self.steps_per_epoch - 1)
        return [
            {"epoch": float(epoch + 1), "train": total / len(self.data), "validation": loss, "learning_rate": rate}
            for total, loss, rate in zip(totals, self._validation_losses(), rates, strict=True)
        ]  # fmt: skip

    def _step(self, step: int, rows: Tensor) -> list[float]:
        """Take one step with the rows of each active member, (member, batch); return their losses."""
        seeds = [self.seeds[member] for member in self.active]
        batches = [self._batch(seed, step, its) for seed, its in zip(seeds, rows, strict=True)]
        words = [Key(seed, Stream.DROPOUT, step).word() for seed in seeds]
        where = f"step {step}, clusters " + ", ".join(str(self.data.parent[i]) for i in rows[:, 0].tolist())
        self.optimiser.zero_grad(set_to_none=False)
        losses = self._teach(batches, words)
        self._check("loss", losses, f"{where}, ...")
        self._check("gradient", self._clip().tolist(), f"{where}, ...")
        self._advance(self._learning_rates(step))
        follow(self.average, self.stack.members.state_dict(), self.settings.ema_decay, step)
        return losses

    def _teach(self, batches: list[Batch], words: list[int]) -> list[float]:
        """Add the gradients of each member's loss to those of the stack, and return the losses."""
        if not self.one_by_one:
            together: Tensor = self.model.loss(batches, words)
            self.fabric.backward(together.sum())
            return [float(loss) for loss in together.detach()]
        found = []
        for row, batch, word in zip(self.rows, batches, words, strict=True):
            torch.manual_seed(word)
            with self.fabric.autocast():
                loss = row.train().loss(batch)
            self.fabric.backward(loss)
            found.append(float(loss.detach()))
        return found

    def _batch(self, seed: int, step: int, rows: Tensor) -> Batch:
        batch = self.data.rows(rows)
        if self.settings.augment:
            batch = turned(batch, int(Key(seed, Stream.AUGMENTATION, step).integers(8, 1)[0]))
        return moved(batch, self.fabric.to_device)

    def _learning_rates(self, step: int) -> list[float]:
        losses = [[entry["validation"] for entry in self.histories[member]] for member in self.active]
        return [learning_rate(self.settings, step, self.steps_per_epoch, one) for one in losses]

    @torch.no_grad()
    def _clip(self) -> Tensor:
        """Clip the gradients of each member to a norm of its own, as ``clip_grad_norm_`` does; return the norms."""
        gradients = [p.grad for p in self.stack.parameters() if p.grad is not None]
        norms = torch.stack([torch.linalg.vector_norm(g.flatten(1), dim=1) for g in gradients]).norm(dim=0)
        factor = (self.settings.max_gradient_norm / (norms + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(_beside(factor, gradient))
        return norms

    @torch.no_grad()
    def _advance(self, rates: list[float]) -> None:
        """Let Adam step. A step is proportional to its rate: members with a lower one go that part of the way."""
        highest = max(rates)
        for group in self.optimiser.param_groups:
            group["lr"] = highest
        if min(rates) == highest:
            self.optimiser.step()
            return
        weights = list(self.stack.parameters())
        before = [weight.clone() for weight in weights]
        self.optimiser.step()
        part = torch.tensor([rate / highest for rate in rates], device=weights[0].device)
        for weight, old in zip(weights, before, strict=True):
            weight.copy_(old.lerp(weight, _beside(part, weight)))

    @torch.no_grad()
    def _validation_losses(self) -> list[float]:
        current = self._copy()
        self.stack.members.load_state_dict(self.average)
        self.stack.eval()
        parts = [self.model.loss(batch).double() * len(batch.maps) for batch in self.validation]
        self.stack.members.load_state_dict(current)
        losses = (torch.stack(parts).sum(0) / self.n_validation).tolist()
        self._check("validation loss", losses, f"epoch {1 + max(len(one) for one in self.histories)}")
        return losses

    def _check(self, what: str, values: list[float], where: str) -> None:
        bad = [self.active[row] for row, value in enumerate(values) if not math.isfinite(value)]
        if bad:
            named = ", ".join(f"{member} (seed {self.seeds[member]})" for member in bad)
            raise TrainingError(
                f"The {what} of a member is not a number.",
                where=f"member {named}; {where}",
                got=values,
                fix="look for maps that are not finite; if there are none, lower training.learning_rate",
            )

    def _copy(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.stack.members.state_dict().items()}

    def _save(self, epoch: int) -> None:
        parts = {"model": self.stack.members.state_dict(), "average": self.average, "best": self.best}
        tensors = {f"{part}.{name}": t for part, state in parts.items() for name, t in state.items()}
        tensors |= optimiser_tensors(self.optimiser.optimizer)
        facts = {
            "fingerprint": self.fingerprint,
            "active": self.active,
            "histories": self.histories,
            "best_epochs": self.best_epochs,
            "best_losses": self.best_losses,
        }
        save_state(self.folder, TrainingState(epoch, tensors, facts))

    def _restore(self) -> None:
        state = last_good_state(self.folder)
        if state is None:
            return
        facts = state.facts
        if facts["fingerprint"] != self.fingerprint:
            raise TrainingError(
                "This folder holds a training with other settings.",
                where=str(self.folder),
                expected="the same model, training settings, seeds and sizes",
                got=f"fingerprint {facts['fingerprint']}, not {self.fingerprint}",
                fix="choose another --out, or remove the folder",
            )

        def part(prefix: str, into: Mapping[str, Tensor]) -> None:
            for name, tensor in into.items():
                tensor.copy_(state.tensors[prefix + name])

        self._keep(list(facts["active"]))
        with torch.no_grad():
            part("model.", self.stack.members.state_dict())
        part("average.", self.average)
        part("best.", self.best)
        restore_optimiser(self.optimiser.optimizer, state.tensors)
        self.histories = [list(history) for history in facts["histories"]]
        self.best_epochs, self.best_losses = list(facts["best_epochs"]), list(facts["best_losses"])


def _new_members(
    model_settings: Mapping[str, Any], training: MapData, seeds: Sequence[int]
) -> list[MassModel]:
    """Return members with weights of their own and one scaling, which is that of the training set."""
    members = []
    for seed in seeds:
        torch.manual_seed(Key(seed, Stream.INITIAL_WEIGHTS).word())
        members.append(build_model(model_settings))
    first, *others = members
    first.fit_scaling(training.rows(slice(None)))
    for other in others:
        for mine, fitted in zip(other.buffers(), first.buffers(), strict=True):
            mine.copy_(fitted)
    return members


def _beside(numbers: Tensor, tensor: Tensor) -> Tensor:
    """Return one number per member, (member,), so that it multiplies a tensor (member, ...)."""
    return numbers.view(-1, *[1] * (tensor.ndim - 1))
