"""A synthetic test: 2500 clusters, a network of 0.06 dex and a classical relation of 0.07 dex."""

import numpy as np
import pytest

from zwicky.core.masses import M500C
from zwicky.evaluation.records import MassPredictions, MassTest
from zwicky.evaluation.scorecard import Bins, build_scorecard

BINS = Bins(
    snr=(3.0, 4.5, 6.0, 8.0, 12.0, 40.0),
    redshift=(0.05, 0.2, 0.4, 0.6, 0.9),
    log10_mass=(14.0, 14.3, 14.6, 14.9, 15.2),
)
INNER = (14.2, 15.0)


def make_test(n=2500, rows_per_parent=1, network_dex=0.06, classical_dex=0.07, seed=1):
    """Half of the error is common to both methods, as the noise of one map is."""
    rng = np.random.default_rng(seed)
    parent = np.repeat([f"halo-{i}" for i in range(n // rows_per_parent)], rows_per_parent)
    true = np.repeat(rng.uniform(14.0, 15.2, n // rows_per_parent), rows_per_parent)
    redshift = np.repeat(rng.uniform(0.05, 0.9, n // rows_per_parent), rows_per_parent)
    snr = 8.0 * 10 ** (1.2 * (true - 14.6)) + rng.standard_normal(len(parent))
    common = rng.standard_normal(len(parent))
    predictions = {}
    for name, sd in (("network", network_dex), ("classical", classical_dex)):
        error = np.sqrt(0.5) * (common + rng.standard_normal(len(parent)))
        predictions[name] = MassPredictions.gaussian(name, true + sd * error, sd)
    return MassTest(parent, true, redshift, snr, predictions, M500C)


@pytest.fixture(scope="session")
def mass_test():
    return make_test()


@pytest.fixture(scope="session")
def scorecard(mass_test):
    return build_scorecard(mass_test, bins=BINS, inner_log10_range=INNER, seed=3, n_resamples=200)
