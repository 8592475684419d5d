"""The gradient that raises the mass: laws of a step, closed forms, and networks of which one knows what they read."""

import numpy as np
import pytest
import torch
from xray_toys import BOOTSTRAP, CORE, N_PIXELS, WeighedSum, footprints, toy_clusters, trained

from zwicky.core.errors import ConfigError, MapError
from zwicky.evaluation.xray.annuli import Footprints, annulus_sums, ratio_of_means
from zwicky.evaluation.xray.dream import DreamProfile, climb, core_response, dream
from zwicky.evaluation.xray.gradients import gradient, predicted_log10


@pytest.fixture(scope="module")
def clusters():
    return toy_clusters()


def dreamed(weights, clusters, **settings):
    return dream(WeighedSum(weights), clusters, footprints(), **settings)


# Steps


def test_a_step_moves_the_fraction_and_leaves_no_pixel_below_zero():
    generator = torch.Generator().manual_seed(3)
    counts = torch.poisson(torch.full((5, 2, 8, 8), 0.8), generator=generator)
    derivative = torch.randn(5, 2, 8, 8, generator=generator)
    change = climb(counts, derivative, 0.2)
    assert ((counts + change) >= 0.0).all()
    total = counts.sum((1, 2, 3))
    torch.testing.assert_close(change.abs().sum((1, 2, 3)), 0.2 * total, rtol=1e-3, atol=0.0)
    assert (change[derivative > 0.0] > 0.0).all()
    free = (
        change > -counts
    )  # where nothing is in the way, the change is the derivative times one number per cluster
    for one, slope, where in zip(change, derivative, free, strict=True):
        ratio = one[where] / slope[where]
        torch.testing.assert_close(ratio, torch.full_like(ratio, ratio[0].item()), rtol=1e-4, atol=0.0)


def test_no_derivative_no_step_and_no_more_is_taken_than_there_is():
    counts = torch.zeros(2, 1, 4, 4)
    counts[:, 0, 1, 1] = 5.0
    counts[:, 0, 2, 2] = 95.0
    derivative = torch.zeros(2, 1, 4, 4)
    derivative[1, 0, 1, 1] = -1.0  # only five photons can go, though ten are asked for
    derivative[1, 0, 0, 0] = -1.0  # and none from here
    change = climb(counts, derivative, 0.1)
    assert not change[0].any()
    assert change[1].sum() == -5.0
    assert change[1, 0, 1, 1] == -5.0


def test_gradients_are_those_of_finite_differences_and_leave_the_network_as_it_was(clusters):
    network = trained(clusters, steps=3)
    batch = clusters.rows(slice(0, 3))
    value, derivative = gradient(network, batch)
    assert network.training
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in network.parameters())
    up, down = batch.maps.clone(), batch.maps.clone()
    up[:, 0, 8, 9] += 0.05
    down[:, 0, 8, 9] -= 0.05
    ends = [predicted_log10(network, type(batch)(one, batch.redshift)) for one in (up, down)]
    torch.testing.assert_close((ends[0] - ends[1]) / 0.1, derivative[:, 0, 8, 9], rtol=0.05, atol=2e-5)
    torch.testing.assert_close(value, predicted_log10(network, batch))
    both = gradient([network, WeighedSum(CORE)], batch)[1]
    torch.testing.assert_close(both, 0.5 * (derivative + gradient(WeighedSum(CORE), batch)[1]))


def test_a_network_that_reads_nothing_has_no_gradient(clusters):
    class Deaf(WeighedSum):
        def predict(self, batch):
            return super().predict(type(batch)(torch.ones_like(batch.maps), batch.redshift))

    profile = dream(Deaf(CORE), clusters, footprints())
    assert not profile.change.any()
    assert not profile.rise_dex.any()
    assert core_response(profile, BOOTSTRAP).is_excised is False


# Annuli


