"""A microwave telescope is data: its bands, each with a frequency, a beam and the noise of its map."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from astropy import units as u

from zwicky.core.config import Angle, Config, did_you_mean, parse
from zwicky.core.cosmology import ARCMIN_PER_RAD
from zwicky.core.errors import ConfigError, MapError
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity
from zwicky.instruments.instrument import SIGMA_PER_FWHM, GridSettings, catalogue_table

MICROWAVE: Final = "microwave"
"""The kind of these instruments in the catalogue."""

BANDS: Final = (MapQuantity.TEMPERATURE_90, MapQuantity.TEMPERATURE_150, MapQuantity.TEMPERATURE_220)
"""What a band may be called: by its nominal frequency, wherever it really lies."""

FLAT_BELOW_ELL: Final = 300.0
"""1/f noise is constant below this multipole: maps from the ground are high-pass filtered at about here. A choice."""


class OneOverF(Config):
    """Noise of the atmosphere: P(ell) = N_white (ell / ell_knee)^-alpha, on top of the white noise.

    Attributes
    ----------
    ell_knee : float [1]
        Multipole at which it equals the white noise.
    alpha : float [1]
        Slope, > 0 if the noise falls with multipole.
    source : str
        Where the numbers come from.
    """

    ell_knee: float
    alpha: float
    source: str


class Band(Config):
    """One band of a microwave telescope.

    Attributes
    ----------
    name : MapQuantity
        The map that it makes: one of ``BANDS``.
    frequency_ghz : float [GHz]
        Where it lies; a band is monochromatic.
    beam_fwhm : Angle, such as "1.2 arcmin"
        Of its Gaussian beam.
    white_uk_arcmin : float [uK_CMB arcmin]
        White noise: the standard deviation of a pixel of one square arcminute.
    one_over_f : OneOverF, optional
        Noise of the atmosphere on top.
    frequency_source, beam_source, white_source : str
        Where the numbers come from.
    """

    name: MapQuantity
    frequency_ghz: float
    frequency_source: str
    beam_fwhm: Angle
    beam_source: str
    white_uk_arcmin: float
    white_source: str
    one_over_f: OneOverF | None = None

    @property
    def beam_arcmin(self) -> float:
        """FWHM of the beam [arcmin]."""
        return float(self.beam_fwhm.value)

    def noise_power_uk2_arcmin2(self, ell: np.ndarray) -> np.ndarray:
        """Return the power of the noise in the map, not divided by the beam.

        P(ell) = w^2 (1 + (ell / ell_knee)^-alpha)

        Parameters
        ----------
        ell : array [1]
            Multipoles, >= 0; below ``FLAT_BELOW_ELL`` the 1/f noise is constant.

        Returns
        -------
        array, as ell [uK_CMB^2 arcmin^2]
            Power per unit area.

        Source: Ade et al. 2019, equation 1, with N_red written as N_white at the knee.
        Checked by: tests/instruments/test_microwave.py (value at the knee, N_red of that paper).
        """
        white = np.full(np.shape(ell), self.white_uk_arcmin**2)
        if self.one_over_f is None:
            return white
        scaled = np.maximum(ell, FLAT_BELOW_ELL) / self.one_over_f.ell_knee
        return white * (1.0 + scaled**-self.one_over_f.alpha)

    def beam(self, ell: np.ndarray) -> np.ndarray:
        """Return the transform of the beam, exp(-ell^2 sigma^2 / 2): 1 at multipole 0, on a flat sky."""
        sigma = self.beam_arcmin * SIGMA_PER_FWHM / ARCMIN_PER_RAD
        return np.exp(-0.5 * (np.asarray(ell, float) * sigma) ** 2)


class MicrowaveSettings(Config):
    """What a file of the catalogue holds."""

    name: str
    description: str
    grid: GridSettings
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class MicrowaveInstrument:
    """A telescope that maps the microwave sky in some bands, all on one grid.

    Parameters
    ----------
    config : MicrowaveSettings
        Usually from ``MicrowaveInstrument.named``.

    Raises
    ------
    ConfigError
        If there is no band, one is named twice or is none of ``BANDS``, or a frequency, beam, noise level, knee or
        slope is not positive.
    MapError
        If a pixel is larger than half a beam.
    """

    config: MicrowaveSettings

    def __post_init__(self) -> None:
        names = [band.name for band in self.bands]
        if not names or len(set(names)) < len(names) or not set(names) <= set(BANDS):
            raise ConfigError(
                "These bands cannot be observed.",
                where=f"{self.config.name}: bands",
                expected=f"at least one, each once, of {', '.join(BANDS)}",
                got=", ".join(names) or "none",
            )
        for band in self.bands:
            self._check_numbers(band)
            self._check_pixel(band)

    def _check_numbers(self, band: Band) -> None:
        numbers = {
            "frequency_ghz": band.frequency_ghz,
            "beam_fwhm": band.beam_arcmin,
            "white_uk_arcmin": band.white_uk_arcmin,
        }
        if band.one_over_f is not None:
            numbers["one_over_f.ell_knee"] = band.one_over_f.ell_knee
            numbers["one_over_f.alpha"] = band.one_over_f.alpha
        for name, value in numbers.items():
            if not 0.0 < value < math.inf:
                raise ConfigError(
                    "A band cannot have this number.",
                    where=f"{self.config.name}: {band.name}.{name}",
                    expected="a finite number > 0",
                    got=f"{value:g}",
                )

    def _check_pixel(self, band: Band) -> None:
        pixel, largest = self.grid.pixel_value, 0.5 * band.beam_arcmin
        # A pixel of exactly half a beam may come out of a division.
        if pixel > largest * (1.0 + 1e-9):
            raise MapError(
                "The pixel is too coarse for the beam: it would show structure that is not there.",
                where=f"{self.config.name}: {band.name}",
                expected=f"a pixel of at most half a beam, {largest:g} arcmin",
                got=f"{pixel:g} arcmin",
                fix="take smaller pixels, or leave the band out",
            )

    @classmethod
    def named(cls, name: str) -> MicrowaveInstrument:
        """Read an instrument of the catalogue, or raise a ConfigError that lists them."""
        table = catalogue_table(name, MICROWAVE)
        return cls(parse(MicrowaveSettings, table, where=f"catalogue/{name}.toml"))

    def settings(self) -> dict[str, object]:
        """Return everything that decides a pixel."""
        return self.config.model_dump(mode="json")

    def with_bands(self, names: Sequence[str]) -> MicrowaveInstrument:
        """Return the instrument with some of its bands, in this order.

        Parameters
        ----------
        names : sequence of str
            Such as ``["temperature_150"]``.

        Raises
        ------
        ConfigError
            If the instrument has no such band, one is named twice, or none is.
        """
        own = {str(band.name): band for band in self.bands}
        for name in names:
            if name not in own:
                raise ConfigError(
                    "The instrument has no such band.",
                    where=f"{self.config.name}: bands",
                    expected=", ".join(own),
                    got=repr(str(name)),
                    fix=did_you_mean(str(name), own),
                )
        bands = tuple(own[str(name)] for name in names)
        return replace(self, config=self.config.model_copy(update={"bands": bands}))

    def with_grid(self, n_pixels: int, pixel: u.Quantity | None = None) -> MicrowaveInstrument:
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
            If this is no grid, or its pixel is too coarse for a beam.
        """
        grid = Grid(n_pixels, self.config.grid.pixel if pixel is None else pixel, "sky")
        settings = GridSettings(n_pixels=grid.n_pixels, pixel=grid.pixel, source="chosen for these stamps")
        return replace(self, config=self.config.model_copy(update={"grid": settings}))

    @property
    def grid(self) -> Grid:
        """The stamp."""
        return Grid(self.config.grid.n_pixels, self.config.grid.pixel, "sky")

    @property
    def bands(self) -> tuple[Band, ...]:
        """The bands, in order."""
        return self.config.bands

    @property
    def channels(self) -> tuple[MapQuantity, ...]:
        """The maps that it makes: one of each band."""
        return tuple(band.name for band in self.bands)

    @property
    def frequencies_ghz(self) -> tuple[float, ...]:
        """Where the bands lie [GHz]."""
        return tuple(band.frequency_ghz for band in self.bands)

    @property
    def beams_arcmin(self) -> tuple[float, ...]:
        """FWHM of each beam [arcmin]."""
        return tuple(band.beam_arcmin for band in self.bands)

    def noise_power_uk2_arcmin2(self, ell: np.ndarray) -> np.ndarray:
        """Return the power of each band's noise at multipoles, (band, ...) [uK_CMB^2 arcmin^2]."""
        return self._of_bands(lambda band: band.noise_power_uk2_arcmin2(ell))

    def beam(self, ell: np.ndarray) -> np.ndarray:
        """Return the transform of each band's beam at multipoles, (band, ...) [1]."""
        return self._of_bands(lambda band: band.beam(ell))

    def _of_bands(self, one: Callable[[Band], np.ndarray]) -> np.ndarray:
        return np.stack([one(band) for band in self.bands])
