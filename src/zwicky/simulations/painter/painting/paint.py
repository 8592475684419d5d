"""Paint one cluster along one line of sight: seven maps, as means over pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.core.quantities import MapQuantity
from zwicky.physics.constants import Y_PER_KEV_CM3_MPC
from zwicky.physics.plasma import ELECTRONS_CM3_PER_MSUN_MPC3
from zwicky.simulations.painter.anatomy import MERGER_EDGE, Anatomy, MergingHalo, merging_shape
from zwicky.simulations.painter.painting import projection
from zwicky.simulations.painter.painting.lookup import BITS, Q2_OCTAVES, nodes, with_steps
from zwicky.simulations.painter.painting.rays import MOST_RAYS, N_COLUMNS, Scene, gas_columns
from zwicky.simulations.painter.painting.scene import Prepared, scene_of, sky_form

QUANTITIES: Final = (
    MapQuantity.DARK_SURFACE_DENSITY,
    MapQuantity.GAS_SURFACE_DENSITY,
    MapQuantity.STAR_SURFACE_DENSITY,
    MapQuantity.TOTAL_SURFACE_DENSITY,
    MapQuantity.COMPTON_Y,
    MapQuantity.XRAY_SURFACE_BRIGHTNESS,
    MapQuantity.XRAY_PHOTON_BRIGHTNESS,
)

_SOFTENING_PIXELS: Final = 0.25
_STIRRED_R500: Final = 1.3
"""Inside of which a pixel that is wider than the cells of turbulence is averaged over several rays."""
_CELLS_PER_RAY: Final = 2.0


@dataclass(frozen=True)
class Pixels:
    """Square pixels in Mpc at the cluster's redshift, with the cluster's centre at 0.

    Parameters
    ----------
    n : int
        Per side.
    side_mpc : float [Mpc, proper]
        Of one.
    x_first_mpc, y_first_mpc : float [Mpc, proper]
        Centre of pixel (0, 0).
    """

    n: int
    side_mpc: float
    x_first_mpc: float
    y_first_mpc: float

    @classmethod
    def around(cls, n: int, side_mpc: float, centre_mpc: tuple[float, float]) -> Pixels:
        """Return n x n pixels whose own centre is the cluster's less ``centre_mpc`` (y, x)."""
        first = -0.5 * (n - 1) * side_mpc
        return cls(n, side_mpc, first - centre_mpc[1], first - centre_mpc[0])

    def refined(
        self, x_mpc: float, y_mpc: float, zones: tuple[tuple[float, int], ...], out: np.ndarray
    ) -> None:
        """Raise the rays per side around a point: ``zones`` are (radius in pixels, odd number of rays)."""
        far = max(radius for radius, _ in zones)
        i, j = (y_mpc - self.y_first_mpc) / self.side_mpc, (x_mpc - self.x_first_mpc) / self.side_mpc
        rows = slice(max(int(i - far), 0), max(int(i + far) + 2, 0))
        columns = slice(max(int(j - far), 0), max(int(j + far) + 2, 0))
        part = out[rows, columns]
        if part.size:
            y = np.arange(self.n)[rows, None] - i
            x = np.arange(self.n)[None, columns] - j
            distance2 = y * y + x * x
            for radius, rays in zones:
                part[(distance2 < radius * radius) & (part < rays)] = rays


@dataclass(frozen=True, eq=False)
class Columns:
    """The tables of a cluster's linear fields, projected through its column once for all lines of sight.

    Parameters
    ----------
    dark, stars : (node, 2) float32 arrays [Msun Mpc^-2]
        Of the host.
    merger : (node, 2) float32 array [Msun Mpc^-2]
        Of the merging halo's dark matter; empty without one.
    """

    dark: np.ndarray
    stars: np.ndarray
    merger: np.ndarray


def project_columns(cluster: Anatomy, depth_mpc: float) -> Columns:
    """Project the host and the merging halo; see ``Columns``."""
    host, r200 = cluster.host, cluster.r200c_mpc
    # Elliptical radii are about as long as true ones: the column's ends are where little is left.
    dark = _table(host.radius_mpc, host.dark_density, r200, 0.5 * depth_mpc)
    stars = _table(host.radius_mpc, host.star_density, r200, 0.5 * depth_mpc)
    merger = np.empty((0, 2), np.float32)
    if (halo := cluster.merging_halo) is not None:
        radius = np.geomspace(1e-3, MERGER_EDGE, 160) * halo.radius_mpc
        shape = merging_shape(radius / halo.radius_mpc, halo.concentration)
        density = shape * halo.mass_msun / np.trapezoid(4.0 * np.pi * radius**3 * shape, np.log(radius))
        merger = _table(radius, density, halo.radius_mpc, MERGER_EDGE * halo.radius_mpc)
    return Columns(dark, stars, merger)


