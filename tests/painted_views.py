"""Views of a painted sky as FITS files, in any pixel, beam and orientation, and a mapper that remembers what it saw.

The sky is a sum of Gaussians, so that what a beam and a pixel make of it is known in closed form: variances add. (Of a
pixel, this holds up to the fourth cumulant, a few 1e-4 here.)
"""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from zwicky.core.cosmology import COSMOLOGIES, Cosmology
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity
from zwicky.inference.mapping.answer import PredictedMaps
from zwicky.workflows.mapping.views import VIEWS

CENTER = SkyCoord(195.0, 28.0, unit="deg")
AT = f"{CENTER.ra.deg},{CENTER.dec.deg}"
REDSHIFT = 0.1
COSMOLOGY = COSMOLOGIES["planck_sz"]
ARCMIN_PER_MPC = COSMOLOGY.arcmin_per_mpc(REDSHIFT)
GRID = Grid(40, 0.1 * u.Mpc, "proper")
BEAM_MPC = 0.3
SIGMA_PER_FWHM = 1.0 / np.sqrt(8.0 * np.log(2.0))

# (east, north, sigma) [Mpc] and height: a cluster, a companion, and a wide background that keeps all positive.
BLOBS = ((0.1, -0.05, 0.4, 1.0), (-0.7, 0.5, 0.25, 0.5), (0.2, 0.3, 3.0, 0.05))
PEAK = {"y": 1e-4, "xray": 5.0, "stars": 3e12}  # in the kept units
WRITTEN = {"y": ("Compton-y", 1.0), "xray": ("erg / (s kpc2)", 1e34), "stars": ("Msun / kpc2", 1e-6)}


def brightness(name, east_mpc, north_mpc, *, beam_mpc=0.0, pixel_mpc=0.0):
    """Return a view in its kept unit at offsets from CENTER, as a beam and square pixels see it."""
    extra = (beam_mpc * SIGMA_PER_FWHM) ** 2 + pixel_mpc**2 / 12.0
    total = 0.0
    for i, (east, north, sigma, height) in enumerate(BLOBS):
        variance = sigma**2 + extra
        weight = height * (
            1.0 + 0.3 * i * list(VIEWS).index(name)
        )  # the views are not multiples of each other
        square = (east_mpc - east) ** 2 + (north_mpc - north) ** 2
        total = total + weight * sigma**2 / variance * np.exp(-0.5 * square / variance)
    return PEAK[name] * total


def expected_stamp(name, grid=GRID, beam_mpc=BEAM_MPC):
    """Return what a mapper on this grid should see: north up, east to the left, pixels that hold means."""
    axis = (np.arange(grid.n_pixels) - (grid.n_pixels - 1) / 2.0) * grid.pixel_value
    north, east = np.meshgrid(axis, -axis, indexing="ij")
    return brightness(name, east, north, beam_mpc=beam_mpc, pixel_mpc=grid.pixel_value)


