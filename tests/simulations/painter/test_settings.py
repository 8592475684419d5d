"""Settings of the painter: presets, fractions, and what is refused."""

import pickle

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.config import parse
from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import ConfigError, MassError, RedshiftError
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.settings import (
    PRESETS,
    FractionLaw,
    PainterPhysics,
    PainterSettings,
    correlation_matrix,
    read_preset,
)

NAMES = sorted(path.stem for path in PRESETS.glob("*.toml"))


def test_the_presets_are_there():
    assert set(NAMES) == {"gadgetx", "gizmo", "hyper", "illustris", "spherical_a10"}


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_survives_a_round_trip_through_text(name):
    settings = PainterSettings(preset=name)
    again = PainterSettings.model_validate(settings.model_dump(mode="json"))
    assert again == settings == pickle.loads(pickle.dumps(settings))
    assert again.cluster_physics == settings.cluster_physics
    # With all numbers written out, the preset adds nothing.
    explicit = PainterSettings(preset=name, physics=settings.cluster_physics.model_dump(mode="json"))
    assert explicit.cluster_physics == settings.cluster_physics


@pytest.mark.parametrize("name", NAMES)
def test_fractions_are_physical_at_every_mass(name):
    physics = PainterSettings(preset=name).cluster_physics
    cosmic = COSMOLOGIES["planck18"].omega_b / COSMOLOGIES["planck18"].omega_m
    for log10_mass in np.arange(13.3, 15.4, 0.1):
        gas, stars = (law.at(log10_mass, 0.0) for law in (physics.gas_fraction, physics.star_fraction))
        assert 0.01 < gas < cosmic
        assert 0.002 < stars < 0.08


def test_what_is_said_goes_before_the_preset_and_that_before_the_defaults():
    assert PainterSettings(preset="hyper").xray_band == "0.5-2 keV"
    assert PainterSettings(preset="illustris").xray_band == "0.5-7 keV"
    assert PainterSettings(preset="illustris", xray_band="2-10 keV").xray_band == "2-10 keV"
    assert PainterPhysics().pressure == "hse"
    assert PainterSettings(preset="hyper").cluster_physics.pressure == "dpp"
    assert PainterSettings(preset="hyper", physics={"pressure": "p13"}).cluster_physics.pressure == "p13"
    both = PainterSettings(preset="hyper", physics={"pressure": "p13"}, pressure="hse")
    assert both.cluster_physics.pressure == "hse"


def test_tables_of_the_physics_are_merged_key_by_key():
    own = PainterSettings(preset="illustris").cluster_physics
    median = [2.0 * m for m in own.star_fraction.median]
    changed = PainterSettings(
        preset="illustris", physics={"star_fraction": {"median": median}}
    ).cluster_physics
    assert changed.star_fraction.median == tuple(median)
    assert changed.star_fraction.sigma_ln == own.star_fraction.sigma_ln
    assert changed.gas_fraction == own.gas_fraction
    assert read_preset("illustris")["physics"]["star_fraction"]["median"] == list(own.star_fraction.median)


def test_a_fraction_is_log_normal_between_its_nodes():
    law = FractionLaw(log10_m500c=(13.0, 14.0, 15.0), median=(0.05, 0.10, 0.12), sigma_ln=(0.2, 0.1, 0.1))
    assert law.at(14.0, 0.0) == pytest.approx(0.10)
    assert law.at(13.5, 0.0) == pytest.approx(np.sqrt(0.05 * 0.10))
    assert law.at(13.5, 1.0) == pytest.approx(law.at(13.5, 0.0) * np.exp(0.15))
    # Beyond the ends: the same power of the mass, the same scatter.
    assert law.at(12.0, 0.0) == pytest.approx(0.025)
    assert law.at(16.0, 0.0) == pytest.approx(0.144)
    assert law.at(12.0, -1.0) == pytest.approx(0.025 * np.exp(-0.2))


def test_the_default_fractions_are_the_power_laws_they_stand_for():
    physics, ceiling = PainterPhysics(), 0.95 * 0.0490 / 0.3111
    for log10_mass in np.arange(13.0, 15.5, 0.25):
        power = 0.088 * 10.0 ** (0.22 * (log10_mass - 14.0))
        soft = ceiling * (1.0 - np.exp(-((power / ceiling) ** 4))) ** 0.25
        assert physics.gas_fraction.at(log10_mass, 0.0) == pytest.approx(soft, rel=0.015)
        stars = 0.0175 * 10.0 ** (-0.30 * (log10_mass - 14.0))
        assert physics.star_fraction.at(log10_mass, 0.0) == pytest.approx(stars, rel=2e-3)


def test_depth_is_a_length():
    assert PainterSettings(depth="20 Mpc").depth == 20.0 * u.Mpc
    assert PainterSettings(depth="8000 kpc").model_dump(mode="json")["depth"] == "8 Mpc"
    with pytest.raises(ConfigError, match="a finite quantity with a unit"):
        parse(PainterSettings, {"depth": "12.8"}, where="simulation")
    with pytest.raises(ConfigError, match="a finite quantity with a unit"):
        parse(PainterSettings, {"depth": "12 arcmin"}, where="simulation")


