"""The mean profile of the predicted mass: exact for round clusters of one family, blind to all structure."""

import numpy as np
import pytest

from zwicky.core.errors import MapError
from zwicky.inference.mapping.linear_map import modes, rings
from zwicky.inference.mapping.mean_profile import MeanProfile, radius_pixels, ring_means

N = 20
RADIUS = radius_pixels(N)


def unit(profile):
    return profile / profile.sum()


CUSPY, FLAT = unit(1.0 / (1.0 + RADIUS) ** 2), unit(np.exp(-((RADIUS / 8.0) ** 2)) + 0.05)


def family(rng, n, log10_range=(14.0, 16.0)):
    """Return views and targets of round clusters whose shape follows the mass, with views of fixed shapes.

    The shape is a quadratic in log10 mass, and the views' amplitudes are powers of the mass.
    """
    log10_mass = rng.uniform(*log10_range, n)
    weight = (0.2 + 0.3 * (log10_mass - 14.0) - 0.05 * (log10_mass - 14.0) ** 2)[:, None, None]
    mass = 10.0 ** log10_mass[:, None, None]
    target = mass * (weight * CUSPY + (1.0 - weight) * FLAT)
    views = np.stack([1e-30 * mass ** (5.0 / 3.0) * FLAT, mass**0.8 * CUSPY], axis=1)
    return views.astype(np.float32), target.astype(np.float32)


def rough(maps, rng, sd_dex=0.2):
    return maps * 10.0 ** rng.normal(0.0, sd_dex, maps.shape)


def test_it_recovers_a_family_of_round_clusters():
    rng = np.random.default_rng(1)
    fit = MeanProfile.fit(*family(rng, 300))
    views, target = family(rng, 50, (14.05, 15.95))
    assert fit.predict(views) == pytest.approx(target, rel=1e-4)
    assert fit.predict(views).dtype == np.float32
    mass = target.sum(axis=(1, 2), dtype=float)
    assert fit.predict_log10_mass(views) == pytest.approx(np.log10(mass), abs=2e-5)


def test_the_painted_map_has_the_predicted_mass():
    """Whatever the views say: the mean shape sums to 1."""
    rng = np.random.default_rng(2)
    views, target = family(rng, 300)
    fit = MeanProfile.fit(rough(views, rng), rough(target, rng))
    unseen = rough(family(rng, 20)[0], rng)
    painted = fit.predict(unseen).sum(axis=(1, 2), dtype=float)
    assert np.log10(painted) == pytest.approx(fit.predict_log10_mass(unseen), abs=1e-6)


def correlation(truth, predicted):
    """Return r of many maps in rings of |k|, (ring,); 0 where a map has no modes: round ones have even modes only."""
    ring = rings(N).ravel()
    a, b = modes(truth.astype(float)), modes(predicted.astype(float))
    cross, auto_a, auto_b = (np.bincount(ring, s.mean(axis=0).ravel()) for s in (a * b, a * a, b * b))
    return cross / np.sqrt(np.maximum(auto_a * auto_b, 1e-300))


