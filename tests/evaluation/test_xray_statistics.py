"""What the papers quote: closed forms, samples of known width, and negative controls."""

from dataclasses import replace

import numpy as np
import pytest

from zwicky.core.errors import ConfigError, MassError
from zwicky.core.masses import M500C
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.metrics import LN10, METRICS
from zwicky.evaluation.microwave.statistics import Bootstrap
from zwicky.evaluation.records import MassPredictions
from zwicky.evaluation.xray.records import PhotonTest
from zwicky.evaluation.xray.statistics import (
    COLUMNS,
    PhotonBins,
    all_rows,
    bias_percent,
    binned,
    column_statistic,
    error_statistics,
    fold_statistics,
    noisy_redshift,
    predicted_sd_bins,
    published_ratios,
    ratio_rows,
    scatter_ratio,
)

BOOTSTRAP = Bootstrap(200, Key(2, Stream.BOOTSTRAP))


def photon_test(
    n_parents=200, per_parent=4, seed=1, cnn_dex=0.05, luminosity_dex=0.07, shared=0.5, fold_dex=None
):
    """Two methods that err partly together; a parent errs as a whole, and its rows a little by themselves."""
    rng = np.random.default_rng(seed)
    number = np.repeat(np.arange(n_parents), per_parent)
    fold = number % 10
    true = rng.uniform(13.7, 15.0, n_parents)[number]
    common = rng.standard_normal(n_parents)[number]
    predictions = {}
    for name, sd in (("cnn", cnn_dex), ("luminosity", luminosity_dex)):
        own = rng.standard_normal(n_parents)[number]
        error = np.sqrt(shared) * common + np.sqrt(1.0 - shared) * own
        width = sd if fold_dex is None else fold_dex[fold]
        predictions[name] = MassPredictions.gaussian(name, true + width * error, width)
    parent = np.array([f"halo-{i}" for i in number])
    redshift, counts = rng.uniform(0.05, 0.8, len(true)), rng.poisson(100.0, len(true))
    return PhotonTest(parent, true, redshift, counts, predictions, M500C, fold)


@pytest.fixture(scope="module")
def test():
    return photon_test()


def of(columns):
    return dict(zip(COLUMNS, columns, strict=True))


# Columns


def test_a_gaussian_of_known_width_in_every_column():
    rng = np.random.default_rng(3)
    true = rng.uniform(14.0, 15.0, 20_000)
    predicted = MassPredictions.gaussian("a", true - 0.02 + 0.05 * rng.standard_normal(20_000), 0.05)
    found = of(error_statistics(true, predicted.log10_quantiles))
    for name in ("fit_bias_dex", "bias_dex"):
        assert found[name] == pytest.approx(-0.02, abs=0.002)
    assert found["fit_scatter_percent"] == pytest.approx(
        100 * LN10 * 0.05, rel=0.03
    )  # 11.5 %: the paper's 11.6
    for name in ("scatter_dex", "scatter_1684_dex", "scatter_mad_dex"):
        assert found[name] == pytest.approx(0.05, rel=0.03)
    assert found["slope"] == pytest.approx(1.0, abs=0.01)
    assert found["sd_over_scatter"] == pytest.approx(1.0, abs=0.03)
    assert found["coverage_68"] == pytest.approx(0.64, abs=0.015)  # 0.68 but for the bias of 0.4 sd
    assert bias_percent(-0.02) == pytest.approx(-4.5, abs=0.05)


def test_wings_widen_the_standard_deviation_and_not_the_fit():
    rng = np.random.default_rng(4)
    true = rng.uniform(14.0, 15.0, 10_000)
    residual = 0.05 * rng.standard_normal(10_000)
    residual[:300] = 0.6
    found = of(error_statistics(true, MassPredictions.gaussian("a", true + residual, 0.05).log10_quantiles))
    assert found["fit_scatter_percent"] == pytest.approx(11.5, rel=0.05)
    assert found["scatter_dex"] > 0.1
    assert found["sd_over_scatter"] < 0.5  # error bars that know nothing of the wings


def test_answers_without_any_error_have_no_ratio_and_few_rows_no_fit():
    true = np.linspace(14.0, 15.0, 20)
    exact = MassPredictions.gaussian("a", true, 0.1).log10_quantiles
    exact[:, 2] = true
    found = of(error_statistics(true, exact))
    assert np.isnan(found["sd_over_scatter"])
    assert found["fit_scatter_percent"] == 0.0
    assert np.isnan(error_statistics(true[:3], exact[:3])[0])


