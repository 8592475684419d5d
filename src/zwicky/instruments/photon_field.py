"""What part of the light reaches an X-ray detector away from its optical axis: vignetting, chips, window supports."""

from __future__ import annotations

import math
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field as Setting
from pydantic import model_validator

from zwicky.core.config import Config
from zwicky.instruments.photon_response import check_columns

WOBBLE_STEPS: Final = 11
"""Places along the wobble at which a window is averaged."""

LINE_NODES: Final = 41
"""Angles at which a line of vignetting is tabulated; some lines end between two of them."""

SAMPLES_PER_SIDE: Final = 301
"""Of the square that samples a field of view."""


class VignettingTable(Config):
    """Effective area off the optical axis over that on it.

    Attributes
    ----------
    off_axis_arcmin : tuple of float [arcmin]
        From 0; linear between, constant beyond the last.
    energy_kev : tuple of float [keV]
        Linear between, constant beyond the ends.
    factor : tuple of tuple of float, (energy, angle) [1]
    source : str
    """

    form: Literal["table"]
    off_axis_arcmin: tuple[float, ...]
    energy_kev: tuple[float, ...]
    factor: tuple[tuple[float, ...], ...]
    source: str

    @model_validator(mode="after")
    def _check(self) -> VignettingTable:
        check_columns(energy_kev=self.energy_kev, row=[float(len(row)) for row in self.factor])
        for row in self.factor:
            check_columns(off_axis_arcmin=self.off_axis_arcmin, factor=row)
            if len(row) < 2 or self.off_axis_arcmin[0] != 0.0 or row[0] != 1.0 or max(row) > 1.0:
                raise ValueError("factor: at two angles or more, 1 at 0 arcmin, and nowhere more")
        return self

    @property
    def nodes_arcmin(self) -> np.ndarray:
        """Angles between which it is linear [arcmin]."""
        return np.array(self.off_axis_arcmin)

    def at_nodes(self, energy_kev: np.ndarray) -> np.ndarray:
        """Return the factor at the nodes, (node, energy) [1]."""
        columns = np.array(self.factor).T
        return np.stack([np.interp(energy_kev, self.energy_kev, column) for column in columns])


class VignettingLine(Config):
    """A factor that falls along a straight line from the axis to the edge, with a known mean over the field.

    1 - 1.5 (1 - mean) theta / radius, because the mean over a disc of theta / radius is 2/3. Below a mean of 1/3 the
    line ends inside the field, 1 - theta / (radius sqrt(3 mean)), and beyond it is 0.

    Attributes
    ----------
    energy_kev : tuple of float [keV]
        Linear between, constant beyond the ends.
    field_average : tuple of float [1]
        Mean over the field of view, as a survey by scanning sees it.
    radius_arcmin : float [arcmin]
        Of the field.
    source : str
    """

    form: Literal["line"]
    energy_kev: tuple[float, ...]
    field_average: tuple[float, ...]
    radius_arcmin: float
    source: str

    @model_validator(mode="after")
    def _check(self) -> VignettingLine:
        check_columns(energy_kev=self.energy_kev, field_average=self.field_average)
        if not 0.0 < min(self.field_average) <= max(self.field_average) <= 1.0:
            raise ValueError("field_average: > 0, at most 1")
        if not 0.0 < self.radius_arcmin < math.inf:
            raise ValueError("radius_arcmin: > 0")
        return self

    @property
    def nodes_arcmin(self) -> np.ndarray:
        """Angles between which it is linear [arcmin]."""
        return np.linspace(0.0, self.radius_arcmin, LINE_NODES)

    def at_nodes(self, energy_kev: np.ndarray) -> np.ndarray:
        """Return the factor at the nodes, (node, energy) [1]."""
        mean = np.interp(energy_kev, self.energy_kev, self.field_average)
        slope = np.where(mean >= 1.0 / 3.0, 1.5 * (1.0 - mean), 1.0 / np.sqrt(3.0 * mean))
        return np.clip(1.0 - np.linspace(0.0, 1.0, LINE_NODES)[:, None] * slope, 0.0, None)


