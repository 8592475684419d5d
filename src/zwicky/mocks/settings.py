"""A mock survey as settings: what an experiment file says and an estimator remembers."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from zwicky.core.config import Config, did_you_mean, parse
from zwicky.core.errors import ConfigError
from zwicky.instruments.instrument import Instrument
from zwicky.mocks.survey import MockSurvey
from zwicky.simulations.table import SIMULATIONS


class SurveySettings(Config):
    """Simulation and instrument.

    Attributes
    ----------
    simulation : dict
        ``{"kind": "spherical", ...}``; see the simulation's own settings.
    instrument : str
        A name of the catalogue.
    with_residual_sky : bool
        Add what component separation leaves on the sky.
    centre_error_arcmin : float [arcmin]
        Standard deviation per axis of the assumed centre.
    """

    simulation: dict[str, Any] = Field(default_factory=lambda: {"kind": "spherical"})
    instrument: str = "planck_milca"
    with_residual_sky: bool = True
    centre_error_arcmin: float = 1.2

    def build(self, seed: int) -> MockSurvey:
        """Return the survey; simulation and noise take the same seed in different streams."""
        kind = self.simulation.get("kind")
        if kind not in SIMULATIONS:
            raise ConfigError(
                "This simulation is not known.",
                where="survey.simulation.kind",
                expected=", ".join(SIMULATIONS),
                got=repr(kind),
                fix=did_you_mean(str(kind), SIMULATIONS),
            )
        settings_type, simulation_type = SIMULATIONS[str(kind)]
        simulation = simulation_type(parse(settings_type, self.simulation, where="survey.simulation"), seed)
        instrument = Instrument.named(self.instrument, with_residual_sky=self.with_residual_sky)
        return MockSurvey(simulation, instrument, seed, self.centre_error_arcmin)
