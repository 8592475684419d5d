"""What all diffusion models of maps share: the loss, and the way to samples. Each adds what its maps are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from zwicky.core.errors import SamplingError
from zwicky.core.randomness import Key
from zwicky.models.base import Batch, SampleModel
from zwicky.models.diffusion.denoiser import Denoiser, KeyedNoise, mean_square
from zwicky.models.diffusion.network import Context
from zwicky.models.diffusion.physics_terms import PhysicsPenalty
from zwicky.models.diffusion.sampler import Denoise, Noise, Sampler, SolverName
from zwicky.models.diffusion.schedules import NoiseLaw
from zwicky.models.diffusion.solvers import draw

_VALIDATION_SEED = 7
"""Of the noise that validation maps get: the same in every epoch, so that losses can be compared."""


class DiffusionModel(SampleModel):
    """A denoiser with a noise law for its training, and a sampler.

    Attributes
    ----------
    denoiser : Denoiser
    physics : PhysicsPenalty
        Optional terms of the loss.
    bf16 : bool
        Evaluate the network in bfloat16 when it is sampled.
    """

    denoiser: Denoiser
    physics: PhysicsPenalty
    bf16: bool

    @property
    @abstractmethod
    def noise_law(self) -> NoiseLaw:
        """How noise levels are drawn in training."""

    @abstractmethod
    def condition(self, batch: Batch) -> Tensor:
        """Return what the network is told, (cluster, channel, y, x) [1]."""

    @abstractmethod
    def clean(self, batch: Batch) -> Tensor:
        """Return what is diffused, of the true maps of a batch, (cluster, target, y, x) [1]."""

    @abstractmethod
    def log10_maps(self, clean: Tensor, batch: Batch) -> Tensor:
        """Return the maps that clean fields stand for, (cluster, sample, target, y, x) both [dex]."""

    @abstractmethod
    def densities(self, clean: Tensor, batch: Batch) -> Tensor:
        """Return the maps that clean fields, (cluster, target, y, x), stand for in their unit: for physics terms."""

    def loss(self, batch: Batch) -> Tensor:
        """Return the weighted denoising error, mean over pixels, and the physics terms if any.

        In training noise levels are drawn; in validation they are the quantiles of their law, and the noise is fixed.
        """
        x0 = self.clean(batch)
        sigma, z = self._noise(x0)
        context = self.denoiser.encode(self.condition(batch))
        errors, denoised = self.denoiser.errors(x0, z, sigma, context, self.squares)
        if self.training and self.physics.terms.active:
            errors = errors + self._penalties(denoised, batch, sigma / self.data_sd)
        return errors.mean()

    def squares(self, difference: Tensor) -> Tensor:
        """Return the square of differences of clean fields, (row,), whose mean is the loss.

        Any positive weights of modes have the same minimum, the expected clean field.
        """
        return mean_square(difference)

    def _penalties(self, denoised: Tensor, batch: Batch, sigma: Tensor) -> Tensor:
        """Return what each row pays for breaking the physics; rows with too much noise are not even looked at.

        A map that is nearly noise may stand for infinite densities, and nothing times infinity has no gradient.
        """
        assert batch.target is not None
        rows = torch.nonzero(sigma < self.physics.terms.highest_sigma).flatten()
        found = torch.zeros_like(sigma)
        if not len(rows):
            return found
        few = Batch(batch.maps[rows], batch.redshift[rows], None, batch.target[rows])
        return found.index_put(
            (rows,), self.physics(self.densities(denoised[rows], few), few.target, sigma[rows])
        )

    def _noise(self, x0: Tensor) -> tuple[Tensor, Tensor]:
        if self.training:
            return self.noise_law.draw(len(x0), x0.device), torch.randn_like(x0)
        generator = torch.Generator().manual_seed(_VALIDATION_SEED)
        z = torch.randn(x0.shape, generator=generator).to(x0.device)
        return self.noise_law.quantiles(len(x0)).to(x0.device), z

    @torch.inference_mode()
    def sample(self, batch: Batch, keys: Sequence[Sequence[Key]], sampler: Sampler | None = None) -> Tensor:
        """Draw maps from the posterior of each cluster; see ``SampleModel.sample``."""
        context = self.encoded(batch)
        rows = [key for of_cluster in keys for key in of_cluster]
        noise = KeyedNoise(rows, (self.n_targets, *batch.maps.shape[2:]), batch.maps.device)
        chosen, denoise = sampler or self.default_sampler, self.bound(context)
        try:
            drawn = draw(denoise, noise, chosen, self._start(denoise, noise, chosen))
        except SamplingError as error:
            each = max(1, len(rows) // len(keys))
            error.rows = tuple(sorted({row // each for row in error.rows}))
            raise
        return self.log10_maps(drawn.unflatten(0, (len(keys), -1)), batch)

    def _start(self, denoise: Denoise, noise: Noise, sampler: Sampler) -> Tensor | None:
        """Return where a flow begins, if not at pure noise.

        A map at the largest noise level has the mean of the clean maps. A flow that begins at mean 0 instead ends off
        by mean / sigma_max, in units of the posterior's spread, mode by mode; an SDE forgets its beginning. The
        denoiser knows the mean: it is what it makes of pure noise.
        """
        if self.is_centred or sampler.is_stochastic:
            return None
        start = sampler.sigma_max * noise()
        return start + denoise(start, sampler.sigma_max)

    def evaluations(self, sampler: Sampler) -> int:
        """Return how often one sample evaluates the network, the start of a flow of uncentred maps included."""
        return sampler.evaluations + int(not (self.is_centred or sampler.is_stochastic))

    @property
    @abstractmethod
    def is_centred(self) -> bool:
        """Whether what is diffused has mean 0 over the training set."""

    def encoded(self, batch: Batch) -> Context:
        """Return what the network needs of the views, computed once for all samples and steps."""
        with self._precision(batch.maps.device):
            return self.denoiser.encode(self.condition(batch))

    def bound(self, context: Context) -> DenoiseContext:
        """Return the denoiser of given clusters: a function of noisy maps and of the noise level."""
        return DenoiseContext(self, context)

    @abstractmethod
    def sampler(self, solver: SolverName, steps: int) -> Sampler:
        """Return another solver at this model's noise levels."""

    @property
    def data_sd(self) -> float:
        """Standard deviation of what is diffused, in the unit of its noise levels."""
        return 1.0

    @property
    @abstractmethod
    def n_targets(self) -> int:
        """Maps of a sample."""

    def _precision(self, device: torch.device) -> torch.autocast:
        return torch.autocast(device.type, torch.bfloat16, enabled=self.bf16)


class DenoiseContext:
    """D(x; sigma) of given clusters, for a solver; called `DiffusionModel.evaluations` times."""

    def __init__(self, model: DiffusionModel, context: Context) -> None:
        self.model, self.context = model, context

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """Return the denoised maps of (row, channel, y, x) noisy ones."""
        levels = torch.full((len(x),), float(sigma), device=x.device)
        with self.model._precision(x.device):
            return self.model.denoiser(x, levels, self.context)
