"""One self-contained page about the posterior maps of one cluster: views, maps, samples, profiles, and the masses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from zwicky.core.files import write_text
from zwicky.core.maps import Map
from zwicky.core.quantities import UNIT_OF
from zwicky.core.units import unit_text
from zwicky.data.fits_posterior import SampledMap, sample_quantiles
from zwicky.evaluation.page import ReportFigure, embedded, flatten, page_template, table_of
from zwicky.evaluation.plots import COLOURS, new_figure, plain_log_axis, styled
from zwicky.inference.posterior.cylinders import MassIntervals

SHOWN_SAMPLES: Final = 3
_DECADES: Final = 4.0
"""[dex] below the brightest pixel that a panel shows at most."""
_LEVELS: Final = (0.025, 0.16, 0.5, 0.84, 0.975)
_TITLES: Final = ("2.5 %", "16 %", "median", "84 %", "97.5 %")
_BORING: Final = "mean map alone"

_VIEWS_CAPTION: Final = (
    "What the network was given: each view on its pixels. Crosses: pixels without measurement, filled from around. "
    "North is up and east to the left if the views have a place on the sky."
)
_MAPS_CAPTION: Final = (
    "Mean of the samples, their standard deviation in percent of it, and some of the samples. Each sample is a map "
    "that the views allow, with structure that the mean has lost; samples differ where the views say little."
)
_PROFILE_CAPTION: Final = (
    "Mean surface density in rings, taken in each sample: median, 68 and 95 % of the samples, and the samples of the "
    "panels above as thin lines."
)
_MASS_CAPTION: Final = (
    "Left: M200c of each sample; it holds the errors of the maps and of the way from them to a sphere. Bars: 68 and "
    "95 % intervals. Right: mass inside cylinders with 68 and 95 % intervals. Crosses and the dashed line: the same "
    "from the mean map alone, without sampling, where the mapper has such a map."
)


@dataclass(frozen=True, eq=False)
class ClusterMasses:
    """The masses of one cluster, as the page shows them.

    Parameters
    ----------
    log10_m200c : (sample,) array [dex of Msun]
    intervals : MassIntervals
        Of this one cluster.
    mean_map_m200c_msun : float, optional [Msun]
        From the mean map alone; None if there is none.
    mean_map_cylinders_msun : (target, radius) array, optional [Msun]
    """

    log10_m200c: np.ndarray
    intervals: MassIntervals
    mean_map_m200c_msun: float | None = None
    mean_map_cylinders_msun: np.ndarray | None = None


def write_posterior_report(
    path: Path,
    maps: Sequence[SampledMap],
    views: Sequence[Map],
    masses: ClusterMasses,
    *,
    subtitle: str,
    inputs: Sequence[Mapping[str, Any]],
    reasons: Sequence[str] = (),
    notes: Sequence[str] = (),
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write the page, whole or not at all; the same samples always give the same bytes.

    Parameters
    ----------
    path : Path
        Where to; for example ``report.html``.
    maps : list of SampledMap
        One per target, of one cluster.
    views : list of Map
        As the network saw them.
    masses : ClusterMasses
    subtitle : str
        Pixels and beam.
    inputs : list of dict
        One per view; the keys are the column titles.
    reasons, notes : list of str
        Why the light is not green; what was done to the views.
    provenance : dict, optional
        Of the mapper.
    """
    first, cluster = maps[0], maps[0].cluster
    figures = [
        ReportFigure("Views", _VIEWS_CAPTION, view_panels(views, first.pixel_mpc)),
        ReportFigure("Maps and samples", _MAPS_CAPTION, sample_panels(maps)),
        ReportFigure("Profiles", _PROFILE_CAPTION, profile_bands(maps)),
        ReportFigure("Masses", _MASS_CAPTION, mass_panels(maps, masses)),
    ]
    origin = (
        "recalibrated on held-out clusters"
        if masses.intervals.calibrated
        else "those of the samples, not recalibrated"
    )
    html = page_template("cluster_posterior.html.j2").render(
        title=f"Posterior maps of {cluster.id}",
        subtitle=f"z = {cluster.redshift:g}, cosmology {cluster.cosmology.name}, {subtitle}",
        headline=headline(masses.intervals),
        drawn=f"{len(first.samples)} samples, {first.evaluations} evaluations of the network each, seed {first.seed}.",
        light=first.light,
        reasons=list(reasons),
        inputs=table_of(inputs),
        figures=[embedded(one) for one in figures],
        masses=table_of(_mass_rows(maps, masses)),
        masses_caption="In units of 10\N{SUPERSCRIPT ONE}\N{SUPERSCRIPT FOUR} solar masses, never per h. M(<R): inside "
        f"a cylinder of radius R along the line of sight. Intervals are {origin}.",
        notes=list(notes),
        provenance=flatten(provenance or {}),
    )
    write_text(path, html)


