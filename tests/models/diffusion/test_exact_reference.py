"""Gate C1: the closed form itself, samplers with the exact denoiser, and samplers that must fail."""

from __future__ import annotations

import math

import pytest
import torch

from zwicky.core.errors import ConfigError, SamplingError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.posterior.exact_reference import LinearGaussianToy, compare
from zwicky.models.diffusion.preconditioning import EDMPreconditioning, VEPreconditioning
from zwicky.models.diffusion.solvers import Sampler, draw

TOY = LinearGaussianToy()
SMALL = LinearGaussianToy(n_pixels=8, n_bins=3)


def key(seed):
    return Key(seed, Stream.TEST)


def dense(toy, transfer):
    """A filter as a matrix, (pixel, pixel), from its impulse responses."""
    unit = torch.eye(toy.n_pixels**2, dtype=torch.float64).reshape(-1, toy.n_pixels, toy.n_pixels)
    return torch.fft.ifft2(torch.fft.fft2(unit) * transfer).real.flatten(1).T


@pytest.fixture(scope="module")
def matrices():
    """Prior covariance, blur, and the posterior by linear algebra in pixels, without Fourier modes."""
    prior, blur = dense(SMALL, SMALL.power), dense(SMALL, SMALL.beam)
    covariance = torch.linalg.inv(torch.linalg.inv(prior) + blur.T @ blur / SMALL.noise_sd**2)
    return prior, blur, covariance


def test_the_posterior_is_that_of_linear_algebra(matrices):
    _, blur, covariance = matrices
    _, observed = SMALL.draw(3, key(1))
    mean = (observed.flatten(1) @ blur @ covariance.T / SMALL.noise_sd**2).reshape(observed.shape)
    torch.testing.assert_close(SMALL.posterior_mean(observed), mean, rtol=0.0, atol=1e-12)
    torch.testing.assert_close(covariance, dense(SMALL, SMALL.posterior_variance), rtol=0.0, atol=1e-12)
    assert covariance.diagonal().sqrt().tolist() == pytest.approx([SMALL.posterior_sd] * 64)


def test_the_denoiser_is_that_of_linear_algebra(matrices):
    *_, covariance = matrices
    _, observed = SMALL.draw(2, key(1))
    x, sigma = torch.randn(6, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1)), 0.8
    mean = SMALL.posterior_mean(observed).flatten(1).repeat_interleave(3, dim=0)
    precision = torch.linalg.inv(covariance)
    total = torch.linalg.inv(precision + torch.eye(64, dtype=torch.float64) / sigma**2)
    exact = (mean @ precision + x.flatten(1) / sigma**2) @ total
    given = SMALL.denoiser(observed)(x, sigma)
    torch.testing.assert_close(given.flatten(1), exact, rtol=0.0, atol=1e-11)


def test_fields_have_the_power_and_the_noise_they_claim():
    truth, observed = TOY.draw(1500, key(2))
    assert (truth.shape, observed.shape) == ((1500, 1, 16, 16),) * 2
    assert truth.std().item() == pytest.approx(TOY.sd, rel=0.02)
    measured = TOY.binned(torch.fft.fft2(truth, norm="ortho").abs().square().mean(dim=(0, 1)))
    assert (measured / TOY.binned(TOY.power)).tolist() == pytest.approx([1.0] * 6, abs=0.06)
    residual = truth - TOY.posterior_mean(observed)
    assert residual.std().item() == pytest.approx(TOY.posterior_sd, rel=0.01)
    by_bin = TOY.binned(torch.fft.fft2(residual, norm="ortho").abs().square().mean(dim=(0, 1))).sqrt()
    assert (by_bin / TOY.posterior_sd_per_bin).tolist() == pytest.approx([1.0] * 6, abs=0.04)


def test_bins_hold_every_mode_once():
    assert int(TOY.modes_per_bin.sum()) == 16 * 16
    assert TOY.binned(torch.ones(2, 16, 16)).tolist() == [[1.0] * 6] * 2


def test_fields_follow_their_key():
    assert torch.equal(TOY.draw(2, key(3))[1], TOY.draw(2, key(3))[1])
    assert not torch.equal(TOY.draw(2, key(3))[1], TOY.draw(2, key(4))[1])


@pytest.fixture(scope="module")
def observed():
    return TOY.draw(40, key(5))[1]


