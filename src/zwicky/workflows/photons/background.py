"""The background of a stamp of photons: as it was given, as the stamp's outer annulus has it, or both together."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from astropy import units as u

from zwicky.core.errors import MapError
from zwicky.core.grid import Grid
from zwicky.data.counts_image import CountsImage

INNER_PART: Final = 0.8
"""Of half the stamp's side: beyond it, corners included, is the outer annulus."""
_LEAST_PIXELS: Final = 20
"""Exposed pixels in it; fewer say too little, as in ``profiles.radial_counts``."""
_DIFFERS: Final = 1.5  # [1] factor between what is given and what is there that is worth a note
_SIGMA: Final = 3.0  # by which it must be more than chance


def with_background(stamp: CountsImage, *, add_sky: bool = False) -> tuple[CountsImage, tuple[str, ...]]:
    """Return a stamp that has a background, and how it came to it, in words.

    The brightness of the outer annulus is the mean of its counts per second of exposure; multiplied by the exposure,
    it is the background of each pixel. So the part of particles, which see no vignetting, is vignetted as well, and
    what a cluster emits in the annulus is taken for background.

    Parameters
    ----------
    stamp : CountsImage
        Square, on the pixels of an estimator.
    add_sky : bool
        Add to the background that is given what the annulus has beyond it.

    Raises
    ------
    MapError
        If the annulus is needed, and holds less than 20 exposed pixels.
    """
    given = np.zeros_like(stamp.counts) if stamp.background is None else stamp.background
    # In pixels: the pixel's side does not matter here.
    n_pixels = stamp.counts.shape[-1]
    outer = Grid(n_pixels, 1.0 * u.arcmin, "sky").radius() > INNER_PART * n_pixels / 2.0
    exposed = outer & (stamp.exposure_s > 0.0)
    counts, known, seconds = (
        np.where(exposed, one, 0.0).sum(axis=(1, 2)) for one in (stamp.counts, given, stamp.exposure_s)
    )
    inner_arcmin = INNER_PART * n_pixels * stamp.pixel_arcmin / 2.0
    where = f"beyond {inner_arcmin:.3g} arcmin"
    if stamp.background is not None and not add_sky:
        return stamp, _comparison(stamp, counts, known, where)
    if exposed.sum(axis=(1, 2)).min() < _LEAST_PIXELS:
        raise MapError(
            "The background cannot be estimated.",
            where=stamp.path,
            expected=f"{_LEAST_PIXELS} exposed pixels of the stamp or more, {where}",
            got=f"{exposed.sum(axis=(1, 2)).min()}",
            fix="give --background, or a larger image",
        )
    rate = np.maximum(counts - known, 0.0) / seconds
    full = replace(stamp, background=given + rate[:, None, None] * stamp.exposure_s)
    what = "what the background lacks" if add_sky else "no background was given: it"
    listed = ", ".join(f"{one:g}" for one in counts)
    said = (
        f"{what} is the mean of the outer annulus of the stamp, {where} ({listed} counts), times the exposure; "
        "what the cluster emits there is taken for background"
    )
    return full, (said,)


def _comparison(stamp: CountsImage, counts: np.ndarray, known: np.ndarray, where: str) -> tuple[str, ...]:
    """Return notes on bands whose background is not what the outer annulus has."""
    notes = []
    for (low, high), there, expected in zip(stamp.bands_kev, counts, known, strict=True):
        sure = abs(there - expected) > _SIGMA * np.sqrt(max(there, expected, 1.0))
        if sure and max(there, expected) > _DIFFERS * min(there, expected):
            advice = (
                "if it is that of particles alone, --add-sky adds what it lacks"
                if there > expected
                else "it may belong to another exposure"
            )
            notes.append(
                f"{low:g}-{high:g} keV: the outer annulus of the stamp, {where}, holds {there:g} counts, and "
                f"{expected:.4g} of the background that was given; {advice}"
            )
    return tuple(notes)
