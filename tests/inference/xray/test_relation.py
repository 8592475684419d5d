"""A relation between one number and the mass: what was put in comes out, and intervals hold what they promise."""

from dataclasses import replace

import numpy as np
import pytest

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import ConfigError, MassError, TrainingError
from zwicky.inference.conformal import LEVELS
from zwicky.inference.xray import relation as relation_module
from zwicky.inference.xray.measured import CountedMeasured, GaussianMeasured
from zwicky.inference.xray.relation import FORMS, ScalarRelation, form_by_name, marginal
from zwicky.physics.xray_flux import luminosity_distance_mpc as distance

COSMOLOGY = COSMOLOGIES["planck_sz"]
RANGE = (13.5, 15.3)
TRUTH = (-1.0, 1.45, 0.3, -0.2)
SIGMA = 0.35


def true_relation(name="luminosity", **options):
    return replace(ScalarRelation.named(name, COSMOLOGY, RANGE, **options), numbers=TRUTH, sigma_ln=SIGMA)


def sample(n, seed, relation=None, mass=None):
    """Return redshift, log10 mass and true ln X of n clusters."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(0.05, 0.8, n)
    mass = rng.uniform(*RANGE, n) if mass is None else mass
    relation = true_relation() if relation is None else relation
    return z, mass, relation.ln_mean(mass, z) + relation.sigma_ln * rng.standard_normal(n)


def gaussian(ln_x, relative=0.0, absolute=0.0, seed=5):
    rng = np.random.default_rng(seed)
    sigma = relative * np.exp(ln_x) + absolute
    return GaussianMeasured(np.exp(ln_x) + sigma * rng.standard_normal(len(ln_x)), sigma)


def counted(ln_x, per_unit, background, seed=5):
    rng = np.random.default_rng(seed)
    per_unit, background = (np.broadcast_to(float(one), ln_x.shape) for one in (per_unit, background))
    return CountedMeasured(
        rng.poisson(np.exp(ln_x) * per_unit + background).astype(float), background, per_unit
    )


def within(masses, truth, low, high):
    q = masses.log10_quantiles
    return ((q[:, LEVELS.index(low)] < truth) & (truth < q[:, LEVELS.index(high)])).mean()


# ---------- the form


def test_terms_of_the_form_are_those_of_the_formula():
    relation = true_relation("count_rate")
    z, mass = 0.6, 14.7
    a, b, gamma, delta = TRUTH
    form = relation.form
    r = np.log((1 + z) / (1 + form.pivot_redshift))
    ln_m = np.log(10**mass / form.pivot_msun)

    expected = a + (b + delta * r) * ln_m + gamma * r
    expected += 2 * np.log(COSMOLOGY.efunc(z) / COSMOLOGY.efunc(form.pivot_redshift))
    expected -= 2 * np.log(distance(z, COSMOLOGY) / distance(form.pivot_redshift, COSMOLOGY))
    assert relation.ln_mean(np.array(mass), np.array(z)) == pytest.approx(expected, rel=1e-6)
    assert relation.slope_at(np.array(z)) == pytest.approx(b + delta * r)


def test_the_mass_of_a_mean_is_its_mass():
    relation = true_relation("count_rate")
    z, mass, _ = sample(20, 1)
    np.testing.assert_allclose(relation.log10_mass_of(relation.ln_mean(mass, z), z), mass, rtol=1e-12)


def test_the_marginal_is_the_integral():
    """Brute force over ln X, for faint and bright, Gaussian and counted."""
    ln_x = np.linspace(-30, 12, 400001)
    for measured in (
        GaussianMeasured(np.array([5.0, 0.2, -0.5]), np.array([0.05, 0.3, 0.5])),
        CountedMeasured(
            np.array([900.0, 3.0, 0.0]), np.array([100.0, 2.0, 0.5]), np.array([200.0, 5.0, 3.0])
        ),
    ):
        mean, sigma = np.array([[1.7], [-1.0], [-1.5]]), np.full((3, 1), 0.4)
        exact = []
        for i in range(3):
            log = measured[i : i + 1].log_likelihood(ln_x[None])[0] - 0.5 * ((ln_x - mean[i]) / 0.4) ** 2
            exact.append(
                log.max() + np.log(np.trapezoid(np.exp(log - log.max()), ln_x) / np.sqrt(2 * np.pi) / 0.4)
            )
        np.testing.assert_allclose(marginal(measured, mean, sigma)[:, 0], exact, atol=5e-3)


# ---------- the fit


@pytest.mark.parametrize("make", [lambda ln_x: gaussian(ln_x, 0.2), lambda ln_x: counted(ln_x, 60, 5)])
def test_an_injected_relation_comes_back(make):
    """1500 clusters: five numbers within 4 of their standard deviations, estimated from the design."""
    z, mass, ln_x = sample(1500, 2)
    fitted = ScalarRelation.named("luminosity", COSMOLOGY, RANGE).fitted(make(ln_x), z, mass)
    design = np.stack(fitted._terms(mass, z)[0], axis=1)
    sd = np.sqrt(np.diag(np.linalg.inv(design.T @ design))) * 1.5 * SIGMA
    assert np.all(np.abs(np.array(fitted.numbers) - TRUTH) < 4 * sd)
    assert fitted.sigma_ln == pytest.approx(SIGMA, rel=0.1)


def test_noise_is_not_taken_for_scatter():
    """The negative control: a straight line through ln X finds the sum of both."""
    z, mass, ln_x = sample(1500, 3)
    noisy = gaussian(ln_x, 0.4)
    fitted = ScalarRelation.named("luminosity", COSMOLOGY, RANGE).fitted(noisy, z, mass)
    assert fitted.sigma_ln == pytest.approx(SIGMA, rel=0.1)
    seen = noisy.value > 0
    residual = np.log(noisy.value[seen]) - fitted.ln_mean(mass[seen], z[seen])
    assert residual.std() > 1.3 * SIGMA


def test_errors_of_the_masses_are_not_taken_for_scatter():
    z, mass, ln_x = sample(1500, 4)
    blurred = mass + 0.12 * np.random.default_rng(1).standard_normal(len(mass))
    named = ScalarRelation.named("luminosity", COSMOLOGY, RANGE)
    assert named.fitted(gaussian(ln_x, 0.05), z, blurred, 0.12).sigma_ln == pytest.approx(SIGMA, rel=0.1)
    assert named.fitted(gaussian(ln_x, 0.05), z, blurred).sigma_ln > 1.3 * SIGMA


def test_what_the_form_holds_fixed_stays_so():
    z, mass, ln_x = sample(300, 5)
    fitted = ScalarRelation.named("yx", COSMOLOGY, RANGE).fitted(gaussian(ln_x, 0.1), z, mass)
    assert fitted.numbers[2:] == (0.0, 0.0)
    assert fitted.numbers[1] == pytest.approx(TRUTH[1], abs=0.2)


# ---------- the masses


@pytest.mark.parametrize(
    "make",
    [
        lambda ln_x: gaussian(ln_x, 0.1),
        lambda ln_x: gaussian(ln_x, absolute=0.3),
        lambda ln_x: counted(ln_x, 8, 3),
    ],
)
def test_intervals_cover_what_they_promise(make):
    """1000 clusters drawn from the prior, 68 and 95 % within 4 binomial sd; with half the scatter it fails."""
    z, mass, ln_x = sample(1000, 6)
    measured = make(ln_x)
    masses = true_relation().weigh(measured, z)
    for low, high, share in ((0.16, 0.84, 0.68), (0.025, 0.975, 0.95)):
        assert within(masses, mass, low, high) == pytest.approx(
            share, abs=4 * np.sqrt(share * (1 - share) / 1000)
        )


def test_a_wrong_scatter_is_seen():
    z, mass, ln_x = sample(1000, 6)
    masses = replace(true_relation(), sigma_ln=0.5 * SIGMA).weigh(gaussian(ln_x, 0.1), z)
    assert within(masses, mass, 0.16, 0.84) < 0.68 - 4 * np.sqrt(0.68 * 0.32 / 1000)


def test_a_fitted_relation_covers_new_clusters():
    named = ScalarRelation.named("luminosity", COSMOLOGY, RANGE)
    z, mass, ln_x = sample(800, 7)
    fitted = named.fitted(counted(ln_x, 20, 3), z, mass)
    z, mass, ln_x = sample(800, 8)
    masses = fitted.weigh(counted(ln_x, 20, 3, seed=9), z)
    assert within(masses, mass, 0.16, 0.84) == pytest.approx(0.68, abs=0.07)
    assert abs((masses.log10_quantiles[:, LEVELS.index(0.5)] - mass).mean()) < 0.025


def test_bright_clusters_scatter_as_the_relation():
    """sigma_lnM = sigma_lnX / B where noise is small."""
    relation = replace(true_relation(), numbers=(*TRUTH[:3], 0.0))
    z, _, _ = sample(800, 9)
    mass = np.random.default_rng(1).uniform(14.2, 14.6, len(z))
    ln_x = relation.ln_mean(mass, z) + SIGMA * np.random.default_rng(2).standard_normal(len(z))
    median = relation.weigh(gaussian(ln_x, 0.01), z).log10_quantiles[:, LEVELS.index(0.5)]
    assert (median - mass).std() * np.log(10) == pytest.approx(SIGMA / TRUTH[1], rel=0.1)


@pytest.mark.parametrize(("prior", "slope"), [("training", 0.2**2 / (0.2**2 + 0.15**2)), ("flat", 1.0)])
def test_masses_return_to_the_mean_as_the_prior_says(prior, slope):
    """Normal masses of 0.2 dex, scatter of 0.15 dex: the slope of predicted on true mass is tau^2 / (tau^2 + s^2),
    and that of true on predicted mass is 1; with a flat prior it is the other way round."""
    relation = replace(true_relation("yx", prior=prior), numbers=(0.0, 5 / 3, 0.0, 0.0))
    relation = replace(relation, sigma_ln=0.15 * np.log(10) * 5 / 3)
    rng = np.random.default_rng(3)
    mass = 14.4 + 0.2 * rng.standard_normal(2500)
    z, mass, ln_x = sample(2500, 10, relation, mass)
    fitted = relation.fitted(gaussian(ln_x, 0.02), z, mass)
    found = fitted.weigh(gaussian(ln_x, 0.02), z).log10_quantiles[:, LEVELS.index(0.5)]
    cov = np.cov(found, mass)
    assert cov[0, 1] / cov[1, 1] == pytest.approx(slope, abs=0.07)
    assert cov[0, 1] / cov[0, 0] == pytest.approx(1.0 if prior == "training" else 0.64, abs=0.08)


def test_the_prior_of_the_training_follows_the_redshift():
    """Clusters of a flux limit are heavier far away: a blurred one is put where its like were."""
    rng = np.random.default_rng(4)
    z = rng.uniform(0.05, 0.8, 3000)
    mass = 14.0 + z + 0.05 * rng.standard_normal(3000)
    relation = replace(true_relation(prior="training"), numbers=(*TRUTH[:2], 0.0, 0.0))
    _, _, ln_x = sample(3000, 11, relation, mass)
    fitted = relation.fitted(gaussian(ln_x, 0.5), z, mass)
    blank = GaussianMeasured(np.ones(2), np.full(2, 1e6))
    near, far = fitted.weigh(blank, np.array([0.2, 0.7])).log10_quantiles[:, LEVELS.index(0.5)]
    assert near == pytest.approx(14.2, abs=0.08)
    assert far == pytest.approx(14.7, abs=0.08)


def test_without_a_signal_there_is_an_upper_limit():
    """Nothing counted: the posterior ends where photons would have been seen, and starts with the prior."""
    z = np.full(3, 0.3)
    relation = true_relation()
    nothing = CountedMeasured(
        np.array([0.0, 0.0, 2.0]), np.array([0.1, 0.1, 2.0]), np.array([5.0, 50.0, 50.0])
    )
    masses = relation.weigh(nothing, z)
    assert masses.is_limit.all()
    limits = masses.log10_quantiles[:, LEVELS.index(0.95)]
    assert limits[1] < limits[0] - 0.2
    expected = np.exp(relation.ln_mean(limits[1], 0.3)) * 50
    assert 0.5 < expected < 10
    assert np.all(masses.log10_quantiles[:, 0] < RANGE[0] + 0.1)
    seen = CountedMeasured(np.array([400.0]), np.array([2.0]), np.array([500.0]))
    assert not relation.weigh(seen, z[:1]).is_limit.any()


def test_fewer_photons_widen_the_interval():
    z = np.full(3, 0.3)
    x = np.exp(true_relation().ln_mean(np.array(14.4), 0.3))
    counts = np.array([4.0, 40.0, 4000.0])
    q = true_relation().weigh(CountedMeasured(counts, np.zeros(3), counts / x), z).log10_quantiles
    width = q[:, LEVELS.index(0.84)] - q[:, LEVELS.index(0.16)]
    assert width[0] > 1.2 * width[1] > 1.2 * width[2]


def test_answers_do_not_depend_on_the_chunk(monkeypatch):
    monkeypatch.setattr(relation_module, "CHUNK", 100)
    z, _, ln_x = sample(150, 12)
    measured = gaussian(ln_x, 0.3)
    together = true_relation().weigh(measured, z)
    alone = true_relation().weigh(measured[140:141], z[140:141])
    np.testing.assert_allclose(alone.log10_quantiles[0], together.log10_quantiles[140], rtol=1e-12)


# ---------- what is refused


def test_an_unknown_form_is_refused():
    with pytest.raises(ConfigError, match="did you mean 'luminosity'"):
        form_by_name("luminosty")
    assert all(form.name == name and form.source for name, form in FORMS.items())


def test_too_few_clusters_are_refused():
    z, mass, ln_x = sample(10, 13)
    named = ScalarRelation.named("luminosity", COSMOLOGY, RANGE)
    with pytest.raises(TrainingError, match="too few clusters"):
        named.fitted(gaussian(ln_x, 0.1), z, mass)
    z, mass, ln_x = sample(100, 13)
    with pytest.raises(TrainingError, match="0 above 2 sigma"):
        named.fitted(GaussianMeasured(np.zeros(100), np.ones(100)), z, mass)


def test_the_training_prior_needs_a_fit():
    with pytest.raises(TrainingError, match="call fitted first"):
        true_relation(prior="training").weigh(gaussian(np.zeros(2), 0.1), np.full(2, 0.3))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GaussianMeasured(np.array([np.nan]), np.ones(1)), "1 values not finite"),
        (lambda: GaussianMeasured(np.ones(1), np.zeros(1)), "1 errors not positive"),
        (lambda: CountedMeasured(np.ones(1), np.zeros(1), np.zeros(1)), "not exposed"),
        (lambda: CountedMeasured(-np.ones(1), np.zeros(1), np.ones(1)), "not negative"),
    ],
)
def test_a_measurement_has_a_value_and_an_error(make, words):
    with pytest.raises(MassError, match=words):
        make()
