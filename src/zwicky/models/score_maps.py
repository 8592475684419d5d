"""The published score model: NCSN++ and a variance-exploding diffusion of the maps themselves (Hsu et al. 2024).

Maps are scaled to [0, 1] by bounds that all clusters share, so that amplitudes are kept; the conditions are stacked
onto the noisy maps. Whether the paper took logarithms first it does not say. Here it is a setting: without them most of
a map is within 1 % of zero.

The largest noise level should wash out all differences between clusters: the largest distance between two training maps
(Song & Ermon 2020, technique 1). The paper says "the largest intensity of our images", which is 1; both can be asked
for.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from zwicky.core.config import Config
from zwicky.models.base import Batch
from zwicky.models.diffusion.denoiser import Denoiser
from zwicky.models.diffusion.model import DiffusionModel
from zwicky.models.diffusion.ncsnpp import NCSNpp, NCSNppSettings
from zwicky.models.diffusion.physics_terms import PhysicsPenalty, PhysicsTerms
from zwicky.models.diffusion.preconditioning import VEPreconditioning
from zwicky.models.diffusion.sampler import Sampler, SolverName
from zwicky.models.diffusion.schedules import LogUniformNoise, NoiseLaw
from zwicky.models.map_scaling import CHUNK

_DISTANCES = 512
"""Training maps among which the largest distance is looked for."""


class ScoreMapsSettings(Config):
    """Settings of the published model.

    Attributes
    ----------
    kind : "score_maps"
        Names this model in an experiment file.
    n_views, n_targets, n_pixels : int
        Maps in and out, pixels per side.
    network : NCSNppSettings
        Widths; numbers of channels are filled in.
    scaling : "log" or "linear"
        Of the maps, before the bounds.
    sigma_min : float [1]
        Smallest noise level; 0.01 in the example of the library that the paper used.
    sigma_max : "distance", "intensity" or float [1]
        Largest noise level: the largest distance between training maps, the largest scaled pixel, or a number.
    steps : int
        Of Euler-Maruyama.
    half : bool
        Sample in bfloat16.
    physics : PhysicsTerms
    """

    kind: Literal["score_maps"] = "score_maps"
    n_views: int = Field(default=2, ge=1)
    n_targets: int = Field(default=2, ge=1)
    n_pixels: int = Field(default=128, ge=2)
    network: NCSNppSettings = Field(default_factory=NCSNppSettings)
    scaling: Literal["log", "linear"] = "log"
    sigma_min: float = Field(default=1e-2, gt=0.0)
    sigma_max: Literal["distance", "intensity"] | Annotated[float, Field(gt=0.0)] = "distance"
    steps: int = Field(default=1000, ge=1)
    half: bool = False
    physics: PhysicsTerms = Field(default_factory=PhysicsTerms)


class ScoreMaps(DiffusionModel):
    """Views in, samples of the maps out."""

    def __init__(self, config: ScoreMapsSettings) -> None:
        super().__init__()
        self.config: ScoreMapsSettings = config
        self.physics, self.bf16 = PhysicsPenalty(config.physics, config.n_pixels), config.half
        network = config.network.model_copy(
            update={
                "n_channels": config.n_targets,
                "n_condition": config.n_views,
                "n_pixels": config.n_pixels,
            }
        )
        self.low: Tensor
        self.high: Tensor
        self.largest: Tensor
        self.spread: Tensor
        n_maps = config.n_views + config.n_targets
        self.register_buffer("low", torch.zeros(n_maps, 1, 1))
        self.register_buffer("high", torch.ones(n_maps, 1, 1))
        self.register_buffer("largest", torch.tensor(1.0))
        self.register_buffer("spread", torch.tensor(1.0))
        self.network_of_score = NCSNpp(network)

    @property
    def denoiser(self) -> Denoiser:  # type: ignore[override]
        """The denoiser; its noise levels are known once the training set was seen."""
        return Denoiser(self.network_of_score, VEPreconditioning(self.config.sigma_min, self.sigma_max))

    @property
    def sigma_max(self) -> float:
        """Largest noise level [1]."""
        given = self.config.sigma_max
        if isinstance(given, str):
            return float(self.largest)
        return given

    @property
    def is_centred(self) -> bool:
        """No: scaled maps lie between 0 and 1."""
        return False

    @property
    def noise_law(self) -> NoiseLaw:
        """Uniform in ln sigma."""
        return LogUniformNoise(self.config.sigma_min, self.sigma_max)

    @property
    def default_sampler(self) -> Sampler:
        """Euler-Maruyama; the last step returns the expected map, as the library of the paper does."""
        return self.sampler("euler_maruyama", self.config.steps)

    def sampler(self, solver: SolverName, steps: int) -> Sampler:
        """Return another solver at this model's noise levels."""
        return Sampler(solver=solver, steps=steps, sigma_min=self.config.sigma_min, sigma_max=self.sigma_max)

    @property
    def data_sd(self) -> float:
        """Spread of a pixel between clusters, in scaled maps."""
        return float(self.spread)

    @property
    def n_targets(self) -> int:
        """Maps of a sample."""
        return self.config.n_targets

    def _raw(self, maps: Tensor) -> Tensor:
        return torch.log10(maps) if self.config.scaling == "log" else maps

    @torch.no_grad()
    def fit_scaling(self, batch: Batch) -> None:
        """Fix the bounds of each map, over all clusters, and the largest noise level."""
        assert batch.target is not None
        for rows, maps in (
            (slice(None, self.config.n_views), batch.maps),
            (slice(self.config.n_views, None), batch.target),
        ):
            chunks = [self._raw(chunk) for chunk in maps.split(CHUNK)]
            self.low[rows] = torch.stack([c.amin((0, 2, 3)) for c in chunks]).amin(0)[:, None, None]
            self.high[rows] = torch.stack([c.amax((0, 2, 3)) for c in chunks]).amax(0)[:, None, None]
        every = max(1, len(batch.target) // _DISTANCES)
        clean = self._scaled(batch.target[::every][:_DISTANCES], targets=True)
        distance = torch.cdist(clean.flatten(1), clean.flatten(1)).max()
        self.spread.copy_((clean - clean.mean(0)).square().mean().sqrt())
        self.largest.copy_(distance if self.config.sigma_max == "distance" else clean.max())

    def _bounds(self, targets: bool) -> tuple[Tensor, Tensor]:
        rows = slice(self.config.n_views, None) if targets else slice(None, self.config.n_views)
        return self.low[rows], self.high[rows]

    def _scaled(self, maps: Tensor, *, targets: bool) -> Tensor:
        low, high = self._bounds(targets)
        return (self._raw(maps) - low) / (high - low)

    def condition(self, batch: Batch) -> Tensor:
        """Return the views, scaled."""
        return self._scaled(batch.maps, targets=False)

    def clean(self, batch: Batch) -> Tensor:
        """Return the true maps, scaled."""
        assert batch.target is not None
        return self._scaled(batch.target, targets=True)

    def log10_maps(self, clean: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002
        """Return the maps of scaled ones.

        On linear scales a pixel may be negative. What is fainter than the faintest pixel f of the training set becomes
        f / (1 + (f - x) / f): positive, in the same order, and f within its first order.
        """
        low, high = self._bounds(targets=True)
        raw = low + (high - low) * clean
        if self.config.scaling == "log":
            return raw
        below = (low - raw).clamp(min=0.0) / low
        return torch.log10(torch.maximum(raw, low)) - torch.log10(1.0 + below)

    def faintest_log10(self) -> Tensor:
        """Return log10 of the faintest pixel of each target in the training set, (target, 1, 1) [dex]."""
        low, _ = self._bounds(targets=True)
        return low if self.config.scaling == "log" else torch.log10(low)

    def densities(self, clean: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002
        """Return the maps themselves; on linear scales they may be negative."""
        low, high = self._bounds(targets=True)
        raw = low + (high - low) * clean
        return raw if self.config.scaling == "linear" else torch.pow(10.0, raw)
