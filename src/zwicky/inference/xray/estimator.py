"""A trained estimator of photon images: networks, luminosity mass, calibration and warning light in one folder.

The folder is like that of ``inference.estimator``: ``estimator.json``, ``member-0.safetensors`` ... and
``domain.safetensors``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from zwicky.core.config import Config
from zwicky.core.cosmology import Cosmology, check_redshift
from zwicky.core.errors import MapError
from zwicky.core.masses import M500C, MassDefinition
from zwicky.inference.classical import ClassicalEstimator
from zwicky.inference.conformal import Conformal
from zwicky.inference.domain import FLAGS, Domain, Flag, flag_mass_edges
from zwicky.inference.ensemble import NetworkAnswer
from zwicky.inference.features import distance_from_cloud
from zwicky.inference.folder import FolderKind, load_estimator, save_estimator
from zwicky.inference.xray.classical import ClassicalPhotons, WeigherFacts, check_seen, weigh_classically
from zwicky.inference.xray.conversion import Conversion
from zwicky.inference.xray.images import PhotonImages
from zwicky.inference.xray.light import describe
from zwicky.inference.xray.masses import XRayWeigher
from zwicky.instruments.photon import PhotonInstrument
from zwicky.mocks.photon_settings import PhotonSurveySettings
from zwicky.mocks.photon_survey import PhotonSurvey
from zwicky.models.base import GaussianMass

KIND: Final = FolderKind("zwicky-photon-estimator", 1, "runs/<experiment>/estimator")

REDSHIFT_MARGIN: Final = 1e-3
"""By which the table of conversions is wider than the redshifts: they may be rounded to single precision."""


class PhotonEstimatorFacts(Config):
    """What ``estimator.json`` holds besides its format.

    Attributes
    ----------
    model : dict
        Settings of the network.
    member_sha256 : tuple of str
        Of the weights of each member of the ensemble.
    survey : PhotonSurveySettings
        What the networks were trained on.
    survey_seed : int
    log10_mass_range : (float, float) [dex of Msun]
        Of the training clusters.
    redshift_range : (float, float) [1]
        Of the training clusters.
    classical : WeigherFacts
        The fitted relation of the luminosity.
    network_conformal, classical_conformal : Conformal
        Recalibrations.
    domain : Domain
        Ranges of the warning light.
    sizes : dict of str to int
        Observations used: train, validation.
    provenance : dict
    """

    model: dict[str, Any]
    member_sha256: tuple[str, ...]
    survey: PhotonSurveySettings
    survey_seed: int
    log10_mass_range: tuple[float, float]
    redshift_range: tuple[float, float]
    classical: WeigherFacts
    network_conformal: Conformal
    classical_conformal: Conformal
    domain: Domain
    sizes: dict[str, int]
    provenance: dict[str, Any]


@dataclass(frozen=True, eq=False)
class PhotonWeighed:
    """Answers for photon images.

    Parameters
    ----------
    network_log10, classical_log10 : (cluster, level) array [dex of Msun]
        Recalibrated quantiles of log10 M500c at ``conformal.LEVELS``.
    snr : (cluster,) array [1]
        Of the classical luminosity.
    counts : (cluster,) array
        Net source photons inside the classical R500.
    luminosity_erg_per_s, sigma : (cluster,) array [erg s^-1]
        Rest-frame 0.5-2 keV luminosity inside it, and its error.
    r500_arcmin : (cluster,) array [arcmin]
        That radius.
    flag : (cluster,) array of int
        Index into ``domain.FLAGS``.
    reasons : list of list of str
        Why the flag is not 0.
    """

    network_log10: np.ndarray
    classical_log10: np.ndarray
    snr: np.ndarray
    counts: np.ndarray
    luminosity_erg_per_s: np.ndarray
    sigma: np.ndarray
    r500_arcmin: np.ndarray
    flag: np.ndarray
    reasons: list[list[str]]

    def flag_name(self, row: int) -> Flag:
        """Return the flag of one image in words."""
        return FLAGS[int(self.flag[row])]


@dataclass(frozen=True, eq=False)
class PhotonEstimator:
    """Weigh images of the survey that it was trained on, in all of its bands or some.

    Parameters
    ----------
    facts : PhotonEstimatorFacts
        Calibration.
    network : NetworkAnswer
        The ensemble.
    feature_cloud : dict of str to Tensor
        ``mean`` (feature,) and ``whiten`` (feature, feature) of the first member's features; empty if it has none.
    """

    facts: PhotonEstimatorFacts
    network: NetworkAnswer
    feature_cloud: Mapping[str, Tensor]

    @property
    def definition(self) -> MassDefinition:
        """The mass that is answered."""
        return M500C

    @cached_property
    def survey(self) -> PhotonSurvey:
        """The survey of the training set."""
        return self.facts.survey.build(self.facts.survey_seed)

    @property
    def instrument(self) -> PhotonInstrument:
        """The telescope of the training set."""
        return self.survey.instrument

    @property
    def log10_mass_range(self) -> tuple[float, float]:
        """Of the training clusters [dex of Msun]."""
        return self.facts.log10_mass_range

    @property
    def redshift_range(self) -> tuple[float, float]:
        """Of the training clusters."""
        return self.facts.redshift_range

    @cached_property
    def classical(self) -> XRayWeigher:
        """The luminosity of all bands, and its fitted relation."""
        cosmology = self.facts.classical.relation.relation().cosmology
        return self.facts.classical.weigher(conversion_of(self.survey, cosmology, self.redshift_range))

    def check_redshift(self, redshift: float | None, *, where: str = "--redshift") -> float:
        """Return the redshift, or raise a RedshiftError if it is missing or outside the training range."""
        low, high = self.redshift_range
        return check_redshift(redshift, low=low, high=high, where=where)

    def check_images(self, images: PhotonImages) -> None:
        """Refuse images that are not on the training set's grid or bands, see nothing, or lie at other redshifts."""
        grid, n_bands = self.survey.grid, len(self.instrument.bands_kev)
        same_pixel = abs(images.pixel_arcmin / grid.pixel_value - 1.0) < 1e-3
        if images.counts.shape[1:] != (n_bands, *grid.shape) or not same_pixel:
            raise MapError(
                "The images are not on the stamp that the networks were trained on.",
                expected=f"{n_bands} bands of {grid.shape[0]} x {grid.shape[1]} pixels of {grid.pixel_value:g} arcmin",
                got=f"{images.counts.shape[1:]}, pixels of {images.pixel_arcmin:g} arcmin",
                fix="cut them with zwicky.data.counts_stamps, and leave bands absent that were not observed",
            )
        check_seen(images)
        for row, z in enumerate(images.redshift):
            self.check_redshift(float(z), where=f"redshift of image {row}")

    def weigh(self, images: PhotonImages) -> PhotonWeighed:
        """Weigh images.

        Parameters
        ----------
        images : PhotonImages
            On the instrument's grid, at redshifts inside the training range; bands may be absent.

        Raises
        ------
        MapError
            If they lie on another grid, have other bands, or see nothing.
        RedshiftError
            If a redshift lies outside the training range.
        """
        self.check_images(images)
        answer = ask_images(self.network, images)
        found = weigh_classically(self.classical, images)
        centre, scale = ClassicalEstimator.centre_and_scale(found.log10_quantiles)
        facts = self.facts
        network = facts.network_conformal.apply(answer.mean.numpy(), answer.sd.numpy(), found.snr)
        flag, reasons = facts.domain.judge(self.numbers(images, found), found.snr)
        flag_mass_edges(network, self.log10_mass_range, flag, reasons)
        flag_limits(found, flag, reasons)
        return PhotonWeighed(
            network, facts.classical_conformal.apply(centre, scale, found.snr), found.snr, found.counts,
            found.luminosity_erg_per_s, found.sigma_erg_per_s, found.r500_arcmin, flag, reasons,
        )  # fmt: skip

    def numbers(self, images: PhotonImages, classical: ClassicalPhotons) -> dict[str, np.ndarray]:
        """Return the named numbers of the warning light, each (cluster,)."""
        assert self.classical.conversion is not None
        numbers = describe(images, classical, self.classical.conversion, self.instrument.bands_kev)
        if self.feature_cloud:
            features = features_of(self.network, images)
            numbers["features"] = distance_from_cloud(features, self.feature_cloud)
        return numbers

    def save(self, folder: Path, *, half: bool = False) -> None:
        """Write the estimator; ``estimator.json`` last, so that a folder with it is whole.

        Parameters
        ----------
        folder : Path
            Where to.
        half : bool
            Write weights in half precision, for an estimator that ships; see ``save_weights``.
        """
        save_estimator(folder, KIND, self.facts, self.network.members, self.feature_cloud, half=half)

    @classmethod
    def load(cls, folder: Path) -> PhotonEstimator:
        """Read an estimator, or raise a CheckpointError that says what is wrong with the folder."""
        facts, members, cloud = load_estimator(folder, KIND, PhotonEstimatorFacts)
        return cls(facts, NetworkAnswer(members), cloud)


