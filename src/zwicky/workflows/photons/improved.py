"""A network for any number of photons and any bands: taught, calibrated, and judged beside a luminosity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from zwicky.core.masses import M500C
from zwicky.core.randomness import Key, Stream
from zwicky.data.photon_data import PhotonData, joined_photons
from zwicky.data.splits import SPLITS
from zwicky.evaluation.records import LEVELS, MassPredictions
from zwicky.evaluation.xray.records import PhotonTest
from zwicky.evaluation.xray.results import ImprovedResult
from zwicky.inference.conformal import at_levels
from zwicky.inference.xray.estimator import PhotonEstimator, PhotonWeighed
from zwicky.inference.xray.fit import calibrated_photon_estimator
from zwicky.inference.xray.images import PhotonImages
from zwicky.mocks.photon_counting import poisson_counts
from zwicky.mocks.photon_survey import PhotonSurvey
from zwicky.models.photon_mass_parts import random_masks
from zwicky.simulations.painter.painter import Painter
from zwicky.workflows.photons.experiment import ImprovedPhotonSettings, PhotonExperiment
from zwicky.workflows.photons.sets import Say, make_photon_store, read_photons
from zwicky.workflows.photons.training import read_histories, trained_members
from zwicky.workflows.side_by_side import Job

N_CALIBRATED: Final = 3
"""Thinnings of each validation cluster that errors are calibrated with."""

FEWEST: Final = 60
"""Clusters that a row of a table is made of, at least."""

FAULT_COUNTS: Final = 1000.0
"""Cluster photons of the images that are spoilt."""


@dataclass(frozen=True)
class ImprovedNetwork:
    """One further network of an experiment, in the folder of its run.

    Parameters
    ----------
    experiment : PhotonExperiment
    name : str
        Of a table ``improved.NAME``.
    folder : Path
    """

    experiment: PhotonExperiment
    name: str
    folder: Path

    @property
    def settings(self) -> ImprovedPhotonSettings:
        """Of the network."""
        return self.experiment.improved[self.name]

    @cached_property
    def survey(self) -> PhotonSurvey:
        """Of all images, before they are thinned."""
        return self.settings.survey.build(self.experiment.seed)

    @property
    def place(self) -> Path:
        """Where the images are."""
        return self.folder / "stores" / self.name

    def make(self, workers: int, say: Say) -> None:
        """Make the images, or finish them."""
        make_photon_store(
            self.settings.survey, self.settings.store, self.experiment.seed, self.place, workers, say
        )

    def whole(self, split: str) -> PhotonData:
        """Return the images of a split as they were taken."""
        return PhotonData.of_survey(read_photons(self.place, split), self.survey)

    def thinned(self, data: PhotonData, split: str, times: int = 1) -> PhotonData:
        """Return images of all numbers of photons and bands, each cluster so many times, always the same."""
        model = self.settings.network.model
        limits = {name: float(model[name]) for name in ("least_counts", "most_counts") if name in model}
        keys = [Key(self.experiment.seed, Stream.THINNING, SPLITS.index(split), i) for i in range(times)]
        return joined_photons([data.thinned(key, **limits) for key in keys])

    def jobs(self, facts: Mapping[str, Any]) -> dict[str, Job]:
        """Return what trains and calibrates the network, if it is not finished."""
        if (self.estimator_place / "estimator.json").is_file():
            return {}
        settings = self.experiment.model_dump(mode="json", exclude_none=True)
        return {self.name: partial(_train, self.name, settings, self.folder, dict(facts))}

    @property
    def estimator_place(self) -> Path:
        """Where the estimator is kept."""
        return self.folder / f"estimator-{self.name}"

    def estimator(self, facts: Mapping[str, Any], say: Say = lambda _: None) -> PhotonEstimator:
        """Train and calibrate the network, or read the finished estimator."""
        if (self.estimator_place / "estimator.json").is_file():
            return PhotonEstimator.load(self.estimator_place)
        network, seed = self.settings.network, self.experiment.seed
        training, validation = self.whole("train"), self.whole("validation")
        members = trained_members(
            network.model,
            lambda: (training, self.thinned(validation, "validation")),
            network.training,
            self.folder / "training" / self.name,
            [seed + member for member in range(network.members)],
            say,
        )
        taught = self.thinned(training, "train")
        held_out = self.thinned(validation, "validation", N_CALIBRATED)
        masses = training.log10_mass.double().numpy()
        kept = {key: facts[key] for key in ("zwicky", "results_version", "commit", "config_hash", "versions")}
        estimator = calibrated_photon_estimator(
            members,
            network.model,
            images_of(taught, self.pixel_arcmin, self._holes("train")),
            taught.log10_mass.double().numpy(),
            images_of(held_out, self.pixel_arcmin, self._holes("validation")),
            held_out.log10_mass.double().numpy(),
            self.settings.survey,
            seed,
            (float(masses.min()), float(masses.max())),
            self.redshift_range,
            {**kept, "experiment": self.experiment.name, "preset": self.experiment.preset},
        )
        estimator.save(self.estimator_place)
        return estimator

    def _holes(self, split: str) -> Key:
        return Key(self.experiment.seed, Stream.THINNING, SPLITS.index(split), N_CALIBRATED)

    @property
    def redshift_range(self) -> tuple[float, float]:
        """Of the clusters that are painted."""
        simulation = self.survey.simulation
        assert isinstance(simulation, Painter)
        edges = simulation.config.redshift_edges
        return edges[0], edges[-1]

    @property
    def pixel_arcmin(self) -> float:
        """Side of a pixel [arcmin]."""
        return self.survey.grid.pixel_value

    def judged(self, estimator: PhotonEstimator) -> ImprovedResult:
        """Weigh the test set: thinned at random, to given numbers of photons, in fewer bands, off centre, spoilt."""
        whole = self.whole("test")
        mixed = self.thinned(whole, "test")
        weighed = estimator.weigh(images_of(mixed, self.pixel_arcmin, self._holes("test")))
        images = images_of(whole, self.pixel_arcmin)
        by_counts = {
            counts: self._at(estimator, whole, *self.with_counts(images, whole, counts))
            for counts in self.settings.counts
            if (whole.truth["expected_cluster_counts"] >= counts).sum() >= FEWEST
        }
        usual, rows = self.with_counts(images, whole, FAULT_COUNTS)
        spoilt = faults_of(usual, Key(self.experiment.seed, Stream.TEST), self.redshift_range[1])
        n_bands = len(self.survey.instrument.bands_kev)
        subsets = [tuple(range(n_bands)), *((i,) for i in range(n_bands))] if n_bands > 1 else []
        subsets += list(combinations(range(n_bands), n_bands - 1)) if n_bands > 2 else []
        return ImprovedResult(
            name=self.name,
            test=test_of(mixed, weighed, np.arange(len(mixed))),
            snr=weighed.snr,
            flag=weighed.flag,
            by_counts=by_counts,
            by_bands={
                self._bands_name(bands): self._at(estimator, whole, usual.with_bands(bands), rows)
                for bands in subsets
            },
            by_offset_arcmin={
                offset: self._at(estimator, whole, shifted(usual, offset), rows)
                for offset in self.settings.offsets_arcmin
            },
            faults={name: flags_of(estimator.weigh(one)) for name, one in spoilt.items()},
            training=self._training(estimator),
        )

    def _training(self, estimator: PhotonEstimator) -> dict[str, Any]:
        histories = read_histories(self.folder / "training" / self.name)
        return {"sizes": dict(estimator.facts.sizes), "members": len(histories), "history": histories[0]}

    def _bands_name(self, bands: tuple[int, ...]) -> str:
        edges = [self.survey.instrument.bands_kev[band] for band in bands]
        return ", ".join(f"{low:g}-{high:g}" for low, high in edges) + " keV"

    def with_counts(
        self, images: PhotonImages, data: PhotonData, counts: float
    ) -> tuple[PhotonImages, np.ndarray]:
        """Return images thinned to so many photons of the cluster, and the rows that had as many."""
        expected = data.truth["expected_cluster_counts"]
        rows = np.flatnonzero(expected >= counts)
        key = Key(self.experiment.seed, Stream.THINNING, len(SPLITS), round(counts))
        return images.selected(rows).thinned(counts / expected[rows], key), rows

    def _at(
        self, estimator: PhotonEstimator, data: PhotonData, images: PhotonImages, rows: np.ndarray
    ) -> PhotonTest:
        return test_of(data, estimator.weigh(images), rows)


def images_of(data: PhotonData, pixel_arcmin: float, holes: Key | None = None) -> PhotonImages:
    """Return data as images of an estimator, each with its own exposure and background.

    Parameters
    ----------
    data : PhotonData
    pixel_arcmin : float [arcmin]
        Side of a pixel.
    holes : Key, optional
        Half of the images get holes where nothing was seen, as if point sources were cut out.
    """
    maps = data.rows(slice(None)).maps
    if holes is not None:
        generator = torch.Generator().manual_seed(holes.word())
        maps = maps * random_masks(len(maps), maps.shape[-1], 0.5, generator)[:, None]
    counts, background, exposure_s = (part.numpy() for part in maps.chunk(3, dim=1))
    return PhotonImages(counts, background, exposure_s, data.redshift.double().numpy(), pixel_arcmin)


def test_of(data: PhotonData, weighed: PhotonWeighed, rows: np.ndarray) -> PhotonTest:
    """Return what an estimator says of some rows, as a record that can be judged."""
    methods = {"network": weighed.network_log10, "classical": weighed.classical_log10}
    return PhotonTest(
        parent=data.parent[rows],
        log10_true=data.log10_mass.double().numpy()[rows],
        redshift=data.redshift.double().numpy()[rows],
        counts=data.truth["expected_cluster_counts"][rows] * data.fraction.double().numpy()[rows],
        predictions={name: MassPredictions(name, at_levels(one, LEVELS)) for name, one in methods.items()},
        definition=M500C,
    )


def shifted(images: PhotonImages, offset_arcmin: float) -> PhotonImages:
    """Return images whose clusters lie off the middle by the nearest whole number of pixels, upwards."""
    pixels = round(offset_arcmin / images.pixel_arcmin)
    return replace(images, counts=np.roll(images.counts, pixels, axis=-2))


def faults_of(images: PhotonImages, key: Key, highest_redshift: float) -> dict[str, PhotonImages]:
    """Return images with mistakes that a warning light must see, the first without."""
    middle, higher = images.counts.shape[-1] // 2, images.redshift + 0.1
    wrong = np.where(higher <= highest_redshift, higher, images.redshift - 0.1)
    source = images.counts.copy()
    share = 0.3 * (images.counts - images.background).sum(axis=(2, 3)).clip(min=0.0)
    source[:, :, middle + 4, middle + 4] += np.round(share)
    background = np.broadcast_to(images.background, images.counts.shape)
    nothing = poisson_counts(key.uniform(*background.shape), background)
    return {
        "none": images,
        "a point source of 30 % of the photons": replace(images, counts=source),
        "exposure ten times too long": replace(images, exposure_s=10.0 * images.exposure_s),
        "background forgotten": replace(images, background=np.zeros_like(images.background)),
        "off centre by 5 arcmin": shifted(images, 5.0),
        "no cluster": replace(images, counts=nothing.astype(np.float32)),
        "redshift wrong by 0.1": replace(images, redshift=wrong),
    }


def flags_of(weighed: PhotonWeighed) -> tuple[int, int, int]:
    """Return how many rows have each flag: in-domain, edge, out-of-domain."""
    in_domain, edge, out = np.bincount(weighed.flag, minlength=3).tolist()
    return in_domain, edge, out


def _train(name: str, settings: dict[str, Any], folder: Path, facts: dict[str, Any], say: Say) -> None:
    ImprovedNetwork(PhotonExperiment.restored(settings), name, folder).estimator(facts, say)
