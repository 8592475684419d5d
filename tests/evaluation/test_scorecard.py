"""The scorecard: its numbers, its verdicts, and that it can say no."""

import copy
import json
import math

import numpy as np
import pytest

from zwicky.core.errors import ConfigError, MassError, StoreError
from zwicky.core.masses import M500C
from zwicky.evaluation.metrics import METRICS
from zwicky.evaluation.records import MassPredictions, MassTest
from zwicky.evaluation.scorecard import (
    EQUAL,
    NOT_MEASURED,
    Bins,
    build_scorecard,
    coverage_verdict,
    read_scorecard,
    winner,
    write_scorecard,
)

BINS = Bins(snr=(4.5, 8.0, 40.0), redshift=(0.05, 0.9), log10_mass=(14.0, 14.6, 15.2, 16.0))
SETTINGS = {"bins": BINS, "inner_log10_range": (14.2, 15.0), "seed": 3, "n_resamples": 60}


@pytest.fixture(scope="module")
def small_test(mass_test):
    return mass_test.selected(np.arange(800))


def with_network(mass_test, log10_mean, sd_dex):
    network = MassPredictions.gaussian("network", log10_mean, sd_dex)
    columns = (mass_test.parent, mass_test.log10_true, mass_test.redshift, mass_test.snr)
    return MassTest(*columns, {**mass_test.predictions, "network": network}, M500C)


def test_the_sample_is_cut_on_the_observed_signal_to_noise(mass_test, scorecard):
    bright = mass_test.snr > 4.5
    assert 0 < bright.sum() < mass_test.n_rows
    assert scorecard["sample"] == {"n_rows": 2500, "n_parents": 2500, "effective_parents": 2500.0}
    assert scorecard["overall"]["n_rows"] == bright.sum()
    # Signal-to-noise bins are those of all rows, mass bins those above the cut.
    faint = scorecard["bins"]["snr"][0]
    assert (faint["low"], faint["high"]) == (3.0, 4.5)
    assert faint["n_rows"] == ((mass_test.snr >= 3.0) & (mass_test.snr < 4.5)).sum() > 0
    assert sum(block["n_rows"] for block in scorecard["bins"]["log10_mass"]) == bright.sum()


@pytest.mark.parametrize("method", ["network", "classical"])
@pytest.mark.parametrize("name", METRICS)
def test_overall_numbers_are_the_metrics_of_the_sample(mass_test, scorecard, method, name):
    bright = mass_test.snr > 4.5
    estimate = scorecard["overall"]["methods"][method][name]
    direct = METRICS[name](
        mass_test.log10_true[bright], mass_test.predictions[method].log10_quantiles[bright]
    )
    assert estimate["value"] == pytest.approx(float(direct), rel=1e-12)
    assert estimate["low_95"] <= estimate["low_68"] <= estimate["high_68"] <= estimate["high_95"]


def test_intervals_have_the_size_of_the_standard_error(scorecard):
    n = scorecard["overall"]["n_rows"]
    bias = scorecard["overall"]["methods"]["network"]["bias_dex"]
    # 200 resamples know the half-width to 7 per cent; three times that.
    assert 0.5 * (bias["high_68"] - bias["low_68"]) == pytest.approx(0.06 / math.sqrt(n), rel=0.21)


def test_differences_are_paired_and_name_the_winner(scorecard):
    methods, difference = scorecard["overall"]["methods"], scorecard["overall"]["differences"]["scatter_dex"]
    expected = methods["network"]["scatter_dex"]["value"] - methods["classical"]["scatter_dex"]["value"]
    assert difference["value"] == pytest.approx(expected, rel=1e-12)
    assert difference["high_95"] < 0.0
    assert scorecard["overall"]["winner"] == "network"


def test_inner_slope_uses_true_masses_inside_the_range(mass_test, scorecard):
    inner = (mass_test.snr > 4.5) & (mass_test.log10_true >= 14.2) & (mass_test.log10_true < 15.0)
    expected = np.polyfit(
        mass_test.log10_true[inner], mass_test.predictions["network"].log10_median[inner], 1
    )[0]
    assert scorecard["inner"]["n_rows"] == inner.sum()
    assert scorecard["inner"]["methods"]["network"]["slope"]["value"] == pytest.approx(expected, rel=1e-9)


def test_a_worse_network_loses_and_an_equal_one_draws(small_test):
    rng = np.random.default_rng(8)
    worse = with_network(small_test, small_test.log10_true + 0.1 * rng.standard_normal(800), 0.1)
    assert build_scorecard(worse, **SETTINGS)["overall"]["winner"] == "classical"
    equal = with_network(small_test, small_test.predictions["classical"].log10_median, 0.07)
    card = build_scorecard(equal, **SETTINGS)
    assert card["overall"]["winner"] == EQUAL
    assert card["overall"]["differences"]["scatter_dex"]["value"] == 0.0


