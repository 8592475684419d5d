"""Emission measures by temperature: the painter's own X-ray maps again, closed forms, and what is refused."""

import dataclasses
import pickle

import numpy as np
import pytest
from astropy import units as u
from painted import DEPTH_MPC, N_KEV, painted
from plain_anatomy import anatomy, host, one_gas_clump

from zwicky.core.cluster import Cluster
from zwicky.core.config import parse
from zwicky.core.errors import ConfigError, MapError
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity as Q
from zwicky.physics.constants import CM_PER_MPC
from zwicky.physics.plasma import N_H_OVER_N_E
from zwicky.physics.xray import BOLOMETRIC, EnergyBand, cooling_function
from zwicky.simulations.emission import EmissionCube, EmitsXRays
from zwicky.simulations.painter.metals import iron_shape, radial_metallicity
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.painting.emission import KT_KEV, emission_maps, shares
from zwicky.simulations.painter.painting.paint import Pixels
from zwicky.simulations.painter.painting.scene import orientation, prepare
from zwicky.simulations.painter.painting.turbulence import environment_field, turbulence_field
from zwicky.simulations.painter.settings import PainterSettings
from zwicky.simulations.spherical import SphericalClusters, SphericalSettings

HSU = Grid(48, 0.1 * u.Mpc, "proper")
OBLIQUE = orientation(3, 1, 4)
SEED = 7


@pytest.fixture(scope="module")
def painter():
    return Painter(PainterSettings(), SEED)


def _folded(cube, band, *, redshift, photons):
    """Fold a cube with emissivities of its own, not with the painter's: photons or erg per s and Mpc^2."""
    plasma, solar = (
        cooling_function(cube.kt_kev, band, redshift=redshift, metallicity=metallicity, photons=photons)
        for metallicity in (0.0, 1.0)
    )
    by_node = plasma[:, None, None] * cube.measure + (solar - plasma)[:, None, None] * cube.metal_measure
    return by_node.sum(axis=0) * CM_PER_MPC**3


@pytest.mark.parametrize("redshift", [0.05, 0.5])
@pytest.mark.parametrize("band", ["0.5-2 keV", "2-7 keV"])
def test_a_cube_folded_with_emissivities_is_the_painters_own_map(redshift, band):
    """Two ways to one image: emissivity at every node along a ray, or gas sorted by temperature first."""
    settings = PainterSettings(redshift_edges=(redshift, redshift), xray_band=band, metallicity=0.4)
    painter = Painter(settings, SEED)
    for i in range(3):
        maps, cube = painter.theory(i, 0, HSU), painter.emission(i, 0, HSU)
        near = HSU.radius() < painter.anatomy(i).r200c_mpc
        inner = HSU.radius() < painter.anatomy(i).r500c_mpc
        photons = maps[Q.XRAY_PHOTON_BRIGHTNESS].values * 1e50
        ratio = _folded(cube, EnergyBand.parse(band), redshift=redshift, photons=True) / photons
        assert np.abs(ratio - 1)[inner].max() < 0.015
        assert np.abs(ratio - 1)[near].max() < 0.03
        energy = maps[Q.XRAY_SURFACE_BRIGHTNESS].values * 1e40
        assert np.abs(_folded(cube, BOLOMETRIC, redshift=0.0, photons=False) / energy - 1)[near].max() < 0.006
        dark = dataclasses.replace(cube, metal_measure=0.0 * cube.metal_measure)
        assert (_folded(dark, BOLOMETRIC, redshift=0.0, photons=False) / energy)[near].max() < 0.99


def _prepared(cluster):
    fields = turbulence_field(1, 1), environment_field(1, 1)
    return prepare(cluster, *fields, np.ones((N_KEV, 2), np.float32))


def _measures(cluster, kt_kev=KT_KEV, n=64, pixel_mpc=0.1, *, to_sky=OBLIQUE, centre=(0.0, 0.0), weights=()):
    pixels = Pixels.around(n, pixel_mpc, centre)
    return emission_maps(_prepared(cluster), to_sky, DEPTH_MPC, pixels, kt_kev, weights)


def test_all_gas_counts_once_on_any_temperatures():
    """The sum over nodes is the column of n_e n_H, clumping below the fields' cells included."""
    cluster = anatomy(host=host(rms=0.5, environment_rms=0.3), gas_clumps=one_gas_clump((0.6, -0.4, 0.9)))
    expected = N_H_OVER_N_E * painted(cluster, to_sky=OBLIQUE)[Q.XRAY_SURFACE_BRIGHTNESS]
    for kt_kev in (KT_KEV, np.array([1.0, 4.0]), np.geomspace(3.0, 7.0, 64)):
        (measure,) = _measures(cluster, kt_kev)
        assert measure.shape == (len(kt_kev), 64, 64)
        assert measure.min() >= 0.0
        assert np.allclose(measure.sum(axis=0), expected, rtol=1e-4)
    calm = dataclasses.replace(cluster, host=host())
    assert not np.allclose(_measures(calm)[0].sum(axis=0), expected, rtol=0.05)  # negative control


