"""What is measured once for each map, so that groups of maps and resamples of clusters are sums and quantiles of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.core.errors import MapError
from zwicky.evaluation.mapping.apertures import (
    APERTURES,
    Aperture,
    aperture_pixels,
    cylinder_masses_msun,
    quotient,
    relative_difference,
)
from zwicky.evaluation.mapping.coverage import mass_coverage, pixel_coverage, standardised_errors
from zwicky.evaluation.mapping.records import TrueMaps
from zwicky.evaluation.mapping.similarity import ssim
from zwicky.evaluation.mapping.spectra import Spectra, power_spectra
from zwicky.inference.mapping.answer import PredictedMaps

RADII_R200C: Final = np.linspace(0.05, 1.0, 20)
"""Of the mass-bias profiles, in R200c: two pixels apart where 80 pixels are 2 R200c."""

# Histograms of ln(predicted / true): 0.5 % wide, which resolves the errors of a scatter of a few per cent.
_LN_REACH: Final = 2.0
_BINS_PER_LN: Final = 200
N_BINS: Final = int(2 * _LN_REACH * _BINS_PER_LN)
DIFFERENCE_EDGES: Final = np.expm1(np.linspace(-_LN_REACH, _LN_REACH, N_BINS + 1))
"""Edges of the bins of the relative difference, (N_BINS + 1,); what lies beyond is counted in the outermost bins."""


@dataclass(frozen=True, eq=False)
class Truth:
    """A test set with what does not depend on the method.

    Parameters
    ----------
    maps : TrueMaps
    radii_mpc : (n, radius) array [Mpc]
        ``RADII_R200C`` of each cluster, and R500c as the last.
    masses_msun : (n, radius) array [Msun]
        True projected masses within them.
    apertures : dict of (n, y, x) bool array
        The pixels of each aperture.
    spectra : Spectra
        Of the true maps with themselves.
    """

    maps: TrueMaps
    radii_mpc: np.ndarray
    masses_msun: np.ndarray
    apertures: dict[Aperture, np.ndarray]
    spectra: Spectra

    @classmethod
    def of(cls, true: TrueMaps) -> Truth:
        """Measure a test set."""
        radii_mpc = np.column_stack([true.r200c_mpc[:, None] * RADII_R200C, true.r500c_mpc])
        masses_msun = cylinder_masses_msun(true.maps, true.pixel_mpc, radii_mpc)
        apertures = {which: aperture_pixels(true, which) for which in APERTURES}
        return cls(true, radii_mpc, masses_msun, apertures, power_spectra(true.maps, true.maps))


@dataclass(frozen=True, eq=False)
class Measured:
    """What one method's maps are worth, map by map.

    Parameters
    ----------
    difference : (n, y, x) array [1]
        (predicted - true) / true of each pixel (de Andres et al. 2024, eq. 6).
    histograms : dict of (n, N_BINS) int array
        How many pixels of each aperture lie between the ``DIFFERENCE_EDGES``.
    cylinder, annulus : (n, radius), (n, radius - 1) arrays [1]
        Relative error of the mass within ``RADII_R200C``, and between them (eq. 9); NaN where there is no pixel.
    bias_r200, bias_r500 : (n,) arrays [1]
        The former at R200c and R500c.
    spectra : Spectra
    ssim : (n,) array [1]
    pixel_coverage : dict of (n,) array [1], optional
        Fraction of the pixels of each map inside their 68 and 95 % intervals.
    mass_coverage : dict of (n, radius) bool array, optional
        Whether M(<R) lies inside them.
    pull : (n, 2) array [1], optional
        Mean, and mean square, of the standardised errors of each map's pixels.
    """

    difference: np.ndarray
    histograms: dict[Aperture, np.ndarray]
    cylinder: np.ndarray
    annulus: np.ndarray
    bias_r200: np.ndarray
    bias_r500: np.ndarray
    spectra: Spectra
    ssim: np.ndarray
    pixel_coverage: dict[str, np.ndarray] | None
    mass_coverage: dict[str, np.ndarray] | None
    pull: np.ndarray | None


def measure(truth: Truth, predicted: PredictedMaps) -> Measured:
    """Measure the maps of one method.

    Raises
    ------
    MapError
        If the method has other maps than the test set.
    """
    true = truth.maps
    if predicted.mean.shape != true.maps.shape:
        raise MapError(
            "A method is judged on the maps of the test set.",
            where=f"predictions {predicted.name!r}",
            expected=f"shape {true.maps.shape}",
            got=f"shape {predicted.mean.shape}",
        )
    difference = relative_difference(true.maps, predicted.mean)
    masses_msun = cylinder_masses_msun(predicted.mean, true.pixel_mpc, truth.radii_mpc)
    error_msun = masses_msun - truth.masses_msun
    bias = quotient(error_msun, truth.masses_msun)
    annulus = quotient(np.diff(error_msun[:, :-1]), np.diff(truth.masses_msun[:, :-1]))
    bins = _bins(difference)
    has_pixels, has_masses = predicted.half_68_dex is not None, predicted.radii_mpc is not None
    return Measured(
        difference=difference,
        histograms={which: _histograms(bins, inside) for which, inside in truth.apertures.items()},
        cylinder=bias[:, :-1],
        annulus=annulus,
        bias_r200=bias[:, -2],
        bias_r500=bias[:, -1],
        spectra=power_spectra(true.maps, predicted.mean),
        ssim=ssim(true.maps, predicted.mean),
        pixel_coverage=pixel_coverage(true.maps, predicted) if has_pixels else None,
        mass_coverage=mass_coverage(true, predicted) if has_masses else None,
        pull=np.column_stack(standardised_errors(true.maps, predicted)) if has_pixels else None,
    )


def _bins(difference: np.ndarray) -> np.ndarray:
    """Return the bin of each pixel plus N_BINS times the row of its map, (n, y, x)."""
    place = np.log1p(np.maximum(difference, DIFFERENCE_EDGES[0]), dtype=np.float32)
    place += _LN_REACH
    place *= _BINS_PER_LN
    np.clip(place, 0, N_BINS - 1, out=place)
    rows = N_BINS * np.arange(len(difference), dtype=np.int32)
    return np.asarray(place.astype(np.int32) + rows[:, None, None])


def _histograms(bins: np.ndarray, inside: np.ndarray) -> np.ndarray:
    chosen = bins.ravel() if inside.all() else bins[inside]
    return np.bincount(chosen, minlength=len(bins) * N_BINS).reshape(len(bins), N_BINS)
