"""What an estimator says of masses that it was never taught: does the light come on where it must saturate?"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from zwicky.core.masses import M200C
from zwicky.inference.conformal import LEVELS
from zwicky.inference.estimator import Estimator
from zwicky.mocks.microwave_settings import MicrowaveSurveySettings

M200C_1E14_MSUN: Final = (0.05, 0.3, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""From as good as no cluster to beyond the training masses [1e14 Msun]."""

N_EACH: Final = 60
REDSHIFT: Final = 0.7


def beyond_rows(estimator: Estimator, seed: int) -> list[dict[str, Any]]:
    """Weigh clusters of chosen masses at one redshift.

    Parameters
    ----------
    estimator : Estimator
        Of a microwave survey.
    seed : int
        Of clusters and skies.

    Returns
    -------
    list of dict
        For each mass: ``m200c_msun``, ``m500c_msun``, the median estimate ``median_m500c_msun``, ``sigma_dex``, the
        fraction ``flagged`` that are not in-domain, and whether the mass is one of the training range.
    """
    settings = estimator.facts.survey
    assert isinstance(settings, MicrowaveSurveySettings)
    simulation = {
        "kind": "fixed_spheres",
        "m200c_1e14_msun": M200C_1E14_MSUN,
        "redshift": REDSHIFT,
        "cosmology": estimator.simulation.config.cosmology,
        "sigma_ln_y500": estimator.simulation.config.sigma_ln_y500,
    }
    survey = settings.model_copy(update={"simulation": simulation, "target_beam": None}).build(seed + 1)
    n = N_EACH * len(M200C_1E14_MSUN)
    seen = [survey.observe(i, 0) for i in range(n)]
    stamps = np.array([[one.values for one in maps] for maps in seen])
    stamps = stamps[:, 0] if stamps.shape[1] == 1 else stamps
    weighed = estimator.weigh(stamps, np.full(n, REDSHIFT))
    median = weighed.network_log10[:, LEVELS.index(0.5)]
    low, high = estimator.log10_mass_range
    rows = []
    for number in range(len(M200C_1E14_MSUN)):
        these = slice(number, n, len(M200C_1E14_MSUN))
        cluster = seen[number].cluster
        m500c_msun = cluster.mass(estimator.definition).msun
        rows.append(
            {
                "m200c_msun": cluster.mass(M200C).msun,
                "m500c_msun": m500c_msun,
                "median_m500c_msun": float(10.0 ** np.median(median[these])),
                "sigma_dex": float(0.5 * np.diff(np.quantile(median[these], (0.16, 0.84)))[0]),
                "flagged": float((weighed.flag[these] > 0).mean()),
                "taught": bool(low <= np.log10(m500c_msun) <= high),
            }
        )
    return rows
