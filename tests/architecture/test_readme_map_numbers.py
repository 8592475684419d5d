"""The numbers of mass maps that the README quotes are those of the committed scorecard."""

import json
from pathlib import Path

import pytest

from zwicky.evaluation.mapping.comparison import comparison_of, wins
from zwicky.evaluation.mapping.summary import block_of, coverage_text, mass_groups, percent

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CARD = json.loads((ROOT / "results" / "deandres2024-laptop.json").read_text(encoding="utf-8"))

MULTI = ("multi1", "multi3")


def row_of(method):
    block = block_of(CARD, method)
    mass = block["bias_r200"]
    numbers = [block["pixels"]["map"]["scatter"], mass["median"], mass["scatter"]]
    cells = [f"{percent(one['value'])} %" for one in numbers]
    cells += [coverage_text(block, which) for which in ("pixel_coverage", "mass_coverage")]
    return " | ".join(cells)


@pytest.mark.parametrize(
    "method", ["multi1", "multi3", "any", "star", "sz", "xray", "linear: all", "mean profile"]
)
def test_the_table_of_mass_maps(method):
    assert f"| {row_of(method)} |" in README
    assert f"| 1{row_of(method)} |" not in README


def test_how_many_maps():
    sample = CARD["sample"]
    assert f"On {sample['n_rows']} test maps of {sample['n_parents']} clusters" in README


def test_what_the_text_says_of_the_paper_s_targets():
    ratio = comparison_of(CARD, "multi3", "sz")["pixel_scatter_ratio"]["value"]
    assert f"pixels scatter {ratio:.2f} times as much as with the best gas" in README
    heavy = mass_groups(CARD)[-1]["name"]
    noise = 100.0 * block_of(CARD, "multi3", heavy)["mmd"]["noise"]
    assert f"as {noise:.0f} % noise does" in README
    halved = [comparison_of(CARD, name, "linear: all")["scatter_r200_ratio"]["value"] for name in MULTI]
    assert max(halved) < 0.51, "they halve the mass scatter of the best linear filter"


def test_where_the_text_says_that_linear_filters_keep_up():
    lost = {name: wins(CARD, name, f"linear: {name}").surely_below for name in ("xray", "sz")}
    assert f"X-rays lose\non {lost['xray']} of 20 scales, Compton-y on {lost['sz']}." in README
    rivals = ("linear: all", "linear: all, best r(k)")
    pairs = [wins(CARD, name, rival) for name in MULTI for rival in rivals] + [
        wins(CARD, "star", "linear: star")
    ]
    assert sum(pair.n_scales - pair.above for pair in pairs) == 1
    assert [wins(CARD, "any", rival).surely_below for rival in rivals] == [0, 0]
