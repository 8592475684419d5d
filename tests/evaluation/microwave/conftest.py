"""Weighed sets of known errors: a network that saturates outside 1 to 8e14 Msun, and a noisier matched filter."""

from types import SimpleNamespace

import numpy as np
import pytest

from zwicky.evaluation.microwave.records import EmptySkies, ProfileResidual, WeighedSet
from zwicky.evaluation.microwave.scorecard import build_microwave_scorecard

NETWORK, FILTER = "mresunet", "matched filter"
SLOPE = 1.79
SNR_EDGES = (0.0, 5.0, 10.0, 20.0, 60.0)
BUILD = {"y_m_slope": SLOPE, "snr_edges": SNR_EDGES, "seed": 7, "n_resamples": 100}
TRAINED = np.arange(1.0, 9.0)
BETWEEN = np.arange(1.5, 8.0)
BEYOND = np.array([0.5, 0.75, 9.0, 10.0])


def weighed(
    name,
    masses_e14,
    per_mass=40,
    network=0.1,
    matched=0.2,
    scatter=("none", 0.0),
    r=1.0,
    per_parent=1,
    seed=1,
):
    """Return a set whose network answers as if masses ended at 1 and 8e14 Msun; errors are Gaussian in ln M."""
    rng = np.random.default_rng(seed)
    true = 1e14 * np.repeat(masses_e14, per_mass)
    n = len(true)
    stated_on, sigma_ln = scatter
    shift = (sigma_ln / SLOPE if stated_on == "Y" else sigma_ln) * rng.standard_normal(n)
    signal = true * np.exp(shift) / r
    estimates = {
        NETWORK: np.clip(signal, 1e14 / r, 8e14 / r) * np.exp(network * rng.standard_normal(n)),
        FILTER: signal * np.exp(matched * rng.standard_normal(n)),
    }
    snr = 5.0 * (signal / 2e14) ** 1.2 + rng.standard_normal(n)
    parent = np.array([f"cluster-{i // per_parent}" for i in range(n)])
    return WeighedSet(name, true, estimates, snr, parent, np.full(n, r), stated_on, sigma_ln)


def all_sets(per_mass=40):
    return [
        weighed("trained", TRAINED, per_mass, seed=1),
        weighed("interpolated", BETWEEN, per_mass, seed=2),
        weighed("extrapolated", BEYOND, 5 * per_mass, network=0.03, seed=3),
        weighed("no_scatter", np.linspace(2.0, 5.0, 400), 1, seed=4),
        weighed("scatter_on_y", np.linspace(2.0, 5.0, 400), 1, scatter=("Y", 0.2), seed=5),
        weighed("scatter_on_m", np.linspace(2.0, 5.0, 400), 1, scatter=("M", 0.2), seed=6),
        weighed("realistic", np.linspace(2.0, 7.0, 95), 10, network=0.2, r=1.287, per_parent=10, seed=8),
    ]


def empty_skies(n=200, seed=9):
    rng = np.random.default_rng(seed)
    masses = {NETWORK: 2e13 * rng.standard_normal(n), FILTER: 5e13 * rng.standard_normal(n)}
    return EmptySkies(masses, threshold_msun=1e14)


def residual(fraction=0.005):
    radius = np.linspace(0.25, 4.75, 19)
    signal = -100.0 * np.exp(-radius)
    return ProfileResidual(radius, signal, fraction * 100.0 * np.cos(3.0 * radius), np.full(19, 0.2))


@pytest.fixture(scope="session")
def card():
    return build_microwave_scorecard(all_sets(), empty_skies(), residual(), **BUILD)


@pytest.fixture(scope="session")
def make():
    """The functions above: weighed, all_sets, empty_skies, residual, and the arguments of a build."""

    return SimpleNamespace(
        weighed=weighed, all_sets=all_sets, empty_skies=empty_skies, residual=residual, build=dict(BUILD)
    )
