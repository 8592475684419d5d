"""The simulations that an experiment can name: one line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zwicky.core.config import Config
from zwicky.simulations.base import Simulation
from zwicky.simulations.fixed_spheres import FixedSpheres, FixedSpheresSettings
from zwicky.simulations.painter.painter import Painter
from zwicky.simulations.painter.settings import PainterSettings
from zwicky.simulations.spherical import SphericalClusters, SphericalSettings

SIMULATIONS: Final[dict[str, tuple[type[Config], Callable[..., Simulation]]]] = {
    "spherical": (SphericalSettings, SphericalClusters),
    "fixed_spheres": (FixedSpheresSettings, FixedSpheres),
    "painter": (PainterSettings, Painter),
}
