"""The photon scorecard: laws of its numbers with negative controls, and its file."""

import json
from dataclasses import replace

import numpy as np
import pytest

from photon_card import (
    EDGES,
    SD,
    dream_profile,
    ensemble_result,
    folds_result,
    improved_result,
    photon_card,
    photon_test,
)
from zwicky.core.errors import MassError, StoreError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.microwave.statistics import Bootstrap
from zwicky.evaluation.records import MassPredictions
from zwicky.evaluation.xray.blocks import PhotonJudge, flagged_rate, plain, spanning
from zwicky.evaluation.xray.dream import core_response
from zwicky.evaluation.xray.results import ImprovedResult
from zwicky.evaluation.xray.scorecard import (
    build_photon_scorecard,
    read_photon_scorecard,
    write_photon_scorecard,
)

JUDGE = PhotonJudge(Bootstrap(20, Key(1, Stream.BOOTSTRAP)))


@pytest.fixture(scope="module")
def card():
    return photon_card()


def holds(estimate, value):
    return estimate["low_95"] <= value <= estimate["high_95"]


def with_residuals(test, method, other, factor):
    """Return the test with a further method, whose residuals are those of another one times a factor."""
    quantiles = test.log10_true[:, None] + factor * (test.quantiles(other) - test.log10_true[:, None])
    predictions = dict(test.predictions) | {method: MassPredictions(method, quantiles)}
    return replace(test, predictions=predictions)


# Laws


def test_halved_residuals_are_half_the_scatter_in_every_block():
    network = photon_test("network", n_parents=40)
    test = with_residuals(with_residuals(network, "same", "network", 1.0), "twice", "network", 2.0)
    block = JUDGE.folds(replace(folds_result(), test=test))
    for ratio, other in ((0.5, "twice"), (1.0, "same")):
        for column in ("fit_scatter_percent", "scatter_dex"):
            found = block["ratios"][other][column]
            # Exact in each resample: what is shared cancels.
            assert [found[key] for key in ("value", "low_95", "high_95")] == pytest.approx(
                [ratio] * 3, rel=1e-5
            )
    one, two = (block["results"][name] for name in ("network", "twice"))
    for part in ("mean_fold", "all"):
        assert two[part]["fit_scatter_percent"]["value"] == pytest.approx(
            2.0 * one[part]["fit_scatter_percent"]["value"], rel=1e-4
        )
    assert [one["low"] for one in block["bins"]["twice"]["log10_mass"]] == pytest.approx(
        [13.6, 13.8, 14.0, 14.2, 14.4, 14.6, 14.8]
    )


def test_errors_that_are_honest_cover_and_half_of_them_do_not():
    honest, proud = (
        build_photon_scorecard(
            improved={"a": improved_result(n_parents=400, honest=factor)}, seed=1, n_resamples=20
        )["improved"]["a"]
        for factor in (1.0, 0.5)
    )
    for block, promise in ((honest, (0.68, 0.95)), (proud, (0.383, 0.673))):
        found = block["results"]["network"]
        for key, expected in zip(("coverage_68", "coverage_95"), promise, strict=True):
            assert found[key]["value"] == pytest.approx(expected, abs=0.05)
    assert holds(honest["results"]["network"]["coverage_68"], 0.68)
    assert not holds(proud["results"]["network"]["coverage_68"], 0.68)
    assert not holds(proud["results"]["network"]["coverage_95"], 0.95)
    for axis in ("snr", "log10_predicted", "counts", "log10_mass", "redshift"):
        rows = honest["bins"]["network"][axis]
        assert sum(one["n_rows"] for one in rows) == 800
        mean = sum(one["n_rows"] * (one["coverage_68"]["value"] or 0.0) for one in rows) / 800
        assert mean == pytest.approx(honest["results"]["network"]["coverage_68"]["value"], abs=1e-5)
    assert [one["high"] for one in honest["bins"]["network"]["snr"]] == [5.0, 10.0, 20.0, 40.0, 80.0, None]


def test_rows_without_a_signal_to_noise_ratio_stand_in_no_bin():
    result = improved_result()
    snr = result.snr.copy()
    snr[:5] = np.nan
    rows = JUDGE.improved(replace(result, snr=snr))["bins"]["network"]["snr"]
    assert sum(one["n_rows"] for one in rows) == len(snr) - 5