def wcs_of(shape, pixel_arcmin, *, turn_deg=0.0, parity=-1, matrix="CD", at=CENTER, shift=(3.3, -2.2)):
    """Return a tangent-plane WCS, turned and mirrored, whose reference point is off the image's middle."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.crval = [at.ra.deg, at.dec.deg]
    wcs.wcs.crpix = [(shape[1] + 1) / 2 + shift[0], (shape[0] + 1) / 2 + shift[1]]
    turn = np.deg2rad(turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag([parity, 1])
    if matrix == "CD":
        wcs.wcs.cd = rotation * pixel_arcmin / 60.0
    else:
        wcs.wcs.pc = rotation
        wcs.wcs.cdelt = [pixel_arcmin / 60.0] * 2
    wcs.wcs.set()
    return wcs


def offsets_mpc(wcs, shape):
    """Return (east, north) of all pixels on the tangent plane at CENTER [Mpc], by the gnomonic formulae."""
    y, x = np.indices(shape)
    sky = wcs.pixel_to_world(x, y).icrs
    ra, dec, dec0 = (sky.ra - CENTER.ra).rad, sky.dec.rad, CENTER.dec.rad
    cos_c = np.sin(dec0) * np.sin(dec) + np.cos(dec0) * np.cos(dec) * np.cos(ra)
    east = np.cos(dec) * np.sin(ra) / cos_c
    north = (np.cos(dec0) * np.sin(dec) - np.sin(dec0) * np.cos(dec) * np.cos(ra)) / cos_c
    return tuple(np.rad2deg(a) * 60.0 / ARCMIN_PER_MPC for a in (east, north))


def painted(name, wcs, shape, pixel_arcmin, beam_arcmin):
    """Return an image of a view in its kept unit."""
    east, north = offsets_mpc(wcs, shape)
    pixel, beam = (length / ARCMIN_PER_MPC for length in (pixel_arcmin, beam_arcmin))
    return brightness(name, east, north, beam_mpc=beam, pixel_mpc=pixel)


def write_view(
    path, name, *, pixel=0.4, beam=1.2, shape=(160, 170), values=None, leave_out=(), cards=None, **turned
) -> Path:
    """Write a view as any other program would: pixel and beam in arcmin; cards may be left out or changed."""
    wcs = wcs_of(shape, pixel, **turned)
    unit, factor = WRITTEN[name]
    image = factor * painted(name, wcs, shape, pixel, beam) if values is None else values
    hdu = fits.PrimaryHDU(image.astype(np.float32), header=wcs.to_header())
    header = {"BUNIT": unit, "BMAJ": beam / 60.0, "BMIN": beam / 60.0, **(cards or {})}
    hdu.header.update({key: value for key, value in header.items() if key not in leave_out})
    if "WCS" in leave_out:
        for keyword in [
            k for k in hdu.header if k.startswith(("C", "PC", "LON", "LAT", "RADE", "WCS", "MJD"))
        ]:
            del hdu.header[keyword]
    hdu.writeto(path, overwrite=True)
    return Path(path)


@dataclass(eq=False)
class FakeMapper:
    """Answers with a map that grows with each view, and remembers what it was given."""

    views: tuple[MapQuantity, ...] = tuple(view.quantity for view in VIEWS.values())
    grid: Grid = GRID
    beam: float | None = BEAM_MPC
    redshift_range: tuple[float, float] = (0.05, 0.2)
    cosmology: Cosmology = COSMOLOGY
    flag: int = 0
    with_errors: bool = True
    facts: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(model={"kind": "fake"}, provenance={"commit": "abc"})
    )
    seen: list = field(default_factory=list)

    def predict(self, maps, redshift, present):
        if redshift is not None:
            self.seen.append((maps, redshift, present))
        shown = [i for i, there in enumerate(present) if there]
        mean = np.float32(1e13) + np.float32(1e15) * (
            maps[:, shown] / maps[:, shown].max(axis=(2, 3), keepdims=True)
        ).mean(axis=1)
        if not self.with_errors:
            return PredictedMaps("fake", mean)
        half = np.full_like(mean, 0.12 / len(shown))
        radii = 0.5 * self.grid.n_pixels * self.grid.pixel_value * np.arange(1, 11)[None] / 10
        inside = self.grid.radius() < radii[0, :, None, None]
        masses = (mean[0] * inside).sum(axis=(1, 2)) * self.grid.pixel_value**2
        quantiles = masses[None, :, None] * 10.0 ** (half.max() * np.array([-2.0, -1.0, 0.0, 1.0, 2.0]))
        return PredictedMaps("fake", mean, np.log10(mean), half, 2 * half, quantiles, radii)

    def linear_masses(self, maps, present):
        return 1.1 * self.predict(maps, None, present).mass_quantiles_msun if self.with_errors else None

    def judge(self, maps, present):
        reasons = ["the brightest pixel is odd"] if self.flag else []
        return np.array([self.flag]), [reasons]
