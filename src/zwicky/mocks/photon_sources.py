"""Point sources in the field of a cluster: AGN, and the cosmic background that is left without them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Final

import numpy as np

from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.core.randomness import Key
from zwicky.instruments.photon import PhotonInstrument
from zwicky.physics.agn_counts import LogNLogS
from zwicky.physics.xray import SOFT
from zwicky.physics.xray_power_law import agn_photon_index, power_law_photons
from zwicky.physics.xray_sky import ARCMIN2_PER_DEG2, SkyBackground

_INDICES: Final = np.linspace(1.3, 2.3, 11)
"""Photon indices at which spectra are folded: all that AGN have; counts are nearly linear between them."""


@dataclass(frozen=True)
class PhotonSky:
    """What X-ray telescopes see beside a cluster, and which part of it is found and cut out.

    Parameters
    ----------
    column_density_cm2 : float [cm^-2]
        Hydrogen of our Galaxy in front of everything but the local bubble.
    background : str
        A name of ``physics.xray_sky.SKIES``.
    point_sources : str
        A name of ``physics.agn_counts.COUNTS`` whose fluxes are of 0.5-2 keV.
    faintest_flux, brightest_flux : float [erg cm^-2 s^-1]
        Sources drawn one by one, in 0.5-2 keV. Fainter ones are part of the background; brighter ones are nowhere.
    min_counts, min_sigma : float [1]
        A source is detected if it is expected to give this many counts, and to stand out by this many standard
        deviations.
    mask_above : float [1]
        Pixels are masked where detected sources give more than this part of all other light.

    Raises
    ------
    ConfigError
        If a name is not known, a number is outside its range, or the sources outshine the cosmic background.
    """

    column_density_cm2: float = 3e20
    background: str = "mccammon02_deluca04"
    point_sources: str = "lehmer12_soft"
    faintest_flux: float = 1e-16
    brightest_flux: float = 1e-12
    min_counts: float = 10.0
    min_sigma: float = 4.0
    mask_above: float = 0.1

    def __post_init__(self) -> None:
        if not 0.0 <= self.column_density_cm2 <= 1e23:
            raise ConfigError(
                "No cluster is seen through so much hydrogen.",
                where="survey.column_density_cm2",
                expected="0 to 1e23 cm^-2; usual are 1e20 to 1e21",
                got=f"{self.column_density_cm2:g}",
            )
        for name in ("min_counts", "min_sigma", "mask_above"):
            value = getattr(self, name)
            if not 0.0 < value < math.inf:
                raise ConfigError(
                    "Sources cannot be found in this way.",
                    where=f"survey.{name}",
                    expected="a finite number > 0",
                    got=f"{value:g}",
                )
        if self.counts.band != SOFT:
            raise ConfigError(
                "These counts of sources are of another band than the spectra of AGN.",
                where="survey.point_sources",
                expected=f"fluxes in {SOFT}",
                got=f"{self.point_sources!r}, {self.counts.band}",
                fix="take lehmer12_soft or luo17_soft",
            )
        if not 0.0 < self.faintest_flux < self.brightest_flux < math.inf:
            raise ConfigError(
                "Sources cannot be drawn from this range of fluxes.",
                where="survey.faintest_flux, survey.brightest_flux",
                expected="0 < faintest < brightest, finite, in erg/cm^2/s",
                got=f"{self.faintest_flux:g}, {self.brightest_flux:g}",
            )
        self.cosmic_fraction(self.faintest_flux)

    def settings(self) -> dict[str, object]:
        """Return the parameters, as JSON-able values."""
        return asdict(self)

    @property
    def counts(self) -> LogNLogS:
        """Number of sources against flux."""
        return LogNLogS.named(self.point_sources)

    def cosmic_fraction(self, faintest_flux: float) -> float:
        """Return which part of the cosmic background is left without the sources above a flux.

        Parameters
        ----------
        faintest_flux : float [erg cm^-2 s^-1]
            Down to which sources are drawn or cut out, in 0.5-2 keV.

        Returns
        -------
        float [1]
            1 if this is brighter than the brightest source.
        """
        cosmic = SkyBackground.named(self.background).cosmic
        if cosmic is None or faintest_flux >= self.brightest_flux:
            return 1.0
        resolved = self.counts.flux_per_deg2(faintest_flux, self.brightest_flux)
        return cosmic.fraction_left(resolved, self.counts.band)

    def background_rate(self, instrument: PhotonInstrument, cosmic_fraction: float) -> np.ndarray:
        """Return the counts of the sky on the optical axis, (band,) [counts s^-1 arcmin^-2]."""
        photons = SkyBackground.named(self.background).photons_per_cm2_s_arcmin2(
            instrument.energy_edges_kev,
            column_density_cm2=self.column_density_cm2,
            cosmic_fraction=cosmic_fraction,
        )
        return instrument.counts_per_s(photons)


@dataclass(frozen=True, eq=False)
class FieldSources:
    """Sources in a stamp and around it.

    Parameters
    ----------
    flux : (n,) [erg cm^-2 s^-1]
        In 0.5-2 keV, before absorption, the brightest first.
    rate : (band, n) [counts s^-1]
        On the optical axis.
    y, x : (n,) int
        Pixels of the grid that they were drawn on.
    """

    flux: np.ndarray
    rate: np.ndarray
    y: np.ndarray
    x: np.ndarray

    def image(self, which: np.ndarray, grid: Grid) -> np.ndarray:
        """Return some of them on their grid, each in the middle of its pixel, (band, y, x) [counts s^-1]."""
        pixel = self.y[which] * grid.n_pixels + self.x[which]
        size = grid.n_pixels**2
        flat = [np.bincount(pixel, rate[which], size) for rate in self.rate]
        return np.array(flat).reshape(-1, *grid.shape)


@dataclass(frozen=True)
class SourceField:
    """AGN as one instrument sees them.

    Parameters
    ----------
    instrument : PhotonInstrument
    sky : PhotonSky
    """

    instrument: PhotonInstrument
    sky: PhotonSky

    @cached_property
    def _rate_per_flux(self) -> np.ndarray:
        """Counts per s on the axis for a flux of 1, (band, index)."""
        photons = power_law_photons(
            self.instrument.energy_edges_kev,
            _INDICES,
            np.ones(_INDICES.size),
            SOFT,
            column_density_cm2=self.sky.column_density_cm2,
        )
        return self.instrument.counts_per_s(photons)

    def rate(self, flux: np.ndarray) -> np.ndarray:
        """Return the counts of sources on the optical axis.

        Parameters
        ----------
        flux : (n,) [erg cm^-2 s^-1]
            In 0.5-2 keV, before absorption. It tells the photon index as well.

        Returns
        -------
        (band, n) [counts s^-1]
        """
        index = agn_photon_index(flux)
        return flux * np.array([np.interp(index, _INDICES, row) for row in self._rate_per_flux])

    def draw(self, key: Key, grid: Grid) -> FieldSources:
        """Draw the sources of a field.

        Parameters
        ----------
        key : Key
            Of the stream POINT_SOURCES.
        grid : Grid
            Of kind "sky".

        Returns
        -------
        FieldSources
            Spread evenly; they do not cluster, and know nothing of the cluster.
        """
        area_deg2 = float(grid.width.value) ** 2 / ARCMIN2_PER_DEG2
        drawn = self.sky.counts.draw_field(key, area_deg2, self.sky.faintest_flux, self.sky.brightest_flux)
        y, x = ((place * grid.n_pixels).astype(int) for place in (drawn.y, drawn.x))
        return FieldSources(drawn.flux, self.rate(drawn.flux), y, x)

    def detected(self, counts: np.ndarray, density: np.ndarray, noise_area_arcmin2: np.ndarray) -> np.ndarray:
        """Say which sources are detected.

        All bands count together, each with the weight that is best; by expected counts, so without chance.

        Parameters
        ----------
        counts : (band, n)
            Expected of each source.
        density : (band, n) or (band, 1)
            Counts per arcmin^2 of everything else at its place.
        noise_area_arcmin2 : (band,) [arcmin^2]
            Of ``PhotonBlur.noise_area_arcmin2``.

        Returns
        -------
        (n,) bool array
        """
        noise = np.maximum(density * noise_area_arcmin2[:, None], 1e-30)
        stands_out = np.sum(counts**2 / noise, axis=0) >= self.sky.min_sigma**2
        return np.asarray(stands_out & (counts.sum(axis=0) >= self.sky.min_counts))
