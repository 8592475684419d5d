"""What the network of photon images is made of: thinning of photons, rings of exact Poisson sums, and a small CNN.

All take images with expected background and exposure; a band that was not observed has no exposure anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from zwicky.models.radial_cnn import ring_weights

LEAST_SD: Final = 0.05
"""Of a logarithm: a number that hardly varies in training must not become large when it does."""

CENTRAL_PART: Final = 0.25
"""Photons of the cluster are counted within this part of the stamp's width around the middle."""

NUMBERS_PER_RING: Final = 6

MOST_MASKS: Final = 40

MASK_RADII: Final = (0.02, 0.06)
"""Of masks, in units of the stamp's width: 0.4 to 1.2 arcmin in one of 20, as around point sources of eROSITA."""

POOLING_RINGS: Final = 4


@dataclass(frozen=True)
class PhotonViews:
    """Images of counted photons, taken out of a batch.

    Parameters
    ----------
    counts, background : (batch, band, y, x) Tensor
        Photons, and how many the background is expected to give.
    exposure_s : (batch, band, y, x) Tensor [s]
        0 in masks, and all over a band that was not observed.
    """

    counts: Tensor
    background: Tensor
    exposure_s: Tensor

    @classmethod
    def of(cls, maps: Tensor) -> PhotonViews:
        """Split maps (batch, 3 band, y, x): counts of all bands, then their backgrounds, then their exposures."""
        return cls(*maps.float().chunk(3, dim=1))

    def stacked(self) -> Tensor:
        """Return the maps again, (batch, 3 band, y, x)."""
        return torch.cat([self.counts, self.background, self.exposure_s], dim=1)

    @property
    def present(self) -> Tensor:
        """Which bands were observed, (batch, band) bool."""
        return self.exposure_s.amax(dim=(2, 3)) > 0.0

    def net_counts(self) -> Tensor:
        """Return counts less background around the middle, all bands together, (batch,)."""
        n_y, n_x = self.counts.shape[2:]
        y, x = (torch.arange(n, device=self.counts.device) - (n - 1) / 2 for n in (n_y, n_x))
        inside = (torch.hypot(y[:, None], x) <= CENTRAL_PART * min(n_y, n_x)).to(self.counts.dtype)
        return ((self.counts - self.background) * inside).sum(dim=(1, 2, 3))

    def kept(self, fraction: Tensor, bands: Tensor, generator: torch.Generator | None = None) -> PhotonViews:
        """Return the images of a shorter exposure in fewer bands.

        Parameters
        ----------
        fraction : (batch,) Tensor [1]
            Of the exposure: each photon is kept with this probability.
        bands : (batch, band) bool Tensor
            The bands that are kept.
        generator : torch.Generator, optional
            Torch's own without it.
        """
        part = (fraction[:, None] * bands)[:, :, None, None]
        counts = thinned_counts(self.counts * bands[:, :, None, None], fraction, generator)
        return PhotonViews(counts, self.background * part, self.exposure_s * part)

    def seen_at(self, pixels: Tensor) -> PhotonViews:
        """Return the images with masks, where pixels (batch, y, x) bool are not true."""
        there = pixels[:, None]
        return PhotonViews(self.counts * there, self.background * there, self.exposure_s * there)


def random_masks(n: int, n_pixels: int, often: float, generator: torch.Generator | None = None) -> Tensor:
    """Draw what is left of stamps where point sources are cut out, (n, y, x) bool.

    Parameters
    ----------
    n, n_pixels : int
        Number of stamps, and pixels per side.
    often : float [1]
        How often a stamp has masks; such a one has up to 40, any number being as probable as any other.
    generator : torch.Generator, optional
        Torch's own without it.
    """
    numbers = torch.rand((n, 2 + 3 * MOST_MASKS), generator=generator)
    masks = torch.where(numbers[:, 0] < often, numbers[:, 1] * (MOST_MASKS + 1), 0.0).long()
    axis = (torch.arange(n_pixels) + 0.5) / n_pixels
    low, high = MASK_RADII
    left = torch.ones((n, n_pixels, n_pixels), dtype=torch.bool)
    for i, place in enumerate(numbers[:, 2:].split(3, dim=1)):
        y, x, size = place.split(1, dim=1)
        distance = (axis - y).square()[:, :, None] + (axis - x).square()[:, None, :]
        radius = torch.where(i < masks[:, None], low + (high - low) * size, 0.0)
        left &= distance >= radius.square()[:, :, None]
    return left


