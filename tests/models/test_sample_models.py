"""Models that draw maps, and the one that says mean and spread first: losses, samples, what these depend on."""

from types import SimpleNamespace

import pytest
import torch

from zwicky.core.config import parse
from zwicky.core.errors import ConfigError, SamplingError
from zwicky.core.randomness import Key, Stream
from zwicky.models.base import Batch
from zwicky.models.diffusion.sampler import Sampler
from zwicky.models.map_moments import MapMomentsSettings
from zwicky.models.residual_maps import ResidualMaps, ResidualMapsSettings, with_moments
from zwicky.models.score_maps import ScoreMaps, ScoreMapsSettings
from zwicky.models.table import MOMENT_MODELS, SAMPLE_MODELS, build_either

N_PIXELS = 16
SIZES = {"n_views": 2, "n_targets": 2, "n_pixels": N_PIXELS}
SMALL = {
    "residual_maps": {"kind": "residual_maps", "network": {"width": 8, "depth": 2}, "half": False, **SIZES},
    "score_maps": {"kind": "score_maps", "network": {"width": 4, "multipliers": (1, 1)}, "steps": 5, **SIZES},
}
MOMENTS = {"kind": "map_moments", "width": 4, "depth": 2, **SIZES}


def toy(n=24, seed=0, spread=0.2):
    """Views and targets whose logarithms are round blobs plus noise that both share, and noise of the target's own."""
    generator = torch.Generator().manual_seed(seed)
    axis = torch.arange(N_PIXELS) - (N_PIXELS - 1) / 2
    blob = -0.02 * torch.hypot(axis[:, None], axis) ** 2
    shared = torch.randn(n, 2, N_PIXELS, N_PIXELS, generator=generator)
    own = torch.randn(n, 2, N_PIXELS, N_PIXELS, generator=generator)
    maps = 10.0 ** (blob + 0.2 * shared)
    target = 10.0 ** (13.0 + blob + 0.2 * shared + spread * own)
    return Batch(maps, torch.full((n,), 0.05), None, target)


def told(batch, spread=0.2):
    """Return a batch for the diffusion of residuals: the true mean and spread stand beside the views."""
    mean = torch.log10(batch.maps) + 13.0
    return Batch(
        with_moments(batch.maps, mean, torch.full_like(mean, spread)), batch.redshift, None, batch.target
    )


def given(kind, batch):
    return told(batch) if kind == "residual_maps" else batch


def keys(n, samples, seed=5):
    return [[Key(seed, Stream.POSTERIOR_SAMPLES, i, s) for s in range(samples)] for i in range(n)]


@pytest.fixture(params=sorted(SAMPLE_MODELS))
def case(request):
    torch.manual_seed(1)
    model = build_either(SMALL[request.param])
    batch = given(request.param, toy())
    model.fit_scaling(batch)
    return model, batch


def test_the_table_has_a_small_one_of_each():
    assert set(SMALL) == set(SAMPLE_MODELS)


def test_a_loss_can_be_learnt(case):
    model, batch = case
    if isinstance(model, ResidualMaps):  # means that leave something to learn from the views
        n = model.config.n_views
        batch.maps[:, n : n + 2] -= 0.5 * model.views.sd * model.views.into(batch.maps[:, :n])
        model.fit_scaling(batch)
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    batch = few(batch, slice(0, 12))
    before = float(model.eval().loss(batch).detach())
    model.train()
    torch.manual_seed(0)
    for _ in range(60):
        optimiser.zero_grad()
        model.loss(batch).backward()
        optimiser.step()
    assert float(model.eval().loss(batch).detach()) < 0.97 * before


def test_the_validation_loss_has_no_chance_in_it(case):
    model, batch = case
    model.eval()
    torch.manual_seed(1)
    first = float(model.loss(batch).detach())
    torch.manual_seed(2)
    assert float(model.loss(batch).detach()) == first
    model.train()
    torch.manual_seed(2)
    assert float(model.loss(batch).detach()) != first


def few(batch, rows):
    target = None if batch.target is None else batch.target[rows]
    return Batch(batch.maps[rows], batch.redshift[rows], None, target)


