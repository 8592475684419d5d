"""The page of one cluster: it stands alone, says the masses, and draws what the samples hold."""

from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u

from zwicky.core.cluster import Cluster
from zwicky.core.grid import Grid
from zwicky.core.maps import Map
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.data.fits_posterior import SampledMap
from zwicky.evaluation.page import cell
from zwicky.evaluation.posterior import cluster_report
from zwicky.evaluation.posterior.cluster_report import (
    ClusterMasses,
    headline,
    mass_panels,
    profile_bands,
    ring_profiles,
    sample_panels,
    view_panels,
    write_posterior_report,
)
from zwicky.inference.posterior.cylinders import MassIntervals

SKY = Grid(16, 3.0 * u.arcmin, "sky")
TARGETS = (MapQuantity.GAS_SURFACE_DENSITY, MapQuantity.DARK_SURFACE_DENSITY)
RADII = np.array([0.4, 1.6])
STEPS = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])


def sampled(quantity, n=5):
    samples = 10.0 ** np.random.default_rng(1).normal(13, 0.3, (n, 16, 16)).astype(np.float32)
    return SampledMap(Cluster("A <1>", 0.05), quantity, SKY, 0.2, None, None, samples, "edge", 18, 3)


MAPS = [sampled(quantity) for quantity in TARGETS]
MASSES = ClusterMasses(
    np.array([14.3, 14.4, 14.45, 14.5, 14.7]),
    MassIntervals(
        RADII,
        1e14 * 10.0 ** (np.log10([[[1.0], [3.0]], [[7.0], [21.0]]]) + STEPS)[None],
        (14.45 + STEPS)[None],
        calibrated=True,
    ),
    2.5e14,
    1e14 * np.array([[1.1, 3.1], [7.1, 21.1]]),
)


def views(mask=None):
    values = np.random.default_rng(2).uniform(1e-6, 1e-4, SKY.shape)
    quantity = MapQuantity.COMPTON_Y
    return [Map(values, quantity, UNIT_OF[quantity], SKY, "observed", mask=mask)] * 2


def page(tmp_path, masses=MASSES, maps=MAPS):
    write_posterior_report(
        tmp_path / "report.html", maps, views(), masses, subtitle="16 x 16 pixels",
        inputs=[{"view": "y", "file": "<y>.fits"}], reasons=["z is odd"], notes=["a note"],
        provenance={"commit": "abc"},
    )  # fmt: skip
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_page_stands_alone_and_says_all(tmp_path):
    text = page(tmp_path)
    assert text.count("data:image/png;base64,") == text.count("<img ") == 4
    assert "http://" not in text
    assert "https://" not in text
    assert "A &lt;1&gt;" in text
    assert "<y>" not in text
    for words in ("z is odd", "a note", "abc", "16 x 16 pixels", headline(MASSES.intervals), "edge"):
        assert words in text
    assert "5 samples, 18 evaluations of the network each, seed 3." in text
    assert "Intervals are recalibrated on held-out clusters" in text
    for label, numbers in {
        "M200c": ("1.78", "2.24", "2.82", "3.55", "4.47", "2.5"),
        "gas, M(&lt;0.4 Mpc)": ("0.631", "0.794", "1", "1.26", "1.58", "1.1"),
        "dark, M(&lt;1.6 Mpc)": ("13.3", "16.7", "21", "26.4", "33.3", "21.1"),
    }.items():
        assert "".join(f"<td>{cell(one)}</td>" for one in (label, *numbers)) in text


@pytest.fixture
def without_images(monkeypatch):
    """Words only: images are drawn by the other tests, and take seconds."""
    words = {"title": "t", "caption": "c", "image": "data:,", "width": "1px"}
    monkeypatch.setattr(cluster_report, "embedded", lambda one: words)


def test_without_a_mean_map_and_without_recalibration(tmp_path, without_images):
    bare = ClusterMasses(MASSES.log10_m200c, replace(MASSES.intervals, calibrated=False))
    text = page(tmp_path, bare)
    assert "Intervals are those of the samples, not recalibrated" in text
    assert text.count("<td>none</td>") == 5


def test_a_red_light_is_a_warning(tmp_path, without_images):
    assert "do not use" not in page(tmp_path)
    red = [replace(one, light="out-of-domain") for one in MAPS]
    assert "do not use these maps and masses without a reason" in page(tmp_path, maps=red)


def test_headline():
    assert headline(MASSES.intervals) == (
        "M200c is 2.82 × 10¹⁴ solar masses: 2.24 to 3.55 (68 %), 1.78 to 4.47 (95 %)."
    )


def test_rings_of_a_straight_line():
    """A map that falls as its radius has rings that say their own radius, whatever the pixels."""
    grid = Grid(16, 0.2 * u.Mpc, "proper")
    radius, profiles = ring_profiles(np.stack([grid.radius(), 0.0 * grid.radius() + 3.0]), 0.2)
    np.testing.assert_allclose(profiles[0], radius, rtol=1e-12)
    np.testing.assert_allclose(profiles[1], 3.0, rtol=1e-12)
    assert len(radius) == 8
    assert radius[0] == pytest.approx(0.2 * np.sqrt(0.5))
    assert (np.diff(radius) > 0.0).all()


def test_what_is_drawn():
    axes = sample_panels(MAPS).axes
    images = [ax.images[0].get_array() for ax in axes if ax.get_title()]
    assert len(images) == 10
    np.testing.assert_array_equal(images[0], MAPS[0].mean)
    np.testing.assert_allclose(images[1], 100.0 * MAPS[0].sd / MAPS[0].mean)
    np.testing.assert_array_equal(images[9], MAPS[1].samples[2])
    ranges = [ax.images[0].get_clim() for ax in axes if ax.get_title()]
    assert ranges[0] == ranges[2] == ranges[4]
    few = [sampled(quantity, 2) for quantity in TARGETS]
    assert len([ax for ax in sample_panels(few).axes if ax.get_title()]) == 8


def test_filled_pixels_are_crossed_and_a_flat_map_is_drawn():
    mask = np.zeros(SKY.shape, bool)
    mask[2, 3] = True
    (cross,) = view_panels(views(mask), 0.2).axes[0].lines
    assert cross.get_xydata().tolist() == [pytest.approx([(3 - 7.5) * 0.2, (2 - 7.5) * 0.2])]
    flat = [replace(one, samples=np.full_like(one.samples, 1e13)) for one in MAPS]
    assert sample_panels(flat).axes[0].images[0].get_clim() == (0.0, pytest.approx(1e13))


def test_bands_and_bars():
    first = profile_bands(MAPS).axes[0]
    _, profiles = ring_profiles(MAPS[0].samples, 0.2)
    np.testing.assert_allclose(first.lines[0].get_ydata(), np.median(profiles, axis=0))
    assert len(first.lines) == 4
    left, right = mass_panels(MAPS, MASSES).axes
    assert sum(bar.get_height() for bar in left.patches) == 5
    assert left.lines[0].get_xdata().tolist() == [14.45 - 0.2, 14.45 + 0.2]
    assert left.lines[-1].get_xdata()[0] == pytest.approx(np.log10(2.5e14))
    np.testing.assert_array_equal(right.lines[1].get_ydata(), MASSES.mean_map_cylinders_msun[0])
    bare = mass_panels(MAPS, ClusterMasses(MASSES.log10_m200c, MASSES.intervals)).axes
    assert [len(ax.lines) for ax in bare] == [3, 2]
