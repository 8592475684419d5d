"""The warning light: is this stamp like those that the network was taught and calibrated on?

Named numbers are taken from each stamp (its faintest and brightest pixel, the noise in its outskirts, the power of
what is left after the best round cluster is subtracted, ...) together with the distance of the network's features
from the training cloud (Mahalanobis, Lee et al. 2018). Each is compared with its range on held-out mocks. The answer
is a flag and the reason in words.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, Literal

import numpy as np

from zwicky.core.config import Config
from zwicky.inference.classical import ClassicalMasses
from zwicky.inference.matched_filter import MatchedFilter
from zwicky.instruments.spectrum import multipoles

Flag = Literal["in-domain", "edge", "out-of-domain"]
FLAGS: Final[tuple[Flag, ...]] = ("in-domain", "edge", "out-of-domain")

ELL_EDGES: Final = (150.0, 300.0, 500.0, 800.0, 1200.0, 1700.0, 2400.0, 3400.0)
ENVELOPE: Final = (0.001, 0.999)
"""Quantiles of the held-out mocks beyond which a number is at the edge."""
OUT_FACTOR: Final = 1.35
"""Out of domain beyond this many envelope half-widths from the median."""
MASS_MARGIN_DEX: Final = 0.15
"""A 68 % interval that comes this close to the training masses' ends is at the edge (mean reversion)."""


class Range(Config):
    """What one number did on held-out mocks.

    Attributes
    ----------
    words : str
        What it is, for people.
    low, median, high : float
        At the envelope and in the middle.
    """

    words: str
    low: float
    median: float
    high: float

    def excess(self, value: np.ndarray) -> np.ndarray:
        """Return 1 at the envelope, 0 at the median, growing linearly beyond; infinite for NaN."""
        half = np.where(value > self.median, self.high - self.median, self.median - self.low)
        result = np.abs(value - self.median) / np.maximum(half, 1e-12)
        return np.where(np.isfinite(value), result, np.inf)


class Domain(Config):
    """The ranges of all numbers."""

    ranges: dict[str, Range]

    @classmethod
    def fit(cls, numbers: dict[str, np.ndarray]) -> Domain:
        """Take ranges from the numbers of held-out mocks, name -> (stamp,)."""
        quantiles = {name: np.quantile(v, (ENVELOPE[0], 0.5, ENVELOPE[1])) for name, v in numbers.items()}
        return cls(
            ranges={
                name: Range(words=WORDS[name], low=float(q[0]), median=float(q[1]), high=float(q[2]))
                for name, q in quantiles.items()
            }
        )

    def score(self, numbers: dict[str, np.ndarray]) -> np.ndarray:
        """Return the largest excess over all numbers, (stamp,)."""
        return np.max([self.ranges[name].excess(v) for name, v in numbers.items()], axis=0)

    def judge(self, numbers: dict[str, np.ndarray]) -> tuple[np.ndarray, list[list[str]]]:
        """Return a flag number per stamp (0, 1, 2: index into ``FLAGS``) and the reasons in words."""
        level = np.zeros(len(next(iter(numbers.values()))), int)
        reasons: list[list[str]] = [[] for _ in level]
        for name, values in numbers.items():
            one = self.ranges[name]
            excess = one.excess(values)
            here = (excess > 1.0).astype(int) + (excess > OUT_FACTOR)
            level = np.maximum(level, here)
            for i in np.nonzero(here)[0]:
                side = "above" if not values[i] < one.median else "below"
                reasons[i].append(
                    f"{one.words} is {values[i]:.3g}, {side} the training range {one.low:.3g} to {one.high:.3g}"
                )
        return level, reasons


WORDS: Final[dict[str, str]] = {
    "brightest": "the brightest pixel in units of the noise",
    "faintest": "the faintest pixel in units of the noise",
    "outskirts": "the scatter of the outskirts in units of the noise",
    "zero_level": "the zero level of the outskirts in units of the noise",
    "misfit": "the misfit of the best round cluster (chi2 per degree of freedom)",
    "off_centre": "the tilt of the signal about the centre in units of its noise",
    "features": "the distance of the network's features from the training cloud",
    **{
        f"power_{i}": f"the noise power at multipoles {low:.0f}-{high:.0f} over the instrument's"
        for i, (low, high) in enumerate(pairwise(ELL_EDGES))
    },
}


def describe(stamps: np.ndarray, masses: ClassicalMasses, bank: MatchedFilter) -> dict[str, np.ndarray]:
    """Return the named numbers of stamps, each (stamp,).

    Parameters
    ----------
    stamps : (stamp, y, x) array [Compton y]
    masses : ClassicalMasses
        Of the same stamps: the round cluster that is subtracted.
    bank : MatchedFilter
        That measured them.
    """
    grid = bank.instrument.grid
    noise = bank.instrument.field.rms
    outskirts = grid.radius() > 0.36 * grid.width.value
    size = np.abs(np.log(masses.theta500_arcmin)[:, None] - bank.log_theta500).argmin(axis=1)
    model = masses.y500_arcmin2[:, None] * bank.templates[size]
    residual = stamps - model.reshape(stamps.shape)
    level = np.median(residual[:, outskirts], axis=1)
    numbers = {
        "brightest": stamps.max(axis=(1, 2)) / noise,
        "faintest": stamps.min(axis=(1, 2)) / noise,
        "outskirts": residual[:, outskirts].std(axis=1) / noise,
        "zero_level": level / noise,
        "misfit": bank.chi2(residual - level[:, None, None]),
        "off_centre": _tilt(residual, grid.radius(), bank.instrument.beam_arcmin, noise),
    }
    for i, power in enumerate(_relative_power(residual - level[:, None, None], bank)):
        numbers[f"power_{i}"] = power
    return numbers


def _tilt(residual: np.ndarray, radius_arcmin: np.ndarray, beam_arcmin: float, noise: float) -> np.ndarray:
    """Return the dipole of the middle two beams over its noise without correlations: large when off centre."""
    n = residual.shape[1]
    axis = np.arange(n) - (n - 1) / 2.0
    weight = np.exp(-0.5 * (radius_arcmin / (0.6 * beam_arcmin)) ** 2)
    dipoles = [np.einsum("syx,yx->s", residual, weight * a) for a in (axis[:, None], axis[None, :])]
    norm = noise * np.sqrt((weight**2 * axis[:, None] ** 2).sum())
    return np.hypot(*dipoles) / norm


def _relative_power(residual: np.ndarray, bank: MatchedFilter) -> list[np.ndarray]:
    """Return the windowed power in bins of multipole over that of the instrument's noise."""
    grid, field = bank.instrument.grid, bank.instrument.field
    n = grid.n_pixels
    window = np.outer(np.hanning(n), np.hanning(n))
    ell = multipoles(n, grid.pixel_value)
    expected = field.power_at(ell)
    bins = [(ell >= low) & (ell < high) for low, high in pairwise(ELL_EDGES)]
    powers: list[list[float]] = [[] for _ in bins]
    for one in residual:
        power = np.abs(np.fft.rfft2(one * window)) ** 2 * grid.pixel_value**2 / (window**2).sum()
        for result, inside in zip(powers, bins, strict=True):
            result.append(float(power[inside].mean() / expected[inside].mean()))
    return [np.array(p) for p in powers]
