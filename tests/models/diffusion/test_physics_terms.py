"""Physics in the loss: nothing to pay at the truth, a slope back to it, and no more than the statistics allow."""

import math

import numpy as np
import pytest
import torch

from zwicky.core.config import parse
from zwicky.core.errors import ConfigError
from zwicky.evaluation.mapping.spectra import power_spectra
from zwicky.models.diffusion.physics_terms import (
    LEAST_RATIO,
    PhysicsPenalty,
    PhysicsTerms,
    in_mean_densities,
    logarithm,
    power_error,
    ring_matrix,
    ring_power,
    taper_weights,
)

N = 16
NAMES = ("positivity", "total_mass", "power")
CLEAN = torch.zeros(1)


def truth(rows=1, targets=2, seed=0, n=N):
    """Log-normal maps around 1e13 Msun/Mpc2, in double precision."""
    rng = np.random.default_rng(seed)
    return torch.from_numpy(1e13 * np.exp(rng.normal(size=(rows, targets, n, n))))


def penalty(name, n=N, highest_sigma=0.1, weight=1.0):
    return PhysicsPenalty(PhysicsTerms(**{name: weight}, highest_sigma=highest_sigma), n).double()


def smoothed(maps):
    """Less power on small scales, the same mean."""
    turned = [maps.roll(s, d) for s in (-1, 1) for d in (-1, -2)]
    return (maps + sum(turned)) / 5.0


BROKEN = {
    "positivity": lambda maps: maps - 2.0 * maps.mean(dim=(-2, -1), keepdim=True),
    "total_mass": lambda maps: 1.3 * maps,
    "power": smoothed,
}
"""What breaks each law, and the others as little as may be."""


class TestLaws:
    @pytest.mark.parametrize("name", NAMES)
    def test_nothing_is_paid_at_the_truth(self, name):
        maps = truth(3)
        torch.testing.assert_close(penalty(name)(maps, maps, torch.zeros(3)), torch.zeros(3).double())

    @pytest.mark.parametrize("name", NAMES)
    def test_each_term_sees_its_own_violation(self, name):
        maps = truth(3)
        assert (penalty(name)(BROKEN[name](maps), maps, torch.zeros(3)) > 1e-2).all()

    def test_and_no_other(self):
        """Negative control: a smooth map is positive and weighs the same; a heavier one is positive."""
        maps = truth(3)
        for name in ("positivity", "total_mass"):
            assert penalty(name)(smoothed(maps), maps, torch.zeros(3)).abs().max() < 1e-20
        assert penalty("positivity")(1.3 * maps, maps, torch.zeros(3)).max() == 0.0

    def test_a_positive_map_pays_nothing_for_positivity_whatever_it_is(self):
        assert penalty("positivity")(truth(2, seed=5), truth(2), torch.zeros(2)).max() == 0.0

    def test_positivity_is_the_mean_square_over_that_of_the_mean_map(self):
        maps = torch.full((1, 1, N, N), 4.0).double()
        broken = maps.clone()
        broken[0, 0, 0, :8] = -2.0
        assert penalty("positivity")(broken, maps, CLEAN).item() == pytest.approx(8 * 0.25 / N**2)

    @pytest.mark.parametrize("factor", [0.5, 0.95, 3.0])
    def test_a_heavier_map_pays_the_square_of_the_logarithm(self, factor):
        """And its amplitude is too high on all scales: b = factor."""
        maps = truth()
        for name in ("total_mass", "power"):
            paid = penalty(name)(factor * maps, maps, CLEAN).item()
            assert paid == pytest.approx(math.log(factor) ** 2, rel=1e-5)

    @pytest.mark.parametrize("name", NAMES)
    def test_the_unit_does_not_matter(self, name):
        maps = truth()
        here, there = (penalty(name)(u * BROKEN[name](maps), u * maps, CLEAN) for u in (1.0, 1e-13))
        torch.testing.assert_close(here, there, rtol=1e-9, atol=0)

    @pytest.mark.parametrize("name", NAMES)
    def test_no_side_of_a_cluster_is_special(self, name):
        maps = truth()
        denoised = BROKEN[name](maps) * 1.1
        paid = penalty(name)(denoised, maps, CLEAN)
        for k, flipped in ((1, False), (2, True), (3, False)):
            turned = [m.rot90(k, (-2, -1)) for m in (denoised, maps)]
            turned = [m.flip(-1) if flipped else m for m in turned]
            torch.testing.assert_close(penalty(name)(*turned, CLEAN), paid, rtol=1e-9, atol=1e-15)

    @pytest.mark.parametrize("name", NAMES)
    def test_every_row_pays_for_itself(self, name):
        maps = truth(3)
        denoised = BROKEN[name](maps) * torch.tensor([1.0, 1.2, 0.7]).double()[:, None, None, None]
        together = penalty(name)(denoised, maps, torch.zeros(3))
        alone = [penalty(name)(denoised[i : i + 1], maps[i : i + 1], CLEAN) for i in range(3)]
        torch.testing.assert_close(together, torch.cat(alone))
        assert len(set(together.tolist())) == 3

    def test_terms_add_up_with_their_weights(self):
        maps = truth()
        denoised = 1.2 * BROKEN["positivity"](maps)
        weights = {"positivity": 0.5, "total_mass": 2.0, "power": 3.0}
        both = PhysicsPenalty(PhysicsTerms(**weights), N).double()(denoised, maps, CLEAN)
        parts = [weight * penalty(name)(denoised, maps, CLEAN) for name, weight in weights.items()]
        torch.testing.assert_close(both, sum(parts))


