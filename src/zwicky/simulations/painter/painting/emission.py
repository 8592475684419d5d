"""The emission measure of a whole map, shared among nodes of temperature: the gas of ``rays``, sorted by its heat."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from zwicky.core.quantities import MapQuantity
from zwicky.physics.constants import CM_PER_MPC
from zwicky.physics.plasma import N_H_OVER_N_E
from zwicky.physics.xray import BOLOMETRIC, EnergyBand, cooling_function
from zwicky.simulations.emission import EmissionCube
from zwicky.simulations.painter.painting import gas_steps, projection
from zwicky.simulations.painter.painting.compiled import Compiled
from zwicky.simulations.painter.painting.gas_steps import LANES
from zwicky.simulations.painter.painting.lookup import FINE_BITS, KEV_OCTAVES, nodes
from zwicky.simulations.painter.painting.paint import Pixels, gas_rays
from zwicky.simulations.painter.painting.rays import (
    BLOCK,
    Scene,
    block_nodes,
    gas_of_batch,
    list_rays,
    workspace,
)
from zwicky.simulations.painter.painting.scene import (
    HOTTEST_KEV,
    PHOTON_BRIGHTNESS_UNIT,
    SURFACE_BRIGHTNESS_UNIT,
    Prepared,
    scene_of,
)

KT_KEV: Final = np.concatenate(
    [
        [0.0085],  # colder than the 1e5 K at which emission starts: what counts here is dark
        np.geomspace(0.0087, 0.1, 6, endpoint=False),
        np.geomspace(0.1, 6.0, 35, endpoint=False),
        np.geomspace(6.0, HOTTEST_KEV, 8),
    ]
)
"""Nodes of temperature: steps of 12 % where clusters shine, because light of energy E is e^(-E / k T) and convex."""


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def _copy_block(i0: int, j0: int, block: np.ndarray, maps: np.ndarray) -> None:
    """Copy a block of pixels, (pixel, column), to where it belongs in maps, (column, y, x)."""
    _, n_y, n_x = maps.shape
    for c in range(block.shape[1]):
        for i in range(i0, min(i0 + BLOCK, n_y)):
            for j in range(j0, min(j0 + BLOCK, n_x)):
                maps[c, i, j] = block[(i - i0) * BLOCK + j - j0, c]


@Compiled
def emission_columns(
    scene: Scene,
    factor: np.ndarray,
    below: np.ndarray,
    above: np.ndarray,
    pixel: float,
    x_first: float,
    y_first: float,
    refine: np.ndarray,
    centres: np.ndarray,
    means: np.ndarray,
) -> None:
    """Integrate emission measures along the rays of ``rays.gas_columns``.

    Parameters
    ----------
    scene : Scene
        What is there; its emissivities are not read.
    factor : (place, measure) float32 array
        What multiplies the squared electron density at a squared elliptical radius.
    below, above : (temperature,) arrays
        Of ``shares``.
    pixel, x_first, y_first : float
        Side of a pixel, and the place of the first one's centre.
    refine : (y, x) int8 array
        Odd numbers: rays per side of each pixel.
    centres, means : (column, y, x) float32 arrays
        Filled: the columns through each pixel's centre, and their mean over its rays; a column is a node of a measure,
        the nodes of one measure after the other.
    """
    n_y, n_x = refine.shape
    n_columns = centres.shape[0]
    work = workspace(scene.clumps.shape[0], refine.max())
    out = np.empty((factor.shape[1], n_columns // factor.shape[1], LANES), np.float32)
    column = out.reshape((n_columns, LANES))
    # A pixel's columns lie side by side until its block is done: far apart, writing them would cost half of the time.
    centre = np.empty((BLOCK * BLOCK, n_columns), np.float32)
    mean = np.empty((BLOCK * BLOCK, n_columns), np.float32)
    for i0 in range(0, n_y, BLOCK):
        y0, y1 = y_first + (i0 - 0.5) * pixel, y_first + (min(i0 + BLOCK, n_y) - 0.5) * pixel
        for j0 in range(0, n_x, BLOCK):
            x0, x1 = x_first + (j0 - 0.5) * pixel, x_first + (min(j0 + BLOCK, n_x) - 0.5) * pixel
            n, n_near = block_nodes(scene, x0, x1, y0, y1, work.near, work.z, work.dz)
            n_rays = list_rays(work, i0, j0, pixel, x_first, y_first, refine)
            mean[:] = 0.0
            for first in range(0, n_rays, LANES):
                x, y = work.x[first : first + LANES], work.y[first : first + LANES]
                gas_of_batch(scene, work, n, n_near, x, y)
                out[:] = 0.0
                gas_steps.share_out(
                    work.z[:n], work.dz[:n], work.density[:n], work.pressure[:n], work.place[:n], factor,
                    below, above, out,
                )  # fmt: skip
                for lane in range(min(LANES, n_rays - first)):
                    code = work.pixel[first + lane]
                    i, j = divmod(code if code >= 0 else -1 - code, n_x)
                    at = (i - i0) * BLOCK + j - j0
                    for c in range(n_columns):
                        mean[at, c] += work.share[first + lane] * column[c, lane]
                        if code >= 0:
                            centre[at, c] = column[c, lane]
            _copy_block(i0, j0, centre, centres)
            _copy_block(i0, j0, mean, means)


def shares(kt_kev: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return between which nodes gas is shared: at each temperature of ``lookup``, linearly in its logarithm.

    Parameters
    ----------
    kt_kev : (node,) array [keV]
        Increasing, at least two. Gas outside of them counts at the end.

    Returns
    -------
    below : (temperature,) int32 array
        The node below.
    above : (temperature,) float32 array [1]
        The share of the node above that one.
    """
    ln_kt = np.log(kt_kev)
    ln_kev = np.log(nodes(KEV_OCTAVES, FINE_BITS)[:-1])
    below = np.clip(np.searchsorted(ln_kt, ln_kev, side="right") - 1, 0, len(ln_kt) - 2)
    above = (ln_kev - ln_kt[below]) / np.diff(ln_kt)[below]
    return below.astype(np.int32), np.clip(above, 0.0, 1.0).astype(np.float32)


