"""Recalibration: coverage comes back for clusters like the validation set, and only for those."""

import numpy as np
import pytest

from zwicky.core.errors import TrainingError
from zwicky.inference.conformal import LEVELS, Conformal, at_levels, corrected_quantiles


def world(n, seed, factor=1.0):
    """Errors with tails and a skew; the stated scale is wrong by a factor that depends on the S/N."""
    rng = np.random.default_rng(seed)
    snr = rng.uniform(3, 15, n)
    true_scale = np.where(snr > 9, 0.05, 0.1)
    stated = np.where(snr > 9, 0.1, 0.05)
    centre = rng.uniform(14, 15, n)
    truth = centre + factor * true_scale * (rng.exponential(1, n) - 0.7)
    return truth, centre, stated, snr


def coverage(quantiles, truth, low, high):
    return ((quantiles[:, LEVELS.index(low)] < truth) & (truth < quantiles[:, LEVELS.index(high)])).mean()


@pytest.mark.parametrize(("low", "high"), [(0.16, 0.84), (0.025, 0.975), (0.1, 0.9)])
def test_coverage_comes_back_in_every_bin(low, high):
    conformal = Conformal.fit(*world(4000, 1))
    truth, centre, scale, snr = world(20000, 2)
    quantiles = conformal.apply(centre, scale, snr)
    for inside in (snr > 0, snr < 4.5, snr > 9):
        found = coverage(quantiles[inside], truth[inside], low, high)
        assert found == pytest.approx(high - low, abs=0.03)
    raw = np.stack(
        [centre + scale * q for q in np.sort(np.random.default_rng(0).normal(size=len(LEVELS)))], axis=1
    )
    assert abs(coverage(raw, truth, low, high) - (high - low)) > 0.03  # negative control: not recalibrated


def test_there_is_no_promise_for_other_clusters():
    """Exchangeability broken (errors twice as large): the interval fails, which is why there is a warning light."""
    conformal = Conformal.fit(*world(4000, 1))
    truth, centre, scale, snr = world(20000, 3, factor=2.0)
    assert coverage(conformal.apply(centre, scale, snr), truth, 0.16, 0.84) < 0.6


def test_small_bins_are_merged_and_too_few_clusters_refused():
    truth, centre, scale, snr = world(300, 4)
    conformal = Conformal.fit(truth, centre, scale, snr, snr_edges=(4.5, 14.8))
    assert 14.8 not in conformal.snr_edges
    assert min(conformal.counts) >= 100 or len(conformal.counts) == 1
    assert sum(conformal.counts) == 300
    with pytest.raises(TrainingError, match="Too few validation clusters"):
        Conformal.fit(truth[:50], centre[:50], scale[:50], snr[:50])


def test_finite_sample_correction_widens():
    errors = np.random.default_rng(5).normal(size=150)
    corrected = corrected_quantiles(errors)
    plain = np.quantile(errors, LEVELS)
    low, high = np.array(LEVELS) < 0.5, np.array(LEVELS) > 0.5
    assert (corrected[low] <= plain[low]).all()
    assert (corrected[high] >= plain[high]).all()
    assert (np.diff(corrected) >= 0).all()


def test_levels_can_be_picked():
    quantiles = np.tile(np.linspace(14, 15, len(LEVELS)), (2, 1))
    picked = at_levels(quantiles, (0.16, 0.5))
    assert picked.shape == (2, 2)
    assert picked[0, 0] == quantiles[0, LEVELS.index(0.16)]
    assert at_levels(quantiles[:0], (0.5,)).shape == (0, 1)