def test_perfect_samples_pass(observed):
    verdict = compare(TOY, TOY.exact_samples(observed, 200, key(6)), observed)
    assert verdict.passes and verdict.is_decisive
    assert (verdict.n_observations, verdict.n_samples) == (40, 200)


def test_errors_of_the_test_are_what_they_say():
    """The scatter of perfect samplers, over many repetitions of the test."""
    y = SMALL.draw(10, key(7))[1]
    repeats = [compare(SMALL, SMALL.exact_samples(y, 20, key(100 + i)), y) for i in range(200)]
    ratios = torch.stack([repeat.sd_ratio for repeat in repeats])
    assert ratios.mean(dim=0).tolist() == pytest.approx([1.0] * 3, abs=0.004)
    assert (ratios.std(dim=0) / repeats[0].sd_ratio_error).tolist() == pytest.approx([1.0] * 3, abs=0.2)
    # Half of the squares are negative and count as zero; one sigma above zero are 16 %.
    noisy = sum(repeat.mean_error_in_sd > repeat.mean_error_noise for repeat in repeats) / 200
    assert 0.08 < noisy < 0.24


def test_the_mean_of_few_samples_is_not_held_against_a_sampler(observed):
    """Five samples miss by 45 % of a standard deviation; without the subtraction no sampler would pass."""
    verdict = compare(TOY, TOY.exact_samples(observed, 5, key(8)), observed)
    assert verdict.mean_error_in_sd < 2.5 * verdict.mean_error_noise < 0.2
    assert not verdict.is_decisive


@pytest.mark.parametrize("shift", [0.03, 0.1])
def test_a_shift_is_measured_and_fails(observed, shift):
    samples = TOY.exact_samples(observed, 200, key(9)) + shift * TOY.posterior_sd
    verdict = compare(TOY, samples, observed)
    assert verdict.mean_error_in_sd == pytest.approx(shift, rel=0.35 * (0.03 / shift) ** 2 + 0.02)
    assert not verdict.passes
    assert int(verdict.mean_error_per_bin.argmax()) == 0  # a shift is a mode of wavenumber 0


def test_a_narrow_bin_is_found(observed):
    """10 % too narrow at large wavenumbers only: the sd of a pixel would hardly tell."""
    samples = TOY.exact_samples(observed, 100, key(10))
    mean = TOY.posterior_mean(observed)[:, None]
    squeeze = torch.where(TOY.wavenumber >= TOY.n_pixels / 2 * 5 / 6, 0.9, 1.0)
    verdict = compare(TOY, mean + torch.fft.ifft2(torch.fft.fft2(samples - mean) * squeeze).real, observed)
    assert verdict.sd_ratio.tolist() == pytest.approx([1.0] * 5 + [0.9], abs=0.015)
    assert not verdict.passes


def test_samples_that_are_no_numbers_fail(observed):
    samples = TOY.exact_samples(observed, 10, key(11))
    samples[3, 2, 0, 1, 1] = math.nan
    assert not compare(TOY, samples, observed).passes


def network(denoise, preconditioning):
    """The denoiser, taken apart into the network of a preconditioning and put together again."""

    def again(x, sigma):
        c = preconditioning.coefficients(torch.full((len(x),), sigma, dtype=x.dtype))
        skip, out, into = (number.reshape(-1, 1, 1, 1) for number in (c.skip, c.out, c.into))

        def f(scaled):
            noisy = scaled / into
            return (denoise(noisy, sigma) - skip * noisy) / out

        return skip * x + out * f(into * x)

    return again


def judged(toy, observed, sampler, preconditioning=None, n_samples=200, widen=1.0, residual=False):
    """Draw with the exact denoiser, whose standard deviation may be wrong; on y itself or on the mean's residual."""
    mean = toy.posterior_mean(observed)
    wrong = LinearGaussianToy(toy.n_pixels, n_bins=toy.n_bins)
    wrong.__dict__["posterior_variance"] = toy.posterior_variance * widen**2
    exact = wrong.denoiser(observed * 0.0)
    centre = (0.0 if residual else 1.0) * mean.repeat_interleave(n_samples, dim=0)

    def denoise(x, sigma):
        return centre + exact(x - centre, sigma)

    denoise = denoise if preconditioning is None else network(denoise, preconditioning)
    generator = torch.Generator().manual_seed(12)
    shape = (len(observed) * n_samples, 1, toy.n_pixels, toy.n_pixels)
    drawn = draw(denoise, lambda: torch.randn(shape, generator=generator, dtype=torch.float64), sampler)
    samples = drawn.unflatten(0, (len(observed), n_samples)) + (mean[:, None] if residual else 0.0)
    return compare(toy, samples, observed)


