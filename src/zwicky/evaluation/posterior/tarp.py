"""Is the joint posterior calibrated? Tests of accuracy with random points (Lemos et al. 2023).

For each cluster a reference point is drawn that knows nothing of its truth. The samples that lie nearer to it than the
truth does are a part f of all; under calibration f is uniform, in any number of dimensions (their theorem 3). The
curve is P(f < alpha): on the diagonal if calibrated, below it at alpha > 1/2 if over-confident.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zwicky.core.errors import MapError
from zwicky.evaluation.bootstrap import resample
from zwicky.evaluation.posterior.functionals import OfMaps
from zwicky.evaluation.posterior.order import Purpose, independent_rows, key_of, ranks_among
from zwicky.evaluation.posterior.ranks import cumulative_counts, uniform_band

PROBABILITY = 0.95


@dataclass(frozen=True, eq=False)
class Tarp:
    """The curve of expected coverage against credibility.

    Parameters
    ----------
    dimensions : int
        Of the vectors.
    credibility : (N,) array [1]
        alpha = (j + 1) / (N + 1), j = 0..N - 1: where the curve of N samples can be read without interpolation.
    expected_coverage : (N,) array [1]
        Part of the clusters with at most j samples nearer than the truth.
    half_width_95 : float [1]
        Of the band: 95 % of the resamples of parents stay within it of the curve, at every credibility at once.
    largest_deviation : float [1]
        Of the curve from the diagonal.
    inside : bool
        Whether the diagonal stays inside the band.
    tail_area : float [1]
        Mean of curve minus diagonal at credibilities above 1/2: negative if over-confident, positive if
        under-confident.
    p_value : float [1]
        Of the uniformity of f (`ranks.uniform_band`), from one row of each parent.
    """

    dimensions: int
    credibility: np.ndarray
    expected_coverage: np.ndarray
    half_width_95: float
    largest_deviation: float
    inside: bool
    tail_area: float
    p_value: float


def tarp(truth: np.ndarray, samples: np.ndarray, parent: np.ndarray, n_resamples: int, seed: int) -> Tarp:
    """Test the joint posterior of vectors.

    Each component is put in units of its standard deviation over all vectors, true and drawn; reference points are
    uniform in the box that all of them span. Both treat the truth as one more sample. Units and box of the true
    vectors alone would fit the truth better than the samples, so that it seems near to its reference: for 60
    calibrated clusters in 128 dimensions, whose posterior means scatter by 0.3 of a posterior sd, f is then 0.43 on
    average, not 0.5, and more than a third of such sets fail.

    Parameters
    ----------
    truth : (n, d) array
        In any unit.
    samples : (n, sample, d) array
    parent : (n,) array of str
    n_resamples : int
    seed : int

    Raises
    ------
    MapError
        If shapes do not belong together, or a component is the same for all vectors.
    ConfigError
        If no resample is asked for.
    """
    if truth.ndim != 2 or samples.shape != (len(truth), samples.shape[1], truth.shape[1]):
        raise MapError(
            "These vectors do not belong together.",
            where="tarp",
            expected="truth (n, d), samples (n, sample, d)",
            got=f"shapes {truth.shape} and {samples.shape}",
        )
    everything = np.concatenate([truth[:, None], samples], axis=1).reshape(-1, truth.shape[1])
    centre, unit = everything.mean(axis=0), everything.std(axis=0)
    if not (unit > 0.0).all():
        raise MapError(
            "A component that never changes has no unit.",
            where=f"tarp, component {int(np.argmin(unit > 0.0))}",
            expected="vectors that differ in every component",
            got="a standard deviation of 0",
            fix="leave the component out",
        )
    true, drawn = (truth - centre) / unit, (samples - centre) / unit
    places = nearer(true, drawn, reference_points((everything - centre) / unit, len(true), seed), seed)
    return _curve(places, samples.shape[1], truth.shape[1], parent, n_resamples, seed)


def reference_points(vectors: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return a point for each of n clusters, uniform in the box of some vectors (m, d): (n, d)."""
    low, high = vectors.min(axis=0), vectors.max(axis=0)
    uniform = np.stack(
        [key_of(seed, Purpose.REFERENCES, row + 1).uniform(vectors.shape[1]) for row in range(n)]
    )
    return low + (high - low) * uniform


def nearer(truth: np.ndarray, samples: np.ndarray, references: np.ndarray, seed: int) -> np.ndarray:
    """Return how many samples lie nearer to the reference point than the truth does, (n,) int; ties at random."""
    to_truth = np.linalg.norm(truth - references, axis=-1)
    to_samples = np.linalg.norm(samples - references[:, None], axis=-1)
    return ranks_among(to_truth, to_samples, key_of(seed, Purpose.TIES))


def summary_vectors(truth: OfMaps, samples: OfMaps) -> tuple[np.ndarray, np.ndarray]:
    """Return log10 of the profiles of all targets, (n, target * annulus) and (n, sample, target * annulus) [dex]."""
    return _flat(np.log10(truth.profile_msun_mpc2), 1), _flat(np.log10(samples.profile_msun_mpc2), 2)


def coarse_vectors(truth: OfMaps, samples: OfMaps) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels of the coarse maps of all targets, (n, d) and (n, sample, d) [dex]."""
    return _flat(truth.coarse_dex, 1), _flat(samples.coarse_dex, 2)


def _flat(values: np.ndarray, lead: int) -> np.ndarray:
    return values.reshape(*values.shape[:lead], -1)


def _curve(
    places: np.ndarray, n_samples: int, dimensions: int, parent: np.ndarray, n_resamples: int, seed: int
) -> Tarp:
    """Return the curve of the places 0..N of the truths, (n,)."""
    rows = independent_rows(parent)
    band = uniform_band(len(rows), n_samples, seed)
    curve = cumulative_counts(places, n_samples) / len(places)

    def of_rows(drawn: np.ndarray) -> np.ndarray:
        return cumulative_counts(places[drawn], n_samples) / drawn.shape[-1]

    resampled = resample(parent, of_rows, n_resamples, key_of(seed, Purpose.ORDERINGS))
    half_width = float(np.quantile(np.abs(resampled - curve).max(axis=-1), PROBABILITY))
    deviation = curve - band.fraction
    largest = float(np.abs(deviation).max())
    return Tarp(
        dimensions,
        band.fraction,
        curve,
        half_width,
        largest,
        largest <= half_width,
        float(deviation[band.fraction > 0.5].mean()),
        float(band.p_value(cumulative_counts(places[rows], n_samples))),
    )
