"""The scorecard of microwave masses: known errors come back, and what is wrong is seen to be wrong."""

import json
from dataclasses import replace

import numpy as np
import pytest

from zwicky.core.errors import ConfigError, MassError, StoreError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.microwave.judge import LESS, MORE, Judge, verdict
from zwicky.evaluation.microwave.records import EmptySkies, WeighedSet
from zwicky.evaluation.microwave.scorecard import (
    build_microwave_scorecard,
    read_microwave_scorecard,
    write_microwave_scorecard,
)
from zwicky.evaluation.microwave.statistics import Bootstrap
from zwicky.evaluation.scorecard import EQUAL, NOT_MEASURED

NETWORK, FILTER = "mresunet", "matched filter"


def holds(estimate, value):
    return estimate["low_95"] <= value <= estimate["high_95"]


def test_sigma_and_pull_at_each_trained_mass(card):
    rows = card["sets"]["trained"]["results"][NETWORK]["by_mass"]
    assert [row["true_msun"] for row in rows] == pytest.approx(1e14 * np.arange(1, 9))
    assert all(row["n_rows"] == 40 for row in rows)
    assert np.mean([row["sigma_over_mass"]["value"] for row in rows]) == pytest.approx(0.1, rel=0.15)
    assert max(abs(row["pull"]["value"]) for row in rows) < 1.0


def test_saturation_shows_on_each_side_of_the_trained_masses(card):
    network, matched = (card["sets"]["extrapolated"]["results"][name]["slopes"] for name in (NETWORK, FILTER))
    for part in ("below", "above"):
        assert network[part]["value"] == pytest.approx(0.0, abs=0.1)
        assert network[part]["high_95"] < 0.3
        assert not holds(matched[part], 0.0)
        assert holds(matched[part], 1.0)
    assert network["all"]["value"] > 0.5  # which is why each side is judged by itself
    assert network["inside"]["value"] is None
    assert card["sets"]["trained"]["results"][NETWORK]["slopes"]["inside"]["value"] == pytest.approx(
        1, abs=0.05
    )
    assert card["trained_range_msun"] == pytest.approx([1e14, 8e14])


def test_a_constant_answer_has_slope_zero(make):
    sets = make.all_sets(per_mass=5)
    constant = sets[0].estimated_msun | {NETWORK: np.full(len(sets[0]), 3e14)}
    sets[0] = replace(sets[0], estimated_msun=constant)
    card = build_microwave_scorecard(sets[:1], make.empty_skies(), make.residual(), **make.build)
    result = card["sets"]["trained"]["results"][NETWORK]
    assert result["slopes"]["all"]["value"] == pytest.approx(0.0, abs=1e-9)
    assert all(row["pull"]["value"] is None for row in result["by_mass"])
    assert card["decomposition"] == []


@pytest.mark.parametrize("method", [NETWORK, FILTER])
def test_the_injected_scatter_is_recovered_in_its_own_unit(card, method):
    found = {one["set"]: one for one in card["decomposition"] if one["method"] == method}
    on_y, on_m = found["scatter_on_y"], found["scatter_on_m"]
    assert on_y["injected_in_m"] == pytest.approx(0.2 / 1.79, rel=1e-4)
    assert on_y["injected_in_y"] == pytest.approx(0.2)
    assert on_m["injected_in_m"] == pytest.approx(0.2)
    assert on_m["injected_in_y"] == pytest.approx(0.2 * 1.79)
    for one in (on_y, on_m):
        assert holds(one["recovered_in_m"], one["injected_in_m"])
        assert holds(one["recovered_in_y"], one["injected_in_y"])
        assert one["verdict"] == EQUAL
    # The trap: 20 % of Y is not 20 % of M.
    assert not holds(found["scatter_on_y"]["recovered_in_m"], 0.2)


def test_scatter_that_was_not_injected_is_not_found(make):
    masses = np.linspace(2.0, 7.0, 400)
    judge = Judge(Bootstrap(200, Key(1, Stream.BOOTSTRAP)), (1e14, 8e14))
    quiet = make.weighed("no_scatter", masses, 1, seed=4)
    claimed = replace(make.weighed("scatter_on_m", masses, 1, seed=5), sz_scatter="M", sigma_ln=0.2)
    got = judge.decomposition(claimed, quiet, NETWORK, 1.79)
    assert holds(got["recovered_in_m"], 0.0)
    assert got["verdict"] == LESS


def test_a_decomposition_needs_a_set_with_and_one_without_scatter(make):
    judge = Judge(Bootstrap(20, Key(1, Stream.BOOTSTRAP)), (1e14, 8e14))
    quiet = make.weighed("no_scatter", [2.0, 3.0], 20)
    loud = make.weighed("scatter_on_m", [2.0, 3.0], 20, scatter=("M", 0.2))
    for pair in ((quiet, quiet), (loud, loud)):
        with pytest.raises(MassError, match="with it and a set without it"):
            judge.decomposition(*pair, NETWORK, 1.79)


def test_verdicts_in_words():
    ends = {"low_95": 0.1, "high_95": 0.2}
    assert [verdict(ends, x) for x in (0.05, 0.15, 0.25)] == [MORE, EQUAL, LESS]
    assert verdict({"low_95": None, "high_95": None}, 0.1) == NOT_MEASURED


def test_rescaling_takes_the_bias_away(card):
    result = card["sets"]["realistic"]["results"][NETWORK]
    assert result["ln_ratio_raw"]["mean"]["value"] == pytest.approx(-np.log(1.287), abs=0.03)
    assert holds(result["ln_ratio"]["mean"], 0.0)
    assert not holds(result["ln_ratio_raw"]["mean"], 0.0)
    assert result["ln_ratio"]["sd"]["value"] == pytest.approx(result["ln_ratio_raw"]["sd"]["value"], rel=1e-3)
    assert result["ln_ratio"]["sd"]["value"] == pytest.approx(0.2, rel=0.15)
    assert card["sets"]["realistic"]["rescaling"]["mean"] == pytest.approx(1.287)


