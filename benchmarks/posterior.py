"""How many samples of a posterior map come in a second? Beside Euler-Maruyama, and beside the library of the paper.

All solvers run on the same trained weights, those that ship, and on the same clusters, in one process. The number of
steps of the fast solver, and the fewest with which Euler-Maruyama is within two standard errors of the same gate (C5),
were measured when these weights were trained; how well both do here, on a few clusters, stands beside the ratio. The
library of the paper, ``score_models``, is run unmodified where it is installed: its sampler on our network, and its own
network at its defaults.
"""

from __future__ import annotations

import contextlib
import io
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rows import Row, seconds
from zwicky.evaluation.mapping.spectra import power_spectra
from zwicky.inference.posterior.drawing import Networks, draw_log10
from zwicky.inference.posterior.mapper import PosteriorMapper
from zwicky.models.diffusion.model import DiffusionModel
from zwicky.models.diffusion.sampler import Sampler
from zwicky.workflows.shipped import shipped_folder

NAME = "hsu2024"
SCORECARD = Path(__file__).resolve().parents[1] / "results" / f"{NAME}-laptop.json"
SAMPLES = 50
"""Of each cluster, as Hsu et al. 2024."""
CLUSTERS = 2
FIRST = 7_000_000
"""Clusters of the same survey that no store holds."""
RIVAL_STEPS = 1000
REPEATS = 7
WANTED = {"1000": 40.0, "fewest": 5.0}


def rows(*, quick: bool) -> list[Row]:
    """Draw with the chosen solver, then with its rivals."""
    place = shipped_folder() / NAME
    if not place.is_dir():
        return [Row("posterior samples", "nothing ships", "", f"no estimators/{NAME}")]
    mapper = PosteriorMapper.load(place)
    network = mapper.network
    assert isinstance(network, DiffusionModel)
    task = Task(mapper, 1 if quick else CLUSTERS, 2 if quick else SAMPLES)
    chosen = mapper.facts.sampler
    fast_quality = task.quality(chosen)  # and a warm-up
    fast = statistics.median(seconds(lambda: task.draw(chosen)) for _ in range(1 if quick else REPEATS))
    found = [
        Row(
            "posterior samples", task.n / fast, "1/s",
            f"{chosen.solver}, {chosen.evaluations} evaluations, {task.side} x {task.side} pixels, {fast_quality}",
        ),
        Row(f"posterior of one cluster, {SAMPLES} samples", SAMPLES * fast / task.n, "s", "at most 60"),
    ]  # fmt: skip
    for name, steps in _rival_steps(quick=quick).items():
        found.append(_beside(task, network.sampler("euler_maruyama", steps), name, fast))
    return [*found, *_library(task, fast, quick)]


def _rival_steps(*, quick: bool) -> dict[str, int]:
    """Return the steps of Euler-Maruyama: as documented, and the fewest that may pass the gate."""
    card = json.loads(SCORECARD.read_text(encoding="utf-8"))
    fewest = card["convergence"]["fast"]["fewest_euler_maruyama_in_doubt"]
    steps = {"1000": 64 if quick else RIVAL_STEPS}
    return steps if fewest is None else {**steps, "fewest": 32 if quick else int(fewest["steps"])}


def _beside(task: Task, sampler: Sampler, name: str, fast: float) -> Row:
    found: dict[str, str] = {}
    slow = seconds(lambda: found.update(quality=task.quality(sampler)))
    return Row(
        f"posterior samples over Euler-Maruyama, {name} steps", slow / fast, "1",
        f"at least {WANTED[name]:g}: {'yes' if slow / fast >= WANTED[name] else 'no'}; {sampler.steps} steps: "
        f"{task.n / slow:.3g} samples/s, {found['quality']}",
    )  # fmt: skip


