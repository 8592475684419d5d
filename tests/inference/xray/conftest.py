"""A small estimator of photon images that the tests of this room share."""

import numpy as np
import photon_mocks
import pytest


@pytest.fixture(scope="session")
def photon_estimator():
    return photon_mocks.photon_estimator()


@pytest.fixture(scope="session")
def fresh_photons():
    """600 images that the estimator has not seen, of many exposures and bands, and their log10 masses."""
    return photon_mocks.observed(600, 50)


@pytest.fixture(scope="session")
def full_bands(fresh_photons):
    """Those of them with all bands."""
    images, mass = fresh_photons
    rows = np.flatnonzero(images.present.all(axis=1))
    return images.selected(rows), mass[rows]