Vignetting = Annotated[VignettingTable | VignettingLine, Setting(discriminator="form")]
"""Either form."""


class Window(Config):
    """The supports of an entrance window: an opaque ring and opaque ribs outside it, blurred by the wobble.

    Attributes
    ----------
    ring_arcmin : pair of float [arcmin]
        Inner and outer radius.
    n_ribs : int
        Evenly spaced, from the ring outwards.
    rib_width_arcmin : float [arcmin]
    edge_arcmin : float [arcmin]
        Softness of every edge.
    wobble_arcmin : float [arcmin]
        The telescope points up to this far to either side of the pointing, along a line, all places equally long.
    wobble_degrees : float [degree]
        Direction of that line, from x to y.
    source : str
    """

    ring_arcmin: tuple[float, float]
    n_ribs: int
    rib_width_arcmin: float
    edge_arcmin: float
    wobble_arcmin: float
    wobble_degrees: float
    source: str

    @model_validator(mode="after")
    def _check(self) -> Window:
        widths = (self.rib_width_arcmin, self.edge_arcmin, self.n_ribs)
        if (
            not 0.0 < self.ring_arcmin[0] < self.ring_arcmin[1]
            or min(widths) <= 0
            or self.wobble_arcmin < 0.0
        ):
            raise ValueError("ring_arcmin, n_ribs, rib_width_arcmin, edge_arcmin > 0, wobble_arcmin >= 0")
        return self

    def places(self) -> list[tuple[float, float]]:
        """Return where the telescope points along its wobble, as (y, x) from the pointing [arcmin]."""
        steps = np.linspace(-self.wobble_arcmin, self.wobble_arcmin, WOBBLE_STEPS)
        angle = math.radians(self.wobble_degrees)
        return [(step * math.sin(angle), step * math.cos(angle)) for step in steps]

    def inside(self, distance_arcmin: np.ndarray) -> np.ndarray:
        """Return 1 far inside an edge, 0 far outside, at a distance inwards [1]."""
        return 0.5 + 0.5 * np.tanh(distance_arcmin / self.edge_arcmin)

    def transmission(self, dy_arcmin: np.ndarray, dx_arcmin: np.ndarray) -> np.ndarray:
        """Return what comes through at a place in the detector's frame [1]."""
        radius = np.hypot(dy_arcmin, dx_arcmin)
        spacing = 2.0 * math.pi / self.n_ribs
        angle = np.arctan2(dy_arcmin, dx_arcmin)
        from_rib = radius * np.sin(np.abs(angle - spacing * np.round(angle / spacing)))
        inner, outer = self.ring_arcmin
        ring = self.inside(radius - inner) * self.inside(outer - radius)
        rib = self.inside(0.5 * self.rib_width_arcmin - from_rib) * self.inside(radius - inner)
        return 1.0 - np.maximum(ring, rib)


