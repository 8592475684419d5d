"""Photon images: whole counts with their exposure are read as they are; everything else is named and refused."""

from itertools import pairwise

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from fits_files import PIXEL_ARCMIN, SKY, hdu_of
from photon_files import HARD, SHAPE, SOFT, band, drawn, write

from zwicky.core.errors import ConfigError, FitsError, MapError, UnitError
from zwicky.data.counts_image import CountsImage, check_bands
from zwicky.data.fits_counts import BandFiles, read_counts

# ---------- what can be read


def test_two_bands_are_read_as_they_are(tmp_path):
    soft, hard = drawn(1), drawn(2, 0.1)
    image = read_counts(
        [
            band(tmp_path, counts=soft, background=np.full(SHAPE, 0.2)),
            band(tmp_path, "hard", counts=hard, background=np.full(SHAPE, 0.1), band_kev=HARD),
        ]
    )
    np.testing.assert_array_equal(image.counts, [soft, hard])
    assert image.counts.dtype == np.float64
    assert np.all(image.exposure_s == 3000.0)
    np.testing.assert_array_equal(image.background[:, 3, 4], [0.2, 0.1])
    assert image.bands_kev == (SOFT, HARD)
    assert image.pixel_arcmin == pytest.approx(PIXEL_ARCMIN)
    assert image.wcs.pixel_to_world(19.5, 15.5).ra.deg == pytest.approx(195.0)
    assert image.mask is None
    assert image.notes == ()


def test_without_a_background_there_is_none(tmp_path):
    assert read_counts([band(tmp_path)]).background is None


@pytest.mark.parametrize("dtype", ["i2", "i4", "i8", "u1", "f4", "f8"])
def test_whole_numbers_of_every_kind_are_counts(tmp_path, dtype):
    image = read_counts([band(tmp_path, counts=drawn().astype(dtype))])
    np.testing.assert_array_equal(image.counts[0], drawn())


def test_kiloseconds_are_converted_and_a_missing_unit_is_noted(tmp_path):
    in_ks = np.full(SHAPE, 3.0)
    assert np.all(
        read_counts([band(tmp_path, exposure=in_ks, exposure_cards={"BUNIT": "ks"})]).exposure_s == 3000.0
    )
    bare = band(tmp_path, exposure_cards={"BUNIT": ""})
    assert "the exposure has no unit: taken as seconds" in read_counts([bare]).notes
    unmarked = band(tmp_path, exposure=in_ks, exposure_cards={"BUNIT": ""})
    assert np.all(read_counts([unmarked], exposure_unit="ks").exposure_s == 3000.0)


def test_images_of_one_file_are_named_in_brackets(tmp_path):
    hdus = [
        hdu_of(drawn(), SKY),
        hdu_of(np.full(SHAPE, 2e3), {**SKY, "EXTNAME": "EXPOSURE", "BUNIT": "s"}, fits.ImageHDU),
    ]
    path = tmp_path / "all.fits"
    fits.HDUList(hdus).writeto(path)
    files = band(tmp_path)
    named = type(files)(f"{path}[0]", f"{path}[EXPOSURE]", None, SOFT)
    image = read_counts([named])
    np.testing.assert_array_equal(image.counts[0], drawn())
    assert np.all(image.exposure_s == 2e3)


def test_bad_pixels_are_masked_in_all_bands(tmp_path):
    counts = drawn().astype(float)
    counts[3, 4] = np.nan
    background = np.full(SHAPE, 0.2)
    background[5, 6] = np.nan
    mask = np.ones(SHAPE, "i2")
    mask[10:12, 20:23] = 0
    files = [
        band(tmp_path, counts=counts, background=np.full(SHAPE, 0.2)),
        band(tmp_path, "hard", background=background, band_kev=HARD),
    ]
    image = read_counts(files, mask=write(tmp_path / "mask.fits", mask))
    expected = mask == 0
    expected[3, 4] = expected[5, 6] = True
    np.testing.assert_array_equal(image.mask, expected)
    for array in (image.counts, image.exposure_s, image.background):
        assert np.all(array[:, expected] == 0.0)
    assert np.all(image.exposure_s[:, ~expected] > 0.0)
    assert any("8 of 1280 pixels are masked" in note for note in image.notes)


def test_counts_on_masked_sources_of_the_exposure_are_masked_when_that_is_said(tmp_path):
    exposure = np.full(SHAPE, 3e3)
    exposure[:5] = 0.0
    image = read_counts([band(tmp_path, exposure=exposure)], zero_exposure="mask")
    assert image.counts[0].sum() == drawn()[5:].sum()
    assert image.mask[:5].all() and not image.mask[5:].any()
    assert any("counts where the exposure is zero were masked" in note for note in image.notes)


def test_a_background_below_zero_by_rounding_is_set_to_zero(tmp_path):
    background = np.full(SHAPE, 0.2)
    background[0, 0] = -2e-6
    image = read_counts([band(tmp_path, background=background)])
    assert image.background.min() == 0.0
    assert any("rounding" in note for note in image.notes)


