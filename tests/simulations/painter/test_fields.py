"""The slow reference: closed forms, exact overlaps, and what each part does to the gas."""

import numpy as np
import plain_anatomy as plain
import pytest

from zwicky.core.errors import ConfigError
from zwicky.simulations.painter.measuring import fields

POINTS = np.random.default_rng(5).normal(0.0, 0.6, (400, 3))


def test_electrons_per_mass():
    """By hand: 1 Msun of gas in 1 Mpc^3 has 1.9885e33 g / (1.1364 x 1.6726e-24 g) electrons in 2.938e73 cm^3."""
    by_hand = 1.98841e33 / (2.0 / 1.76 * 1.67262e-24) / 3.0856776e24**3
    assert by_hand == pytest.approx(fields.ELECTRONS_CM3_PER_MSUN_MPC3, rel=1e-4)


def test_the_gas_of_a_host_alone_is_its_table():
    gas = fields.gas_at(plain.anatomy(), POINTS)
    r = np.linalg.norm(POINTS, axis=1)
    assert gas.density_msun_mpc3 == pytest.approx(plain.beta_gas(r), rel=1e-4)
    assert gas.temperature_kev == pytest.approx(5.0)
    assert gas.electron_pressure_kev_cm3 == pytest.approx(5.0 * gas.electron_density_cm3)


def test_axes_stretch_the_surfaces_of_equal_density():
    axes = np.array([2.0, 1.0, 0.5])
    gas = fields.gas_at(plain.anatomy(host=plain.host(axes=axes)), np.diag(axes) * 0.3)
    assert gas.density_msun_mpc3 == pytest.approx(plain.beta_gas(0.3), rel=1e-4)


def test_sloshing_keeps_the_pressure():
    still, sloshed = (
        fields.gas_at(plain.anatomy(core=plain.quiet_core(slosh_amplitude=a, slosh_mpc=0.4)), POINTS)
        for a in (0.0, 0.2)
    )
    ratio = sloshed.electron_density_cm3 / still.electron_density_cm3
    assert 1.02 < ratio.max() <= np.exp(0.2)
    assert np.exp(-0.2) <= ratio.min() < 0.98
    assert sloshed.electron_pressure_kev_cm3 == pytest.approx(still.electron_pressure_kev_cm3)


def test_the_sloshing_spiral_at_one_point():
    core = plain.quiet_core(slosh_amplitude=0.2, slosh_mpc=0.1, slosh_phase_rad=0.4)
    point = np.array([[0.05, 0.05, 0.02]])
    q = np.linalg.norm(point)
    expected = 0.2 * np.exp(-((q / 0.1) ** 2)) * np.cos(np.pi / 4 - 0.4 + 3.0 * np.log(q / 0.1 + 0.02))
    density = fields.gas_at(plain.anatomy(core=core), point).density_msun_mpc3
    assert np.log(density / plain.beta_gas(q)) == pytest.approx(expected, abs=1e-4)


def test_a_gas_clump_adds_density_and_pressure():
    centre = np.array([0.5, 0.0, 0.0])
    with_clump = plain.anatomy(gas_clumps=plain.one_gas_clump(centre))
    at_core = fields.gas_at(with_clump, np.array([[0.5, 0.05, 0.0]]))
    shape = (1 - 0.0625 / 16) ** 2 / (2.0 * (1 + 0.0625**2))
    host = plain.beta_gas(np.hypot(0.5, 0.05))
    assert at_core.density_msun_mpc3 == pytest.approx(host + 1e14 * shape, rel=1e-4)
    mixed = (5.0 * host + 2.0 / (1 + 0.5 * 0.0625) * 1e14 * shape) / (host + 1e14 * shape)
    assert at_core.temperature_kev == pytest.approx(mixed, rel=1e-4)
    beyond = fields.gas_at(with_clump, np.array([[0.5, 0.81, 0.0]]))
    assert beyond.temperature_kev == pytest.approx(5.0)


def test_cavities_empty_and_the_shock_heats():
    core = plain.quiet_core(
        cavity_position_mpc=np.array([[0.1, 0.0, 0.0]]),
        cavity_radius_mpc=np.array([0.03]),
        shock_strength=0.5,
        shock_position_mpc=np.array([0.0, 0.6, 0.0]),
        shock_radius_mpc=0.02,
    )
    points = np.array([[0.12, 0.0, 0.0], [0.14, 0.0, 0.0], [0.0, 0.6, 0.0]])
    gas = fields.gas_at(plain.anatomy(core=core), points)
    ratio = gas.density_msun_mpc3 / plain.beta_gas(np.linalg.norm(points, axis=1))
    assert ratio == pytest.approx([0.15, 1.0, 1.2], rel=1e-4)
    assert gas.temperature_kev == pytest.approx([5.0, 5.0, 7.5])


