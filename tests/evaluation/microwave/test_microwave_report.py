"""Tables, figures and page of the microwave scorecard."""

import re
import subprocess
import sys

import numpy as np
import pytest

from zwicky.core.errors import ConfigError, StoreError
from zwicky.evaluation.microwave import plots, summary
from zwicky.evaluation.microwave.captions import CAPTIONS
from zwicky.evaluation.microwave.report import standard_figures, write_microwave_report
from zwicky.evaluation.microwave.scorecard import build_microwave_scorecard
from zwicky.evaluation.page import PaperRow
from zwicky.evaluation.text_table import percent_pm, value_pm

NETWORK, FILTER = "mresunet", "matched filter"
HOSTILE = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def html(card, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_microwave_report(
        path,
        title="Toy <skies>",
        scorecard=card,
        paper=[PaperRow("ΔM/M", "0.2", "0.1")],
        notes=["A note.", HOSTILE],
        provenance={"commit": "abc", "versions": {"numpy": "9"}},
    )
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def bare(make):
    """The card of one set only."""
    sets = make.all_sets(per_mass=10)[:1]
    return build_microwave_scorecard(sets, make.empty_skies(), make.residual(), **make.build)


def test_one_file_without_scripts_or_links(html):
    assert HOSTILE not in html
    assert "Toy &lt;skies&gt;" in html
    assert "<script" not in html
    assert not re.search(r'(src|href)="(?!data:|#)', html)
    assert "http" not in html


def test_every_figure_has_its_caption(html):
    assert html.count("<img") == len(CAPTIONS)
    for title in CAPTIONS:
        assert f"<h3>{title}</h3>" in html


def test_every_table_is_there_and_links_have_targets(html, card):
    tables = summary.all_tables(card)
    assert len(tables) == 9
    for table in tables:
        assert f">{table.title}</h2>" in html
        assert all(len(row) == len(table.head) for row in table.rows)
        for row in table.rows:
            assert "".join(f"<td>{text}</td>" for text in row) in html
    assert summary.headline(card) in html
    assert "ΔM/M</td>" in html
    assert "versions: numpy" in html
    targets, links = re.findall(r'id="([^"]+)"', html), re.findall(r'href="#([^"]+)"', html)
    assert links
    assert set(links) <= set(targets)


def test_what_a_card_lacks_is_left_out(bare, tmp_path):
    titles = [figure.title for figure in standard_figures(bare)]
    assert titles == ["Trained masses", "SZ profile", "Scatter by S/N", "Empty skies"]
    assert plots.scatter_histograms(bare) is None
    assert plots.other_masses(bare) is None
    path = tmp_path / "report.html"
    write_microwave_report(path, title="Bare", scorecard=bare)
    text = path.read_text(encoding="utf-8")
    assert text.count("<img") == 4
    assert 'id="paper"' not in text
    assert "ln M it finds" not in summary.headline(bare)


def test_another_card_is_refused(tmp_path):
    with pytest.raises(StoreError, match="not a scorecard"):
        write_microwave_report(tmp_path / "a.html", title="", scorecard={"format": "zwicky map scorecard"})
    assert list(tmp_path.iterdir()) == []


def test_numbers_are_read_with_their_errors(card):
    mass, worst = summary.worst_precision(card, "trained", FILTER)
    assert mass in 1e14 * np.arange(1, 9)
    assert 0.19 < worst["value"] < 0.3
    assert worst["low_68"] < worst["value"] < worst["high_68"]
    _, pull = summary.worst_pull(card, "extrapolated", NETWORK)
    assert abs(pull["value"]) > 3.0
    assert summary.ln_mean(card, "realistic", NETWORK, rescaled=False)["value"] < -0.2
    assert abs(summary.ln_mean(card, "realistic", NETWORK)["value"]) < 0.03
    assert summary.ln_scatter(card, "no_scatter", FILTER)["value"] == pytest.approx(0.2, rel=0.15)
    assert summary.slope_of(card, "extrapolated", NETWORK, "above")["value"] == pytest.approx(0.0, abs=0.3)
    assert summary.decomposition_of(card, "scatter_on_m", NETWORK)["stated_on"] == "M"
    ratios = summary.scatter_ratios(card, "trained", NETWORK, "error_68")
    assert {one["winner"] for one in ratios} == {NETWORK}
    assert all(0.3 < one["ratio"]["value"] < 0.8 for one in ratios)
    assert summary.scatter_ratios(card, "trained", FILTER) == []
    assert summary.false_positives(card, NETWORK)["n_false"] == 0
    assert 0.001 < summary.residual_fraction(card) < 0.01
    assert summary.candidate_of(card) == NETWORK
    assert summary.candidate_of({"methods": [FILTER], "baseline": FILTER}) == FILTER


def test_the_headline_says_it_in_words(card):
    text = summary.headline(card)
    assert text.startswith("mresunet: ΔM/M at most 0.1")
    assert "of a scatter of 0.1117 in ln M it finds 0.1" in text
    assert "0.00 (0.00 to 1.83) % of empty skies" in text


def test_what_a_card_does_not_know_is_refused(card, bare):
    with pytest.raises(ConfigError, match="no such result"):
        summary.ln_mean(card, "trained", "oracle")
    with pytest.raises(ConfigError, match="no such result"):
        summary.slope_of(card, "elsewhere", NETWORK)
    with pytest.raises(ConfigError, match="no masses that several"):
        summary.worst_precision(card, "realistic", NETWORK)
    with pytest.raises(ConfigError, match="no such decomposition"):
        summary.decomposition_of(bare, "scatter_on_y", NETWORK)


def test_text_of_estimates():
    estimate = {"value": 0.123, "low_68": 0.1, "high_68": 0.14}
    assert percent_pm(estimate) == "12.3 ± 2.0"
    assert value_pm(estimate, 3) == "0.123 ± 0.020"
    assert value_pm({"value": -0.5, "low_68": None, "high_68": None}) == "−0.50"
    assert value_pm({"value": None, "low_68": None, "high_68": None}) == "–"


def test_saturation_is_visible_in_the_figure(card):
    """The network's points beyond the trained masses lie on levels, and inside the axes."""
    top, bottom = plots.other_masses(card).axes
    assert top.get_ylim()[1] > 10.0
    low, high = bottom.get_ylim()
    pulls = [row["pull"]["value"] for row in card["sets"]["extrapolated"]["results"][NETWORK]["by_mass"]]
    assert low < min(pulls)
    assert max(pulls) < high


def test_the_profile_marks_two_orders_below_the_peak(card):
    _, bottom = plots.profile(card).axes
    assert bottom.get_yscale() == "log"
    peak = np.abs(card["residual"]["signal_uk"]).max()
    levels = [line.get_ydata()[0] for line in bottom.lines if len(set(line.get_ydata())) == 1]
    assert any(level == pytest.approx(peak / 100) for level in levels)


def test_nothing_here_needs_torch():
    script = "import sys; import zwicky.evaluation.microwave.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=240).returncode == 0


def test_a_network_that_says_the_same_of_every_map_has_no_pull():
    rows = [{"true_msun": 1e14 * (1 + i), "pull": {"value": None}} for i in range(2)]
    card = {"sets": {"trained": {"results": {"dead": {"by_mass": rows}}}}}
    assert summary.worst_pull(card, "trained", "dead")[1] == {"value": None}
