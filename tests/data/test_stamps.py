"""Stamps: whatever the projection of the image, the same sky gives the same stamp."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from scipy.ndimage import map_coordinates
from sky_images import (
    BEAM_ARCMIN,
    CENTER,
    GRID,
    PIXEL_ARCMIN,
    SIGMA_PER_FWHM,
    Y,
    blob,
    image_of,
    offsets_arcmin,
    painted,
    sky_of,
    wcs_of,
)

from zwicky.core.errors import MapError
from zwicky.core.grid import Grid
from zwicky.data.fits_in import read_image
from zwicky.data.stamps import cut_stamp, parse_center, tangent_wcs


def expected_stamp(grid=GRID, east0=0.0, north0=0.0):
    """The stamp by definition: row 0 south, column 0 east."""
    axis = (np.arange(grid.n_pixels) - (grid.n_pixels - 1) / 2) * grid.pixel_value
    return sky_of(east0 - axis[None, :], north0 + axis[:, None])


def width_arcmin(values, pixel=PIXEL_ARCMIN):
    """Return the root-mean-square widths along (y, x) of what is in an image."""
    y, x = np.indices(values.shape)
    total = values.sum()
    variances = [(values * (i - (values * i).sum() / total) ** 2).sum() / total for i in (y, x)]
    return np.sqrt(variances) * pixel


# ---------- the same sky, the same stamp


@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"kind": "RA,DEC,SIN"},
        {"kind": "GLON,GLAT,SIN"},
        {"kind": "GLON,GLAT,TAN", "parity": 1},
        {"parity": 1},
        {"turn_deg": 30.0},
        {"turn_deg": 137.0, "parity": 1, "kind": "GLON,GLAT,SIN"},
        {"axes": (1, 0)},
        {"pixel": 1.2},
        {"kind": "RA,DEC,CAR", "at": SkyCoord(195.0, 0.0, unit="deg"), "shape": (2600, 131), "pixel": 1.5},
    ],
    ids=str,
)
def test_every_projection_gives_the_same_stamp(geometry):
    shape = geometry.get("shape", (121, 131))
    image = painted(wcs_of(**geometry), shape, pixel=geometry.get("pixel", PIXEL_ARCMIN))
    stamp = cut_stamp(image, GRID, center=CENTER, beam_arcmin=BEAM_ARCMIN)
    np.testing.assert_allclose(stamp.map.values, expected_stamp(), atol=1e-4 * 1e-5)
    assert (stamp.map.stage, stamp.map.quantity, stamp.map.beam_arcmin) == ("observed", Y, BEAM_ARCMIN)
    assert stamp.map.grid == GRID
    assert stamp.center.separation(CENTER) < 1e-6 * u.arcsec
    assert any("cubic spline" in note for note in stamp.notes)


def test_a_mirrored_sky_would_be_noticed():
    """Negative control of the test above: its source is not symmetric."""
    assert np.abs(expected_stamp()[:, ::-1] - expected_stamp()).max() > 1e-6


@pytest.mark.parametrize("pixel_arcmin", [1.0, 2.0, 3.3])
def test_flux_is_kept_on_other_pixels(pixel_arcmin):
    image = painted(wcs_of())
    grid = Grid(round(90 / pixel_arcmin), pixel_arcmin * u.arcmin, "sky")
    stamp = cut_stamp(image, grid, center=CENTER, beam_arcmin=BEAM_ARCMIN)
    # Y in arcmin^2: two Gaussians of known area.
    y_arcmin2 = 1e-5 * 2 * np.pi * (6.0 * 8.0 + 0.5 * 5.0**2)
    assert stamp.map.values.sum() * pixel_arcmin**2 == pytest.approx(y_arcmin2, rel=2e-3)


def test_pixels_that_coincide_are_not_interpolated():
    values = np.random.default_rng(1).standard_normal((60, 60))
    wide = Grid(60, PIXEL_ARCMIN * u.arcmin, "sky")
    image = image_of(values, tangent_wcs(CENTER, wide))
    stamp = cut_stamp(image, Grid(40, PIXEL_ARCMIN * u.arcmin, "sky"), center=CENTER, beam_arcmin=BEAM_ARCMIN)
    np.testing.assert_array_equal(stamp.map.values, values[10:50, 10:50])
    assert any("pixel by pixel" in note for note in stamp.notes)


@pytest.mark.parametrize("wcs", [None, wcs_of((41, 41), turn_deg=20.0)])
def test_an_image_that_is_the_stamp_comes_back_as_it_is(wcs):
    values = np.random.default_rng(2).standard_normal((41, 41))
    stamp = cut_stamp(image_of(values, wcs), GRID, center=None, beam_arcmin=BEAM_ARCMIN)
    np.testing.assert_array_equal(stamp.map.values, values)
    assert stamp.map.mask is None
    assert stamp.offset_arcmin == 0.0
    assert (stamp.center is None) == (wcs is None)
    if wcs is not None:
        assert stamp.center.separation(wcs.pixel_to_world(20, 20)) < 1e-6 * u.arcsec


def test_without_wcs_the_middle_is_cut():
    values = np.random.default_rng(3).standard_normal((61, 81))
    stamp = cut_stamp(image_of(values, pixel=1.51), GRID, center=None, beam_arcmin=BEAM_ARCMIN)
    np.testing.assert_array_equal(stamp.map.values, values[10:51, 20:61])
    assert stamp.center is None


def test_without_wcs_half_a_pixel_and_another_scale_are_interpolated():
    for shape, pixel in (((64, 64), 1.5), ((91, 91), 1.0)):
        image = image_of(blob(shape, 12.0, pixel=pixel), pixel=pixel)
        stamp = cut_stamp(image, GRID, center=None, beam_arcmin=BEAM_ARCMIN)
        np.testing.assert_allclose(stamp.map.values, blob((41, 41), 12.0), atol=2e-4 * 1e-5)


def test_cutting_a_window_first_makes_no_difference():
    """Against the slow reference: the spline through all pixels of an image of pure noise."""
    values = np.random.default_rng(10).standard_normal((120, 120))
    stamp = cut_stamp(
        image_of(values), Grid(41, 1.53 * u.arcmin, "sky"), center=None, beam_arcmin=BEAM_ARCMIN
    )
    axis = 59.5 + (np.arange(41) - 20) * 1.53 / PIXEL_ARCMIN
    reference = map_coordinates(values, np.meshgrid(axis, axis, indexing="ij"), order=3)
    np.testing.assert_allclose(stamp.map.values, reference, atol=1e-6)


# ---------- beams


@pytest.mark.parametrize("wcs", [None, wcs_of((101, 101)), wcs_of((101, 101), turn_deg=40)])
def test_beams_add_in_quadrature(wcs):
    source_arcmin, has_arcmin, wants_arcmin = 8.0, 5.0, 12.0
    before = np.hypot(source_arcmin, has_arcmin)
    image = image_of(blob((101, 101), before), beam=has_arcmin)
    if wcs is not None:
        wcs.wcs.crpix = [51, 51]
        image = image_of(image.values, wcs, beam=has_arcmin)
    grid = Grid(61, 1.5 * u.arcmin, "sky")
    stamp = cut_stamp(image, grid, center=None if wcs is None else CENTER, beam_arcmin=wants_arcmin)
    fwhm = width_arcmin(stamp.map.values) / SIGMA_PER_FWHM
    np.testing.assert_allclose(fwhm, np.hypot(source_arcmin, wants_arcmin), rtol=2e-3)
    assert stamp.map.values.sum() == pytest.approx(image.values.sum(), rel=1e-3)
    assert stamp.map.beam_arcmin == wants_arcmin
    assert any("smoothed from a beam of 5 to 12 arcmin" in note and "noise" in note for note in stamp.notes)


def test_the_kernel_follows_a_projection_that_stretches_the_sky():
    """At declination 60 deg a plate carree has pixels half as wide on the sky as they are high."""
    at = SkyCoord(10.0, 60.0, unit="deg")
    wcs = wcs_of((81, 201), kind="RA,DEC,CAR", at=SkyCoord(10.0, 0.0, unit="deg"))
    wcs.wcs.crpix = [101, 41 - 60 * 60 / PIXEL_ARCMIN]
    y, x = np.indices((81, 201))
    east, north = offsets_arcmin(wcs.pixel_to_world(x, y), at)
    sigma = 6.0 * SIGMA_PER_FWHM
    image = image_of(1e-5 * np.exp(-0.5 * (east**2 + north**2) / sigma**2), wcs, beam=6.0)
    stamp = cut_stamp(image, GRID, center=at, beam_arcmin=12.0)
    np.testing.assert_allclose(width_arcmin(stamp.map.values) / SIGMA_PER_FWHM, 12.0, rtol=5e-3)


@pytest.mark.parametrize("beam", [9.95, 10.05])
def test_a_beam_that_agrees_within_a_percent_is_left_alone(beam):
    values = np.random.default_rng(4).standard_normal((41, 41))
    stamp = cut_stamp(image_of(values, beam=beam), GRID, center=None, beam_arcmin=10.0)
    np.testing.assert_array_equal(stamp.map.values, values)


def test_what_lies_beside_the_stamp_is_smoothed_into_it():
    """A source 25 arcmin beyond the edge, 18 or more image pixels: the kernel reaches it, the spline does not."""
    at = (80, 80 + 20 + 17)
    before, after = (blob((161, 161), fwhm, at) for fwhm in (10.0, 40.0))
    stamp = cut_stamp(image_of(before), GRID, center=None, beam_arcmin=40.0)
    expected = after[60:101, 60:101] * (10.0 / 40.0) ** 2  # the flux is spread over a larger area
    assert expected.max() > 1e-8
    np.testing.assert_allclose(stamp.map.values, expected, atol=1e-3 * expected.max())


# ---------- recentring


@pytest.mark.parametrize(("dy", "dx"), [(0.0, 0.0), (3.0, -4.5), (-2.3, 5.1)])
@pytest.mark.parametrize("with_wcs", [False, True])
def test_recentring_finds_a_known_offset(with_wcs, dy, dx):
    shape = (101, 101)
    wcs = tangent_wcs(CENTER, Grid(101, 1.5 * u.arcmin, "sky")) if with_wcs else None
    values = blob(shape, 12.0, at=(50 + dy / 1.5, 50 + dx / 1.5))
    values += 3.0 * blob(shape, 12.0, at=(50 + 20, 50 + 20))  # brighter, but 42 arcmin away
    values += 1e-7 * np.random.default_rng(5).standard_normal(shape)
    stamp = cut_stamp(
        image_of(values, wcs),
        GRID,
        center=CENTER if with_wcs else None,
        beam_arcmin=BEAM_ARCMIN,
        recentre_arcmin=10.0,
    )
    assert stamp.offset_arcmin == pytest.approx(np.hypot(dy, dx), abs=0.15)
    assert any(note.startswith("recentred by") for note in stamp.notes)
    if with_wcs:
        true_center = wcs.pixel_to_world(50 + dx / 1.5, 50 + dy / 1.5)
        assert stamp.center.separation(true_center).arcmin < 0.15
    calm = stamp.map.values[18:23, 18:23]
    np.testing.assert_allclose(calm, blob((41, 41), 12.0)[18:23, 18:23], atol=1e-6)


def test_a_peak_at_the_edge_of_the_search_is_noted():
    image = image_of(blob((101, 101), 12.0, at=(50, 62)))
    stamp = cut_stamp(image, GRID, center=None, beam_arcmin=BEAM_ARCMIN, recentre_arcmin=6.0)
    assert any("edge of the search radius" in note for note in stamp.notes)
    assert stamp.offset_arcmin <= 6.0 + 0.75


def test_a_search_wider_than_the_stamp_ends_at_its_edge():
    slope = np.indices((141, 141)).sum(axis=0) * 1e-7
    stamp = cut_stamp(image_of(slope), GRID, center=None, beam_arcmin=BEAM_ARCMIN, recentre_arcmin=100.0)
    assert stamp.offset_arcmin == pytest.approx(np.hypot(30.0, 30.0))  # its corner


def test_an_image_that_is_the_stamp_has_no_room_to_move():
    image = image_of(blob((41, 41), 12.0, at=(20, 23)), wcs_of((41, 41)))
    with pytest.raises(
        MapError, match=r"(?s)over the edge.*3\.\d+ arcmin between its outermost pixels and the map"
    ):
        cut_stamp(image, GRID, center=None, beam_arcmin=BEAM_ARCMIN, recentre_arcmin=6.0)


@pytest.mark.parametrize("radius", [0.0, -1.0, float("nan")])
def test_a_radius_of_recentring_is_positive(radius):
    with pytest.raises(MapError, match="radius of recentring must be positive"):
        cut_stamp(image_of(blob((61, 61), 12.0)), GRID, center=None, beam_arcmin=10.0, recentre_arcmin=radius)


# ---------- pixels without measurement


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_few_missing_pixels_are_filled_from_around_them_and_marked(shift):
    shape = (61, 61)
    values = np.full(shape, 3e-6) + 1e-9 * np.random.default_rng(6).standard_normal(shape)
    mask = np.zeros(shape, bool)
    mask[28:31, 30] = True
    mask[0, 0] = True  # outside the stamp
    wcs = tangent_wcs(CENTER, Grid(61, 1.5 * u.arcmin, "sky"))
    center = SkyCoord(CENTER.ra, CENTER.dec + shift * 1.5 * u.arcmin)
    stamp = cut_stamp(image_of(values, wcs, mask=mask), GRID, center=center, beam_arcmin=BEAM_ARCMIN)
    np.testing.assert_allclose(stamp.map.values, 3e-6, atol=6e-9)
    assert stamp.map.mask.sum() == (3 if shift == 0.0 else 4)
    assert any("have no measurement" in note for note in stamp.notes)


def test_many_missing_pixels_are_refused_unless_allowed():
    values = np.random.default_rng(7).standard_normal((41, 41))
    mask = np.zeros((41, 41), bool)
    mask[:2] = True
    image = image_of(values, mask=mask)
    with pytest.raises(MapError, match=r"(?s)no measurement.*at most 0.02.*0.0488"):
        cut_stamp(image, GRID, center=None, beam_arcmin=10.0)
    assert (
        cut_stamp(image, GRID, center=None, beam_arcmin=10.0, max_masked_fraction=0.05).map.mask.sum() == 82
    )


def test_a_stamp_without_any_measurement_is_refused_even_if_allowed():
    mask = np.zeros((61, 61), bool)
    mask[5:56, 5:56] = True
    with pytest.raises(MapError, match="no measurement"):
        cut_stamp(
            image_of(np.ones((61, 61)), mask=mask),
            GRID,
            center=None,
            beam_arcmin=10.0,
            max_masked_fraction=1.0,
        )


def test_a_hole_does_not_spoil_what_is_smoothed():
    values = np.full((101, 101), 3e-6)
    mask = np.zeros(values.shape, bool)
    mask[:, 72:] = True  # beyond the stamp, within the reach of the kernel
    stamp = cut_stamp(image_of(values, mask=mask, beam=5.0), GRID, center=None, beam_arcmin=10.0)
    np.testing.assert_allclose(stamp.map.values, 3e-6, rtol=1e-12)
    assert stamp.map.mask is None


# ---------- real maps


@pytest.fixture(scope="module")
def coma(real_data):
    folder = real_data / "coma_planck"
    names = {"full": "G", "first": "first", "last": "last"}
    paths = {key: folder / f"map2048_MILCA_Coma_20deg_{name}.fits.gz" for key, name in names.items()}
    return {key: read_image(path, Y, beam_arcmin=10.0) for key, path in paths.items()}


COMA = "194.953,27.9806"
PLANCK_GRID = Grid(96, 1.7177 * u.arcmin, "sky")


@pytest.mark.data
def test_coma_is_the_same_in_galactic_sin_and_in_equatorial_tan(coma):
    """The full map against the mean of the half-ring maps: other projection, handedness and north."""
    center = parse_center(COMA)
    stamps = {key: cut_stamp(one, PLANCK_GRID, center=center, beam_arcmin=10.0) for key, one in coma.items()}
    full = stamps["full"].map.values
    halves = 0.5 * (stamps["first"].map.values + stamps["last"].map.values)
    assert halves.max() == pytest.approx(full.max(), rel=0.03)
    peaks = [np.array(np.unravel_index(np.argmax(one), one.shape)) for one in (full, halves)]
    assert np.abs(peaks[0] - peaks[1]).max() <= 1
    assert np.corrcoef(full.ravel(), halves.ravel())[0, 1] > 0.99
    assert np.corrcoef(full[:, ::-1].ravel(), halves.ravel())[0, 1] < 0.97  # negative control: a mirrored sky


@pytest.mark.data
def test_coma_is_found_from_a_wrong_position(coma):
    near = SkyCoord(194.95, 27.98 + 12.0 / 60.0, unit="deg")
    stamp = cut_stamp(coma["full"], PLANCK_GRID, center=near, beam_arcmin=10.0, recentre_arcmin=20.0)
    assert stamp.center.separation(parse_center(COMA)).arcmin < 5.0  # half a beam
    assert stamp.offset_arcmin == pytest.approx(12.0, abs=5.0)


@pytest.mark.data
def test_a_planck_cutout_is_the_stamp_as_it_is(real_data):
    path = real_data / "psz2_g359" / "PSZ2G359.07-32.12.fits"
    image = read_image(path, Y, unit="Compton-y", pixel_arcmin=1.7177, beam_arcmin=10.0)
    stamp = cut_stamp(image, PLANCK_GRID, center=None, beam_arcmin=10.0)
    np.testing.assert_array_equal(stamp.map.values, image.values)
