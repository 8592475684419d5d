"""Synthetic posteriors that are right, too wide, too narrow or biased, by choice."""

import numpy as np
import pytest

from zwicky.core.quantities import MapQuantity
from zwicky.evaluation.posterior.records import PosteriorTest

SD_DEX = 0.1


def _smooth_noise(rng, *shape):
    """Gaussian fields (..., y, x) of unit variance; neighbours vary together."""
    white = rng.standard_normal(shape)
    mixed = white + np.roll(white, 1, -1) + np.roll(white, 1, -2) + np.roll(white, (1, 1), (-2, -1))
    return mixed / 2.0


def _posterior(n=60, n_samples=19, n_pixels=16, width=1.0, bias=0.0, rows_per_parent=1, seed=1):
    """Return a test set whose posterior is a known mean map plus Gaussian fields of 0.1 dex.

    ``width`` scales the spread of the samples, ``bias`` [0.1 dex] shifts them.
    """
    rng = np.random.default_rng(seed)
    axis = np.arange(n_pixels) - (n_pixels - 1) / 2
    r2 = axis[:, None] ** 2 + axis[None, :] ** 2
    log10_mass = np.repeat(rng.uniform(14.0, 15.0, n // rows_per_parent), rows_per_parent)
    round_dex = (log10_mass[:, None, None] - 1.5 - np.log10(1.0 + r2 / 9.0))[:, None]
    mean_dex = round_dex + SD_DEX * _smooth_noise(rng, n, 2, n_pixels, n_pixels)
    truth = 10 ** (mean_dex + SD_DEX * _smooth_noise(rng, n, 2, n_pixels, n_pixels))
    spread = width * _smooth_noise(rng, n, n_samples, 2, n_pixels, n_pixels) + bias
    return PosteriorTest(
        truth=truth.astype(np.float32),
        samples=(10 ** (mean_dex[:, None] + SD_DEX * spread)).astype(np.float32),
        inputs=(10 ** (round_dex - 18.0) * np.ones((1, 2, 1, 1))).astype(np.float32),
        targets=(MapQuantity.GAS_SURFACE_DENSITY, MapQuantity.DARK_SURFACE_DENSITY),
        views=(MapQuantity.COMPTON_Y, MapQuantity.XRAY_SURFACE_BRIGHTNESS),
        pixel_mpc=0.4,
        log10_m200c=log10_mass,
        parent=np.array([f"halo-{i // rows_per_parent}" for i in range(n)]),
        log10_m200c_samples=log10_mass[:, None]
        + 0.05 * (rng.standard_normal((n, 1)) + rng.standard_normal((n, n_samples))),
    )


@pytest.fixture(scope="session")
def make_posterior():
    """A function of (n, n_samples, n_pixels, width, bias, rows_per_parent, seed)."""
    return _posterior


@pytest.fixture(scope="session")
def posterior():
    """Sixty clusters, nineteen samples of each, calibrated; nobody writes into them."""
    return _posterior()
