"""Linear-Gaussian maps of which everything is known: a signal of a known spectrum, seen through gains and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from zwicky.inference.mapping.linear_map import rings

LEVEL = 1000.0
"""Far enough above zero that no map is negative."""


@dataclass(frozen=True)
class LinearToy:
    """Views v = B_v(k) s + n_v, with B a beam times a gain and n_v of power N_v(k); s has power P(k)."""

    n_pixels: int = 16
    gains: tuple[float, ...] = (2.0, 0.5)
    beams: tuple[float, ...] = (0.0, 0.02)
    noises: tuple[float, ...] = (3.0, 0.05)

    @property
    def k(self):
        return np.arange(rings(self.n_pixels).max() + 1)

    @property
    def signal_power(self):
        return 100.0 / (1.0 + (self.k / 3.0) ** 2)

    @property
    def gain(self):
        """B_v(k), (view, ring)."""
        return np.array([g * np.exp(-b * self.k**2) for g, b in zip(self.gains, self.beams, strict=True)])

    @property
    def noise_power(self):
        """N_v(k), (view, ring)."""
        return np.array(self.noises)[:, None] * np.ones(len(self.k))

    def wiener(self, rows):
        """Return T(k) (ring, view) and the power of what it leaves (ring,): (1/P + B' N^-1 B)^-1 in closed form."""
        gain, noise = self.gain[rows], self.noise_power[rows]
        left = 1.0 / (1.0 / self.signal_power + (gain**2 / noise).sum(axis=0))
        return (left * gain / noise).T, left

    def draw(self, rng, n):
        """Return views (n, view, y, x) and targets (n, y, x)."""
        ring = rings(self.n_pixels)

        def field(power):
            return rng.standard_normal((n, *ring.shape)) * np.sqrt(power)[ring]

        signal = field(self.signal_power)
        waves = [b[ring] * signal + field(p) for b, p in zip(self.gain, self.noise_power, strict=True)]
        views = np.stack([pixels(wave) for wave in waves], axis=1)
        return views + self.view_mean, pixels(signal) + self.target_mean

    @property
    def target_mean(self):
        """A mean that is not flat, which no filter that forgets it survives."""
        y, x = np.mgrid[: self.n_pixels, : self.n_pixels]
        return LEVEL + 300.0 * np.exp(-0.1 * ((y - 7.5) ** 2 + (x - 7.5) ** 2)) + 5.0 * x

    @property
    def view_mean(self):
        return np.array([0.3, 2.0])[:, None, None] * self.target_mean + 500.0


def pixels(waves):
    return fft.idctn(waves, axes=(-2, -1), norm="ortho")
