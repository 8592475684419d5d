"""Scorecards of photons as text: the lines for a terminal, and the section of docs/results.md."""

import pytest

from photon_card import photon_card
from zwicky.core.errors import StoreError
from zwicky.evaluation.xray.scorecard import write_photon_scorecard
from zwicky.evaluation.xray.summary import all_tables
from zwicky.workflows.tables import results_section, summary_text, write_results

EXPERIMENT = {"name": "toy", "preset": "tiny", "title": "Toy photons"}


@pytest.fixture
def card():
    return photon_card() | {"experiment": EXPERIMENT, "paper": [["scatter", "12 %", "11 %", "of | all"]]}


def test_a_line_for_each_part(card):
    lines = summary_text(card).splitlines()
    assert [line.split()[0] for line in lines] == ["Cross-validated", "Ensemble", "erosita:"]


def test_the_section_holds_every_table(card):
    text = results_section(card)
    assert text.startswith(
        "## Toy photons: preset `tiny`\n\n`zwicky reproduce toy --preset tiny`; seed 3; 20 bootstrap"
    )
    assert "| scatter | 12 % | 11 % | of \\| all |" in text
    tables = all_tables(card)
    assert [line for line in text.splitlines() if line.startswith("### ")] == [
        "### Paper beside ours",
        *(f"### {one.title}" for one in tables),
    ]
    for one in tables:
        assert all("| " + " | ".join(row) + " |" in text for row in one.rows)
    assert "### Paper" not in results_section(card | {"paper": []})


def test_results_are_written_and_damaged_cards_refused(card, tmp_path):
    run, path = tmp_path / "run", tmp_path / "docs" / "results.md"
    run.mkdir()
    write_photon_scorecard(run / "scorecard.json", card)
    write_results([run], path)
    assert results_section(card) in path.read_text(encoding="utf-8")
    with pytest.raises(StoreError, match="incomplete"):
        summary_text({key: value for key, value in card.items() if key != "improved"})
