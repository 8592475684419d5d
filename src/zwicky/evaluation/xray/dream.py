"""Which photons would raise the mass? Climb the gradient of a network, and see where the photons come to lie.

The test of Ntampaka et al. 2019, ApJ 876, 82, after DeepDream. An image is changed a little into the direction in which
the predicted log10 M rises fastest, and again from there. That the photons are added outside of about 0.2 R500c, they
take as a sign that the network has learned to excise cores, as X-ray astronomers do.

One step, as it is done here: dN = a g, where g is the derivative of log10 M by the counts of each pixel and a > 0 one
number per cluster. No pixel falls below zero photons: what cannot be taken is not taken. The number a is such that the
photons that come and go together are a fixed fraction of those that are there. (The size of their step is not stated.)

Two readings of the result. The paper shows dN / N, the change over the photons of an annulus. It is small in a core
for any network whose gradient is even: a plain sum of all photons, which excises nothing, has the same dN in each
pixel, and dN / N is then small where N is large. So the core is judged by the change per *area*, which for that sum is
the same inside and outside; the paper's dN / N is what the figure shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from zwicky.core.errors import ConfigError, MapError
from zwicky.data.dataset import MapData
from zwicky.evaluation.mapping.estimates import Drawn, paired
from zwicky.evaluation.microwave.statistics import Bootstrap
from zwicky.evaluation.xray.annuli import (
    CORE,
    EDGES,
    Footprints,
    annulus_edges,
    annulus_sums,
    check_footprints,
    ratio_of_means,
)
from zwicky.evaluation.xray.gradients import Models, gradient, predicted_log10
from zwicky.models.base import Batch

FRACTION: Final = 0.1
"""Photons that one step moves, over those that are there [1]."""

RESPONSE_LIMIT: Final = 0.5
"""A core that responds less than this, per area and relative to what is around it, counts as excised [1]. An even
response has 1."""

_CONFIDENCE: Final = 0.95
_LENGTH_STEPS: Final = 30
CHUNK: Final = 128


@dataclass(frozen=True, eq=False)
class DreamProfile:
    """How photons were moved in n clusters, annulus by annulus.

    Parameters
    ----------
    edges : (annulus + 1,) floats [1]
        Radii between annuli, in R500c.
    change : (n, iteration, annulus) array [1]
        Photons that each iteration by itself adds, over the cluster's photons before the first one.
    photons : (n, annulus) array [1]
        Those before the first iteration, over the same.
    area : (n, annulus) array [1]
        Of the pixels, in R500c^2.
    rise_dex : (n, iteration) array [dex]
        How much each iteration raises the predicted log10 M.
    parent : (n,) array of str
    """

    edges: tuple[float, ...]
    change: np.ndarray
    photons: np.ndarray
    area: np.ndarray
    rise_dex: np.ndarray
    parent: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[DreamProfile]) -> DreamProfile:
        """Return the clusters of several profiles as one: those of the folds, each dreamed by its own network.

        Raises
        ------
        ConfigError
            If there is none, or their annuli or iterations differ.
        """
        kinds = {(part.edges, part.change.shape[1]) for part in parts}
        if len(kinds) != 1:
            raise ConfigError(
                "These profiles cannot be joined.",
                expected="one or more, with the same annuli and iterations",
                got=f"{len(parts)} of {len(kinds)} kinds",
            )
        names = ("change", "photons", "area", "rise_dex", "parent")
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(parts[0].edges, **columns)

    @property
    def n_iterations(self) -> int:
        """Number of steps."""
        return int(self.change.shape[1])

    def relative(self, bootstrap: Bootstrap) -> Drawn:
        """Return dN / N of the mean cluster, (iteration, annulus) [1]: the paper's figure; NaN without photons."""
        return ratio_of_means(self.parent, self.change, self.photons[:, None], bootstrap)

    def per_area(self, bootstrap: Bootstrap) -> Drawn:
        """Return the photons added per R500c^2 over all photons, (iteration, annulus) [1]; NaN without pixels."""
        return ratio_of_means(self.parent, self.change, self.area[:, None], bootstrap)


