"""Temperatures from the colour of photons: how many were counted in each band, and nothing finer.

For each temperature of a grid the counts of all bands are predicted but for a common amplitude, which is fitted; the
likelihood as a function of ln T, times a prior, is the answer. Bands below 1 keV hardly know 3 from 8 keV: then the
answer is the prior, which is why the prior is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from zwicky.core.cosmology import Cosmology
from zwicky.core.errors import MassError
from zwicky.inference.xray.conversion import KT_RANGE_KEV, Conversion
from zwicky.inference.xray.poisson import best_amplitude, cash
from zwicky.inference.xray.profiles import ApertureCounts

N_GRID: Final = 49
_CHUNK: Final = 2000


@dataclass(frozen=True, eq=False)
class Temperatures:
    """What the colours say.

    Parameters
    ----------
    kt_kev : (cluster,) array [keV]
        exp of the mean of ln T.
    sigma_ln : (cluster,) array [1]
        Standard deviation of ln T.
    """

    kt_kev: np.ndarray
    sigma_ln: np.ndarray


def temperature_of_mass(log10_m500c: np.ndarray, redshift: np.ndarray, cosmology: Cosmology) -> np.ndarray:
    """Return the mean temperature of clusters of a mass, (cluster,) [keV].

    E(z) M500 = 3.84e14 h70^-1 Msun (kT / 5 keV)^1.71: Arnaud, Pointecouteau & Pratt 2005, Table 2, all clusters.

    Parameters
    ----------
    log10_m500c : (cluster,) array [dex of Msun]
        Masses.
    redshift : (cluster,) array [1]
        Redshifts.
    cosmology : Cosmology
        Of E(z) and h70.
    """
    efunc = np.vectorize(cosmology.efunc, otypes=[float])(redshift)
    mass = 10.0 ** np.asarray(log10_m500c, float) * efunc * cosmology.h70
    return np.asarray(5.0 * (mass / 3.84e14) ** (1.0 / 1.71))


def temperatures(
    aperture: ApertureCounts,
    redshift: np.ndarray,
    conversion: Conversion,
    *,
    prior_kt_kev: np.ndarray,
    prior_sigma_ln: float = 0.6,
) -> Temperatures:
    """Return temperatures from the counts of bands, best without the core: 0.15 to 1 R500.

    Parameters
    ----------
    aperture : ApertureCounts
        Of two bands or more.
    redshift : (cluster,) array [1]
        Redshifts.
    conversion : Conversion
        Of the instrument.
    prior_kt_kev : (cluster,) array [keV]
        Median of a log-normal prior, such as ``temperature_of_mass`` of a first mass.
    prior_sigma_ln : float [1]
        Its width.

    Raises
    ------
    MassError
        If there is one band only.
    """
    n_bands = aperture.counts.shape[1]
    if n_bands < 2:
        raise MassError(
            "One band has no colour.",
            expected="counts in two bands or more, such as 0.5-2 and 2-7 keV",
            got=f"{n_bands} band",
            fix="give the temperatures, or an image in more bands",
        )
    z, ln_prior = np.asarray(redshift, float), np.log(np.asarray(prior_kt_kev, float))
    low, high = np.log(KT_RANGE_KEV)
    parts = []
    for i in range(0, len(z), _CHUNK):
        rows = slice(i, i + _CHUNK)
        data = (aperture.counts[rows], aperture.background[rows], aperture.seconds[rows])
        prior = (ln_prior[rows], prior_sigma_ln)
        grid = np.broadcast_to(np.linspace(low, high, N_GRID), (len(z[rows]), N_GRID))
        for _ in range(2):  # first over the whole range, then where the answer lies
            mean, sigma = _moments(grid, *data, z[rows], conversion, prior)
            half = np.maximum(5.0 * sigma, 2.0 * (grid[:, 1] - grid[:, 0]))
            ends = np.clip(mean - half, low, high), np.clip(mean + half, low, high)
            grid = np.linspace(*ends, N_GRID, axis=1)
        parts.append((mean, sigma))
    means, sigmas = (np.concatenate([part[j] for part in parts]) for j in (0, 1))
    return Temperatures(np.exp(means), sigmas)


def _moments(
    ln_t: np.ndarray,
    counts: np.ndarray,
    background: np.ndarray,
    seconds: np.ndarray,
    redshift: np.ndarray,
    conversion: Conversion,
    prior: tuple[np.ndarray, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of ln T on a grid of each cluster, (cluster, t) to (cluster,) twice."""
    kappa = conversion.counts_per_measure(np.exp(ln_t), redshift[:, None])
    template = kappa / kappa.sum(axis=2, keepdims=True) * seconds[:, None]
    amplitude = best_amplitude(counts[:, None], template, background[:, None])
    fit = -0.5 * cash(counts[:, None], amplitude[..., None] * template + background[:, None])
    fit = fit - 0.5 * ((ln_t - prior[0][:, None]) / prior[1]) ** 2
    weight = np.exp(fit - fit.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    mean = (weight * ln_t).sum(axis=1)
    return mean, np.sqrt((weight * (ln_t - mean[:, None]) ** 2).sum(axis=1))
