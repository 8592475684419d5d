"""Errors of mass maps are mended on held-out clusters, hold on others like them, and only on those."""

import math

import numpy as np
import pytest

from zwicky.core.errors import TrainingError
from zwicky.inference.conformal import MIN_CLUSTERS
from zwicky.inference.mapping import calibration
from zwicky.inference.mapping.answer import LEVELS
from zwicky.inference.mapping.calibration import (
    N_RADII,
    ApertureCalibration,
    Calibration,
    DensityCalibration,
    PixelCalibration,
    aperture_scale,
    aperture_sums,
    apertures,
    check_enough,
    even_edges,
    unit_of,
)

SIDE = 16  # the smallest aperture holds the four pixels in the middle


def sky(n, seed, stated=1.0, errors=1.0):
    """Return (truth, median, sd) of n maps [dex]: dense pixels err more; ``stated`` times the true sd is said."""
    rng = np.random.default_rng(seed)
    median = rng.uniform(13.0, 15.0, (n, SIDE, SIDE)).astype(np.float32)
    sd = 0.02 + 0.05 * (median - 13.0)
    truth = median + errors * sd * rng.standard_normal(median.shape)
    return truth, median, (stated * sd).astype(np.float32)


def inside(truth, median, half):
    return np.abs(truth - median) <= half


def coverages(fitted, applied):
    """Return how many pixels of other clusters lie in the 68 and in the 95 % interval."""
    truth, median, sd = applied
    return [inside(truth, median, half).mean() for half in PixelCalibration.fit(*fitted).apply(median, sd)]


class TestPixels:
    def test_honest_errors_stay_and_hold_on_other_clusters(self):
        table = PixelCalibration.fit(*sky(400, 1))
        assert table.half_68 == pytest.approx([0.9945] * len(table.half_68), abs=0.05)  # of a Gaussian
        assert table.half_95 == pytest.approx([1.9600] * len(table.half_95), abs=0.1)
        assert coverages(sky(400, 1), sky(400, 2)) == pytest.approx([0.68, 0.95], abs=0.01)

    @pytest.mark.parametrize("stated", [0.3, 4.0])
    def test_wrong_widths_are_mended(self, stated):
        truth, median, sd = sky(400, 2, stated)
        raw = inside(truth, median, 0.9945 * sd).mean()
        assert abs(raw - 0.68) > 0.2  # negative control: what the network says of itself
        assert coverages(sky(400, 1, stated), (truth, median, sd)) == pytest.approx([0.68, 0.95], abs=0.01)

    @pytest.mark.parametrize("stated", [1.0, 0.0])
    def test_they_hold_for_thin_and_for_dense_pixels(self, stated):
        """Also for a network that says nothing: its errors are those of its bin."""
        truth, median, sd = sky(400, 2, stated)
        half_68, _ = PixelCalibration.fit(*sky(400, 1, stated)).apply(median, sd)
        found = inside(truth, median, half_68)
        pooled = inside(truth, median, np.quantile(np.abs(truth - median), 0.68))
        for rows in (median < 13.3, median > 14.7):
            assert found[rows].mean() == pytest.approx(0.68, abs=0.02)
            assert abs(pooled[rows].mean() - 0.68) > 0.1  # negative control: one width for all

    def test_there_is_no_promise_for_other_clusters(self):
        narrow, wide = coverages(sky(400, 1), sky(400, 2, errors=2.0))
        assert narrow < 0.45
        assert wide < 0.75

    def test_one_width_per_bin_without_errors(self):
        truth, median, sd = sky(400, 1, stated=0.0)
        half_68, half_95 = PixelCalibration.fit(truth, median, sd).apply(median, sd)
        assert len(np.unique(half_68)) == len(np.unique(half_95)) == 12
        assert (half_95 > half_68).all()
        assert half_68[median > 14.9].mean() == pytest.approx(0.115, rel=0.1)  # dex: 0.02 + 0.05 x 1.9

    def test_many_pixels_are_thinned(self, monkeypatch):
        whole = PixelCalibration.fit(*sky(400, 1))
        monkeypatch.setattr(calibration, "_PIXELS_USED", 10_001)
        few = PixelCalibration.fit(*sky(400, 1))
        assert few != whole
        assert few.half_68 == pytest.approx(whole.half_68, rel=0.15)

    def test_it_is_shaped_as_the_maps_and_kept_as_text(self):
        table = PixelCalibration.fit(*sky(100, 1))
        again = PixelCalibration.model_validate_json(table.model_dump_json())
        _, median, sd = sky(3, 2)
        for one, other in zip(table.apply(median, sd), again.apply(median, sd), strict=True):
            assert one.shape == median.shape
            assert one.dtype == np.float32
            np.testing.assert_array_equal(one, other)


