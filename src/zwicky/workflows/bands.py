"""The microwave bands of a cluster that a user has: which files, of which band each is, and the stamps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from zwicky.core.errors import ConfigError
from zwicky.core.files import sha256_of
from zwicky.core.units import unit_text
from zwicky.data.band_images import FREQUENCY_TOLERANCE, BandImage, frequencies_agree, read_band
from zwicky.data.band_stamps import cut_band
from zwicky.data.stamps import Stamp, parse_center
from zwicky.instruments.microwave import Band, MicrowaveInstrument
from zwicky.mocks.microwave_observer import uk_per_y
from zwicky.workflows.inputs import InputFile, of_input, options_of, settle_center, stated_settings

EXAMPLE: Final = "--set 150.beam=1.2 or --set 150.unit=uK_CMB"
UNIT: Final = "uK_CMB"
_SAME: Final = 0.005  # [1] relative: closer frequencies need no note


@dataclass(frozen=True)
class BandFile(InputFile):
    """The map of one band; its name is its frequency in GHz, such as "150".

    Raises
    ------
    ConfigError
        If the name is no frequency.
    """

    def __post_init__(self) -> None:
        try:
            known = 0.0 < float(self.name) < math.inf
        except ValueError:
            known = False
        if not known:
            raise ConfigError(
                "This is no frequency.",
                where=self.option,
                expected="GHz, without a unit: 150",
                got=repr(self.name),
                fix="zwicky infer --band 150=MAP.fits",
            )

    @property
    def frequency_ghz(self) -> float:
        """Where the band lies [GHz]."""
        return float(self.name)

    @property
    def option(self) -> str:
        """What stands on the command line."""
        return f"--band {self.name}={self.path}"


@dataclass(frozen=True, eq=False)
class UsedBand:
    """A band as it was read and as it is weighed.

    Parameters
    ----------
    file : BandFile
        Which.
    band : Band
        Of the estimator.
    image : BandImage
        What was read.
    stamp : Stamp
        What is weighed.
    """

    file: BandFile
    band: Band
    image: BandImage
    stamp: Stamp

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done to the map, in words, each with the name of the band."""
        said = [options_of(self.file.name, UNIT, note) for note in self.stamp.notes]
        here, there = self.file.frequency_ghz, self.band.frequency_ghz
        if abs(here / there - 1.0) > _SAME:
            said.append(
                f"the estimator was taught at {there:g} GHz: where y = 1e-4, the temperature changes by "
                f"{1e-4 * uk_per_y(here):.3g} uK at {here:g} GHz, by {1e-4 * uk_per_y(there):.3g} uK there"
            )
        return tuple(f"{self.file.name} GHz: {note}" for note in said)

    def as_dict(self) -> dict[str, Any]:
        """Return what was given, for machines."""
        mask = self.stamp.map.mask
        return {
            "frequency_ghz": self.file.frequency_ghz,
            "band": self.band.name.value,
            "unit": unit_text(self.image.read_unit),
            "file": self.file.path.name,
            "sha256": sha256_of(self.file.path),
            "pixel_arcmin": self.image.image.pixel_arcmin,
            "beam_arcmin": self.image.image.beam_arcmin,
            "filled_pixels": 0 if mask is None else int(mask.sum()),
        }


def band_files(bands: Sequence[str], settings: Sequence[str] = ()) -> list[BandFile]:
    """Return the bands that were given, with what ``--set`` says about them.

    Parameters
    ----------
    bands : list of str
        ``"150=map150.fits"``: the frequency in GHz, and the file.
    settings : list of str
        ``"150.beam=1.2"``, ``"150.unit=uK_CMB"``, ``"150.pixel=0.25"``, ``"150.hdu=1"``.

    Raises
    ------
    ConfigError
        If a band or a setting cannot be read, or a setting is not known, is said twice, or names a band not given.
    """
    pairs = []
    for text in bands:
        frequency, equals, path = (part.strip() for part in text.partition("="))
        if not (frequency and equals and path):
            raise ConfigError(
                "This band cannot be read.",
                where="--band",
                expected="FREQ=FILE, the frequency in GHz and a FITS file",
                got=repr(text),
                fix="for example --band 150=map150.fits",
            )
        pairs.append((frequency, Path(path)))
    names = dict.fromkeys(name for name, _ in pairs)
    stated = stated_settings(names, settings, kind="band", example=EXAMPLE)
    return [BandFile(name, path, **stated[name]) for name, path in pairs]


