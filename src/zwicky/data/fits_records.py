"""The pieces of FITS files that hold records: a map as an HDU, a cluster as cards; files that are whole or absent."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits

from zwicky import __version__
from zwicky.core.cluster import Cluster
from zwicky.core.cosmology import Cosmology
from zwicky.core.errors import FitsError, UnitError
from zwicky.core.files import written_whole
from zwicky.core.grid import PIXEL_UNIT, Grid
from zwicky.core.maps import Map
from zwicky.core.masses import Mass, MassDefinition
from zwicky.core.quantities import MapQuantity
from zwicky.core.units import parse_unit, unit_text
from zwicky.data.fits_blocks import HduOutline, load
from zwicky.data.fits_cards import card, number, one_line, whole_number
from zwicky.data.stamps import tangent_wcs

_STAGES: Final = ("theory", "observed", "inferred")
_MASS_KEYWORD: Final = re.compile(r"M\d+(_\d+)?[CM]")
_COSMOLOGY: Final = {
    "H": ("h", "[100 km/s/Mpc] Hubble constant"),
    "OMEGA_M": ("omega_m", "[1] matter density"),
    "OMEGA_B": ("omega_b", "[1] baryon density"),
    "SIGMA8": ("sigma8", "[1] amplitude of the power spectrum"),
    "N_S": ("n_s", "[1] spectral index"),
}


def image_hdus(map_: Map, center: SkyCoord | None, *, prefix: str) -> list[fits.ImageHDU]:
    """Return the HDU of a map and, if it has one, that of its sigma; only the first says what it shows.

    Parameters
    ----------
    map_ : Map
        The map; masked pixels become NaN.
    center : SkyCoord or None
        The sky position of its centre.
    prefix : str
        Name of the HDU; that of the sigma is ``prefix_SIGMA``.
    """
    image = fits.ImageHDU(_storable(_unmasked(map_)), name=prefix or None)
    cards = image.header
    cards["BUNIT"] = unit_card(map_.unit)
    cards["QUANTITY"] = (map_.quantity.value, "what the map shows")
    cards["STAGE"] = (map_.stage, "theory (no telescope), observed or inferred")
    write_grid(map_.grid, center, cards)
    if map_.beam_arcmin is not None:
        write_beam(map_.beam_arcmin, cards)
    cards["CREATOR"] = f"zwicky {__version__}"
    if map_.sigma is None:
        return [image]
    sigma = fits.ImageHDU(_storable(map_.sigma), name=f"{prefix}_SIGMA".lstrip("_"))
    sigma.header["BUNIT"] = cards["BUNIT"]
    return [image, sigma]


def _unmasked(map_: Map) -> np.ndarray:
    values = _storable(map_.values)
    return values if map_.mask is None else np.where(map_.mask, np.array(np.nan, values.dtype), values)


def write_beam(beam_arcmin: float, cards: fits.Header) -> None:
    """Add a round beam in arcmin, and in degrees as AIPS and CASA read it."""
    cards.append(exact_card("BEAM", beam_arcmin, "[arcmin] FWHM of the Gaussian beam"))
    for keyword in ("BMAJ", "BMIN"):
        cards.append(exact_card(keyword, beam_arcmin / 60.0, "[deg] FWHM of the Gaussian beam"))
    cards.append(exact_card("BPA", 0.0, "[deg]"))


def _storable(values: np.ndarray) -> np.ndarray:
    kept = np.asarray(values)
    return kept if kept.dtype in (np.float32, np.float64) else kept.astype(np.float64)


def unit_card(unit: u.UnitBase) -> str:
    """Return the spelling for BUNIT, or raise a UnitError if it could not be read back."""
    text = unit_text(unit)
    try:
        read_back = parse_unit(text)
    except UnitError:
        read_back = None
    if read_back != unit:
        raise UnitError("This unit has no spelling that can be read back.", where="BUNIT", got=repr(unit))
    return text


def exact_card(keyword: str, value: float, comment: str) -> fits.Card:
    """Return a card with the shortest number that is read back exactly; astropy cuts it to 20 characters."""
    if not math.isfinite(value):
        raise FitsError("FITS headers hold finite numbers only.", where=keyword, got=value)
    name = keyword if len(keyword) <= 8 else f"HIERARCH {keyword}"
    return fits.Card.fromstring(f"{name:8s}= {repr(float(value)).upper():>20s} / {comment}"[:80])


def write_grid(grid: Grid, center: SkyCoord | None, cards: fits.Header) -> None:
    """Add the pixel scale and, if the position of the centre is known, the place on the sky."""
    unit = PIXEL_UNIT[grid.kind].to_string()
    cards["GRIDKIND"] = (grid.kind, "what a pixel measures: arcmin, Mpc or R200c")
    cards.append(exact_card("GRIDPIX", grid.pixel_value, f"[{unit or 'R200c'}] side of a pixel"))
    if center is None:
        cards.update({"CUNIT1": unit, "CUNIT2": unit})
        ref_pixel, ref_value, step = [(grid.n_pixels + 1) / 2.0] * 2, [0.0, 0.0], [grid.pixel_value] * 2
    else:
        frame = tangent_wcs(center, grid).wcs
        cards.update({"CTYPE1": frame.ctype[0], "CTYPE2": frame.ctype[1], "CUNIT1": "deg", "CUNIT2": "deg"})
        cards["RADESYS"] = frame.radesys
        ref_pixel, ref_value, step = frame.crpix, frame.crval, frame.cdelt
    for name, pair in (("CRPIX", ref_pixel), ("CRVAL", ref_value), ("CDELT", step)):
        for i, value in enumerate(pair, start=1):
            cards.append(exact_card(f"{name}{i}", value, ""))


def checked_text(keyword: str, text: str) -> str:
    """Return a text that can stand in a header, or raise a FitsError."""
    if not (text.isascii() and text.isprintable() and text == text.rstrip()):
        raise FitsError(
            "This text cannot stand in a FITS header.",
            where=keyword,
            expected="printable ASCII without blanks at the end",
            got=repr(text),
        )
    return text


def write_cluster(cluster: Cluster, cards: fits.Header) -> None:
    """Add the cluster's name, redshift, cosmology, masses and properties."""
    cards["OBJECT"] = checked_text("OBJECT", cluster.id)
    cards["PARENT"] = checked_text("PARENT", cluster.parent)
    cards["SIGHTLIN"] = (cluster.sight_line, "which line of sight")
    cards.append(exact_card("REDSHIFT", cluster.redshift, "[1] cosmological"))
    for mass in cluster.masses.values():
        cards.append(exact_card(_mass_keyword(mass.definition), mass.msun, "[Msun] true mass, not per h"))
    cards["COSMO"] = checked_text("COSMO", cluster.cosmology.name)
    for keyword, (name, comment) in _COSMOLOGY.items():
        cards.append(exact_card(keyword, getattr(cluster.cosmology, name), comment))
    for i, (name, value) in enumerate(cluster.properties.items(), start=1):
        cards[f"PNAME{i}"] = (checked_text(f"PNAME{i}", name), "a property; its unit is in its name")
        cards.append(exact_card(f"PVAL{i}", value, ""))


