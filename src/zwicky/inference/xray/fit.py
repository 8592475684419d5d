"""From trained networks to an estimator of photon images: fit the luminosity, recalibrate both, set the warning light.

Nothing here sees the test set: the relation is fitted on training parents, the rest on validation parents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch

from zwicky.inference.classical import ClassicalEstimator
from zwicky.inference.conformal import Conformal
from zwicky.inference.domain import Domain
from zwicky.inference.ensemble import NetworkAnswer
from zwicky.inference.features import distance_from_cloud, fit_cloud, has_features
from zwicky.inference.xray import light
from zwicky.inference.xray.classical import WeigherFacts, weigh_classically
from zwicky.inference.xray.conversion import Conversion
from zwicky.inference.xray.estimator import (
    PhotonEstimator,
    PhotonEstimatorFacts,
    ask_images,
    conversion_of,
    features_of,
)
from zwicky.inference.xray.images import PhotonImages
from zwicky.inference.xray.masses import XRayWeigher
from zwicky.mocks.photon_settings import PhotonSurveySettings
from zwicky.models.base import MassModel

N_RELATION: Final = 3000
"""Training observations that the luminosity is fitted on: its offset is then known to 1 %."""
SNR_EDGES: Final = (5.0, 10.0, 20.0, 40.0)
N_CENTRE_BINS: Final = 3
"""Of the predicted mass, inside each bin of signal-to-noise."""


def calibrated_photon_estimator(
    members: Sequence[MassModel],
    model_settings: Mapping[str, Any],
    training: PhotonImages,
    training_log10: np.ndarray,
    validation: PhotonImages,
    validation_log10: np.ndarray,
    survey_settings: PhotonSurveySettings,
    survey_seed: int,
    log10_range: tuple[float, float],
    redshift_range: tuple[float, float],
    provenance: Mapping[str, Any],
) -> PhotonEstimator:
    """Calibrate trained networks.

    Parameters
    ----------
    members : sequence of MassModel
        The ensemble; each takes maps as of ``PhotonImages.stacked``.
    model_settings : dict
        With which they were built.
    training : PhotonImages
        The luminosity is fitted to these.
    training_log10 : (cluster,) array [dex of Msun]
        Their true M500c.
    validation : PhotonImages
        Of other parents, and as various as the images to be weighed, in exposure and bands.
    validation_log10 : (cluster,) array [dex of Msun]
        Their true M500c.
    survey_settings : PhotonSurveySettings
        Of the store that both come from.
    survey_seed : int
        Of the same.
    log10_range : (float, float) [dex of Msun]
        Of the training clusters.
    redshift_range : (float, float) [1]
        Of the training clusters.
    provenance : dict
        JSON-able, kept with the estimator.
    """
    network = NetworkAnswer(members)
    truth = np.asarray(validation_log10, float)
    raw = ask_images(network, validation)
    for member in members:
        member.fit_error(raw, torch.from_numpy(truth.astype(np.float32)))
    answer = ask_images(network, validation)

    survey = survey_settings.build(survey_seed)
    conversion = conversion_of(survey, survey.simulation.cluster(0).cosmology, redshift_range)
    weigher = fitted_weigher(training, np.asarray(training_log10, float), conversion, log10_range)
    masses = weigh_classically(weigher.weigher(conversion), validation)
    centre, scale = ClassicalEstimator.centre_and_scale(masses.log10_quantiles)

    bands_kev = survey.instrument.bands_kev
    numbers = light.describe(validation, masses, conversion, bands_kev)
    cloud = {}
    if has_features(members[0]):
        cloud = fit_cloud(features_of(network, training.selected(slice(0, N_RELATION))))
        numbers["features"] = distance_from_cloud(features_of(network, validation), cloud)

    def recalibrated(middle: np.ndarray, width: np.ndarray) -> Conformal:
        return Conformal.fit(truth, middle, width, masses.snr, SNR_EDGES, N_CENTRE_BINS)

    facts = PhotonEstimatorFacts(
        model=dict(model_settings),
        member_sha256=(),
        survey=survey_settings,
        survey_seed=survey_seed,
        log10_mass_range=log10_range,
        redshift_range=redshift_range,
        classical=weigher,
        network_conformal=recalibrated(answer.mean.numpy(), answer.sd.numpy()),
        classical_conformal=recalibrated(centre, scale),
        domain=Domain.fit(
            numbers,
            masses.snr,
            light.words_of(bands_kev),
            snr_edges=light.SNR_EDGES,
            min_stamps=light.MIN_IMAGES,
            slack=light.SLACK,
        ),
        sizes={"train": len(training), "validation": len(validation)},
        provenance=dict(provenance),
    )
    return PhotonEstimator(facts, network, cloud)


def fitted_weigher(
    training: PhotonImages,
    log10_mass: np.ndarray,
    conversion: Conversion,
    log10_range: tuple[float, float],
) -> WeigherFacts:
    """Return the luminosity relation of training clusters; the first of those with the most usual set of bands.

    Parameters
    ----------
    training : PhotonImages
        Of the clusters.
    log10_mass : (cluster,) array [dex of Msun]
        Their true M500c.
    conversion : Conversion
        Of the instrument.
    log10_range : (float, float) [dex of Msun]
        Where masses are looked for.
    """
    bands, rows = max(training.band_sets(), key=lambda one: len(one[1]))
    rows = rows[:N_RELATION]
    some = training.selected(rows)
    weigher = XRayWeigher.named(
        "luminosity", conversion.cosmology, log10_range, bands=bands, conversion=conversion, prior="training"
    )
    return WeigherFacts.of(weigher.fitted(some.profiles(), some.redshift, log10_mass[rows]))
