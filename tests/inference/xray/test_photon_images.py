"""Photon images: what stands where, which bands are there, and that thinning is a shorter exposure."""

from dataclasses import replace

import numpy as np
import pytest
from photon_mocks import observed, survey
from scipy.stats import binom, chisquare

from zwicky.core.errors import MapError
from zwicky.core.randomness import Key, Stream
from zwicky.inference.xray.images import CHUNK, PhotonImages
from zwicky.inference.xray.profiles import radial_counts

KEY = Key(7, Stream.THINNING)


def small(n=3, bands=2, pixels=8, each=4.0):
    """n images of other numbers, with one background and exposure for all."""
    counts = np.arange(n * bands * pixels**2, dtype=np.float32).reshape(n, bands, pixels, pixels) % 7
    flat = np.ones((1, bands, pixels, pixels), np.float32)
    return PhotonImages(counts, 0.5 * flat, each * flat, np.linspace(0.1, 0.3, n), 0.4)


def test_a_network_sees_counts_then_background_then_exposure():
    images = small()
    stacked = images.stacked()
    assert stacked.shape == (3, 6, 8, 8)
    assert stacked.dtype == np.float32
    np.testing.assert_array_equal(stacked[:, :2], images.counts)
    assert (stacked[:, 2:4] == 0.5).all()
    assert (stacked[:, 4:] == 4.0).all()
    np.testing.assert_array_equal(images.stacked(slice(1, 2)), stacked[1:2])
    np.testing.assert_array_equal(images.stacked(np.array([2, 0])), stacked[[2, 0]])


def test_bands_can_be_absent():
    images = small()
    assert images.present.all()
    assert [bands for bands, _ in images.band_sets()] == [(0, 1)]
    one = images.with_bands([1])
    assert one.present.tolist() == [[False, True]] * 3
    assert one.counts[:, 0].sum() == one.background[:, 0].sum() == one.exposure_s[:, 0].sum() == 0.0
    np.testing.assert_array_equal(one.counts[:, 1], images.counts[:, 1])
    sets = dict(observed(60, 1)[0].band_sets())
    assert {bands: len(rows) for bands, rows in sets.items()} == {(0, 1): 10, (2,): 10, (0, 1, 2): 40}
    assert sorted(np.concatenate(list(sets.values()))) == list(range(60))


def test_rows_can_be_chosen():
    images = observed(10, 2)[0]
    some = images.selected(np.array([7, 2]))
    assert len(some) == 2
    np.testing.assert_array_equal(some.counts, images.counts[[7, 2]])
    np.testing.assert_array_equal(some.exposure_s, images.exposure_s[[7, 2]])
    assert small().selected(slice(0, 2)).background.shape == (1, 2, 8, 8)
    parts = small(5).parts(2)
    assert [len(part) for part in parts] == [2, 2, 1]
    assert parts[2].redshift[0] == 0.3
    assert [len(part) for part in small(5).selected(slice(0, 0)).parts()] == [0]


def test_profiles_are_those_of_all_images_at_once():
    images = small(CHUNK + 3, bands=1)
    whole = radial_counts(images.counts, images.exposure_s, images.background, 0.4)
    found = images.profiles()
    for name in (
        "edges_arcmin",
        "counts",
        "background",
        "background_sigma",
        "exposure_arcmin2_s",
        "ring_arcmin2",
    ):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))


def test_images_of_a_survey_have_its_exposure_and_background():
    counts = np.zeros((2, 3, 24, 24))
    images = PhotonImages.of_survey(survey(), counts, np.array([0.2, 0.3]))
    sky, particles = survey().observer.background()
    np.testing.assert_allclose(images.background[0], sky + particles, rtol=1e-6)
    np.testing.assert_allclose(images.exposure_s[0], survey().observer.times()[0], rtol=1e-6)
    assert images.pixel_arcmin == survey().grid.pixel_value
    assert images.stacked().shape == (2, 9, 24, 24)


