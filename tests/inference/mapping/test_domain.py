"""The warning light for maps: clean clusters are green, spoiled ones are not, and the reason names the view."""

from functools import lru_cache

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from zwicky.core.errors import MapError
from zwicky.core.quantities import MapQuantity as Q
from zwicky.inference.domain import FLAGS
from zwicky.inference.mapping.domain import FALSE_ALARMS, MIN_MAPS, ViewDomain
from zwicky.mocks.theory_survey import TWO_R200, TheorySurvey
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.settings import PainterSettings

VIEWS = (Q.COMPTON_Y, Q.XRAY_SURFACE_BRIGHTNESS, Q.STAR_SURFACE_DENSITY)
ALL = (True, True, True)
N_PARENTS, N_LINES, N_FIT = 200, 3, 420
OUT = FLAGS.index("out-of-domain")


@lru_cache
def painted():
    """Views of 200 realistic clusters along three lines of sight each, (n, view, y, x)."""
    survey = TheorySurvey(Painter(PainterSettings(preset="gadgetx"), 7), VIEWS, TWO_R200, 0.01)
    sets = [survey.observe(i, line) for i in range(N_PARENTS) for line in range(N_LINES)]
    return np.array([[s[q].values for q in VIEWS] for s in sets], np.float32)


@pytest.fixture(scope="module")
def light():
    return ViewDomain.fit(painted()[:N_FIT], VIEWS, np.arange(N_FIT) // N_LINES)


@pytest.fixture
def unseen():
    return painted()[N_FIT:].astype(float)


def flagged(light, views, present=ALL):
    """Return the fraction with a flag, the fraction out of the domain, and all reasons."""
    level, reasons = light.judge(views, present)
    assert [bool(one) for one in reasons] == [bool(one) for one in level]
    return (level > 0).mean(), (level == OUT).mean(), {words for one in reasons for words in one}


@pytest.mark.parametrize("present", [ALL, (True, False, True), (False, True, False)])
def test_clean_clusters_are_green(light, unseen, present):
    unusual, out, _ = flagged(light, unseen, present)
    assert unusual <= 0.03
    assert out <= 0.01


@pytest.mark.parametrize("view", range(3))
def test_a_wrong_unit_is_seen(light, unseen, view):
    unseen[:, view] *= 1e6
    _, out, reasons = flagged(light, unseen)
    assert out == 1.0
    assert f"{VIEWS[view]}: log10 of the mean is " in " ".join(reasons)
    one = tuple(i == view for i in range(3))
    assert flagged(light, unseen, one)[1] == 1.0
    others = tuple(not there for there in one)
    assert flagged(light, unseen, others)[0] <= 0.03  # whoever does not read it is not warned of it


@pytest.mark.parametrize("view", range(3))
def test_noise_is_seen(light, unseen, view):
    """Five per cent of the mean of the map in every pixel."""
    noise = np.random.default_rng(1).standard_normal(unseen[:, view].shape)
    unseen[:, view] += 0.05 * unseen[:, view].mean(axis=(1, 2), keepdims=True) * noise
    unseen[:, view] = np.abs(unseen[:, view])
    unusual, out, reasons = flagged(light, unseen)
    assert unusual == 1.0
    assert out > 0.9
    assert any(words.startswith(f"{VIEWS[view]}: log10 of the") for words in reasons)


@pytest.mark.parametrize("view", range(3))
def test_a_wrong_beam_is_seen(light, unseen, view):
    """0.1 R200 where the light was taught 0.01."""
    sigma = 4.0 / 2.355
    unseen[:, view] = gaussian_filter(unseen[:, view], (0.0, sigma, sigma), mode="nearest")
    unusual, out, reasons = flagged(light, unseen)
    assert unusual == 1.0
    assert out > 0.9
    assert any(w.startswith(f"{VIEWS[view]}: log10 of the power of the smallest scales") for w in reasons)


def test_swapped_views_are_seen(light, unseen):
    swapped = unseen[:, [1, 0, 2]]
    assert flagged(light, swapped)[1] == 1.0
    # Even if each is given the level of the view for which it is taken.
    level = unseen[:, [0, 1, 2]].mean(axis=(2, 3), keepdims=True) / swapped.mean(axis=(2, 3), keepdims=True)
    assert flagged(light, swapped * level)[0] > 0.9


def test_a_view_of_another_place_is_seen(light, unseen):
    """A gas map 0.3 R200 beside the other one; each alone is nothing unusual."""
    unseen[:, 1] = np.roll(unseen[:, 1], 12, axis=2)
    unusual, _, reasons = flagged(light, unseen)
    assert unusual > 0.9
    pair = f"{VIEWS[0]} and {VIEWS[1]}: the correlation of their logarithmic maps"
    assert any(words.startswith(pair) for words in reasons)


def test_a_view_that_is_off_centre_is_seen_alone(light, unseen):
    unseen[:, 0] = np.roll(unseen[:, 0], 20, axis=2)
    unusual, _, reasons = flagged(light, unseen, (True, False, False))
    assert unusual > 0.9
    assert any(words.startswith(f"{VIEWS[0]}: the distance of the middle of the light") for words in reasons)


def inner(views, reach):
    axis = np.arange(views.shape[-1]) - (views.shape[-1] - 1) / 2.0
    return np.hypot(axis[:, None], axis) < reach


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x: x * np.where(inner(x, 1.0), 100.0, 1.0), "log10 of the brightest pixel over the mean"),
        (lambda x: x * np.where(inner(x, 10.0), 0.05, 1.0), "log10 of the mean of the inner quarter"),
        (lambda x: x + 0.5 * x.mean(axis=(1, 2), keepdims=True), "log10 of the faintest pixel over the mean"),
    ],
)
def test_a_point_source_a_hole_and_a_background_are_seen(light, unseen, spoil, words):
    unseen[:, 0] = spoil(unseen[:, 0])
    unusual, _, _ = flagged(light, unseen)
    reasons = light.judge(unseen)[1]
    named = [any(one.startswith(f"{VIEWS[0]}: {words}") for one in why) for why in reasons]
    assert unusual > 0.95
    assert np.mean(named) > 0.9


