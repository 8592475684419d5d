"""Coverage, ranks, random points and convergence: calibrated samples pass, all others fail."""

from dataclasses import fields

import numpy as np
import pytest

from zwicky.core.errors import ConfigError, MapError
from zwicky.evaluation.posterior.bins import MassBins
from zwicky.evaluation.posterior.convergence import convergence, running_variance
from zwicky.evaluation.posterior.coverage import coverage
from zwicky.evaluation.posterior.functionals import functionals
from zwicky.evaluation.posterior.judged import judge
from zwicky.evaluation.posterior.ranks import cumulative_counts, rank_tests, uniform_band, within
from zwicky.evaluation.posterior.tarp import nearer, reference_points, tarp

FAULTS = {"narrow": {"width": 0.5}, "wide": {"width": 2.0}, "biased": {"bias": 1.0}}


@pytest.fixture(scope="module")
def found(posterior):
    return functionals(posterior, 1)


def _coverage(test, found, edges=(14.0, 14.5, 15.0)):
    bins = MassBins(test.log10_m200c, test.parent, edges, 200, 1)
    return coverage(found, bins, 1, test.log10_m200c_samples)


def test_calibrated_samples_cover_what_they_should(posterior, found):
    of = _coverage(posterior, found)
    assert of.cylinder_mass.value.shape == (3, 2, 2, 4)
    np.testing.assert_allclose(of.binomial_error[0], np.sqrt([0.68 * 0.32 / 60, 0.95 * 0.05 / 60]))
    for name in ("cylinder_mass", "profile", "map_mass", "log10_m200c"):
        values = np.moveaxis(getattr(of, name).value[0].reshape(2, -1), 0, -1)
        assert (np.abs(values - of.levels) < 4.0 * of.binomial_error[0]).all(), name
    np.testing.assert_allclose(of.pixels.value[0], [[0.68] * 2, [0.95] * 2], atol=0.015)


@pytest.mark.parametrize(("fault", "below"), [("narrow", True), ("wide", False), ("biased", True)])
def test_wrong_samples_do_not(make_posterior, fault, below):
    test = make_posterior(**FAULTS[fault])
    of = _coverage(test, functionals(test, 1))
    pixels, annuli = of.pixels.value[0, 0], of.profile.value[0, 0]
    if below:
        assert (pixels < 0.6).all() and (annuli.mean(axis=-1) < 0.6).all()
    else:  # only of pixels: samples twice as wide in log10 have larger means, so that their masses are biased, too
        assert (pixels > 0.8).all()


def test_masses_are_left_out_when_nobody_deprojected(posterior, found):
    bins = MassBins(posterior.log10_m200c, posterior.parent, (16.0, 17.0), 20, 1)
    of = coverage(found, bins, 1)
    assert of.log10_m200c is None
    assert np.isnan(of.binomial_error[1]).all() and np.isnan(of.pixels.value[1]).all()


@pytest.mark.parametrize(("n", "n_samples"), [(50, 9), (200, 50)])
def test_the_band_holds_uniform_ranks_as_often_as_it_says(n, n_samples):
    rng = np.random.default_rng(1)
    band = uniform_band(n, n_samples, 1)
    ranks = rng.integers(0, n_samples + 1, (2000, n))
    counts = cumulative_counts(ranks, n_samples)
    inside = within(counts / n - band.fraction, band)
    assert inside.mean() == pytest.approx(0.95, abs=0.02)
    p_values = band.p_value(counts)
    assert (p_values < 0.2).mean() == pytest.approx(0.2, abs=0.04)
    # The negative control: bands of single counts at 95 % would be left far more often.
    single = 2.0 * np.minimum(band.below, band.above)[counts, np.arange(n_samples)] >= 0.05
    assert single.all(axis=-1).mean() < 0.9
    # Ranks that crowd at the ends, in the middle, or at one side leave it.
    for shape in ((0.4, 0.4), (3.0, 3.0), (2.0, 1.0)):
        wrong = np.minimum((rng.beta(*shape, (50, n)) * (n_samples + 1)).astype(int), n_samples)
        assert not within(cumulative_counts(wrong, n_samples) / n - band.fraction, band)[:50].mean() > 0.3


