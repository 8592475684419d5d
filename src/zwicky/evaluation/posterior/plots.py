"""The figures of a posterior scorecard: each function reads the card, returns a Figure and leaves nothing behind.

A colour stands for a method, the same in every figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from zwicky.evaluation.plots import COLOURS, GREY, new_figure, plain_log_axis, styled
from zwicky.evaluation.posterior.reading import TOLERANCE, at, in_order
from zwicky.evaluation.posterior.scorecard import (
    FAST,
    FAST_BEFORE,
    GAUSSIAN,
    PUBLISHED,
    PUBLISHED_RECALIBRATED,
)

Card = Mapping[str, Any]

BLACK: Final = "#000000"
BAND: Final = "#e3e3e3"
_BLUE, _RED, _GREEN, _PINK, _ORANGE, _SKY = COLOURS
_COLOUR_OF: Final = {
    FAST: _BLUE, FAST_BEFORE: _SKY, PUBLISHED: _RED, PUBLISHED_RECALIBRATED: _ORANGE, GAUSSIAN: _GREEN,
}  # fmt: skip
_DASHES: Final = ("--", ":", "-.")


def colour_of(card: Card, name: str) -> str:
    """Return the colour of a method."""
    return _COLOUR_OF.get(name, COLOURS[card["methods"].index(name) % len(COLOURS)])


def final_methods(card: Card) -> list[str]:
    """Return the methods as they are used, without those of before a recalibration; all if that leaves none."""
    return [name for name in card["methods"] if name not in (FAST_BEFORE, PUBLISHED_RECALIBRATED)]


def numbers(values: Any) -> np.ndarray:
    """Return numbers with NaN, which is not drawn, for those that are not defined."""
    return np.array(values, float)


def _ends(estimate: Card) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    value, low, high = (numbers(estimate[end]) for end in ("value", "low_68", "high_68"))
    return value, low, high


def reach_of(estimate: Card, unit: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return values, and their distances (2, n) to the ends of the 68 % interval; NaN where there is none."""
    value, low, high = (unit * one for one in _ends(estimate))
    return value, np.maximum(np.stack([value - low, high - value]), 0.0)


@styled
def profiles(card: Card) -> Figure:
    """Draw the mean profile with the 68 % interval of a cluster, and its fractional error, of each map."""
    figure = new_figure(4.8 * len(card["targets"]), 6.2)
    axes = figure.subplots(
        2, len(card["targets"]), sharex=True, sharey="row", squeeze=False, height_ratios=(1.4, 1.0)
    )
    for i, target in enumerate(card["targets"]):
        upper, lower = axes[:, i]
        for j, name in enumerate(final_methods(card)):
            found, colour = card["results"][name]["profiles"], colour_of(card, name)
            radius = numbers(found["radius_mpc"])
            mean, width = (numbers(found[key][0][i]) for key in ("mean_msun_mpc2", "half_width_68"))
            if j == 0:
                upper.plot(
                    radius, numbers(found["truth_msun_mpc2"][0][i]), color=BLACK, lw=2.4, label="truth"
                )
            upper.fill_between(
                radius, mean * (1.0 - width), mean * (1.0 + width), color=colour, alpha=0.2, lw=0
            )
            upper.plot(radius, mean, color=colour, lw=1.4, label=name)
            value, reach = reach_of(at(found["mean_error"], 0, i), 100.0)
            lower.fill_between(radius, -100.0 * width, 100.0 * width, color=colour, alpha=0.1, lw=0)
            lower.errorbar(radius, value, yerr=reach, color=colour, fmt="o-", ms=3.5, lw=1.2)
        for percent in (-5.0, 0.0, 5.0):
            lower.axhline(percent, color=BLACK, lw=0.8, ls=":")
        upper.set(title=target, yscale="log", xscale="log")
        lower.set(xlabel="$R$ [Mpc]")
        plain_log_axis(lower)
    axes[0, 0].set_ylabel(r"$\Sigma$ [M$_\odot$ Mpc$^{-2}$]")
    axes[1, 0].set_ylabel("error [%]")
    axes[0, 0].legend(fontsize=8.5)
    return figure


