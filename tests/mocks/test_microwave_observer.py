"""What a matched filter is told of microwave bands agrees with what they map."""

import pickle

import numpy as np
import pytest

from zwicky.core.quantities import MapQuantity
from zwicky.core.randomness import Key, Stream
from zwicky.inference.matched_filter import MatchedFilter
from zwicky.instruments.spectrum import multipoles
from zwicky.mocks.microwave_settings import MicrowaveSurveySettings

BANDS = [MapQuantity.TEMPERATURE_90, MapQuantity.TEMPERATURE_150, MapQuantity.TEMPERATURE_220]


@pytest.fixture(scope="module")
def survey():
    simulation = {"kind": "fixed_spheres", "m200c_1e14_msun": [2.0, 8.0], "sigma_ln_y500": 0.0}
    settings = MicrowaveSurveySettings(
        simulation=simulation, instrument="so_lat", n_pixels=24, padded="40 arcmin"
    )
    return settings.build(seed=3)


def test_the_signal_is_what_a_map_has_more_than_the_sky(survey):
    seen = survey.observe(1, 0)
    sky = survey.sky.draw(Key(3, Stream.MICROWAVE_SKY, 1, 0))
    theory = survey.simulation.theory(1, 0, survey.instrument.theory_grid)
    signals = survey.instrument.signals(theory[MapQuantity.COMPTON_Y].values)
    more = np.stack([seen[band].values for band in BANDS]) - sky
    np.testing.assert_allclose(signals, more, atol=1e-9)
    assert signals[0].min() < signals[1].min() < 0.0 < signals[2].max()


def test_the_filter_of_all_bands_is_unbiased_and_better_than_one(survey):
    """Pulls of empty skies have mean 0 and the stated variance; half the sky's variance is not."""
    fields = survey.sky.draw_many([Key(4, Stream.TEST, i) for i in range(300)])
    bank = MatchedFilter(survey.instrument, "a10", (0.5, 4.0))
    filtered = bank(fields)
    pull = filtered.y500_arcmin2 / filtered.sigma_arcmin2
    assert np.abs(pull.mean(axis=0)).max() < 4.5 / np.sqrt(300)
    np.testing.assert_allclose(pull.std(axis=0), 1.0, atol=0.15)
    assert not np.allclose(pull.std(axis=0) * np.sqrt(2.0), 1.0, atol=0.15)
    one_band = MicrowaveSurveySettings(
        instrument="so_lat", bands=("temperature_150",), n_pixels=24, padded="40 arcmin"
    ).build(seed=3)
    single = MatchedFilter(one_band.instrument, "a10", (0.5, 4.0))(fields[:, 1])
    assert (filtered.sigma_arcmin2 < single.sigma_arcmin2).all()


def test_the_expected_power_of_a_band_is_that_of_its_pixels(survey):
    bands = survey.instrument.seen_bands
    assert [band.name for band in bands] == BANDS
    fields = survey.sky.draw_many([Key(5, Stream.TEST, i) for i in range(200)])
    for i, band in enumerate(bands):
        assert fields[:, i].std() == pytest.approx(band.rms, rel=0.1)
        assert band.power_at(np.array([0.0, 3000.0]))[1] == pytest.approx(
            survey.sky.power_uk2_arcmin2(np.array([3000.0]))[0, i, i]
        )
        assert np.isfinite(band.power_at(np.array([0.0]))).all()
        assert band.beam_transform(8)[0, 0] == 1.0
        ell = multipoles(24, survey.grid.pixel_value)
        counts = np.histogram(ell, band.ell_edges)[0]
        assert list(band.ell_edges) == sorted(band.ell_edges)
        assert counts.min() > 0


def test_it_can_be_sent_to_a_worker_after_it_was_used(survey):
    assert survey.instrument.seen_bands
    again = pickle.loads(pickle.dumps(survey))
    np.testing.assert_array_equal(again.observe(0, 0)[BANDS[1]].values, survey.observe(0, 0)[BANDS[1]].values)
