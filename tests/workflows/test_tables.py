"""Paper beside ours, and scorecards as text."""

import copy
from types import SimpleNamespace

import pytest

from tiny_experiment import TINY
from zwicky.core.errors import StoreError
from zwicky.inference.estimator import Estimator
from zwicky.models.table import build_model
from zwicky.workflows.mass_tables import (
    bins_table,
    estimate_text,
    flags_text,
    markdown_table,
    overall_table,
    paper_text,
    real_text,
    shifts_text,
    sizes_text,
)
from zwicky.workflows.paper import deandres2022
from zwicky.workflows.real_clusters import COLUMNS
from zwicky.workflows.reproduce import notes
from zwicky.workflows.tables import results_section, summary_text, write_results


@pytest.fixture
def card(tiny_run):
    return copy.deepcopy(tiny_run.scorecard)


def cells(line):
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def rows_of(estimators, card):
    return {row.quantity: row for row in deandres2022(estimators, card)}


def published(**settings):
    """Return what the table looks at of an estimator of published networks."""
    model = build_model({"kind": "deepplanck", **settings})
    return SimpleNamespace(network=SimpleNamespace(members=[model]))


def test_published_numbers_stand_beside_ours(card, tiny_run):
    estimator = Estimator.load(tiny_run.folder / "estimator")
    metrics = card["overall"]["methods"]["network"]
    metrics["mean_predicted_sd_dex"]["value"], metrics["bias_median_dex"]["value"] = 0.0614, -0.0458
    rows = rows_of({"radial_cnn": estimator}, card)
    assert rows["trained numbers per network"][1:3] == ("58,437", "58,437")
    assert rows["networks (redshift intervals)"][1:3] == ("4", "not in this preset")
    assert rows["stated error of log10 M, improved network"][1:3] == ("+0.066 -0.056 dex", "0.061 dex")
    assert rows["bias of the mass, improved network"][1:3] == ("within 15 %", "-10.0 %")
    assert rows["M(Planck) / M(network)"][1:3] == ("0.880", "no real maps here")
    assert not any("published network" in name for name in rows)
    assert all(row.note for row in rows.values())


def test_published_networks_are_counted(card):
    assert rows_of({"deepplanck": published()}, card)["networks (redshift intervals)"].ours == "4"
    single = published(redshift_bins=None)
    assert rows_of({"deepplanck": single}, card)["networks (redshift intervals)"].ours == "1"


def test_further_methods_get_rows_of_their_own(card):
    card["methods"].append("deepplanck")
    for block in (card["overall"], card["inner"]):
        block["methods"]["deepplanck"] = block["methods"]["network"]
    rows = rows_of({}, card)
    ours, published = (
        rows[f"stated error of log10 M, {which} network"] for which in ("improved", "published")
    )
    assert ours.ours == published.ours


def test_masses_of_real_clusters_are_divided(card):
    row = dict.fromkeys(COLUMNS, "-")
    mass = {"catalogue": "4.72 +0.39 -0.39", "network M500c [1e14 Msun]": "2.36 +0.30 -0.20 (95 %: 1.9-3.0)"}
    card["real_clusters"] = [{**row, **mass}, {**row, **mass, "catalogue": "1.18"}]
    assert rows_of({}, card)["M(Planck) / M(network)"].ours == "2.00, 0.50"


def test_markdown_keeps_its_columns():
    lines = markdown_table(["a", "b"], [["1|2", 3], ["", "x"]]).splitlines()
    assert lines == ["| a | b |", "| --- | --- |", "| 1\\|2 | 3 |", "|  | x |"]


def test_estimates_with_and_without_interval():
    assert estimate_text({"value": 0.12345, "low_68": 0.1, "high_68": 0.2}) == "0.123 (0.100 to 0.200)"
    assert estimate_text({"value": 0.12345, "low_68": None, "high_68": None}, 4) == "0.1235"
    assert estimate_text({"value": None, "low_68": None, "high_68": None}) == "-"