# ---------- what is refused


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"counts": drawn() - 1}, MapError, "Counts are negative"),
        ({"counts": drawn() / 3000.0}, MapError, "not whole numbers: this is an image of rates"),
        ({"counts": np.full(SHAPE, np.nan)}, MapError, "holds no number"),
        ({"counts": np.zeros(SHAPE, int)}, MapError, "Not one photon"),
        ({"counts_cards": {"BUNIT": "count/s"}}, UnitError, "rates or fluxes, not counts"),
        ({"counts_cards": {"BUNIT": "photon/cm2/s"}}, UnitError, "before it is divided by the exposure"),
        ({"counts_cards": {"BUNIT": "ct s-1"}}, UnitError, "rates or fluxes"),
        ({"counts_cards": {"BUNIT": "erg/s/cm**2"}}, UnitError, "rates or fluxes"),
        ({"counts_cards": {"BUNIT": "Jy"}}, UnitError, "counts are not in counts"),
        ({"exposure": np.full((32, 41), 3e3)}, MapError, "exposure has another shape"),
        ({"exposure_cards": {"BUNIT": "s", "CRVAL1": 195.1}}, MapError, "exposure lies elsewhere"),
        (
            {"exposure_cards": {"BUNIT": "s", "CDELT1": SKY["CDELT1"] * 1.01}},
            MapError,
            "exposure lies elsewhere",
        ),
        ({"exposure_cards": {"BUNIT": "cm2 s"}}, UnitError, "not a time"),
        ({"exposure_cards": {"BUNIT": "potatoes"}}, UnitError, "not a time"),
        ({"exposure": np.full(SHAPE, 0.8)}, MapError, "relative, not in seconds"),
        ({"exposure": np.full(SHAPE, 12.0)}, MapError, 'exposure_unit="ks"'),
        ({"exposure": np.full(SHAPE, 1e9)}, MapError, "cannot be in seconds"),
        ({"exposure": np.full(SHAPE, -3e3)}, MapError, "negative, or zero everywhere"),
        ({"exposure": np.zeros(SHAPE)}, MapError, "negative, or zero everywhere"),
        ({"counts": 900 * drawn(), "exposure": np.full(SHAPE, 100.0)}, MapError, "No X-ray telescope"),
        ({"background": np.full(SHAPE, -0.2)}, MapError, "background is negative"),
        ({"background": np.full(SHAPE, 3.0)}, MapError, "larger than all that was counted"),
        ({"background": np.full((30, 40), 0.1)}, MapError, "background has another shape"),
        (
            {"background": np.full(SHAPE, 1e-5), "background_cards": {"BUNIT": "ct/s"}},
            UnitError,
            "background are rates",
        ),
        ({"band_kev": (2.0, 0.5)}, ConfigError, "not a band"),
    ],
)
def test_what_cannot_be_photons_is_refused(tmp_path, change, error, words):
    with pytest.raises(error) as caught:
        read_counts([band(tmp_path, **change)])
    assert words in str(caught.value)


def test_counts_where_nothing_was_exposed_are_refused(tmp_path):
    exposure = np.full(SHAPE, 3e3)
    exposure[:5] = 0.0
    with pytest.raises(MapError, match="where nothing was exposed"):
        read_counts([band(tmp_path, exposure=exposure)])


def test_bands_must_lie_on_the_same_pixels(tmp_path):
    files = [
        band(tmp_path),
        band(tmp_path, "hard", band_kev=HARD, counts_cards={"CRPIX1": 21.5}, exposure_cards={"CRPIX1": 21.5}),
    ]
    with pytest.raises(MapError, match="counts of another band lies elsewhere"):
        read_counts(files)


def test_a_background_is_for_all_bands_or_for_none(tmp_path):
    files = [band(tmp_path, background=np.full(SHAPE, 0.1)), band(tmp_path, "hard", band_kev=HARD)]
    with pytest.raises(MapError, match="Some bands have a background"):
        read_counts(files)


def test_a_field_without_files_is_refused():
    with pytest.raises(MapError, match="No image of photons"):
        read_counts([])


@pytest.mark.parametrize("mask", [np.zeros(SHAPE), np.full(SHAPE, 2.0)])
def test_a_mask_is_ones_and_zeros(tmp_path, mask):
    with pytest.raises(MapError, match="not a mask"):
        read_counts([band(tmp_path)], mask=write(tmp_path / "mask.fits", mask))


def test_a_scale_that_is_not_written_must_be_stated(tmp_path):
    bare = dict.fromkeys(SKY)
    files = band(tmp_path, counts_cards=bare, exposure_cards={**bare, "BUNIT": "s"})
    with pytest.raises(MapError, match="pixel scale is not known"):
        read_counts([files])
    assert read_counts([files], pixel_arcmin=0.4).pixel_arcmin == 0.4


