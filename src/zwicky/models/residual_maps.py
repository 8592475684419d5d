"""Posterior samples of maps in few evaluations: diffusion of what mean and standard deviation leave.

A U-Net says mean and standard deviation of log10 of each pixel (``map_moments``). The truth less the mean, in units of
the standard deviation, is made white (``diffusion.whitening``) and learned by a diffusion model with the
preconditioning of Karras et al. 2022. What it has to learn is small, all scales need the same noise levels, and a field
drawn before any training is already a Gaussian one with the right spectrum: this is why few evaluations are enough.
"""

from __future__ import annotations

from typing import Final, Literal

import torch
from pydantic import Field
from torch import Tensor

from zwicky.core.config import Config
from zwicky.models.base import Batch
from zwicky.models.diffusion.denoiser import Denoiser
from zwicky.models.diffusion.model import DiffusionModel
from zwicky.models.diffusion.physics_terms import PhysicsPenalty, PhysicsTerms
from zwicky.models.diffusion.preconditioning import EDMPreconditioning
from zwicky.models.diffusion.residual_net import ResidualNet, ResidualNetSettings
from zwicky.models.diffusion.sampler import Sampler, SolverName
from zwicky.models.diffusion.schedules import LogNormalNoise, NoiseLaw
from zwicky.models.diffusion.whitening import Whitening, scale_weights
from zwicky.models.map_scaling import CHUNK, LogScaling

SAMPLER: Final = Sampler(solver="dpm3m", steps=16, sigma_min=0.15, sigma_max=40.0, landing="half")
"""White residuals are about 1 wide, in directions as well as in modes, but for galaxies: single pixels of ten and more.
They are decided upon where the noise is as large, so that sigma_max lies far above 1."""

SMALLEST_SIGMA: Final = 0.02
"""For solvers that end with the denoised map, which is too narrow by half of (sigma_min / spread)^2."""


class ResidualMapsSettings(Config):
    """Settings of the diffusion of standardised residuals.

    Attributes
    ----------
    kind : "residual_maps"
        Names this model in an experiment file.
    n_views, n_targets, n_pixels : int
        Maps in and out, pixels per side.
    network : ResidualNetSettings
    log_sigma_mean, log_sigma_sd : float
        Of the noise levels in training: ln sigma is normal (Karras et al. 2022 take -1.2 and 1.2 for a spread of 0.5;
        here the spread is 1).
    scale_balance : float [1]
        Share of the loss that is dealt out evenly to octaves of |k|; the rest goes mode by mode, nearly all of it to
        the smallest scales.
    whiten : bool
        Divide the modes of residuals by their spread; without, pixels keep their correlations.
    sampler : Sampler
        How it is sampled unless something else is asked for.
    half : bool
        Sample in bfloat16.
    physics : PhysicsTerms
    """

    kind: Literal["residual_maps"] = "residual_maps"
    n_views: int = Field(default=2, ge=1)
    n_targets: int = Field(default=2, ge=1)
    n_pixels: int = Field(default=128, ge=2)
    network: ResidualNetSettings = Field(default_factory=ResidualNetSettings)
    log_sigma_mean: float = -0.4
    log_sigma_sd: float = Field(default=1.4, gt=0.0)
    scale_balance: float = Field(default=0.1, ge=0.0, le=1.0)
    whiten: bool = True
    sampler: Sampler = SAMPLER
    half: bool = True
    physics: PhysicsTerms = Field(default_factory=PhysicsTerms)


