"""Draw samples of log10 maps: each from its own key, in batches that fit into memory, never from faulty pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from zwicky.core.errors import MapError, RedshiftError, SamplingError
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity
from zwicky.core.randomness import Key, Stream
from zwicky.models.base import Batch, SampleModel
from zwicky.models.diffusion.sampler import Sampler
from zwicky.models.map_moments import MapMoments
from zwicky.models.residual_maps import with_moments

Progress = Callable[[int, int], None]
"""Called with the number of samples drawn so far, and of all."""

MEMORY: Final = 1_000_000_000
"""Of a batch's features [bytes]; the samples themselves come on top."""
FEATURES: Final = 12
"""Feature maps of the finest level that are alive together: those of a block, its output, and what waits for the way up
(all coarser levels together are as large as one of them)."""
MOST_ROWS: Final = 256
LARGEST_DEX: Final = 37.0
"""Single precision ends at 3e38 and 1e-38."""
_NAMED: Final = 5


@dataclass(frozen=True, eq=False)
class Networks:
    """What samples are drawn with.

    Parameters
    ----------
    sampled : SampleModel
        The diffusion model.
    moments : MapMoments, optional
        What says mean and standard deviation first, where the model asks for them.
    """

    sampled: SampleModel
    moments: MapMoments | None

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return next(self.sampled.parameters()).device

    def batch(self, maps: np.ndarray, redshift: np.ndarray) -> Batch:
        """Return what the diffusion model is given of some clusters."""
        views = self.views(maps, redshift)
        if self.moments is None:
            return views
        return Batch(with_moments(views.maps, *self.moments.moments(views)), views.redshift)

    def views(self, maps: np.ndarray, redshift: np.ndarray) -> Batch:
        """Return what the network for mean and standard deviation is given of some clusters."""
        # Copied in C order: torch takes no negative strides, as of reversed arrays.
        tensors = (torch.from_numpy(np.array(one, np.float32, order="C")) for one in (maps, redshift))
        return Batch(*(one.to(self.device) for one in tensors))


def cluster_numbers(names: Sequence[str] | None, n: int) -> list[int]:
    """Return the number of each cluster in keys: from its name, so that it does not depend on its neighbours.

    Parameters
    ----------
    names : n str, optional
        Without names, rows are numbered: a sample then depends on the row.
    n : int
        Clusters.
    """
    if names is None:
        return list(range(n))
    digests = (hashlib.sha256(name.encode()).digest() for name in names)
    return [int.from_bytes(digest[:8], "big") >> 1 for digest in digests]


def sample_keys(seed: int, numbers: Sequence[int], samples: range) -> list[list[Key]]:
    """Return the key of each sample's noise, (cluster, sample)."""
    return [[Key(seed, Stream.POSTERIOR_SAMPLES, one, sample) for sample in samples] for one in numbers]