def test_thinned_counts_are_binomial():
    n, fraction = 5, 0.3
    flat = np.ones((1, 1, 150, 150), np.float32)
    images = PhotonImages(n * np.ones((2, 1, 150, 150), np.float32), flat, flat, np.array([0.1, 0.2]), 0.4)
    thinned = images.thinned(np.full(2, fraction), KEY)
    found = np.bincount(thinned.counts.astype(int).ravel(), minlength=n + 1)
    expected = binom.pmf(np.arange(n + 1), n, fraction) * thinned.counts.size
    assert chisquare(found, expected).pvalue > 1e-3
    assert (
        chisquare(found, binom.pmf(np.arange(n + 1), n, 0.31) * expected.sum()).pvalue < 1e-3
    )  # it would be seen
    assert abs(np.corrcoef(thinned.counts[0].ravel(), thinned.counts[1].ravel())[0, 1]) < 0.03
    np.testing.assert_allclose(thinned.background, fraction, rtol=1e-6)
    np.testing.assert_allclose(thinned.exposure_s, fraction, rtol=1e-6)


@pytest.mark.parametrize(
    ("n", "fraction"), [(1, 0.5), (1, 1e-4), (3, 0.9), (40, 0.02), (1e5, 0.37), (1e5, 1e-5)]
)
def test_each_pixel_is_the_inverse_of_its_distribution(n, fraction):
    flat = np.ones((1, 1, 30, 30), np.float32)
    images = PhotonImages(np.float32(n) * flat, flat, flat, np.array([0.1]), 0.4)
    uniform = KEY.uniform(900)
    expected = binom.ppf(uniform, n, fraction)
    np.testing.assert_array_equal(images.thinned(np.array([fraction]), KEY).counts.ravel(), expected)


def test_all_of_an_exposure_is_the_image_and_each_image_draws_by_itself():
    images, _ = observed(4, 3)
    whole = images.thinned(np.ones(4), KEY)
    np.testing.assert_array_equal(whole.counts, images.counts)
    part = np.array([0.5, 0.2, 1.0, 0.1])
    thinned = images.thinned(part, KEY)
    assert (thinned.counts <= images.counts).all()
    np.testing.assert_array_equal(thinned.present, images.present)
    last = images.selected(slice(3, 4)).thinned(part[3:], replace(KEY, cluster=3))
    np.testing.assert_array_equal(last.counts[0], thinned.counts[3])


@pytest.mark.parametrize("fraction", [[0.5, 0.5], [0.5, 0.5, 0.0], [0.5, 0.5, 1.1], [0.5, np.nan, 0.5]])
def test_images_are_not_thinned_to_more_or_nothing(fraction):
    with pytest.raises(MapError, match="cannot be thinned"):
        small().thinned(np.array(fraction), KEY)


def test_images_that_do_not_fit_are_refused():
    images = small()
    for wrong in (
        {"counts": images.counts[:, :1]},
        {"background": images.background[0]},
        {"exposure_s": np.ones((2, 2, 8, 8))},
        {"redshift": np.ones(2)},
    ):
        with pytest.raises(MapError, match="do not fit together"):
            replace(images, **wrong)


@pytest.mark.parametrize("name", ["counts", "background", "exposure_s"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_numbers_that_cannot_be_are_refused(name, value):
    images = small()
    values = getattr(images, name).copy()
    values[0, 1, 2, 3] = value
    with pytest.raises(MapError, match=f"{name} of photon images cannot be"):
        replace(images, **{name: values})


@pytest.mark.parametrize("name", ["counts", "background"])
def test_an_absent_band_holds_nothing(name):
    images = small(3)
    absent = images.with_bands([0])
    with pytest.raises(MapError, match=rf"without exposure has {name}(.|\n)*image 0, band 1"):
        replace(absent, **{name: getattr(images, name)})
