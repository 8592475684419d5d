"""One self-contained HTML file that says what was found, against what, and how far to trust it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from zwicky.core.errors import MassError
from zwicky.evaluation import plots
from zwicky.evaluation.captions import CAPTIONS
from zwicky.evaluation.metrics import METRICS, Metric
from zwicky.evaluation.page import (
    MINUS,
    NOTHING,
    PaperRow,
    ReportFigure,
    number,
    table_of,
    write_page,
)
from zwicky.evaluation.records import MassTest
from zwicky.evaluation.scorecard import (
    COVERAGE_TOLERANCE_BIN,
    COVERAGE_TOLERANCE_OVERALL,
    EQUAL,
    VERDICT_METRIC,
)

_DECIMALS: Final = {"dex": 4, "ln": 4, "": 3, "%": 1}
_DECIMALS_IN_BINS: Final = {**_DECIMALS, "dex": 3}
_AS_PERCENT: Final = frozenset({"coverage_68", "coverage_95", "outlier_fraction"})
_BIN_TITLES: Final = {"snr": "S/N", "redshift": "redshift", "log10_mass": "true log10 mass"}


class Shown(NamedTuple):
    """An estimate as text: the value, and its 68 % errors (empty if there are none)."""

    value: str
    plus: str = ""
    minus: str = ""


def write_report(
    path: Path,
    *,
    title: str,
    scorecard: Mapping[str, Any],
    test: MassTest,
    paper_table: Sequence[PaperRow | tuple[str, str, str, str]] = (),
    real_clusters: Sequence[Mapping[str, Any]] = (),
    example_panels: Sequence[tuple[str, np.ndarray, float, str]] = (),
    training_history: Sequence[Mapping[str, float]] = (),
    extra_figures: Sequence[ReportFigure] = (),
    provenance: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write the report as one HTML file with all images inside, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to; for example ``report.html``.
    title : str
        Of the experiment.
    scorecard, test : dict, MassTest
        From ``build_scorecard``, and what it was built from.
    paper_table : list of (quantity, paper, ours, note)
        Published numbers beside ours.
    real_clusters : list of dict
        One per cluster; the keys are the column titles, units included.
    example_panels : list of (title, (y, x) array, side [arcmin], unit label)
        Maps to show.
    training_history : list of dict
        ``epoch``, ``train``, ``validation``.
    extra_figures : list of ReportFigure
        Put after the standard ones.
    provenance : dict, optional
        From ``core.provenance``.
    notes : list of str
        What the reader must know: limits, warnings, what was not done.

    Raises
    ------
    MassError
        If the scorecard was built from another test.
    """
    _check_same(scorecard, test)
    figures = [*_standard_figures(scorecard, test), *extra_figures]
    if example_panels:
        figures.append(_captioned("Example maps", plots.example_maps(example_panels)))
    if training_history:
        figures.append(_captioned("Learning curve", plots.learning_curve(training_history)))
    write_page(
        path,
        "report.html.j2",
        title=title,
        headline=headline(scorecard),
        paper=paper_table,
        figures=figures,
        provenance=provenance,
        notes=notes,
        real_clusters=table_of(real_clusters),
        **_from_scorecard(scorecard),
    )


def _from_scorecard(scorecard: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "card": scorecard,
        "sample": sample_text(scorecard["overall"]),
        "key_numbers": _key_numbers(scorecard),
        "metric_rows": [_metric_row(scorecard, metric) for metric in METRICS.values()]
        + [_inner_slope(scorecard)],
        "bin_tables": [_bin_table(scorecard, column) for column in _BIN_TITLES],
        "tally": _tally(scorecard),
        "points_overall": f"{100 * COVERAGE_TOLERANCE_OVERALL:g}",
        "points_bin": f"{100 * COVERAGE_TOLERANCE_BIN:g}",
    }


def headline(scorecard: Mapping[str, Any]) -> str:
    """Return the result in two sentences, in plain words, from the overall block of a scorecard."""
    overall, pair = scorecard["overall"], (scorecard["candidate"], scorecard["baseline"])
    difference = overall["differences"][VERDICT_METRIC]
    scatters = []
    for method in pair:
        dex, ln = (overall["methods"][method][name]["value"] for name in ("scatter_dex", "scatter_ln"))
        percent = None if ln is None else 100.0 * ln
        scatters.append(f"{method} {number(dex, 4)} dex ({number(percent, 1)} % in mass)")
    first = f"Scatter: {', '.join(scatters)}."
    if difference["low_95"] is None:
        return f"{first} There are too few independent clusters to say which is less."
    if overall["winner"] == EQUAL:
        ends = (number(difference[key], 4) for key in ("low_95", "high_95"))
        return f"{first} They are equal within the errors: the difference is {' to '.join(ends)} dex (95 %)."
    ends = (number(end, 4) for end in sorted(abs(difference[key]) for key in ("low_95", "high_95")))
    return f"{first} On the same clusters {overall['winner']} has less, by {' to '.join(ends)} dex (95 %)."


def sample_text(block: Mapping[str, Any]) -> str:
    """Return how many clusters a block holds, and how many independent ones they are worth."""
    if block["n_rows"] == block["n_parents"]:
        return f"{block['n_parents']} test clusters"
    worth = f"worth {block['effective_parents']:.0f} independent ones"
    return f"{block['n_rows']} test observations of {block['n_parents']} clusters ({worth})"


