"""From trained networks to an estimator: fit the classical relation, recalibrate both, set the warning light.

Nothing here sees the test set: the relation is fitted on training parents, the rest on validation parents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zwicky.data.dataset import MapData, selected
from zwicky.inference.conformal import Conformal
from zwicky.inference.domain import Domain, describe, words_of
from zwicky.inference.ensemble import NetworkAnswer
from zwicky.inference.estimator import Estimator, EstimatorFacts, classical_estimator
from zwicky.inference.features import distance_from_cloud, fit_cloud, has_features
from zwicky.mocks.kinds import SzSurveySettings
from zwicky.models.base import MassModel

N_RELATION = 3000
"""Training observations that the Y-M relation is fitted on: its offset is then known to 0.5 %."""


def calibrated_estimator(
    members: list[MassModel],
    model_settings: Mapping[str, Any],
    training: MapData,
    validation: MapData,
    survey_settings: SzSurveySettings,
    survey_seed: int,
    provenance: Mapping[str, Any],
) -> Estimator:
    """Calibrate trained networks.

    Parameters
    ----------
    members : list of MassModel
        The ensemble.
    model_settings : dict
        With which they were built.
    training, validation : MapData
        Different parents.
    survey_settings, survey_seed
        Of the store that both come from.
    provenance : dict
        JSON-able, kept with the estimator.
    """
    network = NetworkAnswer(members)
    stamps, redshift, truth = _arrays(validation)
    raw = network.predict(stamps, redshift)
    for member in members:
        member.fit_error(raw, validation.log10_mass)
    answer = network.predict(stamps, redshift)

    some = _arrays(training, N_RELATION)
    classical = classical_estimator(survey_settings.build(survey_seed)).fitted(*some)
    masses = classical.weigh(stamps, redshift)
    centre, scale = classical.centre_and_scale(masses.log10_quantiles)

    numbers = describe(stamps, masses, classical.matched_filter)
    cloud = {}
    if has_features(members[0]):
        cloud = fit_cloud(network.features(*some[:2]))
        numbers["features"] = distance_from_cloud(network.features(stamps, redshift), cloud)

    facts = EstimatorFacts(
        model=dict(model_settings),
        member_sha256=(),
        survey=survey_settings,
        survey_seed=survey_seed,
        ln_y_offset=classical.ln_y_offset,
        sigma_ln_y=classical.sigma_ln_y,
        network_conformal=Conformal.fit(truth, answer.mean.numpy(), answer.sd.numpy(), masses.snr),
        classical_conformal=Conformal.fit(truth, centre, scale, masses.snr),
        domain=Domain.fit(numbers, masses.snr, words_of(classical.matched_filter.instrument.seen_bands)),
        sizes={"train": len(training), "validation": len(validation)},
        provenance=dict(provenance),
    )
    return Estimator(facts, network, cloud)


def _arrays(data: MapData, n: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return stamps, redshifts and log10 masses as arrays."""
    some = data if n is None else selected(data, slice(0, n))
    return some.stamps, some.redshift.double().numpy(), some.log10_mass.double().numpy()