class TestPower:
    @pytest.mark.parametrize("n", [15, 16, 40])
    def test_it_is_the_power_that_the_report_shows(self, n):
        maps = truth(2, 1, n=n)
        theirs = power_spectra(maps[:, 0].numpy(), maps[:, 0].numpy()).truth
        ours = ring_power(maps[:, 0], taper_weights(n), ring_matrix(n))
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-12)

    def test_white_noise_has_its_variance_on_every_scale(self):
        noise = torch.from_numpy(np.random.default_rng(2).normal(0.0, 3.0, (2000, N, N)))
        power = ring_power(noise, taper_weights(N), ring_matrix(N)).mean(0)
        torch.testing.assert_close(power, torch.full_like(power, 9.0), rtol=0.05, atol=0)

    def test_single_precision_is_enough(self):
        """Of a painted cluster's contrast: 1e13 in the core, 1e4 times less at the edge, smooth."""
        axis = torch.arange(64) - 31.5
        maps = 1e15 / (1.0 + torch.hypot(axis[:, None], axis) ** 2).double()[None, None]
        args = 1.1 * maps, maps
        exact = penalty("power", 64)(*args, CLEAN)
        found = PhysicsPenalty(PhysicsTerms(power=1.0), 64)(*(m.float() for m in args), CLEAN)
        torch.testing.assert_close(found.double(), exact, rtol=1e-3, atol=0)
        torch.testing.assert_close(exact, torch.tensor([math.log(1.1) ** 2]).double(), rtol=0.02, atol=0)