def dream(
    models: Models,
    data: MapData,
    footprints: Footprints,
    *,
    n_iterations: int = 2,
    fraction: float = FRACTION,
    edges: Sequence[float] = EDGES,
    chunk: int = CHUNK,
) -> DreamProfile:
    """Raise the predicted masses of clusters by moving their photons, and say where to.

    Parameters
    ----------
    models : MassModel or sequence of MassModel
        A network, or the members of an ensemble.
    data : MapData
        Counts: all channels are bands.
    footprints : Footprints
        One per image.
    n_iterations : int
        Steps, each with the gradient of the image that the one before has left.
    fraction : float [1]
        Photons that one step moves over those in the image; above 0, at most 1.
    edges : (annulus + 1,) floats [1]
        In R500c.
    chunk : int
        Images at a time.

    Raises
    ------
    ConfigError
        If the fraction or the number of iterations cannot be used, or edges are none.
    MapError
        If an image has negative counts or no photons, or footprints are not one per image.
    """
    if not (0.0 < fraction <= 1.0 and n_iterations >= 1):
        raise ConfigError(
            "These steps cannot be taken.",
            where="fraction, n_iterations",
            expected="0 < fraction <= 1, and at least one iteration",
            got=f"{fraction}, {n_iterations}",
        )
    radii = annulus_edges(edges)
    check_footprints(footprints, len(data))
    _check_counts(data.maps)
    parts = []
    for start in range(0, len(data), chunk):
        rows = slice(start, start + chunk)
        columns = _dreamed(models, data.rows(rows), footprints.selected(rows), n_iterations, fraction, radii)
        parts.append(DreamProfile(radii, *columns, data.parent[rows]))
    return DreamProfile.joined(parts)


def climb(counts: Tensor, derivative: Tensor, fraction: float) -> Tensor:
    """Return the change of the counts in one step.

    Parameters
    ----------
    counts, derivative : (batch, band, y, x) Tensors
        Photons, and the derivative of log10 M by them.
    fraction : float [1]
        Photons that come and go over those that are there.

    Returns
    -------
    (batch, band, y, x) Tensor
        Nowhere below -counts; zero if the derivative is. Less than the fraction if the derivative asks for photons to
        go, and there are not so many where it does.
    """
    there, slope = counts.double(), derivative.double()
    target = fraction * there.sum((1, 2, 3), keepdim=True)
    size = slope.abs().sum((1, 2, 3), keepdim=True)
    length = torch.where(size > 0.0, target / size.clamp(min=torch.finfo(size.dtype).tiny), 0.0)
    change = torch.maximum(length * slope, -there)
    # What moves is a concave function of the length, through zero: no step of this goes beyond the target.
    for _ in range(_LENGTH_STEPS):
        moved = change.abs().sum((1, 2, 3), keepdim=True)
        length = length * torch.where(moved > 0.0, (target / moved.clamp(min=1e-300)).clamp(max=10.0), 1.0)
        change = torch.maximum(length * slope, -there)
    return change.to(counts.dtype)


