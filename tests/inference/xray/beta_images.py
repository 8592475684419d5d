"""Images of beta models with Poisson noise, for the tests."""

import numpy as np

PIXEL_ARCMIN = 0.25
N_PIXELS = 64


def radius(n=N_PIXELS, pixel=PIXEL_ARCMIN, dy=0.0, dx=0.0):
    axis = (np.arange(n) - (n - 1) / 2) * pixel
    return np.hypot(axis[:, None] - dy, axis[None, :] - dx)


def beta_image(counts, core=1.0, beta=2 / 3, n=N_PIXELS, pixel=PIXEL_ARCMIN, **place):
    """Return the expected counts of a cluster with ``counts`` photons out to infinity."""
    power = 3 * beta - 0.5
    total = np.pi * core**2 / (power - 1)  # of (1 + r2 / core2)^-power over the plane
    fine = (1 + (radius(5 * n, pixel / 5, **place) / core) ** 2) ** -power
    return counts / total * (pixel / 5) ** 2 * fine.reshape(n, 5, n, 5).sum(axis=(1, 3))


def inside(counts, r, core=1.0, beta=2 / 3):
    """Return the counts of such a cluster inside a circle."""
    return counts * (1 - (1 + (r / core) ** 2) ** (1.5 - 3 * beta))


def observed(images, background=0.5, seed=1, exposure=2000.0):
    """Return counts, exposure and background, (cluster, 1, y, x)."""
    expected = np.asarray(images, float)[:, None]
    flat = np.full((1, 1, *expected.shape[2:]), float(background))
    counts = np.random.default_rng(seed).poisson(expected + flat).astype(float)
    return counts, np.full_like(flat, exposure), flat
