"""A trained estimator: networks, classical relation, calibration and warning light in one folder.

The folder holds ``estimator.json`` (validated), ``member-0.safetensors`` ... and ``domain.safetensors``; no pickle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from torch import Tensor

from zwicky.core.config import Config
from zwicky.core.cosmology import check_redshift
from zwicky.core.errors import ConfigError, MapError
from zwicky.core.maps import Map
from zwicky.core.masses import M500C, MassDefinition
from zwicky.core.quantities import MapQuantity
from zwicky.inference.classical import ClassicalEstimator, ClassicalMasses
from zwicky.inference.conformal import Conformal
from zwicky.inference.domain import FLAGS, Domain, Flag, describe, flag_mass_edges
from zwicky.inference.ensemble import NetworkAnswer
from zwicky.inference.features import distance_from_cloud
from zwicky.inference.folder import FolderKind, load_estimator, save_estimator
from zwicky.inference.matched_filter import MatchedFilter
from zwicky.instruments.instrument import Instrument
from zwicky.instruments.microwave import MicrowaveInstrument
from zwicky.mocks.kinds import SzSurvey, SzSurveySettings
from zwicky.mocks.survey import MockSurvey
from zwicky.physics.gnfw import profile_by_name
from zwicky.simulations.spherical import SphericalClusters

KIND: Final = FolderKind("zwicky-estimator", 1, "runs/deandres2022-smoke/estimator")


class EstimatorFacts(Config):
    """What ``estimator.json`` holds besides its format.

    Attributes
    ----------
    model : dict
        Settings of the network.
    member_sha256 : tuple of str
        Of the weights of each member of the ensemble.
    survey : SurveySettings or MicrowaveSurveySettings
        What the networks were trained on.
    survey_seed : int
    ln_y_offset, sigma_ln_y : float
        The fitted Y-M relation of the classical estimate.
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
    survey: SzSurveySettings
    survey_seed: int
    ln_y_offset: float
    sigma_ln_y: float
    network_conformal: Conformal
    classical_conformal: Conformal
    domain: Domain
    sizes: dict[str, int]
    provenance: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Weighed:
    """Answers for a list of stamps.

    Parameters
    ----------
    network_log10, classical_log10 : (stamp, level) array [dex of Msun]
        Recalibrated quantiles of log10 M500c at ``conformal.LEVELS``.
    snr, y500_arcmin2, sigma_y500_arcmin2 : (stamp,) array
        Of the matched filter.
    flag : (stamp,) array of int
        Index into ``domain.FLAGS``.
    reasons : list of list of str
        Why the flag is not 0.
    """

    network_log10: np.ndarray
    classical_log10: np.ndarray
    snr: np.ndarray
    y500_arcmin2: np.ndarray
    sigma_y500_arcmin2: np.ndarray
    flag: np.ndarray
    reasons: list[list[str]]

    def flag_name(self, row: int) -> Flag:
        """Return the flag of one stamp in words."""
        return FLAGS[int(self.flag[row])]


