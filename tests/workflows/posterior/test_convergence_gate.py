"""Gate C5: the choice among rows, and the rows of a small network that was never taught."""

import json

import numpy as np
import pytest
import torch

from zwicky.core.errors import SamplingError, TrainingError
from zwicky.data.dataset import MapData
from zwicky.models.table import build_either
from zwicky.workflows.posterior import convergence
from zwicky.workflows.posterior.convergence import (
    ConvergenceGate,
    choices,
    fewest,
    measured_convergence,
)
from zwicky.workflows.posterior.experiment import ConvergenceSettings

N, PIXEL_MPC = 8, 0.8
SETTINGS = ConvergenceSettings(
    clusters=3,
    samples=6,
    reference_steps=24,
    flow_steps=(2, 16),
    stochastic_clusters=2,
    stochastic_samples=4,
    stochastic_steps=(20, 40),
)


def quiet(_):
    """Say nothing."""


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    maps = torch.from_numpy(10.0 ** rng.normal(0, 0.3, (4, 2, N, N)).astype(np.float32))
    target = torch.from_numpy(10.0 ** rng.normal(13, 0.3, (4, 2, N, N)).astype(np.float32))
    return MapData(maps, torch.zeros(4), torch.zeros(4), np.array(list("abcd")), target)


@pytest.fixture
def networks(data):
    """Mean and standard deviation, and a diffusion whose denoiser is not linear."""
    torch.manual_seed(5)
    sizes = {"n_pixels": N, "n_views": 2, "n_targets": 2}
    moments = build_either({"kind": "map_moments", "width": 2, "depth": 1, **sizes})
    moments.fit_scaling(data.rows(slice(None)))
    network = build_either(
        {"kind": "residual_maps", "network": {"width": 8, "depth": 1}, "half": False, **sizes}
    )
    torch.nn.init.normal_(network.denoiser.network.head.weight, std=0.05)
    return network.eval(), moments.eval()


def gate(networks, data, folder, settings=SETTINGS, seed=1):
    return ConvergenceGate(*networks, data, settings, PIXEL_MPC, seed, folder)


def a_row(solver, evaluations, error, passes=None, may_pass=None):
    passes = error is not None and error <= 0.02 if passes is None else passes
    return {
        "solver": solver, "steps": evaluations, "evaluations": evaluations, "error": error, "passes": passes,
        "may_pass": passes if may_pass is None else may_pass,
    }  # fmt: skip


def test_the_fewest_evaluations_win_if_more_pass_too():
    rows = [
        a_row("dpm2m", 4, 0.01),  # by luck: six evaluations fail
        a_row("dpm2m", 6, 0.05),
        a_row("dpm2m", 8, 0.01),
        a_row("dpm2m", 12, 0.001),
        a_row("heun", 7, 0.03),
        a_row("heun", 11, 0.01),
        a_row("euler_maruyama", 31, 0.1, may_pass=False),
        a_row("euler_maruyama", 61, 0.03, may_pass=True),
        a_row("euler_maruyama", 251, 0.01),
        a_row("predictor_corrector", 3, 0.01),
    ]
    found = choices(rows[::-1])
    assert found["chosen"] == {"solver": "dpm2m", "steps": 8, "evaluations": 8}
    assert found["fewest_euler_maruyama"]["evaluations"] == 251
    assert found["fewest_euler_maruyama_in_doubt"]["evaluations"] == 61
    assert fewest(rows, "euler") is None


def test_if_nothing_passes_the_most_accurate_flow_is_named_so():
    rows = [
        a_row("dpm2m", 8, 0.04),
        a_row("heun", 9, 0.03),
        a_row("euler", 9, None),
        a_row("euler_maruyama", 9, 0.021),
    ]
    found = choices(rows)
    assert found["chosen"]["solver"] == "heun" and "no solver passes" in found["chosen"]["note"]
    assert found["fewest_euler_maruyama"] is None and found["fewest_euler_maruyama_in_doubt"] is None
    assert choices([a_row("dpm2m", 8, None)])["chosen"] is None


