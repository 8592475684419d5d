"""Whole clusters: they weigh what the label says, hold the gas and stars that were drawn, and never change."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from zwicky.simulations.painter.drawing.draw import draw, label
from zwicky.simulations.painter.measuring.fields import mass_inside
from zwicky.simulations.painter.settings import PainterSettings

SETTINGS = PainterSettings(preset="hyper", pressure="hse")
PRESETS = ("gadgetx", "gizmo", "hyper", "illustris", "spherical_a10")


def leaves(record, name="anatomy"):
    """Yield name and value of everything in a nested record."""
    if is_dataclass(record):
        for field in fields(record):
            yield from leaves(getattr(record, field.name), f"{name}.{field.name}")
    elif isinstance(record, dict):
        for key, value in record.items():
            yield f"{name}.{key}", value
    else:
        yield name, record


def same(one, other):
    pairs = zip(leaves(one), leaves(other), strict=True)
    return all(np.array_equal(a, b) for (_, a), (_, b) in pairs)


@pytest.fixture(scope="module")
def some():
    """Sixteen clusters with everything in them."""
    return [draw(SETTINGS, 1, index) for index in range(16)]


def test_a_cluster_depends_on_nothing_but_its_arguments(some):
    for index in (11, 2, 7):
        assert same(draw(SETTINGS, 1, index), some[index])
    assert same(draw(PainterSettings(preset="hyper", pressure="hse"), 1, 2), some[2])
    assert not same(draw(SETTINGS, 2, 2), some[2])


@pytest.fixture(scope="module")
def weighed(some):
    """Clusters with what an independent quadrature of their parts finds inside R200, and inside R500 by component."""
    rows = []
    for anatomy in (some[i] for i in (1, 2, 6, 8, 9, 11, 13)):
        inside = {part: mass_inside(anatomy, anatomy.r500c_mpc, part) for part in ("dark", "gas", "stars")}
        rows.append((anatomy, mass_inside(anatomy, anatomy.r200c_mpc, "total"), inside))
    return rows


def test_the_label_is_the_mass_of_all_that_is_there(weighed):
    assert sum(a.merging_halo is not None for a, _, _ in weighed) > 2
    assert any(len(a.core.cavity_radius_mpc) for a, _, _ in weighed)
    errors = [total / anatomy.m200c_msun - 1.0 for anatomy, total, _ in weighed]
    assert abs(np.mean(errors)) < 5e-4
    assert np.max(np.abs(errors)) < 3e-3
    # A control: without its clumps a cluster would be light.
    bare = [(total - a.dark_clumps.mass_msun.sum()) / a.m200c_msun for a, total, _ in weighed]
    assert np.mean(bare) < 0.97


def test_the_fractions_inside_r500_are_those_drawn(weighed):
    for anatomy, _, inside in weighed:
        m500, drawn = anatomy.m500c_msun, anatomy.properties
        assert sum(inside.values()) == pytest.approx(m500, rel=4e-3)
        assert inside["gas"] / m500 == pytest.approx(drawn["gas_fraction_500"], rel=3e-3)
        assert inside["stars"] / m500 == pytest.approx(drawn["star_fraction_500"], rel=5e-3)


def test_label_and_draw_agree_and_spheres_are_consistent(some):
    for index, anatomy in enumerate(some):
        assert (anatomy.m200c_msun, anatomy.redshift) == label(SETTINGS, 1, index)
        density = anatomy.cosmology.critical_density_msun_mpc3(anatomy.redshift) * 4.0 * np.pi / 3.0
        assert anatomy.m200c_msun == pytest.approx(200.0 * density * anatomy.r200c_mpc**3)
        assert anatomy.m500c_msun == pytest.approx(500.0 * density * anatomy.r500c_mpc**3)
        assert 0.45 < anatomy.m500c_msun / anatomy.m200c_msun < 0.9


@pytest.mark.parametrize("preset", PRESETS)
def test_the_fractions_follow_the_law_of_the_preset(preset):
    settings = PainterSettings(preset=preset)
    physics = settings.cluster_physics
    for law, name in (
        (physics.gas_fraction, "gas_fraction_500"),
        (physics.star_fraction, "star_fraction_500"),
    ):
        residual = []
        for index in range(80):
            anatomy = draw(settings, 6, index)
            log10_m500c = np.log10(anatomy.m500c_msun)
            sigma = np.log(law.at(log10_m500c, 1.0) / law.at(log10_m500c, 0.0))
            residual.append(np.log(anatomy.properties[name] / law.at(log10_m500c, 0.0)) / sigma)
        assert np.mean(residual) == pytest.approx(0.0, abs=0.4)
        assert np.std(residual) == pytest.approx(1.0, abs=0.28)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("log10_mass", "redshift"), [(13.0, 0.05), (13.7, 1.5), (15.3, 0.05), (15.5, 1.0)])
def test_everything_is_finite_and_positive(preset, log10_mass, redshift):
    settings = PainterSettings(
        preset=preset, log10_m200c_range=(log10_mass, log10_mass), redshift_edges=(redshift, redshift)
    )
    for index in range(5):
        anatomy = draw(settings, 9, index)
        for name, value in leaves(anatomy):
            if isinstance(value, float | np.ndarray):
                assert np.isfinite(value).all(), name
            if name.rsplit("_", 1)[-1] in {"msun", "density", "kev"} or name.endswith("axes"):
                assert (np.asarray(value) > 0.0).all(), name
        assert anatomy.host.dark_axes.prod() == pytest.approx(1.0)
        assert anatomy.host.gas_axes.prod() == pytest.approx(1.0)
        assert anatomy.host.star_axes.prod() == pytest.approx(1.0)


def test_gas_is_rounder_and_stars_are_longer_than_the_dark_matter(some):
    for anatomy in some:
        dark, gas, stars = (np.ptp(np.log(axes)) for axes in (
            anatomy.host.dark_axes, anatomy.host.gas_axes, anatomy.host.star_axes
        ))  # fmt: skip
        assert gas == pytest.approx(0.45 * dark)
        assert stars == pytest.approx(1.1 * dark)


def without(**changes):
    return PainterSettings(preset="hyper", pressure="hse", physics=changes)


def test_a_switch_changes_no_random_number_of_another(some):
    def fixed(anatomy):
        """What does not depend on the size that the cluster gets in the end."""
        unit = anatomy.host.radius_mpc[0]
        halo = np.zeros(3) if anatomy.merging_halo is None else anatomy.merging_halo.position_mpc / unit
        return {
            "traits": (anatomy.properties["concentration"], anatomy.properties["core_state"]),
            "filaments": anatomy.filaments.direction,
            "merger": halo,
            "cavities": anatomy.core.cavity_position_mpc / unit,
            "neighbour": anatomy.dark_clumps.position_mpc[-1] / unit,
        }

    index = next(i for i, a in enumerate(some) if a.merging_halo is not None)
    full = fixed(some[index])
    without_subhaloes = fixed(draw(without(with_substructure=False), 1, index))
    without_merger = fixed(draw(without(with_mergers=False), 1, index))
    without_surroundings = fixed(draw(without(with_environment=False), 1, index))
    for name in full:
        np.testing.assert_allclose(without_subhaloes[name], full[name], rtol=1e-10)
    for name in ("traits", "filaments", "cavities", "neighbour"):
        np.testing.assert_allclose(without_merger[name], full[name], rtol=1e-10)
    for name in ("traits", "merger", "cavities"):
        np.testing.assert_allclose(without_surroundings[name], full[name], rtol=1e-10)
    assert not without_merger["merger"].any()


def test_everything_off_is_a_round_cluster_with_nothing_in_it():
    anatomy = draw(PainterSettings(preset="spherical_a10"), 1, 0)
    assert np.array_equal(anatomy.host.gas_axes, np.ones(3))
    assert anatomy.merging_halo is None
    for part in (anatomy.dark_clumps.mass_msun, anatomy.gas_clumps.density, anatomy.galaxies.mass_msun):
        assert len(part) == 0
    assert len(anatomy.filaments.direction) == 0
    for name in ("merger_mass_ratio", "merger_distance_mpc", "subhalo_fraction"):
        assert anatomy.properties[name] == 0.0


def test_clusters_of_any_mass_are_alike_in_their_own_units():
    """Without laws that know a mass, a cluster a hundred times lighter is the same one, smaller."""
    law = {"log10_m500c": [13.0, 15.0], "sigma_ln": [0.1, 0.1]}
    physics = {
        "with_environment": False,  # the mass function knows masses
        "with_substructure": False,  # so do galaxies and their gas
        "with_mergers": False,
        "sigma_ln_concentration": 0.0,
        "axis_ratio_slope": 0.0,
        "bcg_slope": 1.0,
        "gas_fraction": {**law, "median": [0.1, 0.1]},
        "star_fraction": {**law, "median": [0.015, 0.015]},
    }
    small, large = (
        draw(PainterSettings(preset="hyper", pressure="hse", log10_m200c_range=(m, m), physics=physics), 1, 4)
        for m in (14.6, 14.7)
    )
    ratio = large.r200c_mpc / small.r200c_mpc
    assert ratio == pytest.approx(10.0 ** (0.1 / 3.0))
    x = np.geomspace(0.02, 1.0, 30)

    def at(anatomy, table):
        return np.exp(
            np.interp(np.log(x), np.log(anatomy.host.radius_mpc / anatomy.r200c_mpc), np.log(table))
        )

    # Concentration and the splashback radius still know the mass a little.
    np.testing.assert_allclose(
        at(large, large.host.gas_density), at(small, small.host.gas_density), rtol=0.02
    )
    kev = at(large, large.host.temperature_kev) / at(small, small.host.temperature_kev)
    np.testing.assert_allclose(kev, ratio**2, rtol=0.02)
    assert large.core.slosh_mpc / small.core.slosh_mpc == pytest.approx(ratio, rel=0.01)


def test_the_population_is_that_of_the_design():
    design = PainterSettings(preset="hyper", pressure="hse", physics={"concentration_factor": 1.0})
    properties = [draw(design, 12, index).properties for index in range(400)]
    c, subhaloes, ratio = (
        np.array([p[name] for p in properties])
        for name in ("concentration", "subhalo_fraction", "merger_mass_ratio")
    )
    assert np.median(c) == pytest.approx(4.2, abs=0.3)
    assert subhaloes.mean() == pytest.approx(0.064, abs=0.01)
    assert (ratio > 0.0).mean() == pytest.approx(0.25, abs=0.06)
    disturbance = np.array([p["disturbance"] for p in properties])
    core = np.array([p["core_state"] for p in properties])
    assert np.corrcoef(disturbance, np.log(c))[0, 1] == pytest.approx(-0.6, abs=0.1)
    assert np.corrcoef(disturbance, core)[0, 1] == pytest.approx(-0.4, abs=0.12)
