"""Reading an image: what it says is taken, what it does not say must be stated, and nothing is guessed."""

import gzip

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from fits_files import BEAM, OPTIONS, PIXEL_ARCMIN, Y, hdu_of, save, with_card, y_map

from zwicky.core.errors import FitsError, MapError, UnitError
from zwicky.core.quantities import MapQuantity
from zwicky.core.units import COMPTON_Y
from zwicky.data.fits_in import SkyImage, read_image

# ---------- what can be read


def test_an_image_that_says_all_is_read_without_any_option(tmp_path):
    data = y_map()
    image = read_image(save(tmp_path / "a.fits", data), Y)
    np.testing.assert_array_equal(image.values, data)
    assert image.values.dtype == np.float64
    assert not image.mask.any()
    assert image.pixel_arcmin == pytest.approx(PIXEL_ARCMIN, rel=1e-12)
    assert image.beam_arcmin == pytest.approx(10.0, rel=1e-12)
    assert image.unit == COMPTON_Y
    assert image.notes == ()
    assert image.header_redshift is None
    # FITS pixel (CRPIX1, CRPIX2) is x = 19.5, y = 15.5 counted from zero: axis 0 of the array is y.
    assert image.wcs.pixel_to_world(19.5, 15.5).ra.deg == pytest.approx(195.0)


def test_the_unit_is_applied(tmp_path):
    image = read_image(save(tmp_path / "a.fits", y_map() * 1e6, BUNIT="1e-6 Compton-y"), Y)
    np.testing.assert_allclose(image.values, y_map(), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "i4", "i8", "u1", "u2"])
def test_every_kind_of_number_is_read_in_physical_values(tmp_path, dtype):
    data = np.arange(32 * 40).reshape(32, 40).astype(dtype)
    image = read_image(save(tmp_path / "a.fits", data, BUNIT="1e-9 Compton-y"), Y)
    np.testing.assert_allclose(image.values, data.astype(float) * 1e-9, rtol=1e-12)


def test_bscale_and_bzero_are_applied_and_blank_is_masked(tmp_path):
    data = np.arange(32 * 40).reshape(32, 40).astype("i2")
    hdu = hdu_of(data)
    hdu.header.update({"BSCALE": 1e-8, "BZERO": 2e-6, "BLANK": 7})
    hdu.writeto(tmp_path / "a.fits")
    image = read_image(tmp_path / "a.fits", Y)
    expected = data * 1e-8 + 2e-6
    expected[data == 7] = np.nan
    np.testing.assert_allclose(image.values, expected, rtol=1e-6)
    assert image.mask.sum() == 1


def test_a_blank_in_an_image_of_floats_is_noted_and_ignored(tmp_path):
    with pytest.warns(fits.verify.VerifyWarning):
        save(tmp_path / "a.fits", BLANK=0)
    assert any("BLANK" in note for note in read_image(tmp_path / "a.fits", Y).notes)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf, -1.6375e30, np.float32(-1.6375e30)])
def test_pixels_without_a_number_are_masked_and_counted(tmp_path, hole):
    data = y_map()
    data[3, 4:7] = hole
    image = read_image(save(tmp_path / "a.fits", data), Y)
    assert image.mask.sum() == 3
    assert image.mask[3, 4:7].all()
    assert np.isnan(image.values[image.mask]).all()
    assert "3 of 1280 pixels are not numbers, and masked" in image.notes


def test_axes_of_length_one_are_dropped(tmp_path):
    image = read_image(save(tmp_path / "a.fits", y_map()[None, None]), Y)
    assert image.values.shape == (32, 40)
    assert image.wcs.naxis == 2


def test_an_image_in_an_extension_is_found_beside_tables(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("a", "D", array=np.arange(3.0))])
    image = hdu_of(y_map(), kind=fits.ImageHDU)
    fits.HDUList([fits.PrimaryHDU(), table, image]).writeto(tmp_path / "a.fits")
    np.testing.assert_array_equal(read_image(tmp_path / "a.fits", Y).values, y_map())


