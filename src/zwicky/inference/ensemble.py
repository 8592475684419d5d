"""An ensemble of networks, which answers as one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
import torch
from torch import Tensor

from zwicky.models.base import Batch, GaussianMass, MassModel
from zwicky.models.stacked import Ask, ask_together

BATCH: Final = 256


class NetworkAnswer:
    """Run an ensemble: a mixture of Gaussians, reduced to its mean and standard deviation.

    Parameters
    ----------
    members : sequence of MassModel
        Trained with different seeds.
    """

    def __init__(self, members: Sequence[MassModel]) -> None:
        self.members = [member.eval().to(memory_format=torch.channels_last) for member in members]  # type: ignore[call-overload]

    @cached_property
    def _ask(self) -> Ask:
        """All members at once where they allow it; errors that they learn later are heeded."""
        return ask_together(self.members)

    @torch.inference_mode()
    def predict(self, stamps: np.ndarray, redshift: np.ndarray) -> GaussianMass:
        """Weigh stamps, (stamp, y, x) or (stamp, band, y, x); returns tensors (stamp,) [dex of Msun]."""
        parts = [_mixture(self._ask(batch)) for batch in _batches(stamps, redshift)]
        return GaussianMass(torch.cat([p.mean for p in parts]), torch.cat([p.sd for p in parts]))

    @torch.inference_mode()
    def features(self, stamps: np.ndarray, redshift: np.ndarray) -> Tensor:
        """Return the first member's features, (stamp, feature)."""
        return torch.cat([self.members[0].features(batch) for batch in _batches(stamps, redshift)])


def _batches(stamps: np.ndarray, redshift: np.ndarray) -> list[Batch]:
    maps = torch.from_numpy(np.ascontiguousarray(stamps, np.float32))
    maps = maps[:, None] if maps.ndim == 3 else maps
    z = torch.from_numpy(np.asarray(redshift, np.float32))
    return [Batch(m, s) for m, s in zip(maps.split(BATCH), z.split(BATCH), strict=True)]


def _mixture(answers: GaussianMass) -> GaussianMass:
    means, sds = answers.mean, answers.sd
    # Spread about the common mean, not the difference of squares: log M is 14, its error 0.05.
    variance = (sds.square() + (means - means.mean(0)).square()).mean(0)
    return GaussianMass(means.mean(0), variance.sqrt())
