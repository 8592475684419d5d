"""A photon image: counts, exposure and background in each band, and what of it may be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from zwicky.core.errors import MapError
from zwicky.physics.xray import EnergyBand


@dataclass(frozen=True, eq=False)
class CountsImage:
    """What a photon counter saw of one field.

    Parameters
    ----------
    counts : (band, y, x) float array
        Photons per pixel, whole numbers; 0 under the mask.
    exposure_s : (band, y, x) array
        Effective seconds per pixel; 0 under the mask and where nothing was seen.
    background : (band, y, x) array, optional
        Expected background counts per pixel.
    bands_kev : tuple of (float, float) [keV]
        Edges of each band.
    pixel_arcmin : float [arcmin]
        Side of a pixel.
    wcs : astropy WCS, optional
        Celestial, two axes.
    mask : (y, x) bool array, optional
        True where there is no measurement; None if there is one everywhere.
    path : str
        Where it was read.
    notes : tuple of str
        What was assumed, repaired or done, in words.

    Raises
    ------
    MapError
        If shapes differ, counts are not whole numbers from 0 on, or lie where nothing was exposed.
    ConfigError
        If a band is not one of photon energies.
    """

    counts: np.ndarray
    exposure_s: np.ndarray
    background: np.ndarray | None
    bands_kev: tuple[tuple[float, float], ...]
    pixel_arcmin: float
    wcs: WCS | None = None
    mask: np.ndarray | None = None
    path: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for low, high in self.bands_kev:
            EnergyBand(low, high)
        shapes = [np.shape(one) for one in (self.counts, self.exposure_s, self.background) if one is not None]
        shape = (len(self.bands_kev), *self.counts.shape[-2:])
        if any(one != shape for one in shapes) or (self.mask is not None and self.mask.shape != shape[1:]):
            raise MapError(
                "Counts, exposure, background and mask do not lie on the same pixels.",
                where=self.path,
                expected=f"(band, y, x) = {shape}",
                got=", ".join(map(str, shapes)),
            )
        whole = np.isfinite(self.counts) & (self.counts >= 0.0) & (self.counts == np.rint(self.counts))
        rest = [one for one in (self.exposure_s, self.background) if one is not None]
        if not whole.all() or any(not (np.isfinite(one) & (one >= 0.0)).all() for one in rest):
            raise MapError(
                "A photon image holds whole counts, and finite exposure and background.",
                where=self.path,
                expected="0 or more everywhere",
                got=f"{int((~whole).sum())} pixels that are not whole counts"
                if not whole.all()
                else "exposure or background below zero or not finite",
            )
        dark = self.counts[self.exposure_s <= 0.0].sum()
        if dark > 0.0:
            raise MapError(
                "There are counts where nothing was exposed.",
                where=self.path,
                expected="exposure > 0 under every count",
                got=f"{dark:g} counts",
            )


def check_bands(
    given: Sequence[tuple[float, float]] | np.ndarray,
    wanted: Sequence[tuple[float, float]] | np.ndarray,
    *,
    tolerance_kev: float = 0.005,
) -> tuple[int, ...]:
    """Return which of the given bands are the wanted ones, in the order wanted.

    Parameters
    ----------
    given, wanted : sequence of (low, high), or (band, 2) array
        Edges of the bands of an image, and of an instrument, in keV.
    tolerance_kev : float [keV]
        By which edges may differ: a twentieth of a photon counter's resolution.

    Raises
    ------
    MapError
        If a wanted band is not given: photons cannot be moved from one band to another.
    """
    have, want = (np.asarray(table, float).reshape(-1, 2) for table in (given, wanted))
    far = np.abs(have[None] - want[:, None]).max(axis=2)
    missing = [i for i in range(len(want)) if not (len(have) and far[i].min() <= tolerance_kev)]
    if missing:
        raise MapError(
            "The bands of the image are not those of the instrument.",
            expected="keV: " + ", ".join(f"{low:g}-{high:g}" for low, high in want),
            got=", ".join(f"{low:g}-{high:g}" for low, high in have) or "none",
            fix="bin the events in "
            + ", ".join(f"{low:g}-{high:g} keV" for low, high in want[missing])
            + "; or choose a network that was trained with bands that are given (a band in eV is 1000 times too high)",
        )
    return tuple(int(i) for i in far.argmin(axis=1))