def test_gzipped_is_read_like_plain(tmp_path):
    plain = save(tmp_path / "a.fits")
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress(plain.read_bytes()))
    np.testing.assert_array_equal(read_image(tmp_path / "a.fits.gz", Y).values, y_map())


WARTS = {
    "observer= 'in lower case'": None,
    "TELESCOP= Planck without quotes": None,
    "EXPTIME = 1.5e3 / a small e": None,
    "EXPTIME =                  1,5": None,
    "DATE-OBS= 2013-03-21": "MJD-OBS",
    "COMMENTS=without a blank": "ignored: COMMENTS",
    "TWO WORDS = 3": "ignored: TWO WORDS",
    "a line of prose, as some pipelines leave it": "ignored: a line of prose",
    "HIERARCH M500_erru = 0.3920483589172363": None,
}


@pytest.mark.parametrize(("wart", "note"), WARTS.items())
def test_cards_that_decide_nothing_may_be_anything(tmp_path, wart, note):
    image = read_image(with_card(save(tmp_path / "a.fits"), wart), Y)
    np.testing.assert_array_equal(image.values, y_map())
    assert image.notes == () if note is None else note in " ".join(image.notes)


def test_cards_that_decide_numbers_must_be_fits(tmp_path):
    with pytest.raises(FitsError, match=r"(?s)decides numbers.*BSCALE.*columns 9 and 10.*BSCALE  =1000"):
        read_image(with_card(save(tmp_path / "a.fits"), "BSCALE  =1000"), Y)
    with pytest.raises(FitsError, match="astropy cannot read"):
        read_image(with_card(save(tmp_path / "b.fits"), "BSCALE  = 'x'"), Y)


def test_missing_padding_is_noted_when_the_data_are_whole(tmp_path):
    whole = save(tmp_path / "a.fits").read_bytes()
    n_data = 32 * 40 * 8
    (tmp_path / "b.fits").write_bytes(whole[: len(whole) - (-n_data % 2880)])
    image = read_image(tmp_path / "b.fits", Y)
    np.testing.assert_array_equal(image.values, y_map())
    assert any("not padded" in note for note in image.notes)


def test_what_follows_the_last_hdu_is_noted_and_not_read(tmp_path):
    path = save(tmp_path / "a.fits")
    path.write_bytes(path.read_bytes() + b"more than FITS allows")
    assert any("no extension" in note for note in read_image(path, Y).notes)


def test_a_mirrored_image_is_trusted_and_noted(tmp_path):
    image = read_image(save(tmp_path / "a.fits", CDELT1=PIXEL_ARCMIN / 60), Y)
    assert any("mirror image" in note for note in image.notes)
    assert image.pixel_arcmin == pytest.approx(PIXEL_ARCMIN)


def test_swapped_axes_are_not_taken_for_a_mirror(tmp_path):
    # Declination along x and right ascension along y, as a camera turned by 90 degrees writes it.
    turned = {
        "CTYPE1": "DEC--TAN",
        "CTYPE2": "RA---TAN",
        "CRVAL1": 28.0,
        "CRVAL2": 195.0,
        "CDELT1": PIXEL_ARCMIN / 60,
    }
    image = read_image(save(tmp_path / "a.fits", **turned), Y)
    assert image.notes == ()
    assert image.wcs.pixel_to_world(19.5, 15.5).ra.deg == pytest.approx(195.0)


def test_old_wcs_keywords_are_repaired_with_a_note(tmp_path):
    image = read_image(save(tmp_path / "a.fits", RADECSYS="FK5", EQUINOX=2000.0), Y)
    assert any("RADECSYS" in note for note in image.notes)


