"""Writing maps to FITS, whole or not at all, so that any other program reads them right.

North is up and the pixel scale holds in DS9; unit, beam and checksums are in the header; the same map always
gives the same bytes. A map set goes into one file and comes back exactly.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

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
from zwicky.core.maps import Map, MapSet
from zwicky.core.masses import Mass, MassDefinition
from zwicky.core.quantities import MapQuantity
from zwicky.core.units import parse_unit, unit_text
from zwicky.data.fits_blocks import HduOutline, load, outline
from zwicky.data.fits_cards import card, number, one_line, whole_number
from zwicky.data.stamps import tangent_wcs

_SET_VERSION: Final = 1  # of the layout of map sets; raised when a reader would have to know
_STAGES: Final = ("theory", "observed", "inferred")
_MASS_KEYWORD: Final = re.compile(r"M\d+(_\d+)?[CM]")
_RESERVED: Final = re.compile(
    r"(NAXIS|TFORM|TTYPE)\d*|BSCALE|BZERO|BLANK|[PG]COUNT|XTENSION|GROUPS|END|CHECKSUM|DATASUM"
)
_COSMOLOGY: Final = {
    "H": ("h", "[100 km/s/Mpc] Hubble constant"),
    "OMEGA_M": ("omega_m", "[1] matter density"),
    "OMEGA_B": ("omega_b", "[1] baryon density"),
    "SIGMA8": ("sigma8", "[1] amplitude of the power spectrum"),
    "N_S": ("n_s", "[1] spectral index"),
}


def write_map(
    map_: Map,
    path: str | Path,
    *,
    center: SkyCoord | None,
    header: Mapping[str, str | float] | None = None,
    overwrite: bool = False,
) -> None:
    """Write one map, so that ``read_image`` and any other program read it without being told anything.

    Masked pixels are written as NaN and a sigma as a second image. Of a map without a beam (theory)
    ``read_image`` will ask for one.

    Parameters
    ----------
    map_ : Map
        The map.
    path : str or Path
        A name that ends in .fits.
    center : SkyCoord or None
        The sky position of its centre. Without one the header has the pixel scale but no place on the sky.
    header : dict of str to str or float, optional
        Further cards: standard keywords of up to 8 characters, not those that the map writes itself.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    FitsError
        If the file exists or cannot be written, or a card is not FITS. Nothing half-written is left.
    UnitError
        If the unit has no spelling that can be read back.
    """
    image, *sigma = _image_hdus(map_, center, prefix="")
    for keyword, value in (header or {}).items():
        _add_card(image.header, keyword, value)
    _write([fits.PrimaryHDU(image.data, header=image.header), *sigma], Path(path), overwrite)


def write_map_set(
    map_set: MapSet, path: str | Path, *, center: SkyCoord | None = None, overwrite: bool = False
) -> None:
    """Write a map set: the cluster in the primary header, one HDU per map.

    Parameters and errors are those of ``write_map``. What lies under a mask is not kept.
    """
    primary = fits.PrimaryHDU()
    primary.header["MAPSETV"] = (_SET_VERSION, "layout of this file: a zwicky map set")
    _write_cluster(map_set.cluster, primary.header)
    primary.header["PROVENAN"] = json.dumps(dict(map_set.provenance), sort_keys=True)
    images = [hdu for one in map_set for hdu in _image_hdus(one, center, prefix=one.quantity.name)]
    _write([primary, *images], Path(path), overwrite)


def read_map_set(path: str | Path, *, max_pixels: int = 64_000_000) -> MapSet:
    """Read what ``write_map_set`` wrote: the same numbers, bit for bit, outside the masks.

    Raises
    ------
    FitsError
        If it is damaged, or not a map set.
    """
    hdus, _ = outline(Path(path), max_pixels=max_pixels)
    primary = hdus[0]
    if card(primary.header, "MAPSETV", primary.where) is None:
        raise FitsError(
            "This file is not a map set.",
            where=f"{primary.where}: MAPSETV",
            expected="a file of write_map_set",
            got="; ".join(str(one) for one in hdus),
            fix="read a single image with read_image",
        )
    whole_number(primary.header, "MAPSETV", primary.where, 1, _SET_VERSION)
    try:
        provenance = json.loads(_text(primary, "PROVENAN"))
    except json.JSONDecodeError as error:
        raise FitsError(
            "The provenance is not JSON.", where=f"{primary.where}: PROVENAN", got=str(error)
        ) from error
    named = {one.name: one for one in hdus[1:]}
    maps = [
        _read_map(one, named.get(f"{name}_SIGMA"))
        for name, one in named.items()
        if not name.endswith("_SIGMA")
    ]
    return MapSet(_read_cluster(primary), {one.quantity: one for one in maps}, provenance)


def _image_hdus(map_: Map, center: SkyCoord | None, *, prefix: str) -> list[fits.ImageHDU]:
    """Return the HDU of a map and, if it has one, that of its sigma; only the first says what it shows."""
    values = _storable(map_.values)
    if map_.mask is not None:
        values = np.where(map_.mask, np.array(np.nan, values.dtype), values)
    image = fits.ImageHDU(values, name=prefix or None)
    cards = image.header
    cards["BUNIT"] = _bunit(map_.unit)
    cards["QUANTITY"] = (map_.quantity.value, "what the map shows")
    cards["STAGE"] = (map_.stage, "theory (no telescope), observed or inferred")
    _write_grid(map_.grid, center, cards)
    if map_.beam_arcmin is not None:
        cards.append(_exact("BEAM", map_.beam_arcmin, "[arcmin] FWHM of the Gaussian beam"))
        for keyword in ("BMAJ", "BMIN"):
            cards.append(_exact(keyword, map_.beam_arcmin / 60.0, "[deg] FWHM of the Gaussian beam"))
        cards.append(_exact("BPA", 0.0, "[deg]"))
    cards["CREATOR"] = f"zwicky {__version__}"
    if map_.sigma is None:
        return [image]
    sigma = fits.ImageHDU(_storable(map_.sigma), name=f"{prefix}_SIGMA".lstrip("_"))
    sigma.header["BUNIT"] = cards["BUNIT"]
    return [image, sigma]


def _storable(values: np.ndarray) -> np.ndarray:
    kept = np.asarray(values)
    return kept if kept.dtype in (np.float32, np.float64) else kept.astype(np.float64)


def _bunit(unit: u.UnitBase) -> str:
    text = unit_text(unit)
    try:
        read_back = parse_unit(text)
    except UnitError:
        read_back = None
    if read_back != unit:
        raise UnitError("This unit has no spelling that can be read back.", where="BUNIT", got=repr(unit))
    return text


def _exact(keyword: str, value: float, comment: str) -> fits.Card:
    """Return a card with the shortest number that is read back exactly; astropy cuts it to 20 characters."""
    if not math.isfinite(value):
        raise FitsError("FITS headers hold finite numbers only.", where=keyword, got=value)
    name = keyword if len(keyword) <= 8 else f"HIERARCH {keyword}"
    return fits.Card.fromstring(f"{name:8s}= {repr(float(value)).upper():>20s} / {comment}"[:80])


def _write_grid(grid: Grid, center: SkyCoord | None, cards: fits.Header) -> None:
    unit = PIXEL_UNIT[grid.kind].to_string()
    cards["GRIDKIND"] = (grid.kind, "what a pixel measures: arcmin, Mpc or R200c")
    cards.append(_exact("GRIDPIX", grid.pixel_value, f"[{unit or 'R200c'}] side of a pixel"))
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
            cards.append(_exact(f"{name}{i}", value, ""))


def _add_card(cards: fits.Header, keyword: str, value: str | float) -> None:
    """Add a user's card, or raise a FitsError that says why it cannot stand there."""
    name = keyword.upper()
    if not re.fullmatch(r"[A-Z0-9_-]{1,8}", name) or name in cards or _RESERVED.fullmatch(name):
        raise FitsError(
            "This keyword cannot be added to the header.",
            where=keyword,
            expected="1 to 8 of A-Z, 0-9, - and _, not one that the map writes itself",
        )
    if isinstance(value, str):
        cards[name] = _checked_text(name, value)
    else:
        cards.append(_exact(name, value, ""))


