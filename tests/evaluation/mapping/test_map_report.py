"""The report of maps: one file with everything inside, the numbers of the card, and nothing hostile."""

import re

import pytest

from map_card import build, full_card, make_true, times
from zwicky.core.errors import StoreError
from zwicky.evaluation.mapping.captions import CAPTIONS
from zwicky.evaluation.mapping.report import run_figures, standard_figures, write_map_report
from zwicky.evaluation.mapping.run_plots import Example
from zwicky.evaluation.mapping.summary import all_tables, headline

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    true = make_true(n_parents=2)
    write_map_report(
        path,
        title="Toy <maps>",
        scorecard=full_card(),
        examples=[Example("one", {"sz": true.maps[1]}, true.maps[0], true.maps[1])],
        notes=["A note.", HOSTILE],
        provenance={"commit": "abc", "versions": {"numpy": "9"}},
    )
    return path.read_text(encoding="utf-8")


def test_one_file_without_scripts_or_links(html):
    assert HOSTILE not in html
    assert "Toy &lt;maps&gt;" in html
    assert "<script" not in html
    assert not re.search(r'(src|href)="(?!data:|#)', html)
    assert "http" not in html


def test_every_figure_has_its_caption(html):
    assert html.count("<img") == len(CAPTIONS)
    for title in CAPTIONS:
        assert f"<h3>{title}</h3>" in html.replace("&lt;", "<")


def test_every_table_and_number_is_there(html):
    card = full_card()
    assert headline(card) in html
    for table in all_tables(card):
        assert f">{table.title}</h2>" in html
        for row in table.rows:
            cells = "".join(f"<td>{cell}</td>" for cell in row)
            assert cells in html
    assert "scatter of pixels" in html
    assert "versions: numpy" in html
    assert "96 maps of 48 clusters" in html


def test_links_have_their_targets(html):
    targets = re.findall(r'id="([^"]+)"', html)
    links = re.findall(r'href="#([^"]+)"', html)
    assert links
    assert set(links) <= set(targets)


def test_what_a_run_did_not_add_is_left_out(tmp_path):
    true = make_true(n_parents=12)
    card = build(true, [times(true, 1.02, "sz")])
    write_map_report(tmp_path / "report.html", title="Bare", scorecard=card)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert run_figures(card) == []
    assert text.count("<img") == len(standard_figures(card)) == 6
    assert 'id="notes"' not in text
    assert 'id="paper"' not in text


def test_another_card_is_refused(tmp_path):
    with pytest.raises(StoreError, match="not a scorecard"):
        write_map_report(tmp_path / "report.html", title="", scorecard={"format": "zwicky mass scorecard"})
    assert list(tmp_path.iterdir()) == []