def rows_that_fit(network: nn.Module, n_pixels: int) -> int:
    """Return how many samples are drawn together, so that features take less than about 1 GB."""
    # The first convolution works on the finest level, whose features are the largest.
    convolutions = (one for one in network.modules() if isinstance(one, nn.Conv2d))
    width = next((one.out_channels for one in convolutions), 1)
    return int(np.clip(MEMORY // (4 * FEATURES * width * n_pixels**2), 1, MOST_ROWS))


def pieces(n: int, n_samples: int, rows: int) -> Iterator[tuple[slice, list[range]]]:
    """Yield clusters that go together, and the samples of each that do: their condition is read once for all."""
    together = max(1, rows // n_samples)
    chunks = [range(i, min(i + rows, n_samples)) for i in range(0, n_samples, rows)]
    for start in range(0, n, together):
        yield slice(start, min(start + together, n)), chunks


@torch.inference_mode()
def draw_log10(
    networks: Networks,
    maps: np.ndarray,
    redshift: np.ndarray,
    n_samples: int,
    seed: int,
    names: Sequence[str] | None,
    sampler: Sampler,
    progress: Progress | None = None,
    rows: int | None = None,
) -> np.ndarray:
    """Draw samples.

    Parameters
    ----------
    networks : Networks
    maps : (n, view, y, x) array
        Checked, in kept units.
    redshift : (n,) array [1]
    n_samples, seed : int
    names : n str, optional
        Of the clusters.
    sampler : Sampler
    progress : Progress, optional
    rows : int, optional
        Samples of all clusters that are drawn together; by default what fits into 1 GB.

    Returns
    -------
    (n, sample, target, y, x) float32 array [dex of Msun Mpc^-2]

    Raises
    ------
    SamplingError
        If the sampler diverges; it names the step and the clusters.
    """
    numbers, found = cluster_numbers(names, len(maps)), None
    fitting = rows or rows_that_fit(networks.sampled, maps.shape[-1])
    done = 0
    for clusters, chunks in pieces(len(maps), n_samples, fitting):
        batch = networks.batch(maps[clusters], redshift[clusters])
        for samples in chunks:
            keys = sample_keys(seed, numbers[clusters], samples)
            drawn = _drawn(networks.sampled, batch, keys, sampler, names, clusters.start)
            if found is None:
                found = np.empty((len(maps), n_samples, *drawn.shape[2:]), np.float32)
            found[clusters, samples.start : samples.stop] = drawn.float().cpu().numpy()
            done += drawn.shape[0] * drawn.shape[1]
            if progress is not None:
                progress(done, len(maps) * n_samples)
    assert found is not None
    return found


def _drawn(
    network: SampleModel,
    batch: Batch,
    keys: list[list[Key]],
    sampler: Sampler,
    names: Sequence[str] | None,
    first: int,
) -> Tensor:
    """Return samples of a batch, (cluster, sample, target, y, x), or say which clusters have none."""
    try:
        drawn = network.sample(batch, keys, sampler)
    except SamplingError as error:
        raise _of_clusters(error, error.rows or tuple(range(len(keys))), names, first) from error
    bad = torch.nonzero(~(drawn.abs() < LARGEST_DEX).flatten(1).all(dim=1)).flatten().tolist()
    if bad:
        left = SamplingError(
            "The sampler left the numbers.",
            where="after its last step",
            expected="finite surface densities, which single precision holds",
            fix="use more steps or other noise levels, or train the network longer",
        )
        raise _of_clusters(left, tuple(bad), names, first)
    return drawn


def _of_clusters(
    error: SamplingError, rows: tuple[int, ...], names: Sequence[str] | None, first: int
) -> SamplingError:
    """Return the error with names of clusters instead of rows of a batch."""
    clusters = tuple(first + row for row in rows)
    named = ", ".join(name_of(names, cluster) for cluster in clusters[:_NAMED])
    more = f" and {len(clusters) - _NAMED} more" if len(clusters) > _NAMED else ""
    return SamplingError(
        error.what,
        where=error.where,
        expected=error.expected,
        got=f"samples that are not of {named}{more}",
        fix=error.fix,
        rows=clusters,
    )


def name_of(names: Sequence[str] | None, row: int) -> str:
    """Return what a cluster is called in messages."""
    return f"cluster {row}" if names is None else names[row]


def check_samples(n_samples: int, *, recalibrated: bool) -> None:
    """Refuse a number of samples that makes no posterior.

    Raises
    ------
    SamplingError
        If it is not at least 1, or 2 where samples are recalibrated about their mean.
    """
    least = 2 if recalibrated else 1
    if n_samples < least:
        raise SamplingError(
            "So few samples are no posterior.",
            where="number of samples",
            expected=f"at least {least}"
            + (", because a single one has no spread to correct" if least > 1 else ""),
            got=n_samples,
            fix="ask for 50, as Hsu et al. 2024",
        )


def check_conditions(
    maps: np.ndarray,
    redshift: np.ndarray,
    names: Sequence[str] | None,
    views: Sequence[MapQuantity],
    grid: Grid,
) -> None:
    """Refuse views that a network cannot read, before anything is drawn.

    Raises
    ------
    MapError
        If maps are not on the grid, a pixel is not a positive number (cluster, view and number of pixels are named), or
        names are not one for each cluster.
    RedshiftError
        If redshifts are not one for each cluster, finite and not negative.
    """
    wanted = (len(views), *grid.shape)
    if maps.ndim != 4 or maps.shape[1:] != wanted or len(maps) == 0:
        raise MapError(
            "The maps are not on the pixels that the network was trained on.",
            where="views of a posterior",
            expected=f"shape (n, {', '.join(map(str, wanted))}), n >= 1: {', '.join(views)} on {grid}",
            got=f"shape {maps.shape}",
        )
    if names is not None and len(names) != len(maps):
        raise MapError(
            "Every cluster has a name, or none has.",
            where="views of a posterior",
            expected=f"{len(maps)} names",
            got=f"{len(names)} names",
        )
    z = np.asarray(redshift, float)
    if z.shape != (len(maps),) or not (np.isfinite(z) & (z >= 0.0)).all():
        raise RedshiftError(
            "Every cluster has a redshift.",
            where="views of a posterior",
            expected=f"{len(maps)} finite numbers >= 0",
            got=f"shape {z.shape}, {int((~(np.isfinite(z) & (z >= 0.0))).sum())} that are not",
        )
    _check_pixels(maps, names, views)


def _check_pixels(maps: np.ndarray, names: Sequence[str] | None, views: Sequence[MapQuantity]) -> None:
    unknown = (~np.isfinite(maps)).sum(axis=(2, 3))
    faulty = unknown + (maps <= 0.0).sum(axis=(2, 3)) - (maps == -np.inf).sum(axis=(2, 3))
    places = np.argwhere(faulty)
    if not len(places):
        return
    told = [
        f"{name_of(names, i)}, {views[j]}: {faulty[i, j]} pixels ({unknown[i, j]} of them not finite)"
        for i, j in places[:_NAMED].tolist()
    ]
    more = f"; and {len(places) - _NAMED} views more" if len(places) > _NAMED else ""
    raise MapError(
        "A view has pixels without a positive number, and this network takes logarithms.",
        where="views of a posterior",
        expected="finite values > 0 everywhere",
        got="; ".join(told) + more,
        fix="fill or mend these pixels, or leave the cluster out",
    )