@pytest.mark.parametrize("cards", [{"REDSHIFT": 0.3}, {"Z": 0.3}, {"REDSHIFT": 0.3, "Z": 0.9}])
def test_a_redshift_in_the_header_is_handed_on_unchecked(tmp_path, cards):
    image = read_image(save(tmp_path / "a.fits", **cards), Y)
    assert image.header_redshift == 0.3
    assert any("0.3" in note for note in image.notes)


def test_a_redshift_in_the_primary_header_counts_for_an_extension(tmp_path):
    primary = fits.PrimaryHDU()
    primary.header["REDSHIFT"] = -2000
    fits.HDUList([primary, hdu_of(y_map(), kind=fits.ImageHDU)]).writeto(tmp_path / "a.fits")
    assert read_image(tmp_path / "a.fits", Y).header_redshift == -2000


@pytest.mark.parametrize("value", ["high", True, ""])
def test_a_redshift_that_is_no_number_is_ignored(tmp_path, value):
    assert read_image(save(tmp_path / "a.fits", REDSHIFT=value), Y).header_redshift is None


# ---------- what the header or an option must state


def test_options_state_what_the_header_does_not(tmp_path):
    image = read_image(save(tmp_path / "a.fits", cards={}), Y, **OPTIONS)
    assert image.wcs is None
    assert (image.pixel_arcmin, image.beam_arcmin) == (PIXEL_ARCMIN, 10.0)
    assert [
        option for option in ("--unit", "--pixel-scale", "--beam") if option in " ".join(image.notes)
    ] == [
        "--unit",
        "--pixel-scale",
        "--beam",
    ]


@pytest.mark.parametrize(
    ("left_out", "error", "match"),
    [
        ("unit", UnitError, "no unit.*\n.*HDU 0: BUNIT.*\n.*\n.*\n.*--unit Compton-y"),
        ("pixel_arcmin", MapError, r"(?s)pixel scale is not known.*--pixel-scale ARCMIN"),
        ("beam_arcmin", MapError, r"(?s)beam is not known.*--beam ARCMIN"),
    ],
)
def test_nothing_is_guessed(tmp_path, left_out, error, match):
    path = save(tmp_path / "a.fits", cards={})
    with pytest.raises(error, match=match):
        read_image(path, Y, **{key: value for key, value in OPTIONS.items() if key != left_out})


@pytest.mark.parametrize("factor", [1.0, 1.008, 0.992])
def test_header_and_options_may_agree_within_a_percent(tmp_path, factor):
    path = save(tmp_path / "a.fits")
    image = read_image(path, Y, unit="y", pixel_arcmin=factor * PIXEL_ARCMIN, beam_arcmin=factor * 10.0)
    assert image.pixel_arcmin == pytest.approx(PIXEL_ARCMIN, rel=1e-12)  # the header's
    assert image.beam_arcmin == pytest.approx(10.0, rel=1e-12)


@pytest.mark.parametrize(
    ("option", "error", "match"),
    [
        (
            {"unit": "1e-6 Compton-y"},
            UnitError,
            r"(?s)--unit contradict.*1e-06 Compton-y.*--unit.*BUNIT",
        ),
        ({"unit": u.Unit(1e-6 * COMPTON_Y)}, UnitError, "--unit contradict"),
        ({"unit": "uK_CMB"}, UnitError, "does not measure compton_y.*\n.*--unit"),
        (
            {"pixel_arcmin": 1.02 * PIXEL_ARCMIN},
            MapError,
            r"(?s)--pixel-scale contradict.*1.53.*\n.*1.5 arcmin",
        ),
        ({"beam_arcmin": 9.8}, MapError, r"(?s)--beam contradict.*9.8 arcmin.*--beam.*\n.*10 arcmin .BMAJ"),
        ({"beam_arcmin": -1.0}, MapError, "beam must be positive.*\n.*--beam"),
        ({"beam_arcmin": float("nan")}, MapError, "beam must be positive"),
        ({"pixel_arcmin": 0.0}, MapError, "pixel scale must be positive.*\n.*--pixel-scale"),
        ({"unit": "cm"}, UnitError, "does not measure"),
        ({"unit": "blob"}, UnitError, "not known.*\n.*--unit"),
    ],
)
def test_a_header_and_an_option_that_contradict_are_both_named(tmp_path, option, error, match):
    path = save(tmp_path / "a.fits")
    with pytest.raises(error, match=match):
        read_image(path, Y, **option)


