"""Weigh the cluster of a FITS map with the estimator that ships with zwicky.

New here: the way from a file to a mass. The map is a mock, so that the truth is known: leave out the first part for a
map of your own. The header says unit, pixel and beam; nothing is guessed, and what is missing is asked for.
"""

from pathlib import Path

from astropy.coordinates import SkyCoord

from zwicky.core.masses import M500C
from zwicky.core.quantities import MapQuantity
from zwicky.data.fits_out import write_map
from zwicky.inference.estimator import Estimator
from zwicky.mocks.settings import SurveySettings
from zwicky.workflows.answer import answer_text
from zwicky.workflows.shipped import estimator_folder
from zwicky.workflows.weigh import MapOptions, weigh_map

# A map: one mock cluster, put somewhere on the sky.
path = Path("build/mock_cluster.fits")
observed = SurveySettings().build(seed=1).observe(cluster_index=9, sight_line=0)
position = SkyCoord("13h00m +28d00m")
write_map(observed[MapQuantity.COMPTON_Y], path, center=position, overwrite=True)

# Its mass: the same as  zwicky infer build/mock_cluster.fits --redshift Z
estimator = Estimator.load(estimator_folder("deandres2022"))
answer = weigh_map(path, observed.cluster.redshift, estimator, MapOptions())
print(answer_text(answer))

truth = observed.cluster.mass(M500C).msun
print(f"  truth: {truth / 1e14:.2f}")
