"""The scorecard of masses from X-ray photons: the tests of two papers and of what goes beyond, with errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.card_file import CardFormat
from zwicky.evaluation.microwave.statistics import Bootstrap
from zwicky.evaluation.xray.blocks import PhotonJudge
from zwicky.evaluation.xray.results import EnsembleResult, FoldsResult, ImprovedResult

_KEYS: Final = frozenset({"format", "format_version", "seed", "n_resamples", "folds", "ensemble", "improved"})

PHOTON_CARD: Final = CardFormat("zwicky photon scorecard", 1, _KEYS)
"""How these scorecards are kept."""

write_photon_scorecard = PHOTON_CARD.write
read_photon_scorecard = PHOTON_CARD.read


def build_photon_scorecard(
    *,
    folds: FoldsResult | None = None,
    ensemble: EnsembleResult | None = None,
    improved: Mapping[str, ImprovedResult] | None = None,
    seed: int,
    n_resamples: int = 500,
) -> dict[str, Any]:
    """Judge what an experiment on photons found.

    Parameters
    ----------
    folds : FoldsResult, optional
        Of Ntampaka et al. 2019.
    ensemble : EnsembleResult, optional
        Of Krippendorf et al. 2024.
    improved : dict of str to ImprovedResult, optional
        By name.
    seed, n_resamples : int
        Of the bootstrap over parents.

    Returns
    -------
    dict
        Ready for JSON: ``folds`` and ``ensemble``, None if there is none, and ``improved`` by name. A number is an
        estimate, a dict of ``value``, ``low_68``, ``high_68``, ``low_95`` and ``high_95``; None where not defined.

    Raises
    ------
    MassError
        If no fold has rows enough for a scatter, or tests of redshift noise are not of the same clusters.
    """
    judge = PhotonJudge(Bootstrap(n_resamples, Key(seed, Stream.BOOTSTRAP)))
    return {
        "format": PHOTON_CARD.name,
        "format_version": PHOTON_CARD.version,
        "seed": seed,
        "n_resamples": n_resamples,
        "folds": None if folds is None else judge.folds(folds),
        "ensemble": None if ensemble is None else judge.ensemble(ensemble),
        "improved": {name: judge.improved(one) for name, one in sorted((improved or {}).items())},
    }