def masses(n, seed, stated=1.0, errors=1.0, shift=0.0):
    """Return (truth, predicted, scale) of M(<R): light clusters err thrice as much, to one side more."""
    rng = np.random.default_rng(seed)
    log_mass = rng.uniform(13.7, 15.3, (n, 1))
    predicted = 10.0**log_mass * np.linspace(0.1, 1.0, N_RADII)
    sd = np.where(log_mass < 14.5, 0.3, 0.1) * np.linspace(2.0, 1.0, N_RADII)
    skewed = rng.exponential(1.0, (n, N_RADII)) - 1.0  # mean 0, standard deviation 1
    return predicted * np.exp(shift + errors * sd * skewed), predicted, np.full_like(sd, stated)


def in_interval(truth, quantiles, low, high):
    return (quantiles[..., LEVELS.index(low)] <= truth) & (truth <= quantiles[..., LEVELS.index(high)])


class TestApertures:
    @pytest.mark.parametrize("stated", [1.0, 0.2, 7.0])
    @pytest.mark.parametrize(("low", "high"), [(0.16, 0.84), (0.025, 0.975)])
    def test_masses_hold_on_other_clusters_at_every_radius(self, stated, low, high):
        table = ApertureCalibration.fit(*masses(2000, 1, stated, shift=0.2))
        truth, predicted, scale = masses(4000, 2, stated, shift=0.2)
        found = in_interval(truth, table.apply(predicted, scale), low, high)
        assert found.mean(0) == pytest.approx(np.full(N_RADII, high - low), abs=0.035)
        light = predicted[:, -1] < 10**14.3
        assert found[light].mean() == pytest.approx(high - low, abs=0.03)
        assert found[~light].mean() == pytest.approx(high - low, abs=0.03)

    def test_a_bias_is_taken_out(self):
        table = ApertureCalibration.fit(*masses(2000, 1, shift=0.5))
        truth, predicted, scale = masses(4000, 2, shift=0.5)
        median = table.apply(predicted, scale)[..., LEVELS.index(0.5)]
        assert (truth > median).mean(0) == pytest.approx(np.full(N_RADII, 0.5), abs=0.04)
        assert (truth > predicted).mean() > 0.7  # negative control: what was predicted

    def test_there_is_no_promise_for_other_clusters(self):
        table = ApertureCalibration.fit(*masses(2000, 1))
        truth, predicted, scale = masses(4000, 2, errors=3.0)
        assert in_interval(truth, table.apply(predicted, scale), 0.025, 0.975).mean() < 0.8

    def test_quantiles_grow_and_are_kept_as_text(self):
        table = ApertureCalibration.fit(*masses(150, 1))
        _, predicted, scale = masses(5, 2)
        found = table.apply(predicted, scale)
        assert found.shape == (5, N_RADII, len(LEVELS))
        assert (np.diff(found, axis=-1) >= 0.0).all()
        again = ApertureCalibration.model_validate_json(table.model_dump_json())
        np.testing.assert_array_equal(again.apply(predicted, scale), found)

    @pytest.mark.parametrize(("n", "bins"), [(100, 1), (199, 1), (200, 2), (399, 3), (400, 4), (900, 4)])
    def test_each_bin_of_mass_has_clusters_enough(self, n, bins):
        table = ApertureCalibration.fit(*masses(n, 1))
        assert len(table.edges) == bins - 1
        assert np.array(table.quantiles).shape == (N_RADII, bins, len(LEVELS))

    def test_a_wider_scale_is_a_wider_interval(self):
        table = ApertureCalibration.fit(*masses(400, 1))
        _, predicted, scale = masses(5, 2)
        narrow, wide = (np.log(table.apply(predicted, s * scale) / predicted[..., None]) for s in (1.0, 2.0))
        np.testing.assert_allclose(wide, 2.0 * narrow, rtol=1e-9, atol=1e-12)


class TestSums:
    def test_pixels_are_counted_by_their_centres(self):
        for n in (7, 12, 25):  # of 25, (3, 4) lies on the edge of an aperture
            middle = (n - 1) / 2
            counted = [
                sum(
                    math.hypot(y - middle, x - middle) < n / 2 * (i + 1) / N_RADII
                    for y in range(n)
                    for x in range(n)
                )
                for i in range(N_RADII)
            ]
            assert apertures(n).sum((1, 2)).tolist() == counted

    def test_sums_are_sums(self):
        maps = np.random.default_rng(1).uniform(1.0, 2.0, (3, SIDE, SIDE)).astype(np.float32)
        found = aperture_sums(maps)
        assert found.shape == (3, N_RADII)
        for i, mask in enumerate(apertures(SIDE) > 0):
            np.testing.assert_allclose(found[:, i], maps[:, mask].sum(1), rtol=1e-5)
        np.testing.assert_allclose(aperture_sums(3.0 * maps), 3.0 * found, rtol=1e-5)

    def test_the_scale_is_the_error_if_all_pixels_err_together(self):
        rng = np.random.default_rng(2)
        mean = rng.uniform(1e13, 1e15, (4, SIDE, SIDE))
        same = aperture_scale(mean, np.full_like(mean, 0.03))
        np.testing.assert_allclose(same, 0.03 * math.log(10.0), rtol=1e-6)
        sd = rng.uniform(0.01, 0.1, mean.shape)
        # All pixels move by one standard deviation: to first order in it, so does the sum.
        step = 1e-3
        moved = np.log(aperture_sums(mean * 10.0 ** (step * sd)) / aperture_sums(mean)) / step
        np.testing.assert_allclose(aperture_scale(mean, sd), moved, rtol=2e-3)

    def test_no_error_is_a_scale_of_one(self):
        mean, sd = np.ones((2, SIDE, SIDE), np.float32), np.full((2, SIDE, SIDE), 0.1, np.float32)
        sd[0, 0, 0] = 0.0
        np.testing.assert_array_equal(aperture_scale(mean, sd), np.ones((2, N_RADII)))
        np.testing.assert_array_equal(unit_of(sd)[0, 0, :2], np.float32([1.0, 0.1]))


