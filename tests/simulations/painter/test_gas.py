"""The gas: densities, temperatures in equilibrium, fluctuations, and clumps that hold their mass."""

import numpy as np
import pytest
from scipy.integrate import quad

from zwicky.physics.constants import Y_PER_KEV_CM3_MPC
from zwicky.physics.gnfw import PROFILES
from zwicky.physics.plasma import ELECTRONS_CM3_PER_MSUN_MPC3, KEV_PER_MSUN2_MPC
from zwicky.physics.sz import y500_sphere_mpc2
from zwicky.simulations.painter.anatomy import CoreDetail, clump_shape
from zwicky.simulations.painter.drawing.draw import draw
from zwicky.simulations.painter.drawing.gas import (
    ClumpGas,
    clumps_of,
    compression_mean,
    core_of,
    draw_core,
    gas_shape,
    nonthermal_share,
    stirring_mean,
    virial_kev,
)
from zwicky.simulations.painter.drawing.mass_model import Measured
from zwicky.simulations.painter.drawing.population import draw_traits
from zwicky.simulations.painter.drawing.radial import LN_X, X, value_at
from zwicky.simulations.painter.measuring.fields import mass_inside
from zwicky.simulations.painter.settings import PainterSettings

SMOOTH = {
    "with_substructure": False,
    "with_mergers": False,
    "with_environment": False,
    "with_fluctuations": False,
    "triaxial": False,
    "scatter": 0.0,
}
HYPER = PainterSettings(preset="hyper", pressure="hse")


def still_core(**changes):
    numbers = {
        "slosh_amplitude": 0.0,
        "slosh_mpc": 0.3,
        "slosh_phase_rad": 0.0,
        "cavity_position_mpc": np.zeros((0, 3)),
        "cavity_radius_mpc": np.zeros(0),
        "shock_position_mpc": np.zeros(3),
        "shock_radius_mpc": 0.3,
        "shock_strength": 0.0,
    }
    return CoreDetail(**{**numbers, **changes})


def test_the_gas_has_its_slopes():
    settings = PainterSettings(preset="hyper", physics={"scatter": 0.0})
    traits = draw_traits(settings, 1, 0)
    slope = np.gradient(np.log(gas_shape(settings.cluster_physics, traits)), LN_X)
    y = X / traits.x500
    assert np.interp(0.02, y, slope) == pytest.approx(-0.55 / 2.0, abs=0.06)
    assert slope[-1] == pytest.approx(-3.0 * 0.62 - 2.6 / 2.0, abs=0.01)
    assert abs(slope[0]) < 0.05  # the cusp ends


def test_cool_cores_are_steep_and_small():
    slopes, cores = [], []
    for index in range(300):
        traits = draw_traits(HYPER, 1, index)
        slope, core = core_of(HYPER.cluster_physics, traits)
        assert 0.0 <= slope <= 2.0
        assert 0.04 <= core <= 0.35
        slopes.append(slope)
        cores.append(core)
    assert np.corrcoef(slopes, np.log(cores))[0, 1] < -0.9
    assert np.median(cores) == pytest.approx(0.15, abs=0.02)


def imbalance(anatomy, share):
    """Median of dP/dr / (-rho G M / r^2) - 1 between 0.15 and 1.2 R500, P the thermal pressure over 1 - share."""
    host = anatomy.host
    r, rho = host.radius_mpc, host.gas_density
    total = rho * host.temperature_kev / (1.0 - share)  # mu m_p P
    slope = np.gradient(np.log(total), np.log(r))
    nodes = np.flatnonzero((r > 0.15 * anatomy.r500c_mpc) & (r < 1.2 * anatomy.r500c_mpc))[::12]
    mass = np.array([mass_inside(anatomy, r[i], "total") for i in nodes])
    weight = KEV_PER_MSUN2_MPC * rho[nodes] * mass / r[nodes]
    return np.median(-slope[nodes] * total[nodes] / weight) - 1.0


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_gas_is_held_by_the_mass_that_is_there(share):
    physics = {**SMOOTH, "nonthermal_fraction": share, "nonthermal_slope": 0.0, "shock_radius": 50.0}
    settings = PainterSettings(
        preset="hyper", pressure="hse", log10_m200c_range=(14.6, 14.6), physics=physics
    )
    anatomy = draw(settings, 1, 0)
    # The warm floor adds one or two per cent.
    assert imbalance(anatomy, share) == pytest.approx(0.0, abs=0.03)
    assert abs(imbalance(anatomy, 0.3 - share)) > 0.2


