"""Fit the painter's presets gadgetx and gizmo to the halo tables of The Three Hundred, and show how well they do.

    python tools/fit_the300.py --data FOLDER [--preset gadgetx] [--rounds 3] [--clusters 16000] [--write]

FOLDER holds the tables (see the300_tables.py). They stay there: only medians, scatters and correlations enter a preset.

1. Medians and scatters of f_gas and f_star at fixed M500c: quantile regression (16, 50, 84 %) of ln f between nodes.
   "Scatter" is half of the way from 16 to 84 % of ln f, on both sides: outliers, which overlap larger haloes, count
   little.
2. Correlations of the residuals of gas, stars and concentration.
3. Each round paints clusters, measures them as the tables were, and corrects the numbers by what is left. That finds
   the concentration too: one factor on the median of Diemer & Joyce 2019, and one scatter.

--rounds 0 changes nothing: it holds the preset as it is shipped against the tables. --write replaces the preset.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from the300_painted import paint
from the300_tables import (
    BIN_EDGES,
    MIN_HALOES,
    TABLES,
    Haloes,
    binned,
    concentration_offset,
    law,
    read_published,
    read_table,
    residual_correlations,
)
from zwicky.core.errors import ConfigError
from zwicky.core.files import write_text
from zwicky.simulations.painter.settings import PRESETS, PainterPhysics

NODES: Final = np.array([13.3, *(0.5 * (BIN_EDGES[1:] + BIN_EDGES[:-1])).round(2)])
"""Of the laws [dex of Msun]: the middles of the bins, and one below for the slope of the first."""

STEP: Final = 0.5
"""How much of a bin's difference one round takes back. The law starts smooth, and bends where the bins ask for it."""

FRACTIONS: Final = ("gas_fraction", "star_fraction")

CONCENTRATION: Final = {"gadgetx": "velocity_concentration", "gizmo": "mass_concentration"}
"""What is held against the table: in GIZMO-SIMBA, V_max is that of the central galaxy in many haloes."""

CORRELATED: Final = {
    "gadgetx": ("velocity_concentration", "mass_concentration"),
    "gizmo": ("mass_concentration",),
}
"""Concentrations whose correlations are held against the table: the mean, where there are two."""

FITTED_PAIRS: Final = (
    ("gas_fraction", "star_fraction"),
    ("concentration", "gas_fraction"),
    ("concentration", "star_fraction"),
)
NAMES: Final = {"gadgetx": "GADGET-X (Cui et al. 2018)", "gizmo": "GIZMO-SIMBA (Cui et al. 2022)"}

HEADER: Final = """\
# Clusters in the manner of The Three Hundred, {name}.
# Fitted by tools/fit_the300.py to the {number} haloes of M500c > 10^13.5 Msun at z = 0 in the public table
# {file} of
# github.com/weiguangcui/The300-GIZMO-SIMBA-plots, commit 818884f; none of its rows are here. How well painted clusters
# agree: docs/the300.md.
"""


@dataclass(frozen=True, eq=False)
class Fit:
    """The numbers of a preset.

    Parameters
    ----------
    median, scatter : dict of str to (node,) array [1]
        Of each of FRACTIONS.
    concentration_factor, sigma_ln_concentration : float [1]
        As in PainterPhysics.
    correlations : (pair,) array [1]
        Of FITTED_PAIRS.
    """

    median: dict[str, np.ndarray]
    scatter: dict[str, np.ndarray]
    concentration_factor: float
    sigma_ln_concentration: float
    correlations: np.ndarray

    def physics(self) -> dict[str, Any]:
        """Return the settings that differ from the defaults of PainterPhysics, rounded as they are written."""
        laws = {
            name: {
                "log10_m500c": NODES.tolist(),
                "median": [float(f"{value:.4g}") for value in self.median[name]],
                "sigma_ln": [float(f"{value:.3g}") for value in self.scatter[name]],
            }
            for name in FRACTIONS
        }
        correlations = {one: dict(others) for one, others in PainterPhysics().correlations.items()}
        for (one, other), value in zip(FITTED_PAIRS, self.correlations, strict=True):
            correlations.setdefault(one, {})[other] = round(float(value), 2)
        return {
            "concentration_factor": round(self.concentration_factor, 3),
            "sigma_ln_concentration": round(self.sigma_ln_concentration, 3),
            **laws,
            "correlations": correlations,
        }


