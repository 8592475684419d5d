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


def leaning(n, seed):
    """Answers that lean inwards: small masses come out too large, large ones too small; as far as the S/N is low."""
    rng = np.random.default_rng(seed)
    snr, truth = rng.uniform(3, 15, n), rng.uniform(14, 15, n)
    pull = np.where(snr < 9, 0.5, 0.8)
    return truth, 14.5 + pull * (truth - 14.5) + 0.03 * rng.normal(size=n), np.full(n, 0.1), snr


def test_bins_of_the_predicted_mass_mend_what_leans_inwards():
    plain, binned = (Conformal.fit(*leaning(4000, 1), n_centre_bins=n) for n in (1, 3))
    truth, centre, scale, snr = leaning(20000, 2)
    low = snr < 4.5
    smallest, largest = (centre < 14.4) & low, (centre > 14.6) & low

    def lean(conformal, inside):
        return (truth - conformal.apply(centre, scale, snr)[:, LEVELS.index(0.5)])[inside].mean()

    for inside, sign in ((smallest, -1), (largest, 1)):
        assert abs(lean(binned, inside)) < 0.03
        assert sign * lean(plain, inside) > 0.08  # negative control: one bin of all masses
        assert coverage(binned.apply(centre, scale, snr)[inside], truth[inside], 0.16, 0.84) == pytest.approx(
            0.68, abs=0.1
        )
    assert [len(edges) for edges in binned.centre_edges] == [2] * 4
    assert len(binned.quantiles) == len(binned.counts) == 12
    assert sum(binned.counts) == 4000
    assert np.ptp(binned.counts[:3]) <= 2  # of equally many


def test_bins_of_the_predicted_mass_are_as_many_as_there_are_clusters_for():
    truth, centre, scale, snr = world(650, 6)
    conformal = Conformal.fit(truth, centre, scale, snr, snr_edges=(9.0,), n_centre_bins=3)
    n_low = int((snr < 9).sum())
    assert [len(edges) + 1 for edges in conformal.centre_edges] == [
        min(n // 100, 3) for n in (n_low, 650 - n_low)
    ]
    assert min(conformal.counts) >= 100
    # All predictions the same: no edge parts them.
    assert Conformal.fit(truth, np.full(650, 14.5), scale, snr, n_centre_bins=3).centre_edges == ()
    np.testing.assert_array_equal(
        Conformal.fit(truth, np.full(650, 14.5), scale, snr, n_centre_bins=3).quantiles,
        Conformal.fit(truth, np.full(650, 14.5), scale, snr).quantiles,
    )


def test_older_files_are_read_and_answer_as_they_did():
    truth, centre, scale, snr = world(1000, 7)
    conformal = Conformal.fit(truth, centre, scale, snr)
    old = {key: value for key, value in conformal.model_dump(mode="json").items() if key != "centre_edges"}
    again = Conformal.model_validate(old)
    assert again == conformal
    table = np.array(old["quantiles"])[np.digitize(snr, old["snr_edges"])]
    np.testing.assert_array_equal(again.apply(centre, scale, snr), centre[:, None] + scale[:, None] * table)


def test_a_small_first_bin_is_merged_with_the_second():
    truth, centre, scale, snr = world(1000, 8)
    conformal = Conformal.fit(truth, centre, scale, snr, snr_edges=(3.5, 6.0, 9.0))
    assert conformal.snr_edges == (6.0, 9.0)
