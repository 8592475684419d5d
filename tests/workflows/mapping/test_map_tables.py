"""Tables of a small card made by hand, exactly; paper beside ours; and which kind of section a card gets."""

import json
from pathlib import Path

import pytest

from map_card import full_card
from zwicky.core.errors import StoreError
from zwicky.evaluation.card_file import read_card
from zwicky.evaluation.mapping.scorecard import write_map_scorecard
from zwicky.evaluation.mapping.summary import (
    baselines_table,
    headline,
    masses_table,
    methods_table,
    own_baselines,
    run_tables,
    small_scale_power,
    views_table,
)
from zwicky.workflows.mapping.paper import paper_rows
from zwicky.workflows.mapping.tables import maps_results_section, maps_summary_text, section
from zwicky.workflows.mass_tables import mass_results_section
from zwicky.workflows.tables import results_section, summary_text, write_results

HEAVY = "14.80-15.55"
MASSES = Path(__file__).parents[3] / "results" / "deandres2022-laptop.json"


def est(value, error=None):
    ends = (None, None) if error is None or value is None else (value - error, value + error)
    return {"value": value, "low_68": ends[0], "high_68": ends[1], "low_95": ends[0], "high_95": ends[1]}


def block(pixels, bias, scatter, coverage=None, noise=0.05):
    masses = {"median": est(bias, 0.001), "scatter": est(scatter, 0.002)}
    inside = None if coverage is None else {"68": est(coverage[0]), "95": est(coverage[1])}
    per_radius = None if coverage is None else {"68": {"value": coverage}, "95": {"value": [0.96, 0.96]}}
    return {
        "pixels": {which: {"scatter": est(pixels, 0.001)} for which in ("map", "r500", "half_r500")},
        "bias_r200": masses,
        "bias_r500": masses,
        "ssim": est(0.95),
        "power_ratio": {"median": [0.0, -0.2, -0.4]},
        "pixel_coverage": inside,
        "mass_coverage": per_radius,
        "mmd": {"value": 1e-3, "noise": noise},
    }


def compared(candidate, baseline, ratio, r_difference):
    low, high = ([d - 0.01 for d in r_difference], [d + 0.01 for d in r_difference])
    return {
        "candidate": candidate,
        "baseline": baseline,
        "pixel_scatter_ratio": est(ratio, 0.01),
        "scatter_r200_ratio": est(None),
        "r_difference": {"value": r_difference, "low_95": low, "high_95": high},
    }


def result(*numbers, **options):
    return {"groups": {"all": block(*numbers, **options), HEAVY: block(*numbers, **options)}}


@pytest.fixture
def card():
    return {
        "methods": ["sz", "multi1", "any", "any: sz", "linear: sz", "linear: all"],
        "sample": {"n_rows": 600, "n_parents": 20},
        "groups": [{"name": "all", "kind": "all"}, {"name": HEAVY, "kind": "mass"}],
        "length_unit": "R200c",
        "scales": [1.0, 0.15, 0.1],
        "results": {
            "sz": result(0.140, -0.004, 0.060),
            "multi1": result(0.070, 0.012, 0.030, noise=0.0499),
            "any": result(0.072, 0.011, 0.031, coverage=[0.70, 0.94]),
            "any: sz": result(0.141, -0.005, 0.061, coverage=[0.66, 0.93]),
            "linear: sz": result(0.300, 0.050, 0.090, noise=None),
            "linear: all": result(0.250, 0.040, 0.080),
        },
        "comparisons": [
            compared("sz", "multi1", 2.0, [-0.1, -0.1, -0.1]),
            compared("sz", "linear: sz", 0.467, [0.1, 0.2, 0.3]),
            compared("sz", "linear: all", 0.56, [0.1, 0.2, -0.3]),
            compared("multi1", "sz", 0.5, [0.1, 0.1, 0.1]),
            compared("multi1", "linear: all", 0.28, [0.1, 0.2, -0.005]),
            compared("any", "multi1", 1.029, [0.0, 0.0, 0.0]),
            compared("any", "linear: all", 0.288, [0.1, 0.2, -0.3]),
            compared("any: sz", "sz", 1.007, [0.0, 0.0, 0.0]),
            compared("any: sz", "linear: sz", 0.47, [0.1, 0.1, 0.1]),
        ],
        "seed": 7,
        "n_resamples": 300,
        "experiment": {"name": "toy2024", "preset": "smoke", "title": "Toy maps"},
        "networks": {"multi1": {"parameters": 430_000}, "sz": {"parameters": 6_830_000}},
        "geometry": [
            {"network": "any", "geometry": "scaled", "n_maps": 60, "bias_r200": 0.01, "coverage_68": 0.675},
            {"network": "any_peak", "geometry": "peak", "n_maps": 55, "bias_r200": -0.0149},
        ],
    }


