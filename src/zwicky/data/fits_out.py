"""Writing maps to FITS, whole or not at all, so that any other program reads them right.

North is up and the pixel scale holds in DS9; unit, beam and checksums are in the header; the same map always
gives the same bytes. A map set goes into one file and comes back exactly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from astropy.coordinates import SkyCoord
from astropy.io import fits

from zwicky.core.errors import FitsError
from zwicky.core.maps import Map, MapSet
from zwicky.data.fits_blocks import outline
from zwicky.data.fits_cards import card, whole_number
from zwicky.data.fits_records import (
    checked_text,
    exact_card,
    image_hdus,
    read_cluster,
    read_map,
    text_card,
    write_cluster,
    write_hdus,
)

_SET_VERSION: Final = 1  # of the layout of map sets; raised when a reader would have to know
_RESERVED: Final = re.compile(
    r"(NAXIS|TFORM|TTYPE)\d*|BSCALE|BZERO|BLANK|[PG]COUNT|XTENSION|GROUPS|END|CHECKSUM|DATASUM"
)


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
    image, *sigma = image_hdus(map_, center, prefix="")
    for keyword, value in (header or {}).items():
        _add_card(image.header, keyword, value)
    write_hdus([fits.PrimaryHDU(image.data, header=image.header), *sigma], Path(path), overwrite)


def write_map_set(
    map_set: MapSet, path: str | Path, *, center: SkyCoord | None = None, overwrite: bool = False
) -> None:
    """Write a map set: the cluster in the primary header, one HDU per map.

    Parameters and errors are those of ``write_map``. What lies under a mask is not kept.
    """
    primary = fits.PrimaryHDU()
    primary.header["MAPSETV"] = (_SET_VERSION, "layout of this file: a zwicky map set")
    write_cluster(map_set.cluster, primary.header)
    primary.header["PROVENAN"] = json.dumps(dict(map_set.provenance), sort_keys=True)
    images = [hdu for one in map_set for hdu in image_hdus(one, center, prefix=one.quantity.name)]
    write_hdus([primary, *images], Path(path), overwrite)


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
        provenance = json.loads(text_card(primary, "PROVENAN"))
    except json.JSONDecodeError as error:
        raise FitsError(
            "The provenance is not JSON.", where=f"{primary.where}: PROVENAN", got=str(error)
        ) from error
    named = {one.name: one for one in hdus[1:]}
    maps = [
        read_map(one, named.get(f"{name}_SIGMA"))
        for name, one in named.items()
        if not name.endswith("_SIGMA")
    ]
    return MapSet(read_cluster(primary), {one.quantity: one for one in maps}, provenance)


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
        cards[name] = checked_text(name, value)
    else:
        cards.append(exact_card(name, value, ""))
