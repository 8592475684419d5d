"""What is written is read back, by this package without an option and by astropy with the sky in its place."""

import errno

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from zwicky.core.cluster import Cluster
from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import FitsError, MapError, UnitError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.masses import M200M, M500C, Mass, MassDefinition
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.core.units import parse_unit
from zwicky.data.fits_in import read_image
from zwicky.data.fits_out import read_map_set, write_map, write_map_set
from zwicky.data.stamps import cut_stamp

Y = MapQuantity.COMPTON_Y
CENTER = SkyCoord(194.95291666, 27.98055555, unit="deg")
PIXEL_ARCMIN = 1.7177432059087032
# Numbers with 17 digits: astropy's own cards would cut them.
AWKWARD = 1.2345678901234567e-05


def map_of(
    quantity=Y, *, kind="sky", stage="observed", beam=9.876543210987654, dtype=float, scale=1e-5, **options
):
    pixel = {"sky": PIXEL_ARCMIN * u.arcmin, "proper": 0.12345678901234568 * u.Mpc, "scaled": 1 / 37}[kind]
    values = scale * np.random.default_rng(len(quantity)).standard_normal((12, 12)).astype(dtype)
    return Map(values, quantity, UNIT_OF[quantity], Grid(12, pixel, kind), stage, beam_arcmin=beam, **options)


def cluster():
    virial = MassDefinition(178.12345678901234, "critical")
    return Cluster(
        "PSZ2 G057.80+88.00 'Coma' & co",
        0.023100000000000004,
        {
            M500C: Mass(7.171234567890123e14, M500C),
            M200M: Mass(1.5e15, M200M),
            virial: Mass(1.2e15 / 3, virial),
        },
        parent="region 7",
        sight_line=3,
        cosmology=COSMOLOGIES["planck18"],
        properties={"offset_x_arcmin": -AWKWARD, "amplitude_scatter": 0.1 + 0.2, "Mixed_Case": 1e-300},
    )


# ---------- one map


@pytest.mark.parametrize("center", [CENTER, None])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_written_map_is_read_back_without_any_option(tmp_path, center, dtype):
    one = map_of(dtype=dtype)
    write_map(one, tmp_path / "a.fits", center=center)
    image = read_image(tmp_path / "a.fits", Y)
    np.testing.assert_array_equal(image.values, one.values)
    assert image.pixel_arcmin == pytest.approx(PIXEL_ARCMIN, rel=1e-12)
    assert image.beam_arcmin == pytest.approx(one.beam_arcmin, rel=1e-12)
    assert (image.wcs is None) == (center is None)
    assert image.notes == ()


@pytest.mark.parametrize("quantity", list(MapQuantity))
def test_every_quantity_is_written_in_a_unit_that_is_read_back(tmp_path, quantity):
    one = map_of(quantity)
    write_map(one, tmp_path / "a.fits", center=CENTER)
    image = read_image(tmp_path / "a.fits", quantity)
    np.testing.assert_allclose(image.values, one.values, rtol=1e-12)


def test_a_map_in_another_unit_comes_back_in_the_kept_one(tmp_path):
    one = map_of(scale=10.0)
    one = Map(one.values, Y, parse_unit("1e-6 Compton-y"), one.grid, "observed", beam_arcmin=10.0)
    write_map(one, tmp_path / "a.fits", center=None)
    np.testing.assert_allclose(read_image(tmp_path / "a.fits", Y).values, 1e-6 * one.values, rtol=1e-12)


def test_the_stamp_of_a_written_stamp_is_itself(tmp_path):
    one = map_of()
    write_map(one, tmp_path / "a.fits", center=CENTER)
    stamp = cut_stamp(
        read_image(tmp_path / "a.fits", Y), one.grid, center=CENTER, beam_arcmin=one.beam_arcmin
    )
    np.testing.assert_array_equal(stamp.map.values, one.values)


