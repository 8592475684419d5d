"""Every model that maps: its loss, its answer, what it may not see; and the published size."""

import math

import numpy as np
import pytest
import torch

from zwicky.core.errors import ConfigError
from zwicky.models.any_view import AnyView, AnyViewSettings, subsets_of
from zwicky.models.base import Batch
from zwicky.models.galaxies import with_galaxies
from zwicky.models.map_scaling import LogScaling
from zwicky.models.pix2pix import PatchDiscriminator
from zwicky.models.table import MAP_MODELS, build_either, build_map_model
from zwicky.models.unet import UNet, UNetSettings
from zwicky.training.loop import turned

SMALL = {
    "unet": {"kind": "unet", "width": 4, "n_pixels": 16, "depth": 3},
    "any_view": {"kind": "any_view", "width": 4, "n_pixels": 16, "depth": 3},
    "pix2pix": {
        "kind": "pix2pix",
        "generator": {"width": 4, "n_pixels": 16, "depth": 3},
        "discriminator_width": 4,
    },
}


def toy_batch(n=32, seed=0, n_pixels=16):
    """Blobs of log-normal brightness; the target is the product of powers of the views."""
    rng = np.random.default_rng(seed)
    axis = np.arange(n_pixels) - (n_pixels - 1) / 2
    blob = -0.02 * np.hypot(axis[:, None], axis) ** 2
    logs = blob + rng.normal(0, 0.3, (n, 3, 1, 1)) + rng.normal(0, 0.1, (n, 3, n_pixels, n_pixels))
    target = 13 + 0.5 * logs[:, 0] + 0.3 * logs[:, 1] + 0.2 * logs[:, 2]
    maps, target = (torch.from_numpy(10.0**a).float() for a in (logs, target))
    return Batch(maps, torch.full((n,), 0.1), None, target)


@pytest.fixture(params=sorted(MAP_MODELS))
def model(request):
    torch.manual_seed(1)
    built = build_map_model(SMALL[request.param])
    built.fit_scaling(toy_batch())
    return built


def test_the_table_has_a_small_one_of_each():
    assert set(SMALL) == set(MAP_MODELS)


def test_loss_and_answer_have_their_shapes(model):
    batch = toy_batch(6)
    assert model.loss(batch).shape == ()
    answer = model.eval().predict(batch)
    assert answer.log10_median.shape == answer.sd_dex.shape == answer.mean.shape == (6, 16, 16)
    assert (answer.sd_dex >= 0).all()
    assert 10 < answer.log10_median.mean() < 16


@torch.no_grad()
def test_answers_do_not_depend_on_the_company(model):
    model.eval()
    batch = toy_batch(5)
    together = model.predict(batch).log10_median
    alone = [model.predict(Batch(batch.maps[i : i + 1], batch.redshift[:1])).log10_median for i in range(5)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-5, atol=1e-4)


