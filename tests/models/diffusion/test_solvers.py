"""Solvers with an exact denoiser, so that only the solver is tested: N(m, s^2), where everything is known."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from pydantic import ValidationError

from zwicky.core.errors import SamplingError
from zwicky.models.diffusion.solvers import Sampler, draw

FLOWS = ("euler", "heun", "dpm2m", "dpm3m")
ALL = (*FLOWS, "euler_maruyama", "predictor_corrector")
MEAN = 0.3


def gaussian(s, mean=MEAN):
    """The exact denoiser of data N(mean, s^2)."""
    return lambda x, sigma: mean + (x - mean) * s**2 / (s**2 + sigma**2)


def exact_sd(s, sampler):
    """The standard deviation of what a sampler draws, without noise of its own.

    A sampler of Gaussian data is linear in its noise: row i of the batch hears the i-th call of noise alone, so that
    the sum of the squared answers is the variance. The last row hears none.
    """
    calls = 1 + (sampler.steps if sampler.is_stochastic else 0)
    impulses = iter(torch.eye(calls + 1, calls, dtype=torch.float64).T[..., None])
    answers = draw(gaussian(s), lambda: next(impulses), sampler)
    return float((answers[:-1] - answers[-1]).square().sum().sqrt())


def percent(s, sampler):
    return 100.0 * (exact_sd(s, sampler) / s - 1.0)


WIDTHS = (0.3, 0.1, 0.03, 0.01)
EDM = {"grid": "karras", "sigma_min": 0.002, "sigma_max": 80.0}
VE = {"grid": "log", "sigma_min": 0.01, "sigma_max": 50.0}


# Measured before this code was written, with another implementation: the percentages, as rounded there.
@pytest.mark.parametrize(
    ("solver", "steps", "settings", "expected", "rounding"),
    [
        ("euler", 20, EDM, (-15, -17, -20, -24), 0.5),
        ("euler", 80, EDM, (-4, -4, -5, -8), 0.5),
        ("heun", 18, EDM, (6.5, 9, 13, 16), 0.5),
        ("heun", 40, EDM, (1.1, 1.6, 2.0, 1.1), 0.06),
        ("dpm2m", 20, EDM, (6, 7, 6, -2), 0.5),
        ("dpm2m", 40, EDM, (1.2, 1.7, 1.9, -0.5), 0.06),
        ("euler_maruyama", 1000, VE | {"denoise": False}, (0.1, 0.5, 5.3, 41), 0.5),
        ("euler_maruyama", 1000, VE, (-0.1, -0.5, -5.3, -30), 0.8),
    ],
)
def test_error_of_the_standard_deviation_is_that_of_the_table(solver, steps, settings, expected, rounding):
    sampler = Sampler(solver=solver, steps=steps, **settings)
    assert [percent(s, sampler) for s in WIDTHS] == pytest.approx(expected, abs=rounding)


# A standardised residual, whose standard deviation was predicted wrong by a factor of 0.5 to 3.
@pytest.mark.parametrize(
    ("solver", "steps", "sigma_min", "sigma_max", "gate"),
    [
        ("dpm2m", 5, 0.03, 15.0, 4.3),
        ("dpm2m", 8, 0.07, 15.0, 1.6),
        ("dpm2m", 18, 0.05, 20.0, 0.5),
        ("dpm2m", 18, 0.02, 20.0, 0.9),  # the default
        ("dpm3m", 12, 0.1, 40.0, 0.5),
        ("dpm3m", 18, 0.05, 80.0, 0.2),
    ],
)
def test_residuals_need_few_evaluations(solver, steps, sigma_min, sigma_max, gate):
    sampler = Sampler(solver=solver, steps=steps, sigma_min=sigma_min, sigma_max=sigma_max)
    assert max(abs(percent(s, sampler)) for s in (0.5, 0.7, 1.0, 1.5, 2.0, 3.0)) < gate


@pytest.mark.parametrize("solver", ["dpm2m", "dpm3m"])
@pytest.mark.parametrize(
    ("landing", "factor", "low", "high"),
    [
        # With u = (sigma_min / s)^2 the last noisy map is sqrt(1 + u) s wide, and the denoised one 1 / (1 + u) of it:
        # D is 1 / sqrt(1 + u) = 1 - u / 2 + ... of s, the mean of both (1 + u / 2) / sqrt(1 + u) = 1 + u^2 / 8 + ...
        ("tweedie", lambda u: 1.0 / math.sqrt(1.0 + u), -4.4, -4.0),
        ("half", lambda u: (1.0 + u / 2.0) / math.sqrt(1.0 + u), 0.05, 0.3),
    ],
)
def test_half_way_lands_on_the_spread_where_the_denoised_map_is_too_narrow(
    solver, landing, factor, low, high
):
    sampler = Sampler(solver=solver, steps=160, sigma_min=0.3, sigma_max=200.0, landing=landing)
    for s in (1.0, 2.0):
        assert percent(s, sampler) == pytest.approx(100.0 * (factor((0.3 / s) ** 2) - 1.0), abs=0.03)
    assert low < percent(1.0, sampler) < high


def test_only_multistep_solvers_land_half_way():
    for solver in FLOWS:
        there, half = (Sampler(solver=solver, sigma_min=0.3, landing=how) for how in ("tweedie", "half"))
        assert (exact_sd(1.0, there) != exact_sd(1.0, half)) == solver.startswith("dpm"), solver
        assert there.evaluations == half.evaluations


def test_the_default_takes_18_evaluations():
    assert (Sampler().solver, Sampler().evaluations) == ("dpm2m", 18)


@pytest.mark.parametrize(
    ("solver", "low", "high"), [("euler", 0.8, 1.2), ("heun", 1.8, 2.4), ("dpm2m", 1.8, 2.4)]
)
def test_order_of_convergence(solver, low, high):
    assert low < order_of(solver) < high


def test_the_third_order_solver_converges_faster_than_second_order():
    assert order_of("dpm3m") > 2.6


def order_of(solver, steps=(24, 48)):
    """The order on a skewed mixture, where the flow is not linear, against a reference of the second order."""
    settings = {"grid": "log", "sigma_min": 0.05, "sigma_max": 30.0, "denoise": False}
    start = 30.0 * torch.linspace(-2.0, 2.0, 41, dtype=torch.float64)[:, None]
    reference = flow(Sampler(solver="heun", steps=1000, **settings), start)
    errors = [
        float((flow(Sampler(solver=solver, steps=n, **settings), start) - reference).abs().mean())
        for n in steps
    ]
    return math.log2(errors[0] / errors[1])


def flow(sampler, start):
    return draw(mixture, no_noise, sampler, start=start)


def no_noise():
    raise AssertionError("a flow that is given its start needs no noise")


def mixture(x, sigma):
    """The exact denoiser of 0.7 N(-0.5, 0.4^2) + 0.3 N(1.2, 0.8^2)."""
    weight = torch.tensor([0.7, 0.3], dtype=x.dtype)
    mean, s = torch.tensor([-0.5, 1.2], dtype=x.dtype), torch.tensor([0.4, 0.8], dtype=x.dtype)
    total = s**2 + sigma**2
    log_share = torch.log(weight) - 0.5 * (x - mean) ** 2 / total - 0.5 * torch.log(total)
    each = mean + (x - mean) * s**2 / total
    return (log_share.softmax(dim=-1) * each).sum(dim=-1, keepdim=True)


@pytest.mark.parametrize("solver", ALL)
@pytest.mark.parametrize("denoise", [True, False])
@pytest.mark.parametrize(("steps", "corrector_steps"), [(1, 1), (2, 3), (7, 2)])
def test_evaluations_are_counted_exactly(solver, denoise, steps, corrector_steps):
    sampler = Sampler(solver=solver, steps=steps, denoise=denoise, corrector_steps=corrector_steps)
    calls = []

    def counted(x, sigma):
        calls.append(sigma)
        return gaussian(1.0)(x, sigma)

    draw(counted, lambda: torch.ones(2, 1), sampler)
    assert len(calls) == sampler.evaluations
    assert all(sigma > 0.0 for sigma in calls)


@pytest.mark.parametrize(
    ("solver", "expected"),
    [*((flow_solver, 1) for flow_solver in FLOWS), ("euler_maruyama", 7), ("predictor_corrector", 22)],
)
def test_noise_enters_where_it_should(solver, expected):
    """Once for a flow; Euler-Maruyama adds none in its last step."""
    calls = []

    def noise():
        calls.append(1)
        return torch.ones(2, 1)

    draw(gaussian(1.0), noise, Sampler(solver=solver, steps=7, corrector_steps=2))
    assert len(calls) == expected


@pytest.mark.parametrize("solver", ALL)
def test_the_mean_is_recovered(solver):
    # With a start of mean 0 instead of m, the mean of s = 1 data misses by m / sigma_max.
    sampler = Sampler(solver=solver, steps=200, sigma_max=300.0)
    silent = draw(gaussian(1.0, mean=2.0), lambda: torch.zeros(1, 1, dtype=torch.float64), sampler)
    assert silent.item() == pytest.approx(2.0, abs=2.0 / 300.0 * 1.1)


def test_a_small_sigma_max_shifts_the_mean():
    """Negative control of the above: why data are centred before they are diffused with sigma_max = 20."""
    silent = draw(gaussian(1.0, mean=2.0), lambda: torch.zeros(1, 1, dtype=torch.float64), Sampler())
    assert 2.0 - silent.item() == pytest.approx(2.0 / 20.0, rel=0.1)


def test_predictor_corrector_recovers_a_gaussian():
    generator = torch.Generator().manual_seed(4)
    sampler = Sampler(solver="predictor_corrector", steps=200, sigma_min=0.02, sigma_max=30.0)
    samples = draw(gaussian(0.7), lambda: torch.randn(25, 1024, generator=generator), sampler)
    assert samples.std().item() == pytest.approx(0.7, rel=0.03)
    assert samples.mean().item() == pytest.approx(MEAN, abs=0.02)


def test_the_corrector_mends_a_predictor_of_few_steps():
    generator = torch.Generator().manual_seed(5)

    def error(solver, **settings):
        sampler = Sampler(solver=solver, steps=30, sigma_min=0.02, sigma_max=30.0, **settings)
        samples = draw(gaussian(0.7), lambda: torch.randn(300, 64, generator=generator), sampler)
        return abs(samples.std().item() / 0.7 - 1.0)

    assert error("predictor_corrector", corrector_steps=8) < 0.5 * error(
        "predictor_corrector", corrector_snr=1e-6
    )


def test_dpm2m_is_the_formula_of_the_paper():
    """Lu et al. 2022, algorithm 2 with alpha = 1, t_i of lambda_i = -ln sigma_i, written as printed."""
    sampler = Sampler(solver="dpm2m", steps=9, denoise=False, grid="karras")
    start = sampler.sigma_max * torch.linspace(-1.5, 1.5, 7, dtype=torch.float64)[:, None]
    sigmas, lambdas = sampler.sigmas, [-math.log(sigma) for sigma in sampler.sigmas]
    h = [0.0] + [b - a for a, b in pairwise(lambdas)]
    x, buffer = start, [mixture(start, sigmas[0])]
    for i in range(1, len(sigmas)):
        if i == 1:
            d = buffer[0]
        else:
            r = h[i - 1] / h[i]
            d = (1.0 + 1.0 / (2.0 * r)) * buffer[i - 1] - 1.0 / (2.0 * r) * buffer[i - 2]
        x = sigmas[i] / sigmas[i - 1] * x - (math.exp(-h[i]) - 1.0) * d
        buffer.append(mixture(x, sigmas[i]))
    torch.testing.assert_close(flow(sampler, start), x, rtol=1e-12, atol=1e-12)


def test_dpm3m_integrates_a_quadratic_exactly():
    """Data predictions that are quadratic in lambda leave only the error of the first two, lower, steps."""
    settings = {"solver": "dpm3m", "denoise": False, "sigma_min": 0.01, "sigma_max": 50.0}
    at_start = -math.log(50.0)

    def quadratic(x, sigma):
        return torch.full_like(x, (-math.log(sigma) - at_start) ** 2)

    def exact(sigma):  # e^-l int e^u (u - l_0)^2 du, with l_0 where it starts
        h = -math.log(sigma) - at_start
        return h * h - 2.0 * h + 2.0 - 2.0 * math.exp(-h)

    sampler = Sampler(steps=40, **settings)
    x = draw(quadratic, no_noise, sampler, start=torch.zeros(1, 1, dtype=torch.float64))
    # The first two steps are a share exp(-7) of the answer.
    second = sampler.sigmas[2]
    after_two = draw(
        quadratic, no_noise, Sampler(steps=2, **(settings | {"sigma_min": second})), start=x * 0.0
    )
    inherited = (after_two.item() - exact(second)) * 0.01 / second
    assert x.item() == pytest.approx(exact(0.01) + inherited, rel=1e-12)
    assert abs(inherited) > 1e-6  # the allowance is no disguise: without it the equality fails


@pytest.mark.parametrize("solver", ALL)
def test_a_sample_does_not_depend_on_its_neighbours(solver):
    sampler = Sampler(solver=solver, steps=6)

    def run(rows):
        generator = torch.Generator().manual_seed(8)
        return draw(
            mixture, lambda: torch.randn(5, 1, generator=generator, dtype=torch.float64)[rows], sampler
        )

    torch.testing.assert_close(run([0, 1, 2, 3, 4])[[1, 3]], run([1, 3]), rtol=0.0, atol=1e-14)


@pytest.mark.parametrize("solver", ALL)
def test_rows_that_are_no_numbers_are_named_with_their_step(solver):
    def faulty(x, sigma):
        answer = gaussian(1.0)(x, sigma).clone()
        if sigma < 1.0:
            answer[[1, 3], 0] = math.nan
        return answer

    with pytest.raises(
        SamplingError, match=rf"step \d+ of \d+ of {solver}, to sigma = .*\n.*\n.*rows 1, 3"
    ) as caught:
        draw(faulty, lambda: torch.ones(5, 2), Sampler(solver=solver, steps=8))
    assert caught.value.rows == (1, 3)


def test_the_step_that_diverged_is_counted_from_one():
    sampler = Sampler(solver="euler", steps=3, denoise=False, sigma_min=1.0, sigma_max=8.0)

    def faulty(x, sigma):
        return x * (math.inf if sigma < 3.0 else 1.0)

    with pytest.raises(SamplingError, match="step 3 of 3 of euler, to sigma = 1"):
        draw(faulty, lambda: torch.ones(1, 1), sampler)


@pytest.mark.parametrize("solver", ALL)
def test_a_diverging_denoiser_is_stopped(solver):
    with pytest.raises(SamplingError, match="left the numbers") as caught:
        draw(lambda x, sigma: x * 1e12, lambda: torch.ones(2, 3), Sampler(solver=solver))
    assert caught.value.rows == (0, 1)


def test_large_numbers_are_numbers():
    """Their sum overflows, they do not."""
    huge = torch.full((2, 2), 3e38)
    sampler = Sampler(solver="euler", steps=1)
    assert torch.equal(draw(lambda x, sigma: huge, lambda: torch.ones(2, 2), sampler), huge)


@pytest.mark.parametrize(
    "settings",
    [
        {"sigma_min": 2.0, "sigma_max": 2.0},
        {"sigma_min": 0.0},
        {"sigma_max": math.inf},
        {"steps": 0},
        {"solver": "ddpm"},
        {"grid": "linear"},
        {"corrector_steps": 0},
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings):
    with pytest.raises(ValidationError, match=next(iter(settings)) + "|sigma_max"):
        Sampler(**settings)


class TestAgainstScoreModels:
    """The public library that the published work used, on the same weights and the same noise."""

    def test_euler_maruyama_draws_the_same_samples(self):
        pytest.importorskip("score_models")
        from score_models import MLP, ScoreModel

        torch.manual_seed(1)
        network = MLP(dimensions=4, layers=2, units=16)
        theirs = ScoreModel(network, sde="ve", sigma_min=1e-2, sigma_max=10.0, device=torch.device("cpu"))

        def denoise(x, sigma):
            t = torch.full((len(x),), math.log(sigma / 1e-2) / math.log(10.0 / 1e-2))
            return x + sigma**2 * theirs.score(t, x)

        sampler = Sampler(solver="euler_maruyama", steps=64, sigma_min=1e-2, sigma_max=10.0, denoise=False)
        with torch.no_grad():
            torch.manual_seed(7)
            expected = theirs.sample([50, 4], steps=64)
            torch.manual_seed(7)
            ours = draw(denoise, lambda: torch.randn(50, 4), sampler)
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)
