"""FITS files for the tests: one that says all, and ways to make worse ones."""

import numpy as np
from astropy.io import fits

from zwicky.core.quantities import MapQuantity

Y = MapQuantity.COMPTON_Y
PIXEL_ARCMIN = 1.5
SKY = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CUNIT1": "deg",
    "CUNIT2": "deg",
    "CRVAL1": 195.0,
    "CRVAL2": 28.0,
    "CRPIX1": 20.5,
    "CRPIX2": 16.5,
    "CDELT1": -PIXEL_ARCMIN / 60,
    "CDELT2": PIXEL_ARCMIN / 60,
}
BEAM = {"BMAJ": 10 / 60, "BMIN": 10 / 60}
# What the header says, as options.
OPTIONS = {"unit": "Compton-y", "pixel_arcmin": PIXEL_ARCMIN, "beam_arcmin": 10.0}
GOOD = {"BUNIT": "Compton-y", **SKY, **BEAM}


def y_map(shape=(32, 40)):
    rng = np.random.default_rng(1)
    return 1e-5 + 1e-6 * rng.standard_normal(shape)


def hdu_of(data, cards=GOOD, kind=fits.PrimaryHDU):
    hdu = kind(data)
    hdu.header.update({key: value for key, value in cards.items() if value is not None})
    return hdu


def save(path, data=None, cards=GOOD, **changes):
    hdu_of(y_map() if data is None else data, {**cards, **changes}).writeto(path)
    return path


def raw_fits(*cards):
    """Return the bytes of a primary HDU with these cards: astropy would refuse to write such files."""
    lines = ["SIMPLE  =                    T", *cards, "END"]
    header = "".join(f"{line:80s}" for line in lines).encode()
    return header + b" " * (-len(header) % 2880)


def promise(bitpix, *axes):
    """Return the bytes of a header that promises an image, without the image."""
    sizes = [f"NAXIS{i + 1:<3d}= {n:20d}" for i, n in enumerate(axes)]
    return raw_fits(f"BITPIX  = {bitpix:20d}", f"NAXIS   = {len(axes):20d}", *sizes)


def with_card(path, card):
    """Add one card to the primary header of a file as it is written, FITS or not."""
    content, end = path.read_bytes(), b"END".ljust(80)
    at = content.index(end)
    path.write_bytes(content[:at] + card.encode().ljust(80) + end + content[at + 160 :])
    return path
