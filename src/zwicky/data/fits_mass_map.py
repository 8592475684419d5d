"""A mass map as a FITS file: the answer, its errors, and the views that it was made from.

=============  ======================  ====================================================================
HDU            unit                    content
=============  ======================  ====================================================================
primary                                the cluster, the cosmology, the warning light, the mapper's provenance
MEAN           solMass / Mpc2          expected total surface density
SD             solMass / Mpc2          its standard deviation per pixel, from HALF68
LOG10MED       dex of Msun/Mpc2        the centre of each pixel's intervals
HALF68/HALF95  dex                     half of the 68 and 95 % intervals of log10 of the surface density
INPUT_...      of the view             each view as the mapper saw it: on these pixels, with this beam
=============  ======================  ====================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits

from zwicky.core.cluster import Cluster
from zwicky.core.errors import FitsError, MapError
from zwicky.core.grid import Grid
from zwicky.core.maps import Map
from zwicky.core.posteriors import lognormal_sd
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.data.fits_blocks import load, outline
from zwicky.data.fits_cards import card, whole_number
from zwicky.data.fits_records import (
    center_of,
    checked_text,
    exact_card,
    image_hdus,
    json_card,
    number_card,
    read_cluster,
    read_map,
    text_card,
    unit_card,
    write_beam,
    write_cluster,
    write_grid,
    write_hdus,
)

LAYOUT_VERSION: Final = 1
TOTAL: Final = MapQuantity.TOTAL_SURFACE_DENSITY
_INPUT: Final = "INPUT_"
_DEX: Final = {"LOG10MED": "log10_median", "HALF68": "half_68_dex", "HALF95": "half_95_dex"}


@dataclass(frozen=True, eq=False)
class MassMap:
    """The total surface density of one cluster, with its errors.

    Parameters
    ----------
    cluster : Cluster
        Its name, redshift and cosmology.
    grid : Grid
        The pixels, kind "sky".
    pixel_mpc : float [Mpc, proper]
        Side of a pixel at the cluster.
    beam_arcmin : float [arcmin]
        FWHM of the Gaussian that the map is smoothed with.
    center : SkyCoord or None
        The sky position of the middle.
    mean : (y, x) array [Msun Mpc^-2]
        Expected surface density.
    log10_median, half_68_dex, half_95_dex : (y, x) arrays [dex of Msun Mpc^-2]
        The centre of each pixel's intervals and half of their widths.
    inputs : dict of str to Map
        The views, by their names on the command line, as the mapper saw them.
    light : str
        The warning light: "in-domain", "edge" or "out-of-domain".
    mapper : dict
        Provenance of the mapper; JSON-able.
    """

    cluster: Cluster
    grid: Grid
    pixel_mpc: float
    beam_arcmin: float
    center: SkyCoord | None
    mean: np.ndarray
    log10_median: np.ndarray
    half_68_dex: np.ndarray
    half_95_dex: np.ndarray
    inputs: Mapping[str, Map]
    light: str
    mapper: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.grid.kind != "sky":
            raise MapError("A mass map lies on the sky.", expected="a 'sky' grid", got=str(self.grid))
        for name in ("mean", *_DEX.values()):
            values = getattr(self, name)
            if np.shape(values) != self.grid.shape or not np.isfinite(values).all():
                raise MapError(
                    "A mass map has finite numbers on its grid.",
                    where=name,
                    expected=f"shape {self.grid.shape}",
                    got=f"shape {np.shape(values)}",
                )

    @property
    def sd(self) -> np.ndarray:
        """Standard deviation of a log-normal of this mean and this 68 % interval, (y, x) [Msun Mpc^-2]."""
        return lognormal_sd(self.mean, self.half_68_dex)


def write_mass_map(mass_map: MassMap, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a mass map, whole or not at all; the same map always gives the same bytes.

    Parameters
    ----------
    mass_map : MassMap
        The map.
    path : str or Path
        A name that ends in .fits.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    FitsError
        If the file exists or cannot be written, or a name is not printable ASCII.
    """
    primary = fits.PrimaryHDU()
    cards = primary.header
    cards["MASSMAPV"] = (LAYOUT_VERSION, "layout of this file: a zwicky mass map")
    write_cluster(mass_map.cluster, cards)
    cards.append(exact_card("PIXMPC", mass_map.pixel_mpc, "[Mpc] proper side of a pixel"))
    cards["LIGHT"] = (checked_text("LIGHT", mass_map.light), "in-domain, edge or out-of-domain")
    cards["MAPPER"] = checked_text("MAPPER", json.dumps(dict(mass_map.mapper), sort_keys=True))
    mean = Map(
        mass_map.mean, TOTAL, UNIT_OF[TOTAL], mass_map.grid, "inferred", beam_arcmin=mass_map.beam_arcmin
    )
    images = image_hdus(mean, mass_map.center, prefix="MEAN")
    images.append(_plain_hdu("SD", mass_map.sd, unit_card(UNIT_OF[TOTAL]), mass_map))
    images[-1].header["COMMENT"] = "SD = MEAN sqrt(exp((ln(10) HALF68)^2) - 1), of a log-normal"
    images += [_plain_hdu(name, getattr(mass_map, column), "dex", mass_map) for name, column in _DEX.items()]
    for name, view in mass_map.inputs.items():
        (image,) = image_hdus(_as_used(view), mass_map.center, prefix=f"{_INPUT}{name.upper()}")
        filled = 0 if view.mask is None else int(view.mask.sum())
        image.header["FILLED"] = (filled, "pixels without measurement, filled from around")
        images.append(image)
    write_hdus([primary, *images], Path(path), overwrite)


