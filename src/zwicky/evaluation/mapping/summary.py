"""The few numbers of a map scorecard that decide, as text: tables for the report, the terminal and docs/results.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from zwicky.evaluation.mapping.comparison import (
    MEAN_PROFILE,
    comparison_of,
    is_baseline,
    is_linear,
    is_subset,
    main_methods,
    single_view,
    wins,
)
from zwicky.evaluation.mapping.judge import EVERYTHING
from zwicky.evaluation.page import NOTHING, number
from zwicky.evaluation.text_table import TextTable, percent_pm, value_pm

Card = Mapping[str, Any]

SMALL_SCALES: Final = 0.2
"""Wavelengths below this are called small, in the unit of length of the card: 8 pixels of the paper's maps."""


def block_of(card: Card, method: str, group: str = EVERYTHING) -> dict[str, Any]:
    """Return what is known of a method on a group of maps."""
    return dict(card["results"][method]["groups"][group])


def mass_groups(card: Card) -> list[dict[str, Any]]:
    """Return the mass intervals that hold maps, in order."""
    return [group for group in card["groups"] if group["kind"] == "mass"]


def percent(value: float | None, decimals: int = 1) -> str:
    """Return a fraction as percent, or a dash if it is not defined."""
    return number(None if value is None else 100.0 * value, decimals)


def small_scale_power(card: Card, method: str) -> float | None:
    """Return the median (P_predicted - P_true) / P_true [1], averaged over wavelengths below ``SMALL_SCALES``."""
    ratio = np.array(block_of(card, method)["power_ratio"]["median"], float)
    small = np.array(card["scales"], float) < SMALL_SCALES
    return float(ratio[small].mean()) if small.any() and np.isfinite(ratio[small]).all() else None


def mean_coverage(block: Mapping[str, Any], which: str, level: str) -> float | None:
    """Return the coverage of pixels, or that of M(<R) averaged over radii; None without intervals."""
    if block[which] is None:
        return None
    return float(np.mean(np.array(block[which][level]["value"], float)))


def coverage_text(block: Mapping[str, Any], which: str) -> str:
    """Return the 68 and 95 % coverage in percent, or a dash."""
    found = [mean_coverage(block, which, level) for level in ("68", "95")]
    return NOTHING if found[0] is None else " / ".join(percent(one) for one in found)


def noise_text(block: Mapping[str, Any]) -> str:
    """Return the noise [percent] whose MMD is that of the method; above the last line if there is none so strong."""
    mmd = block.get("mmd")
    if mmd is None or mmd["value"] is None:
        return NOTHING
    return "above the lines" if mmd["noise"] is None else f"{100.0 * mmd['noise']:.1f} %"


def headline(card: Card) -> str:
    """Return the result in plain words: the best network, and what it is better than."""
    names = main_methods(card["methods"]) or list(card["methods"])
    best = min(names, key=lambda name: block_of(card, name)["pixels"]["map"]["scatter"]["value"])
    block = block_of(card, best)
    bias = block["bias_r200"]
    text = (
        f"{best}: pixels scatter by {percent_pm(block['pixels']['map']['scatter'])} %; the mass within R200c is off by "
        f"{percent_pm(bias['median'])} % and scatters by {percent_pm(bias['scatter'])} %."
    )
    baselines = [name for name in card["methods"] if is_baseline(name)]
    if not baselines or best in baselines:
        return text
    rival = min(baselines, key=lambda name: block_of(card, name)["pixels"]["map"]["scatter"]["value"])
    other = block_of(card, rival)
    pixels, masses = (one["scatter"] for one in (other["pixels"]["map"], other["bias_r200"]))
    return f"{text} The best baseline, {rival}: {percent_pm(pixels)} % and {percent_pm(masses)} %."