def same_noise(n=2000, other=1.0):
    """Return a set in which a second method has ``other`` times the error of the first."""
    rng = np.random.default_rng(11)
    true = 1e14 * rng.uniform(1.0, 8.0, n)
    error = 0.2 * rng.standard_normal(n)
    estimates = {"net": true * np.exp(error), FILTER: true * np.exp(other * error)}
    return WeighedSet(
        "trained", true, estimates, rng.uniform(4.0, 40.0, n), np.array([f"{i}" for i in range(n)])
    )


@pytest.mark.parametrize(
    ("other", "winner"), [(1.0, EQUAL), (1.25, "net"), (0.8, FILTER)], ids=["same", "noisier", "better"]
)
def test_ratio_to_the_baseline(make, other, winner):
    empty = EmptySkies({"net": np.zeros(9), FILTER: np.zeros(9)}, 1e14)
    card = build_microwave_scorecard([same_noise(other=other)], empty, make.residual(), **make.build)
    for one in card["sets"]["trained"]["snr"][1:]:
        ratios = one["ratios"]["net"]
        assert set(one["ratios"]) == {"net"}
        for which in ("scatter", "error_68"):
            assert ratios[which]["value"] == pytest.approx(1.0 / other, rel=1e-4)
            assert holds(ratios[which], 1.0) == (other == 1.0)
            assert ratios[f"{which}_winner"] == winner
    counts = np.histogram(same_noise().snr, card["snr_edges"])[0]
    assert [one["n_rows"] for one in card["sets"]["trained"]["snr"]] == counts.tolist()


def test_both_methods_are_judged_on_the_maps_that_both_weigh(make):
    one = same_noise()
    faint = np.where(one.snr < 8.0, 0.0, one.estimated_msun[FILTER])
    one = replace(one, estimated_msun={"net": one.estimated_msun["net"], FILTER: faint})
    empty = EmptySkies({"net": np.zeros(9), FILTER: np.zeros(9)}, 1e14)
    card = build_microwave_scorecard([one], empty, make.residual(), **make.build)
    bins = card["sets"]["trained"]["snr"]
    assert bins[0]["n_rows"] == 0
    assert bins[0]["n_without_mass"] == {"net": 0, FILTER: int((one.snr < 5.0).sum())}
    assert bins[0]["ratios"]["net"]["scatter"]["value"] is None
    assert bins[0]["ratios"]["net"]["scatter_winner"] == NOT_MEASURED
    assert bins[1]["n_rows"] == int(((one.snr >= 8.0) & (one.snr < 10.0)).sum())
    assert card["sets"]["trained"]["results"][FILTER]["n_without_mass"] == int((one.snr < 8.0).sum())
    assert card["sets"]["trained"]["results"][FILTER]["by_mass"] == []


def test_empty_skies_and_residual(card, make):
    masses = make.empty_skies().estimated_msun[FILTER]
    got = card["empty"]["methods"][FILTER]
    assert got["n_false"] == int((masses >= 1e14).sum())
    assert got["low_95"] <= got["value"] <= got["high_95"]
    assert sum(got["histogram"]) == got["n"] == 200
    assert card["residual"]["fractions"]["rms"] < 0.01
    assert len(card["residual"]["signal_uk"]) == 19


def test_histograms_are_densities(card):
    width = np.diff(card["ln_edges"])
    result = card["sets"]["no_scatter"]["results"][NETWORK]
    assert np.sum(result["histogram"] * width) == pytest.approx(1.0, abs=1e-4)
    assert result["histogram"] == result["histogram_raw"]


def test_same_seed_same_card_and_the_file_holds_it(card, make, tmp_path):
    again = build_microwave_scorecard(make.all_sets(), make.empty_skies(), make.residual(), **make.build)
    assert again == card
    path = tmp_path / "card.json"
    write_microwave_scorecard(path, card)
    assert read_microwave_scorecard(path) == json.loads(json.dumps(card)) == card
    broken = {key: value for key, value in card.items() if key != "sets"}
    with pytest.raises(StoreError, match="incomplete"):
        write_microwave_scorecard(path, broken)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda sets, empty: (sets[1:], empty, {}), MassError, "told apart by their names"),
        (lambda sets, empty: ([*sets, sets[0]], empty, {}), MassError, "told apart by their names"),
        (
            lambda sets, empty: (sets, EmptySkies({NETWORK: np.zeros(3)}, 1e14), {}),
            MassError,
            "by the same methods",
        ),
        (lambda sets, empty: (sets, empty, {"baseline": "none"}), ConfigError, "one of the methods"),
        (lambda sets, empty: (sets, empty, {"y_m_slope": 0.0}), ConfigError, "Y rises with M"),
        (lambda sets, empty: (sets, empty, {"y_m_slope": np.nan}), ConfigError, "Y rises with M"),
        (lambda sets, empty: (sets, empty, {"snr_edges": (3.0,)}), ConfigError, "edges of bins"),
        (lambda sets, empty: (sets, empty, {"n_resamples": 0}), ConfigError, "needs resamples"),
    ],
)
def test_what_no_card_is_made_of(make, change, error, message):
    sets, empty, settings = change(make.all_sets(per_mass=2)[:2], make.empty_skies())
    with pytest.raises(error, match=message):
        build_microwave_scorecard(sets, empty, make.residual(), **(make.build | settings))
