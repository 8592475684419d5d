"""Recalibration scale by scale: nothing to do for samples that are right, the closed form for others."""

import numpy as np
import pytest
from posterior_toy import N, posterior
from pydantic import ValidationError
from scipy import fft

from zwicky.core.errors import MapError, TrainingError
from zwicky.inference.posterior.samples_and_truth import MIN_CLUSTERS
from zwicky.inference.posterior.scale_temperature import GAIN_RANGE, ScaleTemperature, octaves


def k_of(n=N):
    k = np.arange(n)
    return np.hypot(k[:, None], k)


def coverage(samples, truth, level=0.68):
    """Return how often the truth lies within the central interval of its samples."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=1)
    return ((truth > low) & (truth < high)).mean()


class TestCalibratedSamples:
    def test_gain_one_within_its_error(self):
        found = ScaleTemperature.fit(*posterior(1, n=200))
        gains = found.gains(16)
        # The largest scales: 4 modes of 200 clusters know a variance to sqrt(2/800) = 5 %, a gain to 2.5 %.
        counts = [(np.digitize(k_of(), found.edges) == i).sum() for i in range(len(found.edges) + 1)]
        error = np.sqrt(0.5 / (200 * np.array(counts)))
        assert (np.abs(gains - 1.0) < 4.0 * error).all()
        assert found.n_clusters == 200
        assert found.n_samples == 16

    def test_mean_is_left_alone(self):
        samples, truth = posterior(2, factors=np.full((N, N), 1.7))
        better = ScaleTemperature.fit(samples, truth).apply(samples)
        assert better.dtype == np.float32
        # float32 of 13 dex has steps of 1e-6; the mean over 16 samples less.
        np.testing.assert_allclose(better.mean(axis=1, dtype=float), samples.mean(axis=1), atol=1e-6)

    def test_nothing_asked_nothing_done(self):
        samples, _ = posterior(3, n=3)
        np.testing.assert_allclose(ScaleTemperature.none(2).apply(samples), samples, atol=1e-6)


class TestMiscalibratedSamples:
    @pytest.mark.parametrize(("factor", "seed"), [(2.0, 4), (1.4, 5), (0.6, 6)])
    def test_closed_form(self, factor, seed):
        """True over sampled variance is 1 / factor^2, however many samples there are."""
        samples, truth = posterior(seed, n=150, factors=np.full((N, N), factor))
        found = ScaleTemperature.fit(samples, truth, edges=())
        assert found.variance_ratios[0][0] == pytest.approx(factor**-2, rel=0.05)
        assert found.gains(10**9)[0, 0] == pytest.approx(1.0 / factor, rel=0.03)
        # With N samples the mean errs as much as it does, so that the spread must hold it too.
        expected = np.sqrt((factor**-2 + 1 / 16) / (1 + 1 / 16))
        assert found.gains(16)[0, 0] == pytest.approx(expected, rel=0.03)

    def test_twice_too_wide_about_the_right_mean_is_halved(self):
        """Deviations of calibrated samples, doubled: their mean errs as that of calibrated ones."""
        samples, truth = posterior(7, n=150, n_samples=24)
        mean = samples.mean(axis=1, keepdims=True)
        wide = mean + 2.0 * (samples - mean)
        np.testing.assert_allclose(ScaleTemperature.fit(wide, truth).gains(24), 0.5, atol=0.03)

    def test_each_scale_is_repaired_for_itself(self):
        factors = np.where(k_of() < 4, 0.7, np.where(k_of() < 8, 1.0, 1.8))
        samples, truth = posterior(8, n=200, factors=factors)
        found = ScaleTemperature.fit(samples, truth)
        wanted = np.array([0.7, 0.7, 1.0, 1.8]) ** -2.0
        np.testing.assert_allclose(found.variance_ratios, np.tile(wanted, (2, 1)), rtol=0.12)

        fresh, new_truth = posterior(9, n=200, factors=factors)
        assert self.worst(fresh, new_truth) > 0.5
        assert self.worst(found.apply(fresh), new_truth) < 0.08
        one = ScaleTemperature.fit(samples, truth, edges=())
        assert self.worst(one.apply(fresh), new_truth) > 0.5  # the negative control: one temperature cannot

    @staticmethod
    def worst(samples, truth):
        """Return the largest | error power / spread power / (1 + 1/N) - 1 | over octaves of |k|."""
        mean = samples.mean(axis=1)
        waves = fft.dctn(samples - mean[:, None], axes=(-2, -1), norm="ortho")
        missed = fft.dctn(truth - mean, axes=(-2, -1), norm="ortho")
        n = samples.shape[1]
        which = np.digitize(k_of(), octaves(N))
        off = []
        for i in range(which.max() + 1):
            spread = (waves[..., which == i] ** 2).sum() / (n - 1)
            off.append((missed[..., which == i] ** 2).sum() / spread / (1 + 1 / n) - 1)
        return np.abs(off).max()

    def test_targets_have_gains_of_their_own(self):
        samples, truth = posterior(10, n=150)
        mean = samples.mean(axis=1, keepdims=True)
        samples[:, :, 1] = (mean + 1.5 * (samples - mean))[:, :, 1]
        found = ScaleTemperature.fit(samples, truth, edges=()).gains(16)[:, 0]
        np.testing.assert_allclose(found, [1.0, 1 / 1.5], rtol=0.03)

    def test_coverage_of_fresh_clusters(self):
        samples, truth = posterior(11, n=150, factors=np.full((N, N), 1.6))
        found = ScaleTemperature.fit(samples, truth)
        fresh, new_truth = posterior(12, n=150, factors=np.full((N, N), 1.6))
        honest = coverage(*posterior(12, n=150))
        assert coverage(fresh, new_truth) > honest + 0.1
        assert coverage(found.apply(fresh), new_truth) == pytest.approx(honest, abs=0.02)

    def test_another_number_of_samples_than_in_the_fit(self):
        factors = np.full((N, N), 2.0)
        found = ScaleTemperature.fit(*posterior(13, n=200, n_samples=6, factors=factors), edges=())
        fresh, new_truth = posterior(14, n=200, n_samples=40, factors=factors)
        assert self.worst(found.apply(fresh), new_truth) < 0.08

    def test_gain_is_limited(self):
        samples, truth = posterior(15, n=40)
        mean = samples.mean(axis=1, keepdims=True)
        for factor, limit in ((20.0, GAIN_RANGE[0]), (0.05, GAIN_RANGE[1])):
            found = ScaleTemperature.fit(mean + factor * (samples - mean), truth)
            np.testing.assert_allclose(found.gains(16), limit, rtol=1e-6)


class TestOneRange:
    def test_it_is_the_plain_temperature(self):
        samples, _ = posterior(16, n=4)
        plain = ScaleTemperature(edges=(), variance_ratios=((0.49,), (1.96,)))
        mean, gain = samples.mean(axis=1, keepdims=True), plain.gains(16)[None, None, :, :, None]
        np.testing.assert_allclose(plain.apply(samples), mean + gain * (samples - mean), atol=2e-6)

    def test_octaves(self):
        assert octaves(64) == (2.0, 4.0, 8.0, 16.0, 32.0)
        assert octaves(2) == ()


class TestRefused:
    def test_too_few_clusters(self):
        samples, truth = posterior(17, n=MIN_CLUSTERS - 1)
        with pytest.raises(TrainingError, match="at least 20 clusters"):
            ScaleTemperature.fit(samples, truth)

    @pytest.mark.parametrize("change", ["one sample", "flat", "other truth", "oblong"])
    def test_what_does_not_belong_together(self, change):
        samples, truth = posterior(18, n=MIN_CLUSTERS)
        given = {
            "one sample": (samples[:, :1], truth),
            "flat": (samples[:, 0], truth),
            "other truth": (samples, truth[:, :1]),
            "oblong": (samples[..., :-1], truth[..., :-1]),
        }[change]
        with pytest.raises(MapError, match="posterior samples that can be recalibrated"):
            ScaleTemperature.fit(*given)

    def test_other_targets(self):
        samples, _ = posterior(19, n=2)
        with pytest.raises(MapError, match="sample >= 2, 3, y, x"):
            ScaleTemperature.none(3).apply(samples)

    @pytest.mark.parametrize("ratios", [((1.0, 1.0),), ((1.0,), ()), (), ((0.0,),), ((np.nan,),)])
    def test_ratios_that_are_none(self, ratios):
        with pytest.raises(ValidationError, match="one finite positive ratio"):
            ScaleTemperature(edges=(), variance_ratios=ratios)
