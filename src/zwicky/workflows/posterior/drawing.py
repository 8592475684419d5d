"""What is drawn for the judgement: gates, mappers and samples, each made once, kept on disk, several at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch

from zwicky.core.errors import SamplingError, TrainingError
from zwicky.core.files import write_json, written_whole
from zwicky.data.dataset import MapData, selected
from zwicky.inference.posterior.assembling import assemble
from zwicky.inference.posterior.drawing import Networks, draw_log10, sample_keys
from zwicky.inference.posterior.folder import DESCRIPTION
from zwicky.inference.posterior.mapper import PosteriorMapper
from zwicky.models.diffusion.denoiser import KeyedNoise
from zwicky.models.diffusion.model import DiffusionModel
from zwicky.models.diffusion.sampler import Sampler, SolverName
from zwicky.models.map_moments import MapMoments
from zwicky.workflows.posterior.convergence import ConvergenceGate, measured_convergence
from zwicky.workflows.posterior.exact import exact_gate
from zwicky.workflows.posterior.experiment import JudgedSettings, PosteriorExperiment
from zwicky.workflows.posterior.fit import moments_of, trained
from zwicky.workflows.posterior.sets import PosteriorSets
from zwicky.workflows.side_by_side import Job, train_side_by_side

Say = Callable[[str], None]

PARTS: Final = 4
"""Pieces of the largest set of samples, so that several processes share it."""


@dataclass(frozen=True, eq=False)
class Drawings:
    """The gates, mappers and samples of a run, made when they are asked for, or found.

    Parameters
    ----------
    experiment : PosteriorExperiment
    folder : Path
        Of the run, with all networks trained.
    facts : dict
        Provenance of the run.
    say : function
        Told what happens.
    """

    experiment: PosteriorExperiment
    folder: Path
    facts: dict[str, Any]
    say: Say

    @cached_property
    def sets(self) -> PosteriorSets:
        """The store."""
        return PosteriorSets(self.experiment, self.folder)

    def network(self, name: str) -> DiffusionModel:
        """Return a network that draws maps."""
        found = trained(self.experiment, name, self.folder, self.say)
        assert isinstance(found, DiffusionModel)
        return found

    def moments(self, name: str) -> MapMoments | None:
        """Return the network for means and standard deviations, if this one needs it."""
        if self.experiment.model_of(name)["kind"] != "residual_maps":
            return None
        return moments_of(self.experiment, self.folder, self.say)

    def _gate_data(self, name: str) -> MapData:
        return self.sets.judged("validation", self.experiment.evaluation.convergence[name].clusters)

    def gate(self, name: str) -> ConvergenceGate:
        """Return gate C5 of a network, on validation clusters; its rows may be made by several processes."""
        return ConvergenceGate(
            self.network(name), self.moments(name), self._gate_data(name),
            self.experiment.evaluation.convergence[name], self.sets.pixel_mpc, self.experiment.seed,
            self.folder / "judging" / f"convergence-{name}",
        )  # fmt: skip

    def convergence(self, name: str) -> dict[str, Any]:
        """Return what gate C5 found for a network."""
        return self._kept(
            f"convergence-{name}",
            lambda: measured_convergence(
                self.network(name), self.moments(name), self._gate_data(name),
                self.experiment.evaluation.convergence[name], self.experiment.seed, self.say,
                pixel_mpc=self.sets.pixel_mpc, folder=self.folder / "judging" / f"convergence-{name}",
            ),
        )  # fmt: skip

    def exact(self) -> dict[str, Any]:
        """Return gate C1: both models on fields whose posterior is known."""
        folder = self.folder / "training" / "exact"
        return self._kept("exact", lambda: exact_gate(self.experiment.exact, folder, self.say))

    def _kept(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        path = self.folder / "judging" / f"{name}.json"
        if not path.is_file():
            write_json(path, make())
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content

    def sampler(self, name: str) -> Sampler:
        """Return how a network is sampled: the fast one as gate C5 found, others as the experiment says."""
        network = self.network(name)
        if name == "fast":
            chosen = self.convergence(name)["chosen"]
            if chosen is None:
                raise TrainingError(
                    "No solver draws samples of the fast network.",
                    where="gate C5",
                    expected="at least one flow that does not diverge",
                    got="none",
                    fix="train longer, or give evaluation.convergence.fast more flow_steps",
                )
            return network.sampler(chosen["solver"], int(chosen["steps"]))
        return self.judged_settings(name).sampler_of(network)

    def judged_settings(self, name: str) -> JudgedSettings:
        """Return on how many test clusters a network is judged."""
        evaluation = self.experiment.evaluation
        return {"fast": evaluation.fast, "published": evaluation.published}.get(name, evaluation.ablations)

    def mapper(self, name: str) -> PosteriorMapper:
        """Return "fast" or "published" with its recalibration, deprojection and warning light."""
        place = self.folder / "mappers" / name
        if not (place / DESCRIPTION).is_file():
            settings = self.experiment.evaluation.recalibration[name]
            kept = ("zwicky", "results_version", "commit", "config_hash", "versions")
            measured = ("chosen", "fewest_euler_maruyama", "fewest_euler_maruyama_in_doubt")
            origin = {"experiment": self.experiment.name, "preset": self.experiment.preset, "network": name}
            assemble(
                self.network(name),
                self.moments(name),
                self.sets.whole("train"),
                self.sets.whole("validation"),
                views=self.sets.views,
                targets=self.sets.targets,
                survey=self.experiment.survey,
                physics=(str(self.experiment.survey.simulation["preset"]),),
                seed=self.experiment.seed,
                sampler=self.sampler(name),
                n_samples=settings.samples,
                most_clusters=settings.clusters,
                c5={key: self.convergence(name)[key] for key in measured},
                provenance={**{key: self.facts[key] for key in kept}, **origin},
            ).save(place)
        return PosteriorMapper.load(place)

    def test_set(self, name: str) -> MapData:
        """Return the test clusters that a network is judged on."""
        return self.sets.judged("test", self.judged_settings(name).clusters)

    def samples(self, name: str) -> np.ndarray:
        """Return log10 samples of a network on its test set, before any recalibration, (n, sample, target, y, x)."""
        return np.concatenate([self.part(name, i) for i in range(self.parts(name))])

    def parts(self, name: str) -> int:
        """Return in how many pieces a network's samples are drawn."""
        return min(PARTS, self.judged_settings(name).clusters) if name in ("fast", "published") else 1

    def part(self, name: str, part: int) -> np.ndarray:
        """Return one piece of a network's samples, drawn now or found."""
        path = self.folder / "judging" / f"{name}-{part}.npy"
        if not path.is_file():
            data, settings = self.test_set(name), self.judged_settings(name)
            rows = np.array_split(np.arange(len(data)), self.parts(name))[part]
            data = selected(data, rows)
            self.say(f"{name}: {len(data)} clusters, {settings.samples} samples, {self.sampler(name)}")
            drawn = draw_log10(
                Networks(self.network(name), self.moments(name)), data.maps.numpy(), data.redshift.numpy(),
                settings.samples, self.experiment.seed, list(data.id), self.sampler(name),
            )  # fmt: skip
            with written_whole(path) as temporary, temporary.open("wb") as stream:
                np.save(stream, drawn)
        return np.load(path, mmap_mode="r")

    def part_or_failure(self, name: str, part: int) -> None:
        """Draw one piece of a short training's samples, or note that its sampler diverged: it stops nothing else."""
        if self.failure(name) is not None:
            return
        try:
            self.part(name, part)
        except SamplingError as error:
            self.say(f"{name}: {error.what}")
            write_json(self.folder / "judging" / f"{name}-failed.json", {"what": error.what})

    def failure(self, name: str) -> str | None:
        """Return why there are no samples of a short training, or None."""
        path = self.folder / "judging" / f"{name}-failed.json"
        return str(json.loads(path.read_text(encoding="utf-8"))["what"]) if path.is_file() else None

    def gaussian(self) -> np.ndarray:
        """Return samples of what the fast model is before its training: Gaussian residuals of the right spectrum."""
        network, moments = self.network("fast"), self.moments("fast")
        data, settings = self.test_set("fast"), self.judged_settings("fast")
        networks, found = Networks(network, moments), []
        with torch.inference_mode():
            for row in range(len(data)):
                batch = networks.batch(data.maps[row : row + 1].numpy(), data.redshift[row : row + 1].numpy())
                keys = sample_keys(self.experiment.seed, [row], range(settings.samples))[0]
                noise = KeyedNoise(keys, (network.n_targets, *data.maps.shape[2:]), networks.device)
                found.append(network.log10_maps(noise()[None], batch).numpy())
        return np.concatenate(found)


