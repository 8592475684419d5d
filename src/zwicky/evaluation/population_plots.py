"""The figure of a painted population: nine relations, each beside published lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from zwicky.core.cosmology import COSMOLOGIES
from zwicky.evaluation.plots import COLOURS, GREY, new_figure, running_quantiles, styled
from zwicky.evaluation.population import Table
from zwicky.evaluation.relations import M500
from zwicky.physics.scaling import RELATIONS

HYDROSTATIC: Final = (0.7, 1.0)
"""Range of 1 - b = M_HSE / M: published lines against hydrostatic masses become bands (see ``relations``)."""


@dataclass(frozen=True)
class Published:
    """A published line against M500c.

    Parameters
    ----------
    label : str
        Paper.
    line : function of M500c [Msun]
        Value in the unit of the panel, self-similar evolution taken out.
    hydrostatic : bool
        Its masses are: it is drawn as a band.
    mass_range_msun : (low, high) [Msun]
        Where it was measured.
    """

    label: str
    line: Callable[[np.ndarray], np.ndarray]
    hydrostatic: bool = False
    mass_range_msun: tuple[float, float] = (5e13, 1.5e15)


@dataclass(frozen=True)
class Panel:
    """One panel: columns of the table, a label, a scale, published lines."""

    title: str
    columns: Mapping[str, str]  # their legends; empty if there is one only
    unit: float
    label: str
    published: tuple[Published, ...] = ()
    x: str = M500
    x_label: str = r"$M_{500c}$ [M$_\odot$]"
    log_y: bool = True


def _power_law(value: float, pivot: float, slope: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda mass: value * (mass / pivot) ** slope


def _y_a10(mass: np.ndarray) -> np.ndarray:
    return 1e6 * RELATIONS["a10"].y500_mpc2(mass, 0.0, COSMOLOGIES["planck18"])


_Y_A10 = Published("Arnaud+10", _y_a10, hydrostatic=True)
# Masses of the next four scale as 1/h; these are for h = 0.68.
_L_REXCESS = Published("Pratt+09", _power_law(1.03, 2e14, 1.62), hydrostatic=True)
_T_V09 = Published("Vikhlinin+09", _power_law(5.0, 4.46e14, 1.0 / 1.53), hydrostatic=True)  # table 3
_T_A05 = Published("Arnaud+05", _power_law(5.0, 3.97e14, 1.0 / 1.71), hydrostatic=True)  # table 2
_YX_A10 = Published("Arnaud+10", _power_law(2.18, 3.82e14, 1.0 / 0.561), hydrostatic=True)  # eq. 2
_GAS_E16 = Published("Eckert+16", _power_law(0.055, 1e14, 0.21), mass_range_msun=(3e13, 6e14))
_GAS_C18 = Published("Chiu+18", _power_law(0.1177, 5e14, 0.39), mass_range_msun=(2.5e14, 1.2e15))
_STARS_C18 = Published("Chiu+18", _power_law(0.0089, 5e14, -0.28), mass_range_msun=(2.5e14, 1.2e15))
_STARS_C16 = Published(
    "Chiu+16, slope of Akino+22", _power_law(0.011, 6e14, -0.15), mass_range_msun=(1e14, 1.2e15)
)
# Power laws through the values at 1e14 and 1e15 Msun that colossus 1.4 gives at z = 0.05 in the Planck 2018 cosmology.
_C_DUFFY = Published("Duffy+08", _power_law(4.15, 1e14, -0.084))
_C_DUTTON = Published("Dutton & Macciò 14", _power_law(5.20, 1e14, -0.099))

_LUMINOSITY = r"$E^{-7/3}\,L$ [$10^{44}$ erg/s]"
_ALL = ""

PANELS: Final = (
    Panel("Sunyaev-Zel'dovich signal", {"y500_mpc2": _ALL}, 1e6, r"$E^{-2/3}\,Y_{500}$ [kpc$^2$]", (_Y_A10,)),
    Panel(
        "bolometric luminosity",
        {"luminosity_erg_s": "all", "excised_luminosity_erg_s": "0.15–1 $R_{500}$"},
        1e-44,
        _LUMINOSITY,
    ),
    Panel("luminosity, 0.1–2.4 keV", {"rosat_luminosity_erg_s": _ALL}, 1e-44, _LUMINOSITY, (_L_REXCESS,)),
    Panel(
        "temperature, 0.15–1 $R_{500}$",
        {"excised_temperature_kev": _ALL},
        1.0,
        r"$E^{-2/3}\,T$ [keV]",
        (_T_V09, _T_A05),
    ),
    Panel(
        "gas mass times temperature",
        {"yx_msun_kev": _ALL},
        1e-14,
        r"$E^{-2/3}\,Y_X$ [$10^{14}$ M$_\odot$ keV]",
        (_YX_A10,),
    ),
    Panel(
        "gas fraction",
        {"gas_fraction": _ALL},
        1.0,
        r"$M_\mathrm{gas}/M_{500c}$",
        (_GAS_E16, _GAS_C18),
        log_y=False,
    ),
    Panel(
        "star fraction",
        {"star_fraction": _ALL},
        1.0,
        r"$M_\star/M_{500c}$",
        (_STARS_C18, _STARS_C16),
        log_y=False,
    ),
    Panel(
        "concentration",
        {"c200c": _ALL},
        1.0,
        "$c_{200c}$",
        (_C_DUFFY, _C_DUTTON),
        "m200c_msun",
        r"$M_{200c}$ [M$_\odot$]",
    ),
    Panel(
        "photons, observed band",
        {"photon_rate_per_s": _ALL},
        1e-52,
        r"$E^{-2}$ photon rate [$10^{52}$ s$^{-1}$]",
    ),
)


@styled
def population_figure(table: Table) -> Figure:
    """Draw every relation of PANELS: clusters as points, running medians with 16-84 %, published lines dashed.

    Parameters
    ----------
    table : dict of column
        From ``population.table_of``.
    """
    figure = new_figure(12.6, 11.0)
    for ax, panel in zip(figure.subplots(3, 3).ravel(), PANELS, strict=True):
        _draw(ax, table, panel)
    return figure


def _draw(ax: Axes, table: Table, panel: Panel) -> None:
    x = table[panel.x]
    for i, (column, label) in enumerate(panel.columns.items()):
        y = panel.unit * table[column]
        good = np.isfinite(y) & (y > 0.0)
        ax.scatter(x[good], y[good], s=5, color=COLOURS[i], alpha=0.25, linewidths=0)
        centres, quantiles = running_quantiles(np.log(x[good]), y[good])
        ax.fill_between(np.exp(centres), quantiles[:, 0], quantiles[:, 2], color=COLOURS[i], alpha=0.2, lw=0)
        ax.plot(np.exp(centres), quantiles[:, 1], color=COLOURS[i], lw=2.2, label=label or "painted")
    for i, published in enumerate(panel.published):
        _draw_published(ax, published, (GREY, COLOURS[1])[i])
    ax.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.label, xscale="log")
    if panel.log_y:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(base=10.0, subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    ax.legend(loc="best", fontsize=9)


def _draw_published(ax: Axes, published: Published, colour: str) -> None:
    mass = np.geomspace(*published.mass_range_msun, 40)
    if published.hydrostatic:
        low, high = (published.line(ratio * mass) for ratio in HYDROSTATIC)
        label = f"{published.label}, $M_\\mathrm{{HSE}}$ = 0.7–1 $M$"
        ax.fill_between(mass, low, high, color=colour, alpha=0.2, lw=0, label=label)
    else:
        ax.plot(mass, published.line(mass), color=colour, lw=1.6, ls="--", label=published.label)
