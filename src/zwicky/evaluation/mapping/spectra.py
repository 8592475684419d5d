"""On which scales is the mass right? Power, transfer and correlation of maps, ring by ring in Fourier space.

With the discrete transform F of a map of N x N pixels, P(k) = <|F|^2> / N^2 is power per unit area [map unit squared
times pixel area]: the variance of a pixel is the mean of P over all modes. The cross-spectrum is <Re F_t F_p*> / N^2.
The average <> is over the modes of a ring of |k|.

A map is not periodic: from each edge it jumps to the opposite one, and that jump has power at every k. In the truth it
is hidden; in a smooth prediction it is all that is left: painted clusters of 80 x 80 pixels, smoothed by 1.5 pixels,
seem to keep 12 to 19 % of their amplitude at high k, and r(k) falls to 0.2 where it is above 0.95. So maps are tapered
towards their edges, truth and prediction alike: the amplitude that is left then goes down to 0.1 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from zwicky.core.errors import ConfigError
from zwicky.evaluation.mapping.apertures import check_pair, quotient

TAPER: Final = 0.5
"""Part of each side that is tapered, half of it at either end: the inner quarter of the area keeps its weight."""
CHUNK: Final = 256
"""Maps at a time: 13 MB of modes for 80 x 80 pixels. Smaller chunks are no faster on a free machine, and far slower
where several threads must meet after every step on cores that others use."""


@dataclass(frozen=True, eq=False)
class Spectra:
    """Azimuthally averaged spectra of n true maps and their predictions.

    Parameters
    ----------
    k_per_pixel : (k,) array [rad per pixel side]
        Mean |k| of the modes of each ring; the wavelength is 2 pi / k pixels.
    modes : (k,) int array
        How many modes a ring has, in the whole Fourier plane.
    truth, predicted, cross : (n, k) float64 arrays [map unit squared times pixel area]
        Of each map.
    """

    k_per_pixel: np.ndarray
    modes: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    cross: np.ndarray

    @property
    def wavelength_pixels(self) -> np.ndarray:
        """L = 2 pi / k, (k,) [pixels]."""
        return 2.0 * math.pi / self.k_per_pixel

    def ratio(self) -> np.ndarray:
        """Return (P_predicted - P_true) / P_true of each map, (n, k)."""
        return quotient(self.predicted - self.truth, self.truth)

    def b(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Return the bias b(k) = sqrt(sum P_predicted / sum P_true), sums over maps.

        Parameters
        ----------
        rows : (..., m) int array or (n,) mask, optional
            Which maps, repeated ones counted repeatedly: the rows of a bootstrap come as (resample, m).
            Default: all.

        Returns
        -------
        (..., k) array
        """
        return np.sqrt(quotient(_total(self.predicted, rows), _total(self.truth, rows)))

    def r(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Return the cross-correlation r(k) = sum P_x / sqrt(sum P_true sum P_predicted), (..., k); rows as of b."""
        power = np.sqrt(_total(self.truth, rows) * _total(self.predicted, rows))
        return quotient(_total(self.cross, rows), power)

    def r_of_each(self) -> np.ndarray:
        """Return the cross-correlation of each map with its prediction, (n, k)."""
        return quotient(self.cross, np.sqrt(self.truth * self.predicted))


def power_spectra(
    truth: np.ndarray, predicted: np.ndarray, n_bins: int | None = None, taper: float = TAPER
) -> Spectra:
    """Return the spectra of maps and of their predictions.

    Parameters
    ----------
    truth, predicted : (n, y, x) arrays
        Square, in one unit.
    n_bins : int, optional
        Default: a quarter of the pixels of a side. The rings have equal widths in |k|, from half of the fundamental
        mode to the Nyquist frequency pi per pixel; the corners of the Fourier plane, where no ring is whole, are
        left out.
    taper : float [1]
        Part of each side on which a cosine falls towards the edges: 0 for periodic maps, or to see what other
        authors see; 1 for a Hann window. The mean square of the weights is 1, so that white noise keeps its P.

    Raises
    ------
    MapError
        If the maps have different shapes.
    ConfigError
        If a ring would be thinner than the distance of two modes, or the taper is no part of a side.
    """
    check_pair(truth, predicted, "power_spectra")
    n_pixels = truth.shape[-1]
    rings, k_per_pixel, modes = _rings(n_pixels, n_pixels // 4 if n_bins is None else n_bins)
    weights = _weights(n_pixels, taper)
    parts = [
        _spectra(_modes(truth[i : i + CHUNK], weights), _modes(predicted[i : i + CHUNK], weights), rings)
        for i in range(0, len(truth), CHUNK)
    ]
    of_truth, of_predicted, cross = torch.cat(parts, dim=1).numpy()
    return Spectra(k_per_pixel, modes, of_truth, of_predicted, cross)


def _spectra(t: Tensor, p: Tensor, rings: Tensor) -> Tensor:
    """Return the spectra of the modes of true and predicted maps, (truth | predicted | cross, n, k)."""
    products = (
        t.real.square() + t.imag.square(),
        p.real.square() + p.imag.square(),
        t.real * p.real + t.imag * p.imag,
    )
    return torch.stack([product @ rings for product in products])


def _modes(maps: np.ndarray, weights: Tensor) -> Tensor:
    """Return half of the Fourier plane of each map, flat: (n, mode) complex."""
    # In double precision: a cluster's spectrum falls by 1e6 and more, a network's answer by far more than that.
    values = torch.from_numpy(maps.astype(np.float64))
    means = (values * weights).mean(dim=(1, 2), keepdim=True) / weights.mean()  # nothing is left at k = 0
    return torch.fft.rfft2((values - means) * weights).flatten(1)


def _weights(n_pixels: int, taper: float) -> Tensor:
    """Return the weight of each pixel (y, x), mean square 1 (Harris 1978, Tukey window, along either axis)."""
    if not 0.0 <= taper <= 1.0:
        raise ConfigError(
            "A taper takes a part of each side.", where="taper", expected="0 <= taper <= 1", got=taper
        )
    place = (np.arange(n_pixels) + 0.5) / n_pixels
    from_edge = np.minimum(place, 1.0 - place)
    rise = np.minimum(2.0 * from_edge / taper, 1.0) if taper else np.ones(n_pixels)
    line = np.sin(0.5 * math.pi * rise) ** 2
    line /= np.sqrt(np.mean(line**2))
    return torch.from_numpy(np.outer(line, line))


def _rings(n_pixels: int, n_bins: int) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Return the matrix that averages |F|^2 over rings (mode, k), and |k| (k,) and number (k,) of their modes."""
    if not 1 <= n_bins < n_pixels // 2:
        raise ConfigError(
            "Rings in Fourier space hold at least one mode each.",
            where="n_bins",
            expected=f"1 <= n_bins < {n_pixels // 2}, for {n_pixels} x {n_pixels} pixels",
            got=n_bins,
        )
    ky, kx = np.fft.fftfreq(n_pixels, 1.0 / n_pixels), np.fft.rfftfreq(n_pixels, 1.0 / n_pixels)
    k = np.hypot(ky[:, None], kx[None, :]).ravel()
    ring = np.searchsorted(np.linspace(0.5, n_pixels / 2.0, n_bins + 1), k, side="right") - 1
    # The half plane of a real map stands for the whole, but kx = 0 holds its own mirror images. So does the Nyquist
    # frequency, which lies in no ring.
    copies = np.broadcast_to(np.where(kx == 0.0, 1.0, 2.0), (n_pixels, len(kx))).ravel()
    member = (ring[:, None] == np.arange(n_bins)) * copies[:, None]
    modes = member.sum(axis=0)
    k_per_pixel = (2.0 * math.pi / n_pixels) * (k @ member) / modes
    return torch.from_numpy(member / (modes * n_pixels**2)), k_per_pixel, modes.astype(int)


def _total(spectra: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
    chosen = spectra if rows is None else spectra[rows]
    return np.asarray(chosen.sum(axis=-2))
