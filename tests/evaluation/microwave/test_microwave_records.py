"""Records of weighed microwave skies: what they hold, and what they refuse."""

import numpy as np
import pytest

from zwicky.core.errors import MapError, MassError
from zwicky.evaluation.microwave.records import EmptySkies, ProfileResidual, WeighedSet


def good(**changes):
    columns = {
        "name": "trained",
        "true_msun": np.array([1e14, 2e14]),
        "estimated_msun": {"net": np.array([1.1e14, -1e13])},
        "snr": np.array([3.0, 5.0]),
        "parent": np.array(["a", "b"]),
    }
    return WeighedSet(**(columns | changes))


def test_a_set_rescales_its_masses_and_knows_where_there_is_none():
    one = good(rescaling=np.array([2.0, 1.0]))
    np.testing.assert_allclose(one.masses_msun("net"), [2.2e14, -1e13])
    assert one.weighed("net").tolist() == [True, False]
    assert one.is_rescaled
    assert one.methods == ("net",)
    assert len(one) == 2


def test_without_a_factor_nothing_is_rescaled():
    one = good()
    assert one.rescaling.tolist() == [1.0, 1.0]
    assert not one.is_rescaled


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"true_msun": np.array([])}, "needs clusters"),
        ({"true_msun": np.array([14.0, 14.3])}, "cannot be masses"),
        ({"true_msun": np.array([1e14, np.nan])}, "cannot be masses"),
        ({"snr": np.array([1.0])}, "one entry per map"),
        ({"parent": np.array(["a"])}, "one entry per map"),
        ({"snr": np.array([1.0, np.inf])}, "has holes"),
        ({"estimated_msun": {}}, "no method"),
        ({"estimated_msun": {"net": np.array([1e14])}}, "one entry per map"),
        ({"estimated_msun": {"net": np.array([1e14, np.nan])}}, "sees no mass says 0"),
        ({"rescaling": np.array([1.0, 0.0])}, "positive factor"),
        ({"rescaling": np.array([1.0, 1.0, 1.0])}, "one entry per map"),
        ({"sz_scatter": "Y"}, "stated on Y or on M"),
        ({"sigma_ln": 0.2}, "stated on Y or on M"),
        ({"sz_scatter": "T", "sigma_ln": 0.2}, "stated on Y or on M"),
        ({"sz_scatter": "M", "sigma_ln": np.nan}, "stated on Y or on M"),
    ],
)
def test_a_set_refuses(changes, message):
    with pytest.raises(MassError, match=message):
        good(**changes)


@pytest.mark.parametrize(
    ("estimates", "threshold_msun", "message"),
    [
        ({}, 1e14, "no method"),
        ({"net": np.array([])}, 1e14, "judged at a threshold"),
        ({"net": np.zeros(3)}, 14.0, "judged at a threshold"),
        ({"net": np.zeros(3)}, np.nan, "judged at a threshold"),
        ({"net": np.zeros(3), "filter": np.zeros(2)}, 1e14, "one entry per map"),
        ({"net": np.array([np.nan])}, 1e14, "has holes"),
    ],
)
def test_empty_skies_refuse(estimates, threshold_msun, message):
    with pytest.raises(MassError, match=message):
        EmptySkies(estimates, threshold_msun)


RINGS = {
    "radius_arcmin": np.array([0.0, 1.0]),
    "signal_uk": np.array([-9.0, -1.0]),
    "residual_uk": np.zeros(2),
    "error_uk": np.zeros(2),
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"residual_uk": np.zeros(3)}, "one finite number for each ring"),
        ({"signal_uk": np.array([np.nan, 1.0])}, "one finite number for each ring"),
        ({"radius_arcmin": np.zeros((2, 1))}, "one finite number for each ring"),
        ({"radius_arcmin": np.array([1.0, 0.5])}, "not the profile"),
        ({"radius_arcmin": np.array([-1.0, 0.5])}, "not the profile"),
        ({"error_uk": np.array([-1.0, 0.5])}, "not the profile"),
        ({"signal_uk": np.zeros(2)}, "not the profile"),
        ({name: np.ones(1) for name in RINGS}, "not the profile"),
    ],
)
def test_a_profile_refuses(changes, message):
    ProfileResidual(**RINGS)
    with pytest.raises(MapError, match=message):
        ProfileResidual(**(RINGS | changes))