def methods_table(card: Card) -> TextTable:
    """Return every method in every way that is one number."""
    head = ["method", "pixels, map [%]", "R < R500 [%]", "R < R500/2 [%]", "M(<R200) bias [%]", "scatter [%]"]
    head += [
        "M(<R500) bias [%]",
        "scatter [%]",
        "SSIM",
        f"power, L < {SMALL_SCALES:g} {card['length_unit']} [%]",
    ]
    head += ["pixels inside 68 / 95 %", "M(<R) inside 68 / 95 %"]
    rows = []
    for name in card["methods"]:
        block = block_of(card, name)
        bias_200, bias_500 = block["bias_r200"], block["bias_r500"]
        rows.append(
            [
                name,
                *(
                    percent_pm(block["pixels"][which]["scatter"])
                    for which in ("map", "r500", "half_r500")
                ),
                *(percent_pm(bias[key]) for bias in (bias_200, bias_500) for key in ("median", "scatter")),
                value_pm(block["ssim"], 3),
                percent(small_scale_power(card, name), 0),
                *(coverage_text(block, which) for which in ("pixel_coverage", "mass_coverage")),
            ]
        )  # fmt: skip
    remark = (
        "Scatter is half of the 16 to 84 % range of (predicted - true) / true, over all pixels of an aperture, or over "
        "clusters for the mass in a cylinder; bias is its median. Power is the median excess (a lack is negative) on "
        "small scales. Errors: 68 % bootstrap over parents."
    )
    return TextTable("All methods", remark, head, rows)


def masses_table(card: Card) -> TextTable:
    """Return pixel scatter, mass error and MMD of every method in each mass interval."""
    groups = mass_groups(card)
    head = ["method"]
    for title in ("pixels", "bias", "scatter", "MMD as noise"):
        head += [f"{title}, {group['name']}" for group in groups]
    rows = []
    for name in card["methods"]:
        blocks = [block_of(card, name, group["name"]) for group in groups]
        rows.append(
            [
                name,
                *(percent(block["pixels"]["map"]["scatter"]["value"]) for block in blocks),
                *(percent_pm(block["bias_r200"]["median"]) for block in blocks),
                *(percent_pm(block["bias_r200"]["scatter"]) for block in blocks),
                *(noise_text(block) for block in blocks),
            ]
        )
    remark = (
        "Intervals of log10 M200c/Msun. Scatter of pixels, bias and scatter of M(<R200) in percent; last, the "
        "multiplicative noise on the true maps that has the same MMD."
    )
    return TextTable("By mass", remark, head, rows)


def baselines_table(card: Card) -> TextTable:
    """Return each network beside the linear maps of the same views, and beside the mean profile."""
    rows = []
    for candidate, baseline in own_baselines(card):
        one, win = comparison_of(card, candidate, baseline), wins(card, candidate, baseline)
        rows.append(
            [
                candidate,
                baseline,
                f"{win.above} of {win.n_scales}",
                f"{win.surely_above} / {win.surely_below}",
                value_pm(one["pixel_scatter_ratio"]),
                value_pm(one["scatter_r200_ratio"]),
            ]
        )
    head = [
        "network",
        "baseline",
        "r(k) higher at",
        "surely higher / lower",
        "pixel scatter, ratio",
        "M(<R200) scatter, ratio",
    ]
    remark = "Surely: the 95 % interval of the paired difference excludes zero. A ratio below 1: the network is better."
    return TextTable("Beside the baselines", remark, head, rows)


def own_baselines(card: Card) -> list[tuple[str, str]]:
    """Return each network with the linear maps of the same views, and with the mean profile."""
    pairs = [(one["candidate"], one["baseline"]) for one in card["comparisons"]]
    views = {name: name.split(": ")[1].split(", ")[0] for name in card["methods"] if is_linear(name)}
    found = []
    for candidate, baseline in pairs:
        own = single_view(candidate)
        wanted = own if own in views.values() or is_subset(candidate) else "all"
        profile = baseline == MEAN_PROFILE and not is_subset(candidate)
        if profile or views.get(baseline) == wanted:
            found.append((candidate, baseline))
    return found