def _checked_text(keyword: str, text: str) -> str:
    if not (text.isascii() and text.isprintable() and text == text.rstrip()):
        raise FitsError(
            "This text cannot stand in a FITS header.",
            where=keyword,
            expected="printable ASCII without blanks at the end",
            got=repr(text),
        )
    return text


def _write_cluster(cluster: Cluster, cards: fits.Header) -> None:
    cards["OBJECT"] = _checked_text("OBJECT", cluster.id)
    cards["PARENT"] = _checked_text("PARENT", cluster.parent)
    cards["SIGHTLIN"] = (cluster.sight_line, "which line of sight")
    cards.append(_exact("REDSHIFT", cluster.redshift, "[1] cosmological"))
    for mass in cluster.masses.values():
        cards.append(_exact(_mass_keyword(mass.definition), mass.msun, "[Msun] true mass, not per h"))
    cards["COSMO"] = _checked_text("COSMO", cluster.cosmology.name)
    for keyword, (name, comment) in _COSMOLOGY.items():
        cards.append(_exact(keyword, getattr(cluster.cosmology, name), comment))
    for i, (name, value) in enumerate(cluster.properties.items(), start=1):
        cards[f"PNAME{i}"] = (_checked_text(f"PNAME{i}", name), "a property; its unit is in its name")
        cards.append(_exact(f"PVAL{i}", value, ""))


