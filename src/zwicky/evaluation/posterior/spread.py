"""Are a few network evaluations enough? Spread and coverage of samples against those of a long run (gate C5).

Everything is of log10 of the maps. Runs of one flow from the same noise end in nearly the same samples, whatever the
solver: their comparison is paired, and nearly free of the scatter of samples. Samples of a stochastic solver share
nothing with the reference but the clusters; what then limits the comparison is in the errors, which resample clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from scipy import fft

from zwicky.core.errors import MapError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.mapping.apertures import cylinder_masses_msun
from zwicky.evaluation.posterior.functionals import RADII_MPC
from zwicky.evaluation.posterior.order import Purpose, inside_central, key_of, ranks_among
from zwicky.evaluation.posterior.pixels import LEVELS
from zwicky.inference.posterior.scale_temperature import octaves

SD_GATE: Final = 0.02
"""Largest error of a standard deviation, as a ratio."""
COVERAGE_GATE: Final = 1.0
"""Largest shift of the coverage [percentage points]."""
RESAMPLES: Final = 400


@dataclass(frozen=True, eq=False)
class SpreadComparison:
    """How samples spread, over how a reference spreads; 1 and 0 are perfect.

    Parameters
    ----------
    octave_edges : (octave - 1,) array [half waves per side]
        Between the octaves of |k| of the cosine modes.
    radii_mpc : (radius,) array [Mpc]
    pixel_ratio : (target,) array [1]
        Of the posterior standard deviation of pixels, root mean square over pixels and clusters.
    octave_ratio : (target, octave) array [1]
        The same of the cosine modes.
    mass_ratio : (target, radius) array [1]
        The same of log10 M(<R).
    pixel_ratio_se, octave_ratio_se, mass_ratio_se : arrays [1]
        Standard errors: the scatter over resampled clusters. NaN with a single cluster.
    coverage : (2, target, level) array [1]
        Fraction of the true pixels inside the central 68 and 95 % of samples: of the reference, and of the other run.
        Both with as many samples as the smaller of the two runs has: intervals that miss, miss by an amount that
        depends on the number of samples.
    shift_points, shift_points_se : (target, level) arrays [percentage points]
        Of the coverage, against the reference's.
    n_clusters, n_reference, n_samples : int
        Clusters, and samples of each in the two runs.
    """

    octave_edges: np.ndarray
    radii_mpc: np.ndarray
    pixel_ratio: np.ndarray
    octave_ratio: np.ndarray
    mass_ratio: np.ndarray
    pixel_ratio_se: np.ndarray
    octave_ratio_se: np.ndarray
    mass_ratio_se: np.ndarray
    coverage: np.ndarray
    shift_points: np.ndarray
    shift_points_se: np.ndarray
    n_clusters: int
    n_reference: int
    n_samples: int

    @property
    def error(self) -> float:
        """Largest error of a standard deviation, over targets, pixels and octaves [1]; NaN if one is no number."""
        return float(self._deviations.max())

    @property
    def error_se(self) -> float:
        """Standard error of the ratio that ``error`` is of [1].

        The largest of many noisy deviations is larger than the true one by about as much.
        """
        return float(self._errors[self._deviations.argmax()])

    @property
    def coverage_shift(self) -> float:
        """Largest shift of a coverage [percentage points]."""
        return float(np.abs(self.shift_points).max())

    @property
    def passes(self) -> bool:
        """Whether both are inside gate C5; samples that are not numbers never are."""
        return self.error <= SD_GATE and self.coverage_shift <= COVERAGE_GATE

    @property
    def may_pass(self) -> bool:
        """Whether all deviations are inside gate C5, or within two standard errors of it.

        For runs that share no noise with the reference: the doubt is theirs.
        """
        if self.passes:
            return True
        spread = self._deviations <= SD_GATE + 2.0 * self._errors
        cover = np.abs(self.shift_points) <= COVERAGE_GATE + 2.0 * self.shift_points_se
        return bool(spread.all() and cover.all())

    @property
    def _deviations(self) -> np.ndarray:
        return np.abs(np.concatenate([self.pixel_ratio, self.octave_ratio.ravel()]) - 1.0)

    @property
    def _errors(self) -> np.ndarray:
        return np.concatenate([self.pixel_ratio_se, self.octave_ratio_se.ravel()])

    def facts(self) -> dict[str, Any]:
        """Return all numbers as JSON has them; None for what is not a number."""
        arrays = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        numbers = {
            "n_clusters": self.n_clusters,
            "n_reference": self.n_reference,
            "n_samples": self.n_samples,
        }
        return {**{name: _listed(value) for name, value in arrays.items()}, **numbers}


class _OfRun(NamedTuple):
    """Variances and coverage of one run; the cluster is the first axis."""

    pixel: np.ndarray
    octave: np.ndarray
    mass: np.ndarray
    inside: np.ndarray


def compare_spread(
    reference_log10: np.ndarray,
    other_log10: np.ndarray,
    truth_log10: np.ndarray,
    pixel_mpc: float,
    seed: int = 0,
) -> SpreadComparison:
    """Compare samples with those of a long run.

    Parameters
    ----------
    reference_log10, other_log10 : (n, sample, target, y, x) arrays [dex of Msun Mpc^-2]
        Of the same clusters; at least two samples of each, not necessarily as many in both.
    truth_log10 : (n, target, y, x) array [dex of Msun Mpc^-2]
    pixel_mpc : float
        Side of a pixel [Mpc].
    seed : int
        Of the resampled clusters, and of ties.

    Raises
    ------
    MapError
        If the arrays do not belong together, or samples of the reference do not differ.
    """
    _check(reference_log10, other_log10, truth_log10)
    n, n_pixels = len(truth_log10), truth_log10.shape[-1]
    shared = min(reference_log10.shape[1], other_log10.shape[1])
    radii = np.array(RADII_MPC)
    radii = radii[(radii <= 0.5 * n_pixels * pixel_mpc * (1.0 + 1e-9)) & (radii >= pixel_mpc * (1.0 - 1e-9))]
    reference, other = (
        _measured(one, truth_log10, pixel_mpc, radii, shared, seed) for one in (reference_log10, other_log10)
    )
    if not reference.pixel.any(axis=0).all():
        raise MapError(
            "All samples of the reference agree: nothing can be compared with their spread.",
            where="compare_spread",
            expected="samples that differ",
        )
    drawn = Key(seed, Stream.BOOTSTRAP).integers(n, RESAMPLES * n).reshape(RESAMPLES, n)
    weights = np.stack([np.bincount(row, minlength=n) for row in drawn]) / n
    ratios = [
        _ratio(a, b, weights)
        for a, b in zip((other.pixel, other.octave, other.mass), reference[:3], strict=True)
    ]
    shift = 100.0 * (other.inside - reference.inside)
    return SpreadComparison(
        octave_edges=np.array(octaves(n_pixels)),
        radii_mpc=radii,
        pixel_ratio=ratios[0][0],
        octave_ratio=ratios[1][0],
        mass_ratio=ratios[2][0],
        pixel_ratio_se=ratios[0][1],
        octave_ratio_se=ratios[1][1],
        mass_ratio_se=ratios[2][1],
        coverage=np.stack([reference.inside.mean(axis=0), other.inside.mean(axis=0)]),
        shift_points=shift.mean(axis=0),
        shift_points_se=_scatter(np.tensordot(weights, shift, axes=1), n),
        n_clusters=n,
        n_reference=reference_log10.shape[1],
        n_samples=other_log10.shape[1],
    )


def _measured(
    samples: np.ndarray, truth: np.ndarray, pixel_mpc: float, radii_mpc: np.ndarray, shared: int, seed: int
) -> _OfRun:
    """Return unbiased variances, and the share of the true pixels inside intervals of ``shared`` samples."""
    edges, k = octaves(samples.shape[-1]), np.arange(samples.shape[-1])
    which = np.digitize(np.hypot(k[:, None], k), edges).ravel()
    found = []
    for i, (drawn, true) in enumerate(zip(samples, truth, strict=True)):  # one by one: it fits into memory
        exact = drawn.astype(float)
        waves = fft.dctn(exact - exact.mean(axis=0), axes=(-2, -1), norm="ortho")
        power = (waves**2).sum(axis=0) / (len(exact) - 1)
        octave = np.stack([np.bincount(which, one.ravel(), len(edges) + 1) for one in power])
        mass = np.log10(_masses(exact, pixel_mpc, radii_mpc)).var(axis=0, ddof=1)
        ranks = ranks_among(true[None], drawn[None, :shared], key_of(seed, Purpose.TIES, i))[0]
        inside = [inside_central(ranks, shared, level).mean(axis=(-2, -1)) for level in LEVELS]
        found.append((power.mean(axis=(-2, -1)), octave, mass, np.stack(inside, axis=-1)))
    return _OfRun(*(np.stack(column) for column in zip(*found, strict=True)))


def _masses(log10_maps: np.ndarray, pixel_mpc: float, radii_mpc: np.ndarray) -> np.ndarray:
    """Return M(<R) of (sample, target, y, x) maps, (sample, target, radius) [Msun]."""
    lead, plane = log10_maps.shape[:2], log10_maps.shape[2:]
    flat = 10.0 ** log10_maps.reshape(-1, *plane)
    pixels, radii = np.full(len(flat), pixel_mpc), np.tile(radii_mpc, (len(flat), 1))
    return cylinder_masses_msun(flat, pixels, radii).reshape(*lead, -1)


def _ratio(other: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the root of the ratio of mean variances (n, ...), and its error by resampling."""
    ratio = np.sqrt(other.mean(axis=0) / reference.mean(axis=0))
    resampled = np.sqrt(np.tensordot(weights, other, axes=1) / np.tensordot(weights, reference, axes=1))
    return ratio, _scatter(resampled, len(other))


def _scatter(resampled: np.ndarray, n: int) -> np.ndarray:
    """Return the scatter over resamples of n clusters, without the sqrt(1 - 1/n) that resampling takes off."""
    return resampled.std(axis=0) * np.sqrt(n / (n - 1.0)) if n > 1 else np.full(resampled.shape[1:], np.nan)


def _listed(values: np.ndarray) -> list[Any]:
    listed = values.astype(object)
    listed[~np.isfinite(values)] = None
    return list(listed.tolist())


def _check(reference: np.ndarray, other: np.ndarray, truth: np.ndarray) -> None:
    good = truth.ndim == 4 and len(truth) and truth.shape[-1] == truth.shape[-2] > 1
    pair = (reference, other)
    good = good and all(one.ndim == 5 and one.shape[1] >= 2 for one in pair)
    if not (good and all((len(one), *one.shape[2:]) == truth.shape for one in pair)):
        raise MapError(
            "These samples cannot be compared.",
            where="compare_spread",
            expected="two times (n, sample >= 2, target, y, x) of the same square maps, and a truth (n, target, y, x)",
            got=f"{reference.shape}, {other.shape}, truth {truth.shape}",
        )
