"""From rings of photons to masses: the injected relation, the iteration, and intervals that hold."""

from dataclasses import replace

import numpy as np
import pytest
from xray_mocks import COSMOLOGY, RANGE, SIGMA, SLOPE, clusters, conversion

from zwicky.core.errors import ConfigError
from zwicky.inference.conformal import LEVELS
from zwicky.inference.xray.masses import XRayWeigher
from zwicky.inference.xray.profiles import RadialCounts

N = 300
NAMES = ("count_rate", "luminosity", "luminosity_excised", "yx")


@pytest.fixture(scope="module")
def table():
    return conversion()


@pytest.fixture(scope="module")
def training(table):
    return clusters(N, 1, conversion_=table)


@pytest.fixture(scope="module")
def test_set(table):
    return clusters(N, 2, conversion_=table)


@pytest.fixture(scope="module")
def fitted(table, training):
    def fit(name):
        weigher = XRayWeigher.named(name, COSMOLOGY, RANGE, conversion=table)
        return weigher.fitted(training.profiles, training.redshift, training.log10_mass)

    return {name: fit(name) for name in NAMES}


def error_of(masses, sample):
    return masses.log10_quantiles[:, LEVELS.index(0.5)] - sample.log10_mass


def covered(masses, sample, low=0.16, high=0.84):
    q = masses.log10_quantiles
    return (
        (q[:, LEVELS.index(low)] < sample.log10_mass) & (sample.log10_mass < q[:, LEVELS.index(high)])
    ).mean()


def test_the_luminosity_is_the_injected_one(table, training):
    """Inside the true R500, many photons: value over truth is 1, and the relation that of the mocks."""
    bright = clusters(200, 3, seconds=1e6, conversion_=table)
    weigher = XRayWeigher.named("luminosity", COSMOLOGY, RANGE, conversion=table)
    measured = weigher.measure(bright.profiles, bright.redshift, bright.log10_mass)
    ratio = measured.value / np.exp(bright.ln_luminosity)
    assert np.median(ratio) == pytest.approx(1.0, abs=0.01)
    first = weigher.fitted(training.profiles, training.redshift, training.log10_mass).aperture_relation
    assert first.numbers[1] == pytest.approx(SLOPE, abs=0.08)
    assert first.numbers[0] == pytest.approx(0.0, abs=0.08)
    assert first.sigma_ln == pytest.approx(SIGMA, rel=0.12)


