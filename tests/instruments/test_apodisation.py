"""The window of a stamp: its values, its inside, and the cluster that it must not touch."""

import numpy as np
import pytest

from zwicky.core.errors import MapError
from zwicky.instruments.apodisation import apodisation


def test_values():
    window = apodisation(8, 4.0)
    edge = 0.5 * (1.0 - np.cos(np.pi * np.array([0.5, 1.5, 2.5, 3.5]) / 4.0))
    np.testing.assert_allclose(window[3] / window[3, 3], np.r_[edge, edge[::-1]] / edge[-1])
    np.testing.assert_array_equal(window, window.T)
    np.testing.assert_array_equal(window, window[::-1, ::-1])


def test_inside_it_is_one():
    window = apodisation(40, 6.0, clear_pixels=14.0)
    np.testing.assert_array_equal(window[6:-6, 6:-6], 1.0)
    assert window[:6].max() < 1.0
    radius = np.hypot(*(np.indices((40, 40)) - 19.5))
    assert window[radius < 14.0].min() == 1.0


def test_no_rim_is_no_window():
    np.testing.assert_array_equal(apodisation(5, 0.0), np.ones((5, 5)))


@pytest.mark.parametrize(
    ("width", "clear"), [(6.1, 14.0), (21.0, 0.0), (-1.0, 0.0), (0.0, 21.0), (np.nan, 0.0)]
)
def test_an_edge_inside_the_cluster(width, clear):
    with pytest.raises(MapError, match=r"(?s)apodised edge lies inside the cluster.*40 x 40.*larger stamps"):
        apodisation(40, width, clear)
