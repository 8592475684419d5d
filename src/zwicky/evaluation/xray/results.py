"""What an experiment on photons found, before it is judged: cross-validation, ensemble, and networks beyond both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from zwicky.core.errors import MassError
from zwicky.evaluation.xray.attributions import AttributionProfile, CoreMasking
from zwicky.evaluation.xray.dream import CoreResponse, DreamProfile
from zwicky.evaluation.xray.records import PhotonTest
from zwicky.inference.domain import FLAGS

History = Sequence[Mapping[str, float]]

NETWORK: Final = "network"
CLASSICAL: Final = "classical"
ENSEMBLE: Final = "ensemble"
MEMBER: Final = "member 0"
COUNT_RATE: Final = "count rate"
UNIFORM: Final = "uniform weights"
PLAIN: Final = "plain weights"


@dataclass(frozen=True, eq=False)
class FoldsResult:
    """A network tested by cross-validation, and what it looks at.

    Parameters
    ----------
    test : PhotonTest
        With folds; method ``NETWORK``, the others are classical.
    dream : DreamProfile
        Which photons would raise the mass.
    core, control_core : CoreResponse
        Of the network, and of one that was shown cores only.
    attribution : AttributionProfile
        Which photons make the mass.
    masking : dict of str to CoreMasking
        By name of the network.
    n_parameters : int
    histories : dict of str to list of dict
        By network: ``epoch``, ``train`` and ``validation`` of each epoch. A list is of the folds, in order.

    Raises
    ------
    MassError
        If the test lacks the network.
    """

    test: PhotonTest
    dream: DreamProfile
    core: CoreResponse
    control_core: CoreResponse
    attribution: AttributionProfile
    masking: Mapping[str, CoreMasking]
    n_parameters: int
    histories: Mapping[str, History] | Sequence[History] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_methods(self.test, "folds: test", NETWORK)
        if not isinstance(self.histories, Mapping):
            named = {f"fold {number}": history for number, history in enumerate(self.histories)}
            object.__setattr__(self, "histories", named)


@dataclass(frozen=True, eq=False)
class EnsembleResult:
    """An ensemble on clusters that a survey would have found.

    Parameters
    ----------
    test : PhotonTest
        Methods ``ENSEMBLE``, ``MEMBER`` and ``COUNT_RATE``.
    bright : (n,) bool array
        Rows that pass a higher cut in detection and extent likelihood.
    uniform : PhotonTest
        Methods ``UNIFORM`` and ``PLAIN``: taught with weights that make all masses equally common, and without.
    noise, noise_training : dict of float to PhotonTest
        By the standard deviation of the noise on the redshift, 0 among them; method ``NETWORK``.
    selection : dict of str to float
        What is to be known of the selection.
    n_members, n_parameters : int
        Networks, and trained numbers of each.

    Raises
    ------
    MassError
        If a test lacks its methods, or ``bright`` is not one truth value per row.
    """

    test: PhotonTest
    bright: np.ndarray
    uniform: PhotonTest
    noise: Mapping[float, PhotonTest]
    noise_training: Mapping[float, PhotonTest]
    selection: Mapping[str, float]
    n_members: int
    n_parameters: int

    def __post_init__(self) -> None:
        _check_methods(self.test, "ensemble: test", ENSEMBLE, MEMBER, COUNT_RATE)
        _check_methods(self.uniform, "ensemble: uniform", UNIFORM, PLAIN)
        for name in ("noise", "noise_training"):
            for sigma, test in getattr(self, name).items():
                _check_methods(test, f"ensemble: {name}[{sigma}]", NETWORK)
        object.__setattr__(self, "bright", _column(self.bright, len(self.test), "ensemble: bright", "b"))


@dataclass(frozen=True, eq=False)
class ImprovedResult:
    """A network for any number of photons and any subset of bands, beside a classical mass on the same images.

    Parameters
    ----------
    name : str
    test : PhotonTest
        Methods ``NETWORK`` and ``CLASSICAL``; images of all numbers of photons mixed.
    snr : (n,) array [1]
        Signal-to-noise ratio of the classical measurement; what is not finite stands in no bin.
    flag : (n,) int array
        Places in ``domain.FLAGS``.
    by_counts : dict of float to PhotonTest
        By the number of the cluster's photons to which images were thinned.
    by_bands : dict of str to PhotonTest
        By the bands that are shown.
    by_offset_arcmin : dict of float to PhotonTest
        By how far the centre is wrong [arcmin].
    faults : dict of str to (int, int, int)
        Faults put into images -> how many got each of ``domain.FLAGS``.
    training : dict
        Facts of the training, JSON-able.

    Raises
    ------
    MassError
        If a test lacks its methods, a column is not one number per row, or there is no such flag.
    """

    name: str
    test: PhotonTest
    snr: np.ndarray
    flag: np.ndarray
    by_counts: Mapping[float, PhotonTest]
    by_bands: Mapping[str, PhotonTest]
    by_offset_arcmin: Mapping[float, PhotonTest]
    faults: Mapping[str, tuple[int, int, int]]
    training: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_methods(self.test, f"{self.name}: test", NETWORK, CLASSICAL)
        for name in ("by_counts", "by_bands", "by_offset_arcmin"):
            for key, test in getattr(self, name).items():
                _check_methods(test, f"{self.name}: {name}[{key}]", NETWORK, CLASSICAL)
        for name, kinds in (("snr", "fiu"), ("flag", "iu")):
            column = _column(getattr(self, name), len(self.test), f"{self.name}: {name}", kinds)
            object.__setattr__(self, name, column)
        if not np.isin(self.flag, np.arange(len(FLAGS))).all():
            raise MassError(
                "There is no such flag.",
                where=f"{self.name}: flag",
                expected=f"0 to {len(FLAGS) - 1}, for {', '.join(FLAGS)}",
                got=f"{self.flag.min()} to {self.flag.max()}",
            )


def _check_methods(test: PhotonTest, where: str, *methods: str) -> None:
    missing = [name for name in methods if name not in test.methods]
    if missing:
        raise MassError(
            "A test lacks a method that it is judged by.",
            where=where,
            expected=", ".join(methods),
            got=", ".join(test.methods),
        )


def _column(values: np.ndarray, n: int, where: str, kinds: str) -> np.ndarray:
    """Return a column of n entries whose numpy kind is one of ``kinds``."""
    column = np.asarray(values)
    if column.shape != (n,) or column.dtype.kind not in kinds:
        raise MassError(
            "There is one entry per row.",
            where=where,
            expected=f"shape ({n},), of kind {' or '.join(kinds)}",
            got=f"shape {column.shape} of {column.dtype}",
        )
    return column
