"""Painted clusters, measured as the halo tables of The Three Hundred are."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from the300_tables import Haloes
from zwicky.simulations.painter.anatomy import Anatomy
from zwicky.simulations.painter.drawing.draw import draw
from zwicky.simulations.painter.measuring.total_mass import measured_concentration
from zwicky.simulations.painter.settings import PainterSettings

LOG10_M200C_RANGE: Final = (13.55, 15.5)
"""M500c / M200c is 0.45 to 0.85: this fills the bins of M500c from 13.5 to 15.3 [dex of Msun]."""


def paint(preset: str, number: int, physics: dict[str, Any] | None = None, seed: int = 300) -> Haloes:
    """Draw clusters flat in log10 M200c, in the cosmology of the simulations, and measure them.

    Parameters
    ----------
    preset : str
        Of the painter.
    number : int
        How many.
    physics : dict, optional
        Numbers that go before the preset's.
    seed : int
        Of the random numbers.
    """
    settings = PainterSettings(
        preset=preset,
        cosmology="multidark",
        log10_m200c_range=LOG10_M200C_RANGE,
        physics=physics or {},
    )
    rows = [_measured(draw(settings, seed, index)) for index in range(number)]
    return Haloes(*np.array(rows).T, settings.redshift_edges[0])


def _measured(anatomy: Anatomy) -> tuple[float, ...]:
    return (
        float(np.log10(anatomy.m200c_msun)),
        float(np.log10(anatomy.m500c_msun)),
        anatomy.properties["gas_fraction_500"],
        anatomy.properties["star_fraction_500"],
        measured_concentration(anatomy),
    )