def test_an_image_larger_than_allowed_is_refused(tmp_path):
    with pytest.raises(FitsError, match="larger than is allowed"):
        read_counts([band(tmp_path)], max_pixels=1000)


# ---------- the record


def record(**changes):
    fields = {
        "counts": np.ones((1, 4, 4)),
        "exposure_s": np.ones((1, 4, 4)),
        "background": None,
        "bands_kev": (SOFT,),
        "pixel_arcmin": 1.0,
    }
    return CountsImage(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"exposure_s": np.ones((1, 4, 5))}, "same pixels"),
        ({"mask": np.zeros((4, 5), bool)}, "same pixels"),
        ({"counts": np.full((1, 4, 4), 0.5)}, "holds whole counts"),
        ({"background": np.full((1, 4, 4), np.nan)}, "below zero or not finite"),
        ({"exposure_s": np.zeros((1, 4, 4))}, "where nothing was exposed"),
    ],
)
def test_the_record_holds_photons_only(changes, words):
    record()
    with pytest.raises(MapError, match=words):
        record(**changes)


# ---------- bands


def test_bands_are_found_in_any_order():
    assert check_bands([SOFT, HARD], [(2.001, 7.0), (0.5, 2.0)]) == (1, 0)
    assert check_bands(np.array([SOFT, HARD]), [HARD]) == (1,)


@pytest.mark.parametrize("given", [[SOFT], [SOFT, (2.0, 8.0)], [(500, 2000), (2000, 7000)], []])
def test_bands_of_another_instrument_are_refused(given):
    with pytest.raises(MapError, match=r"bin the events in .*2-7 keV"):
        check_bands(given, [SOFT, HARD])


# ---------- real images


@pytest.fixture(scope="module")
def a3158(real_data):
    folder = real_data / "a3158_rosat"
    names = (folder / f"{name}_37.fits.gz" for name in ("b", "expose_mask", "back"))
    return BandFiles(*names, (0.42, 2.01))


@pytest.mark.data
def test_abell_3158_of_rosat(a3158):
    """Numbers of SOURCE.txt beside the files: 4921 counts within 10' of the peak, 52 of them background."""
    with pytest.raises(MapError, match="1458 counts in 1319 pixels"):
        read_counts([a3158])
    image = read_counts([a3158], zero_exposure="mask")
    assert image.counts.shape == (1, 512, 512)
    assert image.counts.sum() == 11722 - 1458
    assert image.pixel_arcmin * 60 == pytest.approx(14.947, abs=1e-3)
    assert any("no unit" in note for note in image.notes)
    assert any("rounding" in note for note in image.notes)
    x, y = image.wcs.world_to_pixel(SkyCoord(55.714, -53.628, unit="deg"))
    radius = np.hypot(np.arange(512)[:, None] - y, np.arange(512) - x) * image.pixel_arcmin
    inside = radius < 10.0
    assert image.counts[0, inside].sum() == pytest.approx(4921, rel=0.01)
    assert image.background[0, inside].sum() == pytest.approx(52, rel=0.03)
    assert image.exposure_s[0, inside & ~image.mask].mean() == pytest.approx(2900, rel=0.02)


@pytest.mark.data
def test_efeds_of_erosita(real_data):
    """Seven bands; 650 counts of 0.6-1.1 keV within 3' of the bright cluster (SOURCE.txt)."""
    folder = real_data / "efeds_erosita" / "images"
    edges = (300, 600, 1100, 1600, 2200, 3500, 5000, 7000)
    names = [f"{low:04d}_{high:04d}" for low, high in pairwise(edges)]
    bands = [(low / 1000, high / 1000) for low, high in pairwise(edges)]
    files = [
        BandFiles(folder / f"img_{name}.fits.gz", folder / f"expmap_norm_{name}.fits.gz", None, one)
        for name, one in zip(names, bands, strict=True)
    ]
    image = read_counts(files)
    assert image.counts.sum(axis=(1, 2)).tolist() == [3824, 4154, 2623, 1885, 2099, 2208, 2666]
    assert image.pixel_arcmin * 60 == pytest.approx(4.0, rel=1e-3)
    x, y = image.wcs.world_to_pixel(SkyCoord(140.3384, 3.2906, unit="deg"))
    radius = np.hypot(np.arange(512)[:, None] - y, np.arange(512) - x) * image.pixel_arcmin
    assert image.counts[1, radius < 3.0].sum() == pytest.approx(650, rel=0.03)
    assert (
        image.counts[1, radius < 3.0].sum() > 5 * image.counts[1, (radius > 6) & (radius < np.sqrt(45))].sum()
    )
    masked = read_counts(files, mask=folder / "mask.fits.gz")
    assert masked.mask.sum() == 45224
    assert masked.counts.sum() < image.counts.sum()
    assert check_bands(image.bands_kev, [(1.1, 1.6)]) == (2,)
    with pytest.raises(MapError, match="not those of the instrument"):
        check_bands(image.bands_kev, [(0.25, 0.455)])
