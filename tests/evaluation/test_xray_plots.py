"""The figures can be drawn, show the numbers they should, and leave no global state behind."""

from io import BytesIO

import matplotlib as mpl
import matplotlib.image
import numpy as np
import pytest
from test_xray_statistics import photon_test
from xray_toys import BOOTSTRAP, CORE, WeighedSum, footprints, toy_clusters

from zwicky.evaluation.plots import png
from zwicky.evaluation.xray import plots
from zwicky.evaluation.xray.attributions import attribution_profile, core_masking
from zwicky.evaluation.xray.captions import CAPTIONS
from zwicky.evaluation.xray.dream import dream
from zwicky.evaluation.xray.statistics import fold_statistics, predicted_sd_bins, ratio_rows


@pytest.fixture(scope="module")
def figures():
    test, data, places = photon_test(), toy_clusters(12), footprints(12)
    network = WeighedSum(~CORE)
    blocks = {name: fold_statistics(test, name, BOOTSTRAP, n_shuffles=5) for name in test.methods}
    noise = {sigma: photon_test(cnn_dex=0.05 + 0.1 * sigma) for sigma in (0.0, 0.1, 0.2)}
    profile = attribution_profile(network, data, places, n_steps=4)
    return {
        "Errors": lambda: plots.error_distribution(test, ["luminosity", "cnn"]),
        "Predicted against true mass": lambda: plots.predicted_against_true(test),
        "Folds": lambda: plots.fold_scatter(blocks),
        "Which photons raise the mass": lambda: plots.dream_profiles(dream(network, data, places), BOOTSTRAP),
        "What makes the mass": lambda: plots.attributions({"cnn": profile}, BOOTSTRAP),
        "Masked cores": lambda: plots.masked_cores({"cnn": core_masking(network, data, places)}, BOOTSTRAP),
        "Predicted and actual errors": lambda: plots.predicted_sd(
            {"cnn": predicted_sd_bins(test, "cnn", BOOTSTRAP)}
        ),
        "Redshift noise": lambda: plots.redshift_noise(ratio_rows(noise, "cnn", BOOTSTRAP)),
    }


@pytest.mark.parametrize("name", list(CAPTIONS))
def test_every_figure_has_a_caption_and_labels_and_no_side_effect(name, figures):
    before = dict(mpl.rcParams)
    figure = figures[name]()
    content = png(figure)
    assert dict(mpl.rcParams) == before
    image = matplotlib.image.imread(BytesIO(content), format="png")
    assert image[..., :3].std() > 0.01
    assert any(ax.get_xlabel() for ax in figure.axes)
    assert any(ax.get_ylabel() for ax in figure.axes)


def test_every_figure_is_one_of_the_captions(figures):
    assert list(figures) == list(CAPTIONS)


def test_the_distribution_states_its_fit_and_is_normalised():
    test = photon_test()
    ax = plots.error_distribution(test).axes[0]
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [text.split(":")[0] for text in texts] == ["cnn", "luminosity"]
    percent = [float(text.split(",")[1].removesuffix(" %")) for text in texts]
    assert percent == pytest.approx([11.5, 16.1], rel=0.15)
    curve = ax.lines[0]
    assert np.trapezoid(curve.get_ydata(), curve.get_xdata()) == pytest.approx(1.0, abs=0.01)
    steps = ax.patches[0].get_data()
    assert (steps.values * np.diff(steps.edges)).sum() == pytest.approx(1.0, abs=0.01)


def test_dreams_of_few_parents_have_no_band_and_iterations_their_own_curves():
    profile = dream(WeighedSum(~CORE), toy_clusters(9), footprints(9))
    top, bottom = plots.dream_profiles(profile, BOOTSTRAP).axes
    assert not top.collections
    assert [text.get_text() for text in top.get_legend().get_texts()] == [
        "first iteration",
        "second iteration",
    ]
    np.testing.assert_allclose(top.lines[1].get_ydata(), profile.relative(BOOTSTRAP).value[1])
    np.testing.assert_allclose(bottom.lines[0].get_ydata(), profile.per_area(BOOTSTRAP).value[0])
    assert top.lines[0].get_ydata()[0] == 0.0  # the core, which this network does not see


def test_all_folds_of_all_methods_are_inside_the_panels():
    test = photon_test(cnn_dex=0.03, luminosity_dex=0.12)
    blocks = {name: fold_statistics(test, name, BOOTSTRAP, n_shuffles=0) for name in test.methods}
    axes = plots.fold_scatter(blocks).axes
    low, high = axes[0].get_ylim()
    assert low == 0.0
    for ax, block in zip(axes, blocks.values(), strict=True):
        drawn = ax.lines[0].get_ydata()
        np.testing.assert_allclose(drawn, [one["fit_scatter_percent"] for one in block["folds"]])
        assert max(drawn) < high
