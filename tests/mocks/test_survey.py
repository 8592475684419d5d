"""Mock observations: pure functions of their indices, with the pointing error that was asked for."""

import numpy as np
import pytest

from zwicky.core.errors import ConfigError
from zwicky.core.masses import M500C
from zwicky.core.quantities import MapQuantity
from zwicky.mocks.settings import SurveySettings

Y = MapQuantity.COMPTON_Y


@pytest.fixture(scope="module")
def survey():
    return SurveySettings(centre_error_arcmin=1.5).build(3)


def test_same_indices_same_pixels(survey):
    first = survey.observe(5, 0)[Y].values
    survey.observe(2, 1)
    np.testing.assert_array_equal(first, survey.observe(5, 0)[Y].values)
    np.testing.assert_array_equal(
        first, SurveySettings(centre_error_arcmin=1.5).build(3).observe(5, 0)[Y].values
    )


def test_two_sight_lines_share_the_cluster_and_nothing_else(survey):
    a, b = survey.observe(5, 0), survey.observe(5, 1)
    assert a.cluster.parent == b.cluster.parent
    assert a.cluster.mass(M500C) == b.cluster.mass(M500C)
    assert a.cluster.id != b.cluster.id
    clean = survey.instrument.smooth(survey.simulation.theory(5, 0, survey.instrument.theory_grid)[Y]).values
    noises = [(m[Y].values - clean).ravel() for m in (a, b)]
    assert abs(np.corrcoef(*noises)[0, 1]) < 0.3


def test_pointing_errors_have_their_width(survey):
    offsets = np.array(
        [
            [survey.observe(i, 0).cluster.properties[k] for k in ("offset_y_arcmin", "offset_x_arcmin")]
            for i in range(150)
        ]
    )
    assert offsets.std() == pytest.approx(1.5, rel=0.12)


def test_settings_decide_everything(survey):
    changed = SurveySettings(centre_error_arcmin=1.5, with_residual_sky=False).build(3)
    assert changed.settings() != survey.settings()
    assert survey.settings()["simulation"]["seed"] == 3
    assert survey.channels == (Y,)
    assert survey.grid.n_pixels == 96
    assert survey.beam_arcmin == 10.0


def test_an_unknown_simulation_is_named():
    with pytest.raises(ConfigError, match="spherical"):
        SurveySettings(simulation={"kind": "sperical"}).build(1)
    with pytest.raises(ConfigError, match="did you mean 'sigma_ln_y500'"):
        SurveySettings(simulation={"kind": "spherical", "sigma_ln_y50": 0.1}).build(1)