def test_the_non_thermal_share_grows_outwards():
    traits = draw_traits(HYPER, 1, 0)
    anatomy = draw(HYPER, 1, 0)
    measured = Measured(1.0, 0.65, 1.0, 0.65, 1e14, 0.1, 0.01)
    share = nonthermal_share(HYPER.cluster_physics, traits, measured)
    amplitude = anatomy.properties["nonthermal_fraction_500"]
    assert amplitude == pytest.approx(0.14 * np.exp(0.35 * traits.deviates["nonthermal"]))
    assert np.interp(0.65, X, share) == pytest.approx(amplitude, rel=1e-3)
    assert np.interp(0.3, X, share) == pytest.approx(amplitude * (0.3 / 0.65) ** 0.8, rel=1e-3)
    assert share[-1] == 0.55


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("log10_mass", [13.8, 14.9])
@pytest.mark.parametrize("redshift", [0.05, 0.8])
def test_mean_profiles_give_the_published_y(name, log10_mass, redshift):
    settings = PainterSettings(
        preset="hyper",
        pressure=name,
        log10_m200c_range=(log10_mass, log10_mass),
        redshift_edges=(redshift, redshift),
        physics=SMOOTH,
    )
    anatomy = draw(settings, 1, 0)
    r, host = anatomy.host.radius_mpc, anatomy.host
    pressure = host.gas_density * ELECTRONS_CM3_PER_MSUN_MPC3 * host.temperature_kev
    nodes = np.geomspace(1e-3, 1.0, 400) * anatomy.r500c_mpc
    values = np.exp(np.interp(np.log(nodes), np.log(r), np.log(pressure)))
    y = Y_PER_KEV_CM3_MPC * np.trapezoid(4.0 * np.pi * nodes**2 * values, nodes)
    expected = y500_sphere_mpc2(anatomy.m500c_msun, redshift, anatomy.cosmology, PROFILES[name])
    assert y == pytest.approx(expected, rel=0.01)


def test_the_amplitude_of_the_pressure_scatters_alone():
    def temperature(index, sigma):
        settings = PainterSettings(preset="spherical_a10", physics={"sigma_ln_y": sigma})
        anatomy = draw(settings, 2, index)
        return anatomy.host.temperature_kev[200], anatomy.properties["ln_y_scatter"]

    shifts = []
    for index in range(120):
        with_scatter, shift = temperature(index, 0.2)
        shifts.append(shift)
        if index < 5:
            assert with_scatter == pytest.approx(temperature(index, 0.0)[0] * np.exp(shift))
    assert np.std(shifts) == pytest.approx(0.2, abs=0.05)


def test_fluctuations_begin_where_they_may_and_end_with_the_switch():
    anatomy = draw(HYPER, 1, 4)
    r = anatomy.host.radius_mpc / anatomy.r200c_mpc
    environment, turbulence = anatomy.host.ln_environment_rms, anatomy.host.ln_density_rms
    assert (environment[r < 0.8] == 0.0).all()
    assert np.interp(1.8, r, environment) == pytest.approx(0.275, abs=0.01)
    assert environment[-1] == pytest.approx(0.55)
    at_r500 = anatomy.host.radius_mpc / anatomy.r500c_mpc
    assert (np.diff(turbulence[at_r500 < 2.5]) >= 0.0).all()
    assert (np.diff(turbulence[at_r500 > 2.5]) <= 0.0).all()
    assert np.array_equal(
        turbulence > 0.0, at_r500 < 4.0
    )  # beyond the accretion shock there is no gas to stir
    assert 0.05 <= turbulence[0] < turbulence.max() <= 0.6
    off = draw(PainterSettings(preset="hyper", physics={"with_fluctuations": False}), 1, 4)
    for values in (off.host.ln_density_rms, off.host.ln_environment_rms, off.core.cavity_radius_mpc):
        assert not values.any()
    assert off.core.slosh_amplitude == 0.0


def test_cavities_sit_in_half_of_the_steep_cores():
    physics = HYPER.cluster_physics
    steep, hollow = 0, 0
    for index in range(400):
        traits = draw_traits(HYPER, 1, index)
        core = draw_core(physics, traits, 1, index)
        cavities = len(core.cavity_radius_mpc)
        assert cavities in (0, 2)
        assert 0.0 < core.slosh_amplitude < 0.22
        assert core.shock_strength == 0.0
        if core_of(physics, traits)[0] > 0.7:
            steep += 1
            hollow += cavities > 0
        else:
            assert cavities == 0
    assert hollow / steep == pytest.approx(0.5, abs=0.15)


def test_a_second_core_shocks_the_gas_between():
    physics, traits = HYPER.cluster_physics, draw_traits(HYPER, 1, 1)
    place = np.array([0.5, 0.0, 0.0]) * traits.r200c_mpc
    core = draw_core(physics, traits, 1, 1, place, 0.8)
    assert core.shock_strength == pytest.approx(0.4 * np.exp(-0.5))
    np.testing.assert_allclose(core.shock_position_mpc, 0.5 * place)
    assert core.shock_radius_mpc == pytest.approx(0.175 * traits.r200c_mpc)
    assert draw_core(physics, traits, 1, 1, 3.0 * place, 0.8).shock_strength == 0.0


