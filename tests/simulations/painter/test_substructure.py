"""Subhaloes and second clusters: how many, how heavy, where, and what they have inside spheres."""

import numpy as np
import pytest
from scipy.integrate import quad

from zwicky.core.randomness import Key, Stream
from zwicky.simulations.painter.anatomy import DarkClumps, MergingHalo
from zwicky.simulations.painter.drawing.population import draw_traits
from zwicky.simulations.painter.drawing.radial import X, value_at
from zwicky.simulations.painter.drawing.substructure import (
    dark_clumps_inside,
    draw_merger,
    draw_subhaloes,
    isotropic,
    merging_halo_inside,
    poisson,
)
from zwicky.simulations.painter.settings import PainterSettings

SETTINGS = PainterSettings(preset="hyper", log10_m200c_range=(14.5, 14.5))
PHYSICS = SETTINGS.cluster_physics


def merger_of(physics, index, seed=3, settings=SETTINGS):
    traits = draw_traits(settings, seed, index)
    return traits, draw_merger(physics, traits, 0.11, 5e11, seed, index)


@pytest.fixture(scope="module")
def many():
    """Traits and subhaloes of 400 clusters without mergers."""
    drawn = [draw_traits(SETTINGS, 3, i) for i in range(400)]
    return [(t, draw_subhaloes(PHYSICS, t, 0.0, 3, i)) for i, t in enumerate(drawn)]


def test_poisson_numbers_have_their_mean_and_variance():
    n = np.array([poisson(u, 7.3) for u in Key(1, Stream.TEST).uniform(20_000)])
    assert n.mean() == pytest.approx(7.3, abs=0.06)
    assert n.var() == pytest.approx(7.3, abs=0.25)
    assert poisson(0.5, 0.0) == 0
    assert poisson(1e-9, 0.1) == 0
    assert poisson(float(Key(4, Stream.TEST, 9).uniform(1)[0]), 30.0) == Key(4, Stream.TEST, 9).poisson(30.0)


