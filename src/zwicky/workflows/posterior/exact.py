"""Both diffusion models, trained where the posterior is known in closed form (gate C1).

The toy is that of ``evaluation.posterior.exact_reference`` with mirrors instead of periodic edges: diagonal in the
cosine modes of the square, as the fields of the sky that end nowhere, and as what convolutions with edges can learn.
A network that fills with zeros cannot see the other side of a periodic map.

Each model is judged twice: as it was trained, and with the exact denoiser in the place of its network. The second
tells the error of the sampler, the difference that of the learning.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from zwicky.core.config import Config
from zwicky.core.errors import SamplingError
from zwicky.core.randomness import Key, Stream
from zwicky.data.dataset import MapData
from zwicky.evaluation.posterior.exact_reference import ExactReference, LinearGaussianToy
from zwicky.inference.posterior.drawing import Networks, sample_keys
from zwicky.models.base import Batch
from zwicky.models.diffusion.denoiser import KeyedNoise
from zwicky.models.diffusion.model import DiffusionModel
from zwicky.models.diffusion.solvers import Denoise, draw
from zwicky.models.diffusion.whitening import cosine_matrix
from zwicky.models.map_moments import MapMoments
from zwicky.models.residual_maps import ResidualMaps, with_moments
from zwicky.models.score_maps import ScoreMaps
from zwicky.training.loop import TrainingSettings, train

Say = Callable[[str], None]

ROWS = 256
"""Samples that are drawn together."""

_SHARE = 16
"""One validation field for so many training fields."""


class MirrorToy(LinearGaussianToy):
    """A Gaussian random field that is mirrored at its edges, observed through a beam and noise.

    All that is said of Fourier modes in the parent holds for the modes of the orthonormal cosine transform (DCT-II);
    the mode (i, j) has i and j half waves per side.
    """

    @property
    def wavenumber(self) -> Tensor:
        """|k| of each mode, (y, x) [cycles per side]."""
        k = 0.5 * torch.arange(self.n_pixels, dtype=torch.float64)
        return torch.hypot(k[:, None], k[None])

    def draw(self, n: int, key: Key) -> tuple[Tensor, Tensor]:
        """Return n fields and their observations, each (n, 1, y, x) float64."""
        white = torch.from_numpy(key.normal(2, n, 1, self.n_pixels, self.n_pixels))
        truth = mirror_filtered(white[0], self.power.sqrt())
        return truth, mirror_filtered(truth, self.beam) + self.noise_sd * white[1]

    def posterior_mean(self, observed: Tensor) -> Tensor:
        """Return E[x | y], the Wiener filter, of the shape of y (..., y, x)."""
        return mirror_filtered(observed, self.posterior_variance * self.beam / self.noise_sd**2)

    def exact_samples(self, observed: Tensor, n_samples: int, key: Key) -> Tensor:
        """Return samples of the posterior itself, (n, sample, 1, y, x): what a perfect sampler gives."""
        white = torch.from_numpy(key.normal(len(observed), n_samples, *observed.shape[1:]))
        spread = mirror_filtered(white, self.posterior_variance.sqrt())
        return self.posterior_mean(observed)[:, None] + spread

    def denoiser(self, observed: Tensor) -> Denoise:
        """Return D(x; sigma) = E[x_0 | x_sigma, y]; rows of x may be any multiple of those of y, cluster-major."""
        return gaussian_denoiser(self.posterior_mean(observed), self.posterior_variance)


def mirror_modes(x: Tensor) -> Tensor:
    """Return the cosine modes of maps, (..., y, x) both."""
    cosines = cosine_matrix(x.shape[-1]).to(x)
    return cosines @ x @ cosines.T


def mirror_filtered(x: Tensor, transfer: Tensor) -> Tensor:
    """Return maps (..., y, x) with each cosine mode multiplied by its transfer (y, x)."""
    cosines = cosine_matrix(x.shape[-1]).to(x)
    return cosines.T @ (mirror_modes(x) * transfer.to(x)) @ cosines


def gaussian_denoiser(mean: Tensor, variance: Tensor) -> Denoise:
    """Return the denoiser of Gaussian fields: their mean (n, ...) and the variance (y, x) of their cosine modes."""

    def denoise(x: Tensor, sigma: float) -> Tensor:
        centre = mean.repeat_interleave(len(x) // len(mean), dim=0).to(x)
        return centre + mirror_filtered(x - centre, variance / (variance + sigma**2))

    return denoise


class ExactSettings(Config):
    """How the models are trained on the toy, and judged.

    Attributes
    ----------
    fields : int
        Training fields; a sixteenth as many again validate.
    moments_images, residual_images, score_images : int
        Fields that each network sees, repeats counted.
    moments_width, moments_depth, residual_width, residual_depth, score_width : int
        Of the networks.
    batch, learning_rate
        Fields per step, and the highest rate of Adam.
    observations, samples : int
        Observations, and samples of each, that the fast model is judged on; the exact denoisers, too.
    score_observations, score_samples : int
        The same for the published model, whose samples cost fifty times as much.
    score_steps : int
        Of Euler-Maruyama.
    score_sigma_min : float [1]
        Smallest noise level of the published model. Its last step removes noise of this size, and that part of the
        posterior which cannot be told from it: it must be well below the spread of the smallest modes.
    seed : int
    """

    fields: int = Field(default=131072, ge=64)
    moments_images: int = Field(default=262144, gt=0)
    residual_images: int = Field(default=393216, gt=0)
    score_images: int = Field(default=262144, gt=0)
    moments_width: int = 8
    moments_depth: int = 3
    residual_width: int = 16
    residual_depth: int = 2
    score_width: int = 16
    batch: int = Field(default=128, gt=0)
    learning_rate: float = 4e-3
    observations: int = Field(default=128, gt=0)
    samples: int = Field(default=96, ge=2)
    score_observations: int = Field(default=24, gt=0)
    score_samples: int = Field(default=24, ge=2)
    score_steps: int = Field(default=1000, gt=0)
    score_sigma_min: float = Field(default=3e-3, gt=0.0)
    seed: int = 1


class ExactGate:
    """The toy, its training set and the observations that samples are drawn of.

    Parameters
    ----------
    settings : ExactSettings
    folder : Path
        For the checkpoints; a training that was killed goes on.
    say : function
        Told what happens.
    toy : MirrorToy, optional
    """

    def __init__(self, settings: ExactSettings, folder: Path, say: Say, toy: MirrorToy | None = None) -> None:
        self.settings, self.folder, self.say, self.toy = settings, folder, say, toy or MirrorToy()
        self.training = self._fields(settings.fields, 0)
        self.validation = self._fields(max(1, settings.fields // _SHARE), 1)

    def _fields(self, n: int, number: int) -> MapData:
        truth, observed = self.toy.draw(n, Key(self.settings.seed, Stream.RANDOM_POINTS, number))
        maps, target = (
            torch.pow(10.0, one).float() for one in (observed, truth)
        )  # networks take positive maps
        parent = np.array([f"field-{number}-{i}" for i in range(n)])
        return MapData(maps, torch.zeros(n), torch.zeros(n), parent, target)

    def observed(self, n: int) -> Tensor:
        """Return observations that no network has seen, (n, 1, y, x)."""
        return self.toy.draw(n, Key(self.settings.seed, Stream.RANDOM_POINTS, 2))[1]

    def trained(self, model: dict[str, Any], images: int, sets: tuple[MapData, MapData]) -> Any:
        """Return a network that was taught the toy."""
        training, validation = sets
        epochs = max(1, math.ceil(images / len(training)))
        schedule = TrainingSettings(
            epochs=epochs,
            patience=epochs,
            batch_size=self.settings.batch,
            learning_rate=self.settings.learning_rate,
        )
        kind = model["kind"]
        settings = {**model, "n_views": 1, "n_targets": 1, "n_pixels": self.toy.n_pixels}
        found = train(
            settings, training, validation, schedule, self.folder / kind, self.settings.seed,
            lambda entry: self.say(f"{kind}: epoch {entry['epoch']:.0f}, loss {entry['validation']:.5f}"),
        )  # fmt: skip
        return found.model.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def residual_maps(self) -> dict[str, Any]:
        """Train mean, standard deviation and the diffusion of what they leave, and judge them."""
        s = self.settings
        moments = self.trained(
            {"kind": "map_moments", "width": s.moments_width, "depth": s.moments_depth},
            s.moments_images,
            (self.training, self.validation),
        )
        network = self.trained(
            {
                "kind": "residual_maps",
                "half": False,
                "network": {"width": s.residual_width, "depth": s.residual_depth},
            },
            s.residual_images,
            (standardised(self.training, moments), standardised(self.validation, moments)),
        )
        observed = self.observed(s.observations)
        found = self._judged(network, moments, observed, s.samples)
        with torch.inference_mode():
            mean, _ = moments.moments(_views(observed))
        miss = (mean - self.toy.posterior_mean(observed)).square().mean().sqrt() / self.toy.posterior_sd
        return {**found, "mean_error_of_moments_in_sd": float(miss)}

    def score_maps(self) -> dict[str, Any]:
        """Train the published model, and judge it."""
        s = self.settings
        network = self.trained(
            {
                "kind": "score_maps",
                "sigma_min": s.score_sigma_min,
                "steps": s.score_steps,
                "network": {
                    "width": s.score_width,
                    "multipliers": (1, 1),
                    "blocks": 1,
                    "attention": False,
                    "fourier_scale": 1.0,
                },
            },
            s.score_images,
            (self.training, self.validation),
        )
        return self._judged(network, None, self.observed(s.score_observations), s.score_samples)

    @torch.inference_mode()
    def _judged(
        self, network: DiffusionModel, moments: MapMoments | None, observed: Tensor, n_samples: int
    ) -> dict[str, Any]:
        """Draw samples with the network and with the exact denoiser, and compare both with the closed form."""
        views = torch.pow(10.0, observed).float().numpy()
        redshift = np.zeros(len(views))
        networks = Networks(network, moments)
        sampler = network.default_sampler
        self.say(f"{len(views)} x {n_samples} samples in {sampler.evaluations} evaluations")
        keys = sample_keys(self.settings.seed, range(len(views)), range(n_samples))
        together = max(1, ROWS // n_samples)
        # Not ``draw_log10``: an untaught network may say what no surface density can be, and is judged all the same.
        parts = [
            network.sample(
                networks.batch(views[i : i + together], redshift[i : i + together]), keys[i : i + together]
            )
            for i in range(0, len(views), together)
        ]
        drawn = torch.cat(parts)
        many = self.observed(self.settings.observations)
        exact = self._exactly_denoised(network, many, self.settings.samples)
        return {
            "trained": as_facts(compare_mirrored(self.toy, drawn, observed)),
            "exact_denoiser": as_facts(compare_mirrored(self.toy, exact, many)),
            "solver": sampler.solver,
            "evaluations": sampler.evaluations,
            "n_parameters": network.n_parameters + (0 if moments is None else moments.n_parameters),
            "fields": self.settings.fields,
        }

    def _exactly_denoised(self, network: DiffusionModel, observed: Tensor, n_samples: int) -> Tensor:
        """Return samples by the network's own sampler and exact denoisers, (n, sample, 1, y, x)."""
        mean, variance = self.toy.posterior_mean(observed), self.toy.posterior_variance
        if isinstance(
            network, ResidualMaps
        ):  # the exact mean and sd, and the whitening that the network learned
            sd = torch.full_like(mean, self.toy.posterior_sd)
            batch = Batch(with_moments(_views(observed).maps, mean, sd), torch.zeros(len(mean)))
            whiten = network.whitening.whiten[network.whitening.rings][..., 0, 0].double()
            clean = gaussian_denoiser(
                torch.zeros_like(mean), variance * (whiten / self.toy.posterior_sd) ** 2
            )
        else:
            assert isinstance(network, ScoreMaps)
            batch = _views(observed)
            low, high = (float(one[-1]) for one in (network.low, network.high))
            clean = gaussian_denoiser((mean - low) / (high - low), variance / (high - low) ** 2)
        keys = sample_keys(self.settings.seed, list(range(len(mean))), range(n_samples))
        noise = KeyedNoise([key for row in keys for key in row], (1, *mean.shape[2:]), torch.device("cpu"))
        drawn = draw(clean, noise, network.default_sampler)
        return network.log10_maps(drawn.unflatten(0, (len(mean), -1)), batch)


