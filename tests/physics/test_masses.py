"""Concentrations and conversions: colossus' own, the definition itself, and no trace left behind."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from colossus import settings
from colossus.cosmology import cosmology as colossus_cosmology
from colossus.halo import concentration as colossus_concentration
from colossus.halo import mass_adv

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import ConfigError, MassError, RedshiftError
from zwicky.core.masses import M200C, M200M, M500C, Mass, MassDefinition
from zwicky.physics.masses import MODELS, concentration, convert
from zwicky.physics.nfw import mass_within_msun

COSMOLOGY = COSMOLOGIES["planck_sz"]
PLANCK18 = COSMOLOGIES["planck18"]
M2500C = MassDefinition(2500, "critical")
EVERY_MODEL = pytest.mark.parametrize("model", MODELS)


@pytest.fixture
def colossus(monkeypatch, tmp_path):
    """Set colossus up by its own means, writing nothing outside the test's folder."""
    monkeypatch.setattr(settings, "BASE_DIR", str(tmp_path))
    monkeypatch.setattr(colossus_concentration, "storageUser", None)
    monkeypatch.setattr(colossus_cosmology, "current_cosmo", None)
    parameters = {
        "flat": True, "H0": 67.66, "Om0": 0.3111, "Ob0": 0.0490, "sigma8": 0.8102, "ns": 0.9665,
        "relspecies": False, "persistence": "",
    }  # fmt: skip
    colossus_cosmology.setCosmology("planck18 without radiation", parameters)


@EVERY_MODEL
@pytest.mark.parametrize("definition", [M200C, M500C, M200M, M2500C], ids=str)
@pytest.mark.parametrize(("m_msun", "redshift"), [(1e14, 0.05), (3e14, 0.7), (1.5e15, 0.3), (2e14, 2.0)])
def test_concentration_is_that_of_colossus(colossus, model, definition, m_msun, redshift):
    name = str(definition)[1:]
    expected = colossus_concentration.concentration(m_msun * PLANCK18.h, name, redshift, model=model)
    found = concentration(Mass(m_msun, definition), redshift, PLANCK18, model)
    assert found == pytest.approx(expected, rel=1e-6)


@EVERY_MODEL
@pytest.mark.parametrize(
    ("given", "wanted"), [(M500C, M200C), (M200C, M500C), (M200C, M200M), (M500C, M200M), (M200M, M2500C)]
)
@pytest.mark.parametrize(("m_msun", "redshift"), [(1e14, 0.05), (5e14, 0.7)])
def test_conversion_is_that_of_colossus(colossus, model, given, wanted, m_msun, redshift):
    names = str(given)[1:], str(wanted)[1:]
    m_per_h, _, _ = mass_adv.changeMassDefinitionCModel(m_msun * PLANCK18.h, redshift, *names, c_model=model)
    found = convert(Mass(m_msun, given), wanted, redshift, PLANCK18, model)
    assert found.definition == wanted
    assert found.msun == pytest.approx(m_per_h / PLANCK18.h, rel=1e-6)


@EVERY_MODEL
@pytest.mark.parametrize("cosmology", COSMOLOGIES.values(), ids=COSMOLOGIES)
@pytest.mark.parametrize("wanted", [M200C, M200M, M2500C, MassDefinition(180, "mean")], ids=str)
def test_converted_mass_is_inside_the_radius_of_its_definition(model, cosmology, wanted):
    """The sphere that holds the new mass in the old halo has exactly the new mean density."""
    given = Mass(4e14, M500C)
    c500c = concentration(given, 0.4, cosmology, model)
    new = convert(given, wanted, 0.4, cosmology, model)
    halo = (given.msun, given.radius_mpc(0.4, cosmology), c500c)
    assert mass_within_msun(new.radius_mpc(0.4, cosmology), *halo) == pytest.approx(new.msun, rel=1e-10)
    scale_radius = halo[1] / c500c
    assert concentration(new, 0.4, cosmology, model) == pytest.approx(
        new.radius_mpc(0.4, cosmology) / scale_radius, rel=1e-9
    )


@EVERY_MODEL
@pytest.mark.parametrize("there", [M200C, M200M, M2500C], ids=str)
def test_round_trip(model, there):
    start = Mass(7e14, M500C)
    back = convert(convert(start, there, 0.2, COSMOLOGY, model), M500C, 0.2, COSMOLOGY, model)
    assert back.msun == pytest.approx(start.msun, rel=1e-10)


