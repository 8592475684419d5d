"""An X-ray telescope is data: what it counts of each photon energy, where, how sharply, and what else it counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np
from astropy import units as u

from zwicky.core.config import Config, did_you_mean, parse
from zwicky.core.errors import ConfigError
from zwicky.core.grid import Grid
from zwicky.core.quantities import COUNTS, MapQuantity
from zwicky.instruments.instrument import GridSettings, catalogue_table
from zwicky.instruments.photon_field import FieldOfView, Vignetting, field_samples
from zwicky.instruments.photon_psf import PointSpread, round_kernel
from zwicky.instruments.photon_response import Particles, Response, reference_weights

PHOTON: Final = "photon"
"""The kind of these instruments in the catalogue."""

SCAN_ANGLES: Final = 8
"""Angles off the axis, each with as much light, that stand for a scan."""

Mode = Literal["pointed", "scan"]


class PhotonSettings(Config):
    """What a file of the catalogue holds.

    Attributes
    ----------
    exposure_s : float [s]
        Time that a place of the sky spends in the field of view.
    mode : {"pointed", "scan"}
        One pointing, or a scan or mosaic that sees each place of the stamp in all places of the field alike.
    bands_kev : tuple of pairs of float [keV]
        Measured energies, apart from each other and increasing.
    response : str
        Which of the responses holds.
    """

    name: str
    description: str
    exposure_s: float
    exposure_source: str
    mode: Mode
    mode_source: str
    bands_kev: tuple[tuple[float, float], ...]
    bands_source: str
    grid: GridSettings
    response: str
    responses: dict[str, Response]
    vignetting: Vignetting
    field_of_view: FieldOfView
    psf: PointSpread
    particles: Particles


@dataclass(frozen=True)
class PhotonInstrument:
    """A telescope that counts X-ray photons in energy bands.

    Counts in a pixel are the sum over true energies of ``response`` times the photons per cm2, s and bin from that
    pixel, times ``exposure_map``; plus ``particle_rate`` times the pixel's area times ``live_time_map``.

    Parameters
    ----------
    config : PhotonSettings
        Usually from ``PhotonInstrument.named``.

    Raises
    ------
    ConfigError
        If there is no band or more than ten, a band is empty, overlaps the one before, or lies outside the response or
        the table of particles, the exposure is not positive, or the response or mode is not one of those known.
    """

    config: PhotonSettings

    def __post_init__(self) -> None:
        if self.config.response not in self.config.responses:
            known = list(self.config.responses)
            raise ConfigError(
                "The instrument has no such response.",
                where=f"{self.config.name}: response",
                expected=", ".join(known),
                got=repr(self.config.response),
                fix=did_you_mean(self.config.response, known),
            )
        if not 0.0 < self.exposure_s < math.inf:
            raise ConfigError(
                "The exposure must be positive.",
                where=f"{self.config.name}: exposure_s",
                expected="a finite number of seconds > 0",
                got=f"{self.exposure_s:g}",
            )
        if self.config.mode not in ("pointed", "scan"):
            raise ConfigError(
                "The telescope cannot observe in this way.",
                where=f"{self.config.name}: mode",
                expected="pointed, scan",
                got=repr(self.config.mode),
            )
        self._check_bands()

    def _check_bands(self) -> None:
        lowest = max(self._chosen.range_kev[0], self.config.particles.range_kev[0])
        highest = min(self._chosen.range_kev[1], self.config.particles.range_kev[1])
        if not 1 <= len(self.bands_kev) <= len(COUNTS):
            raise ConfigError(
                "These bands cannot be observed.",
                where=f"{self.config.name}: bands_kev",
                expected=f"1 .. {len(COUNTS)} bands",
                got=len(self.bands_kev),
            )
        end = lowest
        for low, high in self.bands_kev:
            if not end <= low < high <= highest:
                raise ConfigError(
                    "This band cannot be observed.",
                    where=f"{self.config.name}: bands_kev",
                    expected=f"pairs of increasing energies inside {lowest:g} .. {highest:g} keV, none overlapping",
                    got=f"{low:g} .. {high:g} keV",
                )
            end = high

    @classmethod
    def named(cls, name: str, *, response: str | None = None) -> PhotonInstrument:
        """Read an instrument of the catalogue.

        Parameters
        ----------
        name : str
            Such as ``"chandra_acisi"``.
        response : str, optional
            Another one of its responses, such as ``"cycle0"``.

        Raises
        ------
        ConfigError
            If the catalogue has no such instrument, or it has no such response.
        """
        table = catalogue_table(name, PHOTON)
        instrument = cls(parse(PhotonSettings, table, where=f"catalogue/{name}.toml"))
        return instrument if response is None else instrument.with_response(response)

    def settings(self) -> dict[str, object]:
        """Return everything that decides a count."""
        return self.config.model_dump(mode="json")

    def with_bands(self, bands_kev: Sequence[tuple[float, float]]) -> PhotonInstrument:
        """Return the instrument with other bands [keV]; any that its response covers, none overlapping."""
        return self._with(bands_kev=tuple((float(low), float(high)) for low, high in bands_kev))

    def with_exposure(self, exposure_s: float) -> PhotonInstrument:
        """Return the instrument with another exposure [s]."""
        return self._with(exposure_s=float(exposure_s))

    def with_mode(self, mode: Mode) -> PhotonInstrument:
        """Return the instrument as it points once, or scans."""
        return self._with(mode=mode)

    def with_response(self, name: str) -> PhotonInstrument:
        """Return the instrument with another of its responses."""
        return self._with(response=name)

    def with_grid(self, n_pixels: int, pixel: u.Quantity | None = None) -> PhotonInstrument:
        """Return the instrument with stamps of another size.

        Parameters
        ----------
        n_pixels : int
            Per side.
        pixel : astropy Quantity, an angle, optional
            Side of a pixel; the instrument's own without it.

        Raises
        ------
        MapError
            If this is no grid.
        """
        grid = Grid(n_pixels, self.config.grid.pixel if pixel is None else pixel, "sky")
        return self._with(
            grid=GridSettings(n_pixels=grid.n_pixels, pixel=grid.pixel, source="chosen for these stamps")
        )

    def _with(self, **changes: object) -> PhotonInstrument:
        return replace(self, config=self.config.model_copy(update=changes))

    @property
    def grid(self) -> Grid:
        """The stamp."""
        return Grid(self.config.grid.n_pixels, self.config.grid.pixel, "sky")

    @property
    def bands_kev(self) -> tuple[tuple[float, float], ...]:
        """The bands of measured energy, in order [keV]."""
        return self.config.bands_kev

    @property
    def channels(self) -> tuple[MapQuantity, ...]:
        """The maps that it makes: counts of each band."""
        return COUNTS[: len(self.bands_kev)]

    @property
    def exposure_s(self) -> float:
        """Time that a place spends in the field of view [s]."""
        return self.config.exposure_s

    @property
    def _chosen(self) -> Response:
        return self.config.responses[self.config.response]

    @cached_property
    def energy_edges_kev(self) -> np.ndarray:
        """Edges of the bins of true photon energy, (e+1,) [keV]: all that can be measured in a band."""
        return self._chosen.edges_kev(self.bands_kev)

    @cached_property
    def response(self) -> np.ndarray:
        """Effective area on axis times the probability of a measured energy in the band, (band, e) [cm^2]."""
        return self._chosen.folded_cm2(self.bands_kev, self.energy_edges_kev)

    @cached_property
    def _weights(self) -> np.ndarray:
        return reference_weights(self.response, self.energy_edges_kev)

    @cached_property
    def band_energies_kev(self) -> np.ndarray:
        """Mean true energy of the photons in each band, (band,) [keV], for a spectrum E^-1.5."""
        return self._weights @ (0.5 * (self.energy_edges_kev[1:] + self.energy_edges_kev[:-1]))

    @cached_property
    def particle_rate(self) -> np.ndarray:
        """Counts from charged particles, (band,) [counts s^-1 arcmin^-2]; not vignetted."""
        return np.array([self.config.particles.rate(band) for band in self.bands_kev])

    def counts_per_s(self, photons_per_cm2_s: np.ndarray) -> np.ndarray:
        """Return the counts of each band on the optical axis.

        Parameters
        ----------
        photons_per_cm2_s : (..., e) array [cm^-2 s^-1]
            In each bin of ``energy_edges_kev``.

        Returns
        -------
        (band, ...) array [counts s^-1]
        """
        return np.moveaxis(np.asarray(photons_per_cm2_s) @ self.response.T, -1, 0)

    def vignetting(self, off_axis_arcmin: float | np.ndarray, energy_kev: float | np.ndarray) -> np.ndarray:
        """Return the effective area off the axis over that on it.

        Parameters
        ----------
        off_axis_arcmin : float or array [arcmin]
            Distance from the optical axis.
        energy_kev : float or array [keV]
            Of the photons; broadcast against the distance.

        Returns
        -------
        array [1]
        """
        angle, energy = np.broadcast_arrays(np.asarray(off_axis_arcmin, float), np.asarray(energy_kev, float))
        nodes, factors = self.config.vignetting.nodes_arcmin, self.config.vignetting.at_nodes(energy.ravel())
        place = np.interp(angle.ravel(), nodes, np.arange(nodes.size))
        low = np.minimum(place.astype(int), nodes.size - 2)
        here = np.arange(energy.size)
        part = place - low
        return ((1.0 - part) * factors[low, here] + part * factors[low + 1, here]).reshape(angle.shape)

    @cached_property
    def _band_vignetting(self) -> np.ndarray:
        """Mean factor of each band at the nodes, (band, node) [1]."""
        middles = 0.5 * (self.energy_edges_kev[1:] + self.energy_edges_kev[:-1])
        return self._weights @ self.config.vignetting.at_nodes(middles).T

    def band_vignetting(self, band: int, off_axis_arcmin: float | np.ndarray) -> np.ndarray:
        """Return the vignetting of a band's counts [1], for a spectrum E^-1.5.

        Parameters
        ----------
        band : int
            Its index.
        off_axis_arcmin : float or array [arcmin]
            Distance from the optical axis.
        """
        nodes = self.config.vignetting.nodes_arcmin
        return np.interp(off_axis_arcmin, nodes, self._band_vignetting[band])

    @cached_property
    def _field(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return field_samples(self.config.field_of_view)

    def scan_factor(self, band: int) -> float:
        """Return the mean over the field of view of vignetting and window [1]."""
        off_axis, time, light = self._field
        return float(np.sum(light * self.band_vignetting(band, off_axis)) / np.sum(time))

    def exposure_map(self, band: int, pointing: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        """Return the time on the optical axis that would count as many photons.

        Parameters
        ----------
        band : int
            Its index.
        pointing : pair of float [arcmin]
            (y, x) of the optical axis from the middle of the stamp; a scan has none, and is uniform.

        Returns
        -------
        (y, x) array [s]
            0 outside the field of view and between chips.
        """
        if self.config.mode == "scan":
            return np.full(self.grid.shape, self.exposure_s * self.scan_factor(band))
        _, light = self._exposed(pointing)
        return self.exposure_s * light * self.band_vignetting(band, self.grid.radius(*pointing))

    def live_time_map(self, pointing: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
        """Return the time in the field of view, without vignetting and window: what particles see, (y, x) [s].

        Parameters
        ----------
        pointing : pair of float [arcmin]
            As of ``exposure_map``.
        """
        if self.config.mode == "scan":
            return np.full(self.grid.shape, self.exposure_s)
        return self.exposure_s * self._exposed(pointing)[0]

    def _exposed(self, pointing: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        axis = (np.arange(self.grid.n_pixels) - (self.grid.n_pixels - 1) / 2.0) * self.grid.pixel_value
        dy, dx = axis[:, None] - pointing[0], axis[None, :] - pointing[1]
        return self.config.field_of_view.exposed(dy, dx, self.grid.pixel_value)

    def encircled_energy(
        self, band: int, radius_arcsec: float | np.ndarray, off_axis_arcmin: float = 0.0
    ) -> np.ndarray:
        """Return which part of a point's photons lands inside a radius.

        Parameters
        ----------
        band : int
            Its index; at its mean energy.
        radius_arcsec : float or array [arcsec]
            Around the point.
        off_axis_arcmin : float [arcmin]
            Of the point; a scan averages over the field of view instead.

        Returns
        -------
        array [1]
        """
        energy = float(self.band_energies_kev[band])
        angles = self._scan_angles_arcmin(band) if self.config.mode == "scan" else [off_axis_arcmin]
        radius = np.asarray(radius_arcsec, float)
        return np.mean([self.config.psf.encircled_energy(radius, energy, angle) for angle in angles], axis=0)

    def _scan_angles_arcmin(self, band: int) -> np.ndarray:
        """Return angles off the axis that stand for equal parts of the light of a scan [arcmin]."""
        off_axis, _, light = self._field
        order = np.argsort(off_axis)
        seen = np.cumsum((light * self.band_vignetting(band, off_axis))[order])
        return np.interp((np.arange(SCAN_ANGLES) + 0.5) / SCAN_ANGLES, seen / seen[-1], off_axis[order])

    def psf_kernel(
        self, band: int, off_axis_arcmin: float = 0.0, pixel_arcmin: float | None = None
    ) -> np.ndarray:
        """Return what a point in the middle of a pixel gives to the pixels around it.

        Parameters
        ----------
        band : int
            Its index.
        off_axis_arcmin : float [arcmin]
            Of the point; a scan averages over the field of view instead.
        pixel_arcmin : float, optional [arcmin]
            Side of a pixel; the stamp's own without it.

        Returns
        -------
        (y, x) array [1]
            Of odd size and sum 1.
        """
        return round_kernel(
            lambda radius: self.encircled_energy(band, radius, off_axis_arcmin),
            self.config.psf.truncation_arcsec,
            self.grid.pixel_value if pixel_arcmin is None else pixel_arcmin,
        )
