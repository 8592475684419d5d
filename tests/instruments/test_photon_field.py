"""Where a detector of photons looks: vignetting, chips, ring and ribs, and what a scan makes of them."""

import math

import numpy as np
import pytest

from zwicky.core.config import parse
from zwicky.core.errors import ConfigError
from zwicky.instruments.photon_field import (
    ChipsField,
    CircleField,
    VignettingLine,
    VignettingTable,
    Window,
    field_samples,
)

TABLE = {
    "form": "table",
    "off_axis_arcmin": [0.0, 10.0],
    "energy_kev": [1.0, 3.0],
    "factor": [[1.0, 0.8], [1.0, 0.4]],
    "source": "a test",
}
LINE = {
    "form": "line",
    "energy_kev": [1.0, 2.0, 5.0],
    "field_average": [0.8, 0.5, 0.2],
    "radius_arcmin": 30.0,
    "source": "a test",
}
WINDOW = {
    "ring_arcmin": [20.0, 22.0],
    "n_ribs": 8,
    "rib_width_arcmin": 2.0,
    "edge_arcmin": 0.01,
    "wobble_arcmin": 0.0,
    "wobble_degrees": 0.0,
    "source": "a test",
}
CIRCLE = {"shape": "circle", "diameter_arcmin": 100.0, "source": "a test"}
CHIPS = {
    "shape": "chips",
    "chip_arcmin": 8.0,
    "centres_arcmin": [[-4.5, -4.5], [-4.5, 4.5], [4.5, -4.5], [4.5, 4.5]],
    "aimpoint_arcmin": [1.0, 2.0],
    "source": "a test",
}


def made(model, table, **changes):
    return parse(model, {**table, **changes}, where="a test")


def exposed(field, y, x, pixel=0.01):
    time, light = field.exposed(np.array([[y]]), np.array([[x]]), pixel)
    return round(float(time[0, 0]), 9), round(float(light[0, 0]), 9)


class TestVignetting:
    def test_table(self):
        table = made(VignettingTable, TABLE)
        np.testing.assert_allclose(table.at_nodes(np.array([0.5, 2.0, 9.0])), [[1, 1, 1], [0.8, 0.6, 0.4]])
        np.testing.assert_array_equal(table.nodes_arcmin, [0.0, 10.0])

    def test_line_has_its_mean(self):
        """Over the disc, at each energy, also where the line ends inside it."""
        line = made(VignettingLine, LINE)
        radius = (np.arange(20000) + 0.5) / 20000 * 30.0
        for energy, mean in [(1.0, 0.8), (2.0, 0.5), (5.0, 0.2), (3.5, 0.35)]:
            factor = np.interp(radius, line.nodes_arcmin, line.at_nodes(np.array([energy]))[:, 0])
            assert np.average(factor, weights=radius) == pytest.approx(mean, abs=2e-4)
            assert factor.min() >= 0.0
            assert np.all(np.diff(factor) <= 0.0)


class TestChips:
    def test_four_chips_and_their_gaps(self):
        """The axis lies 1 and 2 arcmin up from the middle of the array."""
        chips = made(ChipsField, CHIPS)
        assert exposed(chips, 0.0, 0.0) == (1.0, 1.0)
        assert exposed(chips, -1.0, 0.0) == (0.0, 0.0)
        assert exposed(chips, 0.0, -2.0) == (0.0, 0.0)
        assert exposed(chips, 7.4, 6.4) == (1.0, 1.0)
        assert exposed(chips, 7.6, 6.4) == (0.0, 0.0)
        assert exposed(chips, -9.4, -10.4) == (1.0, 1.0)
        assert chips.reach_arcmin == 4.5 + 2.0 + 4.0

    @pytest.mark.parametrize("pixel", [0.1, 0.37, 1.3])
    def test_area_whatever_the_pixel(self, pixel):
        chips = made(ChipsField, CHIPS)
        axis = (np.arange(120) - 59.5) * pixel
        if axis[-1] < 10.5:
            axis = np.arange(-130, 131) * pixel
        time, _ = chips.exposed(axis[:, None], axis[None, :], pixel)
        assert time.sum() * pixel**2 == pytest.approx(4 * 64.0)