class ResidualMaps(DiffusionModel):
    """Views, their mean maps and standard deviations in; samples of the maps out.

    The maps of a batch are the views in their kept units, then log10 of the mean of each target, then its standard
    deviation [dex].
    """

    def __init__(self, config: ResidualMapsSettings) -> None:
        super().__init__()
        self.config: ResidualMapsSettings = config
        self.physics, self.bf16 = PhysicsPenalty(config.physics, config.n_pixels), config.half
        network = ResidualNet(
            config.network, config.n_targets, config.n_views + 2 * config.n_targets, config.n_pixels
        )
        self.denoiser = Denoiser(network, EDMPreconditioning(1.0))
        self.views = LogScaling(config.n_views, config.n_pixels)
        self.spread = LogScaling(config.n_targets, config.n_pixels)
        self.whitening = Whitening(config.n_targets, config.n_pixels)
        self.weights: Tensor
        weights = scale_weights(config.n_pixels, config.scale_balance)
        self.register_buffer("weights", weights, persistent=False)
        self.mean_map: Tensor
        self.mean_sd: Tensor
        self.register_buffer("mean_map", torch.zeros(config.n_targets, config.n_pixels, config.n_pixels))
        self.register_buffer("mean_sd", torch.ones(config.n_targets, 1, 1))

    @property
    def default_sampler(self) -> Sampler:
        """The sampler of the settings."""
        return self.config.sampler

    def sampler(self, solver: SolverName, steps: int) -> Sampler:
        """Return another solver at this model's noise levels; each ends where it is accurate."""
        own = self.config.sampler.model_copy(update={"solver": solver, "steps": steps})
        if solver in ("dpm2m", "dpm3m"):
            return own
        return own.model_copy(update={"sigma_min": min(own.sigma_min, SMALLEST_SIGMA), "landing": "tweedie"})

    @property
    def is_centred(self) -> bool:
        """Yes: residuals are."""
        return True

    @property
    def noise_law(self) -> NoiseLaw:
        """Log-normal, as Karras et al. 2022."""
        return LogNormalNoise(self.config.log_sigma_mean, self.config.log_sigma_sd)

    @property
    def n_targets(self) -> int:
        """Maps of a sample."""
        return self.config.n_targets

    def _parts(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return views, mean and standard deviation of log10, (cluster, ..., y, x) each."""
        return maps.split([self.config.n_views, self.config.n_targets, self.config.n_targets], dim=1)

    @torch.no_grad()
    def fit_scaling(self, batch: Batch) -> None:
        """Fix the scaling of what the network is told, and learn the covariance of the residuals."""
        assert batch.target is not None
        views, mean, sd = self._parts(batch.maps)
        self.views.fit(views)
        self.spread.fit(sd)
        self.spread.sd.clamp_(min=1e-3)  # a spread that never varies says nothing
        self.mean_map.copy_(mean.mean(0))
        self.mean_sd.copy_((mean - self.mean_map).square().mean((0, 2, 3)).sqrt()[:, None, None])
        self.mean_sd.clamp_(min=1e-3)  # nor does a mean
        if self.config.whiten:
            pairs = zip(batch.maps.split(CHUNK), batch.target.split(CHUNK), strict=True)
            self.whitening.fit(self._residual(maps, target) for maps, target in pairs)

    def _residual(self, maps: Tensor, target: Tensor) -> Tensor:
        _, mean, sd = self._parts(maps)
        return (torch.log10(target) - mean) / sd

    def condition(self, batch: Batch) -> Tensor:
        """Return views, means and spreads, standardised."""
        views, mean, sd = self._parts(batch.maps)
        return torch.cat(
            [self.views.into(views), (mean - self.mean_map) / self.mean_sd, self.spread.into(sd)], dim=1
        )

    def clean(self, batch: Batch) -> Tensor:
        """Return the white residual of the true maps."""
        assert batch.target is not None
        return self.whitening.into(self._residual(batch.maps, batch.target))

    def squares(self, difference: Tensor) -> Tensor:
        """Return the mean over cosine modes, each with its weight, (row,)."""
        return (self.weights * self.whitening.modes(difference).square()).mean((1, 2, 3))

    def log10_maps(self, clean: Tensor, batch: Batch) -> Tensor:
        """Return mean plus standard deviation times residual."""
        residual = self.whitening.back(clean.flatten(0, 1)).unflatten(0, clean.shape[:2])
        _, mean, sd = self._parts(batch.maps)
        return mean[:, None] + sd[:, None] * residual

    def densities(self, clean: Tensor, batch: Batch) -> Tensor:
        """Return the maps themselves, positive by construction."""
        return torch.pow(10.0, self.log10_maps(clean[:, None], batch)[:, 0])


def with_moments(views: Tensor, log10_mean: Tensor, sd_dex: Tensor) -> Tensor:
    """Return the maps that the model is given: views, means and standard deviations as channels."""
    return torch.cat([views, log10_mean, sd_dex], dim=1)
