"""Integrated gradients and masked cores: completeness, closed forms, and networks of which one knows what they read."""

import numpy as np
import pytest
import torch
from xray_toys import BOOTSTRAP, CORE, R500_PIXELS, WeighedSum, footprints, radius_r500, toy_clusters, trained

from zwicky.core.errors import ConfigError, MapError
from zwicky.evaluation.xray.attributions import (
    attribution_profile,
    baseline_images,
    core_masking,
    integrated_gradients,
    mask_cores,
)


@pytest.fixture(scope="module")
def clusters():
    return toy_clusters()


# Integrated gradients


@pytest.mark.parametrize("baseline", ["background", "zeros"])
def test_pixels_add_up_to_the_answer(clusters, baseline):
    batch = clusters.rows(slice(0, 6))
    start = baseline_images(batch.maps, baseline)
    for network in (trained(clusters, steps=20), WeighedSum(CORE + 0.1)):
        found = integrated_gradients(network, batch, start)
        difference = found.log10_mass - found.log10_of_baseline
        assert difference.abs().min() > 0.02
        assert (found.gap_dex.abs() < 0.01 * difference.abs()).all()
        torch.testing.assert_close(found.images.sum((1, 2, 3)), difference.double(), rtol=0.01, atol=0.0)


def test_one_gradient_is_not_enough(clusters):
    """Negative control: of a logarithm, one point on the line does not give the integral."""
    batch = clusters.rows(slice(0, 6))
    found = integrated_gradients(WeighedSum(CORE), batch, baseline_images(batch.maps, "zeros"), n_steps=1)
    assert (found.gap_dex.abs() > 0.1 * (found.log10_mass - found.log10_of_baseline).abs()).all()


def test_attributions_of_a_sum_in_closed_form(clusters):
    """Along the line all pixels grow together: each has the share of the answer that it has of the weighed sum."""
    batch = clusters.rows(slice(0, 4))
    weights = CORE + 0.1
    found = integrated_gradients(WeighedSum(weights), batch, torch.zeros(1, 1, 1, 1))
    parts = batch.maps * torch.from_numpy(weights.astype(np.float32))
    share = parts / parts.sum((1, 2, 3), keepdim=True)
    total = (found.log10_mass - found.log10_of_baseline)[:, None, None, None]
    torch.testing.assert_close(found.images.float(), share * total, rtol=0.01, atol=1e-6)


def test_the_background_is_that_of_the_outskirts():
    maps = torch.full((2, 3, 11, 11), 2.0)
    maps[:, 1] = 5.0
    maps[:, :, 3:8, 3:8] += 1000.0
    background = baseline_images(maps, "background")
    assert background.shape == (2, 3, 1, 1)
    assert background[0, :, 0, 0].tolist() == [2.0, 5.0, 2.0]
    assert not baseline_images(maps, "zeros").any()


@pytest.mark.parametrize("reads_core", [True, False])
def test_profiles_show_what_a_network_reads(clusters, reads_core):
    weights = CORE if reads_core else ~CORE
    profile = attribution_profile(
        WeighedSum(weights), clusters, footprints(), baseline="zeros", edges=(0.0, 0.2, 1.0, 2.0), n_steps=32
    )
    np.testing.assert_allclose(profile.share_dex.sum(1) + profile.gap_dex, profile.total_dex, atol=1e-5)
    assert np.abs(profile.gap_dex).max() < 0.02
    mean = profile.mean(BOOTSTRAP)
    assert mean.value[0] == pytest.approx(float(reads_core), abs=0.01)
    assert mean.value.sum() == pytest.approx(1.0, abs=0.01)
    assert mean.resamples.shape == (200, 3)


# Masks


def test_a_mask_is_filled_with_the_mean_of_its_ring():
    radius = radius_r500()[None]
    maps = torch.from_numpy(np.stack([radius, 2.0 * radius], axis=1))
    masked = mask_cores(maps, radius, np.array([R500_PIXELS]), 0.5)
    inside = radius[0] < 0.5
    ring = ~inside & (radius[0] < 0.65)
    assert masked[0, 0, 11, 11] == pytest.approx(radius[0][ring].mean())
    assert masked[0, 1, 11, 11] == pytest.approx(2.0 * radius[0][ring].mean())
    assert np.ptp(masked[0, 0].numpy()[inside]) == 0.0
    assert np.array_equal(masked[0, 0].numpy()[~inside], radius[0][~inside])
    assert torch.equal(mask_cores(maps, radius, np.array([R500_PIXELS]), 0.0), maps)


def test_masked_cores_move_the_networks_that_read_them(clusters):
    curves = {
        name: core_masking(WeighedSum(weights), clusters, footprints(), radii=(0.0, 0.1, 0.2, 0.4))
        for name, weights in (("core", CORE), ("outside", ~CORE))
    }
    core, outside = curves["core"].shift(BOOTSTRAP), curves["outside"].shift(BOOTSTRAP)
    assert core.value[0] == outside.value[0] == 0.0
    assert core.value[2] < -0.5  # from 60 counts to 7 in each pixel
    assert np.abs(outside.value[:3]).max() < 1e-6
    assert np.quantile(core.resamples[:, 2], 0.975) < -0.5
    scatter = curves["core"].scatter(BOOTSTRAP)
    truth = clusters.log10_mass.double().numpy()
    expected = [(column - truth).std(ddof=1) for column in curves["core"].log10_predicted.T]
    np.testing.assert_allclose(scatter.value, expected)
    assert scatter.value[2] > scatter.value[0]  # fewer photons tell less


def test_radii_steps_and_masks_that_cannot_be_used_are_refused(clusters):
    network, batch = WeighedSum(CORE), clusters.rows(slice(0, 2))
    with pytest.raises(ConfigError, match="A line has points"):
        integrated_gradients(network, batch, torch.zeros(1, 1, 1, 1), n_steps=0)
    with pytest.raises(ConfigError, match="first mask masks nothing"):
        core_masking(network, clusters, footprints(), radii=(0.1, 0.2))
    with pytest.raises(MapError, match="beyond its image"):
        core_masking(network, clusters, footprints(), radii=(0.0, 3.0))
    with pytest.raises(MapError, match="one footprint"):
        core_masking(network, clusters, footprints(7))
    with pytest.raises(MapError, match="one footprint"):
        attribution_profile(network, clusters, footprints(7))
