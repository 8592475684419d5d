"""The figures of a map scorecard: each function reads the card, returns a matplotlib Figure and leaves nothing behind.

A colour stands for the views that a method is given, a line style for its family: networks solid, subsets of the one
network of any views dash-dotted, linear maps dashed, the mean profile dotted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zwicky.evaluation.mapping.comparison import (
    MEAN_PROFILE,
    is_baseline,
    is_subset,
    main_methods,
    single_view,
)
from zwicky.evaluation.mapping.judge import EVERYTHING
from zwicky.evaluation.mapping.summary import Card, block_of, mass_groups
from zwicky.evaluation.plots import COLOURS, GREY, MARKERS, new_figure, plain_log_axis, styled

BLACK: Final = "#000000"
_BLUE, _RED, _GREEN, _PINK, _ORANGE, _SKY = COLOURS
_COLOUR_OF: Final = {
    "sz": _BLUE, "xray": _GREEN, "star": _ORANGE, "multi1": _RED, "multi3": _PINK, "any": _SKY, "all": BLACK,
    "multi1_plain": "#999933", "pix2pix": "#7A5230", MEAN_PROFILE: GREY,
}  # fmt: skip
_SHOWN_DIFFERENCE: Final = 0.5
"""Half of the range of the histograms of the relative difference."""
COVERAGE_TOLERANCE: Final = 0.03
"""Coverage within three points of the promise passes."""
_SMALLEST_MMD: Final = 1e-7
"""Below this, single precision of the kernels is all that is measured."""
_APERTURE_TITLES: Final = {"map": "whole map", "r500": "$R < R_{500}$", "half_r500": "$R < R_{500}/2$"}


class Look(NamedTuple):
    """How a method is drawn."""

    colour: str
    marker: str
    line: str


def looks(methods: Sequence[str]) -> dict[str, Look]:
    """Return the look of each method: the same in every figure of one card."""
    found = {}
    for i, name in enumerate(methods):
        views = name.removeprefix("linear: ").split(", ")[0] if is_baseline(name) else single_view(name)
        colour = _COLOUR_OF.get(views, COLOURS[i % len(COLOURS)])
        line = (
            ":" if name == MEAN_PROFILE else "--" if is_baseline(name) else "-." if is_subset(name) else "-"
        )
        found[name] = Look(colour, MARKERS[i % len(MARKERS)], line)
    return found


def reference_baseline(card: Card) -> str | None:
    """Return the baseline that stands in the background: the linear map of all views, or the first there is."""
    baselines = [name for name in card["methods"] if is_baseline(name)]
    return "linear: all" if "linear: all" in baselines else next(iter(baselines), None)


def _shown(card: Card, methods: Sequence[str] | None) -> list[str]:
    return list(methods) if methods is not None else main_methods(card["methods"]) or list(card["methods"])


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    """Return numbers with NaN, which is not drawn, for those that are not defined."""
    return np.array(values, float)


@styled
def difference_histograms(card: Card, methods: Sequence[str] | None = None) -> Figure:
    """Draw the histogram of the relative difference of pixels in the three apertures.

    Parameters
    ----------
    card : dict
        From ``build_map_scorecard``.
    methods : list of str, optional
        Those to draw; the networks by default.
    """
    figure = new_figure(12.0, 4.6)
    edges = np.array(card["histogram_edges"])
    look = looks(card["methods"])
    for ax, (which, title) in zip(figure.subplots(1, 3), _APERTURE_TITLES.items(), strict=True):
        for name in _shown(card, methods):
            numbers = block_of(card, name)["pixels"][which]
            median, plus, minus = (100.0 * numbers[key]["value"] for key in ("median", "plus", "minus"))
            label = f"{name}: ${median:.1f}^{{+{plus:.1f}}}_{{-{minus:.1f}}}$ %"
            ax.stairs(
                _numbers(card["results"][name]["histogram"][which]), edges, color=look[name].colour,
                ls=look[name].line, lw=1.6, label=label,
            )  # fmt: skip
        ax.axvline(0.0, color=BLACK, lw=0.8, ls=":")
        ax.set(title=title, xlim=(-_SHOWN_DIFFERENCE, _SHOWN_DIFFERENCE), ylim=(0.0, None))
        ax.set_xlabel("(predicted − true) / true")
        ax.legend(loc="upper left", bbox_to_anchor=(0.0, -0.2), fontsize=8.5, ncols=2)
    figure.axes[0].set_ylabel("probability density")
    return figure


@styled
def bias_profiles(card: Card, which: str = "cylinder", methods: Sequence[str] | None = None) -> Figure:
    """Draw the error of the mass against radius: a row for each mass interval, a column for each method.

    Parameters
    ----------
    card : dict
    which : {"cylinder", "annulus"}
        The mass within each radius, or between two.
    methods : list of str, optional
        The columns; the networks by default.
    """
    names, groups = _shown(card, methods), _rows(card)
    look, behind = looks(card["methods"]), reference_baseline(card)
    edges = np.array(card["radii_r200c"])
    radii = edges if which == "cylinder" else 0.5 * (edges[1:] + edges[:-1])
    figure = new_figure(1.2 + 1.75 * len(names), 0.8 + 1.9 * len(groups))
    axes = figure.subplots(len(groups), len(names), sharex=True, sharey=True, squeeze=False)
    for row, group in zip(axes, groups, strict=True):
        for ax, name in zip(row, names, strict=True):
            if behind is not None:
                _draw_band(ax, radii, block_of(card, behind, group)[which], Look(GREY, "", "--"), 0.15)
            _draw_band(ax, radii, block_of(card, name, group)[which], look[name], 0.3)
            ax.axhline(0.0, color=BLACK, lw=0.8, ls=":")
        row[0].set_ylabel(f"{_group_label(group)}\nerror of the mass [%]")
    for ax, name in zip(axes[0], names, strict=True):
        ax.set_title(name)
    for ax in axes[-1]:
        ax.set(xlabel="$R / R_{200}$", xlim=(0.0, 1.02))
    axes[0, 0].set_ylim(*_limits([block_of(card, name, g)[which] for name in names for g in groups]))
    return figure


def _rows(card: Card) -> list[str]:
    return [group["name"] for group in mass_groups(card)] or [EVERYTHING]


def _group_label(name: str) -> str:
    return "all" if name == EVERYTHING else name.replace("-", r"–")


def _draw_band(
    ax: Axes, x: np.ndarray, band: Mapping[str, Any], look: Look, alpha: float, unit: float = 100.0
) -> None:
    low, median, high = (unit * _numbers(band[key]) for key in ("low", "median", "high"))
    ax.fill_between(x, low, high, color=look.colour, alpha=alpha, lw=0)
    ax.plot(x, median, color=look.colour, ls=look.line, lw=1.8)


def _limits(bands: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Return symmetric limits [percent] that hold all bands but the worst twentieth of their points."""
    ends = np.concatenate([_numbers(band[key]) for band in bands for key in ("low", "high")])
    reach = 1.15 * 100.0 * float(np.quantile(np.abs(ends[np.isfinite(ends)]), 0.95))
    return (-reach, reach) if reach > 0.0 else (-1.0, 1.0)