def thinned_counts(counts: Tensor, fraction: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return counts (batch, band, y, x) of which each photon is kept with a probability, (batch,)."""
    odds = fraction.to(counts.dtype)[:, None, None, None].expand_as(counts)
    return torch.binomial(counts, odds, generator=generator)


def random_fractions(
    net_counts: Tensor, least: float, most: float, generator: torch.Generator | None = None
) -> Tensor:
    """Draw fractions of exposures, (batch,), at most 1, log-uniform in the counts that are left.

    Parameters
    ----------
    net_counts : (batch,) Tensor
        Of each cluster; one with less than ``least`` is left as it is.
    least, most : float
        Between which the counts end, as far as there are as many.
    generator : torch.Generator, optional
        Torch's own without it.
    """
    net = net_counts.clamp(min=1.0)
    low, high = (torch.log((number / net).clamp(max=1.0)) for number in (least, most))
    drawn = torch.rand(net.shape, generator=generator, device=net.device)
    return torch.exp(low + drawn * (high - low))


def random_bands(present: Tensor, all_bands: float, generator: torch.Generator | None = None) -> Tensor:
    """Draw bands to keep, (batch, band) bool, among those that are there; one at least.

    Parameters
    ----------
    present : (batch, band) bool Tensor
        Which there are.
    all_bands : float [1]
        How often all are kept; else any smaller number of them is as probable as any other.
    generator : torch.Generator, optional
        Torch's own without it.
    """
    n, n_bands = present.shape
    numbers = torch.rand((n, n_bands + 2), generator=generator, device=present.device)
    there = present.sum(dim=1)
    fewer = 1 + (numbers[:, 0] * (there - 1).clamp(min=1)).long()
    wanted = torch.where(numbers[:, 1] < all_bands, there, fewer)
    order = torch.where(present, numbers[:, 2:], -1.0).argsort(dim=1, descending=True)
    return present & (order.argsort(dim=1) < wanted[:, None])


def anscombe_excess(counts: Tensor, background: Tensor) -> Tensor:
    """Return 2 sqrt(c + 3/8) - 2 sqrt(b + 3/8): what exceeds the background, with Poisson noise of about 1.

    Anscombe 1948, Biometrika 35, 246.
    """
    return 2.0 * (torch.sqrt(counts + 0.375) - torch.sqrt(background.clamp(min=0.0) + 0.375))


def softened_log(value: Tensor, sigma: Tensor) -> Tensor:
    """Return ln((v + sqrt(v^2 + sigma^2)) / 2): ln v where v is well measured, and finite where it is not."""
    # For v < 0 the sum would lose all its digits: (v + r) / 2 = sigma^2 / (2 (r - v)).
    root = torch.hypot(value, sigma)
    return torch.where(
        value > 0.0,
        torch.log((value + root) / 2.0),
        2.0 * torch.log(sigma) - torch.log(2.0 * (root - value)),
    )


class RingNumbers(nn.Module):
    """Photons in rings and discs around the middle, band by band, as standardised numbers.

    A ring is summed before anything is done to it, so that what its pixels hold together is a Poisson number. Its
    brightness is net counts over the exposure of all its pixels: masked pixels take part in neither. Nothing is known
    of rings without exposure, nor of absent bands: their numbers are 0, as of a mean cluster.

    Parameters
    ----------
    n_bands, n_pixels, n_rings : int
        Some of the rings may hold no pixel; these are left out.
    """

    def __init__(self, n_bands: int, n_pixels: int, n_rings: int) -> None:
        super().__init__()
        inside = (ring_weights(n_pixels, n_rings) > 0.0).float()
        self.rings: Tensor
        self.mean: Tensor
        self.sd: Tensor
        self.register_buffer("rings", inside[:, inside.sum(dim=0) > 0.0], persistent=False)
        shape = (n_bands, NUMBERS_PER_RING, self.rings.shape[1])
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("sd", torch.ones(shape))
        self.n_numbers: int = self.mean.numel()

    def raw(self, views: PhotonViews) -> tuple[Tensor, Tensor]:
        """Return numbers (batch, band, number, ring) and which of them are known, (batch, band, 1, ring) bool.

        Of each ring: the excess over the background in its noise, the logarithms of counts, of brightness and of
        exposure. Of the disc up to it: excess over noise, and the logarithm of its counts per second.
        """
        counts, background, exposure = (
            images.flatten(2) @ self.rings for images in (views.counts, views.background, views.exposure_s)
        )
        seen = exposure > 0.0
        seconds = torch.where(seen, exposure, 1.0)
        area = self.rings.sum(dim=0)
        # A ring whose pixels are exposed only in part is as bright as that part.
        per_count = torch.where(seen, area / seconds, 0.0)
        net = counts - background
        rate = (per_count * net).cumsum(dim=2)
        one = (seen * area).cumsum(dim=2) / (seen * seconds).cumsum(dim=2).clamp(min=1e-6)
        noise = torch.sqrt((per_count.square() * counts).cumsum(dim=2) + one.square())
        numbers = [
            torch.asinh(anscombe_excess(counts, background)),
            torch.log1p(counts),
            softened_log(net / seconds, torch.sqrt(counts + 1.0) / seconds),
            torch.log(seconds),
            torch.asinh(rate / noise.clamp(min=1e-30)),
            softened_log(rate, noise.clamp(min=1e-30)),
        ]
        return torch.stack(numbers, dim=2), seen[:, :, None]

    def fit(self, views: PhotonViews) -> None:
        """Take means and standard deviations of training clusters, each band from those that have it."""
        numbers, known = self.raw(views)
        known = known.expand_as(numbers)
        n = known.sum(dim=0).clamp(min=1)
        mean = torch.where(known, numbers, 0.0).sum(dim=0) / n
        square = torch.where(known, (numbers - mean).square(), 0.0).sum(dim=0) / n
        self.mean.copy_(mean)
        self.sd.copy_(square.sqrt().clamp(min=LEAST_SD))

    def forward(self, views: PhotonViews) -> Tensor:
        """Return standardised numbers, (batch, band x number x ring)."""
        # bfloat16 has three digits: counts would no longer be counts.
        with torch.autocast(views.counts.device.type, enabled=False):
            numbers, known = self.raw(views)
            return torch.where(known, (numbers - self.mean) / self.sd, 0.0).flatten(1)


class ImageNumbers(nn.Module):
    """A small CNN on what exceeds the background, in units of the noise; its last maps are averaged over rings.

    Parameters
    ----------
    n_bands, n_pixels : int
        Of the images.
    width : int
        Filters of the first convolution; the last has four times as many.
    """

    def __init__(self, n_bands: int, n_pixels: int, width: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(n_bands, width, kernel_size=3, padding=1), nn.SiLU(), nn.AvgPool2d(2),
            nn.Conv2d(width, 2 * width, kernel_size=3, padding=1), nn.SiLU(), nn.AvgPool2d(2),
            nn.Conv2d(2 * width, 4 * width, kernel_size=3, padding=1), nn.SiLU(),
        )  # fmt: skip
        self.rings: Tensor
        self.register_buffer("rings", ring_weights(n_pixels // 4, POOLING_RINGS), persistent=False)
        self.n_numbers: int = 4 * width * POOLING_RINGS

    def forward(self, views: PhotonViews) -> Tensor:
        """Return features of images, (batch, feature); absent bands and masked pixels enter as 0."""
        images = torch.asinh(anscombe_excess(views.counts, views.background))
        maps = self.convolutions(torch.where(views.exposure_s > 0.0, images, 0.0))
        return (maps.flatten(2) @ self.rings.to(maps.dtype)).flatten(1)
