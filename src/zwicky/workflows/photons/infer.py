"""From photon images to a mass: read, cut, find the background, weigh, say how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from astropy.coordinates import SkyCoord

from zwicky.core.files import sha256_of
from zwicky.core.grid import Grid
from zwicky.core.masses import MassDefinition
from zwicky.core.posteriors import MassPosterior
from zwicky.data.counts_image import CountsImage
from zwicky.data.counts_stamps import cut_counts
from zwicky.data.fits_cards import no_astropy_surprise
from zwicky.data.fits_counts import BandFiles
from zwicky.data.stamps import parse_center
from zwicky.inference.domain import Flag
from zwicky.inference.xray.estimator import PhotonEstimator
from zwicky.inference.xray.images import PhotonImages
from zwicky.physics.xray import SOFT
from zwicky.workflows.photons.background import with_background
from zwicky.workflows.photons.files import PhotonFiles, match_bands
from zwicky.workflows.weigh import samples_of, summary_of

_SAME_PIXEL: Final = 1e-3  # [1] relative: closer pixels need no note


@dataclass(frozen=True, eq=False)
class UsedPhotons:
    """What of a user's images is weighed.

    Parameters
    ----------
    files : PhotonFiles
        Where they are.
    stamp : CountsImage
        On the estimator's pixels; its exposure is in seconds on the optical axis, its background complete.
    which : tuple of int
        Which of the estimator's bands the bands of the stamp are.
    grid : Grid
        Of the estimator; where whole pixels of the image were added up, those of the stamp may differ by 1 %.
    unseen_fraction : float [1]
        Part of the stamp's area that is masked or was not exposed.
    notes : tuple of str
        What was assumed and done, in words.
    """

    files: PhotonFiles
    stamp: CountsImage
    which: tuple[int, ...]
    grid: Grid
    unseen_fraction: float
    notes: tuple[str, ...]

    def images(self, n_bands: int, redshift: float) -> PhotonImages:
        """Return what an estimator of so many bands weighs: absent bands have no exposure."""

        def spread(values: np.ndarray) -> np.ndarray:
            full = np.zeros((1, n_bands, *values.shape[1:]), np.float32)
            full[0, list(self.which)] = values
            return full

        assert self.stamp.background is not None
        return PhotonImages(
            counts=spread(self.stamp.counts),
            background=spread(self.stamp.background),
            exposure_s=spread(self.stamp.exposure_s),
            redshift=np.array([redshift]),
            pixel_arcmin=self.grid.pixel_value,
        )

    def inputs(self) -> list[dict[str, Any]]:
        """Return what was given and what of it lies in the stamp, by band, for machines."""
        assert self.stamp.background is not None
        rows = []
        for i, files in enumerate(self.files.bands):
            exposure = self.stamp.exposure_s[i]
            rows.append(
                {
                    "band_kev": list(files.band_kev),
                    **_named_files(files),
                    "counts": int(self.stamp.counts[i].sum()),
                    "background_counts": float(self.stamp.background[i].sum()),
                    "exposure_s": float(exposure[exposure > 0.0].mean()) if (exposure > 0.0).any() else 0.0,
                    "exposure_scale": self.files.exposure_scales[i],
                }
            )
        return rows


def _named_files(files: BandFiles) -> dict[str, Any]:
    given = {"counts": files.counts, "exposure": files.exposure, "background": files.background}
    named: dict[str, Any] = {}
    for what, name in given.items():
        named[f"{what}_file"] = None if name is None else Path(str(name)).name
        named[f"{what}_sha256"] = None if name is None else sha256_of(Path(str(name).partition("[")[0]))
    return named


@dataclass(frozen=True, eq=False)
class PhotonAnswer:
    """What is believed about one cluster in X-rays.

    Parameters
    ----------
    name : str
        Of the cluster.
    redshift : float [1]
        Of the cluster.
    network, classical : MassPosterior
        Recalibrated; both from the same stamp.
    snr : float [1]
        Of the counts inside R500 of the classical mass.
    counts : float
        Of the cluster, without background, inside this R500.
    luminosity_erg_per_s, sigma_luminosity_erg_per_s : float [erg s^-1]
        In 0.5-2 keV of the rest frame, inside this R500.
    r500_arcmin : float [arcmin]
        Of the classical mass.
    flag : str
        "in-domain", "edge" or "out-of-domain".
    reasons : tuple of str
        Why the flag is not "in-domain".
    center : SkyCoord, optional
        Where the cluster is.
    used : UsedPhotons
        What was weighed.
    """

    name: str
    redshift: float
    network: MassPosterior
    classical: MassPosterior
    snr: float
    counts: float
    luminosity_erg_per_s: float
    sigma_luminosity_erg_per_s: float
    r500_arcmin: float
    flag: Flag
    reasons: tuple[str, ...]
    center: SkyCoord | None
    used: UsedPhotons

    @property
    def definition(self) -> MassDefinition:
        """Of both masses."""
        return self.network.definition

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed and done, in words."""
        return self.used.notes

    def as_dict(self) -> dict[str, Any]:
        """Return the answer for machines; masses in solar masses."""
        return {
            "name": self.name,
            "redshift": self.redshift,
            "center_deg": None
            if self.center is None
            else [self.center.icrs.ra.deg, self.center.icrs.dec.deg],
            "mass_definition": str(self.definition),
            "mass_unit": "Msun",
            "network": summary_of(self.network),
            "classical": summary_of(self.classical),
            "snr": self.snr,
            "source_counts": self.counts,
            "luminosity_erg_per_s": self.luminosity_erg_per_s,
            "sigma_luminosity_erg_per_s": self.sigma_luminosity_erg_per_s,
            "luminosity_band_kev": [SOFT.low_kev, SOFT.high_kev],
            "r500_arcmin": self.r500_arcmin,
            "flag": self.flag,
            "reasons": list(self.reasons),
            "notes": list(self.notes),
            "n_pixels": self.used.grid.n_pixels,
            "pixel_arcmin": self.used.stamp.pixel_arcmin,
            "unseen_fraction": self.used.unseen_fraction,
            "inputs": self.used.inputs(),
        }