def _as_used(view: Map) -> Map:
    return Map(view.values, view.quantity, view.unit, view.grid, view.stage, beam_arcmin=view.beam_arcmin)


def _plain_hdu(name: str, values: np.ndarray, unit: str, mass_map: MassMap) -> fits.ImageHDU:
    """Return an image that does not say QUANTITY: only MEAN is found when a surface density is looked for."""
    image = fits.ImageHDU(np.asarray(values, mass_map.mean.dtype), name=name)
    image.header["BUNIT"] = (unit, "of Msun/Mpc2" if unit == "dex" else "")
    write_grid(mass_map.grid, mass_map.center, image.header)
    write_beam(mass_map.beam_arcmin, image.header)
    return image


def read_mass_map(path: str | Path, *, max_pixels: int = 64_000_000) -> MassMap:
    """Read what ``write_mass_map`` wrote: the same numbers, bit for bit.

    Parameters
    ----------
    path : str or Path
        The file.
    max_pixels : int
        Larger images are refused before their data are read.

    Raises
    ------
    FitsError
        If it is damaged, or not a mass map.
    """
    hdus, _ = outline(Path(path), max_pixels=max_pixels)
    primary, named = hdus[0], {one.name: one for one in hdus[1:]}
    missing = [name for name in ("MEAN", "SD", *_DEX) if name not in named]
    if card(primary.header, "MASSMAPV", primary.where) is None or missing:
        raise FitsError(
            "This file is not a mass map.",
            where=str(path),
            expected="MASSMAPV in the primary header, and the HDUs MEAN, SD, LOG10MED, HALF68 and HALF95",
            got="; ".join(str(one) for one in hdus),
            fix="read a single image with read_image",
        )
    whole_number(primary.header, "MASSMAPV", primary.where, 1, LAYOUT_VERSION)
    mean = read_map(named["MEAN"], None)
    return MassMap(
        cluster=read_cluster(primary),
        grid=mean.grid,
        pixel_mpc=number_card(primary, "PIXMPC"),
        beam_arcmin=number_card(named["MEAN"], "BEAM"),
        center=center_of(named["MEAN"]),
        mean=mean.values,
        inputs={
            name.removeprefix(_INPUT).lower(): read_map(one, None)
            for name, one in named.items()
            if name.startswith(_INPUT)
        },
        light=text_card(primary, "LIGHT"),
        mapper=json_card(primary, "MAPPER", "The mapper's provenance"),
        **{column: load(named[name], []) for name, column in _DEX.items()},
    )
