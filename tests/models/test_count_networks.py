"""Networks of X-ray counts: published sizes, padding, stretches, heads and weights."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional

from zwicky.core.errors import ConfigError
from zwicky.models.base import Batch, GaussianMass
from zwicky.models.chandra_cnn import ChandraCNN, ChandraCNNSettings
from zwicky.models.count_stretch import CountStretch
from zwicky.models.deepplanck import deepplanck_layers
from zwicky.models.erosita_cnn import ErositaCNN, ErositaCNNSettings, MassWeights
from zwicky.models.mass_heads import GaussianHead, PointHead
from zwicky.models.table import build_model


def counts(n, n_bands=2, n_pixels=20, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mass = 13.5 + 1.5 * torch.rand(n, generator=generator)
    axis = torch.arange(n_pixels) - (n_pixels - 1) / 2
    blob = torch.exp(-0.05 * torch.hypot(axis[:, None], axis) ** 2)
    mean = 0.2 + 10.0 ** (mass - 13.5)[:, None, None, None] * blob * torch.ones(n_bands, 1, 1)
    maps = torch.poisson(mean, generator=generator)
    return Batch(maps, 0.05 + torch.rand(n, generator=generator), mass)


def test_published_numbers_of_parameters():
    """58,437 for one Chandra band; 300,942 with 20 filters, 155,322 with 10, for ten eROSITA bands."""
    assert ChandraCNN(ChandraCNNSettings()).n_parameters == 58_437
    assert ErositaCNN(ErositaCNNSettings()).n_parameters == 300_942
    assert ErositaCNN(ErositaCNNSettings(filters=10)).n_parameters == 155_322


def test_the_chandra_network_is_that_of_deepplanck():
    torch.manual_seed(3)
    layers = deepplanck_layers().eval()
    torch.manual_seed(3)
    model = ChandraCNN(ChandraCNNSettings()).eval()
    maps = torch.randn(2, 1, 128, 128)
    torch.testing.assert_close(model.dense(model.convolutions(maps)), layers(maps))


def test_the_erosita_network_is_the_published_list_of_layers():
    """2 x 2 convolutions that keep the size as TensorFlow's do (zeros right and below), mean pool, maximum pool."""
    torch.manual_seed(4)
    model = ErositaCNN(ErositaCNNSettings()).eval()
    maps, z = torch.randn(3, 10, 50, 50), torch.rand(3)
    first, second = (layer for layer in model.convolutions if isinstance(layer, nn.Conv2d))

    def same(images, layer):
        return functional.relu(layer(functional.pad(images, (0, 1, 0, 1))))

    hidden = functional.avg_pool2d(same(maps, first), 2)
    assert hidden.shape == (3, 20, 25, 25)
    whole = same(hidden, second)
    assert whole.shape == (3, 20, 25, 25)
    flat = functional.max_pool2d(whole, 2).flatten(1)
    assert flat.shape == (3, 2880)
    torch.testing.assert_close(model.convolutions(maps), flat)
    joined = model.joined(Batch(maps, z))
    assert joined.shape == (3, 2881)
    torch.testing.assert_close(joined[:, -1], z)
    other = functional.max_pool2d(functional.relu(second(functional.pad(hidden, (1, 0, 1, 0)))), 2)
    assert not torch.allclose(other.flatten(1), flat)  # zeros on the other side are another network


@pytest.mark.parametrize("n_pixels", [48, 49, 50, 51])
def test_any_size_of_map_fits_its_dense_layers(n_pixels):
    model = build_model({"kind": "erosita_cnn", "n_bands": 1, "n_pixels": n_pixels})
    answer = model.predict(Batch(torch.rand(2, 1, n_pixels, n_pixels), torch.rand(2)))
    assert answer.mean.shape == (2,)


def test_the_redshift_changes_the_answer_of_the_network_that_is_told_it():
    batch = counts(4, n_bands=1, n_pixels=32)
    later = Batch(batch.maps, batch.redshift + 0.3)
    told = build_model({"kind": "erosita_cnn", "n_bands": 1, "n_pixels": 32}).eval()
    untold = build_model({"kind": "chandra_cnn"}).eval()
    assert not torch.allclose(told.predict(batch).mean, told.predict(later).mean)
    assert torch.equal(untold.predict(batch).mean, untold.predict(later).mean)


@pytest.mark.parametrize("stretch", ["counts", "sqrt", "asinh"])
def test_every_stretch_standardises_each_band(stretch):
    maps = counts(600, n_bands=2).maps * torch.tensor([1.0, 7.0])[:, None, None]
    scaling = CountStretch(2, stretch)
    scaling.fit(maps)
    seen = scaling(maps).transpose(0, 1).flatten(1)
    torch.testing.assert_close(seen.mean(1), torch.zeros(2), rtol=0, atol=1e-4)
    torch.testing.assert_close(seen.std(1), torch.ones(2), rtol=1e-3, atol=0)
    bright = scaling(torch.full((1, 2, 1, 1), 1000.0))
    assert (bright > seen.max()).all()  # order is kept


def test_the_root_makes_poisson_noise_one_whatever_its_mean():
    generator = torch.Generator().manual_seed(1)
    for mean in (6.0, 60.0, 600.0):
        drawn = torch.poisson(torch.full((1, 1, 300, 300), mean), generator=generator)
        assert float(CountStretch(1, "sqrt")(drawn).std()) == pytest.approx(1.0, abs=0.03)
        assert float(CountStretch(1, "counts")(drawn).std()) == pytest.approx(math.sqrt(mean), rel=0.03)