def test_gas_of_one_temperature_counts_at_two_nodes():
    kev = 4.7
    (measure,) = _measures(anatomy(host=host(kev=kev)))
    at = np.flatnonzero(measure.any(axis=(1, 2)))
    assert len(at) == 2
    assert KT_KEV[at[0]] < kev < KT_KEV[at[1]]
    mean = np.tensordot(np.log(KT_KEV), measure, axes=1) / measure.sum(axis=0)
    assert np.allclose(np.exp(mean), kev, rtol=2e-3)  # the kernel's tables know a temperature to 0.2 %


@pytest.mark.parametrize(("kev", "node"), [(1e-3, 0), (90.0, -1)])
def test_gas_outside_of_the_nodes_counts_at_the_end(kev, node):
    (measure,) = _measures(anatomy(host=host(kev=kev)))
    assert np.array_equal(measure.sum(axis=0), measure[node])
    assert measure[node].min() > 0.0


def test_shares_are_linear_in_the_logarithm():
    below, above = shares(np.array([0.5, 1.0, 8.0]))
    kev = np.exp(np.log([0.5, 1.0, 8.0])[below] * (1 - above) + np.log([1.0, 8.0])[below] * above)
    assert np.array_equal(np.unique(below), [0, 1])
    assert (kev.min(), kev.max()) == (0.5, pytest.approx(8.0))
    inside = kev[(kev > 0.5) & (kev < 7.9)]
    assert (np.diff(inside) > 0).all()
    assert np.allclose(
        np.diff(np.log(inside)), 1 / 256, atol=2e-3
    )  # steps of 1/256 of an octave's first node


def test_the_iron_profile_is_the_published_one():
    """Worked by hand: 0.21 0.321^-0.48 = 0.36234, 0.21 0.521^-0.48 = 0.28717, 0.7935 in the centre."""
    assert iron_shape(np.array(0.3)) == 1.0
    assert iron_shape(np.array(0.5)) == pytest.approx(0.28717 / 0.36234, rel=2e-4)
    assert iron_shape(np.array(0.0)) == pytest.approx(0.7860 / 0.36234, rel=5e-3)
    outside = iron_shape(np.array([0.9, 1.2, 5.0]))
    assert (outside == outside[0]).all()
    falling = iron_shape(np.linspace(0.05, 0.9, 50))
    assert (np.diff(falling) < 0.0).all()
    assert falling[-1] > 0.5


def test_metals_follow_the_ellipsoids_of_the_gas():
    """Brute force along rays: int n^2 Z dl over int n^2 dl, Z on the host's elliptical radius."""
    axes = np.array([1.3, 1.0, 1 / 1.3])
    cluster = anatomy(host=host(axes=axes))
    radial = radial_metallicity(cluster, 0.5)
    z = np.sinh(np.linspace(-6, 6, 8001)) * 0.5 * DEPTH_MPC / np.sinh(6)
    for x, y in [(0.004, 0.002), (0.15, 0.1), (-0.5, 0.3), (1.2, 0.9)]:
        measure, metals = _measures(cluster, n=1, pixel_mpc=1e-3, centre=(-y, -x), weights=(radial,))
        own = np.column_stack([np.full_like(z, x), np.full_like(z, y), z]) @ OBLIQUE
        q = np.sqrt(((own / axes) ** 2).sum(axis=1))
        squared = (1 + (q / 0.15) ** 2) ** -2.0
        r500 = cluster.r500c_mpc
        expected = 0.5 * np.trapezoid(squared * iron_shape(q / r500), z) / np.trapezoid(squared, z)
        assert metals.sum() / measure.sum() == pytest.approx(expected, rel=5e-3), (x, y)


def test_constant_metals_are_a_multiple(painter):
    cube = painter.emission(2, 0, HSU)
    assert np.array_equal(cube.metal_measure, np.float32(0.3) * cube.measure)


def test_radial_metals_change_what_shines_and_nothing_else(painter):
    radial = Painter(PainterSettings(metallicity_profile="radial"), SEED)
    plain, changed = painter.theory(2, 0, HSU), radial.theory(2, 0, HSU)
    for one in plain:
        same = np.array_equal(one.values, changed[one.quantity].values)
        assert same != one.quantity.startswith("xray")
    ratio = changed[Q.XRAY_PHOTON_BRIGHTNESS].values / plain[Q.XRAY_PHOTON_BRIGHTNESS].values
    distance = HSU.radius() / painter.anatomy(2).r500c_mpc
    assert ratio[distance < 0.15].min() > 1.005
    assert ratio[(distance > 0.8) & (distance < 1.0)].max() < 0.995
    cubes = painter.emission(2, 0, HSU), radial.emission(2, 0, HSU)
    assert np.array_equal(cubes[0].measure.sum(axis=0), cubes[1].measure.sum(axis=0))
    metals = cubes[1].metal_measure.sum(axis=0) / cubes[1].measure.sum(axis=0)
    assert metals[distance < 0.1].min() > 0.35
    assert metals[distance > 1.0].max() < 0.26
    soft = _folded(cubes[1], EnergyBand.parse("0.5-2 keV"), redshift=0.05, photons=True)
    assert np.allclose(soft, changed[Q.XRAY_PHOTON_BRIGHTNESS].values * 1e50, rtol=1e-4)