def exact_job(experiment: PosteriorExperiment, folder: Path, facts: dict[str, Any]) -> Job:
    """Return the job that makes gate C1, which needs no network of the run."""
    settings = experiment.model_dump(mode="json", exclude_none=True)
    return partial(_in_process, "exact:", settings, folder, facts)


def draw_all(
    experiment: PosteriorExperiment, folder: Path, facts: dict[str, Any], workers: int, say: Say
) -> Drawings:
    """Make everything that is drawn, several at a time: gates first, since they choose the sampler, then the rest."""
    settings = experiment.model_dump(mode="json", exclude_none=True)
    drawings = Drawings(experiment, folder, facts, say)
    judged = ("fast", "published")
    rows = [f"row:{name}:{solver}:{steps}" for name in judged for solver, steps in drawings.gate(name).plan()]
    parts = [
        f"part:{name}:{i}" for name in (*judged, *experiment.ablations) for i in range(drawings.parts(name))
    ]
    mappers = [f"mapper:{name}" for name in judged]
    # The reference runs come first: all rows are compared with them.
    for stage in ([f"reference:{name}" for name in judged], ["exact:", *rows], [*mappers, *parts]):
        jobs: dict[str, Job] = {
            what.replace(":", "-").strip("-"): partial(_in_process, what, settings, folder, facts)
            for what in stage
        }
        train_side_by_side(jobs, folder, workers, say)
        for what in stage:
            _make(drawings, what)
    return drawings


def _in_process(what: str, settings: dict[str, Any], folder: Path, facts: dict[str, Any], say: Say) -> None:
    _make(Drawings(PosteriorExperiment.model_validate(settings), folder, facts, say), what)


def _make(drawings: Drawings, what: str) -> None:
    kind, name, *rest = what.split(":")
    match kind:
        case "reference":
            drawings.gate(name).reference(drawings.say)
        case "row":
            drawings.gate(name).row(cast(SolverName, rest[0]), int(rest[1]), drawings.say)
        case "exact":
            drawings.exact()
        case "mapper":
            drawings.mapper(name)
        case _ if name in drawings.experiment.ablations:
            drawings.part_or_failure(name, int(rest[0]))
        case _:
            drawings.part(name, int(rest[0]))
