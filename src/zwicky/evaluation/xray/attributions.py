"""Which pixels make the mass: integrated gradients, and what is left of an answer when the core is masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from torch import Tensor

from zwicky.core.errors import ConfigError, MapError
from zwicky.data.dataset import MapData
from zwicky.evaluation.mapping.apertures import distance_pixels
from zwicky.evaluation.mapping.estimates import Drawn
from zwicky.evaluation.metrics import METRICS
from zwicky.evaluation.microwave.statistics import Bootstrap
from zwicky.evaluation.xray.annuli import (
    EDGES,
    Footprints,
    annulus_edges,
    annulus_sums,
    check_footprints,
    ratio_of_means,
)
from zwicky.evaluation.xray.gradients import Models, gradient, predicted_log10
from zwicky.models.base import Batch

Baseline = Literal["background", "zeros"]

N_STEPS: Final = 64
"""Gradients along the way from the baseline to the image."""

MASKS: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""Radii of masks [R500c]; the first masks nothing."""

_OUTSKIRTS: Final = 0.1
"""Part of the pixels, those farthest from the middle, that the background is taken from."""

_RING_PIXELS: Final = 1.5
"""Width of the ring at the edge of a mask: a pixel and its diagonal, so that no ring is empty."""

_CHUNK: Final = 64


@dataclass(frozen=True, eq=False)
class Attribution:
    """What each pixel adds to the answer.

    Parameters
    ----------
    images : (batch, band, y, x) Tensor [dex]
        Together log10_mass - log10_of_baseline, to the error of the integral.
    log10_mass, log10_of_baseline : (batch,) Tensor [dex of Msun]
        The answers to the image and to the baseline.
    """

    images: Tensor
    log10_mass: Tensor
    log10_of_baseline: Tensor

    @property
    def gap_dex(self) -> Tensor:
        """What the sum of the pixels lacks of the difference of the answers, (batch,) [dex]: should be nothing."""
        return self.log10_mass - self.log10_of_baseline - self.images.sum((1, 2, 3))


def integrated_gradients(
    models: Models, batch: Batch, baseline: Tensor, *, n_steps: int = N_STEPS
) -> Attribution:
    """Share the answer out among the pixels.

    (x - x') times the mean of the gradient on the straight line from the baseline x' to the image x. The mean is taken
    by Gauss and Legendre's rule in the root of the way: the answer, a logarithm, changes most where there is least.

    Parameters
    ----------
    models : MassModel or sequence of MassModel
    batch : Batch
    baseline : (batch, band, y, x) Tensor
        Images without a cluster; of a shape that goes with the maps.
    n_steps : int
        Gradients along the line.

    Raises
    ------
    ConfigError
        If there is no step.

    Source: Sundararajan, Taly & Yan 2017, equation 1; that the sum is the difference of the answers is their
    "completeness".
    """
    if n_steps < 1:
        raise ConfigError("A line has points.", where="n_steps", expected="n_steps >= 1", got=n_steps)
    maps, start = batch.maps.float(), baseline.float().expand_as(batch.maps)
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    total = torch.zeros_like(maps, dtype=torch.float64)
    for root, weight in zip(0.5 * (nodes + 1.0), 0.5 * weights, strict=True):
        between = torch.lerp(start, maps, float(root**2))
        total += (
            2.0 * root * weight * gradient(models, Batch(between, batch.redshift, present=batch.present))[1]
        )
    answers = (
        predicted_log10(models, Batch(one, batch.redshift, present=batch.present)) for one in (maps, start)
    )
    return Attribution((maps - start) * total, *answers)


def baseline_images(maps: Tensor, kind: Baseline) -> Tensor:
    """Return images without a cluster, (batch, band, 1, 1): nothing, or the mean of the outskirts.

    Parameters
    ----------
    maps : (batch, band, y, x) Tensor
    kind : {"background", "zeros"}
        The background is flat: the mean of the tenth of the pixels that are farthest from the middle, band by band.
    """
    if kind == "zeros":
        return torch.zeros_like(maps[..., :1, :1])
    distance = torch.from_numpy(distance_pixels(maps.shape[-1])).flatten()
    outside = distance >= torch.quantile(distance, 1.0 - _OUTSKIRTS)
    return maps.flatten(2)[..., outside].mean(-1)[..., None, None]


@dataclass(frozen=True, eq=False)
class AttributionProfile:
    """What the annuli of n clusters add to the answers.

    Parameters
    ----------
    edges : (annulus + 1,) floats [1]
        In R500c.
    share_dex : (n, annulus) array [dex]
        Sum of the attributions of each annulus.
    total_dex : (n,) array [dex]
        Difference between the answers to the image and to the baseline, pixels beyond the annuli included.
    gap_dex : (n,) array [dex]
        Error of the integrals, as of ``Attribution``: small against the total if there were steps enough.
    parent : (n,) array of str
    """

    edges: tuple[float, ...]
    share_dex: np.ndarray
    total_dex: np.ndarray
    gap_dex: np.ndarray
    parent: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[AttributionProfile]) -> AttributionProfile:
        """Return the clusters of several profiles, with the same annuli, as one."""
        names = ("share_dex", "total_dex", "gap_dex", "parent")
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(parts[0].edges, **columns)

    def mean(self, bootstrap: Bootstrap) -> Drawn:
        """Return the part of the mean answer that each annulus makes, (annulus,) [1]; NaN if there is no answer."""
        return ratio_of_means(self.parent, self.share_dex, self.total_dex[:, None], bootstrap)


