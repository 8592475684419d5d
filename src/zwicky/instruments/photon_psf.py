"""Where the photons of a point land: round profiles of X-ray mirrors and detectors, and kernels made from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field as Setting
from pydantic import model_validator

from zwicky.core.config import Config

CORE_PIXELS: Final = 4
RINGS_PER_CORE_PIXEL: Final = 64
RINGS_PER_PIXEL: Final = 8
"""A kernel is made of rings this many times narrower than a pixel, inside four pixels and beyond: each pixel of it is
right to 1e-4 of the light."""

ARCSEC_PER_ARCMIN: Final = 60.0


class KingPart(Config):
    """A King profile, (1 + (r / core)^2)^-slope per area; slope > 1.

    Attributes
    ----------
    weight : float [1]
        Of this part inside the truncation; only ratios between parts count.
    core_arcsec : tuple of float (4,) [arcsec]
        a, b, c, d of core = a + b E + c theta + d E theta, E in keV and theta in arcmin.
    core_arcsec_per_arcmin2 : float [arcsec arcmin^-2]
        Times theta^2, added to the core.
    slope : tuple of float (4,) [1]
        The same form.
    """

    form: Literal["king"]
    weight: float = 1.0
    core_arcsec: tuple[float, float, float, float]
    core_arcsec_per_arcmin2: float = 0.0
    slope: tuple[float, float, float, float]

    def enclosed(self, radius_arcsec: np.ndarray, energy_kev: float, off_axis_arcmin: float) -> np.ndarray:
        """Return the light inside a radius over all light, without truncation [1]."""
        terms = np.array([1.0, energy_kev, off_axis_arcmin, energy_kev * off_axis_arcmin])
        core = float(terms @ self.core_arcsec) + self.core_arcsec_per_arcmin2 * off_axis_arcmin**2
        slope = float(terms @ self.slope)
        return 1.0 - (1.0 + (radius_arcsec / core) ** 2) ** (1.0 - slope)


class GaussianPart(Config):
    """A Gaussian whose width is that of the detector and that of the telescope, added in squares.

    Attributes
    ----------
    weight : float [1]
        Of this part inside the truncation; only ratios between parts count.
    detector_fwhm2_arcsec2 : tuple of pairs of float [arcsec^2], [1]
        Terms c E^p of the square of the detector's width, E in keV.
    telescope_fwhm_arcsec : pair of float [arcsec], [1]
        c and p of c theta^p, theta in arcmin.
    """

    form: Literal["gaussian"]
    weight: float = 1.0
    detector_fwhm2_arcsec2: tuple[tuple[float, float], ...]
    telescope_fwhm_arcsec: tuple[float, float]

    def enclosed(self, radius_arcsec: np.ndarray, energy_kev: float, off_axis_arcmin: float) -> np.ndarray:
        """Return the light inside a radius over all light, without truncation [1]."""
        detector = sum(factor * energy_kev**power for factor, power in self.detector_fwhm2_arcsec2)
        factor, power = self.telescope_fwhm_arcsec
        fwhm2 = detector + (factor * off_axis_arcmin**power) ** 2
        return 1.0 - 0.5 ** ((2.0 * radius_arcsec) ** 2 / fwhm2)


class WingPart(Config):
    """Light scattered by a mirror: r^-slope exp(-r / scale) per area from an inner radius outwards.

    Attributes
    ----------
    weight : float [1]
        Of this part inside the truncation; only ratios between parts count.
    slope : float [1]
    scale_arcsec, inner_arcsec : float [arcsec]
    """

    form: Literal["wing"]
    weight: float = 1.0
    slope: float
    scale_arcsec: float
    inner_arcsec: float

    def enclosed(self, radius_arcsec: np.ndarray, energy_kev: float, off_axis_arcmin: float) -> np.ndarray:  # noqa: ARG002
        """Return the light inside a radius [2 pi arcsec^(2 - slope)]; the same at all energies and angles."""
        reach = max(float(np.max(radius_arcsec)), 2.0 * self.inner_arcsec)
        radius = np.geomspace(self.inner_arcsec, reach, 400)
        light = radius ** (2.0 - self.slope) * np.exp(-radius / self.scale_arcsec)
        steps = 0.5 * (light[1:] + light[:-1]) * np.diff(np.log(radius))
        return np.interp(radius_arcsec, radius, np.concatenate([[0.0], np.cumsum(steps)]))


class PointSpread(Config):
    """A sum of round profiles, cut at a radius that holds all light.

    Attributes
    ----------
    truncation_arcsec : float [arcsec]
    parts : tuple of KingPart, GaussianPart or WingPart
    source : str
    """

    truncation_arcsec: float
    parts: tuple[Annotated[KingPart | GaussianPart | WingPart, Setting(discriminator="form")], ...]
    source: str

    @model_validator(mode="after")
    def _check(self) -> PointSpread:
        if not 0.0 < self.truncation_arcsec < math.inf:
            raise ValueError("truncation_arcsec: > 0")
        if not self.parts or not all(part.weight > 0.0 for part in self.parts):
            raise ValueError("parts: at least one, each of weight > 0")
        return self

    def encircled_energy(
        self, radius_arcsec: np.ndarray, energy_kev: float, off_axis_arcmin: float
    ) -> np.ndarray:
        """Return which part of a point's light falls inside a radius [1]: 0 at 0, 1 from the truncation outwards.

        Parameters
        ----------
        radius_arcsec : array [arcsec]
            From the point.
        energy_kev : float [keV]
            Of the photons.
        off_axis_arcmin : float [arcmin]
            Of the point.
        """
        radius = np.append(np.clip(radius_arcsec, 0.0, self.truncation_arcsec), self.truncation_arcsec)
        total = np.zeros(radius.shape)
        for part in self.parts:
            enclosed = part.enclosed(radius, energy_kev, off_axis_arcmin)
            total += part.weight * enclosed / enclosed[-1]
        return (total[:-1] / total[-1]).reshape(np.shape(radius_arcsec))


def round_kernel(
    encircled: Callable[[np.ndarray], np.ndarray], truncation_arcsec: float, pixel_arcmin: float
) -> np.ndarray:
    """Return what a point in the middle of a pixel gives to the pixels around it.

    Parameters
    ----------
    encircled : function
        Of radii [arcsec]: the light inside [1].
    truncation_arcsec : float [arcsec]
        Radius that holds all light.
    pixel_arcmin : float [arcmin]
        Side of a pixel.

    Returns
    -------
    (y, x) [1]
        Odd, of sum 1, reaching to the truncation; unchanged by flips and quarter turns.
    """
    pixel_arcsec = pixel_arcmin * ARCSEC_PER_ARCMIN
    half = max(math.ceil(truncation_arcsec / pixel_arcsec - 0.5), 0)
    core_arcsec = min(CORE_PIXELS * pixel_arcsec, truncation_arcsec)
    n_core = math.ceil(RINGS_PER_CORE_PIXEL * core_arcsec / pixel_arcsec)
    n_rings = math.ceil(RINGS_PER_PIXEL * (truncation_arcsec - core_arcsec) / pixel_arcsec)
    core, beyond = (
        np.linspace(0.0, core_arcsec, n_core + 1),
        np.linspace(core_arcsec, truncation_arcsec, n_rings + 1),
    )
    edges = np.concatenate([core, beyond[1:]])
    light = np.diff(encircled(edges))
    borders = np.arange(half) + 0.5
    quarter = np.zeros((half + 1, half + 1))
    for radius, share in zip(0.5 * (edges[1:] + edges[:-1]) / pixel_arcsec, light, strict=True):
        # Where a quarter of the ring, at this radius, crosses from pixel to pixel.
        crossed = np.arcsin(borders[borders < radius] / radius)
        angles = np.sort(np.concatenate([[0.0, 0.5 * math.pi], crossed, 0.5 * math.pi - crossed]))
        middles = 0.5 * (angles[1:] + angles[:-1])
        y = np.rint(radius * np.sin(middles)).astype(int)
        x = np.rint(radius * np.cos(middles)).astype(int)
        np.add.at(quarter, (y, x), share * np.diff(angles) / (0.5 * math.pi))
    # A quarter of a ring covers half of the pixels on the axes, which belong to two quarters.
    quarter[0] *= 2.0
    quarter[:, 0] *= 2.0
    kernel = np.pad(quarter, ((half, 0), (half, 0)), mode="reflect") / 4.0
    return kernel / kernel.sum()
