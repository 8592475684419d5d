"""Does a sampler draw from the right posterior? Judged where the posterior is known in closed form (gate C1).

The toy: x is a periodic Gaussian random field of power P(k), and the observation y = B x + n blurs it with a Gaussian
beam and adds white noise. Everything is diagonal in Fourier space, so that each mode has the Wiener posterior

    variance v = P N / (B^2 P + N),   mean m = v B y / N,

with N the noise power, and the denoiser of a diffusion is exact, too: D(x; sigma) = m + (x - m) v / (v + sigma^2).
Any sampler of maps can be judged: one with the exact denoiser (only the solver is tested), or a trained network.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from zwicky.core.errors import ConfigError, SamplingError
from zwicky.core.randomness import Key

MEAN_GATE = 0.02
"""Largest error of the mean [posterior standard deviations]."""

SD_GATE = 0.05
"""Largest error of the standard deviation in a Fourier bin, as a ratio."""


@dataclass(frozen=True, eq=False)
class ExactReference:
    """Samples against the closed form.

    Parameters
    ----------
    mean_error_in_sd : float
        Root mean square, over pixels and observations, of the samples' mean less the exact one [posterior sd of a
        pixel]. The mean of S samples misses by sd / sqrt(S) even when the sampler is perfect; that is subtracted in
        quadrature, with the scatter that the samples themselves show, and a negative square counts as zero.
    mean_error_noise : float
        What a perfect sampler shows at one sigma, with so many samples and observations.
    mean_error_per_bin : (bin,) Tensor
        The same mode by mode [posterior sd of the bin's modes].
    sd_ratio : (bin,) Tensor
        Standard deviation of the samples over the exact one, from unbiased variances; 1 is perfect.
    sd_ratio_error : (bin,) Tensor
        Its standard error.
    wavenumber : (bin,) Tensor
        Mean wavenumber of the bin [cycles per side of the map].
    n_observations, n_samples : int
        How many observations, and samples of each.
    """

    mean_error_in_sd: float
    mean_error_noise: float
    mean_error_per_bin: Tensor
    sd_ratio: Tensor
    sd_ratio_error: Tensor
    wavenumber: Tensor
    n_observations: int
    n_samples: int

    @property
    def passes(self) -> bool:
        """Whether mean and standard deviations are inside gate C1; samples that are not numbers never are."""
        return self.mean_error_in_sd < MEAN_GATE and bool((self.sd_ratio.sub(1.0).abs() <= SD_GATE).all())

    @property
    def is_decisive(self) -> bool:
        """Whether there are enough samples: the noise of the test is below half of each gate."""
        return self.mean_error_noise < MEAN_GATE / 2 and bool((self.sd_ratio_error < SD_GATE / 2).all())


@dataclass(frozen=True)
class LinearGaussianToy:
    """A Gaussian random field, observed through a beam and noise.

    Parameters
    ----------
    n_pixels : int
        Pixels of a side.
    sd : float
        Standard deviation of a pixel of x [the unit of x].
    slope : float
        P(k) ~ (1 + (k / k_0)^2)^(-slope / 2): flat, then falling.
    knee : float
        k_0 [cycles per side].
    beam_pixels : float
        Standard deviation of the Gaussian beam [pixels]; 0 for none.
    noise_sd : float
        White noise of a pixel of y [the unit of x].
    n_bins : int
        Fourier bins, linear in |k| up to the side's Nyquist wavenumber; the corners beyond belong to the last.
    """

    n_pixels: int = 16
    sd: float = 1.0
    slope: float = 3.0
    knee: float = 2.0
    beam_pixels: float = 0.7
    noise_sd: float = 0.5
    n_bins: int = 6

    def __post_init__(self) -> None:
        numbers = (self.n_pixels, self.sd, self.knee, self.noise_sd, self.n_bins)
        if not all(0.0 < number < math.inf for number in numbers) or self.beam_pixels < 0.0:
            raise ConfigError(
                "This toy cannot be made.",
                where="n_pixels, sd, knee, noise_sd, n_bins, beam_pixels",
                expected="positive numbers; only the beam may be 0",
                got=", ".join(map(str, (*numbers, self.beam_pixels))),
            )

    @cached_property
    def wavenumber(self) -> Tensor:
        """|k| of each mode, (y, x) [cycles per side]."""
        k = torch.fft.fftfreq(self.n_pixels, 1.0 / self.n_pixels, dtype=torch.float64)
        return torch.hypot(k[:, None], k[None, :])

    @cached_property
    def power(self) -> Tensor:
        """P(k), (y, x): variance of each mode of the orthonormal transform; its mean is sd^2."""
        shape = (1.0 + (self.wavenumber / self.knee) ** 2) ** (-self.slope / 2.0)
        return self.sd**2 * shape / shape.mean()

    @cached_property
    def beam(self) -> Tensor:
        """B(k), (y, x)."""
        return torch.exp(-0.5 * (2.0 * math.pi * self.beam_pixels * self.wavenumber / self.n_pixels) ** 2)

    @cached_property
    def posterior_variance(self) -> Tensor:
        """Variance of each mode given y, (y, x); it does not depend on y."""
        return 1.0 / (1.0 / self.power + self.beam**2 / self.noise_sd**2)

    @property
    def posterior_sd(self) -> float:
        """Standard deviation of a pixel given y, the same in all pixels."""
        return math.sqrt(float(self.posterior_variance.mean()))

    @property
    def posterior_sd_per_bin(self) -> Tensor:
        """Root mean square, over the modes of a bin, of the posterior's standard deviation, (bin,)."""
        return self.binned(self.posterior_variance).sqrt()

    def draw(self, n: int, key: Key) -> tuple[Tensor, Tensor]:
        """Return n fields and their observations, each (n, 1, y, x) float64."""
        white = torch.from_numpy(key.normal(2, n, 1, self.n_pixels, self.n_pixels))
        truth = filtered(white[0], self.power.sqrt())
        return truth, filtered(truth, self.beam) + self.noise_sd * white[1]

    def posterior_mean(self, observed: Tensor) -> Tensor:
        """Return E[x | y], the Wiener filter, of the shape of y (..., y, x)."""
        return filtered(observed, self.posterior_variance * self.beam / self.noise_sd**2)

    def exact_samples(self, observed: Tensor, n_samples: int, key: Key) -> Tensor:
        """Return samples of the posterior itself, (n, sample, 1, y, x): what a perfect sampler gives."""
        white = torch.from_numpy(key.normal(len(observed), n_samples, *observed.shape[1:]))
        return self.posterior_mean(observed)[:, None] + filtered(white, self.posterior_variance.sqrt())

    def denoiser(self, observed: Tensor) -> Callable[[Tensor, float], Tensor]:
        """Return D(x; sigma) = E[x_0 | x_sigma, y]; rows of x may be any multiple of those of y, cluster-major."""
        mean = self.posterior_mean(observed)

        def denoise(x: Tensor, sigma: float) -> Tensor:
            centre = mean.repeat_interleave(len(x) // len(mean), dim=0).to(x)
            gain = self.posterior_variance / (self.posterior_variance + sigma**2)
            return centre + filtered(x - centre, gain)

        return denoise

    def binned(self, per_mode: Tensor) -> Tensor:
        """Return means over the modes of each Fourier bin, (..., y, x) to (..., bin)."""
        sums = per_mode.new_zeros(*per_mode.shape[:-2], self.n_bins)
        sums.index_add_(-1, self._bin_of_mode, per_mode.flatten(-2))
        return sums / self.modes_per_bin

    @cached_property
    def modes_per_bin(self) -> Tensor:
        """How many modes each Fourier bin has, (bin,)."""
        return torch.bincount(self._bin_of_mode, minlength=self.n_bins)

    @cached_property
    def _bin_of_mode(self) -> Tensor:
        width = self.n_pixels / 2.0 / self.n_bins
        return (self.wavenumber / width).long().clamp(max=self.n_bins - 1).flatten()


def filtered(x: Tensor, transfer: Tensor) -> Tensor:
    """Return maps (..., y, x) with each Fourier mode multiplied by its transfer (y, x), which is even in k."""
    return torch.fft.ifft2(torch.fft.fft2(x) * transfer.to(x)).real


def compare(toy: LinearGaussianToy, samples: Tensor, observed: Tensor) -> ExactReference:
    """Judge samples of the posterior of each observation.

    Parameters
    ----------
    toy : LinearGaussianToy
        What made the observations.
    samples : (n, sample, 1, y, x) Tensor
        At least two samples of each observation; some thousand in all make the test decisive on 16 x 16 pixels.
    observed : (n, 1, y, x) Tensor
        The observations.

    Raises
    ------
    SamplingError
        When the samples are not those of these observations, or fewer than two.
    """
    expected = (len(observed), *samples.shape[1:2], 1, toy.n_pixels, toy.n_pixels)
    if samples.ndim != 5 or tuple(samples.shape) != expected or expected[1] < 2:
        raise SamplingError(
            "These samples cannot be compared with the exact posterior.",
            expected=f"{len(observed)} observations, two samples or more, 1 map of {toy.n_pixels} x {toy.n_pixels}",
            got=tuple(samples.shape),
        )
    n, n_samples = expected[:2]
    modes = torch.fft.fft2(samples.double(), norm="ortho")
    exact = torch.fft.fft2(toy.posterior_mean(observed.double()), norm="ortho")
    variance = modes.var(dim=1).mean(dim=(0, 1))  # of a complex mode: both parts together, unbiased
    # A perfect mean of S samples still misses by var / S.
    excess = (modes.mean(dim=1) - exact).abs().square().mean(dim=(0, 1)) - variance / n_samples
    v = toy.posterior_variance
    in_bins = toy.binned(v)
    # Gaussian statistics of real maps: mode k and mode -k are one, so that M modes have M degrees of freedom.
    spread = (toy.binned(v**2) / toy.modes_per_bin).sqrt() / in_bins
    square_error = float((v**2).sum().sqrt() / v.sum()) * math.sqrt(2.0 / n) / n_samples
    return ExactReference(
        mean_error_in_sd=_root(excess.mean() / v.mean()).item(),
        mean_error_noise=math.sqrt(square_error),
        mean_error_per_bin=_root(toy.binned(excess) / in_bins),
        sd_ratio=(toy.binned(variance) / in_bins).sqrt(),
        sd_ratio_error=spread / math.sqrt(2.0 * n * (n_samples - 1)),
        wavenumber=toy.binned(toy.wavenumber),
        n_observations=n,
        n_samples=n_samples,
    )


def _root(square: Tensor) -> Tensor:
    """Return the root, 0 of a negative square and NaN of NaN."""
    return square.clamp(min=0.0).sqrt()
