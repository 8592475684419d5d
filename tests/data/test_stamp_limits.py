"""What cannot be cut says why, and so does a position that cannot be read."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from sky_images import BEAM_ARCMIN, CENTER, GRID, blob, image_of, wcs_of

from zwicky.core.errors import ConfigError, MapError
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity
from zwicky.data.stamps import cut_stamp, parse_center, tangent_wcs

SMALL = image_of(blob((61, 61), 12.0), wcs_of((61, 61)))


@pytest.mark.parametrize(
    ("image", "changes", "match"),
    [
        (SMALL, {"grid": Grid(41, 0.1 * u.Mpc, "proper")}, "cut on the sky"),
        (SMALL, {"grid": Grid(1, 1.5 * u.arcmin, "sky")}, "cut on the sky"),
        (SMALL, {"beam_arcmin": 2.9}, r"(?s)too coarse.*1\.45 arcmin"),
        (SMALL, {"beam_arcmin": 9.8}, r"(?s)blurrier.*9\.8 arcmin.*10 arcmin"),
        (SMALL, {"beam_arcmin": float("nan")}, "too coarse"),
        (SMALL, {"grid": Grid(81, 1.5 * u.arcmin, "sky")}, r"(?s)smaller than the stamp.*121.5 arcmin.*61 x 61 pixels"),
        (SMALL, {"center": None}, r"(?s)Where in this map.*--center RA,DEC"),
        (SMALL, {"center": None, "grid": Grid(61, 1.0 * u.arcmin, "sky")}, "Where in this map"),
        (image_of(blob((61, 61), 12.0)), {}, r"(?s)no WCS.*--center 195 28.*leave --center out"),
        (SMALL, {"center": SkyCoord(195.0, 29.0, unit="deg")}, r"(?s)outside the map.*195 29, 1\d"),
        (SMALL, {"center": SkyCoord(15.0, -28.0, unit="deg")}, r"(?s)outside the map.*projection does not reach"),
        (SMALL, {"center": SkyCoord(195.0, 28.4, unit="deg")}, r"(?s)over the edge.*61\.5 arcmin of.* arcmin between"),
    ],
)  # fmt: skip
def test_what_cannot_be_cut_says_why(image, changes, match):
    options = {"grid": GRID, "center": CENTER, "beam_arcmin": BEAM_ARCMIN, **changes}
    with pytest.raises(MapError, match=match):
        cut_stamp(image, options.pop("grid"), **options)


def all_sky(kind, at):
    wcs = wcs_of((180, 360), kind=f"RA,DEC,{kind}", pixel=60.0, at=at)
    wcs.wcs.crpix = [180.5, 90.5]
    return image_of(np.random.default_rng(8).standard_normal((180, 360)), wcs, pixel=60.0, beam=180.0)


def test_a_stamp_across_the_seam_of_an_all_sky_map_is_refused():
    image = all_sky("CAR", SkyCoord(0.0, 0.0, unit="deg"))
    grid = Grid(9, 60 * u.arcmin, "sky")
    assert (
        cut_stamp(image, grid, center=SkyCoord(170.0, 5.0, unit="deg"), beam_arcmin=180.0).map.values.std()
        > 0
    )
    with pytest.raises(MapError, match="seam of the projection"):
        cut_stamp(image, grid, center=SkyCoord(180.0, 5.0, unit="deg"), beam_arcmin=180.0)


def test_a_stamp_over_the_rim_of_a_hemisphere_is_refused():
    image = all_sky("SIN", CENTER)
    edge = CENTER.directional_offset_by(0 * u.deg, 89 * u.deg)
    with pytest.raises(MapError, match=r"(?s)over the edge.*projection does not reach"):
        cut_stamp(image, Grid(9, 60 * u.arcmin, "sky"), center=edge, beam_arcmin=180.0)


@pytest.mark.parametrize(("shape", "beam"), [((64, 64), 10.0), ((61, 61), 5.0)])
def test_counts_are_cut_but_never_interpolated(shape, beam):
    counts = np.random.default_rng(9).poisson(3.0, shape).astype(float)
    with pytest.raises(MapError, match="no longer be Poisson"):
        image = image_of(counts, quantity=MapQuantity.XRAY_COUNTS, beam=beam)
        cut_stamp(image, GRID, center=None, beam_arcmin=BEAM_ARCMIN)
    image = image_of(counts[:61, :61], quantity=MapQuantity.XRAY_COUNTS)
    stamp = cut_stamp(image, GRID, center=None, beam_arcmin=BEAM_ARCMIN)
    np.testing.assert_array_equal(stamp.map.values, counts[10:51, 10:51])


def test_a_tangent_wcs_is_for_the_sky():
    with pytest.raises(MapError, match="Only a grid in arcmin"):
        tangent_wcs(CENTER, Grid(8, 0.1, "scaled"))


# ---------- positions that people type


@pytest.mark.parametrize(
    "text",
    [
        "194.953,27.9806",
        " 194.953, +27.9806 ",
        "194.953 27.9806",
        "1.94953e2,2.79806E1",
        "12:59:48.72 +27:58:50.16",
        "12:59:48.72,+27:58:50.16",
        "12h59m48.72s,+27d58m50.16s",
        "12 59 48.72 +27 58 50.16",
    ],
)
def test_a_centre_is_read_in_degrees_or_sexagesimal(text):
    assert parse_center(text).separation(SkyCoord(194.953, 27.9806, unit="deg")) < 0.01 * u.arcsec


@pytest.mark.parametrize(
    "text",
    ["", "12", "1,2,3", "here,there", "nan,3", "400,3", "-1,3", "1e999,3", "10,91", "10,-1e999", "12:60:00 +3:00:00",
     "25:00:00 +3:00:00", "12:59:48.7 +91:00:00", "é,1"],
)  # fmt: skip
def test_a_centre_that_cannot_be_read_says_how_to_type_it(text):
    with pytest.raises(
        ConfigError, match=r"(?s)position on the sky cannot be read.*--center.*for example --center"
    ):
        parse_center(text)
