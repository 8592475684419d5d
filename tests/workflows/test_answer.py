"""An answer in words: green, and red when the map is not like the training set."""

from dataclasses import replace

import numpy as np
import pytest

from tiny_experiment import bright_cluster
from zwicky.core.errors import ConfigError
from zwicky.core.quantities import MapQuantity
from zwicky.data.stamps import Stamp
from zwicky.inference.conformal import LEVELS
from zwicky.inference.estimator import Estimator
from zwicky.workflows.answer import answer_text, write_answer
from zwicky.workflows.weigh import samples_of, weigh_stamp

WARNING = "do not use these without a reason"


@pytest.fixture(scope="module")
def estimator(tiny_run):
    return Estimator.load(tiny_run.folder / "estimator")


@pytest.fixture(scope="module")
def observed():
    return bright_cluster()


def weigh(estimator, observed, values=None, **options):
    one = observed[MapQuantity.COMPTON_Y]
    one = one if values is None else replace(one, values=values)
    stamp = Stamp(map=one, center=None, notes=("cut by hand",), offset_arcmin=0.0)
    return weigh_stamp(stamp, observed.cluster.redshift, estimator, name="A1", **options)


@pytest.fixture(scope="module")
def answer(estimator, observed):
    return weigh(estimator, observed)


def test_a_red_light_is_explained_and_warned_of(estimator, observed):
    holed = observed[MapQuantity.COMPTON_Y].values.copy()
    holed[20:26, 20:26] -= 3e-5
    answer = weigh(estimator, observed, holed)
    lines = answer_text(answer).splitlines()
    assert answer.flag == "out-of-domain"
    assert "  light: RED (out-of-domain)" in lines
    reasons = [line for line in lines if line.startswith("    - ")]
    assert reasons == [f"    - {reason}" for reason in answer.reasons]
    assert any("deepest hole" in reason for reason in reasons)
    assert WARNING in lines[-1]


@pytest.mark.parametrize(("flag", "colour"), [("in-domain", "green"), ("edge", "yellow")])
def test_the_other_lights_are_no_warning(answer, flag, colour):
    text = answer_text(replace(answer, flag=flag, reasons=()))
    assert f"  light: {colour} ({flag})" in text.splitlines()
    assert WARNING not in text


def test_columns_stand_under_their_heads(answer):
    head, *rows = answer_text(answer).splitlines()[1:4]
    for row, posterior in zip(rows, (answer.network, answer.classical), strict=True):
        low, high = posterior.interval()
        mass = head.index("M500c")
        assert row[mass - 1] == " "
        assert row[mass:].startswith(f"{posterior.median.msun / 1e14:.2f} ")
        interval = head.index("16-84 %")
        assert row[interval:].startswith(f"{low.msun / 1e14:.2f} - {high.msun / 1e14:.2f} ")
        assert row[head.index("2.5-97.5 %") - 1] == " "
    assert rows[0].split("  ")[1] == "network (radial_cnn x 1)"


def test_notes_and_bias_are_said(estimator, observed):
    answer = weigh(estimator, observed, one_minus_bias=0.8)
    text = answer_text(answer)
    assert "  note: cut by hand" in text.splitlines()
    assert "masses hold for 1-b = 0.8 " in text
    assert f"Y500 = {answer.y500_arcmin2:.2e} +- " in text


@pytest.mark.parametrize("value", [0.0, 0.29, 1.21, float("nan")])
def test_a_bias_out_of_range_is_refused(estimator, observed, value):
    with pytest.raises(ConfigError, match="bias cannot be used"):
        weigh(estimator, observed, one_minus_bias=value)


def test_an_answer_is_not_written_over(answer, estimator, tmp_path):
    write_answer(answer, estimator, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ConfigError, match="already holds an answer"):
        write_answer(replace(answer, name="A2"), estimator, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_samples_have_the_quantiles_they_came_from():
    log10 = 14.0 + np.linspace(-0.4, 0.4, len(LEVELS)) ** 3
    samples = np.log10(samples_of(log10))
    np.testing.assert_allclose(np.quantile(samples, LEVELS), log10, atol=2e-3)
    assert samples.min() == log10[0]
    assert samples.max() == log10[-1]
    assert not np.allclose(np.quantile(samples, LEVELS), log10 + 0.01, atol=2e-3)
