"""Gate C1 of trained networks: the mirrored toy by laws and by negative controls, then both models, tiny."""

import json

import numpy as np
import pytest
import torch

from zwicky.core.errors import SamplingError
from zwicky.core.randomness import Key, Stream
from zwicky.models.diffusion.denoiser import KeyedNoise
from zwicky.models.diffusion.sampler import Sampler
from zwicky.models.diffusion.solvers import draw
from zwicky.workflows.posterior.exact import (
    ExactGate,
    ExactSettings,
    MirrorToy,
    compare_mirrored,
    exact_gate,
    mirror_filtered,
    mirror_modes,
)

TOY = MirrorToy(n_pixels=8, n_bins=4)
SMALL = MirrorToy(n_pixels=8, n_bins=4, sd=0.2, noise_sd=0.1)
"""An untaught network leaves noise in its samples: they must stay inside what single precision holds."""
KEY = Key(1, Stream.TEST)


def quiet(_):
    """Say nothing."""


def test_modes_are_orthonormal_and_filters_multiply_them():
    x = torch.from_numpy(KEY.normal(3, 8, 8))
    assert mirror_modes(x).square().sum() == pytest.approx(float(x.square().sum()))
    transfer = torch.rand(8, 8, dtype=torch.float64)
    assert torch.allclose(mirror_modes(mirror_filtered(x, transfer)), transfer * mirror_modes(x), atol=1e-5)


def test_fields_have_the_power_that_the_toy_says():
    truth, observed = TOY.draw(4000, KEY)
    assert float(truth.var()) == pytest.approx(TOY.sd**2, rel=0.05)
    power = mirror_modes(truth).square().mean((0, 1))
    assert torch.allclose(power / TOY.power, torch.ones(8, 8, dtype=torch.float64), atol=0.15)
    noise = observed - mirror_filtered(truth, TOY.beam)
    assert float(noise.std()) == pytest.approx(TOY.noise_sd, rel=0.01)


def test_the_wiener_filter_is_the_regression_of_truth_on_observation():
    truth, observed = TOY.draw(8000, KEY)
    miss = truth - TOY.posterior_mean(observed)
    # What is left is as large as the posterior says, mode by mode, and knows nothing more of the observation.
    ratio = mirror_modes(miss).square().mean((0, 1)) / TOY.posterior_variance
    assert torch.allclose(ratio, torch.ones_like(ratio), atol=0.1)
    left = (mirror_modes(miss) * mirror_modes(observed)).mean((0, 1))
    assert (
        float((left / (TOY.posterior_variance * (TOY.beam**2 * TOY.power + 0.25)).sqrt()).abs().max()) < 0.06
    )


def test_the_comparison_passes_what_is_exact_and_refuses_what_is_not():
    _, observed = TOY.draw(128, KEY)
    exact = TOY.exact_samples(observed, 96, Key(2, Stream.TEST))
    found = compare_mirrored(TOY, exact, observed)
    assert found.passes and (found.sd_ratio - 1).abs().max() < 4 * found.sd_ratio_error.max()
    mean = TOY.posterior_mean(observed)[:, None]
    assert not compare_mirrored(TOY, mean + 1.08 * (exact - mean), observed).passes
    biased = compare_mirrored(TOY, exact + 0.1 * TOY.posterior_sd, observed)
    assert biased.mean_error_in_sd == pytest.approx(0.1, abs=0.02) and not biased.passes


def test_the_exact_denoiser_leads_a_solver_to_the_posterior():
    _, observed = TOY.draw(64, KEY)
    noise = KeyedNoise([Key(3, Stream.TEST, i) for i in range(64 * 64)], (1, 8, 8), torch.device("cpu"))
    sampler = Sampler(solver="heun", steps=24, sigma_min=0.01, sigma_max=30.0)
    drawn = draw(TOY.denoiser(observed), noise, sampler).unflatten(0, (64, 64))
    assert compare_mirrored(TOY, drawn, observed).passes
    few = draw(TOY.denoiser(observed), noise, Sampler(solver="euler", steps=6)).unflatten(0, (64, 64))
    assert not compare_mirrored(TOY, few, observed).passes