def attribution_profile(
    models: Models,
    data: MapData,
    footprints: Footprints,
    *,
    baseline: Baseline = "background",
    edges: Sequence[float] = EDGES,
    n_steps: int = N_STEPS,
) -> AttributionProfile:
    """Return the integrated gradients of clusters, annulus by annulus.

    Parameters
    ----------
    models : MassModel or sequence of MassModel
    data : MapData
    footprints : Footprints
        One per image.
    baseline : {"background", "zeros"}
        As of ``baseline_images``.
    edges : (annulus + 1,) floats [1]
        In R500c.
    n_steps : int

    Raises
    ------
    ConfigError
        If edges or steps are none.
    MapError
        If footprints are not one per image.
    """
    radii = annulus_edges(edges)
    check_footprints(footprints, len(data))
    shares, totals, gaps = [], [], []
    for start in range(0, len(data), _CHUNK):
        rows = slice(start, start + _CHUNK)
        batch = data.rows(rows)
        found = integrated_gradients(models, batch, baseline_images(batch.maps, baseline), n_steps=n_steps)
        radius = footprints.selected(rows).radius(batch.maps.shape[-1])
        shares.append(annulus_sums(found.images.sum(1).numpy(), radius, radii))
        totals.append((found.log10_mass - found.log10_of_baseline).double().numpy())
        gaps.append(found.gap_dex.double().numpy())
    share_dex, total_dex, gap_dex = (np.concatenate(parts) for parts in (shares, totals, gaps))
    return AttributionProfile(radii, share_dex, total_dex, gap_dex, data.parent)


@dataclass(frozen=True, eq=False)
class CoreMasking:
    """What networks say when they are not shown the core.

    Parameters
    ----------
    radii : (mask,) floats [1]
        Of the masks, in R500c; the first is 0.
    log10_predicted : (n, mask) array [dex of Msun]
    log10_true : (n,) array [dex of Msun]
    parent : (n,) array of str
    """

    radii: tuple[float, ...]
    log10_predicted: np.ndarray
    log10_true: np.ndarray
    parent: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[CoreMasking]) -> CoreMasking:
        """Return the clusters of several tests, with the same masks, as one."""
        names = ("log10_predicted", "log10_true", "parent")
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(parts[0].radii, **columns)

    def shift(self, bootstrap: Bootstrap) -> Drawn:
        """Return how far the mean answer moves, (mask,) [dex]: 0 for the first."""
        moved = self.log10_predicted - self.log10_predicted[:, :1]
        return bootstrap.of(self.parent, lambda rows: moved[rows].mean(axis=-2))

    def scatter(self, bootstrap: Bootstrap) -> Drawn:
        """Return the standard deviation of predicted minus true log10 M, (mask,) [dex]."""
        quantiles = np.repeat(
            self.log10_predicted.T[..., None], 5, axis=-1
        )  # of which the metric reads the median
        metric = METRICS["scatter_dex"]

        def statistic(rows: np.ndarray) -> np.ndarray:
            columns = [metric(self.log10_true[rows], one[rows]) for one in quantiles]
            return np.stack(columns, axis=-1)

        return bootstrap.of(self.parent, statistic)


def mask_cores(maps: Tensor, radius: np.ndarray, r500c_pixels: np.ndarray, mask: float) -> Tensor:
    """Replace the core by the mean of the ring around it, band by band.

    Parameters
    ----------
    maps : (batch, band, y, x) Tensor
    radius : (batch, y, x) array [1]
        Of each pixel, in R500c.
    r500c_pixels : (batch,) array [1]
    mask : float [1]
        In R500c; 0 masks nothing.

    Raises
    ------
    MapError
        If the ring of an image has no pixel.
    """
    inside = radius < mask
    ring = ~inside & (radius < mask + (_RING_PIXELS / r500c_pixels)[:, None, None])
    if mask > 0.0 and not ring.any(axis=(1, 2)).all():
        raise MapError(
            "A mask reaches beyond its image.",
            where="mask_cores",
            expected="pixels around the mask in every image",
            got=f"a mask of {mask} R500c, none around it in {int((~ring.any(axis=(1, 2))).sum())} images",
            fix="mask less, or use wider images",
        )
    around = torch.from_numpy(ring)[:, None].to(maps.dtype)
    fill = (maps * around).sum((2, 3), keepdim=True) / around.sum((2, 3), keepdim=True).clamp(min=1.0)
    return torch.where(torch.from_numpy(inside)[:, None], fill, maps)


def core_masking(
    models: Models, data: MapData, footprints: Footprints, *, radii: Sequence[float] = MASKS
) -> CoreMasking:
    """Weigh clusters whose cores are masked, farther and farther out.

    What stands in a mask is smooth: a network that looks at the noise of photons is also moved by that.

    Parameters
    ----------
    models : MassModel or sequence of MassModel
    data : MapData
    footprints : Footprints
        One per image.
    radii : (mask,) floats [1]
        In R500c, rising from 0.

    Raises
    ------
    ConfigError
        If radii do not rise from 0.
    MapError
        If footprints are not one per image, or a mask reaches beyond an image.
    """
    masks = annulus_edges(radii)
    if masks[0] != 0.0:
        raise ConfigError(
            "The first mask masks nothing.", where="radii", expected="0 in the first place", got=masks
        )
    check_footprints(footprints, len(data))
    answers = []
    for start in range(0, len(data), _CHUNK):
        rows = slice(start, start + _CHUNK)
        batch, some = data.rows(rows), footprints.selected(rows)
        radius = some.radius(batch.maps.shape[-1])
        shown = (mask_cores(batch.maps, radius, some.r500c_pixels, mask) for mask in masks)
        answers.append(torch.stack([predicted_log10(models, Batch(one, batch.redshift)) for one in shown], 1))
    predicted = torch.cat(answers).double().numpy()
    return CoreMasking(masks, predicted, data.log10_mass.double().numpy(), data.parent)
