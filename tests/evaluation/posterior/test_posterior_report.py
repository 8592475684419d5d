"""The report of posterior maps: every table, every figure, nothing hostile, and what is absent left out."""

import copy
import re

import numpy as np
import pytest

from posterior_card import HISTORIES, bare_card, example, full_card
from zwicky.core.errors import MapError, StoreError
from zwicky.evaluation.posterior import plots, run_plots, tables
from zwicky.evaluation.posterior.captions import CAPTIONS
from zwicky.evaluation.posterior.reading import at, flag, percent, yes
from zwicky.evaluation.posterior.report import record_figures, standard_figures, write_posterior_report
from zwicky.evaluation.posterior.run_tables import ablations_table, duration, named, sampler_tables
from zwicky.evaluation.posterior.summary import PosteriorPaperRow, all_tables, headline, sentences

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_posterior_report(
        path,
        title="Toy <posteriors>",
        scorecard=full_card(),
        paper=[PosteriorPaperRow("profile", "1-2 %", "3 %", "2 %", "of | all")],
        examples=[example()],
        histories=HISTORIES,
        provenance={"commit": "abc"},
        notes=[HOSTILE],
    )
    return path.read_text(encoding="utf-8")


def test_one_file_without_scripts_or_links(html):
    assert HOSTILE not in html
    assert "<script" not in html
    assert not re.search(r'(src|href)="(?!data:|#)', html)


def test_every_figure_has_its_caption(html):
    assert html.count("<img") == len(CAPTIONS)
    for title in CAPTIONS:
        assert f"<h3>{title}</h3>" in html.replace("&lt;", "<")


def test_every_table_is_there(html):
    found = all_tables(full_card())
    assert len(found) == 19
    for table in found:
        assert f">{table.title}</h2>" in html
        assert all(len(row) == len(table.head) for row in table.rows)
    text = html.replace("&lt;", "<")
    assert all(cell in text for table in found for row in table.rows for cell in row)
    assert text.index("Beside the paper</h2>") < text.index("Accuracy</h2>")
    assert headline(full_card()) in text


def test_every_table_and_figure_of_a_card_without_errors_and_parts():
    card = bare_card(n=8, with_masses=False)
    titles = [table.title for table in all_tables(card)]
    assert titles == [
        "Accuracy", "Scales", "Coverage", "Coverage at every radius: fast", "Standardised errors of pixels", "Ranks",
        "Joint coverage (TARP)", "Scores", "Ranks of every functional: fast", "Number of samples",
    ]  # fmt: skip
    assert len(standard_figures(card)) == 7
    assert record_figures(card, histories={"fast": []}) == []
    assert len(sentences(card)) == 1


def test_the_masses_of_a_deprojection_are_covered_too():
    rows = {tuple(row[:2]) for row in tables.coverage_table(full_card()).rows}
    assert ("fast", "M200c") in rows
    assert "M200c" not in {row[1] for row in tables.coverage_table(bare_card(with_masses=False)).rows}


def test_flags_tell_luck_from_error():
    assert flag(0.71, 0.68, 0.03) == ""
    assert flag(0.72, 0.68, 0.03) == " !"
    assert flag(0.60, 0.68, 0.03) == " !!"
    assert flag(0.60, 0.68, None) == " !"
    assert flag(None, 0.68, 0.03) == ""


def test_coverage_is_flagged_in_the_table():
    card = copy.deepcopy(full_card())
    card["results"]["fast"]["coverage"]["map_mass"]["value"][0][0][0] = 0.2
    row = next(
        row for row in tables.coverage_table(card).rows if row[:3] == ["fast", "mass of the map", "gas"]
    )
    assert row[3] == "20.0 !!"


def test_functionals_pass_or_fail():
    card = copy.deepcopy(full_card())
    ranks = card["results"]["fast"]["ranks"]
    ranks["inside"] = [False] + [True] * (len(ranks["inside"]) - 1)
    rows = tables.functionals_table(card, "fast").rows
    assert rows[0][1].startswith("FAIL (")
    assert sum("FAIL" in cell for row in rows for cell in row) == 1
    assert len(rows) == len(set(ranks["names"]))
    counts = tables.ranks_table(card).rows[0]
    assert counts[-2] == f"{len(ranks['inside']) - 1} of {len(ranks['inside'])}"
    assert sum(int(cell.split()[2]) for cell in counts[2:-2]) == len(ranks["inside"])


def test_the_curve_of_the_samplers_is_a_table():
    fast, published = sampler_tables(full_card())
    assert fast.rows[0] == ["dpm2m", "4", "4", "8.00 ± 0.40", "2.50", "no", "–"]
    assert fast.rows[2][3:] == ["–", "–", "no", "yes"]
    assert (
        "Chosen: dpm2m, 12 steps, 12 evaluations. Fewest of Euler-Maruyama: euler_maruyama, 250 steps"
        in fast.remark
    )
    assert "Chosen: none." in published.remark


def test_a_training_without_samples_has_a_row_that_says_why():
    table = ablations_table({**full_card(), "failed_trainings": {"wild": "The sampler left the numbers."}})
    assert table.rows[-1][:2] == ["wild", "The sampler left the numbers."]
    assert {len(row) for row in table.rows} == {len(table.head)}


def test_floors_and_names():
    rows = ablations_table(full_card()).rows
    assert [row[-1] for row in rows] == ["–", "–", "0.125", "0.125"]
    assert [row[0] for row in rows] == ["plain", "plain", "linear", "linear"]
    assert named("heun") == "heun"
    assert named({}) == "–"
    assert named({"solver": "heun", "steps": 8, "note": "none passes"}) == "heun, 8 steps (none passes)"
    assert [duration(one) for one in (None, 3.0, 120.0, 5400.0)] == ["–", "3.0 s", "2.0 min", "1.5 h"]
    assert (percent(None), yes(None), yes(False)) == ("–", "–", "no")
    assert at({"value": [[1.0]], "low_68": None}, 0, 0) == {"value": 1.0, "low_68": None}


def test_margins_that_are_not_defined_are_dashes():
    nothing = {"smallest": None, "ring": None, "n": 0, "above": 0, "surely": 0}
    assert tables.margin_text(nothing) == tables.worst_text(None) == "–"


def test_curves_without_numbers_are_not_drawn():
    row = {"solver": "heun", "evaluations": 4, "error": None}
    assert run_plots.error_against_evaluations({"fast": {"rows": [row]}}) is None


def test_recalibrated_methods_are_not_drawn_twice():
    assert plots.final_methods(full_card()) == ["fast", "published", "gaussian"]
    assert plots.colour_of({"methods": ["other"]}, "other") == plots.COLOURS[0]


def test_bars_reach_from_low_to_high():
    value, reach = plots.reach_of({"value": [1.0], "low_68": [0.5], "high_68": [2.0]}, 2.0)
    np.testing.assert_allclose(value, [2.0])
    np.testing.assert_allclose(reach, [[1.0], [2.0]])


@pytest.mark.parametrize(
    "examples",
    [[], [example() | {"inputs": np.ones((1, 16, 16))}], [example() | {"samples": example()["samples"][:2]}]],
)
def test_examples_that_cannot_be_drawn(examples):
    with pytest.raises(MapError, match="cannot be drawn"):
        run_plots.example_clusters(examples, ["SZ", "X-ray"], ["gas", "dark matter"])


def test_another_card_is_refused(tmp_path):
    with pytest.raises(StoreError, match="not a scorecard"):
        write_posterior_report(
            tmp_path / "report.html", title="", scorecard={"format": "zwicky map scorecard"}
        )
    assert list(tmp_path.iterdir()) == []
