"""The photon images of a cluster that a user has: which files, in which bands, and what is said of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from zwicky.core.errors import ConfigError, MapError, ZwickyError
from zwicky.data.counts_image import CountsImage, check_bands
from zwicky.data.fits_counts import BandFiles, read_counts

Band = tuple[float, float]

TOLERANCE_KEV: Final = 0.005
"""By which the edges of one and the same band may differ, as in ``counts_image.check_bands``."""

ZERO_EXPOSURE: Final = ("refuse", "mask")

_OF_BAND: Final = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*-\s*(\d+\.?\d*|\.\d+)\s*=\s*(.*\S)\s*")
_SPELLED: Final = {
    'exposure_unit="ks"': "--exposure-unit ks",
    'zero_exposure="mask"': "--zero-exposure mask",
    "exposure_unit": "--exposure-unit",
    "pixel_arcmin": "--pixel-scale",
    "give RA,DEC": "give --center RA,DEC",
}
_ADVICE: Final = {
    "--counts": "give the image of events in this band, in photons per pixel",
    "--exposure": "give the exposure map of these counts, in seconds and on the same pixels",
    "--background": "give the background counts that are expected on the same pixels; or leave it out",
    "--mask": "give 1 and 0 on the pixels of the counts",
}


@dataclass(frozen=True)
class PhotonFiles:
    """What there is of one cluster.

    Parameters
    ----------
    bands : tuple of BandFiles
        Files of each band, by rising energy.
    exposure_scales : tuple of float [1]
        For each band: seconds on the optical axis that a second of the exposure map is worth.
    mask : str, optional
        An image that is 1 where a pixel may be used.
    exposure_unit : str, optional
        Of exposures without BUNIT.
    zero_exposure : {"refuse", "mask"}
        What counts without exposure are.
    pixel_arcmin : float, optional [arcmin]
        If the headers have no WCS.
    max_pixels : int, optional
        Largest image that is read.
    add_sky : bool
        The backgrounds that are given lack the sky, as those of particles alone do.

    Raises
    ------
    ConfigError
        If a choice is not one of those known, or the sky is to be added to no background.
    """

    bands: tuple[BandFiles, ...]
    exposure_scales: tuple[float, ...]
    mask: str | None = None
    exposure_unit: str | None = None
    zero_exposure: str | None = None
    pixel_arcmin: float | None = None
    max_pixels: int | None = None
    add_sky: bool = False

    def __post_init__(self) -> None:
        if self.zero_exposure not in (None, *ZERO_EXPOSURE):
            raise ConfigError(
                "Counts without exposure cannot be treated like this.",
                where="--zero-exposure",
                expected=" or ".join(ZERO_EXPOSURE),
                got=repr(self.zero_exposure),
                fix="mask, if the exposure is zero on masked sources",
            )
        if self.add_sky and not self.has_background:
            raise ConfigError(
                "There is no background that could lack the sky.",
                where="--add-sky",
                expected="--background FILE",
                got="none",
                fix="leave --add-sky out: without a background all of it is estimated from the image",
            )

    @property
    def bands_kev(self) -> tuple[Band, ...]:
        """Edges of the bands [keV]."""
        return tuple(one.band_kev for one in self.bands)

    @property
    def has_background(self) -> bool:
        """Whether any band has one."""
        return any(one.background is not None for one in self.bands)

    def read(self) -> CountsImage:
        """Read all files; errors are those of ``read_counts``, and name the option that they are about."""
        how: dict[str, Any] = {"max_pixels": self.max_pixels, "zero_exposure": self.zero_exposure}
        with self.as_options():
            return read_counts(
                self.bands,
                mask=self.mask,
                pixel_arcmin=self.pixel_arcmin,
                exposure_unit=self.exposure_unit,
                **{key: value for key, value in how.items() if value is not None},
            )

    @contextmanager
    def as_options(self) -> Iterator[None]:
        """Let an error about these files name the options of the command line."""
        try:
            yield
        except ZwickyError as error:
            where, fix = str(error.where or "--counts"), error.fix
            option, band = self._option_of(where)
            if option is not None:
                where, fix = f"{option} {band}{where}", fix or _ADVICE[option]
            texts = (None if one is None else _spelled(str(one)) for one in (error.expected, error.got, fix))
            expected, got, fix = texts
            raise type(error)(
                error.what, where=_spelled(where), expected=expected, got=got, fix=fix
            ) from error

    def _option_of(self, where: str) -> tuple[str | None, str]:
        """Return the option whose file a message is about, if it is about one, and the band before the file."""
        given = []
        for option, kind in (
            ("--counts", "counts"),
            ("--exposure", "exposure"),
            ("--background", "background"),
        ):
            given += [(option, f"{_named(one.band_kev)}=", getattr(one, kind)) for one in self.bands]
        given.append(("--mask", "", self.mask))
        split = [
            (option, band, *_file_and_image(str(name))) for option, band, name in given if name is not None
        ]
        fitting = [one for one in split if _starts_with_file(where, one[2])]
        # Of several images in one file, that which the message names.
        exact = [one for one in fitting if re.search(rf"HDU {one[3]}\b|\({one[3].upper()}\)", where)]
        return (exact or fitting)[0][:2] if fitting else (None, "")


def _file_and_image(name: str) -> tuple[str, str]:
    match = re.fullmatch(r"(.+)\[(\w+)\]", name)
    return (match[1], match[2]) if match else (name, "")


def _starts_with_file(where: str, path: str) -> bool:
    return where.startswith(path) and not where[len(path) : len(path) + 1].isalnum()


def _spelled(text: str) -> str:
    for argument, option in _SPELLED.items():
        text = text.replace(argument, option)
    return text


def photon_files(
    counts: Sequence[str],
    exposure: Sequence[str],
    background: Sequence[str] = (),
    exposure_scale: Sequence[str] = (),
    **how: Any,
) -> PhotonFiles:
    """Return the files that were given on a command line.

    Parameters
    ----------
    counts : list of str
        ``"0.3-0.6=img.fits"``: the band in keV, and the file.
    exposure : list of str
        One file for all bands, or ``"0.3-0.6=exp.fits"`` for each.
    background : list of str
        ``"0.3-0.6=bkg.fits"`` for each band, or one file if there is one band; or none.
    exposure_scale : list of str
        One number for all bands, or ``"0.3-0.6=0.53"`` for each; 1 without it.
    **how
        As of ``PhotonFiles``.

    Raises
    ------
    ConfigError
        If something cannot be read, is said twice, belongs to no band, or is missing.
    """
    given: dict[Band, str] = {}
    for text in counts:
        band, file = _parted(text)
        if band is None or not band[0] < band[1]:
            raise ConfigError(
                "This photon image cannot be read.",
                where="--counts",
                expected="LOW-HIGH=FILE, the band in keV and a FITS file",
                got=repr(text),
                fix="for example --counts 0.5-2.0=events.fits",
            )
        _put(given, band, file, "--counts")
    if len(given) > 1 and any(_parted(text)[0] is None for text in background):
        raise ConfigError(
            "A background belongs to one band.",
            where="--background",
            expected="--background LOW-HIGH=FILE for each band",
            got=f"one file for {len(given)} bands",
            fix=f"for example --background {_named(min(given))}=background.fits",
        )
    bands = sorted(given)
    exposures = _of_each(exposure, bands, "--exposure", needed=True)
    backgrounds = _of_each(background, bands, "--background", needed=bool(background))
    scales = [
        _scale(text) for text in _of_each(exposure_scale, bands, "--exposure-scale", needed=True, unsaid="1")
    ]
    files = [
        BandFiles(given[band], str(exposed), behind, band)
        for band, exposed, behind in zip(bands, exposures, backgrounds, strict=True)
    ]
    return PhotonFiles(tuple(files), tuple(scales), **how)


def _parted(text: str) -> tuple[Band | None, str]:
    """Return the band in front of a text, if there is one, and the rest."""
    match = _OF_BAND.fullmatch(text)
    return (None, text) if match is None else ((float(match[1]), float(match[2])), match[3])


def _named(band: Band) -> str:
    return f"{band[0]:g}-{band[1]:g}"


def _put(given: dict[Band, str], band: Band, value: str, option: str) -> None:
    if band in given:
        raise ConfigError(
            "This band is given twice.",
            where=option,
            expected=f"one {_named(band)} keV",
            got=f"{given[band]} and {value}",
            fix="give each band once",
        )
    given[band] = value


def _of_each(
    texts: Sequence[str],
    bands: Sequence[Band],
    option: str,
    *,
    needed: bool = False,
    unsaid: str | None = None,
) -> list[str | None]:
    """Return what an option says of each band: the same of all, or something of each."""
    said: dict[Band, str] = {}
    of_all = [value for band, value in map(_parted, texts) if band is None]
    if len(of_all) > 1 or (of_all and len(texts) > 1):
        raise ConfigError(
            "This is said of all bands, and more than once.",
            where=option,
            expected=f"one {option} for all bands, or {option} LOW-HIGH=... for each",
            got=", ".join(texts),
            fix=f"for example {option} {_named(bands[0])}=...",
        )
    for band, value in map(_parted, texts):
        if band is None:
            return [value] * len(bands)
        own = [one for one in bands if max(abs(one[0] - band[0]), abs(one[1] - band[1])) <= TOLERANCE_KEV]
        if not own:
            raise ConfigError(
                "There are no counts of this band.",
                where=f"{option} {_named(band)}={value}",
                expected=f"one of {', '.join(map(_named, bands))} keV",
                got=_named(band),
                fix=f"give --counts {_named(band)}=FILE as well, or leave this out",
            )
        _put(said, own[0], value, option)
    missing = [_named(band) for band in bands if band not in said]
    if needed and missing and not (unsaid is not None and not texts):
        raise ConfigError(
            f"{option} is missing for a band.",
            where=option,
            expected=f"one for all bands, or one for each: {', '.join(map(_named, bands))} keV",
            got=f"none for {', '.join(missing)} keV",
            fix=f"for example {option} {missing[0]}=...",
        )
    return [said.get(band, unsaid) for band in bands]


def _scale(text: str | None) -> float:
    try:
        value = float(str(text))
    except ValueError:
        value = np.nan
    if not 0.0 < value < np.inf:
        raise ConfigError(
            "An exposure cannot be scaled by this.",
            where="--exposure-scale",
            expected="a number > 0: seconds on the optical axis for each second of the exposure map",
            got=repr(text),
            fix="for example --exposure-scale 0.55, or --exposure-scale 0.3-0.6=0.53 for one band",
        )
    return value


def match_bands(given: Sequence[Band], own: Sequence[Band]) -> tuple[int, ...]:
    """Return which of an estimator's bands the given ones are.

    Parameters
    ----------
    given, own : sequence of (low, high) [keV]
        Bands of the images, any of the estimator's; and all of the estimator's.

    Raises
    ------
    MapError
        If one is none of the estimator's: photons cannot be moved from one band to another.
    """
    try:
        return check_bands(own, given, tolerance_kev=TOLERANCE_KEV)
    except MapError as error:
        raise MapError(
            "The estimator has no such band.",
            where="--counts",
            expected=f"any of its bands, in keV: {', '.join(map(_named, own))}",
            got=", ".join(map(_named, given)),
            fix="bin the events in these bands, leave others out, or choose another --checkpoint "
            "(a band in eV is 1000 times too high)",
        ) from error