def _mass_keyword(definition: MassDefinition) -> str:
    number_text = repr(float(definition.overdensity)).removesuffix(".0").replace(".", "_")
    return f"M{number_text}{definition.reference[0].upper()}"


def read_cluster(hdu: HduOutline) -> Cluster:
    """Return what ``write_cluster`` wrote."""
    masses = {}
    for keyword in filter(_MASS_KEYWORD.fullmatch, hdu.header):
        definition = MassDefinition.parse(keyword.replace("_", ".").lower())
        masses[definition] = Mass(number_card(hdu, keyword), definition)
    cosmology = {name: number_card(hdu, keyword) for keyword, (name, _) in _COSMOLOGY.items()}
    names = [keyword for keyword in hdu.header if re.fullmatch(r"PNAME\d+", keyword)]
    return Cluster(
        id=text_card(hdu, "OBJECT"),
        redshift=number_card(hdu, "REDSHIFT"),
        masses=masses,
        parent=text_card(hdu, "PARENT"),
        sight_line=whole_number(hdu.header, "SIGHTLIN", hdu.where, 0, 2**63),
        cosmology=Cosmology(name=text_card(hdu, "COSMO"), **cosmology),
        properties={text_card(hdu, one): number_card(hdu, one.replace("PNAME", "PVAL")) for one in names},
    )


