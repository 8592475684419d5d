"""The figures of a microwave scorecard, after figures 3 to 6 of Gupta & Reichardt 2020: each reads the card only.

A colour and a marker stand for one method in every figure, or for one set where only one method is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from scipy.stats import norm

from zwicky.evaluation.microwave.records import (
    EXTRAPOLATED,
    INTERPOLATED,
    NO_SCATTER,
    REALISTIC,
    SCATTER_ON_M,
    SCATTER_ON_Y,
    TRAINED,
)
from zwicky.evaluation.microwave.summary import E14, Card, mass_text, rate_text, result_of
from zwicky.evaluation.page import number
from zwicky.evaluation.plots import COLOURS, GREY, MARKERS, new_figure, styled

BLACK: Final = "#000000"
_BAND: Final = "#e3e3e3"
_TWO_ORDERS: Final = 0.01
_SCATTER_SETS: Final = {
    NO_SCATTER: "no SZ scatter", SCATTER_ON_Y: "scatter on Y", SCATTER_ON_M: "scatter on M",
}  # fmt: skip
_SNR_SETS: Final = (TRAINED, NO_SCATTER, SCATTER_ON_Y, REALISTIC)
_LINEAR_PULLS: Final = 6.0
_LEAST_MAPS: Final = 20
"""An S/N bin with fewer maps is in the table but not in the figure."""


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    """Return numbers with NaN, which is not drawn, for those that are not defined."""
    return np.array(values, float)


def _column(rows: Sequence[Mapping[str, Any]], name: str, key: str = "value") -> np.ndarray:
    return _numbers([row[name][key] for row in rows])


def _look(card: Card, method: str) -> dict[str, Any]:
    number = list(card["methods"]).index(method)
    return {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}


def _offset(card: Card, method: str, step: float) -> float:
    """Return how far the points of a method are moved sideways, so that they do not hide each other."""
    return step * (list(card["methods"]).index(method) - 0.5 * (len(card["methods"]) - 1))


@styled
def trained_masses(card: Card) -> Figure:
    """Draw estimated against true mass at the trained masses, and the pulls below."""
    return _mass_figure(card, {TRAINED: True}, shaded=False)


@styled
def other_masses(card: Card) -> Figure | None:
    """Draw the same between (filled) and beyond (open) the trained masses, whose range is shaded; None without them."""
    sets = {
        name: filled for name, filled in ((INTERPOLATED, True), (EXTRAPOLATED, False)) if name in card["sets"]
    }
    return _mass_figure(card, sets, shaded=True) if sets else None


def _mass_figure(card: Card, sets: Mapping[str, bool], *, shaded: bool) -> Figure:
    """Draw sets of chosen masses; the value of a set says whether its markers are filled."""
    figure = new_figure(7.0, 6.8)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2.6, 1.0))
    for name, filled in sets.items():
        for method in card["methods"]:
            label = f"{method}: {name}" if len(sets) > 1 else method
            _draw_masses(top, bottom, card, result_of(card, name, method)["by_mass"], method, filled, label)
    low, high = (E14 * mass for mass in card["trained_range_msun"])
    right = 1.06 * max([high, *(E14 * mass for name in sets for mass in _masses_of(card, name))])
    top.plot([0.0, right], [0.0, right], color=BLACK, lw=1.0, ls="--", label="truth")
    bottom.axhspan(-1.0, 1.0, color=_BAND, lw=0, zorder=0)
    bottom.axhline(0.0, color=BLACK, lw=1.0, ls="--")
    if shaded:
        top.axvspan(low, high, color="#eef3f8", lw=0, zorder=0, label="trained range")
        for edge in (low, high):
            bottom.axvline(edge, color=GREY, lw=0.8, ls=":")
    top.set(ylabel="estimated $M_{200c}$ [$10^{14}$ M$_\\odot$]", xlim=(0.0, right))
    top.set_ylim(0.0, None)
    top.legend(loc="upper left", fontsize=9)
    bottom.set(xlabel="true $M_{200c}$ [$10^{14}$ M$_\\odot$]", ylabel="(median − true) / σ")
    reach = 1.2 * max(1.3, float(np.nanmax(np.abs(_limits(bottom)), initial=0.0)))
    if reach > _LINEAR_PULLS:  # pulls of a method that has saturated: those within one stay readable
        bottom.set_yscale("symlog", linthresh=2.0)
        bottom.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        reach *= 1.5
    bottom.set_ylim(-reach, reach)
    return figure


def _masses_of(card: Card, name: str) -> list[float]:
    return [row["true_msun"] for row in result_of(card, name, card["methods"][0])["by_mass"]]


def _limits(ax: Axes) -> np.ndarray:
    """Return the y values of the points that were drawn."""
    drawn = [np.asarray(line.get_ydata(), float) for line in ax.lines]
    return np.concatenate([values for values in drawn if values.size] or [np.zeros(1)])


def _draw_masses(
    top: Axes,
    bottom: Axes,
    card: Card,
    rows: Sequence[Mapping[str, Any]],
    method: str,
    filled: bool,
    label: str,
) -> None:
    true = E14 * _numbers([row["true_msun"] for row in rows]) + _offset(card, method, 0.12)
    low, median, high = (E14 * _column(rows, f"{which}_msun") for which in ("low", "median", "high"))
    look = _look(card, method) | {"ls": "none", "ms": 6.0}
    if not filled:
        look["mfc"] = "white"
    top.errorbar(
        true, median, yerr=np.stack([median - low, high - median]), capsize=2.5, lw=1.3, label=label, **look
    )
    bottom.plot(true, _column(rows, "pull"), **look)


@styled
def profile(card: Card) -> Figure:
    """Draw the mean true SZ profile, and below on a logarithmic scale its size and that of predicted minus true."""
    block = card["residual"]
    radius, signal, residual, error = (
        np.array(block[name]) for name in ("radius_arcmin", "signal_uk", "residual_uk", "error_uk")
    )
    figure = new_figure(6.6, 6.4)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1.0, 1.6))
    top.plot(radius, signal, color=BLACK, lw=1.8, label="true")
    top.plot(radius, signal + residual, color=COLOURS[1], ls="--", lw=1.8, label="predicted")
    top.set_ylabel("mean ΔT at 150 GHz [µK]")
    top.legend()
    peak = float(np.abs(signal).max())
    bottom.plot(radius, np.abs(signal), color=BLACK, lw=1.8, label="|true|")
    _draw_residual(bottom, radius, residual, error)
    bottom.axhline(_TWO_ORDERS * peak, color=GREY, lw=1.2, ls="--", label="greatest signal / 100")
    rms = block["fractions"]["rms"]
    if rms > 0.0:
        bottom.axhline(
            rms * peak, color=COLOURS[0], lw=1.0, ls=":", label=f"rms: {100 * rms:.2g} % of the peak"
        )
    sizes = np.abs(np.concatenate([signal, residual]))
    bottom.set(xlabel="radius [arcmin]", ylabel="size [µK]", yscale="log")
    bottom.set_ylim(max(1e-6 * peak, 0.5 * sizes[sizes > 0.0].min()), 2.0 * peak)
    bottom.legend(loc="upper left", bbox_to_anchor=(0.0, -0.2), ncols=2, fontsize=9)
    return figure


def _draw_residual(ax: Axes, radius: np.ndarray, residual: np.ndarray, error: np.ndarray) -> None:
    signs = ((residual < 0.0, COLOURS[0], "too much"), (residual > 0.0, "white", "too little"))
    for chosen, face, word in signs:
        if not chosen.any():
            continue
        size = np.abs(residual[chosen])
        # A bar may not reach zero, which a logarithmic axis does not have.
        bars = np.stack([np.minimum(error[chosen], 0.999 * size), error[chosen]])
        ax.errorbar(
            radius[chosen], size, yerr=bars, fmt="o", ms=5.5, mfc=face, color=COLOURS[0], capsize=2.0, lw=1.1,
            label=f"|predicted − true|: {word} decrement",
        )  # fmt: skip


@styled
def scatter_histograms(card: Card) -> Figure | None:
    """Draw ln(M_est / M_true) with Gaussian fits, a row for each method; None without a set to draw.

    Left: without SZ scatter, and with it on Y and on M. Right: realistic clusters before and after rescaling.
    """
    scattered = {name: text for name, text in _SCATTER_SETS.items() if name in card["sets"]}
    columns = [part for part in (scattered, {REALISTIC: ""} if REALISTIC in card["sets"] else {}) if part]
    if not columns:
        return None
    methods = card["methods"]
    figure = new_figure(0.6 + 5.2 * len(columns), 0.4 + 3.1 * len(methods))
    axes = figure.subplots(len(methods), len(columns), squeeze=False, sharex=True, sharey="row")
    for row, method in zip(axes, methods, strict=True):
        for ax, part in zip(row, columns, strict=True):
            if REALISTIC in part:
                _draw_rescaling(ax, card, method)
            else:
                for i, (name, text) in enumerate(part.items()):
                    _draw_fit(ax, card, result_of(card, name, method), "", text, COLOURS[i])
            ax.axvline(0.0, color=BLACK, lw=0.8, ls=":")
            ax.set_title(f"{method}: {'realistic clusters' if REALISTIC in part else 'round clusters'}")
            ax.legend(loc="upper left", fontsize=8)
        row[0].set_ylabel("probability density")
        row[0].set_ylim(0.0, 1.6 * row[0].get_ylim()[1])
    reach = _reach(card, [name for part in columns for name in part])
    axes[0, 0].set_xlim(-reach, reach)
    for ax in axes[-1]:
        ax.set_xlabel(r"$\ln(M_\mathrm{est}\,/\,M_\mathrm{true})$")
    return figure


def _draw_rescaling(ax: Axes, card: Card, method: str) -> None:
    block = card["sets"][REALISTIC]
    result = result_of(card, REALISTIC, method)
    if block["is_rescaled"]:
        _draw_fit(ax, card, result, "_raw", "as estimated", GREY)
    label = f"times r = {number(block['rescaling']['mean'], 3)}" if block["is_rescaled"] else "as estimated"
    _draw_fit(ax, card, result, "", label, COLOURS[3])


def _draw_fit(ax: Axes, card: Card, result: Mapping[str, Any], suffix: str, label: str, colour: str) -> None:
    fit, edges = result[f"ln_ratio{suffix}"], np.array(card["ln_edges"])
    mean, sd = fit["mean"]["value"], fit["sd"]["value"]
    text = f"{label}: {number(mean, 3)}, sd {number(sd, 3)}"
    ax.stairs(result[f"histogram{suffix}"], edges, color=colour, lw=1.3, label=text)
    if sd is not None and sd > 0.0:
        x = np.linspace(edges[0], edges[-1], 801)
        ax.plot(x, norm.pdf(x, mean, sd), color=colour, lw=1.8, alpha=0.8)


def _reach(card: Card, names: Sequence[str]) -> float:
    """Return where the axes end: beyond 4 sd of the widest distribution of these sets, of the estimates as they are."""
    fits = [
        result[which]
        for name in names
        for result in card["sets"][name]["results"].values()
        for which in ("ln_ratio", "ln_ratio_raw")
    ]
    ends = [
        abs(fit["mean"]["value"]) + 4.0 * fit["sd"]["value"] for fit in fits if fit["sd"]["value"] is not None
    ]
    return float(np.clip(max(ends, default=1.0), 0.2, card["ln_edges"][-1]))


@styled
def scatter_by_snr(card: Card) -> Figure | None:
    """Draw the scatter of each method in bins of S/N, and its ratio to the baseline's; None without filled bins."""
    bins = {
        name: [one for one in card["sets"][name]["snr"] if one["n_rows"] >= _LEAST_MAPS]
        for name in _SNR_SETS
        if name in card["sets"]
    }
    bins = {name: rows for name, rows in bins.items() if rows}
    if not bins:
        return None
    figure = new_figure(1.0 + 3.3 * len(bins), 6.0)
    top, bottom = figure.subplots(
        2, len(bins), sharex="col", sharey="row", squeeze=False, height_ratios=(1.3, 1.0)
    )
    for upper, lower, (name, rows) in zip(top, bottom, bins.items(), strict=True):
        for method in card["methods"]:
            scatter = [one["methods"][method]["scatter"] for one in rows]
            _draw_bars(upper, card, method, scatter)
            if method != card["baseline"]:
                _draw_bars(lower, card, method, [one["ratios"][method]["scatter"] for one in rows])
        lower.axhline(1.0, color=BLACK, lw=1.0, ls="--")
        upper.set_title(_SCATTER_SETS.get(name, name))
        labels = [f"{one['low']:g}–{one['high']:g}\nn = {one['n_rows']}" for one in rows]
        lower.set_xticks(range(len(rows)), labels, fontsize=8)
        lower.set(xlabel="matched-filter S/N, as observed", xlim=(-0.6, len(rows) - 0.4))
    top[0].set_ylabel(r"scatter of $\ln(M_\mathrm{est}/M_\mathrm{true})$")
    top[0].set_ylim(0.0, None)
    bottom[0].set_ylabel(f"over that of the\n{card['baseline']}")
    figure.legend(*top[0].get_legend_handles_labels(), loc="outside upper left", ncols=len(card["methods"]))
    return figure