def test_stretches_take_counts_less_their_background():
    maps = counts(50).maps - 5.0
    for stretch in ("sqrt", "asinh"):
        scaling = CountStretch(2, stretch)
        scaling.fit(maps)
        assert torch.isfinite(scaling(maps)).all()


def test_an_empty_band_stays_finite():
    scaling = CountStretch(1, "asinh")
    scaling.fit(torch.zeros(3, 1, 4, 4))
    assert torch.equal(scaling(torch.zeros(1, 1, 4, 4)), torch.zeros(1, 1, 4, 4))


def test_the_gaussian_loss_is_that_of_the_paper():
    """ln(sd) + 1/2 with errors as large as stated: -1.22 for 0.179 dex (papers.md 5.2), in dex whatever the scaling."""
    head = GaussianHead()
    head.fit(torch.tensor([13.6, 14.0, 14.4]))
    log_sd = math.log(0.179 / float(head.target[1]))
    outputs = torch.tensor([[0.0, log_sd], [0.0, log_sd]])
    truth = float(head.target[0]) + torch.tensor([0.179, -0.179])
    torch.testing.assert_close(head.losses(outputs, truth), torch.full((2,), -1.2204), rtol=0, atol=1e-4)
    answer = head.answer(outputs)
    torch.testing.assert_close(answer.sd, torch.full((2,), 0.179))
    torch.testing.assert_close(answer.mean, torch.full((2,), 14.0))


def test_the_error_of_a_point_is_learnt_from_residuals():
    head = PointHead()
    truth = torch.full((5000,), 14.5)
    mean = truth + 0.07 * torch.randn(5000, generator=torch.Generator().manual_seed(2))
    head.fit_error(GaussianMass(mean, torch.ones(5000)), truth)
    assert float(head.answer(torch.zeros(3, 1)).sd[0]) == pytest.approx(0.07, rel=0.05)
    model = ChandraCNN(ChandraCNNSettings())
    model.fit_error(GaussianMass(mean, torch.ones(5000)), truth)
    assert float(model.predict(counts(2, 1)).sd[1]) == pytest.approx(0.07, rel=0.05)
    taught = ChandraCNN(ChandraCNNSettings(head="gaussian"))
    before = taught.predict(counts(2, 1)).sd
    taught.eval().fit_error(GaussianMass(mean, torch.ones(5000)), truth)
    assert before.shape == taught.predict(counts(2, 1)).sd.shape


def test_a_gaussian_head_gives_each_cluster_its_error():
    model = build_model({"kind": "chandra_cnn", "head": "gaussian", "n_bands": 2}).eval()
    answer = model.predict(counts(6))
    assert len(set(answer.sd.tolist())) == 6
    assert len(set(build_model({"kind": "chandra_cnn"}).predict(counts(6, 1)).sd.tolist())) == 1


def test_weights_make_every_interval_of_mass_count_the_same():
    mass = (
        13.0 + 2.0 * torch.rand(20_000, generator=torch.Generator().manual_seed(5)) ** 3
    )  # few massive ones
    weights = MassWeights(8)
    weights.fit(mass)
    each = weights(mass)
    assert float(each.mean()) == pytest.approx(1.0, rel=1e-5)
    edges = torch.linspace(float(mass.min()), float(mass.max()), 9)
    edges[-1] += 1e-3  # the most massive one belongs to the last interval
    shares = [float(each[(mass >= a) & (mass < b)].sum()) for a, b in pairwise(edges)]
    assert shares == pytest.approx([20_000 / 8] * 8, rel=1e-3)
    assert (weights(torch.tensor([12.0, 16.0])) > 0).all()
    gap = MassWeights(4)
    gap.fit(torch.tensor([13.0, 13.1, 15.0, 15.1]))
    torch.testing.assert_close(gap(torch.tensor([13.0, 13.1, 15.0, 15.1])).mean(), torch.tensor(1.0))
    assert torch.isfinite(gap.weight).all()


def test_the_weighted_loss_is_the_weighted_mean():
    batch = counts(40, 1, 20)
    settings = {
        "kind": "erosita_cnn",
        "n_bands": 1,
        "n_pixels": 20,
        "weighting": "uniform_mass",
        "weight_bins": 3,
    }
    model = build_model(settings).eval()
    model.fit_scaling(batch)
    outputs = model.dense(model.joined(batch))
    each = model.head.losses(outputs, batch.log10_mass)
    expected = (model.weights(batch.log10_mass) * each).mean()
    torch.testing.assert_close(model.loss(batch), expected)
    assert not torch.allclose(expected, each.mean())


def test_features_are_the_last_hidden_layer():
    assert build_model({"kind": "chandra_cnn"}).features(counts(3, 1)).shape == (3, 20)
    eight = {"kind": "erosita_cnn", "n_bands": 2, "n_pixels": 20, "hidden": 8}
    assert build_model(eight).features(counts(3)).shape == (3, 8)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "chandra_cnn", "stretch": "log"}, "stretch"),
        ({"kind": "erosita_cnn", "n_pixels": 3}, "n_pixels"),
        ({"kind": "erosita_cnn", "weighting": "mass"}, "weighting"),
    ],
)
def test_unusable_settings_are_named(settings, words):
    with pytest.raises(ConfigError, match=words):
        build_model(settings)
