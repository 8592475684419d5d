"""Judges methods one after the other, all on the same groups of maps and the same resamples of clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np

from zwicky.core.errors import MapError
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.bootstrap import MINIMUM_PARENTS, resample, resampled_sums
from zwicky.evaluation.mapping.apertures import APERTURES, Aperture, quotient
from zwicky.evaluation.mapping.comparison import Resampled
from zwicky.evaluation.mapping.estimates import Drawn, as_json, band, estimates
from zwicky.evaluation.mapping.measures import DIFFERENCE_EDGES, Measured, Truth, measure
from zwicky.evaluation.mapping.mmd import SIGMAS, Reference, equivalent_noise
from zwicky.evaluation.mapping.records import TrueMaps
from zwicky.evaluation.mapping.spectra import Spectra
from zwicky.evaluation.scorecard import bin_edges
from zwicky.inference.mapping.answer import PredictedMaps

EVERYTHING: Final = "all"
HISTOGRAM_STEP: Final = 4
"""Bins of the measures per bin of a kept histogram, which is then 2 % wide."""

_BAND: Final = (0.16, 0.5, 0.84)
_MMD_MAPS: Final = 500  # per mass interval: the Gram matrices grow as their square
_N_SPLITS: Final = 20  # halves of the truth, for the noise of the MMD itself
_MOMENTS: Final = ("median", "scatter", "mean", "sd")
_PIXEL_NUMBERS: Final = ("median", "plus", "minus", "scatter")


@dataclass(frozen=True, eq=False)
class Group:
    """Some maps of the test set: all of them, a mass interval, or those of one simulation."""

    name: str
    kind: Literal["all", "mass", "physics"]
    rows: np.ndarray
    low: float | None = None
    high: float | None = None


def groups_of(true: TrueMaps, mass_edges_log10: Sequence[float]) -> list[Group]:
    """Return the groups that hold maps: all, each mass interval, each simulation.

    Parameters
    ----------
    true : TrueMaps
    mass_edges_log10 : sequence of float [dex of Msun]
        Of M200c; a map beyond them counts in ``all`` only.

    Raises
    ------
    ConfigError
        If these are no edges.
    """
    edges = bin_edges(mass_edges_log10, where="mass_edges_log10")
    mass = true.log10_m200c
    groups = [Group(EVERYTHING, "all", np.arange(len(true)))]
    for low, high in pairwise(edges):
        rows = np.flatnonzero((mass >= low) & (mass < high))
        groups.append(Group(f"{low:.2f}-{high:.2f}", "mass", rows, low, high))
    groups += [
        Group(f"physics: {name}", "physics", np.flatnonzero(true.physics == name))
        for name in np.unique(true.physics)
    ]
    return [group for group in groups if len(group.rows)]


def length_unit(true: TrueMaps) -> tuple[Literal["R200c", "Mpc"], float]:
    """Return the unit in which the pixels of all maps are alike, and the side of a pixel in it.

    Raises
    ------
    MapError
        If they are alike in neither R200c nor Mpc: their power spectra share no scale.
    """
    sides: dict[Literal["R200c", "Mpc"], np.ndarray] = {
        "R200c": true.pixel_mpc / true.r200c_mpc,
        "Mpc": true.pixel_mpc,
    }
    for unit, pixel in sides.items():
        if np.ptp(pixel) <= 1e-4 * pixel.mean():
            return unit, float(pixel.mean())
    raise MapError(
        "The maps have no common scale.",
        where="pixel_mpc",
        expected="pixels of one size in R200c, or in Mpc",
        got=f"{true.pixel_mpc.min():.4g} to {true.pixel_mpc.max():.4g} Mpc",
    )


@dataclass(frozen=True, eq=False)
class Judge:
    """Judges methods, all on the same groups and the same resamples.

    Parameters
    ----------
    truth : Truth
    groups : list of Group
        All maps first.
    n_resamples : int
    key : Key
        Of the bootstrap.
    """

    truth: Truth
    groups: list[Group]
    n_resamples: int
    key: Key

    def method(self, predicted: PredictedMaps) -> tuple[dict[str, Any], Resampled]:
        """Return the results of a method, and what it is compared by."""
        measured = measure(self.truth, predicted)
        blocks = {group.name: self._masses(measured, group) for group in self.groups}
        for group in self.wide_groups:
            blocks[group.name] |= self._maps(measured, group)
        whole = blocks[EVERYTHING]
        compared = Resampled(
            predicted.name, whole["pixels"]["map"]["scatter"], whole["bias_r200"]["scatter"], whole["r"]
        )
        results = {name: estimates(block) for name, block in blocks.items()}
        for group in self.wide_groups:
            results[group.name] |= _bands(measured, group.rows)
        for name, (reference, ladder) in self.mmd.items():
            value = reference.mmd2(predicted.mean[reference.rows])
            results[name]["mmd"] = {
                "value": as_json(value),
                "noise": as_json(equivalent_noise(value, ladder)),
            }
        result = {
            "groups": results,
            "histogram": _densities(measured),
            "coverage_radii": self._coverage_radii(predicted),
        }
        return result, compared

    @property
    def wide_groups(self) -> list[Group]:
        """All maps, and the mass intervals: those whose maps are judged in every way."""
        return [group for group in self.groups if group.kind != "physics"]

    @cached_property
    def mmd(self) -> dict[str, tuple[Reference, dict[float, float]]]:
        """The true maps of each mass interval, at most ``_MMD_MAPS`` of them, and their noise lines."""
        found = {}
        for group in (one for one in self.groups if one.kind == "mass"):
            n = len(group.rows)
            rows = group.rows[np.linspace(0, n - 1, min(n, _MMD_MAPS)).astype(int)]
            reference = Reference.of(self.truth.maps.maps[rows], self.truth.maps.parent[rows], rows)
            found[group.name] = (reference, reference.ladder(SIGMAS, self._noise_key))
        return found

    def truth_block(self) -> dict[str, Any]:
        """Return the power of the true maps, and what noise of each strength does to their MMD."""
        blocks: dict[str, dict[str, Any]] = {
            group.name: {"power": as_json(np.median(self.truth.spectra.truth[group.rows], axis=0))}
            for group in self.wide_groups
        }
        for name, (reference, ladder) in self.mmd.items():
            halves = reference.split_halves(_N_SPLITS, self._noise_key)
            blocks[name] |= {
                "noise_lines": {f"{sigma:g}": as_json(value) for sigma, value in ladder.items()},
                "halves": as_json(np.quantile(halves, 0.84)),
                "mmd_maps": len(reference.rows),
            }
        return blocks

    def view(self, spectra: Spectra) -> dict[str, Any]:
        """Return r(k) of an input view with the true maps."""
        return {group.name: self._transfer(spectra, group)["r"].estimate() for group in self.wide_groups}

    @property
    def _noise_key(self) -> Key:
        return Key(self.key.seed, Stream.NOISE_LADDER)

    def _masses(self, measured: Measured, group: Group) -> dict[str, Any]:
        """Return the error of the mass within R200c and R500c, and the coverage of intervals, if there are any."""
        pixels, masses, standardised = measured.pixel_coverage, measured.mass_coverage, None
        if measured.pull is not None:
            value, resamples = self._means(measured.pull, group)
            spread = Drawn(_mean_and_sd(value), None if resamples is None else _mean_and_sd(resamples))
            standardised = spread.columns(("mean", "sd"))
        return {
            "bias_r200": self._moments(measured.bias_r200, group),
            "bias_r500": self._moments(measured.bias_r500, group),
            "pixel_coverage": self._coverage(pixels, group),
            "mass_coverage": self._coverage(masses, group),
            "standardised_error": standardised,
        }

    def _maps(self, measured: Measured, group: Group) -> dict[str, Any]:
        """Return eq. 6 in each aperture, b(k), r(k) and the structural similarity."""
        return {
            "pixels": {which: self._pixels(measured, group, which) for which in APERTURES},
            "ssim": self._means(measured.ssim, group),
            **self._transfer(measured.spectra, group),
        }

    def _coverage(self, inside: dict[str, np.ndarray] | None, group: Group) -> dict[str, Drawn] | None:
        if inside is None:
            return None
        return {name: self._means(one, group) for name, one in inside.items()}

    def _enough(self, rows: np.ndarray) -> bool:
        return len(np.unique(self.truth.maps.parent[rows])) >= MINIMUM_PARENTS

    def _sums(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
        """Return sums over the rows of each resample, (resample, ...); None with too few parents."""
        if not self._enough(rows):
            return None
        return resampled_sums(self.truth.maps.parent[rows], values[rows], self.n_resamples, self.key)

    def _means(self, values: np.ndarray, group: Group) -> Drawn:
        """Return the mean over the maps of a group, (n, ...) -> (...)."""
        sums, n_maps = (self._sums(one, group.rows) for one in (values, np.ones(len(values))))
        mean = np.asarray(values[group.rows].mean(axis=0))
        if sums is None or n_maps is None:
            return Drawn(mean, None)
        return Drawn(mean, sums / n_maps.reshape(-1, *[1] * (sums.ndim - 1)))

    def _moments(self, values: np.ndarray, group: Group) -> dict[str, Drawn]:
        """Return median, half of the 16 to 84 % range, mean and standard deviation over the maps of a group."""
        chosen = values[group.rows]
        resamples = None
        if self._enough(group.rows):
            parent = self.truth.maps.parent[group.rows]
            resamples = resample(parent, lambda rows: _moments(chosen[rows]), self.n_resamples, self.key)
        return Drawn(_moments(chosen), resamples).columns(_MOMENTS)

    def _pixels(self, measured: Measured, group: Group, which: Aperture) -> dict[str, Drawn]:
        """Return the median of eq. 6, what lies above and below it, and half of their sum."""
        inside = self.truth.apertures[which][group.rows]
        found = _around_median(np.quantile(measured.difference[group.rows][inside], _BAND))
        histograms = measured.histograms[which]
        sums = self._sums(histograms, group.rows)
        if sums is None:
            return Drawn(found, None).columns(_PIXEL_NUMBERS)
        # Histograms see the change from resample to resample; the value itself is that of the pixels.
        whole = _around_median(_histogram_quantiles(histograms[group.rows].sum(axis=0)))
        changes = _around_median(_histogram_quantiles(sums)) - whole
        return Drawn(found, found + changes).columns(_PIXEL_NUMBERS)

    def _transfer(self, spectra: Spectra, group: Group) -> dict[str, Drawn]:
        """Return b(k) and r(k): sums over maps are sums over clusters."""
        b, r = spectra.b(group.rows), spectra.r(group.rows)
        sums = self._sums(np.stack([spectra.truth, spectra.predicted, spectra.cross], axis=1), group.rows)
        if sums is None:
            return {"b": Drawn(b, None), "r": Drawn(r, None)}
        truth, predicted, cross = sums.transpose(1, 0, 2)
        return {
            "b": Drawn(b, np.sqrt(quotient(predicted, truth))),
            "r": Drawn(r, quotient(cross, np.sqrt(truth * predicted))),
        }

    def _coverage_radii(self, predicted: PredictedMaps) -> list[float] | None:
        """Return the radii of M(<R) in the unit of length."""
        if predicted.radii_mpc is None:
            return None
        true = self.truth.maps
        scale = true.r200c_mpc if length_unit(true)[0] == "R200c" else np.ones(len(true))
        return list(as_json((predicted.radii_mpc / scale[:, None]).mean(axis=0)))


def _moments(values: np.ndarray) -> np.ndarray:
    """Return the ``_MOMENTS`` over the last axis, (..., 4)."""
    low, median, high = np.quantile(values, _BAND, axis=-1)
    return np.stack([median, 0.5 * (high - low), values.mean(axis=-1), values.std(axis=-1)], axis=-1)


def _around_median(quantiles: np.ndarray) -> np.ndarray:
    """Return the ``_PIXEL_NUMBERS`` (..., 4) of the 16, 50 and 84 % quantiles (3, ...)."""
    low, median, high = quantiles
    return np.stack([median, high - median, median - low, 0.5 * (high - low)], axis=-1)


def _histogram_quantiles(counts: np.ndarray) -> np.ndarray:
    """Return the 16, 50 and 84 % of histograms of the relative difference, (..., bin) -> (3, ...)."""
    rows = counts.reshape(-1, counts.shape[-1])
    found = np.empty((len(_BAND), len(rows)))
    for i, row in enumerate(rows):
        below = np.concatenate([[0.0], np.cumsum(row)])
        # Bins without a pixel make the sum flat: its inverse is taken where it rises.
        rising = np.flatnonzero(np.diff(below, prepend=-1.0))
        found[:, i] = np.interp(np.array(_BAND) * below[-1], below[rising], DIFFERENCE_EDGES[rising])
    return found.reshape(len(_BAND), *counts.shape[:-1])


def _mean_and_sd(moments: np.ndarray) -> np.ndarray:
    """Return mean and standard deviation (..., 2) of a mean and a mean square (..., 2)."""
    mean, mean_square = moments[..., 0], moments[..., 1]
    return np.stack([mean, np.sqrt(np.maximum(mean_square - mean**2, 0.0))], axis=-1)


def _bands(measured: Measured, rows: np.ndarray) -> dict[str, Any]:
    """Return the profiles of the mass error and the power, as bands over the maps of a group."""
    return {
        "cylinder": band(measured.cylinder[rows]),
        "annulus": band(measured.annulus[rows]),
        "power": as_json(np.median(measured.spectra.predicted[rows], axis=0)),
        "power_ratio": band(measured.spectra.ratio()[rows]),
    }


def _densities(measured: Measured) -> dict[str, Any]:
    """Return the probability density of the relative difference in each aperture, in coarse bins."""
    width = np.diff(DIFFERENCE_EDGES[::HISTOGRAM_STEP])
    found: dict[str, Any] = {}
    for which, histograms in measured.histograms.items():
        counts = histograms.sum(axis=0).reshape(-1, HISTOGRAM_STEP).sum(axis=1)
        found[which] = as_json(counts / (counts.sum() * width))
    return found