@styled
def power(card: Card, methods: Sequence[str] | None = None) -> Figure:
    """Draw the power of true and predicted maps, and its relative error, against wavelength by mass interval."""
    names, groups = _shown(card, methods), _rows(card)
    look, scales = looks(card["methods"]), np.array(card["scales"])
    figure = new_figure(1.0 + 3.6 * len(groups), 6.2)
    top, bottom = figure.subplots(
        2, len(groups), sharex=True, sharey="row", squeeze=False, height_ratios=(1.2, 1.0)
    )
    for upper, lower, group in zip(top, bottom, groups, strict=True):
        upper.plot(scales, _numbers(card["truth"][group]["power"]), color=BLACK, lw=2.4, label="truth")
        for name in names:
            block = block_of(card, name, group)
            upper.plot(
                scales,
                _numbers(block["power"]),
                color=look[name].colour,
                ls=look[name].line,
                lw=1.3,
                label=name,
            )
            _draw_band(lower, scales, block["power_ratio"], look[name], 0.08)
        lower.axhline(0.0, color=BLACK, lw=0.8, ls=":")
        upper.set(title=_group_label(group), xscale="log", yscale="log")
        _scale_axis(lower, card)
    top[0].set_ylabel(r"$P(k)$ [(M$_\odot$ Mpc$^{-2}$ pixel)$^2$]")
    bottom[0].set_ylabel("power, error [%]")
    bottom[0].set_ylim(-105.0, min(200.0, 100.0 * _highest_ratio(card, names, groups)))
    top[-1].legend(fontsize=8.5)
    return figure


