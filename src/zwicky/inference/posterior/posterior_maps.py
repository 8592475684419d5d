"""Samples of the maps of some clusters: the record between inference and evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zwicky.core.errors import MapError, SamplingError
from zwicky.core.grid import Grid
from zwicky.core.masses import M200C
from zwicky.core.posteriors import MapPosterior, MassPosterior
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.inference.posterior.cylinders import cylinder_masses


@dataclass(frozen=True, eq=False)
class PosteriorMaps:
    """Equally weighted samples of several maps of n clusters, and of their masses.

    Parameters
    ----------
    samples : (n, sample, target, y, x) float32 array [Msun Mpc^-2]
        Positive.
    targets : tuple of MapQuantity
        What the maps show.
    grid : Grid
        Their pixels.
    log10_m200c : (n, sample) array [dex of Msun]
        Of the same samples.
    evaluations : int
        Evaluations of the network behind each sample.
    names : tuple of str
        Of the clusters.
    method : str
        Who says so.

    Raises
    ------
    MapError
        If the arrays do not belong together.
    SamplingError
        If a sample is not finite, or not positive.
    """

    samples: np.ndarray
    targets: tuple[MapQuantity, ...]
    grid: Grid
    log10_m200c: np.ndarray
    evaluations: int
    names: tuple[str, ...]
    method: str = "diffusion"

    def __post_init__(self) -> None:
        n, n_samples = len(self.names), self.samples.shape[1] if self.samples.ndim == 5 else 0
        wanted = (n, n_samples, len(self.targets), *self.grid.shape)
        if self.samples.shape != wanted or n_samples < 1 or self.log10_m200c.shape != (n, n_samples):
            raise MapError(
                "Samples of maps and of masses do not belong together.",
                where="posterior maps",
                expected=f"samples {wanted}, a mass for each of them",
                got=f"samples {self.samples.shape}, masses {self.log10_m200c.shape}",
            )
        flat = self.samples.reshape(n, -1)
        whole = np.isfinite(self.log10_m200c).all(axis=1)
        bad = np.flatnonzero(~(np.isfinite(flat).all(axis=1) & (flat > 0.0).all(axis=1) & whole))
        if bad.size:
            raise SamplingError(
                "Samples of a surface density are positive numbers.",
                where=f"clusters {', '.join(self.names[i] for i in bad[:5])}",
                got=f"{bad.size} clusters with samples that are not",
                rows=tuple(int(i) for i in bad),
            )

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def n_samples(self) -> int:
        """Of each cluster."""
        return self.samples.shape[1]

    def mean(self) -> np.ndarray:
        """Return the posterior mean of each map, (n, target, y, x) [Msun Mpc^-2]."""
        return np.asarray(self.samples.mean(axis=1, dtype=float))

    def sd(self) -> np.ndarray:
        """Return the posterior standard deviation, (n, target, y, x) [Msun Mpc^-2]; 0 for a single sample."""
        return np.asarray(self.samples.std(axis=1, dtype=float, ddof=1 if self.n_samples > 1 else 0))

    def quantile(self, level: float) -> np.ndarray:
        """Return the quantile of each pixel at a level, (n, target, y, x) [Msun Mpc^-2]."""
        return np.asarray(np.quantile(self.samples, level, axis=1))

    def masses_within(self, radius_mpc: float) -> np.ndarray:
        """Return M(<R) of each sample inside a cylinder, (n, sample, target) [Msun]; see ``cylinder_masses``."""
        return cylinder_masses(self.samples, self.grid, (radius_mpc,))[..., 0]

    def posterior(self, row: int, target: MapQuantity) -> MapPosterior:
        """Return the samples of one map of one cluster."""
        if target not in self.targets:
            raise MapError(
                "This map was not sampled.",
                where="posterior maps",
                expected=", ".join(self.targets),
                got=str(target),
            )
        facts = {"cluster": self.names[row], "method": self.method, "evaluations": str(self.evaluations)}
        maps = self.samples[row, :, self.targets.index(target)]
        return MapPosterior(maps, target, UNIT_OF[target], self.grid, facts)

    def mass_posterior(self, row: int) -> MassPosterior:
        """Return the samples of M200c of one cluster; at least two are needed."""
        return MassPosterior(10.0 ** self.log10_m200c[row], M200C, self.method)

    def selected(self, rows: np.ndarray) -> PosteriorMaps:
        """Return some clusters; ``rows`` is a mask (n,) or indices."""
        index = np.arange(len(self))[rows]
        names = tuple(self.names[i] for i in index)
        return PosteriorMaps(
            self.samples[index], self.targets, self.grid, self.log10_m200c[index], self.evaluations, names,
            self.method,
        )  # fmt: skip
