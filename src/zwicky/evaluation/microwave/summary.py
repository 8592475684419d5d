"""What a microwave scorecard says, read number by number, and as tables of text for the report and the results page.

An estimate is a dict of ``value``, ``low_68``, ``high_68``, ``low_95`` and ``high_95``, each None where not defined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from zwicky.core.errors import ConfigError
from zwicky.evaluation.microwave.records import EXTRAPOLATED, INTERPOLATED, SCATTER_ON_Y, TRAINED
from zwicky.evaluation.page import NOTHING, cell, number
from zwicky.evaluation.text_table import TextTable, percent_pm, value_pm

Card = Mapping[str, Any]
Estimate = dict[str, Any]

E14: Final = 1e-14
"""Masses are printed in 1e14 Msun."""

_MASS_SETS: Final = (TRAINED, INTERPOLATED, EXTRAPOLATED)


def candidate_of(card: Card) -> str:
    """Return the first method that is not the baseline, or the baseline if it is alone."""
    return next((name for name in card["methods"] if name != card["baseline"]), str(card["baseline"]))


def result_of(card: Card, set_name: str, method: str) -> dict[str, Any]:
    """Return what is known of a method on a set; raises ConfigError if the card knows no such set or method."""
    known = {name: list(block["results"]) for name, block in card["sets"].items()}
    if method not in known.get(set_name, ()):
        raise ConfigError(
            "This scorecard has no such result.",
            expected="; ".join(f"{name}: {', '.join(methods)}" for name, methods in known.items()),
            got=f"{set_name}: {method}",
        )
    return dict(card["sets"][set_name]["results"][method])


def ln_mean(card: Card, set_name: str, method: str, *, rescaled: bool = True) -> Estimate:
    """Return the mean [1] of the Gaussian fitted to ln(M_est r / M_true), with r or without it."""
    return dict(result_of(card, set_name, method)["ln_ratio" if rescaled else "ln_ratio_raw"]["mean"])


def ln_scatter(card: Card, set_name: str, method: str, *, rescaled: bool = True) -> Estimate:
    """Return the standard deviation [1] of the Gaussian fitted to ln(M_est r / M_true), with r or without it."""
    return dict(result_of(card, set_name, method)["ln_ratio" if rescaled else "ln_ratio_raw"]["sd"])


def slope_of(card: Card, set_name: str, method: str, part: str = "all") -> Estimate:
    """Return the slope [1] of log10 estimate on log10 truth: of all masses, or below, inside or above the trained."""
    return dict(result_of(card, set_name, method)["slopes"][part])


def worst_precision(card: Card, set_name: str, method: str) -> tuple[float, Estimate]:
    """Return the true mass [Msun] with the largest sigma / M, and that; raises ConfigError without chosen masses."""
    row = _worst(card, set_name, method, "sigma_over_mass")
    return float(row["true_msun"]), dict(row["sigma_over_mass"])


def worst_pull(card: Card, set_name: str, method: str) -> tuple[float, Estimate]:
    """Return the true mass [Msun] whose median is most sigmas from it, and that pull [1], with its sign."""
    row = _worst(card, set_name, method, "pull")
    return float(row["true_msun"]), dict(row["pull"])


def _worst(card: Card, set_name: str, method: str, column: str) -> dict[str, Any]:
    rows = result_of(card, set_name, method)["by_mass"]
    if not rows:
        raise ConfigError(
            "This set has no masses that several clusters share.",
            where=f"set {set_name!r}",
            expected="one of " + ", ".join(name for name in _MASS_SETS if name in card["sets"]),
        )
    # A network that was hardly taught sees no mass in most maps: then nothing is defined, and that is said.
    return dict(max(rows, key=lambda row: abs(row[column]["value"] or 0.0)))


def decomposition_of(card: Card, set_name: str, method: str) -> dict[str, Any]:
    """Return what is recovered of the SZ scatter of a set; raises ConfigError if the card has no such comparison."""
    for one in card["decomposition"]:
        if (one["set"], one["method"]) == (set_name, method):
            return dict(one)
    raise ConfigError(
        "This scorecard has no such decomposition.",
        expected=", ".join(f"{one['set']}: {one['method']}" for one in card["decomposition"])
        or "none at all",
        got=f"{set_name}: {method}",
    )


def scatter_ratios(card: Card, set_name: str, method: str, which: str = "scatter") -> list[dict[str, Any]]:
    """Return each S/N bin with maps as ``low``, ``high``, ``n_rows``, ``ratio`` (estimate) and ``winner``.

    Parameters
    ----------
    card : dict
    set_name, method : str
        The set, and the method that is divided by the baseline.
    which : {"scatter", "error_68"}
        Half of the 16-84 % range of ln(M_est r / M_true), or the 68 % quantile of its absolute value.
    """
    result_of(card, set_name, method)
    return [
        {key: block[key] for key in ("low", "high", "n_rows")}
        | {"ratio": block["ratios"][method][which], "winner": block["ratios"][method][f"{which}_winner"]}
        for block in card["sets"][set_name]["snr"]
        if block["n_rows"] and method in block["ratios"]
    ]


def false_positives(card: Card, method: str) -> dict[str, Any]:
    """Return the false-positive rate of a method: ``value``, ``low_95``, ``high_95`` [1], ``n`` and ``n_false``."""
    return dict(card["empty"]["methods"][method])


def residual_fraction(card: Card) -> float:
    """Return rms |predicted - true| over max |signal| [1] of the mean SZ profile."""
    return float(card["residual"]["fractions"]["rms"])


def mass_text(mass_msun: float | None, decimals: int = 2) -> str:
    """Return a mass in 1e14 Msun, or a dash."""
    return number(None if mass_msun is None else E14 * mass_msun, decimals)


def rate_text(rate: Mapping[str, Any]) -> str:
    """Return a rate in percent with its 95 % interval."""
    value, low, high = (number(100.0 * rate[key], 2) for key in ("value", "low_95", "high_95"))
    return f"{value} ({low} to {high})"


def headline(card: Card) -> str:
    """Return the result in plain words."""
    method = candidate_of(card)
    parts = [f"{method}: "]
    if result_of(card, TRAINED, method)["by_mass"]:
        mass, worst = worst_precision(card, TRAINED, method)
        parts.append(f"ΔM/M at most {value_pm(worst)} of all trained masses (at {mass_text(mass)}e14 Msun); ")
    if any((one["set"], one["method"]) == (SCATTER_ON_Y, method) for one in card["decomposition"]):
        one = decomposition_of(card, SCATTER_ON_Y, method)
        parts.append(
            f"of a scatter of {cell(one['injected_in_m'])} in ln M it finds {value_pm(one['recovered_in_m'], 3)}; "
        )
    parts.append(f"mean SZ profile right to {number(100.0 * residual_fraction(card), 2)} % of its peak; ")
    parts.append(f"a mass in {rate_text(false_positives(card, method))} % of empty skies.")
    return "".join(parts)


def masses_table(card: Card, set_name: str) -> TextTable:
    """Return a row for each true mass of a set: median, sigma / M and pull of each method."""
    head = ["true M200c [1e14 Msun]", "maps"]
    for method in card["methods"]:
        head += [f"{method}: median", "σ/M [%]", "pull"]
    columns = [result_of(card, set_name, method)["by_mass"] for method in card["methods"]]
    rows = []
    for same in zip(*columns, strict=True):
        row = [mass_text(same[0]["true_msun"]), str(same[0]["n_rows"])]
        for one in same:
            median = value_pm(one["median_msun"], 2, E14)
            row += [median, percent_pm(one["sigma_over_mass"]), value_pm(one["pull"])]
        rows.append(row)
    remark = (
        "σ is half of the 16 to 84 % range of the estimates, the pull (median − true) / σ. The paper: σ/M at most 20 % "
        "at every trained mass, and pulls within 1. Errors: 68 % bootstrap over clusters."
    )
    return TextTable(f"Masses: {set_name}", remark, head, rows)


def ln_table(card: Card) -> TextTable:
    """Return the Gaussian fit to ln(M_est r / M_true) of every method on every set."""
    head = [
        "set",
        "method",
        "mean",
        "sd",
        "mean before r",
        "sd before r",
        "r",
        "injected scatter",
        "without mass",
    ]
    rows = []
    for name, block in card["sets"].items():
        injected = (
            NOTHING if block["sz_scatter"] == "none" else f"{block['sigma_ln']:.3g} on {block['sz_scatter']}"
        )
        for method, result in block["results"].items():
            fits = [*result["ln_ratio"].values()]
            before = [*result["ln_ratio_raw"].values()] if block["is_rescaled"] else []
            texts = [value_pm(fit, 3) for fit in fits] + (
                [value_pm(fit, 3) for fit in before] or [NOTHING] * 2
            )
            ratio = number(block["rescaling"]["mean"], 3) if block["is_rescaled"] else NOTHING
            rows.append([name, method, *texts, ratio, injected, str(result["n_without_mass"])])
    remark = (
        "A Gaussian fitted to the core of ln(M_est r / M_true); r carries the Y-M relation of the training clusters to "
        "that of the set, and its mean is given. Without mass: maps in which the method sees none, left out here."
    )
    return TextTable("Bias and scatter", remark, head, rows)


def decomposition_table(card: Card) -> TextTable:
    """Return the injected SZ scatter beside what each method recovers of it, stated in M and in Y."""
    head = ["set", "method", "sd with", "sd without", "recovered in M", "injected in M", "recovered in Y"]
    head += ["injected in Y", "verdict"]
    rows = []
    slope = card["y_m_slope"]
    for one in card["decomposition"]:
        widths = [value_pm(one[key], 3) for key in ("with_scatter", "without_scatter")]
        pairs = [
            text
            for unit in ("m", "y")
            for text in (value_pm(one[f"recovered_in_{unit}"], 3), number(one[f"injected_in_{unit}"], 3))
        ]
        rows.append([one["set"], one["method"], *widths, *pairs, one["verdict"]])
    remark = (
        "Recovered: the root of the difference of the variances of ln M with and without SZ scatter. Y rises as M to "
        f"the {slope:.3g}, so that a scatter of 20 % in Y is one of {20 / slope:.0f} % in M. Negative: less scatter "
        "with than without. The verdict asks whether the 95 % interval holds the injected scatter."
    )
    return TextTable("The SZ scatter, recovered", remark, head, rows)


def slopes_table(card: Card) -> TextTable:
    """Return the slope of log estimate on log truth of every method on every set."""
    parts = ("all", "below", "inside", "above")
    rows = [
        [name, method, *(value_pm(result["slopes"][part]) for part in parts)]
        for name, block in card["sets"].items()
        for method, result in block["results"].items()
    ]
    low, high = (mass_text(mass, 1) for mass in card["trained_range_msun"])
    remark = (
        f"1: right. 0: every cluster is given the same mass. Below, inside and above the trained masses, {low} to "
        f"{high} times 1e14 Msun, each by itself: a method that answers with the nearest trained mass has a slope of 0 "
        "outside, though not over all masses together."
    )
    return TextTable("Does the estimate follow the mass?", remark, ["set", "method", *parts], rows)


def snr_table(card: Card) -> TextTable:
    """Return scatter and error of every method beside the baseline's in each S/N bin with maps."""
    baseline = card["baseline"]
    head = ["set", "S/N", "maps", "method", "scatter", f"{baseline}: scatter", "ratio", "less scatter"]
    head += ["error", f"{baseline}: error", "ratio", "less error"]
    rows = []
    for name, block in card["sets"].items():
        for one in block["snr"]:
            for method, ratios in one["ratios"].items() if one["n_rows"] else ():
                row = [name, f"{one['low']:g}–{one['high']:g}", str(one["n_rows"]), method]
                for which in ("scatter", "error_68"):
                    row += [value_pm(one["methods"][m][which], 3) for m in (method, baseline)]
                    row += [value_pm(ratios[which]), ratios[f"{which}_winner"]]
                rows.append(row)
    remark = (
        "Scatter: half of the 16 to 84 % range of ln(M_est r / M_true). Error: the distance from the truth that holds "
        "68 %, bias included. A method wins where the 95 % interval of the paired difference excludes zero."
    )
    return TextTable(f"Beside the {baseline}", remark, head, rows)


