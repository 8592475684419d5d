"""The figures of maps: images with labels that show the numbers of the card, and nothing where there is nothing."""

import copy

import matplotlib as mpl
import numpy as np
import pytest

from map_card import build, full_card, make_true, times
from zwicky.core.errors import MapError
from zwicky.evaluation.mapping import plots, run_plots
from zwicky.evaluation.plots import png

MAPS = np.random.default_rng(0).uniform(1e13, 1e15, (2, 8, 8))


@pytest.fixture
def card():
    return copy.deepcopy(full_card())


def example(**changes):
    parts = {"title": "a", "views": {"sz": MAPS[1]}, "truth": MAPS[0], "mean": MAPS[1], "sd": 0.1 * MAPS[0]}
    return run_plots.Example(**parts | changes)


DRAWN = {
    "difference_histograms": plots.difference_histograms,
    "bias_profiles": plots.bias_profiles,
    "annuli": lambda card: plots.bias_profiles(card, "annulus", ["sz", "linear: sz"]),
    "power": plots.power,
    "correlation": plots.correlation,
    "discrepancy": plots.discrepancy,
    "mass_coverage": plots.mass_coverage,
    "fractions": lambda card: run_plots.fraction_curves(card["fractions"]),
    "transfer": lambda card: run_plots.transfer_matrix(card["transfer"]),
    "training_size": lambda card: run_plots.training_size_curve(card["learning_curve"]),
    "training": lambda card: run_plots.training_history(card["training"]),
    "examples": lambda card: run_plots.example_rows([example(), example(sd=None)]),
}


@pytest.mark.parametrize("name", DRAWN)
def test_every_figure_is_drawn_with_labels_and_without_side_effects(name, card):
    before = dict(mpl.rcParams)
    figure = DRAWN[name](card)
    assert png(figure)[:4] == b"\x89PNG"
    assert dict(mpl.rcParams) == before
    labels = [ax.get_xlabel() for ax in figure.axes] + [figure.get_supxlabel()]
    assert any(labels)


def lines_of(ax):
    return {line.get_label(): line.get_ydata() for line in ax.get_lines()}


def test_histograms_say_median_and_errors(card):
    numbers = card["results"]["multi1"]["groups"]["all"]["pixels"]["r500"]
    for key, value in (("median", 0.012), ("plus", 0.071), ("minus", 0.068)):
        numbers[key]["value"] = value
    texts = [text.get_text() for text in plots.difference_histograms(card).axes[1].get_legend().get_texts()]
    assert "multi1: $1.2^{+7.1}_{-6.8}$ %" in texts
    assert len(texts) == 5


def test_profiles_are_those_of_the_card(card):
    figure = plots.bias_profiles(card, methods=["sz", "multi1"])
    assert [ax.get_title() for ax in figure.axes[:2]] == ["sz", "multi1"]
    heaviest = card["groups"][3]["name"]
    profile = 100 * np.array(card["results"]["multi1"]["groups"][heaviest]["cylinder"]["median"], float)
    np.testing.assert_allclose(figure.axes[5].get_lines()[1].get_ydata(), profile)


def test_rings_lie_between_radii(card):
    (line, *_) = plots.bias_profiles(card, "annulus", ["sz"]).axes[0].get_lines()
    np.testing.assert_allclose(line.get_xdata(), np.arange(0.075, 1.0, 0.05))


def test_correlation_shows_networks_baselines_and_bare_views(card):
    figure = plots.correlation(card)
    shown = lines_of(figure.axes[0])
    r = np.array(card["results"]["sz"]["groups"]["all"]["r"]["value"])
    np.testing.assert_allclose(shown["sz"], 1 - r)
    assert {"linear: sz", "mean profile", "bare view: sz"} <= set(shown)
    assert "any: sz" not in shown
    assert figure.axes[0].xaxis_inverted()


def test_the_look_of_a_method_tells_its_views_and_its_family():
    look = plots.looks(
        ["sz", "any: sz", "linear: sz", "linear: sz, best r(k)", "mean profile", "new", "newer"]
    )
    assert len({look[name].colour for name in ("sz", "any: sz", "linear: sz", "linear: sz, best r(k)")}) == 1
    assert [one.line for one in look.values()] == ["-", "-.", "--", "--", ":", "-", "-"]
    assert look["new"].colour != look["newer"].colour


def test_noise_lines_and_discrepancies_are_those_of_the_card(card):
    (ax,) = plots.discrepancy(card).axes
    heaviest = card["groups"][3]["name"]
    assert lines_of(ax)["multi1"][-1] == card["results"]["multi1"]["groups"][heaviest]["mmd"]["value"]
    heights = [line.get_ydata()[0] for line in ax.get_lines() if line.get_linestyle() == "--"]
    assert card["truth"][heaviest]["noise_lines"]["0.05"] in heights
    assert "5 %" in [text.get_text() for text in ax.texts]
    assert "linear: all" in lines_of(ax)


def test_lines_that_were_not_measured_are_left_out(card):
    for block in card["truth"].values():
        if "noise_lines" in block:
            block |= {"noise_lines": dict.fromkeys(block["noise_lines"]), "halves": None}
    (ax,) = plots.discrepancy(card, ["sz"]).axes
    assert len(ax.texts) == 0
    assert len(ax.get_lines()) == 1


def test_coverage_has_a_panel_for_every_group_and_none_without_intervals(card):
    figure = plots.mass_coverage(card)
    assert [ax.get_title().split(",")[0] for ax in figure.axes][-2:] == ["physics: gadgetx", "physics: gizmo"]
    shown = lines_of(figure.axes[0])
    measured = card["results"]["any"]["groups"]["all"]["mass_coverage"]["68"]["value"]
    np.testing.assert_allclose(shown["any"], 100 * np.array(measured))
    for result in card["results"].values():
        for block in result["groups"].values():
            block["mass_coverage"] = None
    assert plots.mass_coverage(card) is None


def test_a_card_without_mass_intervals_or_baselines_is_drawn():
    true = make_true(n_parents=12)
    card = build(true, [times(true, 1.02)], mass_edges_log10=(5.0, 6.0))
    assert plots.discrepancy(card) is None
    for draw in (plots.bias_profiles, plots.power, plots.correlation):
        assert png(draw(card))


def test_a_perfect_method_has_limits():
    true = make_true(n_parents=12)
    figure = plots.bias_profiles(build(true, [times(true, 1.0)]))
    low, high = figure.axes[0].get_ylim()
    assert low < 0.0 < high


def test_transfer_shows_networks_and_linear_maps(card):
    (ax,) = run_plots.transfer_matrix(card["transfer"]).axes
    points = np.concatenate([line.get_xdata() for line in ax.get_lines() if line.get_marker() in "ox"])
    assert {-1.2, 5.0} <= set(np.round(points, 6))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["gadgetx", "gizmo"]


@pytest.mark.parametrize("examples", [[], [example(), example(views={"xray": MAPS[0]})]])
def test_examples_that_are_refused(examples):
    with pytest.raises(MapError, match="side by side"):
        run_plots.example_rows(examples)
