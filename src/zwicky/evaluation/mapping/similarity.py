"""Does the prediction look like the truth? The structural similarity index of Wang et al. 2004."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

from zwicky.core.errors import MapError
from zwicky.evaluation.mapping.apertures import check_pair

# Wang et al. 2004, section III.B: an 11 x 11 Gaussian window of 1.5 pixels, K1 = 0.01, K2 = 0.03.
WINDOW_PIXELS: Final = 11
WINDOW_SD_PIXELS: Final = 1.5
K1, K2 = 0.01, 0.03
CHUNK: Final = 256  # maps at a time, as of the spectra


def ssim(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the mean structural similarity of log10 maps, truth against prediction.

    Both are shifted and scaled so that the truth's log10 runs from 0 to 1 in each map, so that the answer knows
    neither the unit nor the mass; the dynamic range L is then 1. Wang et al. 2004, eqs. 13 to 17; windows that
    reach over the edge are left out.

    Parameters
    ----------
    truth, predicted : (n, y, x) arrays [Msun Mpc^-2]
        Positive, square, of at least 11 x 11 pixels.

    Returns
    -------
    (n,) float64 array [1]
        1 for equal maps.

    Raises
    ------
    MapError
        If shapes differ, the maps are too small, or a true map is constant.
    """
    check_pair(truth, predicted, "ssim")
    n_pixels = truth.shape[-1]
    if n_pixels < WINDOW_PIXELS:
        raise MapError(
            "These maps are smaller than the window.",
            where="ssim",
            expected=f"at least {WINDOW_PIXELS} x {WINDOW_PIXELS} pixels",
            got=f"{n_pixels} x {n_pixels}",
        )
    window = _window(n_pixels)
    chunks = [slice(i, i + CHUNK) for i in range(0, len(truth), CHUNK)]
    return np.concatenate([_ssim(_log10(truth[one]), _log10(predicted[one]), window) for one in chunks])


def _log10(maps: np.ndarray) -> Tensor:
    return torch.from_numpy(np.log10(maps).astype(np.float32))


def _ssim(x: Tensor, y: Tensor, window: Tensor) -> np.ndarray:
    """Return the index of log10 maps, truth and prediction."""
    low, high = x.amin(dim=(1, 2), keepdim=True), x.amax(dim=(1, 2), keepdim=True)
    if not bool((high > low).all()):
        raise MapError(
            "A constant map has no structure.", where="ssim", expected="true maps with two values or more"
        )
    x, y = (x - low) / (high - low), (y - low) / (high - low)
    c1, c2 = K1**2, K2**2  # (K L)^2 with L = 1
    mean_x, mean_y, squares, products = (window @ m @ window.T for m in (x, y, x * x + y * y, x * y))
    means, product_of_means = mean_x * mean_x + mean_y * mean_y, mean_x * mean_y
    luminance = (2.0 * product_of_means + c1) / (means + c1)
    structure = (2.0 * (products - product_of_means) + c2) / (
        squares - means + c2
    )  # covariance, sum of variances
    return (luminance * structure).mean(dim=(1, 2), dtype=torch.float64).numpy()


def _window(n_pixels: int) -> Tensor:
    """Return the matrix that takes the weighted mean of every full window along one axis, (y - 10, y)."""
    offset = torch.arange(WINDOW_PIXELS) - (WINDOW_PIXELS - 1) / 2.0
    weight = torch.exp(-0.5 * (offset / WINDOW_SD_PIXELS) ** 2)
    matrix = torch.zeros(n_pixels - WINDOW_PIXELS + 1, n_pixels)
    for i, row in enumerate(matrix):
        row[i : i + WINDOW_PIXELS] = weight / weight.sum()
    return matrix
