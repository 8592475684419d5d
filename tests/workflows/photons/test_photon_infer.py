"""From photon images to a mass: what the stamp holds, where the background comes from, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from tiny_photons import AT, BANDS, EROSITA, NAMES, PhotonMaps, untaught_photon_estimator
from zwicky.core.errors import ConfigError, MapError, RedshiftError
from zwicky.core.grid import Grid
from zwicky.data.counts_image import CountsImage
from zwicky.workflows.photons.answer import answer_text, write_answer
from zwicky.workflows.photons.background import with_background
from zwicky.workflows.photons.files import match_bands, photon_files
from zwicky.workflows.photons.infer import cut_photons, weigh_photons

GRID = EROSITA.instrument.grid


@pytest.fixture(scope="module")
def estimator():
    return untaught_photon_estimator()


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    return PhotonMaps(tmp_path_factory.mktemp("photons")).written()


@pytest.fixture(scope="module")
def answer(estimator, maps):
    return weigh(estimator, maps)


def some_files(maps, names=NAMES, *, background=True, scale=(), **how):
    behind = maps.texts("background", names) if background else ()
    return photon_files(maps.texts("counts", names), maps.texts("exposure", names), behind, scale, **how)


def weigh(estimator, maps, names=NAMES, *, center=AT, **how):
    return weigh_photons(some_files(maps, names, **how), maps.redshift, estimator, center=center)


def median(answer, method="classical"):
    return answer.as_dict()[method]["median"]


# ---------- what is weighed


def test_the_stamp_holds_the_photons_background_and_seconds_of_the_files(maps):
    used, place = cut_photons(some_files(maps), (0, 1, 2, 3), GRID, AT)
    inside = np.s_[:, 4:68, 4:68]  # 12.8 of 14.4 arcmin, in pixels of 12 arcsec

    def binned(kind):
        return maps.values(kind)[inside].reshape(4, 32, 2, 32, 2).sum(axis=(2, 4))

    np.testing.assert_array_equal(used.stamp.counts, binned("counts"))
    np.testing.assert_allclose(used.stamp.background, binned("background"), rtol=1e-6)
    np.testing.assert_allclose(used.stamp.exposure_s, EROSITA.seconds)
    assert place.separation(place.__class__(*map(float, AT.split(",")), unit="deg")).arcsec < 1e-6
    assert used.unseen_fraction == 0.0
    images = used.images(4, 0.3)
    assert images.present.all()
    assert images.pixel_arcmin == GRID.pixel_value


def test_the_luminosity_and_mass_are_those_put_in(answer, maps):
    true_luminosity = 1e44 * (10.0**maps.log10_mass / 2e14) ** 1.4
    assert abs(answer.luminosity_erg_per_s - true_luminosity) < 4.0 * answer.sigma_luminosity_erg_per_s
    assert answer.sigma_luminosity_erg_per_s < 0.05 * true_luminosity
    assert np.log10(median(answer)) == pytest.approx(maps.log10_mass, abs=0.05)
    assert answer.flag != "out-of-domain"


@pytest.mark.parametrize("names", [("0.6-1.1",), ("1.6-2.2", "0.3-0.6")])
def test_any_subset_of_the_bands_will_do(estimator, maps, answer, names):
    some = weigh(estimator, maps, names)
    assert [one["band_kev"] for one in some.as_dict()["inputs"]] == sorted(
        list(map(float, name.split("-"))) for name in names
    )
    images = some.used.images(4, 0.3)
    assert images.present[0].tolist() == [name in names for name in NAMES]
    assert np.log10(median(some) / median(answer)) == pytest.approx(0.0, abs=0.06)


def test_the_order_of_the_bands_says_nothing(estimator, maps):
    one, other = (weigh(estimator, maps, names) for names in (NAMES, NAMES[::-1]))
    assert one.as_dict() == other.as_dict()


# ---------- exposure


def test_a_scaled_exposure_is_worth_fewer_seconds_and_more_light(estimator, maps, answer):
    scaled = weigh(estimator, maps, scale=("0.5",))
    assert scaled.used.stamp.exposure_s.max() == pytest.approx(0.5 * EROSITA.seconds)
    # The aperture grows with the luminosity: a little more than twice.
    assert 1.95 < scaled.luminosity_erg_per_s / answer.luminosity_erg_per_s < 2.4
    assert any("multiplied by 0.5 (0.3-0.6 keV)" in note for note in scaled.notes)
    assert any("seconds on the optical axis, with vignetting" in note for note in answer.notes)


def test_each_band_has_its_own_scale(maps):
    scale = tuple(f"{name}={0.5 + 0.1 * i}" for i, name in enumerate(NAMES))
    used, _ = cut_photons(some_files(maps, scale=scale), (0, 1, 2, 3), GRID, AT)
    np.testing.assert_allclose(
        used.stamp.exposure_s[:, 9, 9], EROSITA.seconds * np.array([0.5, 0.6, 0.7, 0.8])
    )


# ---------- background


def square(counts=2.0, seconds=1000.0, background=None, n=40):
    def filled(value):
        return np.full((1, n, n), float(value))

    behind = None if background is None else filled(background)
    return CountsImage(filled(counts), filled(seconds), behind, ((0.5, 2.0),), 0.5)


def test_without_a_background_the_outer_annulus_has_it():
    stamp = square()
    radius = Grid(40, 0.5 * u.arcmin, "sky").radius()
    counts = np.where(radius < 5.0, 50.0, stamp.counts)
    exposure = np.where(np.arange(40) < 20, 1000.0, 500.0) * np.ones((1, 40, 40))
    counts = np.where((radius > 5.0) & (np.arange(40) >= 20), 1.0, counts)
    full, notes = with_background(replace(stamp, counts=counts, exposure_s=exposure))
    np.testing.assert_allclose(full.background, 2e-3 * exposure)
    assert "no background was given" in notes[0]
    assert "beyond 8 arcmin" in notes[0]


def test_the_sky_is_added_to_particles():
    full, notes = with_background(square(background=0.5), add_sky=True)
    np.testing.assert_allclose(full.background, 2.0)
    assert "what the background lacks" in notes[0]
    more, _ = with_background(square(background=3.0), add_sky=True)
    np.testing.assert_allclose(more.background, 3.0)


@pytest.mark.parametrize(
    ("background", "advice"), [(0.5, "--add-sky"), (5.0, "another exposure"), (2.1, None)]
)
def test_a_background_that_is_not_what_is_there_is_noted(background, advice):
    stamp, notes = with_background(square(background=background))
    np.testing.assert_array_equal(stamp.background, background)
    assert [advice in note for note in notes] == ([] if advice is None else [True])


def test_an_annulus_without_exposure_says_nothing():
    stamp = square()
    dark = np.where(Grid(40, 0.5 * u.arcmin, "sky").radius() > 8.0, 0.0, 1000.0)[None]
    with pytest.raises(MapError, match="background cannot be estimated"):
        with_background(replace(stamp, exposure_s=dark, counts=stamp.counts * (dark > 0.0)))


def test_an_estimated_background_gives_nearly_the_same_mass(estimator, maps, answer):
    estimated = weigh(estimator, maps, background=False)
    assert np.log10(median(estimated) / median(answer)) == pytest.approx(0.0, abs=0.03)
    assert any("no background was given" in note for note in estimated.notes)
    assert "(estimated)" in answer_text(estimated)


# ---------- masks


def test_a_mask_hides_photons_and_is_counted(estimator, maps, answer):
    mask = np.ones(maps.grid.shape, "i2")
    mask[30:36, 40:46] = 0
    path = maps.write("mask.fits", mask, BUNIT=None)
    masked = weigh(estimator, maps, mask=str(path))
    assert masked.used.unseen_fraction == pytest.approx(36 / 64**2)
    assert any("0.9% of the stamp's area is masked" in note for note in masked.notes)
    assert masked.used.stamp.counts.sum() < answer.used.stamp.counts.sum()
    # Light that a mask hides is not missing: the rings have it.
    assert np.log10(median(masked) / median(answer)) == pytest.approx(0.0, abs=0.03)


# ---------- where


def test_without_a_position_an_image_as_wide_as_the_stamp_is_in_the_middle(tmp_path, estimator, maps, answer):
    answer_folder = tmp_path / "answer"
    write_answer(answer, estimator, answer_folder)
    stamp = answer_folder / "stamp.fits"
    parts = [
        [f"{name}={stamp}[{kind}_{i}]" for i, name in enumerate(NAMES)]
        for kind in ("COUNTS", "EXPOSURE", "BACKGROUND")
    ]
    again = weigh_photons(photon_files(*parts), maps.redshift, estimator)
    assert median(again, "network") == pytest.approx(median(answer, "network"), rel=1e-5)
    assert median(again) == pytest.approx(median(answer), rel=1e-5)
    assert again.center.separation(answer.center).arcsec < 0.01


def test_a_wide_image_needs_a_position(estimator, maps):
    with pytest.raises(MapError, match="Where in this image is the cluster") as caught:
        weigh(estimator, maps, center=None)
    assert caught.value.fix == "give --center RA,DEC"
    assert caught.value.where.startswith("--counts 0.3-0.6=")


def test_an_image_without_wcs_has_the_cluster_in_its_middle(tmp_path, estimator, maps, answer):
    no_wcs = dict.fromkeys(
        f"{name}{i}" for name in ("CTYPE", "CUNIT", "CRVAL", "CRPIX", "CDELT") for i in (1, 2)
    )
    bare = PhotonMaps(tmp_path)
    for kind in ("counts", "exposure", "background"):
        for name, values in zip(NAMES, maps.values(kind), strict=True):
            bare.write(bare.path(kind, name).name, values, BUNIT=None, **no_wcs)
    here = weigh(estimator, bare, center=None, pixel_arcmin=0.2)
    assert median(here) == pytest.approx(median(answer))
    assert here.center is None
    assert here.as_dict()["center_deg"] is None
    write_answer(here, estimator, tmp_path / "answer")
    assert fits.getheader(tmp_path / "answer" / "stamp.fits", "COUNTS_0")["GRIDPIX"] == pytest.approx(0.4)


def test_a_pixel_that_fits_nearly_is_taken_and_noted(tmp_path, estimator):
    maps = PhotonMaps(tmp_path, grid=Grid(72, 0.201 * u.arcmin, "sky")).written()
    near = weigh(estimator, maps)
    assert near.used.stamp.pixel_arcmin == pytest.approx(0.402)
    assert any("pixels of 0.402 arcmin are taken for 0.4 arcmin" in note for note in near.notes)


# ---------- what comes out


def test_words_and_files_agree(tmp_path, estimator, answer):
    words = answer_text(answer).splitlines()
    assert words[0].startswith("counts_0.3-0.6.fits, z = 0.3, ")
    assert "inside R500 = " in words[0]
    assert any(line.startswith("  network (photon_mass x 1)") for line in words)
    assert any(line.startswith("  band 1.6-2.2 keV: counts_1.6-2.2.fits") for line in words)
    assert any(line.startswith("  L_X(0.5-2 keV, rest frame, inside R500) = ") for line in words)
    assert "  stamp of 32 x 32 pixels of 0.4 arcmin" in words
    write_answer(answer, estimator, tmp_path / "out")
    kept = json.loads((tmp_path / "out" / "answer.json").read_text())
    assert kept.pop("estimator")["survey"]["instrument"] == "erosita_efeds"
    assert kept == json.loads(json.dumps(answer.as_dict()))
    with fits.open(tmp_path / "out" / "stamp.fits") as hdus:
        assert [hdu.name for hdu in hdus][1:4] == ["COUNTS_0", "EXPOSURE_0", "BACKGROUND_0"]
        assert (hdus["COUNTS_2"].header["E_LOW"], hdus["COUNTS_2"].header["E_HIGH"]) == BANDS[2]
        np.testing.assert_array_equal(hdus["COUNTS_3"].data, answer.used.stamp.counts[3])
        assert [hdus[f"{kind}_0"].header["BUNIT"] for kind in ("COUNTS", "EXPOSURE")] == ["ct", "s"]
    with pytest.raises(ConfigError, match="already holds an answer"):
        write_answer(answer, estimator, tmp_path / "out")


def test_a_stamp_that_cannot_be_written_leaves_no_answer(tmp_path, estimator, answer, monkeypatch):
    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zwicky.workflows.photons.answer.write_hdus", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_answer(answer, estimator, tmp_path / "out")
    assert not (tmp_path / "out" / "answer.json").exists()


# ---------- what is refused before anything is read


def refuses(match, *texts, error=ConfigError, **how):
    with pytest.raises(error, match=match) as caught:
        photon_files(*texts, **how)
    return caught.value


@pytest.mark.parametrize("text", ["a.fits", "0.5=a.fits", "0.5-2.0=", "2.0-0.5=a.fits", "x-y=a.fits"])
def test_a_band_that_cannot_be_read(text):
    assert repr(text) in refuses("photon image cannot be read", [text], ["e.fits"]).got


def test_a_band_given_twice():
    refuses("given twice", ["0.5-2=a.fits", "0.5-2.0=b.fits"], ["e.fits"])
    refuses("given twice", ["0.5-2=a.fits"], ["0.5-2=e.fits", "0.5-2.0=f.fits"])


def test_exposures_that_do_not_fit_the_bands():
    two = ["0.5-2=a.fits", "2-7=b.fits"]
    assert "none for 0.5-2, 2-7 keV" in refuses("--exposure is missing", two, []).got
    assert "none for 2-7 keV" in refuses("--exposure is missing", two, ["0.5-2=e.fits"]).got
    refuses("more than once", two, ["e.fits", "2-7=f.fits"])
    assert "--exposure 1-2=e.fits" in refuses("no counts of this band", two, ["1-2=e.fits"]).where


def test_backgrounds_that_do_not_fit_the_bands():
    two = ["0.5-2=a.fits", "2-7=b.fits"]
    refuses("A background belongs to one band", two, ["e.fits"], ["b.fits"])
    refuses("--background is missing", two, ["e.fits"], ["2-7=b.fits"])
    one = photon_files(two[:1], ["e.fits"], ["b.fits"])
    assert one.bands[0].background == "b.fits"


@pytest.mark.parametrize("scale", ["0", "-1", "nan", "inf", "half"])
def test_scales_that_are_none(scale):
    refuses("cannot be scaled", ["0.5-2=a.fits"], ["e.fits"], [], [scale])


def test_a_choice_that_is_none():
    refuses("cannot be treated", ["0.5-2=a.fits"], ["e.fits"], zero_exposure="keep")
    refuses("no background that could lack the sky", ["0.5-2=a.fits"], ["e.fits"], add_sky=True)


def test_bands_are_matched_whatever_their_order():
    assert match_bands([(1.6, 2.2), (0.3, 0.6)], BANDS) == (3, 0)
    with pytest.raises(MapError, match="no such band") as caught:
        match_bands([(0.6, 1.1), (500.0, 2000.0)], BANDS)
    assert "0.3-0.6, 0.6-1.1, 1.1-1.6, 1.6-2.2" in caught.value.expected
    assert caught.value.got == "0.6-1.1, 500-2000"
    assert "1000 times" in caught.value.fix


def test_a_redshift_the_estimator_does_not_know(estimator, maps):
    with pytest.raises(RedshiftError):
        weigh_photons(some_files(maps), 0.9, estimator, center=AT)
