"""The numbers of posterior maps that the README quotes are those of the committed scorecard."""

import json
from pathlib import Path

import pytest

from zwicky.evaluation.posterior.reading import coverage_text, digest_of

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CARD = json.loads((ROOT / "results" / "hsu2024-laptop.json").read_text(encoding="utf-8"))
QUOTED = [
    "error of the profile, R < 1 Mpc",
    "error of the profile, to the edge",
    "b(k), large / small scales",
    "r(k), small scales",
    "r(k) above the linear baseline at every k, gas: posterior mean",
    "r(k) above the linear baseline at every k, dark matter: posterior mean",
    "spread of standardised errors, gas, before / after recalibration",
    "spread of standardised errors, dark matter, before / after recalibration",
    "samples for convergence of the variance",
    "evaluations of the network per sample",
]
COVERED = {"mass inside a radius": "M(<R)", "profile": "profile", "pixel": "pixels"}


@pytest.mark.parametrize("quantity", QUOTED)
def test_beside_the_paper(quantity):
    _, paper, published, fast, _ = next(row for row in CARD["paper"] if row[0] == quantity)
    assert f"| {quantity} | {paper} | {published} | {fast} |" in README


def coverage_line(name, key, target):
    cells = (
        coverage_text(digest_of(CARD, method)[target], key)
        for method in ("fast before recalibration", "fast")
    )
    return f"| {name}, {target} | {' | '.join(cells)} |"


@pytest.mark.parametrize("target", CARD["targets"])
@pytest.mark.parametrize("name", COVERED)
def test_coverage(name, target):
    assert coverage_line(name, COVERED[name], target) in README


def test_what_the_text_says():
    sizes, fast = CARD["sizes"], CARD["results"]["fast"]
    train, models = sizes["clusters"]["train"], sizes["models"]
    assert f"{fast['bins'][0]['n_clusters']} test clusters, {fast['n_samples']} samples" in README
    assert f"{train['maps']:,} maps of {train['parents']:,} clusters" in README
    before, after = (
        CARD["results"][name]["ranks"]["inside"] for name in ("fast before recalibration", "fast")
    )
    assert f"{sum(after)} of {len(after)} functionals (before: {sum(before)})" in README
    assert {name: one["inside"] for name, one in fast["tarp"].items()} == {
        "profiles": True,
        "coarse pixels": False,
    }
    maps, scalar = (
        CARD["masses"]["methods"][name]["scatter_dex"]["value"][0] for name in ("maps", "scalar network")
    )
    assert f"scatters by {maps:.3f} dex, by {scalar:.3f} from" in README
    published = models["published"]
    assert f"{published['parameters'] / 1e6:.1f} of 45.8 million numbers" in README
    assert (
        f"{published['images_seen'] / 1000:.0f},000 images, and its {published['evaluations'] - 1} steps"
        in README
    )


def test_what_the_text_says_of_closed_forms():
    exact = CARD["exact"]
    assert all(one["passes"] and one["mean_error_in_sd"] < 0.01 for one in exact["sampler"].values())
    assert (
        f"off by {100 * exact['trained']['fast']['mean_error_in_sd']:.0f} % of it, where 2 % are wanted"
        in README
    )
