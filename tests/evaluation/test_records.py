"""The records refuse what cannot be a test of masses."""

import numpy as np
import pytest

from zwicky.core.errors import MassError
from zwicky.core.masses import M500C
from zwicky.evaluation.records import LEVELS, MassPredictions, MassTest

GOOD = 14.5 + 0.05 * np.array([[-2.0, -1.0, 0.0, 1.0, 2.0]] * 3)


def a_test(**changes):
    columns = {
        "parent": np.array(["a", "b", "c"]),
        "log10_true": np.array([14.4, 14.5, 14.6]),
        "redshift": np.array([0.1, 0.2, 0.3]),
        "snr": np.array([-1.0, 5.0, 9.0]),
        "predictions": {"network": MassPredictions("network", GOOD)},
        "definition": M500C,
    }
    return MassTest(**(columns | changes))


@pytest.mark.parametrize(
    ("quantiles", "levels", "message"),
    [
        (GOOD, (0.05, 0.16, 0.5, 0.84, 0.95), "other quantile levels"),
        (GOOD, (0.16, 0.5, 0.84), "other quantile levels"),
        (GOOD[:, :3], LEVELS, "table of quantiles"),
        (GOOD[0], LEVELS, "table of quantiles"),
        (10**GOOD, LEVELS, "cannot be logarithms"),
        (np.where(GOOD[1, 2] == GOOD, np.nan, GOOD), LEVELS, "cannot be logarithms"),
        (GOOD[:, ::-1], LEVELS, "must rise with their level"),
        (GOOD[:, [0, 1, 4, 3, 4]], LEVELS, "must rise with their level"),
        (np.full((3, 5), 14.5), LEVELS, "must rise with their level"),
    ],
)
def test_predictions_that_are_refused(quantiles, levels, message):
    with pytest.raises(MassError, match=message):
        MassPredictions("network", quantiles, levels)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log10_true": np.array([])}, "needs clusters"),
        ({"log10_true": np.array([4e14, 5e14, 6e14])}, "cannot be logarithms"),
        ({"parent": np.array(["a", "b"])}, "one row per observation"),
        ({"redshift": np.array([0.1, 0.2])}, "one row per observation"),
        ({"snr": np.array([5.0, np.nan, 7.0])}, "has holes"),
        ({"redshift": np.array([0.1, 0.0, 0.3])}, "has a redshift"),
        ({"predictions": {}}, "at least one method"),
        ({"predictions": {"other": MassPredictions("network", GOOD)}}, "filed under their name"),
        ({"predictions": {"network": MassPredictions("network", GOOD[:2])}}, "filed under their name"),
    ],
)
def test_tests_that_are_refused(changes, message):
    with pytest.raises(MassError, match=message):
        a_test(**changes)


def test_gaussian_predictions_have_gaussian_quantiles():
    one = MassPredictions.gaussian("network", np.array([14.0, 15.0]), np.array([0.1, 0.2]))
    # Tables of the normal distribution: Phi(0.99446) = 0.84, Phi(1.95996) = 0.975.
    expected = np.array([-1.95996, -0.99446, 0.0, 0.99446, 1.95996])
    np.testing.assert_allclose(one.log10_quantiles[0], 14.0 + 0.1 * expected, atol=1e-6)
    np.testing.assert_allclose(one.half_width_dex, [0.099446, 0.198892], atol=1e-6)
    np.testing.assert_allclose(one.log10_median, [14.0, 15.0])


def test_selection_keeps_rows_together():
    part = a_test().selected(np.array([False, True, True]))
    assert part.n_rows == 2
    assert list(part.parent) == ["b", "c"]
    np.testing.assert_allclose(part.residual_dex("network"), [0.0, -0.1], atol=1e-12)
