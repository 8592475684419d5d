"""What posterior samples are judged by: true maps, samples given the views, and what is known of the clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zwicky.core.errors import MapError
from zwicky.core.quantities import MapQuantity

MINIMUM_SAMPLES = 4
"""With fewer, the standard deviation of the samples has no error: Student's t of N - 1 has no variance."""


@dataclass(frozen=True, eq=False)
class PosteriorTest:
    """A test set: n clusters with their true maps, and samples of what the maps may be given the views.

    Parameters
    ----------
    truth : (n, target, y, x) float32 array [Msun Mpc^-2]
        Positive, square, centred on the assumed centre of the cluster.
    samples : (n, sample, target, y, x) float32 array [Msun Mpc^-2]
        Positive; at least ``MINIMUM_SAMPLES`` of each cluster.
    inputs : (n, view, y, x) array [unit of each view]
        What the samples are conditioned on.
    targets, views : tuple of MapQuantity
    pixel_mpc : float [Mpc]
        Side of a pixel.
    log10_m200c : (n,) array [dex of Msun]
        True masses.
    parent : (n,) array of str
        The unit of independence; one row of each is the normal case.
    log10_m200c_samples : (n, sample) array [dex of Msun], optional
        What a deprojection makes of each sample.

    Raises
    ------
    MapError
        If shapes do not belong together, or a map is not positive.
    """

    truth: np.ndarray
    samples: np.ndarray
    inputs: np.ndarray
    targets: tuple[MapQuantity, ...]
    views: tuple[MapQuantity, ...]
    pixel_mpc: float
    log10_m200c: np.ndarray
    parent: np.ndarray
    log10_m200c_samples: np.ndarray | None = None

    def __post_init__(self) -> None:
        n, n_samples = len(self.truth), self.samples.shape[1] if self.samples.ndim > 1 else 0
        side = self.truth.shape[-1] if self.truth.ndim else 0
        shapes = {
            "truth": (n, len(self.targets), side, side),
            "samples": (n, n_samples, len(self.targets), side, side),
            "inputs": (n, len(self.views), side, side),
            "log10_m200c": (n,),
            "parent": (n,),
            "log10_m200c_samples": (n, n_samples),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise MapError(
                    "The parts of this test set do not belong together.",
                    where=name,
                    expected=f"shape {shape}",
                    got=f"shape {array.shape}",
                )
        if not (n and n_samples >= MINIMUM_SAMPLES):
            raise MapError(
                "A posterior is judged by clusters with several samples each.",
                where="samples",
                expected=f"at least one cluster and {MINIMUM_SAMPLES} samples",
                got=f"{n} clusters, {n_samples} samples",
                fix="draw more samples",
            )
        for name in ("truth", "samples"):
            _check_positive(getattr(self, name), name)

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def n_samples(self) -> int:
        """Samples of each cluster."""
        return int(self.samples.shape[1])

    @property
    def n_pixels(self) -> int:
        """Pixels of a side."""
        return int(self.truth.shape[-1])

    def selected(self, rows: np.ndarray) -> PosteriorTest:
        """Return some of the clusters; ``rows`` is a mask (n,) or indices."""
        masses = self.log10_m200c_samples
        return PosteriorTest(
            self.truth[rows], self.samples[rows], self.inputs[rows], self.targets, self.views, self.pixel_mpc,
            self.log10_m200c[rows], self.parent[rows], None if masses is None else masses[rows],
        )  # fmt: skip


def _check_positive(maps: np.ndarray, name: str) -> None:
    """Refuse maps with a pixel that is not a positive finite number, naming the cluster."""
    for row, one in enumerate(
        maps
    ):  # one cluster at a time: a mask of all pixels would be as large as they are
        low, high = float(one.min()), float(one.max())  # NaN if any pixel is
        if not (low > 0.0 and np.isfinite(high)):
            raise MapError(
                "A surface density is a positive number.",
                where=f"{name}, cluster {row}",
                expected="finite numbers > 0 [Msun Mpc^-2]",
                got=f"values from {low:g} to {high:g}",
            )
