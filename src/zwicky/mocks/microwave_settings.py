"""A survey of the microwave sky as settings: what an experiment file says and an estimator remembers."""

from __future__ import annotations

from typing import Any, Literal

from astropy import units as u
from pydantic import Field

from zwicky.core.config import Angle, Config
from zwicky.instruments.microwave import MicrowaveInstrument
from zwicky.mocks.microwave_sky import PADDED_ARCMIN, MicrowaveSky
from zwicky.mocks.microwave_survey import MicrowaveSurvey
from zwicky.mocks.settings import simulation_from
from zwicky.physics.foregrounds import Foregrounds


class MicrowaveSurveySettings(Config):
    """Simulation, instrument and sky.

    Attributes
    ----------
    kind : "microwave"
        Bands of the microwave sky.
    simulation : dict
        ``{"kind": "spherical", ...}``; see the simulation's own settings.
    instrument : str
        A microwave instrument of the catalogue.
    bands : tuple of str, optional
        Some of its bands, such as ``["temperature_150"]``; all without it.
    n_pixels : int, optional
        Per side of a stamp; the instrument's own without it.
    pixel : Angle, optional
        Side of a pixel; the instrument's own without it.
    foregrounds : str
        A name of ``zwicky.physics.foregrounds.FOREGROUNDS``.
    index_scatter : float [1]
        Scatter of the spectral index among unclustered sources.
    with_cmb : bool
        Add the lensed CMB.
    padded : Angle
        Width of the periodic square that stamps are cut from.
    centre_error_arcmin : float [arcmin]
        Standard deviation per axis of the assumed centre.
    target_beam : Angle, optional
        Keep the Compton parameter without noise as well, smoothed to this FWHM.
    relativistic : bool
        Correct the SZ spectrum for the temperature of the gas.
    """

    kind: Literal["microwave"] = "microwave"
    simulation: dict[str, Any] = Field(default_factory=lambda: {"kind": "spherical"})
    instrument: str = "sptpol_150"
    bands: tuple[str, ...] | None = None
    n_pixels: int | None = None
    pixel: Angle | None = None
    foregrounds: str = "george15"
    index_scatter: float = 0.0
    with_cmb: bool = True
    padded: Angle = Field(default=PADDED_ARCMIN * u.arcmin, validate_default=True)
    centre_error_arcmin: float = 0.0
    target_beam: Angle | None = None
    relativistic: bool = False

    def build(self, seed: int) -> MicrowaveSurvey:
        """Return the survey; clusters, sky and noise take the same seed in different streams.

        Raises
        ------
        ConfigError
            If a name is not known, or a setting cannot be used.
        MapError
            If a pixel is too coarse for a beam.
        """
        return MicrowaveSurvey(
            simulation_from(self.simulation, seed),
            self.sky(),
            seed,
            centre_error_arcmin=self.centre_error_arcmin,
            target_beam_arcmin=None if self.target_beam is None else float(self.target_beam.value),
            relativistic=self.relativistic,
        )

    def sky(self) -> MicrowaveSky:
        """Return the sky without its clusters."""
        instrument = MicrowaveInstrument.named(self.instrument)
        if self.bands is not None:
            instrument = instrument.with_bands(self.bands)
        if self.n_pixels is not None or self.pixel is not None:
            n_pixels = instrument.grid.n_pixels if self.n_pixels is None else self.n_pixels
            instrument = instrument.with_grid(n_pixels, self.pixel)
        foregrounds = Foregrounds.named(self.foregrounds, self.index_scatter)
        return MicrowaveSky(instrument, foregrounds, self.with_cmb, float(self.padded.value))
