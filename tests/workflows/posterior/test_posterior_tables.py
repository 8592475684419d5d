"""Posterior scorecards as text, and the paper's numbers beside ours."""

import copy

import pytest

from posterior_card import TARGETS, bare_card, full_card, judged
from zwicky.core.errors import StoreError
from zwicky.evaluation.posterior.scorecard import build_posterior_scorecard, write_posterior_scorecard
from zwicky.evaluation.posterior.summary import PAPER_HEAD, all_tables
from zwicky.workflows.posterior.paper import ABSENT, paper_rows
from zwicky.workflows.tables import results_section, summary_text, write_results

EXPERIMENT = {"name": "toy", "preset": "tiny", "title": "Toy posteriors", "reference": "Nobody 2024"}


@pytest.fixture
def card():
    found = copy.deepcopy(full_card()) | {"experiment": EXPERIMENT}
    return found | {"paper": [list(row) for row in paper_rows(found)]}


def rows_of(card):
    return {row.quantity: row for row in paper_rows(card)}


def test_published_and_fast_stand_beside_the_paper(card):
    for target in ("gas", "dark matter"):
        for name in ("published", "fast"):
            margin = card["results"][name]["digest"][target]["mean_above"]
            margin.update(above=margin["n"], surely=3)
    card["results"]["fast"]["digest"]["gas"]["mean_above"]["above"] -= 1
    digest = card["results"]["fast"]["digest"]
    digest["gas"]["profile_centre"] = {
        "value": -0.031,
        "low_68": -0.041,
        "high_68": -0.021,
        "radius_mpc": 0.7,
    }
    digest["dark matter"]["profile_centre"] = None
    digest["gas"]["r_mean_small"]["value"], digest["dark matter"]["r_mean_small"]["value"] = 0.8, 0.9
    rows = rows_of(card)
    assert rows["error of the profile, R < 1 Mpc"][1] == "1-2 %"
    assert rows["error of the profile, R < 1 Mpc"].fast == "gas −3.1 ± 1.0 % at 0.7 Mpc, dark matter –"
    n = digest["gas"]["mean_above"]["n"]
    above = rows["r(k) above the linear baseline at every k, gas: posterior mean"]
    assert above.published.startswith(f"yes: {n} of {n} (3); ")
    assert above.fast.startswith(f"no: {n - 1} of {n} (3); ")
    assert rows["r(k) of gas above dark matter, small scales"].fast == "no: 0.800 and 0.900"
    assert rows["trained numbers"][1:4] == ("45.84 million", "2,430,000", "1,234,567")
    assert rows["evaluations of the network per sample"][1:4] == ("1000", "1,000", "12")
    assert rows["error of the mass of the map, gas"].paper == "not recoverable"
    assert all(len(row) == len(PAPER_HEAD) for row in rows.values())


def test_spread_before_and_after_recalibration(card):
    for name, value in (
        ("published", 0.7),
        ("published, recalibrated", 0.99),
        ("fast before recalibration", 0.9),
    ):
        for space in ("linear", "log10"):
            card["results"][name]["digest"]["gas"]["z_sd"][space] = {
                "value": value,
                "low_68": None,
                "high_68": None,
            }
    row = rows_of(card)["spread of standardised errors, gas, before / after recalibration"]
    assert row.published == "0.70 (0.70) / 0.99 (0.99)"
    assert row.fast.startswith("0.90 (0.90) / ")


def test_linear_baselines_of_both_views(card):
    views = card["results"]["fast"]["spectra"]["r_views"]
    n = len(views["SZ"][0])
    views["SZ"][0], views["X-ray"][0] = [0.9] * n, [0.8] * n
    row = rows_of(card)["baseline of gas: SZ above X-ray"]
    assert row.fast == f"yes: 0.900 and 0.800; above at {n} of {n} k"


def test_what_is_not_there_says_so():
    rows = rows_of(bare_card())
    assert {row.published for row in rows.values()} == {ABSENT}
    assert rows["trained numbers"].fast == "–"
    assert rows["pixels inside 68 / 95 %, before / after recalibration"].fast.startswith(f"{ABSENT}; ")
    one = rows_of(build_posterior_scorecard({"published": judged(targets=TARGETS[1:])}))
    assert not any(name.endswith("gas") or "gas above" in name for name in one)
    assert one["trained numbers"].fast == ABSENT


def test_a_line_for_each_method_and_part(card):
    lines = summary_text(card).splitlines()
    assert [line.split(" (")[0] for line in lines[:5]] == card["methods"]
    assert lines[5].startswith("Gate C5 of fast: dpm2m, 12 steps")
    assert lines[6].startswith("Gate C5 of published: none; fewest of Euler-Maruyama: euler_maruyama, 250")
    assert lines[7].startswith("M200c: maps ")
    assert "before recalibration, " in lines[0]
    assert "before recalibration, " not in lines[1].split("functionals")[0].split(")", 1)[1]


def test_the_section_holds_every_short_table(card):
    text = results_section(card)
    assert text.startswith(
        "## Toy posteriors: preset `tiny`\n\n`zwicky reproduce toy --preset tiny`; seed 3; 20 boot"
    )
    tables = all_tables(card, details=False)
    assert [line for line in text.splitlines() if line.startswith("### ")] == [
        "### Beside the paper",
        *(f"### {one.title}" for one in tables),
    ]
    assert "### Error against evaluations: fast" in text
    for one in tables:
        assert all("| " + " | ".join(row) + " |" in text for row in one.rows)
    assert "### Beside" not in results_section(card | {"paper": []})


def test_results_are_written_and_damaged_cards_refused(card, tmp_path):
    run, path = tmp_path / "run", tmp_path / "docs" / "results.md"
    run.mkdir()
    write_posterior_scorecard(run / "scorecard.json", card)
    write_results([run], path)
    assert results_section(card) in path.read_text(encoding="utf-8")
    with pytest.raises(StoreError, match="incomplete"):
        summary_text({key: value for key, value in card.items() if key != "masses"})
