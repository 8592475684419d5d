"""Counts of photons in rings around many clusters, and in any aperture made of rings.

Pixels are looked at once: each goes, whole, into the ring that its centre lies in, so that counts stay Poisson. What an
aperture holds follows from the rings, for any radius and as often as an iteration asks. Exposure and gaps are divided
out ring by ring, where the brightness is nearly constant, and not for an aperture as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from zwicky.core.errors import MapError

_PER_CLUSTER: Final = ("counts", "background", "background_sigma", "exposure_arcmin2_s", "ring_arcmin2")
_LEAST_BACKGROUND_PIXELS: Final = 20
"""In an annulus for the background: fewer say too little."""


@dataclass(frozen=True, eq=False)
class RadialCounts:
    """Photons in rings around the positions of clusters.

    Parameters
    ----------
    edges_arcmin : (ring + 1,) array [arcmin]
        From 0 on; along the major axis of an ellipse.
    counts : (cluster, band, ring) array
        Photons, background included.
    background : (cluster, band, ring) array
        Expected background photons.
    background_sigma : (cluster, band) array
        Relative standard deviation of the background: 0 if it is taken as known.
    exposure_arcmin2_s : (cluster, band, ring) array
        Sum over pixels of seconds times area [arcmin^2 s].
    ring_arcmin2 : (cluster, ring) array [arcmin^2]
        Area of the pixels of each ring, exposed or not; that of the ring itself where it leaves the image.
    axis_ratio : float [1]
        Minor over major axis; 1 for circles.
    """

    edges_arcmin: np.ndarray
    counts: np.ndarray
    background: np.ndarray
    background_sigma: np.ndarray
    exposure_arcmin2_s: np.ndarray
    ring_arcmin2: np.ndarray
    axis_ratio: float = 1.0

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def true_edges_arcmin(self) -> np.ndarray:
        """Edges of circles of the same area as the pixels inside, (cluster, ring + 1) [arcmin].

        Whole pixels make ragged rings. With these edges a ring has the area of its pixels, and lies where they do.
        """
        inside = np.cumsum(self.ring_arcmin2, axis=1) / (np.pi * self.axis_ratio)
        return np.sqrt(np.concatenate([np.zeros((len(self), 1)), inside], axis=1))

    def bands(self, *which: int) -> RadialCounts:
        """Return the sum of some bands as one band; exposures are averaged."""
        some = list(which)
        total = self.background[:, some].sum(axis=(1, 2))
        sigma = (self.background_sigma[:, some] * self.background[:, some].sum(axis=2)).sum(axis=1)
        return replace(
            self,
            counts=self.counts[:, some].sum(axis=1, keepdims=True),
            background=self.background[:, some].sum(axis=1, keepdims=True),
            background_sigma=(sigma / np.maximum(total, 1e-30))[:, None],
            exposure_arcmin2_s=self.exposure_arcmin2_s[:, some].mean(axis=1, keepdims=True),
        )

    @classmethod
    def joined(cls, parts: Sequence[RadialCounts]) -> RadialCounts:
        """Return the clusters of several lists, with the same rings, as one list."""
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(one, name) for one in parts]) for name in _PER_CLUSTER
        }
        return replace(parts[0], **columns)

    def selected(self, rows: np.ndarray | slice) -> RadialCounts:
        """Return some clusters; ``rows`` is a mask (cluster,), indices or a slice."""
        columns: dict[str, Any] = {name: getattr(self, name)[rows] for name in _PER_CLUSTER}
        return replace(self, **columns)

    def overlap(self, inner_arcmin: np.ndarray, outer_arcmin: np.ndarray) -> np.ndarray:
        """Return which part of each ring an annulus covers, (cluster, ring) [1].

        Parameters
        ----------
        inner_arcmin, outer_arcmin : (cluster,) array [arcmin]
            Radii of the annulus of each cluster.
        """
        square = self.true_edges_arcmin**2
        low, high = (np.asarray(one, float)[:, None] ** 2 for one in (inner_arcmin, outer_arcmin))
        covered = np.minimum(square[:, 1:], high) - np.maximum(square[:, :-1], low)
        return np.clip(covered / np.maximum(np.diff(square), 1e-30), 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class ApertureCounts:
    """What an annulus around each cluster holds, in each band.

    Parameters
    ----------
    counts, background : (cluster, band) array
        Photons, and expected background photons.
    source, sigma : (cluster, band) array
        Counts less background, and its standard deviation: Poisson noise of the counts, and the background's own.
    rate_per_s, rate_sigma_per_s : (cluster, band) array [s^-1]
        Source counts per second, vignetting and gaps divided out.
    seconds : (cluster, band) array
        Mean exposure of what was exposed [s].
    covered : (cluster, band) array [1]
        Part of the annulus that lies on exposed rings.
    """

    counts: np.ndarray
    background: np.ndarray
    source: np.ndarray
    sigma: np.ndarray
    rate_per_s: np.ndarray
    rate_sigma_per_s: np.ndarray
    seconds: np.ndarray
    covered: np.ndarray


def radial_counts(
    counts: np.ndarray,
    exposure_s: np.ndarray,
    background: np.ndarray | None,
    pixel_arcmin: float,
    *,
    edges_arcmin: np.ndarray | None = None,
    centre_arcmin: np.ndarray | None = None,
    background_annulus_arcmin: tuple[float, float] | None = None,
    axis_ratio: float = 1.0,
    angle_rad: float = 0.0,
) -> RadialCounts:
    """Sum photons in rings.

    Parameters
    ----------
    counts : (cluster, band, y, x) array
        Photons; 0 where nothing was exposed.
    exposure_s : (cluster, band, y, x) array
        Seconds; may have length 1 along the first axes.
    background : (cluster, band, y, x) array, optional
        Expected background counts; if None, the mean of an annulus is taken.
    pixel_arcmin : float [arcmin]
        Side of a pixel.
    edges_arcmin : (ring + 1,) array, optional [arcmin]
        Edges of the rings; a pixel wide, up to the edge of the image, if None.
    centre_arcmin : (cluster, 2) array, optional [arcmin]
        Offset (y, x) of each cluster from the middle of its image.
    background_annulus_arcmin : (float, float), optional [arcmin]
        Where to estimate the background if none is given; the outer fifth of the rings if None.
    axis_ratio : float [1]
        Minor over major axis of elliptical rings.
    angle_rad : float [rad]
        Of the major axis, from the x axis towards y.

    Raises
    ------
    MapError
        If shapes differ, the edges are no rings, or the annulus holds less than 20 exposed pixels.
    """
    counts = np.asarray(counts, float)
    _check_shapes(counts, exposure_s, background)
    n_clusters, n_bands, n_y, n_x = counts.shape
    if edges_arcmin is None:
        edges_arcmin = np.arange(min(n_y, n_x) // 2 + 1) * pixel_arcmin
    edges = np.asarray(edges_arcmin, float)
    if not (edges.size >= 2 and edges[0] == 0.0 and np.all(np.diff(edges) > 0.0) and 0.0 < axis_ratio <= 1.0):
        raise MapError(
            "These are not the edges of rings.",
            expected="0, then increasing; axis ratio in (0, 1]",
            got=edges,
        )
    exposure = np.broadcast_to(exposure_s, counts.shape)
    rings = edges.size - 1
    sums = np.zeros((4, n_clusters, n_bands, rings))
    area = np.zeros((n_clusters, rings))
    ring = None
    for i in range(n_clusters):
        if ring is None or centre_arcmin is not None:
            offset = np.zeros(2) if centre_arcmin is None else np.asarray(centre_arcmin, float)[i]
            radius = _radius_arcmin((n_y, n_x), pixel_arcmin, offset, axis_ratio, angle_rad)
            ring = np.minimum(np.searchsorted(edges, radius.ravel(), side="right") - 1, rings)
            # A ring is as large as its pixels, so that no photon is reweighted; one that leaves the image, as itself.
            whole = edges[1:] <= 0.5 * min(n_y, n_x) * pixel_arcmin - np.abs(offset).max() + 1e-9
            pixels = np.bincount(ring, minlength=rings + 1)[:rings] * pixel_arcmin**2
            own = np.where(whole, pixels, np.pi * axis_ratio * np.diff(edges**2))
        area[i] = own
        for band in range(n_bands):
            seen = exposure[i, band].ravel()
            arrays = [counts[i, band].ravel(), seen * pixel_arcmin**2, (seen > 0.0).astype(float)]
            arrays += (
                [] if background is None else [np.broadcast_to(background, counts.shape)[i, band].ravel()]
            )
            for j, array in enumerate(arrays):
                sums[j, i, band] = np.bincount(ring, array, rings + 1)[:rings]
    expected, sigma = sums[3], np.zeros((n_clusters, n_bands))
    if background is None:
        expected, sigma = _from_annulus(sums, edges, background_annulus_arcmin)
    return RadialCounts(edges, sums[0], expected, sigma, sums[1], area, axis_ratio)


def aperture_counts(
    profiles: RadialCounts, outer_arcmin: np.ndarray, inner_arcmin: np.ndarray | float = 0.0
) -> ApertureCounts:
    """Return source counts and rates in an annulus: inner 0 for a disc, 0.15 R500 to leave the core out.

    Parameters
    ----------
    profiles : RadialCounts
        Of the clusters.
    outer_arcmin, inner_arcmin : (cluster,) array or float [arcmin]
        Radii for each cluster, along the major axis. Rings beyond the last one are not there: ``covered`` says so.

    Returns
    -------
    ApertureCounts
    """
    outer = np.broadcast_to(np.asarray(outer_arcmin, float), len(profiles))
    inner = np.broadcast_to(np.asarray(inner_arcmin, float), len(profiles))
    part = profiles.overlap(inner, outer)[:, None]
    exposed = profiles.exposure_arcmin2_s
    seen_arcmin2 = np.where(exposed > 0.0, profiles.ring_arcmin2[:, None], 0.0)
    per_count = seen_arcmin2 / np.where(
        exposed > 0.0, exposed, 1.0
    )  # rate of a whole ring for each photon in it

    def total(values: np.ndarray) -> np.ndarray:
        return np.asarray((part * values).sum(axis=2))

    counts, background = total(profiles.counts), total(profiles.background)
    seconds = total(exposed) / np.maximum(total(seen_arcmin2), 1e-30)
    # One photon at least: that none was counted is not certain knowledge.
    sigma = np.sqrt(np.maximum(counts, 1.0) + (profiles.background_sigma * background) ** 2)
    variance = np.maximum(total(profiles.counts * per_count**2), 1.0 / np.maximum(seconds, 1e-30) ** 2)
    background_rate = total(profiles.background * per_count)
    return ApertureCounts(
        counts=counts,
        background=background,
        source=counts - background,
        sigma=sigma,
        rate_per_s=total(profiles.counts * per_count) - background_rate,
        rate_sigma_per_s=np.sqrt(variance + (profiles.background_sigma * background_rate) ** 2),
        seconds=seconds,
        covered=total(seen_arcmin2)
        / np.maximum(np.pi * profiles.axis_ratio * (outer**2 - inner**2)[:, None], 1e-30),
    )


def _check_shapes(counts: np.ndarray, exposure_s: np.ndarray, background: np.ndarray | None) -> None:
    others = [np.shape(one) for one in (exposure_s, background) if one is not None]
    fits = counts.ndim == 4 and all(
        len(one) == 4 and all(a in (1, b) for a, b in zip(one, counts.shape, strict=True)) for one in others
    )
    if not fits:
        raise MapError(
            "Counts, exposure and background do not fit together.",
            expected="(cluster, band, y, x) each",
            got=", ".join(map(str, [counts.shape, *others])),
        )


def _radius_arcmin(
    shape: tuple[int, int], pixel_arcmin: float, offset: np.ndarray, axis_ratio: float, angle_rad: float
) -> np.ndarray:
    y, x = (
        (np.arange(n) - (n - 1) / 2.0) * pixel_arcmin - shift for n, shift in zip(shape, offset, strict=True)
    )
    along = x[None, :] * np.cos(angle_rad) + y[:, None] * np.sin(angle_rad)
    across = y[:, None] * np.cos(angle_rad) - x[None, :] * np.sin(angle_rad)
    return np.hypot(along, across / axis_ratio)


def _from_annulus(
    sums: np.ndarray, edges: np.ndarray, annulus_arcmin: tuple[float, float] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return background counts per ring from the mean of an annulus, and their relative error."""
    low, high = annulus_arcmin or (0.8 * edges[-1], edges[-1])
    inside = (edges[:-1] >= low - 1e-9) & (edges[1:] <= high + 1e-9)
    pixels = sums[2][..., inside].sum(axis=2)
    if not inside.any() or pixels.min() < _LEAST_BACKGROUND_PIXELS:
        raise MapError(
            "The annulus for the background is too small.",
            expected=f"{_LEAST_BACKGROUND_PIXELS} exposed pixels or more between {low:g} and {high:g} arcmin",
            got=f"{pixels.min():g}" if inside.any() else "no ring",
            fix="give a background image, a wider annulus, or a larger image",
        )
    counts, exposure = (sums[j][..., inside].sum(axis=2) for j in (0, 1))
    per_exposure = counts / exposure
    return per_exposure[..., None] * sums[1], 1.0 / np.sqrt(np.maximum(counts, 1.0))
