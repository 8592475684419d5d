"""Spread and coverage against a long run: laws first, then a known width on one scale only."""

import json

import numpy as np
import pytest
from scipy import fft

from zwicky.core.errors import MapError
from zwicky.evaluation.posterior.spread import compare_spread
from zwicky.inference.posterior.scale_temperature import octaves

N, PIXEL_MPC = 16, 0.4


def run(n=12, n_samples=16, factors=1.0, seed=1, noise=1):
    """Return samples (n, sample, 2, y, x) and truth [dex]: deviations of 0.05 dex, ``factors`` times too wide."""
    rng = np.random.default_rng(seed)
    mean = 13.0 + rng.normal(0, 0.3, (n, 2, 1, 1)) + rng.normal(0, 0.1, (n, 2, N, N))
    truth = mean + rng.normal(0, 0.05, mean.shape)
    white = np.random.default_rng(noise).normal(0, 0.05, (n, n_samples, 2, N, N))
    waves = fft.dctn(white, axes=(-2, -1), norm="ortho") * factors
    return mean[:, None] + fft.idctn(waves, axes=(-2, -1), norm="ortho"), truth


def of_octave(which, factor):
    """Return factors of modes that are not 1 in one octave."""
    k = np.arange(N)
    return np.where(np.digitize(np.hypot(k[:, None], k), octaves(N)) == which, factor, 1.0)


def test_a_run_is_its_own_reference():
    samples, truth = run()
    found = compare_spread(samples, samples, truth, PIXEL_MPC)
    assert found.error == 0.0 and found.error_se == 0.0
    assert found.coverage_shift == 0.0
    assert found.passes and found.may_pass
    assert found.mass_ratio == pytest.approx(np.ones((2, 4)))
    assert found.radii_mpc.tolist() == [0.4, 0.8, 1.6, 3.2]


def test_what_is_wider_by_a_factor_is_found_so_everywhere_and_without_scatter():
    (reference, truth), (other, _) = run(), run(factors=1.03)
    found = compare_spread(reference, other, truth, PIXEL_MPC)
    assert found.pixel_ratio == pytest.approx(1.03)
    assert found.octave_ratio == pytest.approx(1.03)
    assert found.mass_ratio == pytest.approx(1.03, abs=2e-3)  # log10 of a sum of powers is nearly linear
    assert found.error == pytest.approx(0.03)
    assert found.error_se < 1e-9
    assert not found.passes and not found.may_pass
    assert compare_spread(reference, run(factors=1.015)[0], truth, PIXEL_MPC).error == pytest.approx(0.015)


@pytest.mark.parametrize("octave", [0, 1, 2, 3])
def test_an_error_on_one_scale_is_found_on_that_scale(octave):
    (reference, truth), (other, _) = run(), run(factors=of_octave(octave, 0.9))
    found = compare_spread(reference, other, truth, PIXEL_MPC)
    expected = np.ones((2, 4))
    expected[:, octave] = 0.9
    assert found.octave_ratio == pytest.approx(expected)
    assert found.error == pytest.approx(0.1)
    assert not found.passes


def test_a_narrow_run_covers_less():
    (reference, truth), (other, _) = run(n=24), run(n=24, factors=0.8)
    found = compare_spread(reference, other, truth, PIXEL_MPC)
    assert found.coverage[0] == pytest.approx(np.array([[0.68, 0.95]] * 2), abs=0.015)
    assert found.coverage_shift == pytest.approx(-100 * (found.coverage[1] - found.coverage[0]).min())
    assert found.coverage_shift > 5.0
    assert (found.shift_points < 0.0).all()


def test_a_shifted_run_fails_by_its_coverage_alone():
    samples, truth = run(n=24)
    found = compare_spread(samples, samples + 0.05, truth, PIXEL_MPC)
    assert found.error < 1e-9
    assert found.coverage_shift > 5.0
    assert not found.passes


def test_independent_runs_of_other_lengths_agree_within_their_errors():
    (reference, truth), (other, _) = run(n=40, n_samples=24), run(n=40, n_samples=12, noise=2)
    found = compare_spread(reference, other, truth, PIXEL_MPC)
    assert (found.n_reference, found.n_samples) == (24, 12)
    # Relative error of a standard deviation from 12 and 24 samples of 40 clusters and 256 pixels.
    expected = np.sqrt(0.5 / (40 * 256) * (1 / 11 + 1 / 23))
    assert found.pixel_ratio_se == pytest.approx(expected, rel=0.5)
    assert (np.abs(found.octave_ratio - 1.0) < 4.0 * found.octave_ratio_se).all()
    assert found.may_pass
    narrow = compare_spread(reference, run(n=40, n_samples=12, noise=2, factors=0.8)[0], truth, PIXEL_MPC)
    assert not narrow.may_pass


def test_samples_that_are_no_numbers_do_not_pass():
    samples, truth = run(n=3)
    other = samples.copy()
    other[1, 2, 0, 3, 3] = np.nan
    found = compare_spread(samples, other, truth, PIXEL_MPC)
    assert np.isnan(found.error) and not found.passes and not found.may_pass
    assert found.facts()["pixel_ratio"][0] is None
    json.dumps(found.facts(), allow_nan=False)


def test_a_single_cluster_has_no_error():
    samples, truth = run(n=1)
    found = compare_spread(samples, samples, truth, PIXEL_MPC)
    assert found.passes and np.isnan(found.error_se)


def test_arrays_that_do_not_belong_together_are_refused():
    samples, truth = run(n=3)
    for reference, other, true in (
        (samples[:2], samples, truth),
        (samples, samples[:, :1], truth),
        (samples, samples[:, :, :1], truth),
        (samples, samples, truth[:, 0]),
    ):
        with pytest.raises(MapError, match="cannot be compared"):
            compare_spread(reference, other, true, PIXEL_MPC)


def test_a_reference_without_spread_is_refused():
    samples, truth = run(n=3)
    same = np.repeat(samples[:, :1], 4, axis=1)
    with pytest.raises(MapError, match="samples of the reference agree"):
        compare_spread(same, samples, truth, PIXEL_MPC)
