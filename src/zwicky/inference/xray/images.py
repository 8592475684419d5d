"""Photon images of many clusters: counts, expected background and exposure in bands, of which some may be absent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from scipy.special import bdtr, bdtrik

from zwicky.core.errors import MapError
from zwicky.core.randomness import Key
from zwicky.inference.xray.profiles import RadialCounts, radial_counts
from zwicky.mocks.photon_survey import PhotonSurvey

CHUNK: Final = 500
"""Images that are looked at together, so that memory stays small."""

Rows = slice | np.ndarray


@dataclass(frozen=True, eq=False)
class PhotonImages:
    """What a telescope counted of clusters.

    A band that was not observed has no exposure anywhere in that image, and no counts or background.

    Parameters
    ----------
    counts : (cluster, band, y, x) float32 array
        Photons.
    background : (cluster or 1, band, y, x) array
        Expected background photons.
    exposure_s : (cluster or 1, band, y, x) array [s]
        On the optical axis, so vignetting is in it; 0 where nothing was seen.
    redshift : (cluster,) array [1]
        Of the clusters.
    pixel_arcmin : float [arcmin]
        Side of a pixel.

    Raises
    ------
    MapError
        If shapes differ, a number is negative or none, or an absent band holds photons.
    """

    counts: np.ndarray
    background: np.ndarray
    exposure_s: np.ndarray
    redshift: np.ndarray
    pixel_arcmin: float

    def __post_init__(self) -> None:
        shape = self.counts.shape
        fitting = ((len(self.counts), *shape[1:]), (1, *shape[1:]))
        others = [self.background.shape, self.exposure_s.shape]
        if len(shape) != 4 or any(one not in fitting for one in others) or self.redshift.shape != shape[:1]:
            raise MapError(
                "Counts, background, exposure and redshifts do not fit together.",
                expected="(cluster, band, y, x) each, (cluster,) for redshifts",
                got=", ".join(map(str, [shape, *others, self.redshift.shape])),
            )
        for name in ("counts", "background", "exposure_s"):
            values = getattr(self, name)
            if values.size and not 0.0 <= values.min() <= values.max() < np.inf:
                raise MapError(
                    f"The {name} of photon images cannot be.",
                    expected="finite numbers, 0 or more",
                    got=f"{values.min()} to {values.max()}",
                )
        for name in ("counts", "background"):
            wrong = np.argwhere(getattr(self, name).any(axis=(2, 3)) & ~self.present)
            if wrong.size:
                raise MapError(
                    f"A band without exposure has {name}.",
                    where=f"image {wrong[0][0]}, band {wrong[0][1]}",
                    expected="no counts and no background in a band that was not observed",
                    got=f"{name} above 0",
                    fix="give the exposure of that band, or leave the band out",
                )

    def __len__(self) -> int:
        return len(self.counts)

    @classmethod
    def of_survey(cls, survey: PhotonSurvey, counts: np.ndarray, redshift: np.ndarray) -> PhotonImages:
        """Return images of a survey whose telescope points at the stamps' middle, with its background and exposure.

        Parameters
        ----------
        survey : PhotonSurvey
            Which counted them.
        counts : (cluster, band, y, x) array
            Photons.
        redshift : (cluster,) array [1]
            Of the clusters.
        """
        light, _ = survey.observer.times()
        background, exposure_s = (one.astype(np.float32)[None] for one in (survey.mean_background(), light))
        z, pixel_arcmin = np.asarray(redshift, float), survey.grid.pixel_value
        return cls(np.asarray(counts, np.float32), background, exposure_s, z, pixel_arcmin)

    @cached_property
    def present(self) -> np.ndarray:
        """Which bands were observed, (cluster, band) bool."""
        return np.broadcast_to(self.exposure_s.any(axis=(2, 3)), self.counts.shape[:2])

    def band_sets(self) -> list[tuple[tuple[int, ...], np.ndarray]]:
        """Return each set of observed bands that occurs, with the rows that have it."""
        sets, which = np.unique(self.present, axis=0, return_inverse=True)
        return [
            (tuple(int(b) for b in np.flatnonzero(one)), np.flatnonzero(which.ravel() == i))
            for i, one in enumerate(sets)
        ]

    def stacked(self, rows: Rows = slice(None)) -> np.ndarray:
        """Return what a network sees, (cluster, 3 * band, y, x) float32: all counts, all backgrounds, all exposures."""
        some = self.selected(rows)
        parts = [
            np.broadcast_to(one, some.counts.shape) for one in (some.counts, some.background, some.exposure_s)
        ]
        return np.concatenate(parts, axis=1).astype(np.float32, copy=False)

    def profiles(self) -> RadialCounts:
        """Return counts in rings a pixel wide around the middle of each image."""
        return RadialCounts.joined(
            [
                radial_counts(some.counts, some.exposure_s, some.background, self.pixel_arcmin)
                for some in self.parts()
            ]
        )

    def parts(self, size: int = CHUNK) -> list[PhotonImages]:
        """Return the images in their order, a few at a time; one part without images if there are none."""
        return [self.selected(slice(i, i + size)) for i in range(0, max(len(self), 1), size)]

    def selected(self, rows: Rows) -> PhotonImages:
        """Return some of the images.

        Parameters
        ----------
        rows : slice, or (row,) array of int or bool
            Which.
        """
        background, exposure_s = (
            one[rows] if len(one) == len(self) else one for one in (self.background, self.exposure_s)
        )
        return PhotonImages(self.counts[rows], background, exposure_s, self.redshift[rows], self.pixel_arcmin)

    def with_bands(self, which: Sequence[int]) -> PhotonImages:
        """Return the images as if only these bands had been observed; the others are absent."""
        keep = np.zeros((self.counts.shape[1], 1, 1), np.float32)
        keep[list(which)] = 1.0
        return replace(
            self,
            counts=self.counts * keep,
            background=self.background * keep,
            exposure_s=self.exposure_s * keep,
        )

    def thinned(self, fraction: np.ndarray, key: Key) -> PhotonImages:
        """Return the images as a shorter exposure would have shown them: each photon stays with a probability.

        Parameters
        ----------
        fraction : (cluster,) array [1]
            Of the exposure, 0 to 1.
        key : Key
            Of the first image; each next one draws with the next cluster number.

        Raises
        ------
        MapError
            If a fraction is not between 0 and 1.
        """
        part = np.asarray(fraction, float)
        if part.shape != (len(self),) or not np.all((part > 0.0) & (part <= 1.0)):
            raise MapError(
                "Images cannot be thinned to this.",
                expected=f"{len(self)} fractions above 0, up to 1",
                got=part if part.size < 5 else f"{part.shape}, {part.min()} to {part.max()}",
            )
        counts = np.stack(
            [
                _thinned(image, one, replace(key, cluster=key.cluster + i))
                for i, (image, one) in enumerate(zip(self.counts, part, strict=True))
            ]
        )
        scale = part.astype(np.float32)[:, None, None, None]
        return replace(
            self, counts=counts, background=self.background * scale, exposure_s=self.exposure_s * scale
        )


def _thinned(image: np.ndarray, fraction: float, key: Key) -> np.ndarray:
    """Return binomial counts of one image, by inversion of one uniform number for each pixel with photons."""
    kept = np.zeros(image.size, np.float32)
    where = np.flatnonzero(image)
    n, u = image.ravel()[where].astype(float), key.uniform(len(where))
    if fraction == 1.0:
        return np.asarray(image, np.float32)
    k = np.clip(np.nan_to_num(np.ceil(bdtrik(u, n, fraction))), 0.0, n)
    # The inverse is off by one at times, by rounding and where no photon stays.
    k = np.where((k > 0) & (bdtr(np.maximum(k - 1.0, 0.0), n.astype(int), fraction) >= u), k - 1.0, k)
    kept[where] = np.where(bdtr(k, n.astype(int), fraction) < u, np.minimum(k + 1.0, n), k)
    return kept.reshape(image.shape)
