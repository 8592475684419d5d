"""The smallest preset that ships, from the command line: all of a published result in half a minute."""

import json

import pytest


@pytest.mark.slow
def test_a_published_result_is_run_whole_and_not_twice(zwicky, empty_folder):
    command = ("reproduce", "deandres2022", "--preset", "smoke", "--workers", 1)
    first = zwicky(*command)
    assert first.status == 0, first.err
    run = empty_folder / "runs" / "deandres2022-smoke"
    for name in (
        *("config.toml", "provenance.json", "scorecard.json", "report.html", "store/manifest.json"),
        *("estimator/estimator.json", "estimator/member-0.safetensors", "estimator/domain.safetensors"),
        *("estimator-deepplanck/estimator.json", "radial_cnn/member-0/metrics.jsonl"),
        *("deepplanck/member-0/metrics.jsonl", "radial_cnn/member-0/best.json"),
    ):
        assert (run / name).is_file(), name
    assert not list(run.rglob("*.part"))
    assert len((run / "radial_cnn" / "member-0" / "metrics.jsonl").read_text().splitlines()) == 6

    assert "test clusters with S/N > 4.5" in first.out
    assert "| quantity | paper | ours | note |" in first.out
    assert "| trained numbers per network | 58,437 | 58,437 |" in first.out
    assert "| M(Planck) / M(network) | 0.880 | no real maps here |" in first.out
    assert "radial_cnn: network 1 of 1, at most 6 epochs" in first.err
    assert first.err.splitlines()[-1] == "report: runs/deandres2022-smoke/report.html"

    scorecard = (run / "scorecard.json").read_text()
    card = json.loads(scorecard)
    assert card["methods"] == ["network", "classical", "deepplanck"]
    assert card["sizes"]["validation"] >= 100
    assert card["overall"]["n_parents"] >= 100
    page = (run / "report.html").read_text()
    assert "DeepPlanck (de Andres et al. 2022), preset smoke" in page
    assert "58,437" in page

    again = zwicky(*command)
    assert (again.status, again.out) == (0, first.out)
    assert again.err.splitlines() == [
        "mocks: 1200 observations of 1200 clusters",
        "radial_cnn: already trained",
        "deepplanck: already trained",
        "evaluating on the test set",
        "report: runs/deandres2022-smoke/report.html",
    ]
    assert (run / "scorecard.json").read_text() == scorecard

    other = zwicky("reproduce", "deandres2022", "--preset", "demo", "--out", run)
    assert (other.status, other.out) == (2, "")
    assert "ConfigError: This folder holds a run with other settings." in other.err
    assert "others in: evaluation, networks, preset, store" in other.err
    assert (run / "scorecard.json").read_text() == scorecard
