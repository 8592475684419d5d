"""Synthetic clusters: round cores of many sizes under lognormal structure."""

import numpy as np
import pytest

from zwicky.evaluation.mapping.records import TrueMaps

N_PIXELS = 40
PIXEL_MPC = 0.1


def _clusters(n=60, n_pixels=N_PIXELS, rows_per_parent=1, seed=1):
    """Return true maps of clusters whose parents have masses of 10^13.7 to 10^15.3 Msun."""
    rng = np.random.default_rng(seed)
    axis = np.arange(n_pixels) - (n_pixels - 1) / 2
    r2 = axis[:, None] ** 2 + axis[None, :] ** 2
    log10_mass = np.repeat(rng.uniform(13.7, 15.3, n // rows_per_parent), rows_per_parent)
    core = rng.uniform(3.0, 6.0, n)
    smooth = 10 ** (log10_mass[:, None, None] - 0.5) / (1 + r2 / core[:, None, None] ** 2)
    maps = smooth * np.exp(0.2 * rng.standard_normal((n, n_pixels, n_pixels)))
    r200c_mpc = 10 ** ((log10_mass - 14.0) / 3)
    return TrueMaps(
        maps=maps.astype(np.float32),
        pixel_mpc=np.full(n, PIXEL_MPC),
        r200c_mpc=r200c_mpc,
        r500c_mpc=0.65 * r200c_mpc,
        log10_m200c=log10_mass,
        parent=np.array([f"halo-{i // rows_per_parent}" for i in range(n)]),
        physics=np.array(["gizmo" if i % 2 else "gadgetx" for i in range(n)]),
    )


@pytest.fixture(scope="session")
def make_clusters():
    """A function of (n, n_pixels, rows_per_parent, seed)."""
    return _clusters


@pytest.fixture(scope="session")
def clusters():
    """Sixty of them, each its own parent; nobody writes into them."""
    return _clusters()