def match_bands(files: Sequence[BandFile], instrument: MicrowaveInstrument) -> list[tuple[BandFile, Band]]:
    """Return the file of each band of an instrument, in the instrument's order.

    Parameters
    ----------
    files : list of BandFile
        One for each band, in any order.
    instrument : MicrowaveInstrument
        Of the training set.

    Raises
    ------
    ConfigError
        If a frequency is none of the instrument's, within 5 %, or a band is missing or given twice.
    """
    found: dict[str, BandFile] = {}
    for file in files:
        band = min(instrument.bands, key=lambda one: abs(one.frequency_ghz - file.frequency_ghz))
        if not frequencies_agree(file.frequency_ghz, band.frequency_ghz):
            fix = f"frequencies are in GHz, and agree within {FREQUENCY_TOLERANCE:.0%}; leave other bands out"
            raise _mismatch(
                "The estimator has no band at this frequency.", file.option, files, instrument, fix
            )
        if band.name in found:
            fix = "give one map of each band"
            raise _mismatch("Two maps are of the same band.", file.option, files, instrument, fix)
        found[band.name] = file
    missing = [f"{band.frequency_ghz:g} GHz" for band in instrument.bands if band.name not in found]
    if missing:
        fix = "give all its bands, or an estimator of those that there are: --checkpoint FOLDER"
        raise _mismatch(f"A band is missing: {', '.join(missing)}.", "--band", files, instrument, fix)
    return [(found[band.name], band) for band in instrument.bands]


def _mismatch(
    what: str, where: str, files: Iterable[BandFile], instrument: MicrowaveInstrument, fix: str
) -> ConfigError:
    """Return an error that lists the estimator's bands, and those that were given."""
    own = ", ".join(f"{frequency:g}" for frequency in instrument.frequencies_ghz)
    given = ", ".join(file.option for file in files) or "none"
    return ConfigError(what, where=where, expected=f"the estimator's bands: {own} GHz", got=given, fix=fix)


def cut_bands(
    files: Sequence[BandFile], instrument: MicrowaveInstrument, center: str | None, max_pixels: int | None
) -> list[UsedBand]:
    """Read all bands, and cut the same place out of each, with the pixels and each band's beam of an instrument.

    Parameters
    ----------
    files : list of BandFile
        One for each band, in any order.
    instrument : MicrowaveInstrument
        Of the training set.
    center : str or None
        "RA,DEC" of the cluster; needed unless a map is no wider than the stamp, or none has a WCS.
    max_pixels : int, optional
        Largest image that is read.

    Returns
    -------
    list of UsedBand
        In the instrument's order.

    Raises
    ------
    ZwickyError
        If a band cannot be used.
    """
    pairs = match_bands(files, instrument)
    stated = None if center is None else parse_center(center)
    limit: dict[str, Any] = {} if max_pixels is None else {"max_pixels": max_pixels}
    images = {}
    for file, band in pairs:
        with of_input(file.name, "band", UNIT):
            images[file.name] = read_band(file.path, band.name, file.frequency_ghz, **file.options, **limit)
    skies = {name: one.image for name, one in images.items()}
    place = settle_center(skies, stated, instrument.grid, kind="band")
    used = []
    for file, band in pairs:
        image = images[file.name]
        with of_input(file.name, "band", UNIT):
            stamp = cut_band(image, instrument.grid, center=place, beam_arcmin=band.beam_arcmin)
        used.append(UsedBand(file, band, image, stamp))
    return used
