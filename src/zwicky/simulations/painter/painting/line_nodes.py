"""Where along the line of sight the gas is evaluated, and with which weight."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import njit

MAX_NODES: Final = 256
MAX_CENTRES: Final = 10
"""Gas bodies that get nodes of their own, in one block of pixels."""


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def line_nodes(
    depth: float,
    step: float,
    centre: np.ndarray,
    scale: np.ndarray,
    weight: np.ndarray,
    n_centres: int,
    z: np.ndarray,
    dz: np.ndarray,
) -> int:
    """Fill nodes and weights of a column of this depth, and return how many there are.

    The nodes are uniform in t(z) = sum_i w_i asinh((z - z_i) / a_i): close where a body is, far apart between. A sum
    over them with weights dt / t'(z) is the midpoint rule in t, exact beyond all powers of the step for smooth bodies.
    Nodes dropped at the ends, or merged where they are close, would lose the core: every one is kept.
    """
    half = 0.5 * depth
    low = 0.0
    high = 0.0
    for i in range(n_centres):
        low += weight[i] * math.asinh((-half - centre[i]) / scale[i])
        high += weight[i] * math.asinh((half - centre[i]) / scale[i])
    n = min(math.ceil((high - low) / step), MAX_NODES)
    h = (high - low) / n
    below = -half
    at = -half
    for k in range(n):
        target = low + (k + 0.5) * h
        above = half
        for _ in range(30):  # Newton's method, kept inside a bracket
            t = 0.0
            slope = 0.0
            for i in range(n_centres):
                u = (at - centre[i]) / scale[i]
                root = math.sqrt(u * u + 1.0)
                s = math.log(abs(u) + root)
                t += weight[i] * (s if u >= 0.0 else -s)
                slope += weight[i] / (scale[i] * root)
            if t > target:
                above = at
            else:
                below = at
            if abs(t - target) < 1e-4 * h:
                break
            at += (target - t) / slope
            if not (below < at < above):
                at = 0.5 * (below + above)
        z[k] = np.float32(at)
        dz[k] = np.float32(h / slope)
        below = at
        at = min(at + h / slope, 0.5 * (at + half))
    return n