def test_columns_are_the_same_one_resample_at_a_time(test):
    rows = np.random.default_rng(1).integers(0, len(test), (3, 200))
    true, quantiles = test.log10_true, test.quantiles("cnn")
    stacked = error_statistics(true[rows], quantiles[rows])
    np.testing.assert_allclose(
        stacked, [error_statistics(true[one], quantiles[one]) for one in rows], rtol=1e-10
    )
    for name in COLUMNS:
        got = column_statistic(test, "cnn", name)(rows)
        np.testing.assert_allclose(got, stacked[:, COLUMNS.index(name)], rtol=1e-12)


def test_errors_count_parents_and_not_images(test):
    one = all_rows(test, "cnn", BOOTSTRAP)
    assert one["n_rows"] == 800
    assert one["n_parents"] == 200
    width = one["scatter_dex"]["high_68"] - one["scatter_dex"]["low_68"]
    expected = 2 * 0.05 / np.sqrt(2 * 200)  # of 200 numbers; of 800 it would be half of that
    assert width == pytest.approx(expected, rel=0.35)


# Folds


def test_folds_their_mean_and_their_best():
    widths = np.full(10, 0.06)
    widths[4] = 0.02
    test = photon_test(fold_dex=widths)
    found = fold_statistics(test, "cnn", BOOTSTRAP, n_shuffles=40)
    assert [one["fold"] for one in found["folds"]] == list(range(10))
    assert found["best_fold"]["fold"] == 4
    assert {one["n_parents"] for one in found["folds"]} == {20}
    values = [one["fit_scatter_percent"] for one in found["folds"]]
    assert found["mean_fold"]["fit_scatter_percent"]["value"] == pytest.approx(np.mean(values), rel=1e-4)
    assert found["mean_fold"]["fit_scatter_percent"]["sd"] == pytest.approx(np.std(values, ddof=1), rel=1e-4)
    assert found["all"]["n_rows"] == 800
    own = test.selected(test.fold == 4)
    expected = error_statistics(own.log10_true, own.quantiles("cnn"))[COLUMNS.index("fit_scatter_percent")]
    assert found["best_fold"]["fit_scatter_percent"] == pytest.approx(expected, rel=1e-4)
    assert found["best_fold"]["fit_scatter_percent"] < 0.8 * found["best_by_chance"]["low"]


def test_the_best_of_equal_folds_is_no_better_than_chance(test):
    found = fold_statistics(test, "cnn", BOOTSTRAP, n_shuffles=60)
    chance = found["best_by_chance"]
    assert chance["high"] < found["all"]["fit_scatter_percent"]["value"]  # the best is always below all rows
    assert found["best_fold"]["fit_scatter_percent"] > chance["low"] - (chance["high"] - chance["low"])


def test_one_fold_has_no_spread(test):
    whole = replace(test, fold=None)
    found = fold_statistics(whole, "cnn", BOOTSTRAP, n_shuffles=0)
    assert found["mean_fold"]["slope"]["sd"] is None
    assert found["best_by_chance"] is None
    assert len(found["folds"]) == 1


# Ratios


def test_paired_ratios_know_their_value_and_are_sharper_than_unpaired_ones():
    test = photon_test(shared=0.9)
    drawn = scatter_ratio(test, "cnn", "luminosity", BOOTSTRAP)
    one, other = (test.residual_dex(name).std(ddof=1) for name in ("cnn", "luminosity"))
    assert drawn.value == pytest.approx(one / other)
    assert np.quantile(drawn.resamples, 0.975) < 1.0
    apart = (column_statistic(test, name, "scatter_dex") for name in ("cnn", "luminosity"))
    keys = (Key(5, Stream.BOOTSTRAP), Key(6, Stream.BOOTSTRAP))
    samples = [Bootstrap(200, k).of(test.parent, s).resamples for k, s in zip(keys, apart, strict=True)]
    assert drawn.resamples.std() < 0.6 * (samples[0] / samples[1]).std()
    fitted = scatter_ratio(test, "cnn", "luminosity", BOOTSTRAP, column="fit_scatter_percent")
    assert fitted.value == pytest.approx(0.05 / 0.07, rel=0.1)
    same = scatter_ratio(test, "cnn", "cnn", BOOTSTRAP)
    assert (same.resamples == 1.0).all()


def test_a_table_like_c1():
    noisier = {0.0: 0.188, 0.01: 0.188, 0.1: 0.204, 0.2: 0.224}
    tests = {noise: photon_test(1000, 1, seed=1, cnn_dex=sd) for noise, sd in noisier.items()}
    rows = ratio_rows(tests, "cnn", BOOTSTRAP)
    assert [row["noise"] for row in rows] == [0.0, 0.01, 0.1, 0.2]
    for row in rows:
        assert row["ratio"]["value"] == pytest.approx(noisier[row["noise"]] / 0.188, rel=1e-4)
    assert rows[0]["ratio"]["low_95"] == rows[0]["ratio"]["high_95"] == 1.0
    assert rows[3]["scatter"]["value"] == pytest.approx(0.224, rel=0.06)
    published = [round(ratio, 2) for ratio in published_ratios().values()]
    assert published == [1.0, 0.99, 1.09, 1.19]  # the order that is to be found again