def exact_gate(
    settings: ExactSettings, folder: Path, say: Say, toy: MirrorToy | None = None
) -> dict[str, Any]:
    """Train both models on the toy and judge them against its posterior (gate C1).

    Parameters
    ----------
    settings : ExactSettings
    folder : Path
        For checkpoints: a finished training is not done again.
    say : function
        Told what happens.
    toy : MirrorToy, optional
        By default 16 x 16 pixels.

    Returns
    -------
    dict
        JSON-able: ``settings``, ``posterior_sd``, and for "residual_maps" and "score_maps" what ``as_facts`` says of
        samples "trained" and by the "exact_denoiser".
    """
    gate = ExactGate(settings, folder, say, toy)
    return {
        "settings": settings.model_dump(mode="json"),
        "posterior_sd": gate.toy.posterior_sd,
        "residual_maps": gate.residual_maps(),
        "score_maps": gate.score_maps(),
    }


def as_facts(found: ExactReference) -> dict[str, Any]:
    """Return what a comparison found as JSON has it."""
    return {
        "mean_error_in_sd": found.mean_error_in_sd,
        "mean_error_noise": found.mean_error_noise,
        "mean_error_per_bin": found.mean_error_per_bin.tolist(),
        "sd_ratio": found.sd_ratio.tolist(),
        "sd_ratio_error": found.sd_ratio_error.tolist(),
        "wavenumber": found.wavenumber.tolist(),
        "n_observations": found.n_observations,
        "n_samples": found.n_samples,
        "passes": found.passes,
        "is_decisive": found.is_decisive,
    }


