"""How fast does the painter paint, where does the time go, and what bounds it?"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from astropy import units as u
from numba import njit

from rows import Row
from zwicky.core.grid import Grid
from zwicky.simulations.painter.drawing.draw import draw
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.painting import paint as painting
from zwicky.simulations.painter.painting.gas_steps import LANES, exp_
from zwicky.simulations.painter.painting.paint import Pixels, gas_rays
from zwicky.simulations.painter.painting.rays import BLOCK, Scene, block_nodes
from zwicky.simulations.painter.painting.scene import orientation, scene_of
from zwicky.simulations.painter.painting.turbulence import environment_field, turbulence_field
from zwicky.simulations.painter.settings import PainterSettings

HSU = Grid(128, 0.1 * u.Mpc, "proper")
DE_ANDRES = Grid(80, 0.025 * u.dimensionless_unscaled, "scaled")
SIGHT_LINES = 29
SEED = 1
FLOPS_PER_NODE = 210
"""Counted in gas_steps.py and field_steps.py: host 18, two fields 65 each, three filaments 20 each, the rest 2."""
READS_PER_NODE = 15
"""From tables: host 4, one field 5, its dark matter 2, rms and clumping 2, emissivity 2."""


def rows(*, quick: bool) -> list[Row]:
    """Measure one core, its parts and bounds, and two processes over one."""
    painter = Painter(PainterSettings(), SEED)
    n = 4 if quick else 100
    painter.theory(0, 0, HSU)  # compiled, or read from the cache of an earlier run
    painter.theory(0, 0, DE_ANDRES)
    set_ms = _cpu_ms(lambda i: painter.theory(i + 1, 0, HSU), n)
    sight_lines = 2 if quick else SIGHT_LINES
    clusters = 1 if quick else 6
    per_line_ms = _cpu_ms(lambda i: _all_lines(painter, 200 + i, sight_lines), clusters) / sight_lines
    cube = painter.emission(0, 0, HSU)
    cube_ms = _cpu_ms(lambda i: painter.emission(0, i, HSU), n)
    lines_ms = _cpu_ms(lambda i: painter.theory(0, i, HSU), n)
    found = [
        Row(
            "painter, 7 maps of 128 x 128",
            set_ms,
            "ms",
            f"CPU of one core, mean of {n} clusters with all content",
        ),
        Row(
            "painter, 7 maps of 80 x 80",
            per_line_ms,
            "ms",
            f"CPU per sight-line, {sight_lines} of each cluster",
        ),
        Row("painter, 35,000 sets of 128 x 128", 35_000 * set_ms / 3.6e6, "h", "of one core"),
        Row(
            "painter, emission cubes",
            1e3 / cube_ms,
            "1/s/core",
            f"{len(cube.kt_kev)} x 128 x 128, sight-lines of a cluster; its 7 maps: {1e3 / lines_ms:.0f} 1/s/core",
        ),
    ]
    return found + _parts(painter, n, set_ms) + _bounds(painter, 2 if quick else 20) + _two(quick=quick)


def _cpu_ms(work: Callable[[int], object], n: int) -> float:
    start = time.process_time()
    for i in range(n):
        work(i)
    return (time.process_time() - start) / n * 1e3


def _all_lines(painter: Painter, cluster: int, n: int) -> None:
    for sight_line in range(n):
        painter.theory(cluster, sight_line, DE_ANDRES)


def _parts(painter: Painter, n: int, set_ms: float) -> list[Row]:
    """Time the parts of a set alone."""
    pixels = Pixels.around(HSU.n_pixels, HSU.pixel_value, (0.0, 0.0))
    depth = painter.config.depth.to_value(u.Mpc)
    prepared = [painter.prepared(i)[0] for i in range(1, n + 1)]
    turned = [orientation(SEED, i, 0) for i in range(1, n + 1)]
    drawing = _cpu_ms(lambda i: draw(painter.config, SEED, i + 1), n)
    fields = _cpu_ms(lambda i: (turbulence_field(SEED, i), environment_field(SEED, i)), n)
    gas = _cpu_ms(lambda i: painting.gas_maps(prepared[i], turned[i], depth, pixels), n)
    return [
        Row("  drawing the cluster", drawing, "ms", f"{drawing / set_ms:.0%} of a set of 128 x 128"),
        Row("  its random fields", fields, "ms", f"{fields / set_ms:.0%}: noise and one complex FFT of 64^3"),
        Row("  gas along rays", gas, "ms", f"{gas / set_ms:.0%}"),
        Row("  tables, dark matter, stars", set_ms - drawing - fields - gas, "ms", "the rest"),
    ]


def _nodes(painter: Painter, cluster: int) -> int:
    """Return how many (ray, node) pairs a set of 128 x 128 has."""
    prepared, _ = painter.prepared(cluster)
    scene = scene_of(prepared, orientation(SEED, cluster, 0), painter.config.depth.to_value(u.Mpc))
    pixels = Pixels.around(HSU.n_pixels, HSU.pixel_value, (0.0, 0.0))
    rays = gas_rays(scene, prepared.anatomy.r500c_mpc, pixels).astype(int) ** 2
    total = 0
    for i in range(0, pixels.n, BLOCK):
        for j in range(0, pixels.n, BLOCK):
            in_block = int(rays[i : i + BLOCK, j : j + BLOCK].sum())
            total += -(-in_block // LANES) * LANES * _nodes_of_block(scene, pixels, i, j)
    return total


def _nodes_of_block(scene: Scene, pixels: Pixels, i: int, j: int) -> int:
    z, dz = np.empty((2, 256), np.float32)
    side = pixels.side_mpc
    x, y = pixels.x_first_mpc + (j - 0.5) * side, pixels.y_first_mpc + (i - 0.5) * side
    near = np.empty(len(scene.clumps) + 1, np.int64)
    return int(block_nodes(scene, x, x + BLOCK * side, y, y + BLOCK * side, near, z, dz)[0])


@njit(fastmath=True)
def _exponentials(x: np.ndarray, n: int) -> None:
    for _ in range(n):
        for i in range(x.size):
            x[i] = exp_(x[i] * np.float32(1e-3))


@njit(fastmath=True)
def _reads(table: np.ndarray, place: np.ndarray) -> float:
    total = np.float32(0.0)
    for i in range(place.size):
        total += table[place[i]]
    return total


def _bounds(painter: Painter, n: int) -> list[Row]:
    """Return what a set would take at the arithmetic and the table reads that this core can do."""
    nodes = float(np.mean([_nodes(painter, i) for i in range(1, n + 1)]))
    x = np.zeros(2048, np.float32)
    _exponentials(x, 1)
    flops = 17.0 * x.size * 20_000 / (_cpu_ms(lambda _: _exponentials(x, 20_000), 1) * 1e-3)
    table = np.zeros(65**3, np.float32)
    # Reads in the order of rays: neighbours in a batch are neighbours in the cube.
    walk = (np.arange(4_000_000) * 37 // 16 % table.size).astype(np.uint32)
    _reads(table, walk)
    reads = walk.size / (_cpu_ms(lambda _: _reads(table, walk), 3) * 1e-3)
    arithmetic, tables = nodes * FLOPS_PER_NODE / flops * 1e3, nodes * READS_PER_NODE / reads * 1e3
    return [
        Row("  nodes along rays", nodes / 1e3, "1000", "of a set of 128 x 128, mean"),
        Row(
            "  bound of arithmetic",
            arithmetic,
            "ms",
            f"{FLOPS_PER_NODE} operations a node, {flops / 1e9:.0f} Gflop/s",
        ),
        Row(
            "  bound of table reads",
            tables,
            "ms",
            f"{READS_PER_NODE} reads a node, {reads / 1e9:.2f} G/s from 1 MB",
        ),
    ]


def _paint_many(n: int, first: int, begin: float) -> float:
    """Paint n sets in this process, from a moment on, and return the seconds that they took."""
    painter = Painter(PainterSettings(), SEED)
    painter.theory(0, 0, HSU)
    time.sleep(max(begin - time.time(), 0.0))
    start = time.perf_counter()
    for i in range(first, first + n):
        painter.theory(i, 0, HSU)
    return time.perf_counter() - start


def _compute_many(n: int, _first: int, begin: float) -> float:
    """Do arithmetic on numbers that never leave the core, as ``_paint_many`` paints."""
    x = np.zeros(2048, np.float32)
    _exponentials(x, 1)
    time.sleep(max(begin - time.time(), 0.0))
    start = time.perf_counter()
    _exponentials(x, 40_000 * n)
    return time.perf_counter() - start


def _two(*, quick: bool) -> list[Row]:
    """Compare two processes at once with one, on the same sets; and what the machine gives to plain arithmetic."""
    n, turns = (4, 1) if quick else (150, 6)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        painted = _over_one(pool, _paint_many, n, turns, 1.0 if quick else 20.0)
        computed = _over_one(pool, _compute_many, n, turns, 1.0 if quick else 5.0)
    return [
        Row("painter, two processes over one", painted[0], "1", f"{2 * n} sets, all warm; {painted[1]}"),
        Row(
            "  arithmetic, two processes over one",
            computed[0],
            "1",
            f"what this machine allows; {computed[1]}",
        ),
    ]


def _over_one(
    pool: ProcessPoolExecutor, work: Callable[[int, int, float], float], n: int, turns: int, warm_s: float
) -> tuple[float, str]:
    """Return how much sooner two processes are done than one, each at its fastest, and how that was found."""
    one, two = [], []
    for turn in range(turns):
        begin = time.time() + (1.0 if turn else warm_s)  # the first time, both must have started
        two.append(max(pool.map(work, (n, n), (1000, 1000 + n), (begin, begin))))
        one.append(pool.submit(work, 2 * n, 1000, 0.0).result())
    ratios = np.divide(one, two)
    return min(one) / min(
        two
    ), f"the fastest of {turns} turns each; turns: {min(ratios):.2f} to {max(ratios):.2f}"
