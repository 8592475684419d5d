"""Clusters for tests of posterior maps: Gaussian posteriors of known width, and maps whose mass is known."""

import numpy as np
import torch
from scipy import fft

from zwicky.data.dataset import MapData

N = 16


def spectrum(n=N):
    """Return the standard deviation of each cosine mode, (ky, kx): more power on large scales, none of which rules."""
    k = np.arange(n)
    return 0.3 / (4.0 + np.hypot(k[:, None], k))


def fields(rng, shape, sd):
    """Return Gaussian fields (*shape, y, x) whose modes have these standard deviations."""
    modes = rng.normal(size=(*shape, *sd.shape)) * sd
    return fft.idctn(modes, axes=(-2, -1), norm="ortho")


def posterior(seed, n=80, n_samples=16, factors=None, n_pixels=N):
    """Return samples (n, sample, 2, y, x) and truth (n, 2, y, x) [dex]; samples are ``factors`` times too wide.

    Truth and samples come from one distribution about the cluster's own mean map where the factor is 1.
    """
    rng = np.random.default_rng(seed)
    sd = spectrum(n_pixels)
    factors = np.ones_like(sd) if factors is None else factors
    mean = 13.0 + rng.normal(0, 0.5, (n, 2, 1, 1)) + fields(rng, (n, 2), 3 * sd)
    truth = mean + fields(rng, (n, 2), sd)
    samples = mean[:, None] + fields(rng, (n, n_samples, 2), sd * factors)
    return samples, truth


def round_maps(rng, n, grid, scatter_dex=0.0):
    """Return gas and dark matter maps (n, 2, y, x) [Msun Mpc^-2] and log10 M200c (n,) of round clusters.

    Their profile falls as R^-2 outside a core that grows with the mass to the power 1/3, as an isothermal sphere does
    not care for the pixels; gas is a seventh.
    """
    log10_mass = rng.uniform(13.8, 15.2, n)
    core = 0.15 * 10.0 ** ((log10_mass - 14.5) / 3.0 + rng.normal(0, 0.05, n))
    r = grid.radius()
    shape = 1.0 / (r[None] ** 2 + core[:, None, None] ** 2)
    inside = np.pi * np.log1p((1.0 / core) ** 2)
    dark = 10.0 ** log10_mass[:, None, None] * shape / inside[:, None, None]
    gas = dark * 10.0 ** rng.normal(-0.85, 0.03, (n, 1, 1))
    return np.stack([gas, dark], axis=1).astype(np.float32), log10_mass + rng.normal(0, scatter_dex, n)


def clusters(rng, n, grid, per_parent=1):
    """Return a set of views, redshifts and true maps, as a store would give it."""
    target, log10_mass = round_maps(rng, n, grid, 0.02)
    target *= 10.0 ** rng.normal(0, 0.05, target.shape)
    views = np.stack([1e-18 * target[:, 0], 1e-11 * target[:, 0] ** 1.1])
    views = np.moveaxis(views, 0, 1) * 10.0 ** rng.normal(0, 0.03, (n, 2, 1, 1))
    parent = np.array([f"c{i // per_parent:04d}" for i in range(n)])
    return MapData(
        torch.from_numpy(views.astype(np.float32)),
        torch.full((n,), 0.05),
        torch.from_numpy(log10_mass.astype(np.float32)),
        parent,
        torch.from_numpy(target.astype(np.float32)),
        np.array([f"{one}-{i}" for i, one in enumerate(parent)]),
        {"log10_m200c": log10_mass},
    )
