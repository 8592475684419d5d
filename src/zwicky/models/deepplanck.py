"""The DeepPlanck network, layer by layer.

de Andres et al. 2022, Nature Astronomy 6, 1325; layers and parameter count read from the published code and weights.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from zwicky.core.config import Config
from zwicky.core.errors import ConfigError
from zwicky.models.base import Batch, GaussianMass, MassModel

PAPER_REDSHIFT_BINS = (0.0, 0.1, 0.2, 0.4, 1.0)
"""One network per interval (z_low, z_high]."""


class DeepPlanckSettings(Config):
    """Settings of the published network.

    Attributes
    ----------
    kind : "deepplanck"
        Names this model in an experiment file.
    redshift_bins : tuple of float, optional
        Edges; one network for each interval, as published. None: one network for all redshifts.
    dropout : float
        Before and after the first dense layer.
    """

    kind: Literal["deepplanck"] = "deepplanck"
    redshift_bins: tuple[float, ...] | None = PAPER_REDSHIFT_BINS
    dropout: float = 0.1


def deepplanck_layers(dropout: float = 0.1, *, n_channels: int = 1, n_outputs: int = 1) -> nn.Sequential:
    """Return one published network: (batch, channel, y, x) -> (batch, output), any size of map.

    With one channel and one output it has 58,437 parameters.
    """

    def block(n_in: int, n_out: int) -> list[nn.Module]:
        return [nn.Conv2d(n_in, n_out, kernel_size=3, padding="same"), nn.ReLU(), nn.MaxPool2d(2)]

    return nn.Sequential(
        *block(n_channels, 16),
        *block(16, 32),
        *block(32, 64),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(64, 200),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(200, 100),
        nn.ReLU(),
        nn.Linear(100, 20),
        nn.ReLU(),
        nn.Linear(20, n_outputs),
    )


def half_range(residual: Tensor) -> Tensor:
    """Return half the 16-84 % range of residuals, (n,)."""
    low, high = torch.quantile(residual, torch.tensor([0.16, 0.84]).to(residual))
    return 0.5 * (high - low)


class DeepPlanck(MassModel):
    """The published network, or one of them per redshift interval.

    The input is standardised by one mean and one standard deviation of all pixels of its interval, as in the published
    code; the loss is the squared error of the standardised log10 M (the paper's loss is not stated). The network
    gives no error: a constant one per interval is learnt from the validation set by ``fit_error``.
    """

    def __init__(self, config: DeepPlanckSettings) -> None:
        super().__init__()
        self.config = config
        edges = config.redshift_bins or (0.0, float("inf"))
        if len(edges) < 2 or any(b <= a for a, b in pairwise(edges)):
            raise ConfigError(
                "The redshift bins must increase.",
                where="model.redshift_bins",
                expected="at least two edges",
                got=edges,
            )
        n_bins = len(edges) - 1
        self.networks = nn.ModuleList(deepplanck_layers(config.dropout) for _ in range(n_bins))
        self.edges: Tensor
        self.pixel_mean: Tensor
        self.pixel_sd: Tensor
        self.target: Tensor
        self.error_sd: Tensor
        self.register_buffer("edges", torch.tensor(edges, dtype=torch.float32))
        self.register_buffer("pixel_mean", torch.zeros(n_bins))
        self.register_buffer("pixel_sd", torch.ones(n_bins))
        self.register_buffer(
            "target", torch.tensor([14.5, 0.5])
        )  # mean and sd of log10 M; set by fit_scaling
        self.register_buffer("error_sd", torch.full((n_bins,), 0.1))  # [dex]; set by fit_error

    def bin_of(self, redshift: Tensor) -> Tensor:
        """Return the interval of each redshift, (batch,) int; those beyond the ends get the nearest."""
        inner = self.edges[1:-1].contiguous()
        return torch.bucketize(redshift.contiguous(), inner)

    def fit_scaling(self, batch: Batch) -> None:
        """Take the pixel statistics of each redshift interval, and of log10 M."""
        assert batch.log10_mass is not None
        which = self.bin_of(batch.redshift)
        for i in range(len(self.networks)):
            if (which == i).any():
                pixels = batch.maps[which == i]
                self.pixel_mean[i], self.pixel_sd[i] = pixels.mean(), pixels.std()
        self.target[0], self.target[1] = batch.log10_mass.mean(), batch.log10_mass.std()

    def _standardised(self, batch: Batch) -> Tensor:
        which = self.bin_of(batch.redshift)
        scale = (slice(None), None, None, None)
        maps = (batch.maps - self.pixel_mean[which][scale]) / self.pixel_sd[which][scale]
        answer = maps.new_zeros(len(maps))
        for i, network in enumerate(self.networks):
            rows = torch.nonzero(which == i)[:, 0]
            if len(rows):
                answer = answer.index_copy(0, rows, network(maps[rows])[:, 0])
        return answer

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean squared error of the standardised log10 M."""
        assert batch.log10_mass is not None
        truth = (batch.log10_mass - self.target[0]) / self.target[1]
        return (self._standardised(batch) - truth).square().mean()

    def predict(self, batch: Batch) -> GaussianMass:
        """Return the network's log10 M and the constant error of its redshift interval."""
        mean = self.target[0] + self.target[1] * self._standardised(batch)
        return GaussianMass(mean, self.error_sd[self.bin_of(batch.redshift)])

    def fit_error(self, prediction: GaussianMass, log10_mass: Tensor) -> None:
        """Set the error of each interval to half the 16-84 % range of held-out residuals."""
        # predict() gives one constant per interval, so equal sd means equal interval.
        residual = prediction.mean - log10_mass
        for i in range(len(self.networks)):
            rows = prediction.sd == self.error_sd[i]
            if rows.sum() > 10:
                self.error_sd[i] = half_range(residual[rows])
