"""The halo tables of The Three Hundred at z = 0, and the statistics by which painted clusters are held against them.

Columns (Get-T500.py of github.com/weiguangcui/The300-GIZMO-SIMBA-plots, commit 818884f): 3 mass in the sphere of 200
critical densities [Msun/h], 9 concentration, 12 M500c (GADGET-X: 1e10 Msun/h; GIZMO-SIMBA: Msun/h), 14 and 15 fractions
of gas and stars inside R500c. h = 0.6777. Every halo of a table is used: none lies in another one (column 2 is 0), and
at least 98 % of its mass are particles of high resolution (column 8).

The concentration of a table is that of the Amiga halo finder: from V_max^2 / V_200^2 of all matter, by equation 9 of
Prada et al. 2012. It is -1 where V_max is not above V_200 (c < 2.2), and counts the central galaxy: in GIZMO-SIMBA the
galaxy, not the halo, sets V_max of many haloes. The ratio M500c / M200c does not feel the centre; both are offered.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from scipy import sparse
from scipy.optimize import linprog
from scipy.stats import spearmanr

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import ConfigError
from zwicky.physics.nfw import mu
from zwicky.simulations.painter.drawing.structure import structure_at

H: Final = COSMOLOGIES["multidark"].h
TABLES: Final = {  # file, unit of its M500c column [Msun/h]
    "gadgetx": ("G3X_Mbh_snap_128-with_BH-info.npy", 1e10),
    "gizmo": ("GIZMO_Mbh_snap_128-with_BH-info.npy", 1.0),
}
PUBLISHED: Final = {  # medians of the paper's figures: gas, stars
    "gadgetx": ("BF-gas-G3X-M500.txt", "BF-star-G3X-figure.txt"),
    "gizmo": ("BF-gas-GIZMO-M500.txt", "BF-star-GIZMO-figure.txt"),
}
BIN_EDGES: Final = np.linspace(13.5, 15.3, 10)
"""Of log10 M500c [dex of Msun]: nine bins of 0.2 dex."""

MIN_HALOES: Final = 30
"""A bin counts with more haloes than this."""

C_LOW, C_HIGH = 2.2, 100.0
"""Range of concentrations that a halo finder can tell from V_max^2 / V_200^2."""

C_MIN_LOG10_M200C: Final = 13.7
"""Concentrations are compared above this mass [dex of Msun]."""

TABLE_REDSHIFT: Final = 1e-3
"""The tables are at z = 0; the painter's begin above it. Concentrations change by less than 0.1 % in between."""


@dataclass(frozen=True, eq=False)
class Haloes:
    """Haloes of a simulation, or painted clusters.

    Parameters
    ----------
    log10_m200c, log10_m500c : (halo,) array [dex of Msun]
        Spherical masses of all matter.
    gas_fraction, star_fraction : (halo,) array [1]
        Of the mass inside R500c.
    velocity_concentration : (halo,) array [1]
        From V_max^2 / V_200^2; 2.2 where V_max is not above V_200.
    redshift : float [1]
        Of all of them.
    """

    log10_m200c: np.ndarray
    log10_m500c: np.ndarray
    gas_fraction: np.ndarray
    star_fraction: np.ndarray
    velocity_concentration: np.ndarray
    redshift: float

    @property
    def mass_concentration(self) -> np.ndarray:
        """The c200c of the NFW halo with this M500c / M200c [1]; clipped to 0.5 to 100."""
        c = np.geomspace(0.5, C_HIGH, 2000)
        ratio = m500c_over_m200c(c)
        return np.asarray(np.interp(10.0 ** (self.log10_m500c - self.log10_m200c), ratio, c))

    def select(self, keep: np.ndarray) -> Haloes:
        """Return some of them."""
        return replace(
            self, **{f.name: getattr(self, f.name)[keep] for f in fields(self) if f.name != "redshift"}
        )


@dataclass(frozen=True)
class Bin:
    """One bin of mass: how many, the median, and half the way from the 16th to the 84th percentile of ln x."""

    low: float
    number: int
    median: float
    scatter: float


def read_table(folder: Path, preset: str) -> Haloes:
    """Return the haloes of "gadgetx" or "gizmo", in Msun without h."""
    name, unit_msun_h = TABLES[preset]
    table = np.load(_existing(folder, name), allow_pickle=False)
    c = table[:, 9]
    return Haloes(
        log10_m200c=np.log10(table[:, 3] / H),
        log10_m500c=np.log10(table[:, 12] * unit_msun_h / H),
        gas_fraction=table[:, 14],
        star_fraction=table[:, 15],
        velocity_concentration=np.where(c > 0.0, c, C_LOW),
        redshift=TABLE_REDSHIFT,
    )