def test_directions_are_isotropic():
    u = Key(1, Stream.TEST).uniform(20_000, 2)
    unit = isotropic(u[:, 0], u[:, 1])
    np.testing.assert_allclose((unit**2).sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(unit.mean(axis=0), 0.0, atol=0.015)
    np.testing.assert_allclose(unit.T @ unit / len(unit), np.eye(3) / 3.0, atol=0.01)


def test_number_and_mass_follow_the_mass_function(many):
    def rate(ln_ratio):
        return 0.03 * np.exp(-0.82 * ln_ratio - 50.0 * np.exp(4.0 * ln_ratio))

    boosts = np.array([np.exp(0.35 * t.deviates["disturbance"]) for t, _ in many])
    numbers = np.array([len(s.galaxies.mass_msun) for _, s in many])
    mean = quad(rate, np.log(1e-4), np.log(0.25))[0]
    assert 50 < mean < 80
    assert numbers.sum() == pytest.approx(mean * boosts.sum(), abs=4.0 * np.sqrt(mean * boosts.sum()))
    # About 0.067 of the mass inside R200: 85 per cent of what there is, boosted by disturbance.
    shares = np.array([s.inner_mass_msun / t.m200c_msun for t, s in many])
    assert shares.mean() == pytest.approx(0.067, abs=0.008)
    assert np.corrcoef(boosts, shares)[0, 1] > 0.2


def test_subhaloes_are_bodies_that_fit(many):
    for traits, found in many[:100]:
        dark = found.dark
        for values in (dark.mass_msun, dark.core_mpc, found.gas.mass_msun, found.galaxies.mass_msun):
            assert (values > 0.0).all()
        assert (dark.core_mpc < dark.truncation_mpc).all()
        assert (dark.truncation_mpc < dark.edge_mpc).all()
        assert len(found.gas.mass_msun) <= 12
        radius = np.linalg.norm(dark.position_mpc / traits.dark_axes, axis=1) / traits.r200c_mpc
        assert radius.min() > 0.029
        assert radius.max() < 1.601
        total = dark.mass_msun.sum() + found.gas.mass_msun.sum() + found.galaxies.mass_msun.sum()
        assert total / traits.m200c_msun < 0.6


def test_subhaloes_lie_along_the_long_axis(many):
    places = np.concatenate([s.dark.position_mpc / t.r200c_mpc for t, s in many])
    spread = (places**2).mean(axis=0)
    assert spread[0] > 1.5 * spread[2]


def test_more_subhaloes_change_no_earlier_one():
    traits = draw_traits(SETTINGS, 3, 5)
    rich = PHYSICS.model_copy(update={"subhalo_abundance": 0.06})
    few, more = draw_subhaloes(PHYSICS, traits, 0.0, 3, 5), draw_subhaloes(rich, traits, 0.0, 3, 5)
    n = len(few.dark.mass_msun)
    assert len(more.dark.mass_msun) > n
    assert np.array_equal(more.dark.position_mpc[:n], few.dark.position_mpc)
    assert np.array_equal(more.galaxies.mass_msun[:n], few.galaxies.mass_msun)


def test_no_subhaloes_when_switched_off():
    traits = draw_traits(SETTINGS, 3, 5)
    off = draw_subhaloes(PHYSICS.model_copy(update={"with_substructure": False}), traits, 0.0, 3, 5)
    assert off.inner_mass_msun == 0.0
    assert len(off.dark.mass_msun) == len(off.gas.mass_msun) == len(off.galaxies.mass_msun) == 0


def test_a_clump_has_its_dpie_mass_inside_spheres_around_itself_and_others():
    clump = DarkClumps(
        np.array([[0.8, 0.0, 0.0]]), np.array([3.0]), np.array([0.02]), np.array([0.2]), np.array([0.8])
    )
    found = dark_clumps_inside(clump, 2.0)  # in units of 2 Mpc

    def density(r):
        return 1.0 / ((0.02**2 + r * r) * (0.2**2 + r * r))

    def inside(radius):
        """Exact: shells of radius r, weighted with the cap that the sphere cuts out."""

        def cap(r):
            return np.clip((radius**2 - (0.8 - r) ** 2) / (4.0 * 0.8 * r), 0.0, 1.0)

        pieces = {"limit": 400, "points": sorted({min(abs(radius - 0.8), 0.79), 0.02, 0.2})}
        return quad(lambda r: r * r * density(r) * cap(r), 1e-6, 0.8, **pieces)[0]

    norm = quad(lambda r: r * r * density(r), 0.0, 0.8, limit=400, points=[0.02, 0.2])[0]
    for radius in (0.5, 0.7, 0.9, 1.2, 1.5):
        expected = 3.0 * inside(radius) / norm
        assert value_at(found, radius / 2.0) == pytest.approx(expected, abs=0.02)
    assert found[-1] == pytest.approx(3.0)


def test_a_merging_halo_has_its_mass_inside_spheres():
    halo = MergingHalo(np.array([0.0, 0.6, 0.0]), 5.0, 0.5, 4.0)
    found = merging_halo_inside(halo, 1.0)
    rng = np.random.default_rng(2)
    # Radii drawn by inversion from NFW / (1 + (r / 1.2 R)^6).
    r = np.geomspace(1e-5, 6.0, 20_000)
    mass = np.concatenate([[0.0], np.cumsum(np.diff(r) * (r / (1 + 4 * r) ** 2 / (1 + (r / 1.2) ** 6))[1:])])
    radius = 0.5 * np.interp(rng.random(200_000) * mass[-1], mass, r)
    unit = rng.normal(size=(200_000, 3))
    place = radius[:, None] * unit / np.linalg.norm(unit, axis=1)[:, None] + halo.position_mpc
    distance = np.linalg.norm(place, axis=1)
    for x in (0.2, 0.5, 0.8, 1.1, 2.0):
        assert value_at(found, x) == pytest.approx(5.0 * (distance < x).mean(), abs=0.02)
    assert found[-1] == pytest.approx(5.0)


def test_mergers_are_as_frequent_as_disturbance_says():
    pairs = [merger_of(PHYSICS, i) for i in range(3000)]
    there = np.array([merger is not None for _, merger in pairs])
    chance = np.array([1.0 / (1.0 + np.exp(1.3 - 0.9 * t.deviates["disturbance"])) for t, _ in pairs])
    assert there.sum() == pytest.approx(chance.sum(), abs=4.0 * np.sqrt((chance * (1.0 - chance)).sum()))
    assert there.mean() == pytest.approx(0.25, abs=0.03)
    assert chance[there].mean() > 1.2 * chance[~there].mean()


def test_a_merger_is_a_cluster_that_fits():
    found = [pair for pair in (merger_of(PHYSICS, i) for i in range(300)) if pair[1] is not None]
    assert len(found) > 40
    for traits, merger in found:
        assert 0.08 <= merger.mass_ratio <= 0.8
        assert merger.mass_msun == pytest.approx(
            merger.mass_ratio / (1 + merger.mass_ratio) * traits.m200c_msun
        )
        assert 0.12 <= merger.distance_mpc / traits.r200c_mpc <= 1.22
        assert np.linalg.norm(merger.halo.position_mpc) == pytest.approx(merger.distance_mpc)
        lag = np.linalg.norm(merger.gas.position_mpc[0] - merger.halo.position_mpc) / traits.r200c_mpc
        assert 0.0 < lag < 0.3
        assert 0.04 < merger.gas.mass_msun[0] / merger.mass_msun < 0.12
        stars = 5e11 * np.sqrt(merger.mass_ratio) + merger.satellites.mass_msun.sum()
        total = merger.halo.mass_msun + merger.gas.mass_msun[0] + stars
        assert total == pytest.approx(merger.mass_msun, rel=1e-9)
        assert len(merger.satellites.mass_msun) == int(25 * merger.mass_ratio)


def test_gas_lags_more_on_the_way_out():
    found = [pair[1] for pair in (merger_of(PHYSICS, i) for i in range(1200)) if pair[1] is not None]
    offset = [m.gas.position_mpc[0] - m.halo.position_mpc for m in found]
    # Moving out, gas lags inwards; coming in, it lags outwards.
    outwards = np.array([d @ m.halo.position_mpc for d, m in zip(offset, found, strict=True)])
    lag = np.linalg.norm(offset, axis=1)
    assert 0.4 < (outwards < 0.0).mean() < 0.6
    assert np.median(lag[outwards < 0.0]) > 2.0 * np.median(lag[outwards > 0.0])


def test_no_merger_when_switched_off():
    off = PHYSICS.model_copy(update={"with_mergers": False})
    assert all(merger_of(off, i)[1] is None for i in range(50))


def test_the_halo_of_a_merger_is_round_the_table_of_the_radial_grid():
    assert X[0] < 1e-3
    assert X[-1] > 25.0
