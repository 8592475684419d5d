"""A survey of X-ray photons as settings: what an experiment file says and an estimator remembers."""

from __future__ import annotations

from typing import Any, Final, Literal, cast

from pydantic import Field

from zwicky.core.config import Angle, Config
from zwicky.instruments.photon import Mode, PhotonInstrument
from zwicky.mocks.photon_levels import Ingredient, Level
from zwicky.mocks.photon_sources import PhotonSky
from zwicky.mocks.photon_survey import Masked, PhotonSurvey
from zwicky.mocks.settings import simulation_from
from zwicky.simulations.emission import EmitsXRays

COLUMN_DENSITY_CM2: Final = {"chandra_acisi": 4e20, "erosita_efeds": 3e20}
"""Hydrogen of our Galaxy if settings name none: a choice for Chandra, and what lies before the eFEDS field."""

USUAL_COLUMN_CM2: Final = 3e20
"""For other instruments: a choice, usual far from the plane of our Galaxy."""


class PhotonSurveySettings(Config):
    """Simulation, instrument and sky.

    Attributes
    ----------
    kind : "photon"
        Counts of X-ray photons.
    simulation : dict
        ``{"kind": "painter", ...}``; see the simulation's own settings.
    instrument : str
        A photon instrument of the catalogue.
    response : str, optional
        Another one of its responses, such as ``"cycle0"``.
    mode : {"pointed", "scan"}, optional
        The instrument's own without it.
    bands_kev : tuple of pairs of float, optional [keV]
        Bands of measured energy, such as ``[[0.5, 2.0]]``; the instrument's own without it.
    exposure_s : float, optional [s]
        The instrument's own without it.
    n_pixels : int, optional
        Per side of a stamp; the instrument's own without it.
    pixel : Angle, optional
        Side of a pixel; the instrument's own without it.
    level : {"ideal", "poisson", "psf", "vignetted", "background", "full"}
        How real: each level adds one ingredient to the one before.
    overrides : dict of str to bool
        Single ingredients put in or left out, such as ``{"sources": false}``.
    column_density_cm2 : float, optional [cm^-2]
        Hydrogen of our Galaxy; without it 4e20 for Chandra, 3e20 else.
    background : str
        A name of ``zwicky.physics.xray_sky.SKIES``.
    point_sources : str
        A name of ``zwicky.physics.agn_counts.COUNTS``.
    faintest_flux, brightest_flux : float [erg cm^-2 s^-1]
        AGN drawn one by one, in 0.5-2 keV.
    min_counts, min_sigma : float [1]
        What it takes to detect one.
    mask_above : float [1]
        Pixels are masked where detected sources give more than this part of all other light.
    masked : {"refilled", "empty"}
        What is left there.
    centre_error_arcmin : float [arcmin]
        Standard deviation per axis of the assumed centre.
    off_axis_arcmin : float [arcmin]
        Largest distance of the optical axis from the stamp's middle.
    with_exposure : bool
        Keep the exposure map as the last channel.
    """

    kind: Literal["photon"] = "photon"
    simulation: dict[str, Any] = Field(default_factory=lambda: {"kind": "painter"})
    instrument: str = "chandra_acisi"
    response: str | None = None
    mode: Mode | None = None
    bands_kev: tuple[tuple[float, float], ...] | None = None
    exposure_s: float | None = None
    n_pixels: int | None = None
    pixel: Angle | None = None
    level: Level = "full"
    overrides: dict[Ingredient, bool] = Field(default_factory=dict)
    column_density_cm2: float | None = None
    background: str = "mccammon02_deluca04"
    point_sources: str = "lehmer12_soft"
    faintest_flux: float = 1e-16
    brightest_flux: float = 1e-12
    min_counts: float = 10.0
    min_sigma: float = 4.0
    mask_above: float = 0.1
    masked: Masked = "refilled"
    centre_error_arcmin: float = 0.0
    off_axis_arcmin: float = 0.0
    with_exposure: bool = False

    def build(self, seed: int) -> PhotonSurvey:
        """Return the survey; clusters, photons and point sources take the same seed in different streams.

        Raises
        ------
        ConfigError
            If a name is not known, or a setting cannot be used.
        MapError
            If the stamp is no grid.
        """
        return PhotonSurvey(
            # A survey refuses a simulation that emits no X-rays.
            cast(EmitsXRays, simulation_from(self.simulation, seed)),
            self.telescope(),
            seed,
            level=self.level,
            overrides={str(name): there for name, there in self.overrides.items()},
            sky=self.sky(),
            centre_error_arcmin=self.centre_error_arcmin,
            off_axis_arcmin=self.off_axis_arcmin,
            masked=self.masked,
            with_exposure=self.with_exposure,
        )

    def telescope(self) -> PhotonInstrument:
        """Return the instrument with the settings' bands, exposure, mode and stamps."""
        found = PhotonInstrument.named(self.instrument, response=self.response)
        if self.mode is not None:
            found = found.with_mode(self.mode)
        if self.bands_kev is not None:
            found = found.with_bands(self.bands_kev)
        if self.exposure_s is not None:
            found = found.with_exposure(self.exposure_s)
        if self.n_pixels is not None or self.pixel is not None:
            n_pixels = found.grid.n_pixels if self.n_pixels is None else self.n_pixels
            found = found.with_grid(n_pixels, self.pixel)
        return found

    def sky(self) -> PhotonSky:
        """Return what else is on the sky."""
        column = self.column_density_cm2
        return PhotonSky(
            COLUMN_DENSITY_CM2.get(self.instrument, USUAL_COLUMN_CM2) if column is None else column,
            self.background,
            self.point_sources,
            self.faintest_flux,
            self.brightest_flux,
            self.min_counts,
            self.min_sigma,
            self.mask_above,
        )