def test_the_band_knows_the_binomial_probabilities():
    band = uniform_band(3, 1, 1)  # three tosses of a coin
    np.testing.assert_allclose(band.below[:, 0], [1 / 8, 4 / 8, 7 / 8, 1.0])
    np.testing.assert_allclose(band.above[:, 0], [1.0, 7 / 8, 4 / 8, 1 / 8])


def test_counts_are_cumulative_and_leave_out_the_last():
    np.testing.assert_array_equal(
        cumulative_counts(np.array([[0, 2, 2], [1, 3, 3]]), 3), [[1, 1, 3], [0, 1, 1]]
    )


@pytest.mark.parametrize("arguments", [(0, 5, 1), (5, 0, 1), (5, 5, 1, 3)])
def test_a_band_of_nothing_is_refused(arguments):
    with pytest.raises(ConfigError, match="A band needs ranks"):
        uniform_band(*arguments)


def _ranks(test):
    masses = (test.log10_m200c, test.log10_m200c_samples)
    return rank_tests(functionals(test, 1), test.targets, test.parent, 1, masses)


def test_functionals_of_calibrated_samples_have_uniform_ranks(posterior):
    of = _ranks(posterior)
    assert len(of.names) == len(of.targets) == len(of.ranks) == len(of.p_value)
    assert {"M(<0.4 Mpc)", "map mass", "peak", "ellipticity", "log10_m200c"} <= set(of.names)
    assert of.inside.mean() > 0.85
    assert (of.ranks.min(), of.ranks.max()) == (0, 19) and of.n_clusters == 60


@pytest.mark.parametrize("fault", list(FAULTS))
def test_functionals_of_wrong_samples_do_not(make_posterior, fault):
    of = _ranks(make_posterior(**FAULTS[fault]))
    profiles = np.array([name.startswith("profile") for name in of.names])
    assert of.inside[profiles].mean() < 0.5
    assert of.inside[-1]  # the spherical mass has samples of its own, which are calibrated


def test_only_independent_rows_are_ranked(make_posterior):
    assert _ranks(make_posterior(n=20, rows_per_parent=2)).n_clusters == 10


def _vectors(n=300, n_samples=50, d=3, width=1.0, bias=0.0, seed=2, scatter=1.0):
    """Return truth and samples of a Gaussian posterior of sd 0.5 about known means, which scatter."""
    rng = np.random.default_rng(seed)
    mean = scatter * rng.standard_normal((n, d))
    truth = mean + 0.5 * rng.standard_normal((n, d))
    samples = mean[:, None] + 0.5 * (width * rng.standard_normal((n, n_samples, d)) + bias)
    return truth, samples, np.arange(n).astype(str)


@pytest.mark.parametrize("d", [1, 3, 30])
def test_random_points_pass_a_calibrated_posterior(d):
    of = tarp(*_vectors(d=d), 500, 1)
    assert of.inside and of.p_value > 0.05 and of.dimensions == d
    assert of.expected_coverage.shape == of.credibility.shape == (50,)


def test_random_points_pass_as_often_as_they_should():
    results = [tarp(*_vectors(n=80, n_samples=19, seed=seed), 200, seed) for seed in range(100)]
    assert np.mean([of.inside for of in results]) > 0.87  # 95 +- 2.2 %, and the bootstrap is not exact
    assert np.mean([of.p_value > 0.05 for of in results]) > 0.87


