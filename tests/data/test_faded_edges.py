"""Apodised edges are found, and skies without one are not taken for such."""

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.errors import MapError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map
from zwicky.core.quantities import MapQuantity
from zwicky.core.randomness import Key, Stream
from zwicky.core.units import UK_CMB
from zwicky.data.faded_edges import FADED, SIGMAS, check_not_faded, faintest_side
from zwicky.mocks.microwave_settings import MicrowaveSurveySettings

T150 = MapQuantity.TEMPERATURE_150
GRID = Grid(40, 0.25 * u.arcmin, "sky")
Y_ARCMIN, X_ARCMIN = np.indices(GRID.shape) * 0.25 + 0.125  # from the lower left corner


def stamp_of(values, quantity=T150, beam=1.0, mask=None):
    grid = Grid(len(values), GRID.pixel, "sky")
    return Map(values, quantity, UK_CMB, grid, "observed", beam_arcmin=beam, mask=mask)


def stamps_of(instrument, n_squares):
    """Cut all stamps that lie side by side in squares of the microwave sky."""
    sky = MicrowaveSurveySettings(instrument=instrument).sky()
    n = sky.grid.n_pixels
    for seed in range(n_squares):
        square = sky.draw_square(Key(seed, Stream.MICROWAVE_SKY, 0, 0))
        for band, field in zip(sky.instrument.bands, square, strict=True):
            for y in range(0, len(field) - n + 1, n):
                for x in range(0, len(field) - n + 1, n):
                    yield stamp_of(field[y : y + n, x : x + n], band.name, band.beam_arcmin)


def taper(depth_arcmin, reach_arcmin):
    """A cosine from 0 at the side to 1."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(depth_arcmin / reach_arcmin, 0.0, 1.0))


def called_faded(fade):
    return fade.ratio < FADED and fade.sigmas > SIGMAS


@pytest.mark.parametrize(("instrument", "n_squares"), [("sptpol_150", 9), ("spt3g", 3)])
def test_whole_skies_are_not_refused(instrument, n_squares):
    """None of 729 each.

    Measured once with 75 and 25 squares: none of 6075 stamps of each, so that fewer than 5e-4 are, at 95 %; the largest
    was 3.4 standard deviations of the 4.5 that are asked for.
    """
    found = [faintest_side(stamp) for stamp in stamps_of(instrument, n_squares)]
    assert len(found) == 729
    assert not any(called_faded(fade) for fade in found)
    sigmas = np.array([fade.sigmas for fade in found])
    # The largest of eight sides, which know of each other: were the sigmas wrong, so would these be.
    assert 0.6 < np.median(sigmas) < 1.5
    assert 2.0 < np.quantile(sigmas, 0.99) < 3.0


@pytest.mark.parametrize("kind", ["smoothed", "coarse", "faint"])
def test_correlated_noise_is_not_refused(kind):
    """Where pixels are not independent, chance allows more; the count of independent ones says so."""
    from scipy import ndimage

    rng = np.random.default_rng(3)
    ratios = []
    for _ in range(200):
        noise = rng.standard_normal((80, 80))
        if kind == "smoothed":
            noise = ndimage.gaussian_filter(noise, 2.5, mode="wrap")
        elif kind == "coarse":
            noise = ndimage.zoom(rng.standard_normal((40, 40)), 2, order=3)
        else:
            noise = 1e-3 * noise
        fade = faintest_side(stamp_of(noise[20:60, 20:60], beam=1.5))
        assert not called_faded(fade)
        ratios.append(fade.ratio)
    if kind == "smoothed":
        assert np.mean(np.array(ratios) < FADED) > 0.05, "the ratio alone would not do"


@pytest.mark.parametrize(
    ("window", "side", "reach"),
    [
        (taper(X_ARCMIN, 3.0), "left", (1.0, 3.0)),
        (taper(10.0 - X_ARCMIN, 3.0), "right", (1.0, 3.0)),
        (taper(Y_ARCMIN, 3.0), "lower", (1.0, 3.0)),
        (taper(10.0 - Y_ARCMIN, 6.0), "upper", (2.0, 6.0)),
        (taper((X_ARCMIN + Y_ARCMIN) / np.sqrt(2.0), 6.0), "lower left", (2.5, 6.0)),
        (taper((20.0 - X_ARCMIN - Y_ARCMIN) / np.sqrt(2.0), 6.0), "upper right", (2.5, 6.0)),
        (taper((10.0 - X_ARCMIN + Y_ARCMIN) / np.sqrt(2.0), 6.0), "lower right", (2.5, 6.0)),
        (taper((10.0 + X_ARCMIN - Y_ARCMIN) / np.sqrt(2.0), 6.0), "upper left", (2.5, 6.0)),
        (taper(X_ARCMIN + 2.0, 10.0), "left", (2.0, 8.0)),
    ],
)
def test_a_taper_is_found_where_it_is(window, side, reach):
    sky = MicrowaveSurveySettings(instrument="sptpol_150").sky()
    for seed in range(10):
        fade = faintest_side(stamp_of(sky.draw(Key(seed, Stream.MICROWAVE_SKY, 1, 0))[0] * window))
        assert called_faded(fade)
        assert fade.side == side
        assert reach[0] <= fade.reach_arcmin <= reach[1]


def test_a_bright_cluster_and_a_source_are_no_taper():
    """What is bright makes the rest no louder: medians."""
    sky = MicrowaveSurveySettings(instrument="sptpol_150").sky()
    radius = np.hypot(X_ARCMIN - 5.0, Y_ARCMIN - 5.0)
    cluster = -900.0 / (1.0 + (radius / 1.5) ** 2) ** 1.2
    source = 5000.0 * np.exp(-0.5 * (np.hypot(X_ARCMIN - 7.0, Y_ARCMIN - 3.0) / 0.42) ** 2)
    for seed in range(30):
        noise = sky.draw(Key(seed, Stream.MICROWAVE_SKY, 2, 0))[0]
        assert not called_faded(faintest_side(stamp_of(noise + cluster + source)))


def test_masked_pixels_and_offsets_do_not_count():
    rng = np.random.default_rng(5)
    values = rng.standard_normal(GRID.shape)
    mask = np.zeros(GRID.shape, bool)
    mask[10:12, 3:5] = True
    holed = np.where(mask, 1e6, values)
    whole, other = faintest_side(stamp_of(values)), faintest_side(stamp_of(holed, mask=mask))
    assert other.ratio == pytest.approx(whole.ratio, abs=0.1)
    sloped = values + 1e4 + 30.0 * X_ARCMIN
    assert faintest_side(stamp_of(sloped)).sigmas == pytest.approx(whole.sigmas, abs=1e-6)


def test_numbers_without_fluctuations_say_nothing():
    values = np.zeros(GRID.shape)
    values[:5, :5] = 1.0
    assert faintest_side(stamp_of(values)).ratio == 1.0


def test_the_error_says_how_far_the_taper_reaches():
    rng = np.random.default_rng(6)
    noise = rng.standard_normal(GRID.shape)
    check_not_faded(stamp_of(noise), "a.fits")
    with pytest.raises(
        MapError, match=r"(?s)apodised edge.*a\.fits.*left side.*taper reaches \d.* arcmin or more"
    ):
        check_not_faded(stamp_of(noise * taper(X_ARCMIN, 4.0)), "a.fits")
    with pytest.raises(MapError, match="upper right corner"):
        check_not_faded(stamp_of(noise * taper((20.0 - X_ARCMIN - Y_ARCMIN) / np.sqrt(2.0), 6.0)), "a.fits")
