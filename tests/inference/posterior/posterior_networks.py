"""Small untaught networks for tests of posterior maps, and a mapper made of them."""

import numpy as np
import torch
from posterior_toy import clusters

from zwicky.core.quantities import MapQuantity
from zwicky.inference.folder import ready
from zwicky.inference.posterior.assembling import assemble
from zwicky.mocks.theory_settings import TheorySurveySettings
from zwicky.mocks.theory_survey import WIDE_FIELD_64
from zwicky.models.base import Batch
from zwicky.models.diffusion.sampler import Sampler
from zwicky.models.residual_maps import with_moments
from zwicky.models.table import build_either

VIEWS = (MapQuantity.COMPTON_Y, MapQuantity.XRAY_SURFACE_BRIGHTNESS)
TARGETS = (MapQuantity.GAS_SURFACE_DENSITY, MapQuantity.DARK_SURFACE_DENSITY)
SURVEY = TheorySurveySettings(
    simulation={"kind": "painter", "preset": "gadgetx"},
    views=tuple(str(view) for view in VIEWS),
    target=str(TARGETS[0]),
    also=(str(TARGETS[1]),),
    grid="wide-64",
)
FAST = Sampler(solver="dpm2m", steps=3)
NEAR = Sampler(solver="dpm2m", steps=3, sigma_min=0.01, sigma_max=0.5)
NAMES = ("a", "b", "c", "d")


def data(n, seed, per_parent=1):
    return clusters(np.random.default_rng(seed), n, WIDE_FIELD_64, per_parent)


def networks(training):
    """Return both networks, untaught: scaled to the training set, so that they draw fields of the right spectrum."""
    torch.manual_seed(2)
    sizes = {"n_views": 2, "n_targets": 2, "n_pixels": 64}
    moments = build_either({"kind": "map_moments", "width": 2, "depth": 2, **sizes})
    given = training.rows(slice(None))
    moments.fit_scaling(given)
    ready(moments)
    net = {"width": 8, "depth": 2}
    drawing = build_either({"kind": "residual_maps", "network": net, "half": False, **sizes})
    with torch.no_grad():
        told = with_moments(given.maps, *moments.moments(given))
    drawing.fit_scaling(Batch(told, given.redshift, None, given.target))
    return drawing, moments


def assembled(n_validation=24, **changes):
    training = data(44, 1)
    drawing, moments = networks(training)
    settings = {
        "views": VIEWS, "targets": TARGETS, "survey": SURVEY, "physics": ("gadgetx",), "seed": 3,
        "sampler": FAST, "n_samples": 4, "c5": {"evaluations": [3], "sd_error": [0.01]},
        "provenance": {"commit": "abc"},
    } | changes  # fmt: skip
    return assemble(drawing, moments, training, data(n_validation, 2), **settings)
