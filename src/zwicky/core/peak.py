"""Where a map is highest: the centre that an observer takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zwicky.core.grid import Grid


@dataclass(frozen=True)
class Peak:
    """The highest point of a map.

    Parameters
    ----------
    dy, dx : float [unit of the grid's pixel]
        Its offset from the grid's centre.
    at_edge : bool
        It lies within a pixel of the search radius: it may be the flank of another source.
    """

    dy: float
    dx: float
    at_edge: bool


def highest_point(image: np.ndarray, grid: Grid, radius: float) -> Peak:
    """Find the highest pixel within a radius of the grid's centre, refined by a parabola along each axis.

    Parameters
    ----------
    image : (y, x) array
        Smoothed before: the highest pixel of a noisy or clumpy map says little.
    grid : Grid
        Its pixels.
    radius : float [unit of the grid's pixel]
        Of the search; at least one pixel is looked at on each side of the centre.
    """
    distance, pixel = grid.radius(), grid.pixel_value
    near = np.where(distance <= max(radius, pixel), image, -np.inf)
    y, x = (int(i) for i in np.unravel_index(int(np.argmax(near)), near.shape))
    middle = (grid.n_pixels - 1) / 2.0
    return Peak(
        dy=(y + _vertex(image[:, x], y) - middle) * pixel,
        dx=(x + _vertex(image[y], x) - middle) * pixel,
        at_edge=bool(distance[y, x] > radius - pixel),
    )


def _vertex(line: np.ndarray, i: int) -> float:
    """Return the offset of the vertex of the parabola through three pixels, in pixels."""
    if not 0 < i < len(line) - 1:
        return 0.0
    before, at, after = line[i - 1 : i + 2]
    curvature = before - 2.0 * at + after
    return float(np.clip(0.5 * (before - after) / curvature, -0.5, 0.5)) if curvature < 0.0 else 0.0
