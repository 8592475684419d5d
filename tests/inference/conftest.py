"""A small survey and a small trained estimator that the tests of this room share."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from astropy import units as u

from zwicky.core.masses import M500C
from zwicky.core.quantities import MapQuantity
from zwicky.data.dataset import MapData
from zwicky.inference.estimator import Estimator
from zwicky.inference.fit import calibrated_estimator
from zwicky.instruments.instrument import Instrument
from zwicky.mocks.settings import SurveySettings
from zwicky.training.loop import TrainingSettings, train

SURVEY = SurveySettings(
    simulation={"kind": "spherical", "redshift_edges": (0.05, 0.5), "log10_m500c_range": (14.0, 15.4)}
)


def small_instrument() -> Instrument:
    """Planck's beam and noise on stamps of 24 pixels of 4 arcmin: everything is quick, the laws are the same."""
    planck = Instrument.named("planck_milca")
    grid = planck.config.grid.model_copy(update={"n_pixels": 24, "pixel": 4.0 * u.arcmin})
    return replace(planck, config=planck.config.model_copy(update={"grid": grid}))


@pytest.fixture(scope="session")
def small_survey():
    return replace(SURVEY.build(1), instrument=small_instrument())


def observe(survey, indices):
    """Return stamps, redshifts and log10 masses of some clusters."""
    sets = [survey.observe(int(i), 0) for i in indices]
    return (
        np.array([s[MapQuantity.COMPTON_Y].values for s in sets]),
        np.array([s.cluster.redshift for s in sets]),
        np.array([s.cluster.mass(M500C).log10_msun for s in sets]),
    )


def as_data(columns, first):
    stamps, redshift, log10_mass = (torch.from_numpy(c.astype(np.float32)) for c in columns)
    return MapData(
        stamps[:, None], redshift, log10_mass, np.array([f"c{first + i}" for i in range(len(stamps))])
    )


@pytest.fixture(scope="session")
def planck_mocks():
    """700 full-size observations: 0-399 train, 400-699 validation."""
    return observe(SURVEY.build(1), range(700))


@pytest.fixture(scope="session")
def estimator(planck_mocks, tmp_path_factory) -> Estimator:
    training, validation = (as_data([c[a:b] for c in planck_mocks], a) for a, b in ((0, 400), (400, 700)))
    model = {"kind": "radial_cnn", "filters": (4, 8), "hidden": (16,)}
    settings = TrainingSettings(epochs=4, batch_size=32)
    folder = tmp_path_factory.mktemp("training")
    members = [train(model, training, validation, settings, folder / str(s), s).model for s in (1, 2)]
    return calibrated_estimator(members, model, training, validation, SURVEY, 1, {"made": "in a test"})