@styled
def spectra(card: Card) -> Figure:
    """Draw b(k) and 1 - r(k) of each map, with what a linear map of each view reaches."""
    figure = new_figure(4.8 * len(card["targets"]), 6.4)
    axes = figure.subplots(2, len(card["targets"]), sharex=True, sharey="row", squeeze=False)
    for i, target in enumerate(card["targets"]):
        upper, lower = axes[:, i]
        for name in final_methods(card):
            found, colour = card["results"][name]["spectra"], colour_of(card, name)
            k = numbers(found["wavenumber_per_mpc"])
            for ax, key, width, of in (
                (upper, "b_samples", 1.6, lambda x: x),
                (lower, "r_mean", 2.0, _complement),
                (lower, "r_samples", 0.9, _complement),
            ):
                value, low, high = map(of, _ends(at(found[key], 0, i)))
                ax.plot(k, value, color=colour, lw=width, label=name if key != "r_samples" else None)
                ax.fill_between(k, low, high, color=colour, alpha=0.15, lw=0)
        found = card["results"][card["methods"][0]]["spectra"]
        for j, (view, curves) in enumerate(in_order(found["r_views"], card["views"]).items()):
            k, r = numbers(found["wavenumber_per_mpc"]), numbers(curves[i])
            lower.plot(k, _complement(r), color=GREY, ls=_DASHES[j % len(_DASHES)], label=f"linear: {view}")
        upper.axhline(1.0, color=BLACK, lw=0.8, ls=":")
        upper.set(title=target, xscale="log")
        lower.set(yscale="log", xlabel=r"$k = 2\pi/\lambda$ [Mpc$^{-1}$]")
    axes[0, 0].set_ylabel("$b(k)$ of samples")
    axes[1, 0].set_ylabel("$1 - r(k)$")
    figure.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside right upper", fontsize=8.5)
    return figure


def _complement(r: np.ndarray) -> np.ndarray:
    """Return 1 - r; none is drawn below 1e-6, where rounding ends."""
    return np.maximum(1.0 - r, 1e-6)


@styled
def standardised(card: Card) -> Figure:
    """Draw the histogram of standardised errors of log10 of each map, before and after recalibration."""
    figure = new_figure(4.8 * len(card["targets"]), 3.9)
    axes = figure.subplots(1, len(card["targets"]), sharey=True, squeeze=False)[0]
    for i, (ax, target) in enumerate(zip(axes, card["targets"], strict=True)):
        for name in card["methods"]:
            found = card["results"][name]["standardised"]
            log10 = found["spaces"].index("log10")
            edges = numbers(found["histogram_edges"])
            spread = found["sd"]["value"][0][log10][i]
            label = name if spread is None else f"{name}: {spread:.2f}"
            ax.stairs(
                numbers(found["histogram"][log10][i]), edges, color=colour_of(card, name), lw=1.4, label=label
            )
        z = np.linspace(edges[0], edges[-1], 201)
        ax.plot(z, norm.pdf(z), color=BLACK, ls="--", lw=1.2)
        middle = 0.5 * (edges[1:] + edges[:-1])
        first = card["results"][card["methods"][0]]["standardised"]
        ax.plot(middle, numbers(first["expected_density"]), color=BLACK, ls=":", lw=1.2)
        ax.set(title=target, xlabel="(mean − truth) / sd, log10", xlim=(-4.0, 4.0), ylim=(0.0, None))
        ax.legend(fontsize=8, title="spread", title_fontsize=8, loc="upper left", bbox_to_anchor=(0.0, -0.18))
    axes[0].set_ylabel("probability density")
    return figure


@styled
def sample_convergence(card: Card) -> Figure:
    """Draw how the sample variance settles with the number of samples."""
    figure = new_figure(4.8 * len(card["targets"]), 3.7)
    axes = figure.subplots(1, len(card["targets"]), sharey=True, squeeze=False)[0]
    for i, (ax, target) in enumerate(zip(axes, card["targets"], strict=True)):
        for name in final_methods(card):
            found, colour = card["results"][name]["convergence"], colour_of(card, name)
            n = numbers(found["n"])
            ax.fill_between(
                n, numbers(found["low_95"][i]), numbers(found["high_95"][i]), color=colour, alpha=0.2, lw=0
            )
            ax.plot(
                n,
                numbers(found["median"][i]),
                color=colour,
                lw=1.6,
                label=f"{name}: {found['n_converged'][i]}",
            )
            ax.axvline(found["n_converged"][i], color=colour, lw=1.0, ls="--")
        ax.axhspan(1.0 - found["tolerance"], 1.0 + found["tolerance"], color=BAND, lw=0, zorder=0)
        ax.set(title=target, xlabel="samples $N$")
        ax.legend(fontsize=8.5, loc="lower right")
    axes[0].set_ylabel("variance of $N$ samples / of all")
    return figure


