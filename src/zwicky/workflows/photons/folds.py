"""Cross-validation of a network on photon images, beside luminosities and Y_X of the same clusters.

Every parent is tested once, by a network and by relations that have never seen it: of ten folds eight train, one
validates, and one is tested; relations, which have nothing to validate, are fitted to nine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from zwicky.core.masses import M500C
from zwicky.core.randomness import Key, Stream
from zwicky.data.dataset import MapData, selected
from zwicky.data.folds import Folds, all_eight, folds_of_parents
from zwicky.evaluation.microwave.statistics import Bootstrap
from zwicky.evaluation.records import LEVELS, MassPredictions
from zwicky.evaluation.xray.annuli import CORE, Footprints
from zwicky.evaluation.xray.attributions import (
    AttributionProfile,
    CoreMasking,
    attribution_profile,
    core_masking,
)
from zwicky.evaluation.xray.dream import DreamProfile, core_response, dream
from zwicky.evaluation.xray.records import PhotonTest
from zwicky.evaluation.xray.results import FoldsResult
from zwicky.inference.conformal import at_levels
from zwicky.inference.xray.conversion import Conversion
from zwicky.inference.xray.masses import XRayWeigher
from zwicky.mocks.photon_survey import PhotonSurvey
from zwicky.models.base import MassModel
from zwicky.workflows.photons.experiment import FoldsSettings, PhotonExperiment
from zwicky.workflows.photons.sets import (
    Say,
    added_up,
    footprints_of,
    make_photon_store,
    numbers_of,
    profiles_of,
    read_photons,
)
from zwicky.workflows.photons.training import is_trained, read_histories, trained_member
from zwicky.workflows.side_by_side import Job

CLASSICAL: Final = ("luminosity", "luminosity_excised", "yx")
CONTROL: Final = "core-only"
BATCH: Final = 256
MARGIN_DEX: Final = 0.3
"""Classical masses are looked for so far beyond the training masses."""


@dataclass(frozen=True)
class CrossValidation:
    """One experiment's folds, in the folder of its run.

    Parameters
    ----------
    experiment : PhotonExperiment
        With a table ``folds``.
    folder : Path
    """

    experiment: PhotonExperiment
    folder: Path

    @property
    def settings(self) -> FoldsSettings:
        """Of the cross-validation."""
        assert self.experiment.folds is not None
        return self.experiment.folds

    @cached_property
    def survey(self) -> PhotonSurvey:
        """Of all images."""
        return self.settings.survey.build(self.experiment.seed)

    @property
    def place(self) -> Path:
        """Where the images are."""
        return self.folder / "stores" / "folds"

    def make(self, workers: int, say: Say) -> None:
        """Make the images, or finish them."""
        store = self.settings.store.model_copy(update={"fractions": (0.0, 0.0, 1.0)})
        make_photon_store(self.settings.survey, store, self.experiment.seed, self.place, workers, say)

    @cached_property
    def bands(self) -> MapData:
        """All views, band by band."""
        return read_photons(self.place, "test")

    @cached_property
    def views(self) -> MapData:
        """All views, their bands added up."""
        return added_up(self.bands)

    @cached_property
    def folds(self) -> Folds:
        """Who is tested when."""
        return folds_of_parents(
            self.views.parent,
            self.experiment.seed,
            self.settings.n_folds,
            log10_mass=self.views.log10_mass.double().numpy(),
        )

    def jobs(self) -> dict[str, Job]:
        """Return what trains each network that is not finished."""
        settings = self.experiment.model_dump(mode="json", exclude_none=True)
        names = [*(f"fold-{turn}" for turn in range(self.settings.n_folds)), CONTROL]
        return {
            name: partial(_train, name, settings, self.folder)
            for name in names
            if not is_trained(self.folder / "training" / name)
        }

    def network(self, name: str, say: Say = lambda _: None) -> MassModel:
        """Train the network of a fold, or the one that is shown cores only; or read the finished one."""
        settings = self.settings.network
        only_cores = name == CONTROL
        turn = 0 if only_cores else int(name.removeprefix("fold-"))

        def data() -> tuple[MapData, MapData]:
            training, validation, _ = self.folds.parts(self.views, turn)
            if only_cores:
                training, validation = (
                    cores_only(one, self.footprints(one)) for one in (training, validation)
                )
            return all_eight(training), validation

        return trained_member(
            settings.model,
            data,
            self.settings.control if only_cores else settings.training,
            self.folder / "training" / name,
            self.experiment.seed + turn,
            say,
        )

    def footprints(self, data: MapData) -> Footprints:
        """Return the true sizes of clusters on their images."""
        return footprints_of(data, self.survey)

    def judged(self, say: Say) -> FoldsResult:
        """Weigh every image with the network of its fold, and look into the networks."""
        networks = [self.network(f"fold-{turn}", say) for turn in range(self.settings.n_folds)]
        bootstrap = Bootstrap(self.experiment.n_resamples, Key(self.experiment.seed, Stream.BOOTSTRAP))
        say("  images tested, each by the network of its fold")
        test = self.test(networks)
        say("  what raises the masses")
        dreams, shares, masked = self._interpreted(networks)
        control = self._dreamed(self.network(CONTROL, say), 0, core=True)
        return FoldsResult(
            test=test,
            dream=dreams,
            core=core_response(dreams, bootstrap),
            control_core=core_response(control, bootstrap),
            attribution=shares,
            masking=masked,
            n_parameters=networks[0].n_parameters,
            histories=[
                read_histories(self.folder / "training" / f"fold-{k}")[0] for k in range(len(networks))
            ],
        )

    def test(self, networks: list[MassModel]) -> PhotonTest:
        """Return what the networks of the folds and the relations say, of the eight turns of every view."""
        views = self.views
        tested = [all_eight(self.folds.parts(views, turn)[2]) for turn in range(self.settings.n_folds)]
        predictions = [weighed_by(network, data) for network, data in zip(networks, tested, strict=True)]
        methods = {"network": MassPredictions("network", np.concatenate(predictions))}
        classical = self.classical()
        number = self.folds.numbers(views.parent)
        for name, quantiles in classical.items():
            rows = [np.tile(quantiles[number == turn], (8, 1)) for turn in range(self.settings.n_folds)]
            methods[name] = MassPredictions(name, np.concatenate(rows))
        parent = np.concatenate([data.parent for data in tested])
        return PhotonTest(
            parent=parent,
            log10_true=np.concatenate([numbers_of(data)[1] for data in tested]),
            redshift=np.concatenate([numbers_of(data)[0] for data in tested]),
            counts=np.concatenate([data.truth["expected_cluster_counts"] for data in tested]),
            predictions=methods,
            definition=M500C,
            fold=self.folds.numbers(parent),
        )

    def classical(self) -> dict[str, np.ndarray]:
        """Return quantiles of the classical masses of every view, (view, 5) [dex of Msun]."""
        profiles, survey = profiles_of(self.bands, self.survey), self.survey
        z, truth = numbers_of(self.views)
        cosmology = survey.simulation.cluster(0).cosmology
        conversion = Conversion(
            survey.instrument,
            cosmology,
            column_density_cm2=survey.sky.column_density_cm2,
            redshift_range=(0.8 * float(z.min()), 1.25 * float(z.max())),
        )
        log10_range = (float(truth.min()) - MARGIN_DEX, float(truth.max()) + MARGIN_DEX)
        bands = tuple(range(self.bands.maps.shape[1]))
        number = self.folds.numbers(self.views.parent)
        found = {}
        for name in CLASSICAL:
            weigher = XRayWeigher.named(
                name, cosmology, log10_range, bands=bands, conversion=conversion, prior="training"
            )
            quantiles = np.empty((len(truth), len(LEVELS)))
            for turn in range(self.settings.n_folds):
                rows = number != turn
                fitted = weigher.fitted(profiles.selected(rows), z[rows], truth[rows])
                masses = fitted.weigh(profiles.selected(~rows), z[~rows])
                quantiles[~rows] = at_levels(masses.log10_quantiles, LEVELS)
            found[name] = quantiles
        return found

    def _interpreted(
        self, networks: list[MassModel]
    ) -> tuple[DreamProfile, AttributionProfile, dict[str, CoreMasking]]:
        """Return where photons raise the masses, what annuli add to them, and what they are without cores."""
        dreams, shares, masked = [], [], []
        for turn, network in enumerate(networks):
            dreams.append(self._dreamed(network, turn))
            data = self._dreamable(turn)
            shares.append(attribution_profile(network, data, self.footprints(data)))
            masked.append(core_masking(network, data, self.footprints(data)))
        return (
            DreamProfile.joined(dreams),
            AttributionProfile.joined(shares),
            {"network": CoreMasking.joined(masked)},
        )

    def _dreamed(self, network: MassModel, turn: int, *, core: bool = False) -> DreamProfile:
        data = self._dreamable(turn)
        footprints = self.footprints(data)
        return dream(network, cores_only(data, footprints) if core else data, footprints)

    def _dreamable(self, turn: int) -> MapData:
        """Return some of the test views of a fold, spread over all of them."""
        test = self.folds.parts(self.views, turn)[2]
        step = max(1, len(test) // self.settings.dreamed)
        return selected(test, np.arange(0, len(test), step))


def _train(name: str, settings: dict[str, Any], folder: Path, say: Say) -> None:
    CrossValidation(PhotonExperiment.restored(settings), folder).network(name, say)


def weighed_by(network: MassModel, data: MapData) -> np.ndarray:
    """Return the quantiles of one network's Gaussian masses, (n, 5) [dex of Msun]."""
    with torch.inference_mode():
        answers = [network.predict(batch) for batch in data.batches(BATCH)]
    mean, sd = (
        torch.cat([getattr(one, name) for one in answers]).double().numpy() for name in ("mean", "sd")
    )
    return MassPredictions.gaussian("network", mean, sd).log10_quantiles


def cores_only(data: MapData, footprints: Footprints) -> MapData:
    """Return images of which only the inner 0.2 R500c is left: a network taught with them must look at the core."""
    inside = torch.from_numpy(footprints.radius(data.maps.shape[-1]) < CORE)
    maps: Tensor = data.maps * inside[:, None]
    return replace(data, maps=maps)