def test_methods(card):
    table = methods_table(card)
    assert table.head[:2] == ["method", "pixels, map [%]"]
    assert table.head[9] == "power, L < 0.2 R200c [%]"
    assert table.rows[0] == [
        "sz", *["14.0 ± 0.1"] * 3, "−0.4 ± 0.1", "6.0 ± 0.2", "−0.4 ± 0.1", "6.0 ± 0.2", "0.950", "−30", "–", "–"
    ]  # fmt: skip
    assert table.rows[2][-2:] == ["70.0 / 94.0", "82.0 / 96.0"]
    assert [len(row) for row in table.rows] == [len(table.head)] * 6


def test_masses(card):
    table = masses_table(card)
    assert table.head == [
        "method",
        *(f"{name}, {HEAVY}" for name in ("pixels", "bias", "scatter", "MMD as noise")),
    ]
    assert table.rows[1] == ["multi1", "7.0", "1.2 ± 0.1", "3.0 ± 0.2", "5.0 %"]
    assert table.rows[4][-1] == "above the lines"
    card["results"]["sz"]["groups"][HEAVY]["mmd"]["value"] = None
    assert masses_table(card).rows[0][-1] == "–"


def test_baselines_are_those_of_the_same_views(card):
    assert own_baselines(card) == [
        ("sz", "linear: sz"), ("multi1", "linear: all"), ("any", "linear: all"), ("any: sz", "linear: sz")
    ]  # fmt: skip
    table = baselines_table(card)
    assert table.rows[0] == ["sz", "linear: sz", "3 of 3", "3 / 0", "0.47 ± 0.01", "–"]
    assert table.rows[1] == ["multi1", "linear: all", "2 of 3", "2 / 0", "0.28 ± 0.01", "–"]
    assert table.rows[2][2:4] == ["2 of 3", "2 / 1"]


def test_any_stands_beside_the_network_of_each_subset(card):
    table = views_table(card)
    whole, sz = table.rows
    assert whole[:4] == ["all", "7.2 ± 0.1", "7.0 ± 0.1 (multi1)", "1.03 ± 0.01"]
    assert whole[4:] == ["3.1 ± 0.2", "3.0 ± 0.2", "70.0 / 94.0", "82.0 / 96.0"]
    assert sz[:4] == ["sz", "14.1 ± 0.1", "14.0 ± 0.1 (sz)", "1.01 ± 0.01"]
    assert sz[4:] == ["6.1 ± 0.2", "6.0 ± 0.2", "66.0 / 93.0", "79.5 / 96.0"]
    card["methods"] = ["any", "linear: all"]
    assert views_table(card).rows[0][2:4] == ["–", "–"]
    card["methods"] = ["sz"]
    assert views_table(card) is None


def test_what_a_run_added_is_tabled_with_its_own_columns(card):
    (table,) = run_tables(card)
    assert table.head == ["network", "geometry", "maps", "M(<R200) bias [%]", "M inside 68 % [%]"]
    assert table.rows == [["any", "scaled", "60", "1.0", "67.5"], ["any_peak", "peak", "55", "−1.5", "–"]]
    lines = section(table)[2].splitlines()
    assert lines[2] == "| any | scaled | 60 | 1.0 | 67.5 |"


def test_transfer_and_learning_curve():
    transfer, learning, geometry = run_tables(full_card())
    assert transfer.rows[1] == [
        "gadgetx", "gizmo", "transfer_x", "500", "−1.2", "3.4", "70.0", "94.0", "5.0", "8.0"
    ]  # fmt: skip
    assert learning.rows[0] == ["10", "100", "10.0", "0.0", "10.0"]
    assert geometry.title == "What the true radius is worth"


def test_small_scales_are_below_a_fifth(card):
    assert small_scale_power(card, "sz") == pytest.approx(-0.3)
    card["scales"] = [1.0, 0.5, 0.3]
    assert small_scale_power(card, "sz") is None