@pytest.mark.parametrize(
    ("solver", "preconditioning"),
    [("dpm2m", VEPreconditioning(0.01, 100.0)), ("dpm3m", EDMPreconditioning(1.0))],
)
def test_residuals_pass_at_the_default_steps(solver, preconditioning):
    few = TOY.draw(20, key(13))[1]
    verdict = judged(TOY, few, Sampler(solver=solver), preconditioning, n_samples=250, residual=True)
    assert verdict.passes and verdict.is_decisive, verdict


@pytest.mark.parametrize("solver", ["dpm2m", "dpm3m"])
def test_maps_that_are_not_centred_need_a_large_sigma_max(solver):
    """The start has mean 0: a mean of one posterior sd or two misses by a share 1 / sigma_max of itself."""
    few = SMALL.draw(40, key(14))[1]
    assert judged(SMALL, few, Sampler(solver=solver, sigma_max=100.0), n_samples=300).passes
    assert not judged(SMALL, few, Sampler(solver=solver, sigma_max=10.0), n_samples=100).passes


@pytest.mark.parametrize(
    "sampler",
    [
        Sampler(solver="euler_maruyama", steps=200, sigma_min=0.01, sigma_max=100.0),
        Sampler(solver="predictor_corrector", steps=200, sigma_min=0.01, sigma_max=100.0, corrector_snr=0.1),
        Sampler(solver="heun", steps=18, sigma_max=100.0),
    ],
    ids=lambda sampler: sampler.solver,
)
def test_other_solvers_pass_with_the_exact_denoiser(sampler):
    few = SMALL.draw(10, key(15))[1]
    verdict = judged(SMALL, few, sampler, n_samples=100)
    assert verdict.sd_ratio.sub(1.0).abs().max() < 0.05, verdict
    assert verdict.mean_error_in_sd < 0.02 + 1.5 * verdict.mean_error_noise, verdict


def test_the_published_sampler_passes():
    """Euler-Maruyama as published: 1000 steps; the share that its last noise adds is small where s is large."""
    sampler = Sampler(solver="euler_maruyama", steps=1000, sigma_min=0.01, sigma_max=100.0, denoise=False)
    few = SMALL.draw(10, key(16))[1]
    verdict = judged(SMALL, few, sampler, n_samples=100)
    assert verdict.sd_ratio.sub(1.0).abs().max() < 0.05, verdict
    assert verdict.mean_error_in_sd < 0.02 + 1.5 * verdict.mean_error_noise, verdict


@pytest.mark.parametrize("widen", [0.9, 1.1])
def test_a_denoiser_of_the_wrong_width_fails(widen):
    few = TOY.draw(10, key(17))[1]
    verdict = judged(TOY, few, Sampler(), n_samples=100, widen=widen, residual=True)
    assert not verdict.passes
    assert verdict.sd_ratio.tolist() == pytest.approx([widen] * 6, abs=0.03)


def test_too_few_steps_fail():
    few = TOY.draw(10, key(18))[1]
    assert not judged(TOY, few, Sampler(solver="euler", steps=18), n_samples=100, residual=True).passes


@pytest.mark.parametrize(
    "shape", [(4, 3, 1, 8, 8), (5, 1, 1, 8, 8), (5, 3, 2, 8, 8), (5, 3, 1, 16, 16), (5, 8, 8)]
)
def test_samples_of_something_else_are_refused(shape):
    y = SMALL.draw(5, key(19))[1]
    with pytest.raises(SamplingError, match="5 observations, two samples or more, 1 map of 8 x 8"):
        compare(SMALL, torch.zeros(shape), y)


@pytest.mark.parametrize(
    "settings", [{"sd": 0.0}, {"noise_sd": -1.0}, {"beam_pixels": -0.1}, {"knee": math.nan}]
)
def test_toys_that_cannot_be_made_are_refused(settings):
    with pytest.raises(ConfigError, match="only the beam may be 0"):
        LinearGaussianToy(**settings)
