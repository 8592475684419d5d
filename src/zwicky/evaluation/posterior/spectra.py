"""On which scales are samples right? b(k) and r(k), and whether r beats what a linear map of the inputs could do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zwicky.evaluation.mapping.apertures import quotient
from zwicky.evaluation.mapping.estimates import Drawn, paired
from zwicky.evaluation.posterior.bins import MassBins
from zwicky.evaluation.posterior.functionals import Functionals


@dataclass(frozen=True, eq=False)
class PosteriorSpectra:
    """Bias and cross-correlation ring by ring in Fourier space, (bin, target, k) unless told otherwise.

    Parameters
    ----------
    wavenumber_per_mpc : (k,) array [Mpc^-1]
        k = 2 pi / wavelength.
    b_samples, r_samples : Drawn [1]
        Of single samples: sums of power over clusters and samples.
    b_mean, r_mean : Drawn [1]
        Of the posterior mean, the mean map of the samples: it loses the power of what cannot be known.
    input_names : tuple of str
    r_inputs : Drawn (bin, target, input, k) [1]
        Correlation of each input with the truth, without its sign: no linear map of one input alone correlates
        better.
    baseline_r : Drawn [1]
        The largest of ``r_inputs`` at each k.
    baseline_input : (bin, target, k) int array
        Which it is; -1 where none is defined.
    samples_above, mean_above : Drawn [1]
        r of samples and of the posterior mean, minus the baseline, paired in each resample.
    samples_above_baseline, mean_above_baseline : (bin, target, k) bool arrays
        True where 97.5 % of the resamples of the difference are positive; False also where there are no resamples.
    """

    wavenumber_per_mpc: np.ndarray
    b_samples: Drawn
    r_samples: Drawn
    b_mean: Drawn
    r_mean: Drawn
    input_names: tuple[str, ...]
    r_inputs: Drawn
    baseline_r: Drawn
    baseline_input: np.ndarray
    samples_above: Drawn
    mean_above: Drawn
    samples_above_baseline: np.ndarray
    mean_above_baseline: np.ndarray


def spectra(found: Functionals, bins: MassBins) -> PosteriorSpectra:
    """Return b(k) and r(k) with the linear baseline, with errors by resampling parents."""
    truth = found.truth.power
    samples = np.stack([truth, found.samples.power.mean(axis=1), found.samples.cross.mean(axis=1)], axis=-1)
    mean = np.stack([truth, found.mean_power, found.mean_cross], axis=-1)
    r_samples, r_mean = bins.of_means(samples, correlation), bins.of_means(mean, correlation)
    r_inputs = bins.of_means(_with_inputs(found), lambda means: np.abs(correlation(means)))
    baseline = Drawn(
        _largest(r_inputs.value), None if r_inputs.resamples is None else _largest(r_inputs.resamples)
    )
    samples_above = paired(np.subtract, r_samples, baseline)
    mean_above = paired(np.subtract, r_mean, baseline)
    return PosteriorSpectra(
        found.wavenumber_per_mpc,
        bins.of_means(samples, bias),
        r_samples,
        bins.of_means(mean, bias),
        r_mean,
        found.input_names,
        r_inputs,
        baseline,
        _which(r_inputs.value),
        samples_above,
        mean_above,
        _surely_positive(samples_above),
        _surely_positive(mean_above),
    )


def bias(powers: np.ndarray) -> np.ndarray:
    """Return b = sqrt(P / P_true) of (..., [P_true, P, P_cross]), (...)."""
    return np.sqrt(quotient(powers[..., 1], powers[..., 0]))


def correlation(powers: np.ndarray) -> np.ndarray:
    """Return r = P_cross / sqrt(P_true P) of (..., [P_true, P, P_cross]), (...)."""
    return quotient(powers[..., 2], np.sqrt(powers[..., 0] * powers[..., 1]))


def _with_inputs(found: Functionals) -> np.ndarray:
    """Return the powers of truth and inputs and their cross-powers, (n, target, input, k, 3)."""
    cross = found.input_cross
    truth = np.broadcast_to(found.truth.power[:, :, None], cross.shape)
    inputs = np.broadcast_to(found.input_power[:, None], cross.shape)
    return np.stack([truth, inputs, cross], axis=-1)


def _largest(r_inputs: np.ndarray) -> np.ndarray:
    """Return the largest over inputs (..., input, k), NaN where none is defined: (..., k)."""
    return np.asarray(np.fmax.reduce(r_inputs, axis=-2))


def _which(r_inputs: np.ndarray) -> np.ndarray:
    known = np.where(np.isfinite(r_inputs), r_inputs, -1.0)
    return np.where(known.max(axis=-2) < 0.0, -1, known.argmax(axis=-2))


def _surely_positive(difference: Drawn) -> np.ndarray:
    if difference.resamples is None:
        return np.zeros(difference.value.shape, bool)
    return np.asarray(np.quantile(difference.resamples, 0.025, axis=0) > 0.0)  # NaN is not
