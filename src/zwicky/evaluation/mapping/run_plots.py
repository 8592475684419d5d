"""The figures of what a run adds to its scorecard: examples, fractions, other physics, sizes of the training set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from zwicky.core.errors import MapError
from zwicky.evaluation.plots import COLOURS, GREY, MARKERS, new_figure, styled

_DECADES: Final = 3.0
"""[dex] below the brightest pixel that an example shows at most."""
_ERROR_PERCENT: Final = 50.0
"""Ends of the colour scale of the errors of examples."""


class Example(NamedTuple):
    """One cluster of the test set, for a row of images.

    Parameters
    ----------
    title : str
        Its mass, its simulation.
    views : dict of (y, x) array
        What the network is given, by name; positive.
    truth, mean : (y, x) arrays [Msun Mpc^-2]
        The true map and the expected one.
    sd : (y, x) array [Msun Mpc^-2], optional
        Standard deviation of each pixel.
    half_width : float
        Half the side of the maps, in ``unit``.
    unit : str
        Of length: ``R200`` or ``Mpc``.
    """

    title: str
    views: Mapping[str, np.ndarray]
    truth: np.ndarray
    mean: np.ndarray
    sd: np.ndarray | None = None
    half_width: float = 1.0
    unit: str = "R200"


@styled
def example_rows(examples: Sequence[Example]) -> Figure:
    """Draw each cluster in a row: its views, the truth, the mean, the standard deviation, the error.

    Parameters
    ----------
    examples : list of Example
        All with the same views.

    Raises
    ------
    MapError
        If there is none, or their views differ.
    """
    if not examples or any(list(one.views) != list(examples[0].views) for one in examples):
        raise MapError(
            "Examples are drawn side by side.",
            where="example maps",
            expected="at least one example, all with the same views",
            got=[list(one.views) for one in examples] or "none",
        )
    titles = [*examples[0].views, "truth", "mean", "sd / mean [%]", "error [%]"]
    figure = new_figure(1.75 * len(titles) + 0.6, 1.85 * len(examples) + 0.6, "compressed")
    axes = figure.subplots(len(examples), len(titles), squeeze=False)
    for row, one in zip(axes, examples, strict=True):
        _draw_example(figure, row, one)
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title)
    figure.supxlabel(f"offset from the centre [{examples[0].unit}]", fontsize=9.5)
    return figure


def _draw_example(figure: Figure, row: Sequence[Axes], one: Example) -> None:
    half = one.half_width
    spread = None if one.sd is None else 100.0 * one.sd / one.mean
    error = 100.0 * (one.mean - one.truth) / one.truth
    matter = _bright(one.truth)
    images: list[tuple[np.ndarray | None, str, Normalize]] = [
        *((view, "viridis", _bright(view)) for view in one.views.values()),
        (one.truth, "inferno", matter),
        (one.mean, "inferno", matter),
        (spread, "cividis", Normalize(0.0, _ERROR_PERCENT)),
        (error, "RdBu_r", Normalize(-_ERROR_PERCENT, _ERROR_PERCENT)),
    ]
    for i, (ax, (image, colours, scale)) in enumerate(zip(row, images, strict=True)):
        ax.grid(visible=False)
        ax.tick_params(labelsize=7, labelleft=i == 0)
        if image is None:
            ax.set_axis_off()
            continue
        shown = ax.imshow(
            image, extent=(-half, half, -half, half), cmap=colours, norm=scale, interpolation="nearest"
        )
        if i >= len(images) - 2:
            figure.colorbar(shown, ax=ax, shrink=0.8, pad=0.02).ax.tick_params(labelsize=7)
    row[0].set_ylabel(one.title, fontsize=8.5)


def _bright(image: np.ndarray) -> LogNorm:
    """Return a logarithmic scale from the brightest pixel down to the faintest of the last decades."""
    high = float(image.max())
    return LogNorm(max(float(image[image > 0.0].min()), high * 10.0**-_DECADES) * 0.999, high, clip=True)


@styled
def fraction_curves(fractions: Mapping[str, Mapping[str, Mapping[str, Sequence[float | None]]]]) -> Figure:
    """Draw gas and star fractions against mass for each simulation.

    Parameters
    ----------
    fractions : dict
        By component, then simulation: ``log10_mass``, ``median``, ``low_16`` and ``high_84`` of its bins.
    """
    figure = new_figure(5.2 * len(fractions), 4.2)
    for ax, (component, curves) in zip(
        figure.subplots(1, len(fractions), squeeze=False)[0], fractions.items(), strict=True
    ):
        for i, (physics, curve) in enumerate(curves.items()):
            mass, median, low, high = (
                np.array(curve[key], float) for key in ("log10_mass", "median", "low_16", "high_84")
            )
            ax.fill_between(mass, low, high, color=COLOURS[i], alpha=0.2, lw=0)
            ax.plot(mass, median, color=COLOURS[i], marker=MARKERS[i], ms=5, lw=1.8, label=physics)
        ax.set(
            xlabel=r"$\log_{10}(M_{200c}\,/\,\mathrm{M}_\odot)$",
            ylabel=f"{component} / all mass, $R < R_{{500}}$",
        )
        ax.set_ylim(0.0, None)
        ax.legend()
    return figure


@styled
def transfer_matrix(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw bias and scatter of M(<R200) of each network on each test sample, with the linear map beside it.

    Parameters
    ----------
    rows : list of dict
        ``train``, ``test``, ``bias_r200``, ``scatter_r200``, ``baseline_bias_r200``, ``baseline_scatter_r200``.
    """
    tests = list(dict.fromkeys(row["test"] for row in rows))
    trains = list(dict.fromkeys(row["train"] for row in rows))
    figure = new_figure(9.5, 1.4 + 0.5 * len(trains) + 0.22 * len(rows))
    ax = figure.subplots()
    for i, test in enumerate(tests):
        here = [row for row in rows if row["test"] == test]
        y = np.array([-trains.index(row["train"]) for row in here]) - 0.8 * ((i + 0.5) / len(tests) - 0.5)
        for prefix, shift, marker, alpha in (("", 0.0, "o", 1.0), ("baseline_", 0.05, "x", 0.5)):
            bias, scatter = (
                100.0 * np.array([row[f"{prefix}{key}"] for row in here], float)
                for key in ("bias_r200", "scatter_r200")
            )
            ax.errorbar(
                bias, y - shift, xerr=scatter, fmt=marker, color=COLOURS[i % len(COLOURS)], alpha=alpha, ms=6,
                lw=1.3, capsize=2, label=f"tested on {test}" if not prefix else None,
            )  # fmt: skip
    ax.axvline(0.0, color="black", lw=0.8, ls=":")
    ax.set_yticks([-i for i in range(len(trains))], trains)
    ax.grid(axis="y", visible=False)
    ax.set(xlabel="error of M(<R$_{200}$) [%]", ylabel="taught on")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=9)
    return figure


