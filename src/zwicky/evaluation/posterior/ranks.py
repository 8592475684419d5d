"""Simulation-based calibration: are the ranks of true functionals among their samples uniform?

Talts et al. 2018: if truth and samples come from one distribution, ranks are uniform. The band that the empirical
distribution of uniform ranks leaves nowhere with 95 % probability is that of Säilynoja, Bürkner & Vehtari 2022
(Statistics and Computing 32, 32), by simulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from scipy.stats import binom

from zwicky.core.errors import ConfigError
from zwicky.core.quantities import MapQuantity
from zwicky.evaluation.posterior.functionals import Functionals
from zwicky.evaluation.posterior.order import Purpose, independent_rows, key_of, ranks_among

SIMULATIONS: Final = 2000
"""The level of the band is then 95 +- 0.5 %."""
PROBABILITY: Final = 0.95


@dataclass(frozen=True, eq=False)
class UniformBand:
    """What the distribution of n uniform ranks 0..N does.

    Parameters
    ----------
    fraction : (N,) array [1]
        Part of the ranks at or below 0..N - 1 that is expected: (j + 1) / (N + 1).
    low, high : (N,) arrays [1]
        The band: fractions minus the expected ones lie inside it, ends included, with 95 % probability.
    below, above : (n + 1, N) arrays [1]
        Binomial probability of at most, and at least, so many ranks at or below each.
    simulated : (simulation,) array [1]
        Smallest two-sided probability over ranks of each simulation, ascending.
    """

    fraction: np.ndarray
    low: np.ndarray
    high: np.ndarray
    below: np.ndarray
    above: np.ndarray
    simulated: np.ndarray

    def p_value(self, counts: np.ndarray) -> np.ndarray:
        """Return how likely uniform ranks are at least as far off as these, (..., N) cumulative counts -> (...)."""
        smallest = _smallest(counts, self.below, self.above)
        as_far = np.searchsorted(self.simulated, smallest * (1.0 + 1e-12), side="right")
        return np.asarray((1.0 + as_far) / (1.0 + len(self.simulated)))


@dataclass(frozen=True, eq=False)
class RankTests:
    """Ranks of functionals, and whether each is uniform.

    Parameters
    ----------
    names : tuple of str
        Such as ``"M(<0.4 Mpc)"``; one for each functional.
    targets : tuple of str
        Of which map; ``"log10_m200c"`` of the spherical mass.
    n_clusters, n_samples : int
        Independent clusters (the first row of each parent), and samples of each.
    ranks : (functional, n) int array
        0..N.
    fraction : (N,) array [1]
        Expected part of the ranks at or below 0..N - 1.
    ecdf_difference : (functional, N) array [1]
        Measured minus expected.
    band_low, band_high : (N,) arrays [1]
        95 % simultaneous band of the difference.
    p_value : (functional,) array [1]
        Of the test that the band is the 95 % case of.
    inside : (functional,) bool array
        Whether the difference stays inside the band.
    """

    names: tuple[str, ...]
    targets: tuple[str, ...]
    n_clusters: int
    n_samples: int
    ranks: np.ndarray
    fraction: np.ndarray
    ecdf_difference: np.ndarray
    band_low: np.ndarray
    band_high: np.ndarray
    p_value: np.ndarray
    inside: np.ndarray


def rank_tests(
    found: Functionals,
    targets: tuple[MapQuantity, ...],
    parent: np.ndarray,
    seed: int,
    log10_m200c: tuple[np.ndarray, np.ndarray] | None = None,
) -> RankTests:
    """Test the ranks of masses, profile, power, peak and ellipticity of each target.

    Parameters
    ----------
    found : Functionals
    targets : tuple of MapQuantity
    parent : (n,) array of str
        Only the first row of each is used: the band is that of independent ranks.
    seed : int
    log10_m200c : pair of arrays (n,) and (n, sample) [dex of Msun], optional
        True masses and their samples.
    """
    names, of_targets, truth, samples = _table(found, targets)
    if log10_m200c is not None:
        names, of_targets = [*names, "log10_m200c"], [*of_targets, "log10_m200c"]
        truth = np.concatenate([truth, log10_m200c[0][:, None]], axis=1)
        samples = np.concatenate([samples, log10_m200c[1][:, :, None]], axis=2)
    rows, n_samples = independent_rows(parent), samples.shape[1]
    ranks = ranks_among(truth[rows], samples[rows], key_of(seed, Purpose.TIES)).T
    band = uniform_band(len(rows), n_samples, seed)
    counts = cumulative_counts(ranks, n_samples)
    difference = counts / len(rows) - band.fraction
    return RankTests(
        tuple(names),
        tuple(of_targets),
        len(rows),
        n_samples,
        ranks,
        band.fraction,
        difference,
        band.low,
        band.high,
        band.p_value(counts),
        within(difference, band),
    )


def uniform_band(n: int, n_samples: int, seed: int, n_simulations: int = SIMULATIONS) -> UniformBand:
    """Return the simultaneous 95 % band of the distribution of n uniform ranks 0..n_samples.

    Säilynoja et al. 2022, algorithm 1: all cumulative counts are binomial; the two-sided probability gamma that the
    most extreme of them reaches is found by simulation, and the band is where no count is less likely.

    Raises
    ------
    ConfigError
        If there is nothing to rank.
    """
    if n < 1 or n_samples < 1 or n_simulations < 20:
        raise ConfigError(
            "A band needs ranks, and simulations of them.",
            where="n, n_samples, n_simulations",
            expected="n >= 1, n_samples >= 1, n_simulations >= 20",
            got=f"{n}, {n_samples}, {n_simulations}",
        )
    fraction = np.arange(1, n_samples + 1) / (n_samples + 1)
    count = np.arange(n + 1)[:, None]
    below = np.asarray(binom.cdf(count, n, fraction))
    above = np.asarray(binom.sf(count - 1, n, fraction))
    key = key_of(seed, Purpose.BAND)
    ranks = key.integers(n_samples + 1, n * n_simulations).reshape(n_simulations, n)
    simulated = np.sort(_smallest(cumulative_counts(ranks, n_samples), below, above))
    gamma = simulated[int(np.floor((1.0 - PROBABILITY) * n_simulations))] * (1.0 - 1e-12)
    likely = 2.0 * np.minimum(below, above) >= gamma
    low, high = likely.argmax(axis=0), n - likely[::-1].argmax(axis=0)
    return UniformBand(fraction, low / n - fraction, high / n - fraction, below, above, simulated)


def cumulative_counts(ranks: np.ndarray, n_samples: int) -> np.ndarray:
    """Return how many ranks (..., n) are at or below 0..n_samples - 1, (..., n_samples) int."""
    flat = ranks.reshape(-1, ranks.shape[-1])
    shifted = flat + (n_samples + 1) * np.arange(len(flat))[:, None]
    counts = np.bincount(shifted.ravel(), minlength=len(flat) * (n_samples + 1)).reshape(len(flat), -1)
    return np.cumsum(counts, axis=1)[:, :-1].reshape(*ranks.shape[:-1], n_samples)


def within(difference: np.ndarray, band: UniformBand) -> np.ndarray:
    """Say whether differences (..., N) stay inside the band, (...) bool."""
    slack = 1e-9  # of rounding: the ends belong to the band
    return np.asarray(((difference >= band.low - slack) & (difference <= band.high + slack)).all(axis=-1))


def _smallest(counts: np.ndarray, below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Return the smallest two-sided probability of cumulative counts (..., N), (...)."""
    place = np.arange(counts.shape[-1])
    return np.asarray(2.0 * np.minimum(below[counts, place], above[counts, place]).min(axis=-1))


def _table(
    found: Functionals, targets: tuple[MapQuantity, ...]
) -> tuple[list[str], list[str], np.ndarray, np.ndarray]:
    """Return name and target of each functional, its truth (n, functional) and samples (n, sample, functional)."""
    edges = found.annulus_edges_mpc
    of_one = [
        *(f"M(<{radius:g} Mpc)" for radius in found.radii_mpc),
        *(f"profile {low:.3g}-{high:.3g} Mpc" for low, high in pairwise(edges)),
        *(f"P({k:.3g} / Mpc)" for k in found.wavenumber_per_mpc),
        "map mass",
        "peak",
        "ellipticity",
    ]
    columns = [
        np.concatenate(
            [
                of.cylinder_masses_msun,
                of.profile_msun_mpc2,
                of.power,
                np.stack([of.map_mass_msun, of.peak_msun_mpc2, of.ellipticity], axis=-1),
            ],
            axis=-1,
        )
        for of in (found.truth, found.samples)
    ]
    truth, samples = (column.reshape(*column.shape[:-2], -1) for column in columns)
    return of_one * len(targets), [t.value for t in targets for _ in of_one], truth, samples
