"""The numbers of X-ray photons that the README quotes are those of the committed scorecards."""

import json
from pathlib import Path

import pytest

from zwicky.evaluation.text_table import percent_pm, value_pm

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FOLDS, ENSEMBLE = (
    json.loads((ROOT / "results" / f"{name}-laptop.json").read_text(encoding="utf-8"))
    for name in ("ntampaka2019", "krippendorf2024")
)
QUOTED = [
    *(
        (FOLDS, row)
        for row in ("bias of the network", "scatter of the network", "scatter, core-excised luminosity")
    ),
    (FOLDS, "scatter, Y_X"),
    (FOLDS, "response inside 0.2 R500 over that from there to R500"),
    *((ENSEMBLE, row) for row in ("scatter of the ensemble", "scatter of the count-rate relation")),
    *((ENSEMBLE, row) for row in ("ensemble over count rate", "mean predicted error over scatter")),
    (ENSEMBLE, "scatter at both likelihoods > 60"),
    (ENSEMBLE, "slope of predicted on true log10 M, uniform weights"),
]


@pytest.mark.parametrize(("card", "quantity"), QUOTED, ids=[row for _, row in QUOTED])
def test_the_tests_of_the_papers(card, quantity):
    _, paper, ours, _ = next(row for row in card["paper"] if row[0] == quantity)
    assert f"| {quantity} | {paper} | {ours} |" in README


def improved_line(name):
    block = ENSEMBLE["improved"][name]
    network, classical = (block["results"][method] for method in ("network", "classical"))
    inside = " / ".join(percent_pm(network[key]) for key in ("coverage_68", "coverage_95"))
    return (
        f"{value_pm(network['scatter_dex'], 3)} | {value_pm(classical['scatter_dex'], 3)} | "
        f"{value_pm(block['ratios']['classical']['scatter_dex'], 2)} | {inside} % |"
    )


@pytest.mark.parametrize("name", sorted(ENSEMBLE["improved"]))
def test_the_networks_for_any_number_of_photons(name):
    line = next(one for one in README.splitlines() if one.startswith(f"| `{name}`"))
    assert line.endswith(improved_line(name))


def test_the_real_clusters():
    for row in ENSEMBLE["real_clusters"]:
        line = next(one for one in README.splitlines() if one.startswith(f"| {row['cluster']}"))
        cells = (row["network M500c [1e14 Msun]"], row["classical M500c [1e14 Msun]"], row["catalogue"])
        assert line.endswith("| " + " | ".join(cells) + " |")


def test_what_the_text_says():
    noisy = next(row for row in ENSEMBLE["ensemble"]["noise"] if row["noise"] == 0.1)
    assert f"x{value_pm(noisy['ratio'])} instead of x1.09 at 0.1" in README
    core = FOLDS["folds"]["core"]
    assert core["is_excised"] is False
    assert core["limit"] == 0.5
    inner, ring = FOLDS["folds"]["dream"]["per_area"]["value"][0][:2]
    assert abs(inner) < 0.02 * max(FOLDS["folds"]["dream"]["per_area"]["value"][0])
    assert 0.5 * core["outside"]["value"] < ring
    network = FOLDS["folds"]["results"]["network"]
    low, high = (network["best_by_chance"][end] for end in ("low", "high"))
    assert network["best_fold"]["fit_scatter_percent"] > 0.9 * low
    assert high > network["best_fold"]["fit_scatter_percent"]