def test_north_is_up_and_east_to_the_left_for_any_program(tmp_path):
    write_map(map_of(), tmp_path / "a.fits", center=CENTER)
    header = fits.getheader(tmp_path / "a.fits")
    sky = WCS(header).pixel_to_world([5.5, 5.5, 4.5], [5.5, 6.5, 5.5])  # the middle, one up, one to the left
    assert sky[0].separation(CENTER) < 1e-6 * u.arcsec
    assert CENTER.position_angle(sky[1]).wrap_at("180d").deg == pytest.approx(0.0, abs=1e-6)
    assert CENTER.position_angle(sky[2]).deg == pytest.approx(90.0, abs=0.02)
    assert CENTER.separation(sky[1]).arcmin == pytest.approx(PIXEL_ARCMIN, rel=1e-6)
    assert (header["BUNIT"], header["QUANTITY"], header["STAGE"]) == ("Compton-y", "compton_y", "observed")
    assert header["BMAJ"] == header["BMIN"] == pytest.approx(9.876543210987654 / 60)
    assert {"CHECKSUM", "DATASUM"} <= set(header)


def test_masked_pixels_are_written_as_nan_and_a_sigma_beside(tmp_path):
    mask = np.zeros((12, 12), bool)
    mask[2, 3] = True
    one = map_of(mask=mask, sigma=np.full((12, 12), AWKWARD))
    write_map(one, tmp_path / "a.fits", center=CENTER)
    image = read_image(tmp_path / "a.fits", Y)
    np.testing.assert_array_equal(image.mask, mask)
    np.testing.assert_array_equal(fits.getdata(tmp_path / "a.fits", "SIGMA"), one.sigma)


def test_a_theory_map_is_asked_for_its_beam_only(tmp_path):
    write_map(map_of(beam=None, stage="theory"), tmp_path / "a.fits", center=None)
    with pytest.raises(MapError, match="--beam"):
        read_image(tmp_path / "a.fits", Y)
    assert read_image(tmp_path / "a.fits", Y, beam_arcmin=1.0).beam_arcmin == 1.0


def test_further_cards_are_written_exactly(tmp_path):
    write_map(
        map_of(), tmp_path / "a.fits", center=CENTER, header={"OBJECT": "Coma", "redshift": AWKWARD, "N": 3}
    )
    header = fits.getheader(tmp_path / "a.fits")
    assert (header["OBJECT"], header["REDSHIFT"], header["N"]) == ("Coma", AWKWARD, 3)
    assert read_image(tmp_path / "a.fits", Y).header_redshift == AWKWARD


def test_the_same_map_gives_the_same_bytes(tmp_path):
    for name in ("a.fits", "b.fits"):
        write_map(map_of(), tmp_path / name, center=CENTER)
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()
    header = fits.getheader(tmp_path / "a.fits")  # astropy's own comment would be the time of writing
    assert header.comments["CHECKSUM"] == header.comments["DATASUM"] == "checked whenever zwicky reads this"


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ({"BUNIT": "K"}, r"cannot be added.*\n.*BUNIT"),
        ({"NAXIS3": 1}, r"cannot be added.*\n.*NAXIS3"),
        ({"BSCALE": 2.0}, "cannot be added"),
        ({"LONGER_THAN_8": 1.0}, "cannot be added"),
        ({"A B": 1.0}, "cannot be added"),
        ({"": 1.0}, "cannot be added"),
        ({"NOTE": "é"}, r"(?s)text cannot stand.*printable ASCII"),
        ({"NOTE": "two\nlines"}, "text cannot stand"),
        ({"NOTE": "blank at the end "}, "text cannot stand"),
        ({"ERROR": float("nan")}, r"finite numbers only.*\n.*ERROR"),
        ({"ERROR": float("inf")}, "finite numbers only"),
    ],
)
def test_a_card_that_is_not_fits_is_named_and_nothing_is_written(tmp_path, header, match):
    with pytest.raises(FitsError, match=match):
        write_map(map_of(), tmp_path / "a.fits", center=CENTER, header=header)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("unit", [u.dimensionless_unscaled, u.def_unit("K", UNIT_OF[Y])])
