"""Several maps of one cluster: what a user states of each beside its file, and where in all of them the cluster is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from astropy.coordinates import SkyCoord

from zwicky.core.config import did_you_mean
from zwicky.core.errors import ConfigError, MapError, ZwickyError
from zwicky.core.grid import Grid
from zwicky.data.fits_cards import no_astropy_surprise
from zwicky.data.fits_in import SkyImage

SETTINGS: Final = {"unit": "unit", "pixel": "pixel_arcmin", "beam": "beam_arcmin", "hdu": "hdu"}
"""What ``--set NAME.KEY=VALUE`` may state, and the argument of ``read_image`` that takes it."""


@dataclass(frozen=True)
class InputFile:
    """One of several maps: a file, and what its header does not say.

    Parameters
    ----------
    name : str
        Of the map, as in ``--set NAME.KEY=VALUE``.
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
    def options(self) -> dict[str, Any]:
        """What is stated, as arguments of ``read_image``."""
        return {argument: getattr(self, argument) for argument in SETTINGS.values()}


def stated_settings(
    names: Collection[str], settings: Sequence[str], *, kind: str, example: str
) -> dict[str, dict[str, Any]]:
    """Return what ``--set`` says about each of some maps, as fields of ``InputFile``.

    Parameters
    ----------
    names : list of str
        Of the maps that were given.
    settings : list of str
        ``"y.beam=1.2"``, ``"150.unit=uK_CMB"``, ``"stars.pixel=0.5"``, ``"y.hdu=1"``.
    kind : str
        What the maps are, for messages: views or bands.
    example : str
        Of settings, for messages.

    Raises
    ------
    ConfigError
        If a setting cannot be read, is not known, is said twice, or names a map that was not given.
    """
    stated: dict[str, dict[str, Any]] = {name: {} for name in names}
    for text in settings:
        name, key, value = _setting(text, list(names), kind, example)
        if SETTINGS[key] in stated[name]:
            raise ConfigError(
                "This setting is stated twice.",
                where=f"--set {text}",
                expected=f"one {name}.{key}",
                got="two",
            )
        stated[name][SETTINGS[key]] = value
    return stated


def _setting(text: str, names: list[str], kind: str, example: str) -> tuple[str, str, float | str]:
    """Return (name, key, value) of one ``--set``."""
    match = re.fullmatch(r"\s*([\w.]*\w)\.(\w+)\s*=\s*(.*\S)\s*", text)
    if match is None:
        raise ConfigError(
            "This setting cannot be read.",
            where="--set",
            expected=f"{kind.upper()}.KEY=VALUE with a key of {', '.join(SETTINGS)}",
            got=repr(text),
            fix=f"for example {example}",
        )
    name, key, value = match.groups()
    for word, known, what in ((name, names, kind), (key, list(SETTINGS), "setting")):
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


@contextmanager
def of_input(name: str, kind: str, unit: str) -> Iterator[None]:
    """Let an error about one map name that map and its own options.

    Parameters
    ----------
    name, kind : str
        Of the map, such as "y" and "view".
    unit : str
        An example of its units, in place of that of a Compton-y map.
    """
    try:
        yield
    except ZwickyError as error:
        where, expected, got, fix = (
            None if part is None else options_of(name, unit, str(part))
            for part in (error.where, error.expected, error.got, error.fix)
        )
        raise type(error)(
            f"{error.what.rstrip('.')} ({kind} {name}).", where=where, expected=expected, got=got, fix=fix
        ) from error


def options_of(name: str, unit: str, text: str) -> str:
    """Return a text in which the options of a single map are those of one of several: --beam becomes --set y.beam."""
    if unit != "Compton-y":
        text = text.replace("if it is the Compton parameter, ", "")
    text = text.replace("--unit Compton-y", f"--set {name}.unit='{unit}'")
    text = text.replace("--pixel-scale", "--pixel")
    return re.sub(
        r"--(unit|pixel|beam|hdu)( (?=['A-Z]|[mu]K_CMB))?",
        lambda found: f"--set {name}.{found[1]}" + ("=" if found[2] else ""),
        text,
    )


def settle_center(
    images: Mapping[str, SkyImage], stated: SkyCoord | None, grid: Grid, *, kind: str = "view"
) -> SkyCoord | None:
    """Return where the cluster is in all maps; None if none has a WCS: then it is in the middle of each.

    Without a stated position, a map that is no wider than the stamp decides: the stamp fits nowhere else in it.

    Parameters
    ----------
    images : dict of str to SkyImage
        The maps, by their names.
    stated : SkyCoord or None
        What the user says.
    grid : Grid
        Of the stamp.
    kind : str
        What the maps are, for messages: views or bands.

    Raises
    ------
    MapError
        If only some maps have a WCS, a position is stated and no map has one, or none is stated where one is needed.
    """
    placed = [name for name, image in images.items() if image.wcs is not None]
    lost = [name for name in images if name not in placed]
    if lost and (placed or stated is not None):
        raise MapError(
            f"A {kind} has no WCS: whether it shows the same sky cannot be known.",
            where=", ".join(images[name].path for name in lost),
            expected=f"a celestial WCS in every {kind}, or in none and no --center",
            got=f"a WCS in {', '.join(placed) or 'none'}; none in {', '.join(lost)}"
            + ("" if stated is None else f"; --center {stated.to_string()}"),
            fix="add the WCS to the header, or leave this one out",
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
