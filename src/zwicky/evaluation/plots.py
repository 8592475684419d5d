"""The figures of the report: each function returns a matplotlib Figure and leaves nothing behind.

No pyplot, no global state, and the reader's own matplotlibrc does not count. Colours are those of Okabe & Ito
(2008), which colour-blind readers can tell apart; methods differ in their marker too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Literal

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter, StrMethodFormatter
from scipy.stats import norm

from zwicky.core.errors import MapError
from zwicky.evaluation.bootstrap import effective_parents
from zwicky.evaluation.records import LEVELS, MassTest
from zwicky.evaluation.scorecard import COVERAGE_TOLERANCE_BIN, COVERAGES

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS: Final = ("o", "s", "^", "D", "v", "P")
GREY: Final = "#666666"

AXIS_LABELS: Final = {
    "snr": "matched-filter S/N, as observed",
    "redshift": "redshift $z$",
    "log10_mass": r"true $\log_{10}(M\,/\,\mathrm{M}_\odot)$",
}

Layout = Literal["constrained", "compressed"]

_STYLE: Final = {
    "font.size": 10.0,
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "image.origin": "lower",
    "savefig.dpi": 150,
}


def styled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Draw with the style of this package, whatever the user's own is."""

    @wraps(function)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        with matplotlib.style.context(["default", _STYLE]):
            return function(*args, **kwargs)

    return drawn


def new_figure(width_in: float, height_in: float, layout: Layout = "constrained") -> Figure:
    """Return an empty figure of this size [inch] that needs no screen."""
    figure = Figure(figsize=(width_in, height_in), layout=layout)
    FigureCanvasAgg(figure)
    return figure


