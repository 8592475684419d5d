"""Paint a circular profile on a grid, as means over pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from zwicky.core.grid import Grid

CORE_PIXELS: Final = 6.0
SUBPIXELS: Final = 8


def paint_radial(
    profile: Callable[[np.ndarray], np.ndarray], grid: Grid, centre: tuple[float, float] = (0.0, 0.0)
) -> np.ndarray:
    """Return the mean of a circular profile over each pixel.

    Pixels within 6 of the centre are averaged over 8 x 8 points, because a cluster's cusp is narrower than a pixel;
    further out the value at the centre stands for the mean: 1 % too low at 6 pixels for a cluster of theta500 = 4
    pixels, and without effect once a beam of several pixels is in.

    Parameters
    ----------
    profile : function
        Value at a radius given in the unit of the pixel; called with arrays.
    grid : Grid
        The pixels.
    centre : (y, x)
        Offset of the cluster from the grid's centre in the unit of the pixel.

    Returns
    -------
    (y, x) array
    """
    radius = grid.radius(*centre)
    image = profile(radius)
    near = radius < CORE_PIXELS * grid.pixel_value
    if near.any():
        image[near] = _fine_means(profile, grid, centre, near)
    return image


def _fine_means(
    profile: Callable[[np.ndarray], np.ndarray], grid: Grid, centre: tuple[float, float], near: np.ndarray
) -> np.ndarray:
    rows, columns = np.nonzero(near)
    fine = ((np.arange(SUBPIXELS) + 0.5) / SUBPIXELS - 0.5) * grid.pixel_value
    middle = (grid.n_pixels - 1) / 2.0
    y = (rows - middle)[:, None] * grid.pixel_value + fine - centre[0]  # (pixel, subpixel)
    x = (columns - middle)[:, None] * grid.pixel_value + fine - centre[1]
    return profile(np.hypot(y[:, :, None], x[:, None, :])).mean(axis=(1, 2))
