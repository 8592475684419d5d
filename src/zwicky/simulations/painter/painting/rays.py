"""The gas of a whole map: blocks of pixels, each with nodes of its own, in batches of rays."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numba import njit

from zwicky.simulations.painter.painting import field_steps, gas_steps
from zwicky.simulations.painter.painting.compiled import Compiled
from zwicky.simulations.painter.painting.gas_steps import LANES
from zwicky.simulations.painter.painting.line_nodes import MAX_CENTRES, MAX_NODES, line_nodes
from zwicky.simulations.painter.painting.lookup import gauss_legendre

BLOCK: Final = 16
"""Pixels per side of a block."""

N_COLUMNS: Final = 5
"""Electrons [cm^-3 Mpc], pressure [keV cm^-3 Mpc], two emissions, and the change of the dark column."""


MOST_RAYS: Final = 9
"""Per side of a pixel."""

_PLACES, _WEIGHTS = gauss_legendre(MOST_RAYS)


class Scene(NamedTuple):
    """A cluster as one line of sight sees it: lengths in Mpc, x and y on the sky, z along the line of sight.

    Rows of bodies are described where they are read, in ``gas_steps`` and ``field_steps``; a form is that of an
    ellipsoid, (xx, yy, zz, 2xy, 2xz, 2yz) over R200 squared. All float32 but ``turbulence_cube`` (int32).
    """

    depth: float
    host_scale: float
    step: float
    gas_form: np.ndarray
    gas_table: np.ndarray
    rms_table: np.ndarray
    dark_form: np.ndarray
    dark_table: np.ndarray
    emissivity: np.ndarray
    clumps: np.ndarray
    filaments: np.ndarray
    to_cluster: np.ndarray
    slosh_table: np.ndarray
    slosh_radius: float
    shocks: np.ndarray
    cavities: np.ndarray
    cavities_radius: float
    turbulence_to_cells: np.ndarray
    turbulence_cube: np.ndarray
    turbulence_half_variance: np.float32
    turbulence_correlation: float
    turbulence_radius: float
    environment_to_cells: np.ndarray
    environment_cube: np.ndarray
    environment_half_variance: np.float32
    environment_radius: float


class Work(NamedTuple):
    """What a block and a batch write into: nodes, rays, and (node, lane) values."""

    z: np.ndarray
    dz: np.ndarray
    near: np.ndarray
    x: np.ndarray
    y: np.ndarray
    pixel: np.ndarray
    share: np.ndarray
    place: np.ndarray
    density: np.ndarray
    pressure: np.ndarray
    out: np.ndarray


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def workspace(n_clumps: int, most_rays: int) -> Work:
    """Return room for a block."""
    n_rays = BLOCK * BLOCK * most_rays * most_rays + LANES
    return Work(
        np.empty(MAX_NODES, np.float32),
        np.empty(MAX_NODES, np.float32),
        np.empty(max(n_clumps, 1), np.int64),
        np.empty(n_rays, np.float32),
        np.empty(n_rays, np.float32),
        np.empty(n_rays, np.int64),
        np.empty(n_rays, np.float32),
        np.empty((MAX_NODES, LANES), np.int32),
        np.empty((MAX_NODES, LANES), np.float32),
        np.empty((MAX_NODES, LANES), np.float32),
        np.empty((N_COLUMNS, LANES), np.float32),
    )


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def _distance2(cx: float, cy: float, x0: float, x1: float, y0: float, y1: float) -> float:
    """Return the squared distance of a point from a rectangle."""
    dx = max(max(x0 - cx, cx - x1), 0.0)
    dy = max(max(y0 - cy, cy - y1), 0.0)
    return dx * dx + dy * dy


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def block_nodes(
    scene: Scene, x0: float, x1: float, y0: float, y1: float, near: np.ndarray, z: np.ndarray, dz: np.ndarray
) -> tuple[int, int]:
    """Choose the nodes of a block, and list the clumps that reach into it; return how many of each."""
    centre = np.zeros(MAX_CENTRES)
    scale = np.empty(MAX_CENTRES)
    weight = np.empty(MAX_CENTRES)
    scale[0] = np.hypot(scene.host_scale, 0.6 * np.sqrt(_distance2(0.0, 0.0, x0, x1, y0, y1)))
    weight[0] = 1.0
    n_centres = 1
    n_near = 0
    for i in range(scene.clumps.shape[0]):
        row = scene.clumps[i]
        d2 = _distance2(row[0], row[1], x0, x1, y0, y1)
        if d2 * row[5] < 16.0:
            near[n_near] = i
            n_near += 1
            if d2 * row[5] < 2.0 and n_centres < MAX_CENTRES:
                centre[n_centres] = row[2]
                scale[n_centres] = 0.7 * np.sqrt(1.0 / row[4] + d2)
                weight[n_centres] = 0.25
                n_centres += 1
    return line_nodes(scene.depth, scene.step, centre, scale, weight, n_centres, z, dz), n_near


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def _within(z: np.ndarray, radius2: float) -> tuple[np.intp, np.intp]:
    """Return the first and the last node plus one of those with z^2 < radius2."""
    half = np.sqrt(max(radius2, 0.0))
    return np.searchsorted(z, -half), np.searchsorted(z, half)


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def _fields(
    scene: Scene, work: Work, n: int, x: np.ndarray, y: np.ndarray, least2: float, most2: float
) -> None:
    """Apply the random fields to the nodes where they have an amplitude."""
    z, dz, place = work.z[:n], work.dz[:n], work.place[:n]
    if scene.turbulence_radius**2 > least2:
        i, j = _within(z, scene.turbulence_radius**2 - least2)
        field_steps.turbulence(
            z[i:j], x, y, scene.turbulence_to_cells, scene.turbulence_cube, place[i:j], scene.rms_table,
            scene.turbulence_half_variance, scene.turbulence_correlation, work.density[i:j], work.pressure[i:j],
        )  # fmt: skip
    i, j = _within(z, scene.environment_radius**2 - most2)
    for a, b in ((0, i), (j, n)):
        if b > a:
            field_steps.environment(
                z[a:b], x, y, scene.environment_to_cells, scene.environment_cube, place[a:b], scene.rms_table,
                scene.environment_half_variance, scene.dark_form, scene.dark_table, dz[a:b], work.out[4],
                work.density[a:b], work.pressure[a:b],
            )  # fmt: skip


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def gas_of_batch(scene: Scene, work: Work, n: int, n_near: int, x: np.ndarray, y: np.ndarray) -> None:
    """Fill density, pressure and place at the nodes of a batch of rays, and the change of the dark column."""
    z, dz, place = work.z[:n], work.dz[:n], work.place[:n]
    density, pressure = work.density[:n], work.pressure[:n]
    least2 = x[0] * x[0] + y[0] * y[0]
    most2 = least2
    for i in range(LANES):
        r2 = x[i] * x[i] + y[i] * y[i]
        least2 = min(least2, r2)
        most2 = max(most2, r2)
    work.out[:] = 0.0
    gas_steps.host(z, x, y, scene.gas_form, scene.gas_table, place, density, pressure)
    if scene.slosh_radius**2 > least2:
        i, j = _within(z, scene.slosh_radius**2 - least2)
        gas_steps.slosh(z[i:j], x, y, scene.to_cluster, place[i:j], scene.slosh_table, density[i:j])
    for i in range(n_near):
        gas_steps.clump(z, x, y, scene.clumps[work.near[i]], density, pressure)
    for i in range(scene.filaments.shape[0]):
        gas_steps.filament(z, x, y, scene.filaments[i], dz, work.out[4], density, pressure)
    for i in range(scene.shocks.shape[0]):
        gas_steps.shock(z, x, y, scene.shocks[i], density, pressure)
    if least2 < scene.cavities_radius**2:
        for i in range(scene.cavities.shape[0]):
            gas_steps.cavity(z, x, y, scene.cavities[i], density, pressure)
    _fields(scene, work, n, x, y, least2, most2)


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def _batch(scene: Scene, work: Work, n: int, n_near: int, x: np.ndarray, y: np.ndarray) -> None:
    """Sum the columns of a batch of rays into ``work.out``, (5, lane)."""
    gas_of_batch(scene, work, n, n_near, x, y)
    gas_steps.emit(
        work.z[:n], work.dz[:n], work.density[:n], work.pressure[:n], work.place[:n], scene.rms_table,
        scene.emissivity, work.out,
    )  # fmt: skip


@njit(fastmath=True, nogil=True, error_model="numpy", inline="always")
def list_rays(
    work: Work, i0: int, j0: int, pixel: float, x_first: float, y_first: float, refine: np.ndarray
) -> int:
    """List the rays of a block: one through each pixel's centre, and more where ``refine`` asks; return how many.

    A ray is filed under its pixel's number, one that is not through the centre under -1 - number.
    """
    n = 0
    for i in range(i0, min(i0 + BLOCK, refine.shape[0])):
        for j in range(j0, min(j0 + BLOCK, refine.shape[1])):
            fine = refine[i, j]
            number = i * refine.shape[1] + j
            for a in range(fine):
                for b in range(fine):
                    work.x[n] = x_first + (j + _PLACES[fine, b]) * pixel
                    work.y[n] = y_first + (i + _PLACES[fine, a]) * pixel
                    work.share[n] = _WEIGHTS[fine, a] * _WEIGHTS[fine, b]
                    work.pixel[n] = number if 2 * a + 1 == fine and 2 * b + 1 == fine else -1 - number
                    n += 1
    for i in range(n, n + LANES):  # the last batch is filled with copies that nobody reads
        work.x[i] = work.x[n - 1]
        work.y[i] = work.y[n - 1]
    return n


@Compiled
def gas_columns(
    scene: Scene,
    pixel: float,
    x_first: float,
    y_first: float,
    refine: np.ndarray,
    centres: np.ndarray,
    means: np.ndarray,
) -> None:
    """Integrate along rays.

    Parameters
    ----------
    scene : Scene
        What is there.
    pixel, x_first, y_first : float
        Side of a pixel, and the place of the first one's centre.
    refine : (y, x) int8 array
        Odd numbers: rays per side of each pixel.
    centres, means : (5, y, x) float32 arrays of zeros
        Filled: the columns through each pixel's centre, and their mean over its rays.
    """
    n_y, n_x = refine.shape
    work = workspace(scene.clumps.shape[0], refine.max())
    for i0 in range(0, n_y, BLOCK):
        y0, y1 = y_first + (i0 - 0.5) * pixel, y_first + (min(i0 + BLOCK, n_y) - 0.5) * pixel
        for j0 in range(0, n_x, BLOCK):
            x0, x1 = x_first + (j0 - 0.5) * pixel, x_first + (min(j0 + BLOCK, n_x) - 0.5) * pixel
            n, n_near = block_nodes(scene, x0, x1, y0, y1, work.near, work.z, work.dz)
            n_rays = list_rays(work, i0, j0, pixel, x_first, y_first, refine)
            for first in range(0, n_rays, LANES):
                _batch(scene, work, n, n_near, work.x[first : first + LANES], work.y[first : first + LANES])
                for lane in range(min(LANES, n_rays - first)):
                    code = work.pixel[first + lane]
                    i, j = divmod(code if code >= 0 else -1 - code, n_x)
                    for column in range(N_COLUMNS):
                        means[column, i, j] += work.share[first + lane] * work.out[column, lane]
                        if code >= 0:
                            centres[column, i, j] = work.out[column, lane]