def test_an_unknown_bunit_is_overruled_by_the_option_with_a_note(tmp_path):
    path = save(tmp_path / "a.fits", BUNIT="dimensionless blobs")
    with pytest.raises(UnitError, match="not known"):
        read_image(path, Y)
    assert any("overruled by --unit" in note for note in read_image(path, Y, unit="Compton-y").notes)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"BUNIT": "uK_CMB"}, UnitError, "does not measure compton_y.*\n.*BUNIT"),
        ({"BUNIT": 5}, UnitError, "."),
        ({"BUNIT": ""}, UnitError, "no unit"),
        ({"BMIN": 9.8 / 60}, MapError, r"(?s)beam is not round.*10 x 9.8 arcmin"),
        ({"BMAJ": -1.0, "BMIN": -1.0}, MapError, "beam must be positive.*\n.*BMAJ"),
        ({"BMAJ": 10.0, "BMIN": 10.0}, MapError, r"(?s)wider than the image.*BMAJ is in degrees"),
        ({"BMAJ": "wide"}, FitsError, "not a number.*\n.*BMAJ"),
        ({"CDELT2": 1.02 * PIXEL_ARCMIN / 60}, MapError, r"(?s)pixels are not square.*1.53 x 1.5 arcmin"),
        ({"CDELT2": 0.0}, FitsError, "WCS"),
        ({"CTYPE1": "GLON-TAN"}, FitsError, "WCS"),
        ({"CTYPE1": "RA---QQQ", "CTYPE2": "DEC--QQQ"}, FitsError, "WCS"),
        ({"CDELT1": "small"}, FitsError, "not a number.*\n.*WCS: CDELT1"),
        ({"CRVAL2": complex(1, 2)}, FitsError, "not a number.*\n.*WCS: CRVAL2"),
        ({"CRVAL1": "east"}, FitsError, "not a number.*\n.*WCS: CRVAL1"),
        ({"CRPIX2": None}, FitsError, r"(?s)no reference point.*\n.*WCS.*no CRPIX2"),
        ({"QUANTITY": "temperature"}, MapError, r"(?s)another quantity.*compton_y.*\n.*temperature"),
    ],
)
def test_a_header_that_contradicts_itself_is_an_error_that_names_the_keyword(tmp_path, changes, error, match):
    path = save(tmp_path / "a.fits", **changes)
    with pytest.raises(error, match=match):
        read_image(path, Y)


def test_a_beam_without_bmin_is_noted(tmp_path):
    assert any("BMIN" in note for note in read_image(save(tmp_path / "a.fits", BMIN=None), Y).notes)


def test_an_angular_cunit_gives_the_pixel_scale_without_a_place_on_the_sky(tmp_path):
    linear = {"CUNIT1": "arcsec", "CUNIT2": "arcsec", "CDELT1": 90.0, "CDELT2": 90.0}
    image = read_image(save(tmp_path / "a.fits", cards={"BUNIT": "y", **BEAM, **linear}), Y)
    assert image.wcs is None
    assert image.pixel_arcmin == pytest.approx(1.5)


