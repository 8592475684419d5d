"""The settings of the smallest experiment with posterior maps, and its grid."""

import copy
from typing import Any

from astropy import units as u

from zwicky.core.grid import Grid
from zwicky.mocks import theory_survey
from zwicky.workflows.posterior.experiment import PosteriorExperiment

GRID = "tiny"
SCHEDULE = {"images": 50, "settings": {"batch_size": 24}}
SCORE = {"kind": "score_maps", "network": {"width": 4, "multipliers": (1, 1), "blocks": 1}, "sigma_max": 0.3}
GATE = {
    "clusters": 2,
    "samples": 4,
    "reference_steps": 6,
    "flow_steps": (3,),
    "stochastic_clusters": 2,
    "stochastic_samples": 4,
    "stochastic_steps": (4,),
}
SETTINGS: dict[str, Any] = {
    "name": "hsu2024",
    "preset": "tiny",
    "title": "Tiny posteriors",
    "reference": "Hsu et al. 2024",
    "seed": 3,
    "survey": {
        "grid": GRID,
        "views": ("compton_y", "xray_surface_brightness"),
        "target": "gas_surface_density",
        "also": ("dark_surface_density",),
        "simulation": {"kind": "painter", "preset": "hyper", "log10_m200c_range": (13.7, 15.3)},
    },
    "store": {"n_clusters": 90, "sight_lines": 1, "clusters_per_shard": 45, "fractions": (0.5, 0.3, 0.2)},
    "moments": {"model": {"kind": "map_moments", "width": 2, "depth": 2}, "training": SCHEDULE},
    "fast": {
        "model": {
            "kind": "residual_maps",
            "network": {"width": 8, "depth": 1},
            "sampler": {"steps": 5},  # gate C5 chooses among others
            "half": False,
        },
        "training": SCHEDULE,
    },
    "published": {"model": SCORE | {"steps": 4}, "training": SCHEDULE},
    "scalar": {"model": {"kind": "view_mass", "width": 2}, "training": SCHEDULE},
    "exact": {
        "fields": 64,
        "moments_images": 64,
        "residual_images": 64,
        "score_images": 64,
        "moments_width": 2,
        "moments_depth": 1,
        "residual_width": 8,
        "residual_depth": 1,
        "score_width": 4,
        "batch": 64,
        "observations": 3,
        "samples": 3,
        "score_observations": 2,
        "score_samples": 3,
        "score_steps": 6,
    },
    "ablations": {
        "plain": {"model": SCORE, "training": SCHEDULE, "begins_with": "published"},
        "linear": {"model": SCORE | {"scaling": "linear"}, "training": SCHEDULE, "parent_fraction": 0.6},
    },
    "evaluation": {
        "log10_m200m_range": (13.9, 15.3),
        "n_resamples": 5,
        "fast": {"clusters": 6, "samples": 4},
        "published": {"clusters": 4, "samples": 4},
        "ablations": {"clusters": 4, "samples": 4, "solver": "dpm2m", "steps": 3},
        "recalibration": {
            "fast": {"clusters": 22, "samples": 4},
            "published": {"clusters": 22, "samples": 4},
        },
        "convergence": {"fast": GATE, "published": GATE},
    },
}


def with_the_grid(monkeypatch):
    """Let experiments ask for 16 pixels across the 12.8 Mpc of the paper."""
    monkeypatch.setitem(theory_survey.GRIDS, GRID, Grid(16, 0.8 * u.Mpc, "proper"))


def settings(**changes):
    """Return the settings; changes are laid over them, in tables at any depth."""
    return overlaid(copy.deepcopy(SETTINGS), changes)


def overlaid(below, above):
    for name, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(name), dict)
        below[name] = overlaid(below[name], value) if both else value
    return below


def experiment(**changes):
    """Return the experiment; the grid must be known."""
    return PosteriorExperiment(**settings(**changes))


def quiet(_):
    """Say nothing."""
