"""Figures that need no more than a scorecard of photons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from zwicky.evaluation.plots import COLOURS, new_figure, styled
from zwicky.evaluation.scorecard import COVERAGES
from zwicky.evaluation.xray.blocks import SCATTER, by_method
from zwicky.evaluation.xray.plots import BLACK, bars, look
from zwicky.evaluation.xray.results import CLASSICAL, NETWORK

Block = Mapping[str, Any]

AXES: Final = {
    "log10_mass": r"$\log_{10} M_{500c}$",
    "redshift": "redshift",
    "counts": "photons",
    "snr": "S/N",
}
"""Of bins, and what is written below."""

_TOLERANCE: Final = 0.03


def all_ratios(card: Block) -> Iterator[tuple[str, Block]]:
    """Yield each ratio of a network's scatter to that of another method, with its name."""
    blocks = {"folds": card["folds"], "ensemble": card["ensemble"], **card["improved"]}
    for part, block in blocks.items():
        for other, ratios in by_method(block, "ratios").items() if block is not None else ():
            yield f"{part}: over {other}", ratios[SCATTER]


@styled
def ratios(card: Block) -> Figure | None:
    """Draw each scatter over that of another method, with 68 and 95 %; None if there is none."""
    found = list(all_ratios(card))
    if not found:
        return None
    figure = new_figure(6.8, 0.9 + 0.42 * len(found))
    ax = figure.subplots()
    y = np.arange(len(found))
    for percent, width in ((95, 1.0), (68, 2.6)):
        value, reach = bars([ratio for _, ratio in found], percent)
        ax.errorbar(value, y, xerr=reach, ls="none", marker="o", ms=6, color=COLOURS[0], lw=width)
    ax.axvline(1.0, color=BLACK, lw=1.0, ls="--")
    ax.set_yticks(y, [name for name, _ in found])
    ax.set(xlabel="scatter over that of the other method", ylim=(len(found) - 0.5, -0.5))
    return figure


@styled
def scatter_in_bins(block: Block, axes: Sequence[str]) -> Figure:
    """Draw the scatter of each method in bins, one panel for each axis of the bins.

    Parameters
    ----------
    block : dict
        One part of a scorecard.
    axes : sequence of str
        Among ``AXES``.
    """
    figure = new_figure(max(7.2, 1.0 + 3.4 * len(axes)), 4.0)
    panels = figure.subplots(1, len(axes), sharey=True, squeeze=False)[0]
    for ax, axis in zip(panels, axes, strict=True):
        for i, (name, tables) in enumerate(by_method(block, "bins").items()):
            value, reach = bars([one[SCATTER] for one in tables[axis]])
            x = np.arange(len(value)) + 0.14 * (i - 0.5 * (len(block["bins"]) - 1))
            ax.errorbar(x, value, yerr=reach, ls="none", capsize=2.5, lw=1.3, label=name, **look(i))
        _name_bins(ax, tables[axis], AXES[axis])
    panels[0].set(ylabel="standard deviation [dex]")
    panels[0].set_ylim(0.0, None)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=len(block["bins"]))
    return figure


def _name_bins(ax: Any, rows: Sequence[Block], label: str) -> None:
    ends = [f"{one['low']:g}" + ("+" if one["high"] is None else f"–{one['high']:g}") for one in rows]
    ax.set_xticks(range(len(rows)), ends, fontsize=8, rotation=60 if len(rows) > 5 else 0)
    ax.set(xlabel=label, xlim=(-0.6, len(rows) - 0.4))


@styled
def coverage_by_snr(block: Block) -> Figure:
    """Draw how often the intervals of each method hold the truth, in bins of the S/N."""
    figure = new_figure(6.4, 4.2)
    ax = figure.subplots()
    n_methods = len(block["bins"])
    for promise in COVERAGES.values():
        ax.axhspan(promise - _TOLERANCE, promise + _TOLERANCE, color="#e3e3e3", lw=0, zorder=0)
        ax.axhline(promise, color=BLACK, lw=1.0, ls="--")
    for i, (name, tables) in enumerate(by_method(block, "bins").items()):
        rows = tables["snr"]
        for key, face in zip(COVERAGES, (COLOURS[i % len(COLOURS)], "white"), strict=True):
            value, reach = bars([one[key] for one in rows])
            x = np.arange(len(rows)) + 0.14 * (i - 0.5 * (n_methods - 1))
            label = f"{name}, {key.removeprefix('coverage_')} %"
            ax.errorbar(
                x, value, yerr=reach, ls="none", capsize=2.5, lw=1.3, mfc=face, label=label, **look(i)
            )
    _name_bins(ax, rows, AXES["snr"])
    ax.set(ylabel="truth inside the interval", ylim=(0.0, 1.05))
    ax.legend(loc="lower right", fontsize=9, ncols=n_methods)
    return figure


@styled
def scatter_against_counts(variants: Sequence[Block]) -> Figure:
    """Draw the scatter of each method against the number of photons that images were thinned to."""
    figure = new_figure(6.4, 4.2)
    ax = figure.subplots()
    x = np.array([one["value"] for one in variants], float)
    for i, name in enumerate((NETWORK, CLASSICAL)):
        value, reach = bars([one["results"][name][SCATTER] for one in variants])
        ax.errorbar(x, value, yerr=reach, ls="-", capsize=2.5, lw=1.3, label=name, **look(i))
    ax.set(xlabel="photons of the cluster", ylabel="standard deviation [dex]", xscale="log")
    ax.set_ylim(0.0, 1.3 * ax.get_ylim()[1])
    ax.legend(loc="upper right")
    return figure
