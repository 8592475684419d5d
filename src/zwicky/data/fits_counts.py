"""Reading photon images of one cluster: what was counted, for how long, and what of it is background.

Counts are whole numbers and stay so: nothing here is interpolated or smoothed. An image of rates or fluxes is refused,
as its noise is not known; so is an exposure that cannot be in seconds.

Each file is named as it is, or with one of its images in brackets, by number or EXTNAME: ``"cluster.fits[EXPOSURE]"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from zwicky.core.errors import MapError
from zwicky.core.quantities import COUNTS, MapQuantity
from zwicky.data.counts_image import CountsImage
from zwicky.data.counts_planes import (
    Plane,
    check_counting_unit,
    check_same_place,
    check_seconds,
    check_whole,
    not_negative,
    read_plane,
    seconds_per_unit,
)
from zwicky.data.fits_in import settle

_HIGHEST_RATE: Final = 0.5
"""Counts per second and square arcminute, mean of an image: sky and particles give 1e-4 to 5e-3 (1000 times more if the
exposure is in ks), and the whole field of the brightest cluster below 0.1."""


@dataclass(frozen=True)
class BandFiles:
    """Where the images of one band are.

    Parameters
    ----------
    counts, exposure : str or Path
        Photons per pixel, and effective exposure per pixel in seconds (with vignetting, if it is to be corrected).
    background : str or Path or None
        Expected background counts per pixel; None if it is to be estimated from the counts.
    band_kev : (float, float) [keV]
        Lower and upper edge of the band.
    """

    counts: str | Path
    exposure: str | Path
    background: str | Path | None
    band_kev: tuple[float, float]


def read_counts(
    files: Sequence[BandFiles],
    *,
    mask: str | Path | None = None,
    pixel_arcmin: float | None = None,
    exposure_unit: str | None = None,
    zero_exposure: Literal["refuse", "mask"] = "refuse",
    max_pixels: int = 64_000_000,
) -> CountsImage:
    """Read the photon images of one field in one or several bands.

    Parameters
    ----------
    files : sequence of BandFiles
        One for each band, all on the same pixels.
    mask : str or Path, optional
        An image that is 1 where a pixel may be used, and 0 where not (such as on point sources).
    pixel_arcmin : float, optional [arcmin]
        If the headers have no celestial WCS.
    exposure_unit : str, optional
        Such as ``"ks"``, if the exposure has no BUNIT. Stated, the number of seconds is not doubted.
    zero_exposure : {"refuse", "mask"}
        Counts where the exposure is zero are a mistake, unless the exposure also marks masked sources: then they are
        masked as well.
    max_pixels : int
        Larger images are refused before their data are read.

    Returns
    -------
    CountsImage

    Raises
    ------
    MapError
        If counts are negative or fractional, all zero, or lie where nothing was exposed; if images do not share shape
        and place; if exposures or backgrounds cannot be what they are given as.
    UnitError
        If a unit is not that of counts or of a time.
    FitsError
        If a file is damaged.
    """
    if not files:
        raise MapError("No image of photons is given.", expected="files of one band or more", got="none")
    notes: list[str] = []
    bands = [_read_band(one, exposure_unit, max_pixels, notes) for one in files]
    first = bands[0][0]
    for plane, *_ in bands[1:]:
        check_same_place(plane, first, "counts of another band")
    pixel = settle(
        "pixel scale", "pixel_arcmin", "the WCS", first.pixel_arcmin, pixel_arcmin, first.hdu, notes
    )
    counts, exposure = np.array([one.values for one, *_ in bands]), np.array([one for _, one, _ in bands])
    background = _all_or_none([one for *_, one in bands])
    bad = np.isnan(np.concatenate([counts, exposure, *([] if background is None else [background])])).any(
        axis=0
    )
    if mask is not None:
        bad |= _read_mask(mask, first, max_pixels, notes)
    counts[:, bad], exposure[:, bad] = 0.0, 0.0
    where = str(first.hdu.path)
    if exposure_unit is None:
        _check_rate(counts, exposure, pixel, where)
    bad = _check_exposed(counts, exposure, bad, zero_exposure, where, notes)
    counts[:, bad], exposure[:, bad] = 0.0, 0.0
    if background is not None:
        background[exposure <= 0.0] = 0.0
    _check_all(counts, background, where)
    if bad.any():
        notes.append(
            f"{int(bad.sum())} of {bad.size} pixels are masked; their counts and exposure are set to zero"
        )
    return CountsImage(
        counts=counts,
        exposure_s=exposure,
        background=background,
        bands_kev=tuple((float(one.band_kev[0]), float(one.band_kev[1])) for one in files),
        pixel_arcmin=pixel,
        wcs=first.wcs,
        mask=bad if bad.any() else None,
        path=where,
        notes=tuple(dict.fromkeys(notes)),
    )


def _read_band(
    files: BandFiles, exposure_unit: str | None, max_pixels: int, notes: list[str]
) -> tuple[Plane, np.ndarray, np.ndarray | None]:
    """Return counts, exposure [s] and background of one band."""
    counts = read_plane(files.counts, COUNTS, max_pixels, notes)
    check_counting_unit(counts, "counts")
    check_whole(counts)
    exposure = read_plane(files.exposure, (MapQuantity.EXPOSURE,), max_pixels, notes)
    check_same_place(exposure, counts, "exposure")
    seconds = exposure.values * seconds_per_unit(exposure, exposure_unit, notes)
    check_seconds(seconds, exposure.hdu.where, stated=exposure_unit is not None)
    if files.background is None:
        return counts, seconds, None
    background = read_plane(files.background, COUNTS, max_pixels, notes)
    check_counting_unit(background, "background")
    check_same_place(background, counts, "background")
    return counts, seconds, not_negative(background, notes)


def _all_or_none(backgrounds: list[np.ndarray | None]) -> np.ndarray | None:
    given = [one for one in backgrounds if one is not None]
    if given and len(given) < len(backgrounds):
        raise MapError(
            "Some bands have a background and some have none.",
            expected="a background for each band, or for none",
            got=f"{len(given)} of {len(backgrounds)}",
        )
    return np.array(given) if given else None


def _read_mask(name: str | Path, counts: Plane, max_pixels: int, notes: list[str]) -> np.ndarray:
    plane = read_plane(name, (MapQuantity.XRAY_COUNTS,), max_pixels, notes)
    check_same_place(plane, counts, "mask")
    good = plane.values == 1.0
    if not good.any() or not np.all(good | (plane.values == 0.0) | np.isnan(plane.values)):
        raise MapError(
            "This is not a mask that leaves something.",
            where=plane.hdu.where,
            expected="1 where a pixel may be used, 0 where not",
            got=f"{np.nanmin(plane.values):g} to {np.nanmax(plane.values):g}",
        )
    return ~good


def _check_rate(counts: np.ndarray, exposure_s: np.ndarray, pixel_arcmin: float, where: str) -> None:
    seen = exposure_s > 0.0
    per_band = (
        (counts * seen).sum(axis=(1, 2)) / np.maximum(exposure_s.sum(axis=(1, 2)), 1e-30) / pixel_arcmin**2
    )
    if per_band.max() > _HIGHEST_RATE:
        raise MapError(
            "No X-ray telescope counts that fast: the exposure is not in seconds.",
            where=where,
            expected=f"a mean of at most {_HIGHEST_RATE:g} counts per second and square arcminute",
            got=f"{per_band.max():.3g}",
            fix='state the unit of the exposure: exposure_unit="ks" (or "s", if it is right)',
        )


def _check_exposed(
    counts: np.ndarray, exposure_s: np.ndarray, bad: np.ndarray, policy: str, where: str, notes: list[str]
) -> np.ndarray:
    """Return the mask, with the pixels that have counts but no exposure in it if that is allowed."""
    dark = np.any((counts > 0.0) & (exposure_s <= 0.0), axis=0) & ~bad
    if dark.any() and policy == "refuse":
        raise MapError(
            "There are counts where nothing was exposed.",
            where=where,
            expected="exposure > 0 under every count",
            got=f"{counts[:, dark].sum():g} counts in {int(dark.sum())} pixels",
            fix='give the exposure of these counts; if it is zero on masked sources too: zero_exposure="mask"',
        )
    if dark.any():
        notes.append(f"{counts[:, dark].sum():g} counts where the exposure is zero were masked")
        return bad | np.all(exposure_s <= 0.0, axis=0) | dark
    return bad


def _check_all(counts: np.ndarray, background: np.ndarray | None, where: str) -> None:
    total = float(counts.sum())
    if total == 0.0:
        raise MapError(
            "Not one photon was counted.",
            where=where,
            expected="counts in some pixel",
            got="0 everywhere",
            fix="check that this is the image of events, and that the mask leaves the cluster",
        )
    if background is not None and background.sum() > 2.0 * total + 10.0 * np.sqrt(total):
        raise MapError(
            "The background is larger than all that was counted.",
            where=where,
            expected=f"counts per pixel that add up to at most {total:g}",
            got=f"{background.sum():.4g}",
            fix="give the background in counts per pixel of this image and exposure",
        )
