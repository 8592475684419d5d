"""Physics in the loss of a diffusion model: positive maps, the right total mass, the right power on each scale.

Hsu et al. 2024 wish for such terms (their outlook: constraints on the total mass, and on b(k)). They act on the
denoised map D(x; sigma) against the true one, both as densities. What each asks for, and whether D should be that:

D minimises the squared error, so that it is the conditional mean E[x0 | x]. A further term moves it to where the sum of
both is least, and that is E[x0 | x] only if the term, too, is least there.

* **Positivity**, the mean square of the negative part. True maps are positive, hence their conditional mean is, and
  there the term is zero: it biases nothing, at any noise. A model that works on logarithms cannot violate it.
* **Total mass**, (ln M_D - ln M_true)^2. Alone it is least at ln M_D = E[ln M | x]: the geometric mean of the mass.
  This is below the total of the mean map by half the variance of ln M, harmless as long as the noise leaves the total
  mass well known. A model of logarithms answers with the geometric mean of every *pixel*, whose total is lower by
  about (ln(10) s)^2 / 2, with s [dex] the scatter of a pixel given x. The term pulls against that, although there
  nothing is wrong: a bias that goes as sigma^2 until s is as large as the prior's.
* **Power**, (ln b)^2 with b(k) = sqrt(P_D / P_true). Alone it is least at ln P_D(k) = E[ln P_true(k) | x], but a
  conditional mean rightly has *less*: P_true = P_D + P_rest on average, where the rest is what x does not tell. For a
  Gaussian map of power P(k) under white noise of power sigma^2 it is the Wiener filter, b^2 = P / (P + sigma^2), and
  (ln b)^2 = ln(1 + sigma^2 / P)^2 / 4 > 0 at the right answer. At large sigma the term asks for structure that nobody
  knows, and the score is wrong.

The targets of both are wrong by about sigma^2 / P(k) and sigma^2 (in ln P and ln M), once sigma is small. So all terms
act at small noise only, with the weight 1 - (sigma / highest_sigma)^2, and zero above. Below, a loss that is weighted
by 1 / sigma^2 outweighs them more and more: what is left of the error in D goes as sigma^4.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from pydantic import Field
from torch import Tensor, nn

from zwicky.core.config import Config

TAPER: Final = 0.5
"""Part of each side that is tapered: as in ``evaluation.mapping.spectra``, which says why."""
FLOOR: Final = 1e-9
"""Power of a ring that counts as none, over the mean square of the true map. Painted clusters have 6e-5 and more at the
Nyquist frequency of 128 x 128 pixels."""
LEAST_RATIO: Final = 0.1
"""Below a tenth of the truth the logarithm goes on as its tangent: finite for totals of zero and less."""


class PhysicsTerms(Config):
    """Optional terms of the loss of a diffusion model; each is off at its default, 0.

    Attributes
    ----------
    positivity : float
        Weight of the mean squared negative part, over the square of the true map's mean.
    total_mass : float
        Weight of the squared error of the natural logarithm of the mass in the map.
    power : float
        Weight of the squared natural logarithm of b(k), averaged over rings of |k|.
    highest_sigma : float [standard deviations of the data]
        The terms act on maps with less noise than this. It must lie above the least noise of the model, or they never
        do. Where whitened maps are diffused, b is 0.96 on all scales at the default. Where they are not, small scales
        have less power than noise: in standardised logarithms of painted clusters, 64 x 64 pixels, a Wiener filter
        leaves b = 0.7, 0.3 and 0.1 of the smallest scales at 0.03, 0.1 and 0.3, and ``power`` asks for the rest of
        it. ``positivity`` alone may act at any noise: set this to a large number.
    """

    positivity: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    total_mass: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    power: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    highest_sigma: float = Field(default=0.3, gt=0.0, allow_inf_nan=False)

    @property
    def active(self) -> bool:
        """Whether any term has a weight."""
        return max(self.positivity, self.total_mass, self.power) > 0.0


class PhysicsPenalty(nn.Module):
    """What a denoised map pays for breaking the physics.

    It has no trained numbers, and adds none to the saved weights.

    Parameters
    ----------
    terms : PhysicsTerms
    n_pixels : int
        Per side of the maps.
    """

    def __init__(self, terms: PhysicsTerms, n_pixels: int) -> None:
        super().__init__()
        self.terms = terms
        self.taper: Tensor
        self.rings: Tensor
        self.register_buffer("taper", taper_weights(n_pixels), persistent=False)
        self.register_buffer("rings", ring_matrix(n_pixels), persistent=False)

    def forward(self, denoised_density: Tensor, true_density: Tensor, sigma: Tensor) -> Tensor:
        """Return the penalty of each row, (batch,) [1]: zero at the truth, and where there is too much noise.

        Parameters
        ----------
        denoised_density, true_density : (batch, target, y, x) Tensors [Msun/Mpc2, or any other unit of both]
            The denoised maps may be negative; the true ones are not, and no true map is empty.
        sigma : (batch,) Tensor [standard deviations of the data]
            Noise of the maps that were denoised.
        """
        terms = self.terms
        # bfloat16 has neither the digits nor a Fourier transform.
        with torch.autocast(denoised_density.device.type, enabled=False):
            denoised, true = in_mean_densities(denoised_density, true_density)
            total = denoised.new_zeros(len(denoised))
            if terms.positivity:
                total = total + terms.positivity * negative_part(denoised)
            if terms.total_mass:
                total = total + terms.total_mass * mass_error(denoised)
            if terms.power:
                total = total + terms.power * power_error(denoised, true, self.taper, self.rings)
            # Not a product: where the noise is high a penalty may be infinite, and 0 x inf is no number.
            weight = 1.0 - (sigma.to(total.dtype) / terms.highest_sigma).square()
            return torch.where(weight > 0.0, weight, 0.0) * torch.where(weight > 0.0, total, 0.0)


def in_mean_densities(denoised: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Return both maps over the mean of the true one [1], in single precision at least.

    The square of a density in Msun/Mpc2, summed over a map, is near the largest number of single precision.
    """
    dtype = torch.promote_types(denoised.dtype, torch.float32)
    mean = true.to(dtype).mean(dim=(-2, -1), keepdim=True)
    return denoised.to(dtype) / mean, true.to(dtype) / mean