@pytest.mark.parametrize(
    "cards",
    [
        {"CTYPE1": "X", "CTYPE2": "Y", "CDELT1": 2.0, "CDELT2": 2.0},  # linear, without a unit
        {"CTYPE1": "FREQ", "CTYPE2": "STOKES", "CDELT1": 2.0, "CDELT2": 2.0},
        {"CTYPE1": "FREQ", "CTYPE2": "RA---TAN", "CTYPE3": "DEC--TAN", "CDELT1": 2.0, "CDELT2": 2.0},
    ],
)
def test_a_wcs_that_is_not_celestial_gives_no_pixel_scale(tmp_path, cards):
    path = save(tmp_path / "a.fits", cards={"BUNIT": "y", **BEAM, **cards})
    with pytest.raises(MapError, match="pixel scale is not known"):
        read_image(path, Y)
    image = read_image(path, Y, pixel_arcmin=1.5)
    assert image.wcs is None
    assert any("not celestial" in note for note in image.notes)


@pytest.mark.parametrize("missing", [("CDELT1", "CDELT2"), ("CDELT2",)])
def test_the_standards_default_of_a_degree_per_pixel_is_not_taken_for_a_scale(tmp_path, missing):
    with pytest.raises(MapError, match="pixel scale is not known"):
        read_image(save(tmp_path / "a.fits", **dict.fromkeys(missing)), Y)


def test_a_cd_matrix_states_the_scale_of_a_turned_image(tmp_path):
    step = PIXEL_ARCMIN / 60
    turned = {"CDELT1": None, "CDELT2": None, "CD1_1": 0.0, "CD1_2": step, "CD2_1": step, "CD2_2": 0.0}
    image = read_image(save(tmp_path / "a.fits", **turned), Y)
    assert image.pixel_arcmin == pytest.approx(PIXEL_ARCMIN)
    assert image.notes == ()


# ---------- the record, real maps


def test_a_sky_image_checks_itself():
    good = y_map()
    with pytest.raises(MapError, match="two axes"):
        SkyImage(good[0], np.zeros(40, bool), Y, COMPTON_Y, 1.5, 10.0)
    with pytest.raises(MapError, match="two axes"):
        SkyImage(good, np.zeros((2, 2), bool), Y, COMPTON_Y, 1.5, 10.0)
    with pytest.raises(MapError, match="NaN under its mask"):
        SkyImage(good, np.ones(good.shape, bool), Y, COMPTON_Y, 1.5, 10.0)


@pytest.mark.data
def test_a_planck_cutout_without_a_word_in_its_header_is_asked_for_all_three(real_data):
    path = real_data / "psz2_g359" / "PSZ2G359.07-32.12.fits"
    with pytest.raises(UnitError, match="--unit"):
        read_image(path, Y)
    with pytest.raises(MapError, match="--pixel-scale"):
        read_image(path, Y, unit="Compton-y")
    with pytest.raises(MapError, match="--beam"):
        read_image(path, Y, unit="Compton-y", pixel_arcmin=1.7177)
    image = read_image(path, Y, unit="Compton-y", pixel_arcmin=1.7177, beam_arcmin=10.0)
    assert image.values.shape == (96, 96)
    assert image.header_redshift == pytest.approx(0.1496, abs=1e-4)
    assert image.wcs is None


@pytest.mark.data
def test_the_planck_maps_of_coma_are_asked_for_their_beam_only(real_data):
    path = real_data / "coma_planck" / "map2048_MILCA_Coma_20deg_G.fits.gz"
    with pytest.raises(MapError, match="--beam"):
        read_image(path, Y)
    image = read_image(path, Y, beam_arcmin=10.0)
    assert image.pixel_arcmin == pytest.approx(1.7177, abs=1e-4)
    assert any("mirror" in note for note in image.notes)  # CDELT1 > 0


@pytest.mark.data
def test_rosat_counts_are_read_through_an_old_wcs(real_data):
    path = real_data / "a3158_rosat" / "b_37.fits.gz"
    image = read_image(path, MapQuantity.XRAY_COUNTS, unit="count", beam_arcmin=0.5)
    assert image.pixel_arcmin == pytest.approx(0.00415203 * 60)
    assert image.values.sum() == np.rint(image.values).sum() > 0