def test_radius_is_that_of_the_mass(fitted, training):
    radius = fitted["count_rate"].radius_arcmin(training.log10_mass, training.redshift)
    np.testing.assert_allclose(radius, training.radius_arcmin, rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_new_clusters_are_weighed(fitted, test_set, name):
    masses = fitted[name].weigh(test_set.profiles, test_set.redshift)
    error = error_of(masses, test_set)
    bright = masses.snr > 10
    assert bright.sum() > 100
    # The scatter of the luminosity, half of it for the gas, and what temperatures add.
    assert error[bright].std() < {"yx": 0.095}.get(name, 0.14)
    assert abs(np.median(error[bright])) < 0.03
    assert covered(masses, test_set) == pytest.approx(0.68, abs=4.5 * np.sqrt(0.68 * 0.32 / N))
    assert covered(masses, test_set, 0.025, 0.975) == pytest.approx(0.95, abs=4.5 * np.sqrt(0.95 * 0.05 / N))
    assert masses.converged[bright].mean() > 0.9


def test_half_the_scatter_is_seen_to_be_wrong(fitted, test_set):
    right = fitted["luminosity"]
    wrong = replace(right, relation=replace(right.relation, sigma_ln=0.4 * right.relation.sigma_ln))
    assert covered(wrong.weigh(test_set.profiles, test_set.redshift), test_set) < 0.58


def test_gas_tells_more_than_light(fitted, test_set):
    """Light scatters by 0.3 in ln L, gas by half of that: Y_X must be the better mass of bright clusters."""
    light, gas = (fitted[name].weigh(test_set.profiles, test_set.redshift) for name in ("luminosity", "yx"))
    bright = light.snr > 15
    assert error_of(gas, test_set)[bright].std() < 0.85 * error_of(light, test_set)[bright].std()


def test_the_iteration_does_not_depend_on_where_it_starts(fitted, test_set):
    weigher = fitted["luminosity"]
    form = replace(weigher.aperture_relation.form)
    masses = weigher.weigh(test_set.profiles, test_set.redshift)
    relation = weigher.aperture_relation
    # Another pivot of the same relation: A moves by B ln of the ratio, and the first aperture by the ratio.
    ratio = 4.0
    gamma_shift = relation.numbers[3] * np.log(ratio)
    moved = replace(
        relation,
        form=replace(form, pivot_msun=form.pivot_msun * ratio),
        numbers=(
            relation.numbers[0] + relation.numbers[1] * np.log(ratio),
            relation.numbers[1],
            relation.numbers[2] + gamma_shift,
            relation.numbers[3],
        ),
    )
    other = replace(weigher, aperture_relation=moved).weigh(test_set.profiles, test_set.redshift)
    both = masses.converged & other.converged & (masses.snr > 5)
    np.testing.assert_allclose(other.radius_arcmin[both], masses.radius_arcmin[both], rtol=4e-3)
    assert 3 <= masses.n_steps <= 20


def test_what_did_not_settle_is_flagged(fitted, test_set):
    """No photons but the background: no aperture, an upper limit, and a flag."""
    profiles = test_set.profiles
    empty = replace(profiles, counts=np.rint(profiles.background * 0.99))
    masses = fitted["luminosity"].weigh(empty, test_set.redshift)
    assert not masses.converged.any()
    assert masses.is_limit.mean() > 0.9
    small = RadialCounts(
        profiles.edges_arcmin[:7],
        profiles.counts[..., :6],
        profiles.background[..., :6],
        profiles.background_sigma,
        profiles.exposure_arcmin2_s[..., :6],
        profiles.ring_arcmin2[:, :6],
    )
    cropped = fitted["luminosity"].weigh(small, test_set.redshift)
    assert not cropped.converged[cropped.radius_arcmin > 2.0].any()


def test_an_uncertain_background_widens(fitted, test_set):
    sure = fitted["count_rate"].weigh(test_set.profiles, test_set.redshift)
    unsure_profiles = replace(test_set.profiles, background_sigma=np.full((N, 2), 0.3))
    unsure = fitted["count_rate"].weigh(unsure_profiles, test_set.redshift)
    assert np.all(unsure.snr <= sure.snr * 1.2)
    assert np.median(unsure.snr) < np.median(sure.snr)


def test_given_temperatures_are_taken(table, training, test_set):
    weigher = XRayWeigher.named("yx", COSMOLOGY, RANGE, conversion=table)
    few = slice(0, 150)
    some = replace(
        training.profiles,
        **{
            name: getattr(training.profiles, name)[few]
            for name in ("counts", "background", "background_sigma", "exposure_arcmin2_s", "ring_arcmin2")
        },
    )
    z, mass, kt = training.redshift[few], training.log10_mass[few], training.kt_kev[few]
    fit = weigher.fitted(some.bands(0), z, mass, kt)
    assert fit.relation.sigma_ln < 0.25
    with pytest.raises(Exception, match="One band has no colour"):
        weigher.fitted(some.bands(0), z, mass)


def test_what_cannot_be_weighed_is_refused(training):
    with pytest.raises(ConfigError, match="give conversion=Conversion"):
        XRayWeigher.named("yx", COSMOLOGY, RANGE)
    with pytest.raises(ConfigError, match="was not fitted"):
        XRayWeigher.named("count_rate", COSMOLOGY, RANGE).weigh(training.profiles, training.redshift)
