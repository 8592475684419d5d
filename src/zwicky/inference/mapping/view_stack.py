"""What every method that reads views does first: see which are there, refuse what cannot be used, go in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from zwicky.core.errors import MapError

CHUNK: Final = 200
"""Maps worked on together: four channels of 80 x 80 pixels in double precision are 41 MB."""


def chunks(n: int) -> Iterator[slice]:
    """Yield the slices that cover n maps."""
    return (slice(i, min(i + CHUNK, n)) for i in range(0, n, CHUNK))


def check_views(
    views: np.ndarray, present: Sequence[bool] | None, where: str, n_pixels: int | None = None
) -> tuple[bool, ...]:
    """Return which views are there, and refuse a stack that does not hold them.

    Parameters
    ----------
    views : (n, c, y, x) array
    present : (c,) sequence of bool, optional
        Which views are there; None for all.
    where : str
        Named in the error message.
    n_pixels : int, optional
        Across each map, where that is known.

    Returns
    -------
    (c,) tuple of bool

    Raises
    ------
    MapError
        If the stack is not one of square images of that size, holds no map, or no view is there.
    """
    n_views = views.shape[1] if views.ndim == 4 else 0
    given = (True,) * n_views if present is None else tuple(bool(one) for one in present)
    square = views.ndim == 4 and len(views) > 0 and views.shape[2] == views.shape[3] > 1
    fits = n_pixels is None or views.shape[-1] == n_pixels
    if not (square and fits and len(given) == n_views and any(given)):
        side = n_pixels or "n_pixels"
        raise MapError(
            "These views cannot be used.",
            where=where,
            expected=f"shape (n, {len(given) or 'c'}, {side}, {side}), n >= 1, and at least one view that is there",
            got=f"shape {views.shape}, of which {sum(given)} are there",
        )
    return given


def check_pairs(views: np.ndarray, target: np.ndarray, where: str) -> None:
    """Refuse targets that do not lie on the pixels of the views.

    Raises
    ------
    MapError
        If they do not.
    """
    wanted = (len(views), *views.shape[2:])
    if target.shape != wanted:
        raise MapError(
            "Views and targets go in pairs, on the same pixels.",
            where=where,
            expected=f"targets of shape {wanted}",
            got=f"shape {target.shape}",
        )


def shown(views: np.ndarray, present: tuple[bool, ...], where: str) -> np.ndarray:
    """Return the views that are there in double precision, (n, there, y, x); the others are never read.

    Raises
    ------
    MapError
        If a pixel of theirs is not a finite positive number.
    """
    given = views[:, np.flatnonzero(present)].astype(float)
    bad = ~(np.isfinite(given) & (given > 0.0))
    if bad.any():
        raise MapError(
            "The views are not positive everywhere.",
            where=where,
            expected="finite positive numbers in every view that is there",
            got=f"{int(bad.sum())} pixels that are zero, negative or not finite, the first {given[bad][0]:g}",
            fix="declare a view that is missing as not present",
        )
    return given