def paint(
    prepared: Prepared, columns: Columns, to_sky: np.ndarray, depth_mpc: float, pixels: Pixels
) -> dict[MapQuantity, np.ndarray]:
    """Return the maps of ``QUANTITIES``, (y, x) float64 in the units they are kept in.

    Parameters
    ----------
    prepared : Prepared
        The cluster with its fields and tables.
    columns : Columns
        Its projected linear fields, for the same depth.
    to_sky : (3, 3) array [1]
        Rotation from the cluster's frame to the sky.
    depth_mpc : float [Mpc, proper]
        Length of the column, centred on the cluster.
    pixels : Pixels
        Where.
    """
    cluster = prepared.anatomy
    gas, pressure, energy, photons, change = gas_maps(prepared, to_sky, depth_mpc, pixels)
    mean = cluster.cosmology.mean_density_msun_mpc3(cluster.redshift) * depth_mpc
    dark = _dark(cluster, columns, to_sky, depth_mpc, pixels)
    dark += change + (1.0 - cluster.baryon_fraction) * mean
    gas = gas / ELECTRONS_CM3_PER_MSUN_MPC3 + cluster.baryon_fraction * mean
    stars = _stars(cluster, columns, to_sky, depth_mpc, pixels)
    return dict(
        zip(
            QUANTITIES,
            (dark, gas, stars, dark + gas + stars, pressure * Y_PER_KEV_CM3_MPC, energy, photons),
            strict=True,
        )
    )


def _table(radius: np.ndarray, density: np.ndarray, unit: float, half_depth: float) -> np.ndarray:
    at = np.sqrt(nodes(Q2_OCTAVES, BITS)) * unit
    coarse = np.geomspace(at[0], at[-1], 140)
    inside = coarse < radius[-1]
    values = np.zeros_like(coarse)
    values[inside] = projection.project(radius, density, coarse[inside], half_depth)
    return with_steps(np.exp(np.interp(np.log(at), np.log(coarse), np.log(np.maximum(values, 1e-30)))))


def gas_rays(scene: Scene, r500c_mpc: float, pixels: Pixels) -> np.ndarray:
    """Return how many rays per side each pixel needs, (y, x) int8: more where the gas changes inside a pixel."""
    rays = np.ones((pixels.n, pixels.n), np.int8)
    if scene.turbulence_radius > 0.0:
        cells = pixels.side_mpc * float(np.abs(scene.turbulence_to_cells).max())
        per_side = min(1 + 2 * int(cells / _CELLS_PER_RAY / 2.0 + 0.5), MOST_RAYS)
        pixels.refined(0.0, 0.0, ((_STIRRED_R500 * r500c_mpc / pixels.side_mpc, per_side),), rays)
    pixels.refined(0.0, 0.0, ((4.5, 3), (1.5, 5), (1.0, 9)), rays)
    for row in scene.clumps:
        core_pixels = row[4] ** -0.5 / pixels.side_mpc
        if core_pixels < 2.0:
            pixels.refined(row[0], row[1], ((1.0 + core_pixels, 3),), rays)
    return rays


def gas_maps(prepared: Prepared, to_sky: np.ndarray, depth_mpc: float, pixels: Pixels) -> np.ndarray:
    """Return the columns that ``rays`` integrates, as means over pixels, (5, y, x); arguments as for ``paint``."""
    cluster = prepared.anatomy
    scene = scene_of(prepared, to_sky, depth_mpc)
    refine = gas_rays(scene, cluster.r500c_mpc, pixels)
    shape = (N_COLUMNS, pixels.n, pixels.n)
    centres, means = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    gas_columns(scene, pixels.side_mpc, pixels.x_first_mpc, pixels.y_first_mpc, refine, centres, means)
    for centre, mean in zip(centres, means, strict=True):
        projection.means_from_centres(refine, centre, mean)
    return means.astype(np.float64)


