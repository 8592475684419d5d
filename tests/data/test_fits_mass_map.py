"""A mass map in a file: the same numbers back, the same bytes again, and any other program finds its way."""

import math
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS

from painted_views import ARCMIN_PER_MPC, BEAM_MPC, CENTER, COSMOLOGY, GRID, REDSHIFT, expected_stamp
from zwicky.core.cluster import Cluster
from zwicky.core.errors import FitsError, MapError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.data.fits_in import read_image
from zwicky.data.fits_mass_map import MassMap, read_mass_map, write_mass_map
from zwicky.data.stamps import cut_stamp
from zwicky.workflows.mapping.views import VIEWS

SKY = Grid(GRID.n_pixels, GRID.pixel_value * ARCMIN_PER_MPC * u.arcmin, "sky")
BEAM_ARCMIN = BEAM_MPC * ARCMIN_PER_MPC
EXTENSIONS = ["MEAN", "SD", "LOG10MED", "HALF68", "HALF95", "INPUT_Y", "INPUT_XRAY", "INPUT_STARS"]


def mass_map(**changes):
    rng = np.random.default_rng(3)
    median = 13.0 + 2.0 * rng.random(SKY.shape, np.float32)
    half = 0.05 + 0.1 * rng.random(SKY.shape, np.float32)
    mask = np.zeros(SKY.shape, bool)
    mask[3, 4] = True
    inputs = {
        name: Map(
            expected_stamp(name), view.quantity, UNIT_OF[view.quantity], SKY, "observed",
            mask=mask if name == "y" else None, beam_arcmin=BEAM_ARCMIN,
        )
        for name, view in VIEWS.items()
    }  # fmt: skip
    made = {
        "cluster": Cluster("A 2142", REDSHIFT, cosmology=COSMOLOGY),
        "grid": SKY,
        "pixel_mpc": GRID.pixel_value,
        "beam_arcmin": BEAM_ARCMIN,
        "center": CENTER,
        "mean": (10.0**median * 1.02).astype(np.float32),
        "log10_median": median,
        "half_68_dex": half,
        "half_95_dex": 2 * half,
        "inputs": inputs,
        "light": "edge",
        "mapper": {"model": {"kind": "any_view"}, "commit": "abc", "sizes": [1, 2], "versions": "x" * 200},
    }
    return MassMap(**{**made, **changes})


@pytest.mark.parametrize("center", [CENTER, None])
def test_a_mass_map_comes_back_bit_for_bit(tmp_path, center):
    one = mass_map(center=center)
    write_mass_map(one, tmp_path / "a.fits")
    back = read_mass_map(tmp_path / "a.fits")
    for name in ("mean", "sd", "log10_median", "half_68_dex", "half_95_dex"):
        np.testing.assert_array_equal(getattr(back, name), getattr(one, name))
    for name in ("cluster", "grid", "pixel_mpc", "light", "mapper"):
        assert getattr(back, name) == getattr(one, name), name
    assert back.beam_arcmin == pytest.approx(one.beam_arcmin, rel=1e-12)
    assert list(back.inputs) == list(one.inputs)
    for name, view in one.inputs.items():
        np.testing.assert_array_equal(back.inputs[name].values, view.values)
        assert back.inputs[name].unit == view.unit
    assert (back.center is None) == (center is None)
    assert center is None or back.center.separation(center) < 1e-9 * u.arcsec


def test_the_same_map_gives_the_same_bytes(tmp_path):
    for name in ("a.fits", "b.fits"):
        write_mass_map(mass_map(), tmp_path / name)
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()
    write_mass_map(mass_map(light="in-domain"), tmp_path / "c.fits")
    assert (tmp_path / "a.fits").read_bytes() != (tmp_path / "c.fits").read_bytes()


def test_any_program_finds_its_way(tmp_path):
    write_mass_map(mass_map(), tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits", checksum=True) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", *EXTENSIONS]
        primary = hdus[0].header
        assert (primary["OBJECT"], primary["REDSHIFT"], primary["LIGHT"]) == ("A 2142", REDSHIFT, "edge")
        assert (primary["COSMO"], primary["H"], primary["OMEGA_M"]) == ("planck_sz", 0.7, 0.3)
        assert (primary["PIXMPC"], primary["MASSMAPV"]) == (0.1, 1)
        for hdu in hdus[1:]:
            sky = WCS(hdu.header).pixel_to_world([19.5, 19.5, 18.5], [19.5, 20.5, 19.5])
            assert sky[0].separation(CENTER) < 1e-6 * u.arcsec
            assert CENTER.position_angle(sky[1]).wrap_at("180d").deg == pytest.approx(0.0, abs=1e-5)
            assert CENTER.position_angle(sky[2]).deg == pytest.approx(90.0, abs=0.02)
            assert hdu.header["BMAJ"] == hdu.header["BMIN"] == pytest.approx(BEAM_ARCMIN / 60.0)
        for name in ("MEAN", "SD"):
            assert u.Unit(hdus[name].header["BUNIT"], format="fits") == u.Msun / u.Mpc**2
        for name in ("LOG10MED", "HALF68", "HALF95"):
            assert u.Unit(hdus[name].header["BUNIT"]) == u.dex
        assert [hdus[name].header["FILLED"] for name in EXTENSIONS[5:]] == [1, 0, 0]