def test_samples_depend_on_their_key_alone(case):
    model, batch = case
    model.eval()
    sampler = Sampler(solver="euler_maruyama", steps=4, sigma_min=0.05, sigma_max=5.0)
    batch = few(batch, slice(0, 3))
    together = model.sample(batch, keys(3, 4), sampler)
    assert together.shape == (3, 4, 2, N_PIXELS, N_PIXELS)
    alone = model.sample(few(batch, slice(1, 2)), [keys(3, 4)[1][2:3]], sampler)
    torch.testing.assert_close(alone[0, 0], together[1, 2], rtol=0, atol=1e-4)
    assert (together[1, 1] - together[1, 2]).abs().max() > 0.01
    again = model.sample(batch, keys(3, 4, seed=6), sampler)
    assert (again - together).abs().max() > 0.01


def test_the_default_sampler_is_used(case):
    model, batch = case
    model.eval()
    batch = few(batch, slice(0, 2))
    drawn = model.sample(batch, keys(2, 2))
    torch.testing.assert_close(drawn, model.sample(batch, keys(2, 2), model.default_sampler))
    other = model.sampler("heun", 3)
    assert (other.solver, other.steps) == ("heun", 3)
    assert other.sigma_max == model.default_sampler.sigma_max


def test_a_diverging_network_names_the_cluster(case):
    model, batch = case
    model.eval()
    batch = few(batch, slice(0, 3))
    batch.maps[1] = torch.nan
    with pytest.raises(SamplingError, match="step 1 of") as found:
        model.sample(batch, keys(3, 2), model.sampler("euler", 3))
    assert found.value.rows == (1,)


