"""The network that weighs views: decades of brightness, several channels, one redshift or many."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from zwicky.core.errors import ConfigError
from zwicky.models.base import Batch
from zwicky.models.table import build_model
from zwicky.models.view_mass import ViewMass, ViewMassSettings

N = 16
SMALL = ViewMassSettings(n_pixels=N, width=4, depth=3, n_rings=4, hidden=16)
NOISE_DEX = 0.1
"""Scatter of each view's amplitude at given mass, independent between views."""


def clusters(n=256, seed=0, redshift=0.05):
    """Two views of round clusters, over six decades: y as M^(5/3), X-rays as M^2, each with a scatter of its own."""
    rng = np.random.default_rng(seed)
    log10_mass = rng.uniform(14.0, 15.2, n)
    axis = np.arange(N) - (N - 1) / 2
    bell = np.exp(-0.5 * (np.hypot(axis[:, None], axis) / 3.0) ** 2)
    views = []
    for slope, floor in ((5.0 / 3.0, 1e-9), (2.0, 1e-3)):
        scatter = slope * NOISE_DEX * rng.normal(size=n)
        level = 10.0 ** (slope * (log10_mass - 14.0) + scatter)
        pixels = 10.0 ** (0.05 * rng.normal(size=(n, N, N)))
        views.append(floor * (1.0 + 1e3 * level[:, None, None] * bell) * pixels)
    z = np.broadcast_to(np.asarray(redshift, float), n)
    return Batch(*(torch.from_numpy(a.copy()).float() for a in (np.stack(views, 1), z, log10_mass)))


def taught(batch, steps=90, settings=SMALL):
    torch.manual_seed(3)
    model = ViewMass(settings)
    model.fit_scaling(batch)
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    order = np.random.default_rng(1)
    for _ in range(steps):
        rows = torch.from_numpy(order.choice(len(batch.maps), 64, replace=False))
        loss = model.loss(Batch(batch.maps[rows], batch.redshift[rows], batch.log10_mass[rows]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()


@pytest.fixture(scope="module", name="model")
def trained():
    return taught(clusters(1024))


@pytest.fixture(scope="module", name="alone")
def trained_on_one_view():
    return taught(one_view(clusters(1024)), settings=SMALL.model_copy(update={"n_views": 1}))


def one_view(batch):
    return replace(batch, maps=batch.maps[:, :1])


class TestLearnt:
    test = clusters(400, seed=9)

    @staticmethod
    @torch.no_grad()
    def scatter(model, batch):
        answer = model.predict(batch)
        error = answer.mean - batch.log10_mass
        return error.std().item(), (error / answer.sd).std().item()

    def test_two_views_weigh_better_than_one(self, model, alone):
        """Independent scatters of 0.1 dex: 0.071 together."""
        both, one = self.scatter(model, self.test)[0], self.scatter(alone, one_view(self.test))[0]
        assert one == pytest.approx(NOISE_DEX, rel=0.25)
        assert both == pytest.approx(NOISE_DEX / math.sqrt(2.0), rel=0.3)
        assert both < 0.9 * one

    def test_it_knows_its_error(self, model, alone):
        assert self.scatter(model, self.test)[1] == pytest.approx(1.0, abs=0.2)
        assert self.scatter(alone, one_view(self.test))[1] == pytest.approx(1.0, abs=0.2)

    def test_a_view_of_another_cluster_spoils_it(self, model):
        """Negative control: both channels are read."""
        for channel in (0, 1):
            maps = self.test.maps.clone()
            maps[:, channel] = maps[:, channel].roll(1, 0)
            assert self.scatter(model, replace(self.test, maps=maps))[0] > 0.15


class TestScaling:
    def test_the_units_of_the_views_do_not_matter(self):
        batch = clusters(32)
        units = torch.tensor([1e6, 1e-4])[:, None, None]
        answers = []
        for maps in (batch.maps, units * batch.maps):
            torch.manual_seed(2)
            model = ViewMass(SMALL).eval()
            model.fit_scaling(replace(batch, maps=maps))
            answers.append(model.predict(Batch(maps, batch.redshift)).mean)
        torch.testing.assert_close(*answers, rtol=0, atol=1e-3)

    def test_one_redshift_does_nothing(self):
        batch = clusters(32, redshift=0.3)
        model = ViewMass(SMALL).eval()
        model.fit_scaling(batch)
        assert model.redshift.tolist() == pytest.approx([0.3, 1.0])
        answer = model.predict(batch)
        assert torch.isfinite(answer.mean).all()
        with torch.no_grad():
            model.dense[0].weight[:, -1] += 100.0
        torch.testing.assert_close(model.predict(batch).mean, answer.mean, rtol=0, atol=1e-3)

    def test_several_redshifts_are_read(self):
        redshift = np.linspace(0.05, 0.95, 32)
        batch = clusters(32, redshift=redshift)
        torch.manual_seed(2)
        model = ViewMass(SMALL).eval()
        model.fit_scaling(batch)
        assert model.redshift.tolist() == pytest.approx([redshift.mean(), redshift.std()], rel=1e-5)
        other = replace(batch, redshift=batch.redshift.flip(0))
        assert (model.predict(batch).mean - model.predict(other).mean).abs().max() > 1e-3

    def test_masses_come_back_in_dex_of_the_training_set(self):
        batch = clusters(64)
        model = ViewMass(SMALL)
        model.fit_scaling(batch)
        wanted = [batch.log10_mass.mean().item(), batch.log10_mass.std().item()]
        assert model.head.target.tolist() == pytest.approx(wanted)

    def test_in_bfloat16_a_mass_keeps_its_digits(self, model):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            answer = model.predict(TestLearnt.test)
        assert answer.mean.dtype == torch.float32
        with torch.no_grad():
            exact = model.predict(TestLearnt.test).mean
        assert (answer.mean - exact).abs().median() < 0.01


class TestBuilt:
    def test_by_name_with_the_grid_of_the_laptop(self):
        model = build_model({"kind": "view_mass"}).eval()
        maps = torch.full((2, 2, 64, 64), 1e-5)
        assert model.predict(Batch(maps, torch.full((2,), 0.05))).mean.shape == (2,)
        assert model.features(Batch(maps, torch.full((2,), 0.05))).shape == (2, 128)
        assert 4e5 < model.n_parameters < 8e5

    def test_a_map_that_cannot_be_halved_so_often(self):
        with pytest.raises(ConfigError, match=r"(?s)cannot be halved so often.*n_pixels 20, depth 4"):
            build_model({"kind": "view_mass", "n_pixels": 20, "depth": 4})
