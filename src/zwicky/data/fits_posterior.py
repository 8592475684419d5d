"""Samples of a map as a FITS file, with their mean, standard deviation and quantiles: one file for each target.

=======  ==================  ====================================================================
HDU      unit                content
=======  ==================  ====================================================================
primary                      the cluster, the cosmology, the warning light, seed and evaluations
MEAN     of the samples      posterior mean; the only image that says QUANTITY
SD       of the samples      posterior standard deviation per pixel
Q2.5 ..  of the samples      quantiles per pixel: Q2.5, Q16, Q50, Q84, Q97.5 [%]
SAMPLES  of the samples      cube (sample, y, x), float32: whatever else one wants to know
=======  ==================  ====================================================================
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
from zwicky.core.quantities import UNIT_OF, MapQuantity
from zwicky.data.fits_blocks import HduOutline, load, outline
from zwicky.data.fits_cards import card, number, whole_number
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
LEVELS: Final = {"Q2.5": 0.025, "Q16": 0.16, "Q50": 0.5, "Q84": 0.84, "Q97.5": 0.975}
"""The quantile of each image."""
_VERSION: Final = "POSTMAPV"
_SAMPLES: Final = "SAMPLES"
_LARGEST_WHOLE: Final = 2**63 - 1
_ROUNDING: Final = 1e-5  # [1] relative: sums of single precision, in another order


@dataclass(frozen=True, eq=False)
class SampledMap:
    """Samples of a map of one cluster.

    Parameters
    ----------
    cluster : Cluster
        Its name, redshift and cosmology.
    quantity : MapQuantity
        What the map shows.
    grid : Grid
        The pixels, kind "sky".
    pixel_mpc : float [Mpc, proper]
        Side of a pixel at the cluster.
    beam_arcmin : float or None [arcmin]
        FWHM of the Gaussian that the map is smoothed with, if any.
    center : SkyCoord or None
        The sky position of the middle.
    samples : (sample, y, x) float32 array [the kept unit of the quantity]
        Equally weighted, positive.
    light : str
        The warning light: "in-domain", "edge" or "out-of-domain".
    evaluations : int
        Evaluations of the network behind each sample.
    seed : int
        Of the samples.
    mapper : dict
        Provenance of what drew them; JSON-able.

    Raises
    ------
    MapError
        If the grid is not on the sky, or the samples are not finite positive numbers on it.
    """

    cluster: Cluster
    quantity: MapQuantity
    grid: Grid
    pixel_mpc: float
    beam_arcmin: float | None
    center: SkyCoord | None
    samples: np.ndarray
    light: str
    evaluations: int
    seed: int
    mapper: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.grid.kind != "sky":
            raise MapError("A map of a cluster lies on the sky.", expected="a 'sky' grid", got=str(self.grid))
        shape = np.shape(self.samples)
        on_grid = len(shape) == 3 and shape[0] > 0 and shape[1:] == self.grid.shape
        if not on_grid or not (np.isfinite(self.samples) & (self.samples > 0.0)).all():
            raise MapError(
                "Samples of a map are finite positive numbers on its grid.",
                where=str(self.quantity),
                expected=f"shape (sample, {self.grid.n_pixels}, {self.grid.n_pixels})",
                got=f"shape {shape}" + (", with numbers that are not" if on_grid else ""),
            )

    @property
    def short_name(self) -> str:
        """What is mapped, beside a number: "gas" for the surface density of gas."""
        return self.quantity.value.removesuffix("_surface_density").replace("_", " ")

    @property
    def mean(self) -> np.ndarray:
        """Posterior mean, (y, x) float32."""
        return np.asarray(self.samples.mean(axis=0, dtype=float), np.float32)

    @property
    def sd(self) -> np.ndarray:
        """Posterior standard deviation, (y, x) float32; 0 for a single sample."""
        return np.asarray(
            self.samples.std(axis=0, dtype=float, ddof=min(1, len(self.samples) - 1)), np.float32
        )

    def quantile(self, level: float) -> np.ndarray:
        """Return the quantile of each pixel at a level, (y, x) float32; see ``sample_quantiles``."""
        return np.asarray(sample_quantiles(self.samples, (level,))[0], np.float32)


def sample_quantiles(samples: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Return quantiles over the first axis of samples (sample, ...), as (level, ...).

    The level p lies at place p (N + 1) among N samples: intervals between two of these cover as often as they say,
    where the common p (N - 1) + 1 gives intervals that are too narrow. With fewer than 39 samples there is no such
    place for 2.5 and 97.5 %, and the smallest and the largest sample stand there.
    """
    return np.asarray(np.quantile(samples, levels, axis=0, method="weibull"))