def test_variants_have_the_scatter_of_their_own_images(card):
    block = card["improved"]["erosita"]
    assert [one["value"] for one in block["by_counts"]] == [30.0, 1000.0]
    assert [one["value"] for one in block["by_bands"]] == ["0.3-2.3 keV", "2.3-5 keV"]
    assert [one["value"] for one in block["by_offset_arcmin"]] == [0.0, 2.0]
    for one, test in zip(block["by_counts"], improved_result().by_counts.values(), strict=True):
        scatter = {name: test.residual_dex(name).std(ddof=1) for name in test.methods}
        for name, found in one["results"].items():
            assert found["scatter_dex"]["value"] == pytest.approx(scatter[name], rel=1e-4)
        assert one["ratio"]["value"] == pytest.approx(scatter["network"] / scatter["classical"], rel=1e-4)


def test_the_core_is_judged_beside_a_control(card):
    block = card["folds"]
    assert block["core"]["is_excised"] is True
    assert block["control_core"]["is_excised"] is False
    assert block["core"]["ratio"]["value"] == pytest.approx(0.1, rel=1e-3)
    assert block["dream"]["edges"] == list(EDGES)
    assert np.shape(block["dream"]["per_area"]["low_68"]) == (2, len(EDGES) - 1)
    few = replace(folds_result(), core=core_response(dream_profile(n=9), JUDGE.bootstrap))
    assert JUDGE.folds(few)["core"]["is_excised"] is None
    shift = block["masking"]["network"]["shift_dex"]["value"]
    assert shift == pytest.approx([0.0, -0.001, -0.004])
    assert sum(block["attribution"]["share"]["value"]) == pytest.approx(1.0, abs=1e-4)
    assert block["attribution"]["gap"] == pytest.approx(0.002 / 0.56, rel=1e-4)


def test_the_ensemble_beside_count_rate_and_member():
    result = ensemble_result(n_parents=300)
    block = JUDGE.ensemble(result)
    for other in ("count rate", "member 0"):
        assert holds(block["ratios"][other]["scatter_dex"], SD["ensemble"] / SD[other])
    assert block["weights"]["ratio"]["value"] > 1.0
    assert [row["noise"] for row in block["noise"]] == [0.0, 0.1, 0.3]
    assert [row["ratio"]["value"] for row in block["noise"]] == pytest.approx(
        [1.0, 0.19 / 0.18, 0.21 / 0.18], rel=1e-4
    )
    assert [row["published"] for row in block["noise"]] == [1.0, pytest.approx(0.204 / 0.188, rel=1e-4), None]
    assert block["noise_training"][1]["published"] == pytest.approx(0.191 / 0.18, rel=1e-4)
    assert [len(rows) for rows in block["predicted_sd"].values()] == [5, 5, 5]


def test_a_cut_that_keeps_good_rows_lowers_the_scatter_and_one_at_random_does_not():
    result = ensemble_result(n_parents=300)
    residual = np.abs(result.test.residual_dex("ensemble"))
    good = JUDGE.ensemble(replace(result, bright=residual < np.median(residual)))["bright"]
    assert good["ratio"]["ensemble"]["high_95"] < 1.0
    chance = JUDGE.ensemble(replace(result, bright=np.arange(len(residual)) % 4 < 2))["bright"]
    assert chance["sample"]["n_parents"] == 150
    assert holds(chance["ratio"]["ensemble"], 1.0)


def test_flags_and_faults_are_counted(card):
    block = card["improved"]["erosita"]
    assert block["flags"]["in-domain"]["value"] == pytest.approx(40 / 48, rel=1e-4)
    assert block["in_domain"]["network"]["n_rows"] == 40
    assert block["faults"]["flux image"] | {"flagged": None} == {
        "in-domain": 0, "edge": 1, "out-of-domain": 9, "flagged": None,
    }  # fmt: skip
    rate = block["faults"]["flux image"]["flagged"]
    assert (rate["value"], rate["high_95"]) == (1.0, 1.0)
    assert rate["low_95"] == pytest.approx(0.025**0.1, rel=1e-4)  # Clopper & Pearson of 10 of 10
    assert flagged_rate((0, 0, 0))["flagged"] == dict.fromkeys(rate)


# What is missing


