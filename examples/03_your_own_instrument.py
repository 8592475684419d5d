"""How much better would masses be if Planck had half the noise?

New here: a telescope is data. Take one of the catalogue, change a number, and observe the same clusters with the same
random numbers: whatever differs is the telescope. One of your own is a TOML file like
src/zwicky/instruments/catalogue/planck_milca.toml.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from zwicky.core.masses import M500C
from zwicky.core.quantities import MapQuantity
from zwicky.inference.estimator import classical_estimator
from zwicky.instruments.instrument import Instrument
from zwicky.mocks.settings import SurveySettings

N_CLUSTERS = 200
CLUSTERS = {"kind": "spherical", "log10_m500c_range": (14.2, 15.4), "redshift_edges": (0.1, 0.5)}


def weigh(instrument: Instrument) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true log10 M500c [dex of Msun], the error of the classical one [dex] and the S/N [1] of each cluster."""
    survey = replace(SurveySettings(simulation=CLUSTERS).build(seed=3), instrument=instrument)
    observed = [survey.observe(i, sight_line=0) for i in range(N_CLUSTERS)]
    stamps = np.array([one[MapQuantity.COMPTON_Y].values for one in observed])
    redshift = np.array([one.cluster.redshift for one in observed])
    truth = np.array([one.cluster.mass(M500C).log10_msun for one in observed])
    estimator = classical_estimator(survey)
    weighed = estimator.weigh(stamps, redshift)
    middle, _ = estimator.centre_and_scale(weighed.log10_quantiles)
    return truth, middle - truth, weighed.snr


planck = Instrument.named("planck_milca")
noise = planck.config.noise
half = noise.model_copy(update={"power_arcmin2": tuple(0.25 * power for power in noise.power_arcmin2)})
quiet = replace(planck, config=planck.config.model_copy(update={"name": "half_noise", "noise": half}))

truth, error, snr = weigh(planck)
_, quiet_error, quiet_snr = weigh(quiet)

table = [("", "Planck", "half the noise")]
table += [("noise of a pixel [1e-6 Compton-y]", *(f"{1e6 * one.field.rms:.2f}" for one in (planck, quiet)))]
table += [(f"clusters above S/N 4.5, of {N_CLUSTERS}", *(str((s > 4.5).sum()) for s in (snr, quiet_snr)))]
for low, high in pairwise((14.2, 14.5, 14.8, 15.4)):
    rows = (truth >= low) & (truth < high)
    errors = (np.sqrt(np.mean(e[rows] ** 2)) for e in (error, quiet_error))
    table += [(f"error of log10 M, {low} to {high} [dex]", *(f"{e:.3f}" for e in errors))]
for name, before, after in table:
    print(f"{name:38s}{before:10s}{after}")
print(
    "What stays: the residual sky, and the scatter of Y500 at fixed mass, 0.075 dex / 1.79 = 0.042 dex of mass."
)
