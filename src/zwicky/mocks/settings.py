"""A mock survey as settings: what an experiment file says and an estimator remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from zwicky.core.config import Config, did_you_mean, parse
from zwicky.core.errors import ConfigError
from zwicky.instruments.instrument import Instrument
from zwicky.mocks.survey import MockSurvey
from zwicky.simulations.base import Simulation
from zwicky.simulations.table import SIMULATIONS


class SurveySettings(Config):
    """Simulation and instrument.

    Attributes
    ----------
    kind : "map"
        One map, such as Planck's of y.
    simulation : dict
        ``{"kind": "spherical", ...}``; see the simulation's own settings.
    instrument : str
        A name of the catalogue.
    with_residual_sky : bool
        Add what component separation leaves on the sky.
    centre_error_arcmin : float [arcmin]
        Standard deviation per axis of the assumed centre.
    """

    kind: Literal["map"] = "map"
    simulation: dict[str, Any] = Field(default_factory=lambda: {"kind": "spherical"})
    instrument: str = "planck_milca"
    with_residual_sky: bool = True
    centre_error_arcmin: float = 1.2

    def build(self, seed: int) -> MockSurvey:
        """Return the survey; simulation and noise take the same seed in different streams."""
        simulation = simulation_from(self.simulation, seed)
        instrument = Instrument.named(self.instrument, with_residual_sky=self.with_residual_sky)
        return MockSurvey(simulation, instrument, seed, self.centre_error_arcmin)


def simulation_from(settings: Mapping[str, Any], seed: int) -> Simulation:
    """Return the simulation that ``{"kind": ..., ...}`` describes.

    Raises
    ------
    ConfigError
        If the kind or one of its settings is not known or cannot be used.
    """
    where = "survey.simulation"
    kind = one_of(
        str(settings.get("kind")), tuple(SIMULATIONS), f"{where}.kind", "This simulation is not known."
    )
    settings_type, simulation_type = SIMULATIONS[kind]
    return simulation_type(parse(settings_type, settings, where=where), seed)


def one_of(name: str, known: Sequence[str], where: str, what: str) -> str:
    """Return a name if it is known, or raise a ConfigError with the nearest one that is."""
    if name not in known:
        raise ConfigError(
            what, where=where, expected=", ".join(known), got=repr(name), fix=did_you_mean(name, known)
        )
    return name