def test_masses_are_ordered_by_their_density():
    """A typical cluster: M200c = 1.4 to 1.5 M500c; in the far past critical and mean density are the same."""
    mass = Mass(5e14, M500C)
    ordered = [convert(mass, to, 0.1, COSMOLOGY).msun for to in (M2500C, M500C, M200C, M200M)]
    assert ordered == sorted(ordered)
    assert 1.4 < ordered[2] / mass.msun < 1.5
    early = convert(Mass(1e12, M200C), M200M, 15.0, COSMOLOGY)
    assert early.msun == pytest.approx(1e12, rel=1e-3)
    assert early.msun > 1e12


def test_same_definition_is_the_same_mass():
    mass = Mass(5e14, M500C)
    assert convert(mass, M500C, 0.1, COSMOLOGY) is mass


def test_models_differ_and_massive_halos_are_less_concentrated():
    poor, rich = Mass(1e13, M200C), Mass(1e15, M200C)
    for model in MODELS:
        assert concentration(poor, 0.1, COSMOLOGY, model) > concentration(rich, 0.1, COSMOLOGY, model) > 2.0
    assert concentration(rich, 0.1, COSMOLOGY, "diemer19") != concentration(rich, 0.1, COSMOLOGY, "diemer15")


def test_unknown_model_is_an_error():
    with pytest.raises(ConfigError, match="concentration model is not known") as caught:
        concentration(Mass(1e14, M500C), 0.1, COSMOLOGY, "diemer2019")
    assert "did you mean 'diemer19'?" in str(caught.value)


def test_redshift_must_be_positive():
    with pytest.raises(RedshiftError, match="redshift cannot be used"):
        convert(Mass(1e14, M500C), M200C, 0.0, COSMOLOGY)


def test_halo_outside_the_table_is_an_error():
    with pytest.raises(MassError, match="outside the table of the concentration model"):
        concentration(Mass(9e17, M200C), 20.0, COSMOLOGY, "diemer19")


def test_halo_that_is_no_cluster_in_another_definition_is_an_error():
    with pytest.raises(MassError, match="cannot be the mass of a cluster"):
        convert(Mass(9.9e17, M500C), M200C, 0.1, COSMOLOGY)


@pytest.mark.parametrize("m_msun", [1e15, 9e17], ids=["success", "failure"])
def test_colossus_gets_its_cosmology_back(monkeypatch, m_msun):
    theirs, their_store = object(), object()
    monkeypatch.setattr(colossus_cosmology, "current_cosmo", theirs)
    monkeypatch.setattr(colossus_concentration, "storageUser", their_store)
    persistence, base_dir = settings.PERSISTENCE, settings.BASE_DIR
    try:
        concentration(Mass(m_msun, M200C), 20.0, COSMOLOGY)
    except MassError:
        assert m_msun > 1e17
    assert colossus_cosmology.current_cosmo is theirs
    assert colossus_concentration.storageUser is their_store
    assert (persistence, base_dir) == (settings.PERSISTENCE, settings.BASE_DIR)


def test_threads_do_not_mix_their_cosmologies():
    mass = Mass(3e14, M500C)
    wanted = list(COSMOLOGIES.values()) * 10
    alone = [concentration(mass, 0.3, cosmology) for cosmology in wanted]
    assert len(set(alone)) == len(COSMOLOGIES)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda cosmology: concentration(mass, 0.3, cosmology), wanted))
    assert together == alone


OURS = """
from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.masses import M200C, M500C, Mass
from zwicky.physics.masses import MODELS, convert
for model in MODELS:
    convert(Mass(3e14, M500C), M200C, 0.3, COSMOLOGIES["planck_sz"], model)
"""
THEIRS = """
from colossus.cosmology import cosmology
from colossus.halo import concentration
cosmology.setCosmology("planck18", persistence="")
concentration.concentration(3e14, "200c", 0.3, model="diemer19")
"""


@pytest.mark.parametrize(
    ("script", "writes"), [(OURS, False), (THEIRS, True)], ids=["ours", "colossus alone"]
)
def test_nothing_is_written_to_the_home_folder(tmp_path, script, writes):
    environment = {**os.environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=120, cwd=tmp_path)
    assert bool(list(tmp_path.iterdir())) == writes
