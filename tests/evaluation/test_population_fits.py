"""Injected slopes, scatters, correlations and evolutions are found again; a wrong population leaves the bands."""

import json
from dataclasses import fields, replace

import matplotlib.image
import numpy as np
import pytest

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import ConfigError
from zwicky.evaluation import population, population_page, population_plots
from zwicky.evaluation.plots import png
from zwicky.evaluation.relations import Relation
from zwicky.physics.scaling import RELATIONS
from zwicky.simulations.painter.measuring.properties import ClusterProperties

PLANCK18 = COSMOLOGIES["planck18"]
N = 3000


def clusters(n=60, **columns):
    """Properties of one cluster after another; columns that are not given are 1."""
    rows = {one.name: np.ones(n) for one in fields(ClusterProperties)} | columns
    return [ClusterProperties(**{name: float(row[i]) for name, row in rows.items()}) for i in range(n)]


@pytest.fixture(scope="module")
def injected():
    """ln L = 1.7 ln M + 0.3 g, ln M_gas = 1.2 ln M + 0.1 h, corr(g, h) = 0.6, L = 1e44 at 3e14, E^(7/3 + 0.5)."""
    rng = np.random.default_rng(4)
    mass = np.exp(rng.uniform(np.log(1e14), np.log(2e15), N))
    redshift = rng.uniform(0.0, 1.0, N)
    e = np.array([PLANCK18.efunc(z) for z in redshift])
    g, other = rng.normal(size=(2, N))
    h = 0.6 * g + 0.8 * other
    x = mass / 3e14
    columns = {
        "m500c_msun": mass,
        "e_of_z": e,
        "redshift": redshift,
        "luminosity_erg_s": 1e44 * x**1.7 * e ** (7 / 3 + 0.5) * np.exp(0.3 * g),
        "gas_mass_msun": 3e13 * x**1.2 * np.exp(0.1 * h),
        "cuspiness": g,
        "short_axis": 0.5 + 0.1 * g,
    }
    return population.table_of(clusters(N, **columns), PLANCK18)


def relation(statistic, truth, y="luminosity_erg_s", margin=0.05, **changes):
    low, high = truth - margin, truth + margin
    return Relation(f"{y}: {statistic}", y, statistic, f"{truth:g}", low, high, "injected", **changes)


CASES = [
    relation("slope", 1.7),
    relation("slope", 1.2, y="gas_mass_msun", margin=0.01),
    relation("scatter", 0.1, y="gas_mass_msun", margin=0.005),
    relation("mass scatter", 0.1 / 1.2, y="gas_mass_msun", margin=0.005),
    relation("value", 3e13, y="gas_mass_msun", margin=3e11),
    relation("value", 3e13 * 3.0**1.2, y="gas_mass_msun", margin=2e12, pivot=9e14),
    relation("correlation", 0.6, other="gas_mass_msun"),
    relation("evolution", 0.5, margin=0.08),
    relation("median", 0.5, y="short_axis", margin=0.01),
    relation("mean", 0.5, y="short_axis", margin=0.01),
    relation("fraction", 0.1587, y="cuspiness", margin=0.02, pivot=1.0),
]


@pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one.y}-{one.statistic}-{one.pivot:g}")
def test_what_was_injected_is_found(injected, case):
    (result,) = population.evaluate(injected, [case], seed=1)
    assert case.low < result.value < case.high
    assert result.low_68 < result.value < result.high_68
    assert (result.verdict, result.n_clusters) == (
        "pass",
        N if case.statistic != "value" else result.n_clusters,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one.y}-{one.statistic}-{one.pivot:g}")
def test_a_wrong_truth_fails(injected, case):
    """Negative control: bands moved up by five of their widths."""
    width = case.high - case.low
    wrong = replace(case, low=case.low + 5 * width, high=case.high + 5 * width)
    assert population.evaluate(injected, [wrong], seed=1)[0].verdict == "fail"
    known = replace(wrong, explanation="we know why")
    assert population.evaluate(injected, [known], seed=1)[0].verdict == "explained"
    other_side = replace(known, explained_side="above")
    assert population.evaluate(injected, [other_side], seed=1)[0].verdict == "fail"


def test_the_error_is_that_of_repeated_populations():
    """The 68 % bootstrap interval of a slope against the scatter of slopes of 200 populations."""
    rng = np.random.default_rng(9)
    table, slopes = {}, []
    for _ in range(200):
        mass = np.exp(rng.uniform(np.log(1e14), np.log(2e15), 200))
        table = {"m500c_msun": mass, "y": mass**1.5 * np.exp(0.4 * rng.normal(size=200))}
        slopes.append(np.polyfit(np.log(mass), np.log(table["y"]), 1)[0])
    (result,) = population.evaluate(table, [relation("slope", 1.5, y="y")], seed=2)
    assert 0.5 * (result.high_68 - result.low_68) == pytest.approx(np.std(slopes), rel=0.25)


