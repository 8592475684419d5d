"""Open the test set: every model's samples against the truth, and the masses of the maps beside those of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from zwicky.data.dataset import MapData
from zwicky.evaluation.posterior.judged import JudgedPosterior, judge
from zwicky.evaluation.posterior.masses import MassPair
from zwicky.evaluation.posterior.records import PosteriorTest
from zwicky.inference.posterior.mapper import PosteriorMapper
from zwicky.inference.posterior.posterior_maps import PosteriorMaps
from zwicky.models.base import MassModel
from zwicky.models.score_maps import ScoreMaps
from zwicky.workflows.posterior.drawing import Drawings
from zwicky.workflows.posterior.fit import trained

RECALIBRATED = ", recalibrated"
RAW_FAST = "fast before recalibration"
GAUSSIAN = "gaussian"


def judged_models(drawings: Drawings) -> dict[str, JudgedPosterior]:
    """Return every statistic of the fast model and of the published one, before and after recalibration."""
    fast, published = drawings.mapper("fast"), drawings.mapper("published")
    raw = {name: drawings.samples(name) for name in ("fast", "published")}
    cases = {
        "fast": (fast, "fast", fast.facts.recalibration.apply(raw["fast"])),
        RAW_FAST: (fast, "fast", raw["fast"]),
        "published": (published, "published", raw["published"]),
        "published" + RECALIBRATED: (published, "published", published.facts.recalibration.apply(raw["published"])),
        GAUSSIAN: (fast, "fast", drawings.gaussian()),
    }  # fmt: skip
    found = {}
    for name, (mapper, of, log10_samples) in cases.items():
        drawings.say(f"judging: {name}")
        data = drawings.test_set(of)
        found[name] = _judged(drawings, data, posterior_of(mapper, data, log10_samples))
    return found


def judged_ablations(drawings: Drawings) -> tuple[dict[str, JudgedPosterior], dict[str, float]]:
    """Return the statistics of each ablation that has samples, and the share of its pixels below any trained on."""
    found, below = {}, {}
    mapper = drawings.mapper("fast")  # masses need a deprojection, the same for all
    for name in drawings.experiment.ablations:
        if drawings.failure(name) is not None:
            continue
        data, samples = drawings.test_set(name), drawings.samples(name)
        found[name] = _judged(drawings, data, posterior_of(mapper, data, samples))
        below[name] = below_floor(drawings, name, samples)
    return found, below


def below_floor(drawings: Drawings, name: str, log10_samples: np.ndarray) -> float:
    """Return the share of pixels that are fainter than the faintest of the training set."""
    network = drawings.network(name)
    if not isinstance(network, ScoreMaps):
        return 0.0
    floor = network.faintest_log10().numpy()
    return float((log10_samples < floor[None, None] - 1e-6).mean())


def posterior_of(mapper: PosteriorMapper, data: MapData, log10_samples: np.ndarray) -> PosteriorMaps:
    """Return samples with the mass of each."""
    return mapper.from_log10(
        np.asarray(log10_samples), mapper.facts.seed, list(data.id), mapper.facts.sampler
    )


def _judged(drawings: Drawings, data: MapData, posterior: PosteriorMaps) -> JudgedPosterior:
    evaluation, sets = drawings.experiment.evaluation, drawings.sets
    assert data.target is not None
    test = PosteriorTest(
        data.target.numpy(),
        posterior.samples,
        data.maps.numpy(),
        sets.targets,
        sets.views,
        sets.pixel_mpc,
        data.truth["log10_m200c"],
        data.parent,
        posterior.log10_m200c,
    )
    return judge(test, evaluation.n_resamples, drawings.experiment.seed, evaluation.log10_m200c_edges)


def exact_of(drawings: Drawings) -> dict[str, Any]:
    """Return gate C1 as the scorecard has it: the trained models, and their samplers with an exact denoiser."""
    found, models = drawings.exact(), {"fast": "residual_maps", "published": "score_maps"}
    parts = {"trained": "trained", "sampler": "exact_denoiser"}
    return {part: {name: found[model][key] for name, model in models.items()} for part, key in parts.items()}


def masses_of(drawings: Drawings) -> MassPair:
    """Return M200c of the fast model's test clusters by its maps and by the network that weighs."""
    mapper, data = drawings.mapper("fast"), drawings.test_set("fast")
    samples = mapper.facts.recalibration.apply(drawings.samples("fast"))
    scalar = trained(drawings.experiment, "scalar", drawings.folder, drawings.say)
    assert isinstance(scalar, MassModel)
    with torch.inference_mode():
        answer = scalar.predict(data.rows(slice(None)))
    return MassPair(
        data.truth["log10_m200c"],
        posterior_of(mapper, data, samples).log10_m200c,
        answer.mean.double().numpy(),
        answer.sd.double().numpy(),
        data.parent,
    )


def examples_of(drawings: Drawings, n: int = 3) -> list[dict[str, Any]]:
    """Return some clusters for the report, spread over the tested masses: inputs, truth, mean, sd and three samples."""
    mapper, data = drawings.mapper("fast"), drawings.test_set("fast")
    order = np.argsort(data.truth["log10_m200c"])
    rows = order[np.linspace(0.1 * len(order), 0.9 * len(order), n).astype(int)]
    drawn = mapper.facts.recalibration.apply(np.asarray(drawings.samples("fast"))[rows])
    assert data.target is not None
    return [
        {
            "name": str(data.id[row]),
            "log10_m200c": float(data.truth["log10_m200c"][row]),
            "pixel_mpc": drawings.sets.pixel_mpc,
            "inputs": data.maps[row].numpy(),
            "truth": data.target[row].numpy(),
            "samples": 10.0 ** drawn[i],
        }
        for i, row in enumerate(rows)
    ]