def read_map(hdu: HduOutline, sigma: HduOutline | None) -> Map:
    """Return the map of an HDU; what is NaN is masked."""
    kind, stage, quantity = (
        _one_of(hdu, keyword, allowed)
        for keyword, allowed in (
            ("GRIDKIND", PIXEL_UNIT),
            ("STAGE", _STAGES),
            ("QUANTITY", list(MapQuantity)),
        )
    )
    values = load(hdu, [])
    mask = np.isnan(values)
    return Map(
        values,
        MapQuantity(quantity),
        parse_unit(text_card(hdu, "BUNIT"), where=f"{hdu.where}: BUNIT"),
        Grid(hdu.axes[0], number_card(hdu, "GRIDPIX") * PIXEL_UNIT[kind], kind),  # type: ignore[arg-type]
        stage,  # type: ignore[arg-type]
        sigma=None if sigma is None else load(sigma, []),
        mask=mask if mask.any() else None,
        beam_arcmin=number(hdu.header, "BEAM", hdu.where),
    )


def text_card(hdu: HduOutline, keyword: str) -> str:
    """Return the text of a card that must be there."""
    value = card(hdu.header, keyword, hdu.where)
    if not isinstance(value, str):
        raise FitsError(
            "This keyword is missing.", where=f"{hdu.where}: {keyword}", expected="text", got=repr(value)
        )
    return value


def json_card(primary: HduOutline, keyword: str, what: str) -> dict[str, Any]:
    """Return what a card holds as JSON, or raise a FitsError that says what is none."""
    try:
        return dict(json.loads(text_card(primary, keyword)))
    except (json.JSONDecodeError, TypeError, ValueError) as error:
        raise FitsError(
            f"{what} is not JSON.", where=f"{primary.where}: {keyword}", got=str(error)
        ) from error


def center_of(hdu: HduOutline) -> SkyCoord | None:
    """Return the sky position of an image's middle, or None if it does not say."""
    if card(hdu.header, "CTYPE1", hdu.where) is None:
        return None
    ra, dec = (number_card(hdu, f"CRVAL{i}") for i in (1, 2))
    return SkyCoord(ra, dec, unit=u.deg)


def number_card(hdu: HduOutline, keyword: str) -> float:
    """Return the number of a card that must be there."""
    value = number(hdu.header, keyword, hdu.where)
    if value is None:
        raise FitsError("This keyword is missing.", where=f"{hdu.where}: {keyword}", expected="a number")
    return value


def _one_of(hdu: HduOutline, keyword: str, allowed: Collection[str]) -> str:
    value = text_card(hdu, keyword)
    if value not in allowed:
        raise FitsError(
            "This keyword has an unknown value.",
            where=f"{hdu.where}: {keyword}",
            expected=", ".join(allowed),
            got=repr(value),
        )
    return value


def write_hdus(hdus: Sequence[fits.PrimaryHDU | fits.ImageHDU], path: Path, overwrite: bool) -> None:
    """Write HDUs with their checksums, whole or not at all."""
    if path.suffix.lower() not in (".fits", ".fit"):
        raise FitsError("A FITS file is named as one.", where=str(path), expected="a name that ends in .fits")
    if path.exists() and not overwrite:
        raise FitsError(
            "The file exists already.",
            where=str(path),
            expected="a new name",
            fix="choose another, or allow overwriting",
        )
    content = fits.HDUList(list(hdus))
    for hdu in content:
        hdu.add_checksum(
            when="checked whenever zwicky reads this"
        )  # astropy's own comment has the time in it
    try:
        with written_whole(path) as temporary:
            content.writeto(temporary, overwrite=True)
    except OSError as error:
        raise FitsError(
            "The file cannot be written.",
            where=str(path),
            expected="a folder that can be written to, with space left",
            got=f"{type(error).__name__}: {one_line(error)}",
            fix="choose another folder, or make space; nothing half-written was left",
        ) from error
