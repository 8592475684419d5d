"""The views of a cluster that a user has: which files, what their headers leave out, and where the cluster is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from astropy.coordinates import SkyCoord

from zwicky.core.config import did_you_mean
from zwicky.core.errors import ConfigError, MapError, UnitError, ZwickyError
from zwicky.core.grid import Grid
from zwicky.core.quantities import MapQuantity
from zwicky.data.fits_cards import no_astropy_surprise
from zwicky.data.fits_in import SkyImage, read_image


@dataclass(frozen=True)
class View:
    """A kind of image that a cluster may be mapped from.

    Parameters
    ----------
    quantity : MapQuantity
        What it shows.
    unit : str
        An example of a unit, for messages.
    conversion : str
        What to do with a map in another unit.
    """

    quantity: MapQuantity
    unit: str
    conversion: str


VIEWS: Final = {
    "y": View(
        MapQuantity.COMPTON_Y,
        "Compton-y",
        "convert the map first: y is a CMB temperature divided by T_CMB f(x)",
    ),
    "xray": View(
        MapQuantity.XRAY_SURFACE_BRIGHTNESS,
        "erg / (s kpc2)",
        "convert the map first: the bolometric power emitted per proper area is 4 pi (1+z)^4 times the observed "
        "brightness per steradian, times the bolometric over the band's luminosity",
    ),
    "stars": View(
        MapQuantity.STAR_SURFACE_DENSITY,
        "Msun / kpc2",
        "convert the map first: stellar mass per proper area at the cluster, in solar masses, not per h",
    ),
}
"""By their names on the command line."""

SETTINGS: Final = {"unit": "unit", "pixel": "pixel_arcmin", "beam": "beam_arcmin", "hdu": "hdu"}
"""What ``--set VIEW.KEY=VALUE`` may state, and the argument of ``read_image`` that takes it."""


@dataclass(frozen=True)
class ViewFile:
    """One view of a cluster: a file, and what its header does not say.

    Parameters
    ----------
    name : str
        A name of ``VIEWS``.
    path : Path
        The FITS file.
    unit : str, optional
        If BUNIT is missing.
    pixel_arcmin, beam_arcmin : float, optional [arcmin]
        If the header has no WCS, or no BMAJ.
    hdu : int or str, optional
        Number or EXTNAME, if the file holds several images.
    """

    name: str
    path: Path
    unit: str | None = None
    pixel_arcmin: float | None = None
    beam_arcmin: float | None = None
    hdu: int | str | None = None

    @property
    def view(self) -> View:
        """What it shows."""
        return VIEWS[self.name]


def view_files(paths: Mapping[str, Path | None], settings: Sequence[str] = ()) -> list[ViewFile]:
    """Return the views that were given, with what ``--set`` says about them.

    Parameters
    ----------
    paths : dict of str to Path or None
        By the names of ``VIEWS``; None for a view that the user does not have.
    settings : list of str
        ``"y.beam=1.2"``, ``"xray.unit=erg / (s kpc2)"``, ``"stars.pixel=0.5"``, ``"y.hdu=1"``.

    Raises
    ------
    ConfigError
        If no view is given, or a setting cannot be read, is not known, is said twice, or names a view not given.
    """
    given = {name: path for name, path in paths.items() if path is not None}
    if not given:
        raise ConfigError(
            "There is no view of the cluster.",
            where="zwicky infer",
            expected=f"at least one of {', '.join(f'--{name} FILE.fits' for name in VIEWS)}",
            got="none",
        )
    stated: dict[str, dict[str, Any]] = {name: {} for name in given}
    for text in settings:
        name, key, value = _setting(text, given)
        if key in stated[name]:
            raise ConfigError(
                "This setting is stated twice.",
                where=f"--set {text}",
                expected=f"one {name}.{key}",
                got="two",
            )
        stated[name][key] = value
    return [
        ViewFile(name, path, **{SETTINGS[key]: value for key, value in stated[name].items()})
        for name, path in given.items()
    ]


def _setting(text: str, given: Mapping[str, Path]) -> tuple[str, str, float | str]:
    """Return (view, key, value) of one ``--set``."""
    match = re.fullmatch(r"\s*(\w+)\.(\w+)\s*=\s*(.*\S)\s*", text)
    if match is None:
        raise ConfigError(
            "This setting cannot be read.",
            where="--set",
            expected=f"VIEW.KEY=VALUE with a key of {', '.join(SETTINGS)}",
            got=repr(text),
            fix="for example --set y.beam=1.2 or --set xray.unit='erg / (s kpc2)'",
        )
    name, key, value = match.groups()
    for word, known, what in ((name, list(given), "view"), (key, list(SETTINGS), "setting")):
        if word not in known:
            raise ConfigError(
                f"There is no such {what}.",
                where=f"--set {text}",
                expected=", ".join(known),
                got=repr(word),
                fix=did_you_mean(word, known),
            )
    if key not in ("pixel", "beam"):
        return name, key, value
    try:
        return name, key, float(value)
    except ValueError as error:
        raise ConfigError(
            "This setting is not a number.",
            where=f"--set {text}",
            expected="arcmin, without a unit: 1.2",
            got=repr(value),
        ) from error


def read_view(file: ViewFile, max_pixels: int | None = None) -> SkyImage:
    """Read the image of a view; errors are those of ``read_image``, with the options of this view.

    Parameters
    ----------
    file : ViewFile
        Which, and what its header does not say.
    max_pixels : int, optional
        Larger images are refused before their data are read.
    """
    limit = {} if max_pixels is None else {"max_pixels": max_pixels}
    with of_view(file):
        image = read_image(
            file.path,
            file.view.quantity,
            unit=file.unit,
            pixel_arcmin=file.pixel_arcmin,
            beam_arcmin=file.beam_arcmin,
            hdu=file.hdu,
            **limit,
        )
    return replace(image, notes=tuple(_options_of(file.name, note) for note in image.notes))


@contextmanager
def of_view(file: ViewFile) -> Iterator[None]:
    """Let an error about one map name the view, its own options, and what to do with its unit."""
    try:
        yield
    except ZwickyError as error:
        fix = error.fix
        if isinstance(error, UnitError) and "does not measure" in error.what:
            fix = file.view.conversion
        where, expected, got, fix = (
            None if part is None else _options_of(file.name, str(part))
            for part in (error.where, error.expected, error.got, fix)
        )
        raise type(error)(
            f"{error.what.rstrip('.')} (view {file.name}).", where=where, expected=expected, got=got, fix=fix
        ) from error


def _options_of(name: str, text: str) -> str:
    """Return a text in which the options of a single map are those of a view: --beam becomes --set y.beam."""
    if name != "y":
        text = text.replace("if it is the Compton parameter, ", "")
    text = text.replace("--unit Compton-y", f"--set {name}.unit='{VIEWS[name].unit}'")
    text = text.replace("--pixel-scale", "--pixel")
    return re.sub(
        r"--(unit|pixel|beam|hdu)( (?=['A-Z]))?",
        lambda found: f"--set {name}.{found[1]}" + ("=" if found[2] else ""),
        text,
    )


def settle_center(images: Mapping[str, SkyImage], stated: SkyCoord | None, grid: Grid) -> SkyCoord | None:
    """Return where the cluster is in all views; None if no view has a WCS: then it is in the middle of each.

    Without a stated position, a view that is no wider than the stamp decides: the stamp fits nowhere else in it.

    Parameters
    ----------
    images : dict of str to SkyImage
        The views.
    stated : SkyCoord or None
        What the user says.
    grid : Grid
        Of the stamp.

    Raises
    ------
    MapError
        If only some views have a WCS, a position is stated and no view has one, or none is stated where one is needed.
    """
    placed = [name for name, image in images.items() if image.wcs is not None]
    lost = [name for name in images if name not in placed]
    if lost and (placed or stated is not None):
        raise MapError(
            "A view has no WCS: whether it shows the same sky cannot be known.",
            where=", ".join(images[name].path for name in lost),
            expected="a celestial WCS in every view, or in none and no --center",
            got=f"a WCS in {', '.join(placed) or 'none'}; none in {', '.join(lost)}"
            + ("" if stated is None else f"; --center {stated.to_string()}"),
            fix="add the WCS to the header, or leave this view out",
        )
    if lost or stated is not None:
        return stated
    for image in images.values():
        if max(image.values.shape) * image.pixel_arcmin < grid.width.value + grid.pixel_value:
            return _middle(image)
    raise MapError(
        "Where in these maps is the cluster?",
        where=", ".join(image.path for image in images.values()),
        expected="a position on the sky, as the maps are larger than the stamp",
        got="none",
        fix="give --center RA,DEC in degrees",
    )


def _middle(image: SkyImage) -> SkyCoord:
    y, x = ((length - 1) / 2.0 for length in image.values.shape)
    with no_astropy_surprise(f"{image.path}: WCS", []):
        return image.wcs.pixel_to_world(x, y).icrs  # type: ignore[union-attr]