def views_table(card: Card) -> TextTable | None:
    """Return what ``any`` makes of each subset of the views, beside the network of that subset; None without it."""
    names = [name for name in card["methods"] if name == "any" or is_subset(name)]
    if not names:
        return None
    rows = []
    for name in names:
        block = block_of(card, name)
        partner = _partner(card["methods"], name)
        other = None if partner is None else block_of(card, partner)
        ratio = (
            NOTHING
            if partner is None
            else value_pm(comparison_of(card, name, partner)["pixel_scatter_ratio"])
        )
        rows.append(
            [
                "all" if name == "any" else single_view(name),
                percent_pm(block["pixels"]["map"]["scatter"]),
                NOTHING if other is None else f"{percent_pm(other['pixels']['map']['scatter'])} ({partner})",
                ratio,
                percent_pm(block["bias_r200"]["scatter"]),
                NOTHING if other is None else percent_pm(other["bias_r200"]["scatter"]),
                *(coverage_text(block, which) for which in ("pixel_coverage", "mass_coverage")),
            ]
        )  # fmt: skip
    head = [
        "views",
        "any: pixels [%]",
        "own network: pixels [%]",
        "ratio",
        "any: M(<R200) [%]",
        "own network: M(<R200) [%]",
    ]
    head += ["pixels inside 68 / 95 %", "M(<R) inside 68 / 95 %"]
    remark = (
        "One network for any subset of the views, beside the network that was trained for that subset alone."
    )
    return TextTable("Any subset of the views", remark, head, rows)


def _partner(methods: Sequence[str], name: str) -> str | None:
    wanted = "multi1" if name == "any" else single_view(name)
    return wanted if wanted in methods else None


_PERCENT: Final = {
    "pixel_scatter": "pixels [%]",
    "bias_r500": "M(<R500) bias [%]",
    "scatter_r500": "M(<R500) scatter [%]",
    "bias_r200": "M(<R200) bias [%]",
    "scatter_r200": "M(<R200) scatter [%]",
    "coverage_68": "M inside 68 % [%]",
    "coverage_95": "M inside 95 % [%]",
    "baseline_bias_r200": "linear: bias [%]",
    "baseline_scatter_r200": "linear: scatter [%]",
}


_RUN_TABLES: Final[dict[str, tuple[str, str, dict[str, str]]]] = {
    "transfer": (
        "Other physics, other masses",
        "Taught on one simulation or mass range, tested on another.",
        {"train": "taught on", "test": "tested on", "method": "network", "n_train": "maps"},
    ),
    "learning_curve": (
        "Learning curve",
        "The same network and number of steps, taught on more and more clusters.",
        {"n_train_parents": "training clusters", "n_train_maps": "training maps"},
    ),
    "geometry": (
        "What the true radius is worth",
        "The same network on maps cut at the true R200c, and on maps of fixed size.",
        {"network": "network", "geometry": "geometry", "grid": "grid", "n_maps": "maps"},
    ),
}


def run_tables(card: Card) -> list[TextTable]:
    """Return the tables that a run added to its card: transfer, training set sizes, geometries."""
    return [
        _table(title, remark, names, card[key])
        for key, (title, remark, names) in _RUN_TABLES.items()
        if card.get(key)
    ]


def _table(title: str, remark: str, names: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> TextTable:
    texts = {key: name for key, name in names.items() if any(key in row for row in rows)}
    shares = {key: name for key, name in _PERCENT.items() if any(key in row for row in rows)}
    body = [
        [*(str(row.get(key, NOTHING)) for key in texts), *(percent(row.get(key)) for key in shares)]
        for row in rows
    ]
    return TextTable(title, remark, [*texts.values(), *shares.values()], body)


def all_tables(card: Card) -> list[TextTable]:
    """Return every table of a card, in the order in which they are shown."""
    views = views_table(card)
    return [
        methods_table(card),
        masses_table(card),
        baselines_table(card),
        *([] if views is None else [views]),
        *run_tables(card),
    ]


def joined(names: Iterable[str], text: Callable[[str], str]) -> str:
    """Return ``name text`` for each name, separated by commas; a dash if there is none."""
    return ", ".join(f"{name} {text(name)}" for name in names) or NOTHING
