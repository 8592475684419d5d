"""All baselines at once: each answers, and the linear map comes in its best setting for each question."""

import numpy as np
import pytest
from linear_toy import LinearToy

from zwicky.core.errors import MapError
from zwicky.inference.mapping.baselines import LINEAR, LINEAR_R, PROFILE, LinearMap, fit_baselines
from zwicky.inference.mapping.linear_map import lost_correlation, median_difference

TOY = LinearToy()


def powers_with_peaks(rng, n):
    """Return a view and a target: a power law of it between the pixels, and in proportion where there is a galaxy."""
    log10_mass = rng.normal(0.0, 0.3, (n, 1, 1)) + rng.normal(0.0, 0.02, (n, 16, 16))
    galaxies = rng.lognormal(0.0, 2.0, log10_mass.shape) * (rng.random(log10_mass.shape) < 0.1)
    return (10.0 ** (3.0 * log10_mass) + 10.0 * galaxies)[:, None], 10.0**log10_mass + galaxies


def test_every_baseline_answers_with_positive_maps():
    rng = np.random.default_rng(1)
    views, target = TOY.draw(rng, 200)
    views[:, 1] = np.nan
    fits = fit_baselines(views, target, views, target, (True, False))
    assert set(fits) == {LINEAR, PROFILE}
    for fit in fits.values():
        predicted = fit.predict(views)
        assert predicted.shape == target.shape
        assert predicted.min() > 0.0
        assert fit.present == (True, False)


def test_the_best_map_and_the_best_correlation_may_differ():
    rng = np.random.default_rng(2)
    training, validation = powers_with_peaks(rng, 300), powers_with_peaks(rng, 200)
    fits = fit_baselines(*training, *validation)
    assert set(fits) == {LINEAR, LINEAR_R, PROFILE}
    assert isinstance(fits[LINEAR], LinearMap)
    views, truth = powers_with_peaks(rng, 200)
    closest, sharpest = (fits[name].predict(views) for name in (LINEAR, LINEAR_R))
    assert median_difference(truth, closest) < median_difference(truth, sharpest)
    assert lost_correlation(truth, sharpest) < lost_correlation(truth, closest)


def test_validation_goes_in_pairs_too():
    views, target = TOY.draw(np.random.default_rng(3), 30)
    with pytest.raises(MapError, match="go in pairs"):
        fit_baselines(views, target, views, target[:10])
