"""Cheap photon images for the tests: beta models whose luminosity follows the mass, behind a telescope."""

from functools import lru_cache

import numpy as np
import torch

from zwicky.core.cosmology import cosmology_by_name
from zwicky.inference.xray.estimator import conversion_of
from zwicky.inference.xray.fit import calibrated_photon_estimator
from zwicky.inference.xray.images import PhotonImages
from zwicky.inference.xray.masses import XRayWeigher
from zwicky.inference.xray.temperature import temperature_of_mass
from zwicky.mocks.photon_settings import PhotonSurveySettings
from zwicky.models.base import Batch
from zwicky.models.table import build_model

SEED = 3
BANDS_KEV = ((0.3, 0.6), (0.6, 1.0), (1.0, 2.3))
SETTINGS = PhotonSurveySettings(
    instrument="erosita_efeds", bands_kev=BANDS_KEV, n_pixels=24, exposure_s=20000.0, level="background"
)
LOG10_RANGE, REDSHIFT_RANGE = (14.0, 15.2), (0.15, 0.5)
MODEL = {"kind": "erosita_cnn", "n_bands": 9, "n_pixels": 24, "filters": 4, "hidden": 16, "stretch": "sqrt"}
FRACTIONS = (0.02, 1.0)
"""Of the exposure, to which images are thinned."""
STEPS = 120


@lru_cache
def survey():
    return SETTINGS.build(SEED)


@lru_cache
def conversion():
    return conversion_of(survey(), cosmology_by_name("planck18"), REDSHIFT_RANGE)


def expected_images(n, seed):
    """Return expected source counts (n, band, y, x), redshifts and log10 masses; elliptical, a little off centre."""
    rng = np.random.default_rng(seed)
    z, mass = rng.uniform(*REDSHIFT_RANGE, n), rng.uniform(*LOG10_RANGE, n)
    table, grid = conversion(), survey().grid
    cosmology = table.cosmology
    kt = temperature_of_mass(mass, z, cosmology)
    efunc = np.array([cosmology.efunc(one) for one in z])
    luminosity = 6e43 * (10**mass / 2e14) ** 1.4 * efunc**2 * np.exp(0.3 * rng.normal(size=n))
    kappa = table.counts_per_measure(kt, z)
    rate = (luminosity / table.luminosity_per_rate(kt, z, range(3)) / kappa.sum(axis=1))[:, None] * kappa
    weigher = XRayWeigher.named("luminosity", cosmology, LOG10_RANGE, conversion=table)
    core = weigher.radius_arcmin(mass, z) * rng.uniform(0.1, 0.25, n)
    axis = (np.arange(grid.shape[0]) - (grid.shape[0] - 1) / 2) * grid.pixel_value
    dy, dx = rng.normal(0.0, 0.15, (2, n, 1, 1))
    ratio = rng.uniform(0.8, 1.0, (n, 1, 1))
    square = (axis[None, :, None] - dy) ** 2 / ratio + (axis[None, None, :] - dx) ** 2 * ratio
    shape = (1 + square / core[:, None, None] ** 2) ** -1.5
    shape *= grid.pixel_value**2 / (2 * np.pi * core[:, None, None] ** 2)
    light, _ = survey().observer.times()
    return rate[:, :, None, None] * shape[:, None] * light, z, mass


def thin(n, seed):
    """Return fractions of the exposure, (n,), even in their logarithm."""
    return np.exp(np.random.default_rng(seed).uniform(*np.log(FRACTIONS), n))


def observed(n, seed, source_factor=1.0, mixed=True):
    """Return images and log10 masses; if mixed, of many exposures, and a third of them of one or two bands."""
    source, z, mass = expected_images(n, seed)
    part = (thin(n, seed + 1) if mixed else np.ones(n)).astype(np.float32)[:, None, None, None]
    keep = np.ones((n, 3, 1, 1), np.float32)
    if mixed:
        keep[::6, 2] = 0.0
        keep[1::6, :2] = 0.0
    light, _ = survey().observer.times()
    exposure, background = light * part * keep, survey().mean_background() * part * keep
    counts = np.random.default_rng(seed + 2).poisson(source_factor * source * part * keep + background)
    images = PhotonImages(
        counts.astype(np.float32),
        background.astype(np.float32),
        exposure.astype(np.float32),
        z,
        survey().grid.pixel_value,
    )
    return images, mass


def taught(images, mass, seed):
    """Return a network that was taught a little."""
    torch.manual_seed(seed)
    network = build_model(MODEL)
    maps, z, truth = (
        torch.from_numpy(np.asarray(one, np.float32)) for one in (images.stacked(), images.redshift, mass)
    )
    network.fit_scaling(Batch(maps, z, truth))
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(STEPS):
        rows = torch.randint(len(truth), (64,))
        optimiser.zero_grad()
        network.loss(Batch(maps[rows], z[rows], truth[rows])).backward()
        optimiser.step()
    return network


def photon_estimator():
    """Return an estimator of two members."""
    training, validation = observed(500, 10), observed(1200, 20)
    members = [taught(*training, seed) for seed in (1, 2)]
    return calibrated_photon_estimator(
        members,
        MODEL,
        *training,
        *validation,
        SETTINGS,
        SEED,
        LOG10_RANGE,
        REDSHIFT_RANGE,
        {"made": "in a test"},
    )