def test_a_unit_without_a_spelling_is_refused(tmp_path, unit):
    nameless = Map(np.eye(12), Y, unit, map_of().grid, "observed")
    with pytest.raises(UnitError, match="no spelling that can be read back"):
        write_map(nameless, tmp_path / "a.fits", center=None)


def test_only_a_sky_grid_has_a_place_on_the_sky(tmp_path):
    with pytest.raises(MapError, match="Only a grid in arcmin"):
        write_map(map_of(kind="proper"), tmp_path / "a.fits", center=CENTER)


# ---------- whole or not at all


def test_an_existing_file_is_not_overwritten_unless_told(tmp_path):
    path = tmp_path / "a.fits"
    path.write_text("precious")
    with pytest.raises(FitsError, match="exists already"):
        write_map(map_of(), path, center=None)
    assert path.read_text() == "precious"
    write_map(map_of(), path, center=None, overwrite=True)
    assert read_image(path, Y).values.shape == (12, 12)


@pytest.mark.parametrize("name", ["a", "a.fits.gz", "a.txt"])
def test_a_fits_file_is_named_as_one(tmp_path, name):
    with pytest.raises(FitsError, match=r"ends in \.fits"):
        write_map(map_of(), tmp_path / name, center=None)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FitsError, match=r"(?s)cannot be written.*file/a\.fits.*choose another folder"):
        write_map(map_of(), tmp_path / "file" / "a.fits", center=None)


def test_a_full_disk_leaves_nothing_behind_and_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "a.fits"
    path.write_text("precious")

    def half(hdus, name, **options):
        name.write_bytes(b"SIMPLE")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fits.HDUList, "writeto", half)
    with pytest.raises(FitsError, match=r"(?s)cannot be written.*No space left.*nothing half-written"):
        write_map(map_of(), path, center=None, overwrite=True)
    assert [one.name for one in tmp_path.iterdir()] == ["a.fits"]
    assert path.read_text() == "precious"


# ---------- map sets


def sets():
    mask = np.zeros((12, 12), bool)
    mask[0, :3] = True
    observed = [
        map_of(mask=mask, sigma=np.full((12, 12), 2e-6)),
        map_of(MapQuantity.TEMPERATURE, scale=30.0, dtype=np.float32),
    ]
    theory = [
        map_of(one, kind="proper", stage="theory", beam=None, scale=1e14) for one in list(MapQuantity)[2:]
    ]
    scaled = [map_of(kind="scaled", stage="inferred", beam=None)]
    return {"observed": observed, "theory": theory, "scaled": scaled}


@pytest.mark.parametrize(
    ("name", "center"), [("observed", CENTER), ("observed", None), ("theory", None), ("scaled", None)]
)
def test_a_map_set_comes_back_exactly(tmp_path, name, center):
    maps = {one.quantity: one for one in sets()[name]}
    provenance = {"simulation": "painter é", "command": "zwicky 'a' & \"b\" " + 70 * "x ", "": ""}
    write_map_set(MapSet(cluster(), maps, provenance), tmp_path / "a.fits", center=center)
    back = read_map_set(tmp_path / "a.fits")
    assert back.cluster == cluster()
    assert back.provenance == provenance
    assert list(back.maps) == list(maps)
    for quantity, one in maps.items():
        other = back[quantity]
        assert other.grid == one.grid
        assert (other.stage, other.unit, other.beam_arcmin) == (one.stage, one.unit, one.beam_arcmin)
        assert other.values.dtype == one.values.dtype
        good = slice(None) if one.mask is None else ~one.mask
        np.testing.assert_array_equal(other.values[good], one.values[good])
        for field in ("mask", "sigma"):
            np.testing.assert_array_equal(getattr(other, field), getattr(one, field))


def test_a_cluster_of_defaults_comes_back(tmp_path):
    bare = Cluster("a", 0.1)
    write_map_set(MapSet(bare, {Y: map_of()}), tmp_path / "a.fits")
    assert read_map_set(tmp_path / "a.fits").cluster == bare


