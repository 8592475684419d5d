"""The linear map: the Wiener filter where that is known in closed form, and never worse for one view more."""

import numpy as np
import pytest
from linear_toy import LinearToy

from zwicky.core.errors import MapError
from zwicky.inference.mapping.linear_map import (
    FLOOR,
    LinearMap,
    best_linear_map,
    best_of,
    lost_correlation,
    median_difference,
    modes,
    rings,
)

TOY = LinearToy()
N_TRAIN, N_TEST = 6000, 1500
SUBSETS = {"first": (True, False), "second": (False, True), "both": (True, True)}


@pytest.fixture(scope="module")
def taught():
    return TOY.draw(np.random.default_rng(1), N_TRAIN)


@pytest.fixture(scope="module")
def unseen():
    return TOY.draw(np.random.default_rng(2), N_TEST)


@pytest.fixture(scope="module")
def fits(taught):
    return {name: LinearMap.fit(*taught, there, space="linear") for name, there in SUBSETS.items()}


def ring_power(maps):
    """Return the mean square of the modes in each ring, (ring,)."""
    ring = rings(maps.shape[-1]).ravel()
    return np.bincount(ring, (modes(maps) ** 2).mean(axis=0).ravel()) / np.bincount(ring)


def ring_errors(n_maps):
    """Return the relative error of a mean square from so many maps, (ring,): sqrt(2 / number of modes)."""
    return np.sqrt(2.0 / (n_maps * np.bincount(rings(TOY.n_pixels).ravel())))


def rows(there):
    return np.flatnonzero(there)


@pytest.mark.parametrize("name", SUBSETS)
def test_it_is_the_wiener_filter(fits, name):
    """T = P B / (B P B + N) within the error of its estimate, sqrt(P_left / (n_modes P_view))."""
    expected, left = TOY.wiener(rows(SUBSETS[name]))
    gain, noise = TOY.gain[rows(SUBSETS[name])], TOY.noise_power[rows(SUBSETS[name])]
    # Of each view that which the others do not show: the diagonal of the inverse of its power matrix.
    power = gain[:, None] * gain[None] * TOY.signal_power + np.eye(len(gain))[:, :, None] * noise[:, None]
    own = np.diagonal(np.linalg.inv(np.moveaxis(power, -1, 0)), axis1=1, axis2=2)
    error = np.sqrt(left[:, None] * own) * ring_errors(N_TRAIN)[:, None] / np.sqrt(2.0)
    pulls = (fits[name].transfer - expected) / error
    assert np.abs(pulls).max() < 4.5
    assert 0.6 < pulls.std() < 1.4


@pytest.mark.parametrize("name", SUBSETS)
def test_what_is_left_has_the_theoretical_power(fits, unseen, name):
    views, target = unseen
    left = ring_power(target - fits[name].predict(views))
    ratio = left / TOY.wiener(rows(SUBSETS[name]))[1]
    assert np.abs((ratio - 1.0) / ring_errors(N_TEST)).max() < 4.5
    assert ratio.mean() == pytest.approx(1.0, abs=0.01)


def test_two_views_are_better_than_each(fits, unseen):
    views, target = unseen
    left = {name: ring_power(target - fit.predict(views)) for name, fit in fits.items()}
    # The second view is the better one at large scales, and knows nothing of small ones.
    assert left["second"][1] < 0.5 * left["first"][1]
    assert left["first"][-3] < 0.5 * left["second"][-3]
    assert (left["both"] <= 1.01 * np.minimum(left["first"], left["second"])).all()
    assert left["both"].sum() < 0.9 * min(left["first"].sum(), left["second"].sum())


def test_shuffled_targets_teach_the_mean_map(taught, unseen):
    """Negative control: where nothing can be known, nothing is claimed."""
    views, target = taught
    shuffled = target[np.random.default_rng(3).permutation(len(target))]
    fit = LinearMap.fit(views, shuffled, space="linear")
    predicted = fit.predict(unseen[0])
    assert np.abs(predicted - TOY.target_mean).std() < 0.05 * (target - TOY.target_mean).std()
    assert fit.target_mean == pytest.approx(TOY.target_mean, abs=0.5)


def test_a_power_law_is_linear_in_logarithms():
    """The target is the product of powers of two views: exact in logarithms, and only there."""
    rng = np.random.default_rng(4)
    logs = rng.normal(0.0, 0.3, (300, 2, 8, 8))
    views, target = 10.0 ** (logs + 13.0), 10.0 ** (0.6 * logs[:, 0] - 0.3 * logs[:, 1] + 14.0)
    fit = LinearMap.fit(views[:200], target[:200], space="log10")
    assert fit.transfer == pytest.approx(np.tile([0.6, -0.3], (len(fit.transfer), 1)), abs=1e-4)
    assert fit.predict(views[200:]) == pytest.approx(target[200:], rel=1e-4)
    best = best_linear_map(views[:200], target[:200], views[200:], target[200:])
    assert best.space == "log10"


def test_the_best_space_is_chosen_on_validation(taught, unseen):
    assert best_linear_map(*taught, *unseen, (True, False)).space == "linear"


