"""Experiment files of X-ray photons: a cross-validated network, an ensemble on a light cone, and what goes beyond."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from zwicky.core.config import Config, parse
from zwicky.mocks.photon_settings import PhotonSurveySettings
from zwicky.training.loop import TrainingSettings
from zwicky.workflows.experiment import NetworkSettings, StoreSettings, experiment_settings

KIND = "photons"


class FoldsSettings(Config):
    """A network that weighs clusters at one redshift, tested by cross-validation (Ntampaka et al. 2019).

    Attributes
    ----------
    survey : PhotonSurveySettings
        Its bands are added up for the network; the classical temperature takes them one by one.
    store : StoreSettings
        Parents and sight-lines; the fractions are not used.
    n_folds : int
        Each parent is tested once.
    network : NetworkSettings
    control : TrainingSettings
        Of the network that is shown cores only, on the first fold: the test that must fail it.
    dreamed : int
        Images of each fold, at most, whose counts are changed to raise the mass.
    """

    survey: PhotonSurveySettings
    store: StoreSettings
    n_folds: int = 10
    network: NetworkSettings
    control: TrainingSettings = Field(default_factory=TrainingSettings)
    dreamed: int = 60


class SelectionSettings(Config):
    """Which mocks an X-ray survey would have found (Krippendorf et al. 2024, section 2).

    Attributes
    ----------
    detection, extent : float [1]
        Least likelihoods of detection and of extent.
    bright : float [1]
        Of both, for the cut whose effect is shown.
    """

    detection: float = 5.0
    extent: float = 6.0
    bright: float = 60.0


class EnsembleSettings(Config):
    """An ensemble of networks on detected clusters of a light cone (Krippendorf et al. 2024).

    Attributes
    ----------
    survey : PhotonSurveySettings
    store : StoreSettings
        ``n_clusters`` are painted; those that would be found are kept.
    selection : SelectionSettings
    smoothing_pixels : float [pixel]
        Standard deviation of the Gaussian that smooths images before the network sees them.
    network : NetworkSettings
    variant_members : int
        Members of each ensemble with other redshifts or weights; the same number of the plain one stands beside it.
    redshift_noise : tuple of float [1]
        Standard deviations of the noise on the redshift, in training and in the test.
    batch_members : int
        Members that are trained as one.
    """

    survey: PhotonSurveySettings
    store: StoreSettings
    selection: SelectionSettings = Field(default_factory=SelectionSettings)
    smoothing_pixels: float = Field(1.0, ge=0.0)
    network: NetworkSettings
    variant_members: int = Field(4, ge=1)
    redshift_noise: tuple[float, ...] = (0.01, 0.1, 0.2)
    batch_members: int = Field(5, ge=1)


class ImprovedPhotonSettings(Config):
    """One network for any number of counts and any subset of bands, with recalibrated errors.

    Attributes
    ----------
    survey : PhotonSurveySettings
        Deep: images are thinned to shorter exposures.
    store : StoreSettings
    network : NetworkSettings
    counts : tuple of float
        Numbers of cluster photons to which test images are thinned.
    offsets_arcmin : tuple of float [arcmin]
        By how much a centre is wrong, in the test of what that does.
    """

    survey: PhotonSurveySettings
    store: StoreSettings
    network: NetworkSettings
    counts: tuple[float, ...] = (30.0, 100.0, 300.0, 1e3, 3e3, 1e4)
    offsets_arcmin: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0)


class PhotonExperiment(Config):
    """A published result on X-ray photons, and what goes beyond it.

    Attributes
    ----------
    name, preset, title, reference : str
    seed : int
        Of everything.
    folds : FoldsSettings, optional
    ensemble : EnsembleSettings, optional
    improved : dict of str to ImprovedPhotonSettings
        By name, such as "erosita".
    n_resamples : int
        Of the bootstrap.
    """

    name: str
    preset: str
    title: str
    reference: str
    seed: int
    folds: FoldsSettings | None = None
    ensemble: EnsembleSettings | None = None
    improved: dict[str, ImprovedPhotonSettings] = Field(default_factory=dict)
    n_resamples: int = 500

    @model_validator(mode="after")
    def _shows_something(self) -> PhotonExperiment:
        if self.folds is None and self.ensemble is None and not self.improved:
            raise ValueError("an experiment of photons has a table [folds], [ensemble] or [improved.NAME]")
        return self

    @classmethod
    def restored(cls, settings: dict[str, Any]) -> PhotonExperiment:
        """Return the experiment that was dumped as JSON, for a process of its own."""
        return cls.model_validate(settings)


def read_photon_experiment(name: str, preset: str) -> PhotonExperiment:
    """Read an experiment of X-ray photons.

    Raises
    ------
    ConfigError
        If the experiment or the preset is not known, or a setting cannot be used.
    """
    return parse(PhotonExperiment, experiment_settings(name, preset), where=f"{name}.toml")
