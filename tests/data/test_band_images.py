"""Reading the map of one band: units, frequencies, holes, and numbers that cannot be what their unit says."""

import numpy as np
import pytest
from astropy import units as u
from fits_files import SKY, hdu_of

from zwicky.core.errors import FitsError, MapError, UnitError
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity
from zwicky.core.units import K_CMB, UK_CMB
from zwicky.data.band_images import read_band
from zwicky.data.band_stamps import cut_band
from zwicky.data.band_units import BandUnits
from zwicky.data.stamps import parse_center

T150, T220 = MapQuantity.TEMPERATURE_150, MapQuantity.TEMPERATURE_220
N, PIXEL_ARCMIN = 48, 0.25
GRID = Grid(24, PIXEL_ARCMIN * u.arcmin, "sky")
CENTER = parse_center("195,28")
CARDS = {
    **SKY, "CRPIX1": 24.5, "CRPIX2": 24.5, "CDELT1": -PIXEL_ARCMIN / 60, "CDELT2": PIXEL_ARCMIN / 60,
    "BUNIT": "uK_CMB", "BMAJ": 1.2 / 60, "BMIN": 1.2 / 60,
}  # fmt: skip


def noise_uk(shape=(N, N)):
    return 30.0 * np.random.default_rng(4).standard_normal(shape)


@pytest.fixture
def write(tmp_path):
    def run(values=None, **changes):
        path = tmp_path / "map.fits"
        hdu_of(noise_uk() if values is None else values, {**CARDS, **changes}).writeto(path, overwrite=True)
        return path

    return run


def cut(path, frequency_ghz=150.0, beam=1.2, **options):
    band = read_band(path, T150, frequency_ghz, **options)
    return cut_band(band, GRID, center=CENTER, beam_arcmin=beam)


# ---------- units


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("uK_CMB", 1.0), ("mK_CMB", 1e3), ("K_CMB", 1e6), ("1e-6 K_CMB", 1.0), ("KCMB", 1e6), ("muK_CMB", 1.0)],
)
def test_thermodynamic_units_are_read(write, unit, factor):
    image = read_band(write(noise_uk() / factor, BUNIT=unit), T150, 150.0).image
    np.testing.assert_allclose(image.values, noise_uk(), rtol=1e-12)
    assert image.unit is UK_CMB
    assert not any("taken for" in note for note in image.notes)


@pytest.mark.parametrize(
    ("unit", "factor"), [("uK", 1.0), ("mK", 1e3), ("K", 1e6), ("Kelvin", 1e6), ("muK", 1.0)]
)
def test_a_bare_temperature_is_that_of_the_cmb_and_said(write, unit, factor):
    image = read_band(write(noise_uk() / factor, BUNIT=unit), T150, 150.0).image
    np.testing.assert_allclose(image.values, noise_uk(), rtol=1e-12)
    (note,) = (note for note in image.notes if note.startswith(f"{unit} is taken for"))
    assert note.endswith("a change of the CMB temperature")


@pytest.mark.parametrize(
    ("unit", "what", "advice"),
    [
        ("K_RJ", "brightness", r"1 K_RJ is 1\.735 K_CMB in a narrow band at 150 GHz"),
        ("uK(RJ)", "brightness", r"1 K_RJ is 1\.735"),
        ("mKrj", "brightness", r"needs the transmission of the band"),
        ("K_b", "brightness", r"1\.735"),
        ("MJy/sr", "an intensity", r"398\.5 MJy/sr are 1 K_CMB in a narrow band at 150 GHz.*transmission"),
        ("W / (m2 Hz sr)", "an intensity", r"398\.5 MJy/sr"),
        ("Jy/beam", "flux per beam", r"1\.133 FWHM\^2.*398\.5 MJy/sr"),
        ("Jy", "a flux", r"solid angle.*398\.5"),
        ("Jy/pixel", "a flux", "solid angle"),
        ("Compton-y", "a Compton parameter", r"zwicky infer MAP\.fits"),
        ("Msun/Mpc2", "something else", "give a map of the CMB temperature"),
    ],
)
def test_other_units_are_refused_with_the_way_there(write, unit, what, advice):
    for path, options, where in (
        (write(BUNIT=unit), {}, "BUNIT"),
        # What is stated does not make a temperature of what the header says is none.
        (write(BUNIT=unit), {"unit": "uK_CMB"}, "BUNIT"),
    ):
        with pytest.raises(
            UnitError, match=rf"(?s){what}.*{where}.*K_CMB, mK_CMB or uK_CMB.*fix: .*{advice}"
        ):
            read_band(path, T150, 150.0, **options)
    with pytest.raises(UnitError, match=rf"(?s){what}.*--unit"):
        read_band(write(BUNIT=None), T150, 150.0, unit=unit)


