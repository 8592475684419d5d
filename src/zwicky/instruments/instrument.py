"""A telescope is data: a TOML file of the catalogue, each number with its unit and its source."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from typing import Any, Final

import numpy as np

from zwicky.core.config import Angle, Config, did_you_mean, parse
from zwicky.core.errors import ConfigError, MapError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map, MapSet
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.core.randomness import Key
from zwicky.instruments.spectrum import GaussianField, PowerSpectrum, SeenBand

MAP: Final = "map"
"""The kind of an instrument whose file names none: it makes one map."""

SIGMA_PER_FWHM: Final = 1.0 / math.sqrt(8.0 * math.log(2.0))
BEAM_MARGIN_FWHM: Final = 3.0
"""How far beyond the stamp the sky is painted before smoothing [beam FWHM]: exp(-(3 x 2.355)^2 / 2) = 1.5e-11."""


ELL_EDGES: Final = (150.0, 300.0, 500.0, 800.0, 1200.0, 1700.0, 2400.0, 3400.0)
"""Bins of multipole in which a stamp's power is looked at: from its width to the beam of a y-map of Planck."""

ZERO_LEVEL_SD: Final = 1e-4
"""Prior standard deviation of a map's zero level [Compton y]: far more than any map has, so that it is free."""


class GridSettings(Config):
    """The stamp: pixels per side, and their side."""

    n_pixels: int
    pixel: Angle
    source: str


class BeamSettings(Config):
    """A Gaussian beam."""

    fwhm: Angle
    source: str


class SamplingNoise(Config):
    """White noise from cutting stamps out of a map with other pixels; its rms differs from stamp to stamp.

    Attributes
    ----------
    rms_max : float [unit of the map]
        The rms of a stamp is uniform between 0 and this.
    source : str
    """

    rms_max: float
    source: str


class InstrumentSettings(Config):
    """What a file of the catalogue holds."""

    name: str
    description: str
    quantity: MapQuantity
    grid: GridSettings
    beam: BeamSettings
    noise: PowerSpectrum
    residual_sky: PowerSpectrum | None = None
    sampling: SamplingNoise | None = None


