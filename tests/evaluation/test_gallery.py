"""The gallery: rows by mass, columns by quantity, and circles where R200 is."""

import matplotlib.image
import numpy as np
import pytest
from astropy import units as u

from zwicky.core.cluster import Cluster
from zwicky.core.cosmology import COSMOLOGIES
from zwicky.core.errors import MapError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.masses import M200C, Mass
from zwicky.core.quantities import UNIT_OF
from zwicky.evaluation import gallery


def map_set(mass, grid, fill=None):
    cluster = Cluster(f"c{mass:g}", 0.1, {M200C: Mass(mass, M200C)}, cosmology=COSMOLOGIES["planck18"])
    blob = (
        1e12 * np.exp(-3.0 * grid.radius() / grid.radius().max())
        if fill is None
        else np.full(grid.shape, fill)
    )
    maps = {c.quantity: Map(blob, c.quantity, UNIT_OF[c.quantity], grid, "theory") for c in gallery.COLUMNS}
    return MapSet(cluster, maps)


PROPER = Grid(24, 0.2 * u.Mpc, "proper")


def test_rows_are_sorted_by_mass_and_every_range_is_written():
    figure = gallery.gallery_figure([map_set(8e14, PROPER), map_set(1e14, PROPER)])
    assert len(figure.axes) == 14
    assert [figure.axes[i].get_ylabel() for i in (0, 7)] == [
        r"$M_{200c} = 1.0 \times 10^{14}$ M$_\odot$",
        r"$M_{200c} = 8.0 \times 10^{14}$ M$_\odot$",
    ]
    brightest = np.log10(map_set(1e14, PROPER)[gallery.COLUMNS[0].quantity].values.max())
    assert all(f"10^{{{brightest:.1f}}}" in ax.get_xlabel() for ax in figure.axes)
    assert "dark matter" in figure.axes[0].get_title()


@pytest.mark.parametrize("kind", ["proper", "scaled", "sky"])
def test_the_circle_is_r200(kind):
    unit = {"proper": u.Mpc, "scaled": u.dimensionless_unscaled, "sky": u.arcmin}[kind]
    maps = map_set(5e14, Grid(24, 0.2 * unit, kind))
    circle = gallery.gallery_figure([maps]).axes[0].patches[0]
    radius_mpc = maps.cluster.mass(M200C).radius_mpc(0.1, maps.cluster.cosmology)
    expected = {
        "proper": radius_mpc,
        "scaled": 1.0,
        "sky": radius_mpc * maps.cluster.cosmology.arcmin_per_mpc(0.1),
    }
    assert circle.radius == pytest.approx(expected[kind])


def test_the_picture_has_the_size_of_a_readme(tmp_path):
    gallery.draw_gallery([map_set(m, PROPER) for m in (1e14, 3e14, 1e15)], tmp_path / "gallery.png")
    height, width, _ = matplotlib.image.imread(tmp_path / "gallery.png").shape
    assert 1350 < width < 1650
    assert 600 < height < 900


def test_empty_maps_are_said_to_be_empty():
    figure = gallery.gallery_figure([map_set(1e14, PROPER, fill=0.0)])
    assert {ax.get_xlabel() for ax in figure.axes} == {"nothing"}


def test_an_empty_gallery_is_refused():
    with pytest.raises(MapError, match="needs clusters"):
        gallery.gallery_figure([])
