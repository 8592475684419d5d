"""Trained networks that draw maps from the posterior of clusters, with recalibration, masses and warning light.

One folder: ``posterior.json`` (validated), ``network.safetensors`` and, where a network for mean and standard deviation
goes first, ``moments.safetensors``; no pickle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zwicky.core.cosmology import Cosmology
from zwicky.core.errors import MapError
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity
from zwicky.core.randomness import Key, Stream
from zwicky.data.codec import floors_of
from zwicky.inference.posterior.cylinders import (
    MassIntervals,
    cylinder_masses,
    radii_of,
    sample_intervals,
)
from zwicky.inference.posterior.drawing import (
    Networks,
    Progress,
    check_conditions,
    check_samples,
    cluster_numbers,
    draw_log10,
    name_of,
)
from zwicky.inference.posterior.facts import PosteriorFacts
from zwicky.inference.posterior.folder import load_posterior, save_posterior
from zwicky.inference.posterior.posterior_maps import PosteriorMaps
from zwicky.mocks.theory_survey import TheorySurvey
from zwicky.models.base import SampleModel
from zwicky.models.diffusion.sampler import Sampler
from zwicky.models.map_moments import MapMoments

BATCH = 64
"""Clusters whose mean and standard deviation are asked for together."""


@dataclass(frozen=True, eq=False)
class PosteriorMapper:
    """Draw maps of clusters seen as those of the training set were.

    Parameters
    ----------
    facts : PosteriorFacts
    network : SampleModel
        What draws.
    moments : MapMoments, optional
        What says mean and standard deviation first, if the network asks for them.
    """

    facts: PosteriorFacts
    network: SampleModel
    moments: MapMoments | None = None

    @cached_property
    def views(self) -> tuple[MapQuantity, ...]:
        """The quantities of the maps that it is given, in order."""
        return tuple(MapQuantity(name) for name in self.facts.views)

    @cached_property
    def targets(self) -> tuple[MapQuantity, ...]:
        """The quantities of the maps that it draws, in order."""
        return tuple(MapQuantity(name) for name in self.facts.targets)

    @property
    def grid(self) -> Grid:
        """The pixels of all maps."""
        return self.facts.grid

    @cached_property
    def survey(self) -> TheorySurvey:
        """What the training set shows."""
        return self.facts.survey.build(self.facts.seed)

    @property
    def cosmology(self) -> Cosmology:
        """Of the training clusters."""
        return self.survey.simulation.cluster(0, 0).cosmology

    @property
    def redshift_range(self) -> tuple[float, float]:
        """Of the training clusters."""
        edges = self.survey.simulation.config.redshift_edges  # type: ignore[attr-defined]
        return float(edges[0]), float(edges[-1])

    @property
    def networks(self) -> Networks:
        """Both networks."""
        return Networks(self.network, self.moments)

    def lifted(self, maps: np.ndarray) -> np.ndarray:
        """Return views (n, view, y, x) whose pixels are at least as bright as the faintest of a training set.

        A store keeps painted maps down to a floor (``zwicky.data.codec.LOG16``), far below anything that is measured;
        the X-rays of a painted cluster go on to 1e-40 of their mean outside of its gas.
        """
        return np.maximum(maps, np.array(floors_of(self.views), np.float32)[:, None, None])

    def sample(
        self,
        maps: np.ndarray,
        redshift: np.ndarray,
        n_samples: int = 50,
        seed: int = 0,
        names: Sequence[str] | None = None,
        sampler: Sampler | None = None,
        *,
        recalibrated: bool = True,
        progress: Progress | None = None,
        rows: int | None = None,
    ) -> PosteriorMaps:
        """Draw maps and masses.

        A sample depends on the cluster's maps and name (or row), the seed and the sample's number, up to rounding, and
        when it is recalibrated on the mean of the cluster's other samples; not on the batch or the order.

        Parameters
        ----------
        maps : (n, view, y, x) array
            In the kept units of the views, positive; see ``lifted``.
        redshift : (n,) array [1]
        n_samples : int
            Of each cluster; at least 2 if they are recalibrated, else 1. Hsu et al. 2024 take 50.
        seed : int
        names : n str, optional
            Of the clusters, for keys and messages; by default rows are numbered.
        sampler : Sampler, optional
            Default: that of the facts, which the recalibration was fitted with.
        recalibrated : bool
            Whether the samples are made as wide as their errors on held-out clusters.
        progress : function of (samples drawn, samples asked for), optional
        rows : int, optional
            Samples of all clusters drawn together; by default what fits into 1 GB.

        Returns
        -------
        PosteriorMaps

        Raises
        ------
        SamplingError
            If there are too few samples, or the sampler diverges: then with the step and the clusters.
        MapError, RedshiftError
            If a view has a pixel that is not a positive number, maps are on other pixels, or redshifts are missing;
            before anything is drawn.
        """
        check_samples(n_samples, recalibrated=recalibrated)
        check_conditions(maps, redshift, names, self.views, self.grid)
        chosen = sampler or self.facts.sampler
        drawn = draw_log10(
            self.networks, self.lifted(maps), redshift, n_samples, seed, names, chosen, progress, rows
        )  # fmt: skip
        if recalibrated:
            drawn = self.facts.recalibration.apply(drawn)
        return self.from_log10(drawn, seed, names, chosen)

    def from_log10(
        self, log10_samples: np.ndarray, seed: int, names: Sequence[str] | None, sampler: Sampler
    ) -> PosteriorMaps:
        """Return samples (n, sample, target, y, x) [dex of Msun Mpc^-2] as a record, with a mass for each."""
        samples = np.power(np.float32(10.0), log10_samples, dtype=np.float32)
        numbers = cluster_numbers(names, len(samples))
        keys = [Key(seed, Stream.POSTERIOR_MASSES, number) for number in numbers]
        return PosteriorMaps(
            samples, self.targets, self.grid, self.facts.deprojection.log10_m200c(samples, keys),
            sampler.evaluations, tuple(name_of(names, row) for row in range(len(samples))),
        )  # fmt: skip

    def intervals(self, posterior: PosteriorMaps) -> MassIntervals:
        """Return intervals of M(<R) of each map and of M200c.

        Parameters
        ----------
        posterior : PosteriorMaps
            Recalibrated samples of this mapper.

        Returns
        -------
        MassIntervals
            Recalibrated on held-out clusters (``MassIntervals.calibrated``), if there were enough of them.

        Raises
        ------
        MapError
            If the posterior is of other maps.
        """
        if posterior.targets != self.targets or posterior.grid != self.grid:
            raise MapError(
                "These samples are not of this mapper.",
                where="intervals of masses",
                expected=f"{', '.join(self.targets)} on {self.grid}",
                got=f"{', '.join(posterior.targets)} on {posterior.grid}",
            )
        calibration = self.facts.masses
        radii = radii_of(self.grid) if calibration is None else np.array(calibration.radii_mpc)
        cylinders = cylinder_masses(posterior.samples, self.grid, radii)
        if calibration is None:
            return sample_intervals(radii, cylinders, posterior.log10_m200c)
        return calibration.apply(cylinders, posterior.log10_m200c)

    @torch.inference_mode()
    def predict_moments(self, maps: np.ndarray, redshift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what the first network says: mean and standard deviation of log10, without any sampling.

        Parameters
        ----------
        maps, redshift
            As of ``sample``, with the same errors.

        Returns
        -------
        log10_mean, sd_dex : (n, target, y, x) float32 arrays [dex of Msun Mpc^-2]

        Raises
        ------
        MapError
            If there is no such network.
        """
        if self.moments is None:
            raise MapError(
                "This mapper draws maps from the views at once: it has no network for mean and standard deviation.",
                where="moments of posterior maps",
                fix="take mean and standard deviation of its samples",
            )
        check_conditions(maps, redshift, None, self.views, self.grid)
        outs = [np.empty((len(maps), len(self.targets), *self.grid.shape), np.float32) for _ in range(2)]
        lifted = self.lifted(maps)
        for start in range(0, len(maps), BATCH):
            part = slice(start, start + BATCH)
            answers = self.moments.moments(self.networks.views(lifted[part], redshift[part]))
            for out, answer in zip(outs, answers, strict=True):
                out[part] = answer.cpu().numpy()
        return outs[0], outs[1]

    def judge(self, maps: np.ndarray) -> tuple[np.ndarray, list[list[str]]]:
        """Return the flag of each cluster, an index into ``zwicky.inference.domain.FLAGS``, and reasons in words."""
        return self.facts.domain.judge(self.lifted(maps))

    def save(self, folder: Path, *, half: bool = False) -> None:
        """Write the mapper; ``posterior.json`` last, so that a folder with it is whole.

        Parameters
        ----------
        folder : Path
            Where to.
        half : bool
            Write weights in half precision, for a mapper that ships; see ``training.checkpoint.save_weights``.
        """
        save_posterior(folder, self.facts, self.networks, half=half)

    @classmethod
    def load(cls, folder: Path) -> PosteriorMapper:
        """Read a mapper, or raise a CheckpointError that says what is wrong with the folder."""
        facts, networks = load_posterior(folder)
        return cls(facts, networks.sampled, networks.moments)

    def described(self) -> dict[str, Any]:
        """Return what is told about a result: sizes, sampler, evaluations and why so many."""
        facts = self.facts
        return {
            "views": list(facts.views),
            "targets": list(facts.targets),
            "physics": list(facts.physics),
            "sampler": facts.sampler.model_dump(mode="json"),
            "evaluations": facts.sampler.evaluations,
            "c5": facts.c5,
            "sizes": facts.sizes,
            "provenance": facts.provenance,
        }
