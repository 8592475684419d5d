"""Figures of what an experiment with posterior maps adds: evaluations, masses from maps, example clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from zwicky.core.errors import MapError
from zwicky.evaluation.plots import COLOURS, MARKERS, new_figure, plain_log_axis, styled
from zwicky.evaluation.posterior.masses import MAPS, SCALAR
from zwicky.evaluation.posterior.plots import BLACK, numbers

Card = Mapping[str, Any]
Example = Mapping[str, Any]

SHOWN_SAMPLES: Final = 3
_GATE_PERCENT: Final = 2.0
_DECADES: Final = 3.0
"""[dex] below the brightest pixel that an example shows at most."""


@styled
def error_against_evaluations(convergence: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    """Draw gate C5: error of the sd against evaluations, a panel for each model; None if nothing can be drawn.

    Parameters
    ----------
    convergence : dict
        ``convergence`` of a scorecard.
    """
    curves = {name: _curves(block["rows"]) for name, block in convergence.items()}
    curves = {name: solvers for name, solvers in curves.items() if solvers}
    if not curves:
        return None
    figure = new_figure(4.8 * len(curves), 4.0)
    axes = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    for ax, (name, solvers) in zip(axes, curves.items(), strict=True):
        for i, (solver, rows) in enumerate(solvers.items()):
            _draw_solver(ax, rows, COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], solver)
        ax.axhline(_GATE_PERCENT, color=BLACK, lw=1.0, ls="--")
        ax.set(title=name, xlabel="evaluations of the network", xscale="log", yscale="log")
        plain_log_axis(ax)
        ax.legend(fontsize=8.5)
    axes[0].set_ylabel("error of the sd [%]")
    return figure


def _curves(rows: Sequence[Card]) -> dict[str, list[Card]]:
    """Return the rows that a logarithmic figure can show, by solver, from few evaluations to many."""
    found: dict[str, list[Card]] = {}
    for row in sorted(rows, key=lambda one: one.get("evaluations") or 0):
        if row.get("evaluations") and row.get("error"):
            found.setdefault(str(row["solver"]), []).append(row)
    return found


def _draw_solver(ax: Axes, rows: Sequence[Card], colour: str, marker: str, solver: str) -> None:
    x, error = (numbers([row[key] for row in rows]) for key in ("evaluations", "error"))
    se = np.nan_to_num(numbers([row.get("error_se") for row in rows]))
    down = np.minimum(se, 0.9 * error)  # a bar to zero has no place on a logarithmic axis
    ax.errorbar(x, 100.0 * error, yerr=100.0 * np.stack([down, se]), color=colour, lw=1.3, label=solver)
    for passes in (True, False):
        here = np.array([bool(row.get("passes")) == passes for row in rows])
        face = colour if passes else "white"
        ax.plot(x[here], 100.0 * error[here], marker, ls="none", ms=6, color=colour, mfc=face)


@styled
def masses(block: Card) -> Figure:
    """Draw M200c from maps and from the network: residuals against the truth, and one against the other.

    Parameters
    ----------
    block : dict
        ``masses`` of a scorecard.
    """
    points = {name: numbers(values) for name, values in block["points"].items()}
    true = points["true"]
    errors = {MAPS: points["maps"] - true, SCALAR: points["scalar"] - true}
    figure = new_figure(10.2, 4.2)
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1.0))
    for i, (name, error) in enumerate(errors.items()):
        sd = points[f"{'maps' if name == MAPS else 'scalar'}_sd"]
        left.errorbar(
            true, error, yerr=sd, fmt=MARKERS[i], ms=3.5, lw=0.6, color=COLOURS[i], alpha=0.5, label=name
        )
    left.axhline(0.0, color=BLACK, lw=0.8, ls=":")
    left.set(xlabel=r"true $\log_{10}(M_{200c}\,/\,\mathrm{M}_\odot)$", ylabel="predicted − true [dex]")
    left.legend(fontsize=9)
    right.plot(errors[SCALAR], errors[MAPS], "o", ms=3.5, color=COLOURS[2], alpha=0.6)
    right.axline((0.0, 0.0), slope=1.0, color=BLACK, lw=0.8, ls=":")
    right.set(xlabel=f"error of the {SCALAR} [dex]", ylabel=f"error of the {MAPS} [dex]")
    return figure


@styled
def example_clusters(examples: Sequence[Example], views: Sequence[str], targets: Sequence[str]) -> Figure:
    """Draw each map of each cluster in a row: views, truth, posterior mean, sd of log10, and three samples.

    Parameters
    ----------
    examples : list of dict
        ``name``, ``inputs`` (view, y, x), ``truth`` (target, y, x) and ``samples`` (sample, target, y, x) in one unit;
        may have ``log10_m200c`` and ``pixel_mpc``.
    views, targets : sequence of str
        What they are called.

    Raises
    ------
    MapError
        If there is none, or one has other maps, or fewer samples than are shown.
    """
    for one in examples:
        got = np.shape(one["inputs"])[:1], np.shape(one["truth"])[:1], np.shape(one["samples"])[1:2]
        if got != ((len(views),), (len(targets),), (len(targets),)) or len(one["samples"]) < SHOWN_SAMPLES:
            raise _refusal(
                f"{len(views)} views, {len(targets)} maps, {SHOWN_SAMPLES} samples or more", str(one["name"])
            )
    if not examples:
        raise _refusal("at least one", "none")
    titles = [*views, "truth", "mean", "sd [dex]", *(f"sample {i + 1}" for i in range(SHOWN_SAMPLES))]
    n_rows = len(examples) * len(targets)
    figure = new_figure(1.5 * len(titles) + 0.6, 1.6 * n_rows + 0.6, "compressed")
    axes = figure.subplots(n_rows, len(titles), squeeze=False)
    for number, row in enumerate(axes):
        one, target = examples[number // len(targets)], number % len(targets)
        _draw_example(figure, row, one, target)
        mass = f"\n$10^{{{one['log10_m200c']:.2f}}}$ M$_\\odot$" if "log10_m200c" in one else ""
        row[0].set_ylabel(f"{one['name']}{mass}\n{targets[target]}", fontsize=7.5)
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, fontsize=9)
    unit = "Mpc" if "pixel_mpc" in examples[0] else "pixels"
    figure.supxlabel(f"offset from the centre [{unit}]", fontsize=9)
    return figure


def _refusal(expected: str, got: str) -> MapError:
    return MapError("These examples cannot be drawn.", where="example clusters", expected=expected, got=got)


def _draw_example(figure: Figure, row: Sequence[Axes], one: Example, target: int) -> None:
    truth = np.asarray(one["truth"])[target]
    samples = np.asarray(one["samples"], float)[:, target]
    sd = np.log10(samples).std(axis=0, ddof=1)
    matter = _bright(truth)
    images: list[tuple[np.ndarray, str, Normalize]] = [
        *((np.asarray(view), "viridis", _bright(np.asarray(view))) for view in one["inputs"]),
        (truth, "inferno", matter),
        (samples.mean(axis=0), "inferno", matter),
        (sd, "cividis", Normalize(0.0, float(sd.max()))),
        *((sample, "inferno", matter) for sample in samples[:SHOWN_SAMPLES]),
    ]
    half = 0.5 * truth.shape[-1] * one.get("pixel_mpc", 1.0)
    for i, (ax, (image, colours, scale)) in enumerate(zip(row, images, strict=True)):
        ax.grid(visible=False)
        ax.tick_params(labelsize=6.5, labelleft=i == 0)
        shown = ax.imshow(
            image, extent=(-half, half, -half, half), cmap=colours, norm=scale, interpolation="nearest"
        )
        if image is sd:
            figure.colorbar(shown, ax=ax, shrink=0.8, pad=0.02).ax.tick_params(labelsize=6.5)


def _bright(image: np.ndarray) -> LogNorm:
    """Return a logarithmic scale from the brightest pixel down to the faintest of the last decades."""
    high = float(image.max())
    return LogNorm(max(float(image[image > 0.0].min()), high * 10.0**-_DECADES) * 0.999, high, clip=True)