def test_the_plan_holds_each_solver_once(networks, data, tmp_path):
    plan = gate(networks, data, tmp_path, ConvergenceSettings(clusters=3, flow_steps=(5, 6, 4))).plan()
    assert len(set(plan)) == len(plan)
    assert [steps for solver, steps in plan if solver == "heun"] == [2, 3]
    assert [steps for solver, steps in plan if solver == "predictor_corrector"] == [120]
    assert {solver for solver, _ in plan} == {
        "euler", "heun", "dpm2m", "dpm3m", "euler_maruyama", "predictor_corrector"
    }  # fmt: skip


def test_more_steps_come_nearer_to_the_long_run(networks, data, tmp_path):
    found = measured_convergence(*networks, data, SETTINGS, 1, quiet, pixel_mpc=PIXEL_MPC, folder=tmp_path)
    error = {(row["solver"], row["steps"]): row["error"] for row in found["rows"]}
    for solver, few, many in (("euler", 2, 16), ("heun", 1, 8), ("dpm2m", 2, 16), ("dpm3m", 2, 16)):
        assert error[solver, many] < 0.5 * error[solver, few]
    assert error["dpm2m", 16] < error["euler", 16]
    evaluations = {(row["solver"], row["steps"]): row["evaluations"] for row in found["rows"]}
    assert (
        evaluations["heun", 8] == 15
        and evaluations["dpm2m", 16] == 16
        and evaluations["euler_maruyama", 40] == 41
    )
    assert found["reference"]["sigma_max"] == 2 * networks[0].default_sampler.sigma_max
    json.dumps(found, allow_nan=False)
    errors = {row["solver"]: row["error_se"] for row in found["rows"]}
    assert errors["euler_maruyama"] > 5 * errors["dpm3m"]  # its noise is its own: nothing is paired


def test_rows_are_found_again_and_made_anew_for_other_weights(networks, data, tmp_path, monkeypatch):
    made = gate(networks, data, tmp_path).row("dpm2m", 2, quiet)
    drawn = []
    draw = convergence.draw_log10

    def counted(*args, **settings):
        drawn.append(args[-1].steps)
        return draw(*args, **settings)

    monkeypatch.setattr(convergence, "draw_log10", counted)
    assert gate(networks, data, tmp_path).row("dpm2m", 2, quiet) == made
    assert drawn == []
    assert gate(networks, data, tmp_path, seed=2).row("dpm2m", 2, quiet) != made
    assert drawn == [24, 2]
    with torch.no_grad():
        networks[0].denoiser.network.head.weight.mul_(1.01)
    gate(networks, data, tmp_path).row("dpm2m", 2, quiet)
    assert drawn == [24, 2, 24, 2]


def test_a_bounded_range_of_noise_levels_is_not_left(data, tmp_path):
    sizes = {"n_pixels": N, "n_views": 2, "n_targets": 2}
    network = {"width": 4, "multipliers": (1, 1), "blocks": 1, "attention": False}
    published = build_either({"kind": "score_maps", "network": network, **sizes})
    published.fit_scaling(data.rows(slice(None)))
    sampler = gate((published.eval(), None), data, tmp_path).reference_sampler
    assert (sampler.sigma_min, sampler.sigma_max) == (0.01, published.sigma_max)


def test_the_reference_is_in_single_precision_whatever_the_rows_are(networks, data, tmp_path, monkeypatch):
    networks[0].bf16 = True
    seen = []

    def noted(used, *_):
        seen.append(used.sampled.bf16)
        raise SamplingError("The sampler left the numbers.")

    monkeypatch.setattr(convergence, "draw_log10", noted)
    with pytest.raises(SamplingError):
        gate(networks, data, tmp_path).reference(quiet)
    assert seen == [False] and networks[0].bf16


def test_a_solver_that_diverges_is_a_row_that_fails(networks, data, tmp_path, monkeypatch):
    one = gate(networks, data, tmp_path)
    one.reference(quiet)

    def diverges(*_):
        raise SamplingError("The sampler left the numbers.")

    monkeypatch.setattr(convergence, "draw_log10", diverges)
    row = one.row("euler", 2, quiet)
    assert row["error"] is None and not row["passes"] and "left the numbers" in row["details"]["failed"]


def test_too_few_clusters_are_refused(networks, data, tmp_path):
    with pytest.raises(TrainingError, match="Too few clusters"):
        gate(networks, data, tmp_path, ConvergenceSettings(clusters=5))