def test_the_headline_names_the_best_and_its_rival(card):
    text = headline(card)
    assert text.startswith("multi1: pixels scatter by 7.0 ± 0.1 %")
    assert "off by 1.2 ± 0.1 % and scatters by 3.0 ± 0.2 %" in text
    assert "The best baseline, linear: all: 25.0 ± 0.1 % and 8.0 ± 0.2 %." in text
    card["methods"] = ["sz"]
    assert headline(card).endswith("6.0 ± 0.2 %.")


def test_paper_beside_ours(card):
    card["groups"].insert(1, {"name": "13.67-14.19", "kind": "mass"})
    rows = {row.quantity: row for row in paper_rows(card)}
    expected = {
        "trained numbers": ("about 7 million", "sz 6.83 million, multi1 0.43 million"),
        "scatter of pixels, one view": ("about 14 %", "sz 14.0 ± 0.1 %"),
        "scatter of pixels, all views over best gas view": ("about 0.5", "multi1 0.50 ± 0.01"),
        "bias of the mass, all views": ("about 1 %", "multi1 1.2 ± 0.1 %"),
        "scatter of the mass, all views": ("within 3 %", "multi1 3.0 ± 0.2 %"),
        "scatter of the mass, one gas view": ("about 10 %", "sz 6.0 ± 0.2 %"),
        "power on small scales": ("gas views lack it; stars and all views hardly", "sz −30 %, multi1 −30 %"),
        "MMD at high mass, as noise": ("compatible with 5 %", "multi1 5.0 %"),
        "r(k) of networks over that of baselines": ("–", "higher at 10 of 12 scales (surely lower at 1)"),
    }
    assert {name: tuple(rows[name][1:3]) for name in expected} == expected
    assert all(row.note for row in rows.values())


def test_a_preset_without_the_paper_s_networks_has_dashes(card):
    card |= {"methods": ["any"], "comparisons": [], "networks": {}, "groups": card["groups"][:1]}
    assert {row.ours for row in paper_rows(card)} == {"–"}


def test_the_section_and_the_terminal(card):
    card["paper"] = [list(row) for row in paper_rows(card)]
    text = maps_results_section(card)
    assert text.startswith(
        "## Toy maps: preset `smoke`\n\n`zwicky reproduce toy2024 --preset smoke`; seed 7, 600 test"
    )
    titles = [line for line in text.splitlines() if line.startswith("### ")]
    assert titles == [
        "### Paper beside ours", "### All methods", "### By mass", "### Beside the baselines",
        "### Any subset of the views", "### What the true radius is worth",
    ]  # fmt: skip
    lines = maps_summary_text(card).splitlines()
    assert lines[0] == "600 test maps of 20 clusters"
    assert lines[4].startswith(
        "  any          pixels 7.2 ± 0.1 %, M(<R200) bias 1.1 ± 0.1 %, scatter 3.1 ± 0.2 %,"
    )
    assert lines[4].endswith("inside 68 / 95 %: pixels 70.0 / 94.0, masses 82.0 / 96.0")


def test_results_of_maps_are_written_beside_those_of_masses(tmp_path):
    maps, masses = full_card(), read_card(MASSES)
    write_map_scorecard(tmp_path / "scorecard.json", maps)
    write_results([tmp_path, MASSES], tmp_path / "results.md")
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert maps_results_section(read_card(tmp_path / "scorecard.json")) in text
    assert mass_results_section(masses) in text
    assert text.index("Toy maps") < text.index(masses["experiment"]["title"])
    assert summary_text(maps) == maps_summary_text(maps)
    assert "test clusters with S/N" in summary_text(masses)


@pytest.mark.parametrize("card", [{}, {"format": "zwicky cake"}])
def test_another_file_is_refused(card, tmp_path):
    path = tmp_path / "scorecard.json"
    path.write_text(json.dumps(card))
    with pytest.raises(StoreError, match="not a scorecard"):
        write_results([path], tmp_path / "results.md")
    with pytest.raises(StoreError, match="not a scorecard"):
        summary_text(card)
    assert not (tmp_path / "results.md").exists()


def test_an_incomplete_card_is_refused():
    with pytest.raises(StoreError, match="incomplete"):
        results_section({"format": "zwicky map scorecard", "format_version": 1})