def test_an_untrained_residual_model_draws_the_spread_it_is_told():
    model = build_either(SMALL["residual_maps"])
    batch = told(toy(256))
    model.fit_scaling(batch)
    model.eval()
    batch = few(batch, slice(0, 8))
    sampler = model.sampler("dpm2m", 12)
    drawn = model.sample(batch, keys(8, 64), sampler)
    mean, sd = batch.maps[:, 2:4], batch.maps[:, 4:6]
    pull = (drawn - mean[:, None]) / sd[:, None]
    assert float(pull.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(pull.std()) == pytest.approx(1.0, abs=0.03)


def test_without_balance_the_loss_is_that_of_pixels():
    batch, losses = told(toy()), {}
    for balance in (0.0, 1.0):
        torch.manual_seed(1)
        model = build_either({**SMALL["residual_maps"], "scale_balance": balance})
        model.fit_scaling(batch)
        difference = torch.randn(3, 2, N_PIXELS, N_PIXELS)
        difference[1] = 1.0  # the whole map
        losses[balance] = model.squares(difference)
        if not balance:
            torch.testing.assert_close(losses[0.0], difference.square().mean((1, 2, 3)))
    assert losses[1.0][1] > 10.0 * losses[0.0][1]


def test_residuals_are_whitened_only_when_asked():
    generator = torch.Generator().manual_seed(3)
    plain = toy(64)
    smooth = torch.nn.functional.avg_pool2d(torch.randn(64, 2, 16, 16, generator=generator), 5, 1, 2) * 5.0
    mean = torch.log10(plain.maps) + 13.0
    maps = with_moments(plain.maps, mean, torch.full_like(mean, 0.2))
    batch = Batch(maps, plain.redshift, None, 10.0 ** (mean + 0.2 * smooth))
    neighbours = {}
    for whiten in (True, False):
        model = build_either({**SMALL["residual_maps"], "whiten": whiten})
        model.fit_scaling(batch)
        x = model.clean(batch)
        neighbours[whiten] = float((x[..., 1:] * x[..., :-1]).mean() / x.square().mean())
    assert abs(neighbours[True]) < 0.25
    assert neighbours[False] > 0.6


@pytest.mark.parametrize("scaling", ["log", "linear"])
def test_scaled_maps_are_between_0_and_1_and_come_back(scaling):
    model = build_either({**SMALL["score_maps"], "scaling": scaling})
    batch = toy()
    model.fit_scaling(batch)
    clean = model.clean(batch)
    assert float(clean.min()) == pytest.approx(0.0, abs=1e-6)
    assert float(clean.max()) == pytest.approx(1.0, abs=1e-6)
    back = model.log10_maps(clean[:, None], batch)[:, 0]
    torch.testing.assert_close(back, torch.log10(batch.target), rtol=0, atol=1e-3)
    torch.testing.assert_close(model.densities(clean, batch), batch.target, rtol=1e-3, atol=0)


def test_bounds_are_those_of_all_clusters_together():
    model, batch = build_either(SMALL["score_maps"]), toy()
    model.fit_scaling(batch)
    brighter = Batch(batch.maps, batch.redshift, None, batch.target * 2.0)
    assert float((model.clean(brighter) - model.clean(batch)).mean()) > 0.05


def test_what_is_fainter_than_the_training_set_stays_positive_and_in_order():
    model, batch = build_either({**SMALL["score_maps"], "scaling": "linear"}), toy()
    model.fit_scaling(batch)
    faint = torch.tensor([-2.0, -0.5, -1e-9, 0.0, 1e-9])[:, None, None, None, None].expand(
        -1, 1, 2, N_PIXELS, N_PIXELS
    )
    log10 = model.log10_maps(faint, batch)
    assert torch.isfinite(log10).all()
    assert (log10.diff(dim=0)[:2] > 0.0).all()
    torch.testing.assert_close(log10[3, 0], model.faintest_log10().expand(2, N_PIXELS, N_PIXELS))
    assert float(model.densities(faint[0], batch).min()) < 0.0


def test_the_largest_noise_level_is_what_was_asked_for():
    batch = toy()
    found = {}
    for wanted in ("distance", "intensity", 3.0):
        model = build_either({**SMALL["score_maps"], "sigma_max": wanted})
        model.fit_scaling(batch)
        found[wanted] = model.sigma_max
        assert model.default_sampler.sigma_max == model.sigma_max
    clean = model.clean(batch).flatten(1)
    assert found["distance"] == pytest.approx(float(torch.cdist(clean, clean).max()), rel=1e-4)
    assert found["intensity"] == pytest.approx(1.0, abs=1e-6)
    assert found[3.0] == 3.0


def test_the_published_sizes_are_the_defaults():
    settings = ScoreMapsSettings(n_pixels=128)
    assert (settings.steps, settings.sigma_min, settings.network.width) == (1000, 0.01, 128)
    with torch.device("meta"):
        network = ScoreMaps(settings)
    assert network.n_parameters == pytest.approx(45.84e6, rel=1e-3)


@pytest.mark.parametrize("term", ["positivity", "total_mass", "power"])
def test_physics_terms_are_in_the_loss_of_training_only(term):
    batch = toy()
    losses = {}
    for weight in (0.0, 10.0):
        torch.manual_seed(1)
        settings = {
            **SMALL["score_maps"],
            "scaling": "linear",
            "physics": {term: weight, "highest_sigma": 20.0},
        }
        model = build_either(settings)
        model.fit_scaling(batch)
        validation = float(model.eval().loss(batch).detach())
        torch.manual_seed(2)
        losses[weight] = (validation, float(model.train().loss(batch).detach()))
    assert losses[0.0][0] == losses[10.0][0]
    assert losses[10.0][1] > losses[0.0][1]


class TestStart:
    """Flows of maps that are not centred: the mean is ten times the spread, and half of the largest noise."""

    MEAN, SD = 0.5, 0.05

    def drawn(self, model, monkeypatch, solver, steps=40):
        """Return the error of each pixel of 16 samples [spreads], with the exact denoiser, and its calls."""
        calls = []

        def exact(x, sigma):
            calls.append(sigma)
            return self.MEAN + (x - self.MEAN) * self.SD**2 / (self.SD**2 + sigma**2)

        monkeypatch.setattr(model, "bound", lambda _: exact)
        drawn = model.eval().sample(few(toy(), slice(0, 2)), keys(2, 8), model.sampler(solver, steps))
        return (drawn - self.MEAN) / self.SD, len(calls)

    @pytest.fixture
    def model(self):
        """Scaled maps are log10 of the maps, noise goes up to 1."""
        return build_either({**SMALL["score_maps"], "sigma_max": 1.0})

    @pytest.mark.parametrize("solver", ["heun", "dpm3m"])
    def test_a_flow_that_starts_at_the_denoisers_mean_ends_unbiased(self, model, monkeypatch, solver):
        pull, calls = self.drawn(model, monkeypatch, solver)
        # 8192 pixels know a mean to 0.011 and a spread to 0.8 %.
        assert float(pull.mean()) == pytest.approx(0.0, abs=0.04)
        assert float(pull.std()) == pytest.approx(1.0, abs=0.05)
        assert calls == model.sampler(solver, 40).evaluations + 1

    def test_without_it_the_flow_ends_off_by_the_mean_over_the_noise(self, model, monkeypatch):
        """Negative control."""
        monkeypatch.setattr(ScoreMaps, "is_centred", True)
        pull, calls = self.drawn(model, monkeypatch, "dpm3m")
        assert float(pull.mean()) == pytest.approx(-self.MEAN / 1.0, abs=0.04)
        assert calls == 40

    def test_an_sde_forgets_where_it_began(self, model, monkeypatch):
        pull, calls = self.drawn(model, monkeypatch, "euler_maruyama", steps=200)
        assert float(pull.mean()) == pytest.approx(0.0, abs=0.06)
        assert calls == model.sampler("euler_maruyama", 200).evaluations


class TestPenalties:
    """A row with little noise, and one with so much that 10 to the power of it is infinite."""

    SIGMAS = torch.tensor([0.02, 1e4])

    @pytest.fixture
    def model(self, monkeypatch):
        torch.manual_seed(1)
        terms = {"total_mass": 1.0, "power": 1.0, "highest_sigma": 1.0}
        model = build_either({**SMALL["score_maps"], "physics": terms})
        model.fit_scaling(toy())
        monkeypatch.setattr(ScoreMaps, "noise_law", SimpleNamespace(draw=lambda n, device: self.SIGMAS))
        return model.train()

    def slopes(self, model):
        """Return the loss and all slopes of its network, in one vector."""
        loss = model.loss(few(toy(), slice(0, 2)))
        loss.backward()
        return loss.detach(), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    def test_a_row_with_too_much_noise_is_not_looked_at(self, model):
        loss, slopes = self.slopes(model)
        assert torch.isfinite(loss) and torch.isfinite(slopes).all() and slopes.abs().max() > 0.0

    def test_when_it_is_looked_at_there_is_no_slope(self, model, monkeypatch):
        """Negative control: its weight is 0, but 0 times infinity is no number."""

        def all_rows(denoised, batch, sigma):
            density = model.densities(denoised, batch)
            assert torch.isinf(density[1]).any()
            return model.physics(density, batch.target, sigma)

        monkeypatch.setattr(model, "_penalties", all_rows)
        loss, slopes = self.slopes(model)
        assert torch.isfinite(loss) and not torch.isfinite(slopes).all()

    def test_each_row_pays_for_itself(self, model):
        batch = few(toy(), slice(0, 2))
        denoised = model.clean(batch) + 0.1
        alone = model.physics(model.densities(denoised, batch), batch.target, torch.tensor([0.1, 0.1]))
        found = model._penalties(
            denoised, batch, torch.tensor([1.0, 0.1])
        )  # not below the highest, and below
        assert found[0] == 0.0 and found[1] > 0.0
        torch.testing.assert_close(found[1], alone[1])
        assert model._penalties(denoised, batch, torch.tensor([1.0, 2.0])).tolist() == [0.0, 0.0]


class TestMoments:
    def test_it_learns_mean_and_spread(self):
        torch.manual_seed(4)
        model = build_either({**MOMENTS, "width": 8})
        batch = toy(192, spread=0.2)
        model.fit_scaling(batch)
        optimiser = torch.optim.Adam(model.parameters(), 1e-2)
        model.train()
        for step in range(80):
            optimiser.zero_grad()
            model.loss(few(batch, slice(step % 4, None, 4))).backward()
            optimiser.step()
        model.eval()
        with torch.no_grad():
            fresh = toy(64, seed=9)
            mean, sd = model.moments(fresh)
        assert mean.shape == sd.shape == fresh.target.shape
        pull = (torch.log10(fresh.target) - mean) / sd
        assert float(sd.mean()) == pytest.approx(0.2, rel=0.2)
        assert float(pull.std()) == pytest.approx(1.0, abs=0.2)

    def test_the_plain_likelihood_validates(self):
        batch, model = toy(), build_either(MOMENTS)
        model.fit_scaling(batch)
        weighted = float(model.train().loss(batch).detach())
        plain = float(model.eval().loss(batch).detach())
        assert weighted != plain

    def test_it_is_in_its_table(self):
        assert set(MOMENT_MODELS) == {"map_moments"}
        assert MapMomentsSettings(**MOMENTS).kind == "map_moments"


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"network": {"width": 12}}, "network.width"),
        ({"log_sigma_sd": 0.0}, "log_sigma_sd"),
        ({"sampler": {"solver": "leapfrog"}}, "sampler.solver"),
    ],
)
def test_wrong_settings_are_named(settings, wrong):
    with pytest.raises(ConfigError, match=wrong):
        parse(ResidualMapsSettings, settings, where="fast")


def test_pixels_that_cannot_be_halved_are_refused():
    with pytest.raises(ConfigError, match="cannot be halved"):
        ResidualMaps(ResidualMapsSettings(n_pixels=18))