def test_views_of_two_clusters_are_seen_by_their_balance():
    """Levels that follow one another by a power law: each number is usual, the pair is not."""
    rng = np.random.default_rng(2)
    log10_mass = rng.uniform(0.0, 1.5, (300, 1, 1))
    pattern = 10.0 ** rng.normal(0.0, 0.1, (300, 2, 8, 8))
    views = pattern * 10.0 ** np.stack([log10_mass, 1.7 * log10_mass], axis=1)
    light = ViewDomain.fit(views, ("mass", "gas"))
    assert light.slopes["mass and gas"] == pytest.approx(1.0 / 1.7, rel=0.01)
    heavy_and_light = np.stack([views[log10_mass.argmax(), 0], views[log10_mass.argmin(), 1]])[None]
    level, reasons = light.judge(heavy_and_light)
    assert FLAGS[level[0]] == "out-of-domain"
    assert "mass and gas: log10 of one mean against that expected from the other is" in " ".join(reasons[0])


def test_an_absent_view_is_never_read(light, unseen):
    expected = light.judge(unseen, (True, False, True))
    unseen[:, 1] = np.nan
    level, reasons = light.judge(unseen, (True, False, True))
    assert np.array_equal(level, expected[0])
    assert reasons == expected[1]
    assert not any(Q.XRAY_SURFACE_BRIGHTNESS in words for one in reasons for words in one)
    assert (light.judge(unseen)[0] == OUT).all()


def test_maps_without_logarithms_are_out_of_domain(light, unseen):
    unseen[0, 2, 5, 5] = 0.0
    unseen[1, 0] = 1e-6
    assert (light.judge(unseen[:2])[0] == OUT).all()


def test_it_survives_json(light, unseen):
    again = ViewDomain.model_validate_json(light.model_dump_json())
    assert again == light
    assert again.judge(unseen[:20])[1] == light.judge(unseen[:20])[1]


def toy(rng, n, n_parents):
    """Views whose level is the parent's: sight-lines of one parent are nearly the same."""
    parent = np.repeat(np.arange(n_parents), n // n_parents)
    level = rng.standard_normal(n_parents)[parent]
    return 10.0 ** (level[:, None, None, None] + 0.01 * rng.standard_normal((n, 1, 8, 8))), parent


def test_false_alarms_are_few_even_after_few_parents():
    """Ranges of 20 parents are too narrow for others: the cross-validation over parents widens them, and only it."""
    alarms = {True: [], False: []}
    for seed in range(30):
        rng = np.random.default_rng(seed)
        views, parent = toy(rng, 200, 20)
        other, _ = toy(rng, 200, 200)
        for known, found in alarms.items():
            light = ViewDomain.fit(views, ("view",), parent if known else None)
            found.append((light.judge(other)[0] > 0).mean())
    assert np.mean(alarms[True]) < 3.0 * FALSE_ALARMS
    assert np.mean(alarms[False]) > 2.0 * np.mean(alarms[True])


def test_what_it_cannot_be_fitted_on():
    rng = np.random.default_rng(4)
    views, parent = toy(rng, MIN_MAPS, 2)
    ViewDomain.fit(views, ("view",), parent)
    with pytest.raises(MapError, match="so few maps"):
        ViewDomain.fit(views[1:], ("view",))
    with pytest.raises(MapError, match="20 maps, 1 parents"):
        ViewDomain.fit(views, ("view",), 0 * parent)
    with pytest.raises(MapError, match="and the parent of each"):
        ViewDomain.fit(views, ("view",), np.arange(50))
    with pytest.raises(MapError, match="views cannot be used"):
        ViewDomain.fit(views, ("one", "other"))
    views[3, 0, 1, 1] = -1.0
    with pytest.raises(MapError, match="maps of the warning light: view"):
        ViewDomain.fit(views, ("view",))


def test_other_channels_are_refused(light, unseen):
    with pytest.raises(MapError, match="views cannot be used"):
        light.judge(unseen[:, :2])
    with pytest.raises(MapError, match="of which 0 are there"):
        light.judge(unseen, (False, False, False))
