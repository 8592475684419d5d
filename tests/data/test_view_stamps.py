"""A view of any pixel, beam and orientation becomes the stamp that the same sky gives on the mapper's own pixels."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.wcs import Sip
from scipy.ndimage import gaussian_filter
from scipy.special import erf

from painted_views import (
    ARCMIN_PER_MPC,
    BEAM_MPC,
    CENTER,
    GRID,
    SIGMA_PER_FWHM,
    expected_stamp,
    painted,
    wcs_of,
)
from zwicky.core.errors import MapError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.data import view_stamps
from zwicky.data.fits_in import SkyImage
from zwicky.data.stamps import Stamp, tangent_wcs
from zwicky.data.view_stamps import cut_view, made_positive

Y = MapQuantity.COMPTON_Y
SKY = Grid(GRID.n_pixels, GRID.pixel_value * ARCMIN_PER_MPC * u.arcmin, "sky")
BEAM_ARCMIN = BEAM_MPC * ARCMIN_PER_MPC
TOLERANCE = 6e-3  # of the peak; the pixels of an image coarser than the stamp blur it a second time


def image_of(values, wcs, pixel, beam, mask=None):
    mask = np.zeros(values.shape, bool) if mask is None else mask
    return SkyImage(np.where(mask, np.nan, values), mask, Y, UNIT_OF[Y], pixel, beam, wcs, path="a.fits")


def view(pixel, beam=1.2, *, side_arcmin=60.0, mask=None, **turned):
    shape = (round(side_arcmin / pixel), round(side_arcmin / pixel) + 7)
    wcs = wcs_of(shape, pixel, **turned)
    return image_of(painted("y", wcs, shape, pixel, beam), wcs, pixel, beam, mask)


def cut(image, center=CENTER):
    return cut_view(image, SKY, center=center, beam_arcmin=BEAM_ARCMIN)


def error_of(stamp):
    truth = expected_stamp("y")
    return np.abs(stamp.map.values - truth).max() / truth.max()


@pytest.mark.parametrize(
    ("pixel", "beam", "turned"),
    [
        (0.3, 1.2, {}),
        (0.3, 1.2, {"turn_deg": 33.0}),
        (0.3, 1.2, {"parity": 1}),
        (0.3, 1.2, {"turn_deg": 200.0, "parity": 1, "matrix": "PC"}),
        (0.1, 0.5, {"turn_deg": 70.0}),  # nine times finer: binned first
        (0.1, 0.5, {"turn_deg": 70.0, "parity": 1, "matrix": "PC"}),
        (0.45, 2.0, {"turn_deg": -15.0}),
        (0.6, BEAM_ARCMIN, {}),  # nothing to smooth
        (0.9, 2.0, {"turn_deg": 45.0}),
        (1.2, 2.5, {}),  # coarser than the stamp
    ],
)
def test_every_view_of_a_sky_becomes_the_same_stamp(pixel, beam, turned):
    stamp = cut(view(pixel, beam, **turned))
    assert stamp.map.grid == SKY
    assert (stamp.map.unit, stamp.map.beam_arcmin) == (UNIT_OF[Y], BEAM_ARCMIN)
    assert error_of(stamp) < TOLERANCE


def test_the_comparison_sees_a_turn_a_shift_and_a_wrong_beam():
    off = CENTER.directional_offset_by(0 * u.deg, 0.2 * u.arcmin)
    assert error_of(cut(view(0.3), center=off)) > 0.01
    image = view(0.3)
    assert error_of(cut(replace(image, beam_arcmin=0.5))) > 0.01
    assert error_of(cut(replace(image, wcs=wcs_of(image.values.shape, 0.3, turn_deg=3.0)))) > 0.01


def test_pixels_hold_means_not_samples():
    """A source narrower than a pixel, against the error function: the mean over a pixel is not its middle."""
    pixel, sigma = 0.1, 0.5  # [arcmin]
    shape = (401, 401)
    wcs = wcs_of(shape, pixel, shift=(0.0, 0.0))
    y, x = (np.indices(shape) - 200) * pixel
    image = image_of(np.exp(-0.5 * (x**2 + y**2) / sigma**2) + 1e-6, wcs, pixel, 1.0)
    stamp = cut_view(image, SKY, center=CENTER, beam_arcmin=1.0)
    edges = (np.arange(41) - 20) * SKY.pixel_value
    along = np.diff(erf(edges / sigma / np.sqrt(2.0))) * np.sqrt(np.pi / 2.0) * sigma / SKY.pixel_value
    middles = np.exp(-0.5 * ((edges[1:] + edges[:-1]) / 2 / sigma) ** 2)
    np.testing.assert_allclose(stamp.map.values, np.outer(along, along), atol=4e-3)
    assert np.abs(stamp.map.values - np.outer(middles, middles)).max() > 0.02


def test_surface_brightness_is_kept():
    """The integral over the stamp is that of the source, whatever the pixels: nothing is lost or counted twice."""
    sigma = 3.0  # [arcmin]
    for pixel in (0.07, 0.1, 0.3, 0.5, 0.9, 1.2):
        n = 2 * round(25.0 / pixel) + 1
        wcs = wcs_of((n, n), pixel, turn_deg=10.0)
        y, x = np.indices((n, n)) - np.array(wcs.wcs.crpix)[::-1, None, None] + 1
        blob = np.exp(-0.5 * (x**2 + y**2) * (pixel / sigma) ** 2)
        stamp = cut(image_of(blob, wcs, pixel, 1.2 if pixel < 0.6 else 2.4))
        assert stamp.map.values.sum() * SKY.pixel_value**2 == pytest.approx(2 * np.pi * sigma**2, rel=2e-3), (
            pixel
        )


def test_pixels_that_divide_those_of_the_stamp_are_averaged_exactly():
    fine = Grid(3 * 40, SKY.pixel / 3, "sky")
    values = np.random.default_rng(1).uniform(1.0, 2.0, fine.shape)
    image = image_of(values, tangent_wcs(CENTER, fine), fine.pixel_value, BEAM_ARCMIN)
    stamp = cut(image)
    np.testing.assert_allclose(stamp.map.values, values.reshape(40, 3, 40, 3).mean(axis=(1, 3)), rtol=1e-12)
    assert any("3 x 3" in note for note in stamp.notes)


@pytest.mark.parametrize("wcs", [tangent_wcs(CENTER, SKY), None])
def test_the_stamp_of_a_stamp_is_itself(wcs):
    values = np.random.default_rng(2).uniform(1.0, 2.0, SKY.shape)
    stamp = cut(image_of(values, wcs, SKY.pixel_value, BEAM_ARCMIN), center=None if wcs is None else CENTER)
    np.testing.assert_array_equal(stamp.map.values, values)
    assert (stamp.center is None) == (wcs is None)


def test_without_a_wcs_the_cluster_is_in_the_middle():
    shape = (151, 151)
    wcs = wcs_of(shape, 0.3, shift=(0.0, 0.0))
    image = image_of(painted("y", wcs, shape, 0.3, 1.2), None, 0.3, 1.2)
    assert error_of(cut(image, center=None)) < TOLERANCE
    # One column more, very fine: what does not fill a block is left out on both sides.
    fine = (903, 904)
    wcs = wcs_of(fine, 0.05, shift=(0.0, 0.0))
    binned = cut(image_of(painted("y", wcs, fine, 0.05, 1.2), None, 0.05, 1.2), center=None)
    assert any("4 x 4 pixels were averaged first" in note for note in binned.notes)
    assert error_of(binned) < TOLERANCE


def test_binning_changes_nothing_but_the_time(monkeypatch):
    image = view(0.1, 0.5, turn_deg=20.0)
    binned = cut(image)
    monkeypatch.setattr(view_stamps, "_binned", lambda image, n: image)
    whole = cut(image)
    np.testing.assert_allclose(binned.map.values, whole.map.values, atol=2e-3 * whole.map.values.max())
    assert any("averaged first" in note for note in binned.notes)
    assert not any("averaged first" in note for note in whole.notes)


def test_a_distorted_wcs_is_not_binned():
    image = view(0.1, 0.5)
    nothing = np.zeros((3, 3))
    image.wcs.sip = Sip(nothing, nothing, None, None, image.wcs.wcs.crpix)
    image.wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    stamp = cut(image)
    assert not any("averaged first" in note for note in stamp.notes)
    assert error_of(stamp) < TOLERANCE


@pytest.mark.parametrize("pixel", [0.1, 0.3])
def test_holes_are_filled_marked_and_counted(pixel):
    image = view(pixel)
    inside = round(0.9 / pixel)
    mask = np.zeros(image.values.shape, bool)
    y, x = (length // 2 for length in mask.shape)
    mask[y : y + inside, x : x + inside] = True
    stamp = cut(image_of(np.where(mask, 0.0, image.values), image.wcs, pixel, 1.2, mask))
    assert 1 <= stamp.map.mask.sum() <= 9
    assert any("no measurement" in note for note in stamp.notes)
    assert error_of(stamp) < 0.1
    mask[y - 10 * inside : y + 10 * inside, x - 10 * inside : x + 10 * inside] = True
    with pytest.raises(MapError, match="Too much of the stamp has no measurement"):
        cut(image_of(image.values, image.wcs, pixel, 1.2, mask))


@pytest.mark.parametrize(
    ("image", "match"),
    [
        (view(1.5), "too coarse for the beam"),
        (view(0.3, 3.0), "blurrier than"),
        (view(0.3, side_arcmin=30.0), "smaller than the stamp"),
        (view(0.3, side_arcmin=38.0, shift=(20.0, 0.0)), "over the edge"),
        (view(0.3, shift=(200.0, 0.0)), "outside the map"),
    ],
)
def test_what_cannot_be_a_stamp_is_refused(image, match):
    with pytest.raises(MapError, match=match):
        cut(image)


def stamp_of(values):
    return Stamp(Map(values, Y, UNIT_OF[Y], SKY, "observed"), None, 0.0, ("cut",))


def test_a_positive_stamp_is_left_alone():
    stamp = stamp_of(expected_stamp("y"))
    assert made_positive(stamp, "a.fits") is stamp


@pytest.mark.parametrize("bad", [0.0, -1e-6])
def test_a_few_pixels_are_lifted_with_a_note(bad):
    values = expected_stamp("y")
    faint = np.unravel_index(np.argsort(values, axis=None)[:32], values.shape)  # 2 % of 1600
    values[faint] = bad
    stamp = made_positive(stamp_of(values), "a.fits")
    floor = np.quantile(values[values > 0.0], 0.01)
    np.testing.assert_array_equal(stamp.map.values[faint], floor)
    np.testing.assert_array_equal(stamp.map.values[values > 0.0], values[values > 0.0])
    assert stamp.notes == ("cut", f"32 of 1600 pixels are not positive, and were set to {floor:.3g}")


def test_many_are_refused():
    values = expected_stamp("y")
    values[np.unravel_index(np.argsort(values, axis=None)[:33], values.shape)] = 0.0
    with pytest.raises(MapError, match="Too many pixels are zero or negative") as refused:
        made_positive(stamp_of(values), "a.fits")
    assert "33 of 1600" in str(refused.value)
    assert "a.fits" in str(refused.value)


def test_the_painted_sky_is_what_it_claims():
    """The closed form against a numerical mean over a pixel and a numerical beam."""
    fine = Grid(40 * 5, 0.02 * u.Mpc, "proper")
    bare = expected_stamp("y", replace(fine, pixel=0.02 * u.Mpc), 0.0)
    smooth = gaussian_filter(bare, BEAM_MPC * SIGMA_PER_FWHM / 0.02, mode="nearest")
    means = smooth.reshape(40, 5, 40, 5).mean(axis=(1, 3))[6:-6, 6:-6]
    np.testing.assert_allclose(means, expected_stamp("y")[6:-6, 6:-6], rtol=2e-3)