class TestDensity:
    """A median of skewed errors lies below their mean."""

    def skewed(self, n, seed):
        rng = np.random.default_rng(seed)
        median = 10.0 ** rng.uniform(13.0, 15.0, (n, SIDE, SIDE))
        sd = 0.1 + 0.1 * (np.log10(median) - 13.0)
        return median * 10.0 ** (sd * rng.standard_normal(median.shape)), median.astype(np.float32)

    def test_the_mean_is_right_at_every_density(self):
        truth, median = self.skewed(400, 2)
        mended = DensityCalibration.fit(*self.skewed(400, 1)).apply(median)
        for low in (13.0, 13.5, 14.0, 14.5):
            rows = (np.log10(median) >= low) & (np.log10(median) < low + 0.5)
            assert truth[rows].sum() / mended[rows].sum() == pytest.approx(1.0, abs=0.01)
            assert truth[rows].sum() / median[rows].sum() > 1.02  # negative control

    def test_what_is_right_stays(self):
        _, median = self.skewed(200, 1)
        table = DensityCalibration.fit(median.astype(float), median)
        assert table.factors == pytest.approx([1.0] * len(table.factors), abs=1e-6)
        np.testing.assert_allclose(table.apply(median), median, rtol=1e-6)

    def test_without_a_fit_it_does_nothing(self):
        _, median = self.skewed(3, 1)
        np.testing.assert_array_equal(DensityCalibration().apply(median), median)

    def test_a_network_that_answers_always_the_same(self):
        truth, median = self.skewed(200, 1)
        flat = np.full_like(median, 1e14)
        assert DensityCalibration.fit(truth, flat).apply(flat[:1]).mean() == pytest.approx(
            truth.mean(), rel=1e-4
        )


def test_too_few_maps_are_refused():
    check_enough(MIN_CLUSTERS)
    for fit in (
        lambda: PixelCalibration.fit(*sky(MIN_CLUSTERS - 1, 1)),
        lambda: ApertureCalibration.fit(*masses(MIN_CLUSTERS - 1, 1)),
        lambda: DensityCalibration.fit(np.ones((MIN_CLUSTERS - 1, 4, 4)), np.ones((MIN_CLUSTERS - 1, 4, 4))),
    ):
        with pytest.raises(TrainingError, match="Too few validation maps to calibrate errors") as caught:
            fit()
        assert caught.value.got == MIN_CLUSTERS - 1


@pytest.mark.parametrize("n_bins", [1, 4, 12])
def test_bins_are_even(n_bins):
    values = np.random.default_rng(1).normal(size=3000)
    counts = np.bincount(np.digitize(values, even_edges(values, n_bins)))
    assert len(counts) == n_bins
    assert counts.max() - counts.min() <= 1


def test_bins_of_equal_values_are_one():
    """A network that answers always the same is calibrated too, with one interval for all."""
    assert even_edges(np.ones(3000), 12).size == 0
    half = np.repeat([1.0, 2.0], [600, 800])
    half[-50:] = 3.0
    assert np.bincount(np.digitize(half, even_edges(half, 12))).tolist() == [600, 800]
    truth, median, sd = sky(200, 1)
    table = PixelCalibration.fit(truth, np.full_like(median, 14.0), np.zeros_like(sd))
    assert (len(table.edges), len(table.half_68)) == (0, 1)
    true_mass, predicted, scale = masses(400, 1)
    table = ApertureCalibration.fit(true_mass, np.full_like(predicted, 1e14), scale)
    found = in_interval(true_mass, table.apply(np.full_like(predicted, 1e14), scale), 0.16, 0.84)
    assert found.mean() == pytest.approx(0.68, abs=0.02)


def test_both_are_kept_together():
    both = Calibration(
        pixels=PixelCalibration.fit(*sky(100, 1)), apertures=ApertureCalibration.fit(*masses(100, 1))
    )
    assert Calibration.model_validate_json(both.model_dump_json()) == both