def shown(estimate: Mapping[str, Any], metric: Metric, places: Mapping[str, int] = _DECIMALS) -> Shown:
    """Return an estimate as text with its 68 % errors, in the unit of the report; decimal places by unit."""
    factor, unit = (100.0, "%") if metric.name in _AS_PERCENT else (1.0, metric.unit)
    decimals = places[unit]
    value, low, high = (estimate[key] for key in ("value", "low_68", "high_68"))
    if value is None:
        return Shown(NOTHING)
    text = number(factor * value, decimals)
    if low is None or high is None:
        return Shown(text)
    # The interval of a skewed statistic may leave out the estimate itself; an error is never negative.
    plus, minus = (max(0.0, factor * part) for part in (high - value, value - low))
    return Shown(text, f"+{number(plus, decimals)}", f"{MINUS}{number(minus, decimals)}")


def _check_same(scorecard: Mapping[str, Any], test: MassTest) -> None:
    card = (scorecard["mass_definition"], scorecard["sample"]["n_rows"], list(scorecard["methods"]))
    here = (str(test.definition), test.n_rows, list(test.predictions))
    if card != here:
        raise MassError("The scorecard was built from another test.", expected=card, got=here)


def _key_numbers(scorecard: Mapping[str, Any]) -> list[dict[str, Any]]:
    low, high = scorecard["inner_log10_range"]
    coverage = scorecard["overall"]["calibration"][scorecard["candidate"]]["coverage_68"]
    tiles = [
        ("Scatter", "overall", "scatter_dex", "dex", f"less scatter: {scorecard['overall']['winner']}"),
        ("Bias", "overall", "bias_dex", "dex", "perfect: 0"),
        ("Truth inside the 68 % interval", "overall", "coverage_68", "%", coverage),
        (f"Slope, {low:g} < log M < {high:g}", "inner", "slope", "", "perfect: 1; below: mean reversion"),
    ]
    return [
        {
            "label": label,
            "unit": unit,
            "remark": remark,
            "methods": [
                (name, shown(scorecard[block]["methods"][name][metric], METRICS[metric]))
                for name in (scorecard["candidate"], scorecard["baseline"])
            ],
        }
        for label, block, metric, unit, remark in tiles
    ]


def _metric_row(scorecard: Mapping[str, Any], metric: Metric) -> dict[str, Any]:
    percent = metric.name in _AS_PERCENT
    perfect = NOTHING if metric.perfect is None else f"{metric.perfect * (100 if percent else 1):g}"
    difference = scorecard["overall"]["differences"].get(metric.name)
    return {
        "name": metric.name,
        "description": metric.description,
        "unit": "%" if percent else metric.unit,
        "perfect": perfect,
        "values": [
            shown(scorecard["overall"]["methods"][name][metric.name], metric) for name in scorecard["methods"]
        ],
        "difference": None if difference is None else shown(difference, metric),
    }


def _inner_slope(scorecard: Mapping[str, Any]) -> dict[str, Any]:
    low, high = scorecard["inner_log10_range"]
    slopes = [
        shown(scorecard["inner"]["methods"][name]["slope"], METRICS["slope"]) for name in scorecard["methods"]
    ]
    return {
        "name": "slope, inner range",
        "description": f"for true log10 masses {low:g} to {high:g} only, away from the ends of the training",
        "unit": "",
        "perfect": "1",
        "values": slopes,
        "difference": None,
    }


def _bin_table(scorecard: Mapping[str, Any], column: str) -> dict[str, Any]:
    decimals = 2 if column != "snr" else 1
    rows = []
    for block in scorecard["bins"][column]:
        methods = []
        for name in scorecard["methods"]:
            metrics = block["methods"][name]
            cells = {
                key: shown(metrics[key], METRICS[key], _DECIMALS_IN_BINS)
                for key in ("scatter_dex", "bias_dex", "coverage_68")
            }
            methods.append(cells | {"verdict": block["calibration"][name]["coverage_68"]})
        rows.append(
            {
                "range": f"{number(block['low'], decimals)} – {number(block['high'], decimals)}",
                "n_rows": block["n_rows"],
                "n_parents": block["n_parents"],
                "methods": methods,
                "difference": shown(
                    block["differences"][VERDICT_METRIC], METRICS[VERDICT_METRIC], _DECIMALS_IN_BINS
                ),
                "winner": block["winner"],
            }
        )
    return {"title": _BIN_TITLES[column], "rows": rows}


def _tally(scorecard: Mapping[str, Any]) -> str:
    winners = Counter(block["winner"] for table in scorecard["bins"].values() for block in table)
    return ", ".join(f"{winner} in {count}" for winner, count in winners.most_common())


def _standard_figures(scorecard: Mapping[str, Any], test: MassTest) -> list[ReportFigure]:
    bright = test.selected(test.snr > scorecard["snr_cut"])
    drawn = {
        "Predicted against true mass": plots.predicted_against_true(bright),
        "Residuals": plots.residuals(bright),
        "Scatter in bins": plots.scatter_by_bin(scorecard),
        "Calibration": plots.coverage_curve(bright),
        "Coverage in bins": plots.coverage_by_bin(scorecard),
        "Pulls": plots.pull_histogram(bright),
    }
    return [_captioned(title, figure) for title, figure in drawn.items()]


def _captioned(title: str, figure: Figure) -> ReportFigure:
    return ReportFigure(title, CAPTIONS[title], figure)
