"""A map of all matter from a Compton-y, an X-ray and a star map, by the best linear filter.

New here: views and a target. A survey without a telescope shows a cluster in several maps on the same pixels, and a
method learns the last of them from the others. The filter takes a second to fit and is what a network must beat; a
trained network answers for the same views, with errors: see docs/mapping.md.
"""

import numpy as np

from zwicky.core.cluster import Cluster
from zwicky.core.masses import M200C, M500C
from zwicky.core.quantities import MapQuantity
from zwicky.evaluation.mapping.apertures import cylinder_masses_msun, relative_difference
from zwicky.evaluation.mapping.fractions import gas_fraction
from zwicky.inference.mapping.linear_map import LinearMap
from zwicky.mocks.theory_settings import TheorySurveySettings
from zwicky.physics.nfw import projected_mass_msun

N_TRAIN, N_TEST = 150, 30
RADII_MPC = np.array([0.25, 0.5, 1.0, 1.5])

settings = TheorySurveySettings(grid="proper-4mpc", beam_fwhm=0.15, also=("gas_surface_density",))
survey = settings.build(seed=1)
observed = [survey.observe(i, sight_line=0) for i in range(N_TRAIN + N_TEST)]


def stack(quantity: MapQuantity) -> np.ndarray:
    """Return one map of every cluster, (n, y, x) [the unit that the quantity is kept in]."""
    return np.stack([one[quantity].values for one in observed])


def nfw_msun(cluster: Cluster) -> np.ndarray:
    """Return M(<R) [Msun] in cylinders through a round halo of the same mass and concentration, (radius,)."""
    mass = cluster.mass(M200C)
    r200c_mpc = mass.radius_mpc(cluster.redshift, cluster.cosmology)
    return projected_mass_msun(RADII_MPC, mass.msun, r200c_mpc, cluster.properties["concentration"])


views = np.stack([stack(quantity) for quantity in settings.view_quantities], axis=1)
total, gas = stack(settings.target_quantity), stack(MapQuantity.GAS_SURFACE_DENSITY)

# Train on some clusters, look at others. A view that is not present is never read.
train, test = slice(N_TRAIN), slice(N_TRAIN, None)
predicted = {}
for n_views, name in enumerate(("SZ", "SZ + X-rays", "SZ + X-rays + stars"), start=1):
    present = [i < n_views for i in range(len(settings.views))]
    predicted[name] = LinearMap.fit(views[train], total[train], present).predict(views[test])
    low, high = np.quantile(relative_difference(total[test], predicted[name]), (0.16, 0.84))
    print(f"{name:20s} half of the pixels' 16-84 % range: {50.0 * (high - low):.0f} %")

# One of them: the mass inside cylinders. From one side or another, a cluster shows some 10 % more or less than a round
# one; in the mean the beam, and gas and subhaloes that lie further out, leave less in the core.
pixel_mpc, radii_mpc = np.full(len(total), survey.grid.pixel_value), np.tile(RADII_MPC, (len(total), 1))
true_msun = cylinder_masses_msun(total, pixel_mpc, radii_mpc)
over_round = (true_msun / [nfw_msun(one.cluster) for one in observed]).mean(axis=0)
cluster = observed[N_TRAIN].cluster
columns = {"true": true_msun[N_TRAIN], "NFW": nfw_msun(cluster)}
for name, maps in predicted.items():
    columns[name] = cylinder_masses_msun(maps[:1], pixel_mpc[:1], radii_mpc[:1])[0]
print(f"\n{cluster.id}: {cluster.mass(M200C)}; M(<R) in cylinders [1e14 Msun]")
print("".join(f"{name:21s}" for name in ("R [Mpc]", *columns, "true over NFW, all")))
for i, radius in enumerate(RADII_MPC):
    cells = (radius, *(column[i] / 1e14 for column in columns.values()), over_round[i])
    print("".join(f"{cell:<21.2f}" for cell in cells))

r500c_mpc = cluster.mass(M500C).radius_mpc(cluster.redshift, cluster.cosmology)
in_cylinder = gas_fraction(gas[test][:1], total[test][:1], pixel_mpc[:1], np.array([[r500c_mpc]]))[0, 0]
print(f"gas fraction inside R500c: {in_cylinder:.3f} in the cylinder, ", end="")
print(f"{cluster.properties['gas_fraction_500']:.3f} in the sphere")
