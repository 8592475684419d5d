"""Cutting the stamp of one band, and asking whether its numbers can be what its unit says."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np
from astropy.coordinates import SkyCoord

from zwicky.core.errors import MapError
from zwicky.core.grid import Grid
from zwicky.core.units import K_CMB, MK_CMB, UK_CMB, unit_text
from zwicky.data.band_images import BandImage
from zwicky.data.faded_edges import check_not_faded
from zwicky.data.stamps import Stamp, cut_stamp

RMS_RANGE_UK: Final = (1.0, 2000.0)
"""[uK_CMB] of a stamp about its mean. The CMB alone gives 33 uK in 10 arcmin (``mocks.microwave_sky``), white noise of
60 uK arcmin 240 uK in pixels of 0.25 arcmin, and the middle of the brightest clusters is 1000 uK deep. K taken for uK
give 3e-5, uK taken for K 3e7."""

_TYPICAL_RMS_UK: Final = 50.0


def cut_band(band: BandImage, grid: Grid, *, center: SkyCoord | None, beam_arcmin: float) -> Stamp:
    """Cut, resample and smooth the map of one band to the stamp that a network was trained on.

    Parameters
    ----------
    band : BandImage
        At least as large as the stamp.
    grid : Grid
        The pixels wanted; kind "sky".
    center : SkyCoord or None
        Where the cluster is; None if the image has no WCS, or is exactly the stamp.
    beam_arcmin : float [arcmin]
        FWHM wanted.

    Returns
    -------
    Stamp
        In uK_CMB.

    Raises
    ------
    MapError
        If the stamp cannot be cut, its fluctuations are not those of a CMB map, or an apodised edge or a mask reaches
        into it.
    """
    stamp = cut_stamp(band.image, grid, center=center, beam_arcmin=beam_arcmin)
    _check_rms(stamp, band)
    # Smoothing would hide a taper: the same stamp once more, as it was measured.
    sharp = cut_stamp(
        replace(band.image, beam_arcmin=beam_arcmin), grid, center=center, beam_arcmin=beam_arcmin
    )
    check_not_faded(replace(sharp.map, beam_arcmin=band.image.beam_arcmin), band.image.path)
    return stamp


def _check_rms(stamp: Stamp, band: BandImage) -> None:
    """Refuse a stamp whose numbers cannot be what its unit says, and name the unit that they look like."""
    rms_uk = float(np.std(stamp.map.to_kept_unit().values))
    low, high = RMS_RANGE_UK
    if low <= rms_uk <= high:
        return
    raw = rms_uk / float(band.read_unit.to(UK_CMB))
    by_unit = {unit: raw * float(unit.to(UK_CMB)) for unit in (K_CMB, MK_CMB, UK_CMB)}
    possible = {unit: value for unit, value in by_unit.items() if low <= value <= high}
    if possible:
        likely = unit_text(min(possible, key=lambda unit: abs(math.log(possible[unit] / _TYPICAL_RMS_UK))))
        looks, fix = f"the numbers look like {likely}", f"if that is what they are, state it: --unit {likely}"
    else:
        looks = "no unit of temperature fits the numbers"
        fix = "give a map of the CMB temperature, without a planet or a very bright source near by"
    raise MapError(
        "No map of the CMB fluctuates like this.",
        where=band.image.path,
        expected=f"an rms of {low:g} to {high:g} uK_CMB over the stamp",
        got=f"{rms_uk:.3g} uK_CMB, read as {unit_text(band.read_unit)}; {looks}",
        fix=fix,
    )