def conversion_of(
    survey: PhotonSurvey, cosmology: Cosmology, redshift_range: tuple[float, float]
) -> Conversion:
    """Return what the survey's telescope counts of gas behind the survey's hydrogen.

    Parameters
    ----------
    survey : PhotonSurvey
        Telescope and sky.
    cosmology : Cosmology
        Of distances.
    redshift_range : (float, float) [1]
        Where it is needed.
    """
    low, high = redshift_range
    wide = (max(low - REDSHIFT_MARGIN, 1e-4), high + REDSHIFT_MARGIN)
    return Conversion(survey.instrument, cosmology, survey.sky.column_density_cm2, redshift_range=wide)


def ask_images(network: NetworkAnswer, images: PhotonImages) -> GaussianMass:
    """Show images to an ensemble, a few at a time; returns tensors (cluster,) [dex of Msun]."""
    parts = _in_parts(network.predict, images)
    return GaussianMass(torch.cat([p.mean for p in parts]), torch.cat([p.sd for p in parts]))


def features_of(network: NetworkAnswer, images: PhotonImages) -> Tensor:
    """Return the first member's features of images, (cluster, feature)."""
    return torch.cat(_in_parts(network.features, images))


def _in_parts(ask: Callable[[np.ndarray, np.ndarray], Any], images: PhotonImages) -> list[Any]:
    return [ask(some.stacked(), some.redshift) for some in images.parts()]


def flag_limits(classical: ClassicalPhotons, flag: np.ndarray, reasons: list[list[str]]) -> None:
    """Raise the flag, in place, where no more than noise is seen.

    Parameters
    ----------
    classical : ClassicalPhotons
        Of the images.
    flag : (cluster,) array of int
        Index into ``FLAGS``; changed.
    reasons : list of list of str
        Changed.
    """
    for i in np.flatnonzero(classical.is_limit):
        flag[i] = max(flag[i], 1)
        reasons[i].append(
            f"the signal inside R500 is {classical.snr[i]:.1f} sigma: the mass is an upper limit at best"
        )
