"""The background of two telescopes against what they counted beside clusters.

Model over measured, when these tests were written:

- eROSITA, eFEDS, 0.3-0.6 / 0.6-1.1 / 1.1-1.6 / 1.6-2.2 / 2.2-3.5 / 3.5-5 / 5-7 keV:
  1.02 / 1.21 / 0.86 / 0.92 / 0.98 / 0.96 / 1.00.
- ROSAT PSPC, A3158, 0.42-2.01 keV: 0.97; nothing is masked there, and with all of the cosmic background it is 1.03. Of
  what was measured about a fifth is neither sky nor particles (such as scattered sunlight), which the model lacks.
"""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from zwicky.instruments.photon import PhotonInstrument
from zwicky.mocks.photon_levels import Ingredients
from zwicky.mocks.photon_observer import PhotonObserver
from zwicky.mocks.photon_sources import PhotonSky

pytestmark = pytest.mark.data

BACKGROUND = Ingredients.of("background")


@pytest.mark.filterwarnings("ignore:RADECSYS")  # an old spelling in the images' headers
def test_background_of_efeds(real_data):
    """Counts/s (of the exposure without vignetting)/arcmin^2, 6 arcmin off both clusters, detected sources masked."""
    folder = real_data / "efeds_erosita" / "images"
    bands = [(0.3, 0.6), (0.6, 1.1), (1.1, 1.6), (1.6, 2.2), (2.2, 3.5), (3.5, 5.0), (5.0, 7.0)]
    with fits.open(folder / "mask.fits.gz") as file:
        use, wcs = file[0].data > 0, WCS(file[0].header)
    y, x = np.indices(use.shape)
    places = wcs.pixel_to_world(x, y)
    for ra, dec in ((140.3384, 3.2906), (140.0918, 3.0185)):
        use &= places.separation(SkyCoord(ra, dec, unit="deg")).to_value("arcmin") > 6.0
    measured = []
    for low, high in bands:
        name = f"{1000 * low:04.0f}_{1000 * high:04.0f}.fits.gz"
        counts, time_s = (fits.getdata(folder / f"{what}_{name}") for what in ("img", "expmap_norm_novig"))
        seen = use & (time_s > 0.0)
        measured.append(counts[seen].sum() / time_s[seen].sum() / (4.0 / 60.0) ** 2)
    telescope = PhotonInstrument.named("erosita_efeds").with_bands(bands).with_grid(4)
    sky, particles = PhotonObserver(telescope, PhotonSky(3e20), BACKGROUND).background()
    per_count = telescope.exposure_s * telescope.grid.pixel_value**2
    ratio = (sky + particles).mean(axis=(1, 2)) / per_count / np.array(measured)
    np.testing.assert_allclose(ratio, 1.0, atol=0.3)
    assert np.median(np.abs(ratio - 1.0)) < 0.1
    alone = particles.mean(axis=(1, 2)) / per_count / np.array(measured)
    assert np.all(alone[:4] < 0.7)  # negative control: particles without a sky


def test_background_beside_abell_3158(real_data):
    """Counts/s (of the vignetted exposure)/arcmin^2 of ROSAT, R3-R7, 30 to 50 arcmin from the middle of the field."""
    folder = real_data / "a3158_rosat"
    counts, time_s = (
        fits.getdata(folder / f"{name}_37.fits.gz").astype(float) for name in ("b", "expose_mask")
    )
    pixel_arcmin = 14.947 / 60.0
    radius = np.hypot(*(np.indices(counts.shape) - 255.5)) * pixel_arcmin
    ring = (radius > 30.0) & (radius < 50.0) & (time_s > 0.3 * time_s.max())
    measured = counts[ring].sum() / time_s[ring].sum() / pixel_arcmin**2
    telescope = PhotonInstrument.named("rosat_pspc").with_exposure(2900.0)
    sky, particles = PhotonObserver(telescope, PhotonSky(1.1e20), BACKGROUND).background()
    light, live = (float(one[0].mean()) for one in PhotonObserver(telescope, PhotonSky(), BACKGROUND).times())
    model = (sky.mean() / light + particles.mean() / live) / telescope.grid.pixel_value**2
    assert model / measured == pytest.approx(1.0, abs=0.3)
    assert particles.mean() / sky.mean() < 0.2