def emission_maps(
    prepared: Prepared,
    to_sky: np.ndarray,
    depth_mpc: float,
    pixels: Pixels,
    kt_kev: np.ndarray = KT_KEV,
    weights: tuple[np.ndarray, ...] = (),
) -> np.ndarray:
    """Return the emission measure int n_e n_H dl by temperature, as means over pixels.

    The gas is that of ``paint.gas_maps``, clumping below the cells of its fields included.

    Parameters
    ----------
    prepared : Prepared
        The cluster with its fields and tables.
    to_sky : (3, 3) array [1]
        Rotation from the cluster's frame to the sky.
    depth_mpc : float [Mpc, proper]
        Length of the column, centred on the cluster.
    pixels : Pixels
        Where.
    kt_kev : (node,) array [keV]
        Nodes of temperature; see ``shares``.
    weights : tuple of (place,) arrays
        Each makes a further measure of gas weighted by it, a function of the squared elliptical radius.

    Returns
    -------
    (measure, node, y, x) float32 array [cm^-6 Mpc]
        First all gas as it is.
    """
    scene = scene_of(prepared, to_sky, depth_mpc)
    refine = gas_rays(scene, prepared.anatomy.r500c_mpc, pixels)
    clumping = N_H_OVER_N_E * prepared.rms_table[:, 2]
    factor = np.stack([clumping, *(clumping * one for one in weights)], axis=1).astype(np.float32)
    shape = (factor.shape[1], len(kt_kev), pixels.n, pixels.n)
    centres, means = np.empty((2, shape[0] * shape[1], pixels.n, pixels.n), np.float32)
    emission_columns(
        scene, factor, *shares(kt_kev), pixels.side_mpc, pixels.x_first_mpc, pixels.y_first_mpc, refine,
        centres, means,
    )  # fmt: skip
    for centre, mean in zip(centres, means, strict=True):
        projection.means_from_centres(refine, centre, mean)
    return means.reshape(shape)


def brightness(
    cube: EmissionCube, band: EnergyBand, column_density_cm2: float
) -> dict[MapQuantity, np.ndarray]:
    """Return the bolometric and the photon map of a cube, (y, x) in the units they are kept in.

    Parameters
    ----------
    cube : EmissionCube
        The gas.
    band : EnergyBand
        Of the photons, at the observer.
    column_density_cm2 : float [cm^-2]
        Of the hydrogen in our galaxy that absorbs photons.
    """

    def emissivities(metallicity: float) -> np.ndarray:
        energy = cooling_function(cube.kt_kev, BOLOMETRIC, metallicity=metallicity)
        photons = cooling_function(
            cube.kt_kev,
            band,
            redshift=cube.cluster.redshift,
            metallicity=metallicity,
            column_density_cm2=column_density_cm2,
            photons=True,
        )
        return np.stack([energy / SURFACE_BRIGHTNESS_UNIT, photons / PHOTON_BRIGHTNESS_UNIT]) * CM_PER_MPC**3

    plasma = emissivities(0.0)
    energy, photons = cube.seen(plasma, emissivities(1.0) - plasma)
    return {MapQuantity.XRAY_SURFACE_BRIGHTNESS: energy, MapQuantity.XRAY_PHOTON_BRIGHTNESS: photons}