def test_the_truth_is_as_near_to_its_reference_as_samples_are_in_many_dimensions():
    # Few clusters, 128 components, means that scatter by 0.3 sd: where units and box of the truths do most harm.
    # 50 sets of 60 places among 19 samples: the mean of f errs by 0.005.
    of_all, of_truths = [], []
    for seed in range(50):
        truth, samples, parent = _vectors(n=60, n_samples=19, d=128, seed=seed, scatter=0.15)
        of_all.append(tarp(truth, samples, parent, 50, seed))
        centre, unit = truth.mean(axis=0), truth.std(axis=0)
        true, drawn = (truth - centre) / unit, (samples - centre) / unit
        of_truths.append(nearer(true, drawn, reference_points(true, 60, seed), seed).mean() / 19.0)
    assert np.mean([of.p_value > 0.05 for of in of_all]) > 0.84  # 95 +- 3.1 %
    mean_f = 1.0 - np.mean([of.expected_coverage.mean() for of in of_all])
    assert mean_f == pytest.approx(0.5, abs=0.02)
    # The negative control: units and box of the truths alone.
    assert np.mean(of_truths) < 0.46


@pytest.mark.parametrize(("width", "bias", "sign"), [(0.5, 0.0, -1.0), (2.0, 0.0, 1.0), (1.0, 1.5, -1.0)])
def test_random_points_fail_all_others(width, bias, sign):
    of = tarp(*_vectors(width=width, bias=bias), 500, 1)
    assert not of.inside and of.p_value < 0.01
    assert sign * of.tail_area > 0.02


def test_reference_points_fill_the_box_and_know_nothing_else():
    truth = np.random.default_rng(1).uniform(-2.0, 3.0, (500, 2))
    points = reference_points(truth, 500, 1)
    assert (points >= truth.min(axis=0)).all() and (points <= truth.max(axis=0)).all()
    assert abs(np.corrcoef(points[:, 0], truth[:, 0])[0, 1]) < 0.15


def test_places_count_the_samples_nearer_to_the_reference():
    places = nearer(np.array([[1.0]]), np.array([[[0.1], [0.5], [2.0], [-3.0]]]), np.array([[0.0]]), 1)
    np.testing.assert_array_equal(places, [2])


def test_the_curve_is_that_of_the_authors_package():
    theirs = pytest.importorskip("tarp")
    truth, samples, parent = _vectors()
    points = np.random.default_rng(3).uniform(-2.0, 2.0, truth.shape)
    curve, alpha = theirs.get_tarp_coverage(
        np.swapaxes(samples, 0, 1),
        truth,
        references=points,
        metric="euclidean",
        norm=False,
        num_alpha_bins=10,
    )
    fraction = nearer(truth, samples, points, 1) / samples.shape[1]
    counts, edges = np.histogram(fraction, bins=10, density=True)
    expected = np.concatenate([[0.0], np.cumsum(counts * np.diff(edges))])
    np.testing.assert_allclose(curve, expected, atol=1e-9)
    assert len(parent) == len(truth) and len(alpha) == len(curve)


@pytest.mark.parametrize(
    ("truth", "samples"),
    [
        (np.ones(3), np.ones((3, 4, 1))),
        (np.ones((3, 2)), np.ones((3, 4, 1))),
        (np.ones((3, 2)), np.ones((2, 4, 2))),
    ],
)
def test_vectors_of_other_shapes_are_refused(truth, samples):
    with pytest.raises(MapError, match="do not belong together"):
        tarp(truth, samples, np.arange(3).astype(str), 10, 1)


def test_a_constant_component_is_refused():
    truth, samples, parent = _vectors(n=20)
    truth[:, 1] = samples[..., 1] = 2.0
    with pytest.raises(MapError, match=r"(?s)never changes.*component 1"):
        tarp(truth, samples, parent, 10, 1)


def test_no_resamples_are_refused():
    with pytest.raises(ConfigError, match="needs resamples"):
        tarp(*_vectors(n=20), 0, 1)


