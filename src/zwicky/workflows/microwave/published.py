"""The published network: train it, weigh every set with it and with the matched filter, and look at its profiles."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import torch

from zwicky.core.files import write_json, write_text
from zwicky.core.masses import M200C, M500C, Mass
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.microwave.records import (
    NO_SCATTER,
    REALISTIC,
    SCATTER_ON_M,
    TRAINED,
    EmptySkies,
    ProfileResidual,
    SzScatter,
    WeighedSet,
)
from zwicky.evaluation.microwave.scorecard import MATCHED_FILTER
from zwicky.inference.classical import ClassicalEstimator
from zwicky.inference.matched_filter import MatchedFilter
from zwicky.mocks.microwave_observer import uk_per_y
from zwicky.models.base import Batch
from zwicky.models.mresunet import MResUNet
from zwicky.physics.masses import convert
from zwicky.training.loop import train
from zwicky.workflows.microwave.experiment import MicrowaveExperiment
from zwicky.workflows.microwave.rescaling import Rescaling
from zwicky.workflows.microwave.sets import Say, Sets

NETWORK: Final = "mresunet"
BATCH: Final = 256
PRIOR_LOG10_M500C: Final = (13.3, 15.4)
"""Of the matched filter's mass [dex of Msun], flat: a third of the paper's smallest mass to twice its largest."""
N_TABLE: Final = 64
N_RINGS: Final = 12


def trained_network(experiment: MicrowaveExperiment, sets: Sets, folder: Path, say: Say) -> MResUNet:
    """Train the published network, or read the finished one."""
    settings = experiment.published.network
    training, validation = (sets.read(TRAINED, split, M200C) for split in ("train", "validation"))
    place = folder / "training" / NETWORK
    say(f"{NETWORK}: {len(training)} maps, at most {settings.training.epochs} epochs")

    def told(entry: dict[str, float]) -> None:
        say(
            f"  epoch {entry['epoch']:.0f}: train {entry['train']:.3g}, validation {entry['validation']:.3g},"
            f" rate {entry['learning_rate']:.2g}"
        )

    found = train(
        settings.model, training, validation, settings.training, place / "checkpoints", experiment.seed, told
    )
    lines = [json.dumps(entry, sort_keys=True) + "\n" for entry in found.history]
    write_text(place / "metrics.jsonl", "".join(lines))
    write_json(place / "best.json", {"best_epoch": found.best_epoch})
    assert isinstance(found.model, MResUNet)
    return found.model.eval()


@dataclass(frozen=True, eq=False)
class Weigher:
    """The network and the matched filter, on the same maps.

    Parameters
    ----------
    experiment : MicrowaveExperiment
    sets : Sets
        With finished stores.
    network : MResUNet
        Trained.
    """

    experiment: MicrowaveExperiment
    sets: Sets
    network: MResUNet

    @cached_property
    def classical(self) -> ClassicalEstimator:
        """Matched filter and Y-M relation, fitted on the network's training clusters."""
        spheres = self.experiment.published.spheres
        survey = self.experiment.published.survey.build(self.sets.seed(TRAINED))
        cosmology = survey.simulation.cluster(0).cosmology
        sizes = [
            M500C.radius_mpc(10.0**mass, spheres.redshift, cosmology)
            * cosmology.arcmin_per_mpc(spheres.redshift)
            for mass in PRIOR_LOG10_M500C
        ]
        bank = MatchedFilter(survey.instrument, spheres.pressure_profile, (sizes[0], sizes[1]))
        start = ClassicalEstimator(
            bank, cosmology, PRIOR_LOG10_M500C, sigma_ln_y=max(spheres.sigma_ln_y500, 0.02)
        )
        training = self.sets.read(TRAINED, "train", M500C)
        return start.fitted(
            training.stamps, training.redshift.double().numpy(), training.log10_mass.double().numpy()
        )

    @cached_property
    def _m200c_table(self) -> tuple[np.ndarray, np.ndarray]:
        """log10 of M500c and M200c of the same haloes, at the redshift of all clusters [dex of Msun]."""
        spheres = self.experiment.published.spheres
        log10_m500c = np.linspace(*PRIOR_LOG10_M500C, N_TABLE)
        cosmology = self.classical.cosmology
        log10_m200c = [
            np.log10(convert(Mass(10.0**m, M500C), M200C, spheres.redshift, cosmology, "diemer15").msun)
            for m in log10_m500c
        ]
        return log10_m500c, np.array(log10_m200c)

    def weigh(self, stamps: np.ndarray, redshift: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return M200c [Msun] of each method, and the matched filter's S/N."""
        maps = torch.from_numpy(np.ascontiguousarray(stamps, np.float32)).reshape(
            len(stamps), -1, *stamps.shape[-2:]
        )
        z = torch.from_numpy(redshift).float()
        with torch.inference_mode():
            parts = [
                self.network.predict(Batch(m, s)).mean
                for m, s in zip(maps.split(BATCH), z.split(BATCH), strict=True)
            ]
        masses = self.classical.weigh(stamps, redshift)
        middle, _ = self.classical.centre_and_scale(masses.log10_quantiles)
        return {
            NETWORK: 10.0 ** torch.cat(parts).double().numpy(),
            MATCHED_FILTER: 10.0 ** np.interp(middle, *self._m200c_table),
        }, masses.snr

    def weighed_set(self, name: str) -> WeighedSet:
        """Weigh the test clusters of one set."""
        data = self.sets.read(name, "test", M200C)
        estimated, snr = self.weigh(data.stamps, data.redshift.double().numpy())
        true_msun = 10.0 ** data.log10_mass.double().numpy()
        kind, sigma = self._scatter_of(name)
        ratio = np.ones(1)
        if name == REALISTIC:
            ratio = self.rescaling.factor(true_msun)
        return WeighedSet(name, true_msun, estimated, snr, data.parent, ratio, kind, sigma)

    @cached_property
    def rescaling(self) -> Rescaling:
        """From the training clusters' Y-M relation to that of the painted ones."""
        published = self.experiment.published
        survey = published.survey_of(published.painter).build(self.sets.seed(REALISTIC))
        return Rescaling.measured(survey.simulation, published.counts.realistic, published.spheres)

    def _scatter_of(self, name: str) -> tuple[SzScatter, float]:
        if name in (NO_SCATTER, REALISTIC):
            return "none", 0.0
        return ("M" if name == SCATTER_ON_M else "Y"), self.experiment.published.spheres.sigma_ln_y500

    def empty_skies(self) -> EmptySkies:
        """Weigh skies without a cluster."""
        published = self.experiment.published
        sky = published.survey.sky()
        seed = self.experiment.seed + len(self.sets.plans)
        stamps = sky.draw_many([Key(seed, Stream.MICROWAVE_SKY, i) for i in range(published.counts.empty)])
        stamps = stamps[:, 0] if stamps.shape[1] == 1 else stamps
        estimated, _ = self.weigh(stamps, np.full(len(stamps), published.spheres.redshift))
        return EmptySkies(estimated, published.threshold_1e14_msun * 1e14)

    def profile_residual(self) -> ProfileResidual:
        """Return the mean true signal of the trained masses, and predicted minus true, in rings."""
        data = self.sets.read(TRAINED, "test", M200C)
        with torch.inference_mode():
            predicted = torch.cat([self.network.profile(b) for b in data.batches(BATCH)]).double().numpy()
        assert data.target is not None
        survey = self.experiment.published.survey.build(0)
        unit_uk = uk_per_y(survey.sky.instrument.frequencies_ghz[0])
        true, wrong = (
            rings(maps * unit_uk, survey.grid.radius())
            for maps in (data.target.double().numpy(), predicted - data.target.double().numpy())
        )
        edges = ring_edges(survey.grid.radius())
        error = wrong.std(axis=0, ddof=1) / np.sqrt(len(wrong))
        return ProfileResidual(0.5 * (edges[1:] + edges[:-1]), true.mean(axis=0), wrong.mean(axis=0), error)


def ring_edges(radius_arcmin: np.ndarray) -> np.ndarray:
    """Return the edges of rings of equal width, a pixel or more, from the centre to the stamp's edge [arcmin]."""
    n = len(radius_arcmin)
    return np.linspace(0.0, float(radius_arcmin[n // 2].max()), min(N_RINGS, n // 2) + 1)


def rings(maps: np.ndarray, radius_arcmin: np.ndarray) -> np.ndarray:
    """Return means over rings, (map, ring), of maps (map, y, x)."""
    edges = ring_edges(radius_arcmin)
    n_rings = len(edges) - 1
    which = np.digitize(radius_arcmin.ravel(), edges) - 1
    inside = which < n_rings
    weight = np.zeros((which.size, n_rings))
    weight[np.flatnonzero(inside), which[inside]] = 1.0
    return np.asarray(maps.reshape(len(maps), -1) @ (weight / weight.sum(axis=0)))
