"""Poisson counts and a template over a background: the amplitude that fits best, and how well."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import gammaincc, gammaln

_STEPS: Final = 25
_HALVINGS: Final = 60
_SETTLED: Final = 1e-6
_TINY: Final = 1e-12


def cash(counts: np.ndarray, model: np.ndarray) -> np.ndarray:
    """Return C = 2 sum(m - n + n ln(n / m)), summed over the last axis: 0 for a perfect fit (Cash 1979).

    Parameters
    ----------
    counts, model : (..., bin) array
        Photons, and photons expected; where none are expected and none were counted, nothing is added.
    """
    expected = np.maximum(model, _TINY)
    seen = counts > 0.0
    ratio = np.where(seen, counts / expected, 1.0)
    return np.asarray(2.0 * (np.where(model > 0, model, 0.0) - counts + counts * np.log(ratio)).sum(axis=-1))


def best_amplitude(counts: np.ndarray, template: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return the amplitude a >= 0 that maximises the Poisson likelihood of a * template + background.

    The slope of ln L falls monotonically with a, so that there is one maximum. It is found by Newton's steps of ln a,
    at most a factor e each, and by bisection where these have not settled.

    Parameters
    ----------
    counts, template, background : (..., bin) array
        Photons, photons per unit of amplitude, expected background photons.

    Returns
    -------
    (...) array
        0 where the slope is negative at 0 already: nothing seen.
    """
    total = template.sum(axis=-1)
    base = np.maximum(background, _TINY)
    seen = counts.sum(axis=-1)
    scale = 1.0 / np.maximum(total, _TINY)
    amplitude = np.asarray(np.maximum(seen - base.sum(axis=-1), np.maximum(0.1 * seen, 0.1)) * scale)
    step = np.ones_like(amplitude)
    for _ in range(_STEPS):
        part = template * amplitude[..., None]
        part /= part + base
        weighted = counts * part
        slope = weighted.sum(axis=-1) - amplitude * total
        bend = slope - (weighted * part).sum(axis=-1)
        step = np.where(bend < 0.0, -slope / np.where(bend < 0.0, bend, 1.0), np.sign(slope))
        amplitude = amplitude * np.exp(np.clip(step, -1.0, 1.0))
        if np.all(np.abs(step) < _SETTLED):
            break
    rising = (counts * template / base).sum(axis=-1) > total
    late = rising & (np.abs(step) >= _SETTLED)
    if late.any():
        together = (
            np.broadcast_to(one, (*late.shape, one.shape[-1]))[late] for one in (counts, template, base)
        )
        amplitude[late] = _bisected(*together)
    return np.where(rising & (total > 0.0), amplitude, 0.0)


def _bisected(counts: np.ndarray, template: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return the same, (row,), slowly and surely: all counts as signal are the most that is possible."""
    total = template.sum(axis=-1)
    low, high = np.zeros(len(counts)), counts.sum(axis=-1) / total
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        rising = (counts * template / (middle[:, None] * template + background)).sum(axis=-1) > total
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    return 0.5 * (low + high)


def likelihood(delta_c: np.ndarray, free: int) -> np.ndarray:
    """Return -ln of the chance that C falls by this much if there is nothing: -ln Q(free / 2, delta_c / 2).

    The convention of the detection chains of XMM and eROSITA (emldetect, ermldet).

    Parameters
    ----------
    delta_c : array
        By how much C falls; below zero counts as zero.
    free : int
        Numbers that were fitted in addition.
    """
    half = 0.5 * np.maximum(np.asarray(delta_c, float), 0.0)
    a = 0.5 * free
    far = half > 300.0  # Q underflows at 700; its asymptotic form is good to 1e-2 in ln here
    near = -np.log(np.maximum(gammaincc(a, np.where(far, 1.0, half)), 1e-300))
    return np.where(far, half - (a - 1.0) * np.log(np.maximum(half, 1.0)) + gammaln(a), near)