def test_it_knows_nothing_of_substructure():
    """r(k) is 1 at large scales, and nothing is left where there is only structure: even if the views show it."""
    rng = np.random.default_rng(3)
    mass = 10.0 ** rng.uniform(14.0, 16.0, (400, 1, 1))
    target = mass * FLAT * np.exp(rng.normal(0.0, 0.7, (400, N, N)))
    views = target[:, None]
    fit = MeanProfile.fit(views[:300], target[:300])
    r = correlation(target[300:], fit.predict(views[300:]))
    assert r[2] > 0.9
    assert np.abs(r[N // 2 :]).max() < 0.15
    # The structure is there to be seen: negative control of the measure.
    assert correlation(target[300:], views[300:, 0] ** 1.2)[N // 2 :].min() > 0.8


def test_its_maps_are_round():
    rng = np.random.default_rng(4)
    views, target = family(rng, 60)
    painted = MeanProfile.fit(rough(views, rng), rough(target, rng)).predict(rough(views, rng))
    for turned in (painted[:, ::-1], painted.transpose(0, 2, 1)):
        assert np.array_equal(painted, turned)


def test_shuffled_targets_teach_the_mean_mass():
    """Negative control: views of other clusters tell no mass."""
    rng = np.random.default_rng(5)
    views, target = family(rng, 400)
    views = rough(views, rng)
    fit = MeanProfile.fit(views, target[rng.permutation(len(target))])
    told = fit.predict_log10_mass(rough(family(rng, 100)[0], rng))
    truth = np.log10(target.sum(axis=(1, 2)))
    assert told.std() < 0.25 * truth.std()
    assert told.mean() == pytest.approx(truth.mean(), abs=0.1)


def test_more_rings_than_clusters_do_not_overfit():
    """Thirty rings, forty clusters whose masses owe nothing to them: least squares believes the noise, we do not."""
    rng = np.random.default_rng(6)
    views, target = family(rng, 240)
    views = rough(np.ones_like(views), rng)
    log10_mass = np.log10(target.sum(axis=(1, 2)))
    fit = MeanProfile.fit(views[:40], target[:40])
    ring = RADIUS.astype(int).ravel()
    design = np.concatenate([np.log10(ring_means(views[:, i], ring)) for i in (0, 1)], axis=1)
    design = np.column_stack([design, np.ones(len(design))])
    assert design.shape[1] > 28
    free = design[40:] @ np.linalg.lstsq(design[:40], log10_mass[:40], rcond=None)[0]
    error = fit.predict_log10_mass(views[40:]) - log10_mass[40:]
    assert error.std() < 1.15 * log10_mass.std()
    assert (free - log10_mass[40:]).std() > 1.4 * log10_mass.std()


def test_shapes_are_held_at_the_ends_of_the_masses():
    rng = np.random.default_rng(7)
    views, target = family(rng, 200, (14.5, 15.5))
    fit = MeanProfile.fit(views, target)
    heavy = fit.predict(family(np.random.default_rng(8), 3, (18.0, 18.1))[0])
    heaviest = target[target.sum(axis=(1, 2)).argmax()]
    assert unit(heavy[0].astype(float)) == pytest.approx(unit(heaviest.astype(float)), rel=1e-3)
    assert np.log10(heavy.sum(axis=(1, 2), dtype=float)) == pytest.approx([18.05] * 3, abs=0.051)


def test_the_mean_map_stays_positive():
    """Rims that fall by six decades with mass: no polynomial follows, and the best one dips below zero."""
    rng = np.random.default_rng(12)
    log10_mass = rng.uniform(14.0, 16.0, 200)[:, None, None]
    fall = np.where(RADIUS > 9.0, 10.0 ** (-3.0 * (log10_mass - 14.0)), 1.0)
    target = 10.0**log10_mass * FLAT * fall
    fit = MeanProfile.fit(target[:, None], target)
    powers = np.vander(np.linspace(-1.0, 1.0, 50), 3, increasing=True)
    assert (powers @ fit.shape).min() < 0.0
    assert fit.predict(target[:, None]).min() > 0.0


def test_what_stands_in_a_missing_view_is_never_read():
    rng = np.random.default_rng(9)
    views, target = family(rng, 60)
    clean = MeanProfile.fit(views, target, (False, True))
    views[:, 0] = np.nan
    fit = MeanProfile.fit(views, target, (False, True))
    assert np.array_equal(fit.predict(views), clean.predict(views))
    assert fit.predict(views) == pytest.approx(target, rel=1e-4)


def test_ring_means_keep_the_sum():
    maps = np.random.default_rng(10).random((3, N, N))
    ring = RADIUS.astype(int).ravel()
    sums = ring_means(maps, ring) @ np.bincount(ring)
    assert sums == pytest.approx(maps.sum(axis=(1, 2)))


def test_stacks_that_cannot_be_used():
    rng = np.random.default_rng(11)
    views, target = family(rng, 30)
    fit = MeanProfile.fit(views, target)
    with pytest.raises(MapError, match="views cannot be used"):
        fit.predict(views[..., :10, :10])
    with pytest.raises(MapError, match="go in pairs"):
        MeanProfile.fit(views, target[:10])
    with pytest.raises(MapError, match="not positive everywhere"):
        MeanProfile.fit(views, -target)
    views[3, 1, 2, 2] = 0.0
    with pytest.raises(MapError, match="1 pixels that are zero, negative or not finite, the first 0"):
        fit.predict(views)
