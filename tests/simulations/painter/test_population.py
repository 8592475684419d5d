"""Who clusters are: labels, correlated deviates, concentrations and shapes."""

import numpy as np
import pytest

from zwicky.core.randomness import Key, Stream
from zwicky.simulations.painter.drawing.population import OWN, dark_axes, deviates_of, draw_traits, label
from zwicky.simulations.painter.settings import LATENTS, PainterPhysics, PainterSettings, correlation_matrix

SETTINGS = PainterSettings(preset="hyper")


@pytest.fixture(scope="module")
def latents():
    """20,000 clusters' deviates, (cluster, latent)."""
    uniform = Key(5, Stream.TEST).uniform(20_000, 24)
    rows = [deviates_of(u, SETTINGS.cluster_physics)[0] for u in uniform]
    return np.array([[row[name] for name in (*LATENTS, *OWN)] for row in rows])


def misfit(latents, matrix):
    """Largest difference between measured and expected correlations, in standard errors."""
    found = np.corrcoef(latents.T)
    error = (1.0 - matrix**2 + 1e-9) / np.sqrt(len(latents))
    return (np.abs(found - matrix) / error)[~np.eye(len(matrix), dtype=bool)].max()


def test_the_deviates_have_the_correlations_of_the_settings(latents):
    matrix = np.eye(len(LATENTS) + len(OWN))
    matrix[: len(LATENTS), : len(LATENTS)] = correlation_matrix(SETTINGS.cluster_physics.correlations)
    assert misfit(latents, matrix) < 4.5  # 105 pairs
    wrong = matrix.copy()
    i, j = LATENTS.index("disturbance"), LATENTS.index("temperature")
    wrong[i, j] = wrong[j, i] = -wrong[i, j]
    assert misfit(latents, wrong) > 20.0
    np.testing.assert_allclose(latents.mean(axis=0), 0.0, atol=0.03)
    np.testing.assert_allclose(latents.std(axis=0), 1.0, atol=0.02)


def test_without_scatter_all_deviates_vanish():
    physics = PainterPhysics(scatter=0.0)
    deviates, _ = deviates_of(Key(5, Stream.TEST).uniform(24), physics)
    assert set(deviates.values()) <= {0.0}
    half, _ = deviates_of(Key(5, Stream.TEST).uniform(24), PainterPhysics(scatter=0.5))
    full, _ = deviates_of(Key(5, Stream.TEST).uniform(24), PainterPhysics())
    np.testing.assert_allclose(list(half.values()), 0.5 * np.array(list(full.values())))


def test_labels_are_flat_in_the_logarithm_of_mass_and_fill_the_redshift_intervals():
    settings = PainterSettings(log10_m200c_range=(14.0, 15.0), redshift_edges=(0.1, 0.2, 1.0))
    labels = np.array([label(settings, 3, i) for i in range(4000)])
    u = np.sort(np.log10(labels[:, 0]) - 14.0)
    assert np.abs(u - (np.arange(4000) + 0.5) / 4000).max() < 1.63 / np.sqrt(4000)  # Kolmogorov, 1 per cent
    low = labels[:, 1] < 0.2
    assert low.mean() == pytest.approx(0.5, abs=0.03)
    assert labels[low, 1].mean() == pytest.approx(0.15, abs=0.003)
    assert labels[~low, 1].mean() == pytest.approx(0.6, abs=0.02)


def test_flat_labels_are_what_they_were_before_there_were_light_cones():
    settings = PainterSettings(log10_m200c_range=(14.0, 15.0), redshift_edges=(0.1, 0.2, 1.0))
    assert label(settings, 0, 0) == (102694398211389.56, 0.11114258555149382)
    assert label(settings, 3, 1) == (759312152977153.9, 0.17868766815279521)
    assert label(settings, 2024, 11999) == (424822188200677.1, 0.5839717635539464)