def test_a_filament_lies_on_one_side_and_keeps_out_of_the_centre():
    thread = plain.one_filament()
    bare, threaded = plain.anatomy(), plain.anatomy(filaments=thread)
    points = np.array([[3.0, 0.0, 0.0], [-3.0, 0.0, 0.0], [3.0, 0.4, 0.0], [1e-3, 0.0, 0.0]])
    gas, dark = (
        at(threaded, points) - at(bare, points)
        for at in (lambda a, x: fields.gas_at(a, x).density_msun_mpc3, fields.dark_density_at)
    )
    hole = np.array([9.0 / 10.0, 1.0, 9.16 / 10.16])
    shape = [hole[0] / 2.0, 0.0, hole[2] / 3.0 / 2.0, 0.0]
    assert gas == pytest.approx(1e12 * np.array(shape), rel=1e-4, abs=1e7)
    assert dark == pytest.approx(5e12 * np.array(shape), rel=1e-4, abs=1e8)


@pytest.mark.parametrize("where", [0.3, 0.9, 1.05, 2.0])
def test_bodies_by_shells_agree_with_points(where):
    """Exact overlaps against a Monte-Carlo ball of points round the body."""
    place = where * np.array([0.6, 0.48, 0.64])
    rng = np.random.default_rng(3)
    for body, change, reach, n in (
        ("dark_clumps", plain.one_dark_clump(place), 0.4, 1e13),
        ("merging_halo", plain.one_halo(place), 4.8, 1e14),
    ):
        made = plain.anatomy(**{body: change})
        radius = reach * rng.random(60_000)  # dr, so that the cusp is well sampled
        unit = rng.normal(size=(len(radius), 3))
        offset = unit / np.linalg.norm(unit, axis=1)[:, None] * radius[:, None]
        points = place + offset
        density = fields.dark_density_at(made, points) - fields.dark_density_at(plain.anatomy(), points)
        weight = density * 4.0 * np.pi * radius**2 * reach / len(radius)
        inside = np.linalg.norm(points, axis=1) < 1.0
        assert weight.sum() == pytest.approx(n, rel=0.03)
        added = fields.mass_inside(made, 1.0, "dark") - fields.mass_inside(plain.anatomy(), 1.0, "dark")
        assert added == pytest.approx(weight[inside].sum(), abs=0.03 * n)


def test_masses_have_their_closed_forms():
    """r^-2 dark matter and stars: 4 pi A R; the beta model: 4 pi rho core^3 (x - atan x); the mean: its volume."""
    made = plain.anatomy()
    mean = fields.mean_density_msun_mpc3(made)
    volume = 4.0 / 3.0 * np.pi * 0.8**3
    assert fields.mass_inside(made, 0.8, "dark") == pytest.approx(
        4e14 * np.pi * 0.8 + mean["dark"] * volume, rel=3e-4
    )
    assert fields.mass_inside(made, 0.8, "stars") == pytest.approx(4e12 * np.pi * 0.8, rel=3e-4)
    x = 0.8 / 0.15
    gas = 4e14 * np.pi * 0.15**3 * (x - np.arctan(x)) + mean["gas"] * volume
    assert fields.mass_inside(made, 0.8, "gas") == pytest.approx(gas, rel=3e-4)
    assert fields.mass_inside(made, 0.8, "total") == pytest.approx(
        sum(fields.mass_inside(made, 0.8, part) for part in ("dark", "gas", "stars"))
    )
    matter = made.cosmology.mean_density_msun_mpc3(made.redshift)
    assert sum(mean.values()) == pytest.approx(matter)
    assert mean["gas"] == pytest.approx(0.16 * matter)


def test_galaxies_are_gaussians():
    made = plain.anatomy(galaxies=plain.one_galaxy([0.5, 0.0, 0.0]))
    there = np.array([[0.5, 0.0, 0.0], [0.5, 0.012, 0.0]])
    added = fields.star_density_at(made, there) - fields.star_density_at(plain.anatomy(), there)
    peak = 1e11 / (2.0 * np.pi * 0.012**2) ** 1.5
    assert added == pytest.approx([peak, peak * np.exp(-0.5)], rel=1e-4)
    shares = [fields.galaxies_inside(made, radius) / 1e11 for radius in (0.3, 0.5, 0.512, 0.9)]
    assert shares == pytest.approx([0.0, 0.5, 0.8413, 1.0], abs=1e-4)


def test_shell_points_integrate_the_sphere():
    position, volume = fields.shell_points(1e-3, 2.0, n_radii=24, n_directions=50)
    r2 = (position**2).sum(axis=1)
    assert volume.sum() == pytest.approx(4.0 / 3.0 * np.pi * 8.0, rel=1e-6)
    assert volume @ r2 == pytest.approx(4.0 / 5.0 * np.pi * 32.0, rel=1e-6)
    assert volume @ position**2 == pytest.approx(np.full(3, volume @ r2 / 3.0), rel=2e-3)


def test_an_unknown_component_is_refused():
    with pytest.raises(ConfigError, match="no such component"):
        fields.mass_inside(plain.anatomy(), 1.0, "neutrinos")