def test_this_package_finds_its_way_without_an_option(tmp_path):
    one = mass_map()
    write_mass_map(one, tmp_path / "a.fits")
    wanted = {MapQuantity.TOTAL_SURFACE_DENSITY: one.mean} | {
        view.quantity: view.values for view in one.inputs.values()
    }
    for quantity, values in wanted.items():
        image = read_image(tmp_path / "a.fits", quantity)
        stamp = cut_stamp(image, SKY, center=None, beam_arcmin=BEAM_ARCMIN)
        np.testing.assert_allclose(stamp.map.values, values, rtol=1e-12)
        assert stamp.center.separation(CENTER) < 1e-6 * u.arcsec


def test_sd_is_that_of_the_log_normal():
    """Mean and median of a log-normal fix its sd; the closed form is checked against its second moment."""
    half = 0.2
    x = np.linspace(-8.0, 8.0, 40001)
    weight = np.exp(-0.5 * x**2) / np.exp(-0.5 * x**2).sum()
    values = 10.0 ** (14.0 + half * x)
    mean = (weight * values).sum()
    sd = math.sqrt((weight * (values - mean) ** 2).sum())
    flat = np.ones(SKY.shape)
    one = mass_map(
        mean=mean * flat, log10_median=14.0 * flat, half_68_dex=half * flat, half_95_dex=2 * half * flat
    )
    np.testing.assert_allclose(one.sd, sd, rtol=1e-6)
    # Small errors are those of the logarithm.
    np.testing.assert_allclose(
        mass_map(half_68_dex=1e-5 * flat).sd, mass_map().mean * 1e-5 * math.log(10), rtol=1e-4
    )


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"grid": GRID}, "lies on the sky"),
        ({"mean": np.ones((3, 3))}, "finite numbers on its grid"),
        ({"half_68_dex": np.full(SKY.shape, np.nan)}, "finite numbers on its grid"),
    ],
)
def test_what_is_no_mass_map(changes, match):
    with pytest.raises(MapError, match=match):
        mass_map(**changes)


def test_an_existing_file_is_kept(tmp_path):
    write_mass_map(mass_map(), tmp_path / "a.fits")
    with pytest.raises(FitsError, match="exists already"):
        write_mass_map(mass_map(), tmp_path / "a.fits")
    write_mass_map(mass_map(light="in-domain"), tmp_path / "a.fits", overwrite=True)
    assert read_mass_map(tmp_path / "a.fits").light == "in-domain"
    assert [path.name for path in tmp_path.iterdir()] == ["a.fits"]


def test_a_name_that_no_header_holds(tmp_path):
    one = mass_map(cluster=Cluster("Abell \N{GREEK SMALL LETTER ALPHA}", REDSHIFT))
    with pytest.raises(FitsError, match="cannot stand in a FITS header"):
        write_mass_map(one, tmp_path / "a.fits")
    assert list(tmp_path.iterdir()) == []


def damaged(tmp_path, change):
    write_mass_map(mass_map(), tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits", mode="update") as hdus:
        change(hdus)
        for hdu in hdus:
            hdu.add_checksum()
    return tmp_path / "a.fits"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda hdus: hdus["SD"].header.set("EXTNAME", "ERROR"), "not a mass map"),
        (lambda hdus: hdus[0].header.remove("MASSMAPV"), "not a mass map"),
        (lambda hdus: hdus[0].header.set("MASSMAPV", 2), "not a whole number in its range"),
        (lambda hdus: hdus[0].header.set("MAPPER", "{"), "provenance is not JSON"),
        (lambda hdus: hdus[0].header.set("MAPPER", "3"), "provenance is not JSON"),
        (lambda hdus: hdus[0].header.remove("LIGHT"), "keyword is missing"),
    ],
)
def test_damage_is_said(tmp_path, change, match):
    with pytest.raises(FitsError, match=match):
        read_mass_map(damaged(tmp_path, change))


def test_undamaged_is_read(tmp_path):
    assert read_mass_map(damaged(tmp_path, lambda hdus: None)).light == "edge"
    assert replace(mass_map(), light="x").light == "x"
