"""An ensemble on detected clusters of a light cone, beside the count-rate relation of the same clusters.

The mocks that a survey would have found are kept: their detection and extent likelihoods are measured on their images.
Test clusters are weighed once, by the plain ensemble, by one with uniform weights, and by ensembles whose redshifts are
noisy in training and in the test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from scipy.special import ndtri

from zwicky.core.files import written_whole
from zwicky.core.masses import M500C
from zwicky.core.randomness import Key, Stream
from zwicky.data.dataset import MapData, joined, selected
from zwicky.data.splits import SPLITS
from zwicky.evaluation.records import LEVELS, MassPredictions
from zwicky.evaluation.xray.records import PhotonTest
from zwicky.evaluation.xray.results import EnsembleResult
from zwicky.evaluation.xray.statistics import noisy_redshift
from zwicky.inference.conformal import at_levels
from zwicky.inference.xray.detection import Detection, detect, source_templates
from zwicky.inference.xray.masses import XRayWeigher
from zwicky.mocks.photon_survey import PhotonSurvey
from zwicky.models.base import MassModel
from zwicky.models.stacked import ask_together
from zwicky.workflows.photons.experiment import EnsembleSettings, PhotonExperiment
from zwicky.workflows.photons.sets import (
    Say,
    added_up,
    make_photon_store,
    numbers_of,
    profiles_of,
    read_photons,
    to_float,
)
from zwicky.workflows.photons.training import is_trained, read_histories, trained_members
from zwicky.workflows.side_by_side import Job

PLAIN: Final = "plain"
UNIFORM: Final = "uniform"
CHUNK: Final = 500
WIDEST_LOG10: Final = (9.0, 17.0)
"""Ends of intervals [dex of Msun]: far below a group, far above any cluster."""
LOG10_RANGE_MARGIN: Final = 0.3  # [dex] count-rate masses are looked for so far beyond the training masses


@dataclass(frozen=True)
class Found:
    """Which mocks of a split are found.

    Parameters
    ----------
    kept, bright : (n,) bool arrays
        Above the likelihoods of the selection; above those of bright clusters.
    """

    kept: np.ndarray
    bright: np.ndarray


@dataclass(frozen=True)
class LightConeEnsemble:
    """One experiment's ensemble, in the folder of its run.

    Parameters
    ----------
    experiment : PhotonExperiment
        With a table ``ensemble``.
    folder : Path
    """

    experiment: PhotonExperiment
    folder: Path

    @property
    def settings(self) -> EnsembleSettings:
        """Of the ensemble."""
        assert self.experiment.ensemble is not None
        return self.experiment.ensemble

    @cached_property
    def survey(self) -> PhotonSurvey:
        """Of all images."""
        return self.settings.survey.build(self.experiment.seed)

    @property
    def place(self) -> Path:
        """Where the images are."""
        return self.folder / "stores" / "light_cone"

    def make(self, workers: int, say: Say) -> None:
        """Make the images, or finish them, and look which would be found."""
        make_photon_store(
            self.settings.survey, self.settings.store, self.experiment.seed, self.place, workers, say
        )
        for split in SPLITS:
            found = self.found(split)
            say(f"  {split}: {int(found.kept.sum())} of {len(found.kept)} clusters found")

    def found(self, split: str) -> Found:
        """Measure which mocks of a split are found, or read what was measured."""
        path = self.folder / "likelihoods" / f"{split}.npy"
        if not path.is_file():
            detection = self._detected(added_up(read_photons(self.place, split)))
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as part, part.open("wb") as file:
                np.save(file, np.stack([detection.detection_likelihood, detection.extent_likelihood]))
        cuts, (detected, extended) = self.settings.selection, np.load(path)
        return Found(
            (detected > cuts.detection) & (extended > cuts.extent),
            (detected > cuts.bright) & (extended > cuts.bright),
        )

    def _detected(self, data: MapData) -> Detection:
        """Return the likelihoods, all bands added up."""
        profiles, instrument = profiles_of(data, self.survey), self.survey.instrument
        middle = len(instrument.bands_kev) // 2
        templates = source_templates(
            instrument.psf_kernel(middle), self.survey.grid.pixel_value, self.survey.grid.n_pixels,
            profiles.edges_arcmin,
        )  # fmt: skip
        return detect(profiles, templates)

    def counts(self, split: str) -> MapData:
        """Return the found mocks of a split, as they were counted."""
        return selected(read_photons(self.place, split), self.found(split).kept)

    def smoothed(self, data: MapData) -> MapData:
        """Return images as the network sees them."""
        width = self.settings.smoothing_pixels
        if width == 0.0:
            return data
        maps = data.maps.numpy()
        chunks = [
            gaussian_filter(maps[i : i + CHUNK], (0, 0, width, width)) for i in range(0, len(maps), CHUNK)
        ]
        return to_float(data, np.concatenate(chunks))

    def with_noise(self, data: MapData, sigma: float, split: str) -> MapData:
        """Return data with noisy redshifts; each split has noise of its own, the same whatever its width."""
        key = Key(self.experiment.seed, Stream.REDSHIFT_NOISE, SPLITS.index(split))
        z = noisy_redshift(data.redshift.double().numpy(), sigma, key)
        return replace(data, redshift=torch.from_numpy(z.astype(np.float32)))

    @property
    def groups(self) -> dict[str, list[int]]:
        """Members that are trained as one, by the name of their folder."""
        settings = self.settings
        groups = {
            f"{PLAIN}-{first}": list(
                range(first, min(first + settings.batch_members, settings.network.members))
            )
            for first in range(0, settings.network.members, settings.batch_members)
        }
        variant = list(range(settings.variant_members))
        return groups | dict.fromkeys((UNIFORM, *map(noise_name, settings.redshift_noise)), variant)

    def jobs(self) -> dict[str, Job]:
        """Return what trains each group that is not finished."""
        settings = self.experiment.model_dump(mode="json", exclude_none=True)
        return {
            name: partial(_train, name, settings, self.folder)
            for name in self.groups
            if not is_trained(self.folder / "training" / name)
        }

    def members(self, name: str, say: Say = lambda _: None) -> list[MassModel]:
        """Train a group of members, or read the finished ones."""
        network = self.settings.network
        model = dict(network.model) | ({"weighting": "uniform_mass"} if name == UNIFORM else {})
        sigma = {noise_name(one): one for one in self.settings.redshift_noise}.get(name, 0.0)

        def data() -> tuple[MapData, MapData]:
            training, validation = (
                self.with_noise(self.smoothed(self.counts(split)), sigma, split) for split in SPLITS[:2]
            )
            return training, validation

        seeds = [self.experiment.seed + member for member in self.groups[name]]
        return trained_members(model, data, network.training, self.folder / "training" / name, seeds, say)

    def ensemble(self, say: Say = lambda _: None) -> list[MassModel]:
        """Return all members of the plain ensemble, in the order of their seeds."""
        return [one for name in self.groups if name.startswith(PLAIN) for one in self.members(name, say)]

    def judged(self, say: Say) -> EnsembleResult:
        """Weigh the test set with every ensemble, once."""
        plain = self.ensemble(say)
        few = plain[: self.settings.variant_members]
        counted, training = self.counts("test"), self.smoothed(self.counts("train"))
        test = self.smoothed(counted)
        say(f"  {len(test)} clusters tested")
        noisy = {0.0: few} | {one: self.members(noise_name(one), say) for one in self.settings.redshift_noise}
        by_noise = {
            name: {
                sigma: self._test(data, {"network": asked(members, self.with_noise(data, sigma, name))})
                for sigma, members in noisy.items()
            }
            for name, data in (("test", test), ("train", training))
        }
        return EnsembleResult(
            test=self._test(
                test,
                {
                    "ensemble": asked(plain, test),
                    "member 0": asked(plain[:1], test),
                    "count rate": self.count_rate_masses(counted),
                },
            ),
            bright=self.found("test").bright[self.found("test").kept],
            uniform=self._test(
                test,
                {
                    "uniform weights": asked(self.members(UNIFORM, say), test),
                    "plain weights": asked(few, test),
                },
            ),
            noise=by_noise["test"],
            noise_training=by_noise["train"],
            selection=self._selection(),
            n_members=len(plain),
            n_parameters=plain[0].n_parameters,
        )

    def _test(self, data: MapData, quantiles: dict[str, np.ndarray]) -> PhotonTest:
        _, truth = numbers_of(data)
        return PhotonTest(
            parent=data.parent,
            log10_true=truth,
            redshift=data.truth["redshift"],
            counts=data.truth["expected_cluster_counts"],
            predictions={name: MassPredictions(name, one) for name, one in quantiles.items()},
            definition=M500C,
        )

    def count_rate_masses(self, test: MapData) -> np.ndarray:
        """Return quantiles of the count-rate relation, (n, 5) [dex of Msun]."""
        profiles = profiles_of(added_up(test), self.survey)
        masses = self.count_rate_weigher().weigh(profiles, numbers_of(test)[0])
        return at_levels(masses.log10_quantiles, LEVELS)

    def count_rate_weigher(self) -> XRayWeigher:
        """Return the count-rate relation, fitted to training and validation set."""
        known = joined([added_up(self.counts(split)) for split in SPLITS[:2]])
        z, truth = numbers_of(known)
        log10_range = (float(truth.min()) - LOG10_RANGE_MARGIN, float(truth.max()) + LOG10_RANGE_MARGIN)
        cosmology = self.survey.simulation.cluster(0).cosmology
        weigher = XRayWeigher.named("count_rate", cosmology, log10_range, prior="training")
        return weigher.fitted(profiles_of(known, self.survey), z, truth)

    def _selection(self) -> dict[str, float]:
        found = [self.found(split) for split in SPLITS]
        return {
            "painted": float(sum(len(one.kept) for one in found)),
            "found": float(sum(one.kept.sum() for one in found)),
            "bright": float(sum((one.kept & one.bright).sum() for one in found)),
            **{f"found_{split}": float(one.kept.sum()) for split, one in zip(SPLITS, found, strict=True)},
        }

    def histories(self) -> list[list[dict[str, float]]]:
        """Return the learning curves of the plain ensemble."""
        names = [name for name in self.groups if name.startswith(PLAIN)]
        return [one for name in names for one in read_histories(self.folder / "training" / name)]


def noise_name(sigma: float) -> str:
    """Return the name of the ensemble whose redshifts have such noise."""
    return f"noise-{sigma:g}"


def asked(members: Sequence[MassModel], data: MapData) -> np.ndarray:
    """Return the quantiles of an ensemble's masses, (n, 5) [dex of Msun]: a Gaussian with the mixture's mean and sd."""
    ask = ask_together(members)
    with torch.inference_mode():
        answers = [ask(batch) for batch in data.batches(CHUNK)]
    mean, sd = (torch.cat([getattr(one, name) for one in answers], dim=1).double() for name in ("mean", "sd"))
    centre = mean.mean(0)
    width = (sd.square() + (mean - centre).square()).mean(0).sqrt()
    # A network that knows nothing may state an interval that is wider than any mass: its ends are held.
    quantiles = centre.numpy()[:, None] + width.numpy()[:, None] * ndtri(np.array(LEVELS))
    return np.clip(quantiles, *WIDEST_LOG10)


def _train(name: str, settings: dict[str, Any], folder: Path, say: Say) -> None:
    LightConeEnsemble(PhotonExperiment.restored(settings), folder).members(name, say)