def test_only_clusters_of_the_range_count(injected):
    narrow = relation("slope", 1.2, y="gas_mass_msun", mass_range_msun=(2e14, 4e14))
    mass = injected["m500c_msun"]
    (result,) = population.evaluate(injected, [narrow], seed=1)
    assert result.n_clusters == ((mass >= 2e14) & (mass < 4e14)).sum()


def test_too_few_clusters_or_one_redshift_are_not_measured(injected):
    alone = {name: column[:20] for name, column in injected.items()}
    one_z = injected | {"e_of_z": np.ones(N)}
    for table, case in ((alone, CASES[0]), (one_z, relation("evolution", 0.5))):
        (result,) = population.evaluate(table, [case], seed=1)
        assert np.isnan(result.value)
        assert result.verdict == "not measured"
        assert result.as_dict()["value"] is None


def test_self_similar_evolution_is_taken_out():
    e = PLANCK18.efunc(0.8)
    columns = {
        "e_of_z": np.full(40, e),
        "redshift": np.full(40, 0.8),
        "y500_mpc2": np.full(40, 2e-5 * e ** (2 / 3)),
    }
    table = population.table_of(clusters(40, m500c_msun=np.full(40, 3e14), **columns), PLANCK18)
    assert table["y500_mpc2"] == pytest.approx(2e-5)
    mean = RELATIONS["a10"].y500_mpc2(3e14, 0.8, PLANCK18)
    assert table["y500_over_a10"] == pytest.approx(2e-5 * e ** (2 / 3) / mean)


def test_unusable_input_is_refused(injected):
    with pytest.raises(ConfigError, match="no such column"):
        population.evaluate(injected, [relation("slope", 1.0, y="richness")], seed=1)
    with pytest.raises(ConfigError, match="needs clusters"):
        population.table_of([], PLANCK18)


def painted(n=400):
    """A table in which every panel has something to show."""
    rng = np.random.default_rng(0)
    mass = 10 ** rng.uniform(13.8, 15.3, n)
    wiggle = np.exp(0.1 * rng.normal(size=n))
    names = [column for panel in population_plots.PANELS for column in panel.columns]
    return {"m500c_msun": mass, "m200c_msun": 1.4 * mass} | dict.fromkeys(names, mass / 1e14 * wiggle)


def test_the_figure_has_nine_panels_with_labels(tmp_path):
    figure = population_plots.population_figure(painted())
    assert len(figure.axes) == 9
    assert all(ax.get_xlabel() and ax.get_ylabel() and ax.get_title() for ax in figure.axes)
    (tmp_path / "figure.png").write_bytes(png(figure))
    assert matplotlib.image.imread(tmp_path / "figure.png")[..., :3].std() > 0.01


def test_published_lines_cross_at_their_pivots():
    """Y500 of Arnaud et al. 2010 at 3e14 Msun / 0.6766 x 0.7 is 10^-4.745 Mpc^2 h70^-2.5; Chiu et al. 2018 as given."""
    (y_panel,) = [panel for panel in population_plots.PANELS if "y500_mpc2" in panel.columns]
    h70 = PLANCK18.h70
    at_pivot = y_panel.published[0].line(np.array([3e14 / h70]))
    assert at_pivot / y_panel.unit == pytest.approx(10**-4.745 * h70**-2.5, rel=0.01)


def test_the_page_says_what_was_found(injected, tmp_path):
    cases = [
        CASES[0],
        replace(CASES[1], low=2.0, high=3.0),
        replace(CASES[2], low=2.0, high=3.0, explanation="Dust."),
    ]
    results = population.evaluate(injected, cases, seed=1)
    assert population_page.tally(results) == (
        "Of 3 relations 1 lie within the published band, 1 lie outside for a known reason, 1 lie outside."
    )
    population_page.write_page(
        tmp_path / "page.html", results, b"png", title="<Title>", subtitle="N", provenance={"seed": 3}
    )
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    for text in (
        "&lt;Title&gt;",
        ">pass<",
        ">fail<",
        ">explained<",
        "Dust.",
        "injected",
        "data:image/png;base64,cG5n",
    ):
        assert text in html
    assert "http" not in html
    population_page.write_markdown(
        tmp_path / "page.md", results, title="Title", subtitle="N.", command="zwicky mock population"
    )
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert text.count("\n| ") == 1 + 3
    assert f"- {CASES[2].name}. Dust.\n" in text
    assert population_page.population_text(results).splitlines()[1].startswith("fail ")
    population_page.write_numbers(tmp_path / "n.json", results, {"y": np.array([1.0, np.nan])}, {"seed": 3})
    content = json.loads((tmp_path / "n.json").read_text())
    assert content["clusters"]["y"] == [1.0, None]
    assert [one["verdict"] for one in content["relations"]] == ["pass", "fail", "explained"]
