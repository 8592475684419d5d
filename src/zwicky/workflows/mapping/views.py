"""The views of a cluster that a user has: which files, and what their headers leave out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from zwicky.core.errors import ConfigError, UnitError
from zwicky.core.quantities import MapQuantity
from zwicky.data.fits_in import SkyImage, read_image
from zwicky.workflows.inputs import InputFile, of_input, options_of, stated_settings


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

EXAMPLE: Final = "--set y.beam=1.2 or --set xray.unit='erg / (s kpc2)'"


@dataclass(frozen=True)
class ViewFile(InputFile):
    """One view of a cluster; its name is one of ``VIEWS``."""

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
    stated = stated_settings(given, settings, kind="view", example=EXAMPLE)
    return [ViewFile(name, path, **stated[name]) for name, path in given.items()]


def read_view(file: ViewFile, max_pixels: int | None = None) -> SkyImage:
    """Read the image of a view; errors are those of ``read_image``, with the options of this view.

    Parameters
    ----------
    file : ViewFile
        Which, and what its header does not say.
    max_pixels : int, optional
        Larger images are refused before their data are read.
    """
    limit: dict[str, Any] = {} if max_pixels is None else {"max_pixels": max_pixels}
    with of_view(file):
        image = read_image(file.path, file.view.quantity, **file.options, **limit)
    return replace(image, notes=tuple(options_of(file.name, file.view.unit, note) for note in image.notes))


@contextmanager
def of_view(file: ViewFile) -> Iterator[None]:
    """Let an error about one map name the view, its own options, and what to do with its unit."""
    with of_input(file.name, "view", file.view.unit):
        try:
            yield
        except UnitError as error:
            if "does not measure" in error.what:
                error.fix = file.view.conversion
            raise