def test_annuli_hold_their_inner_edge_and_sum_to_the_image():
    rng = np.random.default_rng(1)
    images = rng.random((3, 9, 9))
    places = Footprints(np.array([2.0, 4.0, 100.0]), np.array([[0.0, 0.0], [1.0, -2.0], [0.0, 0.0]]))
    radius = places.radius(9)
    assert radius[1, 5, 2] == 0.0
    assert radius[0, 4, 6] == 1.0
    sums = annulus_sums(images, radius, (0.0, 1.0, 100.0))
    np.testing.assert_allclose(sums.sum(1), images.sum((1, 2)))
    np.testing.assert_allclose(sums[0, 0], images[0][radius[0] < 1.0].sum())
    assert sums[2, 1] == 0.0
    assert len(places.selected(slice(1, 3))) == 2


def test_ratio_of_means_is_not_thrown_by_an_empty_annulus():
    parent = np.arange(20)
    top, bottom = np.ones((20, 2)), np.ones((20, 2))
    top[3], bottom[3, 0], bottom[:, 1] = 0.0, 0.0, 0.0
    drawn = ratio_of_means(parent, top, bottom, BOOTSTRAP)
    assert drawn.value[0] == pytest.approx(1.0)
    assert np.isnan(drawn.value[1])
    assert drawn.resamples.shape == (200, 2)
    np.testing.assert_allclose(drawn.resamples[:, 0], 1.0)
    assert ratio_of_means(parent[:9], top[:9], bottom[:9], BOOTSTRAP).resamples is None


# Profiles


def test_profile_of_a_sum_of_all_photons_in_closed_form(clusters):
    """Equal weights: equal dN in every pixel, a tenth of the photons over all pixels."""
    profile = dreamed(np.ones_like(CORE), clusters, n_iterations=2, edges=(0.0, 0.2, 1.0, 2.0))
    per_pixel = 0.1 / N_PIXELS**2
    np.testing.assert_allclose(profile.change[:, 0], per_pixel * 100.0 * profile.area, rtol=1e-4)
    np.testing.assert_allclose(profile.change.sum(2), [[0.1, 0.11]] * 40, rtol=1e-4)
    # log10(1.1 n + 1) - log10(n + 1)
    photons = clusters.maps.sum((1, 2, 3)).numpy()
    np.testing.assert_allclose(
        profile.rise_dex[:, 0], np.log10((1.1 * photons + 1) / (photons + 1)), atol=1e-5
    )
    np.testing.assert_allclose(profile.photons.sum(1), 1.0, rtol=1e-6)
    areas = np.pi * np.array([0.04, 0.96])
    np.testing.assert_allclose(profile.area[0, :2], areas, rtol=0.1)
    np.testing.assert_allclose(profile.per_area(BOOTSTRAP).value[0], 100.0 * per_pixel, rtol=1e-4)


def test_every_iteration_raises_the_mass(clusters):
    weights = np.where(CORE, -0.02, 0.1)
    assert (dreamed(weights, clusters).rise_dex > 0.0).all()


def test_chunks_and_folds_change_nothing(clusters):
    whole, chunked = (dreamed(CORE + 0.1, clusters, chunk=one) for one in (128, 7))
    for name in ("change", "photons", "area", "rise_dex"):
        np.testing.assert_allclose(getattr(whole, name), getattr(chunked, name), rtol=1e-4, atol=1e-7)
    assert np.array_equal(whole.parent, chunked.parent)


# The criterion and its negative controls


def test_a_network_that_reads_only_outside_has_excised_the_core(clusters):
    response = core_response(dreamed(~CORE, clusters), BOOTSTRAP)
    assert response.ratio.value == 0.0
    assert response.is_excised is True


def test_a_network_that_reads_only_the_core_fails(clusters):
    response = core_response(dreamed(CORE, clusters), BOOTSTRAP)
    assert response.outside.value == 0.0
    assert response.inside.value > 0.0
    assert np.isnan(response.ratio.value)
    assert response.ratio.estimate()["value"] is None
    assert response.is_excised is False


def test_a_plain_sum_of_photons_fails_per_area_and_would_pass_per_photon(clusters):
    """Why the criterion is per area: dN / N of a plain luminosity is small where the cluster is bright."""
    profile = dreamed(np.ones_like(CORE), clusters)
    even = core_response(profile, BOOTSTRAP)
    assert even.ratio.value == pytest.approx(1.0, rel=1e-4)
    assert even.is_excised is False
    assert core_response(profile, BOOTSTRAP, per_photon=True).is_excised is True


