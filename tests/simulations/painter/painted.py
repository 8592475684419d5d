"""Paint an anatomy in tests, with emissivities that make columns easy to check."""

from __future__ import annotations

import numpy as np

from zwicky.core.quantities import MapQuantity as Q
from zwicky.physics.constants import Y_PER_KEV_CM3_MPC
from zwicky.simulations.painter.painting.lookup import FINE_BITS, KEV_OCTAVES, nodes
from zwicky.simulations.painter.painting.paint import Pixels, paint, project_columns
from zwicky.simulations.painter.painting.scene import prepare
from zwicky.simulations.painter.painting.turbulence import environment_field, turbulence_field

DEPTH_MPC = 12.8
N_KEV = len(nodes(KEV_OCTAVES, FINE_BITS)) - 1


def painted(anatomy, n=64, pixel_mpc=0.1, *, to_sky=None, depth_mpc=DEPTH_MPC, centre=(0.0, 0.0), index=1):
    """Return maps whose X-ray maps are the column of n_e^2, and of n_e^2 T [cm^-6 Mpc, keV cm^-6 Mpc]."""
    kev = nodes(KEV_OCTAVES, FINE_BITS)[:-1]
    emissivity = np.stack([np.ones(N_KEV), kev], axis=1).astype(np.float32)
    prepared = prepare(anatomy, turbulence_field(1, index), environment_field(1, index), emissivity)
    columns = project_columns(anatomy, depth_mpc)
    pixels = Pixels.around(n, pixel_mpc, centre)
    return paint(prepared, columns, np.eye(3) if to_sky is None else to_sky, depth_mpc, pixels)


def radius(n=64, pixel_mpc=0.1, centre=(0.0, 0.0)):
    """Return the distance of each pixel's centre from the cluster [Mpc]."""
    axis = (np.arange(n) - (n - 1) / 2) * pixel_mpc
    return np.hypot((axis - centre[0])[:, None], (axis - centre[1])[None, :])


def pixel_means(function, n=64, pixel_mpc=0.1, fine=8):
    """Return means over pixels of a function of the radius, by brute force."""
    axis = ((np.arange(n * fine) + 0.5) / fine - n / 2) * pixel_mpc
    values = function(np.hypot(axis[:, None], axis[None, :]))
    return values.reshape(n, fine, n, fine).mean(axis=(1, 3))


def pressure_column(maps):
    """Return the column of n_e T [keV cm^-3 Mpc]."""
    return maps[Q.COMPTON_Y] / Y_PER_KEV_CM3_MPC
