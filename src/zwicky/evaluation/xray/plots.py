"""The figures of photon masses, after Ntampaka et al. 2019 and Krippendorf et al. 2024.

A colour and a marker stand for one method in every figure, for one iteration where photons are moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from zwicky.evaluation import plots
from zwicky.evaluation.mapping.estimates import Drawn
from zwicky.evaluation.metrics import LN10
from zwicky.evaluation.microwave.statistics import Bootstrap, gaussian_fit
from zwicky.evaluation.page import number
from zwicky.evaluation.plots import COLOURS, GREY, MARKERS, new_figure, styled
from zwicky.evaluation.xray.annuli import CORE
from zwicky.evaluation.xray.attributions import AttributionProfile, CoreMasking
from zwicky.evaluation.xray.dream import DreamProfile
from zwicky.evaluation.xray.records import PhotonTest
from zwicky.evaluation.xray.statistics import FIT_SCATTER, published_ratios

BLACK: Final = "#000000"
_BINS_PER_SD: Final = 5.0
_REACH_SD: Final = 4.5
_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth")


@styled
def error_distribution(test: PhotonTest, methods: Sequence[str] | None = None) -> Figure:
    """Draw the distribution of log10 M_predicted - log10 M_true of each method, with the Gaussian fitted to it.

    Parameters
    ----------
    test : PhotonTest
    methods : sequence of str, optional
        Which, and in what order; all by default. Colours are those of the test's order.
    """
    shown = list(methods or test.methods)
    residuals = {name: test.residual_dex(name) for name in shown}
    fits = {name: gaussian_fit(residual) for name, residual in residuals.items()}
    widths = [float(sd) for _, sd in fits.values() if sd > 0.0] or [0.05]
    reach = max(abs(float(mean)) + _REACH_SD * max(float(sd), min(widths)) for mean, sd in fits.values())
    edges = np.arange(-reach, reach, min(widths) / _BINS_PER_SD)
    figure = new_figure(7.0, 4.4)
    ax = figure.subplots()
    for name in shown:
        colour = COLOURS[test.methods.index(name) % len(COLOURS)]
        mean, sd = fits[name]
        label = f"{name}: {number(float(mean), 3)} dex, {number(100.0 * LN10 * float(sd), 1)} %"
        height = np.histogram(residuals[name], edges)[0] / (len(test) * np.diff(edges))
        ax.stairs(height, edges, color=colour, lw=1.0, alpha=0.6)
        x = np.linspace(-reach, reach, 801)
        ax.plot(x, norm.pdf(x, mean, max(float(sd), min(widths))), color=colour, lw=1.8, label=label)
    ax.axvline(0.0, color=BLACK, lw=0.8, ls=":")
    ax.set(
        xlabel=r"$\log_{10} M_\mathrm{predicted} - \log_{10} M_\mathrm{true}$", ylabel="probability density"
    )
    ax.set(xlim=(-reach, reach), ylim=(0.0, 1.35 * ax.get_ylim()[1]))
    ax.legend(loc="upper left", fontsize=9)
    return figure


def predicted_against_true(test: PhotonTest) -> Figure:
    """Draw predicted against true mass, one panel per method, with the 1:1 line and the running median."""
    figure: Figure = plots.predicted_against_true(test.as_mass_test())
    return figure


@styled
def fold_scatter(blocks: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Draw the fitted scatter of each fold, of all rows, and what the best fold would be by chance.

    Parameters
    ----------
    blocks : dict of str to dict
        By method, what ``statistics.fold_statistics`` returns.
    """
    figure = new_figure(3.6 * len(blocks) + 0.6, 3.8)
    axes = figure.subplots(1, len(blocks), sharey=True, squeeze=False)[0]
    for i, (ax, (name, block)) in enumerate(zip(axes, blocks.items(), strict=True)):
        x = [one["fold"] for one in block["folds"]]
        y = np.array([one[FIT_SCATTER] for one in block["folds"]], float)
        ax.plot(x, y, ls="none", color=COLOURS[i % len(COLOURS)], marker=MARKERS[i % len(MARKERS)])
        ax.axhline(block["all"][FIT_SCATTER]["value"], color=BLACK, lw=1.0, label="all rows")
        chance = block["best_by_chance"]
        if chance is not None:
            ax.axhspan(chance["low"], chance["high"], color="#e3e3e3", lw=0, zorder=0, label="best by chance")
        ax.set(title=name, xlabel="fold")
        ax.legend(loc="lower right", fontsize=9)
    axes[0].set_ylim(0.0, None)  # when all panels, which share it, have been drawn
    axes[0].set_ylabel("scatter of the fit [%]")
    return figure


def _band(ax: Axes, x: np.ndarray, drawn: Drawn, look: Mapping[str, Any], label: str) -> None:
    """Draw a curve, with the 68 % of its resamples as a band."""
    ax.plot(x, drawn.value, lw=1.6, ms=4.5, label=label, **look)
    if drawn.resamples is not None:
        low, high = np.quantile(drawn.resamples, (0.16, 0.84), axis=0)
        ax.fill_between(x, low, high, color=look["color"], alpha=0.25, lw=0)


def _part(drawn: Drawn, place: int) -> Drawn:
    resamples = None if drawn.resamples is None else drawn.resamples[:, place]
    return Drawn(drawn.value[place], resamples)


def look(place: int) -> dict[str, Any]:
    """Return the colour and the marker of the method at some place."""
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}


def _mark_core(ax: Axes, core: float) -> None:
    ax.axvline(core, color=BLACK, lw=1.0, ls="--")
    ax.axhline(0.0, color=GREY, lw=0.8, ls=":")


