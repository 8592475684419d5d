"""Clusters with known luminosity, shape and temperature, counted in rings by a simple telescope."""

from dataclasses import dataclass

import numpy as np

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.masses import M500C
from zwicky.inference.xray.beta_model import within
from zwicky.inference.xray.conversion import Conversion, Response
from zwicky.inference.xray.profiles import RadialCounts
from zwicky.inference.xray.temperature import temperature_of_mass

COSMOLOGY = COSMOLOGIES["planck_sz"]
RANGE = (13.6, 15.2)
EDGES_ARCMIN = np.arange(0, 61) * 0.25
SLOPE, LN_L, SIGMA = 1.4, 0.0, 0.3
BETA, CORE_PART = 2.0 / 3.0, 0.15


def telescope():
    """Two bands, 0.5-2 and 2-7 keV, of 500 and 300 cm2, sharp."""
    edges = np.geomspace(0.5, 7.0, 130)
    soft = np.sqrt(edges[1:] * edges[:-1]) < 2.0
    return Response(edges, np.array([500.0 * soft, 300.0 * ~soft]))


def conversion(**options):
    return Conversion(telescope(), COSMOLOGY, 3e20, redshift_range=(0.05, 0.8), **options)


@dataclass
class Sample:
    profiles: RadialCounts
    redshift: np.ndarray
    log10_mass: np.ndarray
    ln_luminosity: np.ndarray
    radius_arcmin: np.ndarray
    kt_kev: np.ndarray


def clusters(n, seed, seconds=20000.0, background_per_arcmin2_s=3e-4, conversion_=None):
    """Draw clusters uniform in log mass; L in 1e44 erg/s follows mass and E(z)^2 with scatter."""
    rng = np.random.default_rng(seed)
    table = conversion() if conversion_ is None else conversion_
    z, mass = rng.uniform(0.1, 0.6, n), rng.uniform(*RANGE, n)
    kt = temperature_of_mass(mass, z, COSMOLOGY)
    efunc = np.array([COSMOLOGY.efunc(one) for one in z]) / COSMOLOGY.efunc(0.35)
    ln_l = LN_L + SLOPE * np.log(10**mass / 2e14) + 2 * np.log(efunc) + SIGMA * rng.standard_normal(n)
    theta = np.array(
        [
            M500C.radius_mpc(10**m, o, COSMOLOGY) * COSMOLOGY.arcmin_per_mpc(o)
            for m, o in zip(mass, z, strict=True)
        ]
    )
    core = CORE_PART * theta
    soft = np.exp(ln_l) * 1e44 / table.luminosity_per_rate(kt, z, [0])
    kappa = table.counts_per_measure(kt, z)
    rates = soft[:, None] * kappa / kappa[:, :1]
    inside = within(EDGES_ARCMIN, core[:, None], np.full((n, 1), BETA))
    share = np.diff(inside, axis=1) / within(theta, core, np.full(n, BETA))[:, None]
    area = np.pi * np.diff(EDGES_ARCMIN**2)
    flat = np.broadcast_to(background_per_arcmin2_s * seconds * area, (n, 2, area.size))
    counts = rng.poisson(rates[..., None] * share[:, None] * seconds + flat).astype(float)
    profiles = RadialCounts(
        EDGES_ARCMIN,
        counts,
        flat,
        np.zeros((n, 2)),
        np.broadcast_to(seconds * area, counts.shape),
        np.broadcast_to(area, (n, area.size)),
    )
    return Sample(profiles, z, mass, ln_l, theta, kt)
