"""A window that takes a stamp to zero at its edges."""

from __future__ import annotations

import math

import numpy as np

from zwicky.core.errors import MapError


def apodisation(n_pixels: int, width_pixels: float, clear_pixels: float = 0.0) -> np.ndarray:
    """Return a window that falls to 0 at the edges of a stamp as a cosine.

    Parameters
    ----------
    n_pixels : int
        Per side of the stamp.
    width_pixels : float
        Width of the rim in which the window is below 1.
    clear_pixels : float
        Radius around the centre that the rim must not reach, such as that of the cluster.

    Returns
    -------
    (y, x) array [1]
        w(y) w(x), with w = (1 - cos(pi d / width)) / 2 at a distance d from the edge.

    Raises
    ------
    MapError
        If the rim is negative, or reaches inside the radius.

    Source: the Hann taper.
    Checked by: tests/instruments/test_apodisation.py (values, symmetry, the clear radius).
    """
    reach = 0.5 * n_pixels - clear_pixels
    if not 0.0 <= width_pixels <= reach:
        raise MapError(
            "The apodised edge lies inside the cluster.",
            where=f"stamp of {n_pixels} x {n_pixels} pixels",
            expected=f"a rim of 0 .. {max(reach, 0.0):g} pixels, for a clear radius of {clear_pixels:g}",
            got=f"{width_pixels:g} pixels",
            fix="cut larger stamps, or apodise less",
        )
    edge = np.minimum(np.arange(n_pixels), np.arange(n_pixels)[::-1]) + 0.5
    inside = np.minimum(edge / width_pixels, 1.0) if width_pixels > 0.0 else np.ones(n_pixels)
    taper = 0.5 * (1.0 - np.cos(math.pi * inside))
    return np.outer(taper, taper)
