"""One mock cluster as Planck would see it, weighed the classical way and compared with the truth.

New here: a survey is a function of two numbers, the cluster and the sight-line. The same numbers give the same pixels,
on every machine and in any order. No network is needed, and no training.
"""

import numpy as np

from zwicky.core.masses import M500C
from zwicky.core.quantities import MapQuantity
from zwicky.inference.conformal import LEVELS
from zwicky.inference.estimator import classical_estimator
from zwicky.mocks.settings import SurveySettings

survey = SurveySettings().build(seed=1)
observed = survey.observe(cluster_index=4, sight_line=0)

cluster, stamp = observed.cluster, observed[MapQuantity.COMPTON_Y]
truth = cluster.mass(M500C)
print(f"cluster       {cluster.id}, z = {cluster.redshift:.3f}")
print(f"stamp         {stamp.grid}, beam {stamp.beam_arcmin:g} arcmin")
print(f"brightest     {1e6 * stamp.values.max():.1f}e-6 Compton-y")
print(f"true mass     {truth.definition} = {truth.msun / 1e14:.2f}e14 Msun")

# A matched filter measures Y500 at every size; the Y-M relation turns it into a posterior of the mass.
weighed = classical_estimator(survey).weigh(stamp.values[None], np.array([cluster.redshift]))
low, middle, high = (10.0 ** weighed.log10_quantiles[0, LEVELS.index(p)] for p in (0.16, 0.5, 0.84))
print(f"signal/noise  {weighed.snr[0]:.1f}")
print(f"Y500          {weighed.y500_arcmin2[0]:.2e} +- {weighed.sigma_arcmin2[0]:.1e} arcmin^2")
print(
    f"weighed       {truth.definition} = {middle / 1e14:.2f}e14 Msun, 68 %: {low / 1e14:.2f} to {high / 1e14:.2f}"
)
