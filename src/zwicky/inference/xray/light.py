"""Numbers of the warning light for photon images: is this what the networks were taught on?

Everything is compared with held-out mocks (``domain.Domain``), in bins of signal-to-noise. A number that an image
cannot have, such as the colour of a band that was not observed, is masked: it is no reason to warn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import xlogy

from zwicky.inference.conformal import LEVELS
from zwicky.inference.xray.classical import ClassicalPhotons
from zwicky.inference.xray.conversion import Conversion
from zwicky.inference.xray.images import CHUNK, PhotonImages
from zwicky.inference.xray.temperature import temperature_of_mass

SNR_EDGES: Final = (5.0, 10.0, 20.0, 40.0, 100.0)
MIN_IMAGES: Final = 300
"""In a bin: an extreme of fewer is passed too often by an ordinary cluster."""
OUTSKIRTS: Final = 0.72
"""Of half the image's side: outside is where the background is checked, as for maps of y."""
_LEAST_BRIGHTNESS: Final = 1e-12  # [s^-1 arcmin^-2], stands for no background at all

SLACK: Final[dict[str, float]] = {
    "exposure": 0.2,  # dex: the survey's own exposure is the longest of its mocks, and rare among its faint ones
    "background": 0.15,  # dex: skies and solar particles differ by that much
    "unexposed": 0.05,
    "covered": 0.05,
    "zero_level_dex": 0.02,
    "core_fraction": 0.02,
}
"""How far a range reaches beyond that of the mocks, where these hardly differ."""

WORDS: Final[dict[str, str]] = {
    "strongest_pixel": "the strongest pixel over its ring in units of the noise",
    "off_centre": "the tilt of the photons inside R500 about the centre in units of its noise",
    "zero_level": "the photons of the outskirts beyond the background in units of the noise",
    "zero_level_dex": "the photons of the outskirts over the background [dex]",
    "core_fraction": "the part of the photons inside 0.15 R500",
    "exposure": "the mean exposure inside R500 [log10 s]",
    "unexposed": "the part of R500 without exposure",
    "covered": "the part of R500 that lies on exposed rings",
    "colour": "the photons of a band over those that the others make expect [dex]",
    "background": "the background per exposure [log10 s^-1 arcmin^-2]",
    "features": "the distance of the network's features from the training cloud",
}


def words_of(bands_kev: Sequence[tuple[float, float]]) -> dict[str, str]:
    """Return what each number of ``describe`` is, in words; after a slash stands the band."""
    words = dict(WORDS)
    for name in _names(bands_kev):
        words |= {f"{number}/{name}": f"{WORDS[number]}, {name} keV" for number in ("colour", "background")}
    return words


def _names(bands_kev: Sequence[tuple[float, float]]) -> list[str]:
    return [f"{low:g}-{high:g}" for low, high in bands_kev]


def describe(
    images: PhotonImages,
    classical: ClassicalPhotons,
    conversion: Conversion,
    bands_kev: Sequence[tuple[float, float]],
) -> dict[str, np.ndarray]:
    """Return the named numbers of images, each (cluster,), masked where an image has none.

    Parameters
    ----------
    images : PhotonImages
        Of an instrument.
    classical : ClassicalPhotons
        Of the same images: their R500, and what was counted inside.
    conversion : Conversion
        Of the instrument, for the colours to expect.
    bands_kev : sequence of (float, float) [keV]
        Of the instrument.
    """
    parts = [
        _shapes(some, classical.r500_arcmin[i * CHUNK : (i + 1) * CHUNK])
        for i, some in enumerate(images.parts(CHUNK))
    ]
    numbers = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    whole, core, here = classical.whole, classical.core, images.present
    net, sigma = whole.source.sum(axis=1), np.sqrt((whole.sigma**2 * here).sum(axis=1))
    numbers["core_fraction"] = core.source.sum(axis=1) / np.maximum(net, sigma)
    numbers["exposure"] = np.log10(np.maximum(whole.seconds.max(axis=1), 1e-3))
    numbers["covered"] = np.where(here, whole.covered, np.inf).min(axis=1)
    for name, values in (
        ("colour", _colours(images, classical, conversion)),
        ("background", _backgrounds(images)),
    ):
        numbers |= {f"{name}/{band}": values[:, i] for i, band in enumerate(_names(bands_kev))}
    return numbers


def _shapes(images: PhotonImages, r500_arcmin: np.ndarray) -> dict[str, np.ndarray]:
    """Return the numbers that are read from pixels, all bands together."""
    n_y, n_x = images.counts.shape[2:]
    y, x = ((np.arange(n) - (n - 1) / 2.0) * images.pixel_arcmin for n in (n_y, n_x))
    radius = np.hypot(y[:, None], x[None, :]).ravel()
    total, flat, exposure = (
        _summed(one, len(images)) for one in (images.counts, images.background, images.exposure_s)
    )
    exposure = exposure / images.present.sum(axis=1)[:, None]
    rings = _Rings(radius, images.pixel_arcmin)
    round_model = flat + rings.mean_rate(total - flat, exposure) * exposure
    near = radius <= np.maximum(r500_arcmin, 2.0 * images.pixel_arcmin)[:, None]
    outer = (radius > OUTSKIRTS * 0.5 * min(n_y, n_x) * images.pixel_arcmin) & (exposure > 0.0)
    counted, expected = ((one * outer).sum(axis=1) for one in (total, flat))
    return {
        "strongest_pixel": _strongest(total, flat, exposure, rings),
        "off_centre": _tilt(total, round_model, near, np.repeat(y, n_x), np.tile(x, n_y)),
        "zero_level": (counted - expected) / np.sqrt(np.maximum(expected, 1.0)),
        "zero_level_dex": np.log10((counted + 1.0) / (expected + 1.0)),
        "unexposed": (near & (exposure <= 0.0)).sum(axis=1) / near.sum(axis=1),
    }


