"""The figures can be drawn, show the numbers they should, and leave no global state behind."""

import subprocess
import sys
from io import BytesIO

import matplotlib as mpl
import matplotlib.image
import numpy as np
import pytest

from zwicky.core.errors import MapError
from zwicky.evaluation import plots

HISTORY = [{"epoch": i, "train": 1.0 / (i + 1), "validation": abs(i - 6) / 10.0} for i in range(10)]


def panel(values, title="y"):
    return (title, values, 20.0, "Compton $y$")


def drawn(name, mass_test, scorecard):
    bright = mass_test.selected(mass_test.snr > 4.5)
    return {
        "predicted_against_true": lambda: plots.predicted_against_true(bright),
        "residuals": lambda: plots.residuals(bright),
        "coverage_curve": lambda: plots.coverage_curve(bright),
        "coverage_by_bin": lambda: plots.coverage_by_bin(scorecard),
        "scatter_by_bin": lambda: plots.scatter_by_bin(scorecard),
        "pull_histogram": lambda: plots.pull_histogram(bright),
        "learning_curve": lambda: plots.learning_curve(HISTORY),
        "example_maps": lambda: plots.example_maps(
            [panel(np.eye(8)), panel(-np.eye(8)), panel(np.eye(4) - 0.5)]
        ),
    }[name]()


@pytest.mark.parametrize(
    "name",
    [
        "predicted_against_true",
        "residuals",
        "coverage_curve",
        "coverage_by_bin",
        "scatter_by_bin",
        "pull_histogram",
        "learning_curve",
        "example_maps",
    ],
)
def test_every_figure_is_an_image_with_labels_and_no_side_effect(name, mass_test, scorecard):
    before = dict(mpl.rcParams)
    figure = drawn(name, mass_test, scorecard)
    content = plots.png(figure)
    assert dict(mpl.rcParams) == before
    image = matplotlib.image.imread(BytesIO(content), format="png")
    assert image.ndim == 3
    assert image[..., :3].std() > 0.01
    assert any(ax.get_xlabel() for ax in figure.axes)
    assert plots.png(drawn(name, mass_test, scorecard)) == content


def test_the_reader_s_own_settings_do_not_count(mass_test):
    bright = mass_test.selected(np.arange(200))
    plain = plots.png(plots.pull_histogram(bright))
    with mpl.rc_context({"font.size": 30.0, "axes.facecolor": "red", "savefig.dpi": 20}):
        assert plots.png(plots.pull_histogram(bright)) == plain


def test_no_pyplot():
    code = "import zwicky.evaluation.report, sys; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_coverage_curve_shows_the_fraction_of_truths_below_each_quantile(mass_test):
    figure = plots.coverage_curve(mass_test)
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].get_lines()}
    expected = (mass_test.log10_true[:, None] <= mass_test.predictions["network"].log10_quantiles).mean(
        axis=0
    )
    np.testing.assert_allclose(lines["network"], expected)
    np.testing.assert_allclose(expected, (0.025, 0.16, 0.5, 0.84, 0.975), atol=0.04)


def test_points_of_the_bins_are_those_of_the_scorecard(scorecard):
    figure = plots.scatter_by_bin(scorecard)
    expected = [
        block["methods"]["network"]["scatter_dex"]["value"] for block in scorecard["bins"]["redshift"]
    ]
    np.testing.assert_allclose(figure.axes[1].get_lines()[0].get_ydata(), expected)


def test_bins_without_clusters_leave_a_gap(scorecard):
    nothing = dict.fromkeys(("value", "low_68", "high_68", "low_95", "high_95"))
    first = scorecard["bins"]["snr"][0]
    empty = first | {
        "methods": {name: dict.fromkeys(metrics, nothing) for name, metrics in first["methods"].items()}
    }
    card = scorecard | {"bins": {name: [empty] for name in scorecard["bins"]}}
    for draw in (plots.coverage_by_bin, plots.scatter_by_bin):
        assert plots.png(draw(card))


def test_running_quantiles_of_a_line():
    x = np.random.default_rng(0).uniform(0.0, 1.0, 1200)
    centres, quantiles = plots.running_quantiles(x, 2.0 * x)
    assert len(centres) == 12
    np.testing.assert_allclose(quantiles[:, 1], 2.0 * centres)
    assert (quantiles[:, 0] < quantiles[:, 1]).all()


def test_small_tests_are_drawn_too(mass_test):
    few = mass_test.selected(np.arange(3))
    for draw in (plots.predicted_against_true, plots.residuals, plots.coverage_curve, plots.pull_histogram):
        assert plots.png(draw(few))


def test_maps_with_holes_and_flat_maps_are_drawn():
    holed = np.where(np.eye(6) > 0, np.nan, 1.0)
    assert plots.png(
        plots.example_maps([panel(holed), panel(np.zeros((6, 6))), panel(np.full((6, 6), np.nan))])
    )


@pytest.mark.parametrize(
    ("panels", "message"), [([], "no example maps"), ([panel(np.zeros(5))], "is an image")]
)
def test_panels_that_are_refused(panels, message):
    with pytest.raises(MapError, match=message):
        plots.example_maps(panels)


def test_the_best_epoch_is_marked():
    (ax,) = plots.learning_curve(HISTORY).axes
    assert "best: epoch 6" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_a_figure_can_be_saved(tmp_path):
    path = tmp_path / "learning.png"
    plots.save_png(plots.learning_curve(HISTORY), path)
    assert path.read_bytes() == plots.png(plots.learning_curve(HISTORY))
