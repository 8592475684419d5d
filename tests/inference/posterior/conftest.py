"""One mapper for all tests of this folder; nobody changes it."""

import pytest
from posterior_networks import assembled, data


@pytest.fixture(scope="session")
def posterior_mapper():
    return assembled()


@pytest.fixture(scope="session")
def posterior_sky():
    """Views (4, 2, 64, 64) and redshifts of four clusters."""
    found = data(4, 7)
    return found.maps.numpy(), found.redshift.numpy()