def test_the_factors_are_those_of_the_frequency():
    with pytest.raises(UnitError, match=r"1\.257|1\.256"):
        BandUnits(95.0).parse("K_RJ", where="here")
    with pytest.raises(UnitError, match=r"483\.5 MJy/sr"):
        BandUnits(220.0).parse("MJy/sr", where="here")


@pytest.mark.parametrize(
    ("unit", "what"), [(None, "no unit"), ("florin", "not known"), ("1", "could be anything")]
)
def test_no_unit_or_an_unknown_one(write, unit, what):
    with pytest.raises(UnitError, match=rf"(?s){what}.*K_CMB, mK_CMB or uK_CMB.*state it: --unit uK_CMB"):
        read_band(write(BUNIT=unit), T150, 150.0)
    image = read_band(write(BUNIT=unit), T150, 150.0, unit="uK_CMB").image
    np.testing.assert_array_equal(image.values, noise_uk())
    assert "unit uK_CMB as stated by --unit" in image.notes


def test_a_stated_unit_overrules_a_wrong_label_and_says_so(write):
    image = read_band(write(BUNIT="K"), T150, 150.0, unit="uK_CMB").image
    np.testing.assert_array_equal(image.values, noise_uk())
    assert "BUNIT 'K' was overruled by --unit" in image.notes
    same = read_band(write(BUNIT="uK"), T150, 150.0, unit=UK_CMB).image
    assert not any("overruled" in note for note in same.notes)


# ---------- what it shows, and at which frequency


def test_a_compton_map_is_weighed_by_itself(write):
    with pytest.raises(
        MapError, match=r"(?s)Compton-y map, not the map of a band.*QUANTITY.*zwicky infer MAP\.fits"
    ):
        read_band(write(QUANTITY="compton_y"), T150, 150.0)


def test_a_map_of_a_temperature_may_be_of_any_band_but_not_of_another(write):
    assert read_band(write(QUANTITY="temperature"), T150, 150.0).image.quantity is T150
    assert read_band(write(QUANTITY="temperature_150"), T150, 150.0).image.quantity is T150
    with pytest.raises(MapError, match=r"(?s)another quantity.*temperature_150.*temperature_220"):
        read_band(write(QUANTITY="temperature_220"), T150, 150.0)


@pytest.mark.parametrize("keyword", ["FREQ", "HIERARCH FREQUENCY", "RESTFRQ", "RESTFREQ"])
@pytest.mark.parametrize("value", [150.0, 1.5e11, 148, "150", "150 GHz", "1.49E+11 Hz", 157.4])
def test_a_frequency_in_the_header_agrees(write, keyword, value):
    band = read_band(write(**{keyword: value}), T150, 150.0)
    assert band.frequency_ghz == 150.0
    with pytest.raises(MapError, match="names another frequency"):
        read_band(write(**{keyword: value}), T150, 180.0)


@pytest.mark.parametrize("value", [220.0, 2.2e11, 150e6, "220 GHz", "150 Hz", 158.0, 1.4e11])
def test_another_frequency_in_the_header_is_refused(write, value):
    with pytest.raises(MapError, match=r"(?s)names another frequency.*FREQ\n.*150 GHz within 5%.*Hz or GHz"):
        read_band(write(FREQ=value), T150, 150.0)


@pytest.mark.parametrize("value", ["f150", "", 0.0, -5.0, True, "1.5.0", "1e999"])
def test_what_is_no_frequency_says_nothing(write, value):
    assert read_band(write(FREQ=value), T150, 150.0).frequency_ghz == 150.0


# ---------- holes


def test_blocks_of_one_number_were_not_measured(write):
    values = noise_uk()
    values[20:23, 30:34] = 0.0
    values[2:4, 2:4] = 7.0  # four pixels may agree by chance, in maps of coarse numbers
    image = read_band(write(values), T150, 150.0).image
    assert image.mask.sum() == 12
    assert image.mask[20:23, 30:34].all()
    assert any(note.startswith("12 of 2304 pixels, in blocks,") for note in image.notes)
    assert not read_band(write(), T150, 150.0).image.mask.any()


