"""A posterior scorecard of tiny maps, judged for real, with every part that a run may add."""

from functools import lru_cache

import numpy as np

from zwicky.core.quantities import MapQuantity
from zwicky.evaluation.posterior.judged import judge
from zwicky.evaluation.posterior.masses import MassPair
from zwicky.evaluation.posterior.records import PosteriorTest
from zwicky.evaluation.posterior.scorecard import METHODS, build_posterior_scorecard

EDGES = (14.0, 14.5, 15.0)
SEED = 3
N_RESAMPLES = 20
TARGETS = (MapQuantity.GAS_SURFACE_DENSITY, MapQuantity.DARK_SURFACE_DENSITY)
VIEWS = (MapQuantity.COMPTON_Y, MapQuantity.XRAY_SURFACE_BRIGHTNESS)


def make_test(n=12, width=1.0, bias=0.0, n_samples=8, targets=TARGETS, with_masses=True, seed=1):
    """Return n clusters of 16 x 16 pixels; ``width`` scales the spread of samples, ``bias`` [0.1 dex] shifts them."""
    rng = np.random.default_rng(seed)
    axis = np.arange(16) - 7.5
    r2 = axis[:, None] ** 2 + axis**2
    mass = np.linspace(14.01, 14.99, n)
    round_dex = (mass[:, None, None] - 1.5 - np.log10(1.0 + r2 / 9.0))[:, None]
    shape = (n, len(targets), 16, 16)
    mean = round_dex + 0.1 * rng.standard_normal(shape)
    truth = mean + 0.1 * rng.standard_normal(shape)
    samples = mean[:, None] + 0.1 * (width * rng.standard_normal((n, n_samples, *shape[1:])) + bias)
    inputs = 10.0 ** (np.repeat(round_dex, 2, axis=1) - 18.0 + 0.2 * rng.standard_normal((n, 2, 16, 16)))
    return PosteriorTest(
        truth=(10.0**truth).astype("f4"),
        samples=(10.0**samples).astype("f4"),
        inputs=inputs.astype("f4"),
        targets=targets,
        views=VIEWS,
        pixel_mpc=0.4,
        log10_m200c=mass,
        parent=np.array([f"halo-{i}" for i in range(n)]),
        log10_m200c_samples=mass[:, None] + 0.05 * rng.standard_normal((n, n_samples))
        if with_masses
        else None,
    )


@lru_cache(maxsize=32)
def judged(**settings):
    """Return the statistics of a test; a bin of 6 clusters has no intervals, all 12 have."""
    return judge(make_test(**settings), N_RESAMPLES, SEED, EDGES)


def mass_pair(n=40, maps_bias=0.0, maps_sd=0.05, scalar_bias=0.0, scalar_sd=0.05, shared=0.0, seed=2):
    """Return masses with Gaussian errors, of which ``shared`` [dex] is the same in both."""
    rng = np.random.default_rng(seed)
    true, common = rng.uniform(*EDGES[::2], n), shared * rng.standard_normal(n)
    centre = true + maps_bias + common + maps_sd * rng.standard_normal(n)
    return MassPair(
        true,
        centre[:, None] + maps_sd * rng.standard_normal((n, 40)),
        true + scalar_bias + common + scalar_sd * rng.standard_normal(n),
        np.full(n, scalar_sd),
        np.array([f"halo-{i}" for i in range(n)]),
    )


def sampler_rows():
    """Return a C5 curve with a row that is no number."""
    columns = ("solver", "steps", "evaluations", "error", "error_se", "coverage_shift", "passes")
    return [
        dict(zip(columns, row, strict=True))
        for row in (
            ("dpm2m", 4, 4, 0.08, 0.004, 2.5, False),
            ("dpm2m", 12, 12, 0.012, 0.002, 0.31, True),
            ("euler_maruyama", 60, 60, float("nan"), float("nan"), float("nan"), False),
            ("euler_maruyama", 250, 250, 0.015, 0.01, 0.5, True),
        )
    ]


def parts():
    """Return what a run adds to its judged posteriors."""
    rows = sampler_rows()
    block = {
        "rows": rows, "chosen": rows[1], "fewest_euler_maruyama": rows[3],
        "reference": {"solver": "dpm3m", "steps": 64, "evaluations": 64},
    }  # fmt: skip
    rows[2]["may_pass"] = True
    exact = {"mean_error_in_sd": 0.011, "sd_ratio": [0.99, 1.02, 1.0], "passes": True, "is_decisive": True}
    return {
        "ablations": {"plain": judged(width=1.4), "linear": judged(bias=0.7)},
        "below_floor": {"linear": 0.00125},
        "convergence": {"fast": block, "published": block | {"chosen": None}},
        "exact": {"sampler": {"fast": exact}, "trained": {"fast": exact | {"passes": False}}},
        "masses": mass_pair(),
        "mass_edges": EDGES,
        "sizes": {
            "clusters": {"train": {"maps": 900, "parents": 300}},
            "models": {
                "fast": {"parameters": 1234567, "evaluations": 12},
                "published": {"parameters": 2430000, "evaluations": 1000},
            },
        },
        "timings": {"painting": 12.0, "fast": 600.0, "published": 7200.0},
    }


def judged_methods():
    """Return posteriors by name: too wide before recalibration, right after it."""
    right, wide = judged(), judged(width=1.5)
    return dict(zip(METHODS, (right, wide, wide, right, judged(width=0.6)), strict=True))


@lru_cache(maxsize=1)
def full_card():
    """Return a card with every part; nobody writes into it."""
    return build_posterior_scorecard(judged_methods(), **parts())


def bare_card(**settings):
    """Return the card of the fast model alone."""
    return build_posterior_scorecard({"fast": judged(**settings)})


def example(name="one"):
    """Return a cluster to show."""
    test = make_test()
    return {
        "name": name,
        "log10_m200c": 14.5,
        "inputs": test.inputs[3],
        "truth": test.truth[3],
        "samples": test.samples[3],
    }


HISTORIES = {"fast": [{"epoch": i, "train": 1.0 / i, "validation": 1.1 / i} for i in (1, 2, 3)], "none": []}
