"""The matched filter against brute-force least squares, and its laws."""

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.grid import Grid
from zwicky.core.randomness import Key, Stream
from zwicky.inference.matched_filter import MatchedFilter
from zwicky.instruments.instrument import ZERO_LEVEL_SD


@pytest.fixture(scope="module")
def bank(small_survey):
    return MatchedFilter(small_survey.instrument, "a10", (1.0, 40.0))


def dense_covariance(instrument):
    """Covariance of all pixels of a stamp, written out pixel by pixel."""
    n = instrument.grid.n_pixels
    y, x = (a.ravel() for a in np.indices((n, n)))
    lag = instrument.field.covariance
    return lag[(y[:, None] - y) % lag.shape[0], (x[:, None] - x) % lag.shape[1]] + ZERO_LEVEL_SD**2


def test_it_is_generalised_least_squares(bank):
    """One eighth of the pixels give what the full, dense covariance matrix gives, for noisy and lopsided stamps."""
    covariance = dense_covariance(bank.instrument)
    stamps = np.array([bank.instrument.field.draw(Key(1, Stream.TEST, i)) for i in range(3)])
    filtered = bank(stamps)
    for size in (0, 30, 63):
        t = bank.templates[size]
        solved = np.linalg.solve(covariance, t)
        assert filtered.sigma_arcmin2[size] == pytest.approx((t @ solved) ** -0.5, rel=1e-6)
        expected = stamps.reshape(3, -1) @ solved / (t @ solved)
        np.testing.assert_allclose(
            filtered.y500_arcmin2[:, size], expected, rtol=1e-6, atol=1e-6 * filtered.sigma_arcmin2[size]
        )


class TwoBands:
    """Two bands that share a red field, as maps share the CMB; the second sees no cluster, as near 218 GHz."""

    grid = theory_grid = Grid(10, 1.0 * u.arcmin, "sky")
    zero_level_sd = np.array([50.0, 80.0])

    def signals(self, compton_y):
        return np.stack([compton_y, 0.0 * compton_y])

    def covariance(self):
        d = np.minimum(np.arange(20), 20 - np.arange(20))
        shared = np.exp(-0.5 * (d[:, None] ** 2 + d**2) / 3.0**2)
        white = np.zeros((20, 20))
        white[0, 0] = 0.3
        return np.array([[shared + white, shared], [shared, shared + 2.0 * white]])


def test_bands_that_share_a_field_are_weighed_together():
    """As the dense covariance of both bands says; and what they share cancels."""
    bank = MatchedFilter(TwoBands(), "a10", (1.0, 6.0))
    y, x = (a.ravel() for a in np.indices((10, 10)))
    lag = bank.instrument.covariance()
    dense = lag[:, :, (y[:, None] - y) % 20, (x[:, None] - x) % 20]
    for band, sd in enumerate(bank.instrument.zero_level_sd):
        dense[band, band] += sd**2
    dense = dense.transpose(0, 2, 1, 3).reshape(200, 200)
    rng = np.random.default_rng(3)
    stamps = rng.normal(size=(4, 2, 10, 10))
    filtered = bank(stamps)
    for size in (0, 40):
        t = bank.templates[size]
        solved = np.linalg.solve(dense, t)
        assert filtered.sigma_arcmin2[size] == pytest.approx((t @ solved) ** -0.5, rel=1e-6)
        np.testing.assert_allclose(
            filtered.y500_arcmin2[:, size], stamps.reshape(4, -1) @ solved / (t @ solved), rtol=1e-6
        )
        one = t[:100] @ np.linalg.solve(dense[:100, :100], t[:100])
        assert t @ solved > 1.2 * one  # the second band takes away part of the shared field


def test_a_noise_free_cluster_is_measured_exactly_whatever_the_zero_level(bank):
    truth = 3e-3
    for size in (10, 40):
        stamp = truth * bank.templates[size].reshape(1, *bank.instrument.grid.shape)
        for zero_level in (0.0, 2e-6):
            y = bank(stamp + zero_level).y500_arcmin2[0, size]
            assert y == pytest.approx(truth, rel=2e-3)


def test_its_errors_are_those_of_drawn_noise(bank):
    """Unbiased, with the stated variance; half the variance fails."""
    noise = np.array([bank.instrument.field.draw(Key(2, Stream.TEST, i)) for i in range(800)])
    filtered = bank(noise)
    pull = filtered.y500_arcmin2 / filtered.sigma_arcmin2
    assert np.abs(pull.mean(axis=0)).max() < 4.5 / np.sqrt(800)
    np.testing.assert_allclose(pull.std(axis=0), 1.0, atol=0.1)
    assert not np.allclose(pull.std(axis=0) * np.sqrt(2), 1.0, atol=0.1)


def test_no_other_linear_filter_does_better(bank):
    """Plain template fitting (white-noise weights) has more scatter on the same noise."""
    noise = np.array([bank.instrument.field.draw(Key(3, Stream.TEST, i)) for i in range(400)]).reshape(
        400, -1
    )
    size = 20
    t = bank.templates[size] - bank.templates[size].mean()
    plain = noise @ t / (t @ t)
    shape = (400, *bank.instrument.grid.shape)
    assert bank(noise.reshape(shape)).y500_arcmin2[:, size].std() < 0.9 * plain.std()


def test_chi2_is_one_per_degree_of_freedom(bank):
    noise = np.array([bank.instrument.field.draw(Key(4, Stream.TEST, i)) for i in range(300)])
    chi2 = bank.chi2(noise)
    # The free zero level takes one; sampling noise varies from stamp to stamp.
    assert chi2.mean() == pytest.approx(1.0, abs=0.08)
    assert bank.chi2(1.5 * noise).mean() > 2.0


def test_the_symmetric_subspace_keeps_lengths(bank):
    n = bank.instrument.grid.n_pixels
    rng = np.random.default_rng(1)
    m = rng.normal(size=(n, n))
    symmetric = sum(np.rot90(a, k) for a in (m, m.T) for k in range(4))
    projected = bank.symmetrised(symmetric.reshape(1, -1))
    assert (projected**2).sum() == pytest.approx((symmetric**2).sum())
    lopsided = m - np.rot90(m)
    assert (bank.symmetrised(lopsided.reshape(1, -1)) ** 2).sum() < (lopsided**2).sum()


def test_between_sizes_it_interpolates(bank):
    stamps = np.array([bank.instrument.field.draw(Key(5, Stream.TEST, i)) for i in range(2)])
    filtered = bank(stamps)
    log_theta = filtered.log_theta500
    y, sigma = filtered.at(np.array([[log_theta[3]], [0.5 * (log_theta[3] + log_theta[4])]]))
    assert y[0, 0] == pytest.approx(filtered.y500_arcmin2[0, 3])
    assert y[1, 0] == pytest.approx(filtered.y500_arcmin2[1, 3:5].mean())
    assert sigma[1, 0] == pytest.approx(filtered.sigma_arcmin2[3:5].mean())
    beyond, _ = filtered.at(np.array([[-9.0], [99.0]]))
    assert beyond[0, 0] == pytest.approx(filtered.y500_arcmin2[0, 0])
    assert beyond[1, 0] == pytest.approx(filtered.y500_arcmin2[1, -1], rel=1e-4)
