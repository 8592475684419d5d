"""The report: one file with everything inside, the numbers of the scorecard, and nothing hostile."""

import base64
import re
from html.parser import HTMLParser
from io import BytesIO

import matplotlib.image
import numpy as np
import pytest

from zwicky.core.errors import MassError
from zwicky.evaluation import plots
from zwicky.evaluation.metrics import METRICS
from zwicky.evaluation.page import PaperRow, ReportFigure, number
from zwicky.evaluation.report import headline, sample_text, shown, write_report
from zwicky.evaluation.scorecard import Bins, build_scorecard

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>'
STANDARD_FIGURES = 6


class Reader(HTMLParser):
    """Collect what a browser would see: tags, their attributes and the text."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def html(mass_test, scorecard, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(
        path,
        title="A synthetic <test> & more",
        scorecard=scorecard,
        test=mass_test,
        paper_table=[PaperRow("scatter", "20 %", "13.9 %", "in ln M"), ("bias", "1 %", HOSTILE, "")],
        real_clusters=[
            {"name": "Coma", "z": 0.0231, "in domain": True},
            {"name": HOSTILE, "z": None, "remark": float("nan"), "shift [dex]": -0.25},
        ],
        example_panels=[("y map", np.eye(16), 40.0, "Compton $y$")],
        training_history=[
            {"epoch": i, "train": 1.0 / (i + 1), "validation": 1.1 / (i + 1)} for i in range(5)
        ],
        extra_figures=[
            ReportFigure("Extra", "Good: anything.", plots.example_maps([("z", np.eye(4), 4.0, "K")]))
        ],
        provenance={"commit": "abc123", "versions": {"numpy": "9.9.9"}},
        notes=["Only a test.", HOSTILE],
    )
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Reader(html)


def test_tags_are_balanced_and_there_is_no_script(page):
    assert page.open == []
    assert "script" not in page.tags
    assert page.tags.count("img") == page.tags.count("figure") == STANDARD_FIGURES + 3


def test_nothing_is_loaded_from_elsewhere(html, page):
    assert re.findall(r"https?://", html) == []
    assert re.findall(r"@import|url\(", html) == []
    for tag, name, value in page.attributes:
        if name in ("src", "href"):
            assert value.startswith("data:image/png;base64," if tag == "img" else "#"), (tag, value[:60])


def test_every_image_decodes(page):
    for tag, name, value in page.attributes:
        if tag == "img" and name == "src":
            image = matplotlib.image.imread(BytesIO(base64.b64decode(value.split(",", 1)[1])), format="png")
            assert image.shape[0] > 200
            assert image[..., :3].std() > 0.01


def test_internal_links_have_targets(page):
    targets = {value for _, name, value in page.attributes if name == "id"}
    links = {value[1:] for _, name, value in page.attributes if name == "href"}
    assert links
    assert links <= targets


def test_hostile_text_is_shown_not_run(html, page):
    assert HOSTILE not in html
    assert page.words.count('<script>alert("x")</script>') == 3
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]


@pytest.mark.parametrize("method", ["network", "classical"])
@pytest.mark.parametrize("name", METRICS)
def test_the_metrics_of_the_scorecard_are_there(page, scorecard, method, name):
    text = shown(scorecard["overall"]["methods"][method][name], METRICS[name])
    assert f"{text.value} {text.plus} {text.minus}" in page.words


def test_the_first_thing_said_is_the_result(page, scorecard):
    words = page.words
    assert headline(scorecard) in words
    assert words.index(headline(scorecard)) < words.index("All metrics")
    assert "On the same clusters network has less" in headline(scorecard)


def test_bins_verdicts_samples_and_seeds_are_there(page, scorecard):
    for table in scorecard["bins"].values():
        for block in table:
            assert f" {block['n_rows']} " in page.words
    overall = scorecard["overall"]
    assert f"above the cut {overall['n_rows']} of {overall['n_parents']}" in page.words
    assert "200 resamples of clusters with all their observations, seed 3" in page.words
    assert "Less scatter, bin by bin: network in" in page.words


def test_the_rest_is_there(page):
    for words in (
        "A synthetic <test> & more",
        "Only a test.",
        "20 % 13.9 % in ln M",
        "Coma 0.0231 yes",
        "\N{MINUS SIGN}0.25",
    ):
        assert words in page.words
    for words in (
        "commit abc123",
        "versions: numpy 9.9.9",
        "Example maps",
        "Learning curve",
        "Good: anything.",
    ):
        assert words in page.words


def test_a_bare_report_has_no_empty_sections(mass_test, scorecard, tmp_path):
    path = tmp_path / "report.html"
    write_report(path, title="Bare", scorecard=scorecard, test=mass_test)
    bare = Reader(path.read_text(encoding="utf-8"))
    assert bare.open == []
    assert bare.tags.count("img") == STANDARD_FIGURES
    for words in ("Notes", "Beside the paper", "Real clusters", "Learning curve"):
        assert words not in bare.words
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_a_handful_of_clusters_makes_a_report_without_errors(mass_test, tmp_path):
    few = mass_test.selected(np.flatnonzero(mass_test.snr > 6.0)[:5])
    bins = Bins(snr=(4.5, 40.0), redshift=(0.05, 0.9), log10_mass=(14.0, 15.2, 16.0))
    card = build_scorecard(few, bins=bins, inner_log10_range=(14.2, 15.0), seed=1, n_resamples=20)
    write_report(tmp_path / "report.html", title="Few", scorecard=card, test=few)
    words = Reader((tmp_path / "report.html").read_text(encoding="utf-8")).words
    assert "too few independent clusters" in words
    assert "not measured" in words
    assert re.findall(r"\b(nan|None)\b", words) == []


def test_another_test_is_refused(mass_test, scorecard, tmp_path):
    with pytest.raises(MassError, match="built from another test"):
        write_report(
            tmp_path / "r.html", title="", scorecard=scorecard, test=mass_test.selected(np.arange(50))
        )
    assert not (tmp_path / "r.html").exists()


def test_a_draw_is_called_a_draw(scorecard):
    even = {"value": 0.0, "low_68": -0.001, "high_68": 0.001, "low_95": -0.002, "high_95": 0.002}
    overall = scorecard["overall"] | {"winner": "equal within errors", "differences": {"scatter_dex": even}}
    text = headline(scorecard | {"overall": overall})
    assert "equal within the errors" in text
    assert "\N{MINUS SIGN}0.0020 to 0.0020 dex" in text


def test_numbers_as_text():
    assert number(None, 3) == "–"
    assert number(-0.0001, 3) == "0.000"
    assert number(-1.5, 1) == "\N{MINUS SIGN}1.5"
    estimate = {"value": 0.68, "low_68": 0.66, "high_68": 0.69}
    assert shown(estimate, METRICS["coverage_68"]) == ("68.0", "+1.0", "\N{MINUS SIGN}2.0")
    assert shown(estimate | {"low_68": None}, METRICS["slope"]) == ("0.680", "", "")


def test_repeated_observations_are_told():
    block = {"n_rows": 20, "n_parents": 5, "effective_parents": 4.0}
    assert sample_text(block) == "20 test observations of 5 clusters (worth 4 independent ones)"
    assert sample_text(block | {"n_rows": 5}) == "5 test clusters"