def _mass_keyword(definition: MassDefinition) -> str:
    number_text = repr(float(definition.overdensity)).removesuffix(".0").replace(".", "_")
    return f"M{number_text}{definition.reference[0].upper()}"


def _read_cluster(hdu: HduOutline) -> Cluster:
    masses = {}
    for keyword in filter(_MASS_KEYWORD.fullmatch, hdu.header):
        definition = MassDefinition.parse(keyword.replace("_", ".").lower())
        masses[definition] = Mass(_float(hdu, keyword), definition)
    cosmology = {name: _float(hdu, keyword) for keyword, (name, _) in _COSMOLOGY.items()}
    names = [keyword for keyword in hdu.header if re.fullmatch(r"PNAME\d+", keyword)]
    return Cluster(
        id=_text(hdu, "OBJECT"),
        redshift=_float(hdu, "REDSHIFT"),
        masses=masses,
        parent=_text(hdu, "PARENT"),
        sight_line=whole_number(hdu.header, "SIGHTLIN", hdu.where, 0, 2**63),
        cosmology=Cosmology(name=_text(hdu, "COSMO"), **cosmology),
        properties={_text(hdu, one): _float(hdu, one.replace("PNAME", "PVAL")) for one in names},
    )


def _read_map(hdu: HduOutline, sigma: HduOutline | None) -> Map:
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
        parse_unit(_text(hdu, "BUNIT"), where=f"{hdu.where}: BUNIT"),
        Grid(hdu.axes[0], _float(hdu, "GRIDPIX") * PIXEL_UNIT[kind], kind),  # type: ignore[arg-type]
        stage,  # type: ignore[arg-type]
        sigma=None if sigma is None else load(sigma, []),
        mask=mask if mask.any() else None,
        beam_arcmin=number(hdu.header, "BEAM", hdu.where),
    )


def _text(hdu: HduOutline, keyword: str) -> str:
    """Return the text of a card that must be there."""
    value = card(hdu.header, keyword, hdu.where)
    if not isinstance(value, str):
        raise FitsError(
            "This keyword is missing.", where=f"{hdu.where}: {keyword}", expected="text", got=repr(value)
        )
    return value


def _float(hdu: HduOutline, keyword: str) -> float:
    """Return the number of a card that must be there."""
    value = number(hdu.header, keyword, hdu.where)
    if value is None:
        raise FitsError("This keyword is missing.", where=f"{hdu.where}: {keyword}", expected="a number")
    return value


def _one_of(hdu: HduOutline, keyword: str, allowed: Collection[str]) -> str:
    value = _text(hdu, keyword)
    if value not in allowed:
        raise FitsError(
            "This keyword has an unknown value.",
            where=f"{hdu.where}: {keyword}",
            expected=", ".join(allowed),
            got=repr(value),
        )
    return value


def _write(hdus: list[fits.PrimaryHDU | fits.ImageHDU], path: Path, overwrite: bool) -> None:
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
    content = fits.HDUList(hdus)
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
