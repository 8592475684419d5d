"""The numbers of mass maps that the README quotes are those of the committed scorecard."""

import json
from pathlib import Path

import pytest

from zwicky.evaluation.mapping.summary import block_of, coverage_text, percent

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CARD = json.loads((ROOT / "results" / "deandres2024-laptop.json").read_text(encoding="utf-8"))


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
