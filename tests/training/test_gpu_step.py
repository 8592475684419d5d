"""On a graphics card: one training step of the paper's size, and whether its memory is what was foretold."""

import gc
import math
import sys

import numpy as np
import pytest
import torch

from zwicky.data.dataset import MapData
from zwicky.training.loop import train
from zwicky.training.memory import step_memory
from zwicky.workflows.mapping.experiment import read_mapping_experiment

GIB = 2.0**30


def toy_maps(n, n_pixels=80):
    """Return n clusters with three views and their map of matter, all log-normal."""
    rng = np.random.default_rng(n)
    logs = rng.normal(0.0, 0.3, (n, 4, n_pixels, n_pixels))
    maps = torch.from_numpy((10.0**logs).astype(np.float32))
    names = np.array([f"toy-{n}-{i}" for i in range(n)])
    return MapData(maps[:, :3], torch.full((n,), 0.1), torch.full((n,), 14.5), names, 1e13 * maps[:, 3])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("name", ["multi1", "multi3", "any", "pix2pix"])
def test_a_step_of_the_papers_size(name, tmp_path, capsys):
    experiment = read_mapping_experiment("deandres2024", "paper")
    network = experiment.networks[name]
    training = toy_maps(64)
    settings = experiment.training_of(network, len(training)).model_copy(update={"epochs": 1, "patience": 1})
    assert (settings.batch_size, settings.precision) == (64, "bf16-mixed")
    model = experiment.model_of(network)
    expected = step_memory(model, training.rows(slice(0, 2)), settings).total_bytes

    gc.collect()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    trained = train(model, training, toy_maps(2), settings, tmp_path, experiment.seed)
    found = torch.cuda.max_memory_allocated() - before
    with capsys.disabled():
        sys.stdout.write(f"\n{name}: peak {found / GIB:.2f} GiB, foretold {expected / GIB:.2f} GiB\n")

    assert [entry["epoch"] for entry in trained.history] == [1.0]
    assert math.isfinite(trained.history[0]["train"])
    assert next(trained.model.parameters()).is_cuda
    assert 0.5 * expected < found < 2.0 * expected
