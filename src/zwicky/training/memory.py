"""How much memory does a training step take? Counted on a small step, before a large one is tried."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from zwicky.models.base import Batch, Model
from zwicky.models.table import build_either
from zwicky.training.loop import TrainingSettings

_COPIES = 6
"""Of the weights in single precision: themselves, gradients, two moments of Adam, their average, the best average."""


@dataclass(frozen=True)
class StepMemory:
    """What one training step holds at once, in bytes.

    Parameters
    ----------
    parameters : int
        Trained numbers.
    weights_bytes : int
        The weights and all that is kept beside them: gradients, moments, averages.
    activations_bytes : int
        What the forward pass keeps for the backward pass, for the whole batch; with mixed precision, short copies of
        the weights among it.
    """

    parameters: int
    weights_bytes: int
    activations_bytes: int

    @property
    def total_bytes(self) -> int:
        """Both together; the library's own buffers come on top."""
        return self.weights_bytes + self.activations_bytes


def step_memory(model_settings: Mapping[str, Any], batch: Batch, settings: TrainingSettings) -> StepMemory:
    """Count the memory of a training step.

    Parameters
    ----------
    model_settings : dict
        ``{"kind": ..., ...}``.
    batch : Batch
        A few observations, at least two; what is counted is scaled to the batch of ``settings``.
    settings : TrainingSettings
        Batch size and precision.

    Returns
    -------
    StepMemory
    """
    twice = replace(batch, **{name: torch.cat([t, t]) for name, t in _tensors(batch).items()})
    with torch.random.fork_rng():
        model = build_either(model_settings)
        model.fit_scaling(batch)
        once, both = (_kept_bytes(model, one, settings) for one in (batch, twice))
    # What does not grow with the batch, such as short copies of the weights, is there once.
    activations = 2 * once - both + (both - once) * settings.batch_size // len(batch.maps)
    n = model.n_parameters
    return StepMemory(n, 4 * _COPIES * n, activations)


def _tensors(batch: Batch) -> dict[str, Tensor]:
    """Return what a batch holds, by name."""
    found = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def _kept_bytes(model: Model, batch: Batch, settings: TrainingSettings) -> int:
    """Return what one forward pass keeps for the backward pass, less the weights themselves."""
    kept: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()  # one storage may be kept under several shapes
        return tensor

    own = {p.untyped_storage().data_ptr() for p in (*model.parameters(), *model.buffers())}
    with (
        torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16-mixed"),
    ):
        loss = model.train().loss(batch)  # held until all is counted: what is freed gives its place to others
    total = sum(n for place, n in kept.items() if place not in own)
    del loss
    return total