def test_wrong_error_bars_are_called_so(small_test, scorecard):
    assert scorecard["overall"]["calibration"]["network"]["coverage_68"] == "as promised"
    median = small_test.predictions["network"].log10_median
    for claimed, verdict in ((0.03, "under-covered"), (0.12, "over-covered")):
        card = build_scorecard(with_network(small_test, median, claimed), **SETTINGS)
        assert card["overall"]["calibration"]["network"]["coverage_68"] == verdict
        assert card["bins"]["snr"][0]["calibration"]["network"]["coverage_68"] == verdict
        assert card["overall"]["calibration"]["classical"]["coverage_68"] == "as promised"


def test_an_empty_bin_is_not_measured(small_test):
    empty = build_scorecard(small_test, **SETTINGS)["bins"]["log10_mass"][-1]
    assert (empty["n_rows"], empty["n_parents"], empty["effective_parents"]) == (0, 0, 0.0)
    assert empty["winner"] == NOT_MEASURED
    assert empty["calibration"]["network"]["coverage_95"] == NOT_MEASURED
    assert set(empty["methods"]["network"]["slope"].values()) == {None}


def test_repeated_rows_do_not_make_errors_smaller(small_test):
    """Ten copies of each row carry no more information: the interval must stay, not shrink by sqrt(10)."""

    def error(test):
        bias = build_scorecard(test, **SETTINGS)["overall"]["methods"]["network"]["bias_dex"]
        return bias["high_68"] - bias["low_68"]

    some = small_test.selected(np.arange(200))
    copies = small_test.selected(np.repeat(np.arange(200), 10))
    assert error(copies) == pytest.approx(error(some), rel=1e-9)
    disguised = MassTest(
        np.arange(len(copies.parent)),
        copies.log10_true,
        copies.redshift,
        copies.snr,
        copies.predictions,
        M500C,
    )
    assert error(disguised) < 0.5 * error(some)


def test_the_same_seed_gives_the_same_card(small_test):
    some = small_test.selected(np.arange(300))
    first, second = (build_scorecard(some, **SETTINGS) for _ in range(2))
    assert first == second
    assert first != build_scorecard(some, **(SETTINGS | {"seed": 4}))


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        ((-3, -1), "network"),
        ((1, 3), "classical"),
        ((-1, 1), EQUAL),
        ((0.0, 1.0), EQUAL),
        ((None, None), NOT_MEASURED),
    ],
)
def test_winner(difference, expected):
    assert (
        winner(dict(zip(("low_95", "high_95"), difference, strict=True)), "network", "classical") == expected
    )


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [
        (0.63, 0.60, 0.66, "as promised"),
        (0.62, 0.59, 0.65, "under-covered"),
        (0.62, 0.52, 0.72, "under-covered, within errors"),
        (0.74, 0.70, 0.78, "over-covered"),
        (0.80, 0.60, 0.95, "over-covered, within errors"),
        (0.80, None, None, "over-covered"),
        (None, None, None, NOT_MEASURED),
    ],
)
def test_coverage_verdict(value, low, high, expected):
    assert coverage_verdict({"value": value, "low_95": low, "high_95": high}, 0.68, 0.05) == expected


@pytest.mark.parametrize("edges", [(1.0,), (1.0, 1.0), (2.0, 1.0), (1.0, math.inf), (math.nan, 1.0)])
@pytest.mark.parametrize("column", ["snr", "redshift", "log10_mass"])
def test_edges_that_are_refused(column, edges):
    good = {"snr": (4.5, 10.0), "redshift": (0.1, 0.9), "log10_mass": (14.0, 15.0)}
    with pytest.raises(ConfigError, match="not the edges of bins") as caught:
        Bins(**(good | {column: edges}))
    assert column in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"candidate": "oracle"}, "compares two methods"),
        ({"baseline": "Y-M"}, "compares two methods"),
        ({"snr_cut": 1e6}, "No cluster passes the cut"),
    ],
)
def test_cards_that_cannot_be_built(mass_test, changes, message):
    with pytest.raises(MassError, match=message):
        build_scorecard(mass_test, **(SETTINGS | changes))


def test_round_trip_through_a_file(scorecard, tmp_path):
    write_scorecard(tmp_path / "scorecard.json", scorecard)
    assert read_scorecard(tmp_path / "scorecard.json") == scorecard


def test_files_that_are_no_scorecard(scorecard, tmp_path):
    path = tmp_path / "scorecard.json"
    with pytest.raises(StoreError, match="does not exist"):
        read_scorecard(path)
    path.write_text("{half a fi", encoding="utf-8")
    with pytest.raises(StoreError, match="not JSON"):
        read_scorecard(path)
    incomplete = copy.deepcopy(scorecard)
    del incomplete["overall"]
    for content, message in (
        ([], "not a scorecard"),
        ({"format": "something else"}, "not a scorecard"),
        (scorecard | {"format_version": 99}, "another version"),
        (incomplete, "incomplete"),
    ):
        path.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(StoreError, match=message):
            read_scorecard(path)
    with pytest.raises(StoreError, match="incomplete"):
        write_scorecard(path, incomplete)