def weigh_photons(
    files: PhotonFiles,
    redshift: float | None,
    estimator: PhotonEstimator,
    *,
    center: str | None = None,
    name: str | None = None,
) -> PhotonAnswer:
    """Weigh the cluster of some photon images.

    Parameters
    ----------
    files : PhotonFiles
        Any of the estimator's bands; see ``photon_files``.
    redshift : float
        Of the cluster; inside the training range.
    estimator : PhotonEstimator
        Of a survey of photons.
    center : str, optional
        "RA,DEC" of the cluster; needed unless the image has no WCS or is no wider than the stamp.
    name : str, optional
        Default: that of the first file.

    Raises
    ------
    ZwickyError
        If an image cannot be used, or none of the estimator's bands is the image's.
    """
    z = estimator.check_redshift(redshift)
    instrument = estimator.instrument
    which = match_bands(files.bands_kev, instrument.bands_kev)
    used, place = cut_photons(files, which, instrument.grid, center)
    weighed = estimator.weigh(used.images(len(instrument.bands_kev), z))
    kind = str(estimator.facts.model["kind"])

    def posterior(log10_quantiles: np.ndarray, method: str) -> MassPosterior:
        return MassPosterior(samples_of(log10_quantiles), estimator.definition, method)

    return PhotonAnswer(
        name=name or Path(str(files.bands[0].counts)).name,
        redshift=z,
        network=posterior(weighed.network_log10[0], f"{kind} x {len(estimator.network.members)}"),
        classical=posterior(weighed.classical_log10[0], "luminosity, L-M relation"),
        snr=float(weighed.snr[0]),
        counts=float(weighed.counts[0]),
        luminosity_erg_per_s=float(weighed.luminosity_erg_per_s[0]),
        sigma_luminosity_erg_per_s=float(weighed.sigma[0]),
        r500_arcmin=float(weighed.r500_arcmin[0]),
        flag=weighed.flag_name(0),
        reasons=tuple(weighed.reasons[0]),
        center=place,
        used=used,
    )


def cut_photons(
    files: PhotonFiles, which: tuple[int, ...], grid: Grid, center: str | None
) -> tuple[UsedPhotons, SkyCoord | None]:
    """Read photon images and cut them to the stamp of an estimator.

    Parameters
    ----------
    files : PhotonFiles
        Where they are.
    which : tuple of int
        Which of the estimator's bands they are.
    grid : Grid
        Of the estimator; kind "sky".
    center : str or None
        As of ``weigh_photons``.

    Returns
    -------
    UsedPhotons
        What is weighed.
    SkyCoord or None
        Where the cluster is; None if the image has no WCS.
    """
    stated = None if center is None else parse_center(center)
    image = files.read()
    with files.as_options():
        place = _middle(image, grid) if stated is None else stated
        raw = cut_counts(image, grid, center=place)
        seen = replace(image, counts=0.0 * image.counts, exposure_s=(image.exposure_s > 0.0) * 1.0)
        unseen = 1.0 - float(cut_counts(seen, grid, center=place).exposure_s.max(axis=0).mean())
    scale = np.array(files.exposure_scales)[:, None, None]
    stamp, notes = with_background(replace(raw, exposure_s=raw.exposure_s * scale), add_sky=files.add_sky)
    notes = (*raw.notes, *_exposure_notes(files), *notes)
    if unseen > 0.0:
        notes = (
            *notes,
            f"{unseen:.1%} of the stamp's area is masked or was not exposed, parts of pixels included",
        )
    if abs(stamp.pixel_arcmin / grid.pixel_value - 1.0) > _SAME_PIXEL:
        notes = (
            *notes,
            f"pixels of {stamp.pixel_arcmin:.5g} arcmin are taken for {grid.pixel_value:.5g} arcmin",
        )
    return UsedPhotons(files, stamp, which, grid, unseen, notes), place


def _middle(image: CountsImage, grid: Grid) -> SkyCoord | None:
    """Return the middle of an image that is no wider than the stamp: it fits nowhere else; else None."""
    shape = image.counts.shape[1:]
    if image.wcs is None or max(shape) * image.pixel_arcmin >= grid.width.value + grid.pixel_value:
        return None
    y, x = ((length - 1) / 2.0 for length in shape)
    with no_astropy_surprise(f"{image.path}: WCS", []):
        return image.wcs.pixel_to_world(x, y).icrs


def _exposure_notes(files: PhotonFiles) -> tuple[str, ...]:
    """Return what was done to the exposures, in words."""
    scales = files.exposure_scales
    if all(one == 1.0 for one in scales):
        return ("the exposure is taken as seconds on the optical axis, with vignetting in it",)
    said = ", ".join(
        f"{one:g} ({low:g}-{high:g} keV)" for one, (low, high) in zip(scales, files.bands_kev, strict=True)
    )
    return (
        f"the exposure was multiplied by {said}, as stated by --exposure-scale, to be seconds on the axis",
    )