@dataclass(frozen=True)
class Instrument:
    """Turn theory into observation: beam, then noise.

    Parameters
    ----------
    config : InstrumentSettings
        Usually from ``Instrument.named``.
    with_residual_sky : bool
        Add the fluctuations that component separation leaves on the sky.
    """

    config: InstrumentSettings
    with_residual_sky: bool = True

    @classmethod
    def named(cls, name: str, *, with_residual_sky: bool = True) -> Instrument:
        """Read an instrument of the catalogue, or raise a ConfigError that lists them."""
        return cls(read_catalogue(name), with_residual_sky)

    def settings(self) -> dict[str, object]:
        """Return everything that decides a pixel."""
        return {**self.config.model_dump(mode="json"), "with_residual_sky": self.with_residual_sky}

    @property
    def grid(self) -> Grid:
        """The stamp."""
        return Grid(self.config.grid.n_pixels, self.config.grid.pixel, "sky")

    @property
    def beam_arcmin(self) -> float:
        """FWHM of the beam [arcmin]."""
        return float(self.config.beam.fwhm.value)

    @property
    def theory_grid(self) -> Grid:
        """The stamp with a margin, so that the beam sees no edge."""
        return self.grid.padded(math.ceil(BEAM_MARGIN_FWHM * self.beam_arcmin / self.grid.pixel_value))

    @cached_property
    def field(self) -> GaussianField:
        """Noise, sampling noise and, unless switched off, residual sky."""
        parts = [self.config.noise]
        if self.with_residual_sky and self.config.residual_sky is not None:
            parts.append(self.config.residual_sky)
        white = 0.0 if self.config.sampling is None else self.config.sampling.rms_max
        return GaussianField(self.grid.n_pixels, self.grid.pixel_value, tuple(parts), white)

    @property
    def zero_level_sd(self) -> np.ndarray:
        """Prior standard deviation of the map's zero level, (1,) [Compton y]."""
        return np.array([ZERO_LEVEL_SD])

    @cached_property
    def seen_bands(self) -> tuple[SeenBand, ...]:
        """The one map, for the warning light."""
        seen = SeenBand(
            self.config.quantity,
            self.beam_arcmin,
            self.field.rms,
            self.field.power_at,
            self.beam_transform,
            ELL_EDGES,
        )
        return (seen,)

    def covariance(self) -> np.ndarray:
        """Return the covariance of two pixels of noise and residual sky by their lag, (1, 1, n, n), periodic."""
        return self.field.covariance[None, None]

    def signals(self, compton_y: np.ndarray) -> np.ndarray:
        """Return the Compton parameter on ``theory_grid`` as the telescope sees it without noise, (1, y, x)."""
        unit = UNIT_OF[MapQuantity.COMPTON_Y]
        theory = Map(compton_y, MapQuantity.COMPTON_Y, unit, self.theory_grid, "theory")
        return self.smooth(theory).values[None]

    def smooth(self, theory: Map) -> Map:
        """Convolve a theory map on ``theory_grid`` with the beam and cut it to the stamp."""
        if theory.stage != "theory" or not theory.grid.agrees_with(self.theory_grid):
            raise MapError(
                "The beam needs a theory map on the instrument's padded grid.",
                where=self.config.name,
                expected=f"theory on {self.theory_grid}",
                got=f"{theory.stage} on {theory.grid}",
                fix="paint it on Instrument.theory_grid",
            )
        n, pad = theory.grid.n_pixels, (theory.grid.n_pixels - self.grid.n_pixels) // 2
        smooth = np.fft.irfft2(np.fft.rfft2(theory.values) * self.beam_transform(n), s=(n, n))
        stamp = smooth[pad : pad + self.grid.n_pixels, pad : pad + self.grid.n_pixels]
        return replace(theory, values=stamp, grid=self.grid, stage="observed", beam_arcmin=self.beam_arcmin)

    def beam_transform(self, n: int) -> np.ndarray:
        """Return exp(-k^2 sigma^2 / 2) on the modes of a real transform of n x n pixels."""
        sigma = self.beam_arcmin * SIGMA_PER_FWHM
        ky = 2.0 * math.pi * np.fft.fftfreq(n, self.grid.pixel_value)
        kx = 2.0 * math.pi * np.fft.rfftfreq(n, self.grid.pixel_value)
        return np.exp(-0.5 * sigma**2 * (ky[:, None] ** 2 + kx**2))

    def observe(self, theory: MapSet, key: Key) -> MapSet:
        """Return the map set as the telescope sees it.

        Parameters
        ----------
        theory : MapSet
            With this instrument's quantity on ``theory_grid``.
        key : Key
            Of the noise.
        """
        quantity = self.config.quantity
        clean = self.smooth(theory[quantity].to_kept_unit())
        noisy = replace(clean, values=clean.values + self.field.draw(key))
        return MapSet(
            theory.cluster, {quantity: noisy}, {**theory.provenance, "instrument": self.config.name}
        )


def catalogue_names(kind: str = MAP) -> list[str]:
    """Return the names of the instruments of one kind that ship with the package.

    Parameters
    ----------
    kind : str
        ``"map"``: one map, such as Planck's of y. ``"microwave"``: bands of the microwave sky.
        ``"photon"``: counted X-rays.
    """
    return sorted(name for name, table in _catalogue().items() if table.get("kind", MAP) == kind)


def catalogue_table(name: str, kind: str) -> dict[str, Any]:
    """Return one file of the catalogue as it is written, without its kind.

    Raises
    ------
    ConfigError
        If the catalogue has no instrument of this kind and name.
    """
    known = catalogue_names(kind)
    if name not in known:
        raise ConfigError(
            "This instrument is not in the catalogue.",
            where="instrument.name",
            expected=", ".join(known),
            got=repr(name),
            fix=did_you_mean(name, known),
        )
    return {key: value for key, value in _catalogue()[name].items() if key != "kind"}


def read_catalogue(name: str) -> InstrumentSettings:
    """Read and validate one file of the catalogue that describes a map."""
    return parse(InstrumentSettings, catalogue_table(name, MAP), where=f"catalogue/{name}.toml")


def _catalogue() -> dict[str, dict[str, Any]]:
    """Read every file of the catalogue, by name."""
    files = (resources.files("zwicky.instruments") / "catalogue").iterdir()
    return {
        file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8"))
        for file in files
        if file.name.endswith(".toml")
    }