def test_the_header_of_a_set_tells_a_person_the_masses_with_their_unit(tmp_path):
    write_map_set(MapSet(cluster(), {Y: map_of()}), tmp_path / "a.fits", center=CENTER)
    header = fits.getheader(tmp_path / "a.fits")
    assert header["M500C"] == 7.171234567890123e14
    assert header.comments["M500C"].startswith("[Msun]")
    assert header.comments["REDSHIFT"].startswith("[1]")
    assert header.comments["H"].startswith("[100 km/s/Mpc]")
    assert fits.getheader(tmp_path / "a.fits", 1).comments["BEAM"].startswith("[arcmin]")


def test_one_image_of_a_set_is_read_by_its_quantity(tmp_path):
    maps = {one.quantity: one for one in sets()["observed"]}
    write_map_set(MapSet(cluster(), maps), tmp_path / "a.fits", center=CENTER)
    image = read_image(tmp_path / "a.fits", MapQuantity.TEMPERATURE)
    np.testing.assert_array_equal(image.values, maps[MapQuantity.TEMPERATURE].values)
    assert image.header_redshift == cluster().redshift


def test_a_name_that_is_not_fits_is_refused(tmp_path):
    with pytest.raises(FitsError, match=r"(?s)text cannot stand.*OBJECT"):
        write_map_set(MapSet(Cluster("Abell 3158é", 0.1), {Y: map_of()}), tmp_path / "a.fits")


def test_a_single_image_is_not_a_map_set(tmp_path):
    write_map(map_of(), tmp_path / "a.fits", center=None)
    with pytest.raises(FitsError, match=r"(?s)not a map set.*read_image"):
        read_map_set(tmp_path / "a.fits")


@pytest.mark.parametrize(
    ("hdu", "keyword", "value", "error", "match"),
    [
        (0, "MAPSETV", 2, FitsError, r"whole number.*\n.*MAPSETV"),
        (0, "PROVENAN", "{", FitsError, r"provenance is not JSON.*\n.*PROVENAN"),
        (0, "OBJECT", None, FitsError, r"keyword is missing.*\n.*OBJECT"),
        (0, "REDSHIFT", None, FitsError, r"keyword is missing.*\n.*REDSHIFT"),
        (0, "PVAL1", None, FitsError, r"keyword is missing.*\n.*PVAL1"),
        (1, "GRIDPIX", "wide", FitsError, r"not a number.*\n.*GRIDPIX"),
        (
            1,
            "GRIDKIND",
            "round",
            FitsError,
            r"unknown value.*\n.*GRIDKIND.*\n.*sky, proper, scaled.*\n.*'round'",
        ),
        (1, "STAGE", "rumoured", FitsError, r"unknown value.*\n.*STAGE"),
        (1, "QUANTITY", "beauty", FitsError, r"unknown value.*\n.*QUANTITY"),
        (1, "BUNIT", "blobs", UnitError, r"not known.*\n.*BUNIT"),
        (1, "GRIDPIX", -1.0, MapError, "pixel scale must be positive"),
    ],
)
def test_a_damaged_map_set_names_the_keyword(tmp_path, hdu, keyword, value, error, match):
    write_map_set(MapSet(cluster(), {Y: map_of()}), tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits") as hdus:
        hdus[hdu].header[keyword] = value if value is not None else "to be deleted"
        if value is None:
            del hdus[hdu].header[keyword]
        hdus.writeto(tmp_path / "b.fits", checksum=True)
    with pytest.raises(error, match=match):
        read_map_set(tmp_path / "b.fits")


def test_a_flipped_bit_in_a_map_set_is_noticed(tmp_path):
    write_map_set(MapSet(cluster(), {Y: map_of()}), tmp_path / "a.fits")
    content = bytearray((tmp_path / "a.fits").read_bytes())
    content[-2880 + 5] ^= 1
    (tmp_path / "a.fits").write_bytes(content)
    with pytest.raises(FitsError, match="changed since its checksum"):
        read_map_set(tmp_path / "a.fits")
