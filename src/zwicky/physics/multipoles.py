"""Angular power spectra from small tables: smooth between the rows, power laws beyond them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

import numpy as np
from scipy.interpolate import CubicSpline

LOWEST_ELL: Final = 2.0
"""Below it, monopole and dipole, there is no power."""

ROWS_OF_SLOPE: Final = 5
"""A spectrum goes on beyond its table with the mean logarithmic slope of this many rows."""


@dataclass(frozen=True, eq=False)
class TabulatedSpectrum:
    """A positive spectrum D_ell on a few hundred multipoles.

    Parameters
    ----------
    ell : (row) [1]
        Rising multipoles, >= 2.
    d_ell : (row)
        Values there, > 0.

    Source: ln D is a cubic spline of ln ell; straight lines in these beyond the table.
    Checked by: tests/physics/test_cmb.py (nodes, continuity and slope at both ends).
    """

    ell: np.ndarray
    d_ell: np.ndarray

    def __call__(self, ell: np.ndarray) -> np.ndarray:
        """Return D at any real multipoles, of their shape; 0 below 2."""
        wanted = np.asarray(ell, dtype=float)
        x, y = np.log(self.ell), np.log(self.d_ell)
        at = np.log(np.maximum(wanted, LOWEST_ELL))
        ln_d = CubicSpline(x, y)(np.clip(at, x[0], x[-1]))
        for end, rows, beyond in (
            (0, slice(None, ROWS_OF_SLOPE), np.minimum(at - x[0], 0.0)),
            (-1, slice(-ROWS_OF_SLOPE, None), np.maximum(at - x[-1], 0.0)),
        ):
            away = y[rows] - y[end]
            ln_d = ln_d + beyond * np.sum(away * (x[rows] - x[end])) / np.sum((x[rows] - x[end]) ** 2)
        return np.where(wanted >= LOWEST_ELL, np.exp(ln_d), 0.0)


@lru_cache(maxsize=8)
def read_spectrum(file: str, column: str) -> TabulatedSpectrum:
    """Read a column of a shipped table: comment lines with #, a line of names, rows that begin with ell.

    Parameters
    ----------
    file : str
        Name in zwicky/physics/tables.
    column : str
        Name of the column.

    Returns
    -------
    TabulatedSpectrum
        The same object each time.

    Source: the first lines of the file.
    Checked by: tests/physics/test_cmb.py, tests/physics/test_foregrounds.py (values at nodes).
    """
    text = (resources.files("zwicky.physics") / "tables" / file).read_text(encoding="utf-8")
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    values = np.array(rows[1:], dtype=float)
    return TabulatedSpectrum(values[:, 0], values[:, rows[0].index(column)])
