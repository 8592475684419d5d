"""On a graphics card: one training step and one sampling step of posterior maps at the paper's size."""

import gc
import math
import sys
import time

import numpy as np
import pytest
import torch

from zwicky.core.randomness import Key, Stream
from zwicky.data.dataset import MapData
from zwicky.models.base import Batch
from zwicky.models.residual_maps import with_moments
from zwicky.training.loop import train
from zwicky.workflows.posterior.experiment import read_posterior_experiment

GIB = 2.0**30


def toy(n, n_pixels, kind):
    """Return n clusters with two views and two targets, all log-normal; for the fast model with their moments."""
    rng = np.random.default_rng(n)
    logs = torch.from_numpy(rng.normal(0.0, 0.3, (n, 4, n_pixels, n_pixels)).astype(np.float32))
    views, target = 10.0 ** logs[:, :2], 10.0 ** (13.0 + logs[:, 2:])
    if kind == "residual_maps":
        mean = torch.full_like(target, 13.0)
        views = with_moments(views, mean, 0.25 + 0.1 * views)
    names = np.array([f"toy-{n}-{i}" for i in range(n)])
    return MapData(views, torch.full((n,), 0.05), torch.full((n,), 14.5), names, target)


def one_step(model, planned, folder, n_pixels, n_samples):
    """Train one step, draw with one step of the model's solver; return the network, the samples and both times [s]."""
    settings = planned.training.training(planned.training.settings.batch_size).model_copy(
        update={"epochs": 1, "patience": 1}
    )
    training = toy(settings.batch_size, n_pixels, model["kind"])
    began = time.perf_counter()
    trained = train(model, training, toy(2, n_pixels, model["kind"]), settings, folder, 1)
    taught = time.perf_counter() - began
    network, given = trained.model, training.rows(slice(0, 1))
    device = next(network.parameters()).device
    batch = Batch(given.maps.to(device), given.redshift.to(device))
    keys = [[Key(1, Stream.POSTERIOR_SAMPLES, 0, i) for i in range(n_samples)]]
    began = time.perf_counter()
    drawn = network.sample(batch, keys, network.sampler(network.default_sampler.solver, 1))
    return trained, drawn.cpu(), (taught, time.perf_counter() - began)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("name", ["published", "fast"])
def test_a_step_of_the_papers_size(name, tmp_path, capsys):
    experiment = read_posterior_experiment("hsu2024", "paper")
    assert experiment.n_pixels == 128
    gc.collect()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    planned, model = experiment.networks()[name], experiment.model_of(name)
    trained, drawn, (taught, sampled) = one_step(model, planned, tmp_path, 128, 8)
    found = torch.cuda.max_memory_allocated() - before
    with capsys.disabled():
        sys.stdout.write(
            f"\n{name}: {trained.model.n_parameters / 1e6:.2f} million numbers, peak {found / GIB:.2f} GiB; a step of "
            f"{planned.training.settings.batch_size} maps and its validation {taught:.2f} s, 8 samples in one step "
            f"{sampled:.2f} s\n"
        )
    assert next(trained.model.parameters()).is_cuda
    assert math.isfinite(trained.history[0]["train"])
    assert drawn.shape == (1, 8, 2, 128, 128)


@pytest.mark.parametrize("name", ["published", "fast"])
def test_the_same_step_works_without_one(name, tmp_path):
    experiment = read_posterior_experiment("hsu2024", "smoke")
    planned, model = experiment.networks()[name], {**experiment.model_of(name), "n_pixels": 16}
    trained, drawn, _ = one_step(model, planned, tmp_path, 16, 3)
    assert math.isfinite(trained.history[0]["train"])
    assert drawn.shape == (1, 3, 2, 16, 16)
    assert torch.isfinite(drawn).all()
