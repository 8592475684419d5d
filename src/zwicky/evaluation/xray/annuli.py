"""Where a pixel lies in its cluster, and sums over annuli around the centre, in units of R500c."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.core.errors import ConfigError, MapError
from zwicky.evaluation.bootstrap import MINIMUM_PARENTS, resampled_sums
from zwicky.evaluation.mapping.apertures import quotient
from zwicky.evaluation.mapping.estimates import Drawn
from zwicky.evaluation.microwave.statistics import Bootstrap
from zwicky.evaluation.scorecard import bin_edges

EDGES: Final = tuple(round(0.1 * i, 1) for i in range(16))
"""Radii between annuli [R500c]: 0, 0.1 ... 1.5."""

CORE: Final = 0.2
"""Where the core ends [R500c]: inside, Ntampaka et al. 2019 find no response."""


@dataclass(frozen=True, eq=False)
class Footprints:
    """How large the clusters are on their images, and where.

    Parameters
    ----------
    r500c_pixels : (n,) array [1]
        R500c over the side of a pixel; positive.
    offset_pixels : (n, 2) array [1], optional
        Where the cluster's centre lies, seen from that of the image, (y, x); zero by default.

    Raises
    ------
    MapError
        If radii are not positive, or the two do not belong together.
    """

    r500c_pixels: np.ndarray
    offset_pixels: np.ndarray | None = None

    def __post_init__(self) -> None:
        radius = np.asarray(self.r500c_pixels, float)
        offset = self.offset_pixels
        offset = np.zeros((radius.size, 2)) if offset is None else np.asarray(offset, float)
        good = radius.ndim == 1 and offset.shape == (radius.size, 2) and np.isfinite(offset).all()
        if not (good and np.isfinite(radius).all() and (radius > 0.0).all()):
            raise MapError(
                "These cannot be the sizes and places of clusters on their images.",
                where="r500c_pixels, offset_pixels",
                expected="n finite radii above 0, and n finite pairs (y, x)",
                got=f"shapes {radius.shape} and {offset.shape}",
            )
        object.__setattr__(self, "r500c_pixels", radius)
        object.__setattr__(self, "offset_pixels", offset)

    def __len__(self) -> int:
        return len(self.r500c_pixels)

    def selected(self, rows: np.ndarray | slice) -> Footprints:
        """Return those of some clusters."""
        assert self.offset_pixels is not None
        return Footprints(self.r500c_pixels[rows], self.offset_pixels[rows])

    def radius(self, n_pixels: int) -> np.ndarray:
        """Return the distance of each pixel's centre from that of its cluster, (n, y, x) [R500c]."""
        assert self.offset_pixels is not None
        axis = np.arange(n_pixels) - (n_pixels - 1) / 2.0
        dy, dx = (axis - self.offset_pixels[:, i, None] for i in range(2))
        return np.asarray(np.hypot(dy[:, :, None], dx[:, None, :]) / self.r500c_pixels[:, None, None])


def check_footprints(footprints: Footprints, n_images: int) -> None:
    """Raise a MapError unless there is one footprint per image."""
    if len(footprints) != n_images:
        raise MapError(
            "Each image has one footprint.",
            where="footprints",
            expected=f"{n_images}",
            got=len(footprints),
        )


def annulus_edges(edges: Sequence[float]) -> tuple[float, ...]:
    """Return radii between annuli, or raise a ConfigError unless they rise from 0 or more."""
    found = bin_edges(edges, where="edges of annuli")
    if found[0] < 0.0:
        raise ConfigError("A radius is not negative.", where="edges of annuli", got=found)
    return found


def annulus_sums(images: np.ndarray, radius: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """Return the sum of the pixels whose centres lie in each annulus, (n, annulus), in the unit of the images.

    Parameters
    ----------
    images : (n, y, x) array
    radius : (n, y, x) array [1]
        Of each pixel, in the unit of the edges.
    edges : (annulus + 1,) floats [1]
        An annulus holds its inner edge and not its outer one.
    """
    n_annuli = len(edges) - 1
    annulus = np.searchsorted(np.asarray(edges), radius, side="right") - 1
    place = annulus + n_annuli * np.arange(len(images))[:, None, None]
    inside = (annulus >= 0) & (annulus < n_annuli)
    sums = np.bincount(place[inside], weights=images[inside], minlength=n_annuli * len(images))
    return np.asarray(sums.reshape(len(images), n_annuli))


def ratio_of_means(
    parent: np.ndarray, numerator: np.ndarray, denominator: np.ndarray, bootstrap: Bootstrap
) -> Drawn:
    """Return the mean over clusters of one column over that of another, and of resamples of the parents.

    A ratio of means, not a mean of ratios: an annulus without a photon has no ratio of its own.

    Parameters
    ----------
    parent : (n,) array
    numerator, denominator : (n, ...) arrays
        Of shapes that go together.
    bootstrap : Bootstrap

    Returns
    -------
    Drawn
        (...) [1]; NaN where the mean of the denominator is not positive. Without resamples if parents are few.
    """
    top, bottom = np.broadcast_arrays(numerator, denominator)
    value = quotient(top.mean(axis=0), np.asarray(bottom.mean(axis=0)))
    if len(np.unique(parent)) < MINIMUM_PARENTS:
        return Drawn(value, None)
    sums = (resampled_sums(parent, one, bootstrap.n_resamples, bootstrap.key) for one in (top, bottom))
    return Drawn(value, quotient(*sums))