def _highest_ratio(card: Card, names: Sequence[str], groups: Sequence[str]) -> float:
    high = np.concatenate(
        [_numbers(block_of(card, n, g)["power_ratio"]["high"]) for n in names for g in groups]
    )
    return 0.3 + 1.1 * max(0.0, float(np.nanmax(high, initial=0.0)))


def _scale_axis(ax: Axes, card: Card) -> None:
    unit = "$R_{200}$" if card["length_unit"] == "R200c" else card["length_unit"]
    ax.set(xscale="log", xlabel=f"$L = 2\\pi/k$ [{unit}]")
    plain_log_axis(ax)
    if not ax.xaxis_inverted():
        ax.invert_xaxis()


@styled
def correlation(card: Card, methods: Sequence[str] | None = None) -> Figure:
    """Draw 1 - r(k) and b(k) of networks and baselines against wavelength, and r(k) of the bare views."""
    names = _shown(card, methods)
    names = names + [name for name in card["methods"] if is_baseline(name) and name not in names]
    look, scales = looks(card["methods"]), np.array(card["scales"])
    figure = new_figure(11.5, 5.4)
    left, right = figure.subplots(1, 2)
    for name in names:
        block = block_of(card, name)
        _draw_estimates(left, scales, _complement(block["r"]), look[name], name)
        _draw_estimates(right, scales, block["b"], look[name], name)
    for name, groups in card["views"].items():
        bare = Look(_COLOUR_OF.get(name, GREY), "", ":")
        _draw_estimates(left, scales, _complement(groups[EVERYTHING]), bare, f"bare view: {name}")
    for ax in (left, right):
        _scale_axis(ax, card)
    left.set(ylabel="$1 - r(k)$", yscale="log")
    right.set(ylabel="$b(k)$", ylim=(0.0, 1.6))
    right.axhline(1.0, color=BLACK, lw=0.8, ls=":")
    figure.legend(*left.get_legend_handles_labels(), loc="outside right upper", fontsize=8.5)
    return figure


def _complement(estimate: Mapping[str, Any]) -> dict[str, Any]:
    """Return 1 minus an estimate; none of it is drawn below 1e-6, where rounding ends."""
    ends = {"value": "value", "low_68": "high_68", "high_68": "low_68"}
    return {key: np.maximum(1.0 - _numbers(estimate[other]), 1e-6) for key, other in ends.items()}


def _draw_estimates(ax: Axes, x: np.ndarray, estimate: Mapping[str, Any], look: Look, label: str) -> None:
    value, low, high = (_numbers(estimate[key]) for key in ("value", "low_68", "high_68"))
    ax.plot(x, value, color=look.colour, ls=look.line, lw=1.6, label=label)
    ax.fill_between(x, low, high, color=look.colour, alpha=0.2, lw=0)


