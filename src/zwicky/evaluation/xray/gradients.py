"""What networks say of images, and how it changes with each pixel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from zwicky.core.errors import ConfigError
from zwicky.models.base import Batch, MassModel

Models = MassModel | Sequence[MassModel]
"""A network, or an ensemble, whose answer is the mean of its members'."""


def predicted_log10(models: Models, batch: Batch) -> Tensor:
    """Return the mean log10 M of a batch, (batch,) [dex of Msun], without gradients.

    Raises
    ------
    ConfigError
        If the ensemble has no member.
    """
    with _answering(models) as members, torch.no_grad():
        return _mean(members, batch)


def gradient(models: Models, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the mean log10 M and its derivative by each pixel.

    Returns
    -------
    log10_mass : (batch,) Tensor [dex of Msun]
    derivative : (batch, band, y, x) Tensor
        In dex per kept unit of the maps: dex per count for counts.

    Raises
    ------
    ConfigError
        If the ensemble has no member.
    """
    maps = batch.maps.detach().clone().requires_grad_(True)
    with _answering(models) as members, torch.enable_grad():
        log10_mass = _mean(members, Batch(maps, batch.redshift, present=batch.present))
        # No cluster's answer depends on another's image, so that the derivative of the sum is that of each. A network
        # that reads no pixel has no graph to the maps: its derivative is zero.
        if not log10_mass.requires_grad:
            return log10_mass, torch.zeros_like(maps)
        (found,) = torch.autograd.grad(log10_mass.sum(), maps, allow_unused=True)
    return log10_mass.detach(), torch.zeros_like(maps) if found is None else found


def _mean(members: Sequence[MassModel], batch: Batch) -> Tensor:
    return torch.stack([member.predict(batch).mean for member in members]).mean(0)


@contextmanager
def _answering(models: Models) -> Iterator[Sequence[MassModel]]:
    """Switch dropout and the like off for a while."""
    members = [models] if isinstance(models, MassModel) else list(models)
    if not members:
        raise ConfigError("An ensemble has members.", where="models", expected="at least one", got="none")
    before = [member.training for member in members]
    for member in members:
        member.eval()
    try:
        yield members
    finally:
        for member, was in zip(members, before, strict=True):
            member.train(was)
