"""The numbers that the README quotes are those of the committed scorecard."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CARD = json.loads((ROOT / "results" / "deandres2022-laptop.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("method", ["network", "classical", "deepplanck"])
def test_the_table_of_test_clusters(method):
    overall, inner = (CARD[block]["methods"][method] for block in ("overall", "inner"))
    row = (
        f"| {overall['scatter_dex']['value']:.4f} | {100 * overall['coverage_68']['value']:.1f} % "
        f"| {100 * overall['coverage_95']['value']:.1f} % | {inner['slope']['value']:.3f} |"
    )
    assert row in README
    assert row.replace("0.0", "0.1", 1) not in README


def test_how_many_clusters_and_where_the_network_wins():
    assert f"On {CARD['overall']['n_parents']} held-out" in README
    top = CARD["bins"]["snr"][-1]
    assert top["low"] == 100
    ratio = 1 - (
        top["methods"]["network"]["scatter_dex"]["value"]
        / top["methods"]["classical"]["scatter_dex"]["value"]
    )
    assert f"by {100 * ratio:.0f} % in scatter" in README
    winners = {block["low"]: block["winner"] for block in CARD["bins"]["snr"]}
    assert {low for low, name in winners.items() if name == "network"} == {9.0, 15.0, 30.0, 100.0}
    assert "equal below S/N 9" in README


def test_the_real_clusters():
    for row in CARD["real_clusters"]:
        for column in ("network M500c [1e14 Msun]", "classical M500c [1e14 Msun]"):
            assert f"| {row[column].split(' (')[0]} |" in README