def empty_table(card: Card) -> TextTable:
    """Return the false-positive rate of every method."""
    rows = []
    for name, one in card["empty"]["methods"].items():
        masses = [mass_text(mass) for mass in one["quantiles_msun"]]
        rows.append([name, f"{one['n_false']} of {one['n']}", rate_text(one), " / ".join(masses)])
    head = ["method", "false positives", "rate [%] (95 %)", "16 / 50 / 84 % of the masses [1e14 Msun]"]
    threshold = mass_text(card["empty"]["threshold_msun"])
    remark = f"Skies without a cluster that are given {threshold}e14 Msun or more; exact binomial intervals."
    return TextTable("Empty skies", remark, head, rows)


def residual_table(card: Card) -> TextTable:
    """Return the residual of the mean SZ profile over its peak."""
    fractions = card["residual"]["fractions"]
    texts = [
        number(None if v is None else 100.0 * v, 3)
        for v in (fractions[k] for k in ("rms", "largest", "noise"))
    ]
    head = ["rms [%]", "largest [%]", "expected of the standard errors [%]", "mean (residual / error)²"]
    remark = (
        "Mean predicted minus mean true SZ signal at 150 GHz, in percent of the greatest mean signal. The paper: two "
        "orders of magnitude below the signal, 1 %."
    )
    return TextTable("SZ profile", remark, head, [[*texts, number(fractions["chi2"], 2)]])


def all_tables(card: Card) -> list[TextTable]:
    """Return every table with rows, in the order in which they are shown."""
    tables: Iterable[TextTable] = (
        *(masses_table(card, name) for name in _MASS_SETS if name in card["sets"]),
        ln_table(card),
        decomposition_table(card),
        slopes_table(card),
        snr_table(card),
        empty_table(card),
        residual_table(card),
    )
    return [table for table in tables if table.rows]