def test_running_variance_is_the_variance_of_the_first_samples():
    samples = np.random.default_rng(1).standard_normal((7, 30))
    between = np.square(samples[:, None] - samples[None]).mean(axis=-1)
    expected = [samples[:n].var(axis=0, ddof=1).mean() for n in range(2, 8)]
    np.testing.assert_allclose(running_variance(between), expected)


class _Pixels:
    """What convergence asks of functionals: distances between samples of n clusters of independent pixels."""

    def __init__(self, n, n_samples, d):
        rng = np.random.default_rng(1)
        away = rng.standard_normal((n, 1, n_samples, d))
        squares = np.square(away).sum(axis=-1)
        products = away @ np.swapaxes(away, -1, -2)
        self.between_dex2 = (squares[..., None] + squares[..., None, :] - 2.0 * products) / d
        self.pixels = self


def test_independent_gaussian_samples_converge_as_they_must():
    n_samples, d = 50, 100
    of = convergence(_Pixels(40, n_samples, d), 1)
    # V_N of d pixels has variance 2 / (d (N - 1)); V_S is the mean that V_N / V_S is nested in, so that theirs is
    # 2 / d (1 / (N - 1) - 1 / (S - 1)) to first order.
    sd = np.sqrt(2.0 / d * (1.0 / (of.n - 1.0) - 1.0 / (n_samples - 1.0)))
    half = 0.5 * (of.high_95[0] - of.low_95[0])
    np.testing.assert_allclose(half[5:-1], 1.96 * sd[5:-1], rtol=0.15)
    np.testing.assert_allclose(of.median[0], 1.0, atol=0.03)
    assert of.converged[0, -1] == 1.0 and (np.diff(of.converged[0]) >= 0.0).all()
    # All later N must stay within, too: somewhat more samples than where 1.96 sd is the tolerance.
    single = of.n[np.argmax(1.96 * sd < 0.05)]
    assert single <= of.n_converged[0] <= single + 10
    assert of.variance_dex2[0] == pytest.approx(1.0, rel=0.05)


def test_more_pixels_need_fewer_samples():
    few, many = (convergence(_Pixels(20, 40, d), 1).n_converged[0] for d in (50, 2000))
    assert many < few


@pytest.mark.parametrize("wrong", [{"n_orderings": 0}, {"tolerance": 0.0}, {"share": 1.5}])
def test_convergence_to_nothing_is_refused(found, wrong):
    with pytest.raises(ConfigError, match="share of orderings"):
        convergence(found, 1, **wrong)


@pytest.mark.parametrize("rows_per_parent", [1, 2])
def test_everything_is_judged_and_the_same_twice(make_posterior, rows_per_parent):
    test = make_posterior(n=24, n_samples=9, rows_per_parent=rows_per_parent)
    first, again = (judge(test, 50, 3, (14.0, 14.5, 15.0)) for _ in range(2))
    assert first.bin_names == ("all", "14-14.5", "14.5-15") and first.n_samples == 9
    assert first.bin_clusters[0] == 24 and first.bin_parents[0] == 24 // rows_per_parent
    np.testing.assert_array_equal(first.ranks.ranks, again.ranks.ranks)
    np.testing.assert_array_equal(first.tarp_pixels.expected_coverage, again.tarp_pixels.expected_coverage)
    np.testing.assert_array_equal(first.spectra.r_mean.resamples, again.spectra.r_mean.resamples)
    np.testing.assert_array_equal(first.energy.energy_skill.value, again.energy.energy_skill.value)
    for field in fields(first.accuracy):
        value = getattr(first.accuracy, field.name)
        assert np.isfinite(getattr(value, "value", value)).all(), field.name


def test_few_parents_have_values_but_no_errors(make_posterior):
    test = make_posterior(n=11, n_samples=5).selected(np.arange(9))
    of = judge(test, 20, 1)
    assert of.bin_names == ("all",)
    assert (
        np.isfinite(of.accuracy.mass_error.value).all() and np.isnan(of.accuracy.mass_error.resamples).all()
    )
