"""The power spectrum of the cosmic microwave background, as lensing leaves it."""

from __future__ import annotations

import numpy as np

from zwicky.physics.multipoles import read_spectrum


def lensed_tt_d_ell_uk2(ell: np.ndarray) -> np.ndarray:
    """Return the power spectrum of CMB temperature, D_ell = ell (ell + 1) C_ell / 2 pi.

    Parameters
    ----------
    ell : array [1]
        Multipoles, which need not be integers. The table ends at 10 000; beyond, a power law of slope -2.

    Returns
    -------
    array [uK_CMB^2]
        Of the shape of ell; 0 below ell = 2.

    Source: CAMB (Lewis, Challinor & Lasenby 2000) for the best fit of Planck 2018 results VI, table 1; see
    tools/make_cmb_table.py.
    Checked by: tests/physics/test_cmb.py (spectrum released by Planck, acoustic peaks, damping tail).
    """
    return read_spectrum("cmb_planck18.csv", "d_ell_uk2")(ell)