def _draw_bars(ax: Axes, card: Card, method: str, estimates: Sequence[Mapping[str, Any]]) -> None:
    """Draw values with their 95 % intervals, side by side with those of the other methods."""
    value, low, high = (_numbers([one[key] for one in estimates]) for key in ("value", "low_95", "high_95"))
    bars = np.nan_to_num(np.stack([value - low, high - value]), nan=0.0)
    x = np.arange(len(value)) + _offset(card, method, 0.16)
    ax.errorbar(
        x, value, yerr=np.maximum(bars, 0.0), ls="none", ms=5.5, capsize=2.5, lw=1.3, label=method,
        **_look(card, method),
    )  # fmt: skip


@styled
def empty_skies(card: Card) -> Figure:
    """Draw the masses that each method gives to skies without a cluster, and the threshold."""
    block = card["empty"]
    edges, methods = E14 * np.array(block["edges_msun"]), block["methods"]
    figure = new_figure(7.0, 4.2)
    ax = figure.subplots()
    for name in card["methods"]:
        one = methods[name]
        label = f"{name}: {rate_text(one)} % above it"
        ax.stairs(
            np.array(one["histogram"]) / one["n"],
            edges,
            color=_look(card, name)["color"],
            lw=1.7,
            label=label,
        )
    threshold = block["threshold_msun"]
    ax.axvline(
        E14 * threshold, color=BLACK, lw=1.2, ls="--", label=f"threshold: {mass_text(threshold)}e14 Msun"
    )
    ax.set(
        xlabel="estimated $M_{200c}$ [$10^{14}$ M$_\\odot$]; 0 or less: none seen",
        ylabel="fraction of empty skies",
    )
    ax.set_ylim(0.0, 1.35 * ax.get_ylim()[1])
    ax.legend(loc="upper left", fontsize=9)
    return figure