def headline(intervals: MassIntervals) -> str:
    """Return M200c with its intervals, in a sentence."""
    bottom, low, median, high, top = 10.0 ** intervals.log10_m200c[0] / 1e14
    return (
        f"M200c is {median:.3g} × 10¹⁴ solar masses: "
        f"{low:.3g} to {high:.3g} (68 %), {bottom:.3g} to {top:.3g} (95 %)."
    )


def _mass_rows(maps: Sequence[SampledMap], masses: ClusterMasses) -> list[dict[str, str]]:
    intervals = masses.intervals
    rows = [_mass_row("M200c", 10.0 ** intervals.log10_m200c[0], masses.mean_map_m200c_msun)]
    for i, one in enumerate(maps):
        for j, radius in enumerate(intervals.radii_mpc):
            label = f"{one.short_name}, M(<{radius:.3g} Mpc)"
            boring = None if masses.mean_map_cylinders_msun is None else masses.mean_map_cylinders_msun[i, j]
            rows.append(_mass_row(label, intervals.cylinders_msun[0, i, j], boring))
    return rows


def _mass_row(label: str, quantiles_msun: np.ndarray, boring_msun: float | None) -> dict[str, str]:
    numbers = {title: f"{mass / 1e14:.3g}" for title, mass in zip(_TITLES, quantiles_msun, strict=True)}
    return {"mass": label, **numbers, _BORING: "none" if boring_msun is None else f"{boring_msun / 1e14:.3g}"}


@styled
def view_panels(views: Sequence[Map], pixel_mpc: float) -> Figure:
    """Draw the views side by side; pixels that were filled are crossed."""
    figure = new_figure(3.2 * len(views) + 0.4, 3.7, "compressed")
    axes = figure.subplots(1, len(views), sharex=True, sharey=True, squeeze=False)[0]
    for ax, view in zip(axes, views, strict=True):
        title = view.quantity.value.replace("_", " ")
        _draw(ax, view.values, pixel_mpc, title, _logarithmic(view.values))
        _bar(ax, unit_text(view.unit), logarithmic=True)
        if view.mask is not None:
            y, x = np.nonzero(view.mask)
            middle = (view.grid.n_pixels - 1) / 2.0
            ax.plot((x - middle) * pixel_mpc, (y - middle) * pixel_mpc, "x", color="white", ms=3)
    axes[0].set_ylabel("offset [Mpc]")
    figure.supxlabel("offset from the assumed centre [Mpc]", fontsize=9.5)
    return figure


@styled
def sample_panels(maps: Sequence[SampledMap]) -> Figure:
    """Draw mean, relative standard deviation and a few samples of each target, a row each; densities share colours."""
    n_shown = min(SHOWN_SAMPLES, len(maps[0].samples))
    figure = new_figure(2.5 * (2 + n_shown), 3.5 * len(maps), "compressed")
    axes = figure.subplots(len(maps), 2 + n_shown, sharex=True, sharey=True, squeeze=False)
    for row, one in zip(axes, maps, strict=True):
        mean, shown = one.mean, one.samples[:n_shown]
        unit, norm = unit_text(UNIT_OF[one.quantity]), _logarithmic(np.stack([mean, *shown]))
        percent = 100.0 * one.sd / mean
        _draw(row[0], mean, one.pixel_mpc, f"{one.short_name}, mean", norm)
        _bar(row[0], unit, logarithmic=True)
        # Errors from zero: what looks even is even.
        spread = Normalize(0.0, max(float(percent.max()), 1e-3))
        _draw(row[1], percent, one.pixel_mpc, "sd over mean", spread, "viridis")
        _bar(row[1], "%", logarithmic=False)
        for i, (ax, sample) in enumerate(zip(row[2:], shown, strict=True), start=1):
            _draw(ax, sample, one.pixel_mpc, f"sample {i}", norm)
            _bar(ax, unit, logarithmic=True)
        row[0].set_ylabel("offset [Mpc]")
    figure.supxlabel("offset from the assumed centre [Mpc]", fontsize=9.5)
    return figure


def _logarithmic(values: np.ndarray) -> Normalize:
    low, high = float(values.min()), float(values.max())
    # A map of one value has no range of colours.
    return LogNorm(max(low, high * 10.0**-_DECADES), high) if low < high else Normalize(0.0, high)


def _draw(
    ax: Axes, values: np.ndarray, pixel_mpc: float, title: str, norm: Normalize, colours: str = "magma"
) -> None:
    half = 0.5 * len(values) * pixel_mpc
    extent = (-half, half, -half, half)
    ax.imshow(values, extent=extent, interpolation="nearest", cmap=colours, norm=norm)
    ax.grid(visible=False)
    ax.set_title(title)
    ax.tick_params(labelsize=8)


