"""Linear maps beside a network in tests: fitted on a few maps, with intervals by decree."""

import numpy as np

from zwicky.inference.mapping.calibration import N_RADII, ApertureCalibration
from zwicky.inference.mapping.linear_map import LinearMap
from zwicky.inference.mapping.linear_masses import LinearFacts, LinearMasses
from zwicky.inference.mapping.mapper import subset_name

APERTURES = ApertureCalibration(edges=(), quantiles=(((-0.2, -0.1, 0.0, 0.1, 0.2),),) * N_RADII)


def toy_linear(maps, target, quantities, subsets):
    """Return linear maps of some subsets of views, as a saved mapper would hold them."""
    fitted = {subset_name(quantities, tuple(one)): LinearMap.fit(maps, target, tuple(one)) for one in subsets}
    facts = {
        name: LinearFacts(space=one.space, present=one.present, floor=one.floor, apertures=APERTURES)
        for name, one in fitted.items()
    }
    rough = LinearMasses(fitted, facts)
    return LinearMasses.of(facts, rough.tensors())  # rounded as in a file


def is_same(a, b):
    """Say whether two sets of linear maps have the same arrays."""
    pairs = zip(sorted(a.tensors().items()), sorted(b.tensors().items()), strict=True)
    return all(m == n and np.array_equal(x, y) for (m, x), (n, y) in pairs)