@dataclass(frozen=True, eq=False)
class Estimator:
    """Weigh stamps of the survey that it was trained on.

    Parameters
    ----------
    facts : EstimatorFacts
    network : NetworkAnswer
    feature_cloud : dict of str to Tensor
        ``mean`` (feature,) and ``whiten`` (feature, feature) of the first member's features; empty if it has none.
    """

    facts: EstimatorFacts
    network: NetworkAnswer
    feature_cloud: Mapping[str, Tensor]

    @property
    def definition(self) -> MassDefinition:
        """The mass that is answered."""
        return M500C

    @cached_property
    def survey(self) -> SzSurvey:
        """The survey of the training set."""
        return self.facts.survey.build(self.facts.survey_seed)

    @cached_property
    def simulation(self) -> SphericalClusters:
        """The training clusters; their profile and relation are those of the classical estimate."""
        return weighable(self.survey)

    @property
    def log10_mass_range(self) -> tuple[float, float]:
        """Of the training clusters [dex of Msun]."""
        return self.simulation.config.log10_m500c_range

    @property
    def redshift_range(self) -> tuple[float, float]:
        """Of the training clusters."""
        edges = self.simulation.config.redshift_edges
        return edges[0], edges[-1]

    @cached_property
    def classical(self) -> ClassicalEstimator:
        """Matched filter and fitted Y-M relation."""
        base = classical_estimator(self.survey)
        return ClassicalEstimator(
            base.matched_filter, base.cosmology, base.log10_m500c_range, base.one_minus_bias,
            self.facts.ln_y_offset, self.facts.sigma_ln_y,
        )  # fmt: skip

    @property
    def map_instrument(self) -> Instrument:
        """The instrument of an estimator that weighs one map.

        Raises
        ------
        MapError
            If it weighs bands of the microwave sky.
        """
        if not isinstance(self.survey, MockSurvey):
            raise MapError(
                "This estimator weighs bands of the microwave sky, not one map.",
                expected=", ".join(self.band_instrument.channels),
                got="one map",
                fix="zwicky infer --band 150=MAP.fits, and alike for each of its bands",
            )
        return self.survey.instrument

    @property
    def band_instrument(self) -> MicrowaveInstrument:
        """The instrument of an estimator that weighs bands of the microwave sky.

        Raises
        ------
        MapError
            If it weighs one map.
        """
        if isinstance(self.survey, MockSurvey):
            raise MapError(
                "This estimator weighs one map, not bands of the microwave sky.",
                expected=self.survey.instrument.config.quantity,
                got="bands",
                fix="zwicky infer MAP.fits, or give an estimator of bands",
            )
        return self.survey.sky.instrument

    def check_stamps(self, stamps: Sequence[Map]) -> None:
        """Refuse maps whose quantities, grid or beams are not those of the training set, and say how to convert."""
        survey = self.survey
        if isinstance(survey, MockSurvey):
            beams: tuple[float, ...] = (survey.instrument.beam_arcmin,)
            quantities: tuple[MapQuantity, ...] = survey.channels
        else:
            beams, quantities = self.band_instrument.beams_arcmin, self.band_instrument.channels
        if tuple(stamp.quantity for stamp in stamps) != quantities:
            raise MapError(
                "The networks were trained on another quantity.",
                expected=", ".join(quantities),
                got=", ".join(stamp.quantity for stamp in stamps),
            )
        for stamp, beam_arcmin in zip(stamps, beams, strict=True):
            beam_differs = stamp.beam_arcmin is None or abs(stamp.beam_arcmin / beam_arcmin - 1.0) > 0.01
            if beam_differs or not stamp.grid.agrees_with(survey.grid):
                raise MapError(
                    "The map is not on the stamp that the networks were trained on.",
                    where=stamp.quantity,
                    expected=f"{survey.grid}, beam {beam_arcmin:g} arcmin",
                    got=f"{stamp.grid}, beam {stamp.beam_arcmin} arcmin",
                    fix="cut it with zwicky.data.stamps.cut_stamp",
                )

    def check_redshift(self, redshift: float | None, *, where: str = "--redshift") -> float:
        """Return the redshift, or raise a RedshiftError if it is missing or outside the training range."""
        low, high = self.redshift_range
        return check_redshift(redshift, low=low, high=high, where=where)

    def weigh(self, stamps: np.ndarray, redshift: np.ndarray) -> Weighed:
        """Weigh many stamps.

        Parameters
        ----------
        stamps : (stamp, y, x) or (stamp, band, y, x) array
            On the instrument's grid, in the unit of its maps; cut them with ``data.stamps.cut_stamp``.
        redshift : (stamp,) array [1]
            Inside the training range.
        """
        for row, z in enumerate(redshift):
            self.check_redshift(float(z), where=f"redshift of stamp {row}")
        answer = self.network.predict(stamps, redshift)
        classical = self.classical.weigh(stamps, redshift)
        facts = self.facts
        network = facts.network_conformal.apply(answer.mean.numpy(), answer.sd.numpy(), classical.snr)
        centre, scale = self.classical.centre_and_scale(classical.log10_quantiles)
        flag, reasons = facts.domain.judge(self.numbers(stamps, redshift, classical), classical.snr)
        flag_mass_edges(network, self.log10_mass_range, flag, reasons)
        return Weighed(
            network, facts.classical_conformal.apply(centre, scale, classical.snr), classical.snr,
            classical.y500_arcmin2, classical.sigma_arcmin2, flag, reasons,
        )  # fmt: skip

    def numbers(
        self, stamps: np.ndarray, redshift: np.ndarray, classical: ClassicalMasses
    ) -> dict[str, np.ndarray]:
        """Return the named numbers of the warning light, each (stamp,)."""
        numbers = describe(stamps, classical, self.classical.matched_filter)
        if self.feature_cloud:
            numbers["features"] = distance_from_cloud(
                self.network.features(stamps, redshift), self.feature_cloud
            )
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
    def load(cls, folder: Path) -> Estimator:
        """Read an estimator, or raise a CheckpointError that says what is wrong with the folder."""
        facts, members, cloud = load_estimator(folder, KIND, EstimatorFacts)
        return cls(facts, NetworkAnswer(members), cloud)


def weighable(survey: SzSurvey) -> SphericalClusters:
    """Return the clusters of a survey on which masses can be estimated, or raise a ConfigError."""
    simulation = survey.simulation
    if not isinstance(simulation, SphericalClusters):
        raise ConfigError(
            "The classical estimate knows only spherical clusters, and no network answers without one beside it.",
            where="survey.simulation.kind",
            expected="spherical",
            got=type(simulation).__name__,
            fix="'zwicky mock' makes stores of any clusters",
        )
    return simulation


def classical_estimator(survey: SzSurvey) -> ClassicalEstimator:
    """Return the classical estimator of a survey, with the relation of its pressure profile."""
    simulation = weighable(survey)
    config, cosmology = simulation.config, simulation.cosmology

    def theta500_arcmin(log10_m500c: float, z: float) -> float:
        mass_msun = 10.0**log10_m500c * config.one_minus_bias
        return M500C.radius_mpc(mass_msun, z, cosmology) * cosmology.arcmin_per_mpc(z)

    profile_by_name(config.pressure_profile)
    (low, high), (near, *_, far) = config.log10_m500c_range, config.redshift_edges
    sizes = (theta500_arcmin(low, far), theta500_arcmin(high, near))
    bank = MatchedFilter(survey.instrument, config.pressure_profile, sizes)
    return ClassicalEstimator(
        bank,
        cosmology,
        config.log10_m500c_range,
        config.one_minus_bias,
        sigma_ln_y=max(config.sigma_ln_y500, 0.02),
    )
