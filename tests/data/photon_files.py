"""Photon images on disk for the tests: counts, exposure and background that agree, and ways to make worse ones."""

import numpy as np
from astropy.io import fits
from fits_files import SKY, hdu_of

from zwicky.data.fits_counts import BandFiles

SHAPE = (32, 40)
SOFT, HARD = (0.5, 2.0), (2.0, 7.0)


def drawn(seed=1, mean=0.4):
    return np.random.default_rng(seed).poisson(mean, SHAPE)


def write(path, data, cards=SKY, **more):
    hdu_of(np.asarray(data), {**cards, **more}, fits.PrimaryHDU).writeto(path, overwrite=True)
    return path


def band(
    folder,
    name="soft",
    *,
    counts=None,
    exposure=None,
    background=None,
    band_kev=SOFT,
    counts_cards=None,
    exposure_cards=None,
    background_cards=None,
):
    counts = drawn() if counts is None else counts
    exposure = np.full(SHAPE, 3000.0, np.float32) if exposure is None else exposure
    files = [
        write(folder / f"{name}_img.fits", counts, **(counts_cards or {})),
        write(folder / f"{name}_exp.fits", exposure, **(exposure_cards or {"BUNIT": "s"})),
        None
        if background is None
        else write(folder / f"{name}_bkg.fits", background, **(background_cards or {})),
    ]
    return BandFiles(*files, band_kev)