def test_noise_on_redshifts():
    z = np.full(20_000, 0.3)
    key = Key(1, Stream.TEST)
    noisy = noisy_redshift(z, 0.1, key)
    assert noisy.mean() == pytest.approx(0.3, abs=0.003)
    assert noisy.std() == pytest.approx(0.1, rel=0.02)
    assert np.array_equal(noisy_redshift(z, 0.0, key), z)
    np.testing.assert_allclose(noisy_redshift(z, 0.2, key) - z, 2.0 * (noisy - z))
    for sigma in (-0.1, np.nan):
        with pytest.raises(ConfigError, match="Noise has a width"):
            noisy_redshift(z, sigma, key)


# Bins


def test_bins_hold_their_rows(test):
    bins = PhotonBins((13.7, 14.2, 15.1), (0.0, 0.4, 0.9, 1.5), (0.0, 100.0, 1e4))
    found = binned(test, "cnn", bins, BOOTSTRAP)
    assert [len(rows) for rows in found.values()] == [2, 3, 2]
    for name in ("log10_mass", "counts"):
        assert sum(one["n_rows"] for one in found[name]) == 800
    empty = found["redshift"][2]
    assert empty["n_rows"] == 0
    assert empty["scatter_dex"]["value"] is None
    low = test.selected((test.log10_true >= 13.7) & (test.log10_true < 14.2))
    expected = METRICS["bias_dex"](low.log10_true, low.quantiles("cnn"))
    assert found["log10_mass"][0]["bias_dex"]["value"] == pytest.approx(expected, rel=1e-4)
    with pytest.raises(ConfigError, match="not the edges of bins"):
        PhotonBins((14.0, 13.0), (0.0, 1.0), (0.0, 1.0))


def test_small_error_bars_have_small_errors_if_they_are_honest():
    widths = np.tile([0.03, 0.12], 5)
    honest = photon_test(400, 2, fold_dex=widths)
    rows = predicted_sd_bins(honest, "cnn", BOOTSTRAP, n_bins=2)
    assert [one["n_rows"] for one in rows] == [400, 400]
    for one, width in zip(rows, (0.03, 0.12), strict=True):
        assert one["predicted_dex"]["value"] == pytest.approx(width, rel=0.02)
        assert one["scatter_dex"]["value"] == pytest.approx(width, rel=0.1)
    shuffled = np.random.default_rng(1).permutation(len(honest))
    liar = MassPredictions.gaussian(
        "cnn", honest.quantiles("cnn")[:, 2], honest.predictions["cnn"].half_width_dex[shuffled]
    )
    rows = predicted_sd_bins(replace(honest, predictions={"cnn": liar}), "cnn", BOOTSTRAP, n_bins=2)
    assert rows[0]["scatter_dex"]["value"] == pytest.approx(rows[1]["scatter_dex"]["value"], rel=0.15)


# Errors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": np.full(800, -1.0)}, "Photons are counted"),
        ({"counts": np.full(800, np.nan)}, "Photons are counted"),
        ({"counts": np.zeros(7)}, "one row per observation"),
        ({"fold": np.arange(800)}, "tested in one fold"),
        ({"fold": np.zeros(800)}, "tested in one fold"),
        ({"fold": np.zeros(7, int)}, "tested in one fold"),
        ({"redshift": np.zeros(800)}, "has a redshift"),
    ],
)
def test_columns_that_cannot_be_are_refused(test, change, message):
    with pytest.raises(MassError, match=message):
        replace(test, **change)


def test_unknown_names_small_folds_and_other_clusters_are_refused(test):
    with pytest.raises(MassError, match="not in the test"):
        test.quantiles("oracle")
    with pytest.raises(ConfigError, match="no such column"):
        column_statistic(test, "cnn", "chi2")
    with pytest.raises(MassError, match="No fold has a scatter"):
        fold_statistics(photon_test(10, 3), "cnn", BOOTSTRAP)
    with pytest.raises(MassError, match="on the same clusters"):
        ratio_rows({0.0: test, 0.1: test.selected(np.arange(9))}, "cnn", BOOTSTRAP)
    with pytest.raises(MassError, match="on the same clusters"):
        ratio_rows({}, "cnn", BOOTSTRAP)
    for n_bins in (0, 401):
        with pytest.raises(MassError, match="Bins have rows"):
            predicted_sd_bins(test, "cnn", BOOTSTRAP, n_bins=n_bins)


def test_as_a_test_of_any_masses(test):
    masses = test.as_mass_test()
    np.testing.assert_allclose(masses.snr**2, test.counts)
    assert masses.n_rows == len(test)
    assert test.n_parents == 200
    assert test.methods == ("cnn", "luminosity")