@pytest.mark.parametrize(
    ("error", "words", "given"),
    [
        (ConfigError, "did you mean 'gadgetx'", {"preset": "gadget"}),
        (ConfigError, "did you mean 'gas_slope'", {"physics": {"gas_slop": 0.6}}),
        (ConfigError, "cosmology is not known", {"cosmology": "wmap1"}),
        (ConfigError, "setting is not known", {"pixel": 3}),
        (ConfigError, "setting cannot be used", {"pressure": "upp"}),
        (ConfigError, "upside down", {"log10_m200c_range": (15.0, 14.0)}),
        (MassError, "no clusters of this mass", {"log10_m200c_range": (12.0, 15.0)}),
        (MassError, "no clusters of this mass", {"log10_m200c_range": (14.0, 16.5)}),
        (MassError, "no clusters of this mass", {"log10_m200c_range": (14.0, float("nan"))}),
        (RedshiftError, "at this redshift", {"redshift_edges": (0.0, 1.0)}),
        (RedshiftError, "at this redshift", {"redshift_edges": (0.1, 2.5)}),
        (ConfigError, "redshift intervals", {"redshift_edges": (0.5,)}),
        (ConfigError, "redshift intervals", {"redshift_edges": (0.5, 0.2)}),
        (ConfigError, "redshift intervals", {"redshift_edges": (0.1, 0.2, 0.2)}),
        (ConfigError, "column cannot be painted", {"depth": "1 Mpc"}),
        (ConfigError, "column cannot be painted", {"depth": "100 Mpc"}),
        (ConfigError, "as many median", {"physics": {"gas_fraction": {"median": [0.1]}}}),
        (ConfigError, "a smaller and a larger", {"physics": {"merger_mass_ratios": [0.8, 0.1]}}),
        (ConfigError, "did you mean 'shape'", {"physics": {"correlations": {"disturbance": {"shap": 0.1}}}}),
        (
            ConfigError,
            "'disturbance' again",
            {"physics": {"correlations": {"disturbance": {"shape": 0.1}, "shape": {"disturbance": 0.1}}}},
        ),
        (ConfigError, "again", {"physics": {"correlations": {"shape": {"shape": 0.1}}}}),
        (
            ConfigError,
            "negative eigenvalue",
            {"physics": {"correlations": {"disturbance": {"concentration": -1.1}}}},
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(error, words, given):
    with pytest.raises(error, match=words):
        parse(PainterSettings, given, where="simulation")


def test_a_settings_object_or_nonsense_in_place_of_a_table():
    settings = PainterSettings(preset="hyper")
    assert PainterSettings.model_validate(settings) == settings
    with pytest.raises(ConfigError, match="cannot be used"):
        parse(PainterSettings, ["hyper"], where="simulation")


def test_the_default_correlations_can_hold_together():
    matrix = correlation_matrix(PainterPhysics().correlations)
    assert np.array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix)[0] > 0.02
    factors = PainterPhysics().latent_factors
    np.testing.assert_allclose(factors @ factors.T, matrix, atol=1e-14)


def test_one_redshift_may_be_given_twice():
    assert PainterSettings(redshift_edges=(0.3, 0.3)).redshift_edges == (0.3, 0.3)


def test_a_band_is_read_before_anything_is_drawn():
    with pytest.raises(ConfigError, match="not a band of photon energies"):
        PainterSettings(xray_band="0.5 to 2 keV")


def test_settings_of_a_flat_population_are_written_as_before_there_were_others():
    for written in (PainterSettings().model_dump(mode="json"), Painter(PainterSettings(), 1).settings()):
        assert not {"population", "faintest_flux"} & set(written)
    assert PainterSettings(population="flat") == PainterSettings()


def test_a_light_cone_survives_a_round_trip_through_text():
    for given in ({}, {"faintest_flux": 5e-15}):
        settings = PainterSettings(population="light_cone", redshift_edges=(0.05, 0.5), **given)
        written = settings.model_dump(mode="json")
        assert written["population"] == "light_cone"
        assert written.get("faintest_flux") == given.get("faintest_flux")
        assert PainterSettings.model_validate(written) == settings
        assert Painter(settings, 1).settings()["population"] == "light_cone"


@pytest.mark.parametrize("flux", [0.0, -5e-15, np.inf, np.nan])
def test_a_flux_that_is_none_is_refused(flux):
    with pytest.raises(ConfigError, match="This flux leaves no population"):
        PainterSettings(population="light_cone", redshift_edges=(0.05, 0.5), faintest_flux=flux)


def test_a_flat_population_has_no_faintest_flux():
    with pytest.raises(ConfigError, match="A flat population has no faintest flux"):
        PainterSettings(faintest_flux=5e-15)


def test_a_light_cone_without_a_bright_cluster_is_refused():
    with pytest.raises(ConfigError, match=r"simulation\.faintest_flux"):
        PainterSettings(population="light_cone", redshift_edges=(0.5, 0.9), faintest_flux=1e-9)


def test_another_population_is_refused():
    with pytest.raises(ConfigError, match="light_cone"):
        parse(PainterSettings, {"population": "lightcone"}, where="simulation")