@styled
def ranks(card: Card) -> Figure:
    """Draw the rank distributions of all functionals inside their band, a row for each method."""
    methods = card["methods"]
    targets = list(dict.fromkeys(card["results"][methods[0]]["ranks"]["targets"]))
    figure = new_figure(3.5 * len(targets) + 0.6, 2.1 * len(methods) + 0.5)
    axes = figure.subplots(len(methods), len(targets), sharex=True, sharey=True, squeeze=False)
    for row, name in zip(axes, methods, strict=True):
        found = card["results"][name]["ranks"]
        fraction = numbers(found["fraction"])
        for ax, target in zip(row, targets, strict=True):
            ax.fill_between(
                fraction, numbers(found["band_low"]), numbers(found["band_high"]), color=BAND, lw=0
            )
            columns = (found[key] for key in ("targets", "inside", "ecdf_difference"))
            for of, inside, curve in zip(*columns, strict=True):
                if of == target:
                    colour, width = (_BLUE, 0.7) if inside else (_RED, 1.2)
                    ax.plot(fraction, numbers(curve), color=colour, lw=width, alpha=0.7)
        row[0].set_ylabel(name, fontsize=9)
    for ax, target in zip(axes[0], targets, strict=True):
        ax.set_title(target)
    figure.supxlabel("rank / number of samples", fontsize=10)
    figure.supylabel("distribution − uniform", fontsize=10)
    return figure


@styled
def joint(card: Card) -> Figure:
    """Draw the curves of the joint tests minus the diagonal, with their bands."""
    kinds = list(card["results"][card["methods"][0]]["tarp"])
    figure = new_figure(4.8 * len(kinds), 3.9)
    axes = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for ax, kind in zip(axes, kinds, strict=True):
        for name in card["methods"]:
            found, colour = card["results"][name]["tarp"][kind], colour_of(card, name)
            credibility = numbers(found["credibility"])
            curve, half = numbers(found["expected_coverage"]) - credibility, found["half_width_95"]
            ax.fill_between(credibility, curve - half, curve + half, color=colour, alpha=0.12, lw=0)
            ax.plot(credibility, curve, color=colour, lw=1.6, label=name)
        ax.axhline(0.0, color=BLACK, lw=0.8, ls=":")
        ax.set(title=f"{kind}, {found['dimensions']} dimensions", xlabel="credibility", xlim=(0.0, 1.0))
    axes[0].set_ylabel("expected coverage − credibility")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8.5)
    return figure


@styled
def coverage(card: Card) -> Figure:
    """Draw the coverage of M(<R) against radius: a row for each mass bin, a column for each map."""
    bins = card["results"][card["methods"][0]]["bins"]
    figure = new_figure(4.2 * len(card["targets"]) + 1.6, 2.5 * len(bins) + 0.5)
    axes = figure.subplots(len(bins), len(card["targets"]), sharex=True, sharey=True, squeeze=False)
    for b, row in enumerate(axes):
        for i, ax in enumerate(row):
            _draw_coverage(ax, card, b, i)
        row[0].set_ylabel(f"{bins[b]['name']}\ninside [%]")
    for ax, target in zip(axes[0], card["targets"], strict=True):
        ax.set_title(target)
    for ax in axes[-1]:
        ax.set(xlabel="$R$ [Mpc]", xscale="log")
        plain_log_axis(ax)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right upper", fontsize=8.5)
    return figure


def _draw_coverage(ax: Axes, card: Card, b: int, i: int) -> None:
    names: Sequence[str] = card["methods"]
    for j, name in enumerate(names):
        found = card["results"][name]["coverage"]
        # A few per cent aside, so that bars of one radius do not hide each other.
        radius = numbers(found["radii_mpc"]) * 1.04 ** (j - 0.5 * (len(names) - 1))
        for level, promise in enumerate(found["levels"]):
            value, reach = reach_of(at(found["cylinder_mass"], b, level, i), 100.0)
            label = name if level == 0 else None
            ax.errorbar(
                radius, value, yerr=reach, fmt="o", ms=4, lw=1.1, color=colour_of(card, name), label=label
            )
            if j == 0:
                low, high = (100.0 * (promise + sign * TOLERANCE) for sign in (-1.0, 1.0))
                ax.axhspan(low, high, color=BAND, lw=0, zorder=0)
    ax.set_ylim(0.0, 103.0)