def _summed(images: np.ndarray, n: int) -> np.ndarray:
    """Return the sum of all bands, (cluster, pixel)."""
    flat = images.sum(axis=1, dtype=float).reshape(len(images), -1)
    return np.broadcast_to(flat, (n, flat.shape[1]))


class _Rings:
    """Sums over rings a pixel wide around the middle, up to the corners."""

    def __init__(self, radius_arcmin: np.ndarray, pixel_arcmin: float) -> None:
        ring = np.floor(radius_arcmin / pixel_arcmin).astype(int)
        self.of_pixel = np.unique(ring, return_inverse=True)[1]
        self._order = np.argsort(self.of_pixel, kind="stable")
        self._first = np.searchsorted(self.of_pixel[self._order], np.arange(self.of_pixel.max() + 1))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of each pixel's ring, (cluster, pixel)."""
        return np.asarray(np.add.reduceat(values[:, self._order], self._first, axis=1)[:, self.of_pixel])

    def mean_rate(self, source: np.ndarray, exposure: np.ndarray) -> np.ndarray:
        """Return source counts per exposure of each pixel's ring, (cluster, pixel)."""
        return np.asarray(np.maximum(self.sums(source), 0.0) / np.maximum(self.sums(exposure), 1e-30))


def _strongest(total: np.ndarray, flat: np.ndarray, exposure: np.ndarray, rings: _Rings) -> np.ndarray:
    """Return the largest significance of a pixel over the others of its ring, (cluster,) in Poisson sigma.

    With c photons where mu are expected it is sqrt(2 (c ln(c/mu) - c + mu)), as of a likelihood ratio.
    """
    seconds = rings.sums(exposure) - exposure
    # Half a photon in the others of the ring at least: that none was counted is not certain knowledge.
    others = np.maximum(rings.sums(total) - total - (rings.sums(flat) - flat), 0.5)
    model = flat + others / np.maximum(seconds, 1e-30) * exposure
    seen = (exposure > 0.0) & (seconds > 0.0)
    model = np.where(seen, np.maximum(model, 1e-6), 1.0)
    excess = np.where(seen & (total > model), 2.0 * (xlogy(total, total / model) - total + model), 0.0)
    return np.asarray(np.sqrt(excess.max(axis=1)))


def _tilt(total: np.ndarray, model: np.ndarray, near: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the dipole of photons beyond a round model, inside a radius, over its Poisson noise, (cluster,)."""
    dipoles = [((total - model) * near) @ axis for axis in (y, x)]
    noise = np.sqrt(0.5 * (np.maximum(model, 0.0) * near) @ (y**2 + x**2))
    return np.hypot(*dipoles) / np.maximum(noise, 1e-6)


def _colours(images: PhotonImages, classical: ClassicalPhotons, conversion: Conversion) -> np.ndarray:
    """Return log10 of net photons of each band over those expected from the others, (cluster, band) [dex].

    What is expected is that of gas with the temperature of the classical mass. Both have their noise added, so that
    bands with little signal say nothing.
    """
    whole, here = classical.whole, images.present
    middle = classical.log10_quantiles[:, LEVELS.index(0.5)]
    kt = temperature_of_mass(middle, images.redshift, conversion.cosmology)
    share = conversion.counts_per_measure(kt, images.redshift) * whole.seconds * here
    net, variance = whole.source * here, whole.sigma**2 * here
    rest, rest_share = (one.sum(axis=1, keepdims=True) - one for one in (net, share))
    ratio = np.divide(share, rest_share, out=np.zeros_like(share), where=rest_share > 0.0)
    # One photon at least, also where the band is absent and the number is masked.
    noise = np.sqrt(np.maximum(variance + ratio**2 * (variance.sum(axis=1, keepdims=True) - variance), 1.0))
    colour = np.log10((np.maximum(net, 0.0) + noise) / (np.maximum(ratio * rest, 0.0) + noise))
    return np.ma.masked_array(colour, ~here | (here.sum(axis=1) < 2)[:, None])


def _backgrounds(images: PhotonImages) -> np.ndarray:
    """Return log10 of background per exposure and area, (cluster, band), masked in absent bands."""
    seconds = images.exposure_s.sum(axis=(2, 3), dtype=float) * images.pixel_arcmin**2
    rate = images.background.sum(axis=(2, 3), dtype=float) / np.maximum(seconds, 1e-30)
    values = np.broadcast_to(np.log10(np.maximum(rate, _LEAST_BRIGHTNESS)), images.present.shape)
    return np.ma.masked_array(values, ~images.present)