def test_labels_of_a_light_cone_are_draws_of_its_haloes():
    flat = PainterSettings(log10_m200c_range=(13.5, 15.0), redshift_edges=(0.05, 0.6))
    cone = PainterSettings(**{**flat.model_dump(), "population": "light_cone", "faintest_flux": 1e-13})
    labels = np.array([label(cone, 3, i) for i in range(2000)])
    u = np.array([Key(3, Stream.MASS_AND_REDSHIFT, i).uniform(3) for i in range(2000)])
    masses, redshifts = cone.haloes.draw(u[:, 0], u[:, 2])
    np.testing.assert_allclose(labels.T, [10.0**masses, redshifts], rtol=1e-12)
    # In any order, and whatever else has been drawn.
    draw_traits(cone, 3, 5)
    assert [label(cone, 3, i) for i in (1999, 7)] == [tuple(labels[i]) for i in (1999, 7)]
    assert label(cone, 4, 7) != tuple(labels[7])
    traits = draw_traits(cone, 3, 7)
    assert (traits.m200c_msun, traits.redshift) == tuple(labels[7])
    # Only the label is another: a cluster's deviates are those of the flat population.
    assert traits.deviates == draw_traits(flat, 3, 7).deviates


def test_the_label_is_that_of_the_traits_and_may_be_fixed():
    settings = PainterSettings(log10_m200c_range=(14.5, 14.5), redshift_edges=(0.3, 0.3))
    assert label(settings, 1, 7) == pytest.approx((10**14.5, 0.3))
    for index in range(20):
        traits = draw_traits(SETTINGS, 1, index)
        assert (traits.m200c_msun, traits.redshift) == label(SETTINGS, 1, index)


def test_concentrations_scatter_around_the_median_relation():
    plain = PainterSettings(preset="hyper", physics={"concentration_factor": 1.0})
    traits = [draw_traits(plain, 2, i) for i in range(600)]
    median = [t.structure.concentration_at(np.log10(t.m200c_msun)) for t in traits]
    ln = np.log([t.concentration for t in traits]) - np.log(median)
    assert np.median(ln) == pytest.approx(0.0, abs=0.04)
    assert ln.std() == pytest.approx(0.30, abs=0.03)
    assert np.median([t.concentration for t in traits]) == pytest.approx(4.2, abs=0.3)  # as in the prototype
    twice = PainterSettings(preset="hyper", physics={"concentration_factor": 1.2})
    assert draw_traits(twice, 2, 0).concentration == pytest.approx(1.2 * traits[0].concentration)


def test_radii_of_the_smooth_halo_follow_from_its_concentration():
    traits = draw_traits(SETTINGS, 2, 1)

    def mean_overdensity(x):
        c = traits.concentration
        mass = np.log1p(c * x) - c * x / (1.0 + c * x)
        return 200.0 * mass / (np.log1p(c) - c / (1.0 + c)) / x**3

    assert mean_overdensity(traits.x500) == pytest.approx(500.0, rel=1e-3)
    omega_m = 0.3111 * 1.05**3 / traits.cosmology.efunc(0.05) ** 2
    assert mean_overdensity(traits.x200m) == pytest.approx(200.0 * omega_m, rel=1e-3)


def test_axes_are_sorted_and_keep_the_volume():
    for index in range(200):
        axes = draw_traits(SETTINGS, 4, index).dark_axes
        assert axes.prod() == pytest.approx(1.0, rel=1e-12)
        assert axes[0] >= axes[1] >= axes[2] > 0.0


def test_shapes_follow_peak_height_and_deviate():
    physics = PainterPhysics()

    def short(nu, shape):
        axes = dark_axes(physics, nu, shape, 0.5)
        return axes[2] / axes[0]

    assert short(2.5, 0.0) == pytest.approx(0.53)
    assert short(3.5, 0.0) == pytest.approx(0.495)
    assert short(2.5, 1.0) == pytest.approx(0.43)
    assert short(2.5, 99.0) == pytest.approx(0.28)
    assert np.array_equal(dark_axes(PainterPhysics(triaxial=False), 2.5, 1.0, 0.5), np.ones(3))
