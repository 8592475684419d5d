"""How fast do networks of mass maps learn, beside a plain loop in 32 bits with the same network and the same batches?

On a CPU the sizes are those of the ``laptop`` preset of deandres2024, on a CUDA card those of ``paper``; there the
speed also stands beside the matrix product, without which no convolution can do.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from rows import Row, bf16_instructions, median_seconds
from training import SEED, Raced, alternating, as_data, noise
from zwicky.data.dataset import MapData, selected
from zwicky.models.table import build_map_model
from zwicky.training.loop import TrainingSettings, train
from zwicky.workflows.mapping.experiment import read_mapping_experiment

EXPERIMENT = "deandres2024"
NETWORKS = {"unet": "multi1", "any_view": "any", "pix2pix": "pix2pix"}
"""One network of the experiment for each kind, all with three views."""
N_VIEWS = 3
N_PIXELS = 80
BUDGET_SECONDS = 50.0
"""Per network: a busy or slow machine measures fewer epochs."""
STEPS, STEPS_CUDA = 60, 100
"""Of an epoch. A checkpoint takes as long as one or two of them on two cores, and a real epoch has 526."""
WANTED = {"unet": 1.5}
"""Ratios that must be reached."""
PRODUCT_SIZE = 8192
PRODUCTS = 20
REPEATS = 5


def rows(*, quick: bool) -> list[Row]:
    """Measure one network of each kind."""
    cuda = torch.cuda.is_available()
    preset = "smoke" if quick else "paper" if cuda else "laptop"
    experiment = read_mapping_experiment(EXPERIMENT, preset)
    n_steps, n_pairs = (1, 1) if quick else (STEPS_CUDA if cuda else STEPS, 8)
    per_second = product_rate(torch.device("cuda")) if cuda else None
    found = []
    for kind, name in NETWORKS.items():
        network = experiment.networks[name]
        model, taught = experiment.model_of(network), experiment.training_of(network, 1)
        data = synthetic(taught.batch_size * n_steps)
        settings = taught.model_copy(update={"epochs": n_pairs + 1, "patience": n_pairs + 1})
        raced = alternating(model, data, settings, BUDGET_SECONDS)
        epoch = f"{n_steps} steps of {taught.batch_size} images, {arithmetic(taught.precision, cuda=cuda)}"
        found += raced.rows(f"map training, {kind}", epoch, f"32-true{verdict(kind, raced.ratio)}")
        if kind in WANTED and not cuda:
            found.append(_pair(kind, raced, model, settings, n_steps))
        if per_second is not None:
            found.append(_fraction(kind, raced, flops_per_image(model, data, taught.batch_size), per_second))
    return found


def _pair(kind: str, raced: Raced, model: Mapping[str, Any], settings: TrainingSettings, n_steps: int) -> Row:
    """Train two networks at a time, one process and half of the threads each, as ``zwicky reproduce`` does on a CPU."""
    threads = max(1, (os.cpu_count() or 1) // 2)
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=fresh) as pool:
        works = [pool.submit(alone, dict(model), settings, n_steps, threads) for _ in range(2)]
        together = sum(work.result() for work in works)
    ratio = together * raced.seconds_per_image_plain
    return Row(
        f"map training, two of {kind} side by side over a plain loop", ratio, "1",
        f"{together:.0f} images/s, {threads} thread for each; the plain loop has all{verdict(kind, ratio)}",
    )  # fmt: skip


def alone(model: Mapping[str, Any], settings: TrainingSettings, n_steps: int, threads: int) -> float:
    """Train for three epochs, and return the images per second of the last two."""
    torch.set_num_threads(threads)
    data = synthetic(settings.batch_size * n_steps)
    ends: list[float] = []
    with TemporaryDirectory() as folder:
        few = selected(data, slice(0, settings.batch_size))
        three = settings.model_copy(update={"epochs": 3, "patience": 3})
        train(model, data, few, three, Path(folder), SEED, lambda _: ends.append(time.perf_counter()))
    return 2 * len(data) / (ends[2] - ends[0])


def synthetic(n: int) -> MapData:
    """Return n sets of log-normal views and a target: networks of mass maps take logarithms."""
    maps = torch.pow(10.0, 0.3 * noise(n, N_VIEWS + 1, N_PIXELS))
    return as_data(maps[:, :N_VIEWS], maps[:, N_VIEWS])


def arithmetic(precision: str, *, cuda: bool) -> str:
    """Return the precision, and whether this processor has instructions for it: without them it gains nothing."""
    if cuda or precision != "bf16-mixed":
        return precision
    return f"{precision} on a processor with {bf16_instructions()}"


def verdict(kind: str, ratio: float) -> str:
    """Say whether the ratio is what it must be, where it must be something."""
    if kind not in WANTED:
        return ""
    return f"; at least {WANTED[kind]:g}: {'yes' if ratio >= WANTED[kind] else 'no'}"


def flops_per_image(model: Mapping[str, Any], data: MapData, n: int) -> float:
    """Return the operations of products and convolutions per image of a training step, counted on n images."""
    network = build_map_model(model)
    few = data.rows(slice(0, n))
    network.fit_scaling(few)
    with FlopCounterMode(display=False) as counter:
        network.loss(few).backward()
    return counter.get_total_flops() / n


def product_rate(device: torch.device, size: int = PRODUCT_SIZE) -> float:
    """Return the operations per second of a product of two square matrices in bfloat16."""
    matrix = torch.randn(size, size, device=device, dtype=torch.bfloat16)

    def products() -> None:
        for _ in range(PRODUCTS):
            matrix @ matrix
        if device.type == "cuda":
            torch.cuda.synchronize()

    products()  # warm-up
    return PRODUCTS * 2.0 * size**3 / median_seconds(products, REPEATS)


def _fraction(kind: str, raced: Raced, flops: float, per_second: float) -> Row:
    return Row(
        f"map training, {kind} over the matrix product",
        flops * raced.images_per_second / per_second,
        "1",
        f"{flops / 1e9:.3g} GFLOP per image; the product of two {PRODUCT_SIZE} x {PRODUCT_SIZE} in bfloat16: "
        f"{per_second / 1e12:.0f} TFLOP/s",
    )