def test_one_batch_can_be_learnt(model):
    batch = toy_batch(16, seed=3)
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    before = float(model.eval().loss(batch).detach())
    model.train()
    for _ in range(40):
        loss = model.loss(batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(model.eval().loss(batch).detach()) < before - 0.2


def test_the_published_size():
    """The "~7 million parameters", ten layers: two convolutions on each of five resolutions (papers.md 1.3)."""
    for encoders, expected in (("stacked", 6.8e6), ("separate", 7.2e6)):
        n = UNet(UNetSettings(encoders=encoders)).n_parameters
        assert n == pytest.approx(expected, rel=0.01)
    # By hand, for one channel: 9 (c_in c_out + c_out^2) and 4 c_out of normalisation per level, up-convolutions 2 x 2.
    widths = [30 * 2**i for i in range(5)]
    down = sum(9 * (a * b + b * b) + 4 * b for a, b in zip([1, *widths], widths, strict=False))
    up = sum(4 * 2 * b * b + b + 9 * (2 * b * b + b * b) + 4 * b for b in widths[:-1])
    assert UNet(UNetSettings(n_views=1)).n_parameters == down + up + 31


@torch.no_grad()
def test_scaling_gives_standard_logarithms_and_back():
    batch = toy_batch(200)
    scaling = LogScaling(3, 16)
    scaling.fit(batch.maps)
    z = scaling.into(batch.maps)
    assert z.square().mean((0, 2, 3)).sqrt().numpy() == pytest.approx(np.ones(3), abs=0.01)
    assert abs(float(z.mean())) < 0.01
    for channel in range(3):
        back = scaling.back(z[:, channel], channel)
        torch.testing.assert_close(back, torch.log10(batch.maps[:, channel]), rtol=1e-4, atol=1e-5)
    # No side of a cluster is special.
    assert torch.equal(scaling.mean, scaling.mean.rot90(1, (1, 2)))
    assert torch.allclose(scaling.mean, scaling.mean.flip(2), atol=1e-6)


def test_a_turned_cluster_is_turned_with_its_truth():
    batch = toy_batch(3)
    for element in range(8):
        one = turned(batch, element)
        picked = [batch.maps[0, 0, 2, 5], batch.target[0, 2, 5]]
        where = [
            int(t.flatten().sub(p).abs().argmin())
            for t, p in zip((one.maps[0, 0], one.target[0]), picked, strict=True)
        ]
        assert where[0] == where[1]


class TestAnyView:
    @pytest.fixture
    def network(self):
        torch.manual_seed(2)
        network = AnyView(AnyViewSettings(width=4, n_pixels=16, depth=3, with_redshift=True))
        network.fit_scaling(toy_batch())
        torch.nn.init.normal_(network.absent)
        return network.eval()

    def test_all_subsets_but_the_empty_one(self):
        assert len(subsets_of(3)) == 7
        assert subsets_of(3)[0] == [True, True, True]
        assert [False, False, False] not in subsets_of(3)
        assert subsets_of(1) == [[True]]

    @torch.no_grad()
    def test_a_missing_view_is_never_read(self, network):
        batch = toy_batch(4)
        present = torch.tensor([[True, False, True]] * 4)
        before = network.predict(Batch(batch.maps, batch.redshift, present=present))
        for poison in (math.nan, 0.0, -1.0, 1e30):
            maps = batch.maps.clone()
            maps[:, 1] = poison
            after = network.predict(Batch(maps, batch.redshift, present=present))
            assert torch.equal(before.log10_median, after.log10_median)
            assert torch.equal(before.sd_dex, after.sd_dex)

    @torch.no_grad()
    def test_a_present_view_is_read(self, network):
        batch = toy_batch(4)
        present = torch.tensor([[True, False, True]] * 4)
        maps = batch.maps.clone()
        maps[:, 2] *= 3.0
        before, after = (
            network.predict(Batch(m, batch.redshift, present=present)) for m in (batch.maps, maps)
        )
        assert (before.log10_median - after.log10_median).abs().max() > 1e-5

    @torch.no_grad()
    def test_missing_is_declared_not_filled(self, network):
        """A view at its mean, which is all zeros after scaling, is another thing than no view."""
        batch = toy_batch(4)
        maps = batch.maps.clone()
        maps[:, 1] = 10.0 ** network.views.mean[1]
        there, gone = torch.tensor([[True] * 3] * 4), torch.tensor([[True, False, True]] * 4)
        given, missing = (network.predict(Batch(maps, batch.redshift, present=p)) for p in (there, gone))
        assert (given.log10_median - missing.log10_median).abs().max() > 1e-5

    @torch.no_grad()
    def test_without_a_list_all_views_are_there(self, network):
        batch = toy_batch(4)
        there = torch.ones((4, 3), dtype=torch.bool)
        a, b = (network.predict(Batch(batch.maps, batch.redshift, present=p)) for p in (None, there))
        assert torch.equal(a.log10_median, b.log10_median)

    @torch.no_grad()
    def test_the_redshift_is_read(self, network):
        batch = toy_batch(4)
        network.redshift[1] = 0.01
        a, b = (network.predict(Batch(batch.maps, torch.full((4,), z))) for z in (0.1, 0.3))
        assert (a.log10_median - b.log10_median).abs().max() > 1e-6

    def test_views_are_dropped_as_often_as_asked(self):
        network = AnyView(AnyViewSettings(width=4, n_pixels=16, depth=3, all_views=0.4))
        torch.manual_seed(5)
        drawn = network._drawn(20000, torch.device("cpu"))
        assert float(drawn.all(1).float().mean()) == pytest.approx(0.4, abs=0.015)
        assert drawn.any(1).all()
        # Each view is there in 0.4 + 0.6 * 3/6 of the draws: three of the other six subsets hold it.
        assert drawn.float().mean(0).numpy() == pytest.approx(np.full(3, 0.7), abs=0.015)

    def test_its_validation_loss_is_not_random(self, network):
        batch = toy_batch(14)
        assert torch.equal(network.loss(batch), network.loss(batch))
        network.train()
        assert not torch.equal(network.loss(batch), network.loss(batch))

    def test_its_errors_are_learnt(self):
        """On noise that no view predicts, the sd that it states becomes that of the noise."""
        torch.manual_seed(3)
        network = AnyView(AnyViewSettings(width=4, n_pixels=16, depth=2, beta=0.5))
        rng = np.random.default_rng(1)
        maps = torch.from_numpy(10 ** rng.normal(0, 1, (64, 3, 16, 16))).float()
        target = torch.from_numpy(10 ** rng.normal(13, 0.2, (64, 16, 16))).float()
        batch = Batch(maps, torch.full((64,), 0.1), None, target)
        network.fit_scaling(batch)
        optimiser = torch.optim.Adam(network.parameters(), 1e-2)
        for _ in range(60):
            loss = network.loss(batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            assert float(network.eval().predict(batch).sd_dex.median()) == pytest.approx(0.2, rel=0.15)


class TestPix2Pix:
    def test_each_player_learns_from_its_own_loss(self):
        """The discriminator's weights see no gradient of the deception, nor the generator's of the learning."""
        torch.manual_seed(4)
        network = build_map_model({**SMALL["pix2pix"], "l1_weight": 1.0})
        batch = toy_batch(8)
        network.fit_scaling(batch)
        network.train()
        network.loss(batch).backward()
        together = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
        assert any(name.startswith("discriminator") for name in together)
        # The gradient of L1 alone differs: the discriminator teaches the generator too.
        network.zero_grad()
        (network.config.l1_weight * network.generator.loss(batch)).backward()
        alone = network.generator.head.weight.grad
        assert not torch.allclose(together["generator.head.weight"], alone, rtol=1e-3, atol=1e-6)

    def test_its_validation_loss_is_l1(self):
        network = build_map_model(SMALL["pix2pix"])
        batch = toy_batch(8)
        network.fit_scaling(batch)
        network.eval()
        assert torch.equal(network.loss(batch), network.generator.loss(batch))

    def test_a_patch_is_34_pixels(self):
        discriminator = PatchDiscriminator(1, 4).eval()
        image = torch.zeros(1, 1, 80, 80, requires_grad=True)
        logits = discriminator(image)
        logits[0, 9, 9].backward()
        rows = image.grad[0, 0].abs().sum(1).nonzero()
        assert int(rows.max() - rows.min()) + 1 == 34


def test_what_cannot_be_halved_is_refused():
    with pytest.raises(ConfigError, match="cannot be halved so often"):
        build_map_model({"kind": "unet", "n_pixels": 50})


def test_an_unknown_map_model_is_named():
    with pytest.raises(ConfigError, match="did you mean 'unet'"):
        build_map_model({"kind": "unett"})
    assert build_either({"kind": "unet", "width": 4}).n_parameters


class TestGalaxies:
    def test_the_sum_of_both_parts(self):
        smooth, stars = torch.full((2, 4, 4), 13.0), torch.full((2, 4, 4), 3e12)
        both = with_galaxies(smooth, stars, torch.zeros(2, 4, 4))
        torch.testing.assert_close(10.0**both, torch.full((2, 4, 4), 1.3e13), rtol=1e-5, atol=0)

    def test_what_is_not_seen_is_never_read(self):
        smooth, stars = torch.full((2, 4, 4), 13.0), torch.full((2, 4, 4), 3e12)
        stars[1] = torch.nan
        both = with_galaxies(smooth, stars, torch.zeros(2, 4, 4), torch.tensor([True, False]))
        assert torch.equal(both[1], smooth[1])
        assert (both[0] > 13.0).all()

    def test_no_gradient_comes_from_what_is_not_seen(self):
        smooth = torch.full((2, 4, 4), 13.0, requires_grad=True)
        ratio = torch.zeros(2, 4, 4, requires_grad=True)
        stars = torch.full((2, 4, 4), 3e12)
        stars[1] = torch.nan
        with_galaxies(smooth, stars, ratio, torch.tensor([True, False])).sum().backward()
        assert torch.isfinite(smooth.grad).all()
        assert (ratio.grad[1] == 0).all()
        assert (ratio.grad[0] > 0).all()

    @torch.no_grad()
    @pytest.mark.parametrize("kind", ["unet", "any_view"])
    def test_a_bright_galaxy_stands_in_the_answer(self, kind):
        """However badly it is taught: a thousand times the mass of everything else cannot be overlooked."""
        torch.manual_seed(1)
        batch = toy_batch(8)
        maps = batch.maps.clone()
        maps[:, 2] = 1e10
        maps[:, 2, 8, 8] = 1e17
        for galaxies, seen in ((2, True), (None, False)):
            network = build_map_model({**SMALL[kind], "galaxies": galaxies})
            network.fit_scaling(batch)
            answer = network.eval().predict(Batch(maps, batch.redshift)).log10_median
            assert bool((answer[:, 8, 8] > 16.5).all()) is seen