def test_cores_that_count_against_the_mass_are_not_excised(clusters):
    """Photons are taken from the core as strongly as they are added around it: that is not to be blind to it."""
    response = core_response(dreamed(np.where(CORE, -0.1, 0.1), clusters, fraction=0.01), BOOTSTRAP)
    assert response.ratio.value == pytest.approx(-1.0, rel=0.01)
    assert response.is_excised is False


def test_masses_that_fall_with_photons_outside_are_not_excised(clusters):
    weights = np.where(CORE, 0.0, -1e-5)
    response = core_response(dreamed(weights, clusters, fraction=0.01), BOOTSTRAP)
    assert response.outside.value < 0.0
    assert response.is_excised is False


def test_with_few_parents_nothing_is_said(clusters):
    profile = dream(WeighedSum(~CORE), toy_clusters(9), footprints(9))
    assert core_response(profile, BOOTSTRAP).is_excised is None


@pytest.mark.slow
@pytest.mark.parametrize("core_tells", [True, False])
def test_trained_networks_show_where_the_mass_was(core_tells):
    """Taught with masses that only the core tells, or only what is around it: the first must fail, the second pass."""
    settings = {"core_tells": core_tells, "outside_tells": not core_tells}
    network = trained(toy_clusters(800, 3, **settings))
    test = toy_clusters(40, 4, **settings)
    error = predicted_log10(network, test.rows(slice(None))) - test.log10_mass
    assert error.std() < 0.1  # of 0.29: it has learned
    response = core_response(dream(network, test, footprints()), BOOTSTRAP)
    assert response.is_excised is (not core_tells)
    assert (abs(response.ratio.value) > 1.5) == core_tells


# Errors


def test_steps_images_and_footprints_that_cannot_be_used_are_refused(clusters):
    network = WeighedSum(CORE)
    for settings in ({"fraction": 0.0}, {"fraction": 1.1}, {"n_iterations": 0}):
        with pytest.raises(ConfigError, match="These steps cannot be taken"):
            dream(network, clusters, footprints(), **settings)
    with pytest.raises(MapError, match="one footprint"):
        dream(network, clusters, footprints(39))
    with pytest.raises(ConfigError, match="not negative"):
        dream(network, clusters, footprints(), edges=(-0.1, 1.0))
    for change in (-1.0, 0.0):
        broken = toy_clusters(12)
        broken.maps[3] *= change
        with pytest.raises(MapError, match="only in images of counts"):
            dream(network, broken, footprints(12))
    with pytest.raises(ConfigError, match="An ensemble has members"):
        dream([], clusters, footprints())


@pytest.mark.parametrize(
    ("radius", "offset"),
    [([0.0], None), ([np.nan], None), ([1.0], [[0.0]]), ([[1.0]], None), ([1.0], [[0.0, np.inf]])],
)
def test_footprints_that_are_none_are_refused(radius, offset):
    with pytest.raises(MapError, match="sizes and places"):
        Footprints(np.array(radius), None if offset is None else np.array(offset))


def test_cores_that_cannot_be_read_and_profiles_that_differ_are_refused(clusters):
    profile = dreamed(CORE, clusters)
    for settings in ({"core": 0.17}, {"core": 1.0}, {"iteration": 2}):
        with pytest.raises(ConfigError, match="cannot be read from this profile"):
            core_response(profile, BOOTSTRAP, **settings)
    tiny = dreamed(CORE, clusters, edges=(0.0, 0.01, 0.2, 1.0))
    with pytest.raises(MapError, match="No pixel lies inside the core"):
        core_response(tiny, BOOTSTRAP, core=0.01)
    with pytest.raises(ConfigError, match="cannot be joined"):
        DreamProfile.joined([profile, tiny])
    both = DreamProfile.joined([profile, profile])
    assert len(both.parent) == 80
    np.testing.assert_allclose(both.relative(BOOTSTRAP).value, profile.relative(BOOTSTRAP).value, rtol=1e-12)
