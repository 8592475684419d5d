"""Where the metals of the hot gas are."""

from __future__ import annotations

from typing import Final

import numpy as np

from zwicky.simulations.painter.anatomy import Anatomy
from zwicky.simulations.painter.painting.lookup import BITS, Q2_OCTAVES, nodes

ANCHOR_R500: Final = 0.3
"""Radius at which a radial profile has the metallicity of the settings (a choice)."""

_MEASURED_TO_R500: Final = 0.9
"""How far Mernier et al. 2017 measured clusters."""


def iron_shape(radius_r500: np.ndarray) -> np.ndarray:
    """Return the iron abundance over its value at 0.3 R500 [1].

    0.21 (x + 0.021)^-0.48 - 6.54 exp(-(x + 0.0816)^2 / 0.0027), x = r / R500: the average of 44 cool-core clusters,
    groups and ellipticals in Mernier et al. 2017 (A&A 603, A80). Only its shape is used, so no solar unit enters. It is
    held outside of 0.9 R500, as far as it was measured: profiles are flat at large radii (Ghizzardi et al. 2021).

    Parameters
    ----------
    radius_r500 : array [R500]
        Of any shape.

    Returns
    -------
    array [1]
        Of the same shape.
    """
    return np.asarray(_average_iron(radius_r500) / _average_iron(ANCHOR_R500))


def _average_iron(radius_r500: np.ndarray | float) -> np.ndarray:
    x = np.minimum(radius_r500, _MEASURED_TO_R500)
    return np.asarray(0.21 * (x + 0.021) ** -0.48 - 6.54 * np.exp(-((x + 0.0816) ** 2) / 0.0027))


def radial_metallicity(anatomy: Anatomy, metallicity: float) -> np.ndarray:
    """Return the metallicity on the kernel's squared elliptical radii of the host's gas, (place,) [solar]."""
    radius_mpc = np.sqrt(nodes(Q2_OCTAVES, BITS)[:-1]) * anatomy.r200c_mpc
    return metallicity * iron_shape(radius_mpc / anatomy.r500c_mpc)
