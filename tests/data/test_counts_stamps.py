"""Stamps of photons: whole numbers, kept photons, the right place, and still Poisson."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from scipy import stats
from sky_images import CENTER, offsets_arcmin, wcs_of

from zwicky.core.errors import MapError
from zwicky.core.grid import Grid
from zwicky.core.randomness import Key, Stream
from zwicky.data.counts_image import CountsImage
from zwicky.data.counts_stamps import cut_counts

SHAPE = (121, 131)
BANDS = ((0.5, 2.0), (2.0, 7.0))


def image_of(wcs, mean=1.0, seed=1, shape=SHAPE, exposure=None, pixel=0.5):
    counts = np.random.default_rng(seed).poisson(mean, (2, *shape)).astype(float)
    exposure = np.full((2, *shape), 3e3) if exposure is None else exposure
    return CountsImage(
        np.where(exposure > 0, counts, 0), exposure, np.full((2, *shape), 0.3), BANDS, pixel, wcs
    )


def north_up(**options):
    return wcs_of(SHAPE, pixel=0.5, **options)


def grid(n, pixel):
    return Grid(n, pixel * u.arcmin, "sky")


def with_source(image, east, north, n=50):
    """Put n photons on the pixel at a place on the tangent plane, without any other photon."""
    y, x = np.indices(image.counts.shape[1:])
    at_east, at_north = offsets_arcmin(image.wcs.pixel_to_world(x, y), CENTER)
    counts = np.zeros_like(image.counts)
    spot = np.unravel_index(np.hypot(at_east - east, at_north - north).argmin(), x.shape)
    counts[(slice(None), *spot)] = n
    return replace(image, counts=counts)


def test_whole_pixels_are_cut_out_and_added_up():
    image = image_of(north_up())
    one, four = (cut_counts(image, grid(n, pixel), center=CENTER) for n, pixel in ((80, 0.5), (20, 2.0)))
    np.testing.assert_array_equal(four.counts, one.counts.reshape(2, 20, 4, 20, 4).sum(axis=(2, 4)))
    y, x = (int(v) for v in np.rint(np.array(image.wcs.world_to_pixel(CENTER))[::-1] - 39.5))
    np.testing.assert_array_equal(one.counts, image.counts[:, y : y + 80, x : x + 80])
    assert four.pixel_arcmin == pytest.approx(2.0)
    np.testing.assert_allclose(four.background, 16 * 0.3)
    np.testing.assert_allclose(four.exposure_s, 3e3)
    assert "blocks of 4 x 4 pixels were added up" in four.notes


@pytest.mark.parametrize("n_pixels, pixel", [(80, 0.5), (41, 1.0), (20, 2.0)])
def test_the_wcs_of_added_pixels_is_right(n_pixels, pixel):
    """A source stays where it is on the sky, and the cluster within half an image pixel of the middle."""
    image = with_source(image_of(north_up()), 6.0, -3.0)
    cut = cut_counts(image, grid(n_pixels, pixel), center=CENTER)
    y, x = np.unravel_index(cut.counts[0].argmax(), cut.counts[0].shape)
    east, north = offsets_arcmin(cut.wcs.pixel_to_world(x, y), CENTER)
    assert np.hypot(east - 6.0, north + 3.0) < pixel * 0.75 + 0.3
    middle = (n_pixels - 1) / 2
    assert cut.wcs.pixel_to_world(middle, middle).separation(CENTER).arcmin <= 0.5 * np.sqrt(0.5) + 1e-6


@pytest.mark.parametrize(
    "options",
    [{"turn_deg": 30.0}, {"parity": 1}, {"kind": "RA,DEC,SIN", "turn_deg": -80.0}, {"kind": "GLON,GLAT,TAN"}],
)
@pytest.mark.parametrize("pixel", [0.5, 0.8])
def test_any_orientation_ends_north_up_with_every_photon(options, pixel):
    image = with_source(image_of(north_up(**options)), 6.0, -3.0)
    cut = cut_counts(image, grid(int(40 / pixel), pixel), center=CENTER)
    assert cut.counts.sum() == 100
    y, x = np.indices(cut.counts.shape[1:]) - (cut.counts.shape[1] - 1) / 2
    weights = cut.counts[0] / 50
    assert -(weights * x).sum() * pixel == pytest.approx(6.0, abs=0.4)
    assert (weights * y).sum() * pixel == pytest.approx(-3.0, abs=0.4)
    assert any("random place" in note for note in cut.notes)


def test_another_pixel_leaves_whole_poisson_numbers():
    """0.5 to 0.8 arcmin: the mean is that of the area, its variance is as large, and neighbours are independent."""
    image = image_of(wcs_of((300, 300), pixel=0.5), mean=2.0, shape=(300, 300))
    cut = cut_counts(image, grid(160, 0.8), center=CENTER)
    counts = cut.counts[0]
    assert np.array_equal(counts, np.rint(counts))
    n, mean = counts.size, 2.0 * 1.6**2
    assert counts.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / n))
    # Poisson: the index of dispersion follows chi2 / n.
    dispersion = ((counts - counts.mean()) ** 2).sum() / counts.mean()
    assert stats.chi2(n - 1).sf(dispersion) > 1e-4
    assert stats.chi2(n - 1).cdf(dispersion) > 1e-4
    deviation = counts - counts.mean()
    correlation = (deviation[:, 1:] * deviation[:, :-1]).mean() / counts.var()
    assert abs(correlation) < 4 / np.sqrt(n)
    np.testing.assert_allclose(cut.background[0].mean(), 0.3 * 1.6**2, rtol=1e-3)


def test_interpolation_would_not_be_poisson():
    """The negative control: what the test above rests on goes wrong with a linear interpolation."""
    from scipy import ndimage

    raw = np.random.default_rng(1).poisson(2.0, (300, 300)).astype(float)
    smooth = ndimage.zoom(raw, 0.5 / 0.8, order=1) * 1.6**2
    deviation = smooth - smooth.mean()
    n = smooth.size
    assert stats.chi2(n - 1).sf((deviation**2).sum() / smooth.mean()) < 1e-4


def test_places_are_drawn_by_key():
    image = image_of(north_up(turn_deg=10.0))
    one, same, other = (
        cut_counts(image, grid(40, 0.8), center=CENTER, key=Key(seed, Stream.PHOTONS)).counts
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    twins = replace(image, counts=np.stack([image.counts[0]] * 2))
    first, second = cut_counts(twins, grid(40, 0.8), center=CENTER).counts
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("options", [{}, {"turn_deg": 20.0}])
def test_outside_the_image_nothing_was_exposed(options):
    image = image_of(north_up(**options))
    cut = cut_counts(image, grid(150, 0.5), center=CENTER)
    assert np.all(cut.exposure_s[:, 0, 0] == 0.0)
    assert np.all(cut.counts[cut.exposure_s == 0.0] == 0.0)
    np.testing.assert_array_equal(cut.mask, (cut.exposure_s == 0.0).all(axis=0))
    assert any("was not exposed" in note for note in cut.notes)
    inside = np.s_[:, 60:90, 60:90]
    np.testing.assert_allclose(cut.exposure_s[inside], 3e3)


def test_exposure_is_averaged_over_what_a_pixel_covers():
    exposure = np.full((2, *SHAPE), 3e3)
    exposure[:, ::2] = 1e3
    cut = cut_counts(image_of(north_up(), exposure=exposure), grid(20, 2.0), center=CENTER)
    np.testing.assert_allclose(cut.exposure_s, 2e3)


def test_an_image_without_wcs_is_cut_from_its_middle():
    image = replace(image_of(None), counts=np.zeros((2, *SHAPE)))
    image.counts[:, 60, 65] = 9
    for pixel in (0.5, 1.5, 0.7):
        cut = cut_counts(image, grid(31, pixel), center=None)
        assert cut.counts[0, 14:17, 14:17].sum() == 9
        assert cut.wcs is None


@pytest.mark.parametrize(
    ("image", "grid_", "center", "words"),
    [
        (image_of(north_up()), Grid(20, 0.1 * u.Mpc, "proper"), CENTER, "cut on the sky"),
        (image_of(north_up()), grid(20, 1.0), None, "a WCS, but no position"),
        (image_of(None), grid(20, 1.0), CENTER, "a position, but no WCS"),
        (
            image_of(north_up()),
            grid(20, 1.0),
            CENTER.directional_offset_by(0 * u.deg, 1 * u.deg),
            "Less than half",
        ),
        (image_of(north_up()), grid(300, 1.0), CENTER, "Less than half"),
    ],
)
def test_what_is_no_stamp_is_refused(image, grid_, center, words):
    with pytest.raises(MapError, match=words):
        cut_counts(image, grid_, center=center)
