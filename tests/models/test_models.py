"""Every model of the table: its loss, its answer, its samples; and the published parameter counts."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from zwicky.core.errors import ConfigError
from zwicky.models.base import Batch, GaussianMass, MassModel, as_batch
from zwicky.models.deepplanck import DeepPlanck, DeepPlanckSettings, deepplanck_layers
from zwicky.models.radial_cnn import RadialCNN, RadialCNNSettings, ring_weights
from zwicky.models.table import MODELS, build_model

SMALL = {
    "mresunet": {"n_pixels": 96, "width": 4, "dropout": 0.0},
    "mresunet_mass": {"n_pixels": 96, "width": 4},
    "erosita_cnn": {"n_bands": 1, "n_pixels": 96},
    "photon_mass": {"n_bands": 1, "n_pixels": 96, "width": 4, "dropout": 0.0, "least_counts": 1e5},
    "view_mass": {"n_views": 1, "n_pixels": 96, "width": 4},
}
"""Settings of models whose own stamp is another one."""

ROUND = ("deepplanck", "radial_cnn")
"""Models to which a turned map of a round cluster is the same map; halving an even map by a stride is lopsided."""


def toy_batch(n=64, seed=0):
    """Round blobs of brightness 10^(M - 14), in Compton y units, with white noise; the target is the blob without."""
    rng = np.random.default_rng(seed)
    log_mass = rng.uniform(14, 15, n)
    axis = np.arange(96) - 47.5
    blob = np.exp(-0.5 * (np.hypot(axis[:, None], axis) / 4) ** 2)
    target = 1e-5 * 10 ** (log_mass[:, None, None] - 14) * blob
    maps = target + rng.normal(0, 1e-6, (n, 96, 96))
    batch = as_batch(*(torch.from_numpy(a) for a in (maps[:, None], rng.uniform(0.05, 0.9, n), log_mass)))
    return replace(batch, target=torch.from_numpy(target).float())


def batch_for(model, n=64, seed=0):
    """The same; without noise for the network that takes logarithms, and as photons for the one that counts them."""
    batch = toy_batch(n, seed)
    if model.config.kind == "view_mass":
        assert batch.target is not None
        return replace(batch, maps=1e-7 + batch.target[:, None])
    if model.config.kind != "photon_mass":
        return batch
    background, exposure_s = torch.full_like(batch.maps, 10.0), torch.full_like(batch.maps, 1e4)
    counts = (background + 1e7 * batch.maps).round().clamp(min=0.0)
    return replace(batch, maps=torch.cat([counts, background, exposure_s], dim=1))


@pytest.fixture(scope="module", params=sorted(MODELS))
def model(request):
    torch.manual_seed(1)
    built = build_model({"kind": request.param, **SMALL.get(request.param, {})})
    built.fit_scaling(batch_for(built))
    return built


def test_loss_and_answer_have_their_shapes(model):
    batch = batch_for(model, 10)
    assert model.loss(batch).shape == ()
    answer = model.eval().predict(batch)
    assert answer.mean.shape == answer.sd.shape == (10,)
    assert (answer.sd > 0).all()
    assert 12 < answer.mean.mean() < 17


def test_answers_do_not_depend_on_the_company(model):
    model.eval()
    batch = batch_for(model, 9)
    together = model.predict(batch).mean
    alone = torch.cat(
        [model.predict(Batch(batch.maps[i : i + 1], batch.redshift[i : i + 1])).mean for i in range(9)]
    )
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_turned_map_of_a_round_cluster_weighs_the_same(model):
    if model.config.kind not in ROUND:
        pytest.skip("its strides are lopsided")
    model.eval()
    batch = toy_batch(6)
    axis = torch.arange(96) - 47.5
    round_maps = torch.exp(-0.02 * torch.hypot(axis[:, None], axis) ** 2).expand(6, 1, 96, 96) * 1e-5
    answers = [
        model.predict(Batch(m, batch.redshift)).mean
        for m in (round_maps, round_maps.rot90(1, (2, 3)).flip(3))
    ]
    torch.testing.assert_close(*answers, rtol=1e-4, atol=1e-4)


def test_one_batch_can_be_learnt(model):
    batch = batch_for(model, 32, seed=3)
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    first = None
    for _ in range(25):
        loss = model.loss(batch)
        first = float(loss.detach()) if first is None else first
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(model.loss(batch).detach()) < min(first - 0.1, 0.7 * abs(first))


def test_samples_follow_the_answer(model):
    model.eval()
    batch = batch_for(model, 4)
    with torch.no_grad():
        answer = model.predict(batch)
        samples = model.sample(batch, 4000, torch.Generator().manual_seed(1))
    assert samples.shape == (4000, 4)
    torch.testing.assert_close(samples.mean(0), answer.mean, rtol=0, atol=float(5 * answer.sd.max() / 60))
    torch.testing.assert_close(samples.std(0), answer.sd, rtol=0.06, atol=0)


def test_published_parameter_counts():
    """58,437 per network (counted in the published weights, papers.md 1.6), for any size of map."""
    network = deepplanck_layers()
    assert sum(p.numel() for p in network.parameters()) == 58_437
    assert network(torch.zeros(2, 1, 128, 128)).shape == (2, 1)
    assert DeepPlanck(DeepPlanckSettings()).n_parameters == 4 * 58_437
    assert DeepPlanck(DeepPlanckSettings(redshift_bins=None)).n_parameters == 58_437


def test_each_redshift_interval_has_its_own_network():
    model = DeepPlanck(DeepPlanckSettings()).eval()
    z = torch.tensor([0.02, 0.1, 0.1001, 0.2, 0.39, 0.41, 0.99])
    assert model.bin_of(z).tolist() == [0, 0, 1, 1, 2, 3, 3]
    batch = Batch(toy_batch(7).maps, z)
    before = model.predict(batch).mean
    with torch.no_grad():
        model.networks[2][-1].bias += 1.0
    changed = (model.predict(batch).mean - before).abs() > 1e-3
    assert changed.tolist() == [False, False, False, False, True, False, False]


def test_constant_error_is_learnt_per_interval():
    model = DeepPlanck(DeepPlanckSettings(redshift_bins=(0.0, 0.2, 1.0)))
    model.error_sd.copy_(torch.tensor([0.1, 0.3]))
    z = torch.rand(4000)
    truth = torch.full((4000,), 14.5)
    noise = torch.randn(4000, generator=torch.Generator().manual_seed(2))
    sd = model.error_sd[model.bin_of(z)]
    mean = truth + noise * torch.where(z <= 0.2, 0.05, 0.2)
    model.fit_error(GaussianMass(mean, sd), truth)
    torch.testing.assert_close(model.error_sd, torch.tensor([0.05, 0.2]), rtol=0.1, atol=0)


def test_rings_are_averages():
    weights = ring_weights(96, 24)
    torch.testing.assert_close(weights.sum(0), torch.ones(24))
    assert ((weights > 0).sum(0) >= 4).all()
    assert (weights > 0).sum(1).max() == 1  # a pixel lies in one ring


def test_ring_noise_is_measured_below_pixel_noise():
    model = RadialCNN(RadialCNNSettings())
    model.fit_scaling(toy_batch(200))
    assert (model.ring_sd > 0).all()
    assert (model.ring_sd <= model.pixel_sd).all()
    assert float(model.pixel_sd) == pytest.approx(1e-6, rel=0.2)


def test_scaling_travels_with_the_weights(model):
    """A copy built from the state alone gives the same answers: nothing hides outside it."""
    copy = build_model({"kind": model.config.kind, **SMALL.get(model.config.kind, {})})
    copy.load_state_dict(model.state_dict())
    batch = batch_for(model, 5)
    torch.testing.assert_close(copy.eval().predict(batch).mean, model.eval().predict(batch).mean)
    fresh = build_model({"kind": model.config.kind, **SMALL.get(model.config.kind, {})}).eval()
    assert not torch.allclose(fresh.predict(batch).mean, model.predict(batch).mean)


def test_models_without_features_say_so():
    with pytest.raises(NotImplementedError, match="DeepPlanck exposes no features"):
        DeepPlanck(DeepPlanckSettings()).features(toy_batch(1))
    assert RadialCNN(RadialCNNSettings()).features(toy_batch(3)).shape == (3, 128)
    assert MassModel.fit_error is RadialCNN.fit_error


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "radial_cnm"}, "did you mean 'radial_cnn'"),
        ({}, "model is not known"),
        ({"kind": "radial_cnn", "n_ring": 3}, "did you mean 'n_rings'"),
        ({"kind": "deepplanck", "redshift_bins": (0.2, 0.1)}, "must increase"),
    ],
)
def test_unusable_settings_are_named(settings, words):
    with pytest.raises(ConfigError, match=words):
        build_model(settings)
