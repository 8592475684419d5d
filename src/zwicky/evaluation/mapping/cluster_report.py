"""One self-contained page about the mass map of one cluster: what went in, the map, how sure it is, and the mass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from zwicky.core.files import write_text
from zwicky.core.quantities import MapQuantity
from zwicky.core.units import unit_text
from zwicky.data.fits_mass_map import MassMap
from zwicky.evaluation.page import ReportFigure, embedded, flatten, page_template, table_of
from zwicky.evaluation.plots import COLOURS, new_figure, styled

_NAMES: Final = {
    MapQuantity.COMPTON_Y: "Compton y",
    MapQuantity.XRAY_SURFACE_BRIGHTNESS: "X-ray brightness",
    MapQuantity.STAR_SURFACE_DENSITY: "stars",
}
_DECADES: Final = 4.0
"""[dex] below the brightest pixel that a panel shows at most."""

_MAPS_CAPTION: Final = (
    "Each view on the mapper's pixels and with its beam, the expected surface density of all matter, and its standard "
    "deviation in percent of it. Crosses: pixels without measurement, filled from around. North is up and east to the "
    "left if the views have a place on the sky."
)
_PROFILE_CAPTION: Final = (
    "Left: mean surface density in rings; the band is the mean of the pixels' 68 % intervals, as if the errors of a "
    "ring were fully correlated: no smaller than that of the mean. Right: mass inside a cylinder, whose 68 and 95 % "
    "intervals were calibrated as such on held-out clusters."
)


def write_cluster_report(
    path: Path,
    mass_map: MassMap,
    *,
    radii_mpc: np.ndarray,
    mass_quantiles_msun: np.ndarray,
    subtitle: str,
    inputs: Sequence[Mapping[str, Any]],
    missing: Sequence[str] = (),
    reasons: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> None:
    """Write the page, whole or not at all; the same map always gives the same bytes.

    Parameters
    ----------
    path : Path
        Where to; for example ``report.html``.
    mass_map : MassMap
        The map, its errors and its views.
    radii_mpc : (radius,) array [Mpc, proper]
        Of the masses.
    mass_quantiles_msun : (radius, 5) array [Msun]
        Of M(<R) at 2.5, 16, 50, 84 and 97.5 %.
    subtitle : str
        Pixels and beam.
    inputs : list of dict
        One per view; the keys are the column titles.
    missing : list of str
        Views that were not given.
    reasons, notes : list of str
        Why the light is not green; what was done to the views.
    """
    cluster = mass_map.cluster
    figures = [
        ReportFigure("Views, mass and its error", _MAPS_CAPTION, map_panels(mass_map)),
        ReportFigure(
            "Profile and integrated mass",
            _PROFILE_CAPTION,
            mass_profiles(mass_map, radii_mpc, mass_quantiles_msun),
        ),
    ]
    html = page_template("cluster_map.html.j2").render(
        title=f"The mass map of {cluster.id}",
        subtitle=f"z = {cluster.redshift:g}, cosmology {cluster.cosmology.name}, {subtitle}",
        headline=headline(radii_mpc, mass_quantiles_msun),
        light=mass_map.light,
        reasons=list(reasons),
        missing=", ".join(missing),
        inputs=table_of(inputs),
        figures=[embedded(one) for one in figures],
        masses=table_of(_mass_rows(radii_mpc, mass_quantiles_msun)),
        notes=list(notes),
        provenance=flatten(mass_map.mapper),
    )
    write_text(path, html)


def headline(radii_mpc: np.ndarray, mass_quantiles_msun: np.ndarray) -> str:
    """Return the mass inside the largest cylinder with its intervals, in a sentence."""
    bottom, low, median, high, top = mass_quantiles_msun[-1] / 1e14
    return (
        f"Inside a cylinder of {radii_mpc[-1]:.3g} Mpc lie {median:.3g} × 10¹⁴ solar masses: "
        f"{low:.3g} to {high:.3g} (68 %), {bottom:.3g} to {top:.3g} (95 %)."
    )


def _mass_rows(radii_mpc: np.ndarray, mass_quantiles_msun: np.ndarray) -> list[dict[str, str]]:
    titles = ("2.5 %", "16 %", "median", "84 %", "97.5 %")
    return [
        {
            "R [Mpc]": f"{radius:.3g}",
            **{title: f"{mass / 1e14:.3g}" for title, mass in zip(titles, row, strict=True)},
        }
        for radius, row in zip(radii_mpc, mass_quantiles_msun, strict=True)
    ]


@styled
def map_panels(mass_map: MassMap) -> Figure:
    """Draw the views, the expected surface density and its relative standard deviation side by side.

    Parameters
    ----------
    mass_map : MassMap
        What is drawn.
    """
    views = mass_map.inputs.values()
    figure = new_figure(2.9 * (len(views) + 2), 3.7, "compressed")
    axes = figure.subplots(1, len(views) + 2, sharex=True, sharey=True)
    for ax, view in zip(axes, views, strict=False):
        title = _NAMES.get(view.quantity, view.quantity.value)
        _draw(ax, view.values, mass_map, title, unit_text(view.unit), logarithmic=True)
        if view.mask is not None:
            y, x = np.nonzero(view.mask)
            middle = (mass_map.grid.n_pixels - 1) / 2.0
            ax.plot(
                (x - middle) * mass_map.pixel_mpc, (y - middle) * mass_map.pixel_mpc, "x", color="white", ms=3
            )
    _draw(axes[-2], mass_map.mean, mass_map, "mass, mean", "Msun / Mpc2", logarithmic=True)
    percent = 100.0 * mass_map.sd / mass_map.mean
    _draw(axes[-1], percent, mass_map, "mass, sd over mean", "%", logarithmic=False)
    axes[0].set_ylabel("offset [Mpc]")
    figure.supxlabel("offset from the assumed centre [Mpc]", fontsize=9.5)
    return figure


def _draw(
    ax: Axes, values: np.ndarray, mass_map: MassMap, title: str, unit: str, *, logarithmic: bool
) -> None:
    half = 0.5 * mass_map.grid.n_pixels * mass_map.pixel_mpc
    low, high = float(values.min()), float(values.max())
    # A map of one value has no range of colours.
    norm = LogNorm(max(low, high * 10.0**-_DECADES), high) if logarithmic and low < high else None
    image = ax.imshow(
        values,
        extent=(-half, half, -half, half),
        interpolation="nearest",
        cmap="magma" if logarithmic else "viridis",
        norm=norm if norm is not None else Normalize(0.0, high),  # errors from zero: what looks even is even
    )
    ax.grid(visible=False)
    ax.set_title(title)
    ax.tick_params(labelsize=8)
    bar = ax.figure.colorbar(image, ax=ax, location="bottom", shrink=0.9, pad=0.02, aspect=16)
    bar.set_label(unit, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    if norm is not None:
        bar.ax.xaxis.set_major_locator(LogLocator(numticks=5))
        bar.ax.xaxis.set_minor_formatter(NullFormatter())


@styled
def mass_profiles(mass_map: MassMap, radii_mpc: np.ndarray, mass_quantiles_msun: np.ndarray) -> Figure:
    """Draw the surface density in rings with its band, and M(<R) with its 68 and 95 % intervals.

    Parameters
    ----------
    mass_map : MassMap
        The map.
    radii_mpc : (radius,) array [Mpc, proper]
        Of the masses.
    mass_quantiles_msun : (radius, 5) array [Msun]
        At 2.5, 16, 50, 84 and 97.5 %.
    """
    figure = new_figure(9.2, 4.0)
    left, right = figure.subplots(1, 2)
    radius_mpc, mean, low, high = ring_profile(mass_map)
    left.fill_between(radius_mpc, low, high, color=COLOURS[0], alpha=0.25, lw=0, label="68 %")
    left.plot(radius_mpc, mean, color=COLOURS[0], lw=2.0, label="mean in rings")
    left.set(xscale="log", yscale="log", xlabel="R [Mpc]", ylabel=r"$\Sigma$ [Msun / Mpc$^2$]")
    left.legend()
    bottom, below, median, above, top = mass_quantiles_msun.T
    right.fill_between(radii_mpc, bottom, top, color=COLOURS[1], alpha=0.15, lw=0, label="95 %")
    right.fill_between(radii_mpc, below, above, color=COLOURS[1], alpha=0.3, lw=0, label="68 %")
    right.plot(radii_mpc, median, color=COLOURS[1], lw=2.0, marker="o", ms=4, label="median")
    right.set(yscale="log", xlabel="R [Mpc]", ylabel="M(<R) in the cylinder [Msun]")
    right.legend(loc="lower right")
    return figure


def ring_profile(mass_map: MassMap) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the surface density in rings of one pixel, out to half the map.

    Parameters
    ----------
    mass_map : MassMap
        The map.

    Returns
    -------
    radius_mpc : (ring,) array [Mpc]
        Mean radius of the pixels of each ring.
    mean, low, high : (ring,) arrays [Msun Mpc^-2]
        Means of the map, and of the ends of the pixels' 68 % intervals.
    """
    pixels = mass_map.grid.radius() / mass_map.grid.pixel_value
    n_rings = mass_map.grid.n_pixels // 2
    ring = np.minimum(pixels.astype(int), n_rings).ravel()  # the last one holds the corners, and is left out
    count = np.bincount(ring, minlength=n_rings + 1)[:n_rings]
    median, half = (np.asarray(a, float) for a in (mass_map.log10_median, mass_map.half_68_dex))
    columns = (pixels * mass_map.pixel_mpc, mass_map.mean, 10.0 ** (median - half), 10.0 ** (median + half))
    sums = [np.bincount(ring, np.ravel(a), minlength=n_rings + 1)[:n_rings] for a in columns]
    radius_mpc, mean, low, high = (total / count for total in sums)
    return radius_mpc, mean, low, high
