"""The page of one cluster: self-contained, with every number that matters, and a profile that is that of the map."""

import re

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.cluster import Cluster
from zwicky.core.grid import Grid
from zwicky.core.maps import Map
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.data.fits_mass_map import MassMap
from zwicky.evaluation.mapping.cluster_report import (
    headline,
    map_panels,
    mass_profiles,
    ring_profile,
    write_cluster_report,
)

GRID = Grid(40, 0.9 * u.arcmin, "sky")
PIXEL_MPC = 0.1
RADII_MPC = np.arange(1, 11) * 0.2
QUANTILES_MSUN = 1e14 * RADII_MPC[:, None] * np.array([0.8, 0.9, 1.0, 1.1, 1.25])
HALF_DEX = 0.05


def mass_map(light="in-domain", name="A <2142>", masked=False):
    radius_mpc = GRID.radius() / GRID.pixel_value * PIXEL_MPC
    mean = 1e15 / (0.2 + radius_mpc)
    y = MapQuantity.COMPTON_Y
    mask = GRID.radius() < 1.0 if masked else None
    view = Map(1e-19 * mean, y, UNIT_OF[y], GRID, "observed", mask=mask, beam_arcmin=2.7)
    half = np.full(GRID.shape, HALF_DEX)
    return MassMap(
        Cluster(name, 0.1), GRID, PIXEL_MPC, 2.7, None, mean, np.log10(mean), half, 2 * half, {"y": view}, light,
        {"commit": "abc", "model": {"kind": "any"}},
    )  # fmt: skip


@pytest.fixture
def page(tmp_path):
    def write(name="report.html", **changes):
        write_cluster_report(
            tmp_path / name,
            mass_map(**changes),
            radii_mpc=RADII_MPC,
            mass_quantiles_msun=QUANTILES_MSUN,
            subtitle="40 x 40 pixels",
            inputs=[{"view": "y", "file": "y.fits", "beam_arcmin": 1.2}],
            missing=["xray", "stars"],
            reasons=["odd"] if changes.get("light") else [],
            notes=["y: cut & averaged"],
        )
        return (tmp_path / name).read_text(encoding="utf-8")

    return write


def test_the_page_says_what_matters_and_needs_nothing_else(page):
    html = page()
    for text in (
        "A &lt;2142&gt;",
        "Missing: xray, stars",
        "y.fits",
        "y: cut &amp; averaged",
        "commit",
        "in-domain",
    ):
        assert text in html
    assert headline(RADII_MPC, QUANTILES_MSUN) in html
    assert html.count("data:image/png;base64,") == 2
    assert re.findall(r"(?:src|href)=\"(?!data:)", html) == []
    assert "do not use these masses" not in html
    assert page("again.html") == html


def test_a_red_light_is_explained(page):
    html = page(light="out-of-domain")
    assert "<li>odd</li>" in html
    assert "do not use these masses" in html


def test_the_headline_is_the_largest_cylinder():
    assert headline(RADII_MPC, QUANTILES_MSUN) == (
        "Inside a cylinder of 2 Mpc lie 2 × 10¹⁴ solar masses: 1.8 to 2.2 (68 %), 1.6 to 2.5 (95 %)."
    )


def test_rings_follow_the_profile():
    radius, mean, low, high = ring_profile(mass_map())
    assert len(radius) == 20
    np.testing.assert_allclose(mean, 1e15 / (0.2 + radius), rtol=0.02)
    np.testing.assert_allclose(low, mean * 10.0**-HALF_DEX, rtol=1e-9)
    np.testing.assert_allclose(high, mean * 10.0**HALF_DEX, rtol=1e-9)
    assert 0.05 < radius[0] < 0.1 < radius[1] < 0.2
    assert radius[-1] < 2.0


def test_figures_show_each_map_and_each_interval():
    figure = map_panels(mass_map(masked=True))
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == ["Compton y", "mass, mean", "mass, sd over mean"]
    sd = figure.axes[2].images[0].get_array()
    np.testing.assert_allclose(sd, 100 * np.sqrt(np.expm1((np.log(10) * HALF_DEX) ** 2)))
    (crosses,) = figure.axes[0].lines
    assert len(crosses.get_xdata()) == 4
    left, right = mass_profiles(mass_map(), RADII_MPC, QUANTILES_MSUN).axes
    np.testing.assert_allclose(right.lines[0].get_ydata(), QUANTILES_MSUN[:, 2])
    assert (len(left.collections), len(right.collections)) == (1, 2)


def test_a_flat_map_is_drawn(tmp_path):
    flat = np.ones(GRID.shape)
    one = mass_map()
    map_panels(
        MassMap(
            one.cluster, GRID, PIXEL_MPC, 2.7, None, flat, 0 * flat, flat, flat, one.inputs, "edge"
        )
    )  # fmt: skip
