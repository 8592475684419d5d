"""The boring estimate: fitted, recalibrated, and the same before and after it was saved."""

import numpy as np
import pytest

from toy_linear import is_same
from zwicky.inference.mapping.calibration import N_RADII, aperture_sums
from zwicky.inference.mapping.linear_masses import LinearMasses

SUBSETS = {"both": (True, True), "first": (True, False)}


def sky(n, seed):
    """Return two views (n, 2, 16, 16) that follow the matter, the second with more noise, and the matter."""
    rng = np.random.default_rng(seed)
    log10_mass = rng.normal(14.0, 0.3, (n, 1, 1)) + rng.normal(0.0, 0.1, (n, 16, 16))
    views = np.stack([0.5 * log10_mass + rng.normal(0.0, noise, (n, 1, 1)) for noise in (0.05, 0.1)], axis=1)
    return (10.0**views).astype(np.float32), (10.0**log10_mass).astype(np.float32)


@pytest.fixture(scope="module")
def fitted():
    return LinearMasses.fit(sky(300, 1), sky(400, 2), SUBSETS)


@pytest.mark.parametrize("subset", SUBSETS)
def test_its_intervals_hold_on_other_clusters(fitted, subset):
    views, target = sky(1000, 3)
    found, truth = fitted.quantiles(subset, views), aperture_sums(target)
    assert found.shape == (1000, N_RADII, 5)
    inside = (found[..., 1] <= truth) & (truth <= found[..., 3])
    assert inside[:, -1].mean() == pytest.approx(0.68, abs=0.06)
    # Negative control: those of shuffled clusters do not.
    assert ((found[..., 1] <= truth[::-1]) & (truth[::-1] <= found[..., 3]))[:, -1].mean() < 0.5


def test_two_views_are_better_than_one(fitted):
    views, target = sky(500, 4)
    truth = aperture_sums(target)[:, -1]
    scatter = {name: np.log(fitted.quantiles(name, views)[:, -1, 2] / truth).std() for name in SUBSETS}
    assert scatter["both"] < scatter["first"]


def test_what_is_saved_is_what_answers(fitted):
    again = LinearMasses.of(fitted.facts, fitted.tensors())
    assert is_same(fitted, again)
    views, _ = sky(20, 5)
    for subset in SUBSETS:
        np.testing.assert_array_equal(fitted.quantiles(subset, views), again.quantiles(subset, views))


def test_a_view_that_is_not_there_is_not_read(fitted):
    views, _ = sky(20, 6)
    before = fitted.quantiles("first", views)
    views[:, 1] = np.nan
    np.testing.assert_array_equal(fitted.quantiles("first", views), before)