def read_published(folder: Path, preset: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the published medians of gas and stars, each as rows (centre of the 0.2 dex bin, median)."""
    gas, stars = (np.loadtxt(_existing(folder, name))[:, :2] for name in PUBLISHED[preset])
    return gas, stars


def _existing(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise ConfigError(
            "This folder does not hold the halo tables of The Three Hundred.",
            where=path,
            expected=", ".join(file for file, _ in TABLES.values()),
            fix="give the folder that holds them with --data FOLDER",
        )
    return path


def m500c_over_m200c(c200c: np.ndarray) -> np.ndarray:
    """Return M500c / M200c [1] of NFW haloes."""
    low, high = np.full_like(c200c, 1e-3), np.ones_like(c200c)
    for _ in range(60):  # the mean density inside x R200c falls with x
        x = 0.5 * (low + high)
        dense = mu(c200c * x) / mu(c200c) * 200.0 > 500.0 * x**3
        low, high = np.where(dense, x, low), np.where(dense, high, x)
    return mu(c200c * low) / mu(c200c)


def binned(log10_m500c: np.ndarray, x: np.ndarray, edges: np.ndarray = BIN_EDGES) -> list[Bin]:
    """Return the statistics of x in bins of mass: the same for tables and for painted clusters."""
    bins = []
    for low, high in pairwise(edges):
        inside = np.log(x[(log10_m500c >= low) & (log10_m500c < high)])
        p16, p50, p84 = np.percentile(inside, [16.0, 50.0, 84.0]) if inside.size else [np.nan] * 3
        bins.append(Bin(round(float(low), 3), inside.size, float(np.exp(p50)), float(0.5 * (p84 - p16))))
    return bins


def hats(x: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Return the weights (x, node) of linear interpolation between nodes, constant outside them."""
    return np.stack([np.interp(x, nodes, row) for row in np.eye(len(nodes))], axis=1)


def quantile_law(x: np.ndarray, y: np.ndarray, nodes: np.ndarray, quantile: float) -> np.ndarray:
    """Return the values at the nodes of the quantile of y at fixed x: Koenker & Bassett 1978, as a linear programme."""
    weights = sparse.csr_matrix(hats(x, nodes))
    one = sparse.identity(len(x), format="csr")
    cost = np.concatenate([np.zeros(len(nodes)), np.full(len(x), quantile), np.full(len(x), 1.0 - quantile)])
    bounds = [(None, None)] * len(nodes) + [(0.0, None)] * (2 * len(x))
    solution = linprog(
        cost, A_eq=sparse.hstack([weights, one, -one], format="csc"), b_eq=y, bounds=bounds, method="highs"
    )
    return np.asarray(solution.x[: len(nodes)])


def law(x: np.ndarray, y: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the median of ln y and its scatter (half of 16 to 84 %) at fixed x, at the nodes."""
    p16, p50, p84 = (quantile_law(x, np.log(y), nodes, q) for q in (0.16, 0.50, 0.84))
    return p50, 0.5 * (p84 - p16)


def standardised(x: np.ndarray, y: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Return (ln y - median) / scatter at fixed x: what a latent number of zero mean and unit variance would be."""
    centre, scatter = law(x, y, nodes)
    weights = hats(x, nodes)
    return (np.log(y) - weights @ centre) / (weights @ scatter)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of the Gaussian copula of a and b: 2 sin(pi rho_Spearman / 6). Outliers count little."""
    return float(2.0 * np.sin(np.pi * spearmanr(a, b).statistic / 6.0))


def residual_correlations(haloes: Haloes, concentration: str) -> np.ndarray:
    """Return the correlations of the residuals of gas and stars, concentration and gas, concentration and stars, (3,).

    Residuals of fractions are at fixed M500c, those of the concentration at fixed M200c: as the painter draws them.
    Haloes of M500c from 10^13.5 to 10^15.3 Msun.
    """
    low, high = BIN_EDGES[[0, -1]]
    some = haloes.select((haloes.log10_m500c >= low) & (haloes.log10_m500c < high))
    nodes = np.linspace(low, high, 6)
    gas = standardised(some.log10_m500c, some.gas_fraction, nodes)
    stars = standardised(some.log10_m500c, some.star_fraction, nodes)
    c = standardised(some.log10_m200c, getattr(some, concentration), nodes + 0.15)
    return np.array([correlation(gas, stars), correlation(c, gas), correlation(c, stars)])


def concentration_offset(haloes: Haloes, concentration: str) -> tuple[float, float]:
    """Return the median of ln c - ln c(Diemer & Joyce 2019, at the same M200c), and half of the way from 16 to 84 %."""
    some = haloes.select(haloes.log10_m200c >= C_MIN_LOG10_M200C)
    structure = structure_at(COSMOLOGIES["multidark"], haloes.redshift)
    reference = np.array([structure.concentration_at(mass) for mass in some.log10_m200c])
    p16, p50, p84 = np.percentile(np.log(getattr(some, concentration) / reference), [16.0, 50.0, 84.0])
    return float(p50), float(0.5 * (p84 - p16))
