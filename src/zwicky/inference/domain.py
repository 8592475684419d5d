"""The warning light: is this stamp like those that the network was taught and calibrated on?

Named numbers are taken from each stamp (its faintest and brightest pixel, the noise in its outskirts, the power of
what is left after the best round cluster is subtracted, ...) together with the distance of the network's features
from the training cloud (Mahalanobis, Lee et al. 2018). Each is compared with its range on held-out mocks. The answer
is a flag and the reason in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from scipy import fft

from zwicky.core.config import Config
from zwicky.core.grid import Grid
from zwicky.inference.classical import ClassicalMasses
from zwicky.inference.conformal import LEVELS
from zwicky.inference.matched_filter import MatchedFilter
from zwicky.instruments.spectrum import SeenBand, multipoles

Flag = Literal["in-domain", "edge", "out-of-domain"]
FLAGS: Final[tuple[Flag, ...]] = ("in-domain", "edge", "out-of-domain")

SNR_EDGES: Final = (6.0, 15.0, 50.0)
MIN_STAMPS: Final = 100
CHUNK: Final = 500
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
    """The ranges of all numbers, in bins of signal-to-noise: a bright cluster leaves more behind than a faint one.

    Attributes
    ----------
    snr_edges : tuple of float [1]
        Between the bins.
    ranges : tuple of dict of str to Range
        One table per bin.
    """

    snr_edges: tuple[float, ...]
    ranges: tuple[dict[str, Range], ...]

    @classmethod
    def fit(
        cls,
        numbers: Mapping[str, np.ndarray],
        snr: np.ndarray,
        words: Mapping[str, str] | None = None,
        *,
        snr_edges: Sequence[float] = SNR_EDGES,
        min_stamps: int = MIN_STAMPS,
        slack: Mapping[str, float] | None = None,
    ) -> Domain:
        """Take ranges from the numbers of held-out mocks.

        Parameters
        ----------
        numbers : dict of str to (stamp,) array
            Masked where a stamp has no such number: there it is no reason for the flag, and no part of a range.
        snr : (stamp,) array [1]
            A bin of few stamps is not opened.
        words : dict of str to str, optional
            What each number is, for people: ``words_of``. Default: the numbers that know no band.
        snr_edges : sequence of float [1]
            Between the bins.
        min_stamps : int
            In a bin.
        slack : dict of str to float, optional
            How far a range reaches beyond that of the mocks to either side, by the name before a slash: for numbers in
            which mocks hardly differ, or which have ends that are often reached.
        """
        words, slack = WORDS if words is None else words, slack or {}
        edges: list[float] = []
        for edge in snr_edges:
            below = snr >= (edges[-1] if edges else -np.inf)
            if (snr >= edge).sum() >= min_stamps and (below & (snr < edge)).sum() >= min_stamps:
                edges.append(edge)
        which = np.digitize(snr, edges)
        tables: list[dict[str, Range]] = [{} for _ in range(len(edges) + 1)]
        for name, values in numbers.items():
            first = name.split("/")[0]
            there = ~np.ma.getmaskarray(values)
            for i, table in enumerate(tables):
                inside = there & (which == i)
                if not there[which == i].all() and inside.sum() < min_stamps:
                    inside = there  # too few of them have this number: as in all bins together
                found = np.ma.getdata(values)[inside]
                table[name] = _range_of(
                    found, words[name], slack.get(first, 0.0), one_sided=first in ONE_SIDED
                )
        return cls(snr_edges=tuple(edges), ranges=tuple(tables))

    def excesses(self, numbers: Mapping[str, np.ndarray], snr: np.ndarray) -> dict[str, np.ndarray]:
        """Return how far each number lies from its median in units of its envelope, name -> (stamp,); masked is 0."""
        which = np.digitize(snr, self.snr_edges)
        return {
            name: np.where(
                np.ma.getmaskarray(values),
                0.0,
                np.choose(which, [table[name].excess(np.ma.getdata(values)) for table in self.ranges]),
            )
            for name, values in numbers.items()
        }

    def score(self, numbers: Mapping[str, np.ndarray], snr: np.ndarray) -> np.ndarray:
        """Return the largest excess over all numbers, (stamp,)."""
        return np.asarray(np.max(list(self.excesses(numbers, snr).values()), axis=0))

    def judge(self, numbers: Mapping[str, np.ndarray], snr: np.ndarray) -> tuple[np.ndarray, list[list[str]]]:
        """Return a flag number per stamp (0, 1, 2: index into ``FLAGS``) and the reasons in words."""
        which = np.digitize(snr, self.snr_edges)
        level = np.zeros(len(snr), int)
        reasons: list[list[str]] = [[] for _ in level]
        for name, excess in self.excesses(numbers, snr).items():
            here = (excess > 1.0).astype(int) + (excess > OUT_FACTOR)
            level = np.maximum(level, here)
            for i in np.nonzero(here)[0]:
                one, value = self.ranges[which[i]][name], numbers[name][i]
                side = "below" if value < one.median else "above"
                reasons[i].append(
                    f"{one.words} is {value:.3g}, {side} the training range {one.low:.3g} to {one.high:.3g}"
                )
        return level, reasons


def _range_of(values: np.ndarray, words: str, slack: float, *, one_sided: bool) -> Range:
    """Return the range of values; a number that no mock had has none, and is out of it wherever it turns up."""
    low, median, high = (
        np.quantile(values, (ENVELOPE[0], 0.5, ENVELOPE[1])) if values.size else (0.0, 0.0, 0.0)
    )
    return Range(
        words=words,
        low=0.0 if one_sided else float(low - slack),
        median=float(median),
        high=float(high + slack),
    )


def flag_mass_edges(
    log10_quantiles: np.ndarray,
    log10_mass_range: tuple[float, float],
    flag: np.ndarray,
    reasons: list[list[str]],
) -> None:
    """Raise the flag, in place, where the mass reaches the ends of the training masses.

    Parameters
    ----------
    log10_quantiles : (stamp, level) array [dex of Msun]
        At ``conformal.LEVELS``.
    log10_mass_range : (float, float) [dex of Msun]
        Of the training clusters.
    flag : (stamp,) array of int
        Index into ``FLAGS``; changed.
    reasons : list of list of str
        Changed.
    """
    low, high = log10_mass_range
    for i, row in enumerate(log10_quantiles):
        bottom, top = row[LEVELS.index(0.16)], row[LEVELS.index(0.84)]
        if bottom < low + MASS_MARGIN_DEX or top > high - MASS_MARGIN_DEX:
            flag[i] = max(flag[i], 1)
            reasons[i].append(
                f"the mass interval 10^{bottom:.2f}-10^{top:.2f} Msun reaches the ends of the training masses,"
                f" 10^{low:.2f}-10^{high:.2f}: answers there lean inwards"
            )


ONE_SIDED: Final = ("off_centre", "features")
"""Distances, for which small is always good: their range begins at 0."""

WORDS: Final[dict[str, str]] = {
    "brightest": "the brightest pixel in units of the noise",
    "faintest": "the faintest pixel in units of the noise",
    "outskirts": "the scatter of the outskirts in units of the noise",
    "zero_level": "the zero level of the outskirts in units of the noise",
    "misfit": "the misfit of the best round cluster (chi2 per degree of freedom)",
    "off_centre": "the tilt of the signal about the centre in units of its noise",
    "strongest_source": "the strongest source beside the round cluster in units of its noise",
    "deepest_hole": "the deepest hole beside the round cluster in units of its noise",
    "features": "the distance of the network's features from the training cloud",
}


def words_of(bands: Sequence[SeenBand]) -> dict[str, str]:
    """Return what each number of ``describe`` is, in words; after a slash stands the band, if there are several."""
    words = dict(WORDS)
    for band in bands:
        of, which = (f"/{band.name}", f", {band.name}") if len(bands) > 1 else ("", "")
        words |= {f"{name}{of}": f"{text}{which}" for name, text in WORDS.items()}
        for i, (low, high) in enumerate(pairwise(band.ell_edges)):
            text = f"the noise power at multipoles {low:.0f}-{high:.0f} over the instrument's"
            words[f"power_{i}{of}"] = f"{text}{which}"
    return words


def describe(stamps: np.ndarray, masses: ClassicalMasses, bank: MatchedFilter) -> dict[str, np.ndarray]:
    """Return the named numbers of stamps, each (stamp,).

    Parameters
    ----------
    stamps : (stamp, y, x) or (stamp, band, y, x) array
        On the grid of the bank's instrument, in the unit of its maps.
    masses : ClassicalMasses
        Of the same stamps: the round cluster that is subtracted.
    bank : MatchedFilter
        That measured them.
    """
    size = np.abs(np.log(masses.theta500_arcmin)[:, None] - bank.log_theta500).argmin(axis=1)
    parts = [
        _describe_chunk(stamps[i : i + CHUNK], masses.y500_arcmin2[i : i + CHUNK], size[i : i + CHUNK], bank)
        for i in range(0, len(stamps), CHUNK)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _describe_chunk(
    stamps: np.ndarray, y500_arcmin2: np.ndarray, size: np.ndarray, bank: MatchedFilter
) -> dict[str, np.ndarray]:
    grid, bands = bank.instrument.grid, bank.instrument.seen_bands
    images = stamps.reshape(len(stamps), len(bands), *grid.shape)
    residual = images - (y500_arcmin2[:, None] * bank.templates[size]).reshape(images.shape)
    numbers: dict[str, np.ndarray] = {}
    for i, band in enumerate(bands):
        of = f"/{band.name}" if len(bands) > 1 else ""
        found = _describe_band(images[:, i], residual[:, i], grid, band)
        numbers |= {f"{name}{of}": values for name, values in found.items()}
    return {**numbers, "misfit": bank.chi2(residual)}


def _describe_band(
    stamps: np.ndarray, residual: np.ndarray, grid: Grid, band: SeenBand
) -> dict[str, np.ndarray]:
    """Return the numbers of one band; the zero level is taken off ``residual``, which is changed."""
    outskirts = np.flatnonzero(grid.radius() > 0.36 * grid.width.value)
    outer = residual.reshape(len(stamps), -1)[:, outskirts] / band.rms
    zero_level = np.median(outer, axis=1)
    residual -= band.rms * zero_level[:, None, None]
    strongest, deepest = _extremes(residual, grid, band)
    return {
        "brightest": stamps.max(axis=(1, 2)) / band.rms,
        "faintest": stamps.min(axis=(1, 2)) / band.rms,
        "outskirts": outer.std(axis=1),
        "zero_level": zero_level,
        "off_centre": _tilt(residual, grid, band),
        "strongest_source": strongest,
        "deepest_hole": deepest,
        **_relative_power(residual, grid, band),
    }


def _tilt(residual: np.ndarray, grid: Grid, band: SeenBand) -> np.ndarray:
    """Return the dipole of the middle two beams over its noise without correlations: large when off centre."""
    n, radius_arcmin = residual.shape[1], grid.radius()
    axis = np.arange(n) - (n - 1) / 2.0
    weight = np.exp(-0.5 * (radius_arcmin / (0.6 * band.beam_arcmin)) ** 2)
    flat = residual.reshape(len(residual), -1)
    dipoles = [flat @ (weight * a).ravel() for a in (axis[:, None], axis[None, :])]
    return np.hypot(*dipoles) / (band.rms * np.sqrt((weight**2 * axis[:, None] ** 2).sum()))


def _extremes(residual: np.ndarray, grid: Grid, band: SeenBand) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest and the smallest signal-to-noise of a point source anywhere on each stamp, (stamp,) each.

    The filter is that for an unresolved source, B / P in Fourier space, with the stamp taken for periodic.
    """
    n = grid.n_pixels
    power = band.power_at(multipoles(n, grid.pixel_value))
    kernel = band.beam_transform(n) / power
    noise = np.sqrt(np.fft.irfft2(kernel**2 * power, s=(n, n))[0, 0]) / grid.pixel_value
    snr = fft.irfft2(fft.rfft2(residual) * (kernel / noise), s=(n, n))
    return snr.max(axis=(1, 2)), snr.min(axis=(1, 2))


def _relative_power(residual: np.ndarray, grid: Grid, band: SeenBand) -> dict[str, np.ndarray]:
    """Return the windowed power in bins of multipole over that of the instrument's noise, each (stamp,)."""
    n = grid.n_pixels
    window = np.outer(np.hanning(n), np.hanning(n))
    ell = multipoles(n, grid.pixel_value)
    expected = band.power_at(ell)
    modes = fft.rfft2(residual * window).reshape(len(residual), -1)
    norm = grid.pixel_value**2 / (window**2).sum()
    powers = {}
    for i, (low, high) in enumerate(pairwise(band.ell_edges)):
        inside = np.flatnonzero((ell >= low) & (ell < high))
        measured = (np.abs(modes[:, inside]) ** 2).mean(axis=1) * norm
        powers[f"power_{i}"] = measured / expected.ravel()[inside].mean()
    return powers
