"""The mass of a cluster in X-rays in words, and as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from astropy import units as u
from astropy.io import fits

from zwicky.core.files import write_json
from zwicky.core.grid import Grid
from zwicky.core.maps import Map
from zwicky.core.quantities import COUNTS, UNIT_OF, MapQuantity
from zwicky.data.fits_records import image_hdus, write_hdus
from zwicky.inference.xray.estimator import PhotonEstimator
from zwicky.workflows.answer import LABEL_WIDTH, light_lines, mass_row, new_answer, warning_lines
from zwicky.workflows.photons.infer import PhotonAnswer

STAMP_FILE: Final = "stamp.fits"


def answer_text(answer: PhotonAnswer) -> str:
    """Return what a person wants to read: both masses, the light, the luminosity, and what was done to the images."""
    side = answer.used.grid.n_pixels
    luminosity, sigma = answer.luminosity_erg_per_s, answer.sigma_luminosity_erg_per_s
    lines = [
        f"{answer.name}, z = {answer.redshift:g}, {answer.counts:.0f} counts inside R500 = "
        f"{answer.r500_arcmin:.2f} arcmin, S/N {answer.snr:.1f}",
        f"  {'':{LABEL_WIDTH}s}{str(answer.definition) + ' [1e14 Msun]':22s}{'16-84 %':16s}2.5-97.5 %",
        mass_row("network", answer.network),
        mass_row("classical", answer.classical),
        *light_lines(answer.flag, answer.reasons),
        *(_band_line(one) for one in answer.used.inputs()),
        *(f"  note: {note}" for note in answer.notes),
        f"  stamp of {side} x {side} pixels of {answer.used.stamp.pixel_arcmin:.4g} arcmin",
        f"  L_X(0.5-2 keV, rest frame, inside R500) = {luminosity:.2e} +- {sigma:.1e} erg/s",
    ]
    return "\n".join([*lines, *warning_lines(answer.flag)])


def _band_line(band: Mapping[str, Any]) -> str:
    low, high = band["band_kev"]
    origin = band["background_file"] or "estimated"
    return (
        f"  band {low:g}-{high:g} keV: {band['counts_file']}, {band['counts']} counts in the stamp, background "
        f"{band['background_counts']:.1f} ({origin}), mean exposure {band['exposure_s']:.0f} s"
    )


def write_answer(answer: PhotonAnswer, estimator: PhotonEstimator, folder: Path) -> None:
    """Write ``stamp.fits`` (counts, exposure and background of each band) and, when it is whole, ``answer.json``.

    Raises
    ------
    ConfigError
        If the folder already holds an answer.
    """
    path = new_answer(folder)
    write_hdus([fits.PrimaryHDU(), *_stamp_hdus(answer)], folder / STAMP_FILE, overwrite=True)
    facts = estimator.facts
    content = {"model": facts.model, "survey": facts.survey.model_dump(mode="json"), **facts.provenance}
    write_json(path, {**answer.as_dict(), "estimator": content})


def _stamp_hdus(answer: PhotonAnswer) -> list[fits.ImageHDU]:
    """Return an image for each band and kind, such as COUNTS_0, EXPOSURE_0 and BACKGROUND_0, by rising energy."""
    stamp = answer.used.stamp
    assert stamp.background is not None
    hdus = []
    for i, band in enumerate(stamp.bands_kev):
        for prefix, values, quantity in (
            (f"COUNTS_{i}", stamp.counts[i], COUNTS[i]),
            (f"EXPOSURE_{i}", stamp.exposure_s[i], MapQuantity.EXPOSURE),
            (f"BACKGROUND_{i}", stamp.background[i], COUNTS[i]),
        ):
            hdus.append(_image(answer, prefix, values, quantity, band))
    return hdus


def _image(
    answer: PhotonAnswer, prefix: str, values: np.ndarray, quantity: MapQuantity, band: tuple[float, float]
) -> fits.ImageHDU:
    stamp, n_pixels = answer.used.stamp, answer.used.grid.n_pixels
    grid = Grid(n_pixels, stamp.pixel_arcmin * u.arcmin, "sky")
    shown = Map(values.astype(np.float32), quantity, UNIT_OF[quantity], grid, "observed")
    (hdu,) = image_hdus(shown, answer.center, prefix=prefix)
    if stamp.wcs is not None:  # where whole pixels were added, it is that of the image
        hdu.header.update(stamp.wcs.to_header())
    for keyword, energy in zip(("E_LOW", "E_HIGH"), band, strict=True):
        hdu.header[keyword] = (energy, "[keV] edge of the band")
    return hdu
