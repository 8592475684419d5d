"""Tables of what an experiment with posterior maps adds: evaluations, exact reference, masses, ablations, costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zwicky.evaluation.page import NOTHING, cell, number
from zwicky.evaluation.posterior.masses import MAPS, SCALAR
from zwicky.evaluation.posterior.reading import at, coverage_text, flag, in_order, percent, yes
from zwicky.evaluation.posterior.tables import margin_text, worst_text
from zwicky.evaluation.text_table import TextTable, percent_pm, value_pm

Card = Mapping[str, Any]


def named(sampler: Any) -> str:
    """Return a sampler as text: a dict by its solver, steps, evaluations and ``note``; anything else as it is."""
    if sampler is None:
        return "none"
    if not isinstance(sampler, Mapping):
        return cell(sampler)
    parts = [str(sampler["solver"])] if "solver" in sampler else []
    parts += [f"{sampler[key]} {key}" for key in ("steps", "evaluations") if sampler.get(key) is not None]
    text = ", ".join(parts) or NOTHING
    return f"{text} ({sampler['note']})" if sampler.get("note") else text


def sampler_tables(card: Card) -> Iterator[TextTable]:
    """Yield the C5 curve of each model."""
    head = [
        "solver",
        "steps",
        "evaluations",
        "error of the sd [%]",
        "coverage shift [points]",
        "inside the gate",
        "or within 2 standard errors",
    ]
    for name, block in card["convergence"].items():
        rows = [
            [
                str(row["solver"]),
                cell(row.get("steps")),
                cell(row.get("evaluations")),
                _with_error(row.get("error"), row.get("error_se")),
                number(row.get("coverage_shift"), 2),
                yes(row.get("passes")),
                yes(row.get("may_pass")),
            ]
            for row in block["rows"]
        ]
        remark = (
            "Gate C5, on the trained network: sd within 2 % and coverage within 1 point of the reference,"
            f" {named(block.get('reference'))}. Chosen: {named(block.get('chosen'))}. Fewest of Euler-Maruyama:"
            f" {named(block.get('fewest_euler_maruyama'))}; within 2 standard errors of the gate:"
            f" {named(block.get('fewest_euler_maruyama_in_doubt'))}."
        )
        yield TextTable(f"Error against evaluations: {name}", remark, head, rows)


def _with_error(value: float | None, error: float | None) -> str:
    text = percent(value, 2)
    return text if value is None or error is None else f"{text} ± {percent(error, 2)}"


def exact_table(card: Card) -> TextTable:
    """Return gate C1: samples where the posterior is known in closed form."""
    head = [
        "denoiser",
        "model",
        "error of the mean [% of the sd]",
        "sd ratio by scale",
        "inside the gate",
        "decisive",
    ]
    rows = [
        [
            {"sampler": "exact", "trained": "trained"}.get(part, part),
            name,
            percent(one.get("mean_error_in_sd"), 2),
            " ".join(number(ratio, 3) for ratio in one.get("sd_ratio", ())),
            yes(one.get("passes")),
            yes(one.get("is_decisive")),
        ]
        for part, models in (card["exact"] or {}).items()
        for name, one in models.items()
    ]
    remark = (
        "Gate C1, a Gaussian random field behind beam and noise: mean within 2 % of the posterior sd, sd ratios 0.95 to"
        " 1.05, from large scales to small. Decisive: enough samples to tell."
    )
    return TextTable("Exact reference", remark, head, rows)


def masses_table(card: Card) -> TextTable:
    """Return M200c from maps and from the network, by mass bin."""
    head = [
        "clusters",
        "n",
        "mass from",
        "bias [dex]",
        "scatter [dex]",
        "mean stated sd [dex]",
        "inside 68 / 95 % [%]",
    ]
    head += ["correlation of errors", "maps - network [dex]", "its scatter [dex]"]
    block, rows = card["masses"], []
    for b, bin_name in enumerate(block["bins"] if block is not None else ()):
        for i, (name, one) in enumerate(in_order(block["methods"], (MAPS, SCALAR)).items()):
            inside = [at(one["coverage"], b, level)["value"] for level in (0, 1)]
            both = [
                value_pm(at(block["error_correlation"], b)),
                value_pm(at(block["difference_dex"], b), 4),
                value_pm(at(block["difference_scatter_dex"], b), 4),
            ]
            rows.append(
                [
                    bin_name,
                    str(block["n_clusters"][b]),
                    name,
                    value_pm(at(one["bias_dex"], b), 4),
                    *(value_pm(at(one[key], b), 4) for key in ("scatter_dex", "sd_dex")),
                    " / ".join(
                        percent(v) + flag(v, level, None)
                        for v, level in zip(inside, (0.68, 0.95), strict=True)
                    ),
                    *(both if i == 0 else [NOTHING] * 3),
                ]
            )
    remark = (
        "log10 M200c of the same clusters: deprojected from each sample of the maps, and from a network that gives mean"
        " and sd. ! more than 3 points from the promise. Bins of the true mass."
    )
    return TextTable("Mass from maps", remark, head, rows)


def ablations_table(card: Card) -> TextTable:
    """Return each short training, compactly."""
    head = [
        "training", "map", "clusters", "profile, to the edge [%]", "map mass, bias [%]", "scatter [%]",
        "b, large / small", "r of the mean, large / small", "smallest r margin", "standardised spread",
        "M(<R) inside 68 / 95 % [%]", "pixels inside 68 / 95 % [%]", "at or below the faintest training pixel [%]",
    ]  # fmt: skip
    rows = [
        [
            name,
            target,
            str(block["bins"][0]["n_clusters"]),
            worst_text(one["profile_edge"]),
            *(percent_pm(one[key]) for key in ("map_mass_error", "map_mass_scatter")),
            *(
                " / ".join(number(one[f"{key}_{where}"]["value"], 3) for where in ("large", "small"))
                for key in ("b_samples", "r_mean")
            ),
            margin_text(one["mean_above"]),
            value_pm(one["z_sd"]["log10"]),
            *(coverage_text(one, which) for which in ("M(<R)", "pixels")),
            percent(block["below_floor"], 3),
        ]
        for name, block in in_order(card["ablations"], card["trainings"]).items()
        for target, one in in_order(block["digest"], card["targets"]).items()
    ]
    failed = card.get("failed_trainings", {})
    rows += [[name, why, *[NOTHING] * (len(head) - 2)] for name, why in failed.items()]
    remark = (
        "Short trainings that differ in one thing, not recalibrated. Last column: share of the pixels of all samples"
        " and maps that are no brighter than the faintest pixel of the training set."
    )
    return TextTable("Ablations", remark, head, rows)


def sizes_table(card: Card) -> TextTable:
    """Return sizes of the sets and of the networks, by part."""
    rows = [
        [group, *map(cell, pair)]
        for group, content in _groups(card["sizes"] or {})
        for pair in content.items()
    ]
    return TextTable(
        "Sizes",
        "Clusters by split; trained numbers, images and evaluations of each network.",
        ["of", "what", "number"],
        rows,
    )


def _groups(sizes: Card, prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the numbers of each level of nested sizes, with the names of the outer ones."""
    here = {key: value for key, value in sizes.items() if not isinstance(value, Mapping)}
    if here:
        yield prefix or "all", here
    for key, value in sizes.items():
        if isinstance(value, Mapping):
            yield from _groups(value, f"{prefix}: {key}" if prefix else key)


def timings_table(card: Card) -> TextTable:
    """Return how long the parts of the run took."""
    rows = [[name, duration(seconds)] for name, seconds in (card["timings"] or {}).items()]
    return TextTable("Timings", "Wall time on the machine of this run.", ["part", "time"], rows)


def duration(seconds: float | None) -> str:
    """Return seconds as seconds, minutes or hours."""
    if seconds is None:
        return NOTHING
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