class CircleField(Config):
    """A round field of view around the optical axis.

    Attributes
    ----------
    diameter_arcmin : float [arcmin]
    window : Window, optional
        Supports in the light's way.
    source : str
    """

    shape: Literal["circle"]
    diameter_arcmin: float
    window: Window | None = None
    source: str

    @model_validator(mode="after")
    def _check(self) -> CircleField:
        if not 0.0 < self.diameter_arcmin < math.inf:
            raise ValueError("diameter_arcmin: > 0")
        return self

    @property
    def reach_arcmin(self) -> float:
        """No part of the field is farther from the axis along y or x [arcmin]."""
        wobble = 0.0 if self.window is None else self.window.wobble_arcmin + self.window.edge_arcmin
        return 0.5 * self.diameter_arcmin + wobble

    def exposed(
        self,
        dy_arcmin: np.ndarray,
        dx_arcmin: np.ndarray,
        pixel_arcmin: float,  # noqa: ARG002
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which part of the time a place lies in the field, and in its light.

        Parameters
        ----------
        dy_arcmin, dx_arcmin : (y, 1) and (1, x) [arcmin]
            The places, from the optical axis.
        pixel_arcmin : float [arcmin]
            Not used: these edges are softer than a pixel, or far away.

        Returns
        -------
        two arrays, (y, x) [1]
        """
        radius = 0.5 * self.diameter_arcmin
        if self.window is None:
            time = (np.hypot(dy_arcmin, dx_arcmin) <= radius).astype(float)
            return time, time
        time = np.zeros(np.broadcast_shapes(np.shape(dy_arcmin), np.shape(dx_arcmin)))
        light = np.zeros_like(time)
        places = self.window.places()
        for y, x in places:
            there = self.window.inside(radius - np.hypot(dy_arcmin - y, dx_arcmin - x))
            time += there / len(places)
            light += there * self.window.transmission(dy_arcmin - y, dx_arcmin - x) / len(places)
        return time, light


class ChipsField(Config):
    """Square chips with gaps between them.

    Attributes
    ----------
    chip_arcmin : float [arcmin]
        Side of a chip.
    centres_arcmin : tuple of pairs of float [arcmin]
        (y, x) of each chip's middle, from the middle of the array.
    aimpoint_arcmin : pair of float [arcmin]
        (y, x) of the optical axis, from the middle of the array.
    source : str
    """

    shape: Literal["chips"]
    chip_arcmin: float
    centres_arcmin: tuple[tuple[float, float], ...]
    aimpoint_arcmin: tuple[float, float]
    source: str

    @model_validator(mode="after")
    def _check(self) -> ChipsField:
        if not 0.0 < self.chip_arcmin < math.inf or not self.centres_arcmin:
            raise ValueError("chip_arcmin > 0, and at least one of centres_arcmin")
        return self

    @property
    def reach_arcmin(self) -> float:
        """No part of the field is farther from the axis along y or x [arcmin]."""
        from_axis = np.abs(np.array(self.centres_arcmin) - np.array(self.aimpoint_arcmin))
        return float(np.max(from_axis) + 0.5 * self.chip_arcmin)

    def exposed(
        self, dy_arcmin: np.ndarray, dx_arcmin: np.ndarray, pixel_arcmin: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return which part of the time a place lies in the field, and in its light: the same here.

        Parameters
        ----------
        dy_arcmin, dx_arcmin : (y, 1) and (1, x) [arcmin]
            The places, from the optical axis.
        pixel_arcmin : float [arcmin]
            Over which it is averaged.

        Returns
        -------
        two arrays, (y, x) [1]
        """
        y, x = dy_arcmin + self.aimpoint_arcmin[0], dx_arcmin + self.aimpoint_arcmin[1]
        part = np.zeros(np.broadcast_shapes(y.shape, x.shape))
        for centre_y, centre_x in self.centres_arcmin:
            part += self._overlap(y - centre_y, pixel_arcmin) * self._overlap(x - centre_x, pixel_arcmin)
        return part, part

    def _overlap(self, offset_arcmin: np.ndarray, pixel_arcmin: float) -> np.ndarray:
        """Return which part of a pixel lies on a chip, along one axis [1]."""
        half_chip, half_pixel = 0.5 * self.chip_arcmin, 0.5 * pixel_arcmin
        high = np.minimum(offset_arcmin + half_pixel, half_chip)
        low = np.maximum(offset_arcmin - half_pixel, -half_chip)
        return np.clip(high - low, 0.0, None) / pixel_arcmin


FieldOfView = Annotated[CircleField | ChipsField, Setting(discriminator="shape")]
"""Either shape."""


def field_samples(field: CircleField | ChipsField) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sample a field of view evenly.

    Returns
    -------
    off_axis_arcmin : (n,) [arcmin]
        Distance from the axis, of places that are exposed at all.
    time, light : (n,) [1]
        Which part of the time the place lies in the field, and in its light.
    """
    axis, step = np.linspace(-field.reach_arcmin, field.reach_arcmin, SAMPLES_PER_SIDE, retstep=True)
    time, light = field.exposed(axis[:, None], axis[None, :], float(step))
    seen = time > 0.0
    return np.hypot(axis[:, None], axis[None, :])[seen], time[seen], light[seen]
