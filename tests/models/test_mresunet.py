"""mResUNet: its size, its residual connections, its two labels, and the head that knows its error."""

from dataclasses import replace

import pytest
import torch

from zwicky.core.errors import ConfigError, MapError
from zwicky.models.base import Batch
from zwicky.models.mresunet import SMALLEST, MResUNet, MResUNetSettings
from zwicky.models.mresunet_mass import MResUNetMass, MResUNetMassSettings
from zwicky.models.mresunet_parts import SubStage, Trunk


def batch_of(n=4, bands=1, pixels=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    maps = 30.0 * torch.randn((n, bands, pixels, pixels), generator=generator)
    mass = 14.0 + torch.rand(n, generator=generator)
    target = 1e-5 * torch.rand((n, pixels, pixels), generator=generator)
    return Batch(maps, torch.full((n,), 0.7), mass, target)


def test_it_has_about_sixteen_million_numbers():
    """Gupta & Reichardt 2020, section 2.1. Projections in the residual connections take half a million."""
    n = MResUNet(MResUNetSettings()).n_parameters
    assert 16e6 < n < 17.2e6
    projections = sum(
        p.numel()
        for m in MResUNet(MResUNetSettings()).modules()
        if isinstance(m, SubStage)
        for p in m.passed.parameters()
    )
    assert abs(n - projections - 16.4e6) < 0.1e6  # a re-implementation without them has 16,385,155


@pytest.mark.parametrize(("n_in", "n_out", "stride"), [(4, 4, 1), (4, 8, 1), (4, 8, 2)])
def test_what_comes_in_is_added(n_in, n_out, stride):
    """With a convolution of zeros nothing is left but what is passed by; without the connection it is zero."""
    stage = SubStage(n_in, n_out, dilation=2 if stride == 1 else 1, stride=stride).eval()
    torch.nn.init.zeros_(stage.convolution.weight)
    torch.nn.init.zeros_(stage.convolution.bias)
    x = torch.randn(2, n_in, 8, 8)
    torch.testing.assert_close(stage(x), stage.passed(x))
    assert stage(x).abs().mean() > 0.1
    if n_in == n_out and stride == 1:
        torch.testing.assert_close(stage(x), x)


def test_the_features_have_the_size_of_the_map_and_an_eighth_of_it():
    fine, coarse = Trunk(2, 4, 40, 0.0)(torch.randn(3, 2, 40, 40))
    assert fine.shape == (3, 4, 40, 40)
    assert coarse.shape == (3, 32, 5, 5)


def test_a_pixel_sees_the_whole_stamp():
    """The dilations: the gradient of the central pixel reaches every corner of a 40 x 40 map."""
    torch.manual_seed(0)
    trunk = Trunk(1, 2, 40, 0.0).eval()
    maps = torch.randn(1, 1, 40, 40, requires_grad=True)
    trunk(maps)[0][0, :, 20, 20].sum().backward()
    assert all(maps.grad[0, 0, y, x] != 0.0 for y in (0, -1) for x in (0, -1))


def test_the_labels_are_the_profile_and_one_pixel():
    """A network that answers with the labels has no loss, and its central pixel is read as the mass."""
    batch = batch_of()
    network = MResUNet(MResUNetSettings(n_pixels=16, width=2))
    network.fit_scaling(batch)
    assert (batch.maps / network.map_scale).abs().max() == 1.0
    labels = torch.stack([batch.target / network.target_scale, torch.zeros_like(batch.target)], dim=1)
    labels[:, 1, 8, 8] = 10**batch.log10_mass / network.mean_mass_msun
    network.forward = lambda maps: labels
    assert float(network.loss(batch)) < 1e-12
    torch.testing.assert_close(network.predict(batch).mean, batch.log10_mass, rtol=0, atol=1e-5)
    torch.testing.assert_close(network.profile(batch), batch.target)
    moved = labels.roll(1, dims=-1)
    network.forward = lambda maps: moved
    assert float(network.loss(batch)) > 1e-3


def test_a_mass_below_zero_is_read_as_a_small_one():
    batch = batch_of()
    network = MResUNet(MResUNetSettings(n_pixels=16, width=2))
    network.fit_scaling(batch)
    network.forward = lambda maps: torch.full((4, 2, 16, 16), -1.0)
    expected = torch.log10(SMALLEST * network.mean_mass_msun)
    torch.testing.assert_close(network.predict(batch).mean, expected.expand(4))


def test_the_error_of_the_published_network_is_that_of_its_residuals():
    batch = batch_of(n=400, pixels=8)
    network = MResUNet(MResUNetSettings(n_pixels=8, width=2, rim_pixels=1.0)).eval()
    network.fit_scaling(batch)
    with torch.no_grad():
        answer = network.predict(batch)
        network.fit_error(answer, answer.mean + 0.2 * torch.randn(400))
        assert network.predict(batch).sd[0] == pytest.approx(0.2, rel=0.2)


@pytest.mark.parametrize("bands", [1, 3])
def test_the_head_reads_any_number_of_bands_and_the_redshift(bands):
    torch.manual_seed(0)
    batch = batch_of(bands=bands)
    network = MResUNetMass(MResUNetMassSettings(n_bands=bands, n_pixels=16, width=2)).eval()
    network.fit_scaling(batch)
    near = network.predict(batch)
    far = network.predict(Batch(batch.maps, torch.full((4,), 1.4)))
    assert near.sd.min() > 0.0
    assert (near.mean - far.mean).abs().min() > 0.0
    assert network.profile(batch).shape == (4, 16, 16)
    assert network.features(batch).shape == (4, 128)


def test_bands_are_scaled_one_by_one():
    batch = batch_of(bands=2)
    louder = replace(batch, maps=batch.maps * torch.tensor([1.0, 100.0])[:, None, None])
    answers = []
    for one in (batch, louder):
        torch.manual_seed(0)
        network = MResUNetMass(MResUNetMassSettings(n_bands=2, n_pixels=16, width=2)).eval()
        network.fit_scaling(one)
        answers.append(network.predict(one).mean)
    torch.testing.assert_close(*answers, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("settings", [MResUNetSettings(n_pixels=42), MResUNetMassSettings(n_pixels=42)])
def test_a_map_that_cannot_be_halved_three_times_is_refused(settings):
    with pytest.raises(ConfigError, match="halved three times"):
        (MResUNet if settings.kind == "mresunet" else MResUNetMass)(settings)


def test_what_lies_on_the_edge_is_not_seen():
    batch = batch_of()
    network = MResUNet(MResUNetSettings(n_pixels=16, width=2)).eval()
    network.fit_scaling(batch)
    bright = batch.maps.clone()
    bright[:, :, 0, :] *= 1.01
    inner = batch.maps.clone()
    inner[:, :, 8, :] *= 1.01
    before = network(batch.maps)
    assert (network(bright) - before).abs().max() < 0.2 * (network(inner) - before).abs().max()


def test_a_rim_inside_the_cluster_is_refused():
    with pytest.raises(MapError, match="apodised edge lies inside the cluster"):
        MResUNet(MResUNetSettings(n_pixels=16, width=2, rim_pixels=5.0))
