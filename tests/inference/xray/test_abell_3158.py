"""A real cluster, from FITS files to a profile: as another code finds it."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.grid import Grid
from zwicky.core.masses import M500C
from zwicky.data.counts_stamps import cut_counts
from zwicky.data.fits_counts import BandFiles, read_counts
from zwicky.inference.xray.beta_model import fit_beta_models
from zwicky.inference.xray.detection import detect, source_templates
from zwicky.inference.xray.profiles import aperture_counts, radial_counts

CENTER = SkyCoord(55.7205, -53.6313, unit="deg")
REDSHIFT, MASS_MSUN = 0.059, 4.22e14  # PSZ2 G265.02-48.96


@pytest.fixture(scope="module")
def stamp(real_data):
    folder = real_data / "a3158_rosat"
    names = (folder / f"{name}_37.fits.gz" for name in ("b", "expose_mask", "back"))
    image = read_counts([BandFiles(*names, (0.42, 2.01))], zero_exposure="mask")
    return cut_counts(image, Grid(201, image.pixel_arcmin * u.arcmin, "sky"), center=CENTER)


def rings(stamp, edges=None):
    return radial_counts(
        stamp.counts[None],
        stamp.exposure_s[None],
        stamp.background[None],
        stamp.pixel_arcmin,
        edges_arcmin=edges,
    )


@pytest.mark.data
def test_the_profile_is_that_of_pyproffit(stamp, real_data):
    """Out to 6 arcmin, where the sky's own light, which the reference has taken off, is below 5 %."""
    radius, half, brightness, error = np.loadtxt(real_data / "a3158_rosat" / "reference_OP.dat")[:12, :4].T
    found = rings(stamp, np.append(0.0, radius + half))
    ours = ((found.counts - found.background) / found.exposure_arcmin2_s)[0, 0]
    pull = (ours - brightness) / error  # of the same photons: centres differ by a part of a pixel
    assert np.sqrt(np.mean(pull**2)) < 1.0
    assert np.mean(ours / brightness) == pytest.approx(1.0, abs=0.03)


@pytest.mark.data
def test_abell_3158_is_a_cluster(stamp):
    """Extended beyond doubt; its core radius and slope as of a relaxed cluster of this size."""
    cosmology = COSMOLOGIES["planck_sz"]
    theta = M500C.radius_mpc(MASS_MSUN, REDSHIFT, cosmology) * cosmology.arcmin_per_mpc(REDSHIFT)
    assert 13.0 < theta < 17.0
    found = rings(stamp, np.arange(0.0, 18.1, 0.5))
    models = fit_beta_models(found, core_prior_arcmin=theta / 6, outer_arcmin=0.7 * theta)
    assert 2.0 < models.core_radius_arcmin[0] < 4.5
    assert 0.5 < models.beta[0] < 0.8
    aperture = aperture_counts(found, 10.0)
    assert models.rate_per_s(np.array([10.0]))[0] == pytest.approx(aperture.rate_per_s[0, 0], rel=0.03)
    fine = rings(stamp)
    templates = source_templates(None, stamp.pixel_arcmin, 201, fine.edges_arcmin)
    result = detect(fine, templates)
    assert result.detection_likelihood[0] > 1000
    assert result.extent_likelihood[0] > 1000
    assert result.core_radius_arcmin[0] >= 1.6