class TestStatistics:
    """Of white Gaussian maps of variance 1 under noise sigma the conditional mean is x / (1 + sigma^2)."""

    @staticmethod
    def maps(sigma, n=200):
        rng = np.random.default_rng(3)
        clean = torch.from_numpy(rng.normal(size=(n, 1, 32, 32)))
        noisy = clean + sigma * torch.from_numpy(rng.normal(size=clean.shape))
        return clean, noisy / (1.0 + sigma**2)

    @pytest.mark.parametrize("sigma", [0.3, 1.0])
    def test_the_right_answer_has_less_power_than_the_truth(self, sigma):
        clean, mean = self.maps(sigma)
        parts = [ring_power(m[:, 0], taper_weights(32), ring_matrix(32)).mean() for m in (mean, clean)]
        assert (parts[0] / parts[1]).item() == pytest.approx(1.0 / (1.0 + sigma**2), rel=0.01)

    @pytest.mark.parametrize(("sigma", "biased"), [(0.05, False), (1.0, True)])
    def test_the_term_biases_the_score_at_high_noise_only(self, sigma, biased):
        """By how much too large an amplitude would the term have: least over a factor of the conditional mean."""
        clean, mean = self.maps(sigma)
        weights, rings = taper_weights(32), ring_matrix(32)
        factors = np.linspace(0.95, 1.6, 66)
        paid = [power_error(f * mean, clean, weights, rings).mean().item() for f in factors]
        best = factors[int(np.argmin(paid))]
        assert best == pytest.approx(math.sqrt(1.0 + sigma**2), abs=0.08)
        assert (best > 1.2) == biased

    def test_the_mass_term_is_least_at_the_geometric_mean(self):
        """A third of 1, a third of 2, a third of 8: 16^(1/3), not the mean 11/3."""
        masses = torch.tensor([1.0, 2.0, 8.0]).double()[:, None, None, None].expand(3, 1, N, N)
        factors = np.linspace(2.0, 4.0, 401)
        term = penalty("total_mass")
        paid = [term(torch.full_like(masses, f), masses, torch.zeros(3)).mean().item() for f in factors]
        assert factors[int(np.argmin(paid))] == pytest.approx(16.0 ** (1 / 3), abs=0.01)

    def test_positivity_never_moves_a_conditional_mean(self):
        """True maps are positive, and so is their mean: no noise is too high for this term."""
        maps = truth(8)
        mean = maps.mean(dim=0, keepdim=True).expand(8, -1, -1, -1)
        assert penalty("positivity", highest_sigma=1e9)(mean, maps, torch.full((8,), 1e3)).max() == 0.0

    def test_the_weight_falls_to_zero_with_the_noise(self):
        maps = truth()
        sigmas = torch.tensor([0.0, 0.1, 0.15, 0.2, 0.3])
        paid = penalty("total_mass", highest_sigma=0.2)(
            (1.3 * maps).expand(5, -1, -1, -1), maps.expand(5, -1, -1, -1), sigmas
        )
        torch.testing.assert_close(
            paid / paid[0], torch.tensor([1.0, 0.75, 0.4375, 0.0, 0.0]).double(), rtol=1e-6, atol=1e-6
        )

    def test_positivity_may_act_at_any_noise(self):
        maps = truth(3)
        term = penalty("positivity", highest_sigma=1e6)
        torch.testing.assert_close(
            term(-maps, maps, torch.tensor([0.0, 1.0, 50.0])), term(-maps, maps, torch.zeros(3))
        )

    def test_what_is_not_asked_for_may_be_infinite(self):
        maps = truth(2)
        denoised = maps.clone()
        denoised[1] = math.inf
        paid = PhysicsPenalty(PhysicsTerms(total_mass=1.0, power=1.0), N).double()
        assert paid(denoised, maps, torch.tensor([0.0, 0.5])).tolist() == [0.0, 0.0]


DIFFICULT = {
    "zeros": lambda maps: torch.zeros_like(maps),
    "negative": lambda maps: -maps,
    "constant": lambda maps: torch.full_like(maps, 1e13),
    "truth": lambda maps: maps.clone(),
    "huge": lambda maps: 1e12 * maps,
    "cancelling": lambda maps: maps - maps.mean(dim=(-2, -1), keepdim=True),
}


