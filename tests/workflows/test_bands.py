"""From maps of microwave bands to a mass: which map is of which band, what the estimator is shown, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from scipy import ndimage

from tiny_bands import AT, BANDS, BEAMS_ARCMIN, settings, untaught_estimator
from tiny_experiment import CENTER
from zwicky.core.errors import ConfigError, MapError, RedshiftError, UnitError
from zwicky.core.masses import M500C
from zwicky.data.fits_out import read_map_set
from zwicky.inference.conformal import LEVELS
from zwicky.inference.estimator import Estimator
from zwicky.instruments.instrument import SIGMA_PER_FWHM
from zwicky.instruments.microwave import MicrowaveInstrument
from zwicky.mocks.settings import SurveySettings
from zwicky.workflows.answer import answer_text, write_answer
from zwicky.workflows.bands import BandFile, band_files, match_bands
from zwicky.workflows.weigh import weigh_bands

SPT = MicrowaveInstrument.named("spt3g")
MIDDLE = slice(12, 28)


@pytest.fixture(scope="module")
def estimator(band_estimator):
    return Estimator.load(band_estimator)


@pytest.fixture
def weigh(bands, estimator):
    def run(stated=(), *, center=AT, redshift=None, estimator=estimator, **files):
        z = bands.redshift if redshift is None else redshift
        return weigh_bands(band_files(bands.options(**files), stated), z, estimator, center=center)

    return run


def shown(answer):
    return np.stack([stamp.map.values for stamp in answer.stamps])


# ---------- what the estimator is shown


def test_the_answer_is_that_of_the_arrays(weigh, bands, estimator):
    answer = weigh()
    middle = np.stack([bands.values(name)[MIDDLE, MIDDLE] for name in BANDS])
    np.testing.assert_allclose(shown(answer), middle, rtol=1e-12)
    direct = estimator.weigh(middle[None], np.array([bands.redshift]))
    assert answer.snr == direct.snr[0]
    assert answer.network.median.log10_msun == pytest.approx(
        direct.network_log10[0, LEVELS.index(0.5)], abs=0.01
    )
    truth = bands.observed.cluster.mass(M500C).msun
    assert answer.classical.median.msun == pytest.approx(truth, rel=0.5)
    assert answer.snr > 20
    assert (answer.name, answer.definition) == ("map95.fits", M500C)


def test_the_order_of_the_bands_does_not_matter(bands, estimator, weigh):
    turned = band_files(bands.options()[::-1])
    answer = weigh_bands(turned, bands.redshift, estimator, center=AT)
    assert answer.snr == weigh().snr
    assert answer.name == "map220.fits"
    assert [one["band"] for one in answer.inputs] == list(BANDS.values())


def test_each_band_has_its_own_pixels_and_orientation(weigh, bands):
    """The same sky, mirrored: east to the right, and the WCS says so."""
    mirrored = bands.write("150", "mirrored.fits", bands.values("150")[:, ::-1].copy(), CDELT1=0.5 / 60)
    whole, turned = weigh(), weigh(b150=mirrored)
    np.testing.assert_allclose(shown(turned), shown(whole), atol=1e-6)
    assert any(note.startswith("150 GHz: east lies clockwise") for note in turned.notes)


def test_a_sharper_map_is_smoothed_to_the_beam_of_its_band(weigh, bands):
    """A map with a beam of 1 arcmin is seen as that of 1.57 arcmin, and says that its noise is now another."""
    sharp = bands.write("95", "sharp.fits", BMAJ=1.0 / 60, BMIN=1.0 / 60)
    answer = weigh(b95=sharp)
    width = np.sqrt(BEAMS_ARCMIN["95"] ** 2 - 1.0) * SIGMA_PER_FWHM / 0.5
    expected = ndimage.gaussian_filter(bands.values("95"), width, mode="nearest", truncate=5.0)[
        MIDDLE, MIDDLE
    ]
    np.testing.assert_allclose(shown(answer)[0], expected, rtol=1e-6)
    assert any(note.startswith("95 GHz: smoothed from a beam of 1 to 1.57") for note in answer.notes)
    np.testing.assert_array_equal(shown(answer)[1:], shown(weigh())[1:])


def test_units_are_of_each_band(weigh, bands):
    kelvin = bands.write("220", "kelvin.fits", 1e-6 * bands.values("220"), BUNIT="K")
    answer = weigh(b220=kelvin)
    np.testing.assert_allclose(shown(answer), shown(weigh()), rtol=1e-12)
    assert "220 GHz: K is taken for K_CMB, a change of the CMB temperature" in answer.notes
    assert [one["unit"] for one in answer.inputs] == ["uK_CMB", "uK_CMB", "K_CMB"]


def test_another_frequency_of_the_same_band_is_said(bands, estimator, weigh):
    options = [f"{name}={bands.paths[of]}" for name, of in (("95", "95"), ("145", "150"), ("220", "220"))]
    answer = weigh_bands(band_files(options), bands.redshift, estimator, center=AT)
    (note,) = (note for note in answer.notes if "was taught at" in note)
    assert note.startswith("145 GHz: the estimator was taught at 150 GHz: where y = 1e-4")
    assert "-277 uK at 145 GHz, by -260 uK there" in note
    assert not any("was taught at" in note for note in weigh().notes)


def test_without_a_place_all_bands_are_taken_at_their_middle(bands, estimator, weigh):
    no_wcs = dict.fromkeys(
        f"{name}{i}" for name in ("CTYPE", "CUNIT", "CRVAL", "CRPIX", "CDELT") for i in (1, 2)
    )
    lost = {f"b{name}": bands.write(name, f"lost{name}.fits", **no_wcs) for name in BANDS}
    pixels = [f"{name}.pixel=0.5" for name in BANDS]
    np.testing.assert_array_equal(shown(weigh(pixels, center=None, **lost)), shown(weigh()))
    with pytest.raises(MapError, match="A band has no WCS"):
        weigh(pixels[:1], center=None, b95=lost["b95"])
    with pytest.raises(MapError, match="Where in these maps is the cluster"):
        weigh(center=None)


def test_one_band_is_enough_for_an_estimator_of_one(bands, tmp_path):
    one = untaught_estimator(("temperature_150",))
    answer = weigh_bands(band_files(bands.options()[1:2]), bands.redshift, one, center=AT)
    assert [stamp.map.quantity for stamp in answer.stamps] == ["temperature_150"]
    assert answer.snr > 10
    write_answer(answer, one, tmp_path / "answer")
    again = weigh_bands([BandFile("150", tmp_path / "answer" / "stamp.fits")], bands.redshift, one)
    assert again.snr == pytest.approx(answer.snr, rel=1e-9)
    with pytest.raises(ConfigError, match="no band at this frequency"):
        weigh_bands(band_files(bands.options()), bands.redshift, one, center=AT)


# ---------- what is written


def test_all_stamps_are_kept_and_can_be_weighed_again(weigh, bands, estimator, tmp_path):
    answer = replace(weigh(), name="SPT-\u03b1")
    write_answer(answer, estimator, tmp_path / "answer")
    path = tmp_path / "answer" / "stamp.fits"
    with fits.open(path) as hdus:
        assert [hdu.name for hdu in hdus[1:]] == [name.upper() for name in BANDS.values()]
        assert hdus[0].header["OBJECT"] == "SPT-?"
    kept = read_map_set(path)
    assert kept.provenance == {"zwicky": "0", "experiment": "tiny"}
    np.testing.assert_array_equal(np.stack([one.values for one in kept]), shown(answer))
    again = weigh_bands([BandFile(name, path) for name in BANDS], bands.redshift, estimator)
    np.testing.assert_array_equal(shown(again), shown(answer))
    assert again.stamp.center.separation(CENTER) < 1e-3 * u.arcsec


def test_the_answer_in_words_names_its_bands(weigh, bands):
    lines = answer_text(weigh()).splitlines()
    assert lines[0].startswith(f"map95.fits, z = {bands.redshift:g}, matched-filter S/N")
    assert "  band 150 GHz: map150.fits, pixels of 0.5 arcmin, beam 1.17 arcmin" in lines
    assert any(line.startswith("  light: ") for line in lines)


# ---------- which map is of which band


@pytest.mark.parametrize("names", [("95", "150", "220"), ("220", "95", "150"), ("98", "145", "229")])
def test_maps_are_matched_by_frequency(names):
    files = [BandFile(name, f"{name}.fits") for name in names]
    pairs = match_bands(files, SPT)
    assert [band.frequency_ghz for _, band in pairs] == [95.0, 150.0, 220.0]
    assert all(abs(file.frequency_ghz / band.frequency_ghz - 1.0) <= 0.05 for file, band in pairs)


@pytest.mark.parametrize(
    ("names", "match", "where"),
    [
        (("95", "150"), "A band is missing: 220 GHz", "--band"),
        (("150",), "A band is missing: 95 GHz, 220 GHz", "--band"),
        ((), "A band is missing", "--band"),
        (("95", "150", "220", "353"), "no band at this frequency", "--band 353=353.fits"),
        (("95", "150", "220", "143", "150"), "Two maps are of the same band", "--band 143=143.fits"),
        (("95", "160", "220"), "no band at this frequency", "--band 160=160.fits"),
        (("95", "1.5e11", "220"), "no band at this frequency", "--band 1.5e11=1.5e11.fits"),
        (("100", "150", "220"), "no band at this frequency", "--band 100=100.fits"),
    ],
)
def test_bands_must_be_those_of_the_estimator(names, match, where):
    with pytest.raises(ConfigError, match=match) as refused:
        match_bands([BandFile(name, f"{name}.fits") for name in names], SPT)
    assert refused.value.where == where
    assert refused.value.expected == "the estimator's bands: 95, 150, 220 GHz"
    assert refused.value.got == (", ".join(f"--band {name}={name}.fits" for name in names) or "none")


@pytest.mark.parametrize("text", ["map.fits", "150=", "=map.fits", "150:map.fits"])
def test_a_band_that_cannot_be_read(text):
    with pytest.raises(ConfigError, match=r"(?s)This band cannot be read.*--band 150=map150\.fits"):
        band_files([text])


@pytest.mark.parametrize("name", ["f150", "0", "-150", "inf", "nan", "150GHz"])
def test_a_frequency_that_is_none(name):
    with pytest.raises(ConfigError, match=r"(?s)no frequency.*GHz, without a unit"):
        band_files([f"{name}=map.fits"])


def test_settings_of_bands_are_read():
    given = ["150.beam = 1.2", "150.unit=uK_CMB", "97.5.pixel=0.25", "97.5.hdu=1"]
    files = band_files(["150=a=b.fits", "97.5 = c.fits"], given)
    assert [(one.name, str(one.path), one.options) for one in files] == [
        ("150", "a=b.fits", {"unit": "uK_CMB", "pixel_arcmin": None, "beam_arcmin": 1.2, "hdu": None}),
        ("97.5", "c.fits", {"unit": None, "pixel_arcmin": 0.25, "beam_arcmin": None, "hdu": "1"}),
    ]


@pytest.mark.parametrize(
    ("setting", "match", "fix"),
    [
        ("beam=1.2", "cannot be read", "--set 150.beam=1.2"),
        ("220.beam=1.2", "no such band", "150"),
        ("150.baem=1.2", "no such setting", "did you mean 'beam'?"),
        ("150.pixel=small", "not a number", None),
    ],
)
def test_settings_of_bands_that_cannot_be_used(setting, match, fix):
    with pytest.raises(ConfigError, match=match) as refused:
        band_files(["150=a.fits"], [setting])
    assert fix is None or fix in refused.value.fix


# ---------- what is refused


@pytest.mark.parametrize(
    ("cards", "error", "match", "fix"),
    [
        ({"BUNIT": None}, UnitError, r"no unit \(band 150\)", "state it: --set 150.unit=uK_CMB"),
        ({"BUNIT": "MJy/sr"}, UnitError, r"an intensity.*\(band 150\)", "398.5 MJy/sr"),
        ({"BUNIT": "K"}, MapError, r"fluctuates like this \(band 150\)", "state it: --set 150.unit=uK_CMB"),
        ({"BMAJ": None, "BMIN": None}, MapError, r"beam is not known \(band 150\)", "--set 150.beam="),
        ({"BMAJ": 1.4 / 60, "BMIN": 1.4 / 60}, MapError, r"blurrier.*\(band 150\)", "cannot be taken out"),
        ({"FREQ": 90.0}, MapError, r"another frequency \(band 150\)", "--band FREQ=FILE"),
        ({"QUANTITY": "compton_y"}, MapError, r"Compton-y map.*\(band 150\)", "zwicky infer MAP.fits"),
    ],
)
def test_errors_name_the_band_and_its_own_options(weigh, bands, cards, error, match, fix):
    path = bands.write("150", "bad.fits", **cards)
    with pytest.raises(error, match=match) as refused:
        weigh(b150=path)
    assert "bad.fits" in refused.value.where
    assert fix in refused.value.fix


def test_pixels_too_coarse_for_the_beam_of_a_band(weigh, bands):
    coarse = bands.values("220").reshape(20, 2, 20, 2).mean(axis=(1, 3))
    with pytest.raises(MapError, match=r"too coarse for the beam \(band 220\)") as refused:
        weigh(b220=bands.write("220", "coarse.fits", coarse))
    assert "at most half the beam, 0.52 arcmin" in refused.value.expected


def test_an_apodised_edge_inside_the_cluster(weigh, bands):
    window = 0.5 - 0.5 * np.cos(np.pi * np.clip((np.arange(40) - 11.5) / 10.0, 0.01, 1.0))[:, None]
    path = bands.write("150", "edge.fits", bands.values("150") * window)
    with pytest.raises(MapError, match=r"apodised edge.*\(band 150\)") as refused:
        weigh(b150=path)
    assert "lower side" in refused.value.got


def test_a_redshift_that_was_not_taught(weigh):
    with pytest.raises(RedshiftError, match="cannot be used"):
        weigh(redshift=1.2)


def test_estimators_of_one_map_and_of_bands_are_not_mixed_up(estimator, weigh):
    of_one_map = replace(estimator, facts=estimator.facts.model_copy(update={"survey": SurveySettings()}))
    with pytest.raises(MapError, match=r"(?s)weighs one map, not bands.*zwicky infer MAP\.fits"):
        weigh(estimator=of_one_map)
    with pytest.raises(MapError, match=r"(?s)bands of the microwave sky, not one map.*--band 150=MAP\.fits"):
        _ = estimator.map_instrument
    assert estimator.band_instrument.frequencies_ghz == SPT.frequencies_ghz


def test_stamps_of_other_bands_are_refused(weigh, estimator):
    maps = [stamp.map for stamp in weigh().stamps]
    estimator.check_stamps(maps)
    with pytest.raises(MapError, match="another quantity"):
        estimator.check_stamps(maps[::-1])
    with pytest.raises(MapError, match=r"(?s)not on the stamp.*temperature_150.*beam 1\.17"):
        estimator.check_stamps([maps[0], replace(maps[1], beam_arcmin=1.04), maps[2]])


@pytest.mark.slow
def test_genuine_skies_are_not_refused(estimator):
    """Files of clusters of the survey itself pass every check: none of 60 clusters in three bands."""
    from zwicky.data.band_images import BandImage
    from zwicky.data.band_stamps import cut_band
    from zwicky.data.fits_in import SkyImage

    survey = settings(40).build(77)
    for index in range(60):
        for one, band in zip(survey.observe(index, 0), SPT.bands, strict=True):
            mask = np.zeros(one.grid.shape, bool)
            image = SkyImage(one.values, mask, one.quantity, one.unit, 0.5, band.beam_arcmin)
            stamp = cut_band(
                BandImage(image, band.frequency_ghz, one.unit), estimator.survey.grid, center=None,
                beam_arcmin=band.beam_arcmin,
            )  # fmt: skip
            assert stamp.map.grid.n_pixels == 16
