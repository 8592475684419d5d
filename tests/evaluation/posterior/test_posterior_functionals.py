"""What is read off maps: areas add up, shapes are known, and truth is treated as samples are."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from zwicky.core.errors import ConfigError
from zwicky.core.quantities import MapQuantity
from zwicky.evaluation.mapping.spectra import power_spectra
from zwicky.evaluation.posterior.bins import MassBins
from zwicky.evaluation.posterior.functionals import annulus_edges_mpc, functionals
from zwicky.evaluation.posterior.profiles import profiles
from zwicky.evaluation.posterior.records import PosteriorTest
from zwicky.evaluation.posterior.spectra import spectra


@pytest.fixture(scope="module")
def found(posterior):
    return functionals(posterior, 1)


def _of(maps, pixel_mpc=0.4):
    """Return the functionals of maps (n, y, x), as truth of one target."""
    truth = np.asarray(maps, np.float32)[:, None]
    rng = np.random.default_rng(1)
    samples = truth[:, None] * np.exp(0.1 * rng.standard_normal((len(truth), 4, *truth.shape[1:])))
    n = len(truth)
    test = PosteriorTest(
        truth, samples.astype(np.float32), truth - truth.mean(), (MapQuantity.GAS_SURFACE_DENSITY,),
        (MapQuantity.COMPTON_Y,), pixel_mpc, np.full(n, 14.0), np.arange(n).astype(str),
    )  # fmt: skip
    return functionals(test, 1)


@pytest.mark.parametrize(("n_pixels", "pixel_mpc"), [(16, 0.4), (17, 0.3), (64, 0.2), (128, 0.1)])
def test_annuli_reach_the_edge_and_are_at_least_a_pixel_wide(n_pixels, pixel_mpc):
    edges = annulus_edges_mpc(n_pixels, pixel_mpc)
    assert edges[0] == 0.0 and edges[-1] == pytest.approx(0.5 * n_pixels * pixel_mpc)
    assert (np.diff(edges) >= pixel_mpc * (1.0 - 1e-9)).all()


def test_a_flat_map_has_a_flat_profile_and_the_mass_of_its_area():
    found = _of(np.full((2, 16, 16), 3.0))
    np.testing.assert_allclose(found.truth.profile_msun_mpc2, 3.0)
    np.testing.assert_allclose(found.truth.map_mass_msun, 3.0 * 6.4**2, rtol=1e-6)
    np.testing.assert_allclose(found.truth.coarse_dex, np.log10(3.0), rtol=1e-6)
    np.testing.assert_allclose(found.truth.ellipticity, 0.0, atol=1e-5)
    np.testing.assert_array_equal(found.radii_mpc, [0.4, 0.8, 1.6, 3.2])


def test_circles_hold_the_sum_of_the_annuli_inside():
    found = _of(np.random.default_rng(2).uniform(1.0, 2.0, (3, 16, 16)))
    edges, of = found.annulus_edges_mpc, found.truth
    both = int(np.flatnonzero(np.isclose(edges, 1.6))[0]), int(np.flatnonzero(found.radii_mpc == 1.6)[0])
    distance = 0.4 * np.hypot(*np.meshgrid(np.arange(16) - 7.5, np.arange(16) - 7.5))
    area = [((distance >= a) & (distance < b)).sum() * 0.16 for a, b in pairwise(edges)]
    inner = (of.profile_msun_mpc2 * area)[..., : both[0]].sum(axis=-1)
    np.testing.assert_allclose(of.cylinder_masses_msun[..., both[1]], inner)
    assert (np.diff(found.annulus_radius_mpc) > 0.0).all()
    assert ((found.annulus_radius_mpc > edges[:-1]) & (found.annulus_radius_mpc < edges[1:])).all()


def test_ellipticity_is_that_of_the_moments_and_turns_with_the_map():
    axis = np.arange(64) - 31.5
    y, x = np.meshgrid(axis, axis, indexing="ij")
    gauss = np.exp(-0.5 * ((x / 4.0) ** 2 + (y / 2.0) ** 2)) + 1e-12
    shifted = np.roll(gauss, (3, 2), (0, 1))
    tilted = np.exp(-0.5 * (((x + y) / 5.6568) ** 2 + ((x - y) / 2.8284) ** 2)) + 1e-12
    found = _of(np.stack([gauss, gauss.T, shifted, tilted]), pixel_mpc=0.1)
    expected = (16.0 - 4.0) / (16.0 + 4.0)
    np.testing.assert_allclose(found.truth.ellipticity[:, 0], expected, atol=0.01)


def test_samples_are_read_as_the_truth_is(posterior, found):
    swapped = replace(posterior, truth=np.ascontiguousarray(posterior.samples[:, 3]))
    again = functionals(swapped, 1)
    for name in ("cylinder_masses_msun", "profile_msun_mpc2", "power", "peak_msun_mpc2", "coarse_dex"):
        np.testing.assert_allclose(
            getattr(again.truth, name), getattr(found.samples, name)[:, 3], rtol=1e-6, err_msg=name
        )


def test_clusters_do_not_depend_on_their_company(posterior, found):
    some = functionals(posterior.selected(np.arange(40, 45)), 1)
    np.testing.assert_allclose(some.samples.power, found.samples.power[40:45])
    np.testing.assert_allclose(some.pixels.crps_dex, found.pixels.crps_dex[40:45])


def test_small_maps_are_refused(make_posterior):
    with pytest.raises(ConfigError, match="Maps this small"):
        functionals(make_posterior(n=2, n_pixels=6), 1)


def _bins(test, edges=(14.0, 14.5, 15.0)):
    return MassBins(test.log10_m200c, test.parent, edges, 200, 1)


def test_profiles_are_right_within_their_errors(posterior, found):
    of = profiles(found, _bins(posterior))
    error, draws = of.stacked_error.value[0], of.stacked_error.resamples[:, 0]
    assert (np.abs(error) < 4.0 * draws.std(axis=0)).all()
    assert (of.low_68_msun_mpc2 < of.high_68_msun_mpc2).all()
    np.testing.assert_allclose(of.stacked_truth_msun_mpc2.value[0], of.truth_msun_mpc2.mean(axis=0))
    inside = (of.truth_msun_mpc2 > of.low_68_msun_mpc2) & (of.truth_msun_mpc2 < of.high_68_msun_mpc2)
    assert inside.mean() == pytest.approx(0.68, abs=0.04)


def test_a_bias_of_profiles_is_found(make_posterior):
    test = make_posterior(bias=1.0)
    of = profiles(functionals(test, 1), _bins(test))
    np.testing.assert_allclose(of.stacked_error.value[0], 10**0.1 - 1.0, atol=0.06)
    np.testing.assert_allclose(of.mean_error.value[0], 10**0.1 - 1.0, atol=0.06)
    assert (of.half_width_68.value > 0.0).all()


def test_spectra_of_samples_are_those_of_the_mapping_room(posterior, found):
    of = spectra(found, _bins(posterior))
    n = len(posterior)
    for target in range(2):
        truth = posterior.truth[:, target]
        mean = posterior.samples[:, :, target].mean(axis=1, dtype=float)
        direct = power_spectra(truth, mean)
        np.testing.assert_allclose(of.b_mean.value[0, target], direct.b())
        np.testing.assert_allclose(of.r_mean.value[0, target], direct.r())
        flat = posterior.samples[:, :, target].reshape(-1, 16, 16)
        single = power_spectra(np.repeat(truth, 19, axis=0), flat)
        np.testing.assert_allclose(of.b_samples.value[0, target], single.b())
        np.testing.assert_allclose(of.r_samples.value[0, target], single.r())
    np.testing.assert_allclose(of.wavenumber_per_mpc, direct.k_per_pixel / 0.4)
    assert of.r_inputs.value.shape == (3, 2, 4, 4) and n == 60
    assert of.input_names[2:] == ("log10 compton_y", "log10 xray_surface_brightness")


def test_samples_keep_the_power_and_their_mean_correlates_better(posterior, found):
    of = spectra(found, _bins(posterior))
    assert (of.r_mean.value[0] > of.r_samples.value[0]).all()
    assert (of.b_mean.value[0, :, -1] < of.b_samples.value[0, :, -1]).all()
    assert (np.abs(of.b_samples.value[0] - 1.0) < 5.0 * of.b_samples.resamples[:, 0].std(axis=0)).all()


def test_the_baseline_is_the_best_input(posterior, found):
    of = spectra(found, _bins(posterior))
    np.testing.assert_allclose(of.baseline_r.value, of.r_inputs.value.max(axis=2))
    chosen = np.take_along_axis(of.r_inputs.value, of.baseline_input[:, :, None], axis=2)[:, :, 0]
    np.testing.assert_allclose(chosen, of.baseline_r.value)
    # The inputs are round, and the mean map is not: the posterior knows more at small scales.
    assert of.mean_above_baseline[0, :, 1:].all()
    assert (of.samples_above.value[0, :, -1] > 0.1).all()


def test_nothing_is_above_a_baseline_that_is_the_truth(posterior):
    found = functionals(replace(posterior, inputs=posterior.truth), 1)
    of = spectra(found, _bins(posterior))
    assert not of.mean_above_baseline.any() and not of.samples_above_baseline.any()
    np.testing.assert_allclose(of.baseline_r.value, 1.0)


def test_an_input_that_is_not_positive_has_no_logarithm(posterior):
    inputs = posterior.inputs.copy()
    inputs[3, 1, 0, 0] = 0.0
    names = functionals(replace(posterior, inputs=inputs), 1).input_names
    assert names == ("compton_y", "xray_surface_brightness", "log10 compton_y")
    inputs[3, 0, 0, 0] = -1.0
    assert functionals(replace(posterior, inputs=inputs), 1).input_names == names[:2]
