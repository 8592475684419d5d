"""Tables, figures and page of the photon scorecard."""

import re

import pytest
from matplotlib.text import Text

from photon_card import ensemble_result, folds_result, improved_result, photon_card
from zwicky.core.errors import StoreError
from zwicky.evaluation.page import PaperRow
from zwicky.evaluation.xray import card_plots, summary
from zwicky.evaluation.xray.captions import CAPTIONS, CARD_CAPTIONS
from zwicky.evaluation.xray.report import record_figures, standard_figures, write_photon_report
from zwicky.evaluation.xray.scorecard import (
    build_photon_scorecard,
    read_photon_scorecard,
    write_photon_scorecard,
)
from zwicky.evaluation.xray.tables import entry

HOSTILE = '<script>alert("x")</script>'
WIDTH = 110


@pytest.fixture(scope="module")
def card():
    return photon_card()


@pytest.fixture(scope="module")
def figures(card):
    return standard_figures(card)


@pytest.fixture(scope="module")
def records():
    return record_figures(
        folds=folds_result(),
        ensemble=ensemble_result(),
        improved={"erosita": improved_result()},
        seed=1,
        n_resamples=20,
    )


@pytest.fixture(scope="module")
def html(card, records, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_photon_report(
        path,
        title="Toy <photons>",
        scorecard=card,
        paper=[PaperRow("scatter", "12 %", "11 %")],
        extra_figures=records[-1:],
        notes=["A note.", HOSTILE],
        provenance={"commit": "abc", "versions": {"numpy": "9"}},
    )
    return path.read_text(encoding="utf-8")


def table(card, title):
    (found,) = (one for one in summary.all_tables(card) if one.title == title)
    return found


def words(one):
    """Return every text in a figure: names of methods, with their places in legends, and of bins."""
    return [text.get_text() for text in one.figure.findobj(Text)]


def test_one_file_without_scripts_or_links(html):
    assert HOSTILE not in html
    assert "Toy &lt;photons&gt;" in html
    assert "<script" not in html
    assert not re.search(r'(src|href)="(?!data:|#)', html)
    assert "http" not in html


def test_the_page_shows_everything_and_links_have_targets(html, card, figures):
    for one in summary.all_tables(card):
        assert f">{one.title}</h2>" in html
        for row in one.rows:
            assert "".join(f"<td>{text}</td>" for text in row) in html
    for one in figures:
        assert f"<h3>{one.title}</h3>" in html
    assert html.count("<img") == len(figures) + 1
    assert summary.headline(card) in html
    for name, n in (("folds", 96), ("ensemble", 48), ("erosita", 48)):
        assert f"<dt>{name}</dt><dd>{n} images of 24 clusters, worth 24.0" in html
    assert "12 %</td>" in html
    assert "versions: numpy" in html
    targets, links = re.findall(r'id="([^"]+)"', html), re.findall(r'href="#([^"]+)"', html)
    assert links
    assert set(links) <= set(targets)


def test_tables_are_narrow_and_whole(card):
    tables = summary.all_tables(card)
    assert len({one.title for one in tables}) == len(tables) == 22
    for one in tables:
        assert all(len(row) == len(one.head) for row in one.rows)
        widths = [max(map(len, column)) for column in zip(one.head, *one.rows, strict=True)]
        assert sum(widths) + 3 * len(widths) + 1 <= WIDTH, one.title
        assert not any("None" in text or "nan" in text for row in one.rows for text in row)


def test_bins_of_predicted_mass_stand_beside_the_same_ones_only(card):
    rows = card["improved"]["erosita"]["bins"]
    low = rows["network"]["log10_predicted"][0]["low"]
    others = [
        {**one, "low": one["low"] + 0.1, "high": one["high"] + 0.1}
        for one in rows["network"]["log10_predicted"]
    ]
    bins = {**rows, "classical": {**rows["classical"], "log10_predicted": others}}
    block = {**card["improved"]["erosita"], "bins": bins}
    coverage = table({**card, "improved": {"erosita": block}}, "erosita: coverage")
    (line,) = (
        one for one in coverage.rows if one[0] == "predicted mass" and one[1].startswith(f"{low:g} to")
    )
    assert line[-2:] == ["–", "–"]
    (whole,) = (one for one in table(card, "erosita: coverage").rows if one[:2] == line[:2])
    assert whole[:-2] == line[:-2]


def test_numbers_of_the_tables_are_those_of_the_card(card):
    folds = card["folds"]["results"]["network"]
    network = table(card, "Fold by fold").rows[0]
    assert network[0] == "network"
    assert network[1].startswith(f"{folds['mean_fold']['fit_scatter_percent']['value']:.1f} ± ")
    assert network[2] == f"{folds['best_fold']['fit_scatter_percent']:.1f}"
    assert [row[-1] for row in table(card, "Does the network read the core?").rows] == ["excised", "read"]
    noise = table(card, "Redshift noise").rows
    assert [row[0] for row in noise] == ["0", "0.1", "0.3"]
    assert [row[3] for row in noise] == ["1.000", "1.061", "–"]
    assert [row[6] for row in noise] == ["1.000", "1.085", "–"]
    faults = table(card, "erosita: faults").rows
    assert [row[0] for row in faults] == ["test set", "flux image", "none"]
    assert faults[0][2].startswith("83.3 ± ")
    assert faults[0][5].startswith("16.7 ± ")
    assert faults[1][2:5] == ["0.0", "10.0", "90.0"]
    assert faults[1][5].startswith("100.0 ± ")
    rows = table(card, "erosita: coverage").rows
    per_axis = {
        axis: [int(row[2]) for row in rows if row[0] == axis] for axis in ("S/N", "counts", "true mass")
    }
    assert {sum(n) for n in per_axis.values()} == {48}
    assert all(min(n) > 0 for n in per_axis.values())


def test_a_card_from_a_file_shows_the_same(card, figures, tmp_path):
    """Files keep no order of keys."""
    write_photon_scorecard(tmp_path / "a.json", card)
    again = read_photon_scorecard(tmp_path / "a.json")
    assert summary.all_tables(again) == summary.all_tables(card)
    assert summary.headline(again) == summary.headline(card)
    assert [words(one) for one in standard_figures(again)] == [words(one) for one in figures]


def test_the_words_say_who_wins(card):
    folds, ensemble, improved = summary.sentences(card)
    assert "it does not read the core (inside over outside 0.10" in folds
    assert "shown cores only: 8.00" in folds
    assert "of luminosity_excised" in folds
    assert ensemble.startswith("Ensemble of 3: scatter 0.1")
    assert improved.startswith("erosita: scatter 0.05")
    assert summary.headline(card) == " ".join((folds, ensemble, improved))


def test_an_empty_card_says_so(tmp_path):
    card = build_photon_scorecard(seed=1, n_resamples=20)
    assert summary.headline(card) == "Nothing was measured."
    assert summary.all_tables(card) == []
    assert standard_figures(card) == []
    assert record_figures(seed=1) == []
    path = tmp_path / "report.html"
    write_photon_report(path, title="Bare", scorecard=card)
    assert "<img" not in path.read_text(encoding="utf-8")


def test_real_clusters_stand_side_by_side(card):
    rows = [{"cluster": name, "z": z, "catalogue": "4.22"} for name, z in (("A", "0.059"), ("B", "0.33"))]
    found = summary.all_tables(card | {"real_clusters": rows})[-1]
    assert found[0] == "Real clusters"
    assert found.head == ["", "A", "B"]
    assert found.rows == [["catalogue", "4.22", "4.22"], ["z", "0.059", "0.33"]]
    assert summary.all_tables(card | {"real_clusters": []}) == summary.all_tables(card)


def test_another_card_is_refused(tmp_path):
    with pytest.raises(StoreError, match="not a scorecard"):
        write_photon_report(tmp_path / "a.html", title="", scorecard={"format": "zwicky map scorecard"})
    assert list(tmp_path.iterdir()) == []


def test_every_caption_has_its_figure(figures, records):
    titles = {one.title.split(":")[0] for one in [*figures, *records]}
    assert titles == set(CAPTIONS | CARD_CAPTIONS)
    for one in [*figures, *records]:
        assert one.caption == (CAPTIONS | CARD_CAPTIONS)[one.title.split(":")[0]]
        assert any(ax.get_xlabel() for ax in one.figure.axes) or one.title == "Training"
    assert len({one.title for one in [*figures, *records]}) == len(figures) + len(records)


def test_ratios_stand_where_the_card_says(card):
    ax = card_plots.ratios(card).axes[0]
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names[0] == "folds: over luminosity"
    assert names[-2:] == ["ensemble: over count rate", "erosita: over classical"]
    drawn = dict(zip(names, ax.lines[0].get_xdata(), strict=True))
    assert (
        drawn["erosita: over classical"]
        == card["improved"]["erosita"]["ratios"]["classical"]["scatter_dex"]["value"]
    )
    assert drawn["folds: over yx"] > 1.0 > drawn["folds: over luminosity"]


def test_scatter_against_counts_has_a_line_for_each_method(card):
    variants = card["improved"]["erosita"]["by_counts"]
    ax = card_plots.scatter_against_counts(variants).axes[0]
    assert ax.get_xscale() == "log"
    for line, name in zip((one[0] for one in ax.containers), ("network", "classical"), strict=True):
        assert list(line.get_xdata()) == [30.0, 1000.0]
        assert list(line.get_ydata()) == [one["results"][name]["scatter_dex"]["value"] for one in variants]


def test_coverage_by_snr_shows_both_intervals_and_the_open_bin(card):
    block = card["improved"]["erosita"]
    ax = card_plots.coverage_by_snr(block).axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()][::5] == ["0–5", "80+"]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["network, 68 %", "network, 95 %", "classical, 68 %", "classical, 95 %"]
    drawn = ax.containers[1][0].get_ydata()
    assert drawn[-1] == block["bins"]["network"]["snr"][-1]["coverage_95"]["value"]


def test_an_entry_of_an_estimate_keeps_what_is_missing():
    estimate = {"value": [[1.0, 2.0]], "low_68": None, "high_68": [[3.0, 4.0]]}
    assert entry(estimate, 0, 1) == {"value": 2.0, "low_68": None, "high_68": 4.0}