def test_mean_compression_is_the_mean_over_a_shell():
    core = still_core(shock_strength=0.5, shock_position_mpc=np.array([0.4, 0.0, 0.0]), shock_radius_mpc=0.25)
    rng = np.random.default_rng(3)
    unit = rng.normal(size=(200_000, 3))
    unit /= np.linalg.norm(unit, axis=1)[:, None]
    radius = np.array([0.01, 0.3, 0.4, 0.9])
    found = compression_mean(core, radius, 0.4)
    for r, value in zip(radius, found, strict=True):
        r2 = ((r * unit - core.shock_position_mpc) ** 2).sum(axis=1)
        assert value == pytest.approx(1.0 + 0.4 * 0.5 * np.exp(-0.5 * r2 / 0.25**2).mean(), abs=5e-4)
    assert compression_mean(core, np.array([0.3]), 0.0) == pytest.approx(1.0 + 0.2 * np.exp(-0.72), abs=1e-6)


def test_mean_stirring_is_the_mean_over_a_shell():
    cavity = np.array([[0.05, 0.02, 0.01], [-0.05, -0.02, -0.01]])
    core = still_core(slosh_amplitude=0.2, cavity_position_mpc=cavity, cavity_radius_mpc=np.full(2, 0.035))
    rng = np.random.default_rng(5)
    unit = rng.normal(size=(400_000, 3))
    unit /= np.linalg.norm(unit, axis=1)[:, None]
    for r, value in zip((0.03, 0.05, 0.2), stirring_mean(core, np.array([0.03, 0.05, 0.2])), strict=True):
        place = r * unit
        x = r / 0.3
        azimuth = np.arctan2(place[:, 1], place[:, 0])
        stirred = np.exp(0.2 * np.exp(-(x**2)) * np.cos(azimuth + 3.0 * np.log(x + 0.02)))
        for centre in cavity:
            stirred *= np.where(((place - centre) ** 2).sum(axis=1) < 0.035**2, 0.15, 1.0)
        assert value == pytest.approx(stirred.mean(), abs=4e-3)


def test_clumps_hold_their_mass():
    rng = np.random.default_rng(6)
    gas = ClumpGas(
        rng.normal(size=(4, 3)), np.array([1.0, 2.0, 3.0, 4.0]), np.full(4, 0.05), np.full(4, 0.3), np.ones(4)
    )
    clumps, inside = clumps_of([gas], still_core(), 2.0)
    for i in range(4):
        ratio = (clumps.truncation_mpc[i] / clumps.core_mpc[i]) ** 2
        mass = quad(
            lambda r, k=ratio: 4 * np.pi * r * r * clump_shape((r / 0.3) ** 2, k), 0.0, 1.2, limit=200
        )[0]
        assert clumps.density[i] * mass == pytest.approx(gas.mass_msun[i], rel=1e-3)
    assert inside[-1] == pytest.approx(10.0)


def test_clumps_near_a_shock_are_compressed():
    gas = ClumpGas(np.array([[0.6, 0.0, 0.0]]), np.ones(1), np.array([0.05]), np.array([0.2]), np.ones(1))
    shocked = still_core(
        shock_strength=0.5, shock_position_mpc=np.array([0.5, 0.0, 0.0]), shock_radius_mpc=0.3
    )
    clumps, inside = clumps_of([gas], shocked, 1.0)
    still, quiet = clumps_of([gas], still_core(), 1.0)
    assert np.array_equal(clumps.density, still.density)  # the density is that before the shock
    rng = np.random.default_rng(7)
    place = rng.uniform(-0.8, 0.8, size=(400_000, 3))
    weight = clump_shape((place**2).sum(axis=1) / 0.04, 16.0)
    r2 = ((place - [-0.1, 0.0, 0.0]) ** 2).sum(axis=1)
    expected = np.average(1.0 + 0.2 * np.exp(-0.5 * r2 / 0.09), weights=weight)
    assert inside[-1] / quiet[-1] == pytest.approx(expected, rel=5e-3)
    assert value_at(inside, 0.3) < value_at(inside, 0.9)


def test_virial_temperatures_grow_as_the_mass_to_two_thirds():
    kev = virial_kev(np.array([1e13, 1e14, 1e15]), 1.3e11)
    np.testing.assert_allclose(kev[1:] / kev[:-1], 10.0 ** (2.0 / 3.0))
    assert 4.0 < kev[2] < 6.0