def _bytes(cube):
    return cube.measure.tobytes() + cube.metal_measure.tobytes()


def test_a_cube_is_the_same_whatever_was_asked_before(painter):
    maps = [one.values.tobytes() for one in painter.theory(11, 3, HSU)]
    first = painter.emission(11, 3, HSU)
    painter.emission(2, 0, Grid(20, 0.05 * u.one, "scaled"))
    again = painter.emission(11, 3, HSU)
    copy = pickle.loads(pickle.dumps(painter)).emission(11, 3, HSU)
    assert _bytes(first) == _bytes(again) == _bytes(copy) == _bytes(pickle.loads(pickle.dumps(first)))
    assert _bytes(first) != _bytes(painter.emission(11, 4, HSU))
    assert maps == [one.values.tobytes() for one in painter.theory(11, 3, HSU)]
    assert first.cluster == painter.cluster(11, 3)
    assert first.measure.dtype == first.metal_measure.dtype == np.float32


def test_cubes_on_grids_of_every_kind_show_the_same_gas(painter):
    cluster = painter.anatomy(5)
    arcmin = painter.cosmology.arcmin_per_mpc(cluster.redshift)
    sides = {"proper": 0.1 * u.Mpc, "sky": 0.1 * arcmin * u.arcmin, "scaled": 0.1 / cluster.r200c_mpc * u.one}
    cubes = {kind: painter.emission(5, 0, Grid(48, side, kind)) for kind, side in sides.items()}
    for kind, cube in cubes.items():
        assert cube.grid.kind == kind
        assert np.allclose(cube.measure.sum(axis=0), cubes["proper"].measure.sum(axis=0), rtol=2e-3)


def test_the_centre_of_a_cube_falls_where_it_is_asked(painter):
    away = painter.emission(5, 0, HSU, (0.5, -1.2)).measure.sum(axis=0)
    here = painter.emission(5, 0, HSU).measure.sum(axis=0)
    assert np.allclose(away[8:40, 2:34], np.roll(here, (5, -12), (0, 1))[8:40, 2:34], rtol=0.02)
    assert not np.allclose(away[8:40, 2:34], here[8:40, 2:34], rtol=0.5)


def _cube(**changes):
    fields = {
        "cluster": Cluster("A1", 0.1),
        "kt_kev": np.array([1.0, 2.0]),
        "measure": np.arange(18.0, dtype=np.float32).reshape(2, 3, 3),
        "metal_measure": np.ones((2, 3, 3), np.float32),
        "grid": Grid(3, 0.1 * u.Mpc, "proper"),
    }
    return EmissionCube(**{**fields, **changes})


def test_what_is_seen_is_a_sum_over_temperatures():
    cube = _cube()
    seen = cube.seen(np.array([[1e-30, 0.0], [2.0, 3.0]]), np.array([[0.0, 5e-29], [0.0, 0.0]]))
    assert seen.shape == (2, 3, 3)
    assert np.allclose(seen[1], 2 * cube.measure[0] + 3 * cube.measure[1], rtol=1e-6)
    alone = cube.seen(np.array([1e-60, 0.0]), np.array([0.0, 5e-59]))  # far below single precision
    assert np.allclose(alone, 1e-60 * cube.measure[0].astype(float) + 5e-59, rtol=1e-6, atol=0.0)
    assert np.array_equal(cube.seen(np.zeros(2), np.zeros(2)), np.zeros((3, 3)))


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("must increase", {"kt_kev": np.array([2.0, 1.0])}),
        ("must increase", {"kt_kev": np.array([0.0, 1.0])}),
        ("must increase", {"kt_kev": np.array([[1.0, 2.0]])}),
        ("measure does not lie", {"measure": np.ones((3, 3, 3), np.float32)}),
        ("metal_measure does not lie", {"metal_measure": np.ones((2, 3, 4), np.float32)}),
        ("measure has values", {"measure": -np.ones((2, 3, 3), np.float32)}),
        ("metal_measure has values", {"metal_measure": np.full((2, 3, 3), np.nan, np.float32)}),
        ("metal_measure has values", {"metal_measure": np.full((2, 3, 3), np.inf, np.float32)}),
    ],
)
def test_what_is_no_emission_measure_is_refused(words, changes):
    with pytest.raises(MapError, match=words):
        _cube(**changes)


def test_a_profile_of_metals_that_is_not_known_is_refused():
    with pytest.raises(ConfigError, match="setting cannot be used"):
        parse(PainterSettings, {"metallicity_profile": "flat"}, where="simulation")


def test_only_some_simulations_emit_x_rays(painter):
    assert isinstance(painter, EmitsXRays)
    assert not isinstance(SphericalClusters(SphericalSettings(), 1), EmitsXRays)