class Task:
    """Some clusters with their truth, and the samples asked of each."""

    def __init__(self, mapper: PosteriorMapper, n_clusters: int, n_samples: int) -> None:
        self.mapper, self.n_samples, self.n = mapper, n_samples, n_clusters * n_samples
        seen = [mapper.survey.observe(FIRST + i, 0) for i in range(n_clusters)]
        views = np.stack([[one[view].values for view in mapper.views] for one in seen])
        self.maps = mapper.lifted(views.astype(np.float32))
        self.truth = np.stack([[one[target].values for target in mapper.targets] for one in seen])
        self.redshift = np.array([one.cluster.redshift for one in seen])
        self.side = self.maps.shape[-1]

    def draw(self, sampler: Sampler) -> np.ndarray:
        """Return log10 samples, (cluster, sample, target, y, x)."""
        networks = Networks(self.mapper.network, self.mapper.moments)
        return draw_log10(networks, self.maps, self.redshift, self.n_samples, 1, None, sampler)

    def quality(self, sampler: Sampler) -> str:
        """Draw, and say how often the truth of a pixel lies inside its 68 %, and r of sample and truth."""
        drawn = self.draw(sampler)
        low, high = np.quantile(drawn, [0.16, 0.84], axis=1)
        truth = np.log10(self.truth)
        inside = ((truth >= low) & (truth <= high)).mean()
        flat = (-1, self.side, self.side)
        r = (
            power_spectra(self.truth.reshape(flat), 10.0 ** drawn[:, 0].reshape(flat))
            .r_of_each()
            .mean(axis=0)
        )
        coarse, fine = (part.mean() for part in np.array_split(r, 2))
        return f"{100 * inside:.0f} % of pixels in their 68 %, r {coarse:.3f} and {fine:.3f}"


def _library(task: Task, fast: float, quick: bool) -> list[Row]:
    """Return rows of the public library, if it is installed."""
    try:
        from score_models import NCSNpp, ScoreModel
    except ImportError:
        return [Row("posterior samples over score_models", "not installed", "", "pip install score-models")]
    mapper, steps = task.mapper, 3 if quick else 100
    network = mapper.network
    assert isinstance(network, DiffusionModel)
    sampler = network.default_sampler
    shape = (task.n_samples, len(mapper.targets), task.side, task.side)
    with (
        torch.inference_mode(),
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        batch = Networks(network, mapper.moments).batch(task.maps[:1], task.redshift[:1])
        ours = _AsTheirs(network, network.encoded(batch), sampler)
        theirs = ScoreModel(ours, sigma_min=sampler.sigma_min, sigma_max=sampler.sigma_max, device="cpu")
        slow = seconds(lambda: theirs.sample(shape, steps=steps)) * RIVAL_STEPS / steps
        own = NCSNpp(channels=2, condition=["input"], condition_input_channels=2).eval()
        published = ScoreModel(own, sigma_min=1e-2, sigma_max=50.0, device="cpu")
        views = [torch.zeros(1, 2, task.side, task.side)]
        default = seconds(lambda: published.sample((1, *shape[1:]), steps=1, condition=views)) * RIVAL_STEPS
    each = fast / task.n
    return [
        Row(
            "posterior samples over score_models, same weights", slow / task.n_samples / each, "1",
            f"its sampler with {RIVAL_STEPS} steps on our network, measured on {steps}",
        ),
        Row(
            "posterior samples over score_models, its own network", default / each, "1",
            f"45.8 million numbers, {RIVAL_STEPS} steps of {default / RIVAL_STEPS:.2g} s, measured on one",
        ),
    ]  # fmt: skip


class _AsTheirs(nn.Module):
    """Our denoiser as the library wants a network: f(t, x), whose score is f / sigma(t)."""

    def __init__(self, network: DiffusionModel, encoded: Any, sampler: Sampler) -> None:
        super().__init__()
        self.denoise, self.sampler = network.bound(encoded), sampler
        self.hyperparameters: dict[str, Any] = {}

    def forward(self, t: Tensor, x: Tensor, *_: Tensor) -> Tensor:
        """Return (D - x) / sigma."""
        low, high = self.sampler.sigma_min, self.sampler.sigma_max
        sigma = low * (high / low) ** float(t[0])
        return (self.denoise(x, sigma) - x) / sigma