def test_the_criterion_decides():
    """One map has the right values and no structure, the other all structure at the wrong level."""
    rng = np.random.default_rng(5)
    target = 1.0 + 0.1 * rng.random((20, 8, 8))
    views = target[:, None]
    ones = np.ones((len(rings(8)) + 4, 1))
    common = {"space": "linear", "present": (True,), "view_mean": target.mean(0)[None], "floor": 0.0}
    flat = LinearMap(transfer=0.0 * ones, target_mean=target.mean(0), **common)
    sharp = LinearMap(transfer=ones, target_mean=3.0 + target.mean(0), **common)
    assert best_of([flat, sharp], views, target, "difference") is flat
    assert best_of([flat, sharp], views, target, "correlation") is sharp


def test_the_measures_of_perfect_and_of_unrelated_maps():
    rng = np.random.default_rng(6)
    truth, other = rng.random((2, 400, 8, 8)) + 1.0
    assert lost_correlation(truth, 3.0 * truth) == pytest.approx(0.0, abs=1e-12)
    assert lost_correlation(truth, other) == pytest.approx(1.0, abs=0.05)
    assert lost_correlation(truth, np.ones_like(truth)) == 1.0
    assert median_difference(truth, 1.25 * truth) == pytest.approx(0.25)


def test_edges_do_not_wrap():
    """A bright left edge is spread to its neighbours, not to the right edge."""
    n = 16
    smooth = LinearMap(
        "linear", (True,), np.exp(-0.02 * np.arange(rings(n).max() + 1.0) ** 2)[:, None],
        np.zeros((1, n, n)), np.zeros((n, n)), -1.0,
    )  # fmt: skip
    views = np.full((1, 1, n, n), 1e-9)
    views[..., 0] = 1.0
    predicted = smooth.predict(views)[0]
    assert predicted[:, 1].min() > 0.2
    assert np.abs(predicted[:, -1]).max() < 1e-3


def test_rings_count_half_waves():
    assert rings(4).tolist() == [[0, 1, 2, 3], [1, 1, 2, 3], [2, 2, 3, 4], [3, 3, 4, 4]]


def test_what_stands_in_a_missing_view_is_never_read(fits, unseen):
    views = unseen[0][:10].copy()
    clean = fits["second"].predict(views)
    views[:, 0] = np.nan
    assert np.array_equal(fits["second"].predict(views), clean)
    again = TOY.draw(np.random.default_rng(1), 50)
    again[0][:, 0] = np.nan
    assert np.isfinite(LinearMap.fit(*again, (False, True)).transfer).all()


def test_maps_stay_positive():
    """What a linear map makes negative is held above a fraction of the smallest training pixel."""
    rng = np.random.default_rng(7)
    target = rng.lognormal(0.0, 1.0, (50, 8, 8))
    fit = LinearMap.fit(target[:, None], target, space="linear")
    predicted = fit.predict(np.full((1, 1, 8, 8), 1e-6) + 1e3 * np.eye(8))
    assert fit.floor == FLOOR * target.min()
    assert predicted.min() == np.float32(fit.floor)
    assert predicted.dtype == np.float32


def test_units_do_not_matter(taught, unseen):
    """Views of 1e-20 and 1e15 times the size give the same answer."""
    scale = np.array([1e-20, 1e15])[:, None, None]
    there = LinearMap.fit(taught[0][:500], taught[1][:500], space="linear").predict(unseen[0][:5])
    scaled = LinearMap.fit(scale * taught[0][:500], taught[1][:500], space="linear")
    assert scaled.predict(scale * unseen[0][:5]) == pytest.approx(there, rel=1e-6)


@pytest.mark.parametrize(
    ("views", "target", "present", "match"),
    [
        (np.ones((3, 2, 8, 8)), np.ones((3, 8, 8)), (True,), "views cannot be used"),
        (np.ones((3, 2, 8, 8)), np.ones((3, 8, 8)), (False, False), "views cannot be used"),
        (np.ones((3, 2, 8, 6)), np.ones((3, 8, 6)), None, "views cannot be used"),
        (np.ones((0, 2, 8, 8)), np.ones((0, 8, 8)), None, "n >= 1"),
        (np.ones((3, 8, 8)), np.ones((3, 8, 8)), None, "views cannot be used"),
        (np.ones((3, 2, 8, 8)), np.ones((4, 8, 8)), None, "go in pairs"),
        (np.zeros((3, 2, 8, 8)), np.ones((3, 8, 8)), None, "not positive everywhere"),
        (np.full((3, 2, 8, 8), np.nan), np.ones((3, 8, 8)), None, "not positive everywhere"),
        (np.ones((3, 2, 8, 8)), np.full((3, 8, 8), -1.0), None, "training target"),
    ],
)
def test_stacks_that_cannot_be_used(views, target, present, match):
    with pytest.raises(MapError, match=match):
        LinearMap.fit(views, target, present)


def test_other_pixels_are_refused(fits):
    with pytest.raises(MapError, match=r"shape \(n, 2, 16, 16\)"):
        fits["both"].predict(np.ones((1, 2, 8, 8)))
    with pytest.raises(MapError, match="views cannot be used"):
        fits["both"].predict(np.ones((1, 3, 16, 16)))
    with pytest.raises(MapError, match="go in pairs"):
        best_of([fits["both"]], np.ones((2, 2, 16, 16)), np.ones((1, 16, 16)))