def test_every_metric_and_method_has_its_cell(card):
    head, _, *lines = overall_table(card).splitlines()
    assert cells(head) == ["metric", "network", "classical"]
    assert [cells(line)[0].split(" [")[0] for line in lines[:-1]] == list(card["metrics"])
    assert cells(lines[-1])[0] == "slope, 14.3 < log M < 15.3 [1]"
    assert all(len(cells(line)) == 3 for line in lines)
    scatter = card["overall"]["methods"]["classical"]["scatter_dex"]["value"]
    (line,) = (line for line in lines if line.startswith("| scatter_dex"))
    assert cells(line)[2].startswith(f"{scatter:.3f} (")


@pytest.mark.parametrize("column", ["snr", "redshift"])
def test_bins_say_who_has_less_scatter(card, column):
    head, _, *lines = bins_table(card, column).splitlines()
    assert cells(head)[:3] == [column, "clusters", "scatter network [dex]"]
    assert [cells(line)[1] for line in lines] == [str(block["n_parents"]) for block in card["bins"][column]]
    assert [cells(line)[-1] for line in lines] == [block["winner"] for block in card["bins"][column]]
    assert all(len(cells(line)) == len(cells(head)) for line in lines)


def test_summary(card):
    lines = summary_text(card).splitlines()
    assert lines[0] == f"{card['overall']['n_parents']} test clusters with S/N > 4.5"
    assert [line.split()[0] for line in lines[1:]] == card["methods"]
    coverage = card["overall"]["methods"]["network"]["coverage_68"]["value"]
    assert f"coverage 68 %: {coverage:.3f}" in lines[1]


def test_numbers_that_were_not_measured_are_dashes(card):
    """In a small run no cluster may lie in the inner mass range."""
    nothing = dict.fromkeys(("value", "low_68", "high_68", "low_95", "high_95"))
    card["inner"]["methods"]["network"]["slope"] = nothing
    card["overall"]["methods"]["network"]["coverage_95"] = nothing
    lines = summary_text(card).splitlines()
    assert lines[1].endswith("inner slope -")
    assert "95 %: -," in lines[1]
    assert "None" not in results_section(card)


def test_real_clusters_are_a_table_or_a_sentence(card):
    assert "ZWICKY_DATA" in real_text({"real_clusters": []})
    rows = [{column: f"{column} {i}" for column in COLUMNS} for i in range(2)]
    lines = real_text({"real_clusters": rows}).splitlines()
    assert cells(lines[0]) == list(COLUMNS)
    assert cells(lines[3]) == [f"{column} 1" for column in COLUMNS]


def test_counts_and_lights_are_words(card):
    card["sizes"] = {"test": 3, "train": 1, "validation": 2}
    assert sizes_text(card) == "1 train, 2 validation, 3 test"
    card["flags_on_test"] = {"edge": 0.25, "in-domain": 0.7, "out-of-domain": 0.05}
    assert flags_text(card) == "in-domain 70.0 %, edge 25.0 %, out-of-domain 5.0 %"
    (note,) = (note for note in notes(TINY, card) if note.startswith("Seed 7"))
    assert "{" not in note


def test_shifts(card):
    lines = shifts_text(card).splitlines()
    assert cells(lines[2])[:2] == ["none", "0.500"]
    for line in lines[2:]:
        assert sum(float(cell.removesuffix(" %")) for cell in cells(line)[2:]) == pytest.approx(100, abs=0.2)


def test_results_are_written_for_folders_and_files(tiny_run, tmp_path):
    path = tmp_path / "docs" / "results.md"
    write_results([tiny_run.folder, tiny_run.folder / "scorecard.json"], path)
    text = path.read_text()
    section = results_section(tiny_run.scorecard)
    assert text.count(section) == 2
    assert paper_text(tiny_run.scorecard) in section
    with pytest.raises(StoreError, match="does not exist"):
        write_results([tmp_path / "nowhere"], path)
    assert path.read_text() == text