def _dreamed(
    models: Models,
    batch: Batch,
    footprints: Footprints,
    n_iterations: int,
    fraction: float,
    edges: Sequence[float],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return change, photons, area and rise of some clusters, as ``DreamProfile`` has them."""
    radius = footprints.radius(batch.maps.shape[-1])

    def profile(images: Tensor) -> np.ndarray:
        return annulus_sums(images.sum(1).double().numpy(), radius, edges)

    counts, changes, log10_masses = batch.maps.float(), [], []
    for _ in range(n_iterations):
        log10_mass, derivative = gradient(models, Batch(counts, batch.redshift, present=batch.present))
        change = climb(counts, derivative, fraction)
        counts = (counts + change).clamp(min=0.0)  # rounding
        changes.append(profile(change))
        log10_masses.append(log10_mass)
    log10_masses.append(predicted_log10(models, Batch(counts, batch.redshift, present=batch.present)))
    rise_dex = torch.stack(log10_masses, 1).diff(dim=1).double().numpy()
    all_photons = batch.maps.double().sum((1, 2, 3)).numpy()[:, None]
    area = annulus_sums(np.ones_like(radius), radius, edges) / footprints.r500c_pixels[:, None] ** 2
    change_of_all = np.stack(changes, axis=1) / all_photons[:, None]
    return change_of_all, profile(batch.maps) / all_photons, area, rise_dex


def _check_counts(maps: Tensor) -> None:
    if bool((maps < 0.0).any()) or not bool((maps.flatten(1).sum(1) > 0.0).all()):
        raise MapError(
            "Photons can be moved only in images of counts.",
            where="dream",
            expected="no negative pixel, and at least one photon in each image",
            got=f"a lowest pixel of {float(maps.min()):.4g}, and {float(maps.flatten(1).sum(1).min()):.4g} photons in "
            "the faintest image",
            fix="give counts as they were recorded, without a background taken away",
        )


@dataclass(frozen=True, eq=False)
class CoreResponse:
    """How a network responds to the core, and to what is around it.

    Parameters
    ----------
    inside, outside : Drawn [1]
        Photons that are added per R500c^2, or over those that are there, in the core and around it.
    ratio : Drawn [1]
        One over the other: 0 for an excised core, 1 for an even response; NaN if nothing is outside.
    limit : float [1]
        Below it, a core counts as excised.
    """

    inside: Drawn
    outside: Drawn
    ratio: Drawn
    limit: float

    @property
    def is_excised(self) -> bool | None:
        """Whether in 95 % of the resamples the core responds less, by size, than the limit times what is around it.

        What is around it must raise the mass. None if there are too few parents for resamples.
        """
        if self.inside.resamples is None or self.outside.resamples is None:
            return None
        return bool(
            np.mean(np.abs(self.inside.resamples) < self.limit * self.outside.resamples) >= _CONFIDENCE
        )


def core_response(
    profile: DreamProfile,
    bootstrap: Bootstrap,
    *,
    core: float = CORE,
    reach: float = 1.0,
    iteration: int = 0,
    per_photon: bool = False,
    limit: float = RESPONSE_LIMIT,
) -> CoreResponse:
    """Return the response inside the core over that around it.

    Parameters
    ----------
    profile : DreamProfile
    bootstrap : Bootstrap
    core, reach : float [1]
        Where the core ends, and what is around it, in R500c; both among the edges of the annuli.
    iteration : int
        Which; 0 is the first.
    per_photon : bool
        Divide by the photons, as the paper's figure does, instead of by the area. See the head of this file.
    limit : float [1]

    Raises
    ------
    ConfigError
        If core and reach are not edges, in this order, or there is no such iteration.
    MapError
        If no pixel of any cluster lies inside the core.
    """
    edges = profile.edges
    if not (core in edges and reach in edges and core < reach and 0 <= iteration < profile.n_iterations):
        raise ConfigError(
            "The response of the core cannot be read from this profile.",
            expected=f"core < reach among {edges}, and an iteration from 0 to {profile.n_iterations - 1}",
            got=f"core {core}, reach {reach}, iteration {iteration}",
        )
    within, around = slice(0, edges.index(core)), slice(edges.index(core), edges.index(reach))
    if not profile.area[:, within].any():
        raise MapError(
            "No pixel lies inside the core.",
            where="core_response",
            expected=f"pixels within {core} R500c",
            got="none in any image",
            fix="use finer images",
        )
    below = profile.photons if per_photon else profile.area
    inside, outside = (
        ratio_of_means(
            profile.parent, profile.change[:, iteration, part].sum(1), below[:, part].sum(1), bootstrap
        )
        for part in (within, around)
    )
    return CoreResponse(inside, outside, paired(_over, inside, outside), limit)


def _over(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Divide; NaN where nothing is outside."""
    return np.divide(inside, outside, out=np.full(np.shape(inside), np.nan), where=outside != 0.0)