@dataclass(frozen=True, eq=False)
class Target:
    """What a table says.

    Parameters
    ----------
    preset : str
        Of the painter.
    haloes : Haloes
        The table.
    ln_concentration : float [1]
        Median of ln c over that of Diemer & Joyce 2019.
    concentration_scatter : float [1]
        Of the velocity concentrations of GADGET-X, for both: the haloes are the same, and so is the scatter of
        M500c / M200c in the two tables.
    correlations : (pair,) array [1]
        Of the residuals, for FITTED_PAIRS.
    """

    preset: str
    haloes: Haloes
    ln_concentration: float
    concentration_scatter: float
    correlations: np.ndarray


def target_of(folder: Path, preset: str) -> Target:
    """Return what the table of a preset says."""
    haloes, kind = read_table(folder, preset), CONCENTRATION[preset]
    scatter = concentration_offset(read_table(folder, "gadgetx"), "velocity_concentration")[1]
    offset = concentration_offset(haloes, kind)[0]
    return Target(preset, haloes, offset, scatter, _correlations(haloes, preset))


def _correlations(haloes: Haloes, preset: str) -> np.ndarray:
    return np.asarray(np.mean([residual_correlations(haloes, kind) for kind in CORRELATED[preset]], axis=0))


def first_fit(target: Target) -> Fit:
    """Return the fit to the table alone, with the painter's own concentrations."""
    haloes = target.haloes.select(target.haloes.log10_m500c > NODES[0])
    laws = {name: law(haloes.log10_m500c, getattr(haloes, name), NODES) for name in FRACTIONS}
    return Fit(
        median={name: _smooth(np.exp(centre)) for name, (centre, _) in laws.items()},
        scatter={name: _smooth(scatter) for name, (_, scatter) in laws.items()},
        concentration_factor=1.0,
        sigma_ln_concentration=0.3,
        correlations=target.correlations,
    )