def _bar(ax: Axes, unit: str, *, logarithmic: bool) -> None:
    bar = ax.figure.colorbar(ax.images[0], ax=ax, location="bottom", shrink=0.9, pad=0.02, aspect=16)
    bar.set_label(unit, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    if logarithmic and isinstance(ax.images[0].norm, LogNorm):
        bar.ax.xaxis.set_major_locator(LogLocator(numticks=5))
        bar.ax.xaxis.set_minor_formatter(NullFormatter())


def ring_profiles(maps: np.ndarray, pixel_mpc: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of maps in rings of one pixel, out to half the map.

    Parameters
    ----------
    maps : (..., y, x) array
        On square grids.
    pixel_mpc : float [Mpc]

    Returns
    -------
    radius_mpc : (ring,) array [Mpc]
        Mean radius of the pixels of each ring.
    profiles : (..., ring) array [the unit of the maps]
    """
    n = maps.shape[-1]
    axis = np.arange(n) - (n - 1) / 2.0
    pixels = np.hypot(axis[:, None], axis).ravel()
    ring = pixels.astype(int)
    weights = (ring[:, None] == np.arange(n // 2)).astype(float)  # what lies in the corners is left out
    weights /= weights.sum(axis=0)
    return pixels @ weights * pixel_mpc, maps.reshape(*maps.shape[:-2], -1).astype(float) @ weights


@styled
def profile_bands(maps: Sequence[SampledMap]) -> Figure:
    """Draw the surface density in rings of each target: median, 68 and 95 % of the samples, and a few of them."""
    figure = new_figure(4.6 * len(maps), 4.0)
    axes = figure.subplots(1, len(maps), squeeze=False)[0]
    for ax, one, colour in zip(axes, maps, COLOURS, strict=False):
        radius_mpc, profiles = ring_profiles(one.samples, one.pixel_mpc)
        _band(ax, radius_mpc, sample_quantiles(profiles, _LEVELS), colour, "median")
        for sample in profiles[:SHOWN_SAMPLES]:
            ax.plot(radius_mpc, sample, color="black", lw=0.6, alpha=0.6)
        unit = unit_text(UNIT_OF[one.quantity])
        ax.set(xscale="log", yscale="log", title=one.short_name, xlabel="R [Mpc]")
        ax.set_ylabel(f"mean surface density in rings [{unit}]")
        plain_log_axis(ax)
        ax.legend()
    return figure


def _band(ax: Axes, x: np.ndarray, quantiles: np.ndarray, colour: str, label: str) -> None:
    """Draw quantiles (5, x) at 2.5, 16, 50, 84 and 97.5 % as two bands and a line."""
    bottom, low, median, high, top = quantiles
    ax.fill_between(x, bottom, top, color=colour, alpha=0.15, lw=0, label="95 %")
    ax.fill_between(x, low, high, color=colour, alpha=0.3, lw=0, label="68 %")
    ax.plot(x, median, color=colour, lw=2.0, label=label)


@styled
def mass_panels(maps: Sequence[SampledMap], masses: ClusterMasses) -> Figure:
    """Draw the samples of M200c with their intervals, and the masses in cylinders of each target."""
    figure = new_figure(9.2, 4.0)
    left, right = figure.subplots(1, 2)
    n_bins = int(np.clip(round(np.sqrt(len(masses.log10_m200c))) + 1, 4, 30))
    left.hist(masses.log10_m200c, bins=n_bins, color=COLOURS[0], alpha=0.35, label="samples")
    bottom, low, median, high, top = masses.intervals.log10_m200c[0]
    height = 1.08 * left.get_ylim()[1]
    left.plot([bottom, top], [height] * 2, color=COLOURS[1], lw=1.5, label="95 %")
    left.plot([low, high], [height] * 2, color=COLOURS[1], lw=5.0, solid_capstyle="butt", label="68 %")
    left.plot(median, height, "o", color="black", ms=5, label="median")
    if masses.mean_map_m200c_msun is not None:
        left.axvline(np.log10(masses.mean_map_m200c_msun), color="black", lw=1.0, ls="--", label=_BORING)
    left.set(xlabel=r"$\log_{10}(M_{200c}\,/\,\mathrm{M}_\odot)$", ylabel="samples")
    left.legend(fontsize=8)
    radii = masses.intervals.radii_mpc
    for i, (one, colour) in enumerate(zip(maps, COLOURS, strict=False)):
        _band(right, radii, masses.intervals.cylinders_msun[0, i].T, colour, one.short_name)
        if masses.mean_map_cylinders_msun is not None:
            right.plot(radii, masses.mean_map_cylinders_msun[i], "x", color="black", ms=6)
    right.set(xscale="log", yscale="log", xlabel="R [Mpc]", ylabel="M(<R) in the cylinder [Msun]")
    plain_log_axis(right)
    right.legend(loc="lower right", fontsize=8)
    return figure
