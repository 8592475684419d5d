"""Images of a painted sky for the tests, in any projection."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from zwicky.core.grid import Grid
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.data.fits_in import SkyImage

Y = MapQuantity.COMPTON_Y
CENTER = SkyCoord(195.0, 28.0, unit="deg")
PIXEL_ARCMIN, BEAM_ARCMIN = 1.5, 10.0
SIGMA_PER_FWHM = 1.0 / np.sqrt(8.0 * np.log(2.0))
GRID = Grid(41, 1.5 * u.arcmin, "sky")


def wcs_of(
    shape=(121, 131),
    *,
    kind="RA,DEC,TAN",
    pixel=PIXEL_ARCMIN,
    parity=-1,
    turn_deg=0.0,
    at=CENTER,
    axes=(0, 1),
):
    """Return a WCS around a position; the image is turned by an angle, mirrored, or has its axes swapped."""
    lon, lat, projection = kind.split(",")
    wcs = WCS(naxis=2)
    names = [f"{lon:-<4s}-{projection}", f"{lat:-<4s}-{projection}"]
    values = [at.ra.deg, at.dec.deg] if lon == "RA" else [at.galactic.l.deg, at.galactic.b.deg]
    turn = np.deg2rad(turn_deg)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag([parity, 1])
    wcs.wcs.ctype = [names[i] for i in axes]
    wcs.wcs.crval = [values[i] for i in axes]
    wcs.wcs.cd = matrix[list(axes)] * pixel / 60.0
    wcs.wcs.crpix = [(shape[1] + 1) / 2 + 3.3, (shape[0] + 1) / 2 - 2.2]
    wcs.wcs.set()
    return wcs


def image_of(values, wcs=None, *, quantity=Y, pixel=PIXEL_ARCMIN, beam=BEAM_ARCMIN, mask=None):
    mask = np.zeros(values.shape, bool) if mask is None else mask
    values = np.where(mask, np.nan, values)
    return SkyImage(values, mask, quantity, UNIT_OF[quantity], pixel, beam, wcs, path="a.fits")


def offsets_arcmin(sky, center):
    """Return (east, north) on the tangent plane at a centre, by the gnomonic formulae, without a WCS."""
    ra, dec = (sky.icrs.ra - center.ra).rad, sky.icrs.dec.rad
    dec0 = center.dec.rad
    cos_c = np.sin(dec0) * np.sin(dec) + np.cos(dec0) * np.cos(dec) * np.cos(ra)
    east = np.cos(dec) * np.sin(ra) / cos_c
    north = (np.cos(dec0) * np.sin(dec) - np.sin(dec0) * np.cos(dec) * np.cos(ra)) / cos_c
    return np.rad2deg(east) * 60.0, np.rad2deg(north) * 60.0


def sky_of(east, north):
    """Return y at a tangent-plane offset [arcmin] from CENTER: an elliptical source and a smaller companion."""
    main = np.exp(-0.5 * ((east - 2.0) ** 2 / 6.0**2 + (north + 1.0) ** 2 / 8.0**2))
    companion = 0.5 * np.exp(-0.5 * ((east + 12.0) ** 2 + (north - 9.0) ** 2) / 5.0**2)
    return 1e-5 * (main + companion)


def painted(wcs, shape=(121, 131), **options):
    y, x = np.indices(shape)
    east, north = offsets_arcmin(wcs.pixel_to_world(x, y), CENTER)
    return image_of(sky_of(east, north), wcs, **options)


def blob(shape, fwhm_arcmin, at=None, pixel=PIXEL_ARCMIN):
    y, x = np.indices(shape)
    y0, x0 = ((shape[0] - 1) / 2, (shape[1] - 1) / 2) if at is None else at
    return 1e-5 * np.exp(
        -0.5 * ((y - y0) ** 2 + (x - x0) ** 2) * (pixel / (fwhm_arcmin * SIGMA_PER_FWHM)) ** 2
    )
