"""Tables that a kernel reads without a logarithm: the leading bits of a float are its place in the table.

A positive single-precision number is 2^e (1 + f): its exponent bits and the first bits of f count nodes that are evenly
spaced inside each octave. Shifting the bits right gives the node below, the bits shifted out the way to the next one.
"""

from __future__ import annotations

from typing import Final

import numpy as np

BITS: Final = 5
"""2^5 nodes in each octave of the argument: linear interpolation of x^-3 is then good to 2e-4."""

FINE_BITS: Final = 8
"""For tables that are read without interpolation: steps of 0.3 %."""

Q2_OCTAVES: Final = (-22, 12)
"""Range of squared radii over R200 squared [log2]: from 5e-4 to 64 R200."""

KEV_OCTAVES: Final = (-12, 7)
"""Range of temperatures [log2 keV]: 2.4e-4 to 128 keV."""


def nodes(octaves: tuple[int, int], bits: int) -> np.ndarray:
    """Return the arguments of a table's nodes, the end of the last octave included, (node,)."""
    first, last = octaves
    steps = 1.0 + np.arange(2**bits) / 2**bits
    inside = (2.0 ** np.arange(first, last))[:, None] * steps
    return np.append(inside.ravel(), 2.0**last)


def with_steps(*tables: np.ndarray) -> np.ndarray:
    """Return tables as rows (value, step to the next, value, step, ...), (node - 1, 2 x table) float32."""
    rows = np.empty((len(tables[0]) - 1, 2 * len(tables)), np.float32)
    for i, table in enumerate(tables):
        rows[:, 2 * i] = table[:-1]
        rows[:, 2 * i + 1] = np.diff(table)
    return rows


def in_logarithms(x: np.ndarray, x_nodes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate values > 0 linearly in the logarithms of both."""
    return np.exp(np.interp(np.log(x), np.log(x_nodes), np.log(values)))


def gauss_legendre(most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places in (-1/2, 1/2) and weights of sum 1 for the mean over a pixel, (rays, place) by number of rays.

    Three points of Gauss and Legendre leave the sixth derivative, three evenly spaced ones the second.
    """
    places, weights = np.zeros((2, most + 1, most))
    for n in range(1, most + 1):
        x, w = np.polynomial.legendre.leggauss(n)
        places[n, :n], weights[n, :n] = 0.5 * x, 0.5 * w
    return places, weights
