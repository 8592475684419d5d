"""The numbers of the microwave sky that the README quotes are those of the committed scorecard."""

import json
from pathlib import Path

import pytest

from zwicky.evaluation.microwave.records import INTERPOLATED, NO_SCATTER, REALISTIC, SCATTER_ON_Y, TRAINED
from zwicky.evaluation.microwave.summary import (
    false_positives,
    ln_mean,
    ln_scatter,
    residual_fraction,
    scatter_ratios,
    worst_precision,
)
from zwicky.evaluation.text_table import value_pm

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = " ".join((ROOT / "docs" / "microwave.md").read_text(encoding="utf-8").split())
CARD = json.loads((ROOT / "results" / "gupta2020-laptop.json").read_text(encoding="utf-8"))
METHODS = ("mresunet", CARD["baseline"])

QUANTITIES = {
    "ΔM/M, worst trained mass": lambda m: worst_precision(CARD, TRAINED, m)[1],
    "ΔM/M, worst mass between them": lambda m: worst_precision(CARD, INTERPOLATED, m)[1],
    "scatter of ln M, Y scattered by 20 %": lambda m: ln_scatter(CARD, SCATTER_ON_Y, m),
    "scatter of ln M, Y not scattered": lambda m: ln_scatter(CARD, NO_SCATTER, m),
    "mean of ln(M / true), painted clusters, rescaled": lambda m: ln_mean(CARD, REALISTIC, m),
}


@pytest.mark.parametrize("name", QUANTITIES)
def test_the_tests_of_the_paper(name):
    line = next(one for one in README.splitlines() if one.startswith(f"| {name} |"))
    assert line.endswith("| " + " | ".join(value_pm(QUANTITIES[name](method)) for method in METHODS) + " |")


def improved_row(name):
    card = CARD["improved"][name]
    network, classical = (card["overall"]["methods"][m] for m in (card["candidate"], card["baseline"]))
    return (
        f"| {network['scatter_dex']['value']:.3f} | {classical['scatter_dex']['value']:.3f} "
        f"| {100 * network['coverage_68']['value']:.1f} / {100 * network['coverage_95']['value']:.1f} % "
        f"| {100 * classical['coverage_68']['value']:.1f} / {100 * classical['coverage_95']['value']:.1f} % |"
    )


@pytest.mark.parametrize("name", sorted(CARD["improved"]))
def test_the_networks_that_state_their_error(name):
    line = next(one for one in README.splitlines() if one.startswith(f"| `{name}`"))
    assert line.endswith(improved_row(name))


def test_what_the_text_says():
    assert f"right to {100 * residual_fraction(CARD):.1f} % of its peak" in README
    rates = [false_positives(CARD, method)["value"] for method in METHODS]
    assert (
        f"a mass in {100 * rates[0]:.1f} % of empty skies (matched filter: {100 * rates[1]:.1f} %)" in README
    )


def test_what_the_text_says_of_masses_that_were_never_taught():
    flagged = [
        row["flagged"] for card in CARD["improved"].values() for row in card["beyond"] if not row["taught"]
    ]
    assert len(flagged) == 8  # half of them as good as empty, or far too light
    assert f"at least {100 * min(flagged):.0f} %\nare flagged" in README


def test_where_the_text_says_that_the_networks_win():
    for card in CARD["improved"].values():
        winners = {block["low"]: block["winner"] for block in card["bins"]["snr"]}
        assert winners[4.5] == "equal within errors"
        assert {winners[low] for low in (9.0, 15.0, 30.0)} == {card["candidate"]}


def test_where_the_text_says_that_the_network_is_short_of_the_paper():
    rows = {name: CARD["sets"][TRAINED]["results"][name]["by_mass"] for name in METHODS}
    for mass in (0, 1):
        assert all(rows[name][mass]["sigma_over_mass"]["value"] > 0.25 for name in METHODS)
    painted = ln_mean(CARD, REALISTIC, "mresunet")
    assert painted["low_95"] > 0.0


def test_what_the_page_says_of_bright_clusters():
    brightest = CARD["improved"]["one_band"]["bins"]["snr"][-1]["methods"]
    network, classical = (brightest[name]["scatter_dex"]["value"] for name in ("network", "classical"))
    assert f"scatter by {network:.3f} dex where the filter does by {classical:.3f} (S/N above 30)" in PAGE


def test_what_the_page_says_of_the_published_network():
    bins = {name: scatter_ratios(CARD, name, "mresunet") for name in (SCATTER_ON_Y, TRAINED, NO_SCATTER)}
    wins = [
        one["low"] for name in (SCATTER_ON_Y, TRAINED) for one in bins[name] if one["winner"] == "mresunet"
    ]
    assert all(low >= 20.0 for low in wins)
    quiet = [one["ratio"]["value"] for one in bins[NO_SCATTER] if one["winner"] != "not measured"]
    assert f"it scatters {min(quiet):.1f} to {max(quiet):.1f} times as much, by S/N" in PAGE
