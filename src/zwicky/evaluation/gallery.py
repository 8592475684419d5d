"""A picture of painted clusters: one row for each, of growing mass; one column for each quantity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from zwicky.core.errors import MapError
from zwicky.core.maps import MapSet
from zwicky.core.masses import M200C
from zwicky.core.quantities import MapQuantity
from zwicky.evaluation.plots import new_figure, save_png, styled


class _Column(NamedTuple):
    quantity: MapQuantity
    title: str
    unit: str
    colours: str
    decades: float  # below the brightest pixel


COLUMNS: Final = (
    _Column(MapQuantity.DARK_SURFACE_DENSITY, "dark matter", "M$_\\odot$ Mpc$^{-2}$", "inferno", 3.0),
    _Column(MapQuantity.GAS_SURFACE_DENSITY, "gas", "M$_\\odot$ Mpc$^{-2}$", "viridis", 2.6),
    _Column(MapQuantity.STAR_SURFACE_DENSITY, "stars", "M$_\\odot$ Mpc$^{-2}$", "bone", 4.0),
    _Column(MapQuantity.TOTAL_SURFACE_DENSITY, "all matter", "M$_\\odot$ Mpc$^{-2}$", "inferno", 3.0),
    _Column(MapQuantity.COMPTON_Y, "Compton $y$", "1", "plasma", 4.0),
    _Column(
        MapQuantity.XRAY_SURFACE_BRIGHTNESS, "X-ray power", "10$^{40}$ erg s$^{-1}$ Mpc$^{-2}$", "afmhot", 5.5
    ),
    _Column(
        MapQuantity.XRAY_PHOTON_BRIGHTNESS, "X-ray photons", "10$^{50}$ s$^{-1}$ Mpc$^{-2}$", "afmhot", 5.5
    ),
)

_FAINTEST_PERCENT: Final = 2.0  # of the pixels may be darker than the scale, if it has decades to spare
_PANEL_IN: Final = 1.45


@styled
def gallery_figure(map_sets: Sequence[MapSet]) -> Figure:
    """Draw the maps of clusters on logarithmic scales; the range of each stands under it, in powers of ten.

    Parameters
    ----------
    map_sets : list of MapSet
        Of simulated clusters, on proper or scaled grids; sorted by mass here.

    Raises
    ------
    MapError
        If there are none.
    """
    if not map_sets:
        raise MapError("A gallery needs clusters.", expected="at least one map set", got="none")
    rows = sorted(map_sets, key=lambda one: one.cluster.mass(M200C).msun)
    width = _PANEL_IN * len(COLUMNS) + 0.1
    figure = new_figure(width, (_PANEL_IN + 0.22) * len(rows) + 0.42, "compressed")
    axes = figure.subplots(len(rows), len(COLUMNS), squeeze=False)
    for row, (ax_row, maps) in enumerate(zip(axes, rows, strict=True)):
        for ax, column in zip(ax_row, COLUMNS, strict=True):
            _draw(ax, maps, column)
            if row == 0:
                ax.set_title(f"{column.title}\n[{column.unit}]", fontsize=8.5)
        ax_row[0].set_ylabel(_name(maps), fontsize=8.5)
    return figure


def draw_gallery(map_sets: Sequence[MapSet], path: Path) -> None:
    """Write the gallery as a PNG file of about 1500 pixels in width; parameters as of ``gallery_figure``."""
    save_png(gallery_figure(map_sets), path)


def _name(maps: MapSet) -> str:
    exponent = int(np.floor(maps.cluster.mass(M200C).log10_msun))
    mantissa = maps.cluster.mass(M200C).msun / 10.0**exponent
    return f"$M_{{200c}} = {mantissa:.1f} \\times 10^{{{exponent}}}$ M$_\\odot$"


def _draw(ax: Axes, maps: MapSet, column: _Column) -> None:
    values = maps[column.quantity].values
    bright = values[values > 0.0]
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    if not bright.size:
        ax.set_xlabel("nothing", fontsize=7.5)
        return
    high = float(np.log10(bright.max()))
    low = max(float(np.percentile(np.log10(bright), _FAINTEST_PERCENT)), high - column.decades)
    image = np.log10(np.maximum(values, 10.0**low))
    half = 0.5 * maps.grid.n_pixels * maps.grid.pixel_value
    ax.imshow(
        image,
        extent=(-half, half, -half, half),
        cmap=column.colours,
        vmin=low,
        vmax=high,
        interpolation="nearest",
    )
    ax.add_patch(Circle((0.0, 0.0), _r200(maps), fill=False, color="white", lw=0.7, ls=":"))
    ax.set_xlabel(f"$10^{{{low:.1f}}}$ … $10^{{{high:.1f}}}$", fontsize=7.5, labelpad=2)


def _r200(maps: MapSet) -> float:
    """Return the radius of 200 critical densities in the unit of the grid's pixel."""
    cluster, kind = maps.cluster, maps.grid.kind
    if kind == "scaled":
        return 1.0
    radius_mpc = cluster.mass(M200C).radius_mpc(cluster.redshift, cluster.cosmology)
    return radius_mpc if kind == "proper" else radius_mpc * cluster.cosmology.arcmin_per_mpc(cluster.redshift)
