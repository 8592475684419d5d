"""Painted clusters of the presets gadgetx and gizmo have the gas, stars and concentrations of The Three Hundred."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import ConfigError
from zwicky.core.masses import M200C, M500C, Mass
from zwicky.physics.masses import concentration, convert
from zwicky.simulations.painter.drawing.draw import draw
from zwicky.simulations.painter.drawing.radial import X
from zwicky.simulations.painter.measuring.fields import mass_inside
from zwicky.simulations.painter.measuring.total_mass import total_mass_msun
from zwicky.simulations.painter.settings import (
    PainterPhysics,
    PainterSettings,
    correlation_matrix,
    read_preset,
)

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "tools"))

import fit_the300  # noqa: E402  (tools is no package: its folder has to be on the path first)
import the300_painted  # noqa: E402
import the300_tables  # noqa: E402

PRESETS = ("gadgetx", "gizmo")
FRACTIONS = ("gas_fraction", "star_fraction")
MEDIAN_TOLERANCE, SCATTER_TOLERANCE = 0.05, 0.20
CLUSTERS = 8000  # some 800 in each bin: the median of the widest is known to 2 %, scatters to 4 %
SEED = 302  # that of no fit


@pytest.fixture(scope="module")
def tables(real_data):
    folder = real_data / "the300"
    if not folder.is_dir():
        pytest.skip(f"no halo tables of The Three Hundred at {folder}")
    return folder


@pytest.fixture(scope="module")
def painted():
    """Painted clusters, drawn when first asked for."""
    found = {}

    def of(preset):
        if preset not in found:
            found[preset] = the300_painted.paint(preset, CLUSTERS, seed=SEED)
        return found[preset]

    return of


def differences(haloes, others, name):
    """Return (median, scatter) of others over those of haloes, minus 1, in each bin that counts."""
    pairs = zip(
        the300_tables.binned(haloes.log10_m500c, getattr(haloes, name)),
        the300_tables.binned(others.log10_m500c, getattr(others, name)),
        strict=True,
    )
    return np.array(
        [
            (other.median / one.median - 1.0, other.scatter / one.scatter - 1.0)
            for one, other in pairs
            if one.number > the300_tables.MIN_HALOES
        ]
    )


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", FRACTIONS)
def test_fractions_are_those_of_the_simulation_in_every_bin_of_mass(preset, name, tables, painted):
    table, ours = the300_tables.read_table(tables, preset), painted(preset)
    assert min(b.number for b in the300_tables.binned(ours.log10_m500c, ours.gas_fraction)) >= 600
    median, scatter = differences(table, ours, name).T
    assert len(median) == {"gadgetx": 9, "gizmo": 8}[preset]
    assert np.abs(median).max() < MEDIAN_TOLERANCE
    assert np.abs(scatter).max() < SCATTER_TOLERANCE


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", FRACTIONS)
def test_the_other_simulation_is_told_apart(name, tables, painted):
    median, scatter = differences(the300_tables.read_table(tables, "gizmo"), painted("gadgetx"), name).T
    assert np.abs(median).max() > 2.0 * MEDIAN_TOLERANCE
    assert np.abs(scatter).max() > SCATTER_TOLERANCE


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_residuals_correlate_as_in_the_simulation(preset, tables, painted):
    table = the300_tables.read_table(tables, preset)
    ours = painted(preset).select(np.arange(0, CLUSTERS, 3))  # enough for correlations, and quicker
    for kind in fit_the300.CORRELATED[preset]:
        wanted = the300_tables.residual_correlations(table, kind)
        np.testing.assert_allclose(the300_tables.residual_correlations(ours, kind), wanted, atol=0.1)
        assert wanted[0] < -0.25  # so that clusters without correlations would fail


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_concentrations_are_those_of_the_simulation(preset, tables, painted):
    target = fit_the300.target_of(tables, preset)
    centre, _ = the300_tables.concentration_offset(painted(preset), fit_the300.CONCENTRATION[preset])
    _, scatter = the300_tables.concentration_offset(painted(preset), "velocity_concentration")
    assert centre == pytest.approx(target.ln_concentration, abs=0.05)
    assert scatter == pytest.approx(target.concentration_scatter, rel=0.15)


@pytest.mark.data
def test_medians_are_near_the_published_ones(tables):
    """The published bins hold subhaloes too, which sit in the gas of their hosts: that shows in gas-poor groups."""
    worst = {}
    for preset in PRESETS:
        table = the300_tables.read_table(tables, preset)
        for name, rows in zip(FRACTIONS, the300_tables.read_published(tables, preset), strict=True):
            edges = np.append(rows[:, 0] - 0.1, rows[-1, 0] + 0.1)
            ours = the300_tables.binned(table.log10_m500c, getattr(table, name), edges)
            ratio = np.array([b.median for b in ours]) / rows[:, 1] - 1.0
            worst[preset, name] = np.abs(ratio[rows[:, 0] > (14.2 if preset == "gizmo" else 13.4)]).max()
    assert worst["gadgetx", "gas_fraction"] < 0.04
    assert worst["gadgetx", "star_fraction"] < 0.02
    assert worst["gizmo", "gas_fraction"] < 0.05
    assert worst["gizmo", "star_fraction"] < 0.05


@pytest.mark.data
@pytest.mark.slow
def test_the_script_prints_a_preset_that_can_be_used(tables):
    script = ROOT / "tools" / "fit_the300.py"
    options = ["--data", tables, "--preset", "gizmo", "--rounds", "1", "--clusters", "300"]
    done = subprocess.run([sys.executable, script, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = done.stdout[done.stdout.index("# Clusters in the manner of") :]
    physics = PainterPhysics(**tomllib.loads(text)["physics"])
    assert physics.star_fraction.log10_m500c == tuple(fit_the300.NODES)


def test_without_tables_the_script_says_what_it_wants(tmp_path):
    with pytest.raises(ConfigError, match="does not hold the halo tables") as error:
        the300_tables.read_table(tmp_path, "gizmo")
    assert "G3X_Mbh_snap_128-with_BH-info.npy" in str(error.value)
    script = ROOT / "tools" / "fit_the300.py"
    done = subprocess.run([sys.executable, script, "--data", tmp_path], capture_output=True, text=True)
    assert done.returncode == 1
    assert "does not hold the halo tables" in done.stderr


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_holds_the_fitted_numbers_and_correlations_that_can_hold_together(preset):
    given = read_preset(preset)["physics"]
    assert given["gas_fraction"]["log10_m500c"] == fit_the300.NODES.tolist()
    matrix = correlation_matrix(given["correlations"])
    assert np.linalg.eigvalsh(matrix)[0] > 0.02
    kept = PainterPhysics().correlations["disturbance"]
    assert given["correlations"]["disturbance"].items() >= kept.items()


@pytest.mark.parametrize("preset", PRESETS)
def test_the_fractions_that_are_fitted_are_those_of_the_finished_cluster(preset):
    """By a quadrature of its parts that shares no code with the balance that made it."""
    settings = PainterSettings(preset=preset, cosmology="multidark", log10_m200c_range=(13.6, 15.3))
    for index in range(4):
        anatomy = draw(settings, 7, index)
        gas, stars, total = (
            mass_inside(anatomy, anatomy.r500c_mpc, part) for part in ("gas", "stars", "total")
        )
        assert total == pytest.approx(anatomy.m500c_msun, rel=2e-3)
        assert gas / total == pytest.approx(anatomy.properties["gas_fraction_500"], rel=5e-3)
        assert stars / total == pytest.approx(anatomy.properties["star_fraction_500"], rel=2e-3)
        mass = total_mass_msun(anatomy)
        for radius in (anatomy.r500c_mpc, 0.3 * anatomy.r500c_mpc):
            ours = np.exp(np.interp(np.log(radius / anatomy.r200c_mpc), np.log(X), np.log(mass)))
            assert ours == pytest.approx(mass_inside(anatomy, radius, "total"), rel=5e-3)


def test_the_mass_concentration_undoes_the_mass_of_an_nfw_halo():
    cosmology = COSMOLOGIES["multidark"]
    mass = Mass(3e14, M200C)
    m500c = convert(mass, M500C, 0.05, cosmology)
    c = concentration(mass, 0.05, cosmology)
    one = the300_tables.Haloes(
        *np.log10([[mass.msun], [m500c.msun]]), np.ones(1), np.ones(1), np.ones(1), redshift=0.05
    )
    assert one.mass_concentration[0] == pytest.approx(c, rel=1e-3)


def haloes(n, correlation, rng):
    """Return log-normal haloes of a known law, one in fifty of them spoilt."""
    log10_m500c = rng.uniform(13.5, 15.3, n)
    gas, other = rng.standard_normal((2, n))
    stars = correlation * gas + np.sqrt(1.0 - correlation**2) * other
    ln_gas = np.log(0.1) + 0.5 * (log10_m500c - 14.0) + 0.2 * gas
    ln_gas[::50] -= 4.0
    return the300_tables.Haloes(
        log10_m200c=log10_m500c + 0.15 + 0.04 * rng.standard_normal(n),
        log10_m500c=log10_m500c,
        gas_fraction=np.exp(ln_gas),
        star_fraction=0.02 * np.exp(0.1 * stars),
        velocity_concentration=4.0 * np.exp(0.3 * rng.standard_normal(n)),
        redshift=0.05,
    )


def test_law_and_correlations_are_found_in_spite_of_outliers():
    rng = np.random.default_rng(1)
    known = haloes(3000, -0.6, rng)
    nodes = np.array([13.5, 14.0, 14.7, 15.3])
    centre, scatter = the300_tables.law(known.log10_m500c, known.gas_fraction, nodes)
    np.testing.assert_allclose(centre, np.log(0.1) + 0.5 * (nodes - 14.0), atol=0.04)
    np.testing.assert_allclose(scatter, 0.2, rtol=0.15)
    assert np.log(known.gas_fraction).std() > 0.5  # what outliers make of the plain standard deviation
    found = the300_tables.residual_correlations(known, "velocity_concentration")
    np.testing.assert_allclose(found, [-0.6, 0.0, 0.0], atol=0.07)
    none = the300_tables.residual_correlations(haloes(3000, 0.0, rng), "velocity_concentration")
    np.testing.assert_allclose(none, 0.0, atol=0.07)


def test_bins_state_number_median_and_half_of_the_central_two_thirds():
    x = np.exp(np.linspace(-1.0, 1.0, 1001))
    first, second = the300_tables.binned(np.full(1001, 14.1), x, np.array([14.0, 14.2, 14.4]))
    assert (first.low, first.number, second.number) == (14.0, 1001, 0)
    assert first.median == pytest.approx(1.0)
    assert first.scatter == pytest.approx(0.68)
    assert np.isnan(second.median)


def test_what_painted_clusters_differ_by_is_taken_back():
    rng = np.random.default_rng(2)
    table = haloes(3000, -0.6, rng)
    target = fit_the300.Target("gadgetx", table, 0.1, 0.3, np.array([-0.6, 0.0, 0.0]))
    fit = fit_the300.first_fit(target)
    heavier = the300_tables.replace(
        table,
        gas_fraction=1.21 * table.gas_fraction,
        star_fraction=0.02 * (table.star_fraction / 0.02) ** 1.44,
    )
    moved = fit_the300.corrected(fit, target, heavier)
    np.testing.assert_allclose(moved.median["gas_fraction"][1:], fit.median["gas_fraction"][1:] / 1.1)
    np.testing.assert_allclose(moved.scatter["star_fraction"][1:], fit.scatter["star_fraction"][1:] / 1.2)
    np.testing.assert_allclose(moved.correlations, fit.correlations, atol=0.07)
    offset, _ = the300_tables.concentration_offset(table, "velocity_concentration")
    assert moved.concentration_factor == pytest.approx(np.exp(0.1 - offset))