def test_samples_of_other_observations_are_refused():
    _, observed = TOY.draw(3, KEY)
    for samples in (torch.zeros(3, 1, 1, 8, 8), torch.zeros(2, 4, 1, 8, 8), torch.zeros(3, 4, 8, 8)):
        with pytest.raises(SamplingError, match="cannot be compared"):
            compare_mirrored(TOY, samples, observed)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    settings = ExactSettings(
        fields=64, moments_images=128, residual_images=128, score_images=64, moments_width=2, moments_depth=2,
        residual_width=8, residual_depth=1, score_width=4, observations=4, samples=4, score_observations=2,
        score_samples=3, score_steps=8, batch=32,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("exact")
    return settings, folder, ExactGate(settings, folder, quiet, SMALL)


def test_both_models_are_judged_with_and_without_their_networks(tiny):
    _, _, gate = tiny
    for found in (gate.residual_maps(), gate.score_maps()):
        json.dumps(found, allow_nan=False)
        assert not found["trained"]["passes"]  # nothing is learned in four steps
        assert len(found["trained"]["sd_ratio"]) == len(found["exact_denoiser"]["sd_ratio"]) == 4
    assert found["evaluations"] == 9 and found["trained"]["n_samples"] == 3


def test_the_fast_model_whitens_towards_the_exact_posterior(tiny):
    """Before anything is learned, the exact denoiser must already draw from the posterior."""
    _, _, gate = tiny
    gate = ExactGate(
        gate.settings.model_copy(update={"observations": 32, "samples": 32}), gate.folder, quiet, SMALL
    )
    exact = gate.residual_maps()["exact_denoiser"]
    assert np.abs(np.array(exact["sd_ratio"]) - 1.0).max() <= 0.05
    assert exact["mean_error_in_sd"] < 0.02 + 2.0 * exact["mean_error_noise"]


def test_the_whole_gate_says_what_it_did(tmp_path, tiny, monkeypatch):
    settings, _, _ = tiny
    found = exact_gate(settings, tmp_path, quiet, SMALL)
    assert set(found) == {"settings", "posterior_sd", "residual_maps", "score_maps"}
    assert found["posterior_sd"] == pytest.approx(SMALL.posterior_sd)
    assert found["residual_maps"]["mean_error_of_moments_in_sd"] > 0.1


def test_the_fast_model_learns_the_spread_of_the_posterior(tmp_path):
    """Its spread is inside the gate on every scale; its mean, with networks this small, is not yet."""
    settings = ExactSettings(
        fields=8192, moments_images=32768, residual_images=16384, moments_width=8, moments_depth=1,
        residual_width=8, residual_depth=1, batch=64, learning_rate=1e-2, observations=48, samples=48,
    )  # fmt: skip
    found = ExactGate(settings, tmp_path, quiet, TOY).residual_maps()
    assert found["exact_denoiser"]["passes"]
    # Both hear the same noise, so that the scatter of few samples (2 % on the largest scale) is in both.
    assert wider(found) == pytest.approx(np.ones(4), abs=0.05)
    assert found["trained"]["mean_error_in_sd"] < found["mean_error_of_moments_in_sd"]
    # Negative control: after a sixteenth of the steps it is too wide by more than that.
    few = settings.model_copy(update={"moments_images": 2048, "residual_images": 1024, "fields": 1024})
    assert wider(ExactGate(few, tmp_path / "early", quiet, TOY).residual_maps()).max() > 1.1


def wider(found):
    """Return the spread of samples over that with the exact denoiser, scale by scale."""
    return np.array(found["trained"]["sd_ratio"]) / np.array(found["exact_denoiser"]["sd_ratio"])