@styled
def discrepancy(card: Card, methods: Sequence[str] | None = None) -> Figure | None:
    """Draw the MMD of each method by mass interval, with the lines of the noise ladder; None without intervals."""
    names, behind = _shown(card, methods), reference_baseline(card)
    if methods is None and behind is not None and behind not in names:
        names = [*names, behind]
    groups, look = mass_groups(card), looks(card["methods"])
    if not groups:
        return None
    figure = new_figure(10.5, 5.0)
    ax = figure.subplots()
    for i, group in enumerate(groups):
        _draw_noise_lines(ax, i, card["truth"][group["name"]])
    drawn: list[float] = []
    for j, name in enumerate(names):
        values = _numbers([block_of(card, name, group["name"])["mmd"]["value"] for group in groups])
        x = np.arange(len(groups)) + 0.8 * ((j + 0.5) / len(names) - 0.5)
        ax.plot(x, values, look[name].marker, color=look[name].colour, ms=8, label=name)
        drawn += values.tolist()
    ax.set_xticks(range(len(groups)), [f"{_group_label(g['name'])}\nn = {g['n_rows']}" for g in groups])
    # An unbiased estimate may come out below zero: there, and below the line of 2 %, the scale is linear.
    linear = max([card["truth"][g["name"]]["noise_lines"]["0.02"] or 0.0 for g in groups] + [_SMALLEST_MMD])
    ax.set_yscale("symlog", linthresh=linear)
    ax.set_ylim(min(-linear, 2.0 * float(np.nanmin(drawn, initial=0.0))), None)
    ax.set(
        xlabel=r"$\log_{10}(M_{200c}\,/\,\mathrm{M}_\odot)$", ylabel="MMD$^2$", xlim=(-0.6, len(groups) - 0.3)
    )
    figure.legend(*ax.get_legend_handles_labels(), loc="outside right upper", fontsize=9)
    return figure


def _draw_noise_lines(ax: Axes, i: int, truth: Mapping[str, Any]) -> None:
    """Draw the rungs of the ladder at one mass interval, and what two halves of the truth differ by."""
    for sigma, value in truth["noise_lines"].items():
        if value is not None:
            ax.plot([i - 0.45, i + 0.45], [value, value], color=GREY, lw=1.0, ls="--")
            ax.annotate(f"{100 * float(sigma):g} %", (i + 0.45, value), fontsize=8, color=GREY, va="center")
    if truth["halves"] is not None:
        ax.plot([i - 0.45, i + 0.45], [truth["halves"]] * 2, color=BLACK, lw=1.0, ls=":")


@styled
def mass_coverage(card: Card) -> Figure | None:
    """Draw the coverage of M(<R) against R for every group of maps; None if no method has intervals."""
    names = [name for name in card["methods"] if block_of(card, name)["mass_coverage"] is not None]
    if not names:
        return None
    groups, look = card["groups"], looks(card["methods"])
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure = new_figure(3.6 * columns + 1.6, 2.7 * rows + 0.5)
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for ax, group in zip(axes, groups, strict=False):
        for nominal in (0.68, 0.95):
            low, high = (100.0 * (nominal + sign * COVERAGE_TOLERANCE) for sign in (-1.0, 1.0))
            ax.axhspan(low, high, color="#e3e3e3", lw=0, zorder=0)
        for name in names:
            radii = np.array(card["results"][name]["coverage_radii"])
            for level, estimate in block_of(card, name, group["name"])["mass_coverage"].items():
                scaled = {key: 100.0 * _numbers(estimate[key]) for key in ("value", "low_68", "high_68")}
                _draw_estimates(ax, radii, scaled, look[name], name if level == "68" else "")
        ax.set_title(f"{_group_label(group['name'])}, {group['n_parents']} parents")
    for ax in axes[len(groups) :]:
        ax.set_axis_off()
    figure.supxlabel(
        f"$R$ [{'$R_{200}$' if card['length_unit'] == 'R200c' else card['length_unit']}]", fontsize=10
    )
    figure.supylabel("true M(<R) inside its interval [%]", fontsize=10)
    figure.legend(*_named(axes[0]), loc="outside right upper", fontsize=9)
    return figure


def _named(ax: Axes) -> tuple[list[Any], list[str]]:
    pairs = [(handle, label) for handle, label in zip(*ax.get_legend_handles_labels(), strict=True) if label]
    return [handle for handle, _ in pairs], [label for _, label in pairs]
