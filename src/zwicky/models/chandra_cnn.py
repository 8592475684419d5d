"""The network that weighs clusters in mock Chandra images, for one band or several.

Ntampaka et al. 2019, ApJ 876, 82. Its layers are those of DeepPlanck, which took them over. Loss and treatment of the
counts are not stated there: the squared error of the standardised log10 M, and standardised counts.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from zwicky.core.config import Config
from zwicky.models.base import Batch
from zwicky.models.count_stretch import CountStretch, Stretch
from zwicky.models.deepplanck import deepplanck_layers
from zwicky.models.layered import LayeredMass
from zwicky.models.mass_heads import GaussianHead, PointHead


class ChandraCNNSettings(Config):
    """Settings of the network.

    Attributes
    ----------
    kind : "chandra_cnn"
        Names this model in an experiment file.
    n_bands : int
        Images per cluster; one as published.
    stretch : "counts", "sqrt" or "asinh"
        As of ``CountStretch``.
    head : "point" or "gaussian"
        One number with a constant error, as published, or a mean and an error for each cluster.
    dropout : float
        Before and after the first dense layer.
    """

    kind: Literal["chandra_cnn"] = "chandra_cnn"
    n_bands: int = Field(default=1, ge=1)
    stretch: Stretch = "counts"
    head: Literal["point", "gaussian"] = "point"
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)


class ChandraCNN(LayeredMass):
    """The published network, 58,437 numbers for one band, whatever the size of the map; it is told no redshift."""

    def __init__(self, config: ChandraCNNSettings) -> None:
        head = PointHead() if config.head == "point" else GaussianHead()
        layers = list(deepplanck_layers(config.dropout, n_channels=config.n_bands, n_outputs=head.n_outputs))
        cut = 1 + next(i for i, layer in enumerate(layers) if isinstance(layer, nn.Flatten))
        convolutions, dense = nn.Sequential(*layers[:cut]), nn.Sequential(*layers[cut:])
        super().__init__(CountStretch(config.n_bands, config.stretch), convolutions, dense, head)
        self.config: ChandraCNNSettings = config

    def scalars(self, batch: Batch) -> Tensor:
        """Return nothing, (batch, 0)."""
        return batch.redshift[:, None][:, :0]
