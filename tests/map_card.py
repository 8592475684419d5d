"""Synthetic test sets of mass maps, methods of known errors, and the scorecard of a few of them."""

from functools import lru_cache

import numpy as np

from zwicky.evaluation.mapping.apertures import cylinder_masses_msun
from zwicky.evaluation.mapping.records import TrueMaps
from zwicky.evaluation.mapping.scorecard import build_map_scorecard
from zwicky.evaluation.mapping.spectra import power_spectra
from zwicky.inference.mapping.answer import PredictedMaps

N_PIXELS = 24
EDGES = (13.7, 14.2, 14.8, 15.5)
Z = np.array([-1.959964, -0.994458, 0.0, 0.994458, 1.959964])  # of the quantile levels


def make_true(n_parents=48, rows_per_parent=2, n_pixels=N_PIXELS, seed=1, scaled=True):
    """Return clusters on maps 2 R200c wide, or 2 Mpc; both physics of one parent look alike."""
    rng = np.random.default_rng(seed)
    n = n_parents * rows_per_parent
    log10_m200c = np.repeat(rng.uniform(13.7, 15.5, n_parents), rows_per_parent)
    r200c_mpc = 0.9 * 10 ** ((log10_m200c - 14.0) / 3)
    axis = np.linspace(-1, 1, n_pixels)
    radius = np.hypot(axis[:, None], axis[None, :])
    core = np.repeat(rng.uniform(0.1, 0.3, n_parents), rows_per_parent)[:, None, None]
    profile = 3e14 * 10 ** ((log10_m200c - 14) / 3)[:, None, None] / (radius / core + 1) ** 1.5
    maps = profile * np.exp(0.2 * rng.standard_normal((n, n_pixels, n_pixels)))
    return TrueMaps(
        maps=maps.astype(np.float32),
        pixel_mpc=2 * r200c_mpc / n_pixels if scaled else np.full(n, 2 / n_pixels),
        r200c_mpc=r200c_mpc,
        r500c_mpc=0.65 * r200c_mpc,
        log10_m200c=log10_m200c,
        parent=np.repeat([f"halo-{i}" for i in range(n_parents)], rows_per_parent),
        physics=np.array(["gizmo" if i % 2 else "gadgetx" for i in range(n)]),
    )


def times(true, factor, name="multi1"):
    """Return the truth times a number, without intervals."""
    return PredictedMaps(name, (true.maps * np.float32(factor)).astype(np.float32))


def noisy(true, sd_dex, name="multi1", stated=1.0, seed=3):
    """Return Gaussian errors of log10 pixels and masses; the stated errors are ``stated`` times the true ones."""
    rng = np.random.default_rng(seed)
    median = np.log10(true.maps) + sd_dex * rng.standard_normal(true.maps.shape)
    sd = np.full(true.maps.shape, stated * sd_dex, np.float32)
    radii_mpc = 0.5 * true.maps.shape[-1] * true.pixel_mpc[:, None] * np.linspace(0.1, 1.0, 10)
    masses = cylinder_masses_msun(true.maps, true.pixel_mpc, radii_mpc)[..., None]
    error = 0.02 * rng.standard_normal(masses.shape)
    return PredictedMaps(
        name,
        (10**median).astype(np.float32),
        median.astype(np.float32),
        (Z[3] * sd).astype(np.float32),
        (Z[4] * sd).astype(np.float32),
        masses * 10 ** (error + 0.02 * stated * Z),
        radii_mpc,
    )


SD_DEX = {"star": 0.06, "sz": 0.07, "xray": 0.06, "multi1": 0.03, "any": 0.03, "any: sz": 0.07} | {
    "linear: sz": 0.1, "linear: all": 0.08, "mean profile": 0.12,
}  # fmt: skip


def make_methods(true, sd_dex=SD_DEX):
    """Yield one method for each entry; networks other than ``any`` know no errors."""
    for i, (name, sd) in enumerate(sd_dex.items()):
        with_errors = noisy(true, sd, name, seed=10 + i)
        yield with_errors if name.startswith("any") else PredictedMaps(name, with_errors.mean)


def build(true, methods, **options):
    """Return a scorecard with a small bootstrap."""
    settings = {"mass_edges_log10": EDGES, "seed": 5, "n_resamples": 60} | options
    return build_map_scorecard(true, methods, **settings)


@lru_cache(maxsize=1)
def full_card():
    """Return a scorecard of all methods with everything that a run adds; not to be changed."""
    true = make_true()
    views = {"sz": power_spectra(true.maps, (true.maps.astype(float) ** 1.5 / 1e20).astype(np.float32))}
    card = build(true, make_methods(true), view_spectra=views)
    numbers = {"bias_r200": -0.012, "scatter_r200": 0.034, "coverage_68": 0.7, "coverage_95": 0.94}
    linear = {"baseline_bias_r200": 0.05, "baseline_scatter_r200": 0.08}
    curve = {"log10_mass": [14.0, None, 15.0], "median": [0.1, None, 0.13], "low_16": [0.08, None, 0.12]}
    return card | {
        "experiment": {"name": "toy2024", "preset": "smoke", "title": "Toy maps", "reference": "nobody"},
        "networks": {"multi1": {"parameters": 430_000}, "sz": {"parameters": 6_830_000}},
        "transfer": [
            {"train": train, "test": test, "method": "transfer_x", "n_train": 500} | numbers | linear
            for train in ("gadgetx", "gizmo")
            for test in ("gadgetx", "gizmo")
        ],
        "learning_curve": [
            {
                "n_train_parents": n,
                "n_train_maps": 10 * n,
                "pixel_scatter": 1 / n,
                "bias_r200": 0.0,
                "scatter_r200": 0.1,
            }
            for n in (10, 20, 40)
        ],
        "geometry": [
            {"network": "any", "geometry": "scaled", "grid": "24 x 0.08 R200c", "n_maps": 60} | numbers
        ],
        "fractions": {"gas": {"gizmo": curve | {"high_84": [0.12, None, 0.14]}}},
        "training": {
            "sz": [{"epoch": i, "train": 1 / (i + 1), "validation": 1.1 / (i + 1)} for i in range(4)]
        },
        "paper": [["scatter of pixels", "14 %", "7 %", "a note"]],
    }