def _dark(
    cluster: Anatomy, columns: Columns, to_sky: np.ndarray, depth_mpc: float, pixels: Pixels
) -> np.ndarray:
    host = cluster.host
    refine = np.ones((pixels.n, pixels.n), np.int8)
    pixels.refined(0.0, 0.0, ((6.0, 3), (1.5, 9)), refine)
    out = _ellipsoid(pixels, host.dark_axes, to_sky, cluster.r200c_mpc, columns.dark, refine, (0.0, 0.0))
    if (halo := cluster.merging_halo) is not None:
        out += _merging(halo, columns, to_sky, pixels)
    clumps = cluster.dark_clumps
    position = clumps.position_mpc @ to_sky.T
    seen = _seen(position, clumps.edge_mpc, depth_mpc, pixels)
    core = np.hypot(clumps.core_mpc, _SOFTENING_PIXELS * pixels.side_mpc)[seen]
    # A softened core must stay inside the truncation, and that inside the edge.
    truncation = np.maximum(clumps.truncation_mpc[seen], 1.5 * core)
    edge = np.maximum(clumps.edge_mpc[seen], 3.0 * truncation)
    projection.dark_clumps(
        pixels.side_mpc, pixels.x_first_mpc, pixels.y_first_mpc, position[seen, 0], position[seen, 1],
        clumps.mass_msun[seen], core, truncation, edge, out,
    )  # fmt: skip
    return out


def _merging(halo: MergingHalo, columns: Columns, to_sky: np.ndarray, pixels: Pixels) -> np.ndarray:
    x, y, _ = to_sky @ halo.position_mpc
    refine = np.ones((pixels.n, pixels.n), np.int8)
    pixels.refined(float(x), float(y), ((6.0, 3), (1.5, 9)), refine)
    return _ellipsoid(
        pixels, np.ones(3), to_sky, halo.radius_mpc, columns.merger, refine, (float(x), float(y))
    )


def _stars(
    cluster: Anatomy, columns: Columns, to_sky: np.ndarray, depth_mpc: float, pixels: Pixels
) -> np.ndarray:
    refine = np.ones((pixels.n, pixels.n), np.int8)
    pixels.refined(0.0, 0.0, ((5.0, 5), (1.5, 11)), refine)
    out = _ellipsoid(
        pixels, cluster.host.star_axes, to_sky, cluster.r200c_mpc, columns.stars, refine, (0.0, 0.0)
    )
    galaxies = cluster.galaxies
    position = galaxies.position_mpc @ to_sky.T
    seen = _seen(position, 5.0 * galaxies.width_mpc, depth_mpc, pixels)
    projection.galaxies(
        pixels.side_mpc, pixels.x_first_mpc, pixels.y_first_mpc, position[seen, 0], position[seen, 1],
        galaxies.mass_msun[seen], galaxies.width_mpc[seen], out,
    )  # fmt: skip
    return out


def _ellipsoid(
    pixels: Pixels,
    axes: np.ndarray,
    to_sky: np.ndarray,
    unit_mpc: float,
    table: np.ndarray,
    refine: np.ndarray,
    at_mpc: tuple[float, float],
) -> np.ndarray:
    form, stretch = projection.projected_form(sky_form(axes, to_sky))
    centres = np.zeros((pixels.n, pixels.n))
    means = np.zeros_like(centres)
    projection.ellipses(
        pixels.side_mpc,
        pixels.x_first_mpc - at_mpc[0],
        pixels.y_first_mpc - at_mpc[1],
        np.array([form[0, 0], form[1, 1], 2.0 * form[0, 1]], np.float32) / np.float32(unit_mpc**2),
        table * np.float32(stretch),
        refine,
        centres,
        means,
    )
    projection.means_from_centres(refine, centres, means)
    return means


def _seen(position: np.ndarray, reach: np.ndarray, depth_mpc: float, pixels: Pixels) -> np.ndarray:
    """Say which bodies are in the column and reach into the map."""
    last = (pixels.n - 1) * pixels.side_mpc
    in_x = np.abs(position[:, 0] - pixels.x_first_mpc - 0.5 * last) < 0.5 * last + reach + pixels.side_mpc
    in_y = np.abs(position[:, 1] - pixels.y_first_mpc - 0.5 * last) < 0.5 * last + reach + pixels.side_mpc
    return np.asarray((np.abs(position[:, 2]) < 0.5 * depth_mpc) & in_x & in_y)