@styled
def training_size_curve(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw pixel scatter and mass scatter against the number of training clusters.

    Parameters
    ----------
    rows : list of dict
        ``n_train_parents``, ``pixel_scatter`` and ``scatter_r200``.
    """
    figure = new_figure(6.2, 4.2)
    ax = figure.subplots()
    parents = [row["n_train_parents"] for row in rows]
    for i, (key, label) in enumerate((("pixel_scatter", "pixels"), ("scatter_r200", "M(<R$_{200}$)"))):
        values = [100.0 * row[key] for row in rows]
        ax.plot(parents, values, color=COLOURS[i], marker=MARKERS[i], ms=7, lw=1.6, label=label)
    ax.set(xlabel="training clusters", ylabel="scatter [%]", xscale="log", ylim=(0.0, None))
    ax.set_xticks(parents, [f"{n:g}" for n in parents])
    ax.minorticks_off()
    ax.legend()
    return figure


@styled
def training_history(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Draw training (dashed) and validation loss of each network, from the first to the last epoch.

    Parameters
    ----------
    histories : dict of list of dict
        By network: ``epoch``, ``train``, ``validation``. Losses of different networks have different units: each panel
        has its own.
    """
    columns = min(4, len(histories))
    rows = -(-len(histories) // columns)
    figure = new_figure(2.7 * columns, 2.1 * rows + 0.4)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (name, history) in zip(axes, histories.items(), strict=False):
        epoch = [one["epoch"] for one in history]
        ax.plot(epoch, [one["train"] for one in history], color=GREY, ls="--", lw=1.4)
        ax.plot(epoch, [one["validation"] for one in history], color=COLOURS[0], lw=1.4)
        ax.set_title(name, fontsize=9)
        ax.tick_params(labelsize=7)
    for ax in axes[len(histories) :]:
        ax.set_axis_off()
    figure.supxlabel("epoch", fontsize=10)
    figure.supylabel("loss (dashed: training)", fontsize=10)
    return figure