@styled
def png(figure: Figure) -> bytes:
    """Return a figure as PNG bytes, the same for the same figure: no date and no version inside."""
    stream = BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def save_png(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG file."""
    path.write_bytes(png(figure))


def _dress(test: MassTest) -> list[tuple[str, str, str]]:
    """Return (method, colour, marker) in the order of the test."""
    return [
        (name, COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)])
        for i, name in enumerate(test.predictions)
    ]


def _point_alpha(n: int) -> float:
    return float(np.clip(500.0 / n, 0.05, 0.6))


@styled
def predicted_against_true(test: MassTest) -> Figure:
    """Draw predicted against true mass, one panel per method, with the 1:1 line and the running median."""
    methods = _dress(test)
    figure = new_figure(4.6 * len(methods), 4.5)
    axes = np.atleast_1d(figure.subplots(1, len(methods), sharex=True, sharey=True))
    low, high = _span(np.concatenate([test.log10_true, *(p.log10_median for p in test.predictions.values())]))
    for ax, (name, colour, _) in zip(axes, methods, strict=True):
        predicted = test.predictions[name].log10_median
        ax.scatter(
            test.log10_true, predicted, s=7, color=colour, alpha=_point_alpha(test.n_rows), linewidths=0
        )
        ax.plot([low, high], [low, high], color="black", lw=1.0, ls="--", label="perfect")
        label = "running median and 16–84 %"
        _draw_running(ax, test.log10_true, test.residual_dex(name), colour, label, tilt=1.0)
        ax.set(title=name, xlim=(low, high), ylim=(low, high), aspect="equal")
        ax.set_xlabel(f"true $\\log_{{10}}({_symbol(test)}\\,/\\,\\mathrm{{M}}_\\odot)$")
        ax.legend(loc="upper left")
    axes[0].set_ylabel(f"predicted $\\log_{{10}}({_symbol(test)}\\,/\\,\\mathrm{{M}}_\\odot)$")
    return figure


@styled
def residuals(test: MassTest) -> Figure:
    """Draw the residual against true mass, redshift and signal-to-noise: running median and 16-84 % band."""
    figure = new_figure(10.5, 3.9)
    axes = figure.subplots(1, 3, sharey=True)
    columns = {"log10_mass": test.log10_true, "redshift": test.redshift, "snr": test.snr}
    for ax, (column, values) in zip(axes, columns.items(), strict=True):
        ax.axhline(0.0, color="black", lw=1.0, ls="--")
        for name, colour, _ in _dress(test):
            _draw_running(ax, values, test.residual_dex(name), colour, name)
        ax.set_xlabel(AXIS_LABELS[column])
    if (test.snr > 0.0).all():
        axes[2].set_xscale("log")
        plain_log_axis(axes[2])
    axes[0].set_ylabel(r"predicted $-$ true $\log_{10} M$ [dex]")
    _legend_above(figure, axes[0], "running median, and 16–84 % of the residuals:")
    return figure


@styled
def coverage_curve(test: MassTest) -> Figure:
    """Draw how often the truth lies below each predicted quantile, against the promise.

    The grey band holds 95 % of the measurements of a perfectly calibrated method: +-1.96 sqrt(p (1 - p) / n),
    n the effective number of parents.
    """
    figure = new_figure(6.2, 6.4)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1.0))
    levels = np.array(LEVELS)
    grid = np.linspace(0.0, 1.0, 201)
    band = 1.96 * np.sqrt(grid * (1.0 - grid) / effective_parents(test.parent))
    top.fill_between(grid, grid - band, grid + band, color="#d9d9d9", label="perfect, 95 % of tests", lw=0)
    top.plot([0, 1], [0, 1], color="black", lw=1.0, ls="--")
    bottom.fill_between(grid, -100 * band, 100 * band, color="#d9d9d9", lw=0)
    bottom.axhline(0.0, color="black", lw=1.0, ls="--")
    for name, colour, marker in _dress(test):
        below = (test.log10_true[:, None] <= test.predictions[name].log10_quantiles).mean(axis=0)
        top.plot(levels, below, color=colour, marker=marker, ms=7, lw=1.3, label=name)
        bottom.plot(levels, 100 * (below - levels), color=colour, marker=marker, ms=7, lw=1.3)
    top.set(ylabel="measured fraction of truths below it", xlim=(0, 1), ylim=(0, 1))
    top.legend(loc="upper left")
    bottom.set(xlabel="level of the predicted quantile", ylabel="measured − level\n[percentage points]")
    return figure


@styled
def coverage_by_bin(scorecard: Mapping[str, Any]) -> Figure:
    """Draw the measured 68 % coverage in each bin, with 95 % bootstrap bars and the five-point gate."""
    nominal, gate = COVERAGES["coverage_68"], COVERAGE_TOLERANCE_BIN
    values = _bin_values(scorecard, "coverage_68")
    # Bars of very small bins may leave the axes, so that the others stay readable.
    reach = max(0.2, 0.05 + float(np.abs(values - nominal).max(initial=0.0)))
    figure = _by_bin(scorecard, "coverage_68", 100.0, "truths inside the 68 % interval [%]")
    for ax in figure.axes:
        ax.axhspan(100 * (nominal - gate), 100 * (nominal + gate), color="#e3e3e3", lw=0, zorder=0)
        ax.axhline(100 * nominal, color="black", lw=1.0, ls="--", zorder=1)
        ax.set_ylim(100 * max(0.0, nominal - reach), 100 * min(1.0, nominal + reach))
    return figure


@styled
def scatter_by_bin(scorecard: Mapping[str, Any]) -> Figure:
    """Draw the scatter in each bin, with 95 % bootstrap bars."""
    figure = _by_bin(scorecard, "scatter_dex", 1.0, "scatter of $\\log_{10} M$ [dex]")
    values = _bin_values(scorecard, "scatter_dex")
    figure.axes[0].set_ylim(0.0, 1.3 * values.max() if values.size else 1.0)
    return figure


def _bin_values(scorecard: Mapping[str, Any], metric: str) -> np.ndarray:
    """Return the values of a metric that are defined, of all methods in all bins."""
    blocks = [block for table in scorecard["bins"].values() for block in table]
    values = [one[metric]["value"] for block in blocks for one in block["methods"].values()]
    return np.array([value for value in values if value is not None], float)


def _by_bin(scorecard: Mapping[str, Any], metric: str, factor: float, label: str) -> Figure:
    figure = new_figure(10.5, 3.9)
    axes = figure.subplots(1, 3, sharey=True)
    methods = scorecard["methods"]
    for ax, column in zip(axes, ("snr", "redshift", "log10_mass"), strict=True):
        table = scorecard["bins"][column]
        for i, name in enumerate(methods):
            offset = 0.16 * (i - (len(methods) - 1) / 2)
            _draw_bins(ax, [block["methods"][name][metric] for block in table], factor, offset, i, name)
        ax.set_xticks(range(len(table)), [f"{b['low']:g}–{b['high']:g}\nn = {b['n_rows']}" for b in table])
        ax.tick_params(axis="x", labelsize=8)
        ax.grid(axis="x", visible=False)
        ax.set(xlabel=AXIS_LABELS[column], xlim=(-0.6, len(table) - 0.4))
    axes[0].set_ylabel(label)
    _legend_above(figure, axes[0], "value and 95 % interval:")
    return figure


def _draw_bins(
    ax: Axes, estimates: Sequence[Mapping[str, Any]], factor: float, offset: float, i: int, name: str
) -> None:
    def column(key: str) -> np.ndarray:
        # None (not defined) becomes NaN, which matplotlib leaves out.
        return factor * np.array([one[key] for one in estimates], float)

    value = column("value")
    bars = np.nan_to_num(np.stack([value - column("low_95"), column("high_95") - value]), nan=0.0)
    ax.errorbar(
        np.arange(len(value)) + offset,
        value,
        yerr=np.maximum(bars, 0.0),
        fmt=MARKERS[i % len(MARKERS)],
        color=COLOURS[i % len(COLOURS)],
        ms=5.5,
        capsize=2.5,
        lw=1.3,
        label=name,
    )


@styled
def pull_histogram(test: MassTest) -> Figure:
    """Draw the histogram of residual over half-width, beside the unit Gaussian."""
    figure = new_figure(6.2, 4.2)
    ax = figure.subplots()
    edges = np.linspace(-5.0, 5.0, 41)
    for name, colour, _ in _dress(test):
        pull = test.residual_dex(name) / test.predictions[name].half_width_dex
        beyond = float((np.abs(pull) > edges[-1]).mean())
        label = f"{name}: sd {pull.std(ddof=min(1, len(pull) - 1)):.2f}, {100 * beyond:.1f} % beyond ±5"
        density = np.histogram(pull, edges)[0] / (len(pull) * np.diff(edges))
        ax.stairs(density, edges, color=colour, lw=1.8, label=label)
    x = np.linspace(edges[0], edges[-1], 300)
    ax.plot(x, norm.pdf(x), color="black", ls="--", lw=1.2, label="unit Gaussian")
    ax.set_xlabel("(predicted median − truth) / half-width of the 68 % interval")
    ax.set_ylabel("probability density")
    ax.set_ylim(0, 1.35 * ax.get_ylim()[1])
    ax.legend(loc="upper left")
    return figure


@styled
def example_maps(panels: Sequence[tuple[str, np.ndarray, float, str]], *, per_row: int = 4) -> Figure:
    """Draw maps side by side, each with its own colour bar.

    Parameters
    ----------
    panels : list of (title, (y, x) array, side [arcmin], unit label)
        The maps; each is centred on its cluster. NaN pixels are left grey.
    per_row : int
        Panels per row.

    Raises
    ------
    MapError
        If there is nothing to draw, or a panel is not an image.
    """
    for title, values, _, _ in panels:
        if np.ndim(values) != 2:
            raise MapError(
                "An example map is an image.", where=title, expected="(y, x)", got=np.shape(values)
            )
    if not panels:
        raise MapError("There are no example maps to draw.", expected="at least one panel", got="none")
    columns = min(per_row, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(2.6 * columns, 3.3 * rows + 0.3, "compressed")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, panel in zip(axes, panels, strict=False):
        _draw_map(figure, ax, *panel)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    figure.supxlabel("offset from the cluster [arcmin]", fontsize=9.5)
    return figure


def _draw_map(
    figure: Figure, ax: Axes, title: str, values: np.ndarray, side_arcmin: float, unit: str
) -> None:
    half = 0.5 * side_arcmin
    finite = values[np.isfinite(values)]
    peak = float(np.abs(finite).max(initial=0.0))
    # A map that is much below zero somewhere (a temperature, a residual) gets two colours about a white zero.
    signed = bool(finite.size and finite.max() > 0.0 > finite.min() + 0.2 * peak)
    image = ax.imshow(
        values,
        extent=(-half, half, -half, half),
        interpolation="nearest",
        cmap="RdBu_r" if signed else "magma",
        vmin=-peak if signed else None,
        vmax=peak if signed else None,
    )
    ax.set_facecolor("#bbbbbb")
    ax.grid(visible=False)
    ax.set_title(title)
    ax.tick_params(labelsize=8)
    formatter = ScalarFormatter(useMathText=True)
    formatter.set_powerlimits((-2, 3))
    bar = figure.colorbar(image, ax=ax, location="bottom", shrink=0.9, pad=0.02, aspect=16, format=formatter)
    bar.set_label(unit, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.ax.locator_params(nbins=5)


@styled
def learning_curve(history: Sequence[Mapping[str, float]]) -> Figure:
    """Draw training and validation loss against epoch.

    Parameters
    ----------
    history : list of dict
        Each with ``epoch``, ``train`` and ``validation``.
    """
    figure = new_figure(6.2, 3.8)
    ax = figure.subplots()
    epoch = np.array([one["epoch"] for one in history])
    for name, colour, style in (("train", GREY, "--"), ("validation", COLOURS[0], "-")):
        ax.plot(epoch, [one[name] for one in history], color=colour, ls=style, lw=1.6, label=name)
    if len(history):
        best = min(history, key=lambda one: one["validation"])
        ax.plot(
            best["epoch"], best["validation"], "o", color=COLOURS[1], label=f"best: epoch {best['epoch']:g}"
        )
    ax.set(xlabel="epoch", ylabel="loss (less is better)")
    ax.legend()
    return figure


def running_quantiles(x: np.ndarray, y: np.ndarray, *, per_bin: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return quantiles of y in bins of x that hold equally many points.

    Parameters
    ----------
    x, y : (n,) arrays
        Points.
    per_bin : int
        Least number of points per bin; there are at most 12 bins.

    Returns
    -------
    centres : (bin,) array
        Median x of each bin.
    quantiles : (bin, 3) array
        16, 50 and 84 % of y.
    """
    n_bins = int(np.clip(len(x) // per_bin, 1, 12))
    parts = np.array_split(np.argsort(x, kind="stable"), n_bins)
    centres = np.array([np.median(x[part]) for part in parts])
    return centres, np.array([np.quantile(y[part], (0.16, 0.5, 0.84)) for part in parts])


def _draw_running(
    ax: Axes, x: np.ndarray, residual: np.ndarray, colour: str, label: str, *, tilt: float = 0.0
) -> None:
    """Draw running quantiles of a residual about the line ``tilt`` times x."""
    centres, quantiles = running_quantiles(x, residual)
    quantiles = quantiles + tilt * centres[:, None]
    ax.fill_between(centres, quantiles[:, 0], quantiles[:, 2], color=colour, alpha=0.12, lw=0)
    ax.plot(centres, quantiles[:, [0, 2]], color=colour, lw=1.1)
    ax.plot(centres, quantiles[:, 1], color=colour, lw=2.2, marker=".", ms=8, label=label)


def _legend_above(figure: Figure, ax: Axes, title: str) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(labels), title=title, alignment="left")


def plain_log_axis(ax: Axes) -> None:
    """Write 1, 2 and 5 at the ticks of a logarithmic x axis, not powers of ten."""
    ax.xaxis.set_major_locator(LogLocator(base=10.0, subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _span(values: np.ndarray) -> tuple[float, float]:
    margin = 0.03 * (np.ptp(values) or 1.0)
    return float(values.min() - margin), float(values.max() + margin)


def _symbol(test: MassTest) -> str:
    return f"M_{{{str(test.definition)[1:]}}}"