class TestCircle:
    def test_without_window(self):
        circle = made(CircleField, CIRCLE)
        assert exposed(circle, 30.0, 39.9) == (1.0, 1.0)
        assert exposed(circle, 30.0, 40.1) == (0.0, 0.0)

    def test_ring_and_ribs_take_light_but_no_time(self):
        circle = made(CircleField, CIRCLE, window=WINDOW)
        for y, x, light in [
            (0.0, 10.0, 1.0),
            (0.0, 21.0, 0.0),
            (21.0 * math.sin(0.3), 21.0 * math.cos(0.3), 0.0),
            (0.9, 30.0, 0.0),
            (1.1, 30.0, 1.0),
            (30.0 / math.sqrt(2.0), 30.0 / math.sqrt(2.0), 0.0),
            (30.0 * math.sin(math.pi / 8), 30.0 * math.cos(math.pi / 8), 1.0),
        ]:
            assert exposed(circle, y, x) == pytest.approx((1.0, light), abs=1e-6)

    def test_light_lost_to_the_ribs(self):
        """Eight ribs of 2 arcmin at 40 arcmin: 16 / (2 pi 40)."""
        circle = made(CircleField, CIRCLE, window=WINDOW)
        angle = np.linspace(0.0, 2.0 * math.pi, 5000, endpoint=False)
        _, light = circle.exposed(40.0 * np.sin(angle), 40.0 * np.cos(angle), 0.1)
        assert 1.0 - light.mean() == pytest.approx(16.0 / (2.0 * math.pi * 40.0), abs=2e-3)

    def test_wobble_blurs_along_its_line_only(self):
        circle = made(CircleField, CIRCLE, window={**WINDOW, "wobble_arcmin": 4.0, "wobble_degrees": 90.0})
        along, across = exposed(circle, 21.0, 3.0)[1], exposed(circle, 3.0, 21.0)[1]
        assert 0.5 < along < 1.0
        assert across < 0.1
        assert exposed(circle, 52.0, 0.5)[0] == pytest.approx(3 / 11, abs=0.05)
        assert exposed(circle, 0.5, 52.0)[0] == 0.0

    def test_samples_cover_the_field(self):
        circle = made(CircleField, CIRCLE, diameter_arcmin=60.0)
        off_axis, time, light = field_samples(circle)
        assert off_axis.max() <= 30.0
        assert np.mean(off_axis) == pytest.approx(20.0, rel=2e-3)
        assert np.all(time == 1.0)
        assert np.all(light == 1.0)


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"off_axis_arcmin": [1.0, 10.0]}, "1 at 0 arcmin"),
            ({"factor": [[0.9, 0.8], [1.0, 0.4]]}, "1 at 0 arcmin"),
            ({"factor": [[1.0, 1.1], [1.0, 0.4]]}, "nowhere more"),
            ({"off_axis_arcmin": [0.0], "factor": [[1.0], [1.0]]}, "at two angles or more"),
            ({"factor": [[1.0, 0.8]]}, "energy_kev, row: equally many"),
            ({"factor": [[1.0, 0.8], [1.0]]}, "off_axis_arcmin, factor: equally many"),
            ({"off_axis_arcmin": [0.0, 0.0]}, "off_axis_arcmin: increasing"),
        ],
    )
    def test_tables(self, changes, said):
        with pytest.raises(ConfigError, match=said):
            made(VignettingTable, TABLE, **changes)

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"field_average": [0.8, 0.5, 0.0]}, "field_average: > 0, at most 1"),
            ({"field_average": [1.8, 0.5, 0.2]}, "field_average: > 0, at most 1"),
            ({"radius_arcmin": 0.0}, "radius_arcmin: > 0"),
        ],
    )
    def test_lines(self, changes, said):
        with pytest.raises(ConfigError, match=said):
            made(VignettingLine, LINE, **changes)

    @pytest.mark.parametrize(
        "changes",
        [{"ring_arcmin": [22.0, 20.0]}, {"n_ribs": 0}, {"rib_width_arcmin": 0.0}, {"wobble_arcmin": -1.0}],
    )
    def test_windows(self, changes):
        with pytest.raises(ConfigError, match="ring_arcmin, n_ribs, rib_width_arcmin, edge_arcmin > 0"):
            made(Window, WINDOW, **changes)

    def test_fields(self):
        with pytest.raises(ConfigError, match="diameter_arcmin: > 0"):
            made(CircleField, CIRCLE, diameter_arcmin=0.0)
        with pytest.raises(ConfigError, match="chip_arcmin > 0, and at least one"):
            made(ChipsField, CHIPS, centres_arcmin=[])