class TestGradients:
    ALL = PhysicsTerms(positivity=1.0, total_mass=1.0, power=1.0)

    @pytest.mark.parametrize("true_kind", ["truth", "constant"])
    @pytest.mark.parametrize("kind", DIFFICULT)
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_value_and_slope_are_finite_whatever_is_denoised(self, kind, true_kind, dtype):
        maps = truth().to(dtype)
        denoised = DIFFICULT[kind](maps).requires_grad_()
        paid = PhysicsPenalty(self.ALL, N)(denoised, DIFFICULT[true_kind](maps), CLEAN)
        paid.sum().backward()
        assert torch.isfinite(paid).all()
        assert torch.isfinite(denoised.grad).all()

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("kind", ["negative", "cancelling", "truth"])
    def test_slopes_are_those_of_the_values(self, name, kind):
        maps = truth(1, 1, n=8) / 1e13
        start = (DIFFICULT[kind](maps) + 0.01 * maps.flip(-1)).requires_grad_()
        term = penalty(name, 8)
        assert torch.autograd.gradcheck(lambda d: term(d, maps, CLEAN), (start,), eps=1e-6, atol=1e-6)

    @pytest.mark.parametrize("name", NAMES)
    def test_a_step_down_the_slope_mends_the_violation(self, name):
        maps = truth(4) / 1e13
        denoised = BROKEN[name](maps).requires_grad_()
        term = penalty(name)
        before = term(denoised, maps, torch.zeros(4))
        (slope,) = torch.autograd.grad(before.sum(), denoised)
        norm = slope.square().sum(dim=(1, 2, 3), keepdim=True)
        after = term(
            denoised - 0.1 * before.detach()[:, None, None, None] * slope / norm, maps, torch.zeros(4)
        )
        assert ((after > 0.0) & (after < 0.95 * before)).all()

    def test_the_slope_points_to_more_where_something_is_missing(self):
        maps = truth()
        for name, broken in (("total_mass", 0.8 * maps), ("positivity", -maps)):
            denoised = broken.clone().requires_grad_()
            penalty(name)(denoised, maps, CLEAN).sum().backward()
            assert (denoised.grad < 0.0).all()

    def test_a_negative_total_is_pulled_up(self):
        maps = truth()
        denoised = (-maps).requires_grad_()
        paid = penalty("total_mass")(denoised, maps, CLEAN)
        paid.sum().backward()
        assert paid.item() > math.log(LEAST_RATIO) ** 2
        assert (denoised.grad < 0.0).all()

    def test_the_logarithm_goes_on_smoothly(self):
        ratios = torch.tensor([LEAST_RATIO - 1e-7, LEAST_RATIO + 1e-7, 1.0, 7.0, -2.0]).double()
        ratios.requires_grad_()
        values = logarithm(ratios)
        (slopes,) = torch.autograd.grad(values.sum(), ratios)
        torch.testing.assert_close(values[2:4], torch.log(ratios[2:4]))
        torch.testing.assert_close(
            slopes[:2], torch.full((2,), 1.0 / LEAST_RATIO).double(), rtol=1e-5, atol=0
        )
        assert values[4] < values[0] < values[1]

    def test_in_bfloat16_it_is_computed_in_single_precision(self):
        maps = truth(2).float()
        with torch.autocast("cpu", torch.bfloat16):
            mixed = PhysicsPenalty(self.ALL, N)(1.2 * maps, maps, torch.zeros(2))
        torch.testing.assert_close(mixed, PhysicsPenalty(self.ALL, N)(1.2 * maps, maps, torch.zeros(2)))
        assert in_mean_densities(maps.bfloat16(), maps)[0].dtype == torch.float32


class TestSettings:
    def test_off_unless_asked_for(self):
        assert not PhysicsTerms().active
        assert PhysicsTerms(power=0.1).active
        maps = truth(2)
        assert PhysicsPenalty(PhysicsTerms(), N)(-maps, maps, torch.zeros(2)).tolist() == [0.0, 0.0]

    @pytest.mark.parametrize(
        ("settings", "place"),
        [
            ({"positivity": -1.0}, "positivity"),
            ({"total_mass": math.inf}, "total_mass"),
            ({"power": math.nan}, "power"),
            ({"highest_sigma": 0.0}, "highest_sigma"),
            ({"mass": 1.0}, "mass"),
        ],
    )
    def test_settings_that_are_none(self, settings, place):
        with pytest.raises(ConfigError, match=f"physics: {place}"):
            parse(PhysicsTerms, settings, where="physics")

    def test_nothing_is_saved_with_the_weights(self):
        term = PhysicsPenalty(PhysicsTerms(power=1.0), N)
        assert term.state_dict() == {}
        assert list(term.parameters()) == []
