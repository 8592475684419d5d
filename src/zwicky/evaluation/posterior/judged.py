"""All that is asked of posterior samples of maps, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zwicky.core.quantities import MapQuantity
from zwicky.evaluation.posterior.accuracy import Accuracy, accuracy
from zwicky.evaluation.posterior.bins import MassBins
from zwicky.evaluation.posterior.convergence import Convergence, convergence
from zwicky.evaluation.posterior.coverage import Coverage, coverage
from zwicky.evaluation.posterior.energy import Energy, energy
from zwicky.evaluation.posterior.functionals import Functionals, functionals
from zwicky.evaluation.posterior.profiles import Profiles, profiles
from zwicky.evaluation.posterior.ranks import RankTests, rank_tests
from zwicky.evaluation.posterior.records import PosteriorTest
from zwicky.evaluation.posterior.spectra import PosteriorSpectra, spectra
from zwicky.evaluation.posterior.standardised import Standardised, standardised
from zwicky.evaluation.posterior.tarp import Tarp, coarse_vectors, summary_vectors, tarp


@dataclass(frozen=True, eq=False)
class JudgedPosterior:
    """Every statistic of a test set of posterior samples.

    Parameters
    ----------
    targets, views : tuple of MapQuantity
    n_samples, n_resamples, seed : int
    bin_names : tuple of str
        ``"all"``, then the edges of each mass bin [dex of Msun]: the first axis of what has one.
    bin_clusters : (bin,) int array
        Rows in each.
    bin_parents : (bin,) array
        Effective number of independent clusters in each.
    accuracy, profiles, spectra, standardised, convergence, coverage, ranks
        One record for each question.
    tarp_profiles, tarp_pixels : Tarp
        Of log10 of the profile bins of all targets, and of the pixels of coarse maps of log10.
    energy : Energy
    """

    targets: tuple[MapQuantity, ...]
    views: tuple[MapQuantity, ...]
    n_samples: int
    n_resamples: int
    seed: int
    bin_names: tuple[str, ...]
    bin_clusters: np.ndarray
    bin_parents: np.ndarray
    accuracy: Accuracy
    profiles: Profiles
    spectra: PosteriorSpectra
    standardised: Standardised
    convergence: Convergence
    coverage: Coverage
    ranks: RankTests
    tarp_profiles: Tarp
    tarp_pixels: Tarp
    energy: Energy


def judge(
    test: PosteriorTest, n_resamples: int, seed: int, mass_edges: Sequence[float] = ()
) -> JudgedPosterior:
    """Return every statistic of a test set.

    Parameters
    ----------
    test : PosteriorTest
    n_resamples : int
        Of the parents, for the errors.
    seed : int
        Of resamples, ties, reference points and simulated bands: the same seed gives the same numbers.
    mass_edges : sequence of float [dex of Msun]
        Of the bins of M200c beside "all"; masses outside count in "all" only.

    Raises
    ------
    ConfigError
        If edges do not ascend, there are no resamples, or maps are smaller than 8 pixels.
    MapError
        If all samples of a cluster agree in a pixel.
    """
    bins = MassBins(test.log10_m200c, test.parent, tuple(mass_edges), n_resamples, seed)
    return _judged(test, functionals(test, seed), bins)


def _judged(test: PosteriorTest, found: Functionals, bins: MassBins) -> JudgedPosterior:
    seed, masses = bins.seed, test.log10_m200c_samples
    pair = None if masses is None else (test.log10_m200c, masses)
    by_profiles, by_pixels = (
        tarp(*vectors(found.truth, found.samples), test.parent, bins.n_resamples, seed)
        for vectors in (summary_vectors, coarse_vectors)
    )
    return JudgedPosterior(
        test.targets,
        test.views,
        test.n_samples,
        bins.n_resamples,
        seed,
        bins.names,
        bins.n_clusters,
        bins.effective_parents,
        accuracy(found, bins),
        profiles(found, bins),
        spectra(found, bins),
        standardised(found, bins),
        convergence(found, seed),
        coverage(found, bins, seed, masses),
        rank_tests(found, test.targets, test.parent, seed, pair),
        by_profiles,
        by_pixels,
        energy(found, bins),
    )