def test_an_empty_card_and_parts_without_rows():
    card = build_photon_scorecard(seed=1, n_resamples=20)
    assert (card["folds"], card["ensemble"], card["improved"]) == (None, None, {})
    result = ensemble_result()
    block = JUDGE.ensemble(replace(result, bright=np.zeros(len(result.test), bool), noise={}))
    assert block["bright"] is None
    assert block["noise"] == []
    improved = improved_result()
    assert JUDGE.improved(replace(improved, flag=np.ones_like(improved.flag)))["in_domain"] is None
    single = replace(result, test=result.test.selected(slice(0, 1)), bright=np.ones(1, bool))
    assert JUDGE.ensemble(single)["predicted_sd"]["ensemble"] == []


def test_histories_in_order_are_those_of_folds():
    histories = [[{"epoch": 0, "train": np.float32(1.5), "validation": np.inf}]]
    block = JUDGE.folds(replace(folds_result(), histories=histories))
    assert block["histories"] == {"fold 0": [{"epoch": 0, "train": 1.5, "validation": None}]}


def test_facts_become_plain():
    facts = {1: (np.arange(2), np.bool_(True), float("nan")), "a": "b", "none": None, "large": 12345678}
    assert plain(facts) == {"1": [[0, 1], True, None], "a": "b", "none": None, "large": 12345678}


def test_edges_span_the_values():
    edges = (0.0, 1.0, 2.0, 3.0, 4.0)
    assert spanning(edges, np.array([1.0, 2.5])) == (1.0, 2.0, 3.0)
    assert spanning(edges, np.array([1.5])) == (1.0, 2.0)
    assert spanning(edges, np.array([0.0, 3.0])) == edges


# Refusals


def test_tests_without_their_methods_are_refused():
    with pytest.raises(MassError, match=r"lacks a method[\s\S]*folds: test"):
        replace(folds_result(), test=photon_test("yx"))
    for name, methods in (("test", ("ensemble",)), ("uniform", ("plain weights",))):
        with pytest.raises(MassError, match=rf"lacks a method[\s\S]*ensemble: {name}"):
            replace(ensemble_result(), **{name: photon_test(*methods)})
    with pytest.raises(MassError, match=r"lacks a method[\s\S]*noise\[0.1\]"):
        replace(ensemble_result(), noise={0.1: photon_test("yx")})
    with pytest.raises(MassError, match=r"lacks a method[\s\S]*by_bands\[soft\]"):
        replace(improved_result(), by_bands={"soft": photon_test("network")})


@pytest.mark.parametrize(
    ("make", "name", "values"),
    [
        (ensemble_result, "bright", np.ones(48)),
        (ensemble_result, "bright", np.ones(3, bool)),
        (improved_result, "flag", np.zeros(48)),
        (improved_result, "snr", np.ones(3)),
    ],
)
def test_columns_that_do_not_fit_are_refused(make, name, values):
    with pytest.raises(MassError, match=r"one entry per row[\s\S]*" + name):
        replace(make(), **{name: values})


def test_unknown_flags_are_refused():
    with pytest.raises(MassError, match="no such flag"):
        replace(improved_result(), flag=np.full(48, 3))
    assert isinstance(replace(improved_result(), flag=np.full(48, 2)), ImprovedResult)


# The file


def test_round_trip(card, tmp_path):
    path = tmp_path / "scorecard.json"
    write_photon_scorecard(path, card)
    assert read_photon_scorecard(path) == card
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    again = build_photon_scorecard(ensemble=ensemble_result(), seed=3, n_resamples=20)
    assert again["ensemble"] == card["ensemble"]


def test_damaged_cards_are_refused(card, tmp_path):
    path = tmp_path / "scorecard.json"
    for damage, words in (
        ({"format": "zwicky mass scorecard"}, "not a scorecard"),
        ({"format_version": 2}, "another version"),
    ):
        path.write_text(json.dumps(card | damage))
        with pytest.raises(StoreError, match=words):
            read_photon_scorecard(path)
    path.write_text(json.dumps({key: value for key, value in card.items() if key != "folds"}))
    with pytest.raises(StoreError, match="incomplete"):
        read_photon_scorecard(path)
    path.write_text(json.dumps(card)[:-20])
    with pytest.raises(StoreError, match="not JSON"):
        read_photon_scorecard(path)
    with pytest.raises(StoreError, match="incomplete"):
        write_photon_scorecard(tmp_path / "other.json", {"format": card["format"], "format_version": 1})