@torch.inference_mode()
def standardised(data: MapData, moments: MapMoments) -> MapData:
    """Return fields with mean and standard deviation beside the views."""
    parts = [
        with_moments(batch.maps, *moments.moments(batch)) for batch in data.batches(moments.validation_batch)
    ]
    return replace(data, maps=torch.cat(parts))


def _views(observed: Tensor) -> Batch:
    return Batch(torch.pow(10.0, observed).float(), torch.zeros(len(observed)))


def compare_mirrored(toy: MirrorToy, samples: Tensor, observed: Tensor) -> ExactReference:
    """Judge samples of the posterior of each observation; ``exact_reference.compare`` in cosine modes.

    Parameters
    ----------
    toy : MirrorToy
    samples : (n, sample, 1, y, x) Tensor
        At least two of each observation.
    observed : (n, 1, y, x) Tensor

    Raises
    ------
    SamplingError
        When the samples are not those of these observations, or fewer than two.
    """
    n, n_samples = len(observed), samples.shape[1] if samples.ndim == 5 else 0
    if tuple(samples.shape) != (n, n_samples, *observed.shape[1:]) or n_samples < 2:
        raise SamplingError(
            "These samples cannot be compared with the exact posterior.",
            expected=f"{n} observations, two samples or more, maps of {toy.n_pixels} x {toy.n_pixels}",
            got=tuple(samples.shape),
        )
    modes = mirror_modes(samples.double())
    variance = modes.var(dim=1).mean(dim=(0, 1))
    missed = modes.mean(dim=1) - mirror_modes(toy.posterior_mean(observed.double()))
    excess = (
        missed.square().mean(dim=(0, 1)) - variance / n_samples
    )  # a perfect mean of S still misses by var / S
    v = toy.posterior_variance
    in_bins = toy.binned(v)
    spread = (toy.binned(v**2) / toy.modes_per_bin).sqrt() / in_bins
    square_error = float((v**2).sum().sqrt() / v.sum()) * math.sqrt(2.0 / n) / n_samples
    return ExactReference(
        mean_error_in_sd=float((excess.mean() / v.mean()).clamp(min=0.0).sqrt()),
        mean_error_noise=math.sqrt(square_error),
        mean_error_per_bin=(toy.binned(excess) / in_bins).clamp(min=0.0).sqrt(),
        sd_ratio=(toy.binned(variance) / in_bins).sqrt(),
        sd_ratio_error=spread / math.sqrt(2.0 * n * (n_samples - 1)),
        wavenumber=toy.binned(toy.wavenumber),
        n_observations=n,
        n_samples=n_samples,
    )