def corrected(fit: Fit, target: Target, painted: Haloes) -> Fit:
    """Return the fit, moved by what painted clusters still differ by."""
    median, scatter = dict(fit.median), dict(fit.scatter)
    for name in FRACTIONS:
        pairs = zip(_bins(target.haloes, name), _bins(painted, name), strict=True)
        enough = [(t, p) if t.number > MIN_HALOES else (p, p) for t, p in pairs]
        ratio = np.array([1.0, *(t.median / p.median for t, p in enough)])
        width = np.array([1.0, *(t.scatter / p.scatter for t, p in enough)])
        median[name] = fit.median[name] * ratio**STEP
        scatter[name] = fit.scatter[name] * width**STEP
    kind = CONCENTRATION[target.preset]
    offset = concentration_offset(painted, kind)[0]
    c_scatter = concentration_offset(painted, "velocity_concentration")[1]
    return replace(
        fit,
        median=median,
        scatter=scatter,
        concentration_factor=float(fit.concentration_factor * np.exp(target.ln_concentration - offset)),
        sigma_ln_concentration=float(fit.sigma_ln_concentration * target.concentration_scatter / c_scatter),
        correlations=fit.correlations + target.correlations - _correlations(painted, target.preset),
    )


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return positive values at the nodes, each averaged with its neighbours: the law starts smooth."""
    ln = np.log(values)
    ln[1:-1] = 0.25 * ln[:-2] + 0.5 * ln[1:-1] + 0.25 * ln[2:]
    return np.exp(ln)


def _bins(haloes: Haloes, name: str) -> list[Any]:
    return binned(haloes.log10_m500c, getattr(haloes, name))


def show(target: Target, painted: Haloes, folder: Path) -> None:
    """Print painted clusters beside the table."""
    for name in FRACTIONS:
        print(f"\n{target.preset} {name} inside R500c, in bins of log10 M500c [Msun]; * beyond 5 % or 20 %")
        print("from   haloes painted | median: table painted       | scatter of ln f: table painted")
        for t, p in zip(_bins(target.haloes, name), _bins(painted, name), strict=True):
            median, width = p.median / t.median - 1.0, p.scatter / t.scatter - 1.0
            marks = ("*" if abs(median) > 0.05 else " ", "*" if abs(width) > 0.20 else " ")
            few = "" if t.number > MIN_HALOES else "   (too few to count)"
            print(
                f"{t.low:5.2f} {t.number:7d} {p.number:7d} |"
                f" {t.median:10.4f} {p.median:10.4f} {median:+6.1%}{marks[0]} |"
                f" {t.scatter:10.3f} {p.scatter:10.3f} {width:+6.1%}{marks[1]}{few}"
            )
    print(
        "\nconcentration over Diemer & Joyce 2019, M200c > 10^13.7 Msun: table, painted (median, scatter of ln c)"
    )
    for kind in ("velocity_concentration", "mass_concentration"):
        (t, dt), (p, dp) = (concentration_offset(haloes, kind) for haloes in (target.haloes, painted))
        print(f"{kind:24s} {np.exp(t):7.3f} {dt:6.3f}   {np.exp(p):7.3f} {dp:6.3f}")
    for kind in CORRELATED[target.preset]:
        print(f"\ncorrelations of residuals (with {kind}): table, painted")
        values = (residual_correlations(haloes, kind) for haloes in (target.haloes, painted))
        for pair, t, p in zip(FITTED_PAIRS, *values, strict=True):
            print(f"{' - '.join(pair):32s} {t:+6.2f} {p:+6.2f}")
    print("\nmedian of the table over the published one, in its bins of 0.2 dex (for information)")
    for name, rows in zip(FRACTIONS, read_published(folder, target.preset), strict=True):
        edges = np.append(rows[:, 0] - 0.1, rows[-1, 0] + 0.1)
        ours = binned(target.haloes.log10_m500c, getattr(target.haloes, name), edges)
        print(
            f"{name:15s} "
            + " ".join(f"{x:.1f}: {b.median / m:.3f}" for b, (x, m) in zip(ours, rows, strict=True))
        )


def preset_text(fit: Fit, target: Target) -> str:
    """Return the TOML of a preset."""
    number = int((target.haloes.log10_m500c > BIN_EDGES[0]).sum())
    header = HEADER.format(name=NAMES[target.preset], file=TABLES[target.preset][0], number=number)
    physics = fit.physics()
    kind = CONCENTRATION[target.preset].replace("_", " ")
    lines = [
        header,
        "[physics]",
        f"# Over Diemer & Joyce 2019: median of the {kind}, scatter of the velocity concentration of GADGET-X.",
        *(f"{key} = {physics[key]}" for key in ("concentration_factor", "sigma_ln_concentration")),
    ]
    for name in FRACTIONS:
        lines += ["", f"[physics.{name}]", *(f"{key} = {value}" for key, value in physics[name].items())]
    fitted = ", ".join(" - ".join(pair) for pair in FITTED_PAIRS)
    lines += ["", f"# Fitted: {fitted}.", "# The others are the painter's own."]
    for one, others in physics["correlations"].items():
        lines += [
            f"[physics.correlations.{one}]",
            *(f"{other} = {value}" for other, value in others.items()),
            "",
        ]
    return "\n".join(lines[:-1]) + "\n"


def fit_preset(folder: Path, preset: str, rounds: int, clusters: int, write: bool) -> None:
    """Fit, show and perhaps write one preset."""
    target = target_of(folder, preset)
    if rounds == 0:
        show(target, paint(preset, clusters), folder)
        return
    fit = first_fit(target)
    for _ in range(rounds):
        fit = corrected(fit, target, paint(preset, clusters, fit.physics()))
    show(target, paint(preset, clusters, fit.physics(), seed=301), folder)  # a seed that the fit has not seen
    text = preset_text(fit, target)
    print(f"\n{text}")
    if write:
        write_text(PRESETS / f"{preset}.toml", text)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python tools/fit_the300.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="holds the halo tables")
    parser.add_argument("--preset", choices=sorted(TABLES), action="append", help="both, if not given")
    parser.add_argument("--rounds", type=int, default=3, help="of painting and correcting; 0: only show")
    parser.add_argument("--clusters", type=int, default=16000, help="painted in each round")
    parser.add_argument("--write", action="store_true", help="replace the preset files")
    given = parser.parse_args()
    try:
        for preset in given.preset or sorted(TABLES):
            fit_preset(given.data, preset, given.rounds, given.clusters, given.write)
    except ConfigError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