def write_sampled_map(sampled: SampledMap, path: str | Path, *, overwrite: bool = False) -> None:
    """Write samples and what is commonly asked of them, whole or not at all; the same map gives the same bytes.

    Parameters
    ----------
    sampled : SampledMap
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
    cards[_VERSION] = (LAYOUT_VERSION, "layout of this file: zwicky posterior maps")
    write_cluster(sampled.cluster, cards)
    cards.append(exact_card("PIXMPC", sampled.pixel_mpc, "[Mpc] proper side of a pixel"))
    cards["LIGHT"] = (checked_text("LIGHT", sampled.light), "in-domain, edge or out-of-domain")
    cards["NSAMPLES"] = (len(sampled.samples), "samples, equally weighted")
    cards["NFE"] = (sampled.evaluations, "evaluations of the network per sample")
    cards["SEED"] = (sampled.seed, "of the samples")
    cards["MAPPER"] = checked_text("MAPPER", json.dumps(dict(sampled.mapper), sort_keys=True))
    unit = UNIT_OF[sampled.quantity]
    mean = Map(
        sampled.mean, sampled.quantity, unit, sampled.grid, "inferred", beam_arcmin=sampled.beam_arcmin
    )
    images = image_hdus(mean, sampled.center, prefix="MEAN")
    images.append(_plain_hdu("SD", sampled.sd, sampled))
    quantiles = sample_quantiles(sampled.samples, tuple(LEVELS.values()))
    for (name, level), values in zip(LEVELS.items(), quantiles, strict=True):
        images.append(_plain_hdu(name, values, sampled))
        images[-1].header["QUANTILE"] = (level, "at place QUANTILE (N + 1) of N samples")
    images.append(_plain_hdu(_SAMPLES, sampled.samples, sampled))
    images[-1].header.update({"CTYPE3": "SAMPLE", "CRPIX3": 1.0, "CRVAL3": 1.0, "CDELT3": 1.0})
    write_hdus([primary, *images], Path(path), overwrite)


def _plain_hdu(name: str, values: np.ndarray, sampled: SampledMap) -> fits.ImageHDU:
    """Return an image that does not say QUANTITY: only MEAN is found when a surface density is looked for."""
    image = fits.ImageHDU(np.asarray(values, np.float32), name=name)
    image.header["BUNIT"] = unit_card(UNIT_OF[sampled.quantity])
    write_grid(sampled.grid, sampled.center, image.header)
    if sampled.beam_arcmin is not None:
        write_beam(sampled.beam_arcmin, image.header)
    return image


def read_sampled_map(path: str | Path, *, max_pixels: int = 64_000_000) -> SampledMap:
    """Read what ``write_sampled_map`` wrote: the same numbers, bit for bit.

    Parameters
    ----------
    path : str or Path
        The file.
    max_pixels : int
        Larger cubes are refused before their data are read.

    Raises
    ------
    FitsError
        If it is damaged, is not such a file, or its mean is not that of its samples.
    """
    hdus, _ = outline(Path(path), max_pixels=max_pixels)
    primary, named = hdus[0], {one.name: one for one in hdus[1:]}
    wanted = ("MEAN", "SD", *LEVELS, _SAMPLES)
    if card(primary.header, _VERSION, primary.where) is None or any(name not in named for name in wanted):
        raise FitsError(
            "This file does not hold posterior maps.",
            where=str(path),
            expected=f"{_VERSION} in the primary header, and the HDUs {', '.join(wanted)}",
            got="; ".join(str(one) for one in hdus),
            fix="read a single image with read_image",
        )
    whole_number(primary.header, _VERSION, primary.where, 1, LAYOUT_VERSION)
    mean = read_map(named["MEAN"], None)
    sampled = SampledMap(
        cluster=read_cluster(primary),
        quantity=mean.quantity,
        grid=mean.grid,
        pixel_mpc=number_card(primary, "PIXMPC"),
        beam_arcmin=number(named["MEAN"].header, "BEAM", named["MEAN"].where),
        center=center_of(named["MEAN"]),
        samples=load(named[_SAMPLES], []),
        light=text_card(primary, "LIGHT"),
        evaluations=whole_number(primary.header, "NFE", primary.where, 1, _LARGEST_WHOLE),
        seed=whole_number(primary.header, "SEED", primary.where, 0, _LARGEST_WHOLE),
        mapper=json_card(primary, "MAPPER", "The mapper's provenance"),
    )
    _check_summaries(sampled, mean.values, named, Path(path))
    return sampled


def _check_summaries(
    sampled: SampledMap, mean: np.ndarray, named: Mapping[str, HduOutline], path: Path
) -> None:
    """Refuse a file whose mean, standard deviation or quantiles are not those of its samples."""
    quantiles = sample_quantiles(sampled.samples, tuple(LEVELS.values()))
    told = {"SD": sampled.sd, **dict(zip(LEVELS, quantiles, strict=True))}
    found = {"MEAN": mean, **{name: load(named[name], []) for name in told}}
    for name, values in {"MEAN": sampled.mean, **told}.items():
        # The spread of samples that agree is rounding: it is measured against the mean.
        allowed = _ROUNDING * (np.abs(values) + sampled.mean)
        if found[name].shape != values.shape or not (np.abs(found[name] - values) <= allowed).all():
            raise FitsError(
                "This image does not belong to the samples beside it.",
                where=f"{path}: {name}",
                expected=f"what {len(sampled.samples)} samples of HDU {_SAMPLES} give",
                got=f"another image, {found[name].shape}",
                fix="draw the samples again: zwicky infer --samples",
            )