def test_a_masked_source_is_filled_and_a_larger_hole_refused(write):
    values = noise_uk()
    values[22:25, 30:33] = 0.0
    stamp = cut(write(values))
    assert stamp.map.mask.sum() == 9
    assert any("no measurement" in note for note in stamp.notes)
    values[20:26, 28:34] = 0.0
    with pytest.raises(MapError, match="Too much of the stamp has no measurement"):
        cut(write(values))


def test_an_apodised_edge_inside_the_stamp(write):
    window = np.clip((np.arange(N) - 10.0) / 16.0, 1e-6, 1.0)
    with pytest.raises(
        MapError, match=r"(?s)apodised edge.*map\.fits.*left side.*arcmin or more into the stamp"
    ):
        cut(write(noise_uk() * window))
    with pytest.raises(MapError, match="apodised edge"):  # also where smoothing is to hide it
        cut(write(noise_uk() * window), beam=2.4)
    assert cut(write()).map.values.std() > 20.0
    assert cut(write(), beam=2.4).map.values.std() < 15.0


# ---------- numbers that are not what their unit says


@pytest.mark.parametrize(
    ("scale", "label", "looks"),
    [(1e-6, "uK", "K_CMB"), (1.0, "K", "uK_CMB"), (1e-3, "uK_CMB", "mK_CMB"), (1.0, "mK_CMB", "uK_CMB"),
     (1e-6, "1e-6 K_CMB", "K_CMB")],
)  # fmt: skip
def test_a_wrong_label_is_named_and_can_be_put_right(write, scale, label, looks):
    path = write(noise_uk() * scale, BUNIT=label)
    with pytest.raises(
        MapError, match=rf"(?s)fluctuates like this.*1 to 2000 uK_CMB.*look like {looks}.*--unit {looks}"
    ):
        cut(path)
    np.testing.assert_allclose(cut(path, unit=looks).map.values, cut(write()).map.values, rtol=1e-9)


def test_numbers_that_fit_no_unit(write):
    with pytest.raises(MapError, match=r"(?s)no unit of temperature fits.*bright source"):
        cut(write(noise_uk() * 1e9))


@pytest.mark.parametrize(("rms_uk", "fine"), [(0.9, False), (1.1, True), (1900.0, True), (2100.0, False)])
def test_the_limits_of_the_rms(write, rms_uk, fine):
    values = noise_uk() + 1e5  # the zero level does not count
    inner = values[12:36, 12:36]
    values = (values - 1e5) * rms_uk / inner.std() + 1e5
    if fine:
        assert cut(write(values)).map.values.std() == pytest.approx(rms_uk)
    else:
        with pytest.raises(MapError, match="fluctuates like this"):
            cut(write(values))


# ---------- what holds for every image


@pytest.mark.parametrize(
    ("changes", "beam", "match"),
    [
        ({"CDELT1": -0.7 / 60, "CDELT2": 0.7 / 60}, 1.2, r"too coarse for the beam.*\n.*map\.fits"),
        ({}, 1.0, "blurrier than what the network"),
    ],
)
def test_what_no_map_may_be_no_band_may_be(write, changes, beam, match):
    with pytest.raises(MapError, match=match):
        cut(write(**changes), beam=beam)


def test_two_images_of_two_bands_in_one_file(tmp_path):
    from astropy.io import fits

    hdus = [
        hdu_of(scale * noise_uk(), {**CARDS, "QUANTITY": quantity.value}, fits.ImageHDU)
        for scale, quantity in ((1.0, T150), (2.0, T220))
    ]
    path = tmp_path / "both.fits"
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    np.testing.assert_array_equal(read_band(path, T220, 220.0).image.values, 2.0 * noise_uk())
    np.testing.assert_array_equal(read_band(path, T150, 150.0).image.values, noise_uk())
    with pytest.raises(FitsError, match="no such image"):
        read_band(path, T150, 150.0, hdu=5)


def test_what_was_read_is_remembered(write):
    assert read_band(write(BUNIT="K"), T150, 150.0).read_unit == K_CMB
