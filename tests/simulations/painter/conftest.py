"""What tests of halo statistics share."""

import pytest
from colossus import settings
from colossus.cosmology import cosmology as universe

from zwicky.core.cosmology import COSMOLOGIES


@pytest.fixture(params=COSMOLOGIES, scope="module")
def lent_cosmology(request, tmp_path_factory):
    """One of our universes, lent to colossus, which would write to the home folder."""
    ours = COSMOLOGIES[request.param]
    before, persistence, base = universe.current_cosmo, settings.PERSISTENCE, settings.BASE_DIR
    settings.PERSISTENCE, settings.BASE_DIR = "", str(tmp_path_factory.mktemp("colossus"))
    parameters = {
        "flat": True,
        "H0": 100.0 * ours.h,
        "Om0": ours.omega_m,
        "Ob0": ours.omega_b,
        "sigma8": ours.sigma8,
        "ns": ours.n_s,
        "relspecies": False,
    }
    universe.setCosmology(f"test_{ours.name}", params=parameters, persistence="")
    yield ours
    universe.current_cosmo, settings.PERSISTENCE, settings.BASE_DIR = before, persistence, base