def negative_part(denoised: Tensor) -> Tensor:
    """Return the mean square of the negative pixels, (batch,), of maps (batch, target, y, x) in mean true densities."""
    return (-denoised).clamp(min=0.0).square().mean(dim=(1, 2, 3))


def mass_error(denoised: Tensor) -> Tensor:
    """Return (ln M_denoised / M_true)^2, averaged over targets, (batch,); maps are in mean true densities."""
    return logarithm(denoised.mean(dim=(2, 3))).square().mean(dim=1)


def power_error(denoised: Tensor, true: Tensor, taper: Tensor, rings: Tensor) -> Tensor:
    """Return (ln b)^2 averaged over rings and targets, (batch,); b is the square root of the ratio of the powers.

    Parameters
    ----------
    denoised, true : (batch, target, y, x) Tensors
        In mean true densities.
    taper : (y, x) Tensor
        As of ``taper_weights``.
    rings : (mode, ring) Tensor
        As of ``ring_matrix``.
    """
    weights, matrix = taper.to(true.dtype), rings.to(true.dtype)
    floor = FLOOR * true.square().mean(dim=(2, 3))[..., None]
    found, wanted = (ring_power(maps, weights, matrix) for maps in (denoised, true))
    return (0.5 * logarithm((found + floor) / (wanted + floor))).square().mean(dim=(1, 2))


def logarithm(ratio: Tensor) -> Tensor:
    """Return ln of a ratio; below ``LEAST_RATIO`` the tangent there, so that value and slope are finite everywhere."""
    tangent = math.log(LEAST_RATIO) + (ratio - LEAST_RATIO) / LEAST_RATIO
    return torch.where(ratio > LEAST_RATIO, torch.log(ratio.clamp(min=LEAST_RATIO)), tangent)


def ring_power(maps: Tensor, taper: Tensor, rings: Tensor) -> Tensor:
    """Return P(k) = <|F|^2> / N^2 of each map, (..., ring) [map unit squared times pixel area].

    Tapered towards the edges, and without its mean, exactly as ``evaluation.mapping.spectra.power_spectra`` does.

    Parameters
    ----------
    maps : (..., y, x) Tensor
    taper : (y, x) Tensor
        As of ``taper_weights``.
    rings : (mode, ring) Tensor
        As of ``ring_matrix``.
    """
    means = (maps * taper).mean(dim=(-2, -1), keepdim=True) / taper.mean()
    modes = torch.fft.rfft2((maps - means) * taper).flatten(-2)
    return (modes.real.square() + modes.imag.square()) @ rings


def taper_weights(n_pixels: int) -> Tensor:
    """Return the weight of each pixel, (y, x) float64: a Tukey window along either axis, of mean square 1."""
    place = (torch.arange(n_pixels, dtype=torch.float64) + 0.5) / n_pixels
    rise = (2.0 * torch.minimum(place, 1.0 - place) / TAPER).clamp(max=1.0)
    line = torch.sin(0.5 * math.pi * rise).square()
    line = line / line.square().mean().sqrt()
    return line[:, None] * line[None, :]


def ring_matrix(n_pixels: int) -> Tensor:
    """Return what averages |F|^2 over rings of |k| and divides by N^2, (mode of rfft2, ring) float64.

    A quarter as many rings as pixels of a side, of equal width, from half of the fundamental mode to the Nyquist
    frequency.
    """
    n_rings = max(n_pixels // 4, 1)
    ky = torch.fft.fftfreq(n_pixels, 1.0 / n_pixels, dtype=torch.float64)
    kx = torch.fft.rfftfreq(n_pixels, 1.0 / n_pixels, dtype=torch.float64)
    k = torch.hypot(ky[:, None], kx[None, :]).flatten()
    edges = torch.linspace(0.5, n_pixels / 2.0, n_rings + 1, dtype=torch.float64)
    ring = torch.bucketize(k, edges, right=True) - 1
    # Half of the Fourier plane stands for the whole, but the column kx = 0 holds its own mirror images.
    copies = torch.where(kx == 0.0, 1.0, 2.0).double().expand(n_pixels, -1).flatten()
    member = (ring[:, None] == torch.arange(n_rings)) * copies[:, None]
    return member / (member.sum(dim=0).clamp(min=1.0) * n_pixels**2)