@styled
def dream_profiles(profile: DreamProfile, bootstrap: Bootstrap, *, core: float = CORE) -> Figure:
    """Draw dN / N of each iteration against R / R500c, as the paper does, and dN per area below.

    Parameters
    ----------
    profile : DreamProfile
    bootstrap : Bootstrap
    core : float [1]
        Where the dashed line stands, in R500c.
    """
    x = 0.5 * (np.array(profile.edges[:-1]) + np.array(profile.edges[1:]))
    figure = new_figure(6.4, 6.2)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1.4, 1.0))
    relative, per_area = profile.relative(bootstrap), profile.per_area(bootstrap)
    for i in range(profile.n_iterations):
        label = f"{_ORDINALS[i] if i < len(_ORDINALS) else i + 1} iteration"
        _band(top, x, _part(relative, i), look(i), label)
        _band(bottom, x, _part(per_area, i), look(i), label)
    for ax in (top, bottom):
        _mark_core(ax, core)
    top.set_ylabel(r"$\Delta N / N$")
    top.legend(loc="upper left")
    bottom.set(
        xlabel=r"$R\,/\,R_{500c}$", ylabel=r"$\Delta N / N_\mathrm{all}$ per $R_{500c}^2$", xlim=(0.0, None)
    )
    return figure


@styled
def attributions(
    profiles: Mapping[str, AttributionProfile], bootstrap: Bootstrap, *, core: float = CORE
) -> Figure:
    """Draw the part of the answer that each annulus makes, by method."""
    figure = new_figure(6.4, 4.0)
    ax = figure.subplots()
    for i, (name, profile) in enumerate(profiles.items()):
        x = 0.5 * (np.array(profile.edges[:-1]) + np.array(profile.edges[1:]))
        _band(ax, x, profile.mean(bootstrap), look(i), name)
    _mark_core(ax, core)
    ax.set(xlabel=r"$R\,/\,R_{500c}$", ylabel="part of the answer", xlim=(0.0, None))
    ax.legend(loc="upper right")
    return figure


@styled
def masked_cores(curves: Mapping[str, CoreMasking], bootstrap: Bootstrap, *, core: float = CORE) -> Figure:
    """Draw shift and scatter of the predicted mass against the radius of the mask, by method."""
    figure = new_figure(6.4, 5.8)
    top, bottom = figure.subplots(2, 1, sharex=True)
    for i, (name, curve) in enumerate(curves.items()):
        x = np.array(curve.radii)
        _band(top, x, curve.shift(bootstrap), look(i), name)
        _band(bottom, x, curve.scatter(bootstrap), look(i), name)
    for ax in (top, bottom):
        _mark_core(ax, core)
    top.set_ylabel(r"mean shift of $\log_{10} M$ [dex]")
    top.legend(loc="lower left")
    bottom.set(xlabel=r"radius of the mask $[R_{500c}]$", ylabel="standard deviation [dex]", ylim=(0.0, None))
    return figure


def bars(estimates: Sequence[Mapping[str, Any]], percent: int = 68) -> tuple[np.ndarray, np.ndarray]:
    """Return values (n,), and how far 68 or 95 % reach below and above them (2, n); NaN, not drawn, for None."""
    value, low, high = (
        np.array([one[key] for one in estimates], float)
        for key in ("value", f"low_{percent}", f"high_{percent}")
    )
    return value, np.maximum(np.nan_to_num(np.stack([value - low, high - value]), nan=0.0), 0.0)


@styled
def predicted_sd(bins: Mapping[str, Sequence[Mapping[str, Any]]]) -> Figure:
    """Draw the actual scatter against the predicted standard deviation.

    Parameters
    ----------
    bins : dict of str to list of dict
        By method, what ``statistics.predicted_sd_bins`` returns.
    """
    figure = new_figure(4.8, 4.6)
    ax = figure.subplots()
    largest = 0.0
    for i, (name, rows) in enumerate(bins.items()):
        x, _ = bars([one["predicted_dex"] for one in rows])
        y, reach = bars([one["scatter_dex"] for one in rows])
        ax.errorbar(x, y, yerr=reach, ls="none", capsize=2.5, lw=1.3, label=name, **look(i))
        largest = max(largest, float(np.nanmax([x, y])))
    ax.plot([0.0, 1.15 * largest], [0.0, 1.15 * largest], color=BLACK, lw=1.0, ls="--", label="as promised")
    ax.set(
        xlabel="mean predicted standard deviation [dex]", ylabel="standard deviation of the residuals [dex]"
    )
    ax.set(xlim=(0.0, 1.15 * largest), ylim=(0.0, None))
    ax.legend(loc="upper left")
    return figure


@styled
def redshift_noise(rows: Sequence[Mapping[str, Any]], *, published: bool = True) -> Figure:
    """Draw the scatter with noise on the redshift over that without.

    Parameters
    ----------
    rows : list of dict
        What ``statistics.ratio_rows`` returns.
    published : bool
        Draw table C.1 of Krippendorf et al. 2024 beside it.
    """
    figure = new_figure(5.6, 4.0)
    ax = figure.subplots()
    value, reach = bars([row["ratio"] for row in rows])
    noise = [row["noise"] for row in rows]
    ax.errorbar(noise, value, yerr=reach, ls="-", capsize=2.5, lw=1.3, label="here", **look(0))
    if published:
        known = published_ratios()
        ax.plot(
            list(known), list(known.values()), ls="none", marker="s", mfc="white", color=GREY, label="paper"
        )
    ax.axhline(1.0, color=BLACK, lw=1.0, ls="--")
    ax.set(xlabel="standard deviation of the noise on the redshift", ylabel="scatter over that without")
    ax.legend(loc="upper left")
    return figure
