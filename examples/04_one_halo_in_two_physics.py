"""One halo in two physics: the same seed and index are one mass, shape and company, with other gas and stars.

New here: `parent`. Both clusters share it, so that no split puts one physics into training and the other into the test.
"""

import numpy as np
from astropy import units as u

from zwicky.core.grid import Grid
from zwicky.core.masses import M200C
from zwicky.core.quantities import MapQuantity
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.settings import PainterSettings

GRID = Grid(64, 0.05 * u.Mpc, "proper")
AREA_MPC2 = GRID.pixel_value**2

print("physics   M200c [1e14 Msun]   gas fraction   star fraction   Y(3.2 Mpc box) [Mpc^2]   X-rays [erg/s]")
for physics in ("gadgetx", "gizmo"):
    painter = Painter(PainterSettings(preset=physics), seed=1)
    seen = painter.theory(cluster_index=8, sight_line=0, grid=GRID)
    y = np.sum(seen[MapQuantity.COMPTON_Y].values) * AREA_MPC2
    x_rays = np.sum(seen[MapQuantity.XRAY_SURFACE_BRIGHTNESS].values) * AREA_MPC2 * 1e40
    drawn = seen.cluster.properties
    print(
        f"{physics:9s} {seen.cluster.mass(M200C).msun / 1e14:17.2f}   {drawn['gas_fraction_500']:12.3f}   "
        f"{drawn['star_fraction_500']:13.4f}   {y:23.2e}   {x_rays:14.2e}"
    )
    print(f"          parent: {seen.cluster.parent}")
